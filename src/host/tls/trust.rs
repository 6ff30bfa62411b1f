//! Whether a server's certificate is the expected one.

use core::fmt;
use std::sync::Arc;
use std::vec::Vec;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::hash::Hash;
use rustls::crypto::{self, WebPkiSupportedAlgorithms, ring};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, OtherError, RootCertStore, SignatureScheme};
use webpki::EndEntityCert;

use crate::base64;
use crate::buffer::Window;
use crate::code::Reason;

/// The octets of a SHA-256.
const DIGEST: usize = 32;

/// The octets of its base64.
pub const PIN: usize = 44;

/// A server's key: its SHA-256 in base64.
pub type Pin = [u8; PIN];

/// Why a certificate is not trusted; rustls carries it.
#[derive(Debug)]
pub struct Untrusted(pub Reason);

impl fmt::Display for Untrusted {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(core::str::from_utf8(self.0.text()).unwrap_or(""))
    }
}

impl core::error::Error for Untrusted {}

fn untrusted(reason: Reason) -> Error {
    Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(Untrusted(reason)))))
}

/// The hash that the provider has.
pub fn sha256() -> Option<&'static dyn Hash> {
    let suite = ring::cipher_suite::TLS13_AES_128_GCM_SHA256.tls13()?;
    Some(suite.common.hash_provider)
}

/// What a server's certificate is compared with. With neither of them every certificate will do.
#[derive(Debug)]
pub struct Trust {
    /// Issuer, dates and name, against these anchors.
    anchors: Option<Arc<WebPkiServerVerifier>>,
    /// The server's own key is one of these.
    pins: Vec<Pin>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Trust {
    /// Trust in these anchors, where there are some, and in servers with one of these keys, where there are some.
    pub fn new(anchors: Option<RootCertStore>, pins: Vec<Pin>, provider: &Arc<crypto::CryptoProvider>) -> Option<Self> {
        let anchors = match anchors {
            Some(anchors) => {
                let builder = WebPkiServerVerifier::builder_with_provider(Arc::new(anchors), Arc::clone(provider));
                Some(builder.build().ok()?)
            }
            None => None,
        };
        Some(Self {
            anchors,
            pins,
            algorithms: provider.signature_verification_algorithms,
        })
    }

    fn is_pinned(&self, certificate: &EndEntityCert<'_>) -> bool {
        let Some(sha256) = sha256() else { return false };
        let digest = sha256.hash(&certificate.subject_public_key_info());
        let mut pin = [0; PIN];
        let Some(digest) = digest.as_ref().first_chunk::<DIGEST>() else {
            return false;
        };
        let mut out = Window::new(&mut pin, 0);
        base64::put(digest, &mut out);
        base64::end(&mut out);
        self.pins.contains(&pin)
    }
}

/// What is wrong with a certificate that the anchors do not vouch for, more exactly than rustls says it.
fn explained(error: Error, certificate: &CertificateDer<'_>, name: &ServerName<'_>) -> Error {
    let Error::InvalidCertificate(bad) = &error else {
        return error;
    };
    let reason = match bad {
        CertificateError::UnknownIssuer if is_self_signed(certificate) => Reason::SelfSigned,
        CertificateError::Other(other) => match other.0.downcast_ref::<webpki::Error>() {
            Some(webpki::Error::CaUsedAsEndEntity) => Reason::AuthorityAsServer,
            Some(webpki::Error::UnsupportedCertVersion) => Reason::StrangeCertificate,
            _ => return error,
        },
        CertificateError::NotValidForNameContext { presented, .. } if presented.is_empty() => Reason::OnlyCommonName,
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => match name {
            ServerName::IpAddress(_) => Reason::OtherAddress,
            _ => Reason::OtherName,
        },
        _ => return error,
    };
    untrusted(reason)
}

fn is_self_signed(certificate: &CertificateDer<'_>) -> bool {
    EndEntityCert::try_from(certificate).is_ok_and(|certificate| certificate.issuer() == certificate.subject())
}

impl ServerCertVerifier for Trust {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if !self.pins.is_empty() {
            let parsed = EndEntityCert::try_from(certificate).map_err(|_| untrusted(Reason::StrangeCertificate))?;
            if !self.is_pinned(&parsed) {
                return Err(untrusted(Reason::WrongPin));
            }
        }
        match &self.anchors {
            Some(anchors) => anchors
                .verify_server_cert(certificate, intermediates, name, ocsp, now)
                .map_err(|error| explained(error, certificate, name)),
            None => Ok(ServerCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        crypto::verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        crypto::verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
