//! What failed, in our words.

use rustls::{AlertDescription as Alert, CertificateError as Bad, Error, InvalidMessage};

use super::trust::Untrusted;
use crate::code::Reason;

/// Where a connection stands when something fails.
#[derive(Clone, Copy, Debug, Default)]
pub struct Standing<'a> {
    /// The server has chosen a version and a cipher suite.
    pub agreed: bool,
    /// The handshake is done.
    pub established: bool,
    /// The server has said something behind it.
    pub spoken: bool,
    /// We have a certificate to show.
    pub shows_certificate: bool,
    /// TLS begins with the connection.
    pub implicit: bool,
    /// The first octets that the server has said.
    pub first: &'a [u8],
}

/// The reason for a failure of rustls.
pub fn reason(error: &Error, standing: Standing<'_>) -> Reason {
    match error {
        Error::InvalidCertificate(bad) => of_certificate(bad),
        Error::AlertReceived(alert) => of_alert(*alert, standing),
        _ if standing.established => Reason::Lost,
        Error::PeerIncompatible(_) => Reason::TlsTooOld,
        Error::InvalidMessage(
            InvalidMessage::InvalidContentType
            | InvalidMessage::UnknownProtocolVersion
            | InvalidMessage::MessageTooLarge
            | InvalidMessage::InvalidEmptyPayload,
        ) => match of_first_octets(standing.first) {
            Reason::TlsBroken => Reason::TlsBroken,
            // It has offered TLS: what speaks there is known.
            _ if !standing.implicit => Reason::BehindStartTls,
            other => other,
        },
        Error::InvalidMessage(
            InvalidMessage::HandshakePayloadTooLarge | InvalidMessage::CertificatePayloadTooLarge,
        ) => Reason::TlsEndless,
        _ => Reason::TlsBroken,
    }
}

/// What speaks there, when it does not speak TLS.
pub fn of_first_octets(first: &[u8]) -> Reason {
    match first {
        // A TLS record: then what is wrong is within it.
        [20..=23, 3, ..] => Reason::TlsBroken,
        [b'2' | b'4' | b'5', b'0'..=b'9', b'0'..=b'9', ..] => Reason::PlainGreeting,
        [b'H', b'T', b'T', b'P', ..] => Reason::PlainHttp,
        [b'S', b'S', b'H', b'-', ..] => Reason::PlainSsh,
        _ => Reason::NoTls,
    }
}

fn of_alert(alert: Alert, standing: Standing<'_>) -> Reason {
    match alert {
        // It has taken our certificate, or needs none.
        _ if standing.spoken => Reason::Lost,
        Alert::CertificateRequired => Reason::CertificateWanted,
        Alert::BadCertificate
        | Alert::UnsupportedCertificate
        | Alert::CertificateRevoked
        | Alert::CertificateExpired
        | Alert::CertificateUnknown
        | Alert::UnknownCA
        | Alert::AccessDenied
        | Alert::DecryptError
            if standing.shows_certificate =>
        {
            Reason::CertificateRefused
        }
        _ if standing.established => Reason::Lost,
        // Servers with TLS 1.2 have no other word for a certificate that is missing.
        Alert::BadCertificate | Alert::NoCertificate | Alert::AccessDenied => Reason::CertificateWanted,
        // Nor have OpenSSL (the first one) and GnuTLS.
        Alert::HandshakeFailure | Alert::DecodeError if standing.agreed && !standing.shows_certificate => {
            Reason::CertificateWanted
        }
        _ if standing.agreed => Reason::TlsEnded,
        Alert::HandshakeFailure | Alert::ProtocolVersion | Alert::InsufficientSecurity => Reason::TlsTooOld,
        Alert::UnrecognisedName => Reason::NameUnknown,
        _ => Reason::TlsEnded,
    }
}

fn of_certificate(bad: &Bad) -> Reason {
    match bad {
        Bad::Other(other) => match other.0.downcast_ref::<Untrusted>() {
            Some(Untrusted(reason)) => *reason,
            None => Reason::Untrusted,
        },
        Bad::Expired | Bad::ExpiredContext { .. } => Reason::Expired,
        Bad::NotValidYet | Bad::NotValidYetContext { .. } => Reason::NotYetValid,
        Bad::UnknownIssuer => Reason::UnknownIssuer,
        Bad::NotValidForName | Bad::NotValidForNameContext { .. } => Reason::OtherName,
        Bad::InvalidPurpose | Bad::InvalidPurposeContext { .. } => Reason::NotForServers,
        Bad::BadSignature
        | Bad::UnsupportedSignatureAlgorithmContext { .. }
        | Bad::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => Reason::WeakCertificate,
        Bad::BadEncoding | Bad::UnhandledCriticalExtension => Reason::StrangeCertificate,
        _ => Reason::Untrusted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_speaks_no_tls_is_named() {
        for (first, wanted) in [
            (&b"220 mail"[..], Reason::PlainGreeting),
            (b"554 go away", Reason::PlainGreeting),
            (b"HTTP/1.1", Reason::PlainHttp),
            (b"SSH-2.0", Reason::PlainSsh),
            (b"\x15\x03\x01", Reason::TlsBroken),
            (b"+OK", Reason::NoTls),
            (b"", Reason::NoTls),
        ] {
            assert_eq!(of_first_octets(first), wanted, "{first:?}");
        }
    }

    #[test]
    fn after_the_handshake_only_our_certificate_is_spoken_of() {
        let established = |alert, shows_certificate| {
            let standing = Standing {
                established: true,
                shows_certificate,
                ..Standing::default()
            };
            reason(&Error::AlertReceived(alert), standing)
        };
        assert_eq!(established(Alert::UnknownCA, true), Reason::CertificateRefused);
        assert_eq!(established(Alert::UnknownCA, false), Reason::Lost);
        assert_eq!(
            established(Alert::CertificateRequired, false),
            Reason::CertificateWanted
        );
        assert_eq!(established(Alert::InternalError, true), Reason::Lost);
        let spoken = Standing {
            established: true,
            spoken: true,
            shows_certificate: true,
            ..Standing::default()
        };
        assert_eq!(reason(&Error::AlertReceived(Alert::UnknownCA), spoken), Reason::Lost);
    }

    #[test]
    fn a_server_that_has_chosen_a_cipher_suite_is_not_too_old() {
        let failure = |agreed, shows_certificate| {
            let standing = Standing {
                agreed,
                shows_certificate,
                ..Standing::default()
            };
            reason(&Error::AlertReceived(Alert::HandshakeFailure), standing)
        };
        assert_eq!(failure(false, false), Reason::TlsTooOld);
        assert_eq!(failure(false, true), Reason::TlsTooOld);
        assert_eq!(failure(true, false), Reason::CertificateWanted);
        assert_eq!(failure(true, true), Reason::TlsEnded);
    }

    #[test]
    fn what_is_no_record_behind_starttls_is_somebody_elses() {
        let plain = |implicit, first| {
            let standing = Standing {
                implicit,
                first,
                ..Standing::default()
            };
            reason(&Error::InvalidMessage(InvalidMessage::InvalidContentType), standing)
        };
        assert_eq!(plain(true, b"250 o"), Reason::PlainGreeting);
        assert_eq!(plain(false, b"250 o"), Reason::BehindStartTls);
        assert_eq!(plain(false, &[22, 3, 3, 9, 9]), Reason::TlsBroken);
    }
}
