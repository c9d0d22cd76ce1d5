//! Why a recovery waits for a member, as whoever runs the node is told: each reason with what brings it about.

use base::Micros;
use base::signed::Signed;
use federation::{HELLO_TYPE, Hello, Turn, Versions};
use node::Spoken;

use crate::START;
use crate::community::{Seat, join, meet as exchange_papers};
use crate::exchange::{bring, meet, region, round, to};
use crate::peers::Region;
use crate::recovery::{back_up, restored, scene, why};

/// The reason, and whether it passes by itself.
async fn waits(seat: &Seat, slug: &str) -> (String, bool) {
    let (reason, stuck) = why(seat, slug).await;
    (reason, !stuck)
}

/// The first turn of a meeting, and what is answered to it.
async fn answered(a: &Seat, b: &Seat) -> Vec<u8> {
    let asked = a.node().turn_first(b.id().await).await.unwrap();
    b.node().turn_answer(&asked).await.unwrap()
}

#[tokio::test]
async fn a_member_whose_node_or_version_is_not_taken_is_told_with_what_helps() {
    let (region, a, _) = scene().await;
    let b = &region[1];
    let id = b.id().await;
    // Whoever answers at its address shows no certificate of it.
    a.node().answers_for(id, &[]).unwrap_err();
    assert_eq!(waits(&a, "b").await, ("road".to_owned(), false));
    // It is one of its, and speaks nothing that is spoken here.
    b.node().hold_certificate().await.unwrap();
    let shown = b.node().identity().unwrap();
    let chain: Vec<&[u8]> = shown.chain.iter().map(Vec::as_slice).collect();
    a.node().answers_for(id, &chain).unwrap();
    a.node().spoke(id, Spoken::Answered);
    let mut turn = Turn::from_bytes(&answered(&a, b).await).unwrap();
    let mut hello: Hello = serde_json::from_slice(turn.hello.unverified_payload()).unwrap();
    hello.versions = Versions { min: 90, max: 91 };
    let (payload, key) = (serde_json::to_vec(&hello).unwrap(), b.node().member_signer().await.unwrap());
    turn.hello = Signed::sign(HELLO_TYPE, payload, &key).unwrap();
    a.node().turn_take(id, &turn.to_bytes()).await.unwrap();
    assert_eq!(waits(&a, "b").await, ("version".to_owned(), false));
    meet(&a, b).await;
    assert_eq!(waits(&a, "b").await.0, "", "it has given back");
}

#[tokio::test]
async fn what_passes_when_papers_are_read_is_told_as_such() {
    let mut region = region(&["a", "b", "c"]).await;
    bring(&region[0], 1..2, to(&["b", "c"])).await;
    round(&region).await;
    let room = tempfile::tempdir().unwrap();
    let file = room.path().join("copy");
    back_up(&region[0], &file).await;
    let hour = START.plus(3_600 * Micros::SECOND);
    let back = restored(&region[0], &file).await;
    for other in &region.0[1..] {
        other.bench.clock.set(hour);
        back.node().spoke(other.id().await, Spoken::Answered);
    }
    let answer = answered(&back, &region[1]).await;
    back.node().turn_take(region[1].id().await, &answer).await.unwrap();
    assert_eq!(waits(&back, "b").await, ("papers".to_owned(), true));
    // One more was let in after the backup: the others know a later registry than it has.
    for other in &region.0[1..] {
        other.bench.clock.set(START);
    }
    let newcomer = Seat::new(9).await;
    join(&region[0], &newcomer, "d").await;
    region.0.push(newcomer);
    region.decide("d").await;
    let again = restored(&region[0], &file).await;
    let b = &region[1];
    for other in &region.0[1..] {
        other.bench.clock.set(hour);
        again.node().spoke(other.id().await, Spoken::Answered);
    }
    let answer = answered(&again, b).await;
    again.node().turn_take(b.id().await, &answer).await.unwrap();
    assert_eq!(waits(&again, "b").await, ("registry-behind".to_owned(), true));
    exchange_papers(&again, b).await.unwrap();
    meet(&again, b).await;
    assert_eq!(waits(&again, "b").await.0, "");
}

#[tokio::test]
async fn who_recovers_itself_or_was_put_back_again_is_waited_for_without_advice_to_leave_it_out() {
    let region = region(&["a", "b", "c"]).await;
    bring(&region[0], 1..2, to(&["b", "c"])).await;
    round(&region).await;
    let room = tempfile::tempdir().unwrap();
    let [of_a, of_b] = ["a", "b"].map(|name| room.path().join(name));
    back_up(&region[0], &of_a).await;
    back_up(&region[1], &of_b).await;
    let (a, b, c) = (restored(&region[0], &of_a).await, restored(&region[1], &of_b).await, &region[2]);
    for seat in [&region[1], c] {
        seat.bench.clock.set(START.plus(3_600 * Micros::SECOND));
    }
    exchange_papers(&a, &b).await.unwrap();
    for seat in [&a, &b] {
        exchange_papers(seat, c).await.unwrap();
    }
    a.node().spoke(b.id().await, Spoken::Answered);
    meet(&a, &b).await;
    meet(&a, c).await;
    assert_eq!(a.node().recovery(&a.who).await.unwrap().stage, "catching-up");
    assert_eq!(waits(&a, "b").await, ("recovers-itself".to_owned(), true));
    // The machine of B is put back once more, to before its restore, and calls before anybody has told it.
    let early = region[1].node().turn_first(a.id().await).await.unwrap();
    a.node().turn_answer(&early).await.unwrap();
    assert_eq!(waits(&a, "b").await, ("earlier-life".to_owned(), true));
}

#[tokio::test]
async fn a_member_that_was_put_aside_before_its_backup_is_told_that_nobody_answers_it() {
    let region = Region::of(&["a", "b", "c", "d"]).await;
    for seat in &region.0 {
        seat.node().announce().await.unwrap();
    }
    let (a, b) = (&region[0], &region[1]);
    b.node().propose(&b.who, "a", Some("unreachable".to_owned())).await.unwrap();
    for _ in 0..3 {
        region.gather().await;
        for seat in &region.0[1..] {
            let _ = seat.node().say(&seat.who, "a", community::Word::Approve).await;
        }
    }
    region.gather().await;
    let shown = a.node().community(&a.who).await.unwrap();
    assert_eq!(shown.status, "suspended");
    let room = tempfile::tempdir().unwrap();
    let file = room.path().join("copy");
    back_up(a, &file).await;
    let back = restored(a, &file).await;
    assert_eq!(waits(&back, "b").await, ("suspended".to_owned(), false));
}
