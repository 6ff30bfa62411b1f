//! The tools of this machine that tests take: the C compiler, and others by their names.

// Each test program uses a part of it.
#![allow(dead_code)]

use std::io::{Error, ErrorKind};
use std::process::Command;

/// The C compiler of this test's target: `CC`, `CC_<target>`, `TARGET_CC`, `CROSS_COMPILE`, or the usual one; `CFLAGS` likewise.
pub fn c() -> Command {
    compiler(false)
}

/// The C++ compiler, with `CXX` and `CXXFLAGS`.
pub fn cpp() -> Command {
    compiler(true)
}

fn compiler(cpp: bool) -> Command {
    let (host, target) = (env!("SDS_SMTP_HOST"), env!("SDS_SMTP_TARGET"));
    let mut build = cc::Build::new();
    build
        .host(host)
        .target(target)
        .opt_level(0)
        .cpp(cpp)
        .cargo_metadata(false);
    // Natively the tests say which options they want. Another target may want some to be that target.
    build.no_default_flags(host == target);
    match build.try_get_compiler() {
        Ok(tool) => tool.to_command(),
        Err(error) => panic!("no compiler for {target}: {error}"),
    }
}

/// Why a command could not be run; a tool that is missing is named, and how it is got.
pub fn cannot_run(command: &Command, error: &Error) -> String {
    let program = command.get_program().to_string_lossy();
    if error.kind() == ErrorKind::NotFound {
        format!("{program} is missing, which this test takes: `make setup` installs it")
    } else {
        format!("{command:?} cannot be run: {error}")
    }
}
