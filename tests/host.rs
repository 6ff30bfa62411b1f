//! The host engine over real sockets: many clients, one thread, deadlines, cancelling, hostile servers.
//!
//! Everything goes to 127.0.0.1 or ::1.

// It asks the system for what the standard library does not show.
#[path = "common/device.rs"]
mod device;
#[allow(unsafe_code)]
#[path = "common/peer.rs"]
mod peer;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use device::{Device, LIMIT, accept, draft};
use peer::Server;
use sds_smtp::client::settings::Draft;
use sds_smtp::client::wrong::Wrong;
use sds_smtp::code::{Code, Outcome, Phase};
use sds_smtp::host::{Client, Setup, Wait};
use sds_smtp::limits::Timeouts;

#[test]
fn of_a_hundred_threads_that_send_at_once_one_is_started() {
    const THREADS: usize = 100;
    let server = Server::start(|peer| {
        thread::sleep(Duration::from_millis(300));
        accept(peer);
    });
    let device = Device::new(&draft(&server));
    let (together, started, busy) = (Barrier::new(THREADS), AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                together.wait();
                match device.send("x") {
                    Ok(()) => started.fetch_add(1, Ordering::Relaxed),
                    Err(Code::Busy) => busy.fetch_add(1, Ordering::Relaxed),
                    Err(other) => panic!("{other:?}"),
                };
            });
        }
    });
    assert_eq!(started.into_inner(), 1);
    assert_eq!(busy.into_inner(), THREADS - 1);
    assert_eq!(device.0.wait(LIMIT), Ok(0));
    assert_eq!(server.connections(), 1);
    // A refused start is logged, one that met a mail in flight is not.
    assert_eq!(device.0.log_len(), Ok(1));
}

#[test]
fn more_mails_are_in_flight_than_the_thread_hears_of_at_a_time() {
    const CLIENTS: usize = 150;
    let all = Arc::new(Barrier::new(CLIENTS));
    let server = Server::start(move |peer| {
        // All are greeted at once.
        all.wait();
        accept(peer);
    });
    let devices: Vec<Device> = (0..CLIENTS).map(|_| Device::new(&draft(&server))).collect();
    for device in &devices {
        device.send("x").expect("started");
    }
    for device in &devices {
        assert_eq!(device.0.wait(LIMIT), Ok(0));
    }
}

#[test]
fn a_server_on_ipv6_is_greeted_with_an_ipv6_literal() {
    let server = Server::start_v6(|peer| {
        peer.say("220 hello");
        assert_eq!(peer.hear(), "EHLO [IPv6:0:0:0:0:0:0:0:1]");
        peer.say("250 hello");
        peer.envelope();
        peer.data();
        peer.say("250 ok");
        peer.bye();
    });
    let device = Device::new(&draft(&server));
    assert_eq!(device.deliver("x"), 0);
}

#[test]
fn a_mail_of_five_megabytes_arrives_at_a_slow_reader_as_it_was() {
    let text: String = (0..100_000)
        .map(|number| format!(".line {number:08} xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n"))
        .collect();
    let wanted = text.replace('\n', "\r\n");
    let arrived = Arc::new(Mutex::new(Vec::new()));
    let kept = arrived.clone();
    let server = Server::start(move |peer| {
        peer.greet();
        peer.envelope();
        thread::sleep(Duration::from_millis(200));
        *kept.lock().unwrap() = peer.data();
        peer.say("250 ok");
        peer.bye();
    });
    let device = Device::new(&draft(&server));
    assert_eq!(device.deliver(&text), 0);
    let mail = arrived.lock().unwrap();
    let body = mail
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .expect("an empty line")
        + 4;
    assert!(mail[body..] == *wanted.as_bytes());
}

#[test]
fn an_answer_while_the_text_is_being_sent_ends_it() {
    let server = Server::start(|peer| {
        peer.greet();
        peer.envelope();
        peer.read_some(100_000);
        peer.say("552 5.3.4 too much");
        peer.hold(Duration::from_secs(5));
    });
    let device = Device::new(&draft(&server));
    let begun = Instant::now();
    assert_eq!(device.deliver(&"x".repeat(60).repeat(300_000)), 7);
    assert!(begun.elapsed() < Duration::from_secs(4));
    let report = device.0.report().unwrap();
    assert_eq!(
        (report.phase, report.reply, report.outcome),
        (Phase::Text, 552, Outcome::NotSent)
    );
    assert_eq!(report.enhanced, [5, 3, 4]);
}

#[test]
fn nothing_of_a_mail_that_was_not_sent_leaves_after_its_result() {
    // The server hears nothing until the system takes no more, then says that it will say nothing: the mail is not sent, and
    // its end may be in our own buffer of 4 KiB. So its length is varied around what the system took before.
    let deliver = |octets: usize| {
        let (tell, heard) = std::sync::mpsc::channel();
        let server = Server::start(move |peer| {
            peer.greet();
            peer.envelope();
            thread::sleep(Duration::from_millis(150));
            let _ = tell.send(peer.hang_up_and_hear());
        });
        let device = Device::new(&draft(&server));
        let code = device.deliver(&("x".repeat(60) + "\n").repeat(octets / 62));
        let (octets, dot) = heard
            .recv_timeout(Duration::from_secs(10))
            .expect("the end of the connection");
        (code, device.0.report().unwrap().outcome, octets, dot)
    };
    let around = (0..3).map(|_| deliver(12_000_000).2).max().unwrap();
    for step in 0..20usize {
        let (code, outcome, octets, dot) = deliver((around + 500 * step).saturating_sub(8_000));
        assert!(!dot || outcome == Outcome::Unknown, "code {code}, {octets} octets");
    }
}

#[test]
fn a_connection_reset_behind_the_final_dot_leaves_the_outcome_unknown() {
    let server = Server::start(|peer| {
        peer.greet();
        peer.envelope();
        peer.data();
        peer.reset();
    });
    let device = Device::new(&draft(&server));
    assert_eq!(device.deliver("x"), 8);
    let report = device.0.report().unwrap();
    assert_eq!(
        (report.outcome, report.phase, report.reply),
        (Outcome::Unknown, Phase::End, 0)
    );
    assert!(report.message_id.octets().ends_with(b"@example.test>"));
    assert_eq!(report.text.octets(), b"connection lost");
}

#[test]
fn a_reset_before_or_with_the_greeting_is_a_server_that_is_not_ready() {
    let server = Server::start(|peer| peer.reset());
    let device = Device::new(&draft(&server));
    assert_eq!(device.deliver("x"), 2);
    assert_eq!(device.0.report().unwrap().phase, Phase::Greeting);

    let server = Server::start(|peer| {
        peer.say("554 5.7.1 go away");
        peer.reset();
    });
    let device = Device::new(&draft(&server));
    assert_eq!(device.deliver("x"), 2);
    let report = device.0.report().unwrap();
    assert_eq!((report.phase, report.reply), (Phase::Greeting, 554));
    assert_eq!(report.text.octets(), b"5.7.1 go away");
}

#[test]
fn a_freed_client_leaves_no_connection_that_waits_for_its_quit() {
    let server = Server::start(|peer| {
        peer.greet();
        peer.envelope();
        peer.data();
        peer.say("250 ok");
        assert_eq!(peer.hear(), "QUIT");
        assert!(peer.ends_within(Duration::from_secs(20)), "the client closes by itself");
    });
    for _ in 0..10 {
        let device = Device::new(&Draft {
            timeouts: Timeouts {
                quit: 600_000,
                ..Timeouts::default()
            },
            ..draft(&server)
        });
        assert_eq!(device.deliver("x"), 0);
    }
    server.finish(Duration::from_secs(10));
}

#[test]
fn nobody_listening_is_no_connection() {
    let server = Server::start(|_| {});
    let draft = draft(&server);
    drop(server);
    let device = Device::new(&draft);
    assert_eq!(device.deliver("x"), 13);
    let report = device.0.report().unwrap();
    assert_eq!((report.phase, report.outcome), (Phase::Connect, Outcome::NotSent));
    assert!(report.text.octets().starts_with(b"connection refused"));
}

fn within(timeouts: Timeouts, server: &Server) -> (u8, Phase, Duration) {
    let device = Device::new(&Draft {
        timeouts,
        ..draft(server)
    });
    let begun = Instant::now();
    let code = device.deliver("x");
    (code, device.0.report().unwrap().phase, begun.elapsed())
}

#[test]
fn a_server_that_does_not_greet_meets_the_greetings_deadline_not_the_connections() {
    let server = Server::start(|peer| peer.hold(Duration::from_secs(10)));
    let timeouts = Timeouts {
        connect: 60_000,
        greeting: 300,
        ..Timeouts::default()
    };
    let (code, phase, took) = within(timeouts, &server);
    assert_eq!((code, phase), (1, Phase::Greeting));
    assert!(
        // The clock counts whole milliseconds: a deadline may come a part of one early.
        took > Duration::from_millis(299) && took < Duration::from_secs(5),
        "{took:?}"
    );
}

#[test]
fn a_greeting_may_come_later_than_the_connections_deadline() {
    let server = Server::start(|peer| {
        thread::sleep(Duration::from_millis(500));
        accept(peer);
    });
    let timeouts = Timeouts {
        connect: 200,
        ..Timeouts::default()
    };
    assert_eq!(within(timeouts, &server).0, 0);
}

#[test]
fn a_connection_that_never_stands_meets_its_deadline() {
    let full = peer::full_listener();
    let device = Device::new(&Draft {
        port: u32::from(full.port),
        timeouts: Timeouts {
            connect: 300,
            ..Timeouts::default()
        },
        server: Some(b"127.0.0.1"),
        sender: Some(b"sds@example.test"),
        ..Draft::default()
    });
    let begun = Instant::now();
    assert_eq!(device.deliver("x"), 1);
    assert!(begun.elapsed() > Duration::from_millis(299));
    let report = device.0.report().unwrap();
    assert_eq!((report.phase, report.outcome), (Phase::Connect, Outcome::NotSent));
}

#[test]
fn a_server_that_says_an_octet_at_a_time_does_not_move_the_deadline() {
    let server = Server::start(|peer| {
        for octet in b"220-".iter().chain([b'x'].iter().cycle()).take(200) {
            if !peer.say_raw(&[*octet]) {
                return;
            }
            thread::sleep(Duration::from_millis(50));
        }
    });
    let timeouts = Timeouts {
        greeting: 400,
        ..Timeouts::default()
    };
    let (code, phase, took) = within(timeouts, &server);
    assert_eq!((code, phase), (1, Phase::Greeting));
    assert!(took < Duration::from_secs(4), "{took:?}");
}

#[test]
fn the_total_deadline_ends_a_mail_that_goes_on_and_on() {
    let server = Server::start(|peer| {
        peer.say("220 hello");
        for _ in 0..200 {
            if !peer.say_raw(b"") {
                return;
            }
            thread::sleep(Duration::from_millis(50));
        }
    });
    let timeouts = Timeouts {
        total: 400,
        ..Timeouts::default()
    };
    let (code, phase, took) = within(timeouts, &server);
    assert_eq!((code, phase), (1, Phase::Hello));
    assert!(took < Duration::from_secs(4), "{took:?}");
}

#[test]
fn a_mail_can_be_cancelled_and_ends_at_once() {
    let server = Server::start(|peer| {
        peer.say("220 hello");
        peer.hold(Duration::from_secs(10));
    });
    let device = Device::new(&draft(&server));
    assert_eq!(device.0.cancel(), Ok(()));
    device.send("x").expect("started");
    thread::sleep(Duration::from_millis(100));
    let begun = Instant::now();
    assert_eq!(device.0.cancel(), Ok(()));
    assert_eq!(device.0.wait(LIMIT), Ok(32));
    assert!(begun.elapsed() < Duration::from_secs(2));
    let report = device.0.report().unwrap();
    assert_eq!((report.outcome, report.phase), (Outcome::NotSent, Phase::Hello));
    assert_eq!(device.0.cancel(), Ok(()));
    assert_eq!(device.0.status(), Ok(32));
}

#[test]
fn cancelling_behind_the_final_dot_says_that_the_outcome_is_unknown() {
    let dot = Arc::new(Barrier::new(2));
    let at_server = dot.clone();
    let server = Server::start(move |peer| {
        peer.greet();
        peer.envelope();
        peer.data();
        at_server.wait();
        peer.hold(Duration::from_secs(10));
    });
    let device = Device::new(&draft(&server));
    device.send("x").expect("started");
    dot.wait();
    assert_eq!(device.0.cancel(), Ok(()));
    assert_eq!(device.0.wait(LIMIT), Ok(32));
    assert_eq!(device.0.report().unwrap().outcome, Outcome::Unknown);
}

#[test]
fn a_client_freed_in_flight_closes_its_connection_and_wakes_who_waits() {
    let ended = Arc::new(Barrier::new(2));
    let at_server = ended.clone();
    let server = Server::start(move |peer| {
        peer.say("220 hello");
        assert!(peer.hear().starts_with("EHLO"));
        // The end of the connection, not of the patience.
        assert!(peer.ends_within(Duration::from_secs(10)));
        at_server.wait();
    });
    let client = Client::new().unwrap();
    client.configure(&draft(&server)).unwrap();
    client.send(Some(b"a@b.cz"), b"", b"").unwrap();
    let waiter = thread::spawn(move || client.wait(LIMIT));
    thread::sleep(Duration::from_millis(200));
    assert_eq!(client.free(), Ok(()));
    assert_eq!(waiter.join().unwrap(), Err(Code::BadHandle));
    ended.wait();
    assert_eq!(client.free(), Err(Code::BadHandle));
    assert_eq!(client.status(), Err(Code::BadHandle));
    assert_eq!(client.send(Some(b"a@b.cz"), b"", b""), Err(Code::BadHandle));
}

#[test]
fn a_mail_in_flight_keeps_the_configuration_it_began_with() {
    let reconfigured = Arc::new(Barrier::new(2));
    let at_server = reconfigured.clone();
    let server = Server::start(move |peer| {
        at_server.wait();
        peer.greet();
        assert_eq!(peer.hear(), "MAIL FROM:<sds@example.test>");
        peer.say("250 ok");
        assert_eq!(peer.hear(), "RCPT TO:<someone@example.test>");
        peer.say("250 ok");
        assert_eq!(peer.hear(), "DATA");
        peer.say("354 go on");
        peer.data();
        peer.say("250 ok");
        peer.bye();
    });
    let device = Device::new(&draft(&server));
    device.send("x").unwrap();
    let other = Draft {
        sender: Some(b"other@example.test"),
        ..draft(&server)
    };
    assert_eq!(device.0.configure(&other), Ok(()));
    // A bad one changes nothing.
    let bad = Draft { server: None, ..other };
    assert_eq!(device.0.configure(&bad), Err(Code::ConnectFailed));
    reconfigured.wait();
    assert_eq!(device.0.wait(LIMIT), Ok(0));
    assert!(
        device
            .0
            .report()
            .unwrap()
            .message_id
            .octets()
            .ends_with(b"@example.test>")
    );
}

#[test]
fn a_server_that_never_answers_quit_holds_nobody_up() {
    let server = Server::start(|peer| {
        peer.greet();
        peer.envelope();
        peer.data();
        peer.say("250 ok");
        assert_eq!(peer.hear(), "QUIT");
        assert!(peer.ends_within(Duration::from_secs(20)), "the client closes by itself");
    });
    let device = Device::new(&Draft {
        timeouts: Timeouts {
            quit: 2_000,
            ..Timeouts::default()
        },
        ..draft(&server)
    });
    let begun = Instant::now();
    for _ in 0..20 {
        assert_eq!(device.deliver("x"), 0);
    }
    // Twenty mails, and not once the two seconds.
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    // All connections end: the one that lingers by its deadline, the others when the next one lingered.
    server.finish(Duration::from_secs(10));
}

#[test]
fn a_server_that_refuses_ehlo_and_closes_is_greeted_again_with_helo() {
    let server = Server::start(|peer| {
        peer.say("220 old");
        let line = peer.hear();
        if line.starts_with("EHLO") {
            peer.say("500 what?");
            return;
        }
        assert!(line.starts_with("HELO ["), "{line}");
        peer.say("250 ah");
        peer.envelope();
        peer.data();
        peer.say("250 ok");
        peer.bye();
    });
    let device = Device::new(&draft(&server));
    assert_eq!(device.deliver("x"), 0);
    assert_eq!(server.connections(), 2);
}

#[test]
fn a_probe_logs_in_and_sends_nothing() {
    let refused = Arc::new(Barrier::new(2));
    let waits = refused.clone();
    let server = Server::start(move |peer| {
        // While the probe is under way nothing is sent.
        waits.wait();
        peer.say("220 hello");
        peer.hear();
        peer.say("250-hello\r\n250 AUTH PLAIN");
        assert_eq!(peer.hear(), "AUTH PLAIN AHNkcwBzZHMtc2VjcmV0");
        peer.say("235 welcome");
        peer.bye();
    });
    let device = Device::new(&Draft {
        auth: 2,
        username: Some(b"sds"),
        password: Some(b"sds-secret"),
        ..draft(&server)
    });
    assert_eq!(device.0.probe(), Ok(()));
    assert_eq!(device.send("x"), Err(Code::Busy));
    refused.wait();
    assert_eq!(device.0.wait(LIMIT), Ok(0));
    let report = device.0.report().unwrap();
    assert_eq!(
        (report.outcome, report.phase, report.reply),
        (Outcome::NotSent, Phase::Auth, 235)
    );
    assert!(report.message_id.octets().is_empty());
}

#[test]
fn the_log_keeps_the_newest_sixty_four_and_says_why_each_ended() {
    let server = Server::start(|peer| {
        peer.greet();
        peer.hear();
        peer.say("250 ok");
        peer.hear();
        peer.say("550 5.1.1 no such user here");
        assert_eq!(peer.hear(), "RSET");
        peer.say("250 ok");
        peer.bye();
    });
    let device = Device::new(&draft(&server));
    let bad = device.0.send(Some(b"nobody\r\nRCPT TO:<x@y>"), b"", b"");
    assert_eq!(bad, Err(Code::RecipientRefused));
    assert_eq!(device.0.status(), Ok(5));
    for _ in 0..70 {
        assert_eq!(device.deliver("x"), 12);
    }
    let bad = device.0.send(Some(b"someone@example.test"), b"two\nlines", b"");
    assert_eq!(bad, Err(Code::DataFailed));
    let mut entries = Vec::new();
    assert_eq!(device.0.log(100, |entry| entries.push(*entry)), Ok(64));
    let (last, others) = entries.split_last().unwrap();
    assert_eq!((last.code, last.phase), (Code::DataFailed, Phase::Start));
    assert_eq!(last.text.octets(), b"subject: a line end in it");
    for entry in others {
        assert_eq!(
            (entry.code, entry.reply, entry.recipients),
            (Code::InvalidRecipient, 550, 1)
        );
        assert_eq!(entry.recipient.octets(), b"someone@example.test");
        assert_eq!(entry.text.octets(), b"5.1.1 no such user here");
        assert!(entry.time > 1_700_000_000_000);
    }
    assert!(entries.windows(2).all(|pair| pair[0].time <= pair[1].time));
}

#[test]
fn with_several_recipients_the_log_names_the_one_that_was_refused() {
    let server = Server::start(|peer| {
        peer.greet_with("250-hello\r\n250 PIPELINING");
        for _ in 0..4 {
            peer.hear();
        }
        peer.say("250 ok\r\n250 ok\r\n551 5.1.6 moved\r\n250 ok");
        assert_eq!(peer.hear(), "RSET");
        peer.say("250 ok");
        peer.bye();
    });
    let device = Device::new(&draft(&server));
    device.0.send(Some(b"a@b.cz, c@d.cz, e@f.cz"), b"", b"").unwrap();
    assert_eq!(device.0.wait(LIMIT), Ok(5));
    let report = device.0.report().unwrap();
    assert_eq!((report.recipients, report.reply), ((2, 1), 551));
    let mut entries = Vec::new();
    device.0.log(1, |entry| entries.push(*entry)).unwrap();
    assert_eq!(entries[0].recipient.octets(), b"c@d.cz");
    assert_eq!(entries[0].recipients, 3);
}

#[test]
fn a_mail_cancelled_between_two_attempts_names_no_recipient() {
    let server = Server::start(|peer| {
        peer.greet();
        peer.hear();
        peer.say("250 ok");
        peer.hear();
        peer.say("450 4.2.1 greylisted");
        assert_eq!(peer.hear(), "RSET");
        peer.say("250 ok");
        peer.bye();
    });
    let device = Device(Client::new().unwrap());
    let mut setup = Setup::of(&draft(&server));
    (setup.retry_max, setup.retry_delay) = (1, 3_600_000);
    device.0.set_up(&setup).unwrap();
    device.send("x").unwrap();
    let begun = Instant::now();
    while device.0.log_len() == Ok(0) {
        assert!(begun.elapsed() < Duration::from_secs(20));
        thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(device.0.cancel(), Ok(()));
    assert_eq!(device.0.wait(LIMIT), Ok(32));
    let report = device.0.report().unwrap();
    assert_eq!((report.reply, report.attempts), (0, 1));
    // The refusal decided what the attempt came to, not the mail.
    assert!(!report.decided);
}

#[test]
fn message_ids_are_never_the_same() {
    let server = Server::start(|peer| {
        accept(peer);
    });
    let device = Device::new(&draft(&server));
    let mut ids = Vec::new();
    for _ in 0..50 {
        assert_eq!(device.deliver("x"), 0);
        ids.push(device.0.report().unwrap().message_id.octets().to_vec());
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 50);
}

#[test]
fn waiting_ends_with_its_time_and_the_mail_goes_on() {
    let server = Server::start(|peer| {
        thread::sleep(Duration::from_millis(400));
        accept(peer);
    });
    let device = Device::new(&draft(&server));
    assert_eq!(device.0.wait(Wait::Forever), Ok(0));
    device.send("x").unwrap();
    assert_eq!(device.0.wait(Wait::Milliseconds(0)), Ok(14));
    let begun = Instant::now();
    assert_eq!(device.0.wait(Wait::Milliseconds(100)), Ok(14));
    assert!(begun.elapsed() > Duration::from_millis(99));
    assert_eq!(device.0.wait(Wait::Forever), Ok(0));
}

#[test]
fn a_second_mail_is_refused_with_words_that_say_so() {
    let server = Server::start(|peer| peer.hold(Duration::from_secs(10)));
    let device = Device::new(&draft(&server));
    let words = || device.0.refusal(|text| String::from_utf8_lossy(text).into_owned());
    device.send("x").unwrap();
    let wrong = Wrong::new(Code::BadArgument, "flags", "unknown value");
    let calls: [&dyn Fn() -> Code; 3] = [
        &|| device.send("y").unwrap_err(),
        &|| device.0.probe().unwrap_err(),
        &|| device.0.refuse(&wrong),
    ];
    for refused in calls {
        // Words of an earlier refusal do not stay.
        assert_eq!(device.0.configure(&Draft::default()), Err(Code::ConnectFailed));
        assert_ne!(words().unwrap(), "client: a mail is in flight");
        assert_eq!(refused(), Code::Busy);
        assert_eq!(words().unwrap(), "client: a mail is in flight");
    }
    assert_eq!(device.0.cancel(), Ok(()));
    assert_eq!(device.0.wait(LIMIT), Ok(32));
    let freed = Client::new().unwrap();
    freed.free().unwrap();
    assert_eq!(
        (freed.probe(), freed.refuse(&wrong)),
        (Err(Code::BadHandle), Code::BadHandle)
    );
    assert_eq!(freed.refusal(<[u8]>::len), Err(Code::BadHandle));
}

#[test]
fn a_wrong_server_in_a_url_is_named_by_its_place() {
    let client = Client::new().unwrap();
    for (url, words) in [
        (
            "smtp://u:p%20q@1.2.3/",
            "url: byte 15: this looks like an IP address, and is none",
        ),
        ("smtp://0.0.0.0:25", "url: byte 7: "),
        ("smtp://u@[::1%25nosuchinterface]:25", "url: byte 9: "),
        ("smtp://u:p q@1.2.3", "url: byte 10: "),
    ] {
        let code = client.configure_url(url.as_bytes(), b"sds@example.test");
        assert_eq!(code, Err(Code::BadArgument), "{url}");
        let refusal = client
            .refusal(|text| String::from_utf8_lossy(text).into_owned())
            .unwrap();
        assert!(refusal.starts_with(words), "{url}: {refusal}");
    }
    client.free().unwrap();
}

#[test]
fn an_unconfigured_client_says_so() {
    let client = Client::new().unwrap();
    assert_eq!(client.send(Some(b"a@b.cz"), b"", b""), Err(Code::ConnectFailed));
    assert_eq!((client.status(), client.program_status()), (Ok(13), Ok(269)));
    assert_eq!(client.probe(), Err(Code::ConnectFailed));
    let report = client.report().unwrap();
    assert_eq!(report.text.octets(), b"client: not configured");
    assert_eq!(client.log_len(), Ok(2));
    client.free().unwrap();
}
