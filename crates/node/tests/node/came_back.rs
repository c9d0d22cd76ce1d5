//! What comes back after a restore of what several desks had: who of this member's people reads it then.

use base::Micros;
use handling::Role;

use crate::community::{Seat, meet as exchange_papers};
use crate::deeds::{ADDRESS, Desks, address};
use crate::exchange::{ONE, has, meet, region, round, to};
use crate::peers::Region;
use crate::recovery::{back_up, restored};
use crate::{R, START, indicator};

/// A is restored from the file and takes everything back from all others.
async fn back(region: &Region, file: &std::path::Path) -> Seat {
    back_from(&region[0], &region.0[1..], file).await
}

async fn back_from(a: &Seat, others: &[Seat], file: &std::path::Path) -> Seat {
    let a = restored(a, file).await;
    for other in others {
        other.bench.clock.set(START.plus(3_600 * Micros::SECOND));
        exchange_papers(&a, other).await.unwrap();
    }
    for _ in 0..3 {
        for other in others {
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

/// A later version comes to where an earlier one stands, for no more than see that one: its readers would go on by what holds no more. What is
/// granted of what came back once opens nothing of what comes back another time.
#[tokio::test]
async fn a_later_version_comes_back_to_its_earlier_ones_and_each_recovery_has_its_own_place() {
    let region = region(&["a", "b", "c"]).await;
    let desks = Desks::of(&region[0]).await;
    let room = tempfile::tempdir().unwrap();
    let file = room.path().join("copy");
    let first = indicator(1, "[url:value = 'http://1.example/']", "");
    desks.bring(&desks.bob, ("bobs", &first), to(&["b", "c"])).await;
    round(&region).await;
    back_up(&region[0], &file).await;
    let second = first
        .replace("\"modified\":\"2025-01-01", "\"modified\":\"2025-02-01")
        .replace("number 1", "number two");
    desks.bring(&desks.bob, ("bobs", &second), to(&["b", "c"])).await;
    desks.bring(&desks.bob, ("bobs", &address("")), to(&["b", "c"])).await;
    round(&region).await;
    let a = back(&region, &file).await;
    for (reader, sees) in [("bob", true), ("rob", true), ("ann", false)] {
        let reader = a.bench.principal(reader).await;
        let told = a.node().object(&reader, ONE, None).await;
        let is_second =
            told.is_ok_and(|told| String::from_utf8_lossy(&told.into_inner().bytes).contains("number two"));
        assert_eq!(is_second, sees);
    }
    let root = a.bench.operator().await;
    a.node().grant(&root, "restored", "user:ann".parse().unwrap(), R).await.unwrap();
    let ann = a.bench.principal("ann").await;
    assert!(a.node().object(&ann, ADDRESS, None).await.is_ok());

    let again = room.path().join("again");
    back_up(&a, &again).await;
    let third = "ipv4-addr--28bb3599-77cd-5a82-a950-b5bc3caf07c4";
    let other = address("").replace(ADDRESS, third).replace("198.51.100.77", "198.51.100.3");
    let bob = a.bench.principal("bob").await;
    let request = node::AcceptRequest {
        collection: "bobs",
        objects: vec![other.into()],
        options: to(&["b", "c"]),
        status: node::KeepStatus::No,
    };
    a.node().accept(&bob, request).await.unwrap();
    for other in &region.0[1..] {
        meet(&a, other).await;
    }
    let a = back_from(&a, &region.0[1..], &again).await;
    assert!(has(&a, third).await);
    let ann = a.bench.principal("ann").await;
    assert!(a.node().object(&ann, ADDRESS, None).await.is_ok(), "what was granted stays so");
    assert!(a.node().object(&ann, third, None).await.is_err());
}
