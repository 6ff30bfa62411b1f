//! What a program sends: checked before anything is copied.

use crate::code::{Code, Reason};
use crate::limits::{Count, SUBJECT_BYTES, TEXT_BYTES};
use crate::wire::address;

/// Checks recipients, subject and text; how many recipients there are.
pub fn check(recipients: Option<&[u8]>, subject: &[u8], text: &[u8]) -> Result<Count, Reason> {
    let Some(count) = recipients.and_then(address::count) else {
        return Err(Reason::BadRecipients);
    };
    check_all_else(subject, text)?;
    Ok(count)
}

/// The same without the recipients, which are read elsewhere.
pub fn check_all_else(subject: &[u8], text: &[u8]) -> Result<(), Reason> {
    if subject.len() > SUBJECT_BYTES {
        return Err(Reason::LongSubject);
    }
    // Refused, never removed: a line end here would be a header of the caller's.
    if !is_clean(subject, !(1 << b'\t')) {
        return Err(Reason::BadSubject);
    }
    if text.len() > TEXT_BYTES {
        return Err(Reason::LongText);
    }
    Ok(())
}

/// The code of a mail that cannot be sent for this reason.
pub fn code(reason: Reason) -> Code {
    match reason {
        Reason::BadRecipients => Code::RecipientRefused,
        Reason::NotConfigured | Reason::NoTransport => Code::ConnectFailed,
        _ => Code::DataFailed,
    }
}

/// Whether there is none of these control characters in a text: bit 0 is NUL, bit 30 is 30; bit 31 is 31 and DEL.
// Saves 90 bytes.
#[cfg_attr(fast, inline(never))]
pub(super) fn is_clean(text: &[u8], controls: u32) -> bool {
    text.iter().all(|&octet| {
        let control = if octet == 0x7f { 31 } else { octet };
        control >= 32 || controls.wrapping_shr(u32::from(control)) & 1 == 0
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_found_by_their_bits() {
        for octet in 0..=255u8 {
            let text = [b'x', octet];
            assert_eq!(is_clean(&text, u32::MAX), !octet.is_ascii_control());
            assert_eq!(
                is_clean(&text, !(1 << b'\t')),
                !octet.is_ascii_control() || octet == b'\t'
            );
            assert_eq!(is_clean(&text, 1), octet != 0);
        }
    }

    #[test]
    fn each_field_has_its_code() {
        let to = Some(&b"a@b.cz"[..]);
        assert_eq!(check(to, b"alarm", b"text\r\n"), Ok(1));
        assert_eq!(check(to, "\u{17e}\tx".as_bytes(), b""), Ok(1));
        for recipients in [None, Some(&b""[..])] {
            let reason = check(recipients, b"", b"").unwrap_err();
            assert_eq!(code(reason), Code::RecipientRefused);
        }
        for subject in [&b"a\r\nBcc: x@y"[..], b"a\n", b"a\r", b"a\0", b"\x1b"] {
            assert_eq!(check(to, subject, b""), Err(Reason::BadSubject));
        }
        assert_eq!(check(to, &[b'x'; 2001], b""), Err(Reason::LongSubject));
        assert_eq!(code(Reason::BadSubject), Code::DataFailed);
    }
}
