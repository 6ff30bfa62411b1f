//! The connection that the program provides: a structure of functions, called here and nowhere else.
//!
//! It is a structure of the C ABI, which is why its names are C's.
#![allow(non_camel_case_types)]

use core::ffi::c_void;
use core::mem::{offset_of, size_of};

use crate::channel::{Channel, Moved};
use crate::client::report::Nonce;
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

/// `sds_smtp_transport.flags`: the program calls sds_smtp_poll() by itself when the connection is made, has
/// something to read, or has room again. Then sds_smtp_poll() returns the time to the next deadline, instead
/// of asking for a call every few milliseconds.
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
/// that shared one would read each other's answers.
///
/// sds_smtp_poll() calls these functions; sds_smtp_client_free() and sds_smtp_client_set_transport() call
/// close, too. None of them may block: what is not possible now is tried again in a later call. If one of
/// them calls the library, it gets 14; sds_smtp_client_free() and sds_smtp_set_clock() then do nothing. The
/// structure is not copied: it must stay in place, unchanged, as long as the client uses it.
#[repr(C)]
pub struct sds_smtp_transport {
    /// sizeof(struct sds_smtp_transport); SDS_SMTP_TRANSPORT_INIT sets it.
    pub struct_size: u32,
    /// 0 or SDS_SMTP_TRANSPORT_WAKES.
    pub flags: u32,
    /// Handed to each of the functions, untouched.
    pub context: *mut c_void,
    /// Begins to connect. Returns 0: begun (or done), or a negative number: SDS_SMTP_LOST, _REFUSED,
    /// _UNREACHABLE or _NO_SOCKET. An earlier connection has been closed before.
    pub connect: Option<unsafe extern "C" fn(context: *mut c_void, server: *const sds_smtp_address) -> i32>,
    /// Whether the connection is made: 1 yes, 0 not yet, or a negative number as for connect.
    pub connected: Option<unsafe extern "C" fn(context: *mut c_void) -> i32>,
    /// Sends up to `length` octets. Returns how many it took; 0 if it can take none now; or SDS_SMTP_LOST:
    /// none of these octets has left, and none will. It copies the octets: they are gone when it returns.
    pub send: Option<unsafe extern "C" fn(context: *mut c_void, octets: *const u8, length: usize) -> i32>,
    /// Receives up to `max` octets. Returns how many; 0 if there are none now; or SDS_SMTP_LOST if the server
    /// has closed the connection or it broke, after everything that came before was received. A transport
    /// that connects anew by itself returns SDS_SMTP_LOST first: what a later connection brings belongs to
    /// the next connect.
    pub receive: Option<unsafe extern "C" fn(context: *mut c_void, octets: *mut u8, max: usize) -> i32>,
    /// Closes the connection, whatever its state. It is called once for each connect that returned 0. If
    /// possible, it still delivers what send took.
    pub close: Option<unsafe extern "C" fn(context: *mut c_void)>,
    /// Writes the device's own address, for EHLO. Returns 0, or a negative number if it is not known. NULL:
    /// not known. Then EHLO says `[127.0.0.1]` unless sds_smtp_config.ehlo_name is set.
    pub local_address: Option<unsafe extern "C" fn(context: *mut c_void, out: *mut sds_smtp_address) -> i32>,
    /// Returns 32 random bits of a real source, for the Message-ID. NULL: there is none. Then a mail has a
    /// Message-ID only if there is a clock (sds_smtp_set_clock) and local_address is known. Otherwise it has
    /// none, and most servers add one: a Message-ID that repeats, after a restart or on another device, would
    /// make servers drop mails.
    pub random: Option<unsafe extern "C" fn(context: *mut c_void) -> u32>,
    /// Secures the connection, for ports that speak TLS from the first octet (RFC 8314: 465). NULL: no TLS.
    /// It is called when the connection is made, before the server speaks, again and again (each time after
    /// connected) until it returns 1: secured. 0: not yet; negative: it failed, or the server's certificate
    /// is not the right one. From then on send and receive go through TLS.
    pub start_tls: Option<unsafe extern "C" fn(context: *mut c_void) -> i32>,
}

/// What a function did that returned this, and may return up to `most`: a number of octets, or 1 for "yes".
fn given(returned: i32, most: usize) -> Moved {
    let (octets, reason) = match usize::try_from(returned) {
        Ok(octets) if octets <= most => return Moved::octets(octets),
        // More than there was: nothing it says can be trusted. It took something: all of it, perhaps.
        Ok(_) => (most, Reason::BadTransport),
        Err(_) => match returned {
            SDS_SMTP_REFUSED => (0, Reason::Refused),
            SDS_SMTP_UNREACHABLE => (0, Reason::Unreachable),
            SDS_SMTP_NO_SOCKET => (0, Reason::NoSocket),
            _ => (0, Reason::Lost),
        },
    };
    Moved {
        octets,
        ended: Some(reason),
    }
}

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

/// How far a connection is. As long as it does not stand, the number is what the transport may say of it at
/// the most.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Link {
    /// There is none.
    None = 0,
    /// The transport has begun to connect.
    Begun = 1,
    /// It stands, as far as the transport has said.
    Stands,
}

/// A connection with all the functions that it needs.
#[derive(Clone, Copy)]
pub struct Transport(&'static sds_smtp_transport);

/// Calls one of these functions.
macro_rules! call {
    ($transport:expr, $function:ident $(, $argument:expr)*) => {
        // SAFETY: `Transport::new` has found the function there, and who gave the transport promised that it stays as it is, and
        // that its functions can be called with its context, and with what lies at a pointer until they return.
        unsafe {
            let function = $transport.0.$function.unwrap_unchecked();
            function($transport.0.context $(, $argument)*)
        }
    };
}

impl Transport {
    /// One that can be used: a structure of this version, with the functions that every connection needs.
    pub fn new(given: &'static sds_smtp_transport) -> Option<Self> {
        // SAFETY: there they stand, one beside the other (asserted above), and a function is a pointer.
        let needed = unsafe {
            let first = core::ptr::from_ref(given).byte_add(offset_of!(sds_smtp_transport, connect));
            core::slice::from_raw_parts(first.cast::<*const c_void>(), NEEDED)
        };
        let whole = usize::try_from(given.struct_size) == Ok(size_of::<sds_smtp_transport>())
            && given.flags & !SDS_SMTP_TRANSPORT_WAKES == 0
            && needed.iter().all(|function| !function.is_null());
        whole.then_some(Self(given))
    }

    pub(super) fn wakes(&self) -> bool {
        self.0.flags & SDS_SMTP_TRANSPORT_WAKES != 0
    }

    /// Begins to connect, or asks whether the connection stands, and is secured where that is wanted.
    pub(super) fn connect(&self, link: Link, server: &Address) -> Moved {
        let mut returned;
        if link == Link::None {
            returned = call!(self, connect, core::ptr::from_ref(server).cast());
        } else {
            returned = call!(self, connected);
            if returned == 1 && self.0.start_tls.is_some() {
                returned = call!(self, start_tls);
            }
        }
        given(returned, link as usize)
    }

    pub(super) fn close(&self) {
        call!(self, close);
    }

    /// Writes our end's address; that of the loopback where it is not known.
    pub(super) fn local(&self, local: &mut Address) {
        let known = self.0.local_address.is_some()
            // The layouts are the same.
            && call!(self, local_address, core::ptr::from_mut(local).cast()) >= 0;
        let readable = local.version == 4 || (cfg!(feature = "complete") && local.version == 6);
        if !(known && readable) {
            local.version = 4;
            local.octets = [127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        }
    }

    /// Completes what a Message-ID is made of: the time, a number that no other mail of this client has in
    /// that second, the client, our address (time and address 0 where they are not known); and chance in
    /// each. Without chance, and time or address, it could be like another's: then there is none.
    pub(super) fn complete(&self, nonce: &mut Nonce) -> bool {
        if self.0.random.is_some() {
            for word in nonce {
                *word ^= call!(self, random);
            }
            return true;
        }
        nonce[0] != 0 && nonce[3] != 0
    }
}

impl Channel for Transport {
    fn send(&mut self, octets: &[u8]) -> Moved {
        given(call!(self, send, octets.as_ptr(), octets.len()), octets.len())
    }

    fn receive(&mut self, octets: &mut [u8]) -> Moved {
        given(call!(self, receive, octets.as_mut_ptr(), octets.len()), octets.len())
    }
}
