//! What the library tells in calls of its own: the lines of a conversation, and the end of a mail.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::{CStr, c_char, c_int, c_void};

use sds_smtp::ffi::client::{sds_smtp_client, sds_smtp_client_status};
use sds_smtp::ffi::hosted::{sds_smtp_client_wait, sds_smtp_poll};
use sds_smtp::ffi::life::sds_smtp_shutdown;
use sds_smtp::ffi::result::sds_smtp_result;

use super::{BAD_HANDLE, BUSY, NO_LIMIT};

/// Mails whose end is told to a function: by number, and whose they are.
#[derive(Default)]
struct Ends {
    newest: usize,
    due: BTreeMap<usize, *mut sds_smtp_client>,
    told: usize,
}

thread_local! {
    // The calls come on the thread that drives the engine, which is this one.
    static ENDS: RefCell<Ends> = RefCell::default();
}

/// A number for a mail of this client.
pub(super) fn promise(handle: *mut sds_smtp_client) -> *mut c_void {
    ENDS.with_borrow_mut(|ends| {
        ends.newest += 1;
        ends.due.insert(ends.newest, handle);
        std::ptr::without_provenance_mut(ends.newest)
    })
}

/// The mail with this number was not started: nothing is told of it.
pub(super) fn withdraw(context: *mut c_void) {
    let number = context.addr();
    ENDS.with_borrow_mut(|ends| assert!(ends.due.remove(&number).is_some(), "a mail that did not start was told"));
}

/// This client is freed: nothing more is told of its mails.
pub(super) fn forget(handle: *mut sds_smtp_client) {
    ENDS.with_borrow_mut(|ends| ends.due.retain(|_, whose| *whose != handle));
}

/// How many ends are still to be told.
pub(super) fn due() -> usize {
    ENDS.with_borrow(|ends| ends.due.len())
}

/// How many ends were told.
pub(super) fn told() -> usize {
    ENDS.with_borrow(|ends| ends.told)
}

/// Nothing waits inside a call, and everything may be called.
fn call_back(client: *mut sds_smtp_client) -> c_int {
    assert_eq!(sds_smtp_shutdown(NO_LIMIT), BUSY, "a shutdown inside a call");
    assert_eq!(sds_smtp_poll(0), 0, "a poll inside a call");
    // SAFETY: handles are checked, not followed.
    let (status, waited) = unsafe { (sds_smtp_client_status(client), sds_smtp_client_wait(client, NO_LIMIT)) };
    assert_eq!(waited, BUSY, "a wait inside a call");
    status
}

/// For `sds_smtp_config.trace`.
pub(super) unsafe extern "C" fn trace(_: *mut c_void, line: *const c_char) {
    // SAFETY: the library gives a string.
    let line = unsafe { CStr::from_ptr(line) }.to_bytes();
    assert!(
        [&b"S: "[..], b"C: ", b"# "].iter().any(|begin| line.starts_with(begin)),
        "{}",
        line.escape_ascii()
    );
    assert!(
        line.iter().all(|octet| matches!(octet, b' '..=b'~')),
        "{}",
        line.escape_ascii()
    );
    call_back(std::ptr::null_mut());
}

/// For `sds_smtp_message.done`.
pub(super) unsafe extern "C" fn done(
    context: *mut c_void,
    client: *mut sds_smtp_client,
    result: *const sds_smtp_result,
) {
    let number = context.addr();
    let whose = ENDS.with_borrow_mut(|ends| {
        ends.told += 1;
        ends.due.remove(&number)
    });
    assert_eq!(whose, Some(client), "a mail is told twice, or as another client's");
    // SAFETY: the library gives a whole structure.
    let code = unsafe { (*result).code };
    let status = call_back(client);
    // A mail that the client has started since then may be in flight already.
    assert!(status == code || status == BUSY, "told before the status was final");
    assert!(code != BUSY && code != BAD_HANDLE, "code {code}");
}
