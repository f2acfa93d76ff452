// Tells which credential of the SDK's default chain gives a token, as one line of JSON:
//
//   chain.mjs [SCOPE]
import { DefaultAzureCredential } from "@azure/identity";

const scope = process.argv[2] ?? "https://management.azure.com/.default";
const answer = { credential: null, error: "" };
try {
    // What getToken does, with the name of the one that gave the token.
    const found = await new DefaultAzureCredential().getTokenInternal([scope]);
    answer.credential = found.successfulCredential.constructor.name;
} catch (error) {
    answer.error = error.message;
}
console.log(JSON.stringify(answer));
