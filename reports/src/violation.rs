//! Why a history is not linearizable, for people: the reason, a drawing, and the operations in it.
//!
//! What it simplifies: a long list of operations is cut; the JSON of [`crate::check`] has all of them.

use whitewater_sim::check::{Account, Role, Told};

use crate::lanes::{self, Bar, Mark};
use crate::words::{counted, printable};

/// How many operations are listed, and how many values that one could have been answered.
const OPERATIONS: usize = 24;
const VALUES: usize = 6;

/// The account as lines of text; the drawing is at most `width` columns wide.
#[must_use]
pub fn text(account: &Account, width: u16) -> String {
    let mut text = format!("{}.\n\n", printable(&account.reason));
    text.push_str(&lanes::draw(&account.operations.iter().map(|told| bar(account, told)).collect::<Vec<_>>(), width));
    text.push('\n');
    let skipped = account.operations.len().saturating_sub(OPERATIONS);
    if skipped > 0 {
        text.push_str(&format!("... {skipped} more before these\n"));
    }
    for told in &account.operations[skipped..] {
        text.push_str(&line(told));
    }
    let partition = match printable(&account.partition) {
        name if name.is_empty() => name,
        name => format!(" (partition {name})"),
    };
    text.push_str(&format!("No order of the operations explains these{partition}.\n"));
    let answers = account.operations.iter().filter(|told| told.role == Role::Answer).count() as u64;
    if !account.is_minimal {
        text.push_str("The budget ran out before it was certain that none of them can be left out.\n");
    } else if answers > 1 {
        text.push_str(&format!("With any one of the {} left out there is one.\n", counted(answers, "answer")));
    }
    if !account.has_all_sources {
        text.push_str("What some of the answers come from is not shown.\n");
    }
    if account.operations.iter().any(|told| told.role == Role::LooseSource) {
        text.push_str("~ The end of this one does not matter: it may take effect at any later time.\n");
    }
    if !account.is_shortest {
        text.push_str("An earlier answer may already be without explanation: the budget ran out.\n");
    }
    text
}

fn bar(account: &Account, told: &Told) -> Bar {
    Bar {
        lane: format!("client {}", told.client),
        label: format!("#{} {}", told.id.0, told.brief),
        from: told.invoked,
        until: told.returned,
        mark: if told.id == account.culprit { Mark::Culprit } else { Mark::Plain },
    }
}

fn line(told: &Told) -> String {
    let answer = told.answer.as_ref().map_or_else(|| "unknown".to_owned(), |answer| printable(answer));
    let could = could(&told.legal).map(|values| format!(" (could be {values})")).unwrap_or_default();
    let end = told.until.as_ref().map_or_else(|| "the end".to_owned(), |until| printable(until));
    let open = match told.role {
        Role::Answer | Role::Source => "",
        Role::LooseSource => " ~",
    };
    let (id, client, operation, from) = (told.id.0, told.client, printable(&told.operation), printable(&told.from));
    format!("#{id} client {client}: {operation} -> {answer}{could}   [{from} to {end}]{open}\n")
}

/// Values as a choice.
fn could(values: &[String]) -> Option<String> {
    let mut shown: Vec<String> = values.iter().take(VALUES).map(|value| printable(value)).collect();
    if values.len() > VALUES {
        shown.push(format!("{} more", values.len() - VALUES));
    }
    let last = shown.pop()?;
    Some(if shown.is_empty() { last } else { format!("{} or {last}", shown.join(", ")) })
}
