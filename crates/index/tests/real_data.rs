//! Values of published lists and objects of ATT&CK are read as what they are, and found again.
//!
//! The data lie beside the workspace and are not part of it; where they are absent the tests say so and pass.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::PathBuf;

use flate2::read::GzDecoder;
use index::{How, TermKind, of_object, probes, value_term};
use stix::{Json, Profile, examine};

fn shared(path: &str) -> Option<Vec<u8>> {
    let place = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data").join(path);
    let Ok(packed) = std::fs::read(&place) else {
        eprintln!("SKIPPED: {} is not there", place.display());
        return None;
    };
    let mut text = Vec::new();
    GzDecoder::new(packed.as_slice()).read_to_end(&mut text).expect("a gzip file");
    Some(text)
}

/// How many values of a list are of each sort.
fn sorts(path: &str) -> Option<BTreeMap<&'static str, usize>> {
    let text = shared(path)?;
    let json = Json::parse(&text).expect("a JSON document");
    let mut counts = BTreeMap::new();
    for value in json.get("list").and_then(Json::as_list).expect("a list").iter().filter_map(Json::as_str) {
        let term = value_term(value).expect(value);
        let found = probes(value).iter().any(|probe| probe.term == term && probe.how == How::Exact);
        assert!(found, "{value} is found");
        let again = value_term(&term.value).expect("a term");
        assert_eq!(again, term, "the canonical form of {value} is its own");
        *counts.entry(term.kind.name()).or_insert(0) += 1;
    }
    eprintln!("{path}: {counts:?}");
    Some(counts)
}

#[test]
fn lists_of_addresses_hold_addresses_and_ranges() {
    for list in ["vpn-ipv4", "public-dns-v4", "rfc1918", "rfc5735", "amazon-aws"] {
        if let Some(counts) = sorts(&format!("warninglists/{list}.json.gz")) {
            assert!(counts.keys().all(|kind| ["address", "range"].contains(kind)), "{list}: {counts:?}");
        }
    }
}

#[test]
fn lists_of_domains_hold_domains() {
    for list in ["cloudflare-top50k", "dynamic-dns", "google", "microsoft-office365", "public-dns-hostname"] {
        if let Some(counts) = sorts(&format!("warninglists/{list}.json.gz")) {
            let all: usize = counts.values().sum();
            let domains = counts.get("domain").copied().unwrap_or_default();
            assert!(domains * 1000 >= all * 985, "{list}: {counts:?}");
        }
    }
}

#[test]
fn objects_of_attack_are_found_by_name_alias_and_number() {
    let Some(text) = shared("attack/enterprise-attack.json.gz") else { return };
    let split = stix::split(&text).expect("a bundle");
    let (mut objects, mut terms) = (0, 0);
    for bytes in &split.objects {
        let valid = examine(bytes, Profile::Store).expect("an object");
        let indexed = of_object(&valid);
        let mut expected: Vec<&str> = Vec::new();
        let json = valid.json();
        expected.extend(json.get("name").and_then(Json::as_str));
        for key in ["aliases", "x_mitre_aliases"] {
            let aliases = json.get(key).and_then(Json::as_list).unwrap_or_default();
            expected.extend(aliases.iter().filter_map(Json::as_str));
        }
        let sources = json.get("external_references").and_then(Json::as_list).unwrap_or_default();
        expected.extend(sources.iter().filter_map(|source| source.get("external_id").and_then(Json::as_str)));
        for value in expected {
            let exact = probes(value).into_iter().filter(|probe| probe.how == How::Exact);
            let found = exact.map(|probe| probe.term).any(|term| indexed.terms.contains(&term));
            assert!(found, "{}: {value:?} in {:?}", valid.id(), indexed.terms);
        }
        assert!(indexed.terms.iter().all(|term| term.kind != TermKind::Other), "{}", valid.id());
        assert!(!indexed.label.is_empty(), "{}", valid.id());
        objects += 1;
        terms += indexed.terms.len();
    }
    eprintln!("{objects} objects, {terms} terms");
    assert_eq!(objects, 24_771);
}
