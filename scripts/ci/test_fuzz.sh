#!/bin/bash
# Two lies, put into a copy of the library, are found by a fuzz run as short as that of every CI run: one tells *sent* where the
# server refused the mail, the other shows the password. What finds nothing proves nothing.
. "$(dirname "${BASH_SOURCE[0]}")/../common.sh"
. scripts/ci/fuzzing.sh

# What `make fuzz` gives each target in CI.
SECONDS_EACH=30

# lie NAME FILE SED WORDS: has the target say these words when this change of FILE is built in.
lie() {
  local name=$1 file=$2 change=$3 words=$4 checkout=$work/$1 log=$work/$1.log code=0 input
  mkdir "$checkout"
  # With the time of now, so that cargo takes it for newer than the copy before.
  tar -cf - --exclude=./target --exclude=./.git . | tar -xmf - -C "$checkout"
  sed -i "$change" "$checkout/$file"
  ! cmp -s "$file" "$checkout/$file" || die "the lie '$name' finds nothing to change in $file: give it a new place in $0"
  # In a folder of its own: for cargo a copy is the same package as the checkout, and what is built of one would do for the other.
  # The part in C++ is built already.
  CUSTOM_LIBFUZZER_PATH=$libfuzzer build_targets "$checkout" "$fuzz/lies" --no-default-features --bin session
  cp "$fuzz/lies/$fuzz_host/release/session" "$work/liar"
  mkdir "$work/corpus-$name"
  cp -r "$work/corpus/session" "$work/corpus-$name/"
  program=$work/liar start_target session "$work/corpus-$name/session" -max_total_time=$SECONDS_EACH >"$log" 2>&1 || code=$?
  ((code)) || die "the lie '$name' was not found in $SECONDS_EACH seconds"
  grep -aqF "$words" "$log" || { tail -40 "$log"; die "the lie '$name' ended the run, and not with: $words"; }
  # The same input, and the library as it is.
  input=$(sed -n 's/.*Test unit written to //p' "$log")
  need_files "$input"
  start_target session "$input" >"$log" 2>&1 || { tail -40 "$log"; die "$input fails without the lie, too"; }
  rm "$input"
  echo "the lie '$name' is found"
}

make_work
build_targets . "$fuzz"
libfuzzer=$(find "$fuzz/$fuzz_host/release/build" -name libfuzzer.a | head -1)
need_files "$libfuzzer"
make_seeds "$work/corpus"

lie sent src/session/state.rs \
  's/row(State::End, Command::Nothing, Step::End, Sent, Fail)/row(State::End, Command::Nothing, Step::End, Sent, Sent)/' 'on the wire it was'
lie password src/auth/redaction.rs \
  's/\bif found\b/if false \&\& found/' 'the password is shown'
