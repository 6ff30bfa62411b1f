#!/bin/bash
# What the library costs a microcontroller: flash, RAM, stack, instructions, in programs from the least to the most; beside the
# SMTP client that lwIP brings, and against the limits that it has to keep.
#
#   benches/footprint/run.sh           prints the tables
#   benches/footprint/run.sh write     and puts them into docs/footprint.md and README.md
#
# Installs what is missing, builds the library for each target where it was not built since its sources were changed, and runs
# programs on emulated boards. A figure beyond its limit is marked `over`, and the exit code is 1 then. docs/footprint.md says
# what is measured how.
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/cross/bare_metal.sh"
. scripts/boards/boards.sh

here=benches/footprint
kinds=(MINIMAL NORMAL FULL)
over=0

# --- tables -----------------------------------------------------------------------------------------------------------

# begin_table NAME COLUMN...: what `row` gets goes there. The first column and those that begin with "<" have words, the others
# figures.
begin_table() {
  local column line='| --- '
  table=$work/tables/$1
  mkdir -p "$work/tables"
  shift
  printf '| %s ' "${@#<}" >"$table"
  for column in "${@:2}"; do
    if [[ $column = '<'* ]]; then line+='| --- '; else line+='| --: '; fi
  done
  printf '|\n%s|\n' "$line" >>"$table"
}

row() {
  printf '| %s ' "$@" >>"$table"
  printf '|\n' >>"$table"
}

# show HEADING NAME
show() {
  heading "$1"
  cat "$work/tables/$2"
}

# limited WHAT FIGURE LIMIT: a row with a figure that has to keep a limit.
limited() {
  local verdict=ok
  # A figure that was not measured keeps no limit.
  if [[ ! $2 =~ ^[0-9]+$ ]] || (($2 > $3)); then verdict=over over=1; fi
  row "$1" "$2" "$3" "$verdict"
}

# put FILE: its tables anew, each between the comments "table: NAME" and "end of table".
put() {
  local name
  cp "$1" "$work/document"
  for name in "$work"/tables/*; do
    awk -v name="${name##*/}" -v file="$name" '
      $0 == "<!-- table: " name " -->" {print; while ((getline line <file) > 0) print line; skip = 1; next}
      $0 == "<!-- end of table -->" {skip = 0}
      !skip' "$work/document" >"$work/document.new"
    mv "$work/document.new" "$work/document"
  done
  cat "$work/document" >"$1"
}

# --- what a program takes ---------------------------------------------------------------------------------------------

# less WITH WITHOUT: two pairs of figures, subtracted.
less() {
  local flash ram without_flash without_ram
  read -r flash ram <<<"$1"
  read -r without_flash without_ram <<<"$2"
  echo "$((flash - without_flash)) $((ram - without_ram))"
}

# kind_costs KIND LIBRARY: flash, and RAM without the clients; of a program of mail.c less that of none.
kind_costs() {
  local with without
  for part in "-D$1" -DNONE; do
    "${c[@]}" -std=c99 "$part" -o "$work/linked$part" "$here/linked.c" "$here/mail.c" "$examples/memory.c" "$2" "${link[@]}"
  done
  with=$(costs "$work/linked-D$1") without=$(costs "$work/linked-DNONE")
  less "$with" "$without"
}

# on_board NAME FILE OPTION...: a program with the tests' mail server, on the chosen board; what it says.
on_board() {
  link "$1" -DMEASURED "-I$here" -Itests/firmware "${@:2}" tests/firmware/peer.c 2>"$work/errors" || die "$1: $(<"$work/errors")"
  emulate -serial null >"$work/said" || die "$1 on $board: $(<"$work/said")"
  cat "$work/said"
}

# said WHAT FILE: the figure behind these words.
said() { sed -n "s/^$1:\? //p" "$2"; }

# instructions KIND: those that the library executes for a mail, counted by the emulator. The functions of memory.c count with
# it, as far as it calls them: it gets some of its own.
instructions() {
  local renamed=() define=() name
  for name in memcpy memmove memset memcmp strlen; do
    renamed+=(--redefine-sym "$name=counted_$name")
    define+=("-D$name=counted_$name")
  done
  "${tools}objcopy" "${renamed[@]}" "$archive" "$work/counted.a"
  compile -ffreestanding "${define[@]}" -c -o "$work/counted_memory.o" "$examples/memory.c"
  library=$work/counted.a
  link traced -DMEASURED -DTRACED "-D$1" "-I$here" -Itests/firmware "$here"/m{ail,easured}.c tests/firmware/peer.c \
    "$work/counted_memory.o" "-Wl,-Map=$work/map" 2>"$work/errors" || die "traced: $(<"$work/errors")"
  library=$archive
  # The places of both in the program, and that of the mark.
  awk '
    /^Linker script and memory map/ {placed = 1}
    !placed {next}
    # A long name has a line of its own.
    $1 ~ /^\.text/ && NF == 1 {getline; $0 = ".text " $0}
    $1 ~ /^\.text/ && $NF ~ /counted(\.a\(sds_smtp\.o\)|_memory\.o)$/ && $3 != "0x0" {printf "%s+%s,", $2, $3}
  ' "$work/map" >"$work/places"
  mark=$("${tools}nm" "$firmware" | awk '$3 == "mark" {print $1}')
  # One instruction at a time, each with a line in the log.
  emulate -serial null -singlestep -d exec,nochain -dfilter "$(<"$work/places")0x$mark+1" -D "$work/trace" >/dev/null ||
    die "traced: the mail was not sent"
  # What was stopped before it ran stands there again when it runs.
  awk -v mark="/$mark/" '
    /^Trace/ {marked = index($0, mark) > 0; step = 1}
    /^Stopped/ {step = -1}
    !/^(Trace|Stopped)/ {next}
    marked {marks += step; next}
    marks == 1 {count += step}
    END {print marks == 2 ? count : "none"}' "$work/trace"
}

# --- the parts --------------------------------------------------------------------------------------------------------

build() {
  local triple
  scripts/people/setup.sh cross "${bare_metal[@]}"
  for triple in "${bare_metal[@]}"; do
    # The scripts that are called do not know whether the library is the newest; cargo does, and takes a second.
    scripts/cross/firmware.sh "$triple" >/dev/null
  done
}

each_kind() {
  local kind flash ram clients small_flash smalls=()
  begin_table kinds '' minimal normal full
  local flashes=() rams=() clients_of=() arenas=() stacks=() counts=() logs=(0 "$((4 * $(said 'a log entry' "$work/limits")))")
  logs+=("${logs[1]}")
  for kind in "${kinds[@]}"; do
    read -r flash ram < <(kind_costs "$kind" "$archive")
    clients=1
    if [[ $kind = FULL ]]; then clients=2; fi
    on_board measured "-D$kind" "$here"/m{ail,easured}.c >/dev/null
    cp "$work/said" "$work/measured"
    read -r small_flash _ < <(kind_costs "$kind" "$small")
    smalls+=("$small_flash")
    flashes+=("$flash") rams+=("$((ram - clients * client))") clients_of+=("$((clients * client))")
    arenas+=("$(said arena "$work/measured")") stacks+=("$(said stack "$work/measured")") counts+=("$(instructions "$kind")")
  done
  row 'flash, small library' "${smalls[@]}"
  row 'flash, complete' "${flashes[@]}"
  row 'RAM: the library'"'"'s own' "${rams[@]}"
  row 'RAM: one client, or two' "${clients_of[@]}"
  row 'RAM: arena, the least that does' "${arenas[@]}"
  row 'RAM: log' "${logs[@]}"
  row 'stack' "${stacks[@]}"
  row 'instructions for the mail' "${counts[@]}"
  show 'Cortex-M3: bytes, and instructions' kinds
}

each_target() {
  local names=(Cortex-M0 Cortex-M3 'Cortex-M4 with FPU' RV32IMC) at=0 kind flash ram small_flash
  begin_table targets target '<processor' 'flash: minimal' normal full 'RAM' 'stack' 'static library'
  begin_table sizes target '<processor' 'flash, bytes: small' complete 'RAM, bytes' 'stack, bytes' 'static library, bytes'
  for triple in "${bare_metal[@]}"; do
    local flashes=()
    take "$triple"
    choose_board "$board"
    for kind in "${kinds[@]}"; do
      read -r flash ram < <(kind_costs "$kind" "$archive")
      flashes+=("$flash")
    done
    read -r flash ram < <(device_costs "$archive")
    read -r small_flash _ < <(device_costs "$small")
    # The program of all kinds of mails and failures.
    link stack tests/firmware/{stack,peer}.c 2>/dev/null
    emulate -serial null >"$work/stack.$triple"
    table=$work/tables/targets
    row "\`$triple\`" "${names[at]}" "${flashes[@]}" "$ram" "$(said 'stack, bytes' "$work/stack.$triple")" "$(bytes_of "$archive")"
    table=$work/tables/sizes
    row "\`$triple\`" "${names[at]}" "$small_flash" "$flash" "$ram" "$(said 'stack, bytes' "$work/stack.$triple")" "$(bytes_of "$archive")"
    at=$((at + 1))
  done
  show 'Each target: bytes' targets
  show 'Each target: the three functions, poll, result and log' sizes
}

each_function() {
  local name used
  begin_table stack function 'stack, bytes'
  while IFS=: read -r name used; do row "\`$name()\`" "$((used))"; done < <(grep '^sds_smtp' "$work/stack.thumbv7m-none-eabi")
  show 'Cortex-M3: stack by function' stack
}

each_limit() {
  begin_table limits what bytes
  while IFS= read -r line; do row "${line% *}" "${line##* }"; done <"$work/limits"
  show 'What each part of the memory takes' limits
}

# --- lwIP's own -------------------------------------------------------------------------------------------------------

lwip() {
  local source name with without options stubs=()
  source=$(scripts/boards/lwip.sh)
  # As it comes; without the texts of its assertions, which a device leaves out.
  options=("-I$examples" "-I$examples/lwip" -isystem "$source/include" -DLWIP_NOASSERT -DLWIP_PLATFORM_ASSERT'(x)=')
  "${c[@]}" -w -std=gnu99 "${options[@]}" -c -o "$work/smtp.o" "$source/apps/smtp/smtp.c"
  "${c[@]}" -w -std=gnu99 "${options[@]}" "-I$source" -c -o "$work/session.o" "$here/lwip_session.c"
  # What it calls of the stack below it and of the C library takes no room here, but for what memory.c has.
  for name in $("${tools}nm" --undefined-only "$work/smtp.o" | awk '{print $2}'); do
    case $name in memcpy | memset | memmove | memcmp | strlen) ;; *) stubs+=("-Wl,--defsym=$name=0x100001") ;; esac
  done
  for name in with without; do
    local define=()
    [[ $name = without ]] || define=(-DSMTP)
    "${c[@]}" -std=c99 "${options[@]}" "${define[@]}" -o "$work/lwip.$name" "$here/lwip_smtp.c" "$work/smtp.o" "$examples/memory.c" \
      "${stubs[@]}" "${link[@]}"
  done
  with=$(costs "$work/lwip.with") without=$(costs "$work/lwip.without")
  less "$with" "$without"
  "${tools}nm" -S -t d "$work/session.o" | awk '$4 == "lwip_session" {print $2 + 0}'
}

beside_lwip() {
  local flash ram small_flash lwip_flash lwip_ram heap transport
  {
    read -r lwip_flash lwip_ram
    read -r heap
  } < <(lwip)
  [[ -n $heap ]] || die "lwIP's client could not be measured"
  read -r flash ram < <(device_costs "$archive")
  read -r small_flash _ < <(device_costs "$small")
  "${c[@]}" -w -std=c99 "-I$examples" "-I$examples/lwip" -isystem "$(scripts/boards/lwip.sh)/include" -DLWIP_NOASSERT -c \
    -o "$work/transport.o" "$examples/transport_lwip.c"
  read -r transport _ < <(costs "$work/transport.o")
  begin_table lwip '' '<sds-smtp, small' '<complete' "<lwIP's smtp.c"
  row 'flash, bytes' "$small_flash" "$flash" "$lwip_flash"
  row '... and transport_lwip.c' "$transport" "$transport" ''
  row 'RAM, bytes' "$ram" "$ram" "$lwip_ram"
  row '... and on the heap for each mail, besides its texts' 0 0 "$heap"
  row 'reads of what EHLO announces' 'AUTH, PIPELINING, 8BITMIME' 'and SIZE' AUTH
  row 'dots at line starts doubled' yes yes no
  row 'subject' 'UTF-8, or any charset' 'the same' ASCII
  row 'text' 'ASCII; with 8BITMIME UTF-8, or any charset' 'UTF-8, or any charset' ASCII
  row 'header fields' 'From, To, Subject, Date, Message-ID, MIME' 'the same' 'From, To, Subject'
  row 'recipients' 'up to 100' 'up to 100' 1
  row 'tells of a mail' "code, phase, outcome, server's words; log" 'the same' "one of 8 results, server's code"
  show "Cortex-M3: beside lwIP's own client" lwip
}

# --- TLS --------------------------------------------------------------------------------------------------------------

# with_tls NAME VARIABLE=VALUE...: the firmware with TLS, which mails to a Postfix; what it says goes to $work/NAME.
with_tls() {
  env "SDS_SECONDS=60" "${@:2}" scripts/boards/board.sh mbedtls >"$work/$1" 2>"$work/errors" || die "$1: $(<"$work/$1") $(<"$work/errors")"
}

# What the linker kept of mbedTLS and of its transport: flash of the one and of the other, and static RAM of both.
tls_costs() {
  local section size file flash=0 transport=0 ram=0
  while read -r section size file; do
    case $section in
      .bss* | COMMON) ram=$((ram + size)) ;;
      .data*) ram=$((ram + size)) flash=$((flash + size)) ;;
      *) if [[ $file = */transport.o ]]; then transport=$((transport + size)); else flash=$((flash + size)); fi ;;
    esac
  done < <(awk '
    /^Linker script and memory map/ {placed = 1}
    !placed {next}
    # A long name has a line of its own.
    /^ \.[a-zA-Z]/ && NF == 1 {name = $1; getline; $0 = name " " $0}
    $NF ~ /\/mbedtls\/[a-z0-9_]+\.o$/ && $2 ~ /^0x/ && $1 ~ /^(\.text|\.rodata|\.data|\.ARM|\.bss|COMMON)/ {print $1, $3, $NF}
  ' "$output/mbedtls.map")
  echo "$flash $transport $ram"
}

each_tls() {
  local flash transport ram name
  if [[ $(id -u) != 0 ]]; then
    echo 'TLS by mbedTLS is left out: the Postfix that it talks to needs root'
    return
  fi
  with_tls tls_plain
  read -r flash transport ram < <(tls_costs)
  with_tls tls_ec SDS_MEASURED=1
  with_tls tls_rsa SDS_MEASURED=1 SDS_KEYS=rsa
  both() { row "$1" "$(said "$2" "$work/tls_ec")" "$(said "$2" "$work/tls_rsa")"; }
  begin_table tls 'Cortex-M3: bytes, and instructions' 'keys of P-256' 'keys of RSA, 2048 bits'
  row 'flash: mbedTLS' "$flash" "$flash"
  row "flash: \`transport_mbedtls.c\`" "$transport" "$transport"
  row "RAM: \`struct transport_mbedtls\`, and what is static" "$(($(said transport "$work/tls_ec") + ram))" "$(($(said transport "$work/tls_rsa") + ram))"
  both 'heap, at its peak' 'heap, peak'
  both 'heap, without a connection' 'heap, without a connection'
  both 'stack, of the whole program' stack
  both 'instructions of a handshake' 'handshake, instructions'
  for name in start_tls send receive close; do both "instructions of the longest call of \`$name\`" "$name, longest"; done
  # A figure beyond its limit, as everywhere; in words, since the table has no room for it.
  for name in tls_ec tls_rsa; do
    if (($(said 'start_tls, longest' "$work/$name") > 2000000)); then
      over=1
      row 'a call is to take 2,000,000 at most' over over
    fi
  done
  show 'TLS by mbedTLS, over lwIP' tls
}

limits() {
  local flash ram complete
  read -r flash ram < <(device_costs "$small")
  read -r complete _ < <(device_costs "$archive")
  begin_table limited 'Cortex-M3: the three functions, poll, result, log' bytes 'at most' '<'
  limited 'flash, small library' "$flash" 10752
  limited 'flash, complete library' "$complete" 13312
  limited 'RAM, beside arena and log' "$ram" 1000
  limited 'stack, in the worst case' "$(said 'stack, bytes' "$work/stack.thumbv7m-none-eabi")" 1024
  show 'Limits' limited
}

# --- ---

case ${1:-} in
  '' | write) ;;
  *) die "usage: benches/footprint/run.sh [write]" ;;
esac
make_work
build
echo "$(date -u +%F), $("$cross_rustc" --version), $(arm-none-eabi-gcc --version | sed q), $(qemu-system-arm --version | sed q)"
each_target
take thumbv7m-none-eabi
choose_board "$board"
on_board limits "$here/limits.c" >"$work/limits"
client=$(said 'a client' "$work/limits")
each_kind
each_function
each_limit
beside_lwip
limits
each_tls
if [[ ${1:-} = write ]]; then
  for document in docs/footprint.md README.md; do put "$document"; done
fi
echo
if ((over)); then
  echo 'footprint: over a limit'
  exit 1
fi
echo 'footprint: within all limits'
