//! What speaks where an SMTP server should greet: another port, or another mode, than was meant. Its first octets tell.

/// What else speaks on a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OtherProtocol {
    /// TLS, with an alert or a handshake (RFC 8446, 5.1).
    Tls,
    /// SSH (RFC 4253, 4.2).
    Ssh,
    /// HTTP (RFC 9112, 4).
    Http,
    /// POP3 (RFC 1939, 4).
    Pop3,
    /// IMAP (RFC 9051, 7.1.1 and 7.1.4).
    Imap,
}

/// The types of the TLS records that a server may begin with, and the first octet of a record's version (RFC 8446, 5.1).
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const VERSION: u8 = 3;

/// What each says first. None begins with another one, or with a digit.
const BEGINNINGS: [(&[u8], OtherProtocol); 7] = [
    (&[ALERT, VERSION], OtherProtocol::Tls),
    (&[HANDSHAKE, VERSION], OtherProtocol::Tls),
    (b"SSH-", OtherProtocol::Ssh),
    (b"HTTP/", OtherProtocol::Http),
    (b"+OK", OtherProtocol::Pop3),
    (b"* OK", OtherProtocol::Imap),
    (b"* PREAUTH", OtherProtocol::Imap),
];

/// The longest beginning.
const MOST: usize = 9;

/// Takes the first octets of what is no SMTP reply, octet by octet.
#[derive(Clone, Copy, Debug)]
pub struct Beginning {
    first: [u8; MOST],
    length: u8,
}

/// What is known after an octet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Met {
    /// It may still be one of them.
    Perhaps,
    /// It is this one.
    Known(OtherProtocol),
    /// It is none of them.
    Unknown,
}

impl Beginning {
    /// Before the first octet.
    pub const NONE: Self = Self {
        first: [0; MOST],
        length: 0,
    };

    /// Whether there was an octet.
    pub fn is_there(self) -> bool {
        self.length > 0
    }

    /// Takes an octet.
    pub fn feed(&mut self, octet: u8) -> Met {
        if let Some(next) = self.first.get_mut(usize::from(self.length)) {
            *next = octet;
            self.length = self.length.wrapping_add(1);
        }
        let said = self.first.get(..usize::from(self.length)).unwrap_or(&[]);
        let mut met = Met::Unknown;
        for (beginning, protocol) in BEGINNINGS {
            if said == beginning {
                return Met::Known(protocol);
            }
            if beginning.starts_with(said) {
                met = Met::Perhaps;
            }
        }
        met
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is known after each octet, up to the first that decides.
    fn met(octets: &[u8]) -> (usize, Met) {
        let mut beginning = Beginning::NONE;
        for (at, octet) in octets.iter().enumerate() {
            assert_eq!(beginning.is_there(), at > 0);
            match beginning.feed(*octet) {
                Met::Perhaps => {}
                decided => return (at + 1, decided),
            }
        }
        (octets.len(), Met::Perhaps)
    }

    #[test]
    fn each_protocol_is_known_by_its_first_octets() {
        for (octets, length, protocol) in [
            (&b"\x15\x03\x01\x00\x02\x02\x46"[..], 2, OtherProtocol::Tls),
            (b"\x16\x03\x03\x00\x7a", 2, OtherProtocol::Tls),
            (b"SSH-2.0-OpenSSH_9.2", 4, OtherProtocol::Ssh),
            (b"HTTP/1.1 400 Bad Request", 5, OtherProtocol::Http),
            (b"+OK ready", 3, OtherProtocol::Pop3),
            (b"* OK [CAPABILITY IMAP4rev1]", 4, OtherProtocol::Imap),
            (b"* PREAUTH hello", 9, OtherProtocol::Imap),
        ] {
            assert_eq!(met(octets), (length, Met::Known(protocol)), "{octets:?}");
        }
    }

    #[test]
    fn what_begins_otherwise_is_unknown_at_the_first_octet_that_differs() {
        for (octets, length) in [
            (&b"hello"[..], 1),
            (b"\x15\x02", 2),
            (b"\x16\x16\x03", 2),
            (b"\x17\x03", 1),
            (b"\x00", 1),
            (b"SSL", 3),
            (b"HTML", 3),
            (b"* BYE", 3),
            (b"* PREAUTX", 9),
            (b"+ER", 2),
        ] {
            assert_eq!(met(octets), (length, Met::Unknown), "{octets:?}");
        }
    }

    #[test]
    fn no_beginning_hides_another_and_none_is_longer_than_the_room() {
        for (at, (one, _)) in BEGINNINGS.iter().enumerate() {
            assert!(one.len() <= MOST && !one[0].is_ascii_digit());
            for (other, _) in BEGINNINGS.iter().skip(at + 1) {
                assert!(!one.starts_with(other) && !other.starts_with(one));
            }
        }
    }
}
