//! Objects and texts: everything that is indexed stays within its bounds, and a text is found by its own words.
#![no_main]

use base::limit::{OBJECT_WORDS_BYTES_MAX, QUERY_WORDS_MAX};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = std::str::from_utf8(bytes) {
        assert!(index::words(text).len() <= OBJECT_WORDS_BYTES_MAX);
        assert!(index::query_words(text).len() <= QUERY_WORDS_MAX);
    }
    let Ok(valid) = stix::examine(bytes, stix::Profile::Store) else { return };
    let indexed = index::of_object(&valid);
    assert!(!indexed.label.is_empty());
    assert!(indexed.words.len() <= OBJECT_WORDS_BYTES_MAX);
    let mut terms = indexed.terms.clone();
    terms.dedup();
    assert_eq!(terms, indexed.terms, "a term stands twice");
    assert_eq!(indexed, index::of_object(&valid));
});
