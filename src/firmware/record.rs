//! A configuration, as it is kept in the arena: numbers of fixed size, then texts behind their lengths.

use core::net::IpAddr;

use crate::auth::{Allowed, Credentials, Mechanism};
use crate::buffer::{Sink, Window};
use crate::client::settings::Checked;
use crate::limits::Timeouts;
use crate::session::{Login, Settings};

/// Version of the server's address, 16 octets of it, port, kind of login, flags, time limits.
const NUMBERS: usize = 1 + 16 + 2 + 1 + 1 + 11 * 4;

fn texts<'a>(checked: &Checked<'a>) -> [&'a [u8]; 6] {
    let settings = &checked.settings;
    let (username, password) = settings.login.map_or((&[][..], &[][..]), |login| {
        (login.credentials.username, login.credentials.password)
    });
    [
        settings.sender,
        username,
        password,
        settings.sender_name,
        settings.ehlo_name.unwrap_or(&[]),
        settings.charset,
    ]
}

/// The octets that a configuration needs.
pub fn length(checked: &Checked<'_>) -> usize {
    texts(checked)
        .iter()
        .fold(NUMBERS, |sum, text| sum.saturating_add(2).saturating_add(text.len()))
}

/// Writes a configuration.
pub fn write(checked: &Checked<'_>, out: &mut [u8]) {
    let mut window = Window::new(out, 0);
    let mut address = [0u8; 16];
    let version = match checked.server {
        IpAddr::V4(v4) => {
            for (place, octet) in address.iter_mut().zip(v4.octets()) {
                *place = octet;
            }
            4
        }
        IpAddr::V6(v6) => {
            address = v6.octets();
            6
        }
    };
    window.put(version);
    window.put_all(&address);
    window.put_all(&checked.port.to_le_bytes());
    window.put(match checked.settings.login.map(|login| login.allowed) {
        None => 0,
        Some(Allowed::Any) => 1,
        Some(Allowed::Only(Mechanism::Plain)) => 2,
        Some(Allowed::Only(Mechanism::Login)) => 3,
    });
    window.put(u8::from(checked.settings.pipelining));
    let t = &checked.settings.timeouts;
    for limit in [
        t.connect, t.greeting, t.ehlo, t.auth, t.mail, t.rcpt, t.data, t.block, t.end, t.quit, t.total,
    ] {
        window.put_all(&limit.to_le_bytes());
    }
    for text in texts(checked) {
        let [low, high, ..] = text.len().to_le_bytes();
        window.put_all(&[low, high]);
        window.put_all(text);
    }
}

/// Takes octets off the beginning of what is left.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at_checked(length).unwrap_or((&[], &[]));
        self.0 = rest;
        taken
    }

    fn array<const N: usize>(&mut self) -> [u8; N] {
        self.take(N).try_into().unwrap_or([0; N])
    }

    fn text(&mut self) -> &'a [u8] {
        let length = u16::from_le_bytes(self.array());
        self.take(usize::from(length))
    }
}

/// Where the domain of the sender stands in a record.
pub fn domain(record: &[u8]) -> core::ops::Range<usize> {
    let mut rest = Rest(record);
    rest.take(NUMBERS);
    let sender = rest.text();
    let end = record.len().saturating_sub(rest.0.len());
    let domain = crate::wire::address::domain_of(sender);
    end.saturating_sub(domain.len())..end
}

/// Reads a configuration; None where there is none.
pub fn read(record: &[u8]) -> Option<Checked<'_>> {
    if record.is_empty() {
        return None;
    }
    let mut rest = Rest(record);
    let [version] = rest.array();
    let address: [u8; 16] = rest.array();
    let port = u16::from_le_bytes(rest.array());
    let [login, pipelining] = rest.array();
    let mut limits = [0u32; 11];
    for limit in &mut limits {
        *limit = u32::from_le_bytes(rest.array());
    }
    let [connect, greeting, ehlo, auth, mail, rcpt, data, block, end, quit, total] = limits;
    let (sender, username, password) = (rest.text(), rest.text(), rest.text());
    let (sender_name, ehlo_name, charset) = (rest.text(), rest.text(), rest.text());
    let [a, b, c, d, ..] = address;
    Some(Checked {
        server: if version == 4 {
            IpAddr::from([a, b, c, d])
        } else {
            IpAddr::from(address)
        },
        port,
        settings: Settings {
            login: (login != 0).then_some(Login {
                allowed: match login {
                    2 => Allowed::Only(Mechanism::Plain),
                    3 => Allowed::Only(Mechanism::Login),
                    _ => Allowed::Any,
                },
                credentials: Credentials { username, password },
            }),
            sender,
            sender_name,
            ehlo_name: Some(ehlo_name).filter(|name| !name.is_empty()),
            charset,
            timeouts: Timeouts {
                connect,
                greeting,
                ehlo,
                auth,
                mail,
                rcpt,
                data,
                block,
                end,
                quit,
                total,
            },
            pipelining: pipelining != 0,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::settings::Draft;

    #[test]
    fn what_was_written_is_read() {
        let drafts = [
            Draft {
                server: Some(b"192.0.2.7"),
                sender: Some(b"sds@example.cz"),
                ..Draft::default()
            },
            Draft {
                server: Some(b"2001:db8::1"),
                port: 587,
                auth: 3,
                username: Some(b"kotelna"),
                password: Some(&[b'p'; 300]),
                sender: Some(b"\"a@b\"@example.cz"),
                sender_name: Some(b"SDS"),
                ehlo_name: Some(b"unit7.example.cz"),
                charset: Some(b"windows-1250"),
                no_pipelining: true,
                timeouts: Timeouts {
                    connect: 1,
                    quit: 2,
                    total: u32::MAX,
                    ..Timeouts::default()
                },
                ..Draft::default()
            },
        ];
        for draft in drafts {
            let checked = draft.check().unwrap();
            let mut octets = std::vec![0u8; length(&checked)];
            write(&checked, &mut octets);
            let again = read(&octets).unwrap();
            assert_eq!(std::format!("{again:?}"), std::format!("{checked:?}"));
            let credentials = |checked: &Checked<'_>| {
                checked
                    .settings
                    .login
                    .map(|login| (login.credentials.username.to_vec(), login.credentials.password.to_vec()))
            };
            assert_eq!(credentials(&again), credentials(&checked));
            assert_eq!(&octets[domain(&octets)], b"example.cz");
        }
        assert!(read(b"").is_none());
    }
}
