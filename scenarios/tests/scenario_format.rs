//! What is wrong with a scenario file is said once, with its line and what to write instead.

use whitewater_raft::{Config, NodeId};
use whitewater_scenarios::scenario::format::parse;
use whitewater_scenarios::scenario::{Reads, Scenario};
use whitewater_sim::disk::Losses;

const HEAD: &str = "name = \"x\"\nsummary = \"y\"\n";

#[track_caller]
fn refused(rest: &str, expected: &str) {
    let error = parse("x.toml", &format!("{HEAD}{rest}")).expect_err("the file is refused");
    assert_eq!(error.to_string(), expected);
}

#[test]
fn a_name_and_a_summary_are_enough() {
    let scenario = parse("x.toml", HEAD).expect("everything else has a default");
    assert_eq!((scenario.servers, scenario.clients), (vec![3, 5, 7], 5));
    assert_eq!((scenario.snapshot_every, scenario.replication.entries_kept), (Some(1_000), 100));
    assert_eq!(scenario.replication.promotion_gap, 100);
}

/// What servers assume when nobody tells them otherwise is what a scenario assumes, but for what runs of a few seconds
/// need: logs are short enough to be compacted in them.
#[test]
fn defaults_are_those_of_the_servers() {
    let Scenario { protocol, replication, timing, .. } = parse("x.toml", HEAD).expect("everything has a default");
    let config = Config::new(NodeId(0), vec![NodeId(0)]);
    assert_eq!(
        (protocol.pre_vote, protocol.quorum_check, protocol.clock_drift_ppm_max),
        (config.pre_vote, config.quorum_check, config.clock_drift_ppm_max)
    );
    assert_eq!(
        (replication.append_bytes, replication.in_flight_bytes, replication.uncommitted_bytes),
        (config.append_bytes_max, config.in_flight_bytes_max, config.uncommitted_bytes_max)
    );
    assert_eq!(replication.snapshot_chunk, config.snapshot_chunk_bytes);
    assert_eq!(
        (timing.election_timeout_ns.min_ns, timing.election_timeout_ns.max_ns, timing.heartbeat_ns),
        (config.election_timeout_ns_min, config.election_timeout_ns_max, config.heartbeat_interval_ns)
    );
}

#[test]
fn snapshots_can_be_off() {
    let every = |text: &str| parse("x.toml", &format!("{HEAD}[snapshots]\nevery = {text}\n")).map(|s| s.snapshot_every);
    assert_eq!([every("\"never\""), every("0"), every("7")], [Ok(None), Ok(None), Ok(Some(7))]);
    refused(
        "[snapshots]\nevery = \"often\"\n",
        "x.toml:4: invalid value: string \"often\", expected a whole number from 1 to 1000000, or \"never\"\n  4 | every = \"often\"",
    );
}

#[test]
fn reads_take_one_way_or_several() {
    let reads = |text: &str| parse("x.toml", &format!("{HEAD}[workload]\nreads = {text}\n")).map(|s| s.workload.reads);
    assert_eq!(reads("\"any-server\""), Ok(Reads { log: 0, quorum: 0, lease: 0, any_server: 1 }));
    assert_eq!(reads("{ log = 2, lease = 1 }"), Ok(Reads { log: 2, quorum: 0, lease: 1, any_server: 0 }));
    refused(
        "[workload]\nreads = \"nowhere\"\n",
        "x.toml:4: reads are \"log\", \"quorum\", \"lease\", \"any-server\", or weights of them like \
         { quorum = 1, lease = 2 }\n  4 | reads = \"nowhere\"",
    );
    refused(
        "[workload]\nreads = { log = 0 }\n",
        "x.toml:4: every weight is zero: give at least one way to read a weight\n  4 | reads = { log = 0 }",
    );
}

#[test]
fn leases_need_clocks_that_they_can_trust() {
    refused(
        "[clocks]\ndrift = 0.01\n",
        "x.toml:4: clocks drift more than `protocol.clock_drift` allows, so reads by lease would not be safe: raise that, \
         lower this, or set `workload.reads` without lease\n  4 | drift = 0.01",
    );
    let quorum = format!("{HEAD}[clocks]\ndrift = 0.01\n[workload]\nreads = \"quorum\"\n");
    assert!(parse("x.toml", &quorum).is_ok());
    let allowed = format!("{HEAD}[clocks]\ndrift = 0.01\n[protocol]\nclock_drift = 0.01\n");
    assert_eq!(parse("x.toml", &allowed).map(|scenario| scenario.clocks.drift_ppm_max), Ok(10_000));
    let step = "[[faults]]\nkind = \"clock-step\"\ntarget = \"random\"\nevery = \"1s\"\nby = \"5s\"\n";
    refused(
        step,
        "x.toml:3: a clock that steps back makes a lease last longer than it may: add way = \"forward\", set \
         `workload.reads` without lease, or say what still holds: `checks` without I19, I20 and LIN\n  3 | [[faults]]",
    );
    assert!(parse("x.toml", &format!("{HEAD}{step}way = \"forward\"\n")).is_ok());
    assert!(parse("x.toml", &format!("{quorum}{step}")).is_ok());
}

#[test]
fn impossible_clock_steps() {
    let step = |keys: &str| format!("[[faults]]\nkind = \"clock-step\"\ntarget = \"random\"\nevery = \"1s\"\n{keys}");
    refused(
        &step(""),
        "x.toml:3: a clock step has no distance: add a line like by = [\"10ms\", \"5s\"]\n  3 | [[faults]]",
    );
    refused(
        &step("by = \"0s\"\n"),
        "x.toml:7: a clock steps by more than zero: write a duration like \"5s\"\n  7 | by = \"0s\"",
    );
    refused(
        &step("by = \"1s\"\nlasting = \"1s\"\n"),
        "x.toml:3: a fault of kind `clock-step` has no key `lasting`; it takes target, by, way\n  3 | [[faults]]",
    );
}

#[test]
fn more_disks_are_lost_only_where_the_scenario_says_what_still_holds() {
    let beyond = "[disk]\nlosses = \"any\"\n";
    let loss = "[[faults]]\nkind = \"wipe\"\ntarget = \"all\"\nevery = \"1s\"\nlasting = \"1s\"\n";
    refused(
        beyond,
        "x.toml:4: a cluster does not survive the loss of any disk: leave `losses` out, or say what still holds: `checks` \
         without I8, I18 and I24\n  4 | losses = \"any\"",
    );
    refused(
        &format!("checks = [\"I1\", \"I8\"]\n{beyond}"),
        "x.toml:5: a cluster does not survive the loss of any disk: \
         leave `losses` out, or say what still holds: `checks` without I8, I18 and I24\n  5 | losses = \"any\"",
    );
    let says = format!("{HEAD}checks = [\"I1\", \"LIN\"]\n{beyond}{loss}{loss}");
    let scenario = parse("x.toml", &says).expect("the scenario says what still holds");
    assert_eq!((scenario.disks.losses, scenario.faults.len()), (Losses::Any, 2));
    refused(
        "[disk]\nlosses = \"all\"\n",
        "x.toml:4: the word `all` is not known here: there are survived, any\n  4 | losses = \"all\"",
    );
}

#[test]
fn wipes_that_would_lose_the_cluster() {
    let wipe = |target: &str, every: &str| {
        format!("[[faults]]\nkind = \"wipe\"\ntarget = {target}\nevery = \"{every}\"\nlasting = \"1s\"\n")
    };
    let good = wipe("\"random\"", "5s");
    assert!(parse("x.toml", &format!("{HEAD}{good}")).is_ok());
    refused(
        &format!("{good}[cluster]\nservers = [2, 3]\n"),
        "x.toml:3: without its disk, a cluster of fewer than three voters is lost: set `cluster.servers` to 3\n  3 | [[faults]]",
    );
    refused(
        &wipe("\"minority\"", "5s"),
        "x.toml:3: one disk is lost at a time: set target = \"random\", \"leader\" or \"follower\", or go beyond what a cluster \
         survives with `disk.losses` = \"any\"\n  3 | [[faults]]",
    );
    refused(
        &wipe("[1]", "4s"),
        "x.toml:6: the operator needs time to replace a server that lost its disk: write \"5s\" or more\n  6 | every = \"4s\"",
    );
    refused(
        &format!("{good}{good}"),
        "x.toml:8: a second wipe could strike before the operator has made up for the first: leave one of them out\n  \
         8 | [[faults]]",
    );
    refused(
        &format!("{good}[cluster]\nspares = 1\n[[operator]]\nkind = \"replace\"\nevery = \"1s\"\n"),
        "x.toml:3: a wiped disk costs a vote until the operator has replaced the server: only transfers and forced \
         snapshots go with it; leave the wipe or the other actions of the operator out\n  3 | [[faults]]",
    );
    let beside = format!("{HEAD}{good}[[operator]]\nkind = \"transfer\"\nevery = \"1s\"\n");
    assert!(parse("x.toml", &beside).is_ok());
}

#[test]
fn impossible_operators() {
    let action = |kind: &str, more: &str| format!("[[operator]]\nkind = \"{kind}\"\nevery = \"1s\"\n{more}");
    refused(
        &action("reconfigure", ""),
        "x.toml:3: this operator has no sizes to choose from: add a line like voters = [3, 5]\n  3 | [[operator]]",
    );
    refused(
        &action("reconfigure", "voters = [3, 5]\n"),
        "x.toml:6: 5 voters are more than the 3 servers of this scenario: set `cluster.spares` higher\n  6 | voters = [3, 5]",
    );
    refused(
        &action("transfer", "voters = 3\n"),
        "x.toml:6: an operator of kind `transfer` has no key `voters`: only `reconfigure` has\n  6 | voters = 3",
    );
    refused(
        &action("replace", ""),
        "x.toml:3: `replace` has nobody to bring in: set `cluster.spares` to 1 or more\n  3 | [[operator]]",
    );
    refused(
        &format!("{}[cluster]\nservers = 1\n", action("remove-leader", "")),
        "x.toml:3: the last voter cannot be removed: set `cluster.servers` to 2 or more\n  3 | [[operator]]",
    );
    refused(
        "[[operator]]\nkind = \"transfer\"\nevery = \"0s\"\n",
        "x.toml:5: an operator acts every millisecond at most: write a duration like \"1s\"\n  5 | every = \"0s\"",
    );
    refused(
        "[cluster]\nservers = [3, 55]\nlearners = 5\nspares = 5\n",
        "x.toml:6: this makes more than 64 servers in all: lower one of the numbers\n  6 | spares = 5",
    );
}

#[test]
fn impossible_goals() {
    let goal = |keys: &str| format!("[[goals]]\nat = \"1s\"\n{keys}\n");
    for keys in ["do = \"reconfigure\"\nvoters = [2, 0]\nlearners = [1]", "do = \"transfer\"\nserver = 2"] {
        assert!(parse("x.toml", &format!("{HEAD}{}", goal(keys))).is_ok(), "{keys}");
    }
    let cases = [
        ("do = \"transfer\"", "3: `transfer` does not say which server: add a line like server = 1\n  3 | [[goals]]"),
        (
            "do = \"transfer\"\nserver = 3",
            "6: server 3 does not exist: the smallest cluster of this scenario has servers 0 to 2\n  6 | server = 3",
        ),
        (
            "do = \"force-snapshot\"\nserver = 64",
            "6: 64 is out of range: write a whole number from 0 to 63\n  6 | server = 64",
        ),
        (
            "do = \"force-snapshot\"\nvoters = [1]",
            "6: `force-snapshot` has no key `voters`: it is about one server, as in server = 1\n  6 | voters = [1]",
        ),
        (
            "do = \"transfer\"\nserver = 1\nstyle = \"joint\"",
            "7: `transfer` has no key `style`: it is about one server, as in server = 1\n  7 | style = \"joint\"",
        ),
        (
            "do = \"reconfigure\"",
            "3: `reconfigure` does not say who votes: add a line like voters = [0, 1, 3]\n  3 | [[goals]]",
        ),
        (
            "do = \"reconfigure\"\nserver = 1",
            "6: `reconfigure` is about all members: name them, as in voters = [0, 1, 3]\n  6 | server = 1",
        ),
        (
            "do = \"reconfigure\"\nvoters = []",
            "6: somebody has to vote: name one server at least, as in voters = [0]\n  6 | voters = []",
        ),
        (
            "do = \"reconfigure\"\nvoters = [1, 1]",
            "6: server 1 is named twice: leave it out once\n  6 | voters = [1, 1]",
        ),
        (
            "do = \"reconfigure\"\nvoters = [1]\nlearners = [0, 1]",
            "7: server 1 is one of the voters: leave it out of one of the lists\n  7 | learners = [0, 1]",
        ),
        (
            "do = \"replace\"",
            "5: the word `replace` is not known here: there are transfer, reconfigure, force-snapshot\n  5 | do = \"replace\"",
        ),
    ];
    for (keys, expected) in cases {
        refused(&goal(keys), &format!("x.toml:{expected}"));
    }
    refused(
        "[[goals]]\nat = \"10s\"\ndo = \"transfer\"\nserver = 1\n",
        "x.toml:4: by then, the operator takes on nothing new: choose an earlier time, or raise `timing.duration`\n  \
         4 | at = \"10s\"",
    );
    let wipe = "[[faults]]\nkind = \"wipe\"\ntarget = \"random\"\nevery = \"5s\"\nlasting = \"1s\"\n";
    let lost = message(&format!("{wipe}{}", goal("do = \"reconfigure\"\nvoters = [0]")));
    assert!(lost.starts_with("a wiped disk costs a vote"), "{lost}");
    assert!(parse("x.toml", &format!("{HEAD}{wipe}{}", goal("do = \"transfer\"\nserver = 0"))).is_ok());
    let many = "{at=\"0s\",do=\"transfer\",server=0},".repeat(100_001);
    assert!(message(&format!("goals = [{many}]\n")).starts_with("there are more than 100000 goals"));
}

#[test]
fn operations_have_a_time_or_follow_an_answer() {
    let operation = |keys: &str| format!("[[operations]]\nclient = 0\ndo = \"get k\"\n{keys}");
    assert!(parse("x.toml", &format!("{HEAD}{}", operation("think = \"20ms\"\n"))).is_ok());
    refused(
        &operation(""),
        "x.toml:3: this operation does not say when it begins: add a line like at = \"1s\"; or one like think = \"20ms\", if \
         it begins so long after an answer\n  3 | [[operations]]",
    );
    refused(
        &operation("at = \"1s\"\nthink = \"20ms\"\n"),
        "x.toml:7: an operation has a time, or follows an answer: leave `at` or `think` out\n  7 | think = \"20ms\"",
    );
}

#[test]
fn impossible_sizes() {
    let chunk = |text: &str| format!("[replication]\nsnapshot_chunk = {text}\n");
    let bytes = |text: &str| parse("x.toml", &format!("{HEAD}{}", chunk(text))).map(|s| s.replication.snapshot_chunk);
    assert_eq!([bytes("\"96B\""), bytes("\"4 KiB\""), bytes("\"1GiB\"")], [Ok(96), Ok(4_096), Ok(1 << 30)]);
    refused(
        &chunk("64"),
        "x.toml:4: invalid type: integer `64`, expected a size like \"64KiB\"\n  4 | snapshot_chunk = 64",
    );
    for text in ["0B", "2GiB", "99999999MiB"] {
        refused(
            &chunk(&format!("{text:?}")),
            &format!(
                "x.toml:4: {text:?} is out of range: write a size from \"1B\" to \"1GiB\"\n  4 | snapshot_chunk = {text:?}"
            ),
        );
    }
    for text in ["64", "KiB", "-1B", "64kb", "1.5MiB"] {
        refused(
            &chunk(&format!("{text:?}")),
            &format!(
                "x.toml:4: {text:?} is not a size: write one like \"512B\", \"64KiB\" or \"4MiB\"\n  4 | snapshot_chunk = {text:?}"
            ),
        );
    }
    refused(
        "[protocol]\nclock_drift = 0.5\n",
        "x.toml:4: 0.5 is no drift of a clock: write a number from 0 to 0.4, like 0.0005\n  4 | clock_drift = 0.5",
    );
}

#[test]
fn unknown_keys() {
    refused(
        "[network]\nlosss = 0.1\n",
        "x.toml:4: the key `losss` is not known here: did you mean `loss`?\n  4 | losss = 0.1",
    );
    refused(
        "[sessions]\nfoo = 1\n",
        "x.toml:4: the key `foo` is not known here: there are idle_entries, max\n  4 | foo = 1",
    );
    refused(
        "[[faults]]\nkind = \"crash\"\ntarget = \"leader\"\nevery = \"1s\"\nlasting = \"1s\"\nfactor = 3\n",
        "x.toml:3: a fault of kind `crash` has no key `factor`; it takes lasting, target\n  3 | [[faults]]",
    );
}

#[test]
fn wrong_types() {
    refused(
        "[workload]\nrate = \"fast\"\n",
        "x.toml:4: invalid type: string \"fast\", expected a whole number from 0 to 100000\n  4 | rate = \"fast\"",
    );
    refused("faults = 3\n", "x.toml:3: invalid type: integer `3`, expected a sequence\n  3 | faults = 3");
}

#[test]
fn not_toml() {
    refused("[network\n", "x.toml:3: unclosed table, expected `]`\n  3 | [network");
}

#[test]
fn impossible_values() {
    refused(
        "[network]\nloss = -0.1\n",
        "x.toml:4: -0.1 is not a probability: write a number from 0 to 1, like 0.05\n  4 | loss = -0.1",
    );
    refused(
        "[network]\nloss = nan\n",
        "x.toml:4: NaN is not a probability: write a number from 0 to 1, like 0.05\n  4 | loss = nan",
    );
    refused(
        "[cluster]\nservers = 0\n",
        "x.toml:4: 0 is out of range: write a whole number from 1 to 64\n  4 | servers = 0",
    );
    refused("[cluster]\nservers = []\n", "x.toml:4: the list is empty: write at least one number\n  4 | servers = []");
    refused(
        "[cluster]\nservers = [3, 1000000000]\n",
        "x.toml:4: 1000000000 is out of range: write a whole number from 1 to 64\n  4 | servers = [3, 1000000000]",
    );
    refused(
        "[timing]\nduration = \"20\"\n",
        "x.toml:4: \"20\" is not a duration (time unit needed, for example 20sec or 20ms): write one like \"150ms\", \"500us\" or \"2s\"\n  4 | duration = \"20\"",
    );
    refused(
        "[timing]\nduration = \"2h\"\n",
        "x.toml:4: \"2h\" is longer than one hour: choose a shorter duration\n  4 | duration = \"2h\"",
    );
    refused(
        "[timing]\nbackoff_max = \"1ms\"\n",
        "x.toml:4: the longest wait is below the first one (`timing.backoff`): raise it\n  4 | backoff_max = \"1ms\"",
    );
    refused(
        "[timing]\nheartbeat = \"200ms\"\n",
        "x.toml:4: the heartbeat is not below the shortest election timeout: followers would depose every leader; lower it\n  4 | heartbeat = \"200ms\"",
    );
    refused(
        "[timing]\nelection_timeout = [\"3s\", \"2s\"]\n",
        "x.toml:4: the first duration is the longer one: swap them\n  4 | election_timeout = [\"3s\", \"2s\"]",
    );
    refused(
        "[timing]\nelection_timeout = \"40ms\"\n",
        "x.toml: `timing.election_timeout` is not above the heartbeat (50ms by default): raise it, or set `timing.heartbeat`",
    );
    refused(
        "[network]\nlatency = { kind = \"uniform\", min = \"2ms\", max = \"1ms\" }\n",
        "x.toml:4: `min` is above `max`: swap them\n  4 | latency = { kind = \"uniform\", min = \"2ms\", max = \"1ms\" }",
    );
    refused(
        "[workload]\nrate = 100000\n[timing]\nduration = \"1h\"\n",
        "x.toml:4: this makes more than 2000000 operations a run: lower the rate or the duration\n  4 | rate = 100000",
    );
    refused(
        "[workload]\nmix = { get = 0 }\n",
        "x.toml:4: every weight is zero: give at least one kind of operation a weight\n  4 | mix = { get = 0 }",
    );
    refused(
        "checks = [\"I99\"]\n",
        "x.toml:3: the word `I99` is not known here: did you mean `I9`?\n  3 | checks = [\"I99\"]",
    );
}

#[test]
fn impossible_faults() {
    let fault = |keys: &str| format!("[[faults]]\n{keys}\nevery = \"1s\"\nlasting = \"1s\"\n");
    refused(
        &fault("kind = \"crash\"\ntarget = [0, 7]"),
        "x.toml:5: server 7 does not exist: the smallest cluster of this scenario has servers 0 to 2\n  5 | target = [0, 7]",
    );
    refused(
        &fault("kind = \"crash\""),
        "x.toml:3: this fault has no target: add a line like target = \"leader\"\n  3 | [[faults]]",
    );
    refused(
        &fault("kind = \"crash\"\ntarget = \"boss\""),
        "x.toml:5: a target is \"leader\", \"follower\", \"random\", \"minority\", \"leader-and-minority\", \"majority-without-leader\", \"rack\", \"last-crashed\", \"all\", or a list of server numbers like [0, 2]\n  5 | target = \"boss\"",
    );
    refused(
        "[[faults]]\nkind = \"pause\"\ntarget = \"all\"\nevery = \"1s\"\n",
        "x.toml:3: this fault does not say how long it lasts: add a line like lasting = \"1s\"\n  3 | [[faults]]",
    );
    refused(
        "[[faults]]\nkind = \"pause\"\ntarget = \"all\"\nevery = \"1s\"\nlasting = \"0s\"\n",
        "x.toml:7: a fault lasts longer than zero: write a duration like \"200ms\"\n  7 | lasting = \"0s\"",
    );
}

#[test]
fn hostile_files() {
    refused(
        "name = \"\u{1b}[2J\"\n",
        "x.toml:3: invalid basic string, expected non-double-quote visible characters, `\\`\n  3 | name = \"\\u{1b}[2J\"",
    );
    let error = parse("x.toml", "name = \"../../etc/passwd\"\nsummary = \"\"\n").expect_err("not a name");
    assert_eq!(
        error.to_string(),
        "x.toml:1: a name has 1 to 60 lower-case letters, digits and hyphens, like \"leader-cut-off\"\n  1 | name = \"../../etc/passwd\""
    );
    assert!(parse("x.toml", &"[".repeat(100_000)).is_err());
    assert!(parse("x.toml", &format!("{HEAD}faults = {}", "[".repeat(100_000))).is_err());
}

#[test]
fn types_are_named_in_the_words_of_the_file() {
    refused(
        "[network]\nloss = \"1%\"\n",
        "x.toml:4: invalid type: string \"1%\", expected a number from 0 to 1\n  4 | loss = \"1%\"",
    );
    refused(
        "[timing]\nduration = 20\n",
        "x.toml:4: invalid type: integer `20`, expected a duration like \"150ms\"\n  4 | duration = 20",
    );
    refused(
        "[cluster]\nservers = \"3\"\n",
        "x.toml:4: invalid type: string \"3\", expected a whole number or a list of them\n  4 | servers = \"3\"",
    );
    assert_eq!(
        parse("x.toml", &format!("{HEAD}[network]\nloss = 1\n")).map(|scenario| scenario.links.loss_ppm),
        Ok(1_000_000)
    );
}

#[track_caller]
fn message(rest: &str) -> String {
    parse("x.toml", &format!("{HEAD}{rest}")).expect_err("the file is refused").message
}

/// What would take too much time or memory is refused, at once.
#[test]
fn huge_files() {
    let fault = |every: &str| {
        format!(
            "[timing]\nduration = \"1h\"\n[workload]\nrate = 1\n[[faults]]\nkind = \"pause\"\ntarget = \"all\"\nevery = {every}\nlasting = \"1ns\"\n"
        )
    };
    assert!(message(&fault("[\"0s\", \"1ms\"]")).contains("more than 100000 faults a run"));
    assert!(message("[cluster]\nservers = 1000000000\n").contains("from 1 to 64"));
    assert!(message("[timing]\nduration = \"18446744073709551615h\"\n").contains("is not a duration"));
    assert!(message("[timing]\nduration = \"584y\"\n").contains("longer than one hour"));
    assert!(message(&"[[steps]]\ndo = \"mark\"\n".repeat(100_000)).starts_with("there are more than 10000 steps"));
    let crash = "[[faults]]\nkind = \"crash\"\ntarget = \"all\"\nevery = \"1h\"\nlasting = \"1s\"\n";
    assert!(message(&crash.repeat(1_001)).starts_with("there are more than 1000 fault mixes"));
    let large = "#".repeat(100 << 20);
    assert_eq!(message(&large), "a scenario has 4 MiB at most: leave something out");
    let many = format!("[[faults]]\nkind = \"crash\"\ntarget = [{}]\n", "0, ".repeat(1_000_000));
    assert!(message(&many).contains("say how often"), "{}", message(&many));
    let action = "[timing]\nduration = \"1h\"\n[workload]\nrate = 1\n[[operator]]\nkind = \"transfer\"\nevery = [\"0s\", \"1ms\"]\n";
    assert!(message(action).contains("more than 100000 actions a run"));
    let named = |key: String| message(&key).chars().count();
    assert!(named(format!("{} = 1\n", "k".repeat(1 << 20))) < 1_100, "a message stays readable");
}

#[test]
fn deep_files() {
    for deep in [
        format!("a{} = 1\n", ".a".repeat(1 << 20)),
        format!("[a{}]\n", ".a".repeat(1 << 20)),
        format!("[[steps]]\ndo = {}\n", "{a = ".repeat(100_000)),
        format!("[workload]\nmix = {}1{}\n", "{ get = ".repeat(70), " }".repeat(70)),
    ] {
        assert!(!message(&deep).is_empty());
    }
}

#[test]
fn what_a_file_says_cannot_disturb_a_terminal() {
    let error = message("\"\\u001b[2J\" = 1\n");
    assert!(!error.contains('\u{1b}'), "{error}");
    assert!(error.contains("\\u{1b}[2J"), "{error}");
}
