//! A server with TLS, from the first octet on or behind STARTTLS: it ends TLS, and another server of these tests is behind it.

use std::fs;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection};

use super::building::scratch;
use super::running::{PATIENCE, finish};

/// How long one side is listened to before the other one is.
const TURN: Duration = Duration::from_millis(2);

/// A certificate for 127.0.0.1 and localhost that vouches for itself: its file, and how a server shows it.
pub fn certificate(name: &str) -> (PathBuf, Arc<ServerConfig>) {
    certificate_for(name, 0)
}

/// The same, for so many names more, of 20 octets each.
pub fn certificate_for(name: &str, more: u32) -> (PathBuf, Arc<ServerConfig>) {
    let names: String = (0..more)
        .map(|number| format!(",DNS:{number:05}.example.test"))
        .collect();
    let directory = scratch(name);
    let (certificate, key) = (directory.join("server.pem"), directory.join("server.key"));
    let configuration = directory.join("openssl.cnf");
    fs::write(&configuration, "[req]\ndistinguished_name = name\n[name]\n").expect("a file can be written");
    let mut openssl = Command::new("openssl");
    openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]);
    openssl.args(["-nodes", "-days", "30", "-subj", "/CN=localhost"]);
    let names = format!("subjectAltName=DNS:localhost,DNS:mx.example.test,IP:127.0.0.1{names}");
    openssl.args(["-addext", &names]);
    openssl.arg("-config").arg(&configuration);
    openssl.arg("-keyout").arg(&key).arg("-out").arg(&certificate);
    finish(&mut openssl, PATIENCE).must_give(0);
    let config = config(&certificate, &key);
    (certificate, config)
}

fn config(certificate: &Path, key: &Path) -> Arc<ServerConfig> {
    let chain = CertificateDer::pem_file_iter(certificate).expect("a file");
    let chain = chain.map(|one| one.expect("a certificate")).collect();
    let key = PrivateKeyDer::from_pem_file(key).expect("a key");
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the versions of TLS")
        .with_no_client_auth()
        .with_single_cert(chain, key);
    Arc::new(config.expect("a certificate with its key"))
}

/// The front of a server.
pub struct Front {
    pub port: String,
    stop: Arc<AtomicBool>,
    listening: Option<JoinHandle<()>>,
}

impl Front {
    /// In front of the server on this port. `implicit`: TLS begins with the connection.
    pub fn start(behind: &str, implicit: bool, config: &Arc<ServerConfig>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.set_nonblocking(true).expect("non-blocking");
        let port = listener.local_addr().expect("an address").port().to_string();
        let behind = format!("127.0.0.1:{behind}");
        let stop = Arc::new(AtomicBool::new(false));
        let (config, shared) = (Arc::clone(config), Arc::clone(&stop));
        let listening = thread::spawn(move || {
            let mut running = Vec::new();
            while !shared.load(Ordering::SeqCst) {
                let Ok((client, _)) = listener.accept() else {
                    thread::sleep(TURN);
                    continue;
                };
                let (behind, config, stop) = (behind.clone(), Arc::clone(&config), Arc::clone(&shared));
                running.push(thread::spawn(move || {
                    // An error here is a client that went away: it knows best why.
                    let _ = carry(client, &behind, implicit, config, &stop);
                }));
            }
            for one in running {
                one.join().expect("a front does not panic");
            }
        });
        Self {
            port,
            stop,
            listening: Some(listening),
        }
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        if let Some(listening) = self.listening.take() {
            let _ = listening.join();
        }
    }
}

fn carry(
    mut client: TcpStream,
    behind: &str,
    implicit: bool,
    config: Arc<ServerConfig>,
    stop: &AtomicBool,
) -> std::io::Result<()> {
    client.set_nonblocking(false)?;
    client.set_nodelay(true)?;
    client.set_read_timeout(Some(PATIENCE))?;
    let mut server = TcpStream::connect(behind)?;
    server.set_nodelay(true)?;
    if !implicit {
        // The greeting was heard in the clear.
        BufReader::with_capacity(1, &mut server).read_line(&mut String::new())?;
        begin_tls(&mut client)?;
    }
    for stream in [&client, &server] {
        stream.set_read_timeout(Some(TURN))?;
    }
    let mut tls = ServerConnection::new(config).map_err(std::io::Error::other)?;
    let mut buffer = [0; 4096];
    while !stop.load(Ordering::SeqCst) {
        if let Some(mut octets) = heard(&mut client, &mut buffer)? {
            if octets.is_empty() {
                return Ok(());
            }
            while !octets.is_empty() {
                tls.read_tls(&mut octets)?;
                let state = tls.process_new_packets().map_err(std::io::Error::other)?;
                let mut said = vec![0; state.plaintext_bytes_to_read()];
                tls.reader().read_exact(&mut said)?;
                server.write_all(&said)?;
            }
        }
        if !tls.is_handshaking() {
            match heard(&mut server, &mut buffer)? {
                Some([]) => {
                    tls.send_close_notify();
                    while tls.wants_write() {
                        tls.write_tls(&mut client)?;
                    }
                    return Ok(());
                }
                Some(octets) => tls.writer().write_all(octets)?,
                None => {}
            }
        }
        while tls.wants_write() {
            tls.write_tls(&mut client)?;
        }
    }
    Ok(())
}

/// Says what a server says up to STARTTLS.
fn begin_tls(client: &mut TcpStream) -> std::io::Result<()> {
    client.write_all(b"220 front\r\n")?;
    for reply in [&b"250-front\r\n250 STARTTLS\r\n"[..], b"220 go ahead\r\n"] {
        let mut line = String::new();
        BufReader::with_capacity(1, &mut *client).read_line(&mut line)?;
        client.write_all(reply)?;
    }
    Ok(())
}

/// What has arrived: nothing yet, or octets; none of them at the end.
fn heard<'b>(stream: &mut TcpStream, buffer: &'b mut [u8]) -> std::io::Result<Option<&'b [u8]>> {
    match stream.read(buffer) {
        Ok(length) => Ok(Some(&buffer[..length])),
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => Ok(None),
        Err(error) => Err(error),
    }
}
