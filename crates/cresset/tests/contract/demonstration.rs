//! The demonstration: told as it happened, and all that it leaves.

use serde_json::Value;

use crate::scene::run;

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
    // It can be had again in the same place, and touches nothing that is not its own. In words it ends with what starts the nodes again,
    // each where the others look for it.
    let told = run(&["demo", "--once", "--dir", dir.to_str().unwrap(), "--port-base", "0"]).exits(0).stdout;
    let record: Value = serde_json::from_slice(&std::fs::read(dir.join("demo.json")).unwrap()).unwrap();
    for node in record["nodes"].as_array().unwrap() {
        let (data, url) = (node["data"].as_str().unwrap(), node["url"].as_str().unwrap());
        let line = format!(" serve --data {data} --listen {}\n", url.trim_start_matches("http://"));
        assert!(told.contains(&line), "{line} is not in {told}");
    }
    std::fs::write(dir.join("holiday.jpg"), "x").unwrap();
    demo().exits(4);
    run(&["demo", "--once", "--dir", dir.to_str().unwrap(), "--port-base", "65534"]).exits(4);
    run(&["demo", "--once", "--dir", room.path().join("x").to_str().unwrap(), "--port-base", "65534"])
        .exits(2);
}
