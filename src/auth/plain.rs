//! PLAIN (RFC 4616): an empty authorization identity, the user name and the password, a NUL between them.
//!
//! The authorization identity stays empty: servers may refuse one, even when it equals the user name.

use super::credentials::Credentials;
use crate::base64;
use crate::buffer::Window;
use crate::limits::COMMAND_LINE_BYTES;

/// Whether the response fits into the AUTH command's line (RFC 4954, 4: else it has to wait for a 334).
pub fn fits_command(credentials: &impl Credentials) -> bool {
    // Four digits for three octets, two of which are the NULs.
    const MOST: usize = (COMMAND_LINE_BYTES - "AUTH PLAIN \r\n".len()) / 4 * 3 - 2;
    credentials.username().len().wrapping_add(credentials.password().len()) <= MOST
}

/// Writes the response.
pub fn write(credentials: &impl Credentials, out: &mut Window<'_>) {
    base64::put(b"\0", out);
    base64::put(credentials.username(), out);
    base64::put(b"\0", out);
    base64::put(credentials.password(), out);
    base64::end(out);
}
