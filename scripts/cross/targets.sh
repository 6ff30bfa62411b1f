# shellcheck shell=bash
# shellcheck disable=SC2034
# The targets that are built for, and what each needs. It is sourced by setup.sh and by the scripts of cross/, never run.

# Without an operating system: the protocol alone.
bare_metal=(thumbv6m-none-eabi thumbv7m-none-eabi thumbv7em-none-eabihf riscv32imc-unknown-none-elf)
# With one: the whole library. The first two in every run; then another C library, another byte order, 32 bits without
# 64-bit atomics, another system.
hosted=(aarch64-unknown-linux-gnu armv7-unknown-linux-gnueabihf)
hosted_more=(x86_64-unknown-linux-musl s390x-unknown-linux-gnu mipsel-unknown-linux-gnu x86_64-pc-windows-gnu)

every_run=("${bare_metal[@]}" "${hosted[@]}")
all_targets=("${every_run[@]}" "${hosted_more[@]}")

# facts_of TRIPLE: sets $kind and, for Linux, $gnu (the prefix of the compiler's name, and its folder), $debian (the
# architecture in package names) and $qemu (the program that runs it); without a system, $tools (the prefix of the tools'
# names), $processor (what the compiler is told of it) and $board (the one of scripts/boards that has it). False for a
# triple that is not in the lists.
facts_of() {
  kind=linux gnu='' debian='' qemu='' tools='' processor=() board=''
  case ${1:-} in
    thumb*-none-eabi*) kind=arm tools=arm-none-eabi- ;;
    riscv32imc-unknown-none-elf) kind=riscv tools=riscv64-unknown-elf- ;;
    aarch64-unknown-linux-gnu) gnu=aarch64-linux-gnu debian=arm64 qemu=qemu-aarch64-static ;;
    armv7-unknown-linux-gnueabihf) gnu=arm-linux-gnueabihf debian=armhf qemu=qemu-arm-static ;;
    s390x-unknown-linux-gnu) gnu=s390x-linux-gnu debian=s390x qemu=qemu-s390x-static ;;
    mipsel-unknown-linux-gnu) gnu=mipsel-linux-gnu debian=mipsel qemu=qemu-mipsel-static ;;
    x86_64-unknown-linux-musl) kind=musl ;;
    x86_64-pc-windows-gnu) kind=windows gnu=x86_64-w64-mingw32 ;;
  esac
  case ${1:-} in
    thumbv6m-*) board=microbit processor=(-mcpu=cortex-m0 -mthumb) ;;
    thumbv7m-*) board=mps2-an385 processor=(-mcpu=cortex-m3 -mthumb) ;;
    thumbv7em-*) board=mps2-an386 processor=(-mcpu=cortex-m4 -mthumb -mfloat-abi=hard -mfpu=fpv4-sp-d16) ;;
    riscv32imc-*) board=virt processor=(-march=rv32imc -mabi=ilp32) ;;
  esac
  [[ " ${all_targets[*]} " = *" ${1:-none} "* ]]
}

# The rustc whose source is at hand: Debian's. Its version is whatever Debian's security updates have now, or 1.85 without
# them. SDS_SMTP_CROSS_RUSTC names another one.
cross_rustc=${SDS_SMTP_CROSS_RUSTC:-/usr/bin/rustc}

# Whether it is there, with the source, and new enough.
have_cross_rust() {
  local needed found
  needed=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' Cargo.toml)
  found=$("$cross_rustc" --version 2>/dev/null | cut -d' ' -f2) && [[ -n $found ]] || return 1
  [[ $(printf '%s\n' "$needed" "$found" | sort -V | head -n 1) = "$needed" ]] || return 1
  [[ -e $("$cross_rustc" --print sysroot)/lib/rustlib/src/rust/library/std/Cargo.toml ]]
}
