//! What makes a failure this failure: the check, the kind of the operation involved, and where in the protocol it happened.
//!
//! Where: the reason that the check gives, without names, numbers, values and lists. Two runs that break a rule at the same
//! place of the protocol give the same words.

use whitewater_kv::Operation;
use whitewater_reports::model::Verdict;
use whitewater_sim::Check;

use crate::run::Run;
use crate::scenario::Fingerprint;

/// The fingerprint of a run that violated a check.
#[must_use]
pub fn fingerprint(run: &Run) -> Option<Fingerprint> {
    let Verdict::Violation { check, why, .. } = &run.record.verdict else { return None };
    let check = Check::ALL.into_iter().find(|known| known.id() == check)?;
    let culprit = run.account.as_ref().map(|account| &run.history.operations()[account.culprit.0 as usize].op);
    let operations: Vec<String> = culprit.map(kind).into_iter().collect();
    // What an operation returned is told by the history; the words would say it all again.
    let position = if operations.is_empty() { position(why) } else { String::new() };
    Some(Fingerprint { check, operations, position })
}

fn kind(operation: &Operation) -> String {
    let words = operation.to_string();
    words.chars().take_while(|c| c.is_ascii_alphabetic()).collect()
}

/// The first line, with everything taken out that differs between runs that fail alike.
fn position(why: &str) -> String {
    let line = why.lines().next().unwrap_or_default();
    let mut words = String::new();
    let mut depth = 0_u32;
    let mut is_quoted = false;
    for c in line.chars() {
        match c {
            '"' => is_quoted = !is_quoted,
            _ if is_quoted => {}
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ if depth > 0 || c.is_ascii_digit() => {}
            c => words.push(c),
        }
    }
    // How many servers a list names is one of the things that differ.
    let mut words: Vec<&str> = words.split_whitespace().collect();
    words.dedup();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_numbers_values_and_lists_do_not_matter() {
        let one = "n1 committed up to 7 with the entry on the disks of 2 ({n0, n1}), of the voters {n0, n1, n2}\nmore";
        let other = "n4 committed up to 90 with the entry on the disks of 1 ({n4}), of the voters {n0, n1, n2, n3, n4}";
        assert_eq!(position(one), "n committed up to with the entry on the disks of , of the voters");
        assert_eq!(position(one), position(other));
        assert_eq!(position("the voters n0 n1 n2"), position("the voters n0 n1 n2 n3 n4"));
        assert_eq!(position("client n5 had no answer to put(\"k1\", \"v\")"), "client n had no answer to put");
    }

    #[test]
    fn other_words_are_another_place() {
        assert_ne!(position("n1 leads term 4 without it"), position("n1 voted in term 4 without it"));
    }
}
