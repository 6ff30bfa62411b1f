//! The mail data in chunks (RFC 3030), where the configuration asks for them: BDAT instead of DATA.
//!
//! A mail to one recipient, or to whoever is accepted, that is no longer than a chunk goes out at once behind MAIL and RCPT, as
//! `BDAT n LAST`. Another one waits
//! for the answers to MAIL and every RCPT; then a chunk leaves while the answer to the one before is awaited. After a refusal no
//! further chunk begins, and one that has begun and not left is never ended: the connection is. What has left whole is answered.
//!
//! A server that refuses and does not swallow the chunk takes the mail's text for commands, and answers each line of it. So behind a
//! refusal RSET is said at once, and anything but its 2yz reply ends the connection.

use super::chunks::Place;
use super::envelope;
use super::event::Events;
use super::job::{Job, Mail};
use super::session::Session;
use super::state::State;
use super::transaction::Transaction;
use crate::auth::Mechanism;
use crate::buffer::Window;
use crate::code::{Code, Outcome, Reason, Step};
use crate::limits::{CHUNK_BYTES, Size};
use crate::wire::capability::{Capabilities, Capability, Parser};
use crate::wire::command::Command;
use crate::wire::protocol::Beginning;
use crate::wire::transparency::{Transparency, Transparent};

/// How much of a chunk's room its command may need: `BDAT 65536 LAST` and the line end.
const COMMAND_BYTES: usize = 24;

impl Transaction {
    /// Whether the chunk is written now, behind MAIL and RCPT.
    pub(super) fn flies(&self) -> bool {
        self.chunks.flies && self.envelope.said == self.envelope.data && !self.concluded()
    }

    /// Whether an answer is awaited.
    pub(super) fn awaits_answer(&self) -> bool {
        self.awaited() != Step::Text
    }

    /// What is answered next.
    pub(super) fn awaited(&self) -> Step {
        let Self { envelope, chunks, .. } = self;
        match chunks.unanswered() {
            _ if envelope.answered < envelope.said => envelope.step(envelope.answered),
            0 => Step::Text,
            1 if chunks.last && chunks.place != Place::Command => Step::End,
            _ => Step::Chunk,
        }
    }
}

impl<E: Events> Session<E> {
    /// Decides whether the mail goes in chunks. `known`: the octets of its body, where they are known.
    pub(super) fn plan_chunks(&mut self, job: &Job<'_>, mail: &Mail<'_>, known: Option<Size>) {
        let transaction = &mut self.transaction;
        let on = job.settings.chunking
            && transaction.pipelining
            && !self.data_only
            && !job.is_dry()
            && self.capabilities.offers(Capability::Chunking);
        if !on || !self.takes_parameters(mail) {
            return;
        }
        let transaction = &mut self.transaction;
        transaction.chunks.on = true;
        transaction.transparency = Transparency::Off;
        if (transaction.envelope.data != 2 && !mail.partial) || (mail.text.pieces && known.is_none()) {
            return;
        }
        if transaction.all == 0 {
            transaction.all = envelope::size(job, mail, transaction.plan, known);
        }
        transaction.chunks.flies = usize::try_from(transaction.all).is_ok_and(|all| all <= CHUNK_BYTES);
    }

    /// Whether the mail goes in chunks.
    pub(super) fn takes_chunks(&self) -> bool {
        self.transaction.chunks.on
    }

    /// Whether the first chunk can begin, now that all of the envelope is answered.
    pub(super) fn begins_chunks(&self) -> bool {
        let transaction = &self.transaction;
        transaction.chunks.on && !transaction.concluded() && transaction.envelope.all_but_data_answered()
    }

    /// The step whose time limit holds.
    pub(super) fn step_of_chunks(&self) -> Step {
        if self.unsent > 0 || self.transaction.chunks.is_being_written() {
            Step::Text
        } else {
            self.transaction.awaited()
        }
    }

    /// Octets have left.
    pub(super) fn sent_of_chunks(&mut self, job: &Job<'_>) {
        let unsent = Size::try_from(self.unsent).unwrap_or(Size::MAX);
        let transaction = &mut self.transaction;
        let chunks = &mut transaction.chunks;
        // Commands stand before the data in every buffer.
        transaction.left = chunks.written.saturating_sub(unsent);
        if self.unsent == 0 && !chunks.is_being_written() && chunks.said > 0 && !chunks.left {
            chunks.left = true;
            let is_next = transaction.envelope.answered == transaction.envelope.said && chunks.unanswered() == 1;
            chunks.early = is_next && !self.reader.idle();
        }
        self.step = self.step_of_chunks();
        self.be_patient(job);
    }

    /// An answer while chunks are sent.
    pub(super) fn chunk_reply(&mut self, job: &Job<'_>, accepted: bool) -> State {
        let (step, refusal) = (self.step, self.concluded());
        let of_chunk = step == Step::Chunk || step == Step::End;
        let chunks = &mut self.transaction.chunks;
        let incomplete = of_chunk && (!chunks.next_has_left() || chunks.early);
        if self.reader.code() < 400 && (!accepted || incomplete) {
            // Neither accepted nor refused; or no answer to the whole chunk.
            self.give_up(Reason::NotSmtp);
            return State::Closed;
        }
        if !of_chunk {
            self.envelope_reply(job, accepted);
            return self.behind_answer();
        }
        chunks.early = false;
        chunks.answered = chunks.answered.wrapping_add(1);
        if !accepted {
            chunks.unknown |= !refusal && matches!(self.reader.code(), 500 | 502 | 503) && !chunks.search.found;
            chunks.refused |= !refusal;
            self.refused(job);
        } else if step == Step::End {
            if !refusal {
                self.answered(job, Code::Ok);
                self.transaction.verdict.outcome = Outcome::Sent;
                self.transaction.open = false;
            } else if chunks.refused {
                // It refused one chunk and takes the mail without it: who knows.
                chunks.unknown = false;
                self.transaction.verdict.outcome = Outcome::Unknown;
            }
            return State::Quit;
        }
        self.behind_answer()
    }

    /// What follows an answer that does not end the mail well.
    fn behind_answer(&mut self) -> State {
        if !self.concluded() {
            return State::Chunk;
        }
        let chunks = &self.transaction.chunks;
        let begun = match chunks.place {
            Place::Between => self.unsent > 0 && chunks.said > 0,
            Place::Command => self.cursor > 0,
            Place::Header | Place::Text => true,
        };
        let awaits = self.transaction.awaits_answer();
        if !begun && awaits {
            return State::Chunk;
        }
        if chunks.unknown {
            self.begin_with_data();
            return State::Connecting;
        }
        if begun { State::Closed } else { State::Quit }
    }

    /// The server does not know BDAT, and nothing can have been delivered: the same mail with DATA, on another connection. On this one
    /// the mail's text may be taken for commands.
    fn begin_with_data(&mut self) {
        self.events.end_exchange();
        self.events.drop_challenge();
        self.data_only = true;
        self.helo_only = false;
        self.secure = false;
        self.serves = false;
        self.mechanism = Mechanism::Plain;
        self.tried = Capabilities::NONE;
        self.shown = false;
        self.transaction = Transaction::NONE;
        self.capabilities = Parser::new();
        self.beginning = Beginning::NONE;
        (self.unsent, self.cursor) = (0, 0);
        self.reader.wipe_text();
        self.reader.release_text();
    }

    /// Whether RSET is due at once: a chunk was said, and the mail is refused.
    pub(super) fn resets_at_once(&mut self) -> bool {
        let transaction = &mut self.transaction;
        let chunks = &mut transaction.chunks;
        let due = chunks.leaves_something(transaction.verdict.outcome) && !chunks.reset;
        chunks.reset |= due;
        transaction.open &= !due;
        due
    }

    /// Whether RSET was said for that.
    pub(super) fn resets_chunks(&self) -> bool {
        self.transaction.chunks.reset
    }

    /// Writes some of a chunk. False where there is nothing to write now, or no room for all of it.
    pub(super) fn write_chunk(&mut self, job: &Job<'_>, out: &mut Window<'_>) -> bool {
        self.transaction.starved = false;
        let Some(mail) = &job.mail else { return false };
        if self.concluded() {
            return false;
        }
        match self.transaction.chunks.place {
            Place::Between => self.plan_chunk(job, mail, out),
            Place::Command => self.write_bdat(job, out),
            Place::Header => self.write_chunk_header(job, mail, out),
            Place::Text => self.write_chunk_text(mail, out),
        }
    }

    /// Finds out how long the next chunk is. False where there can be none now.
    fn plan_chunk(&mut self, job: &Job<'_>, mail: &Mail<'_>, out: &Window<'_>) -> bool {
        let (text, transaction) = (&mail.text, &mut self.transaction);
        let chunks = &mut transaction.chunks;
        if chunks.last {
            return false;
        }
        if chunks.flies {
            (chunks.size, chunks.until, chunks.last) = (transaction.all, usize::MAX, true);
        } else {
            // A chunk begins when the one before has left, and the one before that is answered.
            if out.kept() > 0 || self.unsent > 0 || chunks.unanswered() > 1 {
                return false;
            }
            let mut header = Window::counting();
            if chunks.said == 0 {
                envelope::write_header(job, mail, &transaction.plan, &mut header);
            }
            let Some(octets) = text.octets.get(transaction.taken.wrapping_sub(text.from)..) else {
                transaction.starved = true;
                return false;
            };
            let room = CHUNK_BYTES
                .saturating_sub(COMMAND_BYTES)
                .saturating_sub(header.written());
            let mut measured = Window::measuring(room);
            let mut encoder = transaction.encoder;
            let mut transparent = Transparent::new(&mut measured, Transparency::Off);
            let taken = encoder.write(octets, text.last, &mut transparent);
            let length = header.written().wrapping_add(room.wrapping_sub(measured.room()));
            let behind = transaction.taken.wrapping_add(taken);
            if length == 0 && !encoder.ended() {
                // Of these octets nothing is written before those behind them are known.
                (transaction.encoder, transaction.taken) = (encoder, behind);
                transaction.starved = true;
                return false;
            }
            (chunks.until, chunks.last) = (behind, encoder.ended());
            chunks.size = Size::try_from(length).unwrap_or(Size::MAX);
        }
        chunks.rest = chunks.size;
        chunks.place = Place::Command;
        true
    }

    fn write_bdat(&mut self, job: &Job<'_>, out: &mut Window<'_>) -> bool {
        self.cursor = out.room();
        self.write_command(Command::Bdat, job, false, out);
        if !out.complete() {
            return false;
        }
        self.cursor = 0;
        if self.events.listens() {
            self.said(Command::Bdat, job);
        }
        let chunks = &mut self.transaction.chunks;
        chunks.place = if chunks.said == 0 { Place::Header } else { Place::Text };
        chunks.said = chunks.said.wrapping_add(1);
        chunks.left = false;
        chunks.end();
        true
    }

    fn write_chunk_header(&mut self, job: &Job<'_>, mail: &Mail<'_>, out: &mut Window<'_>) -> bool {
        let before = out.kept();
        self.cursor = out.room();
        envelope::write_header(job, mail, &self.transaction.plan, out);
        self.events.data(out.since(before));
        if !self.transaction.chunks.note(out.since(before)) {
            return self.is_other_than_announced(out);
        }
        if !out.complete() {
            return false;
        }
        self.cursor = 0;
        let chunks = &mut self.transaction.chunks;
        chunks.place = Place::Text;
        chunks.end();
        true
    }

    fn write_chunk_text(&mut self, mail: &Mail<'_>, out: &mut Window<'_>) -> bool {
        let (text, transaction) = (&mail.text, &mut self.transaction);
        let Some(octets) = text.octets.get(transaction.taken.wrapping_sub(text.from)..) else {
            transaction.starved = true;
            return false;
        };
        let chunks = &mut transaction.chunks;
        let most = chunks.until.wrapping_sub(transaction.taken);
        let (part, last) = (octets.get(..most).unwrap_or(octets), text.last && chunks.last);
        let before = out.kept();
        let mut transparent = Transparent::new(out, Transparency::Off);
        let taken = transaction.encoder.write(part, last, &mut transparent);
        transaction.taken = transaction.taken.wrapping_add(taken);
        transaction.starved = !text.last && taken == octets.len();
        let is_announced = chunks.note(out.since(before));
        let ended = if chunks.last {
            transaction.encoder.ended()
        } else {
            transaction.taken == chunks.until
        };
        if !is_announced || ended && chunks.is_being_written() {
            return self.is_other_than_announced(out);
        }
        let whole = !chunks.is_being_written();
        transaction.starved &= !whole;
        self.events.data(out.since(before));
        whole
    }

    /// The mail has another length than was announced: nothing more of it leaves, and the chunk stays a part of one.
    fn is_other_than_announced(&mut self, out: &mut Window<'_>) -> bool {
        out.forget();
        self.give_up(Reason::Defect);
        false
    }
}
