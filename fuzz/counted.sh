#!/bin/sh
# Stands before the compiler where this project's own crates are built, and puts counters into them: at each edge, and a
# look at each comparison. It is what `cargo fuzz` does without a sanitizer, and works on the stable compiler.
# A build script is a program of its own, in which nobody counts.
case " $* " in
    *" --crate-name build_script_"*) exec "$@" ;;
esac
exec "$@" -Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares
