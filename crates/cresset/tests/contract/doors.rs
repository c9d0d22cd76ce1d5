//! What the doors say: evidence, codes, lines of which one is bad, a directory without a node, an address behind a proxy.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::scene::{ONE, Running, Scene, TWO, bundle, indicator, run, run_with};
use crate::town::{Town, community, has, peer, until};

fn gives(town: &Town, number: usize) {
    let one = indicator(
        &format!("00000000-0000-4000-8000-{number:012}"),
        &format!("[ipv4-addr:value = '198.18.0.{number}']"),
    );
    let file = town.scene.file("one.json", bundle(&[one]));
    town.node.there(&["import", &file, "--tlp", "amber", "--to", "cert-b"]).exits(0);
}

/// Copies a node's directory as a careless operator does.
fn copy_of(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for file in std::fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        if file.file_name() != "cresset.lock" && file.file_type().unwrap().is_file() {
            std::fs::copy(file.path(), to.join(file.file_name())).unwrap();
        }
    }
}

#[test]
fn evidence_of_a_fork_is_told_by_doctor_and_figures_and_handed_over_as_a_file_that_proves_it() {
    let [mut a, mut b] = community([("cert-a", "cert"), ("cert-b", "cert")]);
    gives(&a, 1);
    until("B has it", || has(&b, 1));
    let nothing = b.node.there(&["peer", "evidence", "cert-a", "--out", "-"]).exits(1).json();
    assert!(nothing["error"]["code"].is_string(), "{nothing}");
    let (address, of_b) = (a.address(), b.address());
    a.node.dies();
    let older = a.scene.path("older");
    copy_of(&a.scene.data(), &older);
    a.node = a.scene.serve_at(&address);
    gives(&a, 2);
    until("B has it", || has(&b, 2));
    // The older copy is put back and signs before it meets anybody.
    b.node.dies();
    a.node.dies();
    std::fs::rename(a.scene.data(), a.scene.path("newer")).unwrap();
    std::fs::rename(&older, a.scene.data()).unwrap();
    a.node = a.scene.serve_at(&address);
    for number in 3..6 {
        gives(&a, number);
    }
    b.node = b.scene.serve_at(&of_b);
    until("B keeps evidence", || peer(&b, "cert-a")["evidence"].as_u64().unwrap() > 0);

    let file = b.scene.path("evidence.json").to_str().unwrap().to_owned();
    let written = b.ok(&["peer", "evidence", "cert-a", "--out", &file]);
    assert_eq!(written["proves"], "split-view", "{written}");
    assert_eq!(run(&["verify", &file, "--json"]).exits(0).json()["valid"], true);
    let registry = b.scene.path("registry.json").to_str().unwrap().to_owned();
    b.ok(&["community", "registry", "--out", &registry]);
    run(&["verify", &file, "--registry", &registry]).exits(0);
    // One digit of a signature less, and it proves nothing.
    let spoilt = std::fs::read_to_string(&file).unwrap().replacen('1', "2", 3);
    run(&["verify", &b.scene.file("spoilt.json", spoilt)]).exits(3);
    b.node.there(&["peer", "evidence", "cert-a", "--out", &file, "--number", "99"]).exits(1);

    let figures = metrics(&b);
    let told = |line: &str| figures.lines().any(|found| found == line);
    let kept = peer(&b, "cert-a")["evidence"].as_u64().unwrap();
    assert!(told(&format!("cresset_peer_evidence{{member=\"cert-a\"}} {kept}")), "{figures}");
    assert!(told("cresset_peer_reachable{member=\"cert-a\"} 1"), "{figures}");
    let doctor = b.node.there(&["doctor"]).json();
    let heads = doctor["checks"].as_array().unwrap().iter().find(|check| check["name"] == "heads").unwrap();
    assert_eq!(heads["ok"], false);
    let detail = heads["detail"].as_str().unwrap();
    assert!(detail.contains("cert-a has two heads") && detail.contains("peer evidence cert-a"), "{detail}");
}

/// An act of a member for the first place of its ledger, by its clock.
fn act(signer: &base::signing::SigningKey, at: i64) -> base::signed::Signed {
    let key = base::signing::Signer::public_key(signer);
    let header = ledger::act::Header {
        suite: key.suite(),
        kind: ledger::act::ActKind::Released,
        author: key.id(),
        sequence: 0,
        at: base::Micros(at),
        community: "lab".to_owned(),
        object: None,
        handling: None,
        payload: None,
        addressees: None,
    };
    header.seal().unwrap().sign(signer).unwrap()
}

#[test]
fn two_acts_for_one_place_are_proven_by_a_file_alone() {
    use base::signing::{Signer, SigningKey};
    use ledger::two_acts::{Other, TwoActs};
    let room = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = room.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let signer = SigningKey::from_seed(&[7; 32]);
    let other = Other::Signed(act(&signer, 1));
    let text = TwoActs::new(vec![signer.public_key()], act(&signer, 2), other).unwrap().to_json();
    let evidence = file("evidence.json", &text);
    let told = run(&["verify", &evidence, "--json"]).exits(0).json();
    assert_eq!(
        (&told["valid"], &told["proves"], &told["sequence"]),
        (&json!(true), &json!("two-acts"), &json!(0))
    );
    assert_eq!(told["member"], json!(signer.public_key().id().to_string()));
    assert!(run(&["verify", &evidence]).exits(0).stdout.starts_with("valid: the member did two things"));
    // Another's signature, and a key that is not the member's.
    let strange = SigningKey::from_seed(&[8; 32]).public_key().to_string();
    let foreign = text.replace(&signer.public_key().to_string(), &strange);
    assert!(run(&["verify", &file("foreign.json", &foreign)]).exits(3).stderr.contains("--registry"));
    let spoilt = text.replacen("\"sig\":\"", "\"sig\":\"A", 1);
    run(&["verify", &file("spoilt.json", &spoilt)]).exits(3);
}

/// What a node's figures say to its administrator.
fn metrics(town: &Town) -> String {
    let mut stream = TcpStream::connect(town.address()).unwrap();
    let token = town.node.token();
    let head = format!(
        "GET /metrics HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// Literals given as codes in the sources: to a problem, to a line, and by what an error says of itself.
fn codes_in(source: &str) -> Vec<String> {
    let product = source.split("#[cfg(test)]").next().unwrap_or_default();
    let literal = |rest: &str| {
        let (gap, rest) = rest.split_once('"')?;
        let close = gap.contains([';', '{', '}']) || gap.len() > 80;
        (!close).then(|| rest.split('"').next().unwrap_or_default().to_owned())
    };
    let mut found = Vec::new();
    for before in [
        "Problem::new(",
        "Self::new(",
        "Unanswerable::new(",
        "Problem::bad_request(",
        "Problem::forbidden(",
        "Problem::too_many(",
        "Problem::ours(",
        "{ code: ",
        ".code(",
        "unfit(",
        "or_code(",
    ] {
        found.extend(product.split(before).skip(1).filter_map(literal));
    }
    let bodies = ["fn code(&self) -> &'static str {", "fn code(self) -> &'static str {"];
    for body in bodies.iter().flat_map(|head| product.split(head).skip(1)) {
        let body = body.split("\n    }\n").next().unwrap_or_default();
        found
            .extend(body.split("=> \"").skip(1).filter_map(|rest| rest.split('"').next()).map(str::to_owned));
    }
    found.retain(|code| {
        let plain =
            code.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        plain && !code.is_empty()
    });
    found
}

fn sources(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn every_code_that_the_sources_give_is_explained() {
    let explained = run(&["explain", "--json"]).exits(0).json();
    let known: Vec<&str> =
        explained.as_array().unwrap().iter().map(|one| one["code"].as_str().unwrap()).collect();
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut files = Vec::new();
    for name in ["web", "taxii", "node", "cresset", "handling", "store", "federation"] {
        sources(&crates.join(name).join("src"), &mut files);
    }
    let mut given: Vec<(String, PathBuf)> = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        given.extend(codes_in(&text).into_iter().map(|code| (code, file.clone())));
    }
    for known in [
        "body-too-large",
        "line-form",
        "line-text",
        "never-given",
        "method-not-allowed",
        "certificate-missing",
        "anchor-form",
        "value-unfit",
    ] {
        assert!(given.iter().any(|(code, _)| code == known), "{known} is not found: the test looks wrongly");
    }
    let missing: Vec<_> = given.iter().filter(|(code, _)| !known.contains(&code.as_str())).collect();
    assert!(missing.is_empty(), "{missing:#?}");
    run(&["explain", "body-gzip"]).exits(0);
    run(&["explain", "no-such-code"]).exits(1);
}

#[test]
fn a_bad_value_has_a_line_and_the_others_their_answers() {
    let scene = Scene::new();
    let file = scene.file("one.json", bundle(&[indicator(ONE, "[ipv4-addr:value = '198.51.100.7']")]));
    scene.here(&["import", &file]).exits(0);
    let values =
        [&b"\xef\xbb\xbf198.51.100.7\r\n\xff\xfe\n198.51.100.8\n"[..], &[b'x'; 70_000], b"\n198.51.100.7\n"]
            .concat();
    let told = |lines: Vec<Value>| {
        lines
            .iter()
            .map(|line| (line["known"] == json!(true), line["error"]["code"].as_str().map(str::to_owned)))
            .collect::<Vec<_>>()
    };
    let text = Some("line-text".to_owned());
    let long = Some("query-too-long".to_owned());
    let expected = vec![(true, None), (false, text), (false, None), (false, long), (true, None)];
    let path = scene.file("values.txt", &values);
    assert_eq!(told(scene.here(&["lookup", "--file", &path]).exits(0).lines()), expected);
    assert_eq!(told(scene.here_with(&["lookup", "-"], &values).exits(0).lines()), expected);
    let only = scene.here_with(&["lookup"], b"\xff\n").exits(1).lines();
    assert_eq!((&only[0]["known"], &only[0]["matches"]), (&json!(false), &json!([])));
}

#[test]
fn a_file_that_is_not_imported_has_a_line_and_the_others_go_on() {
    let scene = Scene::new();
    let good = scene.file("good.json", bundle(&[indicator(ONE, "[ipv4-addr:value = '198.51.100.7']")]));
    let junk = scene.file("junk.bin", [0_u8, 159, 146, 150].repeat(20));
    let lines = scene.here(&["import", "/nonexistent/file", &junk, &good]).exits(4).lines();
    assert_eq!(lines.len(), 4, "{lines:?}");
    assert_eq!(lines[0]["file"], "/nonexistent/file");
    assert_eq!((&lines[0]["outcome"], &lines[0]["code"]), (&json!("refused"), &json!("file-unreadable")));
    assert_eq!((&lines[1]["file"], &lines[1]["outcome"]), (&json!(junk), &json!("refused")));
    assert!(lines[1]["code"].is_string() && lines[1]["reason"].is_string());
    assert_eq!(lines[2]["outcome"], "accepted");
    assert_eq!(
        (&lines[3]["summary"]["accepted"], &lines[3]["summary"]["files_failed"]),
        (&json!(1), &json!(2))
    );
    let lines = scene.here(&["import", &junk]).exits(1).lines();
    assert_eq!(lines.last().unwrap()["summary"]["total"], 0);
    let lines = scene.here(&["import", &good]).exits(0).lines();
    assert_eq!(lines.last().unwrap()["summary"]["files_failed"], 0);
}

#[test]
fn lines_are_objects_and_nothing_else() {
    let input = b"[7,\"[a:b=1]\"]\n[[7],\"[a:b=1]\"]\n";
    for answer in run_with(&["stix", "pattern"], &[], input).exits(0).lines() {
        assert_eq!((&answer["id"], &answer["valid"]), (&Value::Null, &json!(false)));
        assert_eq!(answer["errors"][0]["code"], "line-form");
    }
}

#[test]
fn nothing_is_made_where_there_is_no_node() {
    let room = tempfile::tempdir().unwrap();
    let data = room.path().to_str().unwrap();
    for command in
        [&["serve", "--listen", "127.0.0.1:0"][..], &["lookup", "x"], &["user", "list"], &["export"]]
    {
        run(&[command, &["--data", data]].concat()).exits(4);
        assert_eq!(std::fs::read_dir(room.path()).unwrap().count(), 0, "{command:?}");
    }
    run(&["user", "add", "x", "--role", "reader", "--data", data]).exits(4);
    assert_eq!(std::fs::read_dir(room.path()).unwrap().count(), 0);
    run(&["init", "--name", "x", "--data", data]).exits(0);
}

#[test]
fn a_script_learns_the_port_also_behind_a_proxy() {
    let scene = Scene::new();
    let running = Running::start(&scene.data(), &["--public-url", "https://node.example/"], &[]);
    assert!(running.url().starts_with("http://127.0.0.1:"), "{}", running.line);
    assert_eq!(running.line["url"], "https://node.example");
    assert_eq!(running.line["taxii"], "https://node.example/taxii2/");
    drop(running);
    for bad in [
        "foo",
        "ftp://node.example",
        "//node.example",
        "https://u:p@node.example",
        "https://node.example?x",
        "https://node.example/cresset",
    ] {
        let data = scene.data();
        let args =
            ["serve", "--listen", "127.0.0.1:0", "--public-url", bad, "--data", data.to_str().unwrap()];
        let said = run(&args).exits(2).stderr;
        assert!(said.contains("public_url"), "{said}");
    }
}

#[test]
fn what_is_asked_wrongly_is_usage() {
    let scene = Scene::new();
    let file = scene.file("one.json", bundle(&[indicator(ONE, "[ipv4-addr:value = '198.51.100.7']")]));
    for args in [
        &["import", &file, "--embargo-until", "junk"][..],
        &["import", &file, "--retain-until", "2026-13-01T00:00:00Z"],
        &["import", &file, "--purpose", "foo"],
        &["search", "x", "--limit", "0"],
        &["serve", "--listen", "127.0.0.1"],
        &["serve", "--listen", ":99999"],
    ] {
        scene.here(args).exits(2);
    }
    scene
        .here(&["import", &file, "--embargo-until", "2026-05-01T12:00:00Z", "--purpose", "defence,sharing"])
        .exits(0);
}

/// A warning list, an export of another program: JSON of any kind is told as a whole what it is not and what is taken.
#[test]
fn json_that_is_no_stix_is_told_so_in_one_line() {
    let scene = Scene::new();
    let list = json!({"name": "Public resolvers", "version": 3, "list": ["192.0.2.1"]});
    let file = scene.file("list.json", list.to_string());
    let refused = scene.here(&["import", &file]).exits(1);
    let lines = refused.lines();
    assert_eq!(
        (lines.len(), &lines[0]["outcome"], &lines[0]["code"]),
        (2, &json!("refused"), &json!("format-unknown"))
    );
    assert!(lines[0]["reason"].as_str().unwrap().contains("JSON and no STIX"), "{}", lines[0]);
    scene.here(&["import", &file, "--format", "text"]).exits(0);
}

#[test]
fn what_is_no_bundle_and_no_versions_is_an_error() {
    let ask = |verb: &str, line: Value| {
        let input = format!("{line}\n");
        run_with(&["stix", verb], &[], input.as_bytes()).exits(0).lines().remove(0)
    };
    let answer = ask("match", json!({"id": 1, "pattern": "[a:b = 1]", "bundle": "x"}));
    assert_eq!((&answer["id"], &answer["errors"][0]["code"]), (&json!(1), &json!("value-kind")));
    let version = |id: &str| json!({"id": format!("tool--{id}"), "created": "2025-01-01T00:00:00.000Z", "modified": "2025-01-01T00:00:00.000Z"});
    let answer = ask("latest", json!({"id": 2, "objects": [version(ONE), version(TWO)]}));
    assert_eq!((&answer["id"], &answer["errors"][0]["code"]), (&json!(2), &json!("line-form")));
    assert_eq!(ask("latest", json!({"objects": [version(ONE), version(ONE)]}))["latest"], 0);
}

#[test]
fn of_ranges_and_parents_the_nearest_stands_first() {
    let scene = Scene::new();
    let id = |number: u32| format!("00000000-0000-4000-8000-{number:012}");
    for (number, pattern) in [
        (1, "[ipv4-addr:value ISSUBSET '203.0.113.0/24']"),
        (2, "[ipv4-addr:value ISSUBSET '0.0.0.0/0']"),
        (3, "[ipv4-addr:value ISSUBSET '203.0.0.0/16']"),
        (4, "[domain-name:value = 'b.evil.example']"),
        (5, "[domain-name:value = 'evil.example']"),
    ] {
        let file = scene.file("one.json", bundle(&[indicator(&id(number), pattern)]));
        scene.here(&["import", &file]).exits(0);
    }
    for (value, expected) in [("203.0.113.5", vec![1, 3, 2]), ("a.b.evil.example", vec![4, 5])] {
        let answer = scene.here(&["lookup", value]).exits(0).lines().remove(0);
        let found: Vec<String> = answer["matches"]
            .as_array()
            .unwrap()
            .iter()
            .map(|hit| hit["id"].as_str().unwrap().to_owned())
            .collect();
        let expected: Vec<String> =
            expected.into_iter().map(|number| format!("indicator--{}", id(number))).collect();
        assert_eq!(found, expected, "{value}");
    }
}

#[test]
fn a_server_that_is_no_node_is_said_to_be_none() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let served = std::thread::spawn(move || {
        for _ in 0..2 {
            let (mut stream, _) = listener.accept().unwrap();
            let mut head = [0; 4096];
            let _ = stream.read(&mut head).unwrap();
            let answer = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\nConnection: close\r\n\r\n<html>";
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "198.51.100.7\n").unwrap();
    let path = file.path().to_str().unwrap();
    for args in [&["lookup", "198.51.100.7"][..], &["import", path]] {
        let said = run(&[args, &["--url", &url, "--token", "t"]].concat()).exits(4).stderr;
        assert!(said.contains("does not answer as a node") && said.contains("--url"), "{said}");
    }
    served.join().unwrap();
}

/// A list or a text is read as far as it is understood, and what was passed over is told: in words, and in the last line.
#[test]
fn what_an_import_passes_over_is_told() {
    let scene = Scene::new();
    let list = scene.file("list.csv", "value,to_ids,made_up\na.example,1,x\nb.example,0,y\n");
    let text = scene.file("text", "c.example\nnothing\n");
    let lines = scene.here(&["import", &list, &text]).exits(0).lines();
    let summary = &lines.last().unwrap()["summary"];
    assert_eq!(summary["accepted"], 2, "{summary}");
    let told = [
        json!({"file": list, "columns": ["made_up"], "context": {"count": 1, "first": 3}}),
        json!({"file": text, "without_value": {"count": 1, "first": 2}}),
    ];
    assert_eq!(summary["unread"], json!(told));
    let data = scene.data();
    let words = run(&["import", &list, &text, "--data", data.to_str().unwrap()]).exits(0).stderr;
    for told in
        ["not read: made_up", "1 line passed over as context", "line 3", "no value was recognised", "line 2"]
    {
        assert!(words.contains(told), "{told}: {words}");
    }
    let whole = scene.file("whole", "c.example\n");
    assert!(
        scene.here(&["import", &whole]).exits(0).lines().last().unwrap()["summary"].get("unread").is_none()
    );
}

/// A level that is stated stands beside the bytes, which stay: whoever reads these alone is not told it, and the operator is told so.
#[test]
fn of_a_level_that_is_not_in_the_bytes_it_is_told() {
    let scene = Scene::new();
    let mut objects = [1, 2, 3]
        .map(|number| indicator(&crate::town::id(number)[11..], "[ipv4-addr:value = '203.0.113.9']"));
    objects[1]["object_marking_refs"] = json!([::stix::TlpLevel::Green.id()]);
    objects[2]["object_marking_refs"] = json!([::stix::TlpLevel::Red.id()]);
    let file = scene.file("some.json", bundle(&objects));
    let summary = |args: &[&str]| scene.here(args).exits(0).lines().last().unwrap()["summary"].clone();
    let told = summary(&["import", &file, "--tlp", "amber"]);
    assert_eq!((&told["accepted"], &told["level_beside"]), (&json!(3), &json!(2)), "{told}");
    assert!(summary(&["import", &file, "--collection", "inbox"]).get("level_beside").is_none());
    let exported = scene.here(&["export"]).exits(0).stdout;
    assert!(
        exported.contains(&serde_json::to_string(&objects[0]).unwrap()),
        "its bytes are what came in: {exported}"
    );
    // What is made of a list bears it.
    let list = scene.file("list.csv", "value\na.example\n");
    assert!(summary(&["import", &list, "--tlp", "amber"]).get("level_beside").is_none());
    scene.here(&["explain", "level-beside"]).exits(0);
}
