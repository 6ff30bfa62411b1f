//! A text in pieces, which its owner makes while it is sent.

mod common;

use common::dialogue::Setup;
use common::driver::{Driver, Leaving};
use sds_smtp::code::{Code, Outcome, Reason};
use sds_smtp::session::{Job, State, Text};

const BEFORE_THE_TEXT: &str = "220 x\r\n250-x\r\n250-8BITMIME\r\n250 SIZE 100\r\n250 ok\r\n250 ok\r\n";

/// The job of a mail whose text comes in pieces, of which there is none yet.
fn job(setup: &Setup, utf8: bool) -> Job<'_> {
    let mut job = setup.job();
    if let Some(mail) = &mut job.mail {
        mail.text = Text::in_pieces(utf8);
    }
    job
}

/// A driver that has come to the text.
fn driver<'a>(job: Job<'a>, pieces: (&'a [u8], usize), buffer: usize, leaving: Leaving) -> Driver<'a> {
    let mut driver = Driver::new(job, buffer, leaving, 1);
    driver.pieces = Some(pieces);
    driver.connected("192.0.2.1".parse().unwrap()).unwrap();
    for line in BEFORE_THE_TEXT.split_inclusive('\n') {
        assert_eq!(driver.session.wants_text(), None);
        driver.receive(line.as_bytes()).unwrap();
    }
    driver
}

/// All that the client says when the server takes the mail.
fn sent(text: &[u8], piece: usize, buffer: usize, leaving: Leaving, utf8: bool) -> Vec<u8> {
    let setup = Setup::default();
    let mut driver = driver(job(&setup, utf8), (text, piece), buffer, leaving);
    driver.receive(b"354 go\r\n").unwrap();
    assert_eq!(driver.session.wants_text(), None);
    driver.receive(b"250 ok\r\n").unwrap();
    assert_eq!(driver.seen().unwrap().verdict.code, Code::Ok);
    driver.stream
}

/// The text that quoted-printable lines stand for, with the final dot and doubled ones taken away.
fn decoded(body: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    for line in body
        .strip_suffix(b".\r\n")
        .unwrap()
        .split_inclusive(|octet| *octet == b'\n')
    {
        let line = line.strip_suffix(b"\r\n").unwrap();
        assert!(line.len() <= 77);
        let line = line.strip_prefix(b".").unwrap_or(line);
        let (line, soft) = line.strip_suffix(b"=").map_or((line, false), |line| (line, true));
        let mut octets = line.iter();
        while let Some(&octet) = octets.next() {
            if octet == b'=' {
                let digits = [*octets.next().unwrap(), *octets.next().unwrap()];
                text.push(u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap());
            } else {
                text.push(octet);
            }
        }
        if !soft {
            text.push(b'\n');
        }
    }
    text
}

#[test]
fn a_text_says_the_same_in_pieces_of_any_size() {
    let texts = [
        String::new(),
        "\n".into(),
        "alarm".into(),
        ".\n..\r\n.x \r\r\n=\u{159}\u{20ac}\u{1f600}\n".into(),
        "k\u{16f}\u{148} ".repeat(100) + "\n.",
    ];
    for text in &texts {
        let text = text.as_bytes();
        let whole = sent(text, text.len(), 8192, Leaving::AtOnce, true);
        for piece in [1, 2, 3, 5, 16, 100] {
            for buffer in [16, 37, 512] {
                for leaving in [Leaving::AtOnce, Leaving::Pieces, Leaving::Queued] {
                    assert!(
                        sent(text, piece, buffer, leaving, true) == whole,
                        "pieces of {piece}, a buffer of {buffer}, {leaving:?}"
                    );
                }
            }
        }
        if !cfg!(feature = "complete") {
            continue;
        }
        let whole = String::from_utf8(whole).unwrap();
        let (before, mail) = whole.split_once("DATA\r\n").unwrap();
        assert!(
            before.contains("MAIL FROM:<thatisme@smtp-server-domain.cz>\r\n"),
            "{before}"
        );
        let (header, body) = mail.split_once("\r\n\r\n").unwrap_or((mail, ""));
        assert!(header.contains("charset=UTF-8\r\nContent-Transfer-Encoding: quoted-printable"));
        let mut wanted: Vec<u8> = String::from_utf8_lossy(text)
            .replace("\r\r\n", "\n")
            .replace("\r\n", "\n")
            .into();
        if !wanted.is_empty() && !wanted.ends_with(b"\n") {
            wanted.push(b'\n');
        }
        assert_eq!(decoded(body.strip_suffix("QUIT\r\n").unwrap().as_bytes()), wanted);
    }
}

#[cfg(feature = "complete")]
#[test]
fn a_text_in_the_configured_charset_may_hold_any_octet() {
    let text: Vec<u8> = (0..=255).filter(|octet| *octet != b'\r').collect();
    let stream = sent(&text, 7, 64, Leaving::AtOnce, false);
    let stream = String::from_utf8(stream).unwrap();
    let (header, body) = stream.split_once("\r\n\r\n").unwrap();
    assert!(header.contains("charset=windows-1250\r\n"));
    let wanted = [text.as_slice(), b"\n"].concat();
    assert_eq!(decoded(body.strip_suffix("QUIT\r\n").unwrap().as_bytes()), wanted);
}

#[test]
fn a_text_that_its_owner_gives_up_ends_before_its_final_dot() {
    let setup = Setup::default();
    for padding in [0, 40, 3000] {
        let text = b"x\n".repeat(padding);
        let mut driver = driver(job(&setup, true), (b"", 1), 4096, Leaving::AtOnce);
        driver.session.receive(&driver.job, driver.now, b"354 go\r\n");
        let mut out = vec![0; 16_384];
        driver.session.transmit(&driver.job, driver.now, &mut out);
        if let Some(mail) = &mut driver.job.mail {
            mail.text.octets = &text;
        }
        let written = driver.session.transmit(&driver.job, driver.now, &mut out);
        assert_eq!(driver.session.wants_text(), Some(text.len()));
        assert!(written >= text.len() && !out[..written].ends_with(b".\r\n"));
        driver.session.lost(&driver.job, driver.now, Reason::NotUtf8);
        assert!(driver.session.closed());
        assert_eq!(driver.session.wants_text(), None);
        assert_eq!(driver.session.transmit(&driver.job, driver.now, &mut out), 0);
        let verdict = driver.session.verdict().unwrap();
        assert_eq!((verdict.code, verdict.outcome), (Code::DataFailed, Outcome::NotSent));
        assert_eq!(driver.session.text(), b"text not UTF-8");
        assert_eq!(driver.session.recipients(), (1, 0));
    }
}

#[test]
fn only_the_piece_that_is_wanted_is_sent() {
    let setup = Setup::default();
    let mut driver = driver(job(&setup, true), (b"", 1), 512, Leaving::AtOnce);
    driver.session.receive(&driver.job, driver.now, b"354 go\r\n");
    assert_eq!(driver.session.wants_text(), None);
    let mut say = |octets: &'static [u8], from, last| {
        let mut out = [0; 2048];
        if let Some(mail) = &mut driver.job.mail {
            mail.text = Text {
                octets,
                from,
                last,
                ..Text::in_pieces(true)
            };
        }
        let written = driver.session.transmit(&driver.job, driver.now, &mut out);
        let said = String::from_utf8_lossy(&out[..written]).into_owned();
        let said = said
            .split_once("\r\n\r\n")
            .map_or(said.as_str(), |(_, text)| text)
            .to_string();
        (said, driver.session.wants_text())
    };
    assert_eq!(say(b"", 0, false), (String::new(), Some(0)));
    assert_eq!(say(b"later", 5, true), (String::new(), Some(0)));
    assert_eq!(say(b"abc", 0, false), ("abc".into(), Some(3)));
    assert_eq!(say(b"abc", 0, false), (String::new(), Some(3)));
    assert_eq!(say(b"ab", 0, true), (String::new(), Some(3)));
    assert_eq!(say(b"later", 4, true), (String::new(), Some(3)));
    // A piece may begin before what is wanted.
    assert_eq!(say(b"cdef", 2, false), ("def".into(), Some(6)));
    assert_eq!(say(b"", 6, true), ("\r\n.\r\n".into(), None));
    assert_eq!(driver.session.state(), State::End);
}

#[test]
fn a_mail_without_a_nonce_has_no_message_id() {
    let setup = Setup::default();
    for (nonce, lines) in [(Some([7; 4]), 1), (None, 0)] {
        let mut job = job(&setup, true);
        if let Some(mail) = &mut job.mail {
            mail.nonce = nonce;
        }
        let mut driver = driver(job, (b"", 1), 512, Leaving::AtOnce);
        driver.receive(b"354 go\r\n").unwrap();
        let stream = String::from_utf8_lossy(&driver.stream);
        assert_eq!(stream.matches("Message-ID").count(), lines);
        assert!(stream.ends_with("\r\n.\r\n"));
    }
}
