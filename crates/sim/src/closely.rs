//! One step at a time, for tests that look closely.

use base::signing::KeyId;
use federation::{CourierError, Effect, Received, Rows, Sealed};

use crate::message::Message;
use crate::world::{World, life_of};

impl World {
    /// What a member would send another now.
    pub fn outgoing(&mut self, from: &KeyId, to: &KeyId) -> Vec<Sealed> {
        let batch = self.with(from, |node, around| {
            node.transact(around, |exchange, write| exchange.outgoing(&write.rows, to).expect("maps answer"))
        });
        batch.unwrap_or_default()
    }

    /// A member takes the heads that another knows.
    pub fn tell_heads(&mut self, from: &KeyId, to: &KeyId) {
        let known = self.nodes[to].rows.mirrored().expect("maps answer").into_iter().map(|member| {
            let mirror = self.nodes[to].rows.mirror(&member).expect("maps answer");
            (member, mirror.map_or(0, |row| row.size))
        });
        let known = known.collect();
        let updates = self.with(from, |node, around| {
            node.transact(around, |exchange, write| {
                exchange.heads_for(&write.rows, &known, None).expect("maps answer")
            })
        });
        let bytes = federation::HeadUpdate::to_bytes(&updates.unwrap_or_default());
        let from = *from;
        self.with(to, |node, around| node.hear(around, from, Message::Heads(bytes)));
    }

    /// A member takes one envelope, without closing a batch.
    pub fn receive(&mut self, member: &KeyId, sealed: &Sealed) -> Received {
        let received = self.with(member, |node, around| {
            node.transact(around, |exchange, write| {
                let received = exchange.receive(&write.rows, sealed).expect("maps answer");
                write.apply(received.effects.clone());
                received
            })
        });
        received.expect("nothing crashes here")
    }

    /// A courier file of everything that waits for a peer.
    pub fn courier_out(&mut self, from: &KeyId, to: &KeyId) -> Option<Vec<u8>> {
        self.with(from, |node, around| node.courier_out(around, *to))
    }

    /// A member takes a courier file; whether it had the time to, before a crash.
    ///
    /// # Errors
    /// The file is not taken.
    pub fn courier_in(&mut self, member: &KeyId, file: Vec<u8>) -> Result<bool, CourierError> {
        self.with(member, |node, around| node.courier_in(around, file))
    }

    /// A member believes that a peer has everything, as when a courier file is under way.
    pub fn pretend_acknowledged(&mut self, member: &KeyId, peer: &KeyId) {
        let mut row = self.nodes[member].rows.peer(peer).expect("maps answer");
        for queue in &mut row.queues {
            queue.acked = queue.last;
        }
        self.node(member).rows.apply(Effect::Peer(*peer, row));
    }

    /// A member goes back to its backup.
    pub fn restore(&mut self, member: &KeyId) {
        self.restored.insert(*member);
        // What was on its way to the node that died went with its connections.
        self.flights.retain(|flight| flight.to != *member);
        self.with(member, |node, around| node.restore(around));
        self.lives.insert(*member, life_of(&self.nodes[member].rows));
    }

    /// An operator does not wait any longer for another member, in a recovery.
    pub fn leave_out(&mut self, member: &KeyId, other: KeyId) {
        self.with(member, |node, around| {
            node.transact(around, |exchange, write| {
                if let Ok(effects) = exchange.leave_out(&write.rows, other).expect("maps answer") {
                    write.apply(effects);
                    write.apply(exchange.advance(&write.rows).expect("maps answer"));
                }
            })
        });
    }

    /// Acts that a member has waited for too long to see in a ledger.
    pub fn overdue(&mut self, member: &KeyId) -> Vec<(KeyId, u64)> {
        let overdue = self.with(member, |node, around| {
            node.transact(around, |exchange, write| exchange.overdue(&write.rows).expect("maps answer"))
        });
        overdue.unwrap_or_default()
    }
}
