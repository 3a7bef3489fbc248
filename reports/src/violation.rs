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
    for note in notes(account) {
        text.push_str(&format!("{note}\n"));
    }
    text
}

/// What follows from the operations, and how sure that is: a sentence or two each.
pub(crate) fn notes(account: &Account) -> Vec<String> {
    let partition = match printable(&account.partition) {
        name if name.is_empty() => name,
        name => format!(" (partition {name})"),
    };
    let mut notes = vec![format!("No order of the operations explains these{partition}.")];
    let answers = account.operations.iter().filter(|told| told.role == Role::Answer).count() as u64;
    if !account.is_minimal {
        notes.push("The budget ran out before it was certain that none of them can be left out.".to_owned());
    } else if answers > 1 {
        notes.push(format!("With any one of the {} left out there is one.", counted(answers, "answer")));
    }
    if !account.has_all_sources {
        notes.push("What some of the answers come from is not shown.".to_owned());
    }
    if account.operations.iter().any(|told| told.role == Role::LooseSource) {
        notes.push("~ The end of this one does not matter: it may take effect at any later time.".to_owned());
    }
    if !account.is_shortest {
        notes.push("An earlier answer may already be without explanation: the budget ran out.".to_owned());
    }
    notes
}

/// An operation as a bar.
pub(crate) fn bar(account: &Account, told: &Told) -> Bar {
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
pub(crate) fn could(values: &[String]) -> Option<String> {
    let mut shown: Vec<String> = values.iter().take(VALUES).map(|value| printable(value)).collect();
    if values.len() > VALUES {
        shown.push(format!("{} more", values.len() - VALUES));
    }
    let last = shown.pop()?;
    Some(if shown.is_empty() { last } else { format!("{} or {last}", shown.join(", ")) })
}
