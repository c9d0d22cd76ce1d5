//! Handling through the node: what is stated is kept, shown, explained and enforced, by one decision.

use std::sync::Arc;

use base::{Micros, Rng, SeededRng};
use bytes::Bytes;
use handling::{Access, Action, Principal, Role};
use node::{AcceptError, AcceptRequest, KeepStatus, Node, Options, SimulateRequest, WhyError};
use stix::TlpLevel;

use crate::{Bench, R, RW, START};

fn indicator(number: u64, more: &str) -> String {
    format!(
        r#"{{"type":"indicator","spec_version":"2.1","id":"{}","created":"2024-01-01T00:00:00.000Z","modified":"2024-01-01T00:00:00.000Z","name":"n","pattern":"[url:value = 'http://{number}.example/']","pattern_type":"stix","valid_from":"2024-01-01T00:00:00Z"{more}}}"#,
        id(number)
    )
}

fn id(number: u64) -> String {
    format!("indicator--00000000-0000-4000-8000-{number:012x}")
}

async fn bring(node: &Node, who: &Principal, number: u64, options: Options) {
    let objects = vec![Bytes::from(indicator(number, ""))];
    let request = AcceptRequest { collection: "inbox", objects, options, status: KeepStatus::No };
    let accepted = node.accept(who, request).await.unwrap();
    assert_eq!(accepted.receipts[0].reason, None);
}

async fn sees(node: &Node, who: &Principal, number: u64) -> bool {
    node.object(who, &id(number), None).await.is_ok()
}

fn dice(rng: &SeededRng, sides: usize) -> usize {
    let mut bytes = [0; 8];
    rng.fill(&mut bytes);
    usize::try_from(u64::from_le_bytes(bytes) % sides as u64).unwrap()
}

/// Options by the dice.
fn options(rng: &SeededRng) -> Options {
    let moment = || (dice(rng, 3) == 0).then(|| START.plus(Micros::SECOND * (1 + dice(rng, 3) as i64)));
    let to = ["user:ann", "user:bob", "member:", "circle:"].iter().filter(|_| dice(rng, 4) == 0);
    let to =
        to.map(
            |name| {
                if name.ends_with(':') { format!("{name}{}", "ab".repeat(32)) } else { (*name).to_owned() }
            },
        );
    Options {
        tlp: TlpLevel::ALL.get(dice(rng, 7)).copied(),
        pap: handling::Pap::ALL.get(dice(rng, 6)).copied(),
        to: to.collect(),
        control: if dice(rng, 4) == 0 { handling::Control::Originator } else { handling::Control::Free },
        embargo_until: moment(),
        retain_until: moment(),
        purposes: (dice(rng, 4) == 0).then(|| handling::Purposes::from_bits(dice(rng, 8) as u8)),
        strict: false,
        urgency: node::Urgency::Routine,
    }
}

/// For generated handling, people and moments: what `simulate` foretells, `why` says, and the reads do are one.
#[tokio::test]
async fn simulating_explaining_and_enforcing_are_one() {
    let (bench, _) = Bench::new().await;
    let mut people: Vec<(&str, Arc<Principal>)> = Vec::new();
    for (name, role) in
        [("ann", Role::Analyst), ("bob", Role::Reader), ("eve", Role::Reader), ("aud", Role::Auditor)]
    {
        bench.user(name, role).await;
    }
    bench.collection("other", vec![("user:ann", RW), ("user:eve", R)]).await;
    for name in ["ann", "bob", "eve", "aud"] {
        people.push((name, bench.principal(name).await));
    }
    let ann = Arc::clone(&people[0].1);
    let rng = SeededRng::new(20_261_122);
    for number in 0..120 {
        bench.clock.set(START);
        let (options, collection) = (options(&rng), ["inbox", "other"][dice(&rng, 2)]);
        let bytes = Bytes::from(indicator(number, ""));
        let mut foretold = Vec::new();
        for (name, _) in &people {
            for action in [Action::See, Action::Search, Action::Export] {
                let recipient = format!("user:{name}");
                let request = SimulateRequest {
                    collection,
                    bytes: bytes.clone(),
                    options: options.clone(),
                    recipient: &recipient,
                    action: Some(action),
                };
                let judged = bench.node.simulate(&ann, request).await.unwrap().into_inner().remove(0);
                foretold.push((judged.decision, judged.rule));
            }
        }
        assert!(!sees(&bench.node, &ann, number).await, "simulating stores nothing");
        let request = AcceptRequest {
            collection,
            objects: vec![bytes],
            options: options.clone(),
            status: KeepStatus::No,
        };
        bench.node.accept(&ann, request).await.unwrap();
        for later in 0..4 {
            bench.clock.set(START.plus(Micros::SECOND * later));
            let asked = sees(&bench.node, &ann, number).await;
            for (at, (name, who)) in people.iter().enumerate() {
                let really = sees(&bench.node, who, number).await;
                let recipient = format!("user:{name}");
                match bench.node.why(&ann, (&id(number), None), &recipient, None).await {
                    Ok(judged) => {
                        assert_eq!(judged.get().decision == "allow", really, "{name} {options:?} {later}");
                        if later == 0 {
                            assert_eq!(
                                (judged.get().decision, judged.get().rule),
                                foretold[at * 3],
                                "{options:?}"
                            );
                        }
                    }
                    Err(error) => assert!(!asked && error.code() == "not-found"),
                }
                if later == 0 {
                    assert_eq!(foretold[at * 3].0 == "allow", really, "{name} {options:?}");
                    assert_eq!(
                        foretold[at * 3 + 2].0 == "allow",
                        exports(&bench.node, who, number).await,
                        "{options:?}"
                    );
                }
            }
        }
    }
}

async fn exports(node: &Node, who: &Principal, number: u64) -> bool {
    let mut export = node.export(who, node::ExportRequest::default()).await.unwrap();
    let mut all = Vec::new();
    while let Some(chunk) = export.next().await.unwrap() {
        all.extend_from_slice(chunk.get());
    }
    String::from_utf8(all).unwrap().contains(&id(number))
}

#[tokio::test]
async fn an_embargo_opens_and_retention_closes() {
    let (bench, _) = Bench::new().await;
    bench.user("bob", Role::Reader).await;
    let (root, bob) = (bench.operator().await, bench.principal("bob").await);
    let until = |seconds: i64| Some(START.plus(seconds * Micros::SECOND));
    let options = Options { embargo_until: until(10), retain_until: until(20), ..Options::default() };
    bring(&bench.node, &root, 1, options).await;
    for (at, root_sees, bob_sees) in [(0, true, false), (10, true, true), (20, false, false)] {
        bench.clock.set(START.plus(at * Micros::SECOND));
        assert_eq!(
            (sees(&bench.node, &root, 1).await, sees(&bench.node, &bob, 1).await),
            (root_sees, bob_sees)
        );
        let figures = bench.node.figures(&bob).await.unwrap().into_inner();
        assert_eq!(figures.objects, u64::from(bob_sees), "at {at}");
    }
    let past = Options { retain_until: until(20), ..Options::default() };
    let request =
        AcceptRequest { collection: "inbox", objects: vec![], options: past, status: KeepStatus::No };
    assert!(matches!(bench.node.accept(&root, request).await, Err(AcceptError::RetainPast)));
}

#[tokio::test]
async fn narrowing_takes_effect_at_once_and_only_narrows() {
    let (bench, _) = Bench::new().await;
    for (name, role) in [("ann", Role::Analyst), ("bob", Role::Reader)] {
        bench.user(name, role).await;
    }
    let (root, ann, bob) =
        (bench.operator().await, bench.principal("ann").await, bench.principal("bob").await);
    bring(&bench.node, &root, 1, Options { tlp: Some(TlpLevel::Green), ..Options::default() }).await;
    let red = Options { tlp: Some(TlpLevel::Red), to: vec!["user:bob".into()], ..Options::default() };
    assert!(sees(&bench.node, &ann, 1).await);
    assert_eq!(bench.node.narrow(&root, &id(1), red).await.unwrap().versions, 1);
    assert!(!sees(&bench.node, &ann, 1).await);
    assert!(sees(&bench.node, &root, 1).await && sees(&bench.node, &bob, 1).await);
    let wide = Options { tlp: Some(TlpLevel::Clear), to: vec!["user:ann".into()], ..Options::default() };
    bench.node.narrow(&root, &id(1), wide.clone()).await.unwrap();
    assert!(!sees(&bench.node, &ann, 1).await && !sees(&bench.node, &bob, 1).await);
    // What would be wider, or is said twice, changes nothing, and is told so.
    let green = Options { tlp: Some(TlpLevel::Green), ..Options::default() };
    assert_eq!(bench.node.narrow(&root, &id(1), green).await.unwrap().versions, 0);
    let nothing = bench.node.narrow(&root, &id(1), Options::default()).await;
    assert_eq!(nothing.unwrap_err().code(), "narrowing-empty");
    let refused = bench.node.narrow(&ann, &id(1), wide.clone()).await;
    assert_eq!(refused.unwrap_err().code(), "not-found");
    bring(&bench.node, &root, 2, Options::default()).await;
    let refused = bench.node.narrow(&bob, &id(2), wide).await;
    assert_eq!(refused.unwrap_err().code(), "collection-not-writable");
}

/// The indicator with a number, as of a month of 2024.
fn version(number: u64, month: u32) -> String {
    indicator(number, "").replace("\"modified\":\"2024-01-01", &format!("\"modified\":\"2024-{month:02}-01"))
}

/// Brings one object; what became of it.
async fn put(
    (node, who): (&Node, &Principal),
    collection: &str,
    object: String,
    options: Options,
) -> node::Receipt {
    let objects = vec![Bytes::from(object)];
    let request = AcceptRequest { collection, objects, options, status: KeepStatus::Yes };
    node.accept(who, request).await.unwrap().receipts.remove(0)
}

/// What an object is under, as JSON.
async fn handled(node: &Node, who: &Principal, id: &str, version: Option<&str>) -> serde_json::Value {
    let object = node.object(who, id, version).await.unwrap().into_inner();
    serde_json::to_value(node.handling_of(object.tlp, &object.places).await.unwrap()).unwrap()
}

fn at_red(to: &[&str]) -> Options {
    let to = to.iter().map(|name| (*name).to_owned()).collect();
    Options { tlp: Some(TlpLevel::Red), to, ..Options::default() }
}

/// Whatever was asked for a version holds for the ones before and after it, here and in other collections; whoever may see the
/// first one sees those, and nobody else does.
#[tokio::test]
async fn a_later_version_stays_under_the_handling_of_the_earlier_one() {
    let (bench, _) = Bench::new().await;
    for name in ["ann", "bob"] {
        bench.user(name, Role::Analyst).await;
    }
    bench.collection("other", vec![("user:root", RW), ("user:bob", RW), ("user:ann", R)]).await;
    let (root, ann, bob) =
        (bench.operator().await, bench.principal("ann").await, bench.principal("bob").await);
    let node = &bench.node;
    let embargo = Options { embargo_until: Some(START.plus(Micros::SECOND)), ..Options::default() };
    let tools = handling::Purposes::of([handling::Purpose::Defence]);
    let defence = Options { purposes: Some(tools), ..Options::default() };
    let cases = [at_red(&[]), at_red(&["user:bob"]), embargo, defence];
    for (number, options) in (10..).zip(cases) {
        for (month, narrowed) in [(3, false), (3, true)] {
            let number = number + if narrowed { 100 } else { 0 };
            if narrowed {
                put((node, &root), "inbox", version(number, month), Options::default()).await;
                node.narrow(&root, &id(number), options.clone()).await.unwrap();
            } else {
                put((node, &root), "inbox", version(number, month), options.clone()).await;
            }
            let seen = async || {
                let mut seen = Vec::new();
                for who in [&root, &*ann, &*bob] {
                    seen.push(sees(node, who, number).await);
                }
                seen
            };
            let before = seen().await;
            assert_ne!(before, [true, true, true], "{options:?}");
            for (month, collection) in [(4, "inbox"), (2, "inbox"), (5, "other"), (3, "other")] {
                let clear = Options { tlp: Some(TlpLevel::Clear), ..Options::default() };
                let receipt = put((node, &root), collection, version(number, month), clear).await;
                assert_eq!(receipt.handling, Some(node::Handled::Inherited), "{month} {receipt:?}");
                assert!(receipt.reason.is_some() && receipt.code.is_none());
                assert_eq!(seen().await, before, "{options:?} {month}");
            }
        }
    }
    let named = handled(node, &root, &id(11), None).await["named"].clone();
    assert_eq!(named.as_array().unwrap().len(), 2, "{named}");
    // What is withheld from whoever brings a version does not bind them: nothing shows in it.
    put((node, &root), "inbox", version(50, 1), at_red(&[])).await;
    let receipt = put((node, &ann), "inbox", version(50, 2), Options::default()).await;
    assert_eq!((receipt.outcome, receipt.handling), (node::Outcome::Accepted, None));
    assert!(sees(node, &bob, 50).await);
    // What nobody said does not bind what is said of the next one.
    put((node, &root), "inbox", version(52, 1), Options::default()).await;
    let green = Options { tlp: Some(TlpLevel::Green), ..Options::default() };
    assert_eq!(put((node, &root), "inbox", version(52, 2), green).await.handling, None);
    // Deleted and brought anew it is no later version.
    put((node, &root), "inbox", version(51, 1), at_red(&[])).await;
    node.delete(&root, "inbox", &id(51), &store::Filter::default()).await.unwrap();
    let receipt = put((node, &root), "inbox", version(51, 2), Options::default()).await;
    assert_eq!((receipt.outcome, receipt.handling), (node::Outcome::Accepted, None));
}

/// An observable has no versions: it is followed in its own collection, and says nothing of itself elsewhere.
#[tokio::test]
async fn an_observable_is_followed_in_its_own_collection() {
    let (bench, _) = Bench::new().await;
    bench.collection("other", vec![("user:root", RW)]).await;
    let (node, root) = (&bench.node, bench.operator().await);
    let id = "url--00000000-0000-4000-8000-000000000001";
    let url = |more: &str| {
        format!(r#"{{"type":"url","spec_version":"2.1","id":"{id}","value":"http://one.example/"{more}}}"#)
    };
    put((node, &root), "inbox", url(""), at_red(&[])).await;
    let clear = || Options { tlp: Some(TlpLevel::Clear), ..Options::default() };
    let elsewhere = put((node, &root), "other", url(""), clear()).await;
    assert_eq!((elsewhere.outcome, elsewhere.handling), (node::Outcome::Accepted, None));
    let here = put((node, &root), "inbox", url(r#","defanged":true"#), clear()).await;
    assert_eq!(here.handling, Some(node::Handled::Inherited));
}

/// What is brought again under stricter rules is under them; under looser ones nothing changes, and that is told.
#[tokio::test]
async fn stricter_handling_of_what_is_known_is_put_on() {
    let (bench, _) = Bench::new().await;
    bench.user("bob", Role::Reader).await;
    bench.collection("other", vec![("user:root", RW), ("user:bob", R)]).await;
    let (node, root, bob) = (&bench.node, bench.operator().await, bench.principal("bob").await);
    let embargo = Options { embargo_until: Some(START.plus(Micros::SECOND)), ..Options::default() };
    let amber = TlpLevel::Amber;
    let to_root = Options { tlp: Some(amber), to: vec!["user:root".into()], ..Options::default() };
    for (number, options) in (1..).zip([at_red(&[]), embargo, to_root]) {
        let green = Options { tlp: Some(TlpLevel::Green), ..Options::default() };
        for (month, collection) in [(1, "inbox"), (2, "inbox"), (2, "other")] {
            put((node, &root), collection, version(number, month), green.clone()).await;
        }
        assert!(sees(node, &bob, number).await);
        let receipt = put((node, &root), "inbox", version(number, 2), options.clone()).await;
        assert_eq!(receipt.outcome, node::Outcome::Known);
        assert_eq!(receipt.handling, Some(node::Handled::Narrowed), "{options:?}");
        assert!(!sees(node, &bob, number).await, "in every version, wherever it stands");
        let before = handled(node, &root, &id(number), None).await;
        for again in [options, green] {
            let receipt = put((node, &root), "inbox", version(number, 2), again).await;
            assert_eq!((receipt.handling, receipt.code), (Some(node::Handled::Kept), None));
        }
        assert_eq!(handled(node, &root, &id(number), None).await, before);
        let silent = put((node, &root), "inbox", version(number, 2), Options::default()).await;
        assert_eq!((silent.handling, silent.reason), (None, None), "nothing was asked for");
    }
    let controlled = Options { control: handling::Control::Originator, ..Options::default() };
    put((node, &root), "inbox", version(9, 1), Options::default()).await;
    put((node, &root), "inbox", version(9, 1), controlled).await;
    assert_eq!(handled(node, &root, &id(9), None).await["originator_control"], true);
}

/// As [`version`], with its description under TLP:RED: whoever may not see all of it gets a view without that.
fn in_parts(number: u64, month: u32) -> String {
    let (green, red) = (TlpLevel::Green.id(), TlpLevel::Red.id());
    let parts = format!(
        r#","description":"d","object_marking_refs":["{green}"],"granular_markings":[{{"marking_ref":"{red}","selectors":["description"]}}]}}"#
    );
    format!("{}{parts}", version(number, month).strip_suffix('}').unwrap())
}

/// What was asked for all of an object holds for what is left of a later version of it, whatever that is marked.
#[tokio::test]
async fn what_is_left_of_a_version_is_no_wider_than_the_whole_was() {
    let (bench, _) = Bench::new().await;
    bench.user("bob", Role::Reader).await;
    let (node, root, bob) = (&bench.node, bench.operator().await, bench.principal("bob").await);
    let filter = store::Filter { versions: vec![store::VersionPick::All], ..store::Filter::default() };
    let all = store::PageRequest { limit: 50, filter, ..Default::default() };
    let count = async || node.page(&bob, "inbox", &all).await.unwrap().get().count;
    // The whole was never anybody's else, and then one comes that has parts.
    put((node, &root), "inbox", version(1, 1), at_red(&[])).await;
    put((node, &root), "inbox", in_parts(1, 2), Options::default()).await;
    assert_eq!(count().await, 0);
    // What is left of one was seen, the whole was hidden after that, and then one comes that has parts again.
    put((node, &root), "inbox", in_parts(2, 1), Options::default()).await;
    assert_eq!(count().await, 1);
    put((node, &root), "inbox", version(2, 2), at_red(&[])).await;
    put((node, &root), "inbox", in_parts(2, 3), Options::default()).await;
    assert_eq!(count().await, 1);
    // Stricter rules for what is here already are for what is left of it, too.
    put((node, &root), "inbox", in_parts(3, 1), Options::default()).await;
    assert_eq!(count().await, 2);
    let receipt = put((node, &root), "inbox", in_parts(3, 1), at_red(&[])).await;
    assert_eq!((receipt.handling, count().await), (Some(node::Handled::Narrowed), 1));
    put((node, &root), "inbox", in_parts(4, 1), Options::default()).await;
    put((node, &root), "inbox", in_parts(4, 2), Options::default()).await;
    assert_eq!(count().await, 3, "a version with parts follows one with parts");
}

/// A narrowing is for every version wherever it stands, not only where the latest one does.
#[tokio::test]
async fn a_narrowing_reaches_collections_that_hold_earlier_versions_alone() {
    let (bench, _) = Bench::new().await;
    bench.user("bob", Role::Reader).await;
    bench.collection("other", vec![("user:root", RW), ("user:bob", R)]).await;
    let (node, root, bob) = (&bench.node, bench.operator().await, bench.principal("bob").await);
    let green = Options { tlp: Some(TlpLevel::Green), ..Options::default() };
    for (number, by_import) in [(1, false), (2, true)] {
        put((node, &root), "other", version(number, 1), green.clone()).await;
        put((node, &root), "inbox", version(number, 2), green.clone()).await;
        if by_import {
            put((node, &root), "inbox", version(number, 2), at_red(&[])).await;
        } else {
            assert_eq!(node.narrow(&root, &id(number), at_red(&[])).await.unwrap().versions, 2);
        }
        assert!(!sees(node, &bob, number).await);
    }
}

#[tokio::test]
async fn a_sighting_of_the_hidden_is_hidden() {
    let (bench, _) = Bench::new().await;
    bench.user("bob", Role::Reader).await;
    let (root, bob) = (bench.operator().await, bench.principal("bob").await);
    bring(&bench.node, &root, 1, Options { tlp: Some(TlpLevel::Red), ..Options::default() }).await;
    let request = node::SightRequest { what: id(1), ..node::SightRequest::default() };
    let sighted = bench.node.sight(&root, request).await.unwrap();
    assert_eq!(sighted.receipts.len(), 1);
    assert_eq!(bench.node.figures(&bob).await.unwrap().get().objects, 0);
    assert_eq!(bench.node.sightings_of(&root, &id(1)).await.unwrap().get().reports, 1);
    assert_eq!(bench.node.sightings_of(&bob, &id(1)).await.unwrap().get().reports, 0);
}

#[tokio::test]
async fn unknown_addressees_are_refused() {
    let (bench, _) = Bench::new().await;
    let root = bench.operator().await;
    bring(&bench.node, &root, 1, Options::default()).await;
    for name in ["cert-b", "member:zz", "circle:", "user:nobody", "client:cert-b", "00"] {
        let why = bench.node.why(&root, (&id(1), None), name, None).await;
        assert!(matches!(why, Err(WhyError::Accept(_))), "{name}");
        let options = Options { to: vec![name.into()], ..Options::default() };
        let objects = vec![Bytes::from(indicator(2, ""))];
        let request = AcceptRequest { collection: "inbox", objects, options, status: KeepStatus::No };
        assert!(bench.node.accept(&root, request).await.is_err(), "{name}");
    }
    let stranger = bench.node.why(&root, (&id(1), None), "anyone", None).await.unwrap().into_inner();
    assert_eq!((stranger.decision, stranger.rule), ("refuse", "audience"));
}

#[tokio::test]
async fn national_markings_pap_and_unknown_markings_restrict() {
    let (bench, _) = Bench::new().await;
    bench.user("bob", Role::Reader).await;
    let (root, bob) = (bench.operator().await, bench.principal("bob").await);
    let marking = |number: u64, rest: &str| {
        format!(
            r#"{{"type":"marking-definition","spec_version":"2.1","id":"marking-definition--00000000-0000-4000-8000-{number:012x}","created":"2024-01-01T00:00:00.000Z",{rest}}}"#
        )
    };
    let statement =
        |text: &str| format!(r#""definition_type":"statement","definition":{{"statement":"{text}"}}"#);
    let definitions = [
        marking(1, &statement("ДСП")),
        marking(2, &statement("绝密")),
        marking(3, &statement("PAP:RED")),
        marking(4, &statement("Copyright")),
        marking(
            5,
            r#""extensions":{"extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88e":{"extension_type":"property-extension","x":"y"}}"#,
        ),
    ];
    let objects: Vec<Bytes> = (1..=6_u64)
        .map(|number| {
            let refs = format!(
                r#","object_marking_refs":["marking-definition--00000000-0000-4000-8000-{number:012x}"]"#
            );
            indicator(number, &refs).into()
        })
        .chain(definitions.into_iter().map(Bytes::from))
        .collect();
    let request =
        AcceptRequest { collection: "inbox", objects, options: Options::default(), status: KeepStatus::No };
    bench.node.accept(&root, request).await.unwrap();
    let mut told = Vec::new();
    for number in 1..=6 {
        let found = bench.node.object(&root, &id(number), None).await.unwrap().into_inner();
        let view = bench.node.handling_of(found.tlp, &found.places).await.unwrap();
        let automation = bench.node.why(&root, (&id(number), None), "automation", None).await.unwrap();
        told.push((view.tlp, view.pap, automation.get().rule, sees(&bench.node, &bob, number).await));
    }
    assert_eq!(
        told,
        [
            (Some("amber+strict"), "clear", "handling-allows", true),
            (Some("red"), "clear", "tlp-red-persons", false),
            (Some("amber+strict"), "red", "pap-automation", true),
            (None, "clear", "handling-allows", true),
            (Some("red"), "clear", "tlp-red-persons", false),
            (Some("amber+strict"), "clear", "marking-unresolved", true),
        ]
    );
}

/// A grant of nothing is nothing, whatever the rules say.
#[tokio::test]
async fn rules_never_open_a_collection() {
    let (bench, _) = Bench::new().await;
    bench.collection("closed", vec![("role:analyst", Access::NONE)]).await;
    bench.user("bob", Role::Reader).await;
    let root = bench.operator().await;
    let options = Options { to: vec!["user:bob".into()], tlp: Some(TlpLevel::Clear), ..Options::default() };
    let objects = vec![Bytes::from(indicator(1, ""))];
    let request = AcceptRequest { collection: "closed", objects, options, status: KeepStatus::No };
    bench.node.accept(&root, request).await.unwrap();
    let why = bench.node.why(&root, (&id(1), None), "user:bob", None).await.unwrap().into_inner();
    assert_eq!((why.decision, why.rule), ("refuse", "collection-not-readable"));
    assert!(!sees(&bench.node, &bench.principal("bob").await.clone(), 1).await);
}

#[tokio::test]
async fn parts_under_a_stricter_marking_are_left_out_of_a_view() {
    let (bench, _) = Bench::new().await;
    bench.user("bob", Role::Reader).await;
    let (root, bob) = (bench.operator().await, bench.principal("bob").await);
    let (green, red) = (stix::TlpLevel::Green.id(), stix::TlpLevel::Red.id());
    let object = |description: &str| {
        let more = format!(
            r#","description":"{description}","object_marking_refs":["{green}"],"granular_markings":[{{"marking_ref":"{red}","selectors":["description"]}}]"#
        );
        indicator(1, &more)
    };
    let objects = vec![Bytes::from(object("secret"))];
    let request =
        AcceptRequest { collection: "inbox", objects, options: Options::default(), status: KeepStatus::Yes };
    let accepted = bench.node.accept(&root, request).await.unwrap();
    assert_eq!((accepted.receipts.len(), accepted.status.unwrap().objects.len()), (1, 1));
    assert!(sees(&bench.node, &root, 1).await && !sees(&bench.node, &bob, 1).await);
    let all = store::PageRequest { limit: 10, ..Default::default() };
    let page = bench.node.page(&bob, "inbox", &all).await.unwrap().into_inner();
    let view = String::from_utf8(page.objects.to_vec()).unwrap();
    assert_eq!(page.count, 1);
    assert!(
        !view.contains("secret") && view.contains(&id(1)) && view.contains("http://1.example/"),
        "{view}"
    );
    assert_eq!(bench.node.page(&root, "inbox", &all).await.unwrap().get().count, 2);
    // A required part cannot be left out: then there is no view.
    let more = format!(r#","granular_markings":[{{"marking_ref":"{red}","selectors":["pattern"]}}]"#);
    let objects = vec![Bytes::from(indicator(2, &more))];
    let request =
        AcceptRequest { collection: "inbox", objects, options: Options::default(), status: KeepStatus::No };
    bench.node.accept(&root, request).await.unwrap();
    assert_eq!(bench.node.page(&bob, "inbox", &all).await.unwrap().get().count, 1);
    assert!(sees(&bench.node, &root, 2).await);
}

#[tokio::test]
async fn a_definition_that_comes_late_settles_what_awaited_it() {
    let (bench, _) = Bench::new().await;
    let root = bench.operator().await;
    let definition = |number: u64, text: &str| {
        format!(
            r#"{{"type":"marking-definition","spec_version":"2.1","id":"marking-definition--00000000-0000-4000-8000-{number:012x}","created":"2024-01-01T00:00:00.000Z","definition_type":"statement","definition":{{"statement":"{text}"}}}}"#
        )
    };
    let bearing = |number: u64| {
        let refs = format!(
            r#","object_marking_refs":["marking-definition--00000000-0000-4000-8000-{number:012x}"]"#
        );
        indicator(number, &refs)
    };
    let accept = async |objects: Vec<String>| {
        let objects = objects.into_iter().map(Bytes::from).collect();
        let options = Options::default();
        let request = AcceptRequest { collection: "inbox", objects, options, status: KeepStatus::No };
        bench.node.accept(&root, request).await.unwrap();
    };
    accept((1..=3).map(bearing).collect()).await;
    let rule = async |number: u64| {
        bench.node.why(&root, (&id(number), None), "automation", None).await.unwrap().get().rule
    };
    for number in 1..=3 {
        assert_eq!(rule(number).await, "marking-unresolved");
    }
    accept(vec![definition(1, "Copyright"), definition(2, "PAP:RED"), definition(3, "secret")]).await;
    assert_eq!((rule(1).await, rule(2).await), ("handling-allows", "pap-automation"));
    assert_eq!(rule(3).await, "marking-unresolved", "a stranger's definition takes nothing away");
    let held = bench.node.object(&root, &id(3), None).await.unwrap().into_inner();
    assert!(bench.node.handling_of(held.tlp, &held.places).await.unwrap().marking_awaited);
}
