//! One copy of each string that occurs often: keys and values repeat, and a million operations name few of them.
//!
//! A cache and no table: what hashes to the same place takes it over, so that its memory is bounded however long the
//! history goes on. What it simplifies: long strings are not shared, and two that fight for a place are copied again.

use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_64;

/// The places at first; a power of two.
const PLACES: usize = 1 << 8;

/// The most places; a power of two.
const PLACES_MAX: usize = 1 << 16;

/// The longest string that is kept, in bytes.
const BYTES_MAX: usize = 256;

/// The strings of a history.
#[derive(Default)]
pub(super) struct Texts {
    places: Vec<Option<Arc<str>>>,
    /// How many strings came that were not there.
    new: usize,
}

impl Texts {
    /// The string, shared with earlier equal ones if it can be.
    pub(super) fn share(&mut self, text: &str) -> Arc<str> {
        if text.len() > BYTES_MAX {
            return text.into();
        }
        if self.new >= self.places.len() && self.places.len() < PLACES_MAX {
            self.grow();
        }
        let place = place(text, self.places.len());
        match &mut self.places[place] {
            Some(kept) if **kept == *text => Arc::clone(kept),
            other => {
                self.new += 1;
                Arc::clone(other.insert(text.into()))
            }
        }
    }

    fn grow(&mut self) {
        let kept = std::mem::take(&mut self.places);
        self.places.resize((2 * kept.len()).max(PLACES), None);
        for text in kept.into_iter().flatten() {
            let place = place(&text, self.places.len());
            self.places[place] = Some(text);
        }
    }
}

fn place(text: &str, places: usize) -> usize {
    xxh3_64(text.as_bytes()) as usize % places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_strings_are_one_and_memory_is_bounded() {
        let mut texts = Texts::default();
        let first = texts.share("k");
        assert!(Arc::ptr_eq(&first, &texts.share("k")));
        for number in 0..3 * PLACES_MAX {
            let text = number.to_string();
            assert_eq!(*texts.share(&text), text);
        }
        assert_eq!(texts.places.len(), PLACES_MAX);
        let long = "x".repeat(BYTES_MAX + 1);
        assert!(!Arc::ptr_eq(&texts.share(&long), &texts.share(&long)));
    }
}
