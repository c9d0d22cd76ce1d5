//! Requests for a second person: asked once, answered once, used once, kept for good.

use std::sync::Arc;

use base::Micros;
use handling::{Guarded, Means, Originator, Pap, Rules, Shown, UserNo};
use stix::TlpLevel;

use super::sample::{Sample, add, collections};
use super::{Site, every};
use crate::{Answer, ApprovalRow, Spending, StoreError, Verdict};

const ANN: UserNo = UserNo(1);
const BOB: UserNo = UserNo(2);

fn request(id: &str, requester: UserNo, words: &str) -> ApprovalRow {
    ApprovalRow {
        id: id.to_owned(),
        deed: Guarded::BulkExport,
        words: words.to_owned(),
        requester,
        asked_with: Some(Shown { means: Means::Token, known_to: [UserNo(7), BOB].into() }),
        asked: Micros(10),
        expires: Micros(100),
        answer: None,
        spent: None,
    }
}

fn answer(verdict: Verdict, at: i64) -> Answer {
    Answer {
        verdict,
        by: BOB,
        with: Some(Shown::own(Means::Password)),
        at: Micros(at),
        reason: "seen".to_owned(),
        leaf: Some(7),
    }
}

fn spending(words: &str, at: i64) -> Spending<'_> {
    Spending { requester: ANN, deed: Guarded::BulkExport, words, at: Micros(at) }
}

/// The same wish is one request, and nobody has more open than allowed.
pub async fn the_same_wish_is_one_request(site: Site) {
    let store = site.open();
    let first = store.ask_approval(request("one", ANN, "all"), 2).await.unwrap().unwrap();
    assert_eq!(first.id, "one");
    let again = store.ask_approval(request("two", ANN, "all"), 2).await.unwrap().unwrap();
    assert_eq!(again.id, "one");
    let other = Some(Shown::own(Means::Token));
    let other = ApprovalRow { asked_with: other, expires: Micros(11), ..request("own", ANN, "all") };
    let other = store.ask_approval(other, 2).await.unwrap().unwrap();
    assert_eq!(other.id, "own", "with a credential that nobody else has had it is another request");
    let refused = answer(Verdict::Refused, 10);
    assert_eq!(store.answer_approval("own", refused.clone()).await.unwrap().answer, Some(refused));
    assert_eq!(store.ask_approval(request("two", ANN, "some"), 2).await.unwrap().unwrap().id, "two");
    assert_eq!(store.ask_approval(request("three", ANN, "more"), 2).await.unwrap(), None);
    assert!(store.ask_approval(request("three", BOB, "more"), 2).await.unwrap().is_some());
    let late = ApprovalRow { asked: Micros(100), expires: Micros(200), ..request("four", ANN, "all") };
    assert_eq!(store.ask_approval(late, 2).await.unwrap().unwrap().id, "four", "the first has run out");
    let ids = |rows: Vec<ApprovalRow>| rows.into_iter().map(|row| row.id).collect::<Vec<_>>();
    assert_eq!(ids(store.approvals(None, 9).await.unwrap()), ["four", "two", "three", "own", "one"]);
    assert_eq!(ids(store.approvals(Some(ANN), 2).await.unwrap()), ["four", "two"]);
}

/// The first answer counts, and one that comes too late does not.
pub async fn an_answer_is_given_once_and_in_time(site: Site) {
    let store = site.open();
    store.ask_approval(request("one", ANN, "all"), 9).await.unwrap();
    let unknown = store.answer_approval("two", answer(Verdict::Granted, 20)).await;
    assert!(matches!(unknown, Err(StoreError::NotFound { .. })));
    let late = store.answer_approval("one", answer(Verdict::Granted, 100)).await.unwrap();
    assert_eq!(late.answer, None);
    let refused = answer(Verdict::Refused, 20);
    assert_eq!(store.answer_approval("one", refused.clone()).await.unwrap().answer, Some(refused.clone()));
    let other = store.answer_approval("one", answer(Verdict::Granted, 21)).await.unwrap();
    assert_eq!(other.answer, Some(refused.clone()));
    assert_eq!(store.spend_approval(spending("all", 30)).await.unwrap(), None);
    drop(store);
    let store = site.open();
    assert_eq!(store.approval("one").await.unwrap().answer, Some(refused));
    assert_eq!(store.ask_approval(request("two", ANN, "all"), 9).await.unwrap().unwrap().id, "two");
}

/// An approval is given out once, to whoever asked, for what was asked, in time.
pub async fn an_approval_is_used_once(site: Site) {
    let store = site.open();
    store.ask_approval(request("one", ANN, "all"), 9).await.unwrap();
    assert_eq!(store.spend_approval(spending("all", 20)).await.unwrap(), None, "nobody has answered");
    store.answer_approval("one", answer(Verdict::Granted, 20)).await.unwrap();
    for wrong in [
        Spending { requester: BOB, ..spending("all", 30) },
        Spending { deed: Guarded::KeyExport, ..spending("all", 30) },
        spending("more", 30),
        spending("all", 100),
    ] {
        assert_eq!(store.spend_approval(wrong).await.unwrap(), None, "{wrong:?}");
    }
    let given = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let tries = (0..8).map(|_| {
        let (store, given) = (Arc::clone(&store), Arc::clone(&given));
        async move {
            if let Some(row) = store.spend_approval(spending("all", 30)).await.unwrap() {
                assert_eq!((row.id.as_str(), row.spent), ("one", Some(Micros(30))));
                given.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            }
        }
    });
    every(tries).await;
    assert_eq!(given.load(std::sync::atomic::Ordering::Relaxed), 1);
    let again = store.ask_approval(request("two", ANN, "all"), 9).await.unwrap().unwrap();
    assert_eq!(again.id, "two", "the next time somebody is asked anew");
    store.answer_approval("two", answer(Verdict::BrokenGlass, 40)).await.unwrap();
    assert_eq!(
        store.spend_approval(spending("all", 50)).await.unwrap().unwrap().answer.unwrap().leaf,
        Some(7)
    );
}

/// What was done without asking is kept beside the rest, and opens nothing.
pub async fn what_was_done_alone_is_kept(site: Site) {
    let store = site.open();
    for (id, verdict) in [("one", Verdict::Alone), ("two", Verdict::Holder)] {
        let done = ApprovalRow {
            answer: Some(answer(verdict, 10)),
            spent: Some(Micros(10)),
            ..request(id, ANN, "all")
        };
        assert_eq!(store.ask_approval(done.clone(), 0).await.unwrap(), Some(done.clone()));
        assert_eq!(store.approval(id).await.unwrap(), done);
    }
    assert_eq!(store.spend_approval(spending("all", 20)).await.unwrap(), None);
}

/// A level counts whether it stands on the object or in the rules it is under.
pub async fn what_is_marked_for_few_is_known(site: Site) {
    let store = site.open();
    let c = collections(&*store, 2).await;
    let marked = |number, level| Sample::indicator(number, 1).with(|facts| facts.tlp = Some(level));
    add(&*store, c[0], &[Sample::indicator(1, 1)]).await;
    assert!(!store.holds_marked(c[0]).await.unwrap(), "nobody has said anything about it");
    add(&*store, c[0], &[marked(2, TlpLevel::Green as u8)]).await;
    assert!(!store.holds_marked(c[0]).await.unwrap(), "TLP:GREEN is for many");
    let under = Rules::marked(None, Originator::Here).pap_at_least(Pap::Red);
    add(&*store, c[1], &[Sample::indicator(3, 1).under(Some(under))]).await;
    add(&*store, c[0], &[marked(4, TlpLevel::Amber as u8)]).await;
    for collection in c {
        assert!(store.holds_marked(collection).await.unwrap(), "{collection:?}");
    }
}
