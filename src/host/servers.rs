//! The `server` of a configuration: a list of servers, with commas between them; blanks around a server do not count.

use std::boxed::Box;
use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::vec::Vec;

use super::server::{self, Host, refused};
use crate::code::Code;
use crate::limits::{HOST_NAME_BYTES, SERVER_LIST_BYTES, SERVERS};

/// Where to connect to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target<'a> {
    /// An address.
    Address(SocketAddr),
    /// A name, whose addresses have to be looked up.
    Name {
        /// A-labels in lower case, without a dot at the end.
        name: &'a [u8],
        /// The port.
        port: u16,
    },
}

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

const EMPTY: &str = "no server is given";
const EMPTY_ENTRY: &str = "an empty entry in the list of servers";
const TOO_MANY: &str = "more than 100 servers";
const TOO_LONG: &str = "the list of servers is too long";
const NO_LIST: &str = "a list where one IP address is needed";
const NO_NAME: &str = "a name where an IP address is needed";
const NO_MEMORY: &str = "out of memory";

/// The servers of a configuration.
///
/// In one piece of memory, of exactly their size. Each begins with its port, and an octet that says what follows:
/// [`IPV4`], [`IPV6`], or the length of a name.
pub struct Servers {
    octets: Box<[u8]>,
}

const IPV4: u8 = 254;
const IPV6: u8 = 255;
const _: () = assert!(HOST_NAME_BYTES < IPV4 as usize);

impl Servers {
    /// Reads a list of servers. `port` is that of entries without one.
    pub fn parse(text: &[u8], port: u16) -> Result<Self, Wrong> {
        let mut length = 0usize;
        each_entry(text, port, |host, port| {
            length = length.saturating_add(written(host, port, |_| {}));
        })?;
        let no_memory = Wrong {
            code: Code::DataFailed,
            entry: 0,
            text: NO_MEMORY,
        };
        let mut octets = Vec::new();
        octets.try_reserve_exact(length).map_err(|_| no_memory)?;
        each_entry(text, port, |host, port| {
            written(host, port, |piece| octets.extend_from_slice(piece));
        })?;
        Ok(Self {
            octets: octets.into_boxed_slice(),
        })
    }

    /// Reads what `sds_smtp_configure()` takes: one IP address, with a port or without.
    pub fn parse_device(text: &[u8], port: u16) -> Result<SocketAddr, Wrong> {
        let wrong = |(code, text)| Wrong { code, entry: 0, text };
        if text.is_empty() {
            return Err(wrong(refused(EMPTY)));
        }
        if text.contains(&b',') {
            return Err(wrong(refused(NO_LIST)));
        }
        // A name is refused with this code whatever is wrong with it: the devices' own function knows no other.
        match server::read(text, port).map_err(|(_, text)| wrong(refused(text)))? {
            (Host::Address(ip, zone), port) => Ok(socket_address(ip, zone, port)),
            (Host::Name(_), _) => Err(wrong(refused(NO_NAME))),
        }
    }

    /// A copy; None without memory.
    pub fn copy(&self) -> Option<Self> {
        let mut octets = Vec::new();
        octets.try_reserve_exact(self.octets.len()).ok()?;
        octets.extend_from_slice(&self.octets);
        Some(Self {
            octets: octets.into_boxed_slice(),
        })
    }

    /// How many there are: at least one.
    // A list is never empty.
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        self.targets().count()
    }

    /// The server at this position, from 0.
    pub fn get(&self, at: usize) -> Option<Target<'_>> {
        self.targets().nth(at)
    }

    /// All of them.
    pub fn targets(&self) -> impl Iterator<Item = Target<'_>> {
        let mut rest = &*self.octets;
        core::iter::from_fn(move || {
            let ([high, low, kind], behind) = rest.split_first_chunk()?;
            let port = u16::from_be_bytes([*high, *low]);
            let length = match *kind {
                IPV4 => 4,
                IPV6 => 16 + 4,
                length => usize::from(length),
            };
            let (octets, behind) = behind.split_at_checked(length)?;
            rest = behind;
            Some(match (*kind, octets) {
                (IPV4, [a, b, c, d]) => Target::Address(SocketAddr::from(([*a, *b, *c, *d], port))),
                (IPV6, octets) => {
                    let (ip, zone) = octets.split_first_chunk::<16>()?;
                    let zone = u32::from_be_bytes(zone.try_into().ok()?);
                    Target::Address(socket_address(IpAddr::from(*ip), zone, port))
                }
                (_, name) => Target::Name { name, port },
            })
        })
    }
}

fn socket_address(ip: IpAddr, zone: u32, port: u16) -> SocketAddr {
    match ip {
        IpAddr::V4(v4) => SocketAddr::from((v4, port)),
        IpAddr::V6(v6) => SocketAddr::V6(SocketAddrV6::new(v6, port, 0, zone)),
    }
}

/// Gives the pieces of which [`Servers`] consists to `write`; their length.
fn written(host: &Host, port: u16, mut write: impl FnMut(&[u8])) -> usize {
    let mut length = 0usize;
    let mut write = |piece: &[u8]| {
        length = length.saturating_add(piece.len());
        write(piece);
    };
    write(&port.to_be_bytes());
    match host {
        Host::Address(IpAddr::V4(v4), _) => {
            write(&[IPV4]);
            write(&v4.octets());
        }
        Host::Address(IpAddr::V6(v6), zone) => {
            write(&[IPV6]);
            write(&v6.octets());
            write(&zone.to_be_bytes());
        }
        Host::Name(name) => {
            write(&[u8::try_from(name.as_bytes().len()).unwrap_or(0)]);
            write(name.as_bytes());
        }
    }
    length
}

/// Calls `each` with every entry of a list and its port.
fn each_entry(text: &[u8], port: u16, mut each: impl FnMut(&Host, u16)) -> Result<(), Wrong> {
    let wrong = |at| move |(code, text)| Wrong { code, entry: at, text };
    if text.len() > SERVER_LIST_BYTES {
        return Err(wrong(0)(refused(TOO_LONG)));
    }
    let text = trimmed(text);
    if text.is_empty() {
        return Err(wrong(0)(refused(EMPTY)));
    }
    for (at, one) in text.split(|octet| *octet == b',').enumerate() {
        let one = trimmed(one);
        if at >= SERVERS {
            return Err(wrong(at)(refused(TOO_MANY)));
        }
        if one.is_empty() {
            return Err(wrong(at)(refused(EMPTY_ENTRY)));
        }
        let (host, port) = server::read(one, port).map_err(wrong(at))?;
        each(&host, port);
    }
    Ok(())
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
    use std::format;
    use std::string::{String, ToString};

    fn all(text: &str) -> Result<Vec<String>, Wrong> {
        let servers = Servers::parse(text.as_bytes(), 25)?;
        let said = |target: Target<'_>| match target {
            Target::Address(address) => address.to_string(),
            Target::Name { name, port } => format!("{}:{port}", String::from_utf8_lossy(name)),
        };
        assert_eq!(servers.copy().unwrap().octets, servers.octets);
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
        assert_eq!(wrong(""), (0, EMPTY));
        assert_eq!(wrong(" \t "), (0, EMPTY));
        assert_eq!(wrong(","), (0, EMPTY_ENTRY));
        assert_eq!(wrong("192.0.2.1,"), (1, EMPTY_ENTRY));
        assert_eq!(wrong("192.0.2.1, ,192.0.2.2"), (1, EMPTY_ENTRY));
        assert_eq!(wrong("192.0.2.1;192.0.2.2").0, 0);
        assert_eq!(wrong("a,b,c:0").0, 2);
    }

    #[test]
    fn a_list_has_at_most_100_servers() {
        let list = |servers: usize, one: &str| std::vec![one; servers].join(",");
        assert_eq!(all(&list(100, "mail.example.org")).unwrap().len(), 100);
        assert_eq!(wrong(&list(101, "mail.example.org")), (100, TOO_MANY));
        assert_eq!(wrong(&list(10_000, "a")), (100, TOO_MANY));
        assert_eq!(wrong(&list(10_000, "mail.example.org")), (0, TOO_LONG));
        let longest = ["a".repeat(63), "b".repeat(63), "c".repeat(63), "d".repeat(61)].join(".");
        assert_eq!(longest.len(), HOST_NAME_BYTES);
        assert_eq!(all(&list(100, &format!(" {longest}.:65535"))).unwrap().len(), 100);
    }

    #[test]
    fn it_takes_no_more_memory_than_it_needs() {
        let octets = |text: &str| Servers::parse(text.as_bytes(), 25).unwrap().octets.len();
        assert_eq!(octets("192.0.2.1"), 7);
        assert_eq!(octets("::1"), 23);
        assert_eq!(octets("mail.example.org."), 19);
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
            ("", EMPTY),
            ("192.0.2.1,192.0.2.2", NO_LIST),
            ("mail.example.org", NO_NAME),
            ("localhost:25", NO_NAME),
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
