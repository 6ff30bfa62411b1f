//! What a session is to do: settings and mail, lent by whoever owns them.

#[cfg(feature = "std")]
pub use super::parameters::Parameters;
use crate::auth::Credentials;
#[cfg(feature = "std")]
use crate::buffer::Window;
use crate::limits::{Count, LIMITS};
pub use crate::message::date::Date;
#[cfg(feature = "std")]
pub use crate::message::header::More;
pub use crate::message::header::Phrase;
use crate::message::header::{self, Nonce};
#[cfg(feature = "std")]
use crate::message::part::Form;
use crate::message::plan::Plan;
#[cfg(feature = "std")]
use crate::message::survey::Survey;
pub use crate::message::text::Text;
use crate::wire::address::List;
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

/// Whether TLS begins with STARTTLS (RFC 3207).
#[cfg(feature = "complete")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// It does not: there is none, or what carries the session has begun it.
    None,
    /// It does, or nothing is sent.
    Required,
    /// It does where the server offers it.
    Opportunistic,
}

/// The part of a configuration that the conversation needs. All of it is valid: [`crate::client::settings`] checks it.
// In this order: near the beginning small things are reached with shorter instructions.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Settings<'a> {
    /// The mechanisms that may be used to log in; none: no login.
    pub mechanisms: Capabilities,
    /// Whether to use PIPELINING where it is offered.
    pub pipelining: bool,
    /// Whether to use CHUNKING where it is offered, and PIPELINING with it.
    #[cfg(feature = "std")]
    pub chunking: bool,
    /// Whether STARTTLS begins TLS.
    #[cfg(feature = "complete")]
    pub security: Security,
    /// They come of the devices' own function, which has the devices' codes only: for who tells the result.
    pub device: bool,
    /// How the sender's display name is written, where there is one: [`crate::message::word::write_phrase`], which is linked only
    /// into programs that can configure one.
    pub phrase: Option<Phrase>,
    /// Its texts, in the order of [`Field`]: in one array, so that one loop copies them.
    pub texts: [&'a [u8]; TEXTS],
    /// How long each part may take, in the order of [`crate::limits::Limit`]; 0 is what RFC 5321 says.
    pub limits: [u32; LIMITS],
    /// Where the server listens: for who makes the connection. [`Address::NONE`] where that is told elsewhere.
    pub server: Address,
    /// What only a system has for a login.
    #[cfg(feature = "std")]
    pub login: Login<'a>,
}

/// How a system logs in.
#[cfg(feature = "std")]
#[derive(Clone, Copy)]
pub struct Login<'a> {
    /// PLAIN and LOGIN are said over verified TLS only.
    pub guarded: bool,
    /// TLS, as soon as there is one, verifies the server.
    pub verified: bool,
    /// User name and password as SCRAM has them (RFC 4013), where they differ from those that are configured.
    pub prepared: Option<[&'a [u8]; 2]>,
    /// The server's name, where it has one.
    pub host: &'a [u8],
}

#[cfg(feature = "std")]
impl Login<'_> {
    /// Nothing is said to a server that is not verified, but what is named.
    pub const NONE: Self = Self {
        guarded: false,
        verified: false,
        prepared: None,
        host: &[],
    };
}

impl<'a> Settings<'a> {
    /// No login, no texts.
    pub const NONE: Self = Self {
        texts: [&[]; TEXTS],
        mechanisms: Capabilities::NONE,
        pipelining: true,
        #[cfg(feature = "std")]
        chunking: false,
        #[cfg(feature = "complete")]
        security: Security::None,
        device: false,
        phrase: None,
        limits: [0; LIMITS],
        server: Address::NONE,
        #[cfg(feature = "std")]
        login: Login::NONE,
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

impl Credentials for Settings<'_> {
    fn username(&self) -> &[u8] {
        self.text(Field::Username)
    }

    fn password(&self) -> &[u8] {
        self.text(Field::Password)
    }

    #[cfg(feature = "std")]
    fn prepared(&self) -> [&[u8]; 2] {
        self.login.prepared.unwrap_or([self.username(), self.password()])
    }

    #[cfg(feature = "std")]
    fn write_host(&self, out: &mut Window<'_>) {
        match self.login.host {
            [] => self.server.write_bare(out),
            name => out.put_seldom(name),
        }
    }

    #[cfg(feature = "std")]
    fn port(&self) -> u32 {
        self.server.port
    }
}

/// There is a password among the texts: they are never printed.
impl core::fmt::Debug for Settings<'_> {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter.write_str("Settings(..)")
    }
}

/// The mail.
#[derive(Clone, Copy, Debug)]
pub struct Mail<'a> {
    /// The forward-paths: a list of mailboxes ([`crate::wire::address::is_list`]).
    pub recipients: &'a [u8],
    /// The mailboxes that To names: another such list, or the same.
    pub to: &'a [u8],
    /// The header block, where its owner could remember it: as [`Mail::compose`] writes it.
    #[cfg(feature = "std")]
    pub composed: Option<&'a [u8]>,
    /// How many recipients there are, where its owner has counted them; else 0.
    #[cfg(feature = "std")]
    pub count: Count,
    /// What few mails say in their envelope.
    #[cfg(feature = "std")]
    pub parameters: Option<&'a Parameters>,
    /// Whoever is accepted gets it; else all do, or none. Who is to get it in this transaction is asked
    /// ([`super::event::Events::skips`]).
    #[cfg(feature = "std")]
    pub partial: bool,
    /// What there is in the text, where its owner has looked; of a text in pieces in what is at hand, and only whether that is clean.
    #[cfg(feature = "std")]
    pub survey: Option<&'a Survey>,
    /// The subject, in one line.
    pub subject: &'a [u8],
    /// The text.
    pub text: Text<'a>,
    /// What the body is, where the text is no plain one.
    #[cfg(feature = "std")]
    pub form: Option<&'a Form>,
    /// The time for Date; none without a clock.
    pub date: Option<Date>,
    /// 128 random bits for the Message-ID; without them there is none, so that a device without random numbers repeats
    /// none.
    pub nonce: Option<Nonce>,
}

impl<'a> Mail<'a> {
    /// A mail to these recipients, who are all named in To; without a date and a Message-ID.
    pub fn new(recipients: &'a [u8], subject: &'a [u8], text: Text<'a>) -> Self {
        Self {
            recipients,
            to: recipients,
            #[cfg(feature = "std")]
            composed: None,
            #[cfg(feature = "std")]
            count: 0,
            #[cfg(feature = "std")]
            parameters: None,
            #[cfg(feature = "std")]
            partial: false,
            #[cfg(feature = "std")]
            survey: None,
            subject,
            text,
            #[cfg(feature = "std")]
            form: None,
            date: None,
            nonce: None,
        }
    }

    /// The header block, where it was remembered.
    #[cfg(feature = "std")]
    pub fn composed(&self) -> Option<&'a [u8]> {
        self.composed
    }

    /// A device remembers none.
    #[cfg(not(feature = "std"))]
    pub fn composed(&self) -> Option<&'a [u8]> {
        None
    }

    /// How many recipients there are.
    #[cfg(feature = "std")]
    pub fn count(&self) -> Count {
        match self.count {
            0 => List::new(self.recipients).number(),
            count => count,
        }
    }

    /// How many recipients there are.
    #[cfg(not(feature = "std"))]
    pub fn count(&self) -> Count {
        List::new(self.recipients).number()
    }

    /// Composes the header block, for [`Mail::composed`]; how many octets it has, or 0 where the buffer is too small.
    #[cfg(feature = "std")]
    pub fn compose(&self, settings: &Settings<'a>, buffer: &mut [u8]) -> usize {
        let mut out = Window::new(buffer, 0);
        self.write_header(settings, None, &mut out);
        if out.complete() { out.kept() } else { 0 }
    }

    /// Writes the header block, with what few mails have in it.
    #[cfg(feature = "std")]
    pub fn write_header(&self, settings: &Settings<'a>, more: Option<&'a More<'a>>, out: &mut Window<'_>) {
        let plan = &Plan::of_header(&self.text, self.survey);
        let mail = self;
        header::compose(
            &Composing {
                settings,
                mail,
                plan,
                more,
            },
            out,
        );
    }
}

/// What the header block of a mail is made of.
pub struct Composing<'a> {
    /// The settings.
    pub settings: &'a Settings<'a>,
    /// The mail.
    pub mail: &'a Mail<'a>,
    /// How its text is sent.
    pub plan: &'a Plan,
    /// What few mails have besides.
    #[cfg(feature = "std")]
    pub more: Option<&'a More<'a>>,
}

impl header::Fields for Composing<'_> {
    fn to(&self) -> impl Iterator<Item = &[u8]> {
        List::new(self.mail.to)
    }

    fn date(&self) -> Option<&Date> {
        self.mail.date.as_ref()
    }

    fn nonce(&self) -> Option<&Nonce> {
        self.mail.nonce.as_ref()
    }

    fn from(&self) -> &[u8] {
        #[cfg(feature = "std")]
        if let Some(from) = self.mail.parameters.and_then(|parameters| parameters.from.as_ref()) {
            return from.octets();
        }
        self.settings.sender()
    }

    fn name(&self) -> &[u8] {
        self.settings.sender_name()
    }

    fn phrase(&self) -> Option<Phrase> {
        self.settings.phrase
    }

    fn subject(&self) -> &[u8] {
        self.mail.subject
    }

    fn charset(&self) -> &[u8] {
        self.settings.charset()
    }

    fn plan(&self) -> &Plan {
        self.plan
    }

    #[cfg(feature = "std")]
    fn more(&self) -> Option<&More<'_>> {
        self.more
    }

    #[cfg(feature = "std")]
    fn form(&self) -> Option<&Form> {
        self.mail.form
    }
}

/// What to do: send the mail, or without one see how far it would come (a probe).
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Job<'a> {
    /// The mail.
    pub mail: Option<Mail<'a>>,
    /// The settings.
    pub settings: Settings<'a>,
    /// Whether the session is kept for another mail ([`super::Session::next`]), instead of saying QUIT.
    pub keep: bool,
    /// A dry run: the mail's envelope only, up to the reply to its last RCPT; then it is given up. Nothing is sent.
    #[cfg(feature = "std")]
    pub dry: bool,
}

impl Job<'_> {
    /// Whether it is a dry run.
    #[cfg(feature = "std")]
    pub fn is_dry(&self) -> bool {
        self.dry
    }

    /// A device makes none.
    #[cfg(not(feature = "std"))]
    pub fn is_dry(&self) -> bool {
        false
    }
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
