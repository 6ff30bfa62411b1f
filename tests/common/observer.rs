//! What somebody sees who reads along on the wire, with readers of its own: what left, what came, and what therefore
//! has become of the mail.

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
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Command,
    /// Behind DATA: the next line is the mail's first, a lone dot, or another command when DATA was refused.
    BehindData,
    Mail,
}

impl Observer {
    /// These octets of the client have left.
    pub fn client(&mut self, octets: &[u8]) {
        for &octet in octets {
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
                    self.commands.push(line);
                }
            }
        }
    }

    /// These octets of the server have arrived.
    pub fn server(&mut self, octets: &[u8]) {
        for &octet in octets {
            let Some(reply) = self.replies.feed(octet) else {
                continue;
            };
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
    }

    /// Another transaction of the same mail begins.
    #[allow(dead_code)]
    pub fn another(&mut self) {
        self.before.push(self.of_transaction());
        (self.dot_left, self.early, self.final_reply) = (false, false, None);
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
