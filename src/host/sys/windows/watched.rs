//! The sockets that are waited for. Windows does not say which of them has signalled: each is asked.

use core::mem::zeroed;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::vec::Vec;

use windows_sys::Win32::Networking::WinSock;

use super::super::interface::Event;

/// A socket that somebody waits for.
pub(super) struct Watched {
    /// Its number.
    pub(super) socket: WinSock::SOCKET,
    /// The event object that it signals.
    pub(super) list: isize,
    /// What the engine knows it by.
    pub(super) token: u64,
    /// Why it could not connect; 0 while that is not known, and after it could.
    pub(super) error: WinSock::WSA_ERROR,
    /// Whether somebody wants to know when octets can be sent.
    pub(super) writable: bool,
}

/// Those of this process.
static WATCHED: Mutex<Vec<Watched>> = Mutex::new(Vec::new());

/// Locks them.
pub(super) fn watched() -> MutexGuard<'static, Vec<Watched>> {
    WATCHED.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Watched {
    /// What has happened since it was asked the last time.
    pub(super) fn ask(&mut self) -> Option<Event> {
        // SAFETY: a WSANETWORKEVENTS of zeros is a valid value of it.
        let mut told: WinSock::WSANETWORKEVENTS = unsafe { zeroed() };
        // SAFETY: it is written into a value of ours; no event object is to be reset. A number that is no socket gives an
        // error.
        let asked = unsafe { WinSock::WSAEnumNetworkEvents(self.socket, 0, &raw mut told) };
        let happened = |flag: u32| told.lNetworkEvents & (flag as i32) != 0;
        let error = |bit: u32| told.iErrorCode.get(bit as usize).copied().unwrap_or(0);
        let mut event = Event {
            token: self.token,
            readable: happened(WinSock::FD_READ),
            to_the_end: happened(WinSock::FD_CLOSE),
            failed: happened(WinSock::FD_CLOSE) && error(WinSock::FD_CLOSE_BIT) != 0,
        };
        if happened(WinSock::FD_CONNECT) && error(WinSock::FD_CONNECT_BIT) != 0 {
            self.error = error(WinSock::FD_CONNECT_BIT);
            (event.to_the_end, event.failed) = (true, true);
        }
        if asked != 0 {
            (event.to_the_end, event.failed) = (true, true);
        }
        // The server's greeting tells that the connection is established, as on Linux.
        let writable = self.writable && happened(WinSock::FD_WRITE);
        (event.readable || event.to_the_end || writable).then_some(event)
    }
}
