#!/usr/bin/env bash
# What one call of a tool costs: instructions of the whole process, which repeat, counted by valgrind's callgrind.
#
#   scripts/bench-calls.sh [FOLDER]     the tools in FOLDER; else they are built as they are released
#
# Everything runs on a local Azure of its own. The roots that the tools read are the system's and that instance's.
# The exit status is 1 where a goal is missed, 2 where something cannot be measured.
set -euo pipefail
# shellcheck source=scripts/bench-lib.sh
. "$(dirname -- "$0")/bench-lib.sh"

command -v valgrind >/dev/null || fail "valgrind counts the instructions, and is not installed"
use_tools "${1:-}"
# A backtrace in each error, where somebody has asked for it, is not what is measured.
unset RUST_BACKTRACE
start_azure --offline

counts=$folder/counts
missed=0

# count GOAL COMMAND...: the least of three, in millions; one that is interrupted by a signal or a retry counts more.
count() {
    local goal=$1 least='' instructions line
    shift
    for _ in 1 2 3; do
        valgrind --tool=callgrind --callgrind-out-file=/dev/null "$@" >/dev/null 2>"$counts" || true
        line=$(grep -E 'Collected : [0-9]+|refs:' "$counts" | tail -n 1)
        instructions=$(echo "$line" | sed 's/.*: *//; s/,//g; s/ .*//')
        [ -n "$instructions" ] || {
            echo "bench-calls.sh: $* could not be counted" >&2
            cat "$counts" >&2
            exit 2
        }
        if [ -z "$least" ] || [ "$instructions" -lt "$least" ]; then least=$instructions; fi
    done
    local met=met
    if [ "$goal" != - ]; then
        awk "BEGIN { exit !($least > $goal * 1000000) }" && { met=missed missed=1; }
    else
        met=''
    fi
    # shellcheck disable=SC2016  # the backquotes are Markdown's
    printf '| `%s` | %.2f | %s | %s |\n' "${*##*/}" "$(awk "BEGIN { print $least / 1000000 }")" "$goal" "$met"
}

quietly() { "$@" >/dev/null; }
quietly az-provision group create -n bench -l eastus
quietly az-provision keyvault create -g bench -n kv-bench
quietly az-role assignment create --assignee "$AZURE_CLIENT_ID" --role 'Key Vault Secrets Officer' \
    --scope "$(az-provision keyvault show -n kv-bench --query id -o tsv)"
echo value | quietly kv-set secret --vault-name kv-bench --wait-for-access 1m --only-show-errors

echo '| call | million instructions | goal | |'
echo '|---|---|---|---|'
count 0.5 kv-get --version
count 0.5 az-provision --version
count 1.5 kv-get --help
count 1.5 kv-set --help
count 1.5 az-provision --help
count - az-provision vm create --help
count 7 kv-get secret --vault-name kv-bench
count - kv-set secret --vault-name kv-bench --value value
count - az-provision group show -n bench
exit "$missed"
