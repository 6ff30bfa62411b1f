//! Mails that start, or do not.

use std::ffi::{c_char, c_int, c_void};
use std::mem::{offset_of, size_of};

use sds_smtp::ffi::client::{sds_smtp_client, sds_smtp_client_status};
use sds_smtp::ffi::device::sds_smtp_send;
use sds_smtp::ffi::log::sds_smtp_client_log;
use sds_smtp::ffi::message::{sds_smtp_client_probe, sds_smtp_client_send, sds_smtp_message};

use super::told;
use super::{
    BAD_ARGUMENT, BAD_HANDLE, BUSY, LOG_ENTRIES, NOT_SUPPORTED, OUTCOME_NOT_SENT, PHASE_START, READ_FAILED, World,
};

const BORROW_TEXT: u32 = 1;
const DRY_RUN: u32 = 16;

/// Where a text of a mail comes from.
struct Source {
    pieces: Vec<u8>,
    calls: usize,
    client: *mut sds_smtp_client,
}

/// Gives pieces as the input says: shorter and longer ones than are asked for, an end, a failure.
unsafe extern "C" fn give(context: *mut c_void, offset: u32, out: *mut c_char, max: usize) -> i32 {
    // SAFETY: the context that was given with this function.
    let source = unsafe { &mut *context.cast::<Source>() };
    // Calls back are allowed.
    // SAFETY: a handle is checked, not followed.
    let status = unsafe { sds_smtp_client_status(source.client) };
    assert!(status != BUSY, "a text is asked for while a mail is in flight");
    let piece = source.pieces.get(source.calls).copied().unwrap_or(0);
    source.calls += 1;
    assert!(offset as usize <= source.calls * max);
    let length = match piece {
        0 => return 0,
        255 => return -1,
        254 => return -2,
        253 => return i32::try_from(max).unwrap_or(i32::MAX).saturating_add(1),
        252 => max,
        some => usize::from(some).min(max),
    };
    // SAFETY: room for `max` octets was given.
    unsafe { out.write_bytes(b'x', length) };
    i32::try_from(length).expect("a length")
}

impl World<'_> {
    /// What a call that starts a mail leaves behind.
    pub(super) fn started(&mut self, place: Option<usize>, code: c_int, codes: &[c_int]) {
        let Some(place) = place else {
            return assert_eq!(code, BAD_HANDLE);
        };
        let known = &mut self.known[place];
        if known.in_flight {
            assert_eq!(code, BUSY);
            return assert_eq!(self.status(place), BUSY);
        }
        assert!(codes.contains(&code), "code {code}");
        let handle = known.handle;
        if code == 0 {
            (known.in_flight, known.logs_in, known.dry) = (true, known.login, false);
            assert_eq!(self.refusal_length(handle), 0, "a refusal of a mail that was started");
            return assert_eq!(self.status(place), BUSY);
        }
        assert!(self.refusal_length(handle) > 0, "a refusal without words");
        let known = &mut self.known[place];
        known.status = code;
        assert_eq!(self.status(place), code);
        let result = self.whole_result(place);
        assert_eq!(
            (result.code, result.outcome, result.phase),
            (code, OUTCOME_NOT_SENT, PHASE_START)
        );
        self.one_line_more(place);
    }

    pub(super) fn lines_more(&mut self, place: usize, count: usize) {
        let known = &mut self.known[place];
        known.lines = LOG_ENTRIES.min(known.lines + count);
    }

    pub(super) fn one_line_more(&mut self, place: usize) {
        self.lines_more(place, 1);
        assert_eq!(self.lines(place), self.known[place].lines, "lines of the log");
    }

    /// How many lines the log has.
    pub(super) fn lines(&self, place: usize) -> usize {
        // SAFETY: a handle is checked, not followed.
        unsafe { sds_smtp_client_log(self.known[place].handle, std::ptr::null_mut(), 0) }
    }

    pub(super) fn send_device(&mut self) {
        let mut kept = Vec::new();
        let to = self.string(b"operator@example.com, second@example.com", &mut kept);
        let subject = self.string(b"Boiler room", &mut kept);
        let text = self.string(b"Temperature 93 degrees.\n.\n", &mut kept);
        if self.elsewhere {
            return;
        }
        // SAFETY: NULL, or strings that live.
        let code = unsafe { sds_smtp_send(to, subject, text) };
        self.started(Some(0), code, &[0, 5, 7, 13]);
    }

    pub(super) fn send(&mut self) {
        let (handle, place) = self.handle();
        let mut kept = Vec::new();
        let octet = self.input.octet();
        let mut source = Source {
            pieces: self.input.field(),
            calls: 0,
            client: handle,
        };
        // SAFETY: zeros are a value of it.
        let mut message: sds_smtp_message = unsafe { std::mem::zeroed() };
        message.flags = match octet & 28 {
            28 => u32::from(octet),
            _ => u32::from(octet & 19),
        };
        message.to = self.string(b"operator@example.com", &mut kept);
        message.subject = self.string(b"Boiler room", &mut kept);
        message.text = self.string(b"Temperature 93 degrees.\n", &mut kept);
        message.read_context = (&raw mut source).cast();
        if self.input.octet() & 1 > 0 {
            message.done = Some(told::done);
            message.done_context = told::promise(handle);
        }
        match self.input.octet() {
            250 => message.cc = c"a@example.com".as_ptr(),
            251 => message.html = c"<p>".as_ptr(),
            252 => message.date = i64::from(self.input.octet()),
            253 => message.verb = u32::from(self.input.octet()),
            254 => message.dsn = u32::from(self.input.octet()),
            255 => message.attachment_count = 1,
            _ => {}
        }
        if octet & 32 > 0 {
            message.read = Some(give);
            if octet & 64 > 0 {
                message.text = std::ptr::null();
            }
        }
        let size = self.size(size_of::<sds_smtp_message>());
        let (mut block, takes) = self.given(&message, size);
        let pointer: *const sds_smtp_message = if self.input.octet() == 9 {
            std::ptr::null()
        } else {
            block.pointer()
        };
        // What of `done` lies within the structure.
        let promised = message.done.is_some()
            && takes
            && !pointer.is_null()
            && size as usize >= offset_of!(sds_smtp_message, done_context) + size_of::<*mut c_void>();
        let without_context = message.done.is_some()
            && takes
            && size as usize >= offset_of!(sds_smtp_message, done) + size_of::<*mut c_void>()
            && !promised;
        if (self.elsewhere && place == Some(0)) || without_context {
            if message.done.is_some() {
                told::withdraw(message.done_context);
            }
            return;
        }
        // SAFETY: NULL, or as many octets as its size says; strings, functions and contexts that live.
        let code = unsafe { sds_smtp_client_send(handle, pointer) };
        if message.done.is_some() && !(promised && code == 0) {
            told::withdraw(message.done_context);
        }
        if pointer.is_null() || !takes {
            self.started(place, code, &[BAD_ARGUMENT]);
        } else {
            self.started(place, code, &[0, 5, 7, 13, BAD_ARGUMENT, NOT_SUPPORTED, READ_FAILED]);
        }
        if message.flags & BORROW_TEXT > 0 {
            self.lent.append(&mut kept);
        }
        if let (0, Some(place)) = (code, place) {
            self.known[place].dry = message.flags & DRY_RUN > 0;
        }
    }

    pub(super) fn probe(&mut self) {
        let (handle, place) = self.handle();
        if self.elsewhere && place == Some(0) {
            return;
        }
        // SAFETY: a handle is checked, not followed.
        let code = unsafe { sds_smtp_client_probe(handle) };
        self.started(place, code, &[0, 7, 13]);
    }
}
