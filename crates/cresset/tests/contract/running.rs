//! `serve`: the line, the lock, the end, and test controls.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use crate::scene::{ONE, Running, Scene, bundle, indicator};

#[test]
fn the_line_comes_when_it_answers_and_sigterm_ends_it_with_0() {
    let scene = Scene::new();
    let running = scene.serve();
    let url = running.url();
    assert!(url.starts_with("http://127.0.0.1:"));
    assert_eq!(running.line["taxii"], format!("{url}/taxii2/"));
    assert_eq!(running.line["pid"], running.child.id());
    running.there(&["node", "state"]).exits(0);
    assert_eq!(running.terminate(), 0);
}

/// Who has sent half a request is owed nothing: only a whole one is waited for, and its answer comes.
#[test]
fn half_a_request_does_not_hold_up_the_end() {
    let scene = Scene::new();
    let running = scene.serve();
    let address = running.url().strip_prefix("http://").unwrap().to_owned();
    let mut half = std::net::TcpStream::connect(&address).unwrap();
    half.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Half:").unwrap();
    let mut whole = std::net::TcpStream::connect(&address).unwrap();
    whole.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut answer = [0; 12];
    whole.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");
    let begun = Instant::now();
    assert_eq!(running.terminate(), 0);
    assert!(begun.elapsed() < Duration::from_secs(15), "the head has 30 s while the node runs");
}

#[test]
fn a_held_directory_is_read_and_not_written() {
    let scene = Scene::new();
    let running = scene.serve();
    let refused = scene.here(&["user", "add", "x", "--role", "reader"]).exits(4);
    assert!(refused.stderr.contains("--url"), "{}", refused.stderr);
    assert!(Running::start(&scene.data(), &[], &[]).line["error"].is_object());
    scene.here(&["user", "list"]).exits(0);
    scene.here(&["node", "state"]).exits(0);
    assert_eq!(running.terminate(), 0);
    scene.here(&["user", "add", "x", "--role", "reader"]).exits(0);
}

#[test]
fn what_was_acknowledged_survives_a_sudden_death() {
    let scene = Scene::new();
    let mut running = scene.serve();
    let file = scene.file("one.json", bundle(&[indicator(ONE, "[ipv4-addr:value = '198.51.100.7']")]));
    running.there(&["import", &file]).exits(0);
    running.child.kill().unwrap();
    running.child.wait().unwrap();
    scene.here(&["lookup", "198.51.100.7"]).exits(0);
    assert_eq!(scene.here(&["doctor", "--deep"]).exits(0).json()["ok"], true);
}

#[test]
fn the_clock_moves_only_for_a_node_under_test() {
    let scene = Scene::new();
    let shifted = [("CRESSET_CLOCK_OFFSET", "+3d")];
    let token = scene.init["admin"]["token"].as_str().unwrap();
    let created = |running: &Running, name: &str| {
        running.there(&["user", "add", name, "--role", "reader"]).exits(0);
        let users = running.there(&["user", "list"]).exits(0).json();
        let of = |name: &str| {
            let user = users.as_array().unwrap().iter().find(|user| user["name"] == name).unwrap();
            user["created"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap()
        };
        of(name).duration_since(of("admin")).as_hours()
    };
    let running = Running::start(&scene.data(), &[], &shifted).with_token(token);
    assert_eq!(created(&running, "now"), 0);
    assert_eq!(running.terminate(), 0);
    let running = Running::start(&scene.data(), &["--allow-test-controls"], &shifted).with_token(token);
    assert_eq!(created(&running, "later"), 72);
}

#[test]
fn a_node_that_was_never_made_is_not_served() {
    let room = tempfile::tempdir().unwrap();
    assert!(Running::start(room.path(), &[], &[]).line["error"].is_object());
}

#[test]
fn the_configuration_file_is_read_and_its_mistakes_are_told() {
    let scene = Scene::new();
    std::fs::write(scene.data().join("cresset.toml"), "title = \"From the file\"\n").unwrap();
    assert_eq!(Running::start(&scene.data(), &[], &[]).terminate(), 0);
    std::fs::write(scene.data().join("cresset.toml"), "titel = \"x\"\n").unwrap();
    assert!(Running::start(&scene.data(), &[], &[]).line["error"].is_object());
}

/// A misspelt level is a filter on a part of the program that is not there, and would have the node say nothing at all.
#[test]
fn a_misspelt_level_of_the_log_is_told() {
    let scene = Scene::new();
    let data = scene.data();
    for said in ["warning", "verbose", "info,wbe"] {
        let refused = crate::scene::run(&["serve", "--data", data.to_str().unwrap(), "--log", said]).exits(2);
        assert!(refused.stderr.contains("error, warn, info, debug"), "{}", refused.stderr);
    }
    std::fs::write(data.join("cresset.toml"), "log = \"warning\"\n").unwrap();
    let refused = crate::scene::run(&["serve", "--data", data.to_str().unwrap()]).exits(2);
    assert!(refused.stderr.contains("log says \"warning\""), "{}", refused.stderr);
}
