//! What a session is to do: settings and mail, lent by whoever owns them.

use crate::buffer::Window;
use crate::limits::LIMITS;
use crate::message::header::Nonce;
use crate::wire::literal::Address;

/// The user name: where it stands in [`Settings::texts`].
pub const USERNAME: usize = 0;
/// The password.
pub const PASSWORD: usize = 1;
/// The sender's mailbox.
pub const SENDER: usize = 2;
/// The charset of bytes that are not UTF-8.
pub const CHARSET: usize = 3;
/// The sender's display name, or nothing.
pub const SENDER_NAME: usize = 4;
/// What EHLO says; our address where it is nothing.
pub const EHLO_NAME: usize = 5;
/// How many texts there are.
pub const TEXTS: usize = 6;

/// Writes a display name, with the charset of bytes that are not UTF-8.
pub type Phrase = fn(&[u8], &[u8], &mut Window<'_>);

/// The part of a configuration that the conversation needs. All of it is valid: [`crate::client::settings`] checks it.
// In this order: near the beginning small things are reached with shorter instructions.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Settings<'a> {
    /// The mechanisms that may be used to log in, as [`crate::wire::capability`] has them; 0: no login.
    pub mechanisms: u8,
    /// Whether to use PIPELINING where it is offered.
    pub pipelining: bool,
    /// How the sender's display name is written, where there is one: [`crate::message::word::write_phrase`]. A program that configures none has nothing of it.
    pub phrase: Option<Phrase>,
    /// Its texts: in one array, so that one loop copies them.
    pub texts: [&'a [u8]; TEXTS],
    /// How long each part may take, in the order of [`crate::limits::Timeouts`]; 0 is what RFC 5321 says.
    pub limits: [u32; LIMITS],
    /// Where the server listens: for who makes the connection. [`Address::NONE`] where that is told elsewhere.
    pub server: Address,
}

impl<'a> Settings<'a> {
    /// No login, no texts.
    pub const NONE: Self = Self {
        texts: [&[]; TEXTS],
        mechanisms: 0,
        pipelining: true,
        phrase: None,
        limits: [0; LIMITS],
        server: Address::NONE,
    };

    /// The sender's mailbox.
    pub fn sender(&self) -> &'a [u8] {
        let [_, _, sender, ..] = self.texts;
        sender
    }
}

/// There is a password among the texts: they are never printed.
impl core::fmt::Debug for Settings<'_> {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter.write_str("Settings(..)")
    }
}

/// The text of a mail, or a part of one that its owner makes while it is sent: [`super::Session::wants_text`] says which part
/// is wanted.
#[derive(Clone, Copy, Debug)]
pub struct Text<'a> {
    /// These octets of the text.
    pub octets: &'a [u8],
    /// Where in the text they begin; an offset that was wanted, or one before it.
    pub from: usize,
    /// The text ends with them.
    pub last: bool,
    /// The text comes in pieces; the same for each of them. Nobody has seen all of such a text, so it goes as
    /// quoted-printable, without its size. Of a whole text it follows from what is in it how it is sent.
    pub pieces: bool,
    /// A text in pieces is UTF-8, else in the configured charset; the same for each piece. Who makes them looks that they are.
    pub utf8: bool,
}

impl<'a> Text<'a> {
    /// A text of which all is at hand, with every call.
    pub fn whole(octets: &'a [u8]) -> Self {
        Self {
            octets,
            from: 0,
            last: true,
            pieces: false,
            utf8: false,
        }
    }

    /// A text in pieces, of which there is none yet.
    pub fn in_pieces(utf8: bool) -> Self {
        Self {
            octets: &[],
            from: 0,
            last: false,
            pieces: true,
            utf8,
        }
    }
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
    /// The time for Date, in seconds since 1970; 0 without a clock.
    pub date: u32,
    /// 128 random bits for the Message-ID; without them there is none, so that a device without random numbers repeats
    /// none.
    pub nonce: Option<Nonce>,
}

/// What to do: send the mail, or without one see how far it would come (a probe).
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Job<'a> {
    /// The settings.
    pub settings: Settings<'a>,
    /// The mail.
    pub mail: Option<Mail<'a>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_credentials() {
        let mut settings = Settings::NONE;
        settings.texts[PASSWORD] = b"secret";
        assert_eq!(std::format!("{settings:?}"), "Settings(..)");
        settings.texts[SENDER] = b"a@b";
        assert_eq!(settings.sender(), b"a@b");
    }
}
