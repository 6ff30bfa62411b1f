//! What the client says in each dialogue, as it was recorded: `tests/golden/octets.txt`.
//!
//! A block for each dialogue, sorted by name: `NAME LENGTH`, then the octets, one line of the client's below another, with the
//! escapes of the dialogues; `* N`: the line above N times more. What is said after the last line end, where the connection breaks, is a line without `\r\n`.
//!
//! Both editions (the feature `complete`, and without it) say the same in a dialogue that is for both; one that is for one of
//! them names it (`library`). So one file holds both.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::dialogue::unescape;

/// How to record anew.
pub const COMMAND: &str = "tests/golden/record.sh";

const HEAD: &str = "\
# What the client says in each dialogue: its name, the number of octets, the octets. tests/dialogue.rs compares
# them. tests/golden/record.sh writes this file. A difference is a change on the wire; the commit says its reason.
";

/// So often a line is written out that is said again and again.
const MANY: usize = 100;

/// The octets by the dialogue's name.
pub type Recorded = BTreeMap<String, Vec<u8>>;

pub fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/octets.txt")
}

/// Reads the file. An error names its line.
pub fn load() -> Result<Recorded, String> {
    let path = path();
    let content = fs::read_to_string(&path).map_err(|error| format!("{}: {error}: run {COMMAND}", path.display()))?;
    parse(&content)
}

pub fn parse(content: &str) -> Result<Recorded, String> {
    let mut recorded = Recorded::new();
    let mut block: Option<(String, usize, Vec<u8>)> = None;
    let mut close = |block: Option<(String, usize, Vec<u8>)>| match block {
        Some((name, length, octets)) if octets.len() != length => Err(format!(
            "{name}: {length} octets are told of, {} stand there",
            octets.len()
        )),
        Some((name, _, octets)) => match recorded.insert(name.clone(), octets) {
            Some(_) => Err(format!("{name} stands there twice")),
            None => Ok(()),
        },
        None => Ok(()),
    };
    for (at, line) in content.lines().enumerate() {
        let place = |message: String| format!("tests/golden/octets.txt:{}: {message}", at + 1);
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(times) = line.strip_prefix("* ") {
            let (_, _, octets) = block.as_mut().ok_or_else(|| place("no name above".into()))?;
            let times: usize = times.parse().map_err(|_| place("* NUMBER".into()))?;
            let begins = octets[..octets.len().saturating_sub(1)]
                .iter()
                .rposition(|octet| *octet == b'\n');
            let line = octets[begins.map_or(0, |at| at + 1)..].to_vec();
            octets.extend(line.repeat(times));
        } else if let Some(said) = line.strip_prefix("  ") {
            let (_, _, octets) = block.as_mut().ok_or_else(|| place("no name above".into()))?;
            octets.extend(unescape(said).map_err(place)?);
        } else {
            close(block.take()).map_err(place)?;
            let head = line.split_once(' ').and_then(|(name, length)| {
                let length = length.parse().ok()?;
                Some((name.to_string(), length, Vec::new()))
            });
            block = Some(head.ok_or_else(|| place("NAME LENGTH".into()))?);
        }
    }
    close(block)?;
    Ok(recorded)
}

pub fn write(recorded: &Recorded) -> String {
    let mut text = String::from(HEAD);
    for (name, octets) in recorded {
        text += &format!("\n{name} {}\n", octets.len());
        let mut lines = octets.split_inclusive(|octet| *octet == b'\n').peekable();
        while let Some(line) = lines.next() {
            text += &format!("  {}\n", escape(line));
            let mut again = 0;
            while lines.next_if(|next| *next == line).is_some() {
                again += 1;
            }
            match again {
                0..MANY => text += &format!("  {}\n", escape(line)).repeat(again),
                _ => text += &format!("* {again}\n"),
            }
        }
    }
    text
}

/// The other way round than `unescape`.
pub fn escape(octets: &[u8]) -> String {
    let mut text = String::new();
    for octet in octets {
        match octet {
            b'\r' => text += "\\r",
            b'\n' => text += "\\n",
            b'\t' => text += "\\t",
            b'\\' => text += "\\\\",
            b' '..=b'~' => text.push(char::from(*octet)),
            _ => text += &format!("\\x{octet:02x}"),
        }
    }
    text
}

/// Whether the client said what is recorded of this dialogue. An error shows the first difference, and says what to do.
pub fn compare(recorded: &Recorded, name: &str, said: &[u8]) -> Result<(), String> {
    let Some(before) = recorded.get(name) else {
        return Err(format!(
            "tests/dialogue/{name}.txt: what the client says is not recorded yet: run {COMMAND}"
        ));
    };
    if before == said {
        return Ok(());
    }
    let same = before.iter().zip(said).take_while(|(one, other)| one == other).count();
    let part = |octets: &[u8]| escape(&octets[same..octets.len().min(same + 120)]);
    Err(format!(
        "tests/dialogue/{name}.txt: the client says other octets than recorded, from octet {same} of {} on\n  \
         recorded: {}\n  \
         now:      {}\nIf that is meant, run {COMMAND}, look at the difference, and say the reason in the commit.",
        before.len(),
        part(before),
        part(said)
    ))
}
