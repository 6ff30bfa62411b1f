//! What a session is to do: settings and mail, lent by whoever owns them.

use crate::auth::{Allowed, Credentials};
use crate::limits::Timeouts;

/// How to log in.
#[derive(Clone, Copy, Debug)]
pub struct Login<'a> {
    /// The mechanisms that may be used.
    pub allowed: Allowed,
    /// User name and password.
    pub credentials: Credentials<'a>,
}

/// The part of a configuration that the conversation needs. All of it is valid: [`crate::client::settings`] checks it.
#[derive(Clone, Copy, Debug)]
pub struct Settings<'a> {
    /// Whether and how to log in.
    pub login: Option<Login<'a>>,
    /// The sender's mailbox.
    pub sender: &'a [u8],
    /// The sender's display name, or nothing.
    pub sender_name: &'a [u8],
    /// What EHLO says; our address where there is none.
    pub ehlo_name: Option<&'a [u8]>,
    /// The charset of bytes that are not UTF-8.
    pub charset: &'a [u8],
    /// How long everything may take.
    pub timeouts: Timeouts,
    /// Whether to use PIPELINING where it is offered.
    pub pipelining: bool,
}

/// The text of a mail.
#[derive(Clone, Copy, Debug)]
pub enum Text<'a> {
    /// All of it, with every call. How it is sent follows from what is in it.
    Whole(&'a [u8]),
    /// A part of a text that its owner makes while it is sent: [`super::Session::wants_text`] says which part is wanted.
    /// Nobody has seen all of such a text, so it goes as quoted-printable, without its size.
    Piece {
        /// These octets of the text.
        octets: &'a [u8],
        /// Where in the text they begin; an offset that was wanted, or one before it.
        from: usize,
        /// The text ends with them.
        last: bool,
        /// The text is UTF-8, else in the configured charset; the same for each piece. It is checked on the way.
        utf8: bool,
    },
}

/// The mail.
#[derive(Clone, Copy, Debug)]
pub struct Mail<'a> {
    /// A list of mailboxes ([`crate::wire::address::is_list`]).
    pub recipients: &'a [u8],
    /// The subject, in one line.
    pub subject: &'a [u8],
    /// The text.
    pub text: Text<'a>,
    /// The time for Date, in seconds since 1970, where there is a clock.
    pub date: Option<u64>,
    /// 128 random bits for the Message-ID; without them there is none, so that a device without random numbers repeats
    /// none.
    pub nonce: Option<[u8; 16]>,
}

/// What to do: send the mail, or without one see how far it would come (a probe).
#[derive(Clone, Copy, Debug)]
pub struct Job<'a> {
    /// The settings.
    pub settings: Settings<'a>,
    /// The mail.
    pub mail: Option<Mail<'a>>,
}
