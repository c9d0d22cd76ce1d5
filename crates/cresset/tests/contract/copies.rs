//! `backup` and `restore`.

use crate::recovery::ask_node;
use crate::scene::{ONE, Scene, bundle, indicator, run};

#[test]
fn a_copy_of_a_running_node_becomes_the_same_node() {
    let scene = Scene::new();
    let key = scene.file("key", scene.init["recovery_key"].as_str().unwrap());
    let running = scene.serve();
    let file = scene.file("one.json", bundle(&[indicator(ONE, "[ipv4-addr:value = '198.51.100.7']")]));
    running.there(&["import", &file]).exits(0);
    let hash = running.there(&["node", "state"]).exits(0).json()["state_hash"].clone();
    let copy = scene.path("copy").to_str().unwrap().to_owned();
    assert_eq!(scene.here(&["backup", &copy]).exits(0).json()["objects"], 1);
    scene.here(&["backup", &copy]).exits(4);
    let plain = std::fs::read(&copy).unwrap();
    assert!(!plain.windows(12).any(|window| window == b"198.51.100.7"));

    let restore = |more: &[&str]| run(&[&["restore", &copy, "--json"], more].concat());
    let told = restore(&["--verify-only", "--recovery-key-file", &key]).exits(0).json();
    assert_eq!((told["verified"] == true, told["objects"] == 1), (true, true));
    let target = scene.path("restored").to_str().unwrap().to_owned();
    restore(&["--data", &target, "--recovery-key-file", &key]).exits(0);
    let state = run(&["node", "state", "--json", "--data", &target]).exits(0).json();
    assert_eq!(state["state_hash"], hash);
    restore(&["--data", &target, "--recovery-key-file", &key]).exits(4);
    assert_eq!(running.terminate(), 0);
}

/// A copy that was made while the node served is told by it, one that failed is not; a restored node has made none.
#[test]
fn doctor_and_figures_tell_when_the_last_backup_was_made() {
    let scene = Scene::new();
    let key = scene.file("key", scene.init["recovery_key"].as_str().unwrap());
    let running = scene.serve();
    let told = |checks: serde_json::Value| {
        let line =
            checks["checks"].as_array().unwrap().iter().find(|check| check["name"] == "backup").unwrap();
        assert_eq!(line["ok"], true);
        line["detail"].as_str().unwrap().to_owned()
    };
    let figure = || {
        let (head, figures) = ask_node(&running, "/metrics", "*/*");
        assert!(head.starts_with("http/1.1 200"), "{head}");
        figures.lines().find_map(|line| line.strip_prefix("cresset_last_backup_seconds ").map(str::to_owned))
    };
    let doctor = || told(running.there(&["doctor"]).json());
    scene.here(&["backup", "/nonexistent/copy"]).exits(4);
    assert!(doctor().contains("no backup of this directory is noted"), "{}", doctor());
    assert_eq!(figure(), None);
    let copy = scene.path("copy").to_str().unwrap().to_owned();
    scene.here(&["backup", &copy]).exits(0);
    assert!(doctor().starts_with("the last backup was made at 20"), "{}", doctor());
    assert!(doctor().ends_with("less than an hour ago"), "{}", doctor());
    assert!(figure().unwrap().parse::<u64>().unwrap() > 1_700_000_000);
    let target = scene.path("restored").to_str().unwrap().to_owned();
    run(&["restore", &copy, "--data", &target, "--recovery-key-file", &key]).exits(0);
    let of_restored = told(run(&["doctor", "--data", &target, "--json"]).json());
    assert!(of_restored.contains("no backup of this directory is noted"), "{of_restored}");
}

#[test]
fn a_wrong_key_or_a_changed_copy_is_3() {
    let scene = Scene::new();
    let other = Scene::new();
    let copy = scene.path("copy").to_str().unwrap().to_owned();
    scene.here(&["backup", &copy]).exits(0);
    let key = scene.file("key", scene.init["recovery_key"].as_str().unwrap());
    let wrong = scene.file("wrong", other.init["recovery_key"].as_str().unwrap());
    let no_key = scene.file("none", "hunter2");
    let target = scene.path("restored").to_str().unwrap().to_owned();
    let restore =
        |copy: &str, key: &str| run(&["restore", copy, "--data", &target, "--recovery-key-file", key]);
    assert!(restore(&copy, &wrong).exits(3).stderr.contains("another"));
    restore(&copy, &no_key).exits(3);
    let mut bytes = std::fs::read(&copy).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    restore(&scene.file("changed", &bytes), &key).exits(3);
    restore(&scene.file("cut", &bytes[..middle]), &key).exits(3);
    restore("/nonexistent/copy", &key).exits(4);
    restore(&copy, &key).exits(0);
}
