//! What the exported functions share: catching panics, reading strings, reading and writing structures of several versions.

use crate::code::Code;
#[cfg(feature = "std")]
use core::ffi::c_void;
use core::ffi::{CStr, c_char, c_int};
#[cfg(feature = "std")]
use core::mem::ManuallyDrop;
use core::mem::size_of;

/// The largest structure that is read: a larger `struct_size` is a mistake, not a newer version.
#[cfg(feature = "std")]
const LARGEST_STRUCT: usize = 4096;

/// Runs a function of the ABI and returns `otherwise` if it panics.
#[cfg(feature = "std")]
pub fn guard<T, F: FnOnce() -> T>(otherwise: T, function: F) -> T {
    struct Call<T, F> {
        function: ManuallyDrop<F>,
        result: T,
    }
    /// # Safety
    ///
    /// `call` is a [`Call`] that was not run before.
    unsafe fn run<T, F: FnOnce() -> T>(call: *mut c_void) {
        // SAFETY: the caller's promise.
        let call = unsafe { &mut *call.cast::<Call<T, F>>() };
        // SAFETY: likewise.
        call.result = unsafe { ManuallyDrop::take(&mut call.function) }();
    }
    let mut call = Call {
        function: ManuallyDrop::new(function),
        result: otherwise,
    };
    // SAFETY: the call is what the function is for, and is run once.
    unsafe { protect(run::<T, F>, (&raw mut call).cast()) };
    call.result
}

/// Runs what a program has called, and catches a panic. In one place: each function of the ABI would have its own copy.
///
/// # Safety
///
/// `run` may be called with `call`, once.
#[cfg(feature = "std")]
#[inline(never)]
unsafe fn protect(run: unsafe fn(*mut c_void), call: *mut c_void) {
    crate::host::is_sound(&mut || {
        // SAFETY: the caller's promise.
        crate::host::called(|| unsafe { run(call) });
    });
}

/// Runs a function of the ABI. Without a system nothing catches a panic; there is none: `make flash` and
/// `make cross` check that what is linked has no code that panics.
#[cfg(not(feature = "std"))]
pub fn guard<T>(_: T, run: impl FnOnce() -> T) -> T {
    run()
}

/// The number of a code.
pub fn number(code: Code) -> c_int {
    c_int::from(code.number())
}

/// The result of a function of the ABI that returns a code.
pub trait Answer {
    /// The number that C gets.
    fn number(self) -> c_int;
}

impl Answer for u8 {
    fn number(self) -> c_int {
        c_int::from(self)
    }
}

impl Answer for Code {
    fn number(self) -> c_int {
        number(self)
    }
}

impl Answer for () {
    fn number(self) -> c_int {
        number(Code::Ok)
    }
}

impl<T: Answer> Answer for Result<T, Code> {
    fn number(self) -> c_int {
        self.map_or_else(number, T::number)
    }
}

/// Runs a function of the ABI that returns a code; a panic is code 7.
pub fn guard_code<T: Answer>(run: impl FnOnce() -> T) -> c_int {
    guard(number(Code::DataFailed), || run().number())
}

/// The octets of a C string; none for NULL.
///
/// # Safety
///
/// `text` is NULL or points to a string that ends with a NUL and lives as long as the result is used.
// Saves 400 bytes.
#[cfg_attr(fast, inline(never))]
pub unsafe fn string<'a>(text: *const c_char) -> &'a [u8] {
    if text.is_null() {
        return &[];
    }
    // SAFETY: the caller's promise.
    unsafe { CStr::from_ptr(text) }.to_bytes()
}

/// Copies a text for C: as much as fits, and a NUL behind it; how long the whole text is.
///
/// # Safety
///
/// `out` is NULL or points to `max` octets.
pub unsafe fn copy_text(text: &[u8], out: *mut c_char, max: usize) -> usize {
    if !out.is_null() && max > 0 {
        let length = text.len().min(max.saturating_sub(1));
        // SAFETY: the caller's promise: `length` and one more octet are within `max`.
        unsafe {
            core::ptr::copy_nonoverlapping(text.as_ptr(), out.cast(), length);
            out.add(length).write(0);
        }
    }
    text.len()
}

/// A structure of integers and pointers that begins with its size, and for which all zeros is a value.
///
/// # Safety
///
/// The type is `repr(C)`, begins with a `u32` named `struct_size`, has no padding, and zeros are a value of
/// it. [`Sized::ENDS`] lists the end of each field, in order.
pub unsafe trait Versioned: Copy {
    /// Where each field ends, in octets from the beginning.
    const ENDS: &'static [usize];
}

/// Reads a program's structure, which may be of another version of this library.
///
/// From a shorter structure the complete fields are taken; the others are zero, their default. In a longer
/// one everything behind the known fields must be zero.
///
/// # Safety
///
/// `given` is NULL or points to `struct_size` octets.
#[cfg(feature = "std")]
pub unsafe fn read<T: Versioned>(given: *const T) -> Result<T, Code> {
    // SAFETY: zeros are a value of T (the trait's promise); then whole fields are copied over them.
    unsafe {
        let known = whole_fields(given.cast(), T::ENDS).ok_or(Code::BadArgument)?;
        let mut copy: T = core::mem::zeroed();
        core::ptr::copy_nonoverlapping(given.cast::<u8>(), (&raw mut copy).cast::<u8>(), known);
        Ok(copy)
    }
}

/// How many octets of a program's structure whole fields take that are known; None where it is not of any version.
///
/// # Safety
///
/// As above.
#[cfg(feature = "std")]
unsafe fn whole_fields(given: *const u8, ends: &[usize]) -> Option<usize> {
    if given.is_null() {
        return None;
    }
    // SAFETY: every version begins with this field. A careless program may have it unaligned.
    let size = unsafe { given.cast::<u32>().read_unaligned() };
    let size = usize::try_from(size).ok().filter(|size| *size <= LARGEST_STRUCT)?;
    let known = ends.iter().rev().copied().find(|end| *end <= size)?;
    for at in ends.last().copied()?.max(known)..size {
        // SAFETY: the caller promises `size` octets.
        if unsafe { given.add(at).read() } != 0 {
            return None;
        }
    }
    Some(known).filter(|known| *known > size_of::<u32>())
}

/// Reads a program's structure. Without a system, library and program are built together: a structure of
/// another size is a mistake.
///
/// # Safety
///
/// `given` is NULL or points to `struct_size` octets, which nobody changes meanwhile.
#[cfg(not(feature = "std"))]
pub unsafe fn read<'a, T: Versioned>(given: *const T) -> Result<&'a T, Code> {
    // SAFETY: checked to be there, aligned, and whole; any octets are a value of T.
    whole(given).then(|| unsafe { &*given }).ok_or(Code::BadArgument)
}

/// Whether this is a structure of this library's version.
#[cfg(not(feature = "std"))]
pub fn whole<T: Versioned>(given: *const T) -> bool {
    // SAFETY: every structure begins with this field.
    !given.is_null() && given.is_aligned() && usize::try_from(unsafe { *given.cast::<u32>() }) == Ok(size_of::<T>())
}

/// The size of a program's structure that is to be written; an error where it is not a structure of any
/// version.
///
/// # Safety
///
/// `out` is NULL or points to `struct_size` octets.
#[cfg(feature = "std")]
pub unsafe fn size_to_write<T: Versioned>(out: *const T) -> Result<usize, Code> {
    if out.is_null() {
        return Err(Code::BadArgument);
    }
    // SAFETY: every version begins with this field.
    let size = unsafe { out.cast::<u32>().read_unaligned() };
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    let known = T::ENDS.contains(&size) || size > size_of::<T>();
    if size <= size_of::<u32>() || size > LARGEST_STRUCT || !known {
        return Err(Code::BadArgument);
    }
    Ok(size)
}

/// Writes a structure that `make` fills, which is given one of zeros: as much as the program's structure has
/// room for, zeros behind it, and that room as its `struct_size`.
///
/// # Safety
///
/// `out` points to `size` octets, and `size` came from [`size_to_write`].
#[cfg(feature = "std")]
pub unsafe fn write<T: Versioned>(out: *mut T, size: usize, make: impl FnOnce(&mut T)) {
    // SAFETY: zeros are a value of T (the trait's promise).
    let mut value: T = unsafe { core::mem::zeroed() };
    make(&mut value);
    let (head, out) = (size_of::<u32>(), out.cast::<u8>());
    let known = size.min(size_of::<T>());
    // SAFETY: all ranges lie within `size` octets of the caller's and `size_of::<T>()` of ours; T has no padding.
    unsafe {
        let from = (&raw const value).cast::<u8>();
        out.cast::<u32>().write_unaligned(u32::try_from(size).unwrap_or(0));
        core::ptr::copy_nonoverlapping(from.add(head), out.add(head), known.saturating_sub(head));
        core::ptr::write_bytes(out.add(known), 0, size.saturating_sub(known));
    }
}

/// Copies text into a field of zeros, cut so that a NUL remains behind it.
#[cfg(feature = "std")]
pub fn fill(field: &mut [c_char], text: &[u8]) {
    let most = field.len().saturating_sub(1);
    for (to, octet) in field.iter_mut().zip(text).take(most) {
        *to = c_char::from_ne_bytes([*octet]);
    }
}

/// Lists where the fields of a structure end, and asserts that nothing lies between or behind them.
macro_rules! versioned {
    ($type:ty { $($field:ident),+ $(,)? }) => {
        // SAFETY: repr(C), begins with struct_size, integers, pointers and arrays of them only; the assertion below
        // shows that there is no padding.
        unsafe impl $crate::ffi::guard::Versioned for $type {
            const ENDS: &'static [usize] = &[
                $({
                    const fn size<T, F>(_: fn(&T) -> &F) -> usize {
                        core::mem::size_of::<F>()
                    }
                    core::mem::offset_of!($type, $field) + size(|value: &$type| &value.$field)
                }),+
            ];
        }
        // At compile time.
        #[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)]
        const _: () = {
            let ends = <$type as $crate::ffi::guard::Versioned>::ENDS;
            let starts = [$(core::mem::offset_of!($type, $field)),+];
            assert!(starts[0] == 0 && ends[0] == 4);
            let mut at = 1;
            while at < starts.len() {
                assert!(starts[at] == ends[at - 1]);
                at += 1;
            }
            assert!(ends[at - 1] == core::mem::size_of::<$type>());
        };
    };
}
pub(crate) use versioned;
