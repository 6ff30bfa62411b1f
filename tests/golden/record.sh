#!/bin/bash
# Records what the client says in each dialogue, in both editions: writes tests/golden/octets.txt anew.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
cargo=${CARGO:-cargo}
"$cargo" test --quiet --test dialogue -- --record
"$cargo" test --quiet --no-default-features --features firmware --test dialogue -- --record
