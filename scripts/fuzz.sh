#!/usr/bin/env bash
# Fuzzes what reads bytes from outside, guided by coverage (libFuzzer, on stable Rust).
#
#   scripts/fuzz.sh [SECONDS] [TARGET...]     60 seconds each, and all targets, where nothing else is said
#
# The fuzzers are built once, as one program. Each target begins with what stands in fuzz/corpus/<target>/; what it finds
# beside that goes to a folder in $TMPDIR and stays out of the repository. The first failed assertion, excess of time (5 s for one
# input) or of memory (1 GB) ends the script, which then says how to see it again.
#
#   FUZZ_DEPENDENCIES=1   counts in the dependencies, too, which takes ten minutes more to build: for the targets whose
#                         input they read first (ssh, ssh_session, proxy)
#   FUZZ_BUILD=only       builds, and runs nothing
#   FUZZ_MERGE=FOLDER     runs nothing, but puts into the corpus what FOLDER (of one target's inputs) adds to what is
#                         reached, and takes out what adds nothing
#   FUZZ_LOGS=FOLDER      where what is found and said goes, and stays; else a folder that goes with the script, unless
#                         it fails
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=${1:-60}
[ $# -eq 0 ] || shift

case $seconds in
    '' | *[!0-9]*)
        echo "fuzz.sh: '$seconds' is no number of seconds" >&2
        exit 2
        ;;
esac
if [ $# -eq 0 ]; then
    for corpus in fuzz/corpus/*/; do
        set -- "$@" "$(basename "$corpus")"
    done
fi
for target in "$@"; do
    [ -d "fuzz/corpus/$target" ] || {
        echo "fuzz.sh: there is no target '$target'; fuzz/corpus/ has a folder for each" >&2
        exit 2
    }
done

target_dir=${CARGO_TARGET_DIR:-target}
if [ -z "${FUZZ_DEPENDENCIES:-}" ]; then
    # The profile of the tests, so that the dependencies are those of `cargo test --workspace`, built once; only the
    # project's own crates are built again, with counters, and faster than they are there.
    settings=(-p fuzz --features fuzz/fuzzing)
    for crate in az-core az-credential az-jmespath az-local az-provision; do
        settings+=(--config "profile.dev.package.$crate.opt-level=1")
    done
    RUSTC_WORKSPACE_WRAPPER=$PWD/fuzz/counted.sh cargo build --locked --quiet "${settings[@]}"
    fuzzer=$target_dir/debug/fuzz
else
    # Named as the target, the host's own platform is built for apart from build scripts and macros, in which there is
    # nothing that could count.
    host=$(rustc --version --verbose | sed -n 's/^host: //p')
    RUSTFLAGS=$(fuzz/counted.sh echo) cargo build --profile fuzzing --locked --quiet -p fuzz --features fuzz/fuzzing \
        --target "$host" --target-dir "$target_dir/fuzzing"
    fuzzer=$target_dir/fuzzing/$host/fuzzing/fuzz
fi
[ "${FUZZ_BUILD:-}" != only ] || exit 0

# Bytes; what is longer finds nothing that is not found in less.
longest() {
    case $1 in
        proxy | ssh_session | sftp | token_cache | request) echo 4096 ;;
        ssh | lines | jmespath | query | error_body | request_log) echo 2048 ;;
        *) echo 512 ;;
    esac
}

work=${FUZZ_LOGS:-$(mktemp -d)}
mkdir -p "$work"
for target in "$@"; do
    export FUZZ_TARGET=$target
    corpus=fuzz/corpus/$target
    options=(-timeout=5 -rss_limit_mb=1024 "-max_len=$(longest "$target")" -print_final_stats=1)
    [ ! -f "fuzz/dictionaries/$target.txt" ] || options+=("-dict=fuzz/dictionaries/$target.txt")
    if [ -n "${FUZZ_MERGE:-}" ]; then
        # What was written by hand (seed-*) stays. Of the others the longest do, which reach most: sixty files in all.
        mkdir -p "$work/$target"
        "$fuzzer" -set_cover_merge=1 "${options[@]}" "$work/$target" "$corpus" "$FUZZ_MERGE" >"$work/$target.log" 2>&1
        find "$corpus" -type f ! -name 'seed-*' -delete
        left=$((60 - $(find "$corpus" -type f | wc -l)))
        find "$work/$target" -type f -size -8k -printf '%s %p\n' | sort -rn | head -n "$left" | cut -d ' ' -f 2- |
            while read -r input; do cp "$input" "$corpus/"; done
        continue
    fi
    mkdir -p "$work/$target" "$work/$target.crashes"
    options+=("-max_total_time=$seconds" "-artifact_prefix=$work/$target.crashes/")
    if ! "$fuzzer" "${options[@]}" "$work/$target" "$corpus" >"$work/$target.log" 2>&1; then
        tail -n 60 "$work/$target.log" >&2
        input=$(find "$work/$target.crashes" -type f | head -n 1)
        echo >&2
        echo "fuzz.sh: '$target' failed. To see it again:" >&2
        echo "    FUZZ_TARGET=$target $fuzzer -timeout=5 -rss_limit_mb=1024 $input" >&2
        echo "Put the input into $corpus/ with the change that mends it." >&2
        exit 1
    fi
    executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$work/$target.log")
    edges=$(sed -n 's/.* cov: \([0-9]*\).*/\1/p' "$work/$target.log" | tail -n 1)
    printf '%-14s %10s executions, %6s edges\n' "$target" "$executions" "$edges"
done
[ -n "${FUZZ_LOGS:-}" ] || rm -rf "$work"
