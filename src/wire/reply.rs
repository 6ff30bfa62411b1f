//! The reply reader (RFC 5321, 4.2): one for every step, fed octet by octet.
//!
//! It takes what real servers send: any segmentation, several lines, a last line of three digits alone, lines that end with
//! a bare LF, octets that are not printable. Where the lines of a reply have different codes, the last refusal (4yz, 5yz)
//! counts; without one the last line does. Empty lines before a reply are skipped. After a line that refuses, lines without
//! a code are taken as more of its text: the reply stays a refusal.
//!
//! A reply is bounded, the empty lines before it included. The beginning of its text is kept, as printable ASCII.

#[cfg(feature = "std")]
use super::delayed::{DelayedRefusal, Refused};
use super::relay::RelayRefusal;
use crate::limits::{REPLY_BYTES, REPLY_TEXT_BYTES};
use crate::octets::{copy, is_printable, printable, printable_run, wipe};

/// What an octet was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// A part of a code, or of a line's end: nothing to do yet.
    Pending,
    /// An octet of a line's text.
    Text,
    /// A line ended, and more lines follow.
    Line,
    /// The reply is complete: [`Reader::code`] and [`Reader::text`] hold it.
    Reply,
    /// What makes this no SMTP reply; do not read on.
    Broken,
}

/// What the next octet of a line is, in the order of the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
enum Expected {
    FirstDigit,
    SecondDigit,
    ThirdDigit,
    /// A hyphen, a blank, or the line's end.
    Separator,
    /// Text of the reply's last line.
    LastText,
    /// Text of a line that others follow.
    Text,
}

/// The reader. The text is the last field: the fields before it are reached with shorter instructions.
#[repr(C)]
pub struct Reader {
    /// The kept text is not changed any more.
    held: bool,
    expected: Expected,
    /// The code of the lines that have ended; 0 before.
    code: u16,
    line_code: u16,
    /// Octets of the reply so far.
    total: u16,
    relay: RelayRefusal,
    #[cfg(feature = "std")]
    delayed: DelayedRefusal,
    /// Octets of the kept text.
    length: u8,
    /// Octets of the kept text before the current line.
    before_line: u8,
    text: [u8; REPLY_TEXT_BYTES],
}

const _: () = assert!(REPLY_TEXT_BYTES <= u8::MAX as usize);

impl Default for Reader {
    fn default() -> Self {
        Self::new()
    }
}

impl Reader {
    /// A reader at the beginning of a reply.
    pub const fn new() -> Self {
        Self {
            total: 0,
            length: 0,
            before_line: 0,
            line_code: 0,
            code: 0,
            expected: Expected::FirstDigit,
            held: false,
            relay: RelayRefusal::new(),
            #[cfg(feature = "std")]
            delayed: DelayedRefusal::NONE,
            text: [0; REPLY_TEXT_BYTES],
        }
    }

    /// The code of the complete reply.
    pub fn code(&self) -> u16 {
        self.code
    }

    /// The beginning of the complete reply's text: printable ASCII, its lines joined with blanks.
    pub fn text(&self) -> &[u8] {
        self.text.get(..usize::from(self.length)).unwrap_or(&[])
    }

    /// Whether nothing of a reply has come yet, but for empty lines.
    pub fn idle(&self) -> bool {
        self.expected == Expected::FirstDigit && self.code == 0
    }

    /// Whether the complete reply refuses to relay, anywhere in its text.
    pub fn refuses_to_relay(&self) -> bool {
        self.relay.found()
    }

    /// What the complete reply refuses, where it is something that was said before.
    #[cfg(feature = "std")]
    pub fn refuses_late(&self) -> Option<Refused> {
        self.delayed.found()
    }

    /// Takes octets of a line's text up to the first that is not printable, and returns how many: the same as
    /// [`Reader::feed`] for each of them. 0 where no text is expected.
    pub fn take_text(&mut self, octets: &[u8]) -> usize {
        // At the end of a line there is none: what comes there are CR and LF.
        match octets {
            [octet, ..] if self.expected >= Expected::LastText && is_printable(*octet) => self.take_run(octets),
            _ => 0,
        }
    }

    fn take_run(&mut self, octets: &[u8]) -> usize {
        let most = usize::from(REPLY_BYTES.wrapping_sub(self.total));
        let octets = octets.get(..most).unwrap_or(octets);
        let length = printable_run(octets);
        let run = octets.get(..length).unwrap_or(&[]);
        self.total = self.total.saturating_add(u16::try_from(length).unwrap_or(0));
        self.look_for_relaying(run);
        if !self.held {
            let space = self.text.get_mut(usize::from(self.length)..).unwrap_or(&mut []);
            let copied = u8::try_from(copy(space, run)).unwrap_or(0);
            self.length = self.length.wrapping_add(copied);
        }
        length
    }

    fn look_for_relaying(&mut self, text: &[u8]) {
        if self.line_code >= 400 {
            for &octet in text {
                self.look_at(octet);
            }
        }
    }

    /// Looks at an octet of a refusal's text.
    fn look_at(&mut self, octet: u8) {
        self.relay.feed(octet);
        #[cfg(feature = "std")]
        self.delayed.feed(octet);
    }

    /// Keeps the text as it is now: what follows is read, and its text is dropped.
    pub fn hold_text(&mut self) {
        self.held = true;
    }

    /// Whether it is kept so.
    pub fn is_held(&self) -> bool {
        self.held
    }

    /// Keeps the text of replies again.
    pub fn release_text(&mut self) {
        self.held = false;
        self.length = 0;
    }

    /// Drops the text of the current (or just ended) line.
    pub fn forget_line(&mut self) {
        self.length = self.before_line;
    }

    /// Drops the kept text, and leaves nothing of it in memory.
    pub fn wipe_text(&mut self) {
        if cfg!(fast) {
            self.text.fill(0);
            // Else the compiler may leave the filling out, since nothing reads the text.
            core::hint::black_box(&self.text);
        } else {
            wipe(&mut self.text);
        }
        self.length = 0;
        self.before_line = 0;
    }

    /// The kept text, to be changed.
    pub fn text_mut(&mut self) -> &mut [u8] {
        self.text.get_mut(..usize::from(self.length)).unwrap_or(&mut [])
    }

    /// Adds words of the server's, as printable ASCII, to the kept text, as many as there is room for.
    #[cfg(feature = "std")]
    pub fn add_text(&mut self, words: &[u8]) {
        if words.is_empty() {
            return;
        }
        while self.text().ends_with(b" ") {
            self.length = self.length.wrapping_sub(1);
        }
        let dash: &[u8] = if self.length == 0 { b"" } else { b" - " };
        for octet in dash.iter().chain(words) {
            self.keep_octet(*octet);
        }
    }

    /// The code of the line that is being read.
    pub fn line_code(&self) -> u16 {
        self.line_code
    }

    /// Takes one octet.
    // About 100 bytes less than inlined.
    #[cfg_attr(not(fast), inline(never))]
    pub fn feed(&mut self, octet: u8) -> Progress {
        self.total = self.total.wrapping_add(1);
        if self.total == 0 {
            // One more than REPLY_BYTES.
            return Progress::Broken;
        }
        // Only LF ends a line: CRs are skipped.
        if octet == b'\r' || octet == b'\n' && self.idle() {
            return Progress::Pending;
        }
        if self.expected <= Expected::Separator {
            if !self.is_of_code(octet) {
                if self.code < 400 {
                    return Progress::Broken;
                }
                self.line_code = self.code;
                self.expected = Expected::Text;
            } else if octet != b'\n' {
                return Progress::Pending;
            }
        }
        if octet == b'\n' {
            return self.end_of_line();
        }
        if self.line_code >= 400 {
            self.look_at(octet);
        }
        self.keep_octet(octet);
        Progress::Text
    }

    /// Takes a digit of a line's code, or the separator behind it; false where the octet is neither.
    fn is_of_code(&mut self, octet: u8) -> bool {
        if self.expected == Expected::Separator {
            if !matches!(self.line_code, 100..=599) {
                return false;
            }
            self.expected = match octet {
                b'-' => Expected::Text,
                b' ' | b'\n' => Expected::LastText,
                _ => return false,
            };
            self.forget_line();
            return true;
        }
        if self.expected == Expected::FirstDigit {
            self.begin_line();
        }
        let value = octet.wrapping_sub(b'0');
        if value > 9 {
            return false;
        }
        // Until the code is whole it may be text of a line without a code, which only follows a refusal (the check saves time).
        if !cfg!(fast) || self.code >= 400 {
            self.keep_octet(octet);
        }
        self.line_code = self.line_code.wrapping_mul(10).wrapping_add(u16::from(value));
        self.expected = match self.expected {
            Expected::FirstDigit => Expected::SecondDigit,
            Expected::SecondDigit => Expected::ThirdDigit,
            Expected::ThirdDigit => Expected::Separator,
            other => other,
        };
        true
    }

    fn begin_line(&mut self) {
        self.line_code = 0;
        if self.code == 0 && !self.held {
            self.length = 0;
        } else if !matches!(self.text(), [] | [.., b' ']) {
            self.keep_octet(b' ');
        }
        self.before_line = self.length;
    }

    fn keep_octet(&mut self, octet: u8) {
        if let Some(kept) = self.text.get_mut(usize::from(self.length)).filter(|_| !self.held) {
            *kept = printable(octet);
            self.length = self.length.wrapping_add(1);
        }
    }

    fn end_of_line(&mut self) -> Progress {
        // The last refusal counts; without one, the last line.
        if self.line_code >= 400 {
            self.relay.feed(b' ');
            #[cfg(feature = "std")]
            self.delayed.end_of_line();
            self.code = self.line_code;
        } else if self.code < 400 {
            self.code = self.line_code;
        }
        let more = self.expected == Expected::Text;
        self.expected = Expected::FirstDigit;
        if more { Progress::Line } else { Progress::Reply }
    }

    /// Begins the next reply; the text stays readable until its first octet.
    pub fn next_reply(&mut self) {
        self.expected = Expected::FirstDigit;
        self.code = 0;
        self.line_code = 0;
        self.total = 0;
        self.relay = RelayRefusal::new();
        #[cfg(feature = "std")]
        {
            self.delayed = DelayedRefusal::NONE;
        }
    }
}

/// The enhanced status code (RFC 3463) that a text begins with: class, subject, detail; or zeros.
pub fn enhanced_status_code(text: &[u8]) -> [u32; 3] {
    let code = packed_status_code(text);
    [code >> 20, code >> 10 & 1023, code & 1023]
}

/// The same as one number: ten bits for each of the three.
fn packed_status_code(text: &[u8]) -> u32 {
    if !matches!(text, [b'2' | b'4' | b'5', b'.', ..]) {
        return 0;
    }
    let (mut code, mut number, mut digits) = (0u32, 0u32, 0u32);
    let mut octets = text.iter();
    loop {
        // At the end as if a blank followed.
        let octet = octets.next().map_or(b' ', |octet| *octet);
        if octet.is_ascii_digit() && digits < 3 {
            number = number.wrapping_mul(10).wrapping_add(u32::from(octet & 15));
            digits = digits.wrapping_add(1);
            continue;
        }
        code = code << 10 | number;
        let whole = code > 0xF_FFFF;
        // A blank ends it; so does a NUL.
        let ends = if whole { octet <= b' ' } else { octet == b'.' };
        if digits == 0 || !ends {
            return 0;
        }
        if whole {
            return code;
        }
        (number, digits) = (0, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::{String, ToString};
    use std::vec::Vec;

    /// Feeds all and returns (code, text) of each complete reply; None at the end when it broke.
    fn read(input: &[u8]) -> Vec<Option<(u16, String)>> {
        let by_octet = read_with(input, false);
        assert_eq!(by_octet, read_with(input, true));
        by_octet
    }

    fn read_with(mut input: &[u8], runs: bool) -> Vec<Option<(u16, String)>> {
        let mut reader = Reader::new();
        let mut replies = Vec::new();
        while let Some((&octet, rest)) = input.split_first() {
            let taken = if runs { reader.take_text(input) } else { 0 };
            if taken > 0 {
                input = &input[taken..];
                continue;
            }
            input = rest;
            match reader.feed(octet) {
                Progress::Reply => {
                    let text = String::from_utf8(reader.text().to_vec()).unwrap();
                    replies.push(Some((reader.code(), text)));
                    reader.next_reply();
                }
                Progress::Broken => {
                    replies.push(None);
                    break;
                }
                _ => {}
            }
        }
        replies
    }

    fn one(code: u16, text: &str) -> Vec<Option<(u16, String)>> {
        std::vec![Some((code, text.to_string()))]
    }

    #[test]
    fn a_reply_of_one_line_is_read() {
        assert_eq!(read(b"250 2.1.0 Ok\r\n"), one(250, "2.1.0 Ok"));
    }

    #[test]
    fn three_digits_alone_are_a_reply() {
        assert_eq!(read(b"250\r\n"), one(250, ""));
        assert_eq!(read(b"250\n"), one(250, ""));
        assert_eq!(read(b"250 \r\n"), one(250, ""));
    }

    #[test]
    fn several_lines_are_one_reply() {
        assert_eq!(read(b"220-one\r\n220-\r\n220 two\r\n"), one(220, "one two"));
        assert_eq!(read(b"220-one\r\n220\r\n"), one(220, "one "));
    }

    #[test]
    fn a_bare_line_feed_ends_a_line() {
        assert_eq!(read(b"250-a\n250 b\n"), one(250, "a b"));
    }

    #[test]
    fn two_replies_in_one_segment_are_two() {
        let both = read(b"250 a\r\n354 b\r\n");
        assert_eq!(both, [one(250, "a"), one(354, "b")].concat());
    }

    #[test]
    fn the_last_refusal_counts_and_without_one_the_last_line() {
        assert_eq!(read(b"220-hello\r\n521 no mail\r\n")[0].as_ref().unwrap().0, 521);
        assert_eq!(read(b"521-no mail\r\n220 hello\r\n")[0].as_ref().unwrap().0, 521);
        assert_eq!(read(b"450-x\r\n550 y\r\n")[0].as_ref().unwrap().0, 550);
        assert_eq!(read(b"250-x\r\n251 y\r\n")[0].as_ref().unwrap().0, 251);
    }

    #[test]
    fn other_lines_are_not_a_reply() {
        for input in [
            &b"hello\r\n"[..],
            b"25\r\n",
            b"2500 x\r\n",
            b"650 x\r\n",
            b"050 x\r\n",
            b"250x\r\n",
            b"250\rx",
            b"\x16\x03\x01\x02\x00",
            b" 250 x\r\n",
            b"250-a\r\nxyz\r\n",
            b"250-a\r\n\r\n250 b\r\n",
            b"250-a\r\n25\r\n",
            b"xyz\r\n550 a\r\n",
            b"\r\nxyz\r\n",
        ] {
            assert_eq!(read(input).last(), Some(&None), "{input:?}");
        }
    }

    #[test]
    fn empty_lines_before_a_reply_are_skipped() {
        assert_eq!(
            read(b"\r\n250 a\r\n\n\r\r\n354-b\n354 c\n\r\n"),
            [one(250, "a"), one(354, "b c")].concat()
        );
        let mut reader = Reader::new();
        for octet in *b"\r\n\n" {
            assert_eq!(reader.feed(octet), Progress::Pending);
            assert!(reader.idle());
        }
        reader.feed(b'2');
        assert!(!reader.idle());
        let mut reader = Reader::new();
        let skipped = (0..=REPLY_BYTES)
            .take_while(|_| reader.feed(b'\n') == Progress::Pending)
            .count();
        assert_eq!(skipped, usize::from(REPLY_BYTES));
    }

    #[test]
    fn a_line_without_a_code_belongs_to_the_refusal_before_it() {
        for (line, text) in [
            ("text", "text"),
            ("", ""),
            ("5 apples", "5 apples"),
            ("55", "55"),
            ("5500 x", "5500 x"),
            ("650 x", "650 x"),
            ("550x", "550x"),
            ("550\rx", "550x"),
            ("-", "-"),
            ("\tx", " x"),
        ] {
            for (last, behind) in [("550 end", "end"), ("550", ""), ("250 end", "end")] {
                let input = std::format!("550-no\r\n{line}\r\n{last}\r\n250 next\r\n");
                let replies = read(input.as_bytes());
                assert_eq!(replies.len(), 2, "{input:?}");
                let (code, kept) = replies[0].as_ref().unwrap();
                let blank = if text.is_empty() { "" } else { " " };
                let wanted = std::format!("no {text}{blank}{behind}");
                assert_eq!((*code, kept.as_str()), (550, wanted.as_str()), "{input:?}");
                assert_eq!(replies[1], Some((250, "next".to_string())));
            }
        }
        // A refusal behind another line.
        assert_eq!(read(b"250-a\n450-b\nc\n250 d\n"), one(450, "a b c d"));
    }

    #[test]
    fn octets_that_are_not_printable_are_replaced() {
        assert_eq!(read(b"550 a\x1b[31m\tb\x00\xc3\xa9\x7f\r\n"), one(550, "a?[31m b????"));
    }

    #[test]
    fn an_endless_line_is_bounded_and_so_is_the_kept_text() {
        let mut reader = Reader::new();
        let (mut fed, most) = (0u32, u32::from(REPLY_BYTES));
        loop {
            let octet = match fed {
                0..=2 => b'2',
                3 => b' ',
                _ => b'x',
            };
            if reader.feed(octet) == Progress::Broken {
                break;
            }
            fed += 1;
            assert!(fed <= most);
        }
        assert_eq!(fed, most);
        assert_eq!(reader.text().len(), REPLY_TEXT_BYTES);
    }

    #[test]
    fn endlessly_many_lines_are_bounded() {
        let mut reader = Reader::new();
        let line = b"250-x\r\n";
        let broken = (0..2 * usize::from(REPLY_BYTES)).any(|at| reader.feed(line[at % line.len()]) == Progress::Broken);
        assert!(broken);
    }

    #[test]
    fn enhanced_status_codes_are_recognised() {
        assert_eq!(enhanced_status_code(b"5.7.1 no"), [5, 7, 1]);
        assert_eq!(enhanced_status_code(b"2.0.0"), [2, 0, 0]);
        assert_eq!(enhanced_status_code(b"4.123.999 x"), [4, 123, 999]);
        for text in [
            "",
            "5.7 x",
            "5.7.1.2 x",
            "3.1.1 x",
            "5.7.1x",
            "5.1234.1 x",
            "192.168.1 x",
            "5..1 x",
        ] {
            assert_eq!(enhanced_status_code(text.as_bytes()), [0; 3], "{text}");
        }
    }
}
