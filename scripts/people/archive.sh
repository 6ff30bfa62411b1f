#!/bin/bash
# Makes the static library that programs link out of the one that cargo makes, in its place (docs/adr/0016-one-object.md):
# one object file in which only the functions of the header are global, so that it can stand beside other Rust libraries. For
# Windows the objects stay, and whatever else is global gets the library's name before its own.
#
#   scripts/people/archive.sh check               whether the tools for it are there, and what is missing
#   scripts/people/archive.sh ARCHIVE [NAME...]   by default the functions of include/sds_smtp.h stay global
#
# It takes GNU's ld (2.29 or newer; or another that knows --force-group-allocation), objcopy, ar and nm. CROSS_COMPILE is a prefix
# of their names, as "aarch64-linux-gnu-"; LD, OBJCOPY, AR and NM name other ones, with options where they need some.
. "$(dirname "${BASH_SOURCE[0]}")/../common.sh"

prefix=${CROSS_COMPILE:-}

# Words for the shell, as in every Makefile.
read -ra ar <<<"${AR:-${prefix}ar}"
read -ra objcopy <<<"${OBJCOPY:-${prefix}objcopy}"
read -ra nm <<<"${NM:-${prefix}nm}"
if [[ -n ${LD:-} ]]; then
  read -ra ld <<<"$LD"
else
  # The plain name may lead to another linker; GNU's has this one, too.
  ld=("${prefix}ld.bfd")
  command -v "${ld[0]}" >/dev/null || ld=("${prefix}ld")
fi

check() {
  local tool help
  for tool in "${ld[0]}" "${objcopy[0]}" "${ar[0]}" "${nm[0]}"; do
    command -v "$tool" >/dev/null ||
      die "$tool is missing, which the static library takes: install GNU binutils (Debian: binutils), or name it with LD, OBJCOPY, AR or CROSS_COMPILE"
  done
  # Without a pipe: `grep -q` would end the one who writes.
  help=$("${ld[@]}" --help 2>/dev/null) || true
  [[ $help = *--force-group-allocation* ]] ||
    die "${ld[0]} knows no --force-group-allocation, which the static library takes: name GNU ld 2.29 or newer with LD (Debian: binutils, LD=ld.bfd)"
  help=$("${objcopy[@]}" --help 2>/dev/null) || true
  [[ $help = *--keep-global-symbols* ]] || die "${objcopy[0]} knows no --keep-global-symbols: name GNU's or LLVM's with OBJCOPY"
}

# prefix_of ARCHIVE: what stands before the names that are the library's own affair.
prefix_of() {
  local name=${1##*/}
  name=${name%.a}
  echo "${name#lib}_internal_"
}

# keep_under_names_of_ours ARCHIVE: MIPS calls functions that were global when they were compiled through a table that takes
# only global ones. They stay so, with the library's name before theirs.
keep_under_names_of_ours() {
  local prefix
  prefix=$(prefix_of "$1")
  "${nm[@]}" --extern-only --defined-only --format=posix "$work/sds_smtp.o" | cut -d' ' -f1 |
    grep -vxFf "$work/global" >"$work/others"
  sed "s/.*/& $prefix&/" "$work/others" >"$work/renamed"
  "${objcopy[@]}" --redefine-syms="$work/renamed" "$work/sds_smtp.o"
  sed "s/^/$prefix/" "$work/others" >>"$work/global"
}

# under_names_of_ours ARCHIVE NAME...: Windows. Its linker puts the tables of imported functions together out of sections of many
# objects, in the order of the objects' names: they cannot become one. Of two libraries with the same import it would take parts of
# either's table, so these names change, too. A pointer (.refptr) to what is not in here stays one that all share.
under_names_of_ours() {
  local archive=$1 prefix sections
  prefix=$(prefix_of "$archive")
  shift
  printf '%s\n' "$@" >"$work/global"
  # Of what has bitcode LLVM's plugin for these tools would tell no names.
  "${objcopy[@]}" --strip-debug --remove-section=.llvmbc --remove-section=.llvmcmd "$archive" "$work/all.a" 2>"$work/errors" ||
    die "${objcopy[*]} cannot take $archive: $(<"$work/errors")"
  "${nm[@]}" --extern-only --defined-only --format=posix "$work/all.a" | awk '$2 ~ /^[A-Z]$/ {print $1}' | sort -u >"$work/defined"
  awk 'NR == FNR {there[$0]; next} !/^[.]refptr[.]/ || substr($0, 9) in there' "$work/defined" "$work/defined" |
    grep -vxFf "$work/global" | grep -vE "^([.]refptr[.])?$prefix" | sed -E "s/^([.]refptr[.])?(.*)/& \1$prefix\2/" >"$work/renamed"
  # Of the sections with such a pointer the linker takes one by its name, which is a symbol's, too.
  sed -n 's/^[.]refptr[.]/.rdata$&/; s/ / .rdata$/p' "$work/renamed" | grep -F '$.refptr.' >"$work/sections" || true
  mapfile -t sections < <(sed 's/^/--rename-section=/; s/ /=/' "$work/sections")
  cat "$work/sections" >>"$work/renamed"
  "${objcopy[@]}" --redefine-syms="$work/renamed" "${sections[@]}" "$work/all.a" "$work/library.a"
}

# one_object ARCHIVE NAME...: of the objects that the named functions need. A section that the compiler puts into a
# group of its own (the pointer to the function for unwinding) becomes an ordinary one: of groups with the same name a
# linker takes the first, and the symbol that is local from now on would stay without its section.
one_object() {
  local archive=$1
  shift
  printf '%s\n' "$@" >"$work/global"
  "${ld[@]}" -r --force-group-allocation "${@/#/--undefined=}" -o "$work/all.o" "$archive" ||
    die "${ld[*]} cannot take $archive: name the tools of its target with CROSS_COMPILE, or with LD, OBJCOPY, AR and NM (LD='ld -m elf_i386' for 32 bits)"
  # Of several objects' bitcode, one behind the other, LLVM's plugin for these tools can make nothing.
  "${objcopy[@]}" --remove-section=.llvmbc --remove-section=.llvmcmd "$work/all.o"
  case $(od -An -tx1 -j18 -N2 "$work/all.o") in
    # The machine in the ELF header: MIPS, in either byte order. Leaving out sections makes code there that does not run.
    ' 08 00' | ' 00 08')
      cp "$work/all.o" "$work/sds_smtp.o"
      keep_under_names_of_ours "$archive"
      ;;
    *) "${ld[@]}" -r --gc-sections "${@/#/--undefined=}" -o "$work/sds_smtp.o" "$work/all.o" ;;
  esac
  # Names that nothing refers to go, too. The weak ones, of what an older C library lacks, would be asked for: where ld has
  # left out the section that refers to one, it leaves the name as an undefined one.
  "${objcopy[@]}" --keep-global-symbols="$work/global" --strip-unneeded --remove-section=.comment "$work/sds_smtp.o"
  "${ar[@]}" crsD "$work/library.a" "$work/sds_smtp.o"
}

# is_for_windows ARCHIVE: whether its objects are of Windows's format, for x86-64.
is_for_windows() {
  local first
  first=$("${ar[@]}" t "$1" | sed -n 1p)
  [[ $("${ar[@]}" p "$1" "$first" | od -An -tx1 -N2) = ' 64 86' ]]
}

[[ $# -ge 1 ]] || die 'usage: scripts/people/archive.sh check | ARCHIVE [NAME...]'
check
[[ $1 != check ]] || exit 0
need_files "$1"
archive=$1
shift
if [[ $# = 0 ]]; then
  mapfile -t names < <(functions_of include/sds_smtp.h)
  set -- "${names[@]}"
fi
make_work
if is_for_windows "$archive"; then under_names_of_ours "$archive" "$@"; else one_object "$archive" "$@"; fi
# The time of the build: what cargo did not make anew does not look newer.
touch -r "$archive" "$work/library.a"
cp -p "$work/library.a" "$archive.new"
mv -f "$archive.new" "$archive"
