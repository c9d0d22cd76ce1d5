//! Who is taken out of a circle lets go of what it has by that circle alone, signs for it, and gets it again when it is taken in again.

use base::Micros;
use community::History;
use node::{HolderView, Options, ReceiptView, StateView};

use crate::START;
use crate::community::Seat;
use crate::exchange::{bring, has, meet, peer, region, round, share, to};
use crate::peers::Region;
use crate::recovery::{back_up, restored_at};

const HOUR: i64 = 3_600 * Micros::SECOND;

fn id(number: u32) -> String {
    format!("indicator--00000000-0000-4000-8000-{number:012}")
}

/// A keeps a circle with B and C in it, D beside it; B has given it something, and C something else.
async fn with_circle() -> Region {
    let region = region(&["a", "b", "c", "d"]).await;
    region.circle("banks", &["b", "c"]).await;
    bring(&region[1], 1..2, to(&["a/banks"])).await;
    bring(&region[1], 2..3, to(&["a/banks", "c"])).await;
    bring(&region[2], 3..4, to(&["a/banks"])).await;
    bring(&region[0], 4..5, to(&["banks"])).await;
    round(&region).await;
    for number in 1..5 {
        assert!(has(&region[2], &id(number)).await, "{number}");
    }
    region
}

async fn state(seat: &Seat) -> StateView {
    seat.node().shared_state().await.unwrap().unwrap()
}

async fn circle_state(seat: &Seat) -> node::CircleState {
    seat.node().circle_state(&seat.who, "a/banks").await.unwrap()
}

async fn removed(region: &Region, slug: &str) {
    let a = &region[0];
    a.node().remove_from_circle(&a.who, "banks", &[slug.to_owned()]).await.unwrap();
    region.gather().await;
}

async fn added(region: &Region, slug: &str, history: History) {
    let a = &region[0];
    a.node().add_to_circle(&a.who, "banks", &[slug.to_owned()], history).await.unwrap();
    region.gather().await;
}

/// Everybody looks at what circles have changed, and meets everybody.
async fn looked_and_met(region: &Region) {
    for seat in &region.0 {
        seat.node().give_later().await.unwrap();
    }
    round(region).await;
}

async fn holder(seat: &Seat, number: u32, slug: &str) -> Option<HolderView> {
    let holders = seat.node().holders(&seat.who, &id(number)).await.unwrap();
    holders.into_iter().find(|holder| holder.member == slug)
}

/// Under which rule a member is told as a holder, and how its receipt stands, or what is awaited of it.
async fn told(seat: &Seat, number: u32, slug: &str) -> Option<(String, &'static str)> {
    let told = |holder: HolderView| (holder.rule, holder.taking_back.unwrap_or(holder.receipt));
    holder(seat, number, slug).await.map(told)
}

fn status(receipts: &[ReceiptView], slug: &str) -> &'static str {
    receipts.iter().find(|receipt| receipt.member == slug).map_or("none", |receipt| receipt.status)
}

#[tokio::test]
async fn who_is_taken_out_lets_go_of_what_it_has_by_the_circle_alone() {
    let region = with_circle().await;
    let (a, b, c) = (&region[0], &region[1], &region[2]);
    let before = state(c).await;
    removed(&region, "c").await;
    // B knows, and C has not said yet what it did.
    assert_eq!(told(b, 1, "c").await, Some(("circle-left".to_owned(), "pending")));
    assert_eq!(told(b, 2, "c").await, Some(("released".to_owned(), "valid")));
    assert!(!has(c, &id(1)).await, "it reads it no more");
    let told_to_operators = async || {
        let checks = c.node().doctor(&c.who, node::Depth::Quick).await.unwrap();
        checks.into_iter().find(|check| check.name == "circles-left").map(|check| (check.ok, check.detail))
    };
    let still_here = told_to_operators().await.unwrap();
    assert!(!still_here.0 && still_here.1.starts_with("2 versions"), "{still_here:?}");
    c.node().give_later().await.unwrap();
    assert!(told_to_operators().await.unwrap().0);
    let after = state(c).await;
    // Two acts of its own, and a receipt to each originator.
    assert_eq!((after.objects, after.leaves), (before.objects - 2, before.leaves + 4));
    c.node().give_later().await.unwrap();
    assert_eq!(state(c).await, after, "it is let go of once");
    looked_and_met(&region).await;
    for (number, kept) in [(1, false), (2, true), (3, true), (4, false)] {
        assert_eq!(has(c, &id(number)).await, kept, "{number}");
        assert!(has(a, &id(number)).await && has(b, &id(number)).await, "nobody else's copy is touched");
    }
    assert_eq!((told(b, 1, "c").await, told(a, 4, "c").await), (None, None), "it has signed for it");
    assert_eq!(told(b, 1, "a").await, Some(("released".to_owned(), "valid")));
    assert_eq!((circle_state(a).await, circle_state(a).await.objects), (circle_state(b).await, 4));
    // What is done about it later it signs for as before.
    let recalled = b.node().recall(&b.who, &id(1), "wrong").await.unwrap();
    let erased = a.node().erase(&a.who, &id(4), "wrong").await.unwrap();
    round(&region).await;
    assert_eq!(status(&b.node().receipts(recalled.leaf).await.unwrap(), "c"), "done");
    assert_eq!(status(&a.node().receipts(erased.leaf).await.unwrap(), "c"), "done");
}

#[tokio::test]
async fn who_is_taken_in_again_with_its_history_gets_it_again() {
    let region = with_circle().await;
    let (a, b, c) = (&region[0], &region[1], &region[2]);
    removed(&region, "c").await;
    looked_and_met(&region).await;
    assert!(!has(c, &id(1)).await);
    added(&region, "c", History::FromNow).await;
    looked_and_met(&region).await;
    assert!(!has(c, &id(1)).await, "what was shared before is not for it");
    assert_eq!(told(b, 1, "c").await, Some(("released".to_owned(), "missing")));
    removed(&region, "c").await;
    looked_and_met(&region).await;
    added(&region, "c", History::All).await;
    let leaves = state(b).await.leaves;
    looked_and_met(&region).await;
    for number in 1..5 {
        assert!(has(c, &id(number)).await, "{number}");
    }
    assert_eq!(told(b, 1, "c").await, Some(("released".to_owned(), "valid")));
    assert_eq!(told(a, 4, "c").await, Some(("released".to_owned(), "valid")));
    assert_eq!(state(b).await.leaves, leaves, "it is the same act");
    assert_eq!(
        (circle_state(a).await, circle_state(b).await),
        (circle_state(c).await, circle_state(c).await)
    );
}

/// Who is in the circle again before its originator hears that it had let go: what it says then has it given again.
#[tokio::test]
async fn who_is_back_before_it_was_heard_gets_it_again_all_the_same() {
    let region = with_circle().await;
    let (b, c) = (&region[1], &region[2]);
    removed(&region, "c").await;
    c.node().give_later().await.unwrap();
    added(&region, "c", History::All).await;
    b.node().give_later().await.unwrap();
    assert_eq!(told(b, 1, "c").await, Some(("released".to_owned(), "valid")), "B does not know");
    looked_and_met(&region).await;
    looked_and_met(&region).await;
    assert!(has(c, &id(1)).await);
    assert_eq!(told(b, 1, "c").await, Some(("released".to_owned(), "valid")));
}

/// Who says again and again that it has it and has it no more is given it again at once the first time, and then after a pause.
#[tokio::test]
async fn who_lets_go_again_and_again_is_given_it_again_after_a_pause() {
    let region = with_circle().await;
    let (b, c) = (&region[1], &region[2]);
    for (time, comes) in [true, false].into_iter().enumerate() {
        removed(&region, "c").await;
        c.node().give_later().await.unwrap();
        added(&region, "c", History::All).await;
        b.node().give_later().await.unwrap();
        for seat in &region.0 {
            seat.bench.clock.advance(Micros::SECOND);
        }
        looked_and_met(&region).await;
        looked_and_met(&region).await;
        assert_eq!(has(c, &id(1)).await, comes, "{time}");
    }
    assert!(holder(b, 1, "c").await.unwrap().waits.unwrap().starts_with("to be given again at "));
    for seat in &region.0 {
        seat.bench.clock.advance(6 * HOUR);
    }
    looked_and_met(&region).await;
    assert!(has(c, &id(1)).await);
}

/// What was on its way when the circle took its recipient out waits until that one has heard from its sender, whoever of the two asks, and
/// is refused then, or goes empty; back in it, that gets it.
#[tokio::test]
async fn what_was_on_its_way_comes_when_its_recipient_is_back() {
    for b_asks in [true, false] {
        let region = with_circle().await;
        let (a, b, c) = (&region[0], &region[1], &region[2]);
        bring(b, 11..12, to(&["a/banks"])).await;
        a.node().remove_from_circle(&a.who, "banks", &["c".to_owned()]).await.unwrap();
        crate::community::meet(c, a).await.unwrap();
        // C knows and B does not: B gives, and knows no better when it is asked. What comes behind it is not kept waiting any longer.
        bring(b, 13..14, to(&["c"])).await;
        meet(b, c).await;
        assert!(!has(c, &id(13)).await && !has(c, &id(11)).await);
        assert!(peer(c, "b").await.awaits_circle.is_some());
        let (one, other) = if b_asks { (b, c) } else { (c, b) };
        crate::community::meet(one, other).await.unwrap();
        meet(b, c).await;
        assert!(has(c, &id(13)).await && !has(c, &id(11)).await);
        assert_eq!(peer(c, "b").await.awaits_circle, None);
        assert_eq!(peer(b, "c").await.refusals[0].rule, "handling/audience");
        let held = holder(b, 11, "c").await.unwrap();
        assert!(held.waits.unwrap().starts_with("to be given again at "));
        crate::community::meet(b, a).await.unwrap();
        bring(b, 12..13, to(&["a/banks", "d"])).await;
        looked_and_met(&region).await;
        added(&region, "c", History::All).await;
        looked_and_met(&region).await;
        for number in [1, 11, 12] {
            assert!(has(c, &id(number)).await, "{number}");
        }
    }
}

/// C is taken in again, and B, who knows that first, gives something to the circle.
async fn overtaken(region: &Region) {
    let (a, b, c) = (&region[0], &region[1], &region[2]);
    removed(region, "c").await;
    looked_and_met(region).await;
    for seat in &region.0 {
        seat.bench.clock.set(START.plus(HOUR));
    }
    a.node().add_to_circle(&a.who, "banks", &["c".to_owned()], History::FromNow).await.unwrap();
    crate::community::meet(b, a).await.unwrap();
    bring(b, 21..22, to(&["a/banks"])).await;
    bring(b, 22..23, to(&["c"])).await;
    meet(b, c).await;
    assert!(!has(c, &id(21)).await && !has(c, &id(22)).await);
    assert!(peer(c, "b").await.awaits_circle.is_some());
}

#[tokio::test]
async fn what_overtakes_the_word_that_it_is_back_waits_for_that() {
    for b_asks in [true, false] {
        let region = with_circle().await;
        overtaken(&region).await;
        let (b, c) = (&region[1], &region[2]);
        // Papers that may have been made before say nothing.
        let early = b.node().papers_question(c.id().await, None).await.unwrap();
        c.node().papers_answer(&early, None).await.unwrap();
        meet(b, c).await;
        assert!(peer(c, "b").await.awaits_circle.is_some());
        let (one, other) = if b_asks { (b, c) } else { (c, b) };
        crate::community::meet(one, other).await.unwrap();
        meet(b, c).await;
        assert!(has(c, &id(21)).await && has(c, &id(22)).await);
        assert_eq!(peer(c, "b").await.awaits_circle, None);
        assert_eq!(told(b, 21, "c").await, Some(("released".to_owned(), "valid")));
        assert!(!has(c, &id(1)).await, "what was shared before is not for it");
    }
}

/// The word that it is back does not come within the hour: what was given to it since goes again, without all that was shared before.
#[tokio::test]
async fn what_was_refused_before_it_knew_is_given_again() {
    let region = with_circle().await;
    overtaken(&region).await;
    let (b, c) = (&region[1], &region[2]);
    let later = async |minutes: i64| {
        for seat in &region.0 {
            seat.bench.clock.set(START.plus(minutes * HOUR / 60));
        }
        looked_and_met(&region).await;
    };
    later(90).await;
    assert!(!has(c, &id(22)).await);
    later(121).await;
    assert!(has(c, &id(22)).await && !has(c, &id(21)).await);
    assert!(holder(b, 21, "c").await.unwrap().waits.unwrap().starts_with("to be given again at "));
    region.gather().await;
    later(479).await;
    assert!(!has(c, &id(21)).await, "not before it is time");
    later(482).await;
    assert!(has(c, &id(21)).await && !has(c, &id(1)).await);
}

#[tokio::test]
async fn a_process_that_ended_in_between_lets_go_when_it_begins_again() {
    let mut region = with_circle().await;
    removed(&region, "c").await;
    let before = state(&region[2]).await.objects;
    region.0[2].bench.reopened(node::Settings::default()).await;
    region[2].node().give_later().await.unwrap();
    assert_eq!(state(&region[2]).await.objects, before - 2);
}

/// A copy of before knows the circle as it was then; its owner tells it, and it lets go.
#[tokio::test]
async fn who_is_restored_from_before_lets_go_of_it_again() {
    let mut region = with_circle().await;
    let room = tempfile::tempdir().unwrap();
    let file = room.path().join("copy");
    back_up(&region[2], &file).await;
    removed(&region, "c").await;
    looked_and_met(&region).await;
    region.gather().await;
    let now = START.plus(3_600 * Micros::SECOND);
    let back = restored_at(&file, (node::Settings::default(), now)).await;
    region.0[2] = back;
    for seat in &region.0 {
        seat.bench.clock.set(now);
    }
    region.gather().await;
    for other in [0, 1, 3] {
        crate::community::meet(&region[2], &region[other]).await.unwrap();
    }
    round(&region).await;
    round(&region).await;
    let c = &region[2];
    assert_eq!(c.node().status().0, node::Status::Ok);
    c.node().give_later().await.unwrap();
    assert_eq!(state(c).await.objects, 2);
    assert!(!has(c, &id(1)).await && has(c, &id(2)).await && has(c, &id(3)).await);
    round(&region).await;
    assert_eq!(told(&region[1], 1, "c").await, None);
}

/// A consent lets have it whoever is in no circle; so does its own name, given later.
#[tokio::test]
async fn what_it_has_by_a_consent_or_by_its_name_stays() {
    let region = with_circle().await;
    let (a, b, c, d) = (&region[0], &region[1], &region[2], &region[3]);
    let until = START.plus(60 * Micros::SECOND);
    let (one, four) = (id(1), id(4));
    let consent = node::ConsentRequest { object: &one, from: Some("a"), to: "d", until };
    b.node().consent(&b.who, consent).await.unwrap();
    round(&region).await;
    share(a, &one, "d").await.unwrap();
    share(a, &four, "c").await.unwrap();
    round(&region).await;
    assert!(has(d, &one).await);
    // What has come by it stays when its time is over.
    for seat in &region.0 {
        seat.bench.clock.set(until.plus(1));
    }
    added(&region, "d", History::FromNow).await;
    looked_and_met(&region).await;
    removed(&region, "d").await;
    removed(&region, "c").await;
    looked_and_met(&region).await;
    assert!(has(d, &one).await && !has(c, &one).await && has(c, &four).await);
    assert_eq!(told(a, 4, "c").await, Some(("released".to_owned(), "valid")));
}

/// A suspension, of the circle's owner too, ends nothing that is held: it passes.
#[tokio::test]
async fn who_is_away_for_a_while_keeps_its_bytes() {
    let region = with_circle().await;
    let before = state(&region[2]).await;
    crate::later::suspended(&region, "c", Some("silent")).await;
    region[2].node().give_later().await.unwrap();
    assert_eq!(state(&region[2]).await.objects, before.objects);
}

/// Rules of later, under which it would not be given, end with the same step; what no circle let it have is not touched by it.
#[tokio::test]
async fn what_was_narrowed_to_a_circle_goes_with_it() {
    let region = with_circle().await;
    let (b, c) = (&region[1], &region[2]);
    let narrower = Options { to: vec!["a/banks".into()], ..Options::default() };
    b.node().narrow(&b.who, &id(2), narrower).await.unwrap();
    looked_and_met(&region).await;
    assert!(has(c, &id(2)).await);
    removed(&region, "c").await;
    looked_and_met(&region).await;
    assert!(!has(c, &id(2)).await && has(c, &id(3)).await);
    added(&region, "c", History::All).await;
    looked_and_met(&region).await;
    assert!(has(c, &id(2)).await, "it is given anew");
    assert_eq!(told(b, 2, "c").await, Some(("released".to_owned(), "valid")));
}

/// A is back from before it took C out, an hour later, and meets others in this order.
async fn owner_back(region: &mut Region, file: &std::path::Path, others: [usize; 3]) {
    let now = START.plus(3_600 * Micros::SECOND);
    region.0[0] = restored_at(file, (node::Settings::default(), now)).await;
    for seat in &region.0 {
        seat.bench.clock.set(now);
    }
    for other in others.into_iter().chain(others) {
        crate::community::meet(&region[0], &region[other]).await.unwrap();
    }
    round(region).await;
    round(region).await;
    assert_eq!(region[0].node().status().0, node::Status::Ok);
    looked_and_met(region).await;
}

/// The version of its circle that A has, and who is in it.
async fn kept(region: &Region) -> (u64, Vec<String>) {
    let mut circles = region[0].node().circles(&region[0].who).await.unwrap();
    let circle = circles.remove(0);
    (circle.version, circle.members)
}

/// The farewell that it once gave is nobody's word on who is in the circle, least of all to its owner, that comes back and hears it first.
#[tokio::test]
async fn an_owner_that_is_restored_takes_no_farewell_for_its_own_circle() {
    let mut region = with_circle().await;
    let room = tempfile::tempdir().unwrap();
    let file = room.path().join("copy");
    back_up(&region[0], &file).await;
    removed(&region, "c").await;
    looked_and_met(&region).await;
    assert_eq!(told(&region[1], 1, "c").await, None);
    let before = state(&region[0]).await.objects;
    owner_back(&mut region, &file, [2, 1, 3]).await;
    assert_eq!(kept(&region).await, (2, vec!["a".to_owned(), "b".to_owned()]));
    let (a, b) = (&region[0], &region[1]);
    assert_eq!(state(a).await.objects, before);
    assert!(has(a, &id(1)).await && has(a, &id(3)).await && has(a, &id(4)).await);
    assert_eq!(told(b, 1, "a").await, Some(("released".to_owned(), "valid")));
    assert_eq!(circle_state(a).await, circle_state(b).await);
}

/// The owner was restored before C had its farewell, and hears by others that it had taken it out: C is told all the same.
#[tokio::test]
async fn whom_an_owner_has_forgotten_to_have_taken_out_is_told_it() {
    let mut region = with_circle().await;
    let room = tempfile::tempdir().unwrap();
    let file = room.path().join("copy");
    back_up(&region[0], &file).await;
    let a = &region[0];
    a.node().remove_from_circle(&a.who, "banks", &["c".to_owned()]).await.unwrap();
    crate::community::meet(&region[1], a).await.unwrap();
    owner_back(&mut region, &file, [1, 2, 3]).await;
    region.gather().await;
    looked_and_met(&region).await;
    assert_eq!(kept(&region).await, (2, vec!["a".to_owned(), "b".to_owned()]));
    assert!(!has(&region[2], &id(1)).await && has(&region[2], &id(2)).await);
}

/// The circles that A gives somebody that says which version of A's circle it holds: versions, and whether it says who is in it.
async fn given(region: &Region, to: usize, version: u64) -> Vec<(u64, bool)> {
    let (a, to) = (&region[0], &region[to]);
    let circle = a.node().circles(&a.who).await.unwrap().remove(0).id;
    let holds = ("holds", serde_json::json!({ circle: version }));
    let question = crate::circle_wait::saying(to, a, holds).await;
    let answer = crate::circle_wait::said(&a.node().papers_answer(&question, None).await.unwrap());
    let circles = answer["circles"].as_array().unwrap().iter().map(|circle| {
        let signed = base::signed::Signed::parse(circle.to_string().as_bytes()).unwrap();
        let circle = community::Circle::peek(&signed).unwrap();
        (circle.version, circle.seats.is_some())
    });
    circles.collect()
}

/// A circle's id follows from its owner and its name: to say that one holds it opens nothing. Who was in it hears of its own leaving, and
/// no more of the circle.
#[tokio::test]
async fn only_who_was_in_a_circle_is_told_of_it_again_and_only_what_it_was_told() {
    let region = with_circle().await;
    assert_eq!(given(&region, 3, 0).await, [], "D was never in it");
    assert_eq!(given(&region, 2, 0).await, [(1, true)]);
    removed(&region, "c").await;
    assert_eq!((given(&region, 3, 0).await, given(&region, 2, 2).await), (vec![], vec![]));
    added(&region, "d", History::FromNow).await;
    assert_eq!(given(&region, 2, 2).await, [], "what became of it since is nothing to C");
    assert_eq!(given(&region, 2, 1).await, [(2, false)]);
    assert_eq!((given(&region, 2, 2).await, given(&region, 3, 1).await), (vec![], vec![(3, true)]));
    removed(&region, "d").await;
    assert_eq!(
        (given(&region, 2, 1).await, given(&region, 3, 3).await),
        (vec![(2, false)], vec![(4, false)])
    );
    added(&region, "c", History::FromNow).await;
    assert_eq!(given(&region, 2, 2).await, [(5, true)]);
}

/// What an originator that is in the circle no more gives to somebody else goes to whom it is for. The others have what they were given,
/// and their word for it counts on.
#[tokio::test]
async fn who_has_it_by_an_earlier_act_goes_on_being_told_with_its_receipt() {
    let region = with_circle().await;
    let b = &region[1];
    let before = [holder(b, 1, "a").await, holder(b, 1, "c").await].map(|one| one.unwrap().received_at);
    removed(&region, "b").await;
    looked_and_met(&region).await;
    share(b, &id(1), "d").await.unwrap();
    looked_and_met(&region).await;
    assert!(has(&region[3], &id(1)).await);
    for slug in ["a", "c", "d"] {
        assert_eq!(told(b, 1, slug).await, Some(("released".to_owned(), "valid")), "{slug}");
    }
    let after = [holder(b, 1, "a").await, holder(b, 1, "c").await].map(|one| one.unwrap().received_at);
    assert_eq!(before, after);
}
