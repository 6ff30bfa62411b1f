//! The commands (RFC 5321, 4.1.1; RFC 4954, 4), as they stand in the RFCs.
//!
//! No blank that the grammar does not have: `MAIL FROM:<...>`. The session writes what stands for a field.

use crate::template::Part::{All, End, Put, Say, When};
use crate::template::{Line, Part, Templates, fields, length_of_all};

fields! {
    /// The name or the address literal behind EHLO and HELO.
    CLIENT,
    /// The name of a SASL mechanism.
    MECHANISM,
    /// Whether the AUTH command has an initial response.
    HAS_INITIAL_RESPONSE,
    /// A response to a challenge, in base64.
    RESPONSE,
    /// The sender's mailbox.
    REVERSE_PATH,
    /// Whether the mail has octets above 127 (RFC 6152).
    IS_EIGHT_BIT,
    /// Whether the size is told (RFC 1870).
    HAS_SIZE,
    /// The size of the mail in octets.
    SIZE,
    /// A recipient's mailbox.
    FORWARD_PATH,
    /// MAIL, or a verb of RFC 821 (3.4).
    #[cfg(feature = "std")]
    VERB,
    /// Whether an address has characters outside ASCII (RFC 6531).
    #[cfg(feature = "std")]
    IS_UTF8,
    /// Whether it is told what of the mail comes back (RFC 3461, 4.3).
    #[cfg(feature = "std")]
    HAS_RET,
    #[cfg(feature = "std")]
    RET,
    /// Whether the envelope has a name (RFC 3461, 4.4).
    #[cfg(feature = "std")]
    HAS_ENVELOPE_ID,
    #[cfg(feature = "std")]
    ENVELOPE_ID,
    /// Whether it is told what the sender wants to be told of (RFC 3461, 4.1).
    #[cfg(feature = "std")]
    HAS_NOTIFY,
    #[cfg(feature = "std")]
    NOTIFY,
    /// The recipient as the sender has it (RFC 3461, 4.2).
    #[cfg(feature = "std")]
    ORIGINAL,
    /// Octets of a chunk (RFC 3030, 2).
    #[cfg(feature = "std")]
    CHUNK_SIZE,
    /// Whether it is the last one.
    #[cfg(feature = "std")]
    IS_LAST,
}

/// Makes the commands and, in the same order, their templates.
macro_rules! commands {
    ($($(#[doc = $doc:literal])* $(#[cfg($when:meta)])? $name:ident: $template:expr;)*) => {
        /// A line that the client says.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Command {
            $($(#[doc = $doc])* $(#[cfg($when)])? $name,)*
        }

        const COUNT: usize = [$($(#[cfg($when)])? Command::$name),*].len();

        const ALL: [&[Part]; COUNT] = [$($(#[cfg($when)])? $template),*];

        static COMMANDS: Templates<COUNT, { length_of_all(&ALL) }> = Templates::new(ALL);
    };
}

/// ` SIZE=` behind MAIL, which a small library does not know.
const SIZE_PARAMETER: &[Part] = if cfg!(feature = "complete") {
    &[When(HAS_SIZE, &[Say(" SIZE="), Put(SIZE)])]
} else {
    &[]
};

/// What every mail may say behind the path of MAIL.
const BEHIND_PATH: &[Part] = &[When(IS_EIGHT_BIT, &[Say(" BODY=8BITMIME")]), All(SIZE_PARAMETER)];

/// RCPT, without what few mails say behind the path.
const FORWARD: &[Part] = &[Say("RCPT TO:<"), Put(FORWARD_PATH), Say(">")];

commands! {
    /// Nothing.
    Nothing: &[];
    /// The greeting of a client that knows extensions.
    Ehlo: &[Say("EHLO "), Put(CLIENT), End];
    /// The greeting of one that knows none.
    Helo: &[Say("HELO "), Put(CLIENT), End];
    /// Begins TLS (RFC 3207, 4).
    #[cfg(feature = "complete")]
    StartTls: &[Say("STARTTLS"), End];
    /// Begins to log in (RFC 4954, 4).
    Auth: &[Say("AUTH "), Put(MECHANISM), When(HAS_INITIAL_RESPONSE, &[Say(" "), Put(RESPONSE)]), End];
    /// Answers a challenge.
    Response: &[Put(RESPONSE), End];
    /// Begins a transaction.
    Mail: &[
        Say("MAIL FROM:<"), Put(REVERSE_PATH), Say(">"),
        All(BEHIND_PATH),
        End,
    ];
    /// Names a recipient.
    Rcpt: &[All(FORWARD), End];
    /// Asks to send the mail data.
    Data: &[Say("DATA"), End];
    /// Ends the mail data.
    EndOfData: &[Say("."), End];
    /// Gives the transaction up.
    Rset: &[Say("RSET"), End];
    /// Says good-bye.
    Quit: &[Say("QUIT"), End];
    /// Begins a transaction of one of the few mails that say more.
    #[cfg(feature = "std")]
    MailAndMore: &[
        Put(VERB), Say(" FROM:<"), Put(REVERSE_PATH), Say(">"),
        All(BEHIND_PATH),
        When(IS_UTF8, &[Say(" SMTPUTF8")]),
        When(HAS_RET, &[Say(" RET="), Put(RET)]),
        When(HAS_ENVELOPE_ID, &[Say(" ENVID="), Put(ENVELOPE_ID)]),
        End,
    ];
    /// Names a recipient of such a mail.
    #[cfg(feature = "std")]
    RcptAndMore: &[
        All(FORWARD),
        When(HAS_NOTIFY, &[Say(" NOTIFY="), Put(NOTIFY), Say(" ORCPT="), Put(ORIGINAL)]),
        End,
    ];
    /// Begins a chunk of the mail data (RFC 3030).
    #[cfg(feature = "std")]
    Bdat: &[Say("BDAT "), Put(CHUNK_SIZE), When(IS_LAST, &[Say(" LAST")]), End];
}

impl Command {
    /// The line of this command, to be written.
    pub fn line(self) -> Line {
        COMMANDS.line(self as usize)
    }
}
