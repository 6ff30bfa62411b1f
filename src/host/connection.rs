//! One mail on one socket: carries octets between the socket and the session.

use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use zeroize::Zeroize;

use super::post::Post;
use super::registry::Key;
use super::snapshot::Snapshot;
use super::sys::{self, Event, Failure, Poller};
use crate::client::report::Report;
use crate::code::{Code, Outcome, Phase, Reason};
use crate::limits::RECIPIENTS;
use crate::session::{Job, Session, State};
use crate::wire::address::List;

/// What is composed at a time: the headers, a text of 3 KiB and the final dot leave in one write.
const OUT: usize = 4096;

/// Buffers sent, and received, for one connection before the others have their turn.
const TURNS: usize = 16;

/// One mail on its way.
pub struct Connection {
    /// Whose mail it is.
    pub key: Key,
    token: u64,
    socket: Option<OwnedFd>,
    session: Session,
    snapshot: Arc<Snapshot>,
    post: Option<Post>,
    started: u64,
    published: bool,
    /// There is more to do, without the kernel saying so.
    pub unfinished: bool,
    from: usize,
    to: usize,
    out: [u8; OUT],
}

/// What the engine writes into the client when there is a verdict.
pub struct Ended {
    /// The result.
    pub report: Report,
    /// How many recipients the mail had.
    pub recipients: u16,
    /// The recipient for the log, with its length.
    pub recipient: ([u8; crate::limits::LOG_RECIPIENT_BYTES], usize),
}

fn job<'a>(snapshot: &'a Snapshot, post: &'a Option<Post>) -> Job<'a> {
    Job {
        settings: snapshot.settings(),
        mail: post.as_ref().map(Post::mail),
    }
}

impl Connection {
    /// A connection that has not begun yet.
    pub fn new(key: Key, token: u64, snapshot: Arc<Snapshot>, post: Option<Post>, started: u64, now: u64) -> Self {
        let session = Session::new(&job(&snapshot, &post), now);
        Self {
            key,
            token,
            socket: None,
            session,
            snapshot,
            post,
            started,
            published: false,
            unfinished: false,
            from: 0,
            to: 0,
            out: [0; OUT],
        }
    }

    /// What the kernel names it by.
    pub fn token(&self) -> u64 {
        self.token
    }

    /// Begins to connect.
    pub fn open(&mut self, poller: &Poller, now: u64) {
        self.socket = None;
        let opened = sys::connect(self.snapshot.server).and_then(|socket| {
            poller.add(&socket, self.token)?;
            Ok(socket)
        });
        match opened {
            Ok(socket) => self.socket = Some(socket),
            Err(failure) => self.lost(reason(failure), now),
        }
    }

    /// Something happened on the socket.
    pub fn ready(&mut self, event: Event, poller: &Poller, buffer: &mut [u8], now: u64) {
        if self.session.state() == State::Connecting {
            let Some(socket) = &self.socket else { return };
            if event.failed {
                let why = sys::connect_failure(socket);
                self.lost(reason(why), now);
                return;
            }
            let job = job(&self.snapshot, &self.post);
            let local = match job.settings.ehlo_name {
                Some(_) => IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED),
                None => sys::local_address(socket),
            };
            self.session.connected(&job, now, local);
        }
        if event.readable || event.ended {
            self.read(buffer, event.ended, now);
        }
        self.write(buffer, now);
        if self.session.wants_reconnect() {
            (self.from, self.to) = (0, 0);
            self.open(poller, now);
        }
    }

    /// Goes on where the last turn ended.
    pub fn go_on(&mut self, poller: &Poller, buffer: &mut [u8], now: u64) {
        let event = Event {
            token: self.token,
            readable: true,
            ended: false,
            failed: false,
        };
        self.ready(event, poller, buffer, now);
    }

    /// Time has passed.
    pub fn tick(&mut self, now: u64) {
        self.session.tick(now);
    }

    /// The client wants no mail any more.
    pub fn cancel(&mut self) {
        self.session.cancel();
    }

    /// When to call [`Connection::tick`].
    pub fn deadline(&self) -> Option<u64> {
        self.session.deadline()
    }

    /// Whether it is over.
    pub fn closed(&self) -> bool {
        self.session.closed()
    }

    /// Whether the result is known and only RSET and QUIT are left.
    pub fn lingers(&self) -> bool {
        self.published
    }

    fn lost(&mut self, reason: Reason, now: u64) {
        self.session.lost(&job(&self.snapshot, &self.post), now, reason);
    }

    fn read(&mut self, buffer: &mut [u8], to_the_end: bool, now: u64) {
        self.unfinished = false;
        for _ in 0..TURNS {
            let Some(socket) = &self.socket else { return };
            match sys::receive(socket, buffer) {
                Ok(0) => return self.lost(Reason::Lost, now),
                Ok(length) => {
                    let octets = buffer.get(..length).unwrap_or(&[]);
                    self.session.receive(&job(&self.snapshot, &self.post), now, octets);
                    if self.session.closed() {
                        return;
                    }
                    // Less than there was room for: there is no more, but perhaps the end.
                    if length < buffer.len() && !to_the_end {
                        return;
                    }
                }
                Err(Failure::WouldBlock) => return,
                Err(_) => return self.lost(Reason::Lost, now),
            }
        }
        self.unfinished = true;
    }

    fn write(&mut self, buffer: &mut [u8], now: u64) {
        for _ in 0..TURNS {
            let job = job(&self.snapshot, &self.post);
            if self.from == self.to {
                self.from = 0;
                self.to = self.session.transmit(&job, now, &mut self.out);
            }
            let (Some(socket), Some(octets)) = (&self.socket, self.out.get(self.from..self.to)) else {
                return;
            };
            if octets.is_empty() {
                return;
            }
            match sys::send(socket, octets) {
                Ok(length) => {
                    self.from = self.from.saturating_add(length).min(self.to);
                    self.session.sent(&job, now, length);
                    if self.from == self.to && self.session.secret_in_flight() {
                        self.out.zeroize();
                    }
                }
                Err(Failure::WouldBlock) => return,
                Err(_) => {
                    // The server may have said why, before it closed.
                    self.read(buffer, true, now);
                    return self.lost(Reason::Lost, now);
                }
            }
        }
        self.unfinished = true;
    }

    /// The result, once: as soon as there is one. The mail's text is wiped and given back then.
    pub fn take_ended(&mut self, now: u64) -> Option<Ended> {
        if self.published {
            return None;
        }
        let elapsed = u32::try_from(now.saturating_sub(self.started)).unwrap_or(u32::MAX);
        let report = Report::of(&self.session, elapsed)?;
        let recipient = self.session.verdict().map_or(0, |verdict| verdict.recipient);
        Some(self.end(report, recipient))
    }

    /// The result after a defect of ours: what left is not known.
    pub fn defect(&mut self) -> Option<Ended> {
        let report = Report::unsent(Code::DataFailed, Phase::Start, Outcome::Unknown, Reason::Defect);
        (!self.published).then(|| self.end(report, 0))
    }

    fn end(&mut self, mut report: Report, recipient: u16) -> Ended {
        self.published = true;
        let mut ended_recipient = ([0u8; crate::limits::LOG_RECIPIENT_BYTES], 0usize);
        let mut recipients = 0u16;
        if let Some(mail) = self.post.as_ref().map(Post::mail) {
            report.set_message_id(mail.nonce, self.snapshot.settings().sender);
            recipients = u16::try_from(List::new(mail.recipients).take(RECIPIENTS).count()).unwrap_or(0);
            let address = List::new(mail.recipients).nth(usize::from(recipient)).unwrap_or(&[]);
            for (place, octet) in ended_recipient.0.iter_mut().zip(address) {
                *place = *octet;
            }
            ended_recipient.1 = address.len().min(ended_recipient.0.len());
        }
        self.post = None;
        Ended {
            report,
            recipients,
            recipient: ended_recipient,
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.out.zeroize();
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
