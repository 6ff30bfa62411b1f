//! What Winsock's error numbers mean.

use windows_sys::Win32::Networking::WinSock;

use super::super::interface::Failure;

/// What an error number of Winsock means for a connection.
pub(super) fn failure(error: WinSock::WSA_ERROR) -> Failure {
    match error {
        WinSock::WSAEWOULDBLOCK | WinSock::WSAEINPROGRESS | WinSock::WSAEINTR => Failure::WouldBlock,
        // Without a free port it is the address that is in use.
        WinSock::WSAEMFILE | WinSock::WSAENOBUFS | WinSock::WSA_NOT_ENOUGH_MEMORY | WinSock::WSAEADDRINUSE => {
            Failure::Exhausted
        }
        WinSock::WSAECONNREFUSED => Failure::Refused,
        WinSock::WSAETIMEDOUT => Failure::TimedOut,
        WinSock::WSAEHOSTUNREACH
        | WinSock::WSAENETUNREACH
        | WinSock::WSAENETDOWN
        | WinSock::WSAEHOSTDOWN
        | WinSock::WSAEADDRNOTAVAIL
        | WinSock::WSAEACCES
        | WinSock::WSAEAFNOSUPPORT
        | WinSock::WSAEINVAL => Failure::Unreachable,
        _ => Failure::Broken,
    }
}

/// What the last error means.
pub(super) fn last_failure() -> Failure {
    // SAFETY: takes no pointers.
    failure(unsafe { WinSock::WSAGetLastError() })
}
