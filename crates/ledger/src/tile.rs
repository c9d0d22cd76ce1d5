//! Tiles: the hashes of a tree in files of 256, and the paths they are served under.
//!
//! Every other hash of the tree is derived from these. Tiles hold hashes only, so anyone may mirror them. No file and no
//! socket is opened here; [`Tiles`] is the port behind which they stand.

use std::fmt;
use std::str::FromStr;

use crate::frontier::TILE_HEIGHT;
use crate::hash::{HASH_BYTES, TreeHash};

/// Hashes of a full tile.
pub const TILE_WIDTH: u16 = 256;
/// Highest level of tiles.
const LEVEL_MAX: u8 = 63;
/// Longest path of a tile, in bytes.
const PATH_BYTES_MAX: usize = 64;

/// What a path names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TileKind {
    /// Hashes at this level, 0 to 63; level 0 holds the leaves.
    Hashes(u8),
    /// The leaves' data.
    Entries,
}

/// The path of a tile below a ledger's prefix.
///
/// # Shape
/// `tile/<level>/<index>` or `tile/entries/<index>`, the index in groups of three digits, all but the last after an `x`;
/// a partial tile ends in `.p/<width>`. One tile has one path.
///
/// # Source
/// C2SP tlog-tiles, "Merkle Tree" and "Log entries".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TilePath {
    /// What it holds.
    pub kind: TileKind,
    /// Its place within the level, from 0.
    pub index: u64,
    /// How many hashes or entries: 1 to 256.
    pub width: u16,
}

/// A text that is not the path of a tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the path of a tile: tile/LEVEL/INDEX or tile/entries/INDEX, and .p/WIDTH for a partial one")]
pub struct NotATile;

impl fmt::Display for TilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            TileKind::Hashes(level) => write!(f, "tile/{level}/")?,
            TileKind::Entries => f.write_str("tile/entries/")?,
        }
        let mut groups = vec![self.index % 1000];
        let mut rest = self.index / 1000;
        while rest > 0 {
            groups.push(rest % 1000);
            rest /= 1000;
        }
        for group in groups.iter().skip(1).rev() {
            write!(f, "x{group:03}/")?;
        }
        write!(f, "{:03}", self.index % 1000)?;
        if self.width < TILE_WIDTH { write!(f, ".p/{}", self.width) } else { Ok(()) }
    }
}

impl FromStr for TilePath {
    type Err = NotATile;

    fn from_str(text: &str) -> Result<Self, NotATile> {
        let path = read_path(text).ok_or(NotATile)?;
        // One tile, one path: what is read must print to the same text.
        if path.to_string() == text { Ok(path) } else { Err(NotATile) }
    }
}

fn read_path(text: &str) -> Option<TilePath> {
    if text.len() > PATH_BYTES_MAX {
        return None;
    }
    let (kind, rest) = text.strip_prefix("tile/")?.split_once('/')?;
    let kind = match kind {
        "entries" => TileKind::Entries,
        level => TileKind::Hashes(level.parse().ok().filter(|level| *level <= LEVEL_MAX)?),
    };
    let (index, width) = match rest.split_once(".p/") {
        Some((index, width)) => (index, width.parse().ok().filter(|width| (1..TILE_WIDTH).contains(width))?),
        None => (rest, TILE_WIDTH),
    };
    let mut value = 0u64;
    for group in index.split('/') {
        let digits: u64 = group.strip_prefix('x').unwrap_or(group).parse().ok()?;
        value = value.checked_mul(1000)?.checked_add(digits)?;
    }
    Some(TilePath { kind, index: value, width })
}

impl TilePath {
    /// Whether a tree of `size` leaves has this tile with this width or more.
    #[must_use]
    pub fn within(&self, size: u64) -> bool {
        let level = match self.kind {
            TileKind::Hashes(level) => level,
            TileKind::Entries => 0,
        };
        self.width <= width_at(level, self.index, size)
    }
}

/// Hashes that a tree of `size` leaves has in tile `index` of `level`: 0 to 256.
#[must_use]
pub fn width_at(level: u8, index: u64, size: u64) -> u16 {
    let shift = u32::from(level).saturating_mul(TILE_HEIGHT);
    let hashes = size.checked_shr(shift).unwrap_or(0);
    let first = index.checked_mul(u64::from(TILE_WIDTH));
    let width = first.map_or(0, |first| hashes.saturating_sub(first)).min(u64::from(TILE_WIDTH));
    u16::try_from(width).expect("invariant: held at 256")
}

/// The tiles of hashes that a tree of `new` leaves has and one of `old` leaves had not, or had narrower.
///
/// # Limits
/// Linear in the number of tiles.
pub fn added(old: u64, new: u64) -> impl Iterator<Item = TilePath> {
    (0..TILE_HEIGHT).flat_map(move |level| {
        let level = u8::try_from(level).expect("invariant: below 8");
        let shift = u32::from(level) * TILE_HEIGHT;
        let (before, after) = (old >> shift, new >> shift);
        let width = u64::from(TILE_WIDTH);
        let tiles = if after > before { before / width..after.div_ceil(width) } else { 0..0 };
        tiles.map(move |index| TilePath {
            kind: TileKind::Hashes(level),
            index,
            width: width_at(level, index, new),
        })
    })
}

/// The hashes of a tile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tile(Vec<TreeHash>);

/// Bytes that are no tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a tile is 1 to 256 hashes of 32 bytes, this is {0} bytes")]
pub struct NotTileBytes(pub usize);

impl Tile {
    /// A tile of these hashes.
    ///
    /// # Errors
    /// None, or more than 256.
    pub fn new(hashes: Vec<TreeHash>) -> Result<Self, NotTileBytes> {
        if (1..=usize::from(TILE_WIDTH)).contains(&hashes.len()) {
            return Ok(Self(hashes));
        }
        Err(NotTileBytes(hashes.len().saturating_mul(HASH_BYTES)))
    }

    /// A tile from the bytes it is served as.
    ///
    /// # Errors
    /// Not whole hashes, none, or more than 256.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, NotTileBytes> {
        let (hashes, rest) = bytes.as_chunks::<HASH_BYTES>();
        if !rest.is_empty() {
            return Err(NotTileBytes(bytes.len()));
        }
        Self::new(hashes.iter().map(|hash| TreeHash(*hash)).collect())
    }

    /// The bytes it is served as: its hashes one after the other.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.iter().flat_map(|hash| hash.0).collect()
    }

    /// Its hashes.
    #[must_use]
    pub fn hashes(&self) -> &[TreeHash] {
        &self.0
    }
}

/// Where the tiles of one ledger are: a store, a mirror, a peer.
pub trait Tiles {
    /// Why one cannot be had.
    type Error;

    /// The tile at `path`, always one of hashes, with at least its width.
    ///
    /// # Errors
    /// It cannot be had. A tile that is too narrow counts as missing.
    fn tile(&self, path: TilePath) -> Result<Tile, Self::Error>;
}

#[cfg(test)]
#[path = "tile_tests.rs"]
mod tests;
