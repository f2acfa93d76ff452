#!/usr/bin/env bash
# curl, unmodified, in the local Azure's environment: the error bodies of Azure.
set -euo pipefail

expect() {
    local status=$1 word=$2 answer
    shift 2
    answer=$(curl --silent --show-error --write-out '\n%{http_code}' "$@")
    if [ "${answer##*$'\n'}" != "$status" ] || [[ $answer != *"$word"* ]]; then
        printf 'expected %s and %s from curl %s, got:\n%s\n' "$status" "$word" "$*" "$answer" >&2
        exit 1
    fi
    echo "ok: $status $word"
}

token() {
    curl --silent --show-error --fail "https://login.microsoftonline.com/$AZURE_TENANT_ID/oauth2/v2.0/token" \
        --data-urlencode "client_id=$AZURE_CLIENT_ID" --data-urlencode "client_secret=$AZURE_CLIENT_SECRET" \
        --data grant_type=client_credentials --data-urlencode "scope=$1" |
        sed 's/.*"access_token":"\([^"]*\)".*/\1/'
}

arm=https://management.azure.com/subscriptions
bearer="Authorization: Bearer $(token https://management.azure.com/.default)"
expect 401 AuthenticationFailed "$arm?api-version=2022-12-01"
expect 200 "$AZURE_SUBSCRIPTION_ID" -H "$bearer" "$arm?api-version=2022-12-01"
expect 400 MissingApiVersionParameter -H "$bearer" "$arm"
expect 401 InvalidAuthenticationTokenAudience -H "Authorization: Bearer $(token https://vault.azure.net/.default)" "$arm?api-version=2022-12-01"
expect 404 ResourceGroupNotFound -H "$bearer" "$arm/$AZURE_SUBSCRIPTION_ID/resourcegroups/none?api-version=2024-11-01"
expect 404 InvalidResourceNamespace -H "$bearer" "$arm/$AZURE_SUBSCRIPTION_ID/providers/Microsoft.None/x?api-version=2024-11-01"
az-local clock advance 25h
expect 401 ExpiredAuthenticationToken -H "$bearer" "$arm?api-version=2022-12-01"
