//! What every answer carries, health and figures, compression, and stopping in peace.

use std::sync::Arc;
use std::time::Duration;

use base::SeededRng;
use handling::{Role, Scope};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use web::Options;

use crate::client::{TAXII, exchange, gzip, parse};
use crate::house::{House, PASSWORD, envelope, id, indicator};

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_is_named_and_hardened() {
    let house = House::new().await;
    for target in ["/healthz", "/nowhere", "/taxii2/", "/api1/", "/metrics", "/api/v1/nowhere"] {
        let answer = house.ask("GET", target).header("X-Request-Id", "abc-1.2_3").send().await;
        assert_eq!(answer.header("x-request-id"), Some("abc-1.2_3"));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert!(answer.header("content-security-policy").unwrap().contains("default-src 'none'"));
        assert!(answer.header("strict-transport-security").is_none(), "only over TLS");
    }
    let long = "x".repeat(65);
    for bad in ["", "a b", "<script>", &long] {
        let id = house.ask("GET", "/healthz").header("X-Request-Id", bad).send().await;
        let id = id.header("x-request-id").unwrap().to_owned();
        assert!(id.len() == 16 && id != bad, "{id}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_may_ask_for_health_and_nothing_else() {
    let house = House::new().await;
    let ann = house.person("ann", Role::Analyst).await;
    assert_eq!(house.ask("GET", "/healthz").send().await.json(), json!({ "status": "ok" }));
    assert_eq!(house.ask("GET", "/readyz").send().await.json()["status"], "ok");
    assert_eq!(house.ask("GET", "/metrics").send().await.status, 401);
    let refused = ann.get("/metrics").await;
    assert_eq!(refused.taxii_error(403), "role-missing");
    let problem = ann.ask("GET", "/metrics").without("Accept").send().await;
    assert_eq!(problem.header("content-type"), Some("application/problem+json"));
    assert_eq!(problem.json()["code"], "role-missing");
    house.collection("c1", &[(&ann, "rw")]).await;
    ann.post("c1", &[indicator(1, 0), json!({})]).await;
    let root = house.token("root", &Scope::ALL).await;
    let figures = root.get("/metrics").await;
    let text = String::from_utf8(figures.body.clone()).unwrap();
    for line in [
        "cresset_objects_received_total{outcome=\"accepted\"} 1",
        "cresset_objects_received_total{outcome=\"refused\"} 1",
        "cresset_objects 1",
        "cresset_read_only 0",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
    assert!(text.contains("route=\"/{api-root}/collections/{id}/objects/\""), "{text}");
    assert!(!text.contains("c1"), "no address in figures");
    let reading = house.token("root", &[Scope::Read]).await;
    assert_eq!(reading.get("/metrics").await.taxii_error(403), "scope-missing");
}

/// What cannot be read of when the last backup was made, as a file of another user, takes nothing else from the figures.
#[tokio::test(flavor = "multi_thread")]
async fn figures_go_on_where_the_last_backup_cannot_be_read() {
    let house = House::new().await;
    let root = house.token("root", &Scope::ALL).await;
    std::fs::create_dir(house.directory().join("cresset.backup")).unwrap();
    let figures = root.get("/metrics").await;
    let text = String::from_utf8(figures.body.clone()).unwrap();
    assert_eq!(figures.status, 200, "{text}");
    assert!(text.contains("\ncresset_read_only 0\n") && text.ends_with("# EOF\n"), "{text}");
    assert!(!text.contains("cresset_last_backup_seconds"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_outside_taxii_are_problem_documents_unless_taxii_is_asked_for() {
    let house = House::new().await;
    let nowhere = house.ask("GET", "/nowhere").send().await;
    assert_eq!((nowhere.status, nowhere.header("content-type")), (404, Some("application/problem+json")));
    assert_eq!(nowhere.json()["status"], 404);
    assert_eq!(nowhere.json()["request_id"].as_str(), nowhere.header("x-request-id"));
    house.ask("GET", "/api2/").header("Accept", TAXII).send().await.taxii_error(404);
    let method = house.ask("POST", "/healthz").send().await;
    assert_eq!((method.status, method.header("content-type")), (405, Some("application/problem+json")));
    assert!(method.header("allow").unwrap().contains("GET"));
    let long = house.ask("GET", &format!("/taxii2/?{}", "x".repeat(40_000))).send().await;
    assert_eq!(long.taxii_error(414), "target-too-long");
    let long = house.ask("GET", &format!("/{}", "x".repeat(40_000))).send().await;
    assert_eq!((long.status, long.json()["code"].as_str()), (414, Some("target-too-long")));
}

#[tokio::test(flavor = "multi_thread")]
async fn large_answers_are_compressed_for_those_who_take_it() {
    let house = House::new().await;
    let ann = house.person("ann", Role::Analyst).await;
    house.collection("c1", &[(&ann, "rw")]).await;
    let objects: Vec<Value> = (0..100).map(|number| indicator(number, 0)).collect();
    let zipped = gzip(&envelope(&objects));
    let posted = ann.posting("c1", zipped).header("Content-Encoding", "gzip").send().await;
    assert_eq!(posted.json()["success_count"], 100);
    let page = "/api1/collections/c1/objects/";
    let plain = ann.get(page).await;
    let small = ann.ask("GET", page).header("Accept-Encoding", "gzip").send().await;
    assert_eq!(small.header("content-encoding"), Some("gzip"));
    assert_eq!(small.header("vary"), Some("accept-encoding"));
    assert_eq!(small.body, plain.body);
    let refused = ann.ask("GET", page).header("Accept-Encoding", "gzip;q=0, identity").send().await;
    assert_eq!(refused.header("content-encoding"), None);
    for unasked in [&refused, &plain] {
        assert_eq!(unasked.header("vary"), Some("accept-encoding"), "a cache may keep it");
    }
    let api = house.ask("GET", "/openapi.json").send().await;
    let zipped = house.ask("GET", "/openapi.json").header("Accept-Encoding", "gzip").send().await;
    assert_eq!(zipped.header("content-encoding"), Some("gzip"));
    assert_eq!(zipped.body, api.body);
    let one = format!("{page}{}/", id("indicator", 1));
    let one = ann.ask("GET", &one).header("Accept-Encoding", "gzip").send().await;
    assert_eq!((one.status, one.header("content-encoding")), (200, None));
}

/// HEAD tells what GET would (RFC 9110, section 8.6): the same status and fields, and its length or none, never another.
#[tokio::test(flavor = "multi_thread")]
async fn head_never_tells_another_length_than_get_has() {
    let house = House::new().await;
    let ann = house.person("ann", Role::Analyst).await;
    house.collection("c1", &[(&ann, "rw")]).await;
    ann.post("c1", &[indicator(1, 0)]).await;
    let css = format!("/assets/cresset-{}.css", env!("CARGO_PKG_VERSION"));
    let object = format!("/api/v1/objects/{}", id("indicator", 1));
    for target in [
        "/openapi.json",
        "/sign-in",
        &css,
        "/healthz",
        "/readyz",
        "/",
        "/nowhere",
        "/api/v1/me",
        &object,
        "/taxii2/",
    ] {
        for coding in ["identity", "gzip"] {
            let ask = |method| ann.ask(method, target).without("Accept").header("Accept-Encoding", coding);
            let (got, told) = (ask("GET").send().await, ask("HEAD").send().await);
            assert_eq!((told.status, told.body.len()), (got.status, 0), "{target}");
            assert_eq!(told.header("content-type"), got.header("content-type"), "{target}");
            assert_eq!(told.header("vary"), got.header("vary"), "{target} {coding}");
            let length = told.header("content-length");
            assert!(
                length.is_none() || length == got.header("content-length"),
                "{target} {coding}: {length:?}"
            );
            assert!(length.is_some() || coding == "gzip", "{target}: a length that is certain is told");
        }
    }
    let export = ann.ask("HEAD", "/api/v1/export").without("Accept").send().await;
    assert_eq!((export.status, export.header("content-length")), (200, None), "made as it is sent");
    assert_eq!(ann.ask("HEAD", "/sign-out").without("Accept").send().await.status, 405);
}

/// A browser sends a host's cookies to all its ports: each node reads its own, and signing in or out at one is nothing to another.
#[tokio::test(flavor = "multi_thread")]
async fn nodes_of_one_machine_do_not_sign_each_others_people_out() {
    let houses = [House::new().await, House::with_rng(Options::default(), Arc::new(SeededRng::new(7))).await];
    let (mut jar, mut names) = (Vec::new(), Vec::new());
    for house in &houses {
        house.person("ann", Role::Analyst).await;
        let form = house.ask("POST", "/sign-in").header("Content-Type", "application/x-www-form-urlencoded");
        let answer = form.body(format!("user=ann&password={}", PASSWORD.replace(' ', "+"))).send().await;
        let cookie = answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
        names.push(cookie.split('=').next().unwrap().to_owned());
        jar.push(cookie);
    }
    assert!(
        names[0] != names[1] && names.iter().all(|name| name.starts_with("cresset_session_")),
        "{names:?}"
    );
    let jar = jar.join("; ");
    let page = async |house: &House| {
        let answer = house.ask("GET", "/").header("Cookie", &jar).header("Accept", "text/html").send().await;
        (answer.status, String::from_utf8(answer.body).unwrap())
    };
    let mut csrf = String::new();
    for house in &houses {
        let (status, text) = page(house).await;
        assert!(status == 200 && text.contains("Sign out"), "{status}");
        csrf = text.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    }
    let out = houses[1].ask("POST", "/sign-out").header("Content-Type", "application/x-www-form-urlencoded");
    let out = out.header("Cookie", &jar).body(format!("csrf={csrf}")).send().await;
    assert!(out.header("set-cookie").unwrap().starts_with(&format!("{}=;", names[1])), "{:?}", out.head());
    assert_eq!((page(&houses[0]).await.0, page(&houses[1]).await.0), (200, 303));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_request_gets_its_answer_when_the_node_stops() {
    let mut house = House::new().await;
    let ann = house.person("ann", Role::Analyst).await;
    house.collection("c1", &[(&ann, "rw")]).await;
    let mut idle = TcpStream::connect(house.address).await.unwrap();
    idle.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut some = [0; 16];
    idle.read_exact(&mut some).await.unwrap();
    let request = ann.posting("c1", envelope(&[indicator(1, 0)])).bytes();
    let (head, tail) = request.split_at(request.len() - 5);
    let mut stream = TcpStream::connect(house.address).await.unwrap();
    stream.write_all(head).await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let stopping = tokio::spawn(async move { house.stop().await });
    tokio::time::sleep(Duration::from_millis(100)).await;
    stream.write_all(tail).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    assert_eq!(parse(&answer, "POST").status, 202);
    stopping.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_heads_are_given_up() {
    let options = Options { head_timeout: Duration::from_millis(200), ..Options::default() };
    let house = House::with(options).await;
    let mut stream = TcpStream::connect(house.address).await.unwrap();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost").await.unwrap();
    let mut answer = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut answer)).await;
    assert!(read.is_ok(), "the connection is closed");
    assert!(!String::from_utf8_lossy(&answer).contains(" 200 "));
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_are_kept_alive_and_requests_may_be_pipelined() {
    let house = House::new().await;
    let ann = house.person("ann", Role::Analyst).await;
    let mut stream = TcpStream::connect(house.address).await.unwrap();
    let one = format!("GET /taxii2/ HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\r\n", ann.token);
    let last = one.replace("Host: x", "Host: x\r\nConnection: close");
    stream.write_all(format!("{one}{one}{last}").as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    assert_eq!(String::from_utf8(answer).unwrap().matches("HTTP/1.1 200 OK").count(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_that_nobody_reads_hold_up_only_their_own_user() {
    let house = House::new().await;
    let ann = house.person("ann", Role::Analyst).await;
    let bob = house.person("bob", Role::Analyst).await;
    house.collection("c1", &[(&ann, "rw"), (&bob, "r")]).await;
    let mut large = indicator(1, 0);
    large["description"] = json!("x".repeat(7 << 20));
    ann.post("c1", &[large]).await;
    let ask = ann.ask("GET", "/api1/collections/c1/objects/").bytes();
    let mut unread = Vec::new();
    for _ in 0..base::limit::PAGES_PER_USER_MAX {
        let mut stream = TcpStream::connect(house.address).await.unwrap();
        stream.write_all(&ask).await.unwrap();
        unread.push(stream);
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    let waiting = tokio::spawn({
        let ann = ann.clone();
        async move { ann.get("/api1/collections/c1/objects/").await }
    });
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!waiting.is_finished(), "one more page waits");
    assert_eq!(bob.get("/api1/collections/c1/objects/").await.status, 200);
    assert_eq!(ann.get("/api1/collections/").await.status, 200);
    drop(unread);
    assert_eq!(waiting.await.unwrap().status, 200);
}

/// HTTP/1.1 asks for exactly one `Host`; HTTP/1.0 for none.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_names_no_server_is_refused() {
    let house = House::new().await;
    let said = async |version: &str, hosts: &str| {
        let request = format!("GET /healthz HTTP/{version}\r\n{hosts}Connection: close\r\n\r\n");
        parse(&exchange(house.address, request.as_bytes()).await, "GET")
    };
    for fine in ["Host: node.example\r\n", "Host: [::1]:8400\r\n", "Host:\r\n", "host: 127.0.0.1:8400\r\n"] {
        assert_eq!(said("1.1", fine).await.status, 200, "{fine}");
    }
    assert_eq!(said("1.0", "").await.status, 200);
    for bad in
        ["", "Host: a.example\r\nHost: b.example\r\n", "Host: a b\r\n", "Host: a@b\r\n", "Host: a/b\r\n"]
    {
        let answer = said("1.1", bad).await;
        assert_eq!((answer.status, answer.json()["code"].as_str()), (400, Some("bad-host")), "{bad}");
        assert!(answer.json()["detail"].as_str().unwrap().contains("Host"), "{bad}");
    }
}
