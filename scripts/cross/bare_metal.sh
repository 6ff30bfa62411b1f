# shellcheck shell=bash
# shellcheck disable=SC2034
# How C programs are compiled and linked to the library for a microcontroller, and what the linker keeps of it counted. It is
# sourced, never run.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

examples=c_examples/firmware

# take TRIPLE: sets $archive, the library, $small, the one without the feature `complete`, $c, the compiler, and $link, its options for a program without anything besides.
take() {
  if ! facts_of "$1" || [[ $kind != arm && $kind != riscv ]]; then unknown_target "$1"; fi
  triple=$1
  archive=$cross/$triple/libsds_smtp.a
  small=$cross/$triple/libsds_smtp_small.a
  c=("${tools}gcc" "${processor[@]}" -Os -ffreestanding -ffunction-sections -fdata-sections "${warnings[@]}" -Iinclude)
  link=(-nostdlib "-Wl,--gc-sections,-z,noexecstack,--entry=_start")
  if [[ $kind = riscv ]]; then link+=("-Wl,-m,elf32lriscv,--no-warn-rwx-segments"); fi
}

# costs PROGRAM: what it takes of flash, and of RAM.
costs() {
  "${tools}size" -A "$1" | awk '
    $1 ~ /^\.(text|rodata|srodata|ARM\.ex|eh_frame|data|sdata)/ {flash += $2}
    $1 ~ /^\.(data|sdata|bss|sbss)/ {ram += $2}
    END {print flash + 0, ram + 0}'
}

# device_costs LIBRARY: flash and RAM of the program of the three functions, poll, result and log, less those of the program
# without them.
device_costs() {
  local part flash ram
  local -A sum
  for part in without with; do
    local define=()
    [[ $part = without ]] || define=(-DSDS)
    "${c[@]}" -std=c99 "${define[@]}" -o "$work/$part" benches/footprint/device.c "$examples/memory.c" "$1" "${link[@]}"
    read -r flash ram < <(costs "$work/$part")
    sum[$part]="$flash $ram"
  done
  # shellcheck disable=SC2086 # four numbers
  set -- ${sum[with]} ${sum[without]}
  echo "$(($1 - $3)) $(($2 - $4))"
}
