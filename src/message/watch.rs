//! Whether a whole message names in its header block who is not to be named (RFC 5322, 3.6.3: Bcc).

/// Looks in the header block of a whole message for a field that names who is not to be named: a text in pieces of any size.
#[derive(Clone, Copy, Debug, Default)]
pub struct Watch {
    /// The beginning of the line, in lower case.
    line: [u8; "resent-bcc".len()],
    /// How long the line is, but for the blanks that it ends with so far.
    length: usize,
    /// There are such blanks.
    blank: bool,
    /// CRs that may still belong to a CRLF, as an [`Encoder`](super::body::Encoder) counts them.
    returns: u8,
    over: bool,
}

impl Watch {
    /// Looks at some more of the message; false where there is such a field.
    pub fn is_clean(&mut self, octets: &[u8]) -> bool {
        for &octet in octets {
            match octet {
                _ if self.over => return true,
                b'\r' if self.returns == 2 => self.end_line(),
                b'\r' => self.returns = self.returns.wrapping_add(1),
                b'\n' => {
                    self.returns = 0;
                    self.end_line();
                }
                _ => {
                    while self.returns > 0 {
                        self.returns = self.returns.wrapping_sub(1);
                        self.end_line();
                    }
                    if octet == b':' && !self.over && self.is_named() {
                        return false;
                    }
                    self.keep(octet);
                }
            }
        }
        true
    }

    /// An octet of the line. Any number of blanks may stand behind a name (RFC 5322, 4.5): they are not kept, but what follows them
    /// makes the line longer than a name.
    fn keep(&mut self, octet: u8) {
        if matches!(octet, b' ' | b'\t') {
            self.blank = true;
            return;
        }
        if core::mem::take(&mut self.blank) {
            self.length = self.line.len();
        }
        if let Some(kept) = self.line.get_mut(self.length) {
            *kept = octet.to_ascii_lowercase();
        }
        self.length = self.length.saturating_add(1);
    }

    fn end_line(&mut self) {
        self.over |= self.length == 0 && !self.blank;
        (self.length, self.blank) = (0, false);
    }

    /// Whether the line so far is the name of such a field, and blanks that may stand behind it.
    fn is_named(&self) -> bool {
        let name = self.line.get(..self.length).unwrap_or(&[]);
        matches!(name, b"bcc" | b"resent-bcc")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bcc_field_is_found_however_the_message_is_cut() {
        let found = |message: &str, piece: usize| {
            let mut watch = Watch::default();
            message.as_bytes().chunks(piece).any(|octets| !watch.is_clean(octets))
        };
        for piece in [1, 2, 3, 7, 1000] {
            for message in [
                "Bcc: x\r\n\r\n",
                "A: b\nbcC :x\n\n",
                "A: b\r\r\nBcc:\r\r\n",
                "A: b\rResent-Bcc: x\r\r",
                "A:\r\n bcc\r\nBCC:",
                "Bcc \t                    : x\r\n\r\n",
                "A: b\r\nResent-Bcc                  : x\r\n\r\n",
                "A: b\r\n \r\nBcc: x\r\n\r\n",
            ] {
                assert!(found(message, piece), "{message:?} {piece}");
            }
            for message in [
                "A: b\r\n Bcc: x\r\n\r\n",
                "A: b\r\n\r\nBcc: x",
                "A: b\n\nBcc: x",
                "A: b\r\rBcc: x",
                "XBcc: y\n\n",
                "A: Bcc: x",
                "B cc: x",
                "resent-bcc bcc: x",
                " Bcc: x",
                "\tbcc: x",
            ] {
                assert!(!found(message, piece), "{message:?} {piece}");
            }
        }
    }
}
