#!/bin/bash
# Records the binary interface of the headers in include/: writes tests/abi/*.def anew, and shows what changed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
"${CARGO:-cargo}" test --quiet --test abi -- --record
