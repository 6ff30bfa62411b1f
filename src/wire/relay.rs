//! Whether a refusal speaks of relaying: a word that begins with "relay", in any case, wherever it stands in the text.
//!
//! Servers refuse to relay with 513, 550, 554 and others, and say so in words only. Host names and addresses that contain
//! it (`<relay@example.org>`, `relay.example.org`) are no words.

const RELAY: [u8; 5] = *b"relay";

/// More letters than there are: the word is another.
const OTHER: u8 = 6;

/// Looks at the octets of a reply's text as they come.
#[derive(Clone, Copy, Debug, Default)]
pub struct RelayWord {
    /// Letters of "relay" that the current word begins with; 5 goes for all that follows them.
    letters: u8,
    /// A dot was read: it ends a sentence, or goes on as a name.
    dot: bool,
    /// The current word is a name or an address.
    name: bool,
    found: bool,
}

impl RelayWord {
    /// Before the first octet.
    pub const fn new() -> Self {
        Self {
            letters: 0,
            dot: false,
            name: false,
            found: false,
        }
    }

    /// Takes an octet.
    #[cfg_attr(not(feature = "std"), inline(never))]
    pub fn feed(&mut self, octet: u8) {
        match octet {
            b'.' => self.dot = true,
            b'@' => self.name = true,
            b'-' | b'_' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => {
                self.name |= self.dot;
                if let Some(letter) = RELAY.get(usize::from(self.letters)) {
                    self.letters = if octet | 0x20 == *letter {
                        self.letters.wrapping_add(1)
                    } else {
                        OTHER
                    };
                }
            }
            _ => self.end_word(),
        }
    }

    /// Ends a word: at a blank, another separator, or the end of a line.
    pub fn end_word(&mut self) {
        self.found |= usize::from(self.letters) == RELAY.len() && !self.name;
        self.letters = 0;
        self.dot = false;
        self.name = false;
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
        word.end_word();
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
