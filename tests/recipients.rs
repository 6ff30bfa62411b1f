//! Mails to several recipients: whoever is accepted gets exactly one mail, and each verdict is what the server has seen. The server
//! counts by recipient. Everything goes to 127.0.0.1.
//!
//! `SDS_SMTP_SEED` chooses the random numbers.
#![cfg(feature = "std")]

// It asks the system for what the standard library does not show.
#[allow(unsafe_code)]
#[path = "common/peer.rs"]
mod peer;
#[path = "common/random.rs"]
mod random;

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use peer::system;
use random::Random;
use sds_smtp::client::settings::Draft;
use sds_smtp::code::Outcome;
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
    /// The answer to MAIL, the so-manieth of the connection.
    mail: fn(usize) -> Option<&'static str>,
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
        if self.stream.buffer().is_empty() {
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
                    self.say((manners.mail)(mails).unwrap_or("250 2.1.0 ok"));
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
                    let mut text = String::new();
                    loop {
                        match self.hear()?.as_str() {
                            ".\r\n" => break,
                            line => text.push_str(line),
                        }
                    }
                    ends += 1;
                    let answer = (manners.end)(ends);
                    self.say(answer.unwrap_or("250 2.0.0 queued as 7"));
                    // It is taken where it can be answered, and else where the fate says so.
                    let answered = self.unsaid.len() <= self.cut.said;
                    if answer.is_none() && (answered || self.cut.takes) {
                        self.ledger.take(&text, &recipients);
                    }
                }
                "QUIT" => {
                    self.say("221 bye");
                    return self.flush();
                }
                _ => self.say("250 ok"),
            }
        }
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
        let client = Client::new().unwrap();
        let address = server.address.to_string();
        let mut setup = Setup::of(&Draft {
            server: Some(address.as_bytes()),
            sender: Some(b"sds@example.test"),
            timeouts: Timeouts {
                quit: 200,
                ..Timeouts::default()
            },
            ..Draft::default()
        });
        setup.retry_max = retry_max;
        setup.retry_delay = 1;
        client.set_up(&setup).unwrap();
        Self { client, mails: 0 }
    }

    /// Sends a mail to r0, r1 and so on, so many of them; its subject, and its code.
    fn send(&mut self, recipients: usize, partial: bool) -> (String, u8) {
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
            .send_as(Some(list.as_bytes()), subject.as_bytes(), b"Text.\n", None, order)
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
        // Not all of the rest each time, and no more transactions than needed, or nearly.
        assert!(
            transactions.len() <= 110 && asked <= 10_000 + 10_000 + 110 * 120,
            "{full}: {transactions:?}"
        );
    }
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

#[test]
fn cut_at_a_thousand_random_octets_nobody_gets_it_twice_and_each_verdict_is_right() {
    let seed = std::env::var("SDS_SMTP_SEED").map_or(20_261_128, |seed| seed.parse().unwrap());
    let random = Mutex::new(Random::new(seed));
    let mut outcomes = [0usize; 3];
    let mut mails = 0;
    let manners = |pipelining| Manners {
        room: 20,
        refuses: |number| every_seventh(number).or_else(|| (number % 31 == 9).then_some("450 4.2.0 <R>: greylisted")),
        pipelining,
        ..FAIR
    };
    let random = Arc::new(random);
    let servers = [true, false].map(|pipelining| {
        let random = random.clone();
        Server::start(manners(pipelining), move || {
            any_cut(&mut random.lock().unwrap(), 20_000)
        })
    });
    let cuts = || {
        servers
            .iter()
            .map(|server| server.ledger.cuts.load(Ordering::Relaxed))
            .sum::<usize>()
    };
    let mut senders = [&servers[0], &servers[1]].map(|server| Sender::new(server, 5));
    while cuts() < CUTS {
        for (server, sender) in servers.iter().zip(&mut senders) {
            let recipients = 1 + random.lock().unwrap().below(if mails % 20 == 0 { 2_000 } else { 250 });
            let (subject, code) = sender.send(recipients, true);
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
                if number % 7 == 6 {
                    assert_eq!(verdict.outcome, Outcome::NotSent);
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
