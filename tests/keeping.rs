//! Connections that are kept for the client's next mail, over real sockets: who waits for what, what ends them, and that no mail is
//! lost, doubled or told wrongly when they end in the middle of one. Everything goes to 127.0.0.1.

#[path = "repeating/counting.rs"]
// The retries use all of it.
#[allow(dead_code)]
mod counting;
#[path = "common/device.rs"]
mod device;
// It asks the system for what the standard library does not show.
#[allow(unsafe_code)]
#[path = "common/peer.rs"]
mod peer;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use counting::{Fate, Instead, Ledger, Step};
use device::{LIMIT, draft};
use peer::{Peer, Server};
use sds_smtp::client::settings::Draft;
use sds_smtp::code::{Code, Outcome};
use sds_smtp::host::{Client, Setup};
use sds_smtp::limits::Timeouts;

const MINUTE: u32 = 60_000;
const SECOND: Duration = Duration::from_secs(1);

/// A client whose connections are kept.
struct Keeper(Client);

impl Keeper {
    fn new(draft: &Draft<'_>) -> Self {
        Self::for_ms(draft, MINUTE)
    }

    fn for_ms(draft: &Draft<'_>, keep_alive: u32) -> Self {
        let keeper = Self(Client::new().expect("a client"));
        keeper.set_up(draft, keep_alive);
        keeper
    }

    fn set_up(&self, draft: &Draft<'_>, keep_alive: u32) {
        let mut setup = Setup::of(draft);
        setup.keep_alive = keep_alive;
        setup.keep_dialogue = true;
        self.0.set_up(&setup).expect("a configuration");
    }

    fn deliver(&self, text: &str) -> u8 {
        let sent = self.0.send(Some(b"someone@example.test"), b"alarm", text.as_bytes());
        sent.expect("started");
        self.0.wait(LIMIT).expect("a living client")
    }

    /// How often the last mail was attempted.
    fn attempts(&self) -> u32 {
        self.0.report().unwrap().attempts
    }

    fn dialogue(&self) -> String {
        let text = self
            .0
            .dialogue(|dialogue| String::from_utf8_lossy(dialogue).into_owned());
        text.unwrap()
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        let _ = self.0.free();
    }
}

const OFFERS: &str = "250-hello\r\n250 PIPELINING";

/// Hears one mail, whose envelope comes in one piece, and takes it.
fn take(peer: &mut Peer) {
    assert_eq!(peer.hear(), "MAIL FROM:<sds@example.test>");
    take_behind_mail(peer);
}

fn take_behind_mail(peer: &mut Peer) {
    assert_eq!(peer.hear(), "RCPT TO:<someone@example.test>");
    assert_eq!(peer.hear(), "DATA");
    peer.say("250 ok\r\n250 ok\r\n354 go on");
    peer.data();
    peer.say("250 2.0.0 queued");
}

/// The connection with this number, 0 is the first, does its part.
fn numbered(parts: Vec<fn(&mut Peer)>) -> impl Fn(&mut Peer) + Send + Sync + 'static {
    let next = AtomicUsize::new(0);
    move |peer| parts[next.fetch_add(1, Ordering::AcqRel)](peer)
}

fn one_mail(peer: &mut Peer) {
    peer.greet_with(OFFERS);
    take(peer);
    peer.bye();
}

#[test]
fn further_mails_go_over_one_connection_with_one_wait_each_and_free_says_quit() {
    let server = Server::start(|peer| {
        peer.greet_with(OFFERS);
        for _ in 0..20 {
            take(peer);
        }
        assert_eq!(peer.hear(), "QUIT");
        peer.say("221 bye");
        assert!(peer.ends_within(SECOND * 5));
    });
    let keeper = Keeper::new(&draft(&server));
    for number in 0..20 {
        assert_eq!((keeper.deliver("It is hot.\n"), keeper.attempts()), (0, 1));
        let over = keeper
            .dialogue()
            .contains("# over the connection that was kept to 127.0.0.1");
        assert_eq!(over, number > 0, "{}", keeper.dialogue());
    }
    drop(keeper);
    assert_eq!(server.connections(), 1);
    server.finish(SECOND * 10);
}

#[test]
fn after_more_than_a_second_rset_goes_first_and_is_answered() {
    let server = Server::start(|peer| {
        peer.greet_with(OFFERS);
        take(peer);
        assert_eq!(peer.hear(), "RSET");
        // Nothing follows before the answer.
        thread::sleep(Duration::from_millis(100));
        peer.say("250 ok");
        take(peer);
        peer.bye();
    });
    let keeper = Keeper::new(&draft(&server));
    assert_eq!(keeper.deliver("one"), 0);
    thread::sleep(Duration::from_millis(1200));
    let began = Instant::now();
    assert_eq!(keeper.deliver("two"), 0);
    assert!(began.elapsed() > Duration::from_millis(99));
    assert_eq!(server.connections(), 1);
}

#[test]
fn when_its_time_is_over_it_ends_with_quit() {
    let ended = Arc::new(Mutex::new(None));
    let seen = ended.clone();
    let server = Server::start(move |peer| {
        peer.greet_with(OFFERS);
        take(peer);
        let began = Instant::now();
        assert_eq!(peer.hear(), "QUIT");
        *seen.lock().unwrap() = Some(began.elapsed());
        peer.say("221 bye");
        assert!(peer.ends_within(SECOND * 5));
    });
    let keeper = Keeper::for_ms(&draft(&server), 400);
    assert_eq!(keeper.deliver("one"), 0);
    server.finish(SECOND * 10);
    let elapsed = ended.lock().unwrap().expect("QUIT");
    assert!(
        (Duration::from_millis(390)..SECOND * 3).contains(&elapsed),
        "{elapsed:?}"
    );
    assert_eq!(keeper.deliver("nobody listens"), 13);
}

#[test]
fn without_keep_alive_each_mail_has_its_connection() {
    let server = Server::start(one_mail);
    let keeper = Keeper::for_ms(&draft(&server), 0);
    assert_eq!([keeper.deliver("one"), keeper.deliver("two")], [0, 0]);
    assert_eq!(server.connections(), 2);
}

#[test]
fn what_ended_between_two_mails_costs_a_connection_and_no_attempt() {
    // Without a word, with 421, with half a reply, with another reply, with a reset.
    let ends: Vec<fn(&mut Peer)> = vec![
        |_| {},
        |peer| peer.say("421 4.4.2 timeout"),
        |peer| {
            peer.say_raw(b"451-4.4.2 time");
            peer.hold(SECOND * 20);
        },
        |peer| {
            peer.say("451 4.4.2 timeout");
            peer.hold(SECOND * 20);
        },
        |peer| peer.reset(),
    ];
    for end in ends {
        let end = Arc::new(end);
        let next = AtomicUsize::new(0);
        let server = Server::start(move |peer| {
            peer.greet_with(OFFERS);
            take(peer);
            if next.fetch_add(1, Ordering::AcqRel) == 0 {
                end(peer);
            } else {
                peer.bye();
            }
        });
        let keeper = Keeper::new(&draft(&server));
        assert_eq!(keeper.deliver("one"), 0);
        thread::sleep(Duration::from_millis(100));
        assert_eq!((keeper.deliver("two"), keeper.attempts()), (0, 1));
        assert_eq!(server.connections(), 2);
        assert_eq!(keeper.0.log_len(), Ok(2));
    }
}

#[test]
fn what_ends_while_the_next_mail_is_said_costs_a_connection_and_no_attempt() {
    let ends: Vec<fn(&mut Peer)> = vec![
        |_| {},
        |peer| peer.say("421 4.4.2 timeout"),
        |peer| peer.reset(),
        |peer| {
            // In the middle of the text.
            assert_eq!([peer.hear(), peer.hear()], ["RCPT TO:<someone@example.test>", "DATA"]);
            peer.say("250 ok\r\n250 ok\r\n354 go on");
            peer.read_some(10_000);
            peer.reset();
        },
        |peer| {
            assert_eq!([peer.hear(), peer.hear()], ["RCPT TO:<someone@example.test>", "DATA"]);
            peer.say("250 ok\r\n421 4.3.0 shutting down");
        },
    ];
    for end in ends {
        let next = AtomicUsize::new(0);
        let server = Server::start(move |peer| {
            peer.greet_with(OFFERS);
            take(peer);
            if next.fetch_add(1, Ordering::AcqRel) == 0 {
                assert_eq!(peer.hear(), "MAIL FROM:<sds@example.test>");
                end(peer);
            } else {
                peer.bye();
            }
        });
        let keeper = Keeper::new(&draft(&server));
        assert_eq!(keeper.deliver("one"), 0);
        let text = "A line of the text, fifty octets with its end. xx\n".repeat(100_000);
        assert_eq!(
            (keeper.deliver(&text), keeper.attempts()),
            (0, 1),
            "{}",
            keeper.dialogue()
        );
        assert_eq!(server.connections(), 2);
        let dialogue = keeper.dialogue();
        assert!(
            dialogue.contains("# the connection that was kept is of no more use"),
            "{dialogue}"
        );
        assert!(keeper.0.report().unwrap().text.octets() == b"2.0.0 queued");
    }
}

#[test]
fn a_connection_that_is_dead_in_silence_costs_the_time_of_rset() {
    let server = Server::start(numbered(vec![
        |peer| {
            peer.greet_with(OFFERS);
            take(peer);
            assert_eq!(peer.hear(), "RSET");
            peer.hold(SECOND * 20);
        },
        one_mail,
    ]));
    let timeouts = Timeouts {
        quit: 300,
        ..Timeouts::default()
    };
    let keeper = Keeper::new(&Draft {
        timeouts,
        ..draft(&server)
    });
    assert_eq!(keeper.deliver("one"), 0);
    thread::sleep(Duration::from_millis(1100));
    let began = Instant::now();
    assert_eq!((keeper.deliver("two"), keeper.attempts()), (0, 1));
    assert!((Duration::from_millis(290)..SECOND * 5).contains(&began.elapsed()));
}

/// A proxy in front of the server may have made another connection to it: nobody has logged in there.
#[test]
fn a_greeting_in_place_of_the_answer_to_rset_costs_a_connection_and_no_attempt() {
    let server = Server::start(numbered(vec![
        |peer| {
            peer.greet_with(OFFERS);
            take(peer);
            assert_eq!(peer.hear(), "RSET");
            peer.say("220 other.example ESMTP");
            if peer.hear() != "" {
                peer.say("503 5.5.1 EHLO first");
            }
        },
        one_mail,
    ]));
    let keeper = Keeper::new(&draft(&server));
    assert_eq!(keeper.deliver("one"), 0);
    thread::sleep(Duration::from_millis(1100));
    assert_eq!((keeper.deliver("two"), keeper.attempts()), (0, 1));
    assert_eq!(server.connections(), 2);
}

#[test]
fn other_refusals_are_told_as_they_are() {
    let server = Server::start(|peer| {
        peer.greet_with(OFFERS);
        take(peer);
        assert_eq!(peer.hear(), "MAIL FROM:<sds@example.test>");
        peer.say("451 4.3.0 try later");
        assert_eq!([peer.hear(), peer.hear()], ["RCPT TO:<someone@example.test>", "DATA"]);
        peer.say("503 no sender\r\n503 no recipient");
        take(peer);
        peer.bye();
    });
    let keeper = Keeper::new(&draft(&server));
    assert_eq!(
        [keeper.deliver("1"), keeper.deliver("2"), keeper.deliver("3")],
        [0, 4, 0]
    );
    assert_eq!(server.connections(), 1);
}

#[test]
fn a_further_attempt_begins_anew_and_its_connection_is_kept() {
    let server = Server::start(numbered(vec![
        |peer| {
            peer.greet_with(OFFERS);
            assert_eq!(peer.hear(), "MAIL FROM:<sds@example.test>");
            assert_eq!([peer.hear(), peer.hear()], ["RCPT TO:<someone@example.test>", "DATA"]);
            peer.say("250 ok\r\n450 4.2.0 greylisted\r\n503 no recipient");
            assert_eq!(peer.hear(), "RSET");
            peer.say("250 ok");
            assert_eq!(peer.hear(), "QUIT");
            peer.say("221 bye");
        },
        |peer| {
            peer.greet_with(OFFERS);
            take(peer);
            take(peer);
            peer.bye();
        },
    ]));
    let keeper = Keeper::new(&draft(&server));
    let mut setup = Setup::of(&draft(&server));
    (setup.keep_alive, setup.retry_max, setup.retry_delay) = (MINUTE, 1, 1);
    keeper.0.set_up(&setup).expect("a configuration");
    assert_eq!((keeper.deliver("1"), keeper.attempts()), (0, 2));
    assert_eq!((keeper.deliver("2"), keeper.attempts()), (0, 1));
    assert_eq!(server.connections(), 2);
}

#[test]
fn a_second_loss_is_told() {
    let server = Server::start(numbered(vec![
        |peer| {
            peer.greet_with(OFFERS);
            take(peer);
            peer.hear();
        },
        |peer| {
            peer.greet_with(OFFERS);
            peer.hear();
        },
        one_mail,
    ]));
    let keeper = Keeper::new(&draft(&server));
    assert_eq!([keeper.deliver("1"), keeper.deliver("2")], [0, 4]);
    let report = keeper.0.report().unwrap();
    assert_eq!((report.outcome, report.attempts), (Outcome::NotSent, 1));
    assert_eq!(server.connections(), 2);
    assert_eq!(keeper.deliver("3"), 0);
}

/// Only the connection that was kept may fail without a word: that of a further attempt was made for it.
#[test]
fn a_loss_in_a_further_attempt_is_told() {
    let server = Server::start(numbered(vec![
        |peer| {
            peer.greet_with(OFFERS);
            take(peer);
            assert_eq!(peer.hear(), "MAIL FROM:<sds@example.test>");
            peer.say("451 4.3.0 try later");
            assert_eq!([peer.hear(), peer.hear()], ["RCPT TO:<someone@example.test>", "DATA"]);
            peer.say("503 no sender\r\n503 no recipient");
            peer.bye();
        },
        |peer| {
            peer.greet_with(OFFERS);
            peer.hear();
        },
        one_mail,
    ]));
    let keeper = Keeper::new(&draft(&server));
    let mut setup = Setup::of(&draft(&server));
    (setup.keep_alive, setup.retry_max, setup.retry_delay) = (MINUTE, 1, 1);
    keeper.0.set_up(&setup).expect("a configuration");
    assert_eq!([keeper.deliver("1"), keeper.deliver("2")], [0, 4]);
    assert_eq!((keeper.attempts(), server.connections()), (2, 2));
    assert_eq!(keeper.deliver("3"), 0);
}

#[test]
fn behind_the_end_of_the_data_nothing_is_repeated() {
    let server = Server::start(|peer| {
        peer.greet_with(OFFERS);
        take(peer);
        assert_eq!(peer.hear(), "MAIL FROM:<sds@example.test>");
        assert_eq!([peer.hear(), peer.hear()], ["RCPT TO:<someone@example.test>", "DATA"]);
        peer.say("250 ok\r\n250 ok\r\n354 go on");
        peer.data();
    });
    let keeper = Keeper::new(&draft(&server));
    assert_eq!([keeper.deliver("1"), keeper.deliver("2")], [0, 8]);
    assert_eq!(keeper.0.report().unwrap().outcome, Outcome::Unknown);
    assert_eq!(server.connections(), 1);
}

/// With CHUNKING the end of the data leaves with MAIL: what is said to MAIL then is told, and the mail goes over no other connection.
#[test]
fn behind_a_last_chunk_in_one_flight_with_mail_nothing_is_repeated() {
    for (reply, code, outcome) in [
        (Some("421 4.3.2 closing"), 2, Outcome::NotSent),
        (Some("451 4.3.0 try later"), 4, Outcome::NotSent),
        (None, 8, Outcome::Unknown),
    ] {
        let server = Server::start(move |peer| {
            peer.greet_with("250-hello\r\n250-CHUNKING\r\n250 PIPELINING");
            take_chunk(peer);
            peer.say("250 ok\r\n250 ok\r\n250 2.0.0 queued");
            take_chunk(peer);
            if let Some(reply) = reply {
                peer.say(reply);
            }
        });
        let keeper = Keeper::new(&draft(&server));
        let mut setup = Setup::of(&draft(&server));
        (setup.keep_alive, setup.draft.chunking) = (MINUTE, true);
        keeper.0.set_up(&setup).expect("a configuration");
        assert_eq!([keeper.deliver("1"), keeper.deliver("2")], [0, code], "{reply:?}");
        let report = keeper.0.report().unwrap();
        assert_eq!((report.outcome, report.attempts), (outcome, 1), "{reply:?}");
        assert_eq!(server.connections(), 1, "{reply:?}");
    }
}

/// Hears one mail that comes in one flight with its envelope.
fn take_chunk(peer: &mut Peer) {
    assert_eq!(peer.hear(), "MAIL FROM:<sds@example.test>");
    assert_eq!(peer.hear(), "RCPT TO:<someone@example.test>");
    let command = peer.hear();
    let length = command
        .strip_prefix("BDAT ")
        .and_then(|rest| rest.strip_suffix(" LAST"));
    peer.read_some(length.expect("the last chunk").parse().expect("a length"));
}

#[test]
fn another_configuration_ends_it_with_quit_at_once_and_shares_nothing() {
    let logins: Vec<fn(&mut Peer)> = vec![
        |peer| {
            peer.greet_with("250-hello\r\n250-PIPELINING\r\n250 AUTH PLAIN");
            assert_eq!(peer.hear(), "AUTH PLAIN AG9uZQBmaXJzdA==");
            peer.say("235 ok");
            take(peer);
            let began = Instant::now();
            assert_eq!(peer.hear(), "QUIT");
            assert!(began.elapsed() < SECOND * 5);
            peer.say("221 bye");
        },
        |peer| {
            peer.greet_with("250-hello\r\n250-PIPELINING\r\n250 AUTH PLAIN");
            assert_eq!(peer.hear(), "AUTH PLAIN AHR3bwBzZWNvbmQ=");
            peer.say("235 ok");
            take(peer);
            peer.bye();
        },
    ];
    let server = Server::start(numbered(logins));
    let with = |username, password| Draft {
        auth: 2,
        username: Some(username),
        password: Some(password),
        ..draft(&server)
    };
    let keeper = Keeper::new(&with(b"one", b"first"));
    assert_eq!(keeper.deliver("1"), 0);
    keeper.set_up(&with(b"two", b"second"), MINUTE);
    thread::sleep(Duration::from_millis(200));
    assert_eq!(keeper.deliver("2"), 0);
    assert_eq!(server.connections(), 2);
}

#[test]
fn a_configuration_that_comes_while_the_mail_is_in_flight_keeps_nothing() {
    let server = Server::start(|peer| {
        peer.greet_with(OFFERS);
        assert_eq!(peer.hear(), "MAIL FROM:<sds@example.test>");
        thread::sleep(Duration::from_millis(300));
        take_behind_mail(peer);
        let began = Instant::now();
        assert_eq!(peer.hear(), "QUIT");
        assert!(began.elapsed() < SECOND * 5);
        peer.say("221 bye");
    });
    let keeper = Keeper::new(&draft(&server));
    keeper
        .0
        .send(Some(b"someone@example.test"), b"alarm", b"x")
        .expect("started");
    thread::sleep(Duration::from_millis(100));
    keeper.set_up(&draft(&server), MINUTE);
    assert_eq!(keeper.0.wait(LIMIT), Ok(0));
    server.finish(SECOND * 10);
}

#[test]
fn a_mail_that_is_cancelled_ends_it() {
    let server = Server::start(|peer| {
        peer.greet_with(OFFERS);
        take(peer);
        peer.hear();
        assert!(peer.ends_within(SECOND * 5));
    });
    let keeper = Keeper::new(&draft(&server));
    assert_eq!(keeper.deliver("1"), 0);
    keeper
        .0
        .send(Some(b"someone@example.test"), b"alarm", b"x")
        .expect("started");
    thread::sleep(Duration::from_millis(100));
    keeper.0.cancel().unwrap();
    assert_eq!(keeper.0.wait(LIMIT), Ok(Code::Cancelled.number()));
    server.finish(SECOND * 10);
}

#[test]
fn a_probe_asks_the_server_and_leaves_its_connection_to_the_next_mail() {
    let server = Server::start(numbered(vec![one_mail, one_mail]));
    let keeper = Keeper::new(&draft(&server));
    assert_eq!(keeper.deliver("1"), 0);
    keeper.0.probe().unwrap();
    assert_eq!(keeper.0.wait(LIMIT), Ok(0));
    assert_eq!(server.connections(), 2);
    assert_eq!(keeper.deliver("2"), 0);
    assert_eq!(server.connections(), 2);
}

#[test]
fn a_server_that_takes_two_mails_a_session_gets_two() {
    let server = Server::start(|peer| {
        peer.greet_with("250-hello\r\n250-LIMITS RCPTMAX=100 MAILMAX=2\r\n250 PIPELINING");
        take(peer);
        take(peer);
        assert_eq!(peer.hear(), "QUIT");
        peer.say("221 bye");
    });
    let keeper = Keeper::new(&draft(&server));
    for _ in 0..4 {
        assert_eq!(keeper.deliver("x"), 0);
    }
    assert_eq!(server.connections(), 2);
}

#[test]
fn a_thousand_clients_keep_a_connection_each() {
    const CLIENTS: usize = 1000;
    let server = Server::start(|peer| {
        peer.greet_with(OFFERS);
        take(peer);
        take(peer);
        peer.bye();
    });
    let keepers: Vec<Keeper> = (0..CLIENTS).map(|_| Keeper::new(&draft(&server))).collect();
    for _ in 0..2 {
        for keeper in &keepers {
            keeper
                .0
                .send(Some(b"someone@example.test"), b"alarm", b"x")
                .expect("started");
        }
        for keeper in &keepers {
            let ended = keeper.0.wait(LIMIT);
            assert_eq!((ended, keeper.attempts()), (Ok(0), 1));
        }
    }
    assert_eq!(server.connections(), CLIENTS);
    drop(keepers);
    server.finish(SECOND * 20);
}

/// A client of a server that counts.
fn keeper_of(server: &counting::Server) -> Keeper {
    let address = server.address.to_string();
    Keeper::new(&Draft {
        server: Some(address.as_bytes()),
        sender: Some(b"sds@example.test"),
        ..Draft::default()
    })
}

/// Sends two mails to a server whose first conversation has this fate, and whose others are fair. What became of the second one:
/// its outcome, and whether it needed a connection of its own.
fn second_mail(fate: Fate, number: usize) -> (Outcome, usize) {
    let ledger = Arc::new(Ledger::default());
    let conversations = AtomicUsize::new(0);
    let server = counting::Server::start(&ledger, None, move || {
        if conversations.fetch_add(1, Ordering::AcqRel) == 0 {
            fate
        } else {
            Fate {
                pipelining: fate.pipelining,
                ..Fate::FAIR
            }
        }
    });
    let keeper = keeper_of(&server);
    let send = |subject: String| {
        let text = ".A line of the text.\n".repeat(10);
        keeper
            .0
            .send(Some(b"a@example.test"), subject.as_bytes(), text.as_bytes())
            .expect("started");
        let code = keeper.0.wait(LIMIT).expect("a living client");
        let report = keeper.0.report().expect("a living client");
        let id = String::from_utf8_lossy(report.message_id.octets()).into_owned();
        assert_eq!(report.attempts, 1);
        assert_eq!(code == 0, report.outcome == Outcome::Sent);
        (report.outcome, ledger.mail(&id).taken)
    };
    let first = send(format!("first {number}"));
    let (outcome, taken) = send(format!("second {number}"));
    let place = format!("{fate:?}: {:?}", ledger.faults());
    assert!(ledger.faults().is_empty(), "{place}");
    match first.0 {
        Outcome::Sent => assert_eq!(first.1, 1, "{place}"),
        Outcome::NotSent => assert_eq!(first.1, 0, "{place}"),
        _ => assert!(first.1 <= 1, "{place}"),
    }
    match outcome {
        Outcome::Sent => assert_eq!(taken, 1, "{place}"),
        Outcome::Unknown => assert!(taken <= 1, "{place}"),
        // Another connection is always there.
        _ => panic!("{place}: {outcome:?}"),
    }
    let connections = ledger.connections.load(Ordering::Relaxed);
    assert!(connections <= 2, "{place}");
    drop(keeper);
    server.finish();
    (outcome, connections)
}

/// Cuts everywhere: each second mail is sent once, or its outcome is unknown.
fn cut(fates: &[Fate]) {
    let next = AtomicUsize::new(0);
    let seen = Mutex::new([0; 3]);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(fate) = fates.get(number) else { return };
                    let (outcome, connections) = second_mail(*fate, number);
                    let kind = match (outcome, connections) {
                        (Outcome::Sent, 1) => 0,
                        (Outcome::Sent, _) => 1,
                        _ => 2,
                    };
                    seen.lock().unwrap()[kind] += 1;
                }
            });
        }
    });
    let [kept, anew, unknown] = *seen.lock().unwrap();
    println!("{kept} over the kept connection, {anew} over another one, {unknown} unknown");
    assert!(anew > 100 && unknown > 0 && kept > 0, "{kept}, {anew}, {unknown}");
}

#[test]
fn wherever_the_second_mail_is_cut_it_is_sent_once_or_unknown() {
    let mut fates = Vec::new();
    for pipelining in [false, true] {
        for reset in [false, true] {
            for takes_unanswered in [false, true] {
                let fair = Fate {
                    pipelining,
                    reset,
                    takes_unanswered,
                    ..Fate::FAIR
                };
                // The first mail has some 650 octets with its envelope, the second one a bit less.
                fates.extend(
                    (600..1400)
                        .step_by(2 - usize::from(takes_unanswered))
                        .map(|heard| Fate { heard, ..fair }),
                );
                fates.extend((100..300).map(|said| Fate { said, ..fair }));
            }
        }
    }
    cut(&fates);
}

#[test]
fn whatever_the_server_says_to_the_second_mail_it_is_told_or_sent() {
    for (step, code, wanted) in [
        (Step::Mail, 421, (0, 2)),
        (Step::Rcpt, 421, (0, 2)),
        (Step::Data, 421, (0, 2)),
        (Step::Mail, 451, (4, 1)),
        (Step::Rcpt, 450, (5, 1)),
        (Step::Data, 550, (7, 1)),
        // Its end has left: it is not sent, and that is told.
        (Step::End, 421, (2, 1)),
        (Step::End, 452, (8, 1)),
    ] {
        let ledger = Arc::new(Ledger::default());
        let conversations = AtomicUsize::new(0);
        let server = counting::Server::start(&ledger, None, move || {
            let first = conversations.fetch_add(1, Ordering::AcqRel) == 0;
            let instead = first.then_some((step, Instead::Refuses(code)));
            Fate {
                from_mail: 1,
                instead,
                ..Fate::FAIR
            }
        });
        let keeper = keeper_of(&server);
        assert_eq!(keeper.deliver("1"), 0);
        let told = (keeper.deliver("2"), ledger.connections.load(Ordering::Relaxed));
        assert_eq!(told, wanted, "{step:?} {code}: {}", keeper.dialogue());
        assert_eq!(keeper.attempts(), 1);
        drop(keeper);
        server.finish();
    }
}
