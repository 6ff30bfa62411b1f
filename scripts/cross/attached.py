"""Whether mails of attached.c have the files that it made: attached.py MAIL..."""

import email
import email.policy
import sys

OCTETS = bytes((at * 7 + at // 251) & 255 for at in range(300000))
WANTED = [("žluťoučký kůň.bin", OCTETS), ("plain.bin", OCTETS[:1]), ("empty", b""), ("read", OCTETS)]

for path in sys.argv[1:]:
    with open(path, "rb") as file:
        mail = email.message_from_bytes(file.read(), policy=email.policy.default)
    assert mail.get_body(("plain",)).get_content() == "Toto je testovaci email.\r\n", path
    got = [(part.get_filename(), part.get_content()) for part in mail.iter_attachments()]
    assert got == WANTED, (path, [(name, len(octets)) for name, octets in got])
assert len(sys.argv) == 3
