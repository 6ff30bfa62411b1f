//! What reads the dialogues, looked at by itself: a net with a hole catches nothing.

mod common;

use common::dialogue::{Dialogue, EXPECTATIONS, SETTINGS, STEPS, folder};

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
