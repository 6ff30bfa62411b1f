//! Which mechanism logs in: of those that may be used and are offered the strongest.

use crate::auth::Mechanism;
use crate::wire::capability::{Capabilities, Capability};

/// The mechanisms from the strongest on. What comes first shows the server, and whoever reads along, the least.
#[cfg(feature = "std")]
pub const ORDER: [(Capability, Mechanism); 7] = [
    (Capability::ScramSha256, Mechanism::ScramSha256),
    (Capability::ScramSha1, Mechanism::ScramSha1),
    (Capability::CramMd5, Mechanism::CramMd5),
    (Capability::OAuthBearer, Mechanism::OAuthBearer),
    (Capability::XOAuth2, Mechanism::XOAuth2),
    (Capability::Plain, Mechanism::Plain),
    (Capability::Login, Mechanism::Login),
];

/// What decides.
#[cfg(feature = "std")]
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// The mechanisms that may be used.
    pub configured: Capabilities,
    /// What the server announces.
    pub offered: Capabilities,
    /// The mechanisms that were tried.
    pub tried: Capabilities,
    /// PLAIN and LOGIN need a verified server.
    pub guarded: bool,
    /// TLS has verified the server.
    pub verified: bool,
}

#[cfg(feature = "std")]
impl Terms {
    /// The mechanisms that would do on this connection, whatever the server offers. A token is said to a verified server only.
    pub fn allowed(&self) -> Capabilities {
        let mut allowed = self.configured;
        if !self.verified {
            allowed = allowed.without(Capabilities::TOKENS);
            if self.guarded {
                allowed = allowed.without(Capabilities::MECHANISMS);
            }
        }
        allowed
    }

    /// The mechanism that logs in; None where there is none.
    pub fn mechanism(&self) -> Option<Mechanism> {
        let usable = self.allowed().both(self.offered).without(self.tried);
        let first = ORDER.iter().find(|(capability, _)| usable.has(*capability));
        first.map(|(_, mechanism)| *mechanism)
    }
}

/// What stands for a mechanism in a set.
#[cfg(feature = "std")]
pub fn set_of(mechanism: Mechanism) -> Capabilities {
    let found = ORDER.iter().find(|(_, known)| *known == mechanism);
    found.map_or(Capabilities::NONE, |(capability, _)| Capabilities::of(&[*capability]))
}

/// On a device: PLAIN, else LOGIN.
#[cfg(not(feature = "std"))]
pub fn strongest(usable: Capabilities) -> Option<Mechanism> {
    if usable.has(Capability::Plain) {
        return Some(Mechanism::Plain);
    }
    usable.has(Capability::Login).then_some(Mechanism::Login)
}
