//! What takes the place of `tls` in a library that was built without it: there is no configuration of TLS, and so no connection.

use core::net::IpAddr;
use std::sync::Arc;

use crate::channel::{Channel, Moved};
use crate::client::wrong::Wrong;
use crate::code::{Code, Reason};

/// What a program configures.
#[derive(Clone, Copy, Default)]
pub struct Given<'a> {
    /// Trust anchors.
    pub ca: &'a [u8],
    /// Our certificate.
    pub certificate: &'a [u8],
    /// Its key.
    pub key: &'a [u8],
    /// The server's own key.
    pub pin: &'a [u8],
    /// Whatever certificate the server has, it will do.
    pub unverified: bool,
}

impl Given<'_> {
    /// There is none.
    pub fn config(&self) -> Result<Arc<Config>, Wrong<'static>> {
        Err(Wrong::new(Code::NotSupported, "tls", "this build has no TLS"))
    }
}

/// Of what there is none.
enum Never {}

/// There is none.
pub struct Config(Never);

/// There is none.
pub struct Peer(Never);

impl Peer {
    /// There is none.
    pub fn new(config: &Arc<Config>, _host: &[u8], _implicit: bool) -> Result<Self, Reason> {
        match config.0 {}
    }

    /// The same for an address.
    pub fn of_address(config: &Arc<Config>, _address: IpAddr, _implicit: bool) -> Self {
        match config.0 {}
    }

    /// Whether TLS begins with the connection.
    pub fn is_implicit(&self) -> bool {
        match self.0 {}
    }
}

/// How far a handshake has come.
// None ever comes anywhere.
#[allow(dead_code)]
pub enum Progress {
    /// It is done.
    Done,
    /// It waits.
    Waits,
    /// It has failed.
    Failed(Reason),
}

/// A place for a TLS connection, which stays empty.
pub struct Place;

impl Place {
    /// Whether there can be one.
    pub const SPEAKS: bool = false;

    /// Nothing.
    pub const EMPTY: Self = Self;

    /// It never is.
    pub fn is_taken(&self) -> bool {
        false
    }

    /// There is none.
    pub fn version(&self) -> u16 {
        0
    }

    /// There is nobody to shake hands with.
    pub fn shake_hands(&mut self, peer: &Peer, _below: &mut dyn Channel) -> Progress {
        match peer.0 {}
    }

    /// Nothing is protected, and nothing said.
    pub fn over<'t>(&'t mut self, _below: &'t mut dyn Channel) -> Over<'t> {
        Over(core::marker::PhantomData)
    }

    /// Nothing is said.
    pub fn say_good_bye(&mut self, _below: &mut dyn Channel) {}

    /// It is empty.
    pub fn clear(&mut self) {}
}

/// A channel that carries nothing.
pub struct Over<'t>(core::marker::PhantomData<&'t ()>);

impl Channel for Over<'_> {
    fn send(&mut self, _octets: &[u8]) -> Moved {
        Moved::ended(Reason::TlsFailed)
    }

    fn receive(&mut self, _octets: &mut [u8]) -> Moved {
        Moved::ended(Reason::TlsFailed)
    }
}
