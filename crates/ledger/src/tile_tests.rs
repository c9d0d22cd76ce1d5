//! Paths and tiles: the published examples, what is read back, and what is refused.

use super::*;

fn path(kind: TileKind, index: u64, width: u16) -> TilePath {
    TilePath { kind, index, width }
}

#[test]
fn paths_are_read_and_printed() {
    let cases = [
        ("tile/0/x001/x234/067", path(TileKind::Hashes(0), 1_234_067, 256)),
        ("tile/0/000", path(TileKind::Hashes(0), 0, 256)),
        ("tile/63/999.p/1", path(TileKind::Hashes(63), 999, 1)),
        ("tile/1/x001/000.p/255", path(TileKind::Hashes(1), 1_000, 255)),
        ("tile/entries/x012/345", path(TileKind::Entries, 12_345, 256)),
        ("tile/entries/x018/x446/x744/x073/x709/x551/615", path(TileKind::Entries, u64::MAX, 256)),
    ];
    for (text, expected) in cases {
        assert_eq!(text.parse(), Ok(expected), "{text}");
        assert_eq!(expected.to_string(), text);
    }
}

#[test]
fn what_is_no_path_is_refused() {
    for bad in [
        "",
        "tile",
        "tile/0",
        "tile/0/",
        "tile/0/0",
        "tile/0/0000",
        "tile/00/000",
        "tile/64/000",
        "tile/-1/000",
        "tile/+1/000",
        "tile/0/+00",
        "tile/0/x000",
        "tile/0/x000/001",
        "tile/0/001/002",
        "tile/0/xx01/002",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/01",
        "tile/0/000.p/+1",
        "tile/0/000.p/",
        "tile/0/000/",
        "/tile/0/000",
        "tile/data/000",
        "tile/0/x018/x446/x744/x073/x709/x551/616",
        "tile/0/x999/x999/x999/x999/x999/x999/x999/x999/x999/x999/x999/x999/999",
        "tile/0/../000",
    ] {
        assert_eq!(bad.parse::<TilePath>(), Err(NotATile), "{bad}");
    }
}

#[test]
fn the_published_example_of_widths() {
    // tlog-tiles: 70,000 leaves are 273 full tiles and one of 112; one full and one of 17; one of 1.
    assert_eq!(width_at(0, 272, 70_000), 256);
    assert_eq!(width_at(0, 273, 70_000), 112);
    assert_eq!(width_at(0, 274, 70_000), 0);
    assert_eq!(width_at(1, 0, 70_000), 256);
    assert_eq!(width_at(1, 1, 70_000), 17);
    assert_eq!(width_at(2, 0, 70_000), 1);
    assert_eq!(width_at(3, 0, 70_000), 0);
    assert_eq!((width_at(0, 0, 256), width_at(1, 0, 256)), (256, 1));
    assert_eq!(width_at(63, u64::MAX, u64::MAX), 0);
    assert!("tile/0/273.p/112".parse::<TilePath>().unwrap().within(70_000));
    assert!(!"tile/0/273.p/113".parse::<TilePath>().unwrap().within(70_000));
    assert!("tile/entries/273.p/1".parse::<TilePath>().unwrap().within(70_000));
    let all: Vec<String> = added(0, 70_000).map(|path| path.to_string()).collect();
    assert_eq!(all.len(), 274 + 2 + 1);
    assert!(all.contains(&"tile/1/001.p/17".to_owned()));
    let few: Vec<String> = added(255, 257).map(|path| path.to_string()).collect();
    assert_eq!(few, ["tile/0/000", "tile/0/001.p/1", "tile/1/000.p/1"]);
    assert_eq!(added(70_000, 70_000).count(), 0);
}

#[test]
fn tiles_have_a_least_and_a_greatest_width() {
    assert!(Tile::from_bytes(&[0; 32]).is_ok());
    assert!(Tile::from_bytes(&[0; 8192]).is_ok());
    for bytes in [0, 31, 33, 8193, 8224] {
        assert_eq!(Tile::from_bytes(&vec![0; bytes]), Err(NotTileBytes(bytes)));
    }
    let tile = Tile::from_bytes(&[7; 96]).unwrap();
    assert_eq!((tile.hashes().len(), tile.to_bytes()), (3, vec![7; 96]));
}
