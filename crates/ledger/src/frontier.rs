//! The growing edge of a tree: what must be kept to add a leaf and to know the root, however large the tree is.
//!
//! Leaves are only ever added; nothing here can take one away or change it.
//!
//! Invariant: there is one peak for every bit of the size, the largest complete subtree first.

use crate::hash::TreeHash;

/// Levels of the tree that one tile spans.
pub const TILE_HEIGHT: u32 = 8;

/// The edge of a tree: its size and the roots of its complete subtrees.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    peaks: Vec<TreeHash>,
}

/// The root of a full tile, which is a hash of the tile one level above.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TileRoot {
    /// Level of tiles the hash belongs to: 1 and above.
    pub level: u8,
    /// Its place among the hashes of that level, from 0.
    pub index: u64,
    /// The hash.
    pub hash: TreeHash,
}

impl Frontier {
    /// The edge of the tree without leaves.
    #[must_use]
    pub const fn new() -> Self {
        Self { size: 0, peaks: Vec::new() }
    }

    /// An edge read back from where it was stored; `None` when the number of peaks does not fit the size.
    #[must_use]
    pub fn from_parts(size: u64, peaks: Vec<TreeHash>) -> Option<Self> {
        (u64::from(size.count_ones()) == u64::try_from(peaks.len()).ok()?).then_some(Self { size, peaks })
    }

    /// Leaves in the tree.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Roots of the complete subtrees, the largest first.
    #[must_use]
    pub fn peaks(&self) -> &[TreeHash] {
        &self.peaks
    }

    /// Adds a leaf, and tells the root of every tile that became full by it.
    ///
    /// # Limits
    /// A constant number of hashes on average, 64 at most.
    pub fn append(&mut self, leaf: TreeHash, mut full: impl FnMut(TileRoot)) {
        let mut hash = leaf;
        let mut level = 0u32;
        let mut index = self.size;
        while index & 1 == 1 {
            let left = self.peaks.pop().expect("invariant: one peak for every bit of the size");
            hash = TreeHash::node(left, hash);
            index >>= 1;
            level += 1;
            if level.is_multiple_of(TILE_HEIGHT) {
                let level =
                    u8::try_from(level / TILE_HEIGHT).expect("invariant: a tree has at most 64 levels");
                full(TileRoot { level, index, hash });
            }
        }
        self.peaks.push(hash);
        self.size = self.size.checked_add(1).expect("invariant: a ledger has fewer than 2^64 leaves");
    }

    /// The root of the tree.
    #[must_use]
    pub fn root(&self) -> TreeHash {
        let mut peaks = self.peaks.iter().rev();
        let Some(last) = peaks.next() else { return TreeHash::empty() };
        peaks.fold(*last, |root, peak| TreeHash::node(*peak, root))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edge_is_read_back_and_a_wrong_one_refused() {
        let mut frontier = Frontier::new();
        for leaf in 0..300u32 {
            frontier.append(TreeHash::leaf(&leaf.to_be_bytes()), |_| {});
            let peaks = frontier.peaks();
            assert_eq!(Frontier::from_parts(frontier.size(), peaks.to_vec()).as_ref(), Some(&frontier));
            assert_eq!(Frontier::from_parts(frontier.size(), peaks[1..].to_vec()), None);
        }
    }

    #[test]
    fn full_tiles_are_told_once_and_in_their_place() {
        let mut told = Vec::new();
        let mut frontier = Frontier::new();
        for _ in 0..65_536 + 256 {
            frontier.append(TreeHash::leaf(b"x"), |root| told.push((root.level, root.index)));
        }
        let first = told.iter().filter(|(level, _)| *level == 1).map(|(_, index)| *index);
        assert!(first.eq(0..257));
        assert_eq!(told.iter().filter(|(level, _)| *level == 2).collect::<Vec<_>>(), [&(2, 0)]);
    }
}
