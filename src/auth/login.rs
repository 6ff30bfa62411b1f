//! LOGIN: two prompts, answered in this order whatever they say: user name, password.
//!
//! There is no standard (the draft `draft-murchison-sasl-login` describes it). Prompts come as `Username:`,
//! `User Name` with a NUL, in other languages, or empty: they are not looked at. No initial response: some servers
//! refuse one.

use super::Credentials;
use crate::base64;
use crate::buffer::{Sink, Window};

/// Writes the AUTH command.
pub fn write_command(out: &mut Window<'_>) {
    out.put_all(b"AUTH LOGIN\r\n");
}

/// Writes the answer to the first prompt.
pub fn write_username(credentials: Credentials<'_>, out: &mut Window<'_>) {
    write_answer(credentials.username, out);
}

/// Writes the answer to the second prompt.
pub fn write_password(credentials: Credentials<'_>, out: &mut Window<'_>) {
    write_answer(credentials.password, out);
}

fn write_answer(answer: &[u8], out: &mut Window<'_>) {
    base64::encode(&[answer], out);
    out.put_all(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_answers_are_base64() {
        let credentials = Credentials {
            username: b"sds",
            password: b"sds-secret",
        };
        let mut buffer = [0u8; 64];
        let mut window = Window::new(&mut buffer, 0);
        write_command(&mut window);
        write_username(credentials, &mut window);
        write_password(credentials, &mut window);
        let kept = window.kept();
        assert_eq!(&buffer[..kept], b"AUTH LOGIN\r\nc2Rz\r\nc2RzLXNlY3JldA==\r\n");
    }
}
