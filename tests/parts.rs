//! Bodies of several parts, HTML and whole messages in a session: at every segmentation, with buffers of every size.

#![cfg(feature = "std")]

mod common;

use common::dialogue::Setup;
use common::driver::{Driver, Leaving};
use sds_smtp::code::{Code, Outcome, Reason};
use sds_smtp::message::part::{self, Composer, Content, Form, Given, Kind, Multipart, Part, Parts};
use sds_smtp::message::survey::Survey;
use sds_smtp::session::{Job, Text};

const BOUNDARY: [u32; 4] = [1, 2, 3, 4];

/// A text and an attachment in one multipart.
struct Two {
    text: Vec<u8>,
    octets: Vec<u8>,
}

const HEADS: [&[u8]; 3] = [
    b"--=_sds-m00000001000000020000000300000004\r\nContent-Type: text/plain; charset=UTF-8\r\nContent-Transfer-Encoding: ",
    b"\r\n--=_sds-m00000001000000020000000300000004\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: ",
    b"\r\n--=_sds-m00000001000000020000000300000004--\r\n",
];

impl Parts for Two {
    fn part(&self, number: usize) -> Option<Part<'_>> {
        let content = match number {
            0 => Content::Text(&self.text, Survey::of(&self.text)),
            1 => Content::Octets(&self.octets),
            2 => Content::End,
            _ => return None,
        };
        Some(Part {
            head: HEADS[number],
            content,
        })
    }
}

impl Two {
    fn new() -> Self {
        Self {
            text: "k\u{16f}\u{148}\n.\n..\nend".into(),
            octets: (0..=255).cycle().take(1000).collect(),
        }
    }

    fn form(&self) -> Form {
        Form::Parts(Multipart {
            kind: Kind::Mixed,
            boundary: BOUNDARY,
            eight_bit: true,
            sizes: [false, true].map(|eight_bit_mime| part::size(self, eight_bit_mime)),
        })
    }

    fn composed(&self, eight_bit_mime: bool) -> Vec<u8> {
        let nothing = Given {
            part: usize::MAX,
            octets: &[],
            last: false,
        };
        let mut out = vec![0; 10_000];
        let done = Composer::new(eight_bit_mime).write(self, &nothing, &mut out);
        assert!(done.over);
        out.truncate(done.written);
        out
    }
}

/// All that the client says to a server with these extensions, and how the mail ended.
fn told(
    job: Job<'_>,
    extensions: &str,
    pieces: Option<(&[u8], usize)>,
    buffer: usize,
    leaving: Leaving,
) -> (Vec<u8>, Code, Reason) {
    let mut driver = Driver::new(job, buffer, leaving, 1);
    driver.pieces = pieces;
    driver.connected("192.0.2.1".parse().unwrap()).unwrap();
    for reply in ["220 x", extensions, "250 ok", "250 ok", "354 go", "250 ok"] {
        if driver.session.settled() {
            break;
        }
        driver.receive(reply.as_bytes()).unwrap();
        driver.receive(b"\r\n").unwrap();
    }
    let verdict = driver.session.verdict().unwrap();
    assert_eq!(verdict.outcome == Outcome::Sent, verdict.code == Code::Ok);
    (driver.stream, verdict.code, verdict.reason)
}

/// The mail data of what the client has said, its dots no longer doubled.
fn data(stream: &[u8]) -> Vec<u8> {
    let stream = String::from_utf8_lossy(stream).into_owned();
    let (_, behind) = stream.split_once("DATA\r\n").unwrap();
    let (data, _) = behind.split_once("\r\n.\r\n").unwrap();
    let undoubled: Vec<&str> = data
        .split("\r\n")
        .map(|line| line.strip_prefix('.').unwrap_or(line))
        .collect();
    (undoubled.join("\r\n") + "\r\n").into_bytes()
}

fn size(stream: &[u8]) -> Option<usize> {
    let stream = String::from_utf8_lossy(stream);
    let (_, behind) = stream.split_once("SIZE=")?;
    behind
        .split(|letter: char| !letter.is_ascii_digit())
        .next()?
        .parse()
        .ok()
}

const EVERYTHING: &str = "250-x\r\n250-8BITMIME\r\n250 SIZE 0";
const NOTHING: &str = "250-x\r\n250 SIZE 0";

#[test]
fn a_body_of_parts_is_the_same_however_it_comes_and_leaves_and_its_size_is_exact() {
    let (two, setup) = (Two::new(), Setup::default());
    let form = two.form();
    for (extensions, eight_bit_mime) in [(EVERYTHING, true), (NOTHING, false)] {
        let body = two.composed(eight_bit_mime);
        for piece in [1, 7, 100, 16_384] {
            for buffer in [16, 37, 4096] {
                for leaving in [Leaving::AtOnce, Leaving::Pieces, Leaving::Queued] {
                    let mut job = setup.job();
                    let mail = job.mail.as_mut().unwrap();
                    (mail.form, mail.text) = (Some(&form), Text::in_pieces(true));
                    let (stream, code, _) = told(job, extensions, Some((&body, piece)), buffer, leaving);
                    assert_eq!(code, Code::Ok);
                    let data = data(&stream);
                    assert!(data.ends_with(&body), "pieces of {piece}, a buffer of {buffer}");
                    assert_eq!(size(&stream), Some(data.len()));
                    let text = String::from_utf8_lossy(&stream).into_owned();
                    assert_eq!(text.contains(" BODY=8BITMIME"), eight_bit_mime);
                    let name = if eight_bit_mime { "8bit" } else { "7bit" };
                    let head =
                        "Content-Type: multipart/mixed;\r\n boundary=\"=_sds-m00000001000000020000000300000004\"\r\n";
                    assert!(
                        text.contains(&format!("{head}Content-Transfer-Encoding: {name}\r\n\r\n--=_")),
                        "{text}"
                    );
                }
            }
        }
    }
}

#[test]
fn html_has_its_type() {
    let setup = Setup {
        text: "<p>k\u{16f}\u{148}".into(),
        ..Setup::default()
    };
    let form = Form::Html;
    let mut job = setup.job();
    job.mail.as_mut().unwrap().form = Some(&form);
    let (stream, code, _) = told(job, NOTHING, None, 4096, Leaving::AtOnce);
    let text = String::from_utf8(stream).unwrap();
    assert_eq!(code, Code::Ok);
    assert!(text.contains(
        "Content-Type: text/html; charset=UTF-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n<p>k=C5"
    ));
}

#[test]
fn a_whole_message_has_only_its_line_ends_and_dots_changed() {
    let setup = Setup {
        text: b"From: a@b\nSubject: k\xc5\xaf\r\n\n.dot\r..\r\r\nend".to_vec(),
        ..Setup::default()
    };
    let form = Form::Raw;
    for buffer in [16, 17, 64, 4096] {
        for leaving in [Leaving::AtOnce, Leaving::Pieces, Leaving::Queued] {
            let mut job = setup.job();
            job.mail.as_mut().unwrap().form = Some(&form);
            let (stream, code, _) = told(job, EVERYTHING, None, buffer, leaving);
            let wanted: &[u8] = b"DATA\r\nFrom: a@b\r\nSubject: k\xc5\xaf\r\n\r\n..dot\r\n...\r\nend\r\n.\r\n";
            assert!(stream.windows(wanted.len()).any(|some| some == wanted));
            assert_eq!(code, Code::Ok);
            assert_eq!(size(&stream), Some(wanted.len() - "DATA\r\n...\r\n".len()));
        }
    }
}

#[test]
fn a_whole_message_with_octets_above_127_needs_8bitmime() {
    let setup = Setup {
        text: b"Subject: k\xc5\xaf\n\n".to_vec(),
        ..Setup::default()
    };
    let form = Form::Raw;
    let mut job = setup.job();
    job.mail.as_mut().unwrap().form = Some(&form);
    let (stream, code, reason) = told(job, NOTHING, None, 4096, Leaving::AtOnce);
    assert_eq!((code, reason), (Code::NotSupported, Reason::NeedsEightBitMime));
    assert!(!String::from_utf8_lossy(&stream).contains("MAIL"));
}
