//! How fast the deeds are from inside, over the embedded store: look-ups known and unknown, authentication, empty polls.
//!
//! `cargo run --release -p node --example deeds_speed -- [INDICATORS]`

#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a measuring program for the terminal")]

use std::sync::Arc;
use std::time::Instant;

use base::{SystemClock, SystemRng};
use bytes::Bytes;
use node::{AcceptRequest, Credential, Detail, InitRequest, KeepStatus, Node, Options, Settings};
use store::PageRequest;
use store_sqlite::SqliteStore;

const BATCH: usize = 1_000;

fn indicator(at: usize) -> Bytes {
    let (high, low) = (at / 250 % 250, at % 250);
    let pattern = match at % 4 {
        0 => format!("[ipv4-addr:value = '10.{}.{high}.{low}']", at / 62_500),
        1 => format!("[domain-name:value = 'host{at}.example.org']"),
        2 => format!("[url:value = 'http://host{at}.example.net/a']"),
        _ => format!("[file:hashes.'SHA-256' = '{at:064x}']"),
    };
    format!(
        r#"{{"type":"indicator","spec_version":"2.1","id":"indicator--00000000-0000-4000-8000-{at:012}","created":"2025-01-01T00:00:00.000Z","modified":"2025-01-01T00:00:00.000Z","name":"indicator {at}","pattern":"{pattern}","pattern_type":"stix","valid_from":"2025-01-01T00:00:00Z"}}"#
    )
    .into()
}

fn value(at: usize) -> String {
    let (high, low) = (at / 250 % 250, at % 250);
    match at % 4 {
        0 => format!("10.{}.{high}.{low}", at / 62_500),
        1 => format!("host{at}.example.org"),
        2 => format!("http://host{at}.example.net/a"),
        _ => format!("{at:064x}"),
    }
}

/// A moment by the wall, and what this thread has had of a core until then, in seconds.
struct Moment(Instant, f64);

fn now() -> Moment {
    // the first number is nanoseconds on a core
    let schedule = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let ran_ns: f64 = schedule.split(' ').next().and_then(|text| text.parse().ok()).unwrap_or(0.0);
    Moment(Instant::now(), ran_ns / 1e9)
}

fn tell(what: &str, count: usize, start: &Moment) {
    let end = now();
    let wall = count as f64 / end.0.duration_since(start.0).as_secs_f64();
    let core = count as f64 / (end.1 - start.1).max(1e-9);
    println!("{what:<42} {wall:>12.0} /s by the wall {core:>12.0} /s of this thread's core");
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let count: usize = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(100_000);
    let directory = tempfile::tempdir().unwrap();
    let clock = Arc::new(SystemClock::default());
    let store = SqliteStore::open(directory.path(), clock.clone(), &SystemRng).unwrap();
    let settings = Settings { rate_per_second: 0, ..Settings::default() };
    let node = Node::open(store, clock, Arc::new(SystemRng), settings);
    let request = InitRequest { member_name: "M".into(), admin_name: "root".into() };
    let secrets = node.initialise(request).await.unwrap().admin;
    let root = node.local_operator().await.unwrap();

    let start = now();
    for from in (0..count).step_by(BATCH) {
        let objects = (from..from + BATCH).map(indicator).collect();
        let (options, status) = (Options::default(), KeepStatus::No);
        let request = AcceptRequest { collection: "inbox", objects, options, status };
        let accepted = node.accept(&root, request).await.unwrap();
        assert!(accepted.receipts.iter().all(|receipt| receipt.code.is_none()));
    }
    tell("objects accepted, 1,000 at a time", count, &start);

    for (what, from) in [("values looked up, all known", 0), ("values looked up, none known", count)] {
        let values: Vec<String> = (from..from + 100_000.min(count)).map(value).collect();
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        let start = now();
        for batch in values.chunks(BATCH) {
            node.look_up(&root, batch, Detail::Brief).await.unwrap();
        }
        tell(what, values.len(), &start);
    }

    let times = 100_000;
    let after = Some(node.clock().now());
    let poll = PageRequest { added_after: after, limit: 1_000, ..PageRequest::default() };
    for (what, credential) in [
        ("polls for nothing new, by token", Credential::Token(secrets.token.clone())),
        (
            "polls for nothing new, by password",
            Credential::Password { user: secrets.user.clone(), password: secrets.password.clone() },
        ),
    ] {
        let start = now();
        for _ in 0..times {
            let who = node.authenticate(credential.clone(), "127.0.0.1").await.unwrap();
            node.page(&who, "inbox", &poll).await.unwrap();
        }
        tell(what, times, &start);
    }
}
