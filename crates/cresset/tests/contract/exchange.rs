//! `pull` and `push` between two nodes, and the demonstration.

use serde_json::{Value, json};

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
fn all_versions_travel_where_they_are_asked_for() {
    let (here, there) = (Scene::new(), Scene::new());
    let source = there.serve();
    let token = there.file("token", there.init["admin"]["token"].as_str().unwrap());
    let taxii = source.line["taxii"].as_str().unwrap().to_owned();
    let version = |minute: u32| {
        let mut object = indicator(ONE, "[ipv4-addr:value = '198.51.100.7']");
        object["modified"] = json!(format!("2025-01-01T00:{minute:02}:00.000Z"));
        object
    };
    for minute in [2, 1, 3] {
        let file = there.file("version.json", bundle(&[version(minute)]));
        source.there(&["import", &file]).exits(0);
    }
    let pull = |more: &[&str]| {
        let asked = [&["pull", &taxii, "--bearer-file", &token, "--from", "inbox"], more].concat();
        here.here(&asked).exits(0).json()["summary"]["total"].clone()
    };
    let history =
        || here.here(&["history", &format!("indicator--{ONE}")]).exits(0).json().as_array().unwrap().len();
    assert_eq!((pull(&[]), history()), (json!(1), 1));
    assert_eq!((pull(&["--versions", "last"]), history()), (json!(0), 1));
    // What stopped a pull of the latest versions is not where one of all of them begins.
    assert_eq!((pull(&["--versions", "all", "--limit", "2"]), history()), (json!(3), 3));
    assert_eq!((pull(&["--versions", "all"]), pull(&[])), (json!(0), json!(0)));

    for (target, versions, sent) in [("every", "all", 3), ("latest", "last", 1)] {
        source
            .there(&["collection", "add", target, "--title", target, "--grant", "role:analyst=rw"])
            .exits(0);
        let push = || {
            let asked = ["push", &taxii, "--bearer-file", &token, "--to", target, "--collection", "inbox"];
            here.here(&[&asked[..], &["--versions", versions]].concat()).exits(0).json()["summary"].clone()
        };
        assert_eq!(
            (push()["success"].clone(), push()["total"].clone()),
            (json!(sent), json!(0)),
            "{versions}"
        );
        let export = ["export", "--collection", target, "--type", "indicator"];
        let held = source.there(&export).exits(0).json()["objects"].clone();
        assert_eq!(held, json!([version(3)]), "{versions}");
    }
    assert_eq!(source.terminate(), 0);
}

#[test]
fn the_demonstration_goes_as_told_and_leaves_its_record() {
    let room = tempfile::tempdir().unwrap();
    let dir = room.path().join("demo");
    let demo = || run(&["demo", "--once", "--json", "--dir", dir.to_str().unwrap(), "--port-base", "0"]);
    let lines = demo().exits(0).lines();
    let (last, steps) = lines.split_last().unwrap();
    assert!(steps.len() >= 20 && steps.iter().all(|step| step["ok"] == true));
    for step in steps {
        for part in ["asked", "evidence"] {
            let lines = step[part].as_array().unwrap();
            assert!(!lines.is_empty() && lines.iter().all(|line| line.is_string()), "{step}");
        }
    }
    assert_eq!(last["told"], true);
    let record: Value = serde_json::from_slice(&std::fs::read(dir.join("demo.json")).unwrap()).unwrap();
    let nodes = record["nodes"].as_array().unwrap();
    let slugs: Vec<&str> = nodes.iter().map(|node| node["slug"].as_str().unwrap()).collect();
    assert_eq!(slugs, ["cert-aldermoor", "cert-brackwater", "cert-cinderholm", "secretariat"]);
    // What is left in the four directories is what was told: one registry, and to each what was for it.
    let mut registries = Vec::new();
    for (node, got) in nodes.iter().zip([0, 0, 0, 1]) {
        assert!(["slug", "url", "data"].iter().all(|name| node[name].is_string()), "{node}");
        assert!(["user", "password", "token"].iter().all(|name| node["admin"][name].is_string()), "{node}");
        let data = node["data"].as_str().unwrap();
        let here = |words: &[&str]| run(&[words, &["--json", "--data", data]].concat()).exits(0).json();
        assert_eq!(here(&["rebuild", "--check"])["equal"], true);
        registries.push(here(&["community", "show"])["state_hash"].clone());
        run(&["get", "indicator--0f3a8c6d-7e52-4d0a-a1c7-2d9b5e8f1605", "--data", data]).exits(got);
        run(&["get", "indicator--e81d3b97-05c6-4a1c-bd4c-94f2c0b6a504", "--data", data]).exits(1);
    }
    assert!(registries.iter().all(|one| *one == registries[0]), "{registries:?}");
    // It can be had again in the same place, and touches nothing that is not its own.
    demo().exits(0);
    std::fs::write(dir.join("holiday.jpg"), "x").unwrap();
    demo().exits(4);
    run(&["demo", "--once", "--dir", dir.to_str().unwrap(), "--port-base", "65534"]).exits(4);
    run(&["demo", "--once", "--dir", room.path().join("x").to_str().unwrap(), "--port-base", "65534"])
        .exits(2);
}
