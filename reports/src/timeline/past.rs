//! What led to a step: its causal past (Lamport, "Time, Clocks, and the Ordering of Events", 1978), the latest of it first.
//!
//! A step comes after all earlier ones of its lane, and an arrival after the sending. Timers, disks and notes are passed over:
//! they say least. What it simplifies: so is everything about a fault.

use super::{Kind, Timeline};

impl Timeline {
    /// The last so many steps that led to this one, in order, with itself.
    #[must_use]
    pub fn past(&self, place: usize, most: usize) -> Vec<usize> {
        // How far the past reaches on each lane.
        let mut reach: Vec<Option<usize>> = vec![None; self.lanes.len()];
        let Some(step) = self.steps.get(place) else { return Vec::new() };
        match step.lane {
            Some(lane) => reach[lane] = Some(place),
            // It concerns everybody.
            None => reach.fill(Some(place)),
        }
        let mut past = vec![place];
        for earlier in (0..place).rev() {
            if past.len() >= most {
                break;
            }
            let step = &self.steps[earlier];
            let is_past = step.lane.is_some_and(|lane| reach[lane].is_some_and(|reach| earlier <= reach));
            if !is_past {
                continue;
            }
            if let (Kind::Arrived, Some(letter)) = (step.kind, step.letter) {
                let letter = &self.letters[letter];
                reach[letter.from] = reach[letter.from].max(Some(letter.sent));
            }
            match step.kind {
                Kind::Sent if !self.is_followed(earlier, &past) => {}
                Kind::Sent | Kind::Arrived | Kind::State | Kind::Client | Kind::Violation => past.push(earlier),
                Kind::Lost | Kind::Timer | Kind::Disk | Kind::Note | Kind::Fault => {}
            }
        }
        past.reverse();
        past
    }

    /// Whether what is sent here arrives at one of these steps.
    fn is_followed(&self, sent: usize, past: &[usize]) -> bool {
        let letter = self.steps[sent].letter.map(|letter| &self.letters[letter]);
        letter.is_some_and(|letter| letter.arrivals.iter().any(|arrival| past.contains(arrival)))
    }
}
