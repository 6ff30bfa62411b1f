//! What is told of a mail: the status; the result and a line of the log, laid out as C sees them, so that telling is
//! copying. (`ffi` asserts that the layouts are the same.)

use core::sync::atomic::{AtomicU32, Ordering};

use crate::client::log::write_recipient;
use crate::client::status::Status;
use crate::code::{Code, Outcome, Phase};
use crate::octets::copy;
use crate::wire::reply::enhanced_status_code;

/// A client's status; an interrupt may ask for it at any time.
#[derive(Default)]
pub struct SharedStatus(AtomicU32);

impl SharedStatus {
    /// Sets it for a code.
    pub fn set(&self, code: Code) {
        self.0.store(u32::from(Status::of(code).number()), Ordering::Relaxed);
    }

    /// The status now.
    pub fn get(&self) -> Status {
        Status::from_lower_half(self.0.load(Ordering::Relaxed))
    }
}

/// `struct sds_smtp_result` from its code up to its Message-ID, and its text.
#[repr(C)]
#[derive(Clone, Copy)]
#[allow(missing_docs)]
pub struct ResultFields {
    pub code: i32,
    pub outcome: u32,
    pub phase: u32,
    pub reply_code: u32,
    pub enhanced: [u32; 3],
    pub recipients_accepted: u32,
    pub recipients_refused: u32,
    pub elapsed_ms: u32,
    pub text: [u8; 256],
}

impl ResultFields {
    /// Tells anew, for a mail that did not begin; the rest is zero. (Our own words begin with no status code.)
    pub fn begin(&mut self, code: Code, phase: Phase, outcome: Outcome, text: &[u8]) {
        *self = Self {
            code: i32::from(code.number()),
            outcome: outcome as u32,
            phase: phase as u32,
            reply_code: 0,
            enhanced: [0; 3],
            recipients_accepted: 0,
            recipients_refused: 0,
            elapsed_ms: 0,
            text: [0; 256],
        };
        // The last octet stays a NUL: no text is longer.
        copy(&mut self.text, text);
        self.enhanced = enhanced_status_code(&self.text);
    }
}

/// `struct sds_smtp_log_entry`.
#[repr(C)]
#[derive(Clone, Copy)]
#[allow(missing_docs)]
pub struct Line {
    pub struct_size: u32,
    pub code: i32,
    pub time_ms: i64,
    pub elapsed_ms: u32,
    pub outcome: u32,
    pub phase: u32,
    pub reply_code: u32,
    pub recipients: u32,
    pub reserved: u32,
    pub recipient: [u8; 96],
    pub text: [u8; 128],
}

/// What `struct_size` of a line says.
const LINE_BYTES: u32 = 264;

const _: () = assert!(size_of::<Line>() == 264);

impl Line {
    /// Writes the line of a mail that has ended.
    pub fn write(&mut self, told: &ResultFields, time_ms: i64, recipients: u32, recipient: &[u8]) {
        *self = Self {
            struct_size: LINE_BYTES,
            code: told.code,
            time_ms,
            elapsed_ms: told.elapsed_ms,
            outcome: told.outcome,
            phase: told.phase,
            reply_code: told.reply_code,
            recipients,
            reserved: 0,
            recipient: [0; 96],
            text: [0; 128],
        };
        let ([logged @ .., _], [text @ .., _]) = (&mut self.recipient, &mut self.text);
        copy(text, &told.text);
        write_recipient(logged, recipient);
    }
}
