//! A head whose leaves do not fit into one message comes in parts: the first leaves that the other lacks, and the proof that the
//! head begins with them.
//!
//! Each part is verified when it comes, so nothing is kept on trust. What has come is held ahead of the ledger's head here, which stays
//! the last whole one: that alone is cosigned, told to others and counted under an act. When the rest has come the larger head takes its
//! place. Should its ledger go another way meanwhile, the leaves ahead are let go; nobody has relied on them.

use std::collections::BTreeMap;

use base::limit::HEADS_MAX;
use base::signing::KeyId;
use ledger::TreeHash;
use ledger::proof::{TreeHead, prefix_roots, root_at};

use crate::Exchange;
use crate::grown::Grown;
use crate::heads::{HeadOutcome, Kept, broken};
use crate::port::{Read, Rows, TilesOf};
use crate::rows::Effect;
use crate::wire::HeadUpdate;

/// Bytes that are kept free for what comes with the leaves of a head: its note with the lines of its witnesses, and proofs.
const BESIDE_LEAVES_BYTES: usize = 64 * 1024;

/// What the leaves of an update, behind those held, are of its head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fit {
    /// With them the ledger is the head's.
    Whole,
    /// With them it is the beginning of the head's.
    Part,
    /// They are not the head's.
    No,
}

impl Exchange<'_> {
    /// What a peer lacks of ledgers that knows them up to the sizes in `known`, within so many bytes: as many parts of one, one
    /// behind the other, as there is room for, and no more of all than one message holds. For roads on which an answer is long in coming.
    ///
    /// # Errors
    /// The store did not answer.
    pub(crate) fn heads_within(
        &self,
        rows: &dyn Rows,
        known: &BTreeMap<KeyId, u64>,
        bytes: usize,
    ) -> Read<Vec<HeadUpdate>> {
        let (mut known, mut room, mut updates) = (known.clone(), bytes, Vec::new());
        loop {
            let leaves = room.saturating_sub(BESIDE_LEAVES_BYTES).checked_div(size_of::<TreeHash>());
            let more =
                self.heads_with(rows, (&known, None), leaves.unwrap_or_default().min(self.leaves_max))?;
            let mut is_part = false;
            for update in more.into_iter().filter(|update| update.upto() > update.old) {
                if updates.len() >= HEADS_MAX {
                    // More do not read.
                    return Ok(updates);
                }
                let length = HeadUpdate::to_bytes(std::slice::from_ref(&update)).len();
                let Some(left) = room.checked_sub(length) else { return Ok(updates) };
                room = left;
                is_part |= update.is_part();
                known.insert(update.origin, update.upto());
                updates.push(update);
            }
            if !is_part {
                return Ok(updates);
            }
        }
    }

    /// What `added` leaves behind the `held` ones are of an update's head.
    pub(crate) fn fit(
        &self,
        rows: &dyn Rows,
        (update, head): (&HeadUpdate, TreeHead),
        (held, added): (u64, &[TreeHash]),
    ) -> Read<Fit> {
        let upto = held.saturating_add(u64::try_from(added.len()).unwrap_or(u64::MAX));
        if upto > head.size {
            return Ok(Fit::No);
        }
        let grown = Grown { rows, member: update.origin, stored: held, added };
        let root = root_at(&grown, upto).map_err(|error| broken(&error))?;
        if upto == head.size {
            return Ok(if root == head.root { Fit::Whole } else { Fit::No });
        }
        let begins = prefix_roots(upto, head.size, &update.rest) == Ok((root, head.root));
        Ok(if begins { Fit::Part } else { Fit::No })
    }

    /// Leaves that begin a larger head are held ahead of the ledger's head here.
    pub(crate) fn hold_ahead(&self, member: KeyId, (from, leaves): (u64, &[TreeHash])) -> HeadOutcome {
        if leaves.is_empty() {
            return HeadOutcome::only(Kept::OtherSize);
        }
        let effects = vec![Effect::Ahead { member, from, leaves: leaves.to_vec() }];
        HeadOutcome { kept: Kept::Part, effects }
    }

    /// A head does not go with the leaves held ahead of the ledger's `size` leaves. They are let go when the head proves that they are
    /// not its own, by itself or by the proof that comes with it.
    pub(crate) fn let_go_ahead(
        &self,
        rows: &dyn Rows,
        (update, head): (&HeadUpdate, TreeHead),
        (size, held): (u64, u64),
    ) -> Read<HeadOutcome> {
        let tiles = TilesOf { rows, member: update.origin };
        let root = |size| root_at(&tiles, size).map_err(|error| broken(&error));
        let others = if head.size <= held {
            root(head.size)? != head.root
        } else {
            match prefix_roots(held, head.size, &update.prefix) {
                Ok((before, after)) => update.old == held && after == head.root && before != root(held)?,
                Err(_) => false,
            }
        };
        if !others {
            return Ok(HeadOutcome::only(Kept::Unsound));
        }
        let effects = vec![Effect::Ahead { member: update.origin, from: size, leaves: Vec::new() }];
        Ok(HeadOutcome { kept: Kept::OtherSize, effects })
    }
}
