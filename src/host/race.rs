//! Several addresses of one server, which are tried beside each other (RFC 8305, 5): the next one begins when the one before
//! has failed, or has tried for a quarter of a second. Whichever stands first is used; the others are closed before a word.

use std::boxed::Box;
use std::net::{IpAddr, SocketAddr};

use super::memory::Row;
use super::sys::{self, Failure, Poller, Socket};
use crate::code::Reason;

/// How long an address tries alone, in milliseconds: the Connection Attempt Delay of RFC 8305, 8.
pub const DELAY: u64 = 250;

/// An address that is tried.
struct Runner {
    socket: Socket,
    address: SocketAddr,
}

/// The addresses of a server, and those that are tried now.
pub struct Race {
    addresses: Box<[SocketAddr]>,
    begun: usize,
    runners: Row<Runner>,
    source: Option<IpAddr>,
    /// When the next address begins.
    next_at: u64,
    /// Why the last one failed.
    failure: Reason,
}

/// How a race stands.
pub enum Standing {
    /// Nobody has arrived.
    Open,
    /// This one has.
    Won(Socket, SocketAddr),
    /// Nobody will.
    Lost(Reason),
}

impl Race {
    /// A race between these addresses, in their order; None without memory.
    pub fn new(addresses: Box<[SocketAddr]>, source: Option<IpAddr>) -> Option<Self> {
        let runners = Row::with_room(addresses.len())?;
        Some(Self {
            addresses,
            begun: 0,
            runners,
            source,
            next_at: 0,
            failure: Reason::Unreachable,
        })
    }

    /// The address that was begun last.
    pub fn newest(&self) -> Option<SocketAddr> {
        self.addresses.get(self.begun.checked_sub(1)?).copied()
    }

    /// When it is to be looked at, even if nothing happens.
    pub fn deadline(&self) -> Option<u64> {
        (self.begun < self.addresses.len()).then_some(self.next_at)
    }

    /// Looks who has arrived, and begins the next address where it is time for it. `failed`: one of the sockets has failed.
    pub fn look(&mut self, poller: &Poller, token: u64, now: u64, failed: bool) -> Standing {
        let mut at = 0;
        while let Some(runner) = self.runners.get(at) {
            if sys::is_connected(&runner.socket) {
                if let Some(Runner { socket, address }) = self.runners.take(at) {
                    return Standing::Won(socket, address);
                }
                break;
            }
            match sys::connect_failure(&runner.socket) {
                // It is trying still. Alone it is the one that has failed: a reset, which the kernel tells once.
                Failure::Broken if !(failed && self.runners.len() == 1) => at += 1,
                failure => {
                    self.failure = reason(failure);
                    self.runners.take(at);
                    self.next_at = now;
                }
            }
        }
        while now >= self.next_at || self.runners.is_empty() {
            let Some(address) = self.addresses.get(self.begun).copied() else {
                break;
            };
            self.begun += 1;
            match poller.connect(address, self.source, token) {
                Ok(socket) => {
                    // There is room for all of them.
                    self.runners.push(Runner { socket, address });
                    self.next_at = now.saturating_add(DELAY);
                }
                Err(failure) => {
                    self.failure = reason(failure);
                    continue;
                }
            }
            // Alone the greeting tells that the connection stands, or the time for the next one comes. Else the kernel tells.
            if self.runners.len() > 1 || self.begun == self.addresses.len() {
                for runner in self.runners.iter() {
                    let _ = poller.tell_when_writable(&runner.socket, token);
                }
            }
            break;
        }
        if self.runners.is_empty() {
            return Standing::Lost(self.failure);
        }
        Standing::Open
    }

    /// Leaves the sockets open that are not ours any more.
    pub fn make_sure(&mut self, poller: &Poller, token: u64) {
        let mut at = 0;
        while let Some(runner) = self.runners.get(at) {
            if poller.has(&runner.socket, token) {
                at += 1;
            } else if let Some(runner) = self.runners.take(at) {
                sys::leave_open(runner.socket);
            }
        }
    }

    /// Gives all sockets up without closing them.
    pub fn leave_open(&mut self) {
        while let Some(runner) = self.runners.pop() {
            sys::leave_open(runner.socket);
        }
    }
}

/// The reason for a failure to connect.
pub fn reason(failure: Failure) -> Reason {
    match failure {
        Failure::Exhausted => Reason::NoSocket,
        Failure::Refused => Reason::Refused,
        Failure::TimedOut => Reason::Deadline,
        Failure::Unreachable => Reason::Unreachable,
        Failure::NoSource => Reason::NoSource,
        Failure::WouldBlock | Failure::Broken => Reason::Lost,
    }
}
