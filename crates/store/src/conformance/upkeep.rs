//! Figures, checks, backup, state hash, settings and jobs.

use base::Micros;

use super::Site;
use super::sample::{START, Sample, add, batch_by, collections, day, id, viewer, writer};
use crate::{Filter, Job};

/// Figures count what the viewer may know, each object once.
pub async fn figures_count_once(site: Site) {
    let store = site.open();
    let c = collections(&*store, 2).await;
    let tool = Sample::of(&id("tool", 9), Some(&day(1)));
    add(&*store, c[0], &[Sample::indicator(1, 1), Sample::indicator(1, 2), Sample::indicator(2, 1)]).await;
    add(&*store, c[1], &[Sample::indicator(1, 1), tool]).await;
    let of = async |mine: &[handling::CollectionNo]| {
        let figures = store.figures(Some(&viewer(1, mine))).await.unwrap();
        (figures.objects, figures.versions, figures.by_type, figures.collections, figures.disk_bytes)
    };
    let by_type = |list: &[(&str, u64)]| {
        list.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect::<Vec<_>>()
    };
    assert_eq!(of(&c[..1]).await, (2, 3, by_type(&[("indicator", 2)]), 1, 0));
    assert_eq!(of(&c[1..]).await, (2, 2, by_type(&[("indicator", 1), ("tool", 1)]), 1, 0));
    assert_eq!(of(&c).await, (3, 4, by_type(&[("indicator", 2), ("tool", 1)]), 2, 0));
    let all = store.figures(None).await.unwrap();
    assert_eq!((all.objects, all.versions, all.collections), (3, 4, 2));
    assert!(all.disk_bytes > 0);
}

/// A healthy store says so, line by line.
pub async fn a_healthy_store_says_so(site: Site) {
    let store = site.open();
    let c = collections(&*store, 1).await;
    add(&*store, c[0], &[Sample::indicator(1, 1), Sample::observable(2)]).await;
    for deep in [false, true] {
        let checks = store.check(deep).await.unwrap();
        assert!(checks.iter().all(|check| check.ok && !check.detail.is_empty()), "{checks:?}");
        assert!(checks.len() >= 4);
    }
    assert_eq!(store.read_only(), None);
}

/// What was derived when objects came is what is derived from their bytes.
pub async fn what_is_derived_again_is_the_same(site: Site) {
    let store = site.open();
    let c = collections(&*store, 2).await;
    let texts = real_objects();
    for collection in &c {
        let entries = texts.iter().map(|text| examined(text)).collect();
        let batch = crate::Batch { writer: writer(1, *collection), at: START, entries, status: None };
        store.add(batch).await.unwrap();
    }
    let hash = store.state_hash().await.unwrap();
    assert_eq!(store.rebuild(false).await.unwrap(), []);
    assert_eq!(store.rebuild(true).await.unwrap(), []);
    assert_eq!(store.state_hash().await.unwrap(), hash);
    let words =
        crate::SearchRequest { words: vec!["beacon".into()], limit: 9, ..crate::SearchRequest::default() };
    assert_eq!(store.search(&viewer(1, &c), &words).await.unwrap().rows.len(), 1);
    assert_eq!(store.rebuild(false).await.unwrap(), [], "after the text was written");
    let narrower = Sample::indicator(1, 1).only_for(&[1]).entry().rules.unwrap();
    let narrowed = examined(&texts[0]).facts.id;
    assert_eq!(store.narrow(&writer(1, c[0]), narrowed.as_str(), &narrower.into()).await.unwrap(), 1);
    assert_eq!(store.rebuild(false).await.unwrap(), [], "after an object was narrowed");
}

fn real_objects() -> [String; 4] {
    let times = r#""created":"2024-01-01T00:00:00.000Z","modified":"2024-01-02T00:00:00.000Z""#;
    let (indicator, malware) = (id("indicator", 1), id("malware", 2));
    [
        format!(
            r#"{{"type":"indicator","spec_version":"2.1","id":"{indicator}",{times},"name":"Beacon","pattern":"[ipv4-addr:value = '192.0.2.1']","pattern_type":"stix","valid_from":"2024-01-01T00:00:00Z","valid_until":"2034-01-01T00:00:00Z","confidence":70,"created_by_ref":"{}"}}"#,
            id("identity", 3)
        ),
        format!(
            r#"{{"type":"malware","spec_version":"2.1","id":"{malware}",{times},"name":"M","is_family":false}}"#
        ),
        format!(
            r#"{{"type":"relationship","spec_version":"2.1","id":"{}",{times},"relationship_type":"indicates","source_ref":"{indicator}","target_ref":"{malware}"}}"#,
            id("relationship", 4)
        ),
        format!(
            r#"{{"type":"sighting","spec_version":"2.1","id":"{}",{times},"sighting_of_ref":"{indicator}","count":3}}"#,
            id("sighting", 5)
        ),
    ]
}

fn examined(text: &str) -> crate::Entry {
    let bytes = bytes::Bytes::copy_from_slice(text.as_bytes());
    let valid = stix::examine(&bytes, stix::Profile::Store).unwrap_or_else(|refused| panic!("{refused:?}"));
    crate::Entry::from_valid(&valid, bytes.clone())
}

/// The state hash depends on what is held, not on order, dates or places.
pub async fn state_hashes_agree(site: Site) {
    let store = site.open();
    let c = collections(&*store, 2).await;
    let empty = store.state_hash().await.unwrap();
    let (one, two) = (Sample::indicator(1, 1), Sample::indicator(2, 1).with(|facts| facts.tlp = Some(2)));
    add(&*store, c[0], &[one.clone(), two.clone()]).await;
    let both = store.state_hash().await.unwrap();
    assert_ne!(empty, both);
    for number in [1, 2] {
        store.delete(&writer(1, c[0]), &id("indicator", number), &Filter::default()).await.unwrap();
    }
    assert_eq!(store.state_hash().await.unwrap(), empty);
    site.clock.advance(77);
    add(&*store, c[1], &[two.clone()]).await;
    assert_ne!(store.state_hash().await.unwrap(), both);
    store.add(batch_by(5, c[0], &[one, two])).await.unwrap();
    assert_eq!(store.state_hash().await.unwrap(), both);
}

/// Settings and jobs are kept over restarts; the last word counts.
pub async fn settings_and_jobs_are_kept(site: Site) {
    let store = site.open();
    assert_eq!(store.setting("name").await.unwrap(), None);
    store.set_setting("name", "CERT A").await.unwrap();
    store.set_setting("name", "CERT B").await.unwrap();
    let job = |state: &str, at| Job { name: "pull x".into(), state: state.into(), at };
    assert_eq!(store.job("pull x").await.unwrap(), None);
    store.put_job(job("{}", START)).await.unwrap();
    store.put_job(job("{\"next\":1}", Micros(5))).await.unwrap();
    for name in ["pull", "pull é", "pull é1", "pull%"] {
        store.put_job(Job { name: name.into(), ..job("{}", START) }).await.unwrap();
    }
    let left = async || {
        let mut left = Vec::new();
        for name in ["pull", "pull x", "pull é", "pull é1", "pull%"] {
            if store.job(name).await.unwrap().is_some() {
                left.push(name);
            }
        }
        left
    };
    store.put_job(Job { name: "pull é1".into(), ..job("{}", START.plus(1)) }).await.unwrap();
    for (prefix, most) in [("", 5), ("pull ", 3), ("pull é", 2), ("pull%", 1), ("x", 0)] {
        store.forget_jobs(prefix, most).await.unwrap();
        assert_eq!(left().await.len(), 5, "{prefix:?}");
    }
    store.forget_jobs("pull é", 1).await.unwrap();
    assert_eq!(left().await, ["pull", "pull x", "pull é1", "pull%"], "the one that wrote last is kept");
    store.forget_jobs("pull%", 0).await.unwrap();
    assert_eq!(left().await, ["pull", "pull x", "pull é1"]);
    let key = store.fingerprint_key();
    drop(store);
    let store = site.open();
    assert_eq!(store.setting("name").await.unwrap().as_deref(), Some("CERT B"));
    assert_eq!(store.job("pull x").await.unwrap(), Some(job("{\"next\":1}", Micros(5))));
    assert_eq!(store.fingerprint_key().0, key.0);
}
