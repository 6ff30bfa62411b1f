//! The engine's connections: found by token and by client in a constant number of steps, and by deadline in a number that grows
//! with the logarithm of theirs.

use std::boxed::Box;

use super::connection::{Connection, OUT};
use super::deadlines::Deadlines;
use super::memory::{Boxed, Row};
use super::queue::Queue;
use super::registry::{self, Key};

/// In [`OfClient`]: no connection.
const NONE: u32 = u32::MAX;

/// The connections of the client at one place.
#[derive(Clone, Copy)]
struct OfClient {
    /// The one with the mail in flight.
    active: u32,
    /// The one whose result is known, and that only waits for the reply to QUIT.
    lingering: u32,
}

/// All connections of an engine.
pub struct Connections {
    table: Row<Option<Boxed<Connection>>>,
    free: Row<usize>,
    serial: u32,
    clients: Row<OfClient>,
    deadlines: Deadlines,
    /// Tokens of connections that have more to do, each once at most.
    unfinished: Queue<u64>,
    /// The connection that is taken out for its turn, and whether something has happened to it meanwhile.
    turned: Option<(u64, bool)>,
    /// How far its mail was before, where that is in flight: whose it is, how many octets of it had left, and how many there are.
    progress: Option<(Key, (u64, u64))>,
    /// The buffer of the last connection that ended, for the next one.
    spare: Option<Box<[u8]>>,
}

/// The connection's id: its index in the table. The upper half of a token is a serial number, which tells a connection from a
/// former one with the same id.
fn id_of(token: u64) -> usize {
    usize::try_from(token & 0xFFFF_FFFF).unwrap_or(usize::MAX)
}

impl Connections {
    /// No connection.
    pub const fn new() -> Self {
        Self {
            table: Row::new(),
            free: Row::new(),
            serial: 0,
            clients: Row::new(),
            deadlines: Deadlines::new(),
            unfinished: Queue::new(),
            turned: None,
            progress: None,
            spare: None,
        }
    }

    /// Adds a connection for a mail of this client, made with a token and a buffer, and returns the token. None without memory
    /// for it.
    pub fn add(&mut self, key: Key, make: impl FnOnce(u64, Box<[u8]>) -> Option<Connection>) -> Option<u64> {
        let id = self.free_id()?;
        let missing = key.place.saturating_add(1).saturating_sub(self.clients.len());
        self.clients.reserve(missing)?;
        let out = self.take_buffer()?;
        self.serial = self.serial.wrapping_add(1);
        let token = (u64::from(self.serial) << 32) | (id as u64 & 0xFFFF_FFFF);
        let connection = Boxed::new(make(token, out)?)?;
        *self.table.get_mut(id)? = Some(connection);
        self.free.pop();
        let none = OfClient {
            active: NONE,
            lingering: NONE,
        };
        self.clients.grow(missing, none)?;
        if let Some(client) = self.clients.get_mut(key.place) {
            client.active = u32::try_from(id).unwrap_or(NONE);
        }
        registry::count_connection(key.place, true);
        Some(token)
    }

    /// A buffer for a connection; None without memory.
    pub fn take_buffer(&mut self) -> Option<Box<[u8]>> {
        self.spare.take().or_else(Connection::buffer)
    }

    /// Keeps a connection for the client's next mail, where its session waits for one.
    pub fn keep(&mut self, token: u64, now: u64) {
        let Some(out) = self.get(token).and_then(|connection| connection.keep(now)) else {
            return;
        };
        if self.spare.is_none() && out.len() == OUT {
            self.spare = Some(out);
        }
        if let Some(until) = self.get(token).and_then(|connection| connection.deadline()) {
            self.watch(token, until);
        }
    }

    /// A connection that was kept has the client's mail in flight.
    pub fn activate(&mut self, key: Key, token: u64) {
        if let Some(client) = self.clients.get_mut(key.place) {
            client.active = u32::try_from(id_of(token)).unwrap_or(NONE);
            client.lingering = NONE;
        }
    }

    /// The connection that has been kept longest, where a socket of ours carries it.
    pub fn oldest_kept(&self) -> Option<u64> {
        let all = self.table.iter().flatten();
        let kept = all.filter_map(|one| Some((one.kept_since()?, one.token())));
        kept.min().map(|(_, token)| token)
    }

    /// Some of the connections that are kept, and that sockets of ours carry; how many.
    pub fn some_kept(&self, tokens: &mut [u64]) -> usize {
        let all = self.table.iter().flatten();
        let kept = all.filter(|one| one.kept_since().is_some());
        tokens
            .iter_mut()
            .zip(kept)
            .map(|(token, one)| *token = one.token())
            .count()
    }

    /// Whether a connection that was kept still says QUIT.
    pub fn has_parting(&self) -> bool {
        self.table.iter().flatten().any(|one| one.parts_still())
    }

    /// A free id: the last one of `free`. For a new id room is made in every list, so that its turns and its end need no memory.
    fn free_id(&mut self) -> Option<usize> {
        if let Some(id) = self.free.last() {
            return Some(*id);
        }
        let all = self.table.len().saturating_add(1);
        self.table.reserve(1)?;
        self.free.reserve(all)?;
        self.deadlines.reserve(all)?;
        self.unfinished.reserve(all)?;
        self.free.push(self.table.len())?;
        self.table.push(None)?;
        self.free.last().copied()
    }

    /// The connection with this token, if it is still there.
    pub fn get(&mut self, token: u64) -> Option<&mut Connection> {
        let connection = self.table.get_mut(id_of(token))?.as_mut()?;
        Some(&mut **connection).filter(|connection| connection.token() == token)
    }

    /// Takes a connection out of the table for its turn, one at a time; [`Connections::put_back`] follows.
    pub fn take_for_turn(&mut self, token: u64) -> Option<Boxed<Connection>> {
        let connection = self.take_out(token)?;
        self.turned = Some((token, false));
        self.progress = (!connection.has_ended()).then(|| (connection.key, connection.progress()));
        Some(connection)
    }

    /// The connection that is taken out for its turn.
    pub fn turned(&self) -> Option<u64> {
        self.turned.map(|(token, _)| token)
    }

    /// How far the mail in flight of a client is: how many octets of it have left, and how many there are.
    pub fn progress(&mut self, key: Key) -> Option<(u64, u64)> {
        let active = self.active(key.place).and_then(|token| self.get(token));
        match active {
            Some(connection) => (connection.key == key).then(|| connection.progress()),
            None => self.progress.filter(|(of, _)| *of == key).map(|(_, progress)| progress),
        }
    }

    /// Notes that something has happened to a connection that is taken out for its turn; false where it is none.
    pub fn miss(&mut self, token: u64) -> bool {
        match &mut self.turned {
            Some((turned, missed)) if *turned == token => {
                *missed = true;
                true
            }
            _ => false,
        }
    }

    /// The same for the one with the mail in flight of the client at this place.
    pub fn miss_active(&mut self, client: usize) {
        let active = self.clients.get(client).map_or(NONE, |client| client.active);
        if let Some(token) = self
            .turned()
            .filter(|token| usize::try_from(active) == Ok(id_of(*token)))
        {
            self.miss(token);
        }
    }

    /// Takes a connection out of the table; [`Connections::put_back`] follows.
    pub fn take_out(&mut self, token: u64) -> Option<Boxed<Connection>> {
        self.get(token)?;
        self.table.get_mut(id_of(token))?.take()
    }

    /// The reverse; whether something has happened to it in its turn.
    pub fn put_back(&mut self, connection: Boxed<Connection>) -> bool {
        let token = connection.token();
        if let Some(place) = self.table.get_mut(id_of(token)) {
            *place = Some(connection);
        }
        let turned = self.turned.take_if(|(turned, _)| *turned == token);
        if turned.is_some() {
            self.progress = None;
        }
        turned.is_some_and(|(_, missed)| missed)
    }

    /// A connection that functions of the program carry, whose mail has ended, and that is in the table.
    pub fn any_carried(&self) -> Option<u64> {
        let mut all = self.table.iter().flatten();
        all.find(|connection| connection.is_carried() && connection.has_ended())
            .map(|connection| connection.token())
    }

    fn token_at(&self, id: u32) -> Option<u64> {
        let connection = self.table.get(usize::try_from(id).ok()?)?.as_ref()?;
        Some(connection.token())
    }

    /// The connection with the mail in flight of the client at this place.
    pub fn active(&self, client: usize) -> Option<u64> {
        self.token_at(self.clients.get(client)?.active)
    }

    /// The connection of the client at this place that only waits for the reply to QUIT.
    pub fn lingering(&self, client: usize) -> Option<u64> {
        self.token_at(self.clients.get(client)?.lingering)
    }

    /// Whether the one of the client at this place that only waits for the reply to QUIT is taken out.
    pub fn lingers_outside(&self, client: usize) -> bool {
        let lingering = self.clients.get(client).map_or(NONE, |client| client.lingering);
        lingering != NONE && self.token_at(lingering).is_none()
    }

    /// Notes that the result of this connection's mail is known, and that it lingers. Returns the one that lingered before,
    /// which is to be removed: a client has one at most.
    pub fn linger(&mut self, key: Key, token: u64) -> Option<u64> {
        let before = self.lingering(key.place);
        let client = self.clients.get_mut(key.place)?;
        client.active = NONE;
        client.lingering = u32::try_from(id_of(token)).unwrap_or(NONE);
        before
    }

    /// Removes a connection and closes its socket.
    pub fn remove(&mut self, token: u64) {
        if self.get(token).is_none() {
            return;
        }
        let id = id_of(token);
        let Some(mut connection) = self.table.get_mut(id).and_then(Option::take) else {
            return;
        };
        if self.spare.is_none() {
            self.spare = connection.take_buffer();
        }
        // There is room for all of them.
        self.free.push(id);
        self.deadlines.clear(id);
        if let Some(client) = self.clients.get_mut(connection.key.place) {
            for known in [&mut client.active, &mut client.lingering] {
                if usize::try_from(*known) == Ok(id) {
                    *known = NONE;
                }
            }
        }
        registry::count_connection(connection.key.place, false);
    }

    /// Takes one of them out for good, to end all: nothing else is to be asked of this any more.
    pub fn take_next(&mut self) -> Option<Boxed<Connection>> {
        while let Some(place) = self.table.pop() {
            if let Some(connection) = place {
                registry::count_connection(connection.key.place, false);
                return Some(connection);
            }
        }
        None
    }

    /// Notes when this connection wants to be looked at.
    pub fn watch(&mut self, token: u64, deadline: u64) {
        self.deadlines.set_no_later(id_of(token), deadline);
    }

    /// A connection whose deadline has passed.
    pub fn late(&mut self, now: u64) -> Option<u64> {
        loop {
            let (time, id) = self.deadlines.soonest()?;
            if time > now {
                return None;
            }
            let connection = self.table.get(id).and_then(Option::as_ref);
            match connection.and_then(|connection| connection.deadline()) {
                Some(deadline) if deadline > now => self.deadlines.set(id, deadline),
                Some(_) => return connection.map(|connection| connection.token()),
                None => self.deadlines.clear(id),
            }
        }
    }

    /// A time that no deadline is before.
    pub fn earliest(&self) -> Option<u64> {
        self.deadlines.soonest().map(|(time, _)| time)
    }

    /// Notes that a connection has more to do. [`Connections::free_id`] has made room for that; without room the connection's
    /// deadline would end it.
    pub fn queue(&mut self, token: u64) {
        self.unfinished.push(token);
    }

    /// How many connections have more to do.
    pub fn unfinished(&self) -> usize {
        self.unfinished.len()
    }

    /// The connection that has waited longest to go on.
    pub fn next_unfinished(&mut self) -> Option<u64> {
        self.unfinished.pop()
    }

    /// Has every connection looked at.
    pub fn queue_all(&mut self) {
        if let Some((_, missed)) = &mut self.turned {
            *missed = true;
        }
        for connection in self.table.iter_mut().flatten() {
            if connection.queue() {
                self.unfinished.push(connection.token());
            }
        }
    }
}
