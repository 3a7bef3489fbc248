//! The operator of a scenario file.

use serde::Deserialize;
use toml::Spanned;
use whitewater_sim::time::MILLISECOND_NS;

use super::cluster::{Cluster, SERVERS_MAX};
use super::quantity::{Count, Every, OneOrMore};
use super::{OperatorKind, OperatorMix};
use crate::mistake::{Mistake, wrong};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawOperator {
    kind: RawKind,
    every: Spanned<Every>,
    voters: Option<Spanned<OneOrMore<Count<1, SERVERS_MAX>>>>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum RawKind {
    Transfer,
    Reconfigure,
    AddLearnerAndPromote,
    Replace,
    RemoveLeader,
    ForceSnapshot,
}

impl RawKind {
    fn name(self) -> &'static str {
        match self {
            RawKind::Transfer => "transfer",
            RawKind::Reconfigure => "reconfigure",
            RawKind::AddLearnerAndPromote => "add-learner-and-promote",
            RawKind::Replace => "replace",
            RawKind::RemoveLeader => "remove-leader",
            RawKind::ForceSnapshot => "force-snapshot",
        }
    }
}

impl RawOperator {
    pub(super) fn check(&self, whole: &Spanned<RawOperator>, cluster: &Cluster) -> Result<OperatorMix, Mistake> {
        if self.every.get_ref().0.max_ns < MILLISECOND_NS {
            return wrong(&self.every, "an operator acts every millisecond at most: write a duration like \"1s\"");
        }
        if let Some(voters) = &self.voters
            && self.kind != RawKind::Reconfigure
        {
            let name = self.kind.name();
            return wrong(voters, format!("an operator of kind `{name}` has no key `voters`: only `reconfigure` has"));
        }
        let needs_spare = || {
            let name = self.kind.name();
            wrong(whole, format!("`{name}` has nobody to bring in: set `cluster.spares` to 1 or more"))
        };
        let kind = match self.kind {
            RawKind::Transfer => OperatorKind::Transfer,
            RawKind::ForceSnapshot => OperatorKind::ForceSnapshot,
            RawKind::Reconfigure => OperatorKind::Reconfigure { voters: self.voters(whole, cluster)? },
            RawKind::AddLearnerAndPromote | RawKind::Replace if cluster.learners + cluster.spares == 0 => {
                return needs_spare();
            }
            RawKind::AddLearnerAndPromote => OperatorKind::AddLearnerAndPromote,
            RawKind::Replace => OperatorKind::Replace,
            RawKind::RemoveLeader if cluster.voters_min() < 2 => {
                return wrong(whole, "the last voter cannot be removed: set `cluster.servers` to 2 or more");
            }
            RawKind::RemoveLeader => OperatorKind::RemoveLeader,
        };
        Ok(OperatorMix { kind, every: self.every.get_ref().0 })
    }

    fn voters(&self, whole: &Spanned<RawOperator>, cluster: &Cluster) -> Result<Vec<u32>, Mistake> {
        let Some(voters) = &self.voters else {
            return wrong(whole, "this operator has no sizes to choose from: add a line like voters = [3, 5]");
        };
        let OneOrMore(counts) = voters.get_ref();
        let most = cluster.servers_min();
        if let Some(Count(count)) = counts.iter().find(|count| count.0 > most) {
            return wrong(
                voters,
                format!(
                    "{count} voters are more than the {most} servers of this scenario: set `cluster.spares` higher"
                ),
            );
        }
        Ok(counts.iter().map(|count| count.0).collect())
    }
}
