# What the scripts that measure share: the tools, and a local Azure that is started and stopped. Sourced, never run.
# shellcheck shell=bash

root=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck disable=SC2034  # those that source it use it
target=${CARGO_TARGET_DIR:-$root/target}

fail() {
    echo "$(basename "$0"): $*" >&2
    exit 2
}

# Puts folders with the tools and az-local (one, or several with colons) in front of PATH; without any, they are built as they
# are released.
use_tools() {
    local tools=${1:-} folders
    [ -n "$tools" ] || tools=$("$root/scripts/build-released.sh" | paste -s -d :)
    # The scripts change their folder; the first has the tools.
    IFS=: read -ra folders <<<"$tools"
    tools=$(realpath -- "${folders[@]}" | paste -s -d :)
    # shellcheck disable=SC2034  # scripts/lib.sh reads it
    export PATH=$tools:$PATH AZ_TOOLS_DIR=${tools%%:*}
}

# A folder that goes with the script, and with it the local Azure in it.
folder=$(mktemp -d)
stop_azure() {
    az-local stop --data-dir "$folder/azure" >"$folder/stopped" 2>&1 || true
}
trap 'stop_azure; rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM HUP

# A new local Azure with these options, and its environment, in which no file of yours is read.
start_azure() {
    export HOME=$folder
    stop_azure
    rm -rf "$folder/azure" "$folder/requests.jsonl"
    az-local start --data-dir "$folder/azure" "$@" >"$folder/started"
    AZ_LOCAL_DIR=$folder/azure
    export AZ_LOCAL_DIR
    eval "$(az-local env --shell bash)"
}

now() {
    date +%s.%N
}

load() {
    cut -d' ' -f1 /proc/loadavg
}
