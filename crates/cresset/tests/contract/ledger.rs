//! `ledger` and `verify`: heads, proofs, and what is refused.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::scene::{ONE, Running, Scene, TWO, bundle, indicator, run};

/// An address that a proof of the first object shows and nothing else does.
const SHOWN: &str = "[ipv4-addr:value = '198.51.100.7']";

/// Asks without a login, or with a token, and reads status and body.
fn get(running: &Running, path: &str, token: Option<&str>) -> (u16, Vec<u8>) {
    let address = running.url().trim_start_matches("http://").to_owned();
    let mut stream = TcpStream::connect(&address).unwrap();
    let login = token.map(|token| format!("authorization: Bearer {token}\r\n")).unwrap_or_default();
    let head = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\n{login}connection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    let status = std::str::from_utf8(&answer[9..12]).unwrap().parse().unwrap();
    (status, answer[end + 4..].to_vec())
}

#[test]
fn a_proof_made_by_a_running_node_is_checked_without_it() {
    let scene = Scene::new();
    let running = scene.serve();
    let empty = running.there(&["ledger", "checkpoint"]).exits(0).json();
    assert_eq!(
        (&empty["size"], running.there(&["node", "state"]).json()["leaves"].clone()),
        (&0.into(), 0.into())
    );
    let file = scene.file("one.json", bundle(&[indicator(ONE, SHOWN)]));
    running.there(&["import", &file]).exits(0);
    running.there(&["import", &file]).exits(0);
    let head = running.there(&["ledger", "checkpoint"]).exits(0).json();
    assert_eq!(head["size"], 1, "what is known already leaves no second leaf");
    assert!(head["origin"].as_str().unwrap().starts_with("cresset/"));

    let id = format!("indicator--{ONE}");
    let proof = scene.path("one.tlog-proof").to_str().unwrap().to_owned();
    running.there(&["ledger", "proof", &id, "--out", &proof]).exits(0);
    running.there(&["ledger", "proof", &format!("indicator--{TWO}"), "--out", &proof]).exits(1);
    assert_eq!(running.there(&["node", "state"]).json()["leaves"], 1);
    assert_eq!(running.terminate(), 0);

    let told = run(&["verify", &proof, "--json"]).exits(0).json();
    assert_eq!(
        (&told["valid"], &told["kind"], &told["object"]["id"]),
        (&true.into(), &"received".into(), &id.clone().into())
    );
    assert_eq!((&told["payload"], &told["head"]["size"]), (&"shown".into(), &1.into()));
    assert!(run(&["verify", &proof]).exits(0).stdout.starts_with("valid\n"));

    let text = std::fs::read_to_string(&proof).unwrap();
    for (at, line) in text.lines().enumerate() {
        let changed = line.char_indices().nth(line.chars().count() / 2).map(|(from, letter)| {
            let other = if letter == 'A' { "B" } else { "A" };
            format!("{}{other}{}", &line[..from], &line[from + letter.len_utf8()..])
        });
        let Some(changed) = changed else { continue };
        let lines: Vec<&str> =
            text.lines().enumerate().map(|(n, l)| if n == at { changed.as_str() } else { l }).collect();
        let file = scene.file("changed", lines.join("\n") + "\n");
        run(&["verify", &file]).exits(3);
    }
    run(&["verify", &scene.file("junk", b"\xff\0junk")]).exits(3);
    run(&["verify", &scene.file("object", "{}")]).exits(3);
    run(&["verify", "/nonexistent/proof"]).exits(4);
    run(&["verify"]).exits(2);
}

#[test]
fn heads_are_compared_and_a_fork_is_3() {
    let scene = Scene::new();
    let import = |scene: &Scene, uuid: &str, pattern: &str| {
        let file = scene.file("import.json", bundle(&[indicator(uuid, pattern)]));
        scene.here(&["import", &file]).exits(0);
    };
    let note = |scene: &Scene, name: &str| {
        let note = scene.here(&["ledger", "checkpoint"]).exits(0).json()["note"].as_str().unwrap().to_owned();
        scene.file(name, note)
    };
    let none = note(&scene, "none");
    import(&scene, ONE, SHOWN);
    let first = note(&scene, "first");
    import(&scene, TWO, SHOWN);
    let second = note(&scene, "second");
    for (old, new, consistent) in [
        (&none, &first, 0),
        (&first, &second, 0),
        (&none, &second, 0),
        (&second, &second, 0),
        (&second, &first, 3),
        (&first, &none, 3),
    ] {
        scene.here(&["ledger", "consistency", old, new]).exits(consistent);
    }
    let other = Scene::new();
    import(&other, ONE, SHOWN);
    let elsewhere = note(&other, "elsewhere");
    scene.here(&["ledger", "consistency", &elsewhere, &second]).exits(3);
    import(&other, TWO, SHOWN);
    let later = note(&other, "later");
    other.here(&["ledger", "consistency", &elsewhere, &later]).exits(0);
    let asked = scene.here(&["ledger", "consistency", &elsewhere, &later]).exits(3);
    assert!(asked.stderr.contains("of another ledger than this node's"), "{}", asked.stderr);
    let swapped = scene.here(&["ledger", "consistency", &second, &first]).exits(3);
    assert!(swapped.stderr.contains("give the older one first"), "{}", swapped.stderr);
    let roots: Vec<String> = std::fs::read_to_string(&second).unwrap().lines().map(str::to_owned).collect();
    let forged = std::fs::read_to_string(&first).unwrap().replace("\n1\n", "\n2\n");
    assert!(!forged.contains(&roots[2]));
    let forged = scene.file("forged", forged);
    scene.here(&["ledger", "consistency", &forged, &second]).exits(3);
    // A head that nobody signed is none, whatever it says.
    let text = std::fs::read_to_string(&first).unwrap();
    let (body, signatures) = text.split_once("\n\n").unwrap();
    let at = signatures.trim_end().len() - 8;
    let letter = if signatures.as_bytes()[at] == b'A' { "B" } else { "A" };
    let edited = format!("{body}\n\n{}{letter}{}", &signatures[..at], &signatures[at + 1..]);
    let edited = scene.file("edited", edited);
    for (old, new) in [(&edited, &second), (&none, &edited), (&edited, &edited)] {
        let told = scene.here(&["ledger", "consistency", old, new]).exits(3);
        assert!(told.stderr.contains("edited: this ledger has not signed it"), "{}", told.stderr);
    }
    scene.here(&["ledger", "consistency", &scene.file("junk", "junk"), &second]).exits(3);
    scene.here(&["ledger", "consistency", "/nonexistent", &second]).exits(4);
    assert_eq!(scene.here(&["doctor", "--deep"]).exits(0).json()["ok"], true);
}

#[test]
fn who_signs_in_reads_head_and_tiles_and_everyone_where_the_operator_says_so() {
    let scene = Scene::new();
    let running = scene.serve();
    let token = scene.init["admin"]["token"].as_str();
    let objects: Vec<_> = (0..3)
        .map(|number| indicator(&format!("00000000-0000-4000-8000-00000000000{number}"), SHOWN))
        .collect();
    let file = scene.file("three.json", bundle(&objects));
    running.there(&["import", &file]).exits(0);
    let (status, head) = get(&running, "/ledger/checkpoint", token);
    assert_eq!((status, std::str::from_utf8(&head).unwrap().lines().nth(1)), (200, Some("3")));
    let (status, tile) = get(&running, "/ledger/tile/0/000.p/3", token);
    assert_eq!((status, tile.len()), (200, 96));
    assert_eq!(get(&running, "/ledger/tile/0/000.p/1", token), (200, tile[..32].to_vec()));
    for path in ["0/000", "0/000.p/4", "0/001.p/1", "1/000.p/1", "entries/000.p/3", "0/0", "0/../0", "x"] {
        assert_eq!(get(&running, &format!("/ledger/tile/{path}"), token).0, 404, "{path}");
    }
    // A stranger is not told how many acts there are, nor whether there is such a tile.
    for path in [
        "/ledger/checkpoint",
        "/ledger/tile/0/000.p/3",
        "/ledger/tile/0/000.p/4",
        "/api/v1/ledger/checkpoint",
    ] {
        assert_eq!(get(&running, path, None).0, 401, "{path}");
        assert_eq!(get(&running, path, Some("cst_nobody")).0, 401, "{path}");
    }
    assert_eq!(running.terminate(), 0);

    let open = scene.serve_as("127.0.0.1:0", &["--ledger-readers", "everyone"], &[]);
    assert_eq!(get(&open, "/ledger/checkpoint", None), (200, head));
    assert_eq!(get(&open, "/ledger/tile/0/000.p/3", None), (200, tile));
    assert_eq!(get(&open, "/api/v1/ledger/checkpoint", None).0, 401);
    assert_eq!(open.terminate(), 0);
}

/// The key that `ledger key` prints verifies what `ledger checkpoint` prints; versions are named by moments.
#[test]
fn the_key_of_the_ledger_verifies_its_head() {
    let scene = Scene::new();
    let file = scene.file("one.json", bundle(&[indicator(ONE, SHOWN)]));
    scene.here(&["import", &file]).exits(0);
    let told = scene.here(&["ledger", "key"]).exits(0).json();
    let note = scene.here(&["ledger", "checkpoint"]).exits(0).json();
    let key: ledger::note::NoteKey = told["key"].as_str().unwrap().parse().unwrap();
    let head =
        ledger::checkpoint::SignedCheckpoint::parse(note["note"].as_str().unwrap().as_bytes()).unwrap();
    assert_eq!(told["origin"], note["origin"]);
    assert!(head.verify(&head.checkpoint().origin, &[key]).is_ok());
    assert_eq!(told["former"], serde_json::json!([]));
    let id = format!("indicator--{ONE}");
    scene.here(&["get", &id, "--version", "x"]).exits(2);
    scene.here(&["get", &id, "--version", "2001-01-01T00:00:00.000Z"]).exits(1);
}

/// Who audits a node reads what it did and when, and nothing of what it was about.
#[test]
fn an_auditor_reads_what_was_done_and_when() {
    let scene = Scene::new();
    let file = scene.file("one.json", bundle(&[indicator(ONE, "[ipv4-addr:value = '203.0.113.9']")]));
    let node = scene.serve();
    node.there(&["import", &file]).exits(0);
    node.there(&["erase", &format!("indicator--{ONE}")]).exits(0);
    let token = |role: &str| {
        node.there_as(
            node.token(),
            &["user", "add", role, "--role", role, "--password-stdin"],
            b"a long pass phrase of a person",
        )
        .exits(0);
        let args = ["token", "create", "--user", role, "--scope", "read"];
        node.there(&args).exits(0).json()["token"].as_str().unwrap().to_owned()
    };
    let auditor = token("auditor");
    let told = node.there_as(&auditor, &["ledger", "acts"], b"").exits(0);
    let acts = told.lines();
    let kinds: Vec<(u64, &str)> =
        acts.iter().map(|act| (act["leaf"].as_u64().unwrap(), act["kind"].as_str().unwrap())).collect();
    assert_eq!(kinds, [(1, "erased"), (0, "received")]);
    assert!(acts.iter().all(|act| act["at"].as_str().unwrap().ends_with('Z')));
    assert!(!told.stdout.contains(ONE), "{}", told.stdout);
    let first =
        node.there_as(&auditor, &["ledger", "acts", "--limit", "1", "--before", "1"], b"").exits(0).lines();
    assert_eq!((first.len(), &first[0]["leaf"]), (1, &serde_json::json!(0)));
    let refused = node.there_as(&token("reader"), &["ledger", "acts"], b"").exits(1);
    assert!(refused.stderr.contains("[role-missing]"), "{}", refused.stderr);
}
