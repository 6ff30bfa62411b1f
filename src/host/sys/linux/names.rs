//! Names: addresses that the system's name service knows them by, and the numbers of interfaces.

#[cfg(target_env = "gnu")]
use core::ffi::c_ulong;
use core::ffi::{CStr, c_int};
use core::mem::zeroed;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

use super::super::interface::Unresolved;
#[cfg(target_env = "gnu")]
use crate::limits::HOST_NAME_BYTES;

/// What an error number of getaddrinfo() means.
fn unresolved(error: c_int) -> Unresolved {
    // The libc crate does not have these two for every system.
    const EAI_NODATA: c_int = -5;
    const EAI_ADDRFAMILY: c_int = -9;
    match error {
        libc::EAI_NONAME | EAI_NODATA | EAI_ADDRFAMILY => Unresolved::NotFound,
        libc::EAI_MEMORY => Unresolved::NoMemory,
        _ => Unresolved::NoAnswer,
    }
}

/// The beginning of glibc's `struct __res_state`: what a thread knows of its lookups.
#[cfg(target_env = "gnu")]
#[repr(C)]
struct ResolverState {
    retrans: c_int,
    retry: c_int,
    options: c_ulong,
}

#[cfg(target_env = "gnu")]
unsafe extern "C" {
    fn __res_state() -> *mut ResolverState;
    fn __res_ninit(state: *mut ResolverState) -> c_int;
    fn __res_nclose(state: *mut ResolverState);
}

/// The state has been made.
#[cfg(target_env = "gnu")]
const RES_INIT: c_ulong = 1;
/// Names are looked up in the domains of resolv.conf, too: RES_DEFNAMES and RES_DNSRCH.
#[cfg(target_env = "gnu")]
const SEARCHES: c_ulong = 0x80 | 0x200;

/// The first thing that a thread does that looks names up.
///
/// glibc keeps a thread's [`ResolverState`] beside its stack. In the child of a fork it hands the stacks of the threads that are
/// gone to new ones, and does not clear that state (2.36 does not). A new thread would go on with the socket of a lookup that was
/// under way, and parent and child would take each other's answers. Without options the state is made anew, as it is after
/// the end of a thread.
pub fn before_lookups() {
    #[cfg(target_env = "gnu")]
    // SAFETY: the state is this thread's, which is in no lookup; its beginning is the same in every glibc.
    unsafe {
        (*__res_state()).options = 0;
    }
}

/// Asks the system for a name's addresses, and calls `each` with them in the order of RFC 6724. It waits as long as the system
/// does. A name with a dot at its end is looked up as it is, and not in the domains of resolv.conf.
///
/// glibc's files do not know a name with its dot, as "localhost.". There it is asked for without the dot, and without those domains.
#[cfg(target_env = "gnu")]
pub fn lookup(name: &CStr, each: &mut dyn FnMut(SocketAddr)) -> Result<(), Unresolved> {
    let mut room = [0; HOST_NAME_BYTES + 1];
    let [without @ .., b'.'] = name.to_bytes() else {
        return lookup_here(name, each);
    };
    for (to, from) in room.iter_mut().zip(without.iter().take(HOST_NAME_BYTES)) {
        *to = *from;
    }
    let Ok(without) = CStr::from_bytes_until_nul(&room) else {
        return Err(Unresolved::NotFound);
    };
    // SAFETY: the state is this thread's, and in no lookup. It is closed only where it has been made: others are zeros, with no
    // descriptors of theirs. Its beginning is the same in every glibc.
    let state = unsafe {
        let state = __res_state();
        if (*state).options & RES_INIT != 0 {
            __res_nclose(state);
        }
        (*state).options = 0;
        // Where there is no memory, the lookup says so.
        __res_ninit(state);
        state
    };
    // SAFETY: as above.
    let searches = unsafe { (*state).options & SEARCHES };
    // SAFETY: as above.
    unsafe { (*state).options &= !SEARCHES };
    let found = lookup_here(without, each);
    // SAFETY: as above.
    unsafe { (*state).options |= searches };
    found
}

/// Asks the system for a name's addresses, and calls `each` with them in the order of RFC 6724. It waits as long as the system
/// does. A name with a dot at its end is looked up as it is, and not in the domains of resolv.conf.
#[cfg(not(target_env = "gnu"))]
pub fn lookup(name: &CStr, each: &mut dyn FnMut(SocketAddr)) -> Result<(), Unresolved> {
    lookup_here(name, each)
}

/// Asks for a name as the system likes.
fn lookup_here(name: &CStr, each: &mut dyn FnMut(SocketAddr)) -> Result<(), Unresolved> {
    // SAFETY: an addrinfo of zeros is a valid value of it.
    let mut hints: libc::addrinfo = unsafe { zeroed() };
    hints.ai_family = libc::AF_UNSPEC;
    hints.ai_socktype = libc::SOCK_STREAM;
    let mut first = core::ptr::null_mut();
    // SAFETY: name and hints live through the call; the list is written into a value of ours.
    let error = unsafe { libc::getaddrinfo(name.as_ptr(), core::ptr::null(), &raw const hints, &raw mut first) };
    if error != 0 {
        return Err(unresolved(error));
    }
    let mut next = first;
    // SAFETY: the list is the system's until it is freed below, and nobody changes it.
    while let Some(one) = unsafe { next.as_ref() } {
        match one.ai_family {
            libc::AF_INET => {
                // SAFETY: the family says that a sockaddr_in stands there; it need not be aligned.
                let v4 = unsafe { one.ai_addr.cast::<libc::sockaddr_in>().read_unaligned() };
                let ip = Ipv4Addr::from(v4.sin_addr.s_addr.to_ne_bytes());
                each(SocketAddr::from((ip, 0)));
            }
            libc::AF_INET6 => {
                // SAFETY: as above, for a sockaddr_in6.
                let v6 = unsafe { one.ai_addr.cast::<libc::sockaddr_in6>().read_unaligned() };
                let ip = Ipv6Addr::from(v6.sin6_addr.s6_addr);
                each(SocketAddr::V6(SocketAddrV6::new(ip, 0, 0, v6.sin6_scope_id)));
            }
            _ => {}
        }
        next = one.ai_next;
    }
    // SAFETY: getaddrinfo() made it, and nothing refers to it any more.
    unsafe { libc::freeaddrinfo(first) };
    Ok(())
}

/// The number of the interface with this name, or with this number; None where there is none.
pub fn interface_number(zone: &CStr) -> Option<u32> {
    // SAFETY: the name ends with a NUL.
    match unsafe { libc::if_nametoindex(zone.as_ptr()) } {
        0 => {}
        number => return Some(number),
    }
    let number = zone.to_str().ok()?.parse().ok()?;
    let mut name = [0; libc::IF_NAMESIZE];
    // SAFETY: the name's room is as large as the system asks for.
    let known = unsafe { !libc::if_indextoname(number, name.as_mut_ptr()).is_null() };
    known.then_some(number)
}
