//! Memory that a program lends, and structures in it.

use std::mem::{offset_of, size_of};

use sds_smtp::ffi::log::sds_smtp_log_entry;
use sds_smtp::ffi::result::sds_smtp_result;

/// The largest structure that the library takes.
pub const LARGEST: usize = 4096;

/// What no call writes.
const UNTOUCHED: u8 = 0xa5;
/// Compared in one go: this is much, and an octet at a time is slow where each step is counted.
pub(super) fn is_untouched(octets: &[u8]) -> bool {
    octets == vec![UNTOUCHED; octets.len()]
}

/// Octets that a call gets, or has to leave alone; behind them nothing may be read or written (AddressSanitizer looks).
pub(super) struct Block {
    pub(super) octets: Vec<u8>,
    pub(super) at: usize,
}

impl Block {
    /// A block that begins with its size, at an odd address or not.
    pub(super) fn new(size: u32, length: usize, odd: bool) -> Self {
        let at = usize::from(odd);
        let mut octets = vec![UNTOUCHED; at + length.max(4)];
        octets[at..at + 4].copy_from_slice(&size.to_ne_bytes());
        octets.shrink_to_fit();
        Self { octets, at }
    }

    pub(super) fn pointer<T>(&mut self) -> *mut T {
        self.octets[self.at..].as_mut_ptr().cast()
    }

    pub(super) fn behind_size(&self) -> &[u8] {
        &self.octets[self.at + 4..]
    }

    pub(super) fn number(&self, at: usize) -> u32 {
        let octets = &self.octets[self.at + at..][..4];
        u32::from_ne_bytes(octets.try_into().expect("four octets"))
    }
}

/// Where the fields of a structure end: sizes that older programs may have.
macro_rules! ends {
    ($type:ty, $($field:ident)*) => {{
        let mut ends: Vec<usize> = vec![$(offset_of!($type, $field)),*];
        ends.push(size_of::<$type>());
        // A structure has more than its size.
        ends.retain(|end| *end > 4);
        ends
    }};
}

pub(super) fn result_sizes() -> Vec<usize> {
    ends!(sds_smtp_result, code outcome phase reply_code enhanced_class enhanced_subject enhanced_detail
        recipients_accepted recipients_refused elapsed_ms attempts advice tls_version message_id server recipient text)
}

pub(super) fn entry_sizes() -> Vec<usize> {
    ends!(sds_smtp_log_entry, code time_ms elapsed_ms outcome phase reply_code recipients reserved recipient text)
}

pub(super) fn is_size_to_write(sizes: &[usize], size: u32) -> bool {
    let size = size as usize;
    size <= LARGEST && (sizes.contains(&size) || size > *sizes.last().expect("sizes"))
}
