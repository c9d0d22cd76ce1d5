//! The same bytes given by two desks, each to others: the later giving is besides the earlier one, and what is refused changes nothing.

use std::sync::Arc;

use base::Micros;
use handling::{Pap, Principal, Role};
use node::Options;
use stix::TlpLevel;

use crate::R;
use crate::community::Seat;
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

/// What was given by two desks awaits one marking definition: when that has come to both, each giving goes to whom it is for.
#[tokio::test]
async fn what_awaits_a_marking_besides_another_giving_goes_when_that_has_come() {
    let region = region(&["a", "b", "c"]).await;
    let (a, b, c) = (&region[0], &region[1], &region[2]);
    let desks = Desks::of(a).await;
    let marking = "marking-definition--00000000-0000-4000-8000-0000000000aa";
    let marked = address(&format!(r#","object_marking_refs":["{marking}"]"#));
    let definition = format!(
        r#"{{"type":"marking-definition","spec_version":"2.1","id":"{marking}","created":"2022-10-01T00:00:00.000Z","definition_type":"statement","definition":{{"statement":"Copyright 2026"}}}}"#
    );
    let givings = [(&desks.ann, "anns", "b"), (&desks.bob, "both", "c")];
    for (who, collection, whom) in &givings {
        desks.bring(who, (collection, &marked), to(&[whom])).await;
    }
    let looked = async || {
        a.node().give_later().await.unwrap();
        round(&region).await;
        (has(b, ADDRESS).await, has(c, ADDRESS).await)
    };
    assert_eq!(looked().await, (false, false));
    // Where it is not known yet it is awaited, whatever is known elsewhere.
    desks.bring(&desks.bob, ("both", &definition), tlp(TlpLevel::Clear)).await;
    assert!(!looked().await.0);
    desks.bring(&desks.ann, ("anns", &definition), tlp(TlpLevel::Clear)).await;
    assert_eq!(looked().await, (true, true));
    assert_eq!(holders(&desks, &desks.ann, ADDRESS).await, valid(&["b", "c"]));
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

/// Somebody who reads what comes to a member.
async fn reader(seat: &Seat, name: &str) -> Arc<Principal> {
    seat.bench.user(name, Role::Reader).await;
    let root = seat.bench.operator().await;
    seat.node().grant(&root, "inbox", format!("user:{name}").parse().unwrap(), R).await.unwrap();
    seat.bench.principal(name).await
}

/// Eve, Tom and Una of B.
async fn readers(b: &Seat) -> [Arc<Principal>; 3] {
    [reader(b, "eve").await, reader(b, "tom").await, reader(b, "una").await]
}

/// Which of them see the address.
async fn see(b: &Seat, readers: &[Arc<Principal>; 3]) -> [bool; 3] {
    let mut sees = [false; 3];
    for (sees, who) in sees.iter_mut().zip(readers) {
        *sees = b.node().object(who, ADDRESS, None).await.is_ok();
    }
    sees
}

fn for_person(level: TlpLevel, person: &str) -> Options {
    Options { to: vec![format!("user:{person}@b")], ..tlp(level) }
}

/// What is for one person at B by one desk's word, and for others there by another's, comes to all of them, in either order, whichever way the
/// others are named; who is not named by either does not see it.
#[tokio::test]
async fn what_is_for_one_person_keeps_nothing_from_their_colleagues() {
    let careful = Options { pap: Some(Pap::Red), ..to(&["b"]) };
    let ways = [(to(&["banks"]), true), (for_person(TlpLevel::Amber, "tom"), false), (careful, true)];
    for (others, all) in ways {
        for red_first in [true, false] {
            let region = region(&["a", "b"]).await;
            region.circle("banks", &["b"]).await;
            let b = &region[1];
            let readers = readers(b).await;
            let desks = Desks::of(&region[0]).await;
            let mut givings = vec![
                (&desks.ann, "anns", for_person(TlpLevel::Red, "eve")),
                (&desks.bob, "bobs", others.clone()),
            ];
            if !red_first {
                givings.reverse();
            }
            for (who, collection, options) in givings {
                desks.bring(who, (collection, &address("")), options).await;
                round(&region).await;
            }
            assert_eq!(see(b, &readers).await, [true, true, all], "{red_first} {others:?}");
        }
    }
}

/// It is so late everywhere, what waits is looked at, and everybody meets.
async fn at(region: &Region, now: Micros) {
    for seat in &region.0 {
        seat.bench.clock.set(now);
        seat.node().give_later().await.unwrap();
    }
    round(region).await;
}

/// What two desks give under embargoes comes when each of these is over: neither puts off the other, nor ends the wait for it.
#[tokio::test]
async fn each_embargo_ends_by_itself() {
    let minute = |no: i64| crate::START.plus(no * 60 * Micros::SECOND);
    let until = |options: Options, no: i64| match no {
        0 => options,
        no => Options { embargo_until: Some(minute(no)), ..options },
    };
    let eve = |no| until(for_person(TlpLevel::Amber, "eve"), no);
    let tom = |no| until(for_person(TlpLevel::Amber, "tom"), no);
    let all = |no| until(to(&["b"]), no);
    let none = [false; 3];
    let both = [true, true, false];
    let one = [true, false, false];
    let other = [false, true, false];
    // What the two give, and who sees it at once, after two minutes and after four.
    let stories = [
        (all(2), all(4), [none, [true; 3], [true; 3]]),
        (all(4), all(2), [none, [true; 3], [true; 3]]),
        (eve(2), tom(4), [none, one, both]),
        (tom(4), eve(2), [none, one, both]),
        (eve(4), tom(2), [none, other, both]),
        (eve(0), all(4), [one, one, [true; 3]]),
        (all(4), eve(0), [one, one, [true; 3]]),
        (for_person(TlpLevel::Red, "eve"), all(2), [one, [true; 3], [true; 3]]),
    ];
    for (first, second, expected) in stories {
        let region = region(&["a", "b"]).await;
        let b = &region[1];
        let readers = readers(b).await;
        let desks = Desks::of(&region[0]).await;
        desks.bring(&desks.ann, ("anns", &address("")), first.clone()).await;
        desks.bring(&desks.bob, ("bobs", &address("")), second.clone()).await;
        for (no, expected) in [1, 2, 4].into_iter().zip(expected) {
            at(&region, minute(no)).await;
            assert_eq!(see(b, &readers).await, expected, "{no}: {first:?} {second:?}");
        }
        assert_eq!(region[0].node().give_later().await.unwrap(), 0, "nothing is left to wait for");
    }
}

/// Where what named persons have by two desks' words ends earlier by one of them, it is known that it is gone, and who has it for longer by
/// the other is given it again.
#[tokio::test]
async fn what_ended_at_a_member_is_not_told_as_had() {
    let region = region(&["a", "b"]).await;
    let b = &region[1];
    let readers = readers(b).await;
    let desks = Desks::of(&region[0]).await;
    let for_eve = Options { to: vec!["user:eve@b".to_owned(), "user:ann".to_owned()], ..tlp(TlpLevel::Red) };
    desks.bring(&desks.ann, ("anns", &address("")), for_eve).await;
    round(&region).await;
    let short = Options { retain_until: Some(SOON), ..for_person(TlpLevel::Red, "tom") };
    desks.bring(&desks.bob, ("bobs", &address("")), short).await;
    round(&region).await;
    assert_eq!(see(b, &readers).await, [true, true, false]);
    assert_eq!(holders(&desks, &desks.ann, ADDRESS).await, valid(&["b"]));
    later(&region).await;
    assert_eq!(see(b, &readers).await, [false; 3]);
    assert_eq!(holders(&desks, &desks.ann, ADDRESS).await, [("b".to_owned(), "missing")]);
    at(&region, SOON.plus(2 * Micros::SECOND)).await;
    assert_eq!(see(b, &readers).await, [true, false, false]);
    assert_eq!(holders(&desks, &desks.ann, ADDRESS).await, valid(&["b"]));
}

/// How a member handles the address.
async fn pap_at(seat: &Seat) -> String {
    let object = seat.node().object(&seat.who, ADDRESS, None).await.unwrap().into_inner();
    let handling = seat.node().handling_of(object.tlp, &object.places).await.unwrap();
    serde_json::to_value(handling).unwrap()["pap"].as_str().unwrap().to_owned()
}

/// Who sees a looser copy alone, and gives it to somebody else, does not loosen what a colleague gave by the stricter.
#[tokio::test]
async fn a_share_of_what_is_stricter_is_not_loosened_by_a_looser_copy() {
    let region = region(&["a", "b", "c", "d"]).await;
    let (a, c, d) = (&region[0], &region[2], &region[3]);
    let desks = Desks::of(a).await;
    desks.bring(&desks.bob, ("both", &address("")), to(&["b"])).await;
    let careful = Options { pap: Some(Pap::Red), ..to(&["b"]) };
    desks.bring(&desks.ann, ("anns", &address("")), careful).await;
    let share = async |who: &Principal, whom: &str| {
        let to = [whom.to_owned()];
        let request = node::ShareRequest { object: ADDRESS, to: &to, urgency: node::Urgency::Routine };
        a.node().share(who, request).await.unwrap()
    };
    assert!(share(&desks.ann, "c").await.to.contains(&"c".to_owned()));
    round(&region).await;
    assert_eq!(pap_at(c).await, "red");
    assert!(share(&desks.bob, "d").await.to.contains(&"d".to_owned()));
    round(&region).await;
    assert_eq!((pap_at(c).await.as_str(), pap_at(d).await.as_str()), ("red", "clear"));
}

/// What was given before under a commitment is given under it again, also where something else was given in its place meanwhile: a consent
/// to it goes on counting.
#[tokio::test]
async fn a_consent_outlasts_what_others_are_given() {
    let region = region(&["a", "b", "c", "d"]).await;
    let (a, b, d) = (&region[0], &region[1], &region[3]);
    let desks = Desks::of(a).await;
    desks.bring(&desks.ann, ("both", &address("")), to(&["b"])).await;
    round(&region).await;
    let request = node::ConsentRequest {
        object: ADDRESS,
        from: Some("b"),
        to: "d",
        until: crate::START.plus(3_600 * Micros::SECOND),
    };
    a.node().consent(&desks.ann, request).await.unwrap();
    desks.bring(&desks.ann, ("both", &address(",\"x_more\":1")), to(&["c"])).await;
    let careful = Options { pap: Some(Pap::Amber), ..to(&["b", "c"]) };
    desks.bring(&desks.bob, ("bobs", &address("")), careful).await;
    round(&region).await;
    let shared = crate::exchange::share(b, ADDRESS, "d").await;
    assert!(shared.is_ok(), "{shared:?}");
    round(&region).await;
    assert!(has(d, ADDRESS).await);
}

/// Who came to a circle before something was shared with it, which was not known here then, is given it, also where somebody of the circle had
/// been given it by name before that.
#[tokio::test]
async fn what_somebody_had_by_name_was_not_shared_with_their_circle() {
    let region = region(&["a", "b", "c"]).await;
    let (a, b, c) = (&region[0], &region[1], &region[2]);
    let new = node::NewCircle { name: "banks".into(), members: vec!["a".to_owned()], sector: None };
    b.node().create_circle(&b.who, new).await.unwrap();
    region.gather().await;
    let desks = Desks::of(a).await;
    desks.bring(&desks.ann, ("anns", &address("")), to(&["b"])).await;
    round(&region).await;
    let minute = 60 * Micros::SECOND;
    region.0.iter().for_each(|seat| seat.bench.clock.set(crate::START.plus(minute)));
    b.node().add_to_circle(&b.who, "banks", &["c".to_owned()], community::History::FromNow).await.unwrap();
    region.0.iter().for_each(|seat| seat.bench.clock.set(crate::START.plus(2 * minute)));
    let banks = ["b/banks".to_owned()];
    let request = node::ShareRequest { object: ADDRESS, to: &banks, urgency: node::Urgency::Routine };
    a.node().share(&desks.ann, request).await.unwrap();
    round(&region).await;
    assert!(!has(c, ADDRESS).await, "A did not know yet that C is in the circle");
    region.gather().await;
    a.node().give_later().await.unwrap();
    round(&region).await;
    assert!(has(c, ADDRESS).await);
}
