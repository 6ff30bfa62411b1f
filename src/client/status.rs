//! The status of a client in one number: what became of its last mail, or that one is in flight.

use crate::code::Code;

/// 0 before the first mail, else 256 and a code: that of the last mail, or 14 ([`Code::Busy`]) for one in flight. That is
/// FULL-C's number, too, except for a mail in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status(u16);

/// FULL-C's number for a mail in flight.
const PROGRAM_IN_FLIGHT: u16 = 277;

impl Status {
    /// Before the first mail.
    pub const NONE: Self = Self(0);

    /// The status for a code: of a mail that ended, or [`Code::Busy`].
    pub const fn of(code: Code) -> Self {
        Self(256 | code.number() as u16)
    }

    /// The status that an atomic holds in its lower half.
    pub const fn from_lower_half(word: u32) -> Self {
        let [low, high, ..] = word.to_le_bytes();
        Self(u16::from_le_bytes([low, high]))
    }

    /// The number.
    pub const fn number(self) -> u16 {
        self.0
    }

    /// 14 while a mail is in flight, else the code of the last one, 0 before the first.
    pub const fn code(self) -> u8 {
        let [code, _] = self.0.to_le_bytes();
        code
    }

    /// The status in FULL-C's numbers: 0 before the first mail, 277 in flight, else 256 and the code.
    pub fn program(self) -> u16 {
        if self.code() == Code::Busy.number() {
            return PROGRAM_IN_FLIGHT;
        }
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_status_has_its_numbers() {
        for (status, code, program) in [
            (Status::NONE, 0, 0),
            (Status::of(Code::Ok), 0, 256),
            (Status::of(Code::Busy), 14, 277),
            (Status::of(Code::Syntax), 15, 271),
        ] {
            assert_eq!((status.code(), status.program()), (code, program));
            let word = 0xABCD_0000 | u32::from(status.number());
            assert_eq!(Status::from_lower_half(word), status);
        }
    }
}
