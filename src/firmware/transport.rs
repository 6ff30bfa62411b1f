//! The connection that the program provides.

use crate::code::Reason;
use crate::wire::literal::Address;

/// What became of something that does not block: a number (of octets, or 1 for "yes"), 0 for "not now", or why it failed.
pub type Given = Result<usize, Reason>;

/// A connection. One at a time; no function of it blocks.
pub trait Transport {
    /// Whether the program calls [`super::poll`] by itself when there is something new.
    fn wakes(&self) -> bool;
    /// Begins to connect.
    fn connect(&self, server: &Address, port: u16) -> Given;
    /// Whether the connection stands.
    fn connected(&self) -> Given;
    /// Sends octets, as many as can be taken now.
    fn send(&self, octets: &[u8]) -> Given;
    /// Receives octets that are there.
    fn receive(&self, octets: &mut [u8]) -> Given;
    /// Closes the connection.
    fn close(&self);
    /// Our end's address.
    fn local(&self) -> Address;
    /// Random bits, where the device has a source of them.
    fn random(&self) -> Option<u32>;
    /// Secures the connection.
    fn start_tls(&self) -> Given;
}
