//! Exchange between real nodes: what is for whom arrives there and nowhere else, and what is taken back is gone everywhere.

use serde_json::{Value, json};

use crate::scene::{bundle, indicator};
use crate::town::{Town, agree, community, until};

const ONE: &str = "indicator--11111111-1111-4111-8111-111111111111";
const TWO: &str = "indicator--22222222-2222-4222-8222-222222222222";
const THREE: &str = "indicator--33333333-3333-4333-8333-333333333333";

/// A bundle of indicators of addresses.
fn addresses(list: &[(&str, &str)]) -> String {
    let indicators = list.iter().map(|(id, address)| {
        indicator(id.trim_start_matches("indicator--"), &format!("[ipv4-addr:value = '{address}']"))
    });
    bundle(&indicators.collect::<Vec<_>>())
}

fn has(town: &Town, id: &str) -> bool {
    town.node.there(&["get", id]).code == 0
}

fn state(town: &Town) -> Value {
    town.ok(&["node", "state"])["state_hash"].clone()
}

#[test]
fn the_ransomware_story_between_four_nodes() {
    let [a, b, c, s] =
        community([("cert-a", "cert"), ("cert-b", "cert"), ("cert-c", "cert"), ("desk", "secretariat")]);
    let file = a.scene.file("campaign.json", addresses(&[(ONE, "203.0.113.9"), (TWO, "203.0.113.10")]));

    // What is for B is at B, and only there.
    let receipts = a.node.there(&["import", &file, "--tlp", "amber", "--to", "cert-b"]).exits(0).lines();
    assert_eq!(receipts.last().unwrap()["summary"]["accepted"], 2);
    until("B has it", || has(&b, ONE) && has(&b, TWO));
    let got = b.ok(&["get", ONE]);
    assert_eq!((&got["handling"]["tlp"], &got["origin"]), (&json!("amber"), &json!("cert-a")), "{got}");
    assert!(!has(&c, ONE) && !has(&s, ONE));
    for other in [&c, &s] {
        assert_eq!(other.ok(&["node", "state"])["objects"], 0, "not even in counts");
        assert_eq!(other.node.there(&["lookup", "203.0.113.9"]).lines()[0]["known"], false);
    }
    until("the receipts have come", || {
        let holders = a.ok(&["holders", ONE]);
        holders[0]["member"] == "cert-b" && holders[0]["receipt"] == "valid"
    });

    // B saw it, and A hears of it.
    let sighted = b.ok(&["sight", ONE, "--count", "3"]);
    let sighting = sighted["id"].as_str().unwrap();
    until("A knows of the sighting", || has(&a, sighting));
    assert_eq!(a.ok(&["get", sighting])["origin"], "cert-b");
    assert!(!has(&c, sighting) && !has(&s, sighting) && !has(&c, ONE));

    // A lets C in: C has what B has, and both hold the same.
    let shared = a.ok(&["share", ONE, "--to", "cert-c"]);
    assert_eq!(shared["withheld"], json!([]), "{shared}");
    until("C has it", || has(&c, ONE));
    assert!(!has(&c, TWO) && !has(&s, ONE));
    a.ok(&["share", TWO, "--to", "cert-c"]);
    until("C has both", || has(&c, TWO));

    // What A narrows is narrower at B and C.
    a.ok(&["narrow", ONE, "--pap", "red"]);
    until("B and C handle it more strictly", || {
        [&b, &c].iter().all(|town| town.ok(&["get", ONE])["handling"]["pap"] == "red")
    });

    // One of them was false.
    let recalled = a.ok(&["recall", TWO, "--reason", "a mistake", "--wait", "30"]);
    let receipts = recalled["receipts"].as_array().unwrap();
    assert_eq!(receipts.len(), 2, "{recalled}");
    assert!(receipts.iter().all(|one| one["status"] == "done" && one["signature"].is_string()), "{recalled}");
    for town in [&a, &b, &c] {
        assert!(!has(town, TWO) && has(town, ONE));
        assert_eq!(town.node.there(&["lookup", "203.0.113.10"]).lines()[0]["known"], false);
    }
    for peer in a.ok(&["peer", "sync", "--wait", "30"]).as_array().unwrap() {
        assert_eq!(peer["lag_out"], 0, "{peer}");
    }

    // Without the secretariat it goes on.
    assert_eq!(s.node.terminate(), 0);
    let file = a.scene.file("more.json", addresses(&[(THREE, "203.0.113.11")]));
    a.node.there(&["import", &file, "--tlp", "green", "--to", "cert-b,cert-c", "--flash"]).exits(0);
    until("B and C have it", || has(&b, THREE) && has(&c, THREE));
    agree(&[&a, &b, &c], 4);
    assert_ne!(state(&b), state(&c), "C was let in later, and does not know of the sighting");
    // What is another's is not this node's to change.
    b.node.there(&["recall", THREE]).exits(1);
    b.node.there(&["share", THREE, "--to", "desk"]).exits(1);
    assert!(has(&a, THREE));
}
