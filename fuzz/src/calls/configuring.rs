//! Arguments, and configurations made of them.

use std::ffi::{CStr, CString, c_char, c_int};
use std::mem::{offset_of, size_of};

use sds_smtp::ffi::config::{sds_smtp_client_configure, sds_smtp_client_configure_url, sds_smtp_config};
use sds_smtp::ffi::device::sds_smtp_configure;

use super::block::{Block, LARGEST};
use super::told;
use super::{BAD_ARGUMENT, BAD_HANDLE, NO_LIMIT, NOT_SUPPORTED, PASSWORD, RETRIES, World, process};

const KEEP_DIALOGUE: u32 = 4;
const CHUNKING: u32 = 2;

/// Servers that are this machine, and some that are none.
const SERVERS: [&CStr; 12] = [
    c"127.0.0.1",
    c" 127.0.0.1 ,127.0.0.1",
    c"127.0.0.1, 127.0.0.1, 127.0.0.1",
    c"127.0.0.1,",
    c"127.0.0.1:70000",
    c"127.0.0.1:2525:3",
    c"smtp@127.0.0.1",
    c"http://127.0.0.1",
    c"[127.0.0.1]",
    c"::1%nowhere",
    c"-",
    c"..",
];

impl World<'_> {
    /// A string of C: NULL, one that is in order, or any.
    pub(super) fn string(&mut self, good: &[u8], kept: &mut Vec<CString>) -> *const c_char {
        let text = match self.input.octet() {
            0 => return std::ptr::null(),
            1..200 => good.to_vec(),
            200..210 => Vec::new(),
            210..220 => good.repeat(100),
            _ => self.input.field(),
        };
        let text: Vec<u8> = text.into_iter().filter(|octet| *octet != 0).collect();
        kept.push(CString::new(text).expect("no NUL"));
        kept.last().map_or(std::ptr::null(), |text| text.as_ptr())
    }

    /// A size that a structure may say.
    pub(super) fn size(&mut self, whole: usize) -> u32 {
        match self.input.octet() {
            0..150 => u32::try_from(whole).expect("a size"),
            150..200 => u32::from(self.input.octet()) * 4,
            200..220 => 4 + u32::try_from(self.input.number()).expect("a number"),
            220..240 => u32::try_from(whole + usize::from(self.input.octet())).expect("a size"),
            other => [0, 1, 3, 4, 5, 8, 4095, 4096, 4097, u32::MAX][usize::from(other) % 10],
        }
    }

    /// A structure that a program fills in; whether it is one that the library has to take.
    pub(super) fn given<T>(&mut self, value: &T, size: u32) -> (Block, bool) {
        let length = size as usize;
        let fits = (5..=LARGEST).contains(&length);
        let mut block = Block::new(size, if fits { length } else { 4 }, self.input.octet() == 7);
        let mut zeros = true;
        if fits {
            let at = block.at;
            // SAFETY: a structure of integers and pointers without padding.
            let value = unsafe { std::slice::from_raw_parts(std::ptr::from_ref(value).cast::<u8>(), size_of::<T>()) };
            let known = length.min(value.len());
            block.octets[at + 4..at + known].copy_from_slice(&value[4..known]);
            let rest = &mut block.octets[at + known..];
            rest.fill(0);
            if self.input.octet() >= 230 && !rest.is_empty() {
                let place = self.input.number() % rest.len();
                rest[place] = 1;
                zeros = false;
            }
        }
        (block, fits && length >= 8 && zeros)
    }

    pub(super) fn configure_device(&mut self) {
        let mut kept = Vec::new();
        let server = self.string(b"127.0.0.1", &mut kept);
        let user = self.string(b"unit7", &mut kept);
        let password = self.string(PASSWORD, &mut kept);
        let sender = self.string(b"unit7@example.com", &mut kept);
        let auth = c_int::from(self.input.octet() & 1);
        // SAFETY: strings that live.
        let code = unsafe { sds_smtp_configure(server, auth, user, password, sender) };
        assert!([0, 4, 10, 11, 13].contains(&code), "configure: {code}");
        // Port 25 of this machine is not the target's: nothing is sent there.
        if code == 0 {
            self.known[0].login = auth != 0 && is_password(password);
            self.elsewhere = true;
        }
    }

    pub(super) fn config(&mut self, kept: &mut Vec<CString>) -> sds_smtp_config {
        // SAFETY: zeros are a value of it.
        let mut config: sds_smtp_config = unsafe { std::mem::zeroed() };
        config.server = self.string(b"127.0.0.1", kept);
        if !config.server.is_null() {
            // Traffic stays on this machine, and nobody looks a name up: a thread would do that beside the input. Names and
            // what is wrong with them are another target's.
            // SAFETY: a string that lives.
            let server = unsafe { CStr::from_ptr(config.server) }.to_bytes();
            config.server = match server.first() {
                None => c"".as_ptr(),
                Some(b'1') => config.server,
                Some(octet) => SERVERS[usize::from(*octet) % SERVERS.len()].as_ptr(),
            };
            if server.first() == Some(&b'1') && server != b"127.0.0.1" {
                config.server = c"127.0.0.1:0".as_ptr();
            }
        }
        config.username = self.string(b"unit7", kept);
        config.password = self.string(PASSWORD, kept);
        config.sender = self.string(b"unit7@example.com", kept);
        config.sender_name = self.string(b"Unit 7", kept);
        config.ehlo_name = self.string(b"unit7.example.com", kept);
        config.charset = self.string(b"windows-1250", kept);
        let octet = self.input.octet();
        config.auth = match self.input.octet() {
            some @ ..=63 => u32::from(some & 7),
            some => u32::from(some),
        };
        config.flags = match octet >> 2 & 31 {
            31 => 8,
            30 => CHUNKING,
            other => u32::from(other & 1) | (u32::from(other) & KEEP_DIALOGUE),
        };
        let process = process();
        config.port = u32::from(if octet == 8 { process.closed } else { process.port });
        config.credential_limit = self.input.pick(&[0, 0, 32, 4096, 4097, 1]);
        let limit = self.input.pick(&[0, 0, 0, 1, 50, NO_LIMIT]);
        config.connect_timeout_ms = limit;
        config.greeting_timeout_ms = limit;
        config.final_timeout_ms = limit;
        config.total_timeout_ms = self.input.pick(&[0, 0, 1, 100, NO_LIMIT]);
        config.retry_max = self.input.octet() as u32 % (RETRIES + 1);
        config.retry_delay_ms = if config.retry_max > 0 {
            self.input.pick(&[1, 2, 0])
        } else {
            0
        };
        config.source = self.input.pick(&[
            std::ptr::null(),
            std::ptr::null(),
            c"127.0.0.1".as_ptr(),
            c"::1".as_ptr(),
        ]);
        config.trace = (self.input.octet() & 1 > 0).then_some(told::trace as _);
        match self.input.octet() {
            250 => config.tls = u32::from(self.input.octet() & 7),
            251 => config.tls_ca = c"x".as_ptr(),
            252 => config.keep_alive_ms = 1,
            253 => config.reserved = 1,
            _ => {}
        }
        config
    }

    pub(super) fn configure_url(&mut self) {
        let (handle, place) = self.handle();
        let mut kept = Vec::new();
        let user = self.input.octet();
        let mut url = format!(
            "smtp://{}127.0.0.1:{}",
            ["", "unit7:Tajne-Heslo@"][usize::from(user & 1)],
            process().port
        );
        if self.input.octet() > 100 {
            // Malformed, so that no name is looked up.
            let at = self.input.number() % url.len();
            url.insert_str(at, "%%//");
        }
        kept.push(CString::new(url).expect("no NUL"));
        let url = kept.last().map_or(std::ptr::null(), |url| url.as_ptr());
        let sender = self.string(b"unit7@example.com", &mut kept);
        // SAFETY: strings that live.
        let code = unsafe { sds_smtp_client_configure_url(handle, url, sender) };
        let Some(place) = place else {
            return assert_eq!(code, BAD_HANDLE);
        };
        assert!([0, 4, BAD_ARGUMENT].contains(&code), "configure_url: {code}");
        assert_eq!(self.refusal_length(handle) > 0, code != 0, "words for a refusal");
        if code == 0 {
            self.known[place].login = user & 1 > 0;
            self.elsewhere &= place > 0;
        }
    }

    pub(super) fn configure(&mut self) {
        let (handle, place) = self.handle();
        let mut kept = Vec::new();
        let config = self.config(&mut kept);
        let size = self.size(size_of::<sds_smtp_config>());
        let (mut block, takes) = self.given(&config, size);
        // Without its port the client would go to port 25.
        let whole = block.octets.len() - block.at >= offset_of!(sds_smtp_config, port) + 4;
        if takes && !whole {
            return;
        }
        let pointer = if self.input.octet() == 9 {
            std::ptr::null()
        } else {
            block.pointer()
        };
        // SAFETY: NULL, or as many octets as its size says; strings that live.
        let code = unsafe { sds_smtp_client_configure(handle, pointer) };
        let known_flags = config.flags & !7 == 0;
        if place.is_none() {
            assert_eq!(code, BAD_HANDLE);
        } else if pointer.is_null() || !takes || !known_flags {
            assert_eq!(code, BAD_ARGUMENT);
        } else if let Some(place) = place {
            assert!(
                [0, 3, 4, 10, 11, 13, BAD_ARGUMENT, NOT_SUPPORTED].contains(&code),
                "configure: {code}"
            );
            assert_eq!(self.refusal_length(handle) > 0, code != 0, "words for a refusal");
            if code == 0 {
                self.known[place].login = config.auth != 0 && is_password(config.password);
                self.elsewhere &= place > 0;
            }
        }
    }
}

/// Whether a string of C is the password that is looked for.
fn is_password(text: *const c_char) -> bool {
    // SAFETY: NULL, or a string that lives.
    !text.is_null() && unsafe { CStr::from_ptr(text) }.to_bytes() == PASSWORD
}
