#!/bin/sh
# Builds kv-set and kv-get as one static file each, which runs on any Linux of its architecture with nothing installed
# there: what the tutorial's "install Go, go get, go build" on the machine is for.
#
#   scripts/build-static.sh [x86_64] [aarch64]     without a word: this computer's architecture
#
# Prints the files: target/static/<architecture>/kv-set and kv-get. They trust the machine's own certificates
# (ca-certificates, which every image of Azure's has; SSL_CERT_FILE names others).
#
# Needs Rust's target <architecture>-unknown-linux-musl, which rustup adds if it is missing, and for another
# architecture than this computer's a C compiler for it: <architecture>-linux-musl-gcc or <architecture>-linux-gnu-gcc.
set -eu
cd "$(dirname -- "$0")/.."

fail() {
    echo "build-static.sh: $*" >&2
    exit 1
}

host=$(uname -m)
[ "$host" != arm64 ] || host=aarch64
[ $# -gt 0 ] || set -- "$host"

for architecture in "$@"; do
    case $architecture in
        x86_64 | aarch64) ;;
        *)
            echo "build-static.sh: '$architecture' is not an architecture that it knows: x86_64 or aarch64" >&2
            exit 2
            ;;
    esac
    target=$architecture-unknown-linux-musl

    if ! [ -d "$(rustc --print target-libdir --target "$target" 2>/dev/null)" ]; then
        command -v rustup >/dev/null || fail "Rust's target $target is not installed, and there is no rustup to add it"
        rustup target add "$target" >&2 || fail "Rust's target $target could not be added"
    fi

    # What is written in C of the cryptography needs no C library: this computer's compiler is good for its own
    # architecture, and so is any other's that only knows glibc.
    compiler=
    for candidate in "$architecture-linux-musl-gcc" "$architecture-linux-gnu-gcc"; do
        if command -v "$candidate" >/dev/null; then
            compiler=$candidate
            break
        fi
    done
    if [ -z "$compiler" ] && [ "$architecture" = "$host" ]; then
        compiler=${CC:-cc}
    fi
    [ -n "$compiler" ] || fail "there is no C compiler for $architecture: install $architecture-linux-gnu-gcc"

    name=$(echo "$target" | tr - _)
    upper=$(echo "$name" | tr '[:lower:]' '[:upper:]')
    env "CC_$name=$compiler" "CARGO_TARGET_${upper}_LINKER=$compiler" \
        "CARGO_TARGET_${upper}_RUSTFLAGS=-C target-feature=+crt-static -C link-self-contained=yes" \
        cargo build --release --locked --quiet --target "$target" -p kv-set -p kv-get

    built=${CARGO_TARGET_DIR:-target}/$target/release
    static=${CARGO_TARGET_DIR:-target}/static/$architecture
    mkdir -p "$static"
    for tool in kv-set kv-get; do
        cp -f "$built/$tool" "$static/.$tool.new"
        mv -f "$static/.$tool.new" "$static/$tool"
        echo "$static/$tool"
    done
done
