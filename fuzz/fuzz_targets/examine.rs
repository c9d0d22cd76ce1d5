//! Examination: no input stalls or breaks it, a stricter profile never accepts more, and bytes stay what they were.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stix::{Profile, examine};

fuzz_target!(|bytes: &[u8]| {
    let kept = examine(bytes, Profile::Store);
    let by_text = examine(bytes, Profile::Specification).is_ok();
    let strict = examine(bytes, Profile::Strict).is_ok();
    assert!(!strict || by_text, "strict accepts what the specification refuses");
    assert!(!by_text || kept.is_ok(), "the specification accepts what storing refuses");
    match kept {
        Ok(valid) => {
            assert_eq!(valid.bytes(), bytes);
            let _ = (valid.digest(), valid.canonical_digest(), valid.references());
        }
        Err(rejected) => assert!(!rejected.to_string().is_empty()),
    }
    let verdict = stix::validate(bytes, false);
    assert_eq!(verdict.valid, verdict.errors.is_empty());
    assert!(!stix::validate(bytes, true).valid || verdict.valid);
});
