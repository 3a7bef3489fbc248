//! From a scenario to the crate's settings; and mistakes that people make when they host the crate.
//!
//! What the crate has no word for (entries per append, bytes in flight, parts of snapshots) is left out.

use raft::{Config, ReadOnlyOption};
use whitewater_raft::config::{PreVote, QuorumCheck};
use whitewater_scenarios::scenario::Scenario;
use whitewater_scenarios::system::{Leaders, Program, Stage, System, looked_after};
use whitewater_scenarios::systems::hosted::{self, HEARTBEAT_TICKS, Hosted, Node};

use crate::server::Tikv;

/// The `raft` crate under the store, hosted well, or with one mistake.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct RaftCrate {
    /// Hosts the crate wrongly
    #[arg(long, value_enum)]
    pub(crate) mistake: Option<Mistake>,
}

/// A way to host the crate wrongly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Mistake {
    /// Messages that must wait for the disk do not.
    SendsBeforeSync,
    /// The crate is told at once that what it has to write is durable; messages wait.
    CountsItselfEarly,
    /// The messages of a `Ready` without a write do not wait for the writes of those before it.
    SendsWithEmptyReady,
    /// A vote is not written down, unless the term changes as well.
    ForgetsVotes,
    /// Reads are answered without a word to the crate.
    LocalReads,
    /// Reads are answered before what they must reflect is applied.
    ReadsTooEarly,
    /// The crate's leases are used for reads (`ReadOnlyOption::LeaseBased`).
    LeaseReads,
    /// The crate is never told that a snapshot on its way was lost.
    SilentSnapshots,
}

/// The settings of a server.
#[derive(Clone)]
pub(crate) struct Settings {
    /// Of the crate, but for the server's number and what it has applied.
    pub(crate) raft: Config,
    /// After so many ticks a snapshot that was sent, and not answered, counts as lost.
    pub(crate) snapshot_ticks: u32,
    /// What is done wrong.
    pub(crate) mistake: Option<Mistake>,
}

impl RaftCrate {
    fn settings(self, scenario: &Scenario, host: &hosted::Settings) -> Settings {
        let Scenario { timing, replication, protocol, .. } = scenario;
        let election_tick = host.ticks(timing.election_timeout_ns.min_ns).max(HEARTBEAT_TICKS as usize + 1);
        let reads =
            if self.mistake == Some(Mistake::LeaseReads) { ReadOnlyOption::LeaseBased } else { ReadOnlyOption::Safe };
        Settings {
            raft: Config {
                election_tick,
                heartbeat_tick: HEARTBEAT_TICKS as usize,
                min_election_tick: election_tick,
                max_election_tick: host.ticks(timing.election_timeout_ns.max_ns).max(election_tick + 1) + 1,
                max_size_per_msg: replication.append_bytes.min(replication.uncommitted_bytes),
                max_inflight_msgs: replication.appends_in_flight as usize,
                max_uncommitted_size: replication.uncommitted_bytes,
                check_quorum: protocol.quorum_check == QuorumCheck::On,
                pre_vote: protocol.pre_vote == PreVote::On,
                read_only_option: reads,
                ..Config::default()
            },
            snapshot_ticks: 2 * election_tick as u32,
            mistake: self.mistake,
        }
    }
}

impl System for RaftCrate {
    type Node = Node<Hosted<Tikv>>;

    fn refusal(&self, scenario: &Scenario) -> Option<String> {
        let needs_quorum_check = self.mistake == Some(Mistake::LeaseReads);
        if let Some(what) = looked_after(scenario) {
            Some(format!("it {what}, and this adapter has no operator"))
        } else if needs_quorum_check && scenario.protocol.quorum_check != QuorumCheck::On {
            Some("the crate has leases only with its quorum check".to_owned())
        } else {
            None
        }
    }

    fn leaders(&self) -> Leaders {
        Leaders::Observed
    }

    fn program(&self, stage: &Stage<'_>) -> Program<Node<Hosted<Tikv>>> {
        let host = hosted::Settings::of(stage);
        Hosted::program(stage, host, self.settings(stage.scenario, &host))
    }
}
