//! The one place that signs heads, and that refuses to sign a smaller or inconsistent one.
//!
//! A member that has ever signed two heads of which neither continues the other has forked its ledger, and anyone can prove
//! it. So the keeper knows the last head that was signed, and signs another only with the proof that it continues it. What
//! it signs must be stored before it is shown to anyone; the caller does that in the commit that makes the leaves true.
//!
//! Invariant: the sizes of the heads of one keeper never fall, and each continues the one before.

use base::signing::Signer;

use crate::checkpoint::{Checkpoint, CheckpointError, Origin, SignedCheckpoint};
use crate::note::{KeyKind, Note, NoteKey};
use crate::proof::{ProofError, TreeHead, verify_consistency};

/// Why a head was not signed. Nothing changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeadError {
    /// It has fewer leaves than one that was signed.
    #[error("a head of {asked} leaves was not signed: one of {signed} leaves has been")]
    Smaller {
        /// Leaves asked for.
        asked: u64,
        /// Leaves of the head signed last.
        signed: u64,
    },
    /// It does not continue one that was signed.
    #[error(
        "a head of {asked} leaves was not signed: it does not continue that of {signed} leaves: {reason}"
    )]
    Inconsistent {
        /// Leaves asked for.
        asked: u64,
        /// Leaves of the head signed last.
        signed: u64,
        /// What is wrong with the proof.
        reason: ProofError,
    },
    /// The stored head is not one this key signed.
    #[error("cannot go on from the stored head: {0}")]
    Stored(#[from] CheckpointError),
}

/// Who signs the heads of one ledger.
#[derive(Clone, Debug)]
pub struct HeadKeeper {
    origin: Origin,
    key: NoteKey,
    signed: Option<TreeHead>,
}

impl HeadKeeper {
    /// The keeper of a ledger that has signed no head yet.
    #[must_use]
    pub fn new(origin: Origin, signer: &dyn Signer) -> Self {
        let key = NoteKey::new(origin.key_name().clone(), KeyKind::Ed25519, signer.public_key());
        Self { origin, key, signed: None }
    }

    /// The keeper of a ledger whose last head was stored; `earlier` are keys the member had before.
    ///
    /// # Errors
    /// `Stored` when the stored head is of another ledger or by another key.
    pub fn resume(
        origin: Origin,
        signer: &dyn Signer,
        stored: &SignedCheckpoint,
        earlier: &[NoteKey],
    ) -> Result<Self, HeadError> {
        let mut keeper = Self::new(origin, signer);
        let mut keys = vec![keeper.key.clone()];
        keys.extend_from_slice(earlier);
        keeper.signed = Some(stored.verify(&keeper.origin, &keys)?);
        Ok(keeper)
    }

    /// The head signed last.
    #[must_use]
    pub const fn signed(&self) -> Option<TreeHead> {
        self.signed
    }

    /// The key the heads are signed with.
    #[must_use]
    pub const fn key(&self) -> &NoteKey {
        &self.key
    }

    /// The ledger.
    #[must_use]
    pub const fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Checks that `head` may be signed: `proof` shows that it continues the head signed last.
    ///
    /// # Errors
    /// `Smaller` and `Inconsistent`.
    pub fn check(&self, head: TreeHead, proof: &[crate::TreeHash]) -> Result<(), HeadError> {
        let Some(signed) = self.signed else { return Ok(()) };
        if head.size < signed.size {
            return Err(HeadError::Smaller { asked: head.size, signed: signed.size });
        }
        verify_consistency(signed, head, proof).map_err(|reason| HeadError::Inconsistent {
            asked: head.size,
            signed: signed.size,
            reason,
        })
    }

    /// Signs `head`, which `proof` shows to continue the head signed last (empty when there is none).
    ///
    /// # Errors
    /// `Smaller` and `Inconsistent`; nothing was signed.
    pub fn sign(
        &mut self,
        head: TreeHead,
        proof: &[crate::TreeHash],
        signer: &dyn Signer,
    ) -> Result<SignedCheckpoint, HeadError> {
        self.check(head, proof)?;
        let checkpoint = Checkpoint { origin: self.origin.clone(), head, extensions: Vec::new() };
        let note = Note::sign(checkpoint.to_string(), self.origin.key_name().clone(), signer)
            .map_err(CheckpointError::from)?;
        let signed = SignedCheckpoint::from_note(note)?;
        self.signed = Some(head);
        Ok(signed)
    }
}

#[cfg(test)]
#[path = "head_tests.rs"]
mod tests;
