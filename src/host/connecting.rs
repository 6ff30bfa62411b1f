//! The way to the server whose turn it is: its name looked up, whom TLS is to be spoken with, and the connection begun.

use std::net::SocketAddr;

use super::connection::{Connection, job};
use super::course::Stage;
use super::dialogue::Note;
use super::link::Tools;
use super::memory::{Boxed, Row};
use super::race::Race;
use super::resolve::{self, Asker, Unresolved};
use super::security::Mode;
use super::servers::Target;
use super::tls::Peer;
use crate::code::Reason;

impl Connection {
    /// Begins with the first server.
    pub fn open(&mut self, tools: &mut Tools<'_>) {
        if !self.is_measured(tools.now, tools.worker) {
            return;
        }
        if self.resumes() {
            return self.resume(tools);
        }
        match self.snapshot.server {
            Some(server) => self.connect(server, tools),
            None => self.begin_server(tools),
        }
    }

    /// Begins to connect to an address.
    fn connect(&mut self, server: SocketAddr, tools: &mut Tools<'_>) {
        self.link.address = Some(server);
        self.note(Note::Connecting);
        if self.find_peer(tools.now).is_none() {
            return;
        }
        let job = job(&self.snapshot, &self.post, &self.order, self.about(&Some(server)));
        self.link.open(&job, server, tools);
    }

    /// Begins with a server of the list.
    fn begin_server(&mut self, tools: &mut Tools<'_>) {
        let (Some(extras), Some(course)) = (&self.snapshot.extras, &mut self.course) else {
            return;
        };
        course.stage = Stage::Talking;
        match extras.servers.get(course.server) {
            Some(Target::Address(address)) => self.connect(address, tools),
            Some(Target::Name { asked: name, .. }) => {
                let asker = Asker {
                    engine: tools.worker.number,
                    token: self.link.token,
                };
                course.stage = Stage::Resolving(asker);
                // Not that of the server before.
                self.link.address = None;
                let asked = resolve::ask(name, asker, tools.worker.waker);
                self.note(Note::LookingUp);
                if asked.is_none() {
                    self.lost(tools.now, Reason::NoMemory);
                }
            }
            None => self.lost(tools.now, Reason::NotConfigured),
        }
    }

    /// The answer has come that a name was looked up for.
    pub fn resolved(&mut self, answer: Result<&[SocketAddr], Unresolved>, tools: &mut Tools<'_>) {
        let Some(port) = self.port() else { return };
        let (Some(extras), Some(course)) = (&self.snapshot.extras, &mut self.course) else {
            return;
        };
        if !matches!(course.stage, Stage::Resolving(_)) {
            return;
        }
        let source = extras.source;
        let addresses = match answer {
            Ok(addresses) => addresses,
            Err(why) => return self.lost(tools.now, unresolved(why)),
        };
        let usable = |address: &&SocketAddr| source.is_none_or(|source| source.is_ipv4() == address.is_ipv4());
        let mut targets = Row::new();
        for mut server in addresses.iter().filter(usable).copied() {
            server.set_port(port);
            if targets.push(server).is_none() {
                return self.lost(tools.now, Reason::NoMemory);
            }
        }
        course.stage = Stage::Talking;
        match &*targets {
            [] => self.lost(tools.now, Reason::NoSource),
            [only] => self.connect(*only, tools),
            [first, ..] => {
                let first = Some(*first);
                self.link.address = first;
                self.note(Note::Connecting);
                if self.find_peer(tools.now).is_none() {
                    return;
                }
                let race = targets
                    .boxed()
                    .and_then(|targets| Race::new(targets, source))
                    .and_then(Boxed::new);
                let job = job(&self.snapshot, &self.post, &self.order, self.about(&first));
                match race {
                    Some(race) => self.link.race(&job, race, tools),
                    None => self.link.lost(&job, tools.now, Reason::NoMemory),
                }
            }
        }
    }

    /// Notes whom TLS is to be spoken with. None where it cannot be, and the connection is lost.
    pub(super) fn find_peer(&mut self, now: u64) -> Option<()> {
        match self.peer() {
            Ok(peer) => {
                self.link.peer = peer;
                Some(())
            }
            Err(reason) => {
                self.lost(now, reason);
                None
            }
        }
    }

    fn peer(&self) -> Result<Option<Boxed<Peer>>, Reason> {
        let Some(protection) = self.snapshot.protection() else {
            return Ok(None);
        };
        let Some(config) = &protection.config else {
            // The transport that was to speak TLS is gone. Nothing is said in the clear instead.
            return Err(Reason::OtherTransport);
        };
        let implicit = protection.mode == Mode::Implicit;
        let peer = match (&protection.name, self.target()) {
            (Some(name), _) => Peer::new(config, name, implicit)?,
            (None, Some(Target::Name { name, .. })) => Peer::new(config, name, implicit)?,
            (None, Some(Target::Address(address))) => Peer::of_address(config, address.ip(), implicit),
            (None, None) => return Err(Reason::NotConfigured),
        };
        Boxed::new(peer).map(Some).ok_or(Reason::NoMemory)
    }

    /// The server whose turn it is, as it was configured.
    pub(super) fn target(&self) -> Option<Target<'_>> {
        match (self.snapshot.server, &self.snapshot.extras, &self.course) {
            (Some(server), ..) => Some(Target::Address(server)),
            (None, Some(extras), Some(course)) => extras.servers.get(course.server),
            _ => None,
        }
    }

    /// The port of that server, where it has a name.
    pub(super) fn port(&self) -> Option<u16> {
        match self.target()? {
            Target::Name { port, .. } => Some(port),
            Target::Address(_) => None,
        }
    }
}

/// The reason for a name without an address.
pub(super) fn unresolved(why: Unresolved) -> Reason {
    match why {
        Unresolved::NotFound => Reason::NameNotFound,
        Unresolved::NoAnswer => Reason::NoNameService,
        Unresolved::NoMemory => Reason::NoMemory,
    }
}
