//! Takes the release build, and compiles and links the C programs, each once for all tests.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, OnceLock};
use std::thread;

use super::running::{PATIENCE, SANITIZERS, Watch, finish, tools, watch};

#[path = "../common/release.rs"]
mod release;
pub use release::release;

const WARNINGS: [&str; 4] = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"];

/// What the static library needs from the system: the line of `cargo rustc -- --print native-static-libs`.
const STATIC_LIBRARIES: [&str; 2] = ["-lpthread", "-ldl"];

pub const EXAMPLES: [&str; 13] = [
    "first_mail",
    "submission",
    "oauth",
    "pinned_device",
    "attachment",
    "html_report",
    "many_recipients",
    "verbs",
    "alarm_loop",
    "fullc_program",
    "two_devices",
    "event_loop",
    "own_transport",
];
pub const TESTS: [&str; 34] = [
    "layout",
    "misuse",
    "versions",
    "fork",
    "threads",
    "secrets",
    "leftovers",
    "oom",
    "parts",
    "siblings",
    "descriptors",
    "stress",
    "own_loop",
    "cancelling",
    "reused",
    "taken",
    "late",
    "waiting",
    "atfork",
    "idle_orders",
    "refused",
    "urgent",
    "without",
    "handles",
    "overtaken",
    "names",
    "refusal",
    "done",
    "shutdown",
    "keep",
    "transport",
    "tls",
    "login_pause",
    "pairs",
];

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Standard {
    C99,
    C11,
    Cpp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Link {
    Shared,
    Static,
}

pub use Link::{Shared, Static};
pub use Standard::{C11, C99, Cpp};

pub const VARIANTS: [(Standard, Link); 6] = [
    (C99, Shared),
    (C99, Static),
    (C11, Shared),
    (C11, Static),
    (Cpp, Shared),
    (Cpp, Static),
];

/// The variants that are run; the others differ from them in what the linker has checked already.
pub const RUN: [(Standard, Link); 3] = [(C99, Shared), (C11, Static), (Cpp, Shared)];

impl Standard {
    pub fn compiler(self) -> Command {
        let arguments: &[&str] = match self {
            C99 => &["-std=c99"],
            C11 => &["-std=c11"],
            Cpp => &["-std=c++11", "-x", "c++"],
        };
        let mut command = self.linker();
        command.args(arguments).args(WARNINGS);
        command
    }

    pub fn linker(self) -> Command {
        if self == Cpp { tools::cpp() } else { tools::c() }
    }
}

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A fresh directory of this name for one test.
pub fn scratch(name: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("c_programs").join(name);
    if directory.exists() {
        fs::remove_dir_all(&directory).expect("the scratch directory can be emptied");
    }
    fs::create_dir_all(&directory).expect("the scratch directory can be made");
    directory
}

pub fn source(program: &str) -> PathBuf {
    let directory = if EXAMPLES.contains(&program) {
        "c_examples"
    } else {
        "tests/c"
    };
    root().join(directory).join(program).with_extension("c")
}

/// The directory to link the shared library from: libsds_smtp.so and its SONAME as links to the release build.
pub fn library() -> &'static Path {
    static LIBRARY: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let found = LIBRARY.get_or_init(|| {
        let shared = release().join("libsds_smtp.so");
        let directory = scratch("lib");
        let link = |name: &str| std::os::unix::fs::symlink(&shared, directory.join(name)).expect("a link can be made");
        link("libsds_smtp.so");
        let dynamic = finish(Command::new("readelf").arg("-d").arg(&shared), PATIENCE);
        let soname = dynamic
            .output
            .lines()
            .find(|line| line.contains("(SONAME)"))
            .ok_or("no SONAME")?;
        let (_, soname) = soname.split_once('[').ok_or("no name in SONAME")?;
        let soname = soname.trim_end().trim_end_matches(']');
        if soname != "libsds_smtp.so" {
            link(soname);
        }
        Ok(directory)
    });
    match found {
        Ok(directory) => directory,
        Err(reason) => panic!("{reason}"),
    }
}

/// Compiles and links one program; `extra` goes to compiler and linker.
pub fn build(program: &str, standard: Standard, link: Link, extra: &[&str], into: &Path) -> Result<PathBuf, String> {
    let name = format!("{program}-{standard:?}-{link:?}").to_lowercase();
    let object = into.join(&name).with_extension("o");
    let executable = into.join(&name);
    let watched: &[&str] = if watch() == Watch::Sanitizers { &SANITIZERS } else { &[] };
    let mut compile = standard.compiler();
    if TESTS.contains(&program) {
        // The tests use POSIX and Linux; the examples ask for what they need themselves, as a user's program would.
        compile.arg("-D_GNU_SOURCE");
    }
    compile.args(["-O1", "-g", "-pthread"]).args(extra).args(watched);
    compile
        .arg("-I")
        .arg(root().join("include"))
        .arg("-c")
        .arg(source(program))
        .arg("-o")
        .arg(&object);
    run_tool(&mut compile)?;

    let mut linker = standard.linker();
    linker
        .arg("-pthread")
        .args(extra)
        .args(watched)
        .arg(&object)
        .arg("-o")
        .arg(&executable);
    match link {
        Shared => {
            let mut path = OsString::from("-Wl,-rpath,");
            path.push(library());
            linker.arg(path).arg("-L").arg(library()).arg("-lsds_smtp");
        }
        Static => {
            linker.arg(release().join("libsds_smtp.a")).args(STATIC_LIBRARIES);
        }
    }
    run_tool(&mut linker)?;
    Ok(executable)
}

pub fn run_tool(command: &mut Command) -> Result<(), String> {
    let finished = finish(command, PATIENCE);
    if finished.code == Some(0) && finished.output.is_empty() {
        Ok(())
    } else {
        Err(format!("{command:?}\n{}", finished.output))
    }
}

pub type Built = HashMap<(&'static str, Standard, Link), Result<PathBuf, String>>;

/// All programs in all variants, built once for all tests.
pub fn built() -> &'static Built {
    static BUILT: OnceLock<Built> = OnceLock::new();
    BUILT.get_or_init(|| {
        library();
        let directory = scratch("bin");
        let mut wanted = Vec::new();
        for program in EXAMPLES.into_iter().chain(TESTS) {
            wanted.extend(VARIANTS.map(|(standard, link)| (program, standard, link)));
        }
        let wanted = Mutex::new(wanted);
        let built = Mutex::new(Built::new());
        thread::scope(|scope| {
            for _ in 0..thread::available_parallelism().map_or(1, usize::from).min(8) {
                scope.spawn(|| {
                    loop {
                        let Some((program, standard, link)) = wanted.lock().expect("no builder panics").pop() else {
                            break;
                        };
                        let result = build(program, standard, link, &[], &directory);
                        built
                            .lock()
                            .expect("no builder panics")
                            .insert((program, standard, link), result);
                    }
                });
            }
        });
        built.into_inner().expect("no builder panics")
    })
}

pub fn executable(program: &'static str, standard: Standard, link: Link) -> &'static Path {
    match &built()[&(program, standard, link)] {
        Ok(path) => path,
        Err(messages) => panic!("{messages}"),
    }
}
