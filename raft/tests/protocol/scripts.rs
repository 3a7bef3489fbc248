//! Golden scripts: each file in `tests/scripts` is a sentence of the paper, told as commands and what they led to.
//!
//! Regenerate with `UPDATE_GOLDENFILES=1`, then read the difference. The commands:
//!
//! - `cluster 3 [entries=N] [window=N]` starts n1 to n3; `stored n1 term=4 [vote=n2] log="1 1 4"` starts n1 again from
//!   a disk with this term, this vote, and entries of these terms
//! - `timeout n1` fires the election timer, `beat n1` the heartbeat timer
//! - `deliver [from=n1] [to=n2] [count=1]`, `drop ...`, `duplicate ...`, `delay ...`: what is on its way now and
//!   matches arrives, is lost, is doubled, falls behind the rest; `settle` delivers until nothing is on its way
//! - `cut n1` loses everything to and from n1, `mend n1` ends that
//! - `propose n1 a b` proposes commands together
//! - `slow n1` and `prompt n1` set the disk's speed, `complete n1 [count]` completes writes of a slow disk
//! - `crash n1`, `restart n1`, `state [n1 ...]`
//! - `ask n3 n1 term=2 last=4@1` and `append n3 n1 term=2 after=1@1 log="2 2" committed=1` put a message on its way

use std::collections::BTreeSet;
use std::error::Error;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use goldenscript::ArgumentConsumer;
use whitewater_raft::message::{Append, Body, Message, RequestVote};
use whitewater_raft::{Entry, HardState, Index, NodeId, Payload, Term, Timer};

use crate::cluster::{Cluster, Disk, DiskSpeed, Envelope, Event};
use crate::trace;

type Failure = Box<dyn Error>;

struct Script {
    cluster: Cluster,
}

impl goldenscript::Runner for Script {
    type Command = goldenscript::Command;

    fn run(&mut self, command: &goldenscript::Command, _: &goldenscript::Context) -> Result<String, Failure> {
        let mut args = command.consume_args();
        let mut output = self.command(&command.name, &mut args)?;
        args.reject_next()?;
        for line in self.cluster.events.drain(..).filter_map(|event| trace::event(&event)) {
            writeln!(output, "{line}")?;
        }
        Ok(output)
    }
}

impl Script {
    fn command(&mut self, name: &str, args: &mut ArgumentConsumer) -> Result<String, Failure> {
        match name {
            "cluster" => self.start_cluster(args)?,
            "stored" => self.start_from_disk(args)?,
            "timeout" => self.cluster.fire(next_node(args)?, Timer::Election),
            "beat" => self.cluster.fire(next_node(args)?, Timer::Heartbeat),
            "deliver" => self.take_matching(args)?.into_iter().for_each(|envelope| self.cluster.arrive(envelope)),
            "settle" => self.settle()?,
            "drop" => {
                for envelope in self.take_matching(args)? {
                    self.cluster.events.push(Event::Lost(envelope, "dropped"));
                }
            }
            "duplicate" => {
                let doubled = self.take_matching(args)?;
                doubled.into_iter().for_each(|envelope| self.cluster.network.extend([envelope.clone(), envelope]));
            }
            "delay" => {
                let delayed = self.take_matching(args)?;
                self.cluster.network.extend(delayed);
            }
            "cut" => self.cluster.cut.extend(nodes(args)?),
            "mend" => nodes(args)?.iter().for_each(|id| {
                self.cluster.cut.remove(id);
            }),
            "propose" => self.propose(args)?,
            "slow" => self.set_speed(args, DiskSpeed::Slow)?,
            "prompt" => self.set_speed(args, DiskSpeed::Prompt)?,
            "complete" => {
                let id = next_node(args)?;
                (0..next_number(args)?.unwrap_or(1)).for_each(|_| self.cluster.complete(id));
            }
            "crash" => nodes(args)?.into_iter().for_each(|id| self.cluster.crash(id, 0, None)),
            "restart" => nodes(args)?.into_iter().for_each(|id| self.cluster.restart(id)),
            "state" => return self.state(args),
            "ask" => self.ask(args)?,
            "append" => self.append(args)?,
            _ => return Err(format!("there is no command {name}").into()),
        }
        Ok(String::new())
    }

    fn start_cluster(&mut self, args: &mut ArgumentConsumer) -> Result<(), Failure> {
        let count = args.next_pos().ok_or("say how many servers")?.parse()?;
        let entries = args.take_key("entries").map(str::parse).transpose()?;
        let window = args.take_key("window").map(str::parse).transpose()?;
        self.cluster = Cluster::new(count, |config| {
            config.append_entries_max = entries.unwrap_or(config.append_entries_max);
            config.in_flight_max = window.unwrap_or(config.in_flight_max);
        });
        self.cluster.events.clear();
        Ok(())
    }

    fn start_from_disk(&mut self, args: &mut ArgumentConsumer) -> Result<(), Failure> {
        let id = next_node(args)?;
        let term = key(args, "term")?.parse()?;
        let voted_for = args.take_key("vote").map(node).transpose()?;
        let entries = entries_after(0, args.take_key("log").unwrap_or(""))?;
        self.cluster.crash(id, 0, None);
        let disk = Disk { hard_state: HardState { term: Term(term), voted_for }, entries };
        self.cluster.servers.get_mut(&id).ok_or("no such server")?.disk = disk;
        self.cluster.restart(id);
        self.cluster.events.clear();
        Ok(())
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
        let mut left_to_take = args.take_key("count").map(str::parse).transpose()?.unwrap_or(usize::MAX);
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

    fn propose(&mut self, args: &mut ArgumentConsumer) -> Result<(), Failure> {
        let id = next_node(args)?;
        let commands: Vec<&str> = std::iter::from_fn(|| args.next_pos()).collect();
        self.cluster.propose(id, &commands);
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

    fn ask(&mut self, args: &mut ArgumentConsumer) -> Result<(), Failure> {
        let (from, to) = (next_node(args)?, next_node(args)?);
        let term = Term(key(args, "term")?.parse()?);
        let (last_index, last_term) = position(key(args, "last")?)?;
        let message = Message { term, body: Body::RequestVote(RequestVote { last_index, last_term }) };
        self.cluster.network.push_back(Envelope { from, to, message });
        Ok(())
    }

    fn append(&mut self, args: &mut ArgumentConsumer) -> Result<(), Failure> {
        let (from, to) = (next_node(args)?, next_node(args)?);
        let term = Term(key(args, "term")?.parse()?);
        let (previous_index, previous_term) = position(key(args, "after")?)?;
        let entries = Arc::from(entries_after(previous_index.0, args.take_key("log").unwrap_or(""))?);
        let commit = Index(args.take_key("committed").unwrap_or("0").parse()?);
        let message = Message { term, body: Body::Append(Append { previous_index, previous_term, entries, commit }) };
        self.cluster.network.push_back(Envelope { from, to, message });
        Ok(())
    }
}

fn node(word: &str) -> Result<NodeId, Failure> {
    let number = word.strip_prefix('n').ok_or_else(|| format!("{word} is no server; say n1"))?;
    Ok(NodeId(number.parse()?))
}

fn next_node(args: &mut ArgumentConsumer) -> Result<NodeId, Failure> {
    node(args.next_pos().ok_or("say which server")?)
}

fn nodes(args: &mut ArgumentConsumer) -> Result<BTreeSet<NodeId>, Failure> {
    std::iter::from_fn(|| args.next_pos()).map(node).collect()
}

fn next_number(args: &mut ArgumentConsumer) -> Result<Option<u64>, Failure> {
    Ok(args.next_pos().map(str::parse).transpose()?)
}

fn key<'a>(args: &mut ArgumentConsumer<'a>, name: &str) -> Result<&'a str, Failure> {
    args.take_key(name).ok_or_else(|| format!("say {name}=...").into())
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

fn run(file: &Path) -> std::io::Result<()> {
    goldenscript::run(&mut Script { cluster: Cluster::new(0, |_| {}) }, file)
}

macro_rules! scripts {
    ($($name:ident),* $(,)?) => {
        $(#[test]
        fn $name() {
            let file = Path::new("tests/scripts").join(stringify!($name));
            run(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        })*

        #[test]
        fn every_script_is_run() {
            #[expect(clippy::disallowed_methods, reason = "a test may look at its own directory")]
            let files = std::fs::read_dir("tests/scripts").expect("the scripts are there");
            let files: BTreeSet<String> = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
            let run: BTreeSet<String> = [$(stringify!($name)),*].into_iter().map(str::to_owned).collect();
            assert_eq!(files, run);
        }
    };
}

scripts! {
    a_candidate_wins_with_votes_from_a_majority,
    a_candidate_yields_to_the_leader_of_its_term,
    a_completed_write_that_was_overtaken_proves_nothing,
    a_follower_commits_only_what_the_append_covers,
    a_leader_may_commit_before_its_own_disk,
    a_leaders_own_disk_counts_like_any_other,
    a_lost_append_shows_at_the_next_heartbeat,
    a_lost_election_is_not_pursued,
    a_refusal_of_an_older_term_does_not_hide_a_grant,
    a_rejection_skips_the_whole_conflicting_term,
    a_restarted_voter_remembers_its_vote,
    a_shared_conflicting_term_is_met_at_its_end,
    a_single_server_elects_itself,
    a_stale_leader_reverts_to_follower,
    a_term_has_one_leader,
    a_vote_is_denied_to_a_log_that_is_less_up_to_date,
    acknowledgements_of_an_older_term_are_ignored,
    appends_are_idempotent,
    conflicting_entries_are_replaced_by_the_leaders,
    duplicate_votes_count_once,
    each_server_votes_once_in_a_term,
    earlier_terms_commit_along_with_the_current_one,
    figure_7,
    figure_8,
    followers_name_the_leader_to_clients,
    pipelined_appends_do_not_wait_for_answers,
    proposals_that_come_together_are_written_together,
    requests_with_a_stale_term_are_rejected,
    servers_retry_what_is_not_answered,
    split_votes_are_resolved_in_a_new_term,
    stable_storage_is_updated_before_responding,
    what_is_committed_is_never_replaced,
    what_no_correct_server_would_send_is_ignored,
}
