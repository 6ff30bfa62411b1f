//! A process that sends, and is killed at an octet of its conversations or at a moment.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use super::counting::Watch;
use super::random::Random;
use super::sender::Told;

/// A process, and when it is killed.
pub struct Hunt {
    /// It is killed when so many octets were heard and said.
    octets: AtomicUsize,
    child: Mutex<Option<Child>>,
}

impl Hunt {
    /// None is started yet.
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            octets: AtomicUsize::new(usize::MAX),
            child: Mutex::new(None),
        })
    }

    /// Counts the octets of a server.
    pub fn watch(self: &Arc<Self>) -> Watch {
        let hunt = self.clone();
        Arc::new(move |octets| {
            let left = |left: usize| left.checked_sub(octets);
            if hunt
                .octets
                .fetch_update(Ordering::SeqCst, Ordering::SeqCst, left)
                .is_err()
            {
                hunt.octets.store(usize::MAX, Ordering::SeqCst);
                hunt.kill();
            }
        })
    }

    fn kill(&self) {
        if let Some(child) = &mut *self.child.lock().unwrap() {
            let _ = child.kill();
        }
    }

    /// Starts a process, which is killed at an octet or at a moment; what it told until then, and whether it was killed.
    pub fn run(&self, servers: &str, random: &mut Random) -> (Vec<Told>, bool) {
        let at_octet = random.chance(60);
        let octets = if at_octet { random.below(3_000) } else { usize::MAX };
        self.octets.store(octets, Ordering::SeqCst);
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["child", servers, &random.next().to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a process can be started");
        let lines = BufReader::new(child.stdout.take().unwrap());
        *self.child.lock().unwrap() = Some(child);
        if !at_octet {
            thread::sleep(Duration::from_micros(random.next() % 30_000));
            self.kill();
        }
        // The line that it was killed in is not whole, and is left out.
        let mut told = Vec::new();
        for line in lines.split(b'\n') {
            told.extend(Told::read(&String::from_utf8_lossy(&line.expect("a pipe can be read"))));
        }
        let child = self.child.lock().unwrap().take();
        let status = child.unwrap().wait().unwrap();
        (told, !status.success())
    }
}
