#!/usr/bin/env bash
# How much of what Azure's limits allow the tools reach with long lists, and how much memory they take.
#
#   scripts/bulk-bench.sh [secrets] [identities] [memory] [--quick]
#
# Without a word, all three. Builds the tools and az-local as released, but for the linker's optimisation. The first two run
# against az-local with the public cloud's limits and times, at the speed of its clock: 3,000 secrets take a minute and a half,
# 1,000 identities with a role each three minutes. docs/bulk.md says what is measured. Needs Linux (it reads /proc) and jq.
set -euo pipefail
# shellcheck source=scripts/bench-lib.sh
. "$(dirname -- "$0")/bench-lib.sh"

parts=() quick=false
for word in "$@"; do
    case $word in
        secrets | identities | memory) parts+=("$word") ;;
        --quick) quick=true ;;
        -h | --help)
            sed -n '2,9s/^# \{0,1\}//p' "$0"
            exit 0
            ;;
        *)
            fail "'$word' is no part: secrets, identities, memory"
            ;;
    esac
done
[ ${#parts[@]} -gt 0 ] || parts=(secrets identities memory)

(cd "$root" && cargo build --quiet --locked --profile server \
    -p az-local -p az-provision -p az-identity -p az-role -p kv-set -p kv-get)
use_tools "$target/server"

# The memory that a process takes at most (kB): read again and again until it is gone, for Linux forgets it then.
peak() {
    local line most=0
    while line=$(grep VmHWM "/proc/$1/status" 2>/dev/null); do
        # shellcheck disable=SC2086
        set -- "$1" $line
        most=$3
        sleep 0.05
    done
    echo "$most"
}

# The requests of the log that a filter selects.
count() {
    jq -c "select($1)" "$folder/requests.jsonl" | wc -l
}

# What was reached: so many requests, of which so many are allowed at once and so many a second.
report() {
    local what=$1 asked=$2 once=$3 second=$4 began=$5 ended=$6 done=$7
    local all refused
    all=$(count true)
    refused=$(count '.status == 429')
    awk -v what="$what" -v asked="$asked" -v once="$once" -v second="$second" -v began="$began" -v ended="$ended" \
        -v all="$all" -v refused="$refused" -v done="$done" 'BEGIN {
        took = ended - began
        allowed = asked > once ? (asked - once) / second : 0
        printf "%s: %.1f s, allowed %.1f s: %.1f %% of what is allowed; %d of %d requests answered 429 (%.2f %%); %d failed\n",
            what, took, allowed, 100 * allowed / took, refused, all, 100 * refused / all, asked - done
    }'
}

secrets() {
    local many=3000 began ended made
    [ "$quick" = false ] || many=600
    start_azure --profile azure --role-delay 0s --request-log "$folder/requests.jsonl"
    az-provision group create -n g -l eastus -o none
    az-provision keyvault create -g g -n kv-bulk -o none
    az-role assignment create --assignee "$AZURE_CLIENT_ID" --role 'Key Vault Secrets Officer' \
        --scope "$(az-provision keyvault show -n kv-bulk --query id -o tsv)" -o none
    began=$(now)
    seq "$many" | jq -c '{name: "s-\(.)", value: "value \(.)"}' | kv-set - --vault-name kv-bulk --query name -o tsv >"$folder/out" || true
    ended=$(now)
    made=$(wc -l <"$folder/out")
    report "$many secrets into one vault" "$many" 300 30 "$began" "$ended" "$made"
    cmp -s "$folder/out" <(seq -f s-%.0f "$many") && echo "  all in the order of their lines"
}

identities() {
    local many=1000 began ended made group
    [ "$quick" = false ] || many=150
    start_azure --profile azure --request-log "$folder/requests.jsonl"
    group=$(az-provision group create -n g -l eastus --query id -o tsv)
    began=$(now)
    seq -f id-%.0f "$many" | az-identity create -g g -n - |
        az-role assignment create --assignee - --role Reader --scope "$group" --query principalId -o tsv >"$folder/out" || true
    ended=$(now)
    made=$(sort -u "$folder/out" | wc -l)
    report "$many identities with a role each" "$((2 * many))" 200 10 "$began" "$ended" "$((many + made))"
}

memory() {
    local sizes='1000 10000 100000' size
    [ "$quick" = false ] || sizes='1000 3000'
    start_azure --role-delay 0s --principal-delay 0s --operation-time 0s
    az-provision group create -n g -l eastus -o none
    az-provision keyvault create -g g -n kv-bulk -o none
    az-role assignment create --assignee "$AZURE_CLIENT_ID" --role 'Key Vault Secrets Officer' \
        --scope "$(az-provision keyvault show -n kv-bulk --query id -o tsv)" -o none
    for size in $sizes; do
        seq "$size" | jq -c '{name: "s-\(.)", value: "value \(.)"}' >"$folder/secrets"
        measured "kv-set -, $size lines" kv-set - --vault-name kv-bulk --unpaced -o none <"$folder/secrets"
        measured "kv-get -, $size lines" kv-get - --vault-name kv-bulk --unpaced -o none <"$folder/secrets"
        seq -f id-%.0f "$size" >"$folder/names"
        measured "az-identity create -n -, $size lines" az-identity create -g g -n - -o none <"$folder/names"
    done
}

# Runs a command, and prints the memory that it took at most.
measured() {
    local what=$1 began pid most status=0
    shift
    began=$(now)
    "$@" <&0 &
    pid=$!
    most=$(peak "$pid")
    wait "$pid" || status=$?
    awk -v what="$what" -v most="$most" -v began="$began" -v ended="$(now)" -v status="$status" 'BEGIN {
        printf "%s: at most %.1f MB, %.0f s, exit status %d\n", what, most / 1000, ended - began, status
    }'
}

for part in "${parts[@]}"; do
    "$part"
done
