//! What comes back with a restore, or goes on standing, when several have lost the same: payloads of acts that later ones replaced, and
//! objects of an originator that has left the circle it gave them by.

use std::collections::BTreeMap;

use base::Micros;
use base::signing::KeyId;
use community::History;
use federation::{Effect, ObjectName};
use node::Options;

use crate::START;
use crate::community::{Seat, meet as exchange_papers};
use crate::exchange::{bring, has, region, round, share, to};
use crate::peers::Region;
use crate::recovery::{back_up, restored};

fn id(number: u32) -> String {
    format!("indicator--00000000-0000-4000-8000-{number:012}")
}

/// The keys of now in the place of those of a backup.
async fn newest_keys(seat: &Seat, file: &std::path::Path) {
    let keys = std::fs::File::create(file.with_extension("keys")).unwrap();
    seat.node().backup_keys(&seat.who, Box::new(keys)).await.unwrap();
}

/// The members with some of them restored from their files, once all have met.
async fn back(mut region: Region, files: &[(usize, &std::path::Path)]) -> Region {
    for (at, file) in files {
        region.0[*at] = restored(&region[*at], file).await;
    }
    for seat in &region.0 {
        seat.bench.clock.set(START.plus(3_600 * Micros::SECOND));
    }
    for _ in 0..3 {
        papers(&region).await;
        round(&region).await;
    }
    for seat in &region.0 {
        let recovery = seat.node().recovery(&seat.who).await;
        assert_eq!(seat.node().status().0, node::Status::Ok, "{recovery:?}");
    }
    region
}

async fn papers(region: &Region) {
    for one in &region.0 {
        for other in region.0.iter().filter(|other| !std::ptr::eq(*other, one)) {
            let _ = exchange_papers(one, other).await;
        }
    }
}

/// The acts of a member whose objects are held by a payload here, by object.
async fn held(seat: &Seat, author: KeyId, numbers: std::ops::Range<u32>) -> BTreeMap<u32, u64> {
    let names = numbers.map(|number| (number, ObjectName { author, id: id(number) })).collect::<Vec<_>>();
    let look = move |rows: &dyn federation::Rows| {
        let mut held = BTreeMap::new();
        for (number, name) in &names {
            for version in rows.versions(name).unwrap() {
                if rows.payload(&name.author, version.sequence).unwrap().is_some() {
                    held.insert(*number, version.sequence);
                }
            }
        }
        Ok(held)
    };
    store::looked(&*seat.bench.store, seat.id().await.0, look).await.unwrap()
}

/// An act that nobody has any more had taken the place of the one that stands here again: with the newest keys that one is whole, so it
/// goes on to whom it is for, and no narrowing that lets it be kept takes it away.
#[tokio::test]
async fn the_newest_keys_open_what_a_lost_act_had_replaced() {
    let mut region = region(&["a", "b", "c", "d"]).await;
    region.circle("banks", &["b"]).await;
    bring(&region[0], 1..2, to(&["banks"])).await;
    bring(&region[0], 2..3, to(&["b"])).await;
    round(&region).await;
    let room = tempfile::tempdir().unwrap();
    let files = ["a", "b", "c"].map(|name| room.path().join(name));
    for (seat, file) in region.0.iter().zip(&files) {
        back_up(seat, file).await;
    }
    for number in [1, 2] {
        share(&region[0], &id(number), "c").await.unwrap();
    }
    round(&region).await;
    assert!(has(&region[2], &id(1)).await && has(&region[2], &id(2)).await);
    for (seat, file) in region.0.iter().zip(&files) {
        newest_keys(seat, file).await;
    }
    let files: Vec<_> = files.iter().map(std::path::PathBuf::as_path).enumerate().collect();
    region = back(region, &files).await;
    let (a, b, d) = (&region[0], &region[1], &region[3]);
    let a_id = a.id().await.0;
    assert_eq!(held(a, a_id, 1..3).await.len(), 2);
    assert_eq!(held(a, a_id, 1..3).await, held(b, a_id, 1..3).await);
    a.node().add_to_circle(&a.who, "banks", &["d".to_owned()], History::All).await.unwrap();
    region.gather().await;
    a.node().give_later().await.unwrap();
    let red = Options { pap: Some(handling::Pap::Red), ..Options::default() };
    a.node().narrow(&a.who, &id(2), red).await.unwrap();
    round(&region).await;
    assert!(has(d, &id(1)).await, "it was given by the act that stands again");
    assert!(has(b, &id(1)).await && has(b, &id(2)).await);
}

/// A key of what an act carried goes with the object, also where another act had taken its place before.
#[tokio::test]
async fn what_was_given_again_and_called_back_is_in_no_backup_that_the_newest_keys_open() {
    let mut region = region(&["a", "b", "c"]).await;
    bring(&region[0], 1..5, to(&["b"])).await;
    round(&region).await;
    let room = tempfile::tempdir().unwrap();
    let file = room.path().join("b");
    back_up(&region[1], &file).await;
    let a_id = region[0].id().await.0;
    let before = held(&region[1], a_id, 1..5).await;
    for number in 1..5 {
        share(&region[0], &id(number), "c").await.unwrap();
    }
    round(&region).await;
    let a = &region[0];
    a.node().erase(&a.who, &id(1), "wrong").await.unwrap();
    a.node().recall(&a.who, &id(2), "wrong").await.unwrap();
    a.node().narrow(&a.who, &id(3), to(&["c"])).await.unwrap();
    round(&region).await;
    newest_keys(&region[1], &file).await;
    let alone = restored(&region[1], &file).await;
    // Before it has met anybody: the file alone.
    let opened = held(&alone, a_id, 1..5).await;
    assert_eq!(opened, BTreeMap::from([(4, before[&4])]));
    region = back(region, &[(1, &file)]).await;
    assert_eq!(held(&region[1], a_id, 1..5).await.into_keys().collect::<Vec<_>>(), [4]);
}

/// Where a payload is gone, as after a restore with a key file of an earlier build, what stands here is judged by its rules: nothing is
/// destroyed in doubt.
#[tokio::test]
async fn what_stands_here_without_its_payload_is_kept_by_a_narrowing_that_lets_it_be() {
    let region = region(&["a", "b", "c"]).await;
    let (a, b) = (&region[0], &region[1]);
    bring(a, 1..3, to(&["b", "c"])).await;
    round(&region).await;
    let author = a.id().await.0;
    let gone = held(b, author, 1..3).await.into_values();
    let gone: Vec<Effect> = gone.map(|sequence| Effect::DropPayload { author, sequence }).collect();
    assert_eq!(gone.len(), 2);
    store::exchanged(&*b.bench.store, 1, move |desk| desk.apply(gone)).await.unwrap();
    let red = Options { pap: Some(handling::Pap::Red), ..Options::default() };
    a.node().narrow(&a.who, &id(1), red).await.unwrap();
    a.node().narrow(&a.who, &id(2), to(&["c"])).await.unwrap();
    round(&region).await;
    assert!(has(b, &id(1)).await);
    assert!(!has(b, &id(2)).await, "the rules name it no more");
}

/// A gave by the circle of B's that it is in no more: B, and A itself, are put back to before all of it.
#[tokio::test]
async fn what_was_given_by_a_circle_left_since_comes_back_to_who_lost_it() {
    for lost in [&[0][..], &[1], &[0, 1]] {
        let mut region = region(&["a", "b", "c"]).await;
        let room = tempfile::tempdir().unwrap();
        let files = ["a", "b"].map(|name| room.path().join(name));
        for (seat, file) in region.0.iter().zip(&files) {
            back_up(seat, file).await;
        }
        region.circle("banks", &["b", "c"]).await;
        bring(&region[1], 1..2, to(&["a/banks"])).await;
        round(&region).await;
        region[0].node().remove_from_circle(&region[0].who, "banks", &["b".to_owned()]).await.unwrap();
        region.gather().await;
        round(&region).await;
        assert!(has(&region[0], &id(1)).await && has(&region[2], &id(1)).await);
        let files: Vec<_> = lost.iter().map(|at| (*at, files[*at].as_path())).collect();
        region = back(region, &files).await;
        for seat in &region.0 {
            assert!(has(seat, &id(1)).await, "{lost:?}");
        }
    }
}

/// Places of a lane that a restore has lost all go as the last own act without content: who reads them answers that act once.
#[tokio::test]
async fn a_receipt_names_an_act_once() {
    let mut region = region(&["a", "b", "c"]).await;
    let room = tempfile::tempdir().unwrap();
    let files = ["a", "b"].map(|name| room.path().join(name));
    for (seat, file) in region.0.iter().zip(&files) {
        back_up(seat, file).await;
    }
    for number in 1..6 {
        bring(&region[0], number..number + 1, to(&["b", "c"])).await;
        round(&region).await;
    }
    region = back(region, &[(0, &files[0])]).await;
    region = back(region, &[(1, &files[1])]).await;
    let (b, me) = (&region[1], region[1].id().await.0);
    let look = move |rows: &dyn federation::Rows| {
        let acts = rows.acts_from(&me, 0, usize::MAX).unwrap().into_iter();
        let payloads = acts.filter_map(|act| rows.payload(&me, act.sequence).unwrap());
        Ok(payloads.filter_map(|payload| federation::receipt_in(&payload.bytes)).collect::<Vec<_>>())
    };
    let receipts = store::looked(&*b.bench.store, me, look).await.unwrap();
    assert!(receipts.iter().any(|receipt| receipt.acts.len() > 1), "{receipts:?}");
    for receipt in receipts {
        let mut named: Vec<u64> = receipt.acts.iter().map(|line| line.sequence).collect();
        named.sort_unstable();
        named.dedup();
        assert_eq!(named.len(), receipt.acts.len(), "{receipt:?}");
    }
}
