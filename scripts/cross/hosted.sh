#!/bin/bash
# The whole library for a target with an operating system: builds it with the standard library, links C programs to both
# libraries, and runs them against the mail sink of this machine.
#
#   scripts/cross/hosted.sh TRIPLE
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
. scripts/ci/neighbour.sh

triple=${1:-}
facts_of "$triple" || unknown_target "$triple"
# As cargo spells it in its variables.
variable=${triple^^}
variable=${variable//-/_}
out=$cross/$triple/$triple/release
shared=$out/libsds_smtp.so
archive=$out/libsds_smtp.a

from=unit7@example.com
to=operator@example.com

silent_pid=

clean_up_cross() {
  [[ -z $silent_pid ]] || kill "$silent_pid" 2>/dev/null || true
  # What runs Windows programs stays for a while, and holds its files.
  if [[ -n ${WINEPREFIX:-} ]]; then wineserver -k && wineserver -w; fi >/dev/null 2>&1 || true
  clean_up
}

# The standard library comes without its printer of backtraces, which would be more than half of the library.
standard_library=-Zbuild-std=std,panic_unwind
without_printer=-Zbuild-std-features=panic-unwind

# build TARGET_FOLDER CRATE_TYPES CARGO...
build() {
  local folder=$1 types=$2
  shift 2
  "$@" rustc --release --lib --crate-type "$types" --target "$triple" --target-dir "$folder" \
    "$standard_library" "$without_printer"
}

prepare_linux() {
  export "CARGO_TARGET_${variable}_LINKER=$gnu-gcc"
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
  # What `cargo rustc -- --print native-static-libs` says.
  archive_libraries=(-lkernel32 -lntdll -luserenv -lws2_32 -ldbghelp)
  # A program finds it in its own folder.
  ln -s "$shared" "$work/"
  export WINEPREFIX=$work/wine WINEDEBUG=-all
  mkdir "$WINEPREFIX"
  wineboot --init >/dev/null 2>&1 || die 'wine cannot make its folder'
  runner=(wine)
  run_by=wine
}

# One object, as \`make\` leaves it; for Windows it stays as cargo makes it.
finish_archive() {
  [[ $kind = windows ]] || scripts/people/archive.sh "$archive"
}

# Beside another Rust library, which panics meanwhile.
beside_another() {
  local libraries number=0
  make_neighbours "$triple" "$cross/$triple" "$builder" "$standard_library" "$without_printer"
  while read -ra libraries; do
    number=$((number + 1))
    compile "beside$number" tests/neighbour/program.c -static "${libraries[@]}" "${archive_libraries[@]}"
    rm -rf "$work/mails"
    start_sink --mails 1
    run "beside$number" "$port"
    wait_sink || die "beside another library no mail arrived: $(<"$work/sink.err")"
    mails_arrived 1
  done < <(in_both_orders)
  echo "beside another Rust library, in both orders: $(<"$work/output")"
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

# Every wrong call gets its code, and nobody connects for it.
misuse() {
  start_sink
  silent_pid=$sink_pid sink_pid=
  local silent_port=$port
  mv "$work/dialogue" "$work/silence"
  start_sink --mails 2
  run misuse "$silent_port" "$port"
  tr -d '\r' <"$work/output"
  wait_sink || die "misuse: not every mail arrived: $(<"$work/sink.err")"
  kill "$silent_pid"
  wait "$silent_pid" 2>/dev/null || true
  silent_pid=
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
finish_archive
check_exports

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
[[ $kind = windows ]] || beside_another
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
  x86_64-pc-windows-gnu)
    "${cc[@]}" -shared -o "$work/bcryptprimitives.dll" scripts/cross/bcryptprimitives.c -ladvapi32
    WINEPATH=$work rust_tests host
    ;;
esac

table="$cross/tables/the library for systems"
mkdir -p "$cross/tables"
[[ -e $table ]] || printf '| target | shared library, bytes | its text | static library, bytes | run by |\n| --- | --: | --: | --: | --- |\n' >"$table"
line="| \`$triple\` | $(bytes_of "$shared") | $(text_of "${tools}size" "$shared") | $(bytes_of "$archive") | $run_by |"
echo "$line" >>"$table"
echo "$line"
