//! What the library does to the process that it runs in: threads, descriptors, memory, the processor's time.
//!
//! These tests look at the whole process and so take turns. Everything goes to 127.0.0.1.

// Only Linux is asked what it says of a process.
#![cfg(target_os = "linux")]

#[path = "common/device.rs"]
mod device;
// It asks the system for what the standard library does not show.
#[allow(unsafe_code)]
#[path = "common/peer.rs"]
mod peer;

use std::sync::{Arc, Barrier, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use device::{Device, LIMIT, accept, draft};
use peer::Server;

static WHOLE_PROCESS: Mutex<()> = Mutex::new(());

fn whole_process() -> MutexGuard<'static, ()> {
    WHOLE_PROCESS.lock().unwrap_or_else(PoisonError::into_inner)
}

#[test]
fn a_thousand_clients_have_a_mail_in_flight_at_once_on_one_thread() {
    const CLIENTS: usize = 1000;
    let _alone = whole_process();
    peer::system::allow_descriptors(4 * CLIENTS as u64);
    let (all, mails) = (Arc::new(Barrier::new(CLIENTS + 1)), Arc::new(Mutex::new(Vec::new())));
    let (at_server, kept) = (all.clone(), mails.clone());
    let server = Server::start(move |peer| {
        // Nobody is greeted before everybody is connected.
        at_server.wait();
        let mail = accept(peer);
        kept.lock().unwrap().push(mail);
    });
    let devices: Vec<Device> = (0..CLIENTS).map(|_| Device::new(&draft(&server))).collect();
    for (number, device) in devices.iter().enumerate() {
        device.send(&format!("mail number {number}.")).expect("started");
    }
    let statuses: Vec<_> = devices.iter().map(|device| device.0.status()).collect();
    assert!(statuses.iter().all(|status| *status == Ok(14)), "{statuses:?}");
    // Everybody is connected: the thread had its turn, and has its name.
    let until = Instant::now() + Duration::from_secs(20);
    while server.connections() < CLIENTS && Instant::now() < until {
        thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(server.connections(), CLIENTS);
    assert_eq!(peer::system::threads_named("sds-smtp"), 1);
    all.wait();
    for device in &devices {
        assert_eq!(device.0.wait(LIMIT), Ok(0));
    }
    drop(server);
    let mails = mails.lock().unwrap();
    assert_eq!(mails.len(), CLIENTS);
    for number in 0..CLIENTS {
        let line = format!("mail number {number}.\r\n");
        let of_this = mails.iter().filter(|mail| mail.ends_with(line.as_bytes())).count();
        assert_eq!(of_this, 1, "{number}");
    }
}

#[test]
fn endless_and_binary_answers_end_the_mail_and_keep_memory_bounded() {
    let _alone = whole_process();
    for block in [
        &b"220-xxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n"[..],
        b"220 xxxxxxxxxxxxxxxxxxxx",
        &[0, 255, 13, 7, 22, 3, 1],
    ] {
        let block: Vec<u8> = block.iter().copied().cycle().take(64 * 1024).collect();
        let server = Server::start(move |peer| {
            // A gigabyte, if somebody would read it.
            for _ in 0..16_384 {
                if !peer.say_raw(&block) {
                    return;
                }
            }
        });
        let device = Device::new(&draft(&server));
        let before = peer::system::resident_bytes();
        assert_eq!(device.deliver("x"), 2);
        assert!(peer::system::resident_bytes() < before + 4 * 1024 * 1024);
        assert_eq!(device.0.report().unwrap().text.octets(), b"not an SMTP reply");
    }
}

#[test]
fn the_thread_sleeps_when_there_is_nothing_to_do() {
    let _alone = whole_process();
    let server = Server::start(|peer| {
        accept(peer);
    });
    let device = Device::new(&draft(&server));
    assert_eq!(device.deliver("x"), 0);
    drop(server);
    // Let it see the end of the connection.
    thread::sleep(Duration::from_millis(300));
    let before = peer::system::switches_of_thread("sds-smtp");
    thread::sleep(Duration::from_millis(1500));
    assert_eq!(peer::system::switches_of_thread("sds-smtp"), before);
}

#[test]
fn sockets_are_not_inherited_and_every_descriptor_is_given_back() {
    let _alone = whole_process();
    let server = Server::start(|peer| {
        peer.hold(Duration::from_millis(400));
    });
    let devices: Vec<Device> = (0..10).map(|_| Device::new(&draft(&server))).collect();
    let before = peer::system::descriptors();
    for device in &devices {
        device.send("x").unwrap();
    }
    // The server holds them a while.
    let during = (0..35)
        .map(|_| {
            thread::sleep(Duration::from_millis(10));
            peer::system::descriptors()
        })
        .find(|during| during.len() >= before.len() + 10)
        .unwrap();
    assert!(
        during
            .iter()
            .all(|descriptor| descriptor.closed_on_exec || before.contains(descriptor)),
        "{during:?}"
    );
    for device in &devices {
        assert_eq!(device.0.wait(LIMIT), Ok(2));
    }
    drop(server);
    thread::sleep(Duration::from_millis(100));
    // The thread, if it was started here, has two of its own.
    assert!(peer::system::descriptors().len() <= before.len() + 2);
}

#[test]
fn without_a_free_descriptor_there_is_no_connection_and_later_there_is_one() {
    let _alone = whole_process();
    let server = Server::start(|peer| {
        accept(peer);
    });
    let device = Device::new(&draft(&server));
    assert_eq!(device.deliver("x"), 0);
    let taken: Vec<std::fs::File> = std::iter::from_fn(|| std::fs::File::open("/dev/null").ok()).collect();
    device.send("x").unwrap();
    assert_eq!(device.0.wait(LIMIT), Ok(13));
    assert_eq!(device.0.report().unwrap().text.octets(), b"no free socket");
    drop(taken);
    assert_eq!(device.deliver("x"), 0);
}
