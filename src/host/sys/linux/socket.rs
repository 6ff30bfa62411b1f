//! Sockets: made, connected, read and written without ever blocking.

use core::ffi::c_int;
use core::mem::{size_of, zeroed};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsRawFd, IntoRawFd, OwnedFd};

use super::super::interface::{Failure, source_for};
use super::failure::{failure, last_failure, owned};

/// A socket; it is closed when it is dropped.
pub type Socket = OwnedFd;

const fn socklen<T>() -> libc::socklen_t {
    size_of::<T>() as libc::socklen_t
}

/// A TCP socket that never blocks, is not inherited by programs that are started, and does not hold back small segments.
pub(super) fn socket_for(server: SocketAddr) -> Result<Socket, Failure> {
    let family = match server {
        SocketAddr::V4(_) => libc::AF_INET,
        SocketAddr::V6(_) => libc::AF_INET6,
    };
    let kind = libc::SOCK_STREAM | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
    // SAFETY: takes no pointers.
    let socket = owned(unsafe { libc::socket(family, kind, 0) })?;
    let on: c_int = 1;
    // SAFETY: the option's value is a c_int that lives through the call. Its failure costs time only.
    unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_NODELAY,
            (&raw const on).cast(),
            socklen::<c_int>(),
        );
    }
    Ok(socket)
}

/// An address as the system takes it, in the structure of its family.
enum SystemAddress {
    V4(libc::sockaddr_in),
    V6(libc::sockaddr_in6),
}

impl SystemAddress {
    fn of(address: SocketAddr) -> Self {
        match address {
            SocketAddr::V4(v4) => Self::V4(libc::sockaddr_in {
                sin_family: libc::AF_INET as libc::sa_family_t,
                sin_port: v4.port().to_be(),
                sin_addr: libc::in_addr {
                    s_addr: u32::from_ne_bytes(v4.ip().octets()),
                },
                sin_zero: [0; 8],
            }),
            SocketAddr::V6(v6) => Self::V6(libc::sockaddr_in6 {
                sin6_family: libc::AF_INET6 as libc::sa_family_t,
                sin6_port: v6.port().to_be(),
                sin6_flowinfo: 0,
                sin6_addr: libc::in6_addr {
                    s6_addr: v6.ip().octets(),
                },
                sin6_scope_id: v6.scope_id(),
            }),
        }
    }

    /// Calls bind() or connect() with it.
    fn give(
        &self,
        socket: &Socket,
        call: unsafe extern "C" fn(c_int, *const libc::sockaddr, libc::socklen_t) -> c_int,
    ) -> Result<(), Failure> {
        let (address, length): (*const libc::sockaddr, _) = match self {
            Self::V4(v4) => (core::ptr::from_ref(v4).cast(), socklen::<libc::sockaddr_in>()),
            Self::V6(v6) => (core::ptr::from_ref(v6).cast(), socklen::<libc::sockaddr_in6>()),
        };
        // SAFETY: the address lives through the call, and is as long as its structure.
        match unsafe { call(socket.as_raw_fd(), address, length) } {
            0 => Ok(()),
            _ => Err(last_failure()),
        }
    }
}

/// Begins to connect, from this address of ours or from one that the system chooses.
pub(super) fn begin_to_connect(socket: &Socket, server: SocketAddr, source: Option<IpAddr>) -> Result<(), Failure> {
    if let Some(source) = source {
        bind(socket, server, source)?;
    }
    match SystemAddress::of(server).give(socket, libc::connect) {
        Err(Failure::WouldBlock) => Ok(()),
        result => result,
    }
}

fn bind(socket: &Socket, server: SocketAddr, source: IpAddr) -> Result<(), Failure> {
    let on: c_int = 1;
    // The port is chosen when it connects: then another connection to another server may have the same one.
    // SAFETY: the option's value is a c_int that lives through the call. Where the system does not know it (before Linux 4.2),
    // there are only fewer ports.
    unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_IP,
            libc::IP_BIND_ADDRESS_NO_PORT,
            (&raw const on).cast(),
            socklen::<c_int>(),
        );
    }
    match SystemAddress::of(source_for(server, source)?).give(socket, libc::bind) {
        // An address that is not ours (EADDRNOTAVAIL); without a port bind() does not run out of ports.
        Err(Failure::Exhausted) => Err(Failure::NoSource),
        result => result,
    }
}

/// Gives a socket up without closing it: the number may be the program's own by now.
pub fn leave_open(socket: Socket) {
    let _ = socket.into_raw_fd();
}

/// Why the connection could not be established.
pub fn connect_failure(socket: &Socket) -> Failure {
    let mut error: c_int = 0;
    let mut length = socklen::<c_int>();
    // SAFETY: value and length are ours, and the length says how large the value is.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_ERROR,
            (&raw mut error).cast(),
            &raw mut length,
        )
    };
    if result < 0 { last_failure() } else { failure(error) }
}

/// Whether the connection is established.
// Saves 112 bytes.
#[inline(never)]
pub fn is_connected(socket: &Socket) -> bool {
    // SAFETY: a sockaddr_storage of zeros is a valid value of it.
    let mut address: libc::sockaddr_storage = unsafe { zeroed() };
    let mut length = socklen::<libc::sockaddr_storage>();
    // SAFETY: the storage is ours and as long as `length` says.
    unsafe { libc::getpeername(socket.as_raw_fd(), (&raw mut address).cast(), &raw mut length) == 0 }
}

/// The address of our end of the connection.
pub fn local_address(socket: &Socket) -> IpAddr {
    // SAFETY: a sockaddr_storage of zeros is a valid value of it.
    let mut address: libc::sockaddr_storage = unsafe { zeroed() };
    let mut length = socklen::<libc::sockaddr_storage>();
    // SAFETY: the storage is ours and as long as `length` says.
    let result = unsafe { libc::getsockname(socket.as_raw_fd(), (&raw mut address).cast(), &raw mut length) };
    match c_int::from(address.ss_family) {
        libc::AF_INET if result == 0 => {
            // SAFETY: the family says that a sockaddr_in stands there, and the storage is large and aligned enough.
            let v4 = unsafe { &*(&raw const address).cast::<libc::sockaddr_in>() };
            IpAddr::V4(Ipv4Addr::from(v4.sin_addr.s_addr.to_ne_bytes()))
        }
        libc::AF_INET6 if result == 0 => {
            // SAFETY: as above, for a sockaddr_in6.
            let v6 = unsafe { &*(&raw const address).cast::<libc::sockaddr_in6>() };
            IpAddr::V6(Ipv6Addr::from(v6.sin6_addr.s6_addr))
        }
        _ => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
    }
}

fn transferred(result: isize) -> Result<usize, Failure> {
    usize::try_from(result).map_err(|_| last_failure())
}

/// Sends octets; no signal is raised when the connection is gone.
pub fn send(socket: &Socket, octets: &[u8]) -> Result<usize, Failure> {
    // SAFETY: the octets live through the call, and their number is right.
    transferred(unsafe {
        libc::send(
            socket.as_raw_fd(),
            octets.as_ptr().cast(),
            octets.len(),
            libc::MSG_NOSIGNAL,
        )
    })
}

/// Receives octets; 0 when the other end has closed.
pub fn receive(socket: &Socket, octets: &mut [u8]) -> Result<usize, Failure> {
    // SAFETY: the buffer is ours through the call, and its length is right.
    transferred(unsafe { libc::recv(socket.as_raw_fd(), octets.as_mut_ptr().cast(), octets.len(), 0) })
}
