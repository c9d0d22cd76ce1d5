//! What is kept against members that told two stories: handed to whoever runs or audits the node, and told by `doctor` and
//! `/metrics`. Either kind of file proves itself (`cresset verify`): two heads, or two acts for one place of a ledger, the latter by a snapshot of
//! the registry where the author has changed its key; both hold commitments, never content.
//!
//! What is to follow is people's to decide: nobody is suspended by a file.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use base::signing::KeyId;
use handling::Principal;
use ledger::evidence::Evidence;
use store::{Check, StoreError};

use super::ExchangeError;
use crate::upkeep::may_know_totals;
use crate::{Node, PeerView, ReadError};

/// How it stands with a peer, in numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PeerFigures {
    /// The member, by slug where known.
    pub member: String,
    /// Whether it was heard of within the last minutes.
    pub reachable: bool,
    /// For how long it was not, in seconds, since it was last heard of, or since it was first called in vain where it never was; 0 while it
    /// is reachable.
    pub unreached_seconds: u64,
    /// Its acts that came and that no head of its ledger covers yet.
    pub lag_in: u64,
    /// Envelopes that wait for it.
    pub lag_out: u64,
    /// Leaves of its last head known here; 0 where none is.
    pub last_head: u64,
    /// Places in its lanes at which something is missing.
    pub gaps: u64,
    /// How often the member and this node refused each other's acts.
    pub refusals: u64,
    /// Files of evidence against it.
    pub evidence: u64,
}

impl From<PeerView> for PeerFigures {
    fn from(view: PeerView) -> Self {
        Self {
            member: view.member,
            reachable: view.reachable,
            unreached_seconds: view.unreached_seconds,
            lag_in: view.lag_in,
            lag_out: view.lag_out.unwrap_or_default(),
            last_head: view.last_head.unwrap_or(0),
            gaps: view.gaps,
            refusals: view.refused_here.saturating_add(view.refused_there),
            evidence: view.evidence,
        }
    }
}

impl Node {
    /// The files of evidence kept against a member, oldest first: each shows two heads, or two acts for one place.
    ///
    /// # Errors
    /// See [`ExchangeError`]; refused unless the principal runs or audits the node.
    pub async fn evidence(&self, who: &Principal, member: &str) -> Result<Vec<String>, ExchangeError> {
        self.hearing().await?;
        may_know_totals(who).map_err(ReadError::Refused)?;
        let member = self.member_called(who, member).await?;
        let held = self.store().evidence().await?;
        Ok(held.into_iter().filter(|(of, _)| *of == member).map(|(_, file)| file).collect())
    }

    /// How it stands with every other member that takes part, in numbers; nobody while this node's member is in no community.
    ///
    /// # Errors
    /// See [`ExchangeError`]; refused unless the principal runs or audits the node.
    pub async fn peer_figures(&self, who: &Principal) -> Result<Vec<PeerFigures>, ExchangeError> {
        may_know_totals(who).map_err(ReadError::Refused)?;
        let Some(court) = self.court().await?.map(Arc::new) else { return Ok(Vec::new()) };
        Ok(self.peer_views(&court).await?.into_iter().map(PeerFigures::from).collect())
    }

    /// Whose ledgers have two heads, this member's own among them.
    pub(crate) async fn check_heads(&self) -> Result<Vec<Check>, StoreError> {
        let Some(court) = self.court().await? else { return Ok(Vec::new()) };
        let mut against: BTreeMap<KeyId, Kept> = BTreeMap::new();
        for (of, file) in self.store().evidence().await? {
            let kept = against.entry(of).or_default();
            kept.files = kept.files.saturating_add(1);
            kept.heads |= Evidence::parse(file.as_bytes()).is_ok();
        }
        let active: BTreeSet<KeyId> = court.exchange().directory.active();
        let check = |(member, kept): (KeyId, Kept)| {
            let slug = self.slug_of(&member);
            let (ok, detail) = if member == court.member() {
                (false, own_fork())
            } else if active.contains(&member) {
                (false, kept.detail(&slug))
            } else {
                (
                    true,
                    format!("{} ({} kept as evidence) and takes part no more", kept.what(&slug), kept.files),
                )
            };
            Check { name: "heads", ok, detail }
        };
        Ok(against.into_iter().map(check).collect())
    }
}

fn own_fork() -> String {
    "another member has a head of this member's ledger that this ledger does not continue: the node went on from an older state and \
     signed before it met anybody; tell the other members what happened"
        .to_owned()
}

/// What is kept against a member.
#[derive(Clone, Copy, Debug, Default)]
struct Kept {
    files: u64,
    /// Whether one of them shows two heads; else they show two acts.
    heads: bool,
}

impl Kept {
    fn what(self, slug: &str) -> String {
        if self.heads {
            format!("the ledger of {slug} has two heads")
        } else {
            format!("{slug} has signed two acts for one place of its ledger")
        }
    }

    fn detail(self, slug: &str) -> String {
        format!(
            "{}, so it has told two stories ({} kept as evidence): what contradicts the first is not taken. Ask its people whether its \
             node was put back from an older copy; `cresset peer evidence {slug} --out FILE` writes what proves it to the others \
             (`cresset verify FILE` checks it), and `cresset community suspend {slug}` asks them to go on without it",
            self.what(slug),
            self.files
        )
    }
}
