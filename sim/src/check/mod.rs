//! The linearizability checker: is there one order of the operations that explains every answer (Herlihy and Wing, 1990)?
//!
//! The history is split into independent partitions, for the store one for each key that nothing ties to another
//! (Herlihy and Wing's locality), and each is searched depth first (Wing and Gong, 1993) with a memory of configurations (Lowe, 2017). See `search` for the
//! algorithm and its arguments. Hard partitions do not hide easy violations: partitions take turns, with growing
//! allowances of steps. What it simplifies: the problem is NP-complete (Gibbons and Korach, 1997), so there is a budget,
//! and when it runs out the verdict is [`Verdict::Inconclusive`], never a pass. Who knows an order to begin with tries
//! [`is_witness`] first.

mod access;
mod configuration;
mod explain;
mod mask;
mod memory;
mod meter;
mod monitor;
pub mod online;
mod partition;
mod places;
mod plan;
mod register;
pub mod sample;
mod search;
mod sequential;
mod session;
mod split;
mod sweep;
mod tier;
mod token;
mod witness;

use std::convert::Infallible;
use std::fmt::Debug;
use std::hash::Hash;

pub use access::{Access, Remainder};
pub use explain::{
    Account, Attempt, Explanation, Legal, Member, Minimality, Placed, Reason, Role, Sources, Step, Told,
};
use plan::ALLOWANCE_PER_OPERATION;
pub use plan::{Done, Finding, Plan};
pub use sequential::{Sequential, SequentialReport, check_sequential};
pub use session::{Breach, Guarantee, Kept, Sessions, check_sessions};
pub use split::{Partition, Scope};
pub use stateright::semantics::SequentialSpec;
pub use tier::Tier;
pub use token::{Token, Tokens};
pub use witness::is_witness;

use crate::history::History;

/// The operations of a model.
pub type Op<M> = <<M as Model>::Spec as SequentialSpec>::Op;

/// The answers of a model.
pub type Ret<M> = <<M as Model>::Spec as SequentialSpec>::Ret;

/// What the checker needs to know about the object under test: a sequential specification of an independent partition
/// of it, and which parts an operation touches. Everything else only makes the search faster, or its words better.
pub trait Model {
    /// The state of one partition, and what each operation does to it. It must be deterministic.
    type Spec: SequentialSpec<Op: Clone + Eq + Hash + Debug, Ret: Clone + Debug> + Clone + Eq + Hash + Debug;

    /// The name of a part of the state.
    type Part: Ord + Hash + Clone + Debug;

    /// A value in an [`Access`]; [`std::convert::Infallible`] where there is none.
    type Value<'h>: Clone + Eq + Ord + Hash + Debug
    where
        Self: 'h;

    /// The state, before its first operation, of a partition that has these operations.
    fn initial(&self, operations: &[&Op<Self>]) -> Self::Spec;

    /// The parts of the state that the operation may read or write.
    fn scope(&self, op: &Op<Self>) -> Scope<Self::Part>;

    /// The part that the operation touches, if it is one: the same as [`Model::scope`] says, without a copy. Saying
    /// nothing is always right, only slower.
    fn part<'o>(&self, op: &'o Op<Self>) -> Option<&'o Self::Part> {
        let _ = op;
        None
    }

    /// What the operation does to the part that it touches, and what it said of it, if it is no more than that. Only asked
    /// of operations on one part. Knowing nothing is always right, only slower.
    fn access<'h>(&self, op: &'h Op<Self>, answer: Option<&'h Ret<Self>>) -> Option<Access<Self::Value<'h>>> {
        let _ = (op, answer);
        None
    }

    /// What a part reads as before its first operation; `None` where nothing has an [`Access`].
    fn initial_value<'h>(&self) -> Option<Self::Value<'h>>
    where
        Self: 'h,
    {
        None
    }

    /// A value as one word, the same for equal values and another for others; not the largest word. `None` if it does not
    /// fit: that is always right, only slower for short histories.
    fn packed<'h>(&self, value: &Self::Value<'h>) -> Option<u64>
    where
        Self: 'h,
    {
        let _ = value;
        None
    }

    /// What remains of a value behind its beginning. Where there is [`Access::Append`], appending that remainder to the
    /// beginning must give the value, and the order of values must be lexicographic: what begins with a value stands
    /// right behind it. Knowing only equality is always right, only slower.
    fn remainder<'h>(&self, value: &Self::Value<'h>, beginning: &Self::Value<'h>) -> Remainder<Self::Value<'h>>
    where
        Self: 'h,
    {
        if value == beginning { Remainder::Nothing } else { Remainder::Unlike }
    }

    /// Whether the operation leaves *every* state unchanged in which it gives `answer` (in every state, if `answer` is
    /// `None`: unknown). Reads do; a compare-and-swap that did not swap does. Saying no is always right, only slower.
    fn observes(&self, op: &Op<Self>, answer: Option<&Ret<Self>>) -> bool {
        let _ = (op, answer);
        false
    }

    /// What the operation tells of the part that it touches: if it gives this answer (if `answer` is `None`: where it
    /// changes anything), the part had the one token before, and has the other after it. A token is any function of the
    /// part, so that [`Token::of`] what it holds will do. Only asked where all operations of a partition are on one part.
    /// It is worth much where many operations are in flight at once: few of them need be asked in each state, and an order
    /// of reads and writes of different values is found without trying. Saying nothing is always right, only slower.
    /// If it has an [`Access`], that says it as well.
    fn tokens(&self, op: &Op<Self>, answer: Option<&Ret<Self>>) -> Tokens {
        self.access(op, answer).map(|access| Tokens::of_access(&access)).unwrap_or_default()
    }

    /// Whether [`Model::outlook`] may have something to say of this operation although it changes states. It is always
    /// asked of observations.
    fn has_outlook(&self, op: &Op<Self>) -> bool {
        let _ = op;
        false
    }

    /// What can be said about the answer of an operation, looking ahead from `state` over the operations `between` that
    /// may be placed before it, itself perhaps among them. Saying [`Outlook::Open`] is always right.
    fn outlook(&self, state: &Self::Spec, call: Call<'_, Self>, between: &[Call<'_, Self>]) -> Outlook<Self::Spec> {
        let _ = (state, call, between);
        Outlook::Open
    }

    /// Groups of operations of a partition that none of its answers can tell apart, as positions in `calls`: writes of
    /// values that nobody reads, for example. The search puts the first of a group in the place of each of the others.
    /// Naming none is always right.
    fn alike(&self, calls: &[Call<'_, Self>]) -> Vec<Vec<usize>> {
        let _ = calls;
        Vec::new()
    }

    /// How many bytes a state holds in memory that is its own, beside its size. They are charged to the budget, so that
    /// it bounds the memory of a search whose states are large.
    fn heap_bytes(&self, state: &Self::Spec) -> usize {
        let _ = state;
        0
    }

    /// For each of `ops`, of which it is not known whether they took effect, whether it could matter to the answers:
    /// if not, then an order of these and more operations of unknown outcome is still one without it. Saying that
    /// everything matters is always right, and makes explanations slower.
    fn matters(&self, answers: &[(&Op<Self>, &Ret<Self>)], ops: &[&Op<Self>]) -> Vec<bool> {
        explain::matters(self, answers, ops)
    }

    /// An operation and its answer, if that is known, in few words: for a place where there is little room.
    fn describe_briefly(&self, op: &Op<Self>, answer: Option<&Ret<Self>>) -> String {
        let answer = answer.map(|answer| format!(" -> {}", self.describe_answer(answer))).unwrap_or_default();
        self.describe_operation(op) + &answer
    }

    /// An operation in words.
    fn describe_operation(&self, op: &Op<Self>) -> String {
        format!("{op:?}")
    }

    /// An answer in words.
    fn describe_answer(&self, answer: &Ret<Self>) -> String {
        format!("{answer:?}")
    }

    /// A state in words.
    fn describe_state(&self, state: &Self::Spec) -> String {
        format!("{state:?}")
    }
}

/// An operation and its answer, if that is known.
pub type Call<'h, M> = (&'h Op<M>, Option<&'h Ret<M>>);

/// What a look ahead says about an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outlook<S> {
    /// Nothing in particular.
    Open,
    /// No sequence of operations between leads to a state that gives the answer.
    Hopeless,
    /// Only from a state that does not depend on the present one, which nothing between can tell from this other one.
    /// Where many states are to be forgotten, they should all be forgotten for the same one.
    Forget(S),
}

/// A model that has one partition: the whole object, starting in this state.
#[derive(Clone, Debug)]
pub struct Whole<S>(pub S);

impl<S> Model for Whole<S>
where
    S: SequentialSpec<Op: Clone + Eq + Hash + Debug, Ret: Clone + Debug> + Clone + Eq + Hash + Debug,
{
    type Spec = S;
    type Part = ();
    type Value<'h>
        = Infallible
    where
        S: 'h;

    fn initial(&self, _: &[&S::Op]) -> S {
        self.0.clone()
    }

    fn scope(&self, _: &S::Op) -> Scope<()> {
        Scope::One(())
    }
}

/// How much work a check may take.
#[derive(Clone, Copy)]
pub struct Budget<'a> {
    /// Questions to the model and operations placed, over all partitions; deterministic, unlike time. Large new states
    /// and many operations in flight cost more. A step takes about a microsecond at most, and at most some 300 bytes.
    /// The explanation of a violation may take as many steps again.
    pub steps: u64,
    /// Bytes that the search of one partition may remember; deterministic as well. It is a bound on what grows with the
    /// search, beside some 150 bytes for each operation that all of them take.
    pub bytes: u64,
    /// Asked every few thousand steps whether to give up. Here the host brings in the wall clock and the interrupt key.
    pub stop: Option<&'a dyn Fn() -> bool>,
}

impl Budget<'_> {
    /// What a search may remember if nothing else is said: a gibibyte.
    pub const BYTES: u64 = 1 << 30;

    /// The default, and on top what a history of this length takes if it is easy, however long.
    #[must_use]
    pub fn for_operations(operations: usize) -> Budget<'static> {
        Budget::steps(Budget::default().steps + 4 * ALLOWANCE_PER_OPERATION * operations as u64)
    }

    /// A budget of this many steps, and nobody who interrupts.
    #[must_use]
    pub const fn steps(steps: u64) -> Budget<'static> {
        Budget { steps, bytes: Budget::BYTES, stop: None }
    }
}

impl Default for Budget<'_> {
    /// Five million steps: some seconds at worst, and some hundreds of megabytes.
    fn default() -> Self {
        Budget::steps(5_000_000)
    }
}

/// What the checker found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict<P, S: SequentialSpec> {
    /// There is an order that explains every answer.
    Linearizable,
    /// There is none, and this is why.
    Violation(Box<Explanation<P, S>>),
    /// The budget ran out before all partitions were decided; those that were are linearizable.
    Inconclusive {
        /// What ran out.
        reason: Inconclusive,
        /// The partitions that remain undecided, and what made them hard.
        partitions: Vec<Undecided<P>>,
    },
}

/// A partition that a check did not decide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undecided<P> {
    /// Its name.
    pub partition: Partition<P>,
    /// How far the last search of it came.
    pub effort: Effort,
}

/// How far a search came, and what made it hard. All zero if it was not begun.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Effort {
    /// Operations in the partition that count: none that failed, and none of unknown outcome that only observes.
    pub operations: usize,
    /// How many of them have an unknown outcome.
    pub unknown: usize,
    /// The most operations in flight at once, without those of unknown outcome.
    pub in_flight: usize,
    /// Invocations and returns in the partition.
    pub events: usize,
    /// How many of these the search passed, in the order that came furthest.
    pub passed: usize,
    /// Configurations that the search remembers.
    pub configurations: usize,
}

/// Why a check ended without a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Inconclusive {
    /// [`Budget::steps`] were taken.
    OutOfSteps,
    /// The search of some partition needs more than [`Budget::bytes`].
    OutOfMemory,
    /// [`Budget::stop`] said so.
    Stopped,
}

/// A verdict, and what it took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report<P, S: SequentialSpec> {
    /// What was found.
    pub verdict: Verdict<P, S>,
    /// What it rests on.
    pub tier: Tier,
    /// Partitions in the history.
    pub partitions: usize,
    /// Operations in the history, also those that failed.
    pub operations: usize,
    /// Steps taken, see [`Budget::steps`]; without those for an explanation.
    pub steps: u64,
}

/// Checks a history against a model.
#[must_use]
pub fn check<M: Model>(model: &M, history: &History<Op<M>, Ret<M>>, budget: &Budget<'_>) -> Report<M::Part, M::Spec> {
    let mut plan = Plan::new(model, history, budget);
    let finding = plan.run(model, history, budget.stop);
    plan.report(&finding, model, history, budget)
}

/// Whether a history is linearizable, without an explanation if it is not; `None` if the budget did not suffice to tell.
#[must_use]
pub fn judge<M: Model>(model: &M, history: &History<Op<M>, Ret<M>>, budget: &Budget<'_>) -> Option<bool> {
    sweep::sweep(model, history, budget.steps)
        .or_else(|| Plan::new(model, history, budget).run(model, history, budget.stop).is_linearizable())
}

/// Whether a history is linearizable; `None` if [`Budget::for_operations`] did not suffice to tell.
#[must_use]
pub fn is_linearizable<M: Model>(model: &M, history: &History<Op<M>, Ret<M>>) -> Option<bool> {
    judge(model, history, &Budget::for_operations(history.operations().len()))
}
