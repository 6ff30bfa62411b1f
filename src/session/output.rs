//! What each state says, written into a lent buffer.

use super::job::{Job, Mail, Text};
use super::machine::{Part, Session};
use super::state::State;
use crate::auth::{Credentials, login, plain};
use crate::buffer::{Sink, Window};
use crate::code::{Code, Outcome, Reason, Step};
use crate::message::header::Header;
use crate::wire::address::List;
use crate::wire::command;
use crate::wire::transparency::Stuffed;

impl Session {
    /// Writes octets to be sent into `out` (at least [`crate::limits::SMALLEST_BUFFER`] octets) and returns how many.
    /// 0: nothing is to be sent before the next event.
    pub fn transmit(&mut self, job: &Job<'_>, now: u64, out: &mut [u8]) -> usize {
        let mut filled = 0usize;
        while let Some(rest) = out.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            let (written, more) = self.write_some(job, now, rest);
            filled = filled.wrapping_add(written);
            if !more {
                break;
            }
        }
        self.unsent = self.unsent.wrapping_add(filled);
        filled
    }

    /// Writes some octets; says whether there may be more to write, and room for it.
    fn write_some(&mut self, job: &Job<'_>, now: u64, out: &mut [u8]) -> (usize, bool) {
        match self.state {
            State::Envelope if !self.may_say(self.envelope.said) => (0, false),
            State::Text => self.write_text(job, now, out),
            _ if !self.pending => (0, false),
            state => {
                let mut window = Window::new(out, self.cursor);
                self.write_line(job, state, &mut window);
                let (written, complete) = (window.kept(), window.complete());
                self.advance(written, complete);
                (written, complete && self.state == State::Envelope)
            }
        }
    }

    /// Notes that `written` octets of the line are written, or all of it.
    fn advance(&mut self, written: usize, complete: bool) {
        if !complete {
            self.cursor = self.cursor.wrapping_add(written);
            return;
        }
        self.cursor = 0;
        if self.state == State::Envelope {
            self.envelope.said = self.envelope.said.wrapping_add(1);
        } else {
            self.pending = false;
        }
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
        if self.verdict.is_some() {
            return self.cursor > 0;
        }
        let pipelined = self.pipelining && (command < envelope.data() || envelope.recipients == 1);
        pipelined || envelope.answered == command
    }

    /// Writes the one line that a state says.
    fn write_line(&self, job: &Job<'_>, state: State, out: &mut Window<'_>) {
        let settings = &job.settings;
        let name = settings.ehlo_name;
        let local = self.local;
        let credentials = settings.login.map_or(
            Credentials {
                username: &[],
                password: &[],
            },
            |login| login.credentials,
        );
        match state {
            State::Ehlo => command::Ehlo { name, local }.write(out),
            State::Helo => command::Helo { name, local }.write(out),
            State::AuthPlain => plain::write_command_with_response(credentials, out),
            State::AuthPlainAlone => plain::write_command(out),
            State::AuthPlainResponse => plain::write_response(credentials, out),
            State::AuthLogin => login::write_command(out),
            State::AuthUsername => login::write_username(credentials, out),
            State::AuthPassword => login::write_password(credentials, out),
            State::Envelope => self.write_envelope(job, out),
            State::LoneDot => out.put_all(b".\r\n"),
            State::Rset => command::Plain::Rset.write(out),
            State::Quit => command::Plain::Quit.write(out),
            State::Connecting | State::Greeting | State::Text | State::End | State::Closed => {}
        }
    }

    fn write_envelope(&self, job: &Job<'_>, out: &mut Window<'_>) {
        let Some(mail) = &job.mail else { return };
        match self.envelope.said {
            0 => command::Mail {
                reverse_path: job.settings.sender,
                eight_bit: self.plan.encoding == crate::message::body::Encoding::EightBit,
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

    /// Writes of headers, text and final dot what there is room for.
    fn write_text(&mut self, job: &Job<'_>, now: u64, out: &mut [u8]) -> (usize, bool) {
        let Some(mail) = &job.mail else { return (0, false) };
        match self.part {
            Part::Header => {
                let mut window = Window::new(out, self.cursor);
                self.header(job, mail).write(&mut window);
                let (written, complete) = (window.kept(), window.complete());
                self.cursor = self.cursor.wrapping_add(written);
                if complete {
                    self.cursor = 0;
                    self.part = Part::Body;
                }
                (written, complete)
            }
            Part::Body => {
                let (octets, last) = self.at_hand(mail.text);
                let mut stuffed = Stuffed::new(out, self.transparency);
                let taken = self.encoder.write(octets, last, &mut stuffed);
                let (written, after) = stuffed.finish();
                self.transparency = after;
                self.taken = self.taken.wrapping_add(taken);
                self.starved = !last && taken == octets.len();
                let ended = self.encoder.ended();
                if ended {
                    self.part = Part::Dot;
                }
                if matches!(mail.text, Text::Piece { utf8: true, .. }) {
                    let octets = octets.get(..taken).unwrap_or(&[]);
                    if !self.utf8.feed_all(octets) || (ended && !self.utf8.may_end()) {
                        self.conclude(Code::DataFailed, Step::Text, Outcome::NotSent, 0, Reason::NotUtf8);
                        self.close();
                        return (0, false);
                    }
                }
                (written, ended)
            }
            Part::Dot => {
                let mut window = Window::new(out, self.cursor);
                window.put_all(b".\r\n");
                let (written, complete) = (window.kept(), window.complete());
                self.cursor = self.cursor.wrapping_add(written);
                if complete {
                    self.end_of_text(job, now);
                }
                (written, false)
            }
        }
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

    fn header<'a>(&self, job: &Job<'a>, mail: &Mail<'a>) -> Header<'a, List<'a>> {
        Header {
            date: mail.date,
            sender: job.settings.sender,
            sender_name: job.settings.sender_name,
            recipients: List::new(mail.recipients),
            subject: mail.subject,
            nonce: mail.nonce,
            charset: job.settings.charset,
            text_is_utf8: self.plan.text_is_utf8,
            encoding: self.plan.encoding,
        }
    }

    /// The octets of the header block.
    pub(super) fn header_len(&self, job: &Job<'_>) -> u32 {
        let mut window = Window::counting();
        if let Some(mail) = &job.mail {
            self.header(job, mail).write(&mut window);
        }
        u32::try_from(window.written()).unwrap_or(u32::MAX)
    }
}
