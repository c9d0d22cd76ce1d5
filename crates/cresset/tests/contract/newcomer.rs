//! What somebody meets who does not know the product yet: a second demonstration, slips of the pen, files that are something else.

use crate::scene::{ONE, Running, Scene, bundle, indicator, run, run_with};
use crate::town::{Town, until};

/// A command in words on a directory.
#[track_caller]
fn words(scene: &Scene, args: &[&str]) -> crate::scene::Ended {
    run(&[args, &["--data", scene.data().to_str().unwrap()]].concat())
}

#[test]
fn a_demonstration_that_runs_is_not_replaced() {
    let room = tempfile::tempdir().unwrap();
    let (dir, node) = (room.path(), room.path().join("cert-aldermoor"));
    run(&["init", "--name", "CERT Aldermoor", "--data", node.to_str().unwrap()]).exits(0);
    std::fs::write(dir.join("demo.json"), "{}").unwrap();
    let running = Running::start(&node, &[], &[]);
    let refused = |port: &str, why: &str| {
        let said =
            run(&["demo", "--once", "--dir", dir.to_str().unwrap(), "--port-base", port]).exits(4).stderr;
        assert!(
            said.starts_with("error: ") && said.matches("error:").count() == 1 && said.contains(why),
            "{said}"
        );
        assert!(dir.join("demo.json").exists() && node.join("cresset.db").exists(), "{said}");
    };
    refused("0", "a demonstration is running in");
    let taken = running.url().rsplit(':').next().unwrap().to_owned();
    drop(running);
    let other = std::net::TcpListener::bind(format!("127.0.0.1:{taken}")).unwrap();
    refused(&taken, "is taken by another program");
    drop(other);
}

#[test]
fn an_address_that_is_none_says_how_one_looks() {
    let scene = Scene::new();
    let node = scene.serve();
    let (url, token) = (node.url(), node.token().to_owned());
    let asked = |url: &str, code| run(&["lookup", "x", "--url", url, "--token", &token]).exits(code).stderr;
    for bare in [url.trim_start_matches("http://"), "localhost:8400"] {
        assert!(asked(bare, 2).contains("it begins with http:// or https://"), "{bare}");
        let named = run_with(&["lookup", "x"], &[("CRESSET_URL", bare)], b"").exits(2).stderr;
        assert!(named.contains("it begins with http:// or https://"), "{named}");
    }
    for path in ["/taxii2/", "/api1/", "/nowhere"] {
        let said = asked(&format!("{url}{path}"), 4);
        assert!(
            said.contains("there is no node at this address") && said.contains("without a path"),
            "{said}"
        );
    }
    let secure = asked(&url.replace("http://", "https://"), 4);
    assert!(secure.contains("that port seems to speak plain HTTP: try http://"), "{secure}");
    let open = asked("http://node.example:8400", 2);
    assert!(open.contains("--allow-plain-http"), "{open}");
    // What is wrong is told about what was typed, not about what the environment says.
    let all = [("CRESSET_TOKEN", "t"), ("CRESSET_DATA", "/x")];
    let usage = run_with(&["get"], &all, b"").exits(2).stderr;
    assert!(usage.contains("Usage: ") && !usage.contains("--token") && !usage.contains("--data"), "{usage}");
    assert!(run_with(&["get", "--help"], &all, b"").exits(0).stdout.contains("[env: CRESSET_TOKEN]"));
}

#[test]
fn a_file_that_is_something_else_is_told_to_be() {
    let scene = Scene::new();
    let whole = bundle(&[indicator(ONE, "[ipv4-addr:value = '203.0.113.9']")]);
    let cut = scene.file("cut.json", &whole[..whole.len() / 2]);
    let said = words(&scene, &["import", &cut]).exits(1).stderr;
    assert!(said.contains("it is JSON that breaks off at line 1, column"), "{said}");
    let said = words(&scene, &["courier", "import", &cut]).exits(1).stderr;
    assert!(said.contains(&format!("{cut} is no courier file")) && !said.contains("suite"), "{said}");
    let said = words(&scene, &["simulate", "--object", &cut, "--for", "anyone"]).exits(1).stderr;
    assert!(said.contains(&format!("cannot read {cut}: it is JSON that breaks off")), "{said}");

    // There is nothing in it: the answer is no, unless it says so itself.
    for (name, content, code) in [
        ("page.html", "<!doctype html><title>Sign in</title><p>Please sign in.", 1),
        ("licence.txt", "You may copy this as you like, without any warranty.", 1),
        ("empty", "", 1),
        ("none.json", "[]", 0),
    ] {
        let said = words(&scene, &["import", &scene.file(name, content)]);
        assert!(said.stderr.contains("nothing to import"), "{name}: {}", said.stderr);
        said.exits(code);
    }
    let file = scene.file("whole.json", &whole);
    let said = words(&scene, &["import", &file]).exits(0).stderr;
    assert!(said.contains("1 object: 1 accepted, 0 known already, 0 newer versions,"), "{said}");
    let said = words(&scene, &["validate", &file]).exits(0).stdout;
    assert!(said.contains("valid, 0 errors, "), "{said}");
}

#[test]
fn what_holds_nothing_or_stands_elsewhere_is_said() {
    let scene = Scene::new();
    let file = scene.file("whole.json", bundle(&[indicator(ONE, "[ipv4-addr:value = '203.0.113.9']")]));
    words(&scene, &["import", &file]).exits(0);
    let id = format!("indicator--{ONE}");
    let slip = words(&scene, &["export", "--type", "indikator"]).exits(0);
    assert!(
        slip.stderr.contains("0 objects") && slip.stderr.contains("is indicator meant?"),
        "{}",
        slip.stderr
    );
    for more in [&["--id", "indicator--x"][..], &["--format", "csv", "--type", "tool"]] {
        let nothing = words(&scene, &[&["export"], more].concat()).exits(0);
        assert!(
            nothing.stderr.contains("0 objects") && !nothing.stderr.contains("meant"),
            "{}",
            nothing.stderr
        );
    }
    for more in [&["--type", "indicator"][..], &["--format", "csv"]] {
        assert_eq!(words(&scene, &[&["export"], more].concat()).exits(0).stderr, "");
    }
    assert!(words(&scene, &["history", &id]).exits(0).stdout.contains("  Inbox"));
    let figures = words(&scene, &["node", "figures"]).exits(0).stdout;
    assert!(figures.starts_with("1 object\n1 version\n") && figures.contains("indicator  1\n"), "{figures}");
    assert!(!figures.contains("by_type"), "{figures}");
    let recovery = words(&scene, &["node", "recover"]).exits(0).stdout;
    assert_eq!(recovery, "the node does not recover from a restore\n");

    // The hint of a backup works as it stands, wherever the keys went.
    let key = scene.file("key", scene.init["recovery_key"].as_str().unwrap());
    let (copy, keys) = (scene.path("copy"), scene.path("keys-elsewhere"));
    let (copy, keys) = (copy.to_str().unwrap(), keys.to_str().unwrap());
    let said = words(&scene, &["backup", copy, "--keys", keys]).exits(0).stderr;
    assert!(said.contains(&format!("with 1 object, and {keys}")), "{said}");
    let typed = said
        .split('`')
        .nth(1)
        .unwrap()
        .replace("--recovery-key-file F", &format!("--recovery-key-file {key}"));
    let typed: Vec<&str> = typed.split_whitespace().skip(1).collect();
    let checked = run(&typed).exits(0).stderr;
    assert!(checked.contains("holds 1 object and is whole"), "{checked}");
}

#[test]
fn a_node_is_not_made_among_other_things() {
    let room = tempfile::tempdir().unwrap();
    let data = room.path().to_str().unwrap();
    let init = |code| run(&["init", "--name", "x", "--data", data]).exits(code).stderr;
    std::fs::write(room.path().join("holiday.jpg"), "x").unwrap();
    let said = init(4);
    assert!(said.contains("holiday.jpg") && said.contains("--data"), "{said}");
    let only = |names: &[&str]| {
        let held = std::fs::read_dir(room.path()).unwrap().map(|entry| entry.unwrap().file_name());
        held.into_iter().all(|name| names.iter().any(|known| name == *known))
    };
    assert!(only(&["holiday.jpg"]), "nothing of a node was made");
    std::fs::remove_file(room.path().join("holiday.jpg")).unwrap();
    // Its settings may be there before it is.
    std::fs::write(room.path().join("cresset.toml"), "").unwrap();
    std::fs::create_dir(room.path().join("lost+found")).unwrap();
    init(0);
    assert!(init(1).contains("cresset serve"));
}

/// Where nobody sits at a terminal nothing is asked, with `--yes` or without.
#[test]
fn scripts_are_not_asked() {
    let scene = Scene::new();
    let file = scene.file("whole.json", bundle(&[indicator(ONE, "[ipv4-addr:value = '203.0.113.9']")]));
    let id = format!("indicator--{ONE}");
    for yes in [&[][..], &["--yes"]] {
        words(&scene, &["import", &file]).exits(0);
        words(&scene, &[&["delete", &id, "--collection", "inbox"], yes].concat()).exits(0);
        for deed in [&["recall", &id][..], &["community", "withdraw"]] {
            let said = words(&scene, &[deed, yes].concat()).exits(1).stderr;
            assert!(said.contains("[community-none]") && !said.contains("[y/N]"), "{said}");
        }
    }
}

#[test]
fn whom_a_name_does_not_mean_and_what_was_approved_is_said() {
    let a = Town::new();
    let anchor = a.create("cert-a", &[]);
    let said = |town: &Town, args: &[&str], code| {
        let (url, token) = (town.node.url(), town.node.token().to_owned());
        run_with(args, &[("CRESSET_URL", &url), ("CRESSET_TOKEN", &token)], b"").exits(code)
    };
    for args in [
        &["circle", "create", "banks", "--members", "cert-a,cert-x"][..],
        &["community", "suspend", "cert-x"],
    ] {
        let told = said(&a, args, 1).stderr;
        assert!(
            told.contains("there is no member \"cert-x\"") && told.contains("[member-unknown]"),
            "{told}"
        );
    }
    let b = Town::new();
    b.join(&anchor, "cert-b", "cert");
    until("B asks", || !a.ok(&["community", "pending"]).as_array().unwrap().is_empty());
    let told = said(&a, &["community", "approve", "cert-b"], 0);
    assert_eq!(told.stderr, "approved: cert-b (cert-b) joins the community\n");
    assert!(told.stdout.starts_with("done"), "{}", told.stdout);
}
