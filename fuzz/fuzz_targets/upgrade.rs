//! STIX 2.0: what is upgraded is an object, says that it is 2.1, and upgrading it again changes nothing.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stix::upgrade::from_2_0;
use stix::{Profile, examine};

fuzz_target!(|bytes: &[u8]| {
    for upgraded in from_2_0(bytes).into_iter().flatten() {
        let valid = examine(&upgraded, Profile::Store).expect("what was upgraded is an object");
        assert_eq!(valid.spec_version(), "2.1");
        let again: Vec<_> = from_2_0(&upgraded).into_iter().flatten().collect();
        assert_eq!(again, [upgraded.trim_ascii()], "an upgrade is done once");
    }
});
