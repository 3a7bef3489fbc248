//! What the clients of a scenario ask, and how patient they are.

use whitewater_raft::config::PreVote;

use super::words::{bytes, exact, noun, percent, range, weighted};
use crate::scenario::{Bursts, Hot, Load, Mix, PlannedOperation, Reads, Scenario, Sessions, Workload, operation_words};

/// The most operations that are shown one by one.
const SHOWN: usize = 40;

pub(super) fn clients(scenario: &Scenario) -> Vec<String> {
    let mut lines = match &scenario.operations {
        Some(operations) => written_down(scenario.clients, operations),
        None => made_up(scenario),
    };
    if scenario.workload.duplicate_ppm > 0 {
        lines.push(format!(
            "{} of all requests are sent twice, to two servers",
            percent(scenario.workload.duplicate_ppm)
        ));
    }
    let patience = &scenario.timing.patience;
    let Sessions { idle_entries, max } = scenario.sessions;
    lines.push(format!(
        "a client is forgotten when it was idle for {idle_entries} entries, or when there are more than {max}"
    ));
    let persists = match scenario.protocol.pre_vote {
        PreVote::On => "",
        PreVote::Off => ", but not once all is healed",
    };
    lines.push(format!(
        "a client asks another server after {}, waits {} after a refusal and longer after more, up to {}, and gives up \
         after {}{persists}",
        exact(patience.attempt_ns),
        exact(patience.backoff_ns),
        exact(patience.backoff_ns_max),
        exact(patience.give_up_ns)
    ));
    lines
}

/// Operations that stand in the file.
fn written_down(clients: u32, operations: &[PlannedOperation]) -> Vec<String> {
    let (clients, count) = (noun(clients, "client", "clients"), operations.len());
    let mut lines = vec![match count {
        0 => format!("{clients} with nothing to do"),
        1 => format!("{clients} with one operation, written down:"),
        _ => format!("{clients} with {count} operations, written down:"),
    }];
    for PlannedOperation { client, planned, think_ns } in operations.iter().take(SHOWN) {
        let via = match planned.path.word() {
            "log" => String::new(),
            via => format!(", via {via}"),
        };
        let operation = whitewater_reports::words::printable(&operation_words(&planned.operation));
        lines.push(match think_ns {
            Some(think_ns) => format!("{} after an answer client {client}: {operation}{via}", exact(*think_ns)),
            None => format!("at {} client {client}: {operation}{via}", exact(planned.not_before.0)),
        });
    }
    if count > SHOWN {
        lines.push(format!("and {} more", count - SHOWN));
    }
    lines
}

/// Operations that each seed makes up.
fn made_up(scenario: &Scenario) -> Vec<String> {
    let workload = &scenario.workload;
    let Workload { rate, keys, in_flight, reads, mix, think, hot, bursts, value_bytes, duplicate_ppm: _, loads } =
        workload;
    let clients = noun(scenario.clients, "client", "clients");
    let (keys, under_way) = (noun(*keys, "key", "keys"), format!("up to {in_flight} of each under way"));
    let mut lines = vec![match think {
        Some(think) => {
            format!("{clients} that think for {} before each operation, on {keys}, {under_way}", range(*think))
        }
        None => {
            let rate = noun(*rate, "operation", "operations");
            format!("{clients} with {rate} a second in all, on {keys}, {under_way}")
        }
    }];
    if let Some(Bursts { every, lasting, factor }) = *bursts {
        lines.push(format!("bursts {} apart, for {}: {factor} times as many operations", range(every), range(lasting)));
    }
    if let Some(Hot { keys, share_ppm }) = *hot {
        lines.push(format!("{} of the operations go to the first {}", percent(share_ppm), noun(keys, "key", "keys")));
    }
    lines.extend(loads.iter().map(load));
    lines.push(kinds(mix));
    let Reads { log, quorum, lease, any_server } = *reads;
    let ways =
        [("through the log", log), ("by asking a quorum", quorum), ("by lease", lease), ("at any server", any_server)];
    lines.push(format!("reads: {}", weighted(&ways)));
    if *value_bytes > 0 {
        lines.push(format!("values are filled up to {}", bytes(u64::from(*value_bytes))));
    }
    lines
}

fn load(load: &Load) -> String {
    let Load { at_ns, over_ns, operations, mix, value_bytes } = load;
    let spread = if *over_ns == 0 { "at once".to_owned() } else { format!("spread over {}", exact(*over_ns)) };
    let mut text = format!("{} more at {}, {spread}", noun(*operations, "operation", "operations"), exact(*at_ns));
    if let Some(mix) = mix {
        text.push_str(&format!("; {}", kinds(mix)));
    }
    if *value_bytes > 0 {
        text.push_str(&format!("; values of {}", bytes(u64::from(*value_bytes))));
    }
    text
}

fn kinds(mix: &Mix) -> String {
    let Mix { get, put, append, delete, compare_and_swap, range, transaction, batch } = *mix;
    weighted(&[
        ("get", get),
        ("put", put),
        ("append", append),
        ("delete", delete),
        ("compare-and-swap", compare_and_swap),
        ("range", range),
        ("transaction", transaction),
        ("batch", batch),
    ])
}
