#!/usr/bin/env bash
# Runs the whole tutorial, step by step, and cleans up.
#
#   scripts/tutorial.sh [--local [--release]] [--identity system|user] [--program go]
#
# --local     builds what is missing and runs on a local Azure of its own, offline; without --identity, for both
#             kinds of identity. Without --local it runs on the subscription that you are signed in to.
# --release   with the programs as they are released, which takes some minutes more to build; those that go to the
#             machine are static where Rust has what that takes (scripts/build-static.sh).
# --program   what writes the secret: with `go` the tutorial's own Go program, the file GO_PROGRAM, for which Go is installed
#             on the machine as the tutorial says; locally that is a machine apart (docs/machines.md), and not offline.
# --identity  which managed identity writes the secret (default in the cloud: system).
#
# AZ_LOCAL_REQUEST_LOG=FILE keeps what was sent to the local Azure.
#
# Names come from the environment: RESOURCE_GROUP, VM_NAME, IDENTITY_NAME, KEY_VAULT_NAME, LOCATION, …;
# scripts/lib.sh has them all with the tutorial's values.
set -euo pipefail

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
local_azure=false
release=false
identities=
program=

usage() {
    sed -n '2,/^set /s/^# \{0,1\}//p' "$0" | sed '/^set /d' >&2
    exit 2
}

while [ $# -gt 0 ]; do
    case $1 in
        --local) local_azure=true ;;
        --release) release=true ;;
        --identity)
            [ $# -ge 2 ] || usage
            identities=$2
            shift
            ;;
        --identity=*) identities=${1#*=} ;;
        --program)
            [ "${2:-}" = go ] || usage
            program=go
            shift
            ;;
        -h | --help) usage 2>&1 ;;
        *) usage ;;
    esac
    shift
done
case $identities in
    '' | system | user) ;;
    *) usage ;;
esac

$local_azure || ! $release || usage
if [ "$program" = go ]; then
    [ -r "${GO_PROGRAM:-}" ] || {
        echo "tutorial.sh: --program go needs GO_PROGRAM=FILE, the tutorial's main.go" >&2
        exit 2
    }
    GO_PROGRAM=$(CDPATH='' cd -- "$(dirname -- "$GO_PROGRAM")" && pwd)/$(basename -- "$GO_PROGRAM")
    export GO_PROGRAM
else
    unset GO_PROGRAM
fi

if $local_azure; then
    echo "Building the tools and the local Azure …" >&2
    target=${CARGO_TARGET_DIR:-$here/../target}
    # This computer's own programs run on a machine that is this computer, too.
    STATIC_DIR=/nonexistent
    if $release; then
        built=$("$here/build-released.sh")
        if "$here/build-static.sh" >&2; then
            STATIC_DIR=$target/static
        else
            echo "The machine gets the programs that were built for this computer." >&2
        fi
        tools=${AZ_TOOLS_DIR:-$(echo "$built" | head -n 1)}
        PATH=$(echo "$built" | tail -n 1):$PATH
    else
        # The profile of the tests, of which nothing is built again for this.
        (cd "$here/.." && cargo build --locked --quiet)
        tools=${AZ_TOOLS_DIR:-$target/debug}
    fi
    AZ_TOOLS_DIR=$(cd "$tools" && pwd)
    PATH=$AZ_TOOLS_DIR:$PATH
    export PATH AZ_TOOLS_DIR STATIC_DIR TUTORIAL_IDENTITIES="${identities:-system user}"
    how=(--offline)
    [ "$program" != go ] || how=(--machines namespace)
    log=()
    [ -z "${AZ_LOCAL_REQUEST_LOG:-}" ] || log=(--request-log "$AZ_LOCAL_REQUEST_LOG")
    # shellcheck disable=SC2016
    exec az-local run "${how[@]}" ${log[@]+"${log[@]}"} -- bash -c '
        set -eu
        for identity in $TUTORIAL_IDENTITIES; do "$0" --identity "$identity" ${GO_PROGRAM:+--program go}; done
        left=$(az-local resources --count)
        [ "$left" -eq 0 ] || { echo "the local Azure still holds $left things:" >&2; az-local resources >&2; exit 1; }
        echo "The local Azure is empty again." >&2
    ' "$0"
fi

export IDENTITY=${identities:-system}
# Unique in the whole cloud, and 24 characters at most.
export KEY_VAULT_NAME=${KEY_VAULT_NAME:-kv-go-$(date +%s)-$((RANDOM % 1000))}

times=()
TIMEFORMAT='%R'
step() {
    echo "── $1 ──" >&2
    local status=0
    # `time` reports on standard error of its group; the step keeps its own.
    { time "$here/$1.sh" 2>&3 >&4 || status=$?; } 3>&2 4>&1 2>"$timing" || status=$?
    times+=("$(tail -n 1 "$timing") s  $1")
    return "$status"
}

timing=$(mktemp)
cleaned=false
finish() {
    local status=$?
    trap - EXIT INT TERM
    if ! $cleaned; then
        echo "── stopped; cleaning up ──" >&2
        "$here/5-clean-up.sh" >&2 || echo "clean-up failed: run KEY_VAULT_NAME=$KEY_VAULT_NAME $here/5-clean-up.sh" >&2
    fi
    rm -f "$timing"
    exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

for name in 1-create-resources 2-create-identity 3-assign-role 4-set-secret 5-clean-up; do
    step "$name"
done
cleaned=true

printf '%s\n' "── the tutorial with the $IDENTITY-assigned identity ──" "${times[@]}" >&2
