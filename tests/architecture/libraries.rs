//! The libraries that `make` builds: what they export, and how large they are.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::release::release;
use super::{finished, functions_of, read, version};

fn library(name: &str) -> PathBuf {
    release().join(name)
}

fn shared_library() -> PathBuf {
    library("libsds_smtp.so")
}

fn output(program: &str, arguments: &[&str], file: &Path) -> String {
    let mut command = Command::new(program);
    let output = finished(command.args(arguments).arg(file));
    assert!(output.status.success(), "{program}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_shared_library_exports_exactly_the_functions_of_the_header() {
    let documented = functions_of(&read("include/sds_smtp.h"));
    assert_eq!(documented.len(), 29, "{documented:?}");
    let symbols = output("nm", &["-D", "--defined-only", "--format=posix"], &shared_library());
    let exported: BTreeSet<String> = symbols
        .lines()
        .map(|line| line.split(' ').next().unwrap().to_string())
        .collect();
    assert_eq!(exported, documented);
}

#[test]
fn of_the_static_library_only_the_functions_of_the_header_are_global() {
    let archive = library("libsds_smtp.a");
    assert_eq!(output("ar", &["t"], &archive), "sds_smtp.o\n");
    let symbols = output("nm", &["--extern-only", "--defined-only", "--format=posix"], &archive);
    // "NAME T ADDRESS SIZE", behind a line that names the object. A weak symbol is global, too: V or W.
    let global: BTreeSet<String> = symbols
        .lines()
        .filter(|line| line.split(' ').count() > 1)
        .map(|line| line.split(' ').take(2).collect::<Vec<_>>().join(" "))
        .collect();
    let documented = functions_of(&read("include/sds_smtp.h"));
    let documented: BTreeSet<String> = documented.iter().map(|name| format!("{name} T")).collect();
    assert_eq!(global, documented);
}

/// What the lean shared library may have.
// 426,500 before there were logins with challenges (docs/adr/0021), 488,744 before there were parts, recipients, header fields and
// verbs; these may have 40,960: 529,184 before there were connections that are kept, verdicts of recipients, and CHUNKING.
const LEAN_SHARED: u64 = 566_000;

/// What the tables of Unicode may add (docs/adr/0002).
const UNICODE_TABLES: u64 = if cfg!(feature = "unicode") { 310_000 } else { 0 };

/// What TLS may add to the shared library (docs/adr/0020), and to the static one, of which a program takes a part.
const TLS: [u64; 2] = if cfg!(feature = "tls") {
    [1_120_000, 2_600_000]
} else {
    [0, 0]
};

#[test]
fn the_static_library_has_at_most_one_mib_besides_unicode_and_tls() {
    let bytes = fs::metadata(library("libsds_smtp.a")).unwrap().len();
    assert!(bytes <= 1024 * 1024 + UNICODE_TABLES + TLS[1], "{bytes}");
}

#[test]
fn the_shared_library_has_its_name_and_stays_in_memory() {
    let dynamic = output("readelf", &["-d"], &shared_library());
    let major = version().split('.').next().unwrap();
    assert!(dynamic.contains(&format!("[libsds_smtp.so.{major}]")), "{dynamic}");
    assert!(dynamic.contains("NODELETE"), "{dynamic}");
}

#[test]
fn the_shared_library_has_its_ceiling_besides_unicode_and_tls() {
    let bytes = fs::metadata(shared_library()).unwrap().len();
    assert!(bytes <= LEAN_SHARED + UNICODE_TABLES + TLS[0], "{bytes}");
}
