//! Progress on the standard error: a bar if somebody watches, a plain line now and then if not.

use crate::campaign::{Progress, Request};
use crate::host;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use whitewater_reports::words::{count, span};

/// How often a line is written where nobody watches, in nanoseconds.
const LINE_EVERY_NS: u64 = 5_000_000_000;

/// Parts of the bar.
const PARTS: u64 = 1_000;

/// A bar if somebody watches, a plain line now and then if not.
pub(crate) struct Bar {
    bar: Option<ProgressBar>,
    next_line_ns: u64,
}

impl Bar {
    /// A bar on which nothing is done.
    pub(crate) fn new() -> Bar {
        let bar = host::is_watched().then(|| {
            let bar = ProgressBar::with_draw_target(Some(PARTS), ProgressDrawTarget::stderr());
            let style = ProgressStyle::with_template("[{bar:30}] {msg}").expect("the template is well-formed");
            bar.set_style(style.progress_chars("=> "));
            bar
        });
        Bar { bar, next_line_ns: LINE_EVERY_NS }
    }

    /// Shows that so many parts of the bar are done, and says so in a line, after so much time.
    pub(crate) fn show(&mut self, parts: u64, line: impl FnOnce() -> String, elapsed_ns: u64) {
        match &self.bar {
            Some(bar) => {
                bar.set_message(line());
                bar.set_position(parts);
            }
            None if elapsed_ns >= self.next_line_ns => {
                host::tell(&line());
                self.next_line_ns = elapsed_ns.saturating_add(LINE_EVERY_NS);
            }
            None => {}
        }
    }

    /// Takes the bar away.
    pub(crate) fn finish(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}

/// How many parts of a bar so much of all is.
pub(crate) fn share(done: u64, all: u128) -> u64 {
    (u128::from(done) * u128::from(PARTS) / all.max(1)).min(u128::from(PARTS)) as u64
}

/// Shows how far a campaign has come.
pub(crate) struct Display {
    runs: u128,
    time_limit_ns: Option<u64>,
    bar: Bar,
}

impl Display {
    /// A display for this campaign.
    pub(crate) fn new(request: &Request) -> Display {
        Display { runs: request.runs(), time_limit_ns: request.time_limit_ns, bar: Bar::new() }
    }

    /// Shows how far it has come now.
    pub(crate) fn show(&mut self, progress: &Progress) {
        let parts = self.parts(progress);
        self.bar.show(parts, || line(progress), progress.elapsed_ns);
    }

    /// Takes the bar away.
    pub(crate) fn finish(self) {
        self.bar.finish();
    }

    /// How much is done, of runs or of time: whichever ends the campaign sooner.
    fn parts(&self, progress: &Progress) -> u64 {
        let time = self.time_limit_ns.map_or(0, |limit_ns| share(progress.elapsed_ns, u128::from(limit_ns)));
        share(progress.finished, self.runs).max(time)
    }
}

fn line(progress: &Progress) -> String {
    let Progress { finished, failed, elapsed_ns } = progress;
    format!("{} runs, {} failed, {}", count(*finished), count(*failed), span(*elapsed_ns))
}
