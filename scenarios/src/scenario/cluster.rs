//! The cluster of a scenario file: who votes, learns and waits at first, who asks, and where servers stand.

use serde::Deserialize;
use toml::Spanned;

use super::quantity::{Count, OneOrMore};
use crate::mistake::{Mistake, wrong};

/// The most servers, voters or not: what the observer's sets of members hold.
pub(super) const SERVERS_MAX: u32 = 64;

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCluster {
    servers: Option<Spanned<OneOrMore<Count<1, SERVERS_MAX>>>>,
    learners: Option<Spanned<Count<0, SERVERS_MAX>>>,
    spares: Option<Spanned<Count<0, SERVERS_MAX>>>,
    clients: Option<Count<1, 1000>>,
    racks: Option<Count<1, SERVERS_MAX>>,
}

/// How many servers there are, and what they are at first.
#[derive(Clone, Debug)]
pub(super) struct Cluster {
    /// The numbers of voters to choose from.
    pub(super) servers: Vec<u32>,
    pub(super) learners: u32,
    pub(super) spares: u32,
    pub(super) clients: u32,
    pub(super) racks: u32,
}

impl Cluster {
    /// The fewest voters that a seed may draw.
    pub(super) fn voters_min(&self) -> u32 {
        self.servers.iter().copied().min().unwrap_or(1)
    }

    /// The fewest servers of any kind that a seed may draw.
    pub(super) fn servers_min(&self) -> u32 {
        self.voters_min() + self.learners + self.spares
    }

    /// The most servers of any kind that a seed may draw.
    pub(super) fn servers_max(&self) -> u32 {
        self.servers.iter().copied().max().unwrap_or(1) + self.learners + self.spares
    }

    /// Refuses the number of a server that not every seed has.
    pub(super) fn check_server<T>(&self, place: &Spanned<T>, server: u32) -> Result<(), Mistake> {
        debug_assert!(self.servers_max() <= SERVERS_MAX, "the cluster was checked before what names its servers");
        let count = self.servers_min();
        if server < count {
            return Ok(());
        }
        let last = count - 1;
        wrong(
            place,
            format!("server {server} does not exist: the smallest cluster of this scenario has servers 0 to {last}"),
        )
    }
}

impl RawCluster {
    pub(super) fn check(self) -> Result<Cluster, Mistake> {
        let servers: Vec<u32> = match self.servers {
            Some(servers) if servers.get_ref().0.len() > SERVERS_MAX as usize => {
                return wrong(
                    &servers,
                    format!("this list has more than {SERVERS_MAX} numbers: leave some of them out"),
                );
            }
            Some(servers) => servers.into_inner().0.into_iter().map(|Count(count)| count).collect(),
            None => vec![3, 5, 7],
        };
        let count =
            |count: &Option<Spanned<Count<0, SERVERS_MAX>>>| count.as_ref().map_or(0, |count| count.get_ref().0);
        let cluster = Cluster {
            servers,
            learners: count(&self.learners),
            spares: count(&self.spares),
            clients: self.clients.map_or(5, |Count(count)| count),
            racks: self.racks.map_or(1, |Count(count)| count),
        };
        if let Some(surplus) = self.spares.as_ref().or(self.learners.as_ref())
            && cluster.servers_max() > SERVERS_MAX
        {
            let message = format!("this makes more than {SERVERS_MAX} servers in all: lower one of the numbers");
            return wrong(surplus, message);
        }
        Ok(cluster)
    }
}
