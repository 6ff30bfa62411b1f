//! What a program configures. It is checked as a whole before any of it is used.

use super::mail::is_clean;
use crate::buffer::Window;
use crate::code::Code;
#[cfg(feature = "std")]
use crate::limits::TOKEN_BYTES;
use crate::limits::{CHARSET_BYTES, CREDENTIAL_BYTES, NAME_BYTES, Timeouts};
use crate::message::word;
use crate::octets::is_same_word;
use crate::session::Settings;
use crate::session::job::{Field, Fields};
use crate::wire::address;
use crate::wire::capability::Capabilities;
#[cfg(feature = "std")]
use crate::wire::capability::Capability;
use crate::wire::literal::{Address, LITERAL_BYTES};

/// The port of SMTP (RFC 5321, 4.5.4.2).
pub const PORT: u16 = 25;

/// The charset of text that is not UTF-8, where none is configured (RFC 1428).
pub const UNKNOWN_CHARSET: &[u8] = b"unknown-8bit";

/// A configuration as a program gives it. An empty text means the same as None: not given.
#[derive(Clone, Copy, Default)]
pub struct Draft<'a> {
    /// The server's IPv4 or IPv6 address.
    pub server: Option<&'a [u8]>,
    /// Its port; 0 means 25.
    pub port: u32,
    /// 0: no login; 1: whatever mechanism there is; else the bits of mechanisms, as [`mechanisms`] reads them.
    pub auth: u32,
    /// The user name.
    pub username: Option<&'a [u8]>,
    /// The password.
    pub password: Option<&'a [u8]>,
    /// The sender's mailbox.
    pub sender: Option<&'a [u8]>,
    /// The sender's display name.
    pub sender_name: Option<&'a [u8]>,
    /// The argument of EHLO.
    pub ehlo_name: Option<&'a [u8]>,
    /// The charset of text that is not UTF-8.
    pub charset: Option<&'a [u8]>,
    /// Whether to do without PIPELINING.
    pub no_pipelining: bool,
    /// Whether to use CHUNKING.
    #[cfg(feature = "std")]
    pub chunking: bool,
    /// Time limits; 0 means the default.
    pub timeouts: Timeouts,
    /// The longest user name and password; 0 means [`CREDENTIAL_BYTES`].
    pub credential_limit: usize,
}

/// A configuration that was checked.
#[derive(Clone, Copy, Debug)]
pub struct Checked<'a> {
    /// What a session is given.
    pub settings: Settings<'a>,
}

impl Checked<'_> {
    /// The defaults. A server and a sender are still missing.
    pub const EMPTY: Self = Self {
        settings: Settings {
            server: Address {
                port: PORT as u32,
                ..Address::NONE
            },
            ..Settings::NONE
        },
    };

    /// Reads the server's address, and checks what every configuration has: user name and password, of `limit` octets at
    /// most, and the sender. Returns [`Code::Ok`], or the code of the first error.
    pub fn check(&mut self, server: &[u8], limit: usize) -> Code {
        let address = &mut self.settings.server;
        address.read(server);
        address.unmap();
        if address.is_host() {
            self.check_texts(limit)
        } else {
            Code::ConnectFailed
        }
    }

    /// The same without the server, where that is read elsewhere.
    pub fn check_texts(&self, limit: usize) -> Code {
        let settings = &self.settings;
        match self.check_credentials(limit) {
            Code::Ok => {}
            code => return code,
        }
        if address::is_mailbox(settings.sender()) {
            Code::Ok
        } else {
            Code::SenderRefused
        }
    }
}

impl Checked<'_> {
    /// Checks user name and password, where there is a login.
    fn check_credentials(&self, limit: usize) -> Code {
        let settings = &self.settings;
        if !settings.mechanisms.is_empty() {
            let (limit_of_password, controls) = limits_of_password(settings.mechanisms, limit);
            if !is_credential(settings.username(), limit, controls) {
                return Code::BadUsername;
            }
            if !is_credential(settings.password(), limit_of_password, controls) {
                return Code::BadPassword;
            }
        }
        Code::Ok
    }
}

impl<'a> Draft<'a> {
    /// The configuration, or the code of the first error. Where the EHLO name is an IP address, its address literal is
    /// written into `literal` and used instead.
    pub fn check(self, literal: &'a mut [u8; LITERAL_BYTES]) -> Result<Checked<'a>, Code> {
        self.check_with(literal, |checked, limit| checked.check(given(self.server), limit))
    }

    /// The same without the server and the sender, which are read elsewhere.
    #[cfg(feature = "std")]
    pub fn check_all_else(self, literal: &'a mut [u8; LITERAL_BYTES]) -> Result<Checked<'a>, Code> {
        self.check_with(literal, |checked, limit| checked.check_credentials(limit))
    }

    /// The same, with the server checked by whoever calls.
    pub fn check_with(
        self,
        literal: &'a mut [u8; LITERAL_BYTES],
        check: impl FnOnce(&mut Checked<'a>, usize) -> Code,
    ) -> Result<Checked<'a>, Code> {
        let mut checked = Checked::EMPTY;
        let port = if self.port == 0 {
            Ok(PORT)
        } else {
            u16::try_from(self.port)
        };
        checked.settings.server.port = u32::from(port.map_err(|_| Code::ConnectFailed)?);
        let mechanisms = mechanisms(self.auth);
        let settings = &mut checked.settings;
        settings.mechanisms = mechanisms.unwrap_or(Capabilities::NONE);
        #[cfg(feature = "std")]
        {
            settings.login.guarded = self.auth == ANY;
        }
        let login = !settings.mechanisms.is_empty();
        let mut texts = Fields {
            username: given(self.username.filter(|name| login || is_kept_unused(name))),
            password: given(self.password.filter(|_| login)),
            sender: given(self.sender),
            charset: given(self.charset),
            sender_name: given(self.sender_name),
            ehlo_name: given(self.ehlo_name),
        };
        if texts.charset.is_empty() || is_utf8(texts.charset) {
            texts.charset = UNKNOWN_CHARSET;
        }
        settings.texts = texts.in_order();
        settings.limits = self.timeouts.in_order();
        settings.pipelining = !self.no_pipelining;
        #[cfg(feature = "std")]
        {
            settings.chunking = self.chunking;
        }
        let limit = match self.credential_limit {
            0 => CREDENTIAL_BYTES,
            limit => limit.min(CREDENTIAL_BYTES),
        };
        // An invalid server is reported before an unknown mechanism, and that before the rest.
        match check(&mut checked, limit) {
            Code::ConnectFailed => return Err(Code::ConnectFailed),
            code => {
                mechanisms?;
                if code != Code::Ok {
                    return Err(code);
                }
            }
        }
        let mut address = Address::NONE;
        address.read(texts.ehlo_name);
        if address.version != 0 {
            // In EHLO an IP address has to be an address literal (RFC 5321, 4.1.1.1).
            let mut window = Window::new(literal, 0);
            address.unmap();
            address.write(&mut window);
            let length = window.kept();
            texts.ehlo_name = literal.get(..length).unwrap_or(&[]);
            checked.settings.set_text(Field::EhloName, texts.ehlo_name);
        }
        if texts.sender_name.len() > NAME_BYTES || !is_clean(texts.sender_name, u32::MAX) {
            return Err(Code::SenderRefused);
        }
        if !texts.sender_name.is_empty() {
            checked.settings.phrase = Some(word::write_phrase);
        }
        if !texts.ehlo_name.is_empty() && !address::is_domain_or_literal(texts.ehlo_name) {
            return Err(Code::HeloFailed);
        }
        if !is_charset(texts.charset) {
            return Err(Code::BadArgument);
        }
        Ok(checked)
    }
}

/// `auth` of a program that leaves the mechanism to us.
const ANY: u32 = 1;

/// The other bits of `auth`, and the mechanisms that they stand for.
#[cfg(feature = "std")]
const BITS: [(u32, Capability); 7] = [
    (2, Capability::Plain),
    (4, Capability::Login),
    (8, Capability::CramMd5),
    (16, Capability::ScramSha1),
    (32, Capability::ScramSha256),
    (64, Capability::XOAuth2),
    (128, Capability::OAuthBearer),
];

/// The mechanisms that these bits stand for. A bit that is not known, or [`ANY`] with others: [`Code::BadArgument`].
#[cfg(feature = "std")]
pub fn mechanisms(auth: u32) -> Result<Capabilities, Code> {
    if auth == ANY {
        return Ok(Capabilities::ANY);
    }
    let (mut set, mut left) = (Capabilities::NONE, auth);
    for (bit, mechanism) in BITS {
        if auth & bit != 0 {
            set = set.with(Capabilities::of(&[mechanism]));
            left &= !bit;
        }
    }
    if left == 0 { Ok(set) } else { Err(Code::BadArgument) }
}

/// The same on a device, which has PLAIN and LOGIN; [`Code::NotSupported`] for those of a system.
#[cfg(not(feature = "std"))]
pub fn mechanisms(auth: u32) -> Result<Capabilities, Code> {
    match auth {
        0 => Ok(Capabilities::NONE),
        ANY | 6 => Ok(Capabilities::MECHANISMS),
        2 => Ok(Capabilities::PLAIN),
        4 => Ok(Capabilities::LOGIN),
        ..=255 if auth & ANY == 0 => Err(Code::NotSupported),
        _ => Err(Code::BadArgument),
    }
}

fn given(text: Option<&[u8]>) -> &[u8] {
    text.unwrap_or(&[])
}

/// Control characters that are in no user name and in no password: NUL, CR, LF.
const NEVER: u32 = 1 | 1 << b'\r' | 1 << b'\n';

/// Whether this can be a user name or a password. One with a line end was read from a file together with its line end, and
/// no server would accept it. `controls`: the control characters that are not in it.
// Saves 112 bytes.
#[cfg_attr(fast, inline(never))]
fn is_credential(text: &[u8], limit: usize, controls: u32) -> bool {
    !text.is_empty() && text.len() <= limit && is_clean(text, controls)
}

/// How long the password may be, with this limit of both, and which control characters are in neither. A token may be longer; its
/// mechanisms have control characters of their own.
#[cfg(feature = "std")]
pub fn limits_of_password(mechanisms: Capabilities, limit: usize) -> (usize, u32) {
    let limit = if mechanisms.without(Capabilities::TOKENS).is_empty() {
        limit.max(TOKEN_BYTES)
    } else {
        limit
    };
    let tokens = !mechanisms.both(Capabilities::TOKENS).is_empty();
    (limit, if tokens { u32::MAX } else { NEVER })
}

/// A device has no tokens.
#[cfg(not(feature = "std"))]
fn limits_of_password(_mechanisms: Capabilities, limit: usize) -> (usize, u32) {
    (limit, NEVER)
}

/// Whether a user name is kept without a login: on a system, for the hint that a login is configured and switched off.
pub fn is_kept_unused(name: &[u8]) -> bool {
    cfg!(feature = "std") && is_credential(name, CREDENTIAL_BYTES, NEVER)
}

/// Whether this is the name of a charset that can be written into an encoded word (RFC 2047, 2) and behind `charset=`
/// (RFC 2045, 5.1) as it is: letters, digits, `-`, `_` and `+`.
fn is_charset(name: &[u8]) -> bool {
    name.len() <= CHARSET_BYTES && name.iter().all(|octet| address::is_name(*octet) || *octet == b'+')
}

/// Whether this is a name of UTF-8. Text that is not UTF-8 is never labelled so, whatever is configured.
fn is_utf8(name: &[u8]) -> bool {
    is_same_word(name, b"utf-8") || is_same_word(name, b"utf8")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::LIMITS;

    fn draft() -> Draft<'static> {
        Draft {
            server: Some(b"192.168.1.1"),
            auth: 1,
            username: Some(b"user"),
            password: Some(b"secret"),
            sender: Some(b"sds@example.cz"),
            ..Draft::default()
        }
    }

    fn code(change: impl Fn(&mut Draft<'static>)) -> Option<Code> {
        let mut draft = draft();
        change(&mut draft);
        draft.check(&mut [0; LITERAL_BYTES]).err()
    }

    #[test]
    fn a_configuration_has_its_defaults() {
        let mut literal = [0; LITERAL_BYTES];
        let checked = draft().check(&mut literal).unwrap();
        assert_eq!(
            (checked.settings.server.port, checked.settings.charset()),
            (25, UNKNOWN_CHARSET)
        );
        assert_eq!(checked.settings.username(), b"user");
        assert_eq!(checked.settings.limits, [0; LIMITS]);
        assert!(checked.settings.pipelining);
    }

    #[test]
    fn each_field_has_its_code() {
        for server in [
            None,
            Some(&b""[..]),
            Some(b"mail.example.cz"),
            Some(b"1.2.3"),
            Some(b"1.2.3.4 "),
            Some(b"0.0.0.0"),
            Some(b"::"),
            Some(b"224.0.0.1"),
        ] {
            assert_eq!(
                code(|draft| draft.server = server),
                Some(Code::ConnectFailed),
                "{server:?}"
            );
        }
        let six = (!cfg!(feature = "complete")).then_some(Code::ConnectFailed);
        assert_eq!(code(|draft| draft.server = Some(b"::1")), six);
        assert_eq!(code(|draft| draft.port = 65_536), Some(Code::ConnectFailed));
        assert_eq!(code(|draft| draft.auth = 256), Some(Code::BadArgument));
        assert_eq!(
            code(|draft| (draft.auth, draft.server) = (256, Some(&b"1.2.3"[..]))),
            Some(Code::ConnectFailed)
        );
        assert_eq!(
            code(|draft| (draft.auth, draft.sender) = (256, None)),
            Some(Code::BadArgument)
        );
        for text in [
            None,
            Some(&b""[..]),
            Some(b"a\r"),
            Some(b"a\n"),
            Some(b"a\0"),
            Some(&[b'x'; 4097]),
        ] {
            assert_eq!(code(|draft| draft.username = text), Some(Code::BadUsername));
            assert_eq!(code(|draft| draft.password = text), Some(Code::BadPassword));
        }
        for sender in [None, Some(&b""[..]), Some(b"sds"), Some(b"a@b\r\nX: y")] {
            assert_eq!(code(|draft| draft.sender = sender), Some(Code::SenderRefused));
        }
        assert_eq!(
            code(|draft| draft.sender_name = Some(b"a\r\nBcc: x@y")),
            Some(Code::SenderRefused)
        );
        assert_eq!(
            code(|draft| draft.sender_name = Some(&[b'x'; 201])),
            Some(Code::SenderRefused)
        );
        assert_eq!(
            code(|draft| draft.ehlo_name = Some(b"two words")),
            Some(Code::HeloFailed)
        );
        assert_eq!(code(|draft| draft.ehlo_name = Some(b"[192.0.2.1]")), None);
        for charset in [
            &b"utf-8?B?"[..],
            b"a b",
            b"ISO_8859-1:1987",
            b"a'b",
            b"x\r\n",
            &[b'x'; 41],
        ] {
            assert_eq!(code(|draft| draft.charset = Some(charset)), Some(Code::BadArgument));
        }
    }

    #[test]
    fn auth_is_a_set_of_known_bits_or_any_alone() {
        let lacking = if cfg!(feature = "std") {
            Ok(())
        } else {
            Err(Code::NotSupported)
        };
        for auth in (0..1024).chain([1 << 16, 1 << 31, u32::MAX]) {
            let wanted = match auth {
                0 | 1 | 2 | 4 | 6 => Ok(()),
                8..=255 if auth % 2 == 0 => lacking,
                _ => Err(Code::BadArgument),
            };
            assert_eq!(mechanisms(auth).map(|_| ()), wanted, "{auth}");
        }
        for (auth, set) in [
            (0, Capabilities::NONE),
            (2, Capabilities::PLAIN),
            (4, Capabilities::LOGIN),
            (6, Capabilities::MECHANISMS),
        ] {
            assert_eq!(mechanisms(auth), Ok(set));
        }
    }

    #[cfg(feature = "std")]
    #[test]
    fn any_is_all_without_tokens_and_each_bit_its_mechanism() {
        assert_eq!(mechanisms(1), Ok(Capabilities::ANY));
        assert_eq!(mechanisms(8 + 16 + 32), Ok(Capabilities::CHALLENGED));
        assert_eq!(mechanisms(64 + 128), Ok(Capabilities::TOKENS));
        assert_eq!(mechanisms(254), Ok(Capabilities::ANY.with(Capabilities::TOKENS)));
        assert_eq!(mechanisms(8), Ok(Capabilities::of(&[Capability::CramMd5])));
        assert_eq!(mechanisms(32), Ok(Capabilities::of(&[Capability::ScramSha256])));
        assert_eq!(mechanisms(64), Ok(Capabilities::of(&[Capability::XOAuth2])));
    }

    #[cfg(feature = "std")]
    #[test]
    fn a_token_may_be_longer_than_a_password_and_has_no_control_characters() {
        static LONG: [u8; 16_385] = [b'x'; 16_385];
        for (auth, most) in [
            (64, 16_384),
            (128, 16_384),
            (192, 16_384),
            (66, 4096),
            (1, 4096),
            (32, 4096),
        ] {
            for (length, wanted) in [(most, None), (most + 1, Some(Code::BadPassword))] {
                let given = code(|draft| (draft.auth, draft.password) = (auth, LONG.get(..length)));
                assert_eq!(given, wanted, "{auth} {length}");
            }
            let given = code(|draft| (draft.auth, draft.username) = (auth, LONG.get(..4097)));
            assert_eq!(given, Some(Code::BadUsername));
            let control = (auth & 192 != 0).then_some(Code::BadPassword);
            let given = code(|draft| (draft.auth, draft.password) = (auth, Some(&b"a\x01host=b"[..])));
            assert_eq!(given, control);
        }
    }

    #[test]
    fn an_ehlo_name_that_is_an_ip_address_becomes_its_literal() {
        let six = cfg!(feature = "complete");
        for (name, said) in [
            ("192.0.2.7", Some("[192.0.2.7]")),
            ("2001:db8::7", six.then_some("[IPv6:2001:db8:0:0:0:0:0:7]")),
            (
                "1111:2222:3333:4444:5555:6666:7777:8888",
                six.then_some("[IPv6:1111:2222:3333:4444:5555:6666:7777:8888]"),
            ),
            ("::ffff:192.0.2.7", six.then_some("[192.0.2.7]")),
            // Left as they are.
            ("[192.0.2.7]", Some("[192.0.2.7]")),
            ("[IPv6:2001:db8::7]", six.then_some("[IPv6:2001:db8::7]")),
            ("[IPv6:::ffff:192.0.2.7]", six.then_some("[IPv6:::ffff:192.0.2.7]")),
            ("kotelna.example.cz", Some("kotelna.example.cz")),
            ("1.2.3.x", Some("1.2.3.x")),
            ("", Some("")),
            // Neither an address nor a name.
            ("[2001:db8::7]", None),
            ("2001:db8::7 ", None),
            ("192.0.2.7:25", None),
        ] {
            let mut draft = draft();
            draft.ehlo_name = Some(name.as_bytes());
            let mut literal = [0; LITERAL_BYTES];
            let checked = draft.check(&mut literal).map(|checked| checked.settings.ehlo_name());
            let wanted = said.map(str::as_bytes).ok_or(Code::HeloFailed);
            assert_eq!(checked, wanted, "{name}");
        }
    }

    #[cfg(feature = "complete")]
    #[test]
    fn a_server_with_an_ipv4_mapped_address_is_an_ipv4_server() {
        let server = |text: &'static str| {
            let mut draft = draft();
            draft.server = Some(text.as_bytes());
            let mut literal = [0; LITERAL_BYTES];
            draft
                .check(&mut literal)
                .map(|checked| Option::from(checked.settings.server))
        };
        assert_eq!(
            server("::ffff:192.0.2.25"),
            Ok(Some(std::net::IpAddr::from([192, 0, 2, 25])))
        );
        assert_eq!(
            server("::FFFF:c000:219"),
            Ok(Some(std::net::IpAddr::from([192, 0, 2, 25])))
        );
        for text in ["::ffff:0.0.0.0", "::ffff:224.0.0.1"] {
            assert_eq!(server(text), Err(Code::ConnectFailed), "{text}");
        }
    }

    #[test]
    fn without_a_login_user_name_and_password_are_not_checked() {
        assert_eq!(
            code(|draft| (draft.auth, draft.username, draft.password) = (0, None, Some(&b"\n"[..]))),
            None
        );
    }

    #[test]
    fn text_that_is_not_utf8_is_never_labelled_utf8() {
        for charset in [&b"UTF-8"[..], b"utf-8", b"utf8", b""] {
            let mut draft = draft();
            draft.charset = Some(charset);
            let mut literal = [0; LITERAL_BYTES];
            let checked = draft.check(&mut literal).unwrap();
            assert_eq!(checked.settings.charset(), UNKNOWN_CHARSET);
        }
    }

    #[test]
    fn the_limit_of_credentials_counts_octets() {
        static NAME: [u8; 40] = [b'x'; 40];
        let with = |limit, length| {
            code(|draft| {
                draft.credential_limit = limit;
                draft.username = NAME.get(..length);
            })
        };
        assert_eq!(with(32, 32), None);
        assert_eq!(with(32, 33), Some(Code::BadUsername));
        assert_eq!(with(16, 17), Some(Code::BadUsername));
    }
}
