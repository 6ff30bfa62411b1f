//! Threads that read files, and call the functions that attachments are read with: at most [`READERS`]. What never comes holds up
//! one of them and its own mail only; with all of them held up, further mails wait until their deadlines.
//!
//! The lock here is the innermost, as that of [`resolve`](super::resolve) is: under it threads are started and joined, and engines
//! are woken. No file is touched, and no function of the program is called with it.

use core::ffi::CStr;
use core::sync::atomic::{AtomicUsize, Ordering};
use std::boxed::Box;

use super::memory::{Boxed, Row};
use super::reading::Work;
use super::sys::{self, Condition, Lock, Locked};
use super::{calls, clock};
use crate::limits::READERS;

pub use super::resolve::Asker;

/// The stack of a thread: functions of the program run on it.
const STACK: usize = 256 * 1024;

/// How long a thread waits for something to do before it ends, in milliseconds: the next piece is wanted soon.
const LINGER: u64 = 1000;

/// Answers that [`answers`] gives at once: the work of a turn is bounded.
const ANSWERS: usize = 64;

/// Has something done for a connection: then its engine is woken, and gets it back by [`answers`]. None without memory for it, or
/// where there is no thread and none can be started.
pub fn ask(work: Boxed<Work>, asker: Asker, waker: sys::Waker) -> Option<()> {
    FILES.ask(work, asker, waker)
}

/// Calls `each` with what was done for this engine, and the token. Without anything it costs one load. What was done for `but` stays
/// for later.
pub fn answers(engine: u32, but: Option<u64>, mut each: impl FnMut(u64, Boxed<Work>)) {
    for _ in 0..ANSWERS {
        if FILES.answered.load(Ordering::Acquire) == 0 {
            return;
        }
        let Some((token, work)) = FILES.take_answer(engine, but) else {
            return;
        };
        each(token, work);
    }
    FILES.wake_again(engine, but);
}

/// This connection wants nothing any more.
pub fn forget(engine: u32, token: u64) {
    FILES.forget(&Asker { engine, token });
}

/// Waits until nothing is done any more, and nothing is left of the threads. False where that takes too long.
pub fn shut_down(until: u64) -> bool {
    FILES.shut_down(until)
}

/// Taken before a fork, behind all other locks. In the parent it is dropped after the fork, in the child
/// [`Held::begin_anew`] is called.
pub fn hold_for_fork() -> Held {
    Held(FILES.lock())
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
        self.0.jobs.clear();
        self.0.idle = 0;
        FILES.answered.store(0, Ordering::Relaxed);
    }
}

static FILES: Files = Files {
    table: Lock::new(Table {
        jobs: Row::new(),
        places: [const { Place::Free }; READERS],
        newest: 0,
        idle: 0,
        ending: false,
    }),
    queued: Condition::new(),
    ended: Condition::new(),
    answered: AtomicUsize::new(0),
};

struct Files {
    table: Lock<Table>,
    /// There is something to do.
    queued: Condition,
    /// A thread has ended.
    ended: Condition,
    /// How much was done and not taken; it changes under the lock.
    answered: AtomicUsize,
}

/// What is locked. The jobs stand in the order in which they were asked for.
struct Table {
    jobs: Row<Job>,
    places: [Place; READERS],
    newest: u64,
    /// Threads that wait for something to do.
    idle: usize,
    /// They are not to wait any more.
    ending: bool,
}

struct Job {
    number: u64,
    asker: Asker,
    waker: sys::Waker,
    state: State,
}

/// A job that nobody wants is in the table only while it runs: its number is 0 then.
enum State {
    Queued(Boxed<Work>),
    Runs,
    Done(Boxed<Work>),
}

/// A place for a thread.
enum Place {
    Free,
    Works(sys::Thread),
    /// It has nothing more to do, and is to be joined.
    Ended(sys::Thread),
}

impl Table {
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

    /// The next job to do. Nothing is read twice at the same time for one mail: what an attempt before asked for, and nobody wants
    /// any more, comes to its end first. The thread that does it goes on with what waits for that.
    fn next_job(&mut self) -> Option<&mut Job> {
        let mut run = [None; READERS];
        let running = self.jobs.iter().filter(|job| matches!(job.state, State::Runs));
        for (place, job) in run.iter_mut().zip(running) {
            *place = Some(job.asker);
        }
        let may = |job: &&mut Job| matches!(job.state, State::Queued(_)) && !run.contains(&Some(job.asker));
        self.jobs.iter_mut().find(may)
    }

    fn queued(&self) -> usize {
        let queued = |job: &&Job| matches!(job.state, State::Queued(_));
        self.jobs.iter().filter(queued).count()
    }
}

impl Files {
    // Saves 110 bytes.
    #[inline(never)]
    fn lock(&self) -> Locked<'_, Table> {
        self.table.lock()
    }

    fn ask(&'static self, work: Boxed<Work>, asker: Asker, waker: sys::Waker) -> Option<()> {
        let mut table = self.lock();
        table.newest = table.newest.wrapping_add(1).max(1);
        let job = Job {
            number: table.newest,
            asker,
            waker,
            state: State::Queued(work),
        };
        table.jobs.push(job)?;
        if table.queued() > table.idle && !self.start_thread(&mut table) {
            table.jobs.pop();
            return None;
        }
        self.queued.notify_all();
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
            files: self,
            place: index,
        };
        // The new thread first waits for the lock.
        let started = Boxed::new(worker).and_then(|worker| sys::start_thread(worker.into_inner()).ok());
        match started {
            Some(thread) => {
                *place = Place::Works(thread);
                true
            }
            // The others do this, too, when they have time.
            None => !none_works,
        }
    }

    fn take_answer(&self, engine: u32, but: Option<u64>) -> Option<(u64, Boxed<Work>)> {
        let mut table = self.lock();
        let is_for = |job: &Job| {
            let asker = &job.asker;
            matches!(job.state, State::Done(_)) && asker.engine == engine && Some(asker.token) != but
        };
        let at = table.jobs.iter().position(is_for)?;
        let job = table.jobs.take(at)?;
        let State::Done(work) = job.state else { return None };
        self.answered.fetch_sub(1, Ordering::Relaxed);
        Some((job.asker.token, work))
    }

    fn wake_again(&self, engine: u32, but: Option<u64>) {
        let table = self.lock();
        let left = table.jobs.iter().find(|job| {
            let asker = &job.asker;
            matches!(job.state, State::Done(_)) && asker.engine == engine && Some(asker.token) != but
        });
        if let Some(job) = left {
            job.waker.wake();
        }
    }

    fn forget(&self, asker: &Asker) {
        // What was to be done is dropped without the lock: a file may take its time to be closed.
        let mut dropped = None;
        let mut table = self.lock();
        if let Some(at) = table.jobs.iter().position(|job| job.number > 0 && job.asker == *asker) {
            let runs = match table.jobs.get_mut(at) {
                Some(job) if matches!(job.state, State::Runs) => {
                    job.number = 0;
                    true
                }
                _ => false,
            };
            if !runs {
                dropped = table.jobs.take(at);
            }
        }
        if matches!(&dropped, Some(job) if matches!(job.state, State::Done(_))) {
            self.answered.fetch_sub(1, Ordering::Relaxed);
        }
        drop(table);
    }

    fn shut_down(&self, until: u64) -> bool {
        let mut table = self.lock();
        table.ending = true;
        self.queued.notify_all();
        let mut over = true;
        while !table.join_ended() {
            let left = until.saturating_sub(clock::now());
            over = left > 0;
            if !over {
                break;
            }
            table = self.ended.wait(table, left).0;
        }
        table.ending = false;
        if table.jobs.is_empty() {
            table.jobs = Row::new();
        }
        over
    }

    /// Takes the next job, and waits a while for one. None where there is none: then this thread ends.
    fn next(&self, place: usize, runs: &mut Option<(Asker, u64)>) -> Option<Boxed<Work>> {
        let mut table = self.lock();
        let until = clock::after(LINGER);
        loop {
            if let Some(job) = table.next_job() {
                *runs = Some((job.asker, job.number));
                return match core::mem::replace(&mut job.state, State::Runs) {
                    State::Queued(work) => Some(work),
                    State::Runs | State::Done(_) => None,
                };
            }
            let left = until.saturating_sub(clock::now());
            if left == 0 || table.ending {
                break;
            }
            table.idle = table.idle.saturating_add(1);
            table = self.queued.wait(table, left).0;
            table.idle = table.idle.saturating_sub(1);
        }
        if let Some(place) = table.places.get_mut(place) {
            if let Place::Works(thread) = core::mem::replace(place, Place::Free) {
                *place = Place::Ended(thread);
            }
        }
        self.ended.notify_all();
        None
    }

    /// Whether anybody wants the job that runs.
    fn is_wanted(&self, asker: &Asker, number: u64) -> bool {
        let table = self.lock();
        table.jobs.iter().any(|job| job.number == number && job.asker == *asker)
    }

    /// Puts down what was done, and wakes who wants it.
    fn done(&self, asker: &Asker, number: u64, work: Boxed<Work>) {
        let mut unwanted = Some(work);
        let mut table = self.lock();
        if let Some(job) = table.jobs.iter_mut().find(|job| job.number == number) {
            if let Some(work) = unwanted.take() {
                job.state = State::Done(work);
            }
            // First: who is woken looks at it without the lock.
            self.answered.fetch_add(1, Ordering::Release);
            job.waker.wake();
        } else {
            let forgotten = |job: &Job| job.number == 0 && job.asker == *asker && matches!(job.state, State::Runs);
            if let Some(at) = table.jobs.iter().position(forgotten) {
                table.jobs.take(at);
            }
        }
        drop(table);
    }

    /// What a thread does until there is nothing more to do.
    fn work(&self, place: usize) {
        let mut runs = None;
        while let Some(mut work) = self.next(place, &mut runs) {
            let Some((asker, number)) = runs else { return };
            let forks = calls::forks();
            let wanted = || self.is_wanted(&asker, number);
            let sound = sys::is_sound(&mut || work.run(&wanted));
            if forks != calls::forks() {
                // A function of the program has forked, and this is the child: there is no such job.
                core::mem::forget(work);
                return;
            }
            if !sound {
                work.failed = Some(crate::code::Reason::Defect);
            }
            self.done(&asker, number, work);
        }
    }
}

/// What a thread has.
struct Worker {
    files: &'static Files,
    place: usize,
}

impl sys::Task for Worker {
    const NAME: &'static CStr = c"sds-smtp files";
    const STACK: usize = STACK;

    fn run(task: Box<Self>) {
        let Self { files, place } = *task;
        // A fork's child would have it without anybody who gives it back.
        drop(task);
        files.work(place);
    }
}
