//! Writes the C headers out of the Rust source: `make header`. cbindgen makes the declarations, as the two files beside this
//! one say; here they are put into an order to be read in, and into the C of 1990.

use std::path::{Path, PathBuf};

/// A header: its name, which is that of its configuration, too, and the source files with what it declares.
struct Header {
    name: &'static str,
    sources: &'static [&'static str],
}

const HOSTED: Header = Header {
    name: "sds_smtp",
    sources: &[
        "ffi/codes",
        "channel/transport",
        "ffi/device",
        "ffi/text",
        "ffi/client",
        "ffi/hosted",
        "ffi/life",
        "ffi/config",
        "ffi/attachment",
        "ffi/message",
        "ffi/result",
        "ffi/recipient",
        "ffi/log",
        "ffi/transport",
    ],
};

const FIRMWARE: Header = Header {
    name: "sds_smtp_firmware",
    sources: &["ffi/firmware"],
};

/// Declared in both sources, and in C once: the firmware's header includes the other one.
const DECLARED_TWICE: &str = "uint32_t sds_smtp_poll(uint32_t now_ms);";

/// Writes both headers to `include/`, or to the folder that a test asks for, to compare.
pub fn write() {
    println!("cargo:rerun-if-changed=src/ffi");
    println!("cargo:rerun-if-changed=src/channel/transport.rs");
    println!("cargo:rerun-if-changed=cbindgen");
    println!("cargo:rerun-if-env-changed=SDS_SMTP_HEADERS");
    let root = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets the folder"));
    let folder = std::env::var_os("SDS_SMTP_HEADERS").map_or(root.join("include"), PathBuf::from);
    for header in [HOSTED, FIRMWARE] {
        let mut text = finished(&generated(&header, &root));
        if header.name == FIRMWARE.name {
            assert!(text.contains(DECLARED_TWICE), "both headers have it");
            let remark = format!("/* {DECLARED_TWICE} It is declared in sds_smtp.h. */");
            text = text.replace(DECLARED_TWICE, &remark);
        }
        let file = folder.join(header.name).with_extension("h");
        std::fs::write(file, text).expect("the header's folder can be written to");
    }
}

/// The header as cbindgen makes it.
fn generated(header: &Header, root: &Path) -> String {
    let config = root.join("cbindgen").join(header.name).with_extension("toml");
    let config = cbindgen::Config::from_file(config).expect("a configuration");
    let mut builder = cbindgen::Builder::new().with_config(config);
    for source in header.sources {
        builder = builder.with_src(root.join("src").join(source).with_extension("rs"));
    }
    let bindings = builder.generate().expect("the C ABI can be written as a header");
    let mut text = Vec::new();
    bindings.write(&mut text);
    String::from_utf8(text).expect("the header is UTF-8")
}

/// Puts the macros before the functions, fills in the version, and leaves out the sections on safety, which say in
/// Rust's words what C knows.
fn finished(raw: &str) -> String {
    let version = std::env::var("CARGO_PKG_VERSION").expect("cargo sets the version");
    let parts = version
        .split('.')
        .map(|part| part.parse::<u32>().expect("a version has three numbers"));
    let number = parts.fold(0, |number, part| (number << 8) | part);
    let ordered = macros_first(raw)
        // An isize is a handle of the system's; with size_t for usize cbindgen takes it for a difference.
        .replace("ptrdiff_t", "intptr_t")
        .replace("@VERSION@", &version)
        .replace("@VERSION_NUMBER@", &format!("{number:#08x}"));
    let lines: Vec<String> = without_safety(&ordered).into_iter().map(as_c90_has_it).collect();
    short_comments_in_one_line(&lines)
}

/// cbindgen puts the trailer of the configuration, where the macros stand, behind the functions.
fn macros_first(raw: &str) -> String {
    const FUNCTIONS: &str = "#ifdef __cplusplus\nextern \"C\" {";
    let guard = raw.rfind("#endif  /* SDS_SMTP_").expect("the include guard ends");
    let (body, rest) = raw.split_at(guard);
    let (end, macros) = rest.split_at(rest.find('\n').map_or(rest.len(), |at| at + 1));
    let (types, functions) = body.split_once(FUNCTIONS).expect("the functions begin");
    let (types, macros) = (types.trim_end(), macros.trim());
    format!("{types}\n\n{macros}\n\n{FUNCTIONS}{functions}{end}")
}

fn without_safety(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = Vec::new();
    let mut safety = false;
    for line in text.lines() {
        if line.trim() == "* # Safety" {
            safety = true;
            // The empty comment line before it goes, too.
            lines.pop();
        }
        safety &= line.trim() != "*/";
        if !safety {
            lines.push(line);
        }
    }
    lines
}

/// cbindgen ends lines with comments that C90 does not know, and a negative number in an expression wants parentheses.
fn as_c90_has_it(line: &str) -> String {
    if let Some((name, number)) = line.strip_prefix("#define ").and_then(|define| define.split_once(" -")) {
        return format!("#define {name} (-{number})");
    }
    match line.split_once(" // ") {
        Some((code, words)) if code.starts_with(['#', '}']) => format!("{}  /* {words} */", code.trim_end()),
        _ => line.to_string(),
    }
}

fn short_comments_in_one_line(lines: &[String]) -> String {
    let mut text = String::new();
    let mut rest = lines;
    while let Some((line, after)) = rest.split_first() {
        match (line.trim(), after) {
            ("/**", [one, end, later @ ..]) if end.trim() == "*/" => {
                let indent = &line[..line.len() - line.trim_start().len()];
                let words = one.trim().trim_start_matches("* ");
                text += &format!("{indent}/** {words} */\n");
                rest = later;
            }
            _ => {
                text += line;
                text += "\n";
                rest = after;
            }
        }
    }
    text
}
