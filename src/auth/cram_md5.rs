//! CRAM-MD5 (RFC 2195): the challenge's HMAC-MD5 with the password as key, in hexadecimal, behind the user name.

use super::credentials::Credentials;
use super::digest::{Hash, Mac};
use super::exchange::Exchange;
use crate::base64;
use crate::buffer::Window;
use crate::octets::copy;

/// Computes the answer to the challenge that is kept.
pub fn answer(exchange: &mut Exchange, credentials: &impl Credentials) {
    let mut mac = Mac::new(Hash::Md5, credentials.password());
    mac.add(exchange.message());
    copy(&mut exchange.digest, &mac.finish());
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
