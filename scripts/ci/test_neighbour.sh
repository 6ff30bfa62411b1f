#!/bin/bash
# The static library beside another Rust library, in the ways that programs are linked: whichever comes first, a mail is sent
# while the other one panics and catches it; and one over TLS, where the library has that. LEAN=1: it has not.
. "$(dirname "${BASH_SOURCE[0]}")/../common.sh"
. scripts/boards/certificates.sh
. scripts/ci/neighbour.sh

archive=$release/libsds_smtp.a
need_files "$archive"
make_work
mails=2
! is_lean || mails=1
make_certificates "$work/tls" ec DNS:mx.example.test,IP:127.0.0.1
host=$(host_triple)

cc -std=c99 -O2 "${warnings[@]}" -Iinclude -c -o "$work/program.o" tests/neighbour/program.c
cc -std=c99 -O2 -flto "${warnings[@]}" -Iinclude -c -o "$work/lto.o" tests/neighbour/program.c

# send_beside OBJECT OPTION...
send_beside() {
  local object=$work/$1.o libraries
  shift
  while read -ra libraries; do
    # glibc warns of what static programs cannot have; the neighbour's standard library asks for it.
    cc -o "$work/beside" "$object" "${libraries[@]}" -lpthread -ldl "$@" >"$work/linker" 2>&1 ||
      die "no program with ${libraries[*]} $*: $(<"$work/linker")"
    start_sink --mails $mails
    start_front "$work/tls/chain.pem" "$work/tls/key.pem"
    words=("$port")
    is_lean || words+=("$implicit_port" "$work/tls/authority.pem")
    "$work/beside" "${words[@]}" >"$work/output" 2>&1 || die "the program with ${libraries[*]} $* failed: $(<"$work/output")"
    stop_front
    wait_sink || die "not every mail arrived with ${libraries[*]} $*: $(<"$work/sink.err")"
  done < <(in_both_orders)
}

# With whole-program optimisation of its own and without.
for lto in fat off; do
  export CARGO_PROFILE_RELEASE_LTO=$lto
  make_neighbours "$host" "$target/neighbour/$lto" cargo
  send_beside program
  send_beside program -static
done
send_beside program -static-pie
send_beside program -Wl,--gc-sections
send_beside program -static -Wl,--gc-sections
send_beside lto -O2 -flto
send_beside lto -O2 -flto -static -Wl,--gc-sections
echo 'test_neighbour.sh: ok'
