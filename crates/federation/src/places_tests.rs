//! Tests of how far a peer has read, as the row of it changes by the peer's word.

use super::*;
use crate::rows::Queue;

const LIFE: u64 = 7;

fn peer() -> KeyId {
    KeyId::from_bytes([1; 32])
}

/// A peer of which the FLASH lane is empty and the other is as told.
fn row((acked, before, last): (u64, u64, u64), heard_in: u64) -> PeerRow {
    let queue = Queue { last, acked, cursor: 0 };
    PeerRow { queues: [Queue::default(), queue], heard_in, before: [0, before], ..PeerRow::default() }
}

fn moved(after: u64, upto: u64, by: u64) -> Vec<Effect> {
    vec![Effect::MoveLines { peer: peer(), lane: Lane::Routine, after, upto, by }]
}

/// The last place and the acknowledged one, once the peer has said how far it has read, and what is moved.
fn told(mut row: PeerRow, cursor: u64) -> (u64, u64, Vec<Effect>) {
    let moved = row.has_read(&peer(), [0, cursor], LIFE);
    assert_eq!((row.heard_in, row.queue(Lane::Flash)), (LIFE, Queue::default()));
    // Said again it changes nothing.
    let before = row.clone();
    assert_eq!((row.has_read(&peer(), [0, cursor], LIFE), &row), (Vec::new(), &before));
    let queue = row.queue(Lane::Routine);
    (queue.last, queue.acked, moved)
}

#[test]
fn lines_of_after_a_restore_go_behind_what_was_read_before_it() {
    // Acknowledged, given before the restore, given by now; then how far it has read.
    for (queue, cursor, expected) in [
        // More was lost than was done since, and less, and as much; nothing was done.
        ((290, 300, 310), 500, (510, 500, moved(300, 310, 200))),
        ((290, 300, 900), 500, (1_100, 500, moved(300, 900, 200))),
        ((290, 300, 500), 500, (700, 500, moved(300, 500, 200))),
        ((290, 300, 300), 500, (500, 500, Vec::new())),
        // Nothing was lost that it has read.
        ((290, 300, 310), 300, (310, 300, Vec::new())),
        ((290, 300, 310), 280, (310, 280, Vec::new())),
        ((0, 0, 0), 0, (0, 0, Vec::new())),
        // Before the backup it was not known.
        ((0, 0, 10), 50, (60, 50, moved(0, 10, 50))),
        // No restore can have lost so many.
        ((290, 300, 310), u64::MAX, (310, 310, Vec::new())),
    ] {
        assert_eq!(told(row(queue, LIFE - 1), cursor), expected, "{queue:?} {cursor}");
    }
}

#[test]
fn who_has_read_more_than_it_was_given_without_a_restore_is_given_again_what_waits_up_to_a_bound() {
    for (queue, cursor, expected) in [
        ((290, 0, 303), 305, (318, 305, moved(290, 303, 15))),
        ((290, 0, 303), 303, (303, 303, Vec::new())),
        ((290, 0, 303), 250, (303, 250, Vec::new())),
        (
            (0, 0, LINES_MOVED_MAX),
            20_000,
            (LINES_MOVED_MAX + 20_000, 20_000, moved(0, LINES_MOVED_MAX, 20_000)),
        ),
        ((0, 0, LINES_MOVED_MAX + 1), 20_000, (20_000, 20_000, Vec::new())),
    ] {
        assert_eq!(told(row(queue, LIFE), cursor), expected, "{queue:?} {cursor}");
    }
}

#[test]
fn an_acknowledgement_takes_nothing_back_but_in_a_new_life() {
    let mut known = row((290, 300, 310), LIFE);
    assert_eq!(known.acknowledges(&peer(), [0, 250], LIFE), []);
    assert_eq!(known.queue(Lane::Routine).acked, 290);
    known.acknowledges(&peer(), [0, 305], LIFE);
    assert_eq!(known.queue(Lane::Routine).acked, 305);
    let mut restored = row((290, 300, 310), LIFE - 1);
    restored.acknowledges(&peer(), [0, 250], LIFE);
    assert_eq!((restored.queue(Lane::Routine).acked, restored.heard_in), (250, LIFE));
}
