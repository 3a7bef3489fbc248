//! The guarantees of a session: does each client see at least what it must have seen (Terry et al., 1994)?
//!
//! A session is what one client does. Each part is taken as a register ([`Model::access`]). A write becomes *due* for a
//! session, and from then on a read of the same part may not return an *older* one:
//!
//! | guarantee | due is |
//! |---|---|
//! | read your writes | what the session itself has written, and was told so |
//! | monotonic reads | what the session has read |
//! | monotonic writes | when the session has read a write: what the writer of that had written before it, on any part |
//! | writes follow reads | when the session has read a write: what the writer of that had read before it, on any part |
//!
//! The order of the writes is not known. One is taken as older than another only if it had certainly taken effect before
//! the other was invoked: it had returned, or somebody had read it and returned; what a part reads as at first is older
//! than every write. For the last two guarantees it is enough, on the part of the write that was read itself, that the
//! older one is what the writer had written, or read, before. *Before* means that one had returned when the other was
//! invoked.
//!
//! So no linearizable history is ever condemned: in any order that explains it, a due write comes before the read, and an
//! older one before the due one, so the read cannot have returned it. And a session's guarantee may be broken in ways that
//! are not seen here. What it simplifies: a read tells nothing where its value does not name one write: it was written
//! twice, or the part has operations that are more than an access, or appends. Such parts are named, not guessed at.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::{Access, Model, Op, Partition, Ret, Scope};
use crate::history::{History, OperationId, Outcome, Stamp};

/// A guarantee.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Guarantee {
    /// A session sees what it has written itself.
    ReadYourWrites,
    /// A session does not see an older write after a newer one.
    MonotonicReads,
    /// The writes of a session are seen in its order.
    MonotonicWrites,
    /// What a session had read before it wrote is seen by all who see that write.
    WritesFollowReads,
}

impl Guarantee {
    /// All of them.
    pub const ALL: [Guarantee; 4] = [
        Guarantee::ReadYourWrites,
        Guarantee::MonotonicReads,
        Guarantee::MonotonicWrites,
        Guarantee::WritesFollowReads,
    ];
}

impl fmt::Display for Guarantee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Guarantee::ReadYourWrites => "read your writes",
            Guarantee::MonotonicReads => "monotonic reads",
            Guarantee::MonotonicWrites => "monotonic writes",
            Guarantee::WritesFollowReads => "writes follow reads",
        })
    }
}

/// How a guarantee was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breach {
    /// The read that is too old.
    pub read: OperationId,
    /// The write that it returned; `None`: what the part read as at first.
    pub older: Option<OperationId>,
    /// The write that it should have seen, or a later one.
    pub due: OperationId,
    /// What made it due, beside the write itself: the session's earlier read, the write that this one returned, and what
    /// its writer had read; as many as the guarantee speaks of. Then, where the older write had not returned in time, a
    /// read that shows that it had taken effect.
    pub because: Vec<OperationId>,
}

/// The verdict about a guarantee.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    /// No session was seen to be let down.
    Held,
    /// One was, and this is the first read that shows it.
    Broken(Breach),
    /// None was, but some reads do not tell what they have read: see [`Sessions::untold`].
    Untold,
}

/// The verdicts about all guarantees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sessions<P> {
    /// In the order of [`Guarantee::ALL`].
    pub verdicts: [(Guarantee, Kept); 4],
    /// Parts with reads that do not tell what they have read.
    pub untold: Partition<P>,
}

/// Checks the guarantees of all sessions of a history, in O(n log n) for each writer that a session has read from.
#[must_use]
pub fn check_sessions<M: Model>(model: &M, history: &History<Op<M>, Ret<M>>) -> Sessions<M::Part> {
    let accesses = Accesses::new(model, history);
    let seen = Seen::new(&accesses);
    let mut found: [Option<Breach>; 4] = [const { None }; 4];
    let mut reads: Vec<&Read> = accesses.reads.iter().collect();
    reads.sort_unstable_by_key(|read| read.returned);
    for read in reads {
        for (guarantee, first) in Guarantee::ALL.into_iter().zip(&mut found) {
            if first.is_none() {
                *first = seen.breach(&accesses, guarantee, read);
            }
        }
    }
    let untold = Partition(accesses.untold.into_iter().collect());
    let verdict = |breach: Option<Breach>| match breach {
        Some(breach) => Kept::Broken(breach),
        None if untold.0.is_empty() => Kept::Held,
        None => Kept::Untold,
    };
    let mut found = found.into_iter();
    let verdicts = Guarantee::ALL.map(|guarantee| (guarantee, verdict(found.next().flatten())));
    Sessions { verdicts, untold }
}

/// A write: its position among all.
type WriteId = usize;

struct Write {
    id: OperationId,
    client: u64,
    part: usize,
    invoked: Stamp,
    /// When its client was told.
    returned: Option<Stamp>,
    /// When it had certainly taken effect, and the read that shows it, if that came before the return.
    effective: Stamp,
    shown_by: Option<OperationId>,
}

struct Read {
    id: OperationId,
    client: u64,
    part: usize,
    /// `None`: what the part read as at first.
    of: Option<WriteId>,
    invoked: Stamp,
    returned: Stamp,
}

/// What the operations did, as far as it can be told.
struct Accesses<P> {
    writes: Vec<Write>,
    reads: Vec<Read>,
    untold: BTreeSet<P>,
}

/// An operation's part and its access, before values are resolved.
struct Raw<V> {
    id: OperationId,
    part: usize,
    access: Access<V>,
}

impl<P: Ord + Clone> Accesses<P> {
    fn new<M: Model<Part = P>>(model: &M, history: &History<Op<M>, Ret<M>>) -> Self {
        let mut parts: BTreeMap<P, usize> = BTreeMap::new();
        let mut opaque: BTreeSet<P> = BTreeSet::new();
        let mut is_all_opaque = false;
        let mut raw = Vec::new();
        for (id, operation) in (0..).map(OperationId).zip(history.operations()) {
            let answer = match &operation.outcome {
                Outcome::Failed { .. } => continue,
                Outcome::Returned { ret, .. } => Some(ret),
                Outcome::Open | Outcome::Unknown { .. } => None,
            };
            let observes = model.observes(&operation.op, answer);
            match model.scope(&operation.op) {
                Scope::One(part) => match model.access(&operation.op, answer) {
                    Some(access @ (Access::Read(_) | Access::Write(_) | Access::Swap { .. })) => {
                        let count = parts.len();
                        let part = *parts.entry(part).or_insert(count);
                        raw.push(Raw { id, part, access });
                    }
                    Some(Access::Append(_)) => drop(opaque.insert(part)),
                    None if observes => {}
                    None => drop(opaque.insert(part)),
                },
                Scope::Several { .. } | Scope::All(_) if observes => {}
                Scope::Several { parts, ranges: _ } => opaque.extend(parts),
                Scope::All(_) => is_all_opaque = true,
            }
        }
        if is_all_opaque {
            opaque.extend(parts.keys().cloned());
        }
        let is_opaque: BTreeSet<usize> = opaque.iter().filter_map(|part| parts.get(part)).copied().collect();
        let mut accesses = Accesses { writes: Vec::new(), reads: Vec::new(), untold: opaque };
        let unnamed = accesses.resolve(history, &raw, model.initial_value(), &is_opaque);
        accesses.untold.extend(parts.into_iter().filter(|(_, part)| unnamed.contains(part)).map(|(part, _)| part));
        accesses
    }

    /// Finds the write of each read. Returns the parts where some read has none, or several.
    fn resolve<O, R, V: Ord + Clone>(
        &mut self,
        history: &History<O, R>,
        raw: &[Raw<V>],
        initial: Option<V>,
        is_opaque: &BTreeSet<usize>,
    ) -> BTreeSet<usize> {
        // Who wrote a value; `None` if several did.
        let mut writers: BTreeMap<(usize, &V), Option<WriteId>> = BTreeMap::new();
        for Raw { id, part, access } in raw {
            let value = match access {
                Access::Write(value) | Access::Swap { new: value, swapped: Some(true) | None, .. } => value,
                Access::Read(_) | Access::Append(_) | Access::Swap { swapped: Some(false), .. } => continue,
            };
            let operation = &history.operations()[id.0 as usize];
            let returned = match operation.outcome {
                Outcome::Returned { stamp, .. } => Some(stamp),
                Outcome::Open | Outcome::Unknown { .. } | Outcome::Failed { .. } => None,
            };
            let write = Write {
                id: *id,
                client: operation.client,
                part: *part,
                invoked: operation.invoked,
                returned,
                effective: returned.unwrap_or(Stamp::MAX),
                shown_by: None,
            };
            let number = self.writes.len();
            self.writes.push(write);
            writers.entry((*part, value)).and_modify(|writer| *writer = None).or_insert(Some(number));
        }
        let mut unnamed = BTreeSet::new();
        for Raw { id, part, access } in raw {
            let value = match access {
                Access::Read(value) | Access::Swap { expected: value, swapped: Some(true), .. } => value,
                Access::Write(_) | Access::Append(_) | Access::Swap { swapped: Some(false) | None, .. } => continue,
            };
            let operation = &history.operations()[id.0 as usize];
            let Outcome::Returned { stamp, .. } = operation.outcome else { continue };
            let of = match (writers.get(&(*part, value)), initial.as_ref() == Some(value)) {
                _ if is_opaque.contains(part) => continue,
                (Some(Some(writer)), false) => Some(*writer),
                (None, true) => None,
                (Some(None), _) | (Some(Some(_)), true) | (None, false) => {
                    unnamed.insert(*part);
                    continue;
                }
            };
            if let Some(writer) = of {
                let write = &mut self.writes[writer];
                if stamp < write.effective {
                    (write.effective, write.shown_by) = (stamp, Some(*id));
                }
            }
            let (client, invoked) = (operation.client, operation.invoked);
            self.reads.push(Read { id: *id, client, part: *part, of, invoked, returned: stamp });
        }
        unnamed
    }
}

impl<P> Accesses<P> {
    /// Whether one write had certainly taken effect before another was invoked.
    fn is_older(&self, older: Option<WriteId>, newer: WriteId) -> bool {
        older.is_none_or(|older| older != newer && self.writes[older].effective < self.writes[newer].invoked)
    }
}

/// Writes that somebody came to know of, in the order in which that happened; for each moment the latest one by then.
#[derive(Default)]
struct Known {
    /// When, which write, and by which operation.
    all: Vec<(Stamp, WriteId, OperationId)>,
}

impl Known {
    fn sort(&mut self, writes: &[Write]) {
        self.all.sort_unstable();
        for place in 1..self.all.len() {
            let (_, write, by) = self.all[place - 1];
            if writes[write].invoked > writes[self.all[place].1].invoked {
                (self.all[place].1, self.all[place].2) = (write, by);
            }
        }
    }

    /// The write invoked last of those known before this moment, and by which operation.
    fn before(&self, stamp: Stamp) -> Option<(WriteId, OperationId)> {
        let place = self.all.partition_point(|(known, ..)| *known < stamp);
        place.checked_sub(1).map(|place| (self.all[place].1, self.all[place].2))
    }
}

/// What each session came to know of.
struct Seen {
    /// Its own writes on a part, when it was told.
    written: BTreeMap<(u64, usize), Known>,
    /// Writes on a part that it read.
    read: BTreeMap<(u64, usize), Known>,
    /// Writes of another session that it read; and those on one part alone.
    from: BTreeMap<(u64, u64), Known>,
    from_part: BTreeMap<(u64, usize, u64), Known>,
    /// When it first returned from a read of this write.
    first_read: BTreeMap<(u64, WriteId), (Stamp, OperationId)>,
}

impl Seen {
    fn new<P>(accesses: &Accesses<P>) -> Seen {
        let (written, read, from) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let mut seen = Seen { written, read, from, from_part: BTreeMap::new(), first_read: BTreeMap::new() };
        let writes = &accesses.writes;
        for (number, write) in writes.iter().enumerate() {
            if let Some(returned) = write.returned {
                seen.written.entry((write.client, write.part)).or_default().all.push((returned, number, write.id));
            }
        }
        for read in &accesses.reads {
            let Some(of) = read.of else { continue };
            let known = (read.returned, of, read.id);
            seen.read.entry((read.client, read.part)).or_default().all.push(known);
            let writer = writes[of].client;
            if writer != read.client {
                seen.from.entry((read.client, writer)).or_default().all.push(known);
                seen.from_part.entry((read.client, read.part, writer)).or_default().all.push(known);
            }
            let first = seen.first_read.entry((read.client, of)).or_insert((read.returned, read.id));
            *first = (read.returned, read.id).min(*first);
        }
        let all = seen.written.values_mut().chain(seen.read.values_mut());
        let all = all.chain(seen.from.values_mut()).chain(seen.from_part.values_mut());
        all.for_each(|known| known.sort(writes));
        seen
    }

    /// How this read breaks a guarantee, if it does.
    fn breach<P>(&self, accesses: &Accesses<P>, guarantee: Guarantee, read: &Read) -> Option<Breach> {
        let key = (read.client, read.part);
        match guarantee {
            Guarantee::ReadYourWrites => {
                let (due, _) = self.written.get(&key)?.before(read.invoked)?;
                self.stale(accesses, read, due, Vec::new())
            }
            Guarantee::MonotonicReads => {
                let (due, earlier) = self.read.get(&key)?.before(read.invoked)?;
                self.stale(accesses, read, due, vec![earlier])
            }
            Guarantee::MonotonicWrites | Guarantee::WritesFollowReads => self
                .from
                .range((read.client, 0)..=(read.client, u64::MAX))
                .find_map(|((_, writer), known)| self.breach_by(accesses, guarantee, read, *writer, known)),
        }
    }

    fn stale<P>(
        &self,
        accesses: &Accesses<P>,
        read: &Read,
        due: WriteId,
        mut because: Vec<OperationId>,
    ) -> Option<Breach> {
        if !accesses.is_older(read.of, due) {
            return None;
        }
        let (older, due) = (read.of.map(|older| &accesses.writes[older]), &accesses.writes[due]);
        let is_told = |older: &&Write| older.returned.is_some_and(|returned| returned < due.invoked);
        because.extend(older.filter(|older| !is_told(older)).and_then(|older| older.shown_by));
        Some(Breach { read: read.id, older: older.map(|older| older.id), due: due.id, because })
    }

    /// How a read is too old for what the session has read from this writer before.
    fn breach_by<P>(
        &self,
        accesses: &Accesses<P>,
        guarantee: Guarantee,
        read: &Read,
        writer: u64,
        known: &Known,
    ) -> Option<Breach> {
        let writes = &accesses.writes;
        let (latest, earlier) = known.before(read.invoked)?;
        let invoked = writes[latest].invoked;
        let before = match guarantee {
            Guarantee::MonotonicWrites => &self.written,
            Guarantee::WritesFollowReads => &self.read,
            Guarantee::ReadYourWrites | Guarantee::MonotonicReads => return None,
        };
        if let Some((due, by)) = before.get(&(writer, read.part)).and_then(|known| known.before(invoked)) {
            let mut because = vec![earlier, writes[latest].id, by];
            because.retain(|id| *id != writes[due].id);
            if let Some(breach) = self.stale(accesses, read, due, because) {
                return Some(breach);
            }
        }
        // On the part of the write that was read itself: what its writer had written, or read, before.
        let (due, earlier) = self.from_part.get(&(read.client, read.part, writer))?.before(read.invoked)?;
        let older = read.of?;
        let (by, at) = match guarantee {
            Guarantee::MonotonicWrites if writes[older].client == writer => (None, writes[older].returned?),
            Guarantee::WritesFollowReads => {
                let (at, by) = self.first_read.get(&(writer, older))?;
                (Some(*by), *at)
            }
            Guarantee::MonotonicWrites | Guarantee::ReadYourWrites | Guarantee::MonotonicReads => return None,
        };
        (older != due && at < writes[due].invoked).then(|| Breach {
            read: read.id,
            older: Some(writes[older].id),
            due: writes[due].id,
            because: [earlier].into_iter().chain(by).collect(),
        })
    }
}
