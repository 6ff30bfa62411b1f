# shellcheck shell=bash
# shellcheck disable=SC2034
# What the scripts beside it share. It is sourced by them, never run; it leaves the caller at the top of the checkout.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Where cargo builds: its variables and its configuration decide. Who installs may have no cargo, as root: then the
# variables alone.
target=$(cargo metadata --no-deps --offline --format-version 1 2>/dev/null |
  sed -n 's/.*"target_directory":"\([^"\\]*\)".*/\1/p') || true
target=${target:-${CARGO_TARGET_DIR:-${CARGO_BUILD_TARGET_DIR:-target}}}
# Absolute, since the programs built against it are run from elsewhere. All that is started from here builds there, too.
[[ $target = /* ]] || target=$PWD/$target
export CARGO_TARGET_DIR=$target
# The libraries of `make`, for whatever target cargo's configuration names, and the note that scripts/people/build.sh leaves there.
release=$target/release
made=$release/libsds_smtp.made

version=$(sed -n '/^version = /{s/^version = "\(.*\)"$/\1/p;q}' Cargo.toml)
# The shared library's binary interface: the number in its SONAME.
soname=libsds_smtp.so.${version%%.*}

# The oldest Rust that builds it.
rust_version() { sed -n 's/^rust-version = "\(.*\)"$/\1/p' Cargo.toml; }

# need_cargo COMMAND: there is a cargo, new enough, or else the word what to install.
need_cargo() {
  local cargo=$1 needed found
  needed=$(rust_version)
  found=$("$cargo" --version 2>/dev/null | cut -d' ' -f2) || true
  [[ -n $found && $(printf '%s\n' "$needed" "${found%%-*}" | sort -V | head -n 1) = "$needed" ]] && return 0
  die "${found:+$cargo $found is too old: }Rust $needed or newer is needed. Debian 12 has it: apt-get install rustc-web cargo-web.
Elsewhere: rustup, https://rustup.rs"
}

# The libraries in $release, told from any others of their names, and the versions that they were built with: cargo writes
# Cargo.lock itself, so its time says nothing.
libraries_sums() {
  (cd "$release" && cksum libsds_smtp.so libsds_smtp.a)
  cksum Cargo.lock
}

# Whether LEAN asks for the libraries without what is large: LEAN=1.
is_lean() {
  case ${LEAN:-0} in
    0) return 1 ;;
    1) return 0 ;;
    *) die "LEAN=$LEAN: 1 is lean, 0 is not" ;;
  esac
}

# What the note of a build says behind the sums.
libraries_kind() {
  if is_lean; then echo lean; else echo whole; fi
}

warnings=(-Wall -Wextra -Wpedantic -Wredundant-decls -Werror)

heading() { printf '\n=== %s ===\n\n' "$*"; }

die() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

need_files() {
  local file
  for file; do [[ -e $file ]] || die "$file is missing"; done
}

# functions_of HEADER...: the functions that they declare.
functions_of() { sed -nE 's/^[a-z].*[ *](sds_smtp_[a-z_]+)\(.*/\1/p' "$@" | sort -u; }

# A scratch folder and the mail sink; both are gone when the script ends, however it ends.
work=
sink=
sink_pid=
front_pid=

clean_up() {
  stop_front
  stop_sink
  [[ -z $work ]] || rm -rf "$work"
}

make_work() {
  work=$(mktemp -d)
  trap clean_up EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
}

# Rust's name for this machine, whatever target cargo's configuration names.
host_triple() { cargo -vV | sed -n 's/^host: //p'; }

# Sets $sink: the mail sink for this machine, out of sink/.
build_sink() {
  local host
  host=$(host_triple)
  cargo build --quiet -p mail-sink --target "$host"
  sink=$target/$host/debug/mail_sink
}

# start_sink OPTION...: listens on a free port of 127.0.0.1, $port; the dialogue goes to $work/dialogue, mails to $work/mails.
start_sink() {
  local i
  [[ -n $sink ]] || build_sink
  need_files "$sink"
  # That of the one before tells another port.
  rm -f "$work/port"
  "$sink" --seconds 60 --transcript --out "$work/mails" --port-file "$work/port" "$@" \
    >"$work/dialogue" 2>"$work/sink.err" </dev/null &
  sink_pid=$!
  for ((i = 0; i < 100; i++)); do
    [[ ! -s $work/port ]] || break
    kill -0 "$sink_pid" 2>/dev/null || break
    sleep 0.05
  done
  [[ -s $work/port ]] || die "the mail sink did not start: $(<"$work/sink.err")"
  port=$(<"$work/port")
}

# wait_sink: true when the sink ended by itself, having got all the mails that it was told to wait for.
wait_sink() {
  local i
  for ((i = 0; i < 100; i++)); do
    if ! kill -0 "$sink_pid" 2>/dev/null; then
      local code=0
      wait "$sink_pid" || code=$?
      sink_pid=
      return "$code"
    fi
    sleep 0.05
  done
  stop_sink
  return 1
}

stop_sink() {
  [[ -n $sink_pid ]] || return 0
  kill "$sink_pid" 2>/dev/null || true
  wait "$sink_pid" 2>/dev/null || true
  sink_pid=
}

# start_front OPTION... CERTIFICATE KEY: TLS in front of the mail sink, $implicit_port and $starttls_port; scripts/servers/tls_front.py.
start_front() {
  local i ports=$work/front.ports
  rm -f "$ports"
  python3 scripts/servers/tls_front.py "$@" "$port" "$ports" >"$work/front.err" 2>&1 </dev/null &
  front_pid=$!
  for ((i = 0; i < 200; i++)); do
    [[ ! -s $ports ]] || break
    kill -0 "$front_pid" 2>/dev/null || break
    sleep 0.05
  done
  [[ -s $ports ]] || die "the front with TLS did not start: $(<"$work/front.err")"
  read -r implicit_port starttls_port <"$ports"
}

stop_front() {
  [[ -n $front_pid ]] || return 0
  kill "$front_pid" 2>/dev/null || true
  wait "$front_pid" 2>/dev/null || true
  front_pid=
}
