//! Names the shared library and keeps it in memory; with the feature `header`, writes `include/sds_smtp.h` anew.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("linux") {
        let major = std::env::var("CARGO_PKG_VERSION_MAJOR").unwrap_or_default();
        println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libsds_smtp.so.{major}");
        // The library has a thread of its own: unloading it would take the code away under that thread.
        println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
    }
    #[cfg(feature = "header")]
    header();
}

#[cfg(feature = "header")]
fn header() {
    println!("cargo:rerun-if-changed=src/ffi");
    println!("cargo:rerun-if-changed=src/firmware/transport.rs");
    // A test asks for them elsewhere, to compare.
    println!("cargo:rerun-if-env-changed=SDS_SMTP_HEADERS");
    let root = std::path::PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let folder = std::env::var_os("SDS_SMTP_HEADERS").map_or(root.join("include"), Into::into);
    let common = [
        "ffi/codes",
        "ffi/device",
        "ffi/text",
        "ffi/client",
        "ffi/hosted",
        "ffi/config",
        "ffi/message",
        "ffi/result",
        "ffi/log",
    ];
    for (name, files) in [
        ("sds_smtp", common.as_slice()),
        (
            "sds_smtp_firmware",
            &["firmware/transport", "ffi/transport", "ffi/firmware"],
        ),
    ] {
        let config = match name {
            "sds_smtp" => root.join("cbindgen.toml"),
            _ => root.join("cbindgen_firmware.toml"),
        };
        println!("cargo:rerun-if-changed={}", config.display());
        let mut builder =
            cbindgen::Builder::new().with_config(cbindgen::Config::from_file(config).expect("a configuration"));
        for file in files {
            builder = builder.with_src(root.join(format!("src/{file}.rs")));
        }
        let bindings = builder.generate().expect("the C ABI can be written as a header");
        let mut raw = Vec::new();
        bindings.write(&mut raw);
        let raw = String::from_utf8(raw).expect("the header is UTF-8");
        let mut text = finished(&raw);
        if name != "sds_smtp" {
            // A function is declared once.
            const TWICE: &str = "uint32_t sds_smtp_poll(uint32_t now_ms);";
            assert!(text.contains(TWICE), "both headers have it");
            text = text.replace(TWICE, &format!("/* {TWICE} It is declared in sds_smtp.h. */"));
        }
        std::fs::write(folder.join(format!("{name}.h")), text).expect("the header's folder can be written to");
    }
}

/// Puts the macros before the functions, fills in the version, and leaves out the sections on safety, which say in
/// Rust's words what C knows.
#[cfg(feature = "header")]
fn finished(raw: &str) -> String {
    const FUNCTIONS: &str = "#ifdef __cplusplus\nextern \"C\" {";
    let guard = raw.rfind("#endif  /* SDS_SMTP_").expect("the include guard ends");
    let (body, rest) = raw.split_at(guard);
    let (end, macros) = rest.split_at(rest.find('\n').map_or(rest.len(), |at| at + 1));
    let (types, functions) = body.split_once(FUNCTIONS).expect("the functions begin");
    let version = std::env::var("CARGO_PKG_VERSION").expect("cargo sets the version");
    let macros = macros.trim().replace("@VERSION@", &version);
    let whole = format!("{}\n\n{macros}\n\n{FUNCTIONS}{functions}{end}", types.trim_end());
    let mut lines: Vec<&str> = Vec::new();
    let mut safety = false;
    for line in whole.lines() {
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
    let mut text = String::new();
    let spelled: Vec<String> = lines.iter().map(|line| as_c90_has_it(line)).collect();
    let lines: Vec<&str> = spelled.iter().map(String::as_str).collect();
    let mut rest = lines.as_slice();
    while let Some((line, after)) = rest.split_first() {
        // A comment of one line stands in one line.
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

/// The generator ends lines with comments that C90 does not know, and a negative number in an expression wants parentheses.
#[cfg(feature = "header")]
fn as_c90_has_it(line: &str) -> String {
    if let Some((name, number)) = line.strip_prefix("#define ").and_then(|define| define.split_once(" -")) {
        return format!("#define {name} (-{number})");
    }
    match line.split_once(" // ") {
        Some((code, words)) if code.starts_with(['#', '}']) => format!("{}  /* {words} */", code.trim_end()),
        _ => line.to_string(),
    }
}
