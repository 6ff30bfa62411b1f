#!/bin/bash
# `make fuzz TIME=SECONDS`: builds the fuzz targets, has them take the inputs that once failed, and runs each for so long, as many
# at once as there are processors. fuzz/README.md describes them.
#
#   scripts/ci/fuzz.sh [SECONDS [TARGET...]]   all targets, or these; 60 seconds
#   scripts/ci/fuzz.sh build                   builds
#   scripts/ci/fuzz.sh run TARGET INPUT...     has a target take these inputs
. "$(dirname "${BASH_SOURCE[0]}")/../common.sh"
. scripts/ci/fuzzing.sh

usage() {
  sed -n '/^#   /s/^#   //p' "$0" >&2
  exit 2
}

# The targets that run: each with its process.
declare -A running=()
failed=()

stop_all() {
  local name
  for name in "${!running[@]}"; do kill "${running[$name]}" 2>/dev/null || true; done
  wait
}

# finished NAME: tells how it went.
finished() {
  local code=0
  wait "${running[$1]}" || code=$?
  unset "running[$1]"
  if ((code == 0)); then
    echo "$1: $(sed -n 's/^Done \(.*\)/\1/p' "$fuzz/log/$1"), $(grep -ac '' < <(ls "$fuzz/corpus/$1")) inputs kept"
  else
    failed+=("$1")
  fi
}

# Waits until one has finished.
finish_one() {
  local name
  while :; do
    for name in "${!running[@]}"; do
      kill -0 "${running[$name]}" 2>/dev/null || { finished "$name"; return; }
    done
    sleep 0.2
  done
}

# tell NAME: what the target found.
tell() {
  local input
  echo
  echo "$1 failed (the whole of it: $fuzz/log/$1):"
  grep -aE -A3 'panicked at|^==[0-9]+==ERROR|^SUMMARY' "$fuzz/log/$1" | cut -c1-600 | head -20
  input=$(sed -n 's/.*Test unit written to //p' "$fuzz/log/$1")
  [[ -z $input ]] || cat <<END
again:    scripts/ci/fuzz.sh run $1 $input
When it is mended, the input stays as fuzz/regressions/$1/WHAT_IT_WAS: every run begins with those.
END
}

run_all() {
  local seconds=$1 name at_once
  shift
  at_once=$(nproc)
  trap 'stop_all; exit 130' INT
  trap 'stop_all; exit 143' TERM
  for name; do
    while ((${#running[@]} >= at_once)); do finish_one; done
    start_target "$name" "$fuzz/corpus/$name" -max_total_time="$seconds" >"$fuzz/log/$name" 2>&1 &
    running[$name]=$!
  done
  while ((${#running[@]})); do finish_one; done
  for name in "${failed[@]}"; do tell "$name"; done
  ((!${#failed[@]})) || die "failed: ${failed[*]}"
}

replay() {
  local name inputs
  for name in "${targets[@]}"; do
    inputs=(fuzz/regressions/"$name"/*)
    [[ -e ${inputs[0]} ]] || continue
    start_target "$name" "${inputs[@]}" >"$fuzz/log/$name" 2>&1 || { tell "$name"; die "$name fails again"; }
    echo "$name: ${#inputs[@]} inputs that once failed"
  done
}

case ${1:-60} in
  build) build_targets . "$fuzz" ;;
  run)
    (($# >= 3)) || usage
    name=$2
    shift 2
    need_files "$fuzz_bin/$name"
    start_target "$name" "$@"
    ;;
  *[!0-9]*) usage ;;
  *)
    seconds=${1:-60}
    shift || true
    chosen=("${@:-${targets[@]}}")
    build_targets . "$fuzz"
    make_seeds "$fuzz/corpus"
    replay
    run_all "$seconds" "${chosen[@]}"
    ;;
esac
