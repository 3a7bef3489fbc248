//! Golden scripts: each file in `tests/scripts` is a sentence of the paper or the dissertation, told as commands and
//! what they led to.
//!
//! Regenerate with `UPDATE_GOLDENFILES=1`, then read the difference. The commands:
//!
//! - `cluster 3 [learners=N] [joiners=N] [plain] [...]` starts n1 to n3 as voters, the next as learners, and the next as
//!   servers that wait to be told. `plain` is without pre-vote and quorum check, as in the paper; `pre-vote` and
//!   `quorum-check` are with that one alone. The rest are limits: `entries=N` and `bytes=N` of an append, `window=N` and
//!   `window-bytes=N` of a follower, `command=N` and `uncommitted=N` bytes, `chunk=N` bytes of a snapshot, `kept=N`
//!   entries before one, `drift=N` ppm
//! - `stored n1 term=4 [vote=n2] [snapshot=2@1] [log="1 1 4"]` starts n1 again from a disk with this term, this vote,
//!   a snapshot through here, and entries of these terms
//! - `timeout n1` fires the election timer, `beat n1` the heartbeat timer
//! - `advance 100ms [n1 ...]` advances the clocks of these servers, or of all; `set n1 5ms` sets one
//! - `deliver [from=n1] [to=n2] [count=1]`, `drop ...`, `duplicate ...`, `delay ...`: what is on its way now and
//!   matches arrives, is lost, is doubled, falls behind the rest; `settle` delivers until nothing is on its way
//! - `cut n1 [to=n2]` loses everything to and from n1, or only from n1 to n2; `mend ...` ends that
//! - `propose n1 a b` proposes commands together; `read n1 7 [lease]` reads; `transfer n1 n2` hands over
//! - `change n1 add n4`, and likewise `learn`, `remove`, `joint "add n4" "remove n1" [leave=request]`, `leave`
//! - `snapshot n1` takes a snapshot of the application
//! - `slow n1` and `prompt n1` set the disk's speed, `complete n1 [count]` completes work of a slow disk
//! - `crash n1 [landed=N] [torn=N]` loses memory, and of the disk's work all but the first `landed` pieces and `torn`
//!   parts of the next; `restart n1`, `state [n1 ...]`, `configuration [n1 ...]`
//! - `ask n3 n1 term=2 last=4@1`, `append n3 n1 term=2 after=1@1 log="2 2" committed=1` and `urge n3 n1 term=2` put a
//!   message on its way: a request for a vote, an append, a demand to stand for election
//! - `show timers`, `rounds` or `probes`, and `hide` them: what of the events is told

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;

use goldenscript::ArgumentConsumer;
use whitewater_raft::config::{PreVote, QuorumCheck};
use whitewater_raft::message::{Append, Body, ElectionCause, Message, RequestVote};
use whitewater_raft::{
    Config, Configuration, Entry, HardState, Index, LocalTime, NodeId, Payload, ReadId, ReadMode, Round, Snapshot,
    Term, Timer,
};

use crate::arguments::{Failure, key, next_node, node, nodes, number, scripts};
use crate::cluster::{Cluster, Envelope, Event, Founders};
use crate::configurations;
use crate::disk::{Disk, DiskSpeed};
use crate::trace::{self, Shown};

struct Script {
    cluster: Cluster,
    shown: Shown,
}

impl goldenscript::Runner for Script {
    type Command = goldenscript::Command;

    fn run(&mut self, command: &goldenscript::Command, _: &goldenscript::Context) -> Result<String, Failure> {
        let mut args = command.consume_args();
        let mut output = self.command(&command.name, &mut args)?;
        args.reject_next()?;
        for line in self.cluster.events.drain(..).filter_map(|event| self.shown.event(&event)) {
            writeln!(output, "{line}")?;
        }
        Ok(output)
    }
}

impl Script {
    fn new() -> Script {
        let shown = Shown { timers: false, rounds: false, probes: true };
        Script { cluster: Cluster::new(Founders::default(), |_| {}), shown }
    }

    fn command(&mut self, name: &str, args: &mut ArgumentConsumer) -> Result<String, Failure> {
        match name {
            "cluster" => self.start_cluster(args)?,
            "stored" => self.start_from_disk(args)?,
            "show" => self.show(args, true)?,
            "hide" => self.show(args, false)?,
            "state" => return self.state(args),
            "configuration" => return self.configuration(args),
            "deliver" | "drop" | "duplicate" | "delay" | "settle" | "cut" | "mend" => self.network(name, args)?,
            "ask" | "append" | "urge" => self.send(name, args)?,
            "advance" | "set" => self.clocks(name, args)?,
            "slow" => self.set_speed(args, DiskSpeed::Slow)?,
            "prompt" => self.set_speed(args, DiskSpeed::Prompt)?,
            "crash" => {
                let landed = number(args, "landed")?.unwrap_or(0);
                let torn = number(args, "torn")?;
                nodes(args)?.into_iter().for_each(|id| self.cluster.crash(id, landed, torn));
            }
            "restart" => nodes(args)?.into_iter().for_each(|id| self.cluster.restart(id)),
            _ => {
                let id = next_node(args)?;
                if !self.cluster.servers.contains_key(&id) {
                    return Err(format!("there is no server {id}").into());
                }
                self.happens_to(id, name, args)?;
            }
        }
        Ok(String::new())
    }

    /// Commands about one server.
    fn happens_to(&mut self, id: NodeId, name: &str, args: &mut ArgumentConsumer) -> Result<(), Failure> {
        match name {
            "timeout" => self.cluster.fire(id, Timer::Election),
            "beat" => self.cluster.fire(id, Timer::Heartbeat),
            "snapshot" => self.cluster.take_snapshot(id),
            "transfer" => self.cluster.transfer(id, next_node(args)?),
            "propose" => {
                let commands: Vec<&str> = std::iter::from_fn(|| args.next_pos()).collect();
                self.cluster.propose(id, &commands);
            }
            "change" => {
                let kind = args.next_pos().ok_or("say which change")?;
                self.cluster.change(id, configurations::request(kind, args)?);
            }
            "read" => {
                let read = ReadId(args.next_pos().ok_or("say which read")?.parse()?);
                let mode = match args.next_pos() {
                    None => ReadMode::Quorum,
                    Some("lease") => ReadMode::Lease,
                    Some(other) => return Err(format!("{other} is no way to read; say lease").into()),
                };
                self.cluster.read(id, read, mode);
            }
            "complete" => {
                let count: u32 = args.next_pos().unwrap_or("1").parse()?;
                (0..count).for_each(|_| self.cluster.complete(id));
            }
            _ => return Err(format!("there is no command {name}").into()),
        }
        Ok(())
    }

    fn start_cluster(&mut self, args: &mut ArgumentConsumer) -> Result<(), Failure> {
        let founders = Founders {
            voters: args.next_pos().ok_or("say how many servers")?.parse()?,
            learners: number(args, "learners")?.unwrap_or(0),
            joiners: number(args, "joiners")?.unwrap_or(0),
        };
        let mut limits = Config::new(NodeId(1), vec![NodeId(1)]);
        match args.next_pos() {
            None => {}
            Some("plain") => (limits.pre_vote, limits.quorum_check) = (PreVote::Off, QuorumCheck::Off),
            Some("pre-vote") => limits.quorum_check = QuorumCheck::Off,
            Some("quorum-check") => limits.pre_vote = PreVote::Off,
            Some(other) => return Err(format!("{other} is no kind of cluster; say plain").into()),
        }
        set(&mut limits.append_entries_max, args, "entries")?;
        set(&mut limits.append_bytes_max, args, "bytes")?;
        set(&mut limits.in_flight_max, args, "window")?;
        set(&mut limits.in_flight_bytes_max, args, "window-bytes")?;
        set(&mut limits.command_bytes_max, args, "command")?;
        set(&mut limits.uncommitted_bytes_max, args, "uncommitted")?;
        set(&mut limits.snapshot_chunk_bytes, args, "chunk")?;
        set(&mut limits.clock_drift_ppm_max, args, "drift")?;
        limits.entries_kept = number(args, "kept")?.unwrap_or(0);
        self.cluster = Cluster::new(founders, |config| {
            *config = Config { id: config.id, bootstrap: config.bootstrap.clone(), ..limits.clone() };
        });
        self.cluster.events.clear();
        Ok(())
    }

    fn start_from_disk(&mut self, args: &mut ArgumentConsumer) -> Result<(), Failure> {
        let id = next_node(args)?;
        let term = key(args, "term")?.parse()?;
        let voted_for = args.take_key("vote").map(node).transpose()?;
        let server = self.cluster.servers.get(&id).ok_or("no such server")?;
        let configuration = Arc::new(server.config.bootstrap.clone());
        let snapshot = args.take_key("snapshot").map(position).transpose()?.map(|(index, term)| {
            Arc::new(Snapshot {
                index,
                term,
                configuration,
                data: "x".repeat(index.0.try_into().expect("short")).into(),
            })
        });
        let base = snapshot.as_ref().map_or(0, |snapshot| snapshot.index.0);
        let entries = entries_after(base, args.take_key("log").unwrap_or(""))?;
        self.cluster.crash(id, 0, None);
        self.cluster.server(id).disk =
            Disk { hard_state: HardState { term: Term(term), voted_for }, snapshot, entries };
        self.cluster.restart(id);
        self.cluster.events.clear();
        Ok(())
    }

    fn show(&mut self, args: &mut ArgumentConsumer, shown: bool) -> Result<(), Failure> {
        match args.next_pos() {
            Some("timers") => self.shown.timers = shown,
            Some("rounds") => self.shown.rounds = shown,
            Some("probes") => self.shown.probes = shown,
            _ => return Err("say timers, rounds or probes".into()),
        }
        Ok(())
    }

    fn network(&mut self, name: &str, args: &mut ArgumentConsumer) -> Result<(), Failure> {
        match name {
            "deliver" => self.take_matching(args)?.into_iter().for_each(|envelope| self.cluster.arrive(envelope)),
            "drop" => {
                let lost = self.take_matching(args)?;
                self.cluster.events.extend(lost.into_iter().map(|envelope| Event::Lost(envelope, "dropped")));
            }
            "duplicate" => {
                let doubled = self.take_matching(args)?;
                doubled.into_iter().for_each(|envelope| self.cluster.network.extend([envelope.clone(), envelope]));
            }
            "delay" => {
                let delayed = self.take_matching(args)?;
                self.cluster.network.extend(delayed);
            }
            "settle" => self.settle()?,
            "cut" => {
                let links = self.links(args)?;
                self.cluster.cut.extend(links);
            }
            _ => {
                let links = self.links(args)?;
                self.cluster.cut.retain(|link| !links.contains(link));
            }
        }
        Ok(())
    }

    /// The links of the servers that are named; with `to`, only those that lead from them to there.
    fn links(&self, args: &mut ArgumentConsumer) -> Result<BTreeSet<(NodeId, NodeId)>, Failure> {
        let to = args.take_key("to").map(node).transpose()?;
        let named = nodes(args)?;
        let all = || self.cluster.servers.keys().copied();
        Ok(match to {
            Some(to) => named.into_iter().map(|from| (from, to)).collect(),
            None => named.into_iter().flat_map(|id| all().flat_map(move |other| [(id, other), (other, id)])).collect(),
        })
    }

    fn settle(&mut self) -> Result<(), Failure> {
        for _ in 0..1000 {
            match self.cluster.network.pop_front() {
                Some(envelope) => self.cluster.arrive(envelope),
                None => return Ok(()),
            }
        }
        Err("1000 messages did not settle the cluster".into())
    }

    fn take_matching(&mut self, args: &mut ArgumentConsumer) -> Result<Vec<Envelope>, Failure> {
        let from = args.take_key("from").map(node).transpose()?;
        let to = args.take_key("to").map(node).transpose()?;
        let mut left_to_take = number(args, "count")?.unwrap_or(usize::MAX);
        let matches = |envelope: &Envelope| {
            let matches = from.is_none_or(|from| envelope.from == from) && to.is_none_or(|to| envelope.to == to);
            let takes = matches && left_to_take > 0;
            left_to_take -= usize::from(takes);
            takes
        };
        let (taken, left): (Vec<_>, Vec<_>) = self.cluster.network.drain(..).partition(matches);
        self.cluster.network.extend(left);
        if taken.is_empty() { Err("nothing like that is on its way".into()) } else { Ok(taken) }
    }

    /// Puts a message on its way that its sender did not send, or not now.
    fn send(&mut self, name: &str, args: &mut ArgumentConsumer) -> Result<(), Failure> {
        let (from, to) = (next_node(args)?, next_node(args)?);
        let term = Term(key(args, "term")?.parse()?);
        let body = match name {
            "ask" => {
                let (last_index, last_term) = position(key(args, "last")?)?;
                Body::RequestVote(RequestVote { last_index, last_term, cause: ElectionCause::Timeout })
            }
            "append" => {
                let (previous_index, previous_term) = position(key(args, "after")?)?;
                let entries = Arc::from(entries_after(previous_index.0, args.take_key("log").unwrap_or(""))?);
                let commit = Index(number(args, "committed")?.unwrap_or(0));
                Body::Append(Append { previous_index, previous_term, entries, commit, round: Round(0) })
            }
            _ => Body::TimeoutNow,
        };
        self.cluster.network.push_back(Envelope { from, to, message: Message { term, body } });
        Ok(())
    }

    fn clocks(&mut self, name: &str, args: &mut ArgumentConsumer) -> Result<(), Failure> {
        if name == "set" {
            let server = self.cluster.server(next_node(args)?);
            server.clock = LocalTime(nanoseconds(args)?);
            return Ok(());
        }
        let by = nanoseconds(args)?;
        let named = nodes(args)?;
        for (id, server) in &mut self.cluster.servers {
            if named.is_empty() || named.contains(id) {
                server.clock = LocalTime(server.clock.0 + by);
            }
        }
        Ok(())
    }

    fn set_speed(&mut self, args: &mut ArgumentConsumer, speed: DiskSpeed) -> Result<(), Failure> {
        for id in nodes(args)? {
            self.cluster.servers.get_mut(&id).ok_or("no such server")?.speed = speed;
        }
        Ok(())
    }

    fn state(&mut self, args: &mut ArgumentConsumer) -> Result<String, Failure> {
        let named = nodes(args)?;
        let mut output = String::new();
        for (&id, server) in self.cluster.servers.iter().filter(|(id, _)| named.is_empty() || named.contains(id)) {
            writeln!(output, "{}", trace::server(id, server.replica.as_ref(), &server.disk))?;
        }
        Ok(output)
    }

    fn configuration(&mut self, args: &mut ArgumentConsumer) -> Result<String, Failure> {
        let named = nodes(args)?;
        let mut output = String::new();
        for (&id, server) in self.cluster.servers.iter().filter(|(id, _)| named.is_empty() || named.contains(id)) {
            let Some(replica) = &server.replica else { continue };
            let configuration: &Configuration = replica.configuration();
            writeln!(output, "{id} knows {configuration}, since {}", replica.configuration_index())?;
        }
        Ok(output)
    }
}

fn set<Number>(setting: &mut Number, args: &mut ArgumentConsumer, name: &str) -> Result<(), Failure>
where
    Number: std::str::FromStr<Err: std::error::Error + 'static>,
{
    if let Some(value) = number(args, name)? {
        *setting = value;
    }
    Ok(())
}

/// `5ms`, `20us`.
fn nanoseconds(args: &mut ArgumentConsumer) -> Result<u64, Failure> {
    let word = args.next_pos().ok_or("say how long")?;
    let (number, unit) = if let Some(number) = word.strip_suffix("ms") {
        (number, 1_000_000)
    } else if let Some(number) = word.strip_suffix("us") {
        (number, 1_000)
    } else {
        return Err(format!("{word} is no time; say 5ms or 20us").into());
    };
    Ok(number.parse::<u64>()? * unit)
}

/// `4@2`: index 4, term 2.
fn position(word: &str) -> Result<(Index, Term), Failure> {
    let (index, term) = word.split_once('@').ok_or("say index@term")?;
    Ok((Index(index.parse()?), Term(term.parse()?)))
}

/// Entries of these terms, at the indexes after `previous`.
fn entries_after(previous: u64, terms: &str) -> Result<Vec<Entry>, Failure> {
    let entry = |(index, term): (u64, &str)| {
        Ok(Entry { term: Term(term.parse()?), index: Index(index), payload: Payload::Noop })
    };
    (previous + 1..).zip(terms.split_whitespace()).map(entry).collect()
}

/// The table of the cases of others names scripts that are there.
#[test]
fn every_script_that_the_readme_names_exists() {
    let readme = include_str!("../README.md");
    let names =
        readme.split('`').skip(1).step_by(2).filter(|word| word.contains('/') && !word.contains(['.', '<', '*']));
    let names: Vec<&str> = names.filter(|word| *word != "protocol/" && *word != "src/").collect();
    assert!(names.len() > 100, "the tables are there");
    for name in names {
        let is_code =
            ["quorum/testdata", "confchange/testdata", "src/raft/testscripts"].iter().any(|of| name.starts_with(of));
        assert!(is_code || std::path::Path::new("tests/scripts").join(name).exists(), "there is no script {name}");
    }
}

scripts! {
    Script::new();
    elections {
        a_candidate_wins_with_votes_from_a_majority,
        a_candidate_yields_to_the_leader_of_its_term,
        a_heartbeat_brings_everybody_to_its_leader,
        a_higher_term_makes_everybody_follow,
        a_leader_that_hears_from_no_quorum_steps_down,
        a_lost_election_is_not_pursued,
        a_pre_candidate_with_an_old_log_disturbs_nobody,
        a_pre_candidate_yields,
        a_pre_vote_is_no_vote,
        a_pre_vote_is_refused_while_the_leader_is_heard,
        a_refusal_of_an_older_term_does_not_hide_a_grant,
        a_restarted_server_is_loyal_at_first,
        a_server_that_was_cut_off_disturbs_nobody,
        a_single_server_elects_itself,
        a_stale_leader_reverts_to_follower,
        a_term_has_one_leader,
        a_vote_is_denied_to_a_log_that_is_less_up_to_date,
        an_election_is_won_lost_or_open,
        duplicate_votes_count_once,
        each_server_votes_once_in_a_term,
        everybody_stands_at_once,
        followers_name_the_leader_to_clients,
        late_answers_to_a_decided_election_are_ignored,
        late_requests_for_a_decided_election_are_refused,
        loyal_servers_ignore_candidates,
        pre_votes_are_granted_once_the_leader_is_silent,
        pre_votes_of_another_time_do_not_count,
        requests_with_a_stale_term_are_rejected,
        servers_start_as_followers,
        split_votes_are_resolved_in_a_new_term,
        two_candidates_compete_in_one_term,
        who_lacks_a_committed_entry_cannot_win,
        who_lacks_an_uncommitted_entry_can_win,
    }
    replication {
        a_backlog_is_sent_in_batches,
        a_follower_commits_only_what_the_append_covers,
        a_follower_learns_a_commit_from_a_heartbeat,
        a_full_window_that_was_lost_is_sent_again,
        a_heartbeat_acknowledges_what_was_lost,
        a_heartbeat_does_not_disturb_a_probe,
        a_heartbeats_answer_ends_a_probe,
        a_leader_beats_to_all_followers,
        a_lost_append_shows_at_the_next_heartbeat,
        a_rejection_skips_the_whole_conflicting_term,
        a_shared_conflicting_term_is_met_at_its_end,
        a_single_voter_commits_without_its_learners,
        a_window_is_limited_in_bytes,
        acknowledgements_of_an_older_term_are_ignored,
        an_append_is_limited_in_bytes,
        an_empty_follower_gets_the_whole_log,
        an_entry_commits_once_a_majority_has_it,
        an_old_heartbeat_takes_nothing_back,
        appends_are_idempotent,
        conflicting_entries_are_replaced_by_the_leaders,
        divergent_logs_of_all_lengths_are_replaced,
        earlier_terms_commit_along_with_the_current_one,
        figure_7,
        figure_8,
        heartbeats_that_come_twice_cost_one_resend,
        pipelined_appends_do_not_wait_for_answers,
        proposals_that_come_together_are_written_together,
        servers_retry_what_is_not_answered,
        stale_rejections_are_ignored,
        too_much_uncommitted_is_refused,
        what_a_cut_off_leader_took_may_still_commit,
        what_is_committed_is_never_replaced,
        what_no_correct_server_would_send_is_ignored,
    }
    persistence {
        a_cluster_that_restarts_keeps_its_logs,
        a_completed_write_that_was_overtaken_proves_nothing,
        a_crash_keeps_a_prefix_of_the_writes,
        a_leader_may_commit_before_its_own_disk,
        a_leaders_own_disk_counts_like_any_other,
        a_restarted_voter_remembers_its_vote,
        entries_flow_while_disks_lag,
        stable_storage_is_updated_before_responding,
        three_leaders_race_to_one_index,
    }
    snapshots {
        a_configuration_comes_with_a_snapshot,
        a_conflicting_log_is_discarded,
        a_fully_compacted_leader_sends_a_snapshot,
        a_matching_suffix_is_kept,
        a_new_leader_starts_a_snapshot_over,
        a_newer_snapshot_supersedes,
        a_server_starts_from_its_snapshot,
        a_snapshot_behind_the_leaders_next_one_still_helps,
        a_snapshot_is_sent_in_parts,
        a_snapshot_through_the_last_entry_catches_up,
        a_throttled_follower_gets_a_snapshot,
        an_installation_survives_a_crash_or_starts_over,
        an_old_snapshot_is_acknowledged_and_ignored,
        compaction_keeps_some_entries,
    }
    membership {
        a_change_waits_for_the_leaders_first_entry,
        a_change_waits_for_the_one_before,
        a_joint_configuration_is_left_on_request,
        a_leader_is_replaced_in_one_change,
        a_leader_removes_itself,
        a_new_leader_leaves_the_joint_configuration,
        a_promoted_learner_votes_before_it_knows,
        a_removed_server_disturbs_nobody,
        a_server_joins,
        a_server_may_come_back,
        a_smaller_quorum_commits_what_waited,
        a_truncated_change_is_rolled_back,
        changes_are_refused_with_a_reason,
        joint_elections_need_both_majorities,
        learners_get_everything_and_decide_nothing,
        two_servers_join_and_leave_at_once,
    }
    reads {
        a_cut_off_leader_serves_a_read_when_it_is_back,
        a_follower_asks_the_leader,
        a_joint_round_needs_both_majorities,
        a_leader_that_steps_down_refuses_its_reads,
        a_lease_is_dropped,
        a_lease_serves_reads_at_once,
        a_lost_round_is_repeated_by_the_heartbeat,
        a_new_leader_first_commits_an_entry_of_its_term,
        a_read_waits_for_a_round,
        a_single_server_reads_at_once,
        an_answer_to_an_earlier_round_proves_nothing,
        reads_that_come_together_share_a_round,
    }
    transfer {
        a_lagging_target_is_brought_up_to_date_first,
        a_late_demand_is_ignored,
        a_transfer_that_takes_too_long_is_given_up,
        leadership_is_handed_over,
        proposals_are_refused_while_leadership_is_handed_over,
        who_cannot_lead_is_not_handed_to,
    }
}
