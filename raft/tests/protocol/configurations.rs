//! Golden scripts of configurations: a request, and the configuration that it leads to (dissertation 4; paper 6).
//!
//! The commands; each prints the configuration that is left, or the refusal:
//!
//! - `start n1 n2 [learners="n3"]` begins with these servers
//! - `add n4`, `learn n4`, `remove n4`: one change at once
//! - `joint "add n4" "remove n1" [leave=request]`: several, through a joint configuration
//! - `leave`: out of it

use std::fmt::Write as _;

use proptest::prelude::*;
use whitewater_raft::quorum::is_quorum;
use whitewater_raft::{Change, ChangeRequest, Configuration, Leave, NodeId};

use crate::arguments::{Failure, next_node, node, nodes, nodes_in, scripts};

#[derive(Default)]
struct Configurations {
    configuration: Configuration,
}

impl goldenscript::Runner for Configurations {
    type Command = goldenscript::Command;

    fn run(&mut self, command: &goldenscript::Command, _: &goldenscript::Context) -> Result<String, Failure> {
        let mut args = command.consume_args();
        let request = match command.name.as_str() {
            "start" => {
                let learners = nodes_in(args.take_key("learners").unwrap_or(""))?;
                self.configuration = Configuration { learners, ..Configuration::of_voters(nodes(&mut args)?) };
                self.configuration.validate()?;
                None
            }
            _ => Some(request(&command.name, &mut args)?),
        };
        args.reject_next()?;
        let mut output = String::new();
        match request.map(|request| self.configuration.changed(&request)) {
            Some(Err(refusal)) => writeln!(output, "refused: {refusal}")?,
            Some(Ok(next)) => {
                self.configuration = next;
                writeln!(output, "{}", self.configuration)?;
            }
            None => writeln!(output, "{}", self.configuration)?,
        }
        self.configuration.validate()?;
        Ok(output)
    }
}

/// A request to change the configuration, as scripts say it.
pub(crate) fn request(name: &str, args: &mut goldenscript::ArgumentConsumer) -> Result<ChangeRequest, Failure> {
    match name {
        "joint" => {
            let leave = match args.take_key("leave") {
                None => Leave::Automatic,
                Some("request") => Leave::OnRequest,
                Some(other) => return Err(format!("{other} is no way to leave; say leave=request").into()),
            };
            let changes = std::iter::from_fn(|| args.next_pos()).map(|words| {
                let (verb, id) = words.split_once(' ').ok_or("say \"add n1\"")?;
                change(verb, node(id)?)
            });
            Ok(ChangeRequest::Joint { changes: changes.collect::<Result<_, Failure>>()?, leave })
        }
        "leave" => Ok(ChangeRequest::LeaveJoint),
        _ => Ok(ChangeRequest::Single(change(name, next_node(args)?)?)),
    }
}

fn change(verb: &str, id: NodeId) -> Result<Change, Failure> {
    match verb {
        "add" => Ok(Change::AddVoter(id)),
        "learn" => Ok(Change::AddLearner(id)),
        "remove" => Ok(Change::Remove(id)),
        _ => Err(format!("{verb} is no change; say add, learn or remove").into()),
    }
}

scripts! {
    Configurations::default();
    configurations {
        a_joint_configuration_is_entered_and_left,
        a_request_that_changes_nothing_is_refused,
        a_single_change_moves_one_server,
        old_voters_become_learners_when_they_leave,
        the_last_voter_stays,
    }
}

fn any_change() -> impl Strategy<Value = Change> {
    (0..3_u8, 0..6_u32).prop_map(|(kind, id)| match kind {
        0 => Change::AddVoter(NodeId(id)),
        1 => Change::AddLearner(NodeId(id)),
        _ => Change::Remove(NodeId(id)),
    })
}

fn any_request() -> impl Strategy<Value = ChangeRequest> {
    let leave = prop_oneof![Just(Leave::Automatic), Just(Leave::OnRequest)];
    let joint = (proptest::collection::vec(any_change(), 0..5), leave)
        .prop_map(|(changes, leave)| ChangeRequest::Joint { changes, leave });
    prop_oneof![3 => any_change().prop_map(ChangeRequest::Single), 2 => joint, 2 => Just(ChangeRequest::LeaveJoint)]
}

/// Every set of the servers n0 to n5.
fn all_sets() -> impl Iterator<Item = u32> {
    0..1_u32 << 6
}

fn is_in(set: u32) -> impl Fn(NodeId) -> bool {
    move |id| set & 1 << id.0 != 0
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    /// What all of dissertation 4 is for: two leaders that see neighbouring configurations cannot both have a quorum.
    #[test]
    fn any_two_quorums_of_consecutive_configurations_share_a_server(
        requests in proptest::collection::vec(any_request(), 1..12),
    ) {
        let mut configuration = Configuration::of_voters([NodeId(0)]);
        for request in requests {
            let Ok(next) = configuration.changed(&request) else { continue };
            prop_assert_eq!(next.validate(), Ok(()));
            prop_assert_ne!(&next, &configuration);
            // A set that is no quorum of the other configuration leaves a rest: only if that rest were a quorum of this
            // one could two leaders decide apart.
            for set in all_sets() {
                let apart = is_quorum(&configuration, is_in(set)) && is_quorum(&next, is_in(!set));
                prop_assert!(!apart, "{} to {}: {:06b} and its rest are quorums", configuration, next, set);
            }
            configuration = next;
        }
    }

    /// Through a joint configuration everybody gets the part that was asked for, whatever they were before.
    #[test]
    fn who_leaves_a_joint_configuration_has_the_part_that_was_asked_for(
        before in proptest::collection::vec(any_change(), 0..6),
        changes in proptest::collection::vec(any_change(), 0..5),
    ) {
        let start = before.into_iter().fold(Configuration::of_voters([NodeId(0)]), |configuration, change| {
            configuration.changed(&ChangeRequest::Single(change)).unwrap_or(configuration)
        });
        let request = ChangeRequest::Joint { changes: changes.clone(), leave: Leave::OnRequest };
        let Ok(joint) = start.changed(&request) else { return Ok(()) };
        prop_assert_eq!(&joint.outgoing, &start.voters);
        let left = joint.changed(&ChangeRequest::LeaveJoint).expect("what is joint can be left");
        for id in (0..6).map(NodeId) {
            let (votes, learns) = (left.is_voter(id), left.is_learner(id));
            match changes.iter().find(|change| change.id() == id) {
                Some(Change::AddVoter(_)) => prop_assert!(votes && !learns),
                Some(Change::AddLearner(_)) => prop_assert!(learns && !votes),
                Some(Change::Remove(_)) => prop_assert!(!votes && !learns),
                None => prop_assert_eq!((votes, learns), (start.is_voter(id), start.is_learner(id))),
            }
        }
    }
}
