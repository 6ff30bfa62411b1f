//! The `server` of a configuration: a list of servers, with commas between them; blanks around a server do not count.

use std::boxed::Box;
use std::net::SocketAddr;

use super::memory::Row;
use super::no_server::NoServer;
pub use super::server::Target;
use super::server::{self, Server};
use crate::code::Code;
use crate::limits::{SERVER_LIST_BYTES, SERVERS};

/// Why a text names no servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// [`Code::ConnectFailed`]; [`Code::NotSupported`] where this build lacks something; [`Code::DataFailed`] without memory.
    pub code: Code,
    /// Which entry of the list, from 0.
    pub entry: usize,
    /// The reason, for people.
    pub text: &'static str,
}

impl Wrong {
    fn new(entry: usize, why: NoServer) -> Self {
        Self {
            code: why.code(),
            entry,
            text: why.text(),
        }
    }
}

/// The servers of a configuration: in one piece of memory, of exactly their size.
pub struct Servers {
    octets: Box<[u8]>,
}

impl Servers {
    /// Reads a list of servers. `port` is that of entries without one.
    pub fn parse(text: &[u8], port: u16) -> Result<Self, Wrong> {
        let octets = read_all(text, port)?.boxed();
        let octets = octets.ok_or(Wrong::new(0, NoServer::NoMemory))?;
        Ok(Self { octets })
    }

    /// Reads what `sds_smtp_configure()` takes: one IP address, with a port or without.
    pub fn parse_device(text: &[u8], port: u16) -> Result<SocketAddr, Wrong> {
        let mut server = Server::NONE;
        let why = if text.is_empty() {
            NoServer::Empty
        } else if text.contains(&b',') {
            NoServer::NoList
        } else {
            match server.read(text, port) {
                Ok(()) => NoServer::NoName,
                Err(why) => why,
            }
        };
        match server::first(server.as_bytes()) {
            Some((Target::Address(address), _)) => Ok(address),
            // With this code whatever is wrong: the devices' own function knows no other.
            _ => Err(Wrong {
                code: Code::ConnectFailed,
                ..Wrong::new(0, why)
            }),
        }
    }

    /// How many there are: at least one.
    // A list is never empty.
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        self.targets().count()
    }

    /// The server at this position, from 0.
    // Saves 48 bytes.
    #[inline(never)]
    pub fn get(&self, at: usize) -> Option<Target<'_>> {
        self.targets().nth(at)
    }

    /// All of them.
    pub fn targets(&self) -> impl Iterator<Item = Target<'_>> {
        let mut rest = &*self.octets;
        core::iter::from_fn(move || {
            let (target, others) = server::first(rest)?;
            rest = others;
            Some(target)
        })
    }
}

/// All servers of a list, as they are kept.
fn read_all(text: &[u8], port: u16) -> Result<Row<u8>, Wrong> {
    let mut all = Row::new();
    let text = if text.len() > SERVER_LIST_BYTES {
        return Err(Wrong::new(0, NoServer::TooLong));
    } else {
        trimmed(text)
    };
    for (at, one) in text.split(|octet| *octet == b',').enumerate() {
        let one = trimmed(one);
        let mut server = Server::NONE;
        let read = match one {
            _ if at >= SERVERS => Err(NoServer::TooMany),
            [] if text.is_empty() => Err(NoServer::Empty),
            [] => Err(NoServer::EmptyEntry),
            one => server.read(one, port),
        };
        let kept = read.and_then(|()| all.append(server.as_bytes()).ok_or(NoServer::NoMemory));
        kept.map_err(|why| Wrong::new(at, why))?;
    }
    Ok(all)
}

fn trimmed(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::HOST_NAME_BYTES;
    use std::format;
    use std::string::{String, ToString};
    use std::vec::Vec;

    fn all(text: &str) -> Result<Vec<String>, Wrong> {
        let servers = Servers::parse(text.as_bytes(), 25)?;
        let said = |target: Target<'_>| match target {
            Target::Address(address) => address.to_string(),
            Target::Name { name, port, .. } => format!("{}:{port}", String::from_utf8_lossy(name)),
        };
        assert_eq!(servers.get(servers.len()), None);
        Ok((0..servers.len()).filter_map(|at| servers.get(at).map(said)).collect())
    }

    fn wrong(text: &str) -> (usize, &'static str) {
        let wrong = all(text).unwrap_err();
        assert_eq!(wrong.code, Code::ConnectFailed);
        (wrong.entry, wrong.text)
    }

    #[test]
    fn a_list_is_kept_in_its_order() {
        assert_eq!(all("192.0.2.1").unwrap(), ["192.0.2.1:25"]);
        assert_eq!(
            all(" mail.example.org , \t192.0.2.1:2525,[2001:db8::1]:465,2001:db8::2,Mail2.Example.org.:587 ").unwrap(),
            [
                "mail.example.org:25",
                "192.0.2.1:2525",
                "[2001:db8::1]:465",
                "[2001:db8::2]:25",
                "mail2.example.org:587"
            ]
        );
    }

    #[test]
    fn a_wrong_entry_is_named_by_its_place() {
        assert_eq!(wrong(""), (0, NoServer::Empty.text()));
        assert_eq!(wrong(" \t "), (0, NoServer::Empty.text()));
        assert_eq!(wrong(","), (0, NoServer::EmptyEntry.text()));
        assert_eq!(wrong("192.0.2.1,"), (1, NoServer::EmptyEntry.text()));
        assert_eq!(wrong("192.0.2.1, ,192.0.2.2"), (1, NoServer::EmptyEntry.text()));
        assert_eq!(wrong("192.0.2.1;192.0.2.2").0, 0);
        assert_eq!(wrong("a,b,c:0").0, 2);
    }

    #[test]
    fn a_list_has_at_most_100_servers() {
        let list = |servers: usize, one: &str| std::vec![one; servers].join(",");
        assert_eq!(all(&list(100, "mail.example.org")).unwrap().len(), 100);
        assert_eq!(wrong(&list(101, "mail.example.org")), (100, NoServer::TooMany.text()));
        assert_eq!(wrong(&list(10_000, "a")), (100, NoServer::TooMany.text()));
        assert_eq!(wrong(&list(10_000, "mail.example.org")), (0, NoServer::TooLong.text()));
        let longest = ["a".repeat(63), "b".repeat(63), "c".repeat(63), "d".repeat(61)].join(".");
        assert_eq!(longest.len(), HOST_NAME_BYTES);
        assert_eq!(all(&list(100, &format!(" {longest}.:65535"))).unwrap().len(), 100);
    }

    #[test]
    fn it_takes_no_more_memory_than_it_needs() {
        let octets = |text: &str| Servers::parse(text.as_bytes(), 25).unwrap().octets.len();
        assert_eq!(octets("192.0.2.1"), 7);
        assert_eq!(octets("::1"), 23);
        assert_eq!(octets("mail.example.org."), 20);
    }

    #[test]
    fn a_device_has_one_ip_address() {
        let device = |text: &str| {
            Servers::parse_device(text.as_bytes(), 25)
                .map(|address| address.to_string())
                .map_err(|wrong| (wrong.code, wrong.text))
        };
        for (text, address) in [
            ("192.0.2.1", "192.0.2.1:25"),
            ("192.0.2.1:2525", "192.0.2.1:2525"),
            ("2001:db8::1", "[2001:db8::1]:25"),
            ("[2001:db8::1]:2525", "[2001:db8::1]:2525"),
            ("::ffff:192.0.2.1", "192.0.2.1:25"),
        ] {
            assert_eq!(device(text).as_deref(), Ok(address), "{text}");
        }
        for (text, why) in [
            ("", NoServer::Empty.text()),
            ("192.0.2.1,192.0.2.2", NoServer::NoList.text()),
            ("mail.example.org", NoServer::NoName.text()),
            ("localhost:25", NoServer::NoName.text()),
        ] {
            assert_eq!(device(text), Err((Code::ConnectFailed, why)), "{text}");
        }
        for text in [
            " 192.0.2.1",
            "192.0.2.1 ",
            "1.2.3",
            "0.0.0.0",
            "192.0.2.1:0",
            "224.0.0.1",
            // In every build: the devices' function has no code for what a build lacks.
            "m\u{e1}l.cz",
        ] {
            assert_eq!(
                device(text).map_err(|(code, _)| code),
                Err(Code::ConnectFailed),
                "{text}"
            );
        }
    }
}
