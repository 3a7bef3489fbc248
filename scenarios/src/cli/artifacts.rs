//! What `whitewater run --out` leaves behind: the campaign, and the page, trace and history of failing runs.
//!
//! A failing run is made once more with the recorder on. Its digest must be that of the campaign, so that every failure
//! that is written down has also been shown to be reproducible. What it simplifies: only the first failures of each
//! scenario are written.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::bugs::Bug;
use crate::campaign::{Request, Selected};
use crate::formats::write_json;
use crate::host::{self, shown};
use crate::page;
use crate::run::{Options, Run};
use crate::search::lineage::Lineage;
use crate::target::Target;
use whitewater_kv::spec::Missing;
use whitewater_reports::coverage_page::{self, Page};
use whitewater_reports::json;
use whitewater_reports::missing::missing;
use whitewater_reports::model::{Campaign, Outcome, RunRecord};
use whitewater_reports::words::counted;
use whitewater_sim::Recording;
use whitewater_sim::trace::Trace;

use super::Failure;

/// How many failures of each scenario are written down.
const FAILURES_MAX: usize = 10;

/// The file that holds the campaign.
pub(crate) const CAMPAIGN: &str = "campaign.json";

/// The directory in it that holds what was written about failures.
const FAILURES: &str = "failures";

/// The coverage report.
const REPORT: &str = "report.html";

/// The largest campaign of an earlier time that is looked at, in bytes.
const EARLIER_BYTES_MAX: u64 = 1 << 30;

/// A directory that can be written into.
pub(crate) struct Directory(PathBuf);

/// Whether the failures that were written down happened again as they had happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    /// Every one.
    Alike,
    /// At least one did not: a run is not a function of scenario and seed.
    Different,
}

impl Directory {
    /// Makes the directory, and makes sure of it before any work is done.
    pub(crate) fn prepare(path: PathBuf) -> Result<Directory, Failure> {
        host::prepare_directory(&path)?;
        Ok(Directory(path))
    }

    /// Writes a campaign down, in place of an earlier one.
    pub(crate) fn write(
        &self,
        target: &dyn Target,
        request: &Request,
        campaign: &Campaign,
    ) -> Result<Written, Failure> {
        self.remove_earlier()?;
        let mut written = Written::Alike;
        let mut count = 0;
        for selected in &request.scenarios {
            for record in failing(campaign, &selected.scenario.name) {
                let replay = campaign.replay(record);
                if self.write_failure(target, selected, record, request.bug, &replay)? == Written::Different {
                    written = Written::Different;
                }
                count += 1;
            }
        }
        let path = self.0.join(CAMPAIGN);
        host::write_atomically(&path, |file| file.write_all(json::write(campaign).as_bytes()))?;
        let pages = pages(&self.0, campaign);
        let missing = missing(campaign, None);
        let page = Page { campaign, missing: &missing, bench: None, lines: None, pages: &pages };
        let report = self.0.join(REPORT);
        host::write_atomically(&report, |file| file.write_all(coverage_page::write(&page).as_bytes()))?;
        let pages = match count {
            0 => String::new(),
            1 => format!(", with its page, in {}", shown(&self.failures())),
            _ => format!(", each with its page, in {}", shown(&self.failures())),
        };
        host::tell(&format!("wrote {}, {} and {}{pages}", shown(&path), shown(&report), counted(count, "failure")));
        Ok(written)
    }

    /// Removes what an earlier campaign left here, and nothing else: its failures are not those of this one.
    fn remove_earlier(&self) -> Result<(), Failure> {
        let Ok(bytes) = host::read(&self.0.join(CAMPAIGN), EARLIER_BYTES_MAX) else { return Ok(()) };
        let Ok(earlier) = json::read(&String::from_utf8_lossy(&bytes)) else { return Ok(()) };
        for scenario in &earlier.scenarios {
            for record in failing(&earlier, &scenario.name) {
                for path in [self.trace(record), self.history(record), self.page(record)].into_iter().flatten() {
                    host::remove(&path)?;
                }
            }
        }
        Ok(())
    }

    fn write_failure(
        &self,
        target: &dyn Target,
        selected: &Selected,
        record: &RunRecord,
        bug: Option<Bug>,
        replay: &str,
    ) -> Result<Written, Failure> {
        let (Some(trace_path), Some(history_path), Some(page_path)) =
            (self.trace(record), self.history(record), self.page(record))
        else {
            return Ok(Written::Alike);
        };
        let lineage = record.lineage().parse();
        let lineage: Lineage = lineage.expect("a run is called what a lineage is called");
        let options = Options { bug, recording: Recording::On, ..Options::default() };
        let run = match target.make(&selected.scenario, &lineage, &options) {
            Ok(run) if run.record.digest == record.digest => run,
            // It came to no end, so there is nothing more to be written.
            Err(again) if again.verdict == record.verdict => return Ok(Written::Alike),
            Ok(_) | Err(_) => {
                host::tell(&format!("error: the run went differently when it was made again: {replay} --verify"));
                return Ok(Written::Different);
            }
        };
        host::prepare_directory(&self.failures())?;
        host::write_atomically(&trace_path, |file| write_trace(file, &run, replay))?;
        host::write_atomically(&history_path, |file| {
            file.write_all(write_json(&run.history, Missing::Nil).as_bytes())
        })?;
        host::write_atomically(&page_path, |file| {
            file.write_all(page::of_run(&selected.scenario, &run, bug, replay).as_bytes())
        })?;
        Ok(Written::Alike)
    }

    fn failures(&self) -> PathBuf {
        self.0.join(FAILURES)
    }

    fn trace(&self, record: &RunRecord) -> Option<PathBuf> {
        file(&self.failures(), record, "trace")
    }

    fn history(&self, record: &RunRecord) -> Option<PathBuf> {
        file(&self.failures(), record, "history.json")
    }

    fn page(&self, record: &RunRecord) -> Option<PathBuf> {
        file(&self.failures(), record, "html")
    }
}

/// The file of a run. The name of a scenario from an earlier campaign is whatever stands in a file: it may not lead
/// elsewhere.
fn file(directory: &Path, record: &RunRecord, ending: &str) -> Option<PathBuf> {
    record.file_stem().map(|stem| directory.join(format!("{stem}.{ending}")))
}

/// The pages of failures that lie beside a report in this directory, by the names of their files without the ending.
pub(crate) fn pages(directory: &Path, campaign: &Campaign) -> BTreeSet<String> {
    let failing = campaign.scenarios.iter().flat_map(|scenario| failing(campaign, &scenario.name));
    let has_page = |stem: &String| host::exists(&directory.join(FAILURES).join(format!("{stem}.html")));
    failing.filter_map(RunRecord::file_stem).filter(has_page).collect()
}

/// The failures of a scenario that are written down.
fn failing<'a>(campaign: &'a Campaign, scenario: &'a str) -> impl Iterator<Item = &'a RunRecord> {
    let of_scenario = campaign.runs.iter().filter(move |run| run.scenario == scenario);
    of_scenario.filter(|run| run.verdict.outcome() == Outcome::Violation).take(FAILURES_MAX)
}

/// A whole trace: what it is of, its rows, and what happened to the run.
fn write_trace(file: &mut dyn Write, run: &Run, replay: &str) -> io::Result<()> {
    let trace = run.trace.as_ref().expect("the recorder was on");
    writeln!(file, "{replay}\n{}\n{}", Trace::legend(), trace.heading())?;
    for line in trace.lines() {
        writeln!(file, "{}", trace.row(line))?;
    }
    file.write_all(whitewater_reports::human::explanation(&run.record).as_bytes())
}
