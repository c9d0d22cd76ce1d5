//! A member whose key was replaced after the backup that its node comes back from.

use std::path::{Path, PathBuf};

use base::Micros;
use base::signed::Signed;
use base::signing::{Signer, SigningKey};
use node::{PAPERS_TYPE, Status};

use crate::START;
use crate::community::{DAY, Seat, join, meet as exchange_papers};
use crate::exchange::{bring, has, meet, peer, round, to};
use crate::peers::Region;
use crate::recovery::{back_up, restored};

const HOUR: Micros = Micros(START.0 + 3_600 * Micros::SECOND);

fn id(number: u32) -> String {
    format!("indicator--00000000-0000-4000-8000-{number:012}")
}

fn recovery_key() -> SigningKey {
    SigningKey::from_seed(&[42; 32])
}

/// Three members, of whom B has a recovery key and a backup, which knows the first of its objects. It has given more since.
async fn region() -> (Region, tempfile::TempDir, PathBuf) {
    let mut region = Region::of(&["a"]).await;
    for (seed, slug) in [(2, "b"), (3, "c")] {
        let newcomer = Seat::new(seed).await;
        if slug == "b" {
            newcomer.node().recover_with(&recovery_key().public_key()).await.unwrap();
        }
        join(&region[0], &newcomer, slug).await;
        region.0.push(newcomer);
        region.decide(slug).await;
    }
    for _ in 0..2 {
        for seat in &region.0 {
            seat.node().announce().await.unwrap();
        }
        region.gather().await;
    }
    bring(&region[1], 1..2, to(&["a", "c"])).await;
    round(&region).await;
    let room = tempfile::tempdir().unwrap();
    let file = room.path().join("copy");
    back_up(&region[1], &file).await;
    bring(&region[1], 2..3, to(&["a", "c"])).await;
    round(&region).await;
    (region, room, file)
}

/// B replaces its key, gives one more object by the new one, and then one more member is let in.
async fn goes_on(region: &mut Region, number: u32) {
    region[1].node().rotate_key(&region[1].who).await.unwrap();
    region.gather().await;
    bring(&region[1], number..number + 1, to(&["a", "c"])).await;
    for _ in 0..2 {
        for other in [0, 2] {
            meet(&region[1], &region[other]).await;
        }
    }
    let newcomer = Seat::new(u64::from(number) + 20).await;
    let slug = format!("late{number}");
    join(&region[0], &newcomer, &slug).await;
    region.0.push(newcomer);
    region.decide(&slug).await;
}

async fn leaves(seat: &Seat) -> u64 {
    seat.node().shared_state().await.unwrap().unwrap().leaves
}

/// B as it comes back an hour later, by whatever key file lies beside the copy.
async fn comes_back(region: &Region, file: &Path) -> Seat {
    let back = restored(&region[1], file).await;
    for other in &region.0 {
        other.bench.clock.set(HOUR);
    }
    back
}

/// Everybody but B.
fn others(region: &Region) -> Vec<&Seat> {
    region.0[..1].iter().chain(&region.0[2..]).collect()
}

/// Everybody has answered: B is whole, has signed nothing twice, and goes on.
async fn is_whole(back: &Seat, region: &Region, (objects, before): (u32, u64)) {
    let others = others(region);
    for _ in 0..2 {
        for other in &others {
            meet(back, other).await;
        }
    }
    assert_eq!(back.node().status().0, Status::Ok);
    for number in 1..=objects {
        assert!(has(back, &id(number)).await, "{number}");
    }
    assert!(leaves(back).await >= before);
    bring(back, 50..51, to(&["a", "c"])).await;
    for other in &others {
        meet(back, other).await;
        meet(back, other).await;
        assert_eq!(peer(other, "b").await.evidence, 0);
    }
    assert!(has(&region[0], &id(50)).await && has(&region[2], &id(50)).await);
}

#[tokio::test]
async fn the_newest_key_file_brings_the_keys_that_were_made_since_the_backup() {
    let (mut region, _room, file) = region().await;
    goes_on(&mut region, 3).await;
    goes_on(&mut region, 4).await;
    let (b, before) = (&region[1], leaves(&region[1]).await);
    let keys = std::fs::File::create(file.with_extension("keys")).unwrap();
    b.node().backup_keys(&b.who, Box::new(keys)).await.unwrap();
    let back = comes_back(&region, &file).await;
    assert_ne!(back.node().member_key().await.unwrap(), b.node().member_key().await.unwrap());
    for other in others(&region) {
        exchange_papers(&back, other).await.unwrap();
    }
    assert_eq!(back.node().member_key().await.unwrap(), b.node().member_key().await.unwrap());
    is_whole(&back, &region, (4, before)).await;
}

#[tokio::test]
async fn who_has_a_replaced_key_alone_is_told_so_and_recovers_its_key() {
    let (mut region, _room, file) = region().await;
    goes_on(&mut region, 3).await;
    let before = leaves(&region[1]).await;
    let back = comes_back(&region, &file).await;
    let (a, c) = (&region[0], &region[2]);
    let shown = async |seat: &Seat| seat.node().community(&seat.who).await.unwrap();
    let entry = async || {
        let draft = back.node().recovery_draft(&back.who).await.unwrap();
        let mut entry = community::Entry::parse(draft.as_bytes()).unwrap();
        entry.sign(&recovery_key()).unwrap();
        entry.to_json()
    };
    // Before it knows what it has signed since, it signs nothing: the place may be taken.
    let early = back.node().recover_key(&back.who, &entry().await).await.unwrap_err();
    assert_eq!(early.code(), "recovering");
    exchange_papers(&back, a).await.unwrap();
    let me = shown(&back).await.members.into_iter().find(|one| one.slug == "b").unwrap();
    assert_eq!(me.key, region[1].node().member_key().await.unwrap().to_string());
    assert!(shown(&back).await.members.iter().all(|one| one.slug != "late3"), "nothing of what came after");
    // It is told what happened and what helps, and does not go on alone with less than it has shown.
    let view = back.node().recovery(&back.who).await.unwrap();
    assert!(view.stuck && view.waits.iter().all(|one| one.reason == "key-replaced"), "{view:?}");
    let checks = back.node().doctor(&back.who, node::Depth::Quick).await.unwrap();
    let line = checks.into_iter().find(|check| check.name == "recovery").unwrap();
    assert!(
        line.detail.contains("community recover") && !line.detail.contains("--without"),
        "{}",
        line.detail
    );
    let alone = back.node().recover_without(&back.who, "a").await.unwrap_err();
    assert_eq!(alone.code(), "key-replaced");

    back.node().recover_key(&back.who, &entry().await).await.unwrap();
    for _ in 0..2 {
        exchange_papers(&back, a).await.unwrap();
        region.gather().await;
    }
    let due = |view: node::CommunityView| view.members.into_iter().find(|one| one.slug == "b").unwrap();
    assert_eq!(due(shown(c).await).key_recovered_us, Some(HOUR.plus(7 * DAY).0), "the others have noted it");
    let view = back.node().recovery(&back.who).await.unwrap();
    assert!(view.waits.iter().all(|one| one.reason == "key-recovering"), "{view:?}");
    for seat in region.0.iter().chain([&back]) {
        seat.bench.clock.set(HOUR.plus(7 * DAY));
    }
    for other in others(&region) {
        exchange_papers(&back, other).await.unwrap();
    }
    is_whole(&back, &region, (3, before)).await;
}

/// Of three votes every one is needed, and the one of who has lost its key is not there: the others never note its recovery, and who stands
/// before the node is told so, with what helps.
#[tokio::test]
async fn of_three_votes_none_can_be_spared_for_a_recovery() {
    let (region, _room, file) = region().await;
    region[1].node().rotate_key(&region[1].who).await.unwrap();
    region.gather().await;
    let back = comes_back(&region, &file).await;
    exchange_papers(&back, &region[0]).await.unwrap();
    let mut entry =
        community::Entry::parse(back.node().recovery_draft(&back.who).await.unwrap().as_bytes()).unwrap();
    entry.sign(&recovery_key()).unwrap();
    let why = async || {
        let view = back.node().recovery(&back.who).await.unwrap();
        view.waits.into_iter().map(|one| (one.reason, one.detail)).collect::<Vec<_>>()
    };
    let says_so = |told: &[(&'static str, String)], code: &str| {
        let (few, helps) = ("as with up to three", "`cresset restore --keys`");
        assert!(!told.is_empty());
        assert!(told.iter().all(|(reason, _)| *reason == code), "{told:?}");
        assert!(told.iter().all(|(_, what)| what.contains(few) && what.contains(helps)), "{told:?}");
        let explained = node::explain(code).unwrap();
        assert!(explained.contains("up to three") && explained.contains(helps), "{explained}");
    };
    says_so(&why().await, "key-replaced");
    back.node().recover_key(&back.who, &entry.to_json()).await.unwrap();
    for _ in 0..3 {
        for other in others(&region) {
            exchange_papers(&back, other).await.unwrap();
        }
        for seat in others(&region).into_iter().chain([&back]) {
            seat.bench.clock.advance(7 * DAY);
        }
    }
    for seat in others(&region) {
        let shown = seat.node().community(&seat.who).await.unwrap();
        let b = shown.members.into_iter().find(|one| one.slug == "b").unwrap();
        assert_eq!(b.key_recovered_us, None, "nobody has noted it");
    }
    says_so(&why().await, "key-recovering");
}

#[tokio::test]
async fn whoever_has_a_former_key_changes_nothing_in_the_registry_and_learns_nothing_new() {
    let (mut region, _room, file) = region().await;
    goes_on(&mut region, 3).await;
    let thief = comes_back(&region, &file).await;
    let (a, b) = (&region[0], &region[1]);
    let hash = async || a.node().community(&a.who).await.unwrap().state_hash;
    let before = hash().await;
    let question = thief.node().papers_question(a.id().await, Some(&node::Have::new())).await.unwrap();
    let answer = a.node().papers_answer(&question, None).await.unwrap();
    let told = String::from_utf8(Signed::parse(&answer).unwrap().unverified_payload().to_vec()).unwrap();
    assert!(!told.contains("late3") && told.contains("\"have\":{}"), "{told}");
    // A recovery that no recovery key signed, and one by somebody else's.
    exchange_papers(&thief, a).await.unwrap();
    let draft = thief.node().recovery_draft(&thief.who).await.unwrap();
    let me = thief.node().member_signer().await.unwrap();
    for other in [me.clone(), SigningKey::from_seed(&[9; 32])] {
        let mut entry = community::Entry::parse(draft.as_bytes()).unwrap();
        let _ = entry.sign(&other);
        let mut message: serde_json::Value =
            serde_json::from_slice(Signed::parse(&question).unwrap().unverified_payload()).unwrap();
        message["entries"] =
            serde_json::json!([serde_json::from_str::<serde_json::Value>(&entry.to_json()).unwrap()]);
        let brought = Signed::sign(PAPERS_TYPE, serde_json::to_vec(&message).unwrap(), &me).unwrap();
        let _ = a.node().papers_answer(brought.to_json().as_bytes(), None).await;
    }
    assert_eq!(hash().await, before);
    // Who never had a key of the member's is a stranger, as before, and the member itself goes on.
    let payload = Signed::parse(&question).unwrap().unverified_payload().to_vec();
    let forged = Signed::sign(PAPERS_TYPE, payload, &SigningKey::from_seed(&[9; 32])).unwrap();
    let refused = a.node().papers_answer(forged.to_json().as_bytes(), None).await.unwrap_err();
    assert_eq!(refused.code(), "exchange-stranger");
    exchange_papers(b, a).await.unwrap();
}
