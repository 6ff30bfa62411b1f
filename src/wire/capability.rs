//! What an EHLO reply announces (RFC 5321, 4.1.1.1), read word by word.
//!
//! Keywords are compared without case; words that are not known are skipped, however long; nothing of the list is kept
//! but what the session decides by. A masked keyword (`XXXXXXXA`) is an unknown one: nothing is inferred.

/// PIPELINING (RFC 2920).
pub const PIPELINING: u8 = 1;
/// 8BITMIME (RFC 6152).
pub const EIGHT_BIT_MIME: u8 = 2;
/// SIZE (RFC 1870).
pub const SIZE: u8 = 4;
/// Any AUTH line (RFC 4954), whatever it lists.
pub const AUTH: u8 = 8;
/// AUTH PLAIN.
pub const PLAIN: u8 = 16;
/// AUTH LOGIN.
pub const LOGIN: u8 = 32;

/// The words that are known, behind each its bit. Those that may stand in the same place differ in the first letter.
const WORDS: &[u8; 42] = b"PIPELINING\x018BITMIME\x02SIZE\x04AUTH\x08PLAIN\x10LOGIN\x20";

/// Beyond all words.
const UNKNOWN: u8 = u8::MAX;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Line {
    /// The reply's first line: the server's name and greeting.
    Greeting,
    /// Before or within the keyword.
    Keyword,
    /// Behind AUTH.
    Auth,
    /// Behind SIZE.
    Size,
    /// Behind anything else.
    Other,
}

/// Reads the text of the lines of one EHLO reply.
pub struct Parser {
    size: u32,
    line: Line,
    found: u8,
    /// The current word is, as far as it goes, the one before this place in [`WORDS`]; 0 before its first octet.
    place: u8,
}

impl Default for Parser {
    fn default() -> Self {
        Self::new()
    }
}

impl Parser {
    /// A parser before the reply's first line.
    pub const fn new() -> Self {
        Self {
            size: 0,
            line: Line::Greeting,
            found: 0,
            place: 0,
        }
    }

    /// Whether the server announced this word.
    pub fn offers(&self, word: u8) -> bool {
        self.found & word != 0
    }

    /// The limit of SIZE: 0 is "no limit that it knows of". One that does not fit is more than any mail of ours has.
    pub fn size(&self) -> Option<u32> {
        self.offers(SIZE).then_some(self.size)
    }

    /// Drops what the server announced: it is not greeted like that.
    pub fn forget(&mut self) {
        self.found = 0;
    }

    /// Whether the current line is an AUTH line.
    pub fn in_auth_line(&self) -> bool {
        self.line == Line::Auth
    }

    /// Takes an octet of a line's text. `AUTH=LOGIN` is the old form of `AUTH LOGIN` and read as such.
    pub fn feed(&mut self, octet: u8) {
        match (octet, self.line) {
            (_, Line::Greeting | Line::Other) => {}
            (b' ' | b'\t', _) | (b'=', Line::Keyword) => self.end_of_text(),
            (_, Line::Size) => self.digit(octet),
            _ => self.letter(octet.to_ascii_uppercase()),
        }
    }

    /// Takes several octets of a line's text.
    pub fn feed_all(&mut self, octets: &[u8]) {
        for &octet in octets {
            self.feed(octet);
        }
    }

    fn digit(&mut self, octet: u8) {
        let value = octet.wrapping_sub(b'0');
        self.size = match self.size {
            // No number, no limit.
            _ if value > 9 => {
                self.line = Line::Other;
                0
            }
            _ if self.place == 0 => u32::from(value),
            before if before >= u32::MAX / 10 => u32::MAX,
            before => before.wrapping_mul(10).wrapping_add(u32::from(value)),
        };
        self.place = UNKNOWN;
    }

    fn letter(&mut self, letter: u8) {
        self.place = match (self.place, self.line, letter) {
            (0, Line::Keyword, b'P') => 1,
            (0, Line::Keyword, b'8') => 12,
            (0, Line::Keyword, b'S') => 21,
            (0, Line::Keyword, b'A') => 26,
            (0, Line::Auth, b'P') => 31,
            (0, Line::Auth, b'L') => 37,
            // What is no letter might be a bit.
            (1.., _, b'!'..) if WORDS.get(usize::from(self.place)) == Some(&letter) => self.place.wrapping_add(1),
            _ => UNKNOWN,
        };
    }

    /// Ends the last word of a line.
    pub fn end_of_text(&mut self) {
        if self.place == 0 {
            return;
        }
        // A letter is no word's end.
        let ended = WORDS.get(usize::from(self.place)).filter(|bit| **bit <= LOGIN);
        let word = ended.copied().unwrap_or(0);
        self.place = 0;
        self.found |= word;
        self.line = match (word, self.line) {
            (SIZE, _) => Line::Size,
            (AUTH, _) | (_, Line::Auth) => Line::Auth,
            _ => Line::Other,
        };
    }

    /// Begins the next line.
    pub fn next_line(&mut self) {
        self.line = Line::Keyword;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(lines: &[&str]) -> Parser {
        let mut parser = Parser::new();
        for line in lines {
            for octet in line.bytes() {
                parser.feed(octet);
            }
            parser.end_of_text();
            parser.next_line();
        }
        parser
    }

    #[test]
    fn the_reply_of_june_2018_is_understood() {
        let found = parse(&[
            "Email.smtp-server-domain.cz - bla bla bla ESMTP",
            "AUTH LOGIN PLAIN",
            "8BITMIME",
            "PIPELINING",
            "SIZE 26000000",
            "ENHANCEDSTATUSCODES",
            "STARTTLS",
            "X-SZNEXTENSIONS",
        ]);
        assert_eq!(found.found, PIPELINING | EIGHT_BIT_MIME | SIZE | AUTH | PLAIN | LOGIN);
        assert_eq!(found.size(), Some(26_000_000));
    }

    #[test]
    fn case_blanks_and_empty_lines_do_not_matter() {
        let found = parse(&[
            "host",
            "",
            "  pipelining  ",
            "Auth   pLaIn",
            "8bitMIME ",
            "size\t5",
            " ",
        ]);
        assert_eq!(found.found, PIPELINING | EIGHT_BIT_MIME | SIZE | AUTH | PLAIN);
        assert_eq!(found.size(), Some(5));
    }

    #[test]
    fn the_old_and_the_new_form_of_auth_are_united() {
        let found = parse(&["host", "AUTH=LOGIN", "AUTH PLAIN CRAM-MD5"]);
        assert_eq!(found.found, AUTH | PLAIN | LOGIN);
        let found = parse(&["host", "AUTH=LOGIN PLAIN"]);
        assert_eq!(found.found, AUTH | PLAIN | LOGIN);
    }

    #[test]
    fn mechanisms_that_only_begin_alike_are_others() {
        let found = parse(&["host", "AUTH PLAIN-CLIENTTOKEN LOGINX NTLM"]);
        assert_eq!(found.found, AUTH);
    }

    #[test]
    fn the_first_line_is_no_capability() {
        assert_eq!(parse(&["PIPELINING 8BITMIME"]).found, 0);
    }

    #[test]
    fn masked_unknown_and_endless_words_are_skipped() {
        let long = "X".repeat(5000) + " PIPELINING";
        for line in [
            "XXXXXXXA",
            "XPIPELINING",
            "PIPELININGX",
            "PIPELININ",
            "8BITMIM",
            "SIZEX",
            "AUT",
            "PLAIN",
            "SIZE\0",
            "\0",
            "AUTH\0\u{ff}",
            &long,
        ] {
            assert_eq!(parse(&["host", line]).found, 0, "{line:?}");
        }
    }

    #[test]
    fn a_size_that_is_no_number_is_no_limit() {
        assert_eq!(parse(&["host", "SIZE"]).size(), Some(0));
        assert_eq!(parse(&["host", "SIZE many"]).size(), Some(0));
        assert_eq!(parse(&["host", "SIZE 5k"]).size(), Some(0));
        assert_eq!(parse(&["host", "SIZE 5 6"]).size(), Some(5));
        assert_eq!(parse(&["host", "SIZE 5", "SIZE"]).size(), Some(5));
        assert_eq!(parse(&["host", "SIZE 5", "SIZE 60"]).size(), Some(60));
        assert_eq!(
            parse(&["host", "SIZE 99999999999999999999999999"]).size(),
            Some(u32::MAX)
        );
        assert_eq!(parse(&["host", "SIZE 4294967295"]).size(), Some(u32::MAX));
        assert_eq!(parse(&["host", "SIZE 4294967296"]).size(), Some(u32::MAX));
        assert_eq!(parse(&["host", "SIZE 18446744073709551615"]).size(), Some(u32::MAX));
        assert_eq!(parse(&["host"]).size(), None);
    }
}
