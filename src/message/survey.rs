//! What a text needs on its way, found in one pass; where there is room for more code, several octets at a time, and what else a
//! system wants to know is counted on the way.

use super::body::Encoding;
use crate::limits::LINE_BYTES;
#[cfg(fast)]
use crate::limits::{QUOTED_PRINTABLE_LINE_BYTES, Size};
#[cfg(fast)]
use crate::octets::{HIGH, bits, controls, copy, is_any_strange};
#[cfg(fast)]
use crate::utf8::is_utf8;

/// What there is in a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Survey {
    /// Octets above 127.
    pub eight_bit: bool,
    /// A line of more than 998 octets, or a control character other than a tab.
    pub unsendable: bool,
    /// All lines end with CRLF, and none but the first begins with a dot: it can be copied in pieces of any length.
    #[cfg(fast)]
    pub clean: bool,
    /// It is UTF-8.
    #[cfg(fast)]
    pub utf8: bool,
    /// Octets of the text when it is sent as it is, each line with its CRLF.
    #[cfg(fast)]
    pub size: Size,
    /// The same as quoted-printable; 0 where they were not counted.
    #[cfg(fast)]
    pub quoted: Size,
}

impl Survey {
    /// Looks at the whole text.
    #[cfg(fast)]
    pub fn of(text: &[u8]) -> Self {
        let mut scan = Scan::NONE;
        scan.go_on(text, text.len(), see);
        scan.end(text)
    }

    /// Looks at the whole text: octet by octet, which is the smaller code.
    #[cfg(any(not(fast), test))]
    #[cfg_attr(fast, allow(dead_code))]
    fn of_octets(text: &[u8]) -> Self {
        let mut found = Self::default();
        let mut line = 0usize;
        for &octet in text {
            line = line.wrapping_add(1);
            found.eight_bit |= !octet.is_ascii();
            if octet.is_ascii_control() {
                if matches!(octet, b'\r' | b'\n') {
                    line = 0;
                } else {
                    found.unsendable |= octet != b'\t';
                }
            }
            found.unsendable |= line > LINE_BYTES;
        }
        found
    }

    /// Looks at the whole text.
    #[cfg(not(fast))]
    pub fn of(text: &[u8]) -> Self {
        Self::of_octets(text)
    }

    /// Whether it can be quoted-printable that is sent.
    #[cfg(fast)]
    pub fn may_be_quoted(&self) -> bool {
        self.eight_bit || self.unsendable
    }

    /// Counts the text as quoted-printable, where it may be sent so.
    #[cfg(fast)]
    pub fn count(&mut self, text: &[u8]) {
        if self.may_be_quoted() {
            self.quoted = quoted_size(text);
        }
    }

    /// The encoding: as it is where lines and octets allow it and the server takes it, else quoted-printable.
    pub fn encoding(self, eight_bit_mime: bool) -> Encoding {
        match self {
            Self { unsendable: true, .. } => Encoding::QuotedPrintable,
            Self { eight_bit: false, .. } => Encoding::SevenBit,
            _ if eight_bit_mime => Encoding::EightBit,
            _ => Encoding::QuotedPrintable,
        }
    }
}

/// How many octets a text has as quoted-printable: what the encoder writes, without writing it, which takes a third of the time.
#[cfg(fast)]
pub fn quoted_size(text: &[u8]) -> Size {
    let (mut size, mut column) = (0 as Size, 0usize);
    let mut rest = text;
    while let [octet, behind @ ..] = rest {
        rest = behind;
        let length = match octet {
            b'\r' | b'\n' => {
                if *octet == b'\r' {
                    rest = match behind {
                        [b'\n', next @ ..] | [b'\r', b'\n', next @ ..] => next,
                        _ => behind,
                    };
                }
                (size, column) = (size.wrapping_add(2), 0);
                continue;
            }
            b' ' | b'\t' if matches!(behind, [] | [b'\r' | b'\n', ..]) => 3,
            b'\t' | b' '..=b'<' | b'>'..=b'~' => 1,
            _ => 3usize,
        };
        if column.wrapping_add(length) >= QUOTED_PRINTABLE_LINE_BYTES {
            (size, column) = (size.wrapping_add(3), 0);
        }
        column = column.wrapping_add(length);
        size = size.wrapping_add(if length == 1 { 1 } else { 3 });
    }
    size.wrapping_add(if column > 0 { 2 } else { 0 })
}

/// A survey on its way through a text, a piece at a time.
#[cfg(fast)]
pub struct Scan {
    found: Survey,
    /// How far it has come.
    at: usize,
    /// Where the line begins.
    line: usize,
    /// A bit where there is an octet above 127.
    eight_bit: u32,
}

/// Octets that are looked at at a time.
#[cfg(fast)]
pub type Some32 = [u8; 32];

/// What there is among some octets: a bit for each control character, the first octet's lowest; and any bit where there is one above
/// 127.
#[cfg(fast)]
pub type Seen = (u32, u32);

/// What there is among some octets.
#[cfg(fast)]
pub fn see(octets: &Some32) -> Seen {
    let (mut seen, mut at) = ((0, 0), 0u32);
    let mut rest = octets.as_slice();
    while let Some((eight, behind)) = rest.split_first_chunk() {
        let eight = u64::from_le_bytes(*eight);
        // Most often there is nothing.
        if is_any_strange(eight) {
            seen.0 |= bits(controls(eight)).wrapping_shl(at);
            seen.1 |= u32::from(eight & HIGH != 0);
        }
        (rest, at) = (behind, at.wrapping_add(8));
    }
    seen
}

/// Some octets, and those behind them. Of fewer the rest are blanks, which are nothing to see.
#[cfg(fast)]
fn some_of(octets: &[u8]) -> (Some32, &[u8]) {
    if let Some((some, behind)) = octets.split_first_chunk() {
        return (*some, behind);
    }
    let mut last = [b' '; 32];
    copy(&mut last, octets);
    (last, &[])
}

/// The place of the first of the octets that are marked.
#[cfg(fast)]
fn place(marks: u32) -> usize {
    usize::try_from(marks.trailing_zeros()).unwrap_or(0)
}

/// How many octets a text has when each of its lines ends with CRLF; None where there is a CR in it. `see`: what there is among some
/// octets; it is remembered in `seen`, of as many as fit.
#[cfg(fast)]
pub fn with_line_ends(text: &[u8], seen: &mut [Seen], see: impl Fn(&Some32) -> Seen) -> Option<usize> {
    let (mut length, mut at) = (text.len(), 0usize);
    let mut seen = seen.iter_mut();
    let mut rest = text;
    while !rest.is_empty() {
        let (some, behind) = some_of(rest);
        let found = see(&some);
        if let Some(seen) = seen.next() {
            *seen = found;
        }
        let mut controls = found.0;
        while controls != 0 {
            match text.get(at.wrapping_add(place(controls))) {
                Some(b'\r') => return None,
                Some(b'\n') => length = length.checked_add(1)?,
                _ => {}
            }
            controls &= controls.wrapping_sub(1);
        }
        at = at.wrapping_add(some.len());
        rest = behind;
    }
    match text {
        [] | [.., b'\n'] => Some(length),
        _ => length.checked_add(2),
    }
}

#[cfg(fast)]
impl Scan {
    /// At the beginning.
    pub const NONE: Self = Self {
        found: Survey {
            eight_bit: false,
            unsendable: false,
            clean: true,
            utf8: false,
            size: 0,
            quoted: 0,
        },
        at: 0,
        line: 0,
        eight_bit: 0,
    };

    /// Goes on with a text, up to this octet. `see`: what there is among some octets.
    pub fn go_on(&mut self, text: &[u8], to: usize, see: impl Fn(&Some32) -> Seen) {
        let mut rest = text.get(self.at..to).unwrap_or(&[]);
        while let Some((some, behind)) = rest.split_first_chunk() {
            self.take(text, see(some));
            self.at = self.at.wrapping_add(some.len());
            rest = behind;
        }
        // Blanks are nothing to see.
        let mut last = [b' '; 32];
        copy(&mut last, rest);
        self.take(text, see(&last));
        self.at = to;
    }

    /// Looks at a whole text without a CR, and copies it to where there is exactly room for it: [`with_line_ends`], which has `seen`
    /// this among its first octets.
    pub fn copy(&mut self, text: &[u8], room: &mut [u8], seen: &[Seen], see: impl Fn(&Some32) -> Seen) {
        let mut room = room;
        let mut seen = seen.iter();
        while self.at < text.len() {
            let (mut controls, eight_bit) = match seen.next() {
                Some(seen) => *seen,
                None => see(&some_of(text.get(self.at..).unwrap_or(&[])).0),
            };
            self.eight_bit |= eight_bit;
            while controls != 0 {
                let at = self.at.wrapping_add(place(controls));
                controls &= controls.wrapping_sub(1);
                match text.get(at) {
                    Some(b'\n') => {
                        room = self.copy_line(text.get(self.line..at).unwrap_or(&[]), room);
                        self.found.size = self.found.size.wrapping_add(1);
                        self.line = at.wrapping_add(1);
                    }
                    other => self.found.unsendable |= other != Some(&b'\t'),
                }
            }
            self.at = self.at.wrapping_add(size_of::<Some32>());
        }
        if let Some(last @ [_, ..]) = text.get(self.line..) {
            self.copy_line(last, room);
        }
    }

    /// Copies a line, with its end; the room behind it.
    fn copy_line<'r>(&mut self, line: &[u8], room: &'r mut [u8]) -> &'r mut [u8] {
        let found = &mut self.found;
        found.unsendable |= line.len() > LINE_BYTES;
        found.clean &= self.line == 0 || line.first() != Some(&b'.');
        let copied = copy(room, line);
        match room.get_mut(copied..) {
            Some([first, second, behind @ ..]) => {
                (*first, *second) = (b'\r', b'\n');
                behind
            }
            _ => &mut [],
        }
    }

    /// Takes what was seen among some octets.
    fn take(&mut self, text: &[u8], seen: Seen) {
        let (controls, eight_bit) = seen;
        self.eight_bit |= eight_bit;
        if controls != 0 {
            self.look(text, controls);
        }
    }

    /// Looks at control characters.
    // Most often there are none: it keeps the loop above small.
    #[inline(never)]
    fn look(&mut self, text: &[u8], controls: u32) {
        let mut controls = controls;
        while controls != 0 {
            let place = place(controls);
            self.control(text, self.at.wrapping_add(place));
            // What belongs to the same line end is not looked at.
            let line = self.line.saturating_sub(self.at);
            let passed = u32::try_from(line.max(place.wrapping_add(1))).unwrap_or(u32::MAX);
            controls &= u32::MAX.checked_shl(passed).unwrap_or(0);
        }
    }

    /// Looks at a control character, and at what follows it.
    fn control(&mut self, text: &[u8], at: usize) {
        // A part of the line end before it.
        if at < self.line {
            return;
        }
        let found = &mut self.found;
        let behind = text.get(at..).unwrap_or(&[]);
        let length = match behind {
            [b'\r', b'\n', next @ ..] => {
                found.clean &= next.first() != Some(&b'.');
                2
            }
            [b'\r', b'\r', b'\n', ..] => {
                found.clean = false;
                found.size = found.size.wrapping_sub(1);
                3
            }
            [b'\r' | b'\n', ..] => {
                found.clean = false;
                found.size = found.size.wrapping_add(1);
                1usize
            }
            [first, ..] => {
                found.unsendable |= *first != b'\t';
                return;
            }
            [] => return,
        };
        found.unsendable |= at.wrapping_sub(self.line) > LINE_BYTES;
        self.line = at.wrapping_add(length);
    }

    /// What was found in all of the text.
    pub fn end(self, text: &[u8]) -> Survey {
        let Self {
            mut found,
            line,
            eight_bit,
            ..
        } = self;
        found.eight_bit = eight_bit != 0;
        let last = text.len().saturating_sub(line);
        found.unsendable |= last > LINE_BYTES;
        let all = text.len().wrapping_add(if last > 0 { 2 } else { 0 });
        found.size = found.size.wrapping_add(Size::try_from(all).unwrap_or(Size::MAX));
        found.utf8 = !found.eight_bit || is_utf8(text);
        found
    }
}

#[cfg(test)]
mod tests {
    use super::super::body::Encoder;
    use super::*;
    use crate::buffer::Window;
    #[cfg(fast)]
    use std::vec::Vec;

    #[test]
    fn the_encoding_follows_the_text_and_the_server() {
        let encoding = |text: &[u8], eight_bit_mime| Survey::of(text).encoding(eight_bit_mime);
        assert_eq!(encoding(b"", false), Encoding::SevenBit);
        assert_eq!(encoding(b"plain\r\ntext\n\t.", true), Encoding::SevenBit);
        assert_eq!(encoding("k\u{16f}\u{148}".as_bytes(), true), Encoding::EightBit);
        assert_eq!(encoding("k\u{16f}\u{148}".as_bytes(), false), Encoding::QuotedPrintable);
        assert_eq!(encoding(b"a\x1b[0m", true), Encoding::QuotedPrintable);
        assert_eq!(encoding(b"a\0b", true), Encoding::QuotedPrintable);
        assert_eq!(encoding(&[b'x'; 998], true), Encoding::SevenBit);
        assert_eq!(encoding(&[b'x'; 999], true), Encoding::QuotedPrintable);
        let lines = [[b'x'; 998].as_slice(), b"\r", &[b'x'; 998]].concat();
        assert_eq!(encoding(&lines, true), Encoding::SevenBit);
    }

    #[cfg(fast)]
    #[test]
    fn it_says_what_is_found_octet_by_octet() {
        // Pieces of a text, one behind the other in many orders: around the octets that are looked at at once, and 998.
        let pieces: [&[u8]; 15] = [
            b" ",
            b"=",
            &[b'q'; 74],
            b"\r\n",
            b"\n",
            b"\r",
            b"\r\r\n",
            b"\t",
            b"\x7f",
            b"x",
            b".",
            &[0xe1],
            &[b'y'; 15],
            &[b'z'; 997],
            "\u{17e}".as_bytes(),
        ];
        let (mut state, mut copies) = (1u64, 0);
        for _ in 0..30_000 {
            let mut text = std::vec::Vec::new();
            for _ in 0..state >> 20 & 15 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                text.extend(pieces[(state >> 33) as usize % pieces.len()]);
            }
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let (found, wanted) = (Survey::of(&text), Survey::of_octets(&text));
            assert_eq!(
                (found.eight_bit, found.unsendable),
                (wanted.eight_bit, wanted.unsendable)
            );
            assert_eq!(found.utf8, std::str::from_utf8(&text).is_ok());
            let mut window = Window::counting();
            Encoder::new(Encoding::EightBit).write(&text, true, &mut window);
            assert_eq!(found.size, window.written() as Size);
            let ends = text.windows(2).enumerate().filter(|(_, two)| *two == b"\r\n").count();
            let controls = text.iter().filter(|octet| matches!(octet, b'\r' | b'\n')).count();
            let dotted = text.windows(3).any(|three| three == b"\r\n.");
            assert_eq!(found.clean, controls == 2 * ends && !dotted, "{text:?}");
            let mut window = Window::counting();
            Encoder::new(Encoding::QuotedPrintable).write(&text, true, &mut window);
            assert_eq!(quoted_size(&text), window.written() as Size, "{text:?}");
            // In pieces it is the same.
            let mut scan = Scan::NONE;
            for to in [text.len() / 3, text.len() / 2, text.len()] {
                scan.go_on(&text, to, see);
            }
            assert_eq!(scan.end(&text), found);
            // So it is where it is copied, and what was copied is the same with other line ends.
            let mut seen = [(0, 0); 4];
            let ended = with_line_ends(&text, &mut seen, see);
            assert_eq!(ended.is_none(), text.contains(&b'\r'), "{text:?}");
            let Some(ended) = ended else { continue };
            let mut wanted = Vec::new();
            for line in text.split_inclusive(|octet| *octet == b'\n') {
                wanted.extend_from_slice(line.strip_suffix(b"\n").unwrap_or(line));
                wanted.extend_from_slice(b"\r\n");
            }
            let mut copied = std::vec![b'?'; ended];
            let mut scan = Scan::NONE;
            scan.copy(&text, &mut copied, &seen, see);
            assert_eq!(copied, wanted, "{text:?}");
            let clean = Survey::of(&copied).clean;
            copies += 1;
            assert_eq!(scan.end(&text), Survey { clean, ..found }, "{text:?}");
        }
        assert!(copies > 1000);
    }

    #[cfg(fast)]
    #[test]
    fn the_size_is_that_of_the_encoded_text() {
        // Every text of up to six octets out of these, and longer ones around the eight that are looked at at once.
        let alphabet = [b'\r', b'\n', b'x', 0xe1];
        for length in 0..=6u32 {
            for number in 0..4usize.pow(length) {
                let text: std::vec::Vec<u8> = (0..length)
                    .map(|place| alphabet[number / 4usize.pow(place) % 4])
                    .collect();
                for text in [text.clone(), [&[b'y'; 5], text.as_slice(), &[b'z'; 9]].concat()] {
                    let mut window = Window::counting();
                    Encoder::new(Encoding::EightBit).write(&text, true, &mut window);
                    let wanted = window.written() as Size;
                    assert_eq!(Survey::of(&text).size, wanted, "{text:?}");
                }
            }
        }
    }
}
