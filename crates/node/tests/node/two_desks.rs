//! Two desks that give the same bytes, while circles change, times end and things are taken back: what one does takes nothing from whom
//! the other gave it to, and gives nobody what was taken from them.

use base::Micros;
use community::History;
use handling::{Pap, Principal};
use node::{HolderView, Options, ShareRequest, Urgency};

use crate::community::Seat;
use crate::deeds::{ADDRESS, Desks, address, named};
use crate::exchange::{ONE, has, region, round, to};
use crate::peers::Region;
use crate::{RW, START};

/// A moment passes everywhere.
async fn passes(region: &Region, seconds: i64) {
    for seat in &region.0 {
        seat.bench.clock.advance(seconds * Micros::SECOND);
    }
}

async fn added(region: &Region, circle: &str, slug: &str, history: History) {
    let a = &region[0];
    a.node().add_to_circle(&a.who, circle, &[slug.to_owned()], history).await.unwrap();
    settled(region).await;
}

async fn removed(region: &Region, circle: &str, slug: &str) {
    let a = &region[0];
    a.node().remove_from_circle(&a.who, circle, &[slug.to_owned()]).await.unwrap();
    settled(region).await;
}

/// Everybody knows the circles, looks at what they have changed, and meets everybody, until nothing moves any more.
async fn settled(region: &Region) {
    region.gather().await;
    for _ in 0..2 {
        for seat in &region.0 {
            seat.node().give_later().await.unwrap();
        }
        round(region).await;
    }
}

/// Under which rule a desk is told a member as a holder, and how its receipt stands.
async fn holder(seat: &Seat, desk: &Principal, slug: &str) -> Option<(String, &'static str)> {
    let holders = seat.node().holders(desk, ADDRESS).await.unwrap();
    let found = holders.into_iter().find(|holder| holder.member == slug);
    found.map(|holder: HolderView| (holder.rule, holder.receipt))
}

/// What is given again because a colleague called back something else under its id is not shared anew: who has come to the circle since is
/// given it by the circle's owner alone.
#[tokio::test]
async fn what_is_given_again_is_not_shared_anew() {
    let region = region(&["a", "b", "c", "d"]).await;
    let (a, b, c) = (&region[0], &region[1], &region[2]);
    let desks = Desks::of(a).await;
    region.circle("k1", &["b"]).await;
    let first = named("by Bob", 1);
    desks.bring(&desks.bob, ("bobs", &first), to(&["k1"])).await;
    round(&region).await;
    passes(&region, 10).await;
    added(&region, "k1", "c", History::FromNow).await;
    assert_eq!((has(b, ONE).await, has(c, ONE).await), (true, false));
    passes(&region, 10).await;
    // Ann, who knows nothing of that, brings another version under the id, and calls it back.
    let other = named("by Ann", 1).replace("\"modified\":\"2025-01-01", "\"modified\":\"2025-02-01");
    desks.bring(&desks.ann, ("anns", &other), to(&["b"])).await;
    round(&region).await;
    a.node().recall(&desks.ann, ONE, "wrong").await.unwrap();
    round(&region).await;
    assert!(has(b, ONE).await, "what Bob gave stays");
    passes(&region, 10).await;
    added(&region, "k1", "d", History::FromNow).await;
    passes(&region, 10).await;
    settled(&region).await;
    assert_eq!((has(b, ONE).await, has(c, ONE).await, has(&region[3], ONE).await), (true, false, false));
    // Nor is it by what takes its place when it is given to somebody else.
    let to_d = ["d".to_owned()];
    let request = ShareRequest { object: ONE, to: &to_d, urgency: Urgency::Routine };
    a.node().share(&desks.bob, request).await.unwrap();
    passes(&region, 10).await;
    removed(&region, "k1", "d").await;
    passes(&region, 10).await;
    settled(&region).await;
    assert_eq!((has(b, ONE).await, has(c, ONE).await, has(&region[3], ONE).await), (true, false, true));
    // Its owner may say so.
    added(&region, "k1", "c", History::All).await;
    assert!(has(c, ONE).await);
}

/// What is given again for good, under something stricter, does not end with what was given until a moment.
#[tokio::test]
async fn what_is_given_for_good_stays_however_strict_it_is() {
    for stricter in [
        Options { pap: Some(Pap::Amber), ..to(&["b"]) },
        Options { control: handling::Control::Originator, ..to(&["b"]) },
    ] {
        let region = region(&["a", "b"]).await;
        let desks = Desks::of(&region[0]).await;
        let soon = START.plus(60 * Micros::SECOND);
        let until = Options { retain_until: Some(soon), ..to(&["b"]) };
        desks.bring(&desks.ann, ("anns", &address("")), until).await;
        round(&region).await;
        desks.bring(&desks.bob, ("bobs", &address("")), stricter).await;
        round(&region).await;
        passes(&region, 61).await;
        for seat in &region.0 {
            seat.node().retire().await.unwrap();
        }
        settled(&region).await;
        assert!(has(&region[1], ADDRESS).await);
        let told = holder(&region[0], &desks.bob, "b").await;
        assert_eq!(told, Some(("released".to_owned(), "valid")));
    }
}

/// Who let go of it because a desk said for whom it is from then on is given it again by whoever names it, and not with somebody else.
#[tokio::test]
async fn who_let_go_by_a_narrowing_is_not_given_it_with_others() {
    let region = region(&["a", "b", "c", "d"]).await;
    let (a, b, c) = (&region[0], &region[1], &region[2]);
    let desks = Desks::of(a).await;
    desks.bring(&desks.bob, ("bobs", &address("")), to(&["c"])).await;
    desks.bring(&desks.ann, ("anns", &address("")), to(&["b"])).await;
    round(&region).await;
    a.node().narrow(&desks.ann, ADDRESS, to(&["b"])).await.unwrap();
    round(&region).await;
    assert_eq!((has(b, ADDRESS).await, has(c, ADDRESS).await), (true, false));
    passes(&region, 10).await;
    let share = async |whom: &str| {
        let to = [whom.to_owned()];
        let request = ShareRequest { object: ADDRESS, to: &to, urgency: Urgency::Routine };
        a.node().share(&desks.bob, request).await.unwrap()
    };
    let shared = share("d").await;
    assert_eq!(shared.to, ["d"]);
    round(&region).await;
    assert_eq!((has(c, ADDRESS).await, has(&region[3], ADDRESS).await), (false, true));
    assert_eq!(share("c").await.to, ["c"]);
    round(&region).await;
    assert!(has(c, ADDRESS).await, "it was named");
}

/// Who has it by one circle and is taken into another that was given the same, with its history, keeps it when it leaves the first; and is
/// told as a holder.
#[tokio::test]
async fn who_leaves_one_circle_keeps_what_another_was_given() {
    for away in [false, true] {
        let region = region(&["a", "b", "c"]).await;
        let (a, b, c) = (&region[0], &region[1], &region[2]);
        let desks = Desks::of(a).await;
        region.circle("k1", &["b"]).await;
        region.circle("k2", &["c"]).await;
        desks.bring(&desks.ann, ("anns", &address("")), to(&["k1"])).await;
        desks.bring(&desks.bob, ("bobs", &address("")), to(&["k2"])).await;
        round(&region).await;
        assert!(has(b, ADDRESS).await && has(c, ADDRESS).await);
        passes(&region, 10).await;
        if away {
            // Both changes come to C together, and it lets go before it is given anything.
            for (circle, adds) in [("k1", true), ("k2", false)] {
                let slug = ["c".to_owned()];
                match adds {
                    true => a.node().add_to_circle(&a.who, circle, &slug, History::All).await.unwrap(),
                    false => a.node().remove_from_circle(&a.who, circle, &slug).await.unwrap(),
                };
            }
            region.gather().await;
            c.node().give_later().await.unwrap();
        } else {
            added(&region, "k1", "c", History::All).await;
            passes(&region, 10).await;
            removed(&region, "k2", "c").await;
        }
        for _ in 0..2 {
            passes(&region, 3_600).await;
            settled(&region).await;
        }
        assert!(has(c, ADDRESS).await, "{away}");
        for desk in [&desks.ann, &desks.bob] {
            let told = holder(a, desk, "c").await;
            assert_eq!(told, Some(("released".to_owned(), "valid")), "{away}");
        }
        // It leaves that one too.
        removed(&region, "k1", "c").await;
        assert!(!has(c, ADDRESS).await, "{away}");
        for desk in [&desks.ann, &desks.bob] {
            assert_eq!(holder(a, desk, "c").await, None, "{away}");
        }
    }
}

/// What was under an embargo that is over counts as any other: who is given the same by a circle as well keeps it when it leaves that.
#[tokio::test]
async fn an_embargo_that_is_over_asks_nothing_any_more() {
    let region = region(&["a", "b", "c"]).await;
    let (a, c) = (&region[0], &region[2]);
    let desks = Desks::of(a).await;
    region.circle("k1", &["c"]).await;
    let embargo = |seconds: i64, to: &str| Options {
        tlp: Some(stix::TlpLevel::Green),
        embargo_until: Some(START.plus(seconds * Micros::SECOND)),
        to: vec![to.to_owned()],
        ..Options::default()
    };
    desks.bring(&desks.ann, ("anns", &address("")), embargo(3, "c")).await;
    passes(&region, 4).await;
    settled(&region).await;
    assert!(has(c, ADDRESS).await);
    desks.bring(&desks.bob, ("bobs", &address("")), embargo(8, "k1")).await;
    passes(&region, 10).await;
    settled(&region).await;
    passes(&region, 10).await;
    removed(&region, "k1", "c").await;
    assert!(has(c, ADDRESS).await, "it was given by name");
    assert_eq!(holder(a, &desks.ann, "c").await, Some(("released".to_owned(), "valid")));
}

/// Who waits for what one desk gives it is not given meanwhile, or with it, what another shared with a circle before it came there.
#[tokio::test]
async fn who_waits_is_not_given_what_a_circle_had_before_it_came() {
    let region = region(&["a", "b", "c"]).await;
    let (a, c) = (&region[0], &region[2]);
    let desks = Desks::of(a).await;
    region.circle("k1", &["b"]).await;
    desks.bring(&desks.ann, ("anns", &address("")), to(&["k1"])).await;
    round(&region).await;
    passes(&region, 10).await;
    added(&region, "k1", "c", History::FromNow).await;
    passes(&region, 10).await;
    let until = Options { embargo_until: Some(START.plus(60 * Micros::SECOND)), ..to(&["c"]) };
    desks.bring(&desks.bob, ("bobs", &address("")), until).await;
    settled(&region).await;
    assert!(!has(c, ADDRESS).await, "it waits");
    // Everything is looked at again when a member is back.
    let b_leaves = ["b".to_owned()];
    a.node().remove_from_circle(&a.who, "k1", &b_leaves).await.unwrap();
    settled(&region).await;
    assert!(!has(c, ADDRESS).await, "it waits still");
    passes(&region, 60).await;
    settled(&region).await;
    assert!(has(c, ADDRESS).await);
    // What it has now is Bob's gift: the circle it leaves takes nothing of it, nor did it give anything.
    assert_eq!(holder(a, &desks.bob, "c").await, Some(("released".to_owned(), "valid")));
    removed(&region, "k1", "c").await;
    assert!(has(c, ADDRESS).await);
}

/// Who waits for one giving is not given, because a colleague called something else back, what their circle had before they came.
#[tokio::test]
async fn who_waits_is_given_nothing_of_their_circles_past_by_a_recall() {
    let region = region(&["a", "b", "c"]).await;
    let (a, c) = (&region[0], &region[2]);
    let desks = Desks::of(a).await;
    a.bench.collection("bobs-other", vec![("user:bob", RW)]).await;
    let bob = a.bench.principal("bob").await;
    region.circle("k1", &["b"]).await;
    let first = named("by Bob", 1);
    desks.bring(&bob, ("bobs", &first), to(&["k1"])).await;
    round(&region).await;
    passes(&region, 10).await;
    added(&region, "k1", "c", History::FromNow).await;
    passes(&region, 10).await;
    // C waits for what Bob gives it by name.
    let until = Options { embargo_until: Some(START.plus(60 * Micros::SECOND)), ..to(&["c"]) };
    desks.bring(&bob, ("bobs-other", &first), until).await;
    settled(&region).await;
    assert!(!has(c, ONE).await);
    // Ann, who knows nothing of that, brings another version under the id, and calls it back.
    let other = named("by Ann", 1).replace("\"modified\":\"2025-01-01", "\"modified\":\"2025-02-01");
    desks.bring(&desks.ann, ("anns", &other), to(&["b"])).await;
    round(&region).await;
    a.node().recall(&desks.ann, ONE, "wrong").await.unwrap();
    settled(&region).await;
    assert_eq!((has(&region[1], ONE).await, has(c, ONE).await), (true, false));
    passes(&region, 60).await;
    settled(&region).await;
    assert!(has(c, ONE).await, "what it waited for");
}
