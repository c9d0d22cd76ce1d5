//! Sightings between members: each goes back to whoever said what was seen, and to others only where that is asked for.

use node::{SightRequest, Sighted};

use crate::community::Seat;
use crate::exchange::{bring, has, region, round, to};

const VALUE: &str = "http://1.example/";
const ONE: &str = "indicator--00000000-0000-4000-8000-000000000001";

async fn sight(seat: &Seat, what: &str, to_all: bool) -> Sighted {
    let sector = Some("healthcare".to_owned());
    let request = SightRequest { what: what.to_owned(), sector, to_all, ..SightRequest::default() };
    seat.node().sight(&seat.who, request).await.unwrap()
}

fn ids(sighted: &Sighted) -> Vec<String> {
    sighted.receipts.iter().map(|receipt| receipt.id.clone().unwrap()).collect()
}

/// A and C both told B of a value: each hears that its own was seen, and nothing of the other's.
#[tokio::test]
async fn who_saw_a_value_tells_each_who_told_of_it() {
    let region = region(&["a", "b", "c"]).await;
    let (a, b, c) = (&region[0], &region[1], &region[2]);
    bring(a, 1..2, to(&["b"])).await;
    let same = crate::indicator(2, &format!("[url:value = '{VALUE}']"), "");
    let request = node::AcceptRequest {
        collection: "inbox",
        objects: vec![bytes::Bytes::from(same)],
        options: to(&["b"]),
        status: node::KeepStatus::No,
    };
    c.node().accept(&c.who, request).await.unwrap();
    round(&region).await;
    let sighted = sight(b, VALUE, false).await;
    round(&region).await;
    let made = ids(&sighted);
    assert_eq!(made.len(), 2);
    for (of, id) in sighted.of.iter().zip(&made) {
        let (told, other) = if of == ONE { (a, c) } else { (c, a) };
        assert!(id.starts_with("sighting--") && has(told, id).await && !has(other, id).await, "{of}");
    }
}

/// That B saw it says that B's people are under attack: it is A's to know, who warned of it, and C's where B says so.
#[tokio::test]
async fn a_sighting_goes_to_who_said_it_and_to_others_when_asked() {
    let region = region(&["a", "b", "c"]).await;
    let (a, b, c) = (&region[0], &region[1], &region[2]);
    bring(a, 1..2, to(&["b", "c"])).await;
    round(&region).await;
    for (to_all, told) in [(false, false), (true, true)] {
        let made = ids(&sight(b, ONE, to_all).await);
        round(&region).await;
        assert_eq!((has(a, &made[0]).await, has(c, &made[0]).await), (true, told));
    }
}

/// A and C told B and D the same bytes: A and C each hear that B saw it, and D, for whom both were, hears nothing of it.
#[tokio::test]
async fn where_two_tell_the_same_each_hears_and_nobody_else() {
    let region = region(&["a", "b", "c", "d"]).await;
    let (a, b, c, d) = (&region[0], &region[1], &region[2], &region[3]);
    bring(a, 1..2, to(&["b", "d"])).await;
    bring(c, 1..2, to(&["b", "d"])).await;
    round(&region).await;
    let sighted = sight(b, ONE, false).await;
    assert_eq!((sighted.of.as_slice(), sighted.receipts.len()), (&[ONE.to_owned(), ONE.to_owned()][..], 2));
    round(&region).await;
    for id in ids(&sighted) {
        assert!(has(a, &id).await != has(c, &id).await, "{id}: one of them");
        assert!(!has(d, &id).await, "{id}: it says who is under attack");
    }
}

/// A and C say different things under one identifier: who saw what C warned of tells C, whoever's word stands here longest.
#[tokio::test]
async fn who_saw_a_value_tells_whoever_spoke_of_it_and_not_who_has_its_identifier() {
    let region = region(&["a", "b", "c"]).await;
    let (a, b, c) = (&region[0], &region[1], &region[2]);
    bring(a, 1..2, to(&["b"])).await;
    round(&region).await;
    crate::exchange::bring_later(c, 1, to(&["b"])).await;
    round(&region).await;
    for (value, told, other) in [("http://later.example/", c, a), (VALUE, a, c)] {
        let sighted = sight(b, value, false).await;
        assert_eq!(sighted.of, [ONE]);
        let made = ids(&sighted);
        round(&region).await;
        assert!(has(told, &made[0]).await && !has(other, &made[0]).await, "{value}");
    }
}
