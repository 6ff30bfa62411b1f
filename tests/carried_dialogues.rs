//! Every dialogue, played on the host through the functions of a transport that moves one octet at a time: the session is the
//! same, and so must be what it says and how it ends. What needs time that passes, or a network that stands still, is left out.

#![cfg(feature = "std")]
#![allow(unsafe_code)]

mod common;

use std::collections::VecDeque;
use std::ffi::{c_char, c_void};
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use common::dialogue::{Connection, Dialogue, Expected, Item, names};
use common::observer::show;
use sds_smtp::channel::Transport;
use sds_smtp::channel::transport::{
    SDS_SMTP_LOST, SDS_SMTP_NO_SOCKET, SDS_SMTP_REFUSED, SDS_SMTP_TRANSPORT_TLS_FAILED, SDS_SMTP_TRANSPORT_UNTRUSTED,
    SDS_SMTP_UNREACHABLE, sds_smtp_address, sds_smtp_transport,
};
use sds_smtp::client::settings::{Draft, mechanisms};
use sds_smtp::code::{Code, Outcome, Reason};
use sds_smtp::host::{Client, LastMail, Mode, Order, Outgoing, Wait};
use sds_smtp::session::job::Security;
use sds_smtp::wire::capability::{Capabilities, Capability};

/// How often the client listens and says nothing before a line counts as left out that it may say.
const SILENCES: u32 = 8;

/// A dialogue, and how far it is.
struct Play {
    dialogue: Dialogue,
    client: Client,
    at: usize,
    /// What the client has said and no item has taken.
    said: Vec<u8>,
    /// What the server has to say.
    says: VecDeque<u8>,
    /// How often the client has listened since it said something.
    silences: u32,
    ended: bool,
    connects: u32,
    closes: u32,
    wrong: Option<String>,
}

impl Play {
    fn is_wrong(&mut self, message: String) {
        let line = self.dialogue.items.get(self.at).map_or(0, |(line, _)| *line);
        let path = &self.dialogue.path;
        self.wrong.get_or_insert(format!("{path}:{line}: {message}"));
    }

    /// Goes on to the item that has to wait for something.
    fn go_on(&mut self) {
        while let Some((_, item)) = self.dialogue.items.get(self.at).cloned() {
            match item {
                Item::Server { octets, .. } => self.says.extend(octets),
                Item::Said(line) => {
                    let length = line.len().min(self.said.len());
                    if self.said[..length] != line[..length] {
                        let said = show(&self.said);
                        self.is_wrong(format!("expected {}, the client says: {said}", show(&line)));
                        return;
                    }
                    if length < line.len() {
                        return;
                    }
                    self.said.drain(..length);
                }
                Item::OptionalLine(line) => {
                    let length = line.len().min(self.said.len());
                    let begins = self.said[..length] == line[..length];
                    if begins && length == line.len() {
                        self.said.drain(..length);
                    } else if begins && self.silences < SILENCES {
                        return;
                    }
                }
                Item::Mail(_) => {
                    // It comes octet by octet, and nothing behind the dot before it is answered.
                    if !self.said.ends_with(b"\r\n.\r\n") {
                        return;
                    }
                    self.said.clear();
                }
                Item::Chunk { last, .. } => {
                    // Its size varies with the date.
                    let Some(end) = self.said.iter().position(|octet| *octet == b'\n') else {
                        return;
                    };
                    let line = String::from_utf8_lossy(&self.said[..end]).into_owned();
                    let size = line.strip_prefix("BDAT ").and_then(|size| size.strip_suffix('\r'));
                    let (size, ends) = match size.and_then(|size| size.strip_suffix(" LAST")) {
                        Some(size) => (Some(size), true),
                        None => (size, false),
                    };
                    let Some(size) = size
                        .and_then(|size| size.parse::<usize>().ok())
                        .filter(|_| ends == last)
                    else {
                        self.is_wrong(format!("expected a chunk, the client says: {line}"));
                        return;
                    };
                    if self.said.len() < end + 1 + size {
                        return;
                    }
                    self.said.drain(..end + 1 + size);
                }
                Item::Close => {
                    if !self.says.is_empty() {
                        return;
                    }
                    self.ended = true;
                }
                Item::Cancel => {
                    if !self.says.is_empty() || self.silences < SILENCES {
                        return;
                    }
                    self.client.cancel().expect("it lives");
                }
                // connect() goes on, or start_tls().
                // Or the program does.
                Item::Reconnect(_) | Item::Handshake(_) | Item::NextMail | Item::Leave => return,
                Item::Verdict(_) | Item::Wait(_) => {}
                Item::Part | Item::Stall(_) | Item::Flow => unreachable!("left out"),
            }
            self.at += 1;
        }
    }

    fn connect(&mut self) -> i32 {
        let connection = match self.dialogue.items.get(self.at) {
            _ if self.connects + self.closes == 0 && self.at == 0 => self.dialogue.connection,
            Some((_, Item::Reconnect(connection))) => {
                let connection = *connection;
                self.at += 1;
                connection
            }
            _ => {
                self.is_wrong("a connection that is not expected".into());
                Connection::Fails(Reason::Refused)
            }
        };
        self.said.clear();
        self.says.clear();
        self.ended = false;
        match connection {
            Connection::Fails(Reason::Refused) => SDS_SMTP_REFUSED,
            Connection::Fails(Reason::Unreachable) => SDS_SMTP_UNREACHABLE,
            Connection::Fails(Reason::NoSocket) => SDS_SMTP_NO_SOCKET,
            Connection::Fails(_) => SDS_SMTP_LOST,
            Connection::Stands | Connection::Hangs => {
                self.connects += 1;
                self.go_on();
                0
            }
        }
    }

    fn start_tls(&mut self) -> i32 {
        // What stands there is no TLS.
        if !self.says.is_empty() {
            return SDS_SMTP_TRANSPORT_TLS_FAILED;
        }
        let Some((_, Item::Handshake(ended))) = self.dialogue.items.get(self.at).cloned() else {
            return match self.dialogue.items.get(self.at) {
                Some((_, Item::Close)) => SDS_SMTP_LOST,
                // Until it is cancelled, or late.
                Some((_, Item::Cancel)) => {
                    self.silences += 1;
                    self.go_on();
                    0
                }
                _ => {
                    self.is_wrong("a handshake that is not expected".into());
                    SDS_SMTP_TRANSPORT_TLS_FAILED
                }
            };
        };
        self.at += 1;
        match ended {
            None => {
                self.go_on();
                1
            }
            Some(Reason::Untrusted) => SDS_SMTP_TRANSPORT_UNTRUSTED,
            Some(_) => SDS_SMTP_TRANSPORT_TLS_FAILED,
        }
    }

    fn send(&mut self, octet: u8) -> i32 {
        self.said.push(octet);
        self.silences = 0;
        self.go_on();
        1
    }

    fn receive(&mut self) -> Option<u8> {
        self.silences += 1;
        self.go_on();
        self.says.pop_front()
    }
}

fn with<T>(context: *mut c_void, run: impl FnOnce(&mut Play) -> T) -> T {
    // SAFETY: the test keeps it until the client is freed.
    let play = unsafe { &*context.cast::<Mutex<Play>>() };
    run(&mut play.lock().expect("no function panics"))
}

unsafe extern "C" fn connect(context: *mut c_void, _: *const sds_smtp_address) -> i32 {
    with(context, Play::connect)
}

unsafe extern "C" fn start_tls(context: *mut c_void, name: *const c_char) -> i32 {
    assert!(name.is_null(), "the server is an address");
    with(context, Play::start_tls)
}

unsafe extern "C" fn connected(_: *mut c_void) -> i32 {
    1
}

unsafe extern "C" fn send(context: *mut c_void, octets: *const u8, _: usize) -> i32 {
    // SAFETY: there is one at least.
    let octet = unsafe { *octets };
    with(context, |play| play.send(octet))
}

unsafe extern "C" fn receive(context: *mut c_void, octets: *mut u8, _: usize) -> i32 {
    with(context, |play| match play.receive() {
        Some(octet) => {
            // SAFETY: there is room for one at least.
            unsafe { *octets = octet };
            1
        }
        None if play.ended => SDS_SMTP_LOST,
        None => 0,
    })
}

unsafe extern "C" fn close(context: *mut c_void) -> i32 {
    with(context, |play| play.closes += 1);
    1
}

unsafe extern "C" fn local_address(context: *mut c_void, out: *mut sds_smtp_address) -> i32 {
    let local = with(context, |play| play.dialogue.setup.local);
    // SAFETY: a whole structure.
    let out = unsafe { &mut *out };
    match local {
        IpAddr::V4(v4) => {
            out.version = 4;
            out.octets[..4].copy_from_slice(&v4.octets());
        }
        IpAddr::V6(v6) => {
            out.version = 6;
            out.octets = v6.octets();
        }
    }
    0
}

/// Whether the login is one with SCRAM, whose nonce is another one each time, or with a token, which needs TLS.
fn is_elsewhere(dialogue: &Dialogue) -> bool {
    let here = Capabilities::MECHANISMS.with(Capabilities::of(&[Capability::CramMd5]));
    !dialogue.setup.mechanisms.without(here).is_empty() || dialogue.setup.verified
}

/// Whether it can be played without a time that is simulated.
fn is_playable(dialogue: &Dialogue) -> bool {
    // Between two mails a second can be waited for. Where the second mail fails with its connection, the host takes another one.
    let keeps = dialogue.setup.keep;
    let waits = if keeps { MORE_THAN_A_SECOND } else { 0 };
    let exact = |item: &Item| matches!(item, Item::Wait(1..=1000));
    let fails = |item: &Item| {
        matches!(item, Item::Close)
            || matches!(item, Item::Server { octets, .. } if [&b"421"[..], b"502", b"220 other"].iter().any(|code| octets.starts_with(code)))
    };
    if keeps && dialogue.items.iter().any(|(_, item)| exact(item) || fails(item)) {
        return false;
    }
    let odd = |item: &Item| {
        matches!(item, Item::Part | Item::Stall(_) | Item::Flow)
            || matches!(item, Item::Wait(milliseconds) if *milliseconds > waits)
            || matches!(item, Item::Reconnect(Connection::Hangs))
    };
    !dialogue.elsewhere
        && !dialogue.whole_only
        && dialogue.connection != Connection::Hangs
        && !is_elsewhere(dialogue)
        && !dialogue.items.iter().any(|(_, item)| odd(item))
}

/// What a dialogue waits for that says RSET before the next mail, in milliseconds.
const MORE_THAN_A_SECOND: u32 = 1001;

fn configure(client: Client, dialogue: &Dialogue) -> Result<(), Code> {
    let setup = &dialogue.setup;
    let login = !setup.mechanisms.is_empty();
    let draft = Draft {
        server: Some(b"192.0.2.1"),
        auth: (1..128)
            .map(|half| 2 * half)
            .find(|auth| mechanisms(*auth) == Ok(setup.mechanisms))
            .unwrap_or(0),
        username: login.then_some(&setup.user),
        password: login.then_some(&setup.password),
        sender: Some(&setup.sender),
        sender_name: Some(&setup.sender_name),
        ehlo_name: setup.ehlo_name.as_deref(),
        charset: Some(&setup.charset),
        no_pipelining: !setup.pipelining,
        chunking: setup.chunking,
        timeouts: setup.timeouts,
        ..Draft::default()
    };
    client.set_up(&sds_smtp::host::Setup {
        tls: match setup.security {
            Security::None => None,
            Security::Required => Some(Mode::StartTls),
            Security::Opportunistic => Some(Mode::Opportunistic),
        },
        keep_alive: if setup.keep { 60_000 } else { 0 },
        ..sds_smtp::host::Setup::of(&draft)
    })
}

fn start(client: Client, dialogue: &Dialogue) -> Result<(), Code> {
    let setup = &dialogue.setup;
    if setup.probe {
        return client.probe();
    }
    let order = Order {
        dry: setup.dry,
        partial: setup.partial,
        done: None,
    };
    let Some(parameters) = &setup.parameters else {
        return client.send_as(Some(&setup.to), &setup.subject, &setup.text, None, order);
    };
    let outgoing = Outgoing {
        verb: parameters.verb,
        notify: parameters.notify,
        envelope_id: &setup.envelope_id,
        reverse_path: match &parameters.reverse_path {
            None => b"",
            Some(path) if path.octets().is_empty() => b"<>",
            Some(path) => path.octets(),
        },
        ..Outgoing::of(&setup.to, &setup.subject, &setup.text)
    };
    client.send_outgoing(&outgoing, None, order)
}

/// What is expected, but for what only simulated time makes exact.
fn holds(expected: &Expected, told: &LastMail, verdicts: &[(Outcome, u16)]) -> bool {
    let report = &told.report;
    let text = String::from_utf8_lossy(report.text.octets());
    match expected {
        Expected::Code(code) => report.code.number() == *code,
        Expected::Outcome(outcome) => report.outcome == *outcome,
        Expected::Phase(phase) => report.phase == *phase,
        Expected::Reply(reply) => report.reply == *reply,
        // Behind it may stand what it means.
        Expected::Text(expected) => text.starts_with(expected.as_str()),
        Expected::TextPart(part) => text.contains(part.as_str()),
        Expected::NoTextPart(part) => !text.contains(part.as_str()),
        Expected::Accepted(accepted) => report.recipients.0 == *accepted,
        Expected::Refused(refused) => report.recipients.1 == *refused,
        Expected::Recipient(_) => true,
        Expected::RecipientVerdict(at, outcome, reply) => verdicts.get(*at) == Some(&(*outcome, *reply)),
    }
}

fn play(dialogue: Dialogue) -> Result<(), String> {
    let client = Client::new().ok_or("no client")?;
    let path = dialogue.path.clone();
    let play = Arc::new(Mutex::new(Play {
        dialogue: dialogue.clone(),
        client,
        at: 0,
        said: Vec::new(),
        says: VecDeque::new(),
        silences: 0,
        ended: false,
        connects: 0,
        closes: 0,
        wrong: None,
    }));
    let transport = sds_smtp_transport {
        struct_size: u32::try_from(size_of::<sds_smtp_transport>()).expect("small"),
        flags: 0,
        context: Arc::as_ptr(&play).cast_mut().cast(),
        connect: Some(connect),
        connected: Some(connected),
        send: Some(send),
        receive: Some(receive),
        close: Some(close),
        local_address: Some(local_address),
        random: None,
        start_tls: (dialogue.setup.security != Security::None).then_some(start_tls),
        resolve: None,
        descriptor: None,
        reserved: std::ptr::null(),
    };
    // SAFETY: the functions take this context, which lives until the client is freed.
    let given = unsafe { Transport::new(transport) }.ok_or("no transport")?;
    client.set_transport(Some(given)).map_err(|code| format!("{code:?}"))?;
    let not_started = |code| format!("{path}: not started: {code:?}");
    configure(client, &dialogue).map_err(not_started)?;
    start(client, &dialogue).map_err(not_started)?;
    let mut code = client.wait(Wait::Milliseconds(60_000));
    let until = Instant::now() + Duration::from_secs(5);
    while is_before_next_mail(&play) && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(1));
    }
    while let Some(wait) = next_mail(&play) {
        std::thread::sleep(Duration::from_millis(wait));
        start(client, &dialogue).map_err(not_started)?;
        code = client.wait(Wait::Milliseconds(60_000));
    }
    if leaves(&play) {
        configure(client, &dialogue).map_err(not_started)?;
    }
    let told = client.report().map_err(|code| format!("{code:?}"))?;
    let mut verdicts = Vec::new();
    client
        .recipients(usize::MAX, |_, recipient| {
            verdicts.push((recipient.outcome, recipient.reply))
        })
        .map_err(|code| format!("{code:?}"))?;
    // What follows the verdict is heard out.
    let until = Instant::now() + Duration::from_secs(20);
    let is_over = || play.lock().is_ok_and(|play| play.closes == play.connects);
    while !is_over() && Instant::now() < until {
        if play
            .lock()
            .is_ok_and(|play| play.at == play.dialogue.items.len() && play.silences > 4 * SILENCES)
        {
            break;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    client.free().map_err(|code| format!("{code:?}"))?;
    let play = play.lock().map_err(|_| "a function panicked")?;
    if let Some(wrong) = &play.wrong {
        return Err(wrong.clone());
    }
    if play.connects != play.closes {
        return Err(format!("{path}: {} connects, {} closes", play.connects, play.closes));
    }
    let rest = dialogue.items.get(play.at..).unwrap_or(&[]);
    let silent = |item: &Item| matches!(item, Item::OptionalLine(_) | Item::Close | Item::Verdict(_));
    if rest.iter().any(|(_, item)| !silent(item)) {
        return Err(format!(
            "{path}: it did not go on from {:?}; code {code:?}",
            rest.first()
        ));
    }
    for (line, expected) in &dialogue.expected {
        if !holds(expected, &told, &verdicts) {
            return Err(format!(
                "{path}:{line}: expected {expected:?}: {:?}, {}",
                told.report.code,
                show(told.report.text.octets())
            ));
        }
    }
    Ok(())
}

/// Whether something is to be said or heard before the next mail.
fn is_before_next_mail(play: &Mutex<Play>) -> bool {
    let play = play.lock().expect("no function panics");
    let mut rest = play.dialogue.items.iter().skip(play.at);
    let wrong = play.wrong.is_some();
    !wrong
        && rest
            .position(|(_, item)| matches!(item, Item::NextMail))
            .is_some_and(|at| at > 0)
}

/// Whether the program is to send the next mail, and after how many milliseconds.
fn next_mail(play: &Mutex<Play>) -> Option<u64> {
    let mut play = play.lock().expect("no function panics");
    let Some((_, Item::NextMail)) = play.dialogue.items.get(play.at) else {
        return None;
    };
    let before = play
        .at
        .checked_sub(1)
        .and_then(|before| play.dialogue.items.get(before));
    let wait = match before {
        // The clock is not as exact as this.
        Some((_, Item::Wait(wait))) => u64::from(*wait) + 100,
        _ => 0,
    };
    play.at += 1;
    Some(wait)
}

/// Whether another configuration is to end what was kept.
fn leaves(play: &Mutex<Play>) -> bool {
    let mut play = play.lock().expect("no function panics");
    let leaves = matches!(play.dialogue.items.get(play.at), Some((_, Item::Leave)));
    play.at += usize::from(leaves);
    leaves
}

#[test]
fn every_dialogue_goes_through_functions_that_move_one_octet_at_a_time() {
    let dialogues: Vec<Dialogue> = names().iter().map(|name| Dialogue::load(name)).collect();
    let all = dialogues.iter().filter(|dialogue| !is_elsewhere(dialogue)).count();
    let left = Mutex::new(dialogues.into_iter().filter(is_playable).collect::<Vec<_>>());
    let played = left.lock().expect("no thread panics").len();
    assert!(played * 3 > all * 2, "{played} of {all}");
    let failures = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                loop {
                    let next = left.lock().expect("no thread panics").pop();
                    let Some(dialogue) = next else { return };
                    if let Err(message) = play(dialogue) {
                        failures.lock().expect("no thread panics").push(message);
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().expect("no thread panics");
    assert!(
        failures.is_empty(),
        "{} of {played}:\n{}",
        failures.len(),
        failures.join("\n")
    );
}
