//! What whoever runs a node reads: the log of refused credentials, refusals of settings, and of which node a copy is.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Stdio;

use serde_json::Value;

use crate::scene::{Running, Scene, after, run, run_with};

/// What nobody may read in a log: it was typed where a name or a password belongs.
const TYPED: &str = "correct horse battery";

/// A node behind a proxy on this machine, with its log in a file.
fn behind_a_proxy(scene: &Scene) -> (Running, std::path::PathBuf) {
    let log = scene.path("log");
    let child = after(&format!("exec 2>{}", log.display()))
        .args(["serve", "--listen", "127.0.0.1:0", "--trusted-proxy", "127.0.0.1", "--json", "--data"])
        .arg(scene.data())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    (Running::of(child), log)
}

/// Asks for the discovery resource with a credential from somewhere; tells the status.
fn shows(node: &Running, from: &str, authorization: &str) -> u16 {
    let mut stream = TcpStream::connect(node.url().strip_prefix("http://").unwrap()).unwrap();
    let head = format!(
        "GET /taxii2/ HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 203.0.113.99, {from}\r\nAuthorization: {authorization}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

fn basic(user: &str, password: &str) -> String {
    use base64::Engine;
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}")))
}

/// Somebody tries passwords: the log says from where, and at whose account, as the documented filter reads it.
#[test]
fn a_refused_credential_is_one_line_of_the_log_that_names_place_and_account_and_nothing_typed() {
    let scene = Scene::new();
    let (node, log) = behind_a_proxy(&scene);
    assert_eq!(shows(&node, "192.0.2.7", &basic("Admin", TYPED)), 401);
    assert_eq!(shows(&node, "192.0.2.8", &basic(TYPED, "x")), 401);
    assert_eq!(shows(&node, "2001:db8::9", &format!("Bearer {}", TYPED.replace(' ', "-"))), 401);
    assert_eq!(shows(&node, "192.0.2.10", "Basic !"), 401);
    let token = scene.init["admin"]["token"].as_str().unwrap();
    assert_eq!(shows(&node, "192.0.2.11", &format!("Bearer {token}")), 200);
    for _ in 0..40 {
        assert!(matches!(shows(&node, "192.0.2.12", &basic("nobody", TYPED)), 401 | 429));
    }
    assert_eq!(node.terminate(), 0);

    let log = std::fs::read_to_string(log).unwrap();
    assert!(!log.contains("horse") && !log.contains(token), "{log}");
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("credential refused")).collect();
    let told: Vec<Value> = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |address: &str| told.iter().filter(|line| line["address"] == address).collect::<Vec<_>>();
    for (address, account) in [
        ("192.0.2.7", "admin".into()),
        ("192.0.2.8", Value::Null),
        ("2001:db8::9", Value::Null),
        ("192.0.2.10", Value::Null),
    ] {
        let [line] = of(address)[..] else { panic!("one line for {address}: {log}") };
        assert_eq!((&line["level"], &line["code"]), (&"WARN".into(), &"credential-wrong".into()), "{line}");
        assert_eq!(line["account"], account, "{line}");
    }
    assert!(of("192.0.2.11").is_empty());
    let flood = of("192.0.2.12");
    assert_eq!(flood.len(), 10, "bounded: {log}");
    assert!(flood.iter().any(|line| line["code"] == "credential-locked"));

    // The filter that the documentation gives to fail2ban.
    let document = include_str!("../../../../docs/CONFIGURATION.md");
    let filter = document.lines().find_map(|line| line.strip_prefix("failregex = ")).unwrap();
    let literal =
        filter.replace("(?:wrong|locked)", "wrong").replace("<HOST>", "192.0.2.7").replace("^.*", "");
    assert!(lines.iter().any(|line| line.contains(&literal)), "{literal} in {log}");
}

#[test]
fn a_setting_that_cannot_be_is_refused_with_its_name_its_value_and_what_to_write() {
    let scene = Scene::new();
    let data = scene.data();
    let serve = |more: &[&str]| {
        let all = [&["serve", "--listen", "127.0.0.1:0", "--data", data.to_str().unwrap()], more].concat();
        run(&all).exits(2).stderr
    };
    for (file, said) in [
        (
            "rate_per_second = \"fast\"",
            ["cresset.toml, line 1: rate_per_second is \"fast\"", "rate_per_second = 50000"],
        ),
        ("relay_through = \"a\"", ["relay_through is \"a\"", "relay_through = [\"cert-a\""]),
        ("second_person = \"no\"", ["second_person is \"no\"", "second_person = \"always\""]),
    ] {
        std::fs::write(data.join("cresset.toml"), file).unwrap();
        let told = serve(&[]);
        assert!(
            said.iter().all(|said| told.contains(said)) && told.contains("docs/CONFIGURATION.md"),
            "{told}"
        );
    }
    std::fs::remove_file(data.join("cresset.toml")).unwrap();
    let told = serve(&["--trusted-proxy", "proxy.example"]);
    assert!(told.contains("trusted_proxy is \"proxy.example\"") && told.contains("like 192.0.2.1"), "{told}");
    let told = serve(&["--tls-key", "key.pem"]);
    assert!(told.contains("tls_key is given and tls_cert is not"), "{told}");

    let none = scene.file("none.pem", "no certificate");
    let told =
        run(&["peer", "list", "--url", "https://127.0.0.1:1", "--token", "t", "--ca", &none]).exits(4).stderr;
    assert!(told.contains(&none) && told.contains("BEGIN CERTIFICATE"), "{told}");

    let node = scene.serve();
    let told = scene.here(&["user", "add", "--help"]).exits(0).stdout;
    assert!(told.contains("auditor:") && told.contains("no content"), "{told}");
    let other = Scene::new();
    let told = other.here(&["pull", &format!("{}/", node.url())]).exits(4).stderr;
    assert!(told.contains(&format!("{}/taxii2/", node.url())), "{told}");
}

/// Whoever keeps several nodes sees which one a copy is of.
#[test]
fn a_backup_names_its_member_and_directory_and_says_when_the_environment_s_node_is_another() {
    let scene = Scene::new();
    let data = scene.data();
    let (copy, keys) = (scene.path("b1"), scene.path("only.keys"));
    let key = scene.file("key", scene.init["recovery_key"].as_str().unwrap());
    let elsewhere = [("CRESSET_URL", "https://node.example"), ("CRESSET_DATA", data.to_str().unwrap())];
    let told = |args: &[&str]| run_with(args, &elsewhere, b"").exits(0).stderr;
    let of = format!("of CERT A ({})", data.display());
    let said = told(&["backup", copy.to_str().unwrap()]);
    assert!(said.contains(&format!("wrote {} {of} with 0 objects", copy.display())), "{said}");
    assert!(said.contains("CRESSET_URL is not used here"), "{said}");
    let said = told(&["backup", "--only-keys", keys.to_str().unwrap()]);
    assert!(said.contains(&of) && said.contains("CRESSET_URL is not used here"), "{said}");
    let checks = ["restore", copy.to_str().unwrap(), "--verify-only", "--recovery-key-file", &key];
    let said = told(&checks);
    assert!(said.contains("of CERT A holds 0 objects and is whole"), "{said}");
    // Named on the command line, nothing is passed over that could be meant.
    let named = ["backup", scene.path("b2").to_str().unwrap(), "--data", data.to_str().unwrap(), "--json"]
        .map(str::to_owned);
    let named: Vec<&str> = named.iter().map(String::as_str).collect();
    let ended = run_with(&named, &elsewhere, b"").exits(0);
    assert!(!ended.stderr.contains("CRESSET_URL"), "{}", ended.stderr);
    assert_eq!(ended.json()["member"], "CERT A");
}
