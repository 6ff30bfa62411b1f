//! What a session is to do: settings and mail, lent by whoever owns them.

use crate::buffer::Window;
use crate::limits::LIMITS;
use crate::message::header::Nonce;
use crate::wire::capability::Capabilities;
use crate::wire::literal::Address;

/// One list of the texts of a configuration makes all of these: [`Field`], [`Fields`], and an accessor of [`Settings`] for each.
macro_rules! fields {
    ($($(#[$doc:meta])* $field:ident, $name:ident;)*) => {
        /// A text of a configuration: its position in [`Settings::texts`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Field {
            $($(#[$doc])* $field,)*
        }

        /// How many texts a configuration has.
        pub const TEXTS: usize = [$(Field::$field),*].len();

        /// The texts by name; what was not configured is empty.
        #[derive(Clone, Copy)]
        pub struct Fields<'a> {
            $($(#[$doc])* pub $name: &'a [u8],)*
        }

        impl<'a> Fields<'a> {
            /// No text.
            pub const NONE: Self = Self { $($name: &[]),* };

            /// The same for [`Settings::texts`].
            pub const fn in_order(self) -> [&'a [u8]; TEXTS] {
                [$(self.$name),*]
            }
        }

        impl<'a> Settings<'a> {
            $(
                $(#[$doc])*
                pub fn $name(&self) -> &'a [u8] {
                    self.text(Field::$field)
                }
            )*
        }
    };
}

fields! {
    /// The user name.
    Username, username;
    /// The password.
    Password, password;
    /// The sender's mailbox.
    Sender, sender;
    /// The charset of text that is not UTF-8.
    Charset, charset;
    /// The sender's display name.
    SenderName, sender_name;
    /// The argument of EHLO; where it is empty, our address.
    EhloName, ehlo_name;
}

/// Writes a display name, with the charset of bytes that are not UTF-8.
pub type Phrase = fn(&[u8], &[u8], &mut Window<'_>);

/// The part of a configuration that the conversation needs. All of it is valid: [`crate::client::settings`] checks it.
// In this order: near the beginning small things are reached with shorter instructions.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Settings<'a> {
    /// The mechanisms that may be used to log in; none: no login.
    pub mechanisms: Capabilities,
    /// Whether to use PIPELINING where it is offered.
    pub pipelining: bool,
    /// How the sender's display name is written, where there is one: [`crate::message::word::write_phrase`]. A program that
    /// configures none is linked without it.
    pub phrase: Option<Phrase>,
    /// Its texts, in the order of [`Field`]: in one array, so that one loop copies them.
    pub texts: [&'a [u8]; TEXTS],
    /// How long each part may take, in the order of [`crate::limits::Limit`]; 0 is what RFC 5321 says.
    pub limits: [u32; LIMITS],
    /// Where the server listens: for who makes the connection. [`Address::NONE`] where that is told elsewhere.
    pub server: Address,
}

impl<'a> Settings<'a> {
    /// No login, no texts.
    pub const NONE: Self = Self {
        texts: [&[]; TEXTS],
        mechanisms: Capabilities::NONE,
        pipelining: true,
        phrase: None,
        limits: [0; LIMITS],
        server: Address::NONE,
    };

    /// A text.
    pub fn text(&self, field: Field) -> &'a [u8] {
        self.texts.get(field as usize).copied().unwrap_or(&[])
    }

    /// Replaces a text.
    pub fn set_text(&mut self, field: Field, text: &'a [u8]) {
        if let Some(old) = self.texts.get_mut(field as usize) {
            *old = text;
        }
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
        settings.set_text(Field::Password, b"secret");
        assert_eq!(std::format!("{settings:?}"), "Settings(..)");
    }

    #[test]
    fn each_text_is_found_by_its_name() {
        let mut settings = Settings {
            texts: Fields {
                sender: b"a@b",
                ehlo_name: b"host",
                ..Fields::NONE
            }
            .in_order(),
            ..Settings::NONE
        };
        settings.set_text(Field::Charset, b"iso-8859-2");
        assert_eq!(settings.texts, [&b""[..], b"", b"a@b", b"iso-8859-2", b"", b"host"]);
        assert_eq!(
            (settings.sender(), settings.charset()),
            (&b"a@b"[..], &b"iso-8859-2"[..])
        );
        assert_eq!((settings.username(), settings.sender_name()), (&b""[..], &b""[..]));
        assert_eq!(settings.text(Field::EhloName), settings.ehlo_name());
    }
}
