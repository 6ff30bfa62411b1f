//! An SMTP server (RFC 5321) that takes mail and keeps it: for tests, for benchmarks and for `make demo`.
//!
//! It is strict where a client could be wrong without anybody noticing: it refuses what real servers refuse somewhere
//! (bare CR or LF, a space after `MAIL FROM:`, over-long lines, 8-bit text that was not announced) and hangs up on a
//! client that talks out of turn. One thread a session; every buffer is bounded. `--help` lists the options.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// A text line, CR LF included (RFC 5321 4.5.3.1.6); commands are allowed as much, for the parameters of extensions.
const LINE_LIMIT: usize = 1000;
/// A line of an AUTH exchange (RFC 4954 section 4).
const AUTH_LINE_LIMIT: usize = 12_288;
/// Mail size when `--size` names no other.
const SIZE_LIMIT: usize = 32 << 20;
/// What a server must take at least (RFC 5321 4.5.3.1.8).
const RECIPIENT_LIMIT: usize = 100;
/// One read of the socket: with it, the longest pipelined group that is answered in one write.
const READ_SIZE: usize = 16 << 10;
const SESSION_LIMIT: usize = 2048;
const SESSION_STACK: usize = 128 << 10;
const LOGIN_TRIES: u32 = 3;

const HELP: &str = "mail_sink: an SMTP server that keeps the mail it gets
  --address IP         where to listen (127.0.0.1)
  --port N             0: any free port (0)
  --port-file FILE     written, atomically, once the port is open
  --user U --password P  offer AUTH PLAIN LOGIN, and take no mail without it
  --no-pipelining      do not offer PIPELINING
  --no-8bitmime        do not offer 8BITMIME
  --size N             offer SIZE N and hold mails to it (33554432)
  --greeting-delay MS  wait so long before the greeting, and refuse who talks meanwhile (0)
  --reply 'CMD=CODE TEXT'  answer GREETING, EHLO, HELO, AUTH, MAIL, RCPT, DATA, END, RSET or QUIT so;
                       repeatable; a line break in TEXT makes the reply multi-line; 421 also hangs up
  --out DIR            keep each mail as DIR/0001.eml, ...
  --mails N            exit 0 after N mails, when the last session has ended
  --seconds N          exit 1 after so long (60)
  --transcript         print the dialogue, credentials masked
  --turns              at the end print 'turns N mails M': how often clients had to wait for an answer
                       (one for each write of the server; the goodbye alone, which nobody waits for, is not counted)";

struct Options {
    address: SocketAddr,
    port_file: Option<PathBuf>,
    login: Option<(String, String)>,
    pipelining: bool,
    eight_bit_mime: bool,
    size: usize,
    greeting_delay: Duration,
    replies: HashMap<String, (u16, String)>,
    out: Option<PathBuf>,
    mails: Option<u64>,
    seconds: u64,
    transcript: bool,
    turns: bool,
}

fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options {
        address: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0),
        port_file: None,
        login: None,
        pipelining: true,
        eight_bit_mime: true,
        size: SIZE_LIMIT,
        greeting_delay: Duration::ZERO,
        replies: HashMap::new(),
        out: None,
        mails: None,
        seconds: 60,
        transcript: false,
        turns: false,
    };
    let (mut user, mut password) = (None, None);
    while let Some(name) = arguments.next() {
        let mut value = || arguments.next().ok_or_else(|| format!("{name} needs a value"));
        match name.as_str() {
            "--address" => options.address.set_ip(number(&name, &value()?)?),
            "--port" => options.address.set_port(number(&name, &value()?)?),
            "--port-file" => options.port_file = Some(value()?.into()),
            "--user" => user = Some(value()?),
            "--password" => password = Some(value()?),
            "--no-pipelining" => options.pipelining = false,
            "--no-8bitmime" => options.eight_bit_mime = false,
            "--size" => options.size = number(&name, &value()?)?,
            "--greeting-delay" => options.greeting_delay = Duration::from_millis(number(&name, &value()?)?),
            "--reply" => {
                let (command, code, text) = parse_reply(&value()?)?;
                options.replies.insert(command, (code, text));
            }
            "--out" => options.out = Some(value()?.into()),
            "--mails" => options.mails = Some(number(&name, &value()?)?),
            "--seconds" => options.seconds = number(&name, &value()?)?,
            "--transcript" => options.transcript = true,
            "--turns" => options.turns = true,
            _ => return Err(format!("unknown option {name}; --help lists them")),
        }
    }
    options.login = match (user, password) {
        (Some(user), Some(password)) => Some((user, password)),
        (None, None) => None,
        _ => return Err("--user and --password belong together".to_owned()),
    };
    Ok(options)
}

fn number<T: std::str::FromStr>(name: &str, value: &str) -> Result<T, String> {
    value.parse().map_err(|_| format!("{name} {value}: not a proper value"))
}

fn parse_reply(value: &str) -> Result<(String, u16, String), String> {
    const COMMANDS: [&str; 10] = [
        "GREETING", "EHLO", "HELO", "AUTH", "MAIL", "RCPT", "DATA", "END", "RSET", "QUIT",
    ];
    let parts = value.split_once('=').and_then(|(command, reply)| {
        let (code, text) = reply.split_once(' ').unwrap_or((reply, ""));
        let code: u16 = code.parse().ok().filter(|code| (200..600).contains(code))?;
        COMMANDS
            .contains(&command)
            .then(|| (command.to_owned(), code, text.to_owned()))
    });
    parts.ok_or_else(|| format!("--reply {value}: want CMD=CODE TEXT, CMD one of {COMMANDS:?}"))
}

#[derive(Default)]
struct Tally {
    sessions: usize,
    mails: u64,
    turns: u64,
}

struct Sink {
    options: Options,
    tally: Mutex<Tally>,
    session_ended: Condvar,
}

impl Sink {
    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The accept loop; it ends with the process.
    fn serve(self: Arc<Self>, listener: &TcpListener) {
        loop {
            let Ok((mut stream, _)) = listener.accept() else {
                // Out of descriptors, most likely: sessions will give some back.
                thread::sleep(Duration::from_millis(10));
                continue;
            };
            self.tally().sessions += 1;
            if self.tally().sessions > SESSION_LIMIT {
                let _ = stream.write_all(b"421 4.3.2 Too many sessions\r\n");
                self.ended();
                continue;
            }
            let sink = Arc::clone(&self);
            let session = move || {
                // An error here is the client's going away: it concerns this session only.
                let _ = Session::new(&sink, stream).run();
                sink.ended();
            };
            if let Err(error) = thread::Builder::new().stack_size(SESSION_STACK).spawn(session) {
                eprintln!("mail_sink: no thread for a session: {error}");
                self.ended();
            }
        }
    }

    fn ended(&self) {
        self.tally().sessions -= 1;
        self.session_ended.notify_all();
    }

    /// Waits for the mails that were asked for and says whether they came in time.
    fn wait(&self) -> bool {
        let wanted = self.options.mails.unwrap_or(u64::MAX);
        let waiting = |tally: &mut Tally| tally.mails < wanted || tally.sessions > 0;
        let limit = Duration::from_secs(self.options.seconds);
        let waited = self.session_ended.wait_timeout_while(self.tally(), limit, waiting);
        let (tally, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        if self.options.turns {
            println!("turns {} mails {}", tally.turns, tally.mails);
        }
        if timeout.timed_out() {
            let (seconds, mails, sessions) = (self.options.seconds, tally.mails, tally.sessions);
            eprintln!("mail_sink: {seconds} s have passed: {mails} mails, {sessions} sessions still open");
        }
        !timeout.timed_out()
    }

    /// Keeps an accepted mail; the answer's text names it.
    fn keep(&self, text: &[u8]) -> io::Result<u64> {
        let mut tally = self.tally();
        let name = tally.mails + 1;
        if let Some(folder) = &self.options.out {
            write_whole(&folder.join(format!("{name:04}.eml")), text)?;
        }
        tally.mails = name;
        Ok(name)
    }

    fn print(&self, side: &str, line: &str) {
        if self.options.transcript {
            let unsafe_for_terminals = |c: char| c.is_control() && c != '\t';
            let clean = line.replace(unsafe_for_terminals, "\u{fffd}");
            // A reader that went away is no reason to fail the mail.
            let _ = writeln!(io::stdout().lock(), "{side}: {clean}");
        }
    }
}

/// A reader of `path` sees the whole content or no file.
fn write_whole(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(".part");
    std::fs::write(&unfinished, content)?;
    std::fs::rename(&unfinished, path)
}

#[derive(PartialEq)]
enum LineEnd {
    CrLf,
    /// An LF without CR before it, or a CR elsewhere in the line.
    Bare,
    TooLong,
}

/// Why a text is refused.
type Fault = (u16, &'static str);

struct Envelope {
    eight_bit: bool,
    recipients: usize,
}

struct Session<'a> {
    sink: &'a Sink,
    stream: TcpStream,
    input: Vec<u8>,
    /// How much of `input` is used up.
    used: usize,
    line: Vec<u8>,
    /// Replies that wait for the moment when the session needs more input: a pipelined group is answered in one write.
    output: Vec<u8>,
    /// Somebody waits for what is in `output`.
    awaited: bool,
    /// The last reply was the last.
    over: bool,
    refused: bool,
    said_hello: bool,
    /// As announced in the answer to the last EHLO.
    pipelining: bool,
    logged_in: bool,
    failed_logins: u32,
    envelope: Option<Envelope>,
}

impl<'a> Session<'a> {
    fn new(sink: &'a Sink, stream: TcpStream) -> Self {
        Session {
            sink,
            stream,
            input: Vec::new(),
            used: 0,
            line: Vec::new(),
            output: Vec::new(),
            awaited: false,
            over: false,
            refused: false,
            said_hello: false,
            pipelining: false,
            logged_in: false,
            failed_logins: 0,
            envelope: None,
        }
    }

    fn run(mut self) -> io::Result<()> {
        self.stream.set_nodelay(true)?;
        if self.spoke_first()? {
            self.reply(554, "5.5.0 You spoke before the greeting");
        } else {
            self.refused = self.answer("GREETING", 220, "mail-sink.example ESMTP ready") != 220;
            while !self.over {
                self.command()?;
            }
        }
        self.flush()?;
        self.stream.shutdown(Shutdown::Write)?;
        // What the client still sends is read away for a moment, or else the system would answer it with a reset, which
        // destroys replies that the client has not read yet.
        self.stream.set_read_timeout(Some(Duration::from_millis(500)))?;
        io::copy(&mut (&self.stream).take(1 << 20), &mut io::sink()).map(drop)
    }

    fn spoke_first(&self) -> io::Result<bool> {
        thread::sleep(self.sink.options.greeting_delay);
        self.stream.set_nonblocking(true)?;
        let early = matches!(self.stream.peek(&mut [0]), Ok(1));
        self.stream.set_nonblocking(false)?;
        Ok(early)
    }

    /// Reads and carries out one command.
    fn command(&mut self) -> io::Result<()> {
        let mut end = self.read_line(AUTH_LINE_LIMIT)?;
        let line = String::from_utf8_lossy(&self.line).into_owned();
        let (verb, argument) = line.split_once(' ').unwrap_or((&line, ""));
        let verb = verb.to_ascii_uppercase();
        self.sink.print("C", &masked(&verb, argument, &line));
        // RFC 2920 section 3.1: only these may be followed by something else in the same group.
        let groups = ["MAIL", "RCPT", "RSET"].contains(&verb.as_str());
        if self.used < self.input.len() && !(self.pipelining && groups) {
            self.over = true;
            self.reply(554, "5.5.0 Synchronization error: you did not wait");
            return Ok(());
        }
        if verb != "AUTH" && self.line.len() + 2 > LINE_LIMIT {
            end = LineEnd::TooLong;
        }
        let printable = self.line.iter().all(|byte| (b' '..=b'~').contains(byte));
        match (verb.as_str(), argument) {
            _ if end == LineEnd::TooLong => self.reply(500, "5.5.2 Line too long"),
            _ if end == LineEnd::Bare => self.reply(500, "5.5.2 Bare CR or LF"),
            _ if !printable => self.reply(500, "5.5.2 Only printable ASCII here"),
            ("QUIT", "") => {
                self.over = true;
                self.answer("QUIT", 221, "2.0.0 Bye");
            }
            _ if self.refused => self.reply(503, "5.5.1 Only QUIT now"),
            ("EHLO" | "HELO", "") => self.reply(501, "5.5.4 Who are you?"),
            ("EHLO" | "HELO", _) => self.hello(&verb),
            ("AUTH", _) => self.auth(argument)?,
            ("MAIL", _) => self.mail(argument),
            ("RCPT", _) => self.rcpt(argument),
            ("DATA", "") => self.data()?,
            ("RSET", "") => {
                self.envelope = None;
                self.answer("RSET", 250, "2.0.0 Ok");
            }
            ("NOOP", _) => self.reply(250, "2.0.0 Ok"),
            ("DATA" | "RSET" | "QUIT", _) => self.reply(501, "5.5.4 No parameters here"),
            _ => self.reply(500, "5.5.2 Command not known"),
        }
        Ok(())
    }

    fn hello(&mut self, verb: &str) {
        let options = &self.sink.options;
        let mut text = "mail-sink.example greets you".to_owned();
        if verb == "EHLO" {
            for (keyword, offered) in [
                ("PIPELINING", options.pipelining),
                ("8BITMIME", options.eight_bit_mime),
                (&*format!("SIZE {}", options.size), true),
                ("AUTH PLAIN LOGIN", options.login.is_some()),
                ("ENHANCEDSTATUSCODES", true),
            ] {
                if offered {
                    text.push('\n');
                    text.push_str(keyword);
                }
            }
        }
        let start = self.output.len();
        let code = self.answer(verb, 250, &text);
        if code < 300 {
            let sent = String::from_utf8_lossy(&self.output[start..]);
            self.pipelining = sent.lines().any(|line| line.get(4..) == Some("PIPELINING"));
            self.said_hello = true;
            self.envelope = None;
        }
    }

    /// RFC 4954, with PLAIN (RFC 4616) and LOGIN.
    fn auth(&mut self, argument: &str) -> io::Result<()> {
        let sink = self.sink;
        let Some((user, password)) = &sink.options.login else {
            self.reply(502, "5.5.1 AUTH is not offered");
            return Ok(());
        };
        if !self.said_hello || self.logged_in || self.envelope.is_some() {
            self.reply(503, "5.5.1 AUTH is out of place here");
            return Ok(());
        }
        if sink.options.replies.contains_key("AUTH") {
            self.logged_in = self.answer("AUTH", 235, "") == 235;
            return Ok(());
        }
        let (mechanism, initial) = match argument.split_once(' ') {
            Some((mechanism, initial)) => (mechanism, Some(initial.as_bytes().to_vec())),
            None => (argument, None),
        };
        let (given_user, given_password) = match mechanism.to_ascii_uppercase().as_str() {
            "PLAIN" => {
                let Some(message) = self.response(initial, "")? else {
                    return Ok(());
                };
                let fields: Vec<&[u8]> = message.split(|byte| *byte == 0).collect();
                match fields[..] {
                    [authzid, name, secret] if authzid.is_empty() || authzid == name => {
                        (name.to_vec(), secret.to_vec())
                    }
                    _ => {
                        self.reply(501, "5.5.2 Not a PLAIN message");
                        return Ok(());
                    }
                }
            }
            "LOGIN" => {
                let Some(name) = self.response(initial, "VXNlcm5hbWU6")? else {
                    return Ok(());
                };
                let Some(secret) = self.response(None, "UGFzc3dvcmQ6")? else {
                    return Ok(());
                };
                (name, secret)
            }
            _ => {
                self.reply(504, "5.5.4 No such mechanism");
                return Ok(());
            }
        };
        self.logged_in = given_user == user.as_bytes() && given_password == password.as_bytes();
        self.failed_logins += u32::from(!self.logged_in);
        if self.logged_in {
            self.reply(235, "2.7.0 Welcome");
        } else if self.failed_logins < LOGIN_TRIES {
            self.reply(535, "5.7.8 Login refused");
        } else {
            self.reply(421, "4.7.0 Too many refused logins");
        }
        Ok(())
    }

    /// The client's response to a challenge, decoded; `None` when it had to be refused, which is then answered already.
    fn response(&mut self, given: Option<Vec<u8>>, challenge: &str) -> io::Result<Option<Vec<u8>>> {
        let encoded = match given {
            Some(empty) if empty == b"=" => Vec::new(),
            Some(initial) => initial,
            None => {
                self.reply(334, challenge);
                let end = self.read_line(AUTH_LINE_LIMIT)?;
                let shown = if self.line == b"*" { "*" } else { "****" };
                self.sink.print("C", shown);
                if end != LineEnd::CrLf || self.used < self.input.len() {
                    self.reply(500, "5.5.6 Not a proper line");
                    return Ok(None);
                }
                std::mem::take(&mut self.line)
            }
        };
        let decoded = base64(&encoded);
        match decoded {
            None if encoded == b"*" => self.reply(501, "5.7.0 Cancelled"),
            None => self.reply(501, "5.5.2 Not base64"),
            Some(_) => {}
        }
        Ok(decoded)
    }

    fn mail(&mut self, argument: &str) {
        let options = &self.sink.options;
        if !self.said_hello || self.envelope.is_some() {
            return self.reply(503, "5.5.1 MAIL is out of place here");
        }
        if options.login.is_some() && !self.logged_in {
            return self.reply(530, "5.7.0 Authentication required");
        }
        let Some((address, parameters)) = path(argument, "FROM:") else {
            return self.reply(501, "5.5.4 Want MAIL FROM:<address>");
        };
        if !address.is_empty() && !is_mailbox(address) {
            return self.reply(501, "5.1.7 Not an address");
        }
        let mut eight_bit = false;
        for parameter in parameters {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let value = value.to_ascii_uppercase();
            match (name.to_ascii_uppercase().as_str(), value.as_str()) {
                ("BODY", "7BIT") if options.eight_bit_mime => {}
                ("BODY", "8BITMIME") if options.eight_bit_mime => eight_bit = true,
                ("SIZE", size) if is_number(size) => {
                    // More digits than fit are more bytes than fit.
                    if options.size != 0 && size.parse().unwrap_or(usize::MAX) > options.size {
                        return self.reply(552, "5.3.4 Too large");
                    }
                }
                ("AUTH", _) if options.login.is_some() && !value.is_empty() => {}
                _ => return self.reply(555, "5.5.4 Parameter not known"),
            }
        }
        if self.answer("MAIL", 250, "2.1.0 Ok") < 300 {
            let recipients = 0;
            self.envelope = Some(Envelope { eight_bit, recipients });
        }
    }

    fn rcpt(&mut self, argument: &str) {
        let Some(recipients) = self.envelope.as_ref().map(|envelope| envelope.recipients) else {
            return self.reply(503, "5.5.1 RCPT is out of place here");
        };
        let Some((address, parameters)) = path(argument, "TO:") else {
            return self.reply(501, "5.5.4 Want RCPT TO:<address>");
        };
        if !is_mailbox(address) && !address.eq_ignore_ascii_case("postmaster") {
            return self.reply(501, "5.1.3 Not an address");
        }
        if !parameters.is_empty() {
            return self.reply(555, "5.5.4 Parameter not known");
        }
        if recipients >= RECIPIENT_LIMIT {
            return self.reply(452, "4.5.3 Too many recipients");
        }
        let taken = usize::from(self.answer("RCPT", 250, "2.1.5 Ok") < 300);
        self.envelope
            .iter_mut()
            .for_each(|envelope| envelope.recipients += taken);
    }

    fn data(&mut self) -> io::Result<()> {
        let Some(envelope) = self.envelope.take() else {
            self.reply(503, "5.5.1 DATA is out of place here");
            return Ok(());
        };
        let options = &self.sink.options;
        // RFC 2920 section 3.1: a server may say 354 although it refused every recipient; `--reply` can ask for that.
        if envelope.recipients == 0 && !options.replies.contains_key("DATA") {
            self.reply(554, "5.5.1 No valid recipients");
        } else if self.answer("DATA", 354, "End with a dot on a line of its own") == 354 {
            let text = self.text(envelope.eight_bit)?;
            let ordered = options.replies.get("END").is_some_and(|(code, _)| *code >= 300);
            match text {
                Err((code, fault)) => self.reply(code, fault),
                Ok(_) if envelope.recipients == 0 => self.reply(554, "5.5.1 No valid recipients"),
                Ok(text) => {
                    let kept = if ordered { Ok(0) } else { self.sink.keep(&text) };
                    match kept {
                        Ok(name) => {
                            self.answer("END", 250, &format!("2.0.0 Kept as {name:04}"));
                        }
                        Err(error) => self.reply(451, &format!("4.3.0 Not kept: {}", error.kind())),
                    }
                }
            }
            return Ok(());
        }
        self.envelope = Some(envelope);
        Ok(())
    }

    /// The text with its dots unstuffed (RFC 5321 4.5.2), or what is wrong with it.
    fn text(&mut self, eight_bit: bool) -> io::Result<Result<Vec<u8>, Fault>> {
        const BARE: Fault = (554, "5.6.0 Bare CR or LF in the text");
        let size = self.sink.options.size;
        let limit = if size == 0 { SIZE_LIMIT } else { size };
        let mut text = Ok(Vec::new());
        loop {
            let end = self.read_line(LINE_LIMIT)?;
            self.sink.print("C", &String::from_utf8_lossy(&self.line));
            let dot = self.line == b".";
            if dot && end == LineEnd::CrLf {
                return Ok(text);
            }
            // A dot on a line with a bare LF ends the text for some servers and not for others: what follows is text to
            // one and commands to another, so nothing of it is read.
            if dot && end == LineEnd::Bare {
                self.over = true;
                return Ok(text.and(Err(BARE)));
            }
            let line = self.line.strip_prefix(b".").unwrap_or(&self.line);
            text = text.and_then(|mut text| match end {
                LineEnd::TooLong => Err((554, "5.6.0 Line too long")),
                LineEnd::Bare => Err(BARE),
                _ if line.contains(&0) => Err((554, "5.6.0 NUL in the text")),
                _ if !eight_bit && !line.is_ascii() => Err((554, "5.6.1 8-bit text without BODY=8BITMIME")),
                _ if text.len() + line.len() + 2 > limit => Err((552, "5.3.4 Too large")),
                _ => {
                    text.extend_from_slice(line);
                    text.extend_from_slice(b"\r\n");
                    Ok(text)
                }
            });
        }
    }

    /// Replies as `--reply` says for this command, or else with what is given here. Returns the code that went out.
    fn answer(&mut self, command: &str, code: u16, text: &str) -> u16 {
        let (code, text) = match self.sink.options.replies.get(command) {
            Some((code, text)) => (*code, text.as_str()),
            None => (code, text),
        };
        self.reply(code, text);
        code
    }

    fn reply(&mut self, code: u16, text: &str) {
        let lines: Vec<&str> = text.split('\n').collect();
        for (index, line) in lines.iter().enumerate() {
            let separator = if index + 1 < lines.len() { '-' } else { ' ' };
            self.output
                .extend_from_slice(format!("{code}{separator}{line}\r\n").as_bytes());
        }
        self.awaited |= code != 221;
        self.over |= code == 421;
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.output.is_empty() {
            return Ok(());
        }
        if self.sink.options.transcript {
            String::from_utf8_lossy(&self.output)
                .lines()
                .for_each(|line| self.sink.print("S", line));
        }
        self.sink.tally().turns += u64::from(self.awaited);
        self.awaited = false;
        let written = self.stream.write_all(&self.output);
        self.output.clear();
        written
    }

    /// Reads one line into `self.line`, without its end, of which at most `limit` bytes are kept.
    fn read_line(&mut self, limit: usize) -> io::Result<LineEnd> {
        let mut length = 0;
        self.line.clear();
        loop {
            let rest = &self.input[self.used..];
            let found = rest.iter().position(|byte| *byte == b'\n').map(|at| at + 1);
            let part = &rest[..found.unwrap_or(rest.len())];
            length += part.len();
            self.line
                .extend_from_slice(&part[..part.len().min(limit - self.line.len())]);
            self.used += part.len();
            if found.is_some() {
                break;
            }
            self.flush()?;
            self.input.resize(READ_SIZE, 0);
            let count = self.stream.read(&mut self.input)?;
            self.input.truncate(count);
            self.used = 0;
            if count == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        if length > limit {
            return Ok(LineEnd::TooLong);
        }
        self.line.pop();
        let whole = self.line.ends_with(b"\r");
        self.line.truncate(self.line.len() - usize::from(whole));
        Ok(if whole && !self.line.contains(&b'\r') {
            LineEnd::CrLf
        } else {
            LineEnd::Bare
        })
    }
}

/// A command as the transcript may show it: no credentials, not even those that come as the answer to a question that
/// was never asked, and so look like an unknown command.
fn masked(verb: &str, argument: &str, line: &str) -> String {
    let mechanism = argument.split(' ').next().unwrap_or_default();
    match verb {
        "EHLO" | "HELO" | "MAIL" | "RCPT" | "DATA" | "RSET" | "NOOP" | "QUIT" | "STARTTLS" => line.to_owned(),
        "AUTH" if !mechanism.eq_ignore_ascii_case("PLAIN") && !mechanism.eq_ignore_ascii_case("LOGIN") => {
            "AUTH ****".to_owned()
        }
        "AUTH" if mechanism.len() < argument.len() => format!("AUTH {mechanism} ****"),
        "AUTH" => line.to_owned(),
        _ => "****".to_owned(),
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Splits `FROM:<address> PARAMETER ...` (RFC 5321 4.1.2); the grammar has no space before `<`.
fn path<'a>(argument: &'a str, keyword: &str) -> Option<(&'a str, Vec<&'a str>)> {
    let (start, rest) = argument.split_at_checked(keyword.len())?;
    let rest = rest.strip_prefix('<').filter(|_| start.eq_ignore_ascii_case(keyword))?;
    let (mut quoted, mut escaped) = (false, false);
    let end = rest.find(|c| {
        let plain = !std::mem::take(&mut escaped);
        escaped = plain && quoted && c == '\\';
        quoted ^= plain && c == '"';
        !quoted && c == '>'
    })?;
    let parameters: Vec<&str> = match &rest[end + 1..] {
        "" => Vec::new(),
        more => more.strip_prefix(' ')?.split(' ').collect(),
    };
    (!parameters.contains(&"")).then_some((&rest[..end], parameters))
}

/// RFC 5321 4.1.2 and the lengths of 4.5.3.1.
fn is_mailbox(address: &str) -> bool {
    let Some((local, domain)) = address.rsplit_once('@') else {
        return false;
    };
    let atom = |text: &str| {
        !text.is_empty()
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte))
    };
    let quoted = local.len() > 1 && local.starts_with('"') && local.ends_with('"');
    let literal = domain.starts_with('[') && domain.ends_with(']');
    let label = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    (quoted || local.split('.').all(atom))
        && (literal || domain.split('.').all(label))
        && (1..=64).contains(&local.len())
        && address.len() <= 254
}

/// RFC 4648 section 4, padding required.
fn base64(text: &[u8]) -> Option<Vec<u8>> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let body = text.strip_suffix(b"==").or(text.strip_suffix(b"=")).unwrap_or(text);
    if !text.chunks_exact(4).remainder().is_empty() {
        return None;
    }
    let (mut bits, mut count, mut decoded) = (0_u32, 0, Vec::new());
    for byte in body {
        let value = ALPHABET.iter().position(|letter| letter == byte)?;
        bits = (bits << 6) | u32::try_from(value).ok()?;
        count += 6;
        if count >= 8 {
            count -= 8;
            decoded.push(u8::try_from((bits >> count) & 0xff).ok()?);
        }
    }
    Some(decoded)
}

fn open(options: Options) -> io::Result<(Arc<Sink>, TcpListener)> {
    if let Some(folder) = &options.out {
        std::fs::create_dir_all(folder)?;
    }
    let listener = TcpListener::bind(options.address)?;
    let address = listener.local_addr()?;
    eprintln!("mail_sink: listening on {address}");
    if let Some(file) = &options.port_file {
        write_whole(file, format!("{}\n", address.port()).as_bytes())?;
    }
    Ok((
        Arc::new(Sink {
            options,
            tally: Mutex::default(),
            session_ended: Condvar::new(),
        }),
        listener,
    ))
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == "--help") {
        println!("{HELP}");
        return ExitCode::SUCCESS;
    }
    let opened = parse(arguments.into_iter()).and_then(|options| open(options).map_err(|error| error.to_string()));
    match opened {
        Ok((sink, listener)) => {
            let serving = Arc::clone(&sink);
            thread::spawn(move || serving.serve(&listener));
            ExitCode::from(u8::from(!sink.wait()))
        }
        Err(message) => {
            eprintln!("mail_sink: {message}");
            ExitCode::from(2)
        }
    }
}
