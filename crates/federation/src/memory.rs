//! The rows in plain maps: for tests and for the simulator, and as the shortest description of what a store must do.
//!
//! No durability and no transactions of its own: whoever uses it copies it first and keeps the copy when the step succeeded.

use std::collections::{BTreeMap, BTreeSet};

use base::Micros;
use base::limit::ACK_REFUSALS_MAX;
use base::signing::KeyId;
use ledger::TreeHash;
use ledger::act::ActKind;
use ledger::frontier::Frontier;
use ledger::tile::{TILE_WIDTH, Tile, TileKind, TilePath};

use crate::content::Content;
use crate::port::{Read, Rows, StoreFailed};
use crate::proving::receipt_in;
use crate::rows::{
    ActRow, Again, ConsentRow, Covered, Effect, FateRow, HolderRow, Lane, LaterRow, MirrorRow, ObjectName,
    OutboxRow, OwnRow, PayloadRow, PeerRow, ReceiptRow, RefusalRow, RevokedRow, SaidBefore, VersionRow,
    WitnessedRow,
};
use crate::wire::AckRefusal;

/// Every table of exchange.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemoryRows {
    me: Option<KeyId>,
    own: OwnRow,
    peers: BTreeMap<KeyId, PeerRow>,
    outbox: BTreeMap<(KeyId, Lane, u64), OutboxRow>,
    acts: BTreeMap<(KeyId, u64), ActRow>,
    awaited: BTreeSet<(KeyId, u64)>,
    payloads: BTreeMap<(KeyId, u64), PayloadRow>,
    versions: BTreeMap<ObjectName, BTreeMap<String, VersionRow>>,
    replaced: BTreeMap<(ObjectName, String), BTreeMap<u64, SaidBefore>>,
    fates: BTreeMap<ObjectName, FateRow>,
    holders: BTreeMap<(ObjectName, KeyId), HolderRow>,
    later: BTreeMap<(String, String, KeyId), LaterRow>,
    receipts: BTreeMap<(u64, KeyId), ReceiptRow>,
    consents: BTreeMap<[u8; 32], ConsentRow>,
    revoked: BTreeMap<(KeyId, [u8; 32]), RevokedRow>,
    mirrors: BTreeMap<KeyId, MirrorRow>,
    witnessed: BTreeMap<KeyId, WitnessedRow>,
    leaves: BTreeMap<KeyId, Vec<TreeHash>>,
    refusals: Vec<RefusalRow>,
    refused_there: Vec<RefusalRow>,
    owed: BTreeMap<(KeyId, u64), AckRefusal>,
    owed_last: u64,
    evidence: BTreeMap<KeyId, Vec<String>>,
}

impl MemoryRows {
    /// The rows of a member that has done nothing yet.
    #[must_use]
    pub fn of(me: KeyId) -> Self {
        Self { me: Some(me), ..Self::default() }
    }

    /// Applies one effect.
    pub fn apply(&mut self, effect: Effect) {
        match effect {
            Effect::Leaf { sequence, leaf } => self.add_leaf(sequence, leaf),
            Effect::OwnHead(note) => self.own.head = Some(note),
            Effect::Life(life) => {
                let ended = std::mem::replace(&mut self.own.life, life);
                self.peers.values_mut().for_each(|peer| peer.outlive(ended));
            }
            Effect::Recovery(recovery) => self.own.recovery = recovery,
            Effect::Act(row) => self.add_act(row),
            Effect::Covered { author, sequence } => {
                self.awaited.remove(&(author, sequence));
                if let Some(act) = self.acts.get_mut(&(author, sequence)) {
                    act.covered = Covered::Yes;
                }
            }
            Effect::Payload(row) => {
                self.payloads.insert((row.author, row.sequence), row);
            }
            Effect::DropPayload { author, sequence } => {
                let of = |row: &&VersionRow| row.name.author == author && row.sequence == sequence;
                let held = self.versions.values().flat_map(BTreeMap::values).find(of);
                if let Some((name, version)) = held.map(|held| (held.name.clone(), held.version.clone())) {
                    self.forget_replaced(&name, &version);
                }
                self.payloads.remove(&(author, sequence));
            }
            Effect::Version(row) => {
                self.versions.entry(row.name.clone()).or_default().insert(row.version.clone(), row);
            }
            Effect::Replaced { name, version, sequence } => {
                let author = name.author;
                self.keep_said((name, version), sequence);
                self.payloads.remove(&(author, sequence));
            }
            Effect::Besides { name, version, sequence } => self.keep_said((name, version), sequence),
            Effect::BesidesOver { name, version, sequence } => {
                self.payloads.remove(&(name.author, sequence));
                if let Some(acts) = self.replaced.get_mut(&(name, version)) {
                    acts.remove(&sequence);
                }
            }
            Effect::DropVersion { name, version } => self.drop_version(&name, &version),
            Effect::Fate(row) => {
                for ((name, _), acts) in &mut self.replaced {
                    if *name == row.name {
                        for (void, _) in acts.extract_if(.., |sequence, _| row.voids(*sequence)) {
                            self.payloads.remove(&(name.author, void));
                        }
                    }
                }
                self.fates.insert(row.name.clone(), row);
            }
            Effect::Holder(row) => {
                self.holders.insert((row.name.clone(), row.member), row);
            }
            Effect::Later(row) => {
                self.later.insert((row.object.clone(), row.version.clone(), row.member), row);
            }
            Effect::NoLater { object, version, member } => {
                self.later.remove(&(object, version, member));
            }
            Effect::NoneLater(object) => self.later.retain(|_, row| row.object != object),
            Effect::LookAgain(again) => self.look_again(&again),
            Effect::Receipt(row) => {
                self.receipts.insert((row.sequence, row.member), row);
            }
            Effect::Consent(row) => {
                self.consents.insert(row.id, row);
            }
            Effect::Revoked(row) => {
                self.revoked.insert((row.author, row.id), row);
            }
            Effect::Outbox(row) => {
                self.outbox.insert((row.peer, row.lane, row.place), row);
            }
            Effect::MoveLines { peer, lane, after, upto, by } => {
                self.move_lines((peer, lane), (after, upto), by)
            }
            Effect::Peer(member, row) => {
                self.peers.insert(member, row);
            }
            Effect::Mirror { row, leaves } => {
                self.leaves.entry(row.member).or_default().extend(leaves);
                self.mirrors.insert(row.member, row);
            }
            Effect::Ahead { member, from, leaves } => {
                let held = self.leaves.entry(member).or_default();
                held.truncate(usize::try_from(from).unwrap_or(usize::MAX));
                held.extend(leaves);
            }
            Effect::TakenBack { leaves, note } => {
                let me = self.me.expect("invariant: only a member has a ledger");
                let own = self.leaves.entry(me).or_default();
                own.extend(leaves);
                let head = crate::outbox::stored_note(&note).expect("invariant: a step has read it");
                self.own.next = head.head().size;
                self.own.head = Some(note);
            }
            Effect::Witnessed(row) => {
                self.witnessed.insert(row.member, row);
            }
            Effect::Refusal(row) => self.refusals.push(row),
            Effect::RefusedThere(row) => {
                let same = |before: &RefusalRow| {
                    (before.peer, before.at_place, &before.rule) == (row.peer, row.at_place, &row.rule)
                };
                // It is said until it is known to have been heard, and is logged once.
                if !self.refused_there.iter().any(same) {
                    self.refused_there.push(row);
                }
            }
            Effect::Owe(peer, refused) => self.owe(peer, refused),
            Effect::OweAgain(peer) => self.owe_again(peer),
            Effect::Paid { peer, upto } => self.owed.retain(|(to, no), _| *to != peer || *no > upto),
            Effect::Evidence { origin, text } => {
                let held = self.evidence.entry(origin).or_default();
                if !held.contains(&text) {
                    held.push(text);
                }
            }
        }
    }

    /// Applies all effects of a step.
    pub fn apply_all(&mut self, effects: impl IntoIterator<Item = Effect>) {
        effects.into_iter().for_each(|effect| self.apply(effect));
    }

    fn add_leaf(&mut self, sequence: u64, leaf: TreeHash) {
        assert_eq!(sequence, self.own.next, "invariant: a leaf is added at the next place");
        let me = self.me.expect("invariant: only a member has a ledger");
        let own = self.leaves.entry(me).or_default();
        own.truncate(usize::try_from(sequence).unwrap_or(usize::MAX));
        own.push(leaf);
        self.own.next = self.own.next.saturating_add(1);
    }

    fn look_again(&mut self, again: &Again) {
        let meant = self.later.values_mut().filter(|row| {
            let (event, clock) = (row.look == Micros(i64::MAX), row.rule == LaterRow::CLOCK_BEHIND);
            match again {
                Again::Member(member) => row.member == *member,
                Again::Object(object) => row.object == *object,
                Again::ClockOf(member) => clock && row.member == *member,
                Again::Clocks(beyond) => {
                    clock || (!event && row.look > *beyond && row.rule != LaterRow::EMBARGO)
                }
            }
        });
        // At once, whatever this node's clock says: what was noted by one that was wrong lies anywhere.
        meant.for_each(|row| row.look = Micros(0));
    }

    fn owe(&mut self, peer: KeyId, refused: Vec<AckRefusal>) {
        for refusal in refused {
            self.owed_last = self.owed_last.saturating_add(1);
            self.owed.insert((peer, self.owed_last), refusal);
        }
        let numbers: Vec<u64> =
            self.owed.range((peer, 0)..=(peer, u64::MAX)).map(|((_, no), _)| *no).collect();
        for no in numbers.iter().rev().skip(ACK_REFUSALS_MAX) {
            self.owed.remove(&(peer, *no));
        }
    }

    fn owe_again(&mut self, peer: KeyId) {
        self.owed.retain(|(to, _), _| *to != peer);
        let mut last: BTreeMap<(Lane, u64), (usize, &str)> = BTreeMap::new();
        for (no, row) in self.refusals.iter().enumerate().filter(|(_, row)| row.peer == Some(peer)) {
            if let Some(place) = row.at_place.filter(|(lane, _)| *lane != Lane::Back) {
                last.insert(place, (no, &row.rule));
            }
        }
        let mut last: Vec<_> = last
            .into_iter()
            .map(|((lane, place), (no, rule))| {
                (no, AckRefusal { lane: lane.number(), place, rule: rule.to_owned() })
            })
            .collect();
        last.sort_by_key(|(no, _)| *no);
        self.owe(peer, last.into_iter().map(|(_, refusal)| refusal).collect());
    }

    fn move_lines(&mut self, (peer, lane): (KeyId, Lane), (after, upto): (u64, u64), by: u64) {
        for place in (after.saturating_add(1)..=upto).rev() {
            if let Some(row) = self.outbox.remove(&(peer, lane, place)) {
                let place = place.saturating_add(by);
                self.outbox.insert((peer, lane, place), OutboxRow { place, ..row });
            }
        }
    }

    fn add_act(&mut self, row: ActRow) {
        if row.covered != Covered::Yes {
            self.awaited.insert((row.author, row.sequence));
        }
        self.acts.insert((row.author, row.sequence), row);
    }

    fn keep_said(&mut self, (name, version): (ObjectName, String), sequence: u64) {
        let payload = self.payloads.get(&(name.author, sequence));
        let said = payload.and_then(|row| Content::parse(&row.bytes).ok());
        let said =
            said.map(|one| SaidBefore { rules: Some(one.rules.to_owned()), shared: one.shared_again() });
        let acts = self.replaced.entry((name, version)).or_default();
        let known = acts.entry(sequence).or_default();
        if let Some(said) = said {
            *known = said;
        }
    }

    fn forget_replaced(&mut self, name: &ObjectName, version: &str) {
        let acts = self.replaced.remove(&(name.clone(), version.to_owned()));
        for sequence in acts.into_iter().flat_map(BTreeMap::into_keys) {
            self.payloads.remove(&(name.author, sequence));
        }
    }

    fn drop_version(&mut self, name: &ObjectName, version: &str) {
        self.forget_replaced(name, version);
        if let Some(versions) = self.versions.get_mut(name) {
            versions.remove(version);
            if versions.is_empty() {
                self.versions.remove(name);
            }
        }
    }

    /// Every payload kept.
    pub fn payloads(&self) -> impl Iterator<Item = &PayloadRow> {
        self.payloads.values()
    }

    /// Every act kept.
    pub fn acts(&self) -> impl Iterator<Item = &ActRow> {
        self.acts.values()
    }

    /// Every line of every outbox.
    pub fn lines(&self) -> impl Iterator<Item = &OutboxRow> {
        self.outbox.values()
    }

    /// Every answer to own acts.
    pub fn all_receipts(&self) -> impl Iterator<Item = &ReceiptRow> {
        self.receipts.values()
    }

    /// What was refused here.
    #[must_use]
    pub fn refusals(&self) -> &[RefusalRow] {
        &self.refusals
    }

    /// What peers refused of ours.
    #[must_use]
    pub fn refused_there(&self) -> &[RefusalRow] {
        &self.refused_there
    }

    /// Evidence by whom it is against.
    #[must_use]
    pub const fn evidence(&self) -> &BTreeMap<KeyId, Vec<String>> {
        &self.evidence
    }

    /// Without the logs: what a refusal must leave as it is.
    #[must_use]
    pub fn without_logs(&self) -> Self {
        let mut bare = self.clone();
        bare.refusals.clear();
        bare.refused_there.clear();
        bare.evidence.clear();
        bare.peers.clear();
        (bare.owed, bare.owed_last) = (BTreeMap::new(), 0);
        bare
    }
}

impl Rows for MemoryRows {
    fn own(&self) -> Read<OwnRow> {
        Ok(self.own.clone())
    }

    fn evidence_against(&self, member: &KeyId) -> Read<u64> {
        Ok(self.evidence.get(member).map_or(0, |held| u64::try_from(held.len()).unwrap_or(u64::MAX)))
    }

    fn peer(&self, member: &KeyId) -> Read<PeerRow> {
        Ok(self.peers.get(member).cloned().unwrap_or_default())
    }

    fn outbox(&self, peer: &KeyId, lane: Lane, place: u64) -> Read<Option<OutboxRow>> {
        Ok(self.outbox.get(&(*peer, lane, place)).cloned())
    }

    fn act(&self, author: &KeyId, sequence: u64) -> Read<Option<ActRow>> {
        Ok(self.acts.get(&(*author, sequence)).cloned())
    }

    fn acts_from(&self, author: &KeyId, from: u64, limit: usize) -> Read<Vec<ActRow>> {
        let range = self.acts.range((*author, from)..=(*author, u64::MAX));
        Ok(range.map(|(_, act)| act.clone()).take(limit).collect())
    }

    fn awaited(&self, author: &KeyId) -> Read<Vec<u64>> {
        let range = self.awaited.range((*author, 0)..=(*author, u64::MAX));
        Ok(range.map(|(_, sequence)| *sequence).collect())
    }

    fn payload(&self, author: &KeyId, sequence: u64) -> Read<Option<PayloadRow>> {
        Ok(self.payloads.get(&(*author, sequence)).cloned())
    }

    fn versions(&self, name: &ObjectName) -> Read<Vec<VersionRow>> {
        Ok(self.versions.get(name).into_iter().flat_map(|held| held.values().cloned()).collect())
    }

    fn said_before(&self, held: &VersionRow) -> Read<BTreeMap<u64, SaidBefore>> {
        Ok(self.replaced.get(&(held.name.clone(), held.version.clone())).cloned().unwrap_or_default())
    }

    fn fate(&self, name: &ObjectName) -> Read<FateRow> {
        Ok(self.fates.get(name).cloned().unwrap_or_else(|| FateRow::none(name.clone())))
    }

    fn holders(&self, name: &ObjectName) -> Read<Vec<HolderRow>> {
        Ok(self.holders.values().filter(|row| row.name == *name).cloned().collect())
    }

    fn later(&self, object: &str) -> Read<Vec<LaterRow>> {
        Ok(self.later.values().filter(|row| row.object == object).cloned().collect())
    }

    fn later_due(&self, by: Micros, limit: usize) -> Read<Vec<LaterRow>> {
        let mut due: Vec<LaterRow> = self.later.values().filter(|row| row.look <= by).cloned().collect();
        due.sort_by_key(|row| row.look);
        due.truncate(limit);
        Ok(due)
    }

    fn later_for(&self, member: &KeyId) -> Read<u64> {
        Ok(self.later.values().filter(|row| row.member == *member).count() as u64)
    }

    fn passed_on(&self, name: &ObjectName) -> Read<BTreeSet<KeyId>> {
        let own = self.me == Some(name.author);
        let lines = self.outbox.values().filter(|line| !own && line.author == name.author);
        let about = |line: &&OutboxRow| {
            let act = self.acts.get(&(line.author, line.sequence));
            act.is_some_and(|act| act.object.as_ref() == Some(name))
        };
        Ok(lines.filter(about).map(|line| line.peer).collect())
    }

    fn answered(&self, author: &KeyId, sequence: u64) -> Read<Option<u64>> {
        let mine =
            self.acts.values().filter(|act| Some(act.author) == self.me && act.kind == ActKind::Received);
        let payloads = mine.filter_map(|act| self.payloads.get(&(act.author, act.sequence)));
        let answer = payloads.filter(|payload| {
            receipt_in(&payload.bytes).is_some_and(|receipt| {
                receipt.of == *author && receipt.acts.iter().any(|line| line.sequence == sequence)
            })
        });
        Ok(answer.map(|payload| payload.sequence).max())
    }

    fn receipts(&self, sequence: u64) -> Read<Vec<ReceiptRow>> {
        let rows = self.receipts.values().filter(|row| row.sequence == sequence);
        Ok(rows.cloned().collect())
    }

    fn consents(&self, name: &ObjectName) -> Read<Vec<ConsentRow>> {
        Ok(self.consents.values().filter(|row| row.name == *name).cloned().collect())
    }

    fn revoked(&self, author: &KeyId, token: &[u8; 32]) -> Read<bool> {
        Ok(self.revoked.contains_key(&(*author, *token)))
    }

    fn owed(&self, peer: &KeyId, after: u64, most: usize) -> Read<Vec<(u64, AckRefusal)>> {
        let range = self.owed.range((*peer, after.saturating_add(1))..=(*peer, u64::MAX));
        Ok(range.map(|((_, no), refusal)| (*no, refusal.clone())).take(most).collect())
    }

    fn mirror(&self, member: &KeyId) -> Read<Option<MirrorRow>> {
        Ok(self.mirrors.get(member).cloned())
    }

    fn witnessed(&self, member: &KeyId) -> Read<Option<WitnessedRow>> {
        Ok(self.witnessed.get(member).cloned())
    }

    fn held(&self, member: &KeyId) -> Read<u64> {
        if self.me == Some(*member) && self.own.taking_back().is_none() {
            return Ok(self.own.next);
        }
        Ok(self.leaves.get(member).map_or(0, |leaves| u64::try_from(leaves.len()).unwrap_or(u64::MAX)))
    }

    fn mirrored(&self) -> Read<Vec<KeyId>> {
        Ok(self.mirrors.keys().copied().collect())
    }

    fn leaves(&self, member: &KeyId, from: u64, to: u64) -> Read<Vec<TreeHash>> {
        let leaves = self.leaves.get(member).map_or(&[][..], Vec::as_slice);
        let at = |place: u64| usize::try_from(place).map_err(|error| StoreFailed(error.to_string()));
        let found = leaves.get(at(from)?..at(to)?);
        found.map(<[TreeHash]>::to_vec).ok_or_else(|| StoreFailed(format!("no leaves {from} to {to}")))
    }

    fn tile(&self, member: &KeyId, path: TilePath) -> Read<Tile> {
        let TileKind::Hashes(level) = path.kind else {
            return Err(StoreFailed("entries are not kept".to_owned()));
        };
        let missing = || StoreFailed(format!("no tile {path}"));
        let width = u64::from(TILE_WIDTH);
        let span = width.checked_pow(u32::from(level)).ok_or_else(missing)?;
        let first = path.index.checked_mul(width).and_then(|at| at.checked_mul(span)).ok_or_else(missing)?;
        let mut hashes = Vec::new();
        for at in 0..u64::from(path.width) {
            let from = first.saturating_add(at.saturating_mul(span));
            let mut edge = Frontier::new();
            for leaf in self.leaves(member, from, from.saturating_add(span))? {
                edge.append(leaf, |_| {});
            }
            hashes.push(edge.root());
        }
        Tile::new(hashes).map_err(|error| StoreFailed(error.to_string()))
    }

    fn own_versions(&self, after: Option<(String, String)>, limit: usize) -> Read<Vec<VersionRow>> {
        let own = self
            .versions
            .values()
            .flat_map(BTreeMap::values)
            .filter(|held| Some(held.name.author) == self.me);
        let behind = |held: &&VersionRow| {
            after.as_ref().is_none_or(|(id, version)| (&held.name.id, &held.version) > (id, version))
        };
        Ok(own.filter(behind).take(limit).cloned().collect())
    }

    fn others_versions(&self, after: Option<(ObjectName, String)>, limit: usize) -> Read<Vec<VersionRow>> {
        let of_others = self
            .versions
            .values()
            .flat_map(BTreeMap::values)
            .filter(|held| Some(held.name.author) != self.me);
        let behind = |held: &&VersionRow| {
            after.as_ref().is_none_or(|(name, version)| (&held.name, &held.version) > (name, version))
        };
        Ok(of_others.filter(behind).take(limit).cloned().collect())
    }

    fn all_versions(&self) -> Read<Vec<VersionRow>> {
        Ok(self.versions.values().flat_map(|held| held.values().cloned()).collect())
    }

    fn all_fates(&self) -> Read<Vec<FateRow>> {
        Ok(self.fates.values().cloned().collect())
    }
}
