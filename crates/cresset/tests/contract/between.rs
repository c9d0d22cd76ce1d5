//! Exchange between real nodes: what is for whom arrives there and nowhere else, and what is taken back is gone everywhere.

use std::time::Duration;

use base::{Clock, Micros, SystemClock};
use serde_json::{Value, json};
use stix::Timestamp;

use crate::scene::{Scene, bundle, indicator, run};
use crate::town::{Town, agree, community, holds as has, until};

const ONE: &str = "indicator--11111111-1111-4111-8111-111111111111";
const TWO: &str = "indicator--22222222-2222-4222-8222-222222222222";
const THREE: &str = "indicator--33333333-3333-4333-8333-333333333333";

/// A bundle of indicators of addresses.
fn addresses(list: &[(&str, &str)]) -> String {
    let indicators = list.iter().map(|(id, address)| {
        indicator(id.trim_start_matches("indicator--"), &format!("[ipv4-addr:value = '{address}']"))
    });
    bundle(&indicators.collect::<Vec<_>>())
}

fn state(town: &Town) -> Value {
    town.ok(&["node", "state"])["state_hash"].clone()
}

#[test]
fn the_ransomware_story_between_four_nodes() {
    let [a, b, c, s] =
        community([("cert-a", "cert"), ("cert-b", "cert"), ("cert-c", "cert"), ("desk", "secretariat")]);
    let file = a.scene.file("campaign.json", addresses(&[(ONE, "203.0.113.9"), (TWO, "203.0.113.10")]));

    // What is for B is at B, and only there.
    let receipts = a.node.there(&["import", &file, "--tlp", "amber", "--to", "cert-b"]).exits(0).lines();
    assert_eq!(receipts.last().unwrap()["summary"]["accepted"], 2);
    until("B has it", || has(&b, ONE) && has(&b, TWO));
    let got = b.ok(&["get", ONE]);
    assert_eq!((&got["handling"]["tlp"], &got["origin"]), (&json!("amber"), &json!("cert-a")), "{got}");
    assert!(!has(&c, ONE) && !has(&s, ONE));
    for other in [&c, &s] {
        assert_eq!(other.ok(&["node", "state"])["objects"], 0, "not even in counts");
        assert_eq!(other.node.there(&["lookup", "203.0.113.9"]).lines()[0]["known"], false);
    }
    until("the receipts have come", || {
        let holders = a.ok(&["holders", ONE]);
        holders[0]["member"] == "cert-b" && holders[0]["receipt"] == "valid"
    });

    // B saw it, and A hears of it.
    let sighted = b.ok(&["sight", ONE, "--count", "3", "--sector", "healthcare"]);
    let sighting = sighted["id"].as_str().unwrap();
    until("A knows of the sighting", || has(&a, sighting));
    let seen = a.ok(&["get", sighting]);
    assert_eq!(seen["origin"], "cert-b");
    let sector = seen["object"]["where_sighted_refs"][1].as_str().unwrap();
    until("A knows in which sector", || has(&a, sector));
    assert_eq!(a.ok(&["get", sector])["object"]["sectors"], json!(["healthcare"]));
    assert!(!has(&c, sector) && !has(&s, sector));
    assert!(!has(&c, sighting) && !has(&s, sighting) && !has(&c, ONE));

    // A lets C in: C has what B has, and both hold the same.
    let shared = a.ok(&["share", ONE, "--to", "cert-c"]);
    assert_eq!(shared["withheld"], json!([]), "{shared}");
    until("C has it", || has(&c, ONE));
    assert!(!has(&c, TWO) && !has(&s, ONE));
    a.ok(&["share", TWO, "--to", "cert-c"]);
    until("C has both", || has(&c, TWO));

    // What A narrows is narrower at B and C.
    let narrowed = a.ok(&["narrow", ONE, "--pap", "red", "--wait", "30"]);
    let receipts = narrowed["receipts"].as_array().unwrap();
    assert_eq!((&narrowed["versions"], receipts.len()), (&json!(1), 2), "{narrowed}");
    assert!(receipts.iter().all(|one| one["status"] == "done" && one["signature"].is_string()), "{narrowed}");
    until("B and C handle it more strictly", || {
        [&b, &c].iter().all(|town| town.ok(&["get", ONE])["handling"]["pap"] == "red")
    });

    // One of them was false.
    let recalled = a.ok(&["recall", TWO, "--reason", "a mistake", "--wait", "30"]);
    let receipts = recalled["receipts"].as_array().unwrap();
    assert_eq!(receipts.len(), 2, "{recalled}");
    assert!(receipts.iter().all(|one| one["status"] == "done" && one["signature"].is_string()), "{recalled}");
    for town in [&a, &b, &c] {
        assert!(!has(town, TWO) && has(town, ONE));
        assert_eq!(town.node.there(&["lookup", "203.0.113.10"]).lines()[0]["known"], false);
    }
    for peer in a.ok(&["peer", "sync", "--wait", "30"]).as_array().unwrap() {
        assert_eq!(peer["lag_out"], 0, "{peer}");
    }

    // Without the secretariat it goes on.
    assert_eq!(s.node.terminate(), 0);
    let file = a.scene.file("more.json", addresses(&[(THREE, "203.0.113.11")]));
    a.node.there(&["import", &file, "--tlp", "green", "--to", "cert-b,cert-c", "--flash"]).exits(0);
    until("B and C have it", || has(&b, THREE) && has(&c, THREE));
    agree(&[&a, &b, &c], 4);
    assert_ne!(state(&b), state(&c), "C was let in later, and does not know of the sighting");
    // What is another's is not this node's to change.
    b.node.there(&["recall", THREE]).exits(1);
    b.node.there(&["share", THREE, "--to", "desk"]).exits(1);
    assert!(has(&a, THREE));
}

/// Every file under a directory that holds these bytes.
fn files_with(town: &Town, bytes: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(town.scene.data()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() && std::fs::read(&path).unwrap().windows(bytes.len()).any(|part| part == bytes) {
            found.push(path.display().to_string());
        }
    }
    found
}

#[test]
fn what_is_erased_is_in_no_file_any_more_and_proofs_hold() {
    let [a, b] = community([("cert-a", "cert"), ("cert-b", "cert")]);
    let mut object =
        indicator(ONE.trim_start_matches("indicator--"), "[domain-name:value = 'zuckerwatte.example']");
    object["name"] = json!("Zuckerwatte Jahrmarkt");
    let file = a.scene.file("one.json", bundle(&[object]));
    a.node.there(&["import", &file, "--tlp", "amber", "--to", "cert-b"]).exits(0);
    std::fs::remove_file(&file).unwrap();
    until("B has it", || has(&b, ONE));
    until("A knows that", || a.ok(&["holders", ONE])[0]["receipt"] == "valid");
    let known = |town: &Town| town.node.there(&["lookup", "zuckerwatte.example"]).lines()[0]["known"] == true;
    let found = |town: &Town| town.node.there(&["search", "zuckerwatte"]).stdout.contains(ONE);
    assert!(known(&b) && found(&b) && !files_with(&b, b"zuckerwatte").is_empty());
    let before = a.scene.path("before.note").to_str().unwrap().to_owned();
    std::fs::write(&before, a.ok(&["ledger", "checkpoint"])["note"].as_str().unwrap()).unwrap();

    let erased = a.ok(&["erase", ONE, "--reason", "a person's data", "--wait", "30"]);
    assert_eq!(erased["receipts"][0]["status"], "done", "{erased}");
    for town in [&a, &b] {
        assert!(!has(town, ONE));
        assert!(!known(town) && !found(town));
        town.ok(&["doctor", "--deep"]);
    }
    // It does not come back, not from its originator either.
    let again = a.scene.file("again.json", addresses(&[(ONE, "203.0.113.9")]));
    a.node.there(&["import", &again, "--tlp", "amber", "--to", "cert-b"]);
    a.ok(&["peer", "sync", "--wait", "30"]);
    assert!(!has(&b, ONE));
    let after = a.scene.path("after.note").to_str().unwrap().to_owned();
    std::fs::write(&after, a.ok(&["ledger", "checkpoint"])["note"].as_str().unwrap()).unwrap();
    a.node.there(&["ledger", "consistency", &before, &after]).exits(0);

    // The log is folded back, and the index of words written anew, when the node rests.
    for town in [&a, &b] {
        for marker in ["Zuckerwatte Jahrmarkt", "zuckerwatte"] {
            until(&format!("no file holds {marker}"), || files_with(town, marker.as_bytes()).is_empty());
        }
    }
}

/// A copy that somebody has kept does not come back as this member's own word, by whichever door; what the member says itself does.
#[test]
fn a_copy_of_what_its_originator_erased_is_taken_at_no_door() {
    let [a, mut b] = community([("cert-a", "cert"), ("cert-b", "cert")]);
    let file = a.scene.file("two.json", addresses(&[(ONE, "203.0.113.9"), (TWO, "203.0.113.10")]));
    a.node.there(&["import", &file, "--tlp", "amber", "--to", "cert-b"]).exits(0);
    until("B has both", || has(&b, ONE) && has(&b, TWO));
    let kept = Scene::new();
    kept.here(&["import", &file]).exits(0);
    a.ok(&["erase", ONE, "--reason", "a person's data", "--wait", "30"]);
    assert!(!has(&b, ONE));
    b.dies_and_comes_back();

    let receipts = b.node.there(&["import", &file]).exits(1).lines();
    let told: Vec<_> = receipts.iter().take(2).map(|one| (&one["outcome"], &one["code"])).collect();
    assert_eq!(told[0], (&json!("refused"), &json!("erased-by-originator")), "{receipts:?}");
    assert_eq!(told[1].0, &json!("known"), "{receipts:?}");
    let explained = b.node.there(&["explain", "erased-by-originator"]).exits(0);
    assert!(explained.stdout.contains("another member gave"), "{}", explained.stdout);
    let token = kept.file("token", b.node.token());
    let taxii = b.node.line["taxii"].as_str().unwrap();
    let pushed =
        kept.here(&["push", taxii, "--bearer-file", &token, "--to", "inbox", "--collection", "inbox"]);
    let pushed = pushed.exits(1);
    assert!(pushed.stdout.contains("destroyed everywhere"), "{}", pushed.stdout);
    let summary = pushed.lines().pop().unwrap()["summary"].clone();
    assert_eq!(
        summary,
        json!({"total": 2, "success": 1, "failure": 1, "pending": 0, "untold": 0, "refused_before": 0})
    );
    assert!(!has(&b, ONE));

    let mut own = indicator(ONE.trim_start_matches("indicator--"), "[ipv4-addr:value = '203.0.113.9']");
    own["name"] = json!("what B found out itself");
    let own = b.scene.file("own.json", bundle(&[own]));
    b.node.there(&["import", &own]).exits(0);
    assert!(has(&b, ONE) && !has(&a, ONE));
}

#[test]
fn what_was_called_back_can_be_erased_and_holders_are_told() {
    let [a, b] = community([("cert-a", "cert"), ("cert-b", "cert")]);
    let file = a.scene.file("one.json", addresses(&[(ONE, "203.0.113.9")]));
    a.node.there(&["import", &file, "--tlp", "amber", "--to", "cert-b"]).exits(0);
    until("B has it", || has(&b, ONE));
    a.ok(&["recall", ONE, "--wait", "30"]);
    assert!(!has(&a, ONE) && !has(&b, ONE));
    let add = ["user", "add", "ann", "--role", "analyst"];
    a.node.there(&add).exits(0);
    let token = a.node.there(&["token", "create", "--user", "ann", "--scope", "read", "--scope", "write"]);
    let token = token.exits(0).json()["token"].as_str().unwrap().to_owned();
    let erase = ["erase", ONE, "--reason", "a person's data", "--wait", "30"];
    let unknown = a.node.there_as(&token, &erase, b"").exits(1);
    assert!(unknown.stderr.contains("not-found"), "{}", unknown.stderr);
    let never = a.node.there(&["erase", TWO, "--reason", "never here"]).exits(1);
    assert!(never.stderr.contains("not-found"), "{}", never.stderr);

    let erased = a.ok(&erase);
    assert_eq!(erased["receipts"][0]["status"], "done", "{erased}");
    assert_eq!(a.ok(&erase), erased, "said again, nothing more is done");
    assert_eq!(a.ok(&["holders", ONE]), json!([]));
    // What was called back could be given anew; what is erased cannot.
    a.node.there(&["import", &file, "--tlp", "amber", "--to", "cert-b"]);
    a.ok(&["peer", "sync", "--wait", "30"]);
    assert!(!has(&a, ONE) && !has(&b, ONE));
    for town in [&a, &b] {
        town.ok(&["doctor", "--deep"]);
    }
}

#[test]
fn what_no_network_carries_goes_by_file() {
    let [a, b] = community([("cert-a", "cert"), ("cert-b", "cert")]);
    // B's node is off; what is for it goes by file to where it is started without a way out.
    assert_eq!(b.node.terminate(), 0);
    let (scene, file) = (b.scene, |name: &str| a.scene.path(name).to_str().unwrap().to_owned());
    let bundled = a.scene.file("two.json", addresses(&[(ONE, "203.0.113.9"), (TWO, "203.0.113.10")]));
    a.node.there(&["import", &bundled, "--tlp", "amber", "--to", "cert-b"]).exits(0);
    let (first, second, back) = (file("first.crs"), file("second.crs"), file("back.crs"));
    a.ok(&["courier", "export", "--to", "cert-b", "--out", &first]);
    assert!(!std::fs::read(&first).unwrap().windows(9).any(|part| part == b"203.0.113"), "it is sealed");

    // B takes it; a second time changes nothing; damaged, or at another member, it is refused and nothing is taken.
    let report = scene.here(&["courier", "import", &first]).exits(0).json();
    assert_eq!((&report["from"], &report["taken"]), (&json!("cert-a"), &json!(2)), "{report}");
    assert_eq!(scene.here(&["get", ONE]).exits(0).json()["origin"], "cert-a");
    let report = scene.here(&["courier", "import", &first]).exits(0).json();
    assert_eq!((&report["taken"], &report["known"]), (&json!(0), &json!(2)));
    let mut damaged = std::fs::read(&first).unwrap();
    *damaged.last_mut().unwrap() ^= 1;
    scene.here(&["courier", "import", &a.scene.file("damaged.crs", damaged)]).exits(1);
    a.node.there(&["courier", "import", &first]).exits(1);
    a.node.there(&["courier", "acks", "--out", &back]).exits(1);

    // The acknowledgement and the receipts go back by file too.
    scene.here(&["courier", "acks", "--out", &back]).exits(0);
    a.ok(&["courier", "import", &back]);
    assert_eq!(a.ok(&["holders", ONE])[0]["receipt"], "valid");
    assert_eq!(a.ok(&["peer", "list"])[0]["lag_out"], 0);

    // A recall by file; a file before it that is missing is told.
    a.ok(&["recall", TWO]);
    a.ok(&["courier", "export", "--to", "cert-b", "--out", &second]);
    scene.here(&["courier", "import", &second]).exits(0);
    scene.here(&["get", TWO]).exits(1);
    scene.here(&["get", ONE]).exits(0);
}

/// Across an air gap a circle that was made meanwhile, and a key that was replaced meanwhile, come with what they are needed for.
#[test]
fn circles_and_keys_go_by_file() {
    let [a, b] = community([("cert-a", "cert"), ("cert-b", "cert")]);
    assert_eq!(b.node.terminate(), 0);
    let (scene, path) = (b.scene, |name: &str| a.scene.path(name).to_str().unwrap().to_owned());
    a.ok(&["circle", "create", "air", "--members", "cert-b"]);
    let file = a.scene.file("one.json", addresses(&[(ONE, "203.0.113.9")]));
    a.node.there(&["import", &file, "--tlp", "amber", "--to", "air"]).exits(0);
    a.ok(&["community", "rotate-key"]);
    let file = a.scene.file("more.json", addresses(&[(TWO, "203.0.113.10")]));
    a.node.there(&["import", &file, "--tlp", "amber", "--to", "cert-b"]).exits(0);
    let (there, back) = (path("there.crs"), path("back.crs"));
    a.ok(&["courier", "export", "--to", "cert-b", "--out", &there]);

    let report = scene.here(&["courier", "import", &there]).exits(0).json();
    assert_eq!(
        (&report["papers"], &report["taken"], &report["waits"]),
        (&json!("taken"), &json!(2), &Value::Null),
        "{report}"
    );
    assert!([ONE, TWO].iter().all(|id| scene.here(&["get", id]).code == 0));
    assert_eq!(scene.here(&["circle", "list"]).exits(0).json()[0]["name"], "air");
    scene.here(&["courier", "acks", "--out", &back]).exits(0);
    assert_eq!(a.ok(&["courier", "import", &back])["papers"], "known");
    assert_eq!(a.ok(&["circle", "list"])[0]["undelivered"], json!([]));
    assert_eq!(a.ok(&["peer", "list"])[0]["lag_out"], 0);
}

/// What waits in a file is told, with the reason, and the command does not say that all is well.
#[test]
fn what_waits_in_a_file_is_told() {
    let [a, mut b] = community([("cert-a", "cert"), ("cert-b", "cert")]);
    b.node.dies();
    let path = |name: &str| a.scene.path(name).to_str().unwrap().to_owned();
    a.ok(&["circle", "create", "air", "--members", "cert-b"]);
    let file = a.scene.file("one.json", addresses(&[(ONE, "203.0.113.9")]));
    a.node.there(&["import", &file, "--tlp", "amber", "--to", "air"]).exits(0);
    let there = path("there.crs");
    a.ok(&["courier", "export", "--to", "cert-b", "--out", &there]);
    // Its papers are of a day that has not come where B's clock stands.
    assert_eq!(a.node.terminate(), 0);
    b.comes_back_later("-2d");
    let waits = b.node.there(&["courier", "import", &there]).exits(1).json();
    assert_eq!(waits["papers"], "exchange-clock-apart", "{waits}");
    assert_eq!(waits["waits"], json!({"envelopes": 1, "rule": "circle-awaited"}), "{waits}");
    assert!(b.node.there(&["explain", "circle-awaited"]).code == 0 && !has(&b, ONE));
    b.comes_back_later("+0s");
    let taken = b.node.there(&["courier", "import", &there]).exits(0).json();
    assert_eq!((&taken["taken"], &taken["waits"]), (&json!(1), &Value::Null), "{taken}");
    assert!(has(&b, ONE));
}

/// What one gave, the other got, and both took back is proven to anybody: each by its own leaf, and what the other signed about it.
#[test]
fn what_was_given_received_and_called_back_is_proven_to_anybody() {
    let [a, b] = community([("cert-a", "cert"), ("cert-b", "cert")]);
    let path = |name: &str| a.scene.path(name).to_str().unwrap().to_owned();
    let (registry, proof) = (path("registry"), path("proof"));
    let file = a.scene.file("two.json", addresses(&[(ONE, "203.0.113.9"), (TWO, "203.0.113.10")]));
    a.node.there(&["import", &file, "--tlp", "amber", "--to", "cert-b"]).exits(0);
    until("A has the receipts", || a.ok(&["holders", ONE])[0]["receipt"] == "valid");
    a.ok(&["community", "registry", "--out", &registry]);
    let proven = |town: &Town, what: &[&str]| {
        let args = [&["ledger", "proof"], what, &["--out", &proof]].concat();
        until(&format!("{what:?} is covered"), || town.node.there(&args).code == 0);
        run(&["verify", &proof, "--registry", &registry, "--json"]).exits(0).json()
    };
    let says = |told: &Value, leaf: &Value, outcome: &str| {
        let acts = told["receipt"]["acts"].as_array().unwrap();
        acts.iter().any(|act| act["sequence"] == *leaf && act["outcome"] == outcome)
    };

    // B by its own leaf, A by what B signed, of the same act; and that act itself.
    let got = proven(&b, &[ONE]);
    assert_eq!((&got["kind"], &got["slug"]), (&json!("received"), &json!("cert-b")), "{got}");
    let receipt = proven(&a, &[ONE, "--receipt", "cert-b"]);
    assert_eq!((&receipt["slug"], &receipt["receipt"]), (&json!("cert-b"), &got["receipt"]), "{receipt}");
    let acts = receipt["receipt"]["acts"].as_array().unwrap();
    let given: Vec<Value> =
        acts.iter().map(|act| proven(&a, &["--leaf", &act["sequence"].to_string()])).collect();
    let given = given.iter().find(|act| act["object"]["id"] == ONE).unwrap();
    assert_eq!((&given["kind"], &given["slug"]), (&json!("released"), &json!("cert-a")), "{given}");
    assert_eq!(receipt["receipt"]["of"], given["member"]);
    assert!(says(&receipt, &given["sequence"], "kept"), "{receipt}");

    // What came in at A and was given to nobody is proven by its leaf too, and says nothing of what is in it.
    let file = a.scene.file("three.json", addresses(&[(THREE, "203.0.113.11")]));
    a.node.there(&["import", &file]).exits(0);
    let last = proven(&a, &[THREE])["sequence"].to_string();
    let told = proven(&a, &["--leaf", &last]);
    assert_eq!(
        (&told["kind"], &told["object"]["id"], &told["payload"]),
        (&json!("received"), &json!(THREE), &json!("withheld"))
    );

    let recalled = a.ok(&["recall", ONE, "--wait", "30"]);
    let leaf = &recalled["leaf"];
    let at = leaf.to_string();
    for what in [&["--leaf", &at][..], &[ONE]] {
        let told = proven(&a, what);
        assert_eq!((&told["kind"], &told["sequence"]), (&json!("recalled"), leaf), "{told}");
        assert_eq!((&told["object"]["id"], &told["payload"]), (&json!(ONE), &json!("withheld")));
    }
    assert!(says(&proven(&a, &["--leaf", &at, "--receipt", "cert-b"]), leaf, "done"));
    assert!(says(&proven(&b, &[ONE]), leaf, "done"));
    assert!(!std::fs::read_to_string(&proof).unwrap().contains("203.0.113"));

    // Changed, it proves nothing; what nobody signed is not there; and who may not know is told nothing.
    let changed = std::fs::read_to_string(&proof).unwrap().replacen("index ", "index 1", 1);
    run(&["verify", &a.scene.file("changed", changed), "--registry", &registry]).exits(3);
    let none = a.node.there(&["ledger", "proof", "--leaf", &at, "--receipt", "cert-a", "--out", &proof]);
    assert!(none.exits(1).stderr.contains("receipt-none"));
    a.node.there(&["user", "add", "ann", "--role", "reader"]).exits(0);
    let token = a.node.there(&["token", "create", "--user", "ann", "--scope", "read"]).exits(0).json();
    for what in [&["--leaf", &at][..], &[ONE], &["--leaf", "999999"]] {
        let args = [&["ledger", "proof"], what, &["--out", &proof]].concat();
        let told = a.node.there_as(token["token"].as_str().unwrap(), &args, b"").exits(1);
        assert!(told.stderr.contains("not-found"), "{}", told.stderr);
    }
}

/// A member that was killed is not told as reachable for long.
#[test]
fn a_member_that_died_is_soon_not_reachable() {
    let [a, mut b] = community([("cert-a", "cert"), ("cert-b", "cert")]);
    until("B is there", || a.ok(&["peer", "list"])[0]["reachable"] == true);
    b.node.dies();
    crate::town::until_within(45, "B is known to be gone", || {
        a.ok(&["peer", "list"])[0]["reachable"] == false
    });
}

#[test]
fn what_is_anothers_goes_on_with_its_consent_only() {
    let [a, b, c] = community([("cert-a", "cert"), ("cert-b", "cert"), ("cert-c", "cert")]);
    let file = a.scene.file("one.json", addresses(&[(ONE, "203.0.113.9")]));
    a.node.there(&["import", &file, "--tlp", "amber", "--to", "cert-b"]).exits(0);
    until("B has it", || has(&b, ONE));
    b.node.there(&["share", ONE, "--to", "cert-c"]).exits(1);
    b.node.there(&["why", ONE, "--for", "cert-c"]).exits(1);
    // Whatever its level.
    let file = a.scene.file("two.json", addresses(&[(TWO, "203.0.113.10")]));
    a.node.there(&["import", &file, "--tlp", "clear", "--to", "cert-b"]).exits(0);
    until("B has the other", || has(&b, TWO));
    let why = b.node.there(&["why", TWO, "--for", "cert-c", "--action", "pass-on"]).exits(1).json();
    assert_eq!((&why["decision"], &why["rule"]), (&json!("refuse"), &json!("consent-missing")), "{why}");
    let refused = b.node.there(&["share", TWO, "--to", "cert-c"]).exits(1);
    let words = "another member's, and goes on with that member's consent only: none for this recipient is known here; ask";
    assert!(
        refused.stderr.contains(words) && refused.stderr.contains("[consent-missing]"),
        "{}",
        refused.stderr
    );

    let grant =
        ["consent", "grant", ONE, "--from", "cert-b", "--to", "cert-c", "--until", "2999-01-01T00:00:00Z"];
    let given = a.ok(&grant);
    until("B has the token", || !b.ok(&["consent", "list"]).as_array().unwrap().is_empty());
    let why = b.ok(&["why", ONE, "--for", "cert-c"]);
    assert!(
        why["reasons"].to_string().contains(given["id"].as_str().unwrap()),
        "it names the consent: {why}"
    );
    b.ok(&["share", ONE, "--to", "cert-c"]);
    until("C has it", || has(&c, ONE));
    let got = c.ok(&["get", ONE]);
    assert_eq!(
        (&got["origin"], &got["path"]),
        (&json!("cert-a"), &json!(["cert-a", "cert-b", "cert-c"])),
        "{got}"
    );
    assert_eq!(got["signature"], "valid");
    let signed = || a.ok(&["holders", ONE]).as_array().unwrap().iter().all(|row| row["receipt"] == "valid");
    until("A has the receipts of both", signed);

    // For B and nobody else: what was consented to before counts no more, what is consented to after does.
    a.ok(&["narrow", ONE, "--tlp", "amber", "--to", "cert-b"]);
    until("C lets go", || !has(&c, ONE));
    let let_go = json!({"member": "cert-c", "rule": "narrowed", "received_at": null, "receipt": "missing"});
    until("A is told", || a.ok(&["holders", ONE]).as_array().unwrap().contains(&let_go));
    b.node.there(&["why", ONE, "--for", "cert-c"]).exits(1);
    let refused = b.node.there(&["share", ONE, "--to", "cert-c"]).exits(1);
    assert!(refused.stderr.contains("consent-revoked"), "{}", refused.stderr);
    a.ok(&grant);
    until("B has another token", || b.ok(&["consent", "list"]).as_array().unwrap().len() == 2);
    b.ok(&["share", ONE, "--to", "cert-c"]);
    until("C has it again", || has(&c, ONE));

    // What A calls back is gone where it was passed on, too.
    a.ok(&["recall", ONE, "--wait", "30"]);
    until("it is gone", || !has(&b, ONE) && !has(&c, ONE));
}

/// B says a later, revoked version of what A gave to it and to C: C is told A's, finds it, and gets A's next one, whatever its date.
#[test]
fn another_members_version_neither_follows_nor_revokes() {
    let [a, b, c] = community([("cert-a", "cert"), ("cert-b", "cert"), ("cert-c", "cert")]);
    let mut bundle: Value = serde_json::from_str(&addresses(&[(ONE, "203.0.113.9")])).unwrap();
    let bring = |town: &Town, bundle: &Value, to: &str| {
        let file = town.scene.file("one.json", bundle.to_string());
        town.node.there(&["import", &file, "--tlp", "green", "--to", to]).exits(0).lines().swap_remove(0)
    };
    bring(&a, &bundle, "cert-b,cert-c");
    until("B and C have it", || has(&b, ONE) && has(&c, ONE));
    let mut others = bundle.clone();
    others["objects"][0]["modified"] = json!("2099-01-01T00:00:00.000Z");
    others["objects"][0]["revoked"] = json!(true);
    bring(&b, &others, "cert-a,cert-c");
    let words = |town: &Town| town.ok(&["history", ONE]).as_array().unwrap().clone();
    until("A and C have B's word", || words(&a).len() == 2 && words(&c).len() == 2);
    let found = |town: &Town, value: &str| {
        let matches = town.node.there(&["lookup", value]).lines()[0]["matches"].clone();
        let matches = matches.as_array().cloned().unwrap_or_default();
        matches.iter().map(|found| found["revoked"] == true).collect::<Vec<_>>()
    };
    for town in [&a, &c] {
        let told = town.ok(&["get", ONE]);
        assert_eq!(
            (&told["revoked"], &told["origin"], &told["contradictions"]),
            (&json!(false), &json!("cert-a"), &json!(1)),
            "{told}"
        );
        let told: Vec<Value> =
            words(town).iter().map(|row| json!([row["origin"], row["contradicts"]])).collect();
        assert_eq!(told, [json!(["cert-a", false]), json!(["cert-b", true])]);
        assert_eq!(found(town, "203.0.113.9"), [false, true], "each by its own word, what holds first");
    }
    bundle["objects"][0]["modified"] = json!("2026-01-01T00:00:00.000Z");
    bundle["objects"][0]["pattern"] = json!("[ipv4-addr:value = '203.0.113.10']");
    let receipt = bring(&a, &bundle, "cert-b,cert-c");
    assert_eq!(receipt["outcome"], "newer", "{receipt}");
    until("C has A's next version", || words(&c).len() == 3);
    assert_eq!((found(&c, "203.0.113.9"), found(&c, "203.0.113.10")), (vec![true], vec![false]));
    until("both have signed for it", || {
        let holders = a.ok(&["holders", ONE]);
        let holders = holders.as_array().unwrap();
        holders.len() == 2 && holders.iter().all(|holder| holder["receipt"] == "valid")
    });
}

/// B says a later version of what A gave it: A's own word is still A's to give, to narrow and to call back.
#[test]
fn an_originator_is_obeyed_whatever_others_say_later() {
    let [a, b, c] = community([("cert-a", "cert"), ("cert-b", "cert"), ("cert-c", "cert")]);
    let mut bundle: Value = serde_json::from_str(&addresses(&[(ONE, "203.0.113.9")])).unwrap();
    let file = a.scene.file("one.json", bundle.to_string());
    a.node.there(&["import", &file, "--tlp", "amber", "--to", "cert-b"]).exits(0);
    until("B has it", || has(&b, ONE));
    bundle["objects"][0]["modified"] = json!("2099-01-01T00:00:00.000Z");
    bundle["objects"][0]["revoked"] = json!(true);
    let file = b.scene.file("later.json", bundle.to_string());
    b.node.there(&["import", &file, "--tlp", "green", "--to", "cert-a"]).exits(0);
    until("A has B's word", || a.ok(&["history", ONE]).as_array().unwrap().len() == 2);

    a.ok(&["share", ONE, "--to", "cert-c"]);
    until("C has A's word", || has(&c, ONE));
    assert_eq!(c.ok(&["get", ONE])["revoked"], false);
    a.ok(&["narrow", ONE, "--pap", "red"]);
    let called = a.ok(&["recall", ONE, "--wait", "30"]);
    until("C has nothing of it any more", || !has(&c, ONE));
    assert_eq!(
        a.ok(&["recall", ONE])["receipts"],
        called["receipts"],
        "said again, it tells how far it has come"
    );
    assert_eq!(b.ok(&["get", ONE])["object"]["revoked"], true, "B's word is B's");
}

/// Two people of one node write to desks of their own: who knows an id, and brings something under it, opens and takes back nothing of what
/// the other has and gave.
#[test]
fn who_knows_an_id_does_nothing_with_what_a_colleague_has_under_it() {
    let [a, b] = community([("cert-a", "cert"), ("cert-b", "cert")]);
    let [ann, bob] = ["ann", "bob"].map(|user| {
        a.ok(&["user", "add", user, "--role", "analyst"]);
        let grant = format!("user:{user}=rw");
        a.ok(&["collection", "add", user, "--title", user, "--alias", user, "--grant", &grant]);
        let made = a.ok(&["token", "create", "--user", user, "--scope", "read", "--scope", "write"]);
        let token = made["token"].as_str().unwrap().to_owned();
        move |town: &Town, args: &[&str]| town.node.there_as(&token, args, b"")
    });
    let bring = |name: &str, (id, said): (&str, &str), day: &str| {
        let mut bundle: Value = serde_json::from_str(&addresses(&[(id, "203.0.113.9")])).unwrap();
        bundle["objects"][0]["name"] = json!(said);
        for property in ["created", "modified"] {
            bundle["objects"][0][property] = json!(format!("{day}T00:00:00.000Z"));
        }
        a.scene.file(name, bundle.to_string())
    };

    // What Bob has for himself stays his when Ann shares something under its id and date, and takes it back.
    let file = bring("bobs.json", (ONE, "for Bob"), "2026-01-01");
    bob(&a, &["import", &file, "--collection", "bob", "--tlp", "red", "--to", "user:bob"]).exits(0);
    let file = bring("anns.json", (ONE, "of Ann"), "2026-01-01");
    ann(&a, &["import", &file, "--collection", "ann", "--tlp", "green"]).exits(0);
    ann(&a, &["share", ONE, "--to", "cert-b"]).exits(0);
    until("B has it", || has(&b, ONE));
    let bobs = || {
        let got = bob(&a, &["get", ONE]).exits(0).json();
        (got["object"]["name"].clone(), got["handling"]["tlp"].clone(), got["leaf"].clone())
    };
    assert_eq!(bobs(), (json!("for Bob"), json!("red"), Value::Null));
    ann(&a, &["recall", ONE, "--wait", "30"]).exits(0);
    until("B has it no more", || !has(&b, ONE));
    assert_eq!(bobs(), (json!("for Bob"), json!("red"), Value::Null));

    // And what he gave is not hers, whatever she says under its id.
    let file = bring("given.json", (TWO, "of Bob"), "2026-01-01");
    bob(&a, &["import", &file, "--collection", "bob", "--tlp", "amber", "--to", "cert-b"]).exits(0);
    until("B has it", || has(&b, TWO));
    let file = bring("beside.json", (TWO, "of Ann"), "2026-03-01");
    ann(&a, &["import", &file, "--collection", "ann", "--tlp", "amber"]).exits(0);
    assert_eq!(ann(&a, &["holders", TWO]).exits(0).json(), json!([]));
    let never = ann(&a, &["recall", TWO]).exits(1);
    assert!(never.stderr.contains("never-given"), "{}", never.stderr);
    ann(&a, &["narrow", TWO, "--tlp", "red"]).exits(0);
    assert_eq!(ann(&a, &["erase", TWO]).exits(0).json()["receipts"], json!([]));
    ann(&a, &["get", TWO]).exits(1);
    for peer in a.ok(&["peer", "sync", "--wait", "30"]).as_array().unwrap() {
        assert_eq!(peer["lag_out"], 0, "{peer}");
    }
    assert_eq!(bob(&a, &["get", TWO]).exits(0).json()["handling"]["tlp"], "amber");
    assert!(has(&b, TWO));
}

#[test]
fn a_consent_that_was_taken_back_counts_no_more() {
    let [a, b, c] = community([("cert-a", "cert"), ("cert-b", "cert"), ("cert-c", "cert")]);
    let file = a.scene.file("two.json", addresses(&[(ONE, "203.0.113.9"), (TWO, "203.0.113.10")]));
    // Nobody is named who may pass it on, and nobody has it: nothing is given.
    a.node.there(&["import", &file, "--tlp", "amber", "--to", "cert-a"]).exits(0);
    let until_then = ["--to", "cert-c", "--until", "2999-01-01T00:00:00Z"];
    let grant = |object| [&["consent", "grant", object][..], &until_then].concat();
    let refused = a.node.there(&grant(ONE)).exits(1);
    assert!(refused.stderr.contains("consent-nobody"), "{}", refused.stderr);
    a.ok(&["share", ONE, "--to", "cert-b"]);
    a.ok(&["share", TWO, "--to", "cert-b"]);
    until("B has them", || has(&b, ONE) && has(&b, TWO));

    // This member needs no consent, and what is for named persons of B does not go to C by any.
    let own = ["consent", "grant", ONE, "--to", "cert-a", "--until", "2999-01-01T00:00:00Z"];
    assert!(a.node.there(&own).exits(1).stderr.contains("peer-unknown"));
    let red = a.scene.file("red.json", addresses(&[(THREE, "203.0.113.11")]));
    a.node.there(&["import", &red, "--tlp", "red", "--to", "user:admin@cert-b"]).exits(0);
    let refused = a.node.there(&grant(THREE)).exits(1);
    assert!(refused.stderr.contains("tlp-red-persons"), "{}", refused.stderr);

    // Without --from it is for whoever has it.
    let given = a.ok(&grant(ONE));
    assert_eq!(given["consents"][0]["from"], "cert-b", "{given}");
    let other = a.ok(&grant(TWO));
    let consents = |town: &Town| town.ok(&["consent", "list"]).as_array().unwrap().clone();
    until("B has both tokens", || consents(&b).len() == 2);

    // Taken back before it was used: B may not, and the other is not touched.
    let id = given["id"].as_str().unwrap();
    b.node.there(&["consent", "revoke", id]).exits(1);
    let gone = a.ok(&["consent", "revoke", id]);
    assert_eq!((&gone["id"], &gone["revoked"]), (&json!(id), &json!(true)));
    assert_eq!(a.ok(&["consent", "revoke", id]), gone, "twice is once");
    let revoked = |town: &Town| consents(town).iter().filter(|row| row["revoked"] == true).count();
    until("B knows", || revoked(&b) == 1);
    let refused = b.node.there(&["share", ONE, "--to", "cert-c"]).exits(1);
    assert!(refused.stderr.contains("consent-revoked"), "{}", refused.stderr);
    b.ok(&["share", TWO, "--to", "cert-c"]);
    until("C has the other", || has(&c, TWO));
    assert!(!has(&c, ONE));

    // Given again until the very same moment it is another, and counts.
    let again = a.ok(&grant(ONE));
    assert_ne!(again["id"], given["id"]);
    until("B has the new token", || consents(&b).len() == 3);
    let page = |next: &str| {
        let url = format!("{}/api/v1/consents?limit=2{next}", b.node.url());
        crate::approvals::get(&url, b.node.token()).1
    };
    let first = page("");
    let second = page(&format!("&next={}", first["next"].as_str().unwrap()));
    let pages = [&first, &second].map(|page| page["items"].as_array().unwrap().clone());
    assert_eq!((pages.concat(), &second["next"]), (consents(&b), &Value::Null));
    assert_eq!(page("&next=AAAA")["code"], "bad-cursor");
    let past =
        ["consent", "grant", ONE, "--from", "cert-b", "--to", "cert-c", "--until", "2020-01-01T00:00:00Z"];
    assert!(a.node.there(&past).exits(1).stderr.contains("consent-expired"));
    assert_eq!(a.node.there(&["explain", "consent-expired"]).code, 0);
    b.ok(&["share", ONE, "--to", "cert-c"]);
    until("C has it now", || has(&c, ONE));

    // Taken back after it was used: what went on stays until it is called back.
    a.ok(&["consent", "revoke", other["id"].as_str().unwrap()]);
    until("B knows of both", || revoked(&b) == 2);
    assert!(has(&c, TWO));
    a.ok(&["recall", TWO, "--wait", "30"]);
    assert!(!has(&c, TWO));
    let unknown = a.node.there(&["consent", "revoke", &"0".repeat(64)]).exits(1);
    assert!(unknown.stderr.contains("consent-unknown"), "{}", unknown.stderr);
}

#[test]
fn members_of_a_circle_compare_what_is_addressed_to_it() {
    let [a, b, c] = community([("cert-a", "cert"), ("cert-b", "cert"), ("cert-c", "cert")]);
    a.ok(&["circle", "create", "banks", "--members", "cert-a,cert-b"]);
    let file = a.scene.file("one.json", addresses(&[(ONE, "203.0.113.9")]));
    let more = a.scene.file("more.json", addresses(&[(TWO, "203.0.113.10"), (THREE, "203.0.113.11")]));
    a.node.there(&["import", &file, "--tlp", "amber", "--to", "banks"]).exits(0);
    a.node.there(&["import", &more, "--tlp", "amber", "--to", "cert-c"]).exits(0);
    until("everybody has theirs", || has(&b, ONE) && has(&c, TWO) && has(&c, THREE));
    let of_circle = |town: &Town| town.ok(&["node", "state", "--circle", "cert-a/banks"]);
    let (here, there) = (of_circle(&a), of_circle(&b));
    assert_eq!((&here["state_hash"], &here["objects"]), (&there["state_hash"], &json!(1)), "{here} {there}");
    assert_ne!(state(&a), state(&b), "as a whole they hold different things");
    assert_ne!(here["state_hash"], a.ok(&["node", "state"])["state_hash"]);
    // For whoever is not in it there is no such circle.
    c.node.there(&["node", "state", "--circle", "cert-a/banks"]).exits(1);
}

#[test]
fn what_was_under_an_embargo_comes_by_itself_when_it_is_over() {
    let [a, b] = community([("cert-a", "cert"), ("cert-b", "cert")]);
    let file = a.scene.file("one.json", addresses(&[(ONE, "203.0.113.9")]));
    // Long enough for what is looked at before it is over.
    let over = SystemClock::default().now().plus(8 * Micros::SECOND);
    let over = Timestamp::text_of(over);
    let embargo = ["import", &file, "--tlp", "amber", "--to", "cert-b", "--embargo-until", &over];
    a.node.there(&embargo).exits(0);
    let held = a.ok(&["holders", ONE]);
    assert_eq!((&held[0]["member"], &held[0]["receipt"]), (&json!("cert-b"), &json!("missing")), "{held}");
    assert!(held[0]["waits"].as_str().unwrap().starts_with("embargo until "), "{held}");
    assert_eq!(crate::town::peer(&a, "cert-b")["waits"], 1);
    assert!(!has(&b, ONE));
    until("it has come by itself", || has(&b, ONE));
    until("the receipt has come", || a.ok(&["holders", ONE])[0]["receipt"] == "valid");
    assert_eq!(crate::town::peer(&a, "cert-b")["waits"], 0);
}

/// Which definition it waits for is told; the definition comes from another member, and what waited goes by itself.
#[test]
fn what_awaits_a_marking_is_told_which_and_comes_with_it() {
    let [a, b] = community([("cert-a", "cert"), ("cert-b", "cert")]);
    let marking = "marking-definition--44444444-4444-4444-8444-444444444444";
    let mut object = indicator(ONE.trim_start_matches("indicator--"), "[ipv4-addr:value = '203.0.113.9']");
    object["object_marking_refs"] = json!([marking]);
    let file = a.scene.file("marked.json", bundle(&[object]));
    a.node.there(&["import", &file, "--tlp", "amber", "--to", "cert-b"]).exits(0);
    let held = a.ok(&["holders", ONE]);
    assert_eq!(held[0]["waits"], "until the definition of its marking has come", "{held}");
    assert_eq!(a.ok(&["get", ONE])["handling"]["awaits"], json!([marking]));
    let definition = json!({
        "type": "marking-definition", "spec_version": "2.1", "id": marking, "created": "2025-01-01T00:00:00.000Z",
        "definition_type": "statement", "definition": {"statement": "PAP:AMBER"},
    });
    let file = b.scene.file("definition.json", bundle(&[definition]));
    b.node.there(&["import", &file, "--tlp", "amber", "--to", "cert-a"]).exits(0);
    until("it has come by itself", || has(&b, ONE));
    for town in [&a, &b] {
        let handling = town.ok(&["get", ONE])["handling"].clone();
        assert_eq!(
            (&handling["pap"], &handling["marking_awaited"]),
            (&json!("amber"), &json!(false)),
            "{handling}"
        );
        assert!(handling.get("awaits").is_none(), "{handling}");
    }
}

/// Nobody reaches B: it asks, and is answered as soon as something waits for it, not at its next round.
#[test]
fn what_is_for_a_member_that_only_calls_out_is_there_at_once() {
    let [a, b] = [Town::new(), Town::new()];
    let anchor = a.create("cert-a", &[]);
    b.join_as(&anchor, "cert-b", "cert", "http://127.0.0.1:1");
    a.approve("cert-b");
    agree(&[&a, &b], 2);
    let give = |number: usize| {
        let object = indicator(
            crate::town::id(number).trim_start_matches("indicator--"),
            "[ipv4-addr:value = '203.0.113.9']",
        );
        let file = a.scene.file("one.json", bundle(&[object]));
        a.node.there(&["import", &file, "--tlp", "amber", "--to", "cert-b", "--flash"]).exits(0);
    };
    // How many of B's questions A has answered. One that nothing comes for is open longer than a round takes here.
    let answered = || -> u64 {
        let line = r#"cresset_http_requests_total{method="POST",route="/federation/v1/wait",status="200"} "#;
        let figures = crate::recovery::ask(&a, "/metrics", "*/*").1;
        figures.lines().find_map(|told| told.strip_prefix(line)).map_or(0, |count| count.parse().unwrap())
    };
    give(1);
    until("B has the first", || crate::town::has(&b, 1));
    // At whatever moment of its round.
    for number in 2..7 {
        std::thread::sleep(Duration::from_millis(2_600));
        let before = answered();
        give(number);
        until("B has it", || crate::town::has(&b, number));
        assert!(answered() > before, "{number} came in an ordinary round");
    }
}
