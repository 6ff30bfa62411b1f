//! Where clients live: in memory that the program lends, in a list; and who may touch them.
//!
//! On one processor an interrupt may come at any moment, and call the library. So all that is not an atomic is touched
//! under [`Entered`] only, of which there is one at a time. Handles are looked up in the list, never followed: one of a
//! client that has ended is recognised.

use core::cell::UnsafeCell;
use core::ffi::{c_char, c_void};
use core::mem::{align_of, size_of};
use core::ops::{Deref, DerefMut};
use core::ptr::{addr_of_mut, null_mut};
use core::sync::atomic::{AtomicBool, AtomicPtr, Ordering};

use super::arena::Arena;
use super::conversation::Calendar;
use super::member::{LIFE, Member};
use super::told::Line;
use crate::client::guard::Guard;
use crate::code::{Code, Reason};
use crate::limits::{CLIENT_STORAGE_BYTES, DEVICE_CREDENTIAL_BYTES};

/// A client in the program's memory.
#[repr(C)]
struct Block {
    guard: Guard,
    next: AtomicPtr<Block>,
    member: UnsafeCell<Member>,
}

/// The storage of a client without its arena: room for it at any address.
pub const CLIENT_SIZE: usize = size_of::<Block>() + align_of::<Block>() - 1;

const _: () = assert!(CLIENT_SIZE <= CLIENT_STORAGE_BYTES);

/// A function of the library runs.
static ENTERED: AtomicBool = AtomicBool::new(false);

static CLIENTS: AtomicPtr<Block> = AtomicPtr::new(null_mut());
static BUILT_IN: AtomicPtr<Block> = AtomicPtr::new(null_mut());

type UnixTime = unsafe extern "C" fn(*mut c_void) -> u32;

/// What is common to all clients.
struct Common {
    clock: Option<UnixTime>,
    context: *mut c_void,
}

struct Shared(UnsafeCell<Common>);

// SAFETY: it is touched under `Entered` only.
unsafe impl Sync for Shared {}

static COMMON: Shared = Shared(UnsafeCell::new(Common {
    clock: None,
    context: null_mut(),
}));

impl Calendar for Common {
    fn seconds(&self) -> u32 {
        // SAFETY: the caller of `set_clock` promised that it can be called.
        self.clock.map_or(0, |clock| unsafe { clock(self.context) })
    }
}

/// A source of a text: a function of the program's.
#[derive(Clone, Copy)]
pub struct Source {
    read: unsafe extern "C" fn(*mut c_void, u32, *mut c_char, usize) -> i32,
    context: *mut c_void,
}

impl Source {
    /// A source.
    ///
    /// # Safety
    ///
    /// The function can be called with the context until the mail has ended.
    pub unsafe fn new(
        read: unsafe extern "C" fn(*mut c_void, u32, *mut c_char, usize) -> i32,
        context: *mut c_void,
    ) -> Self {
        Self { read, context }
    }

    /// The first `length` octets of a buffer, for the session; it has given up the piece before.
    pub fn piece(&self, buffer: &mut [u8], length: usize) -> &'static [u8] {
        let length = length.min(buffer.len());
        // SAFETY: the buffer is in the arena, for as long as the mail is in flight, and `read` is asked for the next piece only
        // when the session has taken all of this one.
        unsafe { core::slice::from_raw_parts(buffer.as_ptr(), length) }
    }

    /// Asks for the text from `offset` on: how much there is, 0 at its end; None where it is not there yet.
    pub fn read(&self, offset: usize, out: &mut [u8]) -> Result<Option<usize>, Reason> {
        let offset = u32::try_from(offset).map_err(|_| Reason::LongText)?;
        // SAFETY: the promise of `new`.
        let given = unsafe { (self.read)(self.context, offset, out.as_mut_ptr().cast(), out.len()) };
        match usize::try_from(given) {
            Ok(length) if length <= out.len() => Ok(Some(length)),
            Err(_) if given == crate::limits::READ_LATER => Ok(None),
            _ => Err(Reason::BadSource),
        }
    }
}

/// The one who may touch the clients, while it lives.
pub struct Entered(());

impl Entered {
    /// Enters, unless a function of the library runs already.
    pub fn new() -> Result<Self, Code> {
        if taken() { Err(Code::Busy) } else { Ok(Self(())) }
    }

    fn common(&mut self) -> &mut Common {
        // SAFETY: nobody else touches it but through this one value, and `&mut self` lends it once at a time.
        unsafe { &mut *COMMON.0.get() }
    }

    /// Ends a client.
    pub fn remove(&mut self, handle: usize) -> Result<(), Code> {
        let block = find(handle).ok_or(Code::BadHandle)?;
        let mut place = &CLIENTS;
        while let Some(at) = load(place) {
            if core::ptr::eq(at, block) {
                place.store(block.next.load(Ordering::Relaxed), Ordering::Release);
                break;
            }
            place = &at.next;
        }
        if core::ptr::eq(BUILT_IN.load(Ordering::Relaxed), block) {
            BUILT_IN.store(null_mut(), Ordering::Release);
        }
        // SAFETY: as in `enter`.
        unsafe { &mut *block.member.get() }.end();
        Ok(())
    }
}

/// One client, for the one who has entered.
pub struct One {
    both: (&'static Guard, &'static mut Member),
    _entered: Entered,
}

impl Deref for One {
    type Target = (&'static Guard, &'static mut Member);

    fn deref(&self) -> &Self::Target {
        &self.both
    }
}

impl DerefMut for One {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.both
    }
}

/// Enters, to the client with this handle.
#[inline(never)]
pub fn enter(handle: usize) -> Result<One, Code> {
    let entered = Entered::new()?;
    let block = find(handle).ok_or(Code::BadHandle)?;
    // SAFETY: nobody else touches a member but through the one value `entered`.
    let member = unsafe { &mut *block.member.get() };
    Ok(One {
        both: (&block.guard, member),
        _entered: entered,
    })
}

/// Sets the flag; whether it was set before.
#[inline(never)]
fn taken() -> bool {
    #[cfg(target_has_atomic = "8")]
    let before = ENTERED.swap(true, Ordering::Acquire);
    // A processor without atomic exchange is a single one: whatever comes between is an interrupt, which ends, and has
    // left, before this goes on.
    #[cfg(not(target_has_atomic = "8"))]
    let before = {
        let before = ENTERED.load(Ordering::Acquire);
        ENTERED.store(true, Ordering::Release);
        before
    };
    before
}

impl Drop for Entered {
    #[inline(never)]
    fn drop(&mut self) {
        ENTERED.store(false, Ordering::Release);
    }
}

/// The block that a place in the list points to.
fn load(place: &AtomicPtr<Block>) -> Option<&'static Block> {
    // SAFETY: what is in the list was made by `init`, in memory that is the library's until the client is removed.
    unsafe { place.load(Ordering::Acquire).as_ref() }
}

fn find(handle: usize) -> Option<&'static Block> {
    if handle == 0 {
        return load(&BUILT_IN);
    }
    let mut block = load(&CLIENTS);
    while let Some(at) = block {
        if core::ptr::from_ref(at).addr() == handle {
            return Some(at);
        }
        block = load(&at.next);
    }
    None
}

/// The status of a client, which may be read at any time.
pub fn guard(handle: usize) -> Result<&'static Guard, Code> {
    find(handle).map(|block| &block.guard).ok_or(Code::BadHandle)
}

/// Makes a client; its handle.
///
/// # Safety
///
/// `storage` is NULL or points to `length` octets that nobody else uses from now on.
pub unsafe fn init(storage: *mut u8, length: usize) -> Option<*mut c_void> {
    let _entered = Entered::new().ok()?;
    if storage.is_null() || length < CLIENT_STORAGE_BYTES {
        return None;
    }
    let skipped = storage.align_offset(align_of::<Block>());
    let arena = length.checked_sub(skipped)?.checked_sub(size_of::<Block>())?;
    // A client that lives in this memory, or a part of it, would be overwritten.
    let mut other = load(&CLIENTS);
    while let Some(at) = other {
        let address = core::ptr::from_ref(at).addr();
        // SAFETY: as in `enter`.
        let size = size_of::<Block>().saturating_add(unsafe { &*at.member.get() }.arena.size());
        if address.wrapping_sub(storage.addr()) < length || storage.addr().wrapping_sub(address) < size {
            return None;
        }
        other = load(&at.next);
    }
    // SAFETY: skipped + size_of::<Block>() + arena == length, all of it the caller's; the block is aligned.
    unsafe {
        let block = storage.add(skipped).cast::<Block>();
        let texts = storage.add(skipped).add(size_of::<Block>());
        texts.write_bytes(0, arena);
        let texts = core::slice::from_raw_parts_mut(texts, arena);
        // All that is zero at the beginning; the rest follows. A value as a whole would have a second place, in the flash.
        block.write_bytes(0, 1);
        addr_of_mut!((*block).guard).write(Guard::new(LIFE));
        addr_of_mut!((*block).next).write(AtomicPtr::new(CLIENTS.load(Ordering::Relaxed)));
        let member = addr_of_mut!((*block).member).cast::<Member>();
        addr_of_mut!((*member).arena).write(Arena::new(texts));
        addr_of_mut!((*member).log).write(&mut []);
        addr_of_mut!((*member).device_limit).write(DEVICE_CREDENTIAL_BYTES);
        addr_of_mut!((*member).transport).write(None);
        addr_of_mut!((*member).config).write(None);
        addr_of_mut!((*member).next).write(None);
        addr_of_mut!((*member).reading).write(None);
        addr_of_mut!((*member).nonce).write(None);
        CLIENTS.store(block, Ordering::Release);
        if BUILT_IN.load(Ordering::Relaxed).is_null() {
            BUILT_IN.store(block, Ordering::Release);
        }
        Some(block.cast())
    }
}

/// Lends a client memory for its log.
///
/// # Safety
///
/// `entries` is NULL, or aligned and points to room for `count` entries that nobody else uses from now on.
pub unsafe fn set_log(handle: usize, entries: *mut Line, count: usize) -> Result<(), Code> {
    enter(handle)?.1.set_log(if entries.is_null() {
        &mut []
    } else {
        // SAFETY: the caller's promise; a line of zeros is one.
        unsafe {
            entries.write_bytes(0, count);
            core::slice::from_raw_parts_mut(entries, count)
        }
    });
    Ok(())
}

/// Takes the calendar's clock, or none.
///
/// # Safety
///
/// The function can be called with the context at any time.
pub unsafe fn set_clock(clock: Option<UnixTime>, context: *mut c_void) -> Result<(), Code> {
    let mut entered = Entered::new()?;
    let common = entered.common();
    (common.clock, common.context) = (clock, context);
    Ok(())
}

/// Does the work of all clients; the milliseconds until it is to be called again.
pub fn poll(now: u32) -> u32 {
    let Ok(mut entered) = Entered::new() else { return 1 };
    let common = entered.common();
    let mut wait = u32::MAX;
    let mut block = load(&CLIENTS);
    while let Some(at) = block {
        // SAFETY: as in `enter`; a member does not touch what is common.
        let member = unsafe { &mut *at.member.get() };
        wait = wait.min(member.poll(&at.guard, now, common));
        block = load(&at.next);
    }
    wait
}
