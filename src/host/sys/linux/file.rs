//! Files that are read for a mail: opened without waiting, and only where they have an end.

use core::ffi::CStr;
use core::mem::zeroed;
use std::os::fd::{AsRawFd, OwnedFd};

use super::super::interface::{Failure, Unopened};
use super::failure::{last_failure, owned};

/// A file that is open.
pub struct File {
    descriptor: OwnedFd,
    /// A pipe with a name: it may have nothing now.
    waits: bool,
}

/// What there is at a path.
enum Kind {
    Regular(Option<u64>),
    Pipe,
}

fn kind(status: &libc::stat64) -> Result<Kind, Unopened> {
    match status.st_mode & libc::S_IFMT {
        // In /proc a file has no length, whatever is in it.
        libc::S_IFREG => Ok(Kind::Regular(
            u64::try_from(status.st_size).ok().filter(|size| *size > 0),
        )),
        libc::S_IFIFO => Ok(Kind::Pipe),
        _ => Err(Unopened::Strange),
    }
}

/// Looks what there is. Neither a device nor a pipe is opened for that, which both would notice.
fn look(path: &CStr) -> Result<Kind, Unopened> {
    // SAFETY: the path ends with a NUL, and the structure is ours.
    let status = unsafe {
        let mut status: libc::stat64 = zeroed();
        (libc::stat64(path.as_ptr(), &raw mut status) == 0).then_some(status)
    };
    kind(&status.ok_or(Unopened::NotThere)?)
}

/// Opens a file; with it its length, where it has one.
pub fn open_source(path: &CStr) -> Result<(File, Option<u64>), Unopened> {
    look(path)?;
    let flags = libc::O_RDONLY | libc::O_CLOEXEC | libc::O_NONBLOCK | libc::O_NOCTTY;
    // SAFETY: the path ends with a NUL; a descriptor that was opened here is ours, and the structure, too.
    let (descriptor, status) = unsafe {
        let descriptor = owned(libc::open64(path.as_ptr(), flags)).map_err(|_| Unopened::NotThere)?;
        let mut status: libc::stat64 = zeroed();
        if libc::fstat64(descriptor.as_raw_fd(), &raw mut status) != 0 {
            return Err(Unopened::NotThere);
        }
        (descriptor, status)
    };
    let (waits, length) = match kind(&status)? {
        Kind::Regular(length) => (false, length),
        Kind::Pipe => (true, None),
    };
    Ok((File { descriptor, waits }, length))
}

/// The length of a file that can be opened; None where it is not known.
pub fn length_of_file(path: &CStr) -> Result<Option<u64>, Unopened> {
    match look(path)? {
        Kind::Pipe => Ok(None),
        Kind::Regular(_) => open_source(path).map(|(file, length)| length.or_else(|| file.is_empty().then_some(0))),
    }
}

/// Where files seem to be empty that are not, and some give what they have only once.
const MADE_BY_THE_KERNEL: [libc::c_long; 4] = [
    libc::PROC_SUPER_MAGIC as libc::c_long,
    libc::SYSFS_MAGIC as libc::c_long,
    libc::DEBUGFS_MAGIC as libc::c_long,
    libc::TRACEFS_MAGIC as libc::c_long,
];

impl File {
    /// Reads what there is; 0 at the end, None where there is nothing yet.
    pub fn read(&self, octets: &mut [u8]) -> Result<Option<usize>, Failure> {
        // A pipe that nobody has opened for writing yet would seem to be at its end.
        if self.waits && !self.is_ready(0) {
            return Ok(None);
        }
        // SAFETY: the buffer is ours through the call, and its length is right.
        let read = unsafe { libc::read(self.descriptor.as_raw_fd(), octets.as_mut_ptr().cast(), octets.len()) };
        match usize::try_from(read) {
            Ok(length) => Ok(Some(length)),
            Err(_) => match last_failure() {
                Failure::WouldBlock => Ok(None),
                failure => Err(failure),
            },
        }
    }

    /// Whether a file without a length has nothing in it: it ends at once.
    fn is_empty(&self) -> bool {
        // SAFETY: the descriptor is open, and the structure is ours.
        let system = unsafe {
            let mut status: libc::statfs64 = zeroed();
            (libc::fstatfs64(self.descriptor.as_raw_fd(), &raw mut status) == 0)
                .then_some(status.f_type as libc::c_long)
        };
        let is_made = system.is_none_or(|system| MADE_BY_THE_KERNEL.contains(&system));
        !is_made && matches!(self.read(&mut [0]), Ok(Some(0)))
    }

    /// Waits for more, at most so many milliseconds.
    pub fn wait(&self, milliseconds: u64) {
        self.is_ready(milliseconds);
    }

    fn is_ready(&self, milliseconds: u64) -> bool {
        let mut polled = libc::pollfd {
            fd: self.descriptor.as_raw_fd(),
            events: libc::POLLIN,
            revents: 0,
        };
        // SAFETY: one structure, which is ours.
        unsafe { libc::poll(&raw mut polled, 1, milliseconds as libc::c_int) > 0 }
    }
}
