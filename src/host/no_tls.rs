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
    pub fn new(config: &Arc<Config>, _host: &[u8], _implicit: bool) -> Option<Self> {
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

/// There is none.
pub struct Tls(Never);

/// How far a handshake has come.
#[allow(dead_code)]
pub enum Progress {
    /// It is done.
    Done,
    /// It waits.
    Waits,
    /// It has failed.
    Failed(Reason),
}

impl Tls {
    /// There is none.
    pub fn new(peer: &Peer) -> Result<Self, Reason> {
        match peer.0 {}
    }

    /// The version of the protocol.
    pub fn version(&self) -> u16 {
        match self.0 {}
    }

    /// Goes on with the handshake.
    pub fn shake_hands(&mut self, _below: &mut impl Channel) -> Progress {
        match self.0 {}
    }

    /// Says that nothing more is said.
    pub fn say_good_bye(&mut self, _below: &mut impl Channel) {
        match self.0 {}
    }
}

/// There is none.
pub struct Over<'t, C> {
    tls: &'t mut Tls,
    _below: C,
}

impl<'t, C: Channel> Over<'t, C> {
    /// There is none.
    pub fn new(tls: &'t mut Tls, below: C) -> Self {
        Self { tls, _below: below }
    }
}

impl<C: Channel> Channel for Over<'_, C> {
    fn send(&mut self, _octets: &[u8]) -> Moved {
        match self.tls.0 {}
    }

    fn receive(&mut self, _octets: &mut [u8]) -> Moved {
        match self.tls.0 {}
    }
}
