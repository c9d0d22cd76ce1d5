//! What lies at relays, as its sender knows it: when it is to be dropped there, and when not.

use base::Micros;
use federation::parcels_to;
use node::{RelayErrand, RelayOffer};

use crate::community::Seat;
use crate::exchange::{bring, meet, region, to};
use crate::peers::Region;

const ONE: &str = "indicator--00000000-0000-4000-8000-000000000001";

/// A, B, and two members that can be relays.
async fn offices() -> Region {
    let region = region(&["a", "b", "s", "t"]).await;
    for (at, slug) in [(2, "s"), (3, "t")] {
        let seat = &region[at];
        seat.node().change_endpoint(&seat.who, &format!("https://{slug}.invalid")).await.unwrap();
    }
    region.gather().await;
    region
}

/// Offers what is to be said to `to`, and notes how the relay took it.
async fn offered(from: &Seat, to: &Seat, (relay, offer): (&Seat, RelayOffer)) -> RelayErrand {
    let (node, to, relay) = (from.node(), to.id().await, relay.id().await);
    let errand = node.relay_parcel(to).await.unwrap().unwrap();
    node.relay_offers(to, &errand, relay).await.unwrap();
    node.relay_offered(to, &errand, (relay, offer)).await.unwrap();
    errand
}

/// The slugs of relays that are to drop something, and how many parcels each.
async fn to_drop(seat: &Seat) -> Vec<(String, usize)> {
    let withdrawals = seat.node().relay_withdrawals().await.unwrap();
    let said = withdrawals.iter().map(|one| {
        let slug =
            one.relay.endpoint.url().trim_start_matches("https://").trim_end_matches(".invalid").to_owned();
        (slug, one.marks.len() / node::RELAY_MARK_BYTES)
    });
    let mut said: Vec<_> = said.collect();
    said.sort();
    said
}

async fn dropped(seat: &Seat) {
    for withdrawal in seat.node().relay_withdrawals().await.unwrap() {
        seat.node().relay_withdrawn(&withdrawal).await.unwrap();
    }
    assert_eq!(to_drop(seat).await, []);
}

fn hour(seat: &Seat) {
    seat.bench.clock.advance(3_600 * Micros::SECOND);
}

fn at(slug: &str, parcels: usize) -> Vec<(String, usize)> {
    vec![(slug.to_owned(), parcels)]
}

/// (a) What is called back is dropped even where no relay takes anything newer, and asked for until it is.
#[tokio::test]
async fn what_is_called_back_is_withdrawn_whether_anything_newer_is_taken_or_not() {
    let region = offices().await;
    let (a, b, s) = (&region[0], &region[1], &region[2]);
    bring(a, 1..2, to(&["b"])).await;
    offered(a, b, (s, RelayOffer::Kept)).await;
    bring(a, 2..3, to(&["b"])).await;
    assert_eq!(to_drop(a).await, [], "all of it may lie there");
    offered(a, b, (s, RelayOffer::Refused)).await;
    assert_eq!(to_drop(a).await, [], "what is refused drives nothing out");
    a.node().recall(&a.who, ONE, "wrong").await.unwrap();
    assert_eq!(to_drop(a).await, at("s", 1));
    offered(a, b, (s, RelayOffer::Refused)).await;
    assert_eq!(to_drop(a).await, at("s", 1), "nobody has said that it is gone");
    dropped(a).await;
}

/// (b) What nobody answered may have been taken, and is dropped.
#[tokio::test]
async fn an_offer_that_was_not_answered_is_withdrawn() {
    let mut region = offices().await;
    let (a, b, s, t) = (&region[0], &region[1], &region[2], &region[3]);
    bring(a, 1..2, to(&["b"])).await;
    offered(a, b, (s, RelayOffer::Unheard)).await;
    offered(a, b, (t, RelayOffer::Kept)).await;
    assert_eq!(to_drop(a).await, at("s", 1));
    dropped(a).await;
    // Nothing is withdrawn before its offer has been answered; whoever dies before that knows of the offer.
    bring(a, 2..3, to(&["b"])).await;
    let errand = a.node().relay_parcel(b.id().await).await.unwrap().unwrap();
    a.node().relay_offers(b.id().await, &errand, s.id().await).await.unwrap();
    a.node().recall(&a.who, ONE, "wrong").await.unwrap();
    assert_eq!(to_drop(a).await, at("t", 1));
    region.0[0].bench.reopened(node::Settings::default()).await;
    assert_eq!(to_drop(&region[0]).await, [at("s", 1), at("t", 1)].concat());
}

/// (c) What is put again at the next relay leaves what says the same at the one before; what says more leaves nothing.
#[tokio::test]
async fn what_says_the_same_may_lie_at_two_relays_and_what_says_more_lies_alone() {
    let region = offices().await;
    let (a, b, s, t) = (&region[0], &region[1], &region[2], &region[3]);
    bring(a, 1..2, to(&["b"])).await;
    offered(a, b, (s, RelayOffer::Kept)).await;
    hour(a);
    assert_eq!(offered(a, b, (t, RelayOffer::Kept)).await.before, 1);
    assert_eq!(to_drop(a).await, []);
    bring(a, 2..3, to(&["b"])).await;
    offered(a, b, (s, RelayOffer::Kept)).await;
    assert_eq!(to_drop(a).await, at("t", 1), "at s it lies in the place of the one before");
    dropped(a).await;
    // In the next week it has another route.
    a.bench.clock.advance(7 * 86_400 * Micros::SECOND);
    bring(a, 3..4, to(&["b"])).await;
    offered(a, b, (s, RelayOffer::Kept)).await;
    assert_eq!(to_drop(a).await, at("s", 1));
    // After two weeks no relay has it.
    a.bench.clock.advance(15 * 86_400 * Micros::SECOND);
    a.node().relay_expire().await.unwrap();
    assert_eq!(to_drop(a).await, []);
}

/// (d) Once the two have met, or everything in it has come another way, it is of no use.
#[tokio::test]
async fn what_has_come_is_withdrawn() {
    let region = offices().await;
    let (a, b, s, t) = (&region[0], &region[1], &region[2], &region[3]);
    bring(a, 1..2, to(&["b"])).await;
    offered(a, b, (s, RelayOffer::Kept)).await;
    hour(a);
    let second = offered(a, b, (t, RelayOffer::Kept)).await;
    b.node().relay_take(&parcels_to(&[second.parcel])).await.unwrap();
    let receipt = offered(b, a, (t, RelayOffer::Kept)).await;
    a.node().relay_take(&parcels_to(&[receipt.parcel])).await.unwrap();
    assert_eq!(to_drop(a).await, [at("s", 1), at("t", 1)].concat(), "all of both has been acknowledged");
    dropped(a).await;
    offered(a, b, (s, RelayOffer::Kept)).await;
    assert_eq!(to_drop(a).await, [], "an acknowledgement waits");
    [a, b].iter().for_each(|seat| seat.bench.clock.advance(Micros::SECOND));
    meet(b, a).await;
    assert_eq!(to_drop(a).await, at("s", 1));
    assert_eq!(to_drop(b).await, at("t", 1));
}

/// (e) What would not go any more, though nobody is told so, lies at relays as long as parcels are put again.
#[tokio::test]
async fn what_would_not_go_any_more_is_withdrawn_within_the_hour() {
    let region = offices().await;
    let (a, b, s) = (&region[0], &region[1], &region[2]);
    region.circle("pair", &["b"]).await;
    bring(a, 1..2, to(&["pair"])).await;
    offered(a, b, (s, RelayOffer::Kept)).await;
    a.node().remove_from_circle(&a.who, "pair", &["b".to_owned()]).await.unwrap();
    hour(a);
    assert_eq!(to_drop(a).await, at("s", 1));
}
