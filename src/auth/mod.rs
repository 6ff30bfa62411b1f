//! Logging in (RFC 4954), one mechanism a file.
//!
//! - [`plain`]: PLAIN (RFC 4616), one step
//! - [`login`]: LOGIN, two steps; never standardised, and what many servers offer alone
//! - [`redaction`]: a server that repeats the login in its answer

pub mod login;
pub mod plain;
pub mod redaction;

/// User name and password. They are never printed: there is no Debug that shows them.
#[derive(Clone, Copy)]
pub struct Credentials<'a> {
    /// The user name (RFC 4616: authcid).
    pub username: &'a [u8],
    /// The password.
    pub password: &'a [u8],
}

impl core::fmt::Debug for Credentials<'_> {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter.write_str("Credentials(..)")
    }
}

/// A mechanism that we speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mechanism {
    /// PLAIN.
    Plain,
    /// LOGIN.
    Login,
}

/// Which mechanisms the configuration allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allowed {
    /// Whatever the server offers.
    Any,
    /// This one.
    Only(Mechanism),
}

/// The mechanism to use: PLAIN where it is offered, since it saves two round trips, else LOGIN.
pub fn choose(allowed: Allowed, plain: bool, login: bool) -> Option<Mechanism> {
    match allowed {
        Allowed::Any | Allowed::Only(Mechanism::Plain) if plain => Some(Mechanism::Plain),
        Allowed::Any | Allowed::Only(Mechanism::Login) if login => Some(Mechanism::Login),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_goes_before_login_and_the_configuration_before_both() {
        let (plain, login) = (Some(Mechanism::Plain), Some(Mechanism::Login));
        assert_eq!(choose(Allowed::Any, true, true), plain);
        assert_eq!(choose(Allowed::Any, false, true), login);
        assert_eq!(choose(Allowed::Any, false, false), None);
        assert_eq!(choose(Allowed::Only(Mechanism::Login), true, true), login);
        assert_eq!(choose(Allowed::Only(Mechanism::Login), true, false), None);
        assert_eq!(choose(Allowed::Only(Mechanism::Plain), true, true), plain);
        assert_eq!(choose(Allowed::Only(Mechanism::Plain), false, true), None);
    }

    #[test]
    fn debug_shows_no_credentials() {
        let credentials = Credentials {
            username: b"user",
            password: b"secret",
        };
        assert_eq!(std::format!("{credentials:?}"), "Credentials(..)");
    }
}
