//! Transparency (RFC 5321, 4.5.2): a dot at the beginning of a line is doubled.
//!
//! It works on the octets that leave, whatever made them, with one bit of state that begins as "at a line's start".

use crate::buffer::Sink;

/// The state between two pieces of text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transparency {
    line_start: bool,
}

impl Transparency {
    /// Before the first octet of the text.
    pub const START: Self = Self { line_start: true };

    /// Whether the next octet begins a line.
    pub fn at_line_start(self) -> bool {
        self.line_start
    }
}

/// A buffer that doubles dots at the beginning of lines.
pub struct Stuffed<'b> {
    out: &'b mut [u8],
    length: usize,
    state: Transparency,
}

impl<'b> Stuffed<'b> {
    /// Writes into `out`, going on from `state`.
    pub fn new(out: &'b mut [u8], state: Transparency) -> Self {
        Self { out, length: 0, state }
    }

    /// Octets written, and the state after them.
    pub fn finish(self) -> (usize, Transparency) {
        (self.length, self.state)
    }

    fn push(&mut self, octet: u8) {
        if let Some(place) = self.out.get_mut(self.length) {
            *place = octet;
            self.length = self.length.wrapping_add(1);
        }
    }
}

impl Sink for Stuffed<'_> {
    fn put(&mut self, octet: u8) {
        if self.state.line_start && octet == b'.' {
            self.push(b'.');
        }
        self.push(octet);
        self.state.line_start = octet == b'\n';
    }

    /// One octet less than there is: a dot may need two.
    fn room(&self) -> usize {
        self.out.len().saturating_sub(self.length).saturating_sub(1)
    }

    fn put_all(&mut self, octets: &[u8]) {
        let (Some((&first, rest)), Some(&last)) = (octets.split_first(), octets.last()) else {
            return;
        };
        self.put(first);
        let end = self.length.saturating_add(rest.len());
        if let Some(place) = self.out.get_mut(self.length..end) {
            place.copy_from_slice(rest);
            self.length = end;
        }
        self.state.line_start = last == b'\n';
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    fn stuff(pieces: &[&[u8]]) -> Vec<u8> {
        let mut all = Vec::new();
        let mut state = Transparency::START;
        for piece in pieces {
            let mut buffer = [0u8; 64];
            let mut out = Stuffed::new(&mut buffer, state);
            // Each line feed last in its piece: that is what `put_all` takes.
            for line in piece.split_inclusive(|&octet| octet == b'\n') {
                out.put_all(line);
            }
            let (length, after) = out.finish();
            state = after;
            all.extend_from_slice(&buffer[..length]);
        }
        all
    }

    #[test]
    fn dots_that_begin_a_line_are_doubled() {
        assert_eq!(stuff(&[b".a\r\n..\r\nb.c\r\n.\r\n"]), b"..a\r\n...\r\nb.c\r\n..\r\n");
        assert_eq!(stuff(&[b"."]), b"..");
        assert_eq!(stuff(&[b""]), b"");
    }

    #[test]
    fn a_piece_may_end_anywhere() {
        let text = b".a\r\n..\r\nb.c\r\n.\r\n";
        let whole = stuff(&[text]);
        for at in 0..=text.len() {
            assert_eq!(stuff(&[&text[..at], &text[at..]]), whole);
        }
        let octets: Vec<&[u8]> = text.chunks(1).collect();
        assert_eq!(stuff(&octets), whole);
    }
}
