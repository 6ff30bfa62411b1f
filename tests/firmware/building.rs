//! Builds the library without an operating system for this machine, and the C programs with it.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::thread;

use super::running::{PATIENCE, SANITIZERS, finish, tools};

/// Over the server of `server.c`.
pub const TESTS: [&str; 9] = [
    "misuse",
    "callbacks",
    "transports",
    "starttls",
    "texts",
    "times",
    "signals",
    "walk",
    "readme",
];

/// Those of the boards that need nothing of a processor, over the server of `peer.c`.
pub const BOARD_TESTS: [&str; 1] = ["clock"];

/// Programs of the other library's, as they are, over `as_hosted.h`.
pub const HOSTED: [&str; 6] = [FIRST_MAIL, TWO_DEVICES, ALARM_LOOP, FULLC_PROGRAM, MISUSE, LAYOUT];
pub const FIRST_MAIL: &str = "c_examples/first_mail";
pub const TWO_DEVICES: &str = "c_examples/two_devices";
pub const ALARM_LOOP: &str = "c_examples/alarm_loop";
pub const FULLC_PROGRAM: &str = "c_examples/fullc_program";
pub const MISUSE: &str = "tests/c/misuse";
pub const LAYOUT: &str = "tests/c/layout";

/// How a program and the library under it are built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Build {
    /// As a user's: C99, the library that is shipped.
    Plain,
    /// With the sanitizers, and with all checks in the library.
    Checked,
    /// Likewise, and the library is one without the feature `complete`.
    Small,
}

pub use Build::{Checked, Plain, Small};

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A fresh directory of this name for one test.
pub fn scratch(name: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("firmware").join(name);
    if directory.exists() {
        fs::remove_dir_all(&directory).expect("the scratch directory can be emptied");
    }
    fs::create_dir_all(&directory).expect("the scratch directory can be made");
    directory
}

/// The static library, built now where it is not.
fn library(build: Build) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("firmware-library");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(root()).args([
        "rustc",
        "-q",
        "--profile",
        "firmware",
        "--lib",
        "--crate-type",
        "staticlib",
    ]);
    let features = if build == Small {
        "firmware"
    } else {
        "firmware,complete"
    };
    cargo.args(["--no-default-features", "--features", features, "--target-dir"]);
    let directory = directory.join(format!("{build:?}").to_lowercase());
    cargo.arg(&directory);
    if build != Plain {
        for setting in [
            "debug-assertions=true",
            "overflow-checks=true",
            "lto=\"off\"",
            "opt-level=1",
        ] {
            cargo.arg("--config").arg(format!("profile.firmware.{setting}"));
        }
    }
    finish(&mut cargo, PATIENCE).must_give(0);
    directory.join("firmware/libsds_smtp.a")
}

fn run_tool(command: &mut Command) {
    let finished = finish(command, PATIENCE);
    assert!(
        finished.code == Some(0) && finished.output.is_empty(),
        "{command:?}\n{}",
        finished.output
    );
}

fn compiler(build: Build) -> Command {
    let mut command = tools::c();
    command.args([
        "-Wall",
        "-Wextra",
        "-Wpedantic",
        "-Werror",
        "-O1",
        "-g",
        "-D_GNU_SOURCE",
    ]);
    match build {
        Plain => command.arg("-std=c99"),
        Checked => command.arg("-std=c11").args(SANITIZERS),
        Small => command.args(["-std=c11", "-DSMALL"]).args(SANITIZERS),
    };
    for directory in ["include", "tests/firmware", "c_examples/firmware"] {
        command.arg("-I").arg(root().join(directory));
    }
    command
}

fn object(build: Build, source: &str, extra: &[&str], into: &Path) -> PathBuf {
    let object = into.join(source.replace('/', "_")).with_extension("o");
    run_tool(
        compiler(build)
            .args(extra)
            .arg("-c")
            .arg(root().join(source).with_extension("c"))
            .arg("-o")
            .arg(&object),
    );
    object
}

fn link(build: Build, name: &str, objects: &[&Path], library: &Path, into: &Path) {
    // What the library needs of the system on a host: its own needs nothing but five functions of C.
    let mut command = compiler(build);
    command.args(objects).arg(library).args(["-lpthread", "-ldl", "-o"]);
    run_tool(command.arg(into.join(name)));
}

fn build_all(build: Build) -> PathBuf {
    let into = scratch(&format!("{build:?}").to_lowercase());
    let library = library(build);
    fs::write(into.join("readme_alarm.c"), readme_alarm()).expect("the README's program can be written");
    let here = into.to_str().expect("a path in UTF-8");
    let firmware = |name: &str| object(build, &format!("tests/firmware/{name}"), &["-I", here], &into);
    let server = firmware("server");
    for name in TESTS {
        link(build, name, &[&firmware(name), &server], &library, &into);
    }
    let (peer, board) = (firmware("peer"), firmware("board_host"));
    for name in BOARD_TESTS {
        link(build, name, &[&firmware(name), &peer, &board], &library, &into);
    }
    let (shim, sockets) = (firmware("as_hosted"), firmware("transport_posix"));
    for source in HOSTED {
        let program = object(build, source, &["-include", "as_hosted.h"], &into);
        link(build, &hosted(source), &[&program, &shim, &sockets], &library, &into);
    }
    into
}

/// The README's program for a microcontroller, which a test includes.
fn readme_alarm() -> String {
    let readme = fs::read_to_string(root().join("README.md")).expect("the README");
    let mut programs = readme.split("```c\n").filter_map(|after| after.split("```").next());
    let program = programs.find(|program| program.contains("sds_smtp_firmware.h"));
    program.expect("a program for a microcontroller").to_owned()
}

/// The executable's name of a program that both libraries have.
fn hosted(source: &str) -> String {
    format!("hosted-{}", source.rsplit('/').next().unwrap_or(source))
}

/// The executable of one of these programs. All of them are built once, in all ways at the same time.
pub fn executable(program: &str, build: Build) -> PathBuf {
    static BUILT: OnceLock<[PathBuf; 3]> = OnceLock::new();
    let built = BUILT.get_or_init(|| {
        thread::scope(|scope| {
            let others = [Plain, Small].map(|build| scope.spawn(move || build_all(build)));
            let checked = build_all(Checked);
            let [plain, small] = others.map(|other| other.join().expect("the library and the programs can be built"));
            [plain, checked, small]
        })
    });
    let directory = &built[build as usize];
    let name = if program.contains('/') {
        hosted(program)
    } else {
        program.to_owned()
    };
    directory.join(name)
}
