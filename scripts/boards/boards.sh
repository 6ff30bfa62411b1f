# shellcheck shell=bash
# shellcheck disable=SC2034
# The boards that QEMU emulates, how a firmware is built for one, and how it is run. It is sourced, never run; it leaves the
# caller at the top of the checkout.
. "$(dirname "${BASH_SOURCE[0]}")/../common.sh"
. scripts/cross/targets.sh

examples=c_examples/firmware

# --- boards -----------------------------------------------------------------------------------------------------------

choose_board() {
  for triple in "${bare_metal[@]}"; do
    facts_of "$triple"
    [[ $board != "$1" ]] || break
  done
  [[ $board = "$1" ]] || die "no board $1: there are mps2-an385, mps2-an386, microbit and virt"
  # The library calls memcpy() and its like. Debian's compiler for RISC-V has no C library.
  with_c=(--specs=nano.specs)
  emulator=(qemu-system-arm -M "$board")
  code=${board%-*}
  if [[ $kind = riscv ]]; then
    with_c=(-nostdlib -ffreestanding "$examples/memory.c")
    processor+=(-mcmodel=medany "-Wl,--no-warn-rwx-segments")
    emulator=(qemu-system-riscv32 -M virt -bios none)
  fi
  library=${SDS_SMTP_FIRMWARE:-$target/cross/$triple/libsds_smtp.a}
  [[ -e $library ]] || die "$library is missing: scripts/cross/firmware.sh $triple builds it"
  command -v "${tools}gcc" "${emulator[0]}" >/dev/null ||
    die "${tools}gcc or ${emulator[0]} is missing: scripts/people/setup.sh cross $triple installs them"
  output=$target/firmware/$board
  mkdir -p "$output"
}

# --- building ---------------------------------------------------------------------------------------------------------

compile() { "${tools}gcc" "${processor[@]}" -std=c99 -Os -g -ffunction-sections -fdata-sections "$@"; }

# link NAME OPTION|FILE...: what is in the project is compiled as strictly as the rest of it.
link() {
  firmware=$output/$1.elf
  compile "${warnings[@]}" -nostartfiles -Iinclude "-I$examples" -Wl,--gc-sections,--fatal-warnings,-z,noexecstack \
    -T "$examples/$code.ld" "${@:2}" "$examples/board_$code.c" "${with_c[@]}" "$library" -lgcc -o "$firmware"
  "${tools}size" "$firmware" >&2
}

# What mbedTLS and what is above it are compiled with; and the parts of it that are.
MBEDTLS=('-DMBEDTLS_CONFIG_FILE="mbedtls_config.h"')
MBEDTLS_PARTS=(aes asn1parse asn1write bignum cipher cipher_wrap constant_time ctr_drbg ecdh ecdsa ecp ecp_curves gcm md
  memory_buffer_alloc oid pk pk_wrap pkparse platform platform_util rsa rsa_internal sha256 sha512 ssl_ciphersuites ssl_cli ssl_msg
  ssl_tls x509 x509_crt)

# compile_mbedtls OPTION...: its objects, to $output/mbedtls; its headers are added to what is above it.
compile_mbedtls() {
  local folder part made=$output/mbedtls/made
  folder=$(scripts/boards/mbedtls.sh)
  # It takes some seconds, and is done again where something has changed.
  if [[ $(cat "$made" 2>/dev/null) != "$*" || $examples/mbedtls_config.h -nt $made || scripts/boards/boards.sh -nt $made ]]; then
    rm -rf "$output/mbedtls"
    mkdir -p "$output/mbedtls"
    for part in "${MBEDTLS_PARTS[@]}"; do
      compile "-I$examples" "${MBEDTLS[@]}" "-I$folder/include" "$@" -c "$folder/library/$part.c" -o "$output/mbedtls/$part.o"
    done
    echo "$*" >"$made"
  fi
  MBEDTLS+=(-isystem "$folder/include" "$@")
}

# --- running ----------------------------------------------------------------------------------------------------------

# emulate OPTION...: the line to the network is the first serial line, the console the second one or QEMU's own.
emulate() {
  local console=(-semihosting-config "enable=on,target=native")
  if [[ $code = mps2 ]]; then
    console+=(-serial chardev:console)
  else
    console+=(-semihosting-config chardev=console)
  fi
  timeout "${SDS_SECONDS:-30}" "${emulator[@]}" -kernel "$firmware" -display none -monitor none \
    -chardev stdio,signal=off,id=console "$@" "${console[@]}" </dev/null
}
