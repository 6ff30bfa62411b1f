//! What a session tells its owner of, as it happens: the lines of the dialogue, the recipients' verdicts, the end.
//!
//! Secrets are masked where they are written, and where a server repeats them.

use super::verdict::Verdict;
#[cfg(feature = "std")]
use crate::auth::Exchange;
use crate::code::Code;
#[cfg(feature = "std")]
use crate::code::Reason;
use crate::limits::{Count, EVENT_LINE_BYTES};
use crate::octets::{copy, printable, wipe};

/// What stands for a secret that the client says, whatever its length.
pub const MASK: &[u8] = b"***";

/// Takes events. All of it may be left out; a device takes none of them (`()`), and pays for none.
pub trait Events {
    /// Whether the end is told with [`Events::end`]; else the owner looks for it with [`super::Session::settled`].
    const ENDS: bool = true;

    /// Whether the session may be kept for another mail, where its job says so.
    const KEEPS: bool = true;

    /// Whether the dialogue is wanted: [`Events::said`], [`Events::data`] and [`Events::heard`].
    fn listens(&self) -> bool {
        false
    }

    /// The client says this line, a command or a response; without its line end, secrets masked.
    fn said(&mut self, _line: &[u8]) {}

    /// The client says these octets of the mail data: the header block, or some of the text, the dots in it doubled.
    fn data(&mut self, _octets: &[u8]) {}

    /// Where the octets of the server's lines are put until a line is whole.
    fn hearing(&mut self) -> Option<&mut Hearing> {
        None
    }

    /// The server has said the line that [`Events::hearing`] holds: printable ASCII, secrets masked, without its line end. Where the
    /// connection is lost the last one may be a part of a line.
    fn heard(&mut self) {}

    /// The server has answered for a recipient. True: the text of a refusal is kept here, and what the server says of others may
    /// take its place.
    fn recipient(&mut self, _verdict: &RecipientVerdict<'_>) -> bool {
        false
    }

    /// Whether this recipient of a mail whose refused recipients do not end it (0 is the first) is not to be tried in this
    /// transaction: it was before.
    #[cfg(feature = "std")]
    fn skips(&self, _number: Count) -> bool {
        false
    }

    /// How many of the recipients of such a mail are to be tried in this transaction, of `most` at most.
    #[cfg(feature = "std")]
    fn wanted(&self, most: Count) -> Count {
        most
    }

    /// The mail has ended.
    fn end(&mut self, _end: &End<'_>) {}

    /// Takes some more octets of a challenge, which is too long for what is kept of a reply; false where there is no room for them.
    fn keep_challenge(&mut self, _octets: &[u8]) -> bool {
        false
    }

    /// The challenge that was kept.
    fn challenge(&self) -> &[u8] {
        &[]
    }

    /// Drops the challenge, and leaves nothing of it in memory.
    fn drop_challenge(&mut self) {}

    /// Makes room for what a mechanism remembers, and forgets what another one had there; or says what is missing.
    #[cfg(feature = "std")]
    fn begin_exchange(&mut self) -> Result<(), Reason> {
        Err(Reason::NoMemory)
    }

    /// That room, and the challenge that was kept ([`Events::keep_challenge`]).
    #[cfg(feature = "std")]
    fn exchange(&mut self) -> Option<(&mut Exchange, &[u8])> {
        None
    }

    /// Gives the room back, wiped.
    #[cfg(feature = "std")]
    fn end_exchange(&mut self) {}
}

impl Events for () {
    const ENDS: bool = false;
    const KEEPS: bool = false;
}

/// What became of a recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecipientVerdict<'a> {
    /// Which one, 0 is the first.
    pub number: Count,
    /// [`Code::Ok`] where it was accepted.
    pub code: Code,
    /// The server's reply code.
    pub reply: u16,
    /// The server's text, where it is kept, as it is of the refusal that decides: printable ASCII, secrets masked.
    pub text: &'a [u8],
    /// Who it is, where it was refused.
    #[cfg(feature = "std")]
    pub mailbox: &'a [u8],
    /// The answer is about the recipient. Else MAIL was refused before, and it says nothing.
    #[cfg(feature = "std")]
    pub counts: bool,
    /// There was no room for it in this transaction; there may be in another one.
    #[cfg(feature = "std")]
    pub has_no_room: bool,
}

/// How a mail ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End<'a> {
    /// The verdict.
    pub verdict: &'a Verdict,
    /// The server's text that belongs to it, or where it said nothing ours: printable ASCII, secrets masked.
    pub text: &'a [u8],
    /// Recipients that were accepted.
    pub accepted: Count,
    /// Recipients that were refused.
    pub refused: Count,
    /// Recipients that were asked for, and not answered for. Where it is unknown what became of the mail, it may have gone to them.
    #[cfg(feature = "std")]
    pub unanswered: Count,
}

/// A line of the server's that is not whole yet.
pub struct Hearing {
    octets: [u8; EVENT_LINE_BYTES],
    length: usize,
}

impl Hearing {
    /// Nothing of a line.
    pub const EMPTY: Self = Self {
        octets: [0; EVENT_LINE_BYTES],
        length: 0,
    };

    /// Takes an octet; of a longer line only the beginning is kept.
    pub(super) fn put(&mut self, octet: u8) {
        if let Some(kept) = self.octets.get_mut(self.length) {
            *kept = printable(octet);
            self.length = self.length.wrapping_add(1);
        }
    }

    /// Has the secrets in the line masked. Where it is not whole, a secret may have been cut off: the end of a text as long as this
    /// buffer is masked as one that is cut.
    pub(super) fn mask(&mut self, whole: bool, mask: impl FnOnce(&mut [u8])) {
        let Some(line) = self.octets.get_mut(..self.length) else {
            return;
        };
        if whole {
            return mask(line);
        }
        let mut long = [0; EVENT_LINE_BYTES];
        let before = long.len().wrapping_sub(line.len());
        if let Some(end) = long.get_mut(before..) {
            copy(end, line);
        }
        mask(&mut long);
        copy(line, long.get(before..).unwrap_or(&[]));
        wipe(&mut long);
    }

    /// Begins the next line.
    pub(super) fn next(&mut self) {
        self.length = 0;
    }

    /// The line: printable ASCII.
    pub fn line(&self) -> &[u8] {
        self.octets.get(..self.length).unwrap_or(&[])
    }
}
