//! What there is among some octets of a long text, with the processor's instructions for sixteen of them.

#[cfg(target_arch = "x86_64")]
use crate::message::survey::{Seen, Some32};

/// What there is among some octets.
// What every processor has can be called without `unsafe` since Rust 1.87.
#[cfg(target_arch = "x86_64")]
#[allow(unused_unsafe)]
pub fn see(octets: &Some32) -> Seen {
    use core::arch::x86_64::{
        _mm_cmpeq_epi8, _mm_cmplt_epi8, _mm_loadu_si128, _mm_movemask_epi8, _mm_or_si128, _mm_set1_epi8,
    };
    let half = |half: &[u8]| {
        let half: &[u8; 16] = half.try_into().unwrap_or(&[0; 16]);
        // SAFETY: every x86-64 processor has SSE2, and sixteen octets are read, which need not be aligned.
        let (eight_bit, found) = unsafe {
            let octets = _mm_loadu_si128(half.as_ptr().cast());
            // As numbers with a sign those above 127 are below a blank, too.
            let low = _mm_cmplt_epi8(octets, _mm_set1_epi8(0x20));
            let delete = _mm_cmpeq_epi8(octets, _mm_set1_epi8(0x7f));
            (_mm_movemask_epi8(octets), _mm_movemask_epi8(_mm_or_si128(low, delete)))
        };
        let bits = |mask| u32::try_from(mask).unwrap_or(0);
        (bits(found & !eight_bit), bits(eight_bit))
    };
    let (first, second) = octets.split_at(16);
    let (first, second) = (half(first), half(second));
    (first.0 | second.0 << 16, first.1 | second.1)
}

/// What there is among some octets.
#[cfg(not(target_arch = "x86_64"))]
pub use crate::message::survey::see;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_sees_what_the_portable_code_sees() {
        for octet in 0..=255u8 {
            for other in [b'x', 0, 0x7f, 0x80, 0xff] {
                for place in 0..32 {
                    let mut octets = [other; 32];
                    octets[place] = octet;
                    let wanted = octets.iter().enumerate().filter(|(_, octet)| octet.is_ascii_control());
                    let wanted = wanted.fold(0, |bits, (at, _)| bits | 1 << at);
                    for (controls, eight_bit) in [see(&octets), crate::message::survey::see(&octets)] {
                        assert_eq!((controls, eight_bit == 0), (wanted, octets.is_ascii()), "{octets:x?}");
                    }
                }
            }
        }
    }
}
