//! Known words as a tree, made at compile time and walked octet by octet.
//!
//! The tree is a string of octets; a node is a position in it. At a node is the octet that a word may have next, and behind
//! it the next node. Where words differ, a branch precedes the octet: `JUMP` and the distance to the next alternative. A
//! blank ends a word; behind it are the word's value and the node of its parameters, or `END`. So AUTH (1), AUTH PLAIN (2)
//! and AUTH LOGIN (3) are `AUTH `, 1, branch to L, `PLAIN `, 2, `END`, `LOGIN `, 3, `END`.

/// The node of words that are not known: nothing follows it.
pub const NOTHING: u8 = 0;

/// The node before the first octet of a word.
pub const START: u8 = NOTHING + 1;

/// A branch; the distance to the next alternative is added to it.
const JUMP: u8 = 0x80;

/// An octet that is not in any word.
const END: u8 = b'\n';

/// The most octets of a tree: a node is a `u8`.
const MOST: usize = 256;

/// Values are below this.
const VALUES: usize = 32;

/// A word, in upper case, and its value. A keyword and one of its parameters are a word, too; the keyword alone is to be
/// known then.
pub type Word = (&'static str, u8);

/// Words being laid out.
pub struct Layout {
    octets: [u8; MOST],
    /// How many octets the tree has.
    pub length: usize,
    /// The node behind the word with each value.
    behind: [u8; VALUES],
}

// Evaluated by the compiler.
#[allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]
impl Layout {
    /// The layout of these words.
    pub const fn of(words: &[Word]) -> Self {
        assert!(!words.is_empty() && words.len() <= u32::BITS as usize);
        let mut layout = Self {
            octets: [END; MOST],
            length: START as usize,
            behind: [NOTHING; VALUES],
        };
        layout.alternatives(words, u32::MAX >> (u32::BITS as usize - words.len()), 0);
        layout
    }

    /// The node of the parameters of the word with this value.
    pub const fn behind(&self, value: u8) -> u8 {
        self.behind[value as usize]
    }

    /// The tree itself.
    pub const fn tree<const LENGTH: usize>(&self) -> [u8; LENGTH] {
        let mut tree = [END; LENGTH];
        let mut node = 0;
        while node < LENGTH {
            tree[node] = self.octets[node];
            node += 1;
        }
        tree
    }

    /// Appends what may follow the octets before `depth`, which all words of the set `left` share.
    const fn alternatives(&mut self, words: &[Word], mut left: u32, depth: usize) {
        while left != 0 {
            let first = left.trailing_zeros() as usize;
            let octet = octet_of(words[first].0, depth);
            let mut same = 0;
            let mut index = first;
            while index < words.len() {
                if left & 1 << index != 0 && octet_of(words[index].0, depth) == octet {
                    same |= 1 << index;
                }
                index += 1;
            }
            left &= !same;
            let branch = self.length;
            if left != 0 {
                self.append(JUMP);
            }
            self.append(octet);
            if octet == b' ' {
                let word = Self::ended(words, same, depth);
                same &= !(1 << word);
                self.append(words[word].1);
                self.behind[words[word].1 as usize] = self.length as u8;
            }
            if same == 0 {
                self.append(END);
            }
            self.alternatives(words, same, depth + 1);
            if left != 0 {
                let distance = self.length - branch - 1;
                assert!(distance < JUMP as usize, "too many words between two alternatives");
                self.octets[branch] = JUMP + distance as u8;
            }
        }
    }

    /// Which word of the set ends at `depth`.
    const fn ended(words: &[Word], set: u32, depth: usize) -> usize {
        let mut index = 0;
        while set & 1 << index == 0 || words[index].0.len() != depth {
            index += 1;
            assert!(index < words.len(), "parameters of a keyword that is not known alone");
        }
        index
    }

    const fn append(&mut self, octet: u8) {
        self.octets[self.length] = octet;
        self.length += 1;
    }
}

/// An octet of a word; a blank ends it.
#[allow(clippy::indexing_slicing)]
const fn octet_of(word: &str, at: usize) -> u8 {
    let word = word.as_bytes();
    if at < word.len() { word[at] } else { b' ' }
}

/// The node behind this octet; [`NOTHING`] where no known word goes on with it.
pub fn next(tree: &[u8], node: u8, octet: u8) -> u8 {
    let (mut node, mut alternative) = (node, NOTHING);
    while let Some(here) = tree.get(usize::from(node)) {
        node = node.wrapping_add(1);
        if *here >= JUMP {
            alternative = node.wrapping_add(here & !JUMP);
        } else if *here == octet {
            return node;
        } else {
            node = alternative;
            if node == NOTHING {
                break;
            }
            alternative = NOTHING;
        }
    }
    NOTHING
}

#[cfg(test)]
mod tests {
    use super::*;

    /// More words than a device knows, in no order; some share a beginning, or are the beginning of others.
    const WORDS: [Word; 21] = [
        ("PIPELINING", 3),
        ("8BITMIME", 0),
        ("SIZE", 1),
        ("AUTH", 2),
        ("AUTH SCRAM-SHA-256", 4),
        ("AUTH SCRAM-SHA-1", 5),
        ("AUTH SCRAM-SHA-1-PLUS", 6),
        ("AUTH CRAM-MD5", 7),
        ("AUTH XOAUTH2", 8),
        ("AUTH OAUTHBEARER", 9),
        ("AUTH PLAIN", 10),
        ("AUTH LOGIN", 11),
        ("STARTTLS", 12),
        ("CHUNKING", 13),
        ("SMTPUTF8", 14),
        ("LIMITS", 15),
        ("LIMITS RCPTMAX", 16),
        ("LIMITS MAILMAX", 17),
        ("ENHANCEDSTATUSCODES", 18),
        ("DSN", 19),
        ("SIZEABLE", 31),
    ];
    const LAYOUT: Layout = Layout::of(&WORDS);
    static TREE: [u8; LAYOUT.length] = LAYOUT.tree();

    /// The value of a word, walked along from a node.
    fn value(text: &str) -> Option<u8> {
        let (mut node, mut value) = (START, None);
        for word in text.split(' ') {
            for octet in word.bytes() {
                node = next(&TREE, node, octet);
            }
            node = next(&TREE, node, b' ');
            if node == NOTHING {
                return None;
            }
            value = Some(TREE[usize::from(node)]);
            node += 1;
        }
        value
    }

    #[test]
    fn each_known_word_has_its_value() {
        for (word, wanted) in WORDS {
            assert_eq!(value(word), Some(wanted), "{word}");
        }
    }

    #[test]
    fn other_words_have_none() {
        for (word, _) in WORDS {
            for length in 0..word.len() {
                let part = &word[..length];
                let known = WORDS.iter().find(|(word, _)| *word == part);
                assert_eq!(value(part), known.map(|(_, value)| *value), "{part}");
            }
            for octet in (0..=255u8).map(char::from).filter(|octet| *octet != ' ') {
                let longer = std::format!("{word}{octet}");
                let known = WORDS.iter().find(|(word, _)| *word == longer);
                assert_eq!(value(&longer), known.map(|(_, value)| *value), "{longer}");
                let other = std::format!("{octet}{}", &word[1..]);
                let known = WORDS.iter().find(|(word, _)| *word == other);
                assert_eq!(value(&other), known.map(|(_, value)| *value), "{other}");
            }
        }
        for text in ["PLAIN", "AUTH RCPTMAX", "LIMITS PLAIN", "DSN PLAIN", "AUTH PLAIN LOGIN"] {
            assert_eq!(value(text), None, "{text}");
        }
    }

    #[test]
    fn the_node_behind_a_word_is_that_of_its_parameters() {
        let plain = "PLAIN ".bytes();
        let node = plain.fold(LAYOUT.behind(2), |node, octet| next(&TREE, node, octet));
        assert_eq!(TREE[usize::from(node)], 10);
        assert_eq!(next(&TREE, LAYOUT.behind(19), b'P'), NOTHING);
    }
}
