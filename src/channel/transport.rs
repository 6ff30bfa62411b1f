//! The connection that a program provides: a structure of functions, called here and nowhere else; on the host and on a
//! device.
//!
//! It is a structure of the C ABI, which is why its names are C's.
#![allow(non_camel_case_types)]

use core::borrow::Borrow;
use core::ffi::{CStr, c_char, c_void};
use core::mem::{offset_of, size_of};

use super::carrier::{Channel, Moved};
use crate::code::Reason;
use crate::wire::literal::Address;

/// A callback of sds_smtp_transport: the connection ended, or was never there.
pub const SDS_SMTP_LOST: i32 = -1;
/// A callback of sds_smtp_transport: the server's machine refused the connection.
pub const SDS_SMTP_REFUSED: i32 = -2;
/// A callback of sds_smtp_transport: there is no way to the server, or no network.
pub const SDS_SMTP_UNREACHABLE: i32 = -3;
/// A callback of sds_smtp_transport: there is no memory for a connection, or too many are open.
pub const SDS_SMTP_NO_SOCKET: i32 = -4;
/// A callback of sds_smtp_transport: the server's certificate is not trusted, not valid now, or for another
/// server. The mail ends with code 37.
pub const SDS_SMTP_TRANSPORT_UNTRUSTED: i32 = -5;
/// A callback of sds_smtp_transport: TLS failed in any other way. The mail ends with code 36.
pub const SDS_SMTP_TRANSPORT_TLS_FAILED: i32 = -6;
/// start_tls, close and resolve of sds_smtp_transport: not done, call me again at once.
pub const SDS_SMTP_TRANSPORT_AGAIN: i32 = 2;

/// `sds_smtp_transport.flags`: on bare metal the program calls sds_smtp_poll() by itself when a function that
/// returned 0 has something to say or to do: when the connection is made, has something to read, or has room
/// again. Then sds_smtp_poll() returns the time to the next deadline, instead of asking for a call every few
/// milliseconds. With an operating system it has no effect: see `descriptor`.
pub const SDS_SMTP_TRANSPORT_WAKES: u32 = 1;

/// An IP address and a port.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct sds_smtp_address {
    /// 4: the first four octets of `octets` are an IPv4 address; 6: all of them are an IPv6 address.
    pub version: u32,
    /// The port.
    pub port: u32,
    /// The address, in network byte order: 192.0.2.1 is {192, 0, 2, 1}.
    pub octets: [u8; 16],
}

/// The connection that the program provides. A client has one at a time. Each client has its own: two clients
/// that shared one would read each other's answers. Begin with SDS_SMTP_TRANSPORT_INIT.
///
/// None of the functions may block: what is not possible now is tried again in a later call. `connect`,
/// `connected`, `send`, `receive` and `close` are needed; the others may be NULL. A negative number is one of
/// SDS_SMTP_LOST, _REFUSED, _UNREACHABLE, _NO_SOCKET, _TRANSPORT_UNTRUSTED and _TRANSPORT_TLS_FAILED; the
/// result of the mail says which it was.
///
/// On bare metal sds_smtp_poll() calls these functions; sds_smtp_client_free() and
/// sds_smtp_client_set_transport() call close, too. If one of them calls the library, it gets 14;
/// sds_smtp_client_free() and sds_smtp_set_clock() then do nothing. The structure is not copied: it must stay
/// in place, unchanged, as long as the client uses it.
///
/// With an operating system the library's thread calls them, or sds_smtp_poll() after
/// sds_smtp_use_event_loop(), and no lock of the library is held: see docs/threads-and-loops.md. The
/// structure is copied; what `context` points to must stay as long as the client uses it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct sds_smtp_transport {
    /// sizeof(struct sds_smtp_transport); SDS_SMTP_TRANSPORT_INIT sets it.
    pub struct_size: u32,
    /// 0 or SDS_SMTP_TRANSPORT_WAKES.
    pub flags: u32,
    /// Handed to each of the functions, untouched.
    pub context: *mut c_void,
    /// Begins to connect. Returns 0: begun (or done), or a negative number. An earlier connection has been
    /// closed before.
    pub connect: Option<unsafe extern "C" fn(context: *mut c_void, server: *const sds_smtp_address) -> i32>,
    /// Whether the connection is made: 1 yes, 0 not yet, or a negative number.
    pub connected: Option<unsafe extern "C" fn(context: *mut c_void) -> i32>,
    /// Sends up to `length` octets. Returns how many it took; 0 if it can take none now; or a negative
    /// number: none of these octets has left, and none will. It copies the octets: they are gone when it
    /// returns.
    pub send: Option<unsafe extern "C" fn(context: *mut c_void, octets: *const u8, length: usize) -> i32>,
    /// Receives up to `max` octets. Returns how many; 0 if there are none now; or SDS_SMTP_LOST if the server
    /// has closed the connection or it broke, after everything that came before was received. A transport
    /// that connects anew by itself returns SDS_SMTP_LOST first: what a later connection brings belongs to
    /// the next connect.
    pub receive: Option<unsafe extern "C" fn(context: *mut c_void, octets: *mut u8, max: usize) -> i32>,
    /// Closes the connection, whatever its state, and delivers what send took, if possible. Returns 1:
    /// closed; 0: not yet, call me again later; SDS_SMTP_TRANSPORT_AGAIN: not yet, call me again at once. For
    /// each connect that returned 0 it is called until it returns 1, a second at most; then the connection
    /// counts as closed. No other function is called meanwhile. sds_smtp_client_free() and
    /// sds_smtp_client_set_transport() call it once and do not wait.
    pub close: Option<unsafe extern "C" fn(context: *mut c_void) -> i32>,
    /// Writes the device's own address, for EHLO. Returns 0, or a negative number if it is not known. NULL:
    /// not known. Then EHLO says `[127.0.0.1]` unless sds_smtp_config.ehlo_name is set.
    pub local_address: Option<unsafe extern "C" fn(context: *mut c_void, out: *mut sds_smtp_address) -> i32>,
    /// Returns 32 random bits of a real source, for the Message-ID. On bare metal NULL means that there is
    /// none. Then a mail has a Message-ID only if there is a clock (sds_smtp_set_clock) and local_address is
    /// known. Otherwise it has none, and most servers add one: a Message-ID that repeats, after a restart or
    /// on another device, would make servers drop mails. With an operating system it is not called.
    pub random: Option<unsafe extern "C" fn(context: *mut c_void) -> u32>,
    /// Secures the connection. NULL: no TLS. With SDS_SMTP_TLS_STARTTLS it is called in mid-session, behind
    /// the server's 220 to STARTTLS; else when the connection is made, before the server speaks (RFC 8314:
    /// port 465), each time after connected. It is called again and again until it returns 1: secured. 0: not
    /// yet; SDS_SMTP_TRANSPORT_AGAIN: not yet, call me again at once, as for a handshake that is calculated
    /// in parts; or a negative number. From then on send and receive go through TLS. `server_name` is the
    /// name that the certificate has to be for: sds_smtp_config.tls_name, or the server's name as it was
    /// configured, without a dot at its end; NULL where an address was configured, and no tls_name.
    pub start_tls: Option<unsafe extern "C" fn(context: *mut c_void, server_name: *const c_char) -> i32>,
    /// Looks up the address of a server that was configured by its name. NULL: only addresses can be
    /// configured on bare metal; with an operating system the library asks the system. It is called before
    /// each connect, again and again until it returns 1: found, and version and octets of `out` are filled in
    /// (the port is the library's). 0: not yet; SDS_SMTP_TRANSPORT_AGAIN: not yet, call me again at once; a
    /// negative number: not found, and the mail ends with code 35, or 13 on bare metal.
    pub resolve:
        Option<unsafe extern "C" fn(context: *mut c_void, name: *const c_char, out: *mut sds_smtp_address) -> i32>,
    /// With an operating system: a descriptor that is readable or writable when a function that returned 0
    /// may have something to say, asked while a connection is open. -1, or NULL: none, and the functions are
    /// called every few milliseconds. On bare metal it is not called.
    pub descriptor: Option<unsafe extern "C" fn(context: *mut c_void) -> isize>,
    /// NULL.
    pub reserved: *const c_void,
}

// A multiple of eight octets with pointers of 32 bits, too.
const _: () = assert!(size_of::<sds_smtp_transport>() == 8 + 12 * size_of::<*const c_void>());

/// What a function did that is called until it has done it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Called {
    /// It is not done: to be called again when something has happened.
    NotYet,
    /// It is done.
    Done,
    /// It is not done: to be called again at once.
    Again,
    /// It failed.
    Failed(Reason),
}

/// Why a function failed that returned this negative number.
fn why(returned: i32) -> Reason {
    match returned {
        SDS_SMTP_REFUSED => Reason::Refused,
        SDS_SMTP_UNREACHABLE => Reason::Unreachable,
        SDS_SMTP_NO_SOCKET => Reason::NoSocket,
        SDS_SMTP_TRANSPORT_UNTRUSTED => Reason::Untrusted,
        SDS_SMTP_TRANSPORT_TLS_FAILED => Reason::TlsFailed,
        _ => Reason::Lost,
    }
}

/// What a function did that returned this, and may return up to `most` octets.
// Saves 8 bytes of the small library.
#[cfg_attr(not(fast), inline(always))]
fn moved(returned: i32, most: usize) -> Moved {
    match usize::try_from(returned) {
        Ok(octets) if octets <= most => Moved::octets(octets),
        // More than there was: nothing it says can be trusted. It took something: all of it, perhaps.
        Ok(_) => Moved {
            octets: most,
            ended: Some(Reason::BadTransport),
        },
        Err(_) => Moved::ended(why(returned)),
    }
}

/// What a function did that returned this, and may return up to `most`.
// Saves 64 bytes.
#[cfg_attr(fast, inline(never))]
fn called(returned: i32, most: i32) -> Called {
    match returned {
        _ if returned > most => Called::Failed(Reason::BadTransport),
        0 => Called::NotYet,
        DONE => Called::Done,
        SDS_SMTP_TRANSPORT_AGAIN => Called::Again,
        _ => Called::Failed(why(returned)),
    }
}

/// A function has done what it is called for.
const DONE: i32 = 1;

/// How many functions every connection needs: connect, connected, send, receive, close.
const NEEDED: usize = 5;

const _: () = assert!(
    offset_of!(sds_smtp_transport, close).wrapping_sub(offset_of!(sds_smtp_transport, connect))
        == size_of::<[*const c_void; NEEDED.wrapping_sub(1)]>()
);

// A connection's addresses are told as they are.
const _: () = assert!(
    size_of::<sds_smtp_address>() == size_of::<Address>()
        && offset_of!(sds_smtp_address, port) == offset_of!(Address, port)
        && offset_of!(sds_smtp_address, octets) == offset_of!(Address, octets)
);

/// A connection with all the functions that it needs: a structure of the program's, which stays where it is
/// on a device, and of which the host has a copy.
#[derive(Clone, Copy)]
pub struct Transport<S = &'static sds_smtp_transport>(S);

// SAFETY: who gives one promises that its functions may be called on any thread, one at a time.
unsafe impl<S> Send for Transport<S> {}
// SAFETY: likewise. Shared by threads, only the pointers in it are read.
unsafe impl<S> Sync for Transport<S> {}

/// Calls one of these functions.
macro_rules! call {
    ($transport:expr, $function:ident $(, $argument:expr)*) => {
        // SAFETY: `Transport::new` or the caller has found the function there, and who gave the transport promised that it stays
        // as it is, and that its functions can be called with its context, and with what lies at a pointer until they return.
        unsafe {
            let transport: &sds_smtp_transport = $transport.0.borrow();
            let function = transport.$function.unwrap_unchecked();
            function(transport.context $(, $argument)*)
        }
    };
}

impl<S: Borrow<sds_smtp_transport>> Transport<S> {
    /// One that can be used: a structure of this version, with the functions that every connection needs.
    ///
    /// # Safety
    ///
    /// Its functions can be called with its context, and, for `S` a reference, it stays as it is.
    pub unsafe fn new(given: S) -> Option<Self> {
        let transport = given.borrow();
        // SAFETY: there they stand, one beside the other (asserted above), and a function is a pointer.
        let needed = unsafe {
            let first = core::ptr::from_ref(transport).byte_add(offset_of!(sds_smtp_transport, connect));
            core::slice::from_raw_parts(first.cast::<*const c_void>(), NEEDED)
        };
        let whole = usize::try_from(transport.struct_size) == Ok(size_of::<sds_smtp_transport>())
            && transport.flags & !SDS_SMTP_TRANSPORT_WAKES == 0
            && transport.reserved.is_null()
            && needed.iter().all(|function| !function.is_null());
        whole.then_some(Self(given))
    }

    /// Whether the program calls when something has happened.
    pub fn wakes(&self) -> bool {
        self.0.borrow().flags & SDS_SMTP_TRANSPORT_WAKES != 0
    }

    /// Whether it speaks TLS.
    pub fn secures(&self) -> bool {
        self.0.borrow().start_tls.is_some()
    }

    /// Whether it looks up names.
    pub fn resolves(&self) -> bool {
        self.0.borrow().resolve.is_some()
    }

    /// Begins to connect; [`Called::NotYet`] where it has begun.
    pub fn connect(&self, server: &Address) -> Called {
        called(call!(self, connect, core::ptr::from_ref(server).cast()), 0)
    }

    /// Whether the connection is made.
    pub fn connected(&self) -> Called {
        called(call!(self, connected), DONE)
    }

    /// Secures the connection to the server of this name; done at once where it speaks no TLS.
    pub fn start_tls(&self, server_name: Option<&CStr>) -> Called {
        if !self.secures() {
            return Called::Done;
        }
        let name = server_name.map_or(core::ptr::null(), CStr::as_ptr);
        called(call!(self, start_tls, name), SDS_SMTP_TRANSPORT_AGAIN)
    }

    /// Closes the connection.
    pub fn close(&self) -> Called {
        called(call!(self, close), SDS_SMTP_TRANSPORT_AGAIN)
    }

    /// Looks up a name. Where it is found, `out` has its address, with the port that it had.
    pub fn resolve(&self, name: &CStr, out: &mut Address) -> Called {
        if !self.resolves() {
            return Called::Failed(Reason::NameNotFound);
        }
        let mut found = sds_smtp_address {
            version: 0,
            port: out.port,
            octets: [0; 16],
        };
        match called(
            call!(self, resolve, name.as_ptr(), &raw mut found),
            SDS_SMTP_TRANSPORT_AGAIN,
        ) {
            Called::Done => {}
            Called::Failed(Reason::BadTransport) => return Called::Failed(Reason::BadTransport),
            Called::Failed(_) => return Called::Failed(Reason::NameNotFound),
            later => return later,
        }
        (out.version, out.octets) = (found.version, found.octets);
        if readable(found.version) {
            Called::Done
        } else {
            Called::Failed(Reason::BadTransport)
        }
    }

    /// Writes our end's address; that of the loopback where it is not known.
    pub fn local(&self, local: &mut Address) {
        let known = self.0.borrow().local_address.is_some()
            // The layouts are the same.
            && call!(self, local_address, core::ptr::from_mut(local).cast()) >= 0;
        if !(known && readable(local.version)) {
            local.version = 4;
            local.octets = [127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        }
    }

    /// Adds chance to each of these words; false where there is no source of it.
    pub fn randomise(&self, words: &mut [u32]) -> bool {
        let is_random = self.0.borrow().random.is_some();
        if is_random {
            for word in words {
                *word ^= call!(self, random);
            }
        }
        is_random
    }

    /// What to wait on while the connection is open, if there is such a thing.
    pub fn descriptor(&self) -> Option<isize> {
        self.0.borrow().descriptor?;
        Some(call!(self, descriptor)).filter(|descriptor| *descriptor >= 0)
    }
}

/// Whether an address has a version that this library reads.
fn readable(version: u32) -> bool {
    version == 4 || (cfg!(feature = "complete") && version == 6)
}

impl<S: Borrow<sds_smtp_transport>> Channel for Transport<S> {
    fn send(&mut self, octets: &[u8]) -> Moved {
        moved(call!(self, send, octets.as_ptr(), octets.len()), octets.len())
    }

    fn receive(&mut self, octets: &mut [u8]) -> Moved {
        moved(call!(self, receive, octets.as_mut_ptr(), octets.len()), octets.len())
    }
}
