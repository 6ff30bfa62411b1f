//! The commands (RFC 5321, 4.1.1), one small struct each, that knows how to write itself.
//!
//! Every command writes its whole line into a [`Window`]; the window makes it resumable. No blank that the grammar does
//! not have: `MAIL FROM:<...>`.

use core::net::IpAddr;

use super::address::write_literal;
use crate::buffer::{Sink, Window};

/// EHLO with a name, or with the address literal of our end of the connection.
pub struct Ehlo<'a> {
    /// The configured name.
    pub name: Option<&'a [u8]>,
    /// Our address.
    pub local: IpAddr,
}

/// HELO, likewise.
pub struct Helo<'a> {
    /// The configured name.
    pub name: Option<&'a [u8]>,
    /// Our address.
    pub local: IpAddr,
}

/// MAIL with the parameters that the server announced.
pub struct Mail<'a> {
    /// The sender's mailbox.
    pub reverse_path: &'a [u8],
    /// `BODY=8BITMIME` (RFC 6152).
    pub eight_bit: bool,
    /// `SIZE=` (RFC 1870).
    pub size: Option<u32>,
}

/// RCPT.
pub struct Rcpt<'a> {
    /// The recipient's mailbox.
    pub forward_path: &'a [u8],
}

/// Commands without arguments.
pub enum Plain {
    /// DATA.
    Data,
    /// RSET.
    Rset,
    /// QUIT.
    Quit,
}

fn greet(verb: &[u8], name: Option<&[u8]>, local: IpAddr, out: &mut Window<'_>) {
    out.put_all(verb);
    match name {
        Some(name) => out.put_all(name),
        None => write_literal(local, out),
    }
    out.put_all(b"\r\n");
}

impl Ehlo<'_> {
    /// Writes the line.
    pub fn write(&self, out: &mut Window<'_>) {
        greet(b"EHLO ", self.name, self.local, out);
    }
}

impl Helo<'_> {
    /// Writes the line.
    pub fn write(&self, out: &mut Window<'_>) {
        greet(b"HELO ", self.name, self.local, out);
    }
}

impl Mail<'_> {
    /// Writes the line.
    pub fn write(&self, out: &mut Window<'_>) {
        out.put_all(b"MAIL FROM:<");
        out.put_all(self.reverse_path);
        out.put(b'>');
        if self.eight_bit {
            out.put_all(b" BODY=8BITMIME");
        }
        if let Some(size) = self.size {
            out.put_all(b" SIZE=");
            out.decimal(size);
        }
        out.put_all(b"\r\n");
    }
}

impl Rcpt<'_> {
    /// Writes the line.
    pub fn write(&self, out: &mut Window<'_>) {
        out.put_all(b"RCPT TO:<");
        out.put_all(self.forward_path);
        out.put_all(b">\r\n");
    }
}

impl Plain {
    /// Writes the line.
    pub fn write(&self, out: &mut Window<'_>) {
        out.put_all(match self {
            Self::Data => b"DATA\r\n",
            Self::Rset => b"RSET\r\n",
            Self::Quit => b"QUIT\r\n",
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::String;

    fn written(write: impl Fn(&mut Window<'_>)) -> String {
        let mut buffer = [0u8; 700];
        let mut window = Window::new(&mut buffer, 0);
        write(&mut window);
        let kept = window.kept();
        String::from_utf8(buffer[..kept].to_vec()).unwrap()
    }

    #[test]
    fn greetings_name_us() {
        let local = "192.168.1.250".parse().unwrap();
        assert_eq!(
            written(|out| Ehlo { name: None, local }.write(out)),
            "EHLO [192.168.1.250]\r\n"
        );
        let name = Some(&b"sds.example"[..]);
        assert_eq!(written(|out| Ehlo { name, local }.write(out)), "EHLO sds.example\r\n");
        assert_eq!(written(|out| Helo { name, local }.write(out)), "HELO sds.example\r\n");
    }

    #[test]
    fn the_envelope_has_no_blank_behind_its_colon() {
        let mail = |eight_bit, size| {
            written(|out| {
                Mail {
                    reverse_path: b"a@b.cz",
                    eight_bit,
                    size,
                }
                .write(out);
            })
        };
        assert_eq!(mail(false, None), "MAIL FROM:<a@b.cz>\r\n");
        assert_eq!(mail(true, Some(1234)), "MAIL FROM:<a@b.cz> BODY=8BITMIME SIZE=1234\r\n");
        assert_eq!(
            written(|out| Rcpt {
                forward_path: b"c@d.cz"
            }
            .write(out)),
            "RCPT TO:<c@d.cz>\r\n"
        );
    }

    #[test]
    fn commands_without_arguments_are_four_letters() {
        assert_eq!(written(|out| Plain::Data.write(out)), "DATA\r\n");
        assert_eq!(written(|out| Plain::Rset.write(out)), "RSET\r\n");
        assert_eq!(written(|out| Plain::Quit.write(out)), "QUIT\r\n");
    }
}
