//! What a program calls: the safe functions behind the C ABI, for Rust programs, too.

use super::calls::{self, Promise, Running, Wanted};
use super::carried::{Carried, Given};

use super::current::engine;
use super::fork::{self, shared};
use super::memory::Boxed;
use super::outgoing::Outgoing;
use super::parts::Parts;
use super::post::Post;
use super::reading::Function;
use super::registry::{Key, Slot};
use super::setup::{self, Setup, in_words};
use super::shared::{DRIVEN, Order, Shared, Start, WAKING, Wake, polled};
use super::snapshot::Snapshot;
use super::told::LastMail;
use super::verdicts::Recipient;
use super::{clock, driver, memory, outside, reader, runner};
use crate::channel::callbacks::Read;
use crate::client::guard::Begun;
use crate::client::hint;
use crate::client::log::{Entry, write_recipient};
use crate::client::mail;
use crate::client::report::{Bounded, Report};
use crate::client::settings::Draft;
use crate::client::wrong::Wrong;
use crate::code::{Code, Outcome, Phase, Reason};
use crate::limits::{CHARSET_BYTES, Count, LOG_RECIPIENT_BYTES};
use crate::octets::wipe;
use crate::session::Settings;
use crate::session::job::Field;
use crate::wire::address::List;

/// How long to wait for a mail to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// As long as it takes.
    Forever,
    /// So many milliseconds at most.
    Milliseconds(u32),
}

impl Wait {
    /// When it is over; None: never.
    pub(super) fn until(self) -> Option<u64> {
        match self {
            Self::Forever => None,
            Self::Milliseconds(0) => Some(clock::now()),
            Self::Milliseconds(some) => Some(clock::after(u64::from(some))),
        }
    }
}

/// A client, by its handle: copied freely, and checked in each call. A call on one that was freed gives
/// [`Code::BadHandle`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Client(usize);

impl Client {
    /// The client of the three functions. It always lives.
    pub const BUILT_IN: Self = Self(0);

    /// A new client; None when out of memory, or with [`crate::limits::CLIENTS`] living.
    pub fn new() -> Option<Self> {
        shared().begin().map(|key| Self(key.handle()))
    }

    /// The client with this handle, if there is one.
    pub const fn from_handle(handle: usize) -> Self {
        Self(handle)
    }

    /// The handle.
    pub const fn handle(self) -> usize {
        self.0
    }

    fn key(self) -> Result<(Key, &'static Slot), Code> {
        Key::of_handle(self.0).ok_or(Code::BadHandle)
    }

    /// Ends the client. A mail in flight is cancelled. The built-in client goes on.
    pub fn free(self) -> Result<(), Code> {
        let (key, slot) = self.key()?;
        let mut shared = shared();
        let given = shared.living(key).ok().and_then(|client| client.given.take());
        if key == Key::BUILT_IN || !shared.end(key) {
            return Err(Code::BadHandle);
        }
        slot.ended.notify_all();
        DRIVEN.notify_all();
        // An idle client leaves nothing to the thread.
        let wake = slot.in_use().then(|| shared.end_at(key.place));
        drop(shared);
        if let Some(wake) = wake {
            driver::wake(wake);
        }
        runner::wait_for(slot);
        runner::wait_for_lent(slot, |patience| {
            if polled() {
                driver::drive(patience, Wanted::WithMail(key));
            } else {
                clock::pause(patience);
            }
        });
        if given.is_some() {
            let_go(key, slot);
        }
        Ok(())
    }

    /// How many octets of the mail in flight have left, and how many there are, 0 where that is not known; of the last mail where
    /// none is in flight.
    pub fn progress(self) -> Result<(u64, u64), Code> {
        let (key, slot) = self.key()?;
        if slot.guard.busy() {
            let progress = engine().as_mut().and_then(|engine| engine.progress(key));
            if let Some(progress) = progress {
                return Ok(progress);
            }
        }
        shared().living(key).map(|client| client.progress)
    }

    /// A function of the program's that an attachment is read with.
    pub fn reads(self, read: Read) -> Result<Function, Code> {
        let (key, _) = self.key()?;
        let call = reader::call;
        Ok(Function { read, call, key })
    }

    /// Has functions of the program carry its connections from now on, or no longer; not while a mail is in flight. Those that
    /// were there before are not called any more.
    pub fn set_transport(self, given: Option<Given>) -> Result<(), Code> {
        let (key, slot) = self.key()?;
        let new = match given {
            Some(given) => Some(Boxed::new(given).ok_or(Code::DataFailed)?),
            None => None,
        };
        let mut shared = shared();
        let client = shared.living(key)?;
        if slot.guard.busy() {
            return Err(Code::Busy);
        }
        let before = core::mem::replace(&mut client.given, new);
        // A connection that is kept was made another way.
        if let Some(snapshot) = &mut client.snapshot {
            snapshot.renumber();
        }
        let wake = part(&mut shared, key, slot);
        drop(shared);
        if let Some(wake) = wake {
            driver::wake(wake);
        }
        if before.is_some() {
            let_go(key, slot);
        }
        Ok(())
    }

    /// Takes a configuration, or refuses it and keeps the old one. A mail in flight keeps the one it began with.
    pub fn configure(self, draft: &Draft<'_>) -> Result<(), Code> {
        self.set_up(&Setup::of(draft))
    }

    /// The same, with what only a system has.
    pub fn set_up(self, setup: &Setup<'_>) -> Result<(), Code> {
        let secures = self.secures()?;
        let (key, _) = self.key()?;
        match setup.check(secures) {
            Ok((snapshot, device_limit)) => keep(key, snapshot, Some(device_limit)),
            Err(wrong) => Err(self.refuse_configuration(&wrong)),
        }
    }

    /// Whether functions of the program carry its connections, and speak TLS.
    fn secures(self) -> Result<bool, Code> {
        let (key, _) = self.key()?;
        let mut shared = shared();
        let given = shared.living(key)?.given.as_ref();
        Ok(given.is_some_and(|given| given.secures()))
    }

    /// What [`Client::configure`] does, with the limit on user name and password that the devices have.
    pub fn configure_device(self, server: &[u8], login: bool, texts: [&[u8]; 3]) -> Result<(), Code> {
        let (key, _) = self.key()?;
        let limit = shared().living(key)?.device_limit;
        match setup::check_device(server, login, texts, limit) {
            Ok(snapshot) => keep(key, snapshot, None),
            Err(wrong) => Err(self.refuse_configuration(&wrong)),
        }
    }

    /// Takes the configuration that a URL says, with a sender. Copies of the URL are wiped.
    pub fn configure_url(self, url: &[u8], sender: &[u8]) -> Result<(), Code> {
        let (key, _) = self.key()?;
        let Some(mut room) = memory::zeros(url.len()) else {
            return Err(self.refuse_configuration(&Wrong::new(Code::DataFailed, "url", "out of memory")));
        };
        let secures = self.secures()?;
        let checked = Setup::of_url(url, sender, &mut room).and_then(|setup| setup.check(secures));
        wipe(&mut room);
        match checked {
            Ok((snapshot, device_limit)) => keep(key, snapshot, Some(device_limit)),
            Err(wrong) => Err(self.refuse_configuration(&wrong)),
        }
    }

    /// Refuses a configuration, or a mail where one is in flight: what there was stands, and so does the result of the last
    /// mail.
    pub fn refuse_configuration(self, wrong: &Wrong<'_>) -> Code {
        let words = in_words(wrong);
        let kept = self
            .key()
            .and_then(|(key, _)| shared().living(key).map(|client| client.refusal = words));
        kept.map_or_else(|code| code, |()| wrong.code)
    }

    /// Why the last configuration or mail was refused; empty where it was not.
    pub fn refusal<T>(self, show: impl FnOnce(&[u8]) -> T) -> Result<T, Code> {
        let (key, _) = self.key()?;
        let mut shared = shared();
        let refusal = shared.living(key)?.refusal.as_deref();
        Ok(show(refusal.unwrap_or(&[])))
    }

    /// The last conversation, where it was to be kept.
    pub fn dialogue<T>(self, show: impl FnOnce(&[u8]) -> T) -> Result<T, Code> {
        let (key, _) = self.key()?;
        let mut shared = shared();
        let dialogue = shared.living(key)?.dialogue.as_deref();
        Ok(show(dialogue.unwrap_or(&[])))
    }

    /// Starts a mail.
    pub fn send(self, recipients: Option<&[u8]>, subject: &[u8], text: &[u8]) -> Result<(), Code> {
        self.send_as(recipients, subject, text, None, Order::default())
    }

    /// Starts a mail, with what it has and asks for besides.
    pub fn send_as(
        self,
        recipients: Option<&[u8]>,
        subject: &[u8],
        text: &[u8],
        parts: Option<Boxed<Parts>>,
        order: Order,
    ) -> Result<(), Code> {
        let (key, slot) = self.key()?;
        begin(key, slot)?;
        let recipients = recipients.unwrap_or(&[]);
        let post = match mail::check(Some(recipients), subject, text) {
            Ok(count) => Post::new(recipients, count, subject, copied(text, parts.as_deref())),
            // It may be a list as people write them.
            Err(Reason::BadRecipients) => {
                return send_checked(key, slot, &Outgoing::of(recipients, subject, text), parts, order);
            }
            Err(reason) => {
                let wrong = Wrong::of_mail(subject, mail::code(reason), reason);
                return Err(refuse(key, &wrong, recipients));
            }
        };
        let started = start_told(key, slot, post, parts, order);
        started.map_err(|(code, reason)| refuse(key, &Wrong::of_mail(subject, code, reason), recipients))
    }

    /// Starts a mail with all that only few mails have.
    pub fn send_outgoing(self, outgoing: &Outgoing<'_>, parts: Option<Boxed<Parts>>, order: Order) -> Result<(), Code> {
        let (key, slot) = self.key()?;
        begin(key, slot)?;
        send_checked(key, slot, outgoing, parts, order)
    }

    /// Refuses a mail for one of its fields, with a line in the log.
    pub fn refuse(self, wrong: &Wrong<'_>) -> Code {
        let begun = self.key().and_then(|(key, slot)| begin(key, slot).map(|()| key));
        match begun {
            Ok(key) => refuse(key, wrong, &[]),
            Err(code) => code,
        }
    }

    /// Starts a probe: connects, greets, logs in, and leaves.
    pub fn probe(self) -> Result<(), Code> {
        let (key, slot) = self.key()?;
        begin(key, slot)?;
        start(key, None, Order::default())
            .map_err(|(code, reason)| refuse(key, &Wrong::of_mail(&[], code, reason), &[]))
    }

    /// Gives up the mail in flight, if there is one.
    pub fn cancel(self) -> Result<(), Code> {
        let (key, slot) = self.key()?;
        if slot.guard.busy() {
            let mut shared = shared();
            slot.give_up(shared.living(key)?.mail);
            let wake = shared.end_at(key.place);
            drop(shared);
            driver::wake(wake);
        }
        Ok(())
    }

    /// 14 while a mail is in flight, else the code of the last one, 0 before the first.
    pub fn status(self) -> Result<u8, Code> {
        self.key().map(|(_, slot)| slot.guard.status().code())
    }

    /// The status in FULL-C's numbers.
    pub fn program_status(self) -> Result<u16, Code> {
        self.key().map(|(_, slot)| slot.guard.status().program())
    }

    /// How the last mail ended.
    pub fn report(self) -> Result<LastMail, Code> {
        let (key, _) = self.key()?;
        shared().living(key).map(|client| client.told.whole())
    }

    /// Runs a function of the program for this client, in a call of the program's.
    pub fn run<T>(self, function: impl FnOnce() -> T) -> Result<T, Code> {
        let (_, slot) = self.key()?;
        Ok(runner::run_for(slot, function))
    }

    /// Waits until no mail is in flight; the status then, or 14 when the time was over before. Where a mail is in flight it
    /// is the status of the first one that ends.
    #[inline(never)]
    pub fn wait(self, wait: Wait) -> Result<u8, Code> {
        let (key, slot) = self.key()?;
        if calls::inside() {
            return Ok(Code::Busy.number());
        }
        let status = slot.guard.status().code();
        if status != Code::Busy.number() || wait == Wait::Milliseconds(0) {
            return Ok(status);
        }
        let mut waiting = Waiting {
            key,
            slot,
            until: wait.until(),
        };
        if polled() {
            waiting.driving()
        } else {
            waiting.sleeping()
        }
    }

    /// Hands what became of the first `most` recipients of the last mail over, each with its number, and says how many. One may be
    /// given twice: then the second time counts.
    pub fn recipients(self, most: usize, mut each: impl FnMut(usize, &Recipient<'_>)) -> Result<usize, Code> {
        let (key, _) = self.key()?;
        loop {
            if let Some(count) = recipients(key, most, &mut each)? {
                return Ok(count);
            }
            // Another mail has ended meanwhile: from the beginning.
        }
    }

    /// How many recipients the last mail had; 0 where it did not start.
    pub fn recipients_len(self) -> Result<usize, Code> {
        let (key, _) = self.key()?;
        let mut shared = shared();
        let client = shared.living(key)?;
        Ok(match &client.verdicts {
            Some(verdicts) => verdicts.len(),
            None => usize::from(client.told.has_recipient()),
        })
    }

    /// Hands the newest `most` entries of the log over, the oldest of them first, and says how many.
    pub fn log(self, most: usize, mut each: impl FnMut(&Entry)) -> Result<usize, Code> {
        let (key, _) = self.key()?;
        let mut shared = shared();
        let client = shared.living(key)?;
        Ok(client.log(most).map(&mut each).count())
    }

    /// How many entries the log has.
    pub fn log_len(self) -> Result<usize, Code> {
        let (key, _) = self.key()?;
        shared().living(key).map(|client| client.log_len())
    }
}

/// How many recipients are told of with the lock held.
const TOLD: usize = 64;

/// What [`Client::recipients`] does, without holding up others; None where another mail has ended meanwhile.
fn recipients(key: Key, most: usize, each: &mut dyn FnMut(usize, &Recipient<'_>)) -> Result<Option<usize>, Code> {
    let (mut told, mut begins, mut of) = (0usize, 0, None);
    loop {
        let mut shared = shared();
        let client = shared.living(key)?;
        if of.replace(client.ended).is_some_and(|of| of != client.ended) {
            return Ok(None);
        }
        let Some(verdicts) = &client.verdicts else {
            let only = client.told.whole();
            if !client.told.has_recipient() {
                return Ok(Some(0));
            }
            each(0, &Recipient::only(&only));
            return Ok(Some(1));
        };
        let share = most.min(verdicts.len()).saturating_sub(told).min(TOLD);
        if share == 0 {
            return Ok(Some(told));
        }
        begins = verdicts.each(told, share, begins, each);
        told = told.saturating_add(share);
    }
}

/// A thread that waits for a client's mail.
struct Waiting {
    key: Key,
    slot: &'static Slot,
    until: Option<u64>,
}

/// The longest time for which a waiting thread relies on others: then it looks itself.
const LOOK: u64 = WAKING;

/// The same, where there is no engine to drive yet.
const STARTING: u64 = 1;

impl Waiting {
    /// How many milliseconds to wait now; None when the time is over.
    fn left(&self) -> Option<u64> {
        let Some(until) = self.until else { return Some(LOOK) };
        let left = until.saturating_sub(clock::now());
        (left > 0).then(|| left.min(LOOK))
    }

    /// While the library's thread does the work.
    fn sleeping(&mut self) -> Result<u8, Code> {
        let mut shared = shared();
        let client = shared.living(self.key)?;
        let before = client.ended;
        // It may have ended before the lock was there: then another one is not waited for.
        if !self.slot.guard.busy() {
            return Ok(client.told.report.code.number());
        }
        client.waiters = client.waiters.saturating_add(1);
        loop {
            let client = shared.living(self.key)?;
            let left = self.left();
            // Without an end it is not busy where a call on a former client of this place, which took it for its own, has
            // noticed that just now.
            let busy = self.slot.guard.busy();
            if client.ended != before || left.is_none() || !busy {
                client.waiters = client.waiters.saturating_sub(1);
                return Ok(if client.ended != before {
                    client.told.report.code.number()
                } else {
                    self.slot.guard.status().code()
                });
            }
            let (locked, over) = self.slot.ended.wait(shared, left.unwrap_or(LOOK));
            shared = locked;
            if over {
                drop(shared);
                driver::look_after();
                shared = fork::shared();
            }
        }
    }

    /// Where the program drives the engine: nobody else might do the work. One of the threads that wait does it for all of
    /// them, and another one goes on when it has what it waited for.
    fn driving(&mut self) -> Result<u8, Code> {
        let mut drove = false;
        let status = self.driven(&mut drove);
        if drove {
            driver::hand_back();
        }
        status
    }

    fn driven(&mut self, drove: &mut bool) -> Result<u8, Code> {
        let mut shared = shared();
        let client = shared.living(self.key)?;
        let before = client.ended;
        if !self.slot.guard.busy() {
            return Ok(client.told.report.code.number());
        }
        loop {
            let client = shared.living(self.key)?;
            if client.ended != before {
                return Ok(client.told.report.code.number());
            }
            let busy = self.slot.guard.busy();
            let Some(mut left) = self.left().filter(|_| busy) else {
                return Ok(self.slot.guard.status().code());
            };
            if shared.drive(self.key) {
                drop(shared);
                // No longer than for this mail: then only its own client is told.
                let driven = driver::drive(left, Wanted::WithMail(self.key));
                shared = fork::shared();
                shared.stop_driving();
                if driven {
                    *drove = true;
                    continue;
                }
                // The mail is not on its way yet: another thread starts it just now.
                left = left.min(STARTING);
            }
            let client = shared.living(self.key)?;
            client.waiters = client.waiters.saturating_add(1);
            shared = DRIVEN.wait(shared, left).0;
            if let Some(client) = shared.client(self.key) {
                client.waiters = client.waiters.saturating_sub(1);
            }
        }
    }
}

/// Closes the connections of a client that functions of the program carry: they are not called any more after this.
fn let_go(key: Key, slot: &'static Slot) {
    outside::let_go(key);
    runner::wait_for(slot);
    // One whose turn it was is back now.
    outside::let_go(key);
}

/// Keeps a configuration instead of the one before, and the limit for the devices' own function.
fn keep(key: Key, snapshot: Snapshot, device_limit: Option<usize>) -> Result<(), Code> {
    let mut shared = shared();
    let slot = key.slot().ok_or(Code::BadHandle)?;
    let client = shared.living(key)?;
    client.device_limit = device_limit.unwrap_or(client.device_limit);
    let before = (
        client.snapshot.replace(snapshot),
        client.refusal.take(),
        client.keys.take(),
    );
    let keeps = before.0.as_ref().is_some_and(|snapshot| snapshot.keep_alive > 0);
    let wake = if keeps { part(&mut shared, key, slot) } else { None };
    drop(shared);
    drop(before);
    if let Some(wake) = wake {
        driver::wake(wake);
    }
    Ok(())
}

/// Has the engine look whether the client's connection is kept for a configuration that it has no more.
fn part(shared: &mut Shared, key: Key, slot: &Slot) -> Option<Wake> {
    slot.in_use().then(|| shared.end_at(key.place))
}

/// Takes a client for a mail, unless one is in flight.
fn begin(key: Key, slot: &Slot) -> Result<(), Code> {
    match slot.guard.begin(key.guard_life()) {
        Begun::Busy => {
            let wrong = Wrong::new(Code::Busy, "client", "a mail is in flight");
            Err(Client::from_handle(key.caller_handle()).refuse_configuration(&wrong))
        }
        Begun::Yes if key.slot().is_some() => Ok(()),
        // Another thread freed the client just now.
        Begun::Yes | Begun::Dead => Err(Code::BadHandle),
    }
}

/// Checks a mail with all that only few mails have, for a client that was taken for it, and starts it.
#[inline(never)]
fn send_checked(
    key: Key,
    slot: &'static Slot,
    outgoing: &Outgoing<'_>,
    parts: Option<Boxed<Parts>>,
    order: Order,
) -> Result<(), Code> {
    let logged = [outgoing.to, outgoing.cc, outgoing.bcc];
    let logged = logged.into_iter().find(|list| !list.is_empty()).unwrap_or(&[]);
    // Of the configuration, which may be another one when the mail starts, only this.
    let charset = match shared().living(key)?.snapshot.as_ref() {
        Some(snapshot) => Bounded::<CHARSET_BYTES>::new(snapshot.text(Field::Charset)),
        None => Bounded::EMPTY,
    };
    let post = match outgoing.check(charset.octets()) {
        Ok(checked) => Post::of(checked, outgoing.subject, copied(outgoing.text, parts.as_deref())),
        Err(wrong) => return Err(refuse(key, &wrong, logged)),
    };
    let started = start_told(key, slot, post, parts, order);
    started.map_err(|(code, reason)| refuse(key, &Wrong::of_mail(outgoing.subject, code, reason), logged))
}

/// What is copied of a text: nothing where it is lent.
fn copied<'a>(text: &'a [u8], parts: Option<&Parts>) -> &'a [u8] {
    if parts.is_some_and(Parts::lends_text) {
        &[]
    } else {
        text
    }
}

/// Hands a mail to the thread, where there was memory for it. The program is told of the end when its call has returned.
fn start_told(
    key: Key,
    slot: &'static Slot,
    post: Option<Post>,
    parts: Option<Boxed<Parts>>,
    order: Order,
) -> Result<(), (Code, Reason)> {
    let post = post.and_then(|post| match parts {
        Some(parts) => post.with(parts, slot),
        None => Some(post),
    });
    let mut post = post.ok_or((Code::DataFailed, Reason::NoMemory))?;
    post.set_partial(order.partial);
    let sending = order.done.map(|_| Running::of(&slot.sending));
    let started = start(key, Some(post), order);
    if sending.map(drop).is_some() && calls::queued() {
        driver::wake_again();
    }
    started
}

/// Hands a mail to the thread.
fn start(key: Key, post: Option<Post>, order: Order) -> Result<(), (Code, Reason)> {
    let no_memory = (Code::DataFailed, Reason::NoMemory);
    let mut started_now = None;
    let mut shared = shared();
    let started = clock::now();
    let client = shared.living(key).map_err(|code| (code, Reason::NoMemory))?;
    let snapshot = client
        .snapshot
        .as_ref()
        .ok_or((Code::ConnectFailed, Reason::NotConfigured))?
        .share();
    let carried = match &client.given {
        Some(given) => Some(Carried::new(**given).ok_or(no_memory)?),
        None => None,
    };
    let promise = match order.done {
        Some(done) => Some(Promise::new(key, done).ok_or(no_memory)?),
        None => None,
    };
    client.progress = (0, 0);
    client.mail = client.mail.wrapping_add(1).max(1);
    // What the mail before left.
    let before = (client.refusal.take(), client.dialogue.take());
    let mail = client.mail;
    if !shared.started() {
        let started = driver::start()?;
        shared.set_started(started.worker, started.thread);
        started_now = started.engine;
    }
    let wake = shared.start(Start {
        key,
        mail,
        snapshot,
        post,
        order,
        promise,
        carried,
        started,
    });
    drop(shared);
    drop(before);
    // Also where this mail finds no memory: the next one takes the engine for started.
    driver::install(started_now);
    driver::wake(wake.ok_or(no_memory)?);
    Ok(())
}

/// Ends a mail that did not start. What is wrong with it is the text of its result, too.
fn refuse(key: Key, wrong: &Wrong<'_>, recipients: &[u8]) -> Code {
    let mut report = Report::unsent(wrong.code, Phase::Start, Outcome::NotSent, Reason::None);
    let words = in_words(wrong);
    report.text = Bounded::new(words.as_deref().unwrap_or(b"out of memory"));
    hint::explain(&mut report, &Settings::NONE, None);
    let first = List::new(recipients).next().unwrap_or(&[]);
    let logged = Bounded::<LOG_RECIPIENT_BYTES>::written(|room| write_recipient(room, first));
    let count = Count::try_from(List::new(recipients).count()).unwrap_or(Count::MAX);
    let count = if recipients.is_empty() { 0 } else { count };
    let mut shared = shared();
    if let Some(client) = shared.client(key) {
        client.refusal = words;
    }
    let notice = shared.publish(key, &LastMail::without_id(report), count, logged.octets());
    drop(shared);
    notice.tell();
    wrong.code
}
