"""Tells which credential of the SDK's default chain gives a token, as one line of JSON.

    chain.py [SCOPE]
"""

import json
import sys

from azure.core.exceptions import ClientAuthenticationError
from azure.identity import DefaultAzureCredential

scope = sys.argv[1] if len(sys.argv) > 1 else "https://management.azure.com/.default"
answer = {"credential": None, "error": ""}
try:
    credential = DefaultAzureCredential()
    credential.get_token(scope)
    # The chain keeps the one that gave a token, to ask it first.
    answer["credential"] = type(credential._successful_credential).__name__
except (ClientAuthenticationError, OSError, ValueError) as error:
    answer["error"] = str(error)
print(json.dumps(answer))
