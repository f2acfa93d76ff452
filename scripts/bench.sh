#!/usr/bin/env bash
# How much the local Azure bears: what a request costs however much there is, and how many are answered.
#
#   scripts/bench.sh local [--quick] [--part flat|throughput] [--peer PATH] [--server PATH] [OPTION ...]
#
# Builds az-local as it is released, and measures it; --server names one that is built already, --peer another one
# that is measured in turns with it. --help lists the rest, docs/benchmarks.md says what is measured. Needs Linux.
set -euo pipefail
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
root=$here/..
target=${CARGO_TARGET_DIR:-$root/target}

given=false
for word in "$@"; do
    case $word in --server | -h | --help) given=true ;; esac
done
server=()
if [ "$given" = false ]; then
    (cd "$root" && cargo build --quiet --locked --profile server -p az-local)
    server=(--server "$target/server/az-local")
fi
# The generator shares the processors with the server: fast rather than small, in a folder of its own.
(cd "$root" && CARGO_TARGET_DIR=$target/bench cargo build --quiet --locked --profile server -p end-to-end --bin bench)

# Two servers with 256 clients are more connections than a shell usually has files.
ulimit -S -n 8192 2>/dev/null || true

folders=$(mktemp -d)
trap 'rm -rf "$folders"' EXIT
TMPDIR=$folders "$target/bench/server/bench" "$@" "${server[@]}" &
bench=$!
# It ends its servers itself when it is interrupted.
trap 'kill "$bench" 2>/dev/null' INT TERM HUP
status=0
wait "$bench" || status=$?
trap '' INT TERM HUP
wait "$bench" 2>/dev/null || true
exit "$status"
