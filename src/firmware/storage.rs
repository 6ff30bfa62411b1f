//! Where clients live: in memory that the program lends, in a list; and who may touch them.
//!
//! On one processor an interrupt may come at any moment, and call the library. So all that is not an atomic is touched
//! by the one who has set a flag ([`enter`]). Handles are looked up in the list, never followed: one of a client that has
//! ended is recognised.
//!
//! With one processor there is nothing but the compiler to be told of the order of reads and writes.

use core::cell::UnsafeCell;
use core::ffi::c_void;
use core::mem::{align_of, size_of};
use core::ptr::{addr_of_mut, null_mut};
use core::sync::atomic::{AtomicPtr, AtomicU8, Ordering, compiler_fence};

use super::callbacks::{Clock, UnixTime};
use super::member::Member;
use super::told::{Line, SharedStatus};
use crate::code::Code;
use crate::limits::{CLIENT_STORAGE_BYTES, DEVICE_CREDENTIAL_BYTES};

/// A client in the program's memory.
#[repr(C)]
struct Block {
    status: SharedStatus,
    next: AtomicPtr<Block>,
    member: UnsafeCell<Member>,
}

/// The storage of a client without its arena: room for it at any address.
pub const CLIENT_SIZE: usize = size_of::<Block>() + align_of::<Block>() - 1;

const _: () = assert!(CLIENT_SIZE <= CLIENT_STORAGE_BYTES);

/// A function of the library runs.
static ENTERED: AtomicU8 = AtomicU8::new(0);

static CLIENTS: AtomicPtr<Block> = AtomicPtr::new(null_mut());
static BUILT_IN: AtomicPtr<Block> = AtomicPtr::new(null_mut());

/// The clock of all clients.
struct Shared(UnsafeCell<Clock>);

// SAFETY: it is touched by the one who has set the flag only.
unsafe impl Sync for Shared {}

static CLOCK: Shared = Shared(UnsafeCell::new(Clock::NONE));

/// Has a function run on the client with this handle; nothing else of the library runs meanwhile.
pub fn enter(handle: usize, run: impl FnOnce(&mut Member) -> Code) -> Code {
    let (member, refused) = entered(handle);
    let Some(member) = member else { return refused };
    leave(run(member))
}

/// Enters, to the client with this handle; or why not.
fn entered(handle: usize) -> (Option<&'static mut Member>, Code) {
    if taken() != 0 {
        return (None, Code::Busy);
    }
    match find(handle) {
        // SAFETY: nobody else touches a member before `leave`.
        Some(block) => (Some(unsafe { &mut *block.member.get() }), Code::Ok),
        None => (None, leave(Code::BadHandle)),
    }
}

/// Sets the flag; 0 where it was not set before.
fn taken() -> u8 {
    #[cfg(target_has_atomic = "8")]
    let before = ENTERED.swap(1, Ordering::Relaxed);
    // A processor without atomic exchange is a single one: whatever comes between is an interrupt, which ends, and has
    // left, before this goes on.
    #[cfg(not(target_has_atomic = "8"))]
    let before = {
        let before = ENTERED.load(Ordering::Relaxed);
        ENTERED.store(1, Ordering::Relaxed);
        before
    };
    compiler_fence(Ordering::Acquire);
    before
}

/// Clears the flag, at the end of a function that has this to say.
// Saves 16 bytes of the small library.
#[inline(never)]
fn leave(answer: Code) -> Code {
    compiler_fence(Ordering::Release);
    ENTERED.store(0, Ordering::Relaxed);
    answer
}

/// The block that a link of the list points to.
fn load(link: &AtomicPtr<Block>) -> Option<&'static Block> {
    // SAFETY: what is in the list was made by `init`, in memory that is the library's until the client is removed.
    unsafe { link.load(Ordering::Relaxed).as_ref() }
}

fn find(handle: usize) -> Option<&'static Block> {
    let wanted = if handle == 0 {
        BUILT_IN.load(Ordering::Relaxed).addr()
    } else {
        handle
    };
    let mut block = load(&CLIENTS);
    while let Some(at) = block {
        if core::ptr::from_ref(at).addr() == wanted {
            break;
        }
        block = load(&at.next);
    }
    block
}

/// The status of a client, which may be read at any time.
pub fn status(handle: usize) -> Option<&'static SharedStatus> {
    find(handle).map(|block| &block.status)
}

/// Ends a client.
pub fn remove(handle: usize) -> Code {
    enter(handle, |member| {
        member.end();
        let Some(block) = find(handle) else {
            return Code::BadHandle;
        };
        let mut link = &CLIENTS;
        while let Some(at) = load(link) {
            if core::ptr::eq(at, block) {
                store(link, block.next.load(Ordering::Relaxed));
                break;
            }
            link = &at.next;
        }
        if core::ptr::eq(BUILT_IN.load(Ordering::Relaxed), block) {
            store(&BUILT_IN, null_mut());
        }
        Code::Ok
    })
}

/// Changes the list, after all that was written before: an interrupt may look for a status at any time.
fn store(link: &AtomicPtr<Block>, block: *mut Block) {
    compiler_fence(Ordering::Release);
    link.store(block, Ordering::Relaxed);
}

/// Makes a client; its handle.
///
/// # Safety
///
/// `storage` is NULL or points to `length` octets that nobody else uses from now on.
pub unsafe fn init(storage: *mut u8, length: usize) -> *mut c_void {
    if taken() != 0 {
        return null_mut();
    }
    // SAFETY: the caller's promise.
    let block = unsafe { put(storage, length) };
    leave(Code::Ok);
    block.cast()
}

/// Puts a client into memory, and into the list; NULL where it cannot be.
///
/// # Safety
///
/// As of [`init`].
unsafe fn put(storage: *mut u8, length: usize) -> *mut Block {
    if storage.is_null() || length < CLIENT_STORAGE_BYTES {
        return null_mut();
    }
    let skipped = storage.align_offset(align_of::<Block>());
    let arena = length.wrapping_sub(skipped).wrapping_sub(size_of::<Block>());
    // A client that lives in this memory, or a part of it, would be overwritten.
    let mut other = load(&CLIENTS);
    while let Some(at) = other {
        let address = core::ptr::from_ref(at).addr();
        // SAFETY: as in `entered`.
        let size = size_of::<Block>().wrapping_add(unsafe { &*at.member.get() }.arena.size());
        if address.wrapping_sub(storage.addr()) < length || storage.addr().wrapping_sub(address) < size {
            return null_mut();
        }
        other = load(&at.next);
    }
    // SAFETY: skipped + size_of::<Block>() + arena == length, all of it the caller's (a length of CLIENT_STORAGE_BYTES has room for
    // the first two); the block is aligned.
    unsafe {
        let block = storage.add(skipped).cast::<Block>();
        // All that is zero at the beginning; the rest follows. A value as a whole would have a second place, in the flash.
        storage.write_bytes(0, length);
        (*block).next.store(CLIENTS.load(Ordering::Relaxed), Ordering::Relaxed);
        let member = addr_of_mut!((*block).member).cast::<Member>();
        addr_of_mut!((*member).status).write(&(*block).status);
        (*member)
            .arena
            .lend(core::slice::from_raw_parts_mut(block.add(1).cast(), arena));
        addr_of_mut!((*member).device_limit).write(DEVICE_CREDENTIAL_BYTES);
        addr_of_mut!((*member).reading).write(None);
        addr_of_mut!((*member).nonce).write(None);
        store(&CLIENTS, block);
        if BUILT_IN.load(Ordering::Relaxed).is_null() {
            store(&BUILT_IN, block);
        }
        block
    }
}

/// Lends a client memory for its log.
///
/// # Safety
///
/// `entries` is NULL, or aligned and points to room for `count` entries that nobody else uses from now on.
pub unsafe fn set_log(handle: usize, entries: *mut Line, count: usize) -> Code {
    enter(handle, |member| {
        member.set_log(if entries.is_null() {
            None
        } else {
            // SAFETY: the caller's promise; a line of zeros is one.
            unsafe {
                entries.write_bytes(0, count);
                Some(core::slice::from_raw_parts_mut(entries, count))
            }
        });
        Code::Ok
    })
}

/// Takes the calendar's clock, or none.
///
/// # Safety
///
/// The function can be called with the context at any time.
pub unsafe fn set_clock(clock: Option<UnixTime>, context: *mut c_void) {
    if taken() == 0 {
        // SAFETY: nobody else touches it before `leave`.
        unsafe { *CLOCK.0.get() = Clock::new(clock, context) };
        leave(Code::Ok);
    }
}

/// Does the work of all clients; the milliseconds until it is to be called again.
pub fn poll(now: u32) -> u32 {
    if taken() != 0 {
        return 1;
    }
    // SAFETY: nobody else touches it before `leave`.
    let clock = unsafe { &*CLOCK.0.get() };
    let mut wait = u32::MAX;
    let mut block = load(&CLIENTS);
    while let Some(at) = block {
        // SAFETY: as in `entered`; a member does not touch the clock.
        let member = unsafe { &mut *at.member.get() };
        wait = wait.min(member.poll(now, clock));
        block = load(&at.next);
    }
    leave(Code::Ok);
    wait
}
