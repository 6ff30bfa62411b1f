#!/bin/bash
# Fetches mbedTLS 2.28 as Debian's source package into target/mbedtls, where it is not there yet, and prints its folder, with
# include and library in it.
. "$(dirname "${BASH_SOURCE[0]}")/debian.sh"

place=$target/mbedtls

sources() { find "$place" -mindepth 3 -maxdepth 3 -path '*/include/mbedtls' -printf '%h\n' -quit 2>/dev/null | sed 's:/include$::'; }

[[ -n $(sources) ]] || fetch_source mbedtls "$place"
[[ -n $(sources) ]] || die "mbedTLS's source did not come"
sources
