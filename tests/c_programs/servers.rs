//! The servers that the programs talk to: the mail sink of sink/, and a scripted one inside the test.

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::building::scratch;
use super::running::{PATIENCE, finish};

/// The program mail_sink, built now where it is not. Cargo tells where it puts it.
pub fn mail_sink() -> PathBuf {
    static SINK: OnceLock<PathBuf> = OnceLock::new();
    let build = || {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.current_dir(env!("CARGO_MANIFEST_DIR")).args([
            "build",
            "--package=mail-sink",
            "--message-format=json-render-diagnostics",
        ]);
        let messages = finish(&mut cargo, PATIENCE).must_give(0).output;
        let (_, sink) = messages.split_once("\"executable\":\"").expect("a program");
        sink.split('"').next().map(PathBuf::from).expect("its path")
    };
    SINK.get_or_init(build).clone()
}

/// The embedded mail sink as a process of its own.
pub struct Sink {
    pub process: std::process::Child,
    pub port: String,
    pub directory: PathBuf,
}

impl Sink {
    pub fn start(name: &str, options: &[&str]) -> Self {
        let directory = scratch(name);
        let port_file = directory.join("port");
        let process = Command::new(mail_sink())
            .args(["--port", "0", "--seconds", "170", "--port-file"])
            .arg(&port_file)
            .arg("--out")
            .arg(directory.join("mails"))
            .args(options)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(directory.join("messages")).expect("a file can be made"))
            .spawn()
            .expect("the mail sink can be started");
        let mut sink = Self {
            process,
            port: String::new(),
            directory,
        };
        let begin = Instant::now();
        while sink.port.is_empty() {
            sink.port = fs::read_to_string(&port_file).unwrap_or_default().trim().to_owned();
            assert!(
                begin.elapsed() < Duration::from_secs(20),
                "the mail sink does not listen"
            );
            thread::sleep(Duration::from_millis(10));
        }
        sink
    }

    /// The mails as they arrived, in order.
    pub fn mails(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.directory.join("mails")) else {
            return Vec::new();
        };
        let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
        paths.sort();
        let read = |path: &PathBuf| String::from_utf8_lossy(&fs::read(path).expect("a mail")).into_owned();
        paths
            .iter()
            .filter(|path| path.extension() == Some(OsStr::new("eml")))
            .map(read)
            .collect()
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// How the server inside this test behaves. It offers AUTH and no PIPELINING.
#[derive(Clone, Copy, Default)]
pub struct Manners {
    /// Accepts connections and never says a word.
    pub silent: bool,
    /// Before each reply.
    pub delay: Duration,
    /// Refuses each login with this reply code and repeats what it was sent, as some servers do.
    pub login_refusal: Option<u16>,
    /// Repeats the password in each later reply, as it came and decoded.
    pub repeats_login: bool,
    /// Refuses the end of the first so many mails with 451.
    pub refused_mails: usize,
    /// Closes the connection instead of answering the end of the first so many mails.
    pub dropped_mails: usize,
    /// It takes two recipients at a time, and offers PIPELINING.
    pub few_recipients: bool,
}

#[derive(Default)]
pub struct Seen {
    pub connections: AtomicUsize,
    pub ends: AtomicUsize,
    pub accepted: Mutex<Vec<String>>,
    pub stop: AtomicBool,
}

/// A small scripted server, one thread a connection.
pub struct Server {
    pub port: String,
    pub seen: Arc<Seen>,
    pub listening: Option<JoinHandle<()>>,
}

impl Server {
    pub fn start(manners: Manners) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.set_nonblocking(true).expect("non-blocking");
        let port = listener.local_addr().expect("an address").port().to_string();
        let seen = Arc::new(Seen::default());
        let shared = Arc::clone(&seen);
        let listening = thread::spawn(move || {
            let mut conversations = Vec::new();
            while !shared.stop.load(Ordering::SeqCst) {
                match listener.accept() {
                    Ok((stream, _)) => {
                        shared.connections.fetch_add(1, Ordering::SeqCst);
                        let shared = Arc::clone(&shared);
                        conversations.push(thread::spawn(move || {
                            // An error here is a client that went away: it knows best why.
                            let _ = Conversation::new(stream, manners, &shared).and_then(|mut talk| talk.hold());
                        }));
                    }
                    Err(_) => thread::sleep(Duration::from_millis(2)),
                }
            }
            for conversation in conversations {
                conversation.join().expect("a conversation does not panic");
            }
        });
        Self {
            port,
            seen,
            listening: Some(listening),
        }
    }

    pub fn connections(&self) -> usize {
        self.seen.connections.load(Ordering::SeqCst)
    }

    /// The accepted mails, in order.
    pub fn mails(&self) -> Vec<String> {
        self.seen.accepted.lock().expect("no conversation panics").clone()
    }

    pub fn mails_with_subject(&self, subject: &str) -> usize {
        let line = format!("Subject: {subject}\r\n");
        self.mails().iter().filter(|mail| mail.contains(&line)).count()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.seen.stop.store(true, Ordering::SeqCst);
        if let Some(listening) = self.listening.take() {
            let _ = listening.join();
        }
    }
}

pub struct Conversation<'a> {
    reader: BufReader<TcpStream>,
    manners: Manners,
    seen: &'a Seen,
    /// The password, where it is to be repeated.
    repeated: Vec<String>,
}

/// The octets of base64 as text, with a blank for each control character; what is no base64 ends it.
fn decoded(base64: &str) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut text, mut bits, mut count) = (String::new(), 0u32, 0u32);
    for octet in base64.bytes() {
        let Some(value) = ALPHABET.iter().position(|letter| *letter == octet) else {
            break;
        };
        bits = bits << 6 | u32::try_from(value).expect("a value below 64");
        count += 6;
        if count >= 8 {
            count -= 8;
            let octet = u8::try_from(bits >> count & 0xFF).expect("eight bits");
            text.push(if octet.is_ascii_control() {
                ' '
            } else {
                char::from(octet)
            });
        }
    }
    text
}

impl<'a> Conversation<'a> {
    pub fn new(stream: TcpStream, manners: Manners, seen: &'a Seen) -> std::io::Result<Self> {
        stream.set_nonblocking(false)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_millis(50)))?;
        Ok(Self {
            reader: BufReader::new(stream),
            manners,
            seen,
            repeated: Vec::new(),
        })
    }

    pub fn say(&mut self, reply: &str) -> std::io::Result<()> {
        thread::sleep(self.manners.delay);
        self.reader.get_mut().write_all(format!("{reply}\r\n").as_bytes())
    }

    /// Says a reply; what is to be repeated stands on lines of their own before it, and behind it.
    pub fn reply(&mut self, reply: &str) -> std::io::Result<()> {
        let code = reply.split(' ').next().unwrap_or("");
        let repeated: Vec<_> = self.repeated.iter().map(|word| format!("{code}-{word}\r\n")).collect();
        let behind = self.repeated.join(" ");
        self.say(format!("{}{reply} {behind}", repeated.concat()).trim_end())
    }

    /// The next line without its end; None when the client or the test is gone.
    pub fn line(&mut self) -> Option<String> {
        let mut line = Vec::new();
        loop {
            match self.reader.read_until(b'\n', &mut line) {
                Ok(_) if line.ends_with(b"\r\n") => break,
                Ok(_) => return None,
                Err(_) if self.seen.stop.load(Ordering::SeqCst) => return None,
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(_) => return None,
            }
        }
        line.truncate(line.len() - 2);
        Some(String::from_utf8_lossy(&line).into_owned())
    }

    pub fn login(&mut self, line: &str) -> std::io::Result<()> {
        let mut sent = line.to_owned();
        let prompts: &[&str] = match line.split_whitespace().collect::<Vec<_>>()[..] {
            [_, "PLAIN"] => &[""],
            [_, "LOGIN"] => &["VXNlcm5hbWU6", "UGFzc3dvcmQ6"],
            _ => &[],
        };
        for prompt in prompts {
            self.say(&format!("334 {prompt}"))?;
            let Some(answer) = self.line() else { return Ok(()) };
            sent = format!("{sent} {answer}");
        }
        if self.manners.repeats_login {
            // The whole response, or the answer to the last prompt: the password stands at its end.
            let last = sent.split_whitespace().last().unwrap_or("");
            let password = decoded(last);
            let password = password.rsplit(' ').next().unwrap_or("");
            self.repeated = Vec::from([last.to_owned(), password.to_owned()]);
        }
        match self.manners.login_refusal {
            Some(code) => self.say(&format!("{code}-not accepted: {sent}\r\n{code} {sent}")),
            None => self.say(&format!("235 2.7.0 welcome {sent}")),
        }
    }

    pub fn text(&mut self) -> Option<String> {
        let mut text = String::new();
        loop {
            match self.line()?.as_str() {
                "." => return Some(text),
                line => {
                    text.push_str(line.strip_prefix('.').unwrap_or(line));
                    text.push_str("\r\n");
                }
            }
        }
    }

    pub fn hold(&mut self) -> std::io::Result<()> {
        if self.manners.silent {
            while self.line().is_some() {}
            return Ok(());
        }
        self.say("220 test server")?;
        while let Some(line) = self.line() {
            let command = line.split_whitespace().next().unwrap_or("").to_ascii_uppercase();
            match command.as_str() {
                "EHLO" if self.manners.few_recipients => {
                    self.say("250-test server\r\n250-LIMITS RCPTMAX=2\r\n250-PIPELINING\r\n250 8BITMIME")?;
                }
                "EHLO" => self.say("250-test server\r\n250-AUTH PLAIN LOGIN\r\n250 8BITMIME")?,
                "AUTH" => self.login(&line)?,
                "RCPT" if line.contains("<nobody@example.com>") => {
                    self.reply("550 5.1.1 nobody@example.com is unknown")?;
                }
                "MAIL" | "RCPT" | "RSET" | "NOOP" => self.reply("250 2.0.0 ok")?,
                "DATA" => {
                    self.reply("354 go on")?;
                    let Some(text) = self.text() else { return Ok(()) };
                    let before = self.seen.ends.fetch_add(1, Ordering::SeqCst);
                    if before < self.manners.dropped_mails {
                        return Ok(());
                    }
                    if before < self.manners.dropped_mails + self.manners.refused_mails {
                        self.reply("451 4.3.0 try again later")?;
                    } else {
                        self.seen.accepted.lock().expect("no conversation panics").push(text);
                        self.reply("250 2.0.0 taken")?;
                    }
                }
                "QUIT" => return self.reply("221 2.0.0 bye"),
                _ => self.say("502 5.5.2 unknown")?,
            }
        }
        Ok(())
    }
}
