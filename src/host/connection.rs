//! One mail on one socket: the link drives the session and its socket, the connection owns what the session is lent.

use std::boxed::Box;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::memory;
use super::post::Post;
use super::registry::Key;
use super::shared::LastMail;
use super::snapshot::Snapshot;
use super::sys::{self, Event, Failure, Poller, Socket};
use crate::channel::{Channel, Moved, Pump, Turn};
use crate::client::report::{Bounded, Report};
use crate::code::{Code, Outcome, Phase, Reason};
use crate::limits::LOG_RECIPIENT_BYTES;
use crate::session::event::{End, Events};
use crate::session::{Job, Session, State};
use crate::wire::address::List;

/// What is composed at a time: the headers, a text of 3 KiB and the final dot leave in one write.
const OUT: usize = 4096;

/// One mail on its way.
pub struct Connection {
    /// Whose mail it is.
    pub key: Key,
    /// Which of the client's mails.
    pub mail: u32,
    snapshot: Snapshot,
    post: Option<Post>,
    started: u64,
    published: bool,
    /// The engine knows that there is more to do.
    queued: bool,
    link: Link,
}

/// The session, and its socket.
struct Link {
    token: u64,
    socket: Option<Socket>,
    pump: Pump<Box<[u8]>, Ending>,
    /// When the session began, by our clock: it counts from there.
    began: u64,
    opened: u64,
    /// Whether it was looked at, when the time for the greeting was over, if the connection stands.
    looked: bool,
    /// There is more to do, without the kernel saying so.
    unfinished: bool,
}

/// What a link works with, and several share.
pub struct Tools<'t> {
    /// The kernel's list.
    pub poller: &'t Poller,
    /// Where octets are received.
    pub buffer: &'t mut [u8],
    /// The time.
    pub now: u64,
}

/// What the engine writes into the client when there is a verdict.
pub struct Ended {
    /// The result.
    pub told: LastMail,
    /// How many recipients the mail had.
    pub recipients: u16,
    /// The recipient for the log.
    pub recipient: Bounded<LOG_RECIPIENT_BYTES>,
}

fn job<'a>(snapshot: &'a Snapshot, post: &'a Option<Post>) -> Job<'a> {
    Job {
        settings: snapshot.settings(),
        mail: post.as_ref().map(Post::mail),
        keep: false,
        dry: false,
    }
}

impl Connection {
    /// A connection that has not begun yet.
    #[allow(clippy::too_many_arguments)]
    pub fn new(
        key: Key,
        mail: u32,
        token: u64,
        snapshot: Snapshot,
        post: Option<Post>,
        out: Box<[u8]>,
        started: u64,
        now: u64,
    ) -> Self {
        let (mut post, mut out) = (post, out);
        if let Some(post) = &mut post {
            post.compose(&snapshot.settings(), &mut out);
        }
        let session = Session::new(&job(&snapshot, &post), Ending::default());
        Self {
            key,
            mail,
            snapshot,
            post,
            started,
            published: false,
            queued: false,
            link: Link {
                token,
                socket: None,
                pump: Pump::new(session, out),
                began: now,
                opened: now,
                looked: false,
                unfinished: false,
            },
        }
    }

    /// A buffer for a connection.
    pub fn buffer() -> Option<Box<[u8]>> {
        memory::zeros(OUT)
    }

    /// The buffer of a connection that is over, for the next one: wiped.
    pub fn take_buffer(&mut self) -> Box<[u8]> {
        self.link.pump.take_buffer()
    }

    /// What the kernel names it by.
    pub fn token(&self) -> u64 {
        self.link.token
    }

    /// Begins to connect.
    pub fn open(&mut self, tools: &mut Tools<'_>) {
        self.link
            .open(&job(&self.snapshot, &self.post), self.snapshot.server, tools);
    }

    /// Something happened on the socket.
    pub fn handle(&mut self, event: Event, tools: &mut Tools<'_>) {
        self.link
            .handle(&job(&self.snapshot, &self.post), self.snapshot.server, event, tools);
    }

    /// Goes on where the last turn ended.
    pub fn go_on(&mut self, tools: &mut Tools<'_>) {
        self.queued = false;
        // One that is looked at although nothing was told of it may still be connecting: then there is nothing to do.
        if self.link.pump.session.state() == State::Connecting
            && !self.link.socket.as_ref().is_some_and(sys::is_connected)
        {
            return;
        }
        let event = Event {
            token: self.link.token,
            readable: true,
            to_the_end: false,
            failed: false,
        };
        self.handle(event, tools);
    }

    /// A deadline has come. What has arrived is read first: an answer that was there in time is not late because nobody
    /// looked, as in a process that was stopped.
    pub fn tick(&mut self, tools: &mut Tools<'_>) {
        self.make_sure(tools.poller);
        self.link
            .tick(&job(&self.snapshot, &self.post), self.snapshot.server, tools);
    }

    /// The client wants no mail any more. A verdict that has arrived counts.
    pub fn cancel(&mut self, tools: &mut Tools<'_>) {
        self.make_sure(tools.poller);
        self.link
            .cancel(&job(&self.snapshot, &self.post), self.snapshot.server, tools);
    }

    /// Makes sure that the socket is ours still, before it is read or closed for another reason than that something
    /// happened on it: the program may have closed it, and its number be the program's own by now.
    pub fn make_sure(&mut self, poller: &Poller) {
        let token = self.link.token;
        if self
            .link
            .socket
            .as_ref()
            .is_some_and(|socket| !poller.has(socket, token))
        {
            self.leave_open();
        }
    }

    /// Gives the socket up without closing it.
    pub fn leave_open(&mut self) {
        if let Some(socket) = self.link.socket.take() {
            sys::leave_open(socket);
        }
    }

    /// When to call [`Connection::tick`].
    pub fn deadline(&self) -> Option<u64> {
        let deadline = self
            .link
            .began
            .saturating_add(u64::from(self.link.pump.session.deadline()?));
        if self.link.pump.session.state() == State::Connecting && !self.link.looked {
            let greeting = self.link.opened.saturating_add(u64::from(self.snapshot.greeting()));
            return Some(deadline.min(greeting));
        }
        Some(deadline)
    }

    /// Whether it is over.
    pub fn closed(&self) -> bool {
        self.link.pump.session.closed()
    }

    /// Whether there is more to do without waiting for the kernel, and the engine does not know yet.
    pub fn unfinished(&mut self) -> bool {
        core::mem::take(&mut self.link.unfinished) && self.queue()
    }

    /// Notes that the engine knows that there is more to do; false where it knew before.
    pub fn queue(&mut self) -> bool {
        !core::mem::replace(&mut self.queued, true)
    }

    /// The result, once: as soon as there is one. The mail's text is wiped and given back then.
    pub fn take_ended(&mut self, now: u64) -> Option<Ended> {
        if self.published {
            return None;
        }
        let Ending { report, recipient } = core::mem::take(&mut self.link.pump.session.events);
        let mut report = report?;
        report.elapsed = u32::try_from(now.saturating_sub(self.started)).unwrap_or(u32::MAX);
        Some(self.end(report, recipient))
    }

    /// Gives the connection up without closing its socket, whose number may be another's by now; the result, if it has
    /// none yet.
    pub fn abandon(&mut self, now: u64) -> Option<Ended> {
        self.leave_open();
        let given_up = self.key.slot().is_some_and(|slot| slot.is_given_up(self.mail));
        if given_up {
            self.link.pump.session.cancel();
        }
        let job = job(&self.snapshot, &self.post);
        let time = self.link.time(now);
        self.link.pump.session.lost(&job, time, Reason::Lost);
        // A session that would connect anew has no socket to do it with, either.
        self.link.pump.session.lost(&job, time, Reason::NoSocket);
        self.take_ended(now)
    }

    /// The result after a defect of ours: what left is not known.
    pub fn defect(&mut self) -> Option<Ended> {
        let report = Report::unsent(Code::DataFailed, Phase::Start, Outcome::Unknown, Reason::Defect);
        (!self.published).then(|| self.end(report, 0))
    }

    fn end(&mut self, report: Report, recipient: u16) -> Ended {
        self.published = true;
        let mut ended = Ended {
            told: LastMail::without_id(report),
            recipients: 0,
            recipient: Bounded::EMPTY,
        };
        if let Some(post) = &self.post {
            ended.told.message_id = Bounded::message_id(post.nonce, self.snapshot.settings().sender());
            ended.recipients = post.recipients;
            let address = List::new(post.mail().recipients).nth(usize::from(recipient));
            ended.recipient = Bounded::new(address.unwrap_or(&[]));
        }
        self.post = None;
        ended
    }
}

/// How the mail ended, as the session tells: the one event that the host has a use for.
#[derive(Default)]
struct Ending {
    report: Option<Report>,
    recipient: u16,
}

impl Events for Ending {
    fn end(&mut self, end: &End<'_>) {
        self.report = Some(Report::of(end));
        self.recipient = end.verdict.recipient;
    }
}

impl Link {
    /// The session's time at a time of our clock.
    fn time(&self, now: u64) -> u32 {
        u32::try_from(now.saturating_sub(self.began)).unwrap_or(u32::MAX)
    }

    /// The connection is lost.
    fn lost(&mut self, job: &Job<'_>, now: u64, reason: Reason) {
        self.pump.session.lost(job, self.time(now), reason);
    }

    /// Begins to connect.
    ///
    /// Nobody asks the kernel to tell when the connection stands: the greeting tells, with one wake-up less.
    fn open(&mut self, job: &Job<'_>, server: SocketAddr, tools: &mut Tools<'_>) {
        self.pump.clear();
        self.socket = None;
        self.opened = tools.now;
        self.looked = false;
        match tools.poller.connect(server, None, self.token) {
            Ok(socket) => self.socket = Some(socket),
            Err(failure) => self.lost(job, tools.now, reason(failure)),
        }
    }

    fn handle(&mut self, job: &Job<'_>, server: SocketAddr, event: Event, tools: &mut Tools<'_>) {
        if self.pump.session.state() == State::Connecting {
            let Some(socket) = &self.socket else { return };
            if event.failed {
                // A reset (and whatever the kernel does not say of connecting) means that the connection stood: what the
                // server said before it can still be read.
                let why = sys::connect_failure(socket);
                if why != Failure::Broken {
                    self.lost(job, tools.now, reason(why));
                    return;
                }
            }
            self.connected(job, tools.now);
        }
        let read = match event {
            _ if event.to_the_end => Arrived::ToTheEnd,
            _ if event.readable => Arrived::Some,
            _ => Arrived::Nothing,
        };
        self.carry(job, server, read, tools);
    }

    fn connected(&mut self, job: &Job<'_>, now: u64) {
        let local = match (job.settings.ehlo_name(), &self.socket) {
            ([], Some(socket)) => sys::local_address(socket),
            _ => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        };
        self.pump.session.connected(job, self.time(now), &local.into());
    }

    /// Reads what has arrived; false where there may be more of it than a turn's share.
    fn look(&mut self, job: &Job<'_>, tools: &mut Tools<'_>) -> bool {
        let now = self.time(tools.now);
        let Some(socket) = &self.socket else { return true };
        if self.pump.session.state() == State::Connecting {
            if !sys::is_connected(socket) {
                return true;
            }
            // Nothing was told of it: its time began with the connection at the latest.
            self.connected(job, self.opened);
        }
        let Some(socket) = &self.socket else { return true };
        let mut channel = OnSocket {
            socket,
            token: self.token,
            poller: tools.poller,
            read: Arrived::ToTheEnd,
        };
        !self.pump.read(job, now, &mut channel, tools.buffer)
    }

    fn tick(&mut self, job: &Job<'_>, server: SocketAddr, tools: &mut Tools<'_>) {
        let connecting = self.pump.session.state() == State::Connecting;
        self.looked |= connecting;
        self.unfinished = !self.look(job, tools);
        // The deadline waits for the next turn then. It does not wait for ever: what a server may say without being asked has
        // an end.
        if self.unfinished {
            return;
        }
        self.pump.session.tick(self.time(tools.now));
        if connecting && self.pump.session.state() == State::Connecting {
            return;
        }
        self.carry(job, server, Arrived::Nothing, tools);
    }

    fn cancel(&mut self, job: &Job<'_>, server: SocketAddr, tools: &mut Tools<'_>) {
        self.look(job, tools);
        self.pump.session.cancel();
        self.carry(job, server, Arrived::Nothing, tools);
    }

    /// Carries octets between the session and the socket; makes another connection where the session wants one.
    fn carry(&mut self, job: &Job<'_>, server: SocketAddr, read: Arrived, tools: &mut Tools<'_>) {
        let now = self.time(tools.now);
        let Some(socket) = &self.socket else { return };
        let mut channel = OnSocket {
            socket,
            token: self.token,
            poller: tools.poller,
            read,
        };
        match self.pump.turn(job, now, &mut channel, tools.buffer) {
            Turn::Idle => {}
            Turn::More => self.unfinished = true,
            Turn::Connect => self.open(job, server, tools),
        }
    }
}

/// What is worth reading from a socket: each attempt is a system call.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Arrived {
    /// Nothing has arrived.
    Nothing,
    /// Something has. Less than there was room for: there is no more.
    Some,
    /// Something has, and perhaps the end.
    ToTheEnd,
}

/// A socket as a channel, for a turn.
struct OnSocket<'t> {
    socket: &'t Socket,
    token: u64,
    poller: &'t Poller,
    read: Arrived,
}

impl Channel for OnSocket<'_> {
    fn send(&mut self, octets: &[u8]) -> Moved {
        match sys::send(self.socket, octets) {
            Ok(length) => Moved::octets(length.min(octets.len())),
            // The kernel is asked to tell when there is room again.
            Err(Failure::WouldBlock) => match self.poller.tell_when_writable(self.socket, self.token) {
                Ok(()) => Moved::NOTHING,
                Err(_) => Moved::ended(Reason::Lost),
            },
            Err(_) => {
                self.read = Arrived::ToTheEnd;
                Moved::ended(Reason::Lost)
            }
        }
    }

    fn receive(&mut self, octets: &mut [u8]) -> Moved {
        if self.read == Arrived::Nothing {
            return Moved::NOTHING;
        }
        match sys::receive(self.socket, octets) {
            Ok(0) => Moved::ended(Reason::Lost),
            Ok(length) => {
                if length < octets.len() && self.read == Arrived::Some {
                    self.read = Arrived::Nothing;
                }
                Moved::octets(length)
            }
            Err(Failure::WouldBlock) => {
                self.read = Arrived::Nothing;
                Moved::NOTHING
            }
            Err(_) => Moved::ended(Reason::Lost),
        }
    }
}

/// The reason for a failure to connect.
fn reason(failure: Failure) -> Reason {
    match failure {
        Failure::Exhausted => Reason::NoSocket,
        Failure::Refused => Reason::Refused,
        Failure::TimedOut => Reason::Deadline,
        Failure::Unreachable => Reason::Unreachable,
        Failure::WouldBlock | Failure::Broken => Reason::Lost,
    }
}
