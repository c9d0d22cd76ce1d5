//! The end of retention: what is past it is gone from every node that had it, files and all, and what was proved stays proved.

use std::path::Path;

use base::{Clock, Micros, SystemClock};
use serde_json::{Value, json};

use crate::scene::{ONE, Running, Scene, TWO, bundle, indicator};
use crate::town::{community, holds as has, until};

const MARKER: &str = "zzretentionmarkerzz";

/// Whether a file of a node's directory holds the marker.
pub(crate) fn holds(directory: &Path, marker: &str) -> bool {
    std::fs::read_dir(directory).unwrap().flatten().any(|entry| {
        let path = entry.path();
        if path.is_dir() {
            return holds(&path, marker);
        }
        // A file that is gone by now holds nothing.
        let bytes = std::fs::read(&path).unwrap_or_default();
        bytes.windows(marker.len()).any(|window| window.eq_ignore_ascii_case(marker.as_bytes()))
    })
}

/// A moment so many days from now, RFC 3339.
pub(crate) fn days(count: i64) -> String {
    let now = SystemClock::default().now();
    stix::Timestamp::text_of(Micros(now.0 + count * 86_400 * Micros::SECOND))
}

fn named(uuid: &str, name: &str) -> Value {
    let mut object = indicator(uuid, "[ipv4-addr:value = '203.0.113.9']");
    object["name"] = json!(name);
    object
}

#[test]
fn both_ends_destroy_what_is_past_its_retention() {
    let [mut a, mut b] = community([("cert-a", "cert"), ("cert-b", "cert")]);
    let (id, kept) = (format!("indicator--{ONE}"), format!("indicator--{TWO}"));
    let file = a.scene.file("short.json", bundle(&[named(ONE, MARKER)]));
    let give = ["import", file.as_str(), "--tlp", "amber", "--to", "cert-b", "--retain-until"];
    a.node.there(&[&give[..], &[&days(2)]].concat()).exits(0);
    let long = a.scene.file("long.json", bundle(&[named(TWO, "stays")]));
    a.node.there(&["import", &long, "--tlp", "amber", "--to", "cert-b"]).exits(0);
    until("B has both", || has(&b, &id) && has(&b, &kept));
    // Files are read while the node folds one into the other: a look can fall between both.
    until("the files hold it", || holds(&a.scene.data(), MARKER) && holds(&b.scene.data(), MARKER));
    let (proof, registry) = (a.scene.path("proof.json"), a.scene.path("registry.json"));
    let (proof, registry) = (proof.to_str().unwrap(), registry.to_str().unwrap());
    a.ok(&["ledger", "proof", &id, "--out", proof]);
    a.ok(&["community", "registry", "--out", registry]);
    a.node.there(&["verify", proof, "--registry", registry]).exits(0);
    let before = a.ok(&["node", "state"])["leaves"].as_u64().unwrap();

    for town in [&mut a, &mut b] {
        town.comes_back_later("+3d");
    }
    for town in [&a, &b] {
        assert!(!has(town, &id) && has(town, &kept));
        until("the files hold nothing of it", || !holds(&town.scene.data(), MARKER));
        until("doctor finds nothing past its retention", || {
            // Who came back first may have been told the clock that the other had before: that is another check's word.
            let checks = town.node.there(&["doctor"]).json();
            let checks = checks["checks"].as_array().unwrap();
            checks.iter().any(|check| check["name"] == "retention" && check["ok"] == true)
        });
        assert_eq!(
            town.node.there(&["lookup", "203.0.113.9"]).lines()[0]["matches"].as_array().unwrap().len(),
            1
        );
        assert_eq!(town.ok(&["rebuild", "--check"])["equal"], true);
    }
    assert_eq!(a.ok(&["node", "state"])["state_hash"], b.ok(&["node", "state"])["state_hash"]);
    assert!(a.ok(&["node", "state"])["leaves"].as_u64().unwrap() > before, "it is an act of its own");
    a.node.there(&["verify", proof, "--registry", registry]).exits(0);

    // A copy that somebody has kept does not come back by hand; its originator gives it anew.
    let copy = b.scene.file("copy.json", bundle(&[named(ONE, MARKER)]));
    let receipts = b.node.there(&["import", &copy]).lines();
    assert_eq!(
        (&receipts[0]["outcome"], &receipts[0]["code"]),
        (&json!("refused"), &json!("retention-over")),
        "{receipts:?}"
    );
    assert!(!has(&b, &id));
    a.node.there(&[&give[..], &[&days(30)]].concat()).exits(0);
    until("B has it again", || has(&b, &id));
    assert_eq!(a.ok(&["node", "state"])["state_hash"], b.ok(&["node", "state"])["state_hash"]);
}

#[test]
fn a_node_that_stands_alone_destroys_too_and_doctor_tells() {
    let scene = Scene::new();
    let file = scene.file("short.json", bundle(&[named(ONE, MARKER), named(TWO, "other")]));
    scene.here(&["import", &file, "--tlp", "green", "--retain-until", &days(2)]).exits(0);
    assert!(holds(&scene.data(), MARKER));
    let node = Running::start(&scene.data(), &["--allow-test-controls"], &[("CRESSET_CLOCK_OFFSET", "+3d")]);
    let node = node.with_token(scene.init["admin"]["token"].as_str().unwrap());
    until("the files hold nothing of it", || !holds(&scene.data(), MARKER));
    assert_eq!(node.there(&["node", "state"]).exits(0).json()["objects"], 0);
    // The member's own people may bring it again.
    node.there(&["import", &file, "--tlp", "green"]).exits(0);
    assert_eq!(node.there(&["node", "state"]).exits(0).json()["objects"], 2);
    assert_eq!(node.terminate(), 0);
}
