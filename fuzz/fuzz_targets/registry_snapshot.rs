//! Registry snapshots: one that is read prints to the bytes it was read from, and its entries replay in any order.
#![no_main]

use community::{Registry, Snapshot};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(snapshot) = Snapshot::parse(bytes) else { return };
    assert_eq!(snapshot.to_text().as_bytes(), bytes);
    let backwards = Registry::replay(snapshot.entries().iter().rev()).expect("order does not matter");
    assert_eq!(backwards.state_hash(), snapshot.registry().state_hash());
});
