//! The table against a plain map, and at its edges.

use std::collections::{BTreeMap, BTreeSet};

use base::Micros;
use proptest::prelude::*;

use super::*;

fn facts(table: &mut Table, no: u32) -> ObjectFacts {
    ObjectFacts {
        uuid: u128::from(no).to_be_bytes(),
        id_as_written: true,
        type_no: table.type_no("indicator"),
        audience: Audience(3),
        revoked: no % 2 == 1,
        findings: false,
        expires: no.is_multiple_of(3).then_some(Micros(i64::from(no))),
        confidence: no.is_multiple_of(5).then_some(50),
        added: Micros(7),
    }
}

fn found(table: &Table, term: u128) -> Vec<u32> {
    table.find(Fingerprint(term)).map(|(object, _)| object.0).collect()
}

/// Fingerprints that crowd the same home slots, at the front, the end, and with equal upper halves.
fn crowded(number: u8) -> u128 {
    let high = [0_u64, 1, u64::MAX, u64::MAX - 1, 1 << 63][usize::from(number % 5)];
    u128::from(high) << 64 | u128::from(number / 5) << 32
}

#[test]
fn facts_come_back_as_given() {
    let mut table = Table::default();
    for no in 0..20 {
        let given = facts(&mut table, no);
        table.set_facts(ObjectNo(no), &given).unwrap();
        assert_eq!(table.facts(ObjectNo(no)), Some(given));
        assert_eq!(
            table.id(&given).unwrap(),
            format!("indicator--00000000-0000-0000-0000-0000000000{no:02x}")
        );
    }
    assert_eq!((table.objects(), table.terms()), (20, 0));
    assert_eq!(table.facts(ObjectNo(20)), None);
    let odd = ObjectFacts { id_as_written: false, ..facts(&mut table, 1) };
    assert_eq!(table.id(&odd), None);
}

#[test]
fn an_empty_table_answers() {
    let mut table = Table::default();
    assert_eq!(found(&table, 7), [] as [u32; 0]);
    assert_eq!(table.remove(Fingerprint(7), ObjectNo(1)), Removed::Absent);
    table.remove_object(ObjectNo(9), &[Fingerprint(7)]);
}

#[test]
fn numbers_beyond_the_last_are_refused() {
    let mut table = Table::default();
    let given = facts(&mut table, 1);
    assert_eq!(table.set_facts(ObjectNo(1 << 31), &given), Err(TableError::Number(1 << 31)));
    assert_eq!(table.insert(Fingerprint(1), ObjectNo(u32::MAX)), Err(TableError::Number(u32::MAX)));
    assert!(table.insert(Fingerprint(1), ObjectNo((1 << 31) - 1)).is_ok());
}

#[test]
fn types_beyond_those_named_are_found_without_a_name() {
    let mut table = Table::default();
    for at in 0..300 {
        table.type_no(&format!("x-{at}"));
    }
    let first = table.type_no("x-0");
    let last = table.type_no("x-299");
    assert_eq!((table.type_name(first), table.type_name(last)), (Some("x-0"), None));
    let given = ObjectFacts { type_no: last, ..facts(&mut table, 1) };
    table.set_facts(ObjectNo(1), &given).unwrap();
    assert_eq!(table.id(&given), None);
}

#[test]
fn replace_moves_postings() {
    let mut table = Table::default();
    let given = facts(&mut table, 1);
    let [a, b, c] = [Fingerprint(1 << 64), Fingerprint(2 << 64), Fingerprint(3 << 64)];
    table.replace(ObjectNo(1), &given, &[], &[a, b]).unwrap();
    table.replace(ObjectNo(2), &given, &[], &[b]).unwrap();
    table.replace(ObjectNo(1), &given, &[a, b], &[b, c]).unwrap();
    assert_eq!((found(&table, a.0), found(&table, b.0), found(&table, c.0)), (vec![], vec![2, 1], vec![1]));
    table.remove_object(ObjectNo(1), &[b, c]);
    assert_eq!((found(&table, b.0), found(&table, c.0)), (vec![2], vec![]));
    assert_eq!((table.objects(), table.terms()), (1, 1));
}

#[derive(Clone, Debug)]
enum Act {
    Insert(u8, u8),
    Remove(u8, u8),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        3 => (any::<u8>(), 0..12_u8).prop_map(|(term, object)| Act::Insert(term, object)),
        2 => (any::<u8>(), 0..12_u8).prop_map(|(term, object)| Act::Remove(term, object)),
    ]
}

proptest! {
    #[test]
    fn agrees_with_a_map(acts in prop::collection::vec(act(), 0..600)) {
        let mut table = Table::default();
        for no in 0..12 {
            let given = facts(&mut table, no);
            table.set_facts(ObjectNo(no), &given).unwrap();
        }
        let mut map: BTreeMap<u128, BTreeSet<u32>> = BTreeMap::new();
        for act in acts {
            match act {
                Act::Insert(term, object) => {
                    table.insert(Fingerprint(crowded(term)), ObjectNo(object.into())).unwrap();
                    map.entry(crowded(term)).or_default().insert(object.into());
                }
                Act::Remove(term, object) => {
                    let gone = map.get_mut(&crowded(term)).is_some_and(|set| set.remove(&u32::from(object)));
                    let expected = if gone { Removed::Gone } else { Removed::Absent };
                    prop_assert_eq!(table.remove(Fingerprint(crowded(term)), ObjectNo(object.into())), expected);
                    map.retain(|_, set| !set.is_empty());
                }
            }
        }
        prop_assert_eq!(table.terms(), map.len());
        for number in 0..=u8::MAX {
            let got: Vec<u32> = found(&table, crowded(number));
            let set: BTreeSet<u32> = got.iter().copied().collect();
            prop_assert_eq!(got.len(), set.len());
            prop_assert_eq!(set, map.get(&crowded(number)).cloned().unwrap_or_default());
        }
    }
}
