//! Logging in (RFC 4954): the mechanisms, and what each of them says.
//!
//! - `plain`: PLAIN (RFC 4616)
//! - `login`: LOGIN
//! - `redaction`: a server that repeats the login in its answer
//!
//! A mechanism is a variant of [`Mechanism`]. It says its next response to a challenge ([`Mechanism::respond`]), and writes it
//! as often as it is asked ([`Mechanism::write`]). The [`Step`] that a response belongs to tells what a refusal of it means, and
//! whether the server may accept the login behind it.

pub mod login;
pub mod plain;
pub mod redaction;

use crate::buffer::Window;
use crate::code::Step;

/// What a mechanism logs in with.
#[derive(Clone, Copy)]
pub struct Credentials<'a> {
    /// The user name.
    pub username: &'a [u8],
    /// The password.
    pub password: &'a [u8],
}

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
    pub fn begin(self, credentials: &Credentials<'_>) -> Step {
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
    pub fn write(self, step: Step, credentials: &Credentials<'_>, out: &mut Window<'_>) {
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
