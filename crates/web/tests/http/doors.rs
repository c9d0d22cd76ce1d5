//! What stands at the doors: bodies that are objects, and totals for those who audit.

use handling::{Role, Scope};
use serde_json::{Value, json};
use web::Options;

use crate::client::Answer;
use crate::house::{House, PASSWORD, Person, indicator};

async fn send(person: &Person, method: &'static str, path: &str, body: &Value) -> Answer {
    let asked = person.ask(method, path).without("Accept").header("Content-Type", "application/json");
    asked.body(body.to_string()).send().await
}

async fn read(person: &Person, path: &str) -> Answer {
    person.ask("GET", path).without("Accept").send().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_is_an_object_and_so_is_what_stands_in_it() {
    let house = House::new().await;
    let root = house.token("root", &Scope::ALL).await;
    let user = json!({"name": "u9", "roles": ["reader"], "password": "correct horse battery"});
    let collection =
        json!({"title": "T", "alias": "t", "grants": [{"grantee": "role:reader", "access": "r"}]});
    for (path, bad) in [
        ("/api/v1/users", json!(["u9", ["reader"], "correct horse battery"])),
        ("/api/v1/lookup", json!([["1.2.3.4"], true])),
        ("/api/v1/collections", json!({"title": "T", "alias": "t", "grants": [["role:reader", "r"]]})),
        ("/api/v1/community", json!({"name": "R", "member": ["A", {}, "a", "cert", "https://a.example"]})),
        ("/api/v1/peers/sync", json!([null, 0])),
    ] {
        let answer = send(&root, "POST", path, &bad).await;
        assert_eq!((answer.status, &answer.json()["code"]), (400, &json!("body-json")), "{path}");
    }
    for (path, good) in [("/api/v1/users", user), ("/api/v1/collections", collection)] {
        let answer = send(&root, "POST", path, &good).await;
        assert_eq!(answer.status, 201, "{path} {}", String::from_utf8_lossy(&answer.body));
    }
    assert_eq!(send(&root, "POST", "/api/v1/lookup", &json!({"values": ["1.2.3.4"]})).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn totals_are_for_those_who_run_or_audit_the_node() {
    let house = House::new().await;
    let root = house.token("root", &Scope::ALL).await;
    house.person("aud", Role::Auditor).await;
    let auditor = house.token("aud", &[Scope::Read]).await;
    let blind = house.token("aud", &[Scope::Write]).await;
    for path in ["/api/v1/state", "/metrics"] {
        assert_eq!(read(&root, path).await.status, 200, "{path}");
        assert_eq!(read(&auditor, path).await.status, 200, "{path}");
        assert_eq!(read(&blind, path).await.status, 403, "{path}");
    }
    for role in [Role::Reader, Role::Analyst, Role::Approver, Role::Contact] {
        let other = house.person(role.name(), role).await;
        for path in ["/api/v1/state", "/metrics"] {
            assert_eq!(read(&other, path).await.status, 403, "{path} {role:?}");
        }
    }
    // Auditing is no right to operate.
    for path in ["/api/v1/doctor", "/api/v1/recovery"] {
        assert_eq!(read(&auditor, path).await.status, 403, "{path}");
    }
    for (path, text) in [("/api/v1/explain/body-gzip", "gzip"), ("/api/v1/explain/line-form", "line")] {
        let answer = read(&auditor, path).await.json();
        assert!(answer["text"].as_str().unwrap().contains(text), "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_from_another_site_signs_nobody_in() {
    let house =
        House::with(Options { public_url: Some("https://node.example".into()), ..Options::default() }).await;
    let ann = house.person("ann", Role::Reader).await;
    let form = format!("user=ann&password={}", PASSWORD.replace(' ', "+"));
    let status = async |fields: &[(&str, &str)]| {
        let mut asked =
            house.ask("POST", "/sign-in").header("Content-Type", "application/x-www-form-urlencoded");
        for (name, value) in fields {
            asked = asked.header(name, value);
        }
        asked.body(form.clone()).send().await.status
    };
    let own = format!("http://{}", house.address);
    for good in
        [&[][..], &[("Origin", "null")], &[("Origin", own.as_str())], &[("Origin", "https://node.example")]]
    {
        assert_eq!(status(good).await, 303, "{good:?}");
    }
    for bad in [
        &[("Origin", "https://evil.example")][..],
        &[("Origin", "junk")],
        &[("Sec-Fetch-Site", "cross-site")],
    ] {
        assert_eq!(status(bad).await, 403, "{bad:?}");
    }
    drop(ann);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collection_names_every_media_type_that_its_manifest_does() {
    let house = House::new().await;
    let ann = house.person("ann", Role::Analyst).await;
    house.collection("c1", &[(&ann, "rw")]).await;
    let mut old = indicator(2, 0);
    old.as_object_mut().unwrap().remove("spec_version");
    let status = ann.post("c1", &[indicator(1, 0), old]).await;
    assert_eq!(status["success_count"], 2, "{status}");
    let told = ann.get("/api1/collections/c1/").await.json()["media_types"].clone();
    // Without the filter the manifest tells the newest version of the specification only.
    let manifest = ann.get("/api1/collections/c1/manifest/?match[spec_version]=2.0,2.1").await.objects();
    let mut kinds: Vec<&Value> = manifest.iter().map(|row| &row["media_type"]).collect();
    kinds.sort_by_key(|kind| kind.as_str());
    kinds.dedup();
    assert_eq!(kinds, ["application/stix+json;version=2.0", "application/stix+json;version=2.1"]);
    assert!(kinds.iter().all(|kind| told.as_array().unwrap().contains(kind)), "{told}");
}

/// Under the API's addresses every error is a problem document, known address or not, whatever the caller says it accepts.
#[tokio::test(flavor = "multi_thread")]
async fn the_api_answers_problem_documents_to_everybody() {
    let house = House::new().await;
    let root = house.token("root", &Scope::ALL).await;
    for accept in ["text/html", crate::client::TAXII, "*/*"] {
        for path in ["/api/v1/no-such-thing", "/api/v1", "/api/v1/", "/api/v1/users/nobody-of-this-name/x"] {
            let answer = root.ask("GET", path).without("Accept").header("Accept", accept).send().await;
            assert_eq!(answer.status, 404, "{path} {accept}");
            assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{path} {accept}");
            assert_eq!(answer.json()["code"], "not-found", "{path} {accept}");
        }
    }
    let answer = root.get("/api/v1/objects/indicator--00000000-0000-4000-8000-000000000001").await;
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    // Elsewhere it is as it was: a page for a browser, TAXII's form for its clients.
    let page = root.ask("GET", "/api/v2/x").without("Accept").header("Accept", "text/html").send().await;
    assert!(page.header("content-type").is_some_and(|kind| kind.starts_with("text/html")));
}

/// The description tells the shape of the anchor that comes.
#[tokio::test(flavor = "multi_thread")]
async fn the_anchor_is_described_as_what_it_is() {
    let house = House::new().await;
    let root = house.token("root", &Scope::ALL).await;
    let member = json!({"name": "A", "slug": "cert-a", "kind": "cert", "endpoint": "https://a.example"});
    let founded = send(&root, "POST", "/api/v1/community", &json!({"name": "R", "member": member})).await;
    assert_eq!(founded.status, 201, "{}", String::from_utf8_lossy(&founded.body));
    let anchor = read(&root, "/api/v1/community/anchor").await.json();
    let described = read(&root, "/openapi.json").await.json();
    let told = &described["paths"]["/api/v1/community/anchor"]["get"]["responses"]["200"]["content"];
    let schema = told["application/json"]["schema"]["$ref"].as_str().unwrap().trim_start_matches('#');
    let properties = described.pointer(&format!("{schema}/properties")).unwrap().as_object().unwrap();
    let names = |object: &serde_json::Map<String, Value>| object.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(properties), names(anchor.as_object().unwrap()));
    for (name, value) in anchor.as_object().unwrap() {
        let kind = match value {
            Value::String(_) => "string",
            Value::Number(_) => "integer",
            Value::Array(_) => "array",
            _ => "object",
        };
        assert_eq!(properties[name]["type"], kind, "{name}");
    }
}

/// A grant to somebody whose roles read no content shows them nothing, on no road: not the title either.
#[tokio::test(flavor = "multi_thread")]
async fn a_grant_that_a_role_closes_names_no_collection() {
    let house = House::new().await;
    let (contact, reader) =
        (house.person("contact", Role::Contact).await, house.person("ann", Role::Reader).await);
    house.collection("c1", &[(&contact, "rw"), (&reader, "r")]).await;
    let listed = async |person: &Person| {
        let api = read(person, "/api/v1/collections").await.json()["items"].as_array().unwrap().len();
        let taxii = person.get("/api1/collections/").await.json();
        (api, taxii["collections"].as_array().map_or(0, Vec::len))
    };
    assert_eq!(listed(&contact).await, (0, 0));
    assert_eq!(read(&contact, "/api/v1/collections/c1").await.status, 404);
    let (api, taxii) = listed(&reader).await;
    assert!(api > 0 && api == taxii);
}

/// A time from now is counted by the clock by which it will end, whatever the caller's says.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_lasts_by_the_clock_of_the_node() {
    let house = House::new().await;
    let root = house.token("root", &Scope::ALL).await;
    let made = send(&root, "POST", "/api/v1/tokens", &json!({"user": "root", "expires_in": 3600})).await;
    assert_eq!((made.status, &made.json()["expires"]), (201, &json!("2024-06-01T01:00:00.000000Z")));
    let moment = "2024-06-01T02:00:00Z";
    for bad in [
        json!({"user": "root", "expires_in": 0}),
        json!({"user": "root", "expires_in": 3_153_600_001_i64}),
        json!({"user": "root", "expires_in": 60, "expires": moment}),
    ] {
        let refused = send(&root, "POST", "/api/v1/tokens", &bad).await;
        assert_eq!((refused.status, &refused.json()["code"]), (400, &json!("timestamp")), "{bad}");
    }
    let at = send(&root, "POST", "/api/v1/tokens", &json!({"user": "root", "expires": moment})).await;
    assert_eq!(at.status, 201);
}
