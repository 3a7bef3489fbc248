//! Steps, expectations, workloads and operations of scenario files: what they mean, and how mistakes in them are refused.

use whitewater_scenarios::scenario::format::parse;
use whitewater_scenarios::scenario::{Expectation, StepAction};
use whitewater_sim::Instant;
use whitewater_sim::plan::{Edge, Quantity, Trigger};

const HEAD: &str = "name = \"x\"\nsummary = \"y\"\n";

#[track_caller]
fn message(rest: &str) -> String {
    parse("x.toml", &format!("{HEAD}{rest}")).expect_err("the file is refused").message
}

#[test]
fn steps_follow_each_other() {
    let text = "[[steps]]\nname = \"cut\"\nwhen = { commits = 50 }\ndo = \"cut\"\ntarget = \"leader\"\n\
                [[steps]]\nwait = [\"1s\", \"2s\"]\ndo = \"end\"\nstep = \"cut\"\n\
                [[steps]]\nat = \"3s\"\ndo = \"crash\"\ntarget = [1]\nlasting = \"1s\"\n\
                [[steps]]\nafter = 0\nwhen = \"converged\"\ndo = \"mark\"\n\
                [[steps]]\nafter = \"start\"\nwhen = { probe = \"split-vote\" }\ndo = \"end-all\"\n";
    let steps = parse("x.toml", &format!("{HEAD}{text}")).expect("a scenario").steps;
    assert_eq!(steps.iter().map(|step| step.follows).collect::<Vec<_>>(), [None, Some(0), None, Some(0), None]);
    assert_eq!(steps[1].action, StepAction::End { step: 0 });
    assert_eq!((steps[0].trigger, steps[2].trigger), (Trigger::Commits(50), Trigger::At(Instant(3_000_000_000))));
}

#[test]
fn impossible_steps() {
    let step = |keys: &str| message(&format!("[[steps]]\n{keys}\n"));
    assert_eq!(step("name = \"a\""), "this step does not say what happens: add a line like do = \"crash\"");
    assert_eq!(
        step("name = \"a\"\ndo = \"mark\"\nafter = \"a\""),
        "no step before this is called \"a\": none has a name",
        "a step cannot wait for itself"
    );
    assert_eq!(
        step("do = \"mark\"\nafter = \"b\"\n[[steps]]\nname = \"b\"\nafter = 0\ndo = \"mark\""),
        "no step before this is called \"b\": none has a name",
        "nor for one that waits for it"
    );
    assert_eq!(
        step("do = \"mark\"\nafter = 0"),
        "there is no step 0 before this: steps are counted from 0, and one is named after it was taken"
    );
    assert_eq!(step("do = \"mark\"\nname = \"healed\""), "`healed` is a moment of every run: choose another name");
    assert!(step("do = \"mark\"\nname = \"2s\"").starts_with("a step's name begins with a letter"));
    assert_eq!(
        step("do = \"mark\"\nname = \"a\"\n[[steps]]\ndo = \"mark\"\nname = \"a\""),
        "two steps are called `a`: change one of the names"
    );
    assert_eq!(
        step("do = \"mark\"\n[[steps]]\ndo = \"end\"\nstep = 0"),
        "that step begins no fault that could end: name one that does"
    );
    assert_eq!(step("do = \"end\""), "this does not say which fault ends: add a line like step = \"cut\"");
    assert!(step("do = \"swizzle\"\nlasting = \"1s\"").starts_with("`swizzle` strikes several times, and a step once"));
    assert!(step("do = \"mark\"\nat = \"10s\"").starts_with("by then, everything is healed"));
    assert!(
        step("do = \"mark\"\nat = \"1s\"\nwhen = \"leader\"").starts_with("a step waits for a time or for something")
    );
    assert!(step("do = \"mark\"\nwhen = { commits = 0 }").starts_with("nothing has to happen for a count of zero"));
    assert!(step("do = \"mark\"\nwhen = { commits = 1, crashes = 1 }").starts_with("a step waits for one thing"));
    assert_eq!(
        step("do = \"mark\"\nwhen = { probe = \"splitvote\" }"),
        "no probe is called \"splitvote\", did you mean \"split-vote\"?; `whitewater probes` lists them"
    );
    assert!(step("do = \"crash\"\nkind = \"crash\"\ntarget = \"all\"").contains("has no key `kind`"));
    assert!(message("[[faults]]\nkind = \"mark\"\nevery = \"1s\"\n").starts_with("`mark` happens once"));
}

#[test]
fn expectations_in_figures_and_in_a_word() {
    let text = "[[steps]]\nname = \"cut\"\ndo = \"mark\"\n\
                [[expect]]\nwhat = \"bytes\"\nat_most = 1000\nuntil = \"2s\"\n\
                [[expect]]\nmust = \"not-commit\"\nfrom = { after = \"cut\", plus = \"1s\" }\nwithin = \"2s\"\n";
    let expectations = parse("x.toml", &format!("{HEAD}{text}")).expect("a scenario").expectations;
    let second = 1_000_000_000;
    let bytes = Expectation {
        from: Edge::Start { after_ns: 0 },
        until: Edge::Start { after_ns: 2 * second },
        quantity: Quantity::Bytes,
        at_least: 0,
        at_most: 1000,
    };
    let silence = Expectation {
        from: Edge::Step { step: 0, after_ns: second },
        until: Edge::Step { step: 0, after_ns: 3 * second },
        quantity: Quantity::Commits,
        at_least: 0,
        at_most: 0,
    };
    assert_eq!(expectations, [bytes, silence]);
}

#[test]
fn impossible_expectations() {
    let expect = |keys: &str| message(&format!("[[expect]]\n{keys}\n"));
    assert!(expect("at_least = 1").starts_with("this expects nothing"));
    assert!(expect("what = \"commits\"").starts_with("this has no figure"));
    assert!(expect("what = \"commits\"\nat_least = 2\nat_most = 1").contains("swap them"));
    assert!(expect("what = \"commits\"\nat_least = 2\nexactly = 1").starts_with("`exactly` says everything"));
    assert!(expect("must = \"commit\"\nat_least = 2").starts_with("`must` says everything"));
    assert!(expect("must = \"commit\"\nfrom = \"end\"").starts_with("nothing comes after the end"));
    assert!(expect("must = \"commit\"\nfrom = \"21s\"").starts_with("by then, every run is over"));
    assert!(expect("must = \"commit\"\nfrom = \"healed\"\nwithin = \"21s\"").starts_with("by then, every run is over"));
    assert!(expect("must = \"commit\"\nfrom = \"2s\"\nuntil = \"1s\"").contains("ends before it begins"));
    assert!(expect("must = \"commit\"\nuntil = \"2s\"\nwithin = \"1s\"").starts_with("leave `until` or `within` out"));
    assert!(expect("must = \"commit\"\nfrom = \"cut\"").starts_with("no step before this is called \"cut\""));
    assert!(expect("must = \"commit\"\nfrom = \"2 moons\"").contains("is not a duration"));
}

#[test]
fn impossible_faults_of_the_newer_kinds() {
    let fault = |keys: &str| message(&format!("[[faults]]\n{keys}\nevery = \"1s\"\nlasting = \"1s\"\n"));
    assert!(fault("kind = \"crash\"\ntarget = \"rack\"").starts_with("all servers stand in one rack"));
    assert!(fault("kind = \"cut-links\"\nlinks = [[0, 0]]").starts_with("server 0 has no link to itself"));
    assert!(fault("kind = \"cut-links\"\nlinks = [[0, 9]]").starts_with("server 9 does not exist"));
    assert!(fault("kind = \"crash\"\ntarget = [0, 0]").starts_with("server 0 is named twice"));
    assert!(fault("kind = \"messages\"\nof = [\"apend\"]\nloss = 1").starts_with("no messages are called \"apend\""));
    assert!(fault("kind = \"messages\"\nof = [\"append\"]").starts_with("nothing happens to any message"));
    assert!(fault("kind = \"messages\"\nof = [\"append\"]\ndelayed = 0.5").contains("not by how much"));
    assert!(
        fault("kind = \"crash-at\"\ntarget = \"all\"\npoint = \"after-write\"").contains("how long the server is down")
    );
    assert!(fault("kind = \"partition\"").contains("add a line like shape = \"halves\""));
    assert!(fault("kind = \"damage\"\ndamage = \"rot\"\ntarget = \"all\"").starts_with("one disk is lost at a time"));
    assert!(fault("kind = \"clock-freeze\"\ntarget = \"all\"").contains("a lease last longer than it may"));
    let says = "checks = [\"I1\", \"I6\"]\n[[faults]]\nkind = \"clock-freeze\"\ntarget = \"all\"\nevery = \"1s\"\nlasting = \"1s\"\n";
    assert!(parse("x.toml", &format!("{HEAD}{says}")).is_ok(), "it says what still holds");
}

#[test]
fn impossible_workloads() {
    let workload = |keys: &str| message(&format!("[workload]\n{keys}\n"));
    assert!(workload("rate = 0").starts_with("nobody asks for anything"));
    assert!(workload("think = \"1s\"\nrate = 5").contains("have no rate"));
    assert!(workload("hot = { keys = 11, share = 0.5 }").starts_with("there are fewer keys than popular ones"));
    assert!(workload("value_bytes = \"2MiB\"").starts_with("a value has 1MiB at most"));
    assert!(workload("value_bytes = \"1MiB\"\nrate = 2000").contains("more than 1GiB"));
    assert!(
        workload("rate = 100000\nbursts = { every = \"1s\", lasting = \"1s\", factor = 1000 }").contains("2000000")
    );
    assert!(workload("load = [{ at = \"9s\", over = \"1s\", operations = 1 }]").contains("when everything is healed"));
    let load = "[workload]\nrate = 0\nload = [{ at = \"1s\", operations = 1 }]\n";
    assert!(parse("x.toml", &format!("{HEAD}{load}")).is_ok());
}

#[test]
fn operations_are_read_as_people_write_them() {
    let read = |words: &str| {
        let text = format!("{HEAD}[[operations]]\nclient = 0\nat = \"1s\"\ndo = '{words}'\n");
        let scenario = parse("x.toml", &text).unwrap_or_else(|error| panic!("{error}"));
        scenario.operations.expect("they are there")[0].planned.operation.to_string()
    };
    for same in [
        r#"put("k1", "v3")"#,
        r#"cas("k", missing -> "b c")"#,
        r#"cas("k", "missing" -> "b")"#,
        r#"range("a".."b", at most 3)"#,
        r#"range("a".., at most 3)"#,
        r#"batch[get("k"), delete("l"), revision("m")]"#,
        r#"if "k" = "a" and "l" is there and "m" is missing and "n" is of r7 then [put("k", "b")] else []"#,
        r#"if anything then [] else [get("\u{1f}\n\"")]"#,
    ] {
        assert_eq!(read(same), same, "what a trace prints is understood");
    }
    assert_eq!(read("put k1 v3"), r#"put("k1", "v3")"#);
    assert_eq!(read("cas k v1-2 -> v.3"), r#"cas("k", "v1-2" -> "v.3")"#);
    assert_eq!(read("batch [get a, put b c]"), r#"batch[get("a"), put("b", "c")]"#);
    assert_eq!(read("range a.. at most 5"), r#"range("a".., at most 5)"#);
}

#[test]
fn impossible_operations() {
    let operation = |words: &str| message(&format!("[[operations]]\nclient = 0\nat = \"1s\"\ndo = '{words}'\n"));
    assert_eq!(operation("put k"), "the operation ends where a value is expected");
    assert_eq!(operation("get k k"), "`k` is too much after this operation: leave it out");
    assert_eq!(
        operation("got k"),
        "`got` is no operation: there are get, put, append, delete, cas, revision, range, batch or if"
    );
    assert!(operation("batch [batch []]").starts_with("`batch` cannot stand in a batch"));
    assert!(operation("put k \"v").starts_with("a double quote is not closed"));
    assert!(operation("put k é").contains("write odd keys and values between double quotes"));
    assert!(operation("range a..b at most 1001").starts_with("a range has at most 1000 keys"));
    assert!(operation(&format!("batch [{}]", "get k,".repeat(129))).starts_with("there are more than 128 operations"));
    assert!(operation(&format!("get {}", "k".repeat(5000))).starts_with("a key has 5000 bytes"));
    assert_eq!(operation(r#"get "\u{110000}""#), "an escape like \\u{e9} is not complete");
    let client = message("[[operations]]\nclient = 5\nat = \"1s\"\ndo = \"get k\"\n");
    assert_eq!(client, "client 5 does not exist: this scenario has clients 0 to 4");
    let via = message("[[operations]]\nclient = 0\nat = \"1s\"\ndo = \"put k v\"\nvia = \"lease\"\n");
    assert_eq!(via, "what writes goes through the log: leave `via` out");
}
