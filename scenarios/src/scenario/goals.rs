//! The goals of the operator that a scenario file writes down one by one.

use serde::Deserialize;
use toml::Spanned;
use whitewater_kv::Address;
use whitewater_kv::operator::{Goal, Style};
use whitewater_sim::Instant;

use super::cluster::{Cluster, SERVERS_MAX};
use super::quantity::{Count, Duration};
use crate::generate::PlannedGoal;
use crate::mistake::{Mistake, wrong};

/// The most goals that are written down.
const GOALS_MAX: usize = 100_000;

/// The number of a server. Which servers there are is checked later.
type Server = Count<0, { SERVERS_MAX - 1 }>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawGoal {
    at: Spanned<Duration>,
    #[serde(rename = "do")]
    action: RawAction,
    server: Option<Spanned<Server>>,
    voters: Option<Spanned<Vec<Server>>>,
    learners: Option<Spanned<Vec<Server>>>,
    style: Option<Spanned<RawStyle>>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum RawAction {
    Transfer,
    Reconfigure,
    ForceSnapshot,
}

impl RawAction {
    fn name(self) -> &'static str {
        match self {
            RawAction::Transfer => "transfer",
            RawAction::Reconfigure => "reconfigure",
            RawAction::ForceSnapshot => "force-snapshot",
        }
    }
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum RawStyle {
    Single,
    Joint,
}

/// What a file calls a way to change the membership.
pub(super) fn style_word(style: Style) -> &'static str {
    match style {
        Style::Single => "single",
        Style::Joint => "joint",
    }
}

/// Whether a goal is about who is a member.
pub(super) fn changes_members(goal: &Goal) -> bool {
    match goal {
        Goal::Members { .. } => true,
        Goal::Transfer { .. } | Goal::Snapshot { .. } => false,
    }
}

/// The goals of a file.
pub(super) fn check(
    raw: &[Spanned<RawGoal>],
    cluster: &Cluster,
    duration_ns: u64,
) -> Result<Vec<PlannedGoal>, Mistake> {
    if let Some(surplus) = raw.get(GOALS_MAX) {
        return wrong(surplus, format!("there are more than {GOALS_MAX} goals: leave some of them out"));
    }
    raw.iter().map(|raw| raw.get_ref().check(raw, cluster, duration_ns)).collect()
}

impl RawGoal {
    fn check(&self, whole: &Spanned<RawGoal>, cluster: &Cluster, duration_ns: u64) -> Result<PlannedGoal, Mistake> {
        let Duration(at_ns) = *self.at.get_ref();
        if at_ns >= duration_ns {
            return wrong(
                &self.at,
                "by then, the operator takes on nothing new: choose an earlier time, or raise `timing.duration`",
            );
        }
        let goal = match self.action {
            RawAction::Transfer => Goal::Transfer { to: self.only_server(whole, cluster)? },
            RawAction::ForceSnapshot => Goal::Snapshot { of: self.only_server(whole, cluster)? },
            RawAction::Reconfigure => self.members(whole, cluster)?,
        };
        Ok(PlannedGoal { not_before: Instant(at_ns), goal })
    }

    fn only_server(&self, whole: &Spanned<RawGoal>, cluster: &Cluster) -> Result<Address, Mistake> {
        let name = self.action.name();
        let surplus = [
            self.voters.as_ref().map(|voters| ("voters", voters.span())),
            self.learners.as_ref().map(|learners| ("learners", learners.span())),
            self.style.as_ref().map(|style| ("style", style.span())),
        ];
        if let Some((key, span)) = surplus.into_iter().flatten().next() {
            let message = format!("`{name}` has no key `{key}`: it is about one server, as in server = 1");
            return wrong(&Spanned::new(span, ()), message);
        }
        match &self.server {
            Some(server) => address(server, *server.get_ref(), cluster),
            None => wrong(whole, format!("`{name}` does not say which server: add a line like server = 1")),
        }
    }

    fn members(&self, whole: &Spanned<RawGoal>, cluster: &Cluster) -> Result<Goal, Mistake> {
        if let Some(server) = &self.server {
            return wrong(server, "`reconfigure` is about all members: name them, as in voters = [0, 1, 3]");
        }
        let Some(raw_voters) = self.voters.as_ref() else {
            return wrong(whole, "`reconfigure` does not say who votes: add a line like voters = [0, 1, 3]");
        };
        let voters = addresses(raw_voters, cluster)?;
        if voters.is_empty() {
            return wrong(raw_voters, "somebody has to vote: name one server at least, as in voters = [0]");
        }
        let learners = match &self.learners {
            Some(raw_learners) => {
                let learners = addresses(raw_learners, cluster)?;
                if let Some(Address(both)) = learners.iter().find(|server| voters.contains(server)) {
                    let message = format!("server {both} is one of the voters: leave it out of one of the lists");
                    return wrong(raw_learners, message);
                }
                learners
            }
            None => Vec::new(),
        };
        let style = match self.style.as_ref().map(|style| *style.get_ref()) {
            Some(RawStyle::Joint) => Style::Joint,
            Some(RawStyle::Single) | None => Style::Single,
        };
        Ok(Goal::Members { voters, learners, style })
    }
}

/// Servers that there are, each of them once.
fn addresses(raw: &Spanned<Vec<Server>>, cluster: &Cluster) -> Result<Vec<Address>, Mistake> {
    let mut addresses = Vec::new();
    for server in raw.get_ref() {
        let address = address(raw, *server, cluster)?;
        if addresses.contains(&address) {
            return wrong(raw, format!("server {} is named twice: leave it out once", address.0));
        }
        addresses.push(address);
    }
    Ok(addresses)
}

fn address<T>(place: &Spanned<T>, Count(server): Server, cluster: &Cluster) -> Result<Address, Mistake> {
    cluster.check_server(place, server)?;
    Ok(Address(server))
}
