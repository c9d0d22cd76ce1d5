//! Every change of the registry is an act of the own ledger: by which state of it this member goes, and from when.
//!
//! The act is made in the commit that files the entries. A node that was put back to an earlier state does not know so yet when papers
//! come, and a leaf written then would be a second one at a place that others have seen: unless this process has written to the ledger
//! already, the act waits until a member has told that it knows just as many leaves of it as there are. What waited becomes one act.
//!
//! Invariant: the state that the ledger says last is kept in the commit of its act, and another act follows whenever the registry's is
//! another.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use federation::{DeedError, RegistryState, Rule};
use serde::{Deserialize, Serialize};
use store::{Paper, PaperKind, PaperWork, StoreError};

use super::Table;
use crate::Node;

/// What the paper is called: there is one of its kind.
const NAME: &str = "registry";

/// What the own ledger says of the registry last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegistryTold {
    /// Place of the act in the ledger.
    pub leaf: u64,
    /// Epoch of the community's last decision then.
    pub epoch: u64,
    /// Digest of the registry then, in hexadecimal.
    pub state_hash: String,
}

/// What a process knows of what its ledger says, and of whether it may say more.
#[derive(Debug)]
pub(super) struct Telling {
    /// What it says last; the outer `None` = not read yet.
    last: Mutex<Option<Option<RegistryTold>>>,
    /// The registry's state may be another than the ledger says.
    waits: AtomicBool,
    /// Leaves when this process first looked.
    at_first: Mutex<Option<u64>>,
    /// A member has told that it knows as many leaves of this ledger as there are.
    confirmed: AtomicBool,
}

impl Default for Telling {
    fn default() -> Self {
        let (last, at_first) = (Mutex::default(), Mutex::default());
        Self { last, waits: AtomicBool::new(true), at_first, confirmed: AtomicBool::new(false) }
    }
}

impl Telling {
    fn hold(&self, told: Option<RegistryTold>) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(told);
    }
}

impl Node {
    /// What the own ledger says of the registry last; `None` while it says nothing.
    ///
    /// # Errors
    /// The store failed.
    pub async fn registry_told(&self) -> Result<Option<RegistryTold>, StoreError> {
        let telling = &self.chamber().telling;
        if let Some(held) = telling.last.lock().unwrap_or_else(PoisonError::into_inner).clone() {
            return Ok(held);
        }
        let paper = self.store().papers(PaperKind::Told).await?.pop();
        let read = |paper: Paper| serde_json::from_str(&paper.text);
        let told = paper.map(read).transpose().map_err(|_| {
            StoreError::Damaged("what the ledger says of the registry cannot be read".to_owned())
        })?;
        // What was told meanwhile is not forgotten for what was read before it.
        let mut held = telling.last.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(held.get_or_insert(told).clone())
    }

    /// Files papers, and with them the act that the registry's state has become another, where that may be said now.
    pub(super) async fn file(&self, table: &Arc<Table>, work: PaperWork) -> Result<(), StoreError> {
        let state = hex::encode(table.registry.state_hash());
        let before = self.registry_told().await?.map(|told| told.state_hash);
        let is_told = !table.is_member() || before.as_ref() == Some(&state);
        self.chamber().telling.waits.store(!is_told, Ordering::Release);
        if is_told || !self.may_tell(table).await? {
            let quiet = work.put.is_empty() && work.remove.is_empty();
            return if quiet { Ok(()) } else { self.store().file_papers(work).await };
        }
        self.keep_ledger().await?;
        let court = self.court_by(table).await?;
        let state = RegistryState { state, epoch: table.registry.head().epoch, before };
        let filed = store::exchanged(self.store(), 1, move |desk| {
            desk.file(&work)?;
            let (leaf, effects) = match court.exchange().note_registry(desk.rows(), &state) {
                Ok(made) => made,
                Err(DeedError::Refused(refused)) if refused.rule == Rule::Recovering => return Ok(None),
                Err(other) => return Err(StoreError::Backend(format!("cannot note the registry: {other}"))),
            };
            desk.apply(effects)?;
            let told = RegistryTold { leaf, epoch: state.epoch, state_hash: state.state };
            let text = serde_json::to_string(&told).expect("invariant: strings and numbers are always JSON");
            let paper = Paper { kind: PaperKind::Told, name: NAME.to_owned(), text, at: court.now() };
            desk.file(&PaperWork { put: vec![paper], remove: Vec::new() })?;
            Ok(Some(told))
        });
        if let Some(told) = filed.await? {
            let telling = &self.chamber().telling;
            telling.hold(Some(told));
            telling.waits.store(false, Ordering::Release);
        }
        Ok(())
    }

    /// A member has told that it knows as many leaves of this ledger as there are: what waited to be said of the registry is.
    ///
    /// # Errors
    /// The store failed.
    pub(crate) async fn ledger_confirmed(&self) -> Result<(), StoreError> {
        self.chamber().telling.confirmed.store(true, Ordering::Release);
        self.tell_registry().await
    }

    /// Says what of the registry has not been said yet, as far as may be now.
    ///
    /// # Errors
    /// The store failed.
    pub(crate) async fn tell_registry(&self) -> Result<(), StoreError> {
        if !self.chamber().telling.waits.load(Ordering::Acquire) {
            return Ok(());
        }
        let _one = self.one_at_a_time().await?;
        match self.community_table().await? {
            Some(table) => self.file(&table, PaperWork::default()).await,
            None => Ok(()),
        }
    }

    /// Whether a leaf of the own ledger that nobody here asked for may be written now.
    async fn may_tell(&self, table: &Table) -> Result<bool, StoreError> {
        if self.is_recovering() {
            return Ok(false);
        }
        let telling = &self.chamber().telling;
        let leaves = self.leaves().await?;
        let first = *telling.at_first.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(leaves);
        let now = self.now();
        let mut others = table.registry.members().filter(|member| member.id() != table.me);
        let alone = !others.any(|member| member.status(now).takes_part());
        Ok(alone || leaves > first || telling.confirmed.load(Ordering::Acquire))
    }
}
