//! Where `make` puts the libraries: in the folder of release builds, wherever cargo's variables and its configuration have it.

use std::env;
use std::path::PathBuf;
use std::process::Command;

/// The folder with both libraries. `SDS_SMTP_TARGET_DIR` names another one than cargo's.
pub fn release() -> PathBuf {
    env::var_os("SDS_SMTP_TARGET_DIR")
        .map_or_else(target_of_cargo, PathBuf::from)
        .join("release")
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
