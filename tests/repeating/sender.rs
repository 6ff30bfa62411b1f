//! A client that sends one mail after another to the counting servers, with retries; in this process or in one of its own.

use std::io::Write;

use sds_smtp::client::settings::Draft;
use sds_smtp::code::Outcome;
use sds_smtp::host::{Client, Setup, Wait};
use sds_smtp::limits::Timeouts;

use super::random::Random;

/// Further attempts.
pub const RETRIES: u32 = 5;
/// Mails of a process that nobody kills.
const MAILS: usize = 4;

/// What the library told of a mail.
#[derive(Clone, Debug)]
pub struct Told {
    pub id: String,
    pub outcome: Outcome,
    pub attempts: u32,
    pub code: u8,
}

const OUTCOMES: [(&str, Outcome); 3] = [
    ("sent", Outcome::Sent),
    ("not-sent", Outcome::NotSent),
    ("unknown", Outcome::Unknown),
];

impl Told {
    /// As a line with its end, which another process reads.
    fn write(&self) -> String {
        let (word, _) = OUTCOMES[OUTCOMES
            .iter()
            .position(|(_, outcome)| *outcome == self.outcome)
            .unwrap()];
        format!("{} {word} {} {} .\n", self.id, self.attempts, self.code)
    }

    /// The line without its end; None where it is not whole.
    pub fn read(line: &str) -> Option<Self> {
        let [id, word, attempts, code, "."] = line.split(' ').collect::<Vec<_>>()[..] else {
            return None;
        };
        Some(Self {
            id: id.to_owned(),
            outcome: OUTCOMES.iter().find(|(name, _)| *name == word)?.1,
            attempts: attempts.parse().ok()?,
            code: code.parse().ok()?,
        })
    }
}

/// The client.
pub struct Sender {
    client: Client,
    random: Random,
    name: String,
    number: usize,
}

impl Sender {
    /// With servers as the configuration has them.
    pub fn new(servers: &str, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let client = Client::new().expect("a client");
        let timeouts = Timeouts {
            greeting: 150,
            ehlo: 150,
            auth: 150,
            mail: 150,
            rcpt: 150,
            data: 150,
            block: 300,
            end: 300,
            quit: 50,
            ..Timeouts::default()
        };
        let login = random.chance(50);
        let mut setup = Setup::of(&Draft {
            server: Some(servers.as_bytes()),
            auth: u32::from(login),
            username: Some(b"sds"),
            password: Some(b"sds-secret"),
            sender: Some(b"sds@example.test"),
            timeouts,
            ..Draft::default()
        });
        setup.retry_max = RETRIES;
        setup.retry_delay = 1;
        // Every second one keeps its connections.
        setup.keep_alive = if seed % 2 == 0 { 10_000 } else { 0 };
        client.set_up(&setup).expect("a configuration");
        Self {
            client,
            name: format!("{}-{seed}", std::process::id()),
            random,
            number: 0,
        }
    }

    /// Sends the next mail, and waits for its end.
    pub fn deliver(&mut self) -> Told {
        self.number += 1;
        let subject = format!("alarm {} of {}", self.number, self.name);
        let lines = if self.random.chance(70) {
            5
        } else {
            self.random.below(600)
        };
        let text = ".A line of the text, fifty octets with its end. x\n".repeat(lines);
        let recipients = *self.random.pick(&["a@example.test", "a@example.test, b@example.test"]);
        self.client
            .send(Some(recipients.as_bytes()), subject.as_bytes(), text.as_bytes())
            .expect("started");
        let code = self.client.wait(Wait::Milliseconds(60_000)).expect("a living client");
        let report = self.client.report().expect("a living client");
        Told {
            id: String::from_utf8_lossy(report.message_id.octets()).into_owned(),
            outcome: report.outcome,
            attempts: report.attempts,
            code,
        }
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        let _ = self.client.free();
    }
}

/// What the process does that is killed: sends, and tells of each mail as soon as it knows.
pub fn run(servers: &str, seed: u64) {
    let mut sender = Sender::new(servers, seed);
    for _ in 0..MAILS {
        let line = sender.deliver().write();
        std::io::stdout().write_all(line.as_bytes()).expect("the parent reads");
    }
}
