//! What the own ledger says of the registry: every change of it, by each member for itself, and nothing before it is known how far the
//! ledger goes.

use node::RegistryTold;

use crate::community::{Seat, meet as exchange_papers};
use crate::exchange::{bring, meet, peer, put_back, region, round, to};

async fn state(seat: &Seat) -> String {
    seat.node().community(&seat.who).await.unwrap().state_hash
}

async fn told(seat: &Seat) -> RegistryTold {
    seat.node().registry_told().await.unwrap().unwrap()
}

async fn leaves(seat: &Seat) -> u64 {
    seat.node().leaves().await.unwrap()
}

async fn moves_to(seat: &Seat, endpoint: &str) {
    seat.node().change_endpoint(&seat.who, endpoint).await.unwrap();
}

#[tokio::test]
async fn every_change_of_the_registry_is_an_act_in_the_ledger_of_each_member() {
    let region = region(&["a", "b", "c"]).await;
    round(&region).await;
    for seat in &region.0 {
        assert_eq!(told(seat).await.state_hash, state(seat).await);
    }
    let (a, b) = (&region[0], &region[1]);
    let (before, at_b) = (told(a).await, leaves(b).await);
    // Where it is made, and where it comes: in the commit that makes it so, without a meeting.
    moves_to(a, "http://elsewhere.invalid").await;
    exchange_papers(b, a).await.unwrap();
    for seat in [a, b] {
        let now = told(seat).await;
        assert_eq!(now.state_hash, state(seat).await);
        assert_ne!(now.state_hash, before.state_hash);
        let proof = seat.node().prove_leaf(&seat.who, now.leaf).await.unwrap();
        let proven = proof.verify(None).unwrap();
        assert_eq!(proven.act.header().kind, ledger::act::ActKind::RegistryChanged);
        let went_by = node::registry_in(&proven.payload.unwrap()).unwrap();
        assert_eq!((went_by.state, went_by.epoch), (now.state_hash, now.epoch));
        assert_eq!(went_by.before.as_ref(), Some(&before.state_hash));
    }
    assert_eq!(leaves(b).await, at_b + 1);
    // Nothing has changed, and nothing is said.
    let all = leaves(a).await;
    exchange_papers(b, a).await.unwrap();
    round(&region).await;
    assert_eq!((leaves(a).await, told(b).await.leaf), (all, at_b));
}

#[tokio::test]
async fn one_that_was_put_back_says_nothing_of_the_registry_before_its_ledger_is_known_to_be_whole() {
    let region = region(&["a", "b"]).await;
    let (before, b) = (&region[0], &region[1]);
    bring(before, 1..2, to(&["b"])).await;
    round(&region).await;
    let a = put_back(before).await;
    bring(before, 2..4, to(&["b"])).await;
    round(&region).await;
    let lost = leaves(before).await;
    moves_to(b, "http://elsewhere.invalid").await;
    let had = leaves(&a).await;
    exchange_papers(&a, b).await.unwrap();
    // It has the entries, and does not say so yet.
    assert_eq!(state(&a).await, state(b).await);
    assert_eq!(leaves(&a).await, had);
    assert_ne!(told(&a).await.state_hash, state(&a).await);
    for _ in 0..3 {
        meet(&a, b).await;
        exchange_papers(&a, b).await.unwrap();
    }
    assert_eq!(peer(b, "a").await.evidence, 0, "nothing was signed twice");
    assert!(leaves(&a).await > lost);
    assert_eq!(told(&a).await.state_hash, state(&a).await);
    // The next process of the same node, which nobody has spoken to, goes on only when somebody has.
    let next = put_back(&a).await;
    moves_to(b, "http://here.invalid").await;
    let had = leaves(&next).await;
    exchange_papers(&next, b).await.unwrap();
    assert_eq!(leaves(&next).await, had);
    meet(&next, b).await;
    assert_eq!(leaves(&next).await, had + 1);
    assert_eq!(told(&next).await.state_hash, state(b).await);
}
