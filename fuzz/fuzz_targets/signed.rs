//! Signed statements: what is read prints to a statement that says the same; nothing panics.
#![no_main]

use base::signed::Signed;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(signed) = Signed::parse(bytes) else { return };
    let again = Signed::parse(signed.to_json().as_bytes()).expect("a printed statement can be read");
    assert_eq!(signed, again);
    assert!(signed.message().starts_with(b"DSSEv1 "));
});
