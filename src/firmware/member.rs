//! One client: its configuration, its mail in flight, the result of the last one, its log.

use zeroize::Zeroize;

use super::arena::Arena;
use super::memory::Source;
use super::record;
use super::transport::Transport;
use crate::client::guard::{Begun, Guard};
use crate::client::log::{Entry, Ring};
use crate::client::mail;
use crate::client::report::{MessageId, Report};
use crate::client::settings::Draft;
use crate::code::{Code, Outcome, Phase, Reason};
use crate::limits::{CREDENTIAL_BYTES, DEVICE_CREDENTIAL_BYTES, LOG_RECIPIENT_BYTES};
use crate::session::{Job, Mail, Session, State, Text};
use crate::wire::address::List;

/// What is handed to the transport at a time.
const OUT: usize = 128;

/// What is taken from the transport at a time.
const IN: usize = 64;

/// What a poll does at most: so many times receive and send.
const ROUNDS: u32 = 4;

/// The smallest buffer for the pieces of a text, and the largest that is taken where the arena has room.
const PIECE: core::ops::RangeInclusive<usize> = 16..=256;

/// How soon a poll is wanted while a transport that does not wake is waited for, in milliseconds.
const AGAIN: u32 = 5;

/// Places in the guard are not used again here: it stands for this one life.
pub const LIFE: u16 = 0;

/// The text of a mail, as the program gives it.
pub enum Content<'a> {
    /// To be copied.
    Copied(&'a [u8]),
    /// It stays where it is until the mail has ended.
    Borrowed(&'static [u8]),
    /// Given piece by piece; whether it is UTF-8.
    Read(Source, bool),
}

/// Where the text of the mail in flight is.
enum Body {
    /// In the arena, behind the subject; or there is no mail, but a probe.
    Copied,
    Borrowed(&'static [u8]),
    /// The buffer behind the subject holds the piece from `from` on.
    Read {
        source: Source,
        utf8: bool,
        from: usize,
        length: usize,
        last: bool,
    },
}

/// The mail in flight: its texts are in the arena.
struct Post {
    probe: bool,
    subject_at: usize,
    text_at: usize,
    body: Body,
    date: u32,
    nonce: Option<[u8; 16]>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// No mail, no connection.
    Idle,
    /// A mail waits for the next poll. A connection of the mail before may still be open.
    Ordered,
    /// A mail is in flight.
    Talking,
    /// The result stands; RSET and QUIT are left.
    Leaving,
}

/// What the device knows of time and chance.
pub trait Calendar {
    /// Seconds since 1970, or 0.
    fn seconds(&self) -> u32;
}

/// A client.
pub struct Member {
    transport: Option<&'static dyn Transport>,
    arena: Arena,
    log: &'static mut [Entry],
    ring: Ring,
    device_limit: usize,
    stage: Stage,
    cancelled: bool,
    /// The transport has begun to connect, and was not told to close.
    linked: bool,
    started: u64,
    session: Option<Session>,
    post: Post,
    report: Report,
    nonce: Option<[u8; 16]>,
    /// `out[from..to]` is to be sent.
    from: usize,
    to: usize,
    secret: bool,
    out: [u8; OUT],
}

/// The job of the session: settings and mail out of the arena.
fn job<'a>(arena: &'a Arena, post: &Post) -> Option<Job<'a>> {
    let settings = record::read(arena.config())?.settings;
    if post.probe {
        return Some(Job { settings, mail: None });
    }
    let mail = arena.mail();
    let behind = mail.get(post.text_at..).unwrap_or(&[]);
    Some(Job {
        settings,
        mail: Some(Mail {
            recipients: mail.get(..post.subject_at).unwrap_or(&[]),
            subject: mail.get(post.subject_at..post.text_at).unwrap_or(&[]),
            text: match post.body {
                Body::Copied => Text::Whole(behind),
                Body::Borrowed(text) => Text::Whole(text),
                Body::Read {
                    utf8,
                    from,
                    length,
                    last,
                    ..
                } => Text::Piece {
                    octets: behind.get(..length).unwrap_or(&[]),
                    from,
                    last,
                    utf8,
                },
            },
            date: (post.date != 0).then_some(u64::from(post.date)),
            nonce: post.nonce,
        }),
    })
}

impl Member {
    /// A client that has this memory for its texts.
    pub fn new(memory: &'static mut [u8]) -> Self {
        Self {
            transport: None,
            arena: Arena::new(memory),
            log: &mut [],
            ring: Ring::EMPTY,
            device_limit: DEVICE_CREDENTIAL_BYTES,
            stage: Stage::Idle,
            cancelled: false,
            linked: false,
            started: 0,
            session: None,
            post: Post {
                probe: true,
                subject_at: 0,
                text_at: 0,
                body: Body::Copied,
                date: 0,
                nonce: None,
            },
            report: Report::NONE,
            nonce: None,
            from: 0,
            to: 0,
            secret: false,
            out: [0; OUT],
        }
    }

    fn in_flight(&self) -> bool {
        matches!(self.stage, Stage::Ordered | Stage::Talking)
    }

    /// Takes another transport, unless a mail is in flight.
    pub fn set_transport(&mut self, transport: Option<&'static dyn Transport>) -> Result<(), Code> {
        if self.in_flight() {
            return Err(Code::Busy);
        }
        self.hang_up();
        self.transport = transport;
        Ok(())
    }

    /// Takes memory for the log, whose octets are all zero.
    pub fn set_log(&mut self, entries: &'static mut [Entry]) {
        self.log = entries;
        self.ring = Ring::EMPTY;
    }

    /// Takes a configuration, or refuses it and keeps the old one. `device`: within the limits of the devices' own function.
    pub fn configure(&mut self, draft: &Draft<'_>, device: bool) -> Result<(), Code> {
        let mut draft = *draft;
        let mut device_limit = DEVICE_CREDENTIAL_BYTES;
        if device {
            device_limit = self.device_limit;
            draft.credential_limit = device_limit;
        } else if draft.credential_limit != 0 {
            device_limit = core::mem::take(&mut draft.credential_limit);
            if device_limit > CREDENTIAL_BYTES {
                return Err(Code::BadArgument);
            }
        }
        let checked = draft.check()?;
        let place = self.arena.place_config(record::length(&checked), self.in_flight());
        record::write(&checked, place.ok_or(Code::DataFailed)?);
        self.device_limit = device_limit;
        Ok(())
    }

    /// Takes a mail; the next poll begins to send it.
    pub fn send(
        &mut self,
        guard: &Guard,
        recipients: Option<&[u8]>,
        subject: &[u8],
        content: Content<'_>,
    ) -> Result<(), Code> {
        if guard.begin(LIFE) != Begun::Yes {
            return Err(Code::Busy);
        }
        let text = match &content {
            Content::Copied(text) => *text,
            Content::Borrowed(text) => *text,
            Content::Read(..) => &[],
        };
        let taken = mail::check(recipients, subject, text).and_then(|()| self.take(recipients, subject, content));
        taken.map_err(|(code, reason)| self.refuse(guard, code, reason, recipients.unwrap_or(&[])))
    }

    fn take(&mut self, recipients: Option<&[u8]>, subject: &[u8], content: Content<'_>) -> Result<(), (Code, Reason)> {
        let recipients = recipients.unwrap_or(&[]);
        let domain = self.ready()?;
        let no_memory = (Code::DataFailed, Reason::NoMemory);
        let subject_at = recipients.len();
        let text_at = subject_at.saturating_add(subject.len());
        let (text, buffer) = match content {
            Content::Copied(text) => (text, 0),
            Content::Borrowed(_) => (&[][..], 0),
            Content::Read(..) => {
                let left = self.arena.free().saturating_sub(text_at).min(*PIECE.end());
                if left < *PIECE.start() {
                    return Err(no_memory);
                }
                (&[][..], left)
            }
        };
        let length = text_at.saturating_add(text.len()).saturating_add(buffer);
        let place = self.arena.place_mail(length, domain).ok_or(no_memory)?;
        let mut rest = place;
        for part in [recipients, subject, text] {
            let Some((place, after)) = rest.split_at_mut_checked(part.len()) else {
                return Err(no_memory);
            };
            place.copy_from_slice(part);
            rest = after;
        }
        self.order(Post {
            probe: false,
            subject_at,
            text_at,
            body: match content {
                Content::Copied(_) => Body::Copied,
                Content::Borrowed(text) => Body::Borrowed(text),
                Content::Read(source, utf8) => Body::Read {
                    source,
                    utf8,
                    from: 0,
                    length: 0,
                    last: false,
                },
            },
            date: 0,
            nonce: None,
        });
        Ok(())
    }

    /// Orders a probe.
    pub fn probe(&mut self, guard: &Guard) -> Result<(), Code> {
        if guard.begin(LIFE) != Begun::Yes {
            return Err(Code::Busy);
        }
        match self.ready() {
            Ok(_) => {
                self.order(Post {
                    probe: true,
                    subject_at: 0,
                    text_at: 0,
                    body: Body::Copied,
                    date: 0,
                    nonce: None,
                });
                Ok(())
            }
            Err((code, reason)) => Err(self.refuse(guard, code, reason, &[])),
        }
    }

    /// Whether a mail can be sent at all; the length of the domain in its Message-ID.
    fn ready(&self) -> Result<usize, (Code, Reason)> {
        if self.arena.config().is_empty() {
            return Err((Code::ConnectFailed, Reason::NotConfigured));
        }
        if self.transport.is_none() {
            return Err((Code::ConnectFailed, Reason::NoTransport));
        }
        Ok(record::domain(self.arena.config()).len())
    }

    fn order(&mut self, post: Post) {
        self.post = post;
        self.stage = Stage::Ordered;
        self.cancelled = false;
    }

    /// Refuses a mail, with a line in the log.
    pub fn refuse(&mut self, guard: &Guard, code: Code, reason: Reason, recipients: &[u8]) -> Code {
        self.report = Report::unsent(code, Phase::Start, Outcome::NotSent, reason);
        self.nonce = None;
        let first = List::new(recipients).next().unwrap_or(&[]);
        let count = if recipients.is_empty() {
            0
        } else {
            u16::try_from(List::new(recipients).count()).unwrap_or(u16::MAX)
        };
        let mut shown = [0u8; LOG_RECIPIENT_BYTES];
        for (place, octet) in shown.iter_mut().zip(first) {
            *place = if matches!(octet, 0x20..=0x7e) { *octet } else { b'?' };
        }
        let shown = shown.get(..first.len().min(LOG_RECIPIENT_BYTES)).unwrap_or(&[]);
        let place = self.ring.place(self.log.len());
        if let Some(entry) = self.log.get_mut(place) {
            *entry = Entry::of(&self.report, 0, count, shown);
        }
        guard.end(LIFE, code);
        code
    }

    /// Gives up the mail in flight, if there is one; the next poll ends it.
    pub fn cancel(&mut self) {
        self.cancelled |= self.in_flight();
    }

    /// How the last mail ended, and its Message-ID.
    pub fn report(&self) -> (&Report, MessageId<'_>) {
        let message_id = match self.nonce {
            Some(nonce) => MessageId::Parts {
                nonce,
                domain: self.arena.kept(),
            },
            None => MessageId::Whole(&[]),
        };
        (&self.report, message_id)
    }

    /// The newest entries of the log, the oldest of them first.
    pub fn log(&self, most: usize) -> impl Iterator<Item = &Entry> {
        self.ring
            .newest(most, self.log.len())
            .filter_map(|place| self.log.get(place))
    }

    /// Entries in the log.
    pub fn log_len(&self) -> usize {
        self.ring.len()
    }

    /// Ends the client: closes its connection, leaves nothing in its memory.
    pub fn end(&mut self) {
        self.hang_up();
        self.stage = Stage::Idle;
        self.session = None;
        self.arena.wipe();
    }

    /// Closes the connection, if there is one.
    fn hang_up(&mut self) {
        if core::mem::take(&mut self.linked) {
            if let Some(transport) = self.transport {
                transport.close();
            }
        }
        self.out.zeroize();
        (self.from, self.to) = (0, 0);
        if self.stage == Stage::Leaving {
            self.stage = Stage::Idle;
        }
    }

    /// Does what is possible now; the milliseconds until it wants to be called again.
    pub fn poll(&mut self, guard: &Guard, now: u64, calendar: &impl Calendar) -> u32 {
        let mut more = false;
        match self.stage {
            Stage::Idle => return u32::MAX,
            Stage::Ordered => self.begin(now, calendar),
            Stage::Talking | Stage::Leaving => {}
        }
        if core::mem::take(&mut self.cancelled) {
            if let Some(session) = &mut self.session {
                session.cancel();
            }
        } else {
            more = self.turn(now);
        }
        if let Some(session) = &mut self.session {
            session.tick(now);
        }
        self.settle(guard, now, calendar);
        let Some(deadline) = self.session.as_ref().and_then(Session::deadline) else {
            return u32::MAX;
        };
        let left = u32::try_from(deadline.saturating_sub(now)).unwrap_or(u32::MAX);
        match (more, self.transport) {
            (true, _) => 0,
            (false, Some(transport)) if transport.wakes() => left,
            (false, _) => left.min(AGAIN),
        }
    }

    /// Begins the mail that was ordered.
    fn begin(&mut self, now: u64, calendar: &impl Calendar) {
        self.hang_up();
        self.started = now;
        self.post.date = calendar.seconds();
        let Some(job) = job(&self.arena, &self.post) else {
            return;
        };
        self.session = Some(Session::new(&job, now));
        self.stage = Stage::Talking;
        if !self.cancelled {
            self.open(now);
        }
    }

    /// Begins to connect.
    fn open(&mut self, now: u64) {
        let Self {
            transport: Some(transport),
            arena,
            post,
            session: Some(session),
            ..
        } = self
        else {
            return;
        };
        let Some(checked) = record::read(arena.config()) else {
            return;
        };
        let opened = transport.connect(checked.server, checked.port);
        self.linked = opened.is_ok();
        if let (Err(reason), Some(job)) = (opened, job(arena, post)) {
            session.lost(&job, now, reason);
        }
    }

    /// Whether the connection stands.
    fn connected(&mut self, now: u64) -> bool {
        let Self {
            transport: Some(transport),
            session: Some(session),
            ..
        } = self
        else {
            return false;
        };
        let failed = match transport.connected() {
            Ok(0) => return false,
            Ok(_) => None,
            Err(reason) => Some(reason),
        };
        let local = transport.local();
        let random = [(); 4].map(|()| transport.random());
        if self.post.date != 0 || random != [None; 4] {
            self.post.nonce = Some(nonce(self.post.date, now, local, random));
        }
        if let Some(job) = job(&self.arena, &self.post) {
            match failed {
                None => session.connected(&job, now, local),
                Some(reason) => session.lost(&job, now, reason),
            }
        }
        failed.is_none()
    }

    /// Receives and sends, for some rounds; whether there is more to do.
    fn turn(&mut self, now: u64) -> bool {
        if self.session.as_ref().is_none_or(|session| session.closed()) {
            return false;
        }
        if self.session.as_ref().map(Session::state) == Some(State::Connecting) && !self.connected(now) {
            return false;
        }
        for _ in 0..ROUNDS {
            let received = self.receive(now);
            let sent = self.send_some(now);
            let Some(session) = &mut self.session else { return false };
            if session.wants_reconnect() {
                self.hang_up();
                self.open(now);
                return true;
            }
            if session.closed() || !(received || sent) {
                return false;
            }
        }
        true
    }

    /// Receives once; whether anything came.
    fn receive(&mut self, now: u64) -> bool {
        let Self {
            transport: Some(transport),
            arena,
            post,
            session: Some(session),
            ..
        } = self
        else {
            return false;
        };
        let Some(job) = job(arena, post) else { return false };
        let mut octets = [0u8; IN];
        match transport.receive(&mut octets) {
            Ok(0) => false,
            Ok(length) => {
                let secret = session.secret_in_flight();
                session.receive(&job, now, octets.get(..length).unwrap_or(&[]));
                if secret {
                    // A server may repeat what it was told.
                    octets.zeroize();
                }
                !session.closed()
            }
            Err(reason) => {
                session.lost(&job, now, reason);
                false
            }
        }
    }

    /// Sends once; whether anything left.
    fn send_some(&mut self, now: u64) -> bool {
        if self.from == self.to && !self.fill(now) {
            return false;
        }
        let Self {
            transport: Some(transport),
            arena,
            post,
            session: Some(session),
            out,
            from,
            to,
            ..
        } = self
        else {
            return false;
        };
        let (Some(octets), Some(lent)) = (out.get(*from..*to), job(arena, post)) else {
            return false;
        };
        match transport.send(octets) {
            Ok(0) => return false,
            Ok(length) => {
                *from = from.saturating_add(length);
                session.sent(&lent, now, length);
                if from == to && core::mem::take(&mut self.secret) {
                    out.zeroize();
                }
                return true;
            }
            Err(_) => {}
        }
        // The server may have said why, before it closed.
        while self.receive(now) {}
        if let (Some(session), Some(job)) = (&mut self.session, job(&self.arena, &self.post)) {
            // Reading may have found the end already, and the session may be connecting anew.
            if session.state() != State::Connecting {
                session.lost(&job, now, Reason::Lost);
            }
        }
        false
    }

    /// Writes what is to be sent next into the empty buffer; whether there is anything.
    fn fill(&mut self, now: u64) -> bool {
        self.read_text(now);
        let Self {
            arena,
            post,
            session: Some(session),
            ..
        } = self
        else {
            return false;
        };
        let Some(job) = job(arena, post) else { return false };
        self.from = 0;
        self.to = session.transmit(&job, now, &mut self.out);
        self.secret |= session.secret_in_flight();
        self.to > 0
    }

    /// Asks for the next piece of the text, where it is wanted.
    fn read_text(&mut self, now: u64) {
        let Some(session) = &mut self.session else { return };
        let Some(wanted) = session.wants_text() else { return };
        let text_at = self.post.text_at;
        let Body::Read {
            source,
            from,
            length,
            last,
            ..
        } = &mut self.post.body
        else {
            return;
        };
        let buffer = self.arena.mail_mut().get_mut(text_at..).unwrap_or(&mut []);
        match source.read(wanted, buffer) {
            Ok(None) => {}
            Ok(Some(given)) => (*from, *length, *last) = (wanted, given, given == 0),
            Err(reason) => {
                if let Some(job) = job(&self.arena, &self.post) {
                    session.lost(&job, now, reason);
                }
            }
        }
    }

    /// Publishes the result as soon as there is one, and closes what is over.
    fn settle(&mut self, guard: &Guard, now: u64, calendar: &impl Calendar) {
        let Some(session) = &self.session else { return };
        let Some(verdict) = session.verdict() else { return };
        if self.stage == Stage::Talking {
            let elapsed = u32::try_from(now.saturating_sub(self.started)).unwrap_or(u32::MAX);
            if let Some(report) = Report::of(session, elapsed) {
                self.report = report;
            }
            self.nonce = if self.post.probe { None } else { self.post.nonce };
            let recipients = match self.post.probe {
                true => &[],
                false => self.arena.mail().get(..self.post.subject_at).unwrap_or(&[]),
            };
            let count = if recipients.is_empty() {
                0
            } else {
                u16::try_from(List::new(recipients).count()).unwrap_or(0)
            };
            let recipient = List::new(recipients).nth(usize::from(verdict.recipient)).unwrap_or(&[]);
            let place = self.ring.place(self.log.len());
            if let Some(entry) = self.log.get_mut(place) {
                let time = u64::from(calendar.seconds()).saturating_mul(1000);
                *entry = Entry::of(&self.report, time, count, recipient);
            }
            self.arena.end_mail(record::domain(self.arena.config()));
            self.stage = Stage::Leaving;
            guard.end(LIFE, verdict.code);
        }
        if session.closed() {
            self.hang_up();
            self.session = None;
        }
    }
}

/// What the Message-ID is made of: the time, the time since the start, our address, chance. Of these at least the time or
/// chance makes it unlike all others.
fn nonce(seconds: u32, now: u64, local: core::net::IpAddr, random: [Option<u32>; 4]) -> [u8; 16] {
    let mut nonce = [0u8; 16];
    let [a, b, c, d] = match local {
        core::net::IpAddr::V4(v4) => v4.octets(),
        core::net::IpAddr::V6(v6) => {
            let [.., a, b, c, d] = v6.octets();
            [a, b, c, d]
        }
    };
    let [n0, n1, n2, n3, n4, n5, n6, n7] = now.to_le_bytes();
    let words = [
        seconds,
        u32::from_le_bytes([n0, n1, n2, n3]),
        u32::from_le_bytes([n4, n5, n6, n7]),
        u32::from_le_bytes([a, b, c, d]),
    ];
    for ((place, word), random) in nonce.chunks_exact_mut(4).zip(words).zip(random) {
        place.copy_from_slice(&(word ^ random.unwrap_or(0)).to_be_bytes());
    }
    nonce
}
