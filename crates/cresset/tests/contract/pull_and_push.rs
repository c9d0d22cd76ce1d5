//! `pull` and `push` between two nodes over TAXII.

use serde_json::json;

use crate::scene::{ONE, Scene, TWO, bundle, indicator};

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

/// What one login has fetched does not hide from another what only that one may see.
#[test]
fn each_login_goes_on_from_its_own_place() {
    let (here, there) = (Scene::new(), Scene::new());
    let login = |name: &str| {
        let add = ["user", "add", name, "--role", "analyst", "--password-stdin"];
        there.here_with(&add, format!("pass-{name}-123456\n").as_bytes()).exits(0);
        let token =
            there.here(&["token", "create", "--user", name, "--scope", "read", "--scope", "write"]).exits(0);
        there.file(&format!("{name}.token"), token.json()["token"].as_str().unwrap())
    };
    let (few, all) = (login("few"), login("all"));
    there
        .here(&[
            "collection",
            "add",
            "f",
            "--title",
            "F",
            "--grant",
            "user:admin=rw",
            "--grant",
            "role:analyst=rw",
        ])
        .exits(0);
    let one = there.file("one.json", bundle(&[indicator(ONE, "[ipv4-addr:value = '198.51.100.7']")]));
    let two = there.file("two.json", bundle(&[indicator(TWO, "[ipv4-addr:value = '198.51.100.8']")]));
    there.here(&["import", &one, "--collection", "f", "--tlp", "red", "--to", "user:all"]).exits(0);
    there.here(&["import", &two, "--collection", "f", "--tlp", "clear"]).exits(0);
    let source = there.serve();
    let taxii = source.line["taxii"].as_str().unwrap().to_owned();

    let pull = |token: &str| {
        let asked = ["pull", &taxii, "--bearer-file", token, "--from", "f", "--collection", "inbox"];
        here.here(&asked).exits(0).json()["summary"]["accepted"].clone()
    };
    assert_eq!(pull(&few), 1);
    assert_eq!(pull(&all), 1);
    assert_eq!((pull(&few), pull(&all)), (json!(0), json!(0)));
    // The same person by name and password has one place, whatever the password.
    let by_name = |name: &str| {
        let asked =
            ["pull", &taxii, "--user", name, "--password-stdin", "--from", "f", "--collection", "inbox"];
        let ended = here.here_with(&asked, format!("pass-{name}-123456\n").as_bytes());
        ended.exits(0).json()["summary"]["total"].clone()
    };
    assert_eq!((by_name("all"), by_name("all")), (json!(2), json!(0)));

    source
        .there(&["collection", "add", "target", "--title", "Target", "--grant", "role:analyst=rw"])
        .exits(0);
    let push = |token: &str| {
        let asked = ["push", &taxii, "--bearer-file", token, "--to", "target", "--collection", "inbox"];
        here.here(&asked).exits(0).json()["summary"]["total"].clone()
    };
    assert_eq!((push(&few), push(&few), push(&all)), (json!(2), json!(0), json!(2)));
    assert_eq!(source.terminate(), 0);
}
