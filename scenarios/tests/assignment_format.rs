//! Assignment files: what is refused, and in which words; and the page that documents them has every key, and its examples
//! are assignments.

use whitewater_reports::grade::Points;
use whitewater_reports::marking::{LivenessRule, SafetyRule};
use whitewater_scenarios::assignment::format::{Beside, is_beside, parse};
use whitewater_scenarios::assignment::{Assignment, RowSeeds};
use whitewater_scenarios::campaign::Selected;
use whitewater_scenarios::catalog;
use whitewater_scenarios::mistake::FileError;

/// The page that documents the format.
const PAGE: &str = include_str!("../ASSIGNMENTS.md");

/// The catalog, and a file of private seeds that is there or not.
struct Desk<'a>(Option<&'a str>);

impl Beside for Desk<'_> {
    fn scenario(&mut self, named: &str) -> Result<Selected, String> {
        let scenario = catalog::find(named).ok_or_else(|| format!("there is no scenario `{named}`"))?;
        Ok(Selected { argument: scenario.name.clone(), scenario })
    }

    fn private_seeds(&mut self, _: &str) -> Result<Option<String>, String> {
        Ok(self.0.map(str::to_owned))
    }
}

fn read(text: &str, private: Option<&str>) -> Result<Assignment, FileError> {
    parse("lab.toml", text, &mut Desk(private))
}

fn examples() -> Vec<Assignment> {
    let blocks = PAGE.split("```toml\n").skip(1).map(|rest| rest.split("```").next().expect("it ends"));
    blocks.map(|text| read(text, None).unwrap_or_else(|error| panic!("{error}"))).collect()
}

#[test]
fn the_examples_of_the_page_are_assignments() {
    let [lab, coursework] = examples().try_into().expect("two examples");
    let rows: Vec<_> = lab.rows().collect();
    let numbers: Vec<&str> = rows.iter().map(|(_, number, _)| number.as_str()).collect();
    assert_eq!(numbers, ["1.1", "1.2", "2.1"]);
    let names: Vec<&str> = rows[0].2.scenarios.iter().map(|selected| selected.scenario.name.as_str()).collect();
    assert_eq!(names, ["initial-election", "re-election"], "an alias is as good as a name");
    assert_eq!(rows[0].2.seeds, RowSeeds::Public((0..20).collect()));
    assert_eq!((rows[0].2.safety, rows[0].2.liveness), (SafetyRule::Gate, LivenessRule::Scale));
    assert_eq!((rows[1].2.points, &rows[1].2.seeds), (Points(750), &RowSeeds::Private((1000..1020).collect())));
    assert_eq!((rows[2].2.liveness, rows[2].2.reaches.len()), (LivenessRule::All, 1));
    assert_eq!((lab.budget.run_ns, lab.budget.total_ns), (20_000_000_000, Some(540_000_000_000)));
    let coursework = coursework.coursework.expect("it has some");
    assert_eq!((coursework.bugs.len(), coursework.points, coursework.sound), (2, Points(500), Points(250)));
}

/// Every table with its keys, as the parser lists them when it meets one that it does not know.
#[test]
fn the_page_has_every_key() {
    let tables = [
        ("", "@ = 1"),
        ("seeds.", "[seeds]\n@ = 1"),
        ("budget.", "[budget]\n@ = 1"),
        ("", "[[parts]]\n@ = 1"),
        ("", "[[parts]]\n[[parts.rows]]\n@ = 1"),
        ("", "[coursework]\n@ = 1"),
    ];
    for (table, text) in tables {
        let error = read(&text.replace('@', "zzzz"), None).expect_err("no key is called so");
        let keys = error.message.split_once("there are ").expect("it lists the keys").1;
        for key in keys.split(", ") {
            let is_there = [format!("`{table}{key}`"), format!("`{key}."), format!("`{key}`")];
            assert!(is_there.iter().any(|text| PAGE.contains(text)), "{table}{key}");
        }
    }
}

const ROW: &str = "title = \"Lab\"\n[seeds]\nprivate-file = \"private.seeds\"\n[[parts]]\nname = \"A\"\n[[parts.rows]]\nname = \"a\"\npoints = 1\nscenarios = [\"calm\"]\n";

#[test]
fn private_seeds_may_be_elsewhere() {
    let text = format!("{ROW}seeds = \"private\"\n");
    let seeds = |private: Option<&str>| read(&text, private).map(|lab| lab.parts[0].rows[0].seeds.clone());
    assert_eq!(seeds(None), Ok(RowSeeds::Elsewhere));
    assert_eq!(seeds(Some("# a comment\n9\n\n3..5 # more\n4")), Ok(RowSeeds::Private(vec![3, 4, 9])));
    for (file, why) in [("", "has no seed"), ("1\nsecret\n", "private.seeds:2: "), ("0..10000\n0..10000", ":2: up to")]
    {
        let error = seeds(Some(file)).expect_err(file);
        assert!(error.message.contains(why) && !error.message.contains("secret"), "{error}");
    }
}

/// What is changed in a file that is right, and the line and a part of the answer.
const MISTAKES: &[(&str, &str, usize, &str)] = &[
    ("points = 1", "points = 1.234", 8, "two decimals at most"),
    ("points = 1", "points = -1", 8, "from 0 to 10000"),
    ("points = 1", "points = nan", 8, "like 5 or 2.5"),
    ("points = 1", "points = 1e300", 8, "from 0 to 10000"),
    ("points = 1", "points = \"1\"", 8, "points like 5 or 2.5"),
    ("points = 1", "pointz = 1", 8, "did you mean `points`?"),
    ("[\"calm\"]", "[]", 9, "there is no scenario"),
    ("[\"calm\"]", "[\"clam\"]", 9, "there is no scenario `clam`"),
    ("[\"calm\"]", "[\"calm\", \"Calm\"]", 9, "calm already"),
    ("name = \"a\"", "name = \"\\u001b[2J\"", 7, "on one line"),
    ("name = \"a\"", "name = \" \"", 7, "1 to 100 characters"),
    ("name = \"a\"\n", "name = \"a\"\nseeds = \"5..5\"\n", 8, "there is no seed in it"),
    ("name = \"a\"\n", "name = \"a\"\nseeds = \"0..10001\"\n", 8, "10000 are the most"),
    ("name = \"a\"\n", "name = \"a\"\nseeds = \"privat\"\n", 8, "is not a seed"),
    ("name = \"a\"\n", "name = \"a\"\nvisibility = \"hiden\"\n", 8, "did you mean `hidden`?"),
    ("name = \"a\"\n", "name = \"a\"\nsafety = \"all\"\n", 8, "there are gate, scale"),
    ("name = \"a\"\n", "name = \"a\"\nrequires = [\"split-vot\"]\n", 8, "did you mean \"split-vote\"?"),
    ("\"private.seeds\"", "\"../private.seeds\"", 3, "beside the assignment"),
    ("[seeds]\n", "[seeds]\nprivate = \"1..2\"\n", 4, "leave out"),
    ("[seeds]\n", "[budget]\nrun = \"0s\"\n[seeds]\n", 3, "in no time"),
    ("[seeds]\n", "[budget]\ntotal = \"9 moons\"\n[seeds]\n", 3, "is not a duration"),
    ("title = \"Lab\"", "title = 3", 1, "expected a string"),
];

#[test]
fn mistakes_are_reported_with_their_line_and_what_to_write() {
    assert!(read(ROW, None).is_ok(), "before anything is changed");
    for (right, wrong, line, why) in MISTAKES {
        let text = format!("{ROW}seeds = \"private\"\n").replacen(right, wrong, 1);
        let text = if wrong.contains("seeds = \"") && !wrong.contains("private.seeds") {
            text.replace("\nseeds = \"private\"\n", "\n")
        } else {
            text
        };
        let error = read(&text, None).expect_err(wrong);
        assert_eq!(error.line.as_ref().map(|(line, _)| line), Some(line), "{error}");
        assert!(error.message.contains(why), "{why}: {error}");
    }
}

#[test]
fn what_is_missing_is_named() {
    for (text, why) in [
        ("title = \"x\"", "there is nothing to grade"),
        ("title = \"x\"\n[[parts]]\nname = \"A\"", "this part has no row"),
        ("", "title"),
        ("title = \"x\"\n[coursework]\nbugs = []\npoints = 1", "there is no bug to catch"),
        ("title = \"x\"\n[coursework]\nbugs = [\"201\"]\npoints = 1", "this is a control"),
        ("title = \"x\"\n[coursework]\nbugs = [\"two-votes\", \"two-votes\"]\npoints = 1", "named twice"),
        ("title = \"x\"\n[coursework]\nbugs = [\"none\"]\npoints = 1", "`whitewater bugs` lists them"),
    ] {
        let error = read(text, None).expect_err(text);
        assert!(error.message.contains(why), "{why}: {error}");
    }
    let none = ROW.replace("private-file = \"private.seeds\"", "") + "seeds = \"private\"\n";
    assert!(read(&none, None).is_err_and(|error| error.message.contains("there are no private seeds")));
}

#[test]
fn files_lie_beside_the_assignment() {
    assert!(["a.toml", "more/a.toml", "./a.toml"].iter().all(|path| is_beside(path)));
    assert!(["", "/etc/passwd", "../a", "a/../../b", "a\\b", "c:a", "a//b", "a/"].iter().all(|path| !is_beside(path)));
}
