#!/bin/bash
# Builds libsds_smtp.a for a microcontroller: one object file, in which only the documented symbols are global.
#
#   scripts/cross/firmware.sh TRIPLE     thumbv6m-none-eabi, thumbv7m-none-eabi, thumbv7em-none-eabihf or
#                                        riscv32imc-unknown-none-elf; the library goes to target/cross/TRIPLE
#
# Then it proves, by linking a C program, that nothing in it can panic and that it needs nothing but five functions of C.
. "$(dirname "${BASH_SOURCE[0]}")/../common.sh"

triple=${1:-}
case $triple in
  thumbv6m-none-eabi) tools=arm-none-eabi cpu=(-mcpu=cortex-m0 -mthumb) ;;
  thumbv7m-none-eabi) tools=arm-none-eabi cpu=(-mcpu=cortex-m3 -mthumb) ;;
  thumbv7em-none-eabihf) tools=arm-none-eabi cpu=(-mcpu=cortex-m4 -mthumb -mfloat-abi=hard -mfpu=fpv4-sp-d16) ;;
  riscv32imc-unknown-none-elf) tools=riscv64-unknown-elf cpu=(-march=rv32imc -mabi=ilp32) ;;
  *) die "no microcontroller's target: '$triple'" ;;
esac

rustc=${SDS_CROSS_RUSTC:-/usr/bin/rustc}
out=$target/cross/$triple
scratch=$out/parts
mkdir -p "$scratch"

# A compiler with its library's source (see scripts/setup.sh), driven by the usual cargo.
RUSTC=$rustc RUSTC_BOOTSTRAP=1 cargo rustc -q --profile firmware --lib --crate-type staticlib --no-default-features --features firmware \
  -Zbuild-std=core -Zbuild-std-features=optimize_for_size --target "$triple" --target-dir "$target/cross"

# The documented symbols: what the header declares.
mapfile -t api < <(sed -n 's/^.*\b\(sds_smtp_[a-z_]*\)(.*/\1/p' include/sds_smtp_firmware.h | sort -u)
"$tools-nm" "$out/firmware/libsds_smtp.a" 2>/dev/null | sed -n 's/^.* T \(sds_smtp_[a-z_]*\)$/\1/p' | sort -u >"$scratch/symbols"

rm -f "$scratch"/*.o
(cd "$scratch" && "$tools-ar" x "$out/firmware/libsds_smtp.a")
# The compiler's own functions: those of C are left to the program.
for object in "$scratch"/compiler_builtins*.o; do
  rename=()
  for name in memcpy memmove memset memcmp bcmp strlen; do rename+=(--redefine-sym "$name=unused_$name"); done
  "$tools-objcopy" "${rename[@]}" "$object"
done

mapfile -t api <"$scratch/symbols"
emulation=()
[[ $tools != riscv64-unknown-elf ]] || emulation=(-m elf32lriscv)
"$tools-ld" "${emulation[@]}" -r --gc-sections "${api[@]/#/--undefined=}" -o "$scratch/sds_smtp.o" "$scratch"/*.o
"$tools-objcopy" --keep-global-symbols="$scratch/symbols" --remove-section=.llvmbc --remove-section=.llvmcmd --remove-section='.comment' "$scratch/sds_smtp.o"
"$tools-objcopy" --strip-debug "$scratch/sds_smtp.o"
rm -f "$out/libsds_smtp.a"
"$tools-ar" crsD "$out/libsds_smtp.a" "$scratch/sds_smtp.o"
"$tools-nm" "$out/libsds_smtp.a" | grep -E ' [UTDBWC] ' || true
"$tools-size" "$out/libsds_smtp.a"
