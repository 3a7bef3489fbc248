//! Majorities: any two of them share a server (paper 2, 5.2, 5.3), computed from numbers alone.
//!
//! Simplification: one set of voters. A joint majority of two sets (paper 6) belongs here when membership changes come.

use crate::types::Index;

/// How an election stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VoteResult {
    /// A majority granted its vote.
    Won,
    /// So many refused that no majority is left.
    Lost,
    /// Neither yet.
    Open,
}

/// The fewest of `voters` servers that are a majority.
#[must_use]
pub fn majority(voters: usize) -> usize {
    voters / 2 + 1
}

/// How an election among `voters` servers stands after `granted` and `refused` answers, one for each server at most.
#[must_use]
pub fn vote_result(voters: usize, granted: usize, refused: usize) -> VoteResult {
    if granted >= majority(voters) {
        VoteResult::Won
    } else if voters - refused < majority(voters) {
        VoteResult::Lost
    } else {
        VoteResult::Open
    }
}

/// The highest index that a majority has reached, given how far each server got. Sorts `reached`.
///
/// # Panics
/// If `reached` is empty: nobody is no majority.
#[must_use]
pub fn majority_index(reached: &mut [Index]) -> Index {
    assert!(!reached.is_empty(), "a cluster has at least one voter");
    reached.sort_unstable();
    reached[reached.len() - majority(reached.len())]
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

    #[test]
    fn two_majorities_share_a_server_and_one_fewer_need_not() {
        for voters in 1..10 {
            assert!(2 * majority(voters) > voters);
            assert!(2 * (majority(voters) - 1) <= voters);
        }
    }

    #[test]
    fn majority_index_is_the_highest_that_more_than_half_have_reached() {
        for voters in 1..=5 {
            for digits in all_lists(voters, 4) {
                let naive = (0..4).rev().find(|&i| 2 * digits.iter().filter(|&&digit| digit >= i).count() > voters);
                let mut reached: Vec<Index> = digits.iter().map(|&digit| Index(digit as u64)).collect();
                assert_eq!(Some(majority_index(&mut reached).0), naive.map(|i| i as u64), "{digits:?}");
            }
        }
    }

    #[test]
    fn an_election_is_won_by_more_than_half_and_lost_when_they_can_no_longer_come() {
        for voters in 1..=6 {
            for granted in 0..=voters {
                for refused in 0..=voters - granted {
                    let naive = if 2 * granted > voters {
                        VoteResult::Won
                    } else if 2 * (voters - refused) <= voters {
                        VoteResult::Lost
                    } else {
                        VoteResult::Open
                    };
                    assert_eq!(vote_result(voters, granted, refused), naive, "{granted} and {refused} of {voters}");
                }
            }
        }
    }
}
