#!/bin/bash
# `make`: both C libraries, in target/release wherever cargo's configuration has them built, and a note of them for
# `make install`. LEAN=1: the lean ones, without the features tls and unicode.
. "$(dirname "${BASH_SOURCE[0]}")/../common.sh"

read -ra cargo <<<"${CARGO:-cargo}"
need_cargo "${cargo[0]}"
scripts/people/archive.sh check
make_work

# What is changed from now on is newer than the libraries.
touch "$work/begin"

# The allocator that TLS needs is for programs that are not written in Rust.
features=(--features reserve)
# SHA-256 in a loop, not written out round by round: 9,500 bytes less. A processor with instructions for it never runs it.
# A register for the frame of each function: 4,900 bytes less, of the tables that tell how to unwind.
lean_flags='build.rustflags=["--cfg", "sha2_backend_soft=\"compact\"", "-Cforce-frame-pointers=yes"]'
! is_lean || features=(--no-default-features --features std --config "$lean_flags")

# Both in one go, and nothing else: with a Rust library among them whole-program optimisation is off.
"${cargo[@]}" rustc --release --lib --crate-type cdylib,staticlib "${features[@]}" --message-format=json-render-diagnostics >"$work/messages"

# The files that cargo tells of, one a line.
sed -n '/"reason":"compiler-artifact"/{/"name":"sds_smtp"/s/.*"filenames":\[\([^]]*\)\].*/\1/p}' "$work/messages" |
  tr ',' '\n' | tr -d '"' >"$work/files"

# built NAME: where it is.
built() {
  local found
  mapfile -t found < <(grep "/$1\$" "$work/files")
  case ${#found[@]} in
    1) echo "${found[0]}" ;;
    0) die "cargo made no $1: \`make\` is for Linux (scripts/cross has other targets); it made $(paste -sd ' ' "$work/files")" ;;
    *) die "cargo's configuration names several targets: choose one with CARGO_BUILD_TARGET" ;;
  esac
}

shared=$(built libsds_smtp.so)
archive=$(built libsds_smtp.a)
mkdir -p "$release"
rm -f "$made"

# put FILE: into $release, where it is not there already.
put() {
  [[ ! $1 -ef $release/${1##*/} ]] || return 0
  cp -p "$1" "$release/${1##*/}.new"
  mv -f "$release/${1##*/}.new" "$release/${1##*/}"
}

put "$shared"
put "$archive"

# The licences of the packages that are linked, for `make install`.
licences=$release/licences
rm -rf "$licences"
mkdir -p "$licences"
"${cargo[@]}" metadata --format-version 1 --locked >"$work/metadata" 2>/dev/null || "${cargo[@]}" metadata --format-version 1 >"$work/metadata"
while read -r name package_version _; do
  manifest=$(grep -oE "\"manifest_path\":\"[^\"]*/$name-${package_version#v}/Cargo.toml\"" "$work/metadata" | head -n 1 | cut -d'"' -f4) || true
  [[ -n $manifest ]] || continue
  mkdir -p "$licences/$name"
  find "${manifest%/*}" -maxdepth 1 -type f \( -iname 'licen[sc]e*' -o -iname 'copying*' \) -exec cp {} "$licences/$name/" \;
done < <("${cargo[@]}" tree --edges normal --prefix none "${features[@]}" | sort -u)
scripts/people/archive.sh "$release/libsds_smtp.a"
ln -sf libsds_smtp.so "$release/$soname"

{
  libraries_sums
  libraries_kind
} >"$made"
touch -r "$work/begin" "$made"
