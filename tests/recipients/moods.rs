//! A server that answers each command once, and mostly as one would wish: in pieces, late, with another code, or with the end of the
//! connection at times. It notes who has a mail.

use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use sds_smtp::client::settings::Draft;
use sds_smtp::code::Outcome;
use sds_smtp::host::{Client, Setup};
use sds_smtp::limits::Timeouts;

use super::peer::{Peer, Server};
use super::random::Random;
use super::{Ledger, Sender, compare, seed, verdicts};

/// Mails that each of eight clients sends to a server in a bad mood.
const MOODS: usize = 60;

/// What a server in a bad mood remembers of a connection.
#[derive(Default)]
struct Mood {
    open: bool,
    recipients: Vec<String>,
    text: String,
}

/// One of several replies, the first one mostly.
fn any_of(random: &Mutex<Random>, replies: &[&'static str]) -> &'static str {
    let mut random = random.lock().unwrap();
    if random.chance(80) {
        replies[0]
    } else {
        replies[random.below(replies.len())]
    }
}

/// Says one of several replies, and which; false: it closes behind it.
fn say_any(peer: &mut Peer, random: &Mutex<Random>, replies: &[&'static str]) -> (&'static str, bool) {
    let reply = any_of(random, replies);
    (reply, say_oddly(peer, random, reply, ""))
}

/// Says a reply, and what stands behind it; in pieces at times, or late. False: it closes.
fn say_oddly(peer: &mut Peer, random: &Mutex<Random>, reply: &str, behind: &str) -> bool {
    let (pieces, late, closes) = {
        let mut random = random.lock().unwrap();
        (random.chance(10), random.chance(1), random.chance(1))
    };
    let octets = format!("{reply}\r\n{behind}");
    if late {
        thread::sleep(Duration::from_millis(400));
    }
    let (first, second) = octets.split_at(if pieces { reply.len() / 2 } else { octets.len() });
    peer.say_raw(first.as_bytes());
    if pieces {
        thread::sleep(Duration::from_millis(5));
        peer.say_raw(second.as_bytes());
    }
    if behind == "42" {
        thread::sleep(Duration::from_millis(20));
    }
    !closes && behind.is_empty() && !reply.starts_with("421") && !reply.starts_with("220")
}

/// Holds a conversation, one reply to each command; who gets a mail is noted where its end is answered with 250.
fn hold_moody(peer: &mut Peer, random: &Mutex<Random>, ledger: &Ledger) {
    let offers = {
        let mut random = random.lock().unwrap();
        let mut offers = String::from("250-hello\r\n");
        for (percent, line) in [
            (80, "PIPELINING"),
            (60, "CHUNKING"),
            (10, "LIMITS MAILMAX=2"),
            (10, "LIMITS RCPTMAX=3"),
        ] {
            if random.chance(percent) {
                offers += &format!("250-{line}\r\n");
            }
        }
        offers + "250 8BITMIME"
    };
    let mut mood = Mood::default();
    peer.say("220 moody.example ESMTP");
    loop {
        let line = peer.hear();
        let goes_on = match line.get(..4).unwrap_or_default() {
            "" => return,
            "EHLO" => {
                peer.say(&offers);
                true
            }
            "MAIL" if mood.open => say_any(peer, random, &["503 5.5.1 nested"]).1,
            "MAIL" => {
                let replies = [
                    "250 ok",
                    "451 4.3.0 later",
                    "550 5.7.1 no",
                    "421 4.3.2 bye",
                    "354 what",
                    "503 5.5.1 no",
                ];
                let (reply, goes_on) = say_any(peer, random, &replies);
                mood = Mood {
                    open: reply == "250 ok",
                    ..Mood::default()
                };
                goes_on
            }
            "RCPT" if !mood.open => say_any(peer, random, &["503 5.5.1 no MAIL"]).1,
            "RCPT" => {
                let replies = [
                    "250 ok",
                    "450 4.2.0 later",
                    "550 5.1.1 unknown",
                    "452 4.5.3 too many",
                    "552 full",
                    "421 4.3.2 bye",
                    "220 hello",
                    "354 what",
                ];
                let (reply, goes_on) = say_any(peer, random, &replies);
                if reply == "250 ok" {
                    mood.recipients.push(line.split(['<', '>']).nth(1).unwrap().to_string());
                }
                goes_on
            }
            "DATA" if mood.recipients.is_empty() => say_any(peer, random, &["503 5.5.1 nobody", "554 5.5.1 nobody"]).1,
            "DATA" => {
                let (reply, goes_on) = say_any(
                    peer,
                    random,
                    &["354 go on", "451 4.3.0 later", "554 5.7.1 no", "421 4.3.2 bye"],
                );
                if reply == "354 go on" {
                    mood.text = String::from_utf8_lossy(&peer.data()).into_owned();
                    goes_on && end_moody(peer, random, ledger, &mut mood)
                } else {
                    goes_on
                }
            }
            "BDAT" => {
                let octets = line
                    .split_whitespace()
                    .nth(1)
                    .and_then(|word| word.parse().ok())
                    .unwrap_or(0);
                let Some(chunk) = peer.read_whole(octets) else { return };
                mood.text += &String::from_utf8_lossy(&chunk);
                if mood.recipients.is_empty() {
                    say_any(peer, random, &["503 5.5.1 nobody", "554 5.5.1 nobody"]).1
                } else if line.ends_with(" LAST") {
                    end_moody(peer, random, ledger, &mut mood)
                } else {
                    let replies = [
                        "250 ok",
                        "452 4.3.1 full",
                        "500 5.5.1 what",
                        "503 5.5.1 no",
                        "421 4.3.2 bye",
                    ];
                    let (reply, goes_on) = say_any(peer, random, &replies);
                    if reply != "250 ok" {
                        mood.recipients.clear();
                    }
                    goes_on
                }
            }
            "RSET" => {
                let (reply, goes_on) = say_any(peer, random, &["250 ok", "250 ok", "500 5.5.1 what", "421 4.3.2 bye"]);
                if reply == "250 ok" {
                    mood = Mood::default();
                }
                goes_on
            }
            "QUIT" => {
                if random.lock().unwrap().chance(80) {
                    peer.say("221 bye");
                }
                false
            }
            // The lone dot, and what follows a command that was refused.
            _ => say_any(peer, random, &["500 5.5.1 what"]).1,
        };
        if !goes_on {
            return;
        }
    }
}

/// Answers the end of a mail.
fn end_moody(peer: &mut Peer, random: &Mutex<Random>, ledger: &Ledger, mood: &mut Mood) -> bool {
    let replies = [
        "250 queued",
        "452 4.3.1 full",
        "554 5.7.1 no",
        "503 5.5.1 no",
        "500 5.5.1 what",
        "421 4.3.2 bye",
    ];
    let before = std::mem::take(mood);
    let reply = any_of(random, &replies);
    if reply == "250 queued" {
        ledger.take(&before.text, &before.recipients);
    }
    let behind = any_of(random, &["", "", "", "42", "421 4.3.2 bye\r\n", "250 surplus\r\n"]);
    say_oddly(peer, random, reply, behind)
}

/// Whatever a server answers, and however it ends a connection: no client stays busy, nobody gets a mail twice, and each verdict is
/// what the server has.
#[test]
fn whatever_a_server_answers_each_mail_ends_and_each_verdict_is_right() {
    let random = Arc::new(Mutex::new(Random::new(seed() + 2)));
    let ledgers = thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|number| {
                let random = random.clone();
                scope.spawn(move || {
                    let ledger = Arc::new(Ledger::default());
                    let (noted, moods) = (ledger.clone(), random.clone());
                    let server = Server::start(move |peer| hold_moody(peer, &moods, &noted));
                    let client = Client::new().unwrap();
                    let address = server.address.to_string();
                    let mut setup = Setup::of(&Draft {
                        server: Some(address.as_bytes()),
                        sender: Some(b"sds@example.test"),
                        chunking: number % 4 > 0,
                        timeouts: Timeouts {
                            mail: 250,
                            rcpt: 250,
                            data: 250,
                            end: 250,
                            quit: 250,
                            ..Timeouts::default()
                        },
                        ..Draft::default()
                    });
                    (setup.keep_alive, setup.retry_max, setup.retry_delay) =
                        (if number % 2 > 0 { 60_000 } else { 0 }, 2, 1);
                    client.set_up(&setup).unwrap();
                    let mut sender = Sender { client, mails: 0 };
                    let mut counts = [0usize; 3];
                    for _ in 0..MOODS {
                        let (recipients, partial, lines) = {
                            let mut random = random.lock().unwrap();
                            let lines = if random.chance(5) { 3_000 } else { 3 };
                            (1 + random.below(12), random.chance(75), lines)
                        };
                        let text = "A line of the text, fifty octets with its end. xx\n".repeat(lines);
                        let (subject, _) = sender.send_text(recipients, partial, &text);
                        let told = verdicts(sender.client);
                        for verdict in &told {
                            counts[match verdict.outcome {
                                Outcome::Sent => 0,
                                Outcome::NotSent => 1,
                                _ => 2,
                            }] += 1;
                        }
                        compare(&ledger, &subject, &told);
                    }
                    drop(sender);
                    drop(server);
                    counts
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect::<Vec<_>>()
    });
    println!("{ledgers:?}");
    for kind in 0..3 {
        assert!(
            ledgers.iter().map(|counts| counts[kind]).sum::<usize>() > 50,
            "{ledgers:?}"
        );
    }
}
