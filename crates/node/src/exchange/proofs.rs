//! Proofs of what was done between members: an own act by its place in the ledger, what this node signed about another's act, and
//! what another member signed about an own one. Whoever gets such a file checks it without asking anybody.
//!
//! Of an act about an object it is told to who may see the version that it is about, where it stands by this member's own word; of one that
//! stands here no more, and of acts about no object, to who runs or audits the node.

use std::sync::Arc;

use base::signing::{KeyId, Signer};
use federation::{Exchange, ObjectName, ReceiptState, Rows};
use handling::Principal;
use ledger::act::Act;
use ledger::proof_file::ProofFile;
use store::{StoreError, StoredObject};

use super::giving::{authors, own_word};
use super::purview::said;
use super::views::{failed, runs};
use super::{Court, ExchangeError};
use crate::{Node, ProveError, ReadError};

impl Node {
    /// The file that proves an own act, by its place in the ledger: without its payload, unless that is a receipt or a state of
    /// the registry.
    ///
    /// # Errors
    /// See [`ProveError`]; `Read` where there is no such act, or not for this principal.
    pub async fn prove_leaf(&self, who: &Principal, leaf: u64) -> Result<ProofFile, ProveError> {
        self.may_prove(who, leaf).await?;
        self.prove_own(leaf).await
    }

    /// The same for who may know of it. Of what came in here and was given to nobody the header alone is kept, which is signed when it is
    /// asked for.
    pub(crate) async fn prove_own(&self, leaf: u64) -> Result<ProofFile, ProveError> {
        let Some(court) = self.court().await?.map(Arc::new) else {
            return self.signed_proof(leaf, None).await;
        };
        match self.proof_file(&court, court.member(), leaf).await {
            Err(ProveError::Uncovered) => self.signed_proof(leaf, None).await,
            file => file,
        }
    }

    /// The file that proves what a member answered to an own act, by the act's place in this node's ledger.
    ///
    /// # Errors
    /// See [`ProveError`]; `NoReceipt` where it has not answered, or not that it is done.
    pub async fn prove_receipt(
        &self,
        who: &Principal,
        leaf: u64,
        member: &str,
    ) -> Result<ProofFile, ProveError> {
        self.may_prove(who, leaf).await?;
        let court = self.hearing().await.map_err(told)?;
        let member = self.member_called(who, member).await.map_err(told)?;
        let receipt = store::looked(self.store(), court.member(), move |rows| {
            let row = rows.receipts(leaf).map_err(failed)?.into_iter().find(|row| row.member == member);
            let state = row.map(|row| row.state);
            let Some(ReceiptState::Done { receipt, .. }) = state else { return Ok(None) };
            if !state.is_some_and(|state| state.is_narrowed()) {
                return Ok(Some(receipt));
            }
            // Who has signed for letting go of something may never have answered when it was given it.
            let said = rows.payload(&member, receipt).map_err(failed)?;
            let said = said.and_then(|row| federation::receipt_in(&row.bytes));
            let answers = said.is_some_and(|said| said.acts.iter().any(|line| line.sequence == leaf));
            Ok(answers.then_some(receipt))
        });
        match receipt.await? {
            Some(receipt) => self.proof_file(&court, member, receipt).await,
            None => Err(ProveError::NoReceipt(self.slug_of(&member))),
        }
    }

    /// Where in the own ledger an own version was given to others; `None` where it never was.
    pub(crate) async fn given_by(&self, object: &StoredObject) -> Result<Option<u64>, StoreError> {
        let Some(court) = self.court().await? else { return Ok(None) };
        let Ok(version) = federation::object_version(&object.bytes) else { return Ok(None) };
        let name = ObjectName { author: court.member(), id: object.id.clone() };
        let bytes = object.bytes.clone();
        let given = store::looked(self.store(), court.member(), move |rows| {
            let held = rows.versions(&name).map_err(failed)?.into_iter().find(|held| held.version == version);
            let Some(held) = held else { return Ok(None) };
            // Somebody else here may have given something else under its identifier and date.
            Ok(said(rows, &held)?.filter(|said| *said == bytes).map(|_| held.sequence))
        });
        given.await
    }

    /// Where in the own ledger it is said that an object came in from another member; `None` where nothing is.
    pub(crate) async fn receipt_of(&self, object: &StoredObject) -> Result<Option<u64>, StoreError> {
        let Some(court) = self.court().await? else { return Ok(None) };
        if own_word(&court, object).is_some() {
            return Ok(None);
        }
        let (authors, id) = (authors(&court, object), object.id.clone());
        let Ok(version) = federation::object_version(&object.bytes) else { return Ok(None) };
        let found = store::looked(self.store(), court.member(), move |rows| {
            for author in authors {
                let name = ObjectName { author, id: id.clone() };
                let held =
                    rows.versions(&name).map_err(failed)?.into_iter().find(|held| held.version == version);
                let Some(held) = held else { continue };
                if let Some(leaf) = rows.answered(&author, held.sequence).map_err(failed)? {
                    return Ok(Some(leaf));
                }
            }
            Ok(None)
        });
        found.await
    }

    /// Where in the own ledger the last word about an object stands that is here no more: that this member called it back or erased
    /// it, or that it did as its originator said. `None` for who does not run or audit the node, as for what was never here.
    pub(crate) async fn last_word_on(&self, who: &Principal, id: &str) -> Result<Option<u64>, ProveError> {
        if !runs(who) || self.store().stands(id, Some(&handling::Originator::Here)).await? {
            return Ok(None);
        }
        let Some(court) = self.court().await?.map(Arc::new) else {
            let keys = self.signing_keys().await?;
            let Some(member) = keys.first().map(|key| key.public_key().id()) else { return Ok(None) };
            return Ok(self.erased_alone(member, id).await?);
        };
        let (sitting, id) = (Arc::clone(&court), id.to_owned());
        let found = store::looked(self.store(), court.member(), move |rows| {
            let exchange = sitting.exchange();
            for author in exchange.directory.active() {
                let name = ObjectName { author, id: id.clone() };
                if let Some(leaf) = word_on(&exchange, rows, &name)? {
                    return Ok(Some(leaf));
                }
            }
            Ok(None)
        });
        Ok(found.await?)
    }

    async fn proof_file(
        &self,
        court: &Arc<Court>,
        author: KeyId,
        sequence: u64,
    ) -> Result<ProofFile, ProveError> {
        let sitting = Arc::clone(court);
        let file = store::looked(self.store(), court.member(), move |rows| {
            sitting.exchange().proof_file(rows, &author, sequence).map_err(failed)
        });
        file.await?.ok_or(ProveError::Uncovered)
    }

    /// Whether somebody may know of an own act.
    async fn may_prove(&self, who: &Principal, leaf: u64) -> Result<(), ProveError> {
        let none = || ProveError::Read(ReadError::NotFound("act"));
        let row = match self.0.store.proven_leaf(leaf).await {
            Err(StoreError::NotFound { .. }) => return Err(none()),
            row => row?.leaf,
        };
        let act = Act::parse(&row.header).map_err(|error| ProveError::Unfit(error.to_string()))?;
        let Some(object) = act.header().object.as_ref() else {
            return if runs(who) { Ok(()) } else { Err(none()) };
        };
        // The version that it is about, by the word that it is about: another's, or an earlier one, says nothing of this.
        let (id, version) = (object.id.as_str(), object.version.as_deref());
        match self.own_word_seen(who, id, version).await {
            Ok(()) => Ok(()),
            Err(ReadError::NotFound(_) | ReadError::Store(StoreError::NotFound { .. })) => {
                match self.last_word_on(who, id).await? {
                    Some(_) => Ok(()),
                    None => Err(none()),
                }
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Whether somebody may see an object where it stands by this member's own word.
    pub(crate) async fn own_word_seen(
        &self,
        who: &Principal,
        id: &str,
        version: Option<&str>,
    ) -> Result<(), ReadError> {
        Ok(self.store().own_object(&self.eyes(who), id, version).await.map(drop)?)
    }
}

/// Where the own ledger says that an object was taken back: by this member, or by its originator.
fn word_on(exchange: &Exchange<'_>, rows: &dyn Rows, name: &ObjectName) -> Result<Option<u64>, StoreError> {
    let fate = rows.fate(name).map_err(failed)?;
    let Some(sequence) = fate.erased.max(fate.recalled) else { return Ok(None) };
    if name.author == exchange.me.member {
        return Ok(Some(sequence));
    }
    rows.answered(&name.author, sequence).map_err(failed)
}

fn told(error: ExchangeError) -> ProveError {
    match error {
        ExchangeError::Read(error) => error.into(),
        ExchangeError::Store(error) => error.into(),
        other => ProveError::Between(Box::new(other)),
    }
}
