//! Only its originator does anything with an object, and does it whatever others say of it: over its redacted view, and over the
//! consents it gave.

use std::collections::BTreeSet;

use base::Micros;
use bytes::Bytes;
use handling::{Control, Principal, Role, Scope};
use node::{AcceptRequest, ConsentRequest, ExchangeError, Judged, KeepStatus, Options, ReceiptView};
use stix::TlpLevel;
use store::PageRequest;

use crate::community::Seat;
use crate::exchange::{bring, bring_later, has, meet, peer, region, round, share, to};
use crate::later::suspended;
use crate::peers::Region;
use crate::{START, indicator};

const ONE: &str = "indicator--00000000-0000-4000-8000-000000000001";

/// The code by which a deed is refused.
fn code<T: std::fmt::Debug>(outcome: Result<T, ExchangeError>) -> &'static str {
    outcome.unwrap_err().code()
}

async fn consent(seat: &Seat, from: &str, whom: &str) -> Result<node::ConsentGiven, ExchangeError> {
    let until = START.plus(10 * 86_400 * Micros::SECOND);
    let request = ConsentRequest { object: ONE, from: Some(from), to: whom, until };
    seat.node().consent(&seat.who, request).await
}

async fn why(seat: &Seat, whom: &str) -> Judged {
    seat.node().why(&seat.who, (ONE, None), whom, None).await.unwrap().into_inner()
}

fn words(receipts: &[ReceiptView]) -> Vec<(&str, &str)> {
    receipts.iter().map(|receipt| (receipt.member.as_str(), receipt.status)).collect()
}

/// A gave something to B and C; B says a later version of it. A's own word is still A's to give, narrow and call back.
#[tokio::test]
async fn what_others_say_later_takes_no_power_over_an_own_object() {
    let region = region(&["a", "b", "c", "d"]).await;
    let [a, b, c, d] = [0, 1, 2, 3].map(|at| &region[at]);
    bring(a, 1..2, to(&["b", "c"])).await;
    round(&region).await;
    bring_later(b, 1, to(&["a"])).await;
    round(&region).await;
    assert_eq!(a.node().history(&a.who, ONE).await.unwrap().get().len(), 2, "B's word stands at A");

    assert_eq!(why(a, "d").await.rule, "audience", "of its own word, which is what it gives");
    share(a, ONE, "d").await.unwrap();
    assert_eq!(why(a, "d").await.decision, "allow");
    consent(a, "b", "d").await.unwrap();
    let stricter = Options { pap: Some(handling::Pap::Red), ..Options::default() };
    assert_eq!(a.node().narrow(&a.who, ONE, stricter).await.unwrap().versions, 1, "its own version, not B's");
    round(&region).await;
    let held = d.node().object(&d.who, ONE, None).await.unwrap().into_inner();
    assert!(String::from_utf8_lossy(&held.bytes).contains("http://1.example/"), "its own version is given");
    // B's people have no such power over A's word, only over their own.
    let recalled = b.node().recall(&b.who, ONE, "").await.unwrap();
    round(&region).await;
    assert_eq!(words(&b.node().receipts(recalled.leaf).await.unwrap()), [("a", "done")]);
    assert!(has(a, ONE).await && has(b, ONE).await && has(c, ONE).await);

    let recalled = a.node().recall(&a.who, ONE, "").await.unwrap();
    round(&region).await;
    let receipts = a.node().receipts(recalled.leaf).await.unwrap();
    assert!(receipts.len() == 3 && receipts.iter().all(|receipt| receipt.status == "done"), "{receipts:?}");
    assert!(!has(a, ONE).await && !has(b, ONE).await && !has(c, ONE).await && !has(d, ONE).await);
}

/// Who has a consent and was given nothing does not have it; who was passed it has.
#[tokio::test]
async fn a_consent_alone_is_not_having_it() {
    let region = region(&["a", "b", "c"]).await;
    let [a, b, c] = [0, 1, 2].map(|at| &region[at]);
    bring(a, 1..2, Options { tlp: Some(stix::TlpLevel::Green), ..to(&["b"]) }).await;
    round(&region).await;
    consent(a, "b", "c").await.unwrap();
    round(&region).await;
    let told = why(a, "c").await;
    assert_eq!((told.decision, told.shared, has(c, ONE).await), ("allow", Some(false), false), "{told:?}");
    share(b, ONE, "c").await.unwrap();
    round(&region).await;
    let told = why(a, "c").await;
    assert_eq!((told.decision, told.shared, has(c, ONE).await), ("allow", Some(true), true), "{told:?}");
}

/// While B's word goes on standing at A, A erases its own; and what stands by B's word alone is B's.
#[tokio::test]
async fn an_erasure_takes_the_own_word_beside_anothers() {
    let region = region(&["a", "b", "c"]).await;
    let (a, b, c) = (&region[0], &region[1], &region[2]);
    bring(a, 1..2, to(&["b", "c"])).await;
    round(&region).await;
    bring_later(b, 1, to(&["a"])).await;
    round(&region).await;
    a.node().erase(&a.who, ONE, "").await.unwrap();
    round(&region).await;
    let left = a.node().object(&a.who, ONE, None).await.unwrap().into_inner();
    assert!(String::from_utf8_lossy(&left.bytes).contains("later.example"), "B's word");
    assert!(!has(c, ONE).await);
    assert_eq!(code(a.node().recall(&a.who, ONE, "").await), "tombstoned");
    assert_eq!(code(consent(a, "b", "c").await), "originator-control");
    let held = b.node().object(&b.who, ONE, None).await.unwrap().into_inner();
    assert!(String::from_utf8_lossy(&held.bytes).contains("later.example"));
}

/// GREEN as a whole, with its name under RED.
pub(crate) fn in_parts(number: u32) -> String {
    let (green, red) = (TlpLevel::Green.id(), TlpLevel::Red.id());
    let marked = format!(
        r#","object_marking_refs":["{green}"],"granular_markings":[{{"marking_ref":"{red}","selectors":["name"]}}]"#
    );
    indicator(number, &format!("[url:value = 'http://{number}.example/']"), &marked)
}

/// B gets a view without the name.
async fn bring_in_parts(seat: &Seat, number: u32) {
    let object = in_parts(number);
    let options = Options { to: vec!["b".to_owned()], ..Options::default() };
    let objects = vec![Bytes::from(object)];
    let request = AcceptRequest { collection: "inbox", objects, options, status: KeepStatus::No };
    seat.node().accept(&seat.who, request).await.unwrap();
}

async fn count(seat: &Seat) -> usize {
    let all = PageRequest { limit: 10, ..PageRequest::default() };
    seat.node().page(&seat.who, "inbox", &all).await.unwrap().get().count
}

/// Of an object in parts it is foretold what goes: the whole does not, and what is left of it does.
#[tokio::test]
async fn what_would_be_left_of_an_object_is_foretold() {
    let region = region(&["a", "b", "c"]).await;
    let (a, b) = (&region[0], &region[1]);
    let object = in_parts(1);
    for (whom, goes) in [("b", "allow"), ("c", "refuse")] {
        let options = Options { to: vec!["b".to_owned()], ..Options::default() };
        let (collection, bytes) = ("inbox", Bytes::from(object.clone()));
        let request = node::SimulateRequest { collection, bytes, options, recipient: whom, action: None };
        let judged = a.node().simulate(&a.who, request).await.unwrap().into_inner();
        let [whole] = judged.as_slice() else { panic!("{judged:?}") };
        let view = whole.view.as_ref().unwrap();
        assert_eq!((whole.decision, whole.rule, view.decision), ("refuse", "tlp-red-persons", goes));
        assert!(view.id.is_some() && view.id != whole.id);
    }
    assert_eq!(count(a).await, 0, "nothing is stored");
    bring_in_parts(a, 1).await;
    round(&region).await;
    assert_eq!((count(b).await, count(&region[2]).await), (1, 0));
}

/// What is left of an object without its stricter parts goes where the object goes.
#[tokio::test]
async fn a_deed_on_an_object_reaches_what_is_left_of_it() {
    let region = region(&["a", "b"]).await;
    let (a, b) = (&region[0], &region[1]);
    bring_in_parts(a, 1).await;
    round(&region).await;
    assert_eq!((count(a).await, count(b).await, has(b, ONE).await), (2, 1, false));
    let recalled = a.node().recall(&a.who, ONE, "").await.unwrap();
    round(&region).await;
    assert_eq!(words(&a.node().receipts_of(&recalled.acts).await.unwrap()), [("b", "done")]);
    assert_eq!((count(a).await, count(b).await), (1, 0), "the whole was never given and stays");
    assert_eq!(recalled.kept.len(), 1);
    let erased = a.node().erase(&a.who, ONE, "").await.unwrap();
    round(&region).await;
    assert_eq!(
        (count(a).await, words(&a.node().receipts_of(&erased.acts).await.unwrap())),
        (0, vec![("b", "done")])
    );

    bring_in_parts(a, 2).await;
    round(&region).await;
    assert_eq!(count(b).await, 1);
    let red = Options { tlp: Some(TlpLevel::Red), ..Options::default() };
    a.node().narrow(&a.who, "indicator--00000000-0000-4000-8000-000000000002", red).await.unwrap();
    round(&region).await;
    assert_eq!((count(a).await, count(b).await), (2, 0), "no less narrow than the whole");

    bring_in_parts(a, 3).await;
    round(&region).await;
    let erased = a.node().erase(&a.who, "indicator--00000000-0000-4000-8000-000000000003", "").await.unwrap();
    round(&region).await;
    assert_eq!(words(&a.node().receipts_of(&erased.acts).await.unwrap()), [("b", "done")]);
    assert_eq!((count(a).await, count(b).await), (2, 0));
}

/// A has something that goes on by its consent alone; B has it, and C is to have it from B.
async fn by_consent() -> Region {
    let region = region(&["a", "b", "c"]).await;
    let green = Options { tlp: Some(TlpLevel::Green), control: Control::Originator, ..to(&["b"]) };
    bring(&region[0], 1..2, green).await;
    round(&region).await;
    region
}

/// `why` says what `share` does, and by which consent; the originator is told who got it so.
#[tokio::test]
async fn what_is_asked_and_what_is_done_by_consent_agree() {
    let region = by_consent().await;
    let (a, b, c) = (&region[0], &region[1], &region[2]);
    assert_eq!((why(b, "c").await.decision, code(share(b, ONE, "c").await)), ("refuse", "consent-missing"));
    let given = consent(a, "b", "c").await.unwrap();
    round(&region).await;
    for seat in [a, b] {
        let judged = why(seat, "c").await;
        assert_eq!(judged.decision, "allow", "{judged:?}");
        assert!(judged.reasons.iter().any(|reason| reason.contains(&given.id)), "{judged:?}");
    }
    share(b, ONE, "c").await.unwrap();
    round(&region).await;
    assert!(has(c, ONE).await);
    let holders = a.node().holders(&a.who, ONE).await.unwrap();
    let holder = holders.iter().find(|holder| holder.member == "c").unwrap();
    assert_eq!(
        (holder.rule.as_str(), holder.receipt, holder.received_at.is_some()),
        ("consent", "valid", true)
    );
    a.node().revoke_consent(&a.who, &given.id).await.unwrap();
    round(&region).await;
    for seat in [a, b] {
        assert_eq!(why(seat, "c").await.decision, "refuse", "it was taken back");
    }
}

/// Who is named through a circle and cannot have it hinders nobody; who is named by itself does.
#[tokio::test]
async fn what_is_passed_on_to_a_circle_goes_to_those_who_may_have_it() {
    let region = region(&["a", "b", "c", "d"]).await;
    let (a, b, c, d) = (&region[0], &region[1], &region[2], &region[3]);
    region.circle("banks", &["b", "c", "d"]).await;
    let green = Options { tlp: Some(TlpLevel::Green), control: Control::Originator, ..to(&["b"]) };
    bring(a, 1..2, green).await;
    round(&region).await;
    let refused = share(b, ONE, "a/banks").await;
    assert_eq!(code(refused), "consent-missing", "it goes to nobody");
    for whom in ["c", "d"] {
        consent(a, "b", whom).await.unwrap();
    }
    round(&region).await;
    suspended(&region, "d", Some("silent")).await;
    assert!(share(b, ONE, "d").await.is_err());
    let shared = share(b, ONE, "a/banks").await.unwrap();
    assert_eq!(shared.to, ["c"]);
    let [(whom, why)] = shared.withheld.as_slice() else { panic!("{:?}", shared.withheld) };
    assert_eq!((whom.as_str(), why.as_str()), ("d", "member-absent"));
    let to = ["a/banks".to_owned(), "d".to_owned()];
    let request = node::ShareRequest { object: ONE, to: &to, urgency: node::Urgency::Routine };
    assert!(b.node().share(&b.who, request).await.is_err(), "named by itself");
    for _ in 0..2 {
        meet(b, c).await;
    }
    assert!(has(c, ONE).await && !has(d, ONE).await);
}

/// A consent that runs out on the way: both ends are told that nothing came, and its originator is not told that it did.
#[tokio::test]
async fn a_consent_that_lapses_on_the_way_is_told_at_both_ends() {
    let region = by_consent().await;
    let (a, b, c) = (&region[0], &region[1], &region[2]);
    consent(a, "b", "c").await.unwrap();
    round(&region).await;
    assert_eq!(share(b, ONE, "c").await.unwrap().to, ["c"]);
    for seat in &region.0 {
        seat.bench.clock.set(START.plus(31 * 86_400 * Micros::SECOND));
    }
    round(&region).await;
    assert!(!has(c, ONE).await);
    let told = peer(b, "c").await.refusals;
    let [refusal] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!(
        (refusal.rule.as_str(), refusal.by, refusal.object.as_deref()),
        ("came-empty", "there", Some(ONE))
    );
    let here = peer(c, "b").await.refusals;
    assert_eq!(
        here.iter().map(|one| (one.rule.as_str(), one.by)).collect::<Vec<_>>(),
        [("came-empty", "here")]
    );
    let holders = a.node().holders(&a.who, ONE).await.unwrap();
    let holder = holders.iter().find(|holder| holder.member == "c").unwrap();
    assert_eq!((holder.receipt, &holder.received_at), ("missing", &None));
    // A consent of after lets it go.
    let until = START.plus(60 * 86_400 * Micros::SECOND);
    let request = node::ConsentRequest { object: ONE, from: Some("b"), to: "c", until };
    a.node().consent(&a.who, request).await.unwrap();
    round(&region).await;
    share(b, ONE, "c").await.unwrap();
    round(&region).await;
    assert!(has(c, ONE).await);
}

/// "For B and nobody else" ends what was consented to before, at both ends; a consent of after counts.
#[tokio::test]
async fn a_narrowing_for_others_ends_consents_of_before() {
    let region = by_consent().await;
    let (a, b, c) = (&region[0], &region[1], &region[2]);
    consent(a, "b", "c").await.unwrap();
    round(&region).await;
    share(b, ONE, "c").await.unwrap();
    round(&region).await;
    let strict = Options { pap: Some(handling::Pap::Amber), ..Options::default() };
    a.node().narrow(&a.who, ONE, strict).await.unwrap();
    round(&region).await;
    assert!(has(c, ONE).await, "for whom it is was not said");

    let first = a.node().narrow(&a.who, ONE, to(&["b"])).await.unwrap();
    round(&region).await;
    assert!(has(b, ONE).await && !has(c, ONE).await);
    let again = a.node().narrow(&a.who, ONE, to(&["b"])).await.unwrap();
    assert_eq!((first.told, again.told, again.leaf), (true, false, first.leaf), "no consent is left to end");
    assert_eq!((why(a, "c").await.decision, why(b, "c").await.decision), ("refuse", "refuse"));
    assert_eq!(code(share(b, ONE, "c").await), "consent-revoked");

    consent(a, "b", "c").await.unwrap();
    round(&region).await;
    share(b, ONE, "c").await.unwrap();
    round(&region).await;
    assert!(has(c, ONE).await, "a consent of after the narrowing counts");
    a.node().recall(&a.who, ONE, "").await.unwrap();
    round(&region).await;
    assert!(!has(b, ONE).await && !has(c, ONE).await);
}

/// Whom stricter rules let keep nothing has it until it has signed for letting go, and no more then; who keeps it does, reached or not, and
/// taking part or not.
#[tokio::test]
async fn whom_a_narrowing_takes_it_from_is_told_as_having_it_no_more() {
    let region = region(&["a", "b", "c", "d"]).await;
    let [a, b, c, d] = [0, 1, 2, 3].map(|at| &region[at]);
    bring(a, 1..2, to(&["b", "c", "d"])).await;
    round(&region).await;
    consent(a, "b", "d").await.unwrap();
    let holder = async |slug: &str| {
        let holders = a.node().holders(&a.who, ONE).await.unwrap();
        holders.into_iter().find(|holder| holder.member == slug).unwrap()
    };
    let told = async |slug: &str| {
        let holder = holder(slug).await;
        (holder.rule, holder.receipt, holder.received_at.is_some())
    };
    suspended(&region, "d", Some("silent")).await;
    let stricter = Options { pap: Some(handling::Pap::Amber), ..Options::default() };
    a.node().narrow(&a.who, ONE, stricter).await.unwrap();
    let valid = |rule: &str| (rule.to_owned(), "valid", true);
    for slug in ["b", "c"] {
        assert_eq!(told(slug).await, valid("released"), "{slug}");
    }
    assert_eq!(told("d").await, valid("consent"));
    suspended(&region, "d", None).await;
    round(&region).await;
    a.node().narrow(&a.who, ONE, to(&["b", "d"])).await.unwrap();
    assert_eq!(told("c").await, ("narrowed".to_owned(), "missing", false));
    assert_eq!(holder("c").await.taking_back, Some("pending"));
    assert!(has(c, ONE).await);
    round(&region).await;
    assert!(has(b, ONE).await && !has(c, ONE).await && has(d, ONE).await);
    assert_eq!(told("c").await, ("narrowed".to_owned(), "missing", false));
    assert_eq!(holder("c").await.taking_back, None);
    // What it keeps it goes on having, whatever it has still to sign.
    a.node()
        .narrow(&a.who, ONE, Options { pap: Some(handling::Pap::Red), ..Options::default() })
        .await
        .unwrap();
    assert_eq!((told("b").await, told("c").await.1), (valid("released"), "missing"));
    // A consent lets have it again.
    consent(a, "b", "c").await.unwrap();
    round(&region).await;
    share(b, ONE, "c").await.unwrap();
    round(&region).await;
    assert!(has(c, ONE).await);
    assert_eq!(told("c").await, valid("consent"));
}

/// The same bytes stand by A's word and by B's: A's is still A's to narrow, also by bringing it again.
#[tokio::test]
async fn what_others_say_in_the_same_words_hinders_no_narrowing() {
    let region = region(&["a", "b"]).await;
    let (a, b) = (&region[0], &region[1]);
    bring(a, 1..2, Options::default()).await;
    bring(b, 1..2, to(&["a"])).await;
    round(&region).await;
    let red = Options { tlp: Some(TlpLevel::Red), ..Options::default() };
    let accepted = bring(a, 1..2, red).await;
    assert_eq!(accepted.receipts[0].handling, Some(node::Handled::Narrowed), "{:?}", accepted.receipts);
}

/// Who sees an object by another's word alone is not told who has what this member says of it.
#[tokio::test]
async fn holders_of_a_hidden_own_word_are_told_to_nobody_who_may_not_see_it() {
    let region = region(&["a", "b", "c"]).await;
    let [a, b, c] = [0, 1, 2].map(|at| &region[at]);
    a.bench.user("rob", handling::Role::Reader).await;
    let rob = a.bench.principal("rob").await;
    bring(a, 1..2, to(&["c"])).await;
    round(&region).await;
    assert!(has(c, ONE).await);
    let until = Some(START.plus(30 * 86_400 * Micros::SECOND));
    let embargo = Options { embargo_until: until, ..Options::default() };
    a.node().narrow(&a.who, ONE, embargo).await.unwrap();
    bring_later(b, 1, to(&["a"])).await;
    round(&region).await;
    assert!(a.node().object(&rob, ONE, None).await.is_ok(), "B's word");
    assert_eq!(a.node().holders(&rob, ONE).await.unwrap(), []);
    assert_eq!(a.node().consents(&rob, None, 10).await.unwrap().consents, []);
}

/// Brings the indicator with a number to where somebody writes, in the bytes in which `bring` gives it but for a change of their form;
/// the code by which it is refused.
async fn by_hand(
    seat: &Seat,
    who: &Principal,
    (collection, number, form): (&str, u32, &str),
) -> Option<&'static str> {
    let bytes = indicator(number, &format!("[url:value = 'http://{number}.example/']"), "");
    let objects = vec![Bytes::from(bytes.replace("\"type\":", form))];
    let (options, status) = (Options::default(), KeepStatus::No);
    let request = AcceptRequest { collection, objects, options, status };
    seat.node().accept(who, request).await.unwrap().receipts.remove(0).code
}

fn numbered(number: u32) -> String {
    format!("indicator--00000000-0000-4000-8000-{number:012}")
}

/// What its originator had destroyed does not come back by hand, as one's own word: to who could see it, whatever became of it before the
/// erasure. To everybody else it is as new as what was never here, and what stands here by another word is not concerned.
#[tokio::test]
async fn what_its_originator_erased_is_not_brought_back_by_hand() {
    const SAME: &str = "\"type\":";
    let region = region(&["a", "b", "c"]).await;
    let (a, b, c) = (&region[0], &region[1], &region[2]);
    let red = Options { tlp: Some(TlpLevel::Red), ..to(&["b"]) };
    bring(b, 6..7, to(&[])).await;
    bring(a, 1..4, to(&["b"])).await;
    bring(a, 4..5, red).await;
    bring(a, 5..7, to(&["b"])).await;
    bring(c, 2..3, to(&["b"])).await;
    round(&region).await;
    a.node().recall(&a.who, &numbered(3), "").await.unwrap();
    round(&region).await;
    b.node().delete(&b.who, "inbox", &numbered(5), &store::Filter::default()).await.unwrap();
    assert_eq!(
        by_hand(b, &b.who, ("inbox", 3, SAME)).await,
        None,
        "a recall alone forbids no word of one's own"
    );
    b.node().delete(&b.who, "inbox", &numbered(3), &store::Filter::default()).await.unwrap();
    for number in 1..7 {
        a.node().erase(&a.who, &numbered(number), "").await.unwrap();
    }
    round(&region).await;

    let refused = Some("erased-by-originator");
    for number in [1, 3, 5] {
        assert_eq!(by_hand(b, &b.who, ("inbox", number, SAME)).await, refused, "{number}");
        assert!(!has(b, &numbered(number)).await);
    }
    assert_eq!(by_hand(b, &b.who, ("inbox", 1, "\n  \"type\" : ")).await, refused, "in another form");
    let known = Some("known-by-another");
    assert_eq!(by_hand(b, &b.who, ("inbox", 2, SAME)).await, known, "it stands by C's word");
    assert_eq!(by_hand(b, &b.who, ("inbox", 6, SAME)).await, None, "and this by B's own, from before");
    bring_later(b, 1, to(&[])).await;
    assert!(has(b, ONE).await, "what B has to say of it itself is B's");
    assert_eq!(by_hand(b, &b.who, ("inbox", 1, SAME)).await, refused);
    // C was never given it, and A has its own word for it.
    assert_eq!(by_hand(c, &c.who, ("inbox", 1, SAME)).await, None);
    assert_eq!(by_hand(a, &a.who, ("inbox", 1, SAME)).await, Some("erased"));

    // Who could not see it, for its rules or for where it stood, is told what they are told of anything new.
    b.bench.user("ann", Role::Analyst).await;
    b.bench.collection("drop", vec![("user:ann", crate::RW)]).await;
    let ann = b.bench.principal("ann").await;
    let feed = Principal { scopes: BTreeSet::from([Scope::Write]), ..Principal::clone(&ann) };
    assert_eq!(by_hand(b, &ann, ("drop", 1, SAME)).await, refused, "she could read it in the inbox");
    assert_eq!(by_hand(b, &ann, ("drop", 4, SAME)).await, None, "it was for named persons");
    assert_eq!(by_hand(b, &feed, ("inbox", 1, SAME)).await, Some("not-taken"));
    assert_eq!(by_hand(b, &feed, ("drop", 1, SAME)).await, None, "it reads no inbox");
}

/// Gives an object to B.
async fn given(seat: &Seat, who: &Principal, object: &str) -> node::Shared {
    let to = ["b".to_owned()];
    let request = node::ShareRequest { object, to: &to, urgency: node::Urgency::Routine };
    seat.node().share(who, request).await.unwrap()
}

/// What this member had destroyed does not come in again under its id: to who could see it, also where its collection is removed since. To
/// everybody else it is as new as what was never here; but nobody takes it from this member any more, and the erasure can be said again.
#[tokio::test]
async fn what_was_erased_is_told_to_nobody_who_could_not_see_it() {
    const SAME: &str = "\"type\":";
    let region = region(&["a", "b"]).await;
    let (a, b) = (&region[0], &region[1]);
    for (user, collection) in [("ann", "drop"), ("rob", "desk")] {
        a.bench.user(user, Role::Analyst).await;
        let grantee = format!("user:{user}");
        a.bench.collection(collection, vec![(grantee.as_str(), crate::RW)]).await;
    }
    let (ann, rob) = (a.bench.principal("ann").await, a.bench.principal("rob").await);
    for number in [1, 2] {
        assert_eq!(by_hand(a, &rob, ("desk", number, SAME)).await, None);
        given(a, &rob, &numbered(number)).await;
    }
    round(&region).await;
    a.node().recall(&rob, &numbered(2), "").await.unwrap();
    for number in [1, 2] {
        a.node().erase(if number == 1 { &rob } else { &a.who }, &numbered(number), "").await.unwrap();
    }
    round(&region).await;
    for number in [1, 2] {
        assert_eq!(by_hand(a, &rob, ("desk", number, SAME)).await, Some("erased"), "{number}");
    }

    // She could not see it: she brings something new, which goes nowhere.
    assert_eq!(by_hand(a, &ann, ("drop", 1, SAME)).await, None);
    assert!(a.node().object(&ann, ONE, None).await.is_ok());
    let shared = given(a, &ann, ONE).await;
    assert_eq!(
        (shared.to.as_slice(), shared.withheld),
        (&[][..], vec![("b".to_owned(), "tombstoned".to_owned())])
    );
    round(&region).await;
    assert!(!has(b, ONE).await);
    a.node().erase(&ann, ONE, "").await.unwrap();
    assert!(a.node().object(&ann, ONE, None).await.is_err());
    assert_eq!(by_hand(a, &ann, ("drop", 1, SAME)).await, Some("erased"), "now she could");

    // Nor is she told who had it, while they have not answered yet.
    assert_eq!(by_hand(a, &rob, ("desk", 3, SAME)).await, None);
    given(a, &rob, &numbered(3)).await;
    round(&region).await;
    a.node().erase(&rob, &numbered(3), "").await.unwrap();
    assert_eq!(by_hand(a, &ann, ("drop", 3, SAME)).await, None);
    assert_eq!(a.node().holders(&ann, &numbered(3)).await.unwrap(), []);

    // Who could read the collection goes on being told when it is removed, and who runs the node.
    a.node().remove_collection(&a.who, "desk").await.unwrap();
    a.bench.collection("new", vec![("user:rob", crate::RW), ("user:ann", crate::RW)]).await;
    let (ann, rob) = (a.bench.principal("ann").await, a.bench.principal("rob").await);
    assert_eq!(by_hand(a, &rob, ("new", 2, SAME)).await, Some("erased"));
    let operator = a.bench.operator().await;
    assert_eq!(by_hand(a, &operator, ("new", 2, SAME)).await, Some("erased"), "who runs the node");
    assert_eq!(by_hand(a, &ann, ("new", 2, SAME)).await, None);
}

/// Nor does what another member erased come back because the collection is removed in which it stood.
#[tokio::test]
async fn what_is_erased_does_not_come_back_when_its_collection_is_removed() {
    const SAME: &str = "\"type\":";
    let region = region(&["a", "b"]).await;
    let (a, b) = (&region[0], &region[1]);
    bring(a, 1..3, to(&["b"])).await;
    round(&region).await;
    b.bench.user("ann", Role::Analyst).await;
    a.node().erase(&a.who, ONE, "").await.unwrap();
    round(&region).await;
    b.node().remove_collection(&b.who, "inbox").await.unwrap();
    b.bench.collection("inbox", vec![("user:ann", crate::RW)]).await;
    // It is erased after its collection went.
    a.node().erase(&a.who, &numbered(2), "").await.unwrap();
    round(&region).await;
    let (ann, operator) = (b.bench.principal("ann").await, b.bench.operator().await);
    for who in [&*ann, &operator] {
        for number in [1, 2] {
            let refused = by_hand(b, who, ("inbox", number, SAME)).await;
            assert_eq!(refused, Some("erased-by-originator"), "{number} by {}", who.name);
        }
    }
}

/// A consent is to bytes for somebody until a moment, and giving them to one more changes none of that: nor is who has them by consent
/// alone told of, or withheld from, as if somebody had asked for it.
#[tokio::test]
async fn to_give_it_to_one_more_ends_no_consent() {
    let region = region(&["a", "b", "c", "d"]).await;
    let [a, b, c, d] = [0, 1, 2, 3].map(|at| &region[at]);
    bring(a, 1..2, to(&["b"])).await;
    round(&region).await;
    consent(a, "b", "c").await.unwrap();
    round(&region).await;
    share(b, ONE, "c").await.unwrap();
    round(&region).await;
    let shared = share(a, ONE, "d").await.unwrap();
    assert!(shared.withheld.is_empty(), "{:?}", shared.withheld);
    round(&region).await;
    assert!(has(b, ONE).await && has(c, ONE).await && has(d, ONE).await);
    for seat in [a, b] {
        assert_eq!(why(seat, "c").await.decision, "allow");
    }
    let holders = a.node().holders(&a.who, ONE).await.unwrap();
    let valid = |slug: &str| holders.iter().any(|holder| holder.member == slug && holder.receipt == "valid");
    assert!(["b", "c", "d"].into_iter().all(valid), "{holders:?}");
    share(b, ONE, "c").await.unwrap();
    let recalled = a.node().recall(&a.who, ONE, "").await.unwrap();
    round(&region).await;
    assert_eq!(a.node().receipts(recalled.leaf).await.unwrap().len(), 3);
    assert!(!has(b, ONE).await && !has(c, ONE).await && !has(d, ONE).await);
}
