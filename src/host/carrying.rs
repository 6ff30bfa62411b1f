//! The engine's part of connections that functions of the program carry: whose turn is due, and what is taken out for it.

use super::calls::{self, Wanted};
use super::clock;
use super::connection::Connection;
use super::engine::Engine;
use super::memory::Boxed;
use super::registry::Key;
use crate::code::Reason;

impl Engine {
    /// Leaves what a connection has to do to functions of the program, which [`outside`](super::outside) calls.
    pub(super) fn leave(&mut self, token: u64) {
        let Some(connection) = self.connections.get(token) else {
            self.connections.miss(token);
            return;
        };
        // Room was made when it began.
        if connection.leave() && self.outside.push(token).is_some() {
            calls::count_carried(true);
        }
    }

    /// Takes out the next connection whose turn is due, of a client that is wanted.
    pub fn next_outside(&mut self, wanted: Wanted) -> Option<Boxed<Connection>> {
        for _ in 0..self.outside.len() {
            let token = self.outside.pop()?;
            let Some(connection) = self.connections.get(token) else {
                calls::count_carried(false);
                continue;
            };
            let key = connection.key;
            if !wanted.is(key) {
                self.outside.push(token);
                continue;
            }
            calls::count_carried(false);
            connection.is_left();
            // A client has one connection at a time that functions of the program carry. The one of the mail before is to be
            // closed first; another thread may be doing that.
            let now = clock::now();
            let before = self.connections.lingering(key.place).filter(|before| *before != token);
            let before = before.filter(|before| self.is_carried(*before));
            if before.is_none() && !self.connections.lingers_outside(key.place) {
                return self.connections.take_for_turn(token);
            }
            if let Some(connection) = self.connections.get(token) {
                let again = connection.wait(now);
                self.connections.watch(token, again);
            }
            if let Some(mut before) = before.and_then(|before| self.connections.take_for_turn(before)) {
                before.lost(now, Reason::Lost);
                return Some(before);
            }
        }
        None
    }

    /// Whether functions of the program carry this connection.
    pub(super) fn is_carried(&mut self, token: u64) -> bool {
        let connection = self.connections.get(token);
        connection.is_some_and(|connection| connection.is_carried())
    }

    /// Takes out a connection that functions of the program carry, and whose mail has ended; or, of one client, one whose mail is
    /// nobody's any more, too.
    pub fn take_ended(&mut self, of: Option<Key>) -> Option<Boxed<Connection>> {
        let token = match of {
            Some(key) => self.ended_of(key)?,
            None => self.connections.any_carried()?,
        };
        self.connections.take_out(token)
    }

    fn ended_of(&mut self, key: Key) -> Option<u64> {
        let both = [
            self.connections.active(key.place),
            self.connections.lingering(key.place),
        ];
        let mut tokens = both.into_iter().flatten();
        tokens.find(|token| {
            let connection = self.connections.get(*token);
            let is_nobodys = |connection: &Connection| connection.has_ended() || key.slot().is_none();
            connection.is_some_and(|one| one.key == key && one.is_carried() && is_nobodys(one))
        })
    }

    /// Puts a connection back after its turn, and takes over what followed from it; whether it has another turn, for what has
    /// happened to it meanwhile.
    pub fn put_back(&mut self, mut connection: Boxed<Connection>, now: u64, sound: bool) -> bool {
        let token = connection.token();
        connection.settle(now, |descriptor| self.poller.add(descriptor, token));
        // After a defect in its turn nothing carries it any more.
        self.carried = self.carried.saturating_sub(usize::from(!connection.is_carried()));
        let missed = self.connections.put_back(connection);
        self.settle(token, now, sound);
        if missed {
            self.leave(token);
        }
        // Those for this one were left where they are.
        self.take_answers(now);
        missed
    }

    /// Puts a connection back that has nothing more to do.
    pub fn discard(&mut self, connection: Boxed<Connection>) {
        let token = connection.token();
        self.connections.put_back(connection);
        self.remove(token);
    }

    /// Whether functions of the program carry a connection.
    pub fn has_carried(&self) -> bool {
        self.carried > 0
    }

    /// Forgets whose turn is due.
    pub(super) fn forget_outside(&mut self) {
        while self.outside.pop().is_some() {
            calls::count_carried(false);
        }
    }
}
