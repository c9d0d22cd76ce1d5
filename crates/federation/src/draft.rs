//! One step in the making: own acts get their places, outboxes their lines, and everything becomes effects at the end.
//!
//! A step may add several leaves and several lines to one outbox; the rows it reads do not show them yet, so the counters are
//! kept here until [`Draft::finish`].

use std::collections::{BTreeMap, BTreeSet};

use base::signing::KeyId;
use ledger::act::{Act, ActError, ActKind, ActObject, Header};
use ledger::commitment::{Commitment, Salt};

use crate::content::Content;
use crate::port::{Read, Rows, StoreFailed};
use crate::rows::{ActRow, Covered, Effect, Lane, ObjectName, OutboxRow, PayloadRow, PeerRow};
use crate::{Exchange, Refused, Rule};

/// Why a deed of this node's own was not done. Nothing changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeedError {
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] StoreFailed),
    /// A rule speaks against it.
    #[error("refused by the rule {0}")]
    Refused(#[from] Refused),
    /// The act could not be made.
    #[error(transparent)]
    Act(#[from] ActError),
    /// There is no such object of this member here.
    #[error("there is no object {0} to do this with")]
    NoObject(String),
}

impl From<Rule> for DeedError {
    fn from(rule: Rule) -> Self {
        Self::Refused(rule.into())
    }
}

/// An own act to be made.
pub(crate) struct NewAct<'a> {
    pub(crate) kind: ActKind,
    pub(crate) object: Option<(&'a str, Option<&'a str>)>,
    pub(crate) content: Content<'a>,
    pub(crate) addressees: &'a BTreeSet<KeyId>,
    pub(crate) salts: Salts,
}

/// By which salts an act commits to what it says.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Salts {
    /// By one of its own.
    Own,
    /// By this one, which an earlier act with the same object had: for who reads nothing else.
    Same(Salt),
    /// To its object by this one, to everything else by one of its own.
    Parted(Salt),
}

/// An own act that was made.
pub(crate) struct Made {
    pub(crate) sequence: u64,
    pub(crate) digest: Commitment,
}

pub(crate) struct Draft<'a> {
    exchange: &'a Exchange<'a>,
    rows: &'a dyn Rows,
    next: u64,
    peers: BTreeMap<KeyId, PeerRow>,
    effects: Vec<Effect>,
}

impl<'a> Draft<'a> {
    /// Begins a step that may make own acts.
    pub(crate) fn begin(exchange: &'a Exchange<'a>, rows: &'a dyn Rows) -> Result<Self, DeedError> {
        let own = rows.own()?;
        if own.taking_back().is_some() {
            return Err(Rule::Recovering.into());
        }
        Ok(Self { exchange, rows, next: own.next, peers: BTreeMap::new(), effects: Vec::new() })
    }

    /// The place in the own ledger that the next act gets.
    pub(crate) const fn next(&self) -> u64 {
        self.next
    }

    pub(crate) fn push(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    pub(crate) fn extend(&mut self, effects: impl IntoIterator<Item = Effect>) {
        self.effects.extend(effects);
    }

    /// Makes an act, its leaf and its payload.
    pub(crate) fn append(&mut self, new: &NewAct<'_>) -> Result<Made, DeedError> {
        let me = self.exchange.me;
        let (salt, object_salt) = match new.salts {
            Salts::Own => (Salt::generate(self.exchange.rng), None),
            Salts::Same(salt) => (salt, None),
            Salts::Parted(of_object) => (Salt::generate(self.exchange.rng), Some(of_object)),
        };
        let payload = Content { object_salt, ..new.content.clone() }.to_bytes()?;
        let digest = object_salt.unwrap_or(salt).commit(new.content.object);
        let object = new.object.map(|(id, version)| ActObject {
            id: id.to_owned(),
            version: version.map(str::to_owned),
            digest,
        });
        let header = Header {
            suite: me.signer.public_key().suite(),
            kind: new.kind.clone(),
            author: me.member,
            sequence: self.next,
            at: self.exchange.now,
            community: me.community.clone(),
            object,
            handling: Some(salt.commit(new.content.rules.as_bytes())),
            payload: Some(salt.commit(&payload)),
            addressees: Some(salt.commit_addressees(new.addressees)),
        };
        let act = header.seal()?;
        let signed = act.sign(me.signer.as_ref())?;
        let sequence = self.next;
        self.next = self.next.checked_add(1).expect("invariant: a ledger has fewer than 2^64 leaves");
        self.push(Effect::Leaf { sequence, leaf: act.leaf() });
        self.push(Effect::Act(act_row(&act, signed.to_json(), Covered::Yes)));
        self.push(Effect::Payload(PayloadRow { author: me.member, sequence, salt, bytes: payload }));
        Ok(Made { sequence, digest })
    }

    /// Adds a line to a peer's outbox.
    pub(crate) fn enqueue(&mut self, peer: KeyId, lane: Lane, act: (KeyId, u64)) -> Read<()> {
        if peer == self.exchange.me.member {
            return Ok(());
        }
        let row = match self.peers.entry(peer) {
            std::collections::btree_map::Entry::Occupied(held) => held.into_mut(),
            std::collections::btree_map::Entry::Vacant(free) => free.insert(self.rows.peer(&peer)?),
        };
        let Some(queue) = row.queue_mut(lane) else { return Ok(()) };
        queue.last = queue.last.saturating_add(1);
        let place = queue.last;
        self.push(Effect::Outbox(OutboxRow { peer, lane, place, author: act.0, sequence: act.1 }));
        Ok(())
    }

    /// The effects of the step.
    pub(crate) fn finish(mut self) -> Vec<Effect> {
        let peers = std::mem::take(&mut self.peers);
        self.effects.extend(peers.into_iter().map(|(member, row)| Effect::Peer(member, row)));
        self.effects
    }
}

/// The row of an act.
pub(crate) fn act_row(act: &Act, signed: String, covered: Covered) -> ActRow {
    let header = act.header();
    let name = |object: &ActObject| ObjectName { author: header.author, id: object.id.clone() };
    ActRow {
        author: header.author,
        sequence: header.sequence,
        leaf: act.leaf(),
        kind: header.kind.clone(),
        object: header.object.as_ref().map(name),
        signed,
        covered,
    }
}
