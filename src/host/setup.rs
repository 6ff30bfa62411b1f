//! A configuration as a program gives it, with what only a system has; and how it is checked.

use std::boxed::Box;
use std::net::IpAddr;

use super::mailboxes::Path;
use super::memory::Boxed;
use super::saslprep;
use super::security::{Mode, Protection};
use super::servers::{self, Servers, Target};
use super::snapshot::{Extras, Prepared, Snapshot};
use super::tls::{Given, Peer};
use crate::channel::callbacks::Trace;
use crate::client::settings::{Checked, Draft, PORT, is_kept_unused};
use crate::client::url::{self, Scheme};
use crate::client::wrong::{Place, Wrong};
use crate::code::{Code, Reason};
use crate::limits::{CREDENTIAL_BYTES, DEVICE_CREDENTIAL_BYTES, NAME_BYTES};
use crate::octets::{Bounded, wipe};
use crate::session::Settings;
use crate::session::choice;
use crate::wire::address::is_mailbox;
use crate::wire::capability::Capabilities;
use crate::wire::literal::{Address, LITERAL_BYTES};

/// A configuration as a program gives it.
#[derive(Clone, Copy)]
pub struct Setup<'a> {
    /// What a device has, too. Its server may be a list of names and addresses here.
    pub draft: Draft<'a>,
    /// Our own address; empty: the system chooses.
    pub source: &'a [u8],
    /// Is told the lines of the conversation.
    pub trace: Option<Trace>,
    /// Whether the last conversation is kept.
    pub keep_dialogue: bool,
    /// How often a mail is attempted again.
    pub retry_max: u32,
    /// The wait before the first time, in milliseconds; 0 is the default.
    pub retry_delay: u32,
    /// How long the connection is kept for the next mail, in milliseconds; 0: it is not.
    pub keep_alive: u32,
    /// When TLS begins; None: never.
    pub tls: Option<Mode>,
    /// How it is spoken.
    pub given: Given<'a>,
    /// The name in the server's certificate; empty: the server's own.
    pub tls_name: &'a [u8],
}

impl<'a> Setup<'a> {
    /// A configuration with nothing but this.
    pub fn of(draft: &Draft<'a>) -> Self {
        Self {
            draft: *draft,
            source: &[],
            trace: None,
            keep_dialogue: false,
            retry_max: 0,
            retry_delay: 0,
            keep_alive: 0,
            tls: None,
            given: Given::default(),
            tls_name: &[],
        }
    }

    /// Checks it: the copy that is kept, and the limit for the devices' own function. Or which field is wrong. `secures`: a
    /// transport of the program speaks TLS.
    pub fn check(&self, secures: bool) -> Result<(Snapshot, usize), Wrong<'static>> {
        let draft = &self.draft;
        let device_limit = match draft.credential_limit {
            0 => DEVICE_CREDENTIAL_BYTES,
            limit if limit <= CREDENTIAL_BYTES => limit,
            _ => return Err(Wrong::new(Code::BadArgument, "credential_limit", "not 1 to 4096")),
        };
        let port = match draft.port {
            0 => self.tls.map_or(PORT, Mode::port),
            port => u16::try_from(port).map_err(|_| Wrong::new(Code::ConnectFailed, "port", "not 1 to 65535"))?,
        };
        let servers = Servers::parse(draft.server.unwrap_or(&[]), port).map_err(|wrong| of_server(&wrong))?;
        let unlimited = Draft {
            credential_limit: 0,
            ..*draft
        };
        let (mut sender, mut name) = (Path::NONE, Bounded::EMPTY);
        let unlimited = with_sender(unlimited, &mut sender, &mut name)?;
        let mut literal = [0; LITERAL_BYTES];
        let checked = unlimited
            .check_all_else(&mut literal)
            .map_err(|code| Wrong::of_draft(&unlimited, code))?;
        let no_memory = Wrong::new(Code::DataFailed, "config", "out of memory");
        let source = self.source()?;
        let only = match (servers.len(), servers.get(0)) {
            (1, Some(Target::Address(address))) => Some(address),
            _ => None,
        };
        if let (Some(source), Some(only)) = (source, only) {
            if source.is_ipv4() != only.is_ipv4() {
                return Err(Wrong::new(
                    Code::BadArgument,
                    "source",
                    "of another IP version than the server",
                ));
            }
        }
        let protection = self.protection(secures)?;
        let verified = secures || protection.as_ref().is_some_and(|protection| protection.verifies());
        if !verified && choice::needs_tls(checked.settings.mechanisms) {
            return Err(Wrong::new(
                Code::NotSupported,
                "auth",
                "a token is sent over verified TLS only, and tls is not 1 or 2",
            ));
        }
        let prepared = prepared(&checked.settings).ok_or(no_memory)?;
        let plain = only.is_some()
            && source.is_none()
            && self.trace.is_none()
            && !self.keep_dialogue
            && self.retry_max == 0
            && protection.is_none()
            && prepared.is_none();
        let extras = if plain {
            None
        } else {
            let extras = Extras {
                servers,
                source,
                trace: self.trace,
                keep_dialogue: self.keep_dialogue,
                retry_max: self.retry_max,
                retry_delay: self.retry_delay,
                protection,
                prepared,
            };
            Some(Boxed::new(extras).ok_or(no_memory)?)
        };
        let snapshot = Snapshot::new(&checked, only, extras, false, self.keep_alive);
        Ok((snapshot.ok_or(no_memory)?, device_limit))
    }

    /// The protection that is configured.
    fn protection(&self, secures: bool) -> Result<Option<Boxed<Protection>>, Wrong<'static>> {
        let wrong = |field, why| Wrong::new(Code::BadArgument, field, why);
        let given = [
            ("tls_ca", self.given.ca),
            ("tls_certificate", self.given.certificate),
            ("tls_key", self.given.key),
            ("tls_pin", self.given.pin),
            ("tls_name", self.tls_name),
        ];
        let without = |fields: &[&str]| {
            let mut given = given.iter();
            given
                .find(|(field, text)| !text.is_empty() && fields.contains(field))
                .map(|(field, _)| *field)
        };
        let Some(mode) = self.tls else {
            return match without(&["tls_ca", "tls_certificate", "tls_key", "tls_pin", "tls_name"]) {
                Some(field) => Err(wrong(field, "set, and tls is 0")),
                None => Ok(None),
            };
        };
        let mut tls = self.given;
        if mode == Mode::Opportunistic {
            if let Some(field) = without(&["tls_ca", "tls_pin", "tls_name"]) {
                return Err(wrong(field, "set, and opportunistic TLS verifies nothing (tls 3)"));
            }
            tls.unverified = true;
        }
        let config = if secures {
            if let Some(field) = without(&["tls_ca", "tls_certificate", "tls_key", "tls_pin"]) {
                return Err(Wrong::new(
                    Code::NotSupported,
                    field,
                    "set, and the transport speaks TLS itself",
                ));
            }
            None
        } else {
            Some(tls.config()?)
        };
        let no_memory = || Wrong::new(Code::DataFailed, "config", "out of memory");
        let name = match self.tls_name {
            [] => None,
            name => Some(
                super::server::host_name(name).map_err(|why| Wrong::new(why.code_of_name(), "tls_name", why.text()))?,
            ),
        };
        if let (Some(name), Some(config)) = (&name, &config) {
            match Peer::new(config, name, false) {
                Ok(_) => {}
                Err(Reason::NoMemory) => return Err(no_memory()),
                // As an address with a zone.
                Err(_) => {
                    return Err(wrong(
                        "tls_name",
                        "not a name, and not an address, that a certificate can have",
                    ));
                }
            }
        }
        let protection = Protection { mode, name, config };
        Boxed::new(protection).map(Some).ok_or_else(no_memory)
    }

    /// What a URL says, with a sender. `room` is as long as the URL, and the caller's to wipe.
    pub fn of_url(url: &[u8], sender: &'a [u8], room: &'a mut [u8]) -> Result<Self, Wrong<'static>> {
        let malformed = |place, why| Wrong {
            place,
            ..Wrong::new(Code::BadArgument, "url", why)
        };
        let url = url::read(url, room).map_err(|wrong| malformed(Place::Byte(wrong.at), wrong.text))?;
        // Its server is looked at here, too, so that a wrong one is told of as a part of the URL.
        Servers::parse(url.server, PORT).map_err(|wrong| Wrong {
            code: if wrong.code == Code::ConnectFailed {
                Code::BadArgument
            } else {
                wrong.code
            },
            ..malformed(Place::Byte(url.server_at), wrong.text)
        })?;
        let setup = Self::of(&Draft {
            server: Some(url.server),
            auth: u32::from(url.username.is_some()),
            username: url.username,
            password: Some(url.password),
            sender: Some(sender),
            ..Draft::default()
        });
        Ok(Self {
            tls: match url.scheme {
                Scheme::Smtp => None,
                Scheme::StartTls => Some(Mode::StartTls),
                Scheme::Smtps => Some(Mode::Implicit),
            },
            ..setup
        })
    }

    fn source(&self) -> Result<Option<IpAddr>, Wrong<'static>> {
        if self.source.is_empty() {
            return Ok(None);
        }
        let mut address = Address::NONE;
        address.read(self.source);
        match Option::from(address) {
            Some(address) => Ok(Some(address)),
            None => Err(Wrong::new(Code::BadArgument, "source", "no IP address")),
        }
    }
}

/// The draft with its sender as it is sent, where that was given with a name, or with letters outside ASCII.
fn with_sender<'a>(
    draft: Draft<'a>,
    address: &'a mut Path,
    name: &'a mut Bounded<NAME_BYTES>,
) -> Result<Draft<'a>, Wrong<'static>> {
    let wrong = |field, why| Wrong::new(Code::SenderRefused, field, why);
    let sender = match draft.sender {
        None | Some([]) => return Err(wrong("sender", "missing")),
        Some(sender) if is_mailbox(sender) => return Ok(draft),
        Some(sender) => sender,
    };
    *name = address
        .read_named("sender", Code::SenderRefused, sender)
        .map_err(|refused| Wrong {
            shown: &[],
            ..Wrong::new(refused.code, refused.field, refused.why)
        })?;
    let mut draft = Draft {
        sender: Some(address.octets.octets()),
        ..draft
    };
    if !name.octets().is_empty() {
        if draft.sender_name.is_some_and(|given| !given.is_empty()) {
            return Err(wrong("sender_name", "set, and sender has a name in it"));
        }
        draft.sender_name = Some(name.octets());
    }
    Ok(draft)
}

/// User name and password for SCRAM, where they differ from those that are configured; None without memory.
fn prepared(settings: &Settings<'_>) -> Option<Option<Prepared>> {
    if settings.mechanisms.both(Capabilities::CHALLENGED).is_empty() {
        return Some(None);
    }
    let [username, password] = [settings.username(), settings.password()];
    // What was made of the user name is no secret.
    let mut prepared = [saslprep::prepared(username)?, saslprep::prepared(password)?];
    let kept = match &prepared {
        [None, None] => Some(None),
        [name, word] => {
            Prepared::new(name.as_deref().unwrap_or(username), word.as_deref().unwrap_or(password)).map(Some)
        }
    };
    for text in prepared.iter_mut().flatten() {
        wipe(text);
    }
    kept
}

/// What is wrong with `server`.
fn of_server(wrong: &servers::Wrong) -> Wrong<'static> {
    Wrong::entry(wrong.code, "server", wrong.entry, wrong.text)
}

/// The configuration of the devices' own function: what is kept, or which argument is wrong.
pub fn check_device(
    server: &[u8],
    login: bool,
    [username, password, sender]: [&[u8]; 3],
    limit: usize,
) -> Result<Snapshot, Wrong<'static>> {
    let password = if login { password } else { &[] };
    // Without a login the name is kept for a hint only.
    let username = if login || is_kept_unused(username) {
        username
    } else {
        &[]
    };
    let address = Servers::parse_device(server, PORT).map_err(|wrong| of_server(&wrong))?;
    let checked = Checked::of_device(login, [username, password, sender]);
    match checked.check_texts(limit) {
        Code::Ok => {}
        code => {
            let draft = Draft {
                auth: u32::from(login),
                username: Some(username),
                password: Some(password),
                sender: Some(sender),
                credential_limit: limit,
                ..Draft::default()
            };
            return Err(Wrong::of_draft(&draft, code));
        }
    }
    let no_memory = Wrong::new(Code::DataFailed, "server_ip", "out of memory");
    Snapshot::new(&checked, Some(address), None, true, 0).ok_or(no_memory)
}

/// The words for a refusal, in memory that may be missing: then there are none.
pub fn in_words(wrong: &Wrong<'_>) -> Option<Box<[u8]>> {
    let mut room = [0; 256];
    let mut out = crate::buffer::Window::new(&mut room, 0);
    wrong.write(&mut out);
    let length = out.kept();
    super::memory::joined(&[room.get(..length).unwrap_or(&[])])
}
