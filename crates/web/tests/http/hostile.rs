//! Bytes that mean no good: each gets a clear 4xx or a receipt with its reason, and the node goes on as before.

use std::time::Duration;

use handling::Role;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use web::Options;

use crate::client::{TAXII, exchange, gzip, parse};
use crate::house::{House, Person, envelope, id, indicator, modified};

async fn still_well(person: &Person) {
    let status = person.post("c1", &[indicator(9_999, 0)]).await;
    assert_eq!(status["success_count"], 1);
    let all = person.pages("/api1/collections/c1/objects/?limit=2&match[version]=all").await;
    assert!(!all.concat().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn one_bad_object_does_not_hide_the_rest() {
    let house = House::new().await;
    let ann = house.person("ann", Role::Analyst).await;
    house.collection("c1", &[(&ann, "rw")]).await;
    let deep = format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000));
    let good = indicator(1, 0).to_string();
    let with = |property: &str| {
        let text = indicator(2, 0).to_string();
        format!("{},{property}}}", text.strip_suffix('}').unwrap())
    };
    let bad = [
        "null".to_owned(),
        "1".to_owned(),
        "[]".to_owned(),
        "\"x\"".to_owned(),
        "{}".to_owned(),
        deep.clone(),
        with(&format!("\"x_deep\":{deep}")),
        with("\"x_huge\":1e999"),
        with("\"x_lone\":\"\\ud800\""),
        with("\"name\":\"twice\""),
        with("\"id\":\"indicator--x\""),
        json!({ "type": "indicator", "id": "x" }).to_string(),
        indicator(3, 0).to_string().replace("indicator--", "../../"),
        indicator(3, 0).to_string().replace("2024-01-01T00:00:00.000Z", "2024-13-01T00:00:00.000Z"),
        indicator(3, 0)
            .to_string()
            .replace(&modified(0), &format!("2024-01-01T00:00:00.{}Z", "1".repeat(600))),
        json!({
            "type": "marking-definition", "spec_version": "2.1", "id": id("marking-definition", 3),
            "created": format!("2024-01-01T00:00:00.{}Z", "1".repeat(600)),
            "definition_type": "statement", "definition": {"statement": "Copyright"},
        })
        .to_string(),
    ];
    for object in &bad {
        let body = format!("{{\"objects\":[{object},{good}]}}");
        let answer = ann.posting("c1", body).send().await;
        assert_eq!(
            answer.status,
            202,
            "{} {}",
            &object[..object.len().min(80)],
            String::from_utf8_lossy(&answer.body)
        );
        let status = answer.json();
        assert_eq!(
            (&status["failure_count"], &status["success_count"]),
            (&json!(1), &json!(1)),
            "{object:.80}"
        );
        let failure = &status["failures"][0];
        assert!(failure["message"].as_str().is_some_and(|message| message.len() < 2_000), "{failure}");
    }
    assert_eq!(ann.get("/api1/collections/c1/objects/").await.objects().len(), 1);
    still_well(&ann).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_are_no_envelope_at_all() {
    let house = House::new().await;
    let ann = house.person("ann", Role::Analyst).await;
    house.collection("c1", &[(&ann, "rw")]).await;
    let deep = "[".repeat(1_000_000);
    let bodies: Vec<Vec<u8>> = vec![
        b"\0".to_vec(),
        b"\xff\xfe".to_vec(),
        b"{\"objects\":[\"\xff\"]}".to_vec(),
        b"{\"objects\":[{\"a\":\"\0\"}]}".to_vec(),
        b"{\"objects\":[{}]".to_vec(),
        b"{\"objects\":[{}]}{".to_vec(),
        deep.clone().into_bytes(),
        format!("{{\"objects\":{deep}").into_bytes(),
        b"\x1f\x8b\x08".to_vec(),
        b"1e99999".to_vec(),
    ];
    for body in bodies {
        let shown = String::from_utf8_lossy(&body[..body.len().min(40)]).into_owned();
        let answer = ann.posting("c1", body).send().await;
        assert!(matches!(answer.status, 400 | 422), "{shown} {}", answer.status);
        answer.taxii_error(answer.status);
    }
    let whole = gzip(&envelope(&[indicator(1, 0)]));
    for broken in [&whole[..whole.len() - 3], &whole[..5], b"", b"plain", &[&whole[..], b"tail"].concat()] {
        let answer = ann.posting("c1", broken).header("Content-Encoding", "gzip").send().await;
        assert_eq!(answer.taxii_error(400), "body-gzip");
    }
    still_well(&ann).await;
}

/// Who declares a body that is too large and sends it slowly has the answer before the rest, and a connection on which to go on sending.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_declared_too_large_is_refused_at_once() {
    let house = House::with(Options { body_bytes_max: 1 << 20, ..Options::default() }).await;
    let ann = house.person("ann", Role::Analyst).await;
    house.collection("c1", &[(&ann, "rw")]).await;
    let size = (1 << 20) + 1;
    let whole = ann.posting("c1", vec![b' '; size]).bytes();
    let (said, rest) = whole.split_at(whole.len() - size + 10);
    let mut stream = TcpStream::connect(house.address).await.unwrap();
    stream.write_all(said).await.unwrap();
    let mut answer = vec![0; 4_096];
    let read = tokio::time::timeout(Duration::from_secs(5), stream.read(&mut answer)).await;
    let answer = String::from_utf8_lossy(&answer[..read.expect("at once").unwrap()]).into_owned();
    assert!(answer.starts_with("HTTP/1.1 413 ") && answer.contains("body-too-large"), "{answer}");
    for piece in rest.chunks(64 << 10) {
        stream.write_all(piece).await.unwrap();
    }
    still_well(&ann).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bombs_and_floods_are_cut_at_the_limit() {
    let house = House::with(Options { body_bytes_max: 1 << 20, ..Options::default() }).await;
    let ann = house.person("ann", Role::Analyst).await;
    house.collection("c1", &[(&ann, "rw")]).await;
    let bomb = gzip(&vec![b' '; 200 << 20]);
    let answer = ann.posting("c1", bomb.clone()).header("Content-Encoding", "gzip").send().await;
    assert_eq!(answer.taxii_error(413), "body-too-large");
    let answer = ann.posting("c1", bomb).header("Content-Encoding", "gzip").chunked().send().await;
    assert_eq!(answer.taxii_error(413), "body-too-large");
    let flood = vec![b' '; 50 << 20];
    assert_eq!(ann.posting("c1", flood.clone()).send().await.taxii_error(413), "body-too-large");
    assert_eq!(ann.posting("c1", flood.clone()).chunked().send().await.taxii_error(413), "body-too-large");
    let stranger = ann.posting("c1", flood.clone()).without("Authorization").send().await;
    assert_eq!(stranger.taxii_error(401), "credential-missing");
    let nowhere = house.ask("POST", "/nowhere").body(flood.clone()).send().await;
    assert_eq!(nowhere.status, 404);
    let waiting = ann.posting("c1", flood).header("Expect", "100-continue").bytes();
    let head = waiting.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
    let mut stream = TcpStream::connect(house.address).await.unwrap();
    stream.write_all(&waiting[..head]).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    parse(&answer, "POST").taxii_error(413);
    let many = format!("{{\"objects\":[{}1]}}", "1,".repeat(base::limit::ENVELOPE_OBJECTS_MAX));
    assert_eq!(ann.posting("c1", many).send().await.taxii_error(422), "envelope-objects-max");
    still_well(&ann).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_frames_and_broken_bodies() {
    let house = House::new().await;
    let ann = house.person("ann", Role::Analyst).await;
    house.collection("c1", &[(&ann, "rw")]).await;
    for garbage in [
        &b"\0\0\0\0\r\n\r\n"[..],
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /taxii2/ HTTP/1.1\r\nHost: x\r\nbad header\r\n\r\n",
        b"POST /api1/ HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /api1/ HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n",
        b"POST /api1/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\nzz\r\n",
    ] {
        let answer = exchange(house.address, garbage).await;
        let text = String::from_utf8_lossy(&answer);
        assert!(text.starts_with("HTTP/1.1 4"), "{text} for {:?}", String::from_utf8_lossy(garbage));
    }
    let request = ann.posting("c1", envelope(&[indicator(1, 0)])).bytes();
    let mut stream = TcpStream::connect(house.address).await.unwrap();
    stream.write_all(&request[..request.len() - 5]).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    assert!(answer.is_empty() || parse(&answer, "POST").status == 400);
    assert!(
        ann.get("/api1/collections/c1/objects/").await.objects().is_empty(),
        "nothing stored of half a request"
    );
    let chunked = request_with_chunks(&ann, "zz\r\n").await;
    assert_eq!(chunked, 400);
    still_well(&ann).await;
}

async fn request_with_chunks(person: &Person, chunks: &str) -> u16 {
    let ask = person.posting("c1", Vec::new()).chunked().bytes();
    let head = ask.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
    let address = person.address();
    parse(&exchange(address, &[&ask[..head], chunks.as_bytes()].concat()).await, "POST").status
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_and_head_fields_of_every_shape() {
    let house = House::new().await;
    let ann = house.person("ann", Role::Analyst).await;
    house.collection("c1", &[(&ann, "rw")]).await;
    ann.post("c1", &[indicator(1, 0)]).await;
    for target in [
        "/api1/collections/%00/",
        "/api1/collections/%ff/",
        "/api1/collections/..%2f..%2fetc%2fpasswd/",
        "/api1/collections/c1'%20OR%201=1--/objects/",
        "/api1/collections/c1/objects/%27%3B%20DROP%20TABLE%20objects%3B--/",
        "/api1/collections/c1/objects/%F0%9F%98%80/versions/",
        "/api1/collections/c1/objects/../",
        "/api1/status/%00/",
        "/api1/../taxii2/",
        "/api1//collections/",
    ] {
        ann.get(target).await.taxii_error(404);
    }
    for query in [
        "match[id]=indicator--%00",
        "next=%F0%9F%98%80",
        "next='",
        "match[version]=%22",
        "added_after=9999-99-99T99:99:99Z",
    ] {
        ann.get(&format!("/api1/collections/c1/objects/?{query}")).await.taxii_error(400);
    }
    for query in [
        "added_after=9999-12-31T23:59:59.999999999Z",
        "added_after=0000-01-01T00:00:00Z",
        "added_after=2016-12-31T23:59:60Z",
    ] {
        assert_eq!(ann.get(&format!("/api1/collections/c1/objects/?{query}")).await.status, 200, "{query}");
    }
    let range = ann.ask("GET", "/api1/collections/c1/objects/").header("Range", "items=5-1").send().await;
    assert_eq!((range.status, range.header("accept-ranges")), (200, Some("none")));
    let host = ann.ask("GET", "/taxii2/").header("X-Forwarded-Host", "evil.example").send().await;
    assert!(!String::from_utf8(host.body).unwrap().contains("evil"));
    let from = async |host: &str| {
        let bytes = format!(
            "GET /taxii2/ HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nAuthorization: Bearer {}\r\n\r\n",
            ann.token
        );
        parse(&exchange(house.address, bytes.as_bytes()).await, "GET")
    };
    assert_eq!(
        from("a'()!").await.json()["default"],
        "/api1/",
        "what could mean something is put into no address"
    );
    let refused = from("a\"><script>").await;
    assert!(!String::from_utf8_lossy(&refused.body).contains("<script"));
    assert_eq!(refused.taxii_error(400), "bad-host");
    let accept = format!("{TAXII}, {}", "a/b;q=0.1,".repeat(2_000));
    assert_eq!(
        ann.ask("GET", "/taxii2/").without("Accept").header("Accept", &accept).send().await.status,
        200
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn many_hostile_requests_at_once_leave_the_node_well() {
    let house = House::with(Options { body_bytes_max: 1 << 20, ..Options::default() }).await;
    let ann = house.person("ann", Role::Analyst).await;
    house.collection("c1", &[(&ann, "rw")]).await;
    let bomb = gzip(&vec![b'['; 16 << 20]);
    let all: Vec<_> = (0..64)
        .map(|number| {
            let (ann, bomb) = (ann.clone(), bomb.clone());
            tokio::spawn(async move {
                let answer = match number % 3 {
                    0 => ann.posting("c1", bomb).header("Content-Encoding", "gzip").send().await,
                    1 => ann.posting("c1", "[".repeat(500_000)).send().await,
                    _ => ann.posting("c1", envelope(&[Value::Null])).send().await,
                };
                assert!(answer.status < 500, "{}", answer.status);
            })
        })
        .collect();
    for one in all {
        tokio::time::timeout(Duration::from_secs(60), one).await.unwrap().unwrap();
    }
    assert_eq!(ann.get(&format!("/api1/collections/c1/objects/{}/", id("indicator", 1))).await.status, 404);
    still_well(&ann).await;
}
