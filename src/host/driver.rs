//! The engine of this process: who starts it, who drives it (its own thread, or the program's event loop), and how it ends.

use core::ffi::CStr;
use core::sync::atomic::{AtomicU32, Ordering};
use std::boxed::Box;

use super::calls::{self, Wanted};
use super::current::engine;
use super::engine::{Engine, Turn, WAKE, refuse};
use super::memory::Boxed;
use super::outside;
use super::queue::Queue;
use super::runner::{self, Ran};
use super::shared::{Start, Wake, Worker, polled, set_polled, shared};
use super::sys::{self, Failure, Ready, Task, Thread};
use super::{clock, engine};
use crate::code::{Code, Phase, Reason};

/// What was started.
pub struct Started {
    /// How it is woken.
    pub worker: Worker,
    /// Its thread, unless the program drives it.
    pub thread: Option<Thread>,
    /// The engine itself where the program drives it, for [`install`].
    pub engine: Option<Boxed<Engine>>,
}

/// Makes an engine and starts its thread, unless the program drives it; or says which descriptor, memory or thread the system
/// refused.
pub fn start() -> Result<Started, (Code, Reason)> {
    static ENGINES: AtomicU32 = AtomicU32::new(0);
    let polled = polled();
    let number = ENGINES.fetch_add(1, Ordering::Relaxed);
    let (engine, waker) = Engine::new(number, polled)?;
    let worker = Worker { number, waker };
    if polled {
        return Ok(Started {
            worker,
            thread: None,
            engine: Some(engine),
        });
    }
    let thread = sys::start_thread(engine.into_inner()).map_err(|_: Failure| (Code::DataFailed, Reason::NoThread))?;
    Ok(Started {
        worker,
        thread: Some(thread),
        engine: None,
    })
}

/// Makes an engine that the program drives the engine of this process. Must not be called with the shared lock held.
pub fn install(new: Option<Boxed<Engine>>) {
    if let Some(new) = new {
        install_current(new);
    }
}

/// False where the engine was abandoned before it had begun: another one may have been installed since.
fn install_current(new: Boxed<Engine>) -> bool {
    let mut installed = engine();
    let current = shared().is_current(new.number);
    if current {
        *installed = Some(new);
    } else {
        drop(installed);
        forget(new);
    }
    current
}

/// Has the program drive the engine from now on. The descriptor is readable when [`poll`] has something to do; 14 where a thread
/// drives the engine already, 7 where the system has no descriptor or memory.
pub fn use_event_loop() -> Result<i32, Code> {
    let mut installed = engine();
    let mut shared = shared();
    if !shared.started() {
        set_polled(true);
        let Ok(started) = start() else {
            // Nobody would drive it.
            set_polled(false);
            return Err(Code::DataFailed);
        };
        shared.set_started(started.worker, started.thread);
        *installed = started.engine;
    }
    let engine = installed.as_ref().filter(|engine| engine.polled).ok_or(Code::Busy)?;
    Ok(engine.poller.number())
}

/// For the program's event loop: does what is to be done now, without waiting. Returns after how many milliseconds it is to be
/// called again at the latest; None: when the descriptor is readable.
pub fn poll() -> Option<u64> {
    if calls::inside() {
        return Some(0);
    }
    if !polled() {
        // The library's thread does all of it.
        return None;
    }
    let turn = step(0, By::Program);
    let ran = work_outside(Wanted::All);
    if ran == Ran::InChild {
        return None;
    }
    // A thread that waits for a mail may have been driving the engine, and its mail may have ended just now.
    let idle = shared().idle_driver();
    if let Some(waker) = idle {
        waker.wake();
    }
    match turn {
        Some(Turn::Wait(_)) if ran == Ran::Some => comes_back(),
        Some(Turn::Wait(left)) => left,
        _ => None,
    }
}

/// The same as [`poll`] returns, and noted, after functions of the program have taken their time.
fn comes_back() -> Option<u64> {
    let mut engine = engine();
    let mine = engine.as_mut().filter(|engine| engine.polled)?;
    let now = clock::now();
    let left = if calls::carried() > 0 { Some(0) } else { mine.due(now) };
    mine.comes = left.map_or(engine::NEVER, |left| now.saturating_add(left));
    left
}

/// For a thread that waits for a mail: waits at most so many milliseconds for something to do, and does it. Functions of the
/// program are called for clients that are `wanted`, which is asked before each call. False where there is no engine to drive.
pub fn drive(patience: u64, wanted: Wanted) -> bool {
    let driven = step(patience, By::Waiting).is_some();
    work_outside(wanted) != Ran::InChild && driven
}

/// Such a thread stops driving: what is due before the program's next call is left to the program, which is told.
pub fn hand_back() {
    let mut engine = engine();
    let Some(mine) = engine.as_mut().filter(|engine| engine.polled) else {
        return;
    };
    let now = clock::now();
    let due = mine.due(now).map_or(engine::NEVER, |left| now.saturating_add(left));
    if due < mine.comes || calls::queued() || calls::carried() > 0 {
        mine.comes = 0;
        drop(engine);
        shared().wake_again();
    }
}

/// Who does a turn.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    Thread,
    Program,
    Waiting,
}

/// Waits at most so many milliseconds for something to do, and does a turn; None where the program has no engine to drive.
#[inline(never)]
fn step(patience: u64, by: By) -> Option<Turn> {
    let (descriptor, number, due) = {
        let engine = engine();
        let engine = engine.as_ref().filter(|engine| engine.polled)?;
        // Waiting on a list of the program's own would take its events away.
        let descriptor = engine.poller.is_ours().then(|| engine.poller.descriptor());
        (descriptor, engine.number, engine.due(clock::now()))
    };
    let mut ready = Ready::new();
    let patience = due.map_or(patience, |due| due.min(patience));
    let waited = descriptor.is_some_and(|descriptor| ready.wait(descriptor, Some(patience)));
    let turn = turn_after(number, waited, &ready, by)?;
    if matches!(turn, Turn::Abandon) {
        abandon(number);
    }
    Some(turn)
}

/// A turn of an engine after a wait on its list; None where it was abandoned meanwhile.
fn turn_after(number: u32, waited: bool, ready: &Ready, by: By) -> Option<Turn> {
    let mut engine = engine();
    let Some(mine) = engine.as_mut().filter(|engine| engine.number == number) else {
        // The descriptor that was waited on may be the next engine's list by now. The events that were taken from it are
        // made up for: every connection of that engine is looked at, now or when it begins.
        if let Some(next) = engine.as_mut() {
            next.look_at_all();
        }
        drop(engine);
        shared().wake_again();
        return None;
    };
    if !waited {
        return Some(Turn::Abandon);
    }
    let turn = mine.turn_safely(ready);
    match (by, &turn) {
        (By::Program, Turn::Wait(left)) => {
            mine.comes = left.map_or(engine::NEVER, |left| clock::now().saturating_add(left));
        }
        // The event that was to call the program has been taken away.
        (By::Waiting, _) if mine.comes == 0 && ready.events().any(|event| event.token == WAKE) => {
            mine.comes = engine::NEVER;
        }
        _ => {}
    }
    Some(turn)
}

impl Task for Engine {
    const NAME: &'static CStr = c"sds-smtp";
    /// The thread has no deep calls and no large locals. The program's thread-local data is in there, too.
    const STACK: usize = 512 * 1024;

    /// The thread installs the engine itself: whoever starts it holds the shared lock, and must not take the engine's lock
    /// after that one.
    fn run(new: Box<Self>) {
        let new = Boxed::from_inner(new);
        let (number, poller) = (new.number, new.poller.descriptor());
        if !install_current(new) {
            return;
        }
        let mut ready = Ready::new();
        // Another engine may have left calls behind.
        let mut timeout = calls::queued().then_some(0);
        loop {
            let waited = ready.wait(poller, timeout);
            match turn_after(number, waited, &ready, By::Thread) {
                Some(Turn::Wait(left)) => timeout = left,
                Some(Turn::Abandon) => return abandon(number),
                None => return,
            }
            match work_outside(Wanted::All) {
                Ran::Nothing => {}
                Ran::Some => timeout = Some(0),
                Ran::InChild => return,
            }
        }
    }
}

/// Calls the functions of the program that are to be called, for clients that are `wanted`. No lock may be held.
pub fn work_outside(wanted: Wanted) -> Ran {
    runner::run(wanted, outside::run)
}

/// Has the engine look again, for a call that it could not make before.
pub fn wake_again() {
    let worker = shared().worker();
    if let Some(worker) = worker {
        worker.waker.wake();
    }
}

/// Wakes the engine, without a lock held: with one, it would wake only to wait for the lock. Where it cannot be woken any more
/// it is abandoned: its mails end with a result, and the next mail starts another engine.
pub fn wake(wake: Wake) {
    if let Some(worker) = wake.due().filter(|worker| !worker.waker.wake()) {
        abandon(worker.number);
    }
}

/// Ends everything after the program has closed descriptors that were ours: every mail gets a result, and the next one starts
/// another engine. Nothing is closed here, because the numbers may be the program's own by now. Only the first call for an
/// engine does this, and none touches a later engine.
pub fn abandon(number: u32) {
    let mut starts = Queue::new();
    let abandoned = {
        let mut engine = engine();
        let mut shared = shared();
        if shared.is_current(number) {
            drop(shared.forget_thread(&mut starts));
        }
        engine.take_if(|engine| engine.number == number)
    };
    if let Some(engine) = abandoned {
        refuse_all(engine.into_inner().abandon());
    }
    refuse_all(starts);
    tell_of_the_rest();
}

/// Ends mails that have no connection yet.
fn refuse_all(mut starts: Queue<Start>) {
    while let Some(start) = starts.pop() {
        refuse(
            start.key,
            start.promise,
            Phase::Connect,
            Code::ConnectFailed,
            Reason::NoSocket,
        );
    }
}

/// Starts another engine where the program is to be told of mails and nobody is left to do it: the next mail does so where none
/// can be started now.
fn tell_of_the_rest() {
    let mut shared = shared();
    if calls::queued() && !polled() && !shared.started() {
        if let Ok(started) = start() {
            shared.set_started(started.worker, started.thread);
        }
    }
}

/// For a thread that has waited for a while: checks that the engine can still be woken; otherwise ends everything as [`abandon`]
/// does.
pub fn look_after() {
    let worker = shared().worker();
    if let Some(worker) = worker.filter(|worker| !worker.waker.is_ours()) {
        abandon(worker.number);
    }
}

/// How soon this thread looks again whether servers have answered QUIT, in milliseconds.
const PARTING: u64 = 10;

/// Ends the connections that are kept with QUIT, and waits until this time for the answers.
pub fn part_with_all(until: u64) {
    while engine()
        .as_mut()
        .is_some_and(|engine| engine.part_with_some(clock::now()))
    {}
    while clock::now() < until && engine().as_ref().is_some_and(|engine| engine.has_parting()) {
        if polled() {
            drive(PARTING, Wanted::Until(until));
        } else {
            std::thread::sleep(core::time::Duration::from_millis(PARTING));
        }
    }
}

/// Ends the engine and its thread: the next mail starts another one, with a thread. False where mails are in flight, or the program
/// is to be told of some; then nothing ends.
pub fn end() -> bool {
    outside::let_all_go();
    let mut engine = engine();
    let mut shared = shared();
    if engine.as_ref().is_some_and(|engine| engine.has_carried())
        || shared.busy_from(0).is_some()
        || shared.has_orders()
        || !shared.calls.are_over()
    {
        return false;
    }
    let worker = shared.worker();
    let thread = shared.forget_thread(&mut Queue::new());
    set_polled(false);
    let ended = engine.take();
    shared.ending = true;
    drop(shared);
    drop(engine);
    // A thread whose engine is not installed yet ends by itself.
    let woken = ended.is_none() || worker.is_some_and(|worker| worker.waker.wake());
    match thread {
        Some(thread) if woken => thread.join(),
        // The program has closed what it waits on: it cannot be told.
        Some(_) | None => {}
    }
    if let Some(ended) = ended {
        forget(ended);
    }
    runner::end_is_over();
    true
}

/// Drops an engine that nobody uses: in the child of a fork, and where it was abandoned before it had begun.
pub fn forget(engine: Boxed<Engine>) {
    engine.into_inner().forget();
}
