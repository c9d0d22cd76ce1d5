//! JSON: whatever is read prints to text that reads to the same tree, and prints the same again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stix::Json;

fuzz_target!(|bytes: &[u8]| {
    let Ok(tree) = Json::parse(bytes) else { return };
    let mut once = String::new();
    tree.write(&mut once);
    let again = Json::parse(once.as_bytes()).expect("what was printed can be read");
    assert_eq!(tree, again);
    let mut twice = String::new();
    again.write(&mut twice);
    assert_eq!(once, twice);
    assert!(
        serde_json::from_str::<serde::de::IgnoredAny>(&once).is_ok(),
        "another reader refuses what was printed"
    );
});
