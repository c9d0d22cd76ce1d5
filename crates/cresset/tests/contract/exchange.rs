//! `pull` and `push` between two nodes, and the demonstration.

use serde_json::json;

use crate::scene::{ONE, Scene, TWO, bundle, indicator, run};

#[test]
fn a_collection_travels_by_pull_and_by_push_and_goes_on_where_it_stopped() {
    let (here, there) = (Scene::new(), Scene::new());
    let source = there.serve();
    let token = there.file("token", there.init["admin"]["token"].as_str().unwrap());
    let one = there.file("one.json", bundle(&[indicator(ONE, "[ipv4-addr:value = '198.51.100.7']")]));
    source.there(&["import", &one]).exits(0);
    let taxii = source.line["taxii"].as_str().unwrap().to_owned();

    let pull = || here.here(&["pull", &taxii, "--bearer-file", &token, "--from", "inbox"]);
    assert_eq!(pull().exits(0).json()["summary"]["accepted"], 1);
    assert_eq!(pull().exits(0).json()["summary"]["total"], 0);
    let two = there.file("two.json", bundle(&[indicator(TWO, "[ipv4-addr:value = '198.51.100.8']")]));
    source.there(&["import", &two]).exits(0);
    assert_eq!(
        pull().exits(0).json()["summary"],
        json!({
            "total": 1, "accepted": 1, "known": 0, "newer": 0, "older": 0, "refused": 0,
        })
    );
    let exact =
        |scene: &Scene| scene.here(&["export", "--type", "indicator"]).exits(0).json()["objects"].clone();
    assert_eq!(exact(&here), exact(&there));

    source
        .there(&["collection", "add", "target", "--title", "Target", "--grant", "role:analyst=rw"])
        .exits(0);
    let push =
        || here.here(&["push", &taxii, "--bearer-file", &token, "--to", "target", "--collection", "inbox"]);
    assert_eq!(push().exits(0).json()["summary"]["success"], 2);
    assert_eq!(push().exits(0).json()["summary"]["total"], 0);

    here.here(&["pull", &taxii, "--from", "inbox"]).exits(1);
    here.here(&["pull", &taxii, "--bearer-file", &token, "--from", "no-such"]).exits(1);
    here.here(&["pull", "http://127.0.0.1:1/taxii2/"]).exits(4);
    assert_eq!(source.terminate(), 0);
}

#[test]
fn the_demonstration_goes_as_told_and_leaves_its_record() {
    let room = tempfile::tempdir().unwrap();
    let dir = room.path().join("demo");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    drop(listener);
    let demo = || run(&["demo", "--once", "--json", "--dir", dir.to_str().unwrap(), "--port-base", &port]);
    let lines = demo().exits(0).lines();
    let (last, steps) = lines.split_last().unwrap();
    assert!(steps.len() >= 10 && steps.iter().all(|step| step["ok"] == true));
    assert_eq!(last["told"], true);
    let record: serde_json::Value =
        serde_json::from_slice(&std::fs::read(dir.join("demo.json")).unwrap()).unwrap();
    let node = &record["nodes"][0];
    assert!(["slug", "url", "data"].iter().all(|name| node[name].is_string()), "{node}");
    assert!(["user", "password", "token"].iter().all(|name| node["admin"][name].is_string()), "{node}");
    let data = node["data"].as_str().unwrap();
    run(&["node", "state", "--json", "--data", data]).exits(0);
    assert_eq!(run(&["rebuild", "--check", "--json", "--data", data]).exits(0).json()["equal"], true);
    demo().exits(0);
    std::fs::write(dir.join("holiday.jpg"), "x").unwrap();
    demo().exits(4);
}
