# shellcheck shell=bash
# shellcheck disable=SC2154
# Another Rust library (tests/neighbour/) to link beside this one: as cargo makes it, and as scripts/people/archive.sh makes it, which
# shows that what is done to this library leaves panics and threads as they are. It is sourced, never run;
# the one who does has $archive, this library, and the scratch folder of scripts/common.sh.

# make_neighbours TRIPLE FOLDER CARGO OPTION...: sets $plain, as cargo makes it, and $finished, the same as one object and with
# another name for its function.
make_neighbours() {
  local triple=$1 folder=$2 cargo=$3
  shift 3
  "$cargo" rustc --quiet --locked --release --lib --manifest-path tests/neighbour/Cargo.toml --target "$triple" \
    --target-dir "$folder" "$@"
  plain=$folder/$triple/release/libneighbour.a
  finished=$work/libfinished.a
  cp "$plain" "$finished"
  scripts/people/archive.sh "$finished" neighbour_works
  "${OBJCOPY:-${CROSS_COMPILE:-}objcopy}" --redefine-sym neighbour_works=finished_works "$finished"
}

# in_both_orders: prints the libraries as words for the linker, once with this one ($archive) before the others and once behind.
in_both_orders() {
  echo "$archive $finished $plain"
  echo "$plain $finished $archive"
}
