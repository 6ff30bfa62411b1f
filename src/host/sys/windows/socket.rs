//! Sockets: made, connected, read and written without ever blocking.

use core::mem::{size_of, zeroed};
use core::ptr::null;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use windows_sys::Win32::Networking::WinSock;

use super::super::interface::{Failure, source_for};
use super::failure::{failure, last_failure};
use super::watched::watched;

const fn length_of<T>() -> i32 {
    size_of::<T>() as i32
}

/// A socket; it is closed when it is dropped.
pub struct Socket(pub(super) WinSock::SOCKET);

impl Socket {
    fn forget(&self) {
        watched().retain(|one| one.socket != self.0);
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // First: the number may be another's as soon as it is closed.
        self.forget();
        // SAFETY: it was made for us, and nobody has it any more.
        unsafe { WinSock::closesocket(self.0) };
    }
}

/// Gives a socket up without closing it.
pub fn leave_open(socket: Socket) {
    socket.forget();
    core::mem::forget(socket);
}

/// A TCP socket that is not inherited by programs that are started, and does not hold back small segments.
pub(super) fn socket_for(server: SocketAddr) -> Result<Socket, Failure> {
    let family = match server {
        SocketAddr::V4(_) => WinSock::AF_INET,
        SocketAddr::V6(_) => WinSock::AF_INET6,
    };
    let flags = WinSock::WSA_FLAG_OVERLAPPED | WinSock::WSA_FLAG_NO_HANDLE_INHERIT;
    // SAFETY: takes no pointers but that to a description of the protocol, which may be missing.
    let socket = unsafe {
        WinSock::WSASocketW(
            i32::from(family),
            WinSock::SOCK_STREAM,
            WinSock::IPPROTO_TCP,
            null(),
            0,
            flags,
        )
    };
    if socket == WinSock::INVALID_SOCKET {
        return Err(last_failure());
    }
    let socket = Socket(socket);
    let on = 1i32;
    // SAFETY: the option's value is an i32 that lives through the call. Its failure costs time only.
    unsafe {
        WinSock::setsockopt(
            socket.0,
            WinSock::IPPROTO_TCP,
            WinSock::TCP_NODELAY,
            (&raw const on).cast(),
            length_of::<i32>(),
        );
    }
    Ok(socket)
}

/// An address as the system takes it, in the structure of its family.
enum SystemAddress {
    V4(WinSock::SOCKADDR_IN),
    V6(WinSock::SOCKADDR_IN6),
}

impl SystemAddress {
    fn of(address: SocketAddr) -> Self {
        match address {
            SocketAddr::V4(v4) => Self::V4(WinSock::SOCKADDR_IN {
                sin_family: WinSock::AF_INET,
                sin_port: v4.port().to_be(),
                sin_addr: WinSock::IN_ADDR {
                    S_un: WinSock::IN_ADDR_0 {
                        S_addr: u32::from_ne_bytes(v4.ip().octets()),
                    },
                },
                sin_zero: [0; 8],
            }),
            SocketAddr::V6(v6) => Self::V6(WinSock::SOCKADDR_IN6 {
                sin6_family: WinSock::AF_INET6,
                sin6_port: v6.port().to_be(),
                sin6_flowinfo: 0,
                sin6_addr: WinSock::IN6_ADDR {
                    u: WinSock::IN6_ADDR_0 { Byte: v6.ip().octets() },
                },
                Anonymous: WinSock::SOCKADDR_IN6_0 {
                    sin6_scope_id: v6.scope_id(),
                },
            }),
        }
    }

    /// Calls bind() or connect() with it.
    fn give(
        &self,
        socket: &Socket,
        call: unsafe extern "system" fn(WinSock::SOCKET, *const WinSock::SOCKADDR, i32) -> i32,
    ) -> Result<(), Failure> {
        let (address, length): (*const WinSock::SOCKADDR, _) = match self {
            Self::V4(v4) => (core::ptr::from_ref(v4).cast(), length_of::<WinSock::SOCKADDR_IN>()),
            Self::V6(v6) => (core::ptr::from_ref(v6).cast(), length_of::<WinSock::SOCKADDR_IN6>()),
        };
        // SAFETY: the address lives through the call, and is as long as its structure.
        match unsafe { call(socket.0, address, length) } {
            0 => Ok(()),
            _ => Err(last_failure()),
        }
    }
}

/// Begins to connect a socket that does not block, from this address of ours or from one that the system chooses.
pub(super) fn begin_to_connect(socket: &Socket, server: SocketAddr, source: Option<IpAddr>) -> Result<(), Failure> {
    if let Some(source) = source {
        SystemAddress::of(source_for(server, source)?)
            .give(socket, WinSock::bind)
            .map_err(|_| Failure::NoSource)?;
    }
    match SystemAddress::of(server).give(socket, WinSock::connect) {
        Err(Failure::WouldBlock) => Ok(()),
        result => result,
    }
}

/// Why the connection could not be established.
pub fn connect_failure(socket: &Socket) -> Failure {
    let error = watched()
        .iter()
        .find(|one| one.socket == socket.0)
        .map_or(0, |one| one.error);
    failure(error)
}

/// Whether the connection is established.
pub fn is_connected(socket: &Socket) -> bool {
    // SAFETY: a SOCKADDR_STORAGE of zeros is a valid value of it.
    let mut address: WinSock::SOCKADDR_STORAGE = unsafe { zeroed() };
    let mut length = length_of::<WinSock::SOCKADDR_STORAGE>();
    // SAFETY: the storage is ours and as long as `length` says.
    unsafe { WinSock::getpeername(socket.0, (&raw mut address).cast(), &raw mut length) == 0 }
}

/// The address of our end of the connection.
pub fn local_address(socket: &Socket) -> IpAddr {
    // SAFETY: a SOCKADDR_STORAGE of zeros is a valid value of it.
    let mut address: WinSock::SOCKADDR_STORAGE = unsafe { zeroed() };
    let mut length = length_of::<WinSock::SOCKADDR_STORAGE>();
    // SAFETY: the storage is ours and as long as `length` says.
    let result = unsafe { WinSock::getsockname(socket.0, (&raw mut address).cast(), &raw mut length) };
    match address.ss_family {
        WinSock::AF_INET if result == 0 => {
            // SAFETY: the family says that a SOCKADDR_IN stands there, and the storage is large and aligned enough.
            let v4 = unsafe {
                (*(&raw const address).cast::<WinSock::SOCKADDR_IN>())
                    .sin_addr
                    .S_un
                    .S_addr
            };
            IpAddr::V4(Ipv4Addr::from(v4.to_ne_bytes()))
        }
        WinSock::AF_INET6 if result == 0 => {
            // SAFETY: as above, for a SOCKADDR_IN6.
            let v6 = unsafe { (*(&raw const address).cast::<WinSock::SOCKADDR_IN6>()).sin6_addr.u.Byte };
            IpAddr::V6(Ipv6Addr::from(v6))
        }
        _ => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
    }
}

fn transferred(result: i32) -> Result<usize, Failure> {
    usize::try_from(result).map_err(|_| last_failure())
}

fn limited(length: usize) -> i32 {
    i32::try_from(length).unwrap_or(i32::MAX)
}

/// Sends octets.
pub fn send(socket: &Socket, octets: &[u8]) -> Result<usize, Failure> {
    // SAFETY: the octets live through the call, and there are as many as it is told, or more.
    transferred(unsafe { WinSock::send(socket.0, octets.as_ptr(), limited(octets.len()), 0) })
}

/// Receives octets; 0 when the other end has closed.
pub fn receive(socket: &Socket, octets: &mut [u8]) -> Result<usize, Failure> {
    // SAFETY: the buffer is ours through the call, and as long as it is told, or longer.
    transferred(unsafe { WinSock::recv(socket.0, octets.as_mut_ptr(), limited(octets.len()), 0) })
}
