//! Feeding a mail: the length of its files is found out before it begins, and the next piece of a body read when it is wanted.

use super::connection::Connection;
use super::files;
use super::link::Tools;
use super::memory::Boxed;
use super::parts::Fed;
use super::reading::Work;
use super::resolve::Asker;
use super::shared::Worker;
use crate::code::Reason;

impl Connection {
    /// Whether it is known how long the mail's files are; a thread looks where it is not.
    pub(super) fn is_measured(&mut self, now: u64, worker: Worker) -> bool {
        let Some(parts) = self.post.as_mut().and_then(|post| post.parts.as_mut()) else {
            return true;
        };
        if let Some(work) = parts.to_measure() {
            self.ask(work, now, worker);
        }
        !self.waits_for_files()
    }

    /// Whether a thread finds out how long the mail's files are.
    pub(super) fn waits_for_files(&self) -> bool {
        let parts = self.post.as_ref().and_then(|post| post.parts.as_ref());
        parts.is_some_and(|parts| parts.is_measuring())
    }

    /// Has a thread do something; without memory for it the connection is lost.
    fn ask(&mut self, work: Option<Boxed<Work>>, now: u64, worker: Worker) {
        let asker = Asker {
            engine: worker.number,
            token: self.link.token,
        };
        if let Some(parts) = self.post.as_mut().and_then(|post| post.parts.as_mut()) {
            parts.asker = Some(asker);
        }
        if work.and_then(|work| files::ask(work, asker, worker.waker)).is_none() {
            self.lost(now, Reason::NoMemory);
        }
    }

    /// A thread has done something for the mail; true where it can begin now.
    pub fn take_work(&mut self, work: Boxed<Work>, now: u64) -> bool {
        match self.post.as_mut().map(|post| post.take(work)) {
            Some(Ok(begins)) => {
                // One that waits for its next attempt begins then.
                let waits = self.course.as_ref().is_some_and(|course| course.goes_on());
                begins && !waits && (self.link.connects() || self.resumes())
            }
            Some(Err(reason)) => {
                self.lost(now, reason);
                false
            }
            None => false,
        }
    }

    /// The same, where no functions of the program carry it.
    pub fn take_work_and_go_on(&mut self, work: Boxed<Work>, tools: &mut Tools<'_>) {
        if self.take_work(work, tools.now) {
            self.open(tools);
        }
        self.feed(tools.now, tools.worker);
    }

    /// Makes the next piece of a body that comes in pieces, where it is wanted.
    pub(super) fn feed(&mut self, now: u64, worker: Worker) {
        if self.link.pump.session.wants_reconnect() {
            // Some of it may have been sent on the connection before, and some recipients accepted there.
            self.rewind();
            if let Some(verdicts) = &mut self.link.pump.session.events.verdicts {
                verdicts.restart();
            }
            self.line_up();
        }
        while let Some(wanted) = self.link.pump.wants_text() {
            let eight_bit_mime = self.link.pump.session.takes_eight_bit();
            let Some(post) = &mut self.post else { return };
            match post.feed(wanted, eight_bit_mime) {
                Fed::Here => {
                    self.link.unfinished = true;
                    return;
                }
                Fed::Ask(work) => self.ask(Some(work), now, worker),
                Fed::Later => return,
                Fed::Failed(reason) => return self.lost(now, reason),
            }
        }
    }

    /// Nothing more is to be read for the mail.
    pub(super) fn stop_reading(&mut self) {
        let parts = self.post.as_mut().and_then(|post| post.parts.as_mut());
        if let Some(asker) = parts.and_then(|parts| parts.asker.take()) {
            files::forget(asker.engine, asker.token);
        }
    }

    /// The mail is sent from its beginning.
    pub(super) fn rewind(&mut self) {
        let parts = self.post.as_ref().and_then(|post| post.parts.as_ref());
        if parts.is_some_and(|parts| !parts.is_measuring()) {
            self.stop_reading();
        }
        if let Some(parts) = self.post.as_mut().and_then(|post| post.parts.as_mut()) {
            parts.begin_anew();
        }
    }
}
