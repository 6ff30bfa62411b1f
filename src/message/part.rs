//! A mail that is no plain text: HTML, a whole message, or several parts (RFC 2046, 2387).
//!
//! Of several parts each has a head, which was composed before, and a body, which is encoded while it is sent: a [`Composer`]
//! writes as much as there is room for and goes on there the next time. It keeps nothing of what it has written.

use super::body::{Encoder, Encoding};
use super::plan::Plan;
use super::survey::{Survey, quoted_size};
use super::text::Text;
use crate::base64;
use crate::buffer::{HEXADECIMAL, Window};
use crate::limits::Size;
use crate::octets::copy;

/// The octets that a line of base64 stands for (RFC 2045, 6.8), and its own with the CRLF.
const LINE_OCTETS: usize = 57;
const LINE: usize = 78;

/// What the boundaries of a mail are made of: 128 random bits.
pub type Boundary = [u32; 4];

/// A multipart's subtype.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Parts for themselves.
    Mixed,
    /// HTML, and what it shows.
    Related,
    /// The same in several forms, the best one last.
    Alternative,
}

impl Kind {
    /// Its own letter in a boundary: no boundary of a mail is the beginning of another one.
    const fn letter(self) -> u8 {
        match self {
            Self::Mixed => b'm',
            Self::Related => b'r',
            Self::Alternative => b'a',
        }
    }

    /// Writes the content type.
    pub fn write(self, boundary: &Boundary, out: &mut Window<'_>) {
        out.put_seldom(match self {
            Self::Mixed => b"multipart/mixed;",
            Self::Related => b"multipart/related; type=\"text/html\";",
            Self::Alternative => b"multipart/alternative;",
        });
        out.end_line();
        out.put_seldom(b" boundary=\"");
        self.write_boundary(boundary, out);
        out.put(b'"');
    }

    /// Writes the boundary: with `=_` in it, which stands in no quoted-printable, and in no base64 (RFC 2045, 6.7).
    fn write_boundary(self, boundary: &Boundary, out: &mut Window<'_>) {
        out.put_seldom(BOUNDARY);
        out.put(self.letter());
        for word in boundary {
            out.digits(*word, HEXADECIMAL, 1 << 7);
        }
    }

    /// Writes the line that begins a part, behind what stands before it.
    pub fn write_delimiter(self, boundary: &Boundary, first: bool, out: &mut Window<'_>) {
        if !first {
            out.end_line();
        }
        out.put_seldom(b"--");
        self.write_boundary(boundary, out);
        out.end_line();
    }

    /// Writes the line that ends the last part.
    pub fn write_end(self, boundary: &Boundary, out: &mut Window<'_>) {
        out.end_line();
        out.put_seldom(b"--");
        self.write_boundary(boundary, out);
        out.put_seldom(b"--");
        out.end_line();
    }
}

/// What every boundary begins with.
const BOUNDARY: &[u8] = b"=_sds-";

/// Whether a text that may go as it is has something in it that looks like a boundary made of these bits.
pub fn has_boundary(text: &[u8], boundary: &Boundary) -> bool {
    let mut room = [0; 32];
    let mut digits = Window::new(&mut room, 0);
    for word in boundary {
        digits.digits(*word, HEXADECIMAL, 1 << 7);
    }
    text.split(|octet| *octet == b'=').skip(1).any(|behind| {
        let digits = behind.strip_prefix(b"_sds-").and_then(|rest| rest.get(1..));
        digits.is_some_and(|digits| digits.starts_with(&room))
    })
}

/// What a mail's body is, where it is no plain text.
#[derive(Clone, Copy, Debug)]
pub enum Form {
    /// The text is HTML.
    Html,
    /// The text is a whole message, with a header block of its own.
    Raw,
    /// The text is a body of several parts, which a [`Composer`] gives in pieces.
    Parts(Multipart),
}

/// A body of several parts.
#[derive(Clone, Copy, Debug)]
pub struct Multipart {
    /// Its type.
    pub kind: Kind,
    /// What its boundaries are made of.
    pub boundary: Boundary,
    /// It goes with octets above 127 where the server takes them.
    pub eight_bit: bool,
    /// Its octets where they are known: for a server without 8BITMIME, and for one with it.
    pub sizes: [Option<Size>; 2],
}

impl Form {
    /// Whether the text is a whole message.
    pub const fn is_raw(&self) -> bool {
        matches!(self, Self::Raw)
    }

    /// How the body is sent, and its octets where they are known. None: the server does not take octets above 127, and nothing may
    /// be encoded here.
    pub fn plan(
        &self,
        text: &Text<'_>,
        survey: Option<&Survey>,
        eight_bit_mime: bool,
        composes: bool,
    ) -> Option<(Plan, Option<Size>)> {
        let as_is = |eight_bit: bool| Plan {
            encoding: if eight_bit {
                Encoding::EightBit
            } else {
                Encoding::SevenBit
            },
            ..Plan::NONE
        };
        match self {
            Self::Html => Some(Plan::of(text, survey, eight_bit_mime, composes)),
            // Whoever has the pieces looks for octets above 127.
            Self::Raw if text.pieces => Some((as_is(eight_bit_mime), None)),
            Self::Raw => {
                let survey = survey.copied().unwrap_or_else(|| Survey::of(text.octets));
                let plan = Plan {
                    clean: survey.clean,
                    ..as_is(survey.eight_bit)
                };
                (eight_bit_mime || !survey.eight_bit).then_some((plan, Some(survey.size)))
            }
            Self::Parts(parts) => {
                let [without, with] = parts.sizes;
                let size = if eight_bit_mime { with } else { without };
                Some((as_is(parts.eight_bit && eight_bit_mime), size))
            }
        }
    }
}

/// The body of a part.
#[derive(Clone, Copy, Debug)]
pub enum Content<'a> {
    /// A text; what there is in it.
    Text(&'a [u8], Survey),
    /// A text that comes in pieces: nobody has seen all of it, and it goes as quoted-printable.
    TextInPieces,
    /// Octets.
    Octets(&'a [u8]),
    /// Octets that come in pieces; how many, where that is known.
    OctetsInPieces(Option<u64>),
    /// None: the head is what stands behind the last part.
    End,
}

impl Content<'_> {
    /// The name of its encoding.
    fn encoding(&self, eight_bit_mime: bool) -> &'static [u8] {
        match self {
            Self::Text(_, survey) => survey.encoding(eight_bit_mime).name(),
            Self::TextInPieces => Encoding::QuotedPrintable.name(),
            _ => b"base64",
        }
    }

    /// How many octets it is sent as.
    fn size(&self, eight_bit_mime: bool) -> Option<Size> {
        match self {
            Self::Text(text, survey) => match survey.encoding(eight_bit_mime) {
                Encoding::QuotedPrintable if survey.quoted > 0 => Some(survey.quoted),
                Encoding::QuotedPrintable => Some(quoted_size(text)),
                _ => Some(survey.size),
            },
            Self::Octets(octets) => Some(base64_size(Size::try_from(octets.len()).ok()?)),
            Self::OctetsInPieces(length) => (*length).map(base64_size),
            Self::TextInPieces => None,
            Self::End => Some(0),
        }
    }
}

/// So many octets in lines of base64. More than a number can say is too large for any server.
fn base64_size(octets: Size) -> Size {
    const OF_LINE: Size = LINE_OCTETS as Size;
    let (lines, rest) = (octets / OF_LINE, octets % OF_LINE);
    let last = match rest {
        0 => 0,
        rest => rest.div_ceil(3).saturating_mul(4).saturating_add(2),
    };
    lines.saturating_mul(LINE as Size).saturating_add(last)
}

/// A part.
#[derive(Clone, Copy, Debug)]
pub struct Part<'a> {
    /// What stands before its body, up to the name of its encoding.
    pub head: &'a [u8],
    /// Its body.
    pub content: Content<'a>,
}

/// All parts, in their order; the last one is a [`Content::End`].
pub trait Parts {
    /// The part with this number.
    fn part(&self, number: usize) -> Option<Part<'_>>;
}

/// How many octets a body of parts has, where all of their lengths are known.
pub fn size(parts: &impl Parts, eight_bit_mime: bool) -> Option<Size> {
    let (mut number, mut sum) = (0usize, 0 as Size);
    while let Some(Part { head, content }) = parts.part(number) {
        let name = match content {
            Content::End => 0,
            _ => content.encoding(eight_bit_mime).len().checked_add(ENDS.len())?,
        };
        let before = Size::try_from(head.len().checked_add(name)?).ok()?;
        sum = before.saturating_add(content.size(eight_bit_mime)?).saturating_add(sum);
        number = number.wrapping_add(1);
    }
    Some(sum)
}

/// What ends a head, behind the name of the encoding.
const ENDS: &[u8] = b"\r\n\r\n";

/// What is at hand of a part that comes in pieces.
#[derive(Clone, Copy, Debug)]
pub struct Given<'a> {
    /// Of which part.
    pub part: usize,
    /// The octets.
    pub octets: &'a [u8],
    /// The part ends with them.
    pub last: bool,
}

/// What a [`Composer`] has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Composed {
    /// Octets written.
    pub written: usize,
    /// Octets taken of what was given.
    pub taken: usize,
    /// A line among them begins with a dot, or may do so.
    pub dotted: bool,
    /// It can go on when there is more of this part.
    pub wants: Option<usize>,
    /// All is written.
    pub over: bool,
}

/// Where a composer stands in a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Head,
    Encoding,
    Body,
}

/// Writes a body of several parts, a piece at a time.
#[derive(Clone, Copy, Debug)]
pub struct Composer {
    part: usize,
    place: Place,
    /// Octets that are written of the head, or of a body at hand.
    offset: usize,
    encoder: Encoder,
    eight_bit_mime: bool,
}

/// The smallest room in which something is written.
pub const SMALLEST_ROOM: usize = LINE;

impl Composer {
    /// At the beginning. `eight_bit_mime`: the server takes octets above 127.
    pub const fn new(eight_bit_mime: bool) -> Self {
        Self {
            part: 0,
            place: Place::Head,
            offset: 0,
            encoder: Encoder::new(Encoding::SevenBit),
            eight_bit_mime,
        }
    }

    /// Writes into `out` until it is nearly full, all is written, or there is no more of a part that comes in pieces.
    pub fn write(&mut self, parts: &impl Parts, given: &Given<'_>, out: &mut [u8]) -> Composed {
        let mut done = Composed::default();
        loop {
            let room = out.get_mut(done.written..).unwrap_or(&mut []);
            let Some(Part { head, content }) = parts.part(self.part) else {
                done.over = true;
                return done;
            };
            if room.len() < SMALLEST_ROOM {
                return done;
            }
            let written = match self.place {
                Place::Head => {
                    let written = copy(room, head.get(self.offset..).unwrap_or(&[]));
                    self.offset = self.offset.wrapping_add(written);
                    if self.offset == head.len() {
                        (self.place, self.offset) = (Place::Encoding, 0);
                        if matches!(content, Content::End) {
                            self.next();
                        }
                    }
                    written
                }
                Place::Encoding => {
                    let mut window = Window::new(room, 0);
                    window.put_seldom(content.encoding(self.eight_bit_mime));
                    window.put_seldom(ENDS);
                    self.place = Place::Body;
                    self.encoder = Encoder::new(match content {
                        Content::Text(_, survey) => survey.encoding(self.eight_bit_mime),
                        _ => Encoding::QuotedPrintable,
                    });
                    window.kept()
                }
                Place::Body => {
                    let before = done.written;
                    self.write_body(content, given, room, &mut done);
                    if done.wants.is_some() || (done.written == before && self.place == Place::Body) {
                        return done;
                    }
                    continue;
                }
            };
            done.written = done.written.wrapping_add(written);
        }
    }

    fn next(&mut self) {
        self.part = self.part.wrapping_add(1);
        (self.place, self.offset) = (Place::Head, 0);
    }

    fn write_body(&mut self, content: Content<'_>, given: &Given<'_>, room: &mut [u8], done: &mut Composed) {
        let is_text = matches!(content, Content::Text(..) | Content::TextInPieces);
        let (octets, last, at_hand) = match content {
            Content::Text(octets, _) | Content::Octets(octets) => (octets.get(self.offset..), true, true),
            _ if given.part == self.part => (given.octets.get(done.taken..), given.last, false),
            _ => (None, false, false),
        };
        let octets = octets.unwrap_or(&[]);
        let (taken, written, over) = if is_text {
            let mut window = Window::new(room, 0);
            let taken = self.encoder.write(octets, last, &mut window);
            let mut lines = window.since(0).split(|octet| *octet == b'\n');
            done.dotted |= lines.any(|line| line.first() == Some(&b'.'));
            (taken, window.kept(), self.encoder.ended())
        } else {
            let (taken, written) = write_base64(octets, last, room);
            (taken, written, last && taken == octets.len())
        };
        let counted = if at_hand { &mut self.offset } else { &mut done.taken };
        *counted = counted.wrapping_add(taken);
        done.written = done.written.wrapping_add(written);
        if over {
            self.next();
        } else if !last && (taken == octets.len() || (!is_text && octets.len().wrapping_sub(taken) < LINE_OCTETS)) {
            done.wants = Some(self.part);
        }
    }
}

static DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Writes octets in whole lines of base64, as many as there is room for; the rest of them, shorter than a line, where they are the
/// last ones. How many were taken, and written.
fn write_base64(octets: &[u8], last: bool, out: &mut [u8]) -> (usize, usize) {
    let mut taken = 0usize;
    let mut written = 0usize;
    for (line, room) in octets.chunks_exact(LINE_OCTETS).zip(out.chunks_exact_mut(LINE)) {
        let (digits, end) = room.split_at_mut_checked(LINE.wrapping_sub(2)).unwrap_or_default();
        for (three, four) in line.chunks_exact(3).zip(digits.chunks_exact_mut(4)) {
            if let ([a, b, c], [w, x, y, z]) = (three, four) {
                let bits = u32::from_be_bytes([0, *a, *b, *c]);
                (*w, *x, *y, *z) = (digit(bits >> 18), digit(bits >> 12), digit(bits >> 6), digit(bits));
            }
        }
        copy(end, b"\r\n");
        taken = taken.wrapping_add(LINE_OCTETS);
        written = written.wrapping_add(LINE);
    }
    let rest = octets.get(taken..).unwrap_or(&[]);
    let room = out.get_mut(written..).unwrap_or(&mut []);
    if last && !rest.is_empty() && rest.len() < LINE_OCTETS && room.len() >= LINE {
        let mut window = Window::new(room, 0);
        base64::put(rest, &mut window);
        base64::end(&mut window);
        window.end_line();
        taken = taken.wrapping_add(rest.len());
        written = written.wrapping_add(window.kept());
    }
    (taken, written)
}

fn digit(bits: u32) -> u8 {
    let [six, ..] = (bits & 63).to_le_bytes();
    DIGITS.get(usize::from(six)).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::String;
    use std::vec::Vec;

    const BITS: Boundary = [1, 2, 3, 0xdead_beef];

    fn written(write: impl Fn(&mut Window<'_>)) -> String {
        let mut room = std::vec![0; 4096];
        let mut out = Window::new(&mut room, 0);
        write(&mut out);
        assert!(out.complete());
        let kept = out.kept();
        String::from_utf8(room[..kept].to_vec()).unwrap()
    }

    /// A part's content, and for one in pieces its octets.
    struct One {
        head: &'static [u8],
        octets: Vec<u8>,
        kind: char,
    }

    struct List(Vec<One>);

    impl Parts for List {
        fn part(&self, number: usize) -> Option<Part<'_>> {
            let One { head, octets, kind } = self.0.get(number)?;
            let content = match kind {
                't' => Content::Text(octets, Survey::of(octets)),
                'T' => Content::TextInPieces,
                'o' => Content::Octets(octets),
                'O' => Content::OctetsInPieces(Some(octets.len() as u64)),
                'U' => Content::OctetsInPieces(None),
                _ => Content::End,
            };
            Some(Part { head, content })
        }
    }

    /// What a composer writes into rooms of this size, and gets in pieces of that size.
    fn composed(list: &List, eight_bit_mime: bool, room: usize, piece: usize) -> Vec<u8> {
        let mut composer = Composer::new(eight_bit_mime);
        let (mut all, mut of, mut from, mut to) = (Vec::new(), usize::MAX, 0, 0);
        for _ in 0..1_000_000 {
            let octets = list.0.get(of).map_or(&[][..], |one| &one.octets);
            let given = Given {
                part: of,
                octets: &octets[from..to],
                last: to == octets.len() && of != usize::MAX,
            };
            let mut out = std::vec![0; room];
            let done = composer.write(list, &given, &mut out);
            all.extend_from_slice(&out[..done.written]);
            from += done.taken;
            if done.over {
                return all;
            }
            if let Some(wants) = done.wants {
                if wants == of {
                    assert!(to < octets.len(), "it has all");
                    to = (to + piece).min(octets.len());
                } else {
                    (of, from) = (wants, 0);
                    to = piece.min(list.0[of].octets.len());
                }
            } else {
                assert!(done.written > 0, "no progress");
            }
        }
        panic!("it does not end");
    }

    fn list(kinds: &str, octets: &[u8]) -> List {
        let parts = kinds.chars().map(|kind| One {
            head: if kind == 'e' {
                b"\r\n--x--\r\n"
            } else {
                b"\r\n--x\r\nContent-Transfer-Encoding: "
            },
            octets: octets.to_vec(),
            kind,
        });
        List(parts.collect())
    }

    #[test]
    fn rooms_and_pieces_of_any_size_give_the_same_and_the_size_is_exact() {
        let line: Vec<u8> = (0..=255).cycle().skip(37).take(1000).collect();
        for length in [0, 1, 2, 3, 55, 56, 57, 58, 59, 113, 114, 115, 171, 1000] {
            for octets in [
                &line[..length],
                "k\u{16f}\u{148} = .\r\n."
                    .repeat(60)
                    .as_bytes()
                    .get(..length)
                    .unwrap_or(b""),
            ] {
                for kinds in ["oe", "Oe", "te", "Te", "toOTe", "OUtoe"] {
                    let list = list(kinds, octets);
                    for eight_bit_mime in [false, true] {
                        let whole = composed(&list, eight_bit_mime, 1 << 20, usize::MAX / 2);
                        let size = size(&list, eight_bit_mime);
                        if kinds.contains(['T', 'U']) {
                            assert_eq!(size, None);
                        } else {
                            assert_eq!(size, Some(whole.len() as Size), "{kinds} {length}");
                        }
                        for room in [78, 79, 100, 157, 4096] {
                            for piece in [1, 2, 56, 57, 58, 300] {
                                let some = composed(&list, eight_bit_mime, room, piece);
                                assert!(some == whole, "{kinds} {length}, rooms of {room}, pieces of {piece}");
                            }
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn a_size_that_no_number_can_say_is_the_largest() {
        for (octets, wanted) in [
            (0, 0),
            (1, 6),
            (57, 78),
            (58, 84),
            (Size::MAX / 78 * 57, Size::MAX / 78 * 78),
            (Size::MAX, Size::MAX),
        ] {
            assert_eq!(base64_size(octets), wanted, "{octets}");
        }
    }

    #[test]
    fn base64_has_lines_of_76() {
        let list = list("oe", &[0xff; 115]);
        let text = String::from_utf8(composed(&list, false, 4096, 1)).unwrap();
        let lines: Vec<&str> = text.split("\r\n").collect();
        assert_eq!(lines[2], "Content-Transfer-Encoding: base64");
        assert_eq!([lines[4].len(), lines[5].len(), lines[6].len()], [76, 76, 4]);
        assert_eq!((lines[4], lines[6]), ("/".repeat(76).as_str(), "/w=="));
        assert_eq!(&lines[7..], ["", "--x--", ""]);
    }

    #[test]
    fn a_boundary_in_a_text_is_found() {
        let whole = written(|out| Kind::Related.write_boundary(&BITS, out));
        assert_eq!(whole, "=_sds-r000000010000000200000003deadbeef");
        assert!(has_boundary(std::format!("x\n--{whole}").as_bytes(), &BITS));
        assert!(has_boundary(
            std::format!("=={}", whole.replace('r', "m")).as_bytes(),
            &BITS
        ));
        assert!(!has_boundary(whole.replace("ee", "e").as_bytes(), &BITS));
        assert!(!has_boundary(b"=_sds-", &BITS) && !has_boundary(b"", &BITS));
    }
}
