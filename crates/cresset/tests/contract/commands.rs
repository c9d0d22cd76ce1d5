//! Commands on a directory and on a running node: the same answers both ways.

use serde_json::{Value, json};

use crate::scene::{Ended, ONE, Running, Scene, TWO, bundle, indicator, run, run_with};

#[test]
fn init_prints_its_secrets_once_in_the_agreed_shape() {
    let scene = Scene::new();
    for path in
        ["/member/id", "/member/name", "/admin/user", "/admin/password", "/admin/token", "/recovery_key"]
    {
        assert!(scene.init.pointer(path).is_some_and(Value::is_string), "{path}");
    }
    scene.here(&["init", "--name", "again"]).exits(1);
}

#[test]
fn usage_is_2_and_what_cannot_be_opened_is_4() {
    run(&["no-such-command"]).exits(2);
    run(&["get"]).exits(2);
    run(&["user", "add", "x", "--role", "king"]).exits(2);
    run(&["lookup", "x", "--url", "http://127.0.0.1:1"]).exits(2);
    run(&["lookup", "x", "--url", "http://127.0.0.1:1", "--token", "t"]).exits(4);
    run(&["node", "state", "--data", "/nonexistent/dir"]).exits(4);
    let scene = Scene::new();
    scene.here(&["import", "/nonexistent/file"]).exits(4);
    scene.here(&["lookup", "--file", "/nonexistent/file"]).exits(4);
}

#[test]
fn a_url_is_never_the_directory_of_this_machine() {
    for command in [&["init", "--name", "x"][..], &["backup", "/tmp/x"], &["serve"]] {
        run(&[command, &["--url", "http://127.0.0.1:1", "--token", "t"]].concat()).exits(2);
    }
}

#[test]
fn commands_of_this_machine_pass_over_the_address_in_the_environment() {
    let scene = Scene::new();
    let (copy, fresh) = (scene.path("copy"), scene.path("fresh"));
    let (copy, fresh) = (copy.to_str().unwrap(), fresh.to_str().unwrap());
    let data = scene.data().to_str().unwrap().to_owned();
    for address in ["http://127.0.0.1:1", "no address", ""] {
        let _ = std::fs::remove_file(copy);
        let here = |args: &[&str]| run_with(args, &[("CRESSET_URL", address)], b"");
        here(&["backup", copy, "--data", &data]).exits(0);
        here(&["init", "--name", "x", "--data", &format!("{fresh}-{}", address.len())]).exits(0);
        here(&["stix", "pattern"]).exits(0);
        let both = [("CRESSET_URL", address), ("CRESSET_DATA", data.as_str())];
        let asked = run_with(&["node", "state"], &both, b"").code;
        assert_eq!(asked, if address.is_empty() { 0 } else { 2 }, "{address:?}");
        here(&["node", "state", "--data", &data]).exits(0);
        here(&["--data", &data, "node", "state"]).exits(0);
    }
}

#[test]
fn two_nodes_are_not_named_at_once() {
    let scene = Scene::new();
    let data = scene.data().to_str().unwrap().to_owned();
    let both =
        run(&["node", "state", "--data", &data, "--url", "http://127.0.0.1:1", "--token", "t"]).exits(2);
    assert!(both.stderr.contains("--url and --data"), "{}", both.stderr);
}

#[test]
fn names_that_addresses_and_lists_could_not_tell_apart_are_no_users() {
    let scene = Scene::new();
    for name in ["..", "a,b", "a/b", "a:b", " a", "a ", ""] {
        let ended = scene.here_with(
            &["user", "add", "--role", "reader", "--password-stdin", "--", name],
            b"correct horse battery\n",
        );
        assert!(matches!(ended.code, 1 | 2), "{name:?}: {} {}", ended.code, ended.stderr);
    }
    for name in ["ann", "Анна", "a.b@c.example", "7"] {
        scene
            .here_with(
                &["user", "add", name, "--role", "reader", "--password-stdin"],
                b"correct horse battery\n",
            )
            .exits(0);
    }
}

#[test]
fn what_is_sighted_more_often_than_a_sighting_can_say_is_refused() {
    let scene = Scene::new();
    let file = scene.file("s", bundle(&[indicator(ONE, "[domain-name:value = 'a.example']")]));
    scene.here(&["import", &file]).exits(0);
    scene.here(&["sight", "a.example", "--count", "1000000000"]).exits(2);
    scene.here(&["sight", "a.example", "--count", "999999999"]).exits(0);
}

#[test]
fn of_a_value_that_only_an_observable_is_about_it_is_said_what_can_be_sighted() {
    let scene = Scene::new();
    let observable = json!({"type": "domain-name", "spec_version": "2.1",
        "id": "domain-name--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f", "value": "seen.example"});
    let file = scene.file("s", bundle(&[observable]));
    scene.here(&["import", &file]).exits(0);
    assert_eq!(scene.here(&["lookup", "seen.example"]).exits(0).lines()[0]["matches"][0]["how"], "exact");
    let told = scene.here(&["sight", "seen.example"]).exits(1);
    let told = told.stdout + &told.stderr;
    assert!(told.contains("observable-only") && told.contains("as an indicator"), "{told}");
    let list = scene.file("list.txt", "seen[.]example");
    scene.here(&["import", &list]).exits(0);
    scene.here(&["sight", "seen.example"]).exits(0);
}

/// A port does not make a URL of an address, nor a slash that nobody wrote: what a text names matches, and is found as it is
/// written and by its host.
#[test]
fn what_a_text_names_with_a_port_or_without_a_scheme_is_found_and_matches() {
    let scene = Scene::new();
    let text = "C2 192.0.2.61:443, bad[.]example:8443, [2001:db8::1]:443; payload at drop[.]example/x.bin.";
    let file = scene.file("report.txt", text);
    let receipts = scene.here(&["import", &file]).exits(0).lines();
    assert_eq!(receipts.last().unwrap()["summary"]["accepted"], 4, "{receipts:?}");
    let list = scene.file("list.csv", "ip\n192.0.2.61:443\n[2001:db8::1]:443\n");
    let receipts = scene.here(&["import", &list]).exits(0).lines();
    assert_eq!(receipts.last().unwrap()["summary"]["known"], 2, "{receipts:?}");
    for (value, how) in [
        ("192.0.2.61", "exact"),
        ("192.0.2.61:443", "host"),
        ("bad.example", "exact"),
        ("bad[.]example:8443", "host"),
        ("2001:db8::1", "exact"),
        ("[2001:db8::1]:443", "host"),
        ("drop[.]example/x.bin", "exact"),
        ("https://drop.example/x.bin", "exact"),
    ] {
        let answer = &scene.here(&["lookup", value]).exits(0).lines()[0];
        assert_eq!((&answer["known"], &answer["matches"][0]["how"]), (&json!(true), &json!(how)), "{value}");
    }
    // Nobody calls the host bad; what is on it is told.
    let answer = &scene.here(&["lookup", "drop.example"]).exits(1).lines()[0];
    let told = (&answer["known"], &answer["matches"][0]["how"], &answer["more"]);
    assert_eq!(told, (&json!(false), &json!("on-host"), &Value::Null));
    let exported = scene.here(&["export", "--type", "indicator"]).exits(0).json();
    let patterns: Vec<&str> =
        exported["objects"].as_array().unwrap().iter().map(|one| one["pattern"].as_str().unwrap()).collect();
    let observed = [
        json!({"type": "ipv4-addr", "value": "192.0.2.61"}),
        json!({"type": "domain-name", "value": "bad.example"}),
        json!({"type": "ipv6-addr", "value": "2001:db8::1"}),
        json!({"type": "url", "value": "http://drop.example/x.bin"}),
        json!({"type": "url", "value": "https://drop.example/x.bin"}),
    ];
    for object in observed {
        let bundle = json!({"type": "bundle", "objects": [{"type": "observed-data", "number_observed": 1,
            "first_observed": "2024-01-01T00:00:00Z", "last_observed": "2024-01-01T00:00:00Z", "objects": {"0": object}}]});
        let lines: String =
            patterns.iter().map(|one| format!("{}\n", json!({"pattern": one, "bundle": bundle}))).collect();
        let answers = run_with(&["stix", "match"], &[], lines.as_bytes()).exits(0).lines();
        let matched = answers.iter().filter(|answer| answer["matched"] == true).count();
        assert_eq!(matched, 1, "{object}: {patterns:?}");
    }
}

#[test]
fn doctor_tells_of_a_damaged_store_line_by_line() {
    let scene = Scene::new();
    let objects: Vec<Value> = (0..200)
        .map(|n| {
            indicator(&format!("{n:08x}-0000-4000-8000-000000000001"), "[domain-name:value = 'a.example']")
        })
        .collect();
    let file = scene.file("many", bundle(&objects));
    scene.here(&["import", &file]).exits(0);
    let path = scene.data().join("cresset.db");
    let whole = std::fs::read(&path).unwrap();
    let (mut told, mut unopened) = (0, Vec::new());
    for tenth in 1..10 {
        let mut damaged = whole.clone();
        // A page of its own, not its beginning: 4 KiB pages.
        let at = damaged.len() / 4096 * tenth / 10 * 4096;
        damaged[at..at + 1024].fill(0x5a);
        std::fs::write(&path, damaged).unwrap();
        let ended = scene.here(&["doctor", "--deep"]);
        // A page that is not in use tells nothing, and one that opening needs cannot be passed over.
        if ended.code == 0 {
            continue;
        }
        let checks = ended.json();
        if checks["error"].is_object() {
            unopened.push(checks);
        } else {
            assert_eq!(ended.code, 3, "{checks}");
            let bad =
                checks["checks"].as_array().unwrap().iter().filter(|check| check["ok"] == false).count();
            assert!(bad > 0, "{checks}");
            told += 1;
        }
    }
    std::fs::write(&path, whole).unwrap();
    assert!(
        told >= 3 && unopened.len() <= 1,
        "{told} of 9 places are told, and these opened nothing: {unopened:?}"
    );
    let checks = scene.here(&["doctor", "--deep"]).exits(0).json();
    assert!(checks["checks"].as_array().unwrap().iter().any(|check| check["name"] == "space"), "{checks}");
}

/// The story of one node, by whichever way it is asked.
fn lifecycle(ask: &dyn Fn(&[&str], &[u8]) -> crate::scene::Ended, scene: &Scene) {
    let added =
        ask(&["user", "add", "ann", "--role", "analyst", "--password-stdin"], b"correct horse battery\n");
    assert_eq!(added.exits(0).json()["roles"], json!(["analyst"]));
    ask(&["user", "add", "ann", "--role", "analyst"], b"").exits(1);
    ask(&["user", "add", "short", "--role", "reader", "--password-stdin"], b"short\n").exits(1);
    let token = ask(&["token", "create", "--user", "ann", "--scope", "read", "--expires", "30d"], b"")
        .exits(0)
        .json();
    assert_eq!(token["scopes"], json!(["read"]));
    assert!(token["id"].is_string() && token["token"].is_string() && token["expires"].is_string());
    let added =
        ask(&["collection", "add", "feed", "--title", "Feed", "--grant", "user:ann=r"], b"").exits(0).json();
    assert_eq!((&added["alias"], &added["title"]), (&json!("feed"), &json!("Feed")));
    ask(&["collection", "grant", "feed", "user:ann=none", "role:analyst=rw"], b"").exits(0);
    ask(&["collection", "grant", "feed", "user:nobody=r"], b"").exits(1);

    let one = indicator(ONE, "[ipv4-addr:value = '198.51.100.7']");
    let file = scene.file("two.json", bundle(&[one.clone(), json!({"type": "indicator", "id": "junk"})]));
    let receipts = ask(&["import", &file, "--collection", "feed", "--tlp", "amber"], b"").exits(1).lines();
    assert_eq!(receipts.len(), 3);
    assert_eq!((&receipts[0]["outcome"], &receipts[1]["outcome"]), (&json!("accepted"), &json!("refused")));
    assert!(receipts[1]["reason"].is_string());
    assert_eq!(receipts[2]["summary"]["accepted"], 1);
    let again = ask(&["import", "-", "--collection", "feed"], one.to_string().as_bytes()).exits(0).lines();
    assert_eq!(again[0]["outcome"], "known");
    ask(&["import", &file, "--collection", "no-such"], b"").exits(1);

    let id = format!("indicator--{ONE}");
    let got = ask(&["get", &id], b"").exits(0).json();
    assert_eq!((&got["id"], &got["object"]), (&json!(id), &one));
    ask(&["get", &format!("indicator--{TWO}")], b"").exits(1);
    assert_eq!(ask(&["history", &id], b"").exits(0).json().as_array().unwrap().len(), 1);

    let known = ask(&["lookup", "198.51.100[.]7", "198.51.100.8"], b"").exits(0).lines();
    assert_eq!((&known[0]["value"], &known[0]["known"]), (&json!("198.51.100[.]7"), &json!(true)));
    assert_eq!(known[0]["matches"][0]["id"], json!(id));
    assert_eq!(known[1], json!({"value": "198.51.100.8", "known": false, "matches": []}));
    ask(&["lookup", "198.51.100.8"], b"").exits(1);
    assert_eq!(ask(&["lookup"], b"198.51.100.7\n\n198.51.100.9\n").exits(0).lines().len(), 2);
    // Every value that was given has its line, one of no letters too.
    let empty = json!({"value": "", "known": false, "matches": []});
    assert_eq!(ask(&["lookup", ""], b"").exits(1).lines(), std::slice::from_ref(&empty));
    assert_eq!(ask(&["lookup", "", "198.51.100.7", " "], b"").exits(0).lines()[0], empty);

    let found = ask(&["search", "команда"], b"").exits(0).json();
    assert_eq!(found["items"][0]["id"], json!(id));
    assert_eq!(ask(&["search", "nothing-like-this"], b"").exits(0).json()["items"], json!([]));
    ask(&["sight", "198.51.100.7", "--count", "3", "--collection", "feed"], b"").exits(0);
    let sighted = ask(&["lookup", "--sightings", "198.51.100.7"], b"").exits(0).lines();
    assert_eq!(sighted[0]["matches"][0]["sightings"]["count"], 3, "{sighted:?}");
    assert!(!ask(&["edges", &id, "--direction", "in"], b"").exits(0).json().as_array().unwrap().is_empty());

    let exported = ask(&["export", "--collection", "feed", "--type", "indicator"], b"").exits(0).json();
    assert_eq!(exported["objects"], json!([one]));
    let state = ask(&["node", "state"], b"").exits(0).json();
    assert_eq!(state["status"], "ok");
    // The indicator, its sighting, and the member whose sighting it is.
    assert_eq!(state["objects"], 3);
    assert_eq!(ask(&["rebuild", "--check"], b"").exits(0).json()["equal"], true);
    ask(&["rebuild"], b"").exits(0);
    assert_eq!(ask(&["get", &id], b"").exits(0).json()["handling"]["tlp"], "amber");
    assert_eq!(ask(&["doctor", "--deep"], b"").exits(0).json()["ok"], true);

    assert_eq!(ask(&["delete", &id, "--collection", "feed"], b"").exits(0).json()["versions"], 1);
    ask(&["get", &id], b"").exits(1);
    ask(&["token", "revoke", token["id"].as_str().unwrap()], b"").exits(0);
    let tokens = ask(&["token", "list", "--user", "ann"], b"").exits(0).json();
    assert!(tokens[0]["revoked"].is_string());
    ask(&["user", "disable", "ann"], b"").exits(0);
    let users = ask(&["user", "list"], b"").exits(0).json();
    let ann = users.as_array().unwrap().iter().find(|user| user["name"] == "ann").unwrap();
    assert_eq!(ann["disabled"], true);
    ask(&["collection", "remove", "feed"], b"").exits(0);
}

#[test]
fn a_stopped_node_does_it_all() {
    let scene = Scene::new();
    lifecycle(&|args, input| scene.here_with(args, input), &scene);
}

#[test]
fn a_running_node_does_it_all() {
    let scene = Scene::new();
    let token = scene.init["admin"]["token"].as_str().unwrap().to_owned();
    let running: Running = scene.serve();
    lifecycle(&|args, input| running.there_as(&token, args, input), &scene);
}

/// Handling by whichever way the node is asked: stated, shown, explained, foretold, narrowed.
fn handled(ask: &dyn Fn(&[&str], &[u8]) -> crate::scene::Ended, scene: &Scene) {
    for name in ["ann", "bob"] {
        ask(&["user", "add", name, "--role", "reader", "--password-stdin"], b"correct horse battery\n")
            .exits(0);
    }
    let (one, member) = (indicator(ONE, "[ipv4-addr:value = '198.51.100.7']"), "ab".repeat(32));
    let (file, id) = (scene.file("one.json", one.to_string().into_bytes()), format!("indicator--{ONE}"));
    let to = format!("user:ann,{member}");
    let options = [
        "--tlp",
        "amber",
        "--pap",
        "amber",
        "--to",
        &to,
        "--originator-control",
        "--embargo-until",
        "2020-01-01T00:00:00Z",
        "--retain-until",
        "2099-01-01T09:00:00+09:00",
        "--purpose",
        "awareness,sharing",
    ];
    let simulate = |whom: &str| {
        let arguments = [&["simulate", "--object", &file, "--for", whom][..], &options].concat();
        ask(&arguments, b"")
    };
    assert_eq!(simulate("user:ann").exits(0).json()["decision"], "allow");
    assert_eq!(simulate("anyone").exits(1).json()["rule"], "audience");
    ask(&["get", &id], b"").exits(1);
    ask(&[&["import", &file][..], &options].concat(), b"").exits(0);
    let got = ask(&["get", &id], b"").exits(0).json();
    let handling = &got["handling"];
    assert_eq!((&handling["tlp"], &handling["pap"]), (&json!("amber"), &json!("amber")));
    assert_eq!(handling["originator_control"], true);
    assert_eq!(handling["retain_until"], "2099-01-01T00:00:00.000000Z");
    assert_eq!(handling["purposes"], json!(["awareness", "sharing"]));
    let addressed = handling["to"][0].as_array().unwrap();
    for one in ["originator", &format!("member:{member}"), "user:ann"] {
        assert!(addressed.contains(&json!(one)), "{addressed:?}");
    }
    for (whom, code, rule) in [
        ("user:bob", 0, "handling-allows"),
        (&*member, 1, "tlp-community"),
        ("automation", 1, "purpose"),
        ("anyone", 1, "audience"),
    ] {
        let why = ask(&["why", &id, "--for", whom], b"").exits(code).json();
        assert_eq!(why["rule"], rule, "{whom}: {why}");
        assert!(!why["reasons"].as_array().unwrap().is_empty());
        ask(&["explain", rule], b"").exits(0);
    }
    ask(&["why", &id, "--for", "nobody-known"], b"").exits(1);
    ask(&["import", &file, "--to", "nobody-known"], b"").exits(1);
    ask(&["import", &file, "--pap", "purple"], b"").exits(2);
    ask(&["narrow", &id, "--tlp", "red", "--to", "user:ann"], b"").exits(0);
    assert_eq!(ask(&["why", &id, "--for", "user:bob"], b"").exits(1).json()["rule"], "tlp-red-persons");
    ask(&["why", &id, "--for", "user:ann"], b"").exits(0);
    let red = ask(&["get", &id], b"").exits(0).json()["handling"].clone();
    assert_eq!(red["tlp"], "red");
    // What would be wider changes nothing, and says so; without a rule there is nothing to do.
    let wider = ask(&["narrow", &id, "--tlp", "green"], b"").exits(1);
    assert!(wider.stderr.contains("nothing changed"), "{}", wider.stderr);
    ask(&["narrow", &id], b"").exits(2);
    // A later version without a word of handling is under the same.
    let later = one.to_string().replace("\"modified\":\"2025-01-01", "\"modified\":\"2025-02-01");
    assert_ne!(later, one.to_string());
    let later = scene.file("later.json", later.into_bytes());
    let receipt = ask(&["import", &later, "--tlp", "clear"], b"").exits(0).lines();
    assert_eq!((&receipt[0]["outcome"], &receipt[0]["handling"]), (&json!("newer"), &json!("inherited")));
    assert_eq!(receipt[1]["summary"]["inherited"], 1);
    let got = ask(&["get", &id], b"").exits(0).json();
    assert!(got["object"]["modified"].as_str().unwrap().starts_with("2025-02-01"), "{got}");
    assert_eq!((&got["handling"]["tlp"], &got["handling"]["named"]), (&red["tlp"], &red["named"]));
    ask(&["why", &id, "--for", "user:bob"], b"").exits(1);
    let known = ask(&["import", &later, "--pap", "red"], b"").exits(0).lines();
    assert_eq!((&known[0]["outcome"], &known[0]["handling"]), (&json!("known"), &json!("narrowed")));
    assert_eq!(ask(&["get", &id], b"").exits(0).json()["handling"]["pap"], "red");
}

/// A report that gives a known id another `created` loses nothing: told in the receipt and in words, shown beside, and known again.
#[test]
fn what_has_another_created_is_kept_beside_and_told() {
    let scene = Scene::new();
    let first = indicator(ONE, "[ipv4-addr:value = '198.51.100.7']");
    let mut other = indicator(ONE, "[ipv4-addr:value = '198.51.100.8']");
    other["created"] = json!("2025-03-01T00:00:00.000Z");
    other["modified"] = json!("2025-03-01T00:00:00.000Z");
    let (one, two) =
        (scene.file("one.json", bundle(&[first])), scene.file("two.json", bundle(&[other.clone()])));
    scene.here(&["import", &one]).exits(0);
    let import = scene.here(&["import", &two]).exits(0);
    let lines = import.lines();
    assert_eq!((&lines[0]["outcome"], &lines[0]["code"]), (&json!("accepted"), &json!(null)));
    assert!(lines[0]["reason"].as_str().unwrap().contains("contradicts"), "{}", lines[0]);
    let codes: Vec<&Value> =
        lines[0]["findings"].as_array().unwrap().iter().map(|one| &one["code"]).collect();
    assert!(codes.contains(&&json!("created-changed")), "{codes:?}");
    assert_eq!((&lines[1]["summary"]["accepted"], &lines[1]["summary"]["beside"]), (&json!(1), &json!(1)));
    assert!(import.stderr.contains("[created-changed, creator-changed]"), "{}", import.stderr);
    assert_eq!(scene.here(&["import", &two]).exits(0).lines()[0]["outcome"], "known");
    for code in ["created-changed", "creator-changed", "lineages-max"] {
        scene.here(&["explain", code]).exits(0);
    }
    let id = format!("indicator--{ONE}");
    let got = scene.here(&["get", &id]).exits(0).json();
    assert_eq!(
        (&got["contradictions"], &got["object"]["modified"]),
        (&json!(1), &json!("2025-01-01T00:00:00.000Z"))
    );
    let version = ["get", &id, "--version", "2025-03-01T00:00:00.000Z"];
    assert_eq!(scene.here(&version).exits(0).json()["object"], other);
    assert_eq!(scene.here(&["history", &id]).exits(0).json().as_array().unwrap().len(), 2);
    for value in ["198.51.100.7", "198.51.100.8"] {
        assert_eq!(scene.here(&["lookup", value]).exits(0).lines()[0]["known"], true, "{value}");
    }
    scene.here(&["rebuild", "--check"]).exits(0);
    let backup = scene.path("copy");
    scene.here(&["backup", backup.to_str().unwrap()]).exits(0);
}

#[test]
fn handling_is_stated_explained_and_narrowed_here() {
    let scene = Scene::new();
    handled(&|args, input| scene.here_with(args, input), &scene);
}

#[test]
fn handling_is_stated_explained_and_narrowed_there() {
    let scene = Scene::new();
    let token = scene.init["admin"]["token"].as_str().unwrap().to_owned();
    let running: Running = scene.serve();
    handled(&|args, input| running.there_as(&token, args, input), &scene);
}

#[test]
fn a_wrong_token_is_refused_with_a_sentence() {
    let scene = Scene::new();
    let running = scene.serve();
    let refused = running.there_as("cresset_wrong", &["user", "list"], b"").exits(1);
    assert!(refused.stderr.starts_with("error: "), "{}", refused.stderr);
    let said = &refused.json()["error"];
    assert_eq!(said["code"], "credential-wrong");
    assert!(refused.stderr.contains(said["message"].as_str().unwrap()), "{}", refused.stderr);
}

/// With `--json` a command that fails says so in one JSON document, as any answer: why, by which code, and what to do.
#[test]
fn a_failure_is_one_json_document() {
    let scene = Scene::new();
    let told = |ended: Ended, code: &str| {
        let answer = ended.json();
        let error = &answer["error"];
        assert_eq!(error["code"], code, "{answer} {}", ended.stderr);
        let message = error["message"].as_str().unwrap();
        assert!(!message.is_empty() && ended.stderr.starts_with("error: "), "{message}: {}", ended.stderr);
        assert_eq!(run(&["explain", code, "--json"]).exits(0).json()["code"], code);
        answer["error"].clone()
    };
    let absent = scene.here(&["get", "indicator--00000000-0000-4000-8000-00000000000a"]).exits(1);
    assert!(told(absent, "not-found")["hint"].as_str().unwrap().contains("cresset search"));
    told(scene.here(&["collection", "grant", "nowhere", "user:admin=rw"]).exits(1), "collection-unknown");
    told(scene.here(&["get"]).exits(2), "usage");
    told(scene.here(&["nonsense"]).exits(2), "usage");
    told(run(&["verify", "/nowhere/at/all", "--json"]).exits(4), "unreachable");
    told(run(&["explain", "no-such-code", "--json"]).exits(1), "refused");
    told(run(&["user", "list", "--json", "--data", "/nowhere/at/all"]).exits(4), "unreachable");
    // Without it the words are for people, on standard error.
    assert_eq!(run(&["explain", "no-such-code"]).exits(1).stdout, "");
    assert_eq!(run(&["get"]).exits(2).stdout, "");
    assert!(run(&["--help", "--json"]).exits(0).stdout.contains("Usage"), "help is no failure");
}

/// What is typed wrongly is not told on standard output: it may be a secret, in the wrong place.
#[test]
fn a_usage_failure_names_the_argument_and_not_what_was_given() {
    for (typed, named) in [
        (&["pull", "https://taxii.example/", "--limit", "s3cret"][..], "--limit"),
        (&["user", "list", "s3cret"], "unexpected argument"),
        (&["user", "list", "--tokn=s3cret"], "--tokn"),
        (&["s3cret"], "unrecognized subcommand"),
        (&["pull", "https://me:s3cret@taxii example/"], "<TAXII-URL>"),
        (&["pull", "--limit", "5"], "<TAXII-URL>"),
        (&["collection", "grant", "inbox", "user:s3cret=s3cret"], "<WHO=ACCESS>"),
        (&["collection", "add", "c1", "--title", "t", "--grant", "s3cret"], "--grant <WHO=ACCESS>"),
        (&["consent", "grant", "x", "--to", "b", "--until", "s3cret"], "like 2026-05-01T12:00:00Z"),
        (&["import", "x", "--tlp", "s3cret"], "one of clear, green"),
        (&["user", "add", "x", "--role", "s3cret"], "one of reader, analyst"),
    ] {
        let ended = run(&[typed, &["--json"]].concat()).exits(2);
        assert!(!ended.stdout.contains("s3cret"), "{}", ended.stdout);
        let error = &ended.json()["error"];
        assert_eq!(error["code"], "usage", "{error}");
        assert!(error["message"].as_str().unwrap().contains(named), "{error}");
    }
}

/// A file that cannot be read has a line like every other, and those behind it are judged all the same; the worst says how it ends.
#[test]
fn validate_goes_on_behind_a_file_that_cannot_be_read() {
    let scene = Scene::new();
    let good = scene.file("good.json", bundle(&[indicator(ONE, "[ipv4-addr:value = '198.51.100.7']")]));
    let bad = scene.file("bad.json", bundle(&[json!({"type": "indicator"})]));
    let files = [good.as_str(), "/nowhere/at/all", &bad];
    let lines = run(&[&["validate", "--json"], &files[..]].concat()).exits(4).lines();
    assert_eq!(lines.iter().map(|line| line["valid"] == true).collect::<Vec<_>>(), [true, false, false]);
    assert_eq!(lines[1]["errors"][0]["code"], "file-unreadable");
    let told = run(&[&["validate"], &files[..]].concat()).exits(4);
    assert!(told.stdout.contains("bad.json: not valid") && told.stderr.contains("/nowhere/at/all"));
}

/// Lists parted by commas are read as people write them; what is looked up is told as it was given; and a node that is not there has its
/// code in the line of a file.
#[test]
fn what_is_given_is_taken_as_people_write_it() {
    let scene = Scene::new();
    let good = scene.file("good.json", bundle(&[indicator(ONE, "[ipv4-addr:value = '198.51.100.7']")]));
    scene.here(&["import", &good, "--tlp", "amber", "--to", "user:admin, user:admin"]).exits(0);
    scene.here(&["import", &good, "--to", "user:admin,"]).exits(2);
    let told = scene.here(&["lookup", " 198.51.100.7 ", "198.51.100.7"]).exits(0).lines();
    assert_eq!((&told[0]["value"], &told[0]["known"]), (&json!(" 198.51.100.7 "), &json!(true)));
    let nobody = ["--url", "http://127.0.0.1:1", "--token", "t", "--json"];
    let lines = run(&[&["import", &good][..], &nobody].concat()).exits(4).lines();
    assert_eq!((&lines[0]["outcome"], &lines[0]["code"]), (&json!("refused"), &json!("unreachable")));
    scene.here(&["consent", "grant", "x", "--to", "b", "--until", "30d"]).exits(2);
    scene.here(&["consent", "grant", "x", "--to", "b", "--until", "2099-01-01T00:00:00Z"]).exits(1);
}

#[test]
fn codes_are_explained() {
    let told = run(&["explain", "required-property", "--json"]).exits(0).json();
    assert_eq!(told["code"], "required-property");
    run(&["explain", "no-such-code"]).exits(1);
    assert!(run(&["explain", "--json"]).exits(0).json().as_array().unwrap().len() > 50);
}

#[test]
fn files_are_judged() {
    let scene = Scene::new();
    let good = scene.file("good.json", bundle(&[indicator(ONE, "[ipv4-addr:value = '198.51.100.7']")]));
    let bad = scene.file("bad.json", bundle(&[json!({"type": "indicator"})]));
    assert_eq!(run(&["validate", &good, "--json"]).exits(0).json()["valid"], true);
    let judged = run(&["validate", &good, &bad, "--json"]).exits(1).lines();
    assert_eq!(judged[1]["valid"], false);
    assert!(judged[1]["errors"][0]["code"].is_string());
    assert!(run(&["validate", &bad]).exits(1).stdout.contains("not valid"));
    assert_eq!(run_with(&["validate", "-", "--json"], &[], b"\xff{").exits(1).json()["valid"], false);
}

/// A blank line of a file is no value: it has no answer, and is counted.
#[test]
fn blank_lines_of_what_is_looked_up_are_passed_over_and_counted() {
    let scene = Scene::new();
    let file = scene.file("values.txt", "a.example\n\n  \t\r\nb.example\n\n");
    let told = scene.here(&["lookup", "--file", &file]).exits(1);
    let values: Vec<_> = told.lines().iter().map(|line| line["value"].clone()).collect();
    assert_eq!(values, ["a.example", "b.example"]);
    assert!(told.stderr.contains("3 blank lines passed over"), "{}", told.stderr);
    let told = scene.here_with(&["lookup"], b"a.example\n\n").exits(1);
    assert!(told.stderr.contains("1 blank line passed over"), "{}", told.stderr);
    assert!(
        !scene.here(&["lookup", "a.example", " "]).exits(1).stderr.contains("passed over"),
        "a value that was given has a line"
    );
}
