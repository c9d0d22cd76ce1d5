//! Tests of proof of life: who can have a node begin a new one, and what is believed of another's.

use super::*;
use crate::hello::HELLO_TYPE;
use crate::life::LIFE_TYPE;

/// A statement about a life, by the key of one of the scene.
fn proof(scene: &Scene, (by, of): (usize, usize), life: u64, kind: &str) -> Signed {
    let payload = format!("{{\"life\":{life},\"member\":\"{}\",\"later\":[1]}}", scene.member(of));
    Signed::sign(kind, payload.into_bytes(), scene.who[by].signer.as_ref()).unwrap()
}

/// A greeting of the second for the first, changed.
fn greeting(scene: &Scene, change: impl FnOnce(&mut Hello)) -> Signed {
    let exchange = scene.exchange(1);
    let hello = exchange.hello(&scene.rows[1], scene.member(0), Versions::OURS).unwrap();
    let mut hello: Hello = serde_json::from_slice(hello.unverified_payload()).unwrap();
    change(&mut hello);
    let payload = serde_json::to_vec(&hello).unwrap();
    Signed::sign(HELLO_TYPE, payload, scene.who[1].signer.as_ref()).unwrap()
}

/// What the first makes of it.
fn greeted(scene: &Scene, greeting: &Signed) -> crate::hello::Greeted {
    scene.exchange(0).greet(&scene.rows[0], greeting, Versions::OURS).unwrap().unwrap()
}

/// A scene in which the first was restored once, and all know of it; and the rows of the first of before.
fn restored() -> (Scene, MemoryRows) {
    let mut scene = Scene::new();
    scene.release(1);
    scene.hear(1, 0);
    scene.hear(2, 0);
    let before = scene.rows[0].clone();
    scene.lose(&before);
    for at in [1, 2] {
        scene.recover(0, at);
    }
    assert_eq!(scene.stage(), None);
    (scene, before)
}

#[test]
fn nobody_else_has_a_node_begin_a_new_life() {
    let (mut scene, _) = restored();
    let life = scene.rows[0].own().unwrap().life;
    let known = scene.rows[1].peer(&scene.member(0)).unwrap();
    assert_eq!(known.life, life);
    let real = known.proof().unwrap();
    let forged = [
        (life + 1, None),
        (u64::MAX, None),
        (life + 1, Some(real.clone())),
        (life + 1, Some(proof(&scene, (1, 0), life + 1, LIFE_TYPE))),
        (life + 1, Some(proof(&scene, (1, 1), life + 1, LIFE_TYPE))),
        (life + 1, Some(proof(&scene, (0, 1), life + 1, LIFE_TYPE))),
        // What the first has signed as something else.
        (life + 1, Some(proof(&scene, (0, 0), life + 1, HELLO_TYPE))),
        (u64::MAX, Some(proof(&scene, (0, 0), u64::MAX, LIFE_TYPE))),
    ];
    for (knows, proof) in forged {
        let told = greeting(&scene, |hello| (hello.knows_life, hello.knows_life_proof) = (knows, proof));
        let heard = greeted(&scene, &told);
        assert_eq!((heard.refused, heard.begins_life), (Some(Rule::LifeUnproven), false), "{knows}");
        let second = scene.member(1);
        let log = scene.exchange(0).refused_of(second, Rule::LifeUnproven);
        assert_eq!(heard.effects, [log], "nothing else changes");
    }
    // What is not later than the present one changes nothing, with whatever it comes.
    for (knows, proof) in [(life, None), (life - 1, Some(real.clone())), (0, Some(real))] {
        let told = greeting(&scene, |hello| (hello.knows_life, hello.knows_life_proof) = (knows, proof));
        let heard = greeted(&scene, &told);
        assert_eq!(heard.refused, None);
        scene.rows[0].apply_all(heard.effects);
        assert_eq!((scene.rows[0].own().unwrap().life, scene.stage()), (life, None));
    }
}

#[test]
fn a_proof_counts_that_was_signed_with_a_key_of_before() {
    let (mut scene, before) = restored();
    let (first, life) = (scene.member(0), scene.rows[0].own().unwrap().life);
    let new = SigningKey::generate(&scene.rng);
    let sealing = scene.house.members[&first].1;
    let (old, _) = scene.house.members.insert(first, (new.public_key(), sealing)).unwrap();
    scene.who[0].signer = Box::new(new);
    scene.rows[0] = before;
    let told = greeting(&scene, |_| ());
    assert_eq!(greeted(&scene, &told).refused, Some(Rule::LifeUnproven), "it is nobody's key");
    scene.house.former.push((first, old));
    let heard = greeted(&scene, &told);
    assert_eq!(heard.refused, None);
    scene.rows[0].apply_all(heard.effects);
    let own = scene.rows[0].own().unwrap();
    assert!(own.life > life && own.taking_back().is_some());
    // What is shown with the present key takes the place of what was shown with the one before.
    scene.hear(1, 0);
    let kept = scene.rows[1].peer(&first).unwrap();
    assert_eq!(
        (kept.life, kept.life_proof),
        (own.life, scene.exchange(0).proof_of_life(&own).map(|it| it.to_json()))
    );
    scene.house.former.clear();
    assert_eq!(greeted(&scene, &greeting(&scene, |_| ())).refused, None);
}

#[test]
fn a_later_life_of_its_sender_is_believed_when_it_shows_it() {
    let (mut scene, _) = restored();
    let second = scene.member(1);
    let too_large = {
        let payload = format!("{{\"life\":7,\"member\":\"{second}\",\"later\":\"{}\"}}", "x".repeat(4_096));
        Signed::sign(LIFE_TYPE, payload.into_bytes(), scene.who[1].signer.as_ref()).unwrap()
    };
    for proof in [
        None,
        Some(proof(&scene, (1, 1), 8, LIFE_TYPE)),
        Some(proof(&scene, (2, 1), 7, LIFE_TYPE)),
        Some(proof(&scene, (1, 0), 7, LIFE_TYPE)),
        Some(too_large),
    ] {
        let told = greeting(&scene, |hello| (hello.life, hello.life_proof) = (7, proof));
        assert_eq!(greeted(&scene, &told).refused, Some(Rule::LifeUnproven));
    }
    let shown = proof(&scene, (1, 1), 7, LIFE_TYPE);
    let told = greeting(&scene, |hello| (hello.life, hello.life_proof) = (7, Some(shown.clone())));
    let heard = greeted(&scene, &told);
    assert_eq!((heard.refused, heard.begins_life), (None, true));
    scene.rows[0].apply_all(heard.effects);
    // It is shown to it in return, with what this version does not know of it.
    let hello = scene.exchange(0).hello(&scene.rows[0], second, Versions::OURS).unwrap();
    let hello = scene.exchange(1).greeting(&hello).unwrap();
    assert_eq!((hello.knows_life, hello.knows_life_proof), (7, Some(shown)));
    // What is known needs no proof again, and one that does not hold is refused.
    let again = |proof| greeting(&scene, |hello| (hello.life, hello.life_proof) = (7, proof));
    assert_eq!(greeted(&scene, &again(None)).refused, None);
    let other = proof(&scene, (2, 1), 7, LIFE_TYPE);
    assert_eq!(greeted(&scene, &again(Some(other))).refused, Some(Rule::LifeUnproven));
}

#[test]
fn the_last_number_is_not_beyond_reach() {
    let (mut scene, before) = restored();
    // Whoever had its key and used up the numbers takes no more than one recovery.
    let last = crate::life::LIFE_MAX;
    let shown = proof(&scene, (0, 0), last, LIFE_TYPE);
    scene.rows[0] = before;
    let told = greeting(&scene, |hello| (hello.knows_life, hello.knows_life_proof) = (last, Some(shown)));
    let heard = greeted(&scene, &told);
    scene.rows[0].apply_all(heard.effects);
    assert_eq!(scene.rows[0].own().unwrap().life, last);
    assert_eq!(greeted(&scene, &told).effects.iter().filter(|it| matches!(it, Effect::Life(_))).count(), 0);
    for at in [1, 2] {
        scene.recover(0, at);
    }
    assert_eq!(scene.stage(), None);
}
