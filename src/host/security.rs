//! Whether TLS protects a mail, and how, as a configuration says it.

use std::boxed::Box;
use std::sync::Arc;

use super::tls;
use crate::session::job::Security;

/// When TLS begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// With STARTTLS, or nothing is sent.
    StartTls,
    /// With the connection.
    Implicit,
    /// With STARTTLS where it is offered, with whatever certificate.
    Opportunistic,
}

impl Mode {
    /// The port of a server that is named without one.
    pub const fn port(self) -> u16 {
        match self {
            Self::StartTls => 587,
            Self::Implicit => 465,
            Self::Opportunistic => 25,
        }
    }

    /// What the session does.
    pub const fn of_session(self) -> Security {
        match self {
            Self::StartTls => Security::Required,
            Self::Implicit => Security::None,
            Self::Opportunistic => Security::Opportunistic,
        }
    }
}

/// The protection of a configuration.
pub struct Protection {
    /// When it begins.
    pub mode: Mode,
    /// The name in the server's certificate, where it is not that of the server.
    pub name: Option<Box<[u8]>>,
    /// How TLS is spoken; None where a transport of the program speaks it.
    pub config: Option<Arc<tls::Config>>,
}

impl Protection {
    /// Whether our TLS looks at the server's certificate or key. What a transport of the program speaks is its own.
    pub fn verifies(&self) -> bool {
        self.config.is_some() && self.mode != Mode::Opportunistic
    }
}
