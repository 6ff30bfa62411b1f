//! Facts that stand in two places, and the house rules that a compiler does not know.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::{env, fs};

use sds_smtp::limits::Timeouts;

#[path = "architecture/documents.rs"]
mod documents;
#[path = "architecture/page.rs"]
mod page;
#[path = "common/release.rs"]
mod release;
use release::release;
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
const MAY_USE: [(&str, &[&str]); 15] = [
    ("code", &["octets"]),
    ("limits", &[]),
    ("octets", &[]),
    ("utf8", &[]),
    ("buffer", &["octets", "limits"]),
    ("base64", &["buffer"]),
    ("wire", &["buffer", "limits", "octets"]),
    ("auth", &["base64", "buffer", "limits", "octets"]),
    ("message", &["base64", "buffer", "limits", "octets", "utf8"]),
    (
        "session",
        &[
            "wire", "auth", "message", "code", "base64", "buffer", "limits", "octets", "utf8",
        ],
    ),
    ("channel", &["session", "code", "octets"]),
    (
        "client",
        &[
            "session", "wire", "auth", "message", "code", "buffer", "limits", "octets",
        ],
    ),
    (
        "host",
        &["channel", "client", "session", "wire", "auth", "code", "limits"],
    ),
    (
        "firmware",
        &[
            "channel", "client", "session", "wire", "auth", "code", "limits", "octets", "utf8",
        ],
    ),
    (
        "ffi",
        &["host", "firmware", "client", "wire", "code", "buffer", "limits"],
    ),
];

#[test]
fn modules_use_only_what_is_below_them() {
    let allowed: BTreeMap<&str, &[&str]> = MAY_USE.into();
    for path in files_below("src", "rs") {
        let (module, code) = code_of(&path);
        if module == "lib" {
            continue;
        }
        let below = allowed
            .get(module.as_str())
            .unwrap_or_else(|| panic!("{module} has no place in the order"));
        for used in code.split("crate::").skip(1) {
            let used: String = used
                .chars()
                .take_while(|letter| letter.is_alphanumeric() || *letter == '_')
                .collect();
            assert!(
                used == module || below.contains(&used.as_str()),
                "{}: uses {used}",
                path.display()
            );
        }
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

/// Where unsafe code may be, beside `ffi/`: system calls, and the memory that a program without a system lends.
const UNSAFE: [&str; 7] = [
    "src/host/sys/linux.rs",
    "src/host/sys/windows.rs",
    "src/firmware/arena.rs",
    "src/firmware/eabi.rs",
    "src/firmware/callbacks.rs",
    "src/firmware/storage.rs",
    "src/firmware/transport.rs",
];

#[test]
fn unsafe_stands_at_the_boundary_and_in_few_files() {
    for path in files_below("src", "rs") {
        let (module, code) = code_of(&path);
        let boundary = module == "ffi" || UNSAFE.iter().any(|file| path == Path::new(file));
        let mentions = code.contains("unsafe ") || code.contains("unsafe{");
        assert!(boundary || !mentions, "{}", path.display());
    }
    let root = read("src/lib.rs");
    assert!(root.contains("#![deny(unsafe_code)]"));
    for module in [
        "auth", "base64", "buffer", "channel", "client", "code", "limits", "message", "octets", "session", "wire",
    ] {
        assert!(
            root.contains(&format!("#[forbid(unsafe_code)]\npub mod {module};")),
            "{module}"
        );
    }
    for (folder, with_unsafe) in [("host", 1), ("firmware", 5)] {
        let story = read(format!("src/{folder}/mod.rs"));
        let inside = story.matches("\nmod ").count() + story.matches("\npub mod ").count();
        assert_eq!(story.matches("#[forbid(unsafe_code)]").count(), inside - with_unsafe);
    }
}

#[test]
fn the_committed_headers_are_the_generated_ones() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("header");
    fs::create_dir_all(&folder).unwrap();
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["check", "--quiet", "--lib", "--features", "header", "--target-dir"])
        .arg(&folder)
        .env("SDS_SMTP_HEADERS", &folder)
        .current_dir(root())
        .status()
        .unwrap();
    assert!(status.success());
    for header in ["sds_smtp.h", "sds_smtp_firmware.h"] {
        let generated = fs::read_to_string(folder.join(header)).unwrap();
        assert!(
            generated == read(format!("include/{header}")),
            "run `make header` and commit include/{header}"
        );
    }
}

/// A program with every header, which takes every macro that begins a structure.
const USES_THE_HEADERS: &str = r#"
#include "sds_smtp_firmware.h"
#include "sds_fullc.h"

struct all {
    struct sds_smtp_config config;
    struct sds_smtp_message message;
    struct sds_smtp_result result;
    struct sds_smtp_log_entry entry;
    struct sds_smtp_transport transport;
};

int take(char *text);

int take(char *text)
{
    static const struct sds_smtp_config config = SDS_SMTP_CONFIG_INIT;
    static const struct sds_smtp_message message = SDS_SMTP_MESSAGE_INIT;
    static const struct sds_smtp_result result = SDS_SMTP_RESULT_INIT;
    static const struct sds_smtp_log_entry entry = SDS_SMTP_LOG_ENTRY_INIT;
    static const struct sds_smtp_transport transport = SDS_SMTP_TRANSPORT_INIT;
    struct all all;

    all.config = config;
    all.message = message;
    all.result = result;
    all.entry = entry;
    all.transport = transport;
    smtp_send(text, text, text);
    return (int)(all.config.struct_size + all.message.struct_size + all.result.struct_size + all.entry.struct_size +
                 all.transport.struct_size + SDS_SMTP_CLIENT_SIZE + sizeof SDS_SMTP_VERSION + smtp_send_status()) +
           SDS_SMTP_READ_LATER + (SDS_SMTP_NO_LIMIT != 0u);
}
"#;

#[test]
fn the_headers_are_clean_in_old_c_and_in_strict_cpp() {
    let headers: Vec<String> = files_below("include", "h")
        .iter()
        .map(|header| {
            format!(
                "#include \"{}\"\nint use(void);\n",
                header.file_name().unwrap().to_str().unwrap()
            )
        })
        .collect();
    assert_eq!(headers.len(), 3);
    let all = headers.join("");
    for macro_name in all_macros_that_begin_a_structure() {
        assert!(USES_THE_HEADERS.contains(&macro_name), "{macro_name} is not taken");
    }
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("headers");
    fs::create_dir_all(&folder).unwrap();
    let file = folder.join("program.c");
    const C: &str = "C";
    const CPP: &str = "C++";
    for text in headers.iter().chain([&all, &USES_THE_HEADERS.to_string()]) {
        fs::write(&file, text).unwrap();
        for (language, options) in [
            (C, ["-std=c90", "-pedantic", "-O2"]),
            (C, ["-ansi", "-pedantic", "-O0"]),
            (C, ["-std=c99", "-pedantic", "-Wc++-compat"]),
            (CPP, ["-std=c++98", "-xc++", "-Wno-long-long"]),
            (CPP, ["-std=c++11", "-xc++", "-Wzero-as-null-pointer-constant"]),
            (CPP, ["-std=c++20", "-xc++", "-Wzero-as-null-pointer-constant"]),
        ] {
            let mut compiler = if language == C { tools::c() } else { tools::cpp() };
            compiler
                .args(options)
                .args(["-Wall", "-Wextra", "-Werror", "-c", "-o"])
                .arg(folder.join("program.o"))
                .arg("-I")
                .arg(root().join("include"))
                .arg(&file);
            let output = finished(&mut compiler);
            let words = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{language} {options:?}:\n{text}{words}");
        }
    }
}

/// What finds the compiler could give it an option of its own that silences it.
#[test]
fn a_warning_of_the_compilers_is_an_error() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("warning");
    fs::create_dir_all(&folder).unwrap();
    fs::write(
        folder.join("warning.c"),
        "void take(int unused);\nvoid take(int unused) {}\n",
    )
    .unwrap();
    for mut compiler in [tools::c(), tools::cpp()] {
        compiler.args(["-Wall", "-Wextra", "-Werror", "-c", "warning.c"]);
        let output = finished(compiler.current_dir(&folder));
        assert!(!output.status.success(), "{compiler:?}");
    }
}

fn all_macros_that_begin_a_structure() -> Vec<String> {
    let mut found = Vec::new();
    for header in files_below("include", "h") {
        for line in read(header).lines() {
            let name = line.strip_prefix("#define ").and_then(|line| line.split(' ').next());
            found.extend(name.filter(|name| name.ends_with("_INIT")).map(String::from));
        }
    }
    assert!(found.len() >= 5, "{found:?}");
    found
}

fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

#[test]
fn the_version_is_the_same_everywhere() {
    let header = read("include/sds_smtp.h");
    assert!(header.contains(&format!("#define SDS_SMTP_VERSION \"{}\"", version())));
    // SAFETY is no question here: the function returns a string that lives as long as the program.
    let function = sds_smtp::ffi::text::sds_smtp_version();
    #[allow(unsafe_code)]
    // SAFETY: as above, and it ends with a NUL.
    let function = unsafe { std::ffi::CStr::from_ptr(function) };
    assert_eq!(function.to_str(), Ok(version()));
    let changelog = read("CHANGELOG.md");
    let newest = changelog
        .lines()
        .find(|line| line.starts_with("## [") && !line.contains("Unreleased"));
    assert!(newest.unwrap().starts_with(&format!("## [{}]", version())));
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

fn library(name: &str) -> PathBuf {
    release().join(name)
}

fn shared_library() -> PathBuf {
    library("libsds_smtp.so")
}

/// Runs a command to its end; a tool that is missing is named.
fn finished(command: &mut Command) -> Output {
    command
        .output()
        .unwrap_or_else(|error| panic!("{}", tools::cannot_run(command, &error)))
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
    assert_eq!(documented.len(), 18, "{documented:?}");
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

#[test]
fn the_static_library_has_at_most_one_mib() {
    let bytes = fs::metadata(library("libsds_smtp.a")).unwrap().len();
    assert!(bytes <= 1024 * 1024, "{bytes}");
}

#[test]
fn the_shared_library_has_its_name_and_stays_in_memory() {
    let dynamic = output("readelf", &["-d"], &shared_library());
    let major = version().split('.').next().unwrap();
    assert!(dynamic.contains(&format!("[libsds_smtp.so.{major}]")), "{dynamic}");
    assert!(dynamic.contains("NODELETE"), "{dynamic}");
}

#[test]
fn the_shared_library_has_at_most_400_kib() {
    let bytes = fs::metadata(shared_library()).unwrap().len();
    assert!(bytes <= 400 * 1024, "{bytes}");
}

#[test]
fn the_header_tells_the_default_time_limits() {
    let header = read("include/sds_smtp.h");
    let rfc = Timeouts::RFC_5321;
    for (field, value) in [
        ("connect", rfc.connect),
        ("greeting", rfc.greeting),
        ("ehlo", rfc.ehlo),
        ("auth", rfc.auth),
        ("mail", rfc.mail),
        ("rcpt", rfc.rcpt),
        ("data", rfc.data),
        ("block", rfc.block),
        ("final", rfc.end),
        ("quit", rfc.quit),
        ("total", rfc.total),
    ] {
        let end = header.find(&format!("uint32_t {field}_timeout_ms;")).unwrap();
        let comment = header[..end].rfind("/**").unwrap();
        assert!(header[comment..end].contains(&value.to_string()), "{field}");
    }
}

/// A block of C in the README.
fn readme_program(number: usize) -> String {
    let readme = read("README.md");
    let after = readme.split("```c\n").nth(number + 1).expect("a C program");
    after.split_once("```").unwrap().0.to_string()
}

#[test]
fn the_readmes_program_is_built_with_the_readmes_commands() {
    let readme = read("README.md");
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("readme");
    fs::create_dir_all(&folder).unwrap();
    let program = readme_program(0);
    assert!(program.lines().count() <= 32, "{}", program.lines().count());
    fs::write(folder.join("alarm.c"), program).unwrap();
    let lines = link_lines(&readme);
    assert_eq!(lines.len(), 2);
    for line in lines {
        // The program stands beside the README, in the checkout.
        run_link_line(line, &folder);
    }
}

/// The lines of a document that compile and link a program.
fn link_lines(document: &str) -> Vec<&str> {
    document.lines().filter(|line| line.starts_with("cc ")).collect()
}

/// Runs such a line, which is written to be typed at the top of the checkout after `make`. The program goes to the folder.
fn run_link_line(line: &str, folder: &Path) {
    let word = |word: &str| match word {
        "-Iinclude" => format!("-I{}", root().join("include").display()),
        source if source.starts_with("c_examples/") => root().join(source).display().to_string(),
        _ => word
            .replace("$PWD/", "")
            .replace("target/release", release().to_str().unwrap()),
    };
    let words: Vec<String> = line.split(' ').skip(1).map(word).collect();
    for standard in ["-std=c99", "-std=c11"] {
        let mut compiler = tools::c();
        compiler
            .args([standard, "-Wall", "-Wextra", "-Wpedantic", "-Werror"])
            .args(&words)
            .current_dir(folder);
        let output = finished(&mut compiler);
        assert!(output.status.success(), "{line}\n{output:?}");
    }
}

#[test]
fn the_index_of_c_examples_has_each_of_them_with_lines_that_build_it() {
    let index = read("c_examples/README.md");
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("c_examples");
    fs::create_dir_all(&folder).unwrap();
    let lines = link_lines(&index);
    for line in &lines {
        run_link_line(line, &folder);
    }
    let examples: Vec<PathBuf> = files_below("c_examples", "c")
        .into_iter()
        .filter(|path| path.components().count() == 2)
        .collect();
    assert!(examples.len() >= 4, "{examples:?}");
    for path in examples {
        let path = path.to_str().unwrap();
        let own: Vec<_> = lines.iter().filter(|line| line.contains(path)).collect();
        assert_eq!(own.len(), 2, "{path}: a line for each library");
        assert!(own.iter().any(|line| line.contains("libsds_smtp.a")), "{path}");
    }
    assert!(index.contains("firmware/README.md"));
}

#[test]
fn the_readmes_program_for_a_microcontroller_is_compiled() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("readme_firmware");
    fs::create_dir_all(&folder).unwrap();
    let program = readme_program(1);
    assert!(program.contains("sds_smtp_firmware.h") && program.lines().count() <= 33);
    fs::write(folder.join("alarm.c"), program).unwrap();
    for standard in ["-std=c99", "-std=c11"] {
        let mut compiler = tools::c();
        compiler
            .args([standard, "-Wall", "-Wextra", "-Wpedantic", "-Werror"])
            .args(["-c", "alarm.c", "-I"])
            .arg(root().join("include"))
            .current_dir(&folder);
        let output = finished(&mut compiler);
        assert!(output.status.success(), "{output:?}");
    }
}

#[test]
fn the_static_link_line_is_the_same_everywhere() {
    let pkg_config = read("sds_smtp.pc.in");
    let private = pkg_config
        .lines()
        .find_map(|line| line.strip_prefix("Libs.private: "))
        .unwrap();
    assert!(
        read("README.md").contains(&format!("libsds_smtp.a {private}")),
        "README.md"
    );
    let harness = files_below("tests/c_programs", "rs");
    let quoted = private
        .split(' ')
        .map(|word| format!("\"{word}\""))
        .collect::<Vec<_>>()
        .join(", ");
    assert!(
        harness.iter().any(|path| read(path).contains(&quoted)),
        "tests/c_programs: {quoted}"
    );
}

/// The words of a shell script's array.
fn array(script: &str, name: &str) -> Vec<String> {
    let (_, after) = script
        .split_once(&format!("{name}=("))
        .unwrap_or_else(|| panic!("{name}"));
    after
        .split(')')
        .next()
        .unwrap()
        .split_whitespace()
        .map(String::from)
        .collect()
}

#[test]
fn the_readme_names_the_targets_with_a_system_and_how_to_link_there() {
    let (readme, targets) = (read("README.md"), read("scripts/cross/targets.sh"));
    let hosted = [array(&targets, "\nhosted"), array(&targets, "\nhosted_more")].concat();
    assert!(hosted.len() >= 2);
    for triple in hosted {
        assert!(readme.contains(&format!("| `{triple}` |")), "{triple}");
    }
    let script = read("scripts/cross/hosted.sh");
    let mut lines = 0;
    for (_, line) in script
        .match_indices("archive_libraries=(")
        .map(|(at, _)| script.split_at(at))
    {
        let line = array(line, "archive_libraries").join(" ");
        assert!(readme.contains(&line), "{line}");
        lines += 1;
    }
    assert_eq!(lines, 3);
}

/// Words of a text that begin so, up to what cannot stand in the path of a file.
fn paths_in<'a>(text: &'a str, begin: &'a str) -> impl Iterator<Item = &'a str> {
    text.match_indices(begin).map(|(at, _)| {
        let path = &text[at..];
        let end = path.find(|letter: char| !(letter.is_ascii_alphanumeric() || "_-./".contains(letter)));
        path[..end.unwrap_or(path.len())].trim_end_matches('.')
    })
}

#[test]
fn every_script_that_is_named_somewhere_is_there() {
    let mut files: Vec<PathBuf> = [
        "Makefile",
        "README.md",
        "ARCHITECTURE.md",
        ".ci/run",
        "c_examples/firmware/README.md",
    ]
    .map(PathBuf::from)
    .into();
    for (folder, extension) in [
        ("docs", "md"),
        ("scripts", "sh"),
        ("benches", "sh"),
        ("tests", "py"),
        ("tests", "rs"),
    ] {
        files.extend(files_below(folder, extension));
    }
    let mut named = BTreeSet::new();
    for file in &files {
        let text = read(file);
        for path in paths_in(&text, "scripts/").filter(|path| path.ends_with(".sh")) {
            assert!(root().join(path).is_file(), "{} names {path}", file.display());
            named.insert(path.to_string());
        }
    }
    assert!(named.len() >= 10, "{named:?}");
}

/// The rows of the table that `benches/footprint/run.sh write` keeps between two comments.
fn table_of<'a>(document: &'a str, name: &str) -> Vec<&'a str> {
    let (_, after) = document
        .split_once(&format!("<!-- table: {name} -->\n"))
        .unwrap_or_else(|| panic!("{name}"));
    let (table, _) = after.split_once("<!-- end of table -->").unwrap();
    table.lines().skip(2).collect()
}

#[test]
fn the_figures_of_microcontrollers_are_the_same_everywhere() {
    let (readme, footprint) = (read("README.md"), read("docs/footprint.md"));
    let bare_metal = array(&read("scripts/cross/targets.sh"), "\nbare_metal");
    assert!(bare_metal.len() >= 4);
    for rows in [table_of(&readme, "sizes"), table_of(&footprint, "targets")] {
        assert_eq!(rows.len(), bare_metal.len());
        for (row, triple) in rows.iter().zip(&bare_metal) {
            assert!(row.starts_with(&format!("| `{triple}` |")), "{row}");
        }
    }
    assert_eq!(table_of(&readme, "lwip"), table_of(&footprint, "lwip"));
    let script = read("benches/footprint/run.sh");
    for (_, name) in script
        .match_indices("  begin_table ")
        .map(|(at, found)| script.split_at(at + found.len()))
    {
        let name = name.split(' ').next().unwrap();
        let kept = [&readme, &footprint].map(|document| document.contains(&format!("<!-- table: {name} -->")));
        assert!(kept.contains(&true), "no document has the table {name}");
    }
    for name in ["limited", "kinds", "targets", "limits", "stack", "lwip"] {
        assert!(
            !table_of(&footprint, name).is_empty(),
            "{name}: run benches/footprint/run.sh write"
        );
    }
}

#[test]
fn every_code_is_in_the_readmes_table() {
    let (readme, header) = (read("README.md"), read("include/sds_smtp.h"));
    // The codes stand first.
    let (codes, _) = header.split_once("#define SDS_SMTP_AUTH_NONE").unwrap();
    let mut count = 0;
    for line in codes.lines() {
        let mut words = line.split(' ').skip(1);
        let (Some(name), Some(value)) = (words.next(), words.next()) else {
            continue;
        };
        if line.starts_with("#define SDS_SMTP_") {
            assert!(readme.contains(&format!("| {value} | `{name}` |")), "{line}");
            count += 1;
        }
    }
    assert_eq!(count, sds_smtp::code::ALL.len());
}
