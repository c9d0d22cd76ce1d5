//! Who is named and is not given what comes in: told in the receipt with the rule, and said in an act.

use bytes::Bytes;
use handling::{Access, Purpose, Purposes, Role};
use node::{AcceptRequest, Accepted, KeepStatus, Options};
use stix::TlpLevel;

use crate::START;
use crate::community::Seat;
use crate::exchange::{bring, has, meet, region, round, to};
use crate::later::suspended;

const ONE: &str = "indicator--00000000-0000-4000-8000-000000000001";

async fn leaves(seat: &Seat) -> u64 {
    seat.node().shared_state().await.unwrap().unwrap().leaves
}

/// Rules, and how many objects each is about.
type Counts = Vec<(&'static str, u64)>;

/// What the summary counts as refused to somebody named, and as going to them later.
fn counted(accepted: &Accepted) -> (Counts, Counts) {
    let summary = node::Summary::of(&accepted.receipts);
    (summary.withheld.into_iter().collect(), summary.later.into_iter().collect())
}

/// The code of the only receipt, and whom it names.
fn told(accepted: &Accepted) -> (Option<&'static str>, String) {
    let [receipt] = accepted.receipts.as_slice() else { panic!("{accepted:?}") };
    let reason = receipt.reason.clone().unwrap_or_default();
    let whom = reason.strip_prefix("it is not given to ").and_then(|rest| rest.split_once(": "));
    (receipt.code, whom.map(|(whom, _)| whom.to_owned()).unwrap_or_default())
}

#[tokio::test]
async fn who_is_named_and_given_nothing_is_told_with_the_rule() {
    let region = region(&["a", "b", "c"]).await;
    let (a, b) = (&region[0], &region[1]);
    let red = Options { tlp: Some(TlpLevel::Red), ..to(&["b"]) };
    let awareness = Some(Purposes::of([Purpose::Awareness]));
    let aware = Options { tlp: Some(TlpLevel::Green), purposes: awareness, ..to(&["b", "c"]) };
    let before = leaves(a).await;
    let all = [(red, "tlp-red-persons", "b"), (aware, "purpose", "b, c")];
    for (number, (options, code, whom)) in (1..).zip(all) {
        let accepted = bring(a, number..number + 1, options.clone()).await;
        assert_eq!(told(&accepted), (Some(code), whom.to_owned()), "{accepted:?}");
        assert_eq!(accepted.receipts[0].outcome, node::Outcome::Accepted);
        assert_eq!(counted(&accepted), (vec![(code, 1)], vec![]));
        // It came in, and one act says from whom it is withheld, however many they are.
        assert_eq!(leaves(a).await, before + 2 * u64::from(number));
    }
    // It was given to nobody.
    assert!(a.node().holders(&a.who, ONE).await.unwrap().is_empty());
    assert_eq!(a.node().recall(&a.who, ONE, "").await.unwrap_err().code(), "never-given");
    let later = Options { embargo_until: Some(START.plus(1_000_000)), ..to(&["b"]) };
    // Twice: what is known is told as what is new.
    for _ in 0..2 {
        let accepted = bring(a, 3..4, later.clone()).await;
        assert_eq!(accepted.receipts[0].code, Some("embargo"), "{accepted:?}");
        assert_eq!(counted(&accepted), (vec![], vec![("embargo", 1)]), "it only waits");
    }
    // Who may have it is told nothing of who may not, and gets it.
    let given = bring(a, 4..5, to(&["b"])).await;
    assert_eq!((given.receipts[0].code, &given.receipts[0].reason), (None, &None));
    round(&region).await;
    assert!(!has(b, ONE).await && has(b, &ONE.replace("000000000001", "000000000004")).await);
}

/// What was withheld is brought again, as lists are: it is told as before, and the ledger says nothing that it does not say already.
#[tokio::test]
async fn what_is_brought_again_and_withheld_as_before_leaves_no_act() {
    let region = region(&["a", "b", "c", "d"]).await;
    let a = &region[0];
    let red = |names: &[&str]| Options { tlp: Some(TlpLevel::Red), ..to(names) };
    let awareness = Some(Purposes::of([Purpose::Awareness]));
    let aware = Options { purposes: awareness, ..to(&["b", "c"]) };
    // Refused to all; to all for another reason; to one of two.
    let all = [(red(&["b"]), 2), (aware, 2), (red(&["b", "user:eve@c"]), 3)];
    for (number, (options, acts)) in (1..).zip(all) {
        let before = leaves(a).await;
        let first = told(&bring(a, number..number + 1, options.clone()).await);
        assert_eq!(leaves(a).await, before + acts, "{number}");
        for _ in 0..2 {
            let again = bring(a, number..number + 1, options.clone()).await;
            assert_eq!(again.receipts[0].code, first.0, "{again:?}");
            assert_eq!(leaves(a).await, before + acts, "{number}");
        }
    }
    // Somebody new is given it: that is said.
    bring(a, 4..5, to(&["b"])).await;
    let before = leaves(a).await;
    bring(a, 4..5, to(&["b", "c"])).await;
    assert_eq!(leaves(a).await, before + 1);
    // Who shares it asks for it.
    let before = leaves(a).await;
    crate::exchange::share(a, ONE, "b").await.unwrap();
    assert_eq!(leaves(a).await, before + 1);
}

#[tokio::test]
async fn who_takes_no_part_is_told_beside_who_is_given_it() {
    let region = region(&["a", "b", "c", "d"]).await;
    let (a, b) = (&region[0], &region[1]);
    suspended(&region, "d", Some("silent")).await;
    let accepted = bring(a, 1..2, to(&["b", "d"])).await;
    assert_eq!(told(&accepted), (Some("member-absent"), "d".to_owned()));
    assert_eq!(counted(&accepted), (vec![], vec![("member-absent", 1)]));
    // Where one has to wait and another is refused, both are counted, whoever of them stands first.
    let red = Options { tlp: Some(TlpLevel::Red), ..to(&["b", "user:eve@d"]) };
    let both = (vec![("tlp-red-persons", 1)], vec![("member-absent", 1)]);
    assert_eq!(counted(&bring(a, 2..3, red).await), both);
    meet(a, b).await;
    assert!(has(b, ONE).await);
}

/// By whose stricter rules something is kept from somebody is told to nobody who may not read them.
#[tokio::test]
async fn what_is_kept_by_rules_that_its_bringer_may_not_read_is_not_told() {
    let region = region(&["a", "b"]).await;
    let a = &region[0];
    let write = Access { read: false, write: true };
    a.bench.user("wes", Role::Analyst).await;
    a.bench.collection("drop", vec![("user:wes", write)]).await;
    let wes = a.bench.principal("wes").await;
    let dropped = async |number: u32, options: Options| {
        let pattern = "[url:value = 'http://1.example/']";
        let request = AcceptRequest {
            collection: "drop",
            objects: vec![Bytes::from(crate::indicator(number, pattern, ""))],
            options,
            status: KeepStatus::No,
        };
        a.node().accept(&wes, request).await.unwrap()
    };
    // What he asks for himself he knows.
    let red = Options { tlp: Some(TlpLevel::Red), ..to(&["b"]) };
    let accepted = dropped(1, red).await;
    assert_eq!(
        (told(&accepted).0, counted(&accepted).0),
        (Some("tlp-red-persons"), vec![("tlp-red-persons", 1)])
    );
    let accepted = dropped(2, to(&["b"])).await;
    assert_eq!((accepted.receipts[0].code, counted(&accepted)), (None, (vec![], vec![])));
}
