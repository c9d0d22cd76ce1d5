//! What comes back after a restore of what several desks had: who of this member's people reads it then.

use base::Micros;
use handling::Role;

use crate::community::{Seat, meet as exchange_papers};
use crate::deeds::{ADDRESS, Desks, address};
use crate::exchange::{ONE, has, meet, region, round, to};
use crate::peers::Region;
use crate::recovery::{back_up, restored};
use crate::{R, START};

/// A is restored from the file and takes everything back from all others.
async fn back(region: &Region, file: &std::path::Path) -> Seat {
    let a = restored(&region[0], file).await;
    for other in &region.0[1..] {
        other.bench.clock.set(START.plus(3_600 * Micros::SECOND));
        exchange_papers(&a, other).await.unwrap();
    }
    for _ in 0..3 {
        for other in &region.0[1..] {
            meet(&a, other).await;
        }
    }
    assert_eq!(a.node().status().0, node::Status::Ok);
    a
}

/// What came back after a restore is read by who runs the node alone, until they say otherwise: in which collection it stood, and who read it
/// there, is in no act.
#[tokio::test]
async fn what_comes_back_is_opened_to_no_colleague() {
    let region = region(&["a", "b", "c"]).await;
    let desks = Desks::of(&region[0]).await;
    region[0].bench.user("eve", Role::Analyst).await;
    let room = tempfile::tempdir().unwrap();
    let file = room.path().join("copy");
    back_up(&region[0], &file).await;
    desks.bring(&desks.bob, ("bobs", &address("")), to(&["b", "c"])).await;
    round(&region).await;
    let a = back(&region, &file).await;
    let eve = a.bench.principal("eve").await;
    assert!(a.node().object(&eve, ADDRESS, None).await.is_err(), "Eve never read Bob's desk");
    assert!(has(&a, ADDRESS).await);
    let bob = a.bench.principal("bob").await;
    assert!(a.node().object(&bob, ADDRESS, None).await.is_err(), "nor is it known that Bob did");
    let root = a.bench.operator().await;
    a.node().grant(&root, "restored", "user:bob".parse().unwrap(), R).await.unwrap();
    let bob = a.bench.principal("bob").await;
    assert!(a.node().object(&bob, ADDRESS, None).await.is_ok());
    // What others send comes to where it always did.
    crate::exchange::bring(&region[1], 1..2, to(&["a"])).await;
    meet(&a, &region[1]).await;
    assert!(a.node().object(&eve, ONE, None).await.is_ok());
}
