//! Whether a refusal speaks of relaying: a word that begins with "relay", in any case, wherever it stands in the text.
//!
//! Servers refuse to relay with 513, 550, 554 and others, and say so in words only. Host names and addresses that contain
//! it (`<relay@example.org>`, `relay.example.org`) are no words.

use super::address::is_name;

const RELAY: [u8; 5] = *b"relay";

/// The word is there, whatever follows its letters.
const WORD: u8 = 5;
/// And a dot: it ends a sentence, or goes on as a name.
const DOT: u8 = 6;
/// The current word is another, a name, or an address.
const OTHER: u8 = 7;

/// Looks at the octets of a reply's text as they come.
#[derive(Clone, Copy, Debug, Default)]
pub struct RelayWord {
    /// Letters of "relay" that the current word begins with, or one of the above.
    letters: u8,
    found: bool,
}

impl RelayWord {
    /// Before the first octet.
    pub const fn new() -> Self {
        Self {
            letters: 0,
            found: false,
        }
    }

    /// Takes an octet. A blank ends a word, as every other separator does.
    #[cfg_attr(not(feature = "std"), inline(never))]
    pub fn feed(&mut self, octet: u8) {
        let wanted = RELAY.get(usize::from(self.letters));
        self.letters = match (octet, self.letters) {
            (b'.', WORD | DOT) => DOT,
            (b'.' | b'@', _) => OTHER,
            _ if !is_name(octet) => {
                self.found |= matches!(self.letters, WORD | DOT);
                0
            }
            (_, WORD) => WORD,
            (_, letters) if wanted == Some(&(octet | 0x20)) => letters.wrapping_add(1),
            _ => OTHER,
        };
    }

    /// Whether the word was there.
    pub fn found(self) -> bool {
        self.found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> bool {
        let mut word = RelayWord::new();
        for octet in text.bytes() {
            word.feed(octet);
        }
        word.feed(b' ');
        word.found()
    }

    #[test]
    fn relaying_is_recognised_in_any_wording() {
        for text in [
            "5.7.1 <a@b.cz>: Relay access denied",
            "RELAYING DENIED",
            "relay not permitted",
            "we are unable to relay.",
            "Relaying-denied",
            "no relay: log in",
            "RELAY_DENIED",
            "relay.",
            "(relay)",
            "relay.example.org does not relay",
        ] {
            assert!(found(text), "{text}");
        }
    }

    #[test]
    fn names_that_contain_the_word_are_no_words() {
        for text in [
            "5.1.1 <relay@b.cz>: user unknown",
            "relay.example.org says no such user",
            "mx-relay.example.org: no such user",
            "user relay@example.org unknown",
            "user a@relay.example.org unknown",
            "rel ay",
            "prelay",
            "rela",
            "",
        ] {
            assert!(!found(text), "{text}");
        }
    }
}
