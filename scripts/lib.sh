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
: "${SIZE:=Standard_D2s_v3}"
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

# The key that signs in to the machine. A local Azure's machines get one of their own, so that yours stays untouched;
# in the cloud it is yours, or the one that SSH_KEY names.
if on_local_azure && [ -z "${SSH_KEY:-}" ]; then
    SSH_KEY=$AZ_LOCAL_DIR/ssh/tutorial_key
    # Two steps may come here at once, and ssh-keygen does not replace what is there.
    if ! [ -e "$SSH_KEY.pub" ]; then
        made=$(mktemp -d "$AZ_LOCAL_DIR/ssh/new.XXXXXX")
        ssh-keygen -q -t ed25519 -N '' -C az-local -f "$made/key"
        if ln "$made/key" "$SSH_KEY" 2>/dev/null; then
            mv "$made/key.pub" "$SSH_KEY.pub"
        fi
        rm -rf "$made"
        until [ -e "$SSH_KEY.pub" ]; do sleep 1; done
    fi
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
