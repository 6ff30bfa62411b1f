//! What the tests ask the system for, on Linux.

use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;

/// Has a connection end with a reset when it is closed.
pub fn reset_when_closed(stream: &TcpStream) {
    let linger = libc::linger {
        l_onoff: 1,
        l_linger: 0,
    };
    // SAFETY: the value lives through the call, and its size is right.
    unsafe {
        libc::setsockopt(
            stream.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_LINGER,
            (&raw const linger).cast(),
            size_of::<libc::linger>() as libc::socklen_t,
        );
    }
}

/// Has so many connections wait to be accepted.
pub fn listen(listener: &TcpListener, backlog: i32) {
    // SAFETY: takes no pointers.
    unsafe { libc::listen(listener.as_raw_fd(), backlog) };
}

/// Raises this process's limit of descriptors.
pub fn allow_descriptors(wanted: u64) {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the structure is ours.
    unsafe {
        assert_eq!(libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit), 0);
        if limit.rlim_cur < wanted {
            limit.rlim_cur = wanted.min(limit.rlim_max);
            assert_eq!(libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit), 0);
        }
    }
    assert!(limit.rlim_cur >= wanted, "this test needs {wanted} descriptors");
}

fn tasks(name: &str) -> Vec<std::path::PathBuf> {
    std::fs::read_dir("/proc/self/task")
        .unwrap()
        .map(|task| task.unwrap().path())
        .filter(|task| std::fs::read_to_string(task.join("comm")).is_ok_and(|comm| comm.trim() == name))
        .collect()
}

/// How many threads of this process have this name.
pub fn threads_named(name: &str) -> usize {
    tasks(name).len()
}

/// How often the thread of this name was given the processor and gave it back.
pub fn switches_of_thread(name: &str) -> u64 {
    let tasks = tasks(name);
    assert_eq!(tasks.len(), 1);
    let status = std::fs::read_to_string(tasks[0].join("status")).unwrap();
    status
        .lines()
        .filter(|line| line.contains("ctxt_switches"))
        .map(|line| line.rsplit('\t').next().unwrap().parse::<u64>().unwrap())
        .sum()
}

/// The memory of this process that is in use.
pub fn resident_bytes() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
}

/// A descriptor of this process.
#[derive(Debug, PartialEq, Eq)]
pub struct Descriptor {
    /// Its number.
    pub number: i32,
    /// Whether a program that is started does not get it.
    pub closed_on_exec: bool,
}

/// All descriptors of this process.
pub fn descriptors() -> Vec<Descriptor> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc/self/fdinfo").unwrap() {
        let path = entry.unwrap().path();
        // The folder's own descriptor is gone by now.
        let Ok(info) = std::fs::read_to_string(&path) else {
            continue;
        };
        let flags = info
            .lines()
            .find_map(|line| line.strip_prefix("flags:"))
            .unwrap()
            .trim();
        let number = path.file_name().unwrap().to_str().unwrap().parse().unwrap();
        found.push(Descriptor {
            number,
            closed_on_exec: i64::from_str_radix(flags, 8).unwrap() & i64::from(libc::O_CLOEXEC) != 0,
        });
    }
    found
}
