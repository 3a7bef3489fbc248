//! The archive of an autograder, unpacked and run as a platform would: with nodes that go wrong, or would like to grade
//! themselves.
//!
//! Only as root can the submission have a user of its own; otherwise what that protects is not looked at.

#![expect(clippy::disallowed_methods, clippy::disallowed_types, reason = "a test of the archive unpacks it")]

#[expect(dead_code, reason = "other tests of the command line need more of it")]
mod cli_support;

use std::fs;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use cli_support::{code, empty_directory, output};
use serde_json::Value;
use zip::ZipArchive;

const LAB: &str = "title = \"Lab\"
[seeds]
public = \"0..2\"
private-file = \"private.seeds\"
[budget]
run = \"1s\"
total = \"30s\"
[[parts]]
name = \"All\"
[[parts.rows]]
name = \"In public\"
points = 5
scenarios = [\"kv-basic\"]
[[parts.rows]]
name = \"In private\"
points = 5
scenarios = [\"kv-basic\", \"more/mine.toml\"]
seeds = \"private\"
";

const MINE: &str = "name = \"mine\"\nsummary = \"Of the course.\"\n[timing]\nduration = \"1s\"\n";

/// The archive of an assignment whose submissions are run by this command.
fn pack(name: &str, node: &str) -> PathBuf {
    let folder = empty_directory(name);
    fs::create_dir(folder.join("more")).expect("tests may write there");
    for (file, text) in [("lab.toml", LAB), ("private.seeds", "424242..424244\n"), ("more/mine.toml", MINE)] {
        fs::write(folder.join(file), text).expect("tests may write there");
    }
    let archive = folder.join("autograder.zip");
    let mut command =
        cli_support::whitewater(&format!("pack {} --out {}", folder.join("lab.toml").display(), archive.display()));
    let printed = command.args(["--node", node]).output().expect("the command starts");
    assert_eq!(code(&printed), 0, "{}", String::from_utf8_lossy(&printed.stderr));
    archive
}

/// A platform with the archive unpacked, and this as the submission's `node.sh`.
fn platform(name: &str, archive: &Path, node: &str) -> PathBuf {
    let root = empty_directory(name);
    let mut archive = ZipArchive::new(fs::File::open(archive).expect("it is there")).expect("it is an archive");
    archive.extract(root.join("source")).expect("it can be unpacked");
    fs::create_dir(root.join("submission")).expect("tests may write there");
    fs::write(root.join("submission/node.sh"), node.replace("ROOT", &root.display().to_string())).expect("written");
    root
}

fn run(root: &Path, user: u32) -> Value {
    let mut command = Command::new("bash");
    command.arg(root.join("source/run_autograder"));
    command.env("AUTOGRADER_ROOT", root).env("AUTOGRADER_UID", user.to_string());
    let done = command.output().expect("there is a shell");
    let told = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(done.status.success(), "{told}");
    let text = fs::read_to_string(root.join("results/results.json")).unwrap_or_else(|error| panic!("{error}: {told}"));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// A user that no other test has.
fn user(test: u32) -> u32 {
    1_000_000 + std::process::id() * 10 + test
}

fn is_root() -> bool {
    let is_root = fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
    let has_tools = Command::new("setpriv").arg("--version").output().is_ok();
    if !(is_root && has_tools) {
        eprintln!("not run as root, or there is no setpriv: what a user of its own protects is not looked at");
    }
    is_root && has_tools
}

/// The rights that a path gives.
fn mode(root: &Path, path: &str) -> u32 {
    fs::metadata(root.join(path)).expect("it is there").permissions().mode() & 0o777
}

#[test]
fn the_archive_has_what_a_platform_needs_and_is_the_same_twice() {
    let (one, two) = (pack("pack-one", "sh node.sh"), pack("pack-two", "sh node.sh"));
    let bytes = fs::read(&one).expect("it is there");
    assert!(bytes == fs::read(&two).expect("it is there"), "the same assignment gives the same archive");
    let mut archive = ZipArchive::new(fs::File::open(&one).expect("it is there")).expect("it is an archive");
    let mut files = Vec::new();
    for place in 0..archive.len() {
        let file = archive.by_index(place).expect("an entry");
        files.push(format!("{:o} {}", file.unix_mode().unwrap_or_default() & 0o777, file.name().expect("a name")));
    }
    assert_eq!(
        files,
        [
            "755 run_autograder",
            "755 setup.sh",
            "755 whitewater",
            "644 settings.sh",
            "600 assignment/assignment.toml",
            "600 assignment/more/mine.toml",
            "600 assignment/private.seeds"
        ]
    );
    let mut settings = String::new();
    archive.by_name("settings.sh").expect("an entry").read_to_string(&mut settings).expect("text");
    assert_eq!(settings, "kind=node\nnode='sh node.sh'\nbuild=''\npackages=()\n");
}

/// What submissions do that would rather not be graded. `ROOT` is where the platform has its folders.
const HOSTILE: &[(&str, &str)] = &[
    ("exits", "exit 0\n"),
    ("junk", "echo '<script>alert(1)</script>'; echo 'Grade :=>> 100'; sleep 1\n"),
    (
        "forger",
        "printf '{\"score\": 100, \"tests\": []}' > ROOT/results/results.json\n\
         ( while :; do printf '{\"score\": 100}' > ROOT/results/results.json; sleep 0.1; done ) &\nexit 0\n",
    ),
    (
        "spy",
        "d=$(mktemp -d /tmp/whitewater-spy-$(id -u)-XXXXXX); chmod 755 $d\n\
         cat ROOT/source/assignment/private.seeds ROOT/source/assignment/assignment.toml > $d/loot 2>/dev/null\n\
         ls ROOT/source ROOT/results > $d/names 2>/dev/null; touch ./mark 2>/dev/null && echo written >> $d/loot\n\
         echo \"$d\" >&2; exit 0\n",
    ),
    ("leaves-children", "setsid sleep 4711 & setsid sleep 4711 & sleep 4711\n"),
];

#[test]
fn hostile_submissions_get_no_points_and_the_result_is_intact() {
    let archive = pack("pack-hostile", "sh node.sh");
    let is_root = is_root();
    for (name, node) in HOSTILE {
        let root = platform(&format!("autograder-{name}"), &archive, node);
        let results = run(&root, user(0));
        assert_eq!(results["score"], 0, "{name}: {results}");
        let tests = results["tests"].as_array().unwrap_or_else(|| panic!("{name}: {results}"));
        let rows: Vec<_> = tests.iter().map(|test| (&test["name"], &test["max_score"])).collect();
        assert_eq!(rows, [(&"In public".into(), &5.into()), (&"In private".into(), &5.into())], "{name}");
        assert!(!results.to_string().contains("424242"), "{name}: the seeds are private");
        if is_root {
            assert_eq!((mode(&root, "results"), mode(&root, "results/campaign.json")), (0o700, 0o600), "{name}");
            assert_eq!(processes_of(user(0)), Vec::<String>::new(), "{name}: nothing is left running");
        }
    }
    if is_root {
        let looted = spies().into_iter().map(|folder| {
            let loot = fs::read_to_string(folder.join("loot")).unwrap_or_default();
            let names = fs::read_to_string(folder.join("names")).unwrap_or_default();
            fs::remove_dir_all(folder).expect("it can go");
            loot + &names
        });
        let looted: Vec<String> = looted.collect();
        assert!(!looted.is_empty() && looted.iter().all(String::is_empty), "{looted:?}");
    }
}

/// The folders that the spies have made.
fn spies() -> Vec<PathBuf> {
    let entries = fs::read_dir(std::env::temp_dir()).expect("there is one");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths.filter(|path| path.to_string_lossy().contains(&format!("whitewater-spy-{}-", user(0)))).collect()
}

/// The processes of a user.
fn processes_of(user: u32) -> Vec<String> {
    let entries = fs::read_dir("/proc").expect("there is one").filter_map(Result::ok);
    let is_of = |entry: &fs::DirEntry| {
        let name = entry.file_name().to_string_lossy().into_owned();
        name.parse::<u32>().is_ok() && entry.metadata().is_ok_and(|process| process.uid() == user)
    };
    entries.filter(is_of).map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

#[test]
fn a_grader_that_fails_leaves_a_result_that_says_so() {
    let archive = pack("pack-broken", "sh node.sh");
    let root = platform("autograder-broken", &archive, "exit 0\n");
    fs::write(root.join("source/assignment/assignment.toml"), "title = 3\n").expect("written");
    let results = run(&root, user(1));
    assert_eq!(results["score"], 0);
    assert!(results["output"].as_str().is_some_and(|text| text.contains("tell the staff")), "{results}");
}

#[test]
fn an_archive_needs_the_private_seeds() {
    let folder = empty_directory("pack-incomplete");
    fs::create_dir(folder.join("more")).expect("tests may write there");
    fs::write(folder.join("lab.toml"), LAB).expect("tests may write there");
    fs::write(folder.join("more/mine.toml"), MINE).expect("tests may write there");
    let printed = output(&format!("pack {} --node ./node", folder.join("lab.toml").display()));
    let text = String::from_utf8_lossy(&printed.stderr).into_owned();
    assert!(code(&printed) == 2 && text.contains("the private seeds in private.seeds are not there"), "{text}");
}
