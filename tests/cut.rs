//! The connection cut at every octet of every dialogue, in both directions.
//!
//! After the cut nobody knows more than what had passed: the mail is *sent* only when the server's whole 2xx to the
//! end of the data had arrived, and *unknown* exactly when the whole final dot had left and no whole answer to it had
//! come. The observer on the wire decides that with readers of its own.

mod common;

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::dialogue::{Dialogue, names};
use common::driver::Leaving;
use common::play::{Cut, Played, Segmentation, Variation, play};
use sds_smtp::code::{Code, Outcome};

/// The cuts of one direction, behind octet `from`. Over 8,000 octets there are only in endless replies, whose octets are
/// all alike, and in mails of several chunks: such a direction is cut near its ends only, and near each of these places.
fn points(from: Option<usize>, length: usize, places: Vec<usize>) -> impl Iterator<Item = usize> {
    let ends = match (length, places.len()) {
        (0..=8_000, _) => length,
        (_, 0) => 100,
        _ => 25,
    };
    let start = from.map_or(0, |from| from + 1);
    (start..=length).filter(move |at| {
        let near = places.iter().any(|place| place.abs_diff(*at) <= ends);
        at - start < ends || length - at <= ends || near
    })
}

/// Where a chunk begins.
fn chunks(stream: &[u8]) -> Vec<usize> {
    let begins = |(at, octets): (usize, &[u8])| (octets == b"BDAT ").then_some(at);
    stream.windows(5).enumerate().filter_map(begins).collect()
}

fn variation(buffer: usize, leaving: Leaving, cut: Cut) -> Variation {
    Variation {
        segmentation: Segmentation::Whole,
        buffer,
        leaving,
        cut,
        mails: 1,
    }
}

fn check(dialogue: &Dialogue, whole: &Played, variation: Variation) -> Outcome {
    let place = || format!("{} at {variation:?}", dialogue.path);
    let played = play(dialogue, variation).unwrap_or_else(|message| panic!("{message}"));
    let verdict = played.seen.verdict;
    assert_eq!(
        verdict.outcome,
        played.observer.outcome(),
        "{}: {:?}",
        place(),
        played.seen
    );
    // Code 0 and *sent* go together; a probe and a dry run that came to their end have code 0, too.
    if verdict.code != Code::Ok || !(dialogue.setup.probe || dialogue.setup.dry) {
        let ok = matches!(verdict.code, Code::Ok | Code::PartlySent);
        let sent = verdict.outcome == Outcome::Sent;
        assert_eq!(ok, sent, "{}: {:?}", place(), played.seen);
    }
    if dialogue.exact() {
        assert!(whole.stream.starts_with(&played.stream), "{}: other octets", place());
    }
    verdict.outcome
}

fn cut_everywhere(work: &Work) -> [usize; 3] {
    let dialogue = &work.dialogue;
    let whole = variation(512, Leaving::AtOnce, Cut::Nowhere);
    let whole = play(dialogue, whole).unwrap_or_else(|message| panic!("{message}"));
    let known = work.known.map(|items| whole.marks[items]);
    let mut outcomes = [0; 3];
    let mut count = |outcome| {
        outcomes[match outcome {
            Outcome::Sent => 0,
            Outcome::Unknown => 1,
            Outcome::NotSent | Outcome::None => 2,
        }] += 1;
    };
    for at in points(known.map(|(server, _)| server), whole.delivered, Vec::new()) {
        for (buffer, leaving) in [(16, Leaving::Pieces), (8192, Leaving::AtOnce)] {
            count(check(dialogue, &whole, variation(buffer, leaving, Cut::Server(at))));
        }
    }
    for at in points(
        known.map(|(_, client)| client),
        whole.stream.len(),
        chunks(&whole.stream),
    ) {
        for (buffer, leaving) in [
            (16, Leaving::AtOnce),
            (37, Leaving::Queued),
            (512, Leaving::Pieces),
            (8192, Leaving::AtOnce),
        ] {
            count(check(dialogue, &whole, variation(buffer, leaving, Cut::Client(at))));
        }
    }
    outcomes
}

/// A dialogue, and how many of its items an earlier one begins with, with the same settings: cut there, both are the
/// same run.
struct Work {
    dialogue: Dialogue,
    known: Option<usize>,
}

fn all_work() -> Vec<Work> {
    let mut beginnings = HashSet::new();
    let mut all = Vec::new();
    for name in names() {
        let dialogue = Dialogue::load(&name);
        // SDS_SMTP_DIALOGUE: only those with this in their name.
        let asked = std::env::var("SDS_SMTP_DIALOGUE").is_ok_and(|part| !name.contains(&part));
        if dialogue.elsewhere || asked {
            continue;
        }
        let mut beginning = format!("{:?} {:?}", dialogue.setup, dialogue.connection);
        let mut known = (!beginnings.insert(beginning.clone())).then_some(0);
        for (at, (_, item)) in dialogue.items.iter().enumerate() {
            beginning += &format!(" {item:?}");
            if !beginnings.insert(beginning.clone()) {
                known = Some(at + 1);
            }
        }
        all.push(Work { dialogue, known });
    }
    all
}

#[test]
fn wherever_the_connection_is_cut_the_outcome_is_what_passed_on_the_wire() {
    let all = all_work();
    let next = AtomicUsize::new(0);
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    let totals: Vec<AtomicUsize> = (0..3).map(|_| AtomicUsize::new(0)).collect();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(work) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
                    for (total, count) in totals.iter().zip(cut_everywhere(work)) {
                        total.fetch_add(count, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    // Each of the three was seen: a cut behind the final reply, between it and the dot, and before the dot.
    for (total, name) in totals.iter().zip(["sent", "unknown", "not sent"]) {
        let total = total.load(Ordering::Relaxed);
        println!("{name}: {total}");
        assert!(total > 0, "no cut gave {name}");
    }
}
