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

/// The mail.
#[derive(Clone, Copy, Debug)]
pub struct Mail<'a> {
    /// A list of mailboxes ([`crate::wire::address::is_list`]).
    pub recipients: &'a [u8],
    /// The subject, in one line.
    pub subject: &'a [u8],
    /// The text.
    pub text: &'a [u8],
    /// The time for Date, in seconds since 1970, where there is a clock.
    pub date: Option<u64>,
    /// 128 random bits for the Message-ID.
    pub nonce: [u8; 16],
}

/// What to do: send the mail, or without one see how far it would come (a probe).
#[derive(Clone, Copy, Debug)]
pub struct Job<'a> {
    /// The settings.
    pub settings: Settings<'a>,
    /// The mail.
    pub mail: Option<Mail<'a>>,
}
