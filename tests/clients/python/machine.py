"""The tutorial's program: write a secret with the identity of the machine, and print it.

    KEY_VAULT_NAME=<vault> machine.py [--aio]
"""

import asyncio
import os
import sys

NAME = "quickstart-secret"
VALUE = "createdWithPython"


def main(vault_url):
    from azure.identity import DefaultAzureCredential
    from azure.keyvault.secrets import SecretClient

    with DefaultAzureCredential() as credential, SecretClient(vault_url, credential) as client:
        return client.set_secret(NAME, VALUE)


async def main_async(vault_url):
    from azure.identity.aio import DefaultAzureCredential
    from azure.keyvault.secrets.aio import SecretClient

    async with DefaultAzureCredential() as credential, SecretClient(vault_url, credential) as client:
        return await client.set_secret(NAME, VALUE)


if __name__ == "__main__":
    url = f"https://{os.environ['KEY_VAULT_NAME']}.vault.azure.net/"
    secret = asyncio.run(main_async(url)) if "--aio" in sys.argv[1:] else main(url)
    print(f"Name: {secret.id}, Value: {secret.value}")
