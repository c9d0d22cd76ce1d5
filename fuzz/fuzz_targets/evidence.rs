//! Evidence: what is read prints to evidence that says the same, and verifying it never panics.
#![no_main]

use ledger::evidence::Evidence;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(evidence) = Evidence::parse(bytes) else { return };
    let again = Evidence::parse(evidence.to_json().as_bytes()).expect("printed evidence can be read");
    assert_eq!(evidence, again);
    let _ = evidence.verify();
});
