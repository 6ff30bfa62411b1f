# shellcheck shell=bash
# shellcheck disable=SC2034
# What the scripts of cross/ share. It is sourced by them, never run; it leaves the caller at the top of the checkout.
. "$(dirname "${BASH_SOURCE[0]}")/../common.sh"
. scripts/cross/targets.sh

# A folder for each target: two can be built at a time, and a machine that has built one does so faster again.
cross=$target/cross

# cross_cargo ARGUMENT...: the cargo of every day with the rustc whose source is at hand, since the standard library is
# built along. RUSTC_BOOTSTRAP allows that. It would allow the project to use what is not stable, too: that it does not
# is for the ordinary build to see.
cross_cargo() { RUSTC=$cross_rustc RUSTC_BOOTSTRAP=1 cargo "$@"; }

unknown_target() {
  {
    echo "${0##*/}: unknown target: ${1:-(none)}. There are:"
    printf '  %s\n' "${all_targets[@]}"
  } >&2
  exit 2
}

bytes_of() { stat -L -c %s "$1"; }

# Text, constants included, as the tool "size" counts it.
text_of() { "$1" "$2" | awk 'NR == 2 { print $1 }'; }
