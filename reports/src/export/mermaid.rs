//! The end of a run as a sequence diagram in Mermaid, for a README or an issue.
//!
//! Such a diagram is for a few dozen arrows: it has the last steps up to the one to look at, and says what it leaves out.
//! What it simplifies: of a message it shows the arrival, or the loss; timers, disks and notes are left out.

use std::fmt::Write;

use crate::timeline::{Kind, Step, Timeline};
use crate::words::counted;

/// How many steps are shown.
const STEPS: usize = 60;

/// How many characters of a text are shown.
const TEXT: usize = 80;

/// The diagram.
#[must_use]
pub fn mermaid(timeline: &Timeline) -> String {
    let until = timeline.pointed.map_or(timeline.steps.len(), |pointed| pointed + 1);
    let is_shown = |step: &&Step| match step.kind {
        Kind::Arrived | Kind::Lost | Kind::Client | Kind::Violation | Kind::Fault => true,
        Kind::State => !step.changes.is_empty(),
        Kind::Sent | Kind::Timer | Kind::Disk | Kind::Note => false,
    };
    let shown: Vec<&Step> = timeline.steps[..until].iter().filter(is_shown).collect();
    let left_out = shown.len().saturating_sub(STEPS);
    let shown = &shown[left_out..];
    let mut diagram = String::from("sequenceDiagram\n");
    let mut line = |text: String| diagram.push_str(&format!("    {text}\n"));
    for (number, lane) in timeline.lanes.iter().enumerate() {
        let letters = shown.iter().filter_map(|step| step.letter).map(|letter| &timeline.letters[letter]);
        let is_in = shown.iter().any(|step| step.lane == Some(number)) || { letters }
            .any(|letter| letter.from == number || letter.to == number);
        if is_in {
            line(format!("participant p{number} as {}", safe(&lane.name)));
        }
    }
    let Some(first) = shown.iter().find_map(|step| step.lane) else {
        line("Note over p0: nothing happened".to_owned());
        return diagram;
    };
    if left_out > 0 {
        line(format!("Note over p{first}: {} before these left out", counted(left_out as u64, "step")));
    }
    for step in shown {
        let text = format!("e{} {}", step.event, safe(&step.text));
        match (step.kind, step.letter.map(|letter| &timeline.letters[letter]), step.lane) {
            (Kind::Arrived, Some(letter), _) => {
                // Who sent it is where the arrow begins.
                let name = safe(step.text.splitn(3, ' ').nth(2).unwrap_or_default());
                line(format!("p{}->>p{}: e{} {name}", letter.from, letter.to, step.event));
            }
            (Kind::Lost, Some(letter), _) => line(format!("p{}--xp{}: {text}", letter.from, letter.to)),
            (_, _, Some(lane)) => line(format!("Note over p{lane}: {text}")),
            (_, _, None) => line(format!("Note over p{first}: {text}")),
        }
    }
    diagram
}

/// Text that means nothing to Mermaid, as its entity codes: only letters, digits and a little punctuation stay as they are.
fn safe(text: &str) -> String {
    let mut safe = String::new();
    for (place, character) in text.chars().enumerate() {
        match character {
            _ if place == TEXT => {
                safe.push_str("...");
                break;
            }
            character if character.is_alphanumeric() || " .,_-=+/()[]@".contains(character) => safe.push(character),
            other => {
                // Writing into a string does not fail.
                let _ = write!(safe, "#{};", u32::from(other));
            }
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_text_ends_a_line_of_the_diagram() {
        assert_eq!(safe("a; b\n#c \"d\": <e>"), "a#59; b#10;#35;c #34;d#34;#58; #60;e#62;");
        assert_eq!(safe(&"x".repeat(500)).len(), TEXT + 3);
    }
}
