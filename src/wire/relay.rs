//! Whether a refusal is a refusal to relay. Servers refuse to relay with 513, 550, 554 and other codes; only the words tell.
//!
//! The word "relay" alone is not enough: a mailbox can be "unknown in relay recipient table", and a blocklist can call its
//! client an "open relay". So a word that begins with "relay" and a word that refuses have to be in the same clause, in any
//! order: "Relay access denied", "not permitted to relay". Host names and addresses (`relay.example.org`,
//! `<relay@example.org>`) do not count as words. With the enhanced status code X.1.1 the mailbox is at fault (RFC 3463, 3.2),
//! whatever the words.

// A word is 32 bits: its stem, which is compared, and above it what the word means.

/// The bits of a stem: the first five letters, five bits each, whatever their case.
const STEM_BITS: u32 = 25;
/// A stem of five letters is at least this.
const FULL: u32 = 1 << 20;
/// A clause with this word speaks of relaying.
const RELAYING: u32 = 1 << STEM_BITS;
/// A clause with this word refuses.
const REFUSING: u32 = 2 << STEM_BITS;
/// A text with this word does not refuse to relay.
const EXCLUDING: u32 = 4 << STEM_BITS;
/// A dot or an `@` follows the letters. It ends a sentence, or the word is a number, a name or an address.
const JOINT: u32 = 1 << 30;

const fn known(word: &[u8], meaning: u32) -> u32 {
    let (mut stem, mut rest) = (0u32, word);
    while let ([letter, after @ ..], true) = (rest, stem < FULL) {
        stem = with_letter(stem, *letter);
        rest = after;
    }
    stem | meaning
}

const fn with_letter(stem: u32, letter: u8) -> u32 {
    stem << 5 | (letter & 31) as u32
}

/// The words that matter.
static WORDS: [u32; 16] = [
    known(b"relay", RELAYING),
    // qmail: "that domain isn't in my list of allowed rcpthosts".
    known(b"rcpthosts", RELAYING | REFUSING),
    known(b"5.1.1", EXCLUDING),
    known(b"4.1.1", EXCLUDING),
    // Blocklists: "refused: open relay".
    known(b"open", EXCLUDING),
    // "Do not relay", "don't relay", "unable to relay", "authenticate before relaying".
    known(b"no", REFUSING),
    known(b"not", REFUSING),
    known(b"t", REFUSING),
    known(b"cannot", REFUSING),
    known(b"unable", REFUSING),
    known(b"denied", REFUSING),
    known(b"refused", REFUSING),
    known(b"rejected", REFUSING),
    known(b"prohibited", REFUSING),
    known(b"authentication", REFUSING),
    known(b"credentials", REFUSING),
];

/// The meanings of the words in the current clause, as [`RelayRefusal::found`] has them. Once a clause had both, they stay.
const CLAUSE: u8 = meaning(RELAYING | REFUSING);
/// The meaning that holds for the whole text.
const TEXT: u8 = meaning(EXCLUDING);

/// What a known word means, without its stem.
const fn meaning(word: u32) -> u8 {
    (word >> STEM_BITS) as u8
}

/// Reads the text of a refusal, octet by octet. Packed, since each client has one in its memory.
#[repr(C, packed(2))]
#[derive(Clone, Copy, Debug, Default)]
pub struct RelayRefusal {
    /// The current word.
    word: u32,
    /// What the words so far mean: bits of [`CLAUSE`] and [`TEXT`].
    found: u8,
}

impl RelayRefusal {
    /// Before the first octet.
    pub const fn new() -> Self {
        Self { word: 0, found: 0 }
    }

    /// Takes an octet. Everything up to the comma in ASCII, and what is between the colon and the question mark, ends a word.
    pub fn feed(&mut self, octet: u8) {
        let word = self.word;
        let joint = matches!(octet, b'.' | b'@');
        self.word = if matches!(octet, ..b'-' | b':'..=b'?') {
            self.end_of_word(word, octet);
            0
        } else if word < FULL {
            with_letter(word, octet)
        } else if joint {
            word | JOINT
        } else if word < JOINT {
            word
        } else {
            // A name or an address: not a known word.
            FULL
        };
    }

    fn end_of_word(&mut self, word: u32, separator: u8) {
        for known in &WORDS {
            if (known ^ word) << (32 - STEM_BITS) == 0 {
                self.found |= meaning(*known);
            }
        }
        // The end of a sentence ends a clause; so do , : ;
        if self.found != CLAUSE && (word >= JOINT || matches!(separator, b','..=b';')) {
            self.found &= TEXT;
        }
    }

    /// Whether the text refuses to relay.
    pub fn found(self) -> bool {
        self.found == CLAUSE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> bool {
        let mut refusal = RelayRefusal::new();
        for octet in text.bytes() {
            refusal.feed(octet);
        }
        refusal.feed(b' ');
        refusal.found()
    }

    #[test]
    fn refusals_to_relay_of_real_servers_are_recognised() {
        for text in [
            // Postfix
            "5.7.1 <op@example.org>: Relay access denied",
            "4.7.1 <op@example.org>: Relay access denied",
            // Exim with its own words, with Debian's and with cPanel's
            "relay not permitted",
            "relay not permitted!",
            "Relaying is not permitted",
            "Please turn on SMTP Authentication in your mail client. client.example.org [192.0.2.1] is not permitted to \
             relay through this server without authentication.",
            "relaying to <op@example.org> prohibited by administrator",
            // sendmail
            "5.7.1 <op@example.org>... Relaying denied",
            "5.7.1 <op@example.org>... Relaying denied. IP name lookup failed [192.0.2.1]",
            "5.7.1 <op@example.org>... Relaying denied. Proper authentication required.",
            "4.7.1 <op@example.org>... Relaying temporarily denied. Cannot resolve PTR record for 192.0.2.1",
            "we do not relay",
            // Exchange and Microsoft 365
            "5.7.1 Unable to relay",
            "5.7.1 Unable to relay for op@example.org",
            "5.7.54 SMTP; Unable to relay recipient in non-accepted domain",
            "5.7.64 TenantAttribution; Relay Access Denied",
            // qmail, also with the patch for certificates
            "sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)",
            "sorry, that domain isn't in my list of allowed rcpthosts; no valid cert for gatewaying (#5.7.1)",
            // Courier, qpsmtpd, Citadel, Mercury, Domino, Stalwart, Google Workspace
            "Relaying denied.",
            "relaying denied",
            "Relaying denied <op@example.org>",
            "We do not relay non-local mail, sorry.",
            "Relay rejected for policy reasons.",
            "5.1.2 Relay not allowed.",
            "5.7.1 Invalid credentials for relay [192.0.2.1]. The IP address has not been registered",
            // and others
            "RELAYING DENIED",
            "sorry, that domain isn't in my list: no relay",
            "Refused. Sending to remote addresses (relaying) is not allowed",
            "op@example.org prohibited. We do not relay",
            "You must authenticate before relaying",
            "Relaying mail to <op@example.org> is not allowed",
            "you are not allowed to relay through this machine",
            "This system is not configured to relay mail from 192.0.2.1",
            "we don't relay",
            "this server cannot be used as a relay",
            "relay.example.org does not relay",
        ] {
            assert!(found(text), "{text}");
        }
    }

    #[test]
    fn refusals_of_mailboxes_and_clients_are_others() {
        for text in [
            // Postfix
            "5.1.1 <relay@example.org>: Recipient address rejected: User unknown in relay recipient table",
            "5.1.1 <op@example.org>: Recipient address rejected: User unknown in local recipient table",
            "5.1.1 <op@example.org>: Recipient address rejected: undeliverable address: host relay.example.org[192.0.2.1] \
             said: 550 5.1.1 User unknown (in reply to RCPT TO command)",
            "5.7.1 Service unavailable; Client host [192.0.2.1] blocked using relays.example.net; open relay",
            // Exim
            "Unrouteable address",
            "Unknown user",
            "192.0.2.1 is listed at relays.example.net: Open relay, see https://relays.example.net/not?ip=192.0.2.1",
            // sendmail
            "5.1.1 <op@example.org>... User unknown",
            "5.7.1 Mail from 192.0.2.1 refused - open relay, see https://relays.example.net/",
            "5.7.1 Rejected: 192.0.2.1 listed as open relay; see the postmaster",
            "5.3.0 Spam blocked, open relay. Not accepted",
            // Exchange
            "5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup",
            "5.4.1 Recipient address rejected: Access denied",
            // qmail, Courier, OpenSMTPD, Haraka, hMailServer
            "sorry, no mailbox here by that name (#5.1.1)",
            "User unknown.",
            "Invalid recipient: <op@example.org>",
            "I cannot deliver mail for <op@example.org>",
            "Delivery is not allowed to this address.",
            "Unknown user",
            // The word in addresses and host names
            "user relay@example.org not known",
            "user a@relay.example.org not known",
            "relay.example.org says no such user",
            "mx-relay.example.org: no such user",
            "no prelay, no rela, no rel ay",
            "relay: not found",
            "not found. relay",
            "relay",
            "",
        ] {
            assert!(!found(text), "{text}");
        }
    }
}
