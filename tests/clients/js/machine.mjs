// What the tutorial runs on the machine: write a secret with the machine's identity, and show it.
//
// KEY_VAULT_NAME (or VAULT_NAME) names the vault. AZURE_CLIENT_ID chooses a user-assigned identity. There are no
// retries for access: whoever starts this waits for the role first.

import { DefaultAzureCredential } from "@azure/identity";
import { SecretClient } from "@azure/keyvault-secrets";

const vault = process.env.KEY_VAULT_NAME || process.env.VAULT_NAME;
const client = new SecretClient(`https://${vault}.vault.azure.net`, new DefaultAzureCredential());
const secret = await client.setSecret(
  process.env.SECRET_NAME || "quickstart-secret",
  process.env.SECRET_VALUE || "createdWithJavaScript",
);
console.log(`Name: ${secret.properties.id}, Value: ${secret.value}`);
