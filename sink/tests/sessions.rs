//! Whole sessions with a sink in this process: what it keeps, and what it refuses.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use mail_sink::options::Options;
use mail_sink::sink::Sink;

/// A client that says what it is told.
struct Client(BufReader<TcpStream>);

impl Client {
    fn say(&mut self, text: &str) {
        self.0.get_mut().write_all(text.as_bytes()).expect("the sink listens");
    }

    /// The last line of the next reply.
    fn reply(&mut self) -> String {
        loop {
            let mut line = String::new();
            self.0.read_line(&mut line).expect("a reply in time");
            if line.as_bytes().get(3) != Some(&b'-') {
                return line.trim_end().to_owned();
            }
        }
    }

    #[track_caller]
    fn expect(&mut self, command: &str, code: &str) {
        self.say(&format!("{command}\r\n"));
        let reply = self.reply();
        assert!(reply.starts_with(code), "{command}: {reply}");
    }
}

fn start(options: Options) -> SocketAddr {
    let (sink, listener) = Sink::open(options).expect("a free port");
    let address = listener.local_addr().expect("an address");
    // It ends with this process.
    thread::spawn(move || Arc::clone(&sink).serve(&listener));
    address
}

fn connect(address: SocketAddr) -> Client {
    let stream = TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a limit");
    let mut client = Client(BufReader::new(stream));
    assert!(client.reply().starts_with("220 "));
    client
}

fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    if folder.exists() {
        std::fs::remove_dir_all(&folder).expect("the folder can be emptied");
    }
    folder
}

#[test]
fn an_accepted_mail_is_kept_without_its_stuffed_dots() {
    let out = folder("kept");
    let mut client = connect(start(Options {
        out: Some(out.clone()),
        ..Options::default()
    }));
    client.expect("EHLO [127.0.0.1]", "250");
    client.expect("MAIL FROM:<unit7@example.com>", "250");
    client.expect("RCPT TO:<operator@example.com>", "250");
    client.expect("DATA", "354");
    client.expect("Subject: hot\r\n\r\n..dot\r\n.", "250 2.0.0 Kept as 0001");
    let mail = std::fs::read_to_string(out.join("0001.eml")).expect("the mail");
    assert_eq!(mail, "Subject: hot\r\n\r\n.dot\r\n");
}

#[test]
fn a_mail_in_chunks_is_kept_as_it_is_and_a_refused_chunk_is_thrown_away() {
    let out = folder("chunks");
    let mut client = connect(start(Options {
        out: Some(out.clone()),
        chunking: true,
        ..Options::default()
    }));
    client.expect("EHLO [127.0.0.1]", "250");
    client.say("MAIL FROM:<unit7@example.com>\r\nRCPT TO:<operator@example.com>\r\nBDAT 9\r\na: b\r\n\r\n.BDAT 5 LAST\r\nx\r\n\r\n");
    for reply in ["250 2.1.0", "250 2.1.5", "250 2.0.0 9 bytes", "250 2.0.0 Kept as 0001"] {
        let told = client.reply();
        assert!(told.starts_with(reply), "{reply}: {told}");
    }
    let mail = std::fs::read_to_string(out.join("0001.eml")).expect("the mail");
    assert_eq!(mail, "a: b\r\n\r\n.x\r\n\r\n");
    // Nobody is there, and the chunk's words are no commands.
    client.expect("BDAT 6 LAST\r\nQUIT", "503");
    client.expect("NOOP", "250");
    client.expect("MAIL FROM:<unit7@example.com>", "250");
    client.expect("RCPT TO:<operator@example.com>", "250");
    client.expect("BDAT 9 LAST\r\na: b\r\n\r", "554 5.6.0");
    client.expect("BDAT all", "501");
}

#[test]
fn nothing_is_taken_without_the_login_that_is_wanted() {
    let login = Some(("user".to_owned(), "secret".to_owned()));
    let address = start(Options {
        login,
        ..Options::default()
    });
    let mut client = connect(address);
    client.expect("EHLO [127.0.0.1]", "250");
    client.expect("MAIL FROM:<unit7@example.com>", "530");
    client.expect("AUTH PLAIN AHVzZXIAd3Jvbmc=", "535");
    client.expect("AUTH PLAIN AHVzZXIAc2VjcmV0", "235");
    client.expect("MAIL FROM:<unit7@example.com>", "250");
    let mut client = connect(address);
    client.expect("EHLO [127.0.0.1]", "250");
    client.expect("AUTH LOGIN", "334");
    client.expect("dXNlcg==", "334");
    client.expect("c2VjcmV0", "235");
}

#[test]
fn a_client_that_talks_out_of_turn_is_hung_up_on() {
    let mut client = connect(start(Options::default()));
    client.say("EHLO [127.0.0.1]\r\nMAIL FROM:<unit7@example.com>\r\n");
    assert!(client.reply().starts_with("554"));
    let mut rest = String::new();
    assert_eq!(client.0.read_line(&mut rest).expect("the end"), 0);
}

#[test]
fn lines_that_end_otherwise_than_in_crlf_are_refused() {
    let mut client = connect(start(Options::default()));
    client.say("EHLO [127.0.0.1]\n");
    assert!(client.reply().starts_with("500"));
    client.expect("EHLO [127.0.0.1]", "250");
    client.expect("MAIL FROM:<unit7@example.com>", "250");
    client.expect("RCPT TO:<operator@example.com>", "250");
    client.expect("DATA", "354");
    client.expect("one\ntwo\r\n.", "554 5.6.0 Bare");
}
