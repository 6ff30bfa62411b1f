//! The result of a mail: what follows an attempt that has ended is decided, or its report becomes what the program is told.

use super::connection::Connection;
use super::course::{Then, told_as_unresolved};
use super::dialogue::Note;
use super::memory::Boxed;
use super::post::Post;
use super::told::{Ended, LastMail};
use super::verdicts::Verdicts;
use crate::buffer::Window;
use crate::client::hint;
use crate::client::policy::Failed;
use crate::client::report::{Bounded, Report};
use crate::code::{Code, Outcome, Phase, Reason};
use crate::octets::trimmed;
use crate::session::recipients::has_no_room;
use crate::wire::address::List;

/// What is said of a mail that would have been attempted again.
const NO_TIME: &[u8] = b"no time left for another attempt";

/// What is said of a mail for which delivery status notifications were asked for in vain.
const NO_NOTICES: &[u8] = b"sent without dsn: the server does not offer it";

/// What is said of a mail to more recipients than the server takes at a time.
const NO_ROOM: &[u8] = b"so many at a time it does not take: needs PARTIAL";

/// What the devices' own functions answer instead of a code.
fn of_devices(code: Code) -> Code {
    match code {
        // They come to it by an address in `to`: that of the sender they refuse.
        Code::NotSupported => Code::RecipientRefused,
        code => code.of_devices(),
    }
}

impl Connection {
    /// What became of the recipients, where there are several and the mail has ended; once.
    pub fn take_verdicts(&mut self) -> Option<Boxed<Verdicts>> {
        if self.published {
            self.link.pump.session.events.verdicts.take()
        } else {
            None
        }
    }

    /// The result, once: as soon as there is one. The mail's text is wiped and given back then.
    pub fn take_ended(&mut self, now: u64) -> Option<Ended> {
        if self.published {
            return None;
        }
        self.go_on_behind_reset(now);
        // Looked at before it is taken: this is asked after every event.
        if self.begins_again(now) || self.link.pump.session.events.report.is_none() {
            return None;
        }
        let mut report = self.link.pump.session.events.report.take()?;
        report.elapsed = u32::try_from(now.saturating_sub(self.started)).unwrap_or(u32::MAX);
        report.attempts = self.course.as_ref().map_or(1, |course| course.attempt);
        report.tls_version = self.link.tls_version();
        if report.phase == Phase::Connect && self.link.is_securing() {
            report.phase = Phase::Tls;
        }
        let parts = self.post.as_ref().and_then(|post| post.parts.as_ref());
        if report.code == Code::Timeout && parts.is_some_and(|parts| parts.waits()) {
            // The server is not to blame.
            report.reason = Reason::NothingRead;
            report.text = Bounded::new(report.reason.text());
        }
        let of_source = report.reason.is_of_source() || report.reason == Reason::NothingRead;
        if report.phase == Phase::Connect && of_source {
            // Before there was a connection.
            report.phase = Phase::Start;
        }
        let silent = report.phase == Phase::Greeting && report.code == Code::Timeout;
        if silent && self.waits(&self.link.address) {
            report.code = Code::TlsFailed;
        }
        let unresolved = self.course.as_mut().is_some_and(|course| course.stop_resolving());
        if unresolved {
            told_as_unresolved(&mut report);
        }
        if self.go_on_with_others(&mut report, now) {
            return None;
        }
        let then = self.decide(&report, now);
        if then.is_some() {
            self.try_again();
            self.leave_attempt(now);
        }
        if report.reason != Reason::None {
            self.note(Note::Failure(report.phase, report.reason));
        }
        self.explain(&mut report);
        match then {
            Some(Then::Server) => None,
            Some(Then::Attempt { .. }) => Some(self.told(report, true)),
            None => Some(self.end(report)),
        }
    }

    /// Decides what follows.
    fn decide(&mut self, report: &Report, now: u64) -> Option<Then> {
        let left = self.time_left(now);
        let (Some(extras), Some(course)) = (&self.snapshot.extras, &mut self.course) else {
            return None;
        };
        // Also where its connection breaks in the turn in which it is given up.
        if self.key.slot().is_none_or(|slot| slot.is_given_up(self.mail)) {
            return None;
        }
        // A probe and a dry run tell how things stand now.
        let repeats = self.post.is_some() && !self.order.dry;
        let chance = self.post.as_ref().map_or(0, |post| {
            post.nonce
                .iter()
                .fold(course.attempt, |sum, part| sum.rotate_left(7) ^ part)
        });
        let failed = match &self.link.pump.session.events.verdicts {
            Some(verdicts) if self.post.as_ref().is_some_and(|post| post.partial) => verdicts.passing()?,
            _ => Failed {
                outcome: report.outcome,
                code: report.code,
                reply: report.reply,
                reason: report.reason,
            },
        };
        course.phase = report.phase;
        course.decide(extras, &failed, repeats, chance, [now, left])
    }

    /// Another attempt follows.
    fn try_again(&mut self) {
        let partial = self.post.as_ref().is_some_and(|post| post.partial);
        if let Some(verdicts) = &mut self.link.pump.session.events.verdicts {
            verdicts.renew(partial);
        }
    }

    /// Says in the text what the server's words may mean, and what to do; and has the devices' own function answer in the
    /// devices' codes.
    fn explain(&self, report: &mut Report) {
        if report.outcome != Outcome::Sent {
            let session = &self.link.pump.session;
            let mut settings = self.snapshot.settings();
            settings.login.verified |= self.secures;
            hint::explain(report, &settings, session.mechanism());
        }
        let no_room = report.outcome == Outcome::NotSent
            && report.phase == Phase::Rcpt
            && report.recipients.0 > 0
            && has_no_room(report.reply, report.text.octets());
        if no_room && self.post.as_ref().is_some_and(|post| !post.partial) {
            hint::append(report, NO_ROOM);
        }
        if report.outcome == Outcome::Sent {
            let mail = self
                .post
                .as_ref()
                .filter(|post| post.extras.is_some())
                .map(Post::mail_seldom);
            if mail.is_some_and(|mail| self.link.pump.session.lacks_notices(&mail)) {
                hint::append(report, NO_NOTICES);
            }
        }
        if self.course.as_ref().is_some_and(|course| course.late) {
            hint::append(report, NO_TIME);
        }
        if self.snapshot.device {
            report.code = of_devices(report.code);
        }
    }

    /// The result after a defect of ours: what left is not known.
    pub fn defect(&mut self) -> Option<Ended> {
        self.course = None;
        let mut report = Report::unsent(Code::DataFailed, Phase::Start, Outcome::Unknown, Reason::Defect);
        if self.published {
            return None;
        }
        let sink = &mut self.link.pump.session.events;
        if let (Some(post), Some(verdicts)) = (&self.post, &mut sink.verdicts) {
            if post.partial {
                verdicts.end_transaction(&report, None, false);
                verdicts.sum(&mut report, post.list());
            } else {
                verdicts.end_all(&report);
            }
        }
        Some(self.end(report))
    }

    fn end(&mut self, report: Report) -> Ended {
        self.published = true;
        let ended = self.told(report, false);
        self.stop_reading();
        if let (Some(post), Some(verdicts)) = (&mut self.post, &mut self.link.pump.session.events.verdicts) {
            verdicts.keep_list(post.take_list());
            if self.snapshot.device {
                verdicts.change_codes(of_devices);
            }
        }
        self.post = None;
        ended
    }

    /// What is told of a result.
    fn told(&self, report: Report, again: bool) -> Ended {
        let post = self.post.as_ref();
        let sink = &self.link.pump.session.events;
        let address = match post {
            None => &[],
            // The same, faster: a list of one has nothing but blanks beside it.
            Some(post) if post.recipients == 1 => trimmed(post.list()),
            Some(post) => {
                let number = usize::try_from(sink.recipient).unwrap_or(usize::MAX);
                List::new(post.list()).nth(number).unwrap_or(&[])
            }
        };
        let recipients = post.map_or(0, |post| post.recipients);
        let decides = sink.decided || recipients == 1;
        Ended {
            told: LastMail {
                report,
                message_id: post.map_or(Bounded::EMPTY, |post| post.message_id(&self.snapshot)),
                server: Bounded::written(|room| {
                    let mut out = Window::new(room, 0);
                    self.write_tried(true, &mut out);
                    out.kept()
                }),
                recipient: Bounded::new(if decides { address } else { &[] }),
                decided: sink.decided && post.is_some(),
            },
            recipients,
            recipient: Bounded::new(address),
            again,
            progress: self.progress(),
        }
    }
}
