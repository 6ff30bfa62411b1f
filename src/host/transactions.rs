//! The transactions of a mail to several recipients: whom the next one is for, and what the end of one leads to.

use super::connection::{Connection, limit_to};
use crate::client::report::Report;
use crate::code::{Code, Reason};
use crate::session::State;

impl Connection {
    /// Whether another connection is to be made for recipients that are left, and this one is closed; once.
    pub(super) fn is_over_for_others(&mut self) -> bool {
        self.link.pump.session.closed() && core::mem::take(&mut self.keeping.others)
    }

    /// The next transaction is for those who are still to be tried.
    pub(super) fn line_up(&mut self) {
        let verdicts = self.link.pump.session.events.verdicts.as_mut();
        if let (Some(verdicts), Some(post)) = (verdicts, &mut self.post) {
            post.begin_with(verdicts.begin());
        }
    }

    /// What the end of a transaction is to a mail with several recipients. True where it goes on with another transaction.
    pub(super) fn go_on_with_others(&mut self, report: &mut Report, now: u64) -> bool {
        let given_up = self.key.slot().is_none_or(|slot| slot.is_given_up(self.mail));
        let session = &mut self.link.pump.session;
        let (state, fails) = (session.state(), session.may_begin_anew());
        let (Some(post), Some(verdicts)) = (&self.post, &mut session.events.verdicts) else {
            return false;
        };
        if !post.partial {
            verdicts.end_all(report);
            return false;
        }
        let stop = given_up.then_some((Code::Cancelled, Reason::Cancelled));
        // A server takes so many transactions on a connection, and ends it then, with a word or without.
        let ends = fails && !given_up && verdicts.has_served();
        if ends || verdicts.end_transaction(report, stop, self.order.dry) {
            if ends {
                self.leave_attempt(now);
            }
            if state != State::Idle || ends || !self.begin_transaction(now) {
                (self.keeping.others, self.link.unfinished) = (true, true);
            }
            return true;
        }
        let (recipient, decided) = verdicts.sum(report, post.list());
        let sink = &mut session.events;
        (sink.recipient, sink.decided) = (recipient, decided);
        if self.snapshot.keep_alive == 0 {
            self.leave_attempt(now);
        }
        false
    }

    /// Begins another transaction of the same mail on the same connection. False where that is of no more use, and is closed: the
    /// server has begun to say something.
    fn begin_transaction(&mut self, now: u64) -> bool {
        self.rewind();
        self.line_up();
        let left = self.total_left(now);
        let (mut job, link) = self.parts();
        limit_to(&mut job, left);
        let time = link.time(now);
        link.unfinished = true;
        let begins = link.pump.session.next(&job, time);
        if !begins {
            link.lost(&job, now, Reason::Lost);
        }
        begins
    }

    /// A session that behind a refusal had to say RSET first, and has its answer: what waited for that follows.
    pub(super) fn go_on_behind_reset(&mut self, now: u64) {
        if self.link.pump.session.state() != State::Idle {
            return;
        }
        if core::mem::take(&mut self.keeping.others) {
            self.keeping.others = !self.begin_transaction(now);
        } else if self.course.as_ref().is_some_and(|course| course.then.is_some()) {
            self.leave_attempt(now);
        }
    }
}
