//! The codes' descriptions, and the version.

use core::ffi::{CStr, c_char, c_int};

use super::codes::{SDS_SMTP_FEATURE_COMPLETE, SDS_SMTP_FEATURE_NAMES, SDS_SMTP_FEATURE_PARTS, SDS_SMTP_FEATURE_TLS};
use crate::code::Code;
#[cfg(feature = "std")]
use crate::code::{Outcome, Phase};

const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "\0");

/// What a code means and what to do, in one English sentence.
///
/// @param code  a code that a function of this library returned
/// @return a string that lives as long as the program; never NULL
#[unsafe(no_mangle)]
pub extern "C" fn sds_smtp_strerror(code: c_int) -> *const c_char {
    Code::from_number(i64::from(code))
        .map_or_else(Code::describe_unknown, Code::describe)
        .as_ptr()
}

/// The version of the linked library, which may differ from the header's SDS_SMTP_VERSION.
///
/// @return "major.minor.patch"; a string that lives as long as the program
#[unsafe(no_mangle)]
pub extern "C" fn sds_smtp_version() -> *const c_char {
    CStr::from_bytes_with_nul(VERSION.as_bytes()).unwrap_or(c"").as_ptr()
}

/// What this build of the library can do.
///
/// @return a sum of SDS_SMTP_FEATURE_... On bare metal SDS_SMTP_FEATURE_COMPLETE and SDS_SMTP_FEATURE_TLS, for
///         which the transport needs start_tls; or 0 of libsds_smtp_small.a. Names are the transport's there
#[unsafe(no_mangle)]
pub extern "C" fn sds_smtp_features() -> u32 {
    let names = if cfg!(feature = "std") {
        SDS_SMTP_FEATURE_NAMES
    } else {
        0
    };
    let complete = if cfg!(feature = "complete") {
        SDS_SMTP_FEATURE_COMPLETE
    } else {
        0
    };
    // On bare metal STARTTLS is the library's, and the rest the transport's.
    let tls = if cfg!(any(feature = "tls", all(feature = "complete", not(feature = "std")))) {
        SDS_SMTP_FEATURE_TLS
    } else {
        0
    };
    let parts = if cfg!(feature = "std") {
        SDS_SMTP_FEATURE_PARTS
    } else {
        0
    };
    names | complete | tls | parts
}

/// The name of a result code.
///
/// @param code  a code that a function of this library returned
/// @return its constant without the prefix, as "TIMEOUT"; "UNKNOWN_CODE" for any other number. A string that
///         lives as long as the program; never NULL
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub extern "C" fn sds_smtp_code_name(code: c_int) -> *const c_char {
    Code::from_number(i64::from(code))
        .map_or(c"UNKNOWN_CODE", Code::name)
        .as_ptr()
}

/// The name of a phase.
///
/// @param phase  SDS_SMTP_PHASE_...
/// @return its constant without the prefix, as "RCPT"; "UNKNOWN_PHASE" for any other number. A string that
///         lives as long as the program; never NULL
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub extern "C" fn sds_smtp_phase_name(phase: u32) -> *const c_char {
    Phase::from_number(phase).map_or(c"UNKNOWN_PHASE", Phase::name).as_ptr()
}

/// The name of an outcome.
///
/// @param outcome  SDS_SMTP_OUTCOME_...
/// @return its constant without the prefix, as "NOT_SENT"; "UNKNOWN_OUTCOME" for any other number. A string
///         that lives as long as the program; never NULL
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub extern "C" fn sds_smtp_outcome_name(outcome: u32) -> *const c_char {
    Outcome::from_number(outcome)
        .map_or(c"UNKNOWN_OUTCOME", Outcome::name)
        .as_ptr()
}
