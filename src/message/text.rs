//! The text of a mail, whole or in pieces.

/// The text of a mail, or a part of one that its owner makes while it is sent: [`crate::session::Session::wants_text`] says
/// which part is wanted.
#[derive(Clone, Copy, Debug)]
pub struct Text<'a> {
    /// These octets of the text.
    pub octets: &'a [u8],
    /// Where in the text they begin: the offset that was wanted, or one before it.
    pub from: usize,
    /// The text ends with them.
    pub last: bool,
    /// The text comes in pieces; the same for each of them. Nobody has seen all of such a text, so it goes as
    /// quoted-printable, without its size. How a whole text is sent follows from what is in it.
    pub pieces: bool,
    /// A text in pieces is UTF-8, else in the configured charset; the same for each piece. The owner of the pieces checks it.
    pub utf8: bool,
}

impl<'a> Text<'a> {
    /// A text of which all is at hand, with every call.
    pub fn whole(octets: &'a [u8]) -> Self {
        Self {
            octets,
            from: 0,
            last: true,
            pieces: false,
            utf8: false,
        }
    }

    /// A text in pieces, of which there is none yet.
    pub fn in_pieces(utf8: bool) -> Self {
        Self {
            octets: &[],
            from: 0,
            last: false,
            pieces: true,
            utf8,
        }
    }
}
