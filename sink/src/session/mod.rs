//! One session with one client (RFC 5321 section 3): what may be said when, and what it is answered.

mod channel;
mod envelope;
mod login;

use std::io::{self, Read};
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::Duration;

use crate::sink::Sink;
use crate::transcript::masked;
use channel::LineEnd;
use envelope::Envelope;

/// A text line, CR LF included (RFC 5321 4.5.3.1.6); commands are allowed as much, for the parameters of extensions.
const LINE_LIMIT: usize = 1000;
/// A line of an AUTH exchange (RFC 4954 section 4).
const AUTH_LINE_LIMIT: usize = 12_288;

/// What is known of it.
pub struct Session<'a> {
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
    /// A session that has not begun.
    #[must_use]
    pub fn new(sink: &'a Sink, stream: TcpStream) -> Self {
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

    /// Holds it to its end.
    ///
    /// # Errors
    ///
    /// The client went away.
    pub fn run(mut self) -> io::Result<()> {
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
        // RFC 2920 section 3.1: only these, known or not, may be followed by something else in the same group.
        let groups = ["MAIL", "RCPT", "RSET", "SEND", "SOML", "SAML"].contains(&verb.as_str())
            || (verb == "BDAT" && self.sink.options.chunking);
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
            ("BDAT", _) if self.sink.options.chunking => self.bdat(argument)?,
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
                ("CHUNKING", options.chunking),
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
}
