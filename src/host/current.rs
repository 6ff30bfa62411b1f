//! The engine of this process, and its lock.

use super::engine::Engine;
use super::memory::Boxed;
use super::sys::{Lock, Locked};

/// The engine of this process, while it has one.
static ENGINE: Lock<Option<Boxed<Engine>>> = Lock::new(None);

/// Everybody who wants the engine waits here first, and holds this lock until they have the engine's. The thread, which wants
/// the engine again at once after each turn, therefore comes after those who waited.
static DOOR: Lock<()> = Lock::new(());

/// The engine, locked.
pub type Installed = Locked<'static, Option<Boxed<Engine>>>;

/// Locks the engine. Must not be called with the shared lock held.
#[inline(never)]
pub fn engine() -> Installed {
    let _first = DOOR.lock();
    ENGINE.lock()
}

/// Locks the engine and keeps everybody else out until both are given back: for a fork.
pub fn engine_and_door() -> (Locked<'static, ()>, Installed) {
    let door = DOOR.lock();
    (door, ENGINE.lock())
}
