//! Splitting: every slice lies inside the input, in order, and is JSON by itself.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(split) = stix::split(bytes) else { return };
    let range = bytes.as_ptr_range();
    let mut last = range.start;
    for object in split.objects {
        let slice = object.as_ptr_range();
        assert!(last <= slice.start && slice.end <= range.end, "a slice lies outside, or before another");
        last = slice.end;
        assert!(serde_json::from_slice::<&serde_json::value::RawValue>(object).is_ok());
        let _ = stix::examine(object, stix::Profile::Store);
    }
});
