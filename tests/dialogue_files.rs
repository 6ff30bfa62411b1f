//! What reads the dialogues, records them and runs them, looked at by itself: a net with a hole catches nothing.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::dialogue::{Dialogue, EXPECTATIONS, SETTINGS, STEPS, folder, unescape};
use common::golden::{self, Recorded};
use common::harness::{self, Test};

/// The shortest dialogue, with these lines among its settings, its steps and its expectations.
fn dialogue(setting: &str, step: &str, expectation: &str) -> Result<Dialogue, String> {
    let content = format!("# A source.\n{setting}\nC-mail\n{step}\nS: 250 Ok\n{expectation}\ncode 0\noutcome sent\n");
    Dialogue::parse("some/dialogue.txt", &content)
}

/// The examples in the first column of the table in a section of the README.
fn examples(section: &str) -> Vec<String> {
    let readme = std::fs::read_to_string(folder().join("README.md")).unwrap();
    let (_, after) = readme.split_once(&format!("\n## {section}\n")).unwrap();
    let table = after.split("\n## ").next().unwrap();
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.map(|row| row.split_once('`').unwrap().0.replace("\\|", "|"))
        .collect()
}

fn word(line: &str) -> &str {
    line.split(' ').next().unwrap()
}

fn documented(section: &str, known: Vec<&str>, read: fn(&str) -> Result<Dialogue, String>) {
    let examples = examples(section);
    let words: Vec<&str> = examples.iter().map(|example| word(example)).collect();
    assert_eq!(words, known, "{section}: README.md and the parser, in the same order");
    for example in &examples {
        read(example).unwrap_or_else(|message| panic!("{section}, `{example}`: {message}"));
    }
}

#[test]
fn every_setting_is_in_the_readme_with_an_example_that_is_one() {
    let known = SETTINGS.iter().map(|(word, _)| *word).collect();
    documented("Settings", known, |example| dialogue(example, "", ""));
}

#[test]
fn every_step_is_in_the_readme_with_an_example_that_is_one() {
    let known = STEPS.iter().map(|(word, _)| *word).collect();
    documented("Steps", known, |example| dialogue("", example, ""));
}

#[test]
fn every_expectation_is_in_the_readme_with_an_example_that_is_one() {
    let known = EXPECTATIONS.iter().map(|(word, _)| *word).collect();
    documented("Expectations", known, |example| dialogue("", "", example));
}

#[test]
fn what_is_planned_is_refused_with_file_and_line() {
    let planned = examples("Planned");
    assert!(!planned.is_empty());
    for example in &planned {
        for (line, refused) in [(2, dialogue(example, "", "")), (4, dialogue("", example, ""))] {
            let message = refused.expect_err(example);
            assert_eq!(
                message,
                format!(
                    "some/dialogue.txt:{line}: `{}` is no directive: tests/dialogue/README.md has them all",
                    word(example)
                )
            );
        }
    }
}

#[test]
fn a_line_in_the_wrong_part_or_with_a_wrong_value_is_refused_with_file_and_line() {
    for (setting, step, expectation, message) in [
        ("auth cram", "", "", ":2: `cram` is no mechanism"),
        ("probe now", "", "", ":2: nothing stands behind it: `now`"),
        (
            "",
            "auth plain",
            "",
            ":4: `auth` is a setting, and stands above the dialogue",
        ),
        ("", "wait long", "", ":4: `long` is no number"),
        ("", "| \\q", "", ":4: \\q is no escape"),
        ("", "reconnect soon", "", ":4: reconnect, or reconnect refused"),
        ("", "", "outcome lost", ":6: `lost` is no outcome"),
        (
            "",
            "code 0",
            "",
            ":5: `S:` is a step, and stands behind the expectations",
        ),
    ] {
        let refused = dialogue(setting, step, expectation).expect_err(message);
        assert_eq!(refused, format!("some/dialogue.txt{message}"));
    }
}

#[test]
fn a_dialogue_says_its_source_and_expects_a_code_and_an_outcome() {
    for (content, message) in [
        ("S: 220 x\ncode 0\noutcome sent\n", "a comment has to say the source"),
        ("# A source.\nS: 220 x\noutcome sent\n", "no code is expected"),
        ("# A source.\nS: 220 x\ncode 0\n", "no outcome is expected"),
        (
            "# A source.\nsurplus\ncode 0\noutcome sent\n",
            "`surplus` is said of the block of the server's below it",
        ),
    ] {
        let refused = Dialogue::parse("some/dialogue.txt", content).expect_err(message);
        assert_eq!(refused, format!("some/dialogue.txt: {message}"));
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// The recorded octets
// ---------------------------------------------------------------------------------------------------------------------

fn recorded(octets: &[u8]) -> Recorded {
    Recorded::from([("a_mail".to_string(), octets.to_vec())])
}

#[test]
fn all_octets_are_recorded_and_read_again() {
    let all: Vec<u8> = (0..=255).collect();
    assert_eq!(unescape(&golden::escape(&all)).unwrap(), all);
    for octets in [&all[..], b"", b"\r\n\r\n.\r\n", b"QUIT\r\nhalf a li", b"  \\r #\n\n"] {
        let recorded = recorded(octets);
        assert_eq!(golden::parse(&golden::write(&recorded)).unwrap(), recorded);
    }
}

#[test]
fn one_other_octet_one_less_and_one_more_are_seen_and_the_answer_says_what_to_do() {
    let recorded = recorded(b"EHLO x\r\nQUIT\r\n");
    golden::compare(&recorded, "a_mail", b"EHLO x\r\nQUIT\r\n").unwrap();
    for (said, at) in [
        (&b"EHLO x\r\nQuIT\r\n"[..], 9),
        (b"EHLO x\r\nQUIT\r", 13),
        (b"EHLO x\r\nQUIT\r\n\r\n", 14),
        (b"", 0),
    ] {
        let message = golden::compare(&recorded, "a_mail", said).unwrap_err();
        assert!(message.contains(&format!("from octet {at} of 14 on")), "{message}");
        assert!(message.contains(golden::COMMAND), "{message}");
    }
    let message = golden::compare(&recorded, "another", b"").unwrap_err();
    assert!(
        message.contains("not recorded yet: run tests/golden/record.sh"),
        "{message}"
    );
}

#[test]
fn a_recording_that_was_edited_by_hand_is_refused() {
    for content in [
        "a_mail 5\n  QUIT\\r\\n\n",
        "a_mail 6\n  QUIT\\r\\n\na_mail 6\n  QUIT\\r\\n\n",
        "  QUIT\\r\\n\n",
        "a_mail six\n",
    ] {
        golden::parse(content).expect_err(content);
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// The harness
// ---------------------------------------------------------------------------------------------------------------------

/// Runs three tests, of which the second fails and the third panics; tells whether that was a success, how many ran, and
/// what was printed.
fn run(arguments: &[&str]) -> (bool, usize, String) {
    let ran = Arc::new(AtomicUsize::new(0));
    let counted = |name: &str, body: fn() -> Result<(), String>| {
        let ran = Arc::clone(&ran);
        Test::new(name, move || {
            ran.fetch_add(1, Ordering::Relaxed);
            body()
        })
    };
    let tests = [
        counted("holds", || Ok(())),
        counted("fails", || Err("not so".into())),
        counted("panics_and_holds", || panic!("all is lost")),
    ];
    let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
    let mut out = Vec::new();
    let passed = harness::run(&arguments, &tests, &mut out).unwrap();
    (passed, ran.load(Ordering::Relaxed), String::from_utf8(out).unwrap())
}

#[test]
fn an_error_and_a_panic_fail_and_are_told_under_their_name() {
    let (passed, ran, printed) = run(&[]);
    assert!(!passed && ran == 3, "{printed}");
    for part in [
        "\nrunning 3 tests\n",
        "test holds ... ok\n",
        "test fails ... FAILED\n",
        "---- fails ----\nnot so\n",
        "all is lost",
        "failures:\n    fails\n    panics_and_holds\n",
        "test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out\n",
    ] {
        assert!(printed.contains(part), "{part:?} is not in {printed}");
    }
}

#[test]
fn names_filter_and_what_was_left_out_is_counted() {
    for (arguments, ran) in [
        (&["holds"][..], 2),
        (&["--exact", "holds"], 1),
        (&["hold", "--exact"], 0),
        (&["holds", "fails"], 3),
        (&["--skip", "panics"], 2),
        (&["--skip=holds", "--test-threads=1", "-q"], 1),
        (&["--ignored"], 0),
        (&["--include-ignored", "--nocapture", "--color", "never"], 3),
    ] {
        let (_, did, printed) = run(arguments);
        assert_eq!(did, ran, "{arguments:?}");
        assert!(printed.contains(&format!("; {} filtered out\n", 3 - ran)), "{printed}");
    }
    let (passed, _, printed) = run(&["holds", "--exact"]);
    assert!(
        passed && printed.contains("test result: ok. 1 passed; 0 failed; "),
        "{printed}"
    );
}

#[test]
fn the_list_has_the_names_and_nothing_runs() {
    assert_eq!(
        run(&["--list"]),
        (true, 0, "holds: test\nfails: test\npanics_and_holds: test\n".into())
    );
    assert_eq!(
        run(&["--list", "--format", "terse", "fail"]),
        (true, 0, "fails: test\n".into())
    );
}

#[test]
fn an_option_that_is_not_known_is_a_failure() {
    for arguments in [&["--exakt"][..], &["--skip"], &["--test-threads", "0"]] {
        let (passed, ran, printed) = run(arguments);
        assert!(!passed && ran == 0 && printed.starts_with("error: "), "{printed}");
    }
}
