#!/bin/sh
# Step 3: the identity may write the vault's secrets.
. "$(dirname -- "$0")/lib.sh"

vault_id=$(say az-provision keyvault show --resource-group "$RESOURCE_GROUP" --name "$KEY_VAULT_NAME" --query id -o tsv)

if [ "$IDENTITY" = system ]; then
    assignee=$(say az-identity vm show --name "$VM_NAME" --resource-group "$RESOURCE_GROUP")
else
    assignee=$(say az-identity show --resource-group "$RESOURCE_GROUP" --name "$IDENTITY_NAME")
fi
printf '%s\n' "$assignee" |
    say az-role assignment create --assignee - --role "$ROLE" --scope "$vault_id"
