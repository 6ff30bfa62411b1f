//! Octets out, into a lent buffer: what the state and the server allow to be said.

use super::job::Job;
use super::machine::{Envelope, Part, Session};
use super::state::State;
use crate::buffer::{Sink, Window};
use crate::code::Reason;

impl Session {
    /// Writes octets to be sent into `out` (at least [`crate::limits::SMALLEST_BUFFER`] octets) and returns how many.
    /// 0: nothing is to be sent before the next event, or before there is more of the text.
    pub fn transmit(&mut self, job: &Job<'_>, now: u32, out: &mut [u8]) -> usize {
        self.now = now;
        // A line of which a part has left goes on behind that part; those that follow it begin where it ends.
        let mut window = Window::new(out, self.cursor);
        while window.room() > 0 && self.write_some(job, &mut window) {}
        let filled = window.kept();
        self.unsent = self.unsent.wrapping_add(filled);
        filled
    }

    /// Writes a line, or some of the text. False where there is nothing to write now, or no room for all of it.
    #[cfg_attr(not(feature = "std"), inline(never))]
    fn write_some(&mut self, job: &Job<'_>, out: &mut Window<'_>) -> bool {
        let mut line = self.state as usize;
        let may = match self.state {
            State::Envelope => {
                line = self.command(self.envelope.said);
                self.may_say()
            }
            State::Text => {
                match self.part {
                    Part::Header => {}
                    Part::Body => return self.write_body(job, out),
                    Part::Dot => line = State::LoneDot as usize,
                }
                true
            }
            State::End => false,
            _ => self.pending,
        };
        if !may {
            return false;
        }
        self.cursor = out.room();
        self.write_line(line, job, out);
        if !out.complete() {
            return false;
        }
        self.cursor = 0;
        match (self.state, self.part) {
            (State::Text, Part::Header) => self.part = Part::Body,
            // It is the server's turn, as soon as the final dot has left: `sent` tells.
            (State::Text, _) => self.state = State::End,
            (state, _) => {
                self.pending = false;
                if state == State::Envelope {
                    self.envelope.said = self.envelope.said.wrapping_add(1);
                }
            }
        }
        true
    }

    /// Whether the next command of the envelope may be said now.
    ///
    /// Without PIPELINING each waits for the answer to the one before. With it they go out together; DATA, too, when
    /// there is one recipient, else only after all are accepted (RFC 2920, 3.1). After a refusal nothing more is said,
    /// but a command of which a part has left is ended.
    fn may_say(&self) -> bool {
        let Envelope { said, data, .. } = self.envelope;
        if said > data {
            return false;
        }
        if self.concluded() {
            return self.cursor > 0;
        }
        let pipelined = self.pipelining && (said < data || data == 2);
        pipelined || self.pending
    }

    /// Writes of the text what there is room for. True where that was all of it.
    #[cfg_attr(not(feature = "std"), inline(always))]
    fn write_body(&mut self, job: &Job<'_>, out: &mut Window<'_>) -> bool {
        let Some(mail) = &job.mail else {
            return false;
        };
        let text = &mail.text;
        let Some(octets) = text.octets.get(self.taken.wrapping_sub(text.from)..) else {
            // Another piece than the one that is wanted.
            self.starved = true;
            return false;
        };
        let last = text.last;
        let taken = self.encoder.write(octets, last, out);
        self.taken = self.taken.wrapping_add(taken);
        self.starved = !last && taken == octets.len();
        if self.encoder.stuck() {
            // Nothing of it is to leave.
            out.forget();
            self.give_up(Reason::Unsendable);
            return false;
        }
        if self.encoder.ended() {
            self.part = Part::Dot;
        }
        self.encoder.ended()
    }
}
