//! Data about persons: it stays on its home node whoever it is addressed to, ends by itself, and of minors it is not taken in.

use serde_json::{Value, json};

use crate::retention::holds;
use crate::scene::{ONE, Running, Scene, TWO, bundle, indicator};
use crate::town::{community, holds as has, until};

const DOE: &str = "zzdoezz";

fn individual(uuid: &str) -> Value {
    json!({
        "type": "identity", "spec_version": "2.1", "id": format!("identity--{uuid}"), "identity_class": "individual",
        "created": "2025-01-01T00:00:00.000Z", "modified": "2025-01-01T00:00:00.000Z", "name": DOE,
    })
}

/// A person, a person's account and named address; an address, and an indicator that the person made.
fn objects() -> [Value; 5] {
    let mut made = indicator(TWO, "[email-addr:value = 'phish@example.com']");
    made["created_by_ref"] = json!(format!("identity--{ONE}"));
    let observable = |kind: &str, no: u8| json!({"type": kind, "spec_version": "2.1", "id": format!("{kind}--{no}1111111-1111-4111-8111-111111111111")});
    let mut account = observable("user-account", 3);
    account["account_login"] = json!(DOE);
    let mut named = observable("email-addr", 4);
    named["value"] = json!("someone@example.org");
    named["display_name"] = json!(DOE);
    let mut plain = observable("email-addr", 5);
    plain["value"] = json!("phish@example.com");
    [individual(ONE), account, named, plain, made]
}

fn id(object: &Value) -> &str {
    object["id"].as_str().unwrap()
}

#[test]
fn persons_stay_at_home_and_what_refers_to_them_goes_on() {
    let [a, b] = community([("cert-a", "cert"), ("cert-b", "cert")]);
    let all = objects();
    let (persons, technical) = all.split_at(3);
    let file = a.scene.file("case.json", bundle(&all));
    let receipts = a.node.there(&["import", &file, "--tlp", "amber", "--to", "cert-b"]).exits(1).lines();
    let withheld = &receipts.last().unwrap()["summary"]["withheld"];
    assert_eq!(*withheld, json!({"person-data-stays-home": persons.len()}), "who was named is refused these");
    for person in persons {
        let receipt = receipts.iter().find(|one| one["id"] == person["id"]).unwrap();
        assert_eq!(
            (&receipt["outcome"], &receipt["code"]),
            (&json!("accepted"), &json!("person-data-stays-home")),
            "{receipt}"
        );
        let got = a.ok(&["get", id(person)]);
        assert_eq!(got["handling"]["about_persons"], true, "{got}");
        assert!(got["handling"]["retain_until"].is_string(), "{got}");
        let why = a.node.there(&["why", id(person), "--for", "cert-b"]).exits(1).json();
        assert_eq!(why["rule"], "person-data-stays-home", "{why}");
        let shared = a.node.there(&["share", id(person), "--to", "cert-b"]).exits(1);
        assert!(shared.stderr.contains("[person-data-stays-home]"), "{}", shared.stderr);
    }
    let foretold =
        a.node.there(&["simulate", "--object", &file, "--for", "cert-b", "--tlp", "green"]).lines();
    let foretold =
        foretold.iter().flat_map(|line| line.as_array().cloned().unwrap_or_else(|| vec![line.clone()]));
    let refused: Vec<Value> = foretold.filter(|one| one["rule"] == "person-data-stays-home").collect();
    assert_eq!(refused.len(), persons.len(), "{refused:?}");

    until("B has what is technical", || technical.iter().all(|one| has(&b, id(one))));
    assert!(persons.iter().all(|one| !has(&b, id(one))));
    assert_eq!(b.node.there(&["lookup", DOE]).lines()[0]["known"], false);
    until("A's files hold it", || holds(&a.scene.data(), DOE));
    assert!(!holds(&b.scene.data(), DOE));
    assert_eq!(b.ok(&["get", id(&technical[1])])["object"]["created_by_ref"], persons[0]["id"]);
    assert_eq!(a.ok(&["node", "state"])["state_hash"], b.ok(&["node", "state"])["state_hash"]);
}

#[test]
fn data_about_minors_is_not_taken_in() {
    let scene = Scene::new();
    let node = scene.serve();
    let mut minor = individual(ONE);
    minor["labels"] = json!(["data-subject:minor"]);
    let file = scene.file("minor.json", bundle(&[minor.clone(), individual(TWO)]));
    let receipts = node.there(&["import", &file]).lines();
    let receipt = receipts.iter().find(|one| one["id"] == minor["id"]).unwrap();
    assert_eq!(
        (&receipt["outcome"], &receipt["code"]),
        (&json!("refused"), &json!("minors-data")),
        "{receipt}"
    );
    node.there(&["get", id(&minor)]).exits(1);
    node.there(&["get", &format!("identity--{TWO}")]).exits(0);
    node.there(&["explain", "minors-data"]).exits(0);
}

#[test]
fn data_about_persons_ends_by_itself() {
    let scene = Scene::new();
    let token = scene.init["admin"]["token"].as_str().unwrap();
    let mut node = Running::start(&scene.data(), &["--person-data-days", "1"], &[]).with_token(token);
    let all = objects();
    let file = scene.file("case.json", bundle(&all));
    node.there(&["import", &file]).exits(0);
    assert_eq!(node.there(&["node", "state"]).exits(0).json()["objects"], 5);
    node.dies();
    let later = [("CRESSET_CLOCK_OFFSET", "+2d")];
    let node = Running::start(&scene.data(), &["--allow-test-controls"], &later).with_token(token);
    until("persons are gone", || node.there(&["node", "state"]).json()["objects"] == 2);
    until("the files hold nothing of them", || !holds(&scene.data(), DOE));
    for technical in &all[3..] {
        node.there(&["get", id(technical)]).exits(0);
    }
}

/// What an early build stored has no end: the operator is told which it is, and gives it one.
#[test]
fn what_has_no_end_is_told() {
    let scene = Scene::new();
    let file = scene.file("case.json", bundle(&objects()));
    scene.here(&["import", &file]).exits(0);
    assert_eq!(scene.here(&["doctor", "--deep"]).exits(0).json()["ok"], true);
    let sql = rusqlite::Connection::open(scene.data().join("cresset.db")).unwrap();
    let as_before = "UPDATE holding SET rules = 0, restricted = 0 WHERE kind = (SELECT no FROM name WHERE name = 'identity')";
    assert!(sql.execute(as_before, []).unwrap() > 0);
    drop(sql);
    let person = format!("identity--{ONE}");
    let line = |code: i32| {
        let told = scene.here(&["doctor", "--deep"]).exits(code).json();
        told["checks"].as_array().unwrap().iter().find(|check| check["name"] == "persons").unwrap().clone()
    };
    let told = line(3);
    assert!(told["ok"] == false && told["detail"].as_str().unwrap().contains(&person), "{told}");
    scene.here(&["narrow", &person, "--retain-until", "2096-01-01T00:00:00Z"]).exits(0);
    assert_eq!(line(0)["ok"], true);
}
