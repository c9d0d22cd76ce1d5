//! What a member may have once it learns that it is in a circle waits for that; nothing else does, and nothing for ever.

use base::Micros;
use community::History;
use node::Options;

use crate::START;
use crate::community::Seat;
use crate::exchange::{bring, has, meet, peer, region, round, to};
use crate::peers::Region;

const HOUR: i64 = 3_600 * Micros::SECOND;

fn indicator_id(number: u32) -> String {
    format!("indicator--00000000-0000-4000-8000-{number:012}")
}

/// A community of which A keeps a circle with C in it.
async fn with_circle() -> Region {
    let region = region(&["a", "b", "c"]).await;
    region.circle("banks", &["c"]).await;
    region
}

async fn last_refusal(seat: &Seat, of: &str) -> String {
    peer(seat, of).await.refusals.first().map(|refusal| refusal.rule.clone()).unwrap_or_default()
}

/// B is named beside a circle that it is not in, and cannot have the object for another reason: its clock is ahead.
#[tokio::test]
async fn what_no_circle_would_let_in_is_refused_at_once() {
    let region = with_circle().await;
    let (a, b) = (&region[0], &region[1]);
    b.bench.clock.set(START.plus(24 * HOUR));
    let short = Options { retain_until: Some(START.plus(HOUR)), ..to(&["b", "banks"]) };
    bring(a, 1..2, short).await;
    bring(a, 2..3, to(&["b"])).await;
    round(&region).await;
    assert!(has(b, &indicator_id(2)).await && !has(b, &indicator_id(1)).await);
    assert_eq!((peer(a, "b").await.lag_out, peer(b, "a").await.awaits_circle), (Some(0), None));
    assert_eq!(last_refusal(b, "a").await, "handling/retention");
}

/// To be given on and not to be read is for nobody: the sender's own judgement says so, and nothing goes that is refused.
#[tokio::test]
async fn what_may_only_be_given_on_goes_to_nobody() {
    let region = with_circle().await;
    let (a, b) = (&region[0], &region[1]);
    let sharing = handling::Purposes::of([handling::Purpose::Sharing]);
    bring(a, 1..2, Options { purposes: Some(sharing), ..to(&["b", "banks"]) }).await;
    bring(a, 2..3, to(&["b"])).await;
    round(&region).await;
    assert!(has(b, &indicator_id(2)).await && !has(b, &indicator_id(1)).await);
    let (ours, theirs) = (peer(a, "b").await, peer(b, "a").await);
    assert_eq!((ours.lag_out, ours.refused_there, theirs.refused_here), (Some(0), 0, 0));
}

/// C knows that B is in the circle, and B does not know it yet: A, who keeps the circle, has not met B.
async fn before_the_owner_comes(region: &Region) {
    let (a, b, c) = (&region[0], &region[1], &region[2]);
    a.node().add_to_circle(&a.who, "banks", &["b".to_owned()], History::All).await.unwrap();
    crate::community::meet(c, a).await.unwrap();
    bring(c, 1..2, to(&["a/banks"])).await;
    bring(c, 2..3, to(&["b"])).await;
    meet(c, b).await;
    assert!(!has(b, &indicator_id(1)).await && !has(b, &indicator_id(2)).await);
    assert!(peer(b, "c").await.awaits_circle.is_some());
}

async fn circles_are_well(seat: &Seat) -> Option<bool> {
    let checks = seat.node().doctor(&seat.who, node::Depth::Quick).await.unwrap();
    checks.into_iter().find(|check| check.name == "circles").map(|check| check.ok)
}

#[tokio::test]
async fn what_is_for_a_circle_waits_until_its_owner_says_who_is_in_it() {
    let region = with_circle().await;
    before_the_owner_comes(&region).await;
    let (a, b, c) = (&region[0], &region[1], &region[2]);
    crate::community::meet(b, a).await.unwrap();
    meet(c, b).await;
    assert!(has(b, &indicator_id(1)).await && has(b, &indicator_id(2)).await);
    assert_eq!((peer(b, "c").await.awaits_circle, circles_are_well(b).await), (None, None));
}

/// The versions of circles that a node has, as its next question to somebody tells.
async fn versions(seat: &Seat) -> Vec<u64> {
    seat.node().circles(&seat.who).await.unwrap().iter().map(|circle| circle.version).collect()
}

/// Whoever asks whom: the one that lacks it, or the one that has it.
#[tokio::test]
async fn anybody_in_a_circle_brings_its_document() {
    for b_asks in [true, false] {
        let region = with_circle().await;
        before_the_owner_comes(&region).await;
        let (b, c) = (&region[1], &region[2]);
        let (one, other) = if b_asks { (b, c) } else { (c, b) };
        crate::community::meet(one, other).await.unwrap();
        assert_eq!((versions(b).await, versions(c).await), (vec![2], vec![2]));
        meet(c, b).await;
        assert!(has(b, &indicator_id(1)).await && has(b, &indicator_id(2)).await);
        assert_eq!(peer(b, "c").await.awaits_circle, None);
        // Who is up to date is told nothing more.
        let question = b.node().papers_question(c.id().await, Some(&node::Have::new())).await.unwrap();
        let answer = c.node().papers_answer(&question, None).await.unwrap();
        assert_eq!(said(&answer)["circles"], serde_json::json!([]));
    }
}

/// What a message of papers says.
pub(crate) fn said(message: &[u8]) -> serde_json::Value {
    let signed = base::signed::Signed::parse(message).unwrap();
    serde_json::from_slice(signed.unverified_payload()).unwrap()
}

/// What a member would ask another if it said this in one field.
pub(crate) async fn saying(from: &Seat, to: &Seat, (field, what): (&str, serde_json::Value)) -> Vec<u8> {
    let mut message = said(&from.node().papers_question(to.id().await, None).await.unwrap());
    message[field] = what;
    let signer = from.node().member_signer().await.unwrap();
    let payload = serde_json::to_vec(&message).unwrap();
    base::signed::Signed::sign(node::PAPERS_TYPE, payload, &signer).unwrap().to_json().into_bytes()
}

/// What a member would ask another if it brought these circles with it.
async fn bringing(from: &Seat, to: &Seat, circles: serde_json::Value) -> Vec<u8> {
    saying(from, to, ("circles", circles)).await
}

/// A farewell is the same for all that were taken out: brought to one that was not, it is none of its owner's words to that one. And who
/// is not in a circle gives nobody a document of it.
#[tokio::test]
async fn a_farewell_and_what_an_outsider_brings_are_refused() {
    let region = with_circle().await;
    let (a, b, c) = (&region[0], &region[1], &region[2]);
    a.node().add_to_circle(&a.who, "banks", &["b".to_owned()], History::All).await.unwrap();
    region.gather().await;
    a.node().remove_from_circle(&a.who, "banks", &["c".to_owned()]).await.unwrap();
    let question = c.node().papers_question(a.id().await, None).await.unwrap();
    let farewell = said(&a.node().papers_answer(&question, None).await.unwrap())["circles"].clone();
    assert_eq!(farewell.as_array().unwrap().len(), 1);
    let brought = bringing(c, b, farewell).await;
    b.node().papers_answer(&brought, None).await.unwrap();
    assert_eq!(versions(b).await, [2], "it goes on in the circle");
    // The document of the circle without C, which C has got hold of.
    let question = b.node().papers_question(a.id().await, None).await.unwrap();
    let without = said(&a.node().papers_answer(&question, None).await.unwrap())["circles"].clone();
    b.node().papers_answer(&bringing(c, b, without.clone()).await, None).await.unwrap();
    assert_eq!(versions(b).await, [2]);
    b.node().papers_answer(&bringing(a, b, without).await, None).await.unwrap();
    assert_eq!(versions(b).await, [3]);
}

#[tokio::test]
async fn what_waits_for_a_circle_is_told_and_comes_to_an_end() {
    let region = with_circle().await;
    before_the_owner_comes(&region).await;
    let (b, c) = (&region[1], &region[2]);
    assert_eq!(circles_are_well(b).await, Some(true), "papers travel within seconds");
    let later = async |minutes: i64| {
        for seat in [b, c] {
            seat.bench.clock.set(START.plus(minutes * 60 * Micros::SECOND));
        }
        meet(c, b).await;
    };
    later(30).await;
    assert_eq!((has(b, &indicator_id(2)).await, circles_are_well(b).await), (false, Some(false)));
    later(61).await;
    assert!(has(b, &indicator_id(2)).await && !has(b, &indicator_id(1)).await);
    assert_eq!((last_refusal(b, "c").await, circles_are_well(b).await), ("handling/audience".into(), None));
    // What else is for the circle does not wait anew.
    bring(c, 3..4, to(&["a/banks"])).await;
    bring(c, 4..5, to(&["b"])).await;
    meet(c, b).await;
    meet(c, b).await;
    assert!(has(b, &indicator_id(4)).await && !has(b, &indicator_id(3)).await);
}

/// Whoever has a key of C's that was replaced can leave a parcel by it; the papers in it are not C's, so that what waits for these is not
/// refused for want of them.
#[tokio::test]
async fn papers_by_a_replaced_key_do_not_stand_for_the_members() {
    let region = region(&["a", "b", "c"]).await;
    region.circle("banks", &["b", "c"]).await;
    let (a, b, c) = (&region[0], &region[1], &region[2]);
    let former = c.node().member_signer().await.unwrap();
    c.node().rotate_key(&c.who).await.unwrap();
    region.gather().await;
    bring(c, 1..2, to(&["a/banks"])).await;
    let names = ["b".to_owned()];
    a.node().remove_from_circle(&a.who, "banks", &names).await.unwrap();
    crate::community::meet(b, a).await.unwrap();
    a.node().add_to_circle(&a.who, "banks", &names, History::All).await.unwrap();
    crate::community::meet(c, a).await.unwrap();
    let sound = crate::relay::parcel(c, b).await;
    let papers = said(&c.node().papers_question(b.id().await, None).await.unwrap());
    let papers = serde_json::to_vec(&papers).unwrap();
    let papers = base::signed::Signed::sign(node::PAPERS_TYPE, papers, &former).unwrap().to_json();
    let forged = crate::relay::altered(b, &sound, |fields| {
        crate::relay::replace(fields, 5, papers.into_bytes());
        crate::relay::manifest(fields, &former, |_| {});
    });
    let parcels = federation::parcels_to(&[forged.await]);
    assert_eq!(b.node().relay_take(&parcels).await.unwrap().taken, 0);
    meet(c, b).await;
    assert!(peer(b, "c").await.awaits_circle.is_some(), "{:?}", peer(b, "c").await.refusals);
    crate::community::meet(b, c).await.unwrap();
    meet(c, b).await;
    assert!(has(b, &indicator_id(1)).await);
}

/// A parcel brings its sender's papers as a courier file does: what is for a circle that B has left is refused when it comes, and keeps back
/// nothing behind it; and B is told by the parcel where its sender knows that it is in again.
#[tokio::test]
async fn what_comes_by_relay_for_a_circle_that_was_left_holds_nothing_back() {
    for again in [false, true] {
        let region = region(&["a", "b", "c"]).await;
        region.circle("banks", &["b", "c"]).await;
        let (a, b, c) = (&region[0], &region[1], &region[2]);
        bring(c, 1..2, to(&["a/banks"])).await;
        bring(c, 2..3, to(&["b"])).await;
        let names = ["b".to_owned()];
        a.node().remove_from_circle(&a.who, "banks", &names).await.unwrap();
        crate::community::meet(b, a).await.unwrap();
        assert!(versions(b).await.is_empty(), "it has left");
        if again {
            a.node().add_to_circle(&a.who, "banks", &names, History::All).await.unwrap();
            crate::community::meet(c, a).await.unwrap();
        }
        let parcel = crate::relay::parcel(c, b).await;
        let outcome = b.node().relay_take(&federation::parcels_to(&[parcel])).await.unwrap();
        assert_eq!((outcome.taken, has(b, &indicator_id(2)).await), (1, true), "{again}");
        assert_eq!(has(b, &indicator_id(1)).await, again);
        assert_eq!(peer(b, "c").await.awaits_circle, None);
    }
}
