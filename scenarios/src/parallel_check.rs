//! A check on several threads: one job for each partition of a history (locality: Herlihy and Wing, 1990).
//!
//! What is found is what one thread finds: jobs depend on nothing but their partition and their round, and a violation
//! cancels only the jobs behind it (see [`Plan`]). What it simplifies: threads are started for each round, and there
//! are rarely more than two.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use whitewater_kv::spec::KvSpec;
use whitewater_sim::check::{Budget, Done, Plan, Report};

use crate::formats::Parsed;
use crate::host;

/// Checks a history from a file on as many threads. The budget's memory is for each of them.
#[must_use]
pub fn check_history(
    parsed: &Arc<Parsed>,
    budget: &Budget<'_>,
    stop: &Arc<dyn Fn() -> bool + Send + Sync>,
    threads: u32,
) -> Report<Arc<str>, KvSpec> {
    let mut plan = Plan::new(&parsed.model, &parsed.history, budget);
    loop {
        let shared = Arc::new(plan);
        let done = round(&shared, parsed, stop, threads);
        plan = Arc::into_inner(shared).expect("all threads of the round have ended");
        if let Some(finding) = plan.take(done) {
            let stop = || stop();
            return plan.report(&finding, &parsed.model, &parsed.history, &Budget { stop: Some(&stop), ..*budget });
        }
    }
}

/// Does all jobs of a round, but for those behind a violation.
fn round(
    plan: &Arc<Plan<crate::formats::KeyValue>>,
    parsed: &Arc<Parsed>,
    stop: &Arc<dyn Fn() -> bool + Send + Sync>,
    threads: u32,
) -> Vec<Done> {
    let jobs = plan.jobs();
    let mut done: Vec<Option<Done>> = vec![None; jobs];
    let (plan, parsed, stop) = (Arc::clone(plan), Arc::clone(parsed), Arc::clone(stop));
    let violation = AtomicU64::new(u64::MAX);
    let work = move |job: u64| {
        let number = usize::try_from(job).ok().filter(|number| *number < plan.jobs())?;
        let is_in_vain = || stop() || violation.load(Ordering::Relaxed) < job;
        let one = plan.work(&parsed.model, &parsed.history, number, Some(&is_in_vain));
        if one.is_violation() {
            violation.fetch_min(job, Ordering::Relaxed);
        }
        Some((number, one))
    };
    host::parallel(threads.min(u32::try_from(jobs).unwrap_or(u32::MAX)), work, |result| {
        if let Some((number, one)) = result {
            done[number] = Some(one);
        }
        std::ops::ControlFlow::Continue(())
    });
    done.into_iter().map(|one| one.expect("every job was done")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats;

    /// Forty pairs of keys that are written together, which is for the search; of some a read that nothing explains.
    fn history(broken: &[u32]) -> Arc<Parsed> {
        let pair = |number: u32| {
            let read = if broken.contains(&number) { "2" } else { "1" };
            let put = |key: &str| format!("{{\"op\": \"put\", \"key\": \"{key}{number}\", \"value\": \"1\"}}");
            format!(
                "{{\"client\": 1, \"op\": \"batch\", \"operations\": [{}, {}], \"answers\": [{{}}, {{}}], \
                 \"invoked\": 0, \"returned\": 1}},\n\
                 {{\"client\": 2, \"op\": \"get\", \"key\": \"a{number}\", \"read\": \"{read}\", \
                 \"invoked\": 2, \"returned\": 3}}",
                put("a"),
                put("b")
            )
        };
        let pairs: Vec<String> = (0..40).map(pair).collect();
        let begin = "{\"schema\": \"whitewater/history/v1\", \"model\": \"kv\", \"operations\": [";
        let text = format!("{begin}\n{}\n]}}\n", pairs.join(",\n"));
        Arc::new(formats::parse(text.as_bytes(), None, None).expect("a history"))
    }

    #[test]
    fn many_threads_find_what_one_finds() {
        let stop: Arc<dyn Fn() -> bool + Send + Sync> = Arc::new(|| false);
        let budget = Budget::default();
        for broken in [&[][..], &[31, 7, 22], &[39]] {
            let parsed = history(broken);
            let expected = formats::check_history(&parsed, &budget);
            for threads in [1, 4] {
                assert_eq!(check_history(&parsed, &budget, &stop, threads), expected);
            }
        }
    }

    #[test]
    fn whoever_asks_to_stop_is_heard() {
        let stop: Arc<dyn Fn() -> bool + Send + Sync> = Arc::new(|| true);
        let report = check_history(&history(&[3]), &Budget::default(), &stop, 2);
        assert!(matches!(report.verdict, whitewater_sim::check::Verdict::Inconclusive { .. }));
    }
}
