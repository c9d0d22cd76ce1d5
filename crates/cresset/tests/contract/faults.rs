//! Nodes of members that die, cannot be reached, and are lied to: everything arrives once, and what is refused changes nothing.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::scene::{bundle, indicator};
use crate::town::{Town, agree, community, has, id, peer, until};

/// Objects of one import.
const MANY: usize = 30;

/// A file of indicators of addresses, one each.
fn file(town: &Town, numbers: std::ops::Range<usize>) -> String {
    let all = numbers.clone().map(|number| {
        let pattern = format!("[ipv4-addr:value = '198.18.{}.{}']", number / 250, number % 250 + 1);
        indicator(id(number).trim_start_matches("indicator--"), &pattern)
    });
    town.scene.file(&format!("{}.json", numbers.start), bundle(&all.collect::<Vec<_>>()))
}

fn gives(town: &Town, numbers: std::ops::Range<usize>, to: &str) {
    let file = file(town, numbers.clone());
    let lines = town.node.there(&["import", &file, "--tlp", "amber", "--to", to]).exits(0).lines();
    assert_eq!(lines.last().unwrap()["summary"]["accepted"], numbers.len());
}

fn objects(town: &Town) -> u64 {
    town.ok(&["node", "state"])["objects"].as_u64().unwrap()
}

fn settled(towns: &[(&Town, &str)]) -> bool {
    towns.iter().all(|(town, other)| peer(town, other)["lag_out"] == 0)
}

#[test]
fn nodes_that_die_in_the_middle_lose_nothing_and_double_nothing() {
    let [mut a, mut b] = community([("cert-a", "cert"), ("cert-b", "cert")]);
    // A dies right after it was told something for B; B dies while it is given it.
    for (round, wait_ms) in [0, 20, 60, 150].into_iter().enumerate() {
        gives(&a, round * MANY..(round + 1) * MANY, "cert-b");
        std::thread::sleep(Duration::from_millis(wait_ms));
        if round % 2 == 0 { a.dies_and_comes_back() } else { b.dies_and_comes_back() }
    }
    let all = 4 * MANY as u64;
    until("everything is at B", || objects(&b) == all);
    until("everything is acknowledged", || settled(&[(&a, "cert-b"), (&b, "cert-a")]));
    for number in [0, MANY, 2 * MANY, 4 * MANY - 1] {
        until("its receipt is there", || a.ok(&["holders", &id(number)])[0]["receipt"] == "valid");
    }
    assert_eq!(a.ok(&["node", "state"])["state_hash"], b.ok(&["node", "state"])["state_hash"]);
    // The same with what is called back, and with the receipts of it.
    for (number, at_a, wait_ms) in [(1, true, 0), (2, false, 0), (3, true, 40), (4, false, 40)] {
        let leaf = a.ok(&["recall", &id(number), "--reason", "a mistake"])["leaf"].clone();
        std::thread::sleep(Duration::from_millis(wait_ms));
        if at_a {
            a.dies_and_comes_back()
        } else {
            b.dies_and_comes_back()
        }
        assert!(!has(&a, number), "what was acknowledged stays done: leaf {leaf}");
        until("it is gone at B", || !has(&b, number));
    }
    until("the receipts have come", || settled(&[(&a, "cert-b"), (&b, "cert-a")]));
    assert_eq!((objects(&a), objects(&b)), (all - 4, all - 4));
    assert_eq!(a.ok(&["node", "state"])["state_hash"], b.ok(&["node", "state"])["state_hash"]);
    for (town, other) in [(&a, "cert-b"), (&b, "cert-a")] {
        let peer = peer(town, other);
        assert_eq!((&peer["gaps"], &peer["refusals"]), (&json!(0), &json!([])), "{peer}");
    }
    for town in [a, b] {
        let Town { scene, node } = town;
        assert_eq!(node.terminate(), 0);
        assert_eq!(scene.here(&["doctor", "--deep"]).exits(0).json()["ok"], true);
        assert_eq!(scene.here(&["rebuild", "--check"]).exits(0).json()["equal"], true);
    }
}

#[test]
fn who_was_away_gets_everything_on_coming_back() {
    let [a, mut b] = community([("cert-a", "cert"), ("cert-b", "cert")]);
    gives(&a, 0..3, "cert-b");
    until("B has it", || objects(&b) == 3);
    let address = b.address();
    b.node.dies();
    gives(&a, 3..6, "cert-b");
    let recalled = a.ok(&["recall", &id(0), "--reason", "a mistake", "--wait", "2"]);
    assert_eq!(recalled["receipts"][0]["status"], "pending", "{recalled}");
    assert!(!has(&a, 0));
    let again = a.ok(&["recall", &id(3), "--reason", "never even arrived"]);
    assert_eq!(again["receipts"][0]["status"], "pending");
    assert!(peer(&a, "cert-b")["lag_out"].as_u64().unwrap() >= 5);
    b.node = b.scene.serve_at(&address);
    until("B has what is left", || objects(&b) == 4);
    assert!(!has(&b, 0) && !has(&b, 3) && has(&b, 5));
    until("everything is acknowledged", || settled(&[(&a, "cert-b"), (&b, "cert-a")]));
    assert_eq!(a.ok(&["node", "state"])["state_hash"], b.ok(&["node", "state"])["state_hash"]);
}

#[test]
fn one_side_that_can_be_reached_is_enough() {
    let (a, b) = (Town::new(), Town::new());
    let anchor = a.create("cert-a", &[]);
    // Nobody answers where B says it is.
    b.join_as(&anchor, "cert-b", "cert", "http://127.0.0.1:9");
    a.approve("cert-b");
    agree(&[&a, &b], 2);
    gives(&a, 0..3, "cert-b");
    until("B has fetched it", || objects(&b) == 3);
    gives(&b, 10..12, "cert-a");
    until("A was given it", || objects(&a) == 5 && has(&a, 11));
    let recalled = a.ok(&["recall", &id(1), "--reason", "a mistake", "--wait", "40"]);
    assert_eq!(recalled["receipts"][0]["status"], "done", "{recalled}");
    assert!(!has(&b, 1));
    until("everything is acknowledged", || settled(&[(&a, "cert-b"), (&b, "cert-a")]));
    assert_eq!(a.ok(&["node", "state"])["state_hash"], b.ok(&["node", "state"])["state_hash"]);
}

/// Begins to say something to the door of exchange.
fn begin(address: &str, length: usize, body: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let head = format!(
        "POST /federation/v1/exchange HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    // Who refuses early need not read the rest.
    let _ = stream.write_all(body);
    stream
}

/// Says something to the door of exchange; the status and the code of the answer.
fn say(address: &str, length: usize, body: &[u8]) -> (u16, String) {
    let mut stream = begin(address, length, body);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    let body: Value =
        answer.split("\r\n\r\n").nth(1).and_then(|body| serde_json::from_str(body).ok()).unwrap_or_default();
    (status, body["code"].as_str().unwrap_or_default().to_owned())
}

#[test]
fn hostile_turns_are_refused_and_change_nothing() {
    let [a, b] = community([("cert-a", "cert"), ("cert-b", "cert")]);
    gives(&a, 0..2, "cert-b");
    until("B has it", || objects(&b) == 2);
    until("everything is acknowledged", || settled(&[(&a, "cert-b"), (&b, "cert-a")]));
    let before = b.ok(&["node", "state"]);
    let address = b.address();
    let random: Vec<u8> = (0..9_000_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let mut greeting = b"CRT1\0\x01\0\0\0\x40".to_vec();
    greeting.extend([b'x'; 0x40]);
    let hostile: [&[u8]; 6] = [b"", b"x", b"CRT1", b"CRT1\0\x01\xFF\xFF\xFF\xFF", &greeting, &random];
    for body in hostile {
        let (status, code) = say(&address, body.len(), body);
        assert_eq!((status, code.as_str()), (400, "message-unreadable"), "{:?}", body.get(..12));
    }
    assert_eq!(b.ok(&["node", "state"]), before);
    // A hundred million bytes are refused before they have come.
    let started = Instant::now();
    let (status, code) = say(&address, 100_000_000, &vec![0x43; 4 << 20]);
    assert_eq!((status, code.as_str()), (400, "message-unreadable"));
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
    // Who announces them and says nothing more keeps nobody else waiting.
    let slow: Vec<TcpStream> = (0..20).map(|_| begin(&address, 100_000_000, b"CRT1\0\x01\0\0")).collect();
    gives(&a, 20..22, "cert-b");
    until("B has it all the same", || has(&b, 21));
    drop(slow);
    assert_eq!(objects(&b), 4);
    assert_eq!(peer(&b, "cert-a")["refusals"], json!([]));
}
