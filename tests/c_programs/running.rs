//! Runs programs to their end: plainly, under valgrind, with the sanitizers.

use std::ffi::{OsStr, OsString};
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

#[path = "../common/tools.rs"]
pub mod tools;

/// No program of these tests needs longer, valgrind included.
pub const PATIENCE: Duration = Duration::from_secs(180);

/// A program that has ended: `code` is None when a signal ended it; `output` is what it wrote, stdout before stderr.
#[derive(Debug)]
pub struct Finished {
    pub code: Option<i32>,
    pub output: String,
}

impl Finished {
    #[track_caller]
    pub fn must_give(self, code: i32) -> Self {
        assert_eq!(
            self.code,
            Some(code),
            "the program left with another code; it wrote:\n{}",
            self.output
        );
        self
    }

    #[track_caller]
    pub fn must_say(self, words: &str) -> Self {
        assert!(
            self.output.contains(words),
            "{words:?} is not in what the program wrote:\n{}",
            self.output
        );
        self
    }
}

pub fn collect(mut stream: impl Read + Send + 'static) -> JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// Runs a program to its end, which must come within `patience`: then it is killed.
pub fn finish(command: &mut Command, patience: Duration) -> Finished {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{}", tools::cannot_run(command, &error)));
    let stdout = collect(child.stdout.take().expect("stdout is piped"));
    let stderr = collect(child.stderr.take().expect("stderr is piped"));
    let begin = Instant::now();
    let (status, note) = loop {
        if let Some(status) = child.try_wait().expect("the child can be waited for") {
            break (status, "");
        }
        if begin.elapsed() > patience {
            child.kill().expect("the child can be killed");
            break (
                child.wait().expect("the child can be waited for"),
                "\n[killed: it did not end]\n",
            );
        }
        thread::sleep(Duration::from_millis(5));
    };
    let mut output = stdout.join().expect("the reader does not panic");
    output.push_str(&stderr.join().expect("the reader does not panic"));
    output.push_str(note);
    Finished {
        code: status.code(),
        output,
    }
}

/// What `make test-all` watches every program with: valgrind, or the sanitizers. `SDS_SMTP_TESTS_UNDER` says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watch {
    Nothing,
    Valgrind,
    Sanitizers,
}

pub fn watch() -> Watch {
    match std::env::var("SDS_SMTP_TESTS_UNDER").as_deref() {
        Err(_) => Watch::Nothing,
        Ok("valgrind") => Watch::Valgrind,
        Ok("sanitizers") => Watch::Sanitizers,
        Ok(other) => panic!("SDS_SMTP_TESTS_UNDER={other}: valgrind or sanitizers"),
    }
}

/// Programs that valgrind cannot watch: each stands in for malloc(), or reads all of its own memory, as valgrind does.
const WATCH_THEMSELVES: [&str; 6] = ["oom", "parts", "refused", "idle_orders", "leftovers", "secrets"];

/// Programs in which ring encrypts. Valgrind takes the tags that its assembly calculates for undefined; every peer finds them right.
const ENCRYPTING: [&str; 1] = ["tls"];

/// Programs that end themselves when they take too long, and do under valgrind, which runs one thread at a time.
const IN_A_HURRY: [&str; 3] = ["fork", "stress", "threads"];

/// The program's name stands before the first hyphen of the file's.
fn name_of(program: &Path) -> &str {
    let name = program.file_stem().and_then(OsStr::to_str).unwrap_or_default();
    name.split('-').next().unwrap_or_default()
}

/// Runs a program; `make test-all` has it watched.
pub fn run<A: AsRef<OsStr>>(program: &Path, arguments: impl IntoIterator<Item = A>) -> Finished {
    let name = name_of(program);
    let alone = WATCH_THEMSELVES.contains(&name) || IN_A_HURRY.contains(&name);
    match watch() {
        Watch::Valgrind if !alone => under_valgrind(program, arguments),
        Watch::Sanitizers => with_sanitizers(program, arguments),
        _ => finish(Command::new(program).args(arguments), PATIENCE),
    }
}

/// Runs an executable under valgrind: an error or a leak is exit code 99.
pub fn under_valgrind<A: AsRef<OsStr>>(executable: &Path, arguments: impl IntoIterator<Item = A>) -> Finished {
    if watch() == Watch::Sanitizers {
        // The library has them, too: they do not go together.
        return with_sanitizers(executable, arguments);
    }
    let mut suppressions = OsString::from("--suppressions=");
    suppressions.push(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/valgrind.supp"));
    let mut command = valgrind_command();
    if ENCRYPTING.contains(&name_of(executable)) {
        command.arg("--undef-value-errors=no");
    }
    finish(command.arg(suppressions).arg(executable).args(arguments), PATIENCE)
}

/// The same without suppressions.
pub fn valgrind_command() -> Command {
    let mut command = Command::new("valgrind");
    command.args([
        "--quiet",
        "--error-exitcode=99",
        "--leak-check=full",
        "--show-leak-kinds=definite,indirect,possible",
        "--errors-for-leak-kinds=definite,indirect,possible",
    ]);
    command
}

/// The address and undefined-behaviour sanitizers.
pub const SANITIZERS: [&str; 2] = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"];

/// Runs an executable that was built with them, leaks included.
pub fn with_sanitizers<A: AsRef<OsStr>>(executable: &Path, arguments: impl IntoIterator<Item = A>) -> Finished {
    let mut command = Command::new(executable);
    // On its way out a thread that was cancelled would be told off for the marks on its stack, which it never took away.
    command
        .env("ASAN_OPTIONS", "detect_leaks=1:use_sigaltstack=0")
        .args(arguments);
    finish(&mut command, PATIENCE)
}
