//! Two entries at one place: what stands, and who is exposed.

use std::collections::BTreeSet;

use community::{Body, Chain, Fork, MemberKind, Names, Registry, Rule, Word};

use crate::town::{Town, key, member};

fn renamed(town: &Town, name: &str) -> community::Entry {
    town.own(member(2), &Body::NamesChanged(Names::english(name).unwrap()), &[&key(2)])
}

#[test]
fn a_member_that_signs_two_steps_stands_still_and_is_exposed() {
    let mut town = Town::of(3, None);
    let (one, other) = (renamed(&town, "One"), renamed(&town, "Other"));
    let before = town.registry.state_hash();
    town.take(one.clone()).unwrap();
    assert_eq!(town.registry.apply(&other).unwrap_err().rule, Rule::Forked);

    let mut both = town.entries.clone();
    both.push(other.clone());
    let first = Registry::replay(&both).unwrap();
    both.reverse();
    let second = Registry::replay(&both).unwrap();
    assert_eq!(first.state_hash(), second.state_hash());
    assert_ne!(first.state_hash(), before);
    assert_eq!(first.disputes().get(&Chain::Own(member(2))), Some(&BTreeSet::from([1])));
    assert_eq!(first.member(member(2)).unwrap().own().names.name("en"), "Member");

    let fork = Fork::of(one.clone(), other.clone()).unwrap();
    let read = Fork::parse(fork.to_json().as_bytes()).unwrap();
    assert_eq!(read.verify(&first), Ok(BTreeSet::from([member(2)])));
    assert_eq!(read.to_json(), Fork::of(other.clone(), one.clone()).unwrap().to_json());
    assert!(matches!(Fork::of(one.clone(), one.clone()), Err(Rule::EvidenceEmpty)));
    let forged = other.signed_by(|_, _| false);
    assert_eq!(Fork::of(one, forged).unwrap().verify(&first), Err(Rule::EvidenceEmpty));
}

#[test]
fn a_decision_that_notes_one_of_two_steps_settles_it() {
    let mut town = Town::of(3, None);
    let (one, other) = (renamed(&town, "One"), renamed(&town, "Other"));
    town.take(one).unwrap();
    town.grow(4, MemberKind::Cert);
    let mut both = town.entries.clone();
    both.insert(0, other.clone());
    let registry = Registry::replay(&both).unwrap();
    assert_eq!(registry.member(member(2)).unwrap().own().names.name("en"), "One");
    assert!(registry.disputes().contains_key(&Chain::Own(member(2))), "it is remembered");
    // A rival that no member signed is not remembered but refused.
    *both.first_mut().unwrap() = other.signed_by(|_, _| false);
    assert_eq!(Registry::replay(&both).unwrap_err().rule, Rule::SignatureMissing);
}

#[test]
fn two_quorums_at_one_place_expose_those_in_both() {
    let mut town = Town::of(4, None);
    let five = town.ask(5, MemberKind::Cert);
    let six = town.ask(6, MemberKind::Cert);
    let mut made = Vec::new();
    for (subject, number) in [(five, 4), (six, 1)] {
        let mut copy = Town::of(4, None);
        copy.subjects = vec![subject.clone()];
        for by in 1..=4 {
            copy.say(member(by), &subject, Word::Approve);
        }
        copy.settle(&[member(number)]);
        made.push(copy.entries.last().unwrap().clone());
        assert_eq!(copy.registry.head().epoch, 4);
    }
    let [one, other] = made.as_slice() else { panic!() };
    let fork = Fork::of(one.clone(), other.clone()).unwrap();
    assert_eq!(fork.verify(&town.registry), Ok(BTreeSet::from([member(2), member(3)])));
    let both: Vec<_> = town.entries.iter().chain([one, other]).collect();
    let registry = Registry::replay(both).unwrap();
    assert_eq!((registry.head(), registry.disputes().len()), (town.registry.head(), 1));
    let mut stuck = registry.clone();
    assert_eq!(stuck.apply(one).unwrap_err().rule, Rule::ChainDisputed);
}
