#!/bin/bash
# Links for cargo. rustc has a shared library offer the functions of C of all packages, and where ring has no assembler for a
# processor it has one such function in Rust: only the library's own are left.
#
#   LINKER=gcc scripts/cross/linker.sh ARGUMENT...
for argument; do
  case $argument in
    -Wl,--version-script=*) sed -i '/^ *[A-Za-z_][A-Za-z0-9_]*;$/{/^ *sds_smtp_/!d}' "${argument#*=}" ;;
  esac
done
exec "$LINKER" "$@"
