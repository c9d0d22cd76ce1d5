//! The member's ledger as it is stored: acts, the tree over them, and the last head.
//!
//! A leaf is written in the very transaction of what it says was done, and a head is signed over the leaves of each commit
//! before that commit is durable; so what is acknowledged is in the ledger, and a head never says more or less than what is
//! stored. Leaves are never changed and never taken away; only salts are, by erasure.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use base::Rng;
use base::signing::{KeyId, PublicKey, Signer};
use ledger::TreeHash;
use ledger::commitment::Salt;
use ledger::tile::{Tile, TilePath};

use crate::StoreError;

/// Whose ledger it is, and what writing it needs.
#[derive(Clone)]
pub struct LedgerAuthor {
    /// The member: the id of its first key.
    pub member: KeyId,
    /// The community its acts are done in; empty before there is one.
    pub community: String,
    /// The key that signs heads.
    pub signer: Arc<dyn Signer>,
    /// Keys that signed its heads before.
    pub earlier: Vec<PublicKey>,
    /// Where salts come from.
    pub rng: Arc<dyn Rng>,
}

impl fmt::Debug for LedgerAuthor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = self.signer.public_key();
        f.debug_struct("LedgerAuthor")
            .field("member", &self.member)
            .field("key", &key)
            .finish_non_exhaustive()
    }
}

/// One act as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeafRow {
    /// Its place in the ledger, from 0.
    pub sequence: u64,
    /// The exact bytes of its header.
    pub header: Vec<u8>,
    /// The salt of its payload's commitment; `None` once it was erased.
    pub salt: Option<Salt>,
}

/// An act with what proves it: all of one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvenLeaf {
    /// The act.
    pub leaf: LeafRow,
    /// Hashes from its sibling up to the root's child.
    pub hashes: Vec<TreeHash>,
    /// The head that covers it, as a signed note.
    pub head: String,
}

/// The member's ledger.
#[async_trait]
pub trait Leaves: Send + Sync {
    /// Has every commit from now on written into the ledger of `author`. Before that, commits leave no leaf. The first time
    /// it signs the head of the empty tree. Opening again, as after a change of keys, is allowed.
    ///
    /// # Errors
    /// `Damaged` when the stored head is not one of this member, or is not that of the stored leaves: then nothing is
    /// signed, because a smaller or another head would be a fork.
    async fn keep_ledger(&self, author: LedgerAuthor) -> Result<(), StoreError>;
    /// Leaves in the ledger.
    async fn leaf_count(&self) -> Result<u64, StoreError>;
    /// The head signed last, as a note; `None` before the ledger was first kept.
    async fn ledger_head(&self) -> Result<Option<String>, StoreError>;
    /// A tile of hashes with exactly the asked width; `None` when the tree is not that large.
    async fn ledger_tile(&self, path: TilePath) -> Result<Option<Tile>, StoreError>;
    /// Acts about an object, oldest first, after `after`, at most `limit`. For those who may know of the object.
    async fn leaves_about(
        &self,
        object: &str,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<LeafRow>, StoreError>;
    /// Acts before the one at `before`, newest first, at most `limit`; without it from the last on. An act that a restore lost has no header.
    async fn leaves_before(&self, before: Option<u64>, limit: usize) -> Result<Vec<LeafRow>, StoreError>;
    /// An act and its proof in the last head. `NotFound` when there is no such leaf.
    async fn proven_leaf(&self, sequence: u64) -> Result<ProvenLeaf, StoreError>;
    /// The proof that the tree of `new` leaves continues that of `old`. `NotFound` when there are fewer leaves.
    async fn ledger_consistency(&self, old: u64, new: u64) -> Result<Vec<TreeHash>, StoreError>;
}
