//! A server that counts: how often it took each mail, by its Message-ID. Its conversations break off, are refused and fall silent
//! where their fates say.

use std::collections::HashMap;
use std::io::{BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::peer::system;

/// Where in a conversation something happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Greeting,
    Ehlo,
    Auth,
    Mail,
    Rcpt,
    Data,
    Text,
    End,
}

pub const STEPS: [Step; 8] = [
    Step::Greeting,
    Step::Ehlo,
    Step::Auth,
    Step::Mail,
    Step::Rcpt,
    Step::Data,
    Step::Text,
    Step::End,
];

/// What the server does at a step instead of accepting it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instead {
    /// It refuses with this code.
    Refuses(u16),
    /// It says nothing any more.
    FallsSilent,
}

/// What becomes of one conversation.
#[derive(Clone, Copy, Debug)]
pub struct Fate {
    /// The connection ends when so many octets were heard.
    pub heard: usize,
    /// The connection ends when so many octets were said.
    pub said: usize,
    /// It ends with a reset.
    pub reset: bool,
    /// What happens at a step,
    pub instead: Option<(Step, Instead)>,
    /// behind so many mails of the conversation.
    pub from_mail: usize,
    /// Whether a mail is taken that cannot be answered any more.
    pub takes_unanswered: bool,
    /// Whether PIPELINING is offered.
    pub pipelining: bool,
}

impl Fate {
    /// Nothing happens to it.
    pub const FAIR: Self = Self {
        heard: usize::MAX,
        said: usize::MAX,
        reset: false,
        instead: None,
        from_mail: 0,
        takes_unanswered: true,
        pipelining: false,
    };
}

/// What is known of one mail.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mail {
    /// How often it was taken.
    pub taken: usize,
    /// How often its end was heard.
    pub ended: usize,
    /// Its end was heard, and that was not refused: it must not come again.
    closed: bool,
}

/// What all servers of a test have seen.
#[derive(Default)]
pub struct Ledger {
    mails: Mutex<HashMap<String, Mail>>,
    ids: Mutex<HashMap<String, String>>,
    faults: Mutex<Vec<String>>,
    /// Conversations.
    pub connections: AtomicUsize,
    /// Conversations that were broken off.
    pub cuts: AtomicUsize,
    /// Refusals.
    pub refusals: AtomicUsize,
    /// Conversations that fell silent.
    pub silences: AtomicUsize,
}

impl Ledger {
    /// What is known of a mail.
    pub fn mail(&self, id: &str) -> Mail {
        self.mails.lock().unwrap().get(id).copied().unwrap_or_default()
    }

    /// All mails whose end was heard.
    pub fn mails(&self) -> Vec<(String, Mail)> {
        let mails = self.mails.lock().unwrap();
        mails.iter().map(|(id, mail)| (id.clone(), *mail)).collect()
    }

    /// What should not have happened.
    pub fn faults(&self) -> Vec<String> {
        self.faults.lock().unwrap().clone()
    }

    fn fault(&self, words: String) {
        self.faults.lock().unwrap().push(words);
    }

    /// A mail has begun to come: a mail of one subject has one Message-ID, however often it comes.
    fn identify(&self, text: &str) -> Option<String> {
        let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
        let (id, subject) = (field("Message-ID: ")?, field("Subject: ")?);
        let mut ids = self.ids.lock().unwrap();
        let known = ids.entry(subject.clone()).or_insert_with(|| id.clone());
        if *known != id {
            let words = format!("{subject:?} came as {known} and as {id}");
            drop(ids);
            self.fault(words);
        }
        Some(id)
    }

    /// The end of a mail was heard. `taken`: it is delivered. `closed`: it must not come again.
    fn end(&self, id: &str, taken: bool, closed: bool) {
        let mut mails = self.mails.lock().unwrap();
        let mail = mails.entry(id.to_owned()).or_default();
        if mail.closed {
            self.fault(format!("{id} came again, although its end was not refused"));
        }
        mail.ended += 1;
        mail.taken += usize::from(taken);
        mail.closed |= closed;
    }
}

/// Is told of every octet that a server heard or said.
pub type Watch = Arc<dyn Fn(usize) + Send + Sync>;

/// One conversation.
struct Conversation<'a> {
    stream: BufReader<TcpStream>,
    fate: Fate,
    ledger: &'a Ledger,
    watch: Option<&'a Watch>,
    /// Mails that have come.
    mails: usize,
}

/// The conversation has ended.
struct Over;

/// What is said to a mail that is taken. A refusal is as long.
const TAKEN: &str = "250 accepted";

impl Conversation<'_> {
    /// The next line, with its end.
    fn hear(&mut self) -> Result<String, Over> {
        let mut line = Vec::new();
        while !line.ends_with(b"\n") {
            if self.fate.heard == 0 {
                return Err(self.cut());
            }
            let mut octet = [0];
            self.stream.read_exact(&mut octet).map_err(|_| Over)?;
            self.fate.heard -= 1;
            self.tell(1);
            line.push(octet[0]);
        }
        Ok(String::from_utf8_lossy(&line).into_owned())
    }

    fn say(&mut self, reply: &str) -> Result<(), Over> {
        let octets = format!("{reply}\r\n").into_bytes();
        let whole = octets.len() <= self.fate.said;
        let octets = &octets[..octets.len().min(self.fate.said)];
        self.fate.said -= octets.len();
        let written = self.stream.get_mut().write_all(octets);
        self.tell(octets.len());
        match written {
            Ok(()) if whole => Ok(()),
            Ok(()) => Err(self.cut()),
            Err(_) => Err(Over),
        }
    }

    fn tell(&self, octets: usize) {
        if let Some(watch) = self.watch {
            watch(octets);
        }
    }

    fn cut(&self) -> Over {
        self.ledger.cuts.fetch_add(1, Ordering::Relaxed);
        if self.fate.reset {
            system::reset_when_closed(self.stream.get_ref());
        }
        Over
    }

    /// Accepts a step with this reply, unless something happens instead. Whether it is accepted.
    fn answer(&mut self, step: Step, reply: &str) -> Result<bool, Over> {
        match self.instead(step) {
            None => self.say(reply).map(|()| true),
            Some(Instead::Refuses(code)) => {
                self.ledger.refusals.fetch_add(1, Ordering::Relaxed);
                self.say(&format!("{code} refused"))?;
                if code == 421 { Err(Over) } else { Ok(false) }
            }
            Some(Instead::FallsSilent) => Err(self.fall_silent()),
        }
    }

    fn instead(&self, step: Step) -> Option<Instead> {
        self.fate
            .instead
            .filter(|(at, _)| *at == step && self.mails >= self.fate.from_mail)
            .map(|(_, instead)| instead)
    }

    /// Hears until the client closes.
    fn fall_silent(&mut self) -> Over {
        self.ledger.silences.fetch_add(1, Ordering::Relaxed);
        let _ = std::io::copy(&mut self.stream, &mut std::io::sink());
        Over
    }

    fn hold(&mut self) -> Result<(), Over> {
        if !self.answer(Step::Greeting, "220 counting.example ESMTP")? {
            return Ok(());
        }
        let (mut sender, mut recipients) = (false, 0);
        loop {
            let line = self.hear()?;
            match line.get(..4).unwrap_or_default() {
                "EHLO" => {
                    let pipelining = if self.fate.pipelining { "250-PIPELINING\r\n" } else { "" };
                    self.answer(
                        Step::Ehlo,
                        &format!("250-counting.example\r\n{pipelining}250 AUTH PLAIN"),
                    )?;
                }
                "AUTH" => drop(self.answer(Step::Auth, "235 welcome")?),
                "MAIL" => sender = self.answer(Step::Mail, "250 ok")?,
                "RCPT" if !sender => self.say("503 no sender")?,
                "RCPT" => recipients += usize::from(self.answer(Step::Rcpt, "250 ok")?),
                "DATA" if recipients == 0 => self.say("503 no recipient")?,
                "DATA" => {
                    if self.answer(Step::Data, "354 go on")? {
                        self.take()?;
                    }
                    (sender, recipients) = (false, 0);
                }
                "QUIT" => return self.say("221 bye"),
                _ => self.say("250 ok")?,
            }
        }
    }

    /// Hears a mail, and takes it.
    fn take(&mut self) -> Result<(), Over> {
        if self.instead(Step::Text).is_some() {
            self.hear()?;
            self.answer(Step::Text, "")?;
            return Err(Over);
        }
        let mut text = String::new();
        loop {
            match self.hear()?.as_str() {
                ".\r\n" => break,
                line => text.push_str(line),
            }
        }
        let Some(id) = self.ledger.identify(&text) else {
            self.ledger
                .fault(format!("a mail without Message-ID or subject:\n{text}"));
            return Err(Over);
        };
        let answered = TAKEN.len() + 2 <= self.fate.said;
        let (taken, closed) = match self.instead(Step::End) {
            None => (answered || self.fate.takes_unanswered, true),
            // It may come again when the whole refusal has left.
            Some(Instead::Refuses(_)) => (false, !answered),
            Some(Instead::FallsSilent) => (self.fate.takes_unanswered, true),
        };
        self.ledger.end(&id, taken, closed);
        self.answer(Step::End, TAKEN)?;
        self.mails += 1;
        Ok(())
    }
}

/// A counting server on a port of its own.
pub struct Server {
    pub address: SocketAddr,
    stop: Arc<AtomicBool>,
    listener: Option<JoinHandle<Vec<JoinHandle<()>>>>,
}

impl Server {
    /// `fate` says what becomes of the next conversation.
    pub fn start(ledger: &Arc<Ledger>, watch: Option<Watch>, fate: impl Fn() -> Fate + Send + 'static) -> Self {
        let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        system::listen(&socket, 1024);
        let address = socket.local_addr().unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let (ledger, stopped) = (ledger.clone(), stop.clone());
        let listener = thread::spawn(move || {
            let mut conversations: Vec<JoinHandle<()>> = Vec::new();
            for stream in socket.incoming() {
                if stopped.load(Ordering::Acquire) {
                    break;
                }
                let Ok(stream) = stream else { continue };
                stream.set_nodelay(true).unwrap();
                stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
                ledger.connections.fetch_add(1, Ordering::Relaxed);
                let (ledger, watch, fate) = (ledger.clone(), watch.clone(), fate());
                conversations.retain(|conversation| !conversation.is_finished());
                conversations.push(thread::spawn(move || {
                    let mut conversation = Conversation {
                        stream: BufReader::new(stream),
                        fate,
                        ledger: &ledger,
                        watch: watch.as_ref(),
                        mails: 0,
                    };
                    let _ = conversation.hold();
                }));
            }
            conversations
        });
        Self {
            address,
            stop,
            listener: Some(listener),
        }
    }

    /// Accepts no more, and waits for the end of all conversations.
    pub fn finish(mut self) {
        self.stop.store(true, Ordering::Release);
        let _ = TcpStream::connect(self.address);
        let conversations = self
            .listener
            .take()
            .unwrap()
            .join()
            .expect("the listener does not panic");
        let until = Instant::now() + Duration::from_secs(40);
        for conversation in conversations {
            while !conversation.is_finished() {
                assert!(Instant::now() < until, "a conversation does not end");
                thread::sleep(Duration::from_millis(5));
            }
            conversation.join().expect("no conversation panics");
        }
    }
}
