//! The header block (RFC 5322, 3.6): what every mail of ours begins with, and the empty line behind it.

use super::body::Encoding;
use super::{date, word};
use crate::buffer::{Sink, Window, hex_digit};

/// All that the header block says.
pub struct Header<'a, Recipients> {
    /// The time, in seconds since 1970; no Date without a clock.
    pub date: Option<u64>,
    /// The sender's mailbox.
    pub sender: &'a [u8],
    /// The sender's display name, or nothing.
    pub sender_name: &'a [u8],
    /// The recipients' mailboxes.
    pub recipients: Recipients,
    /// The subject.
    pub subject: &'a [u8],
    /// What the Message-ID is made of, the same for each attempt to send this mail; no Message-ID without it.
    pub nonce: Option<[u8; 16]>,
    /// The name of the charset of bytes that are not UTF-8.
    pub charset: &'a [u8],
    /// Whether the text is UTF-8.
    pub text_is_utf8: bool,
    /// The encoding of the text.
    pub encoding: Encoding,
}

impl<'a, Recipients: Iterator<Item = &'a [u8]> + Clone> Header<'a, Recipients> {
    /// Writes the block with its empty line.
    pub fn write(&self, out: &mut Window<'_>) {
        if let Some(seconds) = self.date {
            date::write(seconds, out);
            out.end_line();
        }
        out.put_all(b"From: ");
        self.write_from(out);
        out.next_line(b"To: ");
        self.write_to(out);
        out.next_line(b"Subject: ");
        word::write(self.subject, self.charset, out);
        if let Some(nonce) = &self.nonce {
            out.next_line(b"Message-ID: ");
            write_message_id(nonce, self.sender, out);
        }
        out.next_line(b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=");
        out.put_all(if self.text_is_utf8 { b"UTF-8" } else { self.charset });
        out.next_line(b"Content-Transfer-Encoding: ");
        out.put_all(self.encoding.name());
        out.next_line(b"\r\n");
    }

    fn write_from(&self, out: &mut Window<'_>) {
        if self.sender_name.is_empty() {
            out.put_all(self.sender);
            return;
        }
        word::write_phrase(self.sender_name, self.charset, out);
        out.fold(self.sender.len().wrapping_add(3));
        out.put(b'<');
        out.put_all(self.sender);
        out.put(b'>');
    }

    fn write_to(&self, out: &mut Window<'_>) {
        let mut first = true;
        for recipient in self.recipients.clone() {
            if !first {
                out.put(b',');
                out.fold(recipient.len().wrapping_add(2));
            }
            first = false;
            out.put_all(recipient);
        }
    }
}

/// Writes the Message-ID (RFC 5322, 3.6.4): the nonce in hexadecimal digits at the sender's domain.
pub fn write_message_id(nonce: &[u8; 16], sender: &[u8], out: &mut Window<'_>) {
    out.put(b'<');
    for octet in nonce {
        if cfg!(feature = "std") {
            // Without divisions, which is faster and more code.
            out.put(hex_digit(u32::from(octet >> 4)));
            out.put(hex_digit(u32::from(octet & 15)));
        } else {
            out.digits(u32::from(*octet), 16, 16);
        }
    }
    out.put(b'@');
    out.put_all(sender.rsplit(|&octet| octet == b'@').next().unwrap_or(b"localhost"));
    out.put(b'>');
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::String;

    fn header(name: &str, recipients: &[&str], subject: &str) -> String {
        let mut buffer = std::vec![0u8; 60_000];
        let mut window = Window::new(&mut buffer, 0);
        Header {
            date: Some(1_795_295_959),
            sender: b"thatisme@smtp-server-domain.cz",
            sender_name: name.as_bytes(),
            recipients: recipients.iter().map(|recipient| recipient.as_bytes()),
            subject: subject.as_bytes(),
            nonce: Some(*b"\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\xff"),
            charset: b"windows-1250",
            text_is_utf8: true,
            encoding: Encoding::SevenBit,
        }
        .write(&mut window);
        let kept = window.kept();
        String::from_utf8(buffer[..kept].to_vec()).unwrap()
    }

    #[test]
    fn the_block_is_complete() {
        assert_eq!(
            header("", &["someone@example-target-server.cz"], "testovaci email"),
            "Date: Sat, 21 Nov 2026 21:19:19 +0000\r\n\
             From: thatisme@smtp-server-domain.cz\r\n\
             To: someone@example-target-server.cz\r\n\
             Subject: testovaci email\r\n\
             Message-ID: <000102030405060708090a0b0c0d0eff@smtp-server-domain.cz>\r\n\
             MIME-Version: 1.0\r\n\
             Content-Type: text/plain; charset=UTF-8\r\n\
             Content-Transfer-Encoding: 7bit\r\n\
             \r\n"
        );
    }

    #[test]
    fn names_are_quoted_or_encoded() {
        assert!(header("SDS \"x\" \\", &["a@b"], "").contains("From: \"SDS \\\"x\\\" \\\\\" <thatisme@"));
        let encoded = header("Kotelna \u{10d}. 2", &["a@b"], "");
        assert!(
            encoded.contains("From: =?UTF-8?B?S290ZWxuYSDEjS4gMg==?= <thatisme@")
                || encoded.contains("From: =?UTF-8?B?S290ZWxuYSDEjS4gMg==?=\r\n <thatisme@"),
            "{encoded}"
        );
    }

    #[test]
    fn many_recipients_are_folded() {
        let recipients = std::vec!["someone.with.a.name@example-target-server.cz"; 100];
        let text = header("", &recipients, "");
        assert!(text.lines().all(|line| line.len() <= 78));
        assert_eq!(text.matches("someone.with").count(), 100);
    }
}
