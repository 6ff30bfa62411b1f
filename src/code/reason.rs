//! What failed without a reply of the server.

use crate::octets::list;

/// A sentence of the complete library only: a small one never says it.
#[cfg(feature = "complete")]
macro_rules! complete {
    ($sentence:literal) => {
        $sentence
    };
}
#[cfg(not(feature = "complete"))]
macro_rules! complete {
    ($sentence:literal) => {
        ""
    };
}

/// A sentence of a library on a system only.
#[cfg(feature = "std")]
macro_rules! hosted {
    ($sentence:literal) => {
        $sentence
    };
}
#[cfg(not(feature = "std"))]
macro_rules! hosted {
    ($sentence:literal) => {
        ""
    };
}

/// One list makes the reasons and their sentences.
macro_rules! reasons {
    ($($(#[$doc:meta])* $reason:ident, $sentence:expr;)*) => {
        /// What went wrong without the server's words; a sentence each, for the result and the log.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Reason {
            $($(#[$doc])* $reason,)*
        }

        #[cfg(test)]
        const ALL: &[Reason] = &[$(Reason::$reason),*];

        list! {
            sentence:
            $($sentence),*
        }
    };
}

reasons! {
    /// Nothing to explain.
    None, "";
    /// No server is configured.
    NotConfigured, "no configuration";
    /// The program has set no transport.
    NoTransport, "no transport";
    /// The recipients are not a list of addresses.
    BadRecipients, "bad recipients";
    /// The subject has a line end or another control character in it.
    BadSubject, "control character in subject";
    /// The subject is over [`crate::limits::SUBJECT_BYTES`].
    LongSubject, "subject too long";
    /// The text is over [`crate::limits::TEXT_BYTES`].
    LongText, "text too long";
    /// A structure has a field with an invalid value.
    BadStructure, "bad structure";
    /// TLS failed.
    TlsFailed, "TLS failed";
    /// The server's certificate is not trusted.
    Untrusted, "certificate not trusted";
    /// The system has no free socket.
    NoSocket, "no free socket";
    /// There is no route to the server.
    Unreachable, "server unreachable";
    /// The server's system refused the connection.
    Refused, "connection refused";
    /// The connection ended.
    Lost, "connection lost";
    /// A deadline passed.
    Deadline, "no answer in time";
    /// The whole mail's deadline passed.
    TotalDeadline, "mail took too long";
    /// What came is not an SMTP reply, or answers no command.
    NotSmtp, "not an SMTP reply";
    /// The server does not offer AUTH.
    NoAuth, "no AUTH offered";
    /// The text was declared to be UTF-8, and is not.
    NotUtf8, "text not UTF-8";
    /// The text needs quoted-printable, which the library was built without.
    Unsendable, "text needs quoted-printable";
    /// A callback of the program's transport returned an invalid value.
    BadTransport, "transport failed";
    /// The callback that reads the text failed.
    BadSource, "text not readable";
    /// The program cancelled the mail.
    Cancelled, "cancelled";
    /// No memory for the mail.
    NoMemory, "out of memory";
    /// The server announced a smaller limit than the mail's size.
    TooLarge, complete!("mail exceeds SIZE");
    /// A defect of this library, caught.
    Defect, hosted!("internal error");
    /// The server's name has no address.
    NameNotFound, hosted!("the server's name has no address");
    /// The name service gave no answer.
    NoNameService, hosted!("the name service gave no answer");
    /// The system has no thread for the library.
    NoThread, hosted!("no thread");
}

impl Reason {
    /// The sentence: printable ASCII.
    pub fn text(self) -> &'static [u8] {
        sentence(self as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_its_sentence() {
        for (reason, text) in [
            (Reason::None, ""),
            (Reason::NotConfigured, "no configuration"),
            (Reason::NoSocket, "no free socket"),
            (Reason::Deadline, "no answer in time"),
            (Reason::NotUtf8, "text not UTF-8"),
            (Reason::Cancelled, "cancelled"),
            (Reason::NoMemory, "out of memory"),
            (Reason::TooLarge, complete!("mail exceeds SIZE")),
            (Reason::Defect, hosted!("internal error")),
            (Reason::NoThread, hosted!("no thread")),
        ] {
            assert_eq!(reason.text(), text.as_bytes());
        }
        for reason in ALL {
            let text = reason.text();
            assert!(text.iter().all(|octet| matches!(octet, 0x20..=0x7e)));
            let elsewhere = match reason {
                Reason::TooLarge => !cfg!(feature = "complete"),
                Reason::Defect | Reason::NoThread | Reason::NameNotFound | Reason::NoNameService => {
                    !cfg!(feature = "std")
                }
                other => *other == Reason::None,
            };
            assert_eq!(text.is_empty(), elsewhere, "{reason:?}");
        }
        assert_eq!(sentence(ALL.len()), b"");
    }
}
