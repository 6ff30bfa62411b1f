//! Transparency (RFC 5321, 4.5.2): a dot that begins a line of the mail data is doubled, so that no line of it is the end of it.

use crate::buffer::{Sink, Window};

/// Whether the next octet of the mail data begins a line: all that is kept from one piece of it to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transparency {
    /// It does.
    LineBegins,
    /// It does not.
    WithinLine,
    /// Dots are not doubled: SIZE does not count such dots (RFC 1870, 3), and BDAT needs none (RFC 3030).
    Off,
}

/// Takes mail data for a window, and doubles the dots that begin a line.
pub struct Transparent<'w, 'b> {
    out: &'w mut Window<'b>,
    at: Transparency,
}

impl<'w, 'b> Transparent<'w, 'b> {
    /// Writes to a window, from there on.
    pub fn new(out: &'w mut Window<'b>, at: Transparency) -> Self {
        Self { out, at }
    }

    /// What is kept from this piece to the next.
    pub fn at(&self) -> Transparency {
        self.at
    }
}

impl Sink for Transparent<'_, '_> {
    fn room(&self) -> usize {
        self.out.room()
    }

    fn put(&mut self, octet: u8) {
        self.before(octet);
        self.out.put(octet);
        self.behind(octet);
    }

    // All at once is the faster code.
    #[cfg(fast)]
    fn put_all(&mut self, octets: &[u8]) {
        if let [first, ..] = octets {
            self.before(*first);
        }
        self.out.put_all(octets);
        if let [.., last] = octets {
            self.behind(*last);
        }
    }
}

impl Transparency {
    /// What follows this octet.
    pub fn behind(octet: u8) -> Self {
        match octet {
            b'\n' => Self::LineBegins,
            _ => Self::WithinLine,
        }
    }
}

impl Transparent<'_, '_> {
    /// Doubles a dot that begins a line.
    fn before(&mut self, octet: u8) {
        if self.at == Transparency::LineBegins && octet == b'.' {
            self.out.put(b'.');
        }
    }

    /// Notes whether a line begins behind an octet.
    fn behind(&mut self, octet: u8) {
        // A small library counts no mail, and knows no BDAT.
        if !cfg!(feature = "complete") || self.at != Transparency::Off {
            self.at = Transparency::behind(octet);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    fn written(pieces: &[&[u8]], mut at: Transparency) -> Vec<u8> {
        let mut buffer = [0; 64];
        let mut out = Window::new(&mut buffer, 0);
        for piece in pieces {
            let mut transparent = Transparent::new(&mut out, at);
            transparent.put_all(piece);
            at = transparent.at();
        }
        let kept = out.kept();
        buffer[..kept].to_vec()
    }

    #[test]
    fn a_dot_that_begins_a_line_is_doubled_however_the_data_is_cut() {
        for pieces in [
            &[&b".\r\n"[..], b"..a\r\n", b"b.c\r\n", b".\r\n"][..],
            &[b".", b"\r\n", b".", b".a", b"\r\n", b"b", b".c\r\n", b".\r", b"\n"],
        ] {
            assert_eq!(
                written(pieces, Transparency::LineBegins),
                b"..\r\n...a\r\nb.c\r\n..\r\n"
            );
        }
        assert_eq!(written(&[b".a"], Transparency::WithinLine), b".a");
    }

    #[cfg(feature = "complete")]
    #[test]
    fn without_transparency_data_stays_as_it_is() {
        assert_eq!(written(&[b".\r\n", b".a"], Transparency::Off), b".\r\n.a");
    }
}
