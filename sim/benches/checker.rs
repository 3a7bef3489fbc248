//! What the search costs: easy and hard histories of registers, each valid and with one answer changed.
//!
//! Operations a second is what counts; where the wall is, is told by the hot register: few values, many clients at once,
//! unknown outcomes. What it simplifies: one seed for each shape.

use divan::Bencher;
use divan::counter::ItemsCount;
use whitewater_sim::check::sample::{Flaw, Mix, Numbers, Registers, Reply, Request, Shape};
use whitewater_sim::check::{Budget, judge};
use whitewater_sim::history::History;

fn main() {
    divan::main();
}

/// More than any of these takes.
const BUDGET: Budget<'_> = Budget { steps: 50_000_000, bytes: Budget::BYTES, stop: None };

fn judged(bencher: Bencher<'_, '_>, history: &History<Request, Reply>) {
    let count = ItemsCount::new(history.operations().len());
    bencher.counter(count).bench_local(|| judge(&Registers, history, &BUDGET));
}

/// Repeated values, so that nothing but a search decides them.
fn easy(operations: usize) -> Shape {
    Shape { numbers: Numbers::UpTo(5), mix: Mix::SWAPS, ..Shape::registers(operations, 10, 1) }
}

/// A history as short as those of Jepsen: what a check costs that has nothing to do.
#[divan::bench(args = [10, 100, 10_000, 1_000_000])]
fn easy_and_valid(bencher: Bencher<'_, '_>, operations: usize) {
    judged(bencher, &easy(operations).sample(1).history);
}

#[divan::bench(args = [100, 10_000])]
fn easy_and_broken(bencher: Bencher<'_, '_>, operations: usize) {
    let flawed = easy(operations).sample(1).with_flaw(Flaw::Answer, 1).expect("some answer can be changed");
    judged(bencher, &flawed.history);
}

/// One register, five values, so many clients in flight, every tenth outcome unknown.
#[divan::bench(args = [5, 10, 20, 50, 100], sample_count = 3)]
fn hot_and_valid(bencher: Bencher<'_, '_>, in_flight: u64) {
    judged(bencher, &Shape::adversarial(500, in_flight).sample(1).history);
}

#[divan::bench(args = [5, 10, 20, 50, 100], sample_count = 3)]
fn hot_and_broken(bencher: Bencher<'_, '_>, in_flight: u64) {
    let flawed = Shape::adversarial(500, in_flight).sample(1).with_flaw(Flaw::Answer, 1);
    judged(bencher, &flawed.expect("some answer can be changed").history);
}
