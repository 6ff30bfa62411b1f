//! What is said, line by line: templates, and the one interpreter of commands (RFC 5321, 4.1.1) and header fields (RFC 5322,
//! 3.6).
//!
//! A line is written whole, every time, into a [`Window`]; the window makes it resumable. No blank that the grammar does not
//! have: `MAIL FROM:<...>`.

use super::job::{Job, Mail};
use super::machine::Session;
use super::state::State;
use crate::base64;
use crate::buffer::{Sink, Window};
use crate::message::body::Encoding;
use crate::message::{date, header, word};
use crate::octets::list;
use crate::wire::address::List;

/// The line of MAIL; those of RCPT and DATA follow.
const MAIL: usize = State::Closed as usize + 1;

// In a template a line feed ends a line, and these octets stand for something else: texts of the configuration, each its
// number and 1,
const USERNAME_BASE64: u8 = 1;
const PASSWORD_BASE64: u8 = 2;
const SENDER_TEXT: u8 = 3;
/// a NUL in base64,
const NUL_BASE64: u8 = 4;
/// the name in EHLO,
const EHLO_ARGUMENT: u8 = 5;
/// what the mail has,
const FORWARD_PATH: u8 = 11;
const SIZE: u8 = 12;
const DATE: u8 = 13;
const TO: u8 = 14;
const SUBJECT: u8 = 15;
const MESSAGE_ID: u8 = 16;
const TEXT_CHARSET: u8 = 17;
const ENCODING: u8 = 18;
/// and from here on conditions: what follows is left out where one does not hold, up to the next one.
const IF_DATE: u8 = 19;
const IF_NONCE: u8 = 20;
const IF_EIGHT_BIT: u8 = 21;
const IF_SIZE: u8 = 22;
const IF_NAME: u8 = 23;
/// The same, and writes the name.
const PHRASE: u8 = 24;
const ALWAYS: u8 = 25;

// What a complete library says, and one that is not, which has no SIZE, and no encoding but 7bit and 8bit.
#[cfg(feature = "complete")]
macro_rules! either {
    ($complete:literal, $small:literal) => {
        $complete
    };
}
#[cfg(not(feature = "complete"))]
macro_rules! either {
    ($complete:literal, $small:literal) => {
        $small
    };
}

macro_rules! lines {
    ($($line:expr),* $(,)?) => {
        list! {
            template:
            $($line),*
        }

        #[cfg(feature = "std")]
        static RUNS: &[&[u8]] = &[$(&runs::<{ $line.len() }>($line)),*];
    };
}

/// At each place of a template how many octets from there on stand for themselves.
// It runs while the library is built.
#[cfg(feature = "std")]
#[allow(clippy::arithmetic_side_effects, clippy::indexing_slicing)]
const fn runs<const N: usize>(template: &str) -> [u8; N] {
    let mut runs = [0; N];
    let mut at = N;
    while at > 0 {
        at -= 1;
        if template.as_bytes()[at] >= b' ' {
            runs[at] = if at + 1 < N { runs[at + 1] + 1 } else { 1 };
        }
    }
    runs
}

// What each state says, by its number; behind them the envelope's commands.
lines! {
    "",
    "",
    "EHLO \x05\n",
    "HELO \x05\n",
    "AUTH PLAIN \x04\x01\x04\x02\n",
    "AUTH PLAIN\n",
    "\x04\x01\x04\x02\n",
    "AUTH LOGIN\n",
    "\x01\n",
    "\x02\n",
    "",
    concat!("\x13Date: \x0d\n\x19From: \x18<\x19\x03\x17>\x19\nTo: \x0e\nSubject: \x0f\n\x14Message-ID: \x10\n\x19MIME-Version: 1.0\nContent-Type: text/plain; charset=\x11\nContent-Transfer-Encoding: ", either!("\x12", "\x12bit"), "\n\n"),
    "",
    ".\n",
    "RSET\n",
    "QUIT\n",
    "",
    concat!("MAIL FROM:<\x03>\x15 BODY=8BITMIME", either!("\x16 SIZE=\x0c", ""), "\x19\n"),
    "RCPT TO:<\x0b>\n",
    "DATA\n",
}

impl Session {
    /// The line of a command of the envelope.
    pub(super) fn command(&self, command: u16) -> usize {
        match command {
            0 => MAIL,
            data if data == self.envelope.data => MAIL + 2,
            _ => MAIL + 1,
        }
    }

    /// Writes the line with this number: of a state, or of a command of the envelope.
    #[cfg_attr(not(feature = "std"), inline(never))]
    pub(super) fn write_line(&self, line: usize, job: &Job<'_>, out: &mut Window<'_>) {
        let mut shown = true;
        let template = template(line);
        let mut at = 0usize;
        while let Some(octet) = template.get(at) {
            // The same, several octets at a time.
            #[cfg(feature = "std")]
            if let Some(length @ 1..) = RUNS.get(line).and_then(|runs| runs.get(at)) {
                let end = at.wrapping_add(usize::from(*length));
                if shown {
                    out.put_all(template.get(at..end).unwrap_or(&[]));
                }
                at = end;
                continue;
            }
            at = at.wrapping_add(1);
            if shown || matches!(octet, IF_DATE..=ALWAYS) {
                shown = self.write_part(*octet, job, out);
            }
        }
    }

    /// Writes an octet of a template, or what it stands for. False where it is a condition that does not hold.
    // A function of its own: within the loop all that it may need would be fetched before.
    #[cfg_attr(not(feature = "std"), inline(never))]
    fn write_part(&self, octet: u8, job: &Job<'_>, out: &mut Window<'_>) -> bool {
        let settings = &job.settings;
        match octet {
            b' '.. => out.put(octet),
            b'\n' => {
                base64::end(out);
                out.end_line();
            }
            USERNAME_BASE64 => base64::put(settings.username(), out),
            PASSWORD_BASE64 => base64::put(settings.password(), out),
            NUL_BASE64 => base64::put(b"\0", out),
            SENDER_TEXT => out.put_all(settings.sender()),
            EHLO_ARGUMENT => match settings.ehlo_name() {
                [] => self.local.write(out),
                name => out.put_all(name),
            },
            _ => {
                return job
                    .mail
                    .as_ref()
                    .is_some_and(|mail| self.write_of_mail(octet, job, mail, out));
            }
        }
        true
    }

    fn write_of_mail(&self, octet: u8, job: &Job<'_>, mail: &Mail<'_>, out: &mut Window<'_>) -> bool {
        let settings = &job.settings;
        match octet {
            FORWARD_PATH => header::write_to(List::new(mail.recipients), usize::from(self.envelope.said), out),
            SIZE if cfg!(feature = "complete") => out.decimal(self.plan.size),
            DATE => date::write(mail.date, out),
            PHRASE => {
                let Some(write) = settings.phrase else {
                    return false;
                };
                write(settings.sender_name(), settings.charset(), out);
                out.fold(settings.sender().len().wrapping_add(3));
            }
            TO => header::write_to(List::new(mail.recipients), 0, out),
            SUBJECT => word::write(mail.subject, settings.charset(), out),
            MESSAGE_ID => {
                if let Some(nonce) = &mail.nonce {
                    header::write_message_id(settings.sender(), nonce, out);
                }
            }
            TEXT_CHARSET => out.put_all(if self.plan.text_is_utf8 {
                b"UTF-8"
            } else {
                settings.charset()
            }),
            ENCODING if cfg!(feature = "complete") => out.put_all(self.encoder.encoding().name()),
            ENCODING => out.put(b'7'.wrapping_add(self.encoder.encoding() as u8)),
            IF_DATE => return mail.date != 0,
            IF_NONCE => return mail.nonce.is_some(),
            IF_EIGHT_BIT => return self.encoder.encoding() == Encoding::EightBit,
            IF_SIZE => return cfg!(feature = "complete") && self.plan.size != 0,
            IF_NAME => return job.settings.phrase.is_some(),
            _ => {}
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::super::job::{Field, Fields, Settings, Text};
    use super::*;
    use crate::auth::plain;
    use std::string::String;

    const TEXTS: Fields<'_> = Fields {
        username: b"sds",
        password: b"sds-secret",
        sender: b"thatisme@smtp-server-domain.cz",
        charset: b"windows-1250",
        ..Fields::NONE
    };

    fn job() -> Job<'static> {
        Job {
            settings: Settings {
                texts: TEXTS.in_order(),
                ..Settings::NONE
            },
            mail: Some(Mail {
                recipients: b"someone@example-target-server.cz",
                subject: b"testovaci email",
                text: Text::whole(b""),
                date: 1_795_295_959,
                nonce: Some([0x0001_0203, 0x0405_0607, 0x0809_0a0b, 0x0c0d_0eff]),
            }),
        }
    }

    fn written(session: &Session, line: usize, job: &Job<'_>) -> String {
        let mut buffer = std::vec![0u8; 60_000];
        let mut window = Window::new(&mut buffer, 0);
        session.write_line(line, job, &mut window);
        let kept = window.kept();
        String::from_utf8(buffer[..kept].to_vec()).unwrap()
    }

    fn header(change: impl Fn(&mut Job<'static>)) -> String {
        let mut job = job();
        change(&mut job);
        let mut session = Session::IDLE;
        session.plan.text_is_utf8 = true;
        written(&session, State::Text as usize, &job)
    }

    #[test]
    fn ehlo_says_the_configured_name_or_the_literal_of_our_address() {
        let mut session = Session::IDLE;
        session.local = std::net::IpAddr::from([192, 168, 1, 250]).into();
        let mut job = job();
        let says = |session: &Session, state, job: &Job<'_>| written(session, state as usize, job);
        assert_eq!(says(&session, State::Ehlo, &job), "EHLO [192.168.1.250]\r\n");
        assert_eq!(says(&session, State::Helo, &job), "HELO [192.168.1.250]\r\n");
        if cfg!(feature = "complete") {
            session.local = "2001:db8::1".parse::<std::net::IpAddr>().unwrap().into();
            assert_eq!(
                says(&session, State::Ehlo, &job),
                "EHLO [IPv6:2001:db8:0:0:0:0:0:1]\r\n"
            );
        }
        job.settings.set_text(Field::EhloName, b"kotelna.example.cz");
        assert_eq!(says(&session, State::Ehlo, &job), "EHLO kotelna.example.cz\r\n");
        assert_eq!(says(&session, State::Helo, &job), "HELO kotelna.example.cz\r\n");
    }

    #[test]
    fn the_envelope_has_no_blank_behind_the_colon() {
        let mut session = Session::IDLE;
        session.envelope.data = 2;
        let mut job = job();
        if let Some(mail) = &mut job.mail {
            mail.recipients = b"someone@x.cz";
        }
        let command = |session: &Session, number| written(session, session.command(number), &job);
        let mail = "MAIL FROM:<thatisme@smtp-server-domain.cz>";
        assert_eq!(command(&session, 0), std::format!("{mail}\r\n"));
        let size = if cfg!(feature = "complete") { " SIZE=1234" } else { "" };
        session.plan.size = 1234;
        assert_eq!(command(&session, 0), std::format!("{mail}{size}\r\n"));
        session.encoder = crate::message::body::Encoder::new(Encoding::EightBit);
        assert_eq!(command(&session, 0), std::format!("{mail} BODY=8BITMIME{size}\r\n"));
        session.plan.size = 0;
        assert_eq!(command(&session, 0), std::format!("{mail} BODY=8BITMIME\r\n"));
        session.envelope.said = 1;
        assert_eq!(command(&session, 1), "RCPT TO:<someone@x.cz>\r\n");
        assert_eq!(command(&session, 2), "DATA\r\n");
    }

    #[test]
    fn commands_without_arguments_are_their_names() {
        let job = job();
        let says = |state: State| written(&Session::IDLE, state as usize, &job);
        assert_eq!(says(State::LoneDot), ".\r\n");
        assert_eq!(says(State::Rset), "RSET\r\n");
        assert_eq!(says(State::Quit), "QUIT\r\n");
        for state in [
            State::Connecting,
            State::Greeting,
            State::Envelope,
            State::End,
            State::Closed,
        ] {
            assert_eq!(says(state), "");
        }
    }

    #[test]
    fn plain_and_login_say_what_they_have_to() {
        let job = job();
        let says = |state: State| written(&Session::IDLE, state as usize, &job);
        assert_eq!(says(State::AuthPlain), "AUTH PLAIN AHNkcwBzZHMtc2VjcmV0\r\n");
        assert_eq!(says(State::AuthPlainAlone), "AUTH PLAIN\r\n");
        assert_eq!(says(State::AuthPlainResponse), "AHNkcwBzZHMtc2VjcmV0\r\n");
        assert_eq!(says(State::AuthLogin), "AUTH LOGIN\r\n");
        assert_eq!(says(State::AuthUsername), "c2Rz\r\n");
        assert_eq!(says(State::AuthPassword), "c2RzLXNlY3JldA==\r\n");
    }

    #[test]
    fn a_line_of_512_octets_is_the_longest_with_a_response() {
        // 499 octets are left for base64: 496 of them make 372 octets, two of which are the NULs.
        static X: [u8; 400] = [b'x'; 400];
        let mut job = job();
        job.settings.set_text(Field::Username, b"u");
        job.settings.set_text(Field::Password, &X[..369]);
        assert!(plain::fits_command(b"u", &X[..369]));
        assert!(written(&Session::IDLE, State::AuthPlain as usize, &job).len() <= 512);
        assert!(!plain::fits_command(b"u", &X[..370]));
    }

    #[test]
    fn the_header_block_is_complete() {
        assert_eq!(
            header(|_| {}),
            "Date: Sat, 21 Nov 2026 21:19:19 +0000\r\n\
             From: thatisme@smtp-server-domain.cz\r\n\
             To: someone@example-target-server.cz\r\n\
             Subject: testovaci email\r\n\
             Message-ID: <000102030405060708090a0b0c0d0eff@smtp-server-domain.cz>\r\n\
             MIME-Version: 1.0\r\n\
             Content-Type: text/plain; charset=UTF-8\r\n\
             Content-Transfer-Encoding: 7bit\r\n\
             \r\n"
        );
    }

    #[test]
    fn what_there_is_not_has_no_field() {
        let without = header(|job| {
            if let Some(mail) = &mut job.mail {
                (mail.date, mail.nonce) = (0, None);
            }
        });
        assert!(without.starts_with("From: thatisme@smtp-server-domain.cz\r\nTo: "));
        assert!(without.contains("Subject: testovaci email\r\nMIME-Version: "));
    }

    #[test]
    fn names_are_quoted_or_encoded() {
        let with = |name: &'static str| {
            header(|job| {
                job.settings.set_text(Field::SenderName, name.as_bytes());
                job.settings.phrase = Some(word::write_phrase);
            })
        };
        let quoted = with("SDS \"x\" \\");
        assert!(quoted.contains("From: \"SDS \\\"x\\\" \\\\\" <thatisme@smtp-server-domain.cz>\r\nTo: "));
        let encoded = with("Kotelna \u{10d}. 2");
        assert!(
            encoded.contains("From: =?UTF-8?B?S290ZWxuYSDEjS4gMg==?= <thatisme@")
                || encoded.contains("From: =?UTF-8?B?S290ZWxuYSDEjS4gMg==?=\r\n <thatisme@"),
            "{encoded}"
        );
    }

    #[test]
    fn many_recipients_are_folded() {
        let recipients = std::vec!["someone.with.a.name@example-target-server.cz"; 100].join(", ");
        let recipients: &'static [u8] = recipients.leak().as_bytes();
        let text = header(|job| {
            if let Some(mail) = &mut job.mail {
                mail.recipients = recipients;
            }
        });
        assert!(text.lines().all(|line| line.len() <= 78));
        assert_eq!(text.matches("someone.with").count(), 100);
    }
}
