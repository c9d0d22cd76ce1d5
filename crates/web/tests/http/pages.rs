//! Paging: every object once, in order of adding, whatever happens meanwhile.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use handling::{Role, Scope};
use serde_json::Value;

use crate::house::{House, Person, id, indicator, modified};

fn ids(count: usize) -> Vec<String> {
    (0..count).map(|number| id("indicator", number)).collect()
}

async fn fill(person: &Person, collection: &str, count: usize) {
    let objects: Vec<Value> = (0..count).map(|number| indicator(number, 0)).collect();
    let status = person.post(collection, &objects).await;
    assert_eq!(status["success_count"], count, "{}", status["failures"][0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_size_gives_every_object_once_in_order() {
    let house = House::new().await;
    let ann = house.person("ann", Role::Analyst).await;
    house.collection("c1", &[(&ann, "rw")]).await;
    fill(&ann, "c1", 23).await;
    for limit in [1, 2, 7, 22, 23, 24, 5_000, 1_000_000] {
        for kind in ["objects", "manifest"] {
            let pages = ann.pages(&format!("/api1/collections/c1/{kind}/?limit={limit}")).await;
            assert!(pages.iter().all(|page| page.len() <= limit));
            assert_eq!(pages.concat(), ids(23), "{kind} {limit}");
        }
    }
    for bad in ["0", "-1", "x", "1.5", ""] {
        let answer = ann.get(&format!("/api1/collections/c1/objects/?limit={bad}")).await;
        assert_eq!(answer.taxii_error(400), "query-malformed", "{bad}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_are_paged_like_the_rest() {
    let house = House::new().await;
    let ann = house.person("ann", Role::Analyst).await;
    house.collection("c1", &[(&ann, "rw")]).await;
    let objects: Vec<Value> = (0..5).map(|version| indicator(1, version)).collect();
    ann.post("c1", &objects).await;
    let target = format!("/api1/collections/c1/objects/{}/versions/?limit=2", id("indicator", 1));
    let mut seen = Vec::new();
    let mut next = None;
    loop {
        let full = next.map_or(target.clone(), |next: String| format!("{target}&next={next}"));
        let answer = ann.get(&full).await;
        seen.extend(answer.json()["versions"].as_array().unwrap().clone());
        next = answer.next();
        if next.is_none() {
            break;
        }
    }
    assert_eq!(seen.len(), 5);
    assert_eq!(seen.iter().map(Value::to_string).collect::<BTreeSet<_>>().len(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_thousand_objects_of_one_commit_are_paged_exactly() {
    let house = House::new().await;
    let ann = house.person("ann", Role::Analyst).await;
    house.collection("c1", &[(&ann, "rw")]).await;
    fill(&ann, "c1", 50_000).await;
    assert_eq!(ann.pages("/api1/collections/c1/objects/?limit=4999").await.concat(), ids(50_000));
    let mut after = String::new();
    let mut seen = Vec::new();
    let mut dates = BTreeSet::new();
    loop {
        let answer = ann.get(&format!("/api1/collections/c1/manifest/?limit=5000{after}")).await;
        for line in answer.objects() {
            seen.push(line["id"].as_str().unwrap().to_owned());
            dates.insert(line["date_added"].as_str().unwrap().to_owned());
        }
        if answer.next().is_none() {
            break;
        }
        after = format!("&added_after={}", answer.header("x-taxii-date-added-last").unwrap());
    }
    assert_eq!(seen, ids(50_000));
    assert_eq!(dates.len(), 50_000, "every object has a moment of its own");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poller_misses_nothing_while_others_write() {
    let house = House::new().await;
    let ann = house.person("ann", Role::Analyst).await;
    house.collection("c1", &[(&ann, "rw")]).await;
    let done = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..4)
        .map(|writer| {
            let ann = ann.clone();
            tokio::spawn(async move {
                for batch in 0..10 {
                    let from = writer * 1_000 + batch * 20;
                    let objects: Vec<Value> = (from..from + 20).map(|number| indicator(number, 0)).collect();
                    ann.post("c1", &objects).await;
                }
            })
        })
        .collect();
    let poller = tokio::spawn({
        let (ann, done) = (ann.clone(), Arc::clone(&done));
        async move {
            let mut seen = Vec::new();
            let mut after = "2000-01-01T00:00:00.000000Z".to_owned();
            loop {
                let last_round = done.load(Ordering::SeqCst);
                let answer =
                    ann.get(&format!("/api1/collections/c1/objects/?limit=13&added_after={after}")).await;
                let page = answer.objects();
                seen.extend(page.iter().map(|object| object["id"].as_str().unwrap().to_owned()));
                after = answer.header("x-taxii-date-added-last").unwrap().to_owned();
                if last_round && page.is_empty() {
                    return seen;
                }
            }
        }
    });
    for writer in writers {
        writer.await.unwrap();
    }
    done.store(true, Ordering::SeqCst);
    let seen = poller.await.unwrap();
    assert_eq!(seen.len(), 800, "nothing twice");
    assert_eq!(seen.into_iter().collect::<BTreeSet<_>>().len(), 800, "nothing missed");
}

/// A client that follows `next`, and one that goes on from the last date, get the version that is the latest once a later one is deleted.
#[tokio::test(flavor = "multi_thread")]
async fn a_poller_gets_what_is_the_latest_once_a_later_version_is_deleted() {
    let house = House::new().await;
    let ann = house.person("ann", Role::Analyst).await;
    house.collection("c1", &[(&ann, "rw")]).await;
    ann.post("c1", &[indicator(50, 1)]).await;
    fill(&ann, "c1", 5).await;
    ann.post("c1", &[indicator(50, 2)]).await;
    let objects = "/api1/collections/c1/objects/";
    let first = ann.get(&format!("{objects}?limit=3")).await;
    let end = ann.get(objects).await.header("x-taxii-date-added-last").unwrap().to_owned();
    let later = format!("{objects}{}/?match[version]={}", id("indicator", 50), modified(2));
    assert_eq!(ann.ask("DELETE", &later).send().await.status, 200);
    let (mut seen, mut next) = (first.objects(), first.next());
    while let Some(cursor) = next {
        let page = ann.get(&format!("{objects}?limit=3&next={cursor}")).await;
        seen.extend(page.objects());
        next = page.next();
    }
    let mut wanted = ids(5);
    wanted.push(id("indicator", 50));
    let told: Vec<&str> = seen.iter().map(|object| object["id"].as_str().unwrap()).collect();
    assert_eq!(told, wanted);
    assert_eq!(seen[5]["modified"], modified(1));
    let since = ann.get(&format!("{objects}?added_after={end}")).await;
    assert_eq!(since.objects(), seen[5..]);
    assert!(since.header("x-taxii-date-added-first").unwrap() > end.as_str());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_survives_a_restart_and_a_retry_and_belongs_to_its_question() {
    let house = House::new().await;
    let ann = house.person("ann", Role::Analyst).await;
    house.collection("c1", &[(&ann, "rw")]).await;
    house.collection("c2", &[(&ann, "rw")]).await;
    fill(&ann, "c1", 10).await;
    let first = ann.get("/api1/collections/c1/objects/?limit=4&match[type]=indicator").await;
    let next = first.next().unwrap();
    let house = house.restarted().await;
    let ann = house.token("ann", &Scope::ALL).await;
    let go_on = format!("/api1/collections/c1/objects/?limit=4&match[type]=indicator&next={next}");
    let second = ann.get(&go_on).await;
    assert_eq!(second.body, ann.get(&go_on).await.body);
    assert_eq!(second.objects()[0]["id"], id("indicator", 4));
    for other in [
        format!("/api1/collections/c2/objects/?limit=4&match[type]=indicator&next={next}"),
        format!("/api1/collections/c1/objects/?limit=4&match[type]=malware&next={next}"),
        format!("/api1/collections/c1/objects/?next={next}x"),
        "/api1/collections/c1/objects/?next=nonsense".into(),
        "/api1/collections/c1/objects/?next=%00".into(),
    ] {
        assert_eq!(ann.get(&other).await.taxii_error(400), "bad-cursor", "{other}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_and_added_after_combine() {
    let house = House::new().await;
    let ann = house.person("ann", Role::Analyst).await;
    house.collection("c1", &[(&ann, "rw")]).await;
    fill(&ann, "c1", 5).await;
    let identity = serde_json::json!({
        "type": "identity", "spec_version": "2.1", "id": id("identity", 1), "name": "n", "identity_class": "organization",
        "created": "2024-01-01T00:00:00.000Z", "modified": "2024-01-01T00:00:00.000Z",
    });
    ann.post("c1", &[identity]).await;
    let count =
        async |query: &str| ann.get(&format!("/api1/collections/c1/objects/?{query}")).await.objects().len();
    assert_eq!(count("match[type]=indicator").await, 5);
    assert_eq!(count("match[type]=identity,malware").await, 1);
    assert_eq!(count("match[type]=malware").await, 0);
    let two = format!("match[id]={},{}", id("indicator", 0), id("identity", 1));
    assert_eq!(count(&two).await, 2);
    assert_eq!(count(&format!("{two}&match[type]=identity")).await, 1);
    assert_eq!(count("match[spec_version]=2.0").await, 0);
    assert_eq!(count("match[spec_version]=2.0,2.1&match[unknown]=x&y=z").await, 6);
    let manifest = ann.get("/api1/collections/c1/manifest/").await.objects();
    let third = manifest[2]["date_added"].as_str().unwrap();
    assert_eq!(count(&format!("added_after={third}")).await, 3);
    assert_eq!(count(&format!("added_after={third}&match[type]=identity")).await, 1);
    let last = manifest[5]["date_added"].as_str().unwrap();
    let empty = ann.get(&format!("/api1/collections/c1/objects/?added_after={last}")).await;
    assert_eq!((empty.status, empty.body.as_slice()), (200, &b"{}"[..]));
    assert_eq!(empty.header("x-taxii-date-added-last"), Some(last));
    for bad in [
        "added_after=x",
        "added_after=2024-01-01T00:00:00Z&added_after=2024-01-01T00:00:00Z",
        "match[id]=x",
        "match[type]=",
        "match[version]=newest",
        "match[spec_version]=x",
        "match[type]=a&match%5Btype%5D=b",
        "limit=%zz",
    ] {
        ann.get(&format!("/api1/collections/c1/objects/?{bad}")).await.taxii_error(400);
        ann.get(&format!("/api1/collections/c1/manifest/?{bad}")).await.taxii_error(400);
    }
}
