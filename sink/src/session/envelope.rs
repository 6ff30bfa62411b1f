//! MAIL, RCPT, DATA and BDAT: the envelope, and the text.

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
    /// What came in chunks so far; None after a chunk that was refused, or with none yet.
    chunks: Option<Vec<u8>>,
    /// A chunk has come: DATA is out of place.
    chunked: bool,
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
            self.envelope = Some(Envelope {
                eight_bit,
                recipients: 0,
                chunks: Some(Vec::new()),
                chunked: false,
            });
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
        let Some(envelope) = self.envelope.take_if(|envelope| !envelope.chunked) else {
            self.reply(503, "5.5.1 DATA is out of place here");
            return Ok(());
        };
        let options = &self.sink.options;
        // RFC 2920 section 3.1: a server may say 354 although it refused every recipient; `--reply` can ask for that.
        if envelope.recipients == 0 && !options.replies.contains_key("DATA") {
            self.reply(554, "5.5.1 No valid recipients");
        } else if self.answer("DATA", 354, "End with a dot on a line of its own") == 354 {
            let text = self.text(envelope.eight_bit)?;
            self.end(envelope.recipients, text);
            return Ok(());
        }
        self.envelope = Some(envelope);
        Ok(())
    }

    /// Keeps the mail, or refuses it.
    fn end(&mut self, recipients: usize, text: Result<Vec<u8>, Fault>) {
        let ordered = self.sink.options.replies.get("END");
        let ordered = ordered.is_some_and(|(code, _)| *code >= 300);
        match text {
            Err((code, fault)) => self.reply(code, fault),
            Ok(_) if recipients == 0 => self.reply(554, "5.5.1 No valid recipients"),
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
    }

    /// RFC 3030 section 2: the chunk is read whatever becomes of it, and thrown away where it is refused.
    pub(super) fn bdat(&mut self, argument: &str) -> io::Result<()> {
        let (size, last) = match argument.split_once(' ') {
            Some((size, last)) => (size, last.eq_ignore_ascii_case("LAST")),
            None => (argument, false),
        };
        let Some(size) = size
            .parse()
            .ok()
            .filter(|_| is_number(size) && (last || !argument.contains(' ')))
        else {
            // Nobody knows where the next command begins.
            self.over = true;
            self.reply(501, "5.5.4 Want BDAT SIZE or BDAT SIZE LAST");
            return Ok(());
        };
        let most = self.sink.options.size;
        let limit = if most == 0 { SIZE_LIMIT } else { most };
        let chunk = self.read_chunk(size, limit)?;
        self.sink.print("C", &format!("({size} bytes)"));
        let Some(envelope) = self.envelope.as_mut().filter(|envelope| envelope.recipients > 0) else {
            self.reply(503, "5.5.1 BDAT is out of place here");
            return Ok(());
        };
        envelope.chunked = true;
        let Some(chunks) = &mut envelope.chunks else {
            self.reply(503, "5.5.1 A chunk before was refused");
            return Ok(());
        };
        chunks.extend_from_slice(&chunk);
        if chunk.len() < size || chunks.len() > limit {
            envelope.chunks = None;
            self.reply(552, "5.3.4 Too large");
        } else if !last {
            if self.answer("BDAT", 250, &format!("2.0.0 {size} bytes")) >= 300 {
                self.envelope.iter_mut().for_each(|envelope| envelope.chunks = None);
            }
        } else if let Some(envelope) = self.envelope.take() {
            let (recipients, eight_bit) = (envelope.recipients, envelope.eight_bit);
            let text = envelope.chunks.unwrap_or_default();
            self.end(recipients, lines(&text, eight_bit).map(|()| text));
        }
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

/// What is wrong with a text that came in chunks: without BINARYMIME it is lines (RFC 3030 section 2).
fn lines(text: &[u8], eight_bit: bool) -> Result<(), Fault> {
    let unfinished = !text.is_empty() && !text.ends_with(b"\r\n");
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        let body = line.strip_suffix(b"\r\n").unwrap_or(line);
        match body {
            _ if line.len() > LINE_LIMIT => return Err((554, "5.6.0 Line too long")),
            _ if unfinished || body.contains(&b'\r') || body.contains(&b'\n') => {
                return Err((554, "5.6.0 Bare CR or LF in the text"));
            }
            _ if body.contains(&0) => return Err((554, "5.6.0 NUL in the text")),
            _ if !eight_bit && !body.is_ascii() => {
                return Err((554, "5.6.1 8-bit text without BODY=8BITMIME"));
            }
            _ => {}
        }
    }
    Ok(())
}
