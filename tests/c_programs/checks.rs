//! What the programs of c_examples/ and tests/c/ must do with whichever of the two libraries.

use std::path::Path;

use super::running::{Finished, run};
use super::servers::{Manners, Server, Sink};

pub const FROM: &str = "device@example.com";
pub const TO: &str = "operator@example.com";

#[track_caller]
pub fn assert_is_the_seeds_mail(mail: &str) {
    let (headers, text) = mail
        .split_once("\r\n\r\n")
        .expect("a blank line between headers and text");
    for header in ["Subject: testovaci email", "Message-ID: <", "From: ", "To: "] {
        assert!(
            headers.lines().any(|line| line.starts_with(header)),
            "no {header:?} in:\n{mail}"
        );
    }
    assert_eq!(text, "Toto je testovaci email.\r\n");
}

/// User name and password of the tests, plain and as base64 makes them in AUTH LOGIN and AUTH PLAIN.
pub const SECRETS: [&str; 5] = [
    "kotelna",
    "tajne-heslo",
    "a290ZWxuYQ",
    "dGFqbmUtaGVzbG8",
    "AGtvdGVsbmEAdGFqbmUtaGVzbG8",
];

#[track_caller]
pub fn assert_no_secret_in(finished: &Finished) {
    for secret in SECRETS {
        assert!(!finished.output.contains(secret), "{}", finished.output);
    }
}

/// What the alarm loop says in its last line, and what its mails say: the two must agree, and no alarm may be missing.
#[track_caller]
pub fn assert_every_alarm_is_accounted_for(finished: &Finished, mails: &[String], count: usize) -> (usize, usize) {
    let last = finished.output.lines().last().expect("a last line");
    let number = |word: &str| -> usize {
        let (_, rest) = last
            .split_once(&format!("{word} "))
            .unwrap_or_else(|| panic!("no {word:?} in {last:?}"));
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().expect("a number")
    };
    let after = |mail: &String, words: &str| -> usize {
        let line = mail.lines().find_map(|line| line.strip_prefix(words));
        line.map_or(0, |line| {
            line.split(' ').next().expect("a word").parse().expect("a number")
        })
    };
    let mut alarms: Vec<&str> = Vec::new();
    for mail in mails {
        alarms.extend(mail.lines().filter(|line| line.starts_with("alarm ")));
    }
    let told = alarms.len();
    alarms.sort_unstable();
    alarms.dedup();
    assert_eq!(alarms.len(), told, "an alarm was mailed twice: {alarms:?}");
    assert_eq!(number("mailed"), told);
    let lost = mails
        .iter()
        .map(|mail| after(mail, "lost because the queue was full: "))
        .max()
        .unwrap_or(0);
    let uncertain = mails
        .iter()
        .map(|mail| after(mail, "in mails that may not have arrived: "))
        .max()
        .unwrap_or(0);
    assert_eq!(
        (number("lost"), number("uncertain")),
        (lost, uncertain),
        "not told in a mail: {last}"
    );
    assert_eq!(told + lost + uncertain, count, "{last}");
    (lost, uncertain)
}

pub fn two_devices(program: &Path, a: &str, b: &str) -> Finished {
    run(
        program,
        [TO, "127.0.0.1", a, "a@example.com", "127.0.0.1", b, "b@example.com"],
    )
}

/// Runs misuse by `run` between a port where nobody may connect and a mail sink that gets the two mails of the end.
#[track_caller]
pub fn assert_misuse_is_harmless(name: &str, run: impl FnOnce([&str; 2]) -> Finished) {
    let silent = Server::start(Manners::default());
    let working = Sink::start(name, &[]);
    run([&silent.port, &working.port]).must_give(0).must_say(" 0 wrong\n");
    assert_eq!(silent.connections(), 0, "a wrong call connected to the server");
    assert_eq!(silent.mails().len(), 0);
    assert_eq!(working.mails().len(), 2);
}
