//! Parcels kept for other members.

use base::Micros;
use base::signing::KeyId;
use federation::{Deposit, DepositMark, DepositState, Lane, Load};

use super::Site;
use super::sample::START;
use crate::{RelayBounds, RelayHeld, RelayParcel, RelayPut};

fn parcel(route: u8, fill: u8, size: usize) -> RelayParcel {
    RelayParcel { route: [route; 16], digest: [fill; 32], bytes: vec![fill; size] }
}

fn bounds(depositor: u8, after: i64) -> RelayBounds {
    let at = Micros(START.0 + after);
    let since = Micros(at.0 - 1_000);
    RelayBounds {
        depositor: [depositor; 16],
        bytes_max: 100,
        depositor_bytes_max: 60,
        depositor_bytes_least: 0,
        shared_bytes_max: 100,
        bytes_least: 10,
        since,
        at,
    }
}

/// One parcel a route over restarts; a later one takes its place; it goes by route and digest together.
pub async fn a_route_keeps_its_last_parcel(site: Site) {
    let store = site.open();
    let (first, second, other) = (parcel(1, 1, 20), parcel(1, 2, 25), parcel(2, 3, 5));
    for (parcel, after) in [(&other, 1), (&first, 2), (&second, 3), (&second, 4)] {
        assert_eq!(store.relay_put(parcel.clone(), bounds(1, after)).await.unwrap(), RelayPut::Kept);
    }
    drop(store);
    let store = site.open();
    assert_eq!(store.relay_held().await.unwrap(), RelayHeld { parcels: 2, bytes: 30 });
    let routes = vec![[3; 16], [1; 16], [2; 16], [1; 16]];
    let waiting = store.relay_waiting(routes.clone(), START, 1_000).await.unwrap();
    assert_eq!(waiting, [other.clone(), second.clone()]);
    // Looking takes nothing away, and the first is told whatever its size.
    assert_eq!(store.relay_waiting(routes.clone(), START, 1).await.unwrap(), [other.clone()]);
    assert_eq!(store.relay_waiting(vec![], START, 1_000).await.unwrap(), []);
    let gone = vec![
        (first.route, Some(first.digest)),
        (other.route, Some(other.digest)),
        (other.route, Some(other.digest)),
    ];
    assert_eq!(store.relay_drop(gone).await.unwrap(), 1);
    assert_eq!(store.relay_waiting(routes, START, 1_000).await.unwrap(), [second]);
    assert_eq!(store.relay_drop(vec![(first.route, None), (other.route, None)]).await.unwrap(), 1);
}

/// A depositor has its share and no more, all together what there is and no more, and small parcels count as well.
pub async fn a_relay_is_bounded(site: Site) {
    let store = site.open();
    let put = async |parcel: RelayParcel, depositor, after| {
        store.relay_put(parcel, bounds(depositor, after)).await.unwrap()
    };
    assert_eq!(put(parcel(1, 1, 50), 1, 1).await, RelayPut::Kept);
    assert_eq!(put(parcel(2, 2, 11), 1, 2).await, RelayPut::ShareFull);
    assert_eq!(
        put(parcel(1, 3, 60), 1, 3).await,
        RelayPut::Kept,
        "what it takes the place of counts no more"
    );
    assert_eq!(put(parcel(3, 4, 1), 2, 4).await, RelayPut::Kept);
    assert_eq!(put(parcel(4, 5, 31), 2, 5).await, RelayPut::Full, "one byte counts as ten");
    assert_eq!(put(parcel(3, 6, 40), 3, 6).await, RelayPut::Kept);
    assert_eq!(store.relay_held().await.unwrap(), RelayHeld { parcels: 2, bytes: 100 });
    let kept = store.relay_waiting(vec![[1; 16], [4; 16]], START, 1_000).await.unwrap();
    assert_eq!(kept, [parcel(1, 3, 60)], "what is refused changes nothing");
    // What is too old makes room, and is not handed out before it does.
    let later = bounds(1, 1_004);
    assert_eq!(store.relay_waiting(vec![[1; 16]], later.since, 1_000).await.unwrap(), []);
    assert_eq!(store.relay_put(parcel(5, 7, 60), later).await.unwrap(), RelayPut::Kept);
    assert_eq!(store.relay_expire(Micros(START.0 + 1_004)).await.unwrap(), 1);
    assert_eq!(store.relay_held().await.unwrap(), RelayHeld { parcels: 1, bytes: 60 });
}

/// What a depositor has for itself nobody else takes, over restarts as well; beyond that comes first who comes first.
pub async fn each_depositor_has_its_share_of_a_relay(site: Site) {
    let mut store = site.open();
    let shares =
        |depositor| RelayBounds { depositor_bytes_least: 12, shared_bytes_max: 40, ..bounds(depositor, 1) };
    let puts = [
        (1, 53, RelayPut::Full),
        (1, 52, RelayPut::Kept),
        (2, 13, RelayPut::Full),
        (2, 12, RelayPut::Kept),
        (3, 12, RelayPut::Kept),
        (4, 12, RelayPut::Kept),
        (5, 12, RelayPut::Kept),
        (1, 61, RelayPut::ShareFull),
        (5, 13, RelayPut::Full),
    ];
    for (depositor, size, becomes) in puts {
        let put = store.relay_put(parcel(depositor, depositor, size), shares(depositor)).await.unwrap();
        assert_eq!(put, becomes, "{depositor} puts {size}");
        drop(store);
        store = site.open();
    }
    assert_eq!(store.relay_held().await.unwrap(), RelayHeld { parcels: 5, bytes: 100 });
    let other = store.relay_put(parcel(6, 6, 10), shares(1)).await.unwrap();
    assert_eq!(other, RelayPut::ShareFull, "it counts with what lies there");
    // As others leave, or take what waits, there is room again.
    assert_eq!(store.relay_drop(vec![([1; 16], None)]).await.unwrap(), 1);
    assert_eq!(store.relay_put(parcel(5, 9, 50), shares(5)).await.unwrap(), RelayPut::Kept);
    let many = RelayBounds { depositor_bytes_least: 50, shared_bytes_max: 0, ..bounds(7, 1) };
    let put = store.relay_put(parcel(7, 7, 20), many).await.unwrap();
    assert_eq!(put, RelayPut::Full, "all together keep to what there is");
}

/// What this node has put at relays stands over restarts, is void or gone by relay, route and digest together, and runs out.
pub async fn what_was_put_at_a_relay_is_remembered_until_it_is_gone(site: Site) {
    let store = site.open();
    let deposit = |relay: u8, digest: u8, after: i64| Deposit {
        at: DepositMark { relay: KeyId::from_bytes([relay; 32]), route: [7; 16], digest: [digest; 32] },
        to: KeyId::from_bytes([9; 32]),
        put: Micros(START.0 + after),
        load: [(Lane::Flash, 3), (Lane::Routine, u64::MAX)].into_iter().collect(),
        state: DepositState::Stands,
    };
    let (late, first, second) = (deposit(1, 3, 30), deposit(1, 1, 10), deposit(2, 1, 20));
    for one in [&late, &first, &second] {
        store.deposit(one.clone()).await.unwrap();
    }
    store
        .deposits_settle(vec![(second.at, DepositState::Void), (late.at, DepositState::Stands)])
        .await
        .unwrap();
    drop(store);
    let store = site.open();
    let void = Deposit { state: DepositState::Void, ..second.clone() };
    assert_eq!(store.deposits().await.unwrap(), [first.clone(), void.clone(), late.clone()]);
    // Offered again before anybody answered.
    store
        .deposit(Deposit { load: Load::default(), put: Micros(START.0 + 40), ..first.clone() })
        .await
        .unwrap();
    let held = store.deposits().await.unwrap();
    assert_eq!((held.len(), held[2].put, &held[2].load), (3, Micros(START.0 + 40), &Load::default()));
    let unknown = DepositMark { digest: [8; 32], ..late.at };
    let gone =
        vec![(first.at, DepositState::Gone), (unknown, DepositState::Void), (unknown, DepositState::Gone)];
    store.deposits_settle(gone).await.unwrap();
    assert_eq!(store.deposits().await.unwrap(), [void, late.clone()]);
    assert_eq!(store.deposits_expire(Micros(START.0 + 30)).await.unwrap(), 1);
    assert_eq!(store.deposits().await.unwrap(), [late]);
}
