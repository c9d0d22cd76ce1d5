//! Objects coming out, and going away.

use node::{ExportFormat, ExportRequest, ReadError};
use store::{Direction, Filter, PageRequest};

use super::*;

fn limit(limit: usize) -> PageRequest {
    PageRequest { limit, ..PageRequest::default() }
}

async fn filled() -> (Bench, Principal) {
    let (bench, _) = Bench::new().await;
    let root = bench.operator().await;
    let objects: Vec<_> =
        (1..=5).map(|at| indicator(at, &format!("[url:value = 'http://{at}.example/']"), "")).collect();
    bench.accept(&root, "inbox", &objects).await;
    (bench, root)
}

#[tokio::test]
async fn pages_follow_each_other_and_end() {
    let (bench, root) = filled().await;
    let mut request = limit(2);
    let mut seen = 0;
    loop {
        let page = bench.node.page(&root, "inbox", &request).await.unwrap().into_inner();
        seen += page.count;
        request.next = page.page.next;
        if request.next.is_none() {
            break;
        }
    }
    assert_eq!(seen, 5);
    let manifest = bench.node.manifest(&root, "inbox", &limit(5)).await.unwrap().into_inner();
    assert_eq!(manifest.rows.len(), 5);
    let last = manifest.page.last_added;
    let after = PageRequest { added_after: last, ..limit(5) };
    assert_eq!(bench.node.page(&root, "inbox", &after).await.unwrap().get().count, 0);
    let before_last = PageRequest { added_after: last.map(|last| last.plus(-1)), ..limit(5) };
    assert_eq!(bench.node.page(&root, "inbox", &before_last).await.unwrap().get().count, 1);
    let junk = PageRequest { next: Some("junk".into()), ..limit(5) };
    assert!(matches!(bench.node.page(&root, "inbox", &junk).await, Err(ReadError::BadCursor)));
}

#[tokio::test]
async fn absent_and_withheld_answer_alike() {
    let (bench, _) = filled().await;
    bench.collection("own", vec![("user:root", RW)]).await;
    let root = bench.operator().await;
    bench.accept(&root, "own", &[indicator(9, "[url:value = 'http://9.example/']", "")]).await;
    let ann = bench.user("ann", Role::Analyst).await;
    let (absent, withheld) = (
        "indicator--00000000-0000-4000-8000-000000000099",
        "indicator--00000000-0000-4000-8000-000000000009",
    );
    for id in [absent, withheld] {
        assert!(matches!(bench.node.object(&ann, id, None).await, Err(ReadError::NotFound(_))));
        assert!(matches!(bench.node.history(&ann, id).await, Err(ReadError::NotFound(_))));
        assert!(matches!(
            bench.node.object_in(&ann, "inbox", id, &limit(1)).await,
            Err(ReadError::NotFound(_))
        ));
        assert!(matches!(
            bench.node.object_in(&ann, "own", id, &limit(1)).await,
            Err(ReadError::CollectionUnknown)
        ));
        let edges = bench.node.edges(&ann, id, Direction::Inward, (10, None)).await.unwrap();
        assert!(edges.get().0.is_empty());
    }
    assert!(bench.node.object(&root, withheld, None).await.is_ok());
}

#[tokio::test]
async fn deleting_takes_both_rights_and_takes_every_version() {
    let (bench, root) = filled().await;
    let id = "indicator--00000000-0000-4000-8000-000000000001";
    let newer = indicator(1, "[url:value = 'http://new.example/']", "")
        .replace("\"modified\":\"2025-01-01", "\"modified\":\"2025-01-02");
    bench.accept(&root, "inbox", &[newer]).await;
    let versions = bench.node.versions(&root, "inbox", id, &limit(9)).await.unwrap();
    assert_eq!(versions.get().rows.len(), 2);
    bench.user("ann", Role::Reader).await;
    let ann = bench.principal("ann").await;
    let refused = bench.node.delete(&ann, "inbox", id, &Filter::default()).await.unwrap_err();
    assert_eq!(refused.code(), "collection-not-writable");
    let deleted = bench.node.delete(&root, "inbox", id, &Filter::default()).await.unwrap();
    assert_eq!(deleted.versions, 2);
    assert!(bench.node.object(&root, id, None).await.is_err());
    let again = bench.node.delete(&root, "inbox", id, &Filter::default()).await;
    assert!(matches!(again, Err(ReadError::NotFound(_))));
}

async fn exported(bench: &Bench, who: &Principal, request: ExportRequest) -> String {
    let mut export = bench.node.export(who, request).await.unwrap();
    let mut out = Vec::new();
    while let Some(chunk) = export.next().await.unwrap() {
        out.extend_from_slice(chunk.get());
    }
    String::from_utf8(out).unwrap()
}

#[tokio::test]
async fn an_export_holds_each_object_once() {
    let (bench, _) = filled().await;
    bench.collection("own", vec![("user:root", RW)]).await;
    let root = bench.operator().await;
    let (shared, fresh) = (
        indicator(1, "[url:value = 'http://1.example/']", ""),
        indicator(9, "[url:value = 'http://9.example/']", ""),
    );
    bench.accept(&root, "own", &[shared, fresh]).await;
    let all = exported(&bench, &root, ExportRequest::default()).await;
    let bundle: serde_json::Value = serde_json::from_str(&all).unwrap();
    assert_eq!((bundle["type"].as_str(), bundle["objects"].as_array().unwrap().len()), (Some("bundle"), 6));
    // A later version in another collection takes the place of the earlier, unless every version is asked for.
    let newer = indicator(1, "[url:value = 'http://1.example/']", "")
        .replace("\"modified\":\"2025-01-01", "\"modified\":\"2025-01-02");
    bench.accept(&root, "own", &[newer]).await;
    for (versions, count) in [(vec![], 6), (vec![store::VersionPick::All], 7)] {
        let filter = Filter { versions, ..Filter::default() };
        let all = exported(&bench, &root, ExportRequest { filter, ..ExportRequest::default() }).await;
        let bundle: serde_json::Value = serde_json::from_str(&all).unwrap();
        assert_eq!(bundle["objects"].as_array().unwrap().len(), count);
        assert!(all.contains("2025-01-02"), "the later one is there");
    }
    let one = ExportRequest { collection: Some("own".into()), ..ExportRequest::default() };
    let bundle: serde_json::Value = serde_json::from_str(&exported(&bench, &root, one).await).unwrap();
    assert_eq!(bundle["objects"].as_array().unwrap().len(), 2);
    let none = Filter { types: vec!["malware".into()], ..Filter::default() };
    let none = ExportRequest { filter: none, ..ExportRequest::default() };
    let bundle: serde_json::Value = serde_json::from_str(&exported(&bench, &root, none).await).unwrap();
    assert!(bundle.get("objects").is_none());
    let csv = ExportRequest { format: ExportFormat::Csv, ..ExportRequest::default() };
    let csv = exported(&bench, &root, csv).await;
    assert!(csv.starts_with("value,kind,id,") && csv.contains("http://9.example/,url,indicator--"), "{csv}");
    let ann = bench.user("ann", Role::Analyst).await;
    let hidden = ExportRequest { collection: Some("own".into()), ..ExportRequest::default() };
    assert!(matches!(bench.node.export(&ann, hidden).await, Err(ReadError::CollectionUnknown)));
}

#[tokio::test]
async fn the_state_is_told_to_administrators() {
    let (bench, root) = filled().await;
    let state = bench.node.state(&root).await.unwrap();
    assert_eq!((state.objects, state.state_hash.len()), (5, 64));
    assert_eq!(bench.node.figures(&root).await.unwrap().get().objects, 5);
    let checks = bench.node.doctor(&root, node::Depth::Deep).await.unwrap();
    assert!(checks.iter().all(|check| check.ok), "{checks:#?}");
    let ann = bench.user("ann", Role::Analyst).await;
    assert_eq!(bench.node.state(&ann).await.unwrap_err().code(), "role-missing");
}
