#!/bin/bash
# Installs what is missing, and only that: Debian's packages with apt-get, Python packages into target/venv.
#
#   scripts/people/setup.sh build               what `make`, `make demo` and `make install` need
#   scripts/people/setup.sh test                that and what `make test` needs
#   scripts/people/setup.sh fuzz                what `make fuzz` needs
#   scripts/people/setup.sh cross [TRIPLE...]   what `make cross` needs, or what these targets need
#   scripts/people/setup.sh cross-all           what `make cross-all` needs
#
# Root is needed only when a Debian package is missing; without it, sudo is used where there is one.
. "$(dirname "${BASH_SOURCE[0]}")/../common.sh"
. scripts/cross/targets.sh

as_root() {
  if [[ $(id -u) = 0 ]]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    die "this needs root: $*"
  fi
}

# need CHECK PACKAGE...: notes the packages when the check (a shell command) fails.
missing=()
need() {
  local check=$1
  shift
  if ! eval "$check" >/dev/null 2>&1; then missing+=("$@"); fi
}

need_command() { need "command -v $1" "${2:-$1}"; }

need_package() { need "dpkg-query -W -f '\${db:Status-Status}' $1 | grep -qx installed" "$1"; }

install_missing() {
  ((${#missing[@]})) || return 0
  command -v apt-get >/dev/null || die "missing (Debian's names): ${missing[*]}; this script can install them only with apt-get"
  echo "setup.sh: installing ${missing[*]}"
  as_root apt-get -qq update
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "${missing[@]}" >/dev/null
  missing=()
}

# Debian's own Rust may be too old, and a second one beside rustup's would confuse: this is left to the user.
need_rust() {
  command -v cargo >/dev/null || die "cargo is missing: install Rust $(rust_version) or newer, for instance with rustup"
}

need_rust_component() {
  cargo "$1" --version >/dev/null 2>&1 && return 0
  command -v rustup >/dev/null || die "'cargo $1' is missing: install Rust's component $2"
  rustup component add "$2"
}

setup_build() {
  need_rust
  need_command cc gcc
  need "echo '#include <stdio.h>' | cc -E -" libc6-dev
  need_command make
  need "scripts/people/archive.sh check" binutils
  install_missing
}

setup_test() {
  setup_build
  need_rust_component fmt rustfmt
  need_rust_component clippy clippy
  need_command gcc
  need_command g++
  need_command valgrind
  # Without the C library's symbols valgrind reports false errors in it, or does not start.
  if command -v dpkg-query >/dev/null; then need_package libc6-dbg; fi
  need_command python3
  need 'python3 -c "import ensurepip, venv"' python3-venv
  need_command pkg-config
  need_command readelf binutils
  need_command strace
  need_command ip iproute2
  need_command unshare util-linux
  install_missing
  # Each looks first whether there is anything to do.
  as_root scripts/servers/postfix.sh install
  as_root scripts/servers/exim.sh install
  scripts/servers/aiosmtpd.sh install
}

setup_fuzz() {
  need_rust
  need_command c++ g++
  need_command cc gcc
  install_missing
}

setup_cross() {
  local triple musl=''
  setup_build
  # Never a version of it: Debian's security updates replace it.
  need have_cross_rust rustc-web rust-web-src
  for triple; do
    facts_of "$triple" || die "unknown target: $triple"
    case $kind in
      arm)
        need_command arm-none-eabi-gcc gcc-arm-none-eabi
        need "echo '#include <stdio.h>' | arm-none-eabi-gcc -E -" libnewlib-arm-none-eabi
        need_command qemu-system-arm
        ;;
      riscv)
        need_command riscv64-unknown-elf-gcc gcc-riscv64-unknown-elf
        need_command qemu-system-riscv32 qemu-system-misc
        ;;
      linux)
        need_command "$gnu-gcc" "gcc-$gnu"
        need "echo '#include <stdio.h>' | $gnu-gcc -E -" "libc6-dev-$debian-cross"
        need_command "$qemu" qemu-user-static
        ;;
      musl)
        musl=yes
        need_command python3
        need 'python3 -c "import ensurepip, venv"' python3-venv
        # Its loader, for the program with the shared library.
        need '[[ -e /lib/ld-musl-x86_64.so.1 ]]' musl
        ;;
      windows)
        need_command "$gnu-gcc-posix" gcc-mingw-w64-x86-64-posix
        need 'command -v wine && wine --version' wine wine64
        ;;
    esac
  done
  install_missing
  have_cross_rust || die "$cross_rustc is not Rust $(rust_version) or newer with its source (Debian: rustc-web, rust-web-src; SDS_SMTP_CROSS_RUSTC names another one)"
  [[ -z $musl ]] || setup_zig
}

# A C compiler that brings musl and an unwinder that works with it, and the tool that has cargo link with it.
setup_zig() {
  local requirements=scripts/cross/requirements.txt stamp=$target/zig/requirements.txt
  cmp -s "$requirements" "$stamp" && return 0
  echo "setup.sh: installing $(paste -sd ' ' "$requirements") in $target/zig"
  python3 -m venv --clear "$target/zig"
  "$target/zig/bin/python" -m pip install -q --disable-pip-version-check -r "$requirements"
  cp "$requirements" "$stamp"
}

case ${1:-} in
  build) setup_build ;;
  test) setup_test ;;
  fuzz) setup_fuzz ;;
  cross)
    shift
    setup_cross "${@:-${every_run[@]}}"
    ;;
  cross-all) setup_cross "${all_targets[@]}" ;;
  *)
    echo "usage: scripts/people/setup.sh build|test|fuzz|cross [TRIPLE...]|cross-all" >&2
    exit 2
    ;;
esac
