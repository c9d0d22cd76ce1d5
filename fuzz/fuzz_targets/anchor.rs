//! Anchor files: one that is read prints to the same text, and its founding founds the community it names.
#![no_main]

use community::{Anchor, Registry};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(anchor) = Anchor::parse(bytes) else { return };
    let again = Anchor::parse(anchor.to_text().as_bytes()).expect("a printed anchor can be read");
    assert_eq!(again.to_text(), anchor.to_text());
    let registry = Registry::found(anchor.founding()).expect("an anchor's founding was checked");
    assert_eq!(registry.id(), anchor.community());
});
