//! How a text is sent: decided before the transaction begins.

use super::body::{Encoder, Encoding};
#[cfg(feature = "complete")]
use super::survey::Survey;
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
    /// `survey`: what there is in it, where that is known. `eight_bit_mime`: the server takes octets above 127. `composes`: the header
    /// block is still to be composed.
    #[cfg(fast)]
    pub fn of(text: &Text<'_>, survey: Option<&Survey>, eight_bit_mime: bool, composes: bool) -> (Self, Option<Size>) {
        if text.pieces {
            return (Self::with(Encoding::QuotedPrintable, text, composes), None);
        }
        let survey = survey.copied().unwrap_or_else(|| Survey::of(text.octets));
        let encoding = survey.encoding(eight_bit_mime);
        let known = match encoding {
            Encoding::QuotedPrintable => Some(survey.quoted).filter(|size| *size > 0),
            _ => Some(survey.size),
        };
        let plan = Self {
            encoding,
            text_is_utf8: composes && survey.utf8,
            clean: survey.clean,
        };
        (plan, known)
    }

    /// The plan for a text; how long it becomes is not counted.
    #[cfg(all(feature = "complete", not(fast)))]
    pub fn of(text: &Text<'_>, eight_bit_mime: bool, composes: bool) -> (Self, Option<Size>) {
        let encoding = if text.pieces {
            Encoding::QuotedPrintable
        } else {
            Survey::of(text.octets).encoding(eight_bit_mime)
        };
        (Self::with(encoding, text, composes), None)
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
    #[cfg(fast)]
    pub fn of_header(text: &Text<'_>, survey: Option<&Survey>) -> Self {
        Self {
            text_is_utf8: match survey {
                Some(survey) if !text.pieces => survey.utf8,
                _ => Self::is_utf8(text),
            },
            ..Self::NONE
        }
    }

    fn is_utf8(text: &Text<'_>) -> bool {
        if text.pieces { text.utf8 } else { is_utf8(text.octets) }
    }

    fn with(encoding: Encoding, text: &Text<'_>, composes: bool) -> Self {
        Self {
            encoding,
            #[cfg(fast)]
            clean: false,
            text_is_utf8: composes && Self::is_utf8(text),
        }
    }

    /// Writes the whole text, to be counted.
    pub fn count(self, text: &Text<'_>, out: &mut impl Sink) {
        Encoder::new(self.encoding).write(text.octets, true, out);
    }
}
