//! Linux: sockets, epoll, an eventfd, a thread that takes no signals, and forks.

use core::cell::RefCell;
use core::ffi::{c_int, c_void};
use core::mem::{size_of, zeroed};
use std::boxed::Box;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::vec::Vec;

use super::{Event, Failure, Task};

/// A socket; it is closed when it is dropped.
pub type Socket = OwnedFd;

fn failure(error: c_int) -> Failure {
    match error {
        libc::EAGAIN | libc::EINPROGRESS | libc::EINTR => Failure::WouldBlock,
        // ENOSPC: a list would have more sockets than this user may have in all of them.
        libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM | libc::ENOSPC | libc::EADDRNOTAVAIL => {
            Failure::Exhausted
        }
        libc::ECONNREFUSED => Failure::Refused,
        libc::ETIMEDOUT => Failure::TimedOut,
        libc::EHOSTUNREACH
        | libc::ENETUNREACH
        | libc::ENETDOWN
        | libc::EHOSTDOWN
        | libc::EACCES
        | libc::EPERM
        | libc::EAFNOSUPPORT
        | libc::EINVAL => Failure::Unreachable,
        _ => Failure::Broken,
    }
}

fn last_failure() -> Failure {
    failure(std::io::Error::last_os_error().raw_os_error().unwrap_or(0))
}

/// A new descriptor, or why there is none.
fn owned(descriptor: c_int) -> Result<OwnedFd, Failure> {
    if descriptor < 0 {
        return Err(last_failure());
    }
    // SAFETY: the system call that returned this descriptor made it for us alone.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

const fn socklen<T>() -> libc::socklen_t {
    size_of::<T>() as libc::socklen_t
}

/// A TCP socket that never blocks, is not inherited by programs that are started, and does not hold back small segments.
fn socket_for(server: SocketAddr) -> Result<Socket, Failure> {
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

/// Begins to connect.
fn begin_to_connect(socket: &Socket, server: SocketAddr) -> Result<(), Failure> {
    let result = match server {
        SocketAddr::V4(v4) => {
            let address = libc::sockaddr_in {
                sin_family: libc::AF_INET as libc::sa_family_t,
                sin_port: v4.port().to_be(),
                sin_addr: libc::in_addr {
                    s_addr: u32::from_ne_bytes(v4.ip().octets()),
                },
                sin_zero: [0; 8],
            };
            // SAFETY: the address is a whole sockaddr_in that lives through the call.
            unsafe {
                libc::connect(
                    socket.as_raw_fd(),
                    (&raw const address).cast(),
                    socklen::<libc::sockaddr_in>(),
                )
            }
        }
        SocketAddr::V6(v6) => {
            let address = libc::sockaddr_in6 {
                sin6_family: libc::AF_INET6 as libc::sa_family_t,
                sin6_port: v6.port().to_be(),
                sin6_flowinfo: 0,
                sin6_addr: libc::in6_addr {
                    s6_addr: v6.ip().octets(),
                },
                sin6_scope_id: 0,
            };
            // SAFETY: the address is a whole sockaddr_in6 that lives through the call.
            unsafe {
                libc::connect(
                    socket.as_raw_fd(),
                    (&raw const address).cast(),
                    socklen::<libc::sockaddr_in6>(),
                )
            }
        }
    };
    if result < 0 {
        match last_failure() {
            Failure::WouldBlock => {}
            other => return Err(other),
        }
    }
    Ok(())
}

/// Gives a socket up without closing it.
pub fn leave_open(socket: Socket) {
    let _ = socket.into_raw_fd();
}

/// Why a connection could not be made.
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

/// Whether the connection stands.
pub fn is_connected(socket: &Socket) -> bool {
    // SAFETY: a sockaddr_storage of zeros is a valid value of it.
    let mut address: libc::sockaddr_storage = unsafe { zeroed() };
    let mut length = socklen::<libc::sockaddr_storage>();
    // SAFETY: the storage is ours and as long as `length` says.
    unsafe { libc::getpeername(socket.as_raw_fd(), (&raw mut address).cast(), &raw mut length) == 0 }
}

/// The address of our end of a connection.
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

/// What [`Ready::wait`] waits on.
pub type Descriptor = RawFd;

/// From this number on the descriptor that wakes is looked for: a program that closes what is not its own, and then opens
/// files of its own, does not get this number, since it gets the lowest.
const FAR: [c_int; 3] = [512, 128, 32];

/// The same descriptor under a number that programs do not come to, where there is a free one.
fn moved_far(descriptor: OwnedFd) -> OwnedFd {
    for number in FAR {
        // SAFETY: takes no pointers; the new descriptor is ours alone.
        if let Ok(moved) = owned(unsafe { libc::fcntl(descriptor.as_raw_fd(), libc::F_DUPFD_CLOEXEC, number) }) {
            return moved;
        }
    }
    descriptor
}

/// Calls epoll_ctl(). What is done to a descriptor that is no list, or in a list that does not know the descriptor, is an
/// error and changes nothing.
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
    Err(std::io::Error::last_os_error().raw_os_error().unwrap_or(0))
}

/// Whether this descriptor is in this list: it cannot be added a second time.
///
/// That asks for the file behind the number, too: a number that is another file's by now is not in the list.
fn is_in(list: RawFd, descriptor: RawFd) -> bool {
    match control(list, libc::EPOLL_CTL_ADD, descriptor, u64::MAX, 0) {
        Err(error) => error == libc::EEXIST,
        Ok(()) => {
            let _ = control(list, libc::EPOLL_CTL_DEL, descriptor, 0, 0);
            false
        }
    }
}

/// What is told of a socket: that something can be read, urgent data among it, and that the connection ended.
const SOCKET_EVENTS: c_int = libc::EPOLLIN | libc::EPOLLPRI | libc::EPOLLRDHUP;

/// The kernel's list of what the thread waits for. Readiness is reported once for each change ("edge-triggered"), so
/// that nothing has to be registered again and a wake-up need not be read.
pub struct Poller {
    list: OwnedFd,
    wake: OwnedFd,
    /// For each number the last socket that had it: one that the program closed may have been followed by another of ours,
    /// which is in the list, too.
    last: RefCell<Vec<Entry>>,
}

/// What the list was told of a socket; zeros where there was none.
#[derive(Clone, Copy)]
struct Entry {
    token: u64,
    events: c_int,
}

impl Poller {
    /// A new list, and what wakes those who wait for it: they are told an event with this token.
    pub fn new(token: u64) -> Result<(Self, Waker), Failure> {
        // SAFETY: takes no pointers.
        let list = owned(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) })?;
        // It can be read from the beginning, and nobody ever reads or writes it: see `Waker::wake`.
        // SAFETY: takes no pointers.
        let wake = owned(unsafe { libc::eventfd(1, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) })?;
        let wake = moved_far(wake);
        control(list.as_raw_fd(), libc::EPOLL_CTL_ADD, wake.as_raw_fd(), token, 0).map_err(failure)?;
        let waker = Waker {
            list: list.as_raw_fd(),
            wake: wake.as_raw_fd(),
            token,
        };
        let last = RefCell::new(Vec::new());
        Ok((Self { list, wake, last }, waker))
    }

    /// Begins to connect, and adds the socket: to be told when something can be read from it, or its connection ends. It
    /// leaves the list when it is closed.
    pub fn connect(&self, server: SocketAddr, token: u64) -> Result<Socket, Failure> {
        let socket = socket_for(server)?;
        let entry = Entry {
            token,
            events: SOCKET_EVENTS,
        };
        // First: a connection that the server has seen needs no more memory.
        self.note(socket.as_raw_fd(), entry).ok_or(Failure::Exhausted)?;
        begin_to_connect(&socket, server)?;
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

    fn note(&self, number: RawFd, entry: Entry) -> Option<()> {
        let mut last = self.last.borrow_mut();
        let number = usize::try_from(number).ok()?;
        let missing = number.saturating_add(1).saturating_sub(last.len());
        last.try_reserve(missing).ok()?;
        if missing > 0 {
            last.resize(number.saturating_add(1), Entry { token: 0, events: 0 });
        }
        last.get_mut(number).map(|place| *place = entry)
    }

    /// To be told, from now on, when something can be written to a socket, too.
    pub fn tell_when_writable(&self, socket: &Socket, token: u64) -> Result<(), Failure> {
        let events = SOCKET_EVENTS | libc::EPOLLOUT;
        control(self.number(), libc::EPOLL_CTL_MOD, socket.as_raw_fd(), token, events).map_err(failure)?;
        self.note(socket.as_raw_fd(), Entry { token, events })
            .ok_or(Failure::Exhausted)
    }

    /// Whether the number of the list is still that of our list: false where the program has closed it.
    pub fn is_ours(&self) -> bool {
        is_in(self.number(), self.wake.as_raw_fd())
    }

    /// Whether the number of a socket is still that of our socket with this token, while the list is ours.
    ///
    /// What the list was told is told once more, which the list takes for what it knows only. Nothing is added, not for a
    /// moment either: a process and the child of its fork have one list, and may ask at the same time.
    pub fn has(&self, socket: &Socket, token: u64) -> bool {
        let number = socket.as_raw_fd();
        let last = usize::try_from(number)
            .ok()
            .and_then(|at| self.last.borrow().get(at).copied());
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

    /// Forgets the descriptors without closing them: the numbers may be another's by now.
    pub fn leave_open(self) {
        let _ = self.list.into_raw_fd();
        let _ = self.wake.into_raw_fd();
    }
}

/// What one wait brought. It belongs to the thread, so that waiting needs no lock.
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

    /// Waits until something is ready, or for so many milliseconds; None is as long as it takes. False where the
    /// descriptor is not a list any more: the program has closed it.
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

/// Wakes the thread from another one. It is a pair of numbers that is copied: the descriptors are the [`Poller`]'s.
#[derive(Clone, Copy)]
pub struct Waker {
    list: RawFd,
    wake: RawFd,
    token: u64,
}

impl Waker {
    /// Wakes; false where the program has closed the descriptors.
    ///
    /// Nothing is written anywhere: the list is asked to look at the descriptor once more, which can always be read, so that
    /// each call is an event. A number that is no list, or a list that does not know our descriptor, gives an error: files
    /// that the program opened in our descriptors' stead stay as they are.
    pub fn wake(self) -> bool {
        control(self.list, libc::EPOLL_CTL_MOD, self.wake, self.token, libc::EPOLLIN).is_ok()
    }

    /// Whether the numbers are still those of our descriptors.
    pub fn is_ours(self) -> bool {
        is_in(self.list, self.wake)
    }
}

/// Random octets; false where the system has none yet.
pub fn random(octets: &mut [u8]) -> bool {
    // SAFETY: the buffer is ours through the call, and its length is right.
    let filled = unsafe { libc::getrandom(octets.as_mut_ptr().cast(), octets.len(), libc::GRND_NONBLOCK) };
    usize::try_from(filled) == Ok(octets.len())
}

/// Starts a thread; it ends with its task. The standard library's threads need memory that cannot be refused.
pub fn start_thread<T: Task>(task: Box<[T; 1]>) -> Result<(), Failure> {
    extern "C" fn begin<T: Task>(task: *mut c_void) -> *mut c_void {
        // SAFETY: it came out of `into_raw` below, and this thread alone has it.
        let task = unsafe { Box::from_raw(task.cast::<[T; 1]>()) };
        // SAFETY: the name ends with a NUL; a failure costs the name only.
        unsafe { libc::pthread_setname_np(libc::pthread_self(), T::NAME.as_ptr()) };
        let _ = catch_unwind(AssertUnwindSafe(|| T::run(task)));
        core::ptr::null_mut()
    }

    let task = Box::into_raw(task);
    // SAFETY: the attributes are ours and initialised before they are used; a size that is refused leaves the default.
    let error = with_signals_blocked(|| unsafe {
        let mut attributes: libc::pthread_attr_t = zeroed();
        let mut thread: libc::pthread_t = zeroed();
        match libc::pthread_attr_init(&raw mut attributes) {
            0 => {}
            error => return error,
        }
        libc::pthread_attr_setstacksize(&raw mut attributes, T::STACK);
        libc::pthread_attr_setdetachstate(&raw mut attributes, libc::PTHREAD_CREATE_DETACHED);
        let error = libc::pthread_create(&raw mut thread, &raw const attributes, begin::<T>, task.cast());
        libc::pthread_attr_destroy(&raw mut attributes);
        error
    });
    if error == 0 {
        return Ok(());
    }
    // SAFETY: no thread has it.
    drop(unsafe { Box::from_raw(task) });
    Err(failure(error))
}

/// Calls `run` with all signals blocked, which a thread made in it inherits: the program's signal handlers run on the
/// program's threads.
fn with_signals_blocked<T>(run: impl FnOnce() -> T) -> T {
    // SAFETY: both sets are ours and written before they are read; restoring what was there cannot fail.
    unsafe {
        let mut all: libc::sigset_t = zeroed();
        let mut before: libc::sigset_t = zeroed();
        libc::sigfillset(&raw mut all);
        let blocked = libc::pthread_sigmask(libc::SIG_BLOCK, &raw const all, &raw mut before) == 0;
        let result = run();
        if blocked {
            libc::pthread_sigmask(libc::SIG_SETMASK, &raw const before, core::ptr::null_mut());
        }
        result
    }
}

/// Has `fork()` call these functions: before it, and after it in each process.
pub fn on_fork(prepare: extern "C" fn(), parent: extern "C" fn(), child: extern "C" fn()) -> Result<(), Failure> {
    unsafe extern "C" {
        // The libc crate has it for some systems only.
        fn pthread_atfork(
            prepare: Option<extern "C" fn()>,
            parent: Option<extern "C" fn()>,
            child: Option<extern "C" fn()>,
        ) -> c_int;
    }
    // SAFETY: the functions live as long as the library, which is never unloaded (it is linked nodelete).
    let result = unsafe { pthread_atfork(Some(prepare), Some(parent), Some(child)) };
    if result == 0 { Ok(()) } else { Err(failure(result)) }
}

/// Calls `run` while this thread cannot be cancelled: system calls are points where `pthread_cancel()` takes effect, by
/// unwinding, which Rust does not let through.
pub fn without_cancellation<T>(run: impl FnOnce() -> T) -> T {
    const PTHREAD_CANCEL_DISABLE: c_int = 1;
    unsafe extern "C" {
        fn pthread_setcancelstate(state: c_int, before: *mut c_int) -> c_int;
    }
    let mut before: c_int = 0;
    // SAFETY: the state before is written into a value of ours.
    let off = unsafe { pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &raw mut before) } == 0;
    let result = run();
    if off && before != PTHREAD_CANCEL_DISABLE {
        // SAFETY: as above.
        unsafe { pthread_setcancelstate(before, &raw mut before) };
    }
    result
}
