//! What few mails say in their envelope besides the paths: another verb (RFC 821, 3.4), SMTPUTF8 (RFC 6531), and delivery
//! status notifications (RFC 3461).

use crate::buffer::Window;
use crate::limits::{ADDRESS_BYTES, ENVELOPE_ID_BYTES};
use crate::octets::{Bounded, is_ascii};

/// The command that begins a transaction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verb {
    /// To the mailbox.
    #[default]
    Mail,
    /// To the terminal.
    Send,
    /// To the terminal, or else to the mailbox.
    Soml,
    /// To both.
    Saml,
}

impl Verb {
    /// The word.
    pub fn name(self) -> &'static [u8] {
        match self {
            Self::Mail => b"MAIL",
            Self::Send => b"SEND",
            Self::Soml => b"SOML",
            Self::Saml => b"SAML",
        }
    }

    /// Whether it takes parameters: those of RFC 821 have none.
    pub fn takes_parameters(self) -> bool {
        self == Self::Mail
    }

    /// Whether this refusal says that the server does not know it.
    pub fn is_unknown(self, reply: u16) -> bool {
        self != Self::Mail && matches!(reply, 500 | 502 | 504)
    }
}

/// What the sender wants to be told of a mail's delivery (RFC 3461, 4.1 and 4.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Notify {
    /// That it was delivered.
    pub success: bool,
    /// That it was not.
    pub failure: bool,
    /// That it is late.
    pub delay: bool,
    /// Nothing.
    pub never: bool,
    /// What comes back has the whole mail; else its header block.
    pub full: bool,
}

impl Notify {
    /// Whether NOTIFY is said.
    pub fn is_said(self) -> bool {
        self.success || self.failure || self.delay || self.never
    }

    /// Whether RET is said: not where nothing ever comes back.
    fn returns(self) -> bool {
        self.full || self.is_said() && !self.never
    }

    /// Writes the value of NOTIFY.
    pub(super) fn write(self, out: &mut Window<'_>) {
        let mut said = false;
        for (wanted, word) in [
            (self.success, &b"SUCCESS"[..]),
            (self.failure, b"FAILURE"),
            (self.delay, b"DELAY"),
            (self.never, b"NEVER"),
        ] {
            if wanted {
                if core::mem::replace(&mut said, true) {
                    out.put(b',');
                }
                out.put_seldom(word);
            }
        }
    }
}

/// What few mails say in their envelope.
#[derive(Clone, Copy, Default)]
pub struct Parameters {
    /// How the transaction begins.
    pub verb: Verb,
    /// The mailbox in From, where it is not the configuration's sender.
    pub from: Option<Bounded<ADDRESS_BYTES>>,
    /// The reverse-path, where it is another one; empty: the null one.
    pub reverse_path: Option<Bounded<ADDRESS_BYTES>>,
    /// One of these, or of the other addresses of the mail, has characters outside ASCII.
    pub utf8: bool,
    /// What the sender wants to be told of.
    pub notify: Notify,
    /// ENVID, as xtext; empty: none.
    pub envelope_id: Bounded<ENVELOPE_ID_BYTES>,
}

impl Parameters {
    /// The reverse-path, where it is not the configuration's sender.
    pub(super) fn path(&self) -> Option<&[u8]> {
        let path = self.reverse_path.as_ref().or(self.from.as_ref());
        path.map(Bounded::octets)
    }

    /// Whether delivery status notifications are asked for.
    pub fn asks_for_notices(&self) -> bool {
        self.notify != Notify::default() || !self.envelope_id.octets().is_empty()
    }

    /// The value of RET; None where it is not said.
    pub(super) fn ret(&self) -> Option<&'static [u8]> {
        let value: &[u8] = if self.notify.full { b"FULL" } else { b"HDRS" };
        self.notify.returns().then_some(value)
    }
}

impl core::fmt::Debug for Parameters {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter.write_str("Parameters(..)")
    }
}

/// Writes xtext (RFC 3461, 4): printable ASCII, in which `+` and `=` are written in hexadecimal, as is all else.
pub fn write_xtext(text: &[u8], out: &mut Window<'_>) {
    for octet in text {
        if octet.is_ascii_graphic() && !matches!(octet, b'+' | b'=') {
            out.put(*octet);
        } else {
            out.put(b'+');
            out.put(upper_digit(octet >> 4));
            out.put(upper_digit(octet & 15));
        }
    }
}

/// Writes ORCPT: an address in ASCII as RFC 3461, 4.2 has it, another one as RFC 6533, 3 (`utf-8-addr-xtext`).
pub(super) fn write_original(mailbox: &[u8], out: &mut Window<'_>) {
    let text = match core::str::from_utf8(mailbox) {
        Ok(text) if !is_ascii(mailbox) => text,
        _ => {
            out.put_seldom(b"rfc822;");
            return write_xtext(mailbox, out);
        }
    };
    out.put_seldom(b"utf-8;");
    for character in text.chars() {
        match u8::try_from(character) {
            Ok(octet) if octet.is_ascii_graphic() && !matches!(octet, b'+' | b'=' | b'\\') => out.put(octet),
            _ => {
                let number = u32::from(character);
                out.put_seldom(b"\\x{");
                // At least two digits, none of which is a leading zero of more (RFC 6533, 3).
                let mut digits = 2u32;
                while digits < 6 && number.wrapping_shr(digits.wrapping_mul(4)) > 0 {
                    digits = digits.wrapping_add(1);
                }
                while digits > 0 {
                    digits = digits.wrapping_sub(1);
                    let [value, ..] = number.wrapping_shr(digits.wrapping_mul(4)).to_le_bytes();
                    out.put(upper_digit(value & 15));
                }
                out.put(b'}');
            }
        }
    }
}

/// The upper-case digit of a value below 16.
fn upper_digit(value: u8) -> u8 {
    value.wrapping_add(if value < 10 { b'0' } else { b'A'.wrapping_sub(10) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::String;

    fn written(write: impl FnOnce(&mut Window<'_>)) -> String {
        let mut room = [0; 600];
        let mut out = Window::new(&mut room, 0);
        write(&mut out);
        let length = out.kept();
        String::from_utf8(room[..length].to_vec()).unwrap()
    }

    #[test]
    fn an_original_recipient_is_written_in_the_form_of_its_characters() {
        for (mailbox, wanted) in [
            ("a@b.cz", "rfc822;a@b.cz"),
            ("a+b=c@d.cz", "rfc822;a+2Bb+3Dc@d.cz"),
            ("\"a b\"@c.cz", "rfc822;\"a+20b\"@c.cz"),
            ("\u{17e}@b.cz", "utf-8;\\x{17E}@b.cz"),
            ("\u{e9}+x@b.cz", "utf-8;\\x{E9}\\x{2B}x@b.cz"),
            ("\u{1F4E7}@b.cz", "utf-8;\\x{1F4E7}@b.cz"),
            ("\u{10FFFF}\\@b.cz", "utf-8;\\x{10FFFF}\\x{5C}@b.cz"),
        ] {
            assert_eq!(written(|out| write_original(mailbox.as_bytes(), out)), wanted);
        }
    }

    #[test]
    fn notices_are_written_in_the_order_of_the_rfc() {
        let all = Notify {
            success: true,
            failure: true,
            delay: true,
            ..Notify::default()
        };
        assert_eq!(written(|out| all.write(out)), "SUCCESS,FAILURE,DELAY");
        let never = Notify {
            never: true,
            ..Notify::default()
        };
        assert_eq!(written(|out| never.write(out)), "NEVER");
        assert!(!never.returns() && all.returns() && !Notify::default().is_said());
    }

    #[test]
    fn only_a_verb_of_rfc_821_is_unknown() {
        for reply in 400..600 {
            assert!(!Verb::Mail.is_unknown(reply));
            for verb in [Verb::Send, Verb::Soml, Verb::Saml] {
                assert_eq!(verb.is_unknown(reply), [500, 502, 504].contains(&reply));
            }
        }
    }
}
