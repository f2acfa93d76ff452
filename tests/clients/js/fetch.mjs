// Node's own `fetch`, with no client library: at the desk (`node fetch.mjs desk`) a sign-in, Resource Manager and a vault; on
// a machine (`node fetch.mjs machine`) a secret that is written with the machine's identity, and shown.
//
// Node reads the proxy's variables where NODE_USE_ENV_PROXY is set, from 24.0 and 22.21 on
// (https://nodejs.org/api/cli.html#node_use_env_proxy1). Before, a program brings undici's agent for that.

import assert from "node:assert/strict";

const [major, minor] = process.versions.node.split(".").map(Number);
const own = major >= 24 || (major === 22 && minor >= 21);
let ask = fetch;
if (!own) {
  const undici = await import("undici");
  const dispatcher = new undici.EnvHttpProxyAgent();
  ask = (url, options) => undici.fetch(url, { ...options, dispatcher });
}

const { AZURE_CLIENT_ID, AZURE_CLIENT_SECRET, AZURE_SUBSCRIPTION_ID, AZURE_TENANT_ID, KEY_VAULT_NAME } = process.env;
const IMDS = "http://169.254.169.254/metadata";

/** What is answered, if it has this status. */
async function answer(status, url, options) {
  const response = await ask(url, options);
  const text = await response.text();
  assert.equal(response.status, status, `${url}: ${text}`);
  return { response, body: text && JSON.parse(text) };
}

async function desk() {
  const form = {
    client_id: AZURE_CLIENT_ID,
    client_secret: AZURE_CLIENT_SECRET,
    grant_type: "client_credentials",
    scope: "https://management.azure.com/.default",
  };
  const url = `https://login.microsoftonline.com/${AZURE_TENANT_ID}/oauth2/v2.0/token`;
  const { body: token } = await answer(200, url, { method: "POST", body: new URLSearchParams(form) });
  const headers = { Authorization: `Bearer ${token.access_token}` };
  const path = `/subscriptions/${AZURE_SUBSCRIPTION_ID}?api-version=2022-12-01`;
  const { body: subscription } = await answer(200, `https://management.azure.com${path}`, { headers });
  assert.equal(subscription.subscriptionId, AZURE_SUBSCRIPTION_ID);
  const secrets = `https://${KEY_VAULT_NAME}.vault.azure.net/secrets?api-version=7.4`;
  const { response } = await answer(401, secrets);
  assert.match(response.headers.get("www-authenticate"), /resource="https:\/\/vault\.azure\.net"/);
  await assert.rejects(ask(`${IMDS}/instance?api-version=2021-02-01`, { headers: { Metadata: "true" } }), TypeError);
  console.log("ok desk");
}

async function machine() {
  const query = "api-version=2018-02-01&resource=https%3A%2F%2Fvault.azure.net";
  const metadata = { headers: { Metadata: "true" } };
  const { body: token } = await answer(200, `${IMDS}/identity/oauth2/token?${query}`, metadata);
  const url = `https://${KEY_VAULT_NAME}.vault.azure.net/secrets/quickstart-secret?api-version=7.4`;
  const { body: secret } = await answer(200, url, {
    method: "PUT",
    headers: { Authorization: `Bearer ${token.access_token}`, "Content-Type": "application/json" },
    body: JSON.stringify({ value: "createdWithFetch" }),
  });
  console.log(`Name: ${secret.id}, Value: ${secret.value}`);
}

await { desk, machine }[process.argv[2]]();
