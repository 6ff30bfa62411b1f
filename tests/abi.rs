//! The binary interface: what the headers declare, how compilers lay it out and what the library exports are compared with
//! the snapshot in `tests/abi/`, and with the last tag where there is one. `tests/abi/record.sh` takes a new snapshot.

mod common;
#[path = "abi/headers.rs"]
mod headers;
#[path = "common/release.rs"]
mod release;
#[path = "abi/snapshot.rs"]
mod snapshot;
#[path = "common/tools.rs"]
mod tools;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use common::harness::{self, Test};
use snapshot::{COMMAND, Entry, HEADERS, Snapshot, UNRELEASED, broken, committed, current, difference, root, scratch};

type Result<T> = std::result::Result<T, String>;

fn header(name: &str) -> PathBuf {
    root().join("include").join(format!("{name}.h"))
}

fn ensure(holds: bool, message: impl FnOnce() -> String) -> Result<()> {
    if holds { Ok(()) } else { Err(message()) }
}

// ---------------------------------------------------------------------------------------------------------------------
// The snapshot
// ---------------------------------------------------------------------------------------------------------------------

fn the_headers_are_as_recorded(name: &str) -> Result<()> {
    let before = committed(name)?;
    let (now, narrow_missing) = current(&header(name), &before, &scratch(name))?;
    if narrow_missing {
        println!("not checked: the layouts of 32 bits (no compiler here has -m32, nor is there an arm-none-eabi-gcc)");
    }
    let difference = difference(&before, &now);
    ensure(difference.is_empty(), || {
        format!(
            "The binary interface of {name}.h is another one than recorded:\n{difference}\
             If that is meant: describe it in CHANGELOG.md, section \"Binary interface\" of what is unreleased, then run \
             {COMMAND} and commit tests/abi/."
        )
    })
}

/// The unreleased part of CHANGELOG.md on the binary interface; none where there is nothing of it.
fn unreleased_interface() -> Result<Option<String>> {
    let changelog = fs::read_to_string(root().join("CHANGELOG.md")).map_err(|error| error.to_string())?;
    let section = changelog
        .split_once("\n## [Unreleased]\n")
        .map(|(_, after)| after.split("\n## ").next().unwrap_or_default())
        .and_then(|unreleased| unreleased.split_once("\n### Binary interface\n"))
        .map(|(_, after)| after.split("\n### ").next().unwrap_or_default().to_string());
    Ok(section.filter(|section| !section.trim().is_empty()))
}

/// What of a header is to be named in the changelog: its new names. A header of a library that is built with its program, or
/// of functions that are compiled into it, is named as a whole. A macro without a number is no part of the binary interface.
fn named_in_the_changelog(header: &str, entry: &Entry) -> Vec<String> {
    if entry.kind == "MACRO" {
        return Vec::new();
    }
    if header != "sds_smtp" {
        return vec![format!("{header}.h")];
    }
    entry.name.split('.').map(String::from).collect()
}

fn every_unreleased_entry_is_in_the_changelog() -> Result<()> {
    let section = unreleased_interface()?;
    for name in HEADERS {
        for entry in committed(name)?.iter().filter(|entry| entry.since == UNRELEASED) {
            let section = section.as_ref().ok_or_else(|| {
                format!(
                    "{} is recorded as unreleased, and CHANGELOG.md has nothing of it: run {COMMAND}",
                    entry.name
                )
            })?;
            for word in named_in_the_changelog(name, entry) {
                let told = section.split(|letter: char| !(letter.is_alphanumeric() || "_.".contains(letter)));
                ensure(told.map(|told| told.trim_matches('.')).any(|told| told == word), || {
                    format!(
                        "{} is new: CHANGELOG.md, section \"Binary interface\", does not name {word}",
                        entry.name
                    )
                })?;
            }
        }
    }
    Ok(())
}

fn every_version_is_in_the_changelog() -> Result<()> {
    let changelog = fs::read_to_string(root().join("CHANGELOG.md")).map_err(|error| error.to_string())?;
    for name in HEADERS {
        for entry in committed(name)? {
            let since = &entry.since;
            let released = changelog.contains(&format!("\n## [{since}] - "));
            ensure(released || since == UNRELEASED, || {
                format!("{}: CHANGELOG.md has no {since}", entry.name)
            })?;
        }
    }
    Ok(())
}

/// The names that the shared library exports.
fn exported() -> Result<BTreeSet<String>> {
    let mut nm = Command::new("nm");
    nm.args(["-D", "--defined-only", "--format=posix"])
        .arg(release::release().join("libsds_smtp.so"));
    let output = nm.output().map_err(|error| tools::cannot_run(&nm, &error))?;
    let symbols = String::from_utf8_lossy(&output.stdout);
    let names = symbols.lines().filter_map(|line| line.split(' ').next());
    Ok(names.map(String::from).collect())
}

fn the_shared_library_exports_what_is_recorded() -> Result<()> {
    let exported = exported()?;
    let snapshot = committed("sds_smtp")?;
    let recorded = snapshot.into_iter().filter(|entry| entry.kind == "FUNCTION");
    let recorded: BTreeSet<String> = recorded.map(|entry| entry.name).collect();
    ensure(exported == recorded, || {
        format!(
            "The shared library exports other functions than tests/abi/sds_smtp.def has: only exported {:?}, only recorded \
             {:?}. Where a function is missing in the header, run make header; then run {COMMAND}.",
            exported.difference(&recorded).collect::<Vec<_>>(),
            recorded.difference(&exported).collect::<Vec<_>>()
        )
    })
}

/// Takes a new snapshot. What is new is of the version to come, or of this one where the changelog has released it.
fn record() -> Result<()> {
    let unreleased = unreleased_interface()?.is_some();
    for name in HEADERS {
        let before = if snapshot::path(name).exists() {
            committed(name)?
        } else {
            Snapshot::new()
        };
        let (mut now, narrow_missing) = current(&header(name), &before, &scratch("record"))?;
        ensure(!narrow_missing, || {
            "a snapshot needs a compiler for 32 bits: a gcc that knows -m32, or arm-none-eabi-gcc".into()
        })?;
        for entry in now.iter_mut().filter(|entry| entry.since == UNRELEASED && !unreleased) {
            entry.since = env!("CARGO_PKG_VERSION").into();
        }
        print!("{name}.h\n{}", difference(&before, &now));
        fs::write(snapshot::path(name), snapshot::write(name, &now)).map_err(|error| error.to_string())?;
    }
    Ok(())
}

// ---------------------------------------------------------------------------------------------------------------------
// The last tag
// ---------------------------------------------------------------------------------------------------------------------

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).current_dir(root()).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then_some(text)
}

fn major(version: &str) -> u32 {
    let number = version.trim_start_matches('v').split('.').next();
    number.and_then(|number| number.parse().ok()).unwrap_or(0)
}

fn programs_of_the_last_tag_run_with_this_library() -> Result<()> {
    let Some(tag) = git(&["describe", "--tags", "--abbrev=0", "--match", "v[0-9]*"]) else {
        println!("not checked: the binary interface of the last release (no tag v... is reachable from here)");
        return Ok(());
    };
    let tag = tag.trim();
    let Some(text) = git(&["show", &format!("{tag}:include/sds_smtp.h")]) else {
        return Err(format!("{tag} has no include/sds_smtp.h"));
    };
    let folder = scratch("tag");
    let then = folder.join("sds_smtp.h");
    fs::write(&then, text).map_err(|error| error.to_string())?;
    let recorded = committed("sds_smtp")?;
    let (before, _) = current(&then, &recorded, &folder)?;
    let (now, _) = current(&header("sds_smtp"), &recorded, &folder)?;
    let mut report = broken(&before, &now).concat();
    match abidiff(&then, &header("sds_smtp"), &folder)? {
        Some((changed, words)) if changed => report += &words,
        Some(_) => {}
        None => println!("not checked: {tag} with abidiff (it is not installed; Debian's abigail-tools has it)"),
    }
    if report.is_empty() {
        return Ok(());
    }
    println!("since {tag}:\n{report}");
    ensure(
        broken(&before, &now).is_empty() || major(tag) == 0 || major(env!("CARGO_PKG_VERSION")) > major(tag),
        || format!("what {tag} released never changes:\n{report}"),
    )?;
    ensure(unreleased_interface()?.is_some(), || {
        format!("the binary interface changed since {tag}, and CHANGELOG.md has no section on it:\n{report}")
    })
}

/// Whether abidiff sees a difference between two headers' functions, and its words; none where it is not installed.
fn abidiff(before: &Path, now: &Path, scratch: &Path) -> Result<Option<(bool, String)>> {
    let libraries = [(before, "before"), (now, "now")].map(|(header, name)| {
        let items = headers::read(header)?;
        headers::stand_in(header, &items, scratch, name)
    });
    let [before, now] = libraries;
    let Ok(output) = Command::new("abidiff").arg(before?).arg(now?).output() else {
        return Ok(None);
    };
    // Its exit status is a set: 1 an error, 2 a wrong option, 4 a change, 8 a change that breaks programs.
    let status = output.status.code().unwrap_or(1);
    let words = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure(status & 3 == 0, || format!("abidiff: {status}: {words}"))?;
    Ok(Some((status != 0, words)))
}

// ---------------------------------------------------------------------------------------------------------------------
// The tests of the tests
// ---------------------------------------------------------------------------------------------------------------------

const SMALL: &str = "\
/* A header. */
#ifndef A_H
#define A_H
#include <stdint.h>
#define A_FLAG 1u
#define A_INIT {0, \\
                0}
typedef struct a_thing {
    uint32_t struct_size;
    const char *name; /* of it; or none */
    int32_t (*read)(void *context, uint32_t at);
    char text[8];
} a_thing;
int a_call(struct a_thing *thing,
           void (*done)(void *context), int);
#endif
";

fn snapshot_of(text: &str, folder: &str) -> Result<Snapshot> {
    let folder = scratch(folder);
    let header = folder.join("a.h");
    fs::write(&header, text).map_err(|error| error.to_string())?;
    Ok(current(&header, &Snapshot::new(), &folder)?.0)
}

fn a_header_is_read_with_types_numbers_and_layouts() -> Result<()> {
    let folder = scratch("read");
    // One of the same name where the compiler's program stands is another header.
    fs::write(folder.join("a.h"), "#error another header\n").map_err(|error| error.to_string())?;
    let header = scratch("read/header").join("a.h");
    fs::write(&header, SMALL).map_err(|error| error.to_string())?;
    let (snapshot, narrow_missing) = current(&header, &Snapshot::new(), &folder)?;
    let text = snapshot::write("a", &snapshot);
    for line in [
        "CONSTANT(\"Unreleased\", A_FLAG, 1u)\n",
        "MACRO(\"Unreleased\", A_INIT)\n",
        "STRUCTURE(\"Unreleased\", a_thing, 32, 20)\n",
        "FIELD(\"Unreleased\", a_thing, struct_size, 0, 4, 0, 4, \"uint32_t\")\n",
        "FIELD(\"Unreleased\", a_thing, name, 8, 8, 4, 4, \"const char *\")\n",
        "FIELD(\"Unreleased\", a_thing, read, 16, 8, 8, 4, \"int32_t (*)(void *context, uint32_t at)\")\n",
        "FIELD(\"Unreleased\", a_thing, text, 24, 8, 12, 8, \"char[8]\")\n",
        "FUNCTION(\"Unreleased\", a_call, \"int a_call(struct a_thing *, void (*)(void *context), int)\")\n",
    ] {
        ensure(narrow_missing || text.contains(line), || {
            format!("{line} is not in\n{text}")
        })?;
    }
    ensure(snapshot.len() == 8, || text)
}

fn what_is_not_understood_is_an_error() -> Result<()> {
    for text in [
        "enum a { B };\n",
        "typedef enum { B } a;\n",
        "typedef int a;\n",
        "extern int a;\n",
        "int a(void)\n",
        "#define A(b) b\n",
        "/* no end",
        "}\n",
    ] {
        ensure(headers::parse(text).is_err(), || {
            format!("read as if it were known: {text}")
        })?;
    }
    Ok(())
}

/// Each change of a header, whether it breaks a program that was built with the header before.
const CHANGES: [(&str, &str, bool); 9] = [
    ("A_FLAG 1u", "A_FLAG 2u", true),
    ("A_FLAG 1u", "A_FLAG 1", true),
    ("const char *name;", "const char *other;", true),
    (
        "uint32_t struct_size;",
        "uint32_t struct_size; uint32_t more; uint32_t still_more;",
        true,
    ),
    ("char text[8]", "char text[16]", true),
    ("int a_call(", "uint32_t a_call(", true),
    ("(*done)(void *context)", "(*done)(int status)", true),
    ("char text[8];", "char text[8];\n    void *last;", false),
    ("#endif", "int b_call(void);\n#endif", false),
];

fn every_change_is_seen_and_what_breaks_programs_is_told_apart() -> Result<()> {
    let before = snapshot_of(SMALL, "changes")?;
    ensure(
        difference(&before, &before).is_empty() && broken(&before, &before).is_empty(),
        || "a header differs from itself".into(),
    )?;
    for (from, to, breaks) in CHANGES {
        let now = snapshot_of(&SMALL.replace(from, to), "changes")?;
        ensure(!difference(&before, &now).is_empty(), || {
            format!("{from} became {to}: not seen")
        })?;
        let broken = broken(&before, &now);
        ensure(broken.is_empty() != breaks, || {
            format!("{from} became {to}: {broken:?}")
        })?;
    }
    Ok(())
}

fn abidiff_sees_a_field_that_moved() -> Result<()> {
    let folder = scratch("abidiff");
    let (before, now) = (folder.join("a.h"), folder.join("b.h"));
    fs::write(&before, SMALL).map_err(|error| error.to_string())?;
    fs::write(&now, SMALL.replace("char *name;", "char *name; void *more;")).map_err(|error| error.to_string())?;
    let Some((changed, words)) = abidiff(&before, &now, &folder)? else {
        println!("not checked: abidiff is not installed");
        return Ok(());
    };
    ensure(changed && words.contains("more"), || words)?;
    let same = abidiff(&before, &before, &folder)?;
    ensure(same.as_ref().is_some_and(|(changed, _)| !changed), || {
        format!("{same:?}")
    })
}

type Check = fn() -> Result<()>;

fn tests() -> Vec<Test> {
    let mut tests = Vec::new();
    for name in HEADERS {
        tests.push(Test::new(format!("{name}_h_is_as_recorded"), move || {
            the_headers_are_as_recorded(name)
        }));
    }
    let others: [(&str, Check); 8] = [
        (
            "every_unreleased_entry_is_in_the_changelog",
            every_unreleased_entry_is_in_the_changelog,
        ),
        ("every_version_is_in_the_changelog", every_version_is_in_the_changelog),
        (
            "the_shared_library_exports_what_is_recorded",
            the_shared_library_exports_what_is_recorded,
        ),
        (
            "programs_of_the_last_tag_run_with_this_library",
            programs_of_the_last_tag_run_with_this_library,
        ),
        (
            "a_header_is_read_with_types_numbers_and_layouts",
            a_header_is_read_with_types_numbers_and_layouts,
        ),
        ("what_is_not_understood_is_an_error", what_is_not_understood_is_an_error),
        (
            "every_change_is_seen_and_what_breaks_programs_is_told_apart",
            every_change_is_seen_and_what_breaks_programs_is_told_apart,
        ),
        ("abidiff_sees_a_field_that_moved", abidiff_sees_a_field_that_moved),
    ];
    tests.extend(others.map(|(name, run)| Test::new(name, run)));
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
