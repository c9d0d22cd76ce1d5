//! What is narrowed in several versions: each stays under its own rules, and who has it and who has not is told by what each has signed.

use base::Micros;
use bytes::Bytes;
use handling::Pap;
use node::{AcceptRequest, Handled, HolderView, KeepStatus, Options, ProveError, Shared};
use stix::TlpLevel;

use crate::community::Seat;
use crate::exchange::{bring, has, meet, region, round, share, to};
use crate::peers::Region;
use crate::{START, indicator};

const RED_PART: &str = r#","description":"d","granular_markings":[{"marking_ref":"marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1","selectors":["description"]}]"#;

fn id(number: u32) -> String {
    format!("indicator--00000000-0000-4000-8000-{number:012}")
}

fn date(month: u32) -> String {
    format!("2025-{month:02}-01T00:00:00.000Z")
}

/// Brings the indicator with a number as of a month of 2025; what became of it.
async fn put(seat: &Seat, (number, month): (u32, u32), more: &str, options: Options) -> node::Receipt {
    let bytes = indicator(number, "[url:value = 'http://1.example/']", more)
        .replace("\"modified\":\"2025-01-01", &format!("\"modified\":\"2025-{month:02}-01"));
    let objects = vec![Bytes::from(bytes)];
    let request = AcceptRequest { collection: "inbox", objects, options, status: KeepStatus::Yes };
    seat.node().accept(&seat.who, request).await.unwrap().receipts.remove(0)
}

fn at(level: TlpLevel, names: &[&str]) -> Options {
    Options { tlp: Some(level), ..to(names) }
}

fn pap(level: Pap) -> Options {
    Options { pap: Some(level), ..Options::default() }
}

async fn narrow(seat: &Seat, number: u32, options: Options) -> node::Narrowed {
    seat.node().narrow(&seat.who, &id(number), options).await.unwrap()
}

/// Who has a version, as letters.
async fn at_whom(region: &Region, number: u32, month: u32) -> String {
    let mut all = String::new();
    for (seat, name) in region.0.iter().zip("abcd".chars()) {
        if seat.node().object(&seat.who, &id(number), Some(&date(month))).await.is_ok() {
            all.push(name);
        }
    }
    all
}

/// The TLP and PAP levels of a version.
async fn levels(seat: &Seat, number: u32, month: u32) -> (String, String) {
    let object = seat.node().object(&seat.who, &id(number), Some(&date(month))).await.unwrap().into_inner();
    let handling = seat.node().handling_of(object.tlp, &object.places).await.unwrap();
    (handling.tlp.unwrap_or_default().to_owned(), handling.pap.to_owned())
}

async fn holder(seat: &Seat, number: u32, slug: &str) -> Option<HolderView> {
    let holders = seat.node().holders(&seat.who, &id(number)).await.unwrap();
    holders.into_iter().find(|holder| holder.member == slug)
}

/// Under which rule a member is told as a holder, and how its receipt stands: for letting go, where that is awaited, else for what it has.
async fn told(seat: &Seat, number: u32, slug: &str) -> (String, &'static str) {
    holder(seat, number, slug)
        .await
        .map_or(("none".into(), "none"), |one| (one.rule, one.taking_back.unwrap_or(one.receipt)))
}

fn narrowed(receipt: &'static str) -> (String, &'static str) {
    ("narrowed".into(), receipt)
}

fn valid() -> (String, &'static str) {
    ("released".into(), "valid")
}

/// A narrowing asks of each version what it says, and nothing that another version is under.
#[tokio::test]
async fn no_version_is_narrowed_to_what_another_is_under() {
    let region = region(&["a", "b", "c", "d"]).await;
    let d = &region[3];
    let all: &[&str] = &["a", "b", "c"];
    let amber = TlpLevel::Amber;
    let second =
        [(at(amber, &["c"]), "", "cd"), (at(TlpLevel::Red, &[]), "", "d"), (to(&["a", "b"]), RED_PART, "d")];
    for (number, (options, more, whom)) in (1..).zip(second) {
        put(d, (number, 1), "", at(amber, all)).await;
        round(&region).await;
        put(d, (number, 2), more, options).await;
        round(&region).await;
        assert_eq!(at_whom(&region, number, 2).await, whom, "{number}");
        narrow(d, number, pap(Pap::Amber)).await;
        round(&region).await;
        assert_eq!(
            (at_whom(&region, number, 1).await, at_whom(&region, number, 2).await),
            ("abcd".into(), whom.into())
        );
        for seat in &region.0 {
            assert_eq!(levels(seat, number, 1).await, ("amber".into(), "amber".into()), "{number}");
        }
        assert_eq!(levels(d, number, 2).await.1, "amber");
    }
    // What is asked for whom it is holds for every version, and each keeps for whom it was.
    narrow(d, 1, to(&["a", "c"])).await;
    round(&region).await;
    assert_eq!((at_whom(&region, 1, 1).await, at_whom(&region, 1, 2).await), ("acd".into(), "cd".into()));
}

/// An embargo is on every version and takes none from those who have another when it is over.
#[tokio::test]
async fn what_comes_back_after_an_embargo_comes_to_all_who_had_it() {
    let region = region(&["a", "b", "c", "d"]).await;
    let d = &region[3];
    put(d, (1, 1), "", to(&["a", "c"])).await;
    put(d, (1, 2), "", to(&["a"])).await;
    round(&region).await;
    let over = START.plus(3_600 * Micros::SECOND);
    let receipt = put(d, (1, 2), "", Options { embargo_until: Some(over), ..to(&["a"]) }).await;
    assert_eq!(receipt.handling, Some(Handled::Narrowed));
    round(&region).await;
    assert_eq!((at_whom(&region, 1, 1).await, at_whom(&region, 1, 2).await), ("d".into(), "d".into()));
    for seat in &region.0 {
        seat.bench.clock.set(over.plus(1));
        seat.node().give_later().await.unwrap();
    }
    round(&region).await;
    assert_eq!((at_whom(&region, 1, 1).await, at_whom(&region, 1, 2).await), ("acd".into(), "ad".into()));
}

/// What is brought again to be given to somebody more takes nothing from anybody, and what it asks that is looser changes nothing.
#[tokio::test]
async fn what_is_brought_again_to_widen_narrows_nothing() {
    let region = region(&["a", "b", "c", "d"]).await;
    let d = &region[3];
    put(d, (1, 1), "", to(&["a", "c"])).await;
    put(d, (1, 2), "", to(&["a"])).await;
    round(&region).await;
    let receipt = put(d, (1, 2), "", at(TlpLevel::Green, &["b"])).await;
    assert_eq!((receipt.handling, receipt.code), (Some(Handled::Given), None));
    round(&region).await;
    assert_eq!((at_whom(&region, 1, 1).await, at_whom(&region, 1, 2).await), ("acd".into(), "abd".into()));
    assert_eq!(levels(&region[2], 1, 1).await.0, "amber");
}

/// One version is for everybody, another for some: a level from which only those named have it takes the first from who is not named for
/// it, and the second from nobody, though all are told of it by one set of rules.
#[tokio::test]
async fn a_level_that_needs_names_keeps_those_of_each_version() {
    let region = region(&["a", "b", "c", "d"]).await;
    let d = &region[3];
    put(d, (1, 1), "", Options { tlp: Some(TlpLevel::Green), ..Options::default() }).await;
    share(d, &id(1), "a").await.unwrap();
    share(d, &id(1), "c").await.unwrap();
    put(d, (1, 2), "", to(&["b", "c"])).await;
    round(&region).await;
    assert_eq!((at_whom(&region, 1, 1).await, at_whom(&region, 1, 2).await), ("acd".into(), "bcd".into()));
    let asked = || Options { tlp: Some(TlpLevel::Amber), ..Options::default() };
    narrow(d, 1, asked()).await;
    round(&region).await;
    assert_eq!((at_whom(&region, 1, 1).await, at_whom(&region, 1, 2).await), ("d".into(), "bcd".into()));
    assert_eq!((told(d, 1, "a").await, told(d, 1, "c").await), (narrowed("missing"), valid()));
    assert_eq!(levels(d, 1, 1).await.0, "amber");
    let again = narrow(d, 1, asked()).await;
    assert_eq!((again.versions, again.told), (0, false));
}

/// Who has let go of something by a narrowing has it no more, whoever else is given it since, or is refused it.
#[tokio::test]
async fn who_has_let_go_is_told_so_whatever_is_given_since() {
    let region = region(&["a", "b", "c", "d"]).await;
    let a = &region[0];
    bring(a, 1..4, to(&["b", "c"])).await;
    round(&region).await;
    // Before it has signed, and after.
    narrow(a, 1, to(&["b"])).await;
    share(a, &id(1), "d").await.unwrap();
    assert_eq!(told(a, 1, "c").await, narrowed("pending"));
    round(&region).await;
    assert_eq!((told(a, 1, "c").await, has(&region[2], &id(1)).await), (narrowed("missing"), false));
    for slug in ["b", "d"] {
        assert_eq!(told(a, 1, slug).await, valid(), "{slug}");
    }
    let red = || Options { tlp: Some(TlpLevel::Red), ..Options::default() };
    narrow(a, 2, red()).await;
    round(&region).await;
    share(a, &id(2), "d").await.unwrap();
    share(a, &id(2), "b").await.unwrap();
    for slug in ["b", "c"] {
        assert_eq!(told(a, 2, slug).await, narrowed("missing"), "{slug}");
    }
    // It is given anew, and is told as having it.
    share(a, &id(1), "c").await.unwrap();
    round(&region).await;
    assert_eq!((told(a, 1, "c").await, has(&region[2], &id(1)).await), (valid(), true));
    // Under an embargo nobody has it, also when it was deleted here meanwhile and does not go any more.
    let over = START.plus(3_600 * Micros::SECOND);
    narrow(a, 3, Options { embargo_until: Some(over), ..Options::default() }).await;
    round(&region).await;
    let all = store::Filter::default();
    a.node().delete(&a.who, "inbox", &id(3), &all).await.unwrap();
    for seat in &region.0 {
        seat.bench.clock.set(over.plus(1));
        seat.node().give_later().await.unwrap();
    }
    round(&region).await;
    for (slug, seat) in [("b", &region[1]), ("c", &region[2])] {
        let one = told(a, 3, slug).await;
        assert_eq!((one.1 == "valid", has(seat, &id(3)).await), (false, false), "{slug} {one:?}");
    }
}

/// That it was given is proven by the answer to just that, also when it has let go of it since; whom the giving reached together with the
/// narrowing answered that it came empty.
#[tokio::test]
async fn what_was_answered_is_proven_after_a_narrowing() {
    let region = region(&["a", "b", "c"]).await;
    let a = &region[0];
    bring(a, 1..2, to(&["b", "c"])).await;
    let given = a.node().leaf_of(&a.who, &id(1), None).await.unwrap();
    for _ in 0..2 {
        meet(&region[1], a).await;
    }
    let proven = async |leaf, slug| {
        let file = a.node().prove_receipt(&a.who, leaf, slug).await?;
        let (_, payload) = file.payload.unwrap();
        Ok::<_, ProveError>(federation::receipt_in(&payload).unwrap())
    };
    let before = proven(given, "b").await.unwrap();
    let narrowing = narrow(a, 1, to(&["a"])).await.leaf.unwrap();
    round(&region).await;
    for slug in ["b", "c"] {
        assert_eq!(told(a, 1, slug).await, narrowed("missing"), "{slug}");
        let receipt = proven(narrowing, slug).await.unwrap();
        assert!(receipt.acts.iter().any(|line| line.sequence == narrowing), "{slug}");
    }
    let after = proven(given, "b").await.unwrap();
    assert_eq!(after, before);
    let empty = proven(given, "c").await.unwrap();
    let outcome = |receipt: &federation::Receipt| {
        receipt.acts.iter().find(|line| line.sequence == given).map(|line| line.outcome)
    };
    assert_eq!(
        (outcome(&after), outcome(&empty)),
        (Some(federation::Outcome::Kept), Some(federation::Outcome::Empty))
    );
}

/// What is past its retention nobody has: not when it is given anew to others, and not while another version stands.
#[tokio::test]
async fn whose_time_is_over_is_no_holder() {
    for retires in [false, true] {
        let region = region(&["a", "b", "c", "d"]).await;
        let a = &region[0];
        let over = START.plus(3_600 * Micros::SECOND);
        let kept = |whom: &[&str]| Options { retain_until: Some(over), ..to(whom) };
        put(a, (1, 1), "", kept(&["b"])).await;
        put(a, (2, 1), "", to(&["b"])).await;
        put(a, (2, 2), "", kept(&["c"])).await;
        round(&region).await;
        assert_eq!((told(a, 1, "b").await, told(a, 2, "c").await), (valid(), valid()));
        for seat in &region.0 {
            seat.bench.clock.set(over.plus(1));
            if retires {
                seat.node().retire().await.unwrap();
            }
        }
        assert_eq!((told(a, 2, "b").await, told(a, 2, "c").await.1), (valid(), "none"), "{retires}");
        put(a, (1, 1), "", to(&["d"])).await;
        round(&region).await;
        assert_eq!((told(a, 1, "d").await, told(a, 1, "b").await.1), (valid(), "none"), "{retires}");
        assert_eq!(at_whom(&region, 1, 1).await, "ad");
    }
}

/// Who was never in the circle that something is narrowed to is told as by any narrowing; who leaves it later as having left.
#[tokio::test]
async fn who_was_never_in_the_circle_has_left_nothing() {
    let region = region(&["a", "b", "c"]).await;
    let [a, b] = [0, 1].map(|at| &region[at]);
    region.circle("banks", &["b"]).await;
    put(b, (1, 1), "", to(&["a", "c"])).await;
    round(&region).await;
    narrow(b, 1, to(&["a/banks"])).await;
    assert_eq!(told(b, 1, "c").await, narrowed("pending"));
    round(&region).await;
    assert_eq!((at_whom(&region, 1, 1).await.as_str(), told(b, 1, "c").await), ("ab", narrowed("missing")));
    assert_eq!(told(b, 1, "a").await, valid());
    // Another change of the circle makes it no other story.
    a.node().add_to_circle(&a.who, "banks", &["c".to_owned()], community::History::FromNow).await.unwrap();
    region.gather().await;
    a.node().remove_from_circle(&a.who, "banks", &["c".to_owned()]).await.unwrap();
    region.gather().await;
    assert_eq!(told(b, 1, "c").await, narrowed("missing"));
}

/// Sharing that changes no rules answers what `why` says, before and after who had it has signed for letting go.
#[tokio::test]
async fn sharing_what_cannot_go_says_why() {
    let region = region(&["a", "b", "c"]).await;
    let a = &region[0];
    bring(a, 1..4, to(&["b"])).await;
    round(&region).await;
    let over = START.plus(3_600 * Micros::SECOND);
    let embargo = Options { embargo_until: Some(over), ..Options::default() };
    let red = Options { tlp: Some(TlpLevel::Red), ..Options::default() };
    for (number, options, rule) in [(1, red, "tlp-red-persons"), (2, embargo, "embargo")] {
        narrow(a, number, options).await;
        for _ in 0..2 {
            let why = a.node().why(&a.who, (&id(number), None), "b", None).await.unwrap().into_inner();
            let Shared { to, withheld, .. } = share(a, &id(number), "b").await.unwrap();
            assert_eq!((why.rule, to, withheld), (rule, vec![], vec![("b".to_owned(), rule.to_owned())]));
            round(&region).await;
        }
    }
    assert_eq!(share(a, &id(3), "b").await.unwrap().to, ["b"], "it has it");
}

/// Of whom an object is not for, and who has it from before, `why` says both.
#[tokio::test]
async fn why_says_who_has_an_earlier_giving() {
    let region = region(&["a", "b", "c"]).await;
    let a = &region[0];
    bring(a, 1..2, to(&["b"])).await;
    round(&region).await;
    let all = store::Filter::default();
    a.node().delete(&a.who, "inbox", &id(1), &all).await.unwrap();
    bring(a, 1..2, to(&["c"])).await;
    round(&region).await;
    let why = async |slug| a.node().why(&a.who, (&id(1), None), slug, None).await.unwrap().into_inner();
    let of_b = why("b").await;
    assert_eq!((of_b.decision, of_b.rule, told(a, 1, "b").await), ("refuse", "audience", valid()));
    let has = "it has what it was given of this object before";
    assert!(of_b.reasons.iter().any(|reason| reason == has), "{of_b:?}");
    assert!(why("c").await.reasons.iter().all(|reason| reason != has));
}

/// What is known and brought again for somebody more is told as given, to whom, and by which rule not; once more the same, for who had it
/// before is told nobody.
#[tokio::test]
async fn what_is_known_and_given_to_more_is_told_so() {
    let region = region(&["a", "b", "c"]).await;
    let a = &region[0];
    put(a, (1, 1), "", Options::default()).await;
    put(a, (2, 1), "", at(TlpLevel::Red, &[])).await;
    put(a, (3, 1), "", at(TlpLevel::Red, &["user:anna@c"])).await;
    put(a, (4, 1), "", at(TlpLevel::Green, &[])).await;
    let mut all = Vec::new();
    let mut again = async |number, options: Options| {
        let receipt = put(a, (number, 1), "", options).await;
        assert_eq!(receipt.outcome, node::Outcome::Known);
        let told = (receipt.handling.unwrap(), receipt.code, receipt.reason.clone().unwrap());
        all.push(receipt);
        told
    };
    let named = |names: &[&str]| Options { tlp: None, ..to(names) };

    let first = again(1, named(&["b"])).await;
    assert_eq!((first.0, first.1), (Handled::Given, None));
    assert!(first.2.contains("here already") && first.2.contains("given to b"), "{}", first.2);
    assert_eq!(again(1, named(&["b"])).await, first);
    let (handling, code, reason) = again(1, at(TlpLevel::Amber, &["b", "c"])).await;
    assert_eq!((handling, code), (Handled::Given, None));
    assert!(reason.contains("given to b, c"), "{reason}");

    let (handling, code, reason) = again(2, named(&["b"])).await;
    assert_eq!((handling, code), (Handled::Kept, Some("tlp-red-persons")));
    assert!(reason.contains("not given to b: it is TLP:RED"), "{reason}");
    let (handling, code, reason) = again(3, named(&["b", "c"])).await;
    assert_eq!((handling, code), (Handled::Given, Some("tlp-red-persons")));
    assert!(reason.contains("given to c now") && reason.contains("not given to b:"), "{reason}");

    // Under stricter rules and for one more at once: both are said.
    let (handling, code, reason) = again(4, at(TlpLevel::Amber, &["b"])).await;
    assert_eq!((handling, code), (Handled::Narrowed, None));
    assert!(reason.contains("under what was asked for too; it is given to b"), "{reason}");

    let summary = node::Summary::of(&all);
    assert_eq!((summary.given, summary.narrowed), (5, 1));
    assert_eq!(summary.withheld.into_iter().collect::<Vec<_>>(), [("tlp-red-persons", 2)]);
    let silent = put(a, (1, 1), "", Options::default()).await;
    assert_eq!((silent.handling, silent.reason), (None, None), "nobody is named");
    round(&region).await;
    let mut whom = Vec::new();
    for number in 1..5 {
        whom.push(at_whom(&region, number, 1).await);
    }
    assert_eq!(whom, ["abc", "a", "a", "ab"], "c has the third for Anna alone");
}
