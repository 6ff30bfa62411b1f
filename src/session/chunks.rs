//! What is known of a mail that goes in chunks (RFC 3030): which of them are said, have left, and are answered.

use crate::code::Outcome;
use crate::limits::{Count, Size};

/// What of a chunk is written next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Nothing: the chunk before, if there is one, is written whole.
    Between,
    /// Its command.
    Command,
    /// The header block.
    Header,
    /// Some of the text.
    Text,
}

/// Where the chunks of a mail stand.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chunks {
    /// The mail goes so.
    pub on: bool,
    /// All of it goes in one chunk, behind MAIL and RCPT.
    pub flies: bool,
    pub place: Place,
    /// The newest chunk is the last one.
    pub last: bool,
    /// It has left, if it is written whole.
    pub left: bool,
    /// A reply had begun before it had, and is no answer to it.
    pub early: bool,
    /// A chunk is refused.
    pub refused: bool,
    /// The server does not know BDAT.
    pub unknown: bool,
    /// RSET was said behind a refusal.
    pub reset: bool,
    /// What a server may find in the text that runs it as commands.
    pub search: Search,
    /// Chunks whose command is written, and chunks that are answered.
    pub said: Count,
    pub answered: Count,
    /// Octets of the newest chunk, and those that are not written yet.
    pub size: Size,
    pub rest: Size,
    /// It ends before this octet of the text.
    pub until: usize,
    /// Octets of mail data that are written.
    pub written: Size,
}

impl Chunks {
    /// The mail goes with DATA.
    pub(super) const NONE: Self = Self {
        on: false,
        flies: false,
        place: Place::Between,
        last: false,
        left: false,
        early: false,
        refused: false,
        unknown: false,
        reset: false,
        search: Search::NONE,
        said: 0,
        answered: 0,
        size: 0,
        rest: 0,
        until: 0,
        written: 0,
    };

    /// Whether a chunk is being written, its command included.
    pub(super) fn is_being_written(&self) -> bool {
        self.place != Place::Between
    }

    /// Whether the last chunk has left whole: from then on the mail may be delivered.
    pub(super) fn all_left(&self) -> bool {
        self.last && self.left && !self.is_being_written()
    }

    /// Chunks that were said and are not answered.
    pub(super) fn unanswered(&self) -> Count {
        self.said.wrapping_sub(self.answered)
    }

    /// Whether the chunk that is answered next has left whole.
    pub(super) fn next_has_left(&self) -> bool {
        match self.unanswered() {
            0 => false,
            // Another one begins only then. (Of it the command may be written, and that is not counted as said.)
            1 => self.left,
            _ => true,
        }
    }

    /// Whether an answer is awaited to what was refused or follows a refusal: RSET is due behind it.
    pub(super) fn leaves_something(&self, outcome: Outcome) -> bool {
        self.said > 0 && outcome != Outcome::Sent
    }

    /// Nothing is written any more of a chunk whose octets are all written: what the encoder still takes is written with the next one,
    /// or comes to nothing.
    pub(super) fn end(&mut self) {
        if self.rest == 0 {
            self.place = Place::Between;
        }
    }

    /// Notes octets of mail data that are written. False where there are more of them than were announced.
    pub(super) fn note(&mut self, octets: &[u8]) -> bool {
        let length = Size::try_from(octets.len()).unwrap_or(Size::MAX);
        self.search.look(octets);
        self.written = self.written.saturating_add(length);
        match self.rest.checked_sub(length) {
            Some(rest) => {
                self.rest = rest;
                self.end();
                true
            }
            None => false,
        }
    }
}

/// Looks for lines that a server could take for the beginning of a mail's data: DATA, or BDAT.
#[derive(Clone, Copy, Debug)]
pub(super) struct Search {
    /// So many octets of the line are those of the one word, or of the other.
    data: u8,
    bdat: u8,
    pub found: bool,
}

impl Search {
    const NONE: Self = Self {
        data: 0,
        bdat: 0,
        found: false,
    };

    /// Not in this line.
    const NEVER: u8 = u8::MAX;

    fn look(&mut self, octets: &[u8]) {
        for octet in octets {
            if *octet == b'\n' {
                (self.data, self.bdat) = (0, 0);
                continue;
            }
            let next = |at: u8, word: &[u8; 4]| match word.get(usize::from(at)) {
                Some(wanted) if wanted.eq_ignore_ascii_case(octet) => at.wrapping_add(1),
                _ => Self::NEVER,
            };
            (self.data, self.bdat) = (next(self.data, b"DATA"), next(self.bdat, b"BDAT"));
            self.found |= self.data == 4 || self.bdat == 4;
        }
    }
}
