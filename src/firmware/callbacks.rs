//! What a program lends to be called, beside the connection: the source of a text, and the calendar's clock.

use core::ffi::{c_char, c_void};
use core::ptr::null_mut;

use crate::code::Reason;
use crate::session::Date;

/// A clock of the program's: seconds since 1970.
pub type UnixTime = unsafe extern "C" fn(*mut c_void) -> u32;

/// The calendar's clock, if there is one.
pub struct Clock {
    read: Option<(UnixTime, MakeDate)>,
    context: *mut c_void,
}

/// Makes a date of seconds since 1970.
type MakeDate = fn(u32) -> Option<Date>;

impl Clock {
    /// No clock.
    pub const NONE: Self = Self {
        read: None,
        context: null_mut(),
    };

    /// This clock, or none.
    ///
    /// # Safety
    ///
    /// The function can be called with the context at any time.
    pub unsafe fn new(read: Option<UnixTime>, context: *mut c_void) -> Self {
        Self {
            // Hidden from the compiler, which would see that there is no other function, and call it without the pointer.
            read: read.map(|read| (read, core::hint::black_box(Date::at as MakeDate))),
            context,
        }
    }

    /// Seconds since 1970; 0 where they are not known.
    #[inline(never)]
    pub fn seconds(&self) -> u32 {
        // SAFETY: the promise of `new`.
        self.read.map_or(0, |(read, _)| unsafe { read(self.context) })
    }

    /// The time for a mail, where it is known.
    pub fn date(&self) -> Option<Date> {
        let (_, date) = self.read?;
        date(self.seconds())
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
