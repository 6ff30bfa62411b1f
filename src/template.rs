//! Templates: lines with fields in them, written in the source as the grammar has them.
//!
//! A template is a list of [`Part`]s. While the library is built [`octets`] turns it into a few octets: those below [`FIELD`] are
//! text, and any other one is a field, a condition, or the end of a line. A [`Line`] walks along them: it writes the text itself
//! and asks for each field. Where there is room for it (`fast`) the length of a text stands before it, so that it is copied in
//! one piece.

use crate::buffer::Window;

/// A part of a template. Fields and conditions are numbers, which [`fields`] gives a name.
#[derive(Clone, Copy)]
pub enum Part {
    /// This text.
    Say(&'static str),
    /// The value of this field.
    Put(u8),
    /// These parts, where this condition holds; in them no further condition.
    When(u8, &'static [Part]),
    /// These parts.
    All(&'static [Part]),
    /// CR LF.
    End,
}

/// Below this an octet of a template is the length of the text behind it, or [`STOP`].
const TEXT: u8 = b' ';
/// The longest text behind one length.
const MOST: usize = TEXT as usize - 1;
/// From here on the octets of a template are no text: a field or a condition is its number and this.
const FIELD: u8 = 0x80;
/// Between two templates.
const STOP: u8 = 0;
/// The end of what a condition holds for.
const ALWAYS: u8 = 0xFE;
/// The end of a line.
const END: u8 = 0xFF;

/// Names fields and conditions: each gets a number.
macro_rules! fields {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        #[allow(non_camel_case_types, clippy::upper_case_acronyms)]
        #[repr(u8)]
        enum Number { $($(#[$doc])* $name),* }
        $($(#[$doc])* pub(crate) const $name: u8 = Number::$name as u8;)*
    };
}

pub(crate) use fields;

/// How many octets a template takes.
// This and the next three run while the library is built.
#[allow(clippy::arithmetic_side_effects, clippy::indexing_slicing)]
pub const fn length(parts: &[Part]) -> usize {
    let (mut sum, mut at) = (0, 0);
    while at < parts.len() {
        sum += match parts[at] {
            Part::Say(text) if cfg!(fast) => text.len().div_ceil(MOST) + text.len(),
            Part::Say(text) => text.len(),
            Part::Put(_) | Part::End => 1,
            Part::When(_, parts) => 2 + length(parts),
            Part::All(parts) => length(parts),
        };
        at += 1;
    }
    sum
}

/// How many octets templates take, with what stands between them.
#[allow(clippy::arithmetic_side_effects, clippy::indexing_slicing)]
pub const fn length_of_all(templates: &[&[Part]]) -> usize {
    let (mut sum, mut at) = (templates.len(), 0);
    while at < templates.len() {
        sum += length(templates[at]);
        at += 1;
    }
    sum
}

/// The octets of a template, of which there are [`length`].
#[allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation
)]
pub const fn octets<const LENGTH: usize>(parts: &[Part]) -> [u8; LENGTH] {
    let mut octets = [0; LENGTH];
    let end = write(parts, &mut octets, 0);
    assert!(end == LENGTH);
    octets
}

/// Writes the octets of a template from there on; where they end.
#[allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation
)]
const fn write(parts: &[Part], octets: &mut [u8], from: usize) -> usize {
    let (mut end, mut at) = (from, 0);
    while at < parts.len() {
        match parts[at] {
            Part::Say(text) => {
                assert!(text.is_ascii());
                let mut letter = 0;
                while letter < text.len() {
                    if cfg!(fast) && letter % MOST == 0 {
                        let left = text.len() - letter;
                        octets[end] = if left < MOST { left as u8 } else { MOST as u8 };
                        end += 1;
                    }
                    assert!(text.as_bytes()[letter] >= TEXT);
                    octets[end] = text.as_bytes()[letter];
                    end += 1;
                    letter += 1;
                }
            }
            Part::Put(field) => {
                octets[end] = FIELD + field;
                end += 1;
            }
            Part::When(condition, parts) => {
                octets[end] = FIELD + condition;
                end = write(parts, octets, end + 1);
                octets[end] = ALWAYS;
                end += 1;
            }
            Part::All(parts) => end = write(parts, octets, end),
            Part::End => {
                octets[end] = END;
                end += 1;
            }
        }
        at += 1;
    }
    end
}

/// Several templates in one piece, which takes less room than a pointer to each of them.
pub struct Templates<const COUNT: usize, const LENGTH: usize> {
    /// Where each of them begins.
    begins: [u8; COUNT],
    octets: [u8; LENGTH],
}

impl<const COUNT: usize, const LENGTH: usize> Templates<COUNT, LENGTH> {
    /// These templates: of LENGTH octets, with one more for each.
    #[allow(
        clippy::arithmetic_side_effects,
        clippy::indexing_slicing,
        clippy::cast_possible_truncation
    )]
    pub const fn new(templates: [&[Part]; COUNT]) -> Self {
        let (mut begins, mut octets) = ([0; COUNT], [0; LENGTH]);
        let (mut end, mut at) = (0, 0);
        while at < COUNT {
            assert!(end <= u8::MAX as usize);
            begins[at] = end as u8;
            end = write(templates[at], &mut octets, end);
            octets[end] = STOP;
            end += 1;
            at += 1;
        }
        assert!(end == LENGTH);
        Self { begins, octets }
    }

    /// The template with this number, to be written.
    pub fn line(&'static self, number: usize) -> Line {
        let begin = self.begins.get(number).map_or(0, |begin| usize::from(*begin));
        Line::new(self.octets.get(begin..).unwrap_or(&[]))
    }
}

/// A template that is being written.
pub struct Line {
    rest: &'static [u8],
    left_out: bool,
}

impl Line {
    /// A line, from its beginning on.
    pub const fn new(template: &'static [u8]) -> Self {
        Self {
            rest: template,
            left_out: false,
        }
    }

    /// Writes up to the next field or condition, and returns its number: the caller writes the field, or says with
    /// [`Line::when`] whether the condition holds. None: that was all.
    pub fn next(&mut self, out: &mut Window<'_>) -> Option<u8> {
        loop {
            let (&octet, rest) = self.rest.split_first()?;
            self.rest = rest;
            if cfg!(fast) && octet != STOP && octet < TEXT {
                let (text, rest) = rest.split_at_checked(usize::from(octet))?;
                self.rest = rest;
                if !self.left_out {
                    out.put_all(text);
                }
                continue;
            }
            if octet == ALWAYS {
                self.left_out = false;
                continue;
            }
            // Nothing is written of what the condition stands before.
            if self.left_out {
                continue;
            }
            match octet {
                STOP => return None,
                1..FIELD => out.put(octet),
                END => out.end_line(),
                _ => return Some(octet & !FIELD),
            }
        }
    }

    /// Whether the parts that follow the condition are written.
    pub fn when(&mut self, holds: bool) {
        self.left_out = !holds;
    }
}

#[cfg(test)]
mod tests {
    use super::Part::{End, Put, Say, When};
    use super::*;
    use std::string::String;

    fields! { NAME, GREETED, OTHER }

    const GREETING: &[Part] = &[Say("Hello"), When(GREETED, &[Say(", "), Put(NAME)]), Say("!"), End];
    const SHORT: &[Part] = &[Say("ab"), Put(OTHER)];
    static TEMPLATES: Templates<3, { length(GREETING) + length(&[End]) + length(SHORT) + 3 }> =
        Templates::new([GREETING, &[End], SHORT]);

    fn written(mut line: Line, name: Option<&str>) -> String {
        let mut buffer = [0; 64];
        let mut out = Window::new(&mut buffer, 0);
        while let Some(number) = line.next(&mut out) {
            match number {
                NAME => out.put_all(name.unwrap().as_bytes()),
                GREETED => line.when(name.is_some()),
                _ => out.put(b'?'),
            }
        }
        let kept = out.kept();
        String::from_utf8(buffer[..kept].to_vec()).unwrap()
    }

    #[test]
    fn texts_are_written_and_fields_are_asked_for() {
        assert_eq!(written(TEMPLATES.line(0), Some("you")), "Hello, you!\r\n");
        assert_eq!(written(TEMPLATES.line(1), None), "\r\n");
        assert_eq!(written(TEMPLATES.line(2), None), "ab?");
        static ALONE: [u8; length(GREETING)] = octets(GREETING);
        assert_eq!(written(Line::new(&ALONE), Some("you")), "Hello, you!\r\n");
    }

    #[test]
    fn what_a_condition_stands_before_is_left_out_where_it_does_not_hold() {
        assert_eq!(written(TEMPLATES.line(0), None), "Hello!\r\n");
    }

    #[test]
    fn a_line_that_does_not_fit_is_taken_up_where_it_was_cut() {
        let mut all = String::new();
        let mut buffer = [0; 3];
        while all.len() < 13 {
            let mut out = Window::new(&mut buffer, all.len());
            let mut line = TEMPLATES.line(0);
            while let Some(number) = line.next(&mut out) {
                if number == NAME {
                    out.put_all(b"you");
                }
            }
            let kept = out.kept();
            all.push_str(std::str::from_utf8(&buffer[..kept]).unwrap());
        }
        assert_eq!(all, "Hello, you!\r\n");
    }
}
