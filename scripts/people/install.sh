#!/bin/bash
# `make install` and `make uninstall`. Variables: PREFIX (/usr/local), LIBDIR (PREFIX/lib), INCLUDEDIR (PREFIX/include),
# DOCDIR (PREFIX/share/doc/sds_smtp), DESTDIR (nothing): a folder that stands for / while a package is made. What was built last is installed, lean or whole; with
# LEAN only if it is of that kind.
. "$(dirname "${BASH_SOURCE[0]}")/../common.sh"

# tidy FOLDER: with one slash where there are several, and none at its end.
tidy() {
  local folder
  folder=$(tr -s / <<<"$1")
  [[ $folder = / ]] || folder=${folder%/}
  printf %s "$folder"
}

prefix=$(tidy "${PREFIX:-/usr/local}")
libdir=$(tidy "${LIBDIR:-$prefix/lib}")
includedir=$(tidy "${INCLUDEDIR:-$prefix/include}")
docdir=$(tidy "${DOCDIR:-$prefix/share/doc/sds_smtp}")
root=${DESTDIR:-}

shared=libsds_smtp.so.$version
headers=(sds_smtp.h sds_fullc.h)

# What is installed is what \`make\` built out of the source that is here.
check_libraries() {
  local newer
  [[ -e $made ]] || "${MAKE:-make}" all
  need_files "$release/libsds_smtp.so" "$release/libsds_smtp.a" "${headers[@]/#/include/}"
  newer=$(find src build.rs Cargo.toml -newer "$made" -print -quit)
  [[ -z $newer ]] || die "$newer is newer than the libraries in $release: run make first"
  [[ -z ${LEAN:-} || $(tail -n 1 "$made") = "$(libraries_kind)" ]] ||
    die "the libraries in $release are the $(tail -n 1 "$made") ones: run make ${LEAN:+LEAN=$LEAN }first"
  [[ $(libraries_sums) = "$(sed '$d' "$made")" ]] || die "the libraries in $release or Cargo.lock are not those of the last make: run make first"
}

# described FOLDER: as the pkg-config file has it. What is below the prefix is told from there, so that it moves with it.
described() {
  local base=${prefix%/}
  # shellcheck disable=SC2016 # pkg-config's variable
  case $1/ in
    */../*) printf %s "$1" ;;
    "$base"/*) printf '${prefix}%s' "${1#"$base"}" ;;
    *) printf %s "$1" ;;
  esac
}

# The pkg-config file, filled in.
description() {
  local text
  text=$(<sds_smtp.pc.in)
  text=${text//@PREFIX@/"$prefix"}
  text=${text//@LIBDIR@/"$(described "$libdir")"}
  text=${text//@INCLUDEDIR@/"$(described "$includedir")"}
  printf '%s\n' "${text//@VERSION@/"$version"}"
}

do_install() {
  check_libraries
  install -d "$root$libdir/pkgconfig" "$root$includedir"
  install -m 755 "$release/libsds_smtp.so" "$root$libdir/$shared"
  ln -sf "$shared" "$root$libdir/$soname"
  ln -sf "$soname" "$root$libdir/libsds_smtp.so"
  install -m 644 "$release/libsds_smtp.a" "$root$libdir/"
  install -m 644 "${headers[@]/#/include/}" "$root$includedir/"
  description >"$root$libdir/pkgconfig/sds_smtp.pc"
  chmod 644 "$root$libdir/pkgconfig/sds_smtp.pc"
  # What is linked into the libraries has licences that want to be with them.
  rm -rf "$root$docdir/licences"
  install -d "$root$docdir/licences"
  cp -R "$release/licences/." "$root$docdir/licences/"
  install -m 644 LICENSE-APACHE LICENSE-MIT "$root$docdir/licences/"
  echo "installed sds-smtp $version in $root$prefix"
  [[ -n $root ]] || echo "If programs do not find $soname, run 'ldconfig' as root or add $libdir to the linker's paths."
}

do_uninstall() {
  rm -f "$root$libdir/$shared" "$root$libdir/$soname" "$root$libdir"/libsds_smtp.{so,a} "$root$libdir/pkgconfig/sds_smtp.pc" \
    "${headers[@]/#/$root$includedir/}"
  rm -rf "$root$docdir/licences"
  rmdir "$root$docdir" 2>/dev/null || true
  echo "removed sds-smtp $version from $root$prefix"
}

case ${1:-} in
  install) do_install ;;
  uninstall) do_uninstall ;;
  *)
    echo "usage: scripts/people/install.sh install|uninstall" >&2
    exit 2
    ;;
esac
