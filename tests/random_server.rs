//! Whole conversations with servers that say plausible things, mostly: replies that fit or do not, noise, endless lines,
//! NULs, surplus, silence, in random segments, to sessions with random mails, buffers and networks.
//!
//! A run is made of its seed alone. `SDS_SMTP_SEED` chooses the first of them; a failure names its own.

mod common;

use common::dialogue::Setup;
use common::driver::{Driver, Leaving};
use common::observer::{Observer, check_lines, show};
use common::random::Random;
use sds_smtp::code::{Code, Outcome, Phase, Reason};
#[cfg(feature = "complete")]
use sds_smtp::session::job::Security;
use sds_smtp::wire::capability::Capabilities;

/// Conversations.
const RUNS: u64 = 10_000;
/// Things that happen in a conversation before everybody falls silent.
const STEPS: usize = 600;
/// What ends a conversation at the latest: the total deadline, and RSET and QUIT behind it.
const LONGEST: u32 = 1_800_000 + 2 * 5_000;

/// How a server is disposed.
#[derive(Clone, Copy)]
struct Mood {
    /// Per cent: a command is refused.
    refuses: usize,
    /// Per cent: what it says is noise.
    noise: usize,
    /// Per cent: an event is a stroke of fate (the connection lost, a long silence, the program cancels).
    fate: usize,
    /// Only since DATA was said.
    late: bool,
}

/// A mood; `late` fate waits for the text.
const fn mood(refuses: usize, noise: usize, fate: usize, late: bool) -> Mood {
    Mood {
        refuses,
        noise,
        fate,
        late,
    }
}

const MOODS: [Mood; 7] = [
    mood(0, 0, 0, false),
    mood(6, 0, 0, false),
    mood(6, 3, 1, false),
    mood(3, 0, 5, false),
    mood(20, 25, 3, false),
    mood(0, 0, 30, true),
    mood(1, 1, 30, true),
];

/// A server: reads the client's lines, and has octets to say.
struct Server {
    mood: Mood,
    read: usize,
    in_data: bool,
    /// Commands that are not answered yet; None is the greeting.
    open: Vec<Option<Vec<u8>>>,
    says: Vec<u8>,
    login_steps: usize,
}

impl Server {
    fn new(mood: Mood, read: usize) -> Self {
        Self {
            mood,
            read,
            in_data: false,
            open: vec![None],
            says: Vec::new(),
            login_steps: 0,
        }
    }

    /// Takes the lines that have arrived. While the answer to DATA is open nobody knows whether data follows.
    fn take(&mut self, stream: &[u8]) {
        while !self.open.iter().flatten().any(|line| line == b"DATA\r\n") {
            let rest = &stream[self.read..];
            let end: &[u8] = if self.in_data { b"\r\n.\r\n" } else { b"\r\n" };
            let lone = self.in_data && rest.starts_with(b".\r\n");
            let Some(at) = rest.windows(end.len()).position(|part| part == end) else {
                return;
            };
            let length = if lone { 3 } else { at + end.len() };
            let line = if self.in_data {
                b".\r\n".to_vec()
            } else {
                rest[..length].to_vec()
            };
            self.read += length;
            self.in_data = false;
            self.open.push(Some(line));
        }
    }

    /// Answers the oldest open command.
    fn answer(&mut self, random: &mut Random) {
        if self.open.is_empty() {
            return;
        }
        let command = self.open.remove(0);
        if random.chance(self.mood.noise) {
            let noise = noise(random);
            self.says.extend(noise);
            if random.chance(70) {
                return;
            }
        }
        let reply = if random.chance(self.mood.refuses) {
            self.login_steps = 0;
            *random.pick(&[
                421, 450, 451, 452, 500, 501, 502, 503, 504, 513, 530, 535, 538, 550, 552, 554, 250, 354, 334,
            ])
        } else {
            self.fitting(command.as_deref(), random)
        };
        self.in_data |= reply == 354;
        let lines = lines(
            reply,
            command.as_deref().is_some_and(|line| line.starts_with(b"EHLO")),
            random,
        );
        self.says.extend(lines);
    }

    fn fitting(&mut self, command: Option<&[u8]>, random: &mut Random) -> u16 {
        let Some(command) = command else { return 220 };
        let verb = command.get(..4).unwrap_or(command);
        match verb {
            b"AUTH" if command.len() < 14 => {
                self.login_steps = if command.starts_with(b"AUTH LOGIN") { 2 } else { 1 };
                334
            }
            b"AUTH" => *random.pick(&[235, 235, 235, 334, 504]),
            b"EHLO" | b"HELO" | b"MAIL" | b"RSET" => 250,
            b"STAR" => 220,
            b"RCPT" => *random.pick(&[250, 250, 251, 252]),
            b"DATA" => 354,
            b".\r\n" => *random.pick(&[250, 250, 250, 200]),
            b"QUIT" => 221,
            _ if self.login_steps > 1 => {
                self.login_steps = 1;
                334
            }
            _ => 235,
        }
    }
}

fn lines(reply: u16, ehlo: bool, random: &mut Random) -> Vec<u8> {
    const EXTENSIONS: [&str; 11] = [
        "STARTTLS",
        "STARTTLS",
        "PIPELINING",
        "8BITMIME",
        "SIZE",
        "SIZE 100",
        "SIZE 1000000",
        "AUTH PLAIN LOGIN",
        "AUTH=LOGIN",
        "auth plain",
        "XXXXXXXA",
    ];
    const WORDS: [&str; 6] = [
        "",
        "ok",
        "2.1.0 Ok",
        "relay access denied",
        "c2RzLXNlY3JldA== sds-secret",
        "caf\u{e9}\0\x1b[1m\t",
    ];
    let end = if random.chance(85) { "\r\n" } else { "\n" };
    let mut all = Vec::new();
    let more = if ehlo {
        random.below(7)
    } else {
        random.below(5).saturating_sub(2)
    };
    let mut last = false;
    for at in 0..=more {
        last = last || at == more;
        let text = match (ehlo && at > 0, random.chance(80)) {
            (true, _) => *random.pick(&EXTENSIONS),
            (false, true) => *random.pick(&WORDS),
            (false, false) => "",
        };
        let separator = match (last, text.is_empty() && random.chance(50)) {
            (false, _) => "-",
            (true, true) => "",
            (true, false) => " ",
        };
        all.extend(format!("{reply}{separator}{text}{end}").into_bytes());
        // Only a refusal may have a line without a code, and only in the middle.
        if !last && random.chance(if reply >= 400 { 20 } else { 1 }) {
            let text = *random.pick(&["", "text", "5", "25 of them", "5501", "2500-x", "sds-secret"]);
            all.extend(format!("{text}{end}").into_bytes());
        }
    }
    if random.chance(3) {
        all.splice(0..0, end.bytes());
    }
    all
}

fn noise(random: &mut Random) -> Vec<u8> {
    match random.below(9) {
        0 => vec![0; 1 + random.below(40)],
        1 => (0..random.below(60)).map(|_| random.next().to_le_bytes()[0]).collect(),
        2 => b"\r\n".to_vec(),
        3 => [b"250 ".to_vec(), b"x".repeat(random.below(3_000))].concat(),
        4 => b"250-x\r\n".repeat(random.below(300)),
        5 => b"250 HELP\r\n".to_vec(),
        6 => b"421 4.3.2 closing\r\n".to_vec(),
        7 => b"220-one\r\n521 two\r\n".to_vec(),
        _ => b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(),
    }
}

fn random_setup(random: &mut Random) -> Setup {
    let mut setup = Setup {
        mechanisms: *random.pick(&[
            Capabilities::NONE,
            Capabilities::MECHANISMS,
            Capabilities::PLAIN,
            Capabilities::LOGIN,
        ]),
        probe: random.chance(3),
        dry: cfg!(feature = "std") && random.chance(3),
        pipelining: random.chance(85),
        ..Setup::default()
    };
    #[cfg(feature = "complete")]
    {
        setup.security = *random.pick(&[
            Security::None,
            Security::None,
            Security::Required,
            Security::Opportunistic,
        ]);
    }
    setup.to = b"a@example.org, b@example.org, c@example.org"[..*random.pick(&[13, 13, 13, 28, 43])].to_vec();
    let pieces: [&[u8]; 9] = [
        b".",
        b"\r",
        b"\n",
        b"\r\n",
        b"a line of words",
        b" \t",
        b"p\xc5\x99\xc3\xad",
        b"\xe8",
        b"=3D",
    ];
    setup.text.clear();
    for _ in 0..random.below(40) {
        let piece = pieces[random.below(pieces.len())];
        setup.text.extend_from_slice(piece);
        if random.chance(2) {
            setup.text.extend(b"y".repeat(random.below(1_100)));
        }
    }
    setup
}

/// What came of one conversation.
struct End {
    outcome: Outcome,
    phase: Phase,
}

fn converse(seed: u64) -> Result<End, String> {
    let mut random = Random::new(seed);
    let random = &mut random;
    let setup = random_setup(random);
    let mood = *random.pick(&MOODS);
    let buffer = *random.pick(&[16, 17, 37, 100, 512, 8192]);
    let leaving = *random.pick(&[Leaving::AtOnce, Leaving::Pieces, Leaving::Queued]);
    let mut driver = Driver::new(setup.job(), buffer, leaving, seed);
    let start = driver.now;
    let mut server = Server::new(mood, 0);
    driver.connected(setup.local)?;
    for _ in 0..STEPS {
        if driver.session.closed() {
            break;
        }
        if driver.reconnect() {
            if random.chance(30) {
                driver.lost(Reason::Refused)?;
                continue;
            }
            server = Server::new(mood, driver.stream.len());
            driver.limit = None;
            driver.connected(setup.local)?;
        }
        if driver.wants_handshake() && random.chance(70) {
            // What the server said behind its answer is no TLS.
            if !server.says.is_empty() || random.chance(10) {
                driver.lost(*random.pick(&[Reason::TlsFailed, Reason::Untrusted, Reason::Lost]))?;
            } else {
                driver.secured()?;
            }
            continue;
        }
        happen(&mut driver, &mut server, random)?;
    }
    driver.wait((start + LONGEST).saturating_sub(driver.now))?;
    if !driver.session.closed() {
        return Err(format!("still {:?} when all time is over", driver.session.state()));
    }
    check(&driver, &setup)
}

fn happen(driver: &mut Driver<'_>, server: &mut Server, random: &mut Random) -> Result<(), String> {
    server.take(&driver.stream);
    let late = driver.observer.commands.iter().any(|line| line == b"DATA\r\n");
    if random.chance(server.mood.fate) && (late || !server.mood.late) {
        return match random.below(8) {
            0 => driver.lost(Reason::Lost),
            1 => driver.cancel(),
            2 => driver.wait(300_000),
            3 | 4 => {
                driver.limit = Some(driver.stream.len() + random.below(60));
                driver.pump()
            }
            _ => {
                driver.limit = None;
                driver.pump()
            }
        };
    }
    if random.chance(server.mood.noise) && random.chance(20) {
        let noise = noise(random);
        server.says.extend(noise);
    }
    match random.below(4) {
        0 => driver.wait((random.next() % 2_000) as u32),
        1 => {
            server.answer(random);
            Ok(())
        }
        _ if server.says.is_empty() => {
            server.answer(random);
            Ok(())
        }
        _ => {
            let length = if random.chance(40) {
                1
            } else {
                1 + random.below(server.says.len())
            };
            let segment: Vec<u8> = server.says.drain(..length).collect();
            driver.receive(&segment)
        }
    }
}

fn check(driver: &Driver<'_>, setup: &Setup) -> Result<End, String> {
    let seen = driver.seen().ok_or("no verdict")?;
    let verdict = seen.verdict;
    let observer = &driver.observer;
    if verdict.outcome != observer.outcome() {
        return Err(format!("{seen:?}, and on the wire it was {:?}", observer.outcome()));
    }
    let positive = observer.replies_after_dot.iter().any(|reply| reply / 100 == 2);
    if verdict.outcome == Outcome::Sent && !(observer.dot_left && positive) {
        return Err(format!("sent, and the server never said so: {seen:?}"));
    }
    if (verdict.code == Code::Ok) != (verdict.outcome == Outcome::Sent) && !(setup.probe || setup.dry) {
        return Err(format!("{seen:?}"));
    }
    if setup.dry && observer.commands.iter().any(|line| line == b"DATA\r\n") {
        return Err("DATA in a dry run".into());
    }
    check_lines(driver.on_this_connection(), true)?;
    check_commands(observer)?;
    #[cfg(feature = "complete")]
    check_security(observer, setup)?;
    match observer.mails.as_slice() {
        [] => {}
        [mail] => check_mail(mail, setup)?,
        _ => return Err("more than one mail".into()),
    }
    Ok(End {
        outcome: verdict.outcome,
        phase: verdict.step.phase(),
    })
}

/// The commands are commands, in an order that RFC 5321, 4.1.4 allows.
fn check_commands(observer: &Observer) -> Result<(), String> {
    let mut before: &[u8] = b"";
    for line in &observer.commands {
        let text = line.strip_suffix(b"\r\n").ok_or("a line without its end")?;
        let verb = text.split(|octet| *octet == b' ').next().unwrap_or(text);
        let behind: &[&[u8]] = match verb {
            b"EHLO" => &[b"", b"STARTTLS"],
            b"STARTTLS" => &[b"EHLO"],
            // On a new connection HELO comes first, behind the HELO of the old one, or behind nothing where EHLO had not left.
            b"HELO" => &[b"EHLO", b"HELO", b""],
            // Behind STARTTLS where that was refused, and need not be accepted.
            b"AUTH" => &[b"EHLO", b"AUTH", b"STARTTLS"],
            b"MAIL" => &[b"EHLO", b"HELO", b"AUTH", b"response", b"STARTTLS"],
            b"RCPT" => &[b"MAIL", b"RCPT"],
            b"DATA" => &[b"RCPT"],
            b"." => &[b"DATA"],
            b"RSET" => &[b"RCPT", b"DATA"],
            b"QUIT" => &[
                b"",
                b"EHLO",
                b"HELO",
                b"STARTTLS",
                b"AUTH",
                b"response",
                b"MAIL",
                b"RCPT",
                b"DATA",
                b".",
                b"RSET",
            ],
            _ if text
                .iter()
                .all(|octet| octet.is_ascii_alphanumeric() || b"+/=".contains(octet)) =>
            {
                &[b"AUTH", b"response"]
            }
            _ => return Err(format!("no command: {}", show(line))),
        };
        if !behind.contains(&before) {
            return Err(format!("{} behind {}", show(line), show(before)));
        }
        before = if [
            &b"EHLO"[..],
            b"HELO",
            b"STARTTLS",
            b"AUTH",
            b"MAIL",
            b"RCPT",
            b"DATA",
            b".",
            b"RSET",
            b"QUIT",
        ]
        .contains(&verb)
        {
            verb
        } else {
            b"response"
        };
    }
    Ok(())
}

/// Where TLS is required, nothing is said before it but how it begins, and the end; and it begins once.
#[cfg(feature = "complete")]
fn check_security(observer: &Observer, setup: &Setup) -> Result<(), String> {
    let is = |line: &[u8], verb: &str| line.starts_with(verb.as_bytes());
    let begun = observer.commands.iter().filter(|line| is(line, "STARTTLS")).count();
    if begun > usize::from(setup.security != Security::None) {
        return Err(format!("STARTTLS {begun} times, {:?}", setup.security));
    }
    if setup.security != Security::Required {
        return Ok(());
    }
    // The EHLO behind STARTTLS is the first line inside TLS.
    let mut before: &[u8] = b"";
    for line in &observer.commands {
        if is(before, "STARTTLS") && is(line, "EHLO") {
            break;
        }
        if !["EHLO", "STARTTLS", "QUIT"].iter().any(|verb| is(line, verb)) {
            return Err(format!("in the clear: {}", show(line)));
        }
        before = line;
    }
    Ok(())
}

/// The mail, read back with no code of the library, holds the text that was given.
fn check_mail(mail: &[u8], setup: &Setup) -> Result<(), String> {
    let lines: Vec<&[u8]> = mail
        .strip_suffix(b".\r\n")
        .ok_or("no final dot")?
        .split_inclusive(|octet| *octet == b'\n')
        .map(|line| line.strip_prefix(b".").unwrap_or(line))
        .collect();
    let empty = lines
        .iter()
        .position(|line| *line == b"\r\n")
        .ok_or("no empty line behind the headers")?;
    let (header, body) = lines.split_at(empty);
    let body = body[1..].concat();
    let body = if header.contains(&&b"Content-Transfer-Encoding: quoted-printable\r\n"[..]) {
        quoted_printable(&body)?
    } else {
        body
    };
    let wanted = normal(&setup.text);
    if body != wanted {
        return Err(format!("the text became {}, and not {}", show(&body), show(&wanted)));
    }
    Ok(())
}

fn quoted_printable(body: &[u8]) -> Result<Vec<u8>, String> {
    let mut octets = Vec::new();
    let mut rest = body;
    while let Some((&octet, after)) = rest.split_first() {
        rest = after;
        match octet {
            b'=' if rest.starts_with(b"\r\n") => rest = &rest[2..],
            b'=' => {
                let digits = rest.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
                let octet = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
                octets.push(octet.ok_or("`=` without digits")?);
                rest = &rest[2..];
            }
            128.. => return Err("8-bit octets in quoted-printable".into()),
            _ => octets.push(octet),
        }
    }
    Ok(octets)
}

/// The text with one CRLF for each CR CR LF, CRLF, CR and LF, and one at the end.
fn normal(text: &[u8]) -> Vec<u8> {
    let mut lines = Vec::new();
    let mut rest = text;
    while let Some(&octet) = rest.first() {
        let end = [&b"\r\r\n"[..], b"\r\n", b"\r", b"\n"]
            .into_iter()
            .find(|end| rest.starts_with(end));
        if let Some(end) = end {
            lines.extend_from_slice(b"\r\n");
            rest = &rest[end.len()..];
        } else {
            lines.push(octet);
            rest = &rest[1..];
        }
    }
    if !lines.is_empty() && !lines.ends_with(b"\n") {
        lines.extend_from_slice(b"\r\n");
    }
    lines
}

#[test]
fn no_server_makes_a_session_panic_hang_or_lie() {
    let first: u64 = std::env::var("SDS_SMTP_SEED").map_or(1, |seed| seed.parse().expect("SDS_SMTP_SEED is a number"));
    let mut outcomes = Vec::new();
    let mut phases = Vec::new();
    for seed in first..first.saturating_add(RUNS) {
        let result = std::panic::catch_unwind(|| converse(seed)).unwrap_or_else(|_| Err("panic".into()));
        let end = result.unwrap_or_else(|message| panic!("SDS_SMTP_SEED={seed}: {message}"));
        outcomes.push(end.outcome);
        phases.push(end.phase);
    }
    // The servers lead everywhere: none of the assertions above is idle.
    for outcome in [Outcome::Sent, Outcome::NotSent, Outcome::Unknown] {
        let count = outcomes.iter().filter(|seen| **seen == outcome).count();
        println!("{outcome:?}: {count}");
        assert!(count > 100, "{outcome:?} only {count} times");
    }
    for phase in [
        Phase::Greeting,
        Phase::Hello,
        Phase::Auth,
        Phase::Mail,
        Phase::Rcpt,
        Phase::Data,
        Phase::Text,
        Phase::End,
    ] {
        let count = phases.iter().filter(|seen| **seen == phase).count();
        println!("{phase:?}: {count}");
        assert!(count > 20, "{phase:?} only {count} times");
    }
}
