//! How the time and the memory of a check grow with the history, for each of the three tiers; searching is shown twice.
//!
//! `cargo bench -p whitewater-sim --bench scaling` prints two tables: valid histories of 10^4 to 10^6 operations, of
//! few and many clients and keys, and then hard ones, of more and more operations in flight, to show where the wall is.
//! The histories are the samples of `check::sample`. Bytes are what the checker has allocated at its peak, beside the
//! history. `-- 100000` leaves out histories longer than that. What it simplifies: one seed, and the best of three
//! runs.
#![expect(clippy::disallowed_types, reason = "a bench reads the wall clock")]
#![expect(clippy::disallowed_methods, reason = "a bench reads its arguments and the processor time of its thread")]

use std::convert::Infallible;
use std::time::{Duration, Instant as WallClock};

use peak_alloc::PeakAlloc;
use whitewater_sim::check::sample::{
    Action, Content, Flaw, Mix, Numbers, Register, Registers, Reply, Request, Sample, Shape,
};
use whitewater_sim::check::{
    Budget, Call, Model, Outlook, Report, Scope, Tier, Token, Tokens, Verdict, check, is_witness,
};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// [`Registers`] without a view of its operations as accesses, so that all is left to the search.
struct Unmonitored;

impl Model for Unmonitored {
    type Spec = Register;
    type Part = u64;
    type Value<'h> = Infallible;

    fn initial(&self, requests: &[&Request]) -> Register {
        Registers.initial(requests)
    }

    fn scope(&self, request: &Request) -> Scope<u64> {
        Registers.scope(request)
    }

    fn observes(&self, request: &Request, reply: Option<&Reply>) -> bool {
        Registers.observes(request, reply)
    }

    fn tokens(&self, request: &Request, reply: Option<&Reply>) -> Tokens {
        match (request.action, reply) {
            (Action::Read, Some(Reply::Holds(content))) => Tokens { before: Some(Token::of(content)), after: None },
            (Action::Write(number), _) => Tokens { before: None, after: Some(Token::of(&Content::One(number))) },
            (Action::Read | Action::Append(_) | Action::Delete | Action::Swap { .. }, _) => Tokens::default(),
        }
    }

    fn outlook(&self, state: &Register, call: Call<'_, Self>, between: &[Call<'_, Self>]) -> Outlook<Register> {
        Registers.outlook(state, call, between)
    }

    fn heap_bytes(&self, state: &Register) -> usize {
        Registers.heap_bytes(state)
    }
}

/// Whether a check came to a verdict within its budget.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Decided {
    Yes,
    No,
}

/// What a run took.
struct Cost {
    time: Duration,
    bytes: usize,
}

fn main() {
    let most = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(1_000_000);
    println!("Valid histories: reads and writes of distinct numbers by witness and by monitoring; of 5 numbers where");
    println!("registers are searched, unless monitoring guesses right; of distinct numbers where the specification is");
    println!("searched, and operations have tokens; and appends to lists.\n");
    println!(
        "operations  clients  keys    witness            monitoring         registers          specification      lists"
    );
    for operations in [10_000, 100_000, 1_000_000] {
        for (clients, keys) in [(10, 1), (10, 100), (100, 1), (100, 10), (100, 1_000), (1_000, 1), (1_000, 1_000)] {
            if operations <= most {
                row(operations, clients, keys);
            }
        }
    }
    println!("\nHard histories: reads, writes and swaps of 5 numbers on one key, 1 in 10 of unknown outcome.\n");
    println!("operations  in flight  valid                                    with an answer changed");
    for operations in [1_000, 10_000] {
        for in_flight in [5, 10, 20, 30, 40, 50, 75, 100] {
            hard(operations, in_flight);
        }
    }
}

fn row(operations: usize, clients: u64, keys: u64) {
    let sample = Shape::registers(operations, clients, keys).sample(1);
    let witness = measure(operations, || {
        assert!(is_witness(&Registers, &sample.history, &sample.order));
        Decided::Yes
    });
    let monitoring = checked(&Registers, &sample, Tier::Monitoring);
    let search = checked(&Unmonitored, &sample, Tier::Search);
    let repeated = Shape { numbers: Numbers::UpTo(5), ..Shape::registers(operations, clients, keys) }.sample(1);
    let registers = checked(&Registers, &repeated, Tier::Search);
    // Lists grow with the operations on a key: these are short enough for reads to be small.
    let lists = (keys as usize * 100 >= operations).then(|| {
        checked(
            &Registers,
            &Shape { mix: Mix::LISTS, ..Shape::registers(operations, clients, keys) }.sample(1),
            Tier::Monitoring,
        )
    });
    let cell = |cost: Option<Cost>| {
        let Some(Cost { time, bytes }) = cost else { return format!("{:18}", "no verdict") };
        let speed = operations as f64 / time.as_secs_f64() / 1e6;
        format!("{:18}", format!("{speed:5.2} M/s {:4} B", bytes / operations))
    };
    let (witness, monitoring) = (cell(witness), cell(monitoring));
    let (search, registers, lists) = (cell(search), cell(registers), lists.map(cell).unwrap_or_default());
    println!("{operations:>10}  {clients:>7}  {keys:>4}  {witness} {monitoring} {registers} {search} {lists}");
}

/// What a check takes that this tier decides, or an easier one; nothing, if the budget ran out.
fn checked<M: Model<Spec = Register>>(model: &M, sample: &Sample, tier: Tier) -> Option<Cost> {
    measure(sample.history.operations().len(), || {
        let started = Started::now();
        let stop = || started.elapsed() > Duration::from_secs(20);
        let budget = Budget { stop: Some(&stop), ..Budget::for_operations(sample.history.operations().len()) };
        let report: Report<_, _> = check(model, &sample.history, &budget);
        assert!(report.tier <= tier, "{} decides this", report.tier);
        match report.verdict {
            Verdict::Linearizable => Decided::Yes,
            Verdict::Violation(_) => panic!("a sample is linearizable"),
            Verdict::Inconclusive { .. } => Decided::No,
        }
    })
}

/// A valid history, and the same with an answer changed.
fn hard(operations: usize, in_flight: u64) {
    let sample = Shape::adversarial(operations, in_flight).sample(1);
    let flawed = sample.with_flaw(Flaw::Answer, 1).expect("some answer can be changed");
    print!("{operations:>10}  {in_flight:>9}");
    for history in [sample.history, flawed.history] {
        let started = WallClock::now();
        let stop = || started.elapsed() > Duration::from_secs(10) || MEMORY.current_usage_as_gb() > 2.0;
        MEMORY.reset_peak_usage();
        let budget = Budget { steps: u64::MAX, bytes: u64::MAX, stop: Some(&stop) };
        let verdict = match check(&Registers, &history, &budget).verdict {
            Verdict::Linearizable => "linearizable",
            Verdict::Violation(_) => "violation",
            Verdict::Inconclusive { .. } => "inconclusive",
        };
        let (seconds, megabytes) = (started.elapsed().as_secs_f64(), MEMORY.peak_usage_as_mb());
        print!("  {verdict:13} {seconds:8.3} s {megabytes:6.0} MB");
    }
    println!();
}

/// The best of three runs, or the only one if it took long; nothing if there is no verdict. Short ones are repeated:
/// processor time is told in ticks.
fn measure(operations: usize, mut run: impl FnMut() -> Decided) -> Option<Cost> {
    let mut best = Cost { time: Duration::MAX, bytes: usize::MAX };
    let repeated = (500_000 / operations).max(1) as u32;
    for _ in 0..3 {
        MEMORY.reset_peak_usage();
        let before = MEMORY.current_usage();
        let started = Started::now();
        if run() == Decided::No {
            return None;
        }
        let first = started.elapsed();
        let repeated = if first > Duration::from_secs(1) { 1 } else { repeated };
        for _ in 1..repeated {
            run();
        }
        let cost = Cost { time: started.elapsed() / repeated, bytes: MEMORY.peak_usage() - before };
        if cost.time < best.time {
            best = cost;
        }
        if best.time > Duration::from_secs(2) {
            break;
        }
    }
    Some(best)
}

/// A moment in the processor time of this thread, where the system tells it, and on the wall clock elsewhere.
struct Started(Option<Duration>, WallClock);

impl Started {
    fn now() -> Started {
        Started(processor_time(), WallClock::now())
    }

    fn elapsed(&self) -> Duration {
        match (self.0, processor_time()) {
            (Some(started), Some(now)) => now - started,
            (Some(_) | None, _) => self.1.elapsed(),
        }
    }
}

fn processor_time() -> Option<Duration> {
    let told = std::fs::read("/proc/thread-self/schedstat").ok()?;
    let nanoseconds = String::from_utf8(told).ok()?.split(' ').next()?.parse().ok()?;
    Some(Duration::from_nanos(nanoseconds))
}
