#!/usr/bin/env bash
# What the product costs and bears, in plain tables; docs/performance.md and docs/benchmarks.md hold and explain them.
#
#   scripts/bench.sh local [--quick] [--part flat|throughput] [--peer PATH] [OPTION ...]
#   scripts/bench.sh peers [--quick] [--part ready|load|growth] [OPTION ...]
#   scripts/bench.sh calls                         instructions of single calls (scripts/bench-calls.sh)
#   scripts/bench.sh tutorial [commands] [story]   the tutorial beside az and Go (scripts/bench-tutorial.sh)
#   scripts/bench.sh bulk [--quick]                long lists (scripts/bulk-bench.sh)
#   scripts/bench.sh all [--quick]                 everything, one after the other; takes some hours
#
# local: what a request costs at az-local however much there is, and how many it answers.
# peers: az-local beside other emulators of Key Vault, whose programs are named by the environment: LOWKEY_VAULT (a jar),
#        KEYVAULT_EMULATOR (azure-keyvault-emulator) and MINIBLUE. One that is not there is said, and left out.
#
# Everything is built as it is released; --server names an az-local that is built already (local, peers). --help lists
# the options of local and peers. Needs Linux. The exit status is 1 where a goal is missed.
set -euo pipefail
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
root=$here/..
target=${CARGO_TARGET_DIR:-$root/target}

# The peers that are there, as options; what is not there is said, and left out.
peers() {
    local name variable program
    for name in lowkey-vault keyvault-emulator miniblue; do
        variable=$(tr a-z- A-Z_ <<<"$name")
        program=${!variable:-}
        if [ -f "$program" ]; then
            options+=("--$name" "$(realpath "$program")")
        else
            echo "$variable names no file, so $name is left out" >&2
        fi
    done
}

case ${1:-} in
    calls) shift && exec "$here/bench-calls.sh" "$@" ;;
    tutorial) shift && exec "$here/bench-tutorial.sh" "$@" ;;
    bulk) shift && exec "$here/bulk-bench.sh" "$@" ;;
    all)
        shift
        status=0
        built=$("$here/build-released.sh" | paste -s -d :)
        "$0" calls "$built" || status=1
        "$0" tutorial "$built" "$@" || status=1
        "$0" peers "$@" || status=1
        "$0" bulk "$@" || status=1
        "$0" local "$@" || status=1
        exit "$status"
        ;;
esac

given=false
for word in "$@"; do
    case $word in --server | -h | --help) given=true ;; esac
done
folders=$(mktemp -d)
trap 'rm -rf "$folders"' EXIT
options=()
if [ "${1:-}" = peers ] && [[ " $* " != *' --help '* && " $* " != *' -h '* ]]; then
    peers
fi
if [ "$given" = false ]; then
    (cd "$root" && cargo build --quiet --locked --profile server -p az-local)
    options+=(--server "$target/server/az-local")
fi
# The generator shares the processors with the server: fast rather than small, in a folder of its own.
(cd "$root" && CARGO_TARGET_DIR=$target/bench cargo build --quiet --locked --profile server -p end-to-end --bin bench)

# Two servers with 256 clients are more connections than a shell usually has files.
ulimit -S -n 8192 2>/dev/null || true

TMPDIR=$folders "$target/bench/server/bench" "$@" ${options[@]+"${options[@]}"} &
bench=$!
# It ends its servers itself when it is interrupted.
trap 'kill "$bench" 2>/dev/null' INT TERM HUP
status=0
wait "$bench" || status=$?
trap '' INT TERM HUP
wait "$bench" 2>/dev/null || true
exit "$status"
