//! Acts: the bytes stay as they came; a header that is written anew says the same.
#![no_main]

use ledger::act::Act;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(act) = Act::parse(bytes) else { return };
    assert_eq!(act.bytes(), bytes);
    let Ok(anew) = act.header().clone().seal() else { return };
    assert_eq!(Act::parse(anew.bytes()).expect("a sealed header can be read").header(), act.header());
});
