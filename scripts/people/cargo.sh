#!/bin/bash
# cargo with these arguments; where there is none, or an old one, the word what to install.
. "$(dirname "${BASH_SOURCE[0]}")/../common.sh"

read -ra cargo <<<"${CARGO:-cargo}"
need_cargo "${cargo[0]}"
exec "${cargo[@]}" "$@"
