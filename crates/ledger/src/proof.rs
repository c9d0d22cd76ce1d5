//! Proofs about a tree: that a leaf is in it, and that it is a continuation of a smaller one.
//!
//! Making them reads tiles through [`Tiles`]; checking them needs nothing but the hashes themselves. The hashes of a proof
//! come from outside, and so do the sizes: nothing here indexes by them or allocates by them.
//!
//! Invariant: a proof has no hash that is not needed, so that one fact has one proof.

use crate::frontier::TILE_HEIGHT;
use crate::hash::TreeHash;
use crate::tile::{Tile, TileKind, TilePath, Tiles, width_at};

/// Hashes of the longest proof: one for every level of the largest tree, and one to begin with.
pub const PROOF_HASHES_MAX: usize = 64;

/// Why no proof can be made.
#[derive(Debug, thiserror::Error)]
pub enum MakeError<E> {
    /// The tree has no such leaf, or is smaller than the tree it should continue.
    #[error("a tree of {size} leaves has no proof for {asked}")]
    OutOfRange {
        /// The leaf, or the smaller size.
        asked: u64,
        /// Leaves in the tree.
        size: u64,
    },
    /// A tile is too narrow.
    #[error("tile {0} has fewer hashes than it should")]
    Narrow(TilePath),
    /// A tile cannot be had.
    #[error("cannot read a tile: {0}")]
    Tile(E),
}

/// Why a proof does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The tree has no such leaf, or the trees stand in the wrong order.
    #[error("a tree of {size} leaves cannot prove {asked}")]
    OutOfRange {
        /// The leaf, or the smaller size.
        asked: u64,
        /// Leaves in the tree.
        size: u64,
    },
    /// It has too many hashes or too few.
    #[error("the proof has {0} hashes, which is not what the sizes ask for")]
    Length(usize),
    /// It leads to another root.
    #[error("the proof leads to another root hash")]
    OtherRoot,
}

/// The proof that leaf `index` is in the tree of `size` leaves: from its sibling up to the root's child.
///
/// # Errors
/// See [`MakeError`].
///
/// # Limits
/// At most 64 hashes; at most two tiles for each level of tiles are read.
///
/// # Source
/// RFC 6962, section 2.1.1.
pub fn inclusion<T: Tiles>(tiles: &T, index: u64, size: u64) -> Result<Vec<TreeHash>, MakeError<T::Error>> {
    if index >= size {
        return Err(MakeError::OutOfRange { asked: index, size });
    }
    Reader::new(tiles, size).path(index, 0)
}

/// The proof that the tree of `new` leaves continues the tree of `old` leaves.
///
/// # Shape
/// Empty when `old` is 0 or equal to `new`.
///
/// # Errors
/// See [`MakeError`].
///
/// # Source
/// RFC 6962, section 2.1.2.
pub fn consistency<T: Tiles>(tiles: &T, old: u64, new: u64) -> Result<Vec<TreeHash>, MakeError<T::Error>> {
    let mut proof = prefix(tiles, old, new)?;
    if old.is_power_of_two() && !proof.is_empty() {
        proof.remove(0);
    }
    Ok(proof)
}

/// What [`prefix_roots`] takes: a consistency proof that always begins with the node it starts from.
///
/// # Errors
/// See [`MakeError`].
pub fn prefix<T: Tiles>(tiles: &T, old: u64, new: u64) -> Result<Vec<TreeHash>, MakeError<T::Error>> {
    if old > new {
        return Err(MakeError::OutOfRange { asked: old, size: new });
    }
    if old == 0 || old == new {
        return Ok(Vec::new());
    }
    let level = old.trailing_zeros();
    let mut reader = Reader::new(tiles, new);
    let mut proof = vec![reader.node(level, (old >> level) - 1)?];
    proof.extend(reader.path(old - 1, level)?);
    Ok(proof)
}

/// The root of the first `size` leaves.
///
/// # Errors
/// See [`MakeError`]; `OutOfRange` never.
pub fn root_at<T: Tiles>(tiles: &T, size: u64) -> Result<TreeHash, MakeError<T::Error>> {
    if size == 0 {
        return Ok(TreeHash::empty());
    }
    Reader::new(tiles, size).right_edge(0)
}

/// Checks that `leaf` is leaf `index` of the tree of `size` leaves with `root`.
///
/// # Errors
/// See [`ProofError`].
///
/// # Source
/// RFC 9162, section 2.1.3.2.
pub fn verify_inclusion(
    leaf: TreeHash,
    index: u64,
    size: u64,
    proof: &[TreeHash],
    root: TreeHash,
) -> Result<(), ProofError> {
    if index >= size {
        return Err(ProofError::OutOfRange { asked: index, size });
    }
    let mut climb = Climb { node: index, last: size - 1 };
    let mut hash = leaf;
    for sibling in proof {
        hash = match climb.step().ok_or(ProofError::Length(proof.len()))? {
            Side::Left => TreeHash::node(*sibling, hash),
            Side::Right => TreeHash::node(hash, *sibling),
        };
    }
    if climb.last != 0 {
        return Err(ProofError::Length(proof.len()));
    }
    if hash == root { Ok(()) } else { Err(ProofError::OtherRoot) }
}

/// A tree as a head tells it: so many leaves, with this root.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TreeHead {
    /// Leaves.
    pub size: u64,
    /// Root hash.
    pub root: TreeHash,
}

/// Checks that the tree `new` continues the tree `old`.
///
/// # Errors
/// See [`ProofError`]. Equal sizes with other roots are `OtherRoot`.
///
/// # Source
/// RFC 9162, section 2.1.4.2.
pub fn verify_consistency(old: TreeHead, new: TreeHead, proof: &[TreeHash]) -> Result<(), ProofError> {
    if old.size == 0 || old.size == new.size {
        let both = old.size == new.size;
        let expected = if both { new.root } else { TreeHash::empty() };
        if !proof.is_empty() {
            return Err(ProofError::Length(proof.len()));
        }
        return if old.root == expected { Ok(()) } else { Err(ProofError::OtherRoot) };
    }
    let mut whole = Vec::with_capacity(PROOF_HASHES_MAX);
    if old.size.is_power_of_two() {
        whole.push(old.root);
    }
    if proof.len() > PROOF_HASHES_MAX {
        return Err(ProofError::Length(proof.len()));
    }
    whole.extend_from_slice(proof);
    let (before, after) = prefix_roots(old.size, new.size, &whole)?;
    if before == old.root && after == new.root { Ok(()) } else { Err(ProofError::OtherRoot) }
}

/// The roots of the first `old` leaves and of the tree of `new` leaves, as `proof` (made by [`prefix`]) has them.
///
/// When the second is the root of a known tree, the first is the root of its first `old` leaves and no other can be: so a
/// head that says otherwise is proven false.
///
/// # Errors
/// `OutOfRange` unless 0 < `old` < `new`, and `Length`.
pub fn prefix_roots(old: u64, new: u64, proof: &[TreeHash]) -> Result<(TreeHash, TreeHash), ProofError> {
    let Some(old_last) = old.checked_sub(1).filter(|_| old < new) else {
        return Err(ProofError::OutOfRange { asked: old, size: new });
    };
    let (start, path) = proof.split_first().ok_or(ProofError::Length(0))?;
    let level = old.trailing_zeros();
    let mut climb = Climb { node: old_last >> level, last: (new - 1) >> level };
    let (mut before, mut after) = (*start, *start);
    for sibling in path {
        match climb.step().ok_or(ProofError::Length(proof.len()))? {
            Side::Left => {
                before = TreeHash::node(*sibling, before);
                after = TreeHash::node(*sibling, after);
            }
            Side::Right => after = TreeHash::node(after, *sibling),
        }
    }
    if climb.last == 0 { Ok((before, after)) } else { Err(ProofError::Length(proof.len())) }
}

/// On which side of the path a sibling stands.
enum Side {
    Left,
    Right,
}

/// A way from a node up to the root, beside the tree's right edge.
struct Climb {
    /// Index of the node in its level.
    node: u64,
    /// Index of the last node of that level.
    last: u64,
}

impl Climb {
    /// Goes up to the next level that has a sibling; `None` at the root.
    fn step(&mut self) -> Option<Side> {
        if self.last == 0 {
            return None;
        }
        // A last node without a sibling rises until it is a right child; that ends, for `last` has a bit that is set.
        while self.node == self.last && self.node & 1 == 0 {
            self.node >>= 1;
            self.last >>= 1;
        }
        let side = if self.node & 1 == 1 { Side::Left } else { Side::Right };
        self.node >>= 1;
        self.last >>= 1;
        Some(side)
    }
}

/// Reads hashes of one tree from its tiles, and keeps the tiles it has read.
struct Reader<'t, T: Tiles> {
    tiles: &'t T,
    size: u64,
    read: Vec<(u8, u64, Tile)>,
}

impl<'t, T: Tiles> Reader<'t, T> {
    const fn new(tiles: &'t T, size: u64) -> Self {
        Self { tiles, size, read: Vec::new() }
    }

    /// Siblings from the node of `level` above leaf `index` up to the root.
    fn path(&mut self, index: u64, level: u32) -> Result<Vec<TreeHash>, MakeError<T::Error>> {
        let last = self.size - 1;
        // Below this level the way is inside a subtree of its own, above it runs along the right edge.
        let inner = u64::BITS - (index ^ last).leading_zeros();
        let mut path = Vec::new();
        for at in level..inner {
            let sibling = (index >> at) ^ 1;
            path.push(if at + 1 == inner {
                self.right_edge(sibling << at)?
            } else {
                self.node(at, sibling)?
            });
        }
        for at in inner.max(level)..u64::BITS {
            if (index >> at) & 1 == 1 {
                path.push(self.node(at, (index >> at) - 1)?);
            }
        }
        Ok(path)
    }

    /// Root of the leaves from `first` to the tree's end, where `first` begins a subtree.
    fn right_edge(&mut self, first: u64) -> Result<TreeHash, MakeError<T::Error>> {
        let mut start = first;
        let mut peaks = Vec::new();
        let rest = self.size - first;
        for level in (0..u64::BITS).rev().filter(|level| (rest >> level) & 1 == 1) {
            peaks.push(self.node(level, start >> level)?);
            start = start.wrapping_add(1 << level);
        }
        let last = peaks.pop().expect("invariant: the right edge is not empty");
        Ok(peaks.into_iter().rev().fold(last, |root, peak| TreeHash::node(peak, root)))
    }

    /// Root of the complete subtree `index` of `level`, folded from the tile that holds its lowest hashes.
    fn node(&mut self, level: u32, index: u64) -> Result<TreeHash, MakeError<T::Error>> {
        let tile_level = u8::try_from(level / TILE_HEIGHT).expect("invariant: a tree has at most 64 levels");
        let height = level % TILE_HEIGHT;
        let first = index << height;
        let tile_index = first >> TILE_HEIGHT;
        let within = usize::try_from(first & 0xff).expect("invariant: below 256");
        let end = within + (1 << height);
        let tile = self.tile(tile_level, tile_index)?;
        let missing = || MakeError::Narrow(path_of(tile_level, tile_index, self.size));
        let mut hashes = tile.hashes().get(within..end).ok_or_else(missing)?.to_vec();
        while hashes.len() > 1 {
            hashes = hashes.chunks_exact(2).map(|pair| TreeHash::node(pair[0], pair[1])).collect();
        }
        hashes.first().copied().ok_or_else(|| MakeError::Narrow(path_of(tile_level, tile_index, self.size)))
    }

    fn tile(&mut self, level: u8, index: u64) -> Result<Tile, MakeError<T::Error>> {
        if let Some((.., tile)) = self.read.iter().find(|(l, i, _)| (*l, *i) == (level, index)) {
            return Ok(tile.clone());
        }
        let tile = self.tiles.tile(path_of(level, index, self.size)).map_err(MakeError::Tile)?;
        self.read.push((level, index, tile.clone()));
        Ok(tile)
    }
}

fn path_of(level: u8, index: u64, size: u64) -> TilePath {
    TilePath { kind: TileKind::Hashes(level), index, width: width_at(level, index, size) }
}

#[cfg(test)]
#[path = "proof_tests.rs"]
mod tests;
