//! Paths of tiles, and bundles: one tile has one path, one bundle has one form.
#![no_main]

use ledger::tile::{Tile, TilePath, read_entries, write_entries};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(path) = std::str::from_utf8(bytes).unwrap_or_default().parse::<TilePath>() {
        assert_eq!(path.to_string().as_bytes(), bytes);
    }
    if let Ok(tile) = Tile::from_bytes(bytes) {
        assert_eq!(tile.to_bytes(), bytes);
    }
    if let Ok(entries) = read_entries(bytes) {
        assert_eq!(write_entries(&entries).expect("what was read can be written"), bytes);
    }
});
