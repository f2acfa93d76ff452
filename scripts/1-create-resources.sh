#!/bin/sh
# Step 1: a resource group, a virtual machine and a key vault.
#
# KEY_VAULT_NAME must be set. ADMIN_PASSWORD signs in to the machine by password; without it an SSH key does: the one
# that SSH_KEY names, else yours (one is made if you have none).
. "$(dirname -- "$0")/lib.sh"

say az-provision group create --name "$RESOURCE_GROUP" --location "$LOCATION"

vm_create() {
    say az-provision vm create \
        --resource-group "$RESOURCE_GROUP" \
        --name "$VM_NAME" \
        --image "$IMAGE" \
        --size "$SIZE" \
        --admin-username "$ADMIN_USERNAME" \
        "$@"
}

if [ -n "${ADMIN_PASSWORD:-}" ]; then
    printf %s "$ADMIN_PASSWORD" | vm_create --admin-password-file -
elif [ -n "${SSH_KEY:-}" ]; then
    vm_create --ssh-key-values "$SSH_KEY.pub"
else
    vm_create --generate-ssh-keys
fi

say az-provision keyvault create --location "$LOCATION" --name "$KEY_VAULT_NAME" \
    --resource-group "$RESOURCE_GROUP" --enable-rbac-authorization
