//! What a step reads again for every act: the own head, peers, heads of mirrored ledgers, the tile read last.
//!
//! Within one transaction nobody but the step changes them, so each is read once and forgotten when an effect changes it. A
//! peer's row changes with every act: what it has come to is kept here and written once, at the step's end.
//!
//! Invariant: what is read through this is what the rows would say if every effect had been written at once.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use base::signing::KeyId;
use federation::{Effect, MirrorRow, OwnRow, PeerRow, Read};
use ledger::tile::{Tile, TilePath};

/// See the module.
#[derive(Default)]
pub(super) struct Seen {
    own: RefCell<Option<OwnRow>>,
    peers: RefCell<BTreeMap<KeyId, PeerRow>>,
    /// Peers whose rows are to be written.
    changed: BTreeSet<KeyId>,
    mirrors: RefCell<BTreeMap<KeyId, Option<MirrorRow>>>,
    tile: RefCell<Option<(KeyId, TilePath, Tile)>>,
    /// The number of the identifier asked for last.
    object: RefCell<Option<(String, Option<i64>)>>,
}

impl Seen {
    /// The own row; how many leaves there are is for whoever asks.
    pub(super) fn own(&self, read: impl FnOnce() -> Read<OwnRow>) -> Read<OwnRow> {
        if let Some(own) = &*self.own.borrow() {
            return Ok(own.clone());
        }
        let own = read()?;
        *self.own.borrow_mut() = Some(own.clone());
        Ok(own)
    }

    /// What is known of a peer.
    pub(super) fn peer(&self, member: &KeyId, read: impl FnOnce() -> Read<PeerRow>) -> Read<PeerRow> {
        if let Some(peer) = self.peers.borrow().get(member) {
            return Ok(peer.clone());
        }
        let peer = read()?;
        self.peers.borrow_mut().insert(*member, peer.clone());
        Ok(peer)
    }

    /// The head of a mirrored ledger.
    pub(super) fn mirror(
        &self,
        member: &KeyId,
        read: impl FnOnce() -> Read<Option<MirrorRow>>,
    ) -> Read<Option<MirrorRow>> {
        if let Some(mirror) = self.mirrors.borrow().get(member) {
            return Ok(mirror.clone());
        }
        let mirror = read()?;
        self.mirrors.borrow_mut().insert(*member, mirror.clone());
        Ok(mirror)
    }

    /// What `pick` takes from a tile; `None` where there is no such tile.
    pub(super) fn tile<T>(
        &self,
        (member, path): (&KeyId, TilePath),
        read: impl FnOnce() -> Read<Option<Tile>>,
        pick: impl FnOnce(&Tile) -> T,
    ) -> Read<Option<T>> {
        if let Some((of, at, tile)) = &*self.tile.borrow()
            && of == member
            && *at == path
        {
            return Ok(Some(pick(tile)));
        }
        let Some(tile) = read()? else { return Ok(None) };
        let picked = pick(&tile);
        *self.tile.borrow_mut() = Some((*member, path, tile));
        Ok(Some(picked))
    }

    /// The number of an identifier.
    pub(super) fn object(&self, id: &str, read: impl FnOnce() -> Read<Option<i64>>) -> Read<Option<i64>> {
        if let Some((of, no)) = &*self.object.borrow()
            && of == id
        {
            return Ok(*no);
        }
        let no = read()?;
        *self.object.borrow_mut() = Some((id.to_owned(), no));
        Ok(no)
    }

    /// Something was written that may have given an identifier its number.
    pub(super) fn forget_object(&mut self) {
        *self.object.get_mut() = None;
    }

    /// Takes note of an effect that is about to be written; `None` = it is written at the step's end.
    pub(super) fn note(&mut self, effect: Effect) -> Option<Effect> {
        match effect {
            Effect::Peer(member, row) => {
                self.peers.get_mut().insert(member, row);
                self.changed.insert(member);
                None
            }
            Effect::Mirror { row, leaves } => {
                self.mirrors.get_mut().remove(&row.member);
                *self.tile.get_mut() = None;
                Some(Effect::Mirror { row, leaves })
            }
            ahead @ Effect::Ahead { .. } => {
                *self.tile.get_mut() = None;
                Some(ahead)
            }
            own @ (Effect::OwnHead(_) | Effect::TakenBack { .. } | Effect::Life(_) | Effect::Recovery(_)) => {
                *self.own.get_mut() = None;
                // A head that was given back comes with leaves, which fill tiles.
                *self.tile.get_mut() = None;
                Some(own)
            }
            other => Some(other),
        }
    }

    /// Reads every peer anew. Those that have changed must be written.
    pub(super) fn forget_peers(&mut self) {
        self.peers.get_mut().clear();
    }

    /// Peers whose rows are to be written, with what they have come to.
    pub(super) fn changed_peers(&mut self) -> Vec<(KeyId, PeerRow)> {
        let peers = self.peers.get_mut();
        let changed = std::mem::take(&mut self.changed);
        changed.into_iter().filter_map(|member| Some((member, peers.get(&member)?.clone()))).collect()
    }
}
