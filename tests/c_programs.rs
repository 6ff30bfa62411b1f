//! The C side: every program of c_examples/ and tests/c/ is compiled as C99, C11 and C++, linked to the shared and to the
//! static library, and run against a server; some under valgrind and with the sanitizers.
//!
//! The programs are linked to the release build, which is what a C user gets; it is built now where it is not. Needed
//! besides: a C and a C++ compiler (CC and CXX name others), GNU binutils, valgrind, and unshare and ip for port 25 in a
//! network of its own.

use std::ffi::OsStr;
use std::fs;
use std::net::TcpListener;
use std::process::Command;
use std::thread;
use std::time::Duration;

#[path = "c_programs/building.rs"]
mod building;
#[path = "c_programs/checks.rs"]
mod checks;
#[cfg(feature = "tls")]
#[path = "c_programs/front.rs"]
mod front;
#[path = "c_programs/running.rs"]
mod running;
#[path = "c_programs/servers.rs"]
mod servers;

use building::{C11, C99, Cpp, EXAMPLES, Link, RUN, Shared, Standard, TESTS, VARIANTS};
use building::{build, built, executable, root, run_tool, scratch, source};
use checks::{FROM, TO};
use checks::{
    assert_every_alarm_is_accounted_for, assert_is_the_seeds_mail, assert_misuse_is_harmless, assert_no_secret_in,
    two_devices,
};
use running::{
    Finished, PATIENCE, SANITIZERS, Watch, finish, run, under_valgrind, valgrind_command, watch, with_sanitizers,
};
use servers::{Conversation, Manners, Seen, Server, Sink, mail_sink};

// ---------------------------------------------------------------------------------------------------------------------
// Compiling
// ---------------------------------------------------------------------------------------------------------------------

#[test]
fn every_c_file_is_built_as_c99_c11_and_cpp_with_both_libraries() {
    let failures: Vec<_> = built()
        .values()
        .filter_map(|result| result.as_ref().err())
        .map(String::as_str)
        .collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));

    let mut files = 0;
    for directory in ["c_examples", "tests/c"] {
        for entry in fs::read_dir(root().join(directory)).expect("the directory is there") {
            let path = entry.expect("an entry").path();
            if path.extension() != Some(OsStr::new("c")) {
                continue;
            }
            let name = path.file_stem().and_then(OsStr::to_str).expect("a name");
            assert!(
                EXAMPLES.contains(&name) || TESTS.contains(&name),
                "{} is not in the list of this test",
                path.display()
            );
            files += 1;
        }
    }
    assert_eq!(files, EXAMPLES.len() + TESTS.len());
}

#[test]
fn the_headers_stand_alone_in_any_order_and_twice() {
    let directory = scratch("headers");
    let file = directory.join("headers.c");
    let header = |name: &str| format!("#include \"{name}\"\n");
    let (smtp, fullc) = (header("sds_smtp.h"), header("sds_fullc.h"));
    for text in [
        format!("{smtp}{smtp}"),
        fullc.clone(),
        format!("{fullc}{smtp}{fullc}"),
        format!("{smtp}{fullc}"),
    ] {
        // A header alone is an empty file to -Wpedantic, so one declaration stands behind it.
        fs::write(&file, format!("{text}int use(void);\n")).expect("the file can be written");
        for standard in [C99, C11, Cpp] {
            let mut command = standard.compiler();
            command
                .arg("-I")
                .arg(root().join("include"))
                .arg("-fsyntax-only")
                .arg(&file);
            run_tool(&mut command).unwrap_or_else(|messages| panic!("{text}{messages}"));
        }
    }
}

#[test]
fn the_fullc_header_gives_exactly_two_functions() {
    let mut command = C99.compiler();
    command
        .arg("-I")
        .arg(root().join("include"))
        .args(["-E", "-P", "-x", "c"]);
    let text = finish(command.arg(root().join("include/sds_fullc.h")), PATIENCE)
        .must_give(0)
        .output;
    let functions: Vec<_> = text
        .lines()
        .map(str::trim)
        .filter(|line| line.starts_with("static inline"))
        .collect();
    assert_eq!(
        functions,
        [
            "static inline void smtp_send(char *to, char *subject, char *text)",
            "static inline unsigned int smtp_send_status(void)"
        ]
    );
}

#[test]
fn layouts_and_init_macros_are_the_published_ones() {
    for (standard, link) in VARIANTS {
        run(executable("layout", standard, link), [""; 0]).must_give(0);
    }
}

#[test]
fn layouts_are_the_published_ones_on_32_bits() {
    // -ffreestanding takes the headers of the compiler: no 32-bit C library is needed.
    for standard in [C99, C11, Cpp] {
        let mut command = standard.compiler();
        command
            .args(["-m32", "-ffreestanding", "-fsyntax-only", "-I"])
            .arg(root().join("include"));
        let finished = finish(command.arg(source("layout")), PATIENCE);
        if finished.output.contains("-m32") || finished.output.contains("mode not compiled in") {
            println!("not checked: this compiler knows no -m32");
            return;
        }
        finished.must_give(0);
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// The examples
// ---------------------------------------------------------------------------------------------------------------------

#[test]
fn first_mail_sends_its_mail_and_says_so() {
    for (standard, link) in RUN {
        let sink = Sink::start(&format!("first-{standard:?}"), &[]);
        let finished = run(
            executable("first_mail", standard, link),
            ["127.0.0.1", &sink.port, "", "", FROM, TO],
        );
        let finished = finished
            .must_give(0)
            .must_say("code        0: ")
            .must_say("outcome     SENT\n")
            .must_say("phase       END\n")
            .must_say(&format!("server      127.0.0.1:{}\n", sink.port))
            .must_say("advice      nothing to do\n")
            .must_say("reply       250 ")
            .must_say("recipients  1 accepted, 0 refused\n")
            .must_say(&format!("| code 0 | {TO} | reply 250 | "));
        let mails = sink.mails();
        assert_eq!(mails.len(), 1);
        assert_is_the_seeds_mail(&mails[0]);
        let id = mails[0]
            .lines()
            .find_map(|line| line.strip_prefix("Message-ID: "))
            .expect("a Message-ID");
        finished.must_say(&format!("Message-ID  {id}\n"));
    }
}

#[test]
fn first_mail_logs_in() {
    let sink = Sink::start("first-login", &["--user", "kotelna", "--password", "tajne-heslo"]);
    let finished = run(
        executable("first_mail", C99, Shared),
        ["127.0.0.1", &sink.port, "kotelna", "tajne-heslo", FROM, TO],
    );
    finished.must_give(0).must_say("outcome     SENT\n");
    assert_eq!(sink.mails().len(), 1);
}

#[test]
fn first_mail_tells_a_refused_login() {
    let sink = Sink::start("first-refused", &["--user", "kotelna", "--password", "other"]);
    let finished = run(
        executable("first_mail", C99, Shared),
        ["127.0.0.1", &sink.port, "kotelna", "tajne-heslo", FROM, TO],
    );
    let finished = finished
        .must_give(1)
        .must_say("code        11: ")
        .must_say("outcome     NOT_SENT\n")
        .must_say("phase       AUTH\n")
        .must_say("advice      change the configuration\n")
        .must_say("reply       535");
    assert_no_secret_in(&finished);
    assert_eq!(sink.mails().len(), 0);
}

#[test]
fn first_mail_tells_no_secret_that_the_server_repeats() {
    // A login that went wrong, each with its own way through the engine. After 504 the login is tried without a response in
    // the command; this server then asks for it, and its 504 is the answer to the password, no longer to AUTH. After 500 and 538
    // LOGIN follows, whose password is answered so.
    for (refusal, code) in [
        (535, 11),
        (454, 2),
        (421, 2),
        (501, 15),
        (500, 11),
        (504, 11),
        (538, 11),
    ] {
        let server = Server::start(Manners {
            login_refusal: Some(refusal),
            ..Manners::default()
        });
        let finished = run(
            executable("first_mail", C99, Shared),
            ["127.0.0.1", &server.port, "kotelna", "tajne-heslo", FROM, TO],
        );
        println!("{refusal}: {}", finished.output);
        let finished = finished.must_give(1).must_say(&format!("code        {code}: "));
        assert_no_secret_in(&finished);
        assert_eq!(server.mails().len(), 0);
    }
}

#[test]
fn first_mail_explains_what_it_cannot_do() {
    let free = TcpListener::bind("127.0.0.1:0")
        .expect("a free port")
        .local_addr()
        .expect("an address")
        .port()
        .to_string();
    let program = executable("first_mail", C99, Shared);
    run(program, ["127.0.0.1", &free, "", "", FROM, TO])
        .must_give(1)
        .must_say("code        13: ")
        .must_say("phase       CONNECT\n");
    run(program, ["127.0.0.1", &free, "", "", FROM, "nobody"])
        .must_give(1)
        .must_say("code        5: ")
        .must_say("phase       START\n");
    run(program, ["smtp@example.com", &free, "", "", FROM, TO])
        .must_give(2)
        .must_say("refused, code 13: ")
        .must_say("server: entry 1: an e-mail address, not a server\n");
    run(program, ["127.0.0.1", &free, "", "", "device", TO])
        .must_give(2)
        .must_say("refused, code 4: ");
    run(program, ["127.0.0.1", "25", "user", "", FROM, TO])
        .must_give(2)
        .must_say("refused, code 11: ");
    run(program, ["127.0.0.1", "0", "", "", FROM, TO])
        .must_give(2)
        .must_say("PORT is a number");
    run(program, ["127.0.0.1"]).must_give(2).must_say("usage: ");
}

/// Port 25 belongs to the machine, so the test makes a network of its own, in which only the loopback is up.
const PORT_25: &str = r#"
ip link set lo up || exit 90
"$SINK" --port 25 --port-file "$DIR/port" --out "$DIR/mails" --user kotelna --password tajne-heslo --mails 1 --seconds 60 &
sink=$!
i=0
while [ ! -s "$DIR/port" ] && [ $i -lt 400 ]; do sleep 0.05; i=$((i + 1)); done
"$PROGRAM" 127.0.0.1 25 kotelna tajne-heslo device@example.com operator@example.com || { kill $sink; exit 91; }
wait $sink || exit 92
"#;

#[test]
fn first_mail_uses_the_three_functions_on_port_25() {
    let namespace = [&["-n"][..], &["-r", "-n"][..]].into_iter().find(|options| {
        finish(
            Command::new("unshare")
                .args(*options)
                .args(["ip", "link", "set", "lo", "up"]),
            PATIENCE,
        )
        .code
            == Some(0)
    });
    let namespace = namespace.expect(
        "this test needs a network namespace of its own for port 25: neither `unshare -n ip link set lo up` (root) nor \
         `unshare -r -n ...` (unprivileged user namespaces) works here",
    );
    let directory = scratch("port-25");
    for (standard, link) in RUN {
        let directory = directory.join(format!("{standard:?}"));
        fs::create_dir_all(&directory).expect("the directory can be made");
        let mut command = Command::new("unshare");
        command.args(namespace).args(["sh", "-c", PORT_25]);
        command
            .env("SINK", mail_sink())
            .env("DIR", &directory)
            .env("PROGRAM", executable("first_mail", standard, link));
        finish(&mut command, PATIENCE)
            .must_give(0)
            .must_say("code        0: ")
            .must_say("outcome     SENT\n");
        let mails: Vec<_> = fs::read_dir(directory.join("mails"))
            .expect("mails")
            .map(|mail| mail.expect("a mail").path())
            .collect();
        assert_eq!(mails.len(), 1);
        assert_is_the_seeds_mail(&fs::read_to_string(&mails[0]).expect("the mail"));
    }
}

fn alarm_loop(variant: (Standard, Link), port: &str, count: &str) -> Finished {
    run(
        executable("alarm_loop", variant.0, variant.1),
        ["127.0.0.1", port, FROM, TO, count],
    )
}

#[test]
fn alarm_loop_mails_every_alarm_to_a_quick_server() {
    let sink = Sink::start("alarm-quick", &[]);
    let finished = alarm_loop((C99, Shared), &sink.port, "40").must_give(0);
    let (_, uncertain) = assert_every_alarm_is_accounted_for(&finished, &sink.mails(), 40);
    assert_eq!(uncertain, 0);
}

#[test]
fn alarm_loop_counts_and_reports_what_a_slow_server_makes_it_lose() {
    for variant in RUN {
        let server = Server::start(Manners {
            delay: Duration::from_millis(20),
            ..Manners::default()
        });
        let finished = alarm_loop(variant, &server.port, "120").must_give(0);
        let (lost, _) = assert_every_alarm_is_accounted_for(&finished, &server.mails(), 120);
        assert!(lost > 0, "the server was not slow enough: {}", finished.output);
        assert!(!finished.output.contains("busy rounds 0\n"), "{}", finished.output);
    }
}

#[test]
fn alarm_loop_has_a_refused_mail_repeated_and_never_one_with_unknown_outcome() {
    let server = Server::start(Manners {
        refused_mails: 1,
        dropped_mails: 1,
        ..Manners::default()
    });
    let finished = alarm_loop((C99, Shared), &server.port, "20").must_give(0);
    let finished = finished
        .must_say("mail with unknown outcome, code 8")
        .must_say(" ms, attempts: 2\n");
    let (_, uncertain) = assert_every_alarm_is_accounted_for(&finished, &server.mails(), 20);
    assert!(uncertain > 0, "{}", finished.output);
}

#[test]
fn alarm_loop_says_when_it_could_not_tell_everything() {
    let free = TcpListener::bind("127.0.0.1:0")
        .expect("a free port")
        .local_addr()
        .expect("an address")
        .port()
        .to_string();
    let finished = alarm_loop((C99, Shared), &free, "20").must_give(1);
    finished
        .must_say("mail not sent, code 13")
        .must_say("raised 20, mailed 0, lost 12, uncertain 0, waiting 8,");
}

#[test]
fn event_loop_sends_one_mail_after_the_other_and_goes_on_meanwhile() {
    for (standard, link) in RUN {
        let server = Server::start(Manners {
            delay: Duration::from_millis(20),
            ..Manners::default()
        });
        let program = executable("event_loop", standard, link);
        let finished = run(program, ["localhost", &server.port, FROM, TO, "3"]).must_give(0);
        let finished = finished
            .must_say("mail 3: SENT, code 0 (OK), ")
            .must_say("sent 3, failed 0, ticks ");
        assert!(!finished.output.contains("ticks 0\n"), "{}", finished.output);
        let mails = server.mails();
        assert_eq!(mails.len(), 3);
        for (number, mail) in mails.iter().enumerate() {
            assert!(
                mail.contains(&format!("Subject: testovaci email {}\r\n", number + 1)),
                "{mail}"
            );
        }
    }
    let refusing = Sink::start("event-loop-refused", &["--reply", "RCPT=550 5.1.1 no such mailbox"]);
    let program = executable("event_loop", C99, Shared);
    run(program, ["127.0.0.1", &refusing.port, FROM, TO, "2"])
        .must_give(1)
        .must_say("mail 1: NOT_SENT, code 12 (INVALID_RECIPIENT), ")
        .must_say("sent 0, failed 2, ticks ");
    run(program, ["127.0.0.1", &refusing.port, FROM, "nobody", "2"])
        .must_give(1)
        .must_say("event_loop: refused: to: entry 1 (nobody): no @")
        .must_say("sent 0, failed 2, ticks ");
    run(program, ["127.0.0.1:0", "25", FROM, TO, "2"])
        .must_give(2)
        .must_say("configuration refused: server: entry 1: the port is not between 1 and 65535\n");
}

#[test]
fn own_transport_carries_the_octets_of_a_mail() {
    for (standard, link) in RUN {
        let sink = Sink::start(&format!("own-transport-{standard:?}"), &[]);
        let finished = run(
            executable("own_transport", standard, link),
            ["127.0.0.1", &sink.port, FROM, TO],
        );
        finished
            .must_give(0)
            .must_say("code 0: ")
            .must_say("outcome SENT, reply 250 ")
            .must_say("the program carried ");
        let mails = sink.mails();
        assert_eq!(mails.len(), 1);
        assert_is_the_seeds_mail(&mails[0]);
    }
    let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let free = free.expect("a free port").port().to_string();
    let program = executable("own_transport", C99, Shared);
    run(program, ["127.0.0.1", &free, FROM, TO])
        .must_give(1)
        .must_say("code 13: ")
        .must_say("outcome NOT_SENT, ")
        .must_say("the program carried 0 octets out and 0 in\n");
    run(program, ["127.0.0.1", &free, FROM, "nobody"])
        .must_give(2)
        .must_say("not started, code 5: to: entry 1 (nobody): no @");
}

#[test]
fn fullc_program_sees_256_after_its_mail() {
    for (standard, link) in RUN {
        let sink = Sink::start(&format!("fullc-{standard:?}"), &[]);
        let finished = run(
            executable("fullc_program", standard, link),
            ["127.0.0.1", &sink.port, FROM, TO],
        );
        finished
            .must_give(0)
            .must_say("before the mail: status 0\n")
            .must_say("after the mail: status 256, sent\n");
        let mails = sink.mails();
        assert_eq!(mails.len(), 1);
        assert_is_the_seeds_mail(&mails[0]);
    }
}

#[test]
fn fullc_program_sees_256_and_the_code_after_a_failure() {
    let sink = Sink::start("fullc-refused", &["--reply", "RCPT=550 5.1.1 no such mailbox"]);
    let program = executable("fullc_program", C99, Shared);
    run(program, ["127.0.0.1", &sink.port, FROM, TO])
        .must_give(1)
        .must_say("after the mail: status 268, ");
    run(program, ["127.0.0.1", &sink.port, FROM, "nobody"])
        .must_give(1)
        .must_say("after the mail: status 261, ");
    assert_eq!(sink.mails().len(), 0);
}

#[test]
fn files_and_what_a_function_gives_arrive_as_attachments() {
    for (standard, link) in RUN {
        let sink = Sink::start(&format!("attachment-{standard:?}"), &[]);
        let to = format!("127.0.0.1:{}", sink.port);
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/LICENSE-MIT");
        let arguments = [to.as_str(), "unit7@example.com", "operator@example.com", file];
        run(executable("attachment", standard, link), arguments).must_give(0);
        let mails = sink.mails();
        assert_eq!(mails.len(), 1);
        let mail = mails[0].replace("\r\n", "\n");
        assert!(
            mail.contains("Content-Type: multipart/mixed;\n boundary=\"=_sds-m"),
            "{mail}"
        );
        assert!(
            mail.contains("\n filename=\"LICENSE-MIT\"\nContent-Transfer-Encoding: base64\n\nTUlU"),
            "{mail}"
        );
        // "00000;020.000" and a CRLF.
        assert!(mail.contains("filename=\"measurements.csv\""), "{mail}");
        assert!(mail.contains("\n\nMDAwMDA7MDIwLjAwMA0K"), "{mail}");
    }
}

#[test]
fn a_verb_that_the_server_does_not_know_is_told_and_mail_goes_instead() {
    for (standard, link) in RUN {
        let sink = Sink::start(&format!("verbs-{standard:?}"), &[]);
        let program = executable("verbs", standard, link);
        let to = "Boiler room <operator@example.com>; second@example.com;";
        run(
            program,
            ["127.0.0.1", &sink.port, "Unit 7 <unit7@example.com>", to, "SAML"],
        )
        .must_give(0)
        .must_say("SAML: code 39, NOT_SENT: 500 ")
        .must_say("the server does not know SAML\nMAIL: code 0, SENT: 250 ");
        let mails = sink.mails();
        assert_eq!(mails.len(), 1);
        for field in [
            "From: \"Unit 7\" <unit7@example.com>",
            "To: \"Boiler room\" <operator@example.com>, second@example.com",
            "X-Priority: 1",
            "Auto-Submitted: auto-generated",
        ] {
            assert!(mails[0].lines().any(|line| line == field), "{field}: {}", mails[0]);
        }
        run(program, ["127.0.0.1", &sink.port, FROM, "operator", "MAIL"])
            .must_give(1)
            .must_say("MAIL: refused before it started: to: entry 1 (operator): no @");
        run(program, ["127.0.0.1", &sink.port, FROM, TO, "DATA"]).must_give(2);
    }
}

#[test]
fn many_recipients_are_told_of_one_by_one() {
    for (standard, link) in RUN {
        let sink = Sink::start(&format!("recipients-{standard:?}"), &[]);
        let program = executable("many_recipients", standard, link);
        run(
            program,
            ["127.0.0.1", &sink.port, FROM, "x@example.com", "\"b, c\"@example.com"],
        )
        .must_give(0)
        .must_say("code 0: ")
        .must_say("\nx@example.com: SENT\n\"b, c\"@example.com: SENT\n");
        let mails = sink.mails();
        assert_eq!(mails.len(), 1);
        // Nobody sees who else got it.
        assert!(!mails[0].contains("x@example.com"), "{}", mails[0]);
        let refusing = Sink::start(&format!("refused-{standard:?}"), &["--reply", "RCPT=550 5.1.1 nobody"]);
        run(program, ["127.0.0.1", &refusing.port, FROM, "x@example.com", "b@example.com"])
            .must_give(1)
            .must_say("code 12: ")
            .must_say("\nx@example.com: NOT_SENT, code 12: 550 5.1.1 nobody\nb@example.com: NOT_SENT, code 12: 550 5.1.1 nobody\n");
        assert_eq!(refusing.mails().len(), 0);
    }
}

#[test]
fn a_report_is_text_and_html_with_a_chart() {
    for (standard, link) in RUN {
        let sink = Sink::start(&format!("report-{standard:?}"), &[]);
        let to = format!("127.0.0.1:{}", sink.port);
        let arguments = [to.as_str(), "unit7@example.com", "operator@example.com"];
        run(executable("html_report", standard, link), arguments).must_give(0);
        let mails = sink.mails();
        assert_eq!(mails.len(), 1);
        let mail = mails[0].replace("\r\n", "\n");
        for part in [
            "Content-Type: multipart/alternative;\n",
            "Content-Type: text/plain; charset=UTF-8\nContent-Transfer-Encoding: 7bit\n\nBoiler room",
            "Content-Type: multipart/related; type=\"text/html\";\n",
            "Content-Type: text/html; charset=UTF-8\n",
            "Content-Type: image/bmp\nContent-ID: <chart@unit7>\nContent-Disposition: inline;\n filename=\"chart.bmp\"\n",
            "\n\nQk0",
        ] {
            assert!(mail.contains(part), "{part}\n{mail}");
        }
    }
}

#[test]
fn two_devices_send_through_their_own_servers() {
    for (standard, link) in RUN {
        let a = Sink::start(&format!("device-a-{standard:?}"), &[]);
        let b = Sink::start(&format!("device-b-{standard:?}"), &[]);
        let finished = two_devices(executable("two_devices", standard, link), &a.port, &b.port);
        finished
            .must_give(0)
            .must_say("Device A: code 0 ")
            .must_say("Device B: code 0 ");
        for (sink, name, address) in [(&a, "Device A", "<a@example.com>"), (&b, "Device B", "<b@example.com>")] {
            let mails = sink.mails();
            assert_eq!(mails.len(), 1);
            let from = mails[0]
                .lines()
                .find(|line| line.starts_with("From: "))
                .expect("a sender");
            // A display name may stand in quotes or without them (RFC 5322, 3.4).
            assert!(from.contains(name) && from.ends_with(address), "{from}");
        }
    }
}

#[test]
fn two_devices_do_not_wait_for_each_other() {
    // Server A answers only when both connections are there: a library that sends one mail after the other would hang.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("an address").port().to_string();
    let server = thread::spawn(move || {
        let both: Vec<_> = (0..2).map(|_| listener.accept().expect("a connection").0).collect();
        for stream in both {
            let manners = Manners {
                refused_mails: 1,
                ..Manners::default()
            };
            let seen = Seen::default();
            Conversation::new(stream, manners, &seen)
                .and_then(|mut talk| talk.hold())
                .expect("a conversation");
        }
    });
    let finished = two_devices(executable("two_devices", C99, Shared), &port, &port);
    finished
        .must_give(1)
        .must_say("Device A: code 8 ")
        .must_say("Device B: code 8 ");
    server.join().expect("both came at once");
}

// ---------------------------------------------------------------------------------------------------------------------
// The C tests
// ---------------------------------------------------------------------------------------------------------------------

#[test]
fn misuse_gets_documented_codes_and_sends_nothing() {
    for (standard, link) in RUN {
        assert_misuse_is_harmless(&format!("misuse-{standard:?}"), |ports| {
            run(executable("misuse", standard, link), ports)
        });
    }
}

#[test]
fn programs_of_other_versions_are_understood() {
    for (standard, link) in RUN {
        run(executable("versions", standard, link), [""; 0])
            .must_give(0)
            .must_say(" 0 wrong\n");
    }
}

#[test]
fn every_refusal_is_told_in_words() {
    for (standard, link) in RUN {
        run(executable("refusal", standard, link), [""; 0])
            .must_give(0)
            .must_say(" 0 wrong\n");
    }
}

#[test]
fn forked_children_send_and_the_parents_mail_goes_on() {
    for (standard, link) in RUN {
        let slow = Server::start(Manners {
            delay: Duration::from_millis(100),
            ..Manners::default()
        });
        let quick = Server::start(Manners::default());
        run(executable("fork", standard, link), [&slow.port, &quick.port])
            .must_give(0)
            .must_say("fork: 50 forks among threads");
        assert_eq!(
            (slow.connections(), slow.mails().len()),
            (2, 2),
            "the parent's two mails and nothing else"
        );
        assert_eq!(slow.mails_with_subject("parent, built-in"), 1);
        assert_eq!(slow.mails_with_subject("parent, handle"), 1);
        assert_eq!(quick.mails_with_subject("child, built-in"), 1);
        assert_eq!(quick.mails_with_subject("child, handle"), 1);
        assert_eq!(quick.mails_with_subject("grandchild"), 1);
        assert_eq!(quick.mails_with_subject("child, among threads"), 50);
    }
}

#[test]
fn no_refused_allocation_ends_the_program() {
    for (standard, link) in RUN {
        let server = Server::start(Manners::default());
        run(executable("oom", standard, link), [&server.port])
            .must_give(0)
            .must_say("0 failures");
    }
}

#[test]
fn mails_to_several_over_a_kept_connection_bear_refused_memory_and_each_verdict_is_right() {
    for (standard, link) in RUN {
        let server = Server::start(Manners {
            few_recipients: true,
            ..Manners::default()
        });
        let ran = run(executable("oom", standard, link), [server.port.as_str(), "kept"]);
        ran.must_give(0)
            .must_say("mail 0 to several, 0 failures")
            .must_say("mail 1 to several, 0 failures")
            .must_say(&format!("oom: {} transactions", server.mails().len()));
    }
}

#[test]
fn mails_of_several_parts_bear_refused_memory_and_give_lent_memory_back() {
    for (standard, link) in RUN {
        let server = Server::start(Manners::default());
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/LICENSE-MIT");
        run(executable("parts", standard, link), [server.port.as_str(), file])
            .must_give(0)
            .must_say("lent memory is given back");
    }
}

#[test]
#[cfg(feature = "tls")]
fn no_refused_allocation_of_tls_ends_the_program_or_a_plain_mail() {
    let plain = Server::start(Manners::default());
    let usual = front::certificate("oom");
    // All that a server can say at once: 60 KB.
    let large = front::certificate_for("oom-large", 2800);
    for ((ca, config), implicit, tls) in [(&usual, true, "2"), (&usual, false, "1"), (&large, true, "2")] {
        let front = front::Front::start(&plain.port, implicit, config);
        let ca = ca.to_str().expect("a path of UTF-8");
        run(
            executable("oom", C11, Link::Static),
            [&*plain.port, &front.port, tls, ca],
        )
        .must_give(0)
        .must_say(" over TLS, 0 failures");
    }
}

#[test]
fn calls_in_random_order_from_many_threads_with_forks_leave_nothing_behind() {
    // A seed of its own for each run; the program prints it.
    let seed = std::process::id().to_string();
    for (standard, link) in RUN {
        let server = Server::start(Manners::default());
        run(executable("stress", standard, link), [&server.port, "3", &seed])
            .must_give(0)
            .must_say(" 0 children wrong, 0 clients stuck");
    }
}

#[test]
fn children_of_one_process_send_different_message_ids() {
    for (standard, link) in RUN {
        let server = Server::start(Manners::default());
        run(executable("siblings", standard, link), [&server.port]).must_give(0);
        assert_eq!(server.mails_with_subject("sibling"), 7);
    }
}

#[test]
fn a_program_that_closes_all_descriptors_gets_a_result_for_every_mail() {
    for (standard, link) in RUN {
        let server = Server::start(Manners::default());
        let silent = Server::start(Manners {
            silent: true,
            ..Manners::default()
        });
        run(executable("descriptors", standard, link), [&server.port, &silent.port]).must_give(0);
    }
}

#[test]
fn a_program_with_an_event_loop_of_its_own_sends_without_a_thread() {
    for (standard, link) in RUN {
        let server = Server::start(Manners::default());
        let silent = Server::start(Manners {
            silent: true,
            ..Manners::default()
        });
        run(executable("own_loop", standard, link), [&server.port, &silent.port]).must_give(0);
        for (subject, count) in [
            ("by a thread", 1),
            ("one", 1),
            ("two", 1),
            ("three", 1),
            ("from the child", 1),
            ("and the parent", 1),
        ] {
            assert_eq!(server.mails_with_subject(subject), count, "{subject}");
        }
    }
}

#[test]
fn the_event_loop_is_clean_under_valgrind() {
    let server = Server::start(Manners::default());
    let silent = Server::start(Manners {
        silent: true,
        ..Manners::default()
    });
    valgrind("own_loop", [&server.port, &silent.port]).must_give(0);
}

#[test]
fn of_a_hundred_threads_that_send_at_once_exactly_one_does() {
    for (standard, link) in RUN {
        let server = Server::start(Manners {
            silent: true,
            ..Manners::default()
        });
        run(executable("threads", standard, link), [&server.port])
            .must_give(0)
            .must_say("threads: 20 rounds, 0 wrong");
        assert!(
            server.connections() <= 20,
            "{} connections for 20 mails",
            server.connections()
        );
    }
}

#[test]
fn the_end_of_a_mail_is_told_by_a_function_of_the_program() {
    for (standard, link) in RUN {
        let server = Server::start(Manners::default());
        run(executable("done", standard, link), [&server.port])
            .must_give(0)
            .must_say("done: 18 cases, 0 wrong");
    }
    let server = Server::start(Manners::default());
    under_valgrind(executable("done", C11, Shared), [&server.port]).must_give(0);
}

#[test]
fn functions_of_the_program_carry_a_connection() {
    for (standard, link) in RUN {
        run(executable("transport", standard, link), [""; 0])
            .must_give(0)
            .must_say("transport: 20 cases, 0 wrong");
    }
    under_valgrind(executable("transport", C11, Shared), [""; 0]).must_give(0);
    let program = build(
        "transport",
        C11,
        Link::Static,
        &SANITIZERS,
        &scratch("transport-sanitizers"),
    );
    // Left out: children that end where their last thread does, which looks for leaks.
    let program = program.unwrap_or_else(|messages| panic!("{messages}"));
    with_sanitizers(&program, ["-functions_fork"]).must_give(0);
}

#[test]
fn what_happens_at_the_same_time_on_two_ends() {
    for (standard, link) in RUN {
        run(executable("pairs", standard, link), [""; 0])
            .must_give(0)
            .must_say("pairs: 5 cases, 0 wrong");
    }
    under_valgrind(executable("pairs", C11, Shared), [""; 0]).must_give(0);
}

#[test]
#[cfg(feature = "tls")]
fn tls_over_sockets_and_over_functions_of_the_program() {
    let (ca, config) = front::certificate("tls");
    let plain = Server::start(Manners::default());
    let implicit = front::Front::start(&plain.port, true, &config);
    let starttls = front::Front::start(&plain.port, false, &config);
    let ca = ca.to_str().expect("a path");
    let arguments = [&*implicit.port, &*starttls.port, &*plain.port, ca];
    for (standard, link) in RUN {
        run(executable("tls", standard, link), arguments)
            .must_give(0)
            .must_say("tls: 17 cases, 0 wrong");
    }
    for (subject, count) in [
        ("tls, by a thread", 4),
        ("tls, in a loop", 4),
        ("tls, told of", 1),
        ("tls, threads", 30),
        ("tls, the parent's", 2),
        ("tls, given up", 0),
        ("tls, over functions", 6),
        ("tls, over functions in a loop", 2),
        ("tls, another name", 0),
    ] {
        assert_eq!(plain.mails_with_subject(subject), RUN.len() * count, "{subject}");
    }
    under_valgrind(executable("tls", C11, Shared), arguments).must_give(0);
    let program = build("tls", C11, Link::Static, &SANITIZERS, &scratch("tls-sanitizers"));
    with_sanitizers(&program.unwrap_or_else(|messages| panic!("{messages}")), arguments).must_give(0);
}

#[test]
fn after_shutdown_nothing_of_the_library_is_left() {
    for (standard, link) in RUN {
        let server = Server::start(Manners::default());
        run(executable("shutdown", standard, link), [&server.port])
            .must_give(0)
            .must_say("shutdown: 10 cases, 0 wrong");
    }
    // No thread is left, nor what was the thread's. In the case that is left out the thread sleeps on a descriptor that the program has closed.
    let cases = [
        "the_next_mail_starts_the_thread_again",
        "what_is_left_is_cancelled",
        "a_function_that_does_not_return_is_told",
        "an_event_loop_ends_too",
        "clients_that_are_freed_in_a_loop_hold_nothing_up",
        "the_child_of_a_fork_shuts_down_its_own",
        "many_threads_send_and_shut_down",
    ];
    // Libraries with sanitizers do not go with valgrind.
    for case in cases.into_iter().filter(|_| watch() != Watch::Sanitizers) {
        let server = Server::start(Manners::default());
        let mut command = valgrind_command();
        command.arg(executable("shutdown", C11, Shared));
        finish(command.args([&server.port, case]), PATIENCE)
            .must_give(0)
            .must_say("0 wrong");
    }
    let server = Server::start(Manners::default());
    let program = build(
        "shutdown",
        C11,
        Link::Static,
        &SANITIZERS,
        &scratch("shutdown-sanitizers"),
    );
    with_sanitizers(&program.unwrap_or_else(|messages| panic!("{messages}")), [&server.port])
        .must_give(0)
        .must_say("shutdown: 10 cases, 0 wrong");
}

#[test]
fn connections_are_kept_and_ended_in_good_order() {
    for (standard, link) in RUN {
        run(executable("keep", standard, link), [""; 0])
            .must_give(0)
            .must_say("keep: 9 cases, 0 wrong");
    }
    under_valgrind(executable("keep", C11, Shared), [""; 0]).must_give(0);
    let program = build("keep", C11, Link::Static, &SANITIZERS, &scratch("keep-sanitizers"));
    // Left out: what closes the sanitizer's own descriptors.
    let program = program.unwrap_or_else(|messages| panic!("{messages}"));
    with_sanitizers(&program, [""; 0]).must_give(0);
}

#[test]
fn credentials_show_up_nowhere_and_are_wiped() {
    let accepting = Server::start(Manners::default());
    for refusing in ["repeating", "in words"] {
        for (standard, link) in RUN {
            let repeating = Server::start(Manners {
                login_refusal: Some(535),
                ..Manners::default()
            });
            let in_words = Sink::start(&format!("secrets-{standard:?}"), &["--user", "u", "--password", "p"]);
            let port = if refusing == "repeating" {
                &repeating.port
            } else {
                &in_words.port
            };
            run(executable("secrets", standard, link), [port, &accepting.port])
                .must_give(0)
                .must_say("secrets: 0 wrong");
        }
    }
}

#[test]
fn a_password_that_a_server_repeats_in_any_later_reply_is_wiped() {
    for (standard, link) in RUN {
        let refusing = Server::start(Manners {
            login_refusal: Some(535),
            ..Manners::default()
        });
        let repeating = Server::start(Manners {
            repeats_login: true,
            ..Manners::default()
        });
        run(executable("secrets", standard, link), [&refusing.port, &repeating.port])
            .must_give(0)
            .must_say("secrets: 0 wrong");
    }
}

#[test]
fn of_a_mail_that_has_ended_no_copy_is_left_in_memory() {
    for (standard, link) in RUN {
        let server = Server::start(Manners::default());
        let file = scratch(&format!("leftovers-{standard:?}")).join("text");
        run(
            executable("leftovers", standard, link),
            [OsStr::new(&server.port), file.as_os_str()],
        )
        .must_give(0)
        .must_say("leftovers: 0 wrong");
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// The host program's threads, descriptors, forks, signals, memory
// ---------------------------------------------------------------------------------------------------------------------

/// A server that accepts every mail, and one that never says a word.
fn working_and_silent() -> (Server, Server) {
    let silent = Manners {
        silent: true,
        ..Manners::default()
    };
    (Server::start(Manners::default()), Server::start(silent))
}

#[test]
fn a_thread_is_never_cancelled_inside_a_call() {
    for (standard, link) in RUN {
        let (working, silent) = working_and_silent();
        run(executable("cancelling", standard, link), [&working.port, &silent.port])
            .must_give(0)
            .must_say(" 0 wrong\n");
    }
}

#[test]
fn the_numbers_of_all_closed_descriptors_are_the_programs_own() {
    for (standard, link) in RUN {
        let (working, silent) = working_and_silent();
        run(
            executable("reused", standard, link),
            [&working.port, &silent.port, "all"],
        )
        .must_give(0)
        .must_say("reused: 30 cases, 0 wrong\n");
    }
}

#[test]
fn the_number_of_one_closed_descriptor_is_the_programs_own() {
    for (standard, link) in RUN {
        let (working, silent) = working_and_silent();
        run(
            executable("reused", standard, link),
            [&working.port, &silent.port, "one"],
        )
        .must_give(0)
        .must_say(" 0 wrong\n");
    }
}

#[test]
fn descriptors_that_are_closed_in_the_worst_moments_are_told_once_and_touch_nothing_else() {
    for (standard, link) in RUN {
        let (working, silent) = working_and_silent();
        let slow = Server::start(Manners {
            delay: Duration::from_millis(300),
            ..Manners::default()
        });
        run(
            executable("taken", standard, link),
            [&working.port, &silent.port, &slow.port],
        )
        .must_give(0)
        .must_say("taken: 0 wrong\n");
    }
}

#[test]
fn what_has_arrived_before_a_deadline_counts_however_late_it_is_read() {
    for (standard, link) in RUN {
        run(executable("late", standard, link), [""; 0])
            .must_give(0)
            .must_say("late: 24 cases, 0 wrong\n");
    }
}

#[test]
fn every_wait_comes_back_with_the_status_of_the_mail_it_waited_for() {
    for (standard, link) in RUN {
        let (working, silent) = working_and_silent();
        run(executable("waiting", standard, link), [&working.port, &silent.port])
            .must_give(0)
            .must_say("waiting: 0 wrong\n");
    }
}

#[test]
fn names_are_looked_up_and_a_name_service_that_is_stuck_or_late_harms_nobody() {
    for (standard, link) in RUN {
        let server = Server::start(Manners::default());
        run(executable("names", standard, link), [&server.port])
            .must_give(0)
            .must_say("names: 11 cases, 0 wrong\n");
    }
}

#[test]
fn fork_handlers_of_the_program_may_call_the_library_and_every_child_can_send() {
    for (standard, link) in RUN {
        let slow = Server::start(Manners {
            delay: Duration::from_millis(100),
            ..Manners::default()
        });
        let quick = Server::start(Manners::default());
        run(executable("atfork", standard, link), [&slow.port, &quick.port])
            .must_give(0)
            .must_say("atfork: 16 cases, 0 wrong\n");
        assert_eq!(slow.mails_with_subject("the parent's"), 16, "one a case, each once");
        assert_eq!((slow.connections(), slow.mails().len()), (16, 16));
        assert_eq!(quick.mails_with_subject("the parent's next"), 16);
        // Three mails a child: of 12 children of cases with handlers, 4 of destructors, 80 of threads.
        assert_eq!(quick.mails_with_subject("from the child"), 3 * (12 + 4 + 80));
        assert_eq!(quick.mails_with_subject("from the grandchild"), 3 * (12 + 80));
    }
}

#[test]
fn clients_that_come_and_go_take_no_memory_also_while_nobody_works() {
    for (standard, link) in RUN {
        run(executable("idle_orders", standard, link), [""; 0])
            .must_give(0)
            .must_say("idle_orders: 10 cases, 0 wrong\n");
    }
}

#[test]
fn the_handle_of_a_freed_client_never_comes_back() {
    for (standard, link) in RUN {
        run(executable("handles", standard, link), [""; 0]).must_give(0);
    }
}

#[test]
fn a_mail_is_given_up_without_memory() {
    for (standard, link) in RUN {
        let server = Server::start(Manners::default());
        run(executable("refused", standard, link), [&server.port])
            .must_give(0)
            .must_say("refused: 11 cases, 0 wrong\n");
        assert_eq!(server.mails_with_subject("given up"), 0);
    }
}

#[test]
fn urgent_data_in_a_reply_holds_nothing_up() {
    for (standard, link) in RUN {
        run(executable("urgent", standard, link), [""; 0])
            .must_give(0)
            .must_say("urgent: 8 cases, 0 wrong\n");
    }
}

#[test]
fn without_a_thread_or_a_descriptor_the_result_says_which() {
    for (standard, link) in RUN {
        let server = Server::start(Manners::default());
        run(executable("without", standard, link), [&server.port])
            .must_give(0)
            .must_say(" 0 wrong\n");
        assert_eq!(server.mails_with_subject("refused"), 0);
    }
}

#[test]
fn a_thread_that_comes_late_takes_nothing_away_from_the_next_one() {
    for (standard, link) in RUN {
        let server = Server::start(Manners::default());
        run(executable("overtaken", standard, link), [&server.port]).must_give(0);
        assert_eq!(server.mails_with_subject("overtaken"), 1);
        assert_eq!(server.mails_with_subject("after"), 3);
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// valgrind and the sanitizers
// ---------------------------------------------------------------------------------------------------------------------

fn valgrind<A: AsRef<OsStr>>(program: &'static str, arguments: impl IntoIterator<Item = A>) -> Finished {
    under_valgrind(executable(program, C99, Shared), arguments)
}

fn sanitized<A: AsRef<OsStr>>(program: &'static str, arguments: impl IntoIterator<Item = A>) -> Finished {
    let directory = scratch(&format!("sanitized-{program}"));
    let executable = build(program, C11, Shared, &SANITIZERS, &directory);
    with_sanitizers(&executable.unwrap_or_else(|messages| panic!("{messages}")), arguments)
}

#[test]
fn first_mail_is_clean_under_valgrind() {
    let sink = Sink::start("valgrind-first", &["--user", "kotelna", "--password", "tajne-heslo"]);
    valgrind(
        "first_mail",
        ["127.0.0.1", &sink.port, "kotelna", "tajne-heslo", FROM, TO],
    )
    .must_give(0);
    valgrind("first_mail", ["127.0.0.1", &sink.port, "kotelna", "wrong", FROM, TO]).must_give(1);
    assert_eq!(sink.mails().len(), 1);
}

#[test]
fn alarm_loop_is_clean_under_valgrind() {
    let sink = Sink::start("valgrind-alarm", &[]);
    let finished = valgrind("alarm_loop", ["127.0.0.1", &sink.port, FROM, TO, "30"]).must_give(0);
    assert_every_alarm_is_accounted_for(&finished, &sink.mails(), 30);
}

#[test]
fn event_loop_and_own_transport_are_clean_under_valgrind_and_with_the_sanitizers() {
    let sink = Sink::start("watched-examples", &[]);
    let arguments = ["127.0.0.1", &sink.port, FROM, TO, "2"];
    valgrind("event_loop", arguments).must_give(0);
    sanitized("event_loop", arguments).must_give(0);
    valgrind("own_transport", &arguments[..4]).must_give(0);
    sanitized("own_transport", &arguments[..4]).must_give(0);
    assert_eq!(sink.mails().len(), 6);
}

#[test]
fn fullc_program_is_clean_under_valgrind() {
    let sink = Sink::start("valgrind-fullc", &[]);
    valgrind("fullc_program", ["127.0.0.1", &sink.port, FROM, TO])
        .must_give(0)
        .must_say("status 256, sent");
}

#[test]
fn two_devices_are_clean_under_valgrind() {
    let a = Sink::start("valgrind-device-a", &[]);
    let b = Sink::start("valgrind-device-b", &[]);
    let arguments = [
        TO,
        "127.0.0.1",
        &a.port,
        "a@example.com",
        "127.0.0.1",
        &b.port,
        "b@example.com",
    ];
    valgrind("two_devices", arguments).must_give(0);
    assert_eq!((a.mails().len(), b.mails().len()), (1, 1));
}

#[test]
fn misuse_is_clean_under_valgrind() {
    assert_misuse_is_harmless("valgrind-misuse", |ports| valgrind("misuse", ports));
}

#[test]
fn first_mail_is_clean_with_the_sanitizers() {
    let sink = Sink::start(
        "sanitized-first-sink",
        &["--user", "kotelna", "--password", "tajne-heslo"],
    );
    sanitized(
        "first_mail",
        ["127.0.0.1", &sink.port, "kotelna", "tajne-heslo", FROM, TO],
    )
    .must_give(0);
    assert_eq!(sink.mails().len(), 1);
}

#[test]
fn programs_of_other_versions_are_clean_with_the_sanitizers() {
    sanitized("versions", [""; 0]).must_give(0);
}

#[test]
fn names_are_clean_under_valgrind() {
    let server = Server::start(Manners::default());
    valgrind("names", [&server.port]).must_give(0);
}

#[test]
fn names_are_clean_with_the_sanitizers() {
    let server = Server::start(Manners::default());
    sanitized("names", [&server.port]).must_give(0);
}

#[test]
fn refusals_are_clean_with_the_sanitizers() {
    sanitized("refusal", [""; 0]).must_give(0);
}

#[test]
fn misuse_is_clean_with_the_sanitizers() {
    assert_misuse_is_harmless("sanitized-misuse-sink", |ports| sanitized("misuse", ports));
}
