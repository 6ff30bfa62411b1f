//! Every state with every event: the next state, or the named result code.
//!
//! The table is written from the meaning of the result codes, not from the code. Its cells:
//!
//! - `Name`: the session goes on to this state, without a verdict (from 354 through the text, which leaves at once)
//! - `4Q`, `5R`, `7x`: the verdict has this code, and QUIT is said, RSET is said, or the session is closed
//! - `8x?`: likewise, and the outcome is unknown
//! - `d4`: further answers are awaited; whatever happens, the verdict will have this code
//! - `c4`: likewise, while a mail goes in chunks
//! - `-`: nothing changes

mod common;

use common::dialogue::Setup;
use common::driver::{Driver, Leaving};
use sds_smtp::code::{Code, Outcome, Reason};
use sds_smtp::session::State;
#[cfg(feature = "complete")]
use sds_smtp::session::job::Security;
use sds_smtp::session::state::STATES;
use sds_smtp::wire::capability::Capabilities;

const EVENTS: [&str; 18] = [
    "220", "235", "250", "334", "354", "421", "450", "500", "501", "504", "530", "535", "550", "554", "garbage",
    "lost", "deadline", "cancel",
];

#[rustfmt::skip]
const TABLE: &str = "
                  220      235      250      334      354     421 450  500  501   504  530  535  550  554  garbage lost deadline cancel
connecting        -        -        -        -        -       -   -    -    -     -    -    -    -    -    -       13x  1x  32x
connecting_again  -        -        -        -        -       -   -    -    -     -    -    -    -    -    -       13x  1x  32x
greeting          Ehlo     2x       2x       2x       2x      2x  2Q   2Q   2Q    2Q   2Q   2Q   2Q   2Q   2x      2x   1x  32x
greeting_again    Helo     2x       2x       2x       2x      2x  2Q   2Q   2Q    2Q   2Q   2Q   2Q   2Q   2x      2x   1x  32x
ehlo_unsaid       3x       3x       3x       3x       3x      2x  3x   3x   3x    3x   3x   3x   3x   3x   3x      3x   1x  32x
ehlo              Envelope Envelope Envelope 3x       3x      2x  Helo Helo Helo  Helo Helo Helo Helo Helo 3x      3x   1x  32x
ehlo_with_login   9Q       9Q       9Q       3x       3x      2x  3Q   9Q   3Q    9Q   3Q   3Q   3Q   3Q   3x      3x   1x  32x
ehlo_of_a_probe   0Q       0Q       0Q       3x       3x      2x  Helo Helo Helo  Helo Helo Helo Helo Helo 3x      3x   1x  32x
ehlo_for_tls      38Q      38Q      38Q      3x       3x      2x  3Q   38Q  3Q    38Q  3Q   3Q   3Q   3Q   3x      3x   1x  32x
ehlo_secured      Envelope Envelope Envelope 3x       3x      2x  Helo Helo Helo  Helo Helo Helo Helo Helo 3x      3x   1x  32x
helo              Envelope Envelope Envelope 3x       3x      2x  3Q   3Q   3Q    3Q   3Q   3Q   3Q   3Q   3x      Connecting 1x 32x
helo_again        Envelope Envelope Envelope 3x       3x      2x  3Q   3Q   3Q    3Q   3Q   3Q   3Q   3Q   3x      3x   1x  32x
helo_secured      Envelope Envelope Envelope 3x       3x      2x  3Q   3Q   3Q    3Q   3Q   3Q   3Q   3Q   3x      3x   1x  32x
tls               Securing 36x      36x      36x      36x     2x  36Q  36Q  15Q   36Q  36Q  36Q  36Q  36Q  36x     36x  1x  32x
tls_if_offered    Securing 36x      36x      36x      36x     2x  Envelope Envelope Envelope Envelope Envelope Envelope Envelope Envelope 36x 36x 1x 32x
tls_if_with_login Securing 36x      36x      36x      36x     2x  AuthOneStep AuthOneStep AuthOneStep AuthOneStep AuthOneStep AuthOneStep AuthOneStep AuthOneStep 36x 36x 1x 32x
securing          36x      36x      36x      36x      36x     36x 36x  36x  36x   36x  36x  36x  36x  36x  36x     36x  1x  32x
plain             11x      Envelope 11x AuthPassword 11x 2x  2Q   9Q/AuthMechanism AuthMechanism AuthMechanism 11Q 11Q 11Q 11Q 11x 11x 1x 32x
plain_of_a_probe  11x      0Q       11x AuthPassword 11x 2x  2Q   9Q/AuthMechanism AuthMechanism AuthMechanism 11Q 11Q 11Q 11Q 11x 11x 1x 32x
plain_alone       9x       9x       9x  AuthPassword 9x  2x  2Q   9Q/AuthMechanism 15Q AuthMechanism 9Q 9Q/11Q 9Q 9Q   9x      9x   1x  32x
plain_alone_only  9x       9x       9x  AuthPassword 9x  2x  2Q   9Q   15Q   9Q   9Q   9Q/11Q 9Q   9Q   9x      9x   1x  32x
plain_response    11x      Envelope 11x      11x      11x     2x  2Q   11Q  15Q   11Q  11Q  11Q  11Q  11Q  11x     11x  1x  32x
login             9x       9x       9x       AuthUsername 9x  2x  2Q   9Q   15Q   9Q   9Q   9Q   9Q   9Q   9x      9x   1x  32x
user_name         10x      10x      10x      AuthPassword 10x 2x  2Q   10Q  15Q   10Q  10Q  10Q  10Q  10Q  10x     10x  1x  32x
password          11x      Envelope 11x      11x      11x     2x  2Q   11Q  15Q   11Q  11Q  11Q  11Q  11Q  11x     11x  1x  32x
mail_unsaid       4x       4x       4x       4x       4x      2x  4x   4x   15x   4x   4x   4x   4x   4x   4x      4x   1x  32x
mail              4x       Envelope Envelope 4Q       4Q      2x  4Q   4Q   15Q   4Q   4Q   4Q   4Q   4Q   4x      4x   1x  32x
rcpt              5x       Envelope Envelope 5R       5R      2x  5R   5R   15R   5R   6R   5R   12R  5R   5x      5x   1x  32x
second_rcpt       5x       Envelope Envelope 5R       5R      2x  5R   5R   15R   5R   6R   5R   12R  5R   5x      5x   1x  32x
data              7x       7R       7R       7R       End     2x  7R   7R   15R   7R   7R   7R   7R   7R   7x      7x   1x  32x
all_said_mail     4x       Envelope Envelope d4       d4      2x  d4   d4   d15   d4   d4   d4   d4   d4   4x      4x   1x  32x
all_said_rcpt     5x       Envelope Envelope d5       d5      2x  d5   d5   d15   d5   d6   d5   d12  d5   5x      5x   1x  32x
all_said_data     7x       7R       7R       7R       End     2x  7R   7R   15R   7R   7R   7R   7R   7R   7x      7x   1x  32x
refused_then_rcpt 4x       d4       d4       d4       d4      4x  d4   d4   d4    d4   d4   d4   d4   d4   4x      4x   4x  4x
refused_then_data 12x      12R      12R      12R      LoneDot 12x 12R  12R  12R   12R  12R  12R  12R  12R  12x     12x  12x 12x
lone_dot          12Q      12Q      12Q      12Q      12Q     12x 12Q  12Q  12Q   12Q  12Q  12Q  12Q  12Q  12x     12x  12x 12x
rcpt_before_chunk 5x       Chunk    Chunk    5R       5R      2x  5R   5R   15R   5R   6R   5R   12R  5R   5x      5x   1x  32x
chunk_mail        8x?      Chunk    Chunk    8x?      8x?     2x  c4   c4   c15   c4   c4   c4   c4   c4   8x?     8x?  1x? 32x?
chunk_rcpt        8x?      Chunk    Chunk    8x?      8x?     2x  c5   c5   c15   c5   c6   c5   c12  c5   8x?     8x?  1x? 32x?
chunk_refused     12x      12R      12R      12x      12x     12x 12R  12R  12R   12R  12R  12R  12R  12R  12x     12x  12x 12x
chunk_last        8x?      0Q       0Q       8x?      8x?     2x  8R   Connecting 15R 8R 8R 8R   8R   8R   8x?     8x?  1x? 32x?
chunk_not_left    7x       7x       7x       7x       7x      2x  8x   Connecting 15x 8x 8x 8x   8x   8x   7x      7x   1x  32x
header            7x       7x       7x       7x       7x      2x  7x   7x   15x   7x   7x   7x   7x   7x   7x      7x   1x  32x
text              7x       7x       7x       7x       7x      2x  7x   7x   15x   7x   7x   7x   7x   7x   7x      7x   1x  32x
dot_not_left      7x       7x       7x       7x       7x      2x  7x   7x   15x   7x   7x   7x   7x   7x   7x      7x   1x  32x
end               8x?      0Q       0Q       8x?      8x?     2x  8Q   8Q   15Q   8Q   8Q   8Q   8Q   8Q   8x?     8x?  1x? 32x?
rset              12Q      12Q      12Q      12Q      12Q     12x 12Q  12Q  12Q   12Q  12Q  12Q  12Q  12Q  12x     12x  12x -
quit_unsaid       0x       0x       0x       0x       0x      0x  0x   0x   0x    0x   0x   0x   0x   0x   0x      0x   0x  -
quit              0x       0x       0x       0x       0x      0x  0x   0x   0x    0x   0x   0x   0x   0x   0x      0x   0x  -
quit_refused      12x      12x      12x      12x      12x     12x 12x  12x  12x   12x  12x  12x  12x  12x  12x     12x  12x -
closed            -        -        -        -        -       -   -    -    -     -    -    -    -    -    -       -    -   -
idle              0x       0x       0x       0x       0x      0x  0x   0x   0x    0x   0x   0x   0x   0x   0x      0x   0x  -
rset_behind_chunk 12x      12Q      12Q      12x      12x     12x 12x  12x  12x   12x  12x  12x  12x  12x  12x     12x  12x -
rset_for_the_next Envelope/4x Envelope Envelope 4x       4x      2x  4I   4I   15I   4I   4I   4I   4I   4I   4x      4x   1x  32x
";

/// What it takes to bring a session into a state: settings, what the server says, and the state.
struct Way {
    name: &'static str,
    state: State,
    setup: fn(&mut Setup),
    server: &'static [&'static str],
}

const EHLO: &str = "250 x\r\n";
const EHLO_AUTH: &str = "250-x\r\n250 AUTH PLAIN LOGIN\r\n";
#[cfg(feature = "complete")]
const EHLO_TLS: &str = "250-x\r\n250-STARTTLS\r\n250 AUTH PLAIN\r\n";
const EHLO_PIPELINING: &str = "250-x\r\n250 PIPELINING\r\n";
#[cfg(feature = "std")]
const EHLO_CHUNKING: &str = "250-x\r\n250-PIPELINING\r\n250 CHUNKING\r\n";
const HI: &str = "220 x\r\n";
const OK: &str = "250 ok\r\n";
const NO: &str = "550 no\r\n";
const GO: &str = "354 go\r\n";
const MORE: &str = "334 \r\n";
/// Not of the server: the connection is lost, and made anew; nothing leaves from here on; nothing is written.
const LOST: &str = "(lost)";
const RECONNECT: &str = "(reconnect)";
const STALL: &str = "(stall)";
const UNSAID: &str = "(unsaid)";
/// Not of the server: the handshake is done.
const SECURED: &str = "(secured)";
/// Not of the server: the program orders another mail.
const NEXT: &str = "(next)";

fn none(_: &mut Setup) {}

fn any(setup: &mut Setup) {
    setup.mechanisms = Capabilities::MECHANISMS;
}

fn plain(setup: &mut Setup) {
    setup.mechanisms = Capabilities::PLAIN;
}

fn login(setup: &mut Setup) {
    setup.mechanisms = Capabilities::LOGIN;
}

fn probe(setup: &mut Setup) {
    setup.probe = true;
}

#[cfg(feature = "complete")]
fn tls(setup: &mut Setup) {
    setup.security = Security::Required;
}

#[cfg(feature = "complete")]
fn tls_if_offered(setup: &mut Setup) {
    setup.security = Security::Opportunistic;
}

#[cfg(feature = "complete")]
fn tls_if_with_login(setup: &mut Setup) {
    tls_if_offered(setup);
    plain(setup);
}

fn keep(setup: &mut Setup) {
    setup.keep = true;
}

fn probe_any(setup: &mut Setup) {
    setup.probe = true;
    any(setup);
}

#[cfg(feature = "std")]
fn chunks(setup: &mut Setup) {
    setup.chunking = true;
}

#[cfg(feature = "std")]
fn chunks_for_two(setup: &mut Setup) {
    chunks(setup);
    two(setup);
}

fn two(setup: &mut Setup) {
    setup.to = b"a@example.org, b@example.org".to_vec();
}

/// More than the largest buffer, so that a part of the text is always unwritten.
fn long(setup: &mut Setup) {
    setup.text = b"a line of text\n".repeat(2_000);
}

#[rustfmt::skip]
const WAYS: &[Way] = &[
    Way { name: "connecting", state: State::Connecting, setup: none, server: &[] },
    Way { name: "connecting_again", state: State::Connecting, setup: none, server: &[HI, NO, LOST] },
    Way { name: "greeting", state: State::Greeting, setup: none, server: &[""] },
    Way { name: "greeting_again", state: State::Greeting, setup: none, server: &[HI, NO, RECONNECT] },
    Way { name: "ehlo_unsaid", state: State::Ehlo, setup: none, server: &["", UNSAID, HI] },
    Way { name: "ehlo", state: State::Ehlo, setup: none, server: &[HI] },
    Way { name: "ehlo_with_login", state: State::Ehlo, setup: any, server: &[HI] },
    Way { name: "ehlo_of_a_probe", state: State::Ehlo, setup: probe, server: &[HI] },
    #[cfg(feature = "complete")]
    Way { name: "ehlo_for_tls", state: State::Ehlo, setup: tls, server: &[HI] },
    #[cfg(feature = "complete")]
    Way { name: "ehlo_secured", state: State::Ehlo, setup: tls, server: &[HI, EHLO_TLS, HI, SECURED] },
    Way { name: "helo", state: State::Helo, setup: none, server: &[HI, NO] },
    Way { name: "helo_again", state: State::Helo, setup: none, server: &[HI, NO, RECONNECT, HI] },
    #[cfg(feature = "complete")]
    Way { name: "helo_secured", state: State::Helo, setup: tls, server: &[HI, EHLO_TLS, HI, SECURED, NO] },
    #[cfg(feature = "complete")]
    Way { name: "tls", state: State::StartTls, setup: tls, server: &[HI, EHLO_TLS] },
    #[cfg(feature = "complete")]
    Way { name: "tls_if_offered", state: State::StartTls, setup: tls_if_offered, server: &[HI, EHLO_TLS] },
    #[cfg(feature = "complete")]
    Way { name: "tls_if_with_login", state: State::StartTls, setup: tls_if_with_login, server: &[HI, EHLO_TLS] },
    #[cfg(feature = "complete")]
    Way { name: "securing", state: State::Securing, setup: tls, server: &[HI, EHLO_TLS, HI] },
    Way { name: "plain", state: State::AuthBegin, setup: any, server: &[HI, EHLO_AUTH] },
    Way { name: "plain_of_a_probe", state: State::AuthBegin, setup: probe_any, server: &[HI, EHLO_AUTH] },
    Way { name: "plain_alone", state: State::AuthBegin, setup: any, server: &[HI, EHLO_AUTH, "504 x\r\n"] },
    Way { name: "plain_alone_only", state: State::AuthBegin, setup: plain, server: &[HI, EHLO_AUTH, "504 x\r\n"] },
    Way { name: "plain_response", state: State::AuthRespond, setup: any, server: &[HI, EHLO_AUTH, MORE] },
    Way { name: "login", state: State::AuthBegin, setup: login, server: &[HI, EHLO_AUTH] },
    Way { name: "user_name", state: State::AuthRespond, setup: login, server: &[HI, EHLO_AUTH, MORE] },
    Way { name: "password", state: State::AuthRespond, setup: login, server: &[HI, EHLO_AUTH, MORE, MORE] },
    Way { name: "mail_unsaid", state: State::Envelope, setup: none, server: &[HI, UNSAID, EHLO] },
    Way { name: "mail", state: State::Envelope, setup: none, server: &[HI, EHLO] },
    Way { name: "rcpt", state: State::Envelope, setup: none, server: &[HI, EHLO, OK] },
    Way { name: "second_rcpt", state: State::Envelope, setup: two, server: &[HI, EHLO, OK, OK] },
    Way { name: "data", state: State::Envelope, setup: none, server: &[HI, EHLO, OK, OK] },
    Way { name: "all_said_mail", state: State::Envelope, setup: none, server: &[HI, EHLO_PIPELINING] },
    Way { name: "all_said_rcpt", state: State::Envelope, setup: none, server: &[HI, EHLO_PIPELINING, OK] },
    Way { name: "all_said_data", state: State::Envelope, setup: none, server: &[HI, EHLO_PIPELINING, OK, OK] },
    Way { name: "refused_then_rcpt", state: State::Envelope, setup: none, server: &[HI, EHLO_PIPELINING, NO] },
    Way { name: "refused_then_data", state: State::Envelope, setup: none, server: &[HI, EHLO_PIPELINING, OK, NO] },
    Way { name: "lone_dot", state: State::LoneDot, setup: none, server: &[HI, EHLO_PIPELINING, OK, NO, GO] },
    #[cfg(feature = "std")]
    Way { name: "rcpt_before_chunk", state: State::Envelope, setup: chunks_for_two, server: &[HI, EHLO_CHUNKING, OK, OK] },
    #[cfg(feature = "std")]
    Way { name: "chunk_mail", state: State::Chunk, setup: chunks, server: &[HI, EHLO_CHUNKING] },
    #[cfg(feature = "std")]
    Way { name: "chunk_rcpt", state: State::Chunk, setup: chunks, server: &[HI, EHLO_CHUNKING, OK] },
    #[cfg(feature = "std")]
    Way { name: "chunk_refused", state: State::Chunk, setup: chunks, server: &[HI, EHLO_CHUNKING, OK, NO] },
    #[cfg(feature = "std")]
    Way { name: "chunk_last", state: State::Chunk, setup: chunks, server: &[HI, EHLO_CHUNKING, OK, OK] },
    #[cfg(feature = "std")]
    Way { name: "chunk_not_left", state: State::Chunk, setup: chunks, server: &[HI, STALL, EHLO_CHUNKING, OK, OK] },
    Way { name: "header", state: State::Header, setup: long, server: &[HI, EHLO, OK, OK, UNSAID, GO] },
    Way { name: "text", state: State::Text, setup: long, server: &[HI, EHLO, OK, OK, STALL, GO] },
    Way { name: "dot_not_left", state: State::End, setup: none, server: &[HI, EHLO, OK, OK, STALL, GO] },
    Way { name: "end", state: State::End, setup: none, server: &[HI, EHLO, OK, OK, GO] },
    Way { name: "rset", state: State::Rset, setup: none, server: &[HI, EHLO, OK, NO] },
    Way { name: "quit_unsaid", state: State::Quit, setup: none, server: &[HI, EHLO, OK, OK, GO, UNSAID, OK] },
    Way { name: "quit", state: State::Quit, setup: none, server: &[HI, EHLO, OK, OK, GO, OK] },
    Way { name: "quit_refused", state: State::Quit, setup: none, server: &[HI, EHLO, OK, NO, OK] },
    Way { name: "closed", state: State::Closed, setup: none, server: &[HI, EHLO, OK, OK, GO, OK, OK] },
    Way { name: "idle", state: State::Idle, setup: keep, server: &[HI, EHLO, OK, OK, GO, OK] },
    #[cfg(feature = "std")]
    Way { name: "rset_behind_chunk", state: State::Rset, setup: chunks, server: &[HI, EHLO_CHUNKING, OK, NO, NO] },
    Way { name: "rset_for_the_next", state: State::Rset, setup: keep, server: &[HI, EHLO, OK, NO, NEXT] },
];

/// A driver whose session is in the state; false where nothing is to be written from here on.
fn reach<'a>(way: &Way, setup: &'a Setup) -> (Driver<'a>, bool) {
    let mut driver = Driver::new(setup.job(), 8192, Leaving::AtOnce, 0);
    let mut writes = true;
    for (at, word) in way.server.iter().enumerate() {
        if at == 0 {
            driver.connected(setup.local).unwrap();
        }
        match *word {
            "" => {}
            LOST => driver.lost(Reason::Lost).unwrap(),
            RECONNECT => {
                driver.lost(Reason::Lost).unwrap();
                assert!(driver.reconnect());
                driver.connected(setup.local).unwrap();
            }
            STALL => driver.limit = Some(driver.stream.len()),
            UNSAID => writes = false,
            SECURED => driver.secured().unwrap(),
            NEXT => driver.next(setup.job()).unwrap(),
            server if writes => driver.receive(server.as_bytes()).unwrap(),
            server => driver.session.receive(&driver.job, driver.now, server.as_bytes()),
        }
    }
    assert_eq!(driver.session.state(), way.state, "{}", way.name);
    (driver, writes)
}

fn happen(driver: &mut Driver<'_>, event: &str, writes: bool) {
    match event {
        "lost" => driver.session.lost(&driver.job, driver.now, Reason::Lost),
        "deadline" => {
            driver.now = driver.session.deadline().unwrap_or(driver.now);
            driver.session.tick(driver.now);
        }
        "cancel" => driver.session.cancel(),
        "garbage" => driver.session.receive(&driver.job, driver.now, b"what?\r\n"),
        reply => {
            let reply = format!("{reply} some words\r\n");
            driver.session.receive(&driver.job, driver.now, reply.as_bytes());
        }
    }
    if writes {
        driver.pump().unwrap();
    }
}

fn verdict_of(driver: &Driver<'_>, place: &str) -> (u8, Outcome) {
    let verdict = driver
        .session
        .verdict()
        .unwrap_or_else(|| panic!("{place}: no verdict"));
    (verdict.code.number(), verdict.outcome)
}

fn check(way: &Way, event: &str, cell: &str) {
    let place = format!("{} at {event}, expected {cell}", way.name);
    let mut setup = Setup::default();
    (way.setup)(&mut setup);
    let (mut driver, writes) = reach(way, &setup);
    let before = (driver.session.state(), driver.session.verdict());
    happen(&mut driver, event, writes);
    let state = driver.session.state();
    if cell == "-" {
        assert_eq!((state, driver.session.verdict()), before, "{place}");
        return;
    }
    if let Some(code) = cell.strip_prefix(['d', 'c']) {
        // As it was: the envelope, or a mail in chunks.
        assert_eq!((state, driver.session.verdict()), (way.state, None), "{place}");
        driver.lost(Reason::Lost).unwrap();
        assert_eq!(
            verdict_of(&driver, &place),
            (code.parse().unwrap(), Outcome::NotSent),
            "{place}"
        );
        return;
    }
    // A state is named, or, while logging in, the step whose answer is awaited.
    let logs_in = matches!(state, State::AuthBegin | State::AuthRespond);
    if logs_in && format!("{:?}", driver.session.step()) == cell {
        assert_eq!(driver.session.verdict(), None, "{place}");
        return;
    }
    if let Some(row) = STATES.iter().find(|row| format!("{:?}", row.state) == cell) {
        assert_eq!((state, driver.session.verdict()), (row.state, None), "{place}");
        assert_eq!(
            driver.session.wants_reconnect(),
            row.state == State::Connecting,
            "{place}"
        );
        return;
    }
    let (cell, unknown) = cell.strip_suffix('?').map_or((cell, false), |cell| (cell, true));
    let (code, end) = cell.split_at(cell.len() - 1);
    let code: u8 = code.parse().unwrap();
    let outcome = match (unknown, code == Code::Ok.number() && !setup.probe) {
        (true, _) => Outcome::Unknown,
        (false, true) => Outcome::Sent,
        (false, false) => Outcome::NotSent,
    };
    assert_eq!(verdict_of(&driver, &place), (code, outcome), "{place}");
    let next = match end {
        "Q" => State::Quit,
        "R" => State::Rset,
        "I" => State::Idle,
        "x" => State::Closed,
        _ => panic!("{place}: no such cell"),
    };
    assert_eq!(state, next, "{place}");
}

fn rows() -> Vec<(&'static str, Vec<&'static str>)> {
    let mut lines = TABLE.lines().filter(|line| !line.is_empty());
    let head: Vec<&str> = lines.next().unwrap().split_whitespace().collect();
    assert_eq!(head, EVENTS);
    lines
        .map(|line| {
            let mut words = line.split_whitespace();
            let name = words.next().unwrap();
            let cells: Vec<&str> = words.collect();
            assert_eq!(cells.len(), EVENTS.len(), "{name}");
            (name, cells)
        })
        // A small library has no STARTTLS.
        .filter(|(name, _)| cfg!(feature = "complete") || !(name.contains("tls") || name.contains("secur")))
        .filter(|(name, _)| cfg!(feature = "std") || !name.contains("chunk"))
        .collect()
}

#[test]
fn every_event_in_every_state_leads_where_the_table_says() {
    let mut wrong = Vec::new();
    for (way, (name, cells)) in WAYS.iter().zip(rows()) {
        assert_eq!(way.name, name, "the table and the ways have the same order");
        for (event, cell) in EVENTS.iter().zip(cells) {
            // A system goes on with another mechanism in more cases than a device.
            let (device, system) = cell.split_once('/').unwrap_or((cell, cell));
            let cell = if cfg!(feature = "std") { system } else { device };
            if std::panic::catch_unwind(|| check(way, event, cell)).is_err() {
                wrong.push(format!("{name} at {event}"));
            }
        }
    }
    assert!(wrong.is_empty(), "wrong: {wrong:?}");
}

#[test]
fn every_state_has_a_row() {
    assert_eq!(rows().len(), WAYS.len());
    // The dot is always written together with the end of the text; the driver does not wait for keys (a test in src/session has
    // what happens meanwhile).
    let passing = |state: State| state == State::Dot || format!("{state:?}") == "AuthDerive";
    for row in STATES.iter().filter(|row| !passing(row.state)) {
        assert!(WAYS.iter().any(|way| way.state == row.state), "{:?}", row.state);
    }
}

/// What was learnt before the handshake counts for nothing behind it (RFC 3207, 4.2).
#[cfg(feature = "complete")]
#[test]
fn what_was_announced_before_the_handshake_is_forgotten() {
    const ALL: &str = "250-x\r\n250-STARTTLS\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SIZE 10\r\n250 AUTH PLAIN\r\n";
    let mut setup = Setup::default();
    any(&mut setup);
    setup.security = Security::Required;
    let way = |server| Way {
        name: "forgotten",
        state: State::Ehlo,
        setup: none,
        server,
    };
    let (mut driver, _) = reach(&way(&[HI, ALL, HI, SECURED]), &setup);
    assert_eq!(
        driver.stream,
        b"EHLO [192.168.1.250]\r\nSTARTTLS\r\nEHLO [192.168.1.250]\r\n"
    );
    // STARTTLS once more, offered inside TLS, is not said; and there is no login any more.
    driver.receive(b"250-x\r\n250 STARTTLS\r\n").unwrap();
    assert_eq!(verdict_of(&driver, "no login").0, Code::AuthUnsupported.number());
    assert_eq!(String::from_utf8_lossy(&driver.stream).matches("STARTTLS").count(), 1);
    // Nor are commands sent together, or SIZE looked at.
    setup.mechanisms = Capabilities::NONE;
    let (mut driver, _) = reach(&way(&[HI, ALL, HI, SECURED]), &setup);
    driver.receive(b"250 x\r\n").unwrap();
    let said = String::from_utf8_lossy(&driver.stream).into_owned();
    assert!(
        said.ends_with("\r\nMAIL FROM:<thatisme@smtp-server-domain.cz>\r\n"),
        "{said}"
    );
    // What comes in one piece with the answer is nobody's whom TLS vouches for.
    for behind in ["250 x\r\n", "2", "\r\n"] {
        let (mut driver, _) = reach(
            &Way {
                state: State::StartTls,
                ..way(&[HI, ALL])
            },
            &setup,
        );
        driver
            .session
            .receive(&driver.job, driver.now, format!("{HI}{behind}").as_bytes());
        let verdict = driver.session.verdict().unwrap();
        assert_eq!(
            (verdict.code, verdict.reason),
            (Code::TlsFailed, Reason::BehindStartTls)
        );
        assert_eq!(driver.session.state(), State::Closed);
    }
}

/// A reply in any segmentation is one event: three digits decide it, not how they came.
#[test]
fn a_bare_code_is_the_same_event_as_one_with_words() {
    for way in WAYS {
        let mut setup = Setup::default();
        (way.setup)(&mut setup);
        for reply in &EVENTS[..14] {
            let (mut one, _) = reach(way, &setup);
            let (mut other, _) = reach(way, &setup);
            one.session
                .receive(&one.job, one.now, format!("{reply} words\r\n").as_bytes());
            for octet in format!("{reply}-words\r\n{reply}\n").bytes() {
                other.session.receive(&other.job, other.now, &[octet]);
            }
            let seen = |driver: &Driver<'_>| (driver.session.state(), driver.session.verdict());
            assert_eq!(seen(&one), seen(&other), "{} at {reply}", way.name);
        }
    }
}
