//! Dialogue files: one text file a scenario, `tests/dialogue/NAME.txt`.
//!
//! `tests/dialogue/README.md` says what stands in one. Each word that a line may begin with is in one of three tables here:
//! [`SETTINGS`], [`STEPS`], [`EXPECTATIONS`]; a test compares them with that page.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

#[cfg(feature = "std")]
use sds_smtp::buffer::Window;
use sds_smtp::code::{Outcome, Phase, Reason};
use sds_smtp::limits::{Count, Timeouts};
use sds_smtp::message::word::write_phrase;
#[cfg(feature = "std")]
use sds_smtp::octets::Bounded;
#[cfg(feature = "complete")]
use sds_smtp::session::job::Security;
#[cfg(feature = "std")]
use sds_smtp::session::parameters::{Parameters, Verb, write_xtext};
use sds_smtp::session::{Date, Job, Mail, Settings, Text};
#[cfg(feature = "std")]
use sds_smtp::wire::address::List;
use sds_smtp::wire::capability::Capabilities;

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
    /// The client sends a chunk of so many octets, perhaps the last one: exactly these, where they are given.
    Chunk {
        size: usize,
        last: bool,
        content: Option<Vec<u8>>,
    },
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
    /// The session asks for a handshake, which ends so: for this reason, where it fails.
    Handshake(Option<Reason>),
    /// The program cancels.
    Cancel,
    /// The program sends the same mail again, through the session that was kept.
    NextMail,
    /// The session is kept no longer.
    Leave,
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
    Accepted(Count),
    Refused(Count),
    Recipient(Count),
    RecipientVerdict(usize, Outcome, u16),
}

/// Owned settings and mail; [`Dialogue::job`] lends them.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The mechanisms that may be used to log in.
    pub mechanisms: Capabilities,
    /// PLAIN and LOGIN need a verified server.
    pub guarded: bool,
    /// TLS verifies the server.
    pub verified: bool,
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
    pub chunking: bool,
    pub probe: bool,
    /// Whether STARTTLS begins TLS.
    #[cfg(feature = "complete")]
    pub security: Security,
    /// The session is kept for another mail.
    pub keep: bool,
    /// A dry run, where there is a system.
    pub dry: bool,
    /// The mail goes to whoever is accepted, where there is a system.
    pub partial: bool,
    /// What few mails say in their envelope.
    #[cfg(feature = "std")]
    pub parameters: Option<Parameters>,
    /// The name of the envelope among them, as the program gives it.
    #[cfg(feature = "std")]
    pub envelope_id: Vec<u8>,
    pub timeouts: Timeouts,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            mechanisms: Capabilities::NONE,
            guarded: false,
            verified: false,
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
            chunking: false,
            probe: false,
            #[cfg(feature = "complete")]
            security: Security::None,
            keep: false,
            dry: false,
            partial: false,
            #[cfg(feature = "std")]
            parameters: None,
            #[cfg(feature = "std")]
            envelope_id: Vec::new(),
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
                #[cfg(feature = "std")]
                chunking: self.chunking,
                #[cfg(feature = "complete")]
                security: self.security,
                phrase: (!self.sender_name.is_empty()).then_some(write_phrase),
                #[cfg(feature = "std")]
                login: sds_smtp::session::job::Login {
                    guarded: self.guarded,
                    verified: self.verified,
                    host: b"mail.example.org",
                    ..sds_smtp::session::job::Login::NONE
                },
                #[cfg(feature = "std")]
                server: sds_smtp::wire::literal::Address {
                    port: 587,
                    ..sds_smtp::wire::literal::Address::NONE
                },
                ..Settings::NONE
            },
            mail: (!self.probe).then_some(Mail {
                date: Date::at(self.date),
                nonce: Some([0x0011_2233, 0x4455_6677, 0x8899_aabb, 0xccdd_eeff]),
                #[cfg(feature = "std")]
                parameters: self.parameters.as_ref(),
                #[cfg(feature = "std")]
                partial: self.partial,
                #[cfg(feature = "std")]
                count: List::new(&self.to).count() as Count,
                ..Mail::new(&self.to, &self.subject, Text::whole(&self.text))
            }),
            keep: self.keep,
            #[cfg(feature = "std")]
            dry: self.dry,
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
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder()).unwrap() {
        let file = entry.unwrap().file_name().into_string().unwrap();
        match file.strip_suffix(".txt") {
            Some(name) => names.push(name.to_string()),
            None => assert_eq!(file, "README.md", "{}: a dialogue is a .txt file", folder().display()),
        }
    }
    names.sort();
    names
}

impl Dialogue {
    /// Reads a dialogue; panics, with file and line, where it is not one.
    pub fn load(name: &str) -> Self {
        let path = folder().join(name.to_string() + ".txt");
        let content = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self::parse(&format!("tests/dialogue/{name}.txt"), &content).unwrap_or_else(|message| panic!("{message}"))
    }

    /// Parses a dialogue. An error names file and line.
    pub fn parse(path: &str, content: &str) -> Result<Self, String> {
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
            comment_above: false,
        };
        for (at, line) in content.lines().enumerate() {
            let number = at + 1;
            parser
                .line(number, line)
                .map_err(|message| format!("{path}:{number}: {message}"))?;
            parser.comment_above = line.starts_with('#');
        }
        let dialogue = parser.dialogue;
        let has = |wanted: fn(&Expected) -> bool| dialogue.expected.iter().any(|(_, expected)| wanted(expected));
        for (there, missing) in [
            (parser.comments > 0, "a comment has to say the source"),
            (has(|e| matches!(e, Expected::Code(_))), "no code is expected"),
            (has(|e| matches!(e, Expected::Outcome(_))), "no outcome is expected"),
            (
                !parser.surplus,
                "`surplus` is said of the block of the server's below it",
            ),
        ] {
            if !there {
                return Err(format!("{path}: {missing}"));
            }
        }
        Ok(dialogue)
    }

    /// How many recipients there are.
    #[allow(dead_code)]
    pub fn recipients(&self) -> usize {
        self.setup.to.split(|octet| *octet == b',').count()
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

/// What has been read of a dialogue.
pub struct Parser {
    dialogue: Dialogue,
    text_given: bool,
    surplus: bool,
    comments: usize,
    /// The line above is a comment.
    comment_above: bool,
}

/// Reads what stands behind a word.
pub type Setting = fn(&mut Parser, &str) -> Result<(), String>;
/// The same for a step; what only says how the next one is meant is none itself.
pub type Step = fn(&mut Parser, &str) -> Result<Option<Item>, String>;
/// The same for an expectation.
pub type Expectation = fn(&str) -> Result<Expected, String>;

/// What stands above the dialogue.
pub const SETTINGS: &[(&str, Setting)] = &[
    ("auth", |parser, rest| {
        let setup = &mut parser.dialogue.setup;
        setup.mechanisms = match rest {
            "none" => Capabilities::NONE,
            "any" => Capabilities::MECHANISMS,
            "plain" => Capabilities::PLAIN,
            "login" => Capabilities::LOGIN,
            _ => {
                parser.dialogue.elsewhere |= !cfg!(feature = "std");
                setup.guarded = rest == "strongest";
                mechanisms(rest)?
            }
        };
        Ok(())
    }),
    ("user", |parser, rest| set(&mut parser.dialogue.setup.user, rest)),
    ("password", |parser, rest| {
        set(&mut parser.dialogue.setup.password, rest)
    }),
    ("sender", |parser, rest| set(&mut parser.dialogue.setup.sender, rest)),
    ("sender-name", |parser, rest| {
        set(&mut parser.dialogue.setup.sender_name, rest)
    }),
    ("to", |parser, rest| {
        #[cfg(feature = "std")]
        if !rest.is_ascii() {
            parser.parameters().utf8 = true;
        }
        set(&mut parser.dialogue.setup.to, rest)
    }),
    ("verb", |parser, rest| {
        #[cfg(feature = "std")]
        {
            parser.parameters().verb = match rest {
                "send" => Verb::Send,
                "soml" => Verb::Soml,
                "saml" => Verb::Saml,
                _ => return Err("verb send, soml or saml".into()),
            };
        }
        parser.hosted(rest)
    }),
    ("reverse-path", |parser, rest| {
        #[cfg(feature = "std")]
        {
            parser.parameters().reverse_path = Some(Bounded::new(&unescape(rest)?));
        }
        parser.hosted(rest)
    }),
    ("notify", |parser, rest| {
        #[cfg(feature = "std")]
        for word in rest.split(' ') {
            let notify = &mut parser.parameters().notify;
            *match word {
                "success" => &mut notify.success,
                "failure" => &mut notify.failure,
                "delay" => &mut notify.delay,
                "never" => &mut notify.never,
                "full" => &mut notify.full,
                _ => return Err("notify success, failure, delay, never, full".into()),
            } = true;
        }
        parser.hosted(rest)
    }),
    ("envelope-id", |parser, rest| {
        #[cfg(feature = "std")]
        {
            parser.dialogue.setup.envelope_id = rest.into();
            parser.parameters().envelope_id = Bounded::written(|room| {
                let mut out = Window::new(room, 0);
                write_xtext(rest.as_bytes(), &mut out);
                out.kept()
            });
        }
        parser.hosted(rest)
    }),
    ("subject", |parser, rest| set(&mut parser.dialogue.setup.subject, rest)),
    ("text", |parser, rest| parser.text(unescape(rest)?)),
    ("text-repeat", |parser, rest| parser.text(repeat(rest)?)),
    ("charset", |parser, rest| set(&mut parser.dialogue.setup.charset, rest)),
    ("ehlo-name", |parser, rest| {
        parser.dialogue.setup.ehlo_name = Some(unescape(rest)?);
        Ok(())
    }),
    ("local", |parser, rest| {
        parser.dialogue.setup.local = rest.parse().map_err(|_| format!("`{rest}` is no IP address"))?;
        Ok(())
    }),
    ("date", |parser, rest| {
        parser.dialogue.setup.date = if rest == "none" { 0 } else { number(rest)? };
        Ok(())
    }),
    ("no-pipelining", |parser, rest| {
        parser.dialogue.setup.pipelining = false;
        nothing(rest)
    }),
    ("chunking", |parser, rest| {
        parser.dialogue.setup.chunking = true;
        parser.dialogue.elsewhere |= !cfg!(feature = "std");
        nothing(rest)
    }),
    ("probe", |parser, rest| {
        parser.dialogue.setup.probe = true;
        nothing(rest)
    }),
    ("keep", |parser, rest| {
        parser.dialogue.setup.keep = true;
        nothing(rest)
    }),
    ("dry-run", |parser, rest| {
        parser.dialogue.setup.dry = true;
        parser.dialogue.elsewhere |= !cfg!(feature = "std");
        nothing(rest)
    }),
    ("partial", |parser, rest| {
        parser.dialogue.setup.partial = true;
        parser.dialogue.elsewhere |= !cfg!(feature = "std");
        nothing(rest)
    }),
    ("tls", |parser, rest| {
        #[cfg(feature = "complete")]
        {
            parser.dialogue.setup.security = match rest {
                "none" => Security::None,
                "starttls" => Security::Required,
                "opportunistic" => Security::Opportunistic,
                "implicit" => Security::None,
                _ => return Err("tls none, starttls, implicit or opportunistic".into()),
            };
            parser.dialogue.setup.verified = matches!(rest, "starttls" | "implicit");
        }
        parser.dialogue.elsewhere |= !cfg!(feature = "complete") && rest != "none";
        parser.dialogue.elsewhere |= !cfg!(feature = "std") && rest == "implicit";
        Ok(())
    }),
    ("timeout", |parser, rest| {
        let (name, milliseconds) = rest.split_once(' ').ok_or("timeout NAME MS")?;
        set_timeout(&mut parser.dialogue.setup.timeouts, name, number(milliseconds)?)
    }),
    ("connect", |parser, rest| {
        parser.dialogue.connection = match rest {
            "refused" => Connection::Fails(Reason::Refused),
            "unreachable" => Connection::Fails(Reason::Unreachable),
            "no-socket" => Connection::Fails(Reason::NoSocket),
            "hangs" => Connection::Hangs,
            _ => return Err(format!("`{rest}` is nothing that a connection does")),
        };
        Ok(())
    }),
    ("library", |parser, rest| {
        parser.dialogue.elsewhere |= match rest {
            "complete" => !cfg!(feature = "complete"),
            "small" => cfg!(feature = "complete"),
            "hosted" => !cfg!(feature = "std"),
            _ => return Err("library complete, small or hosted".into()),
        };
        Ok(())
    }),
    ("segmentation", |parser, rest| {
        if rest != "whole" || !parser.comment_above {
            return Err("`segmentation whole`, with the reason in a comment above".into());
        }
        parser.dialogue.whole_only = true;
        Ok(())
    }),
];

/// What happens, in this order.
pub const STEPS: &[(&str, Step)] = &[
    ("S:", |parser, rest| Ok(Some(parser.server(line(rest))))),
    ("S-raw:", |parser, rest| Ok(Some(parser.server(unescape(rest)?)))),
    ("S-repeat", |parser, rest| Ok(Some(parser.server(repeat(rest)?)))),
    ("surplus", |parser, rest| {
        parser.surplus = true;
        nothing(rest)?;
        Ok(None)
    }),
    ("C:", |_, rest| Ok(Some(Item::Said(line(rest))))),
    ("C?:", |_, rest| Ok(Some(Item::OptionalLine(line(rest))))),
    ("C-some:", |_, rest| Ok(Some(Item::Said(unescape(rest)?)))),
    ("C-mail", |_, rest| alone(rest, Item::Mail(None))),
    ("C-bdat", |_, rest| {
        let (size, last) = rest.strip_suffix(" LAST").map_or((rest, false), |size| (size, true));
        let (size, content) = (number(size)?, None);
        Ok(Some(Item::Chunk { size, last, content }))
    }),
    ("|", |parser, rest| parser.mail_line(rest)),
    ("C-part", |_, rest| alone(rest, Item::Part)),
    ("stall", |_, rest| Ok(Some(Item::Stall(number(rest)?)))),
    ("flow", |_, rest| alone(rest, Item::Flow)),
    ("wait", |_, rest| Ok(Some(Item::Wait(number(rest)?)))),
    ("close", |_, rest| alone(rest, Item::Close)),
    ("reconnect", |_, rest| match rest {
        "" => Ok(Some(Item::Reconnect(Connection::Stands))),
        "refused" => Ok(Some(Item::Reconnect(Connection::Fails(Reason::Refused)))),
        _ => Err("reconnect, or reconnect refused".into()),
    }),
    ("handshake", |_, rest| {
        Ok(Some(Item::Handshake(match rest {
            "done" => None,
            "untrusted" => Some(Reason::Untrusted),
            "broken" => Some(Reason::TlsFailed),
            _ => return Err("handshake done, untrusted or broken".into()),
        })))
    }),
    ("cancel", |_, rest| alone(rest, Item::Cancel)),
    ("next-mail", |_, rest| alone(rest, Item::NextMail)),
    ("leave", |_, rest| alone(rest, Item::Leave)),
    ("verdict", |_, rest| alone(rest, Item::Verdict(true))),
    ("no-verdict", |_, rest| alone(rest, Item::Verdict(false))),
];

/// What must have come of it.
pub const EXPECTATIONS: &[(&str, Expectation)] = &[
    ("code", |rest| Ok(Expected::Code(number(rest)?))),
    ("outcome", |rest| Ok(Expected::Outcome(outcome(rest)?))),
    ("phase", |rest| {
        Ok(Expected::Phase(match rest {
            "connect" => Phase::Connect,
            "greeting" => Phase::Greeting,
            "hello" => Phase::Hello,
            "starttls" => Phase::StartTls,
            "auth" => Phase::Auth,
            "mail" => Phase::Mail,
            "rcpt" => Phase::Rcpt,
            "data" => Phase::Data,
            "text" => Phase::Text,
            "end" => Phase::End,
            _ => return Err(format!("`{rest}` is no phase")),
        }))
    }),
    ("reply", |rest| Ok(Expected::Reply(number(rest)?))),
    ("text", |rest| Ok(Expected::Text(rest.to_string()))),
    ("text~", |rest| Ok(Expected::TextPart(rest.to_string()))),
    ("text!~", |rest| Ok(Expected::NoTextPart(rest.to_string()))),
    ("accepted", |rest| Ok(Expected::Accepted(number(rest)?))),
    ("refused", |rest| Ok(Expected::Refused(number(rest)?))),
    ("recipient", |rest| Ok(Expected::Recipient(number(rest)?))),
    ("recipient-verdict", |rest| {
        let words: Vec<&str> = rest.split(' ').collect();
        let [recipient, of_it, reply] = words[..] else {
            return Err("a recipient, what became of it, and a reply code".into());
        };
        Ok(Expected::RecipientVerdict(
            number(recipient)?,
            outcome(of_it)?,
            number(reply)?,
        ))
    }),
];

fn outcome(word: &str) -> Result<Outcome, String> {
    match word {
        "sent" => Ok(Outcome::Sent),
        "not-sent" => Ok(Outcome::NotSent),
        "unknown" => Ok(Outcome::Unknown),
        _ => Err(format!("`{word}` is no outcome")),
    }
}

/// The mechanisms of a system with these names; or those that it chooses from itself.
#[cfg(feature = "std")]
fn mechanisms(names: &str) -> Result<Capabilities, String> {
    use sds_smtp::wire::capability::Capability;
    if names == "strongest" {
        return Ok(Capabilities::ANY);
    }
    names.split(' ').try_fold(Capabilities::NONE, |all, name| {
        let one = match name {
            "plain" => Capability::Plain,
            "login" => Capability::Login,
            "cram-md5" => Capability::CramMd5,
            "scram-sha-1" => Capability::ScramSha1,
            "scram-sha-256" => Capability::ScramSha256,
            "xoauth2" => Capability::XOAuth2,
            "oauthbearer" => Capability::OAuthBearer,
            _ => return Err(format!("`{name}` is no mechanism")),
        };
        Ok(all.with(Capabilities::of(&[one])))
    })
}

#[cfg(not(feature = "std"))]
fn mechanisms(_names: &str) -> Result<Capabilities, String> {
    Ok(Capabilities::MECHANISMS)
}

/// What reads a line that begins with this word.
fn reader<T: Copy>(table: &[(&str, T)], word: &str) -> Option<T> {
    table.iter().find(|(name, _)| *name == word).map(|(_, reader)| *reader)
}

impl Parser {
    fn line(&mut self, number: usize, line: &str) -> Result<(), String> {
        if line.starts_with('#') {
            self.comments += 1;
            return Ok(());
        }
        if line.is_empty() {
            return Ok(());
        }
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let begun = !self.dialogue.items.is_empty();
        let ended = !self.dialogue.expected.is_empty();
        // `text` is a setting above the dialogue, and an expectation below it.
        if let Some(read) = reader(SETTINGS, word).filter(|_| !begun && !ended) {
            return read(self, rest);
        }
        if let Some(read) = reader(STEPS, word) {
            if ended {
                return Err(format!("`{word}` is a step, and stands behind the expectations"));
            }
            if let Some(item) = read(self, rest)? {
                self.push(number, item);
            }
            return Ok(());
        }
        if let Some(read) = reader(EXPECTATIONS, word) {
            self.dialogue.expected.push((number, read(rest)?));
            return Ok(());
        }
        Err(match reader(SETTINGS, word) {
            Some(_) => format!("`{word}` is a setting, and stands above the dialogue"),
            None => format!("`{word}` is no directive: tests/dialogue/README.md has them all"),
        })
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

    /// What few mails say in their envelope.
    #[cfg(feature = "std")]
    fn parameters(&mut self) -> &mut Parameters {
        self.dialogue.setup.parameters.get_or_insert_default()
    }

    /// It is only for a library on a system.
    fn hosted(&mut self, _rest: &str) -> Result<(), String> {
        self.dialogue.elsewhere |= !cfg!(feature = "std");
        Ok(())
    }

    /// The first text is instead of the default, each further one is added.
    fn text(&mut self, more: Vec<u8>) -> Result<(), String> {
        let text = &mut self.dialogue.setup.text;
        if !std::mem::replace(&mut self.text_given, true) {
            text.clear();
        }
        text.extend(more);
        Ok(())
    }

    fn mail_line(&mut self, content: &str) -> Result<Option<Item>, String> {
        let Some((_, Item::Mail(mail) | Item::Chunk { content: mail, .. })) = self.dialogue.items.last_mut() else {
            return Err("no C-mail or C-bdat above".into());
        };
        let mail = mail.get_or_insert_with(Vec::new);
        mail.extend(unescape(content)?);
        mail.extend_from_slice(b"\r\n");
        Ok(None)
    }

    fn server(&mut self, octets: Vec<u8>) -> Item {
        Item::Server {
            octets,
            surplus: std::mem::take(&mut self.surplus),
        }
    }
}

fn line(text: &str) -> Vec<u8> {
    [text.as_bytes(), b"\r\n"].concat()
}

fn set(field: &mut Vec<u8>, value: &str) -> Result<(), String> {
    *field = unescape(value)?;
    Ok(())
}

fn nothing(rest: &str) -> Result<(), String> {
    match rest {
        "" => Ok(()),
        _ => Err(format!("nothing stands behind it: `{rest}`")),
    }
}

fn alone(rest: &str, item: Item) -> Result<Option<Item>, String> {
    nothing(rest)?;
    Ok(Some(item))
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
