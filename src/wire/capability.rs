//! What an EHLO reply announces (RFC 5321, 4.1.1.1), read word by word.
//!
//! Keywords are compared without case; words that are not known are skipped, however long; nothing of the list is kept
//! but what the session decides by. A masked keyword (`XXXXXXXA`) is an unknown one: nothing is inferred.

use crate::limits::EHLO_WORD_BYTES;

/// What the server can do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// PIPELINING (RFC 2920).
    pub pipelining: bool,
    /// 8BITMIME (RFC 6152).
    pub eight_bit_mime: bool,
    /// SIZE (RFC 1870): Some(0) is "no limit that it knows of". What does not fit is more than any mail of ours has.
    pub size: Option<u32>,
    /// Any AUTH line (RFC 4954), whatever it lists.
    pub auth: bool,
    /// AUTH PLAIN.
    pub auth_plain: bool,
    /// AUTH LOGIN.
    pub auth_login: bool,
}

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
    found: Capabilities,
    line: Line,
    word: [u8; EHLO_WORD_BYTES],
    length: usize,
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
            found: Capabilities {
                pipelining: false,
                eight_bit_mime: false,
                size: None,
                auth: false,
                auth_plain: false,
                auth_login: false,
            },
            line: Line::Greeting,
            word: [0; EHLO_WORD_BYTES],
            length: 0,
        }
    }

    /// What was found so far.
    pub fn capabilities(&self) -> Capabilities {
        self.found
    }

    /// Whether the current line is an AUTH line.
    pub fn in_auth_line(&self) -> bool {
        self.line == Line::Auth
    }

    /// Takes an octet of a line's text. `AUTH=LOGIN` is the old form of `AUTH LOGIN` and read as such.
    pub fn feed(&mut self, octet: u8) {
        let separates = match octet {
            b' ' | b'\t' => true,
            b'=' => self.line == Line::Keyword,
            _ => false,
        };
        if separates {
            self.end_of_word();
        } else {
            if let Some(place) = self.word.get_mut(self.length) {
                *place = octet;
            }
            self.length = self.length.saturating_add(1);
        }
    }

    /// Takes several octets of a line's text.
    pub fn feed_all(&mut self, octets: &[u8]) {
        for &octet in octets {
            self.feed(octet);
        }
    }

    /// Ends the last word of a line.
    pub fn end_of_text(&mut self) {
        self.end_of_word();
    }

    /// Begins the next line.
    pub fn next_line(&mut self) {
        self.line = Line::Keyword;
    }

    fn end_of_word(&mut self) {
        // A word that did not fit is none that we know.
        let word = self.word.get(..self.length).unwrap_or(b"?");
        if self.length == 0 {
            return;
        }
        let is = |name: &[u8]| word.eq_ignore_ascii_case(name);
        match self.line {
            Line::Greeting | Line::Other => {}
            Line::Keyword => {
                self.line = Line::Other;
                if is(b"PIPELINING") {
                    self.found.pipelining = true;
                } else if is(b"8BITMIME") {
                    self.found.eight_bit_mime = true;
                } else if is(b"SIZE") {
                    self.found.size = Some(self.found.size.unwrap_or(0));
                    self.line = Line::Size;
                } else if is(b"AUTH") {
                    self.found.auth = true;
                    self.line = Line::Auth;
                }
            }
            Line::Auth => {
                self.found.auth_plain |= is(b"PLAIN");
                self.found.auth_login |= is(b"LOGIN");
            }
            Line::Size => {
                self.found.size = Some(decimal(word).unwrap_or(0));
                self.line = Line::Other;
            }
        }
        self.length = 0;
    }
}

fn decimal(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0u32, |value, digit| {
        let digit = digit.checked_sub(b'0').filter(|digit| *digit < 10)?;
        Some(value.saturating_mul(10).saturating_add(u32::from(digit)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(lines: &[&str]) -> Capabilities {
        let mut parser = Parser::new();
        for line in lines {
            for octet in line.bytes() {
                parser.feed(octet);
            }
            parser.end_of_text();
            parser.next_line();
        }
        parser.capabilities()
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
        assert!(found.auth && found.auth_login && found.auth_plain);
        assert!(found.pipelining && found.eight_bit_mime);
        assert_eq!(found.size, Some(26_000_000));
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
        assert!(found.pipelining && found.auth_plain && found.eight_bit_mime && !found.auth_login);
        assert_eq!(found.size, Some(5));
    }

    #[test]
    fn the_old_and_the_new_form_of_auth_are_united() {
        let found = parse(&["host", "AUTH=LOGIN", "AUTH PLAIN CRAM-MD5"]);
        assert!(found.auth_login && found.auth_plain);
        let found = parse(&["host", "AUTH=LOGIN PLAIN"]);
        assert!(found.auth_login && found.auth_plain);
    }

    #[test]
    fn mechanisms_that_only_begin_alike_are_others() {
        let found = parse(&["host", "AUTH PLAIN-CLIENTTOKEN LOGINX NTLM"]);
        assert!(found.auth && !found.auth_plain && !found.auth_login);
    }

    #[test]
    fn the_first_line_is_no_capability() {
        assert_eq!(parse(&["PIPELINING 8BITMIME"]), Capabilities::default());
    }

    #[test]
    fn masked_unknown_and_endless_words_are_skipped() {
        let long = "X".repeat(5000) + " PIPELINING";
        assert_eq!(
            parse(&["host", "XXXXXXXA", "XPIPELINING", &long]),
            Capabilities::default()
        );
    }

    #[test]
    fn a_size_that_is_no_number_is_no_limit() {
        assert_eq!(parse(&["host", "SIZE"]).size, Some(0));
        assert_eq!(parse(&["host", "SIZE many"]).size, Some(0));
        assert_eq!(parse(&["host", "SIZE 99999999999999999999999999"]).size, Some(0));
        assert_eq!(parse(&["host", "SIZE 4294967295"]).size, Some(u32::MAX));
        assert_eq!(parse(&["host", "SIZE 4294967296"]).size, Some(u32::MAX));
        assert_eq!(parse(&["host", "SIZE 18446744073709551615"]).size, Some(u32::MAX));
        assert_eq!(parse(&["host"]).size, None);
    }
}
