//! Settings and mail of an input.

use std::net::IpAddr;

use sds_smtp::client::mail as checks;
use sds_smtp::client::settings::Draft;
use sds_smtp::limits::Timeouts;
use sds_smtp::message::word::write_phrase;
use sds_smtp::session::job::Fields;
use sds_smtp::session::{Date, Job, Mail, Settings, Text};
use sds_smtp::wire::capability::Capabilities;
use sds_smtp::wire::literal::LITERAL_BYTES;

use crate::input::{Input, put_field};
use crate::list::mailboxes;
use crate::mail::base64;

/// The settings and the mail of an input.
#[derive(Clone, Debug)]
pub struct Setup {
    /// 0: no login, 1: any, 2: PLAIN, 3: LOGIN.
    pub auth: u8,
    pub pipelining: bool,
    pub probe: bool,
    /// The text is lent in pieces.
    pub pieces: bool,
    pub utf8: bool,
    pub ipv6: bool,
    pub nonce: bool,
    /// Which buffer is lent, how octets leave, how long pieces are.
    pub sizes: u8,
    /// Which time limits there are.
    pub limits: u8,
    pub date: u32,
    pub user: Vec<u8>,
    pub password: Vec<u8>,
    pub sender: Vec<u8>,
    pub sender_name: Vec<u8>,
    pub ehlo_name: Vec<u8>,
    pub charset: Vec<u8>,
    pub to: Vec<u8>,
    pub subject: Vec<u8>,
    pub text: Vec<u8>,
}

impl Setup {
    /// The settings at the beginning of an input. Fields that the library refuses are others then: every input is a session.
    pub fn read(input: &mut Input<'_>) -> Self {
        let flags = input.octet();
        let flag = |bit: u8| flags >> bit & 1 == 1;
        let mut setup = Self {
            auth: flags & 3,
            pipelining: !flag(2),
            probe: flag(3),
            pieces: flag(4),
            utf8: flag(5),
            ipv6: flag(6),
            nonce: !flag(7),
            sizes: input.octet(),
            limits: input.octet(),
            date: u32::from(input.octet()) * 16_777_259,
            user: input.field(),
            password: input.field(),
            sender: input.field(),
            sender_name: input.field(),
            ehlo_name: input.field(),
            charset: input.field(),
            to: input.field(),
            subject: input.field(),
            text: input.field(),
        };
        if setup.draft().check(&mut [0; LITERAL_BYTES]).is_err() {
            (setup.user, setup.password) = (b"sds".to_vec(), b"sds-secret".to_vec());
        }
        if setup.draft().check(&mut [0; LITERAL_BYTES]).is_err() {
            setup.sender = b"unit7@example.com".to_vec();
            for field in [&mut setup.sender_name, &mut setup.ehlo_name, &mut setup.charset] {
                field.clear();
            }
        }
        // The library says these otherwise than they are given.
        if setup.charset.is_empty() || setup.charset.to_ascii_lowercase().starts_with(b"utf") {
            setup.charset = b"unknown-8bit".to_vec();
        }
        if is_address(&setup.ehlo_name) {
            setup.ehlo_name.clear();
        }
        if mailboxes(&setup.to).is_none() || checks::check(Some(&setup.to), b"", b"").is_err() {
            setup.to = b"operator@example.com".to_vec();
        }
        if checks::check(Some(&setup.to), &setup.subject, b"").is_err() {
            setup.subject = b"alarm".to_vec();
        }
        setup
    }

    /// The other way round.
    pub fn write(&self, input: &mut Vec<u8>) {
        let flags = [
            !self.pipelining,
            self.probe,
            self.pieces,
            self.utf8,
            self.ipv6,
            !self.nonce,
        ];
        let flags = flags
            .iter()
            .zip(2..)
            .fold(self.auth, |all, (flag, bit)| all | u8::from(*flag) << bit);
        let date = u8::try_from(self.date / 16_777_259).unwrap_or(0);
        input.extend([flags, self.sizes, self.limits, date]);
        for field in [
            &self.user,
            &self.password,
            &self.sender,
            &self.sender_name,
            &self.ehlo_name,
            &self.charset,
            &self.to,
            &self.subject,
            &self.text,
        ] {
            put_field(field, input);
        }
    }

    pub(super) fn timeouts(&self) -> Timeouts {
        match self.limits {
            0 => Timeouts::RFC_5321,
            // A limit of its own for each part, the total far behind them or among them.
            limits => {
                let limit = |part: u32| 1_000 * part + u32::from(limits);
                Timeouts {
                    connect: limit(3),
                    greeting: limit(5),
                    ehlo: limit(7),
                    auth: limit(11),
                    mail: limit(13),
                    rcpt: limit(17),
                    data: limit(19),
                    block: limit(23),
                    end: limit(29),
                    quit: limit(2),
                    total: if limits % 2 == 0 { limit(997) } else { limit(31) },
                }
            }
        }
    }

    fn draft(&self) -> Draft<'_> {
        Draft {
            server: Some(b"192.0.2.25"),
            auth: [0, 6, 2, 4][usize::from(self.auth & 3)],
            username: Some(&self.user),
            password: Some(&self.password),
            sender: Some(&self.sender),
            sender_name: Some(&self.sender_name),
            ehlo_name: Some(&self.ehlo_name),
            charset: Some(&self.charset),
            no_pipelining: !self.pipelining,
            timeouts: self.timeouts(),
            ..Draft::default()
        }
    }

    fn settings(&self) -> Settings<'_> {
        Settings {
            mechanisms: match self.auth {
                0 => Capabilities::NONE,
                1 => Capabilities::MECHANISMS,
                2 => Capabilities::PLAIN,
                _ => Capabilities::LOGIN,
            },
            pipelining: self.pipelining,
            device: false,
            phrase: (!self.sender_name.is_empty()).then_some(write_phrase),
            texts: Fields {
                username: &self.user,
                password: &self.password,
                sender: &self.sender,
                charset: &self.charset,
                sender_name: &self.sender_name,
                ehlo_name: &self.ehlo_name,
            }
            .in_order(),
            limits: self.timeouts().in_order(),
            ..Settings::NONE
        }
    }

    pub(super) fn job(&self) -> Job<'_> {
        let text = if self.pieces {
            Text::in_pieces(self.utf8)
        } else {
            Text::whole(&self.text)
        };
        Job {
            settings: self.settings(),
            mail: (!self.probe).then_some(Mail {
                date: Date::at(self.date),
                nonce: self.nonce.then_some([0x0123_4567, 0x89ab_cdef, 7, u32::MAX]),
                ..Mail::new(&self.to, &self.subject, text)
            }),
            keep: false,
            dry: false,
        }
    }

    pub(super) fn local(&self) -> IpAddr {
        if self.ipv6 {
            IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1])
        } else {
            IpAddr::from([192, 0, 2, 7])
        }
    }

    /// The line that answers with the user name and the password at once.
    pub(super) fn plain(&self) -> Vec<u8> {
        base64(&[b"\0", self.user.as_slice(), b"\0", &self.password].concat())
    }
}

fn is_address(text: &[u8]) -> bool {
    std::str::from_utf8(text).is_ok_and(|text| text.parse::<IpAddr>().is_ok())
}
