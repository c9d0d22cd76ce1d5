//! Courier files: what a member that no network reaches may lack comes with them, and what waits is told.

use base::signing::SigningKey;
use base::{Micros, SeededRng};
use community::Word;
use node::{CourierReport, NewCircle, Spoken};

use crate::community::{DAY, Seat, join, meet as exchange_papers};
use crate::exchange::{ONE, bring, has, peer, region, to};
use crate::relay::{altered, manifest, replace};

const TWO: &str = "indicator--00000000-0000-4000-8000-000000000002";
const THREE: &str = "indicator--00000000-0000-4000-8000-000000000003";

async fn file(from: &Seat, slug: &str) -> Vec<u8> {
    from.node().courier_out(&from.who, Some(slug)).await.unwrap()
}

async fn carry(from: &Seat, to: &Seat, slug: &str) -> CourierReport {
    to.node().courier_in(&to.who, file(from, slug).await).await.unwrap()
}

async fn circle(owner: &Seat, name: &str, member: &str) {
    let new = NewCircle { name: name.into(), members: vec![member.into()], sector: None };
    owner.node().create_circle(&owner.who, new).await.unwrap();
}

/// A circle that B has never heard of, and a key of A's that it does not know, come with the file they are needed for, however long it
/// was on its way.
#[tokio::test]
async fn circles_and_new_keys_come_with_the_file() {
    let region = region(&["a", "b"]).await;
    let (a, b) = (&region[0], &region[1]);
    circle(a, "air", "b").await;
    bring(a, 1..2, to(&["air"])).await;
    a.node().rotate_key(&a.who).await.unwrap();
    bring(a, 2..3, to(&["b"])).await;
    let carried = file(a, "b").await;
    b.bench.clock.advance(40 * DAY);
    let report = b.node().courier_in(&b.who, carried.clone()).await.unwrap();
    assert_eq!((report.papers, report.taken, &report.waits), ("taken", 2, &None), "{report:?}");
    assert!(has(b, ONE).await && has(b, TWO).await);
    let again = b.node().courier_in(&b.who, carried).await.unwrap();
    assert_eq!((again.papers, again.taken, again.known), ("known", 0, 2), "{again:?}");
    // A learns by B's file what has come, of the circle too.
    a.bench.clock.advance(40 * DAY);
    assert_eq!(carry(b, a, "a").await.taken, 1, "the receipt");
    assert_eq!(peer(a, "b").await.lag_out, Some(0));
    let after = file(a, "b").await.len();
    bring(a, 3..4, to(&["air"])).await;
    assert!(file(a, "b").await.len() > after);
    assert_eq!(carry(a, b, "b").await.papers, "known", "nothing is new");
    assert!(has(b, THREE).await);
}

/// A file that was under way while its sender replaced its key is no stranger's: its acts are taken, and of its papers it is said why not.
#[tokio::test]
async fn a_file_of_before_a_change_of_key_is_told_as_that() {
    let region = region(&["a", "b"]).await;
    let (a, b) = (&region[0], &region[1]);
    bring(a, 1..2, to(&["b"])).await;
    let before = file(a, "b").await;
    a.node().rotate_key(&a.who).await.unwrap();
    bring(a, 2..3, to(&["b"])).await;
    assert_eq!(carry(a, b, "b").await.papers, "taken");
    let late = b.node().courier_in(&b.who, before).await.unwrap();
    assert_eq!((late.papers, late.known, late.refused.len()), ("exchange-key-former", 1, 0), "{late:?}");
    assert!(has(b, ONE).await && has(b, TWO).await);
}

/// Who is taken out hears so by the next file, reads nothing of it from then on, and confirms it with the file back.
#[tokio::test]
async fn a_farewell_comes_with_the_next_file() {
    let region = region(&["a", "b"]).await;
    let (a, b) = (&region[0], &region[1]);
    circle(a, "air", "b").await;
    bring(a, 1..2, to(&["air"])).await;
    carry(a, b, "b").await;
    carry(b, a, "a").await;
    a.node().remove_from_circle(&a.who, "air", &["b".to_owned()]).await.unwrap();
    assert_eq!(peer(a, "b").await.undelivered, 1);
    assert!(has(b, ONE).await);
    assert_eq!(carry(a, b, "b").await.papers, "taken");
    assert!(!has(b, ONE).await && b.node().circles(&b.who).await.unwrap().is_empty());
    carry(b, a, "a").await;
    assert_eq!(peer(a, "b").await.undelivered, 0);
}

/// A circle's document that does not come keeps what is for it waiting, which the report says; and a file from the future brings no
/// papers.
#[tokio::test]
async fn what_waits_for_a_circle_is_told() {
    let region = region(&["a", "b"]).await;
    let (a, b) = (&region[0], &region[1]);
    circle(a, "air", "b").await;
    bring(a, 1..2, to(&["air"])).await;
    a.bench.clock.advance(30 * 3_600 * Micros::SECOND);
    let report = carry(a, b, "b").await;
    let waits = report.waits.unwrap();
    assert_eq!((report.papers, report.envelopes, report.taken), ("exchange-clock-apart", 1, 0));
    assert_eq!((waits.envelopes, waits.rule), (1, "circle-awaited"));
    assert!(!has(b, ONE).await);
    b.bench.clock.advance(6 * 3_600 * Micros::SECOND);
    assert_eq!(carry(a, b, "b").await.taken, 1);
    assert!(has(b, ONE).await);
}

/// A request to join, the words on it and the decision travel by file; and who was let in is known by its own file, to who never met
/// anybody since.
#[tokio::test]
async fn a_member_is_let_in_by_files_alone() {
    let region = region(&["a", "b"]).await;
    let (a, b) = (&region[0], &region[1]);
    let c = Seat::new(9).await;
    join(a, &c, "c").await;
    a.node().say(&a.who, "c", Word::Approve).await.unwrap();
    assert_eq!(carry(a, b, "b").await.papers, "taken");
    b.node().say(&b.who, "c", Word::Approve).await.unwrap();
    assert_eq!(carry(b, a, "a").await.papers, "taken");
    exchange_papers(&c, a).await.unwrap();
    c.node().announce().await.unwrap();
    exchange_papers(&c, a).await.unwrap();
    a.node().announce().await.unwrap();

    bring(&c, 1..2, to(&["b"])).await;
    let report = carry(&c, b, "b").await;
    assert_eq!((&*report.from, report.taken), ("c", 1), "{report:?}");
    assert!(has(b, ONE).await);
}

/// A file by who is no member, with papers that nobody but itself has signed, is nobody's: nothing of it counts.
#[tokio::test]
async fn papers_that_nobody_signed_bring_nobody_in() {
    let region = region(&["a", "b"]).await;
    let (a, b) = (&region[0], &region[1]);
    let c = Seat::new(9).await;
    join(a, &c, "c").await;
    let (id, key) = (c.id().await, SigningKey::generate(&SeededRng::new(5)));
    let papers = c.node().papers_question(b.id().await, None).await.unwrap();
    bring(a, 1..2, to(&["b"])).await;
    let sound = file(a, "b").await;
    let before = b.node().community(&b.who).await.unwrap();
    let forged = altered(b, &sound, |fields| {
        manifest(fields, &key, |manifest| manifest.from = id.0);
        replace(fields, 5, papers.clone());
    });
    let refused = b.node().courier_in(&b.who, forged.await).await.unwrap_err();
    assert_eq!(refused.code(), "courier-unfit");
    let after = b.node().community(&b.who).await.unwrap();
    assert_eq!((after.epoch, after.state_hash), (before.epoch, before.state_hash));
    assert!(b.node().pending(&b.who).await.unwrap().is_empty() && !has(b, ONE).await);
    // In a file of a member such papers are refused, and the file is taken.
    let mixed = altered(b, &sound, |fields| replace(fields, 5, papers)).await;
    let report = b.node().courier_in(&b.who, mixed).await.unwrap();
    assert_eq!((report.papers, report.taken), ("exchange-misdirected", 1));
}

/// A file that is refused may have brought papers by which its signature was looked for: of these stays what its member signed by itself,
/// which would have been taken alone, and nothing else of the file.
#[tokio::test]
async fn of_a_refused_file_stays_what_stands_by_its_own_signature() {
    let region = region(&["a", "b"]).await;
    let (a, b) = (&region[0], &region[1]);
    let stranger = SigningKey::generate(&SeededRng::new(5));
    circle(a, "air", "b").await;
    bring(a, 1..2, to(&["air"])).await;
    a.node().rotate_key(&a.who).await.unwrap();
    let sound = file(a, "b").await;
    let forged = altered(b, &sound, |fields| manifest(fields, &stranger, |_| {})).await;
    let exchanged = async || {
        let state = b.node().shared_state().await.unwrap();
        (state, format!("{:?}", peer(b, "a").await), b.node().circles(&b.who).await.unwrap().len())
    };
    let (before, papers) = (exchanged().await, b.node().community(&b.who).await.unwrap().state_hash);
    let refused = b.node().courier_in(&b.who, forged.clone()).await.unwrap_err();
    assert_eq!(refused.code(), "courier-unfit");
    let after = exchanged().await;
    assert_eq!((&after.0, &after.1), (&before.0, &before.1));
    let now = b.node().community(&b.who).await.unwrap().state_hash;
    assert_eq!(now, a.node().community(&a.who).await.unwrap().state_hash);
    assert_ne!(now, papers, "the key that A has replaced it with is A's word");
    assert_eq!((before.2, after.2), (0, 1), "and so is its circle");
    assert!(!has(b, ONE).await);
    b.node().courier_in(&b.who, forged).await.unwrap_err();
    assert_eq!(exchanged().await, after);
    let report = b.node().courier_in(&b.who, sound).await.unwrap();
    assert_eq!((report.papers, report.taken), ("known", 1), "{report:?}");
}

/// Who answers no more is told as gone by the last question to it, and not two minutes later; who cannot be called counts while it
/// calls.
#[tokio::test]
async fn who_answers_no_more_is_not_reachable() {
    let region = region(&["a", "b"]).await;
    let (a, b) = (&region[0], &region[1]);
    let of_b = async || peer(a, "b").await.reachable;
    let in_vain = async || a.node().peer_figures(&a.who).await.unwrap()[0].unreached_seconds;
    a.node().spoke(b.id().await, Spoken::Unreachable);
    a.bench.clock.advance(7 * Micros::SECOND);
    assert_eq!(
        (of_b().await, in_vain().await),
        (false, 7),
        "since it was first called, for it was never heard of"
    );
    crate::exchange::meet(a, b).await;
    a.node().spoke(b.id().await, Spoken::Answered);
    assert_eq!((of_b().await, in_vain().await), (true, 0));
    a.bench.clock.advance(5 * Micros::SECOND);
    a.node().spoke(b.id().await, Spoken::Unreachable);
    assert_eq!((of_b().await, in_vain().await), (false, 5), "it has never called, and was heard of before");
    crate::exchange::meet(b, a).await;
    assert!(of_b().await, "it calls, though it cannot be called");
    a.bench.clock.advance(25 * Micros::SECOND);
    assert!(!of_b().await);
    a.node().spoke(b.id().await, Spoken::Answered);
    assert!(of_b().await);
    crate::exchange::meet(b, a).await;
    a.bench.clock.advance(Micros::SECOND);
    a.node().spoke(b.id().await, Spoken::Unreachable);
    assert!(!of_b().await, "it called before, and answers no more");
    a.node().spoke(b.id().await, Spoken::Answered);
    a.bench.clock.advance(120 * Micros::SECOND);
    assert!(!of_b().await, "what was heard longer ago counts no more");
}

/// Who is taken into a circle again while it is in it: nothing changes, and nobody is told anything.
#[tokio::test]
async fn taking_in_who_is_in_already_changes_nothing() {
    let region = region(&["a", "b", "c"]).await;
    let a = &region[0];
    circle(a, "air", "b").await;
    let add = async |slugs: &[&str]| {
        let members: Vec<String> = slugs.iter().map(|slug| (*slug).to_owned()).collect();
        a.node().add_to_circle(&a.who, "air", &members, community::History::FromNow).await.unwrap()
    };
    assert_eq!((add(&["b"]).await.version, add(&["b", "a"]).await.version), (1, 1));
    assert_eq!(add(&["b", "c"]).await.version, 2);
}
