//! Circles: versions, who may hold them, and that nobody is what is not known.

use std::collections::BTreeSet;

use base::Micros;
use base::limit::COMMUNITY_MEMBERS_MAX;
use base::signing::{KeyId, Signer};
use community::{Circle, History, MemberId, Newer, Rule, audience};

use crate::town::{START, Town, key, member};

fn circle(town: &Town) -> Circle {
    Circle::first((town.registry.id(), member(1)), "banks", [member(2)], START).unwrap()
}

#[test]
fn members_are_added_from_now_or_with_all_history_and_removed() {
    let town = Town::of(1, None);
    let first = circle(&town);
    let later = START.plus(100);
    let second = first.with([member(3)], History::FromNow, later).unwrap();
    let third = second.with([member(4), member(3)], History::All, later).unwrap();
    assert_eq!(third.version, 3);
    assert_eq!(second.audience(START), BTreeSet::from([member(1), member(2)]));
    assert_eq!(
        third.audience(START),
        BTreeSet::from([1, 2, 3, 4].map(member)),
        "who was in it sees back as well"
    );
    assert_eq!(
        third.with([member(3)], History::FromNow, later).unwrap().seats,
        third.seats,
        "and no less again"
    );
    assert_eq!(third.audience(later), BTreeSet::from([1, 2, 3, 4].map(member)));
    let fourth = third.without(&[member(2)], later).unwrap();
    assert!(!fourth.has(member(2)) && fourth.has(member(1)));
    assert_eq!(fourth.without(&[member(2)], later).unwrap_err(), Rule::MemberUnknown);
    assert_eq!(fourth.without(&[member(1)], later).unwrap_err(), Rule::MemberUnknown, "the owner stays");
    assert_eq!(fourth.with([member(1)], History::All, later).unwrap_err(), Rule::CircleUnfit);
}

#[test]
fn only_its_members_may_hold_it_and_only_its_owner_makes_it() {
    let town = Town::of(1, None);
    let circle = circle(&town);
    let signed = circle.sign(&key(1)).unwrap();
    let owner = key(1).public_key();
    let text = signed.to_json();
    let read = Circle::parse(text.as_bytes()).unwrap();
    assert_eq!(Circle::open(&read, &owner, member(2)), Ok(circle.clone()));
    assert_eq!(Circle::open(&read, &owner, member(3)), Err(Rule::CircleNotForYou));
    assert_eq!(Circle::open(&read, &key(2).public_key(), member(2)), Err(Rule::SignatureStranger));
    let farewell = circle.without(&[member(2)], START).unwrap().farewell();
    let told = farewell.sign(&key(1)).unwrap();
    let opened = Circle::open(&told, &owner, member(2)).unwrap();
    assert!(opened.members().is_empty() && opened.audience(START).is_empty());
    assert!(!told.to_json().contains(&member(2).to_string()));
}

#[test]
fn versions_replace_each_other_in_one_direction() {
    let town = Town::of(1, None);
    let first = circle(&town);
    let second = first.with([member(3)], History::All, START).unwrap();
    let rival = first.with([member(4)], History::All, START).unwrap();
    assert_eq!(second.replaces(&first), Ok(Newer::Yes));
    assert_eq!(second.replaces(&second), Ok(Newer::Same));
    assert_eq!(first.replaces(&second), Err(Rule::CircleOlder));
    assert_eq!(rival.replaces(&second), Err(Rule::CircleForked));
    let other = Circle::first((town.registry.id(), member(1)), "energy", [], START).unwrap();
    assert_eq!(other.replaces(&first), Err(Rule::CircleUnfit));
    assert_ne!(other.id(), first.id());
}

#[test]
fn what_is_not_known_is_nobody() {
    assert!(audience(None, START).is_empty());
    let town = Town::of(1, None);
    let empty = Circle::first((town.registry.id(), member(1)), "empty", [], START).unwrap();
    assert_eq!(audience(Some(&empty), START), BTreeSet::from([member(1)]), "its owner alone");
}

#[test]
fn circles_have_bounds() {
    let town = Town::of(1, None);
    let of = |count: usize| {
        let members = (0..count).map(|at| MemberId(KeyId::from_bytes([u8::try_from(at).unwrap(); 32])));
        Circle::first((town.registry.id(), member(1)), "many", members, START)
    };
    assert!(of(COMMUNITY_MEMBERS_MAX).is_ok());
    assert_eq!(of(COMMUNITY_MEMBERS_MAX + 1).unwrap_err(), Rule::CircleUnfit);
    for name in ["", " x", "a\nb", &"x".repeat(251)] {
        let made = Circle::first((town.registry.id(), member(1)), name, [], Micros(0));
        assert_eq!(made.unwrap_err(), Rule::CircleUnfit);
    }
    let large = vec![b' '; base::limit::CIRCLE_BYTES_MAX + 1];
    assert_eq!(Circle::parse(&large).unwrap_err(), Rule::TooLarge);
    assert_eq!(Circle::parse(b"{}").unwrap_err(), Rule::EnvelopeForm);
    let _ = key(1).public_key();
}
