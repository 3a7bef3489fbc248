//! Runs the `whitewater` command for tests, and takes out of its output what differs from run to run.

#![expect(
    clippy::disallowed_methods,
    reason = "a test of the command touches files and the wall clock, as the host does"
)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The command with these arguments, separated by blanks, in the directory of this package.
pub(crate) fn whitewater(arguments: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_whitewater"));
    command.args(arguments.split_whitespace()).env_remove("COLUMNS").env_remove("NO_COLOR").stdin(Stdio::null());
    command
}

/// Runs the command to its end.
pub(crate) fn output(arguments: &str) -> Output {
    whitewater(arguments).output().expect("the command starts")
}

/// The exit code.
pub(crate) fn code(output: &Output) -> i32 {
    output.status.code().expect("the command was not killed")
}

/// What it printed, as a snapshot shows it, after something was taken out of that.
pub(crate) fn transcript(arguments: &str, output: &Output, take_out: impl Fn(&str) -> String) -> String {
    let mut transcript = format!("$ whitewater {arguments}\n");
    for (name, bytes) in [("stdout", &output.stdout), ("stderr", &output.stderr)] {
        let text = &as_plain_build(std::str::from_utf8(bytes).expect("the command prints UTF-8"));
        if !text.is_empty() {
            transcript.push_str(&format!("--- {name}\n{}\n", take_out(text.trim_end_matches('\n'))));
        }
    }
    transcript.push_str(&format!("--- exit code {}\n", code(output)));
    transcript
}

/// Snapshots are those of a build without bugs.
fn as_plain_build(text: &str) -> String {
    let text =
        text.replace("BUGGED BUILD, with no bug on\n", "").replace("\"build\": \"bugged\"", "\"build\": \"plain\"");
    text.replace(whitewater_scenarios::bugs::VERSION, env!("CARGO_PKG_VERSION"))
}

/// Numbers become `#`, spans of time `# TIME`, gaps two blanks, digests `DIGEST`, and the rarest probes `NAMES`: what is
/// left is what figures mean, not what they are. A number that is part of a name stays.
pub(crate) fn without_figures(text: &str) -> String {
    without_digests(&without_rarest(text)).lines().map(|line| without_spans(&without_numbers(line)) + "\n").collect()
}

/// Which probes were hit, and which of them rarely, belongs to the simulation.
fn without_rarest(text: &str) -> String {
    let mut result = String::new();
    let mut is_rest = false;
    for line in text.lines() {
        is_rest = is_rest && line.starts_with("              ");
        match line.split_once("rarest: ") {
            Some((before, _)) if line.starts_with("probes ") => {
                result.push_str(&format!("{before}rarest: NAMES\n"));
                is_rest = true;
            }
            Some(_) | None if is_rest => {}
            Some(_) | None => result.push_str(&format!("{line}\n")),
        }
    }
    result
}

fn without_numbers(line: &str) -> String {
    let mut result = String::new();
    let characters: Vec<char> = line.trim_end().chars().collect();
    let is_digit = |place: usize| characters.get(place).is_some_and(char::is_ascii_digit);
    let mut place = 0;
    while let Some(character) = characters.get(place) {
        let is_part_of_name = result.ends_with(|before: char| before.is_alphanumeric() && before != 'e');
        place += 1;
        if character.is_ascii_digit() && !is_part_of_name {
            while is_digit(place) || (matches!(characters.get(place), Some(',' | '.')) && is_digit(place + 1)) {
                place += 1;
            }
            result.push('#');
        } else if !(*character == ' ' && result.ends_with("  ")) {
            result.push(*character);
        }
    }
    result
}

/// The wall clock decides how many units are shown, and which.
fn without_spans(line: &str) -> String {
    let mut words: Vec<String> = line.split(' ').map(str::to_owned).collect();
    for place in 1..words.len() {
        let unit = words[place].trim_end_matches([',', ';', ')']);
        if words[place - 1].ends_with('#') && ["ns", "us", "ms", "s", "min", "h"].contains(&unit) {
            words[place] = words[place].replacen(unit, "TIME", 1);
        }
    }
    words.join(" ").replace("# TIME # TIME", "# TIME")
}

/// Digests become `DIGEST`: they change whenever anything about a run does.
fn without_digests(text: &str) -> String {
    let is_digest = |word: &str| word.len() == 16 && word.chars().all(|c| c.is_ascii_hexdigit());
    let words = text.split_inclusive(|c: char| !c.is_ascii_alphanumeric());
    words
        .map(|word| {
            let bare = word.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
            if is_digest(bare) { format!("DIGEST{}", &word[bare.len()..]) } else { word.to_owned() }
        })
        .collect()
}

/// An empty directory of this name for a test.
pub(crate) fn empty_directory(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    if path.exists() {
        std::fs::remove_dir_all(&path).expect("an earlier test left it");
    }
    std::fs::create_dir_all(&path).expect("tests may write there");
    path
}
