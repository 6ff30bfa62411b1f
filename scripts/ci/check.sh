#!/bin/bash
# `make check`: the tests that this machine can run as it is. It needs no root, installs nothing, and says at its end what it has
# left out and why.
. "$(dirname "${BASH_SOURCE[0]}")/../common.sh"

left_out=()
leave_out() {
  left_out+=("$1: $2")
  echo "left out: $1: $2"
}

# lacks TOOL...: prints those that are not there; true when there are any.
lacks() {
  local tool found=()
  for tool; do command -v "$tool" >/dev/null || found+=("$tool"); done
  echo "${found[*]}"
  ((${#found[@]}))
}

# without_namespaces: neither as root nor as a user a network of one's own can be had.
without_namespaces() {
  ! unshare -n ip link set lo up 2>/dev/null && ! unshare -r -n ip link set lo up 2>/dev/null
}

need_cargo cargo

heading 'Format and clippy'
if cargo fmt --version >/dev/null 2>&1; then cargo fmt --all --check; else leave_out 'the format' 'cargo fmt is missing'; fi
if cargo clippy --version >/dev/null 2>&1; then
  cargo clippy --quiet --workspace --all-targets -- -D warnings
else
  leave_out clippy 'cargo clippy is missing'
fi

heading 'Rust tests'
tests=() c_programs=yes skipped=()
for file in tests/*.rs; do
  name=${file##*/}
  name=${name%.rs}
  case $name in
    abi | architecture | c_programs | firmware) ;;
    *) tests+=(--test "$name") ;;
  esac
done
cargo test --quiet --lib "${tests[@]}"
cargo test --quiet -p mail-sink

heading 'C programs'
if missing=$(lacks "${CC:-cc}" "${CXX:-c++}" ar nm readelf); then
  c_programs=
  leave_out 'all tests with C programs, and those of the headers and libraries' "missing: $missing"
elif ! missing=$(scripts/people/archive.sh check 2>&1); then
  c_programs=
  leave_out 'all tests with C programs, and those of the headers and libraries' "$missing"
fi
if [[ $c_programs ]]; then
  cargo test --quiet --test architecture --test abi
  if lacks valgrind >/dev/null; then
    skipped+=(--skip valgrind)
    leave_out 'C programs under valgrind, and the firmware library on this machine' 'valgrind is missing'
  else
    cargo test --quiet --test firmware
  fi
  if missing=$(lacks unshare ip); then
    skipped+=(--skip port_25)
    leave_out 'the three functions on port 25' "missing: $missing"
  elif without_namespaces; then
    skipped+=(--skip port_25)
    leave_out 'the three functions on port 25' 'no network namespace can be made here'
  fi
  cargo test --quiet --test c_programs -- "${skipped[@]}"
fi

heading 'Python module'
python=
for found in "${SDS_VENV:-target/venv}/bin/python" python3; do
  if "$found" -c 'import pytest' 2>/dev/null; then
    python=$found
    break
  fi
done
if [[ -z $python ]]; then
  leave_out 'the tests of the Python module' 'no python3 with pytest'
elif [[ -z $c_programs ]]; then
  leave_out 'the tests of the Python module' 'the library could not be built'
else
  scripts/people/build.sh
  SDS_SMTP_LIBRARY=$release/libsds_smtp.so "$python" -m pytest -q tests/python/test_binding.py \
    tests/python/test_readme.py
fi

heading 'What was checked passed'
if ((${#left_out[@]})); then
  echo 'LEFT OUT on this machine; what is missing is installed by: make setup'
  printf '  %s\n' "${left_out[@]}"
fi
cat <<'END'
Left out always, since make test does it: Postfix, Exim and aiosmtpd; make install; linking beside another Rust library; the
other combinations of features. make cross and make test-all do more.
END
