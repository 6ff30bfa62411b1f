#!/bin/bash
# `make install` and `make uninstall`. Variables: PREFIX (/usr/local), LIBDIR (PREFIX/lib), INCLUDEDIR (PREFIX/include),
# DESTDIR (nothing): a folder that stands for / while a package is made.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

prefix=${PREFIX:-/usr/local}
libdir=${LIBDIR:-$prefix/lib}
includedir=${INCLUDEDIR:-$prefix/include}
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
  [[ $(libraries_sums) = "$(<"$made")" ]] || die "the libraries in $release or Cargo.lock are not those of the last make: run make first"
}

do_install() {
  check_libraries
  install -d "$root$libdir/pkgconfig" "$root$includedir"
  install -m 755 "$release/libsds_smtp.so" "$root$libdir/$shared"
  ln -sf "$shared" "$root$libdir/$soname"
  ln -sf "$soname" "$root$libdir/libsds_smtp.so"
  install -m 644 "$release/libsds_smtp.a" "$root$libdir/"
  install -m 644 "${headers[@]/#/include/}" "$root$includedir/"
  sed -e "s|@PREFIX@|$prefix|" -e "s|@LIBDIR@|$libdir|" -e "s|@INCLUDEDIR@|$includedir|" -e "s|@VERSION@|$version|" \
    sds_smtp.pc.in >"$root$libdir/pkgconfig/sds_smtp.pc"
  chmod 644 "$root$libdir/pkgconfig/sds_smtp.pc"
  echo "installed sds-smtp $version in $root$prefix"
  [[ -n $root ]] || echo "If programs do not find $soname, run 'ldconfig' as root or add $libdir to the linker's paths."
}

do_uninstall() {
  rm -f "$root$libdir/$shared" "$root$libdir/$soname" "$root$libdir"/libsds_smtp.{so,a} "$root$libdir/pkgconfig/sds_smtp.pc" \
    "${headers[@]/#/$root$includedir/}"
  echo "removed sds-smtp $version from $root$prefix"
}

case ${1:-} in
  install) do_install ;;
  uninstall) do_uninstall ;;
  *)
    echo "usage: scripts/install.sh install|uninstall" >&2
    exit 2
    ;;
esac
