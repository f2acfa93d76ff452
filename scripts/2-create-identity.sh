#!/bin/sh
# Step 2: a managed identity for the virtual machine. IDENTITY=system (the default) or IDENTITY=user.
. "$(dirname -- "$0")/lib.sh"

if [ "$IDENTITY" = system ]; then
    say az-identity vm assign -g "$RESOURCE_GROUP" -n "$VM_NAME"
else
    say az-identity create -g "$RESOURCE_GROUP" -n "$IDENTITY_NAME"
    say az-identity vm assign -g "$RESOURCE_GROUP" -n "$VM_NAME" --identities "$IDENTITY_NAME"
fi
