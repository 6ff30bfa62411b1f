//! The lent buffer: where commands, headers and text are written to.
//!
//! Nothing here owns memory. A [`Window`] shows a part of what is written to it: whoever writes a command writes it
//! whole, every time, and the window keeps the octets from `from` on, as many as fit. That makes every command
//! resumable with one number, however small the caller's buffer is, and a window on nothing counts.

/// Something that takes octets.
pub trait Sink {
    /// Takes one octet.
    fn put(&mut self, octet: u8);

    /// Octets that it takes without losing one.
    fn room(&self) -> usize;

    /// Takes several octets, of which at most the last is a line feed.
    fn put_all(&mut self, octets: &[u8]);
}

/// A view of `out.len()` octets, from the octet number `from` on, of what is written to it.
pub struct Window<'b> {
    out: &'b mut [u8],
    from: usize,
    written: usize,
    line_start: usize,
}

impl<'b> Window<'b> {
    /// A window that keeps the octets `from .. from + out.len()`.
    pub fn new(out: &'b mut [u8], from: usize) -> Self {
        Self {
            out,
            from,
            written: 0,
            line_start: 0,
        }
    }

    /// A window that keeps nothing and counts.
    pub fn counting() -> Window<'static> {
        Window::new(&mut [], 0)
    }

    /// All that was written, kept or not.
    pub fn written(&self) -> usize {
        self.written
    }

    /// Octets kept in the buffer.
    pub fn kept(&self) -> usize {
        self.written.saturating_sub(self.from).min(self.out.len())
    }

    /// Whether the last octet written is kept, too (or lies before the window).
    pub fn complete(&self) -> bool {
        self.written.saturating_sub(self.from) <= self.out.len()
    }

    /// Octets written since [`Window::end_line`].
    pub fn column(&self) -> usize {
        self.written.saturating_sub(self.line_start)
    }

    /// Ends a line of a header.
    pub fn end_line(&mut self) {
        self.put_all(b"\r\n");
        self.line_start = self.written;
    }

    /// Writes a number in decimal.
    pub fn decimal(&mut self, number: u64) {
        self.digits(number, 10, 1);
    }

    /// Writes a number with at least `width` digits to the base 10 or 16, lower case.
    pub fn digits(&mut self, number: u64, base: u64, width: usize) {
        let mut digits = [0u8; 20];
        let mut rest = number;
        let mut length = 0usize;
        for place in digits.iter_mut().rev() {
            let digit = rest.checked_rem(base).unwrap_or(0);
            rest = rest.checked_div(base).unwrap_or(0);
            *place = hex_digit(digit);
            length = length.wrapping_add(1);
            if rest == 0 && length >= width {
                break;
            }
        }
        let start = digits.len().saturating_sub(length);
        self.put_all(digits.get(start..).unwrap_or(&[]));
    }
}

/// The two hexadecimal digits of an octet.
pub fn hex(octet: u8) -> [u8; 2] {
    [hex_digit(u64::from(octet >> 4)), hex_digit(u64::from(octet))]
}

/// The lower-case digit of a value below 16.
fn hex_digit(value: u64) -> u8 {
    b"0123456789abcdef"
        .get(usize::try_from(value & 15).unwrap_or(0))
        .copied()
        .unwrap_or(b'0')
}

impl Sink for Window<'_> {
    fn put(&mut self, octet: u8) {
        if let Some(at) = self.written.checked_sub(self.from) {
            if let Some(place) = self.out.get_mut(at) {
                *place = octet;
            }
        }
        self.written = self.written.wrapping_add(1);
    }

    fn room(&self) -> usize {
        self.from.saturating_add(self.out.len()).saturating_sub(self.written)
    }

    fn put_all(&mut self, octets: &[u8]) {
        let before = self.from.saturating_sub(self.written);
        let shown = octets.get(before..).unwrap_or(&[]);
        let at = self.written.saturating_sub(self.from);
        self.written = self.written.wrapping_add(octets.len());
        let space = self.out.get_mut(at..).unwrap_or(&mut []);
        let length = shown.len().min(space.len());
        if let (Some(space), Some(shown)) = (space.get_mut(..length), shown.get(..length)) {
            space.copy_from_slice(shown);
        }
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
        assert_eq!((window.written(), window.kept(), window.complete()), (15, 0, false));
    }

    #[test]
    fn the_column_starts_anew_with_a_line() {
        let mut buffer = [0u8; 64];
        let mut window = Window::new(&mut buffer, 0);
        window.put_all(b"one");
        assert_eq!(window.column(), 3);
        window.end_line();
        assert_eq!(window.column(), 0);
    }

    #[test]
    fn numbers_are_written_in_full() {
        let mut buffer = [0u8; 64];
        let mut window = Window::new(&mut buffer, 0);
        window.decimal(0);
        window.put(b' ');
        window.decimal(u64::MAX);
        window.put(b' ');
        window.digits(0xA5, 16, 4);
        window.put(b' ');
        window.digits(7, 10, 2);
        let kept = window.kept();
        assert_eq!(&buffer[..kept], b"0 18446744073709551615 00a5 07");
    }
}
