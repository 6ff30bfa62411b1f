#!/bin/bash
# `make flash`: what the library takes of a microcontroller's flash and RAM, for one target; it builds both libraries for it, and
# proves as `make cross` does that nothing in them can panic. It installs nothing.
#
#   scripts/boards/flash.sh [TRIPLE]     thumbv7m-none-eabi, the Cortex-M3 that the limits are for
. "$(dirname "${BASH_SOURCE[0]}")/../cross/common.sh"

triple=${1:-thumbv7m-none-eabi}
if ! facts_of "$triple" || [[ $kind != arm && $kind != riscv ]]; then
  die "no microcontroller: $triple. There are: ${bare_metal[*]}"
fi
need_cargo cargo
have_cross_rust || die "$cross_rustc is not Rust $(rust_version) or newer with its source: make setup FOR=cross installs it"
command -v "${tools}gcc" >/dev/null || die "${tools}gcc is missing: make setup FOR=cross installs it"

line=$(scripts/cross/firmware.sh "$triple")
IFS='| ' read -r _ _ small complete ram archive _ <<<"$line"
printf '%s: the three functions, poll, result, log; bytes\n' "$triple"
printf '  %-24s %8s\n' 'flash, small library' "$small" 'flash, complete library' "$complete" 'RAM, beside arena and log' "$ram" \
  'libsds_smtp.a' "$archive"
echo 'make bench PART=footprint measures the stack, too, and checks the limits.'
