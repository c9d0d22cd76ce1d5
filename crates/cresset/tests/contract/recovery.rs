//! Members that are restored from old backups: what they lost comes back, what was taken back stays gone, and nobody finds a fork.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::{Value, json};

use crate::relay::sql;
use crate::scene::{Running, bundle, indicator, run};
use crate::town::{Town, agree, community, has, id, peer, until};

/// A file of an indicator with a name to look for.
fn file(town: &Town, number: usize, name: &str) -> String {
    let pattern = format!("[ipv4-addr:value = '198.18.{}.{}']", number / 250, number % 250 + 1);
    let mut object = indicator(id(number).trim_start_matches("indicator--"), &pattern);
    object["name"] = json!(name);
    town.scene.file(&format!("{number}.json"), bundle(&[object]))
}

fn gives(town: &Town, number: usize, to: &str) {
    named(town, number, "an indicator", to);
}

fn named(town: &Town, number: usize, name: &str, to: &str) {
    let file = file(town, number, name);
    let lines = town.node.there(&["import", &file, "--tlp", "amber", "--to", to]).exits(0).lines();
    assert_eq!(lines.last().unwrap()["summary"]["accepted"], 1);
    std::fs::remove_file(&file).unwrap();
}

fn state(town: &Town) -> Value {
    town.ok(&["node", "state"])
}

fn is_back(town: &Town) -> bool {
    state(town)["status"] == "ok"
}

fn peer_if(town: &Town, slug: &str) -> Option<Value> {
    let peers = town.ok(&["peer", "list"]);
    peers.as_array().unwrap().iter().find(|peer| peer["member"] == slug).cloned()
}

/// Waits until nothing waits for anybody.
fn quiet(towns: &[&Town]) {
    until("nothing waits for anybody", || {
        towns.iter().all(|town| {
            town.ok(&["peer", "list"]).as_array().unwrap().iter().all(|peer| peer["lag_out"] == 0)
        })
    });
}

/// Waits until the others mirror the whole ledger of a member: what nobody has heard of, nobody gives back.
fn mirrored(town: &Town, slug: &str, by: &[&Town]) {
    until("the others mirror all of it", || {
        by.iter().all(|other| peer(other, slug)["last_head"] == state(town)["leaves"])
    });
}

fn back_up(town: &Town, name: &str) -> String {
    let copy = town.scene.path(name).to_str().unwrap().to_owned();
    town.scene.here(&["backup", &copy]).exits(0);
    copy
}

/// Loses the disk of a member's node, whose place a copy takes. Answers with what `restore` told.
fn restore(town: &mut Town, copy: &str) -> Value {
    let address = town.address();
    town.node.dies();
    let told = put_copy(town, copy);
    town.node = town.scene.serve_at(&address);
    told
}

fn put_copy(town: &Town, copy: &str) -> Value {
    let data = town.scene.data();
    let lost = (0..).map(|at| town.scene.path(&format!("lost-{at}"))).find(|path| !path.exists()).unwrap();
    std::fs::rename(&data, lost).unwrap();
    let key = town.scene.file("key", town.scene.init["recovery_key"].as_str().unwrap());
    let args = ["restore", copy, "--data", data.to_str().unwrap(), "--recovery-key-file", &key, "--json"];
    run(&args).exits(0).json()
}

fn note(town: &Town, name: &str) -> String {
    let note = town.ok(&["ledger", "checkpoint"])["note"].as_str().unwrap().to_owned();
    town.scene.file(name, note)
}

/// What `doctor`, which finds something, says of the recovery.
fn doctor(town: &Town) -> String {
    let checks = town.node.there(&["doctor"]).exits(3).json();
    let line = checks["checks"].as_array().unwrap().iter().find(|line| line["name"] == "recovery");
    line.unwrap()["detail"].as_str().unwrap().to_owned()
}

/// Nobody has been told two stories by anybody.
fn nobody_forked(towns: &[&Town]) {
    for town in towns {
        let checks = town.ok(&["doctor", "--deep"]);
        assert_eq!(checks["ok"], true, "{checks}");
        for peer in town.ok(&["peer", "list"]).as_array().unwrap() {
            let forked = ["equivocation", "proof-contradicted"];
            let rules: Vec<&Value> =
                peer["refusals"].as_array().unwrap().iter().map(|one| &one["rule"]).collect();
            assert!(!rules.iter().any(|rule| forked.iter().any(|code| *rule == code)), "{peer}");
            assert_eq!(peer["evidence"], 0, "{peer}");
        }
    }
}

/// Head and body of the answer to a question.
pub(crate) fn ask(town: &Town, path: &str, accept: &str) -> (String, String) {
    ask_node(&town.node, path, accept)
}

/// The same of any node.
pub(crate) fn ask_node(node: &Running, path: &str, accept: &str) -> (String, String) {
    let mut stream = TcpStream::connect(node.url().trim_start_matches("http://")).unwrap();
    let token = node.token();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nAccept: {accept}\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_lowercase(), body.to_owned())
}

/// Every file of a directory that holds these bytes.
fn files_with(town: &Town, bytes: &[u8]) -> Vec<String> {
    let files = std::fs::read_dir(town.scene.data()).unwrap().map(|entry| entry.unwrap().path());
    let holds = |path: &std::path::PathBuf| {
        path.is_file() && std::fs::read(path).unwrap().windows(bytes.len()).any(|part| part == bytes)
    };
    files.filter(holds).map(|path| path.display().to_string()).collect()
}

#[test]
fn a_member_restored_from_an_old_backup_gets_back_what_it_lost() {
    let [mut a, b, mut c] = community([("cert-a", "cert"), ("cert-b", "cert"), ("cert-c", "cert")]);
    gives(&a, 1, "cert-b,cert-c");
    gives(&a, 2, "cert-b,cert-c");
    named(&a, 3, "Zuckerwatte Jahrmarkt", "cert-b,cert-c");
    gives(&b, 4, "cert-a");
    gives(&b, 5, "cert-a,cert-c");
    until("A has it", || has(&a, 4) && has(&a, 5));
    quiet(&[&a, &b, &c]);
    assert!(!files_with(&a, b"Zuckerwatte").is_empty());
    let copy = back_up(&a, "old.backup");

    // What the backup does not know: own acts, what was taken back, what others did, a circle, what nobody else has.
    gives(&a, 6, "cert-b");
    gives(&a, 7, "cert-c");
    a.ok(&["recall", &id(2), "--reason", "a mistake", "--wait", "30"]);
    a.ok(&["erase", &id(3), "--reason", "a person's data", "--wait", "30"]);
    a.ok(&["narrow", &id(1), "--pap", "red"]);
    b.ok(&["recall", &id(4), "--reason", "a mistake", "--wait", "30"]);
    gives(&b, 8, "cert-a");
    a.ok(&["circle", "create", "north", "--members", "cert-b"]);
    b.ok(&["circle", "create", "south", "--members", "cert-a"]);
    until("A is in the circle", || a.ok(&["circle", "list"]).as_array().unwrap().len() == 2);
    gives(&b, 12, "south");
    until("A has it", || has(&a, 12));
    until("B knows the circle", || b.ok(&["circle", "list"]).as_array().unwrap().len() == 2);
    let alone = file(&a, 9, "nobody else has it");
    a.node.there(&["import", &alone]).exits(0);
    until("A has what B gave, and not what it took back", || has(&a, 8) && !has(&a, 4));
    quiet(&[&a, &b, &c]);
    mirrored(&a, "cert-a", &[&b, &c]);
    let before = state(&a);
    let head = note(&a, "before.note");

    // Without C the node waits, shows nothing and takes nothing in, and says so.
    let at = c.address();
    c.node.dies();
    let told = restore(&mut a, &copy);
    assert_eq!((&told["restored"], &told["recovering"]), (&json!(true), &json!(true)));
    until("B has given back", || peer(&a, "cert-b")["recovery"] == "given-back");
    assert_eq!(peer(&a, "cert-c")["recovery"], "awaited");
    while_recovering(&a);
    // Killed in the middle, it goes on.
    a.dies_and_comes_back();
    assert_eq!(state(&a)["status"], "recovering");
    assert_eq!(peer(&a, "cert-b")["recovery"], "given-back", "it asks nobody twice");

    c.node = c.scene.serve_at(&at);
    until("A is back", || is_back(&a));
    for gone in [2, 3, 4] {
        assert!(!has(&a, gone), "{gone} was taken back");
    }
    for there in [1, 5, 6, 7, 8, 12] {
        assert!(has(&a, there), "{there}");
    }
    assert!(!has(&a, 9), "what nobody else had is lost");
    assert_eq!(a.ok(&["get", &id(1)])["handling"]["pap"], "red");
    assert_eq!(a.ok(&["get", &id(7)])["origin"], "cert-a");
    until("nothing of it is in a file", || files_with(&a, b"Zuckerwatte").is_empty());
    let after = note(&a, "after.note");
    a.node.there(&["ledger", "consistency", &head, &after]).exits(0);
    assert!(state(&a)["leaves"].as_u64() >= before["leaves"].as_u64());
    quiet(&[&a, &b, &c]);
    assert_eq!(state(&a)["state_hash"], before["state_hash"], "as if nothing had been lost");
    assert_eq!(a.ok(&["holders", &id(7)])[0]["member"], "cert-c");
    let circles = a.ok(&["circle", "list"]);
    let names: Vec<&Value> = circles.as_array().unwrap().iter().map(|one| &one["name"]).collect();
    assert_eq!(names, ["north", "south"], "{circles}");
    agree(&[&a, &b, &c], 3);

    // It goes on as before.
    gives(&a, 10, "cert-b,cert-c");
    gives(&b, 11, "cert-a");
    until("what is given next arrives", || has(&b, 10) && has(&c, 10) && has(&a, 11));
    a.ok(&["recall", &id(6), "--reason", "a mistake", "--wait", "30"]);
    assert!(!has(&b, 6));
    let last = note(&a, "last.note");
    a.node.there(&["ledger", "consistency", &after, &last]).exits(0);
    quiet(&[&a, &b, &c]);
    nobody_forked(&[&a, &b, &c]);
    let proof = a.scene.path("proof.json").to_str().unwrap().to_owned();
    a.ok(&["ledger", "proof", &id(10), "--out", &proof]);
    run(&["verify", &proof, "--json"]).exits(0);
    assert_eq!(a.node.terminate(), 0);
    assert_eq!(a.scene.here(&["rebuild", "--check"]).exits(0).json()["equal"], true);
}

/// What a node says and refuses while it waits for C.
fn while_recovering(a: &Town) {
    let now = state(a);
    assert_eq!(now["status"], "recovering");
    assert!(now["reason"].as_str().unwrap().contains("cert-c"), "{now}");
    assert_eq!(ask(a, "/readyz", "*/*").1, r#"{"status":"recovering"}"#);
    assert!(ask(a, "/metrics", "*/*").1.contains("cresset_recovering 1"));
    let view = a.ok(&["node", "recover"]);
    assert_eq!((&view["stage"], &view["awaited"]), (&json!("taking-back"), &json!(["cert-c"])), "{view}");
    let told = doctor(a);
    assert!(told.contains("cert-c: ") && told.ends_with("it goes on by itself"), "{told}");
    for args in [&["get", &id(2)][..], &["search", "Zuckerwatte"], &["lookup", "198.18.0.3"], &["export"]] {
        let refused = a.node.there(args).exits(4);
        assert!(refused.stderr.contains("[recovering]"), "{args:?} {}", refused.stderr);
    }
    let new = file(a, 20, "new");
    let to_b = ["import", new.as_str(), "--tlp", "amber", "--to", "cert-b"];
    for args in [&["import", new.as_str()][..], &to_b, &["recall", &id(2)], &["circle", "create", "south"]] {
        let refused = a.node.there(args);
        let said = format!("{}{}", refused.stdout, refused.stderr);
        assert!(refused.code == 4 && said.contains("recovering"), "{args:?} {} {said}", refused.code);
    }
    let collection = a.ok(&["collection", "list"])[0]["id"].as_str().unwrap().to_owned();
    let media = "application/taxii+json;version=2.1";
    assert!(ask(a, "/taxii2/", media).0.starts_with("http/1.1 200"));
    let (head, body) = ask(a, &format!("/api1/collections/{collection}/objects/"), media);
    assert!(head.starts_with("http/1.1 503") && head.contains("retry-after: 2"), "{head}");
    assert!(head.contains("content-type: application/taxii+json"), "{head}");
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((&body["http_status"], &body["error_code"]), (&json!("503"), &json!("recovering")), "{body}");
    let (head, body) = ask(a, &format!("/api/v1/objects/{}", id(2)), "*/*");
    assert!(head.starts_with("http/1.1 503") && head.contains("application/problem+json"), "{head} {body}");
    assert!(ask(a, "/ledger/checkpoint", "*/*").0.starts_with("http/1.1 503"), "no smaller head is shown");
}

#[test]
fn who_never_comes_back_is_left_out_on_the_operators_word() {
    let [mut a, b, mut c] = community([("cert-a", "cert"), ("cert-b", "cert"), ("cert-c", "cert")]);
    gives(&a, 1, "cert-b");
    quiet(&[&a, &b, &c]);
    let copy = back_up(&a, "old.backup");
    gives(&a, 2, "cert-b");
    quiet(&[&a, &b, &c]);
    a.node.there(&["node", "recover", "--without", "cert-c"]).exits(1);
    c.node.dies();
    restore(&mut a, &copy);
    until("B has given back", || peer(&a, "cert-b")["recovery"] == "given-back");
    a.node.there(&["node", "recover", "--without", "nobody"]).exits(1);
    let waiting = a.ok(&["node", "recover"]);
    // It may be behind a NAT and about to call: too early for any advice. The operator, who knows better, need not wait for it.
    assert_eq!(
        (&waiting["waits"][0]["reason"], &waiting["stuck"]),
        (&json!("expected"), &json!(false)),
        "{waiting}"
    );
    let told = doctor(&a);
    assert!(told.contains("cert-c: it was not heard of since"), "{told}");
    let view = a.ok(&["node", "recover", "--without", "cert-c"]);
    assert!(!view["awaited"].as_array().unwrap().contains(&json!("cert-c")), "{view}");
    assert_eq!(view["without"], json!(["cert-c"]));
    until("A is back", || is_back(&a));
    assert!(has(&a, 2));
    gives(&a, 3, "cert-b");
    until("B has it", || has(&b, 3));
    nobody_forked(&[&a, &b]);
}

/// A member behind a NAT, whose endpoint nobody can call, is no reason to leave it out: it calls by itself, and that is what is told, in
/// words too.
#[test]
fn a_restored_member_is_not_told_to_leave_out_one_that_nobody_can_call() {
    let [mut a, b, mut c] = community([("cert-a", "cert"), ("cert-b", "cert"), ("cert-c", "cert")]);
    c.ok(&["community", "endpoint", "https://cert-c.invalid"]);
    for town in [&a, &b] {
        until("C is nowhere to be called", || {
            let shown = town.show();
            let of_c = shown["members"].as_array().unwrap().iter().find(|one| one["slug"] == "cert-c");
            of_c.unwrap()["endpoint"] == "https://cert-c.invalid"
        });
    }
    gives(&a, 1, "cert-b,cert-c");
    until("C has it", || has(&c, 1));
    let copy = back_up(&a, "old.backup");
    gives(&a, 2, "cert-c");
    until("C has that", || has(&c, 2));
    mirrored(&a, "cert-a", &[&b, &c]);
    let at = c.address();
    c.node.dies();
    restore(&mut a, &copy);
    until("B has given back", || peer(&a, "cert-b")["recovery"] == "given-back");
    let view = a.ok(&["node", "recover"]);
    assert_eq!((&view["awaited"], &view["stuck"]), (&json!(["cert-c"]), &json!(false)), "{view}");
    let data = a.scene.data();
    let words = run(&["node", "recover", "--data", data.to_str().unwrap()]).exits(0).stdout;
    assert!(words.contains("\n  cert-c: it was ") && words.contains(" [expected]\n"), "{words}");
    assert!(!doctor(&a).contains("--without"));
    c.node = c.scene.serve_at(&at);
    until("A is back", || is_back(&a));
    assert!(has(&a, 2));
    quiet(&[&a, &b, &c]);
    nobody_forked(&[&a, &b, &c]);
}

#[test]
fn what_is_done_before_a_member_that_was_left_out_comes_back_comes_to_it() {
    let [mut a, b, mut c] = community([("cert-a", "cert"), ("cert-b", "cert"), ("cert-c", "cert")]);
    gives(&a, 1, "cert-b,cert-c");
    quiet(&[&a, &b, &c]);
    let copy = back_up(&a, "old.backup");
    // C reads further than the backup knows, in either lane: receipts of what it gives and calls back.
    for number in 2..8 {
        gives(&c, number, "cert-a");
        until("A has it", || has(&a, number));
        quiet(&[&a, &c]);
    }
    c.ok(&["recall", &id(2), "--reason", "a mistake", "--wait", "30"]);
    quiet(&[&a, &b, &c]);
    mirrored(&a, "cert-a", &[&b, &c]);
    let at = c.address();
    c.node.dies();
    restore(&mut a, &copy);
    until("B has given back", || peer(&a, "cert-b")["recovery"] == "given-back");
    a.ok(&["node", "recover", "--without", "cert-c"]);
    until("A is back", || is_back(&a));
    a.ok(&["recall", &id(1), "--reason", "a mistake"]);
    gives(&a, 10, "cert-b,cert-c");
    gives(&a, 11, "cert-c");
    c.node = c.scene.serve_at(&at);
    until("C has what was done without it", || has(&c, 10) && has(&c, 11) && !has(&c, 1));
    assert!(has(&c, 7));
    quiet(&[&a, &b, &c]);
    nobody_forked(&[&a, &b, &c]);
}

#[test]
fn two_that_are_restored_at_once_help_each_other() {
    let [mut a, mut b, c] = community([("cert-a", "cert"), ("cert-b", "cert"), ("cert-c", "cert")]);
    gives(&a, 1, "cert-b,cert-c");
    gives(&b, 2, "cert-a,cert-c");
    until("each has the other's", || has(&a, 2) && has(&b, 1));
    quiet(&[&a, &b, &c]);
    let (of_a, of_b) = (back_up(&a, "a.backup"), back_up(&b, "b.backup"));
    gives(&a, 3, "cert-b,cert-c");
    gives(&b, 4, "cert-a,cert-c");
    a.ok(&["recall", &id(1), "--reason", "a mistake", "--wait", "30"]);
    until("C has both", || has(&c, 3) && has(&c, 4));
    quiet(&[&a, &b, &c]);
    mirrored(&a, "cert-a", &[&c]);
    mirrored(&b, "cert-b", &[&c]);
    let (head_a, head_b) = (note(&a, "before.note"), note(&b, "before.note"));
    let hashes = (state(&a)["state_hash"].clone(), state(&b)["state_hash"].clone());
    let (at_a, at_b) = (a.address(), b.address());
    a.node.dies();
    b.node.dies();
    put_copy(&a, &of_a);
    put_copy(&b, &of_b);
    a.node = a.scene.serve_at(&at_a);
    b.node = b.scene.serve_at(&at_b);
    until("both are back", || is_back(&a) && is_back(&b));
    quiet(&[&a, &b, &c]);
    until("each has what is for it", || has(&a, 4) && has(&b, 3) && !has(&b, 1));
    assert_eq!((state(&a)["state_hash"].clone(), state(&b)["state_hash"].clone()), hashes);
    for (town, head) in [(&a, &head_a), (&b, &head_b)] {
        let after = note(town, "after.note");
        town.node.there(&["ledger", "consistency", head, &after]).exits(0);
    }
    gives(&a, 5, "cert-b,cert-c");
    until("what is given next arrives", || has(&b, 5) && has(&c, 5));
    nobody_forked(&[&a, &b, &c]);
}

#[test]
fn a_machine_put_back_without_restore_notices_and_takes_back() {
    let [mut a, b] = community([("cert-a", "cert"), ("cert-b", "cert")]);
    gives(&a, 1, "cert-b");
    quiet(&[&a, &b]);
    // A snapshot of the machine: the directory as it is while nothing runs.
    let address = a.address();
    let snapshot = a.scene.path("snapshot");
    a.node.dies();
    copy_directory(&a.scene.data(), &snapshot);
    a.node = a.scene.serve_at(&address);
    gives(&a, 2, "cert-b");
    a.ok(&["recall", &id(1), "--reason", "a mistake", "--wait", "30"]);
    quiet(&[&a, &b]);
    mirrored(&a, "cert-a", &[&b]);
    let (before, head) = (state(&a), note(&a, "before.note"));
    a.node.dies();
    std::fs::rename(a.scene.data(), a.scene.path("lost")).unwrap();
    std::fs::rename(&snapshot, a.scene.data()).unwrap();
    a.node = a.scene.serve_at(&address);
    until("A has found out and taken back", || {
        is_back(&a) && state(&a)["leaves"].as_u64() >= before["leaves"].as_u64()
    });
    quiet(&[&a, &b]);
    assert!(has(&a, 2) && !has(&a, 1));
    let after = note(&a, "after.note");
    a.node.there(&["ledger", "consistency", &head, &after]).exits(0);
    gives(&a, 3, "cert-b");
    until("what is given next arrives", || has(&b, 3));
    quiet(&[&a, &b]);
    nobody_forked(&[&a, &b]);
}

/// A machine that is put back to before its last restore is told so by who shows that it was, its own word; a restore that nobody
/// can show, because it never was, has no node recover, and the others go on.
#[test]
fn a_restore_is_believed_from_another_member_where_it_shows_it() {
    let [mut a, mut b, c] = community([("cert-a", "cert"), ("cert-b", "cert"), ("cert-c", "cert")]);
    gives(&a, 1, "cert-b,cert-c");
    quiet(&[&a, &b, &c]);
    mirrored(&a, "cert-a", &[&b, &c]);
    let (at_a, at_b) = (a.address(), b.address());
    let (snapshot, copy) = (a.scene.path("snapshot"), back_up(&a, "old.backup"));
    a.node.dies();
    copy_directory(&a.scene.data(), &snapshot);
    a.node = a.scene.serve_at(&at_a);
    restore(&mut a, &copy);
    until("A is back", || is_back(&a));
    quiet(&[&a, &b, &c]);
    let life = number(&a, "SELECT value FROM number WHERE name = 'life'");
    until("B has heard of it", || number(&b, "SELECT max(life) FROM peer") == life);
    // The machine is put back to before that: no head tells it, since nothing was done meanwhile.
    a.node.dies();
    std::fs::rename(a.scene.data(), a.scene.path("put-back")).unwrap();
    std::fs::rename(&snapshot, a.scene.data()).unwrap();
    assert_eq!(number(&a, "SELECT value FROM number WHERE name = 'life'"), 0);
    a.node = a.scene.serve_at(&at_a);
    until("A has begun a later life, and is back", || {
        number(&a, "SELECT value FROM number WHERE name = 'life'") > life && is_back(&a)
    });
    quiet(&[&a, &b, &c]);
    nobody_forked(&[&a, &b, &c]);
    // B tells of one that never was.
    let life = number(&a, "SELECT value FROM number WHERE name = 'life'");
    b.node.dies();
    sql(&b).execute("UPDATE peer SET life = ?1 + 1000000 WHERE life = ?1", [life]).unwrap();
    b.node = b.scene.serve_at(&at_b);
    gives(&b, 2, "cert-a,cert-c");
    let told = |town: &Town| {
        let refusals = peer(town, "cert-b")["refusals"].clone();
        refusals.as_array().unwrap().iter().any(|one| one["rule"] == "life-unproven")
    };
    until("A tells its operator", || told(&a));
    gives(&a, 3, "cert-c");
    until("the others go on", || has(&c, 3) && has(&c, 2));
    assert!(is_back(&a) && !has(&a, 2));
    assert_eq!(number(&a, "SELECT value FROM number WHERE name = 'life'"), life);
    a.node.there(&["explain", "life-unproven"]).exits(0);
}

/// A number that a node keeps.
fn number(town: &Town, query: &str) -> i64 {
    sql(town).query_row(query, [], |row| row.get(0)).unwrap()
}

fn copy_directory(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
    }
}

#[test]
fn killed_at_any_moment_of_it_a_recovery_goes_on() {
    let [mut a, b] = community([("cert-a", "cert"), ("cert-b", "cert")]);
    gives(&a, 1, "cert-b");
    quiet(&[&a, &b]);
    let copy = back_up(&a, "old.backup");
    for number in 2..6 {
        gives(&a, number, "cert-b");
        gives(&b, 100 + number, "cert-a");
    }
    quiet(&[&a, &b]);
    mirrored(&a, "cert-a", &[&b]);
    let head = note(&a, "before.note");
    let mut last = String::new();
    for wait_ms in [0, 30, 80, 150, 300] {
        restore(&mut a, &copy);
        std::thread::sleep(std::time::Duration::from_millis(wait_ms));
        a.dies_and_comes_back();
        until("A is back", || is_back(&a));
        until("everything is there", || (2..6).all(|number| has(&a, number) && has(&a, 100 + number)));
        quiet(&[&a, &b]);
        mirrored(&a, "cert-a", &[&b]);
        let after = note(&a, "after.note");
        a.node.there(&["ledger", "consistency", &head, &after]).exits(0);
        if !last.is_empty() {
            a.node.there(&["ledger", "consistency", &last, &after]).exits(0);
        }
        last = a.scene.file("last.note", std::fs::read(&after).unwrap());
    }
    gives(&a, 10, "cert-b");
    until("what is given next arrives", || has(&b, 10));
    nobody_forked(&[&a, &b]);
}

#[test]
fn a_backup_from_before_anybody_joined_signs_nothing_until_one_of_them_comes() {
    let mut a = Town::new();
    // By roads on which each shows whose node it is: B's is of nobody whom the backup knows.
    let anchor = a.create_at("cert-a", &a.mutual(), &[]);
    let copy = back_up(&a, "lone.backup");
    let [mut b, mut c] = [Town::new(), Town::new()];
    b.join_as(&anchor, "cert-b", "cert", &b.mutual());
    a.approve("cert-b");
    agree(&[&a, &b], 2);
    c.join_as(&anchor, "cert-c", "cert", &c.mutual());
    a.approve("cert-c");
    b.approve("cert-c");
    agree(&[&a, &b, &c], 3);
    gives(&a, 1, "cert-b");
    until("B has it", || has(&b, 1));
    gives(&a, 2, "cert-c");
    until("C has it", || has(&c, 2));
    quiet(&[&a, &b, &c]);
    mirrored(&a, "cert-a", &[&b, &c]);
    let (before, head) = (state(&a), note(&a, "before.note"));

    // While none of them comes, nothing is served and nothing signed, and the operator is told what it is about.
    let addresses = [b.address(), c.address()];
    b.node.dies();
    c.node.dies();
    assert_eq!(restore(&mut a, &copy)["recovering"], true);
    assert_eq!(state(&a)["status"], "recovering");
    let told = doctor(&a);
    assert!(told.contains("restore a later backup"), "{told}");
    let refused = a.node.there(&["import", &file(&a, 3, "new")]);
    assert_eq!(refused.code, 4, "{}", refused.stderr);

    // One that was let in afterwards, which the backup does not know, leads it to itself and to the third, which is waited for too.
    b.node = b.scene.serve_at(&addresses[0]);
    until("B has given back", || peer_if(&a, "cert-b").is_some_and(|peer| peer["recovery"] == "given-back"));
    assert_eq!(peer(&a, "cert-c")["recovery"], "awaited");
    assert_eq!(state(&a)["status"], "recovering");
    c.node = c.scene.serve_at(&addresses[1]);
    until("A is back", || is_back(&a));
    assert_eq!(state(&a)["state_hash"], before["state_hash"]);
    a.ok(&["ledger", "consistency", &head, &note(&a, "after.note")]);
    gives(&a, 3, "cert-b");
    until("B has that too", || has(&b, 3));
    nobody_forked(&[&a, &b, &c]);
}

#[test]
fn a_backup_from_before_it_joined_comes_back_when_it_joins_again_before_anything_else() {
    let mut b = Town::new();
    let copy = back_up(&b, "before.backup");
    let [a, c] = [Town::new(), Town::new()];
    let anchor = a.create("cert-a", &[]);
    b.join(&anchor, "cert-b", "cert");
    a.approve("cert-b");
    agree(&[&a, &b], 2);
    c.join(&anchor, "cert-c", "cert");
    a.approve("cert-c");
    b.approve("cert-c");
    agree(&[&a, &b, &c], 3);
    gives(&b, 1, "cert-a");
    gives(&a, 2, "cert-b");
    until("A and B have them", || has(&a, 1) && has(&b, 2));
    quiet(&[&a, &b, &c]);
    mirrored(&b, "cert-b", &[&a, &c]);
    let (before, head) = (state(&b), note(&b, "before.note"));
    // It knows of no community, and nobody can tell it anything that it could believe.
    restore(&mut b, &copy);
    b.ok(&[
        "community",
        "join",
        &anchor,
        "--slug",
        "cert-b",
        "--member-name",
        "cert-b",
        "--kind",
        "cert",
        "--endpoint",
        &b.node.url(),
    ]);
    until("B is a member again", || b.has("cert-b", "active"));
    until("B is back", || is_back(&b) && state(&b)["state_hash"] == before["state_hash"]);
    b.ok(&["ledger", "consistency", &head, &note(&b, "after.note")]);
    gives(&b, 3, "cert-a");
    until("A has that too", || has(&a, 3));
    nobody_forked(&[&a, &b, &c]);
}

#[test]
fn a_member_that_never_had_another_goes_on_at_its_operators_word() {
    let mut town = Town::new();
    town.create("cert-a", &[]);
    let one = file(&town, 1, "an indicator");
    town.node.there(&["import", &one]).exits(0);
    let copy = back_up(&town, "lone.backup");
    assert_eq!(restore(&mut town, &copy)["recovering"], true);
    town.ok(&["node", "recover", "--without", "cert-a"]);
    until("it is back", || is_back(&town));
    assert!(has(&town, 1));
}

#[test]
fn a_node_that_is_in_no_community_serves_at_once() {
    let mut town = Town::new();
    let file = file(&town, 1, "an indicator");
    town.node.there(&["import", &file]).exits(0);
    let copy = back_up(&town, "old.backup");
    let told = restore(&mut town, &copy);
    assert_eq!(told["recovering"], false);
    assert_eq!(state(&town)["status"], "ok");
    assert!(has(&town, 1));
}
