//! What an object costs on its way between nodes, in processor time and by side: whole nodes over the embedded store, without sockets.
//!
//! `cargo run --release -p node --example exchange_speed -- [OBJECTS [PEERS]]`
//!
//! One process holds all the nodes and one of them works at a time, so that what passes between two moments is that one's. Under
//! `valgrind --tool=callgrind --separate-threads=yes` the writer of each store is a thread of its own; instructions are the same whoever
//! else uses the machine. Ids and addresses are spread, as real ones are.

#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a measuring program for the terminal")]

use std::sync::Arc;
use std::time::Duration;

use base::{SystemClock, SystemRng};
use bytes::Bytes;
use community::{MemberId, QuorumRule, Word};
use handling::Principal;
use node::{
    AcceptRequest, FoundRequest, InitRequest, JoinAsk, KeepStatus, Node, Options, PasswordCost, Settings,
};
use store_sqlite::SqliteStore;

const IMPORT: usize = 1_000;
const SLUGS: [&str; 4] = ["cert-a", "cert-b", "cert-c", "cert-d"];

/// As large as those that `cargo xtask bench` makes.
fn indicator(n: usize) -> Bytes {
    let (id, spread) = (n.wrapping_mul(0x9E37_79B1) & 0xFFFF_FFFF, n.wrapping_mul(0x9E_3779) & 0xFF_FFFF);
    let (second, minute) = (n % 60, n / 60 % 60);
    let time = format!("2024-03-01T10:{minute:02}:{second:02}.{:03}Z", n % 1000);
    let address = format!("{}.{}.{}.{}", 11 + n % 3, spread >> 16, spread >> 8 & 0xFF, spread & 0xFF);
    format!(
        r#"{{"type":"indicator","spec_version":"2.1","id":"indicator--{id:08x}-5a1b-4c3d-8e2f-0123456789ab","created_by_ref":"identity--7d0c3a7e-6e3e-4b0e-9f61-3d1f5f2f9a10","created":"{time}","modified":"{time}","name":"Loader contact point {n}","description":"Seen as a contact point of a loader in the exercise data set, batch {}.","indicator_types":["malicious-activity"],"pattern":"[ipv4-addr:value = '{address}']","pattern_type":"stix","valid_from":"{time}","confidence":{}}}"#,
        n / 1_000,
        n % 101
    )
    .into()
}

/// A member's node.
struct Seat {
    node: Node,
    who: Principal,
    _directory: tempfile::TempDir,
}

impl Seat {
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let clock = Arc::new(SystemClock::default());
        let store = SqliteStore::open(directory.path(), clock.clone(), &SystemRng).unwrap();
        let settings =
            Settings { rate_per_second: 0, password_cost: PasswordCost::Least, ..Settings::default() };
        let node = Node::open(store, clock, Arc::new(SystemRng), settings);
        let request = InitRequest { member_name: "M".into(), admin_name: "root".into() };
        node.initialise(request).await.unwrap();
        let who = node.local_operator().await.unwrap();
        Self { node, who, _directory: directory }
    }

    async fn id(&self) -> MemberId {
        self.node.community(&self.who).await.unwrap().me.parse().unwrap()
    }
}

fn ask(slug: &str) -> JoinAsk {
    JoinAsk {
        name: slug.into(),
        names: std::collections::BTreeMap::default(),
        slug: slug.into(),
        kind: "cert".into(),
        endpoint: format!("http://{slug}.invalid"),
    }
}

/// Carries papers between two nodes until neither lacks any.
async fn gather(one: &Seat, other: &Seat) {
    let (to, mut theirs) = (other.id().await, None);
    loop {
        let question = one.node.papers_question(to, theirs.as_ref()).await.unwrap();
        let answer = other.node.papers_answer(&question, None).await.unwrap();
        let taken = one.node.take_papers(to, (&question, theirs.as_ref()), &answer).await.unwrap();
        if !taken.more {
            return;
        }
        theirs = Some(taken.have);
    }
}

async fn gather_all(seats: &[Seat]) {
    for _ in 0..2 {
        for seat in &seats[1..] {
            gather(seat, &seats[0]).await;
        }
    }
}

/// Members of one community that can seal for each other.
async fn community(slugs: &[&str]) -> Vec<Seat> {
    let founder = Seat::new().await;
    let request = FoundRequest { name: "Speed".into(), quorum: QuorumRule::AllButOne, member: ask(slugs[0]) };
    founder.node.found_community(&founder.who, request).await.unwrap();
    let mut seats = vec![founder];
    for slug in &slugs[1..] {
        let newcomer = Seat::new().await;
        let anchor = seats[0].node.community_anchor(&seats[0].who).await.unwrap();
        newcomer.node.join_community(&newcomer.who, &anchor, &ask(slug)).await.unwrap();
        gather(&newcomer, &seats[0]).await;
        seats.push(newcomer);
        for _ in 0..3 {
            gather_all(&seats).await;
            for seat in &seats {
                // Some have said their word, some have no vote.
                let _ = seat.node.say(&seat.who, slug, Word::Approve).await;
            }
        }
        gather_all(&seats).await;
    }
    for _ in 0..2 {
        for seat in &seats {
            seat.node.announce().await.unwrap();
        }
        gather_all(&seats).await;
    }
    seats
}

/// Nanoseconds of a core that the threads of this process have had, by the scheduler: what ended ones had is not in it.
fn processor_ns() -> u64 {
    let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let times = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("schedstat")).ok());
    times.filter_map(|text| text.split(' ').next()?.parse::<u64>().ok()).sum()
}

/// Processor time by what it went to.
#[derive(Default)]
struct Spent {
    import: u64,
    sender: u64,
    recipients: u64,
    behind: u64,
}

/// Waits until every node has written the words of what it was given; how long they worked.
async fn rests() -> u64 {
    let (first, mut before) = (processor_ns(), processor_ns());
    let mut still = 0;
    while still < 3 {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let now = processor_ns();
        still = if now - before < 10_000_000 { still + 1 } else { 0 };
        before = now;
    }
    before - first
}

/// A meeting that the sender begins, until nothing is left to say.
async fn meet(sender: &Seat, recipient: &Seat, spent: &mut Spent) {
    let (id, mut last) = (recipient.id().await, processor_ns());
    let mut lap = || {
        let now = processor_ns();
        now - std::mem::replace(&mut last, now)
    };
    let mut turn = sender.node.turn_first(id).await.unwrap();
    spent.sender += lap();
    loop {
        let answer = recipient.node.turn_answer(&turn).await.unwrap();
        spent.recipients += lap();
        let next = sender.node.turn_take(id, &answer).await.unwrap().next;
        spent.sender += lap();
        match next {
            Some(next) => turn = next,
            None => return,
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments: Vec<usize> = std::env::args().skip(1).filter_map(|text| text.parse().ok()).collect();
    let count = arguments.first().copied().unwrap_or(20_000);
    let peers = arguments.get(1).copied().unwrap_or(1).clamp(1, SLUGS.len() - 1);
    let seats = community(&SLUGS[..=peers]).await;
    let mut spent = Spent::default();
    for peer in &seats[1..] {
        meet(&seats[0], peer, &mut Spent::default()).await;
    }
    rests().await;
    let to: Vec<String> = SLUGS[1..=peers].iter().map(|slug| (*slug).to_owned()).collect();
    let before = processor_ns();
    for from in (0..count).step_by(IMPORT) {
        let objects = (from..count.min(from + IMPORT)).map(indicator).collect();
        let options = Options { tlp: Some(stix::TlpLevel::Amber), to: to.clone(), ..Options::default() };
        let request = AcceptRequest { collection: "inbox", objects, options, status: KeepStatus::No };
        let accepted = seats[0].node.accept(&seats[0].who, request).await.unwrap();
        assert!(accepted.receipts.iter().all(|receipt| receipt.code.is_none()));
    }
    spent.import = processor_ns() - before + rests().await;
    for peer in &seats[1..] {
        meet(&seats[0], peer, &mut spent).await;
    }
    spent.behind = rests().await;
    for peer in &seats[1..] {
        let last = format!(
            "indicator--{:08x}-5a1b-4c3d-8e2f-0123456789ab",
            (count - 1).wrapping_mul(0x9E37_79B1) & 0xFFFF_FFFF
        );
        assert!(peer.node.object(&peer.who, &last, None).await.is_ok(), "it arrived");
    }
    let each = |ns: u64, nodes: usize| ns as f64 / 1e3 / (count * nodes) as f64;
    println!("processor time an object, microseconds ({count} objects to {peers}):");
    println!("  import with release, words written        {:>8.1}", each(spent.import, 1));
    println!("  sender, for all of them                   {:>8.1}", each(spent.sender, 1));
    println!("  a recipient, until it has answered        {:>8.1}", each(spent.recipients, peers));
    println!("  a recipient, words written behind that    {:>8.1}", each(spent.behind, peers));
}
