//! Another Rust library of the same program, as the compiler makes it: with a panic handler, `core` and the compiler's own
//! library of its own.

#![no_std]

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

/// Panics where the table is too short or the divisor is 0, and takes the compiler's library for 64 bits.
///
/// # Safety
///
/// There are `length` numbers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn neighbour_ratio(numbers: *const u64, length: usize, at: usize) -> u64 {
    // SAFETY: the caller's promise.
    let numbers = unsafe { core::slice::from_raw_parts(numbers, length) };
    let mut copy = [0u64; 16];
    copy[..length].copy_from_slice(numbers);
    copy[at] / copy[at + 1]
}

/// As a program's C library has it, and sds-smtp inside.
#[cfg(target_arch = "arm")]
#[unsafe(no_mangle)]
pub extern "C" fn __aeabi_memclr8() {}
