//! `backup` and `restore`.

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
