#!/bin/sh
# Fuzz: run.sh [SECONDS [TARGET...]]; 60 seconds for each of all targets when nothing is said. With `keep` for SECONDS, the
# committed corpus becomes the fewest inputs that reach every branch reached so far.
#
# Works on stable Rust: the compiler's own coverage pass is asked for by name. libFuzzer comes with the crate libfuzzer-sys
# and takes a C++ compiler; where there is none this says so and ends well: the tests run the committed corpus all the same.
# What fails stands in target/fuzz/found: put it into rust/fuzz/corpus/TARGET, and the case into tests/data.
set -eu
cd "$(dirname "$0")"

seconds=${1:-60}
[ $# -eq 0 ] || shift
[ $# -gt 0 ] || set -- chunk command decode encode header proxy session

cxx=${CXX:-c++}
if ! command -v "$cxx" >/dev/null 2>&1; then
    echo "Not fuzzed: libFuzzer takes a C++ compiler, and $cxx is not here. The tests still run the corpus." >&2
    exit 0
fi
if [ "$(uname -s)" != Linux ]; then
    echo "Not fuzzed: this has been tried on Linux only. The tests still run the corpus." >&2
    exit 0
fi

# With the target named, build scripts are compiled without these.
host=$(rustc -vV | sed -n 's/^host: //p')
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$PWD/../../target}/fuzz"
export RUSTFLAGS="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
-Cllvm-args=-sanitizer-coverage-trace-compares"
cargo build --quiet --release --locked --target "$host"

mkdir -p "$CARGO_TARGET_DIR/found"
for target in "$@"; do
    # The first folder takes what is new.
    mkdir -p "$CARGO_TARGET_DIR/corpus/$target" "corpus/$target"
    if [ "$seconds" = keep ]; then
        rm -rf "$CARGO_TARGET_DIR/kept" && mkdir "$CARGO_TARGET_DIR/kept"
        "$CARGO_TARGET_DIR/$host/release/$target" -set_cover_merge=1 -use_counters=0 "$CARGO_TARGET_DIR/kept" "corpus/$target" \
            "$CARGO_TARGET_DIR/corpus/$target" 2>&1 | tail -n 1
        rm -rf "corpus/$target" && mv "$CARGO_TARGET_DIR/kept" "corpus/$target"
        continue
    fi
    echo "fuzz: $target, $seconds s"
    log=$CARGO_TARGET_DIR/$target.log
    if ! "$CARGO_TARGET_DIR/$host/release/$target" "$CARGO_TARGET_DIR/corpus/$target" "corpus/$target" -dict=smtp.dict \
        -max_total_time="$seconds" -max_len=2048 -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
        -artifact_prefix="$CARGO_TARGET_DIR/found/$target-" >"$log" 2>&1; then
        cat "$log" >&2
        exit 1
    fi
    grep -E '^#[0-9]+.DONE|^stat::(number_of|average|new_units|peak)' "$log"
done
