//! The proof of the retries: no mail is delivered twice, none is told as sent that was not delivered, and none as not sent that
//! was. The server counts by Message-ID. Connections break off at random octets, replies are refusals or do not come, and the
//! process of the client is killed. Everything goes to 127.0.0.1.
//!
//! `SDS_SMTP_SEED` chooses the random numbers.

#[path = "repeating/counting.rs"]
mod counting;
#[path = "common/harness.rs"]
mod harness;
#[path = "repeating/hunt.rs"]
mod hunt;
// It asks the system for what the standard library does not show.
#[allow(unsafe_code)]
#[path = "common/peer.rs"]
mod peer;
#[path = "common/random.rs"]
mod random;
#[path = "repeating/sender.rs"]
mod sender;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use counting::{Fate, Instead, Ledger, STEPS, Server, Step};
use harness::Test;
use hunt::Hunt;
use random::Random;
use sds_smtp::client::settings::Draft;
use sds_smtp::code::{Code, Outcome, Phase};
use sds_smtp::host::{Client, Setup, Wait};
use sender::{RETRIES, Sender, Told};

/// The tests run beside others.
const SENDERS: u64 = 8;
/// Connections that break off in a test, at least.
const CUTS: usize = 2_500;
/// So many at most, where what the test is about has not been seen before.
const MOST_CUTS: usize = 4 * CUTS;
/// Processes that are killed.
const KILLS: usize = 1_000;

fn seed() -> u64 {
    std::env::var("SDS_SMTP_SEED").map_or(20_261_128, |seed| seed.parse().expect("SDS_SMTP_SEED is a number"))
}

/// A fate out of many: most conversations break off, some are refused or fall silent, some are left alone.
fn any_fate(random: &mut Random) -> Fate {
    let mut fate = Fate {
        reset: random.chance(50),
        takes_unanswered: random.chance(50),
        pipelining: random.chance(50),
        ..Fate::FAIR
    };
    match random.below(100) {
        // A small mail with its envelope has some 600 octets, a large one up to 30,000.
        0..30 => fate.heard = random.below(900),
        30..40 => fate.heard = random.below(20_000),
        // All replies together have some 200.
        40..65 => fate.said = random.below(220),
        65..85 => {
            let code = *random.pick(&[421, 450, 451, 452, 451, 550]);
            fate.instead = Some((*random.pick(&STEPS), Instead::Refuses(code)));
        }
        85..90 => fate.instead = Some((*random.pick(&STEPS), Instead::FallsSilent)),
        _ => {}
    }
    fate
}

fn random_fates() -> impl Fn() -> Fate + Send + 'static {
    let random = Mutex::new(Random::new(seed()));
    move || any_fate(&mut random.lock().unwrap())
}

/// Compares what was told of the mails with what the servers counted.
fn compare(ledger: &Ledger, told: &[Told]) -> Result<(), String> {
    let mut faults = ledger.faults();
    faults.extend(ledger.mails().into_iter().filter_map(|(id, mail)| {
        (mail.taken > 1).then(|| format!("{id} was delivered {} times: {mail:?}", mail.taken))
    }));
    for told in told {
        let mail = ledger.mail(&told.id);
        let right = match told.outcome {
            Outcome::Sent => mail.taken == 1,
            Outcome::NotSent => mail.taken == 0,
            Outcome::Unknown => true,
            Outcome::None => false,
        };
        if !right || told.attempts < 1 || told.attempts > RETRIES + 1 {
            faults.push(format!("{told:?}, and the server has {mail:?}"));
        }
    }
    if faults.is_empty() {
        Ok(())
    } else {
        Err(faults.join("\n"))
    }
}

/// How many of the mails ended so, after so many attempts at least.
fn count(told: &[Told], outcome: Outcome, attempts: u32) -> usize {
    told.iter()
        .filter(|told| told.outcome == outcome && told.attempts >= attempts)
        .count()
}

/// What a test has to have seen, as the least number of mails that ended so after so many attempts at least.
const SEEN: [(Outcome, u32, usize); 5] = [
    (Outcome::Sent, 1, 100),
    (Outcome::Sent, 4, 5),
    (Outcome::Unknown, 1, 50),
    (Outcome::Unknown, 3, 5),
    (Outcome::NotSent, RETRIES + 1, 1),
];

/// What of that the test has not seen.
fn unseen(ledger: &Ledger, told: &[Told]) -> Option<String> {
    let mails = SEEN.iter().find_map(|&(outcome, attempts, least)| {
        let seen = count(told, outcome, attempts);
        (seen < least).then(|| format!("{seen} mails are {outcome:?} after {attempts} attempts"))
    });
    let (refusals, silences) = (
        ledger.refusals.load(Ordering::Relaxed),
        ledger.silences.load(Ordering::Relaxed),
    );
    mails.or_else(|| (refusals < 100 || silences < 20).then(|| format!("{refusals} refusals, {silences} silences")))
}

/// Both servers of a list have the same manners, and keep one ledger.
fn two_servers(ledger: &Arc<Ledger>) -> [Server; 2] {
    let random = Arc::new(Mutex::new(Random::new(seed())));
    [(); 2].map(|()| {
        let random = random.clone();
        Server::start(ledger, None, move || any_fate(&mut random.lock().unwrap()))
    })
}

fn connections_cut_at_random_octets_never_double_or_misreport_a_mail() -> Result<(), String> {
    let ledger = Arc::new(Ledger::default());
    let servers = two_servers(&ledger);
    let [one, other] = [&servers[0], &servers[1]].map(|server| server.address.to_string());
    let lists = [
        one.clone(),
        other.clone(),
        format!("{one},{other}"),
        format!("{other}, {one}"),
    ];
    let told = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for (number, servers) in (0..SENDERS).zip(lists.iter().cycle()) {
            let (ledger, told) = (&ledger, &told);
            scope.spawn(move || {
                let mut sender = Sender::new(servers, seed() ^ number);
                // Which mail meets which fate is for the threads to settle: what is rare may take longer.
                loop {
                    let cuts = ledger.cuts.load(Ordering::Relaxed);
                    if cuts >= MOST_CUTS || cuts >= CUTS && unseen(ledger, &told.lock().unwrap()).is_none() {
                        break;
                    }
                    let mail = sender.deliver();
                    told.lock().unwrap().push(mail);
                }
            });
        }
    });
    servers.into_iter().for_each(Server::finish);
    let told = told.into_inner().unwrap();
    compare(&ledger, &told)?;
    assert_eq!(unseen(&ledger, &told), None);
    Ok(())
}

fn a_process_killed_at_random_octets_and_moments_never_doubles_or_misreports_a_mail() -> Result<(), String> {
    let ledger = Arc::new(Ledger::default());
    let (kills, told) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for number in 0..4 {
            let (ledger, told, kills) = (&ledger, &told, &kills);
            scope.spawn(move || {
                let mut random = Random::new(seed() ^ (number + 100));
                let hunt = Hunt::new();
                let watch = hunt.watch();
                let server = Server::start(ledger, Some(watch), random_fates());
                let servers = server.address.to_string();
                while kills.load(Ordering::Relaxed) < KILLS {
                    let (mails, killed) = hunt.run(&servers, &mut random);
                    told.lock().unwrap().extend(mails);
                    kills.fetch_add(usize::from(killed), Ordering::Relaxed);
                }
                server.finish();
            });
        }
    });
    let told = told.into_inner().unwrap();
    compare(&ledger, &told)?;
    // Some were killed before the first mail had ended, some behind it, and some between a delivery and its report.
    let unreported = ledger
        .mails()
        .iter()
        .filter(|(id, mail)| mail.taken == 1 && told.iter().all(|told| told.id != *id))
        .count();
    assert!(unreported >= 10, "{unreported}");
    assert!(count(&told, Outcome::Sent, 1) >= 50 && count(&told, Outcome::Sent, 2) >= 10);
    Ok(())
}

/// A server whose conversations have these fates, one after another; the last one goes on.
fn server_with(ledger: &Arc<Ledger>, fates: Vec<Fate>) -> Server {
    let next = AtomicUsize::new(0);
    Server::start(ledger, None, move || {
        fates[next.fetch_add(1, Ordering::Relaxed).min(fates.len() - 1)]
    })
}

fn refused_at(step: Step, code: u16) -> Fate {
    Fate {
        instead: Some((step, Instead::Refuses(code))),
        ..Fate::FAIR
    }
}

fn a_client(server: SocketAddr, retry_delay: u32, total: u32) -> Client {
    let (client, server) = (Client::new().expect("a client"), server.to_string());
    let mut setup = Setup::of(&Draft {
        server: Some(server.as_bytes()),
        sender: Some(b"sds@example.test"),
        ..Draft::default()
    });
    setup.draft.timeouts.total = total;
    setup.retry_max = RETRIES;
    setup.retry_delay = retry_delay;
    client.set_up(&setup).expect("a configuration");
    client
}

/// How a mail ends: code, attempts, and the phase and code of each entry in the log.
fn deliver(client: Client) -> (u8, u32, Vec<(Phase, Code)>) {
    client
        .send(Some(b"someone@example.test"), b"alarm", b"x")
        .expect("started");
    let code = client.wait(Wait::Milliseconds(20_000)).expect("a living client");
    let mut log = Vec::new();
    client.log(64, |entry| log.push((entry.phase, entry.code))).unwrap();
    let attempts = client.report().unwrap().attempts;
    client.free().unwrap();
    (code, attempts, log)
}

fn each_attempt_is_in_the_log_and_the_last_one_is_the_result() -> Result<(), String> {
    let ledger = Arc::new(Ledger::default());
    let server = server_with(
        &ledger,
        vec![
            refused_at(Step::Mail, 451),
            Fate {
                heard: 40,
                ..Fate::FAIR
            },
            refused_at(Step::End, 452),
            Fate::FAIR,
        ],
    );
    let waiting = |code| (Phase::Waiting, code);
    let ended = deliver(a_client(server.address, 1, 0));
    assert_eq!(
        ended,
        (
            0,
            4,
            vec![
                waiting(Code::SenderRefused),
                waiting(Code::SenderRefused),
                waiting(Code::DataEndFailed),
                (Phase::End, Code::Ok),
            ]
        )
    );
    server.finish();
    let mails = ledger.mails();
    assert_eq!((mails.len(), mails[0].1.taken, mails[0].1.ended), (1, 1, 2));
    compare(&ledger, &[])
}

fn no_more_attempts_are_made_than_are_allowed() -> Result<(), String> {
    let ledger = Arc::new(Ledger::default());
    let server = server_with(&ledger, vec![refused_at(Step::Rcpt, 450)]);
    let (code, attempts, log) = deliver(a_client(server.address, 1, 0));
    assert_eq!((code, attempts, log.len()), (5, RETRIES + 1, 6));
    assert_eq!(log[5], (Phase::Rcpt, Code::RecipientRefused));
    server.finish();
    assert_eq!(ledger.connections.load(Ordering::Relaxed), 6);
    Ok(())
}

fn a_mail_refused_for_good_or_of_unknown_outcome_is_not_attempted_again() -> Result<(), String> {
    for (fate, code) in [
        (refused_at(Step::Rcpt, 550), 12),
        (refused_at(Step::End, 554), 8),
        // All replies before the last one have 93 octets: that one is cut.
        (
            Fate {
                said: 100,
                ..Fate::FAIR
            },
            8,
        ),
    ] {
        let ledger = Arc::new(Ledger::default());
        let server = server_with(&ledger, vec![fate, Fate::FAIR]);
        let (told, attempts, log) = deliver(a_client(server.address, 1, 0));
        assert_eq!((told, attempts, log.len()), (code, 1, 1), "{fate:?}");
        server.finish();
        assert_eq!(ledger.connections.load(Ordering::Relaxed), 1);
    }
    Ok(())
}

fn no_attempt_begins_with_less_than_thirty_seconds_left() -> Result<(), String> {
    for (total, delay, attempts) in [(29_000, 1, 1), (40_000, 1, 2), (40_000, 60_000, 1)] {
        let ledger = Arc::new(Ledger::default());
        let server = server_with(&ledger, vec![refused_at(Step::Mail, 451), Fate::FAIR]);
        let (code, made, _) = deliver(a_client(server.address, delay, total));
        assert_eq!(
            (code, made),
            (if attempts == 1 { 4 } else { 0 }, attempts),
            "{total} {delay}"
        );
        server.finish();
    }
    Ok(())
}

fn a_mail_that_waits_is_in_flight_and_is_cancelled_at_once() -> Result<(), String> {
    let ledger = Arc::new(Ledger::default());
    let server = server_with(&ledger, vec![refused_at(Step::Mail, 451)]);
    let client = a_client(server.address, 600_000, 0);
    client
        .send(Some(b"someone@example.test"), b"alarm", b"x")
        .expect("started");
    let begun = std::time::Instant::now();
    while client.log_len().unwrap() == 0 {
        assert!(
            begun.elapsed() < Duration::from_secs(10),
            "the first attempt does not end"
        );
        thread::sleep(Duration::from_millis(2));
    }
    assert_eq!(client.status(), Ok(14));
    client.cancel().unwrap();
    assert_eq!(client.wait(Wait::Milliseconds(2_000)), Ok(32));
    let told = client.report().unwrap();
    assert_eq!((told.outcome, told.attempts), (Outcome::NotSent, 1));
    client.free().unwrap();
    server.finish();
    assert_eq!(ledger.connections.load(Ordering::Relaxed), 1);
    Ok(())
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [child, servers, seed] = &arguments[..] {
        if child == "child" {
            sender::run(servers, seed.parse().expect("a number"));
            return ExitCode::SUCCESS;
        }
    }
    macro_rules! tests {
        ($($name:ident),* $(,)?) => { [$(Test::new(stringify!($name), $name)),*] };
    }
    let tests = tests![
        connections_cut_at_random_octets_never_double_or_misreport_a_mail,
        a_process_killed_at_random_octets_and_moments_never_doubles_or_misreports_a_mail,
        each_attempt_is_in_the_log_and_the_last_one_is_the_result,
        no_more_attempts_are_made_than_are_allowed,
        a_mail_refused_for_good_or_of_unknown_outcome_is_not_attempted_again,
        no_attempt_begins_with_less_than_thirty_seconds_left,
        a_mail_that_waits_is_in_flight_and_is_cancelled_at_once,
    ];
    match harness::run(&arguments, &tests, &mut std::io::stdout()) {
        Ok(true) => ExitCode::SUCCESS,
        // The standard harness's number for a failure.
        _ => ExitCode::from(101),
    }
}
