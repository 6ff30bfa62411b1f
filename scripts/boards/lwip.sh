#!/bin/bash
# Fetches lwIP as Debian's source package into target/lwip, where it is not there yet, and prints the folder of its sources.
. "$(dirname "${BASH_SOURCE[0]}")/debian.sh"

place=$target/lwip

sources() { find "$place" -mindepth 2 -maxdepth 2 -path '*/lwip-*/src' -print -quit 2>/dev/null; }

[[ -n $(sources) ]] || fetch_source lwip "$place"
[[ -n $(sources) ]] || die "lwIP's source did not come"
sources
