//! A node whose files are not what it wrote: what was changed is not taken for the truth, and what is said leads to the last backup.

use std::path::Path;

use serde_json::{Value, json};

use crate::recovery::ask_node;
use crate::scene::{Ended, ONE, Scene, TWO, after, bundle, indicator, run, run_with};
use crate::town::{community, until};

const RESTORE: &str = "restore the last backup";

fn domain(uuid: &str) -> Value {
    indicator(uuid, &format!("[domain-name:value = '{}.example']", &uuid[..1]))
}

/// A node with two objects.
fn scene() -> Scene {
    let scene = Scene::new();
    let file = scene.file("two.json", bundle(&[domain(ONE), domain(TWO)]));
    scene.here(&["import", &file]).exits(0);
    scene
}

fn database(scene: &Scene) -> std::path::PathBuf {
    scene.data().join("cresset.db")
}

/// What a check of `doctor` says.
#[track_caller]
fn check(doctor: &Ended, name: &str) -> Value {
    let checks = doctor.json()["checks"].clone();
    checks.as_array().unwrap().iter().find(|check| check["name"] == name).unwrap().clone()
}

/// The directory's node in words, as somebody at a terminal has it.
fn in_words(scene: &Scene, args: &[&str]) -> Ended {
    let data = scene.data();
    run(&[args, &["--data", data.to_str().unwrap()]].concat())
}

/// Changes the bytes of the first object, and of nothing else.
fn alter(scene: &Scene) -> rusqlite::Connection {
    let sql = rusqlite::Connection::open(database(scene)).unwrap();
    let changed = sql.execute(
        "UPDATE body SET bytes = CAST(replace(CAST(bytes AS TEXT), ?1, 'evil.example') AS BLOB) \
         WHERE instr(CAST(bytes AS TEXT), ?1) > 0",
        [format!("{}.example", &ONE[..1])],
    );
    assert_eq!(changed.unwrap(), 1);
    sql
}

/// Whoever asks for an object is not given bytes that nobody said, by any door, and is told so; everything else stays readable.
#[test]
fn what_was_altered_is_refused_by_name() {
    let scene = scene();
    let (altered, whole) = (format!("indicator--{ONE}"), format!("indicator--{TWO}"));
    alter(&scene).close().unwrap();
    let refused = scene.here(&["get", &altered]).exits(4).json();
    assert_eq!(refused["error"]["code"], "bytes-altered", "{refused}");
    let node = scene.serve();
    node.there(&["get", &whole]).exits(0);
    let taxii = "application/taxii+json;version=2.1";
    let objects = "/api1/collections/inbox/objects/";
    let refusals = [
        (format!("/api/v1/objects/{altered}"), "application/json"),
        (format!("{objects}{altered}/"), taxii),
        (format!("{objects}?match[id]={altered}"), taxii),
    ];
    for (path, accept) in &refusals {
        let (head, body) = ask_node(&node, path, accept);
        assert!(head.starts_with("http/1.1 503"), "{path}: {head}");
        assert!(body.contains("bytes-altered"), "{path}: {body}");
        assert!(body.contains(&altered) && body.contains(RESTORE), "{path}: {body}");
        assert!(!body.contains("evil.example"), "{path}: {body}");
    }
    // Among others it is left out, and hides none of them.
    let both = format!("{objects}?match[id]={altered},{whole}");
    for path in [format!("{objects}{whole}/"), format!("{objects}?match[id]={whole}"), both] {
        let (head, body) = ask_node(&node, &path, taxii);
        assert!(head.starts_with("http/1.1 200") && body.contains(&whole), "{path}: {head}{body}");
        assert!(!body.contains(&altered) && !body.contains("evil.example"), "{path}: {body}");
    }
    let figures = ask_node(&node, "/metrics", "*/*").1;
    assert!(figures.contains(&format!("\ncresset_altered_reads {}\n", refusals.len() + 1)), "{figures}");
}

/// The list that brought it in is imported again: what is held of one value was changed, and the others are what they were.
#[test]
fn what_was_altered_hinders_no_import_of_others() {
    let scene = Scene::new();
    let list = |name: &str, values: &str| scene.file(name, values);
    let before = list("before.csv", "value\n1.example\n2.example\n");
    scene.here(&["import", &before]).exits(0);
    alter(&scene).close().unwrap();
    let after = list("after.csv", "value,confidence\n1.example,70\n2.example,70\n3.example,70\n");
    let told = scene.here(&["import", &after]).exits(1).lines();
    let outcomes: Vec<_> = told.iter().map(|one| (&one["outcome"], &one["code"])).collect();
    let (refused, newer, accepted) = (json!("refused"), json!("newer"), json!("accepted"));
    let altered = json!("bytes-altered");
    assert_eq!(
        outcomes[..3],
        [(&refused, &altered), (&newer, &Value::Null), (&accepted, &Value::Null)],
        "{told:?}"
    );
    let said = told[0]["reason"].as_str().unwrap();
    assert!(said.contains(RESTORE) && said.contains(told[0]["id"].as_str().unwrap()), "{said}");
}

/// Objects that are here already are named for somebody more: one of them was changed, and the others go. Nor does it hide from a list what
/// else is known of it.
#[test]
fn what_was_altered_hinders_no_gift_of_others() {
    let [mut a, b, c] = community([("cert-a", "cert"), ("cert-b", "cert"), ("cert-c", "cert")]);
    let file = a.scene.file("two.json", bundle(&[domain(ONE), domain(TWO)]));
    let (altered, whole) = (format!("indicator--{ONE}"), format!("indicator--{TWO}"));
    a.node.there(&["import", &file, "--tlp", "amber", "--to", "cert-b"]).exits(0);
    until("B has both", || [&altered, &whole].iter().all(|id| b.node.there(&["get", id]).code == 0));
    a.ok(&[
        "consent",
        "grant",
        &altered,
        "--from",
        "cert-b",
        "--to",
        "cert-c",
        "--until",
        "2999-01-01T00:00:00Z",
    ]);
    let address = a.address();
    a.node.dies();
    alter(&a.scene).close().unwrap();
    a.node = a.scene.serve_at(&address);
    let told = a.node.there(&["import", &file, "--tlp", "amber", "--to", "cert-c"]).lines();
    assert_eq!(
        (&told[0]["outcome"], &told[0]["code"]),
        (&json!("known"), &json!("bytes-altered")),
        "{told:?}"
    );
    assert_eq!((&told[1]["outcome"], &told[1]["code"]), (&json!("known"), &Value::Null), "{told:?}");
    until("C has the other", || c.node.there(&["get", &whole]).code == 0);
    assert_eq!(c.node.there(&["get", &altered]).code, 1);
    assert_eq!(a.ok(&["consent", "list"]).as_array().unwrap().len(), 1);
    let foretold = a.node.there(&["simulate", "--object", &file, "--for", "cert-c"]).lines();
    let rules: Vec<_> = foretold.iter().map(|one| one["rule"].as_str().unwrap()).collect();
    assert_eq!(rules, ["bytes-altered", "handling-allows"], "{foretold:?}");
    // It is given to nobody more, and can be called back all the same.
    let shared = a.node.there(&["share", &altered, "--to", "cert-b"]).exits(4).json();
    assert_eq!(shared["error"]["code"], "bytes-altered", "{shared}");
    a.ok(&["recall", &altered, "--wait", "30"]);
    assert_eq!(b.node.there(&["get", &altered]).exits(1).json()["error"]["code"], "not-found");
}

#[test]
fn bytes_that_were_changed_are_not_taken_for_the_truth() {
    let scene = scene();
    let (altered, whole) = (format!("indicator--{ONE}"), format!("indicator--{TWO}"));
    let sql = alter(&scene);
    sql.execute("UPDATE version SET label = 'other'", []).unwrap();
    sql.close().unwrap();

    // The derived label of the other one is mended, and nothing else is touched, however often.
    for (args, differing) in [
        (["rebuild", "--check"].as_slice(), 1),
        (&["rebuild"], 1),
        (&["rebuild"], 0),
        (&["rebuild", "--check"], 0),
    ] {
        let told = scene.here(args).exits(3).json();
        assert_eq!(told["equal"], false, "{told}");
        let damaged = told["damaged"].as_array().unwrap();
        assert_eq!(damaged.len(), 1, "{told}");
        let line = damaged[0].as_str().unwrap();
        assert!(line.contains(&altered) && line.contains(RESTORE), "{line}");
        assert_eq!(told["differences"].as_array().unwrap().len(), differing, "{told}");
        assert!(!told["differences"].to_string().contains(&altered), "{told}");
    }
    let words = in_words(&scene, &["rebuild"]).exits(3).stderr;
    assert!(words.contains(RESTORE) && !words.contains("derived again and written"), "{words}");

    let quick = in_words(&scene, &["doctor"]).exits(0);
    assert!(quick.stderr.contains("doctor --deep"), "{}", quick.stderr);
    let deep = scene.here(&["doctor", "--deep"]).exits(3);
    let objects = check(&deep, "objects");
    assert!(objects["detail"].as_str().unwrap().contains(&altered), "{objects}");

    let proof = scene.path("proof").to_str().unwrap().to_owned();
    let unproven = scene.here(&["ledger", "proof", &altered, "--out", &proof]);
    assert_ne!(unproven.code, 0);
    assert_eq!(unproven.json()["error"]["code"], "bytes-altered", "{}", unproven.stdout);
    assert!(!Path::new(&proof).exists());
    scene.here(&["ledger", "proof", &whole, "--out", &proof]).exits(0);

    let copy = scene.path("copy").to_str().unwrap().to_owned();
    let refused = scene.here(&["backup", &copy]).exits(3);
    assert!(
        refused.stderr.contains(RESTORE) && refused.stderr.contains("doctor --deep"),
        "{}",
        refused.stderr
    );
}

/// A database of 0 bytes is no new one, nor is one that holds something else or is torn, and nobody is sent in a circle.
#[test]
fn a_damaged_database_is_answered_with_the_last_backup() {
    let circle = |words: &str| {
        words.contains("run `cresset doctor`") || words.contains("`cresset doctor --deep` tells")
    };
    let scene = scene();
    let whole = std::fs::read(database(&scene)).unwrap();
    let mut torn = whole.clone();
    torn[8192 * 2..8192 * 9].fill(0xA5);
    let random: Vec<u8> = (0..whole.len()).map(|at| (at * 7919 % 251) as u8).collect();
    for (name, bytes) in [("torn", &torn), ("random", &random)] {
        std::fs::write(database(&scene), bytes).unwrap();
        for depth in [["doctor"].as_slice(), &["doctor", "--deep"]] {
            let told = in_words(&scene, depth).exits(3);
            let words = format!("{}{}", told.stdout, told.stderr);
            assert!(words.contains(RESTORE) && !circle(&words), "{name}: {words}");
        }
    }
    let state = in_words(&scene, &["node", "state"]).exits(3);
    assert!(state.stderr.contains("doctor --deep"), "{}", state.stderr);

    std::fs::write(database(&scene), b"").unwrap();
    for command in [
        ["doctor"].as_slice(),
        &["node", "state"],
        &["serve", "--listen", "127.0.0.1:0"],
        &["init", "--name", "B"],
    ] {
        let told = in_words(&scene, command).exits(4);
        assert!(told.stderr.contains("cresset restore"), "{command:?}: {}", told.stderr);
        assert!(told.stderr.contains("cresset.db: it is empty"), "{command:?}: {}", told.stderr);
        assert_eq!(std::fs::metadata(database(&scene)).unwrap().len(), 0, "{command:?}");
    }
    std::fs::write(database(&scene), &whole).unwrap();
    scene.here(&["doctor", "--deep"]).exits(0);
}

/// `doctor` tries whether the disk takes writes: also for whoever runs it beside the node, and where permissions stop nobody.
#[test]
fn the_doctor_tries_to_write() {
    let scene = scene();
    let writing = |code| check(&scene.here(&["doctor"]).exits(code), "writing");
    assert_eq!(writing(0)["ok"], true);
    let left = std::fs::read_dir(scene.data()).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(!left.into_iter().any(|name| name == "cresset.trial"));
    // A file that cannot be made there.
    std::fs::create_dir(scene.data().join("cresset.trial")).unwrap();
    let told = writing(3);
    assert!(told["detail"].as_str().unwrap().contains("cresset.trial"), "{told}");
}

/// The secrets are shown this once: who could not be shown them has no node that nobody can sign in to.
#[test]
fn a_node_whose_secrets_could_not_be_shown_is_none() {
    let scene = Scene::new();
    let (data, args) = (scene.path("other"), ["init", "--name", "B", "--data"]);
    for (json, sink) in [(false, "exec >/dev/full"), (true, "exec >/dev/full")] {
        let mut init = after(sink);
        init.args(args).arg(&data);
        if json {
            init.arg("--json");
        }
        let told = init.output().unwrap();
        let words = String::from_utf8_lossy(&told.stderr).into_owned();
        assert_eq!(told.status.code(), Some(4), "{words}");
        assert!(words.contains("was not made") && words.contains("remove "), "{words}");
        // Nor does the next one take it for a node, or for a fresh directory.
        let again = run(&["init", "--name", "B", "--data", data.to_str().unwrap(), "--json"]);
        assert_eq!(again.exits(1).json()["error"]["code"], json!("initialised-half"));
        let served = run(&["serve", "--data", data.to_str().unwrap(), "--listen", "127.0.0.1:0"]).exits(4);
        assert!(served.stderr.contains("cresset init"), "{}", served.stderr);
        for file in std::fs::read_dir(&data).unwrap() {
            let file = file.unwrap();
            assert!(file.file_name().to_string_lossy().starts_with("cresset."), "{file:?}");
            std::fs::remove_file(file.path()).unwrap();
        }
    }
    run(&["init", "--name", "B", "--data", data.to_str().unwrap(), "--json"]).exits(0);
}

#[test]
fn a_backup_and_its_key_file_are_told_apart() {
    let scene = scene();
    let (copy, data) = (scene.path("copy"), scene.data());
    let copy = copy.to_str().unwrap();
    run_with(&["backup", copy, "--data", data.to_str().unwrap()], &[], b"").exits(0);
    let key = scene.file("key", scene.init["recovery_key"].as_str().unwrap());
    let (keys, to) = (format!("{copy}.keys"), scene.path("to"));
    let restore = |file: &str, keys: &str| {
        run(&["restore", file, "--keys", keys, "--recovery-key-file", &key, "--data", to.to_str().unwrap()])
    };
    let told = restore(&keys, &keys).exits(3).stderr;
    assert!(told.contains("this is the key file of a backup"), "{told}");
    let told = restore(copy, copy).exits(3).stderr;
    assert!(told.contains("this is a backup, not its key file"), "{told}");
    restore(copy, &keys).exits(0);
}
