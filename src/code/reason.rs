//! What failed without a reply of the server.

#[cfg(feature = "complete")]
use super::Code;
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

/// A sentence, and a shorter one for a device.
#[cfg(feature = "std")]
macro_rules! shorter {
    ($sentence:literal, $short:literal) => {
        $sentence
    };
}
#[cfg(not(feature = "std"))]
macro_rules! shorter {
    ($sentence:literal, $short:literal) => {
        $short
    };
}

/// A sentence about TLS, which a small library never says; and a shorter one for a device.
#[cfg(feature = "complete")]
macro_rules! secure {
    ($sentence:literal, $short:literal) => {
        shorter!($sentence, $short)
    };
}
#[cfg(not(feature = "complete"))]
macro_rules! secure {
    ($sentence:literal, $short:literal) => {
        ""
    };
}

/// A sentence of a library that speaks TLS itself: another one never says it.
#[cfg(all(feature = "std", feature = "tls"))]
macro_rules! tls {
    ($sentence:literal) => {
        $sentence
    };
}
#[cfg(all(feature = "std", not(feature = "tls")))]
macro_rules! tls {
    ($sentence:literal) => {
        ""
    };
}

/// One list makes the reasons and their sentences. Behind `@hosted` are those of a library on a system only: elsewhere they have no
/// sentence, and none is said.
macro_rules! reasons {
    (
        $($(#[$doc:meta])* $reason:ident, $sentence:expr;)*
        @hosted
        $($(#[$hosted_doc:meta])* $hosted:ident, $hosted_sentence:expr;)*
    ) => {
        /// What went wrong without the server's words; a sentence each, for the result and the log.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Reason {
            $($(#[$doc])* $reason,)*
            $($(#[$hosted_doc])* $hosted,)*
        }

        #[cfg(test)]
        const ALL: &[Reason] = &[$(Reason::$reason,)* $(Reason::$hosted),*];

        #[cfg(feature = "std")]
        list! {
            sentence:
            $($sentence,)* $($hosted_sentence),*
        }

        #[cfg(not(feature = "std"))]
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
    /// The server's name has no address.
    NameNotFound, shorter!("the server's name has no address", "no such name");
    /// The server does not offer STARTTLS, which is required.
    NoStartTls, secure!(
        "no STARTTLS offered: check the port, or whether TLS from the first octet (tls 2) is meant",
        "no STARTTLS offered"
    );
    /// More came with the answer to STARTTLS than that answer.
    BehindStartTls, secure!(
        "octets behind the answer to STARTTLS: somebody on the way may have put them there",
        "octets behind STARTTLS"
    );
    @hosted
    /// A defect of this library, caught.
    Defect, "internal error";
    /// We cannot connect from the address that is configured.
    NoSource, "our own address (source) cannot be used";
    /// The name service gave no answer.
    NoNameService, "the name service gave no answer";
    /// The system has no thread for the library.
    NoThread, "no thread";
    /// An address of the mail has characters outside ASCII, and the server takes none.
    NoSmtpUtf8, "an address has other letters than ASCII before the @, and the server does not offer SMTPUTF8";
    /// The server takes fewer recipients in a transaction than the mail has, and all are to get it or none.
    NeedsPartial, "the server takes fewer recipients at a time than the mail has: needs PARTIAL";
    /// The system has no random numbers yet, which SCRAM needs.
    NoRandom, "the system has no random numbers yet";
    /// A challenge is not base64, or not one of the mechanism's.
    BadChallenge, "the server's challenge to our login cannot be read";
    /// A challenge of SCRAM is not the answer to what we said.
    StrangeNonce, "the server's challenge does not begin with what we said";
    /// SCRAM with no rounds, or with more than [`crate::limits::SCRAM_ROUNDS`].
    BadRounds, "the server's SCRAM has no rounds, or more than 1000000";
    /// SCRAM: the server's signature is wrong, or it gave none.
    Unproved, "the server did not prove that it knows the password: it gets no mail";
    /// TLS speaks where the greeting should be.
    SpeaksTls, "the server speaks TLS on this port";
    /// SSH does.
    SpeaksSsh, "not an SMTP reply: an SSH server answers on this port";
    /// HTTP does.
    SpeaksHttp, "not an SMTP reply: a web server answers on this port";
    /// POP3 does.
    SpeaksPop3, "not an SMTP reply: a POP3 server answers on this port";
    /// IMAP does.
    SpeaksImap, "not an SMTP reply: an IMAP server answers on this port";
    /// It may, but somebody has made it unreadable.
    MaskedStartTls, "STARTTLS is made unreadable on the way: a firewall inspects SMTP (fixup, inspect esmtp)";
    /// The message has octets above 127, and the server does not take them.
    NeedsEightBitMime, "the message has octets above 127, and the server does not offer 8BITMIME";
    /// The message names who is not to be named.
    NamesBcc, "the message has a Bcc field: take it out, and give the recipients with to";
    /// A deadline passed while there was nothing to send.
    NothingRead, "a file, or the read function of an attachment, gave nothing in time";
    /// A file cannot be opened.
    NoFile, "a file cannot be opened: it is not there, or may not be read";
    /// It is a directory, or a device.
    StrangeFile, "a file is a directory, a device or a socket";
    /// Reading has failed.
    Unreadable, "a file could not be read to its end";
    /// It is shorter than when the mail began.
    Shrunk, "a file is shorter than the length that it had when the mail began";
    /// It is longer than when the mail began.
    Grown, "a file is longer than the length that it had when the mail began";
    /// The function has returned a negative number, or more than there was room for.
    ReadFailed, "the read function of an attachment has failed";
    /// It has given fewer octets than announced.
    TooShort, "the read function of an attachment gave fewer octets than its length says";
    /// It has given more of them.
    TooLong, "the read function of an attachment gave more octets than its length says";
    /// A greeting in plain where TLS should begin.
    PlainGreeting, tls!("no TLS on this port, but a plain greeting: STARTTLS (tls 1) may be meant, or port 465");
    /// HTTP answers there.
    PlainHttp, tls!("no TLS on this port: a web server answers");
    /// SSH does.
    PlainSsh, tls!("no TLS on this port: an SSH server answers");
    /// Something else does.
    NoTls, tls!("no TLS on this port: what answers is no TLS record");
    /// The two have no version or cipher suite in common.
    TlsTooOld, tls!("TLS: the server is too old for TLS 1.3, and 1.2 with ECDHE and AES-GCM or ChaCha20; or has a key of P-521 only");
    /// The server ended the handshake.
    TlsEnded, tls!("TLS: the server has ended the handshake with an alert");
    /// The connection was lost in the handshake.
    TlsLost, tls!("TLS: connection lost in the handshake");
    /// The handshake has no end.
    TlsEndless, tls!("TLS: the handshake is too long");
    /// It breaks the rules of TLS.
    TlsBroken, tls!("TLS: what the server says breaks the rules of TLS; something on the way may have changed it");
    /// The server knows no host of this name.
    NameUnknown, tls!("TLS: the server knows no host of the name that it was asked for (server, or tls_name)");
    /// The server wants a certificate of ours.
    CertificateWanted, tls!("TLS: the server wants a certificate of ours (tls_certificate, tls_key)");
    /// The server refuses our certificate.
    CertificateRefused, tls!("TLS: the server refuses our certificate (tls_certificate)");
    /// Another transport than the one that TLS was configured for.
    OtherTransport, "TLS: configured for another transport; set the transport first, and configure then";
    /// Nobody that we trust vouches for the certificate.
    UnknownIssuer, tls!("certificate: of an unknown issuer; give its CA as tls_ca, or pin the server's key (tls_pin)");
    /// It vouches for itself.
    SelfSigned, tls!("certificate: self-signed; give it as tls_ca, or pin the server's key (tls_pin)");
    /// It says that it is a CA's.
    AuthorityAsServer, tls!("certificate: a CA's own (CA:TRUE), and no server's; pin the server's key (tls_pin)");
    /// Its time is over.
    Expired, tls!("certificate: expired; renew it, and check the clock here");
    /// Its time has not come.
    NotYetValid, tls!("certificate: not yet valid; check the clock here");
    /// It is for another name.
    OtherName, tls!("certificate: for another name; give the server's own name as server or tls_name");
    /// It has a name only where none counts.
    OnlyCommonName, tls!("certificate: its only name is a common name (CN), which does not count; pin the server's key (tls_pin)");
    /// It is not for the IP address that is configured.
    OtherAddress, tls!("certificate: not for this IP address; give the server's name as server or tls_name");
    /// It is not for servers.
    NotForServers, tls!("certificate: not for servers (extended key usage)");
    /// Its key or signature is too weak, or not known.
    WeakCertificate, tls!("certificate: its key or signature is too weak or unknown (RSA below 2048 bits, SHA-1, P-521)");
    /// It cannot be read.
    StrangeCertificate, tls!("certificate: not readable (X.509 version 1, or an unknown critical extension)");
    /// The server has another key than the one that is pinned.
    WrongPin, tls!("certificate: the server has another key than tls_pin says");
}

impl Reason {
    /// Whether a file or a read function of the mail has failed.
    #[cfg(feature = "std")]
    pub fn is_of_source(self) -> bool {
        (Self::NoFile as u8..=Self::TooLong as u8).contains(&(self as u8))
    }

    /// The code of a failure of TLS, or of what a mail is made of; None for all others, whose code is that of the step.
    #[cfg(feature = "complete")]
    pub fn own_code(self) -> Option<Code> {
        match self {
            Self::TlsFailed => Some(Code::TlsFailed),
            Self::Untrusted => Some(Code::TlsUntrusted),
            Self::NoStartTls => Some(Code::TlsUnavailable),
            Self::BehindStartTls => Some(Code::TlsFailed),
            #[cfg(feature = "std")]
            Self::SpeaksTls => Some(Code::TlsFailed),
            #[cfg(feature = "std")]
            Self::MaskedStartTls => Some(Code::TlsUnavailable),
            #[cfg(feature = "std")]
            Self::NeedsEightBitMime => Some(Code::NotSupported),
            #[cfg(feature = "std")]
            Self::NamesBcc => Some(Code::BadArgument),
            #[cfg(feature = "std")]
            tls if tls as u8 >= Self::UnknownIssuer as u8 => Some(Code::TlsUntrusted),
            #[cfg(feature = "std")]
            tls if tls as u8 >= Self::PlainGreeting as u8 => Some(Code::TlsFailed),
            #[cfg(feature = "std")]
            file if file.is_of_source() => Some(Code::ReadFailed),
            _ => None,
        }
    }

    /// The sentence: printable ASCII.
    pub fn text(self) -> &'static [u8] {
        sentence(self as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two sentences that only a library on a system has.
    const HOSTED: [&str; 2] = match cfg!(feature = "std") {
        true => ["internal error", "no thread"],
        false => ["", ""],
    };

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
            (Reason::Defect, HOSTED[0]),
            (Reason::NoThread, HOSTED[1]),
        ] {
            assert_eq!(reason.text(), text.as_bytes());
        }
        for reason in ALL {
            let text = reason.text();
            assert!(text.iter().all(|octet| matches!(octet, 0x20..=0x7e)));
            // The log has it whole.
            assert!(text.len() <= 127, "{reason:?}");
            let elsewhere = match reason {
                Reason::TooLarge | Reason::NoStartTls | Reason::BehindStartTls => !cfg!(feature = "complete"),
                Reason::None => true,
                Reason::OtherTransport => !cfg!(feature = "std"),
                other if *other as u8 >= Reason::PlainGreeting as u8 => !cfg!(feature = "tls"),
                other => *other as u8 >= Reason::Defect as u8 && !cfg!(feature = "std"),
            };
            assert_eq!(text.is_empty(), elsewhere, "{reason:?}");
        }
        assert_eq!(sentence(ALL.len()), b"");
    }
}
