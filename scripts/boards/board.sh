#!/bin/bash
# Builds a firmware of c_examples/firmware for a board that QEMU emulates, and runs it: it mails an alarm.
#
#   scripts/boards/board.sh uart [BOARD]        over a serial line
#   scripts/boards/board.sh lwip                over Ethernet, with lwIP
#   scripts/boards/board.sh mbedtls [implicit]  over Ethernet, with lwIP, and TLS by mbedTLS: with STARTTLS, or at once
#   scripts/boards/board.sh test NAME [BOARD]   tests/firmware/NAME.c, which needs no network
#
# BOARD is mps2-an385 (Cortex-M3, the default), mps2-an386 (Cortex-M4 with FPU), microbit (Cortex-M0) or virt (RV32IMC).
# What the firmware says goes to the standard output; its exit code, the result code of its mail, becomes ours.
#
#   SDS_PORT            the port of a mail server on 127.0.0.1; by default a Postfix is started for the purpose (as root), and
#                       the delivered mail is shown
#   SDS_MEASURED        1: the firmware with TLS is benches/footprint/mbedtls.c, which says what TLS takes
#   SDS_AUTHORITY       the PEM file of the certificate that the firmware with TLS trusts; by default one is made for the Postfix
#   SDS_KEYS            ec (by default) or rsa: the keys of the certificates that are made
#   SDS_TLS_NAME        the name that it expects in the server's certificate: mx.example.test
#   SDS_SMTP_FIRMWARE   the library; by default target/cross/TRIPLE/libsds_smtp.a, which scripts/cross/firmware.sh makes
#   SDS_SECONDS         the longest time that the firmware may take: 30
. "$(dirname "${BASH_SOURCE[0]}")/boards.sh"

usage() {
  sed -n '2,/^\./{/^# \?/s/^# \?//p}' "$0" >&2
  exit 2
}

# --- lwIP -------------------------------------------------------------------------------------------------------------

# The parts of lwIP that one TCP connection over IPv4 and Ethernet needs.
LWIP=(core/{def,inet_chksum,init,ip,mem,memp,netif,pbuf,tcp,tcp_in,tcp_out,timeouts} core/ipv4/{etharp,icmp,ip4,ip4_addr,ip4_frag}
  netif/ethernet)

# compile_lwip: its objects, to $output/lwip; $source is its folder.
compile_lwip() {
  local part
  source=$(scripts/boards/lwip.sh)
  rm -rf "$output/lwip"
  mkdir -p "$output/lwip"
  for part in "${LWIP[@]}"; do
    compile "-I$examples" "-I$examples/lwip" "-I$source/include" -c "$source/$part.c" -o "$output/lwip/${part##*/}.o"
  done
}

build_lwip() {
  local source
  compile_lwip
  link lwip -DDEMONSTRATION "-I$examples/lwip" -isystem "$source/include" "$examples"/{main_lwip,alarm,transport_lwip,lan9118}.c \
    "$output"/lwip/*.o
}

# --- mbedTLS ----------------------------------------------------------------------------------------------------------

# build_mbedtls MODE
build_mbedtls() {
  local source main=$examples/main_mbedtls.c more=()
  if [[ ${SDS_MEASURED:-} = 1 ]]; then
    # What counts the heap also prints, to nobody.
    main=benches/footprint/mbedtls.c more=(-DMBEDTLS_MEMORY_DEBUG "-DMBEDTLS_PLATFORM_FPRINTF_MACRO(...)=((void)0)")
    set -- "$1" -Wl,--wrap=board_stop
  fi
  compile_lwip
  compile_mbedtls "${more[@]}"
  certificate_array authority "$SDS_AUTHORITY" >"$output/authority.h"
  # A file of its own, so that the map of what is linked names it.
  compile "${warnings[@]}" -Iinclude "-I$examples" "${MBEDTLS[@]}" -c "$examples/transport_mbedtls.c" \
    -o "$output/mbedtls/transport.o"
  link mbedtls "-Wl,-Map=$output/mbedtls.map" -DDEMONSTRATION "-DTLS=SDS_SMTP_TLS_$1" \
    "-DTLS_NAME=\"${SDS_TLS_NAME:-mx.example.test}\"" "-I$output" "${MBEDTLS[@]}" "-I$examples/lwip" -isystem "$source/include" \
    "$main" "$examples"/{alarm,transport_lwip,lan9118}.c "$output"/{lwip,mbedtls}/*.o "${@:2}"
}

# --- running ----------------------------------------------------------------------------------------------------------

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
  if [[ -n ${SDS_TLS:-} ]]; then
    SDS_TLS_PORT=$(free_port)
    export SDS_TLS_PORT
  fi
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

# run_mbedtls PORT: to the server's port for STARTTLS, or to that for TLS at once.
run_mbedtls() {
  local port=$SDS_PORT
  if [[ $1 = 465 ]]; then port=${SDS_TLS_PORT:-$SDS_PORT}; fi
  emulate -serial null -nic "user,model=lan9118,restrict=on,guestfwd=tcp:10.0.2.100:$1-tcp:127.0.0.1:$port" \
    -icount shift=5,sleep=off
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
  mbedtls)
    choose_board mps2-an385
    . scripts/boards/certificates.sh
    if [[ -z ${SDS_AUTHORITY:-} ]]; then
      SDS_TLS=$output/certificates SDS_AUTHORITY=$output/certificates/authority.pem
      export SDS_TLS
      make_certificates "$SDS_TLS" "${SDS_KEYS:-ec}"
    fi
    case ${2:-starttls} in
      starttls) mode=STARTTLS port=587 ;;
      implicit) mode=IMPLICIT port=465 ;;
      *) usage ;;
    esac
    build_mbedtls "$mode"
    with_server run_mbedtls "$port"
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
