//! A connection that functions of the program carry: where it stands, and the functions, which are called without a lock.

use core::ffi::CStr;
use std::boxed::Box;
use std::net::{IpAddr, SocketAddr};

use super::calls;
use super::memory::{Boxed, Row, joined};
use super::registry::Key;
use crate::channel::transport::sds_smtp_transport;
use crate::channel::{Called, Channel, Moved, Transport};
use crate::code::Reason;
use crate::wire::literal::Address;

/// What a program has given: a copy.
pub type Given = Transport<sds_smtp_transport>;

/// How soon the functions are called again where nothing tells that something has happened, in milliseconds.
const ASK: u64 = 5;

/// How long a connection may take to be closed, in milliseconds.
const CLOSING: u64 = 1000;

/// Where it stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stage {
    /// There is no connection.
    Nothing,
    /// The library looks up the server's name.
    Asking,
    /// The program does.
    Resolving,
    /// It is being made.
    Connecting,
    /// It is made, and is being secured.
    Securing,
    /// It stands.
    Open,
    /// It is being closed, until this time at the latest.
    Closing(u64),
}

/// Such a connection.
pub struct Carried {
    given: Given,
    /// Where it stands.
    pub stage: Stage,
    /// It is queued for a turn.
    pub queued: bool,
    /// The session or the next address wants another connection: this one is to be closed.
    pub is_over: bool,
    /// The addresses to try.
    targets: Row<SocketAddr>,
    /// Which of them is tried.
    at: usize,
    /// The server's name with a NUL behind it, where it was configured by name.
    name: Option<Box<[u8]>>,
    /// The name in its certificate, with a NUL behind it, where that is another one.
    tls_name: Option<Box<[u8]>>,
    /// When the functions are to be called again, even if nothing happens.
    look_at: Option<u64>,
    /// What the program says is to be waited on.
    wanted: Option<isize>,
    /// What the list was told of, for this connection.
    registered: Option<isize>,
}

impl Carried {
    /// Before its first connection; None without memory.
    pub fn new(given: Given) -> Option<Boxed<Self>> {
        Boxed::new(Self {
            given,
            stage: Stage::Nothing,
            queued: false,
            is_over: false,
            targets: Row::new(),
            at: 0,
            name: None,
            tls_name: None,
            look_at: None,
            wanted: None,
            registered: None,
        })
    }

    /// Whether it speaks TLS.
    pub fn secures(&self) -> bool {
        self.given.secures()
    }

    /// Whether it looks up names.
    pub fn resolves(&self) -> bool {
        self.given.resolves()
    }

    /// Whether `connect` has begun one that `close` has not closed.
    pub fn is_open(&self) -> bool {
        matches!(
            self.stage,
            Stage::Connecting | Stage::Securing | Stage::Open | Stage::Closing(_)
        )
    }

    /// Forgets the server, for the next one.
    // Saves 50 bytes.
    #[inline(never)]
    pub fn forget_server(&mut self) {
        self.targets.clear();
        self.at = 0;
        self.name = None;
    }

    /// The address to connect to.
    pub fn target(&self) -> Option<SocketAddr> {
        self.targets.get(self.at).copied()
    }

    /// This address did not answer; whether there is another one.
    pub fn next_target(&mut self) -> bool {
        self.at = self.at.saturating_add(1);
        self.target().is_some()
    }

    /// Takes the server's name, without the dot at its end; None without memory.
    pub fn set_name(&mut self, name: &[u8]) -> Option<()> {
        let name = name.strip_suffix(b".").unwrap_or(name);
        self.name = Some(joined(&[name, &[0]])?);
        Some(())
    }

    /// Takes the addresses to connect to; None without memory.
    pub fn set_targets(&mut self, addresses: &[SocketAddr], port: u16) -> Option<()> {
        self.targets.clear();
        self.at = 0;
        for mut server in addresses.iter().copied() {
            server.set_port(port);
            self.targets.push(server)?;
        }
        Some(())
    }

    /// Takes the one address to connect to; None without memory.
    pub fn set_target(&mut self, server: SocketAddr) -> Option<()> {
        self.forget_server();
        self.targets.push(server)
    }

    /// The functions, for a turn.
    pub fn functions(&self, key: Key) -> Functions {
        Functions {
            given: self.given,
            key,
            forks: calls::forks(),
        }
    }

    /// Looks up the server's name: done where its address was added to the targets.
    pub fn resolve(&mut self, functions: &Functions, port: u16) -> Called {
        let mut found = Address::NONE;
        found.port = u32::from(port);
        let name = c_string(self.name.as_deref()).unwrap_or(c"");
        match functions.call(Called::Failed(Reason::Lost), |given| given.resolve(name, &mut found)) {
            Called::Done => match Option::<IpAddr>::from(found) {
                Some(ip) if self.set_targets(&[SocketAddr::new(ip, 0)], port).is_some() => Called::Done,
                Some(_) => Called::Failed(Reason::NoMemory),
                None => Called::Failed(Reason::BadTransport),
            },
            other => other,
        }
    }

    /// Begins to connect.
    pub fn connect(&mut self, functions: &Functions, server: SocketAddr) -> Called {
        let mut address = Address::from(server.ip());
        address.port = u32::from(server.port());
        let called = functions.call(Called::Failed(Reason::Lost), |given| given.connect(&address));
        if !matches!(called, Called::Failed(_)) {
            self.stage = Stage::Connecting;
            self.is_over = false;
            self.registered = None;
        }
        called
    }

    /// Whether the connection is made; and secured, where its functions do that at once.
    pub fn connected(&mut self, functions: &Functions, secures: bool) -> Called {
        match functions.call(Called::Failed(Reason::Lost), Given::connected) {
            Called::Done if secures => self.start_tls(functions),
            other => other,
        }
    }

    /// Has its functions secure the connection.
    pub fn start_tls(&self, functions: &Functions) -> Called {
        let name = c_string(self.tls_name.as_deref().or(self.name.as_deref()));
        functions.call(Called::Failed(Reason::Lost), |given| given.start_tls(name))
    }

    /// Takes the name in the server's certificate; None without memory.
    pub fn set_tls_name(&mut self, name: &[u8]) -> Option<()> {
        self.tls_name = Some(joined(&[name, &[0]])?);
        Some(())
    }

    /// Closes the connection; or when to call this again.
    pub fn close(&mut self, functions: &Functions, now: u64) -> Result<(), Called> {
        let until = match self.stage {
            Stage::Closing(until) => until,
            Stage::Connecting | Stage::Securing | Stage::Open => now.saturating_add(CLOSING),
            Stage::Nothing | Stage::Asking | Stage::Resolving => return Ok(()),
        };
        if functions.are_gone() {
            // It is left to `close_once`.
            return Err(Called::NotYet);
        }
        self.stage = Stage::Closing(until);
        let given = self.given;
        let called = calls::run(|| given.close());
        if functions.in_child() {
            return Ok(());
        }
        if now < until && matches!(called, Called::NotYet | Called::Again) {
            return Err(called);
        }
        self.stage = Stage::Nothing;
        self.is_over = false;
        Ok(())
    }

    /// Calls close once, without waiting, where there is a connection: for one that nobody wants any more, and whose client may
    /// be gone. No lock may be held.
    // Saves 352 bytes.
    #[inline(never)]
    pub fn close_once(&mut self) {
        if self.is_open() {
            self.stage = Stage::Nothing;
            let given = self.given;
            calls::run(|| given.close());
        }
    }

    /// Asks what is to be waited on, at the end of a turn.
    pub fn ask_descriptor(&mut self, functions: &Functions) {
        self.wanted = None;
        // Windows tells of sockets only.
        if cfg!(unix) && matches!(self.stage, Stage::Connecting | Stage::Securing | Stage::Open) {
            self.wanted = functions.call(None, Given::descriptor);
        }
    }

    /// Whether the connection stands.
    pub fn is_standing(&self) -> bool {
        self.stage == Stage::Open
    }

    /// Between two mails: what happens is looked at before the next one, where no descriptor tells.
    pub fn rest(&mut self) {
        self.look_at = None;
    }

    /// The functions that send and receive, although nobody wants the connection any more.
    pub fn last_words(&self) -> LastWords {
        LastWords(self.given)
    }

    /// After a turn: has the list told of the descriptor where it was not, and notes when the functions are to be called again
    /// even if nothing happens.
    pub fn settle(&mut self, now: u64, register: impl FnOnce(isize) -> bool) {
        if self.wanted != self.registered {
            self.registered = self.wanted.filter(|descriptor| register(*descriptor));
        }
        let waits =
            self.registered.is_some() && matches!(self.stage, Stage::Connecting | Stage::Securing | Stage::Open);
        let idle = matches!(self.stage, Stage::Nothing | Stage::Asking);
        self.look_at = (!waits && !idle).then(|| now.saturating_add(ASK));
    }

    /// Waits; when it looks again.
    pub fn wait(&mut self, now: u64) -> u64 {
        let again = now.saturating_add(ASK);
        self.look_at = Some(again);
        again
    }

    /// When the functions are to be called again, even if nothing happens; `session`: when the session is to be looked at.
    pub fn deadline(&self, session: Option<u64>) -> Option<u64> {
        let closing = match self.stage {
            Stage::Closing(until) => Some(until),
            _ => session,
        };
        match (self.look_at, closing) {
            (Some(look), Some(deadline)) => Some(look.min(deadline)),
            (one, other) => one.or(other),
        }
    }
}

fn c_string(text: Option<&[u8]>) -> Option<&CStr> {
    CStr::from_bytes_with_nul(text?).ok()
}

/// The functions of the program, during a turn. None is called any more when the client has ended, and in the child of a fork in
/// one of them: the connection is the parent's.
pub struct Functions {
    given: Given,
    key: Key,
    forks: u32,
}

impl Functions {
    /// Whether this is the child of a fork in one of them.
    pub fn in_child(&self) -> bool {
        self.forks != calls::forks()
    }

    // Saves 416 bytes.
    #[inline(never)]
    fn are_gone(&self) -> bool {
        self.in_child() || self.key.slot().is_none() || calls::is_forgotten()
    }

    fn call<T>(&self, gone: T, call: impl FnOnce(&Given) -> T) -> T {
        if self.are_gone() {
            return gone;
        }
        let result = calls::run(|| call(&self.given));
        // What it did counts, whatever became of the client: a connection that was begun is to be closed.
        if self.in_child() { gone } else { result }
    }

    /// Writes our end's address.
    pub fn local(&self, local: &mut Address) {
        self.call((), |given| given.local(local));
    }
}

/// The functions of a connection that is to be closed next, also where its client is gone. No lock may be held.
pub struct LastWords(Given);

impl Channel for LastWords {
    fn send(&mut self, octets: &[u8]) -> Moved {
        let given = &mut self.0;
        calls::run(|| given.send(octets))
    }

    fn receive(&mut self, octets: &mut [u8]) -> Moved {
        let given = &mut self.0;
        calls::run(|| given.receive(octets))
    }
}

impl Channel for Functions {
    fn send(&mut self, octets: &[u8]) -> Moved {
        // What the function has taken has left, whatever became of the client.
        let mut given = self.given;
        if self.are_gone() {
            return Moved::ended(Reason::Lost);
        }
        calls::run(|| given.send(octets))
    }

    fn receive(&mut self, octets: &mut [u8]) -> Moved {
        let mut given = self.given;
        self.call(Moved::ended(Reason::Lost), |_| given.receive(octets))
    }
}
