//! The same bytes given by two desks, each to others: the later giving is besides the earlier one, and what is refused changes nothing.

use base::Micros;
use handling::{Pap, Principal};
use node::Options;
use stix::TlpLevel;

use crate::deeds::{ADDRESS, Desks, address, named, pap, receipts, red, tlp};
use crate::exchange::{ONE, has, meet, region, round, to};
use crate::peers::Region;

const SOON: Micros = crate::START.plus(60 * Micros::SECOND);

fn until_soon(names: &[&str]) -> Options {
    Options { retain_until: Some(SOON), ..to(names) }
}

/// Who has an object, by slug, with its receipt.
async fn holders(desks: &Desks<'_>, who: &Principal, id: &str) -> Vec<(String, &'static str)> {
    let holders = desks.seat.node().holders(who, id).await.unwrap();
    let mut holders: Vec<_> = holders.into_iter().map(|holder| (holder.member, holder.receipt)).collect();
    holders.sort();
    holders
}

fn valid(slugs: &[&str]) -> Vec<(String, &'static str)> {
    slugs.iter().map(|slug| ((*slug).to_owned(), "valid")).collect()
}

/// A minute later everywhere, and what is past its time is destroyed.
async fn later(region: &Region) {
    for seat in &region.0 {
        seat.bench.clock.set(SOON.plus(Micros::SECOND));
        seat.node().retire().await.unwrap();
    }
}

/// C has it for good from one desk, and B until a moment from another, in either order: when that has come, C has it still, and is told when
/// it is called back or erased.
#[tokio::test]
async fn the_end_of_one_giving_is_not_that_of_another() {
    for (first, erases) in [(true, false), (false, false), (true, true), (false, true)] {
        let region = region(&["a", "b", "c"]).await;
        let (a, b, c) = (&region[0], &region[1], &region[2]);
        let desks = Desks::of(a).await;
        let mut givings = vec![("anns", to(&["c"])), ("both", until_soon(&["b"]))];
        if !first {
            givings.reverse();
        }
        for (collection, options) in givings {
            desks.bring(&desks.ann, (collection, &address("")), options).await;
        }
        round(&region).await;
        assert_eq!((has(b, ADDRESS).await, has(c, ADDRESS).await), (true, true), "{first}");
        assert_eq!(holders(&desks, &desks.ann, ADDRESS).await, valid(&["b", "c"]), "{first}");
        later(&region).await;
        assert_eq!((has(b, ADDRESS).await, has(c, ADDRESS).await), (false, true), "{first}");
        assert_eq!(holders(&desks, &desks.ann, ADDRESS).await, valid(&["c"]), "{first}");
        let taken = if erases {
            a.node().erase(&desks.ann, ADDRESS, "").await.unwrap()
        } else {
            a.node().recall(&desks.ann, ADDRESS, "").await.unwrap()
        };
        assert!(taken.receipts.iter().any(|receipt| receipt.member == "c"), "{first} {erases}: {taken:?}");
        round(&region).await;
        assert!(!has(c, ADDRESS).await, "{first} {erases}");
        assert!(receipts(a, taken.leaf).await.contains(&("c".to_owned(), "done")));
    }
}

/// Who was away when it was given, or took no part, gets it all the same when the same is given to others meanwhile.
#[tokio::test]
async fn who_was_away_gets_what_others_are_given_meanwhile() {
    for suspended in [false, true] {
        let region = region(&["a", "b", "c", "d"]).await;
        let (a, b, c) = (&region[0], &region[1], &region[2]);
        let desks = Desks::of(a).await;
        if suspended {
            crate::later::suspended(&region, "b", Some("a drill")).await;
        }
        desks.bring(&desks.ann, ("anns", &address("")), to(&["b"])).await;
        desks.bring(&desks.bob, ("both", &address("")), to(&["c"])).await;
        meet(a, c).await;
        assert!(has(c, ADDRESS).await);
        if suspended {
            crate::later::suspended(&region, "b", None).await;
            a.node().give_later().await.unwrap();
        }
        round(&region).await;
        assert!(has(b, ADDRESS).await, "{suspended}");
        assert_eq!(holders(&desks, &desks.ann, ADDRESS).await, valid(&["b", "c"]), "{suspended}");
    }
}

/// A narrowing that says for whom it is from now on reaches those whom another desk gave it, and one that does not leaves it to them.
#[tokio::test]
async fn a_narrowing_is_of_all_that_was_given() {
    let region = region(&["a", "b", "c"]).await;
    let (a, b, c) = (&region[0], &region[1], &region[2]);
    let desks = Desks::of(a).await;
    desks.bring(&desks.ann, ("anns", &address("")), to(&["c"])).await;
    desks.bring(&desks.ann, ("both", &address("")), to(&["b"])).await;
    round(&region).await;
    let narrowed = a.node().narrow(&desks.ann, ADDRESS, pap(Pap::Amber)).await.unwrap();
    assert!(narrowed.told, "{narrowed:?}");
    round(&region).await;
    assert_eq!((has(b, ADDRESS).await, has(c, ADDRESS).await), (true, true));
    let strict = Options { tlp: Some(TlpLevel::AmberStrict), ..Options::default() };
    desks.bring(&desks.ann, ("both", &address("")), strict).await;
    round(&region).await;
    assert_eq!((has(b, ADDRESS).await, has(c, ADDRESS).await), (true, true));
    assert_eq!(holders(&desks, &desks.ann, ADDRESS).await, valid(&["b", "c"]));
    let for_b = Options { to: vec!["b".to_owned()], ..Options::default() };
    let narrowed = a.node().narrow(&desks.ann, ADDRESS, for_b).await.unwrap();
    assert!(narrowed.told, "{narrowed:?}");
    round(&region).await;
    assert_eq!((has(b, ADDRESS).await, has(c, ADDRESS).await), (true, false));
}

/// What is for one person at B by one desk's word is for all of C by another's: neither takes it from the other.
#[tokio::test]
async fn what_one_desk_says_of_it_is_not_said_of_what_another_gave() {
    let region = region(&["a", "b", "c"]).await;
    let (a, c) = (&region[0], &region[2]);
    let desks = Desks::of(a).await;
    desks.bring(&desks.ann, ("anns", &address("")), to(&["c"])).await;
    let for_eve = Options { to: vec!["user:eve@b".to_owned()], ..tlp(TlpLevel::Red) };
    desks.bring(&desks.bob, ("both", &address("")), for_eve).await;
    round(&region).await;
    assert!(has(c, ADDRESS).await);
    a.node().narrow(&desks.ann, ADDRESS, pap(Pap::Amber)).await.unwrap();
    round(&region).await;
    assert!(has(c, ADDRESS).await);
    assert_eq!(holders(&desks, &desks.ann, ADDRESS).await, valid(&["b", "c"]));
}

/// A share that is refused changes nothing here: what the one who asks has for herself, and what a colleague has for all in the same words.
#[tokio::test]
async fn a_share_that_is_refused_changes_nothing() {
    for apart in [true, false] {
        let region = region(&["a", "b"]).await;
        let desks = Desks::of(&region[0]).await;
        let object = named("the same", 1);
        let at = if apart { "anns" } else { "both" };
        desks.bring(&desks.ann, (at, &object), red("ann")).await;
        desks.bring(&desks.bob, ("both", &object), tlp(TlpLevel::Green)).await;
        let before = desks.told(&desks.bob, ONE).await;
        assert!(before.contains("the same"));
        let shared = desks.share(&desks.ann, ONE).await;
        assert_eq!(
            (shared.to, shared.withheld),
            (vec![], vec![("b".to_owned(), "tlp-red-persons".to_owned())])
        );
        assert_eq!(desks.told(&desks.bob, ONE).await, before, "{apart}");
        round(&region).await;
        assert!(!has(&region[1], ONE).await);
    }
}

/// Who has it is not given it anew, nor told for whom else it was meant, where that is refused.
#[tokio::test]
async fn a_share_that_is_refused_says_nothing_to_who_has_it() {
    let region = region(&["a", "b", "c"]).await;
    let (a, b) = (&region[0], &region[1]);
    b.bench.user("eve", handling::Role::Reader).await;
    let desks = Desks::of(a).await;
    let for_eve = Options { to: vec!["user:eve@b".to_owned(), "user:ann".to_owned()], ..tlp(TlpLevel::Red) };
    desks.bring(&desks.ann, ("both", &named("the same", 1)), for_eve).await;
    round(&region).await;
    let counts = async || {
        let leaves =
            async |seat: &crate::community::Seat| seat.node().shared_state().await.unwrap().unwrap().leaves;
        (leaves(a).await, leaves(b).await)
    };
    let (mine, theirs) = counts().await;
    let to_c = ["c".to_owned()];
    let request = node::ShareRequest { object: ONE, to: &to_c, urgency: node::Urgency::Routine };
    let shared = a.node().share(&desks.ann, request).await.unwrap();
    assert_eq!((shared.to.len(), shared.withheld.len()), (0, 1), "{shared:?}");
    round(&region).await;
    assert_eq!(counts().await, (mine + 1, theirs), "that it was refused, and nothing to B");
}

/// What is given is put under the wider rules where its giver sees it, each copy under its own: none is closed to who had it.
#[tokio::test]
async fn a_share_closes_nothing_to_anybody() {
    let region = region(&["a", "b", "c"]).await;
    let (a, b) = (&region[0], &region[1]);
    let desks = Desks::of(a).await;
    let object = named("the same", 1);
    // For herself, by name, and what a colleague says for all and has given to B.
    let hers = Options { to: vec!["user:ann".to_owned()], ..Options::default() };
    desks.bring(&desks.ann, ("both", &object), hers).await;
    let for_b = Options { to: vec!["b".to_owned()], ..tlp(TlpLevel::Green) };
    desks.bring(&desks.bob, ("both", &object), for_b).await;
    round(&region).await;
    assert!(has(b, ONE).await);
    let for_one = Options { to: vec!["user:ann@b".to_owned()], ..Options::default() };
    desks.bring(&desks.ann, ("both", &object), for_one).await;
    let c = ["c".to_owned()];
    let request = node::ShareRequest { object: ONE, to: &c, urgency: node::Urgency::Routine };
    a.node().share(&desks.ann, request).await.unwrap();
    assert!(desks.told(&desks.bob, ONE).await.contains("the same"));
    round(&region).await;
    // B's people had it all, and what was for one of them besides takes it from none.
    assert!(has(b, ONE).await);
    assert!(holders(&desks, &desks.bob, ONE).await.contains(&("b".to_owned(), "valid")));
}
