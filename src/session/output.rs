//! What each state says, written into a lent buffer.

use super::job::{Job, Text};
use super::machine::{Part, Session};
use super::state::State;
use crate::auth::{Credentials, login, plain};
use crate::buffer::{Sink, Window};
use crate::code::Reason;
use crate::message::body::Encoding;
use crate::message::header::Header;
use crate::wire::address::List;
use crate::wire::command;

impl Session {
    /// Writes octets to be sent into `out` (at least [`crate::limits::SMALLEST_BUFFER`] octets) and returns how many.
    /// 0: nothing is to be sent before the next event, or before there is more of the text.
    pub fn transmit(&mut self, job: &Job<'_>, now: u32, out: &mut [u8]) -> usize {
        self.now = now;
        let mut filled = 0usize;
        while let Some(rest) = out.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            let Some(written) = self.write_some(job, rest) else {
                break;
            };
            filled = filled.wrapping_add(written);
        }
        self.unsent = self.unsent.wrapping_add(filled);
        filled
    }

    /// Writes some octets; None where there are none to write, or no room for them.
    #[cfg_attr(not(feature = "std"), inline(never))]
    fn write_some(&mut self, job: &Job<'_>, out: &mut [u8]) -> Option<usize> {
        let may = match self.state {
            State::Envelope => self.may_say(self.envelope.said),
            State::Text if self.part == Part::Body => return self.write_body(job, out),
            State::End => false,
            _ => self.pending,
        };
        if !may {
            return None;
        }
        let mut window = Window::new(out, self.cursor);
        self.write_line(job, &mut window);
        let (written, complete) = (window.kept(), window.complete());
        self.cursor = self.cursor.wrapping_add(written);
        if complete {
            self.cursor = 0;
            match (self.state, self.part) {
                (State::Envelope, _) => self.envelope.said = self.envelope.said.wrapping_add(1),
                (State::Text, Part::Header) => self.part = Part::Body,
                // It is the server's turn, as soon as the final dot has left: `sent` tells.
                (State::Text, _) => self.state = State::End,
                _ => self.pending = false,
            }
        }
        Some(written)
    }

    /// Whether this command of the envelope may be said now.
    ///
    /// Without PIPELINING each waits for the answer to the one before. With it they go out together; DATA, too, when
    /// there is one recipient, else only after all are accepted (RFC 2920, 3.1). After a refusal nothing more is said,
    /// but a command of which a part has left is ended.
    fn may_say(&self, command: u16) -> bool {
        let envelope = &self.envelope;
        if command > envelope.data() {
            return false;
        }
        if self.concluded() {
            return self.cursor > 0;
        }
        let pipelined = self.pipelining && (command < envelope.data() || envelope.recipients == 1);
        pipelined || envelope.answered == command
    }

    /// Writes the one line that a state says; of the text, the headers or the final dot.
    #[cfg_attr(not(feature = "std"), inline(never))]
    fn write_line(&self, job: &Job<'_>, out: &mut Window<'_>) {
        let settings = &job.settings;
        let name = settings.ehlo_name;
        let local = self.local;
        match self.state {
            State::Ehlo => command::Ehlo { name, local }.write(out),
            State::Helo => command::Helo { name, local }.write(out),
            State::AuthPlainAlone => plain::write_command(out),
            State::AuthLogin => login::write_command(out),
            State::AuthPlain | State::AuthPlainResponse | State::AuthUsername | State::AuthPassword => {
                if let Some(login) = &settings.login {
                    self.write_credentials(login.credentials, out);
                }
            }
            State::Envelope => self.write_envelope(job, out),
            State::Text if self.part == Part::Header => self.write_header(job, out),
            State::Text | State::LoneDot => out.put_all(b".\r\n"),
            State::Rset => command::Plain::Rset.write(out),
            State::Quit => command::Plain::Quit.write(out),
            State::Connecting | State::Greeting | State::End | State::Closed => {}
        }
    }

    fn write_credentials(&self, credentials: Credentials<'_>, out: &mut Window<'_>) {
        match self.state {
            State::AuthPlain => plain::write_command_with_response(credentials, out),
            State::AuthPlainResponse => plain::write_response(credentials, out),
            State::AuthUsername => login::write_username(credentials, out),
            _ => login::write_password(credentials, out),
        }
    }

    fn write_envelope(&self, job: &Job<'_>, out: &mut Window<'_>) {
        let Some(mail) = &job.mail else { return };
        match self.envelope.said {
            0 => command::Mail {
                reverse_path: job.settings.sender,
                eight_bit: self.encoder.encoding() == Encoding::EightBit,
                size: self.plan.size,
            }
            .write(out),
            data if data == self.envelope.data() => command::Plain::Data.write(out),
            recipient => {
                let at = usize::from(recipient).saturating_sub(1);
                if let Some(forward_path) = List::new(mail.recipients).nth(at) {
                    command::Rcpt { forward_path }.write(out);
                }
            }
        }
    }

    /// Writes of the text what there is room for.
    #[cfg_attr(not(feature = "std"), inline(never))]
    fn write_body(&mut self, job: &Job<'_>, out: &mut [u8]) -> Option<usize> {
        let text = job.mail.as_ref()?.text;
        let (octets, last) = self.at_hand(text);
        let mut window = Window::new(out, 0);
        let taken = self.encoder.write(octets, last, &mut window);
        let written = window.kept();
        let ended = self.encoder.ended();
        self.taken = self.taken.wrapping_add(taken);
        self.starved = !last && taken == octets.len();
        if matches!(text, Text::Piece { utf8: true, .. }) {
            let octets = octets.get(..taken).unwrap_or(&[]);
            if !self.utf8.feed_all(octets) || (ended && !self.utf8.may_end()) {
                self.give_up(Reason::NotUtf8);
                return None;
            }
        }
        if ended {
            self.part = Part::Dot;
        } else if written == 0 {
            return None;
        }
        Some(written)
    }

    /// The octets of the text that are to be written next, and whether it ends with them.
    fn at_hand<'a>(&self, text: Text<'a>) -> (&'a [u8], bool) {
        let (octets, from, last) = match text {
            Text::Whole(octets) => (octets, 0, true),
            Text::Piece { octets, from, last, .. } => (octets, from, last),
        };
        match self.taken.checked_sub(from).and_then(|at| octets.get(at..)) {
            Some(octets) => (octets, last),
            // Another piece than the one that is wanted.
            None => (&[], false),
        }
    }

    fn write_header(&self, job: &Job<'_>, out: &mut Window<'_>) {
        let Some(mail) = &job.mail else { return };
        Header {
            date: mail.date,
            sender: job.settings.sender,
            sender_name: job.settings.sender_name,
            recipients: List::new(mail.recipients),
            subject: mail.subject,
            nonce: mail.nonce,
            charset: job.settings.charset,
            text_is_utf8: self.plan.text_is_utf8,
            encoding: self.encoder.encoding(),
        }
        .write(out);
    }

    /// The octets of the header block.
    pub(super) fn header_len(&self, job: &Job<'_>) -> u32 {
        let mut window = Window::counting();
        self.write_header(job, &mut window);
        u32::try_from(window.written()).unwrap_or(u32::MAX)
    }
}
