//! Inputs made of the test dialogues (`tests/dialogue/*.txt`, whose directives `tests/common/dialogue.rs` describes). What
//! the client says is not needed: an input has the server's part, and what happens.

use crate::input::{Input, put_field};
use crate::session::event;
use crate::session::setup::Setup;

/// The inputs that a dialogue gives: each with the name of its target.
pub fn inputs(dialogue: &str) -> Vec<(&'static str, Vec<u8>)> {
    let mut settings = default();
    let (mut events, mut server, mut text_given) = (Vec::new(), Vec::new(), false);
    for line in dialogue.lines() {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "auth" => {
                settings.auth = ["none", "any", "plain", "login"]
                    .iter()
                    .zip(0..)
                    .find(|(name, _)| **name == rest)
                    .map_or(0, |(_, number)| number)
            }
            "user" => settings.user = unescaped(rest),
            "password" => settings.password = unescaped(rest),
            "sender" => settings.sender = unescaped(rest),
            "sender-name" => settings.sender_name = unescaped(rest),
            "to" => settings.to = unescaped(rest),
            "subject" => settings.subject = unescaped(rest),
            "charset" => settings.charset = unescaped(rest),
            "ehlo-name" => settings.ehlo_name = unescaped(rest),
            "local" => settings.ipv6 = rest.contains(':'),
            "date" if rest == "none" => settings.date = 0,
            "no-pipelining" => settings.pipelining = false,
            "probe" => settings.probe = true,
            "timeout" => settings.limits = 1,
            "text" | "text-repeat" => {
                if !std::mem::replace(&mut text_given, true) {
                    settings.text.clear();
                }
                let some = if word == "text" {
                    unescaped(rest)
                } else {
                    repeated(rest)
                };
                settings.text.extend(&some[..some.len().min(3000)]);
            }
            "connect" => {
                let how = ["refused", "unreachable", "no-socket", "hangs"]
                    .iter()
                    .zip(0..)
                    .find(|(name, _)| **name == rest);
                events.extend([event::FAIL, how.map_or(0, |(_, number)| number)]);
            }
            "S:" | "S-raw:" | "S-repeat" => {
                let octets = match word {
                    "S:" => [rest.as_bytes(), b"\r\n"].concat(),
                    "S-raw:" => unescaped(rest),
                    _ => {
                        let (times, unit) = rest.split_once(' ').unwrap_or(("1", rest));
                        put_server(&unescaped(unit), &mut events);
                        server.extend(unescaped(unit));
                        let times: usize = times.parse().unwrap_or(1);
                        for times in [times / 250, 250]
                            .into_iter()
                            .filter(|_| times > 250)
                            .chain((times <= 250).then_some(times))
                        {
                            events.extend([event::REPEAT, u8::try_from(times).unwrap_or(255)]);
                        }
                        continue;
                    }
                };
                put_server(&octets, &mut events);
                server.extend(octets);
            }
            "wait" => {
                // Milliseconds are tens of squares in an input.
                let root = (1..=253u32)
                    .find(|root| 10 * root * root >= rest.parse().unwrap_or(0))
                    .unwrap_or(253);
                events.extend([event::TIME, u8::try_from(root).unwrap_or(253)]);
            }
            "close" => events.push(event::LOST),
            "cancel" => events.push(event::CANCEL),
            "stall" => events.extend([event::STALL, rest.parse().unwrap_or(9)]),
            "flow" => events.extend([event::STALL, event::FLOW]),
            "reconnect" if rest == "refused" => events.extend([event::FAIL, 0]),
            _ => {}
        }
    }
    let mut all = Vec::new();
    // With a large buffer and all at once; in small pieces; all written before any of it leaves.
    for (sizes, pieces) in [(0x07, false), (0x08, false), (0x31, true)] {
        (settings.sizes, settings.pieces) = (sizes, pieces);
        settings.utf8 = std::str::from_utf8(&settings.text).is_ok();
        let mut input = Vec::new();
        settings.write(&mut input);
        all.push(("words", [input.as_slice(), &[1]].concat()));
        input.extend(&events);
        all.push(("session", input));
    }
    all.push(("reply", [&[7, 1][..], &server].concat()));
    let lines = server.split_inclusive(|octet| *octet == b'\n');
    let texts = lines.filter_map(|line| line.strip_prefix(b"250").and_then(|line| line.get(1..)));
    all.push(("ehlo", texts.collect::<Vec<_>>().concat()));
    for list in [&settings.to, &settings.sender, &settings.ehlo_name] {
        all.push(("list", [&[0], list.as_slice()].concat()));
    }
    all
}

/// What the server says, as the events of an input have it.
fn put_server(octets: &[u8], events: &mut Vec<u8>) {
    for &octet in octets {
        if octet >= event::CUT {
            events.push(event::LITERAL);
        }
        events.push(octet);
    }
}

/// The settings of a dialogue that has none.
fn default() -> Setup {
    let mut input = vec![0, 0, 0, 91];
    for field in [
        &b"sds"[..],
        b"sds-secret",
        b"thatisme@smtp-server-domain.cz",
        b"",
        b"",
        b"windows-1250",
        b"someone@example-target-server.cz",
        b"testovaci email",
        b"Obsah emailu, tedy jeho text, test test test.\r\n",
    ] {
        put_field(field, &mut input);
    }
    Setup::read(&mut Input::new(&input))
}

fn repeated(rest: &str) -> Vec<u8> {
    let (times, unit) = rest.split_once(' ').unwrap_or(("1", rest));
    unescaped(unit).repeat(times.parse().unwrap_or(1))
}

/// A value's octets: `\r`, `\n`, `\t`, `\0`, `\\`, `\xHH`.
fn unescaped(text: &str) -> Vec<u8> {
    let (mut octets, mut rest) = (Vec::new(), text.as_bytes());
    while let [first, after @ ..] = rest {
        rest = after;
        let [escape, after @ ..] = rest else {
            octets.push(*first);
            continue;
        };
        if *first != b'\\' {
            octets.push(*first);
            continue;
        }
        rest = after;
        octets.push(match escape {
            b'r' => b'\r',
            b'n' => b'\n',
            b't' => b'\t',
            b'0' => 0,
            b'x' => {
                let digits = rest
                    .get(..2)
                    .and_then(|digits| std::str::from_utf8(digits).ok())
                    .unwrap_or("");
                rest = rest.get(2..).unwrap_or(&[]);
                u8::from_str_radix(digits, 16).unwrap_or(b'?')
            }
            other => *other,
        });
    }
    octets
}
