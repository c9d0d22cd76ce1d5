//! The member's own ledger: its key, its head and tiles for everyone, and proofs for those who may know of the object.
//!
//! The ledger is opened before the first commit of this process, which compares the head signed last with what is stored,
//! and again when the registry names another key for this member; from then on the store writes a leaf with every object that comes in. A proof shows the object itself, so it is made only
//! for who may read the object, and only of the act by which just this version came in.

use std::sync::{Arc, Mutex, PoisonError};

use base::signing::{KeyId, PublicKey, Signer, SigningKey};
use handling::Principal;
use ledger::act::{Act, ActKind, ActObject};
use ledger::checkpoint::SignedCheckpoint;
use ledger::proof_file::ProofFile;
use ledger::tile::{Tile, TilePath};
use serde::Serialize;
use stix::Timestamp;
use store::{Fault, LeafRow, LedgerAuthor, StoreError, StoredObject};
use tokio::sync::Semaphore;

use crate::community::Table;
use crate::upkeep::may_know_totals;
use crate::{ExchangeError, Node, ReadError, UpkeepError};

/// Acts about one object that are read at once.
const ACTS_AT_ONCE: usize = 500;

/// In whose name the ledger is to be written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Pen {
    /// The key that the registry names for this member; `None` = this node is no member of a community.
    key: Option<KeyId>,
    /// The community; empty while there is none.
    community: String,
}

/// How this process has opened the ledger.
#[derive(Debug)]
pub(crate) struct OwnLedger {
    open: Mutex<Option<Pen>>,
    turn: Semaphore,
}

impl OwnLedger {
    fn is_open_for(&self, pen: &Pen) -> bool {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).as_ref() == Some(pen)
    }

    fn opened_for(&self, pen: Pen) {
        *self.open.lock().unwrap_or_else(PoisonError::into_inner) = Some(pen);
    }
}

impl Default for OwnLedger {
    fn default() -> Self {
        Self { open: Mutex::default(), turn: Semaphore::new(1) }
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
    /// The act by which this version came in commits to other bytes than are stored.
    #[error(
        "the ledger's act about this version commits to other bytes than are stored: they were changed after they came in; restore the last backup"
    )]
    Altered,
    /// Nobody was given this version by this member's own word.
    #[error("nobody was given this version by this member, so nobody has signed for it")]
    NeverGiven,
    /// Its act has come before a head that covers it.
    #[error("no head that is known here covers this act yet")]
    Uncovered,
    /// A member has not signed that it did something.
    #[error("{0} has signed no receipt for this act")]
    NoReceipt(String),
    /// The node has nothing to do with other members, or knows no such one.
    #[error(transparent)]
    Between(Box<ExchangeError>),
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
            Self::Altered => "bytes-altered",
            Self::NeverGiven => "never-given",
            Self::Uncovered => "act-uncovered",
            Self::NoReceipt(_) => "receipt-none",
            Self::Between(error) => error.code(),
            Self::Unfit(_) => "store-damaged",
        }
    }

    /// Whose fault it is.
    #[must_use]
    pub const fn fault(&self) -> Fault {
        match self {
            Self::Read(error) => error.fault(),
            Self::Between(error) => error.fault(),
            Self::NotInLedger | Self::NeverGiven | Self::Uncovered | Self::NoReceipt(_) => Fault::Caller,
            Self::Altered | Self::Unfit(_) => Fault::Operator,
        }
    }
}

/// An act of this member, as it is told to whoever runs or audits the node: what was done and when, and nothing of what it was about.
///
/// # Shape
/// As JSON `{"leaf","kind","at"}`; of an act that a restore has lost, `kind` and `at` are null.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ActView {
    /// Its place in the ledger, from 0.
    pub leaf: u64,
    /// What was done.
    pub kind: Option<String>,
    /// When, by this node's clock (RFC 3339).
    pub at: Option<String>,
}

impl From<StoreError> for ProveError {
    fn from(error: StoreError) -> Self {
        Self::Read(error.into())
    }
}

impl Node {
    /// Opens the member's ledger: every object that comes in from now on leaves a leaf. Makes the member's key where there is
    /// none yet. Opens it anew when the registry names another key for this member, by which heads are signed from then on,
    /// and when the member comes into a community. Does nothing else once it is open, nor before the node has a member.
    ///
    /// # Errors
    /// The store failed, or the stored head is not that of the stored leaves (`Damaged`): then nothing is written.
    pub async fn keep_ledger(&self) -> Result<(), StoreError> {
        if self.0.own_ledger.is_open_for(&self.pen(&self.community_table().await?)) {
            return self.answer_restore().await;
        }
        if self.member().await?.is_none() {
            return Ok(());
        }
        self.take_up_ledger().await
    }

    /// As [`Node::keep_ledger`], whether there is a member or not: for the one deed that makes it.
    pub(crate) async fn take_up_ledger(&self) -> Result<(), StoreError> {
        let own = &self.0.own_ledger;
        let turn = own.turn.acquire().await;
        let _turn = turn.map_err(|_| StoreError::Backend("the node is closing".into()))?;
        let table = self.community_table().await?;
        let pen = self.pen(&table);
        if own.is_open_for(&pen) {
            return Ok(());
        }
        let keys = self.signing_keys().await?;
        let Some(first) = keys.first().map(Signer::public_key) else { return Ok(()) };
        let current = self.member_signer().await?;
        let earlier = ledger_keys(&keys, table.as_deref());
        let author = LedgerAuthor {
            member: first.id(),
            community: pen.community.clone(),
            signer: Arc::new(current),
            earlier,
            rng: Arc::clone(&self.0.rng),
        };
        self.0.store.keep_ledger(author).await?;
        own.opened_for(pen);
        self.answer_restore().await
    }

    fn pen(&self, table: &Option<Arc<Table>>) -> Pen {
        let member = table.as_ref().filter(|table| table.is_member());
        let pen = member.map(|table| Pen {
            key: table.own_key(self.now()).map(|key| key.id()),
            community: table.registry.id().to_string(),
        });
        pen.unwrap_or_default()
    }

    /// The head of the ledger as a signed note, for everyone; `None` before the ledger was first kept.
    ///
    /// # Errors
    /// The store failed, or a restored node has not yet got back the leaves that it lost.
    pub async fn checkpoint(&self) -> Result<Option<String>, StoreError> {
        if self.is_recovering() {
            // What is stored may be smaller than what has been shown before.
            return Err(StoreError::Recovering);
        }
        self.0.store.ledger_head().await
    }

    /// The keys by which heads of this ledger are signed, or ever were: the member's, also those that it has replaced.
    ///
    /// # Errors
    /// The store failed.
    pub async fn ledger_keys(&self) -> Result<Vec<PublicKey>, StoreError> {
        let table = self.community_table().await?;
        Ok(ledger_keys(&self.signing_keys().await?, table.as_deref()))
    }

    /// Leaves in the ledger.
    ///
    /// # Errors
    /// The store failed.
    pub async fn leaves(&self) -> Result<u64, StoreError> {
        self.0.store.leaf_count().await
    }

    /// What this member did, newest first, before the act at `before`, at most `limit`: for administrators and auditors. Which object an act is
    /// about is told to those who see that ([`Node::prove`]).
    ///
    /// # Errors
    /// Not for this principal, or the store failed.
    pub async fn acts(
        &self,
        who: &Principal,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<ActView>, UpkeepError> {
        may_know_totals(who)?;
        let rows = self.0.store.leaves_before(before, limit).await?;
        let views = rows.into_iter().map(|row| {
            let act = Act::parse(&row.header).ok();
            let header = act.as_ref().map(Act::header);
            ActView {
                leaf: row.sequence,
                kind: header.map(|header| header.kind.to_string()),
                at: header.map(|header| Timestamp::text_of(header.at)),
            }
        });
        Ok(views.collect())
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

    /// Everything that proves to a stranger how an object came in here: the latest version, or the one named. Of what another member
    /// gave it is what this node signed for; of what stands here no more, the last that was said of it.
    ///
    /// # Errors
    /// See [`ProveError`]; `Read` when this principal may not know of the object.
    pub async fn prove(
        &self,
        who: &Principal,
        id: &str,
        version: Option<&str>,
    ) -> Result<ProofFile, ProveError> {
        let object = match self.object(who, id, version).await {
            Ok(object) => object.into_inner(),
            Err(error) => match self.last_word_on(who, id).await? {
                Some(leaf) if version.is_none() => return self.prove_own(leaf).await,
                _ => return Err(error.into()),
            },
        };
        match self.act_of(&object).await? {
            Committed::To(leaf) => self.signed_proof(leaf, Some(&object.bytes)).await,
            other => match (self.receipt_of(&object).await?, other) {
                (Some(leaf), _) => self.prove_own(leaf).await,
                (None, Committed::ToOthers) => Err(ProveError::Altered),
                (None, _) => Err(ProveError::NotInLedger),
            },
        }
    }

    /// The file that proves an own act by its header, which is signed now; with its payload where the object's bytes are given.
    pub(crate) async fn signed_proof(
        &self,
        leaf: u64,
        object: Option<&[u8]>,
    ) -> Result<ProofFile, ProveError> {
        let key = self.member_signer().await?;
        let proven = self.0.store.proven_leaf(leaf).await?;
        let unfit = |error: &dyn std::fmt::Display| ProveError::Unfit(error.to_string());
        let act = Act::parse(&proven.leaf.header).map_err(|error| unfit(&error))?;
        Ok(ProofFile {
            act: act.sign(&key).map_err(|error| unfit(&error))?,
            key: key.public_key(),
            payload: proven.leaf.salt.zip(object).map(|(salt, object)| (salt, object.to_vec())),
            index: proven.leaf.sequence,
            hashes: proven.hashes,
            checkpoint: SignedCheckpoint::parse(proven.head.as_bytes()).map_err(|error| unfit(&error))?,
        })
    }

    /// The place in the own ledger of the act by which others were given a version of an own object; of what stands here no more, of
    /// the last that was said of it.
    ///
    /// # Errors
    /// As [`Node::prove`].
    pub async fn leaf_of(&self, who: &Principal, id: &str, version: Option<&str>) -> Result<u64, ProveError> {
        match self.object(who, id, version).await {
            Ok(object) => {
                // Whoever sees another's word alone is not told what became of this member's.
                let seen = self.own_word_seen(who, id, version).await;
                let given = if seen.is_ok() { self.given_by(&object.into_inner()).await? } else { None };
                given.ok_or(ProveError::NeverGiven)
            }
            Err(error) => match self.last_word_on(who, id).await? {
                Some(leaf) if version.is_none() => Ok(leaf),
                _ => Err(error.into()),
            },
        }
    }

    /// What the acts about this version commit to; of several that commit to its bytes, the last.
    async fn act_of(&self, object: &StoredObject) -> Result<Committed, StoreError> {
        let (mut found, mut after) = (Committed::Nothing, None);
        loop {
            let rows = self.0.store.leaves_about(&object.id, after, ACTS_AT_ONCE).await?;
            let Some(last) = rows.last().map(|row| row.sequence) else { return Ok(found) };
            after = Some(last);
            found = rows.iter().map(|row| committed(row, object)).fold(found, Committed::max);
        }
    }
}

/// The member's keys, as they are kept here and as the registry has them.
fn ledger_keys(kept: &[SigningKey], table: Option<&Table>) -> Vec<PublicKey> {
    let mut keys: Vec<PublicKey> = kept.iter().map(Signer::public_key).collect();
    let known = table.and_then(|table| table.registry.member(table.me));
    keys.extend(known.map(community::Member::keys).unwrap_or_default());
    keys
}

/// What an act of the ledger says of a version's bytes; of two, the later that says more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Committed {
    /// Nothing: it is about another version, or its salt was erased.
    Nothing,
    /// It came in as other bytes.
    ToOthers,
    /// It is the act at this place that commits to them.
    To(u64),
}

fn committed(row: &LeafRow, object: &StoredObject) -> Committed {
    let Some((salt, act)) = row.salt.zip(Act::parse(&row.header).ok()) else { return Committed::Nothing };
    let header = act.header();
    let payload = header.payload;
    if payload == Some(salt.commit(&object.bytes)) {
        return Committed::To(row.sequence);
    }
    // The act of an arrival commits to the object itself; a receipt, which is of the same kind, to what was answered.
    let came_in = |about: &&ActObject| header.kind == ActKind::Received && payload == Some(about.digest);
    let about = header.object.as_ref().filter(came_in).map(|about| about.version.as_deref());
    if about.is_some_and(|version| version.is_none_or(|version| version == object.version)) {
        Committed::ToOthers
    } else {
        Committed::Nothing
    }
}
