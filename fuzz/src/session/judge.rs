//! What must hold behind every event, and of a verdict: as somebody sees it who knows what has passed on the wire.

use sds_smtp::code::{Code, Outcome, Reason};

use super::player::{Player, Told};
use super::setup::Setup;
use crate::list::mailboxes;
use crate::mail::{Said as Read, base64, with_line_ends};
use crate::reply::shown;
use crate::wiretap::{Said, outcome};

/// A short secret may stand in what the server says by chance, but the library masks it all the same; asterisks are what
/// it masks with.
pub(super) const SECRET: usize = 4;

impl Player<'_> {
    /// What must hold behind every event.
    pub(super) fn look(&mut self) {
        let session = &self.session;
        let now = session.verdict().map(|verdict| Told {
            verdict,
            text: session.text().to_vec(),
            recipients: session.recipients(),
            enhanced: session.enhanced_status_code(),
        });
        match (&self.told, &now) {
            (None, Some(told)) => {
                assert_eq!(
                    self.session.events.end,
                    Some(told.verdict),
                    "the end was told otherwise"
                );
                self.judge(told);
            }
            (Some(_), _) => assert_eq!(self.told, now, "the verdict changed"),
            (None, None) => assert!(!session.closed(), "closed without a verdict"),
        }
        self.told = now;
        self.check_deadline();
    }

    /// A part of the envelope was refused, and answers to others may be awaited yet: the refusal is the verdict.
    pub(super) fn refused(&self) -> bool {
        let is_positive = |code: &u16| code / 100 == 2;
        !(self.tap.answers(Said::Mail).iter().all(is_positive)
            && self.tap.answers(Said::Rcpt).iter().all(is_positive)
            && self.tap.answers(Said::Data).iter().all(|code| *code == 354))
    }

    /// The deadline is that of what is awaited, counted from where it began to be.
    fn check_deadline(&self) {
        let Some(deadline) = self.session.deadline() else {
            return assert!(self.session.closed(), "no deadline");
        };
        let limits = self.setup.timeouts();
        let answered = self.tap.replies.len();
        let in_text = || self.tap.answers(Said::Data) == [354] && !self.refused() && !self.all_left;
        let (from, limit, total) = if self.told.is_some() {
            (self.since, limits.quit, u32::MAX)
        } else if !self.connected {
            (self.since, limits.connect, limits.total)
        } else if answered == 0 {
            (self.since, limits.greeting, limits.total)
        } else {
            let (from, limit) = match self.tap.written.said.get(answered - 1) {
                Some(Said::Ehlo | Said::Helo) => (self.since, limits.ehlo),
                Some(Said::Auth) => (self.since, limits.auth),
                Some(Said::Mail) => (self.since, limits.mail),
                Some(Said::Rcpt) => (self.since, limits.rcpt),
                Some(Said::Data) => (self.since, limits.data),
                Some(Said::LoneDot) => (self.since, limits.end),
                Some(Said::Dot) if self.all_left => (self.left_at, limits.end),
                Some(Said::Dot) | None if in_text() => (self.since.max(self.left_at), limits.block),
                // What is awaited is not written yet.
                _ => return assert!(deadline <= limits.total, "a deadline behind the total one"),
            };
            (from, limit, limits.total)
        };
        assert_eq!(
            deadline,
            (from + limit).min(total),
            "the deadline, at {:?}",
            self.session.state()
        );
    }

    /// The verdict, as somebody sees it who knows what has passed on the wire.
    fn judge(&self, told: &Told) {
        let verdict = &told.verdict;
        let decides = self.all_left.then(|| self.tap.decides(self.replies_before)).flatten();
        assert_eq!(
            verdict.outcome,
            outcome(self.all_left, decides),
            "{told:?}; on the wire it was {decides:?}"
        );
        assert!(
            self.now <= self.setup.timeouts().total,
            "a verdict behind the total deadline"
        );
        let sent = verdict.outcome == Outcome::Sent;
        if !self.setup.probe {
            assert_eq!(verdict.code == Code::Ok, sent, "{told:?}");
        }
        if sent {
            self.check_sent(told, decides);
        }
        // Our own words have no server's code, and the other way round.
        if verdict.reason != Reason::None {
            assert_eq!(verdict.reply, 0, "{told:?}");
        }
        assert!(
            told.text.len() <= 255 && told.text.iter().all(|octet| matches!(octet, b' '..=b'~')),
            "{told:?}"
        );
        self.check_secrets(told);
        self.check_said();
    }

    fn check_sent(&self, told: &Told, decides: Option<u16>) {
        let tap = &self.tap;
        let is_positive = |code: &u16| code / 100 == 2;
        assert_eq!(Some(told.verdict.reply), decides);
        let recipients = mailboxes(&self.setup.to).expect("recipients").len();
        let of_rcpt = tap.answers(Said::Rcpt);
        assert!(
            tap.answers(Said::Mail).iter().all(is_positive),
            "the sender was refused"
        );
        assert!(
            of_rcpt.len() == recipients && of_rcpt.iter().all(is_positive),
            "a recipient was refused"
        );
        assert_eq!((told.recipients.0 as usize, told.recipients.1), (recipients, 0));
        assert_eq!(tap.answers(Said::Data), [354]);
        assert_eq!(tap.answers(Said::Auth).last(), (self.setup.auth != 0).then_some(&235));
    }

    /// Nothing of the password is in the words of the result, in any case, as it is or in base64.
    fn check_secrets(&self, told: &Told) {
        if self.setup.auth == 0 || told.verdict.reason != Reason::None {
            return;
        }
        for secret in secrets(self.setup) {
            if secret.len() < SECRET {
                continue;
            }
            let shows = told
                .text
                .windows(secret.len())
                .any(|part| part.eq_ignore_ascii_case(&secret));
            assert!(!shows, "the password is shown: {}", told.text.escape_ascii());
        }
    }

    /// All that was said is what has to be said, in its order.
    pub(super) fn check_said(&self) {
        let setup = self.setup;
        let recipients = mailboxes(&setup.to).expect("recipients");
        let mut rcpt = recipients.iter();
        for (line, said) in self.tap.client.commands.iter().zip(self.commands()) {
            let line = line.strip_suffix(b"\r\n").expect("CRLF at a line's end");
            assert!(!line.contains(&b'\r') && !line.contains(&0), "{}", line.escape_ascii());
            let literal = if setup.ipv6 {
                "[IPv6:2001:db8:0:0:0:0:0:1]"
            } else {
                "[192.0.2.7]"
            };
            let name = if setup.ehlo_name.is_empty() {
                literal.as_bytes()
            } else {
                &setup.ehlo_name
            };
            let is = match said {
                Said::Ehlo => line == [b"EHLO ", name].concat(),
                Said::Helo => line == [b"HELO ", name].concat(),
                Said::Mail => {
                    let begin = [b"MAIL FROM:<", setup.sender.as_slice(), b">"].concat();
                    line.strip_prefix(begin.as_slice())
                        .is_some_and(|rest| rest.is_empty() || rest.starts_with(b" "))
                }
                Said::Rcpt => line == [b"RCPT TO:<", *rcpt.next().expect("a recipient"), b">"].concat(),
                Said::Data => line == b"DATA",
                Said::LoneDot => line == b".",
                Said::Rset => line == b"RSET",
                Said::Quit => line == b"QUIT",
                Said::Auth => {
                    let plain = setup.plain();
                    let known = [
                        b"AUTH PLAIN".to_vec(),
                        [b"AUTH PLAIN ", plain.as_slice()].concat(),
                        plain,
                        b"AUTH LOGIN".to_vec(),
                        base64(&setup.user),
                        base64(&setup.password),
                    ];
                    setup.auth != 0 && known.iter().any(|known| known == line)
                }
                Said::Dot => false,
            };
            assert!(is, "{said:?}: {}", line.escape_ascii());
        }
        if let Some(mail) = self.mail() {
            self.check_mail(mail);
        }
    }

    /// What was said in commands.
    fn commands(&self) -> impl Iterator<Item = Said> {
        self.tap.client.said.iter().copied().filter(|said| *said != Said::Dot)
    }

    fn check_mail(&self, mail: &[u8]) {
        let read = Read::read(mail);
        assert_eq!(read.text(), with_line_ends(&self.setup.text), "the text");
        let announced = self.tap.announced();
        let encoding = read.field("Content-Transfer-Encoding").expect("an encoding");
        let mut commands = self.tap.client.commands.iter();
        let from = commands.find(|line| line.starts_with(b"MAIL")).expect("MAIL");
        let from = String::from_utf8_lossy(from);
        assert_eq!(from.contains(" BODY=8BITMIME"), encoding == b"8bit");
        assert!(
            announced.eight_bit_mime || encoding != b"8bit",
            "8bit, and the server does not have it"
        );
        // RFC 1870, 3: without doubled dots and the final one.
        if let Some((_, size)) = from.trim_end().split_once(" SIZE=") {
            assert_eq!(size.parse(), Ok(read.message.len()), "SIZE");
            assert!(
                announced
                    .size
                    .is_some_and(|limit| limit == 0 || read.message.len() <= limit as usize)
            );
        } else {
            assert!(announced.size.is_none() || self.setup.pieces, "no SIZE");
        }
    }
}

/// What nothing may show: the password, as it is and in base64, and PLAIN's response; as they would be shown.
pub(super) fn secrets(setup: &Setup) -> Vec<Vec<u8>> {
    let without_padding = |mut digits: Vec<u8>| {
        while digits.last() == Some(&b'=') {
            digits.pop();
        }
        digits
    };
    let password = &setup.password;
    let all = [
        password.clone(),
        without_padding(base64(password)),
        without_padding(setup.plain()),
    ];
    let shown = all.map(|secret| secret.iter().map(|octet| shown(*octet)).collect::<Vec<u8>>());
    // An asterisk is what a secret is covered with.
    shown.into_iter().filter(|secret| !secret.contains(&b'*')).collect()
}
