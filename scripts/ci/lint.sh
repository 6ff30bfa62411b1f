#!/bin/bash
# `make lint`: format, clippy in every feature combination, the core without std, and the scripts' syntax.
. "$(dirname "${BASH_SOURCE[0]}")/../common.sh"

step() {
  echo "+ $*"
  "$@"
}

step cargo fmt --all --check
step cargo clippy --workspace --all-targets -- -D warnings
step cargo clippy --all-targets --features header -- -D warnings
step cargo clippy --all-targets --no-default-features --features std -- -D warnings
step cargo clippy --lib --features reserve -- -D warnings
step cargo clippy --lib --no-default-features --features std,tls -- -D warnings
step cargo clippy --lib --no-default-features -- -D warnings
step cargo clippy --lib --no-default-features --features firmware -- -D warnings
step cargo clippy --lib --no-default-features --features firmware,complete -- -D warnings
step cargo clippy --lib --features firmware -- -D warnings
step cargo check --no-default-features
step cargo fmt --check --manifest-path fuzz/Cargo.toml
# Nothing is linked here, so that the part in C++ need not be built.
step env CUSTOM_LIBFUZZER_PATH=/none/libfuzzer.a \
  cargo clippy --locked --manifest-path fuzz/Cargo.toml --target-dir "$target/fuzz/lint" --all-targets -- -D warnings
while IFS= read -r script; do bash -n "$script"; done < <(find scripts benches tests -name '*.sh'; echo .ci/run)
if command -v shellcheck >/dev/null; then step shellcheck -x scripts/*.sh scripts/{people,ci,boards,cross}/*.sh benches/{,footprint/}*.sh tests/{abi,golden}/*.sh .ci/run; fi
