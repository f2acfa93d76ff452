#!/usr/bin/env bash
# The tutorial beside the same typed with az, and beside its Go program.
#
#   scripts/bench-tutorial.sh [commands] [story] [--quick] [FOLDER]
#
# commands  each command of the tutorial: wall and processor time, ours and az's in turns, medians of ten (three with
#           --quick), and kv-set beside the Go program on the machine
# story     the whole tutorial with the public cloud's times (az-local run --profile azure): ours, then az's. Takes a
#           quarter of an hour; --quick lets the clock run 20 times as fast, which az's own waiting does not follow
#
# Without a word, both. FOLDER has the tools; else they are built as they are released. az is installed from PyPI below
# target/conformance, as scripts/conformance.sh does; the Go program is built from the tutorial's text, which TUTORIAL
# names. The exit status is 1 where a goal is missed, 2 where something cannot be measured. Needs Linux.
#
# The parts are called by their names, and names here have no spaces.
# shellcheck disable=SC2317,SC2086
set -euo pipefail
tutorial=${TUTORIAL:-$(dirname -- "$0")/../../shared/tutorial.md}
[ ! -f "$tutorial" ] || tutorial=$(realpath "$tutorial")
# shellcheck source=scripts/bench-lib.sh
. "$(dirname -- "$0")/bench-lib.sh"

parts=() quick=false tools=''
for word in "$@"; do
    case $word in
        commands | story) parts+=("$word") ;;
        --quick) quick=true ;;
        -h | --help)
            sed -n '2,14s/^# \{0,1\}//p' "$0"
            exit 0
            ;;
        *)
            [ -d "$word" ] || fail "'$word' is no part (commands, story) and no folder"
            tools=$word
            ;;
    esac
done
[ ${#parts[@]} -gt 0 ] || parts=(commands story)
use_tools "$tools"
unset RUST_BACKTRACE

az_version=2.91.0
az=$target/conformance/az-$az_version
if [ ! -x "$az/bin/az" ]; then
    { python3 -m venv "$az" && "$az/bin/pip" install --quiet "azure-cli==$az_version"; } || fail "az cannot be installed"
fi
mkdir -p "$folder/az"
ln -s "$az/bin/az" "$folder/az/az"
export PATH=$folder/az:$PATH AZURE_CORE_COLLECT_TELEMETRY=no

# The Go program, byte for byte but for the indentation that Markdown's list gives it.
go_program=
if command -v go >/dev/null && [ -f "$tutorial" ]; then
    project=$target/bench/go-on-azure
    mkdir -p "$project"
    awk '/^ *```go$/ { indent = index($0, "`"); inside = 1; next }
        inside && /^ *```$/ { exit }
        inside { print substr($0, indent) }' "$tutorial" >"$project/new.go"
    if ! cmp -s "$project/new.go" "$project/main.go" || [ ! -x "$project/go-on-azure" ]; then
        mv "$project/new.go" "$project/main.go"
        rm -f "$project/go.mod"
        (cd "$project" && go mod init go-on-azure && go mod tidy && go build -o go-on-azure main.go) >"$project/log" 2>&1 ||
            fail "the tutorial's Go program cannot be built: $(tail -n 1 "$project/log")"
    fi
    go_program=$project/go-on-azure
else
    echo "Without Go and the tutorial's text (TUTORIAL=FILE) kv-set is not measured beside the Go program." >&2
fi

group=go-on-azure vm=go-on-azure-vm vault=kv-go-bench identity=GoUserIdentity
role='Key Vault Secrets Officer' image=canonical:0001-com-ubuntu-server-jammy:22_04-lts:latest
size=Standard_D2s_v5
missed=0

sign_in() {
    az login --service-principal -u "$AZURE_CLIENT_ID" -p "$AZURE_CLIENT_SECRET" --tenant "$AZURE_TENANT_ID" -o none
}

# timed TIMES COMMAND: appends milliseconds of wall and of processor time, of one of so many calls, to $folder/times.
timed() {
    local many=$1 turn times
    shift
    TIMEFORMAT='%R %U %S'
    times=$({ time for ((turn = 0; turn < many; turn++)); do eval "$*" >"$folder/out" 2>"$folder/err" || exit 1; done; } 2>&1) ||
        fail "$* failed: $(tail -n 3 "$folder/err")"
    awk -v many="$many" '{ print 1000 * $1 / many, 1000 * ($2 + $3) / many }' <<<"$times"
}

# The median, the least and the most of a column.
spread() {
    sort -g -k "$1,$1" | awk -v column="$1" '{ all[NR] = $column }
        END { printf "%.2f %.2f %.2f", all[int((NR + 1) / 2)], all[1], all[NR] }'
}

# beside GOAL CALLS OURS THEIRS: both in turns, and a row of the table.
beside() {
    local goal=$1 calls=$2 ours=$3 theirs=$4 turn
    : >"$folder/ours"
    : >"$folder/theirs"
    # One that does not count, of each.
    timed 1 "$ours" >/dev/null
    timed 1 "$theirs" >/dev/null
    for ((turn = 0; turn < runs; turn++)); do
        timed "$calls" "$ours" >>"$folder/ours"
        timed 1 "$theirs" >>"$folder/theirs"
    done
    awk -v goal="$goal" -v call="${ours%% --vault-name*}" -v ow="$(spread 1 <"$folder/ours")" -v oc="$(spread 2 <"$folder/ours")" \
        -v tw="$(spread 1 <"$folder/theirs")" -v tc="$(spread 2 <"$folder/theirs")" 'BEGIN {
        split(ow, a); split(oc, b); split(tw, c); split(tc, d)
        wall = c[1] / a[1]; cpu = b[1] > 0 ? d[1] / b[1] : 0
        met = (wall >= goal && cpu >= goal) ? "met" : "missed"
        printf "| `%s` | %s (%s - %s) | %s (%s - %s) | %.0f | %s | %s | %.0f | %s |\n", call,
            a[1], a[2], a[3], c[1], c[2], c[3], wall, b[1], d[1], cpu, met
        exit met == "missed" }' || missed=1
}

commands() {
    local calls=10 assign
    runs=10
    [ "$quick" = false ] || runs=3
    start_azure --offline --role-delay 0s --principal-delay 0s --operation-time 0s
    sign_in
    quietly() { "$@" >"$folder/out"; }
    quietly az-provision group create -n $group -l eastus
    quietly az-provision vm create -g $group -n $vm --image $image --size $size --admin-username azureuser --generate-ssh-keys
    quietly az-provision keyvault create -g $group -n $vault -l eastus --enable-rbac-authorization
    quietly az-identity create -g $group -n $identity
    quietly az-identity vm assign -g $group -n $vm
    principal=$(az-identity vm show -g $group -n $vm --query principalId -o tsv)
    scope=$(az-provision keyvault show -n $vault --query id -o tsv)
    for assign in "$principal" "$AZURE_CLIENT_ID"; do
        quietly az-role assignment create --assignee "$assign" --role "$role" --scope "$scope"
    done
    echo value | quietly kv-set secret --vault-name $vault --wait-for-access 1m
    export principal scope role
    echo "== commands of the tutorial: medians of $runs (least - most) in ms, ours the mean of $calls calls each (load $(load)) =="
    echo
    echo '| command | wall, ours | wall, az | times | CPU, ours | CPU, az | times | goal 100 |'
    echo '|---|---|---|---|---|---|---|---|'
    beside 100 $calls "az-provision group create -n $group -l eastus" "az group create -n $group -l eastus"
    beside 100 $calls "az-provision keyvault show -n $vault" "az keyvault show -n $vault"
    beside 100 $calls "az-provision vm show -d -g $group -n $vm" "az vm show -d -g $group -n $vm"
    beside 100 $calls "az-identity create -g $group -n $identity" "az identity create -g $group -n $identity"
    beside 100 $calls "az-identity show -g $group -n $identity" "az identity show -g $group -n $identity"
    beside 100 $calls "az-identity vm assign -g $group -n $vm" "az vm identity assign -g $group -n $vm"
    beside 100 $calls "az-identity vm show -g $group -n $vm" "az vm identity show -g $group -n $vm"
    # shellcheck disable=SC2016  # expanded where it is run
    beside 100 $calls 'az-role assignment create --assignee $principal --role "$role" --scope $scope' \
        'az role assignment create --assignee $principal --role "$role" --scope $scope'
    beside 100 $calls "kv-set secret --value value --vault-name $vault" "az keyvault secret set -n secret --value value --vault-name $vault"
    beside 100 $calls "kv-get secret --vault-name $vault" "az keyvault secret show -n secret --vault-name $vault"
    echo
    [ -n "$go_program" ] || return 0
    az-local vm exec -g $group -n $vm -- cp "$go_program" "$(command -v kv-set)" .
    # The loops run on the machine, so that what it takes to get there does not count.
    cat >"$folder/loop" <<'LOOP'
TIMEFORMAT='%R %U %S'
loop() {
    local many=$1 turn
    shift
    time for ((turn = 0; turn < many; turn++)); do "$@" >/dev/null || exit 1; done
}
ours() { ./kv-set quickstart-secret --value createdWithRust --show-value -o text; }
ours && ./go-on-azure || exit 1
for ((run = 0; run < RUNS; run++)); do
    echo "ours $({ loop 10 ours; } 2>&1)"
    echo "go $({ loop 10 ./go-on-azure; } 2>&1)"
done
LOOP
    az-local vm exec -g $group -n $vm --env "KEY_VAULT_NAME=$vault" --env "RUNS=$runs" -- bash "$folder/loop" >"$folder/loops"
    for who in ours go; do
        awk -v who=$who '$1 == who && NF == 4 { print 100 * $2, 100 * ($3 + $4) }' "$folder/loops" >"$folder/$who"
    done
    echo "== kv-set beside the tutorial's Go program on the machine: medians of $runs times 10 calls, in ms (load $(load)) =="
    echo
    echo '| | wall (least - most) | CPU (least - most) |'
    echo '|---|---|---|'
    awk -v ow="$(spread 1 <"$folder/ours")" -v oc="$(spread 2 <"$folder/ours")" -v gw="$(spread 1 <"$folder/go")" \
        -v gc="$(spread 2 <"$folder/go")" 'BEGIN {
        split(ow, a); split(oc, b); split(gw, c); split(gc, d)
        printf "| `kv-set` | %s (%s - %s) | %s (%s - %s) |\n", a[1], a[2], a[3], b[1], b[2], b[3]
        printf "| the Go program | %s (%s - %s) | %s (%s - %s) |\n", c[1], c[2], c[3], d[1], d[2], d[3]
        wall = c[1] / a[1]; cpu = d[1] / b[1]
        met = (wall >= 3 && cpu >= 3)
        printf "| times (goal 3: %s) | %.1f | %.1f |\n\n", met ? "met" : "missed", wall, cpu
        exit !met }' || missed=1
}

# Runs a command of a story, and prints what it took.
typed() {
    local began status=0
    began=$(now)
    "$@" >"$folder/printed" 2>"$folder/err" || status=$?
    awk -v began="$began" -v ended="$(now)" -v line="$(printf '%.70s' "$*")" 'BEGIN { printf "%8.1f s  %s\n", ended - began, line }'
    [ "$status" -eq 0 ] || {
        tail -n 3 "$folder/err" >&2
        fail "$* failed"
    }
}

# The tutorial as a person types it with az; the program is run again until the role takes effect.
with_az() {
    typed az group create --name $group --location eastus
    typed az vm create --resource-group $group --name $vm --image $image --size $size --admin-username azureuser \
        --admin-password 'Bench-mark-2026'
    typed az keyvault create --location eastus --name $vault --resource-group $group --enable-rbac-authorization
    typed az vm identity assign -g $group -n $vm
    typed az vm identity show --name $vm --resource-group $group --query principalId -o tsv
    principal=$(cat "$folder/printed")
    typed az keyvault show --name $vault --query id -o tsv
    scope=$(cat "$folder/printed")
    typed az role assignment create --assignee "$principal" --role "$role" --scope "$scope"
    typed az vm show -d -g $group -n $vm --query publicIps -o tsv
    az-local vm exec -g $group -n $vm -- cp "$program" program
    typed program
    typed az group delete --name $group --force-deletion-types Microsoft.Compute/virtualMachines --yes
    typed az keyvault purge --name $vault
}

program() {
    until az-local vm exec -g $group -n $vm --env "KEY_VAULT_NAME=$vault" -- ./program; do sleep 5; done
}

story() {
    local speed=1 began ours theirs
    [ "$quick" = false ] || speed=20
    program=$go_program
    [ -n "$program" ] || fail "the story needs the tutorial's Go program"
    echo "== the whole tutorial with the public cloud's times, at $speed times its speed (load $(load)) =="
    echo
    start_azure --offline --profile azure --speed $speed
    began=$(now)
    STATIC_DIR=/nonexistent KEY_VAULT_NAME=$vault SIZE=$size "$root/scripts/tutorial.sh" --identity system >"$folder/out" 2>"$folder/err" || {
        tail -n 5 "$folder/err" >&2
        fail "scripts/tutorial.sh failed"
    }
    ours=$(awk -v began="$began" -v ended="$(now)" 'BEGIN { printf "%.1f", ended - began }')
    grep -E '^[0-9.]+ s  ' "$folder/err"
    echo "$ours s with scripts/tutorial.sh"
    echo
    start_azure --offline --profile azure --speed $speed
    sign_in
    began=$(now)
    with_az
    theirs=$(awk -v began="$began" -v ended="$(now)" 'BEGIN { printf "%.1f", ended - began }')
    echo "$theirs s typed with az"
    echo
    awk -v ours="$ours" -v theirs="$theirs" 'BEGIN {
        met = (ours <= theirs / 2)
        printf "ours takes %.2f of az; goal 0.50: %s\n\n", ours / theirs, met ? "met" : "missed"; exit !met }' || missed=1
}

for part in "${parts[@]}"; do
    "$part"
done
exit "$missed"
