#!/bin/bash
# The whole library for a target with an operating system: builds it with the standard library, links C programs to both
# libraries, and runs them against the mail sink of this machine, with TLS in front of it and without.
#
#   scripts/cross/hosted.sh TRIPLE     LEAN=1: the lean libraries, without the features tls and unicode
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
. scripts/boards/certificates.sh
. scripts/ci/neighbour.sh

triple=${1:-}
facts_of "$triple" || unknown_target "$triple"
# As cargo spells it in its variables.
variable=${triple^^}
variable=${variable//-/_}
out=$cross/$triple/$triple/release
shared=$out/libsds_smtp.so
archive=$out/libsds_smtp.a

# They take the place of the system's trust store.
unset SSL_CERT_FILE SSL_CERT_DIR

from=unit7@example.com
to=operator@example.com

# The sink that was started first, where a test has two.
first_pid=

clean_up_cross() {
  [[ -z $first_pid ]] || kill "$first_pid" 2>/dev/null || true
  # What runs Windows programs stays for a while, and holds its files.
  if [[ -n ${WINEPREFIX:-} ]]; then wineserver -k && wineserver -w; fi >/dev/null 2>&1 || true
  clean_up
}

# The standard library comes without its printer of backtraces, which would be more than half of the library.
standard_library=-Zbuild-std=std,panic_unwind
without_printer=-Zbuild-std-features=panic-unwind

# The same as `make` builds.
features=(--features reserve)
! is_lean || features=(--no-default-features --features std)

# build TARGET_FOLDER CRATE_TYPES CARGO...
build() {
  local folder=$1 types=$2
  shift 2
  "$@" rustc --release --lib --crate-type "$types" "${features[@]}" --target "$triple" --target-dir "$folder" \
    "$standard_library" "$without_printer"
}

prepare_linux() {
  export "CARGO_TARGET_${variable}_LINKER=$PWD/scripts/cross/linker.sh" LINKER=$gnu-gcc
  build "$cross/$triple" cdylib,staticlib cross_cargo
  cc=("$gnu-gcc")
  tools=$gnu-
  export CROSS_COMPILE=$tools
  builder=cross_cargo
  # The same line as natively (README).
  archive_libraries=(-lpthread -ldl)
  ln -s "$shared" "$work/$soname"
  runner=("$qemu" -L "/usr/$gnu" -E "LD_LIBRARY_PATH=$work")
  run_by=${qemu%-static}
}

# The static library is built for programs without a loader, the shared one for those with one: two builds.
prepare_musl() {
  need_files "$target/zig/bin/cargo-zigbuild"
  export PATH=$target/zig/bin:$PATH
  build "$cross/$triple" staticlib cross_cargo_zig
  RUSTFLAGS="${RUSTFLAGS:-} -Ctarget-feature=-crt-static" build "$cross/$triple-shared" cdylib cross_cargo_zig
  shared=$cross/$triple-shared/$triple/release/libsds_smtp.so
  cc=(python -m ziglang cc -target x86_64-linux-musl)
  builder=cross_cargo_zig
  # It links to static libraries where it is not told otherwise.
  dynamic=(-dynamic)
  archive_libraries=(-lunwind)
  ln -s "$shared" "$work/$soname"
  # This machine's own processor.
  runner=(env "LD_LIBRARY_PATH=$work")
  run_by='this machine'
}

prepare_windows() {
  export "CARGO_TARGET_${variable}_LINKER=$gnu-gcc-posix"
  build "$cross/$triple" cdylib,staticlib cross_cargo
  shared=$out/sds_smtp.dll
  cc=("$gnu-gcc-posix")
  tools=$gnu- exe=.exe
  export CROSS_COMPILE=$tools
  builder=cross_cargo
  # What `cargo rustc -- --print native-static-libs` says.
  archive_libraries=(-lkernel32 -lntdll -luserenv -lws2_32 -ldbghelp)
  # A program finds it in its own folder; and what this wine may lack.
  ln -s "$shared" "$work/"
  "${cc[@]}" -shared -o "$work/bcryptprimitives.dll" scripts/cross/bcryptprimitives.c -ladvapi32
  export WINEPREFIX=$work/wine WINEDEBUG=-all
  mkdir "$WINEPREFIX"
  wineboot --init >/dev/null 2>&1 || die 'wine cannot make its folder'
  runner=(wine)
  run_by=wine
}

# run_beside NAME MAILS ARGUMENT...
run_beside() {
  local name=$1 mails=$2
  shift 2
  run "$name" "$@"
  wait_sink || die "beside another library not every mail arrived: $(<"$work/sink.err")"
  mails_arrived "$mails"
}

# Beside another Rust library, which panics meanwhile, and has ring and an allocator, too.
beside_another() {
  local libraries number=0
  make_neighbours "$triple" "$cross/$triple" "$builder" "$standard_library" "$without_printer"
  # Its own ring needs one more.
  [[ $kind != windows ]] || archive_libraries+=(-lbcrypt)
  while read -ra libraries; do
    number=$((number + 1))
    compile "beside$number" tests/neighbour/program.c -static "${libraries[@]}" "${archive_libraries[@]}"
    rm -rf "$work/mails"
    if is_lean; then
      start_sink --mails 1
      run_beside "beside$number" 1 "$port"
    else
      start_sink --mails 2
      start_front "$work/ec/chain.pem" "$work/ec/key.pem"
      run_beside "beside$number" 2 "$port" "$implicit_port" "$work/ec/authority.pem"
      stop_front
    fi
  done < <(in_both_orders)
  echo "beside another Rust library, in both orders: $(tr -d '\r' <"$work/output" | paste -sd ';')"
}

cross_cargo_zig() { RUSTC=$cross_rustc RUSTC_BOOTSTRAP=1 cargo-zigbuild "$@"; }

compile() {
  local name=$1 source=$2
  shift 2
  "${cc[@]}" -std=c99 -D_GNU_SOURCE -O2 "${warnings[@]}" -Iinclude -o "$work/$name$exe" "$source" "$@" ||
    die "$source could not be built for $triple"
}

run() {
  local name=$1
  shift
  timeout 120 "${runner[@]}" "$work/$name$exe" "$@" </dev/null >"$work/output" 2>&1 ||
    die "$name failed on $triple with exit code $?: $(<"$work/output")"
}

# The shared library offers the functions of the header and nothing else.
check_exports() {
  local documented offered
  documented=$(functions_of include/sds_smtp.h)
  [[ $(wc -l <<<"$documented") -ge 16 ]] || die 'the functions of the header were not found'
  case $kind in
    windows) offered=$("${tools}objdump" -p "$shared" | sed -n '/Ordinal\/Name Pointer/,/^$/s/^.*[0-9]\] //p' | sort) ;;
    *) offered=$("${tools}nm" -D --defined-only --format=posix "$shared" | cut -d' ' -f1 | sort) ;;
  esac
  [[ $offered = "$documented" ]] || die "the shared library offers other functions than the header: $offered"
}

# The static library offers these, and has everything else that is global under names of its own: there may be another Rust library
# beside it. On MIPS and Windows there is such.
check_names() {
  local offered
  offered=$("${tools}nm" --extern-only --defined-only --format=posix "$archive" 2>/dev/null | awk '$2 ~ /^[A-Z]$/ {print $1}' |
    grep -vE '^([.]refptr[.])?sds_smtp_internal_|^[.]refptr[.]_tls_used$' | sort)
  [[ $offered = "$(functions_of include/sds_smtp.h)" ]] || die "the static library offers other functions than the header: $offered"
}

# mails_arrived N: there are N mails, and each has the text that first_mail sends.
mails_arrived() {
  local mails
  mails=$(grep -lx $'Toto je testovaci email.\r' "$work"/mails/*.eml 2>/dev/null | wc -l)
  [[ $mails = "$1" ]] || die "$mails of $1 mails arrived: $(<"$work/dialogue")"
}

send_mails() {
  local program
  start_sink --user unit7 --password secret --mails "$#"
  for program; do
    run "$program" 127.0.0.1 "$port" unit7 secret "$from" "$to"
    grep -q '^outcome  *SENT' "$work/output" || die "$program: $(<"$work/output")"
    echo "$program: $(grep '^code' "$work/output" | tr -d '\r')"
  done
  wait_sink || die "not every mail arrived: $(<"$work/sink.err")"
  mails_arrived "$#"
}

# Files and what a function gives, octet for octet, whatever the system's paths look like. Of what is no file nothing is sent.
attached() {
  local folder=$work/files
  mkdir -p "$folder"
  [[ $kind != windows ]] || folder=Z:${folder//\//\\}
  rm -rf "$work/mails"
  compile attached scripts/cross/attached.c -static "$archive" "${archive_libraries[@]}"
  start_sink --mails 2
  run attached "$port" "$folder"
  tr -d '\r' <"$work/output"
  wait_sink || die "attached: not every mail arrived: $(<"$work/sink.err")"
  mails_arrived 2
  python3 scripts/cross/attached.py "$work"/mails/*.eml || die 'attached: other octets or names arrived'
}

end_first() {
  kill "$first_pid"
  wait "$first_pid" 2>/dev/null || true
  first_pid=
}

# trust AUTHORITY: the system does, from now on.
trust() {
  if [[ $kind = windows ]]; then
    openssl x509 -in "$1" -outform DER -out "$work/trusted.der"
    run trust_windows "$work/trusted.der"
  else
    # In place of the file with all the authorities of the system.
    export SSL_CERT_FILE=$1
  fi
}

# Mails over TLS, implicit and with STARTTLS: with TLS 1.3 and P-256, with TLS 1.2 and RSA. A CA, a pin, the system's trust
# store; and certificates that are refused, to whose servers not a word is said.
secured() {
  local keys options version stranger=$work/stranger/authority.pem
  compile secured scripts/cross/secured.c -static "$archive" "${archive_libraries[@]}"
  [[ $kind != windows ]] || compile trust_windows scripts/cross/trust_windows.c -lcrypt32
  make_certificates "$work/stranger"
  for keys in ec rsa; do
    options=() version=772
    [[ $keys = ec ]] || options=(--tls12) version=771
    make_certificates "$work/$keys" "$keys" DNS:mx.example.test,IP:127.0.0.1
    rm -rf "$work/mails"
    start_sink --user unit7 --password secret --mails 8
    start_front "${options[@]}" "$work/$keys/chain.pem" "$work/$keys/key.pem"
    run secured "$implicit_port" "$starttls_port" "$version" "$work/$keys/authority.pem" "$stranger" "$(pin_of "$work/$keys/chain.pem")"
    echo "$keys: $(tr -d '\r' <"$work/output")"
    trust "$stranger"
    run secured "$implicit_port" "$starttls_port" "$version" system 37
    trust "$work/$keys/authority.pem"
    run secured "$implicit_port" "$starttls_port" "$version" system 0
    echo "$keys, the system's trust store: $(tr -d '\r' <"$work/output")"
    wait_sink || die "secured: not every mail arrived: $(<"$work/sink.err")"
    stop_front
    mails_arrived 8
    [[ $(grep -c ' EHLO ' "$work/dialogue") = 8 ]] || die "secured: a server that is not trusted was spoken to: $(<"$work/dialogue")"
  done
}

# TLS in threads, in an event loop, over functions of the program, and in the children of a fork.
tls() {
  local plain_port
  compile tls tests/c/tls.c -static "$archive" "${archive_libraries[@]}"
  start_sink
  first_pid=$sink_pid sink_pid='' plain_port=$port
  rm -rf "$work/mails"
  start_sink --user kotelna --password tajne-heslo
  start_front "$work/ec/chain.pem" "$work/ec/key.pem"
  run tls "$implicit_port" "$starttls_port" "$plain_port" "$work/ec/authority.pem"
  cat "$work/output"
  stop_front
  stop_sink
  end_first
}

# Every wrong call gets its code, and nobody connects for it.
misuse() {
  start_sink
  first_pid=$sink_pid sink_pid=
  local silent_port=$port
  mv "$work/dialogue" "$work/silence"
  start_sink --mails 2
  run misuse "$silent_port" "$port"
  tr -d '\r' <"$work/output"
  wait_sink || die "misuse: not every mail arrived: $(<"$work/sink.err")"
  end_first
  [[ ! -s $work/silence ]] || die "a wrong call connected to the server: $(<"$work/silence")"
}

# A hundred threads send at once, on a server that never says a word: one may.
threads() {
  start_sink --greeting-delay 60000
  run threads "$port"
  tr -d '\r' <"$work/output"
  stop_sink
}

# rust_tests TEST...: for what the C programs do not reach.
rust_tests() {
  export "CARGO_TARGET_${variable}_RUNNER=${runner[*]}"
  cross_cargo test --quiet --target "$triple" --target-dir "$cross/$triple" \
    "$standard_library,test" "$without_printer" --lib "${@/#/--test=}"
}

# Children of one process send, each with a Message-ID of its own.
forks() {
  compile siblings tests/c/siblings.c -static "$archive" "${archive_libraries[@]}"
  start_sink
  run siblings "$port"
  stop_sink
  echo "siblings: $(wc -l <"$work/output") Message-IDs, none twice"
}

# With 32 bits a handle has the least room.
handles() {
  compile handles tests/c/handles.c -static "$archive" "${archive_libraries[@]}"
  run handles
  tr -d '\r' <"$work/output"
}

build_sink
make_work
trap clean_up_cross EXIT
tools='' exe='' dynamic=()
"prepare_$kind"
need_files "$shared" "$archive"
# As `make` leaves it.
scripts/people/archive.sh "$archive"
check_exports
check_names

first_mail=c_examples/first_mail.c
compile archive "$first_mail" "$archive" "${archive_libraries[@]}"
compile static "$first_mail" -static "$archive" "${archive_libraries[@]}"
compile shared "$first_mail" "${dynamic[@]}" "$shared"
for program in layout misuse threads; do
  compile "$program" "tests/c/$program.c" -static "$archive" "${archive_libraries[@]}"
done

run layout
echo 'layout: sizes and offsets are the published ones'
send_mails archive static shared
attached
is_lean || secured
beside_another
# Windows has no fork, and other sockets.
[[ $kind = windows ]] || is_lean || tls
misuse
threads
# Windows has no fork.
[[ $kind = windows ]] || forks
case $triple in
  armv7-* | mipsel-*) handles ;;
esac
case $triple in
  # The other byte order: everything that is put together of octets.
  s390x-unknown-linux-gnu) rust_tests dialogue transitions ;;
  # The other system: sockets, deadlines, resets.
  x86_64-pc-windows-gnu) WINEPATH=$work rust_tests host ;;
esac

table="$cross/tables/the library for systems"
mkdir -p "$cross/tables"
[[ -e $table ]] || printf '| target | shared library, bytes | its text | static library, bytes | run by |\n| --- | --: | --: | --: | --- |\n' >"$table"
line="| \`$triple\` | $(bytes_of "$shared") | $(text_of "${tools}size" "$shared") | $(bytes_of "$archive") | $run_by |"
echo "$line" >>"$table"
echo "$line"
