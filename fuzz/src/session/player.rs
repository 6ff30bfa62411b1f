//! Drives a session: octets leave and arrive as the input says, and time is a number.

use sds_smtp::code::{Code, Reason};
use sds_smtp::limits::Count;
use sds_smtp::session::{Job, Session, Text, Verdict};

use super::event;
use super::listener::Listener;
use super::setup::Setup;
use crate::input::Input;
use crate::wiretap::{Said, Wiretap};

/// What nobody has written to.
const UNTOUCHED: [u8; 8192] = [0xee; 8192];

/// The most octets that a server says, and a client.
const MOST: usize = 300_000;

/// The verdict as it was told first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) verdict: Verdict,
    pub(super) text: Vec<u8>,
    pub(super) recipients: (Count, Count),
    pub(super) enhanced: [u32; 3],
}

/// Drives a session, and compares it with the wire.
pub struct Player<'a> {
    pub(super) setup: &'a Setup,
    pub(super) session: Session<Listener>,
    pub(super) job: Job<'a>,
    /// Milliseconds since the session began.
    pub(super) now: u32,
    pub(super) buffer: Vec<u8>,
    /// Written, and not left yet.
    pub(super) queue: Vec<u8>,
    /// How many octets may leave.
    pub(super) flow: Option<usize>,
    pub(super) tap: Wiretap,
    pub(super) replies_before: usize,
    pub(super) all_left: bool,
    pub(super) connected: bool,
    /// How the connection that is made next fails.
    pub(super) fail: Option<u8>,
    /// When the connection began to be made, when it stood, or the last reply came; when octets left last.
    pub(super) since: u32,
    pub(super) left_at: u32,
    pub(super) told: Option<Told>,
    pub(super) connections: usize,
}

impl<'a> Player<'a> {
    pub fn new(setup: &'a Setup) -> Self {
        let job = setup.job();
        let sizes = [16, 17, 37, 64, 100, 512, 4096, 8192];
        Self {
            session: Session::new(&job, Listener::new(setup)),
            setup,
            job,
            now: 0,
            buffer: vec![0; sizes[usize::from(setup.sizes & 7)]],
            queue: Vec::new(),
            flow: None,
            tap: Wiretap::default(),
            replies_before: 0,
            all_left: false,
            connected: false,
            fail: None,
            since: 0,
            left_at: 0,
            told: None,
            connections: 0,
        }
    }

    /// What left of the mail, when all of it has.
    pub fn mail(&self) -> Option<&[u8]> {
        self.tap.client.mail.as_deref()
    }

    /// The code, when there is one.
    pub fn code(&self) -> Option<Code> {
        self.told.as_ref().map(|told| told.verdict.code)
    }

    /// Lets all happen that the input says, and then nobody says anything any more.
    pub fn play(&mut self, events: &[u8]) {
        let mut events = Input::new(events);
        if events.clone().pull() == Some(event::FAIL) {
            events.pull();
            self.fail = events.pull();
        }
        self.connect();
        let (mut segment, mut said, mut glue) = (Vec::new(), 0, false);
        while let Some(octet) = events.pull() {
            if self.session.closed() || said > MOST {
                break;
            }
            let ends = match octet {
                event::GLUE => {
                    glue = true;
                    continue;
                }
                event::LITERAL => {
                    segment.push(events.octet());
                    continue;
                }
                event::REPEAT => {
                    let times = usize::from(events.octet()).max(1);
                    segment = segment.repeat(times.min(MOST / segment.len().max(1)));
                    continue;
                }
                event::CUT | event::TIME | event::CANCEL | event::LOST | event::STALL | event::FAIL => true,
                _ => {
                    segment.push(octet);
                    octet == b'\n' && !std::mem::take(&mut glue)
                }
            };
            if ends && !segment.is_empty() {
                said += segment.len();
                self.receive(&std::mem::take(&mut segment));
            }
            match octet {
                event::TIME => self.time(events.octet()),
                event::CANCEL => self.cancel(),
                event::LOST => self.lost(Reason::Lost),
                event::STALL => {
                    self.flow = Some(usize::from(events.octet())).filter(|octets| *octets != usize::from(event::FLOW));
                    self.pump();
                }
                event::FAIL => self.fail = events.pull(),
                _ => {}
            }
        }
        if !segment.is_empty() {
            self.receive(&segment);
        }
        self.fall_silent();
    }

    /// Deadline by deadline, until all is over.
    fn fall_silent(&mut self) {
        for _ in 0..16 {
            if self.session.closed() {
                break;
            }
            self.time(event::DEADLINE);
        }
        assert!(
            self.session.closed(),
            "not closed when all time is over: {:?}",
            self.session.state()
        );
        // The whole mail, and RSET and QUIT behind it.
        let limits = self.setup.timeouts();
        assert!(
            self.now <= limits.total + 2 * limits.quit,
            "closed only at {}",
            self.now
        );
        self.nothing_more();
    }

    /// When it is over nothing is said and nothing changes.
    fn nothing_more(&mut self) {
        let state = self.session.state();
        self.session.receive(&self.job, self.now, b"250 ok\r\n421 bye\r\n");
        self.session.cancel();
        self.session.tick(u32::MAX);
        self.session.lost(&self.job, self.now, Reason::Lost);
        assert!(!self.session.wants_reconnect(), "a new connection after the end");
        assert_eq!(
            self.session.transmit(&self.job, self.now, &mut self.buffer),
            0,
            "something is said after the end"
        );
        assert_eq!(self.session.wants_text(), None, "text is wanted after the end");
        assert_eq!(self.session.state(), state);
        self.look();
        self.check_said();
    }

    fn connect(&mut self) {
        self.connections += 1;
        assert!(self.connections <= 2, "connected more than twice");
        match self.fail.take() {
            None => {
                self.connected = true;
                self.since = self.now;
                self.session.connected(&self.job, self.now, &self.setup.local().into());
                self.pump();
            }
            Some(how) => match how & 3 {
                event::HANGS => {}
                how => self.lost([Reason::Refused, Reason::Unreachable, Reason::NoSocket][usize::from(how)]),
            },
        }
    }

    fn receive(&mut self, octets: &[u8]) {
        if !self.connected {
            return;
        }
        let before = self.session.deadline();
        let complete = self.tap.hear_server(octets);
        self.session.receive(&self.job, self.now, octets);
        if complete > 0 {
            self.since = self.now;
        } else if !self.session.closed() {
            assert_eq!(self.session.deadline(), before, "half a reply moves the deadline");
        }
        self.look();
        self.pump();
    }

    fn lost(&mut self, reason: Reason) {
        self.queue.clear();
        self.connected = false;
        self.session.lost(&self.job, self.now, reason);
        if self.session.wants_reconnect() {
            assert!(self.told.is_none() && self.tap.client.said.last() != Some(&Said::Mail));
            self.since = self.now;
            self.tap = Wiretap::default();
            self.flow = None;
            self.look();
            return self.connect();
        }
        assert!(
            self.session.closed(),
            "the connection is lost, and the session is not closed"
        );
        self.look();
    }

    fn cancel(&mut self) {
        let settled = self.told.is_some();
        self.session.cancel();
        self.look();
        if !settled {
            assert!(self.session.closed(), "cancelled, and not closed");
            assert_eq!(
                self.code() == Some(Code::Cancelled),
                !self.refused(),
                "{:?}",
                self.code()
            );
        }
        self.pump();
    }

    fn time(&mut self, how: u8) {
        let Some(deadline) = self.session.deadline() else {
            return;
        };
        let until = match how {
            event::DEADLINE => deadline,
            event::BEFORE_DEADLINE => deadline.saturating_sub(1),
            some => self.now + 10 * u32::from(some) * u32::from(some),
        };
        // A tick too early changes nothing.
        let early = until.min(deadline.saturating_sub(1));
        if early >= self.now {
            self.now = early;
            let before = (self.session.state(), self.session.deadline(), self.session.verdict());
            self.session.tick(self.now);
            let after = (self.session.state(), self.session.deadline(), self.session.verdict());
            assert_eq!(before, after, "a tick before the deadline");
        }
        if until < deadline {
            return;
        }
        self.now = deadline;
        let settled = self.told.is_some();
        self.session.tick(self.now);
        assert!(self.session.closed(), "the deadline has come, and the session goes on");
        self.look();
        if !settled {
            assert_eq!(self.code() == Some(Code::Timeout), !self.refused(), "{:?}", self.code());
        }
    }

    /// Lets the session write, and octets leave, until nothing moves.
    fn pump(&mut self) {
        loop {
            let moved = self.leave();
            // The buffer is lent again when all has left; or all is written that can be.
            let queued = self.setup.sizes >> 3 & 3 == 2;
            if !moved && !((queued || self.queue.is_empty()) && self.write()) {
                return;
            }
        }
    }

    fn write(&mut self) -> bool {
        loop {
            let (closed, connected) = (self.session.closed(), self.connected);
            self.buffer.fill(UNTOUCHED[0]);
            let length = self.session.transmit(&self.job, self.now, &mut self.buffer);
            self.look();
            if length == 0 {
                if self.lend_piece() {
                    continue;
                }
                return false;
            }
            assert!(!closed && connected, "something is said where nobody hears it");
            assert!(
                self.buffer[length..] == UNTOUCHED[length..self.buffer.len()],
                "written behind what was said"
            );
            let said = self.buffer[..length].to_vec();
            self.tap.written.hear(&said);
            self.queue.extend(said);
            assert!(self.queue.len() < MOST, "written without end");
            self.check_ahead();
            return true;
        }
    }

    /// Nothing is said ahead of an answer but with PIPELINING.
    fn check_ahead(&self) {
        let (said, answered) = (&self.tap.written.said, self.tap.replies.len());
        assert!(answered > 0, "the server speaks first");
        if said.len() > answered {
            assert!(
                self.setup.pipelining && self.tap.announced().pipelining,
                "said ahead: {said:?}"
            );
            let ahead = &said[answered - 1..];
            assert!(
                ahead
                    .iter()
                    .all(|said| matches!(said, Said::Mail | Said::Rcpt | Said::Data)),
                "{ahead:?}"
            );
        }
    }

    fn lend_piece(&mut self) -> bool {
        let Some(from) = self.session.wants_text() else {
            return false;
        };
        assert!(self.setup.pieces, "a piece is wanted of a text that is whole");
        let mail = self.job.mail.as_mut().expect("a mail");
        let length = [1, 2, 3, 7, 64, 512, 4096, usize::MAX / 2][usize::from(self.setup.sizes >> 5)];
        let text = &self.setup.text;
        let end = text.len().min(from + length);
        mail.text = Text {
            octets: &text[from..end],
            from,
            last: end == text.len(),
            ..mail.text
        };
        true
    }

    fn leave(&mut self) -> bool {
        let most = if self.setup.sizes >> 3 & 3 == 0 {
            usize::MAX
        } else {
            1 + usize::from(self.setup.sizes) % 9
        };
        let length = self.queue.len().min(most).min(self.flow.unwrap_or(usize::MAX));
        if length == 0 || !self.connected {
            return false;
        }
        if let Some(flow) = &mut self.flow {
            *flow -= length;
        }
        let octets: Vec<u8> = self.queue.drain(..length).collect();
        self.tap.client.hear(&octets);
        if self.tap.client.mail.is_some() && !self.all_left {
            self.all_left = true;
            self.replies_before = self.tap.replies.len();
        }
        self.left_at = self.now;
        self.session.sent(&self.job, self.now, length);
        self.look();
        true
    }
}
