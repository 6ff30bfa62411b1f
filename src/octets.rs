//! Octets: copied and wiped without a path that could panic; printable ones; lists of texts in one piece.

use zeroize::Zeroize;

/// The lowest bit of each of eight octets.
const LOW: u64 = 0x0101_0101_0101_0101;
/// The highest bit of each of them.
pub const HIGH: u64 = 0x8080_8080_8080_8080;

/// Copies octets, as many as fit, and returns how many.
pub fn copy(to: &mut [u8], from: &[u8]) -> usize {
    let length = to.len().min(from.len());
    if let (Some(to), Some(from)) = (to.get_mut(..length), from.get(..length)) {
        to.copy_from_slice(from);
    }
    length
}

/// Octets of bounded length, in a value: what does not fit is cut.
#[derive(Clone, Copy)]
pub struct Bounded<const N: usize> {
    octets: [u8; N],
    length: usize,
}

impl<const N: usize> Bounded<N> {
    /// None.
    pub const EMPTY: Self = Self {
        octets: [0; N],
        length: 0,
    };

    /// As much of `text` as fits.
    pub fn new(text: &[u8]) -> Self {
        Self::written(|room| copy(room, text))
    }

    /// What this writes, which says how much that is.
    pub fn written(write: impl FnOnce(&mut [u8; N]) -> usize) -> Self {
        let mut new = Self::EMPTY;
        new.length = write(&mut new.octets);
        new
    }

    /// The octets.
    pub fn octets(&self) -> &[u8] {
        self.octets.get(..self.length).unwrap_or(&[])
    }
}

impl<const N: usize> Default for Bounded<N> {
    fn default() -> Self {
        Self::EMPTY
    }
}

/// An octet as printable ASCII: a TAB becomes a blank, any other octet that is not printable a `?`.
///
/// The reader of replies keeps the server's text so. The masking of credentials searches that text for what this makes of
/// them.
pub fn printable(octet: u8) -> u8 {
    match octet {
        b'\t' => b' ',
        _ if is_printable(octet) => octet,
        _ => b'?',
    }
}

/// Wipes octets that may be secret. The compiler does not leave it out.
///
/// Octet by octet: zeroizing a slice asserts that its length is one a slice can have, and Rust 1.85 keeps that panic.
// Saves 50 bytes, and a device 20.
#[inline(never)]
pub fn wipe(octets: &mut [u8]) {
    octets.iter_mut().zeroize();
}

/// Whether this octet is printable ASCII.
pub fn is_printable(octet: u8) -> bool {
    matches!(octet, b' '..=b'~')
}

/// Whether they are the same, in letters of any case.
///
/// Octet by octet: the standard library's looks at sixteen at a time, and words are shorter.
// Saves 176 bytes.
#[cfg_attr(fast, inline(never))]
pub fn is_same_word(one: &[u8], other: &[u8]) -> bool {
    let mut pairs = one.iter().zip(other);
    one.len() == other.len() && pairs.all(|(one, other)| one.eq_ignore_ascii_case(other))
}

/// Whether all of them are ASCII.
// Saves 1,600 bytes.
#[cfg_attr(fast, inline(never))]
pub fn is_ascii(octets: &[u8]) -> bool {
    octets.is_ascii()
}

/// What is left without the blanks and line ends that it begins and ends with.
// Saves 640 bytes.
#[cfg(feature = "std")]
#[inline(never)]
pub fn trimmed(octets: &[u8]) -> &[u8] {
    octets.trim_ascii()
}

/// What follows the last separator; all of it, where there is none.
// Saves 48 bytes.
#[cfg_attr(fast, inline(never))]
pub fn behind_last(octets: &[u8], separator: u8) -> &[u8] {
    if cfg!(fast) {
        // Only the faster way to the same end: it most often is near the end.
        return octets.rsplit(|octet| *octet == separator).next().unwrap_or(&[]);
    }
    let mut rest = octets;
    while let Some(at) = rest.iter().position(|octet| *octet == separator) {
        rest = rest.get(at.wrapping_add(1)..).unwrap_or(&[]);
    }
    rest
}

/// Makes a function that returns a text of a list by its number, counted from 0; behind the last one the texts are empty.
///
/// The list is one string with a NUL behind each text. A table would have a pointer for each of them, which takes 40 octets in a
/// library that can be loaded at any address.
macro_rules! list {
    ($name:ident: $($entry:expr),* $(,)?) => {
        fn $name(number: usize) -> &'static [u8] {
            $crate::octets::entry(concat!($($entry, "\0"),*).as_bytes(), number)
        }
    };
}

pub(crate) use list;

/// The text with this number of a list in one string.
// Saves 150 bytes.
#[cfg_attr(fast, inline(never))]
pub fn entry(list: &'static [u8], number: usize) -> &'static [u8] {
    let mut rest = list.iter();
    let mut left = number;
    while left > 0 {
        match rest.next() {
            Some(0) => left = left.wrapping_sub(1),
            Some(_) => {}
            None => break,
        }
    }
    let list = rest.as_slice();
    let end = rest.position(|octet| *octet == 0);
    end.and_then(|end| list.get(..end)).unwrap_or(&[])
}

/// The number of octets that mail data begins with and that can be copied in one piece: whole lines that end with CRLF, of which
/// only the first may begin with a dot, and the beginning of another line; and how many octets of that line there are. `column`: so
/// many there were before.
#[cfg(fast)]
pub fn clean_lines(octets: &[u8], column: usize) -> (usize, usize) {
    let (mut rest, mut column) = (octets, column);
    loop {
        let plain = before_control(rest);
        column = column.wrapping_add(plain);
        let behind = rest.get(plain..).unwrap_or(&[]);
        rest = match behind {
            [b'\r', b'\n', next @ ..] => {
                column = 0;
                if next.first() == Some(&b'.') {
                    rest = next;
                    break;
                }
                next
            }
            [] | [b'\r' | b'\n', ..] => {
                rest = behind;
                break;
            }
            [_, next @ ..] => {
                column = column.wrapping_add(1);
                next
            }
        };
    }
    (octets.len().wrapping_sub(rest.len()), column)
}

/// The number of octets before the first of 0 to 31.
#[cfg(fast)]
fn before_control(octets: &[u8]) -> usize {
    const LOW: u64 = u64::from_ne_bytes([b' '; 8]);
    const SIGN: u64 = u64::from_ne_bytes([0x80; 8]);
    let word = |eight: &[u8]| u64::from_le_bytes(eight.try_into().unwrap_or([0; 8]));
    // In the word with the first one nothing is borrowed before it.
    let flags = |word: u64| word.wrapping_sub(LOW) & !word;
    let mut length = 0usize;
    let chunks = octets.chunks_exact(8);
    let last = chunks.remainder();
    for eight in chunks {
        let found = flags(word(eight)) & SIGN;
        if found != 0 {
            return length.wrapping_add(place(found));
        }
        length = length.wrapping_add(8);
    }
    let end = last.iter().position(|octet| *octet < b' ');
    length.wrapping_add(end.unwrap_or(last.len()))
}

/// The number of octets before the first that is not printable ASCII.
pub fn printable_run(octets: &[u8]) -> usize {
    run(octets, unprintable)
}

/// The number of octets before the first that quoted-printable has to escape, a tab, or a control character.
#[cfg(fast)]
pub fn unescaped_run(octets: &[u8]) -> usize {
    run(octets, |eight| {
        let equals = eight ^ LOW.wrapping_mul(u64::from(b'='));
        unprintable(eight) | (equals.wrapping_sub(LOW) & !equals & HIGH)
    })
}

/// The number of octets before the first that is flagged.
fn run(octets: &[u8], flags_of: impl Fn(u64) -> u64) -> usize {
    let mut length = 0usize;
    let chunks = octets.chunks_exact(8);
    let rest = chunks.remainder();
    for eight in chunks {
        let flags = flags_of(u64::from_le_bytes(eight.try_into().unwrap_or([0; 8])));
        if flags != 0 {
            return length.wrapping_add(place(flags));
        }
        length = length.wrapping_add(8);
    }
    // A NUL is found behind them.
    let mut last = [0; 8];
    copy(&mut last, rest);
    length.wrapping_add(place(flags_of(u64::from_le_bytes(last))))
}

/// Where octets that are not printable ASCII are among eight: a flag for each, its highest bit. That of an octet behind a control
/// character may be set, too.
fn unprintable(eight: u64) -> u64 {
    // An octet below 32 borrows in the subtraction, and so does one that differs in nothing from 127.
    let delete = eight ^ LOW.wrapping_mul(0x7F);
    (eight.wrapping_sub(LOW.wrapping_mul(0x20)) | delete.wrapping_sub(LOW) | eight) & HIGH
}

/// Whether there is a control character or one above 127 among eight octets.
#[cfg(fast)]
pub fn is_any_strange(eight: u64) -> bool {
    (eight.wrapping_sub(LOW.wrapping_mul(0x20)) | eight.wrapping_add(LOW) | eight) & HIGH != 0
}

/// The flags of eight octets, each a bit: the first one's lowest.
#[cfg(fast)]
pub fn bits(flags: u64) -> u32 {
    // The upper octet of the product has a bit from each.
    let product = (flags >> 7).wrapping_mul(0x0102_0408_1020_4080);
    u32::from(product.to_be_bytes()[0])
}

/// Which of eight octets are control characters (0 to 31, and 127): a flag for each of those, its highest bit, and no other one.
#[cfg(fast)]
pub fn controls(eight: u64) -> u64 {
    // No sum reaches the next octet.
    let low = eight & !HIGH;
    (!low.wrapping_add(LOW.wrapping_mul(0x60)) | low.wrapping_add(LOW)) & !eight & HIGH
}

/// The place of the lowest flag.
fn place(flags: u64) -> usize {
    usize::try_from(flags.trailing_zeros() / 8).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_ends_at_every_position() {
        for control in (0..=31).chain(127..=255) {
            for at in 0..24 {
                let mut octets = [b'x'; 24];
                octets[at] = control;
                for behind in [at + 1, 24] {
                    assert_eq!(printable_run(&octets[..behind]), at, "{control}");
                    #[cfg(fast)]
                    assert_eq!(unescaped_run(&octets[..behind]), at, "{control}");
                }
                #[cfg(fast)]
                {
                    octets[at] = b'=';
                    assert_eq!((unescaped_run(&octets), printable_run(&octets)), (at, 24));
                }
                assert_eq!(printable_run(&octets[..at]), at);
            }
        }
    }

    #[cfg(fast)]
    #[test]
    fn control_characters_are_flagged_and_no_other_octets() {
        for first in 0..=255u8 {
            for second in 0..=255u8 {
                let eight = [b'x', first, second, 0xff, first, 0, second, 0x7f];
                let flags = controls(u64::from_le_bytes(eight)).to_le_bytes();
                let wanted = eight.map(|octet| if octet.is_ascii_control() { 0x80 } else { 0 });
                assert_eq!(flags, wanted, "{eight:x?}");
                let some = eight.iter().enumerate().filter(|(_, octet)| octet.is_ascii_control());
                let wanted = some.fold(0, |bits, (at, _)| bits | 1 << at);
                assert_eq!(bits(u64::from_le_bytes(flags)), wanted, "{eight:x?}");
                let strange = is_any_strange(u64::from_le_bytes([b' ', first, b'~', second, b'x', b'x', b'x', b'x']));
                assert_eq!(strange, !is_printable(first) || !is_printable(second));
            }
        }
    }

    #[test]
    fn every_octet_becomes_a_printable_one() {
        for octet in 0..=255u8 {
            let kept = printable(octet);
            assert!(matches!(kept, b' '..=b'~'));
            assert!(kept == octet || kept == b'?' || (octet, kept) == (b'\t', b' '));
            assert_eq!(printable(kept), kept);
        }
    }

    #[test]
    fn as_many_octets_are_copied_as_fit() {
        let mut octets = *b"abcd";
        assert_eq!(copy(&mut octets, b"xy"), 2);
        assert_eq!(&octets, b"xycd");
        assert_eq!(copy(&mut octets[..1], b"123"), 1);
        assert_eq!(&octets, b"1ycd");
    }

    #[test]
    fn text_is_cut_where_it_does_not_fit() {
        assert_eq!(Bounded::<4>::new(b"abc").octets(), b"abc");
        assert_eq!(Bounded::<4>::new(b"abcdef").octets(), b"abcd");
        assert_eq!(Bounded::<4>::EMPTY.octets(), b"");
    }

    #[test]
    fn texts_are_found_by_their_number() {
        let list = b"one\0\0three\0";
        assert_eq!(entry(list, 0), b"one");
        assert_eq!(entry(list, 1), b"");
        assert_eq!(entry(list, 2), b"three");
        assert_eq!(entry(list, 9), b"");
    }

    #[test]
    fn a_run_of_printable_octets_ends_where_it_should() {
        for octet in 0..=255 {
            for at in 0..24 {
                let mut octets = [b'x'; 24];
                octets[at] = octet;
                for behind in [b' ', b'~', 0, 0x80] {
                    octets[23] = if at < 23 { behind } else { octet };
                    let wanted = octets.iter().position(|octet| !is_printable(*octet)).unwrap_or(24);
                    assert_eq!(printable_run(&octets), wanted, "{octet}");
                }
            }
        }
    }
}
