//! One client: its configuration, its mail in flight, the result of the last one, its log.

use zeroize::Zeroize;

use super::arena::{Arena, Config};
use super::memory::Source;
use super::told::{Line, Status, Told};
use super::transport::sds_smtp_transport;
use crate::client::mail;
use crate::client::settings::{Checked, Draft};
use crate::code::{Code, Outcome, Phase, Reason};
use crate::limits::{CREDENTIAL_BYTES, DEVICE_CREDENTIAL_BYTES};
use crate::session::{Mail, Session, Text};
use crate::utf8::Utf8;
use crate::wire::address::{List, domain_of};

/// What is handed to the transport at a time.
pub(super) const OUT: usize = 96;

/// The smallest buffer for the pieces of a text, and the largest that is taken where the arena has room.
const PIECE: core::ops::RangeInclusive<usize> = 16..=256;

/// A mail, as the program gives it.
pub struct Post<'a> {
    /// The list of recipients.
    pub recipients: &'a [u8],
    /// The subject.
    pub subject: &'a [u8],
    /// The text.
    pub content: Content<'a>,
}

/// The text of a mail, as the program gives it.
pub enum Content<'a> {
    /// All of it, to be copied.
    Copied(&'a [u8]),
    /// All of it, which stays where it is until the mail has ended.
    Borrowed(&'static [u8]),
    /// Where it is read from, piece by piece.
    Read(Read),
}

/// A text that is read piece by piece.
#[derive(Clone, Copy)]
pub struct Read {
    source: Source,
    utf8: bool,
    next: Next,
}

impl Read {
    /// From this source; whether it is UTF-8.
    pub fn new(source: Source, utf8: bool) -> Self {
        Self {
            source,
            utf8,
            next: Reading::next,
        }
    }
}

/// A text that is read while it is sent.
pub(super) struct Reading {
    pub source: Source,
    /// Where the next piece is put; what the session has of it is no more in here.
    pub buffer: &'static mut [u8],
    /// Where the text stands in its characters.
    pub place: Utf8,
    /// What puts it there. Programs that never give such a text are linked without it.
    pub next: Next,
}

/// Gets the piece of a text that begins at an offset.
pub(super) type Next = fn(&mut Reading, &mut Text<'static>, usize) -> Result<(), Reason>;

#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Stage {
    /// No mail, no connection.
    Idle = 0,
    /// A mail waits for the next poll. A connection of the mail before may still be open.
    Ordered,
    /// A mail is in flight.
    Talking,
    /// The result stands; RSET and QUIT are left.
    Leaving,
}

/// A client. In memory of zeros all of it has its first value but for what [`super::memory`] sets. What is large stands behind
/// what is small: the instructions that reach it are shorter so.
#[repr(C)]
pub struct Member {
    pub(super) stage: Stage,
    /// The transport has begun to connect, and was not told to close.
    pub(super) linked: bool,
    /// `out[from..to]` is to be sent.
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) status: &'static Status,
    pub(super) transport: Option<&'static sds_smtp_transport>,
    pub(super) config: Option<&'static mut Config>,
    pub(super) next: Option<&'static mut Config>,
    /// The time that was told last, and the session's own.
    pub(super) told_time: u32,
    pub(super) time: u32,
    /// Mails that were begun.
    pub(super) begun: u32,
    pub(super) device_limit: usize,
    pub(super) arena: Arena,
    /// Room for lines, the oldest one first, and how many there are.
    log: Option<&'static mut [Line]>,
    lines: usize,
    pub(super) reading: Option<Reading>,
    pub(super) nonce: Option<[u8; 16]>,
    pub(super) out: [u8; OUT],
    pub(super) session: Session,
    told: Told,
}

impl Member {
    fn in_flight(&self) -> bool {
        matches!(self.stage, Stage::Ordered | Stage::Talking)
    }

    /// Takes another transport, unless a mail is in flight.
    pub fn set_transport(&mut self, transport: Option<&'static sds_smtp_transport>) -> Code {
        if self.in_flight() {
            return Code::Busy;
        }
        self.hang_up();
        // A farewell that is not said to its end is none for the new one.
        self.stage = Stage::Idle;
        self.transport = transport;
        Code::Ok
    }

    /// Takes memory for the log, of zeros.
    pub fn set_log(&mut self, lines: Option<&'static mut [Line]>) {
        self.log = lines;
        self.lines = 0;
    }

    /// Takes a configuration, or refuses it and keeps the old one.
    pub fn configure(&mut self, draft: &Draft<'_>) -> Result<(), Code> {
        let mut draft = *draft;
        let device_limit = match core::mem::take(&mut draft.credential_limit) {
            0 => DEVICE_CREDENTIAL_BYTES,
            limit => limit,
        };
        if device_limit > CREDENTIAL_BYTES {
            return Err(Code::BadArgument);
        }
        self.keep(&draft.check()?)?;
        self.device_limit = device_limit;
        Ok(())
    }

    /// What [`Member::configure`] does, within the limits of the devices' own function.
    pub fn configure_device(&mut self, server: &[u8], checked: &mut Checked<'_>) -> Result<(), Code> {
        checked.check(server, self.device_limit)?;
        self.keep(checked)
    }

    fn keep(&mut self, checked: &Checked<'_>) -> Result<(), Code> {
        let in_flight = self.in_flight();
        // From here on a configuration without a mail in flight is of no more use, unless there is no room for the new one.
        let kept = self.arena.configure(checked, in_flight).ok_or(Code::DataFailed)?;
        let place = if in_flight {
            &mut self.next
        } else {
            self.nonce = None;
            &mut self.config
        };
        *place = Some(kept);
        Ok(())
    }

    /// Takes a mail; the next poll begins to send it.
    pub fn send(&mut self, post: &Post<'_>) -> Code {
        if self.in_flight() {
            return Code::Busy;
        }
        match self.take(post) {
            Ok(()) => self.order(),
            Err((code, reason)) => self.refuse(code, reason, post.recipients),
        }
    }

    fn take(&mut self, post: &Post<'_>) -> Result<(), (Code, Reason)> {
        let &Post {
            recipients,
            subject,
            ref content,
        } = post;
        let (text, mut length) = match content {
            Content::Copied(text) => (*text, text.len()),
            Content::Borrowed(text) => (*text, 0),
            Content::Read(_) => (&[][..], *PIECE.start()),
        };
        mail::check(Some(recipients), subject, text)?;
        self.ready()?;
        // No sum overflows: each has its limit.
        length = length.wrapping_add(recipients.len()).wrapping_add(subject.len());
        let Some(config) = &mut self.config else { return Ok(()) };
        let arena = &mut self.arena;
        if !arena.begin_mail(length) {
            return Err((Code::DataFailed, Reason::NoMemory));
        }
        let mail = config.job.mail.insert(Mail {
            recipients: arena.push(recipients),
            subject: arena.push(subject),
            text: Text::whole(&[]),
            date: 0,
            nonce: None,
        });
        mail.text = match *content {
            Content::Copied(text) => Text::whole(arena.push(text)),
            Content::Borrowed(text) => Text::whole(text),
            Content::Read(Read { source, utf8, next }) => {
                let buffer = arena.part(arena.free().min(*PIECE.end()));
                self.reading = Some(Reading {
                    source,
                    buffer,
                    next,
                    place: Utf8::START,
                });
                Text::in_pieces(utf8)
            }
        };
        Ok(())
    }

    /// Orders a probe.
    pub fn probe(&mut self) -> Code {
        if self.in_flight() {
            return Code::Busy;
        }
        if let Err((code, reason)) = self.ready() {
            return self.refuse(code, reason, &[]);
        }
        if let Some(config) = &mut self.config {
            config.job.mail = None;
        }
        self.arena.begin_mail(0);
        self.order()
    }

    /// Whether a mail can be sent at all.
    fn ready(&self) -> Result<(), (Code, Reason)> {
        let reason = match (&self.config, self.transport) {
            (None, _) => Reason::NotConfigured,
            (_, None) => Reason::NoTransport,
            _ => return Ok(()),
        };
        Err((Code::ConnectFailed, reason))
    }

    /// Has the next poll begin.
    fn order(&mut self) -> Code {
        if let Some(config) = &self.config {
            self.session.begin(&config.job);
        }
        self.time = 0;
        self.stage = Stage::Ordered;
        self.status.set(Code::Busy);
        Code::Ok
    }

    /// Refuses a mail, with a line in the log; unless one is in flight.
    pub fn refuse(&mut self, code: Code, reason: Reason, recipients: &[u8]) -> Code {
        if self.in_flight() {
            return Code::Busy;
        }
        self.told.begin(code, Phase::Start, Outcome::NotSent, reason.text());
        self.nonce = None;
        self.record(0, recipients, 0);
        self.status.set(code);
        code
    }

    /// Writes a line of the log, for one of some recipients.
    fn record(&mut self, seconds: u32, recipients: &[u8], which: u16) {
        let Some(log) = self.log.as_deref_mut() else { return };
        if self.lines < log.len() {
            self.lines = self.lines.wrapping_add(1);
        } else {
            // The oldest one gives way.
            let mut rest = &mut log[..];
            while let [older, newer @ ..] = rest {
                if let Some(newer) = newer.first() {
                    *older = *newer;
                }
                rest = newer;
            }
        }
        if let Some(line) = log.get_mut(self.lines.wrapping_sub(1)) {
            let (mut count, mut shown) = (0u32, &[][..]);
            if !recipients.is_empty() {
                for recipient in List::new(recipients) {
                    if count == u32::from(which) {
                        shown = recipient;
                    }
                    count = count.wrapping_add(1);
                }
            }
            line.write(&self.told, i64::from(seconds).wrapping_mul(1000), count, shown);
        }
    }

    /// Gives up the mail in flight, if there is one; the next poll ends it.
    pub fn cancel(&mut self) {
        if self.in_flight() {
            self.session.cancel();
        }
    }

    /// How the last mail ended, and what its Message-ID is made of: nonce and domain.
    pub fn told(&self) -> (&Told, Option<&[u8; 16]>, &[u8]) {
        let sender = self
            .config
            .as_ref()
            .map_or(&[][..], |config| config.job.settings.sender());
        (&self.told, self.nonce.as_ref(), domain_of(sender))
    }

    /// The newest lines of the log, the oldest of them first.
    pub fn log(&self, most: usize) -> &[Line] {
        let lines = self.log.as_deref().unwrap_or(&[]);
        lines.get(self.lines.saturating_sub(most)..self.lines).unwrap_or(&[])
    }

    /// Ends the client: closes its connection, leaves nothing in its memory.
    pub fn end(&mut self) {
        self.hang_up();
        self.session.cancel();
        self.stage = Stage::Idle;
        (self.config, self.next, self.reading) = (None, None, None);
        self.arena.wipe();
    }

    /// Closes the connection, if there is one.
    pub(super) fn hang_up(&mut self) {
        if core::mem::take(&mut self.linked) {
            if let Some(transport) = self.transport {
                transport.close();
            }
        }
        self.out.as_mut_slice().zeroize();
        (self.from, self.to) = (0, 0);
    }

    /// Publishes the result of the session.
    #[inline(never)]
    pub(super) fn publish(&mut self, seconds: u32) {
        let session = &self.session;
        let Some(verdict) = session.verdict() else { return };
        let told = &mut self.told;
        told.begin(verdict.code, verdict.step.row().phase, verdict.outcome, session.text());
        told.reply_code = u32::from(verdict.reply);
        for (place, part) in told.enhanced.iter_mut().zip(session.enhanced_status_code()) {
            *place = u32::from(part);
        }
        let (accepted, refused) = session.recipients();
        (told.recipients_accepted, told.recipients_refused) = (u32::from(accepted), u32::from(refused));
        told.elapsed_ms = self.time;
        self.nonce = None;
        let mut recipients = &[][..];
        if let Some(mail) = self.config.as_mut().and_then(|config| config.job.mail.take()) {
            self.nonce = mail.nonce;
            recipients = mail.recipients;
        }
        self.record(seconds, recipients, verdict.recipient);
        self.reading = None;
        let next = self.next.take();
        self.arena.end_mail(next.is_some());
        if next.is_some() {
            self.config = next;
            self.nonce = None;
        }
        self.stage = Stage::Leaving;
        self.status.set(verdict.code);
    }
}
