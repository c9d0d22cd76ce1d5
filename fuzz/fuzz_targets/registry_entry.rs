//! Registry entries: one that is read prints to the bytes it was read from, and none founds a registry that cannot be hashed.
#![no_main]

use community::{Entry, Registry};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(entry) = Entry::parse(bytes) else { return };
    assert_eq!(entry.to_json().as_bytes(), bytes);
    let _ = entry.community();
    if let Ok(mut registry) = Registry::found(&entry) {
        let hash = registry.state_hash();
        assert!(registry.apply(&entry).is_ok());
        assert_eq!(hash, registry.state_hash());
    }
});
