//! The page that documents the scenario format has every key and every kind, and its examples are scenarios.

use whitewater_scenarios::scenario::format::parse;

const HEAD: &str = "name = \"x\"\nsummary = \"y\"\n";

/// The page that documents the format.
const PAGE: &str = include_str!("../FORMAT.md");

#[test]
fn the_page_has_every_key() {
    let key = |key: &str| ["`", "`.", "."].iter().any(|before| PAGE.contains(&format!("{before}{key}`")));
    for (table, known) in keys() {
        for known in known {
            assert!(
                key(&known)
                    || [
                        format!("`{table}.{known}`"),
                        format!("`{known}."),
                        format!("[{known}]"),
                        format!("[{table}.{known}]")
                    ]
                    .iter()
                    .any(|text| PAGE.contains(text)),
                "`{known}` of {table} is not in FORMAT.md"
            );
        }
    }
    for kind in KINDS {
        assert!(PAGE.contains(&format!("`{kind}`")), "{kind} is not in FORMAT.md");
    }
    for kind in whitewater_kv::wire::KINDS {
        assert!(PAGE.contains(&format!("`{kind}`")), "{kind} is not in FORMAT.md");
    }
}

/// Every table with its keys, as the parser lists them when it meets one that it does not know.
fn keys() -> Vec<(&'static str, Vec<String>)> {
    let tables = [
        ("", "@"),
        ("cluster", "[cluster]\n@"),
        ("timing", "[timing]\n@"),
        ("protocol", "[protocol]\n@"),
        ("replication", "[replication]\n@"),
        ("snapshots", "[snapshots]\n@"),
        ("sessions", "[sessions]\n@"),
        ("network", "[network]\n@"),
        ("clocks", "[clocks]\n@"),
        ("disk", "[disk]\n@"),
        ("workload", "[workload]\n@"),
        ("workload.load", "[[workload.load]]\n@"),
        ("operations", "[[operations]]\n@"),
        ("failure", "[failure]\n@"),
        ("swarm", "[swarm]\n@"),
        ("faults", "[[faults]]\n@"),
        ("expect", "[[expect]]\n@"),
        ("operator", "[[operator]]\n@"),
        ("goals", "[[goals]]\n@"),
    ];
    let known = |text: &str| {
        let text = text.replace('@', "qqqq = 1\n");
        let message = parse("x.toml", &format!("{HEAD}{text}")).expect_err("there is no such key").message;
        let (_, keys) = message.split_once("there are ").unwrap_or_else(|| panic!("{message}"));
        keys.split(", ").map(str::to_owned).collect()
    };
    tables.map(|(table, text)| (table, known(text))).into()
}

const KINDS: [&str; 21] = [
    "cut",
    "link",
    "cut-links",
    "partition",
    "clog",
    "swizzle",
    "network",
    "messages",
    "crash",
    "crash-at",
    "crash-loop",
    "rolling-restart",
    "pause",
    "slow-server",
    "wipe",
    "slow-disk",
    "disk-error",
    "damage",
    "clock-step",
    "clock-freeze",
    "client-crash",
];

#[test]
fn the_page_leaves_no_kind_out() {
    let text = format!("{HEAD}[[faults]]\nkind = \"qqqq\"\n");
    let message = parse("x.toml", &text).expect_err("there is no such kind").message;
    let (_, kinds) = message.split_once("there are ").expect("they are listed");
    assert_eq!(kinds, format!("{}, end, end-all, mark", KINDS.join(", ")));
}

#[test]
fn the_examples_of_the_page_are_scenarios() {
    let examples: Vec<&str> = PAGE.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert_eq!(examples.len(), 5);
    for example in examples {
        if let Err(error) = parse("FORMAT.md", example) {
            panic!("{error}\n{example}");
        }
    }
}
