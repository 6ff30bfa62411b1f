//! The sink itself: it listens, gives each session a thread, keeps mails, and knows when all have come.

use std::io::{self, Write};
use std::net::TcpListener;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::options::Options;
use crate::session::Session;
use crate::transcript;

const SESSION_LIMIT: usize = 2048;
const SESSION_STACK: usize = 128 << 10;

#[derive(Default)]
struct Tally {
    sessions: usize,
    mails: u64,
    turns: u64,
}

/// A server and what it has got so far.
pub struct Sink {
    pub(crate) options: Options,
    tally: Mutex<Tally>,
    session_ended: Condvar,
}

impl Sink {
    /// Opens the port, and only then writes the file that names it.
    ///
    /// # Errors
    ///
    /// The folder, the port or the file cannot be had.
    pub fn open(options: Options) -> io::Result<(Arc<Self>, TcpListener)> {
        if let Some(folder) = &options.out {
            std::fs::create_dir_all(folder)?;
        }
        let listener = TcpListener::bind(options.address)?;
        let address = listener.local_addr()?;
        eprintln!("mail_sink: listening on {address}");
        if let Some(file) = &options.port_file {
            write_whole(file, format!("{}\n", address.port()).as_bytes())?;
        }
        let sink = Self {
            options,
            tally: Mutex::default(),
            session_ended: Condvar::new(),
        };
        Ok((Arc::new(sink), listener))
    }

    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The accept loop; it ends with the process.
    pub fn serve(self: Arc<Self>, listener: &TcpListener) {
        loop {
            let Ok((mut stream, _)) = listener.accept() else {
                // Out of descriptors, most likely: sessions will give some back.
                thread::sleep(Duration::from_millis(10));
                continue;
            };
            self.tally().sessions += 1;
            if self.tally().sessions > SESSION_LIMIT {
                let _ = stream.write_all(b"421 4.3.2 Too many sessions\r\n");
                self.ended();
                continue;
            }
            let sink = Arc::clone(&self);
            let session = move || {
                // An error here is the client's going away: it concerns this session only.
                let _ = Session::new(&sink, stream).run();
                sink.ended();
            };
            if let Err(error) = thread::Builder::new().stack_size(SESSION_STACK).spawn(session) {
                eprintln!("mail_sink: no thread for a session: {error}");
                self.ended();
            }
        }
    }

    fn ended(&self) {
        self.tally().sessions -= 1;
        self.session_ended.notify_all();
    }

    /// Waits for the mails that were asked for and says whether they came in time.
    #[must_use]
    pub fn wait(&self) -> bool {
        let wanted = self.options.mails.unwrap_or(u64::MAX);
        let waiting = |tally: &mut Tally| tally.mails < wanted || tally.sessions > 0;
        let limit = Duration::from_secs(self.options.seconds);
        let waited = self.session_ended.wait_timeout_while(self.tally(), limit, waiting);
        let (tally, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        if self.options.turns {
            println!("turns {} mails {}", tally.turns, tally.mails);
        }
        if timeout.timed_out() {
            let (seconds, mails, sessions) = (self.options.seconds, tally.mails, tally.sessions);
            eprintln!("mail_sink: {seconds} s have passed: {mails} mails, {sessions} sessions still open");
        }
        !timeout.timed_out()
    }

    /// Keeps an accepted mail; the answer's text names it.
    pub(crate) fn keep(&self, text: &[u8]) -> io::Result<u64> {
        let mut tally = self.tally();
        let name = tally.mails + 1;
        if let Some(folder) = &self.options.out {
            write_whole(&folder.join(format!("{name:04}.eml")), text)?;
        }
        tally.mails = name;
        Ok(name)
    }

    /// One line of the dialogue, where it is wanted.
    pub(crate) fn print(&self, side: &str, line: &str) {
        if self.options.transcript {
            transcript::print(side, line);
        }
    }

    /// Counts an answer that the client waits for.
    pub(crate) fn count_turn(&self) {
        self.tally().turns += 1;
    }
}

/// A reader of `path` sees the whole content or no file.
fn write_whole(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(".part");
    std::fs::write(&unfinished, content)?;
    std::fs::rename(&unfinished, path)
}
