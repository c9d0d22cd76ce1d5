//! Commands that only read, on the directory of a node of a community: beside the running node, and when it has stopped.

use crate::scene::{ONE, bundle, indicator};
use crate::town::{Town, community, until};

/// Reads that answer the same as the running node does.
fn reads(id: &str) -> Vec<Vec<&str>> {
    let mut all: Vec<Vec<&str>> = [
        "peer list",
        "consent list",
        "circle list",
        "approval list",
        "node state",
        "node state --circle banks",
        "node figures",
        "node recover",
        "community show",
        "community pending",
        "collection list",
        "user list",
        "token list",
        "search beacon",
        "lookup 198.51.100.7",
        "export",
        "ledger checkpoint",
        "rebuild --check",
        "doctor",
        "peer evidence cert-b --out -",
        "community anchor --out -",
        "community registry --out -",
    ]
    .iter()
    .map(|words| words.split(' ').collect())
    .collect();
    for verb in ["get", "history", "edges", "holders"] {
        all.push(vec![verb, id]);
    }
    all.push(vec!["why", id, "--for", "cert-b"]);
    all.push(vec!["ledger", "proof", id, "--out", "-"]);
    all.push(vec!["collection", "grants", "inbox"]);
    all
}

/// A command that only reads works on the directory whoever else has it open, and says the same as the node.
#[test]
fn what_only_reads_answers_beside_the_node_and_without_it() {
    let [a, b, c] = community([("cert-a", "cert"), ("cert-b", "cert"), ("cert-c", "cert")]);
    a.ok(&["circle", "create", "banks", "--members", "cert-b"]);
    let mut one = indicator(ONE, "[ipv4-addr:value = '198.51.100.7']");
    one["name"] = "beacon".into();
    let id = one["id"].as_str().unwrap().to_owned();
    let file = a.scene.file("one.json", bundle(&[one]));
    a.node.there(&["import", &file, "--tlp", "amber", "--to", "banks,cert-b"]).exits(0);
    until("it has its receipt", || {
        a.ok(&["holders", &id]).as_array().unwrap().iter().any(|holder| holder["receipt"] == "valid")
    });
    a.ok(&["consent", "grant", &id, "--to", "cert-c", "--until", "2099-01-01T00:00:00Z"]);
    a.ok(&["peer", "sync", "--wait", "30"]);

    let asked = reads(&id);
    let told: Vec<_> = asked.iter().map(|args| a.node.there(args)).collect();
    for (args, there) in asked.iter().zip(&told) {
        let here = a.scene.here(args);
        assert_eq!(here.code, there.code, "{args:?}: {} {}", here.stdout, here.stderr);
        assert!(!here.stderr.contains("read-only") && !here.stdout.contains("read-only"), "{args:?}");
    }
    for args in [&["holders", &id][..], &["consent", "list"], &["node", "state", "--circle", "banks"]] {
        let (here, there) = (a.scene.here(args).exits(0).json(), a.ok(args));
        assert_eq!(here, there, "{args:?}");
    }
    assert_eq!(a.ok(&["consent", "list"]).as_array().unwrap().len(), 1);
    let peers = a.scene.here(&["peer", "list"]).exits(0).json();
    let peers = peers.as_array().unwrap();
    assert!(peers.len() == 2 && peers.iter().all(|peer| peer["lag_out"] == 0), "{peers:?}");

    assert!(a.scene.here(&["community", "anchor", "--out", "-"]).json()["doors"].is_array());

    let Town { scene, node } = a;
    assert_eq!(node.terminate(), 0);
    for (args, there) in asked.iter().zip(&told) {
        let here = scene.here(args);
        assert_eq!(here.code, there.code, "stopped, {args:?}: {} {}", here.stdout, here.stderr);
    }
    drop((b, c));
}
