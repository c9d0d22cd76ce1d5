//! Measures the store alone: durable ingest, pages, point reads, look-up, search, opening again, and memory.
//!
//! `cargo run --release -p store-sqlite --example measure -- BUNDLE.json [OBJECTS [DIRECTORY]]`: takes the objects of a STIX
//! bundle, round after round with new identifiers, until there are so many. With 0 objects it only reads what DIRECTORY holds,
//! which tells the memory of a store without that of this tool. With WITHOUT_LEDGER in the environment no leaves are written. No part of the product and no test.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a tool for developers tells figures and stops at errors"
)]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base::signing::{Signer, SigningKey};
use base::{Micros, Rng, SystemClock, SystemRng};
use bytes::Bytes;
use handling::{Access, CollectionNo, Principal, Role, Scope, UserNo};
use serde_json::Value;
use store::{
    Accounts, Batch, Entry, Filter, Leaves, LedgerAuthor, NewCollection, Objects, PageRequest, SearchRequest,
    Upkeep,
};
use store_sqlite::SqliteStore;

const BATCH: usize = 1_000;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let bundle = std::fs::read(arguments.first().expect("give a bundle")).unwrap();
    let objects: usize = arguments.get(1).map_or(100_000, |count| count.parse().unwrap());
    let temporary = tempfile::tempdir().unwrap();
    let directory = arguments.get(2).map_or(temporary.path(), Path::new);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    if objects == 0 {
        runtime.block_on(read(directory));
    } else {
        runtime.block_on(measure(&bundle, objects, directory));
    }
}

async fn measure(bundle: &[u8], objects: usize, directory: &Path) {
    let samples: Vec<Value> = match serde_json::from_slice::<Value>(bundle).unwrap()["objects"].take() {
        Value::Array(list) => list,
        _ => Vec::new(),
    };
    let store = SqliteStore::open(directory, Arc::new(SystemClock::default()), &SystemRng).unwrap();
    let new = NewCollection {
        id: "c".into(),
        alias: None,
        name: None,
        title: "c".into(),
        description: None,
        strict: false,
        at: Micros(0),
    };
    if std::env::var_os("WITHOUT_LEDGER").is_none() {
        let key = SigningKey::generate(&SystemRng);
        let author = LedgerAuthor {
            member: key.public_key().id(),
            community: String::new(),
            signer: Arc::new(key),
            earlier: Vec::new(),
            rng: Arc::new(SystemRng),
        };
        store.keep_ledger(author).await.unwrap();
    }
    let c = store.add_collection(new, Vec::new()).await.unwrap().no;
    let who = principal(c);
    let view = handling::viewer(&who, &handling::Standing::default());

    let (mut read, mut worked) = (Duration::ZERO, Duration::ZERO);
    let (mut took, mut bytes, mut done, mut worst) = (Duration::ZERO, 0, 0, Duration::ZERO);
    let (mut ids, mut terms) = (Vec::new(), Vec::new());
    while done < objects {
        let texts: Vec<Bytes> =
            (done..done + BATCH).map(|at| text(&samples[at % samples.len()], at / samples.len())).collect();
        let mut entries = Vec::with_capacity(BATCH);
        let before = cpu();
        let examined: Vec<Entry> = texts.into_iter().map(entry).collect();
        read += cpu() - before;
        for (at, entry) in (done..).zip(examined) {
            bytes += entry.bytes.len();
            if at % 10 == 0 {
                ids.push(entry.facts.id.as_str().to_owned());
            }
            terms.extend(entry.terms.first().map(|term| term.fingerprint(&store.fingerprint_key())));
            entries.push(entry);
        }
        let writer = handling::may_write(&who, c, &handling::Standing::default()).unwrap();
        let (start, before) = (Instant::now(), cpu());
        store.add(Batch { writer, at: Micros(0), entries, status: None }).await.unwrap();
        let now = start.elapsed();
        took += now;
        worked += cpu() - before;
        worst = worst.max(now);
        done += BATCH;
    }
    println!(
        "ingest: {:.0} objects/s durable in batches of {BATCH} ({} bytes each; slowest batch {worst:?}; resident {})",
        per_second(done, took),
        bytes / done,
        resident()
    );
    println!("  {:.0} objects per second of processor", per_second(done, worked));
    println!(
        "  {:.0} objects per second of processor with their examination",
        per_second(done, read + worked)
    );

    let (start, before) = (Instant::now(), cpu());
    let request = SearchRequest { words: vec!["zzz".into()], limit: 50, ..SearchRequest::default() };
    store.search(&view, &request).await.unwrap();
    println!("text caught up in {:?} ({:?} of processor)", start.elapsed(), cpu() - before);
    pages(&store, &view, c).await;
    points(&store, &view, &ids).await;
    look_ups(&store, &view, &terms).await;
    filters(&store, &view, c, &ids).await;
    for words in [vec!["nightclub"], vec!["the", "malware"], vec!["zzz"]] {
        let request = SearchRequest {
            words: words.iter().map(|word| (*word).to_owned()).collect(),
            limit: 50,
            ..SearchRequest::default()
        };
        let start = Instant::now();
        let found = store.search(&view, &request).await.unwrap();
        println!("search {words:?}: {} rows in {:?}", found.rows.len(), start.elapsed());
        let start = Instant::now();
        store.search(&view, &request).await.unwrap();
        println!("  again: {:?}", start.elapsed());
    }
    let start = Instant::now();
    store.figures(Some(&view)).await.unwrap();
    println!("figures: {:?}", start.elapsed());
    let start = Instant::now();
    let figures = store.figures(None).await.unwrap();
    println!("figures of all: {:?} ({} MB on disk)", start.elapsed(), figures.disk_bytes / 1_000_000);
    println!("resident {}", resident());
    drop(store);
    let start = Instant::now();
    let store = SqliteStore::open(directory, Arc::new(SystemClock::default()), &SystemRng).unwrap();
    store.object(&view, &ids[0], None).await.unwrap();
    println!("open and first answer: {:?}", start.elapsed());
    drop(samples);
    println!("resident {}", resident());
}

/// Opens a store that was filled before, and reads all of it.
async fn read(directory: &Path) {
    let start = Instant::now();
    let store = SqliteStore::open(directory, Arc::new(SystemClock::default()), &SystemRng).unwrap();
    let c = store.collections().await.unwrap()[0].no;
    let view = handling::viewer(&principal(c), &handling::Standing::default());
    let request = PageRequest { limit: 1000, ..PageRequest::default() };
    let manifest = store.manifest(&view, c, &request).await.unwrap();
    println!("open and first answer: {:?}; resident {}", start.elapsed(), resident());
    tokio::time::sleep(Duration::from_secs(3)).await;
    println!("after loading the postings: resident {}", resident());
    pages(&store, &view, c).await;
    points(&store, &view, &manifest.rows.into_iter().map(|row| row.id).collect::<Vec<_>>()).await;
    println!("resident {}", resident());
}

fn principal(c: CollectionNo) -> Principal {
    let all = Access { read: true, write: true };
    Principal {
        user: UserNo(1),
        name: "a".into(),
        roles: [Role::Analyst].into(),
        scopes: Scope::ALL.into(),
        shown: handling::Shown::own(handling::Means::Password),
        access: BTreeMap::from([(c, all)]),
    }
}

async fn pages(store: &SqliteStore, view: &handling::Viewer, c: CollectionNo) {
    for round in 0..2 {
        let before = cpu();
        let mut request = PageRequest { limit: 1000, ..PageRequest::default() };
        let (start, mut pages, mut objects) = (Instant::now(), 0, 0);
        loop {
            let page = store.page(view, c, &request).await.unwrap();
            pages += 1;
            objects += page.count;
            let Some(next) = page.page.next else { break };
            request.next = Some(next);
        }
        println!("  {:.0} pages per second of processor", per_second(pages, cpu() - before));
        println!(
            "pages of 1000, round {round}: {:.0} pages/s, {:.0} objects/s; resident {}",
            per_second(pages, start.elapsed()),
            per_second(objects, start.elapsed()),
            resident()
        );
    }
    let request =
        PageRequest { limit: 1000, added_after: Some(store.last_added()), ..PageRequest::default() };
    let start = Instant::now();
    for _ in 0..10_000 {
        store.page(view, c, &request).await.unwrap();
    }
    println!("empty pages: {:.0}/s", per_second(10_000, start.elapsed()));
}

async fn points(store: &SqliteStore, view: &handling::Viewer, ids: &[String]) {
    let (start, before) = (Instant::now(), cpu());
    for id in ids {
        store.object(view, id, None).await.unwrap();
    }
    println!(
        "points: {:.0}/s, {:.0} per second of processor",
        per_second(ids.len(), start.elapsed()),
        per_second(ids.len(), cpu() - before)
    );
}

async fn look_ups(store: &SqliteStore, view: &handling::Viewer, terms: &[index::Fingerprint]) {
    for (what, change) in [("hits", 0_u128), ("misses", 1)] {
        let asked: Vec<index::Fingerprint> =
            terms.iter().map(|term| index::Fingerprint(term.0 ^ change << 64)).collect();
        let (start, before, mut found) = (Instant::now(), cpu(), 0);
        for _ in 0..10 {
            for thousand in asked.chunks(1000) {
                let answers = store.look_up(view, thousand, base::limit::LOOKUP_MATCHES_MAX).await.unwrap();
                found += answers.iter().filter(|rows| !rows.is_empty()).count();
            }
        }
        println!(
            "look-up of {what}: {:.0} values/s, {:.0} per second of processor ({found} of {} found)",
            per_second(asked.len() * 10, start.elapsed()),
            per_second(asked.len() * 10, cpu() - before),
            asked.len() * 10
        );
    }
}

async fn filters(store: &SqliteStore, view: &handling::Viewer, c: CollectionNo, ids: &[String]) {
    use store::VersionPick::{All, Exact, First};
    let some = |versions: Vec<store::VersionPick>| Filter { versions, ..Filter::default() };
    let typed = |name: &str| Filter { types: vec![name.to_owned()], ..Filter::default() };
    for (what, filter) in [
        ("first", some(vec![First])),
        ("all", some(vec![All])),
        ("exact", some(vec![Exact("2001-01-01T00:00:00".into())])),
        ("rare type", typed("identity")),
        ("type", typed("relationship")),
        ("two types", Filter { types: vec!["malware".into(), "relationship".into()], ..Filter::default() }),
        ("spec 2.0", Filter { spec_versions: vec!["2.0".into()], ..Filter::default() }),
        ("100 ids", Filter { ids: ids[..100].to_vec(), ..Filter::default() }),
    ] {
        let request = PageRequest { limit: 1000, filter, ..PageRequest::default() };
        let start = Instant::now();
        let page = store.page(view, c, &request).await.unwrap();
        println!("filter {what}: {} objects in {:?}", page.count, start.elapsed());
    }
}

/// Processor time of this process so far, of all threads that it has: by the scheduler, which counts nanoseconds and not ticks.
fn cpu() -> Duration {
    let threads = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let times = threads.filter_map(|thread| std::fs::read_to_string(thread.path().join("schedstat")).ok());
    Duration::from_nanos(times.filter_map(|text| text.split(' ').next()?.parse::<u64>().ok()).sum())
}

fn per_second(count: usize, took: Duration) -> f64 {
    count as f64 / took.as_secs_f64()
}

fn resident() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = |name: &str| status.lines().find(|line| line.starts_with(name)).unwrap_or_default().to_owned();
    format!("{} {}", line("VmRSS"), line("RssFile")).replace(['\t', '\n'], " ")
}

/// The entry of a sample, from the second round on under an identifier of its own.
/// The object of a sample, from the second round on under another identifier.
fn text(sample: &Value, round: usize) -> Bytes {
    let mut object = sample.clone();
    if round > 0 {
        let mut uuid = [0; 16];
        SystemRng.fill(&mut uuid);
        let digits = hex::encode(uuid);
        let id = format!(
            "{}--{}-{}-4{}-8{}-{}",
            sample["type"].as_str().unwrap(),
            &digits[..8],
            &digits[8..12],
            &digits[13..16],
            &digits[17..20],
            &digits[20..32]
        );
        object["id"] = id.into();
    }
    Bytes::from(serde_json::to_vec(&object).unwrap())
}

/// What a node makes of an object before it is stored.
fn entry(bytes: Bytes) -> Entry {
    let valid = stix::examine(&bytes, stix::Profile::Store).unwrap();
    Entry::from_valid(&valid, bytes.clone())
}
