//! What of ours stands in the dialogue between the lines, and what the program gets of it: its lines, or all that was kept.

use std::boxed::Box;

use super::connection::Connection;
use super::course::Then;
use super::memory;
use super::servers::Target;
use super::told::write_server;
use crate::buffer::Window;
use crate::channel::callbacks::Trace;
use crate::code::{Phase, Reason};
use crate::limits::HOST_NAME_BYTES;

/// Room for a note: for the longest name, its port and a sentence.
const NOTE_BYTES: usize = HOST_NAME_BYTES + 128;

/// Something of ours in the dialogue.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Note {
    /// An address is connected to.
    Connecting,
    /// A name is looked up.
    LookingUp,
    /// The mail goes over the connection that was kept.
    Kept,
    /// That one has failed, and another one is made.
    Anew,
    /// What went wrong, in this phase, without a word of the server.
    Failure(Phase, Reason),
    /// This follows, as from now.
    Next(Then, u64),
}

impl Connection {
    /// The lines for the program's trace function that it was not told of yet. After the end of the mail there are none: the
    /// function may be gone then.
    pub fn take_lines(&mut self) -> Option<(Trace, Box<[u8]>)> {
        let trace = self.snapshot.extras.as_ref()?.trace?;
        let transcript = self.link.pump.session.events.transcript.as_mut()?;
        if self.published {
            transcript.end();
        }
        let lines = transcript.take_lines()?;
        (!core::mem::replace(&mut self.silent, self.published)).then_some((trace, lines))
    }

    /// The conversation so far, where it is kept; None without memory for a copy, too.
    pub fn dialogue(&mut self) -> Option<Box<[u8]>> {
        let transcript = self.link.pump.session.events.transcript.as_mut()?;
        transcript.end();
        match transcript.dialogue() {
            [] => None,
            dialogue => memory::joined(&[dialogue]),
        }
    }

    /// Writes the server that is tried, with its port or without: its address; where it has none, the name that is configured.
    pub(super) fn write_tried(&self, with_port: bool, out: &mut Window<'_>) {
        if let Some(address) = self.link.address {
            return write_server(address, out);
        }
        if let Some(Target::Name { name, port, .. }) = self.target() {
            out.put_seldom(name);
            if with_port {
                out.put(b':');
                out.decimal(u64::from(port));
            }
        }
    }

    /// Notes something of ours in the dialogue, where one is kept.
    pub(super) fn note(&mut self, note: Note) {
        if self.link.pump.session.events.transcript.is_none() {
            return;
        }
        let mut room = [0; NOTE_BYTES];
        let mut out = Window::new(&mut room, 0);
        let words = match note {
            Note::Connecting => b"connecting to ".as_slice(),
            Note::LookingUp => b"looking up ",
            Note::Kept => b"over the connection that was kept to ",
            Note::Anew => b"the connection that was kept is of no more use",
            Note::Next(Then::Server, _) => b"next server",
            Note::Next(Then::Attempt { .. }, _) => b"next attempt in ",
            Note::Failure(_, reason) => reason.text(),
        };
        if let Note::Failure(phase @ (Phase::Resolve | Phase::Connect), reason) = note {
            if reason != Reason::Cancelled {
                self.write_tried(phase != Phase::Resolve, &mut out);
                out.put_seldom(b": ");
            }
        }
        out.put_seldom(words);
        match note {
            Note::Connecting | Note::LookingUp | Note::Kept => {
                self.write_tried(note != Note::LookingUp, &mut out);
            }
            Note::Next(Then::Attempt { at }, now) => {
                out.decimal(at.saturating_sub(now).div_ceil(1000));
                out.put_seldom(b" s");
            }
            _ => {}
        }
        let length = out.kept();
        if let Some(transcript) = &mut self.link.pump.session.events.transcript {
            transcript.note(room.get(..length).unwrap_or(&[]));
        }
    }

    /// Notes what follows an attempt.
    pub(super) fn note_next(&mut self, then: Option<Then>, now: u64) {
        if let Some(then) = then {
            self.note(Note::Next(then, now));
        }
    }
}
