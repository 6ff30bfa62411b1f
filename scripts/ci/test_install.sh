#!/bin/bash
# Installs into a scratch folder, builds a C program with nothing but what pkg-config says, and sends a mail with each build.
. "$(dirname "${BASH_SOURCE[0]}")/../common.sh"

make_work
root=$work/root
lib=$root/opt/sds/lib
place=(PREFIX=/opt/sds DESTDIR="$root")
make --no-print-directory install "${place[@]}"

export PKG_CONFIG_PATH=$lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=$root
# The flags are words for the shell, as in every Makefile; the scratch folder's name has no spaces.
pc() { pkg-config "$@" sds_smtp; }

[[ $(pc --modversion) = "$version" ]] || die "pkg-config says version $(pc --modversion), Cargo.toml $version"
[[ $(readelf -d "$lib/libsds_smtp.so") = *"Library soname: [$soname]"* ]] || die "the SONAME is not $soname"
for name in libsds_smtp.so "$soname"; do
  [[ $(readlink -f "$lib/$name") = "$lib/libsds_smtp.so.$version" ]] || die "$name does not lead to the library"
done

for licence in ring/LICENSE rustls/LICENSE-MIT LICENSE-MIT; do
  [[ -s $root/opt/sds/share/doc/sds_smtp/licences/$licence ]] || die "the licence $licence is not installed"
done

build() { # PROGRAM SOURCE FLAG...
  local program=$work/$1 source=$2
  shift 2
  # shellcheck disable=SC2046
  cc -std=c99 "${warnings[@]}" $(pc --cflags) -o "$program" "c_examples/$source" "$@" || die "$source: no build with: $*"
}

# With both libraries there the linker takes the shared one; ":libsds_smtp.a" names the other.
read -ra shared_flags < <(pc --libs)
read -ra archive_flags < <(pc --libs --static)
build shared first_mail.c "${shared_flags[@]}" "-Wl,-rpath,$lib"
build archive first_mail.c "${archive_flags[@]/#-lsds_smtp/-l:libsds_smtp.a}"
build static first_mail.c -static "${archive_flags[@]}"
build fullc fullc_program.c "${shared_flags[@]}"

[[ $(readelf -d "$work/shared") = *"Shared library: [$soname]"* ]] || die "the program does not ask for $soname"
[[ $(readelf -d "$work/archive") != *libsds_smtp* ]] || die 'the static library was not taken'
[[ $(readelf -d "$work/static") != *NEEDED* ]] || die 'the static program needs shared libraries'

start_sink --mails 3
for program in shared archive static; do
  "$work/$program" 127.0.0.1 "$port" '' '' unit7@example.com operator@example.com >"$work/output" 2>&1 ||
    die "the $program program failed: $(<"$work/output")"
  echo "$program: $(grep '^code' "$work/output")"
done
wait_sink || die "not every mail arrived: $(<"$work/sink.err")"

# Moved elsewhere, as a package for another prefix is: pkg-config tells where it is now.
moved=$work/moved
mv "$root/opt/sds" "$moved"
told=$(env -u PKG_CONFIG_SYSROOT_DIR PKG_CONFIG_PATH="$moved/lib/pkgconfig" pkg-config --define-prefix --cflags --libs sds_smtp)
[[ $told = "-I$moved/include -L$moved/lib -lsds_smtp "* || "$told " = "-I$moved/include -L$moved/lib -lsds_smtp " ]] ||
  die "moved to $moved, pkg-config says $told"
mv "$moved" "$root/opt/sds"

# described VARIABLE...: the folders of the description that is installed with these, as it has them.
described() {
  make --no-print-directory install DESTDIR="$work/other" "$@" >"$work/output"
  sed -n 's/^\(prefix\|libdir\|includedir\)=//p' "$(find "$work/other" -name sds_smtp.pc)" | paste -sd ' '
  rm -r "$work/other"
}

# expect FOLDERS VARIABLE...
expect() {
  local found
  found=$(described "${@:2}")
  [[ $found = "$1" ]] || die "with ${*:2} the description has $found"
}

# Folders below the prefix move with it; others stay where they are.
# shellcheck disable=SC2016 # pkg-config's variables
{
  expect '/usr ${prefix}/lib ${prefix}/include' PREFIX=/usr
  expect '/usr ${prefix}/lib64 ${prefix}/include/sds' PREFIX=/usr/ LIBDIR=/usr/lib64/ INCLUDEDIR=/usr//include/sds
  expect '/usr /usrlib ${prefix}/include' PREFIX=/usr LIBDIR=/usrlib
  expect '/opt/a&b|c /srv/lib ${prefix}/include' 'PREFIX=/opt/a&b|c' LIBDIR=/srv/lib
  expect '/opt/a /opt/a/../lib ${prefix}/include' PREFIX=/opt/a LIBDIR=/opt/a/../lib
  expect '/ ${prefix}/lib ${prefix}/include' PREFIX=/
}

make --no-print-directory uninstall "${place[@]}"
left=$(find "$root" ! -type d)
[[ -z $left ]] || die "left behind: $left"
echo 'test_install.sh: ok'
