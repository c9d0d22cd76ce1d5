//! Keys: rotated by their owner, recovered by recovery keys after the delay, never by others.

use base::signing::{Signer, SigningKey};
use community::{Body, NewKey, Registry, Rule};

use crate::town::{DAY, START, Town, key, member};

fn new_key(number: u8) -> (SigningKey, NewKey) {
    let new = key(number);
    let body = NewKey { key: new.public_key() };
    (new, body)
}

#[test]
fn a_member_rotates_its_key_and_keeps_its_id() {
    let mut town = Town::of(3, None);
    let (new, body) = new_key(50);
    let entry = town.own(member(2), &Body::KeyRotated(body.clone()), &[&key(2), &new]);
    town.take(entry).unwrap();
    town.keys.get_mut(&member(2)).unwrap().push(new);
    let known = town.registry.member(member(2)).unwrap();
    assert_eq!((known.id(), known.key(START)), (member(2), key(50).public_key()));
    assert!(known.has_had(key(2).public_key().id()));
    assert_eq!(known.keys_in_force(START), [key(2).public_key(), key(50).public_key()]);
    // The next decision notes the rotation and is signed with the new key.
    town.grow(7, community::MemberKind::Cert);
    assert_eq!(town.registry.member(member(2)).unwrap().noted(), 1);
    assert_eq!(Registry::replay(&town.entries).unwrap().state_hash(), town.registry.state_hash());
    // The old key is nobody's any more, and never comes back.
    let old = town.own(member(2), &Body::Withdrawn, &[&key(2)]);
    assert_eq!(town.take(old), Err(Rule::SignatureStranger));
    let back =
        town.own(member(2), &Body::KeyRotated(NewKey { key: key(2).public_key() }), &[&key(50), &key(2)]);
    assert_eq!(town.take(back), Err(Rule::KeyTaken));
}

#[test]
fn nobody_else_changes_a_members_key() {
    let mut town = Town::of(4, Some(9));
    let before = town.registry.state_hash();
    let (new, body) = new_key(50);
    let body = Body::KeyRotated(body);
    let others = [key(1), key(3), key(4), key(9), new.clone()];
    let all: Vec<&SigningKey> = others.iter().collect();
    for signers in [all.as_slice(), &[&new], &[&key(2)], &[]] {
        let entry = town.own(member(2), &body, signers);
        let refused = town.registry.apply(&entry).unwrap_err().rule;
        assert!(matches!(refused, Rule::SignatureStranger | Rule::SignatureMissing), "{refused:?}");
    }
    // A key of somebody else cannot be claimed either.
    let taken = Body::KeyRotated(NewKey { key: key(3).public_key() });
    let entry = town.own(member(2), &taken, &[&key(2), &key(3)]);
    assert_eq!(town.registry.apply(&entry).unwrap_err().rule, Rule::KeyTaken);
    assert_eq!(town.registry.state_hash(), before);
}

#[test]
fn recovery_waits_until_the_quorum_has_seen_it_for_seven_days() {
    let mut town = Town::of(4, None);
    let (new, body) = new_key(60);
    let body = Body::KeyRecovered(body);
    let (r1, r2) = (key(102), key(112));
    let one = town.own(member(2), &body, &[&r1, &new]);
    assert_eq!(town.take(one), Err(Rule::SignatureMissing));
    let without_new = town.own(member(2), &body, &[&r1, &r2]);
    assert_eq!(town.take(without_new), Err(Rule::SignatureMissing));
    let entry = town.own(member(2), &body, &[&r1, &r2, &new]);
    town.take(entry).unwrap();
    assert_eq!(town.registry.member(member(2)).unwrap().recovered_from(), None, "nobody has noted it");
    town.now = START.plus(3 * DAY);
    town.settle(&[]);
    let known = town.registry.member(member(2)).unwrap();
    assert_eq!(known.recovered_from(), Some(START.plus(10 * DAY)));
    assert_eq!(known.key(START.plus(10 * DAY - 1)), key(2).public_key());
    assert_eq!(known.key(START.plus(10 * DAY)), key(60).public_key());
    // What was only asked for signs nothing; what has taken effect does.
    assert_eq!(known.keys_in_force(START.plus(10 * DAY - 1)), [key(2).public_key()]);
    assert_eq!(known.keys_in_force(START.plus(10 * DAY)), [key(2).public_key(), key(60).public_key()]);

    town.now = START.plus(10 * DAY - 1);
    let early = town.own(member(2), &Body::Withdrawn, &[&new]);
    assert_eq!(town.take(early), Err(Rule::SignatureStranger));
    town.now = START.plus(10 * DAY);
    let old = town.own(member(2), &Body::RecoveryCancelled, &[&key(2)]);
    assert_eq!(town.take(old), Err(Rule::SignatureStranger));
    let in_time = town.own(member(2), &Body::Withdrawn, &[&new]);
    town.take(in_time).unwrap();
    assert_eq!(Registry::replay(&town.entries).unwrap().state_hash(), town.registry.state_hash());
}

#[test]
fn the_members_own_key_cancels_a_recovery() {
    let mut town = Town::of(3, None);
    let cancel = town.own(member(2), &Body::RecoveryCancelled, &[&key(2)]);
    assert_eq!(town.take(cancel), Err(Rule::RecoveryNone));
    let (new, body) = new_key(60);
    let body = Body::KeyRecovered(body);
    let entry = town.own(member(2), &body, &[&key(102), &key(122), &new]);
    town.take(entry).unwrap();
    town.settle(&[]);
    let cancel = town.own(member(2), &Body::RecoveryCancelled, &[&key(2)]);
    town.take(cancel).unwrap();
    let known = town.registry.member(member(2)).unwrap();
    assert_eq!((known.recovered_from(), known.key(START.plus(99 * DAY))), (None, key(2).public_key()));
    assert!(known.has_had(key(60).public_key().id()), "nobody else takes it");
    assert_eq!(known.keys_in_force(START.plus(99 * DAY)), [key(2).public_key()]);
}

#[test]
fn an_identity_object_is_whose_claim_was_noted_first() {
    let mut town = Town::of(3, None);
    let identity: community::IdentityId = "identity--6c8e0f2e-1f0b-4b3a-9d5e-0a1b2c3d4e5f".parse().unwrap();
    let claim = Body::IdentityChanged(identity.clone());
    let owner = |town: &Town| town.registry.identity_owner(identity.as_str()).map(|member| member.id());
    assert_eq!(owner(&town), None);
    let entry = town.own(member(3), &claim, &[&key(3)]);
    town.take(entry).unwrap();
    assert_eq!(owner(&town), Some(member(3)));
    town.grow(7, community::MemberKind::Cert);
    for late in [1, 2] {
        let entry = town.own(member(late), &claim, &[&key(late)]);
        town.take(entry).unwrap();
        assert_eq!(owner(&town), Some(member(3)), "who comes later takes nobody's name");
    }
    town.grow(8, community::MemberKind::Cert);
    assert_eq!(owner(&town), Some(member(3)));
    assert_eq!(Registry::replay(&town.entries).unwrap().state_hash(), town.registry.state_hash());
    let stranger = town.own(member(1), &claim, &[&key(2)]);
    assert_eq!(town.take(stranger), Err(Rule::SignatureStranger));
}

#[test]
fn a_backdated_recovery_gains_nothing() {
    let mut town = Town::of(3, None);
    town.now = START.plus(30 * DAY);
    let (new, body) = new_key(60);
    let now = std::mem::replace(&mut town.now, START);
    let entry = town.own(member(2), &Body::KeyRecovered(body), &[&key(102), &key(112), &new]);
    town.now = now;
    town.take(entry).unwrap();
    town.settle(&[]);
    let known = town.registry.member(member(2)).unwrap();
    assert_eq!(known.recovered_from(), Some(START.plus(37 * DAY)), "the delay counts from when it was noted");
}

#[test]
fn other_recovery_keys_take_the_old_ones_word_too() {
    let mut town = Town::of(2, None);
    let recovery = community::Recovery { keys: vec![key(80).public_key()], needed: 1 };
    let body = Body::RecoveryKeysChanged(recovery);
    let alone = town.own(member(2), &body, &[&key(2)]);
    assert_eq!(town.take(alone), Err(Rule::SignatureMissing));
    let entry = town.own(member(2), &body, &[&key(2), &key(102), &key(112)]);
    town.take(entry).unwrap();
    assert_eq!(town.registry.member(member(2)).unwrap().own().recovery.needed, 1);
}
