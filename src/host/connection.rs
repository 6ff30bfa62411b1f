//! One mail on its way: its configuration, its course through servers and attempts, and the link of the attempt.

use std::boxed::Box;
use std::net::SocketAddr;

use super::calls::Promise;
use super::carried::Carried;
use super::course::{Course, Stage, Then};
use super::kept::Keeping;
use super::link::{Link, Tools};
use super::memory::{self, Boxed};
use super::post::Post;
use super::registry::Key;
use super::security::Mode;
use super::servers::Target;
use super::shared::{Order, Start, shared};
use super::sink::Sink;
use super::snapshot::Snapshot;
use super::sys::{Event, Poller};
use super::told::Ended;
use super::transcript::Transcript;
use crate::client::report::Report;
use crate::code::{Code, Outcome, Phase, Reason};
use crate::limits::Limit;
use crate::session::{Job, Session, State};
use crate::wire::capability::Capabilities;
use crate::wire::literal::Address;

/// What is composed at a time: the headers, a text of 3 KiB and the final dot leave in one write.
pub const OUT: usize = 4096;

/// The same of a mail that is longer: fewer and larger pieces.
const LARGE_OUT: usize = 64 * 1024;

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
    /// The result of the mail is known.
    pub(super) published: bool,
    /// No line is told of any more.
    pub(super) silent: bool,
    /// The engine knows that there is more to do.
    pub(super) queued: bool,
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
pub(super) struct About<'s> {
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

pub(super) fn job<'a>(snapshot: &'a Snapshot, post: &'a Option<Post>, order: &Order, about: About<'_>) -> Job<'a> {
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

    /// How many octets of the mail have left, and how many there are; 0 where that is not known.
    pub fn progress(&self) -> (u64, u64) {
        // Until it begins, the session shows what it was kept from.
        if self.resumes() {
            return (0, 0);
        }
        self.link.pump.session.progress()
    }

    /// Whether a server is to greet in the clear, and its port is one where it waits for TLS.
    pub(super) fn waits(&self, server: &Option<SocketAddr>) -> bool {
        server.as_ref().is_some_and(|server| server.port() == TLS_PORT)
            && match self.snapshot.protection() {
                Some(protection) => protection.mode != Mode::Implicit,
                None => !self.secures,
            }
    }

    /// What a job with this server is about.
    pub(super) fn about<'s>(&self, server: &'s Option<SocketAddr>) -> About<'s> {
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

    /// Whether the mail has ended, and its session waits for another one that it is not kept for yet.
    pub fn rests(&self) -> bool {
        self.published && self.link.pump.session.state() == State::Idle && self.keeping.until.is_none()
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
    pub(super) fn time_left(&self, now: u64) -> u64 {
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
}
