//! Lists with a header line: whatever line becomes an object, it is one, and the same list gives the same objects again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use node::fuzzing::of_list;

fuzz_target!(|text: &str| {
    let (objects, refused) = of_list(text);
    assert_eq!(of_list(text), (objects, refused));
});
