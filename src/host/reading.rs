//! What is read for a mail: files, and what functions of the program give, a piece at a time. A thread of
//! [`files`](super::files) does it; nothing here takes a lock.

use core::ffi::CStr;
use std::boxed::Box;

use super::clock;
use super::memory::{self, Row, wipe};
use super::registry::Key;
use super::sys::{self, File, Unopened};
use crate::channel::callbacks::Read;
use crate::code::Reason;
use crate::limits::READ_LATER;

/// How much is read at a time.
const PIECE: usize = 32 * 1024;

/// Room before it, for what is left of the piece before: less than a line of base64.
pub const FRONT: usize = 64;

/// How long a thread waits for more at a time, in milliseconds: then it looks whether anybody wants it.
const PATIENCE: u64 = 100;

/// How soon a function is asked again that had nothing, in milliseconds.
const ASK: u64 = 10;

/// A function of the program that is read from, and what calls it.
#[derive(Clone, Copy)]
pub struct Function {
    /// The function.
    pub read: Read,
    /// Calls it for a client, unless the client has ended.
    pub call: Call,
    /// The client.
    pub key: Key,
}

/// Calls a function of the program's, from this octet on, where that is wanted still; what it returned, or None where it was not.
pub type Call = fn(Read, Key, u64, &mut [u8], &dyn Fn() -> bool) -> Option<i32>;

/// Where octets come from.
pub enum Source {
    /// A file: its path, with a NUL behind it.
    File(Box<[u8]>),
    /// A function.
    Function(Function),
}

/// A source that is being read.
pub struct Reading {
    source: Source,
    file: Option<File>,
    /// How many octets there are, where that is known.
    length: Option<u64>,
    /// How many were read.
    offset: u64,
    buffer: Box<[u8]>,
    filled: usize,
    /// There are no more.
    pub last: bool,
}

impl Reading {
    /// From its beginning; None without memory.
    pub fn new(source: Source, length: Option<u64>) -> Option<Self> {
        Some(Self {
            source,
            file: None,
            length,
            offset: 0,
            buffer: memory::zeros(FRONT.saturating_add(PIECE))?,
            filled: 0,
            last: false,
        })
    }

    /// Another buffer of the same size; None without memory.
    pub fn spare(&self) -> Option<Box<[u8]>> {
        memory::zeros(self.buffer.len())
    }

    /// Exchanges the buffer for another one of the same size; where in it, behind [`FRONT`], what was read ends.
    pub fn exchange(&mut self, buffer: &mut Box<[u8]>) -> usize {
        core::mem::swap(&mut self.buffer, buffer);
        FRONT.saturating_add(core::mem::take(&mut self.filled))
    }

    /// Reads until the buffer is full, there is no more, or more would have to be waited for and there is something.
    fn fill(&mut self, wanted: &dyn Fn() -> bool) -> Result<(), Reason> {
        while !self.last && self.filled < PIECE && wanted() {
            let room = self.buffer.get_mut(FRONT..).unwrap_or(&mut []);
            let room = room.get_mut(self.filled..).unwrap_or(&mut []);
            let given = match &self.source {
                Source::File(path) => read_file(path, &mut self.file, room)?,
                Source::Function(function) => read_function(function, self.offset, room, wanted)?,
            };
            let Some(given) = given else {
                if self.filled > 0 {
                    return Ok(());
                }
                self.wait();
                continue;
            };
            self.filled = self.filled.saturating_add(given);
            self.offset = self.offset.saturating_add(u64::try_from(given).unwrap_or(u64::MAX));
            self.last = given == 0;
            self.check()?;
        }
        Ok(())
    }

    /// Whether there are as many octets as there are to be.
    fn check(&self) -> Result<(), Reason> {
        let Some(length) = self.length else { return Ok(()) };
        let is_file = matches!(self.source, Source::File(_));
        if self.offset > length {
            return Err(if is_file { Reason::Grown } else { Reason::TooLong });
        }
        if self.last && self.offset < length {
            return Err(if is_file { Reason::Shrunk } else { Reason::TooShort });
        }
        Ok(())
    }

    fn wait(&self) {
        match &self.file {
            Some(file) => file.wait(PATIENCE),
            None => clock::pause(ASK),
        }
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        wipe(&mut self.buffer);
    }
}

/// Reads from a file, which is opened before; None where there is nothing yet.
fn read_file(path: &[u8], file: &mut Option<File>, room: &mut [u8]) -> Result<Option<usize>, Reason> {
    let open = match file {
        Some(open) => open,
        None => file.insert(sys::open_source(path_of(path)?).map_err(unopened)?.0),
    };
    open.read(room).map_err(|_| Reason::Unreadable)
}

/// Asks a function; None where it has nothing yet.
fn read_function(
    function: &Function,
    offset: u64,
    room: &mut [u8],
    wanted: &dyn Fn() -> bool,
) -> Result<Option<usize>, Reason> {
    let most = room.len();
    // Of a client that has ended nothing is sent any more.
    let given = (function.call)(function.read, function.key, offset, room, wanted).ok_or(Reason::ReadFailed)?;
    match usize::try_from(given) {
        Ok(given) if given <= most => Ok(Some(given)),
        Err(_) if given == READ_LATER => Ok(None),
        _ => Err(Reason::ReadFailed),
    }
}

fn path_of(path: &[u8]) -> Result<&CStr, Reason> {
    CStr::from_bytes_with_nul(path).map_err(|_| Reason::NoFile)
}

fn unopened(why: Unopened) -> Reason {
    match why {
        Unopened::NotThere => Reason::NoFile,
        Unopened::Strange => Reason::StrangeFile,
    }
}

/// Files whose lengths are to be found.
pub struct Measure {
    /// Their paths, each with a NUL behind it.
    pub paths: Row<u8>,
    /// Their lengths; None where it is not known, as of a pipe, or of a file in /proc.
    pub lengths: Row<Option<u64>>,
}

impl Measure {
    fn run(&mut self, wanted: &dyn Fn() -> bool) -> Result<(), Reason> {
        self.lengths.clear();
        for path in self.paths.split_inclusive(|octet| *octet == 0) {
            if !wanted() {
                break;
            }
            let length = sys::length_of_file(path_of(path)?).map_err(unopened)?;
            self.lengths.push(length).ok_or(Reason::NoMemory)?;
        }
        Ok(())
    }
}

/// What a thread does.
pub enum Task {
    /// Finds lengths.
    Measure(Measure),
    /// Reads a piece.
    Read(Reading),
}

/// What a thread does, and how that went.
pub struct Work {
    /// What it does.
    pub task: Task,
    /// What has gone wrong.
    pub failed: Option<Reason>,
}

impl Work {
    /// To be done.
    pub fn new(task: Task) -> Self {
        Self { task, failed: None }
    }

    /// Does it, as long as it is wanted.
    pub fn run(&mut self, wanted: &dyn Fn() -> bool) {
        let done = match &mut self.task {
            Task::Measure(measure) => measure.run(wanted),
            Task::Read(reading) => reading.fill(wanted),
        };
        self.failed = done.err();
    }
}
