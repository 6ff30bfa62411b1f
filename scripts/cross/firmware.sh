#!/bin/bash
# libsds_smtp.a for a microcontroller: one object file in which only the documented symbols are global; and the proof, by
# linking C programs to it, that nothing in it can panic, what it asks for, and that it is a good neighbour. Beside it
# libsds_smtp_small.a, without the feature `complete`.
#
#   scripts/cross/firmware.sh TRIPLE     the libraries go to target/cross/TRIPLE/, their headers to include/ there
. "$(dirname "${BASH_SOURCE[0]}")/bare_metal.sh"

take "${1:-}"
case $kind in
  arm) emulation=armelf ;;
  riscv) emulation=elf32lriscv ;;
esac
folder=$cross/$triple
make_work

# --- the library ---

# What the header of the firmware and the common one declare, but for what only a system has.
hosted_only='sds_smtp_client_(new|wait|dialogue|progress|recipients|configure_url)|sds_smtp_use_event_loop|sds_smtp_shutdown|sds_smtp_(code|phase|outcome)_name'
functions_of include/sds_smtp.h include/sds_smtp_firmware.h | grep -vxE "$hosted_only" >"$work/documented"
mapfile -t documented <"$work/documented"

# The compiler's own idea of the target, but that a function keeps a frame pointer only where it needs one: they cost some 6 %
# of the flash.
mkdir -p "$folder"
specification=$folder/$triple.json
RUSTC_BOOTSTRAP=1 "$cross_rustc" -Zunstable-options --print target-spec-json --target "$triple" |
  sed -e 's/"frame-pointer": "[a-z-]*"/"frame-pointer": "may-omit"/' -e '/"is-builtin":/d' >"$specification"
# A cargo that knows this option wants it.
allowed=()
if cross_cargo -Z help | grep -q json-target-spec; then allowed=(-Zjson-target-spec); fi

# Three of the compiler's own decisions that pay on larger machines only: values that are computed early in case they are needed,
# equal ends of branches that stay apart, and branches that become selections. Without them the library is 24 bytes smaller.
decisions=(-enable-pre=false -tail-merge-size=1 -phi-node-folding-threshold=0)

build() {
  RUSTFLAGS="${RUSTFLAGS:-} ${decisions[*]/#/-Cllvm-args=}" cross_cargo rustc -q --profile firmware --lib -Zbuild-std=core -Zbuild-std-features=optimize_for_size "${allowed[@]}" \
    --target "$specification" --target-dir "$folder" "$@"
}

# The compiler's own library brings functions of C, too; those are the program's, and are left to it.
c_functions=(memcmp memcpy memmove memset strlen)
rename=()
for name in "${c_functions[@]}" bcmp; do rename+=(--redefine-sym "$name=unused_$name"); done

# make_library FEATURES: $archive.
make_library() {
  build --crate-type staticlib --no-default-features --features "$1"
  rm -rf "$work/parts"
  mkdir "$work/parts"
  (cd "$work/parts" && "${tools}ar" x "$folder/$triple/firmware/libsds_smtp.a")
  for part in "$work"/parts/compiler_builtins*.o; do "${tools}objcopy" "${rename[@]}" "$part"; done
  "${tools}ld" -m "$emulation" -r --gc-sections "${documented[@]/#/--undefined=}" -o "$work/sds_smtp.o" "$work"/parts/*.o
  "${tools}objcopy" --keep-global-symbols="$work/documented" --strip-debug --remove-section=.llvmbc --remove-section=.llvmcmd \
    --remove-section=.comment --remove-section=.note.GNU-stack "$work/sds_smtp.o"
  rm -f "$archive"
  "${tools}ar" crsD "$archive" "$work/sds_smtp.o"
}

# --- what it offers, and what it asks for ---

look_at_symbols() {
  [[ $("${tools}ar" t "$archive") = sds_smtp.o ]] || die "$archive is not of one object file"
  "${tools}nm" --extern-only --defined-only "$archive" | awk 'NF == 3 { print $3 }' | sort >"$work/global"
  diff "$work/documented" "$work/global" || die "the global symbols of $archive are not those of the headers"
  "${tools}nm" --undefined-only "$archive" | awk 'NF == 2 { print $2 }' | sort >"$work/undefined"
  printf '%s\n' "${c_functions[@]}" | comm -13 - "$work/undefined" >"$work/asked"
  [[ ! -s $work/asked ]] || die "$archive asks for $(tr '\n' ' ' <"$work/asked")"
}

# --- programs with it ---

panics() { "${tools}nm" "$1" | grep -E 'panic|unwrap_failed|expect_failed|rust_begin_unwind' || true; }

# One that takes every function: no path through any of them ends in a panic.
look_for_panics() {
  "${c[@]}" -std=c99 -fno-lto -o "$work/everything" tests/firmware/everything.c "$examples/memory.c" "$archive" "${link[@]}"
  found=$(panics "$work/everything")
  [[ -z $found ]] || die "something in $archive can panic: $found"
  "${tools}nm" "$work/everything" | awk '$2 == "T" { print $3 }' | sort >"$work/taken"
  left_out=$(comm -23 "$work/documented" "$work/taken")
  [[ -z $left_out ]] || die "tests/firmware/everything.c leaves out $left_out"
}

mkdir -p "$folder/include"
cp include/sds_smtp.h include/sds_smtp_firmware.h "$folder/include/"

# One with all it can do, and a small one.
for features in firmware firmware,complete; do
  archive=$folder/libsds_smtp.a
  [[ $features = *complete ]] || archive=$small
  make_library "$features"
  look_at_symbols
  look_for_panics
done

# With whole-program optimisation of the program, and as C++.
"${c[@]}" -std=c11 -flto -o "$work/lto" tests/firmware/everything.c "$examples/memory.c" "$archive" "${link[@]}"
"${tools}g++" "${processor[@]}" -Os -ffreestanding -fno-exceptions -fno-rtti "${warnings[@]}" -Iinclude -x c++ -std=c++11 -c \
  -o "$work/cpp.o" tests/firmware/everything.c
"${c[@]}" -std=c11 -o "$work/cpp" "$work/cpp.o" "$examples/memory.c" "$archive" "${link[@]}"

# Beside another Rust library, with symbols that this one has, too: whichever of them comes first.
build --locked --manifest-path tests/firmware/neighbour/Cargo.toml
neighbour=$folder/$triple/firmware/libneighbour.a
"${c[@]}" -std=c99 -D_start=everything -c -o "$work/everything.o" tests/firmware/everything.c
for libraries in "$archive $neighbour" "$neighbour $archive"; do
  # shellcheck disable=SC2086 # two files
  "${c[@]}" -std=c99 -o "$work/beside" tests/firmware/neighbour/program.c "$work/everything.o" $libraries "$examples/memory.c" \
    "${link[@]}"
done

# --- what it costs ---

read -r flash ram < <(device_costs "$archive")
read -r small_flash _ < <(device_costs "$small")
table="$cross/tables/the library for microcontrollers"
mkdir -p "$cross/tables"
[[ -e $table ]] || printf '| target | flash, bytes: small | complete | RAM, bytes | static library, bytes |\n| --- | --: | --: | --: | --: |\n' >"$table"
line="| \`$triple\` | $small_flash | $flash | $ram | $(bytes_of "$archive") |"
echo "$line" >>"$table"
echo "$line"
