//! The mechanisms, and which responses each of them has.

use super::credentials::Credentials;
use super::{login, plain};
use crate::buffer::Window;
use crate::code::Step;

/// A mechanism.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mechanism {
    /// PLAIN.
    Plain,
    /// LOGIN.
    Login,
    /// Answers how many octets a challenge had, and their sum.
    #[cfg(test)]
    Mirror(u32, u32),
}

impl Mechanism {
    /// Its name (RFC 4422, 3.1).
    pub const fn name(self) -> &'static [u8] {
        match self {
            Self::Plain => b"PLAIN",
            Self::Login => b"LOGIN",
            #[cfg(test)]
            Self::Mirror(..) => b"MIRROR",
        }
    }

    /// Whether it begins with an initial response: [`Step::AuthOneStep`], else [`Step::AuthMechanism`].
    pub fn begin(self, credentials: &impl Credentials) -> Step {
        match self {
            Self::Plain if plain::fits_command(credentials) => Step::AuthOneStep,
            _ => Step::AuthMechanism,
        }
    }

    /// Whether it reads what a challenge says: then it gets the challenge whole.
    pub const fn reads_challenges(self) -> bool {
        match self {
            Self::Plain | Self::Login => false,
            #[cfg(test)]
            Self::Mirror(..) => true,
        }
    }

    /// The response to a challenge: its step, by the step of what was said before.
    pub fn respond(&mut self, said: Step, challenge: &[u8]) -> Step {
        let _ = challenge;
        match (self, said) {
            #[cfg(test)]
            (Self::Mirror(length, sum), _) => {
                *length = u32::try_from(challenge.len()).unwrap_or(0);
                *sum = challenge.iter().map(|octet| u32::from(*octet)).sum();
                Step::AuthPassword
            }
            (Self::Login, Step::AuthMechanism) => Step::AuthUsername,
            _ => Step::AuthPassword,
        }
    }

    /// Writes the response of this step, in base64.
    pub fn write(self, step: Step, credentials: &impl Credentials, out: &mut Window<'_>) {
        match self {
            Self::Plain => plain::write(credentials, out),
            Self::Login => login::write(step, credentials, out),
            #[cfg(test)]
            Self::Mirror(length, sum) => {
                for number in [length, sum] {
                    out.decimal(number.into());
                    out.put(b'.');
                }
            }
        }
    }
}
