# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154
# What scripts/ci/fuzz.sh and scripts/ci/test_fuzz.sh share. It is sourced behind scripts/common.sh.

mapfile -t targets < <(sed -n 's|^path = "fuzz_targets/\(.*\)\.rs"$|\1|p' fuzz/Cargo.toml)

# Everything of it: what is built, the corpus, logs, inputs that failed.
fuzz=$target/fuzz
fuzz_host=$(host_triple)
fuzz_bin=$fuzz/$fuzz_host/release

# build_targets CHECKOUT FOLDER [OPTION...]: builds them from there, in that folder, for this machine. The flags are those of cargo-fuzz: LLVM counts
# which edges were taken and shows what is compared; AddressSanitizer watches memory. That flag wants RUSTC_BOOTSTRAP on a
# stable compiler.
build_targets() {
  local checkout=$1 folder=$2
  shift 2
  command -v c++ >/dev/null || die "a C++ compiler is missing: make setup FOR=fuzz installs one"
  compgen -G "$(rustc --print sysroot)/lib/rustlib/$fuzz_host/lib/librustc-*_rt.asan.a" >/dev/null ||
    die "this Rust has no AddressSanitizer: take that of rustup"
  mkdir -p "$fuzz/log"
  RUSTC_BOOTSTRAP=1 CARGO_TARGET_DIR=$folder RUSTFLAGS="--cfg fuzzing -Zsanitizer=address -Cpasses=sancov-module \
-Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
-Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares" \
    cargo build --quiet --locked --release --manifest-path "$checkout/fuzz/Cargo.toml" --target "$fuzz_host" "$@"
}

# make_seeds CORPUS: inputs made of the dialogues, and of what the targets have.
make_seeds() {
  local name
  for name in "${targets[@]}"; do mkdir -p "$1/$name"; done
  "$fuzz_bin/seeds" tests/dialogue "$1"
}

# start_target NAME WHAT...: an input, or folders of them with options. Nobody waits longer than a minute for an input.
start_target() {
  local name=$1
  shift
  mkdir -p "$fuzz/found/$name"
  ASAN_OPTIONS=detect_leaks=0 exec_target "$name" -dict=fuzz/dictionary.txt -max_len=4096 -timeout=60 \
    -artifact_prefix="$fuzz/found/$name/" "$@"
}

# In a subshell the target takes its place: a signal to it arrives.
exec_target() {
  local name=$1
  shift
  if ((BASH_SUBSHELL)); then exec "${program:-$fuzz_bin/$name}" "$@"; else "${program:-$fuzz_bin/$name}" "$@"; fi
}
