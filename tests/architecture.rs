//! Facts that stand in two places, and the house rules that a compiler does not know.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

#[path = "architecture/documents.rs"]
mod documents;
#[path = "architecture/headers.rs"]
mod headers;
#[path = "architecture/house.rs"]
mod house;
#[path = "architecture/libraries.rs"]
mod libraries;
#[cfg(feature = "std")]
#[path = "architecture/logins.rs"]
mod logins;
#[path = "architecture/page.rs"]
mod page;
#[path = "architecture/programs.rs"]
mod programs;
#[path = "common/release.rs"]
mod release;
#[path = "architecture/source.rs"]
mod source;
#[path = "architecture/tokens.rs"]
mod tokens;
#[path = "common/tools.rs"]
mod tools;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn files_below(folder: &str, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|is| is == extension) {
                found.push(path.strip_prefix(root()).unwrap().to_path_buf());
            }
        }
    }
    found.sort();
    assert!(!found.is_empty());
    found
}

/// A source file's module, without its tests: its comments, too, are left out.
fn code_of(path: &Path) -> (String, String) {
    let module = path.components().nth(1).unwrap().as_os_str().to_str().unwrap();
    let text = read(path);
    let code = text.split("#[cfg(test)]").next().unwrap();
    let code: Vec<&str> = code
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect();
    (module.trim_end_matches(".rs").to_string(), code.join("\n"))
}

/// Which modules a module may use: those below it.
const MAY_USE: [(&str, &[&str]); 16] = [
    ("code", &["octets"]),
    ("limits", &[]),
    ("octets", &[]),
    ("utf8", &[]),
    ("buffer", &["octets", "limits"]),
    ("base64", &["buffer"]),
    ("template", &["buffer"]),
    ("wire", &["template", "buffer", "limits", "octets", "utf8"]),
    ("auth", &["code", "base64", "buffer", "limits", "octets"]),
    ("message", &["template", "base64", "buffer", "limits", "octets", "utf8"]),
    (
        "session",
        &["wire", "auth", "message", "code", "buffer", "limits", "octets"],
    ),
    ("channel", &["session", "wire", "code", "octets"]),
    (
        "client",
        &[
            "session", "wire", "auth", "message", "code", "buffer", "limits", "octets",
        ],
    ),
    (
        "host",
        &[
            "channel", "client", "session", "wire", "auth", "message", "code", "base64", "buffer", "limits", "octets",
            "utf8",
        ],
    ),
    (
        "firmware",
        &[
            "channel", "client", "session", "wire", "auth", "code", "limits", "octets", "utf8",
        ],
    ),
    (
        "ffi",
        &[
            "host", "firmware", "channel", "client", "wire", "code", "buffer", "limits",
        ],
    ),
];

/// What a file names that its module may not use.
fn forbidden(sources: &source::Sources, file: &source::File) -> Vec<String> {
    let module = file.path.components().nth(1).unwrap().as_os_str().to_str().unwrap();
    let module = module.trim_end_matches(".rs");
    if module == "lib" {
        return Vec::new();
    }
    let below = MAY_USE
        .iter()
        .find(|(name, _)| *name == module)
        .unwrap_or_else(|| panic!("{module} is missing in MAY_USE"));
    let mut named = sources.named_at_the_root(file);
    named.retain(|used| used != module && !below.1.contains(&used.as_str()));
    named.into_iter().collect()
}

#[test]
fn modules_use_only_what_is_below_them() {
    let sources = source::Sources::of_the_library();
    for file in &sources.files {
        let forbidden = forbidden(&sources, file);
        assert!(forbidden.is_empty(), "{}: uses {forbidden:?}", file.path.display());
    }
}

#[test]
fn a_module_that_uses_one_above_it_is_found() {
    for text in [
        "use crate::session::Session;",
        "use crate::{octets, session};",
        "use super::super::session::Session;",
        "fn a() { crate::session::a(); }",
    ] {
        let file = |path, text| source::File::new(path, text);
        let sources = source::Sources::new(vec![file("src/session/mod.rs", ""), file("src/wire/reply.rs", text)]);
        assert_eq!(forbidden(&sources, &sources.files[1]), ["session"], "{text}");
    }
}

#[test]
fn the_core_needs_neither_std_nor_an_allocator() {
    for path in files_below("src", "rs") {
        let (module, code) = code_of(&path);
        if matches!(module.as_str(), "lib" | "host" | "ffi") {
            continue;
        }
        for word in [
            "std::",
            "alloc::",
            "Vec<",
            "String",
            "Box<",
            "format!",
            "core::fmt::Write",
        ] {
            assert!(!code.contains(word), "{}: {word}", path.display());
        }
    }
}

/// Zeroize asserts the length of a slice, and with Rust 1.85 that is a panic in the device's library.
#[test]
fn a_device_wipes_octets_without_a_path_to_a_panic() {
    for path in files_below("src", "rs") {
        let (module, code) = code_of(&path);
        let allowed = matches!(module.as_str(), "octets" | "host" | "ffi");
        assert!(
            allowed || !code.contains("zeroize"),
            "{}: octets::wipe() is there for it",
            path.display()
        );
    }
}

/// Where unsafe code may be, beside `ffi/`: system calls, instructions of the processor, the functions of the program, and the memory
/// that it lends.
const UNSAFE: [&str; 11] = [
    "src/host/sys/linux",
    "src/host/sys/memory.rs",
    "src/host/sys/reserve.rs",
    "src/host/sys/see.rs",
    "src/host/sys/windows",
    "src/firmware/arena.rs",
    "src/firmware/eabi.rs",
    "src/firmware/callbacks.rs",
    "src/firmware/storage.rs",
    "src/channel/callbacks.rs",
    "src/channel/transport.rs",
];

#[test]
fn unsafe_stands_at_the_boundary_and_in_few_files() {
    for path in files_below("src", "rs") {
        let (module, code) = code_of(&path);
        let boundary = module == "ffi" || UNSAFE.iter().any(|place| path.starts_with(place));
        let mentions = code.contains("unsafe ") || code.contains("unsafe{");
        assert!(boundary || !mentions, "{}", path.display());
    }
    let root = read("src/lib.rs");
    assert!(root.contains("#![deny(unsafe_code)]"));
    for module in [
        "auth", "base64", "buffer", "client", "code", "limits", "message", "octets", "session", "wire",
    ] {
        assert!(
            root.contains(&format!("#[forbid(unsafe_code)]\npub mod {module};")),
            "{module}"
        );
    }
    for (folder, with_unsafe) in [("channel", 2), ("host", 1), ("firmware", 4)] {
        let story = read(format!("src/{folder}/mod.rs"));
        let inside = story.matches("\nmod ").count() + story.matches("\npub mod ").count();
        assert_eq!(story.matches("#[forbid(unsafe_code)]").count(), inside - with_unsafe);
    }
}

fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

fn functions_of(header: &str) -> BTreeSet<String> {
    let mut functions = BTreeSet::new();
    let mut comment = false;
    for line in header.lines() {
        comment |= line.trim_start().starts_with("/*");
        if !comment && !line.starts_with('#') {
            if let Some((before, _)) = line.split_once('(') {
                let name = before.rsplit([' ', '*']).next().unwrap();
                if name.starts_with("sds_smtp_") {
                    functions.insert(name.to_string());
                }
            }
        }
        comment &= !line.trim_end().ends_with("*/");
    }
    functions
}

/// Runs a command to its end; a tool that is missing is named.
fn finished(command: &mut Command) -> Output {
    command
        .output()
        .unwrap_or_else(|error| panic!("{}", tools::cannot_run(command, &error)))
}
