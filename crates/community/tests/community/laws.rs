//! Laws: order does not matter, bytes may not change, unknown things survive, and limits hold.

use base::limit::REGISTRY_ENTRY_BYTES_MAX;
use community::{Body, Content, Entry, Names, Registry, Rule, Snapshot, Word};
use proptest::prelude::*;

use crate::town::{Town, key, member};

/// A community with a bit of everything in it.
fn lived_in() -> Town {
    let mut town = Town::of(4, Some(9));
    let entry = town.own(member(3), &Body::NamesChanged(Names::english("New").unwrap()), &[&key(3)]);
    town.take(entry).unwrap();
    town.grow(5, community::MemberKind::Observer);
    let entry = town.own(member(2), &Body::Withdrawn, &[&key(2)]);
    town.take(entry).unwrap();
    town
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn replay_depends_on_the_set_alone(order in Just((0..10_usize).collect::<Vec<_>>()).prop_shuffle(), again in 0..10_usize) {
        let town = lived_in();
        let count = town.entries.len();
        let mut entries: Vec<&Entry> = order.iter().filter_map(|at| town.entries.get(*at)).collect();
        entries.extend(town.entries.iter().skip(10));
        entries.push(&town.entries[again % count]);
        prop_assert_eq!(Registry::replay(entries).unwrap().state_hash(), town.registry.state_hash());
    }

    #[test]
    fn approvals_in_any_order_give_the_same_state(order in Just(vec![1_u8, 2, 3, 4]).prop_shuffle()) {
        let states = [order, vec![1, 2, 3, 4]].map(|order| {
            let mut town = Town::of(4, None);
            let subject = town.ask(5, community::MemberKind::Cert);
            for by in order {
                town.say(member(by), &subject, Word::Approve);
                town.settle(&[]);
            }
            (town.registry.state_hash(), town.registry.head().epoch)
        });
        prop_assert_eq!(states[0], states[1]);
    }

    #[test]
    fn a_changed_byte_is_refused(at in 0..10_000_usize, flip in 1..=255_u8, which in 0..16_usize) {
        let town = lived_in();
        let which = which % town.entries.len();
        let mut text = town.entries[which].to_json().into_bytes();
        let at = at % text.len();
        text[at] ^= flip;
        let Ok(changed) = Entry::parse(&text) else { return Ok(()) };
        let mut entries = town.entries.clone();
        entries[which] = changed;
        prop_assert!(Registry::replay(&entries).is_err());
    }
}

#[test]
fn an_entry_that_is_missing_is_a_gap_and_one_of_elsewhere_is_refused() {
    let town = lived_in();
    for missing in 0..town.entries.len() {
        let mut entries = town.entries.clone();
        entries.remove(missing);
        let outcome = Registry::replay(&entries);
        assert_eq!(
            outcome.is_ok(),
            missing == town.entries.len() - 1,
            "{missing}: nothing follows the last alone"
        );
    }
    let mut other = Town::new(community::QuorumRule::Fixed(1));
    let stranger = town.entries.last().unwrap();
    assert_eq!(other.registry.apply(stranger).unwrap_err().rule, Rule::CommunityOther);
    other.entries.extend(town.entries.iter().take(1).cloned());
    assert_eq!(Registry::replay(&other.entries).unwrap_err().rule, Rule::FoundingTwice);
    assert_eq!(Registry::replay(&[]).unwrap_err().rule, Rule::FoundingMissing);
}

#[test]
fn unknown_kinds_and_fields_survive_and_are_told() {
    let mut town = Town::of(2, None);
    let entry = town.own(member(2), &Body::Unknown("flag-changed".into()), &[&key(2)]);
    let mut content: serde_json::Value = serde_json::from_slice(entry.signed().unverified_payload()).unwrap();
    content["colour"] = "green".into();
    let payload = serde_json::to_vec(&content).unwrap();
    let signed = base::signed::Signed::sign(community::ENTRY_TYPE, payload, &key(2)).unwrap();
    let entry = Entry::from_signed(signed).unwrap();
    let read = Entry::parse(entry.to_json().as_bytes()).unwrap();
    assert!(read.to_json().len() == entry.to_json().len() && read.hash() == entry.hash());
    town.take(read).unwrap();
    let told = town.registry.unknown();
    assert_eq!((told.len(), told[0].kind.as_str(), told[0].epoch), (1, "flag-changed", 1));
    assert_eq!(Registry::replay(&town.entries).unwrap().state_hash(), town.registry.state_hash());
    // A decision of the quorum is no step of a member's, whatever it is called.
    let entry = town.own(member(2), &Body::Unknown("member-suspended".into()), &[&key(2)]);
    town.take(entry).unwrap();
    assert_eq!(town.registry.unknown().len(), 2);
}

#[test]
fn the_size_of_an_entry_has_a_limit() {
    let town = Town::of(1, None);
    let sized = |bytes: usize| {
        let content = Content { kind: "k".repeat(bytes), ..town.entries[0].content().clone() };
        Entry::unsigned(&content)
    };
    let frame = sized(0).unwrap().signed().unverified_payload().len();
    assert!(sized(REGISTRY_ENTRY_BYTES_MAX - frame).is_ok());
    assert_eq!(sized(REGISTRY_ENTRY_BYTES_MAX - frame + 1).unwrap_err(), Rule::TooLarge);
    assert_eq!(Entry::parse(&vec![b' '; REGISTRY_ENTRY_BYTES_MAX + 1]).unwrap_err(), Rule::TooLarge);
    assert_eq!(Entry::parse(&vec![b' '; REGISTRY_ENTRY_BYTES_MAX]).unwrap_err(), Rule::EnvelopeForm);
    let spaced = town.entries[0].to_json().replacen(':', ": ", 1);
    assert_eq!(Entry::parse(spaced.as_bytes()).unwrap_err(), Rule::EnvelopeForm);
}

#[test]
fn a_snapshot_is_read_back_and_a_changed_one_is_not() {
    let town = lived_in();
    let text = Snapshot::of(town.entries.clone()).unwrap().to_text();
    let read = Snapshot::parse(text.as_bytes()).unwrap();
    assert_eq!(read.registry().state_hash(), town.registry.state_hash());
    let mut lines: Vec<&str> = text.lines().collect();
    lines.pop();
    let cut = format!("{}\n", lines.join("\n"));
    assert!(matches!(Snapshot::parse(cut.as_bytes()), Err(Rule::SnapshotDiffers | Rule::Gap)));
    assert_eq!(Snapshot::parse(text.trim_end().as_bytes()).unwrap_err(), Rule::SnapshotForm);
    assert_eq!(Snapshot::parse(b"{}\n").unwrap_err(), Rule::SnapshotForm);
    let swapped = text.replacen("cresset-registry-1", "cresset-registry-9", 1);
    assert_eq!(Snapshot::parse(swapped.as_bytes()).unwrap_err(), Rule::SnapshotForm);
}
