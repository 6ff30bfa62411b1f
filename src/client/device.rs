//! The configuration of the built-in client, as the devices' own page has it: `sds_smtp_configure()`.

use super::settings::{Checked, PORT, UNKNOWN_CHARSET};
use crate::limits::LIMITS;
use crate::session::Settings;
use crate::session::job::Fields;
use crate::wire::capability::Capabilities;
use crate::wire::literal::Address;

impl<'a> Checked<'a> {
    /// User name, password and sender, and the defaults for all else. [`Checked::check`] takes the server, and checks them.
    pub fn of_device(login: bool, [username, password, sender]: [&'a [u8]; 3]) -> Self {
        // Each field by itself: a device would copy a constant out of the flash, all of it.
        Self {
            settings: Settings {
                mechanisms: if login {
                    Capabilities::MECHANISMS
                } else {
                    Capabilities::NONE
                },
                pipelining: true,
                #[cfg(feature = "std")]
                chunking: false,
                #[cfg(feature = "complete")]
                security: crate::session::job::Security::None,
                device: true,
                phrase: None,
                texts: Fields {
                    username,
                    password,
                    sender,
                    charset: UNKNOWN_CHARSET,
                    ..Fields::NONE
                }
                .in_order(),
                limits: [0; LIMITS],
                server: Address {
                    version: 0,
                    port: u32::from(PORT),
                    octets: [0; 16],
                },
                #[cfg(feature = "std")]
                login: crate::session::job::Login::NONE,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::settings::Draft;
    use super::*;
    use crate::code::Code;
    use crate::limits::DEVICE_CREDENTIAL_BYTES;
    use crate::wire::literal::LITERAL_BYTES;

    #[test]
    fn it_is_what_a_draft_with_nothing_else_becomes() {
        for login in [false, true] {
            let texts: [&[u8]; 3] = if login {
                [b"user", b"secret", b"a@b.cz"]
            } else {
                [b"", b"", b"a@b.cz"]
            };
            let mut checked = Checked::of_device(login, texts);
            assert_eq!(checked.check(b"192.0.2.1", DEVICE_CREDENTIAL_BYTES), Code::Ok);
            let draft = Draft {
                server: Some(b"192.0.2.1"),
                auth: if login { 2 + 4 } else { 0 },
                username: Some(texts[0]),
                password: Some(texts[1]),
                sender: Some(texts[2]),
                credential_limit: DEVICE_CREDENTIAL_BYTES,
                ..Draft::default()
            };
            let mut literal = [0; LITERAL_BYTES];
            let (one, other) = (checked.settings, draft.check(&mut literal).unwrap().settings);
            assert_eq!(one.texts, other.texts);
            assert!(one.mechanisms == other.mechanisms && one.pipelining == other.pipelining);
            assert!(one.phrase.is_none() && other.phrase.is_none());
            assert_eq!(one.limits, other.limits);
            assert_eq!(
                (one.server.version, one.server.port, one.server.octets),
                (other.server.version, other.server.port, other.server.octets)
            );
        }
    }
}
