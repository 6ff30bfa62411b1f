#!/bin/bash
# Builds transport_lwip.c and lwIP for this machine, with sanitizers, and runs tests/firmware/lwip_transport.c.
#
#   LWIP    the folder of lwIP's sources (src); by default Debian's, which lwip.sh fetches
. "$(dirname "${BASH_SOURCE[0]}")/../common.sh"

source=${LWIP:-$(scripts/boards/lwip.sh)}
output=$target/firmware/host
mkdir -p "$output"
rm -f "$output"/*.o

options=(-std=gnu99 -g -O0 "-fsanitize=address,undefined" -fno-sanitize-recover=all
  "-I$PWD/include" "-I$PWD/c_examples/firmware" "-I$PWD/tests/firmware/lwip")

(
  cd "$output"
  # The test counts what lwIP allocates, and refuses it.
  gcc "${options[@]}" -fno-sanitize=alignment,shift -Dmalloc=test_malloc -Dcalloc=test_calloc -Dfree=test_free \
    "-I$source/include" -c "$source"/core/*.c "$source"/core/ipv[46]/*.c "$source/netif/ethernet.c"
)
gcc "${options[@]}" "${warnings[@]}" -isystem "$source/include" tests/firmware/lwip_transport.c c_examples/firmware/transport_lwip.c \
  "$output"/*.o -o "$output/lwip_transport"
timeout 60 "$output/lwip_transport"
