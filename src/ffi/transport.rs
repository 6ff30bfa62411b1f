//! `struct sds_smtp_transport`: the connection that a device's program provides.

use core::ffi::{c_int, c_void};
use core::mem::size_of;

use super::client::{of, sds_smtp_client};
use super::guard::guard_code;
use crate::code::{Code, Reason};
use crate::firmware::{Given, Transport};
use crate::wire::literal::Address;

/// A callback of sds_smtp_transport: the connection ended, or was never there.
pub const SDS_SMTP_LOST: i32 = -1;
/// A callback of sds_smtp_transport: the server's machine refused the connection.
pub const SDS_SMTP_REFUSED: i32 = -2;
/// A callback of sds_smtp_transport: there is no way to the server, or no network.
pub const SDS_SMTP_UNREACHABLE: i32 = -3;
/// A callback of sds_smtp_transport: there is no memory for a connection, or too many are open.
pub const SDS_SMTP_NO_SOCKET: i32 = -4;

/// `sds_smtp_transport.flags`: the program calls sds_smtp_poll() by itself when the connection stands, has something to
/// read, or has room again. Then sds_smtp_poll() returns the time to the next deadline, instead of asking for a call
/// every few milliseconds.
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

/// The connection that the program provides: one at a time for each client.
///
/// The library calls these functions out of sds_smtp_poll() only (and close out of sds_smtp_client_free()). None of them
/// may block: what is not possible now is tried again in a later call. A function that calls back into the library is
/// answered 14. The structure is not copied: it stays where it is as long as the client lives.
#[repr(C)]
pub struct sds_smtp_transport {
    /// sizeof(struct sds_smtp_transport); SDS_SMTP_TRANSPORT_INIT sets it.
    pub struct_size: u32,
    /// 0 or SDS_SMTP_TRANSPORT_WAKES.
    pub flags: u32,
    /// Handed to each of the functions, untouched.
    pub context: *mut c_void,
    /// Begins to connect. Returns 0: begun (or done), or a negative number: SDS_SMTP_LOST, _REFUSED, _UNREACHABLE or
    /// _NO_SOCKET. An earlier connection has been closed before.
    pub connect: Option<unsafe extern "C" fn(context: *mut c_void, server: *const sds_smtp_address) -> i32>,
    /// Whether the connection stands: 1 yes, 0 not yet, or a negative number as for connect.
    pub connected: Option<unsafe extern "C" fn(context: *mut c_void) -> i32>,
    /// Sends up to `length` octets. Returns how many were taken, 0 when none can be taken now, or SDS_SMTP_LOST.
    /// The octets are to be copied: they are gone when the function returns.
    pub send: Option<unsafe extern "C" fn(context: *mut c_void, octets: *const u8, length: usize) -> i32>,
    /// Receives up to `max` octets. Returns how many, 0 when there are none now, or SDS_SMTP_LOST when the server has
    /// closed the connection or it broke, and all that came before was received.
    pub receive: Option<unsafe extern "C" fn(context: *mut c_void, octets: *mut u8, max: usize) -> i32>,
    /// Closes the connection, whatever its state; called once for each connect that returned 0. What was taken by send is
    /// still to be delivered where that is possible.
    pub close: Option<unsafe extern "C" fn(context: *mut c_void)>,
    /// Writes our end's address, for EHLO; returns 0, or a negative number where it is not known. NULL: not known; then
    /// EHLO says `[127.0.0.1]` unless sds_smtp_config.ehlo_name is set.
    pub local_address: Option<unsafe extern "C" fn(context: *mut c_void, out: *mut sds_smtp_address) -> i32>,
    /// 32 random bits, for the Message-ID; NULL: none. Without it and without a clock (sds_smtp_set_clock) mails carry no
    /// Message-ID, which most servers then add: one that repeats after a restart would make servers drop mails.
    pub random: Option<unsafe extern "C" fn(context: *mut c_void) -> u32>,
    /// Secures the connection, after the server has agreed to STARTTLS (RFC 3207); called with SDS_SMTP_STARTTLS in
    /// sds_smtp_config.flags only, again and again until it returns 1: secured. 0: not yet; negative: it failed, or the
    /// server's certificate is not the right one. From then on send and receive go through TLS. NULL: no TLS.
    pub start_tls: Option<unsafe extern "C" fn(context: *mut c_void) -> i32>,
}

/// The transport of a client. It is checked, and not copied: it stays where it is until it is replaced or the client ends.
///
/// @param client     the client, or NULL for the built-in one
/// @param transport  the callbacks; NULL: none, and no mail can be sent
/// @return 0; 14 while a mail is in flight; 33 where struct_size or flags are not known, or connect, connected, send,
///         receive or close is NULL; 34
///
/// # Safety
///
/// `transport` is NULL or points to `struct_size` octets, whose functions can be called with its context, and which stay.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sds_smtp_client_set_transport(
    client: *mut sds_smtp_client,
    transport: *const sds_smtp_transport,
) -> c_int {
    guard_code(|| {
        if !transport.is_aligned() {
            return Err(Code::BadArgument);
        }
        // SAFETY: the caller's promise.
        let transport = match unsafe { transport.as_ref() } {
            None => None,
            Some(transport) if transport.is_whole() => Some(transport as &'static dyn Transport),
            Some(_) => return Err(Code::BadArgument),
        };
        of(client).set_transport(transport).map(|()| 0)
    })
}

/// The transport of the built-in client: sds_smtp_client_set_transport() with NULL.
///
/// @param transport  the callbacks; NULL: none, and no mail can be sent
/// @return as sds_smtp_client_set_transport()
///
/// # Safety
///
/// As for [`sds_smtp_client_set_transport`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sds_smtp_set_transport(transport: *const sds_smtp_transport) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { sds_smtp_client_set_transport(core::ptr::null_mut(), transport) }
}

impl sds_smtp_transport {
    fn is_whole(&self) -> bool {
        usize::try_from(self.struct_size) == Ok(size_of::<Self>())
            && self.flags & !SDS_SMTP_TRANSPORT_WAKES == 0
            && self.connect.is_some()
            && self.connected.is_some()
            && self.send.is_some()
            && self.receive.is_some()
            && self.close.is_some()
    }
}

/// What a callback returned: a number up to `most`, or a reason.
fn given(returned: i32, most: usize) -> Given {
    match usize::try_from(returned) {
        Ok(number) if number <= most => Ok(number),
        // More than there was: nothing it says can be trusted.
        Ok(_) => Err(Reason::BadTransport),
        Err(_) => Err(match returned {
            SDS_SMTP_REFUSED => Reason::Refused,
            SDS_SMTP_UNREACHABLE => Reason::Unreachable,
            SDS_SMTP_NO_SOCKET => Reason::NoSocket,
            _ => Reason::Lost,
        }),
    }
}

impl Transport for sds_smtp_transport {
    fn wakes(&self) -> bool {
        self.flags & SDS_SMTP_TRANSPORT_WAKES != 0
    }

    fn connect(&self, server: &Address, port: u16) -> Given {
        let address = sds_smtp_address {
            version: u32::from(server.version),
            port: u32::from(port),
            octets: server.octets,
        };
        let Some(connect) = self.connect else {
            return Err(Reason::BadTransport);
        };
        // SAFETY: the caller of sds_smtp_client_set_transport() promised that the functions can be called with the context.
        given(unsafe { connect(self.context, &raw const address) }, 0)
    }

    fn connected(&self) -> Given {
        let Some(connected) = self.connected else {
            return Err(Reason::BadTransport);
        };
        // SAFETY: likewise.
        given(unsafe { connected(self.context) }, 1)
    }

    fn send(&self, octets: &[u8]) -> Given {
        let Some(send) = self.send else {
            return Err(Reason::BadTransport);
        };
        // SAFETY: likewise, and the octets are there until it returns.
        given(
            unsafe { send(self.context, octets.as_ptr(), octets.len()) },
            octets.len(),
        )
    }

    fn receive(&self, octets: &mut [u8]) -> Given {
        let Some(receive) = self.receive else {
            return Err(Reason::BadTransport);
        };
        // SAFETY: likewise.
        let returned = unsafe { receive(self.context, octets.as_mut_ptr(), octets.len()) };
        given(returned, octets.len())
    }

    fn close(&self) {
        if let Some(close) = self.close {
            // SAFETY: likewise.
            unsafe { close(self.context) };
        }
    }

    fn local(&self) -> Address {
        let mut address = sds_smtp_address {
            version: 0,
            port: 0,
            octets: [0; 16],
        };
        if let Some(local_address) = self.local_address {
            // SAFETY: likewise.
            if unsafe { local_address(self.context, &raw mut address) } < 0 {
                address.version = 0;
            }
        }
        let version = match address.version {
            4 => 4,
            6 => 6,
            _ => {
                address.octets = [127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
                4
            }
        };
        Address {
            version,
            octets: address.octets,
        }
    }

    fn random(&self) -> Option<u32> {
        // SAFETY: likewise.
        self.random.map(|random| unsafe { random(self.context) })
    }

    fn start_tls(&self) -> Given {
        let Some(start_tls) = self.start_tls else {
            return Err(Reason::BadTransport);
        };
        // SAFETY: likewise.
        given(unsafe { start_tls(self.context) }, 1)
    }
}
