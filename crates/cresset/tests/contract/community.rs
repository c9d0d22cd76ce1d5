//! Communities between real nodes: joining from an anchor file, decisions by the quorum, circles, keys, strangers.

use std::io::{Read, Write};
use std::net::TcpStream;

use base::signed::Signed;
use base::signing::SigningKey;
use base::{Clock, SystemClock};
use serde_json::Value;

use crate::scene::{ONE, Scene, TWO, bundle, indicator, run};
use crate::town::{Town, agree, until};

/// Sends bytes to a node's federation endpoint; the status.
fn send(town: &Town, body: &[u8]) -> u16 {
    send_to(town, "registry", body)
}

fn send_to(town: &Town, door: &str, body: &[u8]) -> u16 {
    let url = town.node.url();
    let mut stream = TcpStream::connect(url.strip_prefix("http://").unwrap()).unwrap();
    let head = format!(
        "POST /federation/v1/{door} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body).unwrap();
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

#[test]
fn four_nodes_found_join_decide_and_keep_circles() {
    let (a, b, c, s) = (Town::new(), Town::new(), Town::new(), Town::new());
    a.node.there(&["community", "show"]).exits(1);
    let anchor = a.create("cert-a", &[]);
    a.node
        .there(&[
            "community",
            "create",
            "--name",
            "N",
            "--member-name",
            "M",
            "--slug",
            "m",
            "--endpoint",
            "http://x",
        ])
        .exits(1);

    // One approval while there is one member; two while there are two.
    let id = b.join(&anchor, "cert-b", "cert");
    let waits = b.node.there(&["peer", "list"]).exits(1);
    let (said, code) = (&waits.stderr, "community-pending");
    assert!(said.contains("has not been let in yet") && said.contains(code), "{said}");
    a.approve("cert-b");
    agree(&[&a, &b], 2);
    assert!(b.show()["members"].as_array().unwrap().iter().any(|one| one["names"]["ru"] == "ЦЕРТ А"));
    s.join(&anchor, "desk", "secretariat");
    a.approve("desk");
    b.approve("desk");
    agree(&[&a, &b, &s], 3);

    // Three of three, and the secretariat with one other is not enough.
    c.join(&anchor, "sector-c", "sector");
    s.approve("sector-c");
    a.approve("sector-c");
    until("both words are known everywhere", || {
        b.ok(&["community", "pending"]).as_array().unwrap().iter().any(|one| one["approvals"] == 2)
    });
    assert!(!a.has("sector-c", "active") && c.show()["status"] == "pending");
    b.approve("sector-c");
    agree(&[&a, &b, &c, &s], 4);
    assert_eq!(c.show()["status"], "member");

    // Nobody is put aside by the secretariat and an accomplice.
    let before = a.show()["state_hash"].clone();
    assert_eq!(s.ok(&["community", "suspend", "cert-b", "--reason", "silent"])["status"], "pending");
    a.approve("cert-b");
    until("both words are known", || {
        c.ok(&["community", "pending"]).as_array().unwrap().iter().any(|one| one["approvals"] == 2)
    });
    assert_eq!((a.show()["state_hash"].clone(), b.has("cert-b", "active")), (before, true));
    b.ok(&["community", "refuse", "cert-b"]);

    keys_change_and_a_member_leaves((&a, &b, &c, &s), &id);
    circles_are_for_their_members(&a, &b, &c, &s);
    strangers_learn_nothing(&a);

    // The file that offline verification takes replays to the same state.
    let file = b.scene.path("registry.jsonl").to_str().unwrap().to_owned();
    b.ok(&["community", "registry", "--out", &file]);
    let snapshot = community::Snapshot::parse(&std::fs::read(&file).unwrap()).unwrap();
    let mut hash = String::new();
    for byte in snapshot.registry().state_hash() {
        hash.push_str(&format!("{byte:02x}"));
    }
    assert_eq!(b.show()["state_hash"], hash);

    // It is all still there after a restart.
    assert_eq!(b.node.terminate(), 0);
    let again = b.scene.serve();
    assert_eq!(again.there(&["community", "show"]).exits(0).json()["state_hash"], hash);
}

fn keys_change_and_a_member_leaves((a, b, c, s): (&Town, &Town, &Town, &Town), id: &str) {
    let key = |town: &Town| {
        let shown = town.show();
        let found = shown["members"].as_array().unwrap().iter().find(|one| one["id"] == id).unwrap().clone();
        found["key"].as_str().unwrap().to_owned()
    };
    let before = key(a);
    b.ok(&["community", "rotate-key"]);
    agree(&[a, b, c, s], 4);
    assert_ne!(key(c), before);
    c.ok(&["community", "withdraw"]);
    agree(&[a, b, c, s], 4);
    assert!(s.has("sector-c", "leaving") && a.has("cert-b", "active"));
    c.node.there(&["community", "withdraw"]).exits(1);
}

fn circles_are_for_their_members(a: &Town, b: &Town, c: &Town, s: &Town) {
    let made = a.ok(&["circle", "create", "banks", "--members", "cert-b", "--sector", "finance"]);
    assert_eq!((&made["version"], made["members"].as_array().unwrap().len()), (&1.into(), 2));
    let listed = |town: &Town| town.ok(&["circle", "list"]).as_array().unwrap().clone();
    until("the circle has reached its member", || listed(b).len() == 1);
    assert_eq!(listed(b)[0]["id"], made["id"]);
    a.ok(&["circle", "add", "banks", "sector-c", "--history", "all"]);
    until("the new member has it", || listed(c).len() == 1 && listed(b)[0]["version"] == 2);
    a.ok(&["circle", "remove", "banks", "cert-b"]);
    until("who was taken out knows it no more", || listed(b).is_empty());
    until("the others have the new version", || listed(c)[0]["version"] == 3);
    assert_eq!(listed(c)[0]["members"], serde_json::json!(["cert-a", "sector-c"]));
    assert!(listed(s).is_empty(), "the secretariat never heard of it");
    b.node.there(&["circle", "add", "banks", "cert-b"]).exits(1);
    a.node.there(&["circle", "create", "banks", "--members", "cert-b"]).exits(1);
    a.node.there(&["circle", "create", "other", "--members", "nobody"]).exits(1);
}

/// Who asks under a slug that is taken, or is refused, is told so by its own node, and a corrected request is not kept waiting.
#[test]
fn who_is_not_let_in_is_told_why() {
    let (a, b, c) = (Town::new(), Town::new(), Town::new());
    let anchor = a.create("cert-a", &[]);
    // Of whom the anchor knows nothing.
    c.join(&anchor, "cert-c", "cert");
    a.approve("cert-c");
    agree(&[&a, &c], 2);
    b.join(&anchor, "cert-c", "cert");
    until("its slug is told as taken", || b.show()["refused"] == "slug-taken");
    // By now it is asked again after a pause that has grown.
    std::thread::sleep(std::time::Duration::from_secs(16));
    b.join(&anchor, "cert-b", "cert");
    let asked = std::time::Instant::now();
    let pending = |slug: &str| {
        let all = a.ok(&["community", "pending"]);
        all.as_array().unwrap().iter().any(|one| one["slug"] == slug)
    };
    until("the corrected request has come", || pending("cert-b"));
    assert!(asked.elapsed() < std::time::Duration::from_secs(8), "{:?}", asked.elapsed());
    a.ok(&["community", "refuse", "cert-b"]);
    until("the refusal is told", || b.show()["refused"] == "join-refused");
    a.ok(&["community", "approve", "cert-b"]);
    c.approve("cert-b");
    agree(&[&a, &b, &c], 3);
    let shown = b.show();
    assert_eq!((&shown["status"], &shown["refused"]), (&"member".into(), &Value::Null));
}

fn strangers_learn_nothing(a: &Town) {
    let before = a.show();
    let junk: [(&[u8], &[u16]); 4] = [
        (b"", &[422]),
        (b"{}", &[422]),
        (b"{\"payload\":\"e30=\",\"payloadType\":\"application/vnd.cresset.registry-exchange+json\",\"signatures\":[]}", &[422]),
        (&[b'x'; 3 * 1024 * 1024], &[413]),
    ];
    for (body, statuses) in junk {
        let status = send(a, body);
        assert!(statuses.contains(&status), "{status} for {:?}", body.get(..40).unwrap_or(body));
    }
    let stranger = Town::new();
    stranger
        .node
        .there(&[
            "community",
            "join",
            "/nonexistent",
            "--slug",
            "x",
            "--member-name",
            "X",
            "--endpoint",
            "http://x",
        ])
        .exits(4);
    assert_eq!(a.show()["state_hash"], before["state_hash"]);
}

#[test]
fn a_community_with_a_fixed_quorum_and_decisions_that_come_together() {
    let (a, b, c, d) = (Town::new(), Town::new(), Town::new(), Town::new());
    let anchor = a.create("cert-a", &["--approvals", "2"]);
    b.join(&anchor, "cert-b", "cert");
    a.approve("cert-b");
    agree(&[&a, &b], 2);
    // Two ask at once, and both members approve both, each in another order.
    c.join(&anchor, "cert-c", "cert");
    d.join(&anchor, "watcher", "observer");
    a.approve("cert-c");
    b.approve("watcher");
    a.approve("watcher");
    b.approve("cert-c");
    agree(&[&a, &b, &c, &d], 4);
    let shown = d.show();
    assert_eq!((&shown["voters"], &shown["approvals"]), (&3.into(), &2.into()));
    c.node.there(&["community", "suspend", "watcher"]).exits(0);
    d.node.there(&["community", "approve", "watcher"]).exits(1);
    b.approve("watcher");
    until("two of three are enough", || a.has("watcher", "suspended"));
}

#[test]
fn handling_goes_by_the_members_and_circles_of_the_community() {
    let (a, b) = (Town::new(), Town::new());
    let anchor = a.create("cert-a", &[]);
    let id = b.join(&anchor, "cert-b", "cert");
    a.approve("cert-b");
    agree(&[&a, &b], 2);
    a.ok(&["circle", "create", "banks", "--members", "cert-b"]);
    let object = format!("indicator--{ONE}");
    let file = a.scene.file("one.json", bundle(&[indicator(ONE, "[url:value = 'http://a.example/']")]));
    let import = |to: &str| a.node.there(&["import", &file, "--tlp", "amber", "--to", to]);
    for unknown in ["cert-x", "member:cert-x", "cert-a,sector-y"] {
        let refused = import(unknown).exits(1);
        assert!(refused.stderr.contains("Region"), "says where: {}", refused.stderr);
    }
    import(&format!("cert-b,banks,{id},user:admin")).exits(0);
    let shown = a.ok(&["get", &object])["handling"]["to"][0].clone();
    let shown: Vec<&str> = shown.as_array().unwrap().iter().filter_map(Value::as_str).collect();
    for name in ["originator", "member:cert-b", "circle:cert-a/banks", "user:admin"] {
        assert!(shown.contains(&name), "{name} in {shown:?}");
    }
    let why = |whom: &str, code: i32| a.node.there(&["why", &object, "--for", whom]).exits(code).json();
    for (whom, code) in [("cert-b", 0), ("banks", 0), ("client:cert-b", 0), ("user:admin", 0), ("anyone", 1)]
    {
        let judged = why(whom, code);
        assert_eq!(judged["decision"], if code == 0 { "allow" } else { "refuse" }, "{whom}");
    }
    let two = a.scene.file("two.json", indicator(TWO, "[url:value = 'http://b.example/']").to_string());
    let foretold = |level: &str, to: &str, whom: &str, code: i32| {
        let args = ["simulate", "--object", &two, "--tlp", level, "--to", to, "--for", whom];
        a.node.there(&args).exits(code);
    };
    foretold("amber", "banks", "cert-b", 0);
    foretold("amber+strict", "banks", "client:cert-b", 1);
    foretold("red", "cert-b", "cert-b", 1);
    foretold("red", "user:eve@cert-b", "cert-b", 0);
    // Who is taken out of the circle is entitled to nothing more from that moment on.
    a.ok(&["narrow", &object, "--to", "banks"]);
    assert_eq!(why("cert-b", 0)["rule"], "handling-allows");
    a.ok(&["circle", "remove", "banks", "cert-b"]);
    assert_eq!(why("cert-b", 1)["rule"], "audience");
    b.ok(&["community", "rotate-key"]);
    agree(&[&a, &b], 2);
    foretold("amber", "cert-b", &id, 0);
}

#[test]
fn a_proof_is_checked_against_a_registry_that_is_a_file() {
    let (a, b) = (Town::new(), Town::new());
    let anchor = a.create("cert-a", &[]);
    b.join(&anchor, "cert-b", "cert");
    a.approve("cert-b");
    agree(&[&a, &b], 2);
    let registry = |town: &Town, name: &str| {
        let file = town.scene.path(name).to_str().unwrap().to_owned();
        town.ok(&["community", "registry", "--out", &file]);
        file
    };
    let proof = |uuid: &str| {
        let file = b.scene.file("one.json", bundle(&[indicator(uuid, "[url:value = 'http://a.example/']")]));
        b.node.there(&["import", &file]).exits(0);
        let proof = b.scene.path(uuid).to_str().unwrap().to_owned();
        b.node.there(&["ledger", "proof", &format!("indicator--{uuid}"), "--out", &proof]).exits(0);
        proof
    };
    let (first, before) = (proof(ONE), registry(&a, "before"));
    b.ok(&["community", "rotate-key"]);
    agree(&[&a, &b], 2);
    let (second, after) = (proof(TWO), registry(&a, "after"));
    let foreign = Town::new();
    foreign.create("cert-b", &[]);
    let foreign = registry(&foreign, "foreign");
    let text = std::fs::read_to_string(&after).unwrap();
    let torn = a.scene.file("torn", text.lines().take(2).collect::<Vec<_>>().join("\n") + "\n");
    let verify = |proof: &str, registry: &str| run(&["verify", proof, "--registry", registry, "--json"]);

    for (proof, registry) in [(&first, &before), (&first, &after), (&second, &after)] {
        let told = verify(proof, registry).exits(0).json();
        assert_eq!((&told["slug"], &told["registry"]["name"]), (&"cert-b".into(), &"Region".into()));
    }
    let plain = run(&["verify", &second, "--registry", &after]).exits(0);
    assert!(plain.stdout.contains("(cert-b)"), "{}", plain.stdout);
    // Without a registry a member is the key it is called by, so that one which has changed its key is not known.
    run(&["verify", &first]).exits(0);
    assert!(run(&["verify", &second]).exits(3).stderr.contains("--registry"));
    assert!(verify(&second, &before).exits(3).stderr.contains("is not one of member"), "an unknown key");
    assert!(
        verify(&first, &foreign).exits(3).stderr.contains("does not know member"),
        "a namesake elsewhere"
    );
    assert!(verify(&first, &torn).exits(3).stderr.contains("registry"), "a registry that does not hold");
    verify(&first, "/nonexistent").exits(4);
}

/// Each member's ledger says by which state of the registry it goes, and a file of it tells whoever has a snapshot.
#[test]
fn the_registry_that_a_member_went_by_is_proven_by_a_file_alone() {
    let (a, b) = (Town::new(), Town::new());
    let anchor = a.create("cert-a", &[]);
    b.join(&anchor, "cert-b", "cert");
    a.approve("cert-b");
    agree(&[&a, &b], 2);
    b.ok(&["community", "rotate-key"]);
    agree(&[&a, &b], 2);
    let registry = a.scene.path("registry").to_str().unwrap().to_owned();
    a.ok(&["community", "registry", "--out", &registry]);
    for (town, slug) in [(&a, "cert-a"), (&b, "cert-b")] {
        let mut view = Value::Null;
        until("the ledger says what the registry is", || {
            view = town.ok(&["community", "show"]);
            view["told"]["state_hash"] == view["state_hash"]
        });
        let leaf = view["told"]["leaf"].to_string();
        let proof = town.scene.path("told").to_str().unwrap().to_owned();
        town.node.there(&["ledger", "proof", "--leaf", &leaf, "--out", &proof]).exits(0);
        let told = run(&["verify", &proof, "--registry", &registry, "--json"]).exits(0).json();
        assert_eq!((&told["kind"], &told["slug"]), (&"registry-changed".into(), &slug.into()), "{told}");
        assert_eq!(told["went_by"]["state_hash"], view["state_hash"], "{told}");
        assert_eq!(told["went_by"]["epoch"], view["epoch"], "{told}");
        let plain = run(&["verify", &proof, "--registry", &registry]).exits(0).stdout;
        assert!(plain.contains(view["state_hash"].as_str().unwrap()), "{plain}");
    }
}

/// What says it is from a member and is not, or is nothing at all, gets a line in the log, with the code and whom it says it is from and
/// nothing of what it says, and is counted. The log is bounded, the count is not.
#[test]
fn what_is_refused_of_a_members_node_is_told_and_counted() {
    let (scene, b) = (Scene::new(), Town::new());
    let (node, log) = scene.serve_logged();
    let a = Town { scene, node };
    let anchor = a.create("cert-a", &[]);
    let id = b.join(&anchor, "cert-b", "cert");
    a.approve("cert-b");
    agree(&[&a, &b], 2);
    let (shown, before) = (a.show(), std::fs::read_to_string(&log).unwrap().lines().count());
    let at = SystemClock::default().now().0;
    let text = format!(
        r#"{{"community":{},"from":"{id}","to":{},"at_us":{at},"note":"okapi","subjects":[]}}"#,
        shown["community"], shown["me"]
    );
    let stranger = SigningKey::from_seed(&[7; 32]);
    let kind = "application/vnd.cresset.registry-exchange+json";
    let forged = Signed::sign(kind, text.into_bytes(), &stranger).unwrap().to_json();
    for _ in 0..70 {
        assert_eq!(send(&a, forged.as_bytes()), 403);
    }
    assert_eq!(send_to(&a, "exchange", b"okapi"), 400);
    assert_eq!(a.show()["state_hash"], shown["state_hash"]);
    let told = std::fs::read_to_string(&log).unwrap();
    assert!(!told.contains("okapi"), "{told}");
    let lines: Vec<&str> = told.lines().skip(before).filter(|line| line.contains("was refused")).collect();
    let line = lines[0];
    assert!(["WARN", "registry", "exchange-stranger", &id].iter().all(|word| line.contains(word)), "{line}");
    assert!((60..=120).contains(&lines.len()), "{}", lines.len());
    let figures = crate::recovery::ask(&a, "/metrics", "*/*").1;
    for line in [
        r#"cresset_members_refused_total{door="registry",code="exchange-stranger"} 70"#,
        r#"cresset_members_refused_total{door="exchange",code="message-unreadable"} 1"#,
    ] {
        assert!(figures.lines().any(|found| found == line), "{line}: {figures}");
    }
}
