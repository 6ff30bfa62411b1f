//! The certificates that this system trusts.

use std::vec::Vec;

use rustls::pki_types::CertificateDer;

use super::super::sys;

/// Reads them, as many as can be read; None where memory is refused.
#[cfg(not(unix))]
pub fn certificates() -> Option<Vec<CertificateDer<'static>>> {
    let found = rustls_native_certs::load_native_certs().certs;
    (!sys::is_refused()).then_some(found)
}

#[cfg(unix)]
pub use files::certificates;

/// Where a store is a file, and folders of files. What rustls-native-certs does there goes on where memory is refused, until the
/// reserve is used up.
#[cfg(unix)]
mod files {
    use std::fs;
    use std::io::Read;
    use std::os::unix::fs::MetadataExt;
    use std::path::{Path, PathBuf};

    use rustls::pki_types::pem::PemObject;

    use super::super::given::has_short_parts;
    use super::{CertificateDer, Vec, sys};

    /// What names other places than the usual ones, as OpenSSL has it.
    const FILE: &str = "SSL_CERT_FILE";
    const FOLDERS: &str = "SSL_CERT_DIR";

    /// The largest file that is read: twenty times the usual one.
    const FILE_BYTES: u64 = 4 << 20;

    /// Reads them, each once; None where memory is refused.
    pub fn certificates() -> Option<Vec<CertificateDer<'static>>> {
        let (file, folders) = places();
        let mut store = Store::default();
        if let Some(file) = file {
            store.read(&file)?;
        }
        for folder in &folders {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                store.read(&entry.path())?;
            }
        }
        let mut all = store.certificates;
        all.sort_unstable_by(|one, other| one.as_ref().cmp(other.as_ref()));
        all.dedup();
        Some(all)
    }

    fn places() -> (Option<PathBuf>, Vec<PathBuf>) {
        let file = std::env::var_os(FILE).map(PathBuf::from);
        let folders = std::env::var_os(FOLDERS).unwrap_or_default();
        let named = std::env::split_paths(&folders);
        let folders: Vec<_> = named.filter(|folder| !folder.as_os_str().is_empty()).collect();
        if file.is_some() || !folders.is_empty() {
            return (file, folders);
        }
        let usual = openssl_probe::probe();
        (usual.cert_file, usual.cert_dir)
    }

    #[derive(Default)]
    struct Store {
        certificates: Vec<CertificateDer<'static>>,
        /// The files that were read: most have several names.
        seen: Vec<(u64, u64)>,
        /// What is in one of them.
        pem: Vec<u8>,
    }

    impl Store {
        /// Reads a file, if it is one and can be read; None where memory is refused.
        fn read(&mut self, path: &Path) -> Option<()> {
            if sys::is_refused() {
                return None;
            }
            let Ok(file) = sys::open_file(path) else {
                return Some(());
            };
            let Ok(about) = file.metadata() else { return Some(()) };
            let identity = (about.dev(), about.ino());
            if !about.is_file() || self.seen.contains(&identity) {
                return Some(());
            }
            self.seen.push(identity);
            self.pem.clear();
            let length = usize::try_from(about.len().min(FILE_BYTES)).ok()?;
            self.pem.try_reserve(length.saturating_add(1)).ok()?;
            if file.take(FILE_BYTES).read_to_end(&mut self.pem).is_err() {
                return (!sys::is_refused()).then_some(());
            }
            if !has_short_parts(&self.pem) {
                return Some(());
            }
            for certificate in CertificateDer::pem_slice_iter(&self.pem) {
                if sys::is_refused() {
                    return None;
                }
                self.certificates.extend(certificate.ok());
            }
            Some(())
        }
    }
}
