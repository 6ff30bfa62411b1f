//! Names: addresses that the system's name service knows them by, and the numbers of interfaces.

use core::ffi::CStr;
use core::mem::zeroed;
use core::ptr::{null, null_mut};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

use windows_sys::Win32::NetworkManagement::IpHelper::{if_indextoname, if_nametoindex};
use windows_sys::Win32::Networking::WinSock;

use super::super::interface::Unresolved;

/// What an error number of getaddrinfo() means.
fn unresolved(error: i32) -> Unresolved {
    match error {
        WinSock::WSAHOST_NOT_FOUND | WinSock::WSANO_DATA => Unresolved::NotFound,
        WinSock::WSA_NOT_ENOUGH_MEMORY => Unresolved::NoMemory,
        _ => Unresolved::NoAnswer,
    }
}

/// The first thing that a thread does that looks names up: nothing here.
pub fn before_lookups() {}

/// Asks the system for a name's addresses, and calls `each` with them in the order of RFC 6724. It waits as long as the system
/// does.
pub fn lookup(name: &CStr, each: &mut dyn FnMut(SocketAddr)) -> Result<(), Unresolved> {
    // SAFETY: an ADDRINFOA of zeros is a valid value of it.
    let mut hints: WinSock::ADDRINFOA = unsafe { zeroed() };
    hints.ai_family = i32::from(WinSock::AF_UNSPEC);
    hints.ai_socktype = WinSock::SOCK_STREAM;
    let mut first = null_mut();
    // SAFETY: name and hints live through the call; the list is written into a value of ours.
    let error = unsafe { WinSock::getaddrinfo(name.as_ptr().cast(), null(), &raw const hints, &raw mut first) };
    if error != 0 {
        return Err(unresolved(error));
    }
    let mut next = first;
    // SAFETY: the list is the system's until it is freed below, and nobody changes it.
    while let Some(one) = unsafe { next.as_ref() } {
        match u16::try_from(one.ai_family) {
            Ok(WinSock::AF_INET) => {
                // SAFETY: the family says that a SOCKADDR_IN stands there; it need not be aligned.
                let v4 = unsafe {
                    one.ai_addr
                        .cast::<WinSock::SOCKADDR_IN>()
                        .read_unaligned()
                        .sin_addr
                        .S_un
                        .S_addr
                };
                each(SocketAddr::from((Ipv4Addr::from(v4.to_ne_bytes()), 0)));
            }
            Ok(WinSock::AF_INET6) => {
                // SAFETY: as above, for a SOCKADDR_IN6.
                let v6 = unsafe { one.ai_addr.cast::<WinSock::SOCKADDR_IN6>().read_unaligned() };
                // SAFETY: the octets of an address, and a number: each of their values is valid.
                let (octets, zone) = unsafe { (v6.sin6_addr.u.Byte, v6.Anonymous.sin6_scope_id) };
                each(SocketAddr::V6(SocketAddrV6::new(Ipv6Addr::from(octets), 0, 0, zone)));
            }
            _ => {}
        }
        next = one.ai_next;
    }
    // SAFETY: getaddrinfo() made it, and nothing refers to it any more.
    unsafe { WinSock::freeaddrinfo(first) };
    Ok(())
}

/// The number of the interface with this name, or with this number; None where there is none.
pub fn interface_number(zone: &CStr) -> Option<u32> {
    // SAFETY: the name ends with a NUL.
    match unsafe { if_nametoindex(zone.as_ptr().cast()) } {
        0 => {}
        number => return Some(number),
    }
    let number = zone.to_str().ok()?.parse().ok()?;
    // As Windows' headers have it: NDIS_IF_MAX_STRING_SIZE + 1.
    let mut name = [0u8; 257];
    // SAFETY: the name's room is as large as the system asks for.
    let known = unsafe { !if_indextoname(number, name.as_mut_ptr()).is_null() };
    known.then_some(number)
}
