//! What a member is still to be told of what was refused: by whatever road it came, and over the end of a process.

use std::sync::Arc;

use base::Micros;
use base::signed::Signed;
use federation::{HELLO_TYPE, Hello, Turn, Versions};
use node::{Options, Settings};

use crate::START;
use crate::community::{Seat, meet as exchange_papers};
use crate::exchange::{ONE, bring, meet, peer, region, to};
use crate::peers::Region;
use crate::recovery::{back_up, restored_at};

/// B gives A something whose time is over by A's clock before it comes. Answers with the act's place in B's ledger.
async fn stale(region: &Region) -> u64 {
    let (a, b) = (&region[0], &region[1]);
    let soon = START.plus(3_600 * Micros::SECOND);
    bring(b, 1..2, Options { retain_until: Some(soon), ..to(&["a"]) }).await;
    a.bench.clock.set(soon.plus(Micros::SECOND));
    b.node().shared_state().await.unwrap().unwrap().leaves - 1
}

async fn receipt(seat: &Seat, leaf: u64) -> &'static str {
    seat.node().receipts(leaf).await.unwrap()[0].status
}

/// How many refusals a node has still to tell a member of.
async fn owed(seat: &Seat, whom: &Seat) -> usize {
    let (me, whom) = (seat.id().await.0, whom.id().await.0);
    let store: Arc<dyn store::Store> = seat.bench.store.clone();
    store::looked(&*store, me, move |rows| Ok(rows.owed(&whom, 0, 10_000).unwrap().len())).await.unwrap()
}

async fn carry(from: &Seat, to: &Seat, slug: &str) -> node::CourierReport {
    let file = from.node().courier_out(&from.who, Some(slug)).await.unwrap();
    to.node().courier_in(&to.who, file).await.unwrap()
}

#[tokio::test]
async fn what_was_refused_of_a_file_is_told_by_the_next_file_until_one_that_told_it_was_taken() {
    let region = region(&["a", "b"]).await;
    let leaf = stale(&region).await;
    let (a, b) = (&region[0], &region[1]);
    let report = carry(b, a, "a").await;
    assert!(report.refused[0].rule.starts_with("handling/"), "{report:?}");
    assert_eq!((receipt(b, leaf).await, owed(a, b).await), ("pending", 1));
    // The first file is lost.
    a.node().courier_out(&a.who, Some("b")).await.unwrap();
    carry(a, b, "b").await;
    assert_eq!(receipt(b, leaf).await, "refused");
    let refusals = peer(b, "a").await.refusals;
    assert_eq!(refusals[0].object.as_deref(), Some(ONE), "B holds the act that A refused");
    let nobody = handling::Principal { access: std::collections::BTreeMap::new(), ..b.who.clone() };
    let told = b.node().peers(&nobody).await.unwrap().remove(0).refusals;
    assert_eq!(
        (told.len(), told[0].object.as_deref()),
        (refusals.len(), None),
        "who may not see it is not told"
    );
    let refusals = refusals.len();
    carry(a, b, "b").await;
    assert_eq!((peer(b, "a").await.refusals.len(), owed(a, b).await), (refusals, 1), "it may not have come");
    carry(b, a, "a").await;
    assert_eq!(owed(a, b).await, 0, "that file said what B has taken");
}

#[tokio::test]
async fn what_files_told_is_known_to_be_heard_however_many_follow() {
    let region = region(&["a", "b"]).await;
    stale(&region).await;
    let (a, b) = (&region[0], &region[1]);
    carry(b, a, "a").await;
    carry(a, b, "b").await;
    // Others are on their way when B says that it has taken the first.
    a.bench.clock.advance(Micros::SECOND);
    a.node().courier_out(&a.who, Some("b")).await.unwrap();
    carry(b, a, "a").await;
    assert_eq!(owed(a, b).await, 0);
    // So it goes with what is refused next.
    let soon = START.plus(3_600 * Micros::SECOND);
    bring(b, 2..3, Options { retain_until: Some(soon), ..to(&["a"]) }).await;
    carry(b, a, "a").await;
    assert_eq!(owed(a, b).await, 1);
    carry(a, b, "b").await;
    carry(b, a, "a").await;
    assert_eq!(owed(a, b).await, 0);
}

#[tokio::test]
async fn what_was_refused_of_a_file_is_told_in_the_next_meeting() {
    let region = region(&["a", "b"]).await;
    let leaf = stale(&region).await;
    let (a, b) = (&region[0], &region[1]);
    carry(b, a, "a").await;
    meet(a, b).await;
    assert_eq!((receipt(b, leaf).await, owed(a, b).await), ("refused", 0));
}

#[tokio::test]
async fn a_refusal_that_its_author_was_told_after_its_backup_is_told_again() {
    let region = region(&["a", "b"]).await;
    let a = &region[0];
    meet(a, &region[1]).await;
    let leaf = stale(&region).await;
    let room = tempfile::tempdir().unwrap();
    let file = room.path().join("copy");
    back_up(&region[1], &file).await;
    meet(a, &region[1]).await;
    assert_eq!((receipt(&region[1], leaf).await, owed(a, &region[1]).await), ("refused", 0));
    let b = restored_at(&file, (Settings::default(), START.plus(60 * Micros::SECOND))).await;
    exchange_papers(&b, a).await.unwrap();
    for _ in 0..2 {
        meet(&b, a).await;
    }
    meet(a, &b).await;
    assert_eq!((receipt(&b, leaf).await, owed(a, &b).await), ("refused", 0));
}

#[tokio::test]
async fn what_was_refused_is_told_in_answers_to_who_cannot_be_called() {
    let region = region(&["a", "b"]).await;
    let leaf = stale(&region).await;
    let (a, b) = (&region[0], &region[1]);
    carry(b, a, "a").await;
    // What A would say never comes.
    a.node().turn_first(b.id().await).await.unwrap();
    meet(b, a).await;
    assert_eq!(receipt(b, leaf).await, "refused");
    // B never hears a turn of A's, and says in its own next one that the answer came.
    a.bench.clock.advance(Micros::SECOND);
    a.node().turn_first(b.id().await).await.unwrap();
    meet(b, a).await;
    assert_eq!((peer(b, "a").await.refusals.len(), owed(a, b).await), (1, 0));
}

#[tokio::test]
async fn who_speaks_no_common_version_has_not_read_what_was_refused() {
    let region = region(&["a", "b"]).await;
    stale(&region).await;
    let (a, b) = (&region[0], &region[1]);
    carry(b, a, "a").await;
    let asked = a.node().turn_first(b.id().await).await.unwrap();
    let mut turn = Turn::from_bytes(&b.node().turn_answer(&asked).await.unwrap()).unwrap();
    let mut hello: Hello = serde_json::from_slice(turn.hello.unverified_payload()).unwrap();
    hello.versions = Versions { min: 90, max: 91 };
    let (payload, key) = (serde_json::to_vec(&hello).unwrap(), b.node().member_signer().await.unwrap());
    turn.hello = Signed::sign(HELLO_TYPE, payload, &key).unwrap();
    a.node().turn_take(b.id().await, &turn.to_bytes()).await.unwrap();
    assert_eq!(owed(a, b).await, 1);
}

#[tokio::test]
async fn a_refusal_that_a_process_had_not_told_is_told_by_the_next_one() {
    let mut region = region(&["a", "b"]).await;
    meet(&region[0], &region[1]).await;
    let leaf = stale(&region).await;
    let first = region[1].node().turn_first(region[0].id().await).await.unwrap();
    // Taken, refused, and the answer is lost with the process.
    region[0].node().turn_answer(&first).await.unwrap();
    assert_eq!(receipt(&region[1], leaf).await, "pending");
    region.0[0].bench.reopened(Settings::default()).await;
    let (a, b) = (&region[0], &region[1]);
    assert_eq!(owed(a, b).await, 1);
    meet(a, b).await;
    assert_eq!((receipt(b, leaf).await, owed(a, b).await), ("refused", 0));
    meet(a, b).await;
    assert_eq!(peer(b, "a").await.refusals.len(), 1, "once it has come it is not told again");
}

/// More is refused than the list shows: it is counted, and who runs the node is told of which objects.
#[tokio::test]
async fn every_refusal_is_counted_and_says_of_which_object() {
    let region = region(&["a", "b"]).await;
    let (a, b) = (&region[0], &region[1]);
    let soon = crate::START.plus(3_600 * Micros::SECOND);
    bring(b, 1..31, Options { retain_until: Some(soon), ..to(&["a"]) }).await;
    a.bench.clock.set(soon.plus(Micros::SECOND));
    carry(b, a, "a").await;
    let seen = peer(a, "b").await;
    assert_eq!((seen.refused_here, seen.refused_there, seen.refusals.len()), (30, 0, 20));
    let named: Vec<_> = seen.refusals.iter().filter_map(|one| one.object.as_deref()).collect();
    assert!(
        named.len() == 20 && named.contains(&"indicator--00000000-0000-4000-8000-000000000030"),
        "{named:?}"
    );
    let figures = a.node().peer_figures(&a.who).await.unwrap();
    assert_eq!(figures[0].refusals, 30);
    // Nothing of it is here, so whoever does not run the node is told no names.
    let reader = handling::Principal { roles: [handling::Role::Reader].into(), ..a.who.clone() };
    let told = a.node().peers(&reader).await.unwrap().remove(0).refusals;
    assert!(told.len() == 20 && told.iter().all(|one| one.object.is_none()), "{told:?}");

    carry(a, b, "b").await;
    let there = peer(b, "a").await;
    assert_eq!((there.refused_here, there.refused_there), (0, 30));
    assert!(there.refusals.iter().all(|one| one.object.is_some()));
    assert_eq!(b.node().peer_figures(&b.who).await.unwrap()[0].refusals, 30);
}

/// What was refused here is named to who runs the node, but not where another version of it stands that they may not see.
#[tokio::test]
async fn what_was_refused_is_named_to_nobody_who_may_not_see_what_stands() {
    let region = region(&["a", "b"]).await;
    let (a, b) = (&region[0], &region[1]);
    let soon = crate::START.plus(3_600 * Micros::SECOND);
    bring(b, 1..3, Options { retain_until: Some(soon), ..to(&["a"]) }).await;
    a.bench.clock.set(soon.plus(Micros::SECOND));
    carry(b, a, "a").await;
    let admin = a.bench.user("adm", handling::Role::Admin).await;
    let named = async |who: &handling::Principal| {
        let told = a.node().peers(who).await.unwrap().remove(0).refusals;
        assert_eq!(told.len(), 2, "it is told that something was refused");
        told.into_iter().filter_map(|one| one.object).collect::<Vec<_>>()
    };
    assert_eq!(named(&admin).await.len(), 2);
    bring(a, 2..3, Options::default()).await;
    assert_eq!(named(&admin).await, ["indicator--00000000-0000-4000-8000-000000000001"]);
    assert_eq!(named(&a.who).await.len(), 2, "who may see it is told");
}

/// A member whose node answers and takes nothing, its disk being full, is told with the code of that until it takes something again.
#[tokio::test]
async fn who_answers_and_takes_nothing_is_told_with_why() {
    let region = region(&["a", "b"]).await;
    let (a, b) = (&region[0], region[1].id().await);
    let told = async || peer(a, "b").await.takes_nothing;
    assert_eq!(told().await, None);
    let full = store::StoreError::ReadOnly { reason: "the disk is full".into() }.code();
    a.node().turn_ended(b, Some(format!(r#"{{"code":"{full}"}}"#).as_bytes()));
    assert_eq!(told().await, Some(full));
    // Whoever answers chose the words: those that nobody here knows are not repeated.
    a.node().turn_ended(b, Some(br#"{"code":"<b>"}"#));
    assert_eq!(told().await, None);
    a.node().turn_ended(b, Some(format!(r#"{{"code":"{full}"}}"#).as_bytes()));
    a.node().turn_ended(b, None);
    assert_eq!(told().await, None);
}
