//! Two members that cannot reach each other, and a secretariat that both reach: what they say goes through it, and it reads nothing.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::scene::{Scene, bundle, indicator};
use crate::town::{Town, agree, has, id, peer, until, until_within};

/// Stands in everything that A gives B.
const MARKER: &str = "zwiebelfisch";
/// Where nobody answers.
pub(crate) const NOWHERE: &str = "https://127.0.0.1:9";

pub(crate) fn town(after: u32, config: &str) -> Town {
    let scene = Scene::new();
    let config = format!("relay_after_seconds = {after}\nrelay_again_seconds = 3\n{config}");
    std::fs::write(scene.data().join("cresset.toml"), config).unwrap();
    let node = scene.serve();
    Town { scene, node }
}

/// A and B, whose endpoints lead nowhere, and a secretariat S that both reach.
pub(crate) fn region(config: &str) -> [Town; 3] {
    region_after(1, config)
}

/// The same, where parcels go to the relay after so many seconds without a meeting.
pub(crate) fn region_after(after: u32, config: &str) -> [Town; 3] {
    let [a, s, b] = [town(after, ""), town(after, config), town(after, "")];
    let anchor = a.create_at("cert-a", &a.mutual(), &[]);
    s.join_as(&anchor, "office", "secretariat", &s.mutual());
    a.approve("office");
    agree(&[&a, &s], 2);
    b.join_as(&anchor, "cert-b", "cert", &b.mutual());
    a.approve("cert-b");
    s.approve_if_asked("cert-b");
    agree(&[&a, &s, &b], 3);
    for one in [&a, &b] {
        one.ok(&["community", "endpoint", NOWHERE]);
    }
    until("everybody knows that nobody reaches A and B", || {
        [&a, &s, &b].iter().all(|town| town.show().to_string().matches(NOWHERE).count() >= 2)
    });
    [a, s, b]
}

/// A second secretariat in a region.
pub(crate) fn another_office(region: &[&Town; 3], slug: &str) -> Town {
    let office = town(1, "");
    let anchor = region[0].scene.path("anchor.json").to_str().unwrap().to_owned();
    office.join_as(&anchor, slug, "secretariat", &office.mutual());
    for member in region {
        member.approve_if_asked(slug);
    }
    agree(&[region[0], region[1], region[2], &office], 4);
    until("the new one knows that nobody reaches A and B", || {
        office.show().to_string().matches(NOWHERE).count() >= 2
    });
    office
}

fn gives(town: &Town, number: usize, to: &str) {
    let mut object = indicator(
        id(number).trim_start_matches("indicator--"),
        "[domain-name:value = 'zwiebelfisch.example']",
    );
    object["name"] = json!(format!("{MARKER} {number}"));
    let file = town.scene.file(&format!("{number}.json"), bundle(&[object]));
    town.node.there(&["import", &file, "--tlp", "amber", "--to", to]).exits(0);
}

pub(crate) fn settled(town: &Town, slug: &str) -> bool {
    peer(town, slug)["lag_out"] == 0
}

pub(crate) fn sql(town: &Town) -> Connection {
    let connection = Connection::open(town.scene.data().join("cresset.db")).unwrap();
    connection.busy_timeout(std::time::Duration::from_secs(20)).unwrap();
    connection
}

/// Parcels that a relay keeps.
pub(crate) fn kept(relay: &Town) -> u64 {
    sql(relay).query_row("SELECT COUNT(*) FROM relay", [], |row| row.get::<_, i64>(0)).unwrap().unsigned_abs()
}

/// Whether these words stand anywhere in a directory.
fn stands_in(directory: &Path, words: &[u8]) -> bool {
    std::fs::read_dir(directory).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            return stands_in(&path, words);
        }
        let bytes = std::fs::read(&path).unwrap_or_default();
        bytes.windows(words.len()).any(|part| part == words)
    })
}

#[test]
fn what_goes_through_a_relay_arrives_with_its_receipts_and_the_relay_reads_nothing() {
    let [a, s, b] = region("");
    gives(&a, 1, "cert-b");
    until("B has it", || has(&b, 1));
    until("the receipt is there", || a.ok(&["holders", &id(1)])[0]["receipt"] == "valid");
    until("B knows that it came", || settled(&b, "cert-a") && settled(&a, "cert-b"));
    let shown = peer(&a, "cert-b");
    assert_eq!(
        (&shown["relay"]["used"], &shown["relay"]["through"]),
        (&json!(true), &json!("office")),
        "{shown}"
    );
    assert!(shown["relay"]["put"].is_string() && shown["relay"]["taken"].is_string(), "{shown}");
    until("its words stand at both ends", || {
        [&a, &b].iter().all(|town| stands_in(&town.scene.data(), MARKER.as_bytes()))
    });
    // A recall goes the same way, and so does the word that it was done.
    let recalled = a.ok(&["recall", &id(1), "--reason", "a mistake", "--wait", "40"]);
    assert_eq!(recalled["receipts"][0]["status"], "done", "{recalled}");
    assert!(!has(&b, 1));
    until("everything is acknowledged", || settled(&b, "cert-a") && settled(&a, "cert-b"));
    assert_eq!(a.ok(&["node", "state"])["state_hash"], b.ok(&["node", "state"])["state_hash"]);
    for town in [&a, &b] {
        assert_eq!(
            peer(town, if std::ptr::eq(town, &a) { "cert-b" } else { "cert-a" })["refusals"],
            json!([])
        );
    }
    // What was taken is kept no longer, and nothing of it ever stood there in the clear.
    until("S keeps nothing any more", || kept(&s) == 0);
    assert!(!has(&s, 1));
    assert_eq!(s.ok(&["node", "state"])["objects"], 0);
    assert!(!stands_in(&s.scene.data(), MARKER.as_bytes()));
}

/// Everything a relay keeps: route, digest, depositor, bytes.
pub(crate) type Row = (Vec<u8>, Vec<u8>, Vec<u8>, Vec<u8>);

pub(crate) fn rows(relay: &Town) -> Vec<Row> {
    let sql = sql(relay);
    let mut select = sql.prepare("SELECT route, digest, depositor, bytes FROM relay").unwrap();
    let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?));
    select.query_map([], row).unwrap().map(Result::unwrap).collect()
}

/// A gives B something while B is away; ends when the relay has it.
pub(crate) fn gives_while_away(a: &Town, s: &Town, b: &mut Town, number: usize) -> String {
    let address = b.address();
    b.node.dies();
    let before = rows(s);
    gives(a, number, "cert-b");
    until("the relay has it", || {
        let now = rows(s);
        !now.is_empty() && now != before && peer(a, "cert-b")["relay"]["through"] == "office"
    });
    address
}

pub(crate) fn comes_back(town: &mut Town, address: &str) {
    town.node = town.scene.serve_at(address);
}

#[test]
fn a_relay_that_dies_repeats_loses_and_changes_alters_nothing() {
    let [a, mut s, mut b] = region("");
    let address = gives_while_away(&a, &s, &mut b, 1);
    // It dies between put and take.
    let put = rows(&s);
    s.dies_and_comes_back();
    assert_eq!(rows(&s), put, "what it said it keeps, it keeps");
    comes_back(&mut b, &address);
    until("B has it", || has(&b, 1));
    until("everything is acknowledged", || settled(&a, "cert-b") && settled(&b, "cert-a"));
    until("S keeps nothing any more", || kept(&s) == 0);
    // It hands out again what was taken long ago.
    let before = b.ok(&["node", "state"]);
    for (route, digest, depositor, bytes) in &put {
        let row = (route, digest, depositor, bytes.len() as i64, i64::MAX, bytes);
        let insert = "INSERT OR REPLACE INTO relay (route, digest, depositor, counted, at, bytes) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        sql(&s).execute(insert, row).unwrap();
    }
    until("B has looked at it and let it go", || kept(&s) == 0);
    assert_eq!(b.ok(&["node", "state"]), before);
    // It loses what it took.
    let address = gives_while_away(&a, &s, &mut b, 2);
    assert!(sql(&s).execute("DELETE FROM relay", []).unwrap() > 0);
    comes_back(&mut b, &address);
    until("A has put it again", || has(&b, 2));
    // It changes what it took, and hands out noise.
    let address = gives_while_away(&a, &s, &mut b, 3);
    let changed =
        "UPDATE relay SET bytes = CAST(SUBSTR(bytes, 1, 60) || x'00FF' || SUBSTR(bytes, 63) AS BLOB)";
    assert!(sql(&s).execute(changed, []).unwrap() > 0);
    comes_back(&mut b, &address);
    until("A has put it again", || has(&b, 3));
    until("everything is acknowledged", || settled(&a, "cert-b") && settled(&b, "cert-a"));
    assert_eq!(a.ok(&["node", "state"])["state_hash"], b.ok(&["node", "state"])["state_hash"]);
    for (town, other) in [(&a, "cert-b"), (&b, "cert-a")] {
        let shown = peer(town, other);
        assert_eq!((&shown["gaps"], &shown["refusals"]), (&json!(0), &json!([])), "{shown}");
    }
}

#[test]
fn what_was_called_back_before_it_was_fetched_never_arrives() {
    let [a, s, mut b] = region("");
    let address = gives_while_away(&a, &s, &mut b, 1);
    let before = rows(&s);
    a.ok(&["recall", &id(1), "--reason", "a mistake"]);
    until("another parcel has taken its place", || rows(&s).iter().all(|row| !before.contains(row)));
    comes_back(&mut b, &address);
    until("B has read all of it", || settled(&a, "cert-b") && settled(&b, "cert-a"));
    assert!(!has(&b, 1));
    assert!(!stands_in(&b.scene.data(), MARKER.as_bytes()));
    assert_eq!(a.ok(&["node", "state"])["state_hash"], b.ok(&["node", "state"])["state_hash"]);
}

#[test]
fn what_waits_at_a_relay_is_withdrawn_when_the_two_meet_after_all() {
    // Members that are met are met every ten seconds.
    let [a, s, mut b] = region_after(15, "");
    let address = gives_while_away(&a, &s, &mut b, 1);
    // B asks no relay any more, and can be reached again.
    std::fs::write(b.scene.data().join("cresset.toml"), "relay_through = []").unwrap();
    comes_back(&mut b, &address);
    assert_eq!((kept(&s), has(&b, 1)), (1, false));
    b.ok(&["community", "endpoint", &b.mutual()]);
    until("they meet", || has(&b, 1));
    until("A has withdrawn it", || kept(&s) == 0);
    until("everything is acknowledged", || settled(&a, "cert-b") && settled(&b, "cert-a"));
    assert_eq!(peer(&a, "cert-b")["relay"]["used"], false);
}

#[test]
fn a_circle_of_two_that_never_meet_is_known_to_both() {
    let [a, _s, b] = region("");
    a.ok(&["circle", "create", "pair", "--members", "cert-b"]);
    gives(&a, 1, "pair");
    until("B has what is for the circle", || has(&b, 1));
    until("the receipt is there", || a.ok(&["holders", &id(1)])[0]["receipt"] == "valid");
}

/// Asks over a bare socket; status and code.
fn ask(address: &str, path: &str, body: &[u8]) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(&[head.as_bytes(), body].concat()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    let body: Value = serde_json::from_str(answer.split("\r\n\r\n").nth(1).unwrap()).unwrap();
    (status, body["code"].as_str().unwrap_or_default().to_owned())
}

#[test]
fn nobody_fills_a_relay_for_others() {
    let [a, s, b] = region("relay_member_megabytes = 1");
    // A stranger is told nothing and leaves nothing.
    let parcel = [&[1][..], &[7; 500]].concat();
    for path in ["/federation/v1/relay", "/federation/v1/relay/take", "/federation/v1/relay/drop"] {
        assert_eq!(ask(&s.address(), path, &parcel), (403, "certificate-missing".to_owned()), "{path}");
    }
    assert_eq!(kept(&s), 0);
    // More than a member's share is refused with a code, which the operator of the member sees.
    let mut large = indicator(id(1).trim_start_matches("indicator--"), "[domain-name:value = 'x.example']");
    large["description"] = json!("x".repeat(1_500_000));
    let file = a.scene.file("large.json", bundle(&[large]));
    a.node.there(&["import", &file, "--tlp", "amber", "--to", "cert-b"]).exits(0);
    until("it is refused", || peer(&a, "cert-b")["relay"]["refused"] == "relay-share-full");
    let doctor = a.node.there(&["doctor"]).json();
    let checks = doctor["checks"].as_array().unwrap();
    let line = checks.iter().find(|check| check["name"] == "relay").unwrap();
    assert!(line["ok"] == false && line["detail"].as_str().unwrap().contains("relay-share-full"), "{line}");
    assert!(a.node.there(&["explain", "relay-share-full"]).exits(0).stdout.contains("share"));
    assert!(!has(&b, 1));
    // Once it is called back, what waits is small again and goes.
    a.ok(&["recall", &id(1), "--reason", "too large"]);
    until("it goes", || settled(&a, "cert-b"));
    assert_eq!(peer(&a, "cert-b")["relay"]["refused"], Value::Null);
}

#[test]
fn who_is_no_relay_keeps_nothing() {
    let [a, s, b] = region("relay = 'never'");
    gives(&a, 1, "cert-b");
    until("A is told", || peer(&a, "cert-b")["relay"]["refused"] == "relay-off");
    assert_eq!((kept(&s), has(&b, 1)), (0, false));
}

/// An address before a node's own: whoever calls there gets as far as to know whose node it is, and hears nothing any more.
fn mute_before(town: &Town) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, node) = (format!("https://{}", listener.local_addr().unwrap()), town.address());
    std::thread::spawn(move || {
        for caller in listener.incoming().map_while(Result::ok) {
            let node = node.clone();
            std::thread::spawn(move || hangs(caller, &node));
        }
    });
    address
}

/// Passes on the first word of either, which is half of a handshake, and what the caller needs to go on from there; then it is silent
/// until the caller goes.
fn hangs(mut caller: TcpStream, node: &str) -> std::io::Result<()> {
    let mut node = TcpStream::connect(node)?;
    let mut said = vec![0; 64 * 1024];
    let length = caller.read(&mut said)?;
    node.write_all(&said[..length])?;
    let (mut from, mut to) = (node.try_clone()?, caller.try_clone()?);
    let answers = std::thread::spawn(move || std::io::copy(&mut from, &mut to));
    let mut length = caller.read(&mut said)?;
    node.shutdown(std::net::Shutdown::Both)?;
    drop(answers.join());
    while length > 0 {
        length = caller.read(&mut said)?;
    }
    Ok(())
}

/// Longest time, in seconds, that something takes between two who ask a relay every five, however busy the machine is: less than a
/// question to one that hangs.
const UNHURRIED: u64 = 40;

#[test]
fn a_relay_that_hangs_keeps_nobody_waiting() {
    let [a, s, b] = region("");
    // A second one, which everybody asks first, and which takes questions and says nothing.
    let t = another_office(&[&a, &s, &b], "first-office");
    let mute = mute_before(&t);
    t.ok(&["community", "endpoint", &mute]);
    until("everybody knows", || [&a, &s, &b].iter().all(|town| town.show().to_string().contains(&mute)));
    for number in 1..4 {
        gives(&a, number, "cert-b");
        until_within(UNHURRIED, "B has it", || has(&b, number));
        let acknowledged = || settled(&a, "cert-b") && settled(&b, "cert-a");
        until_within(UNHURRIED, "everything is acknowledged", acknowledged);
        assert_eq!(peer(&a, "cert-b")["relay"]["through"], "office");
    }
    // What it may have it is to drop, as soon as it says something; it is offered nothing more before. Where it had been asked first, it
    // was offered nothing at all.
    let left = sql(&a)
        .query_row("SELECT COUNT(*) FROM deposit WHERE void = 1", [], |row| row.get::<_, i64>(0))
        .unwrap();
    assert!(left <= 1, "{left} parcels may lie there");
    until("what the other one had is gone", || kept(&s) == 0);
}
