#!/bin/sh
# Step 4: on the virtual machine, write a secret with the machine's identity, and read it back.
#
# On a local Azure the machine is `az-local vm exec`; in the cloud it is reached by SSH, and the program is copied
# there: a release build runs on a Linux of the same architecture and at least the same age.
. "$(dirname -- "$0")/lib.sh"

set_secret="kv-set $SECRET_NAME --show-value -o text --wait-for-access $WAIT_FOR_ACCESS"
get_secret="kv-get $SECRET_NAME --query value -o tsv --wait-for-access $WAIT_FOR_ACCESS"

if on_local_azure; then
    on_machine() {
        # The words of a command line hold no spaces of their own here.
        # shellcheck disable=SC2086
        say az-local vm exec -g "$RESOURCE_GROUP" -n "$VM_NAME" --env "KEY_VAULT_NAME=$KEY_VAULT_NAME" -- $1
    }
else
    address=$(say az-provision vm show -d -g "$RESOURCE_GROUP" -n "$VM_NAME" --query publicIps -o tsv)
    machine=$ADMIN_USERNAME@$address
    ssh_options="-o StrictHostKeyChecking=accept-new -o ConnectTimeout=10"

    # A machine that was created just now takes a while to answer.
    tries=0
    # shellcheck disable=SC2086
    until ssh $ssh_options "$machine" true; do
        tries=$((tries + 1))
        [ "$tries" -lt 30 ] || fail "$machine does not answer"
        sleep 5
    done
    # shellcheck disable=SC2086
    say scp $ssh_options "$(command -v kv-set)" "$(command -v kv-get)" "$machine:"

    on_machine() {
        # shellcheck disable=SC2086,SC2029
        say ssh $ssh_options "$machine" "KEY_VAULT_NAME='$KEY_VAULT_NAME' ./$1"
    }
fi

printf %s "$SECRET_VALUE" | on_machine "$set_secret"

there=$(on_machine "$get_secret")
[ "$there" = "$SECRET_VALUE" ] || fail "the vault holds another value than was written"
