# shellcheck shell=bash
# shellcheck disable=SC2034
# What the scripts beside it share. It is sourced by them, never run; it leaves the caller at the top of the checkout.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Absolute, since the programs built against it are run from elsewhere.
target=${CARGO_TARGET_DIR:-target}
[[ $target = /* ]] || target=$PWD/$target
release=$target/release
sink=$target/debug/examples/mail_sink

version=$(sed -n '/^version = /{s/^version = "\(.*\)"$/\1/p;q}' Cargo.toml)
# The shared library's binary interface: the number in its SONAME.
soname=libsds_smtp.so.${version%%.*}

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

# A scratch folder and the mail sink; both are gone when the script ends, however it ends.
work=
sink_pid=

clean_up() {
  stop_sink
  [[ -z $work ]] || rm -rf "$work"
}

make_work() {
  work=$(mktemp -d)
  trap clean_up EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
}

# start_sink OPTION...: listens on a free port of 127.0.0.1, $port; the dialogue goes to $work/dialogue, mails to $work/mails.
start_sink() {
  local i
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
