//! Taking the steps of a run: who waits for what, and what is done when it has come about.
//!
//! See [`crate::plan`] for what a step is. A step whose turn has come looks at its trigger after every event, and when
//! that has come about its action goes through the queue like everything else. Counting, looking and taking draw no random
//! numbers, so that a step that is left out changes no other draw.

use crate::fault::FaultKind;
use crate::kernel::Event;
use crate::node::{NodeId, Process};
use crate::plan::{Action, Step, Trigger};
use crate::time::Instant;
use crate::trace::{Mark, What};
use crate::watch::{Counter, Waiter};
use crate::windows::Moment;
use crate::world::World;

/// The steps of a run, and how far each has come.
#[derive(Debug, Default)]
pub(crate) struct Script {
    steps: Vec<Step>,
    states: Vec<State>,
    /// For each step, those that follow it; the last list is of those that follow the start.
    followers: Vec<Vec<usize>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct State {
    stage: Stage,
    /// The number of the fault that it began.
    fault: Option<usize>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    /// Its turn has not come, or its trigger has not come about, or its action is in the queue.
    #[default]
    Ahead,
    /// It was taken.
    Taken(Instant),
    /// It never will be: all was healed before.
    Forgotten,
}

impl Script {
    fn new(steps: Vec<Step>) -> Script {
        let mut followers = vec![Vec::new(); steps.len() + 1];
        for (number, step) in steps.iter().enumerate() {
            assert!(step.follows.is_none_or(|before| before < number), "step {number} follows one before it");
            if let Action::End { step: begun } = step.action {
                assert!(begun < number, "step {number} ends what one before it began");
            }
            followers[step.follows.unwrap_or(steps.len())].push(number);
        }
        Script { states: vec![State::default(); steps.len()], followers, steps }
    }

    /// When each step was taken.
    pub(crate) fn taken(&self) -> impl Iterator<Item = Option<Instant>> {
        self.states.iter().map(|state| match state.stage {
            Stage::Taken(at) => Some(at),
            Stage::Ahead | Stage::Forgotten => None,
        })
    }

    /// What messages call a step.
    pub(crate) fn name_of(&self, step: usize) -> String {
        match self.steps.get(step).and_then(|step| step.name.as_deref()) {
            Some(name) => format!("step `{name}`"),
            None => format!("step {step}"),
        }
    }

    fn forget(&mut self) {
        for state in self.states.iter_mut().filter(|state| state.stage == Stage::Ahead) {
            state.stage = Stage::Forgotten;
        }
    }
}

impl<P: Process> World<P> {
    /// Gives the run its steps. They begin when the world starts.
    ///
    /// # Panics
    /// If a step follows itself or one behind it, or ends what one behind it begins.
    pub fn script(&mut self, steps: Vec<Step>) {
        for step in &steps {
            if let Action::Begin { kind, .. } = &step.action {
                self.prepare(kind);
            }
        }
        self.script = Script::new(steps);
    }

    /// The steps that follow the start wait from now on.
    pub(crate) fn begin_script(&mut self) {
        self.follow(self.script.steps.len());
    }

    /// No step is taken any more.
    pub(crate) fn end_script(&mut self) {
        self.script.forget();
        self.watch.forget_steps();
    }

    /// Everybody who waited for what is so now goes on.
    #[cold]
    pub(crate) fn look(&mut self) {
        while let Some(waiter) = self.watch.reached(&self.kernel) {
            match waiter {
                Waiter::Step(step) => self.queue_step(step, self.kernel.now),
                Waiter::Expectation(expectation) => self.exceeded(expectation),
            }
        }
    }

    fn follow(&mut self, step: usize) {
        for follower in self.script.followers.get_mut(step).map(std::mem::take).unwrap_or_default() {
            self.wait(follower);
        }
    }

    /// The turn of a step has come: it waits for its trigger.
    fn wait(&mut self, step: usize) {
        let mut more = |counter, number: u64| {
            let number = self.kernel.count_of(counter).saturating_add(number);
            self.watch.for_count(counter, number, Waiter::Step(step));
        };
        match self.script.steps[step].trigger {
            Trigger::Now => self.queue_step(step, self.kernel.now),
            Trigger::At(at) => self.queue_step(step, at.max(self.kernel.now)),
            Trigger::Leader => self.watch.for_leader(step),
            Trigger::NewLeader => more(Counter::Leaders, 1),
            Trigger::Commits(number) => more(Counter::Commits, number),
            Trigger::Answers(number) => more(Counter::Answers, number),
            Trigger::Crashes(number) => more(Counter::Crashes, number),
            Trigger::Probe(probe, number) => more(Counter::Probe(probe), number),
            Trigger::Converged => self.watch.for_convergence(step),
        }
    }

    fn queue_step(&mut self, step: usize, from: Instant) {
        let at = from.after(self.script.steps[step].wait_ns);
        self.kernel.queue.push(at, Event::StepDue(step));
    }

    pub(crate) fn take_step(&mut self, step: usize) {
        let state = &mut self.script.states[step];
        if state.stage != Stage::Ahead {
            return;
        }
        state.stage = Stage::Taken(self.kernel.now);
        self.count(NodeId(0), (step as u64) << 8 | 8);
        self.kernel.note(None, || (What::Note(Mark::Fault), self.script.name_of(step)));
        self.pass(Moment::Step(step));
        match self.script.steps[step].action.clone() {
            Action::Begin { kind, lasting_ns } => self.strike(step, kind, lasting_ns),
            Action::End { step: begun } => self.end_of(begun),
            Action::EndAll => (0..self.script.steps.len()).for_each(|begun| self.end_of(begun)),
            Action::Mark => {}
        }
        self.follow(step);
    }

    fn strike(&mut self, step: usize, kind: FaultKind, lasting_ns: Option<u64>) {
        self.prepare(&kind);
        let number = self.injector.add(self.script.steps[step].source, kind);
        self.script.states[step].fault = Some(number);
        self.begin_fault(number);
        if let Some(lasting_ns) = lasting_ns {
            self.kernel.queue.push(self.kernel.now.after(lasting_ns), Event::FaultEnds(number));
        }
    }

    fn end_of(&mut self, step: usize) {
        if let Some(number) = self.script.states[step].fault {
            self.end_fault(number);
        }
    }
}
