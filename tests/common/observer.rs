//! What somebody sees who reads along on the wire, with readers of its own: what left, what came, and what therefore
//! has become of the mail.

use std::collections::VecDeque;

use sds_smtp::code::Outcome;

/// Reads both directions in the order in which the octets passed.
#[derive(Clone, Debug, Default)]
pub struct Observer {
    line: Vec<u8>,
    place: Place,
    /// Complete mails, each from the first octet behind `DATA` to its final dot.
    pub mails: Vec<Vec<u8>>,
    mail: Vec<u8>,
    replies: Replies,
    /// The whole final dot of a mail has left.
    pub dot_left: bool,
    /// A reply had begun before that: it is no answer to the dot.
    early: bool,
    /// The first complete reply behind it.
    pub final_reply: Option<u16>,
    /// All complete replies behind it.
    pub replies_after_dot: Vec<u16>,
    /// What became of the transactions of the mail before this one.
    before: Vec<Outcome>,
    /// The commands, as they left.
    pub commands: Vec<Vec<u8>>,
    chunks: Chunks,
}

/// What is seen of a mail that goes in chunks (RFC 3030).
#[derive(Clone, Debug, Default)]
struct Chunks {
    /// The commands that are not answered yet, in their order.
    asked: VecDeque<Asked>,
    /// Some BDAT has left, and the last one with all its octets.
    any: bool,
    all_left: bool,
    /// A reply had begun before the newest chunk had left whole.
    early: bool,
    /// MAIL, a recipient, or a chunk was refused.
    refused: bool,
    chunk_refused: bool,
    /// The mail goes to whoever is accepted: a recipient that is refused refuses nothing else, where there are others.
    partial: bool,
    accepted: bool,
    decided: Option<Outcome>,
}

/// What a reply answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Mail,
    Recipient,
    Chunk { whole: bool, last: bool },
    Other,
}

impl Chunks {
    fn said(&mut self, line: &[u8], chunk: Option<Place>) {
        let asked = match (line.get(..4), chunk) {
            (_, Some(Place::Chunk { last, .. })) => Asked::Chunk { whole: false, last },
            (Some(b"MAIL"), _) => Asked::Mail,
            (Some(b"RCPT"), _) => Asked::Recipient,
            _ => Asked::Other,
        };
        self.any |= chunk.is_some();
        self.asked.push_back(asked);
    }

    /// The newest chunk has left whole.
    fn whole(&mut self, begun: bool) {
        self.early = begun && self.asked.len() == 1;
        if let Some(Asked::Chunk { whole, last }) = self.asked.back_mut() {
            *whole = true;
            self.all_left |= *last;
        }
    }

    fn answered(&mut self, reply: u16) {
        let asked = self.asked.pop_front();
        if !self.any || self.decided.is_some() {
            return;
        }
        let unknown = if self.all_left {
            Outcome::Unknown
        } else {
            Outcome::NotSent
        };
        let early = std::mem::take(&mut self.early);
        self.accepted |= asked == Some(Asked::Recipient) && reply < 400;
        let others = self.accepted || self.asked.contains(&Asked::Recipient);
        let one_of_them = self.partial && others && asked == Some(Asked::Recipient) && reply != 421;
        self.decided = match (asked, reply) {
            _ if self.refused => match asked {
                Some(Asked::Chunk {
                    whole: true,
                    last: true,
                }) if self.chunk_refused && (200..300).contains(&reply) => Some(Outcome::Unknown),
                _ => None,
            },
            (_, 421) => Some(Outcome::NotSent),
            (_, 400..) if one_of_them => None,
            (None, 400..) => Some(Outcome::NotSent),
            (None, _) | (_, 220) => Some(unknown),
            (Some(asked), 400..) => {
                self.refused = true;
                self.chunk_refused = matches!(asked, Asked::Chunk { .. });
                None
            }
            (Some(Asked::Chunk { whole, last }), 200..=299) => match (whole && !early, last) {
                (true, true) => Some(Outcome::Sent),
                (true, false) => None,
                (false, _) => Some(unknown),
            },
            (Some(_), 200..=299) => None,
            _ => Some(unknown),
        };
    }

    fn outcome(&self) -> Outcome {
        match self.decided {
            Some(outcome) => outcome,
            None if self.all_left && !self.refused => Outcome::Unknown,
            None => Outcome::NotSent,
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Command,
    /// Behind DATA: the next line is the mail's first, a lone dot, or another command when DATA was refused.
    BehindData,
    Mail,
    /// So many octets of a chunk are still to leave.
    Chunk {
        rest: usize,
        last: bool,
    },
}

/// What a BDAT command announces.
fn chunk_of(line: &[u8]) -> Option<Place> {
    let line = std::str::from_utf8(line).ok()?.strip_suffix("\r\n")?;
    let size = line.strip_prefix("BDAT ")?;
    let (size, last) = size.strip_suffix(" LAST").map_or((size, false), |size| (size, true));
    let rest = size.parse().ok()?;
    Some(Place::Chunk { rest, last })
}

impl Observer {
    /// These octets of the client have left.
    pub fn client(&mut self, octets: &[u8]) {
        for &octet in octets {
            if let Place::Chunk { rest, last } = self.place {
                self.mail.push(octet);
                self.place = Place::Chunk { rest: rest - 1, last };
                self.end_of_chunk();
                continue;
            }
            self.line.push(octet);
            if self.place == Place::Mail {
                self.mail.push(octet);
                if self.mail.ends_with(b"\r\n.\r\n") {
                    self.mails.push(std::mem::take(&mut self.mail));
                    self.dot_left = true;
                    self.early = self.replies.begun();
                    self.place = Place::Command;
                    self.line.clear();
                }
            } else if octet == b'\n' {
                let line = std::mem::take(&mut self.line);
                let behind_data = self.place == Place::BehindData;
                self.place = match line.as_slice() {
                    b"DATA\r\n" => Place::BehindData,
                    b"RSET\r\n" | b"QUIT\r\n" | b".\r\n" => Place::Command,
                    _ if behind_data => Place::Mail,
                    _ => Place::Command,
                };
                if self.place == Place::Mail {
                    self.mail.clone_from(&line);
                } else {
                    let chunk = chunk_of(&line);
                    self.chunks.said(&line, chunk);
                    self.commands.push(line);
                    if let Some(chunk) = chunk {
                        self.place = chunk;
                        self.end_of_chunk();
                    }
                }
            }
        }
    }

    fn end_of_chunk(&mut self) {
        let Place::Chunk { rest: 0, last } = self.place else {
            return;
        };
        self.place = Place::Command;
        self.chunks.whole(self.replies.begun());
        if last {
            self.mails.push(std::mem::take(&mut self.mail));
        }
    }

    /// These octets of the server have arrived.
    pub fn server(&mut self, octets: &[u8]) {
        for &octet in octets {
            let Some(reply) = self.replies.feed(octet) else {
                continue;
            };
            self.chunks.answered(reply);
            if self.dot_left {
                // Of an early one only a refusal says something.
                let meant = if self.early && reply < 400 { 0 } else { reply };
                self.final_reply.get_or_insert(meant);
                self.replies_after_dot.push(reply);
            }
        }
    }

    /// A new connection.
    pub fn reconnected(&mut self) {
        self.line.clear();
        self.place = Place::Command;
        self.replies = Replies::default();
        self.set_partial(self.chunks.partial);
        self.mail.clear();
    }

    /// The mail goes to whoever is accepted, or not.
    #[allow(dead_code)]
    pub fn set_partial(&mut self, partial: bool) {
        self.chunks = Chunks {
            partial,
            ..Chunks::default()
        };
    }

    /// Another transaction of the same mail begins.
    #[allow(dead_code)]
    pub fn another(&mut self) {
        self.before.push(self.of_transaction());
        (self.dot_left, self.early, self.final_reply) = (false, false, None);
        self.set_partial(self.chunks.partial);
    }

    /// What has become of the mail, when the conversation is over: that of one of its transactions which is known least, or of one
    /// that was sent.
    pub fn outcome(&self) -> Outcome {
        let last = self.of_transaction();
        let has = |outcome| last == outcome || self.before.contains(&outcome);
        match () {
            () if has(Outcome::Unknown) => Outcome::Unknown,
            () if has(Outcome::Sent) => Outcome::Sent,
            () => last,
        }
    }

    fn of_transaction(&self) -> Outcome {
        if self.chunks.any {
            return self.chunks.outcome();
        }
        match (self.dot_left, self.final_reply) {
            (false, _) => Outcome::NotSent,
            // The greeting of another connection.
            (true, Some(220)) => Outcome::Unknown,
            (true, Some(200..=299)) => Outcome::Sent,
            (true, Some(400..=599)) => Outcome::NotSent,
            (true, _) => Outcome::Unknown,
        }
    }
}

/// A reader of replies that shares no code with the library's. What is no reply ends it.
#[derive(Clone, Debug, Default)]
struct Replies {
    line: Vec<u8>,
    code: u16,
    total: usize,
    broken: bool,
}

impl Replies {
    /// A part of a reply has come. Empty lines before one are none of it.
    fn begun(&self) -> bool {
        !self.line.is_empty() || self.code != 0
    }

    fn feed(&mut self, octet: u8) -> Option<u16> {
        if self.broken {
            return None;
        }
        self.total += 1;
        // The bound of a whole reply is a promise of `limits`.
        if self.total > 65_535 {
            self.broken = true;
            return None;
        }
        // Lines end with LF, whatever stands before it.
        if octet == b'\r' {
            return None;
        }
        if octet != b'\n' {
            self.line.push(octet);
            return None;
        }
        let text = std::mem::take(&mut self.line);
        if text.is_empty() && self.code == 0 {
            return None;
        }
        let code = text
            .get(..3)
            .filter(|digits| digits.iter().all(u8::is_ascii_digit))
            .and_then(|digits| std::str::from_utf8(digits).unwrap().parse::<u16>().ok())
            .filter(|code| (100..600).contains(code));
        let separator = text.get(3).copied();
        let Some(code) = code.filter(|_| matches!(separator, None | Some(b' ' | b'-'))) else {
            // A refusal may have such a line behind its first one.
            self.broken = self.code < 400;
            return None;
        };
        // The last line counts, unless one was a refusal.
        if self.code < 400 || code >= 400 {
            self.code = code;
        }
        if separator == Some(b'-') {
            return None;
        }
        self.total = 0;
        Some(std::mem::take(&mut self.code))
    }
}

/// Looks at all that a client wrote on one connection: lines that end with CRLF and nowhere else, no longer than they
/// may be. An unfinished last line is allowed where the connection broke off.
pub fn check_lines(stream: &[u8], broke_off: bool) -> Result<(), String> {
    let (lines, data, ended) = apart(stream);
    check_all_lines(&data, broke_off || !ended)?;
    check_all_lines(&lines, broke_off)
}

/// What is said in chunks, and what besides; and whether the last chunk of a mail was the last one said.
fn apart(stream: &[u8]) -> (Vec<u8>, Vec<u8>, bool) {
    let (mut lines, mut data, mut ended) = (Vec::new(), Vec::new(), true);
    let mut rest = stream;
    while !rest.is_empty() {
        let length = rest
            .iter()
            .position(|octet| *octet == b'\n')
            .map_or(rest.len(), |at| at + 1);
        let (line, after) = rest.split_at(length);
        lines.extend_from_slice(line);
        rest = after;
        if let Some(Place::Chunk { rest: size, last }) = chunk_of(line) {
            let (chunk, after) = rest.split_at(size.min(rest.len()));
            data.extend_from_slice(chunk);
            ended = last && chunk.len() == size;
            rest = after;
        }
    }
    (lines, data, ended)
}

fn check_all_lines(stream: &[u8], broke_off: bool) -> Result<(), String> {
    let mut rest = stream;
    while !rest.is_empty() {
        let Some(end) = rest.iter().position(|&octet| octet == b'\n') else {
            let unfinished = rest.strip_suffix(b"\r").unwrap_or(rest);
            if broke_off && !unfinished.contains(&b'\r') {
                return Ok(());
            }
            return Err(format!("an unfinished line: {}", show(rest)));
        };
        let (line, after) = rest.split_at(end + 1);
        rest = after;
        let Some(text) = line.strip_suffix(b"\r\n") else {
            return Err(format!("a bare LF: {}", show(line)));
        };
        if text.contains(&b'\r') {
            return Err(format!("a bare CR: {}", show(line)));
        }
        if text.contains(&0) {
            return Err(format!("a NUL: {}", show(line)));
        }
        // RFC 5321, 4.5.3.1.6: 1,000 octets with the CRLF, and a doubled dot does not count. Responses of AUTH may be
        // longer (RFC 4954, 4): they are base64 and nothing else.
        let most = if text.starts_with(b".") { 999 } else { 998 };
        let response = text
            .iter()
            .all(|octet| octet.is_ascii_alphanumeric() || b"+/=".contains(octet));
        if text.len() > most && !(response && text.len() <= 12_288 - 2) {
            return Err(format!("a line of {} octets", text.len()));
        }
    }
    Ok(())
}

/// Octets for a message.
pub fn show(octets: &[u8]) -> String {
    octets.escape_ascii().to_string()
}
