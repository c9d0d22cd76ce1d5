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

#[test]
fn a_file_that_tells_of_a_life_which_its_sender_has_not_signed_is_refused() {
    let mut scene = Scene::new();
    scene.rows[0].apply(Effect::Life(9));
    let peer = scene.member(1);
    let file = scene.exchange(0).courier_out(&scene.rows[0], &peer, &Beside::default()).unwrap().unwrap();
    let plain = scene.exchange(1).me.sealing.open(&Sealed::parse_file(file.clone()).unwrap()).unwrap();
    let parts = fields(&plain).unwrap();
    let manifest = statement(frame::single(&parts, 1).unwrap()).unwrap();
    let manifest: Manifest = serde_json::from_slice(manifest.unverified_payload()).unwrap();
    let taken = |scene: &Scene, change: &dyn Fn(&mut Manifest)| {
        let (exchange, mut manifest) = (scene.exchange(0), manifest.clone());
        change(&mut manifest);
        let (payload, signer) = (serde_json::to_vec(&manifest).unwrap(), exchange.me.signer.as_ref());
        let signed = Signed::sign(MANIFEST_TYPE, payload, signer).unwrap();
        let mut writer = Writer::new(MAGIC);
        writer.field(1, signed.to_json().as_bytes());
        for part in parts.iter().filter(|part| part.tag != 1) {
            writer.field(part.tag, part.bytes);
        }
        let key = scene.exchange(1).me.sealing.public();
        let sealed = Sealed::seal_file(exchange.rng, &key, crate::Route([0; 16]), writer.bytes()).unwrap();
        scene.exchange(1).courier_in(&scene.rows[1], sealed.as_bytes().to_vec()).map(drop)
    };
    assert_eq!(taken(&scene, &|_| ()), Ok(()));
    assert_eq!(taken(&scene, &|manifest| manifest.life_proof = None), Err(CourierError::LifeUnproven));
    assert_eq!(taken(&scene, &|manifest| manifest.life = 10), Err(CourierError::LifeUnproven));
    // What is taken is shown in return.
    let (own, exchange) = (scene.rows[0].own().unwrap(), scene.exchange(1));
    let parcel = exchange.courier_in(&scene.rows[1], file).unwrap();
    let effects = exchange.parcel_heard(&scene.rows[1], &parcel.manifest, None).unwrap();
    let unshown = Manifest { life_proof: None, ..parcel.manifest };
    assert_eq!(exchange.parcel_heard(&scene.rows[1], &unshown, None).unwrap(), []);
    scene.rows[1].apply_all(effects);
    let known = scene.rows[1].peer(&scene.member(0)).unwrap();
    assert_eq!((known.life, known.proof()), (9, scene.exchange(0).proof_of_life(&own)));
}

#[test]
fn no_more_heads_go_into_a_parcel_than_are_read() {
    let mut scene = Scene::new();
    scene.leaves_max = 1;
    (0..base::limit::HEADS_MAX + 9).for_each(|number| scene.release(number));
    let peer = scene.member(1);
    let out = scene.exchange(0).relay_out(&scene.rows[0], &peer, &Beside::default()).unwrap().unwrap();
    takes(&mut scene, 1, out.parcel);
    let own = scene.member(0);
    assert_eq!(scene.rows[1].held(&own).unwrap(), base::limit::HEADS_MAX as u64);
}
