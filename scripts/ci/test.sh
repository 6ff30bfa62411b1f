#!/bin/bash
# `make test`: everything, stopping at the first failure. People and CI run the same.
. "$(dirname "${BASH_SOURCE[0]}")/../common.sh"

heading 'Setup'
scripts/people/setup.sh test

heading 'Lint'
scripts/ci/lint.sh

# Before the Rust tests: some of them build C programs against these libraries.
heading 'Build'
make --no-print-directory

heading 'Rust and C tests'
cargo test --workspace

heading 'Rust tests of the lean library'
cargo test --no-default-features --features std --lib --test host

heading 'Rust tests without the feature complete'
cargo test --no-default-features --features firmware --lib --test dialogue --test cut --test pieces --test transitions

heading 'Python tests and real servers'
SDS_SMTP_LIBRARY=$release/libsds_smtp.so "${SDS_VENV:-target/venv}/bin/python" -m pytest tests/python

heading 'Beside another Rust library'
scripts/ci/test_neighbour.sh

heading 'Builds elsewhere'
scripts/ci/test_build.sh

heading 'Install'
scripts/ci/test_install.sh

heading 'Demo'
make --no-print-directory demo

heading 'All tests passed'
