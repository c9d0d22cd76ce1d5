//! What a member is named for and cannot have yet is told as waiting, and comes when it can.

use base::Micros;
use bytes::Bytes;
use community::History;
use handling::Role;
use node::{AcceptRequest, HolderView, KeepStatus, Options, ShareRequest, Spoken, StoodBy, Urgency};
use store::PageRequest;

use crate::community::Seat;
use crate::exchange::{bring, bring_later, has, meet, peer, region, round, share, to};
use crate::peers::Region;
use crate::{START, indicator};

const ONE: &str = "indicator--00000000-0000-4000-8000-000000000001";
const TWO: &str = "indicator--00000000-0000-4000-8000-000000000002";
/// The end of the embargoes here.
const OVER: Micros = Micros(START.0 + 3_600 * Micros::SECOND);

fn embargoed(names: &[&str]) -> Options {
    Options { embargo_until: Some(OVER), ..to(names) }
}

async fn holder(seat: &Seat, id: &str, slug: &str) -> Option<HolderView> {
    let holders = seat.node().holders(&seat.who, id).await.unwrap();
    holders.into_iter().find(|holder| holder.member == slug)
}

/// Why an object waits for a member.
async fn waits(seat: &Seat, id: &str, slug: &str) -> String {
    holder(seat, id, slug).await.and_then(|holder| holder.waits).unwrap_or_default()
}

/// It is so late everywhere, what waits is looked at, and everybody meets.
async fn at(region: &Region, now: Micros) {
    for seat in &region.0 {
        seat.bench.clock.set(now);
        seat.node().give_later().await.unwrap();
    }
    round(region).await;
}

pub(crate) async fn suspended(region: &Region, slug: &str, reason: Option<&str>) {
    let a = &region[0];
    a.node().propose(&a.who, slug, reason.map(str::to_owned)).await.unwrap();
    region.decide(slug).await;
}

async fn state(seat: &Seat) -> String {
    seat.node().shared_state().await.unwrap().unwrap().state_hash
}

/// Who comes to a circle while something for it is under an embargo is given it as little as anything else of before, and `why` says so
/// after the embargo too, by which it is dated anew here.
#[tokio::test]
async fn an_embargo_makes_nobody_a_recipient_who_came_in_between() {
    let region = region(&["a", "b", "c"]).await;
    let (a, b, c) = (&region[0], &region[1], &region[2]);
    region.circle("banks", &["b"]).await;
    bring(a, 1..2, embargoed(&["banks"])).await;
    let before = a.node().object(&a.who, ONE, None).await.unwrap().into_inner();
    for seat in &region.0 {
        seat.bench.clock.set(START.plus(60 * Micros::SECOND));
    }
    a.node().add_to_circle(&a.who, "banks", &["c".to_owned()], History::FromNow).await.unwrap();
    round(&region).await;
    at(&region, OVER.plus(Micros::SECOND)).await;
    assert_eq!((has(b, ONE).await, has(c, ONE).await), (true, false));
    let after = a.node().object(&a.who, ONE, None).await.unwrap().into_inner();
    assert!(after.added > before.added, "it is dated anew for who polls");
    assert_eq!(after.arrived, before.added);
    for (whom, expected) in [("b", "allow"), ("c", "refuse"), ("banks", "allow")] {
        let why = a.node().why(&a.who, (ONE, None), whom, None).await.unwrap().into_inner();
        assert_eq!(why.decision, expected, "{whom}: {why:?}");
    }
}

#[tokio::test]
async fn what_was_under_an_embargo_comes_when_it_is_over() {
    let region = region(&["a", "b", "c"]).await;
    let (a, b) = (&region[0], &region[1]);
    bring(a, 1..2, embargoed(&["b"])).await;
    // What nobody is named for waits for nobody.
    bring(a, 2..3, Options { tlp: Some(stix::TlpLevel::Green), ..embargoed(&[]) }).await;
    at(&region, START.plus(1)).await;
    assert!(!has(b, ONE).await);
    let why = waits(a, ONE, "b").await;
    assert!(why.starts_with("embargo until 20"), "{why}");
    assert_eq!((peer(a, "b").await.waits, peer(a, "c").await.waits), (Some(1), Some(0)));
    // Who may not know of the object is not told by a count that it waits.
    let reader = a.bench.user("reader", Role::Reader).await;
    let told = a.node().peers(&reader).await.unwrap();
    assert!(told.iter().all(|peer| (peer.waits, peer.lag_out) == (None, None)), "{told:?}");
    assert!(a.node().is_behind(&reader, Some("b")).await.is_ok());
    at(&region, OVER.plus(-1)).await;
    assert!(!has(b, ONE).await, "not a moment before");
    at(&region, OVER).await;
    assert!(has(b, ONE).await && !has(&region[2], ONE).await && !has(b, TWO).await);
    let held = holder(a, ONE, "b").await.unwrap();
    assert_eq!((held.receipt, held.waits, peer(a, "b").await.waits), ("valid", None, Some(0)));
    assert_eq!(a.node().give_later().await.unwrap(), 0, "it is given once");
}

/// Who polls here asks for what is later than what they saw last: what an embargo held back comes with a new date when it is over.
#[tokio::test]
async fn who_polls_meets_what_was_under_an_embargo() {
    let region = region(&["a", "b"]).await;
    let a = &region[0];
    let green = Options { tlp: Some(stix::TlpLevel::Green), ..embargoed(&[]) };
    bring(a, 1..2, green).await;
    bring(a, 2..3, Options { tlp: Some(stix::TlpLevel::Clear), ..to(&[]) }).await;
    let seen = async |after: Option<Micros>| {
        let request = PageRequest { limit: 9, added_after: after, ..PageRequest::default() };
        let rows = a.node().manifest(&a.who, "inbox", &request).await.unwrap().into_inner().rows;
        rows.into_iter().map(|row| (row.id, row.added)).collect::<Vec<_>>()
    };
    let before = seen(None).await;
    let last = before.last().map(|(_, added)| *added);
    at(&region, OVER).await;
    let news: Vec<String> = seen(last).await.into_iter().map(|(id, _)| id).collect();
    assert_eq!(news, [ONE], "{before:?}");
    at(&region, OVER.plus(1)).await;
    assert_eq!(seen(last).await.len(), 1);
}

/// It goes to a member whose clock is behind when its embargo is over there: before, that member would refuse it.
#[tokio::test]
async fn an_embargo_ends_by_the_later_of_two_clocks() {
    let region = region(&["a", "b"]).await;
    let (a, b) = (&region[0], &region[1]);
    let minute = 60 * Micros::SECOND;
    b.bench.clock.set(START.plus(-minute));
    round(&region).await;
    bring(a, 1..2, embargoed(&["b"])).await;
    for (late, comes) in [(0, false), (minute, true)] {
        a.bench.clock.set(OVER.plus(late));
        b.bench.clock.set(OVER.plus(late - minute));
        a.node().give_later().await.unwrap();
        round(&region).await;
        assert_eq!(has(b, ONE).await, comes, "{late}");
    }
    assert_eq!(peer(a, "b").await.refusals, []);
}

/// A clock that is a day behind: it goes when the embargo is over there, and until then nobody is told that it is over later than it is.
#[tokio::test]
async fn a_clock_that_is_behind_is_told_as_that() {
    let region = region(&["a", "b"]).await;
    let (a, b) = (&region[0], &region[1]);
    let (hour, day) = (3_600 * Micros::SECOND, 86_400 * Micros::SECOND);
    let until = |late: i64| {
        a.bench.clock.set(OVER.plus(late));
        b.bench.clock.set(OVER.plus(late - day));
    };
    until(-hour);
    round(&region).await;
    bring(a, 1..2, embargoed(&["b"])).await;
    a.node().give_later().await.unwrap();
    let over = stix::Timestamp::text_of(OVER);
    assert_eq!(waits(a, ONE, "b").await, format!("embargo until {over}"));
    for late in [0, hour, 23 * hour] {
        until(late);
        a.node().give_later().await.unwrap();
        round(&region).await;
        assert!(!has(b, ONE).await);
        let told = waits(a, ONE, "b").await;
        assert!(told.starts_with("its clock is behind") && !told.contains("embargo until"), "{late} {told}");
        let why = a.node().why(&a.who, (ONE, None), "b", None).await.unwrap().into_inner();
        let shared = share(a, ONE, "b").await.unwrap();
        assert_eq!((why.decision, why.rule), ("refuse", "clock-behind"));
        assert_eq!(shared.withheld, [("b".to_owned(), "clock-behind".to_owned())]);
    }
    until(day);
    a.node().give_later().await.unwrap();
    round(&region).await;
    assert!(has(b, ONE).await);
    assert_eq!(peer(a, "b").await.refusals, []);
}

/// Who is reached by files alone tells nobody its clock: it refuses what comes before the end of the embargo there, and is given it again.
#[tokio::test]
async fn what_came_too_early_for_a_clock_that_nobody_knows_is_given_again() {
    let region = region(&["a", "b"]).await;
    let (a, b) = (&region[0], &region[1]);
    let (hour, behind) = (3_600 * Micros::SECOND, -10 * 3_600 * Micros::SECOND);
    let carry = async |from: &Seat, to: &Seat, slug: &str| {
        let file = from.node().courier_out(&from.who, Some(slug)).await.unwrap();
        to.node().courier_in(&to.who, file).await.unwrap()
    };
    bring(a, 1..2, embargoed(&["b"])).await;
    for (late, waiting, comes) in [(0, 1, false), (6, 1, false), (12, 0, true)] {
        a.bench.clock.set(OVER.plus(late * hour));
        b.bench.clock.set(OVER.plus(late * hour + behind));
        a.node().give_later().await.unwrap();
        carry(a, b, "b").await;
        carry(b, a, "a").await;
        assert_eq!(
            (peer(a, "b").await.waits, has(b, ONE).await),
            (Some(waiting), comes),
            "{late} hours later"
        );
    }
    assert_eq!(peer(a, "b").await.refused_there, 2);
    assert_eq!(holder(a, ONE, "b").await.unwrap().receipt, "valid");
}

#[tokio::test]
async fn what_is_narrowed_to_an_embargo_comes_back_when_that_is_over() {
    let region = region(&["a", "b", "c"]).await;
    let (a, b, c) = (&region[0], &region[1], &region[2]);
    bring(a, 1..2, to(&["b", "c"])).await;
    round(&region).await;
    assert!(has(b, ONE).await && has(c, ONE).await);
    let options = Options { embargo_until: Some(OVER), ..Options::default() };
    a.node().narrow(&a.who, ONE, options).await.unwrap();
    at(&region, START.plus(1)).await;
    assert!(!has(b, ONE).await && !has(c, ONE).await);
    let held = holder(a, ONE, "b").await.unwrap();
    assert_eq!((held.receipt, held.waits.is_some()), ("missing", true), "it has it no more");
    at(&region, OVER).await;
    assert!(has(b, ONE).await && has(c, ONE).await);
    assert_eq!((state(a).await, state(b).await), (state(b).await, state(c).await));
}

/// As it goes to holders again, each gets it by its own clock: who is behind is not sent it to refuse it.
#[tokio::test]
async fn what_comes_back_to_several_comes_to_each_by_its_own_clock() {
    let region = region(&["a", "b", "c"]).await;
    let (a, b, c) = (&region[0], &region[1], &region[2]);
    let minute = 60 * Micros::SECOND;
    c.bench.clock.set(START.plus(-minute));
    bring(a, 1..2, to(&["b", "c"])).await;
    round(&region).await;
    let options = Options { embargo_until: Some(OVER), ..Options::default() };
    a.node().narrow(&a.who, ONE, options).await.unwrap();
    round(&region).await;
    assert!(!has(b, ONE).await && !has(c, ONE).await);
    let until = async |late: i64| {
        for seat in [a, b] {
            seat.bench.clock.set(OVER.plus(late));
        }
        c.bench.clock.set(OVER.plus(late - minute));
        a.node().give_later().await.unwrap();
        round(&region).await;
    };
    until(0).await;
    assert!(has(b, ONE).await && !has(c, ONE).await);
    // Whoever gives it once more meanwhile sends it too early as little.
    share(a, ONE, "c").await.unwrap();
    round(&region).await;
    assert!(!has(c, ONE).await);
    until(minute).await;
    assert!(has(c, ONE).await);
    assert_eq!(peer(a, "c").await.refusals, []);
}

#[tokio::test]
async fn what_is_taken_back_before_it_could_go_never_goes() {
    let region = region(&["a", "b"]).await;
    let (a, b) = (&region[0], &region[1]);
    bring(a, 1..4, embargoed(&["b"])).await;
    a.node().recall(&a.who, ONE, "wrong").await.unwrap();
    a.node().erase(&a.who, TWO, "wrong").await.unwrap();
    let three = TWO.replace("0002", "0003");
    a.node().delete(&a.who, "inbox", &three, &store::Filter::default()).await.unwrap();
    at(&region, OVER).await;
    for id in [ONE, TWO, &three] {
        assert!(!has(b, id).await, "{id}");
    }
    assert_eq!((peer(a, "b").await.waits, peer(a, "b").await.lag_out), (Some(0), Some(0)));
}

#[tokio::test]
async fn who_is_taken_into_a_circle_with_its_history_gets_it() {
    let region = region(&["a", "b", "c", "d"]).await;
    region.circle("banks", &["b"]).await;
    let (a, b, c, d) = (&region[0], &region[1], &region[2], &region[3]);
    bring(a, 1..3, to(&["banks"])).await;
    bring(b, 3..4, to(&["a/banks"])).await;
    round(&region).await;
    at(&region, START.plus(1)).await;
    let names = |name: &str| [name.to_owned()];
    a.node().add_to_circle(&a.who, "banks", &names("c"), History::All).await.unwrap();
    a.node().add_to_circle(&a.who, "banks", &names("d"), History::FromNow).await.unwrap();
    region.gather().await;
    at(&region, START.plus(2)).await;
    let three = TWO.replace("0002", "0003");
    for id in [ONE, TWO, &three] {
        assert!(has(c, id).await, "{id}");
        assert!(!has(d, id).await, "{id} was shared before");
    }
    let circle = async |seat: &Seat| seat.node().circle_state(&seat.who, "a/banks").await.unwrap();
    assert_eq!((circle(a).await, circle(b).await), (circle(c).await, circle(c).await));
    assert_eq!(circle(a).await.objects, 3);
    let before = a.node().shared_state().await.unwrap().unwrap().leaves;
    at(&region, START.plus(3)).await;
    assert_eq!(a.node().shared_state().await.unwrap().unwrap().leaves, before, "nothing is said again");
    // Who is in it already gets the history too, once that is said; saying less, or the same again, changes nothing.
    let add = async |history| a.node().add_to_circle(&a.who, "banks", &names("d"), history).await.unwrap();
    assert_eq!(add(History::FromNow).await.changed, Some(false));
    let wider = add(History::All).await;
    assert_eq!(wider.changed, Some(true));
    region.gather().await;
    at(&region, START.plus(4)).await;
    for id in [ONE, TWO, &three] {
        assert!(has(d, id).await, "{id}");
    }
    assert_eq!(circle(a).await, circle(d).await);
    for history in [History::All, History::FromNow] {
        let same = add(history).await;
        assert_eq!((same.changed, same.version), (Some(false), wider.version));
    }
}

/// B, cut off, gives the circle something while it does not know that C is in it from now on, and gives D besides what it gave the circle
/// before: C gets what was shared since it is in, once B hears of it, and nothing of before.
#[tokio::test]
async fn who_was_in_a_circle_when_something_was_shared_gets_it_though_nobody_knew() {
    let region = region(&["a", "b", "c", "d"]).await;
    region.circle("banks", &["b"]).await;
    let (a, b, c, d) = (&region[0], &region[1], &region[2], &region[3]);
    let three = TWO.replace("0002", "0003");
    bring(b, 1..2, to(&["a/banks"])).await;
    bring(b, 3..4, to(&["d"])).await;
    round(&region).await;
    at(&region, START.plus(1)).await;
    a.node().add_to_circle(&a.who, "banks", &["c".to_owned()], History::FromNow).await.unwrap();
    b.bench.clock.set(START.plus(2));
    bring(b, 2..3, to(&["a/banks"])).await;
    share(b, &three, "a/banks").await.unwrap();
    share(b, ONE, "d").await.unwrap();
    round(&region).await;
    assert!(has(a, TWO).await && has(a, &three).await && has(d, ONE).await);
    region.gather().await;
    assert!(!has(c, TWO).await);
    at(&region, START.plus(3)).await;
    assert!(has(c, TWO).await, "it was shared when C was in");
    assert!(has(c, &three).await, "it was shared with the circle then, however long it was here");
    assert!(!has(c, ONE).await, "it was shared with the circle before");
    let leaves = b.node().shared_state().await.unwrap().unwrap().leaves;
    at(&region, START.plus(4)).await;
    assert_eq!(b.node().shared_state().await.unwrap().unwrap().leaves, leaves, "nothing is said again");
}

/// Nobody else was in the circle when it was shared, so that it was given to nobody.
#[tokio::test]
async fn who_is_the_first_in_a_circle_gets_its_history_too() {
    let region = region(&["a", "b", "c"]).await;
    region.circle("banks", &[]).await;
    let (a, b, c) = (&region[0], &region[1], &region[2]);
    bring(a, 1..2, to(&["banks"])).await;
    bring(a, 2..3, to(&[])).await;
    share(a, TWO, "banks").await.unwrap();
    round(&region).await;
    at(&region, START.plus(1)).await;
    assert!(!has(b, ONE).await && !has(b, TWO).await);
    a.node().add_to_circle(&a.who, "banks", &["b".to_owned()], History::All).await.unwrap();
    a.node().add_to_circle(&a.who, "banks", &["c".to_owned()], History::FromNow).await.unwrap();
    region.gather().await;
    at(&region, START.plus(2)).await;
    for id in [ONE, TWO] {
        assert!(has(b, id).await && !has(c, id).await, "{id}");
    }
}

/// `why` goes by when something was shared with a circle, and not by when it came here; who was given it by a share since has it.
#[tokio::test]
async fn why_counts_from_the_share_with_a_circle() {
    let region = region(&["a", "b", "c"]).await;
    region.circle("banks", &["b"]).await;
    let (a, c) = (&region[0], &region[2]);
    bring(a, 1..2, to(&[])).await;
    bring(a, 2..3, to(&["banks"])).await;
    let minutes = |count: i64| {
        for seat in &region.0 {
            seat.bench.clock.set(START.plus(count * 60 * Micros::SECOND));
        }
    };
    minutes(1);
    a.node().add_to_circle(&a.who, "banks", &["c".to_owned()], History::FromNow).await.unwrap();
    region.gather().await;
    minutes(2);
    let told = async |id| {
        let why = a.node().why(&a.who, (id, None), "c", None).await.unwrap().into_inner();
        (why.decision, why.shared)
    };
    share(a, ONE, "banks").await.unwrap();
    round(&region).await;
    assert_eq!((has(c, ONE).await, has(c, TWO).await), (true, false));
    assert_eq!((told(ONE).await, told(TWO).await), (("allow", Some(true)), ("refuse", None)));
    share(a, TWO, "banks").await.unwrap();
    round(&region).await;
    assert_eq!((has(c, TWO).await, told(TWO).await), (true, ("allow", Some(true))));
}

/// Also where it had an earlier version of it, or a consent lets it have what nobody gave it.
#[tokio::test]
async fn who_comes_back_into_a_circle_with_its_history_gets_what_came_meanwhile() {
    let region = region(&["a", "b", "c"]).await;
    region.circle("banks", &["b", "c"]).await;
    let (a, b, c) = (&region[0], &region[1], &region[2]);
    bring(a, 1..2, to(&["banks"])).await;
    round(&region).await;
    assert!(has(c, ONE).await);
    let names = |name: &str| [name.to_owned()];
    a.node().remove_from_circle(&a.who, "banks", &names("c")).await.unwrap();
    region.gather().await;
    bring_later(a, 1, to(&["banks"])).await;
    bring(a, 2..3, to(&["banks"])).await;
    at(&region, START.plus(1)).await;
    let until = START.plus(30 * 86_400 * Micros::SECOND);
    let consent = node::ConsentRequest { object: TWO, from: Some("b"), to: "c", until };
    a.node().consent(&a.who, consent).await.unwrap();
    at(&region, START.plus(2)).await;
    assert!(!has(c, TWO).await);
    a.node().add_to_circle(&a.who, "banks", &names("c"), History::All).await.unwrap();
    region.gather().await;
    at(&region, START.plus(3)).await;
    assert!(has(c, TWO).await);
    let circle = async |seat: &Seat| seat.node().circle_state(&seat.who, "a/banks").await.unwrap();
    assert_eq!((circle(a).await, circle(b).await), (circle(c).await, circle(c).await));
}

#[tokio::test]
async fn what_awaited_a_marking_goes_when_that_has_come() {
    let region = region(&["a", "b"]).await;
    let (a, b) = (&region[0], &region[1]);
    let marking = "marking-definition--00000000-0000-4000-8000-0000000000aa";
    let extra = format!(r#","object_marking_refs":["{marking}"]"#);
    let marked = indicator(1, "[url:value = 'http://1.example/']", &extra);
    let bring = async |object: String, options: Options| {
        let objects = vec![Bytes::from(object)];
        let request = AcceptRequest { collection: "inbox", objects, options, status: KeepStatus::No };
        let accepted = a.node().accept(&a.who, request).await.unwrap();
        assert_eq!(accepted.receipts[0].reason, None);
    };
    bring(marked, to(&["b"])).await;
    at(&region, START.plus(1)).await;
    assert!(!has(b, ONE).await);
    assert_eq!(waits(a, ONE, "b").await, "until the definition of its marking has come");
    let definition = format!(
        r#"{{"type":"marking-definition","spec_version":"2.1","id":"{marking}","created":"2022-10-01T00:00:00.000Z","definition_type":"statement","definition":{{"statement":"Copyright 2026"}}}}"#
    );
    bring(definition, Options { tlp: Some(stix::TlpLevel::Clear), ..Options::default() }).await;
    at(&region, START.plus(2)).await;
    assert!(has(b, ONE).await);
    assert_eq!(waits(a, ONE, "b").await, "");
}

/// A member that has an earlier version has it, whatever it waits for besides; of several that wait, the first is told.
#[tokio::test]
async fn who_waits_for_a_later_version_is_told_as_having_the_earlier() {
    let region = region(&["a", "b"]).await;
    let (a, b) = (&region[0], &region[1]);
    bring(a, 1..2, to(&["b"])).await;
    round(&region).await;
    assert!(has(b, ONE).await);
    let embargoed = |until| Options { embargo_until: Some(until), ..to(&["b"]) };
    bring_later(a, 1, embargoed(OVER)).await;
    let last = indicator(1, "[url:value = 'http://last.example/']", "")
        .replace("\"modified\":\"2025-01-01", "\"modified\":\"2025-03-01");
    let objects = vec![Bytes::from(last)];
    let options = embargoed(OVER.plus(86_400 * Micros::SECOND));
    let request = AcceptRequest { collection: "inbox", objects, options, status: KeepStatus::No };
    a.node().accept(&a.who, request).await.unwrap();
    let held = holder(a, ONE, "b").await.unwrap();
    assert_eq!((held.rule.as_str(), held.receipt, held.received_at.is_some()), ("released", "valid", true));
    assert_eq!(held.waits, Some(format!("embargo until {}", stix::Timestamp::text_of(OVER))));
    // What is taken from it by an embargo of its own it has no more.
    let options = Options { embargo_until: Some(OVER), ..Options::default() };
    a.node().narrow(&a.who, ONE, options).await.unwrap();
    let held = holder(a, ONE, "b").await.unwrap();
    assert_eq!((held.receipt, held.received_at, held.waits.is_some()), ("missing", None, true));
}

#[tokio::test]
async fn what_was_for_a_member_that_took_no_part_comes_when_it_does() {
    let region = region(&["a", "b", "c", "d"]).await;
    region.circle("banks", &["b", "d"]).await;
    let (a, b, d) = (&region[0], &region[1], &region[3]);
    suspended(&region, "d", Some("silent")).await;
    bring(a, 1..2, to(&["b", "d"])).await;
    bring(a, 2..3, to(&["banks"])).await;
    a.node().give_later().await.unwrap();
    for _ in 0..2 {
        meet(b, a).await;
    }
    assert!(has(b, ONE).await && has(b, TWO).await && !has(d, ONE).await);
    assert_eq!(waits(a, ONE, "d").await, "until the member takes part again");
    suspended(&region, "d", None).await;
    at(&region, START.plus(2)).await;
    assert!(has(d, ONE).await && has(d, TWO).await);
    assert_eq!((state(a).await, state(b).await), (state(b).await, state(d).await));
}

/// An embargo that ends while a member is suspended ends nothing for it: what was for its circle comes when it takes part again.
#[tokio::test]
async fn an_embargo_that_ends_during_a_suspension_loses_nobody_their_place() {
    let region = region(&["a", "b", "c", "d"]).await;
    region.circle("banks", &["b", "d"]).await;
    let (a, b, d) = (&region[0], &region[1], &region[3]);
    bring(a, 1..2, embargoed(&["banks"])).await;
    suspended(&region, "d", Some("silent")).await;
    for seat in &region.0 {
        seat.bench.clock.set(OVER.plus(1));
    }
    a.node().give_later().await.unwrap();
    for _ in 0..2 {
        meet(b, a).await;
    }
    assert!(has(b, ONE).await && !has(d, ONE).await);
    assert_eq!(waits(a, ONE, "d").await, "until the member takes part again");
    suspended(&region, "d", None).await;
    at(&region, OVER.plus(2)).await;
    assert!(has(d, ONE).await);
}

/// What waits is in the store: a process that begins anew goes on with it, and `share` does not have it wait twice.
#[tokio::test]
async fn what_waits_outlives_the_process() {
    let mut region = region(&["a", "b"]).await;
    bring(&region[0], 1..2, to(&[])).await;
    bring(&region[0], 2..3, embargoed(&["b"])).await;
    let options = Options { embargo_until: Some(OVER), ..Options::default() };
    region[0].node().narrow(&region[0].who, ONE, options).await.unwrap();
    for _ in 0..2 {
        let names = ["b".to_owned()];
        let request = ShareRequest { object: ONE, to: &names, urgency: Urgency::Flash };
        let shared = region[0].node().share(&region[0].who, request).await.unwrap();
        assert_eq!((shared.to, shared.withheld), (vec![], vec![("b".to_owned(), "embargo".to_owned())]));
    }
    assert_eq!(peer(&region[0], "b").await.waits, Some(2));
    region.0[0].bench.reopened(node::Settings::default()).await;
    at(&region, OVER).await;
    meet(&region[0], &region[1]).await;
    assert!(has(&region[1], ONE).await && has(&region[1], TWO).await);
}

/// A member that nobody reaches keeps one question open, and one only; it is answered when something waits, and when the node stops.
#[tokio::test]
async fn who_cannot_be_called_is_answered_when_something_waits() {
    let region = region(&["a", "b"]).await;
    round(&region).await;
    let (a, b) = (&region[0], &region[1]);
    let id = b.id().await;
    let asks = || {
        let node = a.node().clone();
        tokio::spawn(async move { node.something_for(id).await.unwrap() })
    };
    let begins = || tokio::time::sleep(std::time::Duration::from_millis(50));
    assert_eq!(asks().await.unwrap(), StoodBy::Nothing, "not known yet");
    a.node().spoke(id, Spoken::Answered);
    assert_eq!(asks().await.unwrap(), StoodBy::Reachable);
    a.node().spoke(id, Spoken::Unreachable);
    let open = asks();
    begins().await;
    assert_eq!(asks().await.unwrap(), StoodBy::Nothing, "one is open");
    assert!(!open.is_finished());
    bring(a, 1..2, to(&["b"])).await;
    assert_eq!(open.await.unwrap(), StoodBy::Something);
    let again = asks();
    begins().await;
    assert!(!again.is_finished(), "it was told: what it does not take it is not called for again");
    bring(a, 2..3, to(&["b"])).await;
    assert_eq!(again.await.unwrap(), StoodBy::Something, "there is more");
    round(&region).await;
    let given_up = asks();
    begins().await;
    given_up.abort();
    assert!(given_up.await.is_err());
    let open = asks();
    begins().await;
    assert!(!open.is_finished());
    a.node().stop_standing_by();
    assert_eq!(open.await.unwrap(), StoodBy::Nothing);
    // Whoever was called just now asks nobody.
    assert!(b.node().stand_by(a.id().await).await.unwrap().is_some());
    meet(a, b).await;
    assert!(b.node().stand_by(a.id().await).await.unwrap().is_none());
}

/// C gives something while it is put aside, and goes by that when the others have it back already: they ask for it again.
#[tokio::test]
async fn what_was_given_by_who_took_no_part_comes_when_it_is_back() {
    let region = region(&["a", "b", "d", "c"]).await;
    let (a, c) = (&region[0], &region[3]);
    suspended(&region, "c", Some("silent")).await;
    bring(c, 1..3, to(&["a"])).await;
    a.node().propose(&a.who, "c", None).await.unwrap();
    for seat in [1, 2, 1, 2] {
        crate::community::meet(&region[seat], a).await.unwrap();
        // One word is enough of each.
        let _ = region[seat].node().say(&region[seat].who, "c", community::Word::Approve).await;
        crate::community::meet(&region[seat], a).await.unwrap();
    }
    let epoch = async |seat: &Seat| seat.node().community(&seat.who).await.unwrap().epoch;
    assert!(epoch(c).await < epoch(a).await, "C does not know that it is back");
    meet(c, a).await;
    assert!(!has(a, ONE).await && peer(a, "c").await.refusals.is_empty());
    crate::community::meet(c, a).await.unwrap();
    meet(c, a).await;
    assert!(has(a, ONE).await && has(a, TWO).await);
    assert_eq!((peer(c, "a").await.refused_there, peer(a, "c").await.refused_here), (0, 0));
}

/// A clock that went ahead for a while holds nothing back for as long as it went ahead: neither where the node began anew with it, nor
/// where it was put back while the node ran.
#[tokio::test]
async fn a_clock_that_went_ahead_holds_nothing_back_once_it_is_right() {
    for begins_anew in [false, true] {
        let mut region = region(&["a", "b"]).await;
        bring(&region[0], 1..2, embargoed(&["b"])).await;
        for now in [START.plus(365 * 86_400 * Micros::SECOND), START.plus(10 * Micros::SECOND)] {
            region.0[0].bench.clock.set(now);
            if begins_anew {
                region.0[0].bench.reopened(node::Settings::default()).await;
            }
            meet(&region[0], &region[1]).await;
            region[0].node().give_later().await.unwrap();
            assert!(!has(&region[1], ONE).await);
        }
        region[1].bench.clock.set(START.plus(10 * Micros::SECOND));
        meet(&region[0], &region[1]).await;
        let told = waits(&region[0], ONE, "b").await;
        assert!(told.starts_with("embargo until 2026-01-01"), "{begins_anew} {told}");
        at(&region, OVER).await;
        assert!(has(&region[1], ONE).await, "{begins_anew} {}", waits(&region[0], ONE, "b").await);
    }
}

/// What waits for a clock goes as soon as that is right, and not within the hour.
#[tokio::test]
async fn a_clock_that_is_put_right_is_waited_for_no_longer() {
    let region = region(&["a", "b"]).await;
    let (a, b) = (&region[0], &region[1]);
    b.bench.clock.set(START.plus(-86_400 * Micros::SECOND));
    bring(a, 1..2, embargoed(&["b"])).await;
    round(&region).await;
    a.bench.clock.set(OVER);
    a.node().give_later().await.unwrap();
    assert!(waits(a, ONE, "b").await.starts_with("its clock is behind"));
    for (seat, told) in [(a, "of b is 24 hours behind"), (b, "of a is 24 hours ahead of")] {
        let (agree, detail) = crate::community::clocks(seat).await;
        assert!(!agree && detail.contains(told), "{detail}");
    }
    b.bench.clock.set(OVER);
    round(&region).await;
    assert!(crate::community::clocks(a).await.0 && crate::community::clocks(b).await.0);
    a.node().give_later().await.unwrap();
    round(&region).await;
    assert!(has(b, ONE).await, "{}", waits(a, ONE, "b").await);
}

/// What went while this node's clock was a year ahead, before it knew so, is refused there as too early: it is given again by the right clock.
#[tokio::test]
async fn what_went_by_a_clock_that_went_ahead_is_given_again() {
    let region = region(&["a", "b"]).await;
    let (a, b) = (&region[0], &region[1]);
    bring(a, 1..2, embargoed(&["b"])).await;
    a.bench.clock.set(START.plus(365 * 86_400 * Micros::SECOND));
    a.node().give_later().await.unwrap();
    assert_eq!(holder(a, ONE, "b").await.unwrap().waits, None, "it is on its way");
    round(&region).await;
    assert!(!has(b, ONE).await && waits(a, ONE, "b").await.starts_with("its clock is behind"));
    at(&region, START.plus(10 * Micros::SECOND)).await;
    at(&region, OVER).await;
    assert!(has(b, ONE).await, "{}", waits(a, ONE, "b").await);
}
