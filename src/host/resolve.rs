//! Names of servers, looked up by the system's getaddrinfo(), which may wait for as long as it likes: by threads of our own,
//! at most [`LOOKUPS`], each with one name at a time.
//!
//! Who asks for a name whose lookup is under way gets the answer of that lookup. So a name that never answers holds one thread,
//! however many mails go to it. With all threads held further names wait in a queue; the deadlines of their mails end that. An
//! answer that nobody waits for any more is dropped. A thread ends when there is nothing more to look up.
//!
//! The lock here is the innermost: nobody who holds it takes another one. Under it threads are started, threads that have ended
//! are joined, and engines are woken; nothing waits.

use core::ffi::CStr;
use core::sync::atomic::{AtomicUsize, Ordering};
use std::boxed::Box;
use std::net::SocketAddr;

use super::addresses::{Answer, Found, NOWHERE};
use super::clock;
use super::memory::{Boxed, Row, joined};
pub use super::sys::Unresolved;
use super::sys::{self, Condition, Lock, Locked};
use crate::limits::{HOST_NAME_BYTES, LOOKUPS, NAME_ADDRESSES};

/// The stack of a thread that looks names up. The name service is the system's, with modules of anybody's.
const STACK: usize = 256 * 1024;

/// Answers that [`answers`] gives at once: the work of a turn is bounded.
const ANSWERS: usize = 64;

/// Who asks: a connection of an engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asker {
    /// The engine's number.
    pub engine: u32,
    /// The connection's token. Nobody asks twice before there is an answer.
    pub token: u64,
}

/// Asks for a name's addresses; with a dot at its end it is looked up as it is, and in no other domain. When there is an answer, the engine is woken with `waker`, and gets it by [`answers`]. None
/// without memory for it, or where there is no thread and none can be started.
pub fn ask(name: &[u8], asker: Asker, waker: sys::Waker) -> Option<()> {
    RESOLVER.ask(name, asker, waker)
}

/// Calls `each` with answers that have come for this engine: token and addresses, at least one. They come in the order in which
/// they are to be tried: that of RFC 6724, the families by turns (RFC 8305, 4). `each` may call everything here. Where there are
/// more answers than a turn takes, the engine is woken once more. Without answers for anybody this costs one load. Those for `but`
/// stay for later.
pub fn answers(engine: u32, but: Option<u64>, each: impl FnMut(u64, Result<&[SocketAddr], Unresolved>)) {
    RESOLVER.answers(engine, but, each);
}

/// This connection asks no more: its mail has ended. The lookup goes on.
pub fn forget(engine: u32, token: u64) {
    RESOLVER.forget(|asker| asker.engine == engine && asker.token == token);
}

/// Waits until all lookups have ended, and until nothing is left of their threads. False where they have not ended in time.
pub fn shut_down(until: u64) -> bool {
    RESOLVER.shut_down(until)
}

/// Taken before a fork, behind all other locks. In the parent it is dropped after the fork, in the child
/// [`Held::begin_anew`] is called.
pub fn hold_for_fork() -> Held {
    Held(RESOLVER.lock())
}

/// The lock, during a fork.
pub struct Held(Locked<'static, Table>);

impl Held {
    /// In the child: there are no threads, and nobody asks.
    pub fn begin_anew(mut self) {
        for place in &mut self.0.places {
            match core::mem::replace(place, Place::Free) {
                Place::Free => {}
                Place::Works(thread) | Place::Ended(thread) => thread.forget(),
            }
        }
        self.0.lookups.clear();
        RESOLVER.answered.store(0, Ordering::Relaxed);
    }
}

/// How a name is looked up: [`sys::lookup`].
type LookUp = fn(&CStr, &mut dyn FnMut(SocketAddr)) -> Result<(), Unresolved>;

static RESOLVER: Resolver = Resolver::new(sys::lookup);

struct Resolver {
    look_up: LookUp,
    table: Lock<Table>,
    /// A thread has ended.
    ended: Condition,
    /// Connections that have an answer to take; it changes under the lock.
    answered: AtomicUsize,
}

/// What is locked. The lookups stand in the order in which they were asked for.
struct Table {
    lookups: Row<Lookup>,
    places: [Place; LOOKUPS],
    /// The number of the newest lookup.
    newest: u64,
}

struct Lookup {
    number: u64,
    name: Box<[u8]>,
    state: State,
    askers: Row<(Asker, sys::Waker)>,
}

/// A lookup that nobody waits for is in the table only while it runs.
enum State {
    Queued,
    Runs,
    Answered(Answer),
}

/// A place for a thread.
enum Place {
    Free,
    Works(sys::Thread),
    /// It has nothing more to do, and is to be joined.
    Ended(sys::Thread),
}

impl Table {
    /// Forgets the askers that `which` names; how many of them had an answer to take.
    fn forget(&mut self, which: impl Fn(&Asker) -> bool) -> usize {
        let mut forgotten = 0usize;
        self.lookups.retain(&mut |lookup| {
            let before = lookup.askers.len();
            lookup.askers.retain(&mut |(asker, _)| !which(asker));
            if matches!(lookup.state, State::Answered(_)) {
                forgotten = forgotten.saturating_add(before.saturating_sub(lookup.askers.len()));
            }
            !lookup.askers.is_empty() || matches!(lookup.state, State::Runs)
        });
        forgotten
    }

    /// Puts down the answer of a lookup, adds who has asked to `answered`, and wakes them.
    fn answer(&mut self, number: u64, answer: Answer, answered: &AtomicUsize) {
        let Some(at) = self.lookups.iter().position(|lookup| lookup.number == number) else {
            return;
        };
        let Some(lookup) = self.lookups.get_mut(at) else { return };
        if lookup.askers.is_empty() {
            self.lookups.take(at);
            return;
        }
        // First: who is woken looks at it without the lock.
        answered.fetch_add(lookup.askers.len(), Ordering::Release);
        lookup.state = State::Answered(answer);
        let mut woken = None;
        for (asker, waker) in lookup.askers.iter() {
            if woken != Some(asker.engine) {
                woken = Some(asker.engine);
                waker.wake();
            }
        }
    }

    /// Joins the threads that have ended; true where none works.
    fn join_ended(&mut self) -> bool {
        let mut works = false;
        for place in &mut self.places {
            match core::mem::replace(place, Place::Free) {
                Place::Free => {}
                Place::Ended(thread) => thread.join(),
                Place::Works(thread) => {
                    *place = Place::Works(thread);
                    works = true;
                }
            }
        }
        !works
    }
}

impl Resolver {
    const fn new(look_up: LookUp) -> Self {
        Self {
            look_up,
            table: Lock::new(Table {
                lookups: Row::new(),
                places: [const { Place::Free }; LOOKUPS],
                newest: 0,
            }),
            ended: Condition::new(),
            answered: AtomicUsize::new(0),
        }
    }

    fn lock(&self) -> Locked<'_, Table> {
        self.table.lock()
    }

    fn ask(&'static self, name: &[u8], asker: Asker, waker: sys::Waker) -> Option<()> {
        let mut table = self.lock();
        let under_way = |lookup: &&mut Lookup| !matches!(lookup.state, State::Answered(_)) && *lookup.name == *name;
        if let Some(lookup) = table.lookups.iter_mut().find(under_way) {
            lookup.askers.push((asker, waker))?;
        } else {
            let mut askers = Row::new();
            askers.push((asker, waker))?;
            let name = joined(&[name])?;
            table.newest = table.newest.wrapping_add(1);
            let number = table.newest;
            let lookup = Lookup {
                number,
                name,
                state: State::Queued,
                askers,
            };
            table.lookups.push(lookup)?;
            if !self.start_thread(&mut table) {
                table.lookups.pop();
                return None;
            }
        }
        Some(())
    }

    /// Starts a thread if there is a place for one; false where there is no thread then.
    fn start_thread(&'static self, table: &mut Table) -> bool {
        let none_works = table.join_ended();
        let free = table.places.iter_mut().enumerate();
        let Some((index, place)) = free.into_iter().find(|(_, place)| matches!(place, Place::Free)) else {
            return true;
        };
        let worker = Worker {
            resolver: self,
            place: index,
        };
        // The new thread first waits for the lock.
        let started = Boxed::new(worker).and_then(|worker| sys::start_thread(worker.into_inner()).ok());
        match started {
            Some(thread) => {
                *place = Place::Works(thread);
                true
            }
            // The others look this name up, too, when they have time.
            None => !none_works,
        }
    }

    fn answers(&self, engine: u32, but: Option<u64>, each: impl FnMut(u64, Result<&[SocketAddr], Unresolved>)) {
        // After each turn, and nearly always there is none.
        if self.answered.load(Ordering::Acquire) > 0 {
            self.take_answers(engine, but, each);
        }
    }

    fn take_answers(
        &self,
        engine: u32,
        but: Option<u64>,
        mut each: impl FnMut(u64, Result<&[SocketAddr], Unresolved>),
    ) {
        let mut room = [NOWHERE; NAME_ADDRESSES];
        for _ in 0..ANSWERS {
            if self.answered.load(Ordering::Acquire) == 0 {
                return;
            }
            let Some((token, length)) = self.take_answer(engine, but, &mut room) else {
                return;
            };
            each(token, length.map(|length| room.get(..length).unwrap_or(&[])));
        }
        let table = self.lock();
        let answered = table
            .lookups
            .iter()
            .filter(|lookup| matches!(lookup.state, State::Answered(_)));
        let left = answered
            .flat_map(|lookup| lookup.askers.iter())
            .find(|(asker, _)| asker.engine == engine && Some(asker.token) != but);
        if let Some((_, waker)) = left {
            waker.wake();
        }
    }

    /// Takes one answer, and copies its addresses; their number.
    fn take_answer(
        &self,
        engine: u32,
        but: Option<u64>,
        room: &mut [SocketAddr; NAME_ADDRESSES],
    ) -> Option<(u64, Result<usize, Unresolved>)> {
        let mut table = self.lock();
        for at in 0..table.lookups.len() {
            let Some(lookup) = table.lookups.get_mut(at) else { break };
            let State::Answered(answer) = &lookup.state else {
                continue;
            };
            let length = match answer {
                Ok(addresses) => {
                    for (to, from) in room.iter_mut().zip(addresses) {
                        *to = *from;
                    }
                    Ok(addresses.len().min(room.len()))
                }
                Err(unresolved) => Err(*unresolved),
            };
            let Some(one) = lookup
                .askers
                .iter()
                .rposition(|(asker, _)| asker.engine == engine && Some(asker.token) != but)
            else {
                continue;
            };
            let Some((asker, _)) = lookup.askers.take(one) else {
                continue;
            };
            self.answered.fetch_sub(1, Ordering::Relaxed);
            if lookup.askers.is_empty() {
                table.lookups.take(at);
            }
            return Some((asker.token, length));
        }
        None
    }

    fn forget(&self, which: impl Fn(&Asker) -> bool) {
        let mut table = self.lock();
        let forgotten = table.forget(which);
        self.answered.fetch_sub(forgotten, Ordering::Relaxed);
    }

    fn shut_down(&self, until: u64) -> bool {
        let mut table = self.lock();
        while !table.join_ended() {
            let left = until.saturating_sub(clock::now());
            if left == 0 {
                return false;
            }
            table = self.ended.wait(table, left).0;
        }
        if table.lookups.is_empty() {
            table.lookups = Row::new();
        }
        true
    }

    /// Takes the next name out of the queue, and copies it; the number of its lookup. None where there is none: then this thread
    /// ends.
    fn next(&self, table: &mut Table, place: usize, name: &mut Name) -> Option<u64> {
        let queued = |lookup: &&mut Lookup| matches!(lookup.state, State::Queued);
        if let Some(lookup) = table.lookups.iter_mut().find(queued) {
            lookup.state = State::Runs;
            *name = [0; NAME_BYTES];
            // A longer one does not exist.
            if lookup.name.len() < NAME_BYTES {
                for (to, from) in name.iter_mut().zip(&lookup.name) {
                    *to = *from;
                }
            }
            return Some(lookup.number);
        }
        if let Some(place) = table.places.get_mut(place) {
            if let Place::Works(thread) = core::mem::replace(place, Place::Free) {
                *place = Place::Ended(thread);
            }
        }
        self.ended.notify_all();
        None
    }

    /// What a thread does until there is nothing more to look up.
    fn work(&self, place: usize) {
        let mut name = [0; NAME_BYTES];
        let mut next = self.next(&mut self.lock(), place, &mut name);
        while let Some(number) = next {
            let answer = match CStr::from_bytes_until_nul(&name) {
                Ok(name) if !name.is_empty() => {
                    let mut found = Found::NOTHING;
                    (self.look_up)(name, &mut |ip| found.add(ip)).and_then(|()| found.in_turn())
                }
                _ => Err(Unresolved::NotFound),
            };
            let mut table = self.lock();
            table.answer(number, answer, &self.answered);
            next = self.next(&mut table, place, &mut name);
        }
    }
}

/// A name, perhaps with a dot at its end, and a NUL behind it.
type Name = [u8; NAME_BYTES];
const NAME_BYTES: usize = HOST_NAME_BYTES + 2;

/// What a thread has.
struct Worker {
    resolver: &'static Resolver,
    place: usize,
}

impl sys::Task for Worker {
    const NAME: &'static CStr = c"sds-smtp names";
    const STACK: usize = STACK;

    fn run(task: Box<Self>) {
        let Self { resolver, place } = *task;
        // A fork's child would have it without anybody who gives it back.
        drop(task);
        sys::before_lookups();
        resolver.work(place);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::time::Duration;
    use std::collections::BTreeMap;
    use std::format;
    use std::string::String;
    use std::sync::atomic::AtomicBool;
    use std::time::Instant;

    const ENGINE: u32 = 7;

    /// A resolver of a test: names that begin with "stuck" answer when `released` says so.
    struct Fake {
        resolver: &'static Resolver,
        poller: sys::Poller,
        waker: sys::Waker,
    }

    fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
        let begun = Instant::now();
        while !is_so() {
            assert!(begun.elapsed() < Duration::from_secs(20), "{what}");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    impl Fake {
        fn new(look_up: LookUp) -> Self {
            let (poller, waker) = sys::Poller::new(1).ok().unwrap();
            Self {
                resolver: std::boxed::Box::leak(std::boxed::Box::new(Resolver::new(look_up))),
                poller,
                waker,
            }
        }

        fn ask(&self, token: u64, name: &str) {
            self.ask_for(ENGINE, token, name);
        }

        fn ask_for(&self, engine: u32, token: u64, name: &str) {
            self.resolver
                .ask(name.as_bytes(), Asker { engine, token }, self.waker)
                .unwrap();
        }

        /// Waits for so many answers: for each token what it was told.
        fn told(&self, many: usize) -> BTreeMap<u64, Result<String, Unresolved>> {
            let mut told = BTreeMap::new();
            wait_until("the answers come", || {
                self.resolver.answers(ENGINE, None, |token, answer| {
                    let text = answer.map(|all| format!("{all:?}"));
                    assert_eq!(told.insert(token, text), None);
                });
                told.len() >= many
            });
            assert_eq!(told.len(), many);
            told
        }

        fn works(&self) -> usize {
            let table = self.resolver.lock();
            table
                .places
                .iter()
                .filter(|place| matches!(place, Place::Works(_)))
                .count()
        }

        fn is_empty(&self) -> bool {
            let table = self.resolver.lock();
            table.lookups.is_empty() && self.resolver.answered.load(Ordering::Relaxed) == 0
        }

        fn shut_down(&self) -> bool {
            self.resolver.shut_down(clock::after(20_000))
        }
    }

    /// A function that answers with 192.0.2.1, for "stuck..." only when `released` is set; `count` counts.
    macro_rules! fake_service {
        ($released:ident, $count:ident, $service:ident) => {
            static $released: AtomicBool = AtomicBool::new(false);
            static $count: AtomicUsize = AtomicUsize::new(0);
            fn $service(name: &CStr, each: &mut dyn FnMut(SocketAddr)) -> Result<(), Unresolved> {
                $count.fetch_add(1, Ordering::Relaxed);
                while name.to_bytes().starts_with(b"stuck") && !$released.load(Ordering::Relaxed) {
                    std::thread::sleep(Duration::from_millis(1));
                }
                if name.to_bytes() == b"missing" {
                    return Err(Unresolved::NotFound);
                }
                each(SocketAddr::from(([192, 0, 2, 1], 0)));
                Ok(())
            }
        };
    }

    #[test]
    fn with_15_names_that_never_answer_a_16th_is_answered_at_once() {
        fake_service!(RELEASED, COUNT, service);
        let fake = Fake::new(service);
        for number in 0..15 {
            fake.ask(number, &format!("stuck{number}"));
        }
        wait_until("15 are looked up", || COUNT.load(Ordering::Relaxed) == 15);
        // One thread looks up all the others, one after the other.
        for number in 100..200 {
            fake.ask(number, &format!("name{number}"));
        }
        let told = fake.told(100);
        assert!(told.keys().all(|token| *token >= 100));
        assert!(told.values().all(|answer| answer.as_deref() == Ok("[192.0.2.1:0]")));
        wait_until("the 16th thread ends", || fake.works() == 15);
        RELEASED.store(true, Ordering::Relaxed);
        assert_eq!(fake.told(15).len(), 15);
        assert!(fake.shut_down() && fake.is_empty());
    }

    #[test]
    fn with_16_names_stuck_further_names_wait() {
        fake_service!(RELEASED, COUNT, service);
        let fake = Fake::new(service);
        for number in 0..20 {
            fake.ask(number, &format!("stuck{number}"));
        }
        fake.ask(20, "name");
        wait_until("16 are looked up", || COUNT.load(Ordering::Relaxed) == 16);
        std::thread::sleep(Duration::from_millis(30));
        assert_eq!((COUNT.load(Ordering::Relaxed), fake.works()), (16, LOOKUPS));
        // The mails of two of them end: what waits in the queue is not looked up, what is looked up goes on.
        fake.resolver.forget(|asker| asker.token == 20 || asker.token == 0);
        assert!(!fake.resolver.shut_down(clock::after(10)));
        RELEASED.store(true, Ordering::Relaxed);
        let told = fake.told(19);
        assert!(!told.contains_key(&0) && !told.contains_key(&20));
        assert!(fake.shut_down() && fake.is_empty());
        assert_eq!(COUNT.load(Ordering::Relaxed), 20);
    }

    #[test]
    fn who_asks_for_a_name_that_is_looked_up_joins_the_lookup() {
        fake_service!(RELEASED, COUNT, service);
        let fake = Fake::new(service);
        for token in 0..1000 {
            fake.ask(token, "stuck");
        }
        wait_until("it is looked up", || COUNT.load(Ordering::Relaxed) == 1);
        // The mails have ended, and the name still holds only one thread.
        fake.resolver.forget(|asker| asker.engine == ENGINE);
        for token in 1000..2000 {
            fake.ask(token, "stuck");
        }
        assert_eq!(fake.works(), 1);
        RELEASED.store(true, Ordering::Relaxed);
        let told = fake.told(1000);
        assert!(told.keys().eq(&(1000..2000).collect::<std::vec::Vec<_>>()));
        assert_eq!(COUNT.load(Ordering::Relaxed), 1);
        assert!(fake.shut_down() && fake.is_empty());
    }

    #[test]
    fn an_answer_wakes_the_engine_and_belongs_to_it() {
        fake_service!(RELEASED, COUNT, service);
        let fake = Fake::new(service);
        let mut ready = sys::Ready::new();
        // The waker itself tells once that it was added.
        ready.wait(fake.poller.descriptor(), Some(0));
        fake.ask(1, "stuck");
        fake.ask_for(ENGINE + 1, 2, "stuck");
        assert!(ready.wait(fake.poller.descriptor(), Some(20)) && ready.events().count() == 0);
        RELEASED.store(true, Ordering::Relaxed);
        assert!(ready.wait(fake.poller.descriptor(), Some(20_000)));
        assert!(ready.events().any(|event| event.token == 1));
        assert!(fake.told(1).contains_key(&1));
        assert!(!fake.is_empty());
        fake.resolver.forget(|asker| asker.engine == ENGINE + 1);
        assert!(fake.shut_down() && fake.is_empty());
    }

    #[test]
    fn a_turn_takes_so_many_answers_and_the_engine_is_woken_for_the_others() {
        fake_service!(RELEASED, COUNT, service);
        let fake = Fake::new(service);
        for token in 0..ANSWERS as u64 + 1 {
            fake.ask(token, "stuck");
        }
        RELEASED.store(true, Ordering::Relaxed);
        assert!(fake.shut_down());
        let mut ready = sys::Ready::new();
        assert!(ready.wait(fake.poller.descriptor(), Some(0)) && ready.events().count() == 1);
        let mut count = 0;
        fake.resolver.answers(ENGINE, None, |_, _| count += 1);
        assert_eq!(count, ANSWERS);
        assert!(ready.wait(fake.poller.descriptor(), Some(0)) && ready.events().count() == 1);
        // Who gets an answer may ask again, and forget.
        fake.resolver.answers(ENGINE, None, |token, _| {
            fake.ask(token, "missing");
            fake.resolver.forget(|asker| asker.token == token);
            fake.ask(token, "missing");
            count += 1;
        });
        // The new question may be answered in the same turn, and is asked again then.
        assert!(count > ANSWERS);
        assert!(fake.told(1).values().all(|answer| *answer == Err(Unresolved::NotFound)));
        assert!(fake.shut_down() && fake.is_empty());
    }

    #[test]
    fn who_is_woken_finds_the_answer() {
        fake_service!(RELEASED, COUNT, service);
        let fake = Fake::new(service);
        RELEASED.store(true, Ordering::Relaxed);
        let mut ready = sys::Ready::new();
        assert!(ready.wait(fake.poller.descriptor(), Some(0)));
        for token in 0..2000 {
            fake.ask(token, "name");
            assert!(ready.wait(fake.poller.descriptor(), Some(20_000)) && ready.events().count() == 1);
            let mut told = None;
            fake.resolver.answers(ENGINE, None, |token, _| told = Some(token));
            assert_eq!(told, Some(token));
        }
        assert_eq!(COUNT.load(Ordering::Relaxed), 2000);
        assert!(fake.shut_down() && fake.is_empty());
    }

    #[test]
    fn threads_end_when_there_is_nothing_to_do_and_start_again() {
        fake_service!(RELEASED, COUNT, service);
        let fake = Fake::new(service);
        RELEASED.store(true, Ordering::Relaxed);
        for token in 0..50 {
            fake.ask(token, "name");
            assert_eq!(fake.told(1).get(&token).unwrap().as_deref(), Ok("[192.0.2.1:0]"));
            wait_until("the thread ends", || fake.works() == 0);
        }
        assert_eq!(COUNT.load(Ordering::Relaxed), 50);
        assert!(fake.shut_down() && fake.is_empty());
        assert!(fake.shut_down());
        fake.ask(50, "name");
        assert_eq!(fake.told(1).len(), 1);
        assert!(fake.shut_down());
    }

    #[test]
    fn the_systems_name_service_is_asked() {
        let fake = Fake::new(sys::lookup);
        fake.ask(1, "localhost");
        fake.ask(2, "no-such-name.invalid");
        fake.ask(3, &"a".repeat(NAME_BYTES));
        let told = fake.told(3);
        let localhost = told.get(&1).unwrap().as_ref().unwrap();
        assert!(
            localhost.contains("127.0.0.1") || localhost.contains("::1"),
            "{localhost}"
        );
        // Without a network it is the service that does not answer.
        assert!(matches!(
            told.get(&2).unwrap(),
            Err(Unresolved::NotFound | Unresolved::NoAnswer)
        ));
        assert_eq!(told.get(&3).unwrap(), &Err(Unresolved::NotFound));
        assert!(fake.shut_down() && fake.is_empty());
    }
}
