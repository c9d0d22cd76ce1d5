//! `pull` and `push` between two nodes over TAXII, and with servers that behave as others do.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::elsewhere::{Asked, Elsewhere};
use crate::scene::{Ended, ONE, Scene, TWO, bundle, indicator};

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

/// Another server with the one collection `in`; `answers` tells what it says to everything that is not about what there is.
fn other(mut answers: impl FnMut(&Asked) -> (u16, Value) + Send + 'static) -> Elsewhere {
    let root =
        json!({"title": "R", "versions": ["application/taxii+json;version=2.1"], "max_content_length": 900});
    let one = json!({"id": "in", "title": "In", "can_read": true, "can_write": true});
    Elsewhere::start(move |asked| match asked.path.as_str() {
        "/taxii2/" => (200, json!({"title": "E", "api_roots": ["/api/"]})),
        "/api/" => (200, root.clone()),
        "/api/collections/" => (200, json!({"collections": [one]})),
        "/api/collections/in/" => (200, one.clone()),
        _ => answers(asked),
    })
}

fn objects_in(asked: &Asked) -> Vec<Value> {
    asked.json()["objects"].as_array().unwrap().clone()
}

/// A status: so many taken, so many not decided on.
fn status(success: usize, pending: usize) -> (u16, Value) {
    let word = if pending > 0 { "pending" } else { "complete" };
    let total = success + pending;
    (
        202,
        json!({"id": "s", "status": word, "total_count": total, "success_count": success, "failure_count": 0, "pending_count": pending}),
    )
}

/// A node with so many indicators.
fn holding(count: u32) -> Scene {
    let here = Scene::new();
    let one = |at| {
        indicator(
            &format!("00000000-0000-4000-8000-{at:012}"),
            &format!("[ipv4-addr:value = '198.51.100.{at}']"),
        )
    };
    let file = here.file("objects.json", bundle(&(0..count).map(one).collect::<Vec<_>>()));
    here.here(&["import", &file]).exits(0);
    here
}

fn push_to(here: &Scene, place: &str, more: &[&str]) -> Ended {
    here.here(&[&["push", place, "--collection", "inbox"], more].concat())
}

/// The counts of a push: taken, refused, not decided yet, no longer told, refused by pushes before.
fn counts(ended: &Ended) -> [u64; 5] {
    let last = ended.lines().pop().unwrap();
    ["success", "failure", "pending", "untold", "refused_before"]
        .map(|name| last["summary"][name].as_u64().unwrap())
}

#[test]
fn what_a_server_does_not_tell_of_is_not_held_to_be_taken() {
    let here = holding(5);
    let turn = Arc::new(AtomicUsize::new(0));
    let at = Arc::clone(&turn);
    let server = other(move |asked| match at.load(Ordering::SeqCst) {
        0 => (202, json!({})),
        1 => status(0, 0),
        _ => status(objects_in(asked).len(), 0),
    });
    for silent in 0..2 {
        turn.store(silent, Ordering::SeqCst);
        let ended = push_to(&here, &server.taxii, &[]).exits(4);
        assert!(ended.stderr.contains("its status tells of 0 objects"), "{}", ended.stderr);
    }
    turn.store(2, Ordering::SeqCst);
    assert_eq!(counts(&push_to(&here, &server.taxii, &[]).exits(0)), [5, 0, 0, 0, 0]);
    assert_eq!(counts(&push_to(&here, &server.taxii, &[]).exits(0)), [0; 5]);
}

#[test]
fn what_a_server_has_not_decided_on_is_asked_for_by_the_next_push() {
    let here = holding(1);
    let turn = Arc::new(AtomicUsize::new(0));
    let at = Arc::clone(&turn);
    let server = other(move |asked| match (asked.method.as_str(), at.load(Ordering::SeqCst)) {
        ("POST", _) | ("GET", 0) => status(0, 1),
        ("GET", 1) => {
            let line = json!({"id": "indicator--x", "message": "not wanted"});
            (200, json!({"id": "s", "status": "complete", "failure_count": 1, "failures": [line]}))
        }
        _ => (404, json!({"title": "gone"})),
    });
    let hasty = ["--wait", "0"];
    assert_eq!(counts(&push_to(&here, &server.taxii, &hasty).exits(1)), [0, 0, 1, 0, 0]);
    assert_eq!(counts(&push_to(&here, &server.taxii, &hasty).exits(1)), [0, 0, 1, 0, 0]);
    turn.store(1, Ordering::SeqCst);
    let told = push_to(&here, &server.taxii, &[]).exits(1);
    assert_eq!(counts(&told), [0, 1, 0, 0, 0]);
    assert_eq!(told.lines()[0]["reason"], "not wanted");
    assert_eq!(counts(&push_to(&here, &server.taxii, &hasty).exits(0)), [0, 0, 0, 0, 1]);
    // Sent again and undecided again: the server forgets what it was sent.
    turn.store(0, Ordering::SeqCst);
    push_to(&here, &server.taxii, &["--restart", "--wait", "0"]).exits(1);
    turn.store(2, Ordering::SeqCst);
    assert_eq!(counts(&push_to(&here, &server.taxii, &[]).exits(1)), [0, 0, 0, 1, 0]);
    assert_eq!(counts(&push_to(&here, &server.taxii, &[]).exits(0)), [0; 5]);
}

#[test]
fn an_object_that_a_server_cannot_take_holds_nothing_else_up() {
    for refusal in [400_u16, 413, 422, 500] {
        // The first ones are not taken: they alone would not tell whether anything is.
        let here = holding(9);
        let server = other(move |asked| {
            let objects = objects_in(asked);
            let bad = |object: &Value| {
                ["000", "001", "005"].iter().any(|end| object["id"].as_str().unwrap().ends_with(end))
            };
            if objects.iter().any(bad) { (refusal, json!({"title": "no"})) } else { status(objects.len(), 0) }
        });
        let pushed = push_to(&here, &server.taxii, &[]).exits(1);
        assert_eq!(counts(&pushed), [6, 3, 0, 0, 0], "{refusal}");
        let line = pushed.lines()[0].clone();
        assert_eq!(line["id"], "indicator--00000000-0000-4000-8000-000000000000");
        assert!(line["reason"].as_str().unwrap().contains(&format!("answered {refusal}")), "{line}");
        assert_eq!(counts(&push_to(&here, &server.taxii, &[]).exits(0)), [0, 0, 0, 0, 3]);
    }
}

/// Where a server takes nothing, nobody knows whether it is the objects' fault: nothing is passed over.
#[test]
fn a_server_that_takes_nothing_gets_everything_again() {
    let here = holding(3);
    let well = Arc::new(AtomicUsize::new(0));
    let is_well = Arc::clone(&well);
    let server = other(move |asked| match is_well.load(Ordering::SeqCst) {
        0 => (500, json!({"title": "not well"})),
        _ => status(objects_in(asked).len(), 0),
    });
    assert!(push_to(&here, &server.taxii, &[]).exits(4).stderr.contains("answered 500"));
    well.store(1, Ordering::SeqCst);
    assert_eq!(counts(&push_to(&here, &server.taxii, &[]).exits(0)), [3, 0, 0, 0, 0]);
}

/// What goes before such a moment says nothing of what is refused in it, and what is refused for a moment is no object's fault.
#[test]
fn a_server_that_is_not_well_for_a_while_loses_nothing() {
    let here = holding(9);
    let (posts, sick) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(usize::MAX)));
    let (counted, until) = (Arc::clone(&posts), Arc::clone(&sick));
    let server = other(move |asked| {
        // The first envelope is taken, those after it are not, for so many.
        let no = counted.fetch_add(1, Ordering::SeqCst);
        let unwell = no > 0 && no <= until.load(Ordering::SeqCst);
        if unwell { (500, json!({"title": "not well"})) } else { status(objects_in(asked).len(), 0) }
    });
    assert!(push_to(&here, &server.taxii, &[]).exits(4).stderr.contains("answered 500"));
    posts.store(0, Ordering::SeqCst);
    sick.store(2, Ordering::SeqCst);
    assert_eq!(counts(&push_to(&here, &server.taxii, &[]).exits(0)), [9, 0, 0, 0, 0]);
    assert_eq!(counts(&push_to(&here, &server.taxii, &[]).exits(0)), [0; 5]);
}

/// A login that is not let in says nothing of what became of what was sent.
#[test]
fn a_wrong_login_forgets_nothing_that_is_undecided() {
    let here = holding(1);
    let turn = Arc::new(AtomicUsize::new(0));
    let at = Arc::clone(&turn);
    let server = other(move |asked| match (asked.method.as_str(), at.load(Ordering::SeqCst)) {
        ("POST", _) | ("GET", 0) => status(0, 1),
        ("GET", 1) => (401, json!({"title": "who?"})),
        _ => status(1, 0),
    });
    assert_eq!(counts(&push_to(&here, &server.taxii, &["--wait", "0"]).exits(1)), [0, 0, 1, 0, 0]);
    turn.store(1, Ordering::SeqCst);
    push_to(&here, &server.taxii, &[]).exits(1);
    turn.store(2, Ordering::SeqCst);
    assert_eq!(counts(&push_to(&here, &server.taxii, &[]).exits(0)), [1, 0, 0, 0, 0]);
}

/// How much a server takes at once is for its root to say, also where a collection's own address was given.
#[test]
fn a_collection_s_own_address_is_pushed_to_as_its_root_says() {
    let here = holding(9);
    let server = other(|asked| {
        if asked.body.len() > 900 {
            (413, json!({"title": "too large"}))
        } else {
            status(objects_in(asked).len(), 0)
        }
    });
    let place = format!("{}/api/collections/in/", server.base);
    assert_eq!(counts(&push_to(&here, &place, &[]).exits(0)), [9, 0, 0, 0, 0]);
}

#[test]
fn a_root_that_is_not_well_is_no_collection_that_is_missing() {
    let server = Elsewhere::start(|asked| match asked.path.as_str() {
        "/taxii2/" => (200, json!({"title": "E", "api_roots": ["/api/"]})),
        _ => (500, json!({"title": "not well"})),
    });
    let ended = Scene::new().here(&["pull", &server.taxii]).exits(4);
    assert!(ended.stderr.contains("answered 500"), "{}", ended.stderr);
}

#[test]
fn a_server_whose_pages_have_no_end_is_told_as_such() {
    let one = indicator(ONE, "[ipv4-addr:value = '198.51.100.7']");
    let mut at = 0;
    let endless = other(move |_| {
        at += 1;
        (200, json!({"more": true, "next": format!("c{at}"), "objects": [one]}))
    });
    let ended = Scene::new().here(&["pull", &endless.taxii]).exits(4);
    assert!(ended.stderr.contains("its pages do not end"), "{}", ended.stderr);
}

/// What a server answers instead of a status is no word about what it took: it is told, asked for again, and the rest goes on.
#[test]
fn a_status_that_is_not_told_holds_nothing_up() {
    for refusal in [400_u16, 500, 503] {
        let here = holding(2);
        let well = Arc::new(AtomicUsize::new(0));
        let (is_well, sent) = (Arc::clone(&well), Arc::new(AtomicUsize::new(0)));
        let posted = Arc::clone(&sent);
        let mut sizes = Vec::new();
        let server = other(move |asked| {
            if asked.method == "POST" {
                let count = objects_in(asked).len();
                posted.fetch_add(count, Ordering::SeqCst);
                sizes.push(count);
                let (code, mut body) = status(0, count);
                body["id"] = json!(format!("s{}", sizes.len() - 1));
                return (code, body);
            }
            if is_well.load(Ordering::SeqCst) == 0 {
                return (refusal, json!({"title": "not well"}));
            }
            let no: usize = asked.path.trim_end_matches('/').rsplit("/s").next().unwrap().parse().unwrap();
            status(sizes[no], 0)
        });
        let told = push_to(&here, &server.taxii, &[]).exits(1);
        assert_eq!(counts(&told), [0, 0, 2, 0, 0], "{refusal}");
        assert!(told.stderr.contains("does not tell what became of what it took"), "{}", told.stderr);
        assert_eq!(sent.load(Ordering::SeqCst), 2, "it is sent once, and not in pieces");
        let more = here.file(
            "more.json",
            bundle(&[indicator("00000000-0000-4000-8000-0000000000aa", "[ipv4-addr:value = '203.0.113.7']")]),
        );
        here.here(&["import", &more]).exits(0);
        let told = push_to(&here, &server.taxii, &["--wait", "0"]).exits(1);
        assert_eq!((counts(&told), sent.load(Ordering::SeqCst)), ([0, 0, 3, 0, 0], 3), "{refusal}");
        assert!(told.stderr.contains(&format!("answered {refusal}")), "{}", told.stderr);
        assert!(told.stderr.contains("the next push asks again"), "{}", told.stderr);
        well.store(1, Ordering::SeqCst);
        assert_eq!(counts(&push_to(&here, &server.taxii, &[]).exits(0)), [3, 0, 0, 0, 0], "{refusal}");
        assert_eq!(counts(&push_to(&here, &server.taxii, &[]).exits(0)), [0; 5], "{refusal}");
    }
}

/// Of too many envelopes of which a server never tells, the oldest are given up for the others, and told; they are sent again when that is
/// asked for.
#[test]
fn what_is_never_told_is_given_up_for_the_rest_and_can_be_sent_again() {
    let here = holding(66);
    let well = Arc::new(AtomicUsize::new(0));
    let is_well = Arc::clone(&well);
    let server = other(move |asked| match (asked.method.as_str(), is_well.load(Ordering::SeqCst)) {
        ("POST", 0) => status(0, 1),
        ("POST", _) => status(objects_in(asked).len(), 0),
        (_, 0) => (500, json!({"title": "not well"})),
        _ => status(1, 0),
    });
    let hasty = ["--wait", "0", "--limit", "1"];
    let full = push_to(&here, &server.taxii, &hasty).exits(1);
    assert!(full.stderr.contains("has not decided on 64 envelopes"), "{}", full.stderr);
    let told = push_to(&here, &server.taxii, &hasty).exits(1);
    assert_eq!(counts(&told), [0, 0, 64, 2, 0]);
    assert!(told.stderr.contains("is not asked again") && told.stderr.contains("--again"), "{}", told.stderr);
    well.store(1, Ordering::SeqCst);
    let later = push_to(&here, &server.taxii, &[]).exits(0);
    assert_eq!(counts(&later), [64, 0, 0, 0, 0]);
    assert!(later.stderr.contains("--again"), "it is still said: {}", later.stderr);
    assert_eq!(counts(&push_to(&here, &server.taxii, &["--again"]).exits(0)), [66, 0, 0, 0, 0]);
    let done = push_to(&here, &server.taxii, &["--again"]).exits(0);
    assert_eq!(counts(&done), [0; 5]);
    assert!(!done.stderr.contains("--again"), "{}", done.stderr);
}

/// What a server refused is named by each later push, with its reason, and goes again from the first of it on when that is asked for.
#[test]
fn what_was_refused_is_listed_and_can_be_sent_again() {
    let here = holding(5);
    let well = Arc::new(AtomicUsize::new(0));
    let is_well = Arc::clone(&well);
    let server = other(move |asked| {
        let objects = objects_in(asked);
        let ids: Vec<&str> = objects.iter().map(|object| object["id"].as_str().unwrap()).collect();
        let bad =
            |id: &&&str| is_well.load(Ordering::SeqCst) == 0 && (id.ends_with("3") || id.ends_with("4"));
        let failures: Vec<Value> =
            ids.iter().filter(bad).map(|id| json!({"id": id, "message": "not wanted"})).collect();
        let (code, mut body) = status(objects.len() - failures.len(), 0);
        (body["failure_count"], body["failures"]) = (json!(failures.len()), json!(failures));
        (code, body)
    });
    let limit = ["--limit", "1"];
    let refused = push_to(&here, &server.taxii, &limit).exits(1);
    assert_eq!(counts(&refused), [3, 2, 0, 0, 0]);
    assert!(refused.stderr.contains("--again"), "{}", refused.stderr);
    let later = push_to(&here, &server.taxii, &[]).exits(0);
    assert_eq!(counts(&later), [0, 0, 0, 0, 2]);
    let first = "indicator--00000000-0000-4000-8000-000000000003";
    assert_eq!(later.lines()[0], json!({"id": first, "outcome": "refused-before", "reason": "not wanted"}));
    assert_eq!(later.lines().len(), 3);
    assert_eq!(
        counts(&push_to(&here, &server.taxii, &["--again", "--limit", "1"]).exits(1)),
        [0, 2, 0, 0, 0]
    );
    well.store(1, Ordering::SeqCst);
    // What stands before the first of them is not sent again.
    assert_eq!(counts(&push_to(&here, &server.taxii, &["--again"]).exits(0)), [2, 0, 0, 0, 0]);
    assert_eq!(push_to(&here, &server.taxii, &[]).exits(0).lines().len(), 1);
}

/// Another server that does not answer is not taken for a node of one's own, and is not waited for longer than is asked.
#[test]
fn a_server_that_says_nothing_is_given_up_and_named() {
    let here = Scene::new();
    let silent = other(|_| {
        std::thread::sleep(std::time::Duration::from_millis(1_500));
        (200, json!({}))
    });
    let ended = here.here(&["pull", &silent.taxii, "--timeout", "1"]).exits(4);
    assert!(ended.stderr.contains("--timeout") && ended.stderr.contains(&silent.base), "{}", ended.stderr);
    let away = here.here(&["pull", "http://127.0.0.1:1/taxii2/"]).exits(4);
    assert!(away.stderr.contains("is that server up?"), "{}", away.stderr);
    for ended in [ended, away] {
        assert!(!ended.stderr.contains("is the node running"), "{}", ended.stderr);
    }
    assert!(here.here(&["pull", "--help"]).exits(0).stdout.contains("--timeout"));
}
