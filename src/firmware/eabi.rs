//! What the compiler calls on Arm to copy and fill memory (the Run-time ABI for the Arm Architecture, 4.3.4), over the C
//! library's own functions: so that the library asks for nothing but those, and brings no second copy of them.
//!
//! In assembly, since the compiler would turn a call of `memcpy` into one of `__aeabi_memcpy`.

/// A call of a function at any distance, at the end of another.
#[cfg(target_has_atomic = "32")]
macro_rules! tail {
    ($function:literal) => {
        concat!("b.w ", $function)
    };
}
/// A processor without atomic exchange (Armv6-M) has no such jump.
#[cfg(not(target_has_atomic = "32"))]
macro_rules! tail {
    ($function:literal) => {
        concat!("push {{r4, lr}}\nbl ", $function, "\npop {{r4, pc}}")
    };
}

macro_rules! shim {
    ($section:literal, $($name:literal)+, $($line:expr),+) => {
        core::arch::global_asm!(
            concat!(".section .text.", $section, ",\"ax\",%progbits"),
            ".balign 2",
            $(concat!(".global ", $name),)+
            $(concat!(".type ", $name, ", %function"), ".thumb_func", concat!($name, ":"),)+
            $($line,)+
        );
    };
}

shim!("__aeabi_memcpy", "__aeabi_memcpy" "__aeabi_memcpy4" "__aeabi_memcpy8", tail!("memcpy"));
shim!("__aeabi_memmove", "__aeabi_memmove" "__aeabi_memmove4" "__aeabi_memmove8", tail!("memmove"));
shim!(
    "__aeabi_memset", "__aeabi_memset" "__aeabi_memset4" "__aeabi_memset8",
    "mov r3, r1", "mov r1, r2", "mov r2, r3", tail!("memset")
);
shim!(
    "__aeabi_memclr", "__aeabi_memclr" "__aeabi_memclr4" "__aeabi_memclr8",
    "mov r2, r1", "movs r1, #0", tail!("memset")
);
