//! C calls in any order: with handles that live, are freed or never were, structures of any size, NULL, and a small server
//! on 127.0.0.1 that answers as the input says.
//!
//! The program drives the engine (`sds_smtp_use_event_loop()`), and the server is a part of the target: nothing runs beside
//! it, and what happens is the input's doing. Between two calls of `sds_smtp_poll()` or `sds_smtp_client_wait()` no mail
//! goes on, so that the status is known.

mod asking;
mod block;
mod configuring;
mod sending;
mod server;
mod told;

use std::ffi::{CString, c_int};
use std::mem::size_of;
use std::net::TcpListener;
use std::sync::OnceLock;

use sds_smtp::ffi::client::{sds_smtp_client, sds_smtp_client_cancel, sds_smtp_client_free, sds_smtp_client_status};
use sds_smtp::ffi::config::{sds_smtp_client_configure, sds_smtp_config};
use sds_smtp::ffi::device::sds_smtp_status;
use sds_smtp::ffi::hosted::{sds_smtp_client_new, sds_smtp_client_wait, sds_smtp_poll};
use sds_smtp::ffi::life::{sds_smtp_shutdown, sds_smtp_use_event_loop};
use sds_smtp::ffi::log::sds_smtp_client_log;

use crate::input::Input;
use server::Peer;

// The numbers of include/sds_smtp.h.
const BUSY: c_int = 14;
const CANCELLED: c_int = 32;
const BAD_ARGUMENT: c_int = 33;
const BAD_HANDLE: c_int = 34;
const OUTCOME_SENT: u32 = 1;
const OUTCOME_NOT_SENT: u32 = 2;
const PHASE_START: u32 = 10;
const LOG_ENTRIES: usize = 64;
const NOT_SUPPORTED: c_int = 39;
const READ_FAILED: c_int = 40;
const NO_LIMIT: u32 = u32::MAX;

/// Clients of a run, and things that happen in it.
const CLIENTS: usize = 6;
const STEPS: usize = 200;
/// Further attempts that a configuration asks for, at most.
const RETRIES: u32 = 3;
/// A password that stands nowhere else.
const PASSWORD: &[u8] = b"Tajne-Heslo";

struct Process {
    listener: TcpListener,
    port: u16,
    /// Nobody listens there.
    closed: u16,
}

/// What there is once in a process.
fn process() -> &'static Process {
    static PROCESS: OnceLock<Process> = OnceLock::new();
    PROCESS.get_or_init(|| {
        drive();
        let listen = || TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = |listener: &TcpListener| listener.local_addr().expect("an address").port();
        let listener = listen();
        listener.set_nonblocking(true).expect("nonblocking");
        let closed = port(&listen());
        Process {
            port: port(&listener),
            listener,
            closed,
        }
    })
}

/// From now on the program drives the engine.
fn drive() {
    let mut descriptor = -1;
    // SAFETY: a whole isize.
    let code = unsafe { sds_smtp_use_event_loop(&raw mut descriptor) };
    assert!(code == 0 && descriptor >= 0, "no descriptor");
}

/// A client as the program knows it.
struct Known {
    handle: *mut sds_smtp_client,
    lives: bool,
    in_flight: bool,
    /// It is configured to log in with the password, and the last mail was sent so.
    login: bool,
    logs_in: bool,
    /// The mail in flight is a dry run.
    dry: bool,
    status: c_int,
    lines: usize,
}

struct World<'a> {
    input: Input<'a>,
    known: Vec<Known>,
    peers: Vec<Peer>,
    /// Texts that mails may read until they have ended.
    lent: Vec<CString>,
    /// Mails that the server took, and mails that were told sent.
    taken: usize,
    sent: usize,
    /// The built-in client would go to port 25.
    elsewhere: bool,
}

impl World<'_> {
    fn status(&self, at: usize) -> c_int {
        // SAFETY: a handle is checked, not followed.
        unsafe { sds_smtp_client_status(self.known[at].handle) }
    }

    /// A client that is known, by its place; or a number that is none.
    fn handle(&mut self) -> (*mut sds_smtp_client, Option<usize>) {
        let octet = self.input.octet();
        let handle = match octet {
            0 => std::ptr::null_mut(),
            1..200 => self.known[usize::from(octet) % self.known.len()].handle,
            _ => std::ptr::without_provenance_mut(self.input.number() << (octet & 31) | usize::from(octet & 3)),
        };
        let place = self
            .known
            .iter()
            .position(|known| known.handle == handle && known.lives);
        (handle, place)
    }

    fn step(&mut self, what: u8) {
        let before: Vec<c_int> = (0..self.known.len()).map(|at| self.status(at)).collect();
        let moves = matches!(what % 20, 4..=6 | 11 | 12 | 19);
        match what % 20 {
            0 => self.make(),
            1 => self.free(),
            2 => self.configure_device(),
            3 => self.configure(),
            4 => self.send_device(),
            5 => self.send(),
            6 => self.probe(),
            7 => self.words(),
            8 => self.result(),
            9 => self.log(),
            10 => self.cancel(),
            11 => self.wait(),
            12 => {
                sds_smtp_poll(0);
                self.look();
            }
            13 => self.close(),
            16 => self.configure_url(),
            17 => self.refusal(),
            18 => self.dialogue(),
            19 => self.shut_down(),
            _ => self.serve(),
        }
        if !moves {
            for (at, before) in before.into_iter().enumerate() {
                let wanted = if self.known[at].lives { before } else { BAD_HANDLE };
                assert_eq!(self.status(at), wanted, "a status changed by itself");
            }
        }
    }

    fn make(&mut self) {
        if self.known.iter().filter(|known| known.lives).count() >= CLIENTS {
            return;
        }
        let handle = sds_smtp_client_new();
        assert!(!handle.is_null(), "no client");
        assert!(self.known.iter().all(|known| known.handle != handle), "a handle twice");
        self.known.push(Known {
            handle,
            lives: true,
            in_flight: false,
            login: false,
            logs_in: false,
            dry: false,
            status: 0,
            lines: 0,
        });
        assert_eq!(self.status(self.known.len() - 1), 0);
    }

    fn free(&mut self) {
        let (handle, place) = self.handle();
        // SAFETY: a handle is checked, not followed.
        unsafe { sds_smtp_client_free(handle) };
        // The built-in client goes on.
        if let Some(known) = place.filter(|place| *place > 0).map(|place| &mut self.known[place]) {
            known.lives = false;
            told::forget(handle);
        }
    }

    /// Ends every mail, and what drives them; then the program drives them anew.
    fn shut_down(&mut self) {
        let code = sds_smtp_shutdown(u32::from(self.input.octet() & 1));
        assert_eq!(code, 0, "shutdown");
        self.look();
        assert!(
            self.known.iter().all(|known| !known.lives || !known.in_flight),
            "a mail goes on"
        );
        assert_eq!(told::due(), 0, "the end of a mail was not told");
        drive();
    }

    fn cancel(&mut self) {
        let (handle, place) = self.handle();
        // SAFETY: a handle is checked, not followed.
        let code = unsafe { sds_smtp_client_cancel(handle) };
        assert_eq!(code, if place.is_some() { 0 } else { BAD_HANDLE });
    }

    fn wait(&mut self) {
        let (handle, place) = self.handle();
        let busy = place.is_some_and(|place| self.known[place].in_flight);
        let time = match self.input.octet() {
            255 if !busy => NO_LIMIT,
            some => u32::from(some) % 3,
        };
        // SAFETY: a handle is checked, not followed.
        let code = unsafe { sds_smtp_client_wait(handle, time) };
        match place {
            None => assert_eq!(code, BAD_HANDLE),
            Some(place) => assert_eq!(code, self.status(place), "what a wait returns"),
        }
        self.look();
    }

    /// What became of the mails in flight.
    fn look(&mut self) {
        for place in 0..self.known.len() {
            let known = &self.known[place];
            let status = self.status(place);
            if !known.lives {
                assert_eq!(status, BAD_HANDLE);
                continue;
            }
            if !known.in_flight {
                assert_eq!(status, known.status, "a status changed without a mail");
                continue;
            }
            if status == BUSY {
                continue;
            }
            assert!(
                (0..14).contains(&status) || status == 15 || status == 32,
                "a mail ended with {status}"
            );
            (self.known[place].in_flight, self.known[place].status) = (false, status);
            let result = self.whole_result(place);
            assert_eq!(result.code, status);
            assert!(status == 0 && !self.known[place].dry || result.outcome != OUTCOME_SENT);
            assert!(
                (1..=1 + RETRIES).contains(&result.attempts),
                "{} attempts",
                result.attempts
            );
            // Each attempt that was repeated has a line, and so has the end. A mail that was given up between two attempts ends
            // after the lines of all of them.
            let attempts = result.attempts as usize;
            let between = status == CANCELLED && self.lines(place) == self.known[place].lines + attempts + 1;
            self.lines_more(place, if between { attempts } else { attempts - 1 });
            self.sent += usize::from(result.outcome == OUTCOME_SENT);
            assert!(self.sent <= self.taken, "more mails are told sent than the server took");
            self.one_line_more(place);
        }
    }

    /// The server takes connections, and answers what has arrived, as the input says.
    fn serve(&mut self) {
        while self.peers.len() < 20 {
            let Ok((stream, _)) = process().listener.accept() else {
                break;
            };
            stream.set_nonblocking(true).expect("nonblocking");
            // What is said arrives at once: nobody waits in a run.
            stream.set_nodelay(true).expect("no delay");
            let mut peer = Peer::new(stream);
            let octet = self.input.octet();
            peer.say(if octet > 240 { b"554 no\r\n" } else { b"220 x\r\n" });
            self.peers.push(peer);
        }
        let mut peers = std::mem::take(&mut self.peers);
        for peer in &mut peers {
            while let Some(line) = peer.line() {
                let octet = self.input.octet();
                self.taken += usize::from(peer.answer(&line, octet));
            }
        }
        peers.retain(|peer| peer.open);
        self.peers = peers;
    }

    fn close(&mut self) {
        if !self.peers.is_empty() {
            let at = usize::from(self.input.octet()) % self.peers.len();
            self.peers.remove(at);
        }
    }

    /// Gives the built-in client, which outlives a run, a configuration that each run begins with.
    fn begin(&mut self) {
        // SAFETY: zeros are a value of it.
        let mut config: sds_smtp_config = unsafe { std::mem::zeroed() };
        config.struct_size = u32::try_from(size_of::<sds_smtp_config>()).expect("a size");
        config.port = u32::from(process().closed);
        (config.server, config.sender) = (c"127.0.0.1".as_ptr(), c"unit7@example.com".as_ptr());
        // SAFETY: a whole structure, and strings that live.
        let code = unsafe { sds_smtp_client_configure(std::ptr::null_mut(), &raw const config) };
        assert_eq!(code, 0, "configure");
        self.elsewhere = false;
    }

    /// Ends all that this run began.
    fn end(&mut self) {
        for known in &mut self.known {
            // SAFETY: a handle is checked, not followed.
            unsafe {
                sds_smtp_client_cancel(known.handle);
                if !known.handle.is_null() {
                    sds_smtp_client_free(known.handle);
                    told::forget(known.handle);
                    known.lives = false;
                }
            }
        }
        for _ in 0..100 {
            sds_smtp_poll(0);
            self.look();
            if !self.known[0].in_flight {
                break;
            }
        }
        assert!(!self.known[0].in_flight, "a mail that was cancelled goes on");
        assert_eq!(told::due(), 0, "the end of a mail was not told");
        self.peers.clear();
        while process().listener.accept().is_ok() {}
        sds_smtp_poll(0);
    }
}

/// What happens, one thing after the other.
pub fn run(input: &[u8]) {
    play(input);
}

/// The same; how many mails were sent.
pub fn play(input: &[u8]) -> usize {
    process();
    // SAFETY: a handle is checked, not followed.
    let lines = unsafe { sds_smtp_client_log(std::ptr::null(), std::ptr::null_mut(), 0) };
    let built_in = Known {
        handle: std::ptr::null_mut(),
        lives: true,
        in_flight: false,
        login: false,
        logs_in: false,
        dry: false,
        status: sds_smtp_status(),
        lines,
    };
    let mut world = World {
        input: Input::new(input),
        known: vec![built_in],
        peers: Vec::new(),
        lent: Vec::new(),
        taken: 0,
        sent: 0,
        elsewhere: true,
    };
    world.begin();
    for _ in 0..STEPS {
        let Some(what) = world.input.pull() else { break };
        world.step(what);
    }
    world.end();
    world.sent
}

/// How many ends of mails were told to a function.
pub fn ends_told() -> usize {
    told::told()
}

/// An input that makes a client, configures it and the built-in one, and has both send a mail, and the results shown.
pub fn mails() -> Vec<u8> {
    let mut input = vec![0];
    for client in [0, 1] {
        // All strings in order, and AUTH as it comes.
        input.extend([3, client, 1, 1, 1, 1, 1, 1, 1, client, 0, 0, 0, 0]);
        // No further attempt, a trace, nothing of what is to come.
        input.extend([0, 0, 0, 1, 0, 0, 0, 0]);
    }
    input.extend([4, 1, 1, 1]);
    // It is told to a function.
    input.extend([5, 1, 0, 0xff, 1, 1, 1, 1, 0, 0, 0, 0, 0]);
    for _ in 0..20 {
        // The engine has a turn; and the server, which answers everything as it fits.
        input.extend([12, 14, 0, 0]);
    }
    input.extend([8, 0, 0, 0, 0, 9, 0, 0, 5, 0, 0, 7, 100]);
    input
}
