//! Internationalized domain names (RFC 5890): names with characters outside ASCII, as A-labels.

use crate::code::Code;

/// Writes a name as A-labels; their length.
pub fn to_a_labels(_: &[u8], _: &mut [u8]) -> Result<usize, (Code, &'static str)> {
    Err((
        Code::NotSupported,
        "this build takes names of ASCII only: give the name as A-labels (xn--...)",
    ))
}
