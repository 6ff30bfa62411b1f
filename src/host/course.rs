//! The course of a mail that may need more than one connection: which server of the list is tried, and when all of them are
//! tried again.

use super::resolve::{self, Asker};
use super::snapshot::{Extras, Snapshot};
use crate::client::policy::{self, Failed, Next};
use crate::client::report::Report;
use crate::code::{Code, Phase, Reason};

/// What a mail is waiting for, where that is no server.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// A server, or a connection to one.
    Talking,
    /// The addresses of a name.
    Resolving(Asker),
    /// The time of the next attempt.
    Waiting {
        /// When it begins.
        until: u64,
    },
}

/// What comes when the connection of an attempt that failed is closed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// The next server of the list.
    Server,
    /// All of them again, at this time.
    Attempt {
        /// When it begins.
        at: u64,
    },
}

/// Where a mail stands in its course.
pub struct Course {
    /// Attempts that have begun.
    pub attempt: u32,
    /// The server that is tried: its number in the list.
    pub server: usize,
    /// What is waited for.
    pub stage: Stage,
    /// What comes next, where that is decided.
    pub then: Option<Then>,
    /// How far the last attempt came.
    pub phase: Phase,
    /// Another attempt would have followed, and there was no time left for it.
    pub late: bool,
}

impl Course {
    /// At its beginning.
    pub const BEGINNING: Self = Self {
        attempt: 1,
        server: 0,
        stage: Stage::Talking,
        then: None,
        phase: Phase::Start,
        late: false,
    };

    /// Whether a mail with this configuration needs one.
    pub fn is_needed(snapshot: &Snapshot) -> bool {
        let Some(extras) = &snapshot.extras else { return false };
        extras.servers.len() > 1 || extras.retry_max > 0 || snapshot.server.is_none()
    }

    /// Whether something follows without a word from a server.
    pub fn goes_on(&self) -> bool {
        self.then.is_some() || self.stage != Stage::Talking
    }

    /// Whether it waited for the addresses of a name; it does no longer.
    pub fn stop_resolving(&mut self) -> bool {
        let Stage::Resolving(asker) = self.stage else {
            return false;
        };
        self.stage = Stage::Talking;
        resolve::forget(asker.engine, asker.token);
        true
    }

    /// Decides what follows a mail that was not sent; None: that is its end. `repeats`: it may be attempted again. `times`:
    /// now, and how much is left of the total time.
    pub fn decide(
        &mut self,
        extras: &Extras,
        failed: &Failed,
        repeats: bool,
        chance: u32,
        times: [u64; 2],
    ) -> Option<Then> {
        let [now, left] = times;
        let servers_left = self.server.saturating_add(1) < extras.servers.len();
        let attempts_left = repeats && self.attempt <= extras.retry_max;
        self.then = match policy::next(failed, servers_left, attempts_left) {
            Next::Server => Some(Then::Server),
            Next::Attempt => {
                let wait = policy::wait(self.attempt, extras.retry_delay, chance);
                self.late = !policy::has_time(left, wait);
                (!self.late).then(|| Then::Attempt {
                    at: now.saturating_add(u64::from(wait)),
                })
            }
            Next::End => None,
        };
        self.then
    }
}

/// Tells of a name that has no address as a failure to look it up: 35, whatever ended it but the program.
pub fn told_as_unresolved(report: &mut Report) {
    report.phase = Phase::Resolve;
    if report.code == Code::Timeout {
        *report = Report {
            elapsed: report.elapsed,
            attempts: report.attempts,
            ..Report::unsent(
                Code::NameNotFound,
                Phase::Resolve,
                report.outcome,
                Reason::NoNameService,
            )
        };
    } else if report.code == Code::ConnectFailed {
        report.code = Code::NameNotFound;
    }
}
