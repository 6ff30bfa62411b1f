//! The text of a mail: every CR, LF, CRLF and CR CR LF becomes one CRLF, the last line gets its end, and where the
//! server or the text asks for it all is quoted-printable (RFC 2045, 6.7).
//!
//! The encoder is a state machine fed with octets: the text may come in pieces of any size and the buffer may be as
//! small as [`crate::limits::SMALLEST_BUFFER`]. Its memory does not grow with the text.

use crate::buffer::Sink;
use crate::limits::{LINE_BYTES, QUOTED_PRINTABLE_LINE_BYTES};
#[cfg(fast)]
use crate::octets::{clean_lines, unescaped_run};

/// Content-Transfer-Encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Lines of ASCII.
    SevenBit,
    /// Lines with octets above 127; needs 8BITMIME.
    EightBit,
    /// Anything.
    QuotedPrintable,
}

impl Encoding {
    /// The name in the header.
    pub const fn name(self) -> &'static [u8] {
        match self {
            Self::QuotedPrintable if cfg!(feature = "complete") => b"quoted-printable",
            Self::EightBit => b"8bit",
            _ => b"7bit",
        }
    }
}

/// Room that one octet of text may need: three line ends that were held back (of them two at most are written, with an
/// encoded blank before them), a soft line break and an escaped octet, or a dot and another one for transparency.
const STEP: usize = 14;

/// The CR of a CRLF was sent from where it is, and its LF was not.
#[cfg(fast)]
const LEFT: u8 = 3;

/// Where the encoder stands in the text.
#[derive(Clone, Copy, Debug)]
pub struct Encoder {
    encoding: Encoding,
    /// CRs that were read and may still belong to a CRLF: 0, 1 or 2; or [`LEFT`].
    returns: u8,
    /// Quoted-printable: a blank or tab, held back since it may end a line; or 0.
    blank: u8,
    ended: bool,
    /// The text can be copied in pieces of any length.
    #[cfg(fast)]
    clean: bool,
    /// An octet, or a line, cannot go as it is, and there is no other way.
    stuck: bool,
    column: usize,
}

impl Encoder {
    /// An encoder before the first octet.
    pub const fn new(encoding: Encoding) -> Self {
        Self {
            encoding,
            returns: 0,
            blank: 0,
            ended: false,
            #[cfg(fast)]
            clean: false,
            stuck: false,
            column: 0,
        }
    }

    /// Takes another encoding, before the first octet.
    pub fn choose(&mut self, encoding: Encoding) {
        self.encoding = encoding;
    }

    /// Takes a text that can be copied in pieces of any length, before the first octet: all its lines end with CRLF, and none but the
    /// first begins with a dot.
    #[cfg(fast)]
    pub fn set_clean(&mut self, clean: bool) {
        self.clean = clean && self.encoding != Encoding::QuotedPrintable;
    }

    /// Whether octets of a clean text, or of a clean piece of one, can be sent from where they are: nothing is held back.
    #[cfg(fast)]
    pub fn takes_as_it_is(&self) -> bool {
        self.encoding != Encoding::QuotedPrintable && matches!(self.returns, 0 | LEFT)
    }

    /// Octets were sent from where they are; this was the last of them.
    #[cfg(fast)]
    pub fn passed(&mut self, last: u8) {
        self.column = usize::from(last != b'\n');
        self.returns = if last == b'\r' { LEFT } else { 0 };
    }

    /// Whether all is written, the last line's end included.
    pub fn ended(&self) -> bool {
        self.ended
    }

    /// Whether the text cannot go on, for want of quoted-printable.
    pub fn stuck(&self) -> bool {
        !cfg!(feature = "complete") && self.stuck
    }

    /// Takes octets of the text, as many as there is room for, and returns how many. `last`: the text ends with them.
    pub fn write(&mut self, text: &[u8], last: bool, out: &mut impl Sink) -> usize {
        let mut taken = 0usize;
        while !self.ended && out.room() >= STEP {
            let rest = text.get(taken..).unwrap_or(&[]);
            // The same, many octets at a time.
            #[cfg(fast)]
            {
                let run = self.run(rest, out);
                taken = taken.wrapping_add(run);
                if run > 0 {
                    continue;
                }
            }
            match rest.first() {
                Some(&octet) => {
                    taken = taken.wrapping_add(1);
                    self.step(octet, out);
                }
                None if last => self.end(out),
                None => break,
            }
        }
        taken
    }

    /// Copies what can be copied as it is; its length.
    #[cfg(fast)]
    fn run(&mut self, rest: &[u8], out: &mut impl Sink) -> usize {
        if self.returns > 0 || rest.is_empty() {
            return 0;
        }
        let room = out.room().saturating_sub(STEP);
        if self.encoding == Encoding::QuotedPrintable {
            return self.quoted_run(rest, room, out);
        }
        if self.clean {
            // One octet at least: a line end may be cut here, and no other code is to see the rest of it.
            let rest = rest.get(..room.max(1)).unwrap_or(rest);
            out.put_all(rest);
            // What is before the last line does not matter.
            self.column = usize::from(rest.last().is_some_and(|last| *last != b'\n'));
            return rest.len();
        }
        let rest = rest.get(..room).unwrap_or(rest);
        let (run, column) = clean_lines(rest, self.column);
        let (lines, behind) = rest.split_at_checked(run).unwrap_or((rest, &[]));
        out.put_all(lines);
        self.column = column;
        if behind.first() == Some(&b'\n') {
            out.put_all(b"\r\n");
            self.column = 0;
            return run.wrapping_add(1);
        }
        run
    }

    /// The same of quoted-printable: up to the next octet that may have to be escaped, or a soft line break.
    #[cfg(fast)]
    fn quoted_run(&mut self, rest: &[u8], room: usize, out: &mut impl Sink) -> usize {
        if self.blank != 0 {
            return 0;
        }
        let line = QUOTED_PRINTABLE_LINE_BYTES.wrapping_sub(1).saturating_sub(self.column);
        let rest = rest.get(..room.min(line)).unwrap_or(rest);
        let run = rest.get(..unescaped_run(rest)).unwrap_or(rest);
        // A blank may end the line.
        let run = run.trim_ascii_end();
        self.copy(run, out);
        run.len()
    }

    fn step(&mut self, octet: u8, out: &mut impl Sink) {
        match octet {
            b'\r' if self.returns == 2 => self.line_end(out),
            b'\r' => self.returns = self.returns.wrapping_add(1),
            #[cfg(fast)]
            b'\n' if self.returns == LEFT => {
                (self.returns, self.column) = (0, 0);
                out.put(octet);
            }
            b'\n' => {
                self.returns = 0;
                self.line_end(out);
            }
            _ => {
                self.flush_returns(out);
                self.octet(octet, out);
            }
        }
    }

    /// CRs that no LF followed are line ends, each.
    fn flush_returns(&mut self, out: &mut impl Sink) {
        while self.returns > 0 {
            self.returns = self.returns.wrapping_sub(1);
            self.line_end(out);
        }
    }

    fn octet(&mut self, octet: u8, out: &mut impl Sink) {
        if !cfg!(feature = "complete") {
            let plain = matches!(octet, b'\t' | 0x20..=0x7e) || (octet >= 0x80 && self.encoding == Encoding::EightBit);
            self.stuck |= !plain || self.column == LINE_BYTES;
        }
        if !cfg!(feature = "complete") || self.encoding != Encoding::QuotedPrintable {
            out.put(octet);
            self.column = self.column.wrapping_add(1);
            return;
        }
        self.flush_blank(false, out);
        match octet {
            b' ' | b'\t' => self.blank = octet,
            _ => self.token(octet, octet == b'=' || !octet.is_ascii_graphic(), out),
        }
    }

    /// Writes the blank that was held back.
    fn flush_blank(&mut self, escape: bool, out: &mut impl Sink) {
        let blank = core::mem::take(&mut self.blank);
        if blank != 0 {
            self.token(blank, escape, out);
        }
    }

    /// Writes an octet, or the three that it is escaped with, and a soft line break before it where the line is full.
    fn token(&mut self, octet: u8, escape: bool, out: &mut impl Sink) {
        let (first, length) = if escape { (b'=', 3) } else { (octet, 1) };
        if self.column.wrapping_add(length) >= QUOTED_PRINTABLE_LINE_BYTES {
            out.put_all(b"=\r\n");
            self.column = 0;
        }
        let token = [first, digit(octet >> 4), digit(octet & 15)];
        self.copy(token.get(..length).unwrap_or(&token), out);
    }

    /// Writes octets of one line as they are.
    fn copy(&mut self, octets: &[u8], out: &mut impl Sink) {
        out.put_all(octets);
        self.column = self.column.wrapping_add(octets.len());
    }

    fn line_end(&mut self, out: &mut impl Sink) {
        if cfg!(feature = "complete") {
            // A blank at a line's end would not survive every server (RFC 2045, 6.7, rule 3).
            self.flush_blank(true, out);
        }
        out.put(b'\r');
        out.put(b'\n');
        self.column = 0;
    }

    fn end(&mut self, out: &mut impl Sink) {
        self.flush_returns(out);
        if self.column > 0 || (cfg!(feature = "complete") && self.blank != 0) {
            self.line_end(out);
        }
        self.ended = true;
    }
}

/// The upper-case digit of a value below 16.
fn digit(value: u8) -> u8 {
    value.wrapping_add(if value < 10 { b'0' } else { b'A'.wrapping_sub(10) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::buffer::Window;
    use std::vec::Vec;

    /// A sink of a given size that is emptied whenever the encoder stops; the text comes in pieces of a given size.
    fn encode(text: &[u8], encoding: Encoding, size: usize, piece: usize) -> Vec<u8> {
        let mut encoder = Encoder::new(encoding);
        let mut all = Vec::new();
        let mut taken = 0;
        while !encoder.ended() {
            let mut buffer = std::vec![0u8; size];
            let mut window = Window::new(&mut buffer, 0);
            let end = text.len().min(taken + piece);
            taken += encoder.write(&text[taken..end], end == text.len(), &mut window);
            assert!(window.complete(), "wrote past the room");
            let kept = window.kept();
            assert!(kept > 0 || encoder.ended() || size < 40 || piece < 5, "no progress");
            all.extend_from_slice(&buffer[..kept]);
        }
        let mut window = Window::counting();
        Encoder::new(encoding).write(text, true, &mut window);
        assert_eq!(all.len(), window.written());
        all
    }

    fn every_size(text: &[u8], encoding: Encoding) -> Vec<u8> {
        let whole = encode(text, encoding, 100_000, usize::MAX / 2);
        for size in [16, 17, 19, 31, 64, 77, 100] {
            for piece in [1, 2, 3, 7, 64, usize::MAX / 2] {
                assert_eq!(encode(text, encoding, size, piece), whole, "at {size}, {piece}");
            }
        }
        whole
    }

    #[test]
    fn every_line_end_becomes_one_crlf() {
        for (text, wanted) in [
            (&b""[..], &b""[..]),
            (b"a", b"a\r\n"),
            (b"a\nb", b"a\r\nb\r\n"),
            (b"a\rb", b"a\r\nb\r\n"),
            (b"a\r\nb\r\n", b"a\r\nb\r\n"),
            (b"a\r\r\nb", b"a\r\nb\r\n"),
            (b"a\r\rb", b"a\r\n\r\nb\r\n"),
            (b"a\r\r\r\nb", b"a\r\n\r\nb\r\n"),
            (b"a\n\rb", b"a\r\n\r\nb\r\n"),
            (b"a\n\nb", b"a\r\n\r\nb\r\n"),
            (b"\r\n\r\n", b"\r\n\r\n"),
            (b"\r", b"\r\n"),
            (b"a\r\r", b"a\r\n\r\n"),
            (b"\n.\r\n.\r", b"\r\n.\r\n.\r\n"),
        ] {
            assert_eq!(every_size(text, Encoding::SevenBit), wanted, "{text:?}");
            assert_eq!(every_size(text, Encoding::QuotedPrintable), wanted, "{text:?}");
        }
    }

    #[cfg(feature = "complete")]
    #[test]
    fn quoted_printable_escapes_what_it_has_to() {
        let got = every_size("=\u{16f} a \t\nb \x1b\0~".as_bytes(), Encoding::QuotedPrintable);
        assert_eq!(got, b"=3D=C5=AF a =09\r\nb =1B=00~\r\n");
        assert_eq!(every_size(b"end ", Encoding::QuotedPrintable), b"end=20\r\n");
        assert_eq!(every_size(b" ", Encoding::QuotedPrintable), b"=20\r\n");
    }

    #[cfg(feature = "complete")]
    #[test]
    fn quoted_printable_lines_have_at_most_76_octets_and_decode_to_the_text() {
        let mut text = std::vec![b'x'; 5000];
        text.extend("  k\u{16f}\u{148}=".repeat(300).bytes());
        for length in 60..90 {
            text.extend(std::vec![b' '; length]);
            text.extend(b"\r\n");
        }
        let got = every_size(&text, Encoding::QuotedPrintable);
        let mut decoded = Vec::new();
        for line in got.split(|&octet| octet == b'\n') {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            assert!(line.len() <= 76, "{}", line.len());
            assert!(!line.ends_with(b" "));
            let (line, soft) = match line.strip_suffix(b"=") {
                Some(line) => (line, true),
                None => (line, false),
            };
            let mut octets = line.iter().copied();
            while let Some(octet) = octets.next() {
                if octet == b'=' {
                    let digits = [octets.next().unwrap(), octets.next().unwrap()];
                    decoded.push(u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap());
                } else {
                    decoded.push(octet);
                }
            }
            if !soft {
                decoded.extend(b"\r\n");
            }
        }
        decoded.truncate(decoded.len() - 2);
        assert_eq!(decoded, text);
    }

    /// What is sent of a text, written down octet by octet: its lines, encoded, and their dots doubled.
    fn sent(text: &[u8], encoding: Encoding) -> Vec<u8> {
        let (mut lines, mut line, mut rest) = (Vec::new(), Vec::new(), text);
        while let Some((octet, behind)) = rest.split_first() {
            rest = behind;
            if !matches!(octet, b'\r' | b'\n') {
                line.push(*octet);
                continue;
            }
            if *octet == b'\r' {
                let end = ["\r\n", "\n"]
                    .iter()
                    .find_map(|end| behind.strip_prefix(end.as_bytes()));
                rest = end.unwrap_or(behind);
            }
            lines.push(core::mem::take(&mut line));
        }
        lines.extend((!line.is_empty()).then_some(line));
        let mut all = Vec::new();
        for line in lines {
            let mut encoded = std::vec![Vec::new()];
            for (at, octet) in line.iter().enumerate() {
                let is_last = at + 1 == line.len();
                let token = match octet {
                    _ if encoding != Encoding::QuotedPrintable => std::vec![*octet],
                    b' ' | b'\t' if !is_last => std::vec![*octet],
                    0x21..=0x7e if *octet != b'=' => std::vec![*octet],
                    _ => std::format!("={octet:02X}").into_bytes(),
                };
                let last = encoded.last_mut().unwrap();
                if encoding == Encoding::QuotedPrintable && last.len() + token.len() > 75 {
                    last.push(b'=');
                    encoded.push(token);
                } else {
                    last.extend(token);
                }
            }
            for line in encoded {
                if line.starts_with(b".") {
                    all.push(b'.');
                }
                all.extend(line);
                all.extend(b"\r\n");
            }
        }
        all
    }

    /// What the encoder writes, through transparency, into buffers of a size; the text comes in pieces of a size.
    fn written(text: &[u8], encoding: Encoding, clean: bool, [size, piece]: [usize; 2]) -> Vec<u8> {
        use crate::wire::transparency::{Transparency, Transparent};
        let mut encoder = Encoder::new(encoding);
        #[cfg(fast)]
        encoder.set_clean(clean);
        let (mut all, mut taken, mut at) = (Vec::new(), 0, Transparency::LineBegins);
        while !encoder.ended() {
            let mut buffer = std::vec![0u8; size];
            let mut window = Window::new(&mut buffer, 0);
            let mut transparent = Transparent::new(&mut window, at);
            let end = text.len().min(taken + piece);
            taken += encoder.write(&text[taken..end], end == text.len(), &mut transparent);
            at = transparent.at();
            assert!(window.complete(), "wrote past the room");
            let kept = window.kept();
            all.extend_from_slice(&buffer[..kept]);
        }
        all
    }

    #[cfg(feature = "complete")]
    #[test]
    fn what_stands_anywhere_in_a_text_is_sent_as_it_should_be() {
        use super::super::survey::Survey;
        let specials: [&[u8]; 20] = [
            b".",
            b"\r",
            b"\n",
            b"\r\n",
            b"\r\r\n",
            b"\r\r\r\n",
            b"\n.",
            b"\r\n.",
            b"\r\n..\r\n",
            b"\r\r\n.\r",
            b"\n\r.",
            b"=",
            b" ",
            b"\t\r\n",
            b" \n",
            b" \r\r",
            b"\0",
            b"\x7f",
            b"\x80",
            "\u{17e}".as_bytes(),
        ];
        let mut sizes = [
            [16, 1],
            [17, 7],
            [31, 9],
            [33, 64],
            [47, 200],
            [64, 3],
            [79, 31],
            [300, 16],
            [1000, 200],
        ]
        .iter()
        .cycle();
        for length in (0..=36).chain(61..=68).chain(73..=82).chain([127, 128, 129, 199]) {
            for at in 0..=length {
                for special in specials {
                    // It begins with a dot, for some.
                    let first: &[u8] = if length % 2 == 0 { b"." } else { b"" };
                    let text = [first, &b"x".repeat(at), special, &b"y".repeat(length - at)].concat();
                    for encoding in [Encoding::EightBit, Encoding::QuotedPrintable] {
                        let wanted = sent(&text, encoding);
                        let sizes = *sizes.next().unwrap();
                        let got = written(&text, encoding, false, sizes);
                        assert!(got == wanted, "{text:?} {encoding:?} {sizes:?}: {got:?}");
                    }
                    #[cfg(fast)]
                    {
                        let survey = Survey::of(&text);
                        let wanted = sent(&text, Encoding::EightBit);
                        let dots = wanted.split_inclusive(|octet| *octet == b'\n');
                        let dots = dots.filter(|line| line.starts_with(b".")).count();
                        assert_eq!(survey.size, (wanted.len() - dots) as crate::limits::Size, "{text:?}");
                        // It is clean where nothing is done to it but at its beginning and its end.
                        let mut whole = text.clone();
                        if !text.is_empty() && !text.ends_with(b"\n") {
                            whole.extend(b"\r\n");
                        }
                        let doubled = if text.starts_with(b".") { &b"."[..] } else { b"" };
                        assert_eq!(survey.clean, wanted == [doubled, &whole].concat(), "{text:?}");
                        if survey.clean {
                            let sizes = *sizes.next().unwrap();
                            // Not in pieces: such a text is at hand as a whole.
                            let got = written(&text, Encoding::EightBit, true, [sizes[0], 1000]);
                            assert!(got == wanted, "{text:?} {sizes:?}");
                        }
                    }
                }
            }
        }
    }

    #[cfg(fast)]
    #[test]
    fn a_clean_text_is_copied_and_its_last_line_gets_its_end() {
        for (text, wanted) in [
            ("a\r\nb", "a\r\nb\r\n"),
            ("a", "a\r\n"),
            ("a\r\n", "a\r\n"),
            (".a\r\n\r\n", ".a\r\n\r\n"),
        ] {
            for size in [16, 17, 100] {
                let mut encoder = Encoder::new(Encoding::SevenBit);
                encoder.set_clean(true);
                let (mut all, mut taken) = (Vec::new(), 0);
                while !encoder.ended() {
                    let mut buffer = std::vec![0u8; size];
                    let mut window = Window::new(&mut buffer, 0);
                    taken += encoder.write(&text.as_bytes()[taken..], true, &mut window);
                    let kept = window.kept();
                    all.extend_from_slice(&buffer[..kept]);
                }
                assert_eq!(all, wanted.as_bytes(), "{size}");
            }
        }
    }

    #[test]
    fn eight_bit_text_is_left_as_it_is() {
        let text = "k\u{16f}\u{148}\r\n".repeat(40);
        assert_eq!(every_size(text.as_bytes(), Encoding::EightBit), text.as_bytes());
    }
}
