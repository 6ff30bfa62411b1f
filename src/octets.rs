//! Looking at eight octets at a time.

const LOW: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// The length of the longest beginning of `octets` without a control character (0 to 31, and 127). Where it ends early it
/// may be up to seven octets too short: whoever calls looks at the octets that follow one by one.
pub fn without_control(octets: &[u8]) -> usize {
    let mut length = 0usize;
    for eight in octets.chunks_exact(8) {
        let word = u64::from_ne_bytes(eight.try_into().unwrap_or([0; 8]));
        // A borrow out of an octet below 32, where its highest bit was not set (a later octet may be flagged with it).
        let below_space = word.wrapping_sub(LOW.wrapping_mul(0x20)) & !word & HIGH;
        let delete = word ^ LOW.wrapping_mul(0x7F);
        let is_delete = delete.wrapping_sub(LOW) & !delete & HIGH;
        if below_space | is_delete != 0 {
            break;
        }
        length = length.wrapping_add(8);
    }
    length
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_control_character_is_found_wherever_it_stands() {
        for control in (0..=31).chain([127]) {
            for at in 0..24 {
                let mut octets = [b'x'; 24];
                octets[at] = control;
                let length = without_control(&octets);
                assert!(length <= at && at - length < 8, "{control} at {at}: {length}");
            }
        }
    }

    #[test]
    fn other_octets_are_passed_over() {
        for octet in (32..=126).chain(128..=255) {
            assert_eq!(without_control(&[octet; 24]), 24, "{octet}");
        }
        assert_eq!(without_control(b"seven.."), 0);
        assert_eq!(without_control("p\u{159}\u{ed}li\u{161} ".as_bytes()), 8);
    }
}
