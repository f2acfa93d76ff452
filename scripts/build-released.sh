#!/bin/sh
# Builds what is released, each program by the profile that is meant for it (Cargo.toml): the tools in target/release, small and
# without anything that unwinds; the local Azure in target/server, where a panic ends one request and not all.
#
#   scripts/build-released.sh
#
# Prints the two folders, a line each.
set -eu
cd "$(dirname -- "$0")/.."

cargo build --release --locked --quiet -p az-provision -p az-identity -p az-role -p az-cleanup -p kv-set -p kv-get
cargo build --profile server --locked --quiet -p az-local

cd "${CARGO_TARGET_DIR:-target}"
echo "$PWD/release"
echo "$PWD/server"
