//! TLS as a configuration wants it. The transport speaks it: when the connection is made, or behind STARTTLS.

#[cfg(feature = "complete")]
use core::ffi::CStr;

use super::server::Named;
#[cfg(feature = "complete")]
use super::server::{c_string, name_of};
use crate::channel::{Called, Transport};
use crate::code::Code;
#[cfg(feature = "complete")]
use crate::code::Reason;
use crate::session::Settings;
#[cfg(feature = "complete")]
use crate::session::job::Security;
#[cfg(feature = "complete")]
use crate::wire::literal::Address;

/// When TLS begins.
#[cfg(feature = "complete")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Mode {
    /// Nothing is said: with the connection, where the transport speaks TLS.
    #[default]
    Unsaid = 0,
    /// With STARTTLS, or nothing is sent.
    StartTls,
    /// With the connection, or nothing is sent.
    Implicit,
}

#[cfg(feature = "complete")]
impl Mode {
    /// The port of a server that is named without one; 0: that of SMTP.
    pub const fn port(self) -> u32 {
        match self {
            Self::Unsaid => 0,
            Self::StartTls => 587,
            Self::Implicit => 465,
        }
    }

    /// What the session does.
    pub const fn of_session(self) -> Security {
        match self {
            Self::StartTls => Security::Required,
            Self::Unsaid | Self::Implicit => Security::None,
        }
    }
}

/// What a program says of TLS. Of a small library: nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wanted<'a> {
    /// When it begins.
    #[cfg(feature = "complete")]
    pub mode: Mode,
    /// The name in the server's certificate; empty where it is that of the server.
    #[cfg(feature = "complete")]
    pub name: &'a [u8],
    #[cfg(not(feature = "complete"))]
    name: core::marker::PhantomData<&'a [u8]>,
}

#[cfg(feature = "complete")]
impl<'a> Wanted<'a> {
    /// The port of a server that is named without one; 0: that of SMTP.
    pub fn port(&self) -> u32 {
        self.mode.port()
    }

    /// The name as it is kept, if there is one, and what the session does; or the code of what is wrong. TLS has to be there
    /// when it is configured.
    pub fn check(&self, transport: Option<Transport>, settings: &mut Settings<'_>) -> Result<Option<&'a [u8]>, Code> {
        settings.security = self.mode.of_session();
        if self.mode != Mode::Unsaid && !transport.is_some_and(|transport| transport.secures()) {
            return Err(Code::NotSupported);
        }
        if self.name.is_empty() {
            return Ok(None);
        }
        let mut address = Address::NONE;
        address.read(self.name);
        let name = if address.version == 0 {
            name_of(self.name)
        } else {
            Some(self.name)
        };
        match name {
            Some(name) if self.mode != Mode::Unsaid => Ok(Some(name)),
            _ => Err(Code::BadArgument),
        }
    }
}

#[cfg(not(feature = "complete"))]
impl Wanted<'_> {
    pub(super) fn port(&self) -> u32 {
        0
    }

    pub(super) fn check(
        &self,
        _transport: Option<Transport>,
        _settings: &mut Settings<'_>,
    ) -> Result<Option<&[u8]>, Code> {
        Ok(None)
    }
}

/// What a client keeps of it. All zeros: nothing was said.
pub struct Kept {
    #[cfg(feature = "complete")]
    mode: Mode,
    #[cfg(feature = "complete")]
    name: Option<&'static CStr>,
}

#[cfg(feature = "complete")]
impl Kept {
    /// Keeps what is wanted. `part` gives room for the name, with nothing but zeros in it.
    pub fn put(&mut self, wanted: &Wanted<'_>, name: Option<&[u8]>, part: impl FnOnce(&[u8]) -> &'static mut [u8]) {
        self.mode = wanted.mode;
        self.name = name.and_then(|name| c_string(name, part(name)));
    }

    /// Secures a connection that was just made, unless STARTTLS is to do that.
    pub fn begin(&self, transport: Transport, named: Option<&Named>) -> Called {
        match self.mode {
            Mode::StartTls => Called::Done,
            Mode::Unsaid | Mode::Implicit => self.secure(transport, named),
        }
    }

    /// Secures the connection. Another transport may have come since TLS was configured: one that cannot fails.
    pub fn secure(&self, transport: Transport, named: Option<&Named>) -> Called {
        if self.mode != Mode::Unsaid && !transport.secures() {
            return Called::Failed(Reason::TlsFailed);
        }
        transport.start_tls(self.name.or(named.map(|named| named.name)))
    }
}

/// In a small library nothing is kept, and the transport alone knows.
#[cfg(not(feature = "complete"))]
impl Kept {
    pub(super) fn put(&mut self, _: &Wanted<'_>, _: Option<&[u8]>, _: impl FnOnce(&[u8]) -> &'static mut [u8]) {}

    pub(super) fn begin(&self, transport: Transport, named: Option<&Named>) -> Called {
        transport.start_tls(named.map(|named| named.name))
    }
}
