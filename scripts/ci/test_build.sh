#!/bin/bash
# `make` and `make install` in a copy of the checkout, where cargo's variables and its configuration have it build elsewhere:
# what was built last is installed, or nothing.
. "$(dirname "${BASH_SOURCE[0]}")/../common.sh"

make_work
copy=$work/copy
mkdir "$copy"
tar -cf - --exclude=./target --exclude=./.git . | tar -xf - -C "$copy"
host=$(host_triple)

# in_copy ARGUMENT...: `make` there. The variable that these scripts set for one another is not the user's.
in_copy() { env -u CARGO_TARGET_DIR "${MAKE:-make}" --no-print-directory -C "$copy" "$@" >"$work/log" 2>&1; }

next_version() {
  version=${version%.*}.$((${version##*.} + 71))
  sed -i "0,/^version = .*/s//version = \"$version\"/" "$copy/Cargo.toml"
}

# installed FOLDER: what is there is what the source has become.
installed() {
  local lib=$work/$1/usr/local/lib
  need_files "$lib/libsds_smtp.so.$version" "$lib/libsds_smtp.a"
  grep -qaF "$version" "$lib/libsds_smtp.so.$version" || die "$1: the shared library is not the new one"
  grep -qaF "$version" "$lib/libsds_smtp.a" || die "$1: the static library is not the new one"
  [[ $(ar t "$lib/libsds_smtp.a") = sds_smtp.o ]] || die "$1: the static library is not the finished one"
}

# refused FOLDER WORDS [VARIABLE]: nothing is installed, and it says why.
refused() {
  ! in_copy install DESTDIR="$work/$1" "${@:3}" || die "$1: installed: $(<"$work/log")"
  grep -qF -e "$2" "$work/log" || die "$1: '$2' is not in: $(<"$work/log")"
  [[ ! -e $work/$1 ]] || die "$1: something was installed"
}

# The lean library: built, installed, with symbols as the whole one, and within its limit.
in_copy all install LEAN=1 DESTDIR="$work/lean" || die "make LEAN=1: $(<"$work/log")"
installed lean
lean=$work/lean/usr/local/lib/libsds_smtp.so.$version
size=$(stat -c %s "$lean")
((size <= 566000)) || die "the lean shared library has $size bytes"
refused whole 'are the lean ones: run make LEAN=0 first' LEAN=0

in_copy all install DESTDIR="$work/usual" || die "make: $(<"$work/log")"
refused lean_again 'are the whole ones: run make LEAN=1 first' LEAN=1
whole=$work/usual/usr/local/lib/libsds_smtp.so.$version
functions() { nm -D --defined-only "$1" | sed 's/.* //' | sort; }
[[ $(functions "$lean") = "$(functions "$whole")" ]] || die 'the lean library exports other functions'
! in_copy all LEAN=yes || die 'LEAN=yes was taken'
grep -qF 'LEAN=yes: 1 is lean' "$work/log" || die "no word of LEAN=yes: $(<"$work/log")"
next_version
refused old 'Cargo.toml is newer than the libraries'
touch -r "$copy/target/release/libsds_smtp.made" "$copy/Cargo.toml"
touch "$copy/src/wire"
refused old 'src/wire is newer than the libraries'
touch "$copy/Cargo.toml"

# An older build lies where the new one is looked for.
CARGO_BUILD_TARGET=$host in_copy all install DESTDIR="$work/variable" || die "CARGO_BUILD_TARGET: $(<"$work/log")"
installed variable

next_version
CARGO_BUILD_TARGET_DIR=$work/other in_copy all install DESTDIR="$work/folder" || die "CARGO_BUILD_TARGET_DIR: $(<"$work/log")"
installed folder

# At once, as `make -j` does it.
next_version
mkdir "$copy/.cargo"
printf '[build]\ntarget = "%s"\ntarget-dir = "%s"\n' "$host" "$work/other" >"$copy/.cargo/config.toml"
in_copy -j2 install all DESTDIR="$work/configured" || die "cargo's configuration: $(<"$work/log")"
installed configured

# What something else has put in their place is not installed.
cp "$work/other/$host/release/libsds_smtp.a" "$work/other/release/libsds_smtp.a"
refused foreign 'are not those of the last make'

# Without the tools for the static library: it says so before it builds.
! CROSS_COMPILE=missing- in_copy all || die 'built without tools'
grep -qF 'missing-ld is missing' "$work/log" || die "no word of the missing tools: $(<"$work/log")"
! LD=true in_copy all || die 'built with a linker that cannot do it'
grep -qF 'knows no --force-group-allocation' "$work/log" || die "no word of the linker: $(<"$work/log")"
echo 'test_build.sh: ok'
