//! What takes a second person: alone nobody does it where somebody else could say yes, and what is done alone all the same is
//! written down and told.

use serde_json::{Value, json};

use crate::scene::{ONE, Running, Scene, bundle, indicator};
use crate::town::{community, until};

const WARDS: &str = "wards";

/// What the administrator hands somebody.
const GIVEN: &str = "a password of some length";
/// What they make of it.
const OWN: &str = "a password of their own";

/// A user with a role, and a password that the administrator has set.
#[track_caller]
fn given(node: &Running, name: &str, role: &str) {
    let add = ["user", "add", name, "--role", role, "--password-stdin"];
    node.there_as(&root(node), &add, format!("{GIVEN}\n").as_bytes()).exits(0);
}

/// A token of a user with a role, who has changed their password and made the token themselves.
#[track_caller]
fn person(node: &Running, name: &str, role: &str) -> String {
    given(node, name, role);
    let changed =
        api(node, "PUT", &format!("users/{name}/password"), (name, GIVEN), &json!({"password": OWN}));
    assert_eq!(changed.0, 204);
    own_token(node, name, &["read", "write"])
}

#[track_caller]
fn own_token(node: &Running, name: &str, scopes: &[&str]) -> String {
    let wanted = json!({"user": name, "scopes": scopes});
    let (status, made) = api(node, "POST", "tokens", (name, OWN), &wanted);
    assert_eq!(status, 201, "{made}");
    made["token"].as_str().unwrap().to_owned()
}

/// A request with name and password.
#[track_caller]
fn api(
    node: &Running,
    method: &str,
    path: &str,
    (name, password): (&str, &str),
    body: &Value,
) -> (u16, Value) {
    let login = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, format!("{name}:{password}"));
    http(method, &format!("{}/api/v1/{path}", node.url()), &format!("Basic {login}"), &body.to_string())
}

fn root(node: &Running) -> String {
    node.token().to_owned()
}

/// A collection with something marked for few, and somebody who does not read it yet.
#[track_caller]
fn amber(scene: &Scene, node: &Running) {
    node.there(&["collection", "add", WARDS, "--title", "Wards", "--grant", "role:analyst=rw"]).exits(0);
    let file = scene.file("amber.json", bundle(&[indicator(ONE, "[ipv4-addr:value = '203.0.113.9']")]));
    node.there(&["import", &file, "--collection", WARDS, "--tlp", "amber"]).exits(0);
}

/// The id of the request that a command was told to wait for.
#[track_caller]
fn pending(node: &Running, token: &str, args: &[&str]) -> String {
    let told = node.there_as(token, args, b"").exits(1);
    assert!(told.stderr.contains("[approval-pending]"), "{}", told.stderr);
    let id = told.stderr.split("pending approval ").nth(1).unwrap().split(':').next().unwrap();
    id.to_owned()
}

#[track_caller]
fn refused(node: &Running, token: &str, args: &[&str], code: &str) {
    let told = node.there_as(token, args, b"").exits(1);
    assert!(told.stderr.contains(&format!("[{code}]")), "{code}: {}", told.stderr);
}

const OPEN: [&str; 4] = ["collection", "grant", WARDS, "role:reader=r"];

#[test]
fn a_sole_person_is_not_locked_out_and_it_is_written_down() {
    let scene = Scene::new();
    let node = scene.serve();
    amber(&scene, &node);
    node.there(&OPEN).exits(0);
    let list = node.there(&["approval", "list"]).exits(0).json();
    assert_eq!(list.as_array().unwrap().len(), 1, "{list}");
    assert_eq!(
        (&list[0]["status"], &list[0]["deed"]),
        (&json!("alone"), &json!("open-collection")),
        "{list}"
    );
    assert_eq!((&list[0]["requester"], list[0]["used"].is_string()), (&json!("admin"), true), "{list}");
    // What nobody has marked for few is opened without further ado.
    node.there(&["collection", "grant", "inbox", "role:contact=r"]).exits(0);
    assert_eq!(node.there(&["approval", "list"]).json().as_array().unwrap().len(), 1);
}

#[test]
fn a_second_person_says_yes_once_for_one_deed() {
    let scene = Scene::new();
    let node = scene.serve();
    amber(&scene, &node);
    let (bob, ann) = (person(&node, "bob", "approver"), person(&node, "ann", "analyst"));
    let auditor = person(&node, "eve", "auditor");
    let admin = root(&node);

    let id = pending(&node, &admin, &OPEN);
    assert_eq!(pending(&node, &admin, &OPEN), id, "the same wish is one request");
    for (token, code) in [(&admin, "second-person"), (&ann, "approval-unknown"), (&auditor, "role-missing")] {
        refused(&node, token, &["approval", "grant", &id], code);
    }
    assert_eq!(node.there(&["approval", "list", "--pending"]).json().as_array().unwrap().len(), 1);
    let granted = node.there_as(&bob, &["approval", "grant", &id], b"").exits(0).json();
    assert_eq!((&granted["status"], &granted["decider"]), (&json!("granted"), &json!("bob")), "{granted}");
    refused(&node, &bob, &["approval", "refuse", &id], "approval-decided");

    // It is for this deed, and for once.
    let other = pending(&node, &admin, &["collection", "grant", WARDS, "role:contact=r"]);
    assert_ne!(other, id);
    node.there(&OPEN).exits(0);
    node.there(&["collection", "grant", WARDS, "role:reader=none"]).exits(0);
    let again = pending(&node, &admin, &OPEN);
    assert_ne!(again, id, "an approval is used up");
    node.there_as(&bob, &["approval", "refuse", &again, "--reason", "not for readers"], b"").exits(0);
    assert_ne!(pending(&node, &admin, &OPEN), again, "a no opens nothing");

    // Who asks does not first do away with who would say no.
    pending(&node, &admin, &["user", "disable", "bob"]);

    let seen = node.there_as(&auditor, &["approval", "list"], b"").exits(0).json();
    let told = seen.as_array().unwrap().iter().find(|one| one["id"] == again.as_str()).unwrap();
    assert_eq!((&told["requester"], &told["decider"]), (&json!("admin"), &json!("bob")), "{told}");
    assert_eq!((&told["status"], &told["reason"]), (&json!("refused"), &json!("not for readers")), "{told}");
    assert!(told["asked"].is_string() && told["decided"].is_string(), "{told}");
    assert_eq!(node.there_as(&ann, &["approval", "list"], b"").exits(0).json(), json!([]));
    assert_eq!(node.there(&["explain", "approval-pending"]).code, 0);
}

#[test]
fn nobody_makes_a_second_person_out_of_a_credential() {
    let scene = Scene::new();
    let node = scene.serve();
    amber(&scene, &node);
    given(&node, "bob", "approver");
    let admin = root(&node);
    let id = pending(&node, &admin, &OPEN);
    let yes = ["approval", "grant", &id];
    let path = format!("approvals/{id}/grant");

    // What the administrator made for bob says nothing for bob, and neither does what is made with it.
    let all = ["--scope", "read", "--scope", "write", "--scope", "admin"];
    let create = [["token", "create", "--user", "bob"].as_slice(), &all].concat();
    let token = |as_whom: &str| {
        let made = node.there_as(as_whom, &create, b"").exits(0).json();
        made["token"].as_str().unwrap().to_owned()
    };
    let made = token(&admin);
    refused(&node, &made, &yes, "second-person");
    let further = token(&made);
    refused(&node, &further, &yes, "second-person");
    let (status, problem) = api(&node, "POST", &path, ("bob", GIVEN), &json!({}));
    assert_eq!((status, &problem["code"]), (403, &json!("second-person")), "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains("change the password yourself"), "{problem}");
    let set = ["user", "password", "bob", "--password-stdin"];
    node.there_as(&further, &set, b"set by a token of bob's\n").exits(0);
    let (status, problem) = api(&node, "POST", &path, ("bob", "set by a token of bob's"), &json!({}));
    assert_eq!((status, &problem["code"]), (403, &json!("second-person")), "{problem}");
    let seen = node.there(&["token", "list", "--user", "bob"]).exits(0).json();
    assert_eq!((&seen[0]["made_by"], &seen[1]["made_by"]), (&json!("admin"), &json!("bob")), "{seen}");
    assert_eq!(
        (&seen[0]["known_to"], &seen[1]["known_to"]),
        (&json!(["admin"]), &json!(["admin"])),
        "{seen}"
    );

    // With a password that bob changed, bob says yes, and it is written down with what.
    let change = json!({"password": OWN});
    let changed = api(&node, "PUT", "users/bob/password", ("bob", "set by a token of bob's"), &change);
    assert_eq!(changed.0, 204);
    refused(&node, &made, &yes, "second-person");
    let (status, granted) = api(&node, "POST", &path, ("bob", OWN), &json!({}));
    assert_eq!((status, &granted["status"]), (200, &json!("granted")), "{granted}");
    assert_eq!(
        (&granted["asked_with"], &granted["decided_with"]),
        (&json!("token"), &json!("password")),
        "{granted}"
    );
    let users = node.there(&["user", "list"]).exits(0).json();
    let bob = users.as_array().unwrap().iter().find(|user| user["name"] == "bob").unwrap();
    assert_eq!((&bob["made_by"], &bob["password_by"]), (&json!("admin"), &json!("bob")), "{bob}");
}

#[test]
fn who_made_a_token_does_not_approve_what_it_asks_for() {
    let scene = Scene::new();
    let node = scene.serve();
    amber(&scene, &node);
    person(&node, "bob", "admin");
    let admin = root(&node);
    let made = node.there(&["token", "create", "--user", "bob", "--scope", "admin", "--scope", "read"]);
    let made = made.exits(0).json()["token"].as_str().unwrap().to_owned();
    let own = own_token(&node, "bob", &["admin", "read"]);
    let id = pending(&node, &made, &OPEN);
    refused(&node, &admin, &["approval", "grant", &id], "second-person");
    let again = pending(&node, &own, &OPEN);
    assert_ne!(again, id, "asked with a credential that nobody else has had, it is another request");
    assert_eq!(node.there(&["approval", "grant", &again]).exits(0).json()["status"], "granted");
    node.there_as(&own, &OPEN, b"").exits(0);
}

#[test]
fn a_yes_ends_with_the_say_of_who_gave_it() {
    let scene = Scene::new();
    let node = scene.serve();
    amber(&scene, &node);
    let (bob, sue) = (person(&node, "bob", "approver"), person(&node, "sue", "approver"));
    let admin = root(&node);
    let id = pending(&node, &admin, &OPEN);
    node.there_as(&bob, &["approval", "grant", &id], b"").exits(0);
    let disable = ["user", "disable", "bob"];
    let other = pending(&node, &admin, &disable);
    node.there_as(&sue, &["approval", "grant", &other], b"").exits(0);
    node.there(&disable).exits(0);
    assert_ne!(pending(&node, &admin, &OPEN), id, "bob may say nothing any more");
}

#[test]
fn requests_outlast_a_sudden_death_and_run_out() {
    let scene = Scene::new();
    let mut node = scene.serve();
    amber(&scene, &node);
    let (bob, admin) = (person(&node, "bob", "approver"), root(&node));
    let id = pending(&node, &admin, &OPEN);
    let circle = pending(&node, &admin, &["collection", "grant", WARDS, "role:contact=r"]);
    node.there_as(&bob, &["approval", "grant", &id], b"").exits(0);
    node.dies();
    let mut node = scene.serve();
    node.there(&OPEN).exits(0);
    node.dies();
    let later = [("CRESSET_CLOCK_OFFSET", "+4d")];
    let node = Running::start(&scene.data(), &["--allow-test-controls"], &later).with_token(&admin);
    refused(&node, &bob, &["approval", "grant", &circle], "approval-expired");
    let list = node.there(&["approval", "list"]).json();
    let told = list.as_array().unwrap().iter().find(|one| one["id"] == circle.as_str()).unwrap();
    assert_eq!(told["status"], "expired", "{told}");
}

#[test]
fn much_taken_in_small_pieces_is_much() {
    let scene = Scene::new();
    let node = Running::start(&scene.data(), &["--export-per-day", "3"], &[]);
    let node = node.with_token(scene.init["admin"]["token"].as_str().unwrap());
    let objects: Vec<Value> = (1..=5)
        .map(|no| {
            let uuid = format!("{no}1111111-1111-4111-8111-111111111111");
            indicator(&uuid, &format!("[ipv4-addr:value = '203.0.113.{no}']"))
        })
        .collect();
    let file = scene.file("five.json", bundle(&objects));
    node.there(&["import", &file]).exits(0);
    let bob = person(&node, "bob", "approver");
    let admin = root(&node);

    let count = |ended: &str| {
        let bundle: Value = serde_json::from_str(ended).unwrap();
        bundle["objects"].as_array().map_or(0, Vec::len)
    };
    let few = ["export", "--id", objects[0]["id"].as_str().unwrap()];
    assert_eq!(count(&node.there(&few).exits(0).stdout), 1);
    let all = pending(&node, &admin, &["export"]);
    // Pages count together with exports: one object has been taken, two more may be, and not another two.
    let page = || {
        let url = format!("{}/api/v1/collections/inbox/objects?limit=2", node.url());
        get(&url, &admin)
    };
    assert_eq!(page().0, 200);
    let (status, problem) = page();
    assert_eq!((status, &problem["code"]), (409, &json!("approval-pending")), "{problem}");
    let paging = problem["approval"].as_str().unwrap();
    assert_ne!(paging, all);
    // Programs that poll over TAXII go on.
    let taxii = format!("{}/api1/collections/inbox/objects/", node.url());
    assert_eq!(get(&taxii, &admin).0, 200);

    node.there_as(&bob, &["approval", "grant", &all], b"").exits(0);
    assert_eq!(count(&node.there(&["export"]).exits(0).stdout), 5);
    assert_ne!(pending(&node, &admin, &["export"]), all);
    node.there_as(&bob, &["approval", "grant", paging], b"").exits(0);
    assert_eq!(page().0, 200);
}

/// GET with a token: status and JSON.
#[track_caller]
pub(crate) fn get(url: &str, token: &str) -> (u16, Value) {
    http("GET", url, &format!("Bearer {token}"), "")
}

#[track_caller]
fn http(method: &str, url: &str, authorization: &str, body: &str) -> (u16, Value) {
    use std::io::{Read, Write};
    let rest = url.strip_prefix("http://").unwrap();
    let (place, path) = rest.split_at(rest.find('/').unwrap());
    let mut stream = std::net::TcpStream::connect(place).unwrap();
    let accept = if path.starts_with("/api1/") { "application/taxii+json;version=2.1" } else { "*/*" };
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: {place}\r\nAuthorization: {authorization}\r\nAccept: {accept}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    let body = answer.split_once("\r\n\r\n").unwrap().1;
    let (Some(start), Some(end)) = (body.find('{'), body.rfind('}')) else { return (status, Value::Null) };
    (status, serde_json::from_str(&body[start..=end]).unwrap())
}

#[test]
fn broken_glass_is_told_to_every_member() {
    let [a, b] = community([("cert-a", "cert"), ("cert-b", "cert")]);
    amber(&a.scene, &a.node);
    let bob = person(&a.node, "bob", "approver");
    let admin = root(&a.node);
    let id = pending(&a.node, &admin, &OPEN);
    refused(&a.node, &bob, &["approval", "break-glass", &id, "--reason", "no"], "second-person");
    refused(&a.node, &admin, &["approval", "break-glass", &id, "--reason", " "], "reason-unfit");
    let reason = "nobody else on duty";
    let broken = a.ok(&["approval", "break-glass", &id, "--reason", reason]);
    assert_eq!(broken["status"], "broken-glass", "{broken}");
    a.node.there(&OPEN).exits(0);
    pending(&a.node, &admin, &["collection", "grant", WARDS, "role:contact=r"]);

    until("B is told", || b.ok(&["approval", "notices"]).as_array().unwrap().len() == 1);
    let told = &b.ok(&["approval", "notices"])[0];
    assert_eq!((&told["member"], &told["deed"]), (&json!("cert-a"), &json!("open-collection")), "{told}");
    assert_eq!((&told["reason"], told["at"].is_string()), (&json!(reason), true), "{told}");
    assert!(!told.to_string().contains("admin"), "no person is named: {told}");
    assert_eq!(b.ok(&["peer", "list"])[0]["notices"][0]["reason"], json!(reason));
    let page = b.node.there_as(&person(&b.node, "rita", "reader"), &["approval", "notices"], b"");
    assert!(page.exits(1).stderr.contains("role-missing"));
    until("A has B's receipt", || {
        let list = a.ok(&["approval", "list"]);
        let one = list.as_array().unwrap().iter().find(|one| one["id"] == id.as_str()).unwrap().clone();
        let receipt = &one["announced"]["receipts"][0];
        receipt["member"] == "cert-b" && receipt["status"] == "done" && receipt["signature"].is_string()
    });
    assert_eq!(a.ok(&["node", "state"])["state_hash"], b.ok(&["node", "state"])["state_hash"]);
}

#[test]
fn the_glass_is_broken_so_often_a_day_and_those_here_are_told() {
    let scene = Scene::new();
    let node = Running::start(&scene.data(), &["--allow-test-controls"], &[("CRESSET_CLOCK_OFFSET", "+0d")]);
    let mut node = node.with_token(scene.init["admin"]["token"].as_str().unwrap());
    amber(&scene, &node);
    let admin = root(&node);
    let bob = person(&node, "bob", "approver");
    let open = |node: &Running, role: &str| {
        let grantee = format!("role:{role}=r");
        pending(node, &admin, &["collection", "grant", WARDS, &grantee])
    };
    let last = open(&node, "contact");
    for role in ["reader", "auditor", "admin"] {
        let id = open(&node, role);
        node.there(&["approval", "break-glass", &id, "--reason", &format!("no time, {role}")]).exits(0);
    }
    let break_it = ["approval", "break-glass", &last, "--reason", "no time"];
    refused(&node, &admin, &break_it, "glass-max");
    assert_eq!(node.there(&["explain", "glass-max"]).code, 0);
    // Whoever made somebody's token is not two persons, and nobody else has paid for it.
    let made = node.there(&["token", "create", "--user", "bob", "--scope", "admin", "--scope", "read"]);
    let made = made.exits(0).json()["token"].as_str().unwrap().to_owned();
    let export = ["collection", "grant", WARDS, "role:contact=r"];
    node.there(&["user", "roles", "bob", "--role", "approver", "--role", "admin"]).exits(0);
    let theirs = pending(&node, &made, &export);
    refused(&node, &made, &["approval", "break-glass", &theirs, "--reason", "no time"], "glass-max");

    // There is no community here: those who could have said no are told.
    let told = node.there(&["doctor"]).json();
    let line = told["checks"].as_array().unwrap().iter().find(|check| check["name"] == "glass").unwrap();
    assert!(line["detail"].as_str().unwrap().contains("3 times"), "{line}");
    let list = node.there_as(&bob, &["approval", "list"], b"").exits(0).json();
    let broken = list.as_array().unwrap().iter().filter(|one| one["status"] == "broken-glass");
    assert!(
        broken.clone().count() == 3 && broken.into_iter().all(|one| one["requester"] == "admin"),
        "{list}"
    );

    node.dies();
    let next = [("CRESSET_CLOCK_OFFSET", "+25h")];
    let node = Running::start(&scene.data(), &["--allow-test-controls"], &next).with_token(&admin);
    node.there(&break_it).exits(0);
}

#[test]
fn who_holds_the_directory_acts_alone_and_it_is_written_down() {
    let scene = Scene::new();
    let node = scene.serve();
    amber(&scene, &node);
    person(&node, "bob", "approver");
    let admin = root(&node);
    pending(&node, &admin, &OPEN);
    assert_eq!(node.terminate(), 0);
    scene.here(&OPEN).exits(0);
    let list = scene.here(&["approval", "list"]).exits(0).json();
    assert_eq!(list[0]["status"], "holder", "{list}");
}

#[test]
fn always_is_always() {
    let scene = Scene::new();
    let node = Running::start(&scene.data(), &["--second-person", "always"], &[]);
    let node = node.with_token(scene.init["admin"]["token"].as_str().unwrap());
    amber(&scene, &node);
    let admin = root(&node);
    let id = pending(&node, &admin, &OPEN);
    node.there(&["approval", "break-glass", &id, "--reason", "still alone here"]).exits(0);
    node.there(&OPEN).exits(0);
    pending(&node, &admin, &["collection", "grant", WARDS, "user:admin=r"]);
}
