//! The C libraries as `make` builds them: in the folder of release builds, wherever cargo's variables and its configuration have
//! it. They are built now where they are not.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::SystemTime;

/// The folder with both libraries, built out of the source as it is. `SDS_SMTP_TARGET_DIR` names another one than cargo's.
pub fn release() -> &'static Path {
    static RELEASE: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    match RELEASE.get_or_init(built) {
        Ok(folder) => folder,
        Err(words) => panic!("{words}"),
    }
}

fn built() -> Result<PathBuf, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let target = env::var_os("SDS_SMTP_TARGET_DIR").map_or_else(target_of_cargo, PathBuf::from);
    let release = target.join("release");
    // The note that `make` leaves: it has the time of the build's begin, and says which libraries they are.
    let note = release.join("libsds_smtp.made");
    let newest = ["src", "build.rs", "Cargo.toml"].map(|name| newest_below(&root.join(name)));
    let up_to_date = newest.iter().all(|source| *source <= time_of(&note));
    let complete = ["libsds_smtp.so", "libsds_smtp.a"].map(|name| release.join(name).exists());
    // Those with the features that this test has.
    let (lean, kind) = if cfg!(feature = "unicode") {
        ("0", "whole\n")
    } else {
        ("1", "lean\n")
    };
    let of_this_kind = fs::read_to_string(&note).is_ok_and(|note| note.ends_with(kind));
    if up_to_date && of_this_kind && complete == [true; 2] {
        return Ok(release);
    }
    let mut make = Command::new(root.join("scripts/people/build.sh"));
    // That of this test is a path, and the script's a command with arguments.
    make.env("CARGO_TARGET_DIR", &target)
        .env_remove("CARGO")
        .env("LEAN", lean);
    let (host, wanted) = (env!("SDS_SMTP_HOST"), env!("SDS_SMTP_TARGET"));
    if host != wanted {
        make.env("CARGO_BUILD_TARGET", wanted);
    }
    let output = make
        .output()
        .map_err(|error| format!("scripts/people/build.sh: {error}"))?;
    if output.status.success() {
        Ok(release)
    } else {
        let words = String::from_utf8_lossy(&output.stderr);
        Err(format!("the libraries cannot be built: {words}"))
    }
}

/// When a file was changed; of a folder, the newest file in it. What is not there is as old as can be.
fn newest_below(path: &Path) -> SystemTime {
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    let below = entries.map(|entry| newest_below(&entry.path()));
    below.max().unwrap_or_else(|| time_of(path))
}

fn time_of(path: &Path) -> SystemTime {
    let time = fs::metadata(path).and_then(|metadata| metadata.modified());
    time.unwrap_or(SystemTime::UNIX_EPOCH)
}

/// Cargo is asked: a test does not know its configuration.
fn target_of_cargo() -> PathBuf {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo can be started");
    let answer = String::from_utf8(output.stdout).expect("cargo answers in UTF-8");
    answer
        .split_once("\"target_directory\":\"")
        .and_then(|(_, after)| after.split_once('"'))
        .map(|(folder, _)| PathBuf::from(folder))
        .expect("cargo names the folder that it builds in")
}
