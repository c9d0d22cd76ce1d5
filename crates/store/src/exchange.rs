//! The rows of exchange between members, in one transaction with the objects they are about.
//!
//! What is done towards others and what comes in from them is decided by `federation` over rows; a step that decides runs
//! inside the store's write transaction, and what it changes (rows, leaves of the ledger, objects in collections) becomes
//! true together or not at all. Steps that only look run over one moment of the rows.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use base::Micros;
use base::signing::KeyId;
use federation::{ConsentRow, Effect, RefusalRow, Rows};
use handling::{Addressee, CollectionNo, Mark, MemberId, Narrower, Originator, Rules, Writer};
use stix::ObjectId;

use crate::{Batch, Landed, PaperWork, StoreError};

/// Who writes the leaves of objects that a step adds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeavesBy {
    /// The store: one for each object that lands, as whenever objects come in.
    Store,
    /// The step: the acts it makes say it. What it adds is what members say, and is judged against versions by the word of the
    /// same originator alone: one member's word never stands for another's, nor in its way.
    Step,
}

/// A version that is past its retention.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Retired {
    /// STIX id.
    pub id: String,
    /// The version as written; empty for objects without.
    pub version: String,
    /// Whose word it was.
    pub originator: Originator,
}

/// A marking definition that had come to a collection, and what awaited it there: one for each collection, whose first definition may ask
/// something else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    /// The definition.
    pub definition: ObjectId,
    /// What it asks.
    pub mark: Mark,
    /// STIX ids of this member's objects of which versions are under what it asks from now on.
    pub objects: BTreeSet<String>,
}

/// Versions of an object by whose word they are here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionsOf<'a> {
    /// STIX id.
    pub id: &'a str,
    /// The version as written; empty for objects without, which have one version.
    pub version: &'a str,
    /// Whose word; `Here` also takes versions under no rules but those of their TLP level.
    pub originator: Originator,
    /// SHA-256 of their exact bytes; `None` = whatever they say.
    pub digest: Option<[u8; 32]>,
}

/// A version by this member's own word, where somebody sees it and may write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnCopy {
    /// SHA-256 of its exact bytes.
    pub digest: [u8; 32],
    /// SHA-256 of its content, in whichever bytes.
    pub content: [u8; 32],
    /// Byte-ordered form of `created`, where it has that.
    pub created_key: Option<String>,
    /// `created_by_ref`.
    pub creator: Option<String>,
}

/// A version by another member's word that an earlier build did not find when that member's deed reached it, and that stands as before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfinished {
    /// Whose word, and whose deed.
    pub author: KeyId,
    /// STIX id.
    pub id: String,
    /// The version as written.
    pub version: String,
    /// Whether exchange says that it is held, so that it was narrowed alone; else it was called back or erased.
    pub is_held: bool,
}

/// What a step has before it.
pub trait ExchangeDesk {
    /// The rows as they now are, for the steps of `federation`.
    fn rows(&self) -> &dyn Rows;
    /// Applies effects, in order.
    ///
    /// # Errors
    /// The store failed, or an effect contradicts what is stored; the whole step is given up then.
    fn apply(&mut self, effects: Vec<Effect>) -> Result<(), StoreError>;
    /// Writes and removes papers, as [`crate::Papers::file_papers`] does, in this step's commit.
    ///
    /// # Errors
    /// The store failed.
    fn file(&mut self, work: &PaperWork) -> Result<(), StoreError>;
    /// Adds objects, as [`crate::Objects::add`] does.
    ///
    /// # Errors
    /// Those of `add`.
    fn add(&mut self, batch: &Batch, leaves: LeavesBy) -> Result<Vec<Landed>, StoreError>;
    /// Removes what is past its retention at `now` from the collections, at most `most` places, and names it and as much of what
    /// members gave that is past it, and whose key goes of what was deleted by hand before: whose word each was. What other members gave is
    /// known again: a copy brought in by hand is refused.
    ///
    /// # Errors
    /// The store failed.
    fn retire(&mut self, now: Micros, most: usize) -> Result<Vec<Retired>, StoreError>;
    /// Whether versions stand in any collection.
    ///
    /// # Errors
    /// The store failed.
    fn stands(&self, versions: &VersionsOf<'_>) -> Result<bool, StoreError>;
    /// Names what other members' deeds left standing here in an earlier build, which did not find versions that have `created` alone by what
    /// exchange calls them: once in the life of a store, and nothing after the step that asked has been committed.
    ///
    /// # Errors
    /// The store failed.
    fn unfinished(&mut self) -> Result<Vec<Unfinished>, StoreError>;
    /// Removes versions from every collection. Answers with how many places they stood in; none is no error. That they stood
    /// there stays known: of another member's word a mark, by which a copy that comes in after an erasure is recognised; of this member's own the place.
    ///
    /// # Errors
    /// The store failed.
    fn take_away(&mut self, versions: &VersionsOf<'_>) -> Result<u64, StoreError>;
    /// Removes every version of an object by an originator's word from every collection. Answers with how many places they
    /// stood in; none is no error.
    ///
    /// # Errors
    /// The store failed.
    fn take_away_every(&mut self, id: &str, originator: &Originator) -> Result<u64, StoreError>;
    /// The versions of an object by this member's own word that stand in the writer's collection, as far as the writer may know of them,
    /// whatever they may be used for.
    ///
    /// # Errors
    /// The store failed.
    fn own_copies(&self, writer: &Writer, id: &str) -> Result<Vec<OwnCopy>, StoreError>;
    /// Addresses those of [`ExchangeDesk::own_copies`] with this identifier that have these bytes (SHA-256) to these addressees besides, each under its
    /// own rules otherwise, as far as these ask no less than the rules that it goes out under, whomever either is addressed to: who sees a looser
    /// copy alone is not to give these its rules. Answers with how many that are; none is no error.
    ///
    /// # Errors
    /// The store failed.
    fn widen_copies(
        &mut self,
        writer: &Writer,
        version: (&str, &[u8; 32]),
        more_and_out: (&BTreeSet<Addressee>, &Rules),
    ) -> Result<u64, StoreError>;
    /// Removes those of [`ExchangeDesk::own_copies`] that have the bytes (SHA-256) or the content of one of these, or every one, as
    /// [`ExchangeDesk::take_away`] does, and leaves what stands elsewhere; no backup brings back such copies that were deleted there before. Answers with how many; none is no error.
    ///
    /// # Errors
    /// The store failed.
    fn take_copies(
        &mut self,
        writer: &Writer,
        id: &str,
        which: Option<&BTreeSet<[u8; 32]>>,
    ) -> Result<u64, StoreError>;
    /// Has no backup bring back what was deleted of an object by this member's own word and had the bytes (SHA-256) or the content of one of
    /// these, wherever it stood. What else was deleted under the identifier stays in backups.
    ///
    /// # Errors
    /// The store failed.
    fn destroy_deleted(&mut self, id: &str, which: &BTreeSet<[u8; 32]>) -> Result<(), StoreError>;
    /// Has the words of what was taken away overwritten in the files too, soon after the commit.
    ///
    /// # Errors
    /// The store failed.
    ///
    /// # Limits
    /// Takes time with all the words that are held, once for all that asked for it until then.
    fn overwrite_words(&mut self) -> Result<(), StoreError>;
    /// Puts an object under stricter rules, as [`crate::Objects::narrow`] does.
    ///
    /// # Errors
    /// Those of `narrow`.
    fn narrow(&mut self, writer: &Writer, id: &str, asked: &Narrower) -> Result<u64, StoreError>;
    /// Puts on objects of this member's what those of these marking definitions ask that they awaited and that stand in the same
    /// collection by now, for all its readers ([`Rules::settled_by`]): the first of each identifier. None is no error.
    ///
    /// # Errors
    /// The store failed.
    ///
    /// # Limits
    /// Time is linear in what awaited them.
    fn settle(
        &mut self,
        definitions: &[ObjectId],
        home: Option<MemberId>,
    ) -> Result<Vec<Settled>, StoreError>;
    /// Puts versions under exactly these rules, in every collection. Answers with how many places they stand in.
    ///
    /// # Errors
    /// The store failed.
    fn put_under(
        &mut self,
        versions: &VersionsOf<'_>,
        rules: &Rules,
        home: Option<MemberId>,
    ) -> Result<u64, StoreError>;
    /// The collections in which any version of an object stands by an originator's word, and the strictest that is asked of them there.
    ///
    /// # Errors
    /// The store failed, or holds rules that cannot be read.
    fn places_of(&self, id: &str, originator: &Originator) -> Result<Vec<(CollectionNo, Rules)>, StoreError>;
}

/// A step that changes something. Whatever it fails with undoes all of it.
pub type ExchangeStep = Box<dyn FnOnce(&mut dyn ExchangeDesk) -> Result<(), StoreError> + Send>;
/// A step that only looks.
pub type ExchangeLook = Box<dyn FnOnce(&dyn Rows) -> Result<(), StoreError> + Send>;

/// Exchange between members.
#[async_trait]
pub trait Exchanges: Send + Sync {
    /// Runs a step in a durable commit; `weight` is about how many objects it handles. The ledger must be kept
    /// ([`crate::Leaves::keep_ledger`]): an act made before that is refused as `Backend`.
    async fn exchange(&self, weight: usize, step: ExchangeStep) -> Result<(), StoreError>;
    /// Runs a step over one moment of the rows of `me`.
    async fn look(&self, me: KeyId, step: ExchangeLook) -> Result<(), StoreError>;
    /// Whether an object stands in any collection by an originator's word, `None` = by anybody's, whoever may see it: for those who decide
    /// about it by its id alone. Tells of nothing else.
    async fn stands(&self, id: &str, originator: Option<&Originator>) -> Result<bool, StoreError>;
    /// Marking definitions that something awaits, in order of their identifiers, those that come after one, at most `limit`.
    async fn awaited(&self, after: Option<ObjectId>, limit: usize) -> Result<Vec<ObjectId>, StoreError>;
    /// Those of these definitions that have come, so that [`ExchangeDesk::settle`] has something to do.
    async fn come(&self, definitions: Vec<ObjectId>) -> Result<Vec<ObjectId>, StoreError>;
    /// What was refused, newest first, at most `limit`: here, or by a peer of what this node sent.
    async fn refusals(
        &self,
        peer: Option<KeyId>,
        limit: usize,
    ) -> Result<Vec<(RefusedBy, RefusalRow)>, StoreError>;
    /// How often a peer and this node refused each other's acts since this store counts: here, and there. The log keeps fewer.
    async fn refused(&self, peer: KeyId) -> Result<Refused, StoreError>;
    /// Tokens of consent kept here, those this member gave and those given to it: by digest, those that come after one, at most
    /// `limit`.
    async fn consents(&self, after: Option<[u8; 32]>, limit: usize) -> Result<Vec<ConsentRow>, StoreError>;
    /// The token of consent with this digest.
    async fn consent(&self, id: &[u8; 32]) -> Result<Option<ConsentRow>, StoreError>;
    /// What other members told everybody (acts of the kind `glass-broken`), the last of each member first, at most `limit`.
    async fn notices(&self, limit: usize) -> Result<Vec<NoticeRow>, StoreError>;
    /// Evidence against members, oldest first: who, and the file that proves it to anyone.
    async fn evidence(&self) -> Result<Vec<(KeyId, String)>, StoreError>;
}

/// What a member told everybody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoticeRow {
    /// Who.
    pub author: KeyId,
    /// The act's place in the author's ledger.
    pub sequence: u64,
    /// The act, as it came.
    pub signed: String,
    /// Its payload.
    pub payload: Vec<u8>,
}

/// How often was refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Refused {
    /// By this node.
    pub here: u64,
    /// By the peer.
    pub there: u64,
}

/// Which side refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusedBy {
    /// This node.
    Here,
    /// The peer.
    There,
}

/// Runs a step that answers something.
///
/// # Errors
/// Those of the step and of the commit.
pub async fn exchanged<T: Send + 'static>(
    store: &dyn Exchanges,
    weight: usize,
    step: impl FnOnce(&mut dyn ExchangeDesk) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let (answer, told) = slot();
    let step: ExchangeStep = Box::new(move |desk| {
        let outcome = step(desk)?;
        *answer.lock().unwrap_or_else(PoisonError::into_inner) = Some(outcome);
        Ok(())
    });
    store.exchange(weight, step).await?;
    taken(&told)
}

/// Runs a step, tells what it answers, and undoes it before anybody sees anything of it.
///
/// # Errors
/// Those of the step.
///
/// # Limits
/// It takes its turn among what is written.
pub async fn tried<T: Send + 'static>(
    store: &dyn Exchanges,
    weight: usize,
    step: impl FnOnce(&mut dyn ExchangeDesk) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let (answer, told) = slot();
    let step: ExchangeStep = Box::new(move |desk| {
        let outcome = step(desk)?;
        *answer.lock().unwrap_or_else(PoisonError::into_inner) = Some(outcome);
        Err(StoreError::Backend("what was only tried is undone".into()))
    });
    let undone = store.exchange(weight, step).await;
    taken(&told).map_err(|nothing| undone.err().unwrap_or(nothing))
}

/// Looks and answers something.
///
/// # Errors
/// Those of the look.
pub async fn looked<T: Send + 'static>(
    store: &dyn Exchanges,
    me: KeyId,
    look: impl FnOnce(&dyn Rows) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let (answer, told) = slot();
    let look: ExchangeLook = Box::new(move |rows| {
        let outcome = look(rows)?;
        *answer.lock().unwrap_or_else(PoisonError::into_inner) = Some(outcome);
        Ok(())
    });
    store.look(me, look).await?;
    taken(&told)
}

type Slot<T> = Arc<Mutex<Option<T>>>;

fn slot<T>() -> (Slot<T>, Slot<T>) {
    let slot = Arc::new(Mutex::new(None));
    (Arc::clone(&slot), slot)
}

fn taken<T>(slot: &Slot<T>) -> Result<T, StoreError> {
    let outcome = slot.lock().unwrap_or_else(PoisonError::into_inner).take();
    outcome.ok_or_else(|| StoreError::Backend("a step of exchange did not run".into()))
}
