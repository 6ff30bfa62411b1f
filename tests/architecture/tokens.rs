//! Rust source as tokens, without comments and without what is built for tests only.

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An identifier or a keyword.
    Word,
    /// A number.
    Number,
    /// A string, byte string or character, with its prefix and quotes.
    Literal,
    /// Any other character.
    Sign,
}

/// A token, and the line it begins in.
#[derive(Clone, Debug)]
pub struct Token {
    pub kind: Kind,
    pub text: String,
    pub line: usize,
}

impl Token {
    pub fn is(&self, text: &str) -> bool {
        self.kind != Kind::Literal && self.text == text
    }
}

struct Lexer {
    letters: Vec<char>,
    at: usize,
    line: usize,
}

impl Lexer {
    fn peek(&self, further: usize) -> char {
        self.letters.get(self.at + further).copied().unwrap_or('\0')
    }

    fn take(&mut self) -> char {
        let letter = self.peek(0);
        self.line += usize::from(letter == '\n');
        self.at += 1;
        letter
    }

    fn ended(&self) -> bool {
        self.at >= self.letters.len()
    }

    fn word(&mut self) -> String {
        let mut word = String::new();
        while self.peek(0).is_alphanumeric() || self.peek(0) == '_' {
            word.push(self.take());
        }
        word
    }

    fn skip_comment(&mut self) {
        if self.peek(1) == '/' {
            while !self.ended() && self.peek(0) != '\n' {
                self.take();
            }
            return;
        }
        let mut depth = 0;
        while !self.ended() {
            let (step, pair) = match (self.peek(0), self.peek(1)) {
                ('/', '*') => (1, true),
                ('*', '/') => (-1, true),
                _ => (0, false),
            };
            depth += step;
            self.take();
            if pair {
                self.take();
            }
            if depth == 0 {
                return;
            }
        }
    }

    /// The rest of a quoted literal, from its first quote on.
    fn quoted(&mut self) -> String {
        let quote = self.take();
        let mut text = String::from(quote);
        while !self.ended() {
            let letter = self.take();
            text.push(letter);
            if letter == '\\' {
                text.push(self.take());
            } else if letter == quote {
                break;
            }
        }
        text
    }

    /// The rest of a raw string, from its first `#` or quote on.
    fn raw(&mut self) -> String {
        let mut hashes = 0;
        while self.peek(0) == '#' {
            self.take();
            hashes += 1;
        }
        self.take();
        let end: String = std::iter::once('"').chain(std::iter::repeat_n('#', hashes)).collect();
        let mut text = String::from('"');
        while !self.ended() && !text[1..].ends_with(&end) {
            text.push(self.take());
        }
        text
    }

    fn is_character(&self) -> bool {
        self.peek(0) == '\'' && (self.peek(1) == '\\' || self.peek(2) == '\'')
    }

    fn next(&mut self) -> Option<Token> {
        loop {
            match (self.peek(0), self.peek(1)) {
                _ if self.ended() => return None,
                ('/', '/' | '*') => self.skip_comment(),
                (blank, _) if blank.is_whitespace() => {
                    self.take();
                }
                _ => break,
            }
        }
        let line = self.line;
        let (kind, text) = match self.peek(0) {
            '"' => (Kind::Literal, self.quoted()),
            '\'' if self.is_character() => (Kind::Literal, self.quoted()),
            digit if digit.is_ascii_digit() => (Kind::Number, self.word()),
            letter if letter.is_alphabetic() || letter == '_' => {
                let word = self.word();
                let raw = matches!(word.as_str(), "r" | "br" | "cr");
                match (word.as_str(), self.peek(0)) {
                    ("r" | "br" | "cr", '"') => (Kind::Literal, word + &self.raw()),
                    (_, '#') if raw && matches!(self.peek(1), '"' | '#') => (Kind::Literal, word + &self.raw()),
                    ("b" | "c", '"') | ("b", '\'') => (Kind::Literal, word + &self.quoted()),
                    _ => (Kind::Word, word),
                }
            }
            _ => (Kind::Sign, self.take().to_string()),
        };
        Some(Token { kind, text, line })
    }
}

fn tokens(source: &str) -> Vec<Token> {
    let mut lexer = Lexer {
        letters: source.chars().collect(),
        at: 0,
        line: 1,
    };
    std::iter::from_fn(|| lexer.next()).collect()
}

/// Behind the bracket that closes the one at `open`.
fn behind_bracket(tokens: &[Token], open: usize) -> usize {
    let mut depth = 0usize;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        if token.kind == Kind::Sign {
            match token.text.as_str() {
                "(" | "[" | "{" => depth += 1,
                ")" | "]" | "}" => depth -= 1,
                _ => {}
            }
        }
        if depth == 0 {
            return at + 1;
        }
    }
    tokens.len()
}

/// Behind the item that begins at `at`: behind its semicolon or its body.
fn behind_item(tokens: &[Token], mut at: usize) -> usize {
    let imports = tokens[at..].iter().take(5).any(|token| token.is("use"));
    while at < tokens.len() {
        let body = tokens[at].is("{") && !imports;
        if tokens[at].is(";") {
            return at + 1;
        }
        at = if "([{".contains(&tokens[at].text) && tokens[at].kind == Kind::Sign {
            behind_bracket(tokens, at)
        } else {
            at + 1
        };
        if body {
            return at;
        }
    }
    at
}

fn is_for_tests(attribute: &[Token]) -> bool {
    let has = |word| attribute.iter().any(|token| token.is(word));
    attribute.get(2).is_some_and(|token| token.is("cfg")) && has("test") && !has("not") && !has("any")
}

/// A file's tokens, without items that are built for tests only.
pub fn code(source: &str) -> Vec<Token> {
    let all = tokens(source);
    let mut kept = Vec::new();
    let mut at = 0;
    while at < all.len() {
        let attribute = all[at].is("#") && all.get(at + 1).is_some_and(|token| token.is("["));
        let behind = if attribute {
            behind_bracket(&all, at + 1)
        } else {
            at + 1
        };
        if !(attribute && is_for_tests(&all[at..behind])) {
            kept.extend_from_slice(&all[at..behind]);
            at = behind;
            continue;
        }
        at = behind;
        while all.get(at).is_some_and(|token| token.is("#")) {
            at = behind_bracket(&all, at + 1);
        }
        at = behind_item(&all, at);
    }
    kept
}
