//! Runs tests whose names are found when the program runs: each file of a folder is one of its own. It takes the arguments
//! that `cargo test` and its users hand over, and prints what the standard harness prints.

use std::cell::RefCell;
use std::io::{self, Write};
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, Once};
use std::thread;

/// A test. An error, or a panic, is its failure.
pub struct Test {
    pub name: String,
    pub run: Box<dyn Fn() -> Result<(), String> + Send + Sync>,
}

impl Test {
    pub fn new(name: impl Into<String>, run: impl Fn() -> Result<(), String> + Send + Sync + 'static) -> Self {
        Self {
            name: name.into(),
            run: Box::new(run),
        }
    }
}

/// What the arguments say.
#[derive(Debug, Default, PartialEq, Eq)]
struct Wanted {
    filters: Vec<String>,
    skip: Vec<String>,
    exact: bool,
    list: bool,
    /// Only tests that are marked as ignored: there are none.
    ignored: bool,
    quiet: bool,
    threads: Option<usize>,
}

impl Wanted {
    fn read(arguments: &[String]) -> Result<Self, String> {
        let mut wanted = Self::default();
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            let (option, value) = match argument.split_once('=') {
                Some((option, value)) if option.starts_with("--") => (option, Some(value.to_string())),
                _ => (argument.as_str(), None),
            };
            let mut value = || {
                let value = value.clone().or_else(|| arguments.next().cloned());
                value.ok_or_else(|| format!("{option} wants a value"))
            };
            match option {
                "--exact" => wanted.exact = true,
                "--list" => wanted.list = true,
                "--ignored" => wanted.ignored = true,
                "--skip" => wanted.skip.push(value()?),
                "--test-threads" => {
                    let threads = value()?.parse().ok().filter(|threads| *threads > 0);
                    wanted.threads = Some(threads.ok_or("--test-threads wants a number above 0")?);
                }
                "-q" | "--quiet" => wanted.quiet = true,
                // How it looks, and where it goes: the same here.
                "--color" | "--format" => drop(value()?),
                "--nocapture" | "--no-capture" | "--show-output" | "--include-ignored" => {}
                _ if option.starts_with('-') => return Err(format!("{option} is no option of these tests")),
                _ => wanted.filters.push(argument.clone()),
            }
        }
        Ok(wanted)
    }

    fn takes(&self, name: &str) -> bool {
        let fits = |filter: &String| match self.exact {
            true => name == filter,
            false => name.contains(filter.as_str()),
        };
        let asked = self.filters.is_empty() || self.filters.iter().any(fits);
        asked && !self.skip.iter().any(fits) && !self.ignored
    }
}

/// Runs the tests that the arguments ask for. True when none of them failed.
pub fn run(arguments: &[String], tests: &[Test], out: &mut (impl Write + Send)) -> io::Result<bool> {
    let wanted = match Wanted::read(arguments) {
        Ok(wanted) => wanted,
        Err(message) => {
            writeln!(out, "error: {message}")?;
            return Ok(false);
        }
    };
    let chosen: Vec<&Test> = tests.iter().filter(|test| wanted.takes(&test.name)).collect();
    if wanted.list {
        for test in chosen {
            writeln!(out, "{}: test", test.name)?;
        }
        return Ok(true);
    }
    writeln!(out, "\nrunning {} tests", chosen.len())?;
    let failures = run_all(&chosen, &wanted, out)?;
    if !failures.is_empty() {
        writeln!(out, "\nfailures:")?;
        for (name, message) in &failures {
            writeln!(out, "\n---- {name} ----\n{message}")?;
        }
        writeln!(out, "\nfailures:")?;
        for (name, _) in &failures {
            writeln!(out, "    {name}")?;
        }
    }
    writeln!(
        out,
        "\ntest result: {}. {} passed; {} failed; 0 ignored; 0 measured; {} filtered out\n",
        if failures.is_empty() { "ok" } else { "FAILED" },
        chosen.len() - failures.len(),
        failures.len(),
        tests.len() - chosen.len()
    )?;
    Ok(failures.is_empty())
}

/// The failures, in the order of the tests.
fn run_all(chosen: &[&Test], wanted: &Wanted, out: &mut (impl Write + Send)) -> io::Result<Vec<(String, String)>> {
    let next = AtomicUsize::new(0);
    let results = Mutex::new((Vec::new(), out, Ok(())));
    let threads = wanted
        .threads
        .or_else(|| thread::available_parallelism().ok().map(usize::from))
        .unwrap_or(1);
    keep_messages();
    thread::scope(|scope| {
        for _ in 0..threads.min(chosen.len()) {
            scope.spawn(|| {
                while let Some((at, test)) = {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    chosen.get(at).map(|test| (at, test))
                } {
                    let result = run_one(test);
                    let mut results = results.lock().expect("no test holds it");
                    let (failures, out, printed) = &mut *results;
                    if !wanted.quiet || result.is_err() {
                        let word = if result.is_ok() { "ok" } else { "FAILED" };
                        let line = writeln!(out, "test {} ... {word}", test.name);
                        *printed = std::mem::replace(printed, Ok(())).and(line);
                    }
                    if let Err(message) = result {
                        failures.push((at, test.name.clone(), message));
                    }
                }
            });
        }
    });
    let (mut failures, _, printed) = results.into_inner().expect("no test holds it");
    printed?;
    failures.sort();
    Ok(failures.into_iter().map(|(_, name, message)| (name, message)).collect())
}

thread_local! {
    /// A test runs on this thread: what its last panic said, and where.
    static PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// A failure tells its message at the end, under its name, and not in the middle of the others' lines. Panics of other
/// threads are told as before.
fn keep_messages() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let others = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            let kept = PANIC.with_borrow_mut(|kept| kept.as_mut().map(|kept| *kept = panic.to_string()));
            if kept.is_none() {
                others(panic);
            }
        }));
    });
}

fn run_one(test: &Test) -> Result<(), String> {
    PANIC.set(Some(String::new()));
    let result = panic::catch_unwind(AssertUnwindSafe(|| (test.run)()));
    let message = PANIC.take().unwrap_or_default();
    result.unwrap_or(Err(message))
}
