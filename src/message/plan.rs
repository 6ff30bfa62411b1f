//! How a text is sent: decided before the transaction begins.

use super::body::{Encoder, Encoding};
#[cfg(feature = "complete")]
use super::survey::{FAST, Survey};
use super::text::Text;
use crate::buffer::Sink;
use crate::limits::Size;
use crate::utf8::is_utf8;

/// How a text is sent.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Content-Transfer-Encoding.
    pub encoding: Encoding,
    /// The text is UTF-8.
    pub text_is_utf8: bool,
    /// It can be copied: [`Survey::clean`].
    #[cfg(fast)]
    pub clean: bool,
}

impl Plan {
    /// Before there is one.
    pub const NONE: Self = Self {
        encoding: Encoding::SevenBit,
        text_is_utf8: false,
        #[cfg(fast)]
        clean: false,
    };

    /// The plan for a text, and the octets of the encoded text where they are known: of a text in pieces they are not.
    /// `eight_bit_mime`: the server takes octets above 127. `composes`: the header block is still to be composed.
    #[cfg(feature = "complete")]
    pub fn of(text: &Text<'_>, eight_bit_mime: bool, composes: bool) -> (Self, Option<Size>) {
        let (mut encoding, mut known) = (Encoding::QuotedPrintable, None);
        let mut survey = Survey::default();
        if !text.pieces {
            survey = Survey::of(text.octets);
            encoding = survey.encoding(eight_bit_mime);
            if FAST && encoding != Encoding::QuotedPrintable {
                known = Some(survey.size);
            }
        }
        #[cfg(not(fast))]
        let _ = survey;
        let plan = Self {
            #[cfg(fast)]
            clean: survey.clean,
            ..Self::with(encoding, text, composes)
        };
        (plan, known)
    }

    /// The plan for a text. What cannot go like this is found on the way. `composes`: the header block is still to be composed.
    #[cfg(not(feature = "complete"))]
    pub fn of(text: &Text<'_>, eight_bit_mime: bool, composes: bool) -> (Self, Option<Size>) {
        let encoding = if eight_bit_mime {
            Encoding::EightBit
        } else {
            Encoding::SevenBit
        };
        (Self::with(encoding, text, composes), None)
    }

    /// For a header block that is composed before the encoding is known.
    #[cfg(feature = "std")]
    pub fn of_header(text: &Text<'_>) -> Self {
        Self::with(Encoding::SevenBit, text, true)
    }

    fn with(encoding: Encoding, text: &Text<'_>, composes: bool) -> Self {
        Self {
            encoding,
            #[cfg(fast)]
            clean: false,
            text_is_utf8: composes && if text.pieces { text.utf8 } else { is_utf8(text.octets) },
        }
    }

    /// Writes the whole text, to be counted.
    pub fn count(self, text: &Text<'_>, out: &mut impl Sink) {
        Encoder::new(self.encoding).write(text.octets, true, out);
    }
}
