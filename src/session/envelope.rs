//! The envelope of a mail: MAIL, RCPT, DATA; how the transaction is planned, and what the answers to these commands lead to.

use super::event::{Events, RecipientVerdict};
#[cfg(feature = "std")]
use super::job::Parameters;
use super::job::{Composing, Job, Mail};
use super::session::Session;
use super::state::State;
use crate::buffer::Window;
use crate::code::{Code, Reason, Step};
use crate::limits::Size;
use crate::message::header;
#[cfg(feature = "std")]
use crate::message::part::Form;
use crate::message::plan::Plan;
#[cfg(feature = "std")]
use crate::octets::is_ascii;
use crate::wire::capability::Capability;
use crate::wire::transparency::{Transparency, Transparent};

/// Writes the header block.
pub(super) fn write_header(job: &Job<'_>, mail: &Mail<'_>, plan: &Plan, out: &mut Window<'_>) {
    #[cfg(feature = "std")]
    if mail.form.is_some_and(Form::is_raw) {
        // It has its own.
        return;
    }
    #[cfg(feature = "std")]
    if let Some(block) = mail.composed {
        return header::write_remembered(block, plan, out);
    }
    let settings = &job.settings;
    header::write(
        &Composing {
            settings,
            mail,
            plan,
            #[cfg(feature = "std")]
            more: None,
        },
        out,
    );
}

/// How the body is sent, and its octets where they are known. None where it cannot be.
fn plan(mail: &Mail<'_>, eight_bit_mime: bool) -> Option<(Plan, Option<Size>)> {
    let composes = mail.composed().is_none();
    #[cfg(feature = "std")]
    if let Some(form) = mail.form {
        return form.plan(&mail.text, mail.survey, eight_bit_mime, composes);
    }
    #[cfg(feature = "std")]
    let plan = Plan::of(&mail.text, mail.survey, eight_bit_mime, composes);
    #[cfg(not(feature = "std"))]
    let plan = Plan::of(&mail.text, eight_bit_mime, composes);
    Some(plan)
}

/// How many octets the mail has, as SIZE counts them; `known`: those of its body, where they are known.
pub(super) fn size(job: &Job<'_>, mail: &Mail<'_>, plan: Plan, known: Option<Size>) -> Size {
    let mut counted = Window::counting();
    write_header(job, mail, &plan, &mut counted);
    if known.is_none() {
        plan.count(&mail.text, &mut Transparent::new(&mut counted, Transparency::Off));
    }
    let counted = Size::try_from(counted.written()).unwrap_or(Size::MAX);
    counted.saturating_add(known.unwrap_or(0))
}

impl<E: Events> Session<E> {
    /// Plans the transaction; or, in a probe, ends here.
    pub(super) fn begin_transaction(&mut self, job: &Job<'_>) -> State {
        if E::KEEPS {
            self.serves = true;
        }
        let Some(mail) = &job.mail else {
            self.conclude(Code::Ok, Reason::None);
            return State::Quit;
        };
        self.step = Step::Mail;
        #[cfg(feature = "std")]
        {
            let utf8 = Self::is_utf8(job, mail);
            if utf8 && !(self.capabilities.offers(Capability::SmtpUtf8) && self.takes_parameters(mail)) {
                self.conclude(Code::NotSupported, Reason::NoSmtpUtf8);
                return State::Quit;
            }
            self.transaction.more = utf8 || mail.parameters.is_some();
        }
        let takes_parameters = self.takes_parameters(mail);
        let transaction = &mut self.transaction;
        transaction.pipelining = job.settings.pipelining && self.capabilities.offers(Capability::Pipelining);
        #[cfg(not(feature = "std"))]
        {
            transaction.envelope.data = mail.count().wrapping_add(1);
        }
        #[cfg(feature = "std")]
        if let Err(first_without_room) = self.plan_recipients(mail) {
            self.conclude(Code::RecipientRefused, Reason::NeedsPartial);
            // As if it had been asked for.
            let verdict = &mut self.transaction.verdict;
            (verdict.step, verdict.recipient) = (Step::Rcpt, first_without_room);
            return State::Quit;
        }
        #[cfg(feature = "std")]
        let transaction = &mut self.transaction;
        let eight_bit_mime = takes_parameters && self.capabilities.offers(Capability::EightBitMime);
        let Some((plan, known)) = plan(mail, eight_bit_mime) else {
            #[cfg(feature = "std")]
            self.conclude(Code::NotSupported, Reason::NeedsEightBitMime);
            return State::Quit;
        };
        #[cfg(feature = "std")]
        {
            transaction.eight_bit_mime = eight_bit_mime;
        }
        transaction.plan = plan;
        transaction.encoder.choose(plan.encoding);
        #[cfg(fast)]
        transaction.encoder.set_clean(plan.clean);
        if cfg!(feature = "complete") && (!mail.text.pieces || (cfg!(feature = "std") && known.is_some())) {
            let limit = self.capabilities.size();
            // On a system also for who asks how much of it has left.
            #[cfg(feature = "std")]
            if limit.is_none() && known.is_some() {
                transaction.all = size(job, mail, plan, known);
            }
            if let Some(limit) = limit {
                let size = size(job, mail, plan, known);
                transaction.size = if takes_parameters { size } else { 0 };
                #[cfg(feature = "std")]
                {
                    transaction.all = size;
                }
                if limit > 0 && size > limit {
                    self.conclude(Code::DataFailed, Reason::TooLarge);
                    return State::Quit;
                }
            }
        }
        #[cfg(feature = "std")]
        {
            self.mails = self.mails.saturating_add(1);
            self.plan_chunks(job, mail, known);
        }
        State::Envelope
    }

    /// Whether the command that begins the transaction takes parameters.
    #[cfg(feature = "std")]
    pub(super) fn takes_parameters(&self, mail: &Mail<'_>) -> bool {
        mail.parameters
            .is_none_or(|parameters| parameters.verb.takes_parameters())
    }

    /// MAIL does.
    #[cfg(not(feature = "std"))]
    fn takes_parameters(&self, _mail: &Mail<'_>) -> bool {
        true
    }

    /// Whether an address of the mail has characters outside ASCII.
    #[cfg(feature = "std")]
    pub(super) fn is_utf8(job: &Job<'_>, mail: &Mail<'_>) -> bool {
        let raw = mail.form.is_some_and(Form::is_raw);
        match mail.parameters {
            Some(Parameters { utf8, from, .. }) if *utf8 || from.is_some() => *utf8,
            // Without a header block of ours the sender may stand nowhere.
            Some(Parameters { reverse_path, .. }) if raw && reverse_path.is_some() => false,
            _ => !is_ascii(job.settings.sender()),
        }
    }

    /// Whether delivery status notifications are asked for, of a server that does not offer them: the mail goes without.
    #[cfg(feature = "std")]
    pub fn lacks_notices(&self, mail: &Mail<'_>) -> bool {
        mail.parameters.is_some_and(Parameters::asks_for_notices) && !self.capabilities.offers(Capability::Dsn)
    }

    /// An answer to a command of the envelope.
    pub(super) fn envelope_reply(&mut self, job: &Job<'_>, accepted: bool) -> State {
        let step = self.step;
        #[cfg(feature = "std")]
        if step == Step::Rcpt && self.transaction.partial && !self.concluded() {
            return self.recipient_reply(job, accepted);
        }
        // The reader keeps the text of the first refusal, which decides.
        let decides = !accepted && !self.concluded();
        let code = if accepted { Code::Ok } else { self.refused(job) };
        let transaction = &mut self.transaction;
        let concluded = transaction.concluded();
        let envelope = &mut transaction.envelope;
        envelope.answered = envelope.answered.wrapping_add(1);
        match step {
            Step::Mail => transaction.open = accepted,
            Step::Rcpt => {
                let count = if accepted {
                    &mut envelope.accepted
                } else {
                    &mut envelope.refused
                };
                *count = count.wrapping_add(1);
                let number = envelope.answered.wrapping_sub(2);
                #[cfg(feature = "std")]
                let number = self.find_answered(job, number);
                let kept = self.events.recipient(&RecipientVerdict {
                    number,
                    code,
                    reply: self.reader.code(),
                    text: if decides || E::KEEPS && !accepted && !self.reader.is_held() {
                        self.reader.text()
                    } else {
                        &[]
                    },
                    #[cfg(feature = "std")]
                    mailbox: if accepted { &[] } else { self.answered_mailbox(job) },
                    #[cfg(feature = "std")]
                    counts: self.transaction.open,
                    #[cfg(feature = "std")]
                    has_no_room: false,
                });
                if E::KEEPS && kept {
                    self.reader.release_text();
                }
                #[cfg(feature = "std")]
                self.pass_answered(job);
                if job.is_dry() && !concluded && self.transaction.envelope.all_but_data_answered() {
                    self.answered(job, Code::Ok);
                    // It is about none of them.
                    self.transaction.verdict.recipient = 0;
                    return State::Quit;
                }
            }
            _ if accepted => {
                // The final dot will end the transaction.
                transaction.open = false;
                // Everybody is accepted: the text may go. Or nobody is to get the mail, and the server waits for it.
                return if concluded { State::LoneDot } else { State::Header };
            }
            _ => {}
        }
        #[cfg(feature = "std")]
        if self.begins_chunks() {
            return State::Chunk;
        }
        State::Envelope
    }
}
