//! The mechanisms, and which responses each of them has.

use super::credentials::Credentials;
#[cfg(feature = "std")]
use super::{
    bearer, cram_md5,
    derivation::Hash,
    exchange::{Exchange, Stage},
    scram::{self, Final},
};
use super::{login, plain};
use crate::buffer::Window;
#[cfg(feature = "std")]
use crate::code::Reason;
use crate::code::Step;
#[cfg(feature = "std")]
use crate::limits::COMMAND_LINE_BYTES;
#[cfg(feature = "std")]
use crate::octets::trimmed;

/// What follows a challenge.
#[cfg(feature = "std")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The response of this step.
    Respond(Step),
    /// The keys have to be derived; then [`Step::AuthPassword`].
    Derive,
    /// We end the exchange, for this reason.
    Refuse(Reason),
    /// No challenge can come here.
    Stray,
}

/// A mechanism.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mechanism {
    /// PLAIN.
    Plain,
    /// LOGIN.
    Login,
    /// CRAM-MD5.
    #[cfg(feature = "std")]
    CramMd5,
    /// SCRAM-SHA-1.
    #[cfg(feature = "std")]
    ScramSha1,
    /// SCRAM-SHA-256.
    #[cfg(feature = "std")]
    ScramSha256,
    /// XOAUTH2.
    #[cfg(feature = "std")]
    XOAuth2,
    /// OAUTHBEARER.
    #[cfg(feature = "std")]
    OAuthBearer,
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
            #[cfg(feature = "std")]
            Self::CramMd5 => b"CRAM-MD5",
            #[cfg(feature = "std")]
            Self::ScramSha1 => b"SCRAM-SHA-1",
            #[cfg(feature = "std")]
            Self::ScramSha256 => b"SCRAM-SHA-256",
            #[cfg(feature = "std")]
            Self::XOAuth2 => b"XOAUTH2",
            #[cfg(feature = "std")]
            Self::OAuthBearer => b"OAUTHBEARER",
            #[cfg(test)]
            Self::Mirror(..) => b"MIRROR",
        }
    }

    /// Whether it begins with an initial response: [`Step::AuthOneStep`], else [`Step::AuthMechanism`].
    pub fn begin(self, credentials: &impl Credentials) -> Step {
        match self {
            Self::Plain if plain::fits_command(credentials) => Step::AuthOneStep,
            #[cfg(feature = "std")]
            Self::ScramSha1 | Self::ScramSha256 if self.fits(scram::length_of_first(credentials)) => Step::AuthMessage,
            #[cfg(feature = "std")]
            Self::XOAuth2 | Self::OAuthBearer => {
                let mut out = Window::counting();
                self.write(Step::AuthOneStep, credentials, &mut out);
                if self.fits(out.written()) {
                    Step::AuthOneStep
                } else {
                    Step::AuthMechanism
                }
            }
            _ => Step::AuthMechanism,
        }
    }

    /// Whether an initial response of so many octets fits into the command's line.
    #[cfg(feature = "std")]
    fn fits(self, length: usize) -> bool {
        let command = "AUTH  \r\n".len().saturating_add(self.name().len());
        command.saturating_add(length) <= COMMAND_LINE_BYTES
    }

    /// Its hash, where it is SCRAM.
    #[cfg(feature = "std")]
    pub const fn scram(self) -> Option<Hash> {
        match self {
            Self::ScramSha1 => Some(Hash::Sha1),
            Self::ScramSha256 => Some(Hash::Sha256),
            _ => None,
        }
    }

    /// Whether it reads what a challenge says: then it gets the challenge whole.
    pub const fn reads_challenges(self) -> bool {
        match self {
            Self::Plain | Self::Login => false,
            #[cfg(feature = "std")]
            _ => true,
            #[cfg(all(test, not(feature = "std")))]
            Self::Mirror(..) => true,
        }
    }

    /// The answer to a challenge, by the step of what was said before. `begun`: that was the command itself.
    #[cfg(feature = "std")]
    pub fn answer(
        &mut self,
        said: Step,
        begun: bool,
        challenge: &[u8],
        credentials: &impl Credentials,
        exchange: &mut Exchange,
    ) -> Answer {
        let is_empty = trimmed(challenge).is_empty();
        let bad = |done: bool| {
            if done {
                Answer::Respond(Step::AuthPassword)
            } else {
                Answer::Refuse(Reason::BadChallenge)
            }
        };
        match (*self, said) {
            (Self::CramMd5, Step::AuthMechanism) => {
                let kept = exchange.keep(challenge);
                bad(kept && cram_md5::answer(exchange, credentials).is_some())
            }
            // The server has overlooked the response in the command's line.
            (Self::ScramSha1 | Self::ScramSha256, Step::AuthMessage) if begun && is_empty => {
                Answer::Respond(Step::AuthMessage)
            }
            (Self::ScramSha1 | Self::ScramSha256, Step::AuthMechanism) => Answer::Respond(Step::AuthMessage),
            (Self::ScramSha1 | Self::ScramSha256, Step::AuthMessage) => {
                let hash = self.scram().unwrap_or(Hash::Sha256);
                if !exchange.keep(challenge) {
                    return Answer::Refuse(Reason::BadChallenge);
                }
                match scram::begin(hash, exchange, credentials) {
                    Ok(()) => Answer::Derive,
                    Err(reason) => Answer::Refuse(reason),
                }
            }
            (Self::ScramSha1 | Self::ScramSha256, Step::AuthPassword) if exchange.stage == Stage::Proves => {
                match scram::read_final(challenge, exchange, credentials) {
                    Final::Proved | Final::Refused => Answer::Respond(Step::AuthPassword),
                    Final::Wrong => Answer::Refuse(Reason::Unproved),
                }
            }
            (Self::XOAuth2 | Self::OAuthBearer, Step::AuthMechanism) => Answer::Respond(Step::AuthPassword),
            (Self::XOAuth2 | Self::OAuthBearer, Step::AuthOneStep) if is_empty => Answer::Respond(Step::AuthPassword),
            (Self::XOAuth2 | Self::OAuthBearer, Step::AuthOneStep | Step::AuthPassword)
                if exchange.stage == Stage::Begun =>
            {
                exchange.keep_refusal(challenge);
                Answer::Respond(Step::AuthPassword)
            }
            #[cfg(test)]
            (Self::Mirror(..), _) => Answer::Respond(self.respond(said, challenge)),
            _ => Answer::Stray,
        }
    }

    /// Whether the server has proved what it has to before a login counts. `words`: what it says of the login that it accepts, where
    /// the proof may stand, too.
    #[cfg(feature = "std")]
    pub fn is_proved(self, words: &[u8], credentials: &impl Credentials, exchange: Option<&mut Exchange>) -> bool {
        let Some(exchange) = exchange.filter(|_| self.scram().is_some()) else {
            return self.scram().is_none();
        };
        if exchange.stage == Stage::Proves {
            let mut words = words.split(|octet| *octet == b' ').filter(|word| !word.is_empty());
            return words.any(|word| scram::read_final(word, exchange, credentials) == Final::Proved);
        }
        exchange.stage == Stage::Proved
    }

    /// Writes the response of this step, in base64, with what an exchange has to it.
    #[cfg(feature = "std")]
    pub fn write_of(self, step: Step, credentials: &impl Credentials, exchange: &Exchange, out: &mut Window<'_>) {
        match (self, exchange.stage) {
            (Self::CramMd5, _) => cram_md5::write(exchange, credentials, out),
            (Self::ScramSha1 | Self::ScramSha256, Stage::Begun) => scram::write_first(exchange, credentials, out),
            (Self::ScramSha1 | Self::ScramSha256, Stage::Proves) => scram::write_final(exchange, credentials, out),
            // All is said.
            (Self::ScramSha1 | Self::ScramSha256 | Self::XOAuth2, Stage::Proved | Stage::Refused) => {}
            (Self::OAuthBearer, Stage::Refused) => bearer::write_seen(out),
            _ => self.write(step, credentials, out),
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
            #[cfg(feature = "std")]
            Self::XOAuth2 => bearer::write_xoauth2(credentials, out),
            #[cfg(feature = "std")]
            Self::OAuthBearer => bearer::write_oauthbearer(credentials, out),
            // Theirs depends on the challenge.
            #[cfg(feature = "std")]
            Self::CramMd5 | Self::ScramSha1 | Self::ScramSha256 => {}
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
