#!/bin/sh
# Step 4: on the virtual machine, write a secret with the machine's identity, and read it back.
#
# The programs are copied to the machine and run there by SSH: the static ones that scripts/build-static.sh builds,
# which run on any Linux; without them this computer's own, which need a machine like it.
. "$(dirname -- "$0")/lib.sh"

address=$(say az-provision vm show -d -g "$RESOURCE_GROUP" -n "$VM_NAME" --query publicIps -o tsv)
[ -n "$address" ] || fail "$VM_NAME has no public IP address"
machine=$ADMIN_USERNAME@$address

connection=$(mktemp -d)
# How long the connection stays open between two commands (seconds).
persist=60
# shellcheck disable=SC2329  # called by the trap
hang_up() {
    reach ssh -O exit "$machine" 2>/dev/null || true
    rm -rf "$connection"
}
trap hang_up EXIT

# Runs ssh or scp with what reaches the machine, over one connection that signs in once. A local Azure brings a
# configuration; elsewhere a new machine's host key is taken as it is, and must stay so.
reach() {
    program=$1
    shift
    set -- -o ControlMaster=auto -o "ControlPersist=$persist" -o "ControlPath=$connection/ssh" "$@"
    [ -z "${SSH_KEY:-}" ] || set -- -i "$SSH_KEY" "$@"
    if [ -n "${AZ_SSH_CONFIG:-}" ]; then
        set -- -F "$AZ_SSH_CONFIG" "$@"
    else
        set -- -o StrictHostKeyChecking=accept-new -o ConnectTimeout=10 "$@"
    fi
    if [ -n "${ADMIN_PASSWORD:-}" ]; then
        SSH_ASKPASS=$scripts_dir/askpass.sh SSH_ASKPASS_REQUIRE=force DISPLAY=${DISPLAY:-:0} "$program" "$@"
    else
        "$program" "$@"
    fi
}
[ -z "${ADMIN_PASSWORD:-}" ] || export ADMIN_PASSWORD

# A machine that was created just now takes a while to answer.
tries=0
until architecture=$(reach ssh "$machine" uname -m 2>"$connection/problem"); do
    case $(cat "$connection/problem") in
        *"Connection refused"* | *"timed out"* | *"Connection reset"* | *"Connection closed"*) ;;
        *)
            # A connection that stays open hides what its ProxyCommand says.
            persist=no
            reach ssh "$machine" true >&2 || true
            fail "$machine cannot be reached"
            ;;
    esac
    tries=$((tries + 1))
    [ "$tries" -lt 30 ] || fail "$machine does not answer"
    sleep 5
done

# The tutorial's own Go program, made there as the tutorial says.
if [ -n "${GO_PROGRAM:-}" ]; then
    show scp main.go step-4-with-go.sh "$machine:"
    reach ssh "$machine" 'mkdir -p step-4'
    reach scp -q "$scripts_dir/step-4-with-go.sh" "$machine:step-4/"
    reach scp -q "$GO_PROGRAM" "$machine:step-4/main.go"
    show ssh "$machine" "KEY_VAULT_NAME=$KEY_VAULT_NAME sh step-4/step-4-with-go.sh step-4/main.go"
    # It does not wait for a role assignment to take effect: others see to that first.
    reach scp -q "$(command -v kv-get)" "$machine:step-4/"
    reach ssh "$machine" "KEY_VAULT_NAME=$KEY_VAULT_NAME step-4/kv-get --list --wait-for-access $WAIT_FOR_ACCESS -o none"
    reach ssh "$machine" "KEY_VAULT_NAME=$KEY_VAULT_NAME sh step-4/step-4-with-go.sh step-4/main.go"
    exit
fi

programs=${STATIC_DIR:-$scripts_dir/../target/static}/$architecture
[ -x "$programs/kv-set" ] || programs=$(dirname -- "$(command -v kv-set)")
show scp kv-set kv-get "$machine:"
reach scp -q "$programs/kv-set" "$programs/kv-get" "$machine:"

# Runs a command line on the machine. A vault's name and a secret's need no quotes there.
on_machine() {
    show ssh "$machine" "KEY_VAULT_NAME=$KEY_VAULT_NAME ./$1"
    reach ssh "$machine" "KEY_VAULT_NAME=$KEY_VAULT_NAME ./$1"
}

printf %s "$SECRET_VALUE" |
    on_machine "kv-set $SECRET_NAME --show-value -o text --wait-for-access $WAIT_FOR_ACCESS"

there=$(on_machine "kv-get $SECRET_NAME --query value -o tsv --wait-for-access $WAIT_FOR_ACCESS")
[ "$there" = "$SECRET_VALUE" ] || fail "the vault holds another value than was written"
