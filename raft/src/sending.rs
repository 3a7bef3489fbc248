//! Sending a snapshot in parts: one at a time, from where the follower says it is (paper 7, Figure 13).
//!
//! A part waits for its answer. When a heartbeat is due it takes the form of an empty part; if the follower answers
//! that one and still lacks the part before it, that part was lost, and the follower's answer says where to go on.
//!
//! Simplification: one part under way at a time, so a snapshot takes a round trip for each part.

use std::sync::Arc;

use bytes::Bytes;

use crate::message::{InstallSnapshot, SnapshotReply};
use crate::snapshot::Snapshot;
use crate::types::Round;

/// How far the sending of a snapshot has got.
#[derive(Clone, Debug)]
pub(crate) struct Sending {
    snapshot: Arc<Snapshot>,
    /// Where the part under way begins, or the next one if none is.
    offset: u64,
    /// The round in which the part under way was sent, if one is.
    sent_in: Option<Round>,
}

/// What the answer to a part turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PartAnswer {
    /// It tells nothing new.
    Stale,
    /// The part arrived.
    Arrived,
    /// The part was lost, or the follower was restarted and lost what it had.
    Lost,
}

impl Sending {
    /// From the beginning.
    pub(crate) fn new(snapshot: Arc<Snapshot>) -> Sending {
        Sending { snapshot, offset: 0, sent_in: None }
    }

    /// The snapshot.
    pub(crate) fn snapshot(&self) -> &Arc<Snapshot> {
        &self.snapshot
    }

    /// The next part, of at most `bytes_max`, counted as sent; `None` while one is under way.
    pub(crate) fn take_part(&mut self, bytes_max: u64, round: Round) -> Option<InstallSnapshot> {
        if self.sent_in.is_some() {
            return None;
        }
        self.sent_in = Some(round);
        let until = self.length().min(self.offset.saturating_add(bytes_max));
        Some(self.part(place(self.offset)..place(until), round))
    }

    /// An empty part, which asks how far the follower is.
    pub(crate) fn heartbeat(&self, round: Round) -> InstallSnapshot {
        self.part(place(self.offset)..place(self.offset), round)
    }

    /// The follower says how much it has. Answers to what was sent before the part under way tell nothing of it.
    pub(crate) fn answered(&mut self, reply: SnapshotReply) -> PartAnswer {
        if reply.last_index != self.snapshot.index || reply.received > self.length() {
            return PartAnswer::Stale;
        }
        let answer = if reply.received > self.offset {
            PartAnswer::Arrived
        } else if self.sent_in.is_some_and(|sent_in| reply.round > sent_in) {
            PartAnswer::Lost
        } else {
            return PartAnswer::Stale;
        };
        self.offset = reply.received;
        self.sent_in = None;
        answer
    }

    fn length(&self) -> u64 {
        self.snapshot.data.len() as u64
    }

    fn part(&self, range: std::ops::Range<usize>, round: Round) -> InstallSnapshot {
        InstallSnapshot {
            last_index: self.snapshot.index,
            last_term: self.snapshot.term,
            configuration: Arc::clone(&self.snapshot.configuration),
            length: self.length(),
            offset: self.offset,
            data: if range.is_empty() { Bytes::new() } else { self.snapshot.data.slice(range) },
            round,
        }
    }
}

fn place(offset: u64) -> usize {
    usize::try_from(offset).expect("the data of a snapshot is in memory")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{Index, Term};

    fn sending(data: &'static str) -> Sending {
        let configuration = Arc::default();
        let data = Bytes::from_static(data.as_bytes());
        Sending::new(Arc::new(Snapshot { index: Index(9), term: Term(2), configuration, data }))
    }

    fn part(sending: &mut Sending, round: u64) -> Option<(u64, Bytes)> {
        sending.take_part(4, Round(round)).map(|part| (part.offset, part.data))
    }

    fn reply(received: u64, round: u64) -> SnapshotReply {
        SnapshotReply { last_index: Index(9), received, round: Round(round) }
    }

    #[test]
    fn parts_follow_each_other_as_they_arrive() {
        let mut sending = sending("abcdefghij");
        assert_eq!(part(&mut sending, 1), Some((0, "abcd".into())));
        assert_eq!(part(&mut sending, 1), None, "one at a time");
        assert_eq!(sending.answered(reply(4, 1)), PartAnswer::Arrived);
        assert_eq!(part(&mut sending, 1), Some((4, "efgh".into())));
        assert_eq!(sending.answered(reply(8, 1)), PartAnswer::Arrived);
        assert_eq!(part(&mut sending, 2), Some((8, "ij".into())));
    }

    #[test]
    fn a_lost_part_shows_in_a_later_round() {
        let mut sending = sending("abcdefghij");
        sending.take_part(4, Round(1));
        sending.answered(reply(4, 1));
        sending.take_part(4, Round(1));
        assert_eq!(sending.heartbeat(Round(2)).data, Bytes::new());
        assert_eq!(sending.answered(reply(4, 1)), PartAnswer::Stale, "the first part's answer, doubled");
        assert_eq!(sending.answered(reply(4, 2)), PartAnswer::Lost);
        assert_eq!(part(&mut sending, 2), Some((4, "efgh".into())));
        assert_eq!(sending.answered(reply(0, 3)), PartAnswer::Lost, "the follower was restarted");
        assert_eq!(part(&mut sending, 3), Some((0, "abcd".into())));
        assert_eq!(sending.answered(reply(8, 1)), PartAnswer::Arrived, "what is there need not be sent");
        assert_eq!(part(&mut sending, 3), Some((8, "ij".into())));
    }

    #[test]
    fn answers_about_another_snapshot_or_beyond_this_one_are_ignored() {
        let mut sending = sending("abc");
        sending.take_part(4, Round(1));
        assert_eq!(sending.answered(SnapshotReply { last_index: Index(8), ..reply(1, 9) }), PartAnswer::Stale);
        assert_eq!(sending.answered(reply(4, 9)), PartAnswer::Stale);
    }

    #[test]
    fn an_empty_snapshot_is_one_empty_part() {
        assert_eq!(part(&mut sending(""), 1), Some((0, Bytes::new())));
    }
}
