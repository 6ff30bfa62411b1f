//! What the thread waits on: one event object, which the sockets of an engine signal.

use core::mem::zeroed;
use core::ptr::null;
use std::net::{IpAddr, SocketAddr};
use std::os::windows::io::{AsRawHandle, FromRawHandle, IntoRawHandle, OwnedHandle};

use windows_sys::Win32::Foundation::{HANDLE, WAIT_FAILED, WAIT_OBJECT_0};
use windows_sys::Win32::Networking::WinSock;
use windows_sys::Win32::System::Threading::{CreateEventW, INFINITE, SetEvent, WaitForSingleObject};

use super::super::interface::{Event, Failure};
use super::failure::last_failure;
use super::socket::{Socket, begin_to_connect, socket_for};
use super::watched::{Watched, watched};

/// What [`Ready::wait`] waits on: the event object, and what a wake-up is called.
#[derive(Clone, Copy)]
pub struct Descriptor {
    list: isize,
    token: u64,
}

/// The event object that all sockets of an engine signal. A socket signals a change once, and again only after a read, or after
/// a write that would have blocked.
pub struct Poller {
    event: OwnedHandle,
    token: u64,
}

impl Poller {
    /// A new one, and what wakes those who wait on it with an event that has this token.
    pub fn new(token: u64) -> Result<(Self, Waker), Failure> {
        const VERSION_2_2: u16 = 0x0202;
        // SAFETY: a WSADATA of zeros is a valid value of it.
        let mut told: WinSock::WSADATA = unsafe { zeroed() };
        // SAFETY: the answer is written into a value of ours. Windows counts these calls; none is undone.
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

    /// Begins to connect, from `source` or from an address that the system chooses. Adds the socket: the poller tells when
    /// something can be read, or the connection ends. Closing the socket removes it.
    pub fn connect(&self, server: SocketAddr, source: Option<IpAddr>, token: u64) -> Result<Socket, Failure> {
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
        begin_to_connect(&socket, server, source)?;
        Ok(socket)
    }

    /// Windows tells of sockets only: descriptors of the program's are asked.
    #[allow(clippy::unused_self)]
    pub fn add(&self, _: isize, _: u64) -> bool {
        false
    }

    /// From now on the poller also tells when something can be written to this socket.
    pub fn tell_when_writable(&self, socket: &Socket, token: u64) -> Result<(), Failure> {
        let mut watched = watched();
        let one = watched
            .iter_mut()
            .find(|one| one.socket == socket.0 && one.token == token);
        one.map(|one| one.writable = true).ok_or(Failure::Broken)
    }

    /// Whether the handle is still our event object. Not checked: a new handle does not get the lowest free number on Windows.
    pub fn is_ours(&self) -> bool {
        true
    }

    /// Whether a socket's number is still our socket with this token.
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

    /// Forgets the event object without closing it.
    pub fn leave_open(self) {
        let _ = self.event.into_raw_handle();
    }
}

/// Events of one turn.
const EVENTS: usize = 64;

/// What one wait has brought. It belongs to the waiting thread, so that waiting needs no lock.
pub struct Ready {
    events: [Event; EVENTS],
    count: usize,
    /// The socket that is asked first the next time, so that each gets its turn.
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

    /// Waits until something is ready, for at most so many milliseconds; None: without a limit. False where the program has
    /// closed the event object.
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
        if let Some(free) = self.events.get_mut(self.count) {
            *free = event;
            self.count = self.count.saturating_add(1);
        }
    }

    /// Asks each socket what has happened. Nothing says whether the thread was woken, so it is taken for woken each time.
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
                // The other sockets keep their events; the event object is signalled for them again.
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

/// Wakes the thread from another one. It is freely copied: the event object belongs to the [`Poller`].
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
