//! Octets out, into a lent buffer: what the state and the server allow to be said.

use super::job::Job;
use super::machine::{Part, Session};
use super::state::State;
use crate::buffer::Window;
use crate::code::Reason;

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
        let mut line = self.state as usize;
        let may = match self.state {
            State::Envelope => {
                line = self.command(self.envelope.said);
                self.may_say(self.envelope.said)
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
            return None;
        }
        let mut window = Window::new(out, self.cursor);
        self.write_line(line, job, &mut window);
        let (written, complete) = (window.kept(), window.complete());
        self.cursor = self.cursor.wrapping_add(written);
        if complete {
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
        pipelined || self.pending
    }

    /// Writes of the text what there is room for.
    #[cfg_attr(not(feature = "std"), inline(never))]
    fn write_body(&mut self, job: &Job<'_>, out: &mut [u8]) -> Option<usize> {
        let text = &job.mail.as_ref()?.text;
        let at = self.taken.wrapping_sub(text.from);
        // Another piece than the one that is wanted is none.
        let (octets, last) = text
            .octets
            .get(at..)
            .map_or((&[][..], false), |octets| (octets, text.last));
        let mut window = Window::new(out, 0);
        let taken = self.encoder.write(octets, last, &mut window);
        let written = window.kept();
        self.taken = self.taken.wrapping_add(taken);
        self.starved = !last && taken == octets.len();
        if self.encoder.stuck() {
            self.give_up(Reason::Unsendable);
            return None;
        }
        if self.encoder.ended() {
            self.part = Part::Dot;
        } else if written == 0 {
            return None;
        }
        Some(written)
    }
}
