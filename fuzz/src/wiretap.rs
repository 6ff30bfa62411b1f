//! What somebody knows who reads along on the wire: which commands and mails the client has said, what the server has answered,
//! and what has become of the mail.

use sds_smtp::code::Outcome;

use crate::ehlo::{Announced, announced};
use crate::reply::{REPLY, may_be_last, replies};

/// What the client says, by what is awaited as an answer to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    Ehlo,
    Helo,
    /// The AUTH command, and each line of its exchange.
    Auth,
    Mail,
    Rcpt,
    Data,
    /// The end of a mail.
    Dot,
    /// An end without a mail: DATA was accepted although nobody is to get it.
    LoneDot,
    Rset,
    Quit,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Command,
    /// The line before was DATA.
    BehindData,
    Mail,
}

/// Reads what a client says.
#[derive(Clone, Debug, Default)]
pub struct Client {
    place: Place,
    line: Vec<u8>,
    /// What there is to be answered, in order.
    pub said: Vec<Said>,
    /// The commands, each with its CRLF.
    pub commands: Vec<Vec<u8>>,
    /// A mail that has no end yet, and the one that has: from the first octet behind DATA to the final dot.
    pub begun: Vec<u8>,
    pub mail: Option<Vec<u8>>,
}

impl Client {
    pub fn hear(&mut self, octets: &[u8]) {
        for &octet in octets {
            self.line.push(octet);
            if octet == b'\n' {
                let line = std::mem::take(&mut self.line);
                self.hear_line(line);
            }
        }
    }

    fn hear_line(&mut self, line: Vec<u8>) {
        // What is no mail, where one may begin.
        let command = matches!(line.as_slice(), b".\r\n" | b"RSET\r\n" | b"QUIT\r\n");
        if self.place == Place::Mail || (self.place == Place::BehindData && !command) {
            self.place = Place::Mail;
            self.begun.extend(&line);
            if line == b".\r\n" {
                assert!(self.mail.is_none(), "a second mail");
                self.mail = Some(std::mem::take(&mut self.begun));
                self.said.push(Said::Dot);
                self.place = Place::Command;
            }
            return;
        }
        self.place = Place::Command;
        let verb = line.split(|octet| b" \r\n".contains(octet)).next().unwrap_or(&[]);
        self.said.push(match verb {
            b"EHLO" => Said::Ehlo,
            b"HELO" => Said::Helo,
            b"MAIL" => Said::Mail,
            b"RCPT" => Said::Rcpt,
            b"DATA" => {
                self.place = Place::BehindData;
                Said::Data
            }
            b"." => Said::LoneDot,
            b"RSET" => Said::Rset,
            b"QUIT" => Said::Quit,
            _ => Said::Auth,
        });
        self.commands.push(line);
    }

    /// Octets of a line, or of a mail, that has not ended.
    pub fn unfinished(&self) -> bool {
        !self.line.is_empty() || !self.begun.is_empty()
    }
}

/// A complete reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    pub code: u16,
    /// The texts of its lines.
    pub lines: Vec<Vec<u8>>,
    /// It began after the whole mail had left.
    pub behind_the_mail: bool,
}

/// Reads both directions of a connection, in the order in which octets leave and arrive.
#[derive(Clone, Debug, Default)]
pub struct Wiretap {
    /// What is written, and what of it has left. A server may answer what it has not heard yet: answers belong to what is written.
    pub written: Client,
    pub client: Client,
    pub replies: Vec<Reply>,
    /// The reply that is not complete yet, and where in it the current line begins.
    stream: Vec<u8>,
    line: usize,
    /// The current reply began after the whole mail had left.
    began_behind: bool,
    /// What came was no SMTP: nothing behind it counts.
    pub broken: bool,
}

impl Wiretap {
    /// These octets arrived; how many replies are complete with them.
    pub fn hear_server(&mut self, octets: &[u8]) -> usize {
        let before = self.replies.len();
        for &octet in octets {
            if self.broken {
                break;
            }
            // Empty lines before a reply are none of it.
            let begins = !b"\r\n".contains(&octet) && self.stream.iter().all(|octet| b"\r\n".contains(octet));
            if begins {
                self.began_behind = self.client.mail.is_some();
            }
            self.stream.push(octet);
            let long = self.stream.len() > REPLY;
            if octet != b'\n' && !long {
                continue;
            }
            let line = &self.stream[std::mem::replace(&mut self.line, self.stream.len())..];
            if !may_be_last(line) && !long {
                continue;
            }
            let (complete, broken) = replies(&self.stream);
            self.broken = broken.is_some();
            let Some(reply) = complete.into_iter().next() else {
                continue;
            };
            self.replies.push(Reply {
                code: reply.code,
                lines: reply.lines,
                behind_the_mail: self.began_behind,
            });
            self.stream.clear();
            self.line = 0;
        }
        self.replies.len() - before
    }

    /// What the server announced in its last answer to EHLO.
    pub fn announced(&self) -> Announced {
        let answered = self.written.said.iter().zip(self.replies.iter().skip(1));
        let reply = answered
            .filter(|(said, _)| **said == Said::Ehlo)
            .map(|(_, reply)| reply)
            .next_back();
        match reply {
            Some(reply) if reply.code < 400 => announced(&reply.lines.iter().map(Vec::as_slice).collect::<Vec<_>>()),
            _ => Announced::default(),
        }
    }

    /// The replies to what is of this kind.
    pub fn answers(&self, kind: Said) -> Vec<u16> {
        let answered = self.written.said.iter().zip(self.replies.iter().skip(1));
        answered
            .filter(|(said, _)| **said == kind)
            .map(|(_, reply)| reply.code)
            .collect()
    }

    /// The first complete reply since the whole mail has left, which decides; 0 where it had begun before, unless it refuses.
    pub fn decides(&self, replies_before: usize) -> Option<u16> {
        let reply = self.replies.get(replies_before)?;
        Some(if reply.behind_the_mail || reply.code >= 400 {
            reply.code
        } else {
            0
        })
    }
}

/// What has become of a mail (`include/sds_smtp.h`): sent with a 2xx to the whole of it; unknown when all of it had left and
/// nothing came that accepts or refuses it.
pub fn outcome(left: bool, decides: Option<u16>) -> Outcome {
    match (left, decides) {
        (false, _) => Outcome::NotSent,
        // The greeting of another connection, which took the place of ours.
        (true, Some(220)) => Outcome::Unknown,
        (true, Some(200..=299)) => Outcome::Sent,
        (true, Some(400..=599)) => Outcome::NotSent,
        (true, _) => Outcome::Unknown,
    }
}
