#!/bin/bash
# `make test-all`: everything there is, in parts of less than 20 minutes each on two processors.
#
#   scripts/ci/test_all.sh [PART...]     all parts, or these:
#
#   tests        make test
#   mails        10,000 random mails, taken apart by two readers of others
#   cross        make cross: the targets of every submission, emulated boards, the footprint
#   linux        the other targets with Linux
#   windows      the target with Windows
#   sanitizers   the C programs and Rust tests with sanitizers, the library's own code included
#   valgrind     all C programs under valgrind
#   fuzz         make fuzz TIME=300; and two lies in a copy of the library, which it has to find
#   load         10,000 clients with sanitizers, the library's own code included
#   bench        make bench
. "$(dirname "${BASH_SOURCE[0]}")/../common.sh"
. scripts/cross/targets.sh

parts=(tests mails cross linux windows sanitizers valgrind fuzz load bench)
host=$(host_triple)
sanitized=$target/sanitized

# AddressSanitizer wants RUSTC_BOOTSTRAP on a stable compiler. With whole-program optimisation there would be less to see.
with_sanitizer() {
  RUSTC_BOOTSTRAP=1 RUSTFLAGS=-Zsanitizer=address CARGO_BUILD_TARGET=$host CARGO_PROFILE_RELEASE_LTO=off \
    CARGO_TARGET_DIR=$sanitized "$@"
}

# The libraries that `make` builds, with it: the program brings the sanitizer's own part.
build_sanitized() { with_sanitizer scripts/people/build.sh; }

part_tests() { "${MAKE:-make}" --no-print-directory test; }

part_mails() {
  scripts/people/setup.sh test
  "${MAKE:-make}" --no-print-directory
  SDS_MAILS=10000 SDS_SMTP_LIBRARY=$release/libsds_smtp.so "${SDS_VENV:-target/venv}/bin/python" -m pytest \
    tests/python/test_random_mails.py
}

part_cross() { scripts/cross/run.sh; }

part_linux() {
  local triple triples=()
  for triple in "${hosted_more[@]}"; do [[ $triple = *windows* ]] || triples+=("$triple"); done
  scripts/cross/run.sh "${triples[@]}"
}

part_windows() { scripts/cross/run.sh x86_64-pc-windows-gnu; }

part_sanitizers() {
  scripts/people/setup.sh test
  build_sanitized
  # But for valgrind, and for programs that stand in for malloc() or read all of their own memory: so do the sanitizers. Nor
  # for forks among threads: GCC 12's sanitizer leaves its heap locked in the child.
  SDS_SMTP_TARGET_DIR=$sanitized SDS_SMTP_TESTS_UNDER=sanitizers cargo test --test c_programs -- --skip valgrind \
    --skip without_memory --skip refused_allocation --skip refused_memory --skip take_no_memory --skip are_wiped \
    --skip is_wiped --skip left_in_memory --skip fork
  cargo test --test firmware
  # The tests themselves leave words behind, which live as long as the program; and one asks for more memory than there can be.
  ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1 with_sanitizer cargo test --lib --test host --test process \
    --test random_server --test keeping --test recipients
}

part_valgrind() {
  scripts/people/setup.sh test
  SDS_SMTP_TESTS_UNDER=valgrind cargo test --test c_programs
}

part_fuzz() {
  scripts/people/setup.sh fuzz
  "${MAKE:-make}" --no-print-directory fuzz TIME=300
  scripts/ci/test_fuzz.sh
}

part_load() {
  local mode clients=10000
  scripts/people/setup.sh bench load
  build_sanitized
  make_work
  cc -std=c11 -D_DEFAULT_SOURCE -O2 "${warnings[@]}" -o "$work/load_server" benches/load_server.c
  cc -std=c11 -D_DEFAULT_SOURCE -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all "${warnings[@]}" -Iinclude \
    -o "$work/load" benches/load.c benches/heap_sanitizers.c "$sanitized/release/libsds_smtp.a" -lpthread -ldl
  for mode in measure probe poll; do
    timeout 600 "$work/load" "$work/load_server" $clients 1 $mode >"$work/output" || die "load $mode failed"
    echo "load $mode: $clients clients, clean"
  done
}

part_bench() { "${MAKE:-make}" --no-print-directory bench; }

if (($#)); then
  for part; do
    [[ " ${parts[*]} " = *" $part "* ]] || die "no part $part; there are: ${parts[*]}"
  done
  parts=("$@")
fi
need_cargo cargo
for part in "${parts[@]}"; do
  heading "Part $part"
  seconds=$SECONDS
  "part_$part"
  echo "part $part: $((SECONDS - seconds)) s"
done
heading "All parts passed: ${parts[*]}"
