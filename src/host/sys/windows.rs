//! Windows: Winsock, one event object that the sockets of an engine signal, and a thread. There is no fork.

use core::ffi::c_void;
use core::mem::{size_of, zeroed};
use core::ptr::{null, null_mut};
use std::boxed::Box;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::windows::io::{AsRawHandle, FromRawHandle, IntoRawHandle, OwnedHandle};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::vec::Vec;

use windows_sys::Win32::Foundation::{CloseHandle, HANDLE, HMODULE, WAIT_FAILED, WAIT_OBJECT_0};
use windows_sys::Win32::Networking::WinSock;
use windows_sys::Win32::Security::Cryptography::{BCRYPT_USE_SYSTEM_PREFERRED_RNG, BCryptGenRandom};
use windows_sys::Win32::System::LibraryLoader::{
    GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS, GET_MODULE_HANDLE_EX_FLAG_PIN, GetModuleHandleExW,
};
use windows_sys::Win32::System::Threading::{
    CreateEventW, CreateThread, GetCurrentThread, INFINITE, STACK_SIZE_PARAM_IS_A_RESERVATION, SetEvent,
    SetThreadDescription, WaitForSingleObject,
};

use super::{Event, Failure, Task};

fn failure(error: WinSock::WSA_ERROR) -> Failure {
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

fn last_failure() -> Failure {
    // SAFETY: takes no pointers.
    failure(unsafe { WinSock::WSAGetLastError() })
}

const fn length_of<T>() -> i32 {
    size_of::<T>() as i32
}

/// A socket that somebody waits for.
struct Watched {
    socket: WinSock::SOCKET,
    /// The event object that it signals.
    list: isize,
    token: u64,
    /// Why it could not connect; 0 while that is not known, and after it could.
    error: WinSock::WSA_ERROR,
    /// Whether somebody wants to know when octets can be sent.
    writable: bool,
}

/// The sockets of this process. Windows does not say which of them has signalled: each is asked.
static WATCHED: Mutex<Vec<Watched>> = Mutex::new(Vec::new());

fn watched() -> MutexGuard<'static, Vec<Watched>> {
    WATCHED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A socket; it is closed when it is dropped.
pub struct Socket(WinSock::SOCKET);

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
fn socket_for(server: SocketAddr) -> Result<Socket, Failure> {
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

/// Begins to connect a socket that does not block.
fn begin_to_connect(socket: &Socket, server: SocketAddr) -> Result<(), Failure> {
    let result = match server {
        SocketAddr::V4(v4) => {
            let address = WinSock::SOCKADDR_IN {
                sin_family: WinSock::AF_INET,
                sin_port: v4.port().to_be(),
                sin_addr: WinSock::IN_ADDR {
                    S_un: WinSock::IN_ADDR_0 {
                        S_addr: u32::from_ne_bytes(v4.ip().octets()),
                    },
                },
                sin_zero: [0; 8],
            };
            // SAFETY: the address is a whole SOCKADDR_IN that lives through the call.
            unsafe {
                WinSock::connect(
                    socket.0,
                    (&raw const address).cast(),
                    length_of::<WinSock::SOCKADDR_IN>(),
                )
            }
        }
        SocketAddr::V6(v6) => {
            let address = WinSock::SOCKADDR_IN6 {
                sin6_family: WinSock::AF_INET6,
                sin6_port: v6.port().to_be(),
                sin6_flowinfo: 0,
                sin6_addr: WinSock::IN6_ADDR {
                    u: WinSock::IN6_ADDR_0 { Byte: v6.ip().octets() },
                },
                Anonymous: WinSock::SOCKADDR_IN6_0 { sin6_scope_id: 0 },
            };
            // SAFETY: the address is a whole SOCKADDR_IN6 that lives through the call.
            unsafe {
                WinSock::connect(
                    socket.0,
                    (&raw const address).cast(),
                    length_of::<WinSock::SOCKADDR_IN6>(),
                )
            }
        }
    };
    match if result == 0 {
        Failure::WouldBlock
    } else {
        last_failure()
    } {
        Failure::WouldBlock => Ok(()),
        other => Err(other),
    }
}

/// Why a connection could not be made.
pub fn connect_failure(socket: &Socket) -> Failure {
    let error = watched()
        .iter()
        .find(|one| one.socket == socket.0)
        .map_or(0, |one| one.error);
    failure(error)
}

/// Whether the connection stands.
pub fn is_connected(socket: &Socket) -> bool {
    // SAFETY: a SOCKADDR_STORAGE of zeros is a valid value of it.
    let mut address: WinSock::SOCKADDR_STORAGE = unsafe { zeroed() };
    let mut length = length_of::<WinSock::SOCKADDR_STORAGE>();
    // SAFETY: the storage is ours and as long as `length` says.
    unsafe { WinSock::getpeername(socket.0, (&raw mut address).cast(), &raw mut length) == 0 }
}

/// The address of our end of a connection.
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

/// What [`Ready::wait`] waits on: the event object, and what a wake-up is called.
#[derive(Clone, Copy)]
pub struct Descriptor {
    list: isize,
    token: u64,
}

/// The event object that all sockets of an engine signal. A socket does so once for each change, and again only after it
/// was read from, or written to in vain.
pub struct Poller {
    event: OwnedHandle,
    token: u64,
}

impl Poller {
    /// A new one, and what wakes those who wait for it: they are told an event with this token.
    pub fn new(token: u64) -> Result<(Self, Waker), Failure> {
        const VERSION_2_2: u16 = 0x0202;
        // SAFETY: a WSADATA of zeros is a valid value of it.
        let mut told: WinSock::WSADATA = unsafe { zeroed() };
        // SAFETY: what is told is written into a value of ours. Windows counts these calls; none is taken back.
        if unsafe { WinSock::WSAStartup(VERSION_2_2, &raw mut told) } != 0 {
            return Err(Failure::Exhausted);
        }
        // SAFETY: no attributes, no name. It resets itself for the one who waits, and is not signalled yet.
        let event = unsafe { CreateEventW(null(), 0, 0, null()) };
        if event.is_null() {
            return Err(Failure::Exhausted);
        }
        // SAFETY: it was made for us alone.
        let event = unsafe { OwnedHandle::from_raw_handle(event) };
        let waker = Waker(event.as_raw_handle() as isize);
        Ok((Self { event, token }, waker))
    }

    /// Begins to connect, and notes the socket: to be told when something can be read from it, or its connection ends. It
    /// is forgotten when it is closed.
    pub fn connect(&self, server: SocketAddr, token: u64) -> Result<Socket, Failure> {
        let socket = socket_for(server)?;
        let list = self.event.as_raw_handle() as isize;
        let events = WinSock::FD_CONNECT | WinSock::FD_READ | WinSock::FD_WRITE | WinSock::FD_CLOSE;
        {
            let mut watched = watched();
            watched.try_reserve(1).map_err(|_| Failure::Exhausted)?;
            watched.push(Watched {
                socket: socket.0,
                list,
                token,
                error: 0,
                writable: false,
            });
        }
        // From here on the socket does not block.
        // SAFETY: socket and event object are ours.
        if unsafe { WinSock::WSAEventSelect(socket.0, list, events as i32) } != 0 {
            return Err(last_failure());
        }
        begin_to_connect(&socket, server)?;
        Ok(socket)
    }

    /// To be told, from now on, when something can be written to a socket, too.
    pub fn tell_when_writable(&self, socket: &Socket, token: u64) -> Result<(), Failure> {
        let mut watched = watched();
        let one = watched
            .iter_mut()
            .find(|one| one.socket == socket.0 && one.token == token);
        one.map(|one| one.writable = true).ok_or(Failure::Broken)
    }

    /// Whether the handle is still that of our event object: handles are not given away by number on Windows.
    pub fn is_ours(&self) -> bool {
        true
    }

    /// Whether the number of a socket is still that of our socket with this token.
    pub fn has(&self, _: &Socket, _: u64) -> bool {
        true
    }

    /// The event object's handle, for programs that wait on it themselves: signalled where there is something to do. Handles
    /// have 32 significant bits on all Windows.
    pub fn number(&self) -> i32 {
        self.event.as_raw_handle() as isize as i32
    }

    /// What to wait on, for [`Ready::wait`].
    pub fn descriptor(&self) -> Descriptor {
        Descriptor {
            list: self.event.as_raw_handle() as isize,
            token: self.token,
        }
    }

    /// Forgets the event object without closing it: the number may be another's by now.
    pub fn leave_open(self) {
        let _ = self.event.into_raw_handle();
    }
}

/// Events of one turn.
const EVENTS: usize = 64;

/// What one wait brought. It belongs to the thread, so that waiting needs no lock.
pub struct Ready {
    events: [Event; EVENTS],
    count: usize,
    /// Where the next turn begins to ask, so that each socket has its turn.
    next: usize,
}

impl Ready {
    /// Nothing yet.
    pub const fn new() -> Self {
        const NOTHING: Event = Event {
            token: 0,
            readable: false,
            to_the_end: false,
            failed: false,
        };
        Self {
            events: [NOTHING; EVENTS],
            count: 0,
            next: 0,
        }
    }

    /// Waits until something is ready, or for so many milliseconds; None is as long as it takes. False where there is
    /// nothing to wait on any more: the program has closed it.
    pub fn wait(&mut self, poller: Descriptor, milliseconds: Option<u64>) -> bool {
        self.count = 0;
        // The largest number stands for no limit.
        let limit = milliseconds.map_or(INFINITE, |some| {
            u32::try_from(some).unwrap_or(INFINITE).min(INFINITE.saturating_sub(1))
        });
        // SAFETY: takes no pointers. A number that is no handle gives an error.
        match unsafe { WaitForSingleObject(poller.list as HANDLE, limit) } {
            WAIT_FAILED => return false,
            WAIT_OBJECT_0 => self.ask(poller),
            _ => {}
        }
        true
    }

    fn note(&mut self, event: Event) {
        if let Some(place) = self.events.get_mut(self.count) {
            *place = event;
            self.count = self.count.saturating_add(1);
        }
    }

    /// Asks each socket what has happened. That somebody has woken the thread is not told: it is assumed.
    fn ask(&mut self, poller: Descriptor) {
        self.note(Event {
            token: poller.token,
            readable: true,
            to_the_end: false,
            failed: false,
        });
        let mut watched = watched();
        let all = watched.len();
        for _ in 0..all {
            if self.count == EVENTS {
                // The others keep what they have to say. The event object is as it was before they were asked.
                let _ = Waker(poller.list).wake();
                return;
            }
            self.next = if self.next < all { self.next } else { 0 };
            if let Some(one) = watched.get_mut(self.next).filter(|one| one.list == poller.list) {
                if let Some(event) = one.ask() {
                    self.note(event);
                }
            }
            self.next = self.next.saturating_add(1);
        }
    }

    /// What is ready.
    pub fn events(&self) -> impl Iterator<Item = Event> + '_ {
        self.events.iter().take(self.count).copied()
    }
}

impl Watched {
    /// What has happened since it was asked the last time.
    fn ask(&mut self) -> Option<Event> {
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
        // That the connection stands is told by the server's greeting, as on Linux.
        let writable = self.writable && happened(WinSock::FD_WRITE);
        (event.readable || event.to_the_end || writable).then_some(event)
    }
}

/// Wakes the thread from another one. It is a number that is copied: the event object is the [`Poller`]'s.
#[derive(Clone, Copy)]
pub struct Waker(isize);

impl Waker {
    /// Wakes; false where the program has closed the event object.
    pub fn wake(self) -> bool {
        // SAFETY: takes no pointers. A number that is no handle gives an error.
        unsafe { SetEvent(self.0 as HANDLE) != 0 }
    }

    /// Whether the handle is still that of our event object.
    pub fn is_ours(self) -> bool {
        true
    }
}

/// Random octets; false where the system has none yet.
pub fn random(octets: &mut [u8]) -> bool {
    let Ok(length) = u32::try_from(octets.len()) else {
        return false;
    };
    // SAFETY: the buffer is ours through the call, and its length is right; no algorithm is named with this flag.
    let status = unsafe { BCryptGenRandom(null_mut(), octets.as_mut_ptr(), length, BCRYPT_USE_SYSTEM_PREFERRED_RNG) };
    status >= 0
}

/// Starts a thread; it ends with its task. The standard library's threads need memory that cannot be refused.
pub fn start_thread<T: Task>(task: Box<[T; 1]>) -> Result<(), Failure> {
    extern "system" fn begin<T: Task>(task: *mut c_void) -> u32 {
        // SAFETY: it came out of `into_raw` below, and this thread alone has it.
        let task = unsafe { Box::from_raw(task.cast::<[T; 1]>()) };
        // UTF-16, with a zero behind it.
        let mut name = [0u16; 16];
        for (unit, octet) in name.iter_mut().zip(T::NAME.to_bytes()).take(15) {
            *unit = u16::from(*octet);
        }
        // SAFETY: the name ends with a zero; a failure costs the name only.
        unsafe { SetThreadDescription(GetCurrentThread(), name.as_ptr()) };
        let _ = catch_unwind(AssertUnwindSafe(|| T::run(task)));
        0
    }

    stay_loaded(begin::<T> as *const u16);
    let task = Box::into_raw(task);
    // SAFETY: no attributes; the task is handed over to the thread, if there is one.
    let thread = unsafe {
        CreateThread(
            null(),
            T::STACK,
            Some(begin::<T>),
            task.cast(),
            STACK_SIZE_PARAM_IS_A_RESERVATION,
            null_mut(),
        )
    };
    if thread.is_null() {
        // SAFETY: no thread has it.
        drop(unsafe { Box::from_raw(task) });
        return Err(Failure::Exhausted);
    }
    // SAFETY: the handle is ours; the thread goes on without it.
    unsafe { CloseHandle(thread) };
    Ok(())
}

/// Keeps the library that this code stands in, for as long as the process lives: unloading it would take the code away
/// under its thread.
fn stay_loaded(code: *const u16) {
    let mut module: HMODULE = null_mut();
    let flags = GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_PIN;
    // SAFETY: with this flag the name is an address in the library; the handle is written into a value of ours.
    unsafe { GetModuleHandleExW(flags, code, &raw mut module) };
}

/// There is no fork on Windows.
#[allow(clippy::unnecessary_wraps)]
pub fn on_fork(_: extern "C" fn(), _: extern "C" fn(), _: extern "C" fn()) -> Result<(), Failure> {
    Ok(())
}

/// Threads are not cancelled on Windows.
pub fn without_cancellation<T>(run: impl FnOnce() -> T) -> T {
    run()
}
