//! PLAIN (RFC 4616): an empty authorization identity, the user name and the password, each behind a NUL.
//!
//! The authorization identity stays empty: servers may refuse one, even when it equals the user name.

use super::Credentials;
use crate::base64;
use crate::buffer::{Sink, Window};
use crate::limits::COMMAND_LINE_BYTES;

const COMMAND: &[u8] = b"AUTH PLAIN";

/// The octets of the message, before base64.
pub fn message(credentials: Credentials<'_>) -> [&[u8]; 4] {
    [b"\0", credentials.username, b"\0", credentials.password]
}

/// Whether the response fits into the AUTH command's line (RFC 4954, 4: else it has to wait for a 334).
pub fn fits_command(credentials: Credentials<'_>) -> bool {
    let message = credentials
        .username
        .len()
        .saturating_add(credentials.password.len())
        .saturating_add(2);
    COMMAND
        .len()
        .saturating_add(1)
        .saturating_add(base64::encoded_len(message))
        .saturating_add(2)
        <= COMMAND_LINE_BYTES
}

/// Writes the AUTH command without a response.
pub fn write_command(out: &mut Window<'_>) {
    out.put_all(COMMAND);
    out.put_all(b"\r\n");
}

/// Writes the AUTH command with the response in it.
pub fn write_command_with_response(credentials: Credentials<'_>, out: &mut Window<'_>) {
    out.put_all(COMMAND);
    out.put(b' ');
    write_response(credentials, out);
}

/// Writes the response.
pub fn write_response(credentials: Credentials<'_>, out: &mut Window<'_>) {
    base64::encode(&message(credentials), out);
    out.put_all(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_authorization_identity_is_empty() {
        // RFC 4616, 4: the message of user "tim" with password "tanstaaftanstaaf".
        let credentials = Credentials {
            username: b"tim",
            password: b"tanstaaftanstaaf",
        };
        let mut buffer = [0u8; 64];
        let mut window = Window::new(&mut buffer, 0);
        write_command_with_response(credentials, &mut window);
        let kept = window.kept();
        assert_eq!(&buffer[..kept], b"AUTH PLAIN AHRpbQB0YW5zdGFhZnRhbnN0YWFm\r\n");
    }

    #[test]
    fn a_line_of_512_octets_is_the_longest_with_a_response() {
        // 499 octets are left for base64: 496 of them make 372 octets, two of which are the NULs.
        static X: [u8; 400] = [b'x'; 400];
        let longest = Credentials {
            username: b"u",
            password: &X[..369],
        };
        assert!(fits_command(longest));
        let mut window = Window::counting();
        write_command_with_response(longest, &mut window);
        assert!(window.written() <= 512);
        assert!(!fits_command(Credentials {
            username: b"u",
            password: &X[..370]
        }));
    }
}
