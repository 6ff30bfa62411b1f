//! The engine's connections: found by token, by client and by deadline, each in a number of steps that does not grow with
//! their number (that of the deadlines: with its logarithm).

use std::boxed::Box;
use std::collections::VecDeque;
use std::vec::Vec;

use super::connection::Connection;
use super::deadlines::Deadlines;
use super::memory::Boxed;
use super::registry::{self, Key};

/// In [`Lines`]: no connection.
const NONE: u32 = u32::MAX;

/// The connections of the client at one place.
#[derive(Clone, Copy)]
struct Lines {
    /// The one with the mail in flight.
    active: u32,
    /// One whose result is known, and that only waits for its QUIT to be answered.
    lingering: u32,
}

/// All connections of an engine.
pub struct Connections {
    places: Vec<Option<Boxed<Connection>>>,
    free: Vec<usize>,
    serial: u32,
    clients: Vec<Lines>,
    deadlines: Deadlines,
    /// Tokens of connections that have more to do, each once at most.
    unfinished: VecDeque<u64>,
    /// The buffer of the last connection that ended, for the next one.
    spare: Option<Box<[u8]>>,
}

/// Where a connection stands. The upper half of a token is a serial number, which tells a connection from a former one at
/// the same place.
fn place_of(token: u64) -> usize {
    usize::try_from(token & 0xFFFF_FFFF).unwrap_or(usize::MAX)
}

impl Connections {
    /// No connection.
    pub const fn new() -> Self {
        Self {
            places: Vec::new(),
            free: Vec::new(),
            serial: 0,
            clients: Vec::new(),
            deadlines: Deadlines::new(),
            unfinished: VecDeque::new(),
            spare: None,
        }
    }

    /// Adds a connection for a mail of this client, made with a token and a buffer; its token. None without memory for it.
    pub fn add(&mut self, key: Key, make: impl FnOnce(u64, Box<[u8]>) -> Connection) -> Option<u64> {
        let place = self.place()?;
        let lines = key.place.saturating_add(1).saturating_sub(self.clients.len());
        self.clients.try_reserve(lines).ok()?;
        let out = match self.spare.take() {
            Some(out) => out,
            None => Connection::buffer()?,
        };
        self.serial = self.serial.wrapping_add(1);
        let token = (u64::from(self.serial) << 32) | (place as u64 & 0xFFFF_FFFF);
        let connection = Boxed::new(make(token, out))?;
        *self.places.get_mut(place)? = Some(connection);
        self.free.pop();
        for _ in 0..lines {
            self.clients.push(Lines {
                active: NONE,
                lingering: NONE,
            });
        }
        if let Some(client) = self.clients.get_mut(key.place) {
            client.active = u32::try_from(place).unwrap_or(NONE);
        }
        registry::count_connection(key.place, true);
        Some(token)
    }

    /// A free place, the last of the free ones. With a new one comes the room that its end and its turns need.
    fn place(&mut self) -> Option<usize> {
        if let Some(place) = self.free.last() {
            return Some(*place);
        }
        let all = self.places.len().saturating_add(1);
        self.places.try_reserve(1).ok()?;
        self.free.try_reserve(all).ok()?;
        self.deadlines.reserve(all)?;
        self.unfinished
            .try_reserve(all.saturating_sub(self.unfinished.len()))
            .ok()?;
        self.places.push(None);
        self.free.push(self.places.len().saturating_sub(1));
        self.free.last().copied()
    }

    /// The connection with this token, if it is still there.
    pub fn get(&mut self, token: u64) -> Option<&mut Connection> {
        let connection = self.places.get_mut(place_of(token))?.as_mut()?;
        Some(&mut **connection).filter(|connection| connection.token() == token)
    }

    fn token_at(&self, place: u32) -> Option<u64> {
        let connection = self.places.get(usize::try_from(place).ok()?)?.as_ref()?;
        Some(connection.token())
    }

    /// The connection with the mail in flight of the client at this place.
    pub fn active(&self, client: usize) -> Option<u64> {
        self.token_at(self.clients.get(client)?.active)
    }

    /// The connection of the client at this place that only waits for its QUIT to be answered.
    pub fn lingering(&self, client: usize) -> Option<u64> {
        self.token_at(self.clients.get(client)?.lingering)
    }

    /// The result of this connection's mail is known: it lingers. The one that lingered before, if there is one, is to be
    /// removed: a client has one at most.
    pub fn linger(&mut self, key: Key, token: u64) -> Option<u64> {
        let before = self.lingering(key.place);
        let lines = self.clients.get_mut(key.place)?;
        lines.active = NONE;
        lines.lingering = u32::try_from(place_of(token)).unwrap_or(NONE);
        before
    }

    /// Removes a connection: its socket is closed.
    pub fn remove(&mut self, token: u64) {
        if self.get(token).is_none() {
            return;
        }
        let place = place_of(token);
        let Some(mut connection) = self.places.get_mut(place).and_then(Option::take) else {
            return;
        };
        if self.spare.is_none() {
            self.spare = Some(connection.take_buffer());
        }
        self.free.push(place);
        self.deadlines.clear(place);
        if let Some(lines) = self.clients.get_mut(connection.key.place) {
            for line in [&mut lines.active, &mut lines.lingering] {
                if usize::try_from(*line) == Ok(place) {
                    *line = NONE;
                }
            }
        }
        registry::count_connection(connection.key.place, false);
    }

    /// Removes all of them.
    pub fn drain(&mut self) -> impl Iterator<Item = Boxed<Connection>> + '_ {
        self.places.drain(..).flatten().inspect(|connection| {
            registry::count_connection(connection.key.place, false);
        })
    }

    /// Notes when this connection wants to be looked at.
    pub fn watch(&mut self, token: u64, deadline: u64) {
        self.deadlines.set_no_later(place_of(token), deadline);
    }

    /// The connection whose deadline has come.
    pub fn late(&mut self, now: u64) -> Option<u64> {
        loop {
            let (time, place) = self.deadlines.soonest()?;
            if time > now {
                return None;
            }
            let connection = self.places.get(place).and_then(Option::as_ref);
            match connection.and_then(|connection| connection.deadline()) {
                Some(deadline) if deadline > now => self.deadlines.set(place, deadline),
                Some(_) => return connection.map(|connection| connection.token()),
                None => self.deadlines.clear(place),
            }
        }
    }

    /// No deadline is before this.
    pub fn earliest(&self) -> Option<u64> {
        self.deadlines.soonest().map(|(time, _)| time)
    }

    /// Notes that a connection has more to do. There is room: `place` made it. Should there be none all the same, the
    /// connection's deadline ends it.
    pub fn queue(&mut self, token: u64) {
        if self.unfinished.try_reserve(1).is_ok() {
            self.unfinished.push_back(token);
        }
    }

    /// How many have more to do.
    pub fn unfinished(&self) -> usize {
        self.unfinished.len()
    }

    /// The one that has waited the longest for going on.
    pub fn next_unfinished(&mut self) -> Option<u64> {
        self.unfinished.pop_front()
    }

    /// Has every connection looked at.
    pub fn queue_all(&mut self) {
        for connection in self.places.iter_mut().flatten() {
            if connection.queue() && self.unfinished.try_reserve(1).is_ok() {
                self.unfinished.push_back(connection.token());
            }
        }
    }
}
