//! The member's own ledger: its key, its head and tiles for everyone, and proofs for those who may know of the object.
//!
//! The ledger is opened before the first commit of this process, which compares the head signed last with what is stored;
//! from then on the store writes a leaf with every object that comes in. A proof shows the object itself, so it is made only
//! for who may read the object, and only of the act by which just this version came in.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use base::Redacted;
use base::signing::{PublicKey, Signer, SigningKey};
use handling::Principal;
use ledger::act::Act;
use ledger::checkpoint::SignedCheckpoint;
use ledger::proof_file::ProofFile;
use ledger::tile::{Tile, TilePath};
use store::{Fault, LeafRow, LedgerAuthor, StoreError, StoredObject};
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use crate::{Node, ReadError};

/// The setting that holds the seeds of the member's signing keys, oldest first, in hexadecimal, one a line.
const SIGNING_SEEDS: &str = "signing-seeds";
/// Acts about one object that are read at once.
const ACTS_AT_ONCE: usize = 500;

/// Whether this process has opened the ledger.
#[derive(Debug)]
pub(crate) struct OwnLedger {
    open: AtomicBool,
    turn: Semaphore,
}

impl Default for OwnLedger {
    fn default() -> Self {
        Self { open: AtomicBool::new(false), turn: Semaphore::new(1) }
    }
}

/// Why nothing was proven.
#[derive(Debug, thiserror::Error)]
pub enum ProveError {
    /// Not for this principal, or the store failed.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// No act of this version is in the ledger.
    #[error("the ledger has no act about this version: it came in before the ledger was kept")]
    NotInLedger,
    /// What is stored of the act cannot be put together.
    #[error("cannot put the proof together: {0}")]
    Unfit(String),
}

impl ProveError {
    /// Stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Read(error) => error.code(),
            Self::NotInLedger => "not-in-ledger",
            Self::Unfit(_) => "store-damaged",
        }
    }

    /// Whose fault it is.
    #[must_use]
    pub const fn fault(&self) -> Fault {
        match self {
            Self::Read(error) => error.fault(),
            Self::NotInLedger => Fault::Caller,
            Self::Unfit(_) => Fault::Operator,
        }
    }
}

impl From<StoreError> for ProveError {
    fn from(error: StoreError) -> Self {
        Self::Read(error.into())
    }
}

impl Node {
    /// Opens the member's ledger, once: every object that comes in from now on leaves a leaf. Makes the member's key where
    /// there is none yet. Does nothing before the node has a member.
    ///
    /// # Errors
    /// The store failed, or the stored head is not that of the stored leaves (`Damaged`): then nothing is written.
    pub async fn keep_ledger(&self) -> Result<(), StoreError> {
        if self.0.own_ledger.open.load(Ordering::Acquire) || self.member().await?.is_none() {
            return Ok(());
        }
        self.take_up_ledger().await
    }

    /// As [`Node::keep_ledger`], whether there is a member or not: for the one deed that makes it.
    pub(crate) async fn take_up_ledger(&self) -> Result<(), StoreError> {
        let own = &self.0.own_ledger;
        let turn = own.turn.acquire().await;
        let _turn = turn.map_err(|_| StoreError::Backend("the node is closing".into()))?;
        if own.open.load(Ordering::Acquire) {
            return Ok(());
        }
        let mut keys = self.ledger_keys().await?;
        if keys.is_empty() {
            keys.push(self.first_ledger_key().await?);
        }
        let publics: Vec<PublicKey> = keys.iter().map(Signer::public_key).collect();
        let (Some(first), Some(current)) = (publics.first(), keys.pop()) else { return Ok(()) };
        let author = LedgerAuthor {
            member: first.id(),
            community: String::new(),
            signer: Arc::new(current),
            earlier: publics,
            rng: Arc::clone(&self.0.rng),
        };
        self.0.store.keep_ledger(author).await?;
        own.open.store(true, Ordering::Release);
        Ok(())
    }

    /// The member's signing keys, oldest first: the first names the member, the last signs.
    async fn ledger_keys(&self) -> Result<Vec<SigningKey>, StoreError> {
        let kept = Redacted::new(self.0.store.setting(SIGNING_SEEDS).await?.unwrap_or_default());
        kept.expose().lines().map(read_seed).collect()
    }

    async fn first_ledger_key(&self) -> Result<SigningKey, StoreError> {
        let key = SigningKey::generate(self.rng());
        let line = Zeroizing::new(format!("{}\n", hex::encode(key.seed().expose().as_slice())));
        self.0.store.set_setting(SIGNING_SEEDS, &line).await?;
        Ok(key)
    }

    /// The head of the ledger as a signed note, for everyone; `None` before the ledger was first kept.
    ///
    /// # Errors
    /// The store failed.
    pub async fn checkpoint(&self) -> Result<Option<String>, StoreError> {
        self.0.store.ledger_head().await
    }

    /// A tile of the ledger, for everyone: hashes alone. `None` when the tree is not that large.
    ///
    /// # Errors
    /// The store failed.
    pub async fn ledger_tile(&self, path: TilePath) -> Result<Option<Tile>, StoreError> {
        self.0.store.ledger_tile(path).await
    }

    /// The proof that the tree of `new` leaves continues that of `old`, for everyone: it can be had from the tiles too.
    ///
    /// # Errors
    /// `NotFound` when the ledger has fewer leaves, or `old` is the larger; or the store failed.
    pub async fn ledger_consistency(&self, old: u64, new: u64) -> Result<Vec<ledger::TreeHash>, ReadError> {
        Ok(self.0.store.ledger_consistency(old, new).await?)
    }

    /// Everything that proves to a stranger how an object came in here: the latest version, or the one named.
    ///
    /// # Errors
    /// See [`ProveError`]; `Read` when this principal may not know of the object.
    pub async fn prove(
        &self,
        who: &Principal,
        id: &str,
        version: Option<&str>,
    ) -> Result<ProofFile, ProveError> {
        let object = self.object(who, id, version).await?.into_inner();
        let key = self.ledger_keys().await?.pop().ok_or(ProveError::NotInLedger)?;
        let row = self.act_of(&object).await?.ok_or(ProveError::NotInLedger)?;
        let proven = self.0.store.proven_leaf(row.sequence).await?;
        let unfit = |error: &dyn std::fmt::Display| ProveError::Unfit(error.to_string());
        let act = Act::parse(&proven.leaf.header).map_err(|error| unfit(&error))?;
        Ok(ProofFile {
            act: act.sign(&key).map_err(|error| unfit(&error))?,
            key: key.public_key(),
            payload: proven.leaf.salt.map(|salt| (salt, object.bytes.to_vec())),
            index: proven.leaf.sequence,
            hashes: proven.hashes,
            checkpoint: SignedCheckpoint::parse(proven.head.as_bytes()).map_err(|error| unfit(&error))?,
        })
    }

    /// The last act that commits to exactly these bytes.
    async fn act_of(&self, object: &StoredObject) -> Result<Option<LeafRow>, StoreError> {
        let (mut found, mut after) = (None, None);
        loop {
            let rows = self.0.store.leaves_about(&object.id, after, ACTS_AT_ONCE).await?;
            let Some(last) = rows.last().map(|row| row.sequence) else { return Ok(found) };
            after = Some(last);
            found = rows.into_iter().rfind(|row| commits_to(row, &object.bytes)).or(found);
        }
    }
}

fn read_seed(line: &str) -> Result<SigningKey, StoreError> {
    let mut seed = Zeroizing::new([0; 32]);
    hex::decode_to_slice(line, seed.as_mut_slice())
        .map_err(|_| StoreError::Damaged("a key of the member cannot be read".into()))?;
    Ok(SigningKey::from_seed(&seed))
}

fn commits_to(row: &LeafRow, bytes: &[u8]) -> bool {
    let header = Act::parse(&row.header);
    let committed = header.ok().and_then(|act| act.header().payload);
    row.salt.is_some_and(|salt| committed == Some(salt.commit(bytes)))
}
