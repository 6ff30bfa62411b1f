#!/bin/bash
# Builds a firmware of c_examples/firmware for a board that QEMU emulates, and runs it: it mails an alarm.
#
#   scripts/firmware/board.sh uart [BOARD]        over a serial line
#   scripts/firmware/board.sh lwip                over Ethernet, with lwIP
#   scripts/firmware/board.sh test NAME [BOARD]   tests/firmware/NAME.c, which needs no network
#
# BOARD is mps2-an385 (Cortex-M3, the default), mps2-an386 (Cortex-M4 with FPU), microbit (Cortex-M0) or virt (RV32IMC).
# What the firmware says goes to the standard output; its exit code, the result code of its mail, becomes ours.
#
#   SDS_PORT            the port of a mail server on 127.0.0.1; by default a Postfix is started for the purpose (as root), and
#                       the delivered mail is shown
#   SDS_SMTP_FIRMWARE   the library; by default target/cross/TRIPLE/libsds_smtp.a, which scripts/cross/firmware.sh makes
#   SDS_SECONDS         the longest time that the firmware may take: 30
. "$(dirname "${BASH_SOURCE[0]}")/../common.sh"

usage() {
  sed -n '2,/^\./{/^# \?/s/^# \?//p}' "$0" >&2
  exit 2
}

examples=c_examples/firmware

# --- boards -----------------------------------------------------------------------------------------------------------

choose_board() {
  board=$1
  compiler=arm-none-eabi
  # The library calls memcpy() and its like. Debian's compiler for RISC-V has no C library.
  with_c=(--specs=nano.specs)
  emulator=(qemu-system-arm -M "$board")
  case $board in
    mps2-an385) triple=thumbv7m-none-eabi code=mps2 processor=(-mcpu=cortex-m3 -mthumb) ;;
    mps2-an386)
      triple=thumbv7em-none-eabihf code=mps2
      processor=(-mcpu=cortex-m4 -mthumb -mfloat-abi=hard -mfpu=fpv4-sp-d16)
      ;;
    microbit) triple=thumbv6m-none-eabi code=microbit processor=(-mcpu=cortex-m0 -mthumb) ;;
    virt)
      triple=riscv32imc-unknown-none-elf code=virt
      compiler=riscv64-unknown-elf
      with_c=(-nostdlib -ffreestanding "$examples/memory.c")
      processor=(-march=rv32imc -mabi=ilp32 -mcmodel=medany "-Wl,--no-warn-rwx-segments")
      emulator=(qemu-system-riscv32 -M virt -bios none)
      ;;
    *) die "no board $board: there are mps2-an385, mps2-an386, microbit and virt" ;;
  esac
  library=${SDS_SMTP_FIRMWARE:-$target/cross/$triple/libsds_smtp.a}
  [[ -e $library ]] || die "$library is missing: scripts/cross/firmware.sh $triple builds it"
  command -v "$compiler-gcc" "${emulator[0]}" >/dev/null ||
    die "$compiler-gcc or ${emulator[0]} is missing: scripts/setup.sh cross $triple installs them"
  output=$target/firmware/$board
  mkdir -p "$output"
}

# --- building ---------------------------------------------------------------------------------------------------------

compile() { "$compiler-gcc" "${processor[@]}" -std=c99 -Os -g -ffunction-sections -fdata-sections "$@"; }

# link NAME OPTION|FILE...: what is in the project is compiled as strictly as the rest of it.
link() {
  firmware=$output/$1.elf
  compile "${warnings[@]}" -nostartfiles -Iinclude "-I$examples" -Wl,--gc-sections,--fatal-warnings,-z,noexecstack \
    -T "$examples/$code.ld" "${@:2}" "$examples/board_$code.c" "${with_c[@]}" "$library" -lgcc -o "$firmware"
  "$compiler-size" "$firmware" >&2
}

# The parts of lwIP that one TCP connection over IPv4 and Ethernet needs.
LWIP=(core/{def,inet_chksum,init,ip,mem,memp,netif,pbuf,tcp,tcp_in,tcp_out,timeouts} core/ipv4/{etharp,icmp,ip4,ip4_addr,ip4_frag}
  netif/ethernet)

build_lwip() {
  local source part
  source=$(scripts/firmware/lwip.sh)
  rm -rf "$output/lwip"
  mkdir -p "$output/lwip"
  for part in "${LWIP[@]}"; do
    compile "-I$examples" "-I$examples/lwip" "-I$source/include" -c "$source/$part.c" -o "$output/lwip/${part##*/}.o"
  done
  link lwip -DDEMONSTRATION "-I$examples/lwip" -isystem "$source/include" "$examples"/{main_lwip,alarm,transport_lwip,lan9118}.c \
    "$output"/lwip/*.o
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

free_port() {
  local port
  for ((;;)); do
    port=$((20000 + RANDOM % 10000))
    if ! (: <>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
      echo "$port"
      return
    fi
  done
}

# with_server COMMAND...: runs it with a mail server on $SDS_PORT.
with_server() {
  local result=0 mail='' i
  if [[ -n ${SDS_PORT:-} ]]; then
    "$@"
    return
  fi
  SDS_PORT=$(free_port)
  SDS_SERVERS_DIR=${SDS_SERVERS_DIR:-${TMPDIR:-/tmp}/sds-smtp-servers}
  export SDS_PORT SDS_SERVERS_DIR
  scripts/servers/postfix.sh install
  trap 'scripts/servers/postfix.sh stop; rm -rf "$SDS_SERVERS_DIR/postfix-$SDS_PORT"' EXIT
  scripts/servers/postfix.sh start
  "$@" || result=$?
  # Postfix delivers after it has answered.
  for ((i = 0; i < 100 && result == 0; i++)); do
    mail=$(scripts/servers/postfix.sh mail)
    [[ -z $mail ]] || break
    sleep 0.05
  done
  [[ -z $mail ]] || cat "$mail"
  return "$result"
}

# Functions of their own, since SDS_PORT is known only in them.
run_uart() { emulate -serial "tcp:127.0.0.1:$SDS_PORT"; }

run_lwip() {
  # A network without anything in it but this one address, behind which is the mail server.
  emulate -serial null -nic "user,model=lan9118,restrict=on,guestfwd=tcp:10.0.2.100:25-tcp:127.0.0.1:$SDS_PORT"
}

case ${1:-} in
  uart)
    choose_board "${2:-mps2-an385}"
    link uart -DDEMONSTRATION "$examples"/{main,alarm,transport_uart}.c
    with_server run_uart
    ;;
  lwip)
    [[ $# = 1 ]] || usage # the other boards have no Ethernet
    choose_board mps2-an385
    build_lwip
    with_server run_lwip
    ;;
  test)
    [[ -e tests/firmware/${2:-}.c ]] || usage
    choose_board "${3:-mps2-an385}"
    link "$2" "tests/firmware/$2.c" tests/firmware/peer.c
    # With a count of instructions as the clock, the same happens in each run.
    emulate -serial null -icount shift=5,sleep=off
    ;;
  *) usage ;;
esac
