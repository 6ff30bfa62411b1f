//! Octets out, into a lent buffer: what the state and the server allow to be said.

use super::envelope::write_header;
use super::event::{Events, MASK};
use super::job::Job;
#[cfg(feature = "std")]
use super::parameters::{Parameters, Verb, write_original};
use super::session::Session;
use super::state::State;
use super::transaction::{Envelope, Transaction};
use crate::buffer::Window;
use crate::code::{Reason, Step};
use crate::limits::EVENT_LINE_BYTES;
use crate::message::body::Encoding;
#[cfg(fast)]
use crate::octets::trimmed;
use crate::wire::address::List;
#[cfg(feature = "std")]
use crate::wire::capability::Capability;
use crate::wire::command::{self, Command};
#[cfg(fast)]
use crate::wire::transparency::Transparency;
use crate::wire::transparency::Transparent;

/// How many octets are sent at a time from where they are: at least so many that writing them would take longer than one more send;
/// at most so many that others have their turn soon.
#[cfg(fast)]
const LEAST_LENT: usize = 4 * 1024;
#[cfg(fast)]
const MOST_LENT: usize = 256 * 1024;

impl<E: Events> Session<E> {
    /// Writes octets to be sent into `out` (at least [`crate::limits::SMALLEST_BUFFER`] octets) and returns how many.
    /// 0: nothing is to be sent before the next event, or before there is more of the text.
    pub fn transmit(&mut self, job: &Job<'_>, now: u32, out: &mut [u8]) -> usize {
        self.now = now;
        // A line of which a part has left goes on behind that part; those that follow it begin where it ends.
        let mut window = Window::new(out, self.cursor);
        while window.room() > 0 && self.write_some(job, &mut window) {}
        let filled = window.kept();
        self.unsent = self.unsent.wrapping_add(filled);
        filled
    }

    /// Writes a command, the header block, or some of the text. False where there is nothing to write now, or no room for all of
    /// it.
    // Saves 12 bytes.
    #[cfg_attr(not(fast), inline(never))]
    fn write_some(&mut self, job: &Job<'_>, out: &mut Window<'_>) -> bool {
        let mut command = self.state.says();
        let may = match self.state {
            State::Envelope => {
                command = self.transaction.command();
                self.may_say(job)
            }
            State::Text => return self.write_text(job, out),
            #[cfg(feature = "std")]
            State::Chunk => return self.write_chunk(job, out),
            State::Header | State::Dot => true,
            State::End => false,
            #[cfg(feature = "std")]
            State::AuthDerive => false,
            _ => self.pending,
        };
        if !may {
            return false;
        }
        let before = out.kept();
        self.cursor = out.room();
        if self.state == State::Header {
            if let Some(mail) = &job.mail {
                write_header(job, mail, &self.transaction.plan, out);
            }
            self.events.data(out.since(before));
        } else {
            self.write_command(command, job, false, out);
        }
        if !out.complete() {
            return false;
        }
        self.cursor = 0;
        if self.state != State::Header && self.events.listens() {
            self.said(command, job);
        }
        match self.state {
            State::Header => self.state = State::Text,
            // It is the server's turn, as soon as the final dot has left: `sent` tells.
            State::Dot => self.state = State::End,
            _ => self.pending = false,
        }
        if self.state == State::Envelope {
            let envelope = &mut self.transaction.envelope;
            envelope.said = envelope.said.wrapping_add(1);
            envelope.recipient = envelope.following;
            #[cfg(feature = "std")]
            self.find_next(job);
            #[cfg(feature = "std")]
            if self.transaction.flies() {
                self.state = State::Chunk;
            }
        }
        true
    }

    /// Whether the next command of the envelope may be said now.
    ///
    /// Without PIPELINING each waits for the answer to the one before. With it they go out together; DATA, too, when
    /// there is one recipient, else only after all are accepted (RFC 2920, 3.1). After a refusal nothing more is said,
    /// but a command of which a part has left is ended. A dry run ends before DATA.
    fn may_say(&self, job: &Job<'_>) -> bool {
        let Envelope { said, data, .. } = self.transaction.envelope;
        if said > data || (job.is_dry() || self.takes_chunks()) && said == data {
            return false;
        }
        if self.concluded() {
            return self.cursor > 0;
        }
        let pipelined = self.transaction.pipelining && (said < data || data == 2);
        #[cfg(feature = "std")]
        let pipelined = pipelined && self.has_window();
        pipelined || self.pending
    }

    /// Writes of the text what there is room for. True where that was all of it.
    fn write_text(&mut self, job: &Job<'_>, out: &mut Window<'_>) -> bool {
        let Some(mail) = &job.mail else {
            return false;
        };
        let (text, transaction) = (&mail.text, &mut self.transaction);
        let Some(octets) = text.octets.get(transaction.taken.wrapping_sub(text.from)..) else {
            // Another piece than the one that is wanted.
            transaction.starved = true;
            return false;
        };
        let (last, before) = (text.last, out.kept());
        let mut transparent = Transparent::new(out, transaction.transparency);
        let taken = transaction.encoder.write(octets, last, &mut transparent);
        transaction.transparency = transparent.at();
        transaction.taken = transaction.taken.wrapping_add(taken);
        transaction.starved = !last && taken == octets.len();
        if transaction.encoder.stuck() {
            // Nothing of it is to leave.
            out.forget();
            self.give_up(Reason::Unsendable);
            return false;
        }
        self.events.data(out.since(before));
        let ended = transaction.encoder.ended();
        if ended {
            self.state = State::Dot;
        }
        ended
    }

    /// Octets of the text that can be sent from where they are, without being written anywhere before; none where they cannot, or
    /// where they are few. [`Session::passed`] follows.
    #[cfg(fast)]
    pub fn lends<'a>(&mut self, job: &Job<'a>) -> &'a [u8] {
        let transaction = &mut self.transaction;
        let Some(mail) = job.mail.as_ref().filter(|_| self.state == State::Text) else {
            return &[];
        };
        if !mail.survey.is_some_and(|survey| survey.clean) || !transaction.encoder.takes_as_it_is() {
            return &[];
        }
        let octets = mail.text.octets.get(transaction.taken.wrapping_sub(mail.text.from)..);
        let octets = octets.unwrap_or(&[]);
        let octets = octets.get(..octets.len().min(MOST_LENT)).unwrap_or(&[]);
        // A piece may end within a line end.
        let octets = octets.strip_suffix(b"\r").unwrap_or(octets);
        let doubled = transaction.transparency == Transparency::LineBegins && octets.first() == Some(&b'.');
        if doubled || octets.len() < LEAST_LENT {
            return &[];
        }
        // There is this, even where the channel takes nothing of it now.
        transaction.starved = false;
        octets
    }

    /// Octets of the text, of those that [`Session::lends`] gave, have left: so many of these.
    #[cfg(fast)]
    pub fn passed(&mut self, job: &Job<'_>, now: u32, octets: &[u8], count: usize) {
        let octets = octets.get(..count).unwrap_or(octets);
        let (Some(mail), Some(last)) = (&job.mail, octets.last()) else {
            return;
        };
        let transaction = &mut self.transaction;
        transaction.encoder.passed(*last);
        transaction.transparency = Transparency::behind(*last);
        transaction.taken = transaction.taken.wrapping_add(octets.len());
        let left = mail.text.octets.get(transaction.taken.wrapping_sub(mail.text.from)..);
        transaction.starved = !mail.text.last && left.is_some_and(<[u8]>::is_empty);
        self.events.data(octets);
        self.sent(job, now, octets.len());
    }

    /// Writes a command. `masked`: without secrets.
    pub(super) fn write_command(&mut self, command: Command, job: &Job<'_>, masked: bool, out: &mut Window<'_>) {
        let mut line = command.line();
        while let Some(field) = line.next(out) {
            if masked && field == command::RESPONSE && !self.concluded() {
                out.put_seldom(MASK);
            } else {
                line.when(self.put(field, job, out));
            }
        }
    }

    /// Writes a field of a command, or says whether a condition holds.
    // Saves 48 bytes: in the loop above the compiler would fetch all that any field may need before the first one.
    #[cfg_attr(not(fast), inline(never))]
    fn put(&mut self, field: u8, job: &Job<'_>, out: &mut Window<'_>) -> bool {
        let settings = &job.settings;
        let text = match field {
            command::CLIENT => match settings.ehlo_name() {
                [] => {
                    self.local.write(out);
                    return true;
                }
                name => name,
            },
            command::MECHANISM => self.mechanism.name(),
            command::HAS_INITIAL_RESPONSE => return self.has_initial_response(),
            command::RESPONSE => {
                self.write_response(job, out);
                return true;
            }
            #[cfg(feature = "std")]
            command::VERB..=command::ORIGINAL => return self.put_parameter(field, job, out),
            #[cfg(feature = "std")]
            command::CHUNK_SIZE => {
                out.decimal(self.transaction.chunks.size);
                return true;
            }
            #[cfg(feature = "std")]
            command::IS_LAST => return self.transaction.chunks.last,
            #[cfg(feature = "std")]
            command::REVERSE_PATH => match parameters(job).and_then(Parameters::path) {
                Some(path) => path,
                None => settings.sender(),
            },
            #[cfg(not(feature = "std"))]
            command::REVERSE_PATH => settings.sender(),
            command::IS_EIGHT_BIT => return self.transaction.plan.encoding == Encoding::EightBit,
            command::HAS_SIZE if cfg!(feature = "complete") => return self.transaction.size != 0,
            command::SIZE if cfg!(feature = "complete") => {
                out.decimal(self.transaction.size);
                return true;
            }
            _ => {
                let Some(mail) = &job.mail else { return true };
                let envelope = &mut self.transaction.envelope;
                #[cfg(feature = "std")]
                if mail.count == 1 && envelope.recipient == 0 {
                    // The same, faster: a list of one has nothing but blanks beside it.
                    envelope.following = mail.recipients.len();
                    out.put_all(trimmed(mail.recipients));
                    return true;
                }
                let mut rest = List::behind(mail.recipients, envelope.recipient);
                let mailbox = rest.next();
                envelope.following = mail.recipients.len().wrapping_sub(rest.length());
                mailbox.unwrap_or(&[])
            }
        };
        out.put_all(text);
        true
    }

    /// Writes one of the fields that few mails have, or says whether a condition holds.
    #[cfg(feature = "std")]
    fn put_parameter(&self, field: u8, job: &Job<'_>, out: &mut Window<'_>) -> bool {
        let Some(mail) = &job.mail else { return false };
        if field == command::IS_UTF8 {
            return Self::is_utf8(job, mail);
        }
        let Some(parameters) = mail.parameters else {
            if field == command::VERB {
                out.put_seldom(Verb::Mail.name());
                return true;
            }
            return false;
        };
        let notices = parameters.verb.takes_parameters() && self.capabilities.offers(Capability::Dsn);
        match field {
            command::VERB => out.put_seldom(parameters.verb.name()),
            command::HAS_RET => return notices && parameters.ret().is_some(),
            command::RET => out.put_seldom(parameters.ret().unwrap_or(&[])),
            command::HAS_ENVELOPE_ID => return notices && !parameters.envelope_id.octets().is_empty(),
            command::ENVELOPE_ID => out.put_seldom(parameters.envelope_id.octets()),
            command::HAS_NOTIFY => return notices && parameters.notify.is_said(),
            command::NOTIFY => parameters.notify.write(out),
            _ => {
                let mailbox = List::behind(mail.recipients, self.transaction.envelope.recipient).next();
                write_original(mailbox.unwrap_or(&[]), out);
            }
        }
        true
    }

    /// Tells of a command that is written, its secrets masked.
    pub(super) fn said(&mut self, command: Command, job: &Job<'_>) {
        if command == Command::Nothing {
            return;
        }
        let mut line = [0; EVENT_LINE_BYTES];
        let mut window = Window::new(&mut line, 0);
        self.write_command(command, job, true, &mut window);
        let kept = window.kept();
        let line = line.get(..kept).unwrap_or(&[]);
        self.events.said(line.strip_suffix(b"\r\n").unwrap_or(line));
    }
}

/// What few mails say in their envelope.
#[cfg(feature = "std")]
fn parameters<'a>(job: &'a Job<'_>) -> Option<&'a Parameters> {
    job.mail.as_ref()?.parameters
}

impl Transaction {
    /// The command of the envelope that is said next.
    fn command(&self) -> Command {
        match self.envelope.step(self.envelope.said) {
            #[cfg(feature = "std")]
            Step::Mail if self.more => Command::MailAndMore,
            Step::Mail => Command::Mail,
            #[cfg(feature = "std")]
            Step::Rcpt if self.more => Command::RcptAndMore,
            Step::Rcpt => Command::Rcpt,
            _ => Command::Data,
        }
    }
}
