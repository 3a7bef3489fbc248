//! A lab to hand out: a skeleton of a node in one of four languages, a text in five stages, and the assignment that grades it.
//!
//! Everything is a file of its own beside this one, readable as it is; the handout and the runner leave out only how a node is built and
//! started. What it simplifies: solutions are not in here. A complete node is in `tests/reference`.

use std::borrow::Cow;

/// A language that a skeleton is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Language {
    /// Rust, with serde_json.
    Rust,
    /// Python 3, with its standard library.
    Python,
    /// Go, with its standard library.
    Go,
    /// JavaScript, for Node.
    Javascript,
}

/// A file of a lab: where it lies, and its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its path below the folder of the lab.
    pub path: &'static str,
    /// Its text.
    pub text: Cow<'static, str>,
}

/// What differs from language to language.
struct Skeleton {
    /// The file that students write in.
    program: &'static str,
    /// How a node is started, for `--node`.
    node: &'static str,
    /// How it is built, if it is.
    build: Option<&'static str>,
    /// What builds leave behind.
    ignored: &'static str,
    files: &'static [(&'static str, &'static str)],
}

const RUST: Skeleton = Skeleton {
    program: "src/main.rs",
    node: "target/release/raft",
    build: Some("cargo build --release --quiet"),
    ignored: "target/\n",
    files: &[("Cargo.toml", include_str!("rust/manifest.toml")), ("src/main.rs", include_str!("rust/main.rs"))],
};

const PYTHON: Skeleton = Skeleton {
    program: "raft.py",
    node: "python3 raft.py",
    build: None,
    ignored: "__pycache__/\n",
    files: &[("raft.py", include_str!("python/raft.py"))],
};

const GO: Skeleton = Skeleton {
    program: "main.go",
    node: "./raft",
    build: Some("go build -o raft ."),
    ignored: "/raft\n",
    files: &[("go.mod", include_str!("go/go.mod")), ("main.go", include_str!("go/main.go"))],
};

const JAVASCRIPT: Skeleton = Skeleton {
    program: "raft.js",
    node: "node raft.js",
    build: None,
    ignored: "node_modules/\n",
    files: &[("raft.js", include_str!("javascript/raft.js"))],
};

const HANDOUT: &str = include_str!("HANDOUT.md");

const RUNNER: &str = include_str!("grade.sh");

/// The assignment, which is the same in all languages.
pub const ASSIGNMENT: &str = include_str!("assignment.toml");

/// The scenarios of the assignment that are not in the catalog, with their paths as the assignment names them.
pub const SCENARIOS: &[(&str, &str)] = &[
    ("scenarios/asked-twice.toml", include_str!("scenarios/asked-twice.toml")),
    ("scenarios/power-cuts.toml", include_str!("scenarios/power-cuts.toml")),
];

impl Language {
    /// How a node in this language is started, in words for a shell.
    #[must_use]
    pub fn node(self) -> &'static str {
        self.skeleton().node
    }

    /// How it is built, if it has to be.
    #[must_use]
    pub fn build(self) -> Option<&'static str> {
        self.skeleton().build
    }

    fn skeleton(self) -> &'static Skeleton {
        match self {
            Language::Rust => &RUST,
            Language::Python => &PYTHON,
            Language::Go => &GO,
            Language::Javascript => &JAVASCRIPT,
        }
    }
}

/// The files of a lab in this language.
#[must_use]
pub fn files(language: Language) -> Vec<File> {
    let Skeleton { program, node, build, ignored, files } = language.skeleton();
    let sentence =
        build.map_or_else(String::new, |build| format!("Build it, now and after every change: `{build}`.\n\n"));
    let line = build.map_or_else(String::new, |build| format!("{build}\n"));
    let filled = |text: &str, build: &str| {
        Cow::Owned(text.replace("{FILE}", program).replace("{NODE}", node).replace("{BUILD}", build))
    };
    let own = [
        File { path: "HANDOUT.md", text: filled(HANDOUT, &sentence) },
        File { path: "assignment.toml", text: ASSIGNMENT.into() },
        File { path: "grade", text: filled(RUNNER, &line) },
        File { path: ".gitignore", text: format!("results/\nprivate.seeds\n{ignored}").into() },
    ];
    let beside = files.iter().chain(SCENARIOS).map(|(path, text)| File { path, text: (*text).into() });
    own.into_iter().chain(beside).collect()
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::*;
    use crate::assignment::format::{self, Beside};
    use crate::campaign::Selected;
    use crate::catalog;

    /// The folder of a lab, without a disk.
    struct Folder;

    impl Beside for Folder {
        fn scenario(&mut self, named: &str) -> Result<Selected, String> {
            let argument = named.to_owned();
            if let Some(scenario) = catalog::find(named) {
                return Ok(Selected { scenario, argument });
            }
            let file = SCENARIOS.iter().find(|(path, _)| *path == named).ok_or("there is no such scenario")?;
            let scenario = crate::scenario::format::parse(file.0, file.1).map_err(|error| error.to_string())?;
            Ok(Selected { scenario, argument })
        }

        fn private_seeds(&mut self, _: &str) -> Result<Option<String>, String> {
            Ok(None)
        }
    }

    #[test]
    fn the_assignment_is_one_of_a_hundred_points_and_uses_all_its_scenarios() {
        let assignment =
            format::parse("assignment.toml", ASSIGNMENT, &mut Folder).unwrap_or_else(|error| panic!("{error}"));
        let points: u64 = assignment.rows().map(|(_, _, row)| row.points.0).sum();
        assert_eq!(points, 10_000);
        assert_eq!(assignment.parts.len(), 5);
        let unused = SCENARIOS.iter().filter(|(path, _)| !ASSIGNMENT.contains(path)).count();
        assert_eq!(unused, 0, "every scenario beside the assignment is in it");
    }

    #[test]
    fn a_lab_says_how_its_nodes_are_built_and_started() {
        for language in Language::value_variants() {
            let files = files(*language);
            let text = |path: &str| files.iter().find(|file| file.path == path).map(|file| file.text.as_ref());
            let program = language.skeleton().program;
            assert!(text(program).is_some_and(|text| text.contains("HANDOUT.md")), "{program} leads to the handout");
            for path in ["HANDOUT.md", "grade"] {
                let text = text(path).unwrap_or_default();
                assert!(text.contains(&format!("--node '{}'", language.node())), "{path} of {language:?}");
                assert!(language.build().is_none_or(|build| text.contains(build)), "{path} of {language:?}");
                assert!(!["{NODE}", "{FILE}", "{BUILD}"].iter().any(|left| text.contains(left)));
            }
            // The stages are marked where they belong.
            let stages = (1..=5).filter(|stage| text(program).unwrap_or_default().contains(&format!("Stage {stage},")));
            assert_eq!(stages.count(), 5, "{program}");
        }
    }

    #[test]
    fn the_handout_names_rows_that_there_are() {
        let assignment =
            format::parse("assignment.toml", ASSIGNMENT, &mut Folder).unwrap_or_else(|error| panic!("{error}"));
        for (number, part) in (1..).zip(&assignment.parts) {
            let rows = format!("*Rows {number}.1 to {number}.{}.*", part.rows.len());
            assert!(HANDOUT.contains(&rows), "the handout says {rows}");
        }
    }
}
