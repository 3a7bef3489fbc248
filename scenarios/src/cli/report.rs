//! `whitewater report`: what one or several campaigns came to, in any format.
//!
//! It makes no run. Everything comes from `campaign.json` as `whitewater run --out` writes it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use whitewater_reports::bench::Bench;
use whitewater_reports::coverage_page::{self, Page};
use whitewater_reports::line_coverage::LineCoverage;
use whitewater_reports::merge::{self, Refusal, Source};
use whitewater_reports::missing::{Missing, missing};
use whitewater_reports::model::Campaign;
use whitewater_reports::{bench, csv, json, junit, markdown};

use super::artifacts::{self, CAMPAIGN};
use super::{Failure, exit, print};
use crate::campaign::Seeds;
use crate::host::{self, shown};

/// Report what came of campaigns, from the files that `run --out` wrote
///
/// Several campaigns, such as the shards of one, are merged: in any order, and a run that is in two of them counts once. If that run
/// went differently there, it is not deterministic (5). Campaigns of different versions, builds or systems do not add up and are refused.
/// Systems are told apart by what their commands say: of two programs that are started with the same words, such as those of two
/// folders, or one before and after a change, do not merge the results.
///
/// The exit code says whether the report is whole, not whether runs failed: 3 if runs are missing that were asked for.
#[derive(Args)]
#[command(after_help = after_help())]
pub(crate) struct Arguments {
    /// Directories that `run --out` wrote into, or campaign.json files
    #[arg(value_name = "DIR|FILE", required = true)]
    paths: Vec<PathBuf>,
    /// What is written
    #[arg(long, value_enum, default_value_t = Format::Html)]
    format: Format,
    /// Write it into this file; - is the standard output
    #[arg(long, value_name = "FILE", default_value = "-")]
    out: PathBuf,
    /// The seeds that every scenario should have: what is missing is named. Without it, those that the campaigns were asked for
    #[arg(long, value_name = "A..B")]
    expect_seeds: Option<Seeds>,
    /// Show what `bugs run --format json` measured, too; html only
    #[arg(long, value_name = "FILE")]
    bench: Option<PathBuf>,
    /// Show the line coverage of these LCOV files, merged; html only
    #[arg(long, value_name = "FILE", num_args = 1..)]
    lcov: Vec<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// The coverage report: one page for a browser or a printer
    Html,
    /// A summary for what a CI system shows of a job
    Markdown,
    /// Test suites and cases for a CI system, a case for each run
    Junit,
    /// A row for each run
    Csv,
    /// A row for each scenario
    CsvScenarios,
    /// The merged campaign, to be read by programs and by this command
    Json,
}

fn after_help() -> String {
    format!(
        "Examples:\n  \
         whitewater run storm --seeds 0..500 --out shard-1\n  \
         whitewater run storm --seeds 500..1000 --out shard-2\n  \
         whitewater report shard-1 shard-2 --expect-seeds 0..1000 --out report.html\n  \
         whitewater report shard-1 --format junit --out junit.xml\n  \
         whitewater report shard-1 --format markdown >> \"$GITHUB_STEP_SUMMARY\"\n\n{}",
        exit::HELP
    )
}

/// The largest campaign, bench or LCOV file that is read, in bytes.
const BYTES_MAX: u64 = 1 << 30;

/// Merges, and writes the report.
pub(crate) fn main(arguments: &Arguments) -> Result<u8, Failure> {
    let is_extra = arguments.bench.is_some() || !arguments.lcov.is_empty();
    if is_extra && arguments.format != Format::Html {
        return Err(Failure::usage("--bench and --lcov are shown by --format html only: leave them out"));
    }
    let campaign = merged(&arguments.paths)?;
    let expected = arguments.expect_seeds.map(|seeds| (seeds.first(), seeds.last()));
    let missing = missing(&campaign, expected);
    let text = match arguments.format {
        Format::Html => page(arguments, &campaign, &missing)?,
        Format::Markdown => markdown::write(&campaign, &missing),
        Format::Junit => junit::write(&campaign, &missing),
        Format::Csv => csv::runs(&campaign),
        Format::CsvScenarios => csv::scenarios(&campaign),
        Format::Json => json::write(&campaign),
    };
    if arguments.out == Path::new("-") {
        print(&text)?;
    } else {
        host::write_atomically(&arguments.out, |file| file.write_all(text.as_bytes()))?;
        host::tell(&format!("wrote {}", shown(&arguments.out)));
    }
    missing.iter().for_each(|missing| host::tell(&format!("missing: {}", missing.words())));
    let is_whole = |missing: &Missing<'_>| missing.was_cut_short && expected.is_none();
    Ok(if missing.iter().all(is_whole) { exit::PASS } else { exit::INCONCLUSIVE })
}

fn merged(paths: &[PathBuf]) -> Result<Campaign, Failure> {
    let sources = paths.iter().map(|path| source(path)).collect::<Result<Vec<Source>, Failure>>()?;
    merge::merge(sources).map_err(|refusal| match refusal {
        Refusal::NotDeterministic { .. } => Failure { code: exit::NOT_DETERMINISTIC, message: refusal.to_string() },
        Refusal::Different { .. } | Refusal::Nothing => Failure::usage(refusal.to_string()),
    })
}

fn source(path: &Path) -> Result<Source, Failure> {
    let path = if host::is_directory(path) { path.join(CAMPAIGN) } else { path.to_owned() };
    let text = text(&path, "`whitewater run --out DIR` writes one")?;
    let campaign = json::read(&text).map_err(|mistake| {
        Failure::usage(format!(
            "{}:{mistake}\nmake it again with `whitewater run ... --out DIR`, and report it with the same whitewater",
            shown(&path)
        ))
    })?;
    Ok(Source { file: shown(&path), campaign })
}

fn text(path: &Path, advice: &str) -> Result<String, Failure> {
    if !host::exists(path) {
        return Err(Failure::usage(format!("there is no file {}: {advice}", shown(path))));
    }
    let bytes = host::read(path, BYTES_MAX)?;
    String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = 1 + valid.iter().filter(|byte| **byte == b'\n').count();
        Failure::usage(format!("{}:{line}: this is not UTF-8: {advice}", shown(path)))
    })
}

fn page(arguments: &Arguments, campaign: &Campaign, missing: &[Missing<'_>]) -> Result<String, Failure> {
    let bench = arguments.bench.as_deref().map(read_bench).transpose()?;
    let lines = read_lcov(&arguments.lcov)?;
    let pages = failure_pages(arguments, campaign);
    let page = Page { campaign, missing, bench: bench.as_ref(), lines: lines.as_ref(), pages: &pages };
    Ok(coverage_page::write(&page))
}

fn read_bench(path: &Path) -> Result<Bench, Failure> {
    let advice = "`whitewater bugs run --format json` writes one";
    let text = text(path, advice)?;
    bench::read(&text).map_err(|why| Failure::usage(format!("{}:{why}\n{advice}", shown(path))))
}

fn read_lcov(paths: &[PathBuf]) -> Result<Option<LineCoverage>, Failure> {
    let mut coverage: Option<LineCoverage> = None;
    for path in paths {
        let advice = "LCOV files come from `cargo llvm-cov --lcov`, `lcov` or `coverage lcov`";
        let text = text(path, advice)?;
        let mistake = |why: String| Failure::usage(format!("{}: {why}\n{advice}", shown(path)));
        coverage.get_or_insert_default().add(&text).map_err(mistake)?;
    }
    Ok(coverage)
}

/// The pages of failures that lie where a link from the report would lead.
fn failure_pages(arguments: &Arguments, campaign: &Campaign) -> BTreeSet<String> {
    match arguments.out.parent() {
        Some(directory) if arguments.out != Path::new("-") => artifacts::pages(directory, campaign),
        Some(_) | None => BTreeSet::new(),
    }
}
