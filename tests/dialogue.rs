//! Every dialogue file is a test of its name: played in every variation (how the server's octets are cut, how large the
//! client's buffer is, how its octets leave), and what the client says compared with what was recorded.
//!
//! `cargo test --test dialogue NAME` plays those with NAME in their name. `-- --record` plays none of them as a test, but
//! records what the client says: `tests/golden/record.sh` does so for both editions.

mod common;

use std::process::ExitCode;
use std::sync::Arc;

use common::dialogue::{Dialogue, names};
use common::driver::Leaving;
use common::golden::{self, Recorded};
use common::harness::{self, Test};
use common::play::{Cut, Segmentation, Variation, play, variations};

/// Nothing comes or leaves in pieces.
const AT_ONCE: Variation = Variation {
    segmentation: Segmentation::Whole,
    buffer: 8192,
    leaving: Leaving::AtOnce,
    cut: Cut::Nowhere,
    mails: 1,
};

/// The seed of the random segmentations: `SDS_SMTP_SEED`, else a number that stands still.
fn seed() -> u64 {
    std::env::var("SDS_SMTP_SEED").map_or(20_180_615, |seed| seed.parse().expect("SDS_SMTP_SEED is a number"))
}

fn run(name: &str, recorded: &Recorded) -> Result<(), String> {
    let dialogue = Dialogue::load(name);
    if dialogue.elsewhere {
        return Ok(());
    }
    let at_once = play(&dialogue, AT_ONCE)?.stream;
    for variation in variations(&dialogue, seed()) {
        let played = play(&dialogue, variation)?;
        let (told, outcome) = (played.seen.verdict.outcome, played.observer.outcome());
        if told != outcome {
            return Err(format!(
                "{} at {variation:?}: {told:?} is told, and whoever reads along sees {outcome:?}",
                dialogue.path
            ));
        }
        let two = Variation { mails: 2, ..variation };
        let again = play(&dialogue, two)?;
        let (told, outcome) = (again.seen.verdict.outcome, again.observer.outcome());
        if told != outcome {
            return Err(format!(
                "{} at {two:?}: {told:?} is told of the second mail, and whoever reads along sees {outcome:?}",
                dialogue.path
            ));
        }
        if dialogue.exact() && at_once != played.stream {
            return Err(format!(
                "{} at {variation:?}: the client says other octets than when all comes whole",
                dialogue.path
            ));
        }
    }
    golden::compare(recorded, name, &at_once)
}

/// What may go together goes in one write: the envelope with PIPELINING, the text with its final dot; and QUIT does not.
fn a_mail_takes_one_write_for_each_turn() -> Result<(), String> {
    for (name, writes) in [
        // EHLO; MAIL, RCPT, DATA; the text; QUIT.
        ("sent_with_pipelining", 4),
        // EHLO; MAIL; RCPT; DATA; the text; QUIT.
        ("sent_without_login", 6),
        // EHLO; AUTH; MAIL; RCPT; DATA; the text; QUIT.
        ("sent_with_login_plain", 7),
        // EHLO; AUTH LOGIN; user name; password; MAIL, RCPT, DATA; the text; QUIT.
        ("transcript_of_june_2018", 7),
        // EHLO; MAIL, RCPT, RCPT; DATA; the text; QUIT.
        ("sent_to_several_recipients_with_pipelining", 5),
    ] {
        let dialogue = Dialogue::load(name);
        if dialogue.elsewhere {
            continue;
        }
        let played = play(&dialogue, AT_ONCE)?;
        if played.writes != writes {
            return Err(format!("{name}: {} writes, expected {writes}", played.writes));
        }
    }
    Ok(())
}

/// Nearly every dialogue with a transaction in it is played with two of them on one session.
fn most_transactions_are_played_twice() -> Result<(), String> {
    let (mut once, mut twice) = (0, 0);
    for name in names() {
        let dialogue = Dialogue::load(&name);
        if dialogue.elsewhere {
            continue;
        }
        let played = play(&dialogue, Variation { mails: 2, ..AT_ONCE })?;
        if played.mails == 2 {
            twice += 1;
        } else if played.observer.commands.iter().any(|line| line.starts_with(b"MAIL")) {
            once += 1;
        }
    }
    // The others lose the connection in the middle of the mail, or stand still.
    if twice < 150 || once > twice {
        return Err(format!("twice {twice}, once {once}"));
    }
    Ok(())
}

fn every_recording_is_of_a_dialogue(recorded: &Recorded) -> Result<(), String> {
    let names = names();
    match recorded.keys().find(|name| !names.contains(name)) {
        Some(name) => Err(format!(
            "tests/golden/octets.txt has {name}, and there is no such dialogue: run {}",
            golden::COMMAND
        )),
        None => Ok(()),
    }
}

/// Records this edition's dialogues; what is recorded of those for the other one only stays.
fn record() -> Result<(), String> {
    let before = if golden::path().exists() {
        golden::load()?
    } else {
        Recorded::new()
    };
    let mut recorded = Recorded::new();
    for name in names() {
        let dialogue = Dialogue::load(&name);
        if dialogue.elsewhere {
            recorded.extend(before.get(&name).map(|octets| (name.clone(), octets.clone())));
        } else {
            recorded.insert(name.clone(), play(&dialogue, AT_ONCE)?.stream);
        }
        if before.get(&name) != recorded.get(&name) {
            println!("recorded: {name}");
        }
    }
    std::fs::write(golden::path(), golden::write(&recorded)).map_err(|error| error.to_string())
}

fn tests() -> Vec<Test> {
    let recorded = Arc::new(golden::load());
    // Without the recordings each test that wants them fails, and says why.
    let with_recorded = |name: String, run: fn(&str, &Recorded) -> Result<(), String>| {
        let recorded = Arc::clone(&recorded);
        Test::new(name.clone(), move || {
            run(&name, recorded.as_ref().as_ref().map_err(Clone::clone)?)
        })
    };
    let mut tests: Vec<Test> = names().into_iter().map(|name| with_recorded(name, run)).collect();
    tests.push(Test::new(
        "a_mail_takes_one_write_for_each_turn",
        a_mail_takes_one_write_for_each_turn,
    ));
    tests.push(Test::new(
        "most_transactions_are_played_twice",
        most_transactions_are_played_twice,
    ));
    tests.push(with_recorded(
        "every_recording_is_of_a_dialogue".into(),
        |_, recorded| every_recording_is_of_a_dialogue(recorded),
    ));
    tests
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments == ["--record"] {
        return match record() {
            Ok(()) => ExitCode::SUCCESS,
            Err(message) => {
                eprintln!("{message}");
                ExitCode::FAILURE
            }
        };
    }
    match harness::run(&arguments, &tests(), &mut std::io::stdout()) {
        Ok(true) => ExitCode::SUCCESS,
        // The standard harness's number for a failure.
        _ => ExitCode::from(101),
    }
}
