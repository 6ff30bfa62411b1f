//! XOAUTH2 and OAUTHBEARER (RFC 7628): the user name and a token of OAuth 2.0, which the password is.
//!
//! XOAUTH2 is what Google and Microsoft document; OAUTHBEARER is its standard, which names the server, too. The server tells of a
//! token that it does not take in a challenge, and refuses the login only when that is answered.

use super::credentials::Credentials;
use super::scram;
use crate::base64;
use crate::buffer::Window;

/// Ends each part of the response: Control-A.
const END: u8 = 1;

/// Writes the response of XOAUTH2.
pub fn write_xoauth2(credentials: &impl Credentials, out: &mut Window<'_>) {
    base64::put(b"user=", out);
    base64::put(credentials.username(), out);
    write_token(credentials, out);
}

/// Writes the response of OAUTHBEARER.
pub fn write_oauthbearer(credentials: &impl Credentials, out: &mut Window<'_>) {
    base64::put(b"n,a=", out);
    scram::each_of_name(credentials.username(), &mut |octets| base64::put(octets, out));
    base64::put(&[b',', END], out);
    // No host name is longer.
    let mut room = [0; 256];
    for write in [host, port] {
        let mut line = Window::new(&mut room, 0);
        write(credentials, &mut line);
        let length = line.kept();
        base64::put(room.get(..length).unwrap_or(&[]), out);
    }
    base64::put(&[], out);
    write_token(credentials, out);
}

fn host<C: Credentials>(credentials: &C, out: &mut Window<'_>) {
    out.put_seldom(b"host=");
    credentials.write_host(out);
    out.put(END);
}

fn port<C: Credentials>(credentials: &C, out: &mut Window<'_>) {
    out.put_seldom(b"port=");
    out.decimal(credentials.port().into());
}

fn write_token(credentials: &impl Credentials, out: &mut Window<'_>) {
    base64::put(&[END], out);
    base64::put(b"auth=Bearer ", out);
    base64::put(credentials.password(), out);
    base64::put(&[END, END], out);
    base64::end(out);
}

/// Writes the answer to what the server says of a token that it does not take.
pub fn write_seen(out: &mut Window<'_>) {
    base64::put(&[END], out);
    base64::end(out);
}
