//! Paths of tiles, and tiles: one tile has one path and one form.
#![no_main]

use ledger::tile::{Tile, TilePath};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(path) = std::str::from_utf8(bytes).unwrap_or_default().parse::<TilePath>() {
        assert_eq!(path.to_string().as_bytes(), bytes);
    }
    if let Ok(tile) = Tile::from_bytes(bytes) {
        assert_eq!(tile.to_bytes(), bytes);
    }
});
