//! What an EHLO reply announces (RFC 5321, 4.1.1.1), read octet by octet.
//!
//! Keywords are compared without case. Unknown words are skipped, however long. Nothing is kept but what the session
//! decides by. A masked keyword (`XXXXXXXA`) is none: it is only told of, where TLS is required.

use super::words::{self, Layout, NOTHING, START};
#[cfg(feature = "std")]
use crate::limits::Count;
use crate::limits::Size;

/// What a server may announce.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Capability {
    /// PIPELINING (RFC 2920).
    Pipelining,
    /// 8BITMIME (RFC 6152).
    EightBitMime,
    /// SIZE (RFC 1870).
    Size,
    /// Any AUTH line (RFC 4954), whatever it lists.
    Auth,
    /// AUTH PLAIN (RFC 4616).
    Plain,
    /// AUTH LOGIN.
    Login,
    /// STARTTLS (RFC 3207).
    #[cfg(feature = "complete")]
    StartTls,
    /// STARTTLS as a firewall masks it, in place.
    #[cfg(feature = "std")]
    MaskedStartTls,
    /// SMTPUTF8 (RFC 6531).
    #[cfg(feature = "std")]
    SmtpUtf8,
    /// DSN (RFC 3461).
    #[cfg(feature = "std")]
    Dsn,
    /// LIMITS (RFC 9422).
    #[cfg(feature = "std")]
    Limits,
    /// The limit MAILMAX.
    #[cfg(feature = "std")]
    MailMax,
    /// The limit RCPTMAX.
    #[cfg(feature = "std")]
    RcptMax,
    /// The limit RCPTDOMAINMAX.
    #[cfg(feature = "std")]
    RcptDomainMax,
    /// CHUNKING (RFC 3030).
    #[cfg(feature = "std")]
    Chunking,
    /// AUTH CRAM-MD5 (RFC 2195).
    #[cfg(feature = "std")]
    CramMd5,
    /// AUTH SCRAM-SHA-1 (RFC 5802).
    #[cfg(feature = "std")]
    ScramSha1,
    /// AUTH SCRAM-SHA-256 (RFC 7677).
    #[cfg(feature = "std")]
    ScramSha256,
    /// AUTH XOAUTH2.
    #[cfg(feature = "std")]
    XOAuth2,
    /// AUTH OAUTHBEARER (RFC 7628).
    #[cfg(feature = "std")]
    OAuthBearer,
}

/// Each capability as the EHLO reply has it: a keyword, or a keyword and one of its parameters.
const KNOWN: &[(&str, Capability)] = &[
    ("PIPELINING", Capability::Pipelining),
    ("8BITMIME", Capability::EightBitMime),
    ("SIZE", Capability::Size),
    ("AUTH", Capability::Auth),
    ("AUTH PLAIN", Capability::Plain),
    ("AUTH LOGIN", Capability::Login),
    #[cfg(feature = "complete")]
    ("STARTTLS", Capability::StartTls),
    #[cfg(feature = "std")]
    ("XXXXXXXA", Capability::MaskedStartTls),
    #[cfg(feature = "std")]
    ("SMTPUTF8", Capability::SmtpUtf8),
    #[cfg(feature = "std")]
    ("DSN", Capability::Dsn),
    #[cfg(feature = "std")]
    ("LIMITS", Capability::Limits),
    #[cfg(feature = "std")]
    ("LIMITS MAILMAX", Capability::MailMax),
    #[cfg(feature = "std")]
    ("LIMITS RCPTMAX", Capability::RcptMax),
    #[cfg(feature = "std")]
    ("LIMITS RCPTDOMAINMAX", Capability::RcptDomainMax),
    #[cfg(feature = "std")]
    ("CHUNKING", Capability::Chunking),
    #[cfg(feature = "std")]
    ("AUTH CRAM-MD5", Capability::CramMd5),
    #[cfg(feature = "std")]
    ("AUTH SCRAM-SHA-1", Capability::ScramSha1),
    #[cfg(feature = "std")]
    ("AUTH SCRAM-SHA-256", Capability::ScramSha256),
    #[cfg(feature = "std")]
    ("AUTH XOAUTH2", Capability::XOAuth2),
    #[cfg(feature = "std")]
    ("AUTH OAUTHBEARER", Capability::OAuthBearer),
];

const LAYOUT: Layout = Layout::of(&words_of::<{ KNOWN.len() }>(KNOWN));
static TREE: [u8; LAYOUT.length] = LAYOUT.tree();

/// Where the mechanisms behind AUTH begin.
const BEHIND_AUTH: u8 = LAYOUT.behind(Capability::Auth as u8);
/// Where the number behind SIZE begins.
const BEHIND_SIZE: u8 = LAYOUT.behind(Capability::Size as u8);
/// Where the names of limits begin.
#[cfg(feature = "std")]
const BEHIND_LIMITS: u8 = LAYOUT.behind(Capability::Limits as u8);

// Evaluated by the compiler.
#[allow(clippy::arithmetic_side_effects, clippy::indexing_slicing)]
const fn words_of<const N: usize>(known: &[(&'static str, Capability)]) -> [words::Word; N] {
    let mut words = [("", 0); N];
    let mut index = 0;
    while index < N {
        words[index] = (known[index].0, known[index].1 as u8);
        index += 1;
    }
    words
}

/// A set of capabilities; there is room for 32.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities(u32);

impl Capabilities {
    /// None.
    pub const NONE: Self = Self(0);
    /// The mechanism PLAIN.
    pub const PLAIN: Self = Self::of(&[Capability::Plain]);
    /// The mechanism LOGIN.
    pub const LOGIN: Self = Self::of(&[Capability::Login]);
    /// The mechanisms of a device.
    pub const MECHANISMS: Self = Self::of(&[Capability::Plain, Capability::Login]);
    /// The mechanisms that show the server nothing that it could log in with elsewhere.
    #[cfg(feature = "std")]
    pub const CHALLENGED: Self = Self::of(&[Capability::CramMd5, Capability::ScramSha1, Capability::ScramSha256]);
    /// The mechanisms whose password is a token.
    #[cfg(feature = "std")]
    pub const TOKENS: Self = Self::of(&[Capability::XOAuth2, Capability::OAuthBearer]);
    /// The mechanisms of a system that need no token.
    #[cfg(feature = "std")]
    pub const ANY: Self = Self::MECHANISMS.with(Self::CHALLENGED);

    /// These ones.
    pub const fn of(capabilities: &[Capability]) -> Self {
        let (mut set, mut rest) = (0, capabilities);
        while let [capability, others @ ..] = rest {
            set |= Self::bit(*capability as u8);
            rest = others;
        }
        Self(set)
    }

    /// Whether this one is among them.
    pub const fn has(self, capability: Capability) -> bool {
        self.0 & Self::bit(capability as u8) != 0
    }

    /// Whether there is none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Those that are in both sets.
    #[must_use]
    pub const fn both(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Those that are in either set.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Those that are not in the other set.
    #[cfg(feature = "std")]
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    const fn bit(value: u8) -> u32 {
        1u32.wrapping_shl(value as u32)
    }
}

/// What LIMITS says (RFC 9422); 0 where it does not say it.
#[cfg(feature = "std")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// The most transactions of a session.
    pub mails: Count,
    /// The most recipients of a transaction.
    pub recipients: Count,
    /// The most domains of a transaction's recipients.
    pub domains: Count,
}

#[cfg(feature = "std")]
impl Limits {
    const NONE: Self = Self {
        mails: 0,
        recipients: 0,
        domains: 0,
    };

    /// The limit with the name that ends at this node.
    fn named(&mut self, node: u8) -> Option<&mut Count> {
        let value = TREE.get(usize::from(words::next(&TREE, node, b' ')));
        match value {
            Some(value) if *value == Capability::MailMax as u8 => Some(&mut self.mails),
            Some(value) if *value == Capability::RcptMax as u8 => Some(&mut self.recipients),
            Some(value) if *value == Capability::RcptDomainMax as u8 => Some(&mut self.domains),
            _ => None,
        }
    }
}

/// Reads the text of the lines of one EHLO reply.
#[repr(C)]
pub struct Parser {
    found: Capabilities,
    size: Size,
    /// The node of the tree at which the next word of the line begins.
    list: u8,
    /// The node before the next octet of the current word; before its first one the same as `list`.
    node: u8,
    #[cfg(feature = "std")]
    limits: Limits,
    /// The node at which the name of the limit ends whose number is read.
    #[cfg(feature = "std")]
    limit: u8,
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
            found: Capabilities::NONE,
            size: 0,
            // The first line is the server's name and greeting.
            list: NOTHING,
            node: NOTHING,
            #[cfg(feature = "std")]
            limits: Limits::NONE,
            #[cfg(feature = "std")]
            limit: NOTHING,
        }
    }

    /// What the server announced.
    pub fn found(&self) -> Capabilities {
        self.found
    }

    /// Whether the server announced this.
    pub fn offers(&self, capability: Capability) -> bool {
        self.found.has(capability)
    }

    /// The limit of SIZE; 0 means no fixed limit, or one that is not said. A number too large for the type becomes its largest.
    pub fn size(&self) -> Option<Size> {
        self.offers(Capability::Size).then_some(self.size)
    }

    /// What LIMITS says.
    #[cfg(feature = "std")]
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// Drops what the server announced: after HELO none of it holds.
    pub fn forget(&mut self) {
        self.found = Capabilities::NONE;
        #[cfg(feature = "std")]
        {
            self.limits = Limits::NONE;
        }
    }

    /// Whether the current line is an AUTH line.
    pub fn in_auth_line(&self) -> bool {
        self.list == BEHIND_AUTH
    }

    /// Takes an octet of a line's text. `AUTH=LOGIN` is the old form of `AUTH LOGIN` and read as such.
    pub fn feed(&mut self, octet: u8) {
        if matches!(octet, b' ' | b'\t') || (octet == b'=' && self.list == START) {
            self.end_of_text();
        } else {
            match self.list {
                BEHIND_SIZE if cfg!(feature = "complete") => self.digit(octet),
                #[cfg(feature = "std")]
                BEHIND_LIMITS => self.feed_limits(octet),
                _ => self.feed_word(octet),
            }
        }
    }

    fn feed_word(&mut self, octet: u8) {
        self.node = words::next(&TREE, self.node, octet.to_ascii_uppercase());
    }

    /// Takes an octet of a LIMITS line.
    // Saves 700 instructions for a mail.
    #[cfg(feature = "std")]
    #[inline(never)]
    fn feed_limits(&mut self, octet: u8) {
        if !self.is_of_limit(octet) {
            self.feed_word(octet);
        }
    }

    /// Whether an octet in a LIMITS line is no part of a limit's name; it is taken then. Where it is no number, there is no limit.
    #[cfg(feature = "std")]
    fn is_of_limit(&mut self, octet: u8) -> bool {
        let begins = self.limit == NOTHING;
        if begins {
            if octet != b'=' {
                return false;
            }
            self.limit = self.node;
        }
        let Some(limit) = self.limits.named(self.limit) else {
            return true;
        };
        let value = octet.wrapping_sub(b'0');
        if begins {
            *limit = 0;
        } else if value <= 9 {
            *limit = limit.saturating_mul(10).saturating_add(Count::from(value));
        } else {
            *limit = 0;
            // An octet that ends no name.
            self.limit = BEHIND_LIMITS;
        }
        true
    }

    /// Takes an octet of the limit. If it is not a number, there is no limit.
    fn digit(&mut self, octet: u8) {
        if self.node == self.list {
            self.node = NOTHING;
            self.size = 0;
        }
        let value = octet.wrapping_sub(b'0');
        if value > 9 {
            self.size = 0;
            self.list = NOTHING;
        } else {
            self.size = self.size.saturating_mul(10).saturating_add(Size::from(value));
        }
    }

    /// Takes several octets of a line's text.
    pub fn feed_all(&mut self, octets: &[u8]) {
        // Nothing of such a line is looked at.
        if self.list == NOTHING {
            return;
        }
        for &octet in octets {
            self.feed(octet);
        }
    }

    /// Ends the last word of a line.
    pub fn end_of_text(&mut self) {
        if self.node == self.list {
            return;
        }
        let end = words::next(&TREE, self.node, b' ');
        let mut behind = NOTHING;
        if end != NOTHING {
            let value = TREE.get(usize::from(end)).map_or(0, |value| *value);
            self.found.0 |= Capabilities::bit(value);
            behind = end.wrapping_add(1);
        }
        if !self.in_list() {
            self.list = behind;
        }
        #[cfg(feature = "std")]
        {
            self.limit = NOTHING;
        }
        self.node = self.list;
    }

    /// Whether all words of the line stand in one list.
    #[cfg(feature = "std")]
    fn in_list(&self) -> bool {
        matches!(self.list, BEHIND_AUTH | BEHIND_LIMITS)
    }

    /// A device reads no LIMITS.
    #[cfg(not(feature = "std"))]
    fn in_list(&self) -> bool {
        self.list == BEHIND_AUTH
    }

    /// Begins the next line.
    pub fn next_line(&mut self) {
        (self.list, self.node) = (START, START);
    }
}

#[cfg(test)]
mod tests {
    use super::Capability::{Auth, EightBitMime, Login, Pipelining, Plain};
    use super::*;

    use std::vec::Vec;

    /// What was announced, in the order of [`Capability`].
    fn known_of(parser: &Parser) -> Vec<Capability> {
        let all = KNOWN.iter().map(|(_, capability)| *capability);
        all.filter(|capability| parser.offers(*capability)).collect()
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
        assert_eq!(
            known_of(&found),
            [
                Pipelining,
                EightBitMime,
                Capability::Size,
                Auth,
                Plain,
                Login,
                #[cfg(feature = "complete")]
                Capability::StartTls
            ]
        );
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
        assert_eq!(
            known_of(&found),
            [Pipelining, EightBitMime, Capability::Size, Auth, Plain]
        );
        assert_eq!(found.size(), Some(if cfg!(feature = "complete") { 5 } else { 0 }));
    }

    #[test]
    fn the_old_and_the_new_form_of_auth_are_united() {
        let found = parse(&["host", "AUTH=LOGIN", "AUTH PLAIN CRAM-MD5"]);
        let cram = [
            #[cfg(feature = "std")]
            Capability::CramMd5,
        ];
        assert_eq!(known_of(&found), [[Auth, Plain, Login].as_slice(), &cram].concat());
        let found = parse(&["host", "AUTH=LOGIN PLAIN"]);
        assert_eq!(known_of(&found), [Auth, Plain, Login]);
    }

    #[test]
    fn mechanisms_that_only_begin_alike_are_others() {
        let found = parse(&["host", "AUTH PLAIN-CLIENTTOKEN LOGINX NTLM"]);
        assert_eq!(known_of(&found), [Auth]);
    }

    #[cfg(feature = "std")]
    #[test]
    fn every_mechanism_of_a_system_is_known_in_either_case() {
        let found = parse(&[
            "host",
            "auth scram-sha-256 SCRAM-SHA-1 Cram-Md5 xoauth2 OAUTHBEARER LOGIN PLAIN",
        ]);
        let all = Capabilities::ANY.with(Capabilities::TOKENS);
        assert_eq!(found.found().both(all), all);
        for other in [
            "AUTH SCRAM-SHA-256-PLUS SCRAM-SHA-1-PLUS SCRAM-SHA-512 SCRAM-SHA-2 CRAM-MD",
            "AUTH XOAUTH XOAUTH22 OAUTHBEARERS SCRAM-SHA- SCRAM-SHA-25 DIGEST-MD5 NTLM",
        ] {
            assert_eq!(known_of(&parse(&["host", other])), [Auth], "{other}");
        }
    }

    #[test]
    fn the_first_line_is_no_capability() {
        assert_eq!(known_of(&parse(&["PIPELINING 8BITMIME"])), []);
    }

    #[test]
    fn masked_unknown_and_endless_words_are_skipped() {
        let long = "X".repeat(5000) + " PIPELINING";
        // One is known as what it hides, to be told of.
        let masked = known_of(&parse(&["host", "XXXXXXXA"]));
        assert_eq!(masked.len(), usize::from(cfg!(feature = "std")));
        for line in [
            "XXXXXXXB",
            "STARTTLSX",
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
            assert_eq!(known_of(&parse(&["host", line])), [], "{line:?}");
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
        assert_eq!(parse(&["host"]).size(), None);
    }

    #[cfg(feature = "complete")]
    #[test]
    fn a_size_that_does_not_fit_is_the_largest() {
        for number in [
            4_294_967_295,
            4_294_967_296,
            18_446_744_073_709_551_615,
            18_446_744_073_709_551_616,
            99_999_999_999_999_999_999_999_999u128,
        ] {
            let line = std::format!("SIZE {number}");
            let size = Size::try_from(number).unwrap_or(Size::MAX);
            assert_eq!(parse(&["host", &line]).size(), Some(size), "{number}");
        }
    }

    #[cfg(feature = "std")]
    fn limits(lines: &[&str]) -> [Count; 3] {
        let limits = parse(&[&["host"], lines].concat()).limits();
        [limits.mails, limits.recipients, limits.domains]
    }

    #[cfg(feature = "std")]
    #[test]
    fn limits_are_read_by_name_in_any_order_and_case() {
        assert_eq!(limits(&["LIMITS MAILMAX=20 RCPTMAX=100 RCPTDOMAINMAX=3"]), [20, 100, 3]);
        assert_eq!(limits(&["Limits  rcptdomainmax=7\tMailMax=1"]), [1, 0, 7]);
        assert_eq!(
            limits(&["LIMITS XMAX=4 RCPTMAX=5 RCPTMAXIMUM=6 RCPTMA=7 =8 MAILMAX"]),
            [0, 5, 0]
        );
        assert_eq!(limits(&["LIMITS", "SIZE 100", "PIPELINING"]), [0, 0, 0]);
        let found = parse(&["host", "LIMITS RCPTMAX=5", "PIPELINING", "SIZE 100"]);
        assert!(found.offers(Pipelining) && found.size() == Some(100));
    }

    #[cfg(feature = "std")]
    #[test]
    fn a_limit_that_is_no_number_is_none() {
        for value in ["", "many", "-5", "5k", "5 6x", "5=6", "0", "RCPTMAX=9", "\0"] {
            let wanted = if value.starts_with("5 ") { 5 } else { 0 };
            let line = std::format!("LIMITS MAILMAX={value}");
            assert_eq!(limits(&[&line])[0], wanted, "{value:?}");
        }
        assert_eq!(limits(&["LIMITS MAILMAX=99999999999999999999"]), [Count::MAX, 0, 0]);
        assert_eq!(limits(&["MAILMAX=5", "LIMITS=7", "LIMITSX MAILMAX=5"]), [0, 0, 0]);
        assert_eq!(limits(&["LIMITS MAILMAX=5", "LIMITS MAILMAX=x"]), [0, 0, 0]);
    }

    #[cfg(feature = "std")]
    #[test]
    fn after_helo_there_are_no_limits() {
        let mut parser = parse(&["host", "LIMITS MAILMAX=5"]);
        parser.forget();
        assert_eq!(parser.limits(), Limits::default());
    }
}
