#!/bin/bash
# Tests the firmware's library on emulated boards: mails to a Postfix, interrupts, clocks, stack (tests/python/test_firmware_board.py).
# Needs root for the Postfix, and what `make` builds. Arguments go to pytest: -k microbit.
. "$(dirname "${BASH_SOURCE[0]}")/../common.sh"
. scripts/cross/targets.sh

scripts/people/setup.sh cross "${bare_metal[@]}"
need_files "$release/libsds_smtp.so"
SDS_SMTP_LIBRARY=$release/libsds_smtp.so "${SDS_VENV:-target/venv}/bin/python" -m pytest tests/python/test_firmware_board.py -m firmware "$@"
