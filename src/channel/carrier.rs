//! A channel: whatever carries octets to the server and back, without waiting. A socket, or the functions of a program.

use crate::code::Reason;

/// What a call on a channel did. Two small values: they are returned in registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moved {
    /// So many octets were moved. 0, and the channel has not ended: none can be moved now.
    pub octets: usize,
    /// The channel has ended, for this reason. After a [`Channel::send`] that ended it `octets` is how many may have left; after a
    /// [`Channel::receive`] it does not count.
    pub ended: Option<Reason>,
}

impl Moved {
    /// Nothing can be moved now.
    pub const NOTHING: Self = Self::octets(0);

    /// So many octets were moved.
    pub const fn octets(octets: usize) -> Self {
        Self { octets, ended: None }
    }

    /// The channel has ended, and nothing was moved.
    pub const fn ended(reason: Reason) -> Self {
        Self {
            octets: 0,
            ended: Some(reason),
        }
    }
}

/// A connection to the server. No call waits.
pub trait Channel {
    /// Sends octets from the beginning of `octets`.
    fn send(&mut self, octets: &[u8]) -> Moved;

    /// Receives octets into the beginning of `octets`.
    fn receive(&mut self, octets: &mut [u8]) -> Moved;
}
