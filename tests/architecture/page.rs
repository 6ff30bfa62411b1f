//! The parts of ARCHITECTURE.md that are made from the source.
//!
//! Each stands between two comments. The tests compare; with `SDS_SMTP_WRITE=1` in the environment they write.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::{env, fs};

use sds_smtp::session::state::{Next, Row, STATES, State};

use super::{MAY_USE, files_below, read, root};

const PAGE: &str = "ARCHITECTURE.md";
const END: &str = "<!-- end of what is made -->\n";

/// Compares a part of the page with what the source says, or writes it.
///
/// Only one part is written by each test, and the tests run side by side: the file is read anew under a lock.
fn is_shown(name: &str, made: &str) {
    static PAGE_LOCK: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _alone = PAGE_LOCK.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let page = read(PAGE);
    let begin = format!("<!-- made from the source: {name} -->\n");
    let (before, after) = page
        .split_once(&begin)
        .unwrap_or_else(|| panic!("{PAGE} lacks the comment {begin}"));
    let (shown, after) = after.split_once(END).expect("the part has an end");
    if env::var_os("SDS_SMTP_WRITE").is_some() {
        fs::write(root().join(PAGE), format!("{before}{begin}{made}{END}{after}")).unwrap();
    } else {
        assert!(
            shown == made,
            "{PAGE}, {name}: write it anew with `SDS_SMTP_WRITE=1 cargo test --test architecture`:\n{made}"
        );
    }
}

/// Where an answer leads: each state, and the condition where there is one.
fn ways(from: State, next: Next) -> Vec<(State, &'static str)> {
    use State::*;
    match next {
        Next::To(state) => vec![(state, "")],
        Next::Hello => vec![(Ehlo, ""), (Helo, "on the second connection")],
        Next::Choose if from == Ehlo => vec![
            (StartTls, "STARTTLS wanted and offered"),
            (AuthBegin, "to log in"),
            (Envelope, "no login"),
            (Quit, "no STARTTLS, no login, probe, mail too large"),
        ],
        Next::Choose => vec![
            (AuthBegin, "to log in"),
            (Envelope, "no login"),
            (Quit, "no login offered, probe, or mail too large"),
        ],
        Next::Unsecured => vec![
            (Quit, "TLS required; no login offered, probe, or mail too large"),
            (AuthBegin, "TLS not required, to log in"),
            (Envelope, "TLS not required, no login"),
        ],
        Next::Fallback => vec![(Helo, "neither TLS nor login to do"), (Quit, "TLS or login to do")],
        Next::Login if from == AuthDerive => vec![(AuthRespond, "the keys are derived")],
        Next::Login => {
            let mut ways = vec![
                (AuthDerive, "334 of SCRAM"),
                (AuthRespond, "334, a response is due"),
                (Envelope, "235, the last response was said"),
                (Quit, "login refused, probe, or mail too large"),
            ];
            if from == AuthBegin {
                ways.push((
                    AuthBegin,
                    "501 or 504: without an initial response; or another mechanism",
                ));
            }
            ways
        }
        Next::Reset => vec![
            (Quit, "the mail has ended"),
            (Envelope, "another mail begins"),
            (Closed, "no 2yz behind a chunk"),
        ],
        Next::Chunk => vec![
            (Chunk, "answers to come"),
            (Quit, "sent"),
            (Rset, "mail refused"),
            (Connecting, "BDAT is not known: DATA on another connection"),
            (Closed, "refused in the middle of a chunk"),
        ],
        Next::Envelope => vec![
            (Envelope, "answers to come"),
            (Header, "all accepted"),
            (Chunk, "all accepted, in chunks"),
            (LoneDot, "354, all refused"),
            (Rset, "mail refused, sender accepted; or the end of a dry run"),
            (Quit, "sender refused"),
        ],
        Next::Sent => vec![(Quit, "sent")],
        Next::Fail => vec![(Quit, "")],
        Next::Break => vec![(Closed, "")],
    }
}

/// What is said on entering a state.
fn says(state: State) -> &'static str {
    match state {
        State::Ehlo => "EHLO",
        State::Helo => "HELO",
        State::StartTls => "STARTTLS",
        State::AuthBegin => "AUTH",
        State::AuthRespond => "response",
        State::Envelope => "MAIL, RCPT, DATA",
        State::Chunk => "BDAT and a chunk",
        State::Header => "the header block",
        State::Text => "the text",
        State::Dot => ".",
        State::LoneDot => ".",
        State::Rset => "RSET",
        State::Quit => "QUIT",
        State::Connecting | State::Greeting | State::Securing | State::AuthDerive => "",
        State::End | State::Idle | State::Closed => "",
    }
}

fn in_words(from: State, next: Next) -> String {
    let ways = ways(from, next).into_iter().map(|(state, condition)| match condition {
        "" => format!("{state:?}"),
        "sent" => format!("{state:?}: **sent**"),
        _ => format!("{state:?} ({condition})"),
    });
    ways.collect::<Vec<_>>().join("; ")
}

#[test]
fn the_page_shows_the_table_of_states() {
    let mut table =
        String::from("| state | says | accepted, it goes to | refused, it goes to |\n| --- | --- | --- | --- |\n");
    for row in &STATES {
        table += &format!(
            "| {:?} | {} | {} | {} |\n",
            row.state,
            says(row.state),
            in_words(row.state, row.accepted),
            in_words(row.state, row.refused)
        );
    }
    is_shown("states", &table);
}

/// The arrows that leave a state, with what stands beside each.
fn arrows(row: &Row) -> Vec<(State, String)> {
    let both = [("accepted", row.accepted), ("refused", row.refused)];
    let mut arrows: Vec<(State, Vec<String>)> = Vec::new();
    for (answer, next) in both {
        for (state, condition) in ways(row.state, next) {
            let label = match condition {
                "" if row.accepted == row.refused => "any answer".to_string(),
                "" => answer.to_string(),
                _ if row.accepted == row.refused => condition.to_string(),
                _ => format!("{answer}, {condition}"),
            };
            match arrows.iter_mut().find(|(known, _)| *known == state) {
                Some((_, labels)) if labels.contains(&label) => {}
                Some((_, labels)) => labels.push(label),
                None => arrows.push((state, vec![label])),
            }
        }
    }
    arrows
        .into_iter()
        .map(|(state, labels)| (state, labels.join("; ")))
        .collect()
}

#[test]
fn the_page_shows_the_diagram_of_states() {
    let mut diagram = String::from("```mermaid\nstateDiagram-v2\n    direction TB\n    [*] --> Connecting\n");
    for row in &STATES {
        for (state, label) in arrows(row) {
            if row.state != State::Closed {
                diagram += &format!("    {:?} --> {state:?} : {label}\n", row.state);
            }
        }
        // The steps that no answer makes.
        diagram += match row.state {
            State::Envelope => "    Envelope --> Chunk : written, one recipient, in chunks\n",
            State::Header => "    Header --> Text : written\n",
            State::Text => "    Text --> Dot : written\n",
            State::Dot => "    Dot --> End : written\n",
            State::Idle => {
                "    Idle --> Rset : another mail, a transaction is open\n    Idle --> Envelope : another mail\n"
            }
            _ => "",
        };
    }
    diagram += "    Closed --> [*]\n```\n";
    is_shown("diagram of states", &diagram);
}

/// The rows of the table of `tests/transitions.rs`, which drives a session into each state and tells it each event: the state,
/// and the states that come next there.
fn driven() -> Vec<(State, BTreeSet<String>)> {
    let source = read("tests/transitions.rs");
    let (_, table) = source.split_once("const TABLE: &str = \"\n").unwrap();
    let (table, ways) = table.split_once("\";").unwrap();
    let mut rows = Vec::new();
    for line in table.lines().skip(1) {
        let mut cells = line.split_whitespace();
        let name = cells.next().unwrap();
        let (_, way) = ways
            .split_once(&format!("name: \"{name}\","))
            .unwrap_or_else(|| panic!("{name}"));
        let (_, state) = way.split_once("State::").unwrap();
        let state = state.split(',').next().unwrap();
        let row = STATES.iter().find(|row| format!("{:?}", row.state) == state).unwrap();
        // Behind a slash stands what a system does, where a device does another thing.
        let next = cells
            .flat_map(|cell| cell.split('/'))
            .map(|cell| match cell.as_bytes() {
                [b'0'..=b'9', .., b'Q'] => "Quit".to_string(),
                [b'0'..=b'9', .., b'R'] => "Rset".to_string(),
                // The same as QUIT, for a session that is kept.
                [b'0'..=b'9', .., b'I'] => "Quit".to_string(),
                b"AuthOneStep" | b"AuthMechanism" => "AuthBegin".to_string(),
                b"AuthUsername" | b"AuthPassword" => "AuthRespond".to_string(),
                // The connection ends, which the page says in words; or nothing changes.
                [b'0'..=b'9', ..] | b"-" => "Closed".to_string(),
                // More answers are awaited.
                [b'd', b'0'..=b'9', ..] => "Envelope".to_string(),
                [b'c', b'0'..=b'9', ..] => "Chunk".to_string(),
                _ => cell.to_string(),
            });
        rows.push((row.state, next.collect()));
    }
    rows
}

/// The diagram's arrows were written from the meaning of `Next`; here they meet what a session does.
#[test]
fn a_session_takes_each_arrow_of_the_diagram_and_no_other() {
    let mut driven_to: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (state, next) in driven() {
        driven_to.entry(format!("{state:?}")).or_default().extend(next);
    }
    // The mail data is on its way when an answer to the envelope has come; a second connection is no step of one session.
    let named = |state: State| match state {
        State::Header => "End".to_string(),
        other => format!("{other:?}"),
    };
    for row in &STATES {
        let shown: BTreeSet<String> = arrows(row).into_iter().map(|(state, _)| named(state)).collect();
        let driven_to = driven_to.get(&format!("{:?}", row.state)).cloned().unwrap_or_default();
        for state in &driven_to {
            let elsewhere = state == "Closed" || state == "Connecting";
            assert!(
                elsewhere || shown.contains(state),
                "{:?} --> {state} is not shown",
                row.state
            );
        }
        for state in &shown {
            // What has to be announced: a login, which tests/dialogue has, or STARTTLS, with which other rows begin.
            let special = (matches!(state.as_str(), "AuthBegin" | "StartTls")
                && matches!(row.state, State::Ehlo | State::Helo))
                || state == "AuthDerive";
            // What begins with an event of the connection, or with the last octet that has left.
            let other_event = matches!(
                row.state,
                State::Connecting | State::Securing | State::AuthDerive | State::Dot
            ) || row.state.settled();
            assert!(
                special || other_event || driven_to.contains(state),
                "{:?} --> {state} is never taken",
                row.state
            );
        }
    }
}

/// The first sentence of a file's story, on one line.
fn story(path: &Path) -> String {
    let text = read(path);
    let paragraph: Vec<&str> = text
        .lines()
        .map_while(|line| line.strip_prefix("//! ").or_else(|| line.strip_prefix("//!")))
        .take_while(|line| !line.is_empty())
        .collect();
    let paragraph = paragraph.join(" ");
    let sentence = paragraph
        .split_once(". ")
        .map_or(paragraph.as_str(), |(first, _)| first);
    assert!(!sentence.is_empty(), "{}: no story", path.display());
    let plain = sentence.trim_end_matches('.').replace("[`", "`").replace("`]", "`");
    plain.replace("crate::", "")
}

fn file_of(module: &str) -> PathBuf {
    let folder = PathBuf::from(format!("src/{module}/mod.rs"));
    if root().join(&folder).exists() {
        return folder;
    }
    PathBuf::from(format!("src/{module}.rs"))
}

#[test]
fn the_page_shows_the_modules() {
    let mut table = String::from("| module | what it is | may use |\n| --- | --- | --- |\n");
    for (module, below) in MAY_USE.iter().rev() {
        table += &format!("| `{module}` | {} | {} |\n", story(&file_of(module)), below.join(", "));
    }
    is_shown("modules", &table);
}

/// Whether a module may use another one only, or also, by way of a third.
fn reaches(from: &str, to: &str) -> bool {
    let (_, below) = MAY_USE.iter().find(|(module, _)| *module == from).expect("a module");
    below.iter().any(|module| *module == to || reaches(module, to))
}

#[test]
fn the_page_shows_the_layers() {
    let mut picture = String::from("```mermaid\nflowchart TD\n");
    for (module, below) in MAY_USE.iter().rev() {
        for used in *below {
            let roundabout = below.iter().any(|other| other != used && reaches(other, used));
            if !roundabout {
                picture += &format!("    {module} --> {used}\n");
            }
        }
    }
    picture += "```\n";
    is_shown("layers", &picture);
}

#[test]
fn the_page_shows_every_source_file() {
    let mut table = String::from("| file | what it holds |\n| --- | --- |\n");
    for path in files_below("src", "rs") {
        table += &format!("| `{}` | {} |\n", path.display(), story(&path));
    }
    is_shown("files", &table);
}
