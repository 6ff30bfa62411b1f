//! A text that is read piece by piece, while it is sent.

use super::arena::Arena;
use super::callbacks::Source;
use crate::channel::Pump;
use crate::code::Reason;
use crate::session::{Job, Mail, Text};
use crate::utf8::Utf8;

/// What is handed to the transport at a time.
const OUT: usize = 96;

/// A client's pump.
pub(super) type Sending = Pump<[u8; OUT]>;

/// The smallest buffer for the pieces of a text, and the largest that is taken where the arena has room.
const BUFFER: core::ops::RangeInclusive<usize> = 16..=256;

/// A text that is read piece by piece, as the program gives it.
pub struct Pieces {
    source: Source,
    utf8: bool,
    /// What begins to. Programs that never give such a text are linked without it.
    pub(super) begin: Begin,
}

type Begin = fn(&Pieces, &mut Text<'static>, &mut Arena, &mut Option<Reading>) -> Result<(), Reason>;

impl Pieces {
    /// From this source; whether it is UTF-8.
    pub fn new(source: Source, utf8: bool) -> Self {
        Self {
            source,
            utf8,
            begin: Self::begin,
        }
    }

    /// Takes a buffer, beside what the mail has.
    fn begin(&self, text: &mut Text<'static>, arena: &mut Arena, reading: &mut Option<Reading>) -> Result<(), Reason> {
        let free = arena.free();
        if free < *BUFFER.start() {
            arena.end_mail(false);
            return Err(Reason::NoMemory);
        }
        *text = Text::in_pieces(self.utf8);
        *reading = Some(Reading {
            source: self.source,
            buffer: arena.part(free.min(*BUFFER.end())),
            characters: Utf8::START,
            next: Reading::next,
        });
        Ok(())
    }
}

/// A text that is being read.
pub(super) struct Reading {
    source: Source,
    /// Where the next piece is put; what the session has of it is no more in here.
    buffer: &'static mut [u8],
    /// Where the text stands in its characters.
    characters: Utf8,
    /// What puts it there. Programs that never give such a text are linked without it.
    pub next: Next,
}

/// Gets the piece of a text that a session wants, if it wants one.
pub(super) type Next = fn(&mut Reading, &mut Sending, &mut Job<'static>, u32) -> Piece;

/// What became of the piece that a session wants.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece {
    /// It wants none, or there will be none.
    None,
    /// There is none yet.
    Later,
    /// The session has it.
    Here,
}

impl Reading {
    fn next(&mut self, pump: &mut Sending, job: &mut Job<'static>, time: u32) -> Piece {
        let (Some(wanted), Some(Mail { text, .. })) = (pump.wants_text(), &mut job.mail) else {
            return Piece::None;
        };
        self.read(text, wanted).unwrap_or_else(|reason| {
            pump.session.lost(job, time, reason);
            Piece::None
        })
    }

    /// Asks for the piece of the text that begins at `wanted`.
    fn read(&mut self, text: &mut Text<'static>, wanted: usize) -> Result<Piece, Reason> {
        (text.octets, text.from) = (&[], wanted);
        let Some(given) = self.source.read(wanted, self.buffer)? else {
            return Ok(Piece::Later);
        };
        text.octets = self.source.piece(self.buffer, given);
        text.last = given == 0;
        // No octet is wanted twice.
        self.characters = self.characters.after_all(text.octets);
        if text.utf8 && (self.characters.is_broken() || (text.last && !self.characters.may_end())) {
            return Err(Reason::NotUtf8);
        }
        Ok(Piece::Here)
    }
}
