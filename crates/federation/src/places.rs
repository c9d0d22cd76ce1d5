//! How far a peer has read, in places of this node's lanes to it, where a restore may have moved the two apart.
//!
//! A node that comes back from a backup knows a peer's lanes as they were then. The peer may have read further, and what is put
//! into the lanes before it says so gets places that it has read already. So a word on how far somebody has read counts in one
//! life of this node ([`crate::OwnRow::life`]) and names it; until the peer has said it in the present life nothing goes to it by any road
//! ([`PeerRow::heard_in`]), and when it says it, the lines of this life go behind what it has read, in their order.
//!
//! Invariant: a line that this node knows of has one place, and no peer has passed that place before it was given the line.

use base::signing::KeyId;

use crate::rows::{Effect, Lane, PeerRow};

/// Most places of a lane that a restore may have lost.
const PLACES_LOST_MAX: u64 = 1 << 40;

/// Most lines that are moved for a peer which has read more than it was given, where no restore explains it: it may say so with
/// every word. A restore explains it once.
const LINES_MOVED_MAX: u64 = 16_384;

impl PeerRow {
    /// How far the peer has read is this, said to the present life.
    pub(crate) fn has_read(&mut self, peer: &KeyId, cursors: [u64; 2], life: u64) -> Vec<Effect> {
        let restored = self.heard_in != life;
        let mut moved = Vec::new();
        for ((lane, cursor), before) in Lane::QUEUES.into_iter().zip(cursors).zip(self.before) {
            let Some(queue) = self.queue_mut(lane) else { continue };
            // The last line that it can have read, of those that are known here. Without a restore the node was put back in another
            // way, nobody knows to when: what it had read then comes again, and is known to it.
            let after = match restored {
                true => before,
                false if queue.last.saturating_sub(queue.acked) <= LINES_MOVED_MAX => queue.acked,
                false => queue.last,
            };
            let lost = cursor.saturating_sub(if restored { before } else { queue.last });
            if lost > 0 && lost < PLACES_LOST_MAX {
                let (upto, by) = (queue.last, cursor.saturating_sub(after));
                if upto > after {
                    moved.push(Effect::MoveLines { peer: *peer, lane, after, upto, by });
                }
                queue.last = upto.saturating_add(by);
            }
            queue.acked = cursor.min(queue.last);
        }
        self.heard_in = life;
        moved
    }

    /// The peer has read at least this far, said to the present life.
    pub(crate) fn acknowledges(&mut self, peer: &KeyId, cursors: [u64; 2], life: u64) -> Vec<Effect> {
        let mut further = cursors;
        if self.heard_in == life {
            for (cursor, queue) in further.iter_mut().zip(&self.queues) {
                *cursor = queue.acked.max(*cursor);
            }
        }
        self.has_read(peer, further, life)
    }
}

#[cfg(test)]
#[path = "places_tests.rs"]
mod tests;
