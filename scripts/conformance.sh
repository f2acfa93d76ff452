#!/usr/bin/env bash
# Real, unmodified clients on the local Azure, and our tools beside them.
#
#   scripts/conformance.sh [--mutate] [--list] [az|go|python|js|java|ansible|hosts|ssh|apart|query|parity|credentials|contract|CASE ...]
#
# Prints a line a case and a closing count. Clients are installed below target/conformance at pinned versions; one
# that cannot be installed is skipped, and fails the run where CI is set. With --mutate the local Azure answers
# wrongly on purpose, one way after another, and each must make a case fail.
#
# TUTORIAL=FILE is the tutorial's text, whose commands and program are run as they stand there.
set -euo pipefail
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
cd "$here/.."
# All at once, as the tests build them: a build of a part would have other features, and build everything anew.
cargo build --quiet --locked --workspace --bins --examples
exec "${CARGO_TARGET_DIR:-target}/debug/conformance" "$@"
