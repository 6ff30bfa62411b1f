//! The pump: carries octets from the session into the channel and back, and wipes what it carried.

use super::carrier::{Channel, Moved};
#[cfg(not(fast))]
use crate::octets::wipe;
use crate::session::{Events, Job, Session, State};

/// What a turn does at most: so often it receives, or sends.
const ROUNDS: u32 = 4;

/// Wipes octets that may be secret, as fast as memory allows: nothing reads them any more, and without somebody who might the
/// compiler would leave it out.
#[cfg(fast)]
fn wipe(octets: &mut [u8]) {
    octets.fill(0);
    core::hint::black_box(octets);
}

/// What comes after a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Nothing can be done before the channel is ready again, the deadline comes, or the session has more of the text.
    Idle,
    /// There is more to do at once.
    More,
    /// The session wants a connection: its first one, or another one instead of this one.
    Connect,
    /// The session wants TLS on this connection, before it goes on.
    #[cfg(feature = "complete")]
    Secure,
    /// The session has to derive keys, in slices, before it goes on.
    #[cfg(feature = "std")]
    Derive,
}

/// A session, and the buffer for what it sends.
#[repr(C)]
pub struct Pump<B: AsMut<[u8]>, E: Events = ()> {
    /// `out[from..to]` is to be sent. Behind `to` there are zeros only; where it is fast, behind `used`.
    from: usize,
    to: usize,
    /// So much of the buffer was written to since it was wiped.
    #[cfg(fast)]
    used: usize,
    /// The session.
    pub session: Session<E>,
    out: B,
}

impl<B: AsMut<[u8]>, E: Events> Pump<B, E> {
    /// A pump for a session, with a buffer of at least [`crate::limits::SMALLEST_BUFFER`] octets.
    pub fn new(session: Session<E>, out: B) -> Self {
        Self {
            from: 0,
            to: 0,
            #[cfg(fast)]
            used: 0,
            session,
            out,
        }
    }

    /// Carries what can be carried now, in both directions; a bounded amount. What arrives passes through `buffer`.
    ///
    /// All that has arrived is read before anything is sent: a server that has refused a mail and closed is not sent the rest.
    pub fn turn(&mut self, job: &Job<'_>, now: u32, channel: &mut impl Channel, buffer: &mut [u8]) -> Turn {
        let turn = self.rounds(job, now, channel, buffer);
        #[cfg(fast)]
        if self.session.closed() {
            self.clear();
        }
        turn
    }

    fn rounds(&mut self, job: &Job<'_>, now: u32, channel: &mut impl Channel, buffer: &mut [u8]) -> Turn {
        let mut left = ROUNDS;
        loop {
            let received = self.receive(job, now, channel, buffer);
            match self.session.state() {
                State::Connecting => return Turn::Connect,
                State::Closed => return Turn::Idle,
                #[cfg(feature = "complete")]
                State::Securing => return Turn::Secure,
                #[cfg(feature = "std")]
                State::AuthDerive if !received => return Turn::Derive,
                _ => {}
            }
            if !received && !self.send(job, now, channel, buffer) {
                return Turn::Idle;
            }
            left = left.wrapping_sub(1);
            if left == 0 {
                return Turn::More;
            }
        }
    }

    /// Reads what has arrived, a bounded amount of it, and sends nothing; whether there may be more.
    pub fn read(&mut self, job: &Job<'_>, now: u32, channel: &mut impl Channel, buffer: &mut [u8]) -> bool {
        for _ in 0..ROUNDS {
            if !self.receive(job, now, channel, buffer) {
                return false;
            }
        }
        true
    }

    /// After a turn that left nothing to do: from which octet on the session needs more of the text, if that is why.
    pub fn wants_text(&self) -> Option<usize> {
        // While octets wait for the channel the session has not looked at the last piece.
        self.session.wants_text().filter(|_| self.from == self.to)
    }

    /// Forgets what is still to be sent, and wipes it: for a connection that is over.
    // Saves 576 bytes.
    #[cfg_attr(fast, inline(never))]
    pub fn clear(&mut self) {
        #[cfg(fast)]
        let used = core::mem::take(&mut self.used).max(self.to);
        #[cfg(not(fast))]
        let used = self.to;
        wipe(self.out.as_mut().get_mut(..used).unwrap_or(&mut []));
        (self.from, self.to) = (0, 0);
    }

    /// All of it has left. What follows of a text is written over it: it is wiped with that.
    #[cfg(fast)]
    fn has_left(&mut self) {
        if self.session.state() == State::Text && self.session.wants_text().is_none() {
            self.used = self.used.max(self.to);
            (self.from, self.to) = (0, 0);
        } else {
            self.clear();
        }
    }

    #[cfg(not(fast))]
    fn has_left(&mut self) {
        self.clear();
    }

    /// The buffer, wiped, for another pump; this one can send nothing more.
    pub fn take_buffer(&mut self) -> B
    where
        B: Default,
    {
        self.clear();
        core::mem::take(&mut self.out)
    }

    /// Another buffer instead of one that was taken.
    #[cfg(feature = "std")]
    pub fn give_buffer(&mut self, buffer: B) {
        self.out = buffer;
    }

    /// Whether the session may still hear and say something on this connection.
    fn talks(&self) -> bool {
        !self.session.state().silent()
    }

    /// Receives once; whether anything came.
    fn receive(&mut self, job: &Job<'_>, now: u32, channel: &mut impl Channel, buffer: &mut [u8]) -> bool {
        if !self.talks() {
            return false;
        }
        let moved = channel.receive(buffer);
        if let Some(reason) = moved.ended {
            self.session.lost(job, now, reason);
            return false;
        }
        let Some(received @ [_, ..]) = buffer.get_mut(..moved.octets) else {
            return false;
        };
        self.session.receive(job, now, received);
        // A server may repeat what it was told.
        wipe(received);
        true
    }

    /// Sends once; false where nothing left.
    // Saves 14 bytes of the small library, 110 of the complete one.
    #[cfg_attr(not(fast), inline(never))]
    fn send(&mut self, job: &Job<'_>, now: u32, channel: &mut impl Channel, buffer: &mut [u8]) -> bool {
        if self.from == self.to {
            #[cfg(fast)]
            if let octets @ [_, ..] = self.session.lends(job) {
                let moved = channel.send(octets);
                if moved.octets > 0 {
                    self.session.passed(job, now, octets, moved.octets);
                }
                return self.after_sending(job, now, moved, channel, buffer);
            }
            self.from = 0;
            self.to = self.session.transmit(job, now, self.out.as_mut());
            if !self.talks() {
                // A text that cannot be sent: nothing of it may leave, and all of the buffer may hold some.
                self.to = self.out.as_mut().len();
                self.clear();
                return false;
            }
        }
        let Some(octets @ [_, ..]) = self.out.as_mut().get(self.from..self.to) else {
            return false;
        };
        let moved = channel.send(octets);
        if moved.octets > 0 {
            self.from = self.from.wrapping_add(moved.octets);
            self.session.sent(job, now, moved.octets);
            if self.from >= self.to {
                // There may have been a password in it.
                self.has_left();
            }
        }
        self.after_sending(job, now, moved, channel, buffer)
    }

    /// Looks how sending went; false where nothing left.
    // In one place, where sending is in two.
    #[cfg_attr(not(fast), inline(always))]
    fn after_sending(
        &mut self,
        job: &Job<'_>,
        now: u32,
        moved: Moved,
        channel: &mut impl Channel,
        buffer: &mut [u8],
    ) -> bool {
        let Some(reason) = moved.ended else {
            // Where nothing left the deadline stays.
            return moved.octets > 0;
        };
        // The server may have said why, before it closed.
        while self.receive(job, now, channel, buffer) {}
        // Reading may have found the end already, and the session may be connecting anew.
        if self.session.state() != State::Connecting {
            self.session.lost(job, now, reason);
        }
        true
    }
}

impl<B: AsMut<[u8]>, E: Events> Drop for Pump<B, E> {
    fn drop(&mut self) {
        self.clear();
        // The last answer, which may repeat what the server was told.
        self.session.wipe();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::code::{Code, Outcome, Reason};
    use crate::session::job::{Field, Settings};
    use crate::session::{Date, Mail, Text};
    use crate::wire::capability::Capabilities;
    use crate::wire::literal::Address;
    use std::collections::VecDeque;
    use std::vec::Vec;

    const OUT: usize = 64;

    /// A call of the pump's on its channel.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    enum Call {
        Send,
        Receive,
    }

    /// A server, and the way to it: what is moved in a call, and which call fails.
    struct Scripted {
        /// What it answers to lines that begin so.
        replies: Vec<(&'static str, &'static str)>,
        most_sent: usize,
        most_received: usize,
        /// Each call that would move something moves nothing first.
        stalls: bool,
        stalled: bool,
        /// The call with this number ends the channel.
        fails: Option<(usize, Moved)>,
        /// It closes behind this reply.
        closes_after: &'static str,
        calls: Vec<Call>,
        heard: Vec<u8>,
        line: Vec<u8>,
        in_text: bool,
        says: VecDeque<u8>,
        closed: bool,
        ended: bool,
    }

    impl Scripted {
        fn new() -> Self {
            Self {
                replies: std::vec![
                    ("EHLO", "250-test\r\n250 AUTH PLAIN\r\n"),
                    ("HELO", "250 test\r\n"),
                    ("AUTH", "235 welcome\r\n"),
                    ("DATA", "354 go on\r\n"),
                    ("QUIT", "221 bye\r\n"),
                    ("", "250 ok\r\n"),
                ],
                most_sent: usize::MAX,
                most_received: usize::MAX,
                stalls: false,
                stalled: false,
                fails: None,
                closes_after: "never",
                calls: Vec::new(),
                heard: Vec::new(),
                line: Vec::new(),
                in_text: false,
                says: b"220 test\r\n".iter().copied().collect(),
                closed: false,
                ended: false,
            }
        }

        fn says(mut self, to: &'static str, reply: &'static str) -> Self {
            self.replies.insert(0, (to, reply));
            self
        }

        /// Counts a call; what it gives where it fails or stalls.
        fn call(&mut self, call: Call, possible: bool) -> Option<Moved> {
            self.calls.push(call);
            if let Some((number, moved)) = self.fails {
                if number == self.calls.len() {
                    self.ended = true;
                    return Some(moved);
                }
            }
            self.stalled ^= possible && self.stalls;
            (self.stalled || !possible).then_some(Moved::NOTHING)
        }

        fn hear(&mut self, octet: u8) {
            self.heard.push(octet);
            self.line.push(octet);
            if !self.line.ends_with(b"\r\n") {
                return;
            }
            let line = core::mem::take(&mut self.line);
            if self.in_text {
                self.in_text = line != b".\r\n";
                if self.in_text {
                    return;
                }
            }
            let reply = self.replies.iter().find(|(to, _)| line.starts_with(to.as_bytes()));
            let (to, reply) = reply.unwrap();
            self.in_text = line == b"DATA\r\n" && reply.starts_with("354");
            self.says.extend(reply.as_bytes());
            self.closed |= *to == self.closes_after;
        }
    }

    impl Channel for Scripted {
        fn send(&mut self, octets: &[u8]) -> Moved {
            assert!(!self.ended && !octets.is_empty());
            if let Some(moved) = self.call(Call::Send, true) {
                return moved;
            }
            let length = octets.len().min(self.most_sent);
            for octet in &octets[..length] {
                self.hear(*octet);
            }
            Moved::octets(length)
        }

        fn receive(&mut self, octets: &mut [u8]) -> Moved {
            assert!(octets.iter().all(|octet| *octet == 0), "what was received is wiped");
            let possible = !self.says.is_empty();
            if let Some(moved) = self.call(Call::Receive, possible || self.closed) {
                return moved;
            }
            if !possible {
                self.ended = true;
                return Moved::ended(Reason::Lost);
            }
            let length = octets.len().min(self.most_received).min(self.says.len());
            for (octet, said) in octets.iter_mut().zip(self.says.drain(..length)) {
                *octet = said;
            }
            Moved::octets(length)
        }
    }

    fn job() -> Job<'static> {
        let mut settings = Settings::NONE;
        settings.mechanisms = Capabilities::PLAIN;
        settings.set_text(Field::Username, b"user");
        settings.set_text(Field::Password, b"secret");
        settings.set_text(Field::Sender, b"a@example.cz");
        settings.set_text(Field::EhloName, b"device.example.cz");
        Job {
            settings,
            mail: Some(Mail {
                date: Date::at(1),
                ..Mail::new(b"b@example.cz", b"alarm", Text::whole(b"It is hot.\n.\nVery hot.\n"))
            }),
            keep: false,
            #[cfg(feature = "std")]
            dry: false,
        }
    }

    fn pump(job: &Job<'_>) -> Pump<[u8; OUT]> {
        Pump::new(Session::new(job, ()), [0; OUT])
    }

    /// Turns until there is nothing to do, and looks after each that nothing is left of what was carried.
    fn drive(pump: &mut Pump<[u8; OUT]>, job: &Job<'_>, channel: &mut Scripted) -> Turn {
        let mut buffer = [0; 32];
        let mut idle = 0;
        for _ in 0..100_000 {
            let before = (channel.heard.len(), channel.says.len());
            let turn = pump.turn(job, 0, channel, &mut buffer);
            assert_eq!(buffer, [0; 32]);
            // Of a text the next piece is written over the one before.
            let text = cfg!(fast) && pump.session.state() == State::Text;
            if pump.from == pump.to && !text {
                assert_eq!(pump.out, [0; OUT], "what was sent is wiped");
            }
            #[cfg(fast)]
            let used = pump.used.max(pump.to);
            #[cfg(not(fast))]
            let used = pump.to;
            assert!(pump.out[used..].iter().all(|octet| *octet == 0));
            // A channel that stalls is ready again the next time.
            let moved = before != (channel.heard.len(), channel.says.len());
            idle = if moved { 0 } else { idle + 1 };
            if turn == Turn::Connect || pump.session.closed() || idle == 4 {
                return turn;
            }
        }
        panic!("it does not end");
    }

    fn connected(job: &Job<'_>) -> Pump<[u8; OUT]> {
        let mut pump = pump(job);
        pump.session.connected(job, 0, &Address::NONE);
        pump
    }

    fn outcome(pump: &Pump<[u8; OUT]>) -> (Code, Outcome) {
        let verdict = pump.session.verdict().unwrap();
        (verdict.code, verdict.outcome)
    }

    #[test]
    fn at_every_split_the_same_octets_leave() {
        let job = job();
        let mut whole = Scripted::new();
        let mut first = connected(&job);
        drive(&mut first, &job, &mut whole);
        assert_eq!(outcome(&first), (Code::Ok, Outcome::Sent));
        for most_sent in 1..=OUT {
            for most_received in 1..=32 {
                for stalls in [false, true] {
                    let mut channel = Scripted {
                        most_sent,
                        most_received,
                        stalls,
                        ..Scripted::new()
                    };
                    let mut pump = connected(&job);
                    drive(&mut pump, &job, &mut channel);
                    assert_eq!(outcome(&pump), (Code::Ok, Outcome::Sent));
                    assert_eq!(channel.heard, whole.heard);
                }
            }
        }
    }

    #[test]
    fn a_failure_in_any_call_ends_it_and_nothing_is_sent_after_it() {
        let job = job();
        let mut whole = Scripted::new();
        drive(&mut connected(&job), &job, &mut whole);
        let calls = whole.calls.len();
        let dot = whole.heard.windows(5).position(|five| five == b"\r\n.\r\n").unwrap();
        let (mut unknown, mut sent) = (0, 0);
        for number in 1..=calls {
            let mut channel = Scripted {
                fails: Some((number, Moved::ended(Reason::Lost))),
                ..Scripted::new()
            };
            let mut pump = connected(&job);
            drive(&mut pump, &job, &mut channel);
            assert!(
                pump.session.closed() || pump.session.state() == State::Connecting,
                "{number}"
            );
            if pump.session.state() == State::Connecting {
                continue;
            }
            let (_, ended) = outcome(&pump);
            if channel.heard.len() < dot {
                assert_eq!(ended, Outcome::NotSent, "{number}");
            }
            unknown += usize::from(ended == Outcome::Unknown);
            sent += usize::from(ended == Outcome::Sent);
        }
        assert!(unknown > 0 && sent > 0);
    }

    #[test]
    fn octets_that_may_have_left_count_as_left() {
        let job = job();
        let mut whole = Scripted::new();
        drive(&mut connected(&job), &job, &mut whole);
        let mut unknown = 0;
        for (at, call) in whole.calls.iter().enumerate() {
            if *call != Call::Send {
                continue;
            }
            let moved = Moved {
                octets: OUT,
                ended: Some(Reason::BadTransport),
            };
            let mut channel = Scripted {
                fails: Some((at + 1, moved)),
                ..Scripted::new()
            };
            let mut pump = connected(&job);
            drive(&mut pump, &job, &mut channel);
            let (_, ended) = outcome(&pump);
            let said_quit = channel.heard.ends_with(b"\r\n.\r\n");
            assert_eq!(ended == Outcome::Sent, said_quit);
            unknown += usize::from(ended == Outcome::Unknown);
        }
        assert_eq!(unknown, 1, "the final dot stands in one of them");
    }

    #[test]
    fn what_the_server_said_is_read_after_a_failure_to_send() {
        let job = job();
        for (at, call) in [(3, Call::Send), (6, Call::Send)] {
            let mut channel = Scripted {
                fails: Some((at, Moved::ended(Reason::Lost))),
                ..Scripted::new()
            };
            let mut pump = connected(&job);
            let mut buffer = [0; 32];
            // The greeting, and a goodbye that comes while a command is sent.
            struct Late<'s>(&'s mut Scripted);
            impl Channel for Late<'_> {
                fn send(&mut self, octets: &[u8]) -> Moved {
                    let moved = self.0.send(octets);
                    if moved.ended.is_some() {
                        self.0.says.extend(b"421 4.3.2 shutting down\r\n");
                        self.0.ended = false;
                    }
                    moved
                }
                fn receive(&mut self, octets: &mut [u8]) -> Moved {
                    self.0.receive(octets)
                }
            }
            for _ in 0..50 {
                pump.turn(&job, 0, &mut Late(&mut channel), &mut buffer);
            }
            assert_eq!(channel.calls[at - 1], call);
            assert!(pump.session.closed());
            assert_eq!(pump.session.verdict().unwrap().reply, 421);
            assert_eq!(pump.session.text(), b"4.3.2 shutting down");
            assert!(!channel.calls[at..].contains(&Call::Send));
        }
    }

    #[test]
    fn a_server_that_refuses_and_closes_is_not_sent_the_rest() {
        let job = job();
        let mut channel = Scripted {
            closes_after: "DATA",
            ..Scripted::new()
        };
        let mut pump = connected(&job);
        drive(&mut pump, &job, &mut channel);
        assert_eq!(outcome(&pump).1, Outcome::NotSent);
        assert!(channel.heard.ends_with(b"DATA\r\n"));
    }

    #[test]
    fn nothing_is_carried_before_there_is_a_connection_nor_after_the_end() {
        let job = job();
        let mut channel = Scripted::new();
        let mut pump = pump(&job);
        assert_eq!(pump.turn(&job, 0, &mut channel, &mut [0; 32]), Turn::Connect);
        pump.session.cancel();
        assert_eq!(pump.turn(&job, 0, &mut channel, &mut [0; 32]), Turn::Idle);
        assert!(channel.calls.is_empty());
    }

    #[test]
    fn a_mail_that_is_cancelled_says_no_more_and_leaves_nothing() {
        let job = job();
        let mut whole = Scripted::new();
        drive(&mut connected(&job), &job, &mut whole);
        for octets in 1..whole.heard.len() {
            let mut channel = Scripted {
                most_sent: 1,
                ..Scripted::new()
            };
            let mut pump = connected(&job);
            while channel.heard.len() < octets {
                pump.turn(&job, 0, &mut channel, &mut [0; 32]);
            }
            pump.session.cancel();
            let before = channel.heard.len();
            if pump.session.closed() {
                assert_eq!(pump.turn(&job, 0, &mut channel, &mut [0; 32]), Turn::Idle);
                assert_eq!(channel.heard.len(), before);
            }
            pump.clear();
            assert_eq!((pump.out, pump.from, pump.to), ([0; OUT], 0, 0));
        }
    }

    #[test]
    fn a_second_connection_begins_with_an_empty_buffer() {
        let mut job = job();
        job.settings.mechanisms = Capabilities::NONE;
        let mut channel = Scripted {
            closes_after: "EHLO",
            ..Scripted::new().says("EHLO", "502 what\r\n")
        };
        let mut pump = connected(&job);
        assert_eq!(drive(&mut pump, &job, &mut channel), Turn::Connect);
        pump.clear();
        assert_eq!((pump.out, pump.from, pump.to), ([0; OUT], 0, 0));
        let mut second = Scripted::new();
        pump.session.connected(&job, 0, &Address::NONE);
        drive(&mut pump, &job, &mut second);
        assert!(second.heard.starts_with(b"HELO "));
        assert_eq!(outcome(&pump), (Code::Ok, Outcome::Sent));
    }

    #[test]
    fn a_turn_and_a_reading_end_however_much_there_is() {
        let job = job();
        for read_only in [false, true] {
            let mut channel = Scripted {
                most_sent: 1,
                most_received: 1,
                ..Scripted::new()
            };
            let mut pump = connected(&job);
            if read_only {
                assert!(pump.read(&job, 0, &mut channel, &mut [0; 32]));
            } else {
                assert_eq!(pump.turn(&job, 0, &mut channel, &mut [0; 32]), Turn::More);
            }
            assert_eq!(channel.calls.len(), ROUNDS as usize);
        }
    }

    #[test]
    fn a_buffer_that_is_given_back_is_wiped() {
        let job = job();
        let out = std::vec![0; OUT].into_boxed_slice();
        let mut pump = Pump::new(Session::new(&job, ()), out);
        pump.session.connected(&job, 0, &Address::NONE);
        let mut channel = Scripted {
            most_sent: 1,
            ..Scripted::new()
        };
        while channel.heard.is_empty() {
            pump.turn(&job, 0, &mut channel, &mut [0; 32]);
        }
        assert!(pump.out.iter().any(|octet| *octet != 0));
        assert_eq!(pump.take_buffer(), std::vec![0; OUT].into_boxed_slice());
    }

    #[test]
    fn a_piece_of_the_text_is_wanted_when_the_one_before_has_left() {
        let text = b"It is hot. ".repeat(20);
        let mut job = job();
        let mut channel = Scripted {
            most_sent: 7,
            stalls: true,
            ..Scripted::new()
        };
        let mut pump = connected(&job);
        job.mail.as_mut().unwrap().text = Text::in_pieces(true);
        let mut wanted_before = None;
        for _ in 0..1000 {
            pump.turn(&job, 0, &mut channel, &mut [0; 32]);
            let Some(wanted) = pump.wants_text() else { continue };
            assert!(wanted_before < Some(wanted), "the same piece is wanted twice");
            assert_eq!((pump.from, pump.to), (0, 0));
            wanted_before = Some(wanted);
            let piece = &mut job.mail.as_mut().unwrap().text;
            piece.octets = text.get(wanted..text.len().min(wanted + 50)).unwrap();
            (piece.from, piece.last) = (wanted, wanted == text.len());
        }
        assert_eq!(outcome(&pump), (Code::Ok, Outcome::Sent));
        assert_eq!(wanted_before, Some(text.len()));
    }

    /// What the server hears of a text, up to the final dot.
    #[cfg(fast)]
    fn heard_of(text: &[u8], piece: Option<usize>, most_sent: usize, stalls: bool) -> Vec<u8> {
        let mut job = job();
        let mail = job.mail.as_mut().unwrap();
        let whole = text;
        mail.text = Text::whole(whole);
        let form = crate::message::part::Form::Raw;
        if piece.is_some() {
            mail.text = Text::in_pieces(true);
            mail.form = Some(&form);
        }
        let survey = crate::message::survey::Survey {
            clean: true,
            ..crate::message::survey::Survey::of(text)
        };
        // Of a whole text what is in it.
        let looked = crate::message::survey::Survey::of(text);
        mail.survey = Some(if piece.is_some() { &survey } else { &looked });
        let mut channel = Scripted {
            most_sent,
            stalls,
            ..Scripted::new()
        };
        let mut pump = connected(&job);
        let mut wanted_before = None;
        for _ in 0..200_000 {
            pump.turn(&job, 0, &mut channel, &mut [0; 32]);
            if pump.session.closed() {
                break;
            }
            if let (Some(piece), Some(wanted)) = (piece, pump.wants_text()) {
                // Its owner would look again at once, and again, until the channel takes something.
                assert!(wanted_before < Some(wanted), "a piece is wanted that is there");
                wanted_before = Some(wanted);
                let text = &mut job.mail.as_mut().unwrap().text;
                text.octets = &whole[wanted..whole.len().min(wanted + piece)];
                (text.from, text.last) = (wanted, wanted + piece >= whole.len());
            }
        }
        assert_eq!(outcome(&pump), (Code::Ok, Outcome::Sent));
        let all = channel.heard.windows(6).position(|six| six == b"DATA\r\n").unwrap() + 6;
        let header = if piece.is_some() {
            0
        } else {
            channel.heard[all..]
                .windows(4)
                .position(|four| four == b"\r\n\r\n")
                .unwrap()
                + 4
        };
        let text = channel.heard[all + header..].strip_suffix(b".\r\nQUIT\r\n");
        text.unwrap().to_vec()
    }

    #[cfg(fast)]
    #[test]
    fn a_clean_text_is_sent_from_where_it_is_and_nothing_of_it_changes() {
        let line = b"It is hot. It is very hot, and nobody knows why it is so hot in here.\r\n";
        let long = line.repeat(120);
        let cut = |length: usize| long[..length].to_vec();
        let mut dotted = b".".to_vec();
        dotted.extend(&long);
        for (text, wanted) in [
            (long.clone(), long.clone()),
            // Its last line has no end of its own.
            (cut(8000), [cut(8000), b"\r\n".to_vec()].concat()),
            (dotted.clone(), [b".".to_vec(), dotted].concat()),
        ] {
            for (most_sent, stalls) in [
                (usize::MAX, false),
                (usize::MAX, true),
                (4097, false),
                (71, true),
                (72, false),
            ] {
                let heard = heard_of(&text, None, most_sent, stalls);
                assert!(heard == wanted, "{most_sent} {stalls}");
                for piece in [4096, 5000, 5041, 5040, 8520] {
                    let heard = heard_of(&text, Some(piece), most_sent, stalls);
                    assert!(heard == wanted, "{piece}, {most_sent} {stalls}");
                }
            }
        }
        // One that is not clean is written.
        let mut other = long.clone();
        other[5000..5003].copy_from_slice(b"\n.\n");
        let heard = heard_of(&other, None, usize::MAX, false);
        assert!(heard.windows(5).any(|five| five == b"\r\n..\r"));
    }

    /// The data of a mail whose body is this one.
    #[cfg(fast)]
    fn stuffed(body: &[u8]) -> Vec<u8> {
        let mut wanted = Vec::new();
        for line in body.split_inclusive(|octet| *octet == b'\n') {
            if line.starts_with(b".") {
                wanted.push(b'.');
            }
            wanted.extend(line);
        }
        if !body.ends_with(b"\n") {
            wanted.extend(b"\r\n");
        }
        wanted
    }

    #[cfg(fast)]
    #[test]
    fn a_clean_text_stays_the_same_wherever_the_channel_cuts_it() {
        // Lines of few octets, so that every place of a cut is one within a line end for some of them; the last octets, too few to be
        // sent from where they are, are written.
        for length in [2usize, 3, 5, 8] {
            let line = [b"x".repeat(length - 2), b"\r\n".to_vec()].concat();
            let text = line.repeat(6000 / length);
            let wanted = stuffed(&text);
            for most_sent in 1890..1890 + 2 * length {
                for stalls in [false, true] {
                    assert!(
                        heard_of(&text, None, most_sent, stalls) == wanted,
                        "{length}, {most_sent}"
                    );
                    for piece in [5000, 5001, 5002, 5003] {
                        let heard = heard_of(&text, Some(piece), most_sent, stalls);
                        assert!(
                            heard == wanted,
                            "lines of {length}, pieces of {piece}, {most_sent} at a time"
                        );
                    }
                }
            }
        }
    }

    #[cfg(fast)]
    #[test]
    fn of_a_clean_text_nothing_is_in_the_buffer() {
        let long = b"It is hot.\r\n".repeat(1000);
        let mut job = job();
        let survey = crate::message::survey::Survey::of(&long);
        let mail = job.mail.as_mut().unwrap();
        (mail.text, mail.survey) = (Text::whole(&long), Some(&survey));
        let mut channel = Scripted {
            most_sent: 5000,
            ..Scripted::new()
        };
        let mut pump = connected(&job);
        let mut seen = 0;
        while !pump.session.closed() {
            let before = channel.heard.len();
            pump.turn(&job, 0, &mut channel, &mut [0; 32]);
            if channel.heard.len() >= before + 5000 {
                seen += 1;
                assert!(!pump.out.windows(3).any(|three| three == b"hot"));
            }
        }
        assert!(seen > 0);
        assert_eq!(pump.out, [0; OUT]);
        assert_eq!(outcome(&pump), (Code::Ok, Outcome::Sent));
    }

    /// Without the feature `complete` such a text ends the mail.
    #[cfg(not(feature = "complete"))]
    #[test]
    fn of_a_text_that_cannot_be_sent_nothing_is_left() {
        let text = b"x".repeat(999);
        let mut job = job();
        job.mail.as_mut().unwrap().text = Text::whole(&text);
        let mut channel = Scripted::new();
        let out = std::vec![0; 4096].into_boxed_slice();
        let mut pump = Pump::new(Session::new(&job, ()), out);
        pump.session.connected(&job, 0, &Address::NONE);
        for _ in 0..50 {
            pump.turn(&job, 0, &mut channel, &mut [0; 32]);
        }
        assert!(pump.session.closed());
        assert_eq!(pump.session.verdict().unwrap().reason, Reason::Unsendable);
        assert!(channel.heard.ends_with(b"DATA\r\n"));
        assert!(pump.out.iter().all(|octet| *octet == 0));
    }
}
