//! What is erased is out of backups of before the erasure too: their key is gone.

use std::path::Path;

use serde_json::{Value, json};

use crate::retention::days;
use crate::scene::{Running, Scene, bundle, indicator, run};
use crate::town::{Town, community, until};

const MARKER: &str = "Zuckerwatte";
const ONE: &str = "indicator--00000000-0000-4000-8000-000000000001";
const TWO: &str = "indicator--00000000-0000-4000-8000-000000000002";

/// An indicator with something to look for in every field that is kept or found by.
fn marked(id: &str, name: &str, host: &str) -> Value {
    let pattern = format!("[domain-name:value = '{host}']");
    let mut object = indicator(id.trim_start_matches("indicator--"), &pattern);
    object["name"] = json!(name);
    object["description"] = json!(format!("{name} of {host}"));
    object
}

fn key(scene: &Scene) -> String {
    scene.file("key", scene.init["recovery_key"].as_str().unwrap())
}

fn path(scene: &Scene, name: &str) -> String {
    scene.path(name).to_str().unwrap().to_owned()
}

/// Whether some file below a directory holds these letters, in whatever case.
fn holds(directory: &Path, what: &str) -> bool {
    std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).any(|path| {
        if path.is_dir() {
            return holds(&path, what);
        }
        let bytes = std::fs::read(&path).unwrap().to_ascii_lowercase();
        bytes.windows(what.len()).any(|part| part == what.to_ascii_lowercase().as_bytes())
    })
}

/// What an encrypted copy holds for whoever has the recovery key.
fn decrypted(copy: &str, key: &str) -> Vec<u8> {
    let identity: age::x25519::Identity = std::fs::read_to_string(key).unwrap().trim().parse().unwrap();
    let bytes = std::fs::read(copy).unwrap();
    age::decrypt(&identity, &bytes).unwrap()
}

fn contains(bytes: &[u8], what: &str) -> bool {
    let (bytes, what) = (bytes.to_ascii_lowercase(), what.to_ascii_lowercase());
    bytes.windows(what.len()).any(|part| part == what.as_bytes())
}

fn restore(copy: &str, keys: &str, key: &str, target: &str) -> Value {
    let args = ["restore", copy, "--keys", keys, "--recovery-key-file", key, "--data", target, "--json"];
    run(&args).exits(0).json()
}

/// A community of two, in which A gives two objects to B, one of them with the marker, before its backup.
fn scene() -> (Town, Town, String) {
    let [a, b] = community([("cert-a", "cert"), ("cert-b", "cert")]);
    let objects =
        [marked(ONE, "Zuckerwatte Jahrmarkt", "zuckerwatte.example"), marked(TWO, "Other", "other.example")];
    let file = a.scene.file("two.json", bundle(&objects));
    a.node.there(&["import", &file, "--tlp", "amber", "--to", "cert-b"]).exits(0);
    std::fs::remove_file(&file).unwrap();
    until("B has both", || [ONE, TWO].iter().all(|id| b.node.there(&["get", id]).code == 0));
    until("A knows that", || [ONE, TWO].iter().all(|id| a.ok(&["holders", id])[0]["receipt"] == "valid"));
    let copy = path(&a.scene, "old.backup");
    a.scene.here(&["backup", &copy]).exits(0);
    (a, b, copy)
}

/// Whether a node shows an object: itself, looked up, searched for and exported.
fn shows(town: &Town, id: &str, host: &str, word: &str) -> [bool; 4] {
    let there = |args: &[&str]| town.node.there(args);
    [
        there(&["get", id]).code == 0,
        there(&["lookup", host]).lines()[0]["known"] == true,
        there(&["search", word]).stdout.contains(id),
        there(&["export"]).stdout.contains(word),
    ]
}

#[test]
fn a_backup_tells_nothing_without_its_key_file() {
    let scene = Scene::new();
    let file = scene.file("one.json", bundle(&[marked(ONE, "Zuckerwatte", "zuckerwatte.example")]));
    scene.here(&["import", &file]).exits(0);
    let (copy, key) = (path(&scene, "copy"), key(&scene));
    let told = scene.here(&["backup", &copy]).exits(0).json();
    assert_eq!(told["keys"], format!("{copy}.keys"));
    let plain = decrypted(&copy, &key);
    assert!(contains(&plain, "SQLite format 3"), "it was decrypted");
    assert!(!contains(&plain, MARKER));
    assert!(!contains(&decrypted(&format!("{copy}.keys"), &key), MARKER));
    // Nothing of it is left lying in the directory.
    let left = std::fs::read_dir(scene.data()).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(left.into_iter().all(|name| name.to_str().unwrap().starts_with("cresset")));

    std::fs::rename(format!("{copy}.keys"), format!("{copy}.away")).unwrap();
    let target = path(&scene, "restored");
    let args = ["restore", &copy, "--recovery-key-file", &key, "--data", &target];
    let refused = run(&args).exits(4);
    assert!(
        refused.stderr.contains("[keys-missing]") && refused.stderr.contains("--keys"),
        "{}",
        refused.stderr
    );
    let told = restore(&copy, &format!("{copy}.away"), &key, &target);
    assert_eq!((&told["erased"], &told["unopened"], &told["objects"]), (&json!(0), &json!(0), &json!(1)));
    let there = |args: &[&str]| run(&[args, &["--data", &target, "--json"]].concat());
    assert_eq!(there(&["lookup", "zuckerwatte.example"]).lines()[0]["known"], true);
    assert!(there(&["search", MARKER]).stdout.contains(ONE));
    assert_eq!(there(&["get", ONE]).json()["object"], scene.here(&["get", ONE]).json()["object"]);
}

fn note(town: &Town, name: &str) -> String {
    town.scene.file(name, town.ok(&["ledger", "checkpoint"])["note"].as_str().unwrap())
}

fn only_keys(scene: &Scene, name: &str) -> String {
    let keys = path(scene, name);
    scene.here(&["backup", "--only-keys", &keys]).exits(0);
    keys
}

#[test]
fn what_is_erased_is_out_of_backups_of_before_and_its_proof_holds() {
    let (mut a, b, copy) = scene();
    let key_of_a = key(&a.scene);
    let kept = path(&a.scene, "kept.keys");
    std::fs::copy(format!("{copy}.keys"), &kept).unwrap();
    let proof = path(&a.scene, "proof");
    a.ok(&["ledger", "proof", ONE, "--out", &proof]);
    let (before, other) = (note(&a, "before.note"), a.ok(&["get", TWO]));
    a.ok(&["erase", ONE, "--reason", "a person's data", "--wait", "30"]);
    let newest = only_keys(&a.scene, "newest.keys");

    // The node is lost; the old backup comes back with the newest key file. The marker is in no file at any time.
    let address = a.address();
    a.node.dies();
    std::fs::rename(a.scene.data(), a.scene.path("lost")).unwrap();
    let target = a.scene.data().to_str().unwrap().to_owned();
    let told = restore(&copy, &newest, &key_of_a, &target);
    assert_eq!((&told["erased"], &told["unopened"]), (&json!(1), &json!(0)), "{told}");
    assert!(!holds(Path::new(&target), MARKER));
    a.node = a.scene.serve_at(&address);
    until("A is back", || a.ok(&["node", "state"])["status"] == "ok");
    assert_eq!(shows(&a, ONE, "zuckerwatte.example", MARKER), [false; 4]);
    assert_eq!(shows(&a, TWO, "other.example", "Other"), [true; 4]);
    assert_eq!(a.ok(&["get", TWO]), other, "what was not erased is what it was");
    assert!(!holds(Path::new(&target), MARKER));

    // Its leaf is where it was, and everything that proved something still does.
    run(&["verify", &proof]).exits(0);
    let after = note(&a, "after.note");
    a.node.there(&["ledger", "consistency", &before, &after]).exits(0);
    let proof = path(&a.scene, "other.proof");
    a.ok(&["ledger", "proof", TWO, "--out", &proof]);
    run(&["verify", &proof]).exits(0);
    for town in [&a, &b] {
        assert_eq!(town.ok(&["doctor", "--deep"])["ok"], true);
    }

    // A key file of before that somebody kept opens the backup of before: what was copied is out of reach.
    let reader = path(&a.scene, "reader");
    assert_eq!(restore(&copy, &kept, &key_of_a, &reader)["erased"], 0);
    assert!(holds(Path::new(&reader), MARKER));
}

#[test]
fn what_others_take_back_is_out_of_the_backups_of_who_had_it() {
    let (a, b, _) = scene();
    let (copy, key) = (path(&b.scene, "b.backup"), key(&b.scene));
    b.scene.here(&["backup", &copy]).exits(0);
    a.ok(&["erase", ONE, "--reason", "a person's data", "--wait", "30"]);
    a.ok(&["recall", TWO, "--reason", "a mistake", "--wait", "30"]);
    let newest = only_keys(&b.scene, "newest.keys");
    let target = path(&b.scene, "restored");
    let told = restore(&copy, &newest, &key, &target);
    assert_eq!((&told["erased"], &told["unopened"]), (&json!(2), &json!(0)), "{told}");
    assert!(!holds(Path::new(&target), MARKER) && !holds(Path::new(&target), "other.example"));
}

#[test]
fn what_is_past_its_retention_is_out_of_backups_of_before() {
    let scene = Scene::new();
    let key = key(&scene);
    let id = |number: usize| format!("indicator--00000000-0000-4000-8000-{number:012}");
    let file = |name: &str, objects: &[Value]| scene.file(name, bundle(objects));
    let short = file("short.json", &[marked(&id(1), MARKER, "zuckerwatte.example")]);
    let long = file("long.json", &[marked(&id(2), "Other", "other.example")]);
    scene.here(&["import", &short, "--tlp", "green", "--retain-until", &days(2)]).exits(0);
    scene.here(&["import", &long, "--tlp", "green"]).exits(0);
    let (old, new) = (path(&scene, "old.backup"), path(&scene, "new.backup"));
    scene.here(&["backup", &old]).exits(0);
    let later = [("CRESSET_CLOCK_OFFSET", "+3d")];
    let node = Running::start(&scene.data(), &["--allow-test-controls"], &later);
    let node = node.with_token(scene.init["admin"]["token"].as_str().unwrap());
    until("it is destroyed", || node.there(&["node", "state"]).json()["objects"] == 1);
    let newest = only_keys(&scene, "newest.keys");
    let target = path(&scene, "restored");
    assert_eq!(restore(&old, &newest, &key, &target)["erased"], 1);
    assert!(!holds(Path::new(&target), MARKER) && holds(Path::new(&target), "other.example"));
    assert_eq!(run(&["doctor", "--deep", "--data", &target, "--json"]).exits(0).json()["ok"], true);
    // Brought in again by its own people it has another key.
    node.there(&["import", &short, "--tlp", "green"]).exits(0);
    scene.here(&["backup", &new]).exits(0);
    let target = path(&scene, "again");
    assert_eq!(restore(&new, &format!("{new}.keys"), &key, &target)["erased"], 0);
    assert_eq!(run(&["get", &id(1), "--data", &target, "--json"]).exits(0).json()["object"]["name"], MARKER);
    assert_eq!(node.terminate(), 0);
}

#[test]
fn killed_around_an_erasure_the_object_and_its_key_are_both_there_or_both_gone() {
    let [mut a, b] = community([("cert-a", "cert"), ("cert-b", "cert")]);
    let key = key(&a.scene);
    let id = |number: usize| format!("indicator--00000000-0000-4000-8000-{number:012}");
    let name = |number: usize| format!("Zuckerwatte{number:03}");
    let all = 1..=6;
    let objects: Vec<Value> =
        all.clone().map(|number| marked(&id(number), &name(number), "zuckerwatte.example")).collect();
    let file = a.scene.file("all.json", bundle(&objects));
    a.node.there(&["import", &file, "--tlp", "amber", "--to", "cert-b"]).exits(0);
    until("B has all", || all.clone().all(|number| b.node.there(&["get", &id(number)]).code == 0));
    let copy = path(&a.scene, "old.backup");
    a.scene.here(&["backup", &copy]).exits(0);
    for number in all.clone() {
        let (url, token) = (a.node.url(), a.scene.init["admin"]["token"].as_str().unwrap().to_owned());
        let one = id(number);
        let erasing = std::thread::spawn(move || {
            run(&["erase", &one, "--reason", "x", "--url", &url, "--token", &token]).code
        });
        // Before, in the middle and after; the last one is killed in the moment of the acknowledgement.
        let acknowledged = if number == *all.end() {
            assert_eq!(erasing.join().unwrap(), 0);
            a.dies_and_comes_back();
            true
        } else {
            std::thread::sleep(std::time::Duration::from_millis(25 * number as u64));
            a.dies_and_comes_back();
            erasing.join().unwrap() == 0
        };
        let gone = a.node.there(&["get", &id(number)]).code == 1;
        assert!(gone || !acknowledged, "what was acknowledged is done");
        let newest = only_keys(&a.scene, &format!("{number}.keys"));
        let target = path(&a.scene, &format!("restored-{number}"));
        restore(&copy, &newest, &key, &target);
        assert_eq!(holds(Path::new(&target), &name(number)), !gone, "{number}, acknowledged: {acknowledged}");
    }
    // The key file of one moment, replaced, is overwritten where it lies.
    let (newest, link) = (path(&a.scene, "1.keys"), path(&a.scene, "link"));
    std::fs::hard_link(&newest, &link).unwrap();
    a.scene.here(&["backup", "--only-keys", &newest]).exits(0);
    assert!(std::fs::read(&link).unwrap().iter().all(|byte| *byte == 0));
    assert!(std::fs::read(&newest).unwrap().starts_with(b"age-encryption.org/v1"));
}

/// What was never given to anybody is this member's as well: erased, it is in no file any more, nor in a backup of before.
#[test]
fn what_was_never_given_is_erased_here_and_in_backups_of_before() {
    let [a, _b] = community([("cert-a", "cert"), ("cert-b", "cert")]);
    is_erased(&a, "never-given");
}

/// The same by a node that has never joined anybody.
#[test]
fn a_node_in_no_community_erases_for_good() {
    let a = Town::new();
    is_erased(&a, "community-none");
    // It stays so when it joins.
    a.create("cert-a", &[]);
    let file = a.scene.file("again.json", bundle(&[marked(ONE, MARKER, "zuckerwatte.example")]));
    let refused = a.node.there(&["import", &file]).exits(1);
    assert!(refused.stdout.contains("refused"), "{} {}", refused.stdout, refused.stderr);
    let proof = path(&a.scene, "joined");
    a.ok(&["ledger", "proof", ONE, "--out", &proof]);
    run(&["verify", &proof]).exits(0);
    assert_eq!(a.ok(&["rebuild", "--check"])["equal"], true);
}

fn is_erased(a: &Town, uncalled: &str) {
    let objects =
        [marked(ONE, "Zuckerwatte Jahrmarkt", "zuckerwatte.example"), marked(TWO, "Other", "other.example")];
    let file = a.scene.file("two.json", bundle(&objects));
    a.node.there(&["import", &file]).exits(0);
    std::fs::remove_file(&file).unwrap();
    let (copy, key) = (path(&a.scene, "old.backup"), key(&a.scene));
    a.scene.here(&["backup", &copy]).exits(0);
    let proof = path(&a.scene, "proof");
    a.ok(&["ledger", "proof", ONE, "--out", &proof]);
    // There is nothing to call back, and it is told so.
    let recalled = a.node.there(&["recall", ONE]).exits(1);
    assert!(recalled.stderr.contains(uncalled), "{}", recalled.stderr);
    assert_eq!(shows(a, ONE, "zuckerwatte.example", MARKER), [true; 4]);

    let leaves = a.ok(&["node", "state"])["leaves"].as_u64().unwrap();
    let erased = a.ok(&["erase", ONE, "--reason", "a person's data"]);
    assert_eq!((&erased["receipts"], &erased["leaf"]), (&json!([]), &json!(leaves)), "{erased}");
    assert_eq!(shows(a, ONE, "zuckerwatte.example", MARKER), [false; 4]);
    assert_eq!(shows(a, TWO, "other.example", "Other"), [true; 4]);
    assert_eq!(a.ok(&["erase", ONE]), erased, "said again, nothing more is done");
    run(&["verify", &proof]).exits(0);
    let act = path(&a.scene, "act");
    a.ok(&["ledger", "proof", ONE, "--out", &act]);
    assert!(run(&["verify", &act]).exits(0).stdout.contains("erased"));
    assert_eq!(a.ok(&["doctor", "--deep"])["ok"], true);
    until("it is in no file", || !holds(&a.scene.data(), MARKER));

    let (newest, target) = (only_keys(&a.scene, "newest.keys"), path(&a.scene, "restored"));
    let told = restore(&copy, &newest, &key, &target);
    assert_eq!((&told["erased"], &told["unopened"]), (&json!(1), &json!(0)), "{told}");
    assert!(!holds(Path::new(&target), MARKER));
}
