//! Golden scripts of quorums, drawn: who has how much, and what follows (paper 5.2, 5.3, 6).
//!
//! The commands:
//!
//! - `voters n1 n2 n3 [were="n3 n4"] [learners=n5]` sets the configuration; while `were` is given it is joint
//! - `reached n1=5 n2=7` draws how far each server got, and names what a quorum has reached. Below, each set of voters
//!   counts its servers that are this far; `!` marks a majority. Who is not named has reached nothing
//! - `votes n1=yes n2=no` counts an election

use std::collections::BTreeMap;
use std::fmt::Write as _;

use goldenscript::ArgumentConsumer;
use proptest::collection::{btree_set, vec};
use proptest::prelude::*;
use whitewater_raft::message::VoteReply;
use whitewater_raft::quorum::{VoteResult, is_quorum, majority, reached, tally};
use whitewater_raft::{Configuration, NodeId};

use crate::arguments::{Failure, node, nodes, nodes_in, scripts};

#[derive(Default)]
struct Quorums {
    configuration: Configuration,
}

impl goldenscript::Runner for Quorums {
    type Command = goldenscript::Command;

    fn run(&mut self, command: &goldenscript::Command, _: &goldenscript::Context) -> Result<String, Failure> {
        let mut args = command.consume_args();
        let output = match command.name.as_str() {
            "voters" => {
                self.configuration = Configuration {
                    outgoing: nodes_in(args.take_key("were").unwrap_or(""))?,
                    learners: nodes_in(args.take_key("learners").unwrap_or(""))?,
                    ..Configuration::of_voters(nodes(&mut args)?)
                };
                String::new()
            }
            "reached" => {
                let parse = |word: &str| Ok(word.parse()?);
                draw(&self.configuration, &by_server(&mut args, parse)?)?
            }
            "votes" => {
                let parse = |word: &str| match word {
                    "yes" => Ok(VoteReply::Granted),
                    "no" => Ok(VoteReply::Refused),
                    _ => Err(format!("{word} is no answer; say yes or no").into()),
                };
                count(&self.configuration, &by_server(&mut args, parse)?)
            }
            name => return Err(format!("there is no command {name}").into()),
        };
        args.reject_next()?;
        Ok(output)
    }
}

fn by_server<Value>(
    args: &mut ArgumentConsumer,
    parse: impl Fn(&str) -> Result<Value, Failure>,
) -> Result<BTreeMap<NodeId, Value>, Failure> {
    std::iter::from_fn(|| args.next_key()).map(|(id, value)| Ok((node(id)?, parse(value)?))).collect()
}

/// The sets of voters that have to agree, by name.
fn sets(configuration: &Configuration) -> Vec<(&'static str, &[NodeId])> {
    if configuration.is_joint() {
        vec![("new", &configuration.voters), ("old", &configuration.outgoing)]
    } else {
        vec![("all", &configuration.voters)]
    }
}

fn draw(configuration: &Configuration, far: &BTreeMap<NodeId, u64>) -> Result<String, Failure> {
    let how_far = |id: NodeId| far.get(&id).copied().unwrap_or(0);
    let mut values: Vec<u64> = far.values().copied().filter(|value| *value > 0).collect();
    values.sort_unstable();
    values.dedup();
    if values.is_empty() {
        return Ok(format!("nobody has reached anything, a quorum {}\n", reached(configuration, how_far)));
    }
    let row = |name: &str, cells: Vec<String>| {
        format!("{name:<4}{}", cells.iter().map(|cell| format!("{cell:>5}")).collect::<String>()).trim_end().to_owned()
    };
    let mut output = row("", values.iter().map(|value| format!("{value} ")).collect()) + "\n";
    let mut servers = configuration.members();
    servers.extend(far.keys());
    servers.sort_unstable();
    servers.dedup();
    for id in servers {
        let mark = |value: &u64| if how_far(id) >= *value { "# " } else { ". " }.to_owned();
        writeln!(output, "{}", row(&id.to_string(), values.iter().map(mark).collect()))?;
    }
    for (name, voters) in sets(configuration) {
        let count = |value: &u64| {
            let count = voters.iter().filter(|voter| how_far(**voter) >= *value).count();
            format!("{count}{}", if count >= majority(voters.len()) { "!" } else { " " })
        };
        writeln!(output, "{}", row(name, values.iter().map(count).collect()))?;
    }
    writeln!(output, "a quorum has reached {}", reached(configuration, how_far))?;
    Ok(output)
}

fn count(configuration: &Configuration, answers: &BTreeMap<NodeId, VoteReply>) -> String {
    let sets = sets(configuration).into_iter().map(|(name, voters)| {
        let count = |answer| voters.iter().filter(|voter| answers.get(voter) == Some(&answer)).count();
        format!("{name}: {} yes and {} no of {}", count(VoteReply::Granted), count(VoteReply::Refused), voters.len())
    });
    let result = match tally(configuration, |id| answers.get(&id).copied()) {
        VoteResult::Won => "won",
        VoteResult::Lost => "lost",
        VoteResult::Open => "open",
    };
    format!("{}; {result}\n", sets.collect::<Vec<_>>().join(", "))
}

scripts! {
    Quorums::default();
    quorums {
        a_joint_quorum_reached_the_lower_of_two,
        a_majority_reached_what_more_than_half_have,
        an_election_needs_both_sets_while_joint,
        an_election_needs_more_than_half,
        learners_and_strangers_never_count,
    }
}

/// A configuration of servers n0 to n11: often joint, with sets that overlap or do not, sometimes too large to be
/// looked at without an allocation.
pub(crate) fn configuration() -> impl Strategy<Value = Configuration> {
    let set = |size| btree_set(0..12_u32, size).prop_map(|ids| ids.into_iter().map(NodeId).collect::<Vec<_>>());
    (set(1..12), set(0..12), set(0..4)).prop_map(|(voters, outgoing, learners)| Configuration {
        learners: learners.into_iter().filter(|id| !voters.contains(id) && !outgoing.contains(id)).collect(),
        voters,
        outgoing,
        ..Configuration::default()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1000) })]

    /// By the definition: the highest value such that the servers that have it are a majority of each set.
    #[test]
    fn what_a_quorum_reached_is_what_counting_finds(configuration in configuration(), far in vec(0..6_u64, 12)) {
        let how_far = |id: NodeId| far[id.0 as usize];
        let agreed = |value: u64| {
            let enough = |voters: &[NodeId]| 2 * voters.iter().filter(|id| how_far(**id) >= value).count() > voters.len();
            enough(&configuration.voters) && (configuration.outgoing.is_empty() || enough(&configuration.outgoing))
        };
        let naive = (0..6).rev().find(|value| agreed(*value)).expect("everybody has reached 0");
        prop_assert_eq!(reached(&configuration, how_far), naive);
        for value in 0..6 {
            prop_assert_eq!(is_quorum(&configuration, |id| how_far(id) >= value), agreed(value));
        }
    }

    /// By the definition: won if those who said yes are a quorum; lost if those who have not said no are none.
    #[test]
    fn an_election_stands_as_counting_finds(configuration in configuration(), answers in vec(0..3_u8, 12)) {
        let answer = |id: NodeId| match answers[id.0 as usize] {
            0 => None,
            1 => Some(VoteReply::Granted),
            _ => Some(VoteReply::Refused),
        };
        let yes = is_quorum(&configuration, |id| answer(id) == Some(VoteReply::Granted));
        let hope = is_quorum(&configuration, |id| answer(id) != Some(VoteReply::Refused));
        let naive = if yes { VoteResult::Won } else if hope { VoteResult::Open } else { VoteResult::Lost };
        prop_assert_eq!(tally(&configuration, answer), naive);
    }
}
