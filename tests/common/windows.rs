//! What the tests ask the system for, on Windows.

use std::net::{TcpListener, TcpStream};
use std::os::windows::io::AsRawSocket;

use windows_sys::Win32::Networking::WinSock;

/// Has a connection end with a reset when it is closed.
pub fn reset_when_closed(stream: &TcpStream) {
    let linger = WinSock::LINGER {
        l_onoff: 1,
        l_linger: 0,
    };
    // SAFETY: the value lives through the call, and its size is right.
    unsafe {
        WinSock::setsockopt(
            stream.as_raw_socket() as WinSock::SOCKET,
            WinSock::SOL_SOCKET,
            WinSock::SO_LINGER,
            (&raw const linger).cast(),
            size_of::<WinSock::LINGER>() as i32,
        );
    }
}

/// Has so many connections wait to be accepted.
pub fn listen(listener: &TcpListener, backlog: i32) {
    // SAFETY: takes no pointers.
    unsafe { WinSock::listen(listener.as_raw_socket() as WinSock::SOCKET, backlog) };
}
