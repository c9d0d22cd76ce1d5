//! Values in free text: each becomes an object, once.
#![no_main]

use libfuzzer_sys::fuzz_target;
use node::fuzzing::of_text;

fuzz_target!(|text: &str| {
    let mut objects = of_text(text);
    let count = objects.len();
    objects.sort();
    objects.dedup();
    assert_eq!(objects.len(), count, "a value is told once");
});
