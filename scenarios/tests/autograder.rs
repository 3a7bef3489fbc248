//! The archive of an autograder, unpacked and run as a platform would: with nodes that go wrong, or would like to grade
//! themselves.
//!
//! Only as root can the submission have a user of its own; otherwise what that protects is not looked at.

#![expect(clippy::disallowed_methods, clippy::disallowed_types, reason = "a test of the archive unpacks it")]

#[expect(dead_code, reason = "other tests of the command line need more of it")]
mod cli_support;
#[expect(dead_code, reason = "submissions that are graded without an archive need more of it")]
mod hostile_support;

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use cli_support::{code, empty_directory, output};
use hostile_support::{are_there, assert_clean, assert_ended, in_time, json, statuses, word};
use serde_json::Value;
use whitewater_reports::grade::Status::{self, Error, Failed, Inconclusive};
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
fn pack(name: &str, node: &str, more: &[&str]) -> PathBuf {
    let folder = empty_directory(name);
    fs::create_dir(folder.join("more")).expect("tests may write there");
    for (file, text) in [("lab.toml", LAB), ("private.seeds", "424242..424244\n"), ("more/mine.toml", MINE)] {
        fs::write(folder.join(file), text).expect("tests may write there");
    }
    let archive = folder.join("autograder.zip");
    let mut command =
        cli_support::whitewater(&format!("pack {} --out {}", folder.join("lab.toml").display(), archive.display()));
    let printed = command.args(["--node", node]).args(more).output().expect("the command starts");
    assert_eq!(code(&printed), 0, "{}", String::from_utf8_lossy(&printed.stderr));
    archive
}

/// A platform with the archive unpacked, and this as the submission's `node.sh`.
fn platform(name: &str, archive: &Path, node: &str) -> PathBuf {
    let root = empty_directory(name);
    let mut archive = ZipArchive::new(fs::File::open(archive).expect("it is there")).expect("it is an archive");
    archive.extract(root.join("source")).expect("it can be unpacked");
    fs::create_dir(root.join("submission")).expect("tests may write there");
    fs::write(root.join("submission/node.sh"), node).expect("written");
    root
}

/// What came of a submission.
struct Graded {
    results: Value,
    /// What was told, to staff.
    told: String,
}

fn run(root: &Path, user: u32) -> Graded {
    let mut command = Command::new("bash");
    command.arg(root.join("source/run_autograder")).env("PATH", path_with_stubs(root));
    command.env("AUTOGRADER_ROOT", root).env("AUTOGRADER_UID", user.to_string()).env("AUTOGRADER_BUILD_SECONDS", "3");
    let done = in_time(&mut command, Duration::from_secs(150), "the autograder");
    let told = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(done.status.success(), "{told}");
    Graded { results: json(&root.join("results/results.json")), told }
}

/// Puts a script into the place of a program.
fn stub(root: &Path, program: &str, script: &str) {
    let folder = root.join("bin");
    fs::create_dir_all(&folder).expect("tests may write there");
    fs::write(folder.join(program), format!("#!/bin/sh\n{script}\n")).expect("written");
    fs::set_permissions(folder.join(program), fs::Permissions::from_mode(0o755)).expect("it is there");
}

/// Where programs are looked for: among the stubs first.
fn path_with_stubs(root: &Path) -> String {
    format!("{}:{}", root.join("bin").display(), std::env::var("PATH").expect("there is one"))
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
    let (one, two) = (pack("pack-one", "sh node.sh", &[]), pack("pack-two", "sh node.sh", &[]));
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

/// How long a run may take on the wall clock, in the words of an assignment.
const SHORT: &str = "run = \"1s\"";
const LONG: &str = "run = \"30s\"";

/// Submissions that would rather not be graded: their scripts, how long they have, what both rows come to, and what their
/// standard error says to staff.
const HOSTILE: &[(&str, &str, Status, &str)] = &[
    ("exits_at_once.sh", LONG, Failed, ""),
    ("forges_grades.sh", LONG, Failed, "Grade :=>> 100"),
    ("markup_in_errors.py", LONG, Failed, "\\u{1b}[2J"),
    ("platform/reads.py", LONG, Failed, "13 attempts, 0 succeeded"),
    ("platform/writes.py", LONG, Failed, "8 attempts, 0 succeeded"),
    ("platform/signals.py", LONG, Failed, "10 attempts, 0 succeeded"),
    ("platform/leaves_processes.py", LONG, Failed, "0 attempts"),
    ("platform/talks.py", LONG, Failed, "network net:"),
    ("platform/ends_all.sh", LONG, Inconclusive, ""),
    ("platform/bomb.py", SHORT, Inconclusive, ""),
    ("no such script.sh", LONG, Failed, "no such script.sh"),
];

/// Puts a script into the place of the submission, with what it needs.
fn hand_in(root: &Path, script: &str) {
    let folder = root.join("submission");
    fs::remove_dir_all(&folder).expect("it is there");
    fs::create_dir(&folder).expect("tests may write there");
    let name = script.rsplit('/').next().expect("it has a name");
    let needed = [
        "tests/nodes/store.py".to_owned(),
        "tests/hostile/hostile.py".to_owned(),
        "tests/hostile/platform/common.py".to_owned(),
        format!("tests/hostile/{script}"),
    ];
    for file in needed.iter().map(Path::new).filter(|file| file.exists()) {
        fs::copy(file, folder.join(file.file_name().expect("a name"))).expect("tests may write there");
    }
    let interpreter = if name.ends_with(".py") { "python3" } else { "sh" };
    fs::write(folder.join("node.sh"), format!("exec {interpreter} '{name}'\n")).expect("written");
    fs::write(folder.join("root"), root.display().to_string()).expect("written");
    symlink(root.join("source/assignment/private.seeds"), folder.join("link")).expect("tests may write there");
    // Names that a careless script would take for something else.
    for name in ["-rf", "$(touch pwned)", "a\nb", "results.json"] {
        fs::write(folder.join(name), "").expect("written");
    }
}

#[test]
fn hostile_submissions_get_no_points_and_the_result_is_intact() {
    if !are_there(&["python3"]) {
        return;
    }
    let is_root = is_root();
    let archive = pack("pack-hostile", "sh node.sh", &[]);
    let root = platform("autograder-hostile", &archive, "");
    let assignment = root.join("source/assignment/assignment.toml");
    let hostile = HOSTILE.iter().filter(|(script, ..)| is_root || !script.starts_with("platform/"));
    for (script, guard, status, said) in hostile {
        hand_in(&root, script);
        fs::write(&assignment, LAB.replace(SHORT, guard)).expect("written");
        let graded = run(&root, user(0));
        let results = &graded.results;
        assert_eq!(statuses(results), [*status, *status].map(word), "{script}: {results}");
        let tests = results["tests"].as_array().unwrap_or_else(|| panic!("{script}: {results}"));
        let rows: Vec<_> = tests.iter().map(|test| (&test["name"], &test["score"], &test["max_score"])).collect();
        let zero = 0.into();
        assert_eq!(
            rows,
            [(&"In public".into(), &zero, &5.into()), (&"In private".into(), &zero, &5.into())],
            "{script}"
        );
        assert!(!results.to_string().contains("424242"), "{script}: the seeds are private");
        let files =
            fs::read_dir(root.join("results")).expect("it is there").map(|entry| entry.expect("an entry").file_name());
        let files: BTreeSet<_> = files.collect();
        assert_eq!(files, ["campaign.json", "results.json"].map(Into::into).into(), "{script}");
        assert_eq!((mode(&root, "results"), mode(&root, "results/campaign.json")), (0o700, 0o600), "{script}");
        let campaign = fs::read_to_string(root.join("results/campaign.json")).expect("it is there");
        let words = serde_json::to_string(said).expect("it is text");
        assert!(campaign.contains(words.trim_matches('"')), "{script}: {campaign}");
        assert_clean(&campaign, script);
        assert_ended(script, |process| is_root && process.is_of(user(0)));
        if script.ends_with("talks.py") {
            let own = fs::read_link("/proc/self/ns/net").expect("Linux has it").display().to_string();
            let is_cut_off = !campaign.contains(&own);
            assert_ne!(is_cut_off, graded.told.contains("the network cannot be cut off"), "{}", graded.told);
        }
    }
}

#[test]
fn where_the_network_cannot_be_cut_off_staff_are_told_and_it_is_graded_all_the_same() {
    if !are_there(&["python3"]) {
        return;
    }
    let archive = pack("pack-connected", "sh node.sh", &[]);
    let root = platform("autograder-connected", &archive, "");
    hand_in(&root, "platform/talks.py");
    // As in a container that may not have another network.
    stub(
        &root,
        "unshare",
        "echo \"$*\" >> \"$(dirname \"$0\")/asked\"; echo 'unshare failed: Operation not permitted' >&2; exit 1",
    );
    let Graded { results, told } = run(&root, user(3));
    assert_eq!(
        fs::read_to_string(root.join("bin/asked")).expect("it was asked"),
        "--net true\n",
        "once, and not again"
    );
    assert!(told.contains("the network cannot be cut off here: the submission can use it"), "{told}");
    assert_eq!(statuses(&results), [Failed, Failed].map(word), "{results}");
    let campaign = fs::read_to_string(root.join("results/campaign.json")).expect("it is there");
    let own = fs::read_link("/proc/self/ns/net").expect("Linux has it").display().to_string();
    assert!(campaign.contains(&format!("network {own}")), "{campaign}");
}

#[test]
fn a_grader_that_fails_leaves_a_result_that_says_so() {
    let archive = pack("pack-broken", "sh node.sh", &[]);
    let root = platform("autograder-broken", &archive, "exit 0\n");
    fs::write(root.join("source/assignment/assignment.toml"), "title = 3\n").expect("written");
    let results = run(&root, user(1)).results;
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

/// Words that are text, wherever they end up.
const ODD: &str = "it's \"$(touch pwned)\" `touch pwned` \\ $HOME; touch pwned\ntouch pwned";

/// The text of a file of the archive.
fn packed(archive: &Path, name: &str) -> String {
    let mut archive = ZipArchive::new(fs::File::open(archive).expect("it is there")).expect("it is an archive");
    let mut text = String::new();
    archive.by_name(name).expect("an entry").read_to_string(&mut text).expect("text");
    text
}

#[test]
fn commands_survive_the_shell() {
    let archive = pack("pack-odd", "./node", &["--build", ODD, "--apt", "python3,g++,libc6:amd64,golang-1.22-go"]);
    let folder = archive.parent().expect("it has one");
    for name in ["settings.sh", "setup.sh", "run_autograder"] {
        fs::write(folder.join(name), packed(&archive, name)).expect("written");
        let checked = Command::new("bash").arg("-n").arg(folder.join(name)).output().expect("there is a shell");
        assert!(checked.status.success(), "{name}: {}", String::from_utf8_lossy(&checked.stderr));
    }
    let script = ". ./settings.sh; printf '%s|' \"$kind\" \"$node\" \"$build\" \"${packages[@]}\"";
    let read = Command::new("bash").args(["-c", script]).current_dir(folder).output().expect("there is a shell");
    let expected = format!("node|./node|{ODD}|python3|g++|libc6:amd64|golang-1.22-go|");
    assert_eq!(String::from_utf8_lossy(&read.stdout), expected);
    assert!(!folder.join("pwned").exists());
}

/// A platform whose `apt-get` writes down what it is asked for, and ends with this.
fn set_up(name: &str, archive: &Path, code: i32) -> (PathBuf, bool) {
    let root = platform(name, archive, "");
    stub(&root, "apt-get", &format!("echo \"$DEBIAN_FRONTEND $*\" >> {}/asked\nexit {code}", root.display()));
    let mut command = Command::new("bash");
    let done = in_time(
        command.arg(root.join("source/setup.sh")).env("PATH", path_with_stubs(&root)).env_remove("DEBIAN_FRONTEND"),
        Duration::from_secs(60),
        name,
    );
    (root, done.status.success())
}

#[test]
fn the_image_is_set_up_with_what_submissions_need() {
    let archive = pack("pack-setup", "./node", &["--apt", "python3,g++"]);
    let (root, is_done) = set_up("autograder-setup", &archive, 0);
    let asked = fs::read_to_string(root.join("asked")).expect("it was asked");
    assert_eq!(asked, " update\nnoninteractive install -y --no-install-recommends python3 g++\n");
    assert!(is_done);
    let secret = ["source", "source/assignment", "source/whitewater", "source/run_autograder", "source/settings.sh"];
    assert!(secret.iter().all(|path| mode(&root, path) & 0o077 == 0));
    assert_eq!(mode(&root, "source/whitewater"), 0o700);
    let (_, is_done) = set_up("autograder-setup-fails", &archive, 100);
    assert!(!is_done, "an image without its packages is no image");
    let (root, is_done) = set_up("autograder-setup-none", &pack("pack-setup-none", "./node", &[]), 100);
    assert!(is_done && !root.join("asked").exists(), "where nothing is needed nobody is asked");
}

/// What builds do, what rows come to, and what students read about it.
const BUILDS: &[(&str, Status, &str)] = &[
    ("echo 'exit 0' > node.sh", Failed, "it has ended with exit code 0"),
    (
        "echo first; printf '</script>\\033[2J\\302\\233Grade :=>> 100\\n\\377' >&2; exit 3",
        Error,
        "the submission was not built: its build ended with exit code 3\nfirst\n</script>\\u{1b}[2J\\u{9b}Grade :=>> 100\n\u{fffd}",
    ),
    ("echo begun; sleep 4711 & setsid sleep 4711 & sleep 4711", Error, "its build took longer than 3 seconds\nbegun"),
    ("trap '' TERM; while :; do sleep 1; done", Error, "its build was killed: it took longer than 3 seconds"),
    ("yes 'no end'", Error, "no end"),
    ("kill -SEGV $$", Error, "exit code 139"),
    ("nothing-like-this", Error, "nothing-like-this"),
];

#[test]
fn builds_that_fail_or_hang_are_said_to() {
    if !is_root() {
        return;
    }
    let archive = pack("pack-builds", "sh node.sh", &["--build", ". ./build.sh"]);
    let root = platform("autograder-builds", &archive, "exit 7\n");
    let secret = root.join("source/assignment/private.seeds");
    symlink(&secret, root.join("submission/link")).expect("tests may write there");
    for (build, status, said) in BUILDS {
        fs::write(root.join("submission/build.sh"), build).expect("written");
        let results = run(&root, user(2)).results;
        assert_eq!(statuses(&results), [*status, *status].map(word), "{build}: {results}");
        assert_eq!(results["score"], 0, "{build}");
        let shown = results["tests"][0]["output"].as_str().expect("it is text");
        assert!(shown.contains(said), "{build}: {shown}");
        assert_clean(shown, build);
        assert!(shown.len() < 6_000, "{build}: {}", shown.len());
        assert_ended(build, |process| process.is_of(user(2)));
        assert_eq!(
            fs::metadata(&secret).expect("it is there").uid(),
            0,
            "{build}: who builds owns no more than the copy"
        );
    }
}
