//! The reply reader, against one that looks at whole replies afterwards.

use sds_smtp::wire::reply::{Progress, Reader, enhanced_status_code};

/// The most octets of a reply (`limits::REPLY_BYTES` promises it), and of its text.
pub const REPLY: usize = 65_535;
const TEXT: usize = 255;

/// A reply as somebody reads it who has all of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    pub code: u16,
    pub text: Vec<u8>,
    /// The octets of the stream up to its end.
    pub end: usize,
    /// The texts of its lines.
    pub lines: Vec<Vec<u8>>,
}

/// The replies of a stream, and where it stopped being one: the number of the octet that broke it.
pub fn replies(stream: &[u8]) -> (Vec<Reply>, Option<usize>) {
    let (mut replies, mut begin, mut start) = (Vec::new(), 0, 0);
    let mut lines: Vec<(u16, Vec<u8>)> = Vec::new();
    loop {
        let rest = &stream[start..];
        let end = rest.iter().position(|octet| *octet == b'\n').map(|at| start + at + 1);
        let raw = &stream[start..end.unwrap_or(stream.len())];
        let line = without_returns(raw);
        // Empty lines before a reply.
        let passed = lines.is_empty() && matches!(line.as_slice(), [] | [b'\n']);
        let refused = lines.iter().map(|(code, _)| *code).rfind(|code| *code >= 400);
        let broken = broken(&line).filter(|_| !passed && refused.is_none());
        let broken = broken.map(|number| start + place(raw, number));
        let long = (end.unwrap_or(stream.len()) > begin + REPLY).then_some(begin + REPLY);
        if let Some(at) = [broken, long].into_iter().flatten().min() {
            return (replies, Some(at));
        }
        let Some(end) = end else {
            return (replies, None);
        };
        start = end;
        if passed {
            continue;
        }
        let octets = line.strip_suffix(b"\n").unwrap_or(&line);
        let last = match code(&line) {
            Some(code) => {
                lines.push((code, octets.get(4..).unwrap_or(&[]).to_vec()));
                octets.get(3) != Some(&b'-')
            }
            // A line without a code belongs to the refusal before it, and ends none.
            None => {
                lines.push((refused.expect("a refusal"), octets.to_vec()));
                false
            }
        };
        if last {
            replies.push(reply(std::mem::take(&mut lines), start));
            begin = start;
        }
    }
}

/// A line's octets but for CRs, which count for nothing.
fn without_returns(line: &[u8]) -> Vec<u8> {
    line.iter().copied().filter(|octet| *octet != b'\r').collect()
}

/// Where in a line the octet stands that is its number so much, CRs not counted.
fn place(line: &[u8], number: usize) -> usize {
    let mut counted = line.iter().enumerate().filter(|(_, octet)| **octet != b'\r');
    counted.nth(number).expect("an octet of the line").0
}

/// The code that a line begins with, if it is a line of a reply: three digits, from 100 to 599, and then a blank, a hyphen or
/// the line's end.
fn code(line: &[u8]) -> Option<u16> {
    let digits = line.get(..3).filter(|digits| digits.iter().all(u8::is_ascii_digit))?;
    let code = std::str::from_utf8(digits).ok()?.parse().ok()?;
    let ends = matches!(line.get(3), Some(b' ' | b'-' | b'\n'));
    (ends && (100..600).contains(&code)).then_some(code)
}

/// The number of the octet that makes a line none.
fn broken(line: &[u8]) -> Option<usize> {
    let digits = line.iter().take(3).position(|octet| !octet.is_ascii_digit());
    digits.or_else(|| (line.len() > 3 && code(line).is_none()).then_some(3))
}

/// Whether a reply may end with this line.
pub fn may_be_last(line: &[u8]) -> bool {
    let line = without_returns(line);
    code(&line).is_some() && line.get(3) != Some(&b'-')
}

/// Of lines with different codes the last one counts, unless one refused: then the last that did.
fn reply(lines: Vec<(u16, Vec<u8>)>, end: usize) -> Reply {
    let codes = || lines.iter().map(|(code, _)| *code);
    let code = codes()
        .rfind(|code| *code >= 400)
        .or(codes().next_back())
        .expect("a line");
    let lines: Vec<Vec<u8>> = lines.into_iter().map(|(_, line)| line).collect();
    let mut text = Vec::new();
    for line in &lines {
        if !text.is_empty() && !text.ends_with(b" ") {
            text.push(b' ');
        }
        text.extend(line.iter().map(|octet| shown(*octet)));
        // What is not kept is not looked at when the next line is joined.
        text.truncate(TEXT);
    }
    Reply { code, text, end, lines }
}

/// An octet of the text as the result shows it.
pub fn shown(octet: u8) -> u8 {
    match octet {
        b'\t' => b' ',
        b' '..=b'~' => octet,
        _ => b'?',
    }
}

/// What the library reads, octet by octet or in runs: of each reply its code, its text, where it ends, and whether it refuses
/// to relay; and where the stream broke.
type Read = (Vec<(u16, Vec<u8>, usize, bool)>, Option<usize>);

fn read(stream: &[u8], runs: &mut dyn FnMut() -> usize) -> Read {
    let (mut reader, mut replies, mut at) = (Reader::new(), Vec::new(), 0);
    while at < stream.len() {
        let run = runs().min(stream.len() - at);
        let taken = reader.take_text(&stream[at..at + run]);
        assert!(taken <= run, "more was taken than there was");
        if taken > 0 {
            at += taken;
            continue;
        }
        let progress = reader.feed(stream[at]);
        if progress == Progress::Broken {
            return (replies, Some(at));
        }
        at += 1;
        assert!(reader.text().len() <= TEXT);
        if progress == Progress::Reply {
            check_status_code(reader.text());
            replies.push((reader.code(), reader.text().to_vec(), at, reader.refuses_to_relay()));
            reader.next_reply();
            assert!(reader.idle());
        }
    }
    (replies, None)
}

/// Class, subject and detail of RFC 3463: 2, 4 or 5, and twice one to three digits, at the beginning of a text.
fn check_status_code(text: &[u8]) {
    let word = text.split(|octet| *octet <= b' ').next().unwrap_or(&[]);
    let parts: Vec<&[u8]> = word.split(|octet| *octet == b'.').collect();
    let number = |part: &[u8]| match part {
        [_, ..] if part.len() <= 3 && part.iter().all(u8::is_ascii_digit) => {
            std::str::from_utf8(part).ok().and_then(|digits| digits.parse().ok())
        }
        _ => None,
    };
    let wanted = match parts.as_slice() {
        [class @ (b"2" | b"4" | b"5"), subject, detail] => match (number(class), number(subject), number(detail)) {
            (Some(class), Some(subject), Some(detail)) => [class, subject, detail],
            _ => [0; 3],
        },
        _ => [0; 3],
    };
    assert_eq!(enhanced_status_code(text), wanted, "{}", text.escape_ascii());
}

/// The first two octets say how it is cut, how often its middle is repeated; the rest is the stream.
pub fn run(input: &[u8]) {
    let [cuts, times, stream @ ..] = input else { return };
    // Long replies are made of short inputs.
    let times = if *times < 240 { 1 } else { 1 << (times - 240) };
    let (head, tail) = stream.split_at(stream.len() / 2);
    let stream = [&head.repeat(times)[..(head.len() * times).min(REPLY + 4_000)], tail].concat();
    let wanted = replies(&stream);
    let mut state = u32::from(*cuts);
    let mut cut = || {
        state = state.wrapping_mul(1_103_515_245).wrapping_add(12_345);
        (state >> 16) as usize % 40
    };
    let by_octet = read(&stream, &mut || 0);
    assert_eq!(read(&stream, &mut || usize::MAX), by_octet, "in runs");
    assert_eq!(read(&stream, &mut cut), by_octet, "in runs of any length");
    let replies = by_octet.0.into_iter().map(|(code, text, end, _)| (code, text, end));
    let (all, broken) = wanted;
    let all = all.into_iter().map(|reply| (reply.code, reply.text, reply.end));
    assert_eq!(
        (replies.collect::<Vec<_>>(), by_octet.1),
        (all.collect::<Vec<_>>(), broken),
        "the replies, and where the stream broke"
    );
}
