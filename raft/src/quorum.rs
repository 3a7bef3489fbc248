//! Quorums: any two of them share a server (paper 2, 5.2, 5.3). While a configuration is joint, a quorum is a majority
//! of the old voters and a majority of the new ones (paper 6, dissertation 4.3). Computed from numbers alone.
//!
//! Whom a configuration does not list as a voter is never asked about: learners and strangers cannot count. Where
//! nobody votes nothing is ever decided, though "every majority of nobody" could be said to have decided all.

use crate::bugs::{self, Bug};
use crate::configuration::Configuration;
use crate::message::VoteReply;
use crate::types::NodeId;

/// Sets of voters up to this size are looked at without an allocation.
const VOTERS_WITHOUT_ALLOCATION: usize = 9;

/// How an election stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VoteResult {
    /// A quorum granted its vote.
    Won,
    /// So many refused that no quorum is left.
    Lost,
    /// Neither yet.
    Open,
}

/// The fewest of `voters` servers that are a majority.
#[must_use]
pub fn majority(voters: usize) -> usize {
    if bugs::is_on(Bug::HalfIsEnough) {
        return (voters / 2).max(1);
    }
    voters / 2 + 1
}

/// How an election stands, given what each voter has answered so far.
#[must_use]
pub fn tally(configuration: &Configuration, answer: impl Fn(NodeId) -> Option<VoteReply>) -> VoteResult {
    let new = majority_result(&configuration.voters, &answer);
    if !configuration.is_joint() {
        return new;
    }
    match (new, majority_result(&configuration.outgoing, &answer)) {
        (VoteResult::Won, VoteResult::Won) => VoteResult::Won,
        (VoteResult::Lost, _) | (_, VoteResult::Lost) => VoteResult::Lost,
        (VoteResult::Open, _) | (_, VoteResult::Open) => VoteResult::Open,
    }
}

/// The highest value that a quorum has reached, given how far each voter got: an index, or a round. The lowest value if
/// nobody votes.
#[must_use]
pub fn reached<Value: Copy + Ord + Default>(configuration: &Configuration, how_far: impl Fn(NodeId) -> Value) -> Value {
    let new = reached_by_majority(&configuration.voters, &how_far);
    if configuration.is_joint() { new.min(reached_by_majority(&configuration.outgoing, &how_far)) } else { new }
}

/// Whether the servers for which `is_in` holds make a quorum.
#[must_use]
pub fn is_quorum(configuration: &Configuration, is_in: impl Fn(NodeId) -> bool) -> bool {
    let has_majority =
        |voters: &[NodeId]| voters.iter().filter(|voter| is_in(**voter)).count() >= majority(voters.len());
    has_majority(&configuration.voters) && (!configuration.is_joint() || has_majority(&configuration.outgoing))
}

fn majority_result(voters: &[NodeId], answer: &impl Fn(NodeId) -> Option<VoteReply>) -> VoteResult {
    let (mut granted, mut refused) = (0, 0);
    for voter in voters {
        match answer(*voter) {
            Some(VoteReply::Granted) => granted += 1,
            Some(VoteReply::Refused) => refused += 1,
            None => {}
        }
    }
    if granted >= majority(voters.len()) {
        VoteResult::Won
    } else if refused + majority(voters.len()) > voters.len() {
        VoteResult::Lost
    } else {
        VoteResult::Open
    }
}

/// Were they sorted from the highest, the value at the place of the majority's last member would be what all of a majority
/// have.
fn reached_by_majority<Value: Copy + Ord + Default>(voters: &[NodeId], how_far: &impl Fn(NodeId) -> Value) -> Value {
    match *voters {
        [] => Value::default(),
        [only] => how_far(only),
        [a, b, c] => {
            let (a, b, c) = (how_far(a), how_far(b), how_far(c));
            a.min(b).max(a.max(b).min(c))
        }
        _ if voters.len() <= VOTERS_WITHOUT_ALLOCATION => {
            let mut values = [Value::default(); VOTERS_WITHOUT_ALLOCATION];
            let values = &mut values[..voters.len()];
            values.iter_mut().zip(voters).for_each(|(value, voter)| *value = how_far(*voter));
            value_of_majority(values)
        }
        _ => value_of_majority(&mut voters.iter().map(|voter| how_far(*voter)).collect::<Vec<Value>>()),
    }
}

fn value_of_majority<Value: Copy + Ord>(values: &mut [Value]) -> Value {
    let short = bugs::is_on(Bug::EvenQuorumShort);
    let place = if short { values.len().div_ceil(2) - 1 } else { majority(values.len()) - 1 };
    *values.select_nth_unstable_by(place, |a, b| b.cmp(a)).1
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every list of `length` digits below `base`, in turn.
    fn all_lists(length: usize, base: usize) -> impl Iterator<Item = Vec<usize>> {
        (0..base.pow(u32::try_from(length).expect("short"))).map(move |mut number| {
            let mut digits = Vec::new();
            for _ in 0..length {
                digits.push(number % base);
                number /= base;
            }
            digits
        })
    }

    fn servers(range: std::ops::Range<usize>) -> Vec<NodeId> {
        range.map(|place| NodeId(u32::try_from(place).expect("few"))).collect()
    }

    fn joint(voters: Vec<NodeId>, outgoing: Vec<NodeId>) -> Configuration {
        Configuration { voters, outgoing, ..Configuration::default() }
    }

    #[test]
    fn two_majorities_share_a_server_and_one_fewer_need_not() {
        for voters in 1..10 {
            assert!(2 * majority(voters) > voters);
            assert!(2 * (majority(voters) - 1) <= voters);
        }
    }

    #[test]
    fn a_majority_reached_the_highest_value_that_more_than_half_have() {
        for voters in 1..=5 {
            let configuration = Configuration::of_voters(servers(0..voters));
            for digits in all_lists(voters, 4) {
                let naive = (0..4).rev().find(|&i| 2 * digits.iter().filter(|&&digit| digit >= i).count() > voters);
                let found = reached(&configuration, |voter| digits[voter.0 as usize]);
                assert_eq!(Some(found), naive, "{digits:?}");
            }
        }
    }

    #[test]
    fn many_voters_are_counted_like_few() {
        for voters in 6..40_usize {
            let configuration = Configuration::of_voters(servers(0..voters));
            let found = reached(&configuration, |voter| u64::from(voter.0) * 7 % 41);
            let naive = (0..41).rev().find(|value| {
                2 * servers(0..voters).iter().filter(|voter| u64::from(voter.0) * 7 % 41 >= *value).count() > voters
            });
            assert_eq!(Some(found), naive, "{voters} voters");
        }
    }

    #[test]
    fn an_election_is_won_by_more_than_half_and_lost_when_they_can_no_longer_come() {
        for voters in 1..=6 {
            let configuration = Configuration::of_voters(servers(0..voters));
            for digits in all_lists(voters, 3) {
                let answers = [Some(VoteReply::Granted), Some(VoteReply::Refused), None];
                let count = |answer| digits.iter().filter(|&&digit| digit == answer).count();
                let naive = if 2 * count(0) > voters {
                    VoteResult::Won
                } else if 2 * (voters - count(1)) <= voters {
                    VoteResult::Lost
                } else {
                    VoteResult::Open
                };
                let found = tally(&configuration, |voter| answers[digits[voter.0 as usize]]);
                assert_eq!(found, naive, "{digits:?}");
            }
        }
    }

    #[test]
    fn a_joint_quorum_is_a_majority_of_both_sets() {
        let configuration = joint(servers(0..3), servers(2..5));
        for digits in all_lists(5, 2) {
            let has = |voter: NodeId| digits[voter.0 as usize] == 1;
            let naive = digits[..3].iter().sum::<usize>() >= 2 && digits[2..].iter().sum::<usize>() >= 2;
            assert_eq!(is_quorum(&configuration, has), naive, "{digits:?}");
            assert_eq!(reached(&configuration, |voter| u64::from(has(voter))), u64::from(naive), "{digits:?}");
            let answer = |voter| Some(if has(voter) { VoteReply::Granted } else { VoteReply::Refused });
            let expected = if naive { VoteResult::Won } else { VoteResult::Lost };
            assert_eq!(tally(&configuration, answer), expected, "{digits:?}");
        }
    }

    #[test]
    fn nobody_decides_nothing() {
        let nobody = Configuration::default();
        assert_eq!(tally(&nobody, |_| Some(VoteReply::Granted)), VoteResult::Lost);
        assert_eq!(reached(&nobody, |_| 7_u64), 0);
        assert!(!is_quorum(&nobody, |_| true));
    }
}
