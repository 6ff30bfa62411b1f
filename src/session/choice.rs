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

/// Whether nothing of what is configured can log in without TLS that verifies the server: there are tokens only.
#[cfg(feature = "std")]
pub fn needs_tls(configured: Capabilities) -> bool {
    !configured.is_empty() && configured.without(Capabilities::TOKENS).is_empty()
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

#[cfg(all(test, feature = "std"))]
mod tests {
    use super::*;

    /// A set of mechanisms, a letter each: `2` and `1` are SCRAM, `c` is CRAM-MD5, `b` and `x` take a token, `p`, `l`.
    fn set(letters: &str) -> Capabilities {
        letters.chars().fold(Capabilities::NONE, |all, letter| {
            let at = "21cbxpl".find(letter).unwrap();
            all.with(Capabilities::of(&[ORDER[at].0]))
        })
    }

    fn letter(mechanism: Option<Mechanism>) -> char {
        let at = ORDER.iter().position(|(_, known)| Some(*known) == mechanism);
        at.and_then(|at| "21cbxpl".chars().nth(at)).unwrap_or('-')
    }

    #[test]
    fn which_mechanism_logs_in_is_in_this_table() {
        // Configured, offered, tried; then without and with a verified server: named, and chosen by ourselves.
        for (configured, offered, tried, named, named_verified, any, any_verified) in [
            ("21cpl", "21cpl", "", '2', '2', '2', '2'),
            ("21cpl", "1cpl", "", '1', '1', '1', '1'),
            ("21cpl", "cpl", "", 'c', 'c', 'c', 'c'),
            ("21cpl", "pl", "", 'p', 'p', '-', 'p'),
            ("21cpl", "l", "", 'l', 'l', '-', 'l'),
            ("21cpl", "xb", "", '-', '-', '-', '-'),
            ("21cpl", "", "", '-', '-', '-', '-'),
            ("21cpl", "21cpl", "2", '1', '1', '1', '1'),
            ("21cpl", "21cpl", "21", 'c', 'c', 'c', 'c'),
            ("21cpl", "21cpl", "21c", 'p', 'p', '-', 'p'),
            ("21cpl", "21cpl", "21cp", 'l', 'l', '-', 'l'),
            ("21cpl", "21cpl", "21cpl", '-', '-', '-', '-'),
            ("p", "21cpl", "", 'p', 'p', '-', 'p'),
            ("l", "21cp", "", '-', '-', '-', '-'),
            ("x", "xbpl", "", '-', 'x', '-', 'x'),
            ("xb", "xbpl", "", '-', 'b', '-', 'b'),
            ("xb", "xbpl", "b", '-', 'x', '-', 'x'),
            ("xbp", "xbpl", "", 'p', 'b', '-', 'b'),
            ("", "21cxbpl", "", '-', '-', '-', '-'),
        ] {
            for (guarded, verified, wanted) in [
                (false, false, named),
                (false, true, named_verified),
                (true, false, any),
                (true, true, any_verified),
            ] {
                let terms = Terms {
                    configured: set(configured),
                    offered: set(offered),
                    tried: set(tried),
                    guarded,
                    verified,
                };
                assert_eq!(letter(terms.mechanism()), wanted, "{configured} {offered} {terms:?}");
            }
        }
    }

    #[test]
    fn of_all_sets_the_first_in_the_order_logs_in_and_never_what_is_not_allowed() {
        for bits in 0..128u32 {
            for offers in 0..128u32 {
                let of = |bits: u32| {
                    ORDER
                        .iter()
                        .enumerate()
                        .fold(Capabilities::NONE, |all, (at, (one, _))| {
                            all.with(if bits >> at & 1 == 1 {
                                Capabilities::of(&[*one])
                            } else {
                                Capabilities::NONE
                            })
                        })
                };
                for (guarded, verified) in [(false, false), (false, true), (true, false), (true, true)] {
                    let terms = Terms {
                        configured: of(bits),
                        offered: of(offers),
                        tried: Capabilities::NONE,
                        guarded,
                        verified,
                    };
                    // In the order: three that show nothing, two tokens, two passwords.
                    let allowed: u32 = match (guarded, verified) {
                        (_, true) => 0b111_1111,
                        (false, false) => 0b110_0111,
                        (true, false) => 0b000_0111,
                    };
                    let usable = bits & offers & allowed;
                    let wanted = (usable != 0).then(|| ORDER[usable.trailing_zeros() as usize].1);
                    assert_eq!(terms.mechanism(), wanted, "{terms:?}");
                }
            }
        }
    }
}
