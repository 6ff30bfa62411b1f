//! Calls the functions of the program that attachments are read with, on the threads of [`files`](super::files).

use super::calls::{self, Running};
use super::registry::Key;
use super::{driver, runner};
use crate::channel::callbacks::Read;

/// Calls such a function, unless nobody wants that any more, or the client has ended; what it returned. No lock may be held.
pub fn call(read: Read, key: Key, offset: u64, room: &mut [u8], wanted: &dyn Fn() -> bool) -> Option<i32> {
    let slot = key.slot()?;
    // Before it is asked whether the octets are wanted: who ends the mail forgets them first, and then looks whether a function
    // runs.
    let reading = Running::of(&slot.reading);
    let given = runner::run_for(slot, || {
        let calls = wanted() && key.slot().is_some();
        calls.then(|| read.call(offset, room))
    });
    let same_process = reading.same_process();
    drop(reading);
    // The end of a mail is told when it has returned.
    if same_process && calls::queued() {
        driver::wake_again();
    }
    given
}
