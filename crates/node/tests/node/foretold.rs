//! `simulate` says what would happen: it puts the object in as an import does, and takes it out again.

use std::collections::{BTreeMap, BTreeSet};

use base::{Micros, Rng, SeededRng};
use bytes::Bytes;
use federation::DeedError;
use handling::{Control, Role};
use node::{AcceptRequest, ConsentRequest, ExchangeError, KeepStatus, Options, SimulateRequest};
use stix::TlpLevel;

use crate::community::Seat;
use crate::exchange::{ONE, bring, has, meet, region, round, share, to};
use crate::{START, indicator};

fn later() -> String {
    indicator(1, "[url:value = 'http://later.example/']", "")
        .replace("\"modified\":\"2025-01-01", "\"modified\":\"2025-02-01")
}

async fn foretold(seat: &Seat, object: String, options: Options) -> (&'static str, &'static str) {
    foretold_for(seat, "b", object, options).await
}

async fn foretold_for(
    seat: &Seat,
    recipient: &str,
    object: String,
    options: Options,
) -> (&'static str, &'static str) {
    let bytes = Bytes::from(object);
    let request = SimulateRequest { collection: "inbox", bytes, options, recipient, action: None };
    let judged = seat.node().simulate(&seat.who, request).await.unwrap().into_inner().remove(0);
    (judged.decision, judged.rule)
}

async fn leaves(seat: &Seat) -> u64 {
    seat.node().shared_state().await.unwrap().unwrap().leaves
}

/// A later version comes under what stands, and what was erased does not come back: both are told before, and nothing is stored.
#[tokio::test]
async fn what_stands_here_is_foretold_as_well() {
    let region = region(&["a", "b"]).await;
    let (a, b) = (&region[0], &region[1]);
    bring(a, 1..2, to(&["b"])).await;
    assert_eq!(foretold(a, later(), to(&["b"])).await, ("allow", "handling-allows"));
    let red = Options { tlp: Some(TlpLevel::Red), ..Options::default() };
    a.node().narrow(&a.who, ONE, red.clone()).await.unwrap();
    let before = leaves(a).await;
    let green = Options { tlp: Some(TlpLevel::Green), ..to(&["b"]) };
    assert_eq!(foretold(a, later(), green).await, ("refuse", "tlp-red-persons"));
    let known = indicator(1, "[url:value = 'http://1.example/']", "");
    assert_eq!(foretold(a, known, to(&["b"])).await, ("refuse", "tlp-red-persons"));
    a.node().erase(&a.who, ONE, "").await.unwrap();
    assert_eq!(foretold(a, later(), to(&["b"])).await, ("refuse", "erased"));
    round(&region).await;
    assert_eq!(leaves(a).await, before + 1, "the erasure alone");
    assert!(!has(b, ONE).await && a.node().history(&a.who, ONE).await.is_err());
}

/// What is to be given on and not read, and what another member made, nobody takes: who would give it is told so, and nothing goes.
#[tokio::test]
async fn what_its_recipient_refuses_is_refused_before() {
    let region = region(&["a", "b", "c"]).await;
    let (a, b, c) = (&region[0], &region[1], &region[2]);
    let sharing = handling::Purposes::of([handling::Purpose::Sharing]);
    let sharing = Options { purposes: Some(sharing), ..to(&["b"]) };
    assert_eq!(foretold(a, later(), sharing).await, ("refuse", "purpose"));
    let maker = c.node().member().await.unwrap().unwrap().id;
    let forged =
        indicator(1, "[url:value = 'http://1.example/']", &format!(r#","created_by_ref":"{maker}""#));
    assert_eq!(foretold(a, forged.clone(), to(&["b"])).await, ("refuse", "origin-forged"));
    let request = AcceptRequest {
        collection: "inbox",
        objects: vec![Bytes::from(forged)],
        options: to(&["b"]),
        status: KeepStatus::No,
    };
    a.node().accept(&a.who, request).await.unwrap();
    let why = a.node().why(&a.who, (ONE, None), "b", None).await.unwrap().into_inner();
    assert_eq!((why.decision, why.rule), ("refuse", "origin-forged"));
    let shared = share(a, ONE, "b").await.unwrap();
    assert_eq!(shared.withheld.len(), 1, "{shared:?}");
    round(&region).await;
    assert!(!has(b, ONE).await);
    assert_eq!(crate::exchange::peer(b, "a").await.refused_here, 0);
}

/// A member that is put aside gives nobody anything until it is taken back, whatever the rules say; its own people keep what is theirs.
#[tokio::test]
async fn who_is_put_aside_is_told_that_nobody_takes_anything() {
    let region = region(&["a", "b", "c"]).await;
    let (a, b) = (&region[0], &region[1]);
    crate::exchange::bring(b, 1..2, to(&["c"])).await;
    let asked = async |whom: &str| {
        let told = b.node().why(&b.who, (ONE, None), whom, None).await.unwrap().into_inner();
        (told.decision, told.rule)
    };
    let allowed = ("allow", "handling-allows");
    assert_eq!(asked("c").await, allowed);
    crate::later::suspended(&region, "b", Some("a drill")).await;
    for whom in ["c", "client:c"] {
        assert_eq!(asked(whom).await.0, "refuse", "{whom}");
    }
    assert_eq!(asked("c").await, ("refuse", "sender-unknown"));
    assert_eq!(foretold_for(b, "c", later(), to(&["c"])).await, ("refuse", "sender-unknown"));
    let again = crate::exchange::bring(b, 1..2, to(&["a"])).await.receipts.remove(0);
    assert_eq!((again.code, again.handling), (Some("sender-unknown"), None));
    // What is given now is told as waiting for that, and goes then.
    let shared = share(b, ONE, "a").await.unwrap();
    assert!(shared.to.contains(&"a".to_owned()) && shared.withheld.is_empty(), "{shared:?}");
    assert_eq!(shared.waits, Some("sender-unknown"));
    let told = crate::exchange::bring(b, 2..3, to(&["a"])).await.receipts;
    assert_eq!(
        (told[0].outcome, told[0].code),
        (node::Outcome::Accepted, Some("sender-unknown")),
        "{told:?}"
    );
    let told = crate::exchange::bring(b, 3..4, to(&[])).await.receipts;
    assert_eq!(told[0].code, None, "{told:?}");
    let greeting = b.node().turn_first(a.id().await).await.unwrap();
    assert!(a.node().turn_answer(&greeting).await.is_err(), "nobody hears it");
    assert!(!has(a, ONE).await && !has(a, &id(2)).await);
    assert_eq!((asked("b").await, asked("automation").await), (allowed, allowed));
    crate::later::suspended(&region, "b", None).await;
    assert_eq!(asked("c").await, allowed);
    round(&region).await;
    assert!(has(a, ONE).await && has(a, &id(2)).await && !has(a, &id(3)).await);
    assert_eq!(share(b, ONE, "a").await.unwrap().waits, None);
}

/// The end of the embargoes here.
const OVER: Micros = Micros(START.0 + 3_600 * Micros::SECOND);

fn dice(rng: &SeededRng, sides: u64) -> u64 {
    let mut bytes = [0; 8];
    rng.fill(&mut bytes);
    u64::from_le_bytes(bytes) % sides
}

/// An indicator, some with a marking of its own.
fn object(rng: &SeededRng, number: u32) -> String {
    let marking = match dice(rng, 6) {
        0 => TlpLevel::Green.id(),
        1 => TlpLevel::AmberStrict.id(),
        _ => "",
    };
    let extra =
        if marking.is_empty() { String::new() } else { format!(r#","object_marking_refs":["{marking}"]"#) };
    indicator(number, &format!("[url:value = 'http://{number}.example/']"), &extra)
}

fn options(rng: &SeededRng, names: &[&str]) -> Options {
    let level = usize::try_from(dice(rng, 6)).unwrap();
    let purposes = handling::Purposes::of([handling::Purpose::Awareness]);
    Options {
        tlp: TlpLevel::ALL.get(level).copied(),
        to: names.iter().filter(|_| dice(rng, 3) == 0).map(|name| (*name).to_owned()).collect(),
        control: if dice(rng, 4) == 0 { Control::Originator } else { Control::Free },
        embargo_until: (dice(rng, 5) == 0).then_some(OVER),
        purposes: (dice(rng, 8) == 0).then_some(purposes),
        ..Options::default()
    }
}

fn id(number: u32) -> String {
    format!("indicator--00000000-0000-4000-8000-{number:012}")
}

async fn bring_one(seat: &Seat, object: String, options: Options) {
    let (objects, status) = (vec![Bytes::from(object)], KeepStatus::No);
    let request = AcceptRequest { collection: "inbox", objects, options, status };
    seat.node().accept(&seat.who, request).await.unwrap();
}

async fn asked(seat: &Seat, number: u32, whom: &str) -> (&'static str, &'static str) {
    let judged = seat.node().why(&seat.who, (&id(number), None), whom, None).await.unwrap().into_inner();
    assert!(!judged.reasons.is_empty(), "{judged:?}");
    (judged.decision, judged.rule)
}

/// Whether a member has it: what is for a named person alone that person sees.
async fn holds(seat: &Seat, number: u32) -> bool {
    let eve = seat.bench.principal("eve").await;
    has(seat, &id(number)).await || seat.node().object(&eve, &id(number), None).await.is_ok()
}

/// Whoever meets the first of these gets what is for it.
async fn deliver(from: &Seat, to: &[&Seat]) {
    for _ in 0..2 {
        for seat in to {
            meet(from, seat).await;
        }
    }
}

const ALLOWED: (&str, &str) = ("allow", "handling-allows");

/// Whatever its level, marking, addressees, embargo and purpose: what `simulate` foretells is what `why` says, what `share` answers and what
/// its recipients have, one that takes no part among them.
#[tokio::test]
async fn what_is_said_of_an_own_object_is_what_is_done() {
    const CASES: u32 = 60;
    let region = region(&["a", "b", "c", "d"]).await;
    let (a, b, c, d) = (&region[0], &region[1], &region[2], &region[3]);
    region.circle("banks", &["b", "c"]).await;
    region.circle("all", &["b", "d"]).await;
    crate::later::suspended(&region, "d", Some("silent")).await;
    for seat in [b, c, d] {
        seat.bench.user("eve", Role::Reader).await;
    }
    let rng = SeededRng::new(20_261_130);
    let whoms = ["b", "c", "d", "banks", "all"];
    let (mut outcomes, mut meant) = (BTreeSet::new(), BTreeSet::new());
    for number in 1..=CASES {
        let options = options(&rng, &["b", "c", "d", "banks", "all", "user:eve@c"]);
        let bytes = object(&rng, number);
        let mut told = BTreeMap::new();
        for whom in whoms {
            told.insert(whom, foretold_for(a, whom, bytes.clone(), options.clone()).await);
        }
        let nobody = options.to.is_empty();
        bring_one(a, bytes, options.clone()).await;
        deliver(a, &[b, c]).await;
        for whom in whoms {
            assert_eq!(asked(a, number, whom).await, told[whom], "{number} {whom} {options:?}");
        }
        for (seat, whom) in [(b, "b"), (c, "c")] {
            // What is for everybody is given to who is named.
            let goes = told[whom] == ALLOWED && !nobody;
            assert_eq!(holds(seat, number).await, goes, "{number} {whom} {told:?} {options:?}");
        }
        let whom = whoms[usize::try_from(dice(&rng, 5)).unwrap()];
        let members: &[&str] = match whom {
            "banks" => &["b", "c"],
            "all" => &["b", "d"],
            _ => std::slice::from_ref(&whom),
        };
        let shared = share(a, &id(number), whom).await.unwrap();
        deliver(a, &[b, c]).await;
        for member in members {
            let (decision, rule) = asked(a, number, member).await;
            let withheld =
                shared.withheld.iter().find(|(kept, _)| kept == member).map(|(_, rule)| rule.as_str());
            assert_eq!(shared.to.iter().any(|to| to == member), decision == "allow", "{number} {shared:?}");
            // What is refused to all who are meant changes nothing: it goes on being addressed to others, whatever else speaks against it.
            let rule = if rule == "audience" { withheld.unwrap_or(rule) } else { rule };
            assert_eq!(withheld, (decision == "refuse").then_some(rule), "{number} {member} {options:?}");
            meant.insert((number, *member));
            outcomes.insert(rule.to_owned());
        }
        assert_eq!(asked(a, number, whom).await == ALLOWED, shared.withheld.is_empty(), "{number} {whom}");
        assert!(told[whom] != ALLOWED || shared.withheld.is_empty(), "{number} {whom} {told:?} {shared:?}");
    }
    let met = ["handling-allows", "member-absent", "embargo", "tlp-red-persons", "purpose"];
    assert!(met.into_iter().all(|rule| outcomes.contains(rule)), "{outcomes:?}");
    // When embargoes are over, and the member that took no part is back, it is as it is said then.
    crate::later::suspended(&region, "d", None).await;
    for seat in &region.0 {
        seat.bench.clock.set(OVER);
        seat.node().give_later().await.unwrap();
    }
    deliver(a, &[b, c, d]).await;
    for (seat, member) in [(b, "b"), (c, "c"), (d, "d")] {
        for number in 1..=CASES {
            let (allowed, held) = (asked(a, number, member).await == ALLOWED, holds(seat, number).await);
            assert!(allowed || !held, "{number} {member}");
            assert!(!meant.contains(&(number, member)) || allowed == held, "{number} {member}");
        }
    }
}

/// The rule by which something was not passed on.
fn rule_of(error: &ExchangeError) -> String {
    match error {
        ExchangeError::Deed(DeedError::Refused(refused)) => {
            refused.handling.clone().unwrap_or_else(|| refused.rule.to_string())
        }
        other => other.code().to_owned(),
    }
}

/// What another member gave goes on by that member's consent alone, whatever its level: `why` says so of members and of circles, as
/// `share` does.
#[tokio::test]
async fn what_is_said_of_anothers_object_is_what_is_done() {
    const CASES: u32 = 40;
    let region = region(&["a", "b", "c", "d", "e"]).await;
    let (a, b, c, e) = (&region[0], &region[1], &region[2], &region[4]);
    region.circle("banks", &["b", "c", "e"]).await;
    region.circle("all", &["b", "c", "d"]).await;
    crate::later::suspended(&region, "d", Some("silent")).await;
    let rng = SeededRng::new(20_261_131);
    let mut outcomes = BTreeSet::new();
    for number in 1..=CASES {
        let options = Options { embargo_until: None, ..options(&rng, &["b", "c", "banks", "all"]) };
        bring_one(a, object(&rng, number), Options { to: with_b(&options.to), ..options }).await;
        deliver(a, &[b]).await;
        if !has(b, &id(number)).await {
            continue;
        }
        for whom in ["c", "d", "e"].into_iter().filter(|_| dice(&rng, 2) == 0) {
            let object = &id(number);
            let request = ConsentRequest { object, from: Some("b"), to: whom, until: OVER };
            let given = a.node().consent(&a.who, request).await.unwrap();
            if dice(&rng, 4) == 0 {
                a.node().revoke_consent(&a.who, &given.id).await.unwrap();
            }
        }
        deliver(a, &[b]).await;
        for whom in ["c", "d", "e", "a/banks", "a/all"] {
            let (decision, rule) = asked(b, number, whom).await;
            outcomes.insert(rule);
            match share(b, &id(number), whom).await {
                Ok(shared) => {
                    assert_eq!(shared.withheld.is_empty(), decision == "allow", "{number} {whom} {shared:?}");
                    let by = shared.withheld.iter().any(|(_, by)| by == rule);
                    assert!(decision == "allow" || by, "{number} {whom} {rule} {shared:?}");
                }
                Err(error) => {
                    assert_eq!((decision, rule), ("refuse", rule_of(&error).as_str()), "{number} {whom}");
                }
            }
        }
        deliver(b, &[c, e]).await;
        for (seat, whom) in [(c, "c"), (e, "e")] {
            let goes = asked(b, number, whom).await == ALLOWED;
            assert_eq!(has(seat, &id(number)).await, goes, "{number} {whom}");
        }
    }
    let met = ["handling-allows", "consent-missing", "consent-revoked", "member-absent"];
    assert!(met.into_iter().all(|rule| outcomes.contains(rule)), "{outcomes:?}");
}

fn with_b(names: &[String]) -> Vec<String> {
    names.iter().cloned().chain(["b".to_owned()]).collect()
}

/// An object under an id of which something else stands, with a part that stays here.
fn otherwise(number: u32) -> String {
    let red = TlpLevel::Red.id();
    let part = format!(r#"[{{"marking_ref":"{red}","selectors":["description"]}}]"#);
    let extra = format!(r#","description":"ours","granular_markings":{part}"#);
    indicator(number, "[url:value = 'http://otherwise.example/']", &extra)
}

async fn count(seat: &Seat) -> usize {
    let all = store::PageRequest { limit: 50, ..Default::default() };
    seat.node().manifest(&seat.who, "inbox", &all).await.unwrap().into_inner().rows.len()
}

/// A refusal changes nothing: of what is refused, by another's word or this member's own, no view is made, kept or given, and that is told
/// before.
#[tokio::test]
async fn of_what_is_refused_there_is_no_view() {
    let region = region(&["a", "b", "c"]).await;
    let (a, b, c) = (&region[0], &region[1], &region[2]);
    bring(b, 1..2, to(&["a"])).await;
    round(&region).await;
    bring(a, 2..3, Options { to: Vec::new(), ..to(&[]) }).await;
    assert_eq!(count(a).await, 2);
    for (number, status) in [(1, KeepStatus::No), (2, KeepStatus::No), (2, KeepStatus::Yes)] {
        let bytes = Bytes::from(otherwise(number));
        let request = SimulateRequest {
            collection: "inbox",
            bytes: bytes.clone(),
            options: to(&["c"]),
            recipient: "c",
            action: None,
        };
        let judged = a.node().simulate(&a.who, request).await.unwrap().into_inner().remove(0);
        assert_eq!((judged.decision, judged.rule), ("refuse", "version-conflict"));
        assert!(judged.view.is_none(), "{judged:?}");
        let request =
            AcceptRequest { collection: "inbox", objects: vec![bytes], options: to(&["c"]), status };
        let told = a.node().accept(&a.who, request).await.unwrap().receipts;
        assert_eq!(told[0].code, Some("version-conflict"), "{told:?}");
    }
    round(&region).await;
    assert_eq!((count(a).await, count(c).await), (2, 0));
    // What is not refused has its view, which goes where the whole may not.
    let request = AcceptRequest {
        collection: "inbox",
        objects: vec![Bytes::from(otherwise(2)), Bytes::from(otherwise(3))],
        options: to(&["c"]),
        status: KeepStatus::No,
    };
    a.node().accept(&a.who, request).await.unwrap();
    round(&region).await;
    assert_eq!((count(a).await, count(c).await), (4, 1));
}

/// By the clock what is past its retention is gone, whether its destruction has run or not: a copy does not come in as one's own word, and
/// nothing of it is shown or goes on.
#[tokio::test]
async fn what_is_past_its_retention_comes_back_as_little_before_it_is_destroyed() {
    let region = region(&["a", "b", "c"]).await;
    let (a, b, c) = (&region[0], &region[1], &region[2]);
    let soon = START.plus(60 * Micros::SECOND);
    bring(a, 1..3, Options { retain_until: Some(soon), ..to(&["b"]) }).await;
    round(&region).await;
    assert!(has(b, ONE).await && has(b, &id(2)).await);
    b.node().delete(&b.who, "inbox", &id(2), &store::Filter::default()).await.unwrap();
    for seat in &region.0 {
        seat.bench.clock.set(soon);
    }
    for destroyed in [false, true] {
        assert!(!has(b, ONE).await && share(b, ONE, "c").await.is_err());
        for number in [1, 2] {
            let object = indicator(number, &format!("[url:value = 'http://{number}.example/']"), "");
            assert_eq!(
                foretold_for(b, "c", object, to(&["c"])).await,
                ("refuse", "retention-over"),
                "{number} {destroyed}"
            );
            let told = bring(b, number..number + 1, to(&["c"])).await.receipts;
            assert_eq!(told[0].code, Some("retention-over"), "{number} {destroyed} {told:?}");
        }
        b.node().retire().await.unwrap();
        round(&region).await;
        assert_eq!((count(b).await, count(c).await), (0, 0));
    }
    // Its originator can give it anew.
    let told = bring(a, 1..2, to(&["b"])).await.receipts;
    assert_eq!(told[0].outcome, node::Outcome::Accepted, "{told:?}");
    a.node().retire().await.unwrap();
    round(&region).await;
    assert!(has(b, ONE).await);
}
