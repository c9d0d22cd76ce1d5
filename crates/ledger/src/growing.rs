//! A tree as its owner holds it: enough of the tiles to add leaves, to prove that the next head continues the last one, and
//! to say which tiles must be stored.
//!
//! Memory is one tile for each level, and whatever was added since the last commit. What fails to be committed is taken
//! back to a [`Mark`], so that memory never runs ahead of what is stored.

use std::collections::{BTreeMap, BTreeSet};

use crate::frontier::{Frontier, TILE_HEIGHT};
use crate::hash::TreeHash;
use crate::proof::{MakeError, TreeHead, consistency};
use crate::tile::{TILE_WIDTH, Tile, TileKind, TilePath, Tiles, width_at};

/// Levels of tiles that a tree can have.
const LEVELS: u8 = 8;

/// A tree that grows.
#[derive(Clone, Debug, Default)]
pub struct Growing {
    frontier: Frontier,
    /// Hashes by level and index: the tiles at the right edge, and those touched since they were last stored.
    tiles: BTreeMap<(u8, u64), Vec<TreeHash>>,
    touched: BTreeSet<(u8, u64)>,
}

/// A size that a tree had, to go back to.
#[derive(Clone, Debug)]
pub struct Mark(Frontier);

/// A tile that is not at hand, or narrower than it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("tile {0} is missing or too narrow")]
pub struct Missing(pub TilePath);

/// Why a tree cannot be taken up again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResumeError<E> {
    /// A tile is missing or too narrow.
    #[error(transparent)]
    Missing(#[from] Missing),
    /// A tile cannot be read.
    #[error("cannot read a tile: {0}")]
    Tile(E),
}

impl Growing {
    /// The tree without leaves.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A tree of `size` leaves whose tiles `tile` reads.
    ///
    /// # Errors
    /// See [`ResumeError`].
    pub fn resume<E>(
        size: u64,
        mut tile: impl FnMut(TilePath) -> Result<Option<Tile>, E>,
    ) -> Result<Self, ResumeError<E>> {
        let mut tiles = BTreeMap::new();
        let mut peaks = Vec::new();
        for level in (0..LEVELS).rev() {
            let index = edge_index(level, size);
            let width = width_at(level, index, size);
            if width == 0 {
                continue;
            }
            let path = TilePath { kind: TileKind::Hashes(level), index, width };
            let read = tile(path).map_err(ResumeError::Tile)?.ok_or(Missing(path))?;
            let hashes = read.hashes().get(..usize::from(width)).ok_or(Missing(path))?.to_vec();
            let mut part = Frontier::new();
            hashes.iter().for_each(|hash| part.append(*hash, |_| {}));
            peaks.extend_from_slice(part.peaks());
            tiles.insert((level, index), hashes);
        }
        let frontier = Frontier::from_parts(size, peaks);
        let frontier = frontier.expect("invariant: the widths of the edge are the digits of the size");
        Ok(Self { frontier, tiles, touched: BTreeSet::new() })
    }

    /// Leaves in the tree.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.frontier.size()
    }

    /// Leaves and root.
    #[must_use]
    pub fn head(&self) -> TreeHead {
        TreeHead { size: self.frontier.size(), root: self.frontier.root() }
    }

    /// Adds a leaf and tells its place.
    pub fn append(&mut self, leaf: TreeHash) -> u64 {
        let place = self.frontier.size();
        let (tiles, touched) = (&mut self.tiles, &mut self.touched);
        let mut put = |level: u8, index: u64, hash: TreeHash| {
            let tile = (level, index / u64::from(TILE_WIDTH));
            tiles.entry(tile).or_default().push(hash);
            touched.insert(tile);
        };
        put(0, place, leaf);
        self.frontier.append(leaf, |full| put(full.level, full.index, full.hash));
        place
    }

    /// The proof that the tree continues the one of `old` leaves, which must be the size at the last [`Growing::settle`].
    ///
    /// # Errors
    /// `Tile` when it is another size, whose tiles are no longer at hand.
    pub fn continues(&self, old: u64) -> Result<Vec<TreeHash>, MakeError<Missing>> {
        consistency(self, old, self.size())
    }

    /// The size to go back to.
    #[must_use]
    pub fn mark(&self) -> Mark {
        Mark(self.frontier.clone())
    }

    /// Goes back to a size of this tree, not further than to the last [`Growing::settle`].
    pub fn go_back(&mut self, mark: &Mark) {
        self.frontier = mark.0.clone();
        let size = self.frontier.size();
        self.tiles.retain(|(level, index), hashes| {
            hashes.truncate(usize::from(width_at(*level, *index, size)));
            !hashes.is_empty()
        });
        let tiles = &self.tiles;
        self.touched.retain(|tile| tiles.contains_key(tile));
    }

    /// The tiles that changed since the last [`Growing::settle`], as they are now.
    pub fn changed(&self) -> impl Iterator<Item = (TilePath, Tile)> {
        self.touched.iter().filter_map(|(level, index)| {
            let hashes = self.tiles.get(&(*level, *index))?;
            let width = u16::try_from(hashes.len()).ok()?;
            let path = TilePath { kind: TileKind::Hashes(*level), index: *index, width };
            Some((path, Tile::new(hashes.clone()).ok()?))
        })
    }

    /// Everything is stored: only the edge is kept.
    pub fn settle(&mut self) {
        let size = self.size();
        self.touched.clear();
        self.tiles.retain(|(level, index), _| *index == edge_index(*level, size));
    }
}

/// The tile of a level in which the next hash goes.
fn edge_index(level: u8, size: u64) -> u64 {
    let shift = u32::from(level).saturating_add(1).saturating_mul(TILE_HEIGHT);
    size.checked_shr(shift).unwrap_or(0)
}

impl Tiles for Growing {
    type Error = Missing;

    fn tile(&self, path: TilePath) -> Result<Tile, Missing> {
        let TileKind::Hashes(level) = path.kind else { return Err(Missing(path)) };
        let hashes = self.tiles.get(&(level, path.index)).ok_or(Missing(path))?;
        if hashes.len() < usize::from(path.width) {
            return Err(Missing(path));
        }
        Tile::new(hashes.clone()).map_err(|_| Missing(path))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::naive;
    use crate::proof::verify_consistency;

    fn leaf(number: usize) -> TreeHash {
        TreeHash::leaf(&number.to_be_bytes())
    }

    /// A tree and the tiles that were stored of it.
    #[derive(Default)]
    struct Stored {
        tree: Growing,
        tiles: BTreeMap<(u8, u64), Tile>,
        size: u64,
    }

    impl Stored {
        fn commit(&mut self) {
            for (path, tile) in self.tree.changed() {
                let TileKind::Hashes(level) = path.kind else { unreachable!() };
                self.tiles.insert((level, path.index), tile);
            }
            self.tree.settle();
            self.size = self.tree.size();
        }

        fn resume(&self) -> Result<Growing, ResumeError<()>> {
            Growing::resume(self.size, |path| {
                let TileKind::Hashes(level) = path.kind else { unreachable!() };
                Ok(self.tiles.get(&(level, path.index)).cloned())
            })
        }
    }

    #[test]
    fn each_commit_continues_the_last_across_tiles() {
        let all: Vec<TreeHash> = (0..1100).map(leaf).collect();
        let mut stored = Stored::default();
        let mut last = stored.tree.head();
        for step in [1, 1, 253, 1, 1, 255, 1, 256, 255, 2, 74] {
            for _ in 0..step {
                stored.tree.append(all[usize::try_from(stored.tree.size()).unwrap()]);
            }
            let head = stored.tree.head();
            let size = usize::try_from(head.size).unwrap();
            assert_eq!(head.root, naive::root(&all[..size]));
            let proof = stored.tree.continues(last.size).unwrap();
            assert_eq!(verify_consistency(last, head, &proof), Ok(()));
            stored.commit();
            assert_eq!(stored.resume().unwrap().head(), head);
            last = head;
        }
    }

    #[test]
    fn a_tree_without_its_tiles_is_not_taken_up() {
        let mut stored = Stored::default();
        for number in 0..300 {
            stored.tree.append(leaf(number));
        }
        stored.commit();
        stored.tiles.remove(&(0, 1));
        assert!(matches!(stored.resume(), Err(ResumeError::Missing(_))));
        stored.tiles.insert((0, 1), Tile::new(vec![leaf(256)]).unwrap());
        assert!(matches!(stored.resume(), Err(ResumeError::Missing(_))));
        assert!(matches!(stored.tree.continues(100), Err(MakeError::Tile(_))));
    }

    proptest! {
        /// Adding, failing, committing and starting again, in any order: the tree is that of the leaves that stayed.
        #[test]
        fn what_was_taken_back_leaves_no_trace(steps in proptest::collection::vec((0usize..400, 0u8..4), 1..12)) {
            let mut kept: Vec<TreeHash> = Vec::new();
            let mut committed = 0;
            let mut stored = Stored::default();
            let mut number = 0;
            for (count, what) in steps {
                let mark = stored.tree.mark();
                let before = kept.len();
                for _ in 0..count {
                    number += 1;
                    prop_assert_eq!(stored.tree.append(leaf(number)), kept.len() as u64);
                    kept.push(leaf(number));
                }
                match what {
                    0 => {
                        stored.tree.go_back(&mark);
                        kept.truncate(before);
                    }
                    1 => {
                        let proof = stored.tree.continues(committed as u64).unwrap();
                        prop_assert_eq!(proof, naive::consistency(&kept, committed));
                        stored.commit();
                        committed = kept.len();
                    }
                    2 => {
                        stored.tree = stored.resume().unwrap();
                        kept.truncate(committed);
                    }
                    _ => {}
                }
                prop_assert_eq!(stored.tree.head().root, naive::root(&kept));
                prop_assert_eq!(stored.tree.size(), kept.len() as u64);
            }
        }
    }
}
