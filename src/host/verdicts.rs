//! What becomes of each recipient of a mail that has several: a mark each, and the server's words once where they are the same.
//!
//! All that a verdict needs is there before the mail begins. Only words may find no memory later: then a verdict has none.

use std::boxed::Box;

use super::memory::{Row, wipe};
use super::told::LastMail;
use crate::client::policy::Failed;
use crate::client::report::{Bounded, Report};
use crate::code::{Code, Outcome, Phase, Reason};
use crate::limits::{Count, LOG_TEXT_BYTES, REPLY_TEXT_BYTES};
use crate::session::event::RecipientVerdict;
use crate::session::recipients::says_too_many;
use crate::wire::address::List;
use crate::wire::reply::enhanced_status_code;

/// What is said of a recipient that was not refused, of a mail that goes to all or to none.
const ANOTHER: &[u8] = b"another recipient was refused: nobody was sent the mail";

/// What became of a recipient so far.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// Nothing: it is to be tried.
    Untried,
    /// Tried, and there was no room for it in the transaction.
    Unfit,
    /// Accepted, in a transaction that has not ended.
    Accepted,
    /// Accepted, and the mail was taken.
    Sent,
    /// Accepted, and nobody knows whether the mail was taken.
    Unknown,
    /// Refused.
    Refused,
    /// The mail ended otherwise before it was sent it.
    Ended,
}

/// A recipient.
#[derive(Clone, Copy)]
struct Mark {
    reply: u16,
    /// The number of its text; 0 is none.
    text: u16,
    code: Code,
    fate: Fate,
    /// It was accepted, whatever followed.
    accepted: bool,
    /// It was not sent the mail, and may be later.
    passes: bool,
}

impl Mark {
    const UNTRIED: Self = Self {
        reply: 0,
        text: 0,
        code: Code::Ok,
        fate: Fate::Untried,
        accepted: false,
        passes: false,
    };

    fn outcome(&self) -> Outcome {
        match self.fate {
            Fate::Sent => Outcome::Sent,
            Fate::Unknown => Outcome::Unknown,
            _ => Outcome::NotSent,
        }
    }
}

/// How many lists the texts are in, by a number made of their octets.
const CHAINS: usize = 256;

/// Stands in a text for the recipient that it names: no text has one in it.
const NAMED: u8 = 0;

/// Texts, each once. They are numbered from 1 on.
#[derive(Default)]
struct Texts {
    octets: Row<u8>,
    /// Where each ends, and the next one of its list.
    each: Row<(u32, u16)>,
    /// The newest one of each list.
    newest: Row<u16>,
}

impl Texts {
    /// The text with this number.
    fn get(&self, number: u16) -> &[u8] {
        let Some(at) = usize::from(number).checked_sub(1) else {
            return &[];
        };
        let end_of = |at: usize| {
            self.each
                .get(at)
                .map_or(0, |(end, _)| usize::try_from(*end).unwrap_or(0))
        };
        let begin = at.checked_sub(1).map_or(0, end_of);
        self.octets.get(begin..end_of(at)).unwrap_or(&[])
    }

    /// The number of a text; 0 where there is no memory for it, or where there are too many others.
    fn add(&mut self, text: &[u8]) -> u16 {
        if text.is_empty() {
            return 0;
        }
        let chain = text.iter().fold(0u8, |sum, octet| sum.rotate_left(3) ^ octet);
        let mut number = self.newest.get(usize::from(chain)).copied().unwrap_or(0);
        while number != 0 {
            if self.get(number) == text {
                return number;
            }
            let at = usize::from(number).saturating_sub(1);
            number = self.each.get(at).map_or(0, |(_, next)| *next);
        }
        self.append(text, usize::from(chain)).unwrap_or(0)
    }

    fn append(&mut self, text: &[u8], chain: usize) -> Option<u16> {
        let number = u16::try_from(self.each.len().checked_add(1)?).ok()?;
        let end = u32::try_from(self.octets.len().checked_add(text.len())?).ok()?;
        if self.newest.is_empty() {
            self.newest.grow(CHAINS, 0)?;
        }
        self.each.reserve(1)?;
        self.octets.append(text)?;
        let newest = self.newest.get_mut(chain)?;
        let next = core::mem::replace(newest, number);
        self.each.push((end, next))?;
        Some(number)
    }
}

impl Drop for Texts {
    fn drop(&mut self) {
        wipe(&mut self.octets);
    }
}

/// Behind fewer than so many a refusal without words is taken to be about its recipient: servers have to take 100 (RFC 5321,
/// 4.5.3.1.8).
const LEAST: Count = 10;

/// How many recipients a server takes at a time, as it was seen.
#[derive(Clone, Copy)]
struct Limit {
    most: Count,
    /// It has said that it is the number; else it may have meant a recipient.
    sure: bool,
}

/// The recipients of a mail.
pub struct Verdicts {
    /// They, as a list: when the mail has ended.
    list: Box<[u8]>,
    marks: Row<Mark>,
    texts: Texts,
    /// The first one of the transaction.
    first: usize,
    /// The one behind the last of it that was answered for.
    answered: usize,
    /// How many of the transaction were answered for.
    tried: Count,
    /// How many behind them were asked for.
    unanswered: Count,
    limit: Option<Limit>,
    /// A transaction has ended well on the connection.
    served: bool,
    /// The first refusal: which one, and all that is kept of its text.
    refusal: Option<(usize, Bounded<REPLY_TEXT_BYTES>)>,
}

/// What became of a recipient.
pub struct Recipient<'a> {
    /// Its address.
    pub address: &'a [u8],
    /// The result code.
    pub code: Code,
    /// What became of the mail for it.
    pub outcome: Outcome,
    /// The server's reply code; 0 where that did not decide.
    pub reply: u16,
    /// The enhanced status code; zeros where there is none.
    pub enhanced: [u32; 3],
    /// The server's text, or ours.
    pub text: Bounded<LOG_TEXT_BYTES>,
}

impl<'a> Recipient<'a> {
    /// The only one of a mail that ended so.
    pub fn only(told: &'a LastMail) -> Self {
        Self {
            address: told.recipient.octets(),
            code: told.code,
            outcome: told.outcome,
            reply: told.reply,
            enhanced: told.enhanced,
            text: Bounded::new(told.text.octets()),
        }
    }
}

impl Verdicts {
    /// Of so many recipients, before the mail begins. None without memory.
    pub fn new(count: Count) -> Option<Self> {
        let count = usize::try_from(count).ok()?;
        let mut marks = Row::with_room(count)?;
        marks.grow(count, Mark::UNTRIED)?;
        Some(Self {
            list: Box::default(),
            marks,
            texts: Texts::default(),
            first: 0,
            answered: 0,
            tried: 0,
            unanswered: 0,
            limit: None,
            served: false,
            refusal: None,
        })
    }

    fn fate(&self, at: usize) -> Option<Fate> {
        self.marks.get(at).map(|mark| mark.fate)
    }

    fn place(&self, number: Count) -> usize {
        let number = usize::try_from(number).unwrap_or(usize::MAX);
        self.first.saturating_add(number)
    }

    /// A transaction begins, with those that are still to be tried; the number of the first one of them.
    pub fn begin(&mut self) -> usize {
        let transaction = self.marks.get_mut(self.first..self.answered).unwrap_or(&mut []);
        for mark in transaction.iter_mut().filter(|mark| mark.fate == Fate::Unfit) {
            *mark = Mark::UNTRIED;
        }
        while self.fate(self.first).is_some_and(|fate| fate != Fate::Untried) {
            self.first = self.first.saturating_add(1);
        }
        (self.answered, self.tried) = (self.first, 0);
        self.first
    }

    /// Whether some are still to be tried.
    fn are_left(&self) -> bool {
        let rest = self.marks.get(self.first..).unwrap_or(&[]);
        rest.iter().any(|mark| matches!(mark.fate, Fate::Untried | Fate::Unfit))
    }

    /// Whether this one of the transaction's list is not to be tried in it.
    pub fn skips(&self, number: Count) -> bool {
        self.fate(self.place(number)).is_some_and(|fate| fate != Fate::Untried)
    }

    /// How many are to be tried at a time, of `most` at most.
    pub fn wanted(&self, most: Count) -> Count {
        let most = self.limit.map_or(most, |limit| limit.most.min(most));
        let rest = self.marks.get(self.first..).unwrap_or(&[]);
        let untried = rest.iter().filter(|mark| mark.fate == Fate::Untried);
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        Count::try_from(untried.take(most).count()).unwrap_or(Count::MAX)
    }

    /// The server has answered for one of them.
    pub fn answer(&mut self, verdict: &RecipientVerdict<'_>) {
        if !verdict.counts {
            return;
        }
        let at = self.place(verdict.number);
        let accepted = verdict.code == Code::Ok;
        let before = self.tried;
        (self.answered, self.tried) = (at.saturating_add(1), before.saturating_add(1));
        if verdict.has_no_room {
            if let Some(mark) = self.marks.get_mut(at) {
                mark.fate = Fate::Unfit;
            }
            let sure = says_too_many(verdict.text);
            let new = (sure || before >= LEAST).then_some(Limit { most: before, sure });
            self.limit = self.limit.filter(|limit| limit.most <= before).or(new);
            return;
        }
        if accepted && self.limit.is_some_and(|limit| limit.most <= before) {
            // There was room for this one: the server meant that one recipient.
            self.limit = None;
        }
        if !accepted && self.refusal.is_none() {
            self.refusal = Some((at, Bounded::new(verdict.text)));
        }
        let text = self.keep(verdict.text, verdict.mailbox);
        let refused = Failed {
            outcome: Outcome::NotSent,
            code: verdict.code,
            reply: verdict.reply,
            reason: Reason::None,
        };
        if let Some(mark) = self.marks.get_mut(at) {
            *mark = Mark {
                reply: verdict.reply,
                text,
                code: verdict.code,
                fate: if accepted { Fate::Accepted } else { Fate::Refused },
                accepted,
                passes: !accepted && refused.may_pass(),
            };
        }
    }

    /// The transaction has ended, and so many of it were asked for and not answered for.
    pub fn note_unanswered(&mut self, unanswered: Count) {
        self.unanswered = unanswered;
    }

    /// Keeps a text, in which the recipient is not named.
    fn keep(&mut self, text: &[u8], mailbox: &[u8]) -> u16 {
        let mut room = [0; LOG_TEXT_BYTES];
        let mut length = 0usize;
        let mut rest = text.trim_ascii_end();
        while let (Some(place), [octet, behind @ ..]) = (room.get_mut(length), rest) {
            let named = rest.strip_prefix(mailbox).filter(|_| !mailbox.is_empty());
            (*place, rest) = match named {
                Some(behind) => (NAMED, behind),
                None => (*octet, behind),
            };
            length = length.saturating_add(1);
        }
        self.texts.add(room.get(..length).unwrap_or(&[]))
    }

    /// A transaction of a mail that goes to whoever is accepted has ended, or the attempt has: this is how. Whether another one is to
    /// follow on the same connection; `stop`: why that cannot be.
    pub fn end_transaction(&mut self, report: &Report, stop: Option<(Code, Reason)>, dry: bool) -> bool {
        let of_recipients = is_of_recipients(report);
        let dry = dry && report.code == Code::Ok;
        let taken = report.outcome == Outcome::Sent || dry;
        self.served |= taken;
        let text = if taken || !of_recipients {
            self.keep(report.text.octets(), &[])
        } else {
            0
        };
        if report.outcome == Outcome::Unknown {
            // The mail may have gone to them.
            let most = usize::try_from(self.unanswered).unwrap_or(usize::MAX);
            let behind = self.marks.get_mut(self.answered..).unwrap_or(&mut []).iter_mut();
            let asked = behind
                .enumerate()
                .filter(|(_, mark)| mark.fate == Fate::Untried)
                .take(most);
            let mut end = self.answered;
            for (at, mark) in asked {
                mark.fate = Fate::Accepted;
                end = self.answered.saturating_add(at).saturating_add(1);
            }
            self.answered = end;
        }
        let transaction = self.marks.get_mut(self.first..self.answered).unwrap_or(&mut []);
        for mark in transaction.iter_mut().filter(|mark| mark.fate == Fate::Accepted) {
            mark.fate = match report.outcome {
                Outcome::Sent => Fate::Sent,
                Outcome::Unknown => Fate::Unknown,
                _ => Fate::Ended,
            };
            // In a dry run it is the answer to its own RCPT that counts.
            if !dry {
                (mark.code, mark.reply, mark.text) = (report.code, report.reply, text);
                mark.passes = mark.fate == Fate::Ended && ended(report).may_pass();
            }
        }
        if let Some(limit) = self.limit.as_mut().filter(|limit| !limit.sure) {
            if limit.most == self.tried {
                // All of them found room.
                limit.most = limit.most.saturating_mul(2);
            }
        }
        if !(taken || of_recipients) {
            // It was about the mail, or the connection is lost.
            self.end_rest(ended(report), text);
        } else if let Some((code, reason)) = stop {
            let text = self.keep(reason.text(), &[]);
            let rest = Failed {
                outcome: Outcome::NotSent,
                code,
                reply: 0,
                reason,
            };
            self.end_rest(rest, text);
        } else {
            return self.are_left();
        }
        false
    }

    /// The mail has ended so for those that it has not been tried for.
    fn end_rest(&mut self, failed: Failed, text: u16) {
        for mark in self.marks.get_mut(self.first..).unwrap_or(&mut []) {
            if matches!(mark.fate, Fate::Untried | Fate::Unfit) {
                *mark = Mark {
                    reply: failed.reply,
                    text,
                    code: failed.code,
                    fate: Fate::Ended,
                    accepted: false,
                    passes: failed.may_pass(),
                };
            }
        }
    }

    /// A mail that goes to all or to none has ended, or an attempt has: this is how.
    pub fn end_all(&mut self, report: &Report) {
        let refused = is_of_recipients(report);
        let text = if refused { ANOTHER } else { report.text.octets() };
        let text = self.keep(text, &[]);
        for mark in self.marks.iter_mut().filter(|mark| mark.fate != Fate::Refused) {
            mark.fate = match (report.outcome, mark.fate) {
                (Outcome::Sent, _) => Fate::Sent,
                (Outcome::Unknown, _) => Fate::Unknown,
                _ => Fate::Ended,
            };
            mark.code = report.code;
            mark.reply = if refused { 0 } else { report.reply };
            mark.text = text;
        }
    }

    /// Whether a transaction has ended well on the connection.
    pub fn has_served(&self) -> bool {
        self.served
    }

    /// Another connection begins.
    pub fn begin_connection(&mut self) {
        self.restart();
        self.served = false;
    }

    /// The transaction that was begun comes to nothing, and begins again on another connection.
    pub fn restart(&mut self) {
        let transaction = self.marks.get_mut(self.first..self.answered).unwrap_or(&mut []);
        for mark in transaction.iter_mut().filter(|mark| mark.fate == Fate::Accepted) {
            *mark = Mark::UNTRIED;
        }
    }

    /// Another attempt begins: with all, or where the mail goes to whoever is accepted with those who may get it.
    pub fn renew(&mut self, partial: bool) {
        for mark in self.marks.iter_mut().filter(|mark| mark.passes || !partial) {
            *mark = Mark::UNTRIED;
        }
        (self.first, self.answered, self.tried) = (0, 0, 0);
        (self.limit, self.refusal) = (None, None);
    }

    /// What is told of the whole mail, where the transaction that ended last is a part of it: the number of the recipient that
    /// decides, and whether it was refused.
    pub fn sum(&self, report: &mut Report, list: &[u8]) -> (Count, bool) {
        let all = || self.marks.iter().enumerate();
        let count = |of: &dyn Fn(&Mark) -> bool| {
            let count = self.marks.iter().filter(|mark| of(mark)).count();
            Count::try_from(count).unwrap_or(Count::MAX)
        };
        report.recipients = (count(&|mark| mark.accepted), count(&|mark| mark.fate == Fate::Refused));
        let sent = all().any(|(_, mark)| mark.fate == Fate::Sent);
        let served = all().any(|(_, mark)| mark.code == Code::Ok);
        let unknown = all().find(|(_, mark)| mark.fate == Fate::Unknown);
        let Some((at, mark)) = unknown.or_else(|| all().find(|(_, mark)| mark.code != Code::Ok)) else {
            return (0, false);
        };
        let refused = mark.fate == Fate::Refused;
        report.outcome = match () {
            () if unknown.is_some() => Outcome::Unknown,
            () if sent => Outcome::Sent,
            () => Outcome::NotSent,
        };
        // What ended the last attempt is told with all that is known of it.
        let is_last = !refused && (mark.code, mark.reply) == (report.code, report.reply);
        if !is_last {
            report.phase = if refused { Phase::Rcpt } else { Phase::End };
            report.reply = mark.reply;
            report.reason = if mark.reply > 0 { Reason::None } else { Reason::Lost };
            report.text = self.text_of(at, list);
            report.enhanced = enhanced_status_code(report.text.octets());
        }
        report.code = if unknown.is_none() && served {
            Code::PartlySent
        } else {
            mark.code
        };
        (Count::try_from(at).unwrap_or(Count::MAX), refused)
    }

    /// All that is kept of the text of a recipient's verdict.
    fn text_of(&self, at: usize, list: &[u8]) -> Bounded<REPLY_TEXT_BYTES> {
        match &self.refusal {
            Some((of, text)) if *of == at => Bounded::new(text.octets().trim_ascii_end()),
            _ => {
                let number = self.marks.get(at).map_or(0, |mark| mark.text);
                self.with_name(number, List::new(list).nth(at).unwrap_or(&[]))
            }
        }
    }

    /// The whole text of the first refusal, where it decides about a mail that goes to all or to none.
    pub fn refusal(&self) -> Option<&[u8]> {
        self.refusal.as_ref().map(|(_, text)| text.octets())
    }

    /// Of somebody who may get the mail in another attempt: why it was not sent.
    pub fn passing(&self) -> Option<Failed> {
        let mark = self.marks.iter().find(|mark| mark.passes)?;
        Some(Failed {
            outcome: Outcome::NotSent,
            code: mark.code,
            reply: mark.reply,
            reason: Reason::Lost,
        })
    }

    /// The mail has ended: takes the list of its recipients.
    pub fn keep_list(&mut self, list: Box<[u8]>) {
        self.list = list;
    }

    /// Changes the codes of all of them.
    pub fn change_codes(&mut self, change: fn(Code) -> Code) {
        for mark in self.marks.iter_mut() {
            mark.code = change(mark.code);
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.marks.len()
    }

    /// So many of them, from this one on, which begins so far behind the beginning of the list; how far behind it the one behind them
    /// begins.
    pub fn each(&self, from: usize, most: usize, begins: usize, tell: &mut dyn FnMut(usize, &Recipient<'_>)) -> usize {
        let mut list = List::behind(&self.list, begins);
        let marks = self.marks.get(from..).unwrap_or(&[]);
        for (at, mark) in marks.iter().take(most).enumerate() {
            let Some(address) = list.next() else { break };
            let text: Bounded<LOG_TEXT_BYTES> = self.with_name(mark.text, address);
            let recipient = Recipient {
                address,
                code: mark.code,
                outcome: mark.outcome(),
                reply: mark.reply,
                enhanced: enhanced_status_code(text.octets()),
                text,
            };
            tell(from.saturating_add(at), &recipient);
        }
        self.list.len().saturating_sub(list.length())
    }

    /// A text as the server has said it.
    fn with_name<const N: usize>(&self, number: u16, address: &[u8]) -> Bounded<N> {
        let text = self.texts.get(number);
        Bounded::written(|room| {
            let mut length = 0usize;
            for octet in text {
                let part = if *octet == NAMED {
                    address
                } else {
                    core::slice::from_ref(octet)
                };
                let behind = room.get_mut(length..).unwrap_or(&mut []);
                length = length.saturating_add(crate::octets::copy(behind, part));
            }
            length
        })
    }
}

impl Drop for Verdicts {
    fn drop(&mut self) {
        wipe(&mut self.list);
    }
}

/// Whether a mail ended because recipients were refused.
pub fn is_of_recipients(report: &Report) -> bool {
    let refused = report.reason == Reason::None && report.reply >= 400 && report.reply != 421;
    refused && report.phase == Phase::Rcpt && report.outcome == Outcome::NotSent
}

/// What is known of a recipient whose mail ended so before it was sent.
fn ended(report: &Report) -> Failed {
    Failed {
        outcome: Outcome::NotSent,
        code: report.code,
        reply: report.reply,
        reason: report.reason,
    }
}
