//! The one value that every step needs: who this node is, whom it asks, and what time it is.

use base::signing::KeyId;
use base::{Micros, Rng};
use ledger::checkpoint::Origin;
use ledger::note::{KeyKind, NoteKey};

use crate::port::{Directory, Judge, Me};

/// The steps of exchange, at one moment.
#[derive(Clone, Copy)]
pub struct Exchange<'a> {
    /// Who this node is.
    pub me: &'a Me,
    /// Who is a member.
    pub directory: &'a dyn Directory,
    /// What handling says.
    pub judge: &'a dyn Judge,
    /// Randomness.
    pub rng: &'a dyn Rng,
    /// The present moment.
    pub now: Micros,
    /// Most leaves of ledgers in a turn, and in each of the parts that a parcel or file holds; at most [`base::limit::HEAD_LEAVES_MAX`].
    pub leaves_max: usize,
}

impl Exchange<'_> {
    /// The keys that may have signed heads of a member's ledger.
    pub(crate) fn ledger_keys(&self, member: &KeyId) -> Vec<NoteKey> {
        self.note_keys(member, KeyKind::Ed25519)
    }

    /// The keys a member may have cosigned with.
    pub(crate) fn witness_keys(&self, member: &KeyId) -> Vec<NoteKey> {
        self.note_keys(member, KeyKind::Cosignature)
    }

    fn note_keys(&self, member: &KeyId, kind: KeyKind) -> Vec<NoteKey> {
        let name = Origin::of_member(member).key_name().clone();
        self.directory.keys(member).into_iter().map(|key| NoteKey::new(name.clone(), kind, key)).collect()
    }
}
