//! Every status the standard names, in the standard's form, and who gets which.

use handling::{Role, Scope};
use serde_json::{Value, json};
use web::Options;

use crate::client::{TAXII, gzip};
use crate::house::{House, PASSWORD, basic, envelope, id, indicator};

/// Every address of a node with one collection, one object and one status.
fn addresses(collection: &str, status: &str) -> Vec<String> {
    let object = id("indicator", 1);
    let root = "/api1";
    vec![
        "/taxii2/".into(),
        format!("{root}/"),
        format!("{root}/status/{status}/"),
        format!("{root}/collections/"),
        format!("{root}/collections/{collection}/"),
        format!("{root}/collections/{collection}/manifest/"),
        format!("{root}/collections/{collection}/objects/"),
        format!("{root}/collections/{collection}/objects/{object}/"),
        format!("{root}/collections/{collection}/objects/{object}/versions/"),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn every_endpoint_answers_with_its_resource_and_refuses_the_rest() {
    let house = House::new().await;
    let ann = house.person("ann", Role::Analyst).await;
    let collection = house.collection("c1", &[(&ann, "rw")]).await;
    let status = ann.post("c1", &[indicator(1, 0)]).await["id"].as_str().unwrap().to_owned();
    for address in addresses(&collection, &status) {
        for target in [address.clone(), address.trim_end_matches('/').to_owned()] {
            let answer = ann.get(&target).await;
            assert_eq!(answer.status, 200, "{target}");
            assert_eq!(answer.header("content-type"), Some(TAXII), "{target}");
            assert!(answer.json().is_object(), "{target}");
            let head = ann.ask("HEAD", &target).send().await;
            assert_eq!((head.status, head.body.len()), (200, 0), "{target}");
            assert_eq!(head.header("content-length"), answer.header("content-length"), "{target}");
            let dates = "x-taxii-date-added-first";
            assert_eq!(head.header(dates), answer.header(dates), "{target}");
        }
        let stranger = house.ask("GET", &address).header("Accept", TAXII).send().await;
        assert_eq!(stranger.taxii_error(401), "credential-missing");
        let challenges = stranger.headers("www-authenticate");
        assert!(challenges.iter().any(|challenge| challenge.starts_with("Basic ")));
        assert!(challenges.iter().any(|challenge| challenge.starts_with("Bearer ")));
        let options = ann.ask("OPTIONS", &address).send().await;
        assert_eq!((options.status, options.body.len()), (204, 0));
        let allow = options.header("allow").unwrap();
        for method in ["PUT", "PATCH", "POST", "DELETE", "TRACE", "BREW"] {
            if allow.contains(method) {
                continue;
            }
            let answer = ann.ask(method, &address).header("Content-Type", TAXII).send().await;
            assert_eq!(answer.taxii_error(405), "method-not-allowed", "{method} {address}");
            assert_eq!(answer.header("allow"), Some(allow));
        }
        for accept in [
            "application/json",
            "application/taxii+json;version=2.0",
            "text/html",
            "application/taxii+json;q=0",
        ] {
            let answer = ann.ask("GET", &address).without("Accept").header("Accept", accept).send().await;
            assert_eq!(answer.taxii_error(406), "not-acceptable", "{accept} {address}");
        }
        let all = "text/html;q=0.9 , application/taxii+json ; version = 2.1 ; q=0.1";
        let answer = ann.ask("GET", &address).without("Accept").header("Accept", all).send().await;
        assert_eq!(answer.status, 200, "{address}");
        assert_eq!(ann.ask("GET", &address).without("Accept").send().await.status, 200, "{address}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn resources_say_what_the_standard_asks() {
    let house = House::new().await;
    let ann = house.person("ann", Role::Analyst).await;
    let nobody = house.person("nobody", Role::Contact).await;
    assert_eq!(nobody.get("/api1/collections/").await.body, b"{}");
    let collection = house.collection("c1", &[(&ann, "rw")]).await;
    let discovery = ann.get("/taxii2/").await.json();
    assert_eq!(discovery["default"], format!("http://{}/api1/", house.address));
    assert_eq!(discovery["api_roots"], json!([discovery["default"]]));
    let root = ann.get("/api1/").await.json();
    assert_eq!(root["versions"], json!([TAXII]));
    assert_eq!(root["max_content_length"], base::limit::BODY_BYTES_MAX);
    let listed = ann.get("/api1/collections/").await.json();
    assert_eq!(listed["collections"].as_array().unwrap().len(), 2, "this one and the inbox");
    let by_id = ann.get(&format!("/api1/collections/{collection}/")).await.json();
    assert!(listed["collections"].as_array().unwrap().contains(&by_id));
    assert_eq!(ann.get("/api1/collections/c1/").await.json(), by_id);
    assert_eq!((&by_id["can_read"], &by_id["can_write"]), (&json!(true), &json!(true)));
    assert_eq!(
        by_id["media_types"],
        json!(["application/stix+json;version=2.1", "application/stix+json;version=2.0"])
    );
    for target in ["/api1/collections/c1/objects/", "/api1/collections/c1/manifest/"] {
        let empty = ann.get(target).await;
        assert_eq!((empty.status, empty.body.as_slice()), (200, &b"{}"[..]));
        assert_eq!(empty.header("x-taxii-date-added-last"), Some("1970-01-01T00:00:00.000000Z"));
    }
    let status = ann.post("c1", &[indicator(1, 0)]).await;
    assert_eq!(status["status"], "complete");
    let added = ann.get("/api1/collections/c1/manifest/").await;
    let line = &added.json()["objects"][0];
    assert_eq!(line["version"], "2024-01-01T00:00:00.000Z");
    assert_eq!(line["media_type"], "application/stix+json;version=2.1");
    assert_eq!(line["date_added"].as_str(), added.header("x-taxii-date-added-first"));
    assert_eq!(line["date_added"].as_str().unwrap().len(), "2024-06-01T00:00:00.000000Z".len());
    let versions = ann.get(&format!("/api1/collections/c1/objects/{}/versions/", id("indicator", 1))).await;
    assert_eq!(versions.json(), json!({ "versions": ["2024-01-01T00:00:00.000Z"] }));
}

#[tokio::test(flavor = "multi_thread")]
async fn rights_none_is_absent_and_half_is_forbidden() {
    let house = House::new().await;
    let ann = house.person("ann", Role::Analyst).await;
    let bob = house.person("bob", Role::Analyst).await;
    let eve = house.person("eve", Role::Analyst).await;
    let joe = house.person("joe", Role::Analyst).await;
    let collection = house.collection("c1", &[(&ann, "rw"), (&bob, "r"), (&joe, "w")]).await;
    ann.post("c1", &[indicator(1, 0)]).await;
    let object = format!("/api1/collections/{collection}/objects/{}/", id("indicator", 1));
    let objects = format!("/api1/collections/{collection}/objects/");
    for target in [
        &object,
        &objects,
        &format!("{object}versions/"),
        &format!("/api1/collections/{collection}/manifest/"),
    ] {
        assert_eq!(bob.get(target).await.status, 200);
        assert_eq!(joe.get(target).await.taxii_error(403), "collection-not-readable");
        eve.get(target).await.taxii_error(404);
    }
    let described = joe.get("/api1/collections/c1/").await.json();
    assert_eq!((&described["can_read"], &described["can_write"]), (&json!(false), &json!(true)));
    let absent = eve.get("/api1/collections/no-such/").await;
    let hidden = eve.get("/api1/collections/c1/").await;
    assert_eq!(absent.taxii_error(404), hidden.taxii_error(404));
    assert_eq!(absent.json()["description"], hidden.json()["description"]);
    let listed = eve.get("/api1/collections/").await.json();
    assert!(
        listed["collections"].as_array().unwrap().iter().all(|listed| listed["id"] != collection.as_str())
    );
    let body = envelope(&[indicator(2, 0)]);
    assert_eq!(bob.posting("c1", body.clone()).send().await.taxii_error(403), "collection-not-writable");
    eve.posting("c1", body.clone()).send().await.taxii_error(404);
    assert_eq!(joe.posting("c1", body.clone()).send().await.status, 202);
    for (person, status) in [(&bob, 403), (&joe, 403), (&eve, 404)] {
        person.ask("DELETE", &object).send().await.taxii_error(status);
    }
    let reading = house.token("ann", &[Scope::Read]).await;
    assert_eq!(reading.get("/api1/collections/c1/").await.json()["can_write"], false);
    reading.posting("c1", body).send().await.taxii_error(403);
    reading.ask("DELETE", &object).send().await.taxii_error(403);
    assert_eq!(ann.ask("DELETE", &object).send().await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn passwords_tokens_and_lock_out() {
    let house = House::new().await;
    let ann = house.person("ann", Role::Analyst).await;
    let with =
        |value: String| house.ask("GET", "/taxii2/").header("Accept", TAXII).header("Authorization", &value);
    assert_eq!(with(basic("ann", PASSWORD)).send().await.status, 200);
    assert_eq!(with(format!("bearer {}", ann.token)).send().await.status, 200);
    for wrong in
        [basic("ann", "x"), basic("nobody", PASSWORD), "Bearer x".into(), "Basic !!".into(), "Bearer".into()]
    {
        let answer = with(wrong).send().await;
        answer.taxii_error(401);
        assert!(answer.header("www-authenticate").is_some());
    }
    let mut locked = None;
    for _ in 0..20 {
        let answer = with(basic("ann", "wrong again")).send().await;
        if answer.status == 429 {
            locked = Some(answer);
            break;
        }
    }
    let locked = locked.expect("the lock-out begins at some point");
    assert_eq!(locked.taxii_error(429), "credential-locked");
    assert!(locked.header("retry-after").unwrap().parse::<u64>().unwrap() > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_of_the_wrong_kind_are_told_which_kind_is_right() {
    let house = House::new().await;
    let ann = house.person("ann", Role::Analyst).await;
    house.collection("c1", &[(&ann, "rw")]).await;
    let body = envelope(&[indicator(1, 0)]);
    let post = |kind: Option<&str>| {
        let ask = ann.posting("c1", body.clone()).without("Content-Type");
        match kind {
            Some(kind) => ask.header("Content-Type", kind),
            None => ask,
        }
    };
    for kind in [
        None,
        Some("application/json"),
        Some("application/stix+json;version=2.1"),
        Some("application/taxii+json;version=2.0"),
        Some("x"),
    ] {
        assert_eq!(post(kind).send().await.taxii_error(415), "body-type", "{kind:?}");
    }
    for kind in [
        "application/taxii+json",
        "application/taxii+json; version=2.1",
        "Application/TAXII+JSON; charset=utf-8",
    ] {
        assert_eq!(post(Some(kind)).send().await.status, 202, "{kind}");
    }
    let coded = post(Some(TAXII)).header("Content-Encoding", "br").send().await;
    assert_eq!(coded.taxii_error(415), "body-coding");
    assert!(coded.header("accept-encoding").unwrap().contains("gzip"));
    for (text, status, code) in [
        ("", 400, "envelope-json"),
        ("{", 400, "envelope-json"),
        ("[]", 422, "envelope-shape"),
        ("{}", 422, "envelope-empty"),
        (r#"{"objects":[]}"#, 422, "envelope-empty"),
        (r#"{"objects":{}}"#, 422, "envelope-shape"),
    ] {
        assert_eq!(ann.posting("c1", text).send().await.taxii_error(status), code, "{text}");
    }
    let refused =
        ann.posting("c1", body.clone()).without("Accept").header("Accept", "text/html").send().await;
    assert_eq!(refused.taxii_error(406), "not-acceptable");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_length_limit_holds_to_the_byte_however_the_body_comes() {
    let limit = 20_000;
    let house = House::with(Options { body_bytes_max: limit, ..Options::default() }).await;
    let ann = house.person("ann", Role::Analyst).await;
    house.collection("c1", &[(&ann, "rw")]).await;
    assert_eq!(ann.get("/api1/").await.json()["max_content_length"], limit);
    let padded = |size: usize| {
        let mut body = envelope(&[indicator(1, 0)]);
        body.resize(size, b' ');
        body
    };
    for (size, good) in [(limit, true), (limit + 1, false), (3 * limit, false)] {
        let body = padded(size);
        let plain = ann.posting("c1", body.clone());
        let chunked = ann.posting("c1", body.clone()).chunked();
        let zipped = ann.posting("c1", gzip(&body)).header("Content-Encoding", "gzip");
        for (ask, how) in [(plain, "plain"), (chunked, "chunked"), (zipped, "gzip")] {
            let answer = ask.send().await;
            if good {
                assert_eq!(answer.status, 202, "{how} {size}");
            } else {
                assert_eq!(answer.taxii_error(413), "body-too-large", "{how} {size}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_is_its_posters_alone_and_its_counts_add_up() {
    let house = House::new().await;
    let ann = house.person("ann", Role::Analyst).await;
    let bob = house.person("bob", Role::Analyst).await;
    house.collection("c1", &[(&ann, "rw"), (&bob, "rw")]).await;
    let mut conflicting = indicator(1, 0);
    conflicting["name"] = json!("other content, same version");
    let objects = [indicator(1, 0), indicator(1, 0), json!({ "type": "indicator" }), json!(7), conflicting];
    let status = ann.post("c1", &objects).await;
    assert_eq!((&status["total_count"], &status["success_count"]), (&json!(5), &json!(2)));
    assert_eq!((&status["failure_count"], &status["pending_count"]), (&json!(3), &json!(0)));
    assert!(status.get("pendings").is_none());
    assert_eq!(status["successes"].as_array().unwrap().len(), 2);
    for failure in status["failures"].as_array().unwrap() {
        for property in ["id", "version", "message"] {
            assert!(failure[property].as_str().is_some_and(|text| !text.is_empty()), "{failure}");
        }
    }
    for at in ["objects[2]: ", "objects[3]: "] {
        let named = |failure: &Value| failure["message"].as_str().is_some_and(|text| text.starts_with(at));
        assert!(status["failures"].as_array().unwrap().iter().any(named), "{at} in {status}");
    }
    let target = format!("/api1/status/{}/", status["id"].as_str().unwrap());
    assert_eq!(ann.get(&target).await.json(), status);
    bob.get(&target).await.taxii_error(404);
    ann.get("/api1/status/2d086da7-4bdc-4f91-900e-d77486753710/").await.taxii_error(404);
    ann.get("/api1/status/x/").await.taxii_error(404);
    let house = house.restarted().await;
    let ann = house.token("ann", &Scope::ALL).await;
    assert_eq!(ann.get(&target).await.json(), status);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_given_a_password_is_told_and_changes_it() {
    let house = House::new().await;
    let root = house.person("sue", Role::Admin).await;
    let bob = json!({"name": "bob", "roles": ["approver"], "password": "given by sue"});
    let added =
        root.ask("POST", "/api/v1/users").without("Accept").header("Content-Type", "application/json");
    assert_eq!(added.body(bob.to_string()).send().await.status, 201);
    let form = |target: &str, cookie: &str, fields: String| {
        let ask = house.ask("POST", target).header("Content-Type", "application/x-www-form-urlencoded");
        ask.header("Cookie", cookie).body(fields).send()
    };
    let signed_in = async |password: &str| {
        let answer = form("/sign-in", "", format!("user=bob&password={password}")).await;
        assert_eq!(answer.status, 303);
        answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned()
    };
    let page = async |cookie: &str| {
        let answer = house.ask("GET", "/password").header("Cookie", cookie).send().await;
        (answer.status, String::from_utf8(answer.body).unwrap())
    };
    let cookie = signed_in("given+by+sue").await;
    let (status, shown) = page(&cookie).await;
    assert!(status == 200 && shown.contains("<bdi>sue</bdi> has had this password"), "{shown}");
    let csrf = shown.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let change = |present: &str, csrf: &str, new: &str| {
        form("/password", &cookie, format!("csrf={csrf}&present={present}&new={new}"))
    };
    assert_eq!(change("given+by+sue", "x", "made+by+bob").await.status, 403);
    assert_eq!(change("a+guess", &csrf, "made+by+bob").await.status, 401);
    assert_eq!(change("given+by+sue", &csrf, "short").await.status, 422);
    assert_eq!(change("given+by+sue", &csrf, "made+by+bob").await.status, 303);
    assert_eq!(page(&cookie).await.0, 303, "every session has ended");
    let (_, shown) = page(&signed_in("made+by+bob").await).await;
    assert!(!shown.contains("has had this password") && shown.contains("by <bdi>bob</bdi>"), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_a_say_is_shown_on_every_page_that_the_glass_was_broken() {
    let house = House::new().await;
    let root = house.person("sue", Role::Admin).await;
    house.person("bob", Role::Approver).await;
    house.person("ann", Role::Analyst).await;
    let send = |method, target: String, body: serde_json::Value| {
        let ask = root.ask(method, &target).without("Accept").header("Content-Type", "application/json");
        ask.body(body.to_string()).send()
    };
    let pending = send("PATCH", "/api/v1/users/bob".into(), json!({"disabled": true})).await;
    assert_eq!(pending.status, 409);
    let id = pending.json()["approval"].as_str().unwrap().to_owned();
    let broken = format!("/api/v1/approvals/{id}/break-glass");
    assert_eq!(send("POST", broken, json!({"reason": "bob is asleep"})).await.status, 200);
    let told = house.page("bob", "/look-up").await;
    assert!(told.contains("Last <bdi>sue</bdi>, drop-approver: <bdi>bob is asleep</bdi>"), "{told}");
    assert!(!house.page("ann", "/look-up").await.contains("bob is asleep"));
    let figures = root.get("/metrics").await;
    assert!(String::from_utf8(figures.body).unwrap().contains("\ncresset_glass_broken 1\n"));
}

/// Who is signed in keeps the way on where something goes wrong, and is led to what helps; a stranger is told the same and no more.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_says_what_went_wrong_leaves_the_way_on() {
    let house = House::new().await;
    let root = house.person("sue", Role::Admin).await;
    house.person("bob", Role::Approver).await;
    house.person("ann", Role::Analyst).await;
    let send = |method, target: &str, body: serde_json::Value| {
        let ask = root.ask(method, target).without("Accept").header("Content-Type", "application/json");
        ask.body(body.to_string()).send()
    };
    let (way, out) = ("<nav aria-label=\"Main\">", "There is nothing at this address.");
    for (target, says) in [
        ("/no-such-page", out),
        ("/objects/malware--1", "Not Found"),
        ("/collections/none", "no such collection"),
    ] {
        let told = house.page("ann", target).await;
        assert!(
            told.contains(way) && told.contains("<bdi>ann</bdi>") && told.contains(says),
            "{target}: {told}"
        );
    }
    let stranger = house.ask("GET", "/no-such-page").header("Accept", "text/html").send().await;
    let told = String::from_utf8(stranger.body).unwrap();
    assert!(stranger.status == 404 && told.contains(out) && !told.contains("<nav"), "{told}");

    // Sue asks, and has set the password that eve answers with.
    let eve = json!({"name": "eve", "roles": ["approver"], "password": "given by sue"});
    assert_eq!(send("POST", "/api/v1/users", eve).await.status, 201);
    let pending = send("PATCH", "/api/v1/users/bob", json!({"disabled": true})).await;
    let id = pending.json()["approval"].as_str().unwrap().to_owned();
    let form = |target: &'static str, cookie: &str, body: String| {
        let ask = house.ask("POST", target).header("Content-Type", "application/x-www-form-urlencoded");
        ask.header("Cookie", cookie).body(body).send()
    };
    let signed_in = form("/sign-in", "", "user=eve&password=given+by+sue".to_owned()).await;
    let cookie = signed_in.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let page = house.ask("GET", "/approvals").header("Cookie", &cookie).send().await;
    let page = String::from_utf8(page.body).unwrap();
    let csrf = page.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let refused = form("/approvals", &cookie, format!("csrf={csrf}&id={id}&answer=grant")).await;
    let told = String::from_utf8(refused.body).unwrap();
    assert!(refused.status == 403 && told.contains("change the password yourself"), "{told}");
    assert!(told.contains("<a href=\"/password\">Change your password</a>") && told.contains(way), "{told}");
}

/// What nothing is to be seen of is no heading and no link.
#[tokio::test(flavor = "multi_thread")]
async fn an_object_whose_name_is_blank_is_told_by_its_id() {
    let house = House::new().await;
    let ann = house.person("ann", Role::Analyst).await;
    house.collection("c1", &[(&ann, "rw")]).await;
    for (number, name) in ["", "  ", "\u{200b}\u{3164}"].into_iter().enumerate() {
        let mut blank = crate::house::indicator(number, 1);
        blank["name"] = json!(name);
        blank["pattern_type"] = json!("yara");
        blank["pattern"] = json!("rule x { condition: true }");
        ann.post("c1", &[blank]).await;
        let id = crate::house::id("indicator", number);
        let page = house.page("ann", &format!("/objects/{id}")).await;
        let heading = page.split("<h1 dir=\"auto\">").nth(1).unwrap().split("</h1>").next().unwrap();
        assert!(heading == id || heading.starts_with("rule x"), "{heading:?}");
        let list = house.page("ann", "/").await;
        assert!(
            !list.contains("dir=\"auto\"></a>") && !list.contains(&format!("dir=\"auto\">{name}</a>")),
            "{name:?}"
        );
    }
}
