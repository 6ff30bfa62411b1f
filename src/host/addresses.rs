//! The addresses of a name, in the order in which they are to be tried.

use std::boxed::Box;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};

use super::memory::Row;
use super::sys::Unresolved;
use crate::limits::NAME_ADDRESSES;
use crate::wire::literal::Address;

/// No address yet.
pub const NOWHERE: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0));

/// What there is to say of a name: its addresses, one at least, or why it has none.
pub type Answer = Result<Box<[SocketAddr]>, Unresolved>;

/// The addresses of a name, in the order of RFC 6724: those of the first one's family, and the others.
pub struct Found {
    families: [([SocketAddr; NAME_ADDRESSES], usize); 2],
}

impl Found {
    /// None yet.
    pub const NOTHING: Self = Self {
        families: [([NOWHERE; NAME_ADDRESSES], 0); 2],
    };

    /// Adds an address, if it can be a server's and is not known yet.
    pub fn add(&mut self, found: SocketAddr) {
        let mut address = Address::from(found.ip());
        address.unmap();
        // Filters answer with 0.0.0.0 for names that they do not want; with that one a system connects to itself.
        let (true, Some(ip)) = (address.is_host(), Option::<IpAddr>::from(address)) else {
            return;
        };
        // An address that was unmapped has no zone; another keeps its own.
        let ip = if ip.is_ipv4() { SocketAddr::new(ip, 0) } else { found };
        let [(first, known), other] = &mut self.families;
        let (addresses, length) = match first.first() {
            Some(one) if *known > 0 && one.is_ipv4() != ip.is_ipv4() => (&mut other.0, &mut other.1),
            _ => (first, known),
        };
        if addresses.iter().take(*length).any(|one| *one == ip) {
            return;
        }
        if let Some(free) = addresses.get_mut(*length) {
            *free = ip;
            *length = length.saturating_add(1);
        }
    }

    /// The addresses, the families by turns (RFC 8305, 4).
    pub fn in_turn(&self) -> Answer {
        let [first, second] = self
            .families
            .each_ref()
            .map(|(all, length)| all.get(..*length).unwrap_or(&[]));
        let length = first.len().saturating_add(second.len()).min(NAME_ADDRESSES);
        if length == 0 {
            return Err(Unresolved::NotFound);
        }
        by_turns(first, second, length).ok_or(Unresolved::NoMemory)
    }
}

/// So many addresses of two families; None without memory.
fn by_turns(first: &[SocketAddr], second: &[SocketAddr], length: usize) -> Option<Box<[SocketAddr]>> {
    let mut addresses = Row::with_room(length)?;
    for turn in 0..length {
        for family in [first, second] {
            if let Some(address) = family.get(turn).filter(|_| addresses.len() < length) {
                addresses.push(*address)?;
            }
        }
    }
    addresses.boxed()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::format;
    use std::net::SocketAddrV6;
    use std::string::String;

    /// The addresses as they are tried, where the system tells these.
    fn arranged(all: impl IntoIterator<Item = IpAddr>) -> Result<std::vec::Vec<String>, Unresolved> {
        let mut found = Found::NOTHING;
        all.into_iter().for_each(|ip| found.add(SocketAddr::new(ip, 0)));
        found
            .in_turn()
            .map(|all| all.iter().map(|one| format!("{}", one.ip())).collect())
    }

    #[test]
    fn addresses_come_in_the_systems_order_with_the_families_by_turns() {
        let arrange = |all: &[&str]| arranged(all.iter().map(|ip| ip.parse().unwrap()));
        assert_eq!(
            arrange(&["2001:db8::1", "2001:db8::2", "2001:db8::3", "192.0.2.1", "192.0.2.2"]).unwrap(),
            ["2001:db8::1", "192.0.2.1", "2001:db8::2", "192.0.2.2", "2001:db8::3"]
        );
        assert_eq!(
            arrange(&["192.0.2.2", "2001:db8::1", "192.0.2.1"]).unwrap(),
            ["192.0.2.2", "2001:db8::1", "192.0.2.1"]
        );
        assert_eq!(
            arrange(&["192.0.2.1", "192.0.2.1", "::ffff:192.0.2.1"]).unwrap(),
            ["192.0.2.1"]
        );
        assert_eq!(arrange(&["0.0.0.0", "::", "224.0.0.1", "::1"]).unwrap(), ["::1"]);
        assert_eq!(arrange(&["0.0.0.0", "::"]), Err(Unresolved::NotFound));
        assert_eq!(arrange(&[]), Err(Unresolved::NotFound));
    }

    #[test]
    fn an_address_keeps_its_zone() {
        let zones = |zones: &[u32]| {
            let mut found = Found::NOTHING;
            for zone in zones {
                found.add(SocketAddrV6::new("fe80::1".parse().unwrap(), 0, 0, *zone).into());
            }
            let all = found.in_turn().unwrap();
            all.iter().map(|one| format!("{one}")).collect::<std::vec::Vec<_>>()
        };
        assert_eq!(zones(&[3]), ["[fe80::1%3]:0"]);
        // The same address in two zones is two servers.
        assert_eq!(zones(&[3, 2, 3]), ["[fe80::1%3]:0", "[fe80::1%2]:0"]);
    }

    #[test]
    fn of_300_addresses_64_are_kept() {
        let v6 = (0..200).map(|low| IpAddr::from([0x2001, 0xDB8, 0, 0, 0, 0, 0, low]));
        let v4 = (0..100).map(|low| IpAddr::from([192, 0, 2, low]));
        let kept = arranged(v6.clone().chain(v4)).unwrap();
        assert_eq!(kept.len(), NAME_ADDRESSES);
        assert_eq!(kept.iter().filter(|ip| ip.contains(':')).count(), NAME_ADDRESSES / 2);
        assert_eq!(kept.last().unwrap(), "192.0.2.31");
        assert_eq!(arranged(v6).unwrap().len(), NAME_ADDRESSES);
    }
}
