//! Mails to several recipients: whoever is accepted gets exactly one mail, and each verdict is what the server has seen. The server
//! counts by recipient. Everything goes to 127.0.0.1.
//!
//! `SDS_SMTP_SEED` chooses the random numbers.
#![cfg(feature = "std")]

// It asks the system for what the standard library does not show.
#[path = "recipients/moods.rs"]
mod moods;
#[allow(unsafe_code)]
#[path = "common/peer.rs"]
mod peer;
#[path = "common/random.rs"]
mod random;

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use peer::system;
use random::Random;
use sds_smtp::client::settings::Draft;
use sds_smtp::code::{Outcome, Phase};
use sds_smtp::host::{Client, Order, Setup, Wait};
use sds_smtp::limits::Timeouts;

/// Connections that break off in a test.
const CUTS: usize = 1_000;

/// What the server does.
#[derive(Clone)]
struct Manners {
    /// So many recipients have room in a transaction.
    room: usize,
    /// Those that are refused take room, too.
    refused_take_room: bool,
    /// What is said of the others.
    full: &'static str,
    /// The answer to RCPT of a recipient with this number, where it is not accepted.
    refuses: fn(usize) -> Option<&'static str>,
    pipelining: bool,
    /// What EHLO says besides.
    offers: &'static str,
    /// The answer to the end of the data, the so-manieth of the connection, where it is not accepted.
    end: fn(usize) -> Option<&'static str>,
    /// The answer to MAIL, the so-manieth of the connection, where it is not accepted.
    mail: fn(usize) -> Option<&'static str>,
    /// It closes behind so many mails.
    mails: usize,
    /// It knows BDAT, and swallows every chunk, whatever it says to it.
    chunks: bool,
}

const FAIR: Manners = Manners {
    room: 100,
    refused_take_room: false,
    full: "452 4.5.3 Too many recipients",
    refuses: |_| None,
    pipelining: true,
    offers: "",
    end: |_| None,
    mail: |_| None,
    mails: usize::MAX,
    chunks: false,
};

fn every_seventh(number: usize) -> Option<&'static str> {
    (number % 7 == 6).then_some("550 5.1.1 <R>: no such user here")
}

/// When a connection breaks off: after so many octets heard, or said.
#[derive(Clone, Copy)]
struct Cut {
    heard: usize,
    said: usize,
    reset: bool,
    /// A mail whose end was heard is taken, although that cannot be said any more.
    takes: bool,
}

const NEVER: Cut = Cut {
    heard: usize::MAX,
    said: usize::MAX,
    reset: false,
    takes: true,
};

/// What the server has seen.
#[derive(Default)]
struct Ledger {
    /// How often each recipient got a mail, by subject and recipient.
    got: Mutex<HashMap<(String, String), usize>>,
    /// The Message-ID and Date of each subject.
    ids: Mutex<HashMap<String, String>>,
    faults: Mutex<Vec<String>>,
    /// The RCPTs of each transaction.
    transactions: Mutex<Vec<usize>>,
    connections: AtomicUsize,
    cuts: AtomicUsize,
}

impl Ledger {
    fn got(&self, subject: &str, recipient: &str) -> usize {
        let key = (subject.to_string(), recipient.to_string());
        self.got.lock().unwrap().get(&key).copied().unwrap_or(0)
    }

    fn take(&self, text: &str, recipients: &[String]) {
        let field = |name: &str| {
            text.lines()
                .find_map(|line| line.strip_prefix(name))
                .unwrap_or("")
                .to_string()
        };
        let (subject, id) = (field("Subject: "), field("Message-ID: ") + &field("Date: "));
        let known = self
            .ids
            .lock()
            .unwrap()
            .entry(subject.clone())
            .or_insert(id.clone())
            .clone();
        if known != id {
            self.faults
                .lock()
                .unwrap()
                .push(format!("{subject} came as {known} and as {id}"));
        }
        let mut got = self.got.lock().unwrap();
        for recipient in recipients {
            *got.entry((subject.clone(), recipient.clone())).or_default() += 1;
        }
    }
}

/// The number in an address such as r17@example.test.
fn number_of(address: &str) -> usize {
    address
        .trim_start_matches('r')
        .split('@')
        .next()
        .unwrap()
        .parse()
        .unwrap()
}

struct Over;

struct Conversation {
    stream: BufReader<TcpStream>,
    unsaid: Vec<u8>,
    cut: Cut,
    ledger: Arc<Ledger>,
}

impl Conversation {
    fn hear(&mut self) -> Result<String, Over> {
        if !self.stream.buffer().contains(&b'\n') {
            self.flush()?;
        }
        let mut line = Vec::new();
        if self.stream.read_until(b'\n', &mut line).unwrap_or(0) == 0 {
            return Err(Over);
        }
        if line.len() > self.cut.heard {
            return Err(self.cut());
        }
        self.cut.heard -= line.len();
        Ok(String::from_utf8_lossy(&line).into_owned())
    }

    /// Hears a chunk.
    fn swallow(&mut self, octets: usize) -> Result<String, Over> {
        if self.stream.buffer().len() < octets {
            self.flush()?;
        }
        let mut chunk = vec![0; octets.min(self.cut.heard)];
        self.stream.read_exact(&mut chunk).map_err(|_| Over)?;
        if chunk.len() < octets {
            return Err(self.cut());
        }
        self.cut.heard -= octets;
        Ok(String::from_utf8_lossy(&chunk).into_owned())
    }

    fn say(&mut self, line: &str) {
        self.unsaid.extend_from_slice(line.as_bytes());
        self.unsaid.extend_from_slice(b"\r\n");
    }

    fn flush(&mut self) -> Result<(), Over> {
        let unsaid = std::mem::take(&mut self.unsaid);
        let length = unsaid.len().min(self.cut.said);
        let written = self.stream.get_mut().write_all(&unsaid[..length]);
        self.cut.said -= length;
        match written {
            Ok(()) if length == unsaid.len() => Ok(()),
            Ok(()) => Err(self.cut()),
            Err(_) => Err(Over),
        }
    }

    fn cut(&self) -> Over {
        self.ledger.cuts.fetch_add(1, Ordering::Relaxed);
        if self.cut.reset {
            system::reset_when_closed(self.stream.get_ref());
        }
        Over
    }

    fn hold(&mut self, manners: &Manners) -> Result<(), Over> {
        self.say("220 counting.example ESMTP");
        let (mut recipients, mut taken_room, mut asked) = (Vec::new(), 0, 0);
        let (mut mails, mut ends) = (0, 0);
        let mut text = String::new();
        loop {
            let line = self.hear()?;
            match line.get(..4).unwrap_or_default() {
                "EHLO" => {
                    let pipelining = if manners.pipelining { "250-PIPELINING\r\n" } else { "" };
                    self.say(&format!(
                        "250-counting.example\r\n{}{pipelining}250 8BITMIME",
                        manners.offers
                    ));
                }
                "MAIL" => {
                    mails += 1;
                    (recipients, taken_room, asked) = (Vec::new(), 0, 0);
                    text.clear();
                    let answer = (manners.mail)(mails).unwrap_or("250 2.1.0 ok");
                    self.say(answer);
                    if answer.starts_with("421") {
                        return self.flush();
                    }
                }
                "RCPT" => {
                    asked += 1;
                    let address = line.split(['<', '>']).nth(1).unwrap_or("");
                    if taken_room >= manners.room {
                        self.say(manners.full);
                    } else if let Some(refusal) = (manners.refuses)(number_of(address)) {
                        taken_room += usize::from(manners.refused_take_room);
                        self.say(&refusal.replace('R', address));
                    } else {
                        taken_room += 1;
                        recipients.push(address.to_string());
                        self.say("250 2.1.5 ok");
                    }
                }
                "DATA" if recipients.is_empty() => self.say("554 5.5.1 no valid recipients"),
                "DATA" => {
                    self.ledger.transactions.lock().unwrap().push(asked);
                    self.say("354 go on");
                    loop {
                        match self.hear()?.as_str() {
                            ".\r\n" => break,
                            line => text.push_str(line),
                        }
                    }
                    ends += 1;
                    self.end((manners.end)(ends), &text, &mut recipients);
                    if ends == manners.mails {
                        return self.flush();
                    }
                }
                "BDAT" if manners.chunks => {
                    let mut words = line.split_whitespace().skip(1);
                    let octets = words.next().and_then(|word| word.parse().ok()).unwrap_or(0);
                    let chunk = self.swallow(octets)?;
                    text.push_str(&chunk);
                    if recipients.is_empty() {
                        self.say("503 5.5.1 no valid recipients");
                    } else if words.next().is_none() {
                        self.say("250 2.0.0 go on");
                    } else {
                        ends += 1;
                        self.ledger.transactions.lock().unwrap().push(asked);
                        self.end((manners.end)(ends), &text, &mut recipients);
                        if ends == manners.mails {
                            return self.flush();
                        }
                    }
                }
                "BDAT" => self.say("500 5.5.1 what?"),
                "RSET" => {
                    recipients.clear();
                    self.say("250 2.0.0 ok");
                }
                "QUIT" => {
                    self.say("221 bye");
                    return self.flush();
                }
                "NOOP" => self.say("250 ok"),
                _ => self.say("500 5.5.1 what?"),
            }
        }
    }

    /// Answers the end of a mail.
    fn end(&mut self, answer: Option<&str>, text: &str, recipients: &mut Vec<String>) {
        self.say(answer.unwrap_or("250 2.0.0 queued as 7"));
        // It is taken where it can be answered, and else where the fate says so.
        let answered = self.unsaid.len() <= self.cut.said;
        if answer.is_none() && (answered || self.cut.takes) {
            self.ledger.take(text, recipients);
        }
        recipients.clear();
    }
}

struct Server {
    address: SocketAddr,
    ledger: Arc<Ledger>,
    stop: Arc<AtomicBool>,
    listener: Option<JoinHandle<()>>,
}

impl Server {
    fn start(manners: Manners, cut: impl Fn() -> Cut + Send + 'static) -> Self {
        let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = socket.local_addr().unwrap();
        let (ledger, stop) = (Arc::new(Ledger::default()), Arc::new(AtomicBool::new(false)));
        let (counted, stopped) = (ledger.clone(), stop.clone());
        let listener = thread::spawn(move || {
            for stream in socket.incoming() {
                if stopped.load(Ordering::Acquire) {
                    return;
                }
                let Ok(stream) = stream else { continue };
                counted.connections.fetch_add(1, Ordering::Relaxed);
                stream.set_nodelay(true).unwrap();
                let mut conversation = Conversation {
                    stream: BufReader::with_capacity(65_536, stream),
                    unsaid: Vec::new(),
                    cut: cut(),
                    ledger: counted.clone(),
                };
                // One after the other: a client makes no two at once.
                let _ = conversation.hold(&manners);
            }
        });
        Self {
            address,
            ledger,
            stop,
            listener: Some(listener),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        let _ = TcpStream::connect(self.address);
        if let Some(listener) = self.listener.take() {
            let _ = listener.join();
        }
    }
}

/// What is told of a recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Verdict {
    address: String,
    code: u8,
    outcome: Outcome,
    reply: u16,
    enhanced: [u32; 3],
    text: String,
}

fn verdicts(client: Client) -> Vec<Verdict> {
    let mut all = Vec::new();
    let count = client
        .recipients(usize::MAX, |at, recipient| {
            assert_eq!(at, all.len());
            all.push(Verdict {
                address: String::from_utf8_lossy(recipient.address).into_owned(),
                code: recipient.code.number(),
                outcome: recipient.outcome,
                reply: recipient.reply,
                enhanced: recipient.enhanced,
                text: String::from_utf8_lossy(recipient.text.octets()).into_owned(),
            });
        })
        .unwrap();
    assert_eq!((count, client.recipients_len()), (all.len(), Ok(all.len())));
    all
}

/// A client of a server, with so many further attempts.
struct Sender {
    client: Client,
    mails: usize,
}

impl Sender {
    fn new(server: &Server, retry_max: u32) -> Self {
        Self::keeping(server, retry_max, 0)
    }

    fn keeping(server: &Server, retry_max: u32, keep_alive: u32) -> Self {
        let client = Client::new().unwrap();
        let address = server.address.to_string();
        let mut setup = Setup::of(&Draft {
            server: Some(address.as_bytes()),
            sender: Some(b"sds@example.test"),
            // Of a server that does not offer it nothing changes.
            chunking: true,
            timeouts: Timeouts {
                quit: 200,
                ..Timeouts::default()
            },
            ..Draft::default()
        });
        setup.retry_max = retry_max;
        setup.retry_delay = 1;
        setup.keep_alive = keep_alive;
        client.set_up(&setup).unwrap();
        Self { client, mails: 0 }
    }

    /// Sends a mail to r0, r1 and so on, so many of them; its subject, and its code.
    fn send(&mut self, recipients: usize, partial: bool) -> (String, u8) {
        self.send_text(recipients, partial, "Text.\n")
    }

    fn send_text(&mut self, recipients: usize, partial: bool, text: &str) -> (String, u8) {
        self.mails += 1;
        let subject = format!("alarm-{}", self.mails);
        let list: Vec<String> = (0..recipients)
            .map(|number| format!("r{number}@example.test"))
            .collect();
        let order = Order {
            partial,
            ..Order::default()
        };
        let list = list.join(", ");
        self.client
            .send_as(Some(list.as_bytes()), subject.as_bytes(), text.as_bytes(), None, order)
            .unwrap();
        let code = self.client.wait(Wait::Milliseconds(120_000)).unwrap();
        assert_ne!(code, 14, "it does not end");
        (subject, code)
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        let _ = self.client.free();
    }
}

/// Compares what is told with what the server has: nobody got it twice, whoever is told to have it has it, and nobody else.
fn compare(ledger: &Ledger, subject: &str, told: &[Verdict]) {
    for verdict in told {
        let got = ledger.got(subject, &verdict.address);
        let right = match verdict.outcome {
            Outcome::Sent => got == 1 && verdict.code == 0,
            Outcome::NotSent => got == 0 && verdict.code != 0,
            Outcome::Unknown => got <= 1 && verdict.code != 0,
            Outcome::None => false,
        };
        assert!(right, "{subject}: {verdict:?}, and it has {got}");
    }
    let faults = ledger.faults.lock().unwrap();
    assert!(faults.is_empty(), "{faults:?}");
}

#[test]
fn ten_thousand_recipients_get_one_mail_each_in_as_many_transactions_as_it_takes() {
    for manners in [
        FAIR,
        Manners {
            refused_take_room: true,
            ..FAIR
        },
        // It does not say what it means.
        Manners { full: "452 no", ..FAIR },
        Manners {
            full: "552 5.2.2 over",
            ..FAIR
        },
        Manners {
            full: "550 too many recipients",
            pipelining: false,
            ..FAIR
        },
    ] {
        let full = manners.full;
        let server = Server::start(
            Manners {
                refuses: every_seventh,
                ..manners
            },
            || NEVER,
        );
        let mut sender = Sender::new(&server, 0);
        let (subject, code) = sender.send(10_000, true);
        let told = verdicts(sender.client);
        let report = sender.client.report().unwrap();
        assert_eq!(
            (code, report.outcome, told.len()),
            (41, Outcome::Sent, 10_000),
            "{full}"
        );
        compare(&server.ledger, &subject, &told);
        for (number, verdict) in told.iter().enumerate() {
            let address = format!("r{number}@example.test");
            let wanted = if number % 7 == 6 {
                Verdict {
                    text: format!("5.1.1 <{address}>: no such user here"),
                    address,
                    code: 12,
                    outcome: Outcome::NotSent,
                    reply: 550,
                    enhanced: [5, 1, 1],
                }
            } else {
                Verdict {
                    text: "2.0.0 queued as 7".into(),
                    address,
                    code: 0,
                    outcome: Outcome::Sent,
                    reply: 250,
                    enhanced: [2, 0, 0],
                }
            };
            assert_eq!(*verdict, wanted, "{full}");
        }
        assert_eq!(report.recipients, (8_572, 1_428), "{full}");
        assert_eq!((report.reply, report.attempts), (550, 1));
        assert_eq!(report.text.octets(), b"5.1.1 <r6@example.test>: no such user here");
        assert_eq!(report.recipient.octets(), b"r6@example.test");
        assert!(report.decided);
        assert_eq!(server.ledger.connections.load(Ordering::Relaxed), 1);
        let transactions = server.ledger.transactions.lock().unwrap();
        let asked: usize = transactions.iter().sum();
        // Not all of the rest each time; and behind ten refusals those who were accepted get it first.
        assert!(
            transactions.len() <= 160 && asked <= 12_000,
            "{full}: {asked} {transactions:?}"
        );
    }
}

#[test]
fn a_server_that_takes_few_mails_a_connection_is_given_further_connections() {
    for (manners, connections) in [
        // It says so.
        (
            Manners {
                offers: "250-LIMITS MAILMAX=3\r\n",
                mail: |number| (number > 3).then_some("554 5.5.1 no more"),
                ..FAIR
            },
            4,
        ),
        // It does not, and says 421.
        (
            Manners {
                mail: |number| (number > 3).then_some("421 4.7.0 too many mails in this session"),
                ..FAIR
            },
            4,
        ),
        // It only closes.
        (Manners { mails: 3, ..FAIR }, 4),
        (Manners { mails: 1, ..FAIR }, 10),
    ] {
        for (pipelining, keep_alive) in [(true, 0), (false, 0), (true, 60_000)] {
            let server = Server::start(
                Manners {
                    pipelining,
                    ..manners.clone()
                },
                || NEVER,
            );
            let mut sender = Sender::keeping(&server, 0, keep_alive);
            let (subject, code) = sender.send(1_000, true);
            let report = sender.client.report().unwrap();
            assert_eq!((code, report.outcome, report.attempts), (0, Outcome::Sent, 1));
            assert_eq!(report.recipients, (1_000, 0));
            let told = verdicts(sender.client);
            assert_eq!(told.len(), 1_000);
            compare(&server.ledger, &subject, &told);
            let made = server.ledger.connections.load(Ordering::Relaxed);
            assert_eq!(made, connections, "{pipelining} {keep_alive}");
        }
    }
}

/// RCPTDOMAINMAX (RFC 9422) is of a session: each gets the recipients of so many domains, in the order of the list.
#[test]
fn a_server_that_takes_few_domains_a_session_is_given_a_connection_for_each_part_of_the_list() {
    static TAKEN: Mutex<Vec<Vec<String>>> = Mutex::new(Vec::new());
    let server = peer::Server::start(|peer| {
        peer.greet_with("250-hello\r\n250-LIMITS RCPTDOMAINMAX=2 RCPTMAX=3\r\n250-CHUNKING\r\n250 PIPELINING");
        if peer.hear() != "MAIL FROM:<sds@example.test>" {
            return peer.say("221 bye");
        }
        let (mut recipients, mut replies) = (Vec::new(), String::new());
        let command = loop {
            let line = peer.hear();
            let Some(recipient) = line.strip_prefix("RCPT TO:") else {
                break line;
            };
            replies += if recipient.contains("x@") {
                "550 no\r\n"
            } else {
                "250 ok\r\n"
            };
            recipients.push(recipient.to_string());
        };
        let length = command
            .strip_prefix("BDAT ")
            .and_then(|rest| rest.strip_suffix(" LAST"));
        peer.read_some(length.expect("the last chunk").parse().unwrap());
        TAKEN.lock().unwrap().push(recipients);
        peer.say(&format!("250 ok\r\n{replies}250 2.0.0 queued"));
        peer.bye();
    });
    let client = chunking(server.address, 60_000, 0);
    let list = "a@one.test, b@two.test, c@ONE.test, d@one.test, x@two.test, e@three.test, f@two.test, g@four.test";
    assert_eq!(send_to(client, list, true), 41);
    let wanted: [&[&str]; 3] = [
        &["<a@one.test>", "<b@two.test>", "<c@ONE.test>"],
        &["<d@one.test>", "<x@two.test>"],
        &["<e@three.test>", "<f@two.test>"],
    ];
    let mut taken = TAKEN.lock().unwrap();
    assert_eq!(taken[..3], wanted);
    assert_eq!((taken.len(), server.connections()), (4, 4));
    let told: Vec<_> = verdicts(client).iter().map(|one| one.reply).collect();
    assert_eq!(told, [250, 250, 250, 250, 550, 250, 250, 250]);
    taken.clear();
    drop(taken);
    // Nor is the connection kept for the next mail.
    for _ in 0..2 {
        assert_eq!(send_to(client, "a@one.test", false), 0);
    }
    assert_eq!(server.connections(), 6);
    assert_eq!(send_to(client, "a@one.test, b@two.test, c@three.test", false), 5);
    client.free().unwrap();
}

/// A server of the list that was passed over is not asked before each further connection.
#[test]
fn further_connections_for_the_rest_are_made_to_the_server_that_takes_the_mail() {
    let away = peer::Server::start(|peer| peer.say("421 4.3.2 not now"));
    let server = Server::start(Manners { mails: 1, ..FAIR }, || NEVER);
    let client = Client::new().unwrap();
    let list = format!("{}, {}", away.address, server.address);
    client
        .set_up(&Setup::of(&Draft {
            server: Some(list.as_bytes()),
            sender: Some(b"sds@example.test"),
            ..Draft::default()
        }))
        .unwrap();
    let mut sender = Sender { client, mails: 0 };
    let (subject, code) = sender.send(500, true);
    assert_eq!(code, 0);
    compare(&server.ledger, &subject, &verdicts(sender.client));
    let connections = server.ledger.connections.load(Ordering::Relaxed);
    assert_eq!((connections, away.connections()), (5, 1));
}

#[test]
fn mails_in_several_transactions_go_one_after_the_other_over_a_connection_that_is_kept() {
    let server = Server::start(FAIR, || NEVER);
    let mut sender = Sender::keeping(&server, 0, 60_000);
    for recipients in [250, 1, 100, 101, 2] {
        let (subject, code) = sender.send(recipients, true);
        assert_eq!(code, 0);
        let told = verdicts(sender.client);
        assert_eq!(told.len(), recipients);
        compare(&server.ledger, &subject, &told);
    }
    assert_eq!(server.ledger.connections.load(Ordering::Relaxed), 1);
}

/// Code, reply code and text of each verdict.
fn in_short(client: Client) -> Vec<(u8, u16, String)> {
    let told = verdicts(client).into_iter();
    told.map(|verdict| (verdict.code, verdict.reply, verdict.text))
        .collect()
}

#[test]
fn a_mail_to_all_or_none_tells_of_each_recipient() {
    let server = Server::start(
        Manners {
            refuses: |number| match number {
                1 => Some("550 5.1.1 <R>: unknown"),
                3 => Some("551 5.1.6 R has moved"),
                _ => None,
            },
            ..FAIR
        },
        || NEVER,
    );
    let mut sender = Sender::new(&server, 0);
    assert_eq!(sender.send(5, false).1, 12);
    let another = "another recipient was refused: nobody was sent the mail";
    let shared = (12, 0, another.to_string());
    assert_eq!(
        in_short(sender.client),
        [
            shared.clone(),
            (12, 550, "5.1.1 <r1@example.test>: unknown".into()),
            shared.clone(),
            (5, 551, "5.1.6 r3@example.test has moved".into()),
            shared,
        ]
    );
    let report = sender.client.report().unwrap();
    assert_eq!(report.text.octets(), b"5.1.1 <r1@example.test>: unknown");
    assert_eq!(
        (report.recipient.octets(), report.recipients),
        (&b"r1@example.test"[..], (3, 2))
    );
    // One recipient alone, and none.
    for partial in [false, true] {
        assert_eq!(sender.send(1, partial).1, 0);
        assert_eq!(in_short(sender.client), [(0, 250, "2.0.0 queued as 7".into())]);
    }
    sender.client.probe().unwrap();
    sender.client.wait(Wait::Milliseconds(10_000)).unwrap();
    assert_eq!(in_short(sender.client), []);
}

#[test]
fn without_the_consent_to_send_in_parts_a_list_that_does_not_fit_ends_before_the_data() {
    for (manners, reply, words) in [
        (
            FAIR,
            452,
            "4.5.3 Too many recipients - so many at a time it does not take: needs PARTIAL",
        ),
        (
            Manners {
                offers: "250-LIMITS RCPTMAX=100\r\n",
                ..FAIR
            },
            0,
            "the server takes fewer recipients at a time than the mail has: needs PARTIAL",
        ),
    ] {
        let server = Server::start(manners, || NEVER);
        let mut sender = Sender::new(&server, 0);
        let (subject, code) = sender.send(101, false);
        let report = sender.client.report().unwrap();
        assert_eq!((code, report.outcome, report.reply), (5, Outcome::NotSent, reply));
        assert_eq!(String::from_utf8_lossy(report.text.octets()), words);
        // It is about the one for whom there is no room.
        assert_eq!(
            (report.phase, report.recipient.octets(), report.decided),
            (Phase::Rcpt, &b"r100@example.test"[..], true)
        );
        let told = verdicts(sender.client);
        assert_eq!(told.len(), 101);
        compare(&server.ledger, &subject, &told);
        assert_eq!(sender.send(100, false).1, 0);
    }
}

#[test]
fn a_further_attempt_is_for_those_only_who_may_get_it() {
    static ASKED: AtomicUsize = AtomicUsize::new(0);
    let server = Server::start(
        Manners {
            refuses: |number| match number {
                // Taken when it is asked for the third time.
                4 if ASKED.fetch_add(1, Ordering::Relaxed) < 2 => Some("450 4.2.0 greylisted"),
                5 => Some("550 5.1.1 unknown"),
                6 => Some("450 4.2.1 never"),
                _ => None,
            },
            ..FAIR
        },
        || NEVER,
    );
    let mut sender = Sender::new(&server, 4);
    let (subject, code) = sender.send(8, true);
    let report = sender.client.report().unwrap();
    assert_eq!((code, report.outcome, report.attempts), (41, Outcome::Sent, 5));
    let told = verdicts(sender.client);
    compare(&server.ledger, &subject, &told);
    let replies: Vec<u16> = told.iter().map(|verdict| verdict.reply).collect();
    assert_eq!(replies, [250, 250, 250, 250, 250, 550, 450, 250]);
    assert_eq!(ASKED.load(Ordering::Relaxed), 3);
    // The first attempt, and the one in which the fourth was taken: nobody else was asked for then.
    assert_eq!(*server.ledger.transactions.lock().unwrap(), [8, 2]);
    // Each attempt is in the log.
    assert_eq!(sender.client.log_len(), Ok(5));
}

#[test]
fn a_dry_run_tells_who_would_be_accepted() {
    let server = Server::start(
        Manners {
            refuses: every_seventh,
            ..FAIR
        },
        || NEVER,
    );
    let sender = Sender::new(&server, 0);
    let list: Vec<String> = (0..250).map(|number| format!("r{number}@example.test")).collect();
    let order = Order {
        partial: true,
        dry: true,
        ..Order::default()
    };
    let list = list.join(",");
    let sent = sender.client.send_as(Some(list.as_bytes()), b"dry", b"x", None, order);
    sent.unwrap();
    assert_eq!(sender.client.wait(Wait::Milliseconds(10_000)), Ok(41));
    assert_eq!(sender.client.report().unwrap().outcome, Outcome::NotSent);
    for verdict in verdicts(sender.client) {
        let refused = number_of(&verdict.address) % 7 == 6;
        assert_eq!(verdict.outcome, Outcome::NotSent);
        assert_eq!(
            (verdict.code, verdict.reply),
            if refused { (12, 550) } else { (0, 250) }
        );
    }
    assert!(server.ledger.got.lock().unwrap().is_empty());
}

#[test]
fn a_mail_that_is_cancelled_between_its_transactions_tells_who_has_it() {
    static CLIENT: AtomicUsize = AtomicUsize::new(0);
    let server = Server::start(
        Manners {
            end: |number| {
                if number == 3 {
                    Client::from_handle(CLIENT.load(Ordering::Acquire)).cancel().unwrap();
                }
                None
            },
            ..FAIR
        },
        || NEVER,
    );
    let mut sender = Sender::new(&server, 5);
    CLIENT.store(sender.client.handle(), Ordering::Release);
    let (subject, code) = sender.send(1_000, true);
    let told = verdicts(sender.client);
    compare(&server.ledger, &subject, &told);
    let count = |outcome| told.iter().filter(|verdict| verdict.outcome == outcome).count();
    // The third transaction waits for its answer, or has it.
    assert_eq!(count(Outcome::Sent) + count(Outcome::Unknown), 300);
    assert!(count(Outcome::Sent) >= 200, "{}", count(Outcome::Sent));
    let left = &told[300..];
    assert!(
        left.iter().all(|verdict| (verdict.code, verdict.reply) == (32, 0)),
        "{:?}",
        left[0]
    );
    let unknown = count(Outcome::Unknown) > 0;
    assert_eq!(code, if unknown { 32 } else { 41 });
}

fn any_cut(random: &mut Random, octets: usize) -> Cut {
    let mut cut = Cut {
        reset: random.chance(50),
        takes: *random.pick(&[true, false]),
        ..NEVER
    };
    match random.below(100) {
        0..45 => cut.heard = random.below(octets),
        45..90 => cut.said = random.below(octets / 3),
        _ => {}
    }
    cut
}

/// How a mail is cut at random.
#[derive(Clone, Copy)]
struct Hunt {
    seed: u64,
    /// Connections that break off.
    cuts: usize,
    keep_alive: u32,
    /// The servers offer CHUNKING: the first one knows it, and the other one does not.
    chunks: bool,
}

/// Each mail goes to a server that breaks off somewhere: nobody gets it twice, and each verdict is right.
fn hunt(hunt: Hunt) {
    let random = Mutex::new(Random::new(hunt.seed));
    let mut outcomes = [0usize; 3];
    let mut mails = 0;
    let manners = |first| Manners {
        room: 20,
        refuses: |number| every_seventh(number).or_else(|| (number % 31 == 9).then_some("450 4.2.0 <R>: greylisted")),
        pipelining: first || hunt.chunks,
        offers: if hunt.chunks { "250-CHUNKING\r\n" } else { "" },
        chunks: first,
        end: |number| (number % 13 == 12).then_some("451 4.3.0 not this one"),
        ..FAIR
    };
    let random = Arc::new(random);
    let servers = [true, false].map(|first| {
        let random = random.clone();
        Server::start(manners(first), move || any_cut(&mut random.lock().unwrap(), 20_000))
    });
    let cuts = || {
        servers
            .iter()
            .map(|server| server.ledger.cuts.load(Ordering::Relaxed))
            .sum::<usize>()
    };
    let mut senders = [&servers[0], &servers[1]].map(|server| Sender::keeping(server, 5, hunt.keep_alive));
    let line = "A line of the text, fifty octets with its end. xx\n";
    while cuts() < hunt.cuts {
        for (server, sender) in servers.iter().zip(&mut senders) {
            let (recipients, partial, lines) = {
                let mut random = random.lock().unwrap();
                let recipients = 1 + random.below(if mails % 20 == 0 { 2_000 } else { 250 });
                let large = hunt.chunks && random.chance(8);
                (
                    recipients,
                    !hunt.chunks || random.chance(90),
                    if large { random.below(4_000) } else { 1 },
                )
            };
            let (subject, code) = sender.send_text(recipients, partial, &line.repeat(lines));
            mails += 1;
            let told = verdicts(sender.client);
            assert_eq!(told.len(), recipients);
            compare(&server.ledger, &subject, &told);
            for verdict in &told {
                outcomes[match verdict.outcome {
                    Outcome::Sent => 0,
                    Outcome::NotSent => 1,
                    _ => 2,
                }] += 1;
                let number = number_of(&verdict.address);
                if number % 7 == 6 && partial {
                    // The last chunk may leave before that is known.
                    let unknown = hunt.chunks && verdict.outcome == Outcome::Unknown;
                    assert!(verdict.outcome == Outcome::NotSent || unknown, "{subject}: {verdict:?}");
                }
            }
            // The mail's own result is what its recipients' come to.
            let report = sender.client.report().unwrap();
            let any = |outcome| told.iter().any(|verdict| verdict.outcome == outcome);
            let wanted = match () {
                () if any(Outcome::Unknown) => Outcome::Unknown,
                () if any(Outcome::Sent) => Outcome::Sent,
                () => Outcome::NotSent,
            };
            assert_eq!(report.outcome, wanted, "{subject}");
            let all = told.iter().all(|verdict| verdict.code == 0);
            let partly = wanted == Outcome::Sent && !all;
            assert_eq!((code == 0, code == 41), (all, partly), "{subject}: {code}");
        }
    }
    println!("{mails} mails, {} cuts, {outcomes:?} recipients", cuts());
    assert!(outcomes.iter().all(|count| *count >= 100), "{outcomes:?}");
}

fn seed() -> u64 {
    std::env::var("SDS_SMTP_SEED").map_or(20_261_128, |seed| seed.parse().unwrap())
}

#[test]
fn cut_at_a_thousand_random_octets_nobody_gets_it_twice_and_each_verdict_is_right() {
    hunt(Hunt {
        seed: seed(),
        cuts: CUTS,
        keep_alive: 0,
        chunks: false,
    });
}

#[test]
fn cut_anywhere_in_chunks_and_on_kept_connections_nobody_gets_it_twice_and_each_verdict_is_right() {
    hunt(Hunt {
        seed: seed() + 1,
        cuts: CUTS / 2,
        keep_alive: 60_000,
        chunks: true,
    });
}

/// A client that keeps its connections, and uses CHUNKING where it is offered.
fn chunking(address: SocketAddr, keep_alive: u32, retry_max: u32) -> Client {
    let client = Client::new().unwrap();
    let address = address.to_string();
    let mut setup = Setup::of(&Draft {
        server: Some(address.as_bytes()),
        sender: Some(b"sds@example.test"),
        chunking: true,
        ..Draft::default()
    });
    (setup.keep_alive, setup.retry_max, setup.retry_delay) = (keep_alive, retry_max, 1);
    client.set_up(&setup).unwrap();
    client
}

/// Sends a mail to these; its code, and 14 where it does not end.
fn send_to(client: Client, list: &str, partial: bool) -> u8 {
    let order = Order {
        partial,
        ..Order::default()
    };
    client
        .send_as(Some(list.as_bytes()), b"alarm", b"Text.\n", None, order)
        .unwrap();
    client.wait(Wait::Milliseconds(10_000)).unwrap()
}

const CHUNKS: &str = "250-hello\r\n250-CHUNKING\r\n250 PIPELINING";
const ONE_AT_A_TIME: &str = "250-hello\r\n250-LIMITS RCPTMAX=1\r\n250-CHUNKING\r\n250 PIPELINING";

/// Hears a mail in one flight, to these recipients.
fn hear_flight(peer: &mut peer::Peer, recipients: &[&str]) {
    assert_eq!(peer.hear(), "MAIL FROM:<sds@example.test>");
    for recipient in recipients {
        assert_eq!(peer.hear(), format!("RCPT TO:<{recipient}>"));
    }
    let command = peer.hear();
    let length = command
        .strip_prefix("BDAT ")
        .and_then(|rest| rest.strip_suffix(" LAST"));
    peer.read_some(length.expect("the last chunk").parse().unwrap());
}

/// Behind a chunk that is refused RSET goes out and is answered before the next transaction.
#[test]
fn behind_a_chunk_that_is_refused_the_next_transaction_follows_on_the_same_connection() {
    for keep_alive in [0, 60_000] {
        let server = peer::Server::start(|peer| {
            peer.greet_with(ONE_AT_A_TIME);
            hear_flight(peer, &["a@example.test"]);
            peer.say("250 ok\r\n550 5.1.1 unknown\r\n503 5.5.1 no recipient");
            assert_eq!(peer.hear(), "RSET");
            peer.say("250 ok");
            hear_flight(peer, &["b@example.test"]);
            peer.say("250 ok\r\n250 ok\r\n250 2.0.0 queued");
            peer.bye();
        });
        let client = chunking(server.address, keep_alive, 0);
        assert_eq!(send_to(client, "a@example.test, b@example.test", true), 41);
        let told: Vec<_> = verdicts(client).iter().map(|one| (one.outcome, one.reply)).collect();
        assert_eq!(told, [(Outcome::NotSent, 550), (Outcome::Sent, 250)]);
        assert_eq!(server.connections(), 1);
        client.free().unwrap();
    }
}

/// What comes behind the end of a transaction and is not whole yet belongs to no mail: the connection is of no more use.
#[test]
fn half_a_reply_between_two_transactions_ends_the_connection_and_not_the_mail() {
    let next = AtomicUsize::new(0);
    let server = peer::Server::start(move |peer| {
        peer.greet_with("250-hello\r\n250-LIMITS RCPTMAX=1\r\n250 PIPELINING");
        let first = next.fetch_add(1, Ordering::AcqRel) == 0;
        let recipient = if first { "a" } else { "b" };
        assert_eq!(peer.hear(), "MAIL FROM:<sds@example.test>");
        assert_eq!(peer.hear(), format!("RCPT TO:<{recipient}@example.test>"));
        assert_eq!(peer.hear(), "DATA");
        peer.say("250 ok\r\n250 ok\r\n354 go on");
        peer.data();
        if first {
            peer.say_raw(b"250 2.0.0 queued\r\n42");
            thread::sleep(std::time::Duration::from_millis(300));
            peer.say_raw(b"1 4.4.2 bye\r\n");
        } else {
            peer.say("250 2.0.0 queued");
            peer.bye();
        }
    });
    let client = chunking(server.address, 0, 0);
    assert_eq!(send_to(client, "a@example.test, b@example.test", true), 0);
    assert_eq!(server.connections(), 2);
    client.free().unwrap();
}

/// Behind a chunk that is refused the connection is kept, as behind any other refusal; or it is left for a further attempt.
#[test]
fn behind_a_chunk_that_is_refused_the_connection_is_kept_or_left() {
    let server = peer::Server::start(|peer| {
        peer.greet_with(CHUNKS);
        for _ in 0..2 {
            hear_flight(peer, &["a@example.test"]);
            peer.say("250 ok\r\n550 5.1.1 unknown\r\n503 5.5.1 no recipient");
            assert_eq!(peer.hear(), "RSET");
            peer.say("250 ok");
        }
        peer.bye();
    });
    let client = chunking(server.address, 60_000, 0);
    for _ in 0..2 {
        assert_eq!(send_to(client, "a@example.test", false), 12);
        thread::sleep(std::time::Duration::from_millis(200));
    }
    assert_eq!(server.connections(), 1);
    client.free().unwrap();

    // Its time is counted.
    let server = peer::Server::start(|peer| {
        peer.greet_with(CHUNKS);
        hear_flight(peer, &["a@example.test"]);
        peer.say("250 ok\r\n550 5.1.1 unknown\r\n503 5.5.1 no recipient");
        assert_eq!(peer.hear(), "RSET");
        peer.say("250 ok");
        let began = std::time::Instant::now();
        assert_eq!(peer.hear(), "QUIT");
        assert!(began.elapsed() < std::time::Duration::from_secs(5));
        peer.say("221 bye");
    });
    let client = chunking(server.address, 300, 0);
    assert_eq!(send_to(client, "a@example.test", false), 12);
    server.finish(std::time::Duration::from_secs(10));
    client.free().unwrap();

    // A further attempt follows.
    let next = AtomicUsize::new(0);
    let server = peer::Server::start(move |peer| {
        peer.greet_with(CHUNKS);
        hear_flight(peer, &["a@example.test"]);
        if next.fetch_add(1, Ordering::AcqRel) == 0 {
            peer.say("250 ok\r\n450 4.2.0 greylisted\r\n503 5.5.1 no recipient");
            assert_eq!(peer.hear(), "RSET");
            peer.say("250 ok");
        } else {
            peer.say("250 ok\r\n250 ok\r\n250 2.0.0 queued");
        }
        peer.bye();
    });
    let client = chunking(server.address, 60_000, 1);
    assert_eq!(send_to(client, "a@example.test", false), 0);
    assert_eq!(server.connections(), 2);
    client.free().unwrap();
}

/// Behind a RSET that the server refuses the rest goes over another connection.
#[test]
fn a_rset_that_is_refused_between_two_transactions_ends_the_connection_and_not_the_mail() {
    let next = AtomicUsize::new(0);
    let server = peer::Server::start(move |peer| {
        peer.greet_with(ONE_AT_A_TIME);
        if next.fetch_add(1, Ordering::AcqRel) == 0 {
            hear_flight(peer, &["a@example.test"]);
            peer.say("250 ok\r\n250 ok\r\n250 2.0.0 queued");
            // Everybody is refused, and no chunk has left: the transaction is open.
            assert_eq!(peer.hear(), "MAIL FROM:<sds@example.test>");
            assert_eq!(peer.hear(), "RCPT TO:<b@example.test>");
            peer.hear();
            peer.say("250 ok");
            peer.say("550 5.1.1 unknown\r\n503 5.5.1 no recipient");
            // That of the chunk.
            while peer.hear() != "RSET" {}
            peer.say("500 5.5.1 what?");
        } else {
            hear_flight(peer, &["c@example.test"]);
            peer.say("250 ok\r\n250 ok\r\n250 2.0.0 queued");
        }
        peer.hold(std::time::Duration::from_secs(1));
    });
    let client = chunking(server.address, 0, 0);
    assert_eq!(
        send_to(client, "a@example.test, b@example.test, c@example.test", true),
        41
    );
    let told: Vec<_> = verdicts(client).iter().map(|one| (one.outcome, one.reply)).collect();
    assert_eq!(
        told,
        [(Outcome::Sent, 250), (Outcome::NotSent, 550), (Outcome::Sent, 250)]
    );
    client.free().unwrap();

    // The same with DATA, where RSET makes room for the next transaction.
    let next = AtomicUsize::new(0);
    let server = peer::Server::start(move |peer| {
        peer.greet_with("250-hello\r\n250-LIMITS RCPTMAX=1\r\n250 hello");
        let hear = |peer: &mut peer::Peer, recipient: &str, accepts: bool| {
            assert_eq!(peer.hear(), "MAIL FROM:<sds@example.test>");
            peer.say("250 ok");
            assert_eq!(peer.hear(), format!("RCPT TO:<{recipient}@example.test>"));
            peer.say(if accepts { "250 ok" } else { "550 5.1.1 unknown" });
            if accepts {
                assert_eq!(peer.hear(), "DATA");
                peer.say("354 go on");
                peer.data();
                peer.say("250 2.0.0 queued");
            }
        };
        if next.fetch_add(1, Ordering::AcqRel) == 0 {
            hear(peer, "a", true);
            hear(peer, "b", false);
            assert_eq!(peer.hear(), "RSET");
            peer.say("500 5.5.1 what?");
            assert_eq!(peer.hear(), "QUIT");
            peer.say("221 bye");
        } else {
            hear(peer, "c", true);
            peer.bye();
        }
    });
    let client = chunking(server.address, 0, 0);
    assert_eq!(
        send_to(client, "a@example.test, b@example.test, c@example.test", true),
        41
    );
    let told: Vec<_> = verdicts(client).iter().map(|one| (one.outcome, one.reply)).collect();
    assert_eq!(
        told,
        [(Outcome::Sent, 250), (Outcome::NotSent, 550), (Outcome::Sent, 250)]
    );
    assert_eq!(server.connections(), 2);
    client.free().unwrap();
}
