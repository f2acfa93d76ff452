# What the tutorial's scripts share: names, the tools, how a line is shown. Sourced, never run.
# shellcheck shell=sh

set -eu

# The tutorial's values; each can be set in the environment.
: "${LOCATION:=eastus}"
: "${RESOURCE_GROUP:=go-on-azure}"
: "${VM_NAME:=go-on-azure-vm}"
: "${IDENTITY_NAME:=GoUserIdentity}"
: "${IDENTITY:=system}"
: "${ADMIN_USERNAME:=azureuser}"
: "${IMAGE:=canonical:0001-com-ubuntu-server-jammy:22_04-lts:latest}"
: "${SIZE:=Standard_D2s_v5}"
: "${ROLE:=Key Vault Secrets Officer}"
: "${SECRET_NAME:=quickstart-secret}"
: "${SECRET_VALUE:=createdWithRust}"
: "${WAIT_FOR_ACCESS:=10m}"

fail() {
    echo "$(basename "$0"): $*" >&2
    exit 2
}

# A vault's name is unique in the whole cloud, so the tutorial leaves it to you.
[ -n "${KEY_VAULT_NAME:-}" ] || fail "set KEY_VAULT_NAME to the name of your key vault (3 to 24 letters, digits and hyphens)"
case $IDENTITY in
    system | user) ;;
    *) fail "IDENTITY is '$IDENTITY'; it must be 'system' or 'user'" ;;
esac
export KEY_VAULT_NAME

# The steps pass JSON to each other, whatever 'az config' says of what is printed.
export AZURE_CORE_OUTPUT=json

# The tools: those built in this checkout, else those on PATH.
scripts_dir=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
tools_dir=${AZ_TOOLS_DIR:-$scripts_dir/../target/release}
if [ -x "$tools_dir/az-provision" ]; then
    PATH=$(CDPATH='' cd -- "$tools_dir" && pwd):$PATH
    export PATH
fi
command -v az-provision >/dev/null || fail "the tools are not built: cargo build --release"

# Whether this runs under a local Azure.
on_local_azure() {
    [ -n "${AZ_LOCAL_DIR:-}" ]
}

# The public half of the private key in a file; fails where there is no whole private key.
public_half() {
    ssh-keygen -y -P '' -f "$1" </dev/null 2>/dev/null
}

# Makes a key pair, or what is missing of it. Another step may do the same at the same time, and one that was killed may
# have left anything: what is there is looked at, never waited for, and each file appears whole.
make_key_pair() {
    for left in "$(dirname "$1")"/new.*; do
        # new.PROCESS.XXXXXX
        maker=${left##*/new.}
        maker=${maker%%.*}
        case $maker in
            *[!0-9]*) ;;
            *) ! kill -0 "$maker" 2>/dev/null || continue ;;
        esac
        rm -rf "$left" || :
    done
    made=
    made_pair=false
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        if public=$(public_half "$1"); then
            if [ "$public" = "$(cat "$1.pub" 2>/dev/null)" ]; then
                made_pair=true
                break
            fi
            new_folder "$1"
            printf '%s\n' "$public" >"$made/public"
            mv -f "$made/public" "$1.pub"
        else
            new_folder "$1"
            [ -e "$made/key" ] || ssh-keygen -q -t ed25519 -N '' -C az-local -f "$made/key" </dev/null
            # What cannot be read is put out of the way. If it was another step's new key by then, it goes back.
            if [ -e "$1" ] && ! public_half "$1" >/dev/null && mv -f "$1" "$made/other" 2>/dev/null; then
                ! public_half "$made/other" >/dev/null || ln "$made/other" "$1" 2>/dev/null || :
                rm -f "$made/other"
            fi
            # Of two steps one wins; the other takes its key.
            ln "$made/key" "$1" 2>/dev/null || :
        fi
    done
    [ -z "$made" ] || rm -rf "$made"
    $made_pair || fail "no key pair can be made at $1"
}

# A folder for a key that is not ready.
new_folder() {
    [ -n "$made" ] || made=$(mktemp -d "$(dirname "$1")/new.$$.XXXXXX")
}

# The key that signs in to the machine. A local Azure's machines get one of their own, so that yours stays untouched;
# in the cloud it is yours, or the one that SSH_KEY names.
if on_local_azure && [ -z "${SSH_KEY:-}" ]; then
    SSH_KEY=$AZ_LOCAL_DIR/ssh/tutorial_key
    make_key_pair "$SSH_KEY"
fi

# Shows a command as a person would type it.
show() {
    printf '$ %s\n' "$*" >&2
}

# Runs a command, showing it first.
say() {
    show "$@"
    "$@"
}
