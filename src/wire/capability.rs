//! What an EHLO reply announces (RFC 5321, 4.1.1.1), read octet by octet.
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
pub const PLAIN: u8 = 32;
/// AUTH LOGIN.
pub const LOGIN: u8 = 64;

/// The words that are known, walked along as they come: keywords, and then mechanisms. Behind each word its bit is named by a
/// small letter, which no word has, and [`END`] stands before and behind each list.
static KNOWN: [u8; 45] = *b"hPIPELININGa8BITMIMEbSIZEcAUTHdhPLAINfLOGINgh";

/// A bit that nobody asks for: that of words which are not known.
const END: u8 = b'h';

// What is read next in a line: one of the known words, from this place on; or a limit, which stands behind all of them.
const NOTHING: u8 = 0;
const KEYWORD: u8 = 1;
const MECHANISMS: u8 = 32;
const LIMIT: u8 = 45;

/// Reads the text of the lines of one EHLO reply.
#[repr(C)]
pub struct Parser {
    found: u8,
    line: u8,
    /// Where the current word stands among the known ones; as `line` says before its first octet.
    place: u8,
    size: u32,
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
            found: 0,
            // The reply's first line is the server's name and greeting.
            line: NOTHING,
            place: NOTHING,
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
        self.line == MECHANISMS
    }

    /// Takes an octet of a line's text. `AUTH=LOGIN` is the old form of `AUTH LOGIN` and read as such.
    #[cfg_attr(not(fast), inline(never))]
    pub fn feed(&mut self, octet: u8) {
        if matches!(octet, b' ' | b'\t') || (octet == b'=' && self.line == KEYWORD) {
            self.end_of_text();
        } else if cfg!(feature = "complete") && self.line == LIMIT {
            self.digit(octet);
        } else {
            self.letter(octet.to_ascii_uppercase());
        }
    }

    /// Takes a digit of the limit: one that does not fit is the largest, and what is no number is none.
    fn digit(&mut self, octet: u8) {
        if self.place == LIMIT {
            self.place = LIMIT + 1;
            self.size = 0;
        }
        let value = octet.wrapping_sub(b'0');
        if value > 9 {
            self.size = 0;
            (self.line, self.place) = (NOTHING, NOTHING);
        } else {
            self.size = self.size.saturating_mul(10).saturating_add(u32::from(value));
        }
    }

    /// Takes an octet of a word, in upper case.
    fn letter(&mut self, octet: u8) {
        let mut place = self.place;
        // With its first octet it may be each word of the list; no two of them begin with the same one.
        let begins = place == self.line;
        let mut before = END;
        self.place = NOTHING;
        while let Some(known) = KNOWN.get(usize::from(place)) {
            place = place.wrapping_add(1);
            if *known == octet && before >= b'a' {
                self.place = place;
                return;
            }
            if *known == END || !begins {
                return;
            }
            before = *known;
        }
    }

    /// Takes several octets of a line's text.
    pub fn feed_all(&mut self, octets: &[u8]) {
        // Nothing of such a line is looked at.
        if self.line == NOTHING {
            return;
        }
        for &octet in octets {
            self.feed(octet);
        }
    }

    /// Ends the last word of a line.
    #[cfg_attr(not(fast), inline(never))]
    pub fn end_of_text(&mut self) {
        if self.place == self.line {
            return;
        }
        // The first octets of a known word are an unknown one.
        let named = KNOWN.get(usize::from(self.place)).map_or(END, |known| *known);
        let bit = 1u8.wrapping_shl(u32::from(named.wrapping_sub(b'a').min(END - b'a')));
        self.found |= bit;
        if self.line != MECHANISMS {
            self.line = match bit {
                SIZE if cfg!(feature = "complete") => LIMIT,
                AUTH => MECHANISMS,
                _ => NOTHING,
            };
        }
        self.place = self.line;
    }

    /// Begins the next line.
    pub fn next_line(&mut self) {
        (self.line, self.place) = (KEYWORD, KEYWORD);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: u8 = PIPELINING | EIGHT_BIT_MIME | SIZE | AUTH | PLAIN | LOGIN;

    fn known_of(parser: &Parser) -> u8 {
        parser.found & ALL
    }

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
        assert_eq!(known_of(&found), ALL);
        assert_eq!(
            found.size(),
            Some(if cfg!(feature = "complete") { 26_000_000 } else { 0 })
        );
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
        assert_eq!(known_of(&found), PIPELINING | EIGHT_BIT_MIME | SIZE | AUTH | PLAIN);
        assert_eq!(found.size(), Some(if cfg!(feature = "complete") { 5 } else { 0 }));
    }

    #[test]
    fn the_old_and_the_new_form_of_auth_are_united() {
        let found = parse(&["host", "AUTH=LOGIN", "AUTH PLAIN CRAM-MD5"]);
        assert_eq!(known_of(&found), AUTH | PLAIN | LOGIN);
        let found = parse(&["host", "AUTH=LOGIN PLAIN"]);
        assert_eq!(known_of(&found), AUTH | PLAIN | LOGIN);
    }

    #[test]
    fn mechanisms_that_only_begin_alike_are_others() {
        let found = parse(&["host", "AUTH PLAIN-CLIENTTOKEN LOGINX NTLM"]);
        assert_eq!(known_of(&found), AUTH);
    }

    #[test]
    fn the_first_line_is_no_capability() {
        assert_eq!(known_of(&parse(&["PIPELINING 8BITMIME"])), 0);
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
            assert_eq!(known_of(&parse(&["host", line])), 0, "{line:?}");
        }
    }

    #[cfg(feature = "complete")]
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
