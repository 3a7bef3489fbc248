//! Nodes that are programs: a correct one passes, and whatever the others do gets the right verdict in bounded time, and leaves
//! nothing running.
//!
//! Scripts for Python are written to a temporary folder; where there is no `python3`, tests are skipped with a message.
#![expect(clippy::disallowed_methods, reason = "these tests start programs and look for what is left of them")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::mpsc::channel;
use std::time::Duration;

use whitewater_reports::model::RunRecord;
use whitewater_scenarios::run::{Options, run_on};
use whitewater_scenarios::scenario::{Scenario, format};
use whitewater_scenarios::search::lineage::Lineage;
use whitewater_scenarios::systems::guest::{Allowance, Guests};

/// A folder with scripts, which goes when the test is over.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("whitewater-nodes-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).expect("a temporary folder");
        fs::write(path.join("store.py"), include_str!("nodes/store.py")).expect("written");
        Folder(path)
    }

    /// What starts this script.
    fn node(&self, script: &str) -> String {
        let path = self.0.join("node.py");
        fs::write(&path, script).expect("written");
        format!("python3 {}", path.display())
    }

    /// How many processes there are whose command line names the folder.
    fn processes(&self) -> usize {
        let name = self.0.to_string_lossy().into_owned();
        let entries = fs::read_dir("/proc").expect("Linux has it").flatten();
        let command = |path: PathBuf| fs::read(path.join("cmdline")).unwrap_or_default();
        entries.filter(|entry| String::from_utf8_lossy(&command(entry.path())).contains(&name)).count()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn has_python() -> bool {
    let is_there = Command::new("python3").arg("--version").output().is_ok_and(|output| output.status.success());
    if !is_there {
        eprintln!("skipped: there is no python3");
    }
    is_there
}

fn scenario(servers: u32, rest: &str) -> Scenario {
    let text =
        format!("name = \"x\"\nsummary = \"y\"\n{rest}[timing]\nduration = \"2s\"\n[cluster]\nservers = {servers}\n");
    format::parse("x.toml", &text).expect("a scenario")
}

/// Less than usual, so that nobody waits for long.
const ALLOWANCE: Allowance =
    Allowance { first_turn_ns: 20_000_000_000, turn_ns: 1_000_000_000, memory_bytes: 200 << 20, tasks: 50 };

/// A run with nodes of this command. A run that does not come to an end fails the test.
fn run(command: &str, scenario: &Scenario) -> RunRecord {
    let guests = Guests::external(command, ALLOWANCE).expect("these are words");
    let scenario = scenario.clone();
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let record = run_on(&guests, &scenario, &Lineage::of(1), &Options::default()).record;
        sender.send(record).expect("somebody waits");
    });
    receiver.recv_timeout(Duration::from_secs(120)).expect("the run comes to an end")
}

/// In one line: the verdict, and why.
fn account(record: &RunRecord) -> String {
    format!("{}\n{}", record.verdict.title(), whitewater_reports::human::explanation(record))
}

/// A node of Python that is a store, with one thing done otherwise.
fn store_with(lines: &str) -> String {
    format!("import sys, os, time, json\nimport store\nfrom store import say, done\n{lines}\n")
}

const HOOK: &str = "store.main(hook)";

/// Runs a node that is up to something, and expects a verdict and words in what is said about it.
fn expect(name: &str, script: &str, title: &str, words: &[&str]) {
    if !has_python() {
        return;
    }
    let folder = Folder::new(name);
    let record = run(&folder.node(script), &scenario(1, ""));
    let said = account(&record);
    assert!(said.starts_with(title), "{name}: {said}");
    for word in words {
        assert!(said.contains(word), "{name}: `{word}` is missing: {said}");
    }
    let is_clean = |text: &str| text.chars().all(|c| c == '\n' || !c.is_control());
    assert!(is_clean(&said), "{name}: {said:?}");
    for _ in 0..40 {
        if folder.processes() == 0 {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("{name}: something is left running");
}

const PROTOCOL: &str = "PROTOCOL";
const INCONCLUSIVE: &str = "inconclusive";

#[test]
fn a_correct_store_passes_and_is_deterministic() {
    if !has_python() {
        return;
    }
    let folder = Folder::new("correct");
    let node = folder.node(&store_with("store.main()"));
    let calm = run(&node, &scenario(1, ""));
    assert_eq!(calm.verdict.title(), "pass", "{}", account(&calm));
    assert!(calm.returned > 100, "{calm:?}");
    assert_eq!(run(&node, &scenario(1, "")).digest, calm.digest);
    // It saves what it answers, so crashes with torn writes do it no harm.
    let crashes = "[disk]\ncrash_keeps = \"subset\"\n\
                   [[faults]]\nkind = \"crash\"\ntarget = \"random\"\nevery = [\"100ms\", \"300ms\"]\nlasting = [\"10ms\", \"50ms\"]\n";
    let crashed = run(&node, &scenario(1, crashes));
    assert_eq!(crashed.verdict.title(), "pass", "{}", account(&crashed));
    assert!(crashed.faults.iter().any(|fault| fault.fired > 3), "{:?}", crashed.faults);
}

#[test]
fn a_store_that_forgets_is_caught() {
    if !has_python() {
        return;
    }
    let folder = Folder::new("forgetful");
    let script = "real = store.say\ndef say(dest, body, **more):\n  if body['type'] != 'save': real(dest, body)\n\
                  store.say = say\nstore.main()";
    let node = folder.node(&store_with(script));
    let crashes = "[[faults]]\nkind = \"crash\"\ntarget = \"random\"\nevery = [\"100ms\", \"300ms\"]\nlasting = [\"10ms\", \"50ms\"]\n";
    let record = run(&node, &scenario(1, crashes));
    assert!(account(&record).starts_with("LIN"), "{}", account(&record));
}

#[test]
fn what_is_no_message_is_shown() {
    expect(
        "junk",
        "print('hello \\x1b[31m<b>', flush=True)\ninput()\ninput()",
        PROTOCOL,
        &["it is no message", "hello \\u{1b}[31m<b>", "n0, when it was told"],
    );
    let late =
        "def hook(event):\n  if event['src'] != 'sim': print('{\"dest\": \"sim\", \"body\": [1]}', flush=True)\n";
    expect("array", &store_with(&format!("{late}{HOOK}")), PROTOCOL, &["is nothing for sim", "\"type\":\"", "[1]"]);
}

#[test]
fn a_line_that_does_not_end_is_no_message() {
    expect("megabyte", "import sys\nwhile True: sys.stdout.write('x' * 65536)", PROTOCOL, &["longer than 1 MiB: xxx"]);
    expect("partial", "import sys\nsys.stdout.write('{\"dest\": ')", PROTOCOL, &["ended with exit code 0"]);
    let late = "def hook(event):\n  if event['src'] != 'sim': sys.stdout.write('{\"de'); sys.stdout.flush(); time.sleep(1000)\n";
    expect(
        "cut",
        &store_with(&format!("{late}{HOOK}")),
        INCONCLUSIVE,
        &["not done after 1 seconds", "its line so far: {\"de"],
    );
}

#[test]
fn endless_output_ends() {
    let flood = "while True: say('sim', {'type': 'note', 'text': 'x'})";
    expect("flood", &store_with(flood), PROTOCOL, &["more than 10000 things"]);
    let heavy = "while True: say('sim', {'type': 'note', 'text': 'x' * 100000})";
    expect("heavy", &store_with(heavy), PROTOCOL, &["says more than 8 MiB"]);
}

/// A store that says this, too, after it was done with what a client asked: at once, or when the simulator has had time to look.
fn unasked(saying: &str, after: &str) -> String {
    let late = format!(
        "def late(event):\n  done()\n  if event['src'] != 'sim': {after}; sys.stdout.write({saying}); sys.stdout.flush()\n"
    );
    let hook = "told = [None]\ndef hook(event): told[0] = event\nstore.done = lambda: late(told[0])\nstore.main(hook)";
    store_with(&format!("{late}{hook}"))
}

/// The verdict of a run in which a client in no hurry asks one server, and its digest, when something is said after it was done:
/// the same every time, however soon it is said.
fn said_unasked(name: &str, saying: &str) -> String {
    let rest = "[workload]\nrate = 4\nkeys = 1\n";
    let scenario = scenario(1, rest);
    let folder = Folder::new(name);
    let mut verdicts = Vec::new();
    for after in ["pass", "time.sleep(0.02)"] {
        let node = folder.node(&unasked(saying, after));
        for _ in 0..20 {
            let record = run(&node, &scenario);
            verdicts.push((account(&record), record.digest));
        }
    }
    verdicts.dedup();
    assert_eq!(verdicts.len(), 1, "{name}: {verdicts:?}");
    verdicts.remove(0).0
}

#[test]
fn what_is_said_unasked_is_the_beginning_of_the_next_answer_however_soon_it_is_said() {
    if !has_python() {
        return;
    }
    let note = r#"json.dumps({"dest": "sim", "body": {"type": "note", "text": "x"}}) + '\n'"#;
    assert!(said_unasked("unasked-note", note).starts_with("pass"));
    let again = r#"json.dumps({"dest": "sim", "body": {"type": "done", "turn": event["turn"]}}) + '\n'"#;
    let said = said_unasked("unasked-done", again);
    assert!(said.starts_with(PROTOCOL) && said.contains("its `done` is for turn 2, and this is turn 3"), "{said}");
    // Without the turn nobody can tell it from the answer to the next event.
    let nameless = r#"json.dumps({"dest": "sim", "body": {"type": "done"}}) + '\n'"#;
    said_unasked("unasked-nameless", nameless);
    assert!(said_unasked("unasked-half", "'{'").starts_with(PROTOCOL), "it is no beginning of a line");
}

#[test]
fn who_says_nothing_is_not_waited_for() {
    expect(
        "silent",
        &store_with("def hook(event):\n  if event['src'] != 'sim': time.sleep(1000)\nstore.main(hook)"),
        INCONCLUSIVE,
        &["wall clock"],
    );
    expect(
        "closed-stdin",
        &store_with("def hook(event):\n  if event['src'] != 'sim': os.close(0); time.sleep(1000)\nstore.main(hook)"),
        INCONCLUSIVE,
        &["wall clock"],
    );
    expect(
        "closed-stdout",
        &store_with("def hook(event):\n  if event['src'] != 'sim': os.close(1); time.sleep(1000)\nstore.main(hook)"),
        PROTOCOL,
        &["closed its standard output"],
    );
}

#[test]
fn a_process_that_ends_is_said_to_have_ended() {
    expect("exit", "", PROTOCOL, &["ended with exit code 0"]);
    expect(
        "late-exit",
        &store_with("def hook(event):\n  if event['src'] != 'sim': os._exit(7)\nstore.main(hook)"),
        PROTOCOL,
        &["ended with exit code 7"],
    );
    expect(
        "traceback",
        &store_with(
            "def hook(event):\n  if event['src'] != 'sim': raise ValueError('\\x1b[31m<script>')\nstore.main(hook)",
        ),
        PROTOCOL,
        &["exit code 1", "standard error ended with", "ValueError: \\u{1b}[31m<script>"],
    );
    expect("signal", &store_with("os.kill(os.getpid(), 11)"), PROTOCOL, &["ended by signal 11"]);
    expect("killed", &store_with("os.kill(os.getpid(), 9)"), INCONCLUSIVE, &["killed from outside"]);
}

#[test]
fn who_comes_after_a_node_in_trouble_is_not_started() {
    if !has_python() {
        return;
    }
    let folder = Folder::new("first");
    let told = folder.0.join("told");
    let script = format!("open('{}', 'a').write(json.loads(input())['dest'])", told.display());
    assert!(account(&run(&folder.node(&store_with(&script)), &scenario(3, ""))).starts_with(PROTOCOL));
    assert_eq!(fs::read_to_string(told).expect("one was told"), "n0", "each would be waited for");
}

/// A store that says this, too, when a client asks for something.
fn says(name: &str, saying: &str, words: &[&str]) {
    let script = format!("def hook(event):\n  if event['src'] != 'sim': say({saying})\nstore.main(hook)");
    expect(name, &store_with(&script), PROTOCOL, words);
}

#[test]
fn actions_that_make_no_sense_are_refused() {
    says("types", "'sim', {'type': 'timer', 'name': 5}", &["invalid type: integer `5`, expected a string"]);
    says("unknown", "'sim', {'type': 'sleep'}", &["unknown variant `sleep`"]);
    says("huge", "'sim', {'type': 'timer', 'name': 'x', 'after_us': 2**63}", &["a day is the most"]);
    says("now", "'sim', {'type': 'timer', 'name': 'x', 'after_us': 0}", &["time has to pass"]);
    says("nobody", "'n9', {'type': 'x'}", &["`n9`, which there is not"]);
    says("itself", "'n0', {'type': 'x'}", &["to itself"]);
    says("untyped", "'n0', {}", &["has no `type`"]);
    says("stranger", "'c99', {'type': 'read_ok', 'value': '1', 'in_reply_to': 1}", &["c99 has asked nothing under 1"]);
    says("unasked-answer", "event['src'], {'type': 'write_ok', 'in_reply_to': 999}", &["asked nothing under 999"]);
    says("no-answer", "event['src'], {'type': 'hello_ok', 'in_reply_to': 1}", &["what is no answer"]);
    says(
        "wrong-answer",
        "event['src'], {'type': 'error', 'code': 22, 'in_reply_to': 1, **({} if event['body']['type'] != 'cas' else {'code': 'x'})}",
        &["no answer"],
    );
    says("vote", "'sim', {'type': 'vote', 'term': 1, 'for': 'n7'}", &["votes for a node that there is not"]);
    says("index", "'sim', {'type': 'apply', 'index': 0, 'term': 1, 'value': 1}", &["`index` is 0"]);
    let masked = "import sys\nprint('{\"src\": \"n1\", \"dest\": \"sim\", \"body\": {\"type\": \"done\"}}', flush=True)\ninput()\ninput()";
    expect("masked", masked, PROTOCOL, &["`src` is not n0"]);
}

#[test]
fn an_answer_is_given_once() {
    let twice = "real = store.say\ndef twice(dest, body, **more):\n  real(dest, body, **more)\n  if dest != 'sim': real(dest, body, **more)\n\
                 store.say = twice\nstore.main()";
    expect("twice", &store_with(twice), PROTOCOL, &["not answered yet"]);
}

#[test]
fn what_is_reported_is_checked() {
    says_reports("leap", &[("role", "'role': 'leader', 'term': 1")], "I16");
    says_reports("commits", &[("commit", "'index': 5"), ("commit", "'index': 4")], "I11");
    says_reports(
        "gap",
        &[("apply", "'index': 1, 'term': 1, 'value': 1"), ("apply", "'index': 3, 'term': 1, 'value': 1")],
        "I11",
    );
    let votes = [("vote", "'term': 2, 'for': 'n0'"), ("vote", "'term': 2, 'for': 'n1'")];
    if has_python() {
        let folder = Folder::new("votes");
        let record = run(&folder.node(&store_with(&reports(&votes))), &scenario(2, ""));
        assert!(account(&record).starts_with("I2 "), "{}", account(&record));
    }
}

fn reports(said: &[(&str, &str)]) -> String {
    let said: String =
        said.iter().map(|(kind, rest)| format!("    say('sim', {{'type': '{kind}', {rest}}})\n")).collect();
    format!("def hook(event):\n  if event['body']['type'] == 'init':\n{said}store.main(hook)")
}

fn says_reports(name: &str, said: &[(&str, &str)], title: &str) {
    expect(name, &store_with(&reports(said)), title, &["n0"]);
}

#[test]
fn two_leaders_of_a_term_are_caught() {
    if !has_python() {
        return;
    }
    let folder = Folder::new("leaders");
    let led = [("role", "'role': 'candidate', 'term': 1"), ("role", "'role': 'leader', 'term': 1")];
    let record = run(&folder.node(&store_with(&reports(&led))), &scenario(2, ""));
    assert!(account(&record).starts_with("I1 "), "{}", account(&record));
}

#[test]
fn who_takes_too_much_is_stopped_and_nothing_is_left() {
    let bomb = "def hook(event):\n  if event['src'] != 'sim':\n    for _ in range(100):\n      if os.fork() == 0: time.sleep(1000)\n    time.sleep(1000)\nstore.main(hook)";
    expect("bomb", &store_with(bomb), INCONCLUSIVE, &["more than 50 processes"]);
    let away = "def hook(event):\n  if event['src'] != 'sim':\n    if os.fork() == 0: os.setsid(); time.sleep(1000)\n    time.sleep(1000)\nstore.main(hook)";
    expect("away", &store_with(away), INCONCLUSIVE, &["wall clock"]);
    let children = "if os.fork() == 0:\n  os.close(1); time.sleep(1000)\nstore.main()";
    expect("children", &store_with(children), "pass", &[]);
    let hog = "def hook(event):\n  if event['src'] != 'sim':\n    global memory\n    memory = b'x' * (300 << 20)\n    time.sleep(1000)\nstore.main(hook)";
    expect("hog", &store_with(hog), INCONCLUSIVE, &["more than 200 MiB of memory"]);
    let talkative = "def hook(event): sys.stderr.write('x' * 100000 + '\\n')\nstore.main(hook)";
    expect("stderr", &store_with(talkative), "pass", &[]);
}

#[test]
fn hostile_values_reach_no_terminal() {
    let answer = "def answer(state, body):\n  reply = store.apply(state, body)\n\
                  \x20 return {**reply, 'value': '\\x1b[31m</script><script>alert(1)</script>'} if body['type'] == 'read' else reply\n\
                  store.main(answer=answer)";
    expect("injection", &store_with(answer), "LIN", &["\\u{1b}[31m"]);
    let note = "def hook(event): say('sim', {'type': 'note', 'text': '\\x1b[2J'}); say('sim', {'type': '\\x1b[2J'})\nstore.main(hook)";
    expect("variant", &store_with(note), PROTOCOL, &["\\u{1b}[2J"]);
}

/// The command line with these arguments, in the folder.
fn whitewater(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_whitewater"));
    command.args(arguments).current_dir(folder).output().expect("it runs")
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn a_node_that_is_not_deterministic_is_named_with_the_event() {
    if !has_python() {
        return;
    }
    let folder = Folder::new("random");
    for source in ["time.time_ns()", "int.from_bytes(os.urandom(8), 'little')", "id(object()) ^ os.getpid()"] {
        let script = format!(
            "def hook(event):\n  if event['src'] != 'sim':\n    say('sim', {{'type': 'save', 'key': 'x', 'value': {source}}})\nstore.main(hook)"
        );
        let node = folder.node(&store_with(&script));
        fs::write(
            folder.0.join("one.toml"),
            "name = \"one\"\nsummary = \"y\"\n[timing]\nduration = \"1s\"\n[cluster]\nservers = 1\n",
        )
        .expect("written");
        let output = whitewater(&folder.0, &["replay", "./one.toml", "--seed", "1", "--verify", "--node", &node]);
        let said = stdout(&output);
        assert_eq!(output.status.code(), Some(5), "{source}: {said}");
        assert!(said.starts_with("NOT DETERMINISTIC: two runs differ first in event e"), "{said}");
        assert!(said.contains(" on n0, line ") && said.contains(", x: "), "{said}");
        assert!(said.contains(&format!("whitewater replay ./one.toml --seed 1 --node '{node}' --verify")), "{said}");
    }
}

#[test]
fn a_run_that_is_given_up_is_not_taken_for_another_one() {
    if !has_python() {
        return;
    }
    let folder = Folder::new("given-up");
    let node =
        folder.node(&store_with("def hook(event):\n  if event['src'] != 'sim': time.sleep(1000)\nstore.main(hook)"));
    let output = whitewater(&folder.0, &["replay", "calm", "--seed", "0", "--node", &node]);
    assert_eq!(output.status.code(), Some(3), "{}", stdout(&output));
    assert!(stdout(&output).starts_with("INCONCLUSIVE: calm, seed 0"), "{}", stdout(&output));
    assert!(stdout(&output).contains("not done after 5 seconds on the wall clock"), "{}", stdout(&output));
}

#[test]
fn replay_lines_name_the_node_and_work() {
    if !has_python() {
        return;
    }
    let folder = Folder::new("lines");
    let node = folder.node("import sys\nprint('junk', file=sys.stderr)\nprint('junk')");
    let run = whitewater(&folder.0, &["run", "calm", "--seeds", "0..2", "--node", &node, "--out", "results"]);
    let line = format!("whitewater replay calm --seed 0 --node '{node}'");
    assert_eq!(run.status.code(), Some(1));
    assert!(stdout(&run).contains(&line), "{}", stdout(&run));
    let replay = whitewater(&folder.0, &["replay", "calm", "--seed", "0", "--node", &node]);
    assert_eq!(replay.status.code(), Some(1));
    assert!(stdout(&replay).contains("its line: junk") && stdout(&replay).contains(&line), "{}", stdout(&replay));
    assert!(folder.0.join("results/failures/calm-0.trace").exists());
    assert_eq!(folder.processes(), 0);
}

#[test]
fn what_nodes_cannot_do_is_refused() {
    let folder = Folder::new("refused");
    for (scenario, why) in
        [("membership", "changes its members"), ("wiped-disks", "disks"), ("transactions", "no word for")]
    {
        let output = whitewater(&folder.0, &["replay", scenario, "--seed", "0", "--node", "true"]);
        assert_eq!(output.status.code(), Some(3), "{scenario}");
        assert!(stdout(&output).contains(why), "{scenario}: {}", stdout(&output));
    }
    for node in ["", "'"] {
        let output = whitewater(&folder.0, &["run", "calm", "--seed", "0", "--node", node]);
        assert_eq!(output.status.code(), Some(2), "{node:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("--node"), "{node:?}");
    }
    let output = whitewater(&folder.0, &["run", "calm", "--seed", "0", "--node", "./there-is-none"]);
    assert_eq!(output.status.code(), Some(2), "{}", stdout(&output));
    assert!(String::from_utf8_lossy(&output.stderr).contains("cannot start `./there-is-none`"));
}

/// The block of this language in the page.
fn block(language: &str) -> &'static str {
    let page = include_str!("../NODES.md");
    let (_, rest) = page.split_once(&format!("```{language}\n")).expect("there is such a block");
    rest.split_once("```").expect("it ends").0
}

/// Stands between the simulator and the node of the page, and writes down what they say.
const LISTENER: &str = "import subprocess, sys\n\
    node = subprocess.Popen(['python3', sys.argv[1]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)\n\
    log = open(sys.argv[2], 'w')\n\
    for line in sys.stdin:\n\
    \x20 log.write('> ' + line); node.stdin.write(line); node.stdin.flush()\n\
    \x20 while True:\n\
    \x20   said = node.stdout.readline(); log.write('< ' + said); sys.stdout.write(said)\n\
    \x20   if '\"done\"' in said: break\n\
    \x20 log.flush(); sys.stdout.flush()\n";

#[test]
fn the_page_shows_what_is_said() {
    if !has_python() {
        return;
    }
    let folder = Folder::new("page");
    for (name, text) in [("node.py", block("python")), ("one.toml", block("toml")), ("listener.py", LISTENER)] {
        fs::write(folder.0.join(name), text).expect("written");
    }
    let node = "python3 listener.py node.py log.txt";
    let output = whitewater(&folder.0, &["replay", "./one.toml", "--seed", "1", "--node", node]);
    assert_eq!(output.status.code(), Some(0), "{}", stdout(&output));
    let log = fs::read_to_string(folder.0.join("log.txt")).expect("it was written");
    let shown = block("text");
    assert!(shown.lines().count() > 10 && log.starts_with(shown), "the page shows\n{shown}\nand this was said:\n{log}");
    let single = whitewater(&folder.0, &["run", "single", "--seeds", "0..2", "--node", "python3 node.py"]);
    assert_eq!(single.status.code(), Some(0), "{}", stdout(&single));
}

#[test]
fn situations_that_nodes_cannot_report_are_not_missed() {
    if !has_python() {
        return;
    }
    let folder = Folder::new("probes");
    let node = folder.node(&store_with("store.main()"));
    let run = whitewater(&folder.0, &["run", "single", "--seeds", "0..2", "--node", &node, "--out", "results"]);
    assert_eq!(run.status.code(), Some(0), "{}", stdout(&run));
    assert!(stdout(&run).contains("\nprobes        0 of 1 hit\nnever hit     outcome-unknown\n"), "{}", stdout(&run));
    let replay = whitewater(&folder.0, &["replay", "single", "--seed", "0", "--node", &node]);
    assert!(stdout(&replay).contains("\nprobes        0 of 1 hit\n"), "{}", stdout(&replay));
    let reported = |format: &str| stdout(&whitewater(&folder.0, &["report", "results", "--format", format]));
    let json: serde_json::Value = serde_json::from_str(&reported("json")).expect("it is JSON");
    assert_eq!(json["coverage"]["declared"], 1);
    assert_eq!(json["coverage"]["never_hit"], serde_json::json!(["outcome-unknown"]));
    let page = reported("html");
    assert!(page.contains("0 of 1 were met") && !page.contains("split-vote"), "the others are not there");
}
