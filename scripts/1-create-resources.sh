#!/bin/sh
# Step 1: a resource group, a virtual machine and a key vault.
#
# KEY_VAULT_NAME must be set. ADMIN_PASSWORD signs in to the machine by password; without it your SSH key does
# (one is made if you have none), and on a local Azure a password that nobody needs to know.
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
elif on_local_azure; then
    printf 'Aa1-%s' "$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')" | vm_create --admin-password-file -
else
    vm_create --generate-ssh-keys
fi

say az-provision keyvault create --location "$LOCATION" --name "$KEY_VAULT_NAME" \
    --resource-group "$RESOURCE_GROUP" --enable-rbac-authorization
