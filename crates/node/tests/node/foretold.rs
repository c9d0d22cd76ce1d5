//! `simulate` says what would happen: it puts the object in as an import does, and takes it out again.

use bytes::Bytes;
use node::{AcceptRequest, KeepStatus, Options, SimulateRequest};
use stix::TlpLevel;

use crate::community::Seat;
use crate::exchange::{ONE, bring, has, region, round, share, to};
use crate::indicator;

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
    let why = a.node().why(&a.who, ONE, "b", None).await.unwrap().into_inner();
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
        let told = b.node().why(&b.who, ONE, whom, None).await.unwrap().into_inner();
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
    assert_eq!((asked("b").await, asked("automation").await), (allowed, allowed));
    crate::later::suspended(&region, "b", None).await;
    assert_eq!(asked("c").await, allowed);
    assert!(has(b, ONE).await && !has(a, ONE).await);
}
