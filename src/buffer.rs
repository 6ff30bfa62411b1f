//! The lent buffer: where commands, headers and text are written to.
//!
//! Nothing here owns memory. A [`Window`] shows a part of what is written to it: whoever writes a command writes it
//! whole, every time, and the window keeps the octets from `from` on, as many as fit. That makes every command
//! resumable with one number, however small the caller's buffer is, and a window on nothing counts.

use core::num::NonZeroU32;

use crate::limits::{HEADER_LINE_BYTES, Size};
#[cfg(fast)]
use crate::octets;

/// Something that takes the octets of a text.
pub trait Sink {
    /// Octets that it takes without losing one.
    fn room(&self) -> usize;

    /// Takes an octet.
    fn put(&mut self, octet: u8);

    /// Takes several octets. Behind a line feed in them there is no dot.
    fn put_all(&mut self, octets: &[u8]) {
        for octet in octets {
            self.put(*octet);
        }
    }
}

/// Positions are modular: one above this is negative, and the window has not begun.
const FAR: usize = usize::MAX / 2;

/// A view of `out.len()` octets, from the octet number `from` on, of what is written to it.
pub struct Window<'b> {
    out: &'b mut [u8],
    /// Where in `out` the next octet belongs; negative, in two's complement, while the window has not begun.
    at: usize,
    line_start: usize,
    /// For [`crate::base64`]: what was put last, and how many of its bits have no digit yet.
    pub(crate) bits: u32,
    pub(crate) waiting: u32,
}

/// How much was written to a window, and where its line begins.
#[derive(Clone, Copy)]
pub struct Mark(usize, usize);

impl<'b> Window<'b> {
    /// A window that keeps the octets `from .. from + out.len()`.
    pub fn new(out: &'b mut [u8], from: usize) -> Self {
        let at = from.wrapping_neg();
        Self {
            out,
            at,
            line_start: at,
            bits: 0,
            waiting: 0,
        }
    }

    /// A window that keeps nothing and counts: it begins behind everything.
    pub fn counting() -> Window<'static> {
        Window::new(&mut [], FAR)
    }

    /// What a window that counts has counted.
    pub fn written(&self) -> usize {
        self.at.wrapping_add(FAR)
    }

    /// A window that keeps nothing, and has room for so many octets: to see how much fits.
    #[cfg(feature = "std")]
    pub fn measuring(room: usize) -> Window<'static> {
        Window::new(&mut [], room)
    }

    /// Octets written from the beginning of the window on, kept or not.
    fn reached(&self) -> usize {
        if self.at > FAR { 0 } else { self.at }
    }

    /// Octets kept in the buffer.
    pub fn kept(&self) -> usize {
        self.reached().min(self.out.len())
    }

    /// What was kept since so many octets were ([`Window::kept`]).
    pub fn since(&self, before: usize) -> &[u8] {
        self.out.get(before..self.kept()).unwrap_or(&[])
    }

    /// Keeps nothing of what was written.
    pub fn forget(&mut self) {
        self.at = 0;
    }

    /// Whether the last octet written is kept, too (or lies before the window).
    pub fn complete(&self) -> bool {
        self.reached() <= self.out.len()
    }

    /// Octets written since [`Window::end_line`].
    pub fn column(&self) -> usize {
        self.at.wrapping_sub(self.line_start)
    }

    /// Remembers what is written so far.
    pub fn mark(&self) -> Mark {
        Mark(self.at, self.line_start)
    }

    /// Takes back what was written since the mark.
    pub fn take_back(&mut self, mark: Mark) {
        (self.at, self.line_start) = (mark.0, mark.1);
    }

    /// Ends a line of a header.
    // Saves 568 bytes.
    #[cfg_attr(fast, inline(never))]
    pub fn end_line(&mut self) {
        self.put(b'\r');
        self.put(b'\n');
        self.line_start = self.at;
    }

    /// Writes whole lines of a header.
    #[cfg(feature = "std")]
    pub fn put_lines(&mut self, lines: &[u8]) {
        self.put_all(lines);
        self.line_start = self.at;
    }

    /// Writes the blank behind which a header may be folded: on a new line where `length` octets, the blank among them,
    /// do not fit any more.
    pub fn fold(&mut self, length: usize) {
        if self.column().wrapping_add(length) > HEADER_LINE_BYTES {
            self.end_line();
        }
        self.put(b' ');
    }

    /// Octets that it keeps without losing one.
    pub fn room(&self) -> usize {
        // Of a window that has not begun, what is before it, too.
        match self.out.len().wrapping_sub(self.at) {
            room @ ..=FAR => room,
            _ => 0,
        }
    }

    /// Writes octets: one after the other, which is the smaller code.
    #[cfg(not(fast))]
    pub fn put_all(&mut self, octets: &[u8]) {
        for octet in octets {
            self.put(*octet);
        }
    }

    /// Writes octets: all at once, which is the faster code.
    // Saves 1,700 bytes.
    #[cfg(fast)]
    #[inline(never)]
    pub fn put_all(&mut self, octets: &[u8]) {
        let space = self.out.get_mut(self.at..);
        match space.and_then(|space| space.get_mut(..octets.len())) {
            Some(space) => {
                octets::copy(space, octets);
                self.at = self.at.wrapping_add(octets.len());
            }
            None => self.put_part(octets),
        }
    }

    /// The same where not all of them are kept.
    #[cfg(fast)]
    #[inline(never)]
    fn put_part(&mut self, octets: &[u8]) {
        let before = if self.at > FAR { self.at.wrapping_neg() } else { 0 };
        let shown = octets.get(before..).unwrap_or(&[]);
        let space = self.out.get_mut(self.reached()..).unwrap_or(&mut []);
        octets::copy(space, shown);
        self.at = self.at.wrapping_add(octets.len());
    }

    /// The same as [`Window::put_all`], for what a mail seldom needs.
    pub fn put_seldom(&mut self, octets: &[u8]) {
        self.put_all(octets);
    }

    /// Writes a number in decimal.
    #[cfg(not(feature = "std"))]
    pub fn decimal(&mut self, number: Size) {
        self.digits(number, DECIMAL, 1);
    }

    /// Writes a number in decimal: all digits at once, which is the faster code.
    #[cfg(feature = "std")]
    pub fn decimal(&mut self, number: Size) {
        if number < 10 {
            return self.put(hex_digit(u32::try_from(number).unwrap_or(0)));
        }
        let (mut digits, mut rest) = ([0; 20], number);
        let mut first = digits.len();
        for (at, digit) in digits.iter_mut().enumerate().rev() {
            *digit = hex_digit(u32::try_from(rest % 10).unwrap_or(0));
            (first, rest) = (at, rest / 10);
            if rest == 0 {
                break;
            }
        }
        self.put_all(digits.get(first..).unwrap_or(&[]));
    }

    /// Writes an octet.
    // Saves 108 bytes.
    #[cfg_attr(not(fast), inline(never))]
    pub fn put(&mut self, octet: u8) {
        if let Some(kept) = self.out.get_mut(self.at) {
            *kept = octet;
        }
        self.at = self.at.wrapping_add(1);
    }

    /// Writes a number to a base up to 16, lower case: at least as many digits as `least` has bits.
    pub fn digits(&mut self, number: u32, base: NonZeroU32, least: u32) {
        let (before, digit) = (number / base, number % base);
        if before | least >> 1 > 0 {
            self.digits(before, base, least >> 1);
        }
        self.put(hex_digit(digit));
    }
}

/// The base of numbers for people.
pub const DECIMAL: NonZeroU32 = NonZeroU32::MIN.saturating_add(9);

/// The base of numbers that nobody reads.
pub const HEXADECIMAL: NonZeroU32 = NonZeroU32::MIN.saturating_add(15);

/// The lower-case digit of a value below 16.
pub fn hex_digit(value: u32) -> u8 {
    let [digit, ..] = value.to_le_bytes();
    match digit {
        0..10 => digit.wrapping_add(b'0'),
        _ => digit.wrapping_add(b'a' - 10),
    }
}

impl Sink for Window<'_> {
    fn room(&self) -> usize {
        Window::room(self)
    }

    fn put(&mut self, octet: u8) {
        Window::put(self, octet);
    }

    fn put_all(&mut self, octets: &[u8]) {
        Window::put_all(self, octets);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(window: &mut Window<'_>) {
        window.put_all(b"RCPT TO:<");
        window.put_all(b"a@b");
        window.put(b'>');
        window.put_all(b"\r\n");
    }

    #[test]
    fn windows_of_any_size_laid_side_by_side_show_the_whole() {
        let whole = b"RCPT TO:<a@b>\r\n";
        for size in 1..20 {
            let mut all = std::vec::Vec::new();
            loop {
                let mut piece = std::vec![0u8; size];
                let mut window = Window::new(&mut piece, all.len());
                write(&mut window);
                let (kept, complete) = (window.kept(), window.complete());
                all.extend_from_slice(&piece[..kept]);
                if complete {
                    break;
                }
                assert_eq!(kept, size);
            }
            assert_eq!(all, whole);
        }
    }

    #[test]
    fn counting_keeps_nothing() {
        let mut window = Window::counting();
        write(&mut window);
        assert_eq!((window.written(), window.kept()), (15, 0));
    }

    #[test]
    fn the_column_starts_anew_with_a_line() {
        let mut buffer = [0u8; 64];
        let mut window = Window::new(&mut buffer, 0);
        window.put_all(b"one");
        assert_eq!(window.column(), 3);
        window.end_line();
        assert_eq!(window.column(), 0);
        #[cfg(feature = "std")]
        {
            window.put_lines(b"two\r\nthree\r\n");
            assert_eq!((window.column(), window.kept()), (0, 17));
        }
    }

    #[test]
    fn numbers_are_written_in_full() {
        let mut buffer = [0u8; 64];
        let mut window = Window::new(&mut buffer, 0);
        window.decimal(0);
        window.put(b' ');
        window.decimal(u32::MAX.into());
        window.put(b' ');
        window.digits(0xA5, HEXADECIMAL, 0b1000);
        window.put(b' ');
        window.digits(7, DECIMAL, 0b10);
        let kept = window.kept();
        assert_eq!(&buffer[..kept], b"0 4294967295 00a5 07");
    }
}
