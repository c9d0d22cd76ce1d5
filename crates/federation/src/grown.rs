//! A mirrored ledger with leaves that were just told and are not stored yet: the tree that a new head must be the root of.
//!
//! What is stored comes from its tiles, so that a head over a long ledger costs what it adds, not what it has.

use base::signing::KeyId;
use ledger::TreeHash;
use ledger::frontier::Frontier;
use ledger::tile::{TILE_WIDTH, Tile, TileKind, TilePath, Tiles};

use crate::port::{Read, Rows, StoreFailed};

/// Tiles over `stored` leaves of a ledger and `added` ones behind them.
pub(crate) struct Grown<'a> {
    pub(crate) rows: &'a dyn Rows,
    pub(crate) member: KeyId,
    pub(crate) stored: u64,
    pub(crate) added: &'a [TreeHash],
}

impl Grown<'_> {
    /// The hash at a place of a level of tiles. Goes one level down with each step, at most eight.
    fn hash(&self, level: u8, place: u64) -> Read<TreeHash> {
        let Some(below) = level.checked_sub(1) else { return self.leaf(place) };
        let path = TilePath { kind: TileKind::Hashes(below), index: place, width: TILE_WIDTH };
        let mut edge = Frontier::new();
        for hash in self.tile(path)?.hashes() {
            edge.append(*hash, |_| {});
        }
        Ok(edge.root())
    }

    /// The leaf at a place.
    pub(crate) fn leaf(&self, place: u64) -> Read<TreeHash> {
        let missing = || StoreFailed(format!("no leaf {place}"));
        match place.checked_sub(self.stored) {
            Some(at) => {
                let at = usize::try_from(at).map_err(|_| missing())?;
                self.added.get(at).copied().ok_or_else(missing)
            }
            None => self.rows.leaves(&self.member, place, place.saturating_add(1))?.pop().ok_or_else(missing),
        }
    }
}

impl Tiles for Grown<'_> {
    type Error = StoreFailed;

    fn tile(&self, path: TilePath) -> Read<Tile> {
        let missing = || StoreFailed(format!("no tile {path}"));
        let TileKind::Hashes(level) = path.kind else { return Err(missing()) };
        let width = u64::from(TILE_WIDTH);
        let first = path.index.checked_mul(width).ok_or_else(missing)?;
        let end = first.checked_add(u64::from(path.width)).ok_or_else(missing)?;
        let span = width.checked_pow(u32::from(level)).ok_or_else(missing)?;
        if end.checked_mul(span).ok_or_else(missing)? <= self.stored {
            return self.rows.tile(&self.member, path);
        }
        let hashes: Read<Vec<TreeHash>> = (first..end).map(|place| self.hash(level, place)).collect();
        Tile::new(hashes?).map_err(|error| StoreFailed(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use ledger::proof::{consistency, root_at, verify_consistency};

    use super::*;
    use crate::memory::MemoryRows;
    use crate::rows::{Effect, MirrorRow};

    fn leaves(count: u64) -> Vec<TreeHash> {
        (0..count).map(|place| TreeHash::leaf(&place.to_be_bytes())).collect()
    }

    #[test]
    fn stored_and_added_leaves_are_one_tree() {
        let member = KeyId::from_bytes([1; 32]);
        let all = leaves(800);
        for (stored, size) in [(0, 1), (1, 2), (255, 257), (256, 512), (300, 300), (511, 800), (700, 799)] {
            let mut rows = MemoryRows::default();
            let row = MirrorRow { member, note: String::new(), size: stored };
            let at = usize::try_from(stored).unwrap();
            rows.apply(Effect::Mirror { row, leaves: all[..at].to_vec() });
            let grown = Grown { rows: &rows, member, stored, added: &all[at..] };
            let mut plain = Frontier::new();
            all[..usize::try_from(size).unwrap()].iter().for_each(|leaf| plain.append(*leaf, |_| {}));
            assert_eq!(root_at(&grown, size).unwrap(), plain.root(), "{stored} of {size}");
            if stored > 0 {
                let old = ledger::proof::TreeHead { size: stored, root: root_at(&grown, stored).unwrap() };
                let new = ledger::proof::TreeHead { size, root: plain.root() };
                let proof = consistency(&grown, stored, size).unwrap();
                assert_eq!(verify_consistency(old, new, &proof), Ok(()));
            }
        }
        let rows = MemoryRows::default();
        let grown = Grown { rows: &rows, member, stored: 0, added: &all[..3] };
        assert!(root_at(&grown, 4).is_err(), "a leaf that is not there");
    }
}
