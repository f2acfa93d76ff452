"""Write a secret with the machine's identity by MSAL's own client for managed identities, and show it.

python msal_machine.py

KEY_VAULT_NAME names the vault. AZURE_CLIENT_ID chooses a user-assigned identity. There are no retries for access:
whoever starts this waits for the role first.
"""

import os

import msal
import requests

RESOURCE = "https://vault.azure.net"
chosen = os.environ.get("AZURE_CLIENT_ID")
identity = msal.UserAssignedManagedIdentity(client_id=chosen) if chosen else msal.SystemAssignedManagedIdentity()
session = requests.Session()
client = msal.ManagedIdentityClient(identity, http_client=session)

token = client.acquire_token_for_client(resource=RESOURCE)
assert "access_token" in token, token
again = client.acquire_token_for_client(resource=RESOURCE)
assert again.get("token_source") == "cache", again.get("token_source")

answer = session.put(
    f"https://{os.environ['KEY_VAULT_NAME']}.vault.azure.net/secrets/quickstart-secret",
    params={"api-version": "7.4"},
    headers={"Authorization": f"Bearer {token['access_token']}"},
    json={"value": "createdWithMsal"},
)
answer.raise_for_status()
secret = answer.json()
print(f"Name: {secret['id']}, Value: {secret['value']}")
