//! How the last mail ended, and how that is kept.

use std::boxed::Box;
use std::net::SocketAddr;

use super::memory::joined;
use crate::buffer::{HEXADECIMAL, Window};
use crate::client::report::{Bounded, Report};
use crate::limits::{ADDRESS_BYTES, Count, GIVEN_MESSAGE_ID_BYTES, LOG_RECIPIENT_BYTES};

/// The longest address of a server, as a result shows it: an IPv6 address in brackets with a zone, and a port. A longer name is cut.
pub const SERVER_BYTES: usize = 63;

/// How a mail ended, and what there is to know of it.
#[derive(Clone, Copy)]
pub struct LastMail {
    /// The result.
    pub report: Report,
    /// The Message-ID; empty where the mail did not start, or is a whole message.
    pub message_id: Bounded<GIVEN_MESSAGE_ID_BYTES>,
    /// The server that the last attempt tried, with its port: its address, or where it has none its name. Empty where there was none.
    pub server: Bounded<SERVER_BYTES>,
    /// The recipient whose refusal decided, or the only one; else empty.
    pub recipient: Bounded<ADDRESS_BYTES>,
    /// That recipient was refused, and that decided.
    pub decided: bool,
}

impl LastMail {
    /// Of a mail that did not start.
    pub const fn without_id(report: Report) -> Self {
        Self {
            report,
            message_id: Bounded::EMPTY,
            server: Bounded::EMPTY,
            recipient: Bounded::EMPTY,
            decided: false,
        }
    }
}

impl core::ops::Deref for LastMail {
    type Target = Report;

    fn deref(&self) -> &Report {
        &self.report
    }
}

/// What the engine writes into the client when there is a verdict.
#[derive(Clone, Copy)]
pub struct Ended {
    /// The result.
    pub told: LastMail,
    /// How many recipients the mail had.
    pub recipients: Count,
    /// The recipient for the log.
    pub recipient: Bounded<LOG_RECIPIENT_BYTES>,
    /// The mail is attempted again: it is for the log only.
    pub again: bool,
    /// Octets of it that had left, and octets that there are.
    pub progress: (u64, u64),
}

/// The same in as little memory as it needs: there are many clients.
pub struct Kept {
    /// The numbers of the result.
    pub report: Report<()>,
    /// The lengths of the texts.
    lengths: [u16; 4],
    decided: bool,
    texts: Box<[u8]>,
}

impl Kept {
    /// Before the first mail.
    pub fn nothing() -> Self {
        Self {
            report: Report::NONE.with_text(()),
            lengths: [0; 4],
            decided: false,
            texts: Box::default(),
        }
    }

    /// How a mail ended. Without memory its texts are lost; what became of it is not.
    pub fn new(told: &LastMail) -> Self {
        let texts = [
            told.report.text.octets(),
            told.message_id.octets(),
            told.server.octets(),
            told.recipient.octets(),
        ];
        let report = told.report.with_text(());
        let Some(joined) = joined(&texts) else {
            return Self {
                report,
                ..Self::nothing()
            };
        };
        Self {
            report,
            lengths: texts.map(|text| u16::try_from(text.len()).unwrap_or(0)),
            decided: told.decided,
            texts: joined,
        }
    }

    /// The whole of it.
    pub fn whole(&self) -> LastMail {
        let mut rest = &*self.texts;
        let [text, message_id, server, recipient] = self.lengths.map(|length| {
            let (text, behind) = rest.split_at_checked(usize::from(length)).unwrap_or_default();
            rest = behind;
            text
        });
        LastMail {
            report: self.report.with_text(Bounded::new(text)),
            message_id: Bounded::new(message_id),
            server: Bounded::new(server),
            recipient: Bounded::new(recipient),
            decided: self.decided,
        }
    }

    /// Whether it is known who got the mail, or should have got it.
    pub fn has_recipient(&self) -> bool {
        let [.., recipient] = self.lengths;
        recipient > 0
    }
}

/// Writes the address and port of a server, as "192.0.2.1:25" or "[2001:db8::1]:25".
pub fn write_server(server: SocketAddr, out: &mut Window<'_>) {
    match server {
        SocketAddr::V4(server) => {
            for (at, octet) in server.ip().octets().into_iter().enumerate() {
                if at > 0 {
                    out.put(b'.');
                }
                out.decimal(u64::from(octet));
            }
        }
        SocketAddr::V6(server) => {
            out.put(b'[');
            write_ipv6(server.ip().segments(), out);
            if server.scope_id() != 0 {
                out.put(b'%');
                out.decimal(u64::from(server.scope_id()));
            }
            out.put(b']');
        }
    }
    out.put(b':');
    out.decimal(u64::from(server.port()));
}

/// Writes an IPv6 address as RFC 5952 recommends: the first of the longest runs of zeros is left out. (The standard library does
/// the same in 4 KB more.)
fn write_ipv6(segments: [u16; 8], out: &mut Window<'_>) {
    let (mut skipped, mut run) = (0..0, 0..0);
    for (at, segment) in segments.iter().enumerate() {
        run = if *segment != 0 {
            at + 1..at + 1
        } else {
            run.start..at + 1
        };
        if run.len() > skipped.len() {
            skipped = run.clone();
        }
    }
    if skipped.len() < 2 {
        skipped = 8..8;
    }
    for (at, segment) in segments.iter().enumerate() {
        if at == skipped.start {
            out.put_seldom(b"::");
        }
        if skipped.contains(&at) {
            continue;
        }
        if at > 0 && at != skipped.end {
            out.put(b':');
        }
        out.digits(u32::from(*segment), HEXADECIMAL, 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::code::{Code, Outcome, Phase, Reason};
    use std::string::ToString;

    #[test]
    fn a_server_is_written_with_its_port() {
        for text in [
            "192.0.2.1:25",
            "255.255.255.255:65535",
            "0.0.0.0:1",
            "[2001:db8::1]:465",
            "[::1]:25",
            "[::]:25",
            "[1::]:25",
            "[2001:db8:0:1:1:1:1:1]:25",
            "[2001:0:0:1::1]:25",
            "[1:0:0:2:0:0:0:3]:25",
            "[0:1:0:1:0:1:0:1]:25",
            "[fe80::1%3]:25",
            "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff%4294967295]:65535",
        ] {
            let mut room = [0; SERVER_BYTES];
            let server: SocketAddr = text.parse().unwrap();
            let mut out = Window::new(&mut room, 0);
            write_server(server, &mut out);
            let length = out.kept();
            assert_eq!(core::str::from_utf8(&room[..length]), Ok(&*server.to_string()));
        }
    }

    #[test]
    fn what_is_kept_comes_back_whole() {
        let report = Report::unsent(Code::Timeout, Phase::Rcpt, Outcome::NotSent, Reason::Deadline);
        let told = LastMail {
            message_id: Bounded::new(b"<1@b.cz>"),
            server: Bounded::new(b"192.0.2.1:25"),
            recipient: Bounded::new(b"a@b.cz"),
            ..LastMail::without_id(report)
        };
        let back = Kept::new(&told).whole();
        assert_eq!((back.code, back.phase), (Code::Timeout, Phase::Rcpt));
        assert_eq!(back.text.octets(), Reason::Deadline.text());
        assert_eq!(back.message_id.octets(), b"<1@b.cz>");
        assert_eq!(back.server.octets(), b"192.0.2.1:25");
        assert_eq!(back.recipient.octets(), b"a@b.cz");
        let nothing = Kept::nothing().whole();
        assert_eq!((nothing.code, nothing.phase), (Code::Ok, Phase::None));
        assert!(nothing.text.octets().is_empty() && nothing.server.octets().is_empty());
    }
}
