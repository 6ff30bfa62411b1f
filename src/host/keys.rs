//! What the passwords of a client's configuration come to with SCRAM: saved, so that the next mail need not derive it again.

use crate::auth::derivation::Keys;

/// How many are saved: for a list of servers, one each.
const SAVED: usize = 4;

/// Tells the keys of one login from those of another.
pub type Tag = [u8; 32];

/// Saved keys. They are wiped when this ends.
pub struct Saved {
    /// Of which configuration.
    configuration: u32,
    entries: [Option<(Tag, Keys)>; SAVED],
    /// Which of them is the oldest.
    oldest: usize,
}

impl Saved {
    /// None yet, of this configuration.
    pub const fn new(configuration: u32) -> Self {
        Self {
            configuration,
            entries: [const { None }; SAVED],
            oldest: 0,
        }
    }

    /// Whether they are of this configuration.
    pub fn are_of(&self, configuration: u32) -> bool {
        self.configuration == configuration
    }

    /// Those with this tag.
    pub fn get(&self, tag: &Tag) -> Option<Keys> {
        let mut all = self.entries.iter().flatten();
        all.find(|(of, _)| of == tag).map(|(_, keys)| keys.clone())
    }

    /// Saves keys, in the place of the oldest where there is no other.
    pub fn save(&mut self, tag: Tag, keys: &Keys) {
        if self.get(&tag).is_some() {
            return;
        }
        if let Some(place) = self.entries.get_mut(self.oldest) {
            *place = Some((tag, keys.clone()));
        }
        self.oldest = self.oldest.wrapping_add(1) % SAVED;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::derivation::Rounds;
    use crate::auth::digest::Hash;

    #[test]
    fn a_few_are_saved_and_the_oldest_goes() {
        let keys = |salt: u8| Rounds::begin(Hash::Sha256, b"pencil", &[salt], 1).go_on(1).unwrap();
        let mut saved = Saved::new(7);
        assert!(saved.are_of(7) && !saved.are_of(8));
        for number in 0..6u8 {
            saved.save([number; 32], &keys(number));
            // Saving it again takes no place.
            saved.save([number; 32], &keys(99));
        }
        for number in 0..6 {
            let found = saved.get(&[number; 32]).map(|found| found.client);
            let wanted = (number >= 2).then(|| keys(number).client);
            assert_eq!(found, wanted, "{number}");
        }
    }
}
