//! What is wrong with a scenario file is said once, with its line and what to write instead.

use whitewater_scenarios::scenario::format::parse;

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
}

#[test]
fn unknown_keys() {
    refused(
        "[network]\nlosss = 0.1\n",
        "x.toml:4: unknown field `losss`, expected one of `latency`, `loss`, `duplicate`, `reorder`, `reorder_delay`\n  \
         4 | losss = 0.1",
    );
    refused(
        "[[faults]]\nkind = \"crash\"\ntarget = \"leader\"\nevery = \"1s\"\nlasting = \"1s\"\nfactor = 3\n",
        "x.toml:3: a fault of kind `crash` has no key `factor`; it takes target\n  3 | [[faults]]",
    );
}

#[test]
fn wrong_types() {
    refused(
        "[workload]\nrate = \"fast\"\n",
        "x.toml:4: invalid type: string \"fast\", expected a whole number from 1 to 100000\n  4 | rate = \"fast\"",
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
        "x.toml:4: 0 is out of range: write a whole number from 1 to 99\n  4 | servers = 0",
    );
    refused("[cluster]\nservers = []\n", "x.toml:4: the list is empty: write at least one number\n  4 | servers = []");
    refused(
        "[cluster]\nservers = [3, 1000000000]\n",
        "x.toml:4: 1000000000 is out of range: write a whole number from 1 to 99\n  4 | servers = [3, 1000000000]",
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
        "x.toml:3: unknown variant `I99`, expected one of `I1`, `I4`, `I6`, `I9`, `I11`, `I13`, `I23`, `I24`, `LIN`, `PANIC`\n  3 | checks = [\"I99\"]",
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
        "x.toml:5: a target is \"leader\", \"follower\", \"random\", \"minority\", \"leader-and-minority\", \"all\", or a list of server numbers like [0, 2]\n  5 | target = \"boss\"",
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
