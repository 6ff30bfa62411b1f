//! What a program configures about TLS, read and checked. Files are read here and nowhere else.

use std::io::Read;
use std::sync::Arc;
use std::vec::Vec;

use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use zeroize::Zeroizing;

use super::super::memory::wipe_stack;
use super::super::shared::shared;
use super::super::sys;
use super::config::{Config, Digest};
use super::store;
use super::trust::{PIN, Pin, Trust};
use crate::client::wrong::Wrong;
use crate::code::Code;

/// The largest PEM file, and the largest PEM in memory.
const PEM_BYTES: usize = 1 << 20;

/// The largest part of one, in base64: a message of a handshake has at most 64 KB.
const PART_BYTES: usize = 96 * 1024;

/// What some editors put before a text in UTF-8.
const BOM: &[u8] = b"\xEF\xBB\xBF";

/// What a program configures. An empty text was not given.
#[derive(Clone, Copy, Default)]
pub struct Given<'a> {
    /// Trust anchors: a path, or the PEM itself. Without them, and without a pin, the system's trust store.
    pub ca: &'a [u8],
    /// Our certificate with its chain: a path, or the PEM itself.
    pub certificate: &'a [u8],
    /// Its key: likewise.
    pub key: &'a [u8],
    /// The server's own key: "sha256//BASE64;sha256//...".
    pub pin: &'a [u8],
    /// Whatever certificate the server has, it will do.
    pub unverified: bool,
}

/// The texts of a configuration, read.
struct Texts {
    ca: Zeroizing<Vec<u8>>,
    certificate: Zeroizing<Vec<u8>>,
    key: Zeroizing<Vec<u8>>,
    pins: Vec<Pin>,
    unverified: bool,
}

impl Given<'_> {
    /// The configuration that this is: the one that others have, where theirs is equal.
    pub fn config(&self) -> Result<Arc<Config>, Wrong<'static>> {
        let made = sys::guarded(|| self.made());
        // A private key was read.
        wipe_stack();
        match made.unwrap_or(Err(no_memory("tls")))? {
            // What is kept beside it lasts longer than what is guarded.
            (Some(digest), config) => Ok(shared().tls.share(digest, config)),
            (None, config) => Ok(config),
        }
    }

    /// It, and what equal ones find it by, where it is a new one.
    fn made(&self) -> Result<(Option<Digest>, Arc<Config>), Wrong<'static>> {
        let texts = self.read()?;
        let digest = texts.digest();
        let known = digest.and_then(|digest| shared().tls.get(&digest));
        match known {
            Some(known) => Ok((None, known)),
            None => Ok((digest, Arc::new(texts.config()?))),
        }
    }

    /// Reads its files.
    fn read(&self) -> Result<Texts, Wrong<'static>> {
        let alone = "needs the other one: tls_certificate and tls_key";
        match (self.certificate, self.key) {
            ([], [_, ..]) => return Err(Wrong::new(Code::BadArgument, "tls_key", alone)),
            ([_, ..], []) => return Err(Wrong::new(Code::BadArgument, "tls_certificate", alone)),
            _ => {}
        }
        Ok(Texts {
            ca: pem("tls_ca", self.ca)?,
            certificate: pem("tls_certificate", self.certificate)?,
            key: pem("tls_key", self.key)?,
            pins: pins(self.pin).map_err(|why| Wrong::new(Code::BadArgument, "tls_pin", why))?,
            unverified: self.unverified,
        })
    }
}

impl Texts {
    /// What tells equal configurations by. The system's trust store is taken as it was when the first of them was read.
    fn digest(&self) -> Option<Digest> {
        let mut hash = super::trust::sha256()?.start();
        for text in [&**self.ca, &**self.certificate, &**self.key, self.pins.as_flattened()] {
            hash.update(&text.len().to_le_bytes());
            hash.update(text);
        }
        hash.update(&[u8::from(self.unverified)]);
        hash.finish().as_ref().try_into().ok()
    }

    /// The configuration that they make.
    fn config(&self) -> Result<Config, Wrong<'static>> {
        let provider = Arc::new(ring::default_provider());
        let anchors = match (&**self.ca, &*self.pins) {
            _ if self.unverified => None,
            ([], []) => Some(system_anchors()?),
            ([], _) => None,
            (ca, _) => Some(anchors(ca)?),
        };
        let defect = || Wrong::new(Code::DataFailed, "tls", "internal error");
        let trust = Trust::new(anchors, self.pins.clone(), &provider).ok_or_else(defect)?;
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|_| defect())?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(trust));
        let mut client = if self.certificate.is_empty() {
            builder.with_no_client_auth()
        } else {
            let (chain, key) = self.identity(&provider)?;
            let resolver = rustls::sign::SingleCertAndKey::from(rustls::sign::CertifiedKey::new(chain, key));
            builder.with_client_cert_resolver(Arc::new(resolver))
        };
        client.resumption = rustls::client::Resumption::disabled();
        Ok(Config::new(client, !self.certificate.is_empty()))
    }

    /// Our certificate, and its key.
    #[allow(clippy::type_complexity)]
    fn identity(
        &self,
        provider: &CryptoProvider,
    ) -> Result<(Vec<CertificateDer<'static>>, Arc<dyn rustls::sign::SigningKey>), Wrong<'static>> {
        let wrong = |field, why| Wrong::new(Code::BadArgument, field, why);
        let chain = certificates("tls_certificate", &self.certificate)?;
        if !has_short_parts(&self.key) {
            return Err(wrong("tls_key", "no private key in it (PEM)"));
        }
        let mut keys = PrivateKeyDer::pem_slice_iter(&self.key);
        let key = match (keys.next(), keys.next()) {
            (Some(Ok(key)), None) => key,
            (Some(Ok(_)), Some(_)) => return Err(wrong("tls_key", "more than one key in it")),
            (None, _) if contains(&self.key, b"ENCRYPTED PRIVATE KEY") => {
                return Err(wrong("tls_key", "an encrypted key: decrypt it first"));
            }
            _ => return Err(wrong("tls_key", "no private key in it (PEM)")),
        };
        let key = provider.key_provider.load_private_key(key);
        let key = key.map_err(|_| {
            wrong(
                "tls_key",
                "a key of an unknown kind: RSA of 2048 bits or more, P-256, P-384 or Ed25519",
            )
        })?;
        let pair = rustls::sign::CertifiedKey::new(chain, key);
        match pair.keys_match() {
            Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::KeyMismatch)) => {
                Err(wrong("tls_key", "not the key of tls_certificate"))
            }
            Err(rustls::Error::InvalidCertificate(_)) => Err(wrong("tls_certificate", "not readable")),
            _ => Ok((pair.cert, pair.key)),
        }
    }
}

/// The trust anchors of the system.
fn system_anchors() -> Result<RootCertStore, Wrong<'static>> {
    let mut anchors = RootCertStore::empty();
    for certificate in store::certificates().ok_or(no_memory("tls"))? {
        if sys::is_refused() {
            return Err(no_memory("tls"));
        }
        // One that cannot be read vouches for nobody.
        let _ = anchors.add(certificate);
    }
    if anchors.is_empty() {
        return Err(Wrong::new(
            Code::TlsUntrusted,
            "tls",
            "this system has no trust store (package ca-certificates): give tls_ca or tls_pin",
        ));
    }
    Ok(anchors)
}

/// What is said where memory is refused.
fn no_memory(field: &'static str) -> Wrong<'static> {
    Wrong::new(Code::DataFailed, field, "out of memory")
}

fn anchors(pem: &[u8]) -> Result<RootCertStore, Wrong<'static>> {
    let mut anchors = RootCertStore::empty();
    for certificate in certificates("tls_ca", pem)? {
        if sys::is_refused() {
            return Err(no_memory("tls_ca"));
        }
        anchors
            .add(certificate)
            .map_err(|_| Wrong::new(Code::BadArgument, "tls_ca", "a certificate in it is not readable"))?;
    }
    Ok(anchors)
}

fn certificates(field: &'static str, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, Wrong<'static>> {
    let wrong = |why| Wrong::new(Code::BadArgument, field, why);
    if !has_short_parts(pem) {
        return Err(wrong("not readable as PEM"));
    }
    let mut all = Vec::new();
    for one in CertificateDer::pem_slice_iter(pem) {
        if sys::is_refused() {
            return Err(no_memory(field));
        }
        all.push(one.map_err(|_| wrong("not readable as PEM"))?);
    }
    if all.is_empty() {
        return Err(wrong("no certificate in it (PEM)"));
    }
    Ok(all)
}

/// Whether each certificate or key in a PEM is one that TLS could carry. Where memory is refused, the reserve has room for it.
pub(super) fn has_short_parts(pem: &[u8]) -> bool {
    let (mut inside, mut length) = (false, 0usize);
    pem.split(|octet| matches!(octet, b'\n' | b'\r')).all(|line| {
        if line.starts_with(b"-----BEGIN ") {
            inside = true;
        } else if line.starts_with(b"-----END ") {
            (inside, length) = (false, 0);
        } else if inside {
            length = length.saturating_add(line.len());
        }
        length <= PART_BYTES
    })
}

/// A PEM: the text itself, or what is in the file of this name.
fn pem(field: &'static str, text: &[u8]) -> Result<Zeroizing<Vec<u8>>, Wrong<'static>> {
    let mut pem = Zeroizing::new(Vec::new());
    let wrong = |why| Wrong::new(Code::BadArgument, field, why);
    let no_memory = |_| no_memory(field);
    if text.is_empty() {
        return Ok(pem);
    }
    if contains(text, b"-----BEGIN ") {
        let text = text.strip_prefix(BOM).unwrap_or(text);
        if text.len() > PEM_BYTES {
            return Err(wrong("longer than 1 MiB"));
        }
        pem.try_reserve_exact(text.len()).map_err(no_memory)?;
        pem.extend_from_slice(text);
        return Ok(pem);
    }
    let unreadable = |_| Wrong::new(Code::ReadFailed, field, "the file cannot be read");
    let path = path(text).ok_or_else(|| wrong("no path, and no PEM"))?;
    let file = sys::open_file(path).map_err(unreadable)?;
    // In one piece from the beginning: growing would leave copies behind.
    let length = file
        .metadata()
        .map_or(0, |about| usize::try_from(about.len()).unwrap_or(usize::MAX));
    pem.try_reserve_exact(length.min(PEM_BYTES).saturating_add(1))
        .map_err(no_memory)?;
    let most = u64::try_from(PEM_BYTES).unwrap_or(u64::MAX).saturating_add(1);
    file.take(most).read_to_end(&mut pem).map_err(unreadable)?;
    if pem.starts_with(BOM) {
        pem.drain(..BOM.len());
    }
    match &**pem {
        long if long.len() > PEM_BYTES => Err(wrong("longer than 1 MiB")),
        _ if contains(&pem, b"-----BEGIN ") => Ok(pem),
        _ => Err(wrong("no PEM in the file")),
    }
}

#[cfg(unix)]
fn path(text: &[u8]) -> Option<&std::path::Path> {
    use std::os::unix::ffi::OsStrExt;
    Some(std::path::Path::new(std::ffi::OsStr::from_bytes(text)))
}

#[cfg(not(unix))]
fn path(text: &[u8]) -> Option<&std::path::Path> {
    core::str::from_utf8(text).ok().map(std::path::Path::new)
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

/// Reads pins: SHA-256 digests in base64.
fn pins(text: &[u8]) -> Result<Vec<Pin>, &'static str> {
    let mut pins = Vec::new();
    if text.is_empty() {
        return Ok(pins);
    }
    for one in text.split(|octet| *octet == b';') {
        let digest = one
            .trim_ascii()
            .strip_prefix(b"sha256//")
            .ok_or("not as sha256//BASE64;sha256//BASE64")?;
        let pin: Pin = digest.try_into().map_err(|_| "a SHA-256 in base64 has 44 characters")?;
        if !is_base64(&pin) {
            return Err("not a SHA-256 in base64");
        }
        pins.try_reserve(1).map_err(|_| "out of memory")?;
        pins.push(pin);
    }
    Ok(pins)
}

/// Whether this is the base64 of 32 octets: its last digit has two bits that are 0.
fn is_base64(pin: &Pin) -> bool {
    let last = |octet: &u8| b"AEIMQUYcgkosw048".contains(octet);
    let digit = |octet: &u8| octet.is_ascii_alphanumeric() || matches!(octet, b'+' | b'/');
    match pin.split_last_chunk::<2>() {
        Some((digits, [before, b'='])) => {
            digits.len() == PIN.saturating_sub(2) && digits.iter().all(digit) && last(before)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(given: Given<'_>) -> (Code, &'static str, &'static str) {
        let read = given.read().and_then(|texts| texts.config().map(|_| ()));
        let wrong = read.err().unwrap();
        (wrong.code, wrong.field, wrong.why)
    }

    #[test]
    fn a_part_of_a_pem_is_no_longer_than_tls_could_carry() {
        let part = |length: usize| ["-----BEGIN X-----", &"A".repeat(length), "-----END X-----\n"].join("\n");
        assert!(has_short_parts(part(PART_BYTES).repeat(3).as_bytes()));
        assert!(!has_short_parts(part(PART_BYTES + 1).as_bytes()));
        assert!(!has_short_parts(
            part(PART_BYTES / 2 + 1).replace("END", "BEGIN").repeat(2).as_bytes()
        ));
        let words = "words\n".repeat(PART_BYTES);
        assert!(has_short_parts([&*words, &part(10), &words].concat().as_bytes()));
    }

    #[test]
    fn a_pin_is_a_sha256_in_base64() {
        let digest = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
        for (text, count) in [
            ("".into(), Some(0)),
            (std::format!("sha256//{digest}"), Some(1)),
            (std::format!("sha256//{digest}; sha256//{digest}"), Some(2)),
            (std::format!("sha256//{digest};"), None),
            (digest.into(), None),
            ("sha256//".into(), None),
            (std::format!("sha256//{}", digest.replace('=', "A")), None),
            (std::format!("sha256//{}", digest.replace("FU=", "FV=")), None),
            (std::format!("sha256//{}", digest.replace('+', "-")), None),
        ] {
            assert_eq!(pins(text.as_bytes()).ok().map(|pins| pins.len()), count, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_refused_by_its_field() {
        let nowhere = b"/nonexistent/ca.pem";
        let garbage = b"-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n";
        let given = Given::default();
        assert_eq!(
            refused(Given { ca: nowhere, ..given }),
            (Code::ReadFailed, "tls_ca", "the file cannot be read")
        );
        assert_eq!(
            refused(Given { ca: garbage, ..given }),
            (Code::BadArgument, "tls_ca", "not readable as PEM")
        );
        assert_eq!(
            refused(Given {
                ca: b"/dev/null",
                ..given
            }),
            (Code::BadArgument, "tls_ca", "no PEM in the file")
        );
        assert_eq!(refused(Given { key: garbage, ..given }).1, "tls_key");
        assert_eq!(
            refused(Given {
                certificate: garbage,
                ..given
            })
            .1,
            "tls_certificate"
        );
        let mut long = std::vec![b' '; PEM_BYTES];
        long.extend_from_slice(garbage);
        assert_eq!(refused(Given { ca: &long, ..given }).2, "longer than 1 MiB");
    }
}
