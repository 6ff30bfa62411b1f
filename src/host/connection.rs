//! One mail on its way: its configuration, its course through servers and attempts, and the link of the attempt.

use std::boxed::Box;
use std::net::SocketAddr;

use super::calls::Promise;
use super::carried::Carried;
use super::course::{Course, Stage, Then, told_as_unresolved};
use super::files;
use super::kept::Keeping;
use super::link::{Link, Tools};
use super::memory::{self, Boxed, Row};
use super::parts::Fed;
use super::post::Post;
use super::race::Race;
use super::reading::Work;
use super::registry::Key;
use super::resolve::{self, Asker, Unresolved};
use super::security::Mode;
use super::servers::Target;
use super::shared::{Order, Start, Worker, shared};
use super::sink::Sink;
use super::snapshot::Snapshot;
use super::sys::{Event, Poller};
use super::tls::Peer;
use super::told::{Ended, LastMail, write_server};
use super::transcript::Transcript;
use super::verdicts::Verdicts;
use crate::buffer::Window;
use crate::channel::callbacks::Trace;
use crate::client::hint;
use crate::client::policy::Failed;
use crate::client::report::{Bounded, Report};
use crate::code::{Code, Outcome, Phase, Reason};
use crate::limits::{HOST_NAME_BYTES, Limit};
use crate::octets::trimmed;
use crate::session::recipients::has_no_room;
use crate::session::{Job, Session, State};
use crate::wire::address::List;
use crate::wire::capability::Capabilities;
use crate::wire::literal::Address;

/// What is composed at a time: the headers, a text of 3 KiB and the final dot leave in one write.
pub const OUT: usize = 4096;

/// The same of a mail that is longer: fewer and larger pieces.
const LARGE_OUT: usize = 64 * 1024;

/// Room for a note: for the longest name, its port and a sentence.
const NOTE_BYTES: usize = HOST_NAME_BYTES + 128;

/// What is said of a mail that would have been attempted again.
const NO_TIME: &[u8] = b"no time left for another attempt";

/// What is said of a mail for which delivery status notifications were asked for in vain.
const NO_NOTICES: &[u8] = b"sent without dsn: the server does not offer it";

/// What is said of a mail to more recipients than the server takes at a time.
const NO_ROOM: &[u8] = b"so many at a time it does not take: needs PARTIAL";

/// The port of TLS from the first octet on (RFC 8314): a server there waits for a handshake, and says nothing.
const TLS_PORT: u16 = 465;

/// How long its greeting is waited for, in milliseconds.
const TLS_PORT_GREETING: u32 = 10_000;

/// One mail on its way.
pub struct Connection {
    /// Whose mail it is.
    pub key: Key,
    /// Which of the client's mails.
    pub mail: u32,
    pub(super) snapshot: Snapshot,
    pub(super) post: Option<Post>,
    pub(super) order: Order,
    /// Who is told of the mail's end.
    pub promise: Option<Promise>,
    pub(super) started: u64,
    published: bool,
    /// No line is told of any more.
    silent: bool,
    /// The engine knows that there is more to do.
    queued: bool,
    /// Where it may need more than one connection.
    pub(super) course: Option<Boxed<Course>>,
    pub(super) link: Link,
    /// Where functions of the program carry it.
    pub(super) carried: Option<Boxed<Carried>>,
    /// They speak TLS.
    pub(super) secures: bool,
    /// Whether it is kept for the next mail, or was.
    pub(super) keeping: Keeping,
}

/// Something of ours in the dialogue.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Note {
    /// An address is connected to.
    Connecting,
    /// A name is looked up.
    LookingUp,
    /// The mail goes over the connection that was kept.
    Kept,
    /// That one has failed, and another one is made.
    Anew,
    /// What went wrong, in this phase, without a word of the server.
    Failure(Phase, Reason),
    /// This follows, as from now.
    Next(Then, u64),
}

/// How long a greeting is waited for, in milliseconds. `waits`: the server waits for TLS, as far as that is known.
fn greeting_of(snapshot: &Snapshot, waits: bool) -> u32 {
    let greeting = snapshot.limit(Limit::Greeting);
    if waits {
        greeting.min(TLS_PORT_GREETING)
    } else {
        greeting
    }
}

/// Whose server a job is about.
#[derive(Clone, Copy)]
struct About<'s> {
    /// The server is to greet in the clear, and its port is one where it waits for TLS.
    waits: bool,
    /// Functions of the program speak TLS.
    secures: bool,
    /// Its number in the list.
    number: usize,
    /// Its address.
    address: &'s Option<SocketAddr>,
}

impl About<'static> {
    /// There is none yet.
    const NOBODY: Self = Self {
        waits: false,
        secures: false,
        number: 0,
        address: &None,
    };
}

fn job<'a>(snapshot: &'a Snapshot, post: &'a Option<Post>, order: &Order, about: About<'_>) -> Job<'a> {
    let mut settings = snapshot.settings();
    if about.waits {
        if let Some(greeting) = settings.limits.get_mut(Limit::Greeting as usize) {
            *greeting = greeting_of(snapshot, true);
        }
    }
    settings.login.verified |= about.secures;
    // The others ask for no name.
    if !settings.mechanisms.without(Capabilities::MECHANISMS).is_empty() {
        if let Some(address) = about.address {
            settings.server = Address::from(address.ip());
            settings.server.port = u32::from(address.port());
        }
        if let Some(Target::Name { name, port, .. }) = snapshot.server_at(about.number) {
            settings.login.host = name;
            settings.server.port = u32::from(port);
        }
    }
    Job {
        settings,
        mail: post.as_ref().map(Post::mail),
        keep: snapshot.keep_alive > 0 || post.as_ref().is_some_and(|post| post.partial),
        dry: order.dry,
    }
}

/// Limits the whole of a job to so many milliseconds.
pub(super) fn limit_to(job: &mut Job<'_>, left: u32) {
    if let Some(total) = job.settings.limits.get_mut(Limit::Total as usize) {
        *total = left;
    }
}

/// A larger buffer, for a mail that is worth it, and where there is memory.
pub(super) fn large_buffer(post: &Post) -> Option<Box<[u8]>> {
    post.is_large().then(|| memory::zeros(LARGE_OUT)).flatten()
}

impl Connection {
    /// A connection that has not begun yet; None without memory for what it needs.
    pub fn new(start: Start, token: u64, out: Box<[u8]>, now: u64) -> Option<Self> {
        let Start {
            key,
            mail,
            snapshot,
            mut post,
            order,
            promise,
            carried,
            started,
        } = start;
        let mut out = out;
        if let Some(post) = &mut post {
            post.compose(&snapshot.settings(), &mut out)?;
            if let Some(large) = large_buffer(post) {
                out = large;
            }
        }
        let course = if Course::is_needed(&snapshot) {
            Some(Boxed::new(Course::BEGINNING)?)
        } else {
            None
        };
        let mut sink = Sink::default();
        sink.verdicts = post.as_mut().and_then(|post| post.verdicts.take());
        let mut source = None;
        if let Some(extras) = &snapshot.extras {
            source = extras.source;
            if extras.trace.is_some() || extras.keep_dialogue {
                sink.transcript = Some(Transcript::new(extras.trace.is_some(), extras.keep_dialogue)?);
            }
        }
        let session = Session::new(&job(&snapshot, &post, &order, About::NOBODY), sink);
        Some(Self {
            key,
            mail,
            snapshot,
            post,
            order,
            promise,
            started,
            published: false,
            silent: false,
            queued: false,
            course,
            link: Link::new(token, source, session, out, now),
            secures: carried.as_ref().is_some_and(|carried| carried.secures()),
            carried,
            keeping: Keeping::default(),
        })
    }

    /// A buffer for a connection.
    pub fn buffer() -> Option<Box<[u8]>> {
        memory::zeros(OUT)
    }

    /// Takes another mail, behind the one that has ended.
    pub(super) fn begin_mail(&mut self, mail: u32, post: Option<Post>, order: Order, started: u64) {
        (self.mail, self.post, self.order, self.started) = (mail, post, order, started);
        (self.published, self.silent) = (false, false);
    }

    /// The buffer of a connection that is over, for the next one: wiped. None where it is a larger one.
    pub fn take_buffer(&mut self) -> Option<Box<[u8]>> {
        Some(self.link.pump.take_buffer()).filter(|buffer| buffer.len() == OUT)
    }

    /// What the kernel names it by.
    pub fn token(&self) -> u64 {
        self.link.token
    }

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

    /// Whether it is known how long the mail's files are; a thread looks where it is not.
    pub(super) fn is_measured(&mut self, now: u64, worker: Worker) -> bool {
        let Some(parts) = self.post.as_mut().and_then(|post| post.parts.as_mut()) else {
            return true;
        };
        if let Some(work) = parts.to_measure() {
            self.ask(work, now, worker);
        }
        !self.waits_for_files()
    }

    /// Whether a thread finds out how long the mail's files are.
    pub(super) fn waits_for_files(&self) -> bool {
        let parts = self.post.as_ref().and_then(|post| post.parts.as_ref());
        parts.is_some_and(|parts| parts.is_measuring())
    }

    /// Has a thread do something; without memory for it the connection is lost.
    fn ask(&mut self, work: Option<Boxed<Work>>, now: u64, worker: Worker) {
        let asker = Asker {
            engine: worker.number,
            token: self.link.token,
        };
        if let Some(parts) = self.post.as_mut().and_then(|post| post.parts.as_mut()) {
            parts.asker = Some(asker);
        }
        if work.and_then(|work| files::ask(work, asker, worker.waker)).is_none() {
            self.lost(now, Reason::NoMemory);
        }
    }

    /// A thread has done something for the mail; true where it can begin now.
    pub fn take_work(&mut self, work: Boxed<Work>, now: u64) -> bool {
        match self.post.as_mut().map(|post| post.take(work)) {
            Some(Ok(begins)) => {
                // One that waits for its next attempt begins then.
                let waits = self.course.as_ref().is_some_and(|course| course.goes_on());
                begins && !waits && (self.link.connects() || self.resumes())
            }
            Some(Err(reason)) => {
                self.lost(now, reason);
                false
            }
            None => false,
        }
    }

    /// The same, where no functions of the program carry it.
    pub fn take_work_and_go_on(&mut self, work: Boxed<Work>, tools: &mut Tools<'_>) {
        if self.take_work(work, tools.now) {
            self.open(tools);
        }
        self.feed(tools.now, tools.worker);
    }

    /// Makes the next piece of a body that comes in pieces, where it is wanted.
    pub(super) fn feed(&mut self, now: u64, worker: Worker) {
        if self.link.pump.session.wants_reconnect() {
            // Some of it may have been sent on the connection before, and some recipients accepted there.
            self.rewind();
            if let Some(verdicts) = &mut self.link.pump.session.events.verdicts {
                verdicts.restart();
            }
            self.line_up();
        }
        while let Some(wanted) = self.link.pump.wants_text() {
            let eight_bit_mime = self.link.pump.session.takes_eight_bit();
            let Some(post) = &mut self.post else { return };
            match post.feed(wanted, eight_bit_mime) {
                Fed::Here => {
                    self.link.unfinished = true;
                    return;
                }
                Fed::Ask(work) => self.ask(Some(work), now, worker),
                Fed::Later => return,
                Fed::Failed(reason) => return self.lost(now, reason),
            }
        }
    }

    /// Nothing more is to be read for the mail.
    fn stop_reading(&mut self) {
        let parts = self.post.as_mut().and_then(|post| post.parts.as_mut());
        if let Some(asker) = parts.and_then(|parts| parts.asker.take()) {
            files::forget(asker.engine, asker.token);
        }
    }

    /// How many octets of the mail have left, and how many there are; 0 where that is not known.
    pub fn progress(&self) -> (u64, u64) {
        // Until it begins, the session shows what it was kept from.
        if self.resumes() {
            return (0, 0);
        }
        self.link.pump.session.progress()
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

    /// Whether a server is to greet in the clear, and its port is one where it waits for TLS.
    fn waits(&self, server: &Option<SocketAddr>) -> bool {
        server.as_ref().is_some_and(|server| server.port() == TLS_PORT)
            && match self.snapshot.protection() {
                Some(protection) => protection.mode != Mode::Implicit,
                None => !self.secures,
            }
    }

    /// What a job with this server is about.
    fn about<'s>(&self, server: &'s Option<SocketAddr>) -> About<'s> {
        About {
            waits: self.waits(server),
            secures: self.secures,
            number: self.course.as_ref().map_or(0, |course| course.server),
            address: server,
        }
    }

    /// Whether a login with challenges is under way: what it computes leaves copies on the stack.
    pub fn computes(&mut self) -> bool {
        self.link.pump.session.events.exchange().is_some()
    }

    /// Goes on with the keys of a login, where there are some to derive; so many rounds at most, of which it takes as many as it
    /// makes.
    pub(super) fn derive(&mut self, now: u64, rounds: &mut u32) {
        if !self.link.pump.session.derives() {
            return;
        }
        // It comes back, also to say what the keys are for.
        self.link.unfinished = true;
        let job = job(&self.snapshot, &self.post, &self.order, self.about(&self.link.address));
        let (time, session) = (self.link.time(now), &mut self.link.pump.session);
        let (key, number) = (self.key, self.snapshot.number);
        if session.events.tag().is_none() {
            if let Some(tag) = session.fingerprint(&job) {
                session.events.set_tag(tag);
                let saved = shared().saved_keys(key, number, &tag);
                if let (Some(saved), Some(exchange)) = (saved, session.events.exchange()) {
                    exchange.take(saved);
                }
            }
        }
        session.derive(&job, time, *rounds);
        *rounds = 0;
        if session.derives() {
            return;
        }
        let tag = session.events.tag();
        if let (Some(tag), Some(keys)) = (tag, session.events.exchange().and_then(|exchange| exchange.keys())) {
            shared().save_keys(key, number, tag, keys);
        }
    }

    pub(super) fn lost(&mut self, now: u64, reason: Reason) {
        if self.resumes() {
            self.forsake(now);
        }
        let job = job(&self.snapshot, &self.post, &self.order, self.about(&self.link.address));
        self.link.lost(&job, now, reason);
    }

    /// Something happened on the socket.
    pub fn handle(&mut self, event: Event, tools: &mut Tools<'_>) {
        let job = job(&self.snapshot, &self.post, &self.order, self.about(&self.link.address));
        self.link.handle(&job, event, tools);
        self.derive(tools.now, tools.rounds);
        self.feed(tools.now, tools.worker);
    }

    /// Goes on where the last turn ended.
    pub fn go_on(&mut self, tools: &mut Tools<'_>) {
        self.queued = false;
        if self.is_over_for_others() {
            self.link.hang_up();
            self.begin_again(tools.now);
        }
        if core::mem::take(&mut self.keeping.anew) {
            return self.open(tools);
        }
        if self.advance(tools) {
            return;
        }
        // One that is looked at although nothing was told of it may still be connecting: then there is nothing to do.
        if self.link.connects() && !self.link.races() && !self.link.waits_to_secure() && !self.link.is_connected() {
            return;
        }
        let event = Event {
            token: self.link.token,
            readable: true,
            to_the_end: false,
            failed: false,
        };
        self.handle(event, tools);
    }

    /// Whether the connection of an attempt that failed is closed, and something follows.
    fn is_to_advance(&self) -> bool {
        let follows = self.course.as_ref().is_some_and(|course| course.then.is_some());
        self.link.pump.session.closed() && (follows || self.keeping.others)
    }

    /// Whether another connection is to be made for recipients that are left, and this one is closed; once.
    pub(super) fn is_over_for_others(&mut self) -> bool {
        self.link.pump.session.closed() && core::mem::take(&mut self.keeping.others)
    }

    /// Goes on to the next server, or waits for the next attempt.
    fn advance(&mut self, tools: &mut Tools<'_>) -> bool {
        if !self.is_to_advance() {
            return false;
        }
        self.link.hang_up();
        let then = self.course.as_mut().and_then(|course| course.then.take());
        self.note_next(then, tools.now);
        let Some(course) = &mut self.course else { return false };
        match then {
            Some(Then::Server) => {
                course.server = course.server.saturating_add(1);
                self.begin_anew(tools);
            }
            Some(Then::Attempt { at }) => course.stage = Stage::Waiting { until: at },
            None => {}
        }
        true
    }

    /// Begins a session with the server whose turn it is.
    fn begin_anew(&mut self, tools: &mut Tools<'_>) {
        self.begin_session(tools.now);
        self.open(tools);
    }

    /// The same, before the server is looked for.
    pub(super) fn begin_session(&mut self, now: u64) {
        self.keeping.reused = false;
        self.rewind();
        if let Some(verdicts) = &mut self.link.pump.session.events.verdicts {
            verdicts.begin_connection();
        }
        self.line_up();
        let left = self.total_left(now);
        let mut job = job(&self.snapshot, &self.post, &self.order, About::NOBODY);
        limit_to(&mut job, left);
        self.link.begin_anew(&job, now);
    }

    /// The next transaction is for those who are still to be tried.
    fn line_up(&mut self) {
        let verdicts = self.link.pump.session.events.verdicts.as_mut();
        if let (Some(verdicts), Some(post)) = (verdicts, &mut self.post) {
            post.begin_with(verdicts.begin());
        }
    }

    /// What the end of a transaction is to a mail with several recipients. True where it goes on with another transaction.
    fn go_on_with_others(&mut self, report: &mut Report, now: u64) -> bool {
        let given_up = self.key.slot().is_none_or(|slot| slot.is_given_up(self.mail));
        let session = &mut self.link.pump.session;
        let (state, fails) = (session.state(), session.may_begin_anew());
        let (Some(post), Some(verdicts)) = (&self.post, &mut session.events.verdicts) else {
            return false;
        };
        if !post.partial {
            verdicts.end_all(report);
            return false;
        }
        let stop = given_up.then_some((Code::Cancelled, Reason::Cancelled));
        // A server takes so many transactions on a connection, and ends it then, with a word or without.
        let ends = fails && !given_up && verdicts.has_served();
        if ends || verdicts.end_transaction(report, stop, self.order.dry) {
            if ends {
                self.leave_attempt(now);
            }
            if state != State::Idle || ends || !self.begin_transaction(now) {
                (self.keeping.others, self.link.unfinished) = (true, true);
            }
            return true;
        }
        let (recipient, decided) = verdicts.sum(report, post.list());
        let sink = &mut session.events;
        (sink.recipient, sink.decided) = (recipient, decided);
        if self.snapshot.keep_alive == 0 {
            self.leave_attempt(now);
        }
        false
    }

    /// Begins another transaction of the same mail on the same connection. False where that is of no more use, and is closed: the
    /// server has begun to say something.
    fn begin_transaction(&mut self, now: u64) -> bool {
        self.rewind();
        self.line_up();
        let left = self.total_left(now);
        let (mut job, link) = self.parts();
        limit_to(&mut job, left);
        let time = link.time(now);
        link.unfinished = true;
        let begins = link.pump.session.next(&job, time);
        if !begins {
            link.lost(&job, now, Reason::Lost);
        }
        begins
    }

    /// Whether the mail has ended, and its session waits for another one that it is not kept for yet.
    pub fn rests(&self) -> bool {
        self.published && self.link.pump.session.state() == State::Idle && self.keeping.until.is_none()
    }

    /// A session that behind a refusal had to say RSET first, and has its answer: what waited for that follows.
    fn go_on_behind_reset(&mut self, now: u64) {
        if self.link.pump.session.state() != State::Idle {
            return;
        }
        if core::mem::take(&mut self.keeping.others) {
            self.keeping.others = !self.begin_transaction(now);
        } else if self.course.as_ref().is_some_and(|course| course.then.is_some()) {
            self.leave_attempt(now);
        }
    }

    /// What became of the recipients, where there are several and the mail has ended; once.
    pub fn take_verdicts(&mut self) -> Option<Boxed<Verdicts>> {
        if self.published {
            self.link.pump.session.events.verdicts.take()
        } else {
            None
        }
    }

    /// The mail is sent from its beginning.
    fn rewind(&mut self) {
        let parts = self.post.as_ref().and_then(|post| post.parts.as_ref());
        if parts.is_some_and(|parts| !parts.is_measuring()) {
            self.stop_reading();
        }
        if let Some(parts) = self.post.as_mut().and_then(|post| post.parts.as_mut()) {
            parts.begin_anew();
        }
    }

    /// Begins the next attempt with the first server.
    // Saves 64 bytes.
    #[inline(never)]
    pub(super) fn next_attempt(&mut self, now: u64) {
        if let Some(course) = &mut self.course {
            course.attempt = course.attempt.saturating_add(1);
            course.server = 0;
            course.stage = Stage::Talking;
        }
        self.begin_session(now);
    }

    /// Whether the result of its mail is known.
    pub fn has_ended(&self) -> bool {
        self.published
    }

    /// Whether functions of the program carry it.
    pub fn is_carried(&self) -> bool {
        self.carried.is_some()
    }

    /// Notes that it is queued for a turn of the program's functions; false where it was before.
    pub fn leave(&mut self) -> bool {
        let carried = self.carried.as_mut();
        carried.is_some_and(|carried| !core::mem::replace(&mut carried.queued, true))
    }

    /// Notes that it is queued no more.
    pub fn is_left(&mut self) {
        self.queued = false;
        if let Some(carried) = &mut self.carried {
            carried.queued = false;
        }
    }

    /// After a turn of the program's functions: has the list told of their descriptor.
    pub fn settle(&mut self, now: u64, register: impl FnOnce(isize) -> bool) {
        let kept = self.is_kept();
        if let Some(carried) = &mut self.carried {
            carried.settle(now, register);
            if kept {
                carried.rest();
            }
        }
    }

    /// Waits for the connection of the mail before to be closed; when it looks again.
    pub fn wait(&mut self, now: u64) -> u64 {
        self.carried.as_mut().map_or(now, |carried| carried.wait(now))
    }

    /// Calls close once, without waiting, where functions of the program carry a connection. No lock may be held.
    pub fn close_once(&mut self) {
        if let Some(carried) = &mut self.carried {
            carried.close_once();
        }
    }

    /// Notes that a server is connected to.
    pub(super) fn note_server(&mut self, server: SocketAddr) {
        self.link.address = Some(server);
        self.note(Note::Connecting);
    }

    /// The link, and what its session is about now.
    pub(super) fn parts(&mut self) -> (Job<'_>, &mut Link) {
        // Where the transport speaks TLS, a server on that port speaks first.
        let about = self.about(&self.link.address);
        (job(&self.snapshot, &self.post, &self.order, about), &mut self.link)
    }

    /// Whether the session that was kept has begun the mail.
    pub(super) fn resumed(&mut self, tools: &mut Tools<'_>) -> bool {
        let left = self.total_left(tools.now);
        let mut job = job(&self.snapshot, &self.post, &self.order, self.about(&self.link.address));
        limit_to(&mut job, left);
        self.link.resume(&job, tools)
    }

    /// How much is left of the mail's total time, in milliseconds.
    // Saves 64 bytes.
    #[inline(never)]
    fn time_left(&self, now: u64) -> u64 {
        let total = u64::from(self.snapshot.limit(Limit::Total));
        self.started.saturating_add(total).saturating_sub(now)
    }

    /// The same as the limit of a session.
    pub(super) fn total_left(&self, now: u64) -> u32 {
        u32::try_from(self.time_left(now)).unwrap_or(u32::MAX).max(1)
    }

    /// A deadline has come. What has arrived is read first: an answer that was there in time is not late because nobody
    /// looked, as in a process that was stopped.
    pub fn tick(&mut self, tools: &mut Tools<'_>) {
        if self.keeping.is_between() && self.keeping_deadline(None).is_some_and(|until| until <= tools.now) {
            if self.is_kept() {
                return self.part(tools);
            }
            self.forsake(tools.now);
        }
        if let Some(course) = &mut self.course {
            if let Stage::Waiting { until } = course.stage {
                if tools.now >= until {
                    self.next_attempt(tools.now);
                    self.open(tools);
                }
                return;
            }
        }
        self.make_sure(tools.poller);
        let job = job(&self.snapshot, &self.post, &self.order, self.about(&self.link.address));
        self.link.tick(&job, tools);
        self.feed(tools.now, tools.worker);
    }

    /// The client wants no mail any more. A verdict that has arrived counts.
    pub fn cancel(&mut self, tools: &mut Tools<'_>) {
        self.make_sure(tools.poller);
        if self.resumes() {
            self.forsake(tools.now);
        }
        if self.give_up_course(Code::Cancelled, Reason::Cancelled) {
            return;
        }
        let job = job(&self.snapshot, &self.post, &self.order, self.about(&self.link.address));
        self.link.cancel(&job, tools);
    }

    /// Ends the course: no further server, no further attempt. True where it was between two of them, and there is a result now.
    pub(super) fn give_up_course(&mut self, code: Code, reason: Reason) -> bool {
        let mut between = core::mem::take(&mut self.keeping.others);
        let mut phase = Phase::Mail;
        if let Some(course) = &mut self.course {
            if course.then.take().is_some() || matches!(course.stage, Stage::Waiting { .. }) {
                (between, phase) = (true, course.phase);
                course.stage = Stage::Talking;
            }
        }
        if between && !self.published {
            let report = Report::unsent(code, phase, Outcome::NotSent, reason);
            let sink = &mut self.link.pump.session.events;
            sink.report = Some(report);
            // What was decided of a recipient was the attempt before.
            (sink.recipient, sink.decided) = (0, false);
        }
        between
    }

    /// Makes sure that the socket is ours still, before it is read or closed for another reason than that something
    /// happened on it: the program may have closed it, and its number be the program's own by now.
    pub fn make_sure(&mut self, poller: &Poller) {
        self.link.make_sure(poller);
    }

    /// Gives the socket up without closing it.
    pub fn leave_open(&mut self) {
        self.link.leave_open();
    }

    /// When to call [`Connection::tick`].
    pub fn deadline(&self) -> Option<u64> {
        if let Some(course) = &self.course {
            if let Stage::Waiting { until } = course.stage {
                return Some(until);
            }
        }
        if self.keeping.is_between() {
            let session = self.keeping_deadline(self.link.session_deadline());
            return match &self.carried {
                Some(carried) => carried.deadline(session),
                None => session,
            };
        }
        match &self.carried {
            Some(carried) => carried.deadline(self.link.session_deadline()),
            None => self
                .link
                .deadline(|| greeting_of(&self.snapshot, self.waits(&self.link.address))),
        }
    }

    /// Whether it is over.
    pub fn closed(&self) -> bool {
        self.link.pump.session.closed()
            && !self.keeping.others
            && !self.course.as_ref().is_some_and(|course| course.goes_on())
            && !self.carried.as_ref().is_some_and(|carried| carried.is_open())
    }

    /// Whether there is more to do without waiting for the kernel, and the engine does not know yet.
    pub fn unfinished(&mut self) -> bool {
        let more = core::mem::take(&mut self.link.unfinished) || self.is_to_advance();
        more && self.queue()
    }

    /// Notes that the engine knows that there is more to do; false where it knew before.
    pub fn queue(&mut self) -> bool {
        !core::mem::replace(&mut self.queued, true)
    }

    /// The lines for the program's trace function that it was not told of yet. After the end of the mail there are none: the
    /// function may be gone then.
    pub fn take_lines(&mut self) -> Option<(Trace, Box<[u8]>)> {
        let trace = self.snapshot.extras.as_ref()?.trace?;
        let transcript = self.link.pump.session.events.transcript.as_mut()?;
        if self.published {
            transcript.end();
        }
        let lines = transcript.take_lines()?;
        (!core::mem::replace(&mut self.silent, self.published)).then_some((trace, lines))
    }

    /// The conversation so far, where it is kept; None without memory for a copy, too.
    pub fn dialogue(&mut self) -> Option<Box<[u8]>> {
        let transcript = self.link.pump.session.events.transcript.as_mut()?;
        transcript.end();
        match transcript.dialogue() {
            [] => None,
            dialogue => memory::joined(&[dialogue]),
        }
    }

    /// The result, once: as soon as there is one. The mail's text is wiped and given back then.
    pub fn take_ended(&mut self, now: u64) -> Option<Ended> {
        if self.published {
            return None;
        }
        self.go_on_behind_reset(now);
        // Looked at before it is taken: this is asked after every event.
        if self.begins_again(now) || self.link.pump.session.events.report.is_none() {
            return None;
        }
        let mut report = self.link.pump.session.events.report.take()?;
        report.elapsed = u32::try_from(now.saturating_sub(self.started)).unwrap_or(u32::MAX);
        report.attempts = self.course.as_ref().map_or(1, |course| course.attempt);
        report.tls_version = self.link.tls_version();
        if report.phase == Phase::Connect && self.link.is_securing() {
            report.phase = Phase::Tls;
        }
        let parts = self.post.as_ref().and_then(|post| post.parts.as_ref());
        if report.code == Code::Timeout && parts.is_some_and(|parts| parts.waits()) {
            // The server is not to blame.
            report.reason = Reason::NothingRead;
            report.text = Bounded::new(report.reason.text());
        }
        let of_source = report.reason.is_of_source() || report.reason == Reason::NothingRead;
        if report.phase == Phase::Connect && of_source {
            // Before there was a connection.
            report.phase = Phase::Start;
        }
        let silent = report.phase == Phase::Greeting && report.code == Code::Timeout;
        if silent && self.waits(&self.link.address) {
            report.code = Code::TlsFailed;
        }
        let unresolved = self.course.as_mut().is_some_and(|course| course.stop_resolving());
        if unresolved {
            told_as_unresolved(&mut report);
        }
        if self.go_on_with_others(&mut report, now) {
            return None;
        }
        let then = self.decide(&report, now);
        if then.is_some() {
            self.try_again();
            self.leave_attempt(now);
        }
        if report.reason != Reason::None {
            self.note(Note::Failure(report.phase, report.reason));
        }
        self.explain(&mut report);
        match then {
            Some(Then::Server) => None,
            Some(Then::Attempt { .. }) => Some(self.told(report, true)),
            None => Some(self.end(report)),
        }
    }

    /// Decides what follows.
    fn decide(&mut self, report: &Report, now: u64) -> Option<Then> {
        let left = self.time_left(now);
        let (Some(extras), Some(course)) = (&self.snapshot.extras, &mut self.course) else {
            return None;
        };
        // Also where its connection breaks in the turn in which it is given up.
        if self.key.slot().is_none_or(|slot| slot.is_given_up(self.mail)) {
            return None;
        }
        // A probe and a dry run tell how things stand now.
        let repeats = self.post.is_some() && !self.order.dry;
        let chance = self.post.as_ref().map_or(0, |post| {
            post.nonce
                .iter()
                .fold(course.attempt, |sum, part| sum.rotate_left(7) ^ part)
        });
        let failed = match &self.link.pump.session.events.verdicts {
            Some(verdicts) if self.post.as_ref().is_some_and(|post| post.partial) => verdicts.passing()?,
            _ => Failed {
                outcome: report.outcome,
                code: report.code,
                reply: report.reply,
                reason: report.reason,
            },
        };
        course.phase = report.phase;
        course.decide(extras, &failed, repeats, chance, [now, left])
    }

    /// Another attempt follows.
    fn try_again(&mut self) {
        let partial = self.post.as_ref().is_some_and(|post| post.partial);
        if let Some(verdicts) = &mut self.link.pump.session.events.verdicts {
            verdicts.renew(partial);
        }
    }

    /// Says in the text what the server's words may mean, and what to do; and has the devices' own function answer in the
    /// devices' codes.
    fn explain(&self, report: &mut Report) {
        if report.outcome != Outcome::Sent {
            let session = &self.link.pump.session;
            let mut settings = self.snapshot.settings();
            settings.login.verified |= self.secures;
            hint::explain(report, &settings, session.mechanism());
        }
        let no_room = report.outcome == Outcome::NotSent
            && report.phase == Phase::Rcpt
            && report.recipients.0 > 0
            && has_no_room(report.reply, report.text.octets());
        if no_room && self.post.as_ref().is_some_and(|post| !post.partial) {
            hint::append(report, NO_ROOM);
        }
        if report.outcome == Outcome::Sent {
            let mail = self
                .post
                .as_ref()
                .filter(|post| post.extras.is_some())
                .map(Post::mail_seldom);
            if mail.is_some_and(|mail| self.link.pump.session.lacks_notices(&mail)) {
                hint::append(report, NO_NOTICES);
            }
        }
        if self.course.as_ref().is_some_and(|course| course.late) {
            hint::append(report, NO_TIME);
        }
        if self.snapshot.device {
            report.code = match report.code {
                // Their own functions come to it by an address in `to`: that of the sender they refuse.
                Code::NotSupported => Code::RecipientRefused,
                code => code.of_devices(),
            };
        }
    }

    /// Gives the connection up without closing its socket, whose number may be another's by now; the result, if it has
    /// none yet.
    pub fn abandon(&mut self, now: u64) -> Option<Ended> {
        self.leave_open();
        let given_up = self.key.slot().is_some_and(|slot| slot.is_given_up(self.mail));
        if given_up {
            self.link.pump.session.cancel();
        }
        if self.resumes() {
            self.forsake(now);
        }
        self.keeping = Keeping::default();
        self.give_up_course(Code::ConnectFailed, Reason::NoSocket);
        let job = job(&self.snapshot, &self.post, &self.order, self.about(&self.link.address));
        let time = self.link.time(now);
        self.link.pump.session.lost(&job, time, Reason::Lost);
        // A session that would connect anew has no socket to do it with, either.
        self.link.pump.session.lost(&job, time, Reason::NoSocket);
        if let Some(mut course) = self.course.take() {
            course.stop_resolving();
        }
        self.take_ended(now)
    }

    /// The result after a defect of ours: what left is not known.
    pub fn defect(&mut self) -> Option<Ended> {
        self.course = None;
        let mut report = Report::unsent(Code::DataFailed, Phase::Start, Outcome::Unknown, Reason::Defect);
        if self.published {
            return None;
        }
        let sink = &mut self.link.pump.session.events;
        if let (Some(post), Some(verdicts)) = (&self.post, &mut sink.verdicts) {
            if post.partial {
                verdicts.end_transaction(&report, None, false);
                verdicts.sum(&mut report, post.list());
            } else {
                verdicts.end_all(&report);
            }
        }
        Some(self.end(report))
    }

    fn end(&mut self, report: Report) -> Ended {
        self.published = true;
        let ended = self.told(report, false);
        self.stop_reading();
        if let (Some(post), Some(verdicts)) = (&mut self.post, &mut self.link.pump.session.events.verdicts) {
            verdicts.keep_list(post.take_list());
        }
        self.post = None;
        ended
    }

    /// What is told of a result.
    fn told(&self, report: Report, again: bool) -> Ended {
        let post = self.post.as_ref();
        let sink = &self.link.pump.session.events;
        let address = match post {
            None => &[],
            // The same, faster: a list of one has nothing but blanks beside it.
            Some(post) if post.recipients == 1 => trimmed(post.list()),
            Some(post) => {
                let number = usize::try_from(sink.recipient).unwrap_or(usize::MAX);
                List::new(post.list()).nth(number).unwrap_or(&[])
            }
        };
        let recipients = post.map_or(0, |post| post.recipients);
        let decides = sink.decided || recipients == 1;
        Ended {
            told: LastMail {
                report,
                message_id: post.map_or(Bounded::EMPTY, |post| post.message_id(&self.snapshot)),
                server: Bounded::written(|room| {
                    let mut out = Window::new(room, 0);
                    self.write_tried(true, &mut out);
                    out.kept()
                }),
                recipient: Bounded::new(if decides { address } else { &[] }),
                decided: sink.decided && post.is_some(),
            },
            recipients,
            recipient: Bounded::new(address),
            again,
            progress: self.progress(),
        }
    }

    /// Writes the server that is tried, with its port or without: its address; where it has none, the name that is configured.
    fn write_tried(&self, with_port: bool, out: &mut Window<'_>) {
        if let Some(address) = self.link.address {
            return write_server(address, out);
        }
        if let Some(Target::Name { name, port, .. }) = self.target() {
            out.put_seldom(name);
            if with_port {
                out.put(b':');
                out.decimal(u64::from(port));
            }
        }
    }

    /// The port of that server, where it has a name.
    pub(super) fn port(&self) -> Option<u16> {
        match self.target()? {
            Target::Name { port, .. } => Some(port),
            Target::Address(_) => None,
        }
    }

    /// Notes something of ours in the dialogue, where one is kept.
    pub(super) fn note(&mut self, note: Note) {
        if self.link.pump.session.events.transcript.is_none() {
            return;
        }
        let mut room = [0; NOTE_BYTES];
        let mut out = Window::new(&mut room, 0);
        let words = match note {
            Note::Connecting => b"connecting to ".as_slice(),
            Note::LookingUp => b"looking up ",
            Note::Kept => b"over the connection that was kept to ",
            Note::Anew => b"the connection that was kept is of no more use",
            Note::Next(Then::Server, _) => b"next server",
            Note::Next(Then::Attempt { .. }, _) => b"next attempt in ",
            Note::Failure(_, reason) => reason.text(),
        };
        if let Note::Failure(phase @ (Phase::Resolve | Phase::Connect), reason) = note {
            if reason != Reason::Cancelled {
                self.write_tried(phase != Phase::Resolve, &mut out);
                out.put_seldom(b": ");
            }
        }
        out.put_seldom(words);
        match note {
            Note::Connecting | Note::LookingUp | Note::Kept => {
                self.write_tried(note != Note::LookingUp, &mut out);
            }
            Note::Next(Then::Attempt { at }, now) => {
                out.decimal(at.saturating_sub(now).div_ceil(1000));
                out.put_seldom(b" s");
            }
            _ => {}
        }
        let length = out.kept();
        if let Some(transcript) = &mut self.link.pump.session.events.transcript {
            transcript.note(room.get(..length).unwrap_or(&[]));
        }
    }

    /// Notes what follows an attempt.
    pub(super) fn note_next(&mut self, then: Option<Then>, now: u64) {
        if let Some(then) = then {
            self.note(Note::Next(then, now));
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
