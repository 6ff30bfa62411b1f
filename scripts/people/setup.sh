#!/bin/bash
# Installs what is missing, and only that: Debian's packages with apt-get, Python packages below the target folder. Before it
# changes anything it prints what it is going to run.
#
#   scripts/people/setup.sh build               what `make`, `make demo` and `make install` need
#   scripts/people/setup.sh test                that and what `make test` needs
#   scripts/people/setup.sh fuzz                what `make fuzz` needs
#   scripts/people/setup.sh bench [PART...]     what `make bench` needs, or what these parts need
#   scripts/people/setup.sh cross [TRIPLE...]   what `make cross` needs, or what these targets need
#   scripts/people/setup.sh cross-all           what `make cross-all` needs
#
# Root is needed only when something is missing that is the machine's own; without it, sudo is used where there is one.
. "$(dirname "${BASH_SOURCE[0]}")/../common.sh"
. scripts/cross/targets.sh

# --- what is to be run ------------------------------------------------------------------------------------------------

# The commands, as words for the shell, in order.
plan=()
missing=()
sudo=()
[[ $(id -u) = 0 ]] || sudo=(sudo)

# later COMMAND...: to be run when all is known.
later() { plan+=("$(printf ' %q' "$@")"); }

# need CHECK PACKAGE...: notes the packages when the check (a shell command) fails.
need() {
  local check=$1
  shift
  if ! eval "$check" >/dev/null 2>&1; then missing+=("$@"); fi
}

need_command() { need "command -v $1" "${2:-$1}"; }

need_package() { need "dpkg-query -W -f '\${db:Status-Status}' $1 | grep -qx installed" "$1"; }

# Debian's packages go first: the other commands may need them.
plan_packages() {
  ((${#missing[@]})) || return 0
  command -v apt-get >/dev/null || die "missing (Debian's names): ${missing[*]}; this script can install them only with apt-get"
  local others=("${plan[@]}")
  plan=()
  later "${sudo[@]}" apt-get -qq update
  later "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "${missing[@]}"
  plan+=("${others[@]}")
}

run_plan() {
  local command
  plan_packages
  ((${#plan[@]})) || return 0
  echo 'setup.sh: something is missing; this is going to be run:'
  printf ' %s\n' "${plan[@]}"
  if [[ ${plan[*]} = *sudo* ]]; then
    command -v sudo >/dev/null || die 'this needs root, and there is no sudo'
  fi
  for command in "${plan[@]}"; do eval "$command" >/dev/null; done
}

# --- what is needed ---------------------------------------------------------------------------------------------------

need_rust_component() {
  cargo "$1" --version >/dev/null 2>&1 && return 0
  command -v rustup >/dev/null ||
    die "'cargo $1' is missing: install Rust's component $2 (Debian 12: apt-get install rustfmt-web rust-clippy-web)"
  later rustup component add "$2"
}

need_server() {
  local prefix=()
  # The last one is a Python package in the checkout.
  [[ $1 = aiosmtpd ]] || prefix=("${sudo[@]}")
  "scripts/servers/$1.sh" installed || later "${prefix[@]}" "scripts/servers/$1.sh" install
}

setup_build() {
  need_cargo cargo
  need_command cc gcc
  need "echo '#include <stdio.h>' | cc -E -" libc6-dev
  need_command make
  need "scripts/people/archive.sh check" binutils
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
  need_command abidiff abigail-tools
  need_command openssl
  need_command gnutls-serv gnutls-bin
  need_command gsasl
  need_server postfix
  need_server exim
  need_server aiosmtpd
}

setup_bench() {
  setup_build
  need "command -v valgrind && echo '#include <valgrind/callgrind.h>' | cc -E -" valgrind
  # Every part but this one looks at the other libraries.
  [[ $* != load ]] || return 0
  need "echo '#include <curl/curl.h>' | cc -E -" libcurl4-openssl-dev
  need "echo '#include <libesmtp.h>' | cc -E -" libesmtp-dev
  need "echo '#include <openssl/ssl.h>' | cc -E -" libssl-dev
  need_command strace
  need 'ldconfig -p | grep libcurl-gnutls.so.4' libcurl3-gnutls
  need_command openssl
  need_command python3
}

setup_fuzz() {
  need_cargo cargo
  need_command c++ g++
  need_command cc gcc
}

setup_cross() {
  local triple musl=''
  setup_build
  # Never a version of it: Debian's security updates replace it.
  need have_cross_rust rustc-web rust-web-src
  for triple; do
    facts_of "$triple" || die "unknown target: $triple"
    case $kind in
      # Mails over TLS: certificates, and the server.
      linux | musl | windows)
        need_command openssl
        need_command python3
        ;;
    esac
    case $kind in
      arm)
        need_command arm-none-eabi-gcc gcc-arm-none-eabi
        need "echo '#include <stdio.h>' | arm-none-eabi-gcc -E -" libnewlib-arm-none-eabi
        need_command qemu-system-arm
        # Certificates for the firmware with TLS.
        need_command openssl
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
  [[ -z $musl ]] || plan_zig
}

# Installed or not, it may be another version.
check_cross() {
  have_cross_rust || die "$cross_rustc is not Rust $(rust_version) or newer with its source (Debian: rustc-web, rust-web-src; SDS_SMTP_CROSS_RUSTC names another one)"
}

# A C compiler that brings musl and an unwinder that works with it, and the tool that has cargo link with it.
plan_zig() {
  local requirements=scripts/cross/requirements.txt stamp=$target/zig/requirements.txt
  cmp -s "$requirements" "$stamp" && return 0
  later python3 -m venv --clear "$target/zig"
  later "$target/zig/bin/python" -m pip install -q --disable-pip-version-check -r "$requirements"
  later cp "$requirements" "$stamp"
}

# --- ---

what=${1:-}
[[ $# = 0 ]] || shift
case $what in
  build) setup_build ;;
  test) setup_test ;;
  fuzz) setup_fuzz ;;
  bench) setup_bench "$@" ;;
  cross) setup_cross "${@:-${every_run[@]}}" ;;
  cross-all) setup_cross "${all_targets[@]}" ;;
  *)
    echo 'usage: scripts/people/setup.sh build|test|fuzz|bench [PART...]|cross [TRIPLE...]|cross-all' >&2
    exit 2
    ;;
esac
run_plan
[[ $what != cross* ]] || check_cross
