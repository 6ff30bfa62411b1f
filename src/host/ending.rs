//! The end of the library's work: nothing of it is left but the clients, and the next mail begins it again.

use super::calls::{self, Wanted};
use super::client::{Client, Wait};
use super::clock;
use super::driver;
use super::files;
use super::registry::Key;
use super::resolve;
use super::runner::{self, Ran};
use super::shared::{polled, shared};
use crate::code::Code;

/// How long what is left may take to end when the time for the mails is over: mails that were cancelled, functions of the program,
/// lookups of names. In milliseconds.
const REST: u64 = 1000;

/// How long servers may take to answer QUIT on connections that were kept, in milliseconds.
const GOODBYE: u64 = 500;

/// How soon this thread looks again for a call that another one keeps from being made, in milliseconds.
const LOOK: u64 = 10;

/// Waits for the mails in flight, cancels those that are left when the time is over, ends the thread, and frees what the engine
/// has. 14 where a function of the program or a lookup of a name does not end in time; then nothing has ended but mails.
pub fn shut_down(wait: Wait) -> Result<(), Code> {
    if calls::inside() {
        return Err(Code::Busy);
    }
    wait_for_mails(wait.until());
    let last = clock::after(REST);
    loop {
        // Each of them ends at once, unless the thread is stuck.
        each_in_flight(|client| {
            let _ = client.cancel();
        });
        let over = wait_for_mails(Some(last))
            && tell_all(last)
            && resolve::shut_down(last)
            && files::shut_down(last)
            && runner::wait_for_end(last);
        if !over {
            return Err(Code::Busy);
        }
        driver::part_with_all(clock::after(GOODBYE).min(last));
        // Another thread may have sent a mail meanwhile, or given the engine something else to do.
        if driver::end() {
            return Ok(());
        }
        if clock::now() >= last {
            return Err(Code::Busy);
        }
        if polled() {
            // A client that was freed leaves an order behind, and nobody else takes it.
            let _ = driver::poll();
        }
    }
}

fn client_of(key: Key) -> Client {
    Client::from_handle(key.caller_handle())
}

/// Calls `each` with the clients that have a mail in flight.
fn each_in_flight(each: fn(Client)) {
    let mut place = 0;
    loop {
        let busy = shared().busy_from(place);
        let Some(key) = busy.filter(|key| key.place >= place) else {
            return;
        };
        each(client_of(key));
        place = key.place.saturating_add(1);
    }
}

/// Waits until no mail is in flight; false where that takes too long.
fn wait_for_mails(until: Option<u64>) -> bool {
    let mut place = 0;
    loop {
        let busy = shared().busy_from(place);
        let Some(key) = busy else { return true };
        place = key.place;
        let wait = match until.map(|until| until.saturating_sub(clock::now())) {
            None => Wait::Forever,
            Some(0) => return false,
            Some(left) => Wait::Milliseconds(u32::try_from(left).unwrap_or(u32::MAX)),
        };
        // A client that was freed meanwhile has no mail any more.
        let _ = client_of(key).wait(wait);
    }
}

/// Waits until the program was told of all mails; false where that takes too long.
fn tell_all(until: u64) -> bool {
    loop {
        // With no thread to do it, it is done here.
        let alone = polled() || !shared().started();
        if alone {
            if driver::work_outside(Wanted::Until(until)) == Ran::InChild {
                return true;
            }
            // A thread that was started meanwhile has seen that another one does the work, and sleeps.
            driver::wake_again();
        }
        let now = clock::now();
        let look = if alone { clock::after(LOOK) } else { until };
        if runner::wait_for_all(look.min(until)) {
            return true;
        }
        if now >= until {
            return false;
        }
    }
}
