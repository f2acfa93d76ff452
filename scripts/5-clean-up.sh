#!/bin/sh
# Step 5: delete everything. Can be run again after an interruption: what is gone already is no error.
. "$(dirname -- "$0")/lib.sh"

# 3 is "not found".
unless_gone() {
    status=0
    "$@" || status=$?
    [ "$status" -eq 0 ] || [ "$status" -eq 3 ] || exit "$status"
}

unless_gone say az-cleanup group delete --name "$RESOURCE_GROUP" \
    --force-deletion-types Microsoft.Compute/virtualMachines --yes
unless_gone say az-cleanup keyvault purge --name "$KEY_VAULT_NAME"
