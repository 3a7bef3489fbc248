//! What a history keeps besides linearizability: sequential consistency (Lamport, 1979) and the guarantees of sessions (Terry
//! et al., 1994), each as a verdict of its own.
//!
//! What it simplifies: of each that is broken one example is named.

use whitewater_reports::check::Weaker;
use whitewater_sim::check::{Budget, Kept, Sequential, check_sequential, check_sessions};
use whitewater_sim::history::OperationId;

use super::Parsed;

/// The weaker verdicts about a history from a file.
#[must_use]
pub fn weaker(parsed: &Parsed, budget: &Budget<'_>) -> Vec<Weaker> {
    let named = |ids: &[OperationId]| -> String {
        let name = |id: &OperationId| {
            let operation = &parsed.history.operations()[id.0 as usize];
            let line = usize::try_from(operation.invoked).ok().and_then(|place| parsed.lines.get(place));
            match line {
                Some(line) => format!("#{} (line {line})", id.0),
                None => format!("#{}", id.0),
            }
        };
        ids.iter().map(name).collect::<Vec<_>>().join(", ")
    };
    let (is_kept, why) = match check_sequential(&parsed.model, &parsed.history, budget).verdict {
        Sequential::Consistent => (Some(true), None),
        Sequential::Violation { stuck, .. } => {
            (Some(false), Some(format!("no order that keeps the order of each client gets past {}", named(&stuck))))
        }
        Sequential::Inconclusive(_) => (None, Some("the budget ran out; give it more with --time-limit".to_owned())),
    };
    let mut all = vec![Weaker { name: "sequential consistency".to_owned(), is_kept, why }];
    for (guarantee, kept) in check_sessions(&parsed.model, &parsed.history).verdicts {
        let (is_kept, why) = match kept {
            Kept::Held => (Some(true), None),
            Kept::Broken(breach) => {
                let (read, due) = (named(&[breach.read]), named(&[breach.due]));
                (Some(false), Some(format!("{read} did not see {due}")))
            }
            Kept::Untold => (None, Some("some reads do not tell which write they saw".to_owned())),
        };
        all.push(Weaker { name: guarantee.to_string(), is_kept, why });
    }
    all
}
