//! Drives a session without sockets: octets leave in pieces of any size, and time is a number.
//!
//! It does what `sds_smtp::session` asks of whoever drives it, and looks on the way for what must never be.

use sds_smtp::code::Reason;
use sds_smtp::limits::Count;
use sds_smtp::session::{Job, Session, Text, Verdict};

use super::events::{Recorder, Side};
use super::observer::{Observer, show};
use super::random::Random;

/// How octets leave that the session has written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaving {
    /// All at once.
    AtOnce,
    /// In small pieces, and the buffer is lent again when all have left.
    Pieces,
    /// All that there is to write is written first; then it leaves in small pieces.
    Queued,
}

/// More than any test lets a client write.
const MOST: usize = 400_000;

/// The driver.
pub struct Driver<'a> {
    pub session: Session<Recorder>,
    pub job: Job<'a>,
    /// Milliseconds since the session began.
    pub now: u32,
    pub observer: Observer,
    /// All that has left, on all connections.
    pub stream: Vec<u8>,
    /// How often the session has written something.
    pub writes: usize,
    /// Only up to this length of `stream` octets leave.
    pub limit: Option<usize>,
    /// The connection breaks when `stream` has this length.
    pub cut: Option<usize>,
    /// It broke.
    pub was_cut: bool,
    /// The text that is lent in pieces, of this length each.
    pub pieces: Option<(&'a [u8], usize)>,
    reconnects: usize,
    leaving: Leaving,
    random: Random,
    buffer: Vec<u8>,
    queue: Vec<u8>,
    connection_start: usize,
    seen: Option<Seen>,
}

/// The verdict as it was first reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub verdict: Verdict,
    pub text: String,
    pub recipients: (Count, Count),
}

impl<'a> Driver<'a> {
    /// A driver of a new session, with a buffer of this size.
    pub fn new(job: Job<'a>, buffer: usize, leaving: Leaving, seed: u64) -> Self {
        Self {
            session: Session::new(&job, Recorder::default()),
            job,
            now: 0,
            observer: Observer::default(),
            stream: Vec::new(),
            writes: 0,
            limit: None,
            cut: None,
            was_cut: false,
            pieces: None,
            reconnects: 0,
            leaving,
            random: Random::new(seed),
            buffer: vec![0; buffer],
            queue: Vec::new(),
            connection_start: 0,
            seen: None,
        }
    }

    /// The verdict, once it was reported.
    pub fn seen(&self) -> Option<&Seen> {
        self.seen.as_ref()
    }

    /// Octets that the session has written and that have not left.
    pub fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// What has left on this connection.
    pub fn on_this_connection(&self) -> &[u8] {
        &self.stream[self.connection_start..]
    }

    /// The connection stands.
    pub fn connected(&mut self, local: std::net::IpAddr) -> Result<(), String> {
        self.queue.clear();
        self.connection_start = self.stream.len();
        self.session.connected(&self.job, self.now, &local.into());
        if self.session.wants_reconnect() {
            return Err("a new connection is asked for although it stands".into());
        }
        self.pump()?;
        if self.cut == Some(0) {
            return self.break_off();
        }
        Ok(())
    }

    /// Octets arrive, in one piece.
    pub fn receive(&mut self, octets: &[u8]) -> Result<(), String> {
        self.observer.server(octets);
        if !self.session.closed() {
            self.session.events.passed(Side::Server, octets);
        }
        self.session.receive(&self.job, self.now, octets);
        self.look()?;
        self.pump()
    }

    /// The connection ends, or cannot be made.
    pub fn lost(&mut self, reason: Reason) -> Result<(), String> {
        self.queue.clear();
        self.session.lost(&self.job, self.now, reason);
        self.look()?;
        self.pump()
    }

    /// The handshake behind STARTTLS is done.
    #[allow(dead_code)]
    pub fn secured(&mut self) -> Result<(), String> {
        #[cfg(feature = "complete")]
        self.session.secured(&self.job, self.now);
        self.look()?;
        self.pump()
    }

    /// Whether the session asks for the handshake.
    #[allow(dead_code)]
    pub fn wants_handshake(&self) -> bool {
        #[cfg(feature = "complete")]
        return self.session.state() == sds_smtp::session::State::Securing;
        #[cfg(not(feature = "complete"))]
        false
    }

    /// The session wants a new connection: from here on the observer sees that one.
    pub fn reconnect(&mut self) -> bool {
        let wanted = self.session.wants_reconnect();
        if wanted {
            self.reconnects += 1;
            assert_eq!(self.reconnects, 1, "a new connection is asked for twice");
            self.observer.reconnected();
            self.session.events.reconnected();
            self.session.events.recipients.clear();
        }
        wanted
    }

    /// The program orders another mail, which goes through the same session.
    pub fn next(&mut self, job: Job<'a>) -> Result<(), String> {
        self.job = job;
        if !self.session.next(&self.job, self.now) {
            return Err(format!("no other mail can begin: {:?}", self.session.state()));
        }
        self.seen = None;
        self.observer = Observer::default();
        self.observer.set_partial(!self.session.events.fates.is_empty());
        self.session.events.recipients.clear();
        self.look()?;
        self.pump()
    }

    /// Another transaction of a mail to whoever is accepted begins, where some are left; whether it does.
    #[allow(dead_code)]
    pub fn begin_others(&mut self) -> Result<bool, String> {
        if !self.session.events.begin_others() {
            return Ok(false);
        }
        self.session.events.recipients.clear();
        if !self.session.next(&self.job, self.now) {
            return Err(format!("no other transaction can begin: {:?}", self.session.state()));
        }
        self.seen = None;
        self.observer.another();
        self.look()?;
        self.pump()?;
        Ok(true)
    }

    /// The session that was kept is wanted no more.
    #[allow(dead_code)]
    pub fn part(&mut self) -> Result<(), String> {
        #[cfg(feature = "std")]
        self.session.leave(&self.job, self.now);
        self.look()?;
        self.pump()
    }

    /// The program cancels.
    pub fn cancel(&mut self) -> Result<(), String> {
        self.session.cancel();
        self.look()?;
        self.pump()
    }

    /// Time passes; deadlines are kept to the millisecond.
    pub fn wait(&mut self, milliseconds: u32) -> Result<(), String> {
        let until = self.now + milliseconds;
        for _ in 0..100 {
            let Some(deadline) = self.session.deadline().filter(|deadline| *deadline <= until) else {
                self.now = until;
                return self.early_tick();
            };
            if deadline > self.now {
                self.now = deadline - 1;
                self.early_tick()?;
                self.now = deadline;
            }
            self.session.tick(self.now);
            self.look()?;
            self.pump()?;
        }
        Err("a deadline that does not go away".into())
    }

    /// A tick before the deadline changes nothing.
    fn early_tick(&mut self) -> Result<(), String> {
        let before = (self.session.state(), self.session.deadline(), self.session.verdict());
        self.session.tick(self.now);
        let after = (self.session.state(), self.session.deadline(), self.session.verdict());
        if before != after {
            return Err(format!("a tick before the deadline: {before:?} became {after:?}"));
        }
        Ok(())
    }

    /// Lets the session write, and its octets leave, until nothing moves.
    pub fn pump(&mut self) -> Result<(), String> {
        self.derive()?;
        while !self.was_cut {
            if !self.queue.is_empty() && self.leave()? {
                continue;
            }
            if !self.queue.is_empty() {
                // The network stands still.
                return Ok(());
            }
            if !self.write()? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Has the session derive its keys, where it has to, in slices; meanwhile it says nothing.
    #[cfg(feature = "std")]
    fn derive(&mut self) -> Result<(), String> {
        while self.session.derives() {
            if self.session.transmit(&self.job, self.now, &mut [0; 64]) > 0 {
                return Err("the session says something while it derives its keys".into());
            }
            let rounds = 1 + u32::try_from(self.random.below(3000)).unwrap();
            self.session.derive(&self.job, self.now, rounds);
            self.look()?;
        }
        Ok(())
    }

    #[cfg(not(feature = "std"))]
    fn derive(&mut self) -> Result<(), String> {
        Ok(())
    }

    fn write(&mut self) -> Result<bool, String> {
        loop {
            let closed = self.session.closed();
            self.buffer.fill(0xEE);
            let written = self.session.transmit(&self.job, self.now, &mut self.buffer);
            self.look()?;
            let lent = self.lend_piece()?;
            if written == 0 {
                if lent {
                    continue;
                }
                return Ok(!self.queue.is_empty());
            }
            if closed {
                return Err("the session writes although it is closed".into());
            }
            self.writes += 1;
            self.session.events.passed(Side::Client, &self.buffer[..written]);
            self.queue.extend_from_slice(&self.buffer[..written]);
            if self.stream.len() + self.queue.len() > MOST {
                return Err("the session writes without end".into());
            }
            if self.leaving != Leaving::Queued {
                return Ok(true);
            }
        }
    }

    /// Lends the piece of the text that is wanted; false when none is.
    fn lend_piece(&mut self) -> Result<bool, String> {
        let Some(from) = self.session.wants_text() else {
            return Ok(false);
        };
        let (Some((text, length)), Some(mail)) = (self.pieces, &mut self.job.mail) else {
            return Err("a piece is wanted of a text that is whole".into());
        };
        if !mail.text.pieces {
            return Err("a piece is wanted of a text that is whole".into());
        }
        let end = text.len().min(from + length);
        mail.text = Text {
            octets: &text[from..end],
            from,
            last: end == text.len(),
            ..mail.text
        };
        Ok(true)
    }

    /// Lets a piece leave; false when none may.
    fn leave(&mut self) -> Result<bool, String> {
        let mut length = match self.leaving {
            Leaving::AtOnce => self.queue.len(),
            Leaving::Pieces | Leaving::Queued => self.queue.len().min(1 + self.random.below(9)),
        };
        for bound in [self.limit, self.cut].into_iter().flatten() {
            length = length.min(bound.saturating_sub(self.stream.len()));
        }
        if length == 0 {
            return Ok(false);
        }
        let piece: Vec<u8> = self.queue.drain(..length).collect();
        self.stream.extend_from_slice(&piece);
        self.observer.client(&piece);
        self.session.sent(&self.job, self.now, length);
        self.look()?;
        if self.cut == Some(self.stream.len()) {
            self.break_off()?;
        }
        Ok(true)
    }

    /// The connection breaks here, and no new one can be made.
    pub fn break_off(&mut self) -> Result<(), String> {
        self.was_cut = true;
        self.lost(Reason::Lost)?;
        if self.reconnect() {
            self.lost(Reason::Refused)?;
        }
        if !self.session.closed() {
            return Err("the connection is lost, and the session is not closed".into());
        }
        Ok(())
    }

    /// What must hold after every event.
    fn look(&mut self) -> Result<(), String> {
        let session = &self.session;
        let now = session.verdict().map(|verdict| Seen {
            verdict,
            text: String::from_utf8_lossy(session.text()).into_owned(),
            recipients: session.recipients(),
        });
        if self.seen.is_some() && self.seen != now {
            return Err(format!("the verdict changed from {:?} to {now:?}", self.seen));
        }
        if session.closed() && now.is_none() {
            return Err("closed without a verdict".into());
        }
        if session.closed() != session.deadline().is_none() {
            return Err(format!(
                "closed: {}, deadline: {:?}",
                session.closed(),
                session.deadline()
            ));
        }
        if self.seen.is_none() {
            if let Some(seen) = &now {
                self.check_text(seen)?;
            }
        }
        self.seen = now;
        Ok(())
    }

    /// The text is printable, bounded, and holds no password.
    fn check_text(&self, seen: &Seen) -> Result<(), String> {
        let text = seen.text.as_bytes();
        if text.len() > 255 || text.iter().any(|octet| !matches!(octet, 0x20..=0x7e)) {
            return Err(format!("a text that is not clean: {}", show(text)));
        }
        if self.job.settings.mechanisms.is_empty() {
            return Ok(());
        }
        let secret = self.job.settings.password();
        let encoded = base64(secret);
        for secret in [secret, encoded.trim_end_matches('=').as_bytes()] {
            if secret.len() >= 4 && text.windows(secret.len()).any(|part| part.eq_ignore_ascii_case(secret)) {
                return Err(format!("the password is in the text: {seen:?}"));
            }
        }
        Ok(())
    }
}

/// Base64, with no code of the library.
pub fn base64(octets: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in octets.chunks(3) {
        let bits = group.iter().fold(0u32, |bits, octet| bits << 8 | u32::from(*octet)) << (8 * (3 - group.len()));
        for at in 0..4 {
            if at <= group.len() {
                text.push(char::from(DIGITS[(bits >> (18 - 6 * at) & 63) as usize]));
            } else {
                text.push('=');
            }
        }
    }
    text
}
