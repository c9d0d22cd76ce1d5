//! Only its originator follows an object: what else is said under its id stands beside it, whatever its date.

use bytes::Bytes;
use node::{AcceptRequest, Accepted, Detail, KeepStatus, Options, Outcome};
use store::PageRequest;

use crate::community::Seat;
use crate::exchange::{ONE, bring, region, round, to};
use crate::indicator;

/// The value that the first version is about, and others.
const FIRST: &str = "http://1.example/";

/// Brings a version of the indicator, of a day in 2025, about a value, with more properties.
async fn say(seat: &Seat, (day, value): (u32, &str), extra: &str, options: Options) -> Accepted {
    let text = indicator(1, &format!("[url:value = '{value}']"), extra)
        .replace("\"modified\":\"2025-01-01", &format!("\"modified\":\"2025-01-{day:02}"));
    let objects = vec![Bytes::from(text)];
    let request = AcceptRequest { collection: "inbox", objects, options, status: KeepStatus::No };
    seat.node().accept(&seat.who, request).await.unwrap()
}

fn outcome(accepted: &Accepted) -> Outcome {
    assert_eq!(accepted.receipts[0].reason, None);
    accepted.receipts[0].outcome
}

/// What `get` tells: day of the version, whether it is revoked, how many contradict it.
async fn told(seat: &Seat) -> (String, bool, u64) {
    let object = seat.node().object(&seat.who, ONE, None).await.unwrap().into_inner();
    (object.version[8..10].to_owned(), object.revoked, object.contradictions)
}

/// Whether each match of a value is revoked.
async fn found(seat: &Seat, value: &str) -> Vec<bool> {
    let answers = seat.node().look_up(&seat.who, &[value], Detail::Brief).await.unwrap().into_inner();
    answers[0].matches.iter().map(|found| found.revoked).collect()
}

async fn contradicting(seat: &Seat) -> Vec<bool> {
    let rows = seat.node().history(&seat.who, ONE).await.unwrap().into_inner();
    rows.into_iter().map(|row| row.contradicts).collect()
}

/// The days of the versions that a TAXII client gets when it asks for none by name.
async fn polled(seat: &Seat) -> Vec<String> {
    let request = PageRequest { limit: 10, ..PageRequest::default() };
    let page = seat.node().page(&seat.who, "inbox", &request).await.unwrap().into_inner();
    let text = String::from_utf8_lossy(&page.objects).into_owned();
    text.split("\"modified\":\"2025-01-").skip(1).map(|rest| rest[..2].to_owned()).collect()
}

/// A gave something to B and C, and B says a later, revoked version of it. Whoever reads both is told A's, and A goes on with it.
#[tokio::test]
async fn what_others_say_later_neither_follows_nor_revokes() {
    let region = region(&["a", "b", "c"]).await;
    let [a, b, c] = [0, 1, 2].map(|at| &region[at]);
    bring(a, 1..2, to(&["b", "c"])).await;
    round(&region).await;
    say(b, (9, FIRST), r#","revoked":true"#, to(&["a", "c"])).await;
    round(&region).await;
    for seat in [a, b, c] {
        assert_eq!(told(seat).await, ("01".to_owned(), false, 1));
        assert_eq!(found(seat, FIRST).await, [false, true], "each says so, what holds first");
        assert_eq!(contradicting(seat).await, [false, true]);
        assert_eq!(polled(seat).await, ["01"]);
    }

    // A's people go on from their own word, whatever date stands beside it.
    let update = say(a, (5, "http://update.example/"), "", to(&["b", "c"])).await;
    assert_eq!(outcome(&update), Outcome::Newer);
    assert_eq!(outcome(&say(a, (3, "http://between.example/"), "", to(&["b", "c"])).await), Outcome::Older);
    round(&region).await;
    for seat in [a, b, c] {
        assert_eq!(told(seat).await, ("05".to_owned(), false, 1));
        assert_eq!(
            (found(seat, FIRST).await, found(seat, "http://update.example/").await),
            (vec![true], vec![false])
        );
        assert_eq!(polled(seat).await, ["05"]);
    }
    assert_eq!(
        outcome(&say(a, (9, "http://mine.example/"), "", to(&["b", "c"])).await),
        Outcome::Newer,
        "B's date is no obstacle"
    );
    round(&region).await;
    assert_eq!(
        (told(c).await, contradicting(c).await),
        (("09".to_owned(), false, 1), vec![false, false, false, true, false])
    );

    // What is called back leaves the other's word to stand.
    a.node().recall(&a.who, ONE, "").await.unwrap();
    round(&region).await;
    for seat in [b, c] {
        assert_eq!(
            (told(seat).await, polled(seat).await),
            (("09".to_owned(), true, 0), vec!["09".to_owned()])
        );
    }
}

/// B and C pass on the work of a third, in the same words: A is told it once, and goes along with whoever goes on first.
#[tokio::test]
async fn the_same_words_of_several_are_told_once() {
    const BY: &str = r#","created_by_ref":"identity--00000000-0000-4000-8000-0000000000ff""#;
    let region = region(&["a", "b", "c"]).await;
    let [a, b, c] = [0, 1, 2].map(|at| &region[at]);
    for seat in [b, c] {
        say(seat, (1, FIRST), BY, to(&["a"])).await;
    }
    round(&region).await;
    assert_eq!(
        (told(a).await, found(a, FIRST).await, polled(a).await),
        (("01".to_owned(), false, 0), vec![false], vec!["01".to_owned()])
    );
    assert_eq!(contradicting(a).await, [false, false]);

    say(c, (2, "http://2.example/"), BY, to(&["a"])).await;
    round(&region).await;
    assert_eq!(
        (found(a, FIRST).await.len(), found(a, "http://2.example/").await.len()),
        (1, 1),
        "each by its own word"
    );
    say(b, (2, "http://2.example/"), BY, to(&["a"])).await;
    round(&region).await;
    assert_eq!((found(a, FIRST).await.len(), found(a, "http://2.example/").await.len()), (0, 1));
    assert_eq!((told(a).await, polled(a).await), (("02".to_owned(), false, 0), vec!["02".to_owned()]));
    // One of the two takes its word back: the other's stays.
    for one in [b, c] {
        assert_eq!(found(a, "http://2.example/").await.len(), 1);
        one.node().recall(&one.who, ONE, "").await.unwrap();
        round(&region).await;
    }
    assert_eq!(found(a, "http://2.example/").await.len(), 0);
}

/// Another telling of one's own, with another `created`, reaches those it is for, stands beside the first there too, and is called back
/// with it.
#[tokio::test]
async fn another_telling_of_ones_own_stands_beside_at_every_holder() {
    const OTHER: &str = "http://other.example/";
    let region = region(&["a", "b"]).await;
    let (a, b) = (&region[0], &region[1]);
    bring(a, 1..2, to(&["b"])).await;
    let other = indicator(1, &format!("[url:value = '{OTHER}']"), "")
        .replace("\"created\":\"2025", "\"created\":\"2024")
        .replace("\"modified\":\"2025-01-01", "\"modified\":\"2025-01-07");
    for outcome in [Outcome::Accepted, Outcome::Known] {
        let objects = vec![Bytes::from(other.clone())];
        let request =
            AcceptRequest { collection: "inbox", objects, options: to(&["b"]), status: KeepStatus::No };
        let receipt = a.node().accept(&a.who, request).await.unwrap().receipts.remove(0);
        let told = receipt.findings.iter().any(|finding| finding.code == "created-changed");
        assert_eq!((receipt.outcome, told), (outcome, outcome == Outcome::Accepted));
    }
    round(&region).await;
    for seat in [a, b] {
        assert_eq!(told(seat).await, ("01".to_owned(), false, 1));
        assert_eq!((found(seat, FIRST).await, found(seat, OTHER).await), (vec![false], vec![false]));
        assert_eq!(
            (contradicting(seat).await, polled(seat).await),
            (vec![false, true], vec!["01".to_owned()])
        );
    }
    a.node().recall(&a.who, ONE, "").await.unwrap();
    round(&region).await;
    assert_eq!((found(b, FIRST).await.len(), found(b, OTHER).await.len()), (0, 0));
    assert!(b.node().object(&b.who, ONE, None).await.is_err());
}

/// Under the registry's identity of A, A's word follows what B's people brought of it by hand.
#[tokio::test]
async fn the_owner_of_an_identity_follows_copies_of_its_own_work() {
    let region = region(&["a", "b"]).await;
    let (a, b) = (&region[0], &region[1]);
    let by = format!(r#","created_by_ref":"{}""#, a.node().member().await.unwrap().unwrap().id);
    say(b, (1, FIRST), &by, Options::default()).await;
    say(a, (2, "http://2.example/"), &by, to(&["b"])).await;
    round(&region).await;
    assert_eq!((told(b).await, found(b, FIRST).await.len()), (("02".to_owned(), false, 0), 0));
    say(a, (3, "http://3.example/"), &format!(r#"{by},"revoked":true"#), to(&["b"])).await;
    round(&region).await;
    assert_eq!((told(b).await, polled(b).await), (("03".to_owned(), true, 0), vec!["03".to_owned()]));
}

/// Whether something reaches is judged by every lineage that the asker may see: yes where one does, told with its version.
#[tokio::test]
async fn why_is_answered_by_all_that_stands_side_by_side() {
    use handling::Role;

    let (bench, _) = crate::Bench::new().await;
    let node = &bench.node;
    bench.user("jun", Role::Reader).await;
    bench.user("kim", Role::Reader).await;
    let (own, both) =
        (vec![("user:root", crate::RW)], vec![("user:root", crate::RW), ("user:jun", crate::R)]);
    bench.collection("closed", own).await;
    bench.collection("cases", both).await;
    let root = bench.operator().await;
    for (day, collection, level) in [(1, "closed", "clear"), (2, "cases", "amber"), (3, "cases", "red")] {
        let text = indicator(1, "[url:value = 'http://1.example/']", "")
            .replace("\"created\":\"2025-01-01", &format!("\"created\":\"2025-01-{day:02}"))
            .replace("\"modified\":\"2025-01-01", &format!("\"modified\":\"2025-02-{day:02}"));
        let options = Options { tlp: Some(level.parse().unwrap()), ..Options::default() };
        let objects = vec![Bytes::from(text)];
        let request = AcceptRequest { collection, objects, options, status: KeepStatus::No };
        let told = node.accept(&root, request).await.unwrap().receipts.remove(0);
        assert_eq!(told.outcome, Outcome::Accepted, "{told:?}");
    }
    let why = async |version: Option<&str>, whom: &str| {
        let judged = node.why(&root, (ONE, version), whom, None).await.unwrap().into_inner();
        (judged.decision, judged.rule, judged.version.unwrap()[..10].to_owned(), judged.reasons)
    };
    let (decision, _, version, reasons) = why(None, "user:jun").await;
    assert_eq!((decision, &*version), ("allow", "2025-02-02"), "{reasons:?}");
    assert!(reasons.iter().any(|one| one.contains("side by side")), "{reasons:?}");
    let (decision, rule, version, _) = why(None, "user:kim").await;
    assert_eq!((decision, rule, &*version), ("refuse", "collection-not-readable", "2025-02-01"));
    let (decision, _, version, reasons) = why(None, "anyone").await;
    assert_eq!((decision, &*version), ("allow", "2025-02-01"), "the first, of which nothing more is said");
    assert!(!reasons.iter().any(|one| one.contains("side by side")), "{reasons:?}");
    let date = |day: u32| format!("2025-02-{day:02}T00:00:00.000Z");
    let (decision, rule, version, _) = why(Some(&date(3)), "user:jun").await;
    assert_eq!((decision, rule, &*version), ("refuse", "tlp-red-persons", "2025-02-03"), "of that one alone");
    let absent = node.why(&root, (ONE, Some(&date(9))), "user:jun", None).await;
    assert_eq!(absent.unwrap_err().code(), "not-found");
    // Who asks is told of what they may see, and of nothing else: jun asks by the second alone.
    let jun = bench.principal("jun").await;
    let judged = node.why(&jun, (ONE, None), "anyone", None).await.unwrap().into_inner();
    assert_eq!((judged.decision, &judged.version.unwrap()[..10]), ("refuse", "2025-02-02"));
    assert!(judged.reasons.contains(&"nobody has been named yet".to_owned()), "{:?}", judged.reasons);
}

/// What a member has been given of an own lineage beside the first is told as being with it; what it was not given is not, for to share it
/// gives the first.
#[tokio::test]
async fn why_tells_what_a_member_has_of_another_own_lineage() {
    let region = region(&["a", "b", "c"]).await;
    let a = &region[0];
    let red = Options { tlp: Some(stix::TlpLevel::Red), ..Options::default() };
    say(a, (1, FIRST), "", red).await;
    let other = indicator(1, "[url:value = 'http://other.example/']", "")
        .replace("\"created\":\"2025-01-01", "\"created\":\"2025-01-02")
        .replace("\"modified\":\"2025-01-01", "\"modified\":\"2025-01-07");
    a.bench.collection("other", vec![("user:root", crate::RW)]).await;
    let objects = vec![Bytes::from(other)];
    let request = AcceptRequest { collection: "other", objects, options: to(&["b"]), status: KeepStatus::No };
    let root = a.bench.operator().await;
    a.node().accept(&root, request).await.unwrap();
    let why = async |whom: &str| a.node().why(&root, (ONE, None), whom, None).await.unwrap().into_inner();
    let told = why("b").await;
    assert_eq!((told.decision, told.shared), ("allow", Some(true)), "{told:?}");
    assert_eq!(&told.version.unwrap()[..10], "2025-01-07");
    let told = why("c").await;
    assert_eq!((told.decision, told.rule), ("refuse", "tlp-red-persons"), "{:?}", told.reasons);
}
