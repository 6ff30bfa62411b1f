//! Plays a dialogue against a session, in one of many variations.

use sds_smtp::code::{Code, Outcome, Reason};
use sds_smtp::session::State;

use super::dialogue::{Connection, Dialogue, Expected, Item};
use super::driver::{Driver, Leaving, Seen, base64};
use super::events::{Fate, Recorder};
use super::observer::{Observer, check_lines, show};
use super::random::Random;

/// How the server's octets are cut into segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Segmentation {
    /// A block is a segment.
    Whole,
    /// An octet is a segment.
    Octets,
    /// Segments of random lengths, by this seed.
    Random(u64),
}

/// Where the connection is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Nowhere.
    Nowhere,
    /// When so many octets of the server have arrived.
    Server(usize),
    /// When so many octets of the client have left.
    Client(usize),
}

/// One way to play a dialogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Variation {
    pub segmentation: Segmentation,
    pub buffer: usize,
    pub leaving: Leaving,
    pub cut: Cut,
    /// How many mails are sent through the session: the same one again, where it can be.
    pub mails: usize,
}

/// What happened.
pub struct Played {
    /// All octets of the client.
    pub stream: Vec<u8>,
    /// How often the client wrote something.
    pub writes: usize,
    /// How many octets of the server were delivered.
    pub delivered: usize,
    /// The octets delivered and the octets of the client, when connected and then behind each item.
    pub marks: Vec<(usize, usize)>,
    /// The verdict.
    pub seen: Seen,
    /// Who read along.
    pub observer: Observer,
    /// How many mails were sent.
    pub mails: usize,
}

struct Player<'a> {
    dialogue: &'a Dialogue,
    driver: Driver<'a>,
    variation: Variation,
    random: Random,
    matched: usize,
    mail_start: Option<usize>,
    delivered: usize,
    marks: Vec<(usize, usize)>,
    line: usize,
    /// The first mail, and how many were begun.
    first: Option<Seen>,
    mails: usize,
    /// Further transactions of the same mails.
    others: usize,
}

/// Plays a dialogue to its end, or to the cut. An error names file, line and variation.
pub fn play(dialogue: &Dialogue, variation: Variation) -> Result<Played, String> {
    let seed = match variation.segmentation {
        Segmentation::Random(seed) => seed,
        Segmentation::Whole | Segmentation::Octets => 1,
    };
    let mut job = dialogue.setup.job();
    let partial = dialogue.setup.partial;
    job.keep |= variation.mails > 1 || partial;
    let mut driver = Driver::new(job, variation.buffer, variation.leaving, seed ^ 0x5eed);
    if partial {
        driver.session.events.begin_partial(dialogue.recipients());
        driver.observer.set_partial(true);
    }
    if let Cut::Client(octets) = variation.cut {
        driver.cut = Some(octets);
    }
    let mut player = Player {
        dialogue,
        driver,
        variation,
        random: Random::new(seed),
        matched: 0,
        mail_start: None,
        delivered: 0,
        marks: Vec::new(),
        line: 0,
        first: None,
        mails: 1,
        others: 0,
    };
    let result = player.play();
    let Player {
        driver,
        line,
        delivered,
        marks,
        mails,
        ..
    } = player;
    let place = || format!("{}:{line} at {variation:?}", dialogue.path);
    result.map_err(|message| format!("{}: {message}", place()))?;
    let mut seen = driver
        .seen()
        .cloned()
        .ok_or_else(|| format!("{}: no verdict", place()))?;
    if partial {
        sum(&mut seen, &driver.session.events);
    }
    Ok(Played {
        writes: driver.writes,
        stream: driver.stream,
        delivered,
        marks,
        seen,
        observer: driver.observer,
        mails,
    })
}

/// What is told of a mail to whoever is accepted, where this is what is told of its last transaction.
fn sum(seen: &mut Seen, events: &Recorder) {
    let (outcome, all) = events.sum();
    let verdict = &mut seen.verdict;
    verdict.code = match (outcome, all) {
        (Outcome::Sent, true) => Code::Ok,
        (Outcome::Sent, false) => Code::PartlySent,
        _ => verdict.code,
    };
    verdict.outcome = outcome;
}

impl Player<'_> {
    fn play(&mut self) -> Result<(), String> {
        self.connect(self.dialogue.connection)?;
        self.mark();
        if self.variation.cut == Cut::Server(0) && !self.driver.was_cut {
            self.driver.break_off()?;
        }
        let mut at = 0;
        while let Some((line, item)) = self.dialogue.items.get(at) {
            self.line = *line;
            if self.driver.was_cut {
                break;
            }
            let idle = self.driver.session.state() == State::Idle && !matches!(item, Item::OptionalLine(_));
            if idle && self.dialogue.setup.partial {
                if self.driver.begin_others()? {
                    self.others += 1;
                    continue;
                }
                if self.variation.mails == 1 || self.mails == 2 {
                    self.driver.part()?;
                    continue;
                }
            }
            if idle && !self.keeps() {
                match self.repetition() {
                    Some(begins) => {
                        self.next_mail()?;
                        at = begins;
                        continue;
                    }
                    None => return self.kept(),
                }
            }
            self.item(item)?;
            self.mark();
            at += 1;
        }
        if self.driver.was_cut {
            return check_lines(self.driver.on_this_connection(), true);
        }
        self.nothing_more("at the end")?;
        if !self.driver.session.closed() {
            return Err(format!("not closed at the end: {:?}", self.driver.session.state()));
        }
        self.verdict()
    }

    /// Whether the dialogue itself says what the session is kept for.
    fn keeps(&self) -> bool {
        self.dialogue.setup.keep
    }

    /// Sends the same mail again through the session that was kept, for the last time; where the dialogue goes on.
    fn next_mail(&mut self) -> Result<(), String> {
        self.nothing_more("between two mails")?;
        let first = self.driver.seen().cloned().ok_or("no verdict between two mails")?;
        self.first = Some(first);
        self.mails += 1;
        self.mail_start = None;
        let mut job = self.dialogue.setup.job();
        if self.dialogue.setup.partial {
            job.keep = true;
            self.driver.session.events.begin_partial(self.dialogue.recipients());
        }
        self.driver.next(job)?;
        if self.said() == b"RSET\r\n" {
            self.client_says(b"RSET\r\n")?;
            self.server(b"250 2.0.0 Reset\r\n", false)?;
        }
        Ok(())
    }

    /// Where the mail begins, for it to be played again: not where the network stands still, or the server speaks unasked. A mail that
    /// the server need not be asked about begins, and ends, with QUIT.
    fn repetition(&self) -> Option<usize> {
        let says = |word: &[u8]| {
            self.dialogue.items.iter().position(|(_, item)| match item {
                Item::Said(line) | Item::OptionalLine(line) => line.starts_with(word),
                _ => false,
            })
        };
        let begins = says(b"MAIL FROM:")
            .or(says(b"SEND FROM:"))
            .or(says(b"SOML FROM:"))
            .or(says(b"SAML FROM:"))
            .or(says(b"QUIT"))?;
        let items = &self.dialogue.items;
        if items
            .iter()
            .skip(begins)
            .any(|(_, item)| matches!(item, Item::Reconnect(_)))
        {
            return None;
        }
        let odd = |item: &Item| matches!(item, Item::Stall(_) | Item::Flow | Item::Server { surplus: true, .. });
        (self.mails == 1 && !items.iter().any(|(_, item)| odd(item))).then_some(begins)
    }

    /// The session is kept, and no mail comes: it ends with its connection, and the result stays.
    fn kept(&mut self) -> Result<(), String> {
        self.driver.lost(Reason::Lost)?;
        let seen = self.driver.seen().cloned().ok_or("no verdict")?;
        self.events(&seen)
    }

    fn mark(&mut self) {
        self.marks.push((self.delivered, self.driver.stream.len()));
    }

    fn connect(&mut self, connection: Connection) -> Result<(), String> {
        match connection {
            Connection::Stands => self.driver.connected(self.dialogue.setup.local),
            Connection::Fails(reason) => self.driver.lost(reason),
            Connection::Hangs => Ok(()),
        }
    }

    fn item(&mut self, item: &Item) -> Result<(), String> {
        match item {
            Item::Server { octets, surplus } => self.server(octets, *surplus),
            Item::Said(octets) => self.client_says(octets),
            Item::OptionalLine(line) => {
                if self.said().starts_with(line) {
                    self.matched += line.len();
                }
                Ok(())
            }
            Item::Mail(content) => self.mail(content.as_deref()),
            Item::Chunk { size, last, content } => self.chunk(*size, *last, content.as_deref()),
            Item::Part => {
                self.mail_start.get_or_insert(self.matched);
                self.matched = self.driver.stream.len();
                Ok(())
            }
            Item::Stall(octets) => {
                self.driver.limit = Some(self.driver.stream.len() + octets);
                self.driver.pump()
            }
            Item::Flow => {
                self.driver.limit = None;
                self.driver.pump()
            }
            Item::Wait(milliseconds) => {
                if *milliseconds > 0 {
                    self.nothing_more("before time passes")?;
                }
                self.driver.wait(*milliseconds)
            }
            Item::Close => {
                self.nothing_more("before the connection ends")?;
                self.driver.lost(Reason::Lost)
            }
            Item::Cancel => {
                self.nothing_more("before the program cancels")?;
                self.driver.cancel()
            }
            Item::Reconnect(connection) => {
                if !self.driver.reconnect() {
                    return Err("no new connection is asked for".into());
                }
                self.connect(*connection)
            }
            Item::Handshake(ended) => {
                self.nothing_more("before the handshake")?;
                if !self.driver.wants_handshake() {
                    return Err(format!("no handshake is asked for: {:?}", self.driver.session.state()));
                }
                match ended {
                    None => self.driver.secured(),
                    Some(reason) => self.driver.lost(*reason),
                }
            }
            Item::NextMail => {
                self.nothing_more("before the next mail")?;
                self.mails += 1;
                self.mail_start = None;
                self.driver.next(self.dialogue.setup.job())
            }
            Item::Leave => {
                self.nothing_more("before the session is kept no longer")?;
                self.driver.part()
            }
            Item::Verdict(wanted) => {
                if self.driver.session.verdict().is_some() != *wanted {
                    return Err(format!("verdict: {:?}", self.driver.session.verdict()));
                }
                Ok(())
            }
        }
    }

    /// What has left and is not matched yet.
    fn said(&self) -> &[u8] {
        &self.driver.stream[self.matched..]
    }

    fn nothing_more(&self, when: &str) -> Result<(), String> {
        let waiting = self.driver.limit.is_none() && self.driver.waiting() > 0;
        if !self.said().is_empty() || waiting {
            return Err(format!("{when} the client also says: {}", show(self.said())));
        }
        Ok(())
    }

    fn server(&mut self, octets: &[u8], surplus: bool) -> Result<(), String> {
        self.nothing_more("before the server does")?;
        if self.driver.session.closed() {
            return Err("the session is closed before the server says this".into());
        }
        let mut rest = octets;
        while !rest.is_empty() {
            let mut length = match self.variation.segmentation {
                Segmentation::Whole => rest.len(),
                Segmentation::Octets => 1,
                Segmentation::Random(_) if self.random.chance(30) => 1,
                Segmentation::Random(_) => 1 + self.random.below(rest.len()),
            };
            if let Cut::Server(at) = self.variation.cut {
                length = length.min(at - self.delivered);
            }
            let (segment, after) = rest.split_at(length);
            rest = after;
            self.delivered += length;
            self.driver.receive(segment)?;
            if self.driver.was_cut {
                return Ok(());
            }
            if self.variation.cut == Cut::Server(self.delivered) {
                return self.driver.break_off();
            }
            if !rest.is_empty() && !surplus && !self.said().is_empty() {
                return Err(format!(
                    "the client does not hear the server out (left: {}): {}",
                    show(rest),
                    show(self.said())
                ));
            }
        }
        Ok(())
    }

    fn client_says(&mut self, line: &[u8]) -> Result<(), String> {
        if !self.said().starts_with(line) {
            return Err(format!(
                "expected {}, the client says: {}",
                show(line),
                show(self.said())
            ));
        }
        self.matched += line.len();
        Ok(())
    }

    fn mail(&mut self, content: Option<&[u8]>) -> Result<(), String> {
        let start = self.mail_start.unwrap_or(self.matched);
        let mail = &self.driver.stream[start..];
        let dot = b"\r\n.\r\n";
        let Some(at) = mail.windows(dot.len()).position(|part| part == dot) else {
            return Err(format!("a mail without a final dot: {}", show(mail)));
        };
        let mail = &mail[..at + dot.len()];
        if let Some(content) = content.filter(|content| *content != mail) {
            let same = mail.iter().zip(content).take_while(|(one, other)| one == other).count();
            return Err(format!(
                "the mail differs from octet {same} on: expected {}, the client says: {}",
                show(&content[same..]),
                show(&mail[same..])
            ));
        }
        self.matched = start + mail.len();
        Ok(())
    }

    fn chunk(&mut self, size: usize, last: bool, content: Option<&[u8]>) -> Result<(), String> {
        self.client_says(format!("BDAT {size}{}\r\n", if last { " LAST" } else { "" }).as_bytes())?;
        let Some(chunk) = self.said().get(..size) else {
            return Err(format!("not a whole chunk: {}", show(self.said())));
        };
        if content.is_some_and(|content| content != chunk) {
            return Err(format!("the chunk differs, the client says: {}", show(chunk)));
        }
        self.matched += size;
        Ok(())
    }

    fn verdict(&mut self) -> Result<(), String> {
        let seen = self.driver.seen().cloned().ok_or("no verdict")?;
        let verdict = seen.verdict;
        let same = |first: &Seen| match self.dialogue.setup.probe {
            // Another probe has nothing to ask of the server.
            true => (first.verdict.code, first.verdict.outcome) == (verdict.code, verdict.outcome),
            false => *first == seen,
        };
        if self.first.as_ref().is_some_and(|first| !same(first)) {
            return Err(format!(
                "the first mail ended with {:?}, the second with {seen:?}",
                self.first
            ));
        }
        self.events(&seen)?;
        let mut seen = seen;
        if self.dialogue.setup.partial {
            sum(&mut seen, &self.driver.session.events);
        }
        let verdict = seen.verdict;
        let again = self.mails == 2 && self.dialogue.setup.probe && !self.keeps();
        let judges = |expected: &Expected| !again || matches!(expected, Expected::Code(_) | Expected::Outcome(_));
        for (line, expected) in self.dialogue.expected.iter().filter(|(_, expected)| judges(expected)) {
            self.line = *line;
            let holds = match expected {
                Expected::Code(code) => verdict.code.number() == *code,
                Expected::Outcome(outcome) => verdict.outcome == *outcome,
                Expected::Phase(phase) => verdict.step.phase() == *phase,
                Expected::Reply(reply) => verdict.reply == *reply,
                Expected::Text(text) => seen.text == *text,
                Expected::TextPart(part) => seen.text.contains(part.as_str()),
                Expected::NoTextPart(part) => !seen.text.contains(part.as_str()),
                Expected::Accepted(accepted) => seen.recipients.0 == *accepted,
                Expected::Recipient(recipient) => verdict.recipient == *recipient,
                Expected::Refused(refused) => seen.recipients.1 == *refused,
                Expected::RecipientVerdict(at, outcome, reply) => {
                    self.driver.session.events.fates.get(*at) == Some(&Fate::Ended(*outcome, *reply))
                }
            };
            if !holds {
                return Err(format!("expected {expected:?}, got {seen:?}"));
            }
        }
        let whole = check_lines(self.driver.on_this_connection(), self.broke_off());
        whole.map_err(|message| format!("the client wrote {message}"))
    }

    /// The events are what passed on the wire.
    fn events(&self, seen: &Seen) -> Result<(), String> {
        let (events, setup) = (&self.driver.session.events, &self.dialogue.setup);
        let encoded = base64(&setup.password);
        let secrets = [setup.password.as_slice(), encoded.trim_end_matches('=').as_bytes()];
        // A text that cannot be sent is found while it is written, and nothing of that buffer leaves.
        if seen.verdict.reason == Reason::Unsendable {
            return events.check_ends(self.mails + self.others, &seen.verdict, &seen.text);
        }
        events.check(if setup.mechanisms.is_empty() { &[] } else { &secrets })?;
        if self.variation.segmentation == Segmentation::Whole && self.variation.leaving == Leaving::AtOnce {
            events.check_order()?;
        }
        events.check_recipients(seen.recipients, &seen.verdict, &seen.text)?;
        events.check_ends(self.mails + self.others, &seen.verdict, &seen.text)
    }

    /// Whether the client had no chance to end its last line.
    fn broke_off(&self) -> bool {
        self.driver.limit.is_some()
    }
}

/// Every variation that a dialogue is played in; the seeds are in the messages.
pub fn variations(dialogue: &Dialogue, seed: u64) -> Vec<Variation> {
    let segmentations = if dialogue.whole_only {
        vec![Segmentation::Whole]
    } else {
        let mut all = vec![Segmentation::Whole, Segmentation::Octets];
        all.extend((0..4).map(|at| Segmentation::Random(seed.wrapping_add(at))));
        all
    };
    let mut variations = Vec::new();
    for segmentation in segmentations {
        for buffer in [16, 37, 512, 8192] {
            for leaving in [Leaving::AtOnce, Leaving::Pieces, Leaving::Queued] {
                variations.push(Variation {
                    segmentation,
                    buffer,
                    leaving,
                    cut: Cut::Nowhere,
                    mails: 1,
                });
            }
        }
    }
    variations
}
