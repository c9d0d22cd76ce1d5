//! Questions whose answer would cost too much, and requests that would take more than their share: each is refused with its
//! reason, before anything is done.

use handling::{Role, Scope};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::client::parse;
use crate::house::{House, Person, indicator};

fn importing(person: &Person, query: &str, body: impl Into<Vec<u8>>) -> crate::client::Ask {
    let target = Box::leak(format!("/api/v1/collections/c1/import{query}").into_boxed_str());
    person.ask("POST", target).without("Accept").body(body)
}

#[tokio::test(flavor = "multi_thread")]
async fn as_many_moments_as_an_address_holds() {
    let house = House::new().await;
    let ann = house.person("ann", Role::Analyst).await;
    house.collection("c1", &[(&ann, "rw")]).await;
    ann.post("c1", &[indicator(1, 0)]).await;
    let moments: Vec<String> = (1000..2_500).map(|year| format!("{year}-01-01T00:00:00Z")).collect();
    assert!(moments.contains(&"2024-01-01T00:00:00Z".to_owned()));
    let target = format!("/api1/collections/c1/objects/?match[version]={}", moments.join(","));
    assert!(target.len() < base::limit::TARGET_BYTES_MAX);
    assert_eq!(ann.get(&target).await.objects().len(), 1);
    let params: String = moments[500..1_400].iter().map(|moment| format!("&version={moment}")).collect();
    let answer = ann.get(&format!("/api/v1/collections/c1/objects?limit=9{params}")).await;
    assert_eq!(answer.objects().len(), 1);
    let last = ann.get("/api/v1/collections/c1/objects?version=2024-01-01T00:00:00Z&version=first").await;
    assert_eq!(last.objects().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_sent_does_not_come_back_whole() {
    let house = House::new().await;
    let ann = house.person("ann", Role::Analyst).await;
    house.collection("c1", &[(&ann, "rw")]).await;
    let long = "A".repeat(1 << 20);
    let answers = [
        ann.posting("c1", json!({ "objects": long }).to_string()),
        ann.posting("c1", json!({ "more": long, "objects": [{}] }).to_string()),
        ann.ask("POST", "/api/v1/lookup").body(json!({ (long.clone()): 1 }).to_string()),
        ann.ask("POST", "/api/v1/tokens")
            .header("Content-Type", "application/json")
            .body(json!({ (long.clone()): 1 }).to_string()),
        importing(&ann, &format!("?to=user:{}", &long[..20_000]), "192.0.2.1"),
    ];
    for ask in answers {
        let answer = ask.send().await;
        assert!((400..500).contains(&answer.status), "{}", answer.status);
        assert!(answer.body.len() < 4_096, "{} bytes", answer.body.len());
        assert!(answer.json().get("description").or(answer.json().get("detail")).is_some());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_of_too_many_objects_or_values_is_refused_before_the_first() {
    let house = House::new().await;
    let ann = house.person("ann", Role::Analyst).await;
    house.collection("c1", &[(&ann, "rw")]).await;
    let over = base::limit::IMPORT_OBJECTS_MAX + 1;
    let address = |number: usize| format!("10.{}.{}.{}", number >> 16, number >> 8 & 255, number & 255);
    let list: String = (0..over).map(|number| address(number) + "\n").collect();
    let good = indicator(1, 0).to_string();
    let files = [
        ("?format=stix", format!("[{good}{}]", ",{}".repeat(over))),
        ("?format=stix", format!("{{\"objects\":[{good}{}]}}", ",0".repeat(over))),
        ("", format!("{good}{}", "{}".repeat(over))),
        ("?format=text", list.clone()),
        ("?format=csv", format!("ip\n{list}")),
    ];
    for (query, body) in files {
        let answer = importing(&ann, query, body).send().await;
        let problem: Value = answer.json();
        assert_eq!((answer.status, &problem["code"]), (413, &json!("import-objects-max")), "{query}");
    }
    assert!(ann.get("/api1/collections/c1/objects/").await.objects().is_empty(), "nothing stored in part");
    let answer = importing(&ann, "", good).send().await;
    assert_eq!((answer.status, &answer.json()["summary"]["accepted"]), (200, &json!(1)));
}

/// Whoever may not import is told so before the body is read: no place for large bodies is theirs to hold.
#[tokio::test(flavor = "multi_thread")]
async fn rights_are_asked_before_a_large_body_is_read() {
    let house = House::new().await;
    let (ann, bob) = (house.person("ann", Role::Analyst).await, house.person("bob", Role::Reader).await);
    house.collection("c1", &[(&ann, "rw"), (&bob, "r")]).await;
    let narrow = house.token("ann", &[Scope::Read]).await;
    let stranger = house.person("eve", Role::Analyst).await;
    for (person, status) in [(&bob, 403), (&narrow, 403), (&stranger, 404)] {
        let head = format!(
            "POST /api/v1/collections/c1/import HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\
             Content-Length: 50000000\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n",
            person.token
        );
        let mut stream = TcpStream::connect(house.address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        assert_eq!(parse(&answer, "POST").status, status);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_has_a_bound_for_strangers_too() {
    let house = House::new().await;
    let form = |bytes: usize| {
        house
            .ask("POST", "/sign-in")
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body(format!("user=x&password={}", "y".repeat(bytes)))
    };
    assert_eq!(form(base::limit::BODY_SMALL_MAX).send().await.status, 413);
    assert_eq!(form(base::limit::BODY_SMALL_MAX).chunked().send().await.status, 413);
    assert_eq!(form(2_000).send().await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_is_changed_in_whole_or_not_at_all() {
    let house = House::new().await;
    let root = house.token("root", &Scope::ALL).await;
    let change = |body: Value| {
        root.ask("PATCH", "/api/v1/users/root")
            .without("Accept")
            .header("Content-Type", "application/json")
            .body(body.to_string())
    };
    let roles = async || root.get("/api/v1/users").await.json()["items"][0]["roles"].clone();
    let before = roles().await;
    let refused = change(json!({ "roles": ["admin", "auditor"], "disabled": true })).send().await;
    assert_eq!((refused.status, &refused.json()["code"]), (409, &json!("last-admin")));
    assert_eq!(roles().await, before);
    assert_eq!(change(json!({ "roles": ["admin", "auditor"] })).send().await.status, 200);
    assert_eq!(roles().await, json!(["admin", "auditor"]));
}

/// Many connections from one place, silent, in the middle of a head or of a body: who comes from another place is answered each time.
#[tokio::test(flavor = "multi_thread")]
async fn a_flood_from_one_place_leaves_the_others_their_answers() {
    let options = web::Options { connections_max: 64, ..web::Options::default() };
    let house = House::with(options).await;
    let ann = house.person("ann", Role::Reader).await;
    let slow = [
        "",
        "GET / HTTP/1.1\r\nHost: x\r\nX-A: ",
        "POST /federation/v1/exchange HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\nx",
    ];
    let mut held = Vec::new();
    for head in slow.iter().cycle().take(300) {
        let mut stream = TcpStream::connect(house.address).await.unwrap();
        let _ = stream.write_all(head.as_bytes()).await;
        held.push(stream);
    }
    for _ in 0..50 {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
        let mut stream = socket.connect(house.address).await.unwrap();
        let head = format!(
            "GET /api/v1/search?q=word HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nConnection: close\r\n\r\n",
            ann.token
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        assert_eq!(parse(&answer, "GET").status, 200);
    }
    drop(held);
}
