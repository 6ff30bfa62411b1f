//! The library without an operating system, on a host: what a device's program can do wrong, what its connection can do, texts,
//! times, interrupts; and the programs of the other library, unchanged.
//!
//! Each program runs as a user would build it, with the sanitizers over a library with all checks, the same without the feature
//! `complete`, and, with fewer cases, under valgrind. The libraries are built here. Needed besides: a C compiler (CC names another) and valgrind.

use std::net::TcpListener;
use std::time::Duration;

#[path = "firmware/building.rs"]
mod building;
#[allow(dead_code)]
#[path = "c_programs/checks.rs"]
mod checks;
#[path = "c_programs/running.rs"]
mod running;
#[allow(dead_code)]
#[path = "c_programs/servers.rs"]
mod servers;

use building::{ALARM_LOOP, FIRST_MAIL, FULLC_PROGRAM, LAYOUT, MISUSE, TWO_DEVICES};
use building::{Build, Checked, Plain, Small, TESTS, executable, root};
use checks::{FROM, TO};
use checks::{assert_every_alarm_is_accounted_for, assert_is_the_seeds_mail, assert_misuse_is_harmless};
use checks::{assert_no_secret_in, two_devices};
use running::{Finished, run, under_valgrind, with_sanitizers};
use servers::{Manners, Server, Sink};

fn run_as(program: &str, build: Build, arguments: &[&str]) -> Finished {
    let executable = executable(program, build);
    match build {
        Plain => run(&executable, arguments),
        Checked | Small => with_sanitizers(&executable, arguments),
    }
}

/// Runs a program in all ways; under valgrind with arguments of its own.
#[track_caller]
fn holds(program: &str, arguments: &[&str], slowly: &[&str], words: &str) {
    for build in [Plain, Checked, Small] {
        println!(
            "{}",
            run_as(program, build, arguments).must_give(0).must_say(words).output
        );
    }
    under_valgrind(&executable(program, Plain), slowly)
        .must_give(0)
        .must_say(words);
}

#[test]
fn misuse_gets_documented_answers() {
    holds("misuse", &[], &[], "misuse: all as documented");
}

#[test]
fn a_connection_that_fails_lies_blocks_or_calls_back_does_no_harm() {
    holds("callbacks", &["1"], &["97"], "all as documented");
}

#[test]
fn tls_names_and_closing_end_as_documented_at_every_call() {
    holds("transports", &["1"], &["29"], "all as documented");
}

#[test]
fn nothing_of_a_mail_is_said_before_tls_where_it_was_configured() {
    holds("starttls", &["1"], &["37"], "all as documented");
}

#[test]
fn texts_arrive_as_they_were_given_and_leave_nothing() {
    holds("texts", &["3"], &["101"], "all as given");
}

#[test]
fn idle_weeks_and_late_polls_are_in_time() {
    holds("times", &[], &[], "all in time");
}

#[test]
fn the_clock_may_wrap_jump_and_be_told_late() {
    holds("clock", &[], &[], "mails");
}

#[test]
fn interrupts_at_any_instruction_get_legal_answers_and_lose_no_mail() {
    holds("signals", &["8000"], &["600"], "refused there");
}

#[test]
fn the_readmes_program_tells_an_alarm_as_told_when_its_mail_is_sent() {
    holds("readme", &[], &[], "readme: told when it was sent");
}

#[test]
fn calls_in_random_order_against_random_servers_are_answered_legally() {
    // A seed of its own for each run; the program prints it.
    let seed = std::process::id().to_string();
    holds("walk", &["3", &seed], &["4", &seed], "unknown");
}

#[test]
fn every_test_is_in_the_list() {
    let mut programs = 0;
    for entry in std::fs::read_dir(root().join("tests/firmware")).expect("the directory is there") {
        let path = entry.expect("an entry").path();
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        if text.contains("#include \"server.h\"") && text.contains("int main(") {
            let name = path.file_stem().and_then(std::ffi::OsStr::to_str).expect("a name");
            assert!(TESTS.contains(&name), "{name}");
            programs += 1;
        }
    }
    assert_eq!(programs, TESTS.len());
}

// ---------------------------------------------------------------------------------------------------------------------
// The programs of the other library
// ---------------------------------------------------------------------------------------------------------------------

#[test]
fn layouts_are_the_published_ones() {
    run_as(LAYOUT, Plain, &[]).must_give(0);
}

#[test]
fn misuse_of_what_both_libraries_have_is_harmless() {
    for build in [Plain, Checked] {
        assert_misuse_is_harmless(&format!("misuse-{build:?}"), |ports| run_as(MISUSE, build, &ports));
    }
    assert_misuse_is_harmless("misuse-valgrind", |ports| {
        under_valgrind(&executable(MISUSE, Plain), ports)
    });
}

#[test]
fn first_mail_logs_in_and_sends_its_mail() {
    for build in [Plain, Checked] {
        let login = ["--user", "kotelna", "--password", "tajne-heslo"];
        let sink = Sink::start(&format!("first-{build:?}"), &login);
        let arguments = ["127.0.0.1", &sink.port, "kotelna", "tajne-heslo", FROM, TO];
        let finished = run_as(FIRST_MAIL, build, &arguments)
            .must_give(0)
            .must_say("code        0: ")
            .must_say("outcome     SENT\n")
            .must_say("phase       END\n")
            .must_say("recipients  1 accepted, 0 refused\n")
            .must_say(&format!("| code 0 | {TO} | reply 250 | "));
        let mails = sink.mails();
        assert_eq!(mails.len(), 1);
        assert_is_the_seeds_mail(&mails[0]);
        let id = mails[0].lines().find_map(|line| line.strip_prefix("Message-ID: "));
        finished.must_say(&format!("Message-ID  {}\n", id.expect("a Message-ID")));
        let refused = run_as(
            FIRST_MAIL,
            build,
            &["127.0.0.1", &sink.port, "kotelna", "wrong", FROM, TO],
        );
        refused
            .must_give(1)
            .must_say("code        11: ")
            .must_say("phase       AUTH\n");
    }
}

#[test]
fn first_mail_tells_no_secret_that_the_server_repeats() {
    for (refusal, code) in [(535, 11), (454, 2), (421, 2), (501, 15), (500, 9), (504, 11), (538, 9)] {
        let server = Server::start(Manners {
            login_refusal: Some(refusal),
            ..Manners::default()
        });
        let arguments = ["127.0.0.1", &server.port, "kotelna", "tajne-heslo", FROM, TO];
        let finished = run_as(FIRST_MAIL, Checked, &arguments).must_give(1);
        assert_no_secret_in(&finished.must_say(&format!("code        {code}: ")));
        assert_eq!(server.mails().len(), 0);
    }
}

#[test]
fn first_mail_explains_what_it_cannot_do() {
    // Nobody listens there any more.
    let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let free = free.expect("a free port").port().to_string();
    let first_mail = |arguments: &[&str]| run_as(FIRST_MAIL, Plain, arguments);
    first_mail(&["127.0.0.1", &free, "", "", FROM, TO])
        .must_give(1)
        .must_say("code        13: ")
        .must_say("phase       CONNECT\n");
    first_mail(&["127.0.0.1", &free, "", "", FROM, "nobody"])
        .must_give(1)
        .must_say("code        5: ");
    first_mail(&["localhost", &free, "", "", FROM, TO])
        .must_give(2)
        .must_say("refused, code 13: ");
    first_mail(&["127.0.0.1", "25", "user", "", FROM, TO])
        .must_give(2)
        .must_say("refused, code 11: ");
}

#[test]
fn alarm_loop_accounts_for_every_alarm() {
    for build in [Plain, Checked] {
        let sink = Sink::start(&format!("alarm-{build:?}"), &[]);
        let finished = run_as(ALARM_LOOP, build, &["127.0.0.1", &sink.port, FROM, TO, "40"]).must_give(0);
        let (_, uncertain) = assert_every_alarm_is_accounted_for(&finished, &sink.mails(), 40);
        assert_eq!(uncertain, 0);
    }
    let slow = Server::start(Manners {
        delay: Duration::from_millis(20),
        ..Manners::default()
    });
    let finished = run_as(ALARM_LOOP, Plain, &["127.0.0.1", &slow.port, FROM, TO, "120"]).must_give(0);
    let (lost, _) = assert_every_alarm_is_accounted_for(&finished, &slow.mails(), 120);
    assert!(lost > 0, "the server was not slow enough: {}", finished.output);
    let bad = Server::start(Manners {
        refused_mails: 1,
        dropped_mails: 1,
        ..Manners::default()
    });
    let finished = run_as(ALARM_LOOP, Plain, &["127.0.0.1", &bad.port, FROM, TO, "20"]).must_give(0);
    let (_, uncertain) = assert_every_alarm_is_accounted_for(&finished, &bad.mails(), 20);
    assert!(uncertain > 0, "{}", finished.output);
}

#[test]
fn fullc_program_sees_256_after_its_mail_and_the_code_after_a_failure() {
    for build in [Plain, Checked] {
        let sink = Sink::start(&format!("fullc-{build:?}"), &[]);
        run_as(FULLC_PROGRAM, build, &["127.0.0.1", &sink.port, FROM, TO])
            .must_give(0)
            .must_say("before the mail: status 0\n")
            .must_say("after the mail: status 256, sent\n");
        assert_is_the_seeds_mail(&sink.mails()[0]);
        run_as(FULLC_PROGRAM, build, &["127.0.0.1", &sink.port, FROM, "nobody"])
            .must_give(1)
            .must_say("after the mail: status 261, ");
        assert_eq!(sink.mails().len(), 1);
    }
    let refusing = Sink::start("fullc-refused", &["--reply", "RCPT=550 5.1.1 no such mailbox"]);
    run_as(FULLC_PROGRAM, Plain, &["127.0.0.1", &refusing.port, FROM, TO])
        .must_give(1)
        .must_say("after the mail: status 268, ");
}

#[test]
fn two_devices_send_through_their_own_servers_and_do_not_wait_for_each_other() {
    for build in [Plain, Checked] {
        let a = Sink::start(&format!("device-a-{build:?}"), &[]);
        let b = Sink::start(&format!("device-b-{build:?}"), &[]);
        two_devices(&executable(TWO_DEVICES, build), &a.port, &b.port)
            .must_give(0)
            .must_say("Device A: code 0 ")
            .must_say("Device B: code 0 ");
        for (sink, address) in [(&a, "<a@example.com>"), (&b, "<b@example.com>")] {
            let mails = sink.mails();
            assert_eq!(mails.len(), 1);
            assert!(mails[0].contains(address), "{}", mails[0]);
        }
    }
}
