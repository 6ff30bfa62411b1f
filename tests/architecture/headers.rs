//! The headers: generated from the source, clean in every language that includes them, and of the same version as everything else.

use std::path::PathBuf;
use std::process::Command;
use std::{env, fs};

use sds_smtp::limits::Timeouts;

use super::{files_below, finished, read, root, tools, version};

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
    struct sds_smtp_attachment attachment;
    struct sds_smtp_result result;
    struct sds_smtp_log_entry entry;
    struct sds_smtp_recipient recipient;
    struct sds_smtp_transport transport;
};

int take(char *text);

int take(char *text)
{
    static const struct sds_smtp_config config = SDS_SMTP_CONFIG_INIT;
    static const struct sds_smtp_message message = SDS_SMTP_MESSAGE_INIT;
    static const struct sds_smtp_attachment attachment = SDS_SMTP_ATTACHMENT_INIT;
    static const struct sds_smtp_result result = SDS_SMTP_RESULT_INIT;
    static const struct sds_smtp_log_entry entry = SDS_SMTP_LOG_ENTRY_INIT;
    static const struct sds_smtp_recipient recipient = SDS_SMTP_RECIPIENT_INIT;
    static const struct sds_smtp_transport transport = SDS_SMTP_TRANSPORT_INIT;
    struct all all;

    all.config = config;
    all.message = message;
    all.attachment = attachment;
    all.result = result;
    all.entry = entry;
    all.recipient = recipient;
    all.transport = transport;
    smtp_send(text, text, text);
    return (int)(all.config.struct_size + all.message.struct_size + all.attachment.struct_size + all.result.struct_size + all.entry.struct_size + all.recipient.struct_size +
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
    // The newest one of the changelog; or the one to come, where something is unreleased.
    let changelog = read("CHANGELOG.md");
    let mut versions = changelog.lines().filter_map(|line| line.strip_prefix("## ["));
    let numbers = |line: &str| -> Vec<u32> {
        let (version, _) = line.split_once(']').unwrap();
        version.split('.').map(|number| number.parse().unwrap()).collect()
    };
    let this = numbers(&format!("{}]", version()));
    match versions.next().unwrap() {
        "Unreleased]" => assert!(numbers(versions.next().unwrap()) < this),
        newest => assert_eq!(numbers(newest), this),
    }
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
