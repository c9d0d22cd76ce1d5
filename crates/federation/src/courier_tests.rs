//! Tests of parcels: their sizes, and ledgers larger than one of them.

use super::*;
use crate::recover::tests::Scene;
use crate::{RelayWord, Taken};

/// Room for the leaves of about twenty acts.
const SMALL: Carriage = Carriage {
    batch_bytes_least: 40 * 1024,
    bytes: 105 * 1024 + 512,
    batch_bytes: 12 * 1024,
    ..Carriage::RELAY
};

#[test]
fn sizes_come_in_few_steps_and_cost_little() {
    for (size, shown) in
        [(0, 0), (1, 4096), (4096, 4096), (4097, 8192), (100_000, 106_496), (1 << 20, 1 << 20)]
    {
        assert_eq!(padded(size), shown);
    }
    assert!((65_536..2_000_000).step_by(977).all(|size| padded(size) <= size + size / 8));
}

/// One takes what another says, as a node takes a parcel; the envelopes that were in it.
fn takes(scene: &mut Scene, at: usize, parcel: Sealed) -> usize {
    let parcel = scene.exchange(at).courier_in(&scene.rows[at], parcel.as_bytes().to_vec()).unwrap();
    let ack = parcel.ack.unwrap();
    let (_, effects) = scene.exchange(at).take_ack(&scene.rows[at], &ack).unwrap().unwrap();
    scene.rows[at].apply_all(effects);
    for update in &parcel.heads {
        let effects = scene.exchange(at).take_head(&scene.rows[at], update).unwrap().effects;
        scene.rows[at].apply_all(effects);
    }
    for sealed in &parcel.envelopes {
        let received = scene.exchange(at).receive(&scene.rows[at], sealed).unwrap();
        assert!(!matches!(received.taken, Taken::Refused(_)), "{received:?}");
        scene.rows[at].apply_all(received.effects);
    }
    parcel.envelopes.len()
}

/// What one says to the other when there is news, by parcels of this size, until neither has any: the envelopes in each parcel
/// of the first.
fn said(scene: &mut Scene, carriage: &Carriage) -> Vec<usize> {
    let (mut told, mut envelopes) = ([None::<RelayWord>; 2], Vec::new());
    for _ in 0..200 {
        let mut silent = true;
        for (from, to) in [(0, 1), (1, 0)] {
            let peer = scene.member(to);
            let word = scene.exchange(from).relay_word(&scene.rows[from], &peer).unwrap().unwrap();
            if !word.is_news_after(told[from].as_ref()) {
                continue;
            }
            (silent, told[from]) = (false, Some(word));
            let out = scene.exchange(from).parcel_out(&scene.rows[from], &peer, carriage, &Beside::default());
            let brought = takes(scene, to, out.unwrap().unwrap().parcel);
            envelopes.extend((from == 0).then_some(brought));
        }
        if silent {
            return envelopes;
        }
    }
    panic!("two members go on for ever");
}

#[test]
fn a_ledger_larger_than_a_parcel_goes_in_parts_and_then_what_waits() {
    let mut scene = Scene::new();
    (0..100).for_each(|number| scene.release(number));
    let envelopes = said(&mut scene, &SMALL);
    let parts = envelopes.iter().take_while(|envelopes| **envelopes == 0).count();
    assert!((3..12).contains(&parts), "{envelopes:?}");
    assert_eq!(envelopes.iter().sum::<usize>(), 100, "everything, once: {envelopes:?}");
    let own = scene.member(0);
    assert_eq!(scene.rows[1].mirror(&own).unwrap().map(|row| row.size), Some(100));
    // Where there is room everything goes at once, however few leaves one head is told with.
    let mut scene = Scene::new();
    scene.leaves_max = 7;
    (0..100).for_each(|number| scene.release(number));
    assert_eq!(said(&mut scene, &Carriage::RELAY)[0], 100);
}
