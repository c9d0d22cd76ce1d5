//! Patterns: what is read prints to text that reads to the same tree; matching anything ends, and matches twice the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stix::Json;
use stix::pattern::matching::Observations;

const OBSERVED: &str = r#"{"type":"bundle","id":"bundle--5d0092c5-5f74-4287-9642-33f4c354e56d","objects":[
    {"type":"file","id":"file--5a27d487-c542-5f97-a131-a8866b477b46","name":"aaaaaaaaaaaaaaaaaaaaaaaaaaaa!","size":1,
     "hashes":{"MD5":"d41d8cd98f00b204e9800998ecf8427e"}},
    {"type":"ipv4-addr","id":"ipv4-addr--ff26c055-6336-5bc5-b98d-13d6226742dd","value":"198.51.100.1"},
    {"type":"network-traffic","id":"network-traffic--2568d22a-8998-58eb-99ec-3c8ca74f527d","protocols":["tcp","http"],
     "dst_ref":"ipv4-addr--ff26c055-6336-5bc5-b98d-13d6226742dd","dst_port":443},
    {"type":"observed-data","id":"observed-data--b67d30ff-02ac-498a-92f9-32f845f448cf","first_observed":"2024-01-01T00:00:00Z",
     "last_observed":"2024-01-01T00:00:10Z","number_observed":3,"object_refs":["file--5a27d487-c542-5f97-a131-a8866b477b46"]},
    {"type":"observed-data","id":"observed-data--c67d30ff-02ac-498a-92f9-32f845f448cf","first_observed":"2024-01-01T00:00:20Z",
     "last_observed":"2024-01-01T00:00:30Z","number_observed":1,"object_refs":["ipv4-addr--ff26c055-6336-5bc5-b98d-13d6226742dd",
     "network-traffic--2568d22a-8998-58eb-99ec-3c8ca74f527d"]}]}"#;

fuzz_target!(|text: &str| {
    let Ok(pattern) = stix::pattern::parse(text) else {
        assert!(stix::pattern::check(text).is_err());
        return;
    };
    let printed = pattern.to_string();
    let again = stix::pattern::parse(&printed).expect("a printed pattern can be read");
    assert_eq!(pattern, again);
    assert_eq!(printed, again.to_string());
    let tree = Json::parse(OBSERVED.as_bytes()).expect("the observation is JSON");
    let over = Observations::from_bundle(&tree);
    let matched = pattern.match_over(&over);
    assert_eq!(matched, again.match_over(&over));
    if let Some(binding) = matched {
        assert!(binding.iter().all(|at| *at < over.len()));
    }
});
