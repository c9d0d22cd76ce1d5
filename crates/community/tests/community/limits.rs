//! The edges of what a registry holds: as much as is allowed is taken, and one more is refused.

use base::limit::{COMMUNITY_MEMBERS_MAX, REGISTRY_ENTRIES_MAX, ROUNDS_MAX, STALLED_VOTES_MAX};
use base::signing::{Signer, SigningKey};
use community::{
    Admitted, Body, Deed, Entry, JoinRequest, MemberKind, Names, OfMember, QuorumRule, Rule, Snapshot,
    Statement, Word,
};

use crate::town::{Town, key, member};

/// The request of an observer, who has no vote.
fn observer(town: &Town, number: u16) -> base::signed::Signed {
    let mut seed = [0xEE; 32];
    seed[..2].copy_from_slice(&number.to_be_bytes());
    let key = SigningKey::from_seed(&seed);
    let slug = format!("o-{number}").parse().unwrap();
    let names = Names::english("Observer").unwrap();
    let statement = Statement::new(key.public_key(), names, slug, MemberKind::Observer);
    let request = JoinRequest { community: town.registry.id(), at: town.now, again: None, statement };
    request.sign(&key).unwrap()
}

fn admission(town: &Town, number: u16) -> Entry {
    let body = Body::Admitted(Box::new(Admitted { request: observer(town, number) }));
    let mut entry = town.decision(&body, 0);
    entry.sign(&key(1)).unwrap();
    entry
}

#[test]
fn a_community_has_so_many_members_former_ones_among_them_and_no_more() {
    let mut town = Town::new(QuorumRule::AllButOne);
    for number in 1..u16::try_from(COMMUNITY_MEMBERS_MAX).unwrap() {
        town.take(admission(&town, number)).unwrap();
    }
    assert_eq!(town.registry.members().count(), COMMUNITY_MEMBERS_MAX);
    assert_eq!(town.take(admission(&town, 1_000)), Err(Rule::MembersMax));
    // Who does not take part any more can come back, and keeps the place for that.
    let former = town.registry.named("o-1").unwrap().id();
    let subject = town.propose(member(1), Deed::MemberSuspended { member: former, reason: String::new() });
    town.say(member(1), &subject, Word::Approve);
    town.settle(&[]);
    assert_ne!(town.registry.member(former).unwrap().status(town.now), community::Status::Active);
    assert_eq!(town.take(admission(&town, 1_000)), Err(Rule::MembersMax));
}

#[test]
fn a_registry_is_read_up_to_so_many_entries() {
    let town = Town::new(QuorumRule::AllButOne);
    let founding = town.entries[0].clone();
    assert!(Snapshot::of(vec![founding.clone(); REGISTRY_ENTRIES_MAX]).is_ok(), "the same one counts once");
    assert_eq!(Snapshot::of(vec![founding.clone(); REGISTRY_ENTRIES_MAX + 1]).unwrap_err(), Rule::TooMany);
    let text = Snapshot::of(vec![founding]).unwrap().to_text();
    let entry = text.lines().nth(1).unwrap();
    let file = |more: usize| format!("{text}{}", format!("{entry}\n").repeat(more));
    assert_eq!(
        Snapshot::parse(file(REGISTRY_ENTRIES_MAX - 1).as_bytes()).unwrap_err(),
        Rule::SnapshotDiffers
    );
    assert_eq!(Snapshot::parse(file(REGISTRY_ENTRIES_MAX).as_bytes()).unwrap_err(), Rule::TooMany);
}

/// A decision in a round, signed by these, and unlike others of its round.
fn suspension(town: &Town, round: u64, reason: &str, by: &[u8]) -> Entry {
    let of = OfMember { member: member(3), reason: reason.into(), proposed: town.now };
    let mut entry = town.decision(&Body::Suspended(of), round);
    for number in by {
        entry.sign(&key(*number)).unwrap();
    }
    entry
}

#[test]
fn the_last_round_fills_a_place_and_there_is_none_behind_it() {
    let town = Town::of(3, None);
    // In each round two vote against each other, where all three would be needed.
    let split = |rounds: u64| -> Vec<Entry> {
        let both =
            |round| [("one", 1), ("other", 2)].map(|(reason, by)| suspension(&town, round, reason, &[by]));
        (0..rounds).flat_map(both).collect()
    };
    let in_round =
        |round: u64| suspension(&town, round, "at last", &[1, 2, 3]).with_stalled(split(round)).unwrap();
    let judged = |entry: &Entry| town.registry.clone().apply(entry).map_err(|refused| refused.rule);
    assert!(judged(&in_round(ROUNDS_MAX - 1)).is_ok());
    assert_eq!(judged(&in_round(ROUNDS_MAX)).unwrap_err(), Rule::RoundWithoutProof);
    let less = suspension(&town, 2, "at last", &[1, 2, 3]).with_stalled(split(1)).unwrap();
    assert_eq!(judged(&less).unwrap_err(), Rule::RoundWithoutProof);
}

#[test]
fn an_entry_carries_so_many_votes_of_earlier_rounds() {
    let town = Town::of(3, None);
    let vote = suspension(&town, 0, "one", &[1]);
    let carrying =
        |votes: usize| suspension(&town, 1, "at last", &[]).with_stalled(vec![vote.clone(); votes]);
    assert!(carrying(STALLED_VOTES_MAX).is_ok());
    assert_eq!(carrying(STALLED_VOTES_MAX + 1).unwrap_err(), Rule::TooMany);
}
