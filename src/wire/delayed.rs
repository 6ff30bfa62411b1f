//! Whether a refusal of a recipient is one of the sender, or of the name that EHLO said.
//!
//! Postfix refuses both only at RCPT (its setting `smtpd_delay_reject`), in words of its own. The enhanced status codes X.1.7 and
//! X.1.8 speak of the sender's address (RFC 3463, 3.2).

/// What is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The sender.
    Sender,
    /// The name behind EHLO or HELO.
    Hello,
}

/// What Postfix says of each.
const PHRASES: [(&[u8], Refused); 2] = [
    (b"sender address rejected", Refused::Sender),
    (b"helo command rejected", Refused::Hello),
];

/// How an enhanced status code of the sender's address begins, behind its class; its last digit is 7 or 8.
const SENDER_CODE: &[u8] = b".1.";

/// Behind the enhanced status code, or where there is none.
const PASSED: u8 = u8::MAX;

/// Reads the text of a refusal, octet by octet.
#[derive(Clone, Copy, Debug)]
pub struct DelayedRefusal {
    /// Octets of each phrase that the text ends with.
    matched: [u8; PHRASES.len()],
    /// Octets of a sender's code that the text begins with.
    code: u8,
    found: Option<Refused>,
    /// The sender's code was there: where no phrase is, it decides.
    has_code: bool,
}

impl DelayedRefusal {
    /// Before the first octet.
    pub const NONE: Self = Self {
        matched: [0; PHRASES.len()],
        code: 0,
        found: None,
        has_code: false,
    };

    /// Takes an octet of the text. A blank stands for the end of a line.
    pub fn feed(&mut self, octet: u8) {
        self.feed_code(octet);
        for ((phrase, refused), matched) in PHRASES.iter().zip(&mut self.matched) {
            *matched = longer(phrase, *matched, octet.to_ascii_lowercase());
            if usize::from(*matched) == phrase.len() {
                self.found.get_or_insert(*refused);
            }
        }
    }

    /// A line ended.
    pub fn end_of_line(&mut self) {
        self.feed(b' ');
        self.code = 0;
    }

    fn feed_code(&mut self, octet: u8) {
        let goes_on = match self.code {
            0 => matches!(octet, b'4' | b'5'),
            at @ 1..=3 => SENDER_CODE.get(usize::from(at).wrapping_sub(1)) == Some(&octet),
            4 => matches!(octet, b'7' | b'8'),
            5 => {
                self.has_code |= octet == b' ';
                false
            }
            _ => false,
        };
        self.code = if goes_on { self.code.wrapping_add(1) } else { PASSED };
    }

    /// What is refused, where it is not the recipient.
    pub fn found(self) -> Option<Refused> {
        self.found.or(self.has_code.then_some(Refused::Sender))
    }
}

/// How many octets of a phrase a text ends with that ended with so many before this octet.
fn longer(phrase: &[u8], matched: u8, octet: u8) -> u8 {
    let mut kept = matched;
    loop {
        if phrase.get(usize::from(kept)) == Some(&octet) {
            return kept.wrapping_add(1);
        }
        if kept == 0 {
            return 0;
        }
        kept = shorter(phrase, kept);
    }
}

/// The most octets, less than these, with which a phrase begins and with which these of it end.
fn shorter(phrase: &[u8], octets: u8) -> u8 {
    let begun = phrase.get(..usize::from(octets)).unwrap_or(phrase);
    let fits = |length: &u8| begun.ends_with(phrase.get(..usize::from(*length)).unwrap_or(&[]));
    (0..octets).rev().find(fits).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of a text whose lines are separated with line feeds.
    fn found(text: &str) -> Option<Refused> {
        let mut refusal = DelayedRefusal::NONE;
        for line in text.split('\n') {
            for octet in line.bytes() {
                refusal.feed(octet);
            }
            refusal.end_of_line();
        }
        refusal.found()
    }

    #[test]
    fn refusals_of_the_sender_are_known() {
        for text in [
            "4.1.8 <sds@no-such-domain.test>: Sender address rejected: Domain not found",
            "5.1.8 <sds@no-such-domain.test>: Sender address rejected: Domain not found",
            "5.5.2 <sds>: Sender address rejected: need fully-qualified address",
            "5.1.7 <sds@example.org>: Sender address rejected: undeliverable address",
            "5.7.1 <sds@example.org>: Sender address rejected: not owned by user boiler",
            "5.7.1 <sds@example.org>: SENDER ADDRESS REJECTED: Access denied",
            "5.1.0 <sds@example.org>: Sender address rejected: User unknown in virtual mailbox table",
            "no\nsender address rejected",
            "sender address\nrejected",
            "sender address sender address rejected",
            "ssender address rejected",
            "sender addressender address rejected",
            "5.1.8 domain not found",
            "5.1.7",
            "4.1.7 bad sender",
            "no\n5.1.8 domain not found",
        ] {
            assert_eq!(found(text), Some(Refused::Sender), "{text}");
        }
    }

    #[test]
    fn refusals_of_the_ehlo_name_are_known() {
        for text in [
            "5.5.2 <boiler>: Helo command rejected: need fully-qualified hostname",
            "4.7.1 <boiler.example>: Helo command rejected: Host not found",
            "5.7.1 <boiler>: helo command rejected: Access denied",
            // The words are more than the code.
            "5.1.8 <boiler>: Helo command rejected: Host not found",
            // The first words decide.
            "Helo command rejected; Sender address rejected",
        ] {
            assert_eq!(found(text), Some(Refused::Hello), "{text}");
        }
    }

    #[test]
    fn refusals_of_recipients_are_others() {
        for text in [
            "5.1.1 <op@example.org>: Recipient address rejected: User unknown in local recipient table",
            "5.7.1 <op@example.org>: Relay access denied",
            "4.2.0 <op@example.org>: Recipient address rejected: Greylisted",
            "5.1.10 recipient not found",
            "5.1.71 x",
            "5.1.7.2 x",
            "5.1.7x",
            "5.1.6 moved",
            "2.1.8 ok",
            "15.1.8 x",
            "see 5.1.8 there",
            "5.11.8 x",
            "sender address was rejected",
            "sender addressed rejected",
            "helo, command rejected",
            "",
        ] {
            assert_eq!(found(text), None, "{text}");
        }
    }

    #[test]
    fn a_phrase_is_found_wherever_it_begins() {
        for (phrase, wanted) in PHRASES {
            let phrase = core::str::from_utf8(phrase).unwrap();
            for length in 0..phrase.len() {
                let text = std::format!("{}{phrase}", &phrase[..length]);
                assert_eq!(found(&text), Some(wanted), "{text}");
                assert_eq!(found(&phrase[..length]), None);
            }
        }
    }
}
