//! The independent partitions of a history: which operations have to do with each other.
//!
//! A history is linearizable if and only if its restriction to each independent object is (Herlihy and Wing, 1990,
//! theorem 1: locality). Objects are the parts of the state that operations touch. Operations on several parts make one
//! object of them, and so of everything that is tied to any of them: the connected components, by union-find (Galler and
//! Fischer, 1964). What it simplifies: parts are tied for the whole history, however briefly somebody touched them
//! together.

use std::fmt::{self, Debug, Display};
use std::hash::Hash;

use super::memory::Table;
use super::{Model, Op, Ret};
use crate::history::{History, OperationId};

/// The parts of the state that an operation may read or write. Naming too many is always right, only slower.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope<P> {
    /// This one.
    One(P),
    /// These together.
    Several {
        /// Each of these.
        parts: Vec<P>,
        /// And those from the first on and before the second (`None`: to the end). They are only read: what no operation
        /// names stays as it was at first, and ties nothing.
        ranges: Vec<(P, Option<P>)>,
    },
    /// All of them, and these are named by it.
    All(Vec<P>),
}

/// The name of a partition: the parts of the state that its operations tie together, in order. None, if it is of an
/// operation that touches no part that others do.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Partition<P>(pub Vec<P>);

/// How many parts are written out.
const SHOWN: usize = 8;

impl<P: Debug> Display for Partition<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, part) in self.0.iter().take(SHOWN).enumerate() {
            write!(f, "{}{part:?}", if number > 0 { ", " } else { "" })?;
        }
        match self.0.len().saturating_sub(SHOWN) {
            0 if self.0.is_empty() => f.write_str("of nothing else"),
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

/// A partition of a history.
pub(super) struct Component<M: Model> {
    pub(super) partition: Partition<M::Part>,
    /// Its operations, in the order of invocation.
    pub(super) ids: Vec<OperationId>,
    /// The state before the first of them.
    pub(super) initial: M::Spec,
}

/// A history, split.
pub(super) struct Split<M: Model> {
    /// In the order of their first parts.
    pub(super) components: Vec<Component<M>>,
    /// The position of each operation's component.
    pub(super) homes: Vec<usize>,
}

/// Splits a history into partitions.
pub(super) fn split<M: Model>(model: &M, history: &History<Op<M>, Ret<M>>) -> Split<M> {
    let mut groups = Groups::default();
    let mut nodes: Table<M::Part, usize> = Table::default();
    let mut homes = Vec::with_capacity(history.operations().len());
    let mut ranges = Vec::new();
    let mut all = None;
    // Often one part follows itself.
    let mut last: Option<(&M::Part, usize)> = None;
    for operation in history.operations() {
        if let Some(part) = model.part(&operation.op) {
            let home = match last {
                Some((same, home)) if same == part => home,
                Some(_) | None => node(&mut nodes, part, &mut groups),
            };
            last = Some((part, home));
            homes.push(home);
            continue;
        }
        homes.push(match model.scope(&operation.op) {
            Scope::One(part) => node(&mut nodes, &part, &mut groups),
            Scope::Several { parts, ranges: of_operation } => {
                let home = groups.add();
                for part in parts {
                    let node = node(&mut nodes, &part, &mut groups);
                    groups.join(home, node);
                }
                ranges.extend(of_operation.into_iter().map(|range| (home, range)));
                home
            }
            Scope::All(parts) => {
                for part in parts {
                    node(&mut nodes, &part, &mut groups);
                }
                *all.get_or_insert_with(|| groups.add())
            }
        });
    }
    let mut sorted: Vec<(M::Part, usize)> = nodes.into_iter().collect();
    sorted.sort_unstable();
    match all {
        Some(home) => (0..groups.parents.len()).for_each(|node| groups.join(home, node)),
        None => tie_ranges(&sorted, &ranges, &mut groups),
    }
    collect(model, history, sorted, homes, &mut groups)
}

/// The node of a part.
fn node<P: Eq + Hash + Clone>(nodes: &mut Table<P, usize>, part: &P, groups: &mut Groups) -> usize {
    match nodes.get(part) {
        Some(node) => *node,
        None => {
            let node = groups.add();
            nodes.insert(part.clone(), node);
            node
        }
    }
}

/// Joins all parts within each range, and its operation with them, in one pass over the parts.
fn tie_ranges<P: Ord>(sorted: &[(P, usize)], ranges: &[(usize, (P, Option<P>))], groups: &mut Groups) {
    if ranges.is_empty() {
        return;
    }
    // How many more ranges go on behind each part than went on before it.
    let mut opened = vec![0_i64; sorted.len()];
    for (home, (from, to)) in ranges {
        let first = sorted.partition_point(|(part, _)| part < from);
        let end = to.as_ref().map_or(sorted.len(), |to| sorted.partition_point(|(part, _)| part < to));
        if first < end {
            groups.join(*home, sorted[first].1);
            opened[first] += 1;
            opened[end - 1] -= 1;
        }
    }
    let mut open = 0;
    for (place, pair) in sorted.windows(2).enumerate() {
        open += opened[place];
        if open > 0 {
            groups.join(pair[0].1, pair[1].1);
        }
    }
}

/// Puts the components together, in the order of their first parts; those without parts come last.
fn collect<M: Model>(
    model: &M,
    history: &History<Op<M>, Ret<M>>,
    nodes: Vec<(M::Part, usize)>,
    mut homes: Vec<usize>,
    groups: &mut Groups,
) -> Split<M> {
    let mut numbers: Vec<Option<usize>> = vec![None; groups.parents.len()];
    // With how many operations each has, so that none need be moved for want of room.
    let mut collected: Vec<(Vec<M::Part>, usize)> = Vec::new();
    let mut number_of = |root: usize, collected: &mut Vec<_>| {
        *numbers[root].get_or_insert_with(|| {
            collected.push((Vec::new(), 0));
            collected.len() - 1
        })
    };
    for (part, node) in nodes {
        let number = number_of(groups.root(node), &mut collected);
        collected[number].0.push(part);
    }
    for home in &mut homes {
        *home = number_of(groups.root(*home), &mut collected);
        collected[*home].1 += 1;
    }
    let mut collected: Vec<(Vec<M::Part>, Vec<OperationId>)> =
        collected.into_iter().map(|(parts, count)| (parts, Vec::with_capacity(count))).collect();
    for (home, id) in homes.iter().zip((0..).map(OperationId)) {
        collected[*home].1.push(id);
    }
    let component = |(parts, ids): (Vec<M::Part>, Vec<OperationId>)| {
        let operations: Vec<&Op<M>> = ids.iter().map(|id| &history.operations()[id.0 as usize].op).collect();
        Component { partition: Partition(parts), initial: model.initial(&operations), ids }
    };
    Split { components: collected.into_iter().map(component).collect(), homes }
}

/// Disjoint sets of numbered nodes. The lowest node of a set is its root.
#[derive(Default)]
struct Groups {
    parents: Vec<usize>,
}

impl Groups {
    /// A new node, in a set of its own.
    fn add(&mut self) -> usize {
        self.parents.push(self.parents.len());
        self.parents.len() - 1
    }

    fn root(&mut self, mut node: usize) -> usize {
        while self.parents[node] != node {
            self.parents[node] = self.parents[self.parents[node]];
            node = self.parents[node];
        }
        node
    }

    fn join(&mut self, one: usize, other: usize) {
        let (one, other) = (self.root(one), self.root(other));
        self.parents[one.max(other)] = one.min(other);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::SequentialSpec;
    use crate::rng::{Purpose, RunKey, Stream};
    use crate::time::Instant;

    /// An object whose operations are what they touch, and whose initial state tells how many operations there are.
    struct Touched;

    #[derive(Clone, Debug, PartialEq, Eq, Hash)]
    struct Count(usize);

    impl SequentialSpec for Count {
        type Op = Touch;
        type Ret = ();
        fn invoke(&mut self, _: &Touch) {}
    }

    #[derive(Clone, Debug, PartialEq, Eq, Hash)]
    enum Touch {
        One(u8),
        Several(Vec<u8>, Vec<(u8, Option<u8>)>),
        All,
    }

    impl Model for Touched {
        type Spec = Count;
        type Part = u8;
        type Value<'h> = std::convert::Infallible;

        fn initial(&self, operations: &[&Touch]) -> Count {
            Count(operations.len())
        }

        fn scope(&self, op: &Touch) -> Scope<u8> {
            match op.clone() {
                Touch::One(part) => Scope::One(part),
                Touch::Several(parts, ranges) => Scope::Several { parts, ranges },
                Touch::All => Scope::All(vec![9]),
            }
        }
    }

    fn splits(touches: &[Touch]) -> String {
        let mut history = History::new();
        for touch in touches {
            history.invoke(0, touch.clone(), Instant::START);
        }
        let split = split(&Touched, &history);
        for (number, component) in split.components.iter().enumerate() {
            assert_eq!(component.initial, Count(component.ids.len()));
            assert!(component.ids.iter().all(|id| split.homes[id.0 as usize] == number));
            assert!(component.ids.is_sorted());
        }
        let words = |component: &Component<Touched>| {
            let ids: Vec<u32> = component.ids.iter().map(|id| id.0).collect();
            format!("{} {ids:?}", component.partition)
        };
        split.components.iter().map(words).collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn what_has_nothing_to_do_with_each_other_is_apart() {
        use Touch::{All, One, Several};
        assert_eq!(splits(&[]), "");
        assert_eq!(splits(&[One(2), One(1), One(2)]), "1 [1]; 2 [0, 2]");
        assert_eq!(splits(&[One(1), One(2), One(3), Several(vec![3, 1], vec![])]), "1, 3 [0, 2, 3]; 2 [1]");
        let chain = [Several(vec![1, 2], vec![]), Several(vec![3, 4], vec![]), Several(vec![2, 3], vec![]), One(5)];
        assert_eq!(splits(&chain), "1, 2, 3, 4 [0, 1, 2]; 5 [3]");
        let range = |from, to| Several(vec![], vec![(from, to)]);
        assert_eq!(splits(&[One(1), One(2), One(3), One(4), range(2, Some(4))]), "1 [0]; 2, 3 [1, 2, 4]; 4 [3]");
        assert_eq!(splits(&[range(2, None), One(1), One(2), One(3)]), "1 [1]; 2, 3 [0, 2, 3]");
        let overlapping = [One(1), One(2), One(3), One(4), range(1, Some(3)), range(2, Some(4))];
        assert_eq!(splits(&overlapping), "1, 2, 3 [0, 1, 2, 4, 5]; 4 [3]");
        let adjacent = [One(1), One(2), One(3), One(4), range(1, Some(3)), range(3, Some(9))];
        assert_eq!(splits(&adjacent), "1, 2 [0, 1, 4]; 3, 4 [2, 3, 5]");
        assert_eq!(
            splits(&[One(1), range(5, None), range(1, Some(1)), range(4, Some(2))]),
            "1 [0]; of nothing else [1]; of nothing else [2]; of nothing else [3]"
        );
        assert_eq!(splits(&[One(1), Several(vec![], vec![]), One(3), All, One(1)]), "1, 3, 9 [0, 1, 2, 3, 4]");
        assert_eq!(splits(&[Several((0..12).collect(), vec![])]), "0, 1, 2, 3, 4, 5, 6, 7 and 4 more [0]");
    }

    /// Two operations are together if and only if a chain of operations leads from one to the other, each of which
    /// shares a part with the next.
    #[test]
    fn components_are_those_of_naive_search() {
        let mut random = RunKey::new(1964).stream(Purpose::Workload, 0);
        let mut several = 0;
        for _ in 0..2_000 {
            let touches: Vec<Touch> = (0..1 + random.below(12)).map(|_| any_touch(&mut random)).collect();
            let mut history = History::new();
            for touch in &touches {
                history.invoke(0, touch.clone(), Instant::START);
            }
            let split = split(&Touched, &history);
            several += usize::from(split.components.len() > 1);
            let named: Vec<u8> = touches.iter().flat_map(named).collect();
            for (one, touch) in touches.iter().enumerate() {
                let mut reached = vec![one];
                while let Some(next) = (0..touches.len()).find(|other| {
                    let meets = |from: &usize| {
                        named
                            .iter()
                            .any(|part| touches_part(&touches[*from], *part) && touches_part(&touches[*other], *part))
                    };
                    !reached.contains(other) && reached.iter().any(meets)
                }) {
                    reached.push(next);
                }
                reached.sort_unstable();
                let ids: Vec<usize> = split.components[split.homes[one]].ids.iter().map(|id| id.0 as usize).collect();
                assert_eq!(ids, reached, "{touch:?} of {touches:?}");
            }
        }
        assert!(several > 1_000, "{several} of the histories had several partitions");
    }

    fn any_touch(random: &mut Stream) -> Touch {
        let mut part = || random.below(30) as u8;
        let (one, two, three) = (part(), part(), part());
        match random.below(6) {
            0 => Touch::Several(vec![one, two], vec![]),
            1 => Touch::Several(vec![], vec![(one, Some(one + 1 + two / 4))]),
            2 => Touch::Several(vec![three], vec![(one, Some(one + 2)), (two, Some(two + 3))]),
            _ => Touch::One(one),
        }
    }

    fn named(touch: &Touch) -> Vec<u8> {
        match touch {
            Touch::One(part) => vec![*part],
            Touch::Several(parts, _) => parts.clone(),
            Touch::All => vec![],
        }
    }

    fn touches_part(touch: &Touch, part: u8) -> bool {
        let is_within = |(from, to): &(u8, Option<u8>)| *from <= part && to.is_none_or(|to| part < to);
        match touch {
            Touch::One(one) => *one == part,
            Touch::Several(parts, ranges) => parts.contains(&part) || ranges.iter().any(is_within),
            Touch::All => true,
        }
    }
}
