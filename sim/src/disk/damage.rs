//! Damage to durable bytes: a flipped bit, a write at the wrong place, a write that never happened (Bairavasundaram et al., "An
//! Analysis of Data Corruption in the Storage Stack", FAST 2008).
//!
//! What the latest sync of a file covered is spared, and so is what a crash met since: when that is damaged, nobody can tell it
//! from a write that a crash tore, on one disk without syncing twice (Alagappan et al., "Protocol-Aware Recovery for
//! Consensus-Based Storage", FAST 2018). A file that got its name when everything in it was durable is not spared: the name
//! says that it was whole. What it simplifies: one damage at a time; what was at the place of a write before it is taken for
//! zeros; a misdirected write stays in its file; names are never damaged.

use std::ops::Range;

use super::Disk;
use super::file::{File, overwrite};
use crate::fault::Damage;

/// Where the durable writes were is not known: every sector is taken for one.
const SECTOR: usize = 512;

impl Disk {
    /// Damages durable bytes. Returns whether any is different now.
    pub fn damage(&mut self, damage: Damage) -> bool {
        let names = &self.directory;
        let files = self.files.iter().filter(|(id, _)| names.keeps(**id));
        let places = files.flat_map(|(id, file)| file.places().map(|place| (*id, place)));
        let places: Vec<_> = places.collect();
        if places.is_empty() {
            return false;
        }
        let (id, place) = places[self.damage_draws.below(places.len() as u64) as usize].clone();
        let file = self.files.get_mut(&id).expect("the file was just listed");
        let before = file.durable.clone();
        match damage {
            Damage::Rot => {
                let bit = self.damage_draws.below(place.len() as u64 * 8) as usize;
                file.durable[place.start + bit / 8] ^= 1 << (bit % 8);
            }
            Damage::Phantom => file.blank(place),
            Damage::Misdirected => {
                let bytes = file.durable[place.clone()].to_vec();
                file.blank(place.clone());
                let others: Vec<_> = places.iter().filter(|other| **other != (id, place.clone())).collect();
                let others: Vec<_> = others.into_iter().filter(|(other, _)| *other == id).collect();
                // The place of another write, or between two.
                let half = self.damage_draws.below(2) as usize;
                let at = match self.damage_draws.below(others.len().max(1) as u64) as usize {
                    _ if others.is_empty() => place.start + place.len() / 2,
                    number => others[number].1.start + half * (others[number].1.len() / 2),
                };
                let room = file.room_from(at).min(bytes.len());
                overwrite(&mut file.durable, at, &bytes[..room]);
            }
        }
        let is_changed = file.durable != before;
        self.counts.damages += u64::from(is_changed);
        is_changed
    }
}

impl File {
    /// Where there are durable bytes that may be damaged, write by write.
    fn places(&self) -> impl Iterator<Item = Range<usize>> {
        let len = self.durable.len();
        let sectors = if self.durable_writes.is_empty() { len.div_ceil(SECTOR) } else { 0 };
        let sectors = (0..sectors).map(move |number| number * SECTOR..len.min((number + 1) * SECTOR));
        let places = self.durable_writes.iter().cloned().chain(sectors);
        places.filter(move |place| !place.is_empty() && place.end <= len && !self.spares(place))
    }

    fn spares(&self, place: &Range<usize>) -> bool {
        !self.is_sealed && place.start < self.latest.end && self.latest.start < place.end
    }

    /// How many bytes from an offset on may be damaged.
    fn room_from(&self, at: usize) -> usize {
        let end = if self.is_sealed || at >= self.latest.end { self.durable.len() } else { self.latest.start };
        end.saturating_sub(at)
    }

    /// Takes a write back. At the end of the file, the file ends before it.
    fn blank(&mut self, place: Range<usize>) {
        if place.end == self.durable.len() {
            self.durable.truncate(place.start);
        } else {
            self.durable[place].fill(0);
        }
    }
}
