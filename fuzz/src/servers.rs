//! Lists of servers, against a reader that splits them with the standard library's functions.
//!
//! Names outside ASCII and zones are not judged: what comes of them has to be a name or an address, and to stay the same when it
//! is read once more.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use sds_smtp::host::servers::{Servers, Target};

/// One server, as a text that names it again.
fn written(target: Target<'_>) -> String {
    match target {
        Target::Address(address) => address.to_string(),
        Target::Name { name, port, .. } => format!("{}:{port}", std::str::from_utf8(name).expect("a name is ASCII")),
    }
}

/// All of them; None where they are refused.
fn read(list: &[u8], port: u16) -> Option<Vec<String>> {
    let servers = match Servers::parse(list, port) {
        Ok(servers) => servers,
        Err(wrong) => {
            assert!(!wrong.text.is_empty() && wrong.entry <= list.len());
            return None;
        }
    };
    let all: Vec<String> = servers.targets().map(written).collect();
    assert_eq!(servers.len(), all.len());
    assert!((1..=100).contains(&all.len()));
    assert_eq!(servers.get(all.len()), None);
    Some(all)
}

/// Whether a name can be a server's: RFC 1035, 2.3.4; RFC 1123, 2.1, with the underscore; and RFC 3696, 2.
fn is_name(name: &str) -> bool {
    let labels: Vec<&str> = name.split('.').collect();
    let last = labels.last().copied().unwrap_or("");
    let hexadecimal = last
        .strip_prefix("0x")
        .is_some_and(|digits| digits.chars().all(|digit| digit.is_ascii_hexdigit()));
    name.len() <= 253
        && !hexadecimal
        && !last.chars().all(|digit| digit.is_ascii_digit())
        && labels.iter().all(|label| {
            (1..=63).contains(&label.len())
                && label
                    .chars()
                    .all(|one| one.is_ascii_alphanumeric() || "-_".contains(one))
                && !label.starts_with('-')
                && !label.ends_with('-')
        })
}

fn address(ip: IpAddr, port: u16) -> Option<String> {
    let ip = ip.to_canonical();
    (!ip.is_unspecified() && !ip.is_multicast()).then(|| SocketAddr::new(ip, port).to_string())
}

/// A port as it stands in an entry.
fn port_of(text: &str) -> Option<u16> {
    let digits = text.trim_start_matches('0');
    let number = if text.chars().all(|digit| digit.is_ascii_digit()) {
        digits
    } else {
        ""
    };
    number.parse().ok()
}

/// What an entry of ASCII without a zone names.
fn server(entry: &str, port: u16) -> Option<String> {
    if let Ok(ip) = entry.parse::<Ipv6Addr>() {
        return address(ip.into(), port);
    }
    if let Some(rest) = entry.strip_prefix('[') {
        let (ip, behind) = rest.split_once(']')?;
        let port = if behind.is_empty() {
            port
        } else {
            port_of(behind.strip_prefix(':')?)?
        };
        return address(ip.parse::<Ipv6Addr>().ok()?.into(), port);
    }
    let (host, port) = match entry.split_once(':') {
        Some((host, digits)) => (host, port_of(digits)?),
        None => (entry, port),
    };
    if let Ok(ip) = host.parse::<Ipv4Addr>() {
        return address(ip.into(), port);
    }
    let name = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    is_name(&name).then(|| format!("{name}:{port}"))
}

/// What a list of ASCII without zones names.
fn servers(list: &str, port: u16) -> Option<Vec<String>> {
    let blanks = [' ', '\t'];
    let entries: Vec<&str> = list.split(',').map(|entry| entry.trim_matches(blanks)).collect();
    if entries.len() > 100 || list.len() > 100 * (253 + 9) {
        return None;
    }
    entries.into_iter().map(|entry| server(entry, port)).collect()
}

/// The first two octets are the port that entries without one have; the rest is the list.
pub fn run(input: &[u8]) {
    let [high, low, list @ ..] = input else { return };
    let port = u16::from_be_bytes([*high, *low]).max(1);
    let shown = || list.escape_ascii();
    let got = read(list, port);
    match std::str::from_utf8(list)
        .ok()
        .filter(|list| list.is_ascii() && !list.contains('%'))
    {
        Some(list) => assert_eq!(got, servers(list, port), "{}", shown()),
        None => {
            for one in got.iter().flatten() {
                let (host, digits) = one.rsplit_once(':').expect("a port");
                assert!(digits.parse::<u16>().is_ok_and(|port| port > 0), "{}", shown());
                let is_address = one.parse::<SocketAddr>().is_ok();
                assert!(is_address || is_name(host), "{}: {one}", shown());
            }
        }
    }
    if let Some(all) = got {
        // Each has its port now.
        assert_eq!(read(all.join(" ,\t").as_bytes(), 1).as_ref(), Some(&all), "{}", shown());
    }
    let device = Servers::parse_device(list, port)
        .ok()
        .map(|address| address.to_string());
    if let Some(device) = device {
        assert_eq!(read(list, port), Some(vec![device]), "{}", shown());
    }
}
