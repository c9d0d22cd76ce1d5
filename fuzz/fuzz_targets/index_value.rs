//! Values: what was indexed is found, and a canonical value is its own canonical form.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|value: &str| {
    let probes = index::probes(value);
    for probe in &probes {
        assert!(!probe.term.value.is_empty());
    }
    if let Some(term) = index::value_term(value) {
        assert!(probes.iter().any(|probe| probe.term == term), "{term:?} was indexed and is not asked for");
        let again = index::value_term(&term.value);
        assert_eq!(again.as_ref(), Some(&term), "a canonical value has another canonical form");
        let _ = term.ends();
    }
    let _ = (
        index::name_term(value),
        index::other_term(value),
        index::reference_term(value),
        index::asked_range(value),
    );
    let plain = index::refang(value);
    assert_eq!(index::refang(&plain), plain, "refanging twice is not refanging once");
});
