//! Mailboxes and lists of them, against the grammar of RFC 5321, 4.1.2 in recursive descent.
//!
//! Deviations that the library documents: the underscore stands in domains; a label has at most 63 octets; address
//! literals are those of IPv4 and IPv6; nothing above 127.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use sds_smtp::host::Outgoing;
use sds_smtp::wire::address::{List, is_domain_or_literal, is_list, is_mailbox};
use sds_smtp::wire::literal::Address;
use sds_smtp::wire::mailbox::Mailboxes;

/// What is left to read. Each method reads one thing of the grammar; where it is not there, nothing is read and the answer is
/// false.
#[derive(Clone, Copy)]
struct Grammar<'a>(&'a [u8]);

impl<'a> Grammar<'a> {
    fn octet(&mut self, is: impl Fn(u8) -> bool) -> bool {
        match self.0 {
            [first, rest @ ..] if is(*first) => {
                self.0 = rest;
                true
            }
            _ => false,
        }
    }

    /// `1*(octet)`.
    fn some(&mut self, is: impl Fn(u8) -> bool + Copy) -> bool {
        let any = self.octet(is);
        while self.octet(is) {}
        any
    }

    /// `Mailbox = Local-part "@" ( Domain / address-literal )`.
    fn mailbox(&mut self) -> bool {
        let start = self.0;
        let whole = |rest: &Self| start.len() - rest.0.len();
        if !(self.dot_string() || self.quoted_string()) || whole(self) > 64 || !self.octet(|octet| octet == b'@') {
            self.0 = start;
            return false;
        }
        if !(self.domain() || self.address_literal()) || whole(self) > 254 {
            self.0 = start;
            return false;
        }
        true
    }

    /// `Dot-string = Atom *("." Atom)`.
    fn dot_string(&mut self) -> bool {
        let atext = |octet: u8| octet.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&octet);
        if !self.some(atext) {
            return false;
        }
        loop {
            let before = self.0;
            if !(self.octet(|octet| octet == b'.') && self.some(atext)) {
                self.0 = before;
                return true;
            }
        }
    }

    /// `Quoted-string = DQUOTE *QcontentSMTP DQUOTE`.
    fn quoted_string(&mut self) -> bool {
        let start = self.0;
        if self.octet(|octet| octet == b'"') {
            while self.qtext() || self.quoted_pair() {}
            if self.octet(|octet| octet == b'"') {
                return true;
            }
        }
        self.0 = start;
        false
    }

    /// `qtextSMTP = %d32-33 / %d35-91 / %d93-126`.
    fn qtext(&mut self) -> bool {
        self.octet(|octet| matches!(octet, 32..=33 | 35..=91 | 93..=126))
    }

    /// `quoted-pairSMTP = %d92 %d32-126`.
    fn quoted_pair(&mut self) -> bool {
        let start = self.0;
        let there = self.octet(|octet| octet == b'\\') && self.octet(|octet| matches!(octet, 32..=126));
        if !there {
            self.0 = start;
        }
        there
    }

    /// `Domain = sub-domain *("." sub-domain)`.
    fn domain(&mut self) -> bool {
        if !self.sub_domain() {
            return false;
        }
        loop {
            let before = self.0;
            if !(self.octet(|octet| octet == b'.') && self.sub_domain()) {
                self.0 = before;
                return true;
            }
        }
    }

    /// `sub-domain = Let-dig [Ldh-str]`, with the underscore.
    fn sub_domain(&mut self) -> bool {
        let start = self.0;
        let letter = |octet: u8| octet.is_ascii_alphanumeric() || octet == b'_';
        let mut end = start
            .iter()
            .position(|octet| !(letter(*octet) || *octet == b'-'))
            .unwrap_or(start.len());
        while end > 0 && start[end - 1] == b'-' {
            end -= 1;
        }
        let label = &start[..end];
        if !label.first().is_some_and(|octet| letter(*octet)) || label.len() > 63 {
            return false;
        }
        self.0 = &start[end..];
        true
    }

    /// `address-literal = "[" ( IPv4-address-literal / IPv6-address-literal ) "]"` (4.1.3).
    fn address_literal(&mut self) -> bool {
        let Some(end) = self.0.iter().position(|octet| *octet == b']') else {
            return false;
        };
        let Some(literal) = self.0[..end].strip_prefix(b"[") else {
            return false;
        };
        let Ok(literal) = std::str::from_utf8(literal) else {
            return false;
        };
        let tagged = literal.get(..5).is_some_and(|tag| tag.eq_ignore_ascii_case("IPv6:"));
        let there = if tagged {
            literal[5..].parse::<Ipv6Addr>().is_ok()
        } else {
            literal.parse::<Ipv4Addr>().is_ok()
        };
        if there {
            self.0 = &self.0[end + 1..];
        }
        there
    }

    fn blanks(&mut self) {
        while self.octet(|octet| b" \t".contains(&octet)) {}
    }

    /// Mailboxes, blanks around each, commas between them.
    fn list(&mut self) -> Option<Vec<&'a [u8]>> {
        let mut all = Vec::new();
        loop {
            self.blanks();
            let before = self.0;
            if !self.mailbox() {
                return None;
            }
            all.push(&before[..before.len() - self.0.len()]);
            self.blanks();
            if self.0.is_empty() {
                return Some(all);
            }
            if !self.octet(|octet| octet == b',') {
                return None;
            }
        }
    }
}

/// The same list with names, comments and semicolons in it, as the library takes it with a system: as To, Cc and Bcc, and as
/// a header field of the program's.
fn as_people_write_it(list: &[u8], strict: Option<&[&[u8]]>) {
    let shown = || list.escape_ascii();
    if let Some(strict) = strict {
        let read: Vec<&[u8]> = Mailboxes::new(list)
            .map(|(_, mailbox)| mailbox.map_or(&[][..], |mailbox| mailbox.address))
            .collect();
        assert_eq!(read, strict, "{}", shown());
    }
    let header = [b"X-List: ", list].concat();
    let headers = [&header[..]];
    let outgoing = Outgoing {
        to: list,
        bcc: list,
        reply_to: list,
        headers: if list.len().is_multiple_of(2) { &headers } else { &[] },
        ..Outgoing::default()
    };
    let Ok(checked) = outgoing.check(b"windows-1250") else {
        return;
    };
    // What leaves in the envelope is a list of addresses, of which none has an end of a command in it.
    let sent: Vec<&[u8]> = List::new(&checked.recipients).collect();
    assert_eq!(sent.len(), checked.count as usize, "{}", shown());
    for address in &sent {
        assert!(
            address.len() <= 254 && !address.iter().any(u8::is_ascii_control),
            "{}",
            shown()
        );
        let local = address.rsplitn(2, |octet| *octet == b'@').nth(1).unwrap_or(&[]);
        let long = local.len() > 64 || !address.is_ascii();
        assert!(long || is_whole(address, Grammar::mailbox), "{}", shown());
    }
    // The lines of the header block are whole lines, none of which is too long or empty.
    let lines = checked.extras.lines.strip_suffix(b"\r\n").unwrap_or(&[]);
    for line in lines.split(|octet| *octet == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        assert!(
            !line.iter().any(|octet| octet.is_ascii_control() && *octet != b'\t'),
            "{}",
            shown()
        );
        assert!(line.len() <= 998 && !line.trim_ascii().is_empty(), "{}", shown());
        let begins = [&b" "[..], b"\t", b"To: ", b"Reply-To: ", b"X-List:"];
        assert!(begins.iter().any(|begin| line.starts_with(begin)), "{}", shown());
    }
}

fn is_whole<'a>(text: &'a [u8], read: impl Fn(&mut Grammar<'a>) -> bool) -> bool {
    let mut grammar = Grammar(text);
    read(&mut grammar) && grammar.0.is_empty()
}

/// The addresses of a list that is one.
pub fn mailboxes(list: &[u8]) -> Option<Vec<&[u8]>> {
    Grammar(list).list()
}

/// The first octet says how often the list is repeated; the rest is the list.
pub fn run(input: &[u8]) {
    let [times, list @ ..] = input else { return };
    let times = if *times < 128 { 1 } else { usize::from(times - 127) };
    let list = vec![list; times].join(&b","[..]);
    let list = &list[..list.len().min(40_000)];
    let wanted = mailboxes(list);
    let shown = || list.escape_ascii();
    match &wanted {
        Some(all) => {
            let split: Vec<&[u8]> = List::new(list).collect();
            assert_eq!(&split, all, "{}", shown());
            assert_eq!(List::new(list).number() as usize, all.len(), "{}", shown());
        }
        None => assert_eq!(List::new(list).number(), 0, "{}", shown()),
    }
    as_people_write_it(list, wanted.as_deref());
    // RFC 5321, 4.5.3.1.8; and the longest list of the longest addresses.
    let fits = wanted.is_some_and(|all| all.len() <= 100) && list.len() <= 100 * 256;
    assert_eq!(is_list(list), fits, "{}", shown());
    assert_eq!(is_mailbox(list), is_whole(list, Grammar::mailbox), "{}", shown());
    let named = list.len() <= 255 && is_whole(list, |rest| rest.domain() || rest.address_literal());
    assert_eq!(is_domain_or_literal(list), named, "{}", shown());
    let mut address = Address::NONE;
    address.read(list);
    let wanted = std::str::from_utf8(list)
        .ok()
        .and_then(|text| text.parse::<IpAddr>().ok());
    assert_eq!(Option::<IpAddr>::from(address), wanted, "{}", shown());
}
