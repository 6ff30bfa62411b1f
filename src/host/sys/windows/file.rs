//! Files that are read for a mail.

use core::ffi::CStr;
use std::fs;
use std::io::Read;

use super::super::interface::{Failure, Unopened};

/// A file that is open.
pub struct File(fs::File);

/// Opens a file; with it its length, where it has one. Its path is UTF-8.
pub fn open_source(path: &CStr) -> Result<(File, Option<u64>), Unopened> {
    let path = path.to_str().map_err(|_| Unopened::NotThere)?;
    let before = fs::metadata(path).map_err(|_| Unopened::NotThere)?;
    if !before.is_file() {
        return Err(Unopened::Strange);
    }
    let file = fs::File::open(path).map_err(|_| Unopened::NotThere)?;
    let status = file.metadata().map_err(|_| Unopened::NotThere)?;
    Ok((File(file), Some(status.len()).filter(|length| *length > 0)))
}

/// The length of a file that can be opened; None where it is not known.
pub fn length_of_file(path: &CStr) -> Result<Option<u64>, Unopened> {
    open_source(path).map(|(_, length)| length)
}

impl File {
    /// Reads what there is; 0 at the end, None where there is nothing yet.
    pub fn read(&self, octets: &mut [u8]) -> Result<Option<usize>, Failure> {
        (&self.0).read(octets).map(Some).map_err(|_| Failure::Broken)
    }

    /// Nothing has to be waited for.
    pub fn wait(&self, _: u64) {}
}
