//! The header block (RFC 5322, 3.6; RFC 2045, 3), as it stands in the RFCs.

#[cfg(feature = "std")]
use super::part::Form;
use super::word;
use super::{date::Date, plan::Plan};
#[cfg(not(fast))]
use crate::buffer::HEXADECIMAL;
use crate::buffer::Window;
use crate::octets::behind_last;
use crate::template::Part::{All, End, Put, Say, When};
use crate::template::{Line, Part, fields, length, octets};

fields! {
    /// Whether there is a clock.
    HAS_DATE,
    DATE,
    /// Whether the sender has a display name.
    HAS_NAME,
    /// The display name, and the blank behind it.
    NAME,
    FROM,
    TO,
    SUBJECT,
    /// Whether there is what a Message-ID is made of.
    HAS_MESSAGE_ID,
    MESSAGE_ID,
    /// The charset of the text.
    CHARSET,
    /// The name of its encoding.
    ENCODING,
    /// The fields that few mails have, and From.
    #[cfg(feature = "std")]
    MORE,
}

/// The field of the author.
#[rustfmt::skip]
const AUTHOR: &[Part] = &[
    Say("From: "), When(HAS_NAME, &[Put(NAME), Say("<")]), Put(FROM), When(HAS_NAME, &[Say(">")]), End,
];

/// The fields behind those of the addresses, up to that of the content.
#[rustfmt::skip]
const BEHIND_ADDRESSES: &[Part] = &[
    Say("Subject: "), Put(SUBJECT), End,
    When(HAS_MESSAGE_ID, &[Say("Message-ID: "), Put(MESSAGE_ID), End]),
    Say("MIME-Version: 1.0"), End,
];

/// The header block, up to the name of the encoding.
#[rustfmt::skip]
const FIELDS: &[Part] = &[
    When(HAS_DATE, &[Say("Date: "), Put(DATE), End]),
    All(AUTHOR),
    Say("To: "), Put(TO), End,
    All(BEHIND_ADDRESSES),
    All(TYPE), Put(CHARSET), End,
    Say("Content-Transfer-Encoding: "),
];

/// What stands before the charset: where there is a system, the body may be something else than plain text.
const TYPE: &[Part] = if cfg!(feature = "std") {
    &[Say("Content-Type: ")]
} else {
    &[Say("Content-Type: text/plain; charset=")]
};

/// The header block, and the empty line behind it.
const BLOCK: &[Part] = &[All(FIELDS), All(ENCODING_NAME), End, End];

/// A small library has 7bit and 8bit only: their digit, and the rest of their names.
const ENCODING_NAME: &[Part] = if cfg!(feature = "complete") {
    &[Put(ENCODING)]
} else {
    &[Put(ENCODING), Say("bit")]
};

static OCTETS: [u8; length(BLOCK)] = octets(BLOCK);

/// For an owner that remembers it, and learns of the encoding later.
#[cfg(feature = "std")]
static FIELD_OCTETS: [u8; length(FIELDS)] = octets(FIELDS);

/// The same of a mail that has more.
#[cfg(feature = "std")]
#[rustfmt::skip]
const FIELDS_AND_MORE: &[Part] = &[
    When(HAS_DATE, &[Say("Date: "), Put(DATE), End]),
    Put(MORE),
    All(BEHIND_ADDRESSES),
    All(TYPE), Put(CHARSET), End,
    Say("Content-Transfer-Encoding: "),
];

#[cfg(feature = "std")]
static OCTETS_AND_MORE: [u8; length(FIELDS_AND_MORE)] = octets(FIELDS_AND_MORE);

#[cfg(feature = "std")]
static AUTHOR_OCTETS: [u8; length(AUTHOR)] = octets(AUTHOR);

/// What the header block of few mails has besides.
#[cfg(feature = "std")]
#[derive(Clone, Copy, Debug)]
pub struct More<'a> {
    /// Whole lines: the fields of addresses, and the program's own.
    pub lines: &'a [u8],
    /// From is among them.
    pub has_from: bool,
    /// A Message-ID of the program's; empty: one is made.
    pub message_id: &'a [u8],
}

/// Writes a display name, with the charset of bytes that are not UTF-8.
pub type Phrase = fn(&[u8], &[u8], &mut Window<'_>);

/// What the header block is made of.
pub trait Fields {
    /// The mailboxes of the recipients that are named.
    fn to(&self) -> impl Iterator<Item = &[u8]>;
    /// The time, if there is a clock.
    fn date(&self) -> Option<&Date>;
    /// 128 random bits.
    fn nonce(&self) -> Option<&Nonce>;
    /// The sender's mailbox.
    fn from(&self) -> &[u8];
    /// The sender's display name.
    fn name(&self) -> &[u8];
    /// How it is written, where there is one: [`word::write_phrase`].
    fn phrase(&self) -> Option<Phrase>;
    /// The subject.
    fn subject(&self) -> &[u8];
    /// The charset of what is not UTF-8.
    fn charset(&self) -> &[u8];
    /// How the text is sent.
    fn plan(&self) -> &Plan;
    /// What few mails have besides.
    #[cfg(feature = "std")]
    fn more(&self) -> Option<&More<'_>>;
    /// What the body is, where it is no plain text.
    #[cfg(feature = "std")]
    fn form(&self) -> Option<&Form>;
}

/// Writes the header block, and the empty line behind it.
pub fn write(fields: &impl Fields, out: &mut Window<'_>) {
    write_line(Line::new(&OCTETS), fields, out);
}

/// Writes the header block, up to the name of the encoding: to be remembered, for [`write_remembered`].
#[cfg(feature = "std")]
pub fn compose(fields: &impl Fields, out: &mut Window<'_>) {
    let template = match fields.more() {
        None => Line::new(&FIELD_OCTETS),
        Some(_) => Line::new(&OCTETS_AND_MORE),
    };
    write_line(template, fields, out);
}

/// Writes a header block that was composed before.
#[cfg(feature = "std")]
pub fn write_remembered(block: &[u8], plan: &Plan, out: &mut Window<'_>) {
    out.put_all(block);
    out.put_seldom(plan.encoding.name());
    out.end_line();
    out.end_line();
}

fn write_line(mut line: Line, fields: &impl Fields, out: &mut Window<'_>) {
    while let Some(field) = line.next(out) {
        line.when(put(field, fields, out));
    }
}

/// Writes a field, or says whether a condition holds.
// Saves 64 bytes: in the loop above the compiler would fetch all that any field may need before the first one.
#[cfg_attr(not(fast), inline(never))]
fn put(field: u8, fields: &impl Fields, out: &mut Window<'_>) -> bool {
    let text = match field {
        HAS_DATE => return fields.date().is_some(),
        DATE => {
            if let Some(date) = fields.date() {
                date.write(out);
            }
            return true;
        }
        HAS_NAME => return fields.phrase().is_some(),
        NAME => {
            if let Some(write) = fields.phrase() {
                write(fields.name(), fields.charset(), out);
                out.fold(fields.from().len().wrapping_add(3));
            }
            return true;
        }
        FROM => fields.from(),
        TO => {
            write_to(fields.to(), out);
            return true;
        }
        SUBJECT => {
            word::write(fields.subject(), fields.charset(), out);
            return true;
        }
        HAS_MESSAGE_ID => return fields.nonce().is_some(),
        #[cfg(feature = "std")]
        MORE => {
            if let Some(more) = fields.more() {
                if !more.has_from {
                    write_line(Line::new(&AUTHOR_OCTETS), fields, out);
                }
                out.put_lines(more.lines);
            }
            return true;
        }
        MESSAGE_ID => {
            #[cfg(feature = "std")]
            if let Some(More { message_id, .. }) = fields.more().filter(|more| !more.message_id.is_empty()) {
                out.put_seldom(message_id);
                return true;
            }
            if let Some(nonce) = fields.nonce() {
                write_message_id(fields.from(), nonce, out);
            }
            return true;
        }
        #[cfg(feature = "std")]
        CHARSET => match write_type(fields, out) {
            Some(charset) => charset,
            None => return true,
        },
        #[cfg(not(feature = "std"))]
        CHARSET => charset(fields),
        _ if cfg!(feature = "complete") => fields.plan().encoding.name(),
        _ => {
            out.put(b'7'.wrapping_add(fields.plan().encoding as u8));
            return true;
        }
    };
    out.put_all(text);
    true
}

/// The charset of the text.
fn charset(fields: &impl Fields) -> &[u8] {
    if fields.plan().text_is_utf8 {
        b"UTF-8"
    } else {
        fields.charset()
    }
}

/// Writes the type of the body, up to the charset; which that is, where it has one.
#[cfg(feature = "std")]
fn write_type<'f>(fields: &'f impl Fields, out: &mut Window<'_>) -> Option<&'f [u8]> {
    let begin: &[u8] = match fields.form() {
        Some(Form::Parts(parts)) => {
            parts.kind.write(&parts.boundary, out);
            return None;
        }
        Some(Form::Html) => b"text/html; charset=",
        _ => b"text/plain; charset=",
    };
    out.put_all(begin);
    Some(charset(fields))
}

/// Writes the recipients of To, folded.
fn write_to<'a>(recipients: impl Iterator<Item = &'a [u8]>, out: &mut Window<'_>) {
    let mut first = true;
    for recipient in recipients {
        if !first {
            out.put(b',');
            out.fold(recipient.len().wrapping_add(2));
        }
        first = false;
        out.put_all(recipient);
    }
}

/// 128 random bits.
pub type Nonce = [u32; 4];

/// The hexadecimal digits of a number: each in an octet of its own, all at once.
#[cfg(fast)]
fn hexadecimal(word: u32) -> [u8; 8] {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    let mut digits = u64::from(word);
    digits = (digits | digits << 16) & 0x0000_FFFF_0000_FFFF;
    digits = (digits | digits << 8) & 0x00FF_00FF_00FF_00FF;
    digits = (digits | digits << 4) & 0x0F0F_0F0F_0F0F_0F0F;
    // Where adding 6 carries it is a letter.
    let letters = digits.wrapping_add(ONES.wrapping_mul(6)) >> 4 & ONES;
    let figures = digits.wrapping_add(ONES.wrapping_mul(u64::from(b'0')));
    let beyond = u64::from(b'a').wrapping_sub(u64::from(b'0')).wrapping_sub(10);
    figures.wrapping_add(letters.wrapping_mul(beyond)).to_be_bytes()
}

/// Writes the Message-ID (RFC 5322, 3.6.4): the nonce in hexadecimal digits at the sender's domain.
pub fn write_message_id(sender: &[u8], nonce: &Nonce, out: &mut Window<'_>) {
    out.put(b'<');
    for word in nonce {
        #[cfg(fast)]
        out.put_all(&hexadecimal(*word));
        #[cfg(not(fast))]
        out.digits(*word, HEXADECIMAL, 1 << 7);
    }
    out.put(b'@');
    out.put_seldom(behind_last(sender, b'@'));
    out.put(b'>');
}
