//! The engine of this process, and its lock.

use std::sync::{Mutex, MutexGuard};

use super::engine::Engine;
use super::memory::Boxed;
use super::shared::lock;

/// The engine of this process, while it has one.
static ENGINE: Mutex<Option<Boxed<Engine>>> = Mutex::new(None);

/// Everybody who wants the engine waits here first, and holds this lock until they have the engine's. The thread, which wants
/// the engine again at once after each turn, therefore comes after those who waited.
static DOOR: Mutex<()> = Mutex::new(());

/// The engine, locked.
pub type Locked = MutexGuard<'static, Option<Boxed<Engine>>>;

/// Locks the engine. Must not be called with the shared lock held.
#[inline(never)]
pub fn engine() -> Locked {
    let _first = lock(&DOOR);
    lock(&ENGINE)
}

/// Locks the engine and keeps everybody else out until both are given back: for a fork.
pub fn engine_and_door() -> (MutexGuard<'static, ()>, Locked) {
    let door = lock(&DOOR);
    (door, lock(&ENGINE))
}
