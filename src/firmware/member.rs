//! One client: its configuration, its mail in flight, the result of the last one, its log.

use zeroize::Zeroize;

use super::arena::{Arena, Config};
use super::memory::Source;
use super::told::{Line, Told};
use super::transport::sds_smtp_transport;
use crate::client::guard::{Begun, Guard};
use crate::client::log::Ring;
use crate::client::mail;
use crate::client::settings::{Checked, Draft};
use crate::code::{Code, Outcome, Phase, Reason};
use crate::limits::{CREDENTIAL_BYTES, DEVICE_CREDENTIAL_BYTES};
use crate::session::{Mail, Session, Text, Verdict};
use crate::wire::address::{List, domain_of};

/// What is handed to the transport at a time.
pub(super) const OUT: usize = 96;

/// The smallest buffer for the pieces of a text, and the largest that is taken where the arena has room.
const PIECE: core::ops::RangeInclusive<usize> = 16..=256;

/// Places in the guard are not used again here: it stands for this one life.
pub const LIFE: u16 = 0;

/// The text of a mail, as the program gives it.
pub struct Content<'a> {
    /// All of it, to be copied; or nothing.
    pub copied: &'a [u8],
    /// All of it, which stays where it is until the mail has ended; or nothing.
    pub borrowed: &'static [u8],
    /// Where it is read from, piece by piece.
    pub read: Option<Read>,
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
    pub(super) cancelled: bool,
    /// The transport has begun to connect, and was not told to close.
    pub(super) linked: bool,
    pub(super) secret: bool,
    /// `out[from..to]` is to be sent.
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) transport: Option<&'static sds_smtp_transport>,
    pub(super) config: Option<&'static mut Config>,
    pub(super) next: Option<&'static mut Config>,
    pub(super) reading: Option<Reading>,
    /// The time that was told last, and the session's own.
    pub(super) told_time: u32,
    pub(super) time: u32,
    /// Mails that were begun.
    pub(super) begun: u32,
    pub(super) device_limit: usize,
    pub(super) arena: Arena,
    pub(super) log: &'static mut [Line],
    ring: Ring,
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
    pub fn set_transport(&mut self, transport: Option<&'static sds_smtp_transport>) -> Result<(), Code> {
        if self.in_flight() {
            return Err(Code::Busy);
        }
        self.hang_up();
        // A farewell that is not said to its end is none for the new one.
        self.stage = Stage::Idle;
        self.transport = transport;
        Ok(())
    }

    /// Takes memory for the log.
    pub fn set_log(&mut self, lines: &'static mut [Line]) {
        self.log = lines;
        self.ring = Ring::EMPTY;
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
    pub fn send(
        &mut self,
        guard: &Guard,
        recipients: Option<&[u8]>,
        subject: &[u8],
        content: &Content<'_>,
    ) -> Result<(), Code> {
        if guard.begin(LIFE) != Begun::Yes {
            return Err(Code::Busy);
        }
        let taken = self.take(recipients, subject, content);
        taken.map_err(|(code, reason)| self.refuse(guard, code, reason, recipients.unwrap_or(&[])))
    }

    fn take(&mut self, recipients: Option<&[u8]>, subject: &[u8], content: &Content<'_>) -> Result<(), (Code, Reason)> {
        let copied = content.copied;
        mail::check(
            recipients,
            subject,
            if copied.is_empty() { content.borrowed } else { copied },
        )?;
        self.ready()?;
        let recipients = recipients.unwrap_or(&[]);
        let mut buffer = 0;
        if content.read.is_some() {
            let left = self.arena.free().saturating_sub(recipients.len());
            buffer = left.saturating_sub(subject.len()).clamp(*PIECE.start(), *PIECE.end());
        }
        let ([recipients, subject, copied], buffer) = self
            .arena
            .keep([recipients, subject, copied], buffer)
            .ok_or((Code::DataFailed, Reason::NoMemory))?;
        let mut text = Text::Whole(if copied.is_empty() { content.borrowed } else { copied });
        if let Some(Read { source, utf8, next }) = content.read {
            self.reading = Some(Reading { source, buffer, next });
            text = Text::Piece {
                octets: &[],
                from: 0,
                last: false,
                utf8,
            };
        }
        self.order(Some(Mail {
            recipients,
            subject,
            text,
            date: 0,
            nonce: None,
        }));
        Ok(())
    }

    /// Orders a probe.
    pub fn probe(&mut self, guard: &Guard) -> Result<(), Code> {
        if guard.begin(LIFE) != Begun::Yes {
            return Err(Code::Busy);
        }
        if let Err((code, reason)) = self.ready() {
            return Err(self.refuse(guard, code, reason, &[]));
        }
        self.order(None);
        Ok(())
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

    fn order(&mut self, mail: Option<Mail<'static>>) {
        if let Some(config) = &mut self.config {
            config.job.mail = mail;
        }
        self.stage = Stage::Ordered;
        self.cancelled = false;
    }

    /// Refuses a mail, with a line in the log.
    pub fn refuse(&mut self, guard: &Guard, code: Code, reason: Reason, recipients: &[u8]) -> Code {
        self.told.begin(code, Phase::Start, Outcome::NotSent, reason.text());
        self.nonce = None;
        self.record(0, recipients, 0);
        guard.end(LIFE, code);
        code
    }

    /// Writes a line of the log, for one of some recipients.
    fn record(&mut self, seconds: u32, recipients: &[u8], which: u16) {
        let place = self.ring.place(self.log.len());
        if let Some(line) = self.log.get_mut(place) {
            let (mut count, mut shown) = (0u32, &[][..]);
            for (at, recipient) in List::new(recipients).enumerate() {
                if at == usize::from(which) {
                    shown = recipient;
                }
                count = count.wrapping_add(1);
            }
            if recipients.is_empty() {
                count = 0;
            }
            line.write(&self.told, i64::from(seconds).wrapping_mul(1000), count, shown);
        }
    }

    /// Gives up the mail in flight, if there is one; the next poll ends it.
    pub fn cancel(&mut self) {
        self.cancelled |= self.in_flight();
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
    pub fn log(&self, most: usize) -> impl Iterator<Item = &Line> {
        self.ring
            .newest(most, self.log.len())
            .filter_map(|place| self.log.get(place))
    }

    /// Lines in the log.
    pub fn log_len(&self) -> usize {
        self.ring.len()
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
        self.out.zeroize();
        (self.from, self.to) = (0, 0);
    }

    /// Publishes the result of the session.
    pub(super) fn publish(&mut self, guard: &Guard, verdict: Verdict, seconds: u32) {
        let session = &self.session;
        let told = &mut self.told;
        told.begin(verdict.code, verdict.step.row().phase, verdict.outcome, session.text());
        told.reply_code = u32::from(verdict.reply);
        told.enhanced = session.enhanced_status_code();
        let (accepted, refused) = session.recipients();
        (told.recipients_accepted, told.recipients_refused) = (u32::from(accepted), u32::from(refused));
        told.elapsed_ms = self.time;
        let mail = self.config.as_mut().and_then(|config| config.job.mail.take());
        self.nonce = mail.and_then(|mail| mail.nonce);
        self.record(seconds, mail.map_or(&[][..], |mail| mail.recipients), verdict.recipient);
        self.reading = None;
        let next = self.next.take();
        self.arena.end_mail(next.is_some());
        if next.is_some() {
            self.config = next;
            self.nonce = None;
        }
        self.stage = Stage::Leaving;
        guard.end(LIFE, verdict.code);
    }
}
