"""What the tutorial runs on the machine: write a secret with the machine's identity, and show it.

python machine.py [--aio]

KEY_VAULT_NAME (or VAULT_NAME) names the vault. AZURE_CLIENT_ID chooses a user-assigned identity. There are no
retries for access: whoever starts this waits for the role first.
"""

import asyncio
import os
import sys

NAME = os.environ.get("SECRET_NAME", "quickstart-secret")
VALUE = os.environ.get("SECRET_VALUE", "createdWithPython")


def vault_url():
    name = os.environ.get("KEY_VAULT_NAME") or os.environ["VAULT_NAME"]
    return f"https://{name}.vault.azure.net"


def write():
    from azure.identity import DefaultAzureCredential
    from azure.keyvault.secrets import SecretClient

    with DefaultAzureCredential() as credential, SecretClient(vault_url(), credential) as client:
        return client.set_secret(NAME, VALUE)


async def write_aio():
    from azure.identity.aio import DefaultAzureCredential
    from azure.keyvault.secrets.aio import SecretClient

    async with DefaultAzureCredential() as credential, SecretClient(vault_url(), credential) as client:
        return await client.set_secret(NAME, VALUE)


if __name__ == "__main__":
    secret = asyncio.run(write_aio()) if sys.argv[1:] == ["--aio"] else write()
    print(f"Name: {secret.id}, Value: {secret.value}")
