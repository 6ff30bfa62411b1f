//! The dialogue with a server, line by line, as people read it: for the program's trace function, and kept for
//! `sds_smtp_client_dialogue()`.
//!
//! `S: 220 mail.example.org ESMTP` is the server's, `C: EHLO ...` ours, `# connecting to 192.0.2.1:25` a note. The session masks the
//! secrets in it. Of the mail's data only the number of octets is told. A line is at most [`EVENT_LINE_BYTES`] long; what is longer is
//! cut.

use std::boxed::Box;

use super::memory::{Boxed, Row, joined, zeros};
use crate::limits::{DIALOGUE_BYTES, EVENT_LINE_BYTES, TRACE_BYTES};
use crate::session::event::Hearing;

/// What a line begins with.
const SERVER: &[u8] = b"S: ";
const CLIENT: &[u8] = b"C: ";
const NOTE: &[u8] = b"# ";

/// Room for the largest number and the words beside it.
const COUNT_BYTES: usize = 64;

/// Takes the lines of a conversation.
pub struct Transcript {
    /// The server's line that is not whole yet.
    hearing: Hearing,
    /// Octets of the mail data that are not told of yet.
    data: u64,
    trace: Option<Queue>,
    kept: Option<Kept>,
}

impl Transcript {
    /// An empty one: with lines for a trace function, or lines that are kept, or both. None without memory.
    // Saves 64 bytes.
    #[inline(never)]
    pub fn new(trace: bool, keep: bool) -> Option<Boxed<Self>> {
        let kept = match keep {
            true => Some(Kept {
                octets: zeros(DIALOGUE_BYTES)?,
                length: 0,
            }),
            false => None,
        };
        Boxed::new(Self {
            hearing: Hearing::EMPTY,
            data: 0,
            trace: trace.then_some(Queue {
                lines: Row::new(),
                left_out: 0,
            }),
            kept,
        })
    }

    /// The client says this line.
    pub fn said(&mut self, line: &[u8]) {
        self.tell_of_data();
        self.put(CLIENT, line);
    }

    /// The client says these octets of the mail data.
    pub fn data(&mut self, octets: &[u8]) {
        self.data = self.data.saturating_add(octets.len() as u64);
    }

    /// Where a line of the server's is put until it is whole.
    pub fn hearing(&mut self) -> &mut Hearing {
        &mut self.hearing
    }

    /// The server's line is whole.
    pub fn heard(&mut self) {
        self.tell_of_data();
        let line = self.hearing.line();
        write(&mut self.trace, &mut self.kept, SERVER, line);
    }

    /// Something of ours, which nobody said.
    pub fn note(&mut self, words: &[u8]) {
        self.tell_of_data();
        self.put(NOTE, words);
    }

    /// The conversation has ended, perhaps in the middle of the mail data.
    pub fn end(&mut self) {
        self.tell_of_data();
    }

    /// The lines that the trace function was not told of yet, each with a NUL behind it; None where there is none, and without
    /// memory: they stay then.
    pub fn take_lines(&mut self) -> Option<Box<[u8]>> {
        self.trace.as_mut()?.take()
    }

    /// The newest lines, each with a line feed behind it: at most [`DIALOGUE_BYTES`] octets. Empty where nothing is kept.
    pub fn dialogue(&self) -> &[u8] {
        self.kept.as_ref().map_or(&[], Kept::octets)
    }

    fn tell_of_data(&mut self) {
        let octets = core::mem::take(&mut self.data);
        if octets > 0 {
            let mut room = [0; COUNT_BYTES];
            let line = counted(&mut room, b"(", octets, b" octets of mail data)");
            write(&mut self.trace, &mut self.kept, CLIENT, line);
        }
    }

    fn put(&mut self, who: &[u8], line: &[u8]) {
        write(&mut self.trace, &mut self.kept, who, line);
    }
}

fn write(trace: &mut Option<Queue>, kept: &mut Option<Kept>, who: &[u8], line: &[u8]) {
    let line = line.get(..EVENT_LINE_BYTES).unwrap_or(line);
    if let Some(trace) = trace {
        trace.put(who, line);
    }
    if let Some(kept) = kept {
        kept.put(who, line);
    }
}

/// Words with a number between them.
fn counted<'a>(room: &'a mut [u8; COUNT_BYTES], before: &[u8], number: u64, behind: &[u8]) -> &'a [u8] {
    let mut digits = [0; 20];
    let (mut rest, mut first) = (number, digits.len());
    for (at, digit) in digits.iter_mut().enumerate().rev() {
        *digit = b'0'.wrapping_add(u8::try_from(rest % 10).unwrap_or(0));
        first = at;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    let parts = [before, digits.get(first..).unwrap_or(&[]), behind];
    let mut length = 0usize;
    for (to, from) in room.iter_mut().zip(parts.into_iter().flatten()) {
        *to = *from;
        length = length.saturating_add(1);
    }
    room.get(..length).unwrap_or(&[])
}

/// How long a line is with its end.
fn length_of(who: &[u8], line: &[u8]) -> usize {
    who.len().saturating_add(line.len()).saturating_add(1)
}

/// Writes a line, without control characters: one would end it.
fn write_line(room: &mut [u8], who: &[u8], line: &[u8], end: u8) {
    let printable = |octet: &u8| match octet {
        b' '..=b'~' => *octet,
        _ => b'?',
    };
    let octets = who.iter().chain(line).map(printable).chain([end]);
    for (to, from) in room.iter_mut().zip(octets) {
        *to = from;
    }
}

/// Lines for the trace function, each with a NUL behind it.
struct Queue {
    lines: Row<u8>,
    /// Lines for which there was no room.
    left_out: u64,
}

impl Queue {
    fn put(&mut self, who: &[u8], line: &[u8]) {
        if self.left_out > 0 || !self.push(who, line) {
            self.left_out = self.left_out.saturating_add(1);
        }
    }

    /// False without memory, and where too much waits already. There is always room left for the line that says so.
    fn push(&mut self, who: &[u8], line: &[u8]) -> bool {
        let needed = length_of(who, line);
        let room = needed.saturating_add(COUNT_BYTES);
        if self.lines.len().saturating_add(needed) > TRACE_BYTES || self.lines.reserve(room).is_none() {
            return false;
        }
        self.append(who, line)
    }

    /// False without memory.
    fn append(&mut self, who: &[u8], line: &[u8]) -> bool {
        let room = self.lines.grow(length_of(who, line), 0);
        room.map(|room| write_line(room, who, line, 0)).is_some()
    }

    fn take(&mut self) -> Option<Box<[u8]>> {
        if self.left_out > 0 {
            let mut room = [0; COUNT_BYTES];
            let words = counted(&mut room, b"", self.left_out, b" lines left out: no memory");
            if self.append(NOTE, words) {
                self.left_out = 0;
            }
        }
        if self.lines.is_empty() {
            return None;
        }
        let lines = joined(&[&self.lines])?;
        self.lines.clear();
        Some(lines)
    }
}

/// The newest lines, each with a line feed behind it.
struct Kept {
    octets: Box<[u8]>,
    length: usize,
}

impl Kept {
    fn octets(&self) -> &[u8] {
        self.octets.get(..self.length).unwrap_or(&[])
    }

    /// A line; the oldest ones make room for it.
    fn put(&mut self, who: &[u8], line: &[u8]) {
        let needed = length_of(who, line);
        while self.length.saturating_add(needed) > self.octets.len() && self.drop_oldest() {}
        let Some(room) = self.octets.get_mut(self.length..) else {
            return;
        };
        write_line(room, who, line, b'\n');
        self.length = self.length.saturating_add(needed).min(self.octets.len());
    }

    /// False where there is none.
    fn drop_oldest(&mut self) -> bool {
        let octets = self.octets.get_mut(..self.length).unwrap_or(&mut []);
        let Some(end) = octets.iter().position(|octet| *octet == b'\n') else {
            return false;
        };
        let behind = end.saturating_add(1).min(octets.len());
        octets.copy_within(behind.., 0);
        self.length = self.length.saturating_sub(behind);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::code::Reason;
    use crate::session::event::Events;
    use crate::session::job::{Field, Mail, Text};
    use crate::session::{Job, Session, Settings};
    use crate::wire::capability::Capabilities;
    use std::string::String;
    use std::vec::Vec;

    /// Takes the events as a connection does.
    struct Listener(Boxed<Transcript>);

    impl Events for Listener {
        fn listens(&self) -> bool {
            true
        }

        fn said(&mut self, line: &[u8]) {
            self.0.said(line);
        }

        fn data(&mut self, octets: &[u8]) {
            self.0.data(octets);
        }

        fn hearing(&mut self) -> Option<&mut Hearing> {
            Some(self.0.hearing())
        }

        fn heard(&mut self) {
            self.0.heard();
        }
    }

    fn job(mechanisms: Capabilities) -> Job<'static> {
        let mut settings = Settings::NONE;
        settings.mechanisms = mechanisms;
        settings.set_text(Field::Username, b"kotelna");
        settings.set_text(Field::Password, b"tajne-heslo");
        settings.set_text(Field::Sender, b"a@example.cz");
        settings.set_text(Field::EhloName, b"kotelna.example.cz");
        Job {
            settings,
            mail: Some(Mail::new(b"b@example.cz", b"alarm", Text::whole(b"Very hot.\n"))),
            keep: false,
            dry: false,
        }
    }

    /// The lines of a conversation in which the server says this; what the trace function would have been told of; and what the
    /// client sent.
    fn conversation(mechanisms: Capabilities, server: &[&str], piece: usize) -> (String, String, String) {
        let job = job(mechanisms);
        let mut session = Session::new(&job, Listener(Transcript::new(true, true).unwrap()));
        session.events.0.note(b"connecting to 192.0.2.1:25");
        session.stands(&job, 0);
        let (mut traced, mut sent) = (Vec::new(), Vec::new());
        for words in server {
            for octets in words.as_bytes().chunks(piece) {
                session.receive(&job, 0, octets);
                let mut out = [0; 64];
                loop {
                    let length = session.transmit(&job, 0, &mut out);
                    session.sent(&job, 0, length);
                    sent.extend_from_slice(&out[..length]);
                    if length == 0 {
                        break;
                    }
                }
                traced.extend(session.events.0.take_lines().unwrap_or_default().into_vec());
            }
        }
        session.lost(&job, 0, Reason::Lost);
        session.events.0.end();
        traced.extend(session.events.0.take_lines().unwrap_or_default().into_vec());
        let kept = String::from_utf8(session.events.0.dialogue().to_vec()).unwrap();
        let [traced, sent] = [traced, sent].map(|octets| String::from_utf8(octets).unwrap());
        (kept, traced, sent)
    }

    #[test]
    fn a_whole_conversation_is_told_without_its_secrets_and_its_text() {
        for piece in [1, 7, 1000] {
            let (kept, traced, sent) = conversation(
                Capabilities::PLAIN,
                &[
                    "220 mail.example.cz\r\n",
                    "250-mail.example.cz\r\n250 AUTH PLAIN\r\n",
                    "235 welcome kotelna, your password is tajne-heslo, in base64 dGFqbmUtaGVzbG8=\r\n",
                    "250 ok\r\n",
                    "250 ok\r\n",
                    "354 go\r\n",
                    "250 queued\r\n",
                    "221 bye\r\n",
                ],
                piece,
            );
            let (_, behind) = sent.split_once("DATA\r\n").unwrap();
            let (mail, _) = behind.split_once("\r\n.\r\n").unwrap();
            let wanted = std::format!(
                "\
# connecting to 192.0.2.1:25
S: 220 mail.example.cz
C: EHLO kotelna.example.cz
S: 250-mail.example.cz
S: 250 AUTH PLAIN
C: AUTH PLAIN ***
S: 235 welcome *******, your password is ***********, in base64 ***************=
C: MAIL FROM:<a@example.cz>
S: 250 ok
C: RCPT TO:<b@example.cz>
S: 250 ok
C: DATA
S: 354 go
C: ({} octets of mail data)
C: .
S: 250 queued
C: QUIT
S: 221 bye
",
                mail.len() + 2
            );
            assert_eq!(kept, wanted);
            assert_eq!(traced.replace('\0', "\n"), wanted);
        }
    }

    #[test]
    fn the_responses_of_login_are_masked() {
        let (kept, ..) = conversation(
            Capabilities::LOGIN,
            &[
                "220 x\r\n",
                "250-x\r\n250 AUTH LOGIN\r\n",
                "334 VXNlcm5hbWU6\r\n",
                "334 UGFzc3dvcmQ6\r\n",
                "535 a290ZWxuYQ== with dGFqbmUtaGVzbG8= is wrong\r\n",
            ],
            1,
        );
        let (_, login) = kept.split_once("C: AUTH LOGIN\n").unwrap();
        let wanted = "\
S: 334 VXNlcm5hbWU6
C: ***
S: 334 UGFzc3dvcmQ6
C: ***
S: 535 **********== with ***************= is wrong
C: QUIT
";
        assert_eq!(login, wanted);
    }

    #[test]
    fn a_secret_that_is_cut_off_is_masked() {
        for secret in [
            "tajne-heslo",
            "dGFqbmUtaGVzbG8",
            "AGtvdGVsbmEAdGFqbmUtaGVzbG8",
            "kotelna",
            "a290ZWxuYQ",
        ] {
            for length in 0..=secret.len() {
                let last = std::format!("535 you said {}", &secret[..length]);
                let server = ["220 x\r\n", "250-x\r\n250 AUTH PLAIN\r\n", &last];
                for piece in [1, 1000] {
                    let (kept, ..) = conversation(Capabilities::PLAIN, &server, piece);
                    let wanted = std::format!("\nS: 535 you said {}\n", "*".repeat(length));
                    assert!(kept.ends_with(&wanted), "{secret} {length}: {kept}");
                }
            }
        }
    }

    #[test]
    fn a_conversation_that_breaks_off_is_told_to_its_last_octet() {
        let job = Job {
            mail: Some(Mail::new(b"b@example.cz", b"alarm", Text::in_pieces(true))),
            ..job(Capabilities::NONE)
        };
        let mut session = Session::new(&job, Listener(Transcript::new(false, true).unwrap()));
        session.stands(&job, 0);
        let mut out = [0; 512];
        for words in ["220 x\r\n", "250 x\r\n", "250 ok\r\n", "250 ok\r\n", "354 go\r\n", "45"] {
            session.receive(&job, 0, words.as_bytes());
            let length = session.transmit(&job, 0, &mut out);
            session.sent(&job, 0, length);
        }
        session.lost(&job, 0, Reason::Lost);
        session.events.0.end();
        let kept = String::from_utf8(session.events.0.dialogue().to_vec()).unwrap();
        let (_, end) = kept.split_once("S: 354 go\n").unwrap();
        let (data, last) = end.split_once('\n').unwrap();
        assert!(
            data.starts_with("C: (") && data.ends_with(" octets of mail data)"),
            "{end}"
        );
        assert_eq!(last, "S: 45\n");
    }

    #[test]
    fn the_newest_whole_lines_are_kept() {
        let mut transcript = Transcript::new(false, true).unwrap();
        for number in 0..2000 {
            let line = std::format!("{number} {}", "x".repeat(number % 700));
            transcript.said(line.as_bytes());
            let dialogue = String::from_utf8(transcript.dialogue().to_vec()).unwrap();
            assert!(dialogue.len() <= DIALOGUE_BYTES && dialogue.ends_with('\n'));
            let mut numbers = dialogue.lines().rev().map(|line| {
                let (number, _) = line.strip_prefix("C: ").unwrap().split_once(' ').unwrap();
                number.parse::<usize>().unwrap()
            });
            assert!(numbers.by_ref().eq((0..=number).rev().take(dialogue.lines().count())));
            // One line more would not have fitted.
            let most = CLIENT.len() + EVENT_LINE_BYTES + 1;
            let all = dialogue.lines().count() == number + 1;
            assert!(
                all || dialogue.len() + most > DIALOGUE_BYTES - most,
                "{}",
                dialogue.len()
            );
        }
        assert_eq!(transcript.take_lines(), None);
    }

    #[test]
    fn lines_for_which_there_is_no_room_are_counted() {
        let mut transcript = Transcript::new(true, false).unwrap();
        let line = [b'x'; EVENT_LINE_BYTES];
        let fits = TRACE_BYTES / (CLIENT.len() + EVENT_LINE_BYTES + 1);
        for _ in 0..fits + 5 {
            transcript.said(&line);
        }
        // Nothing follows a gap.
        transcript.said(b"short");
        let lines = transcript.take_lines().unwrap();
        assert_eq!(lines.iter().filter(|octet| **octet == 0).count(), fits + 1);
        assert!(lines.ends_with(b"x\0# 6 lines left out: no memory\0"));
        assert_eq!(transcript.take_lines(), None);
        transcript.said(b"again");
        assert_eq!(transcript.take_lines().as_deref(), Some(&b"C: again\0"[..]));
        assert_eq!(transcript.dialogue(), b"");
    }

    #[test]
    fn a_line_is_one_line_whatever_is_in_it() {
        let mut transcript = Transcript::new(true, true).unwrap();
        transcript.note(b"a\0b\nc\rd\x1be\xc3\xa9~");
        assert_eq!(transcript.take_lines().as_deref(), Some(&b"# a?b?c?d?e??~\0"[..]));
        assert_eq!(transcript.dialogue(), b"# a?b?c?d?e??~\n");
    }

    #[test]
    fn every_number_of_octets_is_written() {
        for number in [0, 1, 9, 10, 1234, u64::MAX] {
            let mut room = [0; COUNT_BYTES];
            let words = counted(&mut room, b"(", number, b" octets of mail data)");
            let wanted = std::format!("({number} octets of mail data)");
            assert_eq!(words, wanted.as_bytes());
        }
    }
}
