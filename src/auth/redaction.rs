//! A server that repeats what we logged in with ("500 unknown command: AUTH PLAIN AHNkcw...").
//!
//! Result and log keep the server's words, so in the words of a refused login the credentials are masked, plain or in
//! base64. Where the kept text was cut off, a secret's beginning at its end counts, too.

use super::plain;
use crate::base64;
use crate::limits::REPLY_TEXT_BYTES;

/// Masks the password, in plain and in base64, with asterisks; and the user name, too, while logging in: later it is
/// often the sender's address, which is no secret.
#[cfg_attr(not(feature = "std"), inline(never))]
pub fn mask(text: &mut [u8], username: &[u8], password: &[u8], logging_in: bool) {
    let mut secret = plain::message(username, password);
    mask_one(text, &secret);
    (secret[0], secret[1], secret[2]) = (&[], &[], &[]);
    mask_one(text, &secret);
    if logging_in {
        secret[3] = username;
        mask_one(text, &secret);
    }
}

/// Masks each place where the secret stands, in base64 or as it is. Case matters not: servers fold it.
#[cfg_attr(not(feature = "std"), inline(never))]
fn mask_one(text: &mut [u8], secret: &base64::Parts<'_>) {
    mask_form(text, secret, true);
    // PLAIN's message is never said as it is: only the faster way to the same end.
    if !cfg!(feature = "std") || secret[0].is_empty() {
        mask_form(text, secret, false);
    }
}

fn mask_form(text: &mut [u8], secret: &base64::Parts<'_>, in_base64: bool) {
    let wanted = |place| {
        if in_base64 {
            base64::digit(secret, place)
        } else {
            base64::octet(secret, place)
        }
    };
    // Only the faster way to the same end.
    let first = if cfg!(feature = "std") { wanted(0) } else { None };
    for at in 0..text.len() {
        if cfg!(feature = "std")
            && !text
                .get(at)
                .zip(first)
                .is_some_and(|(octet, first)| same(*octet, first))
        {
            continue;
        }
        let full = text.len() >= REPLY_TEXT_BYTES;
        let rest = text.get_mut(at..).unwrap_or(&mut []);
        let mut length = 0usize;
        while let Some(wanted) = wanted(length) {
            match rest.get(length) {
                Some(octet) if same(*octet, wanted) => length = length.wrapping_add(1),
                // As much of the secret as the kept text had room for.
                None if full => break,
                _ => {
                    length = 0;
                    break;
                }
            }
        }
        if let Some(secret) = rest.get_mut(..length) {
            secret.fill(b'*');
        }
    }
}

/// The kept text is cleaned: an octet that is not printable stands there as `?`.
fn same(kept: u8, wanted: u8) -> bool {
    kept.eq_ignore_ascii_case(&wanted) || (kept == b'?' && !matches!(wanted, 0x20..=0x7e))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::String;

    const CREDENTIALS: [&[u8]; 2] = [b"kotelna", b"tajne-heslo"];

    fn masked(text: &str, [username, password]: [&[u8]; 2]) -> String {
        let mut octets = text.as_bytes().to_vec();
        mask(&mut octets, username, password, true);
        String::from_utf8(octets).unwrap()
    }

    #[test]
    fn repeated_secrets_are_masked_in_every_form() {
        for (text, wanted) in [
            ("535 user kotelna unknown", "535 user ******* unknown"),
            ("wrong password tajne-heslo!", "wrong password ***********!"),
            ("unknown: a290ZWxuYQ==", "unknown: **********=="),
            ("unknown: dGFqbmUtaGVzbG8", "unknown: ***************"),
            (
                "500 AUTH PLAIN AGtvdGVsbmEAdGFqbmUtaGVzbG8=",
                "500 AUTH PLAIN ***************************=",
            ),
            ("USER KOTELNA KOTELNA", "USER ******* *******"),
        ] {
            assert_eq!(masked(text, CREDENTIALS), wanted);
        }
    }

    #[test]
    fn after_the_login_only_the_password_is_masked() {
        let mut text = b"kotelna: tajne-heslo a290ZWxuYQ==".to_vec();
        mask(&mut text, CREDENTIALS[0], CREDENTIALS[1], false);
        assert_eq!(text, b"kotelna: *********** a290ZWxuYQ==");
    }

    #[test]
    fn other_texts_are_kept() {
        for text in [
            "5.7.8 Error: authentication failed",
            "",
            "kotel",
            "taj",
            "Username and Password not accepted",
        ] {
            assert_eq!(masked(text, CREDENTIALS), text);
        }
    }

    #[test]
    fn a_secret_that_was_cut_off_with_the_text_is_masked() {
        let text = "x".repeat(REPLY_TEXT_BYTES - 6) + "tajne-";
        assert_eq!(masked(&text, CREDENTIALS), "x".repeat(REPLY_TEXT_BYTES - 6) + "******");
    }

    #[test]
    fn eight_bit_secrets_are_found_in_cleaned_text() {
        assert_eq!(masked("no: p??esn??", [b"u1", b"p\xc5\x99esn\xc4\x9b"]), "no: ********");
    }

    #[test]
    fn empty_credentials_mask_nothing() {
        assert_eq!(masked("5.7.8 no", [b"", b""]), "5.7.8 no");
    }
}
