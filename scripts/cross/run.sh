#!/bin/bash
# `make cross` and `make cross-all`: builds for other targets, and runs what was built.
#
#   scripts/cross/run.sh              the targets of every run; firmwares on emulated boards; what they cost
#   scripts/cross/run.sh all          all targets
#   scripts/cross/run.sh TRIPLE...    these
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

case ${1:-} in
  '') triples=("${every_run[@]}") ;;
  all) triples=("${all_targets[@]}") ;;
  *) triples=("$@") ;;
esac

for triple in "${triples[@]}"; do facts_of "$triple" || unknown_target "$triple"; done
scripts/people/setup.sh cross "${triples[@]}"

rm -rf "$cross/tables"
mkdir -p "$cross/tables"
for triple in "${triples[@]}"; do
  heading "$triple"
  facts_of "$triple"
  case $kind in
    arm | riscv) script=scripts/cross/firmware.sh ;;
    *) script=scripts/cross/hosted.sh ;;
  esac
  [[ -x $script ]] || die "$script, which builds for $triple, is missing"
  seconds=$SECONDS
  "$script" "$triple"
  echo "$triple: $((SECONDS - seconds)) s"
done

# Each script leaves its line in a file of its table's name.
for table in "$cross"/tables/*; do
  [[ -e $table ]] || continue
  heading "${table##*/}"
  cat "$table"
done

# Whole runs: on emulated boards, and what it costs.
case ${1:-} in
  '' | all)
    heading 'Emulated boards'
    scripts/people/setup.sh test
    "${MAKE:-make}" -s all
    seconds=$SECONDS
    scripts/boards/test.sh
    echo "emulated boards: $((SECONDS - seconds)) s"
    seconds=$SECONDS
    benches/footprint/run.sh
    echo "footprint: $((SECONDS - seconds)) s"
    ;;
esac
