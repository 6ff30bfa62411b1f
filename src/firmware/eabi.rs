//! What the compiler calls on Arm to copy and fill memory (the Run-time ABI for the Arm Architecture, 4.3.4), over the C
//! library's own functions: so that the library asks for nothing but those, and brings no second copy of them.
//!
//! In assembly, since the compiler would turn a call of `memcpy` into one of `__aeabi_memcpy`.

macro_rules! shim {
    ($section:literal, $($name:literal)+, $($line:literal),+) => {
        core::arch::global_asm!(
            concat!(".section .text.", $section, ",\"ax\",%progbits"),
            ".balign 2",
            $(concat!(".global ", $name),)+
            $(concat!(".type ", $name, ", %function"), ".thumb_func", concat!($name, ":"),)+
            $($line,)+
        );
    };
}

shim!("__aeabi_memcpy", "__aeabi_memcpy" "__aeabi_memcpy4" "__aeabi_memcpy8", "push {{r4, lr}}", "bl memcpy", "pop {{r4, pc}}");
shim!("__aeabi_memmove", "__aeabi_memmove" "__aeabi_memmove4" "__aeabi_memmove8", "push {{r4, lr}}", "bl memmove", "pop {{r4, pc}}");
shim!(
    "__aeabi_memset", "__aeabi_memset" "__aeabi_memset4" "__aeabi_memset8",
    "mov r3, r1", "mov r1, r2", "mov r2, r3", "push {{r4, lr}}", "bl memset", "pop {{r4, pc}}"
);
shim!(
    "__aeabi_memclr", "__aeabi_memclr" "__aeabi_memclr4" "__aeabi_memclr8",
    "mov r2, r1", "movs r1, #0", "push {{r4, lr}}", "bl memset", "pop {{r4, pc}}"
);
