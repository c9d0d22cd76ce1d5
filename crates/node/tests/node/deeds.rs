//! A deed of a person acts on what that person sees where they may write: others here may say something else under the same id, for
//! others, and what they gave is not told, opened, called back or destroyed by who may not know of it.

use std::sync::Arc;

use base::Micros;
use bytes::Bytes;
use handling::{Access, Pap, Principal, Role};
use node::{AcceptRequest, Accepted, KeepStatus, Options, ShareRequest, Shared, SimulateRequest, Urgency};
use stix::TlpLevel;

use crate::community::Seat;
use crate::exchange::{ONE, has, meet, region, round, to};
use crate::originator::in_parts;
use crate::{R, RW, indicator};

const W: Access = Access { read: false, write: true };

/// Two people of a node: each writes to a desk of their own, and both to a common one.
pub(crate) struct Desks<'a> {
    pub(crate) seat: &'a Seat,
    pub(crate) ann: Arc<Principal>,
    pub(crate) bob: Arc<Principal>,
    /// Reads Bob's desk.
    pub(crate) rob: Arc<Principal>,
}

impl<'a> Desks<'a> {
    pub(crate) async fn of(seat: &'a Seat) -> Self {
        for (name, role) in [("ann", Role::Analyst), ("bob", Role::Analyst), ("rob", Role::Reader)] {
            seat.bench.user(name, role).await;
        }
        seat.bench.collection("anns", vec![("user:ann", RW)]).await;
        seat.bench.collection("bobs", vec![("user:bob", RW), ("user:rob", R)]).await;
        seat.bench.collection("both", vec![("user:ann", RW), ("user:bob", RW)]).await;
        let [ann, bob, rob] = ["ann", "bob", "rob"].map(|name| seat.bench.principal(name));
        Self { seat, ann: ann.await, bob: bob.await, rob: rob.await }
    }

    /// Brings an object to a collection.
    pub(crate) async fn bring(
        &self,
        who: &Principal,
        (collection, object): (&str, &str),
        options: Options,
    ) -> Accepted {
        let objects = vec![Bytes::from(object.to_owned())];
        let request = AcceptRequest { collection, objects, options, status: KeepStatus::No };
        self.seat.node().accept(who, request).await.unwrap()
    }

    pub(crate) async fn share(&self, who: &Principal, object: &str) -> Shared {
        let to = ["b".to_owned()];
        let request = ShareRequest { object, to: &to, urgency: Urgency::Routine };
        self.seat.node().share(who, request).await.unwrap()
    }

    /// What somebody is told of an object, in all versions that they may see.
    pub(crate) async fn told(&self, who: &Principal, id: &str) -> String {
        let Ok(history) = self.seat.node().history(who, id).await else { return String::new() };
        let mut told = String::new();
        for row in history.into_inner() {
            let version = self.seat.node().object(who, id, Some(&row.version)).await.unwrap().into_inner();
            told.push_str(&String::from_utf8_lossy(&version.bytes));
        }
        told
    }
}

pub(crate) fn tlp(level: TlpLevel) -> Options {
    Options { tlp: Some(level), ..Options::default() }
}

/// For one user here alone.
pub(crate) fn red(user: &str) -> Options {
    Options { to: vec![format!("user:{user}")], ..tlp(TlpLevel::Red) }
}

/// The indicator, with a name and another `created`.
pub(crate) fn named(name: &str, created: u32) -> String {
    indicator(1, "[url:value = 'http://1.example/']", "")
        .replace("indicator number 1", name)
        .replace("\"created\":\"2025-01-01", &format!("\"created\":\"2024-12-{created:02}"))
}

/// An address, whose id follows from it, and so can be known by anybody.
pub(crate) const ADDRESS: &str = "ipv4-addr--cd2ebb8d-5bb2-5cbd-8c0b-2c4ad8b6e1aa";

pub(crate) fn address(more: &str) -> String {
    format!(r#"{{"type":"ipv4-addr","spec_version":"2.1","id":"{ADDRESS}","value":"198.51.100.77"{more}}}"#)
}

const SECRET: &str = r#","x_said":"to Bob alone""#;

/// What is given is put under wider rules, and nothing else that stands under its id: in another collection, and in the same.
#[tokio::test]
async fn to_share_something_opens_nothing_else_under_its_id() {
    let region = region(&["a", "b"]).await;
    let desks = Desks::of(&region[0]).await;
    desks.bring(&desks.bob, ("bobs", &named("SECRET", 2)), red("bob")).await;
    desks.bring(&desks.ann, ("anns", &named("open", 1)), tlp(TlpLevel::Green)).await;
    assert_eq!(desks.share(&desks.ann, ONE).await.to, ["b"]);
    assert_eq!(desks.told(&desks.rob, ONE).await, "", "it is for Bob alone");

    desks.bring(&desks.bob, ("both", &address(SECRET)), red("bob")).await;
    desks.bring(&desks.ann, ("both", &address("")), tlp(TlpLevel::Green)).await;
    desks.share(&desks.ann, ADDRESS).await;
    assert_eq!(desks.told(&desks.ann, ADDRESS).await, address(""));
    // To bring something again for others gives it, as sharing does.
    desks.bring(&desks.bob, ("both", &named("SECRET", 3)), red("bob")).await;
    desks.bring(&desks.ann, ("both", &named("open", 1)), tlp(TlpLevel::Green)).await;
    desks.bring(&desks.ann, ("both", &named("open", 1)), to(&["b"])).await;
    assert!(!desks.told(&desks.ann, ONE).await.contains("SECRET"));
    // The very same words, of which Bob has said that they are for him, stay his.
    desks.bring(&desks.bob, ("bobs", &named("open", 1)), red("bob")).await;
    desks.share(&desks.ann, ONE).await;
    round(&region).await;
    assert_eq!(desks.told(&desks.rob, ONE).await, "");
}

/// An address that Bob has for himself, and Ann too, who gives hers to others and takes it back: his stays.
#[tokio::test]
async fn what_somebody_else_has_here_is_not_taken_away_with_it() {
    let region = region(&["a", "b"]).await;
    let desks = Desks::of(&region[0]).await;
    for (at, secret) in [SECRET, ""].into_iter().enumerate() {
        let object = address(secret);
        desks.bring(&desks.bob, ("bobs", &object), red("bob")).await;
        desks.bring(&desks.ann, ("anns", &address("")), to(&["b"])).await;
        round(&region).await;
        assert!(crate::exchange::has(&region[1], ADDRESS).await);
        let recalled = region[0].node().recall(&desks.ann, ADDRESS, "").await.unwrap();
        round(&region).await;
        assert_eq!(receipts(&region[0], recalled.leaf).await, [("b".to_owned(), "done")]);
        assert_eq!((recalled.kept.len(), desks.told(&desks.ann, ADDRESS).await.as_str()), (0, ""));
        assert!(desks.told(&desks.bob, ADDRESS).await.contains(&object), "{at}");
        assert!(!crate::exchange::has(&region[1], ADDRESS).await);
    }
    // Nor when it is erased, which nobody was given since.
    desks.bring(&desks.ann, ("anns", &address(",\"x_more\":1")), tlp(TlpLevel::Green)).await;
    region[0].node().erase(&desks.ann, ADDRESS, "").await.unwrap();
    assert_eq!(desks.told(&desks.ann, ADDRESS).await, "");
    assert!(desks.told(&desks.bob, ADDRESS).await.contains(&address("")));
}

/// The code with which an object is brought for others.
async fn given(desks: &Desks<'_>, who: &Principal, to_where: (&str, &str)) -> Option<&'static str> {
    let accepted = desks.bring(who, to_where, to(&["b"])).await;
    assert_ne!(accepted.receipts[0].outcome, node::Outcome::Refused);
    accepted.receipts[0].code
}

/// Of two things under one identifier and date the second is not given in the place of the first, and its giver is told.
#[tokio::test]
async fn nothing_is_given_in_the_place_of_what_was_given() {
    let region = region(&["a", "b"]).await;
    let (a, b) = (&region[0], &region[1]);
    let desks = Desks::of(a).await;
    let there = async |id: &str| {
        round(&region).await;
        let held = b.node().object(&b.who, id, None).await.unwrap().into_inner();
        String::from_utf8_lossy(&held.bytes).into_owned()
    };
    let (first, second) = (named("first", 1), named("second", 2));
    assert_eq!(given(&desks, &desks.bob, ("bobs", &first)).await, None);
    for _ in 0..2 {
        assert_eq!(given(&desks, &desks.ann, ("anns", &second)).await, Some("given-otherwise"));
    }
    assert_eq!(there(ONE).await, first);
    let shared = desks.share(&desks.ann, ONE).await;
    assert_eq!((shared.to, shared.withheld), (vec![], vec![("b".to_owned(), "given-otherwise".to_owned())]));
    // The same in another form, and a version of another date, are given.
    assert_eq!(given(&desks, &desks.ann, ("both", &first.replace("\"type\":", "\"type\" : "))).await, None);
    assert_eq!(given(&desks, &desks.ann, ("anns", &strange())).await, None);
    a.node().recall(&desks.ann, ONE, "").await.unwrap();
    assert_eq!(desks.share(&desks.bob, ONE).await.to, ["b"]);
    assert!(there(ONE).await.contains("first"), "it was called back, and is given anew");

    // Of an observable, which has no date, more is said by who sees what was given, and by nobody else.
    let more = address(",\"x_more\":1");
    assert_eq!(given(&desks, &desks.bob, ("bobs", &address(""))).await, None);
    assert_eq!(given(&desks, &desks.bob, ("bobs", &more)).await, None);
    assert_eq!(given(&desks, &desks.ann, ("anns", &address(SECRET))).await, Some("given-otherwise"));
    assert_eq!(there(ADDRESS).await, more);
}

/// That something else was given is foretold, told to who only writes, and asked in one way by whoever gives: of all that its giver sees where
/// they write.
#[tokio::test]
async fn what_was_given_otherwise_is_told_before_and_to_everybody_who_gives() {
    let region = region(&["a", "b"]).await;
    let a = &region[0];
    a.bench.user("wes", Role::Analyst).await;
    a.bench.collection("drop", vec![("user:wes", W)]).await;
    let desks = Desks::of(a).await;
    let wes = a.bench.principal("wes").await;
    let foretold = async |who: &Principal, collection: &str, object: &str| {
        let (options, bytes) = (to(&["b"]), Bytes::from(object.to_owned()));
        let request = SimulateRequest { collection, bytes, options, recipient: "b", action: None };
        a.node().simulate(who, request).await.unwrap().into_inner().remove(0).rule
    };
    let (first, second) = (named("first", 1), named("second", 2));
    assert_eq!(foretold(&desks.ann, "anns", &second).await, "handling-allows");
    assert_eq!(given(&desks, &desks.bob, ("bobs", &first)).await, None);
    for (who, collection) in [(&desks.ann, "anns"), (&wes, "drop")] {
        assert_eq!(foretold(who, collection, &second).await, "given-otherwise");
        for _ in 0..2 {
            assert_eq!(
                given(&desks, who, (collection, &second)).await,
                Some("given-otherwise"),
                "{collection}"
            );
        }
    }
    // What is hers she knows under her own id, also where it stands on another desk.
    let more = address(",\"x_more\":1");
    assert_eq!(given(&desks, &desks.ann, ("both", &address(""))).await, None);
    assert_eq!(foretold(&desks.ann, "anns", &more).await, "handling-allows");
    assert_eq!(given(&desks, &desks.ann, ("anns", &more)).await, None);
    assert_eq!(foretold(&wes, "drop", &address(SECRET)).await, "given-otherwise");
}

/// Of an object and what is left of it without its stricter parts one may be narrowed, and the other not: what was done is told.
#[tokio::test]
async fn what_a_narrowing_has_done_is_told_beside_what_it_has_not() {
    let region = region(&["a", "b"]).await;
    let a = &region[0];
    let desks = Desks::of(a).await;
    let bobs = in_parts(1);
    let anns = bobs
        .replace("\"modified\":\"2025-01-01", "\"modified\":\"2025-02-01")
        .replace("\"created\":\"2025-01-01", "\"created\":\"2024-12-01");
    let for_b = || Options { to: vec!["b".to_owned()], ..Options::default() };
    desks.bring(&desks.bob, ("bobs", &bobs), for_b()).await;
    desks.bring(&desks.ann, ("anns", &anns), for_b()).await;
    // Of both views she knows her own.
    let narrowed = a.node().narrow(&desks.ann, ONE, pap(Pap::Amber)).await.unwrap();
    assert_eq!((narrowed.versions, narrowed.told, narrowed.besides.len()), (1, false, 1));
    assert_ne!(narrowed.besides[0], ONE);
    let again = desks.bring(&desks.ann, ("anns", &anns), pap(Pap::Red)).await;
    assert_eq!(
        (again.receipts[0].handling, again.receipts[0].code),
        (Some(node::Handled::Narrowed), Some("given-besides"))
    );
    let kept = a.node().narrow(&desks.ann, &narrowed.besides[0], pap(Pap::Red)).await;
    assert_eq!(kept.unwrap_err().code(), "given-besides", "nothing was done");
}

pub(crate) fn pap(level: Pap) -> Options {
    Options { pap: Some(level), ..Options::default() }
}

/// Who said the same in other bytes has what was given as much as who gave it last.
#[tokio::test]
async fn the_same_in_other_bytes_takes_nobodys_deeds_away() {
    let region = region(&["a", "b"]).await;
    let (a, b) = (&region[0], &region[1]);
    let desks = Desks::of(a).await;
    let first = named("first", 1);
    assert_eq!(given(&desks, &desks.bob, ("bobs", &first)).await, None);
    assert_eq!(given(&desks, &desks.ann, ("anns", &first.replace("\"type\":", "\"type\" : "))).await, None);
    meet(a, b).await;
    for who in [&desks.ann, &desks.bob] {
        let holders = a.node().holders(who, ONE).await.unwrap();
        assert_eq!(holders.iter().map(|holder| holder.member.as_str()).collect::<Vec<_>>(), ["b"]);
    }
    a.node().recall(&desks.bob, ONE, "").await.unwrap();
    meet(a, b).await;
    assert!(!has(b, ONE).await);
}

/// Of who holds what stands under an id as many are counted beside the object as the one who asks is told by `holders`: what a colleague gave
/// elsewhere changes nothing.
#[tokio::test]
async fn holders_are_counted_as_they_are_told() {
    let region = region(&["a", "b"]).await;
    let a = &region[0];
    let desks = Desks::of(a).await;
    let first = named("first", 1);
    let second = first.replace("\"modified\":\"2025-01-01", "\"modified\":\"2025-02-01");
    desks.bring(&desks.bob, ("both", &first), tlp(TlpLevel::Amber)).await;
    desks.bring(&desks.ann, ("anns", &second), to(&["b"])).await;
    round(&region).await;
    let counted = async |who: &Principal| {
        let object = a.node().object(who, ONE, None).await.unwrap().into_inner();
        let told = a.node().provenance(who, &object).await.unwrap();
        (told.holders_known, a.node().holders(who, ONE).await.unwrap().len())
    };
    assert_eq!((counted(&desks.bob).await, counted(&desks.ann).await), ((0, 0), (1, 1)));
}

/// The time of a copy that somebody keeps for themselves ends that copy, and not what others were given under its id by a colleague.
#[tokio::test]
async fn the_end_of_ones_own_copy_is_not_that_of_what_was_given() {
    let region = region(&["a", "b"]).await;
    let (a, b) = (&region[0], &region[1]);
    let desks = Desks::of(a).await;
    let soon = crate::START.plus(60 * Micros::SECOND);
    let amber = Options { to: vec!["b".into()], ..tlp(TlpLevel::Amber) };
    desks.bring(&desks.bob, ("bobs", &address(SECRET)), amber).await;
    let kept = Options { retain_until: Some(soon), ..tlp(TlpLevel::Green) };
    desks.bring(&desks.ann, ("anns", &address("")), kept).await;
    a.bench.clock.set(soon.plus(Micros::SECOND));
    assert_eq!(a.node().retire().await.unwrap(), 1);
    assert_eq!(
        (desks.told(&desks.ann, ADDRESS).await, desks.told(&desks.bob, ADDRESS).await.is_empty()),
        (String::new(), false)
    );
    // It was on its way, and goes; and it is known who has it.
    b.bench.clock.set(soon.plus(Micros::SECOND));
    meet(a, b).await;
    assert!(has(b, ADDRESS).await);
    let holders = a.node().holders(&desks.bob, ADDRESS).await.unwrap();
    assert_eq!(
        holders.iter().map(|holder| (holder.member.as_str(), holder.receipt)).collect::<Vec<_>>(),
        [("b", "valid")]
    );
}

/// Bob gave his to C, and once more when C took no part; Ann gives another under the id and calls hers back. C, which had Bob's by the
/// first of his acts alone, is told nothing, and keeps it.
#[tokio::test]
async fn who_has_a_colleagues_by_an_earlier_act_keeps_it() {
    let region = region(&["a", "b", "c", "d"]).await;
    let (a, b, c) = (&region[0], &region[1], &region[2]);
    let desks = Desks::of(a).await;
    desks.bring(&desks.bob, ("bobs", &named("Bob's", 1)), to(&["c"])).await;
    round(&region).await;
    assert!(has(c, ONE).await);
    crate::later::suspended(&region, "c", Some("a drill")).await;
    let d = ["d".to_owned()];
    let request = ShareRequest { object: ONE, to: &d, urgency: Urgency::Routine };
    assert_eq!(a.node().share(&desks.bob, request).await.unwrap().to, ["d"]);
    desks.bring(&desks.ann, ("anns", &strange()), to(&["b"])).await;
    for other in [b, &region[3]] {
        meet(a, other).await;
    }
    let recalled = a.node().recall(&desks.ann, ONE, "hers").await.unwrap();
    let told: Vec<_> = recalled.receipts.iter().map(|receipt| receipt.member.as_str()).collect();
    assert_eq!(told, ["b"], "{recalled:?}");
    crate::later::suspended(&region, "c", None).await;
    round(&region).await;
    assert!(!has(b, ONE).await && has(c, ONE).await && has(&region[3], ONE).await);
}

/// What a colleague had destroyed everywhere is as unknown to who never saw it as anything else: `simulate` says of its id what it says of
/// any, and to who saw it that it is refused.
#[tokio::test]
async fn to_foretell_tells_nobody_what_was_erased() {
    let region = region(&["a", "b"]).await;
    let a = &region[0];
    let desks = Desks::of(a).await;
    let foretold = async |who: &Principal, collection: &str, object: String| {
        let (options, bytes) = (to(&["b"]), Bytes::from(object));
        let request = SimulateRequest { collection, bytes, options, recipient: "b", action: None };
        let judged = a.node().simulate(who, request).await.unwrap().into_inner().remove(0);
        (judged.decision, judged.rule)
    };
    desks.bring(&desks.bob, ("bobs", &named("Bob's", 1)), to(&["b"])).await;
    round(&region).await;
    a.node().erase(&desks.bob, ONE, "a person's data").await.unwrap();
    assert_eq!(foretold(&desks.bob, "bobs", strange()).await, ("refuse", "erased"));
    let never = strange().replace(ONE, TWO);
    let expected = ("allow", "handling-allows");
    assert_eq!(foretold(&desks.ann, "anns", never).await, expected);
    assert_eq!(foretold(&desks.ann, "anns", strange()).await, expected);
    // Once she has brought it, she is told why nobody gets it.
    desks.bring(&desks.ann, ("anns", &strange()), tlp(TlpLevel::Amber)).await;
    assert_eq!(foretold(&desks.ann, "anns", strange()).await, ("refuse", "tombstoned"));
}

pub(crate) async fn receipts(seat: &Seat, leaf: u64) -> Vec<(String, &'static str)> {
    let receipts = seat.node().receipts(leaf).await.unwrap();
    let mut told: Vec<_> = receipts.into_iter().map(|receipt| (receipt.member, receipt.status)).collect();
    told.sort();
    told
}

const TWO: &str = "indicator--00000000-0000-4000-8000-000000000002";

/// The same indicator of a later day, under another `created`: all that its bringer knows is the id.
fn strange() -> String {
    named("strange", 9).replace("\"modified\":\"2025-01-01", "\"modified\":\"2025-03-01")
}

/// Whoever knows an id and writes somewhere brings something under it, and is told and does what they would if nothing else were there.
#[tokio::test]
async fn who_knows_an_id_alone_does_nothing_with_what_others_gave_under_it() {
    let region = region(&["a", "b"]).await;
    let (a, b) = (&region[0], &region[1]);
    let desks = Desks::of(a).await;
    desks.bring(&desks.bob, ("bobs", &named("Bob's", 1)), to(&["b"])).await;
    round(&region).await;
    desks.bring(&desks.ann, ("anns", &strange()), tlp(TlpLevel::Amber)).await;
    assert_eq!(a.node().holders(&desks.ann, ONE).await.unwrap(), []);
    assert_eq!(a.node().holders(&desks.bob, ONE).await.unwrap().len(), 1);
    assert_eq!(a.node().recall(&desks.ann, ONE, "").await.unwrap_err().code(), "never-given");
    let until = crate::START.plus(10 * 86_400 * base::Micros::SECOND);
    for (from, code) in [(Some("b"), "object-unknown"), (None, "consent-nobody")] {
        let request = node::ConsentRequest { object: ONE, from, to: "b", until };
        assert_eq!(a.node().consent(&desks.ann, request).await.unwrap_err().code(), code);
    }
    let narrowed = a.node().narrow(&desks.ann, ONE, tlp(TlpLevel::Red)).await.unwrap();
    assert_eq!((narrowed.versions, narrowed.told, narrowed.leaf), (1, false, None));
    let object = a.node().object(&desks.ann, ONE, None).await.unwrap().into_inner();
    let told = a.node().provenance(&desks.ann, &object).await.unwrap();
    assert_eq!((told.leaf, told.holders_known), (None, 0));

    let erased = a.node().erase(&desks.ann, ONE, "").await.unwrap();
    assert_eq!(receipts(a, erased.leaf).await, []);
    assert_eq!(desks.told(&desks.ann, ONE).await, "", "her own is gone");
    round(&region).await;
    assert!(crate::exchange::has(b, ONE).await);
    assert!(desks.told(&desks.rob, ONE).await.contains("Bob's"), "it is under the rules that it had");

    // When she has given hers as well, she knows of some of it.
    desks.bring(&desks.ann, ("anns", &strange()), to(&["b"])).await;
    round(&region).await;
    let codes = [
        a.node().erase(&desks.ann, ONE, "").await.unwrap_err().code(),
        a.node().narrow(&desks.ann, ONE, tlp(TlpLevel::Red)).await.unwrap_err().code(),
    ];
    assert_eq!(codes, ["given-besides"; 2]);
    let again = desks.bring(&desks.ann, ("anns", &strange()), tlp(TlpLevel::Red)).await;
    assert_eq!(again.receipts[0].code, Some("given-besides"));
    round(&region).await;
    assert!(crate::exchange::has(b, ONE).await && desks.told(&desks.ann, ONE).await.contains("strange"));
    // Who administers the node takes it all back, as far as they see it here; and so does who sees all of it.
    let recalled = a.node().recall(&a.who, ONE, "").await;
    assert_eq!(recalled.unwrap_err().code(), "not-found", "it is not in what the operator reads");
    desks.bring(&desks.bob, ("bobs", &strange()), Options::default()).await;
    let recalled = a.node().recall(&desks.bob, ONE, "").await.unwrap();
    round(&region).await;
    assert_eq!(receipts(a, recalled.leaf).await, [("b".to_owned(), "done")]);
    assert!(!crate::exchange::has(b, ONE).await);
    assert_eq!(desks.told(&desks.rob, ONE).await, "");
    assert!(desks.told(&desks.ann, ONE).await.contains("strange"), "it is hers, and told to nobody else");
}

/// Who gave something under an identifier takes it back from all who have it, whatever others gave under it since or before: that stays
/// with those who were given it, also where the two were given to one.
#[tokio::test]
async fn a_recall_takes_what_its_doer_gave_and_nothing_else() {
    let region = region(&["a", "b", "c", "d"]).await;
    let [a, b, c, d] = [0, 1, 2, 3].map(|at| &region[at]);
    let desks = Desks::of(a).await;
    desks.bring(&desks.bob, ("bobs", &named("Bob's", 1)), to(&["b", "d"])).await;
    desks.bring(&desks.ann, ("anns", &strange()), to(&["b", "c"])).await;
    round(&region).await;
    let held = async |seat: &Seat| {
        let Ok(history) = seat.node().history(&seat.who, ONE).await else { return 0 };
        history.into_inner().len()
    };
    assert_eq!((held(b).await, held(c).await, held(d).await), (2, 1, 1));
    a.bench.clock.set(crate::START.plus(60 * Micros::SECOND));
    let recalled = a.node().recall(&desks.bob, ONE, "").await.unwrap();
    round(&region).await;
    let done = |members: &[&str]| members.iter().map(|one| ((*one).to_owned(), "done")).collect::<Vec<_>>();
    assert_eq!(
        receipts(a, recalled.leaf).await,
        done(&["b", "d"]),
        "C had nothing of it, and is told nothing"
    );
    assert_eq!((held(b).await, held(c).await, held(d).await), (1, 1, 0));
    let left = b.node().object(&b.who, ONE, None).await.unwrap().into_inner();
    assert!(String::from_utf8_lossy(&left.bytes).contains("strange"));
    assert_eq!(desks.told(&desks.bob, ONE).await, "");
    assert!(desks.told(&desks.ann, ONE).await.contains("strange"));
    let holders = a.node().holders(&desks.ann, ONE).await.unwrap();
    let mut holders: Vec<_> = holders.iter().map(|holder| (holder.member.as_str(), holder.receipt)).collect();
    holders.sort_unstable();
    assert_eq!(holders, [("b", "valid"), ("c", "valid")]);
    // What is left is Ann's alone, and goes with her recall.
    assert_eq!(a.node().recall(&desks.bob, ONE, "").await.unwrap_err().code(), "not-found");
    let recalled = a.node().recall(&desks.ann, ONE, "").await.unwrap();
    round(&region).await;
    assert_eq!(receipts(a, recalled.leaf).await.len(), 3, "who had something of it is told");
    assert_eq!((held(b).await, held(c).await, held(d).await), (0, 0, 0));
}

/// Its own people go on deciding about what was given, also when the copy of it that was given is gone here.
#[tokio::test]
async fn who_sees_a_version_of_the_object_calls_back_what_was_deleted_here() {
    let region = region(&["a", "b"]).await;
    let (a, b) = (&region[0], &region[1]);
    let desks = Desks::of(a).await;
    desks.bring(&desks.bob, ("bobs", &named("first", 1)), to(&["b"])).await;
    round(&region).await;
    a.node().delete(&desks.bob, "bobs", ONE, &store::Filter::default()).await.unwrap();
    desks.bring(&desks.ann, ("anns", &strange()), tlp(TlpLevel::Amber)).await;
    assert_eq!(a.node().recall(&desks.ann, ONE, "").await.unwrap_err().code(), "never-given");
    let later = named("later", 1).replace("\"modified\":\"2025-01-01", "\"modified\":\"2025-02-01");
    desks.bring(&desks.bob, ("bobs", &later), tlp(TlpLevel::Amber)).await;
    let recalled = a.node().recall(&desks.bob, ONE, "").await.unwrap();
    assert_eq!(recalled.kept.len(), 1, "it was never given");
    round(&region).await;
    assert!(!crate::exchange::has(b, ONE).await);
}

/// What was erased or called back is told to nobody who could not know of it: not by whom it was had, nor that it was.
#[tokio::test]
async fn to_take_something_back_tells_nothing_of_what_was_taken_back_before() {
    let region = region(&["a", "b"]).await;
    let a = &region[0];
    let desks = Desks::of(a).await;
    for (id, erased) in [(ONE, false), (TWO, true)] {
        let object = named("Bob's", 1).replace(ONE, id);
        desks.bring(&desks.bob, ("bobs", &object), to(&["b"])).await;
        round(&region).await;
        let before = if erased {
            a.node().erase(&desks.bob, id, "").await.unwrap()
        } else {
            a.node().recall(&desks.bob, id, "").await.unwrap()
        };
        round(&region).await;
        assert_eq!(receipts(a, before.leaf).await, [("b".to_owned(), "done")]);
        assert_eq!(
            desks.bring(&desks.ann, ("anns", &object), tlp(TlpLevel::Amber)).await.receipts[0].code,
            None
        );
        assert_eq!(a.node().holders(&desks.ann, id).await.unwrap(), []);
        assert_eq!(a.node().recall(&desks.ann, id, "").await.unwrap_err().code(), "never-given");
        let after = a.node().erase(&desks.ann, id, "").await.unwrap();
        assert_ne!(after.leaf, before.leaf);
        assert_eq!(receipts(a, after.leaf).await, []);
        assert_eq!(desks.told(&desks.ann, id).await, "");
    }
}

/// What a member gave and people here bring as well goes with that member's word, and who brings it is told so; where it stands by their own
/// word too it stays.
#[tokio::test]
async fn who_brings_what_goes_with_anothers_word_is_told_so() {
    let region = region(&["a", "b"]).await;
    let (a, b) = (&region[0], &region[1]);
    crate::exchange::bring(a, 1..3, to(&["b"])).await;
    let own = crate::exchange::bring(b, 1..2, tlp(TlpLevel::Green)).await;
    assert_eq!((own.receipts[0].outcome, own.receipts[0].code), (node::Outcome::Accepted, None));
    meet(a, b).await;
    let again = crate::exchange::bring(b, 1..3, Options::default()).await;
    let codes: Vec<_> = again.receipts.iter().map(|one| (one.outcome, one.code)).collect();
    assert_eq!(codes, [(node::Outcome::Known, None), (node::Outcome::Known, Some("known-by-another"))]);
    let told = again.receipts[1].reason.as_deref().unwrap();
    assert!(told.contains("another member's word") && told.contains("goes when"), "{told}");
    assert_eq!(node::Summary::of(&again.receipts).anothers, 1);
    for id in [ONE, TWO] {
        a.node().recall(&a.who, id, "").await.unwrap();
    }
    meet(a, b).await;
    assert_eq!((has(b, ONE).await, has(b, TWO).await), (true, false));
}

/// Whoever only writes brings something again, for one more: what is this member's word goes, and of what is another's they are told that it
/// does not.
#[tokio::test]
async fn who_only_writes_is_told_when_what_is_known_goes_to_nobody() {
    let region = region(&["a", "b", "c"]).await;
    let (a, c) = (&region[0], &region[2]);
    a.bench.user("wes", Role::Analyst).await;
    let operator = a.bench.operator().await;
    for (role, access) in [("user:wes", W), ("role:analyst", Access::NONE)] {
        a.node().grant(&operator, "inbox", role.parse().unwrap(), access).await.unwrap();
    }
    let wes = a.bench.principal("wes").await;
    let bring = async |object: String, options: Options| {
        let request = AcceptRequest {
            collection: "inbox",
            objects: vec![Bytes::from(object)],
            options,
            status: KeepStatus::No,
        };
        let receipt = a.node().accept(&wes, request).await.unwrap().receipts.remove(0);
        assert_eq!(receipt.outcome, node::Outcome::Accepted, "that it is known is not for them to know");
        assert_eq!(node::Summary::of(std::slice::from_ref(&receipt)).given, 0);
        assert_eq!((receipt.handling, receipt.reason.is_some()), (None, receipt.code.is_some()));
        receipt.code
    };
    let pattern = |number: u32| format!("[url:value = 'http://{number}.example/']");
    let object = |number: u32| indicator(number, &pattern(number), "");
    crate::exchange::bring(&region[1], 1..2, to(&["a"])).await;
    round(&region).await;
    assert_eq!(bring(object(2), to(&["b"])).await, None);
    assert_eq!(bring(object(2), to(&["c"])).await, None);
    assert_eq!(bring(object(1), to(&["c"])).await, Some("not-given"));
    assert_eq!(bring(object(1), tlp(TlpLevel::Green)).await, None, "nobody was named");
    round(&region).await;
    assert_eq!((has(c, ONE).await, has(c, TWO).await), (false, true));
}

/// Whether a word stands in any file of a node.
fn is_on_disk(seat: &crate::community::Seat, word: &str) -> bool {
    let files = std::fs::read_dir(seat.bench._directory.path()).unwrap().map(|file| file.unwrap().path());
    let holds = |bytes: Vec<u8>| bytes.windows(word.len()).any(|part| part == word.as_bytes());
    files.filter(|path| path.is_file()).any(|path| std::fs::read(path).is_ok_and(holds))
}

/// Words of what was called back, or narrowed away from a holder, go from its index of words too.
#[tokio::test]
async fn words_of_what_was_taken_back_stand_in_no_file_of_its_holder() {
    let region = region(&["a", "b"]).await;
    let (a, b) = (&region[0], &region[1]);
    for (number, word) in [(1, "platypus"), (2, "wolverine")] {
        let object = crate::indicator(
            number,
            &format!("[url:value = 'http://{number}.example/']"),
            &format!(r#","description":"{word}""#),
        );
        let objects = vec![bytes::Bytes::from(object)];
        let options = crate::exchange::to(&["b"]);
        let request = AcceptRequest { collection: "inbox", objects, options, status: KeepStatus::No };
        a.node().accept(&a.who, request).await.unwrap();
    }
    meet(a, b).await;
    // Found, so that it is in the index.
    let two = ONE.replace("0001", "0002");
    for (id, word) in [(ONE, "platypus"), (&*two, "wolverine")] {
        let query = node::SearchQuery { text: word.to_owned(), limit: 9, ..node::SearchQuery::default() };
        assert_eq!(b.node().search(&b.who, query).await.unwrap().into_inner().rows.len(), 1, "{id}");
        assert!(is_on_disk(b, word));
    }
    a.node().recall(&a.who, ONE, "").await.unwrap();
    a.node().narrow(&a.who, &two, tlp(TlpLevel::Red)).await.unwrap();
    meet(a, b).await;
    assert!(!has(b, ONE).await && !has(b, &two).await);
    for _ in 0..200 {
        if !is_on_disk(b, "platypus") && !is_on_disk(b, "wolverine") {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("still there: {} {}", is_on_disk(b, "platypus"), is_on_disk(b, "wolverine"));
}

/// What is not versioned is named in acts by its `created`, and found by that where it stands.
#[tokio::test]
async fn a_recall_reaches_what_has_no_modified() {
    let region = region(&["a", "b"]).await;
    let a = &region[0];
    let id = "x-own--00000000-0000-4000-8000-000000000001";
    let object = format!(
        r#"{{"type":"x-own","spec_version":"2.1","id":"{id}","created":"2025-01-01T00:00:00.000Z","x_p":1}}"#
    );
    let objects = vec![Bytes::from(object)];
    let request = AcceptRequest { collection: "inbox", objects, options: to(&["b"]), status: KeepStatus::No };
    a.node().accept(&a.who, request).await.unwrap();
    round(&region).await;
    assert!(has(&region[1], id).await);
    a.node().recall(&a.who, id, "").await.unwrap();
    round(&region).await;
    assert!(!has(&region[1], id).await);
}
