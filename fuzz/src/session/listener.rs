//! Listens to a session's events: they show no secret, and tell of the end once.

use sds_smtp::session::Verdict;
use sds_smtp::session::event::{End, Events, Hearing};

use super::judge::{SECRET, secrets};
use super::setup::Setup;

/// Takes the events.
pub struct Listener {
    hearing: Hearing,
    /// What no line may show, as it would be shown.
    secrets: Vec<Vec<u8>>,
    /// The end, once it was told.
    pub end: Option<Verdict>,
}

impl Listener {
    pub fn new(setup: &Setup) -> Self {
        Self {
            hearing: Hearing::EMPTY,
            secrets: if setup.auth == 0 { Vec::new() } else { secrets(setup) },
            end: None,
        }
    }

    fn check(&self, line: &[u8]) {
        for secret in self.secrets.iter().filter(|secret| secret.len() >= SECRET) {
            let shows = line.windows(secret.len()).any(|part| part.eq_ignore_ascii_case(secret));
            assert!(!shows, "the password is shown in an event: {}", line.escape_ascii());
        }
    }
}

impl Events for Listener {
    fn listens(&self) -> bool {
        true
    }

    fn said(&mut self, line: &[u8]) {
        // The other commands say what the configuration and the mail have, which may be like the password.
        if ![&b"EHLO "[..], b"HELO ", b"MAIL ", b"RCPT "]
            .iter()
            .any(|word| line.starts_with(word))
        {
            self.check(line);
        }
    }

    fn hearing(&mut self) -> Option<&mut Hearing> {
        Some(&mut self.hearing)
    }

    fn heard(&mut self) {
        let line = self.hearing.line();
        assert!(
            line.iter().all(|octet| matches!(octet, b' '..=b'~')),
            "a line that is not clean"
        );
        self.check(line);
    }

    fn end(&mut self, end: &End<'_>) {
        assert_eq!(self.end, None, "the end is told twice");
        self.end = Some(*end.verdict);
    }
}
