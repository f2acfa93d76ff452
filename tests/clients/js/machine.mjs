// The tutorial's program: write a secret with the identity of the machine, and print it.
//
//     KEY_VAULT_NAME=<vault> node machine.mjs

import { DefaultAzureCredential } from "@azure/identity";
import { SecretClient } from "@azure/keyvault-secrets";

const vault = `https://${process.env.KEY_VAULT_NAME}.vault.azure.net/`;
const client = new SecretClient(vault, new DefaultAzureCredential());
const secret = await client.setSecret("quickstart-secret", "createdWithJavaScript");
console.log(`Name: ${secret.properties.id}, Value: ${secret.value}`);
