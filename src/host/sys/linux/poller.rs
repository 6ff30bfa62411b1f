//! What the thread waits on: epoll, and an eventfd that wakes it.

use core::cell::Cell;
use core::ffi::c_int;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsRawFd, IntoRawFd, OwnedFd, RawFd};

use super::super::interface::{Event, Failure};
use super::super::memory::Row;
use super::failure::{failure, last_error, last_failure, owned};
use super::socket::{Socket, begin_to_connect, socket_for};

/// What [`Ready::wait`] waits on.
pub type Descriptor = RawFd;

/// The descriptor that wakes gets a number from here on, where one is free. A program that closes descriptors that are not its
/// own and then opens files gets the lowest free numbers, so not this one.
const FAR: [c_int; 3] = [512, 128, 32];

/// The same descriptor under a number that programs rarely reach, where one is free.
fn moved_far(descriptor: OwnedFd) -> OwnedFd {
    for number in FAR {
        // SAFETY: takes no pointers; the new descriptor is ours alone.
        if let Ok(moved) = owned(unsafe { libc::fcntl(descriptor.as_raw_fd(), libc::F_DUPFD_CLOEXEC, number) }) {
            return moved;
        }
    }
    descriptor
}

/// Calls epoll_ctl(). For a descriptor that is no list, or that is not in this list, it returns an error and changes nothing.
fn control(list: RawFd, operation: c_int, descriptor: RawFd, token: u64, events: c_int) -> Result<(), c_int> {
    let mut event = libc::epoll_event {
        events: (events | libc::EPOLLET) as u32,
        u64: token,
    };
    // SAFETY: the event lives through the call; the kernel copies it.
    let result = unsafe { libc::epoll_ctl(list, operation, descriptor, &raw mut event) };
    if result == 0 {
        return Ok(());
    }
    Err(last_error())
}

/// Whether this descriptor is in this list: then it cannot be added a second time.
///
/// The list compares the open file, too: a number that is another file's by now is not in the list.
fn is_in(list: RawFd, descriptor: RawFd) -> bool {
    match control(list, libc::EPOLL_CTL_ADD, descriptor, u64::MAX, 0) {
        Err(error) => error == libc::EEXIST,
        Ok(()) => {
            let _ = control(list, libc::EPOLL_CTL_DEL, descriptor, 0, 0);
            false
        }
    }
}

/// What the list tells of a socket: that something can be read, urgent data included, and that the connection has ended.
const SOCKET_EVENTS: c_int = libc::EPOLLIN | libc::EPOLLPRI | libc::EPOLLRDHUP;

/// The kernel's list of what the thread waits for. It reports each change once ("edge-triggered"), so that nothing has to be
/// registered again and a wake-up need not be read.
pub struct Poller {
    list: OwnedFd,
    wake: OwnedFd,
    /// For each number what the list was told last. Where the program has closed one of our sockets, the number may belong to
    /// another of ours, which is in the list, too.
    last: Cell<Row<Registration>>,
}

/// What the list was told of a socket; zeros where it was told nothing.
#[derive(Clone, Copy)]
struct Registration {
    token: u64,
    events: c_int,
}

impl Poller {
    /// A new list, and what wakes those who wait on it with an event that has this token.
    pub fn new(token: u64) -> Result<(Self, Waker), Failure> {
        // SAFETY: takes no pointers.
        let list = owned(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) })?;
        // It is readable from the beginning, and nobody reads or writes it: see `Waker::wake`.
        // SAFETY: takes no pointers.
        let wake = owned(unsafe { libc::eventfd(1, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) })?;
        let wake = moved_far(wake);
        control(list.as_raw_fd(), libc::EPOLL_CTL_ADD, wake.as_raw_fd(), token, 0).map_err(failure)?;
        let waker = Waker {
            list: list.as_raw_fd(),
            wake: wake.as_raw_fd(),
            token,
        };
        let last = Cell::new(Row::new());
        Ok((Self { list, wake, last }, waker))
    }

    /// Begins to connect, from `source` or from an address that the system chooses. Adds the socket: the list tells when
    /// something can be read, or the connection ends. Closing the socket removes it from the list.
    pub fn connect(&self, server: SocketAddr, source: Option<IpAddr>, token: u64) -> Result<Socket, Failure> {
        let socket = socket_for(server)?;
        let registration = Registration {
            token,
            events: SOCKET_EVENTS,
        };
        // First, because a connection that the server has seen must not fail for want of memory.
        self.note(socket.as_raw_fd(), registration).ok_or(Failure::Exhausted)?;
        begin_to_connect(&socket, server, source)?;
        control(
            self.number(),
            libc::EPOLL_CTL_ADD,
            socket.as_raw_fd(),
            token,
            SOCKET_EVENTS,
        )
        .map_err(failure)?;
        Ok(socket)
    }

    fn note(&self, number: RawFd, registration: Registration) -> Option<()> {
        let number = usize::try_from(number).ok()?;
        let mut last = self.last.take();
        let missing = number.saturating_add(1).saturating_sub(last.len());
        let grown = last.grow(missing, Registration { token: 0, events: 0 }).is_some();
        let noted = last.get_mut(number).map(|known| *known = registration);
        self.last.set(last);
        noted.filter(|()| grown)
    }

    /// What the list was told last of this number.
    fn noted(&self, number: RawFd) -> Option<Registration> {
        let last = self.last.take();
        let noted = usize::try_from(number).ok().and_then(|at| last.get(at).copied());
        self.last.set(last);
        noted
    }

    /// Adds a descriptor of the program's: the list tells when something can be read from it or written to it. False where that is
    /// not possible. Nobody takes it out: closing it does.
    pub fn add(&self, descriptor: isize, token: u64) -> bool {
        const EVENTS: c_int = libc::EPOLLIN | libc::EPOLLOUT | libc::EPOLLRDHUP;
        let Ok(number) = RawFd::try_from(descriptor) else {
            return false;
        };
        let last = self.noted(number);
        let registration = Registration { token, events: EVENTS };
        match control(self.number(), libc::EPOLL_CTL_ADD, number, token, EVENTS) {
            Ok(()) => self.note(number, registration).is_some(),
            // It was added for a connection before. A socket of ours is not the program's to name.
            Err(libc::EEXIST) if last.is_some_and(|last| last.events == EVENTS) => {
                control(self.number(), libc::EPOLL_CTL_MOD, number, token, EVENTS).is_ok()
                    && self.note(number, registration).is_some()
            }
            Err(_) => false,
        }
    }

    /// From now on the list also tells when something can be written to this socket.
    pub fn tell_when_writable(&self, socket: &Socket, token: u64) -> Result<(), Failure> {
        let events = SOCKET_EVENTS | libc::EPOLLOUT;
        control(self.number(), libc::EPOLL_CTL_MOD, socket.as_raw_fd(), token, events).map_err(failure)?;
        self.note(socket.as_raw_fd(), Registration { token, events })
            .ok_or(Failure::Exhausted)
    }

    /// Whether the list is still open: false where the program has closed it.
    pub fn is_ours(&self) -> bool {
        is_in(self.number(), self.wake.as_raw_fd())
    }

    /// Whether a socket's number is still our socket with this token. The list must be ours.
    ///
    /// The list is told once more what it was told before, which fails where it does not know the socket. Nothing is added even
    /// for a moment: a process and the child of its fork share the list, and may ask at the same time.
    pub fn has(&self, socket: &Socket, token: u64) -> bool {
        let number = socket.as_raw_fd();
        let last = self.noted(number);
        last.is_some_and(|last| {
            last.token == token && control(self.number(), libc::EPOLL_CTL_MOD, number, token, last.events).is_ok()
        })
    }

    /// The descriptor, for [`Ready::wait`].
    pub fn descriptor(&self) -> Descriptor {
        self.list.as_raw_fd()
    }

    /// The descriptor, for programs that wait on it themselves: readable where there is something to do.
    pub fn number(&self) -> i32 {
        self.list.as_raw_fd()
    }

    /// Forgets the descriptors without closing them: the numbers may be the program's own by now.
    pub fn leave_open(self) {
        let _ = self.list.into_raw_fd();
        let _ = self.wake.into_raw_fd();
    }
}

/// What one wait has brought. It belongs to the waiting thread, so that waiting needs no lock.
pub struct Ready {
    events: [libc::epoll_event; 64],
    count: usize,
}

impl Ready {
    /// Nothing yet.
    pub const fn new() -> Self {
        Self {
            events: [libc::epoll_event { events: 0, u64: 0 }; 64],
            count: 0,
        }
    }

    /// Waits until something is ready, for at most so many milliseconds; None: without a limit. False where the program has
    /// closed the descriptor.
    pub fn wait(&mut self, poller: Descriptor, milliseconds: Option<u64>) -> bool {
        let timeout = milliseconds.map_or(-1, |some| c_int::try_from(some).unwrap_or(c_int::MAX));
        let most = self.events.len() as c_int;
        // SAFETY: the events are ours and as many as `most` says. A descriptor that is none gives an error.
        let count = unsafe { libc::epoll_wait(poller, self.events.as_mut_ptr(), most, timeout) };
        self.count = usize::try_from(count).unwrap_or(0);
        count >= 0 || last_failure() == Failure::WouldBlock
    }

    /// What is ready.
    pub fn events(&self) -> impl Iterator<Item = Event> + '_ {
        self.events.iter().take(self.count).map(|event| {
            let (events, token) = (event.events, event.u64);
            let has = |flags: c_int| events & (flags as u32) != 0;
            Event {
                token,
                readable: has(libc::EPOLLIN | libc::EPOLLPRI),
                // Reading stops before urgent data, although there is more.
                to_the_end: has(libc::EPOLLRDHUP | libc::EPOLLHUP | libc::EPOLLERR | libc::EPOLLPRI),
                failed: has(libc::EPOLLERR | libc::EPOLLHUP),
            }
        })
    }
}

/// Wakes the thread from another one. It is freely copied: the descriptors belong to the [`Poller`].
#[derive(Clone, Copy)]
pub struct Waker {
    list: RawFd,
    wake: RawFd,
    token: u64,
}

impl Waker {
    /// Wakes; false where the program has closed the descriptors.
    ///
    /// Nothing is written. The descriptor is registered anew; as it is always readable, each call causes an event. Where one of
    /// the numbers is not ours any more this fails, and files that the program has opened under them are not touched.
    pub fn wake(self) -> bool {
        control(self.list, libc::EPOLL_CTL_MOD, self.wake, self.token, libc::EPOLLIN).is_ok()
    }

    /// Whether the numbers are still our descriptors.
    pub fn is_ours(self) -> bool {
        is_in(self.list, self.wake)
    }
}
