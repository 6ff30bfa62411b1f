//! Logins: whatever a server says, nothing but the login leaves before it has accepted that; and with SCRAM, before it has proved
//! that it knows the password, which this one does not.
//!
//! An input is: how to log in, then what the server says. [`OP_CHALLENGE`] begins a field that is said in base64, in which
//! [`NONCE`] stands for ours; [`OP_RAW`] one that is said as it is.

use sds_smtp::auth::Exchange;
use sds_smtp::auth::exchange::NONCE_BYTES;
use sds_smtp::client::settings::mechanisms;
use sds_smtp::code::{Code, Reason};
use sds_smtp::limits::{CHALLENGE_BYTES, REPLY_TEXT_BYTES};
use sds_smtp::session::event::Hearing;
use sds_smtp::session::job::Field;
use sds_smtp::session::{Events, Job, Mail, Session, Settings, State, Text};

use crate::input::{Input, put_field};
use crate::mail::base64;

/// In a challenge: our nonce.
const NONCE: u8 = 0x0e;

const OP_CHALLENGE: u8 = 0;
const OP_RAW: u8 = 1;

/// So many octets of a secret may stand at a text's end by chance.
const CHANCE: usize = 6;

const USER: &[u8] = b"user-name,=";
const PASSWORD: &[u8] = b"pass-word-of-the-fuzzer";

/// Takes the dialogue, and lends what an exchange needs.
struct Listener {
    hearing: Box<Hearing>,
    challenge: Vec<u8>,
    exchange: Option<Box<Exchange>>,
    told: Vec<u8>,
}

impl Events for Listener {
    fn listens(&self) -> bool {
        true
    }

    fn said(&mut self, line: &[u8]) {
        self.told.extend(line);
        self.told.push(b'\n');
    }

    fn hearing(&mut self) -> Option<&mut Hearing> {
        Some(&mut self.hearing)
    }

    fn heard(&mut self) {
        self.told.extend(self.hearing.line());
        self.told.push(b'\n');
    }

    fn keep_challenge(&mut self, octets: &[u8]) -> bool {
        self.challenge.extend(octets);
        self.challenge.len() <= CHALLENGE_BYTES
    }

    fn challenge(&self) -> &[u8] {
        &self.challenge
    }

    fn drop_challenge(&mut self) {
        self.challenge.clear();
    }

    fn begin_exchange(&mut self) -> Result<(), Reason> {
        self.exchange = Some(Box::new(Exchange::new(&[0x5a; NONCE_BYTES])));
        Ok(())
    }

    fn exchange(&mut self) -> Option<(&mut Exchange, &[u8])> {
        Some((self.exchange.as_mut()?, &self.challenge))
    }

    fn end_exchange(&mut self) {
        self.exchange = None;
    }
}

/// Whether somebody who does not know the login may hear this before it is accepted: AUTH, a response, `*`, QUIT.
fn belongs_to_a_login(line: &[u8]) -> bool {
    let is_response = |line: &[u8]| {
        line.iter()
            .all(|octet| octet.is_ascii_alphanumeric() || b"+/=".contains(octet))
    };
    line.starts_with(b"EHLO ") || line.starts_with(b"AUTH ") || matches!(line, b"*" | b"QUIT") || is_response(line)
}

/// What may be seen nowhere where it is told.
fn secrets() -> Vec<Vec<u8>> {
    let encoded = base64(PASSWORD);
    let token = base64(&[b"user=", USER, b"\x01auth=Bearer ", PASSWORD, b"\x01\x01"].concat());
    vec![PASSWORD.to_vec(), trimmed(&encoded), trimmed(&token)]
}

fn trimmed(digits: &[u8]) -> Vec<u8> {
    digits.iter().copied().filter(|digit| *digit != b'=').collect()
}

pub fn run(octets: &[u8]) {
    let mut input = Input::new(octets);
    let auth = u32::from(input.octet());
    let (piece, flags) = (usize::from(input.octet()).max(1), input.octet());
    let Ok(set) = mechanisms(auth) else { return };
    if set.is_empty() {
        return;
    }
    let mut settings = Settings::NONE;
    settings.mechanisms = set;
    settings.login.guarded = auth == 1;
    settings.login.verified = flags & 1 != 0;
    settings.login.host = b"mail.example.org";
    settings.set_text(Field::Username, USER);
    settings.set_text(Field::Password, PASSWORD);
    settings.set_text(Field::Sender, b"a@example.org");
    settings.set_text(Field::EhloName, b"unit7.example.org");
    let job = Job {
        settings,
        mail: Some(Mail::new(b"b@example.org", b"alarm", Text::whole(b"It is hot.\n"))),
        keep: false,
        dry: false,
    };
    let listener = Listener {
        hearing: Box::new(Hearing::EMPTY),
        challenge: Vec::new(),
        exchange: None,
        told: Vec::new(),
    };
    let mut session = Session::new(&job, listener);
    session.stands(&job, 0);
    let (mut said, mut accepted, mut mechanism) = (Vec::new(), false, Vec::new());
    let (mut derived, mut heard) = (0u32, Vec::new());
    let offer: &[u8] = b"250-x\r\n250 AUTH PLAIN LOGIN CRAM-MD5 SCRAM-SHA-1 SCRAM-SHA-256 XOAUTH2 OAUTHBEARER\r\n";
    let mut begins = [b"220 x\r\n".as_slice(), offer].into_iter();
    while !session.closed() {
        let reply = match begins.next() {
            Some(line) => line.to_vec(),
            None => match input.pull() {
                None => break,
                Some(OP_CHALLENGE) => {
                    let mut message = Vec::new();
                    for octet in input.field() {
                        match octet {
                            NONCE => message.extend(base64(&[0x5a; NONCE_BYTES])),
                            octet => message.push(octet),
                        }
                    }
                    [b"334 ", base64(&message).as_slice(), b"\r\n"].concat()
                }
                Some(_) => input.field(),
            },
        };
        // A reply with this code, whole and alone: it is judged by itself.
        let whole = reply.iter().filter(|octet| **octet == b'\n').count() == 1 && reply.ends_with(b"\n");
        let awaited = session.state();
        heard.extend(&reply);
        for piece in reply.chunks(piece) {
            session.receive(&job, 0, piece);
            // Many rounds would only take time.
            while session.derives() && derived < 5000 {
                session.derive(&job, 0, 1000);
                derived += 1000;
            }
            if session.derives() {
                session.cancel();
            }
        }
        let logs_in = matches!(awaited, State::AuthBegin | State::AuthRespond);
        accepted |= logs_in && (!whole || reply.starts_with(b"235"));
        let before = said.len();
        let mut out = [0; 512];
        loop {
            let length = session.transmit(&job, 0, &mut out);
            session.sent(&job, 0, length);
            said.extend(&out[..length]);
            if length == 0 {
                break;
            }
        }
        for line in said[before..]
            .split(|octet| *octet == b'\n')
            .filter(|line| !line.is_empty())
        {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if let Some(rest) = line.strip_prefix(b"AUTH ") {
                mechanism = rest.split(|octet| *octet == b' ').next().unwrap_or(rest).to_vec();
                let clear = !settings.login.verified;
                let shows = matches!(mechanism.as_slice(), b"PLAIN" | b"LOGIN");
                let token = matches!(mechanism.as_slice(), b"XOAUTH2" | b"OAUTHBEARER");
                assert!(
                    !(clear && (token || shows && auth == 1)),
                    "{} in the clear",
                    line.escape_ascii()
                );
            }
            // This server knows no password.
            let proved = accepted && !mechanism.starts_with(b"SCRAM");
            assert!(
                proved || belongs_to_a_login(line),
                "said too early: {}",
                line.escape_ascii()
            );
        }
    }
    let logs_in_or_out = session.verdict().is_none_or(|verdict| verdict.code != Code::Ok);
    assert!(logs_in_or_out, "sent to a server that takes no mail");
    for secret in secrets() {
        let shows = |text: &[u8]| {
            text.windows(secret.len())
                .any(|part| part.eq_ignore_ascii_case(&secret))
        };
        assert!(!shows(&session.events.told), "a secret is told");
        assert!(!shows(session.text()), "a secret is in the text");
        assert!(
            !begins_at_the_end(session.text(), &secret, &heard),
            "a secret's beginning is in the text"
        );
    }
}

/// Whether a text that was cut off shows the beginning of a secret at its end, and not by chance; it may have been covered in part.
fn begins_at_the_end(text: &[u8], secret: &[u8], heard: &[u8]) -> bool {
    let is = |octets: &[u8], beginning: usize| octets.eq_ignore_ascii_case(&secret[..beginning]);
    let covered = text.iter().rev().take_while(|octet| **octet == b'*').count();
    let shown = &text[..text.len() - covered];
    text.len() >= REPLY_TEXT_BYTES
        && (CHANCE..secret.len()).any(|length| {
            let more = (length + covered).min(secret.len());
            shown.len() > length
                && is(&shown[shown.len() - length..], length)
                && heard.windows(more).any(|part| is(part, more))
        })
}

/// An input in which a server says these challenges.
pub fn input(auth: u8, verified: bool, challenges: &[&[u8]]) -> Vec<u8> {
    let mut input = vec![auth, 255, u8::from(verified)];
    for challenge in challenges {
        input.push(OP_CHALLENGE);
        put_field(challenge, &mut input);
    }
    for reply in [b"535 no\r\n".as_slice(), b"235 yes\r\n"] {
        input.push(OP_RAW);
        put_field(reply, &mut input);
    }
    input
}
