//! A member's node that comes back from a backup, among members that lie, and with what it said before still on its way.

use std::sync::Arc;

use base::{FixedClock, Micros, SeededRng};
use federation::{Effect, Hello, PeerRow, Turn};
use node::{AcceptError, AcceptRequest, KeepStatus, Node, Options, PasswordCost, Settings, Spoken, Status};
use store::{Absent, StoreError, Upkeep};
use store_sqlite::{RestoreFrom, SqliteStore};

use crate::community::{Seat, meet as exchange_papers};
use crate::exchange::{bring, has, meet, peer, region, round, to};
use crate::peers::Region;
use crate::{Bench, START};

const ONE: &str = "indicator--00000000-0000-4000-8000-000000000001";
const TWO: &str = "indicator--00000000-0000-4000-8000-000000000002";

/// The node that a copy of another becomes, an hour later.
pub(crate) async fn restored(_seat: &Seat, file: &std::path::Path) -> Seat {
    restored_with(file, Settings::default()).await
}

async fn restored_with(file: &std::path::Path, settings: Settings) -> Seat {
    restored_at(file, (settings, START.plus(3_600 * Micros::SECOND))).await
}

pub(crate) async fn restored_at(file: &std::path::Path, (settings, now): (Settings, Micros)) -> Seat {
    let directory = tempfile::tempdir().unwrap();
    let keys = std::fs::read(file.with_extension("keys")).unwrap();
    let (mut keys, absent) = (keys.as_slice(), Absent::Refuse);
    let from = RestoreFrom { file, keys: Some(&mut keys), absent, rng: &SeededRng::new(5) };
    SqliteStore::restore(from, directory.path()).unwrap();
    let clock = Arc::new(FixedClock::at(now));
    let rng = Arc::new(SeededRng::new(77));
    let store = SqliteStore::open(directory.path(), clock.clone(), rng.as_ref()).unwrap();
    let settings = Settings { password_cost: PasswordCost::Least, ..settings };
    let node = Node::open(store.clone(), clock.clone(), rng, settings);
    let bench = Bench { node, clock, store, _directory: directory };
    bench.node.keep_ledger().await.unwrap();
    let who = bench.operator().await;
    Seat { bench, who }
}

/// A copy of a node, its keys beside it.
pub(crate) async fn back_up(a: &Seat, file: &std::path::Path) {
    let keys = std::fs::File::create(file.with_extension("keys")).unwrap();
    a.node().backup(&a.who, file, Box::new(keys)).await.unwrap();
}

/// A has given one object before its backup and one after, to both others; it is restored, and knows their papers.
pub(crate) async fn scene() -> (Region, Seat, Vec<u8>) {
    let region = region(&["a", "b", "c"]).await;
    let a = &region[0];
    bring(a, 1..2, to(&["b", "c"])).await;
    round(&region).await;
    let room = tempfile::tempdir().unwrap();
    let file = room.path().join("copy");
    back_up(a, &file).await;
    bring(a, 2..3, to(&["b", "c"])).await;
    round(&region).await;
    // Said and still on its way when the node dies.
    bring(a, 3..4, to(&["b"])).await;
    let late = a.node().turn_first(region[1].id().await).await.unwrap();
    let back = restored(a, &file).await;
    assert_eq!(back.node().status().0, Status::Recovering);
    for other in &region.0[1..] {
        other.bench.clock.set(START.plus(3_600 * Micros::SECOND));
        exchange_papers(&back, other).await.unwrap();
    }
    (region, back, late)
}

#[tokio::test]
async fn until_all_have_answered_nothing_is_shown_or_taken_and_then_it_is_whole() {
    let (region, a, late) = scene().await;
    meet(&a, &region[1]).await;
    assert_eq!(peer(&a, "b").await.recovery, Some("given-back"));
    assert_eq!(peer(&a, "c").await.recovery, Some("awaited"));
    assert!(!has(&a, ONE).await, "not even what the backup has");
    let objects = vec![bytes::Bytes::from(crate::indicator(9, "[url:value = 'http://9.example/']", ""))];
    let request =
        AcceptRequest { collection: "inbox", objects, options: Options::default(), status: KeepStatus::No };
    let refused = a.node().accept(&a.who, request).await.unwrap_err();
    assert_eq!(refused.code(), "recovering");
    assert!(matches!(refused, AcceptError::Store(StoreError::Recovering)), "{refused:?}");
    let leaves = a.bench.store.read_only();
    assert_eq!(leaves, None);
    meet(&a, &region[2]).await;
    for other in &region.0[1..] {
        meet(&a, other).await;
    }
    assert_eq!(a.node().status().0, Status::Ok);
    assert!(has(&a, ONE).await && has(&a, TWO).await);
    // What the dead process had said comes now: it counts no more, and nobody finds two ledgers.
    let before = region[1].node().shared_state().await.unwrap();
    let answer = region[1].node().turn_answer(&late).await.unwrap();
    assert!(!Turn::from_bytes(&answer).unwrap().says_something());
    assert_eq!(region[1].node().shared_state().await.unwrap(), before);
    bring(&a, 4..5, to(&["b", "c"])).await;
    for other in &region.0[1..] {
        meet(&a, other).await;
        meet(&a, other).await;
        assert!(has(other, &ONE.replace("000000000001", "000000000004")).await);
        assert_eq!(peer(other, "a").await.evidence, 0);
    }
}

#[tokio::test]
async fn who_gives_back_other_leaves_is_refused_with_a_code_and_counts_for_nothing() {
    let (region, a, _) = scene().await;
    let (b, me) = (&region[1], a.id().await.0);
    let asked = a.node().turn_first(b.id().await).await.unwrap();
    let answer = b.node().turn_answer(&asked).await.unwrap();
    let mut lie = Turn::from_bytes(&answer).unwrap();
    let own = lie.heads.iter_mut().find(|update| update.origin == me).unwrap();
    *own.leaves.last_mut().unwrap() = ledger::TreeHash::leaf(b"forged");
    a.node().turn_take(b.id().await, &lie.to_bytes()).await.unwrap();
    let seen = peer(&a, "b").await;
    assert_eq!(seen.recovery, Some("awaited"));
    assert!(seen.refusals.iter().any(|one| one.rule == "proof-contradicted"), "{:?}", seen.refusals);
    // Its acts without its leaves: none of them is this member's ledger's.
    let mut lie = Turn::from_bytes(&answer).unwrap();
    lie.heads.retain(|update| update.origin != me);
    a.node().turn_take(b.id().await, &lie.to_bytes()).await.unwrap();
    assert_eq!(peer(&a, "b").await.recovery, Some("awaited"));
    // Nothing of it but its word, as somebody on the way may leave it.
    let mut lie = Turn::from_bytes(&answer).unwrap();
    lie.heads.retain(|update| update.origin != me);
    lie.batch.clear();
    a.node().turn_take(b.id().await, &lie.to_bytes()).await.unwrap();
    assert_eq!(peer(&a, "b").await.recovery, Some("awaited"));
    // The truth, from both.
    for other in &region.0[1..] {
        meet(&a, other).await;
    }
    for other in &region.0[1..] {
        meet(&a, other).await;
    }
    assert_eq!(a.node().status().0, Status::Ok);
    assert!(has(&a, TWO).await);
}

#[tokio::test]
async fn a_ledger_that_was_lost_comes_back_in_parts_within_one_meeting() {
    let parts = || Settings { head_leaves_max: 7, ..Settings::default() };
    let mut region = region(&["a", "b", "c"]).await;
    for seat in &mut region.0 {
        seat.bench.reopened(parts()).await;
    }
    let a = &region[0];
    bring(a, 1..2, to(&["b", "c"])).await;
    round(&region).await;
    let room = tempfile::tempdir().unwrap();
    let file = room.path().join("copy");
    back_up(a, &file).await;
    bring(a, 2..31, to(&["b", "c"])).await;
    round(&region).await;
    let before = a.node().shared_state().await.unwrap().unwrap();
    let mut back = restored_with(&file, parts()).await;
    for other in &region.0[1..] {
        other.bench.clock.set(START.plus(3_600 * Micros::SECOND));
        exchange_papers(&back, other).await.unwrap();
    }
    // It dies in the middle, with some leaves here, and goes on where it was.
    let b = &region[1];
    let first = back.node().turn_first(b.id().await).await.unwrap();
    let answer = b.node().turn_answer(&first).await.unwrap();
    assert!(back.node().turn_take(b.id().await, &answer).await.unwrap().next.is_some());
    back.bench.reopened(parts()).await;
    for other in &region.0[1..] {
        exchange_papers(&back, other).await.unwrap();
    }
    let leaves = async || back.node().shared_state().await.unwrap().unwrap().leaves;
    meet(&back, b).await;
    assert_eq!(peer(&back, "b").await.recovery, Some("given-back"));
    assert!(leaves().await >= before.leaves - 2, "{} of {}", leaves().await, before.leaves);
    for _ in 0..2 {
        for other in &region.0[1..] {
            meet(&back, other).await;
        }
    }
    assert_eq!(back.node().status().0, Status::Ok);
    assert!(has(&back, "indicator--00000000-0000-4000-8000-000000000030").await);
    assert!(peer(&back, "b").await.refusals.is_empty() && peer(&back, "c").await.refusals.is_empty());
    bring(&back, 50..51, to(&["b", "c"])).await;
    for other in &region.0[1..] {
        meet(&back, other).await;
        meet(&back, other).await;
        assert_eq!(peer(other, "a").await.evidence, 0);
        assert!(has(other, "indicator--00000000-0000-4000-8000-000000000050").await);
    }
}

/// A founder whose backup knows nobody is led to those who joined later by the papers, which begin with its own signature; nobody
/// else leads it anywhere, and a node that is whole takes nothing from strangers.
#[tokio::test]
async fn who_joined_after_the_backup_is_known_by_the_papers_it_brings() {
    let mut region = Region::of(&["a"]).await;
    let room = tempfile::tempdir().unwrap();
    let file = room.path().join("copy");
    back_up(&region[0], &file).await;
    for (seed, slug) in [(2, "b"), (3, "c")] {
        let newcomer = Seat::new(seed).await;
        crate::community::join(&region[0], &newcomer, slug).await;
        region.0.push(newcomer);
        region.decide(slug).await;
    }
    let back = restored(&region[0], &file).await;
    let known = async || back.node().community(&back.who).await.unwrap();
    let (before, b) = (known().await, &region[1]);
    b.bench.clock.set(START.plus(3_600 * Micros::SECOND));
    let (me, code) = (back.id().await, "exchange-stranger");
    let bare = b.node().papers_question(me, None).await.unwrap();
    assert_eq!(back.node().papers_answer(&bare, None).await.unwrap_err().code(), code);
    let whole = b.node().papers_introduction(me).await.unwrap().unwrap();
    let said = base::signed::Signed::parse(&whole).unwrap();
    let other = base::signing::SigningKey::generate(&SeededRng::new(5));
    let payload = said.unverified_payload().to_vec();
    let forged = base::signed::Signed::sign(node::PAPERS_TYPE, payload, &other).unwrap().to_json();
    assert_eq!(back.node().papers_answer(forged.as_bytes(), None).await.unwrap_err().code(), code);
    assert_eq!(known().await.state_hash, before.state_hash, "nothing was taken of it");
    let answer = back.node().papers_answer(&whole, None).await.unwrap();
    b.node().take_papers(me, (&whole, None), &answer).await.unwrap();
    assert_eq!(known().await.state_hash, b.node().community(&b.who).await.unwrap().state_hash);
    let mut seen = back.node().recovery(&back.who).await.unwrap();
    seen.awaited.sort();
    assert!(!seen.alone && seen.awaited == ["b", "c"], "{seen:?}");
    // To one that is whole, whatever it is told, a stranger is one.
    let alone = Region::of(&["a"]).await;
    assert!(alone[0].node().papers_answer(&whole, None).await.is_err());
}

/// Why somebody is waited for, and whether it is in vain unless somebody does something.
pub(crate) async fn why(seat: &Seat, slug: &str) -> (String, bool) {
    let view = seat.node().recovery(&seat.who).await.unwrap();
    let found = view.waits.into_iter().find(|one| one.member == slug);
    let (found, told) = found.map_or_else(Default::default, |one| (one.reason.to_owned(), one.detail));
    let checks = seat.node().doctor(&seat.who, node::Depth::Quick).await.unwrap();
    let line = checks.into_iter().find(|check| check.name == "recovery").unwrap();
    assert!(line.detail.contains(&told), "{} does not say {told}", line.detail);
    assert_eq!(line.detail.contains("--without"), view.stuck, "{}", line.detail);
    (found, view.stuck)
}

#[tokio::test]
async fn the_operator_is_told_why_a_member_is_waited_for_and_what_helps() {
    let (region, a, _) = scene().await;
    let (b, me) = (&region[1], a.id().await.0);
    let told = async |slug: &'static str| why(&a, slug).await;
    assert_eq!(told("b").await, ("expected".to_owned(), false));
    a.node().spoke(b.id().await, Spoken::Refused(403));
    assert_eq!(told("b").await.0, "refuses");
    a.node().spoke(b.id().await, Spoken::Answered);
    let asked = a.node().turn_first(b.id().await).await.unwrap();
    let answer = b.node().turn_answer(&asked).await.unwrap();
    let mut lie = Turn::from_bytes(&answer).unwrap();
    let own = lie.heads.iter_mut().find(|update| update.origin == me).unwrap();
    *own.leaves.last_mut().unwrap() = ledger::TreeHash::leaf(b"forged");
    a.node().turn_take(b.id().await, &lie.to_bytes()).await.unwrap();
    assert_eq!(told("b").await, ("refused".to_owned(), true));
    // Its word alone, without the leaves it speaks of.
    let mut bare = Turn::from_bytes(&answer).unwrap();
    bare.heads.retain(|update| update.origin != me);
    bare.batch.clear();
    a.node().turn_take(b.id().await, &bare.to_bytes()).await.unwrap();
    assert_eq!(told("b").await.0, "giving");
    meet(&a, b).await;
    assert_eq!(told("b").await.0, "", "it has given back");
    // What passes by itself is no reason to leave anybody out.
    a.node().spoke(region[2].id().await, Spoken::Answered);
    assert_eq!(told("c").await, ("asked".to_owned(), false));
    meet(&a, &region[2]).await;
    assert_eq!(a.node().recovery(&a.who).await.unwrap().stage, "catching-up");
    let waits = a.node().recovery(&a.who).await.unwrap().waits;
    assert!(waits.iter().all(|one| one.reason == "reading"), "{waits:?}");
}

/// Behind a NAT, where nobody can call it, a member calls by itself: nobody is told to leave it out before it has had the time to, and what
/// it says counts as that of one who is called.
#[tokio::test]
async fn a_member_that_cannot_be_called_is_left_its_time_to_call() {
    let (region, a, _) = scene().await;
    let (b, began) = (&region[1], START.plus(3_600 * Micros::SECOND));
    meet(&a, &region[2]).await;
    let minutes = |count: i64| began.plus(count * 60 * Micros::SECOND);
    let told = async || why(&a, "b").await;
    let (expected, in_vain) = (("expected".to_owned(), false), ("not-reached".to_owned(), true));
    assert_eq!(told().await, expected);
    a.bench.clock.set(minutes(2));
    a.node().spoke(b.id().await, Spoken::Unreachable);
    assert_eq!(told().await, expected);
    // It counts from when it was first not reached, not from the last time.
    a.bench.clock.set(minutes(4));
    a.node().spoke(b.id().await, Spoken::Unreachable);
    assert_eq!(told().await, expected);
    a.bench.clock.set(minutes(5));
    assert_eq!(told().await, in_vain);
    // It calls, and gives back as one who is called: nothing is said of leaving it out, nor after it has gone for a moment.
    let said = async || {
        let turn = b.node().turn_first(a.id().await).await.unwrap();
        a.node().turn_answer(&turn).await.unwrap();
    };
    said().await;
    assert_eq!(told().await, ("asked".to_owned(), false));
    a.node().spoke(b.id().await, Spoken::Unreachable);
    a.bench.clock.set(minutes(7));
    assert!(!told().await.1);
    a.bench.clock.set(minutes(8));
    assert_eq!(told().await, in_vain);
    meet(b, &a).await;
    assert_eq!(told().await.0, "", "it has given back");
}

#[tokio::test]
async fn who_was_restored_by_a_clock_far_ahead_goes_on_above_that_life() {
    let region = region(&["a", "b"]).await;
    let a = &region[0];
    let room = tempfile::tempdir().unwrap();
    let file = room.path().join("copy");
    back_up(a, &file).await;
    // Restored once by a clock of half a year ahead, and again by a right one.
    let (b, day) = (&region[1], 86_400 * Micros::SECOND);
    let ahead = restored_at(&file, (Settings::default(), START.plus(180 * day))).await;
    let turn = ahead.node().turn_first(b.id().await).await.unwrap();
    b.node().turn_answer(&turn).await.unwrap();
    let back = restored(a, &file).await;
    let turn = back.node().turn_first(b.id().await).await.unwrap();
    let answer = b.node().turn_answer(&turn).await.unwrap();
    back.node().turn_take(b.id().await, &answer).await.unwrap();
    b.bench.clock.set(START.plus(3_600 * Micros::SECOND));
    exchange_papers(&back, b).await.unwrap();
    for _ in 0..2 {
        meet(&back, b).await;
    }
    assert_eq!(back.node().status().0, Status::Ok);
    let turn = back.node().turn_first(b.id().await).await.unwrap();
    assert!(said(&turn).life > u64::try_from(START.plus(180 * day).0).unwrap());
}

/// A member that tells of a restore which it cannot show has nobody recover, and its operator and the other's are told.
#[tokio::test]
async fn a_restore_that_a_member_only_claims_changes_nothing_and_is_told() {
    let region = region(&["a", "b"]).await;
    let (a, b) = (&region[0], &region[1]);
    let room = tempfile::tempdir().unwrap();
    let file = room.path().join("copy");
    back_up(a, &file).await;
    let (me, life) = (a.id().await.0, u64::try_from(START.plus(7_200 * Micros::SECOND).0).unwrap());
    let claims = store::exchanged(&*b.bench.store, 1, move |desk| {
        let row = PeerRow { life, ..desk.rows().peer(&me).unwrap() };
        desk.apply(vec![Effect::Peer(me, row)])
    });
    claims.await.unwrap();
    // Whoever of them calls.
    let turn = b.node().turn_first(a.id().await).await.unwrap();
    assert_eq!(said(&turn).knows_life, life);
    assert_eq!(a.node().turn_answer(&turn).await.unwrap_err().code(), "life-unproven");
    let turn = a.node().turn_first(b.id().await).await.unwrap();
    let answer = b.node().turn_answer(&turn).await.unwrap();
    assert_eq!(a.node().turn_take(b.id().await, &answer).await.unwrap_err().code(), "life-unproven");
    assert_eq!((a.node().status().0, said(&turn).life), (Status::Ok, 0));
    let rules: Vec<String> = peer(a, "b").await.refusals.into_iter().map(|one| one.rule).collect();
    assert_eq!(rules, ["life-unproven"; 2]);
    // Who recovers is told why it waits for it.
    let back = restored(a, &file).await;
    let turn = back.node().turn_first(b.id().await).await.unwrap();
    let answer = b.node().turn_answer(&turn).await.unwrap();
    back.node().spoke(b.id().await, Spoken::Answered);
    assert_eq!(back.node().turn_take(b.id().await, &answer).await.unwrap_err().code(), "life-unproven");
    assert_eq!(why(&back, "b").await, ("greeting".to_owned(), true));
}

/// What a turn's greeting says.
fn said(turn: &[u8]) -> Hello {
    let turn = Turn::from_bytes(turn).unwrap();
    serde_json::from_slice(turn.hello.unverified_payload()).unwrap()
}

/// A member that was left out has read further than the backup knows: what is done before the two meet again comes to it all the
/// same, a recall among it, whoever of them calls.
#[tokio::test]
async fn what_is_done_before_a_member_that_was_left_out_is_met_comes_to_it() {
    for calls in [0, 1] {
        let region = region(&["a", "b", "c"]).await;
        bring(&region[0], 1..2, to(&["b", "c"])).await;
        round(&region).await;
        let room = tempfile::tempdir().unwrap();
        let file = room.path().join("copy");
        back_up(&region[0], &file).await;
        let b = &region[1];
        // What B has read by then, in either lane, are receipts: nobody else has them, and nothing of them comes again.
        for number in 40..46 {
            bring(b, number..number + 1, to(&["a"])).await;
            meet(b, &region[0]).await;
        }
        b.node().recall(&b.who, &ONE.replace("000000000001", "000000000040"), "").await.unwrap();
        round(&region).await;
        let a = restored(&region[0], &file).await;
        for other in &region.0[1..] {
            other.bench.clock.set(START.plus(3_600 * Micros::SECOND));
            exchange_papers(&a, other).await.unwrap();
        }
        a.node().recover_without(&a.who, "b").await.unwrap();
        for _ in 0..2 {
            meet(&a, &region[2]).await;
        }
        assert_eq!(a.node().status().0, Status::Ok);
        a.node().recall(&a.who, ONE, "a mistake").await.unwrap();
        bring(&a, 10..13, to(&["b", "c"])).await;
        assert!(has(b, ONE).await && peer(&a, "b").await.lag_out >= Some(4));
        let first = a.node().turn_first(b.id().await).await.unwrap();
        assert!(
            !Turn::from_bytes(&first).unwrap().brings(),
            "B has not said in this life how far it has read"
        );
        let (one, other) = if calls == 0 { (&a, b) } else { (b, &a) };
        for _ in 0..2 {
            meet(one, other).await;
        }
        assert!(!has(b, ONE).await, "{calls}: it was called back");
        for number in 10..13 {
            assert!(
                has(b, &ONE.replace("000000000001", &format!("{number:012}"))).await,
                "{calls}: {number}"
            );
        }
        assert_eq!(peer(&a, "b").await.lag_out, Some(0));
        assert_eq!((peer(&a, "b").await.evidence, peer(b, "a").await.evidence), (0, 0));
    }
}

/// D is suspended while A and B are restored, and nobody asks it. Once it is taken back, A asks everybody again, and has what it gave.
#[tokio::test]
async fn what_only_a_suspended_member_has_comes_back_after_it_was_reinstated() {
    let region = region(&["a", "b", "c", "d"]).await;
    let a = &region[0];
    bring(a, 1..2, to(&["b", "d"])).await;
    round(&region).await;
    let room = tempfile::tempdir().unwrap();
    let file = room.path().join("copy");
    back_up(a, &file).await;
    bring(a, 2..4, to(&["d"])).await;
    round(&region).await;
    a.node().recall(&a.who, ONE, "a mistake").await.unwrap();
    round(&region).await;
    let turn = async |suspend: Option<String>| {
        region[1].node().propose(&region[1].who, "d", suspend).await.unwrap();
        for seat in &region.0 {
            seat.bench.clock.advance(10 * Micros::SECOND);
        }
        region.decide("d").await;
    };
    turn(Some("silent".to_owned())).await;
    let mut back = restored(a, &file).await;
    for other in &region.0[1..] {
        other.bench.clock.set(START.plus(3_600 * Micros::SECOND));
    }
    let gather = async || {
        for _ in 0..2 {
            for other in &region.0[1..] {
                let _ = exchange_papers(&back, other).await;
            }
        }
    };
    gather().await;
    for _ in 0..2 {
        for other in &region.0[1..3] {
            meet(&back, other).await;
        }
    }
    assert_eq!(back.node().status().0, Status::Ok);
    assert!(!has(&back, TWO).await);
    let doctor = async || {
        let checks = back.node().doctor(&back.who, node::Depth::Quick).await.unwrap();
        checks.into_iter().find(|check| check.name == "ledger").unwrap().detail
    };
    assert!(doctor().await.contains("node recover --again"), "{}", doctor().await);
    back.node().propose(&back.who, "d", None).await.unwrap();
    for _ in 0..3 {
        gather().await;
        for seat in &region.0[1..3] {
            let _ = seat.node().say(&seat.who, "d", community::Word::Approve).await;
        }
    }
    gather().await;
    let d = back.node().community(&back.who).await.unwrap().members.into_iter().find(|one| one.slug == "d");
    assert_eq!(d.unwrap().status, "active");
    // Who has lost nothing does not stop serving for it.
    let whole = &region[1];
    assert_eq!(whole.node().recover_again(&whole.who).await.unwrap_err().code(), "nothing-lost");
    assert_eq!((whole.node().status().0, has(whole, ONE).await), (Status::Ok, false));
    let view = back.node().recover_again(&back.who).await.unwrap();
    assert_eq!((view.stage, view.awaited.len()), ("taking-back", 3));
    assert_eq!(back.node().recover_again(&back.who).await.unwrap_err().code(), "recovering");
    for _ in 0..2 {
        for other in &region.0[1..] {
            meet(&back, other).await;
        }
    }
    assert_eq!(back.node().status().0, Status::Ok);
    // Whoever signed in before knows nothing of the collection for what came back since.
    back.who = back.bench.operator().await;
    assert!(has(&back, TWO).await && !has(&back, ONE).await, "what was called back stays so");
    back.node().recall(&back.who, TWO, "a mistake too").await.unwrap();
    meet(&back, &region[3]).await;
    meet(&back, &region[3]).await;
    assert!(!has(&region[3], TWO).await);
    for other in &region.0[1..] {
        assert_eq!(peer(other, "a").await.evidence, 0);
    }
}
