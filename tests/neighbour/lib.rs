//! Another Rust library of the same program, as the compiler makes it: with a standard library of its own, which starts
//! threads, panics in them and catches that.

use std::panic;
use std::thread;

/// Panics where the table is too short.
fn entry(table: &[u32], at: usize) -> u32 {
    table[at]
}

/// Starts so many threads; each of them looks behind the end of a table, catches the panic, and then has another one end it.
/// Returns how many panics were seen.
#[unsafe(no_mangle)]
pub extern "C" fn neighbour_panics(threads: u32) -> u32 {
    // The words of a panic go nowhere.
    panic::set_hook(Box::new(|_| {}));
    let started: Vec<_> = (0..threads)
        .map(|number| {
            thread::spawn(move || {
                let table: Vec<u32> = (0..number).collect();
                let caught = panic::catch_unwind(|| entry(&table, table.len())).is_err();
                assert!(!caught, "seen by the one who joins this thread");
            })
        })
        .collect();
    let seen = started.into_iter().map(|thread| thread.join().is_err());
    u32::try_from(seen.filter(|seen| *seen).count()).unwrap_or(0)
}
