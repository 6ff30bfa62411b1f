//! What an EHLO reply announces (RFC 5321, 4.1.1.1), read word by word.
//!
//! Keywords are compared without case; words that are not known are skipped, however long; nothing of the list is kept
//! but what the session decides by. A masked keyword (`XXXXXXXA`) is an unknown one: nothing is inferred.

use crate::octets::list;

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

// The words that are known, in the order of their bits: keywords, and behind an empty one, which ends them, mechanisms.
list! {
    known: "PIPELINING", "8BITMIME", "SIZE", "AUTH", "", "PLAIN", "LOGIN",
}

/// More than the longest word has, and than a number has that fits.
const WORD_BYTES: usize = 11;

// What is read next in a line: a word of the list, from the one with this number, counted from 1; or nothing, or a limit.
const NOTHING: u8 = 0;
const KEYWORD: u8 = 1;
const MECHANISMS: u8 = 6;
const LIMIT: u8 = 8;

/// Reads the text of the lines of one EHLO reply.
pub struct Parser {
    size: u32,
    line: u8,
    found: u8,
    /// Octets of the current word, as many as are kept.
    length: u8,
    word: [u8; WORD_BYTES],
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
            // The reply's first line is the server's name and greeting.
            line: NOTHING,
            found: 0,
            length: 0,
            word: [0; WORD_BYTES],
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
    #[cfg_attr(not(feature = "std"), inline(never))]
    pub fn feed(&mut self, octet: u8) {
        if matches!(octet, b' ' | b'\t') || (octet == b'=' && self.line == KEYWORD) {
            self.end_of_text();
        } else if let Some(place) = self.word.get_mut(usize::from(self.length)) {
            *place = octet;
            self.length = self.length.wrapping_add(1);
        }
    }

    /// Takes several octets of a line's text.
    pub fn feed_all(&mut self, octets: &[u8]) {
        // Nothing of such a line is looked at.
        if !matches!(self.line, KEYWORD | LIMIT | MECHANISMS) {
            return;
        }
        for &octet in octets {
            self.feed(octet);
        }
    }

    /// Ends the last word of a line.
    #[cfg_attr(not(feature = "std"), inline(never))]
    pub fn end_of_text(&mut self) {
        let length = usize::from(core::mem::take(&mut self.length));
        let word = self.word.get(..length).unwrap_or(&[]);
        if word.is_empty() {
            return;
        }
        let line = self.line;
        if cfg!(feature = "complete") && line == LIMIT {
            self.size = number(word);
            self.line = NOTHING;
            return;
        }
        let mut at = line.wrapping_sub(KEYWORD);
        while let known @ [_, ..] = known(usize::from(at)) {
            if known.eq_ignore_ascii_case(word) {
                break;
            }
            at = at.wrapping_add(1);
        }
        // A word that is none sets a bit that nobody asks for.
        let bit = 1u8.wrapping_shl(u32::from(at));
        self.found |= bit;
        if line == KEYWORD {
            self.line = match bit {
                SIZE => LIMIT,
                AUTH => MECHANISMS,
                _ => NOTHING,
            };
        }
    }

    /// Begins the next line.
    pub fn next_line(&mut self) {
        self.line = KEYWORD;
    }
}

/// The value of digits; 0 of what is no number, and the largest of what may be too large.
fn number(digits: &[u8]) -> u32 {
    let mut number = 0u32;
    for octet in digits {
        let value = octet.wrapping_sub(b'0');
        if value > 9 {
            return 0;
        }
        number = number.wrapping_mul(10).wrapping_add(u32::from(value));
    }
    if digits.len() > 9 { u32::MAX } else { number }
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
