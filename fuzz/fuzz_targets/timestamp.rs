//! Timestamps: order is total and agrees with the clock's microseconds; text stays what it was.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stix::Timestamp;

fuzz_target!(|pair: (&str, &str)| {
    let (Ok(a), Ok(b)) = (Timestamp::parse(pair.0), Timestamp::parse(pair.1)) else { return };
    assert_eq!(a.as_str(), pair.0);
    assert_eq!(a.cmp(&b), b.cmp(&a).reverse());
    assert_eq!(a == b, a.sort_key() == b.sort_key());
    if a < b {
        assert!(a.micros() <= b.micros(), "{a:?} is before {b:?}, but not in microseconds");
    }
    let round = Timestamp::from_micros(a.micros());
    assert_eq!(round.micros(), a.micros());
});
