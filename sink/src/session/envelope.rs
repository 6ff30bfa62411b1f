//! MAIL, RCPT and DATA: the envelope, and the text.

use std::io;

use super::channel::LineEnd;
use super::{LINE_LIMIT, Session};
use crate::mailbox::{is_mailbox, is_number, path};
use crate::options::SIZE_LIMIT;

/// What a server must take at least (RFC 5321 4.5.3.1.8).
const RECIPIENT_LIMIT: usize = 100;

/// Why a text is refused.
type Fault = (u16, &'static str);

/// What MAIL and RCPT have said.
pub(super) struct Envelope {
    eight_bit: bool,
    recipients: usize,
}

impl Session<'_> {
    pub(super) fn mail(&mut self, argument: &str) {
        let options = &self.sink.options;
        if !self.said_hello || self.envelope.is_some() {
            return self.reply(503, "5.5.1 MAIL is out of place here");
        }
        if options.login.is_some() && !self.logged_in {
            return self.reply(530, "5.7.0 Authentication required");
        }
        let Some((address, parameters)) = path(argument, "FROM:") else {
            return self.reply(501, "5.5.4 Want MAIL FROM:<address>");
        };
        if !address.is_empty() && !is_mailbox(address) {
            return self.reply(501, "5.1.7 Not an address");
        }
        let mut eight_bit = false;
        for parameter in parameters {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let value = value.to_ascii_uppercase();
            match (name.to_ascii_uppercase().as_str(), value.as_str()) {
                ("BODY", "7BIT") if options.eight_bit_mime => {}
                ("BODY", "8BITMIME") if options.eight_bit_mime => eight_bit = true,
                ("SIZE", size) if is_number(size) => {
                    // More digits than fit are more bytes than fit.
                    if options.size != 0 && size.parse().unwrap_or(usize::MAX) > options.size {
                        return self.reply(552, "5.3.4 Too large");
                    }
                }
                ("AUTH", _) if options.login.is_some() && !value.is_empty() => {}
                _ => return self.reply(555, "5.5.4 Parameter not known"),
            }
        }
        if self.answer("MAIL", 250, "2.1.0 Ok") < 300 {
            let recipients = 0;
            self.envelope = Some(Envelope { eight_bit, recipients });
        }
    }

    pub(super) fn rcpt(&mut self, argument: &str) {
        let Some(recipients) = self.envelope.as_ref().map(|envelope| envelope.recipients) else {
            return self.reply(503, "5.5.1 RCPT is out of place here");
        };
        let Some((address, parameters)) = path(argument, "TO:") else {
            return self.reply(501, "5.5.4 Want RCPT TO:<address>");
        };
        if !is_mailbox(address) && !address.eq_ignore_ascii_case("postmaster") {
            return self.reply(501, "5.1.3 Not an address");
        }
        if !parameters.is_empty() {
            return self.reply(555, "5.5.4 Parameter not known");
        }
        if recipients >= RECIPIENT_LIMIT {
            return self.reply(452, "4.5.3 Too many recipients");
        }
        let taken = usize::from(self.answer("RCPT", 250, "2.1.5 Ok") < 300);
        self.envelope
            .iter_mut()
            .for_each(|envelope| envelope.recipients += taken);
    }

    pub(super) fn data(&mut self) -> io::Result<()> {
        let Some(envelope) = self.envelope.take() else {
            self.reply(503, "5.5.1 DATA is out of place here");
            return Ok(());
        };
        let options = &self.sink.options;
        // RFC 2920 section 3.1: a server may say 354 although it refused every recipient; `--reply` can ask for that.
        if envelope.recipients == 0 && !options.replies.contains_key("DATA") {
            self.reply(554, "5.5.1 No valid recipients");
        } else if self.answer("DATA", 354, "End with a dot on a line of its own") == 354 {
            let text = self.text(envelope.eight_bit)?;
            let ordered = options.replies.get("END").is_some_and(|(code, _)| *code >= 300);
            match text {
                Err((code, fault)) => self.reply(code, fault),
                Ok(_) if envelope.recipients == 0 => self.reply(554, "5.5.1 No valid recipients"),
                Ok(text) => {
                    let kept = if ordered { Ok(0) } else { self.sink.keep(&text) };
                    match kept {
                        Ok(name) => {
                            self.answer("END", 250, &format!("2.0.0 Kept as {name:04}"));
                        }
                        Err(error) => self.reply(451, &format!("4.3.0 Not kept: {}", error.kind())),
                    }
                }
            }
            return Ok(());
        }
        self.envelope = Some(envelope);
        Ok(())
    }

    /// The text with its dots unstuffed (RFC 5321 4.5.2), or what is wrong with it.
    fn text(&mut self, eight_bit: bool) -> io::Result<Result<Vec<u8>, Fault>> {
        const BARE: Fault = (554, "5.6.0 Bare CR or LF in the text");
        let size = self.sink.options.size;
        let limit = if size == 0 { SIZE_LIMIT } else { size };
        let mut text = Ok(Vec::new());
        loop {
            let end = self.read_line(LINE_LIMIT)?;
            self.sink.print("C", &String::from_utf8_lossy(&self.line));
            let dot = self.line == b".";
            if dot && end == LineEnd::CrLf {
                return Ok(text);
            }
            // A dot on a line with a bare LF ends the text for some servers and not for others: what follows is text to
            // one and commands to another, so nothing of it is read.
            if dot && end == LineEnd::Bare {
                self.over = true;
                return Ok(text.and(Err(BARE)));
            }
            let line = self.line.strip_prefix(b".").unwrap_or(&self.line);
            text = text.and_then(|mut text| match end {
                LineEnd::TooLong => Err((554, "5.6.0 Line too long")),
                LineEnd::Bare => Err(BARE),
                _ if line.contains(&0) => Err((554, "5.6.0 NUL in the text")),
                _ if !eight_bit && !line.is_ascii() => Err((554, "5.6.1 8-bit text without BODY=8BITMIME")),
                _ if text.len() + line.len() + 2 > limit => Err((552, "5.3.4 Too large")),
                _ => {
                    text.extend_from_slice(line);
                    text.extend_from_slice(b"\r\n");
                    Ok(text)
                }
            });
        }
    }
}
