//! Rules for the source that a compiler does not know, and that a person would forget.

use std::collections::BTreeMap;

use super::source::{File, Sources};
use super::tokens::{Kind, Token};

/// What a rule has found: the file, what is wrong, and where.
type Offences = BTreeMap<(String, String), String>;

/// Known offences: the rule, the file, and what is wrong. The list only gets shorter: the test fails while it has an entry that
/// is no offence any more.
const KNOWN: &[(&str, &str, &str)] = &[];

const BY_NUMBER: &str = "has one";
const IN_PATTERN: &str = "taken by its place in a pattern";
const IN_CIRCLE: &str = "is in one";

/// A rule, by its name.
type Rule = (&'static str, fn(&Sources) -> Offences);

const CONTROL: &str = "no control character by its number";
const POSITION: &str = "no position in a list by its number";
const ONCE: &str = "RCPT TO is written once";
const CIRCLE: &str = "no circle of files";

const RULES: [Rule; 4] = [
    (CONTROL, control_characters),
    (POSITION, positions),
    (ONCE, forward_paths),
    (CIRCLE, circles),
];

fn note(offences: &mut Offences, file: &File, what: impl Into<String>, line: usize) {
    let path = file.path.display().to_string();
    let at = format!("{path}:{line}");
    offences.entry((path, what.into())).or_insert(at);
}

/// Whether a literal has a control character by its number (`\x13`, `\u{13}`), or as it is.
fn has_control(literal: &str) -> bool {
    let (prefix, body) = literal.split_at(literal.find(['"', '\'']).unwrap_or(0));
    let mut letters = body.chars();
    while let Some(letter) = letters.next() {
        if letter.is_control() && letter != '\n' {
            return true;
        }
        if letter != '\\' || prefix.contains('r') {
            continue;
        }
        let (digits, octet): (String, bool) = match letters.next() {
            Some('x') => (letters.by_ref().take(2).collect(), true),
            Some('u') => (
                letters.by_ref().skip(1).take_while(|letter| *letter != '}').collect(),
                false,
            ),
            _ => continue,
        };
        let number = u32::from_str_radix(&digits.replace('_', ""), 16).unwrap_or(0);
        let control = char::from_u32(number).is_some_and(char::is_control);
        // An octet from 0x80 on is no character.
        if control && !(octet && number >= 0x80) {
            return true;
        }
    }
    false
}

/// No control character is written by its number in a literal: `\r`, `\n`, `\t` and `\0` have names, and a template's parts
/// have theirs.
fn control_characters(sources: &Sources) -> Offences {
    let mut offences = Offences::new();
    for file in &sources.files {
        for token in file.code.iter().filter(|token| token.kind == Kind::Literal) {
            if has_control(&token.text) {
                note(&mut offences, file, BY_NUMBER, token.line);
            }
        }
    }
    offences
}

/// Lists whose entries have names.
const LISTS: [&str; 2] = ["texts", "limits"];

/// A constant of an integer type.
struct Constant<'a> {
    name: &'a str,
    /// Its value, where it is a plain number.
    value: Option<u64>,
    line: usize,
}

fn constants(code: &[Token]) -> Vec<Constant<'_>> {
    let mut found = Vec::new();
    for window in code.windows(7) {
        let [word, name, colon, kind, equals, value, end] = window else {
            unreachable!()
        };
        let integer = matches!(kind.text.as_str(), "usize" | "u8" | "u16" | "u32" | "u64" | "i32");
        if word.is("const") && colon.is(":") && equals.is("=") && integer {
            let plain = end.is(";").then(|| value.text.replace('_', "").parse().ok());
            found.push(Constant {
                name: &name.text,
                value: plain.flatten(),
                line: name.line,
            });
        }
    }
    found
}

fn is(code: &[Token], at: usize, text: &str) -> bool {
    code.get(at).is_some_and(|token| token.is(text))
}

fn is_list(code: &[Token], at: usize) -> bool {
    LISTS.iter().any(|list| is(code, at, list))
}

/// The index in `list[index]` or `list.get(index)` whose bracket is at `open`, where it is a constant, or a number in one of
/// the [`LISTS`].
fn fixed_index<'a>(code: &'a [Token], open: usize, constants: &[Constant<'_>]) -> Option<&'a Token> {
    let before = &code[open.checked_sub(1)?];
    let (list, close) = if is(code, open, "[") && (before.kind == Kind::Word || before.is("]") || before.is(")")) {
        (open - 1, "]")
    } else if is(code, open, "(") && (before.is("get") || before.is("get_mut")) {
        (open.checked_sub(3)?, ")")
    } else {
        return None;
    };
    let index = code.get(open + 1).filter(|_| is(code, open + 2, close))?;
    let named = constants.iter().any(|constant| index.is(constant.name));
    (named || (index.kind == Kind::Number && is_list(code, list))).then_some(index)
}

/// Whether the token at `at` begins a pattern that takes one of the [`LISTS`] apart: `let [_, name, ..] = list` or
/// `match list { [_, name, ..] => ...`.
fn takes_apart(code: &[Token], at: usize) -> bool {
    if !is(code, at, "[") || at < 2 {
        return false;
    }
    let statement = code[at..].iter().take_while(|token| !token.is(";"));
    let mut value = statement
        .skip_while(|token| !token.is("="))
        .take_while(|token| !token.is("{"));
    let of_let = is(code, at - 1, "let") && value.any(|token| LISTS.iter().any(|list| token.is(list)));
    of_let || (is(code, at - 1, "{") && is_list(code, at - 2))
}

/// The first of the constants that are numbered one after the other: three or more, or two from 0 on.
fn first_numbered<'a>(constants: &'a [Constant<'a>], at: usize) -> Option<&'a Constant<'a>> {
    let value = constants[at].value?;
    let before = at.checked_sub(1).and_then(|before| constants[before].value);
    if before.is_some_and(|before| before + 1 == value) {
        return None;
    }
    let follow = constants[at..]
        .iter()
        .zip(value..)
        .take_while(|(constant, wanted)| constant.value == Some(*wanted));
    (follow.count() >= if value == 0 { 2 } else { 3 }).then_some(&constants[at])
}

/// Positions that stand for names: an entry of one of the [`LISTS`] by its number or by its place in a pattern, any list that is
/// indexed by a constant, and constants that are numbered one after the other, which an enum does without counting.
fn positions(sources: &Sources) -> Offences {
    let mut offences = Offences::new();
    for file in &sources.files {
        let code = &file.code;
        let constants = constants(code);
        for at in 0..code.len() {
            if let Some(index) = fixed_index(code, at, &constants) {
                note(&mut offences, file, format!("index {}", index.text), index.line);
            }
            if takes_apart(code, at) {
                note(&mut offences, file, IN_PATTERN, code[at].line);
            }
        }
        // The numbers of the C interface are what its header says.
        let numbered = if file.path.starts_with("src/ffi") {
            &[]
        } else {
            &*constants
        };
        for at in 0..numbered.len() {
            if let Some(first) = first_numbered(numbered, at) {
                note(
                    &mut offences,
                    file,
                    format!("numbered from {} on", first.name),
                    first.line,
                );
            }
        }
    }
    offences
}

/// `RCPT TO` stands in one literal: whoever looks for where the command is written finds that and nothing else.
fn forward_paths(sources: &Sources) -> Offences {
    let mut found = Vec::new();
    for file in &sources.files {
        let literals = file.code.iter().filter(|token| token.kind == Kind::Literal);
        found.extend(
            literals
                .filter(|token| token.text.contains("RCPT TO"))
                .map(|token| (file, token.line)),
        );
    }
    let mut offences = Offences::new();
    if found.len() != 1 {
        for (file, line) in &found {
            note(&mut offences, file, format!("one of {}", found.len()), *line);
        }
        if found.is_empty() {
            offences.insert((String::new(), "nowhere".to_string()), "src".to_string());
        }
    }
    offences
}

/// No file uses names of a file that uses its names, also by way of others.
fn circles(sources: &Sources) -> Offences {
    let circles = sources.circles().into_iter();
    circles
        .map(|(path, way)| ((path.display().to_string(), IN_CIRCLE.to_string()), way))
        .collect()
}

/// New offences, and known ones that are fixed.
fn judged(sources: &Sources, known: &[(&str, &str, &str)]) -> Vec<String> {
    let mut wrong = Vec::new();
    for (name, rule) in RULES {
        let offences = rule(sources);
        let is_known = |file: &str, what: &str| known.contains(&(name, file, what));
        for ((file, what), place) in &offences {
            if !is_known(file, what) {
                wrong.push(format!("{name}: {file}: {what} ({place})"));
            }
        }
        for (_, file, what) in known.iter().filter(|(rule, ..)| *rule == name) {
            if !offences.contains_key(&(file.to_string(), what.to_string())) {
                wrong.push(format!("{name}: {file}: {what}: fixed; remove it from KNOWN"));
            }
        }
    }
    wrong
}

#[test]
fn the_source_keeps_the_rules_of_the_house() {
    let wrong = judged(&Sources::of_the_library(), KNOWN);
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

fn offences(rule: fn(&Sources) -> Offences, files: &[(&str, &str)]) -> Vec<String> {
    let sources = Sources::new(files.iter().map(|(path, text)| File::new(path, text)).collect());
    rule(&sources)
        .into_keys()
        .map(|(file, what)| format!("{file}: {what}"))
        .collect()
}

fn in_one_file(rule: fn(&Sources) -> Offences, text: &str) -> Vec<String> {
    offences(rule, &[("src/a.rs", text)])
}

#[test]
fn a_control_character_by_its_number_is_found() {
    for literal in [
        r#""EHLO \x05\n""#,
        r#"b"\x1f""#,
        r#"c"\x01""#,
        r"b'\x03'",
        r"'\u{1b}'",
        r#""\u{0_0_9f}""#,
        r#""\x7F""#,
        "\"\u{3}\"",
        "r\"\t\"",
    ] {
        let text = format!("const A: &[u8] = {literal};");
        assert_eq!(in_one_file(control_characters, &text).len(), 1, "{literal}");
    }
    for text in [
        r#"const A: &str = "\r\n\t\0 \\x05 \u{10d} \x20";"#,
        r#"const A: &[u8] = b"\xc3\xa9";"#,
        r##"const A: &str = r#"\x05"#;"##,
        r#"// "\x05""#,
        r#"/* "\x05" /* */ '\x05' */ fn a<'a>(b: &'a str) {}"#,
        "const A: &str = \"one \\\n  line\";",
        r#"#[cfg(test)] mod tests { const A: &str = "\x05"; }"#,
        r#"#[cfg(test)] #[allow(unused)] use super::{a}; "#,
        r#"#[cfg(all(test, feature = "std"))] const A: [&str; 1] = ["\x05"];"#,
    ] {
        assert_eq!(in_one_file(control_characters, text), [""; 0], "{text}");
    }
    let behind_tests = r#"#[cfg(test)] mod tests { fn a() {} } const A: &str = "\x05";"#;
    assert_eq!(in_one_file(control_characters, behind_tests).len(), 1);
}

#[test]
fn a_position_that_stands_for_a_name_is_found() {
    for (text, what) in [
        ("fn a(s: &S) { s.texts[0]; }", "index 0"),
        ("fn a(s: &S) { s.texts.get(2); }", "index 2"),
        ("fn a(s: &mut S) { s.limits.get_mut(2); }", "index 2"),
        (
            "pub const QUIT: usize = 9; fn a(s: &S) { s.any.get(QUIT); }",
            "index QUIT",
        ),
        (
            "const QUIT: usize = LIMITS - 2; fn a(s: &S) { s.any[QUIT]; }",
            "index QUIT",
        ),
        ("fn a(s: &S) { let [_, _, sender, ..] = s.texts; }", IN_PATTERN),
        (
            "fn a(s: &S) { let [_, name @ ..] = &s.texts else { return }; }",
            IN_PATTERN,
        ),
        ("fn a(s: &S) -> u32 { match s.limits { [_, a, ..] => a } }", IN_PATTERN),
        (
            "pub const USERNAME: usize = 0; pub const PASSWORD: usize = 1;",
            "numbered from USERNAME on",
        ),
        (
            "const A: u8 = 4; const B: u8 = 5; const C: u8 = 6;",
            "numbered from A on",
        ),
    ] {
        assert_eq!(in_one_file(positions, text), [format!("src/a.rs: {what}")], "{text}");
    }
    for text in [
        "fn a(s: &S) { s.texts[Field::Sender as usize]; s.texts.get(field as usize); }",
        "fn a(s: &S) { s.octets[0]; s.octets.get(1); let [a, b] = s.pair; let x = [texts]; }",
        "const LONG: usize = 3; fn a() { let x = [0; LONG]; let y: [u8; LONG] = x; f(&[LONG]); }",
        "const A: u32 = 75; const B: u32 = 76; const C: u32 = 998;",
    ] {
        assert_eq!(in_one_file(positions, text), [""; 0], "{text}");
    }
}

#[test]
fn a_second_forward_path_is_found() {
    let one = r#"const A: &str = concat!("RCPT TO:<", ">"); /// RCPT TO
        #[cfg(test)] mod tests { const A: &str = "RCPT TO:<a@b>"; }"#;
    assert_eq!(in_one_file(forward_paths, one), [""; 0]);
    let two = offences(
        forward_paths,
        &[("src/a.rs", one), ("src/b.rs", r#"fn a() { put(b"RCPT TO:<") }"#)],
    );
    assert_eq!(two, ["src/a.rs: one of 2", "src/b.rs: one of 2"]);
    assert_eq!(in_one_file(forward_paths, "// RCPT TO").len(), 1);
}

#[test]
fn a_circle_of_files_is_found() {
    let round = |files: &[(&str, &str)]| {
        let found = offences(circles, files).into_iter();
        found
            .map(|offence| offence.split(':').next().unwrap().to_string())
            .collect::<Vec<_>>()
    };
    let top = ("src/lib.rs", "pub mod a; pub mod b;");
    // By `use`, and by a path without one.
    assert_eq!(
        round(&[
            top,
            ("src/a.rs", "use crate::b::B; pub struct A;"),
            ("src/b.rs", "fn b() { super::a::A; }")
        ]),
        ["src/a.rs", "src/b.rs"]
    );
    // By way of a third file, through a re-export, and by the name of an imported module.
    assert_eq!(
        round(&[
            ("src/h/mod.rs", "mod a; mod b; mod c; pub use a::A;"),
            ("src/h/a.rs", "use super::{b}; pub struct A; fn a() { b::b(); }"),
            ("src/h/b.rs", "use super::c::C as D; pub fn b() {}"),
            ("src/h/c.rs", "use crate::h::A; pub struct C;"),
        ]),
        ["src/h/a.rs", "src/h/b.rs", "src/h/c.rs"]
    );
    // What mod.rs defines while it uses those who need it.
    assert_eq!(
        round(&[
            (
                "src/s/mod.rs",
                "mod linux; use linux as system; pub use system::send; pub enum Failure {}"
            ),
            ("src/s/linux.rs", "use super::Failure; pub fn send() {}"),
        ]),
        ["src/s/linux.rs", "src/s/mod.rs"]
    );
    // Neighbours, a story that only re-exports, an import of a module in which nothing is named, tests.
    assert_eq!(
        round(&[
            ("src/h/mod.rs", "pub mod a; mod b; pub use a::A; pub use b::*;"),
            (
                "src/h/a.rs",
                "use super::b::B; pub struct A; impl A { fn a(self) { Self::b(); B::c(); } }"
            ),
            (
                "src/h/b.rs",
                "pub struct B; #[cfg(test)] mod tests { use crate::h::a::A; }"
            ),
            ("src/c.rs", "use crate::h; use std::h::A; fn c(_: h::A) {}"),
        ]),
        [""; 0]
    );
}

#[test]
fn a_known_offence_passes_until_it_is_fixed() {
    let good = r#"const A: &str = "RCPT TO";"#;
    let bad = r#"const A: &str = "RCPT TO\x05";"#;
    let sources = |text| Sources::new(vec![File::new("src/a.rs", text)]);
    let known = [(CONTROL, "src/a.rs", BY_NUMBER)];
    assert_eq!(judged(&sources(good), &[]), [""; 0]);
    assert_eq!(judged(&sources(bad), &known), [""; 0]);
    assert!(judged(&sources(bad), &[])[0].contains("has one (src/a.rs:1)"));
    assert!(judged(&sources(good), &known)[0].contains("fixed"));
}
