//! CRAM-MD5 (RFC 2195): the challenge's HMAC-MD5 with the password as key, in hexadecimal, behind the user name.

use hmac::{Hmac, KeyInit};
use md5::Md5;

use super::credentials::Credentials;
use super::derivation::sum_of;
use super::exchange::Exchange;
use crate::base64;
use crate::buffer::Window;

/// Computes the answer to the challenge that is kept.
pub fn answer(exchange: &mut Exchange, credentials: &impl Credentials) -> Option<()> {
    let keyed = Hmac::<Md5>::new_from_slice(credentials.password()).ok()?;
    exchange.digest = sum_of(keyed, &mut |put| put(exchange.message()));
    Some(())
}

/// Writes the response.
pub fn write(exchange: &Exchange, credentials: &impl Credentials, out: &mut Window<'_>) {
    base64::put(credentials.username(), out);
    base64::put(b" ", out);
    put_digits(exchange, &mut |digits| base64::put(digits, out));
    base64::end(out);
}

/// Hands over the answer's digits.
pub fn put_digits(exchange: &Exchange, put: &mut dyn FnMut(&[u8])) {
    let digit = |value: u8| match value {
        ..=9 => value.wrapping_add(b'0'),
        _ => value.wrapping_add(b'a' - 10),
    };
    for octet in exchange.digest {
        put(&[digit(octet >> 4), digit(octet & 15)]);
    }
}
