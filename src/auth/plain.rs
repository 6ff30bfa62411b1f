//! PLAIN (RFC 4616): an empty authorization identity, the user name and the password, each behind a NUL.
//!
//! The authorization identity stays empty: servers may refuse one, even when it equals the user name.

use crate::limits::COMMAND_LINE_BYTES;

/// Whether the response fits into the AUTH command's line (RFC 4954, 4: else it has to wait for a 334).
pub fn fits_command(username: &[u8], password: &[u8]) -> bool {
    // Four digits for three octets, two of which are the NULs.
    const MOST: usize = (COMMAND_LINE_BYTES - "AUTH PLAIN \r\n".len()) / 4 * 3 - 2;
    username.len().saturating_add(password.len()) <= MOST
}
