//! How an input is read. It never fails: behind its end there are zeros and empty fields.

/// Ends a field.
pub const END: u8 = 0xff;
/// The next octet is meant as it is, also where it would end the field.
pub const LITERAL: u8 = 0xfd;

/// What is left of an input.
#[derive(Clone, Debug)]
pub struct Input<'a> {
    rest: &'a [u8],
}

impl<'a> Input<'a> {
    pub fn new(octets: &'a [u8]) -> Self {
        Self { rest: octets }
    }

    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next octet, if there is one.
    pub fn pull(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    /// The next octet, or 0.
    pub fn octet(&mut self) -> u8 {
        self.pull().unwrap_or(0)
    }

    /// The next two octets, as a number.
    pub fn number(&mut self) -> usize {
        usize::from(self.octet()) << 8 | usize::from(self.octet())
    }

    /// One of several.
    pub fn pick<T: Copy>(&mut self, all: &[T]) -> T {
        all[usize::from(self.octet()) % all.len()]
    }

    /// The octets up to [`END`].
    pub fn field(&mut self) -> Vec<u8> {
        let mut field = Vec::new();
        while let Some(octet) = self.pull() {
            match octet {
                END => break,
                LITERAL => field.extend(self.pull()),
                _ => field.push(octet),
            }
        }
        field
    }

    /// All that is left.
    pub fn rest(self) -> &'a [u8] {
        self.rest
    }
}

/// The other way round: a field as [`Input::field`] reads it.
pub fn put_field(field: &[u8], input: &mut Vec<u8>) {
    for &octet in field {
        if matches!(octet, END | LITERAL) {
            input.push(LITERAL);
        }
        input.push(octet);
    }
    input.push(END);
}
