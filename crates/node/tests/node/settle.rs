//! Marking definitions that come after what bears them: each version is settled by the definitions that it awaits, whoever sends
//! these, and no other.

use base::Micros;
use bytes::Bytes;
use node::{AcceptRequest, KeepStatus, Options};
use stix::TlpLevel;
use store::Objects;

use crate::community::Seat;
use crate::exchange::{has, region, round, to};
use crate::peers::Region;
use crate::{START, indicator};

const ONE: &str = "indicator--00000000-0000-4000-8000-000000000001";

fn definition_id(no: u8) -> String {
    format!("marking-definition--00000000-0000-4000-8000-0000000000{no:02x}")
}

/// A marking definition with a number that says this.
fn definition(no: u8, statement: &str) -> String {
    let id = definition_id(no);
    format!(
        r#"{{"type":"marking-definition","spec_version":"2.1","id":"{id}","created":"2022-10-01T00:00:00.000Z","definition_type":"statement","definition":{{"statement":"{statement}"}}}}"#
    )
}

/// The indicator as of a month, bearing the marking definitions with these numbers.
fn version(month: u8, bears: &[u8]) -> String {
    let refs: Vec<String> = bears.iter().map(|no| format!("\"{}\"", definition_id(*no))).collect();
    let extra = match refs.as_slice() {
        [] => String::new(),
        refs => format!(r#","object_marking_refs":[{}]"#, refs.join(",")),
    };
    indicator(1, &format!("[url:value = 'http://{month}.example/']"), &extra)
        .replace("\"modified\":\"2025-01-", &format!("\"modified\":\"2025-{month:02}-"))
}

async fn bring(seat: &Seat, object: String, options: Options) {
    let objects = vec![Bytes::from(object)];
    let request = AcceptRequest { collection: "inbox", objects, options, status: KeepStatus::No };
    let accepted = seat.node().accept(&seat.who, request).await.unwrap();
    assert!(matches!(accepted.receipts[0].code, None | Some("embargo")), "{:?}", accepted.receipts);
}

fn clear() -> Options {
    Options { tlp: Some(TlpLevel::Clear), ..Options::default() }
}

/// Everybody looks at what waits, and meets everybody.
async fn pass(region: &Region, minutes: i64) {
    for seat in &region.0 {
        seat.bench.clock.set(START.plus(minutes * 60 * Micros::SECOND));
        seat.node().give_later().await.unwrap();
    }
    round(region).await;
}

/// The versions that a member's people see, oldest first.
async fn versions(seat: &Seat) -> Vec<String> {
    let history = seat.node().history(&seat.who, ONE).await;
    let rows = history.map(|history| history.into_inner()).unwrap_or_default();
    rows.into_iter().map(|row| row.version[..7].to_owned()).collect()
}

#[tokio::test]
async fn a_later_version_waits_for_what_the_earlier_one_bears_and_goes_with_it() {
    let region = region(&["a", "b"]).await;
    let (a, b) = (&region[0], &region[1]);
    bring(a, version(1, &[1]), to(&["b"])).await;
    bring(a, version(2, &[]), to(&["b"])).await;
    pass(&region, 1).await;
    assert!(!has(b, ONE).await);
    bring(a, definition(1, "PAP:AMBER"), clear()).await;
    pass(&region, 2).await;
    assert_eq!(versions(b).await, ["2025-01", "2025-02"]);
    let held = b.node().object(&b.who, ONE, None).await.unwrap().into_inner();
    let handling = b.node().handling_of(held.tlp, &held.places).await.unwrap();
    assert_eq!(
        (handling.pap, handling.marking_awaited),
        ("amber", false),
        "what is settled is inherited, too"
    );
}

/// Also where nothing bears it any more that stands here.
#[tokio::test]
async fn what_is_inherited_is_awaited_when_the_earlier_version_is_gone() {
    let region = region(&["a", "b"]).await;
    let (a, b) = (&region[0], &region[1]);
    bring(a, version(1, &[1]), to(&["b"])).await;
    bring(a, version(2, &[]), to(&["b"])).await;
    let first = store::Filter { versions: vec![store::VersionPick::First], ..store::Filter::default() };
    assert_eq!(a.node().delete(&a.who, "inbox", ONE, &first).await.unwrap().versions, 1);
    pass(&region, 1).await;
    assert_eq!(versions(b).await, [""; 0]);
    bring(a, definition(1, "PAP:AMBER"), clear()).await;
    pass(&region, 2).await;
    assert_eq!(versions(b).await, ["2025-02"]);
}

#[tokio::test]
async fn each_version_awaits_what_it_bears() {
    let region = region(&["a", "b"]).await;
    let (a, b) = (&region[0], &region[1]);
    bring(a, version(1, &[1]), to(&["b"])).await;
    bring(a, version(2, &[2]), to(&["b"])).await;
    bring(a, definition(2, "Copyright"), clear()).await;
    pass(&region, 1).await;
    assert_eq!(
        versions(b).await,
        [""; 0],
        "the second awaits what the first bears, and the first that alone"
    );
    bring(a, definition(1, "Copyright"), clear()).await;
    pass(&region, 2).await;
    assert_eq!(versions(b).await, ["2025-01", "2025-02"]);
}

/// It is told by which definition something waits, so that somebody can fetch it.
#[tokio::test]
async fn what_is_awaited_is_told_by_name() {
    let region = region(&["a", "b"]).await;
    let a = &region[0];
    bring(a, version(1, &[1, 2]), to(&["b"])).await;
    let awaited = async || {
        let held = a.node().object(&a.who, ONE, None).await.unwrap().into_inner();
        a.node().handling_of(held.tlp, &held.places).await.unwrap().awaits
    };
    assert_eq!(awaited().await, [definition_id(1), definition_id(2)]);
    bring(a, definition(1, "Copyright"), clear()).await;
    assert_eq!(awaited().await, [definition_id(2)]);
}

#[tokio::test]
async fn a_definition_that_a_member_sends_settles_what_awaits_it() {
    let region = region(&["a", "b", "c"]).await;
    let (a, b, c) = (&region[0], &region[1], &region[2]);
    bring(a, version(1, &[1]), to(&["b"])).await;
    pass(&region, 1).await;
    bring(c, definition(1, "ДСП"), to(&["a"])).await;
    pass(&region, 2).await;
    pass(&region, 3).await;
    assert!(has(b, ONE).await);
    let held = a.node().object(&a.who, ONE, None).await.unwrap().into_inner();
    let handling = a.node().handling_of(held.tlp, &held.places).await.unwrap();
    assert_eq!((handling.tlp, handling.marking_awaited), (Some("amber+strict"), false));
}

/// A definition means what the first one says that came under its identifier, in whichever order objects and others come.
#[tokio::test]
async fn the_first_definition_under_an_identifier_is_the_one_that_counts() {
    let region = region(&["a", "b", "c"]).await;
    let (a, b, c) = (&region[0], &region[1], &region[2]);
    bring(a, version(1, &[1]), to(&["b"])).await;
    bring(c, definition(1, "secret"), to(&["a"])).await;
    pass(&region, 1).await;
    // B would have what awaits it.
    bring(b, definition(1, "Copyright"), to(&["a"])).await;
    pass(&region, 2).await;
    pass(&region, 3).await;
    assert!(!has(b, ONE).await, "the first says that it is secret");
    // This member's people take that one away, and say themselves what it means.
    a.node().delete(&a.who, "inbox", &definition_id(1), &store::Filter::default()).await.unwrap();
    bring(a, definition(1, "PAP:AMBER"), clear()).await;
    pass(&region, 4).await;
    pass(&region, 5).await;
    assert!(has(b, ONE).await);
}

/// What is handled how, in whichever order a definition and what bears it come: also the digest that members compare.
#[tokio::test]
async fn a_definition_that_comes_later_leaves_what_it_would_have_left() {
    let green = || Options { tlp: Some(TlpLevel::Green), ..Options::default() };
    for (statement, bears, levels) in [
        ("Copyright", &[1][..], [None, Some("green")]),
        ("Copyright", &[], [None, Some("green")]),
        ("ДСП", &[1], [Some("amber+strict"); 2]),
        ("ДСП", &[], [Some("amber+strict"); 2]),
    ] {
        let mut hashes = Vec::new();
        for place in 0..3 {
            let region = region(&["a"]).await;
            let a = &region[0];
            for step in 0..3 {
                if step == place {
                    bring(a, definition(1, statement), clear()).await;
                }
                match step {
                    0 => bring(a, version(1, &[1]), Options::default()).await,
                    1 => {
                        let bytes = vec![Bytes::from(version(2, bears))];
                        let request = AcceptRequest {
                            collection: "inbox",
                            objects: bytes,
                            options: green(),
                            status: KeepStatus::No,
                        };
                        a.node().accept(&a.who, request).await.unwrap();
                    }
                    _ => (),
                }
            }
            for (month, level) in ["2025-01", "2025-02"].into_iter().zip(levels) {
                let rows = a.node().history(&a.who, ONE).await.unwrap().into_inner();
                let row = rows.iter().find(|row| row.version.starts_with(month)).unwrap();
                let held = a.node().object(&a.who, ONE, Some(&row.version)).await.unwrap().into_inner();
                let handling = a.node().handling_of(held.tlp, &held.places).await.unwrap();
                assert_eq!(
                    (handling.tlp, handling.marking_awaited),
                    (level, false),
                    "{statement} {bears:?}: {month} where the definition came at {place}"
                );
            }
            hashes.push(store::Upkeep::state_hash(&*a.bench.store).await.unwrap());
        }
        assert!(hashes.iter().all(|hash| *hash == hashes[0]), "{statement} {bears:?}");
    }
}

/// What is awaited in one collection is not awaited in another where its definition comes along, and nobody is told that it is handled more
/// strictly there; what was asked of it holds all the same.
#[tokio::test]
async fn what_comes_along_is_not_awaited_since_it_is_elsewhere() {
    for asked in [None, Some(handling::Pap::Red)] {
        let (bench, _) = crate::Bench::new().await;
        bench.collection("other", vec![("user:root", crate::RW)]).await;
        let who = bench.operator().await;
        let put = async |collection: &str, objects: Vec<String>, pap: Option<handling::Pap>| {
            let objects = objects.into_iter().map(Bytes::from).collect();
            let options = Options { pap, ..Options::default() };
            let request = AcceptRequest { collection, objects, options, status: KeepStatus::No };
            bench.node.accept(&who, request).await.unwrap().receipts.pop().unwrap()
        };
        put("inbox", vec![version(1, &[1, 2])], asked).await;
        let along = vec![definition(1, "x"), definition(2, "y"), version(1, &[1, 2])];
        let told = put("other", along, None).await;
        assert_eq!(told.handling, asked.map(|_| node::Handled::Inherited), "{told:?}");
        let held = bench.node.object(&who, ONE, None).await.unwrap().into_inner();
        let rules = held.places.iter().map(|place| {
            let rules = place.rules.as_ref();
            let awaited = rules.map_or(0, |rules| rules.markings().awaited().count());
            (awaited, rules.map_or(handling::Pap::Clear, handling::Rules::pap))
        });
        let asked = asked.unwrap_or(handling::Pap::Clear);
        assert_eq!(rules.collect::<Vec<_>>(), [(2, asked), (0, asked)], "{:?}", held.places);
        // What it does not bear itself it goes on awaiting.
        let told = put("other", vec![version(2, &[1])], None).await;
        assert_eq!(told.handling, Some(node::Handled::Inherited), "{told:?}");
    }
}

/// Two definitions that are awaited: what the one asks is asked, though the other asks nothing.
#[tokio::test]
async fn what_one_of_two_definitions_asks_is_kept_when_the_other_comes() {
    for order in [[1, 2], [2, 1]] {
        let region = region(&["a"]).await;
        let a = &region[0];
        bring(a, version(1, &[1, 2]), Options::default()).await;
        for no in order {
            let statement = if no == 1 { "ДСП" } else { "Copyright" };
            bring(a, definition(no, statement), clear()).await;
        }
        let objects = vec![Bytes::from(version(2, &[]))];
        let options = Options { tlp: Some(TlpLevel::Green), ..Options::default() };
        let request = AcceptRequest { collection: "inbox", objects, options, status: KeepStatus::No };
        let receipts = a.node().accept(&a.who, request).await.unwrap().receipts;
        assert_eq!(receipts[0].handling, Some(node::Handled::Inherited), "{order:?} {receipts:?}");
    }
}

/// A process that ends between the commit of a definition and what follows it finds that again, and so does what came at one moment.
#[tokio::test]
async fn what_has_come_is_found_again_by_the_next_look() {
    let mut region = region(&["a", "b"]).await;
    bring(&region[0], version(1, &[1]), to(&["b"])).await;
    let bytes = Bytes::from(definition(1, "Copyright"));
    let valid = stix::examine(&bytes, stix::Profile::Store).unwrap();
    let a = &region[0];
    let inbox = a.who.access.keys().next().copied().unwrap();
    let writer = handling::may_write(&a.who, inbox, &handling::Standing::at(START)).unwrap();
    let mut entry = store::Entry::from_valid(&valid, bytes.clone());
    entry.facts.tlp = Some(TlpLevel::Clear.number());
    let batch = store::Batch { writer, at: START, entries: vec![entry], status: None };
    a.bench.store.add(batch).await.unwrap();
    region.0[0].bench.reopened(node::Settings::default()).await;
    pass(&region, 1).await;
    assert!(has(&region[1], ONE).await);
}

/// Who brings a definition need not see what awaits it: that is for everybody who may read the collection.
#[tokio::test]
async fn what_is_hidden_from_who_brings_the_definition_is_settled_as_well() {
    let region = region(&["a", "b"]).await;
    let (a, b) = (&region[0], &region[1]);
    let over = START.plus(3_600 * Micros::SECOND);
    let embargoed = Options { embargo_until: Some(over), ..to(&["b"]) };
    bring(a, version(1, &[1]), embargoed).await;
    a.bench.user("ann", handling::Role::Analyst).await;
    let ann = a.bench.principal("ann").await;
    let objects = vec![Bytes::from(definition(1, "Copyright"))];
    let request = AcceptRequest { collection: "inbox", objects, options: clear(), status: KeepStatus::No };
    assert!(a.node().object(&ann, ONE, None).await.is_err());
    a.node().accept(&ann, request).await.unwrap();
    pass(&region, 61).await;
    assert!(has(b, ONE).await);
}
