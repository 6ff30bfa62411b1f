//! A scripted server on a real socket, a thread for each connection.

// Each test program uses a part of it.
#![allow(dead_code)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

#[cfg(target_os = "linux")]
#[path = "linux.rs"]
pub mod system;
#[cfg(windows)]
#[path = "windows.rs"]
pub mod system;

/// The server's end of a connection.
pub struct Peer {
    stream: BufReader<TcpStream>,
}

impl Peer {
    /// Says a line (or several).
    pub fn say(&mut self, line: &str) {
        self.say_raw(format!("{line}\r\n").as_bytes());
    }

    /// Says octets; false when the client is gone.
    pub fn say_raw(&mut self, octets: &[u8]) -> bool {
        self.stream.get_mut().write_all(octets).is_ok()
    }

    /// The client's next line, without its end; empty at the end of the connection.
    pub fn hear(&mut self) -> String {
        let mut line = Vec::new();
        let _ = self.stream.read_until(b'\n', &mut line);
        String::from_utf8_lossy(&line)
            .trim_end_matches(['\r', '\n'])
            .to_string()
    }

    /// Greets, and answers EHLO.
    pub fn greet(&mut self) {
        self.greet_with("250 hello");
    }

    /// Greets, and answers EHLO with these lines.
    pub fn greet_with(&mut self, answer: &str) {
        self.say("220 peer.example ESMTP");
        let line = self.hear();
        assert!(line.starts_with("EHLO "), "{line}");
        self.say(answer);
    }

    /// Accepts MAIL, RCPTs and DATA, one after the other.
    pub fn envelope(&mut self) {
        loop {
            let line = self.hear();
            match line.as_str() {
                "DATA" => return self.say("354 go on"),
                "" => return,
                _ => self.say("250 ok"),
            }
        }
    }

    /// The data up to the final dot, with doubled dots made single.
    pub fn data(&mut self) -> Vec<u8> {
        let mut data = Vec::new();
        loop {
            let mut line = Vec::new();
            if self.stream.read_until(b'\n', &mut line).unwrap_or(0) == 0 || line == b".\r\n" {
                return data;
            }
            data.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
        }
    }

    /// Hears QUIT and answers it.
    pub fn bye(&mut self) {
        let line = self.hear();
        if !line.is_empty() {
            assert_eq!(line, "QUIT");
            self.say("221 bye");
        }
    }

    /// Reads so many octets, whatever they are.
    pub fn read_some(&mut self, octets: u64) {
        let _ = std::io::copy(&mut (&mut self.stream).take(octets), &mut std::io::sink());
    }

    /// So many octets; None where the connection ends before.
    pub fn read_whole(&mut self, octets: usize) -> Option<Vec<u8>> {
        let mut all = vec![0; octets];
        self.stream.read_exact(&mut all).ok().map(|()| all)
    }

    /// Keeps the connection open, without a word, for a time or until the client closes.
    pub fn hold(&mut self, time: Duration) {
        let _ = self.ends_within(time);
    }

    /// Whether the client closes within a time.
    pub fn ends_within(&mut self, time: Duration) -> bool {
        let until = Instant::now() + time;
        let mut octets = [0u8; 4096];
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            self.stream.get_mut().set_read_timeout(Some(left)).unwrap();
            match self.stream.read(&mut octets) {
                Ok(0) => return true,
                Ok(_) => {}
                Err(error) => {
                    use std::io::ErrorKind::{TimedOut, WouldBlock};
                    if !matches!(error.kind(), TimedOut | WouldBlock) {
                        return true;
                    }
                }
            }
        }
    }

    /// Says no more, and hears to the end: how many octets came, and whether the last of them are the final dot.
    pub fn hang_up_and_hear(&mut self) -> (usize, bool) {
        let _ = self.stream.get_mut().shutdown(std::net::Shutdown::Write);
        let mut octets = Vec::new();
        let _ = self.stream.read_to_end(&mut octets);
        (octets.len(), octets.ends_with(b"\r\n.\r\n"))
    }

    /// Ends the connection with a reset.
    pub fn reset(&mut self) {
        system::reset_when_closed(self.stream.get_ref());
    }
}

/// A server: listens until it is dropped, and panics then when one of its scripts did.
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    stop: Arc<AtomicBool>,
    count: Arc<AtomicUsize>,
    scripts: Arc<Mutex<Vec<JoinHandle<()>>>>,
    listener: Option<JoinHandle<()>>,
}

impl Server {
    /// On 127.0.0.1.
    pub fn start(script: impl Fn(&mut Peer) + Send + Sync + 'static) -> Self {
        Self::start_on(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), script)
    }

    /// On ::1.
    pub fn start_v6(script: impl Fn(&mut Peer) + Send + Sync + 'static) -> Self {
        Self::start_on(SocketAddr::from((Ipv6Addr::LOCALHOST, 0)), script)
    }

    fn start_on(address: SocketAddr, script: impl Fn(&mut Peer) + Send + Sync + 'static) -> Self {
        let socket = TcpListener::bind(address).expect("a free port");
        let address = socket.local_addr().unwrap();
        // More at once than the standard library's queue of 128 holds.
        system::listen(&socket, 4096);
        let (stop, count) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let scripts = Arc::new(Mutex::new(Vec::new()));
        let (script, stopped, counted, started) = (Arc::new(script), stop.clone(), count.clone(), scripts.clone());
        let listener = thread::spawn(move || {
            for stream in socket.incoming() {
                if stopped.load(Ordering::Acquire) {
                    return;
                }
                let Ok(stream) = stream else { continue };
                counted.fetch_add(1, Ordering::AcqRel);
                let script = script.clone();
                stream.set_nodelay(true).unwrap();
                let builder = thread::Builder::new().stack_size(256 * 1024);
                let handle = builder.spawn(move || {
                    let mut peer = Peer {
                        stream: BufReader::new(stream),
                    };
                    script(&mut peer);
                });
                started.lock().unwrap().push(handle.expect("a thread"));
            }
        });
        Self {
            address,
            stop,
            count,
            scripts,
            listener: Some(listener),
        }
    }

    /// Connections accepted so far.
    pub fn connections(&self) -> usize {
        self.count.load(Ordering::Acquire)
    }

    /// Waits until all scripts have ended, within a time.
    pub fn finish(self, time: Duration) {
        let until = Instant::now() + time;
        while self.scripts.lock().unwrap().iter().any(|script| !script.is_finished()) {
            assert!(Instant::now() < until, "a script has not ended");
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        let _ = TcpStream::connect(self.address);
        if thread::panicking() {
            // The scripts may wait for something that will not come any more.
            return;
        }
        if let Some(listener) = self.listener.take() {
            let _ = listener.join();
        }
        let scripts = std::mem::take(&mut *self.scripts.lock().unwrap());
        let failed = scripts.into_iter().filter_map(|script| script.join().err()).count();
        assert_eq!(failed, 0, "the server heard something else");
    }
}

/// A port whose queue of connections is full: the system answers nobody there any more.
pub struct FullListener {
    /// The port.
    pub port: u16,
    _listener: TcpListener,
    _queue: Vec<TcpStream>,
}

/// Makes one.
pub fn full_listener() -> FullListener {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    system::listen(&listener, 0);
    let address = listener.local_addr().unwrap();
    let mut queue = Vec::new();
    for _ in 0..10 {
        match TcpStream::connect_timeout(&address, Duration::from_millis(200)) {
            Ok(stream) => queue.push(stream),
            Err(_) => {
                return FullListener {
                    port: address.port(),
                    _listener: listener,
                    _queue: queue,
                };
            }
        }
    }
    panic!("the queue does not fill");
}
