//! Dialogue files: one text file a scenario, `tests/dialogue/NAME.txt`.
//!
//! Comment lines begin with `#` and say where the scenario comes from. Directives, in any order, come first:
//!
//! | directive | meaning | default |
//! |---|---|---|
//! | `auth none`, `any`, `plain`, `login` | the configured login | none |
//! | `user`, `password` | credentials | `sds`, `sds-secret` |
//! | `sender`, `sender-name`, `to`, `subject` | the mail | those of the transcript of June 2018 |
//! | `text TEXT`, `text-repeat N TEXT` | the text; each further one is added | a line |
//! | `charset`, `ehlo-name`, `local IP` | settings | windows-1250, none, 192.168.1.250 |
//! | `date SECONDS`, `date none` | the clock | 15 June 2018, 12:00 UTC |
//! | `no-pipelining`, `probe` | settings | |
//! | `timeout NAME MS` | a field of `Timeouts` | RFC 5321 |
//! | `connect refused`, `unreachable`, `no-socket`, `hangs` | what becomes of the connection | it stands |
//! | `library complete`, `small` | only for one built with the feature `complete`, or without it | both |
//! | `segmentation whole` | only this one; the comment line above says why | all |
//!
//! Then the dialogue:
//!
//! | line | meaning |
//! |---|---|
//! | `S: TEXT` | the server says this line; lines that follow each other are one block |
//! | `S-raw: TEXT`, `S-repeat N TEXT` | the server says these octets (with escapes, no line end added) |
//! | `surplus` | the next block holds more than was asked for: the client may speak before its end |
//! | `C: LINE` | the client says exactly this line |
//! | `C?: LINE` | the client may say this line |
//! | `C-mail` | the client sends the mail up to the final dot; lines `\| TEXT` below it are its exact content |
//! | `stall N`, `flow` | only N more octets of the client leave; all leave again |
//! | `C-some: TEXT` | the client says exactly these octets (with escapes), no line end added |
//! | `C-part` | the client's octets that have left so far belong to the mail |
//! | `wait MS` | time passes |
//! | `close`, `cancel` | the connection ends; the program cancels |
//! | `reconnect`, `reconnect refused` | the session must ask for a new connection; it stands, or is refused |
//! | `verdict`, `no-verdict` | there is one now; there is none yet |
//!
//! And last what is expected of the verdict: `code N` and `outcome sent`, `not-sent`, `unknown` (both always),
//! `phase NAME`, `reply N`, `text TEXT`, `text~ PART`, `text!~ PART`, `accepted N`, `refused N`, `recipient N` (0 is the
//! first).
//!
//! Escapes in values: `\r`, `\n`, `\t`, `\0`, `\\`, `\xHH`.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use sds_smtp::code::{Outcome, Phase, Reason};
use sds_smtp::limits::Timeouts;
use sds_smtp::message::word::write_phrase;
use sds_smtp::session::{Job, Mail, Settings, Text};
use sds_smtp::wire::capability::{LOGIN, PLAIN};

/// A step of the dialogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// The server says these octets.
    Server { octets: Vec<u8>, surplus: bool },
    /// The client says these octets: a line, or a part of one.
    Said(Vec<u8>),
    /// The client may say this line.
    OptionalLine(Vec<u8>),
    /// The client sends the mail: exactly this, where it is given.
    Mail(Option<Vec<u8>>),
    /// What has left so far is a part of the mail.
    Part,
    /// Only so many octets of the client leave from now on.
    Stall(usize),
    /// Octets leave again.
    Flow,
    /// Milliseconds pass.
    Wait(u32),
    /// The connection ends.
    Close,
    /// The session asks for a new connection, and gets it, or does not.
    Reconnect(Connection),
    /// The program cancels.
    Cancel,
    /// Whether there is a verdict now.
    Verdict(bool),
}

/// What is expected at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    Code(u8),
    Outcome(Outcome),
    Phase(Phase),
    Reply(u16),
    Text(String),
    TextPart(String),
    NoTextPart(String),
    Accepted(u16),
    Refused(u16),
    Recipient(u16),
}

/// Owned settings and mail; [`Dialogue::job`] lends them.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The mechanisms that may be used to log in.
    pub mechanisms: u8,
    pub user: Vec<u8>,
    pub password: Vec<u8>,
    pub sender: Vec<u8>,
    pub sender_name: Vec<u8>,
    pub to: Vec<u8>,
    pub subject: Vec<u8>,
    pub text: Vec<u8>,
    pub charset: Vec<u8>,
    pub ehlo_name: Option<Vec<u8>>,
    pub local: IpAddr,
    pub date: u32,
    pub pipelining: bool,
    pub probe: bool,
    pub timeouts: Timeouts,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            mechanisms: 0,
            user: b"sds".to_vec(),
            password: b"sds-secret".to_vec(),
            sender: b"thatisme@smtp-server-domain.cz".to_vec(),
            sender_name: Vec::new(),
            to: b"someone@example-target-server.cz".to_vec(),
            subject: b"testovaci email".to_vec(),
            text: b"Obsah emailu, tedy jeho text, test test test.\r\n".to_vec(),
            charset: b"windows-1250".to_vec(),
            ehlo_name: None,
            local: "192.168.1.250".parse().unwrap(),
            date: 1_529_064_000,
            pipelining: true,
            probe: false,
            timeouts: Timeouts::RFC_5321,
        }
    }
}

impl Setup {
    /// The job. The nonce is fixed: transcripts are exact.
    pub fn job(&self) -> Job<'_> {
        Job {
            settings: Settings {
                texts: [
                    &self.user,
                    &self.password,
                    &self.sender,
                    &self.charset,
                    &self.sender_name,
                    self.ehlo_name.as_deref().unwrap_or(&[]),
                ],
                mechanisms: self.mechanisms,
                limits: self.timeouts.in_order(),
                pipelining: self.pipelining,
                phrase: (!self.sender_name.is_empty()).then_some(write_phrase),
                ..Settings::NONE
            },
            mail: (!self.probe).then_some(Mail {
                recipients: &self.to,
                subject: &self.subject,
                text: Text::whole(&self.text),
                date: self.date,
                nonce: Some([0x0011_2233, 0x4455_6677, 0x8899_aabb, 0xccdd_eeff]),
            }),
        }
    }
}

/// What becomes of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connection {
    /// It stands at once.
    Stands,
    /// It fails at once.
    Fails(Reason),
    /// Nothing is heard of it.
    Hangs,
}

/// A dialogue file.
#[derive(Clone, Debug)]
pub struct Dialogue {
    /// The path, for messages.
    pub path: String,
    pub setup: Setup,
    pub connection: Connection,
    /// Only in one segmentation.
    pub whole_only: bool,
    /// Not for the library as it is built here.
    pub elsewhere: bool,
    /// The items, each with its line's number.
    pub items: Vec<(usize, Item)>,
    /// The expectations, likewise.
    pub expected: Vec<(usize, Expected)>,
}

/// The folder of the dialogues.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dialogue")
}

/// The names of all dialogue files, sorted.
pub fn names() -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .map(|name| name.strip_suffix(".txt").expect("only .txt files").to_string())
        .collect();
    names.sort();
    names
}

impl Dialogue {
    /// Reads a dialogue; panics, with file and line, where it is not one.
    pub fn load(name: &str) -> Self {
        let path = folder().join(name.to_string() + ".txt");
        let content = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self::parse(&format!("tests/dialogue/{name}.txt"), &content)
    }

    /// Parses a dialogue.
    pub fn parse(path: &str, content: &str) -> Self {
        let mut parser = Parser {
            dialogue: Self {
                path: path.to_string(),
                setup: Setup::default(),
                connection: Connection::Stands,
                whole_only: false,
                elsewhere: false,
                items: Vec::new(),
                expected: Vec::new(),
            },
            text_given: false,
            surplus: false,
            comments: 0,
        };
        let mut comment_above = false;
        for (at, line) in content.lines().enumerate() {
            let number = at + 1;
            if let Err(message) = parser.line(number, line, comment_above) {
                panic!("{path}:{number}: {message}");
            }
            comment_above = line.starts_with('#');
        }
        let dialogue = parser.dialogue;
        assert!(parser.comments > 0, "{path}: a comment has to say the source");
        let has = |wanted: fn(&Expected) -> bool| dialogue.expected.iter().any(|(_, expected)| wanted(expected));
        assert!(has(|e| matches!(e, Expected::Code(_))), "{path}: no code is expected");
        assert!(
            has(|e| matches!(e, Expected::Outcome(_))),
            "{path}: no outcome is expected"
        );
        dialogue
    }

    /// Whether the client's octets are the same in every run, and up to a cut in each that is cut off.
    pub fn exact(&self) -> bool {
        !self.items.iter().any(|(_, item)| {
            matches!(
                item,
                Item::OptionalLine(_) | Item::Stall(_) | Item::Server { surplus: true, .. }
            )
        })
    }
}

struct Parser {
    dialogue: Dialogue,
    text_given: bool,
    surplus: bool,
    comments: usize,
}

impl Parser {
    fn line(&mut self, number: usize, line: &str, comment_above: bool) -> Result<(), String> {
        if line.starts_with('#') {
            self.comments += 1;
            return Ok(());
        }
        if line.is_empty() {
            return Ok(());
        }
        if let Some(content) = line.strip_prefix('|') {
            return self.mail_line(content.strip_prefix(' ').unwrap_or(content));
        }
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        if let Some(item) = self.item(word, rest)? {
            if !self.dialogue.expected.is_empty() {
                return Err("behind the expectations".into());
            }
            self.push(number, item);
            return Ok(());
        }
        if word == "surplus" {
            self.surplus = true;
            return Ok(());
        }
        let head = self.dialogue.items.is_empty() && self.dialogue.expected.is_empty();
        if head && self.directive(word, rest, comment_above)? {
            return Ok(());
        }
        let expected = expectation(word, rest)?.ok_or_else(|| format!("`{word}` is not known here"))?;
        self.dialogue.expected.push((number, expected));
        Ok(())
    }

    fn push(&mut self, number: usize, item: Item) {
        if let (Some((_, Item::Server { octets: block, .. })), Item::Server { octets, surplus: false }) =
            (self.dialogue.items.last_mut(), &item)
        {
            block.extend_from_slice(octets);
            return;
        }
        self.dialogue.items.push((number, item));
    }

    fn mail_line(&mut self, content: &str) -> Result<(), String> {
        let Some((_, Item::Mail(mail))) = self.dialogue.items.last_mut() else {
            return Err("no C-mail above".into());
        };
        let mail = mail.get_or_insert_with(Vec::new);
        mail.extend(unescape(content)?);
        mail.extend_from_slice(b"\r\n");
        Ok(())
    }

    fn server(&mut self, octets: Vec<u8>) -> Item {
        Item::Server {
            octets,
            surplus: std::mem::take(&mut self.surplus),
        }
    }

    fn item(&mut self, word: &str, rest: &str) -> Result<Option<Item>, String> {
        let line = || [rest.as_bytes(), b"\r\n"].concat();
        Ok(Some(match word {
            "S:" => self.server(line()),
            "S-raw:" => self.server(unescape(rest)?),
            "S-repeat" => self.server(repeat(rest)?),
            "C:" => Item::Said(line()),
            "C-some:" => Item::Said(unescape(rest)?),
            "C?:" => Item::OptionalLine(line()),
            "C-mail" => Item::Mail(None),
            "C-part" => Item::Part,
            "stall" => Item::Stall(number(rest)?),
            "flow" => Item::Flow,
            "wait" => Item::Wait(number(rest)?),
            "close" => Item::Close,
            "reconnect" if rest == "refused" => Item::Reconnect(Connection::Fails(Reason::Refused)),
            "reconnect" => Item::Reconnect(Connection::Stands),
            "cancel" => Item::Cancel,
            "verdict" => Item::Verdict(true),
            "no-verdict" => Item::Verdict(false),
            _ => return Ok(None),
        }))
    }

    fn directive(&mut self, word: &str, rest: &str, comment_above: bool) -> Result<bool, String> {
        let dialogue = &mut self.dialogue;
        let setup = &mut dialogue.setup;
        match word {
            "auth" => {
                setup.mechanisms = match rest {
                    "none" => 0,
                    "any" => PLAIN | LOGIN,
                    "plain" => PLAIN,
                    "login" => LOGIN,
                    _ => return Err(format!("`{rest}` is no mechanism")),
                }
            }
            "user" => setup.user = unescape(rest)?,
            "password" => setup.password = unescape(rest)?,
            "sender" => setup.sender = unescape(rest)?,
            "sender-name" => setup.sender_name = unescape(rest)?,
            "to" => setup.to = unescape(rest)?,
            "subject" => setup.subject = unescape(rest)?,
            "text" | "text-repeat" => {
                let more = if word == "text" { unescape(rest)? } else { repeat(rest)? };
                if !std::mem::replace(&mut self.text_given, true) {
                    setup.text.clear();
                }
                setup.text.extend(more);
            }
            "charset" => setup.charset = unescape(rest)?,
            "ehlo-name" => setup.ehlo_name = Some(unescape(rest)?),
            "local" => setup.local = rest.parse().map_err(|_| "no IP address")?,
            "date" if rest == "none" => setup.date = 0,
            "date" => setup.date = number(rest)?,
            "library" => {
                dialogue.elsewhere = cfg!(feature = "complete")
                    != match rest {
                        "complete" => true,
                        "small" => false,
                        _ => return Err("library complete or small".into()),
                    };
            }
            "no-pipelining" => setup.pipelining = false,
            "probe" => setup.probe = true,
            "timeout" => {
                let (name, milliseconds) = rest.split_once(' ').ok_or("timeout NAME MS")?;
                set_timeout(&mut setup.timeouts, name, number(milliseconds)?)?;
            }
            "connect" => {
                dialogue.connection = match rest {
                    "refused" => Connection::Fails(Reason::Refused),
                    "unreachable" => Connection::Fails(Reason::Unreachable),
                    "no-socket" => Connection::Fails(Reason::NoSocket),
                    "hangs" => Connection::Hangs,
                    _ => return Err(format!("`{rest}` is nothing that a connection does")),
                }
            }
            "segmentation" => {
                if rest != "whole" || !comment_above {
                    return Err("`segmentation whole`, with the reason in a comment above".into());
                }
                dialogue.whole_only = true;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}

fn set_timeout(timeouts: &mut Timeouts, name: &str, milliseconds: u32) -> Result<(), String> {
    *match name {
        "connect" => &mut timeouts.connect,
        "greeting" => &mut timeouts.greeting,
        "ehlo" => &mut timeouts.ehlo,
        "auth" => &mut timeouts.auth,
        "mail" => &mut timeouts.mail,
        "rcpt" => &mut timeouts.rcpt,
        "data" => &mut timeouts.data,
        "block" => &mut timeouts.block,
        "end" => &mut timeouts.end,
        "quit" => &mut timeouts.quit,
        "total" => &mut timeouts.total,
        _ => return Err(format!("`{name}` is no timeout")),
    } = milliseconds;
    Ok(())
}

fn expectation(word: &str, rest: &str) -> Result<Option<Expected>, String> {
    Ok(Some(match word {
        "code" => Expected::Code(number(rest)?),
        "outcome" => Expected::Outcome(match rest {
            "sent" => Outcome::Sent,
            "not-sent" => Outcome::NotSent,
            "unknown" => Outcome::Unknown,
            _ => return Err(format!("`{rest}` is no outcome")),
        }),
        "phase" => Expected::Phase(match rest {
            "connect" => Phase::Connect,
            "greeting" => Phase::Greeting,
            "hello" => Phase::Hello,
            "auth" => Phase::Auth,
            "mail" => Phase::Mail,
            "rcpt" => Phase::Rcpt,
            "data" => Phase::Data,
            "text" => Phase::Text,
            "end" => Phase::End,
            _ => return Err(format!("`{rest}` is no phase")),
        }),
        "reply" => Expected::Reply(number(rest)?),
        "text" => Expected::Text(rest.to_string()),
        "text~" => Expected::TextPart(rest.to_string()),
        "text!~" => Expected::NoTextPart(rest.to_string()),
        "accepted" => Expected::Accepted(number(rest)?),
        "refused" => Expected::Refused(number(rest)?),
        "recipient" => Expected::Recipient(number(rest)?),
        _ => return Ok(None),
    }))
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("`{text}` is no number"))
}

fn repeat(rest: &str) -> Result<Vec<u8>, String> {
    let (times, unit) = rest.split_once(' ').ok_or("N TEXT")?;
    Ok(unescape(unit)?.repeat(number(times)?))
}

/// The octets of a value with escapes.
pub fn unescape(text: &str) -> Result<Vec<u8>, String> {
    let mut octets = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        if first != b'\\' {
            octets.push(first);
            continue;
        }
        let (&escape, after) = rest.split_first().ok_or("a backslash at the end")?;
        rest = after;
        octets.push(match escape {
            b'r' => b'\r',
            b'n' => b'\n',
            b't' => b'\t',
            b'0' => 0,
            b'\\' => b'\\',
            b'x' => {
                let digits = rest.get(..2).ok_or("\\x wants two digits")?;
                rest = &rest[2..];
                let digits = std::str::from_utf8(digits).map_err(|_| "\\x wants two digits")?;
                u8::from_str_radix(digits, 16).map_err(|_| "\\x wants two digits")?
            }
            _ => return Err(format!("\\{} is no escape", char::from(escape))),
        });
    }
    Ok(octets)
}
