//! The server: it has a turn when the input says so.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;

use super::PASSWORD;

/// A connection of the server's.
pub(super) struct Peer {
    pub(super) stream: TcpStream,
    heard: Vec<u8>,
    pub(super) in_data: bool,
    login: u8,
    pub(super) open: bool,
}

impl Peer {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            heard: Vec::new(),
            in_data: false,
            login: 0,
            open: true,
        }
    }

    pub(super) fn say(&mut self, octets: &[u8]) {
        self.open &= self.stream.write_all(octets).is_ok();
    }

    /// The next line that has arrived; of a mail its whole text.
    pub(super) fn line(&mut self) -> Option<Vec<u8>> {
        let mut some = [0; 4096];
        while self.open {
            match self.stream.read(&mut some) {
                Ok(0) => self.open = false,
                Ok(length) => self.heard.extend(&some[..length]),
                Err(error) => {
                    self.open &= error.kind() == ErrorKind::WouldBlock;
                    break;
                }
            }
        }
        let end: &[u8] = if self.in_data { b"\r\n.\r\n" } else { b"\r\n" };
        let at = self.heard.windows(end.len()).position(|part| part == end)?;
        Some(self.heard.drain(..at + end.len()).collect())
    }

    /// Answers a line; true where it took a mail.
    pub(super) fn answer(&mut self, line: &[u8], how: u8) -> bool {
        let verb = line.get(..4).unwrap_or(line).to_ascii_uppercase();
        let fits: &[u8] = match verb.as_slice() {
            _ if self.in_data => b"250 taken\r\n",
            b"EHLO" => b"250-x\r\n250-PIPELINING\r\n250-AUTH PLAIN LOGIN\r\n250-SIZE\r\n250 8BITMIME\r\n",
            b"AUTH" if line.len() > 14 => b"235 in\r\n",
            b"AUTH" => {
                self.login = if line.starts_with(b"AUTH LOGIN") { 2 } else { 1 };
                b"334 \r\n"
            }
            b"DATA" => b"354 go\r\n",
            b"QUIT" => b"221 bye\r\n",
            b"HELO" | b"MAIL" | b"RCPT" | b"RSET" => b"250 ok\r\n",
            _ if self.login > 1 => {
                self.login = 1;
                b"334 \r\n"
            }
            _ => b"235 in\r\n",
        };
        let was_data = std::mem::take(&mut self.in_data);
        let refusal = |words: &[u8]| [b"550 5.7.1 ", words, b"\r\n"].concat();
        let says = match how {
            240.. => refusal(line.split(|octet| b"\r\n".contains(octet)).next().unwrap_or(&[])),
            235 => refusal(PASSWORD),
            230 => b"421 4.3.2 closing\r\n".to_vec(),
            225 => b"500 unknown\r\n".to_vec(),
            220 => b"\0\xff no SMTP\r\n".to_vec(),
            215 => Vec::new(),
            210 => {
                self.open = false;
                return false;
            }
            _ => fits.to_vec(),
        };
        let takes = says == fits;
        self.in_data = takes && verb == b"DATA" && !was_data;
        self.say(&says);
        takes && was_data
    }
}
