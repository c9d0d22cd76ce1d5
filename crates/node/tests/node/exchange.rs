//! Exchange between members in turns carried by hand: what is given again, by several, before others, and taken back.

use std::sync::Arc;

use base::limit::EVIDENCE_OF_ONE_MAX;
use base::{FixedClock, Micros, SeededRng};
use bytes::Bytes;
use handling::{Principal, Role};
use node::{
    AcceptRequest, Accepted, Detail, ExchangeError, KeepStatus, Meeting, Node, Options, PasswordCost,
    PeerView, SearchQuery, Settings, ShareRequest, Urgency,
};
use store::{Direction, PageRequest, Upkeep};
use store_sqlite::SqliteStore;

use crate::community::Seat;
use crate::peers::Region;
use crate::{Bench, START, indicator};

pub(crate) const ONE: &str = "indicator--00000000-0000-4000-8000-000000000001";
/// Acts in one batch.
const BATCH: u64 = base::limit::BATCH_ENVELOPES_MAX as u64;
/// Objects that are not quite four batches.
const WAITING: u32 = 4_000;

/// Members that can seal for each other.
pub(crate) async fn region(slugs: &[&str]) -> Region {
    let region = Region::of(slugs).await;
    for _ in 0..2 {
        for seat in &region.0 {
            seat.node().announce().await.unwrap();
        }
        region.gather().await;
    }
    region
}

pub(crate) fn to(names: &[&str]) -> Options {
    let to = names.iter().map(|name| (*name).to_owned()).collect();
    Options { tlp: Some(stix::TlpLevel::Amber), to, ..Options::default() }
}

pub(crate) async fn bring(seat: &Seat, numbers: std::ops::Range<u32>, options: Options) -> Accepted {
    let objects = numbers.map(|number| {
        Bytes::from(indicator(number, &format!("[url:value = 'http://{number}.example/']"), ""))
    });
    let request =
        AcceptRequest { collection: "inbox", objects: objects.collect(), options, status: KeepStatus::No };
    seat.node().accept(&seat.who, request).await.unwrap()
}

/// A later version of the indicator with a number, about something else.
pub(crate) async fn bring_later(seat: &Seat, number: u32, options: Options) {
    let later = indicator(number, "[url:value = 'http://later.example/']", "")
        .replace("\"modified\":\"2025-01-01", "\"modified\":\"2025-02-01");
    let objects = vec![Bytes::from(later)];
    let request = AcceptRequest { collection: "inbox", objects, options, status: KeepStatus::No };
    seat.node().accept(&seat.who, request).await.unwrap();
}

/// A meeting begun by `one`; how many turns each side said.
pub(crate) async fn meet(one: &Seat, other: &Seat) -> usize {
    let (id, mut turn) = (other.id().await, one.node().turn_first(other.id().await).await.unwrap());
    for turns in 1..200 {
        let answer = other.node().turn_answer(&turn).await.unwrap();
        match one.node().turn_take(id, &answer).await.unwrap().next {
            Some(next) => turn = next,
            None => return turns,
        }
    }
    panic!("two nodes go on for ever");
}

/// Everybody meets everybody, twice: what is given in the first round is acknowledged in the second.
pub(crate) async fn round(region: &Region) {
    for _ in 0..2 {
        for one in 0..region.0.len() {
            for other in 0..one {
                meet(&region[one], &region[other]).await;
            }
        }
    }
}

pub(crate) async fn has(seat: &Seat, id: &str) -> bool {
    seat.node().object(&seat.who, id, None).await.is_ok()
}

pub(crate) async fn share(seat: &Seat, id: &str, whom: &str) -> Result<node::Shared, ExchangeError> {
    let to = [whom.to_owned()];
    let request = ShareRequest { object: id, to: &to, urgency: Urgency::Routine };
    seat.node().share(&seat.who, request).await
}

pub(crate) async fn peer(seat: &Seat, slug: &str) -> PeerView {
    let peers = seat.node().peers(&seat.who).await.unwrap();
    peers.into_iter().find(|peer| peer.member == slug).unwrap()
}

async fn leaves(seat: &Seat) -> u64 {
    seat.node().shared_state().await.unwrap().unwrap().leaves
}

async fn handled(seat: &Seat) -> serde_json::Value {
    let object = seat.node().object(&seat.who, ONE, None).await.unwrap().into_inner();
    serde_json::to_value(seat.node().handling_of(object.tlp, &object.places).await.unwrap()).unwrap()
}

async fn level(seat: &Seat) -> String {
    handled(seat).await["tlp"].as_str().unwrap().to_owned()
}

/// What is narrowed goes on being so: in what follows, at those who hold it, and by bringing it again. Who holds it signs for it.
#[tokio::test]
async fn handling_stays_with_an_object_at_every_holder() {
    let region = region(&["a", "b", "c"]).await;
    let (a, b) = (&region[0], &region[1]);
    bring(a, 1..2, to(&["b", "c"])).await;
    round(&region).await;
    let red = Options { pap: Some(handling::Pap::Red), ..Options::default() };
    let narrowed = a.node().narrow(&a.who, ONE, red.clone()).await.unwrap();
    let status = |receipts: &[node::ReceiptView]| receipts.iter().map(|one| one.status).collect::<Vec<_>>();
    assert_eq!((narrowed.versions, status(&narrowed.receipts)), (1, vec!["pending", "pending"]));
    round(&region).await;
    // Said again, nothing is done, and it is told how far it has come.
    let before = leaves(a).await;
    let again = a.node().narrow(&a.who, ONE, red).await.unwrap();
    assert_eq!((again.versions, again.leaf, leaves(a).await), (0, narrowed.leaf, before));
    assert_eq!(status(&again.receipts), ["done", "done"]);
    assert!(again.receipts.iter().all(|one| one.signature.is_some() && one.at.is_some()));
    assert_eq!(handled(b).await["pap"], "red");
    // A later version is for B alone, and C is not given it; both narrowings hold at B.
    let strict =
        Options { tlp: Some(stix::TlpLevel::AmberStrict), to: vec!["b".into()], ..Options::default() };
    a.node().narrow(&a.who, ONE, strict).await.unwrap();
    bring_later(a, 1, Options { tlp: Some(stix::TlpLevel::Green), ..to(&["b"]) }).await;
    round(&region).await;
    let later = handled(b).await;
    assert_eq!((&later["pap"], &later["tlp"]), (&"red".into(), &"amber+strict".into()), "{later}");
    assert!(!has(&region[2], ONE).await);
    // Brought again under stricter rules, it is under them at B too.
    let accepted =
        bring(a, 1..2, Options { control: handling::Control::Originator, ..Options::default() }).await;
    assert_eq!(accepted.receipts[0].handling, Some(node::Handled::Narrowed));
    round(&region).await;
    assert_eq!(handled(b).await["originator_control"], true);
}

/// What its own purpose hides from this member's people is theirs to call back all the same. Who was told of a recall and has not
/// confirmed it is known later, and saying it again does nothing more.
#[tokio::test]
async fn what_was_taken_back_is_told_as_far_as_it_has_come() {
    let region = region(&["a", "b"]).await;
    let (a, b) = (&region[0], &region[1]);
    bring(a, 1..3, to(&["b"])).await;
    round(&region).await;
    let tools = handling::Purposes::of([handling::Purpose::Defence]);
    let defence = Options { purposes: Some(tools), ..Options::default() };
    a.node().narrow(&a.who, ONE, defence).await.unwrap();
    assert!(!has(a, ONE).await, "it may not be read any more");
    assert_eq!(a.node().holders(&a.who, ONE).await.unwrap().len(), 1);
    let first = a.node().recall(&a.who, ONE, "").await.unwrap();
    let (again, before) = (a.node().recall(&a.who, ONE, "").await.unwrap(), leaves(a).await);
    assert_eq!((first.leaf, &first.receipts), (again.leaf, &again.receipts));
    assert_eq!(again.receipts[0].status, "pending");
    let left = a.node().holders(&a.who, ONE).await.unwrap();
    assert_eq!((left.len(), &*left[0].rule), (1, "recalled"));
    assert_eq!((left[0].receipt, left[0].taking_back), ("missing", Some("pending")));
    let (reader, analyst) =
        (a.bench.user("reader", Role::Reader).await, a.bench.user("analyst", Role::Analyst).await);
    assert!(
        a.node().holders(&reader, ONE).await.is_err() && a.node().recall(&analyst, ONE, "").await.is_err()
    );
    round(&region).await;
    assert_eq!(a.node().recall(&a.who, ONE, "").await.unwrap().receipts[0].status, "done");
    assert_eq!((a.node().holders(&a.who, ONE).await.unwrap(), leaves(a).await), (vec![], before));
    // Deleted here, it is called back and erased by its id; twice is once.
    let two = ONE.replace("000000000001", "000000000002");
    a.node().delete(&a.who, "inbox", &two, &store::Filter::default()).await.unwrap();
    assert!(!has(a, &two).await && has(b, &two).await);
    assert_eq!(a.node().holders(&a.who, &two).await.unwrap()[0].rule, "released");
    assert!(a.node().recall(&analyst, &two, "").await.is_err(), "where it stood is not known any more");
    a.node().recall(&a.who, &two, "").await.unwrap();
    round(&region).await;
    assert!(!has(b, &two).await);
    let erased = a.node().erase(&a.who, &two, "").await.unwrap();
    assert_eq!(a.node().holders(&a.who, &two).await.unwrap()[0].rule, "erased");
    assert_eq!(a.node().erase(&a.who, &two, "").await.unwrap().leaf, erased.leaf);
    assert_eq!(a.node().recall(&a.who, &two, "").await.unwrap_err().code(), "tombstoned");
    // What stands here hidden is not called back by whoever runs the node and may not see it.
    let red = Options { tlp: Some(stix::TlpLevel::Red), to: vec!["user:eve@b".into()], ..Options::default() };
    let objects = vec![Bytes::from(indicator(7, "[url:value = 'http://7.example/']", ""))];
    let request = AcceptRequest { collection: "inbox", objects, options: red, status: KeepStatus::No };
    a.node().accept(&analyst, request).await.unwrap();
    let seven = ONE.replace("000000000001", "000000000007");
    assert!(!has(a, &seven).await && a.node().recall(&a.who, &seven, "").await.is_err());
    assert!(a.node().holders(&a.who, &seven).await.is_err());
    assert!(a.node().recall(&analyst, &seven, "").await.is_ok());
}

/// (a) Bringing what is known again, for somebody more, gives it to them; for the same ones it changes nothing.
#[tokio::test]
async fn what_is_known_is_given_to_those_named_besides() {
    let region = region(&["a", "b", "c"]).await;
    let a = &region[0];
    bring(a, 1..4, to(&["b"])).await;
    round(&region).await;
    assert!(has(&region[1], ONE).await && !has(&region[2], ONE).await);
    let accepted = bring(a, 1..4, to(&["c"])).await;
    assert!(accepted.receipts.iter().all(|receipt| receipt.outcome == node::Outcome::Known));
    round(&region).await;
    assert!(has(&region[1], ONE).await && has(&region[2], ONE).await);
    let (before, waiting) = (leaves(a).await, peer(a, "c").await.lag_out);
    bring(a, 1..4, to(&["b", "c"])).await;
    assert_eq!((leaves(a).await, peer(a, "c").await.lag_out), (before, waiting));
    let state = async |at: usize| region[at].node().shared_state().await.unwrap().unwrap().state_hash;
    assert_eq!(state(1).await, state(2).await);
    // What stands at B by A's word is not B's to give, nor to handle otherwise: B is told so.
    let others = bring(&region[1], 1..2, to(&["c"])).await;
    assert_eq!(others.receipts[0].code, Some("originator-control"));
    let red = Options { tlp: Some(stix::TlpLevel::Red), ..Options::default() };
    let others = bring(&region[1], 1..2, red).await;
    assert_eq!(others.receipts[0].code, Some("originator-control"));
    assert_eq!(others.receipts[0].handling, Some(node::Handled::Kept));
    assert_eq!(level(&region[1]).await, "amber");
    assert_eq!(peer(&region[1], "c").await.lag_out, Some(0));
}

/// (b) Two members give the same bytes: each one's word stands, and goes, by itself.
#[tokio::test]
async fn each_member_takes_back_its_own_word_only() {
    for first in [0, 2] {
        let region = region(&["a", "b", "c"]).await;
        let (one, b, other) = (&region[first], &region[1], &region[2 - first]);
        bring(one, 1..2, to(&["b"])).await;
        round(&region).await;
        bring(other, 1..2, to(&["b"])).await;
        round(&region).await;
        assert!(has(b, ONE).await);
        let found = b.node().object(&b.who, ONE, None).await.unwrap().into_inner();
        assert_eq!((found.places.len(), found.collections.len()), (2, 1));
        let shown =
            b.node().look_up(&b.who, &["http://1.example/"], Detail::Brief).await.unwrap().into_inner();
        assert_eq!(shown[0].matches.len(), 1, "told once");
        // By whosesoever word, it is nobody's but theirs to give on.
        assert!(share(b, ONE, "c").await.is_err());
        assert!(matches!(b.node().recall(&b.who, ONE, "").await, Err(ExchangeError::Read(_))));
        let taken = one.node().recall(&one.who, ONE, "wrong").await.unwrap();
        assert_eq!(taken.receipts.len(), 1);
        round(&region).await;
        assert_eq!(one.node().receipts(taken.leaf).await.unwrap()[0].status, "done");
        assert!(!has(one, ONE).await && has(b, ONE).await && has(other, ONE).await, "{first} first");
        let found = b.node().object(&b.who, ONE, None).await.unwrap().into_inner();
        assert_eq!(found.places.len(), 1);
        other.node().recall(&other.who, ONE, "wrong too").await.unwrap();
        round(&region).await;
        assert!(!has(b, ONE).await);
        let gone =
            b.node().look_up(&b.who, &["http://1.example/"], Detail::Brief).await.unwrap().into_inner();
        assert!(gone[0].matches.is_empty());
    }
}

/// (b) What one member says of an id is no reason to refuse what another says of it.
#[tokio::test]
async fn an_id_cannot_be_taken_from_its_owner_by_saying_it_first() {
    let region = region(&["a", "b", "c"]).await;
    let squat = Bytes::from(indicator(1, "[url:value = 'http://squat.example/']", ""));
    let request = AcceptRequest {
        collection: "inbox",
        objects: vec![squat],
        options: to(&["b"]),
        status: KeepStatus::No,
    };
    region[2].node().accept(&region[2].who, request).await.unwrap();
    round(&region).await;
    bring(&region[0], 1..2, to(&["b"])).await;
    round(&region).await;
    let b = &region[1];
    assert!(peer(b, "a").await.refusals.is_empty());
    assert_eq!(b.node().history(&b.who, ONE).await.unwrap().into_inner().len(), 2);
    // Readers are shown one of them as the latest, the one that came first; the other stands behind it.
    region[2].node().recall(&region[2].who, ONE, "").await.unwrap();
    round(&region).await;
    let known = b.node().look_up(&b.who, &["http://1.example/", "http://squat.example/"], Detail::Brief);
    let known = known.await.unwrap().into_inner();
    assert_eq!(known.iter().map(|one| one.matches.len()).collect::<Vec<_>>(), [1, 0]);
}

/// (c) Giving again to those who have it makes no act and no line, however often.
#[tokio::test]
async fn giving_again_changes_nothing() {
    let region = region(&["a", "b", "c"]).await;
    let a = &region[0];
    bring(a, 1..2, to(&["b"])).await;
    round(&region).await;
    for whom in ["b", "c"] {
        share(a, ONE, whom).await.unwrap();
        let (before, waiting) = (leaves(a).await, peer(a, "b").await.lag_out);
        for _ in 0..5 {
            let shared = share(a, ONE, whom).await.unwrap();
            assert_eq!((shared.to, shared.withheld), (vec![whom.to_owned()], vec![]));
        }
        assert_eq!((leaves(a).await, peer(a, "b").await.lag_out), (before, waiting), "{whom}");
        round(&region).await;
        assert!(has(&region[2], ONE).await == (whom == "c"));
    }
}

/// (d) Who had it before it was called back has it no more, and gets it anew only when named anew.
#[tokio::test]
async fn holders_are_those_since_the_last_recall() {
    let region = region(&["a", "b", "c"]).await;
    let a = &region[0];
    let green = |names: &[&str]| Options { tlp: Some(stix::TlpLevel::Green), ..to(names) };
    bring(a, 1..2, green(&["b", "c"])).await;
    round(&region).await;
    let holders = async || a.node().holders(&a.who, ONE).await.unwrap();
    assert_eq!(holders().await.iter().filter(|holder| holder.receipt == "valid").count(), 2);
    for seat in &region.0 {
        seat.bench.clock.advance(Micros::SECOND);
    }
    a.node().recall(&a.who, ONE, "").await.unwrap();
    round(&region).await;
    assert_eq!(holders().await, []);
    let reader = a.bench.user("reader", Role::Reader).await;
    let never = a.node().holders(&reader, "indicator--00000000-0000-4000-8000-000000000099").await;
    let gone = a.node().holders(&reader, ONE).await;
    assert_eq!(format!("{gone:?}"), format!("{never:?}"));
    for seat in &region.0 {
        seat.bench.clock.advance(Micros::SECOND);
    }
    bring(a, 1..2, green(&["b"])).await;
    round(&region).await;
    assert!(has(&region[1], ONE).await && !has(&region[2], ONE).await);
    assert_eq!(holders().await.len(), 1);
    a.node()
        .narrow(&a.who, ONE, Options { pap: Some(handling::Pap::Red), ..Options::default() })
        .await
        .unwrap();
    round(&region).await;
    assert!(has(&region[1], ONE).await && !has(&region[2], ONE).await);
}

/// Erased is erased, also what nobody else ever had.
#[tokio::test]
async fn erasure_takes_every_version() {
    let region = region(&["a", "b"]).await;
    let a = &region[0];
    bring(a, 1..2, Options::default()).await;
    bring_later(a, 1, to(&["b"])).await;
    round(&region).await;
    assert!(has(&region[1], ONE).await);
    a.node().erase(&a.who, ONE, "").await.unwrap();
    round(&region).await;
    assert!(!has(a, ONE).await && !has(&region[1], ONE).await);
    for seat in &region.0 {
        let found = seat.node().look_up(&seat.who, &["http://1.example/"], Detail::Brief).await.unwrap();
        assert!(found.into_inner()[0].matches.is_empty());
    }
    assert!(share(a, ONE, "b").await.is_err());
}

/// What nobody was ever given can be erased; a recall says that there is nothing to call back, and what of it goes on standing.
#[tokio::test]
async fn what_was_never_given_is_erased_and_a_recall_tells_the_truth_about_it() {
    let region = region(&["a", "b"]).await;
    let a = &region[0];
    bring(a, 1..3, Options::default()).await;
    let refused = a.node().recall(&a.who, ONE, "").await.unwrap_err();
    assert_eq!(refused.code(), "never-given");
    assert!(has(a, ONE).await);
    let before = leaves(a).await;
    let erased = a.node().erase(&a.who, ONE, "a person's data").await.unwrap();
    assert_eq!((erased.leaf, erased.receipts.len(), erased.kept.len()), (before, 0, 0));
    assert!(!has(a, ONE).await);
    assert_eq!(a.node().erase(&a.who, ONE, "").await.unwrap(), erased, "said again, nothing more is done");
    // Of the other a later version is given: the first one stays where it is called back.
    let two = ONE.replace("000000000001", "000000000002");
    bring_later(a, 2, to(&["b"])).await;
    round(&region).await;
    assert!(has(&region[1], &two).await);
    let recalled = a.node().recall(&a.who, &two, "").await.unwrap();
    assert_eq!((recalled.receipts.len(), recalled.kept.len()), (1, 1), "{recalled:?}");
    assert!(recalled.kept[0].starts_with("2025-01-01"), "{recalled:?}");
    assert!(a.node().erase(&a.who, &two, "").await.unwrap().kept.is_empty());
    assert!(!has(a, &two).await);
    // What is another's is not this member's to erase.
    bring(&region[1], 5..6, to(&["a"])).await;
    round(&region).await;
    let others = ONE.replace("000000000001", "000000000005");
    assert!(has(a, &others).await && a.node().erase(&a.who, &others, "").await.is_err());
}

/// (e) What is urgent goes before objects of four batches that wait.
#[tokio::test]
async fn flash_overtakes_what_waits() {
    let region = region(&["a", "b"]).await;
    let (a, b) = (&region[0], &region[1]);
    bring(a, 10..10 + WAITING, to(&["b"])).await;
    let id = b.id().await;
    let first = a.node().turn_first(id).await.unwrap();
    let answer = b.node().turn_answer(&first).await.unwrap();
    let next = a.node().turn_take(id, &answer).await.unwrap().next.unwrap();
    let answer = b.node().turn_answer(&next).await.unwrap();
    // In the middle of a meeting, something urgent comes in.
    bring(a, 1..2, Options { urgency: Urgency::Flash, ..to(&["b"]) }).await;
    let next = a.node().turn_take(id, &answer).await.unwrap().next.unwrap();
    assert!(!has(b, ONE).await);
    let started = std::time::Instant::now();
    b.node().turn_answer(&next).await.unwrap();
    eprintln!("the turn with the urgent object took {:?}", started.elapsed());
    assert!(has(b, ONE).await && peer(a, "b").await.lag_out > Some(100), "it came with the very next turn");
    meet(a, b).await;
    meet(a, b).await;
    let ours = peer(a, "b").await;
    assert_eq!((ours.lag_out, ours.gaps), (Some(0), 0));
    assert!(has(b, "indicator--00000000-0000-4000-8000-000000004009").await);
}

/// (e2) A turn may follow before the one before it has been answered: each object comes once, and what comes too early comes again.
#[tokio::test]
async fn a_turn_may_follow_before_the_answer() {
    let region = region(&["a", "b"]).await;
    let (a, b) = (&region[0], &region[1]);
    // In a first meeting each learns what the other speaks.
    meet(a, b).await;
    bring(a, 10..10 + WAITING, to(&["b"])).await;
    let id = b.id().await;
    let first = a.node().turn_first(id).await.unwrap();
    let second = a.node().turn_ahead(id).await.unwrap().expect("more waits than one batch takes");
    assert_eq!(a.node().turn_ahead(id).await.unwrap(), None, "no more than two batches are on their way");
    let answers = [b.node().turn_answer(&first).await.unwrap(), b.node().turn_answer(&second).await.unwrap()];
    a.node().turn_heard(id, &answers[0]).await.unwrap();
    assert_eq!(peer(a, "b").await.lag_out, Some(u64::from(WAITING) - BATCH));
    let third = a.node().turn_ahead(id).await.unwrap().expect("there is room for a third");
    // The third is overtaken by what nobody waits for: B takes nothing of a batch that is not next, and says so.
    a.node().turn_heard(id, &answers[1]).await.unwrap();
    assert_eq!(peer(a, "b").await.lag_out, Some(u64::from(WAITING) - 2 * BATCH));
    let fourth = a.node().turn_ahead(id).await.unwrap().expect("and for a fourth");
    let early = b.node().turn_answer(&fourth).await.unwrap();
    assert!(!has(b, "indicator--00000000-0000-4000-8000-000000003500").await);
    let answer = b.node().turn_answer(&third).await.unwrap();
    a.node().turn_heard(id, &early).await.unwrap();
    let next = a.node().turn_take(id, &answer).await.unwrap().next.expect("what came too early goes again");
    let answer = b.node().turn_answer(&next).await.unwrap();
    a.node().turn_take(id, &answer).await.unwrap();
    meet(a, b).await;
    let ours = peer(a, "b").await;
    assert_eq!((ours.lag_out, ours.gaps, peer(b, "a").await.gaps), (Some(0), 0, 0));
    for last in ["000000000010", "000000003500", "000000004009"] {
        assert!(has(b, &format!("indicator--00000000-0000-4000-8000-{last}")).await);
    }
    // Nothing waits, and nothing follows.
    let first = a.node().turn_first(id).await.unwrap();
    assert_eq!(a.node().turn_ahead(id).await.unwrap(), None);
    b.node().turn_answer(&first).await.unwrap();
}

/// (e3) What is refused of an answer that a further turn has followed is told all the same, and told again where the telling was lost.
#[tokio::test]
async fn a_refusal_is_told_whatever_overtakes_it() {
    for lost in [false, true] {
        let region = region(&["a", "b"]).await;
        let (a, b) = (&region[0], &region[1]);
        meet(a, b).await;
        bring(a, 10..10 + WAITING, to(&["b"])).await;
        let soon = crate::START.plus(3_600 * Micros::SECOND);
        bring(b, 1..2, Options { retain_until: Some(soon), ..to(&["a"]) }).await;
        let leaf = leaves(b).await - 1;
        // By A's clock its time is over.
        a.bench.clock.set(soon.plus(Micros::SECOND));
        let id = b.id().await;
        let first = a.node().turn_first(id).await.unwrap();
        let mut turn = a.node().turn_ahead(id).await.unwrap().expect("more waits than one batch takes");
        let answer = b.node().turn_answer(&first).await.unwrap();
        a.node().turn_heard(id, &answer).await.unwrap();
        assert!(peer(a, "b").await.refusals[0].rule.starts_with("handling/"));
        loop {
            let answer = b.node().turn_answer(&turn).await.unwrap();
            let Some(next) = a.node().turn_take(id, &answer).await.unwrap().next else { break };
            if lost {
                break;
            }
            turn = next;
        }
        let receipt = async || b.node().receipts(leaf).await.unwrap()[0].status;
        if lost {
            assert_eq!(receipt().await, "pending");
            meet(a, b).await;
        }
        assert_eq!(receipt().await, "refused", "lost: {lost}");
        let told = async || peer(b, "a").await.refusals.len();
        assert_eq!(told().await, 1);
        meet(a, b).await;
        meet(b, a).await;
        assert_eq!(told().await, 1, "once it has come it is not told again");
    }
}

/// (e4) A ledger of which more is new than is told at once comes in parts, within one meeting, whoever begins it.
#[tokio::test]
async fn a_ledger_far_ahead_comes_in_parts_within_one_meeting() {
    for a_begins in [true, false] {
        let mut region = region(&["a", "b"]).await;
        for seat in &mut region.0 {
            seat.bench.reopened(node::Settings { head_leaves_max: 7, ..node::Settings::default() }).await;
        }
        let (a, b) = (&region[0], &region[1]);
        bring(a, 1..31, to(&["b"])).await;
        let turns = if a_begins { meet(a, b).await } else { meet(b, a).await };
        assert!(turns > 60 / 7, "{turns} turns for 60 leaves");
        assert!(has(b, ONE).await && has(b, "indicator--00000000-0000-4000-8000-000000000030").await);
        assert_eq!(peer(b, "a").await.last_head, Some(leaves(a).await));
        let refusals = peer(b, "a").await.refusals;
        assert!(refusals.is_empty(), "{refusals:?}");
        // What the other does not take is not told for ever.
        let turn = a.node().turn_first(b.id().await).await.unwrap();
        bring(a, 40..60, to(&["b"])).await;
        let answer = b.node().turn_answer(&turn).await.unwrap();
        let mut next = a.node().turn_take(b.id().await, &answer).await.unwrap().next;
        for said in 0..4 {
            next = match next {
                Some(_) => a.node().turn_take(b.id().await, &answer).await.unwrap().next,
                None => break,
            };
            assert!(said < 3, "the same answer again and again is followed for ever");
        }
    }
}

/// (f) Gaps are those that are there now.
#[tokio::test]
async fn gaps_are_shown_while_they_are_there() {
    let region = region(&["a", "b"]).await;
    let (a, b) = (&region[0], &region[1]);
    bring(a, 1..2, to(&["b"])).await;
    bring(a, 2..5, to(&["b"])).await;
    let turn = a.node().turn_first(b.id().await).await.unwrap();
    let whole = federation::Turn::from_bytes(&turn).unwrap();
    assert_eq!(whole.batch.len(), 4);
    let torn = federation::Turn { batch: whole.batch[2..].to_vec(), ..whole };
    b.node().turn_answer(&torn.to_bytes()).await.unwrap();
    assert_eq!(peer(b, "a").await.gaps, 2);
    assert!(!has(b, "indicator--00000000-0000-4000-8000-000000000004").await);
    meet(a, b).await;
    assert_eq!(peer(b, "a").await.gaps, 0);
    assert!(has(b, "indicator--00000000-0000-4000-8000-000000000004").await);
}

/// (g) Two nodes that begin at once give everything once; one that hears nothing of its own meeting keeps nothing back.
#[tokio::test]
async fn two_that_begin_at_once_give_everything_once() {
    let region = region(&["a", "b"]).await;
    round(&region).await;
    let (a, b) = (&region[0], &region[1]);
    let had = (leaves(a).await, leaves(b).await);
    bring(a, 1..4, to(&["b"])).await;
    bring(b, 10..14, to(&["a"])).await;
    let (ia, ib) = (a.id().await, b.id().await);
    a.node().meeting(ib, Meeting::Begins);
    b.node().meeting(ia, Meeting::Begins);
    let (from_a, from_b) = (a.node().turn_first(ib).await.unwrap(), b.node().turn_first(ia).await.unwrap());
    let answers =
        [b.node().turn_answer(&from_a).await.unwrap(), a.node().turn_answer(&from_b).await.unwrap()];
    let sizes = answers.each_ref().map(|answer| federation::Turn::from_bytes(answer).unwrap().batch.len());
    assert_eq!(sizes, [0, 0], "what is for the other goes in the meeting that it was begun for");
    a.node().turn_take(ib, &answers[0]).await.unwrap();
    b.node().turn_take(ia, &answers[1]).await.unwrap();
    a.node().meeting(ib, Meeting::Ends);
    b.node().meeting(ia, Meeting::Ends);
    for _ in 0..2 {
        meet(a, b).await;
    }
    let more = (leaves(a).await - had.0, leaves(b).await - had.1);
    assert_eq!(more, (3 + 3 + 1, 4 + 4 + 1), "objects, acts, and one receipt");
    // B cannot reach A: its meeting hangs. A begins one, and is given what is for it.
    b.node().meeting(ia, Meeting::Begins);
    bring(b, 20..21, to(&["a"])).await;
    for seat in [a, b] {
        seat.bench.clock.advance(6 * Micros::SECOND);
    }
    meet(a, b).await;
    assert!(has(a, "indicator--00000000-0000-4000-8000-000000000020").await);
}

/// Whose turn it is not, what was said before, and what is no turn changes nothing.
#[tokio::test]
async fn hostile_turns_change_nothing() {
    let region = region(&["a", "b", "c"]).await;
    let (a, b, c) = (&region[0], &region[1], &region[2]);
    bring(a, 1..4, to(&["b"])).await;
    let turn = a.node().turn_first(b.id().await).await.unwrap();
    let state = async |seat: &Seat| {
        let state = seat.node().shared_state().await.unwrap().unwrap();
        let rows = seat.bench.store.figures(None).await.unwrap();
        (state.state_hash, state.leaves, rows.objects, seat.node().peers(&seat.who).await.unwrap())
    };
    let stranger = Seat::new(9).await;
    assert!(stranger.node().turn_answer(&turn).await.is_err(), "in no community");
    let before = state(c).await;
    assert!(matches!(c.node().turn_answer(&turn).await, Err(ExchangeError::Message(_))), "for another");
    assert!(matches!(c.node().turn_speaker(&turn).await, Err(ExchangeError::Message(_))));
    assert_eq!(state(c).await, before);
    let before = state(b).await;
    let mut forged = federation::Turn::from_bytes(&turn).unwrap();
    let key = base::signing::SigningKey::generate(&base::SeededRng::new(5));
    forged.hello =
        base::signed::Signed::sign(federation::HELLO_TYPE, forged.hello.unverified_payload().to_vec(), &key)
            .unwrap();
    let mut hostile = vec![forged.to_bytes(), Vec::new(), b"CRT1".to_vec(), vec![0xFF; 4_096]];
    hostile.extend((1..64).map(|part| turn[..turn.len() * part / 64].to_vec()));
    for bytes in &hostile {
        let refused = b.node().turn_answer(bytes).await;
        assert!(matches!(refused, Err(ExchangeError::Message(_))), "{} bytes: {refused:?}", bytes.len());
    }
    assert!(b.node().turn_speaker(&hostile[0]).await.is_err());
    assert_eq!(b.node().turn_speaker(&turn[..9]).await.unwrap(), None);
    assert_eq!(b.node().turn_speaker(&turn).await.unwrap(), Some(a.id().await));
    assert_eq!(state(b).await, before);
    // A changed byte anywhere is refused, or what was changed is.
    for at in (0..turn.len()).step_by(turn.len() / 200) {
        let mut changed = turn.clone();
        changed[at] ^= 0x20;
        let _ = b.node().turn_answer(&changed).await;
    }
    assert!(!has(b, "indicator--00000000-0000-4000-8000-000000000009").await);
    let answers = [b.node().turn_answer(&turn).await.unwrap(), b.node().turn_answer(&turn).await.unwrap()];
    assert!(answers.iter().all(|answer| federation::Turn::from_bytes(answer).is_ok()));
    let once = state(b).await;
    b.node().turn_answer(&turn).await.unwrap();
    assert_eq!(state(b).await, once, "the same again does no more than once");
    round(&region).await;
    for number in 1..4 {
        assert!(has(b, &ONE.replace("000000000001", &format!("{number:012}"))).await);
    }
    assert_eq!(b.node().shared_state().await.unwrap().unwrap().objects, 3);
}

/// What C receives and is told is the same whether or not A gives something to B: lengths of heads apart, as documented.
#[tokio::test]
async fn who_is_not_meant_is_told_nothing() {
    let mut told = Vec::new();
    for secret in [false, true] {
        let region = region(&["a", "b", "c"]).await;
        let (a, b, c) = (&region[0], &region[1], &region[2]);
        bring(a, 1..2, to(&["b", "c"])).await;
        round(&region).await;
        if secret {
            bring(a, 50..51, Options { urgency: Urgency::Flash, ..to(&["b"]) }).await;
        }
        bring(a, 2..3, to(&["c"])).await;
        round(&region).await;
        if secret {
            let id = "indicator--00000000-0000-4000-8000-000000000050";
            assert!(has(b, id).await && !has(c, id).await);
            a.node().recall(&a.who, id, "").await.unwrap();
            round(&region).await;
            assert!(!has(b, id).await);
            nothing_left(b, id).await;
        } else {
            round(&region).await;
        }
        nothing_left(c, "indicator--00000000-0000-4000-8000-000000000050").await;
        bring(a, 3..4, to(&["c"])).await;
        let id = c.id().await;
        let turn = federation::Turn::from_bytes(&a.node().turn_first(id).await.unwrap()).unwrap();
        let sizes: Vec<usize> = turn.batch.iter().map(|sealed| sealed.as_bytes().len() / 512).collect();
        let origins: Vec<_> = turn.heads.iter().map(|head| head.origin).collect();
        round(&region).await;
        let mut peers = c.node().peers(&c.who).await.unwrap();
        // How long ledgers are is told to everybody.
        peers.iter_mut().for_each(|peer| peer.last_head = None);
        let state = c.node().shared_state().await.unwrap().unwrap();
        let figures = c.bench.store.figures(None).await.unwrap();
        let all = PageRequest { limit: 100, ..PageRequest::default() };
        let seen = async |who: &Principal| {
            let query = SearchQuery { text: "indicator".into(), limit: 50, ..SearchQuery::default() };
            let found = c.node().search(who, query).await.unwrap().into_inner();
            format!("{found:?}")
        };
        told.push((
            (sizes, origins, peers),
            (state.objects, state.leaves, figures.objects, figures.versions, figures.by_type),
            seen(&c.who).await,
            format!("{:?}", c.node().page(&c.who, "inbox", &all).await.unwrap().into_inner()),
            format!("{:?}", c.node().manifest(&c.who, "inbox", &all).await.unwrap().into_inner()),
        ));
    }
    assert_eq!(told[0], told[1]);
}

/// No trace of an object in anything that this node can be asked.
async fn nothing_left(seat: &Seat, id: &str) {
    let (node, who) = (seat.node(), &seat.who);
    assert!(!has(seat, id).await);
    let known = node.look_up(who, &["http://50.example/"], Detail::Brief).await.unwrap().into_inner();
    assert!(known[0].matches.is_empty());
    let query = SearchQuery { text: "50".into(), limit: 50, ..SearchQuery::default() };
    let found = format!("{:?}", node.search(who, query).await.unwrap().into_inner());
    assert!(!found.contains(id), "{found}");
    assert!(node.history(who, id).await.is_err());
    let all = PageRequest { limit: 100, ..PageRequest::default() };
    let page = node.page(who, "inbox", &all).await.unwrap().into_inner();
    assert!(!String::from_utf8_lossy(&page.objects).contains(id));
    let manifest = node.manifest(who, "inbox", &all).await.unwrap().into_inner();
    assert!(manifest.rows.iter().all(|row| row.id != id));
    let versions = node.versions(who, "inbox", id, &all).await;
    assert!(versions.is_err(), "{versions:?}");
    for direction in [Direction::Inward, Direction::Outward] {
        let (edges, _) = node.edges(who, id, direction, (100, None)).await.unwrap().into_inner();
        assert!(edges.is_empty());
    }
    let counted = seat.bench.store.figures(None).await.unwrap();
    assert_eq!(counted.objects, page.count as u64, "{counted:?}");
}

/// The node that a copy of another's directory becomes: put back without anybody being told.
pub(crate) async fn put_back(seat: &Seat) -> Seat {
    let directory = tempfile::tempdir().unwrap();
    for file in std::fs::read_dir(seat.bench._directory.path()).unwrap() {
        let file = file.unwrap();
        if file.file_name() != "cresset.lock" {
            std::fs::copy(file.path(), directory.path().join(file.file_name())).unwrap();
        }
    }
    let clock = Arc::new(FixedClock::at(START));
    let rng = Arc::new(SeededRng::new(78));
    let store = SqliteStore::open(directory.path(), clock.clone(), rng.as_ref()).unwrap();
    let settings = Settings { password_cost: PasswordCost::Least, ..Settings::default() };
    let node = Node::open(store.clone(), clock.clone(), rng, settings);
    let bench = Bench { node, clock, store, _directory: directory };
    bench.node.keep_ledger().await.unwrap();
    Seat { bench, who: seat.who.clone() }
}

/// Whether a node wants to meet the others now, all earlier wishes forgotten.
async fn wants_to_meet(seat: &Seat) -> bool {
    tokio::time::timeout(std::time::Duration::from_millis(50), seat.node().exchange_waiting()).await.is_ok()
}

#[tokio::test]
async fn acts_of_a_ledger_that_forked_are_not_said_without_end() {
    let region = region(&["a", "b"]).await;
    let b = &region[1];
    bring(&region[0], 1..2, to(&["b"])).await;
    round(&region).await;
    let a = put_back(&region[0]).await;
    bring(&region[0], 2..3, to(&["b"])).await;
    round(&region).await;
    // It signs before it meets anybody.
    bring(&a, 3..6, to(&["b"])).await;
    for (one, other) in [(&a, b), (b, &a), (&a, b)] {
        let turns = meet(one, other).await;
        assert!(turns <= 3, "{turns}");
    }
    assert!(
        !has(b, "indicator--00000000-0000-4000-8000-000000000003").await,
        "no head of its ledger covers it"
    );
    let evidence = peer(b, "a").await.evidence;
    assert!(evidence >= 1);
    let files = b.node().evidence(&b.who, "a").await.unwrap();
    assert_eq!(files.len() as u64, evidence);
    let split = files.iter().any(|file| {
        ledger::evidence::Evidence::parse(file.as_bytes()).is_ok_and(|file| file.verify().is_ok())
    });
    assert!(split, "{files:?}");
    let told = b.node().doctor(&b.who, node::Depth::Quick).await.unwrap();
    let heads = told.iter().find(|check| check.name == "heads").unwrap();
    assert!(!heads.ok && heads.detail.contains("cresset peer evidence a"), "{heads:?}");
    while wants_to_meet(b).await || wants_to_meet(&a).await {}
    for number in 10..30 {
        bring(&a, number..number + 1, to(&["b"])).await;
        meet(&a, b).await;
        meet(b, &a).await;
    }
    assert!(!wants_to_meet(b).await, "nothing came that was not there");
    let evidence = peer(b, "a").await.evidence;
    assert!(evidence <= EVIDENCE_OF_ONE_MAX, "{evidence}");
}
