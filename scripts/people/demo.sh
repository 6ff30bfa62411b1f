#!/bin/bash
# `make demo`, after the build: the C program c_examples/first_mail.c sends a mail, with login, to an SMTP server on this
# machine's loopback interface, and what both sides saw is printed. Exit code 0 only when the mail arrived.
. "$(dirname "${BASH_SOURCE[0]}")/../common.sh"

user=unit7
password=demo-password
from=unit7@example.com
to=operator@example.com

need_files "$release/libsds_smtp.so" include/sds_smtp.h c_examples/first_mail.c
command -v cc >/dev/null || die 'there is no C compiler (cc)'
make_work

# The program asks for the library by its SONAME, which the build's folder does not have.
ln -s "$release/libsds_smtp.so" "$work/$soname"
cc -std=c99 "${warnings[@]}" -Iinclude -o "$work/first_mail" c_examples/first_mail.c "$release/libsds_smtp.so" \
  -Wl,-rpath,"$work" || die 'c_examples/first_mail.c could not be built'

start_sink --user "$user" --password "$password" --mails 1
code=0
"$work/first_mail" 127.0.0.1 "$port" "$user" "$password" "$from" "$to" >"$work/output" 2>&1 || code=$?
# The program ends when the mail's fate is known; the sink, when the session after it has ended too.
if [[ $code = 0 ]]; then wait_sink || true; else stop_sink; fi
mail=$work/mails/0001.eml

heading 'The dialogue (S: the server, C: the library; credentials masked)'
cat "$work/dialogue"
heading 'The mail as it arrived'
if [[ -f $mail ]]; then tr -d '\r' <"$mail"; else echo '(none)'; fi
heading "What the program printed: first_mail 127.0.0.1 $port $user **** $from $to"
cat "$work/output"
echo

[[ $code = 0 ]] || die "first_mail ended with exit code $code"
[[ -s $mail ]] || die 'the mail did not arrive'
for secret in "$password" "$(printf %s "$password" | base64)" "$(printf '\0%s\0%s' "$user" "$password" | base64)"; do
  ! grep -qF -e "$secret" "$work/dialogue" "$work/output" "$mail" || die 'the password is in the output above'
done
echo 'demo: the mail was sent, and it arrived.'
