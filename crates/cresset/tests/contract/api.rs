//! The JSON API from outside: described, guarded, strict about what it is asked.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::Value;

use crate::scene::{Running, Scene};

/// Asks and reads status and body.
fn ask(running: &Running, method: &str, path: &str, (token, body): (Option<&str>, &[u8])) -> (u16, Value) {
    let address = running.url().trim_start_matches("http://").to_owned();
    let mut stream = TcpStream::connect(&address).unwrap();
    let login = token.map(|token| format!("authorization: Bearer {token}\r\n")).unwrap_or_default();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n{login}content-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let text = String::from_utf8_lossy(&answer);
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(body).unwrap_or(Value::Null))
}

#[test]
fn every_described_route_exists_and_wants_a_login() {
    let scene = Scene::new();
    let running = scene.serve();
    let (status, described) = ask(&running, "GET", "/openapi.json", (None, b""));
    assert_eq!(status, 200);
    assert!(described["openapi"].as_str().unwrap().starts_with("3.1"));
    let mut count = 0;
    for (path, operations) in described["paths"].as_object().unwrap() {
        for method in operations.as_object().unwrap().keys() {
            let address = path.replace(['{', '}'], "");
            let (status, problem) = ask(&running, &method.to_uppercase(), &address, (None, b"{}"));
            assert_eq!(
                (status, &problem["code"]),
                (401, &Value::from("credential-missing")),
                "{method} {path}"
            );
            count += 1;
        }
    }
    assert!(count >= 25, "{count}");
}

/// The answers that are described for an address; `None` for one that is not.
fn answers<'d>(described: &'d Value, method: &str, address: &str) -> Option<&'d Value> {
    let path = address.split('?').next().unwrap();
    let is_of = |template: &str| {
        let (template, path): (Vec<&str>, Vec<&str>) =
            (template.split('/').collect(), path.split('/').collect());
        let fits = |(wanted, found): (&&str, &&str)| wanted == found || wanted.starts_with('{');
        template.len() == path.len() && template.iter().zip(&path).all(fits)
    };
    let (_, operations) = described["paths"].as_object().unwrap().iter().find(|(path, _)| is_of(path))?;
    operations.get(method.to_lowercase()).map(|operation| &operation["responses"])
}

#[test]
fn what_is_asked_wrongly_is_told_as_a_problem_with_a_code() {
    let scene = Scene::new();
    let running = scene.serve();
    let (_, described) = ask(&running, "GET", "/openapi.json", (None, b""));
    assert!(described["components"]["schemas"]["Problem"]["properties"]["code"].is_object());
    let token = scene.init["admin"]["token"].as_str().unwrap();
    for (method, path, body, expected) in [
        ("GET", "/api/v1/users?nonsense=1", "", 400),
        ("GET", "/api/v1/users?limit=0", "", 400),
        ("GET", "/api/v1/users?limit=1&limit=2", "", 400),
        ("GET", "/api/v1/users?next=foreign", "", 400),
        ("GET", "/api/v1/search", "", 400),
        ("GET", "/api/v1/objects/nonsense", "", 404),
        ("GET", "/api/v1/collections/nonsense/objects", "", 404),
        ("GET", "/api/v1/collections/inbox/objects?added_after=yesterday", "", 400),
        ("GET", "/api/v1/nothing", "", 404),
        ("DELETE", "/api/v1/users", "", 405),
        ("POST", "/api/v1/lookup", "{\"values\":7}", 400),
        ("POST", "/api/v1/lookup", "\u{0}", 400),
        ("POST", "/api/v1/users", "{\"name\":\"x\",\"roles\":[\"king\"]}", 400),
        ("POST", "/api/v1/users", "{\"name\":\"x\",\"roles\":[]}", 422),
        ("POST", "/api/v1/users", "{\"name\":\"x\",\"unknown\":1}", 400),
        ("POST", "/api/v1/collections/inbox/import?format=poem", "{}", 400),
        ("POST", "/api/v1/collections/inbox/import?tlp=puce", "{}", 400),
        ("POST", "/api/v1/collections/inbox/import", "{", 422),
        ("POST", "/api/v1/collections/inbox/import", "[", 422),
        ("PUT", "/api/v1/collections/inbox/grants", "{\"grantee\":\"x\",\"access\":\"r\"}", 400),
    ] {
        let (status, problem) = ask(&running, method, path, (Some(token), body.as_bytes()));
        assert_eq!(status, expected, "{method} {path} {problem}");
        assert!(problem["code"].is_string() && problem["detail"].is_string(), "{method} {path} {problem}");
        assert_eq!(problem["status"], expected, "{method} {path}");
        if let Some(answers) = answers(&described, method, path) {
            let answer = &answers[expected.to_string()]["content"]["application/problem+json"];
            let schema = &answer["schema"]["$ref"];
            assert_eq!(schema, "#/components/schemas/Problem", "{method} {path} {expected}");
        }
    }
}

#[test]
fn lists_are_paged_by_cursor() {
    let scene = Scene::new();
    let running = scene.serve();
    for name in ["a", "b", "c"] {
        running.there(&["user", "add", name, "--role", "reader"]).exits(0);
    }
    let token = scene.init["admin"]["token"].as_str().unwrap();
    let (mut names, mut next) = (Vec::new(), String::new());
    loop {
        let (status, page) =
            ask(&running, "GET", &format!("/api/v1/users?limit=2{next}"), (Some(token), b""));
        assert_eq!(status, 200);
        names.extend(
            page["items"].as_array().unwrap().iter().map(|user| user["name"].as_str().unwrap().to_owned()),
        );
        match page["next"].as_str() {
            Some(cursor) => next = format!("&next={cursor}"),
            None => break,
        }
    }
    assert_eq!(names, ["a", "admin", "b", "c"]);
}

#[test]
fn a_token_does_no_more_than_its_scope() {
    let scene = Scene::new();
    let running = scene.serve();
    let made = running.there(&["token", "create", "--user", "admin", "--scope", "read"]).exits(0).json();
    let token = made["token"].as_str().unwrap();
    assert_eq!(ask(&running, "GET", "/api/v1/me", (Some(token), b"")).0, 200);
    assert_eq!(ask(&running, "GET", "/api/v1/users", (Some(token), b"")).0, 403);
    let (status, problem) = ask(&running, "POST", "/api/v1/collections/inbox/import", (Some(token), b"{}"));
    assert_eq!((status, &problem["code"]), (403, &Value::from("collection-not-writable")));
}
