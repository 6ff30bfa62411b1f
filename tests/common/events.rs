//! Takes a session's events, and compares them with what passed on the wire.

#[cfg(feature = "std")]
use sds_smtp::auth::Exchange;
use sds_smtp::code::{Code, Outcome, Reason, Step};
use sds_smtp::limits::{CHALLENGE_BYTES, Count, EVENT_LINE_BYTES};
use sds_smtp::session::Verdict;
use sds_smtp::session::event::{End, Events, Hearing, MASK, RecipientVerdict};

use super::observer::show;

/// Who said something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Client,
    Server,
}

/// One thing that was said.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Said {
    /// A line, without its end.
    Line(Side, Vec<u8>),
    /// Octets of the mail data.
    Data(Vec<u8>),
}

/// The end of a mail, as it was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    pub verdict: Verdict,
    pub text: String,
    pub recipients: (Count, Count),
}

/// What became of a recipient of a mail that goes to whoever is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Untried,
    HasNoRoom,
    Accepted,
    Ended(Outcome, u16),
}

/// Remembers all events, and what passed on the wire.
#[derive(Default)]
pub struct Recorder {
    said: Vec<Said>,
    hearing: Line,
    /// The recipients' verdicts: number, code, reply code, text.
    pub recipients: Vec<(Count, u8, u16, String)>,
    /// Each end that was told.
    pub ends: Vec<Ended>,
    /// What became of each recipient, where the mail goes to whoever is accepted.
    pub fates: Vec<Fate>,
    challenge: Vec<u8>,
    #[cfg(feature = "std")]
    exchange: Option<Box<Exchange>>,
    /// What the session has written, and what it was given, in this order.
    wire: Vec<(Side, Vec<u8>)>,
}

struct Line(Box<Hearing>);

impl Default for Line {
    fn default() -> Self {
        Self(Box::new(Hearing::EMPTY))
    }
}

impl Events for Recorder {
    fn listens(&self) -> bool {
        true
    }

    fn said(&mut self, line: &[u8]) {
        self.said.push(Said::Line(Side::Client, line.to_vec()));
    }

    fn data(&mut self, octets: &[u8]) {
        if !octets.is_empty() {
            self.said.push(Said::Data(octets.to_vec()));
        }
    }

    fn hearing(&mut self) -> Option<&mut Hearing> {
        Some(&mut self.hearing.0)
    }

    fn heard(&mut self) {
        let line = self.hearing.0.line().to_vec();
        self.said.push(Said::Line(Side::Server, line));
    }

    fn recipient(&mut self, verdict: &RecipientVerdict<'_>) -> bool {
        let text = String::from_utf8_lossy(verdict.text).trim_end().to_string();
        #[cfg(feature = "std")]
        if let Some(fate) = self.fates.get_mut(verdict.number as usize) {
            assert_eq!(
                *fate,
                Fate::Untried,
                "recipient {} is answered for twice",
                verdict.number
            );
            *fate = match verdict.code {
                _ if !verdict.counts => Fate::Untried,
                Code::Ok => Fate::Accepted,
                _ if verdict.has_no_room => Fate::HasNoRoom,
                _ => Fate::Ended(Outcome::NotSent, verdict.reply),
            };
            if verdict.has_no_room {
                return false;
            }
        }
        self.recipients
            .push((verdict.number, verdict.code.number(), verdict.reply, text));
        false
    }

    #[cfg(feature = "std")]
    fn skips(&self, number: Count) -> bool {
        self.fates
            .get(number as usize)
            .is_some_and(|fate| *fate != Fate::Untried)
    }

    #[cfg(feature = "std")]
    fn wanted(&self, most: Count) -> Count {
        let untried = self.fates.iter().filter(|fate| **fate == Fate::Untried);
        most.min(untried.count() as Count)
    }

    fn end(&mut self, end: &End<'_>) {
        let verdict = end.verdict;
        #[cfg(feature = "std")]
        if verdict.outcome == Outcome::Unknown {
            let untried = self.fates.iter_mut().filter(|fate| **fate == Fate::Untried);
            for fate in untried.take(end.unanswered as usize) {
                *fate = Fate::Accepted;
            }
        }
        for fate in self.fates.iter_mut().filter(|fate| **fate == Fate::Accepted) {
            *fate = Fate::Ended(verdict.outcome, verdict.reply);
        }
        let of_recipients = verdict.step == Step::Rcpt && verdict.reason == Reason::None && verdict.reply != 421;
        if verdict.outcome != Outcome::Sent && !of_recipients {
            for fate in self.fates.iter_mut().filter(|fate| !matches!(fate, Fate::Ended(..))) {
                *fate = Fate::Ended(Outcome::NotSent, verdict.reply);
            }
        }
        self.ends.push(Ended {
            verdict: *end.verdict,
            text: String::from_utf8_lossy(end.text).into_owned(),
            recipients: (end.accepted, end.refused),
        });
    }

    fn keep_challenge(&mut self, octets: &[u8]) -> bool {
        self.challenge.extend_from_slice(octets);
        self.challenge.len() <= CHALLENGE_BYTES
    }

    fn challenge(&self) -> &[u8] {
        &self.challenge
    }

    fn drop_challenge(&mut self) {
        self.challenge.clear();
    }

    #[cfg(feature = "std")]
    fn begin_exchange(&mut self) -> Result<(), Reason> {
        self.exchange = Some(Box::new(Exchange::new(&NONCE)));
        Ok(())
    }

    #[cfg(feature = "std")]
    fn exchange(&mut self) -> Option<(&mut Exchange, &[u8])> {
        Some((self.exchange.as_mut()?, &self.challenge))
    }

    #[cfg(feature = "std")]
    fn end_exchange(&mut self) {
        self.exchange = None;
    }
}

/// The random octets of every login: the nonce is that of the example in RFC 5802, 5.
#[cfg(feature = "std")]
const NONCE: [u8; 18] = [
    0x7f, 0x29, 0x28, 0xf9, 0xdd, 0xa5, 0x6d, 0xb1, 0x60, 0x38, 0xd4, 0x6f, 0xf6, 0xa9, 0x31, 0x75, 0xac, 0x0b,
];

impl Recorder {
    /// A mail to whoever of so many recipients is accepted begins.
    pub fn begin_partial(&mut self, recipients: usize) {
        self.fates = vec![Fate::Untried; recipients];
    }

    /// Another transaction of it begins, where some are left; whether it does.
    pub fn begin_others(&mut self) -> bool {
        for fate in self.fates.iter_mut().filter(|fate| **fate == Fate::HasNoRoom) {
            *fate = Fate::Untried;
        }
        self.fates.contains(&Fate::Untried)
    }

    /// What it comes to: the outcome, and whether all have it.
    pub fn sum(&self) -> (Outcome, bool) {
        let any = |outcome| {
            let mut fates = self.fates.iter();
            fates.any(|fate| matches!(fate, Fate::Ended(of, _) if *of == outcome))
        };
        let all = self
            .fates
            .iter()
            .all(|fate| matches!(fate, Fate::Ended(Outcome::Sent, _)));
        let outcome = match () {
            () if any(Outcome::Unknown) => Outcome::Unknown,
            () if any(Outcome::Sent) => Outcome::Sent,
            () => Outcome::NotSent,
        };
        (outcome, all)
    }

    /// These octets passed.
    pub fn passed(&mut self, side: Side, octets: &[u8]) {
        self.wire.push((side, octets.to_vec()));
    }

    /// A new connection: what was not said to its end on the old one is said anew.
    pub fn reconnected(&mut self) {
        for fate in self.fates.iter_mut().filter(|fate| **fate == Fate::Accepted) {
            *fate = Fate::Untried;
        }
        self.recipients.clear();
        let of_client = |said: &&Said| !matches!(said, Said::Line(Side::Server, _));
        let in_chunk = matches!(self.said.iter().rev().find(of_client), Some(Said::Data(_)));
        let cut = self
            .wire
            .iter_mut()
            .rev()
            .filter(|(side, _)| *side == Side::Client && !in_chunk);
        for (_, octets) in cut {
            let end = octets
                .iter()
                .rposition(|octet| *octet == b'\n')
                .map_or(0, |end| end + 1);
            octets.truncate(end);
            if end > 0 {
                break;
            }
        }
        // What the server said of a line was told.
        if let Some((_, octets)) = self.wire.iter_mut().rfind(|(side, _)| *side == Side::Server) {
            octets.push(b'\n');
        }
    }

    fn on_the_wire(&self, side: Side) -> Vec<u8> {
        let of_side = self.wire.iter().filter(|(of, _)| *of == side);
        of_side.flat_map(|(_, octets)| octets.iter().copied()).collect()
    }

    /// Joined, the events are what passed, the secrets masked. `secrets`: what must be seen nowhere; none where there is no login.
    pub fn check(&self, secrets: &[&[u8]]) -> Result<(), String> {
        self.check_client(!secrets.is_empty())?;
        self.check_server(!secrets.is_empty())?;
        for said in &self.said {
            let Said::Line(_, line) = said else { continue };
            for secret in secrets {
                // Shorter ones are found everywhere.
                if secret.len() >= 4 && line.windows(secret.len()).any(|part| part.eq_ignore_ascii_case(secret)) {
                    return Err(format!("an event shows a secret: {}", show(line)));
                }
            }
        }
        Ok(())
    }

    fn check_client(&self, logs_in: bool) -> Result<(), String> {
        let wire = self.on_the_wire(Side::Client);
        let mut rest = wire.as_slice();
        for said in &self.said {
            match said {
                Said::Data(octets) => {
                    rest = rest
                        .strip_prefix(octets.as_slice())
                        .ok_or_else(|| format!("the data {} is not what was written: {}", show(octets), show(rest)))?;
                }
                Said::Line(Side::Client, line) => {
                    let end = rest.windows(2).position(|end| end == b"\r\n");
                    let (written, after) =
                        rest.split_at(end.ok_or_else(|| format!("told: {}, written: {}", show(line), show(rest)))?);
                    rest = &after[2..];
                    let same = match line.strip_suffix(MASK) {
                        Some(before) if logs_in => written
                            .strip_prefix(before)
                            .is_some_and(|secret| secret.iter().all(|octet| octet.is_ascii_graphic())),
                        _ => written == line,
                    };
                    if !same {
                        return Err(format!("{} is told as {}", show(written), show(line)));
                    }
                }
                Said::Line(Side::Server, _) => {}
            }
        }
        // A command of which only a part was written.
        if rest.contains(&b'\n') {
            return Err(format!("the events do not tell of {}", show(rest)));
        }
        Ok(())
    }

    fn check_server(&self, logs_in: bool) -> Result<(), String> {
        let wire = self.on_the_wire(Side::Server);
        let clean = |octet: &u8| match octet {
            b'\t' => b' ',
            b' '..=b'~' => *octet,
            _ => b'?',
        };
        let lines = wire.split(|octet| *octet == b'\n').map(|line| {
            let line = line.iter().filter(|octet| **octet != b'\r');
            line.map(clean).take(EVENT_LINE_BYTES).collect::<Vec<u8>>()
        });
        let mut lines = lines.filter(|line| !line.is_empty());
        let heard = self.said.iter().filter_map(|said| match said {
            Said::Line(Side::Server, line) => Some(line),
            _ => None,
        });
        let all = heard.clone().count();
        let mut told = 0;
        for line in heard {
            told += 1;
            let arrived = lines.next().unwrap_or_default();
            // The last one may be a part of a line.
            let same = (arrived.len() == line.len() || (told == all && arrived.len() > line.len()))
                && arrived
                    .iter()
                    .zip(line)
                    .all(|(arrived, told)| arrived == told || (logs_in && *told == b'*'));
            if !same {
                return Err(format!("{} is told as {}", show(&arrived), show(line)));
            }
        }
        // The session may end in the last segment, and look at no more of it.
        let last = self
            .wire
            .iter()
            .rposition(|(side, _)| *side == Side::Server)
            .unwrap_or(0);
        let before = self.wire.iter().take(last).filter(|(side, _)| *side == Side::Server);
        let before: Vec<u8> = before.flat_map(|(_, octets)| octets.iter().copied()).collect();
        let whole = before.iter().rposition(|octet| *octet == b'\n').unwrap_or(0);
        let lines = before[..whole].split(|octet| *octet == b'\n');
        let due = lines.filter(|line| line.iter().any(|octet| *octet != b'\r')).count();
        if told < due {
            return Err(format!("of {due} lines of the server {told} were told"));
        }
        Ok(())
    }

    /// In the order in which it was said: each line of the wire, whole ones only; and the same of the events.
    pub fn check_order(&self) -> Result<(), String> {
        let mut wire: Vec<Side> = Vec::new();
        let mut told: Vec<Side> = Vec::new();
        for (side, octets) in &self.wire {
            let ends = octets.iter().filter(|octet| **octet == b'\n').count();
            wire.extend(std::iter::repeat_n(*side, ends));
        }
        for said in &self.said {
            match said {
                Said::Line(side, _) => told.push(*side),
                Said::Data(octets) => {
                    let ends = octets.iter().filter(|octet| **octet == b'\n').count();
                    told.extend(std::iter::repeat_n(Side::Client, ends));
                }
            }
        }
        let turns = |mut sides: Vec<Side>| {
            sides.dedup();
            sides
        };
        let (mut wire, told) = (turns(wire), turns(told));
        if wire.last() != Some(&Side::Server) {
            // A part of a line, where the connection was lost.
            wire.push(Side::Server);
        }
        if !wire.starts_with(&told) {
            return Err(format!("said in the order {wire:?}, told as {told:?}"));
        }
        Ok(())
    }

    /// The end was told once for each mail, and as it is.
    pub fn check_ends(&self, mails: usize, verdict: &Verdict, text: &str) -> Result<(), String> {
        match self.ends.as_slice() {
            [.., last] if self.ends.len() == mails && last.verdict == *verdict && last.text == text => Ok(()),
            ends => Err(format!(
                "{mails} mails have ended, the last one with {verdict:?}, {text:?}; told: {ends:?}"
            )),
        }
    }

    /// The recipients that are told as refused or accepted are as many as the result has.
    pub fn check_recipients(&self, counts: (Count, Count), verdict: &Verdict, text: &str) -> Result<(), String> {
        let accepted = self.recipients.iter().filter(|(_, code, ..)| *code == 0).count();
        let refused = self.recipients.len() - accepted;
        if (accepted, refused) != (counts.0 as usize, counts.1 as usize) {
            return Err(format!("recipients {counts:?}, told: {:?}", self.recipients));
        }
        if verdict.outcome == Outcome::Sent && accepted == 0 {
            return Err("sent, and no recipient was told as accepted".into());
        }
        let told = self.recipients.iter().filter(|(.., told)| !told.is_empty());
        // Where several may be refused, each has its own words.
        for (number, code, reply, told) in told.filter(|_| self.fates.is_empty()) {
            let decides = (*number, *code, *reply) == (verdict.recipient, verdict.code.number(), verdict.reply);
            if !decides || told != text {
                return Err(format!(
                    "recipient {number} is told with {told}, the mail ended with {verdict:?}, {text}"
                ));
            }
        }
        Ok(())
    }
}
