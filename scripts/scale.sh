#!/usr/bin/env bash
# Deploys a simulated fleet on the local Azure, with the public cloud's times on a clock that runs faster, and prints how
# long it took beside how long it must take at least.
#
#   scripts/scale.sh [MACHINES...]        default: 1000 10000
#
# SUBSCRIPTIONS (50), JOBS (32), SPEED (20) and MACHINES_A_GROUP (100) are taken from the environment. BIN names a folder
# with built az-local and az-provision; without it, they are built as they are released. See docs/scale.md.
set -euo pipefail
# shellcheck source=scripts/bench-lib.sh
. "$(dirname -- "$0")/bench-lib.sh"
subscriptions=${SUBSCRIPTIONS:-50} jobs=${JOBS:-32} speed=${SPEED:-20} a_group=${MACHINES_A_GROUP:-100}
[ $# -gt 0 ] || set -- 1000 10000

use_tools "${BIN:-}"

# Seconds of the public cloud, as docs/profiles.md has them: a deployment of groups takes the least that a deployment
# takes, one with machines as long as a machine; whoever waits looks every 15 s, and at this speed never before a second
# is over.
of_groups=10 of_machines=68 poll=15
waited() {
    awk -v takes="$1" -v speed="$speed" -v poll="$poll" 'BEGIN {
        step = int(poll / speed + 0.999); if (step < 1) step = 1
        turns = int(takes / speed / step + 0.999); if (turns < 1) turns = 1
        print turns * step }'
}
up() { echo $((($1 + $2 - 1) / $2)); }

printf '%9s %6s %12s %10s %9s %9s %7s %14s\n' \
    machines groups deployments resources wall_s bound_s times ms_a_machine
for machines in "$@"; do
    start_azure --subscriptions "$subscriptions" --profile azure --speed "$speed" --offline
    az-local status -o json | grep -o '"id": *"[0-9a-f-]*"' | grep -o '[0-9a-f-]\{36\}' |
        head -n "$subscriptions" >"$folder/subscriptions"
    # A network, a vault, an identity and a role for each group; an interface and a machine for each line.
    awk -v machines="$machines" -v a_group="$a_group" '
        { ids[NR - 1] = $1 }
        END {
            for (at = 0; at < machines; at++) {
                group = int(at / a_group)
                printf "{\"name\":\"vm%d\",\"subscription\":\"%s\",\"resourceGroup\":\"fleet-%d\"," \
                    "\"vault\":\"kv-fleet-%d\",\"identity\":\"fleet-%d\",\"role\":\"Key Vault Secrets Officer\"}\n",
                    at, ids[group % NR], group, group, group
            }
        }' "$folder/subscriptions" >"$folder/fleet.jsonl"
    groups=$(up "$machines" "$a_group")
    used=$((groups < subscriptions ? groups : subscriptions))
    began=$(now)
    az-provision all --as-template "$folder/fleet.jsonl" -l eastus --admin-username ada --generate-ssh-keys \
        --public-ip-address '' --nsg fleet --only-show-errors --jobs "$jobs" --deploy \
        >"$folder/made"
    ended=$(now)
    bound=$(($(up "$used" "$jobs") * $(waited "$of_groups") + $(up "$groups" "$jobs") * $(waited "$of_machines")))
    awk -v machines="$machines" -v groups="$groups" -v began="$began" -v ended="$ended" -v bound="$bound" '
        match($0, /"resources":[0-9]+/) { resources += substr($0, RSTART + 12, RLENGTH - 12) }
        END { wall = ended - began
            printf "%9d %6d %12d %10d %9.1f %9d %7.2f %14.1f\n",
                machines, groups, NR, resources, wall, bound, wall / bound, wall * 1000 / machines }' "$folder/made"
done
