//! The fewest operations that show that a history is not linearizable.
//!
//! Leaving operations out just like that proves nothing: every history that reads a value without writing it is broken.
//! What is left out here has lost its answer instead, so that it may still have taken effect at any time after it was
//! invoked, or never. If the answers that are left have no order even so, the whole history has none. Sets of such
//! answers only grow in strength, so a smallest one is found as the conflicts of over-constrained problems are
//! (QuickXplain: Junker, 2004). To it are added the operations that it takes to see that each of these answers counts:
//! with any one of them forgotten there is an order again. What it simplifies: none can be left out, but a smaller set of
//! others may exist.

use super::question::{Asked, Found, Questions};
use super::{Member, Minimality, Role, Sources};
use crate::check::Model;
use crate::history::OperationId;

/// How many operations before the culprit are tried at first.
const WINDOW: usize = 8;
const WINDOW_GROWTH: usize = 4;

/// How many operations are shown with sources. So many answers that contradict each other are shown, if the budget did
/// not suffice to find fewer.
const SHOWN: usize = 22;

/// Answers that contradict each other, and what they rest upon.
pub(super) struct Minimal {
    /// In the order of invocations.
    pub(super) members: Vec<Member>,
    pub(super) minimality: Minimality,
    pub(super) sources: Sources,
}

/// Finds out which operations that had returned by the end contradict each other.
pub(super) fn minimal<M: Model>(questions: &mut Questions<'_, '_, M>, culprit: OperationId) -> Minimal {
    let until = questions.until;
    let mut shrinking = Shrinking { effects: questions.effects(until), questions, minimality: Minimality::Certain };
    let answers = shrinking.answers(culprit);
    if shrinking.minimality == Minimality::OutOfBudget && answers.len() > SHOWN {
        let members = vec![Member { id: culprit, role: Role::Answer }];
        return Minimal { members, minimality: Minimality::NotFound, sources: Sources::Some };
    }
    let (from, sources) = shrinking.sources(&answers);
    let minimality = shrinking.minimality;
    let mut members: Vec<Member> = answers.into_iter().map(|id| Member { id, role: Role::Answer }).collect();
    members.extend(from);
    members.sort_unstable_by_key(|member| member.id);
    Minimal { members, minimality, sources }
}

struct Shrinking<'s, 'q, 'b, M: Model> {
    questions: &'s mut Questions<'q, 'b, M>,
    /// All that may have had an effect by the end.
    effects: Vec<OperationId>,
    minimality: Minimality,
}

impl<M: Model> Shrinking<'_, '_, '_, M> {
    /// A smallest set of answers, the culprit's among them, that has no order.
    fn answers(&mut self, culprit: OperationId) -> Vec<OperationId> {
        if self.contradict(&[culprit]) {
            return vec![culprit];
        }
        let (mut reads, mut updates) = self.candidates(culprit);
        // Reads go first: how updates follow each other is easier to tell while all of them have returned.
        let mut fixed = updates.clone();
        fixed.push(culprit);
        reads = self.conflict(&fixed, true, &reads);
        reads.push(culprit);
        updates = self.conflict(&reads, true, &updates);
        reads.extend(updates);
        reads
    }

    /// Answers among which there is a contradiction, the likely ones first: reads, and others.
    fn candidates(&mut self, culprit: OperationId) -> (Vec<OperationId>, Vec<OperationId>) {
        let questions = &*self.questions;
        let ids = questions.component.ids.iter().copied();
        let mut returned: Vec<_> = ids.filter_map(|id| questions.answer(id).map(|(_, stamp)| (stamp, id))).collect();
        returned.retain(|(_, id)| *id != culprit);
        returned.sort_unstable_by(|one, other| other.cmp(one));
        let recent: Vec<OperationId> = returned.into_iter().map(|(_, id)| id).collect();
        let related = self.related(culprit, &recent);
        let mut window = WINDOW;
        while window < recent.len() / 2 {
            let mut chosen: Vec<OperationId> =
                recent.iter().take(window).chain(related.iter().take(window)).copied().collect();
            chosen.sort_unstable();
            chosen.dedup();
            let mut asked = chosen.clone();
            asked.push(culprit);
            if self.has_no_order(&asked) == Some(true) {
                return self.split(recent.into_iter().filter(|id| chosen.binary_search(id).is_ok()));
            }
            window *= WINDOW_GROWTH;
        }
        self.split(recent.into_iter())
    }

    /// Those that the culprit's answer may have come from.
    fn related(&self, culprit: OperationId, among: &[OperationId]) -> Vec<OperationId> {
        let questions = &*self.questions;
        let answer = questions.answer(culprit).map(|(answer, _)| (&questions.operation(culprit).op, answer));
        let ops: Vec<_> = among.iter().map(|id| &questions.operation(*id).op).collect();
        let matters = questions.model.matters(answer.as_slice(), &ops);
        among.iter().zip(matters).filter(|(_, matters)| *matters).map(|(id, _)| *id).collect()
    }

    fn split(&self, ids: impl Iterator<Item = OperationId>) -> (Vec<OperationId>, Vec<OperationId>) {
        ids.partition(|id| self.questions.observes(*id))
    }

    /// QuickXplain: the fewest of `candidates` that contradict each other and `fixed`, given that all of them do. The
    /// last are left out first. `is_new` says whether `fixed` has become larger since it was asked about.
    fn conflict(&mut self, fixed: &[OperationId], is_new: bool, candidates: &[OperationId]) -> Vec<OperationId> {
        if self.questions.is_exhausted() {
            self.minimality = Minimality::OutOfBudget;
            return candidates.to_vec();
        }
        if candidates.is_empty() || (is_new && self.contradict(fixed)) {
            return Vec::new();
        }
        if let [only] = candidates {
            return vec![*only];
        }
        let (first, last) = candidates.split_at(candidates.len() / 2);
        let with = |more: &[OperationId]| -> Vec<OperationId> { fixed.iter().chain(more).copied().collect() };
        let of_last = self.conflict(&with(first), true, last);
        let mut of_first = self.conflict(&with(&of_last), !of_last.is_empty(), first);
        of_first.extend(of_last);
        of_first
    }

    /// Whether it is certain that these answers have no order.
    fn contradict(&mut self, answers: &[OperationId]) -> bool {
        let has_no_order = self.has_no_order(answers);
        if has_no_order.is_none() {
            self.minimality = Minimality::OutOfBudget;
        }
        has_no_order == Some(true)
    }

    fn has_no_order(&mut self, answers: &[OperationId]) -> Option<bool> {
        let effects = self.effects_besides(answers);
        match self.questions.ask(self.told(answers), &effects) {
            Found::Nothing => Some(true),
            Found::Order(_) => Some(false),
            Found::Unclear => None,
        }
    }

    fn told(&self, answers: &[OperationId]) -> Vec<Asked<M>> {
        answers.iter().map(|id| self.questions.told(*id)).collect()
    }

    fn effects_besides(&self, answers: &[OperationId]) -> Vec<OperationId> {
        let mut sorted = answers.to_vec();
        sorted.sort_unstable();
        self.effects.iter().copied().filter(|id| sorted.binary_search(id).is_err()).collect()
    }

    /// What it takes, beside the answers, to have an order as soon as any one of them is forgotten.
    fn sources(&mut self, answers: &[OperationId]) -> (Vec<Member>, Sources) {
        let all = self.effects_besides(answers);
        let without: Vec<_> = answers.iter().map(|forgotten| self.order_without(answers, *forgotten, &all)).collect();
        if without.iter().any(Option::is_none) {
            self.minimality = Minimality::OutOfBudget;
        }
        let mut shown = Sources::All;
        // Short orders first: if not all can be shown, then as many as possible.
        let mut used: Vec<(OperationId, Vec<OperationId>)> = Vec::new();
        let mut sources: Vec<OperationId> = Vec::new();
        let mut orders: Vec<_> = answers.iter().copied().zip(without).collect();
        orders.sort_by_key(|(_, order)| order.as_ref().map_or(usize::MAX, Vec::len));
        for (forgotten, order) in orders {
            let mut more = sources.clone();
            more.extend(order.iter().flatten());
            more.sort_unstable();
            more.dedup();
            match order {
                Some(order) if more.len() + answers.len() <= SHOWN => {
                    sources = more;
                    used.push((forgotten, order));
                }
                Some(_) | None => shown = Sources::Some,
            }
        }
        let forgotten: Vec<OperationId> = used.iter().map(|(forgotten, _)| *forgotten).collect();
        let sources = self.without_superfluous(answers, sources, used);
        (self.settled(answers, &forgotten, &sources), shown)
    }

    /// Of as many sources as possible the ends are kept, with which there still is an order for each answer forgotten.
    fn settled(&mut self, answers: &[OperationId], forgotten: &[OperationId], sources: &[OperationId]) -> Vec<Member> {
        let mut told = answers.to_vec();
        let mut loose = sources.to_vec();
        for source in sources {
            if self.questions.answer(*source).is_none() {
                continue;
            }
            let with: Vec<OperationId> = told.iter().copied().chain([*source]).collect();
            let rest: Vec<OperationId> = loose.iter().copied().filter(|id| id != source).collect();
            if forgotten.iter().all(|forgotten| self.order_without(&with, *forgotten, &rest).is_some()) {
                (told, loose) = (with, rest);
            }
        }
        let role = |id: &OperationId| if loose.contains(id) { Role::LooseSource } else { Role::Source };
        sources.iter().map(|id| Member { id: *id, role: role(id) }).collect()
    }

    /// Leaves out sources one by one, as long as there are orders for each of the answers that is forgotten.
    fn without_superfluous(
        &mut self,
        answers: &[OperationId],
        mut sources: Vec<OperationId>,
        mut used: Vec<(OperationId, Vec<OperationId>)>,
    ) -> Vec<OperationId> {
        for candidate in sources.clone() {
            let rest: Vec<OperationId> = sources.iter().copied().filter(|id| *id != candidate).collect();
            let mut changed = used.clone();
            let is_superfluous = changed.iter_mut().all(|(forgotten, used)| {
                if !used.contains(&candidate) {
                    return true;
                }
                let order = self.order_without(answers, *forgotten, &rest);
                order.map(|order| *used = order).is_some()
            });
            if is_superfluous {
                (sources, used) = (rest, changed);
            }
        }
        sources
    }

    /// What of `effects` an order uses that explains all answers but one; `None` if there is no such order, or the
    /// budget did not suffice.
    fn order_without(
        &mut self,
        told: &[OperationId],
        forgotten: OperationId,
        effects: &[OperationId],
    ) -> Option<Vec<OperationId>> {
        let rest: Vec<OperationId> = told.iter().copied().filter(|id| *id != forgotten).collect();
        let mut effects = effects.to_vec();
        if self.questions.may_change(forgotten) {
            effects.push(forgotten);
        }
        match self.questions.ask(self.told(&rest), &effects) {
            Found::Order(order) => {
                Some(order.into_iter().filter(|id| *id != forgotten && !rest.contains(id)).collect())
            }
            Found::Nothing | Found::Unclear => None,
        }
    }
}
