//! What the library tells: words, results, the log.

use std::ffi::{CStr, c_char, c_int};
use std::mem::{offset_of, size_of};

use sds_smtp::ffi::client::sds_smtp_client;
use sds_smtp::ffi::client::sds_smtp_client_refusal;
use sds_smtp::ffi::device::{sds_smtp_program_status, sds_smtp_status};
use sds_smtp::ffi::hosted::sds_smtp_client_dialogue;
use sds_smtp::ffi::life::sds_smtp_use_event_loop;
use sds_smtp::ffi::log::{sds_smtp_client_log, sds_smtp_log_entry};
use sds_smtp::ffi::result::{sds_smtp_client_result, sds_smtp_result};
use sds_smtp::ffi::text::{
    sds_smtp_code_name, sds_smtp_features, sds_smtp_outcome_name, sds_smtp_phase_name, sds_smtp_strerror,
    sds_smtp_version,
};

use super::block::{Block, LARGEST, entry_sizes, is_size_to_write, is_untouched, result_sizes};

use super::{BAD_ARGUMENT, BAD_HANDLE, BUSY, LOG_ENTRIES, PASSWORD, World};

const OUTCOME_UNKNOWN: u32 = 3;
const ADVICE_UNKNOWN: u32 = 4;

impl World<'_> {
    pub(super) fn words(&mut self) {
        let code = c_int::from(self.input.octet()) - 100;
        // SAFETY: strings of the library's, which live as long as the program.
        let words = unsafe {
            [
                CStr::from_ptr(sds_smtp_strerror(code)),
                CStr::from_ptr(sds_smtp_version()),
                CStr::from_ptr(sds_smtp_code_name(code)),
                CStr::from_ptr(sds_smtp_phase_name(code.unsigned_abs())),
                CStr::from_ptr(sds_smtp_outcome_name(code.unsigned_abs())),
            ]
        };
        assert!(
            words
                .iter()
                .all(|words| !words.is_empty() && words.to_bytes().is_ascii())
        );
        assert!(sds_smtp_features() & !15 == 0);
        let status = self.status(0);
        assert_eq!(sds_smtp_status(), status);
        let program = sds_smtp_program_status();
        match status {
            BUSY => assert_eq!(program, 277),
            0 => assert!([0, 256].contains(&program)),
            _ => assert_eq!(i64::from(program), 256 + i64::from(status)),
        }
        let mut descriptor = -1;
        // SAFETY: a whole isize.
        assert_eq!(unsafe { sds_smtp_use_event_loop(&raw mut descriptor) }, 0);
        assert!(descriptor >= 0);
    }

    pub(super) fn result(&mut self) {
        let (handle, place) = self.handle();
        let size = self.size(size_of::<sds_smtp_result>());
        let writes = is_size_to_write(&result_sizes(), size);
        let length = if size as usize > LARGEST { 4 } else { size as usize };
        let mut block = Block::new(size, length, self.input.octet() == 7);
        let pointer = if self.input.octet() == 9 {
            std::ptr::null_mut()
        } else {
            block.pointer()
        };
        // SAFETY: NULL, or as many octets as its size says.
        let code = unsafe { sds_smtp_client_result(handle, pointer) };
        let wanted = match (pointer.is_null() || !writes, place) {
            (true, _) => BAD_ARGUMENT,
            (_, None) => BAD_HANDLE,
            _ => 0,
        };
        assert_eq!(code, wanted, "result");
        assert_eq!(block.number(0), size, "struct_size stays");
        if code != 0 {
            assert!(is_untouched(block.behind_size()), "written without success");
            return;
        }
        let place = place.expect("a client");
        if !self.known[place].in_flight {
            assert_eq!(
                block.number(offset_of!(sds_smtp_result, code)) as c_int,
                self.status(place)
            );
        }
        let behind = block
            .octets
            .get(block.at + size_of::<sds_smtp_result>()..)
            .unwrap_or(&[]);
        assert!(behind == vec![0; behind.len()], "octets behind what is known");
    }

    /// The whole result of a client that lives.
    pub(super) fn whole_result(&self, place: usize) -> sds_smtp_result {
        // SAFETY: zeros are a value of it.
        let mut result: sds_smtp_result = unsafe { std::mem::zeroed() };
        result.struct_size = u32::try_from(size_of::<sds_smtp_result>()).expect("a size");
        // SAFETY: a whole structure.
        let code = unsafe { sds_smtp_client_result(self.known[place].handle, &raw mut result) };
        assert_eq!(code, 0);
        assert!(result.outcome <= 3 && result.phase <= 130 && result.reply_code < 600);
        let text = words_of(&result.text);
        assert!(
            text.iter().all(|octet| matches!(octet, b' '..=b'~')),
            "{}",
            text.escape_ascii()
        );
        let shows = text
            .windows(PASSWORD.len())
            .any(|part| part.eq_ignore_ascii_case(PASSWORD));
        // Where nobody logs in it is a word like any other.
        assert!(
            !(shows && self.known[place].logs_in),
            "the password is shown: {}",
            text.escape_ascii()
        );
        words_of(&result.message_id);
        let server = words_of(&result.server);
        assert!(
            server.is_empty() || server.starts_with(b"127.0.0.1:"),
            "{}",
            server.escape_ascii()
        );
        words_of(&result.recipient);
        assert!(result.advice <= 4 && result.tls_version == 0);
        assert_eq!(result.outcome == OUTCOME_UNKNOWN, result.advice == ADVICE_UNKNOWN);
        assert!(result.code != 0 || result.advice == 0, "advice without a failure");
        result
    }

    /// Copies a text of the library's into memory of any size: how long it is, and what was copied.
    fn copied(
        &mut self,
        handle: *mut sds_smtp_client,
        copy: unsafe extern "C" fn(*const sds_smtp_client, *mut c_char, usize) -> usize,
    ) -> (usize, Vec<u8>) {
        let max = match self.input.octet() {
            octet @ 0..200 => usize::from(octet),
            octet => usize::from(octet - 199) * 100,
        };
        let mut block = Block::new(0, max, false);
        let before = block.octets.clone();
        let pointer = if self.input.octet() == 9 {
            std::ptr::null_mut()
        } else {
            block.pointer()
        };
        // SAFETY: NULL, or as many octets.
        let length = unsafe { copy(handle, pointer, max) };
        if pointer.is_null() || max == 0 {
            assert!(block.octets == before, "written without room");
            return (length, Vec::new());
        }
        let end = block.octets.iter().position(|octet| *octet == 0).expect("a NUL");
        assert!(end < max && end <= length);
        assert!(block.octets[end + 1..] == before[end + 1..], "written behind the NUL");
        block.octets.truncate(end);
        (length, block.octets)
    }

    pub(super) fn refusal(&mut self) {
        let (handle, place) = self.handle();
        let (length, text) = self.copied(handle, sds_smtp_client_refusal);
        assert!(place.is_some() || length == 0);
        assert!(
            text.iter().all(|octet| matches!(octet, b' '..=b'~')),
            "{}",
            text.escape_ascii()
        );
    }

    /// How long the words for the last refusal are.
    pub(super) fn refusal_length(&self, handle: *mut sds_smtp_client) -> usize {
        // SAFETY: NULL is allowed.
        unsafe { sds_smtp_client_refusal(handle, std::ptr::null_mut(), 0) }
    }

    pub(super) fn dialogue(&mut self) {
        let (handle, place) = self.handle();
        let (length, text) = self.copied(handle, sds_smtp_client_dialogue);
        assert!(length <= 4096 && (place.is_some() || length == 0));
        assert!(text.is_empty() || text.ends_with(b"\n"), "not whole lines");
        for line in text.split_inclusive(|octet| *octet == b'\n') {
            let line = line.strip_suffix(b"\n").expect("a line");
            let begins = [&b"S: "[..], b"C: ", b"# "].iter().any(|begin| line.starts_with(begin));
            assert!(
                begins && line.iter().all(|octet| matches!(octet, b' '..=b'~')),
                "{}",
                line.escape_ascii()
            );
        }
    }

    pub(super) fn log(&mut self) {
        let (handle, place) = self.handle();
        let size = self.size(size_of::<sds_smtp_log_entry>());
        let writes = is_size_to_write(&entry_sizes(), size);
        let most = usize::from(self.input.octet()) % (LOG_ENTRIES + 3);
        let each = if writes { size as usize } else { 4 };
        let mut block = Block::new(size, if writes { each * most } else { 4 }, self.input.octet() == 7);
        let pointer = if self.input.octet() == 9 {
            std::ptr::null_mut()
        } else {
            block.pointer()
        };
        // SAFETY: NULL, or `most` elements of as many octets as the first one says.
        let count = unsafe { sds_smtp_client_log(handle, pointer, most) };
        let lines = place.map_or(0, |place| self.known[place].lines);
        // A mail that is repeated has a line for each attempt, before it has ended.
        let repeats = place.is_some_and(|place| self.known[place].in_flight);
        if pointer.is_null() || most == 0 {
            assert!(
                count == lines || (repeats && (lines..=LOG_ENTRIES).contains(&count)),
                "lines of the log"
            );
        } else if !writes {
            assert_eq!(count, 0);
        } else {
            assert!(count == lines.min(most) || (repeats && count > lines && count <= most));
            let untouched = &block.octets[block.at + (count * each).max(4)..];
            assert!(is_untouched(untouched), "written behind the last entry");
            assert!(
                (0..count).all(|at| block.number(at * each) == size),
                "struct_size of each"
            );
        }
    }
}

/// A text of a structure: it ends with a NUL, and so does its field.
fn words_of(field: &[c_char]) -> Vec<u8> {
    let octets: Vec<u8> = field.iter().map(|octet| octet.to_ne_bytes()[0]).collect();
    let end = octets.iter().position(|octet| *octet == 0).expect("a NUL");
    assert!(octets[end..].iter().all(|octet| *octet == 0), "octets behind the NUL");
    octets[..end].to_vec()
}
