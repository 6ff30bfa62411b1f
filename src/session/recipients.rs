//! Whom a transaction is for, where not all recipients of a mail are, and what the answers to RCPT mean then: a mail whose refused
//! recipients do not end it, and that may take several transactions.

use super::event::{Events, RecipientVerdict};
use super::job::{Job, Mail};
use super::session::Session;
use super::state::State;
use super::transaction::Place;
use crate::code::{Code, Reason};
use crate::limits::Count;
use crate::wire::reply::enhanced_status_code;

/// What servers say of a transaction that has as many recipients as they take, whatever code they have for it.
const TOO_MANY: &[u8] = b"too many recipients";

/// RCPTs that may wait for their answers at first; and later, where none was refused, and where some were. Of many that are refused,
/// and no mail is sent, servers hang up: Postfix behind 20, and slows down behind 10.
const WINDOW: Count = 20;
const WIDEST: Count = 100;
const NARROW: Count = 10;

/// RCPTDOMAINMAX is kept where it is no more than this: of a larger one the server has to say itself when it is reached.
const DOMAINS: usize = 16;

/// Behind so many refusals those who were accepted get the mail, before others are asked for.
const REFUSALS: Count = 10;

/// Whether this refusal, of a recipient behind one that was accepted, may mean that there is no room for more in this transaction:
/// 452, or the 552 of older servers (RFC 5321, 4.5.3.1.10), whatever it is about; and what says so in words, or in the enhanced
/// status code X.5.3 (RFC 3463, 3.6).
pub fn has_no_room(reply: u16, text: &[u8]) -> bool {
    matches!(reply, 452 | 552) || says_too_many(text)
}

/// Whether a refusal says that it is the number of recipients that is refused.
pub fn says_too_many(text: &[u8]) -> bool {
    let [_, subject, detail] = enhanced_status_code(text);
    let mut parts = text.windows(TOO_MANY.len());
    (subject, detail) == (5, 3) || parts.any(|part| part.eq_ignore_ascii_case(TOO_MANY))
}

impl<E: Events> Session<E> {
    /// Plans whom the transaction is for. Where the server takes fewer at a time, and all are to get the mail or none: the first one
    /// for whom there is no room.
    pub(super) fn plan_recipients(&mut self, mail: &Mail<'_>) -> Result<(), Count> {
        let all = mail.count();
        let most = self.most_recipients().map_or(all, |most| most.clamp(1, all.max(1)));
        if !mail.partial {
            self.transaction.envelope.data = all.wrapping_add(1);
            let most = self.within_domains(mail, most);
            return if most == all { Ok(()) } else { Err(most) };
        }
        let wanted = self.within_domains(mail, self.events.wanted(most));
        self.transaction.envelope.data = wanted.wrapping_add(1);
        // DATA goes out with the RCPT of one recipient: that one's refusal ends the transaction.
        self.transaction.partial = wanted > 1;
        let first = self.find(mail, Place::FIRST);
        let envelope = &mut self.transaction.envelope;
        (envelope.number, envelope.recipient, envelope.following) = (first.number, first.at, first.at);
        envelope.heard = first;
        Ok(())
    }

    /// How many recipients the server takes in a transaction, where it says so.
    fn most_recipients(&self) -> Option<Count> {
        Some(self.capabilities.limits().recipients).filter(|most| *most > 0)
    }

    /// How many different domains the recipients of a session may have at most (RFC 9422, RCPTDOMAINMAX), where that is kept. Such a
    /// session takes one transaction: what the ones before had need not be remembered.
    pub(super) fn most_domains(&self) -> Option<usize> {
        let most = usize::try_from(self.capabilities.limits().domains).unwrap_or(usize::MAX);
        Some(most).filter(|most| (1..=DOMAINS).contains(most))
    }

    /// How many of the next `most` recipients have no more different domains than that. They stay in the order of the list.
    fn within_domains(&self, mail: &Mail<'_>, most: Count) -> Count {
        let Some(allowed) = self.most_domains() else {
            return most;
        };
        let mut domains: [&[u8]; DOMAINS] = [&[]; DOMAINS];
        let (mut known, mut count) = (0usize, 0);
        let mut place = Place::FIRST;
        while count < most {
            place = self.find(mail, place);
            let mailbox = place.mailbox(mail.recipients);
            let domain = mailbox.rsplit(|octet| *octet == b'@').next().unwrap_or(mailbox);
            let mut all = domains.iter().take(known);
            if !all.any(|one| one.eq_ignore_ascii_case(domain)) {
                match domains.get_mut(known) {
                    Some(next) if known < allowed => *next = domain,
                    _ => break,
                }
                known = known.wrapping_add(1);
            }
            count = count.wrapping_add(1);
            place = place.next(mail.recipients);
        }
        count
    }

    /// The first recipient from this one on that is to be tried.
    fn find(&self, mail: &Mail<'_>, from: Place) -> Place {
        let mut place = from;
        while mail.partial && self.events.skips(place.number) {
            place = place.next(mail.recipients);
        }
        place
    }

    /// Whether another RCPT may be said before those are answered that wait.
    pub(super) fn has_window(&self) -> bool {
        let envelope = &self.transaction.envelope;
        let answered = envelope.answered.saturating_sub(1);
        let window = match envelope.refused {
            0 => answered.clamp(WINDOW, WIDEST),
            _ => NARROW,
        };
        !self.transaction.partial || self.cursor > 0 || envelope.unanswered() < window
    }

    /// A command of the envelope is written: goes to the recipient of the next one.
    pub(super) fn find_next(&mut self, job: &Job<'_>) {
        let Some(mail) = job.mail.as_ref().filter(|mail| mail.partial) else {
            return;
        };
        let envelope = &self.transaction.envelope;
        // MAIL was it, or the last RCPT, or DATA.
        if envelope.said < 2 || envelope.said >= envelope.data {
            return;
        }
        let next = Place {
            number: envelope.number.wrapping_add(1),
            at: envelope.recipient,
        };
        let next = self.find(mail, next);
        let envelope = &mut self.transaction.envelope;
        (envelope.number, envelope.recipient, envelope.following) = (next.number, next.at, next.at);
    }

    /// The number in the list of the recipient that was answered for, the so-manieth of the transaction.
    pub(super) fn find_answered(&mut self, job: &Job<'_>, ordinal: Count) -> Count {
        match &job.mail {
            Some(mail) if mail.partial => {
                self.transaction.envelope.heard = self.find(mail, self.transaction.envelope.heard);
                self.transaction.envelope.heard.number
            }
            _ => ordinal,
        }
    }

    /// Its mailbox.
    pub(super) fn answered_mailbox<'a>(&self, job: &Job<'a>) -> &'a [u8] {
        let list = job.mail.as_ref().map_or(&[][..], |mail| mail.recipients);
        self.transaction.envelope.heard.mailbox(list)
    }

    /// The next answer is for the recipient behind it.
    pub(super) fn pass_answered(&mut self, job: &Job<'_>) {
        // One alone has none behind it.
        if let (Some(mail), true) = (&job.mail, self.transaction.envelope.data > 2) {
            self.transaction.envelope.heard = self.transaction.envelope.heard.next(mail.recipients);
        }
    }

    /// The answer to an RCPT whose refusal does not end the mail.
    pub(super) fn recipient_reply(&mut self, job: &Job<'_>, accepted: bool) -> State {
        let code = if accepted { Code::Ok } else { self.code_of_refusal(job) };
        if !accepted {
            self.mask_text(job);
        }
        let reply = self.reader.code();
        let any = self.transaction.envelope.accepted > 0;
        let has_no_room = !accepted && any && has_no_room(reply, self.reader.text());
        let envelope = &mut self.transaction.envelope;
        if accepted {
            envelope.accepted = envelope.accepted.wrapping_add(1);
        } else if !has_no_room {
            envelope.refused = envelope.refused.wrapping_add(1);
        }
        let many = envelope.refused >= REFUSALS && envelope.accepted > 0;
        if (has_no_room || many) && envelope.said < envelope.data {
            // Nothing more is said than what is said in part.
            envelope.data = envelope.said.wrapping_add(Count::from(self.cursor > 0));
        }
        let last = envelope.answered.wrapping_add(1) == envelope.data;
        if last && !accepted && !any {
            // Nobody is to get it.
            self.conclude(code, Reason::None);
        }
        let envelope = &mut self.transaction.envelope;
        envelope.answered = envelope.answered.wrapping_add(1);
        let number = self.find_answered(job, 0);
        self.events.recipient(&RecipientVerdict {
            number,
            code,
            reply,
            text: if accepted { &[] } else { self.reader.text() },
            mailbox: if accepted { &[] } else { self.answered_mailbox(job) },
            counts: true,
            has_no_room,
        });
        self.pass_answered(job);
        if job.is_dry() && last && !self.concluded() {
            self.answered(job, Code::Ok);
            // It is about none of them.
            self.transaction.verdict.recipient = 0;
            return State::Quit;
        }
        if self.begins_chunks() {
            return State::Chunk;
        }
        State::Envelope
    }
}
