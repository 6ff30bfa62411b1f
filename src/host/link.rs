//! The session of an attempt, and the socket that carries it.

use std::boxed::Box;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::memory::Boxed;
use super::race::{Race, Standing, reason};
use super::shared::Worker;
use super::sink::Sink;
use super::sys::{self, Event, Failure, Poller, Socket};
use super::tls::{Peer, Place, Progress};
use crate::channel::{Channel, Moved, Pump, Turn};
use crate::code::Reason;
use crate::session::{Events, Job, Session, State};

/// What a link works with, and several share.
pub struct Tools<'t> {
    /// The kernel's list.
    pub poller: &'t Poller,
    /// Where octets are received.
    pub buffer: &'t mut [u8],
    /// The time.
    pub now: u64,
    /// The engine.
    pub worker: Worker,
    /// Handshakes that may still be gone on with in this turn: each takes as long as many plain mails.
    pub handshakes: &'t mut u32,
    /// Rounds of a login's derivation that may still be made in this turn.
    pub rounds: &'t mut u32,
}

/// The session, and its socket.
pub struct Link {
    /// What the kernel names it by.
    pub token: u64,
    /// The address of the server that was tried last.
    pub address: Option<SocketAddr>,
    /// Our own address.
    pub source: Option<IpAddr>,
    /// The session.
    pub pump: Pump<Box<[u8]>, Sink>,
    /// There is more to do, without the kernel saying so.
    pub unfinished: bool,
    /// Whom TLS is to be spoken with.
    pub peer: Option<Boxed<Peer>>,
    /// TLS, from when the handshake begins.
    tls: Place,
    /// The handshake is done.
    secure: bool,
    /// It is to be gone on with in the next turn, whatever happens to the socket.
    is_due: bool,
    socket: Option<Socket>,
    /// Several addresses, one of which is to become the socket.
    race: Option<Boxed<Race>>,
    /// When the session began, by our clock: it counts from there.
    began: u64,
    opened: u64,
    /// Whether it was looked at, when the time for the greeting was over, if the connection stands.
    looked: bool,
}

impl Link {
    /// A session that has not begun to connect.
    pub fn new(token: u64, source: Option<IpAddr>, session: Session<Sink>, out: Box<[u8]>, now: u64) -> Self {
        Self {
            token,
            address: None,
            source,
            pump: Pump::new(session, out),
            unfinished: false,
            peer: None,
            tls: Place::EMPTY,
            secure: false,
            is_due: false,
            socket: None,
            race: None,
            began: now,
            opened: now,
            looked: false,
        }
    }

    /// Begins another session instead of the one that is over.
    pub fn begin_anew(&mut self, job: &Job<'_>, now: u64) {
        self.pump.clear();
        self.pump.session.wipe();
        self.disconnect();
        let mut sink = core::mem::take(&mut self.pump.session.events);
        // A login begins anew.
        sink.end_exchange();
        self.pump.session = Session::new(job, sink);
        (self.began, self.opened, self.looked) = (now, now, false);
    }

    /// Whether the connection is being made and nobody was told that it stands.
    pub fn connects(&self) -> bool {
        self.pump.session.state() == State::Connecting
    }

    /// Whether several addresses are being tried.
    pub fn races(&self) -> bool {
        self.race.is_some()
    }

    /// Closes what there is of a connection.
    pub fn hang_up(&mut self) {
        self.pump.clear();
        self.disconnect();
    }

    /// Gives up what there is of a connection.
    fn disconnect(&mut self) {
        (self.socket, self.race) = (None, None);
        self.forget_tls();
    }

    /// TLS begins anew with the next connection.
    pub fn forget_tls(&mut self) {
        self.tls.clear();
        (self.secure, self.is_due) = (false, false);
    }

    /// How long there has been a session, in milliseconds.
    pub fn age(&self, now: u64) -> u64 {
        now.saturating_sub(self.began)
    }

    /// Begins another mail in a session that was kept, after what has arrived was read; false where it is of no more use.
    pub fn resume(&mut self, job: &Job<'_>, tools: &mut Tools<'_>) -> bool {
        let looked = self.socket.is_some() && self.look(job, tools);
        let begins = looked && self.pump.session.next(job, self.time(tools.now));
        if begins {
            self.carry(job, Arrived::Nothing, tools);
        }
        begins
    }

    /// Says what there is to say, although nothing has arrived.
    pub fn go_on(&mut self, job: &Job<'_>, tools: &mut Tools<'_>) {
        self.carry(job, Arrived::Nothing, tools);
    }

    /// Says what there is to say over a channel that the program provides, and that it was the last of it.
    pub fn part_over(&mut self, job: &Job<'_>, now: u64, below: &mut impl Channel, buffer: &mut [u8]) {
        self.turn_over(job, now, below, buffer);
        if self.is_secure() && !self.pump.session.closed() {
            self.tls.say_good_bye(below);
        }
    }

    /// A turn of the session over a channel that the program provides.
    pub fn turn_over(&mut self, job: &Job<'_>, now: u64, below: &mut impl Channel, buffer: &mut [u8]) -> Turn {
        let time = self.time(now);
        if !self.is_secure() {
            return self.pump.turn(job, time, below, buffer);
        }
        let turn = self.pump.turn(job, time, &mut self.tls.over(below), buffer);
        if self.pump.session.closed() {
            self.tls.say_good_bye(below);
        }
        turn
    }

    /// Reads from such a channel; whether there may be more.
    pub fn read_over(&mut self, job: &Job<'_>, time: u32, below: &mut impl Channel, buffer: &mut [u8]) -> bool {
        if self.is_secure() {
            self.pump.read(job, time, &mut self.tls.over(below), buffer)
        } else {
            self.pump.read(job, time, below, buffer)
        }
    }

    /// Whether TLS protects the connection. Without TLS in the library the compiler knows that it does not.
    fn is_secure(&self) -> bool {
        Place::SPEAKS && self.secure
    }

    /// Whether TLS begins with the connection.
    pub fn is_implicit(&self) -> bool {
        self.peer.as_ref().is_some_and(|peer| peer.is_implicit())
    }

    /// Whether the handshake of a TLS that begins with the connection has begun, and is not done.
    pub fn is_securing(&self) -> bool {
        self.tls.is_taken() && !self.secure && self.is_implicit()
    }

    /// Whether there is a handshake to go on with, or to end, although the connection may stand no more.
    pub fn waits_to_secure(&self) -> bool {
        self.is_due || self.is_securing()
    }

    /// The version of TLS that protects the connection, as its records have it; else 0.
    pub fn tls_version(&self) -> u16 {
        if self.is_secure() { self.tls.version() } else { 0 }
    }

    /// Goes on with the handshake, over the socket or whatever else carries it; whether it is done.
    pub fn shake_hands(&mut self, job: &Job<'_>, now: u64, below: &mut impl Channel) -> bool {
        if self.is_secure() {
            return true;
        }
        let Some(peer) = &self.peer else {
            // Nothing is sent in the clear that TLS was to protect.
            self.lost(job, now, Reason::TlsFailed);
            return false;
        };
        match self.tls.shake_hands(peer, below) {
            Progress::Done => self.secure = true,
            Progress::Waits => {}
            Progress::Failed(reason) => self.lost(job, now, reason),
        }
        self.secure
    }

    /// The same over the socket.
    fn secure(&mut self, job: &Job<'_>, tools: &mut Tools<'_>) -> bool {
        self.is_due = *tools.handshakes == 0;
        if self.is_due {
            self.unfinished = true;
            return false;
        }
        *tools.handshakes = tools.handshakes.saturating_sub(1);
        let Some(socket) = self.socket.take() else { return false };
        let mut below = OnSocket {
            socket: &socket,
            token: self.token,
            poller: tools.poller,
            read: Arrived::ToTheEnd,
        };
        let done = self.shake_hands(job, tools.now, &mut below);
        self.socket = Some(socket);
        done
    }

    /// Whether a socket has a connection.
    pub fn is_connected(&self) -> bool {
        self.socket.as_ref().is_some_and(sys::is_connected)
    }

    /// When the session's time is over, by our clock.
    pub fn session_deadline(&self) -> Option<u64> {
        Some(self.began.saturating_add(u64::from(self.pump.session.deadline()?)))
    }

    /// When it is to be looked at. `greeting`: how long a greeting is waited for, in milliseconds.
    pub fn deadline(&self, greeting: impl FnOnce() -> u32) -> Option<u64> {
        let deadline = self.session_deadline()?;
        if !self.connects() {
            return Some(deadline);
        }
        if let Some(race) = &self.race {
            return Some(race.deadline().map_or(deadline, |next| next.min(deadline)));
        }
        if self.looked {
            return Some(deadline);
        }
        Some(deadline.min(self.opened.saturating_add(u64::from(greeting()))))
    }

    /// Makes sure that the sockets are ours still.
    pub fn make_sure(&mut self, poller: &Poller) {
        let token = self.token;
        if self.socket.as_ref().is_some_and(|socket| !poller.has(socket, token)) {
            self.leave_open();
        }
        if let Some(race) = &mut self.race {
            race.make_sure(poller, token);
        }
    }

    /// Gives the sockets up without closing them.
    pub fn leave_open(&mut self) {
        self.forget_tls();
        if let Some(socket) = self.socket.take() {
            sys::leave_open(socket);
        }
        if let Some(mut race) = self.race.take() {
            race.leave_open();
        }
    }
    /// The session's time at a time of our clock.
    // Saves 80 bytes.
    #[inline(never)]
    pub fn time(&self, now: u64) -> u32 {
        u32::try_from(now.saturating_sub(self.began)).unwrap_or(u32::MAX)
    }

    /// The connection is lost.
    // Saves 150 bytes.
    #[inline(never)]
    pub fn lost(&mut self, job: &Job<'_>, now: u64, reason: Reason) {
        self.pump.session.lost(job, self.time(now), reason);
    }

    /// Begins to connect.
    ///
    /// Nobody asks the kernel to tell when the connection stands: the greeting tells, with one wake-up less.
    pub fn open(&mut self, job: &Job<'_>, server: SocketAddr, tools: &mut Tools<'_>) {
        self.pump.clear();
        self.disconnect();
        self.address = Some(server);
        self.opened = tools.now;
        self.looked = false;
        match tools.poller.connect(server, self.source, self.token) {
            Ok(socket) if self.is_implicit() => {
                // We speak first: the kernel is to tell when we can.
                match tools.poller.tell_when_writable(&socket, self.token) {
                    Ok(()) => self.socket = Some(socket),
                    Err(failure) => self.lost(job, tools.now, reason(failure)),
                }
            }
            Ok(socket) => self.socket = Some(socket),
            Err(failure) => self.lost(job, tools.now, reason(failure)),
        }
    }

    /// Begins to connect to whichever of several addresses stands first.
    pub fn race(&mut self, job: &Job<'_>, race: Boxed<Race>, tools: &mut Tools<'_>) {
        self.pump.clear();
        self.disconnect();
        self.race = Some(race);
        self.opened = tools.now;
        self.look_at_race(job, false, tools);
    }

    /// Looks whether one of several addresses stands. False where none does yet, or will.
    fn look_at_race(&mut self, job: &Job<'_>, failed: bool, tools: &mut Tools<'_>) -> bool {
        let Some(race) = &mut self.race else { return true };
        let standing = race.look(tools.poller, self.token, tools.now, failed);
        self.address = race.newest().or(self.address);
        match standing {
            Standing::Open => return false,
            Standing::Won(socket, address) => {
                self.socket = Some(socket);
                self.address = Some(address);
                self.race = None;
                // What it has said may have been told of already.
                self.unfinished = true;
                if self.is_implicit() {
                    return false;
                }
                self.connected(job, tools.now);
            }
            Standing::Lost(reason) => {
                self.race = None;
                self.lost(job, tools.now, reason);
            }
        }
        true
    }

    /// Something happened on a socket.
    pub fn handle(&mut self, job: &Job<'_>, event: Event, tools: &mut Tools<'_>) {
        if self.race.is_some() && !self.look_at_race(job, event.failed, tools) {
            return;
        }
        if self.pump.session.state() == State::Connecting {
            let Some(socket) = &self.socket else { return };
            if event.failed {
                // A reset (and whatever the kernel does not say of connecting) means that the connection stood: what the
                // server said before it can still be read.
                let why = sys::connect_failure(socket);
                if why != Failure::Broken {
                    self.lost(job, tools.now, reason(why));
                    return;
                }
            }
            if self.is_implicit() && !self.secure(job, tools) {
                return;
            }
            self.connected(job, tools.now);
        }
        let read = match event {
            _ if event.to_the_end => Arrived::ToTheEnd,
            _ if event.readable => Arrived::Some,
            _ => Arrived::Nothing,
        };
        self.carry(job, read, tools);
    }

    fn connected(&mut self, job: &Job<'_>, now: u64) {
        let local = match (job.settings.ehlo_name(), &self.socket) {
            ([], Some(socket)) => sys::local_address(socket),
            _ => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        };
        self.pump.session.connected(job, self.time(now), &local.into());
    }

    /// Reads what has arrived; false where there may be more of it than a turn's share.
    fn look(&mut self, job: &Job<'_>, tools: &mut Tools<'_>) -> bool {
        let now = self.time(tools.now);
        let Some(socket) = &self.socket else { return true };
        if self.pump.session.state() == State::Connecting {
            if !sys::is_connected(socket) || self.is_implicit() {
                return true;
            }
            // Nothing was told of it: its time began with the connection at the latest.
            self.connected(job, self.opened);
        }
        let Some(socket) = &self.socket else { return true };
        let mut channel = OnSocket {
            socket,
            token: self.token,
            poller: tools.poller,
            read: Arrived::ToTheEnd,
        };
        if self.is_secure() {
            !self.pump.read(job, now, &mut self.tls.over(&mut channel), tools.buffer)
        } else {
            !self.pump.read(job, now, &mut channel, tools.buffer)
        }
    }

    pub fn tick(&mut self, job: &Job<'_>, tools: &mut Tools<'_>) {
        if self.race.is_some() && !self.look_at_race(job, false, tools) {
            self.pump.session.tick(self.time(tools.now));
            if !self.connects() {
                self.race = None;
            }
            return;
        }
        let connecting = self.pump.session.state() == State::Connecting;
        self.looked |= connecting;
        self.unfinished = !self.look(job, tools);
        // The deadline waits for the next turn then. It does not wait for ever: what a server may say without being asked has
        // an end.
        if self.unfinished {
            return;
        }
        self.pump.session.tick(self.time(tools.now));
        if connecting && self.pump.session.state() == State::Connecting {
            return;
        }
        self.carry(job, Arrived::Nothing, tools);
    }

    pub fn cancel(&mut self, job: &Job<'_>, tools: &mut Tools<'_>) {
        self.race = None;
        self.look(job, tools);
        self.pump.session.cancel();
        self.carry(job, Arrived::Nothing, tools);
    }

    /// Carries octets between the session and the socket; makes another connection where the session wants one.
    fn carry(&mut self, job: &Job<'_>, read: Arrived, tools: &mut Tools<'_>) {
        let now = self.time(tools.now);
        let Some(socket) = &self.socket else { return };
        let mut channel = OnSocket {
            socket,
            token: self.token,
            poller: tools.poller,
            read,
        };
        let turn = if self.is_secure() {
            let turn = self.pump.turn(job, now, &mut self.tls.over(&mut channel), tools.buffer);
            if self.pump.session.closed() {
                self.tls.say_good_bye(&mut channel);
            }
            turn
        } else {
            self.pump.turn(job, now, &mut channel, tools.buffer)
        };
        match turn {
            Turn::Idle => {}
            Turn::More => self.unfinished = true,
            Turn::Secure => {
                if self.secure(job, tools) {
                    self.pump.session.secured(job, now);
                    self.unfinished = true;
                }
            }
            Turn::Connect => {
                if let Some(address) = self.address {
                    self.open(job, address, tools);
                }
            }
            // Its owner has the keys derived, now or when it comes back: what a deadline had read has no other turn.
            Turn::Derive => self.unfinished = true,
        }
    }
}

/// What is worth reading from a socket: each attempt is a system call.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Arrived {
    /// Nothing has arrived.
    Nothing,
    /// Something has. Less than there was room for: there is no more.
    Some,
    /// Something has, and perhaps the end.
    ToTheEnd,
}

/// A socket as a channel, for a turn.
struct OnSocket<'t> {
    socket: &'t Socket,
    token: u64,
    poller: &'t Poller,
    read: Arrived,
}

impl Channel for OnSocket<'_> {
    fn send(&mut self, octets: &[u8]) -> Moved {
        match sys::send(self.socket, octets) {
            Ok(length) => Moved::octets(length.min(octets.len())),
            // The kernel is asked to tell when there is room again.
            Err(Failure::WouldBlock) => match self.poller.tell_when_writable(self.socket, self.token) {
                Ok(()) => Moved::NOTHING,
                Err(_) => Moved::ended(Reason::Lost),
            },
            Err(_) => {
                self.read = Arrived::ToTheEnd;
                Moved::ended(Reason::Lost)
            }
        }
    }

    // Saves 150 instructions for a mail.
    #[inline(always)]
    fn receive(&mut self, octets: &mut [u8]) -> Moved {
        if self.read == Arrived::Nothing {
            return Moved::NOTHING;
        }
        match sys::receive(self.socket, octets) {
            Ok(0) => Moved::ended(Reason::Lost),
            Ok(length) => {
                if length < octets.len() && self.read == Arrived::Some {
                    self.read = Arrived::Nothing;
                }
                Moved::octets(length)
            }
            Err(Failure::WouldBlock) => {
                self.read = Arrived::Nothing;
                Moved::NOTHING
            }
            Err(_) => Moved::ended(Reason::Lost),
        }
    }
}
