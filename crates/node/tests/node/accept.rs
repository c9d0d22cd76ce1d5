//! Objects going in.

use node::{AcceptError, Outcome, Summary};
use proptest::prelude::*;
use stix::TlpLevel;
use store::{PageRequest, StatusState};

use super::*;

fn outcomes(accepted: &Accepted) -> Vec<Outcome> {
    accepted.receipts.iter().map(|receipt| receipt.outcome).collect()
}

#[tokio::test]
async fn one_bad_object_does_not_hide_the_rest() {
    let (bench, _) = Bench::new().await;
    let root = bench.operator().await;
    let good = indicator(1, "[url:value = 'http://a.example/']", "");
    let objects = [
        good.clone(),
        "{".into(),
        "[]".into(),
        good.clone(),
        good.replace("T00:00:00.000Z\",\"name", "T00:00:00.001Z\",\"name"),
        good.replace("indicator number 1", "something else"),
        format!("{{\"type\":\"tool\",\"x\":\"{}\"}}", "a".repeat(base::limit::OBJECT_BYTES_MAX)),
    ];
    let accepted = bench.accept(&root, "inbox", &objects).await;
    use Outcome::{Accepted, Known, Newer, Refused};
    assert_eq!(outcomes(&accepted), [Accepted, Refused, Refused, Known, Newer, Refused, Refused]);
    assert!(accepted.receipts.iter().all(|receipt| (receipt.outcome == Refused) == receipt.code.is_some()));
    let reasons: Vec<&str> =
        accepted.receipts.iter().filter_map(|receipt| receipt.reason.as_deref()).collect();
    assert!(reasons.len() == 4 && reasons.iter().all(|reason| !reason.ends_with(']')), "{reasons:?}");
    assert_eq!(accepted.receipts[5].code, Some("version-conflict"));
    assert_eq!(accepted.receipts[6].code, Some("object-size"));
    assert_eq!(accepted.receipts[0].version.as_deref(), Some("2025-01-01T00:00:00.000Z"));
    let page =
        bench.node.page(&root, "inbox", &PageRequest { limit: 10, ..Default::default() }).await.unwrap();
    assert_eq!(page.get().count, 1);
}

#[tokio::test]
async fn a_status_counts_every_object() {
    let (bench, _) = Bench::new().await;
    let root = bench.operator().await;
    let objects = vec![
        Bytes::from(indicator(1, "[url:value = 'http://a.example/']", "")),
        Bytes::from_static(br#"{"type":"tool","id":"tool--1"}"#),
    ];
    let (options, status) = (Options::default(), KeepStatus::Yes);
    let request = AcceptRequest { collection: "inbox", objects, options, status };
    let accepted = bench.node.accept(&root, request).await.unwrap();
    let status = accepted.status.unwrap();
    let states: Vec<_> = status.objects.iter().map(|object| object.state).collect();
    assert_eq!(states.iter().filter(|state| **state == StatusState::Success).count(), 1);
    assert_eq!(states.iter().filter(|state| **state == StatusState::Failure).count(), 1);
    let failure = status.objects.iter().find_map(|object| object.message.as_deref()).unwrap();
    assert!(failure.ends_with("[id-form]"), "a status has no other place for the code: {failure}");
    assert_eq!(bench.node.status_of(&root, &status.id).await.unwrap().get(), &status);
    let ann = bench.user("ann", Role::Analyst).await;
    assert!(bench.node.status_of(&ann, &status.id).await.is_err());
}

#[tokio::test]
async fn strictness_refuses_what_a_lenient_collection_keeps() {
    let (bench, _) = Bench::new().await;
    let root = bench.operator().await;
    let unparsable = indicator(1, "[this is no pattern", "");
    let kept = bench.accept(&root, "inbox", std::slice::from_ref(&unparsable)).await;
    assert_eq!(outcomes(&kept), [Outcome::Accepted]);
    assert!(!kept.receipts[0].findings.is_empty());
    let objects = vec![Bytes::from(unparsable)];
    let options = Options { strict: true, ..Options::default() };
    let request = AcceptRequest { collection: "inbox", objects, options, status: KeepStatus::No };
    let refused = bench.node.accept(&root, request).await.unwrap();
    assert_eq!(outcomes(&refused), [Outcome::Refused]);
}

#[tokio::test]
async fn red_is_for_the_poster_and_those_named() {
    let (bench, _) = Bench::new().await;
    for name in ["ann", "bob", "eve"] {
        bench.user(name, Role::Analyst).await;
    }
    let (ann, bob, eve) =
        (bench.principal("ann").await, bench.principal("bob").await, bench.principal("eve").await);
    let own_marking = indicator(1, "[url:value = 'http://red.example/']", RED);
    bench.accept(&ann, "inbox", &[own_marking]).await;
    let options = Options { tlp: Some(TlpLevel::Red), to: vec!["user:bob".into()], ..Options::default() };
    let objects = vec![Bytes::from(indicator(2, "[url:value = 'http://red2.example/']", ""))];
    let request = AcceptRequest { collection: "inbox", objects, options, status: KeepStatus::No };
    bench.node.accept(&ann, request.clone()).await.unwrap();
    let all = PageRequest { limit: 10, ..Default::default() };
    let count = async |who: &Principal| bench.node.page(who, "inbox", &all).await.unwrap().get().count;
    assert_eq!((count(&ann).await, count(&bob).await, count(&eve).await), (2, 1, 0));
    let unknown = Options { to: vec!["user:nobody".into()], ..Options::default() };
    let request = AcceptRequest { options: unknown, ..request };
    assert!(matches!(bench.node.accept(&ann, request).await, Err(AcceptError::UserUnknown(_))));
}

#[tokio::test]
async fn what_bears_a_look_alike_of_tlp_is_for_the_poster_alone() {
    let (bench, _) = Bench::new().await;
    bench.user("ann", Role::Analyst).await;
    let (root, ann) = (bench.operator().await, bench.principal("ann").await);
    let id = "marking-definition--00000000-0000-4000-8000-0000000000aa";
    let marking = format!(
        r#"{{"type":"marking-definition","spec_version":"2.1","id":"{id}","created":"2022-10-01T00:00:00.000Z","name":"TLP:CLEAR","extensions":{{"extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d":{{"extension_type":"property-extension","tlp_2_0":"clear"}}}}}}"#
    );
    let refs = format!(r#","object_marking_refs":["{id}"]"#);
    let first = indicator(1, "[url:value = 'http://1.example/']", &refs);
    bench.accept(&root, "inbox", &[first, marking]).await;
    bench.accept(&root, "inbox", &[indicator(2, "[url:value = 'http://2.example/']", &refs)]).await;
    let all = PageRequest { limit: 10, ..Default::default() };
    let page = bench.node.page(&ann, "inbox", &all).await.unwrap().into_inner();
    let text = String::from_utf8(page.objects.to_vec()).unwrap();
    assert!(page.count == 1 && text.starts_with(r#"{"type":"marking-definition""#), "{text}");
    assert_eq!(bench.node.page(&root, "inbox", &all).await.unwrap().get().count, 3);
}

#[tokio::test]
async fn the_definition_of_red_is_for_everybody() {
    let (bench, _) = Bench::new().await;
    bench.user("ann", Role::Analyst).await;
    let (root, ann) = (bench.operator().await, bench.principal("ann").await);
    let red = r#"{"type":"marking-definition","spec_version":"2.1","id":"marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1","created":"2022-10-01T00:00:00.000Z","name":"TLP:RED","extensions":{"extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d":{"extension_type":"property-extension","tlp_2_0":"red"}}}"#;
    bench.accept(&root, "inbox", &[red.into()]).await;
    let all = PageRequest { limit: 10, ..Default::default() };
    assert_eq!(bench.node.page(&ann, "inbox", &all).await.unwrap().get().count, 1);
}

#[tokio::test]
async fn who_may_not_write_is_told_so_or_nothing() {
    let (bench, _) = Bench::new().await;
    let reader = bench.user("bob", Role::Reader).await;
    bench.collection("secret", vec![]).await;
    let request = |collection| AcceptRequest {
        collection,
        objects: vec![],
        options: Options::default(),
        status: KeepStatus::No,
    };
    let refused = bench.node.accept(&reader, request("inbox")).await.unwrap_err();
    assert_eq!(refused.code(), "collection-not-writable");
    for hidden in ["secret", "no-such"] {
        let refused = bench.node.accept(&reader, request(hidden)).await.unwrap_err();
        assert_eq!(
            (refused.code(), refused.to_string().as_str()),
            ("collection-unknown", "no such collection")
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn every_object_gets_one_receipt(
        objects in prop::collection::vec(prop_oneof![
            (1_u32..6, "[a-z]{0,3}").prop_map(|(at, word)| indicator(at, &format!("[url:value = '{word}']"), "")),
            "\\PC{0,40}",
            (1_u32..6).prop_map(|at| indicator(at, "x", "").replace("2.1", "9.9")),
        ], 0..12)
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (bench, _) = Bench::new().await;
            let root = bench.operator().await;
            let accepted = bench.accept(&root, "inbox", &objects).await;
            assert_eq!(accepted.receipts.len(), objects.len());
            let summary = Summary::of(&accepted.receipts);
            let total = summary.accepted + summary.known + summary.newer + summary.older + summary.refused;
            assert_eq!(total, objects.len() as u64);
            let again = bench.accept(&root, "inbox", &objects).await;
            assert!(again.receipts.iter().all(|receipt| receipt.outcome != Outcome::Accepted));
        });
    }
}
