//! A copy of a mail, from the call that sends it until the verdict.

use core::ops::Range;
use std::boxed::Box;

use super::memory::{Boxed, Row, joined, wipe, zeros};
use super::outgoing::{Checked, Extras};
use super::parts::{self, Fed, Parts, is_long};
use super::reading::Work;
use super::registry::Slot;
use super::snapshot::Snapshot;
use super::sys;
use super::verdicts::Verdicts;
use crate::buffer::Window;
use crate::client::report::{Bounded, Nonce};
use crate::code::Reason;
use crate::limits::{Count, GIVEN_MESSAGE_ID_BYTES};
use crate::message::survey::{Scan, Survey, with_line_ends};
use crate::session::job::{Field, More};
use crate::session::{Date, Mail, Settings, Text};
use crate::wire::address::List;

/// The mail: recipients, subject and text in one piece of memory, wiped when it ends.
pub struct Post {
    texts: Box<[u8]>,
    /// The header block, composed once; empty where it is composed when it is sent.
    header: Box<[u8]>,
    /// The recipients, where there are several; else one stands before the subject.
    list: Box<[u8]>,
    /// What is to become of each of several, until a connection takes it.
    pub verdicts: Option<Boxed<Verdicts>>,
    /// Whoever is accepted gets it; else all do, or none.
    pub partial: bool,
    /// The first recipient of the next transaction, and where in the list it begins.
    first: (usize, usize),
    /// How many recipients there are.
    pub recipients: Count,
    subject_at: usize,
    text_at: usize,
    /// Seconds since 1970; 0 without a clock.
    pub date: u32,
    /// What the Message-ID is made of.
    pub nonce: Nonce,
    /// What there is in the text.
    survey: Survey,
    /// What few mails have in their envelope and header block.
    pub extras: Option<Boxed<Extras>>,
    /// What it has that is no plain text of its own.
    pub parts: Option<Boxed<Parts>>,
}

impl Post {
    /// A copy, unless there is no memory for it.
    pub fn new(recipients: &[u8], count: Count, subject: &[u8], text: &[u8]) -> Option<Self> {
        if count > 1 {
            return Self::to_several(recipients, count, subject, text);
        }
        let subject_at = recipients.len();
        let (texts, survey) = copied(&[recipients, subject], text)?;
        Some(Self {
            texts,
            survey,
            header: Box::default(),
            list: Box::default(),
            verdicts: None,
            partial: false,
            first: (0, 0),
            recipients: count,
            subject_at,
            text_at: subject_at.checked_add(subject.len())?,
            date: 0,
            nonce: [0; 4],
            extras: None,
            parts: None,
        })
    }

    /// The same of a mail to several, with all that its recipients' verdicts need.
    fn to_several(recipients: &[u8], count: Count, subject: &[u8], text: &[u8]) -> Option<Self> {
        let mut post = Self::new(&[], 1, subject, text)?;
        (post.list, post.recipients) = (joined(&[recipients])?, count);
        post.verdicts = Some(Boxed::new(Verdicts::new(count)?)?);
        Some(post)
    }

    /// Whoever is accepted is to get it, where there are several.
    pub fn set_partial(&mut self, partial: bool) {
        self.partial = partial && self.verdicts.is_some();
    }

    /// The next transaction begins with this recipient.
    pub fn begin_with(&mut self, number: usize) {
        if number < self.first.0 {
            self.first = (0, 0);
        }
        while self.first.0 < number {
            let mut rest = List::behind(&self.list, self.first.1);
            rest.next();
            self.first = (
                self.first.0.saturating_add(1),
                self.list.len().saturating_sub(rest.length()),
            );
        }
    }

    /// Takes the list of several recipients out.
    pub fn take_list(&mut self) -> Box<[u8]> {
        core::mem::take(&mut self.list)
    }

    /// A copy of a mail that has more.
    pub fn of(checked: Checked, subject: &[u8], text: &[u8]) -> Option<Self> {
        let mut post = Self::new(&checked.recipients, checked.count, subject, text)?;
        post.extras = Some(checked.extras);
        Some(post)
    }

    /// The same with more than its plain text; unless there is no memory for it.
    pub fn with(mut self, mut parts: Boxed<Parts>, slot: &'static Slot) -> Option<Self> {
        parts.prepare(self.text(), &self.survey, slot)?;
        self.parts = Some(parts);
        Some(self)
    }

    /// The mail for a session.
    // Saves 600 instructions a mail.
    #[inline(always)]
    pub fn mail(&self) -> Mail<'_> {
        let part = |range: Range<usize>| self.texts.get(range).unwrap_or(&[]);
        let text = part(self.text_at..self.texts.len());
        let (text, survey, form) = match &self.parts {
            None => (Text::whole(text), &self.survey, None),
            Some(parts) => parts.amended(text),
        };
        let (to, recipients, count) = if self.list.is_empty() {
            (part(0..self.subject_at), part(0..self.subject_at), self.recipients)
        } else {
            let before = Count::try_from(self.first.0).unwrap_or(0);
            let rest = self.list.get(self.first.1..).unwrap_or(&[]);
            (&*self.list, rest, self.recipients.saturating_sub(before))
        };
        Mail {
            date: Date::at(self.date),
            nonce: Some(self.nonce),
            composed: (!self.header.is_empty()).then_some(&*self.header),
            to,
            count,
            partial: self.partial,
            parameters: self.extras.as_ref().map(|extras| &extras.parameters),
            survey: Some(survey),
            form,
            ..Mail::new(recipients, part(self.subject_at..self.text_at), text)
        }
    }

    /// The same, where it is seldom needed.
    pub fn mail_seldom(&self) -> Mail<'_> {
        self.mail()
    }

    /// The recipients, as a list of addresses.
    pub fn list(&self) -> &[u8] {
        match &*self.list {
            [] => self.texts.get(..self.subject_at).unwrap_or(&[]),
            list => list,
        }
    }

    fn text(&self) -> &[u8] {
        self.texts.get(self.text_at..).unwrap_or(&[])
    }

    /// Whether its body is worth a larger buffer.
    pub fn is_large(&self) -> bool {
        match &self.parts {
            None => is_long(self.text()),
            Some(parts) => parts.writes_much(self.text()),
        }
    }

    /// What its parts have, and the text of the mail.
    fn both(&mut self) -> Option<(&mut Parts, &[u8])> {
        let text = self.texts.get(self.text_at..).unwrap_or(&[]);
        self.parts.as_mut().map(|parts| (&mut **parts, text))
    }

    /// Makes the next piece of a body that comes in pieces.
    pub fn feed(&mut self, wanted: usize, eight_bit_mime: bool) -> Fed {
        match self.both() {
            Some((parts, text)) => parts.feed(text, wanted, eight_bit_mime),
            None => Fed::Failed(Reason::Defect),
        }
    }

    /// Takes what a thread has done; true where the mail can begin now.
    pub fn take(&mut self, work: Boxed<Work>) -> Result<bool, Reason> {
        match self.both() {
            Some((parts, text)) => parts.take(text, work),
            None => Ok(false),
        }
    }
}

/// How much of a text is copied at a time: it is looked at while the processor has it at hand.
const PIECE: usize = 64 * 1024;

/// What was seen in the first 2 KiB of a text is remembered when its lines are counted, for when they are copied. Saves 250
/// instructions for a mail of 1 KiB.
const REMEMBERED: usize = 64;

/// Texts and that of a mail, in one piece of memory; and what there is in the last one. None without memory.
fn copied(before: &[&[u8]], text: &[u8]) -> Option<(Box<[u8]>, Survey)> {
    // Of a long text the lines are ended on its way: the pass that counts them costs more than it saves.
    let mut seen = [(0, 0); REMEMBERED];
    let ended = if text.len() <= PIECE {
        with_line_ends(text, &mut seen, sys::see)
    } else {
        None
    };
    let length = before
        .iter()
        .fold(ended.unwrap_or(text.len()), |sum, text| sum.saturating_add(text.len()));
    let mut all = Row::with_room(length)?;
    for text in before {
        all.append(text)?;
    }
    let mut scan = Scan::NONE;
    if let Some(ended) = ended {
        scan.copy(text, all.grow(ended, 0)?, &seen, sys::see);
        return Some((all.boxed()?, parts::end(scan, text)));
    }
    let mut to = 0usize;
    for piece in text.chunks(PIECE) {
        to = to.saturating_add(piece.len());
        scan.go_on(text, to, sys::see);
        all.append(piece)?;
    }
    Some((all.boxed()?, parts::end(scan, text)))
}

impl Post {
    /// Composes the header block, for all that follows, in a buffer; a larger one, or one without memory, is composed when it is
    /// sent. That of a mail with more in it is composed here in any case. None without memory for it, or for the heads of its parts.
    pub fn compose(&mut self, settings: &Settings<'_>, buffer: &mut [u8]) -> Option<()> {
        if let Some((parts, text)) = self.both() {
            parts.compose(text, settings.charset())?;
            if parts.is_raw() {
                return Some(());
            }
        }
        if let Some(extras) = &self.extras {
            if extras.date != 0 {
                self.date = extras.date;
            }
            self.header = self.composed(settings)?;
            return Some(());
        }
        let length = self.mail_seldom().compose(settings, buffer);
        let block = buffer.get_mut(..length).unwrap_or(&mut []);
        if let Some(header) = joined(&[block]) {
            self.header = header;
        }
        wipe(block);
        Some(())
    }

    /// The header block of a mail with more, however long it is.
    fn composed(&self, settings: &Settings<'_>) -> Option<Box<[u8]>> {
        let extras = self.extras.as_ref()?;
        let more = More {
            lines: &extras.lines,
            has_from: extras.parameters.from.is_some(),
            message_id: extras.message_id.octets(),
        };
        let mail = self.mail_seldom();
        let mut counted = Window::counting();
        mail.write_header(settings, Some(&more), &mut counted);
        let mut block = zeros(counted.written())?;
        mail.write_header(settings, Some(&more), &mut Window::new(&mut block, 0));
        Some(block)
    }

    /// The Message-ID; none of a whole message, which has its own.
    pub fn message_id(&self, snapshot: &Snapshot) -> Bounded<GIVEN_MESSAGE_ID_BYTES> {
        if self.parts.as_ref().is_some_and(|parts| parts.is_raw()) {
            return Bounded::EMPTY;
        }
        let mut sender = snapshot.text(Field::Sender);
        if let Some(extras) = &self.extras {
            if !extras.message_id.octets().is_empty() {
                return extras.message_id;
            }
            if let Some(from) = &extras.parameters.from {
                sender = from.octets();
            }
        }
        Bounded::message_id(self.nonce, sender)
    }
}

impl Drop for Post {
    /// The text is wiped as fast as memory allows; credentials, which are not in here, are wiped octet by octet.
    fn drop(&mut self) {
        wipe(&mut self.texts);
        wipe(&mut self.list);
        wipe(&mut self.header);
    }
}
