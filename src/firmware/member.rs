//! One client: its configuration, its mail in flight, the result of the last one, its log.

use super::arena::{Arena, Config};
use super::reading::{Pieces, Reading, Sending};
use super::refusal::Refusal;
use super::security::Wanted;
use super::server::{Named, host_and_port, name_of};
use super::told::{Line, ResultFields, SharedStatus};
use crate::channel::{Called, Transport};
use crate::client::mail;
use crate::client::report::{MessageId, Nonce};
use crate::client::settings::{Checked, Draft};
use crate::code::{Code, Outcome, Phase, Reason};
use crate::limits::{CREDENTIAL_BYTES, Count, DEVICE_CREDENTIAL_BYTES};
use crate::session::{Mail, Text};
use crate::wire::address::List;
use crate::wire::literal::LITERAL_BYTES;

/// A mail, as the program gives it.
pub struct Outgoing<'a> {
    /// The list of recipients.
    pub recipients: &'a [u8],
    /// The subject.
    pub subject: &'a [u8],
    /// The text.
    pub content: Content<'a>,
}

impl Outgoing<'_> {
    /// Octets of it that are copied.
    fn length(&self) -> usize {
        // No sum overflows: each has its limit.
        let length = self.recipients.len().wrapping_add(self.subject.len());
        length.wrapping_add(self.content.copied.len())
    }
}

/// The text of a mail, as the program gives it.
pub struct Content<'a> {
    /// All of it, to be copied; or nothing.
    pub copied: &'a [u8],
    /// All of it, which stays where it is until the mail has ended; or nothing.
    pub borrowed: &'static [u8],
    /// Where it is read from, piece by piece.
    pub read: Option<&'a Pieces>,
}

impl Content<'_> {
    /// What there is of it.
    fn text(&self) -> &[u8] {
        if self.copied.is_empty() {
            self.borrowed
        } else {
            self.copied
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Stage {
    /// No mail, no connection.
    Idle = 0,
    /// The result stands; RSET and QUIT are left.
    Leaving,
    /// A mail waits for the next poll. A connection of the mail before may still be open.
    Ordered,
    /// A mail is in flight.
    Talking,
}

/// How far a connection is.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Link {
    /// There is none.
    None = 0,
    /// The transport has begun to connect.
    Begun,
    /// It stands, as far as the transport has said.
    Stands,
    /// The transport is closing it.
    Closing,
}

/// How long a transport may take to close a connection, in milliseconds.
pub(super) const CLOSING: u32 = 1000;

/// A client. In memory of zeros all of it has its first value but for what [`super::memory`] sets. What is large stands behind
/// what is small: the instructions that reach it are shorter so.
#[repr(C)]
pub struct Member {
    pub(super) stage: Stage,
    pub(super) link: Link,
    /// The source of the text had nothing when it was asked.
    pub(super) waits: bool,
    pub(super) refusal: Refusal,
    pub(super) status: &'static SharedStatus,
    pub(super) transport: Option<Transport>,
    pub(super) config: Option<&'static mut Config>,
    pub(super) next: Option<&'static mut Config>,
    /// The time that was told last, and the session's own.
    pub(super) told_time: u32,
    pub(super) time: u32,
    /// The time that was told when the transport began to close the connection.
    pub(super) closing_since: u32,
    /// Mails that were begun.
    pub(super) begun: u32,
    pub(super) device_limit: usize,
    pub(super) arena: Arena,
    /// Room for lines, the oldest one first, and how many there are.
    log: Option<&'static mut [Line]>,
    lines: usize,
    pub(super) reading: Option<Reading>,
    pub(super) nonce: Option<Nonce>,
    pub(super) pump: Sending,
    told: ResultFields,
}

impl Member {
    fn in_flight(&self) -> bool {
        matches!(self.stage, Stage::Ordered | Stage::Talking)
    }

    /// Takes another transport, unless a mail is in flight.
    pub fn set_transport(&mut self, transport: Option<Transport>) -> Code {
        if self.in_flight() {
            return Code::Busy;
        }
        self.hang_up();
        // A farewell that is not said to its end is none for the new one, nor is a connection that is not closed.
        (self.stage, self.link) = (Stage::Idle, Link::None);
        self.transport = transport;
        Code::Ok
    }

    /// Takes memory for the log, of zeros.
    pub fn set_log(&mut self, lines: Option<&'static mut [Line]>) {
        self.log = lines;
        self.lines = 0;
    }

    /// Takes a configuration, or refuses it and keeps the old one.
    pub fn configure(&mut self, draft: &Draft<'_>, tls: &Wanted<'_>) -> Code {
        let mut draft = *draft;
        let device_limit = match core::mem::take(&mut draft.credential_limit) {
            0 => DEVICE_CREDENTIAL_BYTES,
            limit => limit,
        };
        if device_limit > CREDENTIAL_BYTES {
            return Code::BadArgument;
        }
        let Some((server, port)) = host_and_port(draft.server.unwrap_or(&[])) else {
            return Code::ConnectFailed;
        };
        draft.port = match port.unwrap_or(draft.port) {
            0 => tls.port(),
            port => port,
        };
        draft.server = Some(server);
        let resolves = self.transport.is_some_and(|transport| transport.resolves());
        let name = name_of(server).filter(|_| resolves);
        let mut literal = [0; LITERAL_BYTES];
        if name.is_some() {
            // An address stands where the name's will stand. That the check knows no names saves 40 bytes of the small library.
            draft.server = Some(b"127.0.0.1");
        }
        let checked = draft.check(&mut literal).and_then(|mut checked| {
            let tls_name = tls.check(self.transport, &mut checked.settings)?;
            Ok((checked, tls_name))
        });
        let (checked, tls_name) = match checked {
            Ok(both) => both,
            Err(code) => return code,
        };
        // With the NUL behind it.
        let length = |name: Option<&[u8]>| name.map_or(0, |name| name.len().wrapping_add(1));
        if !self.keep(&checked, length(name).wrapping_add(length(tls_name))) {
            return Code::DataFailed;
        }
        self.device_limit = device_limit;
        let kept = if self.in_flight() {
            &mut self.next
        } else {
            &mut self.config
        };
        let Some(kept) = kept else { return Code::Ok };
        if let (Some(name), part) = (name, self.arena.part(length(name))) {
            kept.named = Named::put(name, part);
        }
        kept.tls.put(tls, tls_name, |name| self.arena.part(length(Some(name))));
        Code::Ok
    }

    /// What [`Member::configure`] does, within the limits of the devices' own function.
    pub fn configure_device(&mut self, server: &[u8], checked: &mut Checked<'_>) -> Code {
        let Some((server, port)) = host_and_port(server) else {
            return Code::ConnectFailed;
        };
        let settings = &mut checked.settings;
        settings.server.port = port.unwrap_or(settings.server.port);
        match checked.check(server, self.device_limit) {
            Code::Ok if !self.keep(checked, 0) => Code::DataFailed,
            code => code,
        }
    }

    /// Keeps a configuration; false where there is no room for it and so many octets more, which the arena gives next.
    fn keep(&mut self, checked: &Checked<'_>, more: usize) -> bool {
        let in_flight = self.in_flight();
        // From here on a configuration without a mail in flight is of no more use, unless there is no room for the new one.
        let Some(kept) = self.arena.configure(checked, in_flight, more) else {
            return false;
        };
        if in_flight {
            self.next = Some(kept);
        } else {
            self.config = Some(kept);
            self.nonce = None;
        }
        true
    }

    /// Takes a mail; the next poll begins to send it.
    pub fn send(&mut self, mail: &Outgoing<'_>) -> Code {
        if self.in_flight() {
            return Code::Busy;
        }
        let kept = self.check(mail).and_then(|()| self.put(mail));
        match kept {
            Ok(()) => self.order(),
            Err(reason) => self.refuse(mail::code(reason), reason, mail.recipients),
        }
    }

    /// Whether a mail can be sent.
    fn check(&self, mail: &Outgoing<'_>) -> Result<(), Reason> {
        mail::check(Some(mail.recipients), mail.subject, mail.content.text())?;
        self.is_set_up()
    }

    /// Keeps a mail.
    fn put(&mut self, mail: &Outgoing<'_>) -> Result<(), Reason> {
        let (arena, content) = (&mut self.arena, &mail.content);
        let Some(config) = self.config.as_mut().filter(|_| arena.begin_mail(mail.length())) else {
            return Err(Reason::NoMemory);
        };
        let recipients = arena.push(mail.recipients);
        let subject = arena.push(mail.subject);
        let mail = config
            .job
            .mail
            .insert(Mail::new(recipients, subject, Text::whole(content.borrowed)));
        if !content.copied.is_empty() {
            mail.text.octets = arena.push(content.copied);
        }
        match content.read {
            Some(read) => (read.begin)(read, &mut mail.text, arena, &mut self.reading),
            None => Ok(()),
        }
    }

    /// Orders a probe.
    pub fn probe(&mut self) -> Code {
        if self.in_flight() {
            return Code::Busy;
        }
        if let Err(reason) = self.is_set_up() {
            return self.refuse(mail::code(reason), reason, &[]);
        }
        if let Some(config) = &mut self.config {
            config.job.mail = None;
        }
        self.arena.begin_mail(0);
        self.order()
    }

    /// Whether any mail can be sent.
    fn is_set_up(&self) -> Result<(), Reason> {
        if self.config.is_none() {
            return Err(Reason::NotConfigured);
        }
        if self.transport.is_none() {
            return Err(Reason::NoTransport);
        }
        Ok(())
    }

    /// Has the next poll begin.
    fn order(&mut self) -> Code {
        if let Some(config) = &self.config {
            self.pump.session.begin(&config.job);
        }
        self.time = 0;
        self.waits = false;
        self.stage = Stage::Ordered;
        self.status.set(Code::Busy);
        Code::Ok
    }

    /// Refuses a mail that cannot even be read; unless one is in flight.
    pub fn refuse_unread(&mut self, code: Code, reason: Reason) -> Code {
        if self.in_flight() {
            return Code::Busy;
        }
        self.refuse(code, reason, &[])
    }

    /// Refuses a mail, with a line in the log.
    fn refuse(&mut self, code: Code, reason: Reason, recipients: &[u8]) -> Code {
        self.told.begin(code, Phase::Start, Outcome::NotSent, reason.text());
        self.nonce = None;
        self.record(0, recipients, 0);
        self.status.set(code);
        code
    }

    /// Writes a line of the log, for one of some recipients.
    fn record(&mut self, seconds: u32, recipients: &[u8], which: Count) {
        let Some(log) = self.log.as_deref_mut() else { return };
        if self.lines < log.len() {
            self.lines = self.lines.wrapping_add(1);
        } else if !log.is_empty() {
            // The oldest one gives way.
            log.copy_within(1.., 0);
        }
        if let Some(line) = log.get_mut(self.lines.wrapping_sub(1)) {
            let (mut count, mut shown) = (0u32, &[][..]);
            if !recipients.is_empty() {
                for recipient in List::new(recipients) {
                    if count == number(which) {
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
            self.pump.session.cancel();
        }
    }

    /// Why the last configuration or mail was refused: two texts, one behind the other; both are empty where it was not.
    pub fn refusal(&self) -> [&[u8]; 2] {
        let (words, more) = self.refusal.words();
        let length = self.told.text.iter().position(|octet| *octet == 0);
        let told = length.filter(|_| more).and_then(|length| self.told.text.get(..length));
        [words.as_bytes(), told.unwrap_or(&[])]
    }

    /// How the last mail ended.
    pub fn told(&self) -> &ResultFields {
        &self.told
    }

    /// Its Message-ID, if it has one.
    pub fn message_id(&self) -> Option<MessageId<'_>> {
        let (nonce, config) = (self.nonce.as_ref()?, self.config.as_ref()?);
        let sender = config.job.settings.sender();
        Some(MessageId::Parts { nonce, sender })
    }

    /// How many lines the log has.
    pub fn lines(&self) -> usize {
        self.lines
    }

    /// The newest lines of the log, as many as `most`, the oldest of them first.
    pub fn newest(&self, most: usize) -> Option<&[Line]> {
        self.log.as_deref()?.get(self.lines.saturating_sub(most)..self.lines)
    }

    /// Ends the client: closes its connection, leaves nothing in its memory.
    pub fn end(&mut self) {
        self.hang_up();
        self.pump.session.cancel();
        self.stage = Stage::Idle;
        (self.config, self.next, self.reading) = (None, None, None);
        self.arena.wipe();
    }

    /// Closes the connection, if there is one; [`Called::Done`] when there is none any more. It is over after [`CLOSING`]
    /// milliseconds, whatever the transport says.
    pub(super) fn hang_up(&mut self) -> Called {
        self.pump.clear();
        let Some(transport) = self.transport.filter(|_| self.link != Link::None) else {
            return Called::Done;
        };
        if self.link != Link::Closing {
            (self.link, self.closing_since) = (Link::Closing, self.told_time);
        }
        let mut called = transport.close();
        if self.closing_for() >= CLOSING {
            called = Called::Done;
        }
        if called == Called::Done {
            self.link = Link::None;
        }
        called
    }

    /// How long the transport has been closing the connection.
    pub(super) fn closing_for(&self) -> u32 {
        self.told_time.wrapping_sub(self.closing_since)
    }

    /// Publishes the result of the session.
    pub(super) fn publish(&mut self, seconds: u32) {
        let end = self.pump.session.end();
        let verdict = end.verdict;
        let told = &mut self.told;
        told.begin(verdict.code, verdict.step.phase(), verdict.outcome, end.text);
        told.reply_code = u32::from(verdict.reply);
        (told.recipients_accepted, told.recipients_refused) = (number(end.accepted), number(end.refused));
        told.elapsed_ms = self.time;
        self.nonce = None;
        let (mut code, recipient, mut recipients) = (verdict.code, verdict.recipient, &[][..]);
        if let Some(config) = &self.config {
            if config.job.settings.device {
                code = code.of_devices();
                told.code = i32::from(code.number());
            }
            if let Some(mail) = &config.job.mail {
                self.nonce = mail.nonce;
                recipients = mail.recipients;
            }
        }
        self.record(seconds, recipients, recipient);
        self.reading = None;
        let next = self.next.take();
        self.arena.end_mail(next.is_some());
        if next.is_some() {
            self.config = next;
            self.nonce = None;
        }
        self.stage = Stage::Leaving;
        self.status.set(code);
    }
}

/// A number of recipients as programs are told it.
// Built beside a system it is such a number already.
#[allow(clippy::useless_conversion)]
fn number(count: Count) -> u32 {
    u32::from(count)
}
