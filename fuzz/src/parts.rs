//! Bodies of several parts, composed in rooms and pieces of any size, against mail-parser, which is nobody's of this project.

use mail_parser::{MessageParser, MimeHeaders};
use sds_smtp::buffer::Window;
use sds_smtp::message::head::{self, Enclosure, wrong_name, wrong_type};
use sds_smtp::message::part::{self, Composer, Content, Given, Kind, Part, Parts, SMALLEST_ROOM, has_boundary};
use sds_smtp::message::survey::Survey;

use crate::input::Input;

const BOUNDARY: [u32; 4] = [0x0123_4567, 0x89ab_cdef, 0xdead_beef, 7];

/// A part: its head, its octets, and how they come.
struct One {
    head: Vec<u8>,
    name: Vec<u8>,
    octets: Vec<u8>,
    kind: u8,
}

struct List(Vec<One>);

impl Parts for List {
    fn part(&self, number: usize) -> Option<Part<'_>> {
        let One { head, octets, kind, .. } = self.0.get(number)?;
        let content = match kind {
            0 => Content::Text(octets, Survey::of(octets)),
            1 => Content::Octets(octets),
            2 => Content::OctetsInPieces(Some(octets.len() as u64)),
            3 => Content::TextInPieces,
            _ => Content::End,
        };
        Some(Part { head, content })
    }
}

fn written(write: impl Fn(&mut Window<'_>)) -> Vec<u8> {
    let mut room = [0; 4096];
    let mut out = Window::new(&mut room, 0);
    write(&mut out);
    assert!(out.complete());
    let kept = out.kept();
    room[..kept].to_vec()
}

/// The parts: each with an octet for its kind, a name and its octets.
fn read(input: &mut Input<'_>) -> List {
    let mut all = Vec::new();
    for number in 0..usize::from(input.octet() % 6) + 1 {
        let (kind, name, content_type) = (input.octet() % 4, input.field(), input.field());
        let (octets, is_text) = (input.field(), matches!(kind, 0 | 3));
        let name = if wrong_name(&name).is_none() {
            name
        } else {
            b"a".to_vec()
        };
        let enclosure = Enclosure {
            content_type: if wrong_type(&content_type).is_none() {
                &content_type
            } else {
                b""
            },
            name: &name,
            content_id: b"",
        };
        let head = written(|out| {
            Kind::Mixed.write_delimiter(&BOUNDARY, number == 0, out);
            if is_text {
                head::write_text_head(false, b"UTF-8", out);
            } else {
                enclosure.write_head(out);
            }
        });
        all.push(One {
            head,
            name,
            octets,
            kind,
        });
    }
    let head = written(|out| Kind::Mixed.write_end(&BOUNDARY, out));
    let (name, octets) = (Vec::new(), Vec::new());
    all.push(One {
        head,
        name,
        octets,
        kind: 4,
    });
    List(all)
}

fn composed(list: &List, eight_bit_mime: bool, room: usize, piece: usize) -> Vec<u8> {
    let mut composer = Composer::new(eight_bit_mime);
    let (mut all, mut of, mut from, mut to) = (Vec::new(), usize::MAX, 0, 0);
    loop {
        let octets = list.0.get(of).map_or(&[][..], |one| &one.octets);
        let given = Given {
            part: of,
            octets: &octets[from..to],
            last: of != usize::MAX && to == octets.len(),
        };
        let mut out = vec![0; room];
        let done = composer.write(list, &given, &mut out);
        all.extend_from_slice(&out[..done.written]);
        from += done.taken;
        match done.wants {
            _ if done.over => return all,
            Some(wants) if wants == of => {
                assert!(to < octets.len(), "it has all");
                to = (to + piece).min(octets.len());
            }
            Some(wants) => {
                (of, from) = (wants, 0);
                to = piece.min(list.0[of].octets.len());
            }
            None => assert!(done.written > 0, "no progress"),
        }
    }
}

/// What is composed is the same in rooms and pieces of any size, as long as was said, and read as it was given.
pub fn run(input: &[u8]) {
    let mut input = Input::new(input);
    let (choice, room, piece) = (input.octet(), input.octet(), input.octet());
    let list = read(&mut input);
    let eight_bit_mime = choice & 1 == 1;
    let whole = composed(&list, eight_bit_mime, 1 << 20, usize::MAX / 2);
    let some = composed(
        &list,
        eight_bit_mime,
        SMALLEST_ROOM + usize::from(room),
        usize::from(piece) + 1,
    );
    assert!(some == whole, "in smaller rooms or pieces it is another body");
    if let Some(size) = part::size(&list, eight_bit_mime) {
        assert_eq!(size, whole.len() as u64);
    }
    if list.0.iter().any(|one| has_boundary(&one.octets, &BOUNDARY)) {
        return;
    }
    let head = written(|out| {
        out.put_all(b"MIME-Version: 1.0\r\nContent-Type: ");
        Kind::Mixed.write(&BOUNDARY, out);
        out.put_all(b"\r\n\r\n");
    });
    let message = [head, whole].concat();
    let parsed = MessageParser::default().parse(&message).expect("a message");
    let parts = &parsed.parts[1..];
    assert_eq!(parts.len(), list.0.len() - 1, "parts");
    for (got, one) in parts.iter().zip(&list.0) {
        if matches!(one.kind, 1 | 2) {
            if got.content_type().is_some_and(|kind| kind.c_type == "text") {
                // It is shown as characters.
                continue;
            }
            assert_eq!(got.contents(), one.octets, "octets");
            let name = got.attachment_name().unwrap_or("");
            assert_eq!(name.as_bytes(), one.name, "the name");
        }
    }
}
