//! Nodes in Rust that go wrong: every run of theirs gets a verdict, and the campaign goes on.
//!
//! This test is such a program itself: with arguments for the command line it is the program of a student, and without them it
//! calls itself with some.
#![expect(clippy::disallowed_methods, reason = "this test starts itself")]

use std::process::{Command, ExitCode, Output};

use whitewater_reports::words::shell_word;
use whitewater_scenarios::lab::{self, Answer, Hands, Init, Node, Operation, Request};

/// Answers reads with nothing, and after a while does what it is told to.
struct Wild {
    other: String,
    memory: Vec<Vec<u8>>,
}

/// The variable of the environment that says what.
const VARIABLE: &str = "WILD_NODE";

impl Node for Wild {
    type Message = String;

    fn init(init: Init, hands: &mut Hands) -> Wild {
        hands.arm("tick", 300_000);
        let other = init.nodes.into_iter().find(|node| *node != init.me).expect("there are several");
        Wild { other, memory: Vec::new() }
    }

    fn message(&mut self, from: &str, message: String, hands: &mut Hands) {
        if message == "storm" {
            hands.send(from, &message);
            hands.send(from, &message);
        }
    }

    fn request(&mut self, request: Request, hands: &mut Hands) {
        println!("a line that is no record");
        if let Operation::Read { .. } = request.operation {
            hands.answer(&request.client, &Answer::ReadOk { in_reply_to: request.msg_id, value: None });
        }
    }

    fn timer(&mut self, _: &str, hands: &mut Hands) {
        match std::env::var(VARIABLE).unwrap_or_default().as_str() {
            "loops" => loop {
                std::hint::spin_loop();
            },
            "panics" => panic!("it cannot \u{1b}[31m go on"),
            "exits" => std::process::exit(0),
            "aborts" => std::process::abort(),
            "floods" => loop {
                hands.note("x");
                if hands.now_us() == u64::MAX {
                    return;
                }
            },
            "does-much" => (0..20_000).for_each(|_| hands.note("x")),
            "storms" => hands.send(&self.other, &"storm"),
            "hoards" => loop {
                self.memory.push(vec![1; 64 << 20]);
                std::thread::sleep(std::time::Duration::from_millis(20));
            },
            other => hands.note(other),
        }
    }
}

/// This program as a student's, whose node does this.
fn wild(what: &str, arguments: &[&str]) -> Output {
    let program = std::env::current_exe().expect("this program");
    let mut command = Command::new(program);
    command.args(arguments).env(VARIABLE, what).output().expect("it runs")
}

/// What makes a run again: this program, and no other one.
fn replay_line() -> String {
    let program = std::env::current_exe().expect("this program");
    format!("{} replay only-reads --seed 0", shell_word(&program.to_string_lossy()))
}

fn expect(what: &str, seeds: &str, code: i32, words: &[&str]) {
    let output = wild(what, &["run", "only-reads", "--seeds", seeds, "--jobs", "1"]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(code), "{what}: {said}");
    for word in words {
        assert!(said.contains(word), "{what}: `{word}` is missing: {said}");
    }
    assert!(!said.contains('\u{1b}'), "{what}: {said:?}");
}

fn check() {
    // It answers nothing but reads.
    expect("nothing", "0..3", 1, &["I24 Liveness in only-reads, seed 0 (and 2 more: 1, 2)", "had no answer to"]);
    expect("panics", "0..3", 1, &["PANIC Node Panic", "3 runs", "it cannot \\u{1b}[31m go on"]);
    expect("exits", "0..2", 1, &["PROTOCOL Node Protocol", "2 runs", "ended the process", "exit code 0"]);
    expect("aborts", "0..2", 1, &["PROTOCOL Node Protocol", "ended by signal 6"]);
    expect("does-much", "0..2", 1, &["PROTOCOL Node Protocol", "more than 10000 things"]);
    expect("storms", "0..1", 1, &["PROTOCOL Node Protocol", "turns"]);
    expect("loops", "0..2", 3, &["inconclusive", "2 runs", "not done after 5 seconds", "\"name\":\"tick\""]);
    expect("floods", "0..1", 3, &["inconclusive", "not done after 5 seconds"]);
    expect("hoards", "0..1", 3, &["inconclusive", "more than 1024 MiB of memory"]);
    for (what, code, words) in [("loops", 3, "INCONCLUSIVE: "), ("exits", 1, "FAIL: "), ("panics", 1, "FAIL: ")] {
        let output = wild(what, &["replay", "only-reads", "--seed", "0"]);
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(code), "{what}: {said}");
        assert!(said.contains(words) && said.contains(&replay_line()), "{what}: {said}");
    }
    let output = wild("exits", &["run", "only-reads", "--seeds", "0..1"]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains(&replay_line()), "{said}");
    let typed =
        Command::new("sh").args(["-c", &replay_line()]).env(VARIABLE, "exits").output().expect("there is a shell");
    assert!(String::from_utf8_lossy(&typed.stdout).starts_with("FAIL: "), "the line is what has to be typed");
    println!("ok");
}

fn main() -> ExitCode {
    let is_program = std::env::var_os(VARIABLE).is_some();
    if is_program {
        return lab::main::<Wild>();
    }
    check();
    ExitCode::SUCCESS
}
