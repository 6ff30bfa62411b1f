//! Fields of the header block (RFC 5322, 3.6) that are more than a text behind a name.

use crate::buffer::{HEXADECIMAL, Sink, Window, hex_digit};
use crate::octets::behind_last;

/// Writes the recipients of To, folded; or only that with a number, counted from 1.
#[cfg_attr(not(feature = "std"), inline(never))]
pub fn write_to<'a>(recipients: impl Iterator<Item = &'a [u8]>, only: usize, out: &mut Window<'_>) {
    let mut number = 0usize;
    for recipient in recipients {
        number = number.wrapping_add(1);
        if only == 0 && number > 1 {
            out.put(b',');
            out.fold(recipient.len().wrapping_add(2));
        }
        if only == 0 || only == number {
            out.put_all(recipient);
        }
    }
}

/// 128 random bits.
pub type Nonce = [u32; 4];

/// Writes the Message-ID (RFC 5322, 3.6.4): the nonce in hexadecimal digits at the sender's domain.
#[cfg_attr(not(feature = "std"), inline(never))]
pub fn write_message_id(sender: &[u8], nonce: &Nonce, out: &mut Window<'_>) {
    out.put(b'<');
    for word in nonce {
        if cfg!(feature = "std") {
            // Without divisions, which is faster and more code.
            for octet in word.to_be_bytes() {
                out.put(hex_digit(u32::from(octet >> 4)));
                out.put(hex_digit(u32::from(octet & 15)));
            }
        } else {
            out.digits(*word, HEXADECIMAL, 1 << 7);
        }
    }
    out.put(b'@');
    out.put_all(behind_last(sender, b'@'));
    out.put(b'>');
}
