//! Tests of what comes to a member that a recovery has left out, which has read what was lost.

use super::*;

/// The first has lost `lost` acts that the second has read, leaves the second out, and does `done` more before the two meet again. It
/// had called back an object before, and calls back another one.
fn left_out(lost: usize, done: usize) -> Scene {
    let mut scene = Scene::new();
    scene.release(1);
    scene.release(2);
    scene.hear(1, 0);
    scene.hear(2, 0);
    let backup = scene.rows[0].clone();
    scene.recall(2);
    for number in 0..lost {
        scene.release(10 + number);
    }
    for at in [1, 2] {
        for _ in 0..2 {
            scene.hear(at, 0);
        }
    }
    scene.lose(&backup);
    let second = scene.member(1);
    scene.do_at(0, |exchange, rows| exchange.leave_out(rows, second).unwrap().unwrap());
    scene.recover(0, 2);
    scene.recall(1);
    for number in 0..done {
        scene.release(100 + number);
    }
    scene
}

#[test]
fn what_is_done_before_a_member_that_was_left_out_is_met_comes_to_it() {
    for (lost, done) in [(5, 1), (5, 5), (3, 8), (0, 2), (5, 0)] {
        let mut scene = left_out(lost, done);
        // Until it has said how far it has read, it is given nothing by any road.
        let (second, life) = (scene.member(1), scene.rows[0].own().unwrap().life);
        assert!(scene.exchange(0).outgoing(&scene.rows[0], &second).unwrap().is_empty());
        for _ in 0..4 {
            scene.hear(1, 0);
        }
        let rows = &scene.rows[1];
        assert!(rows.refusals().is_empty(), "{:?}", rows.refusals());
        for act in scene.rows[0].acts().filter(|act| act.author == scene.member(0)) {
            let there = rows.act(&act.author, act.sequence).unwrap();
            assert_eq!(there.map(|there| there.leaf), Some(act.leaf), "{lost} {done}: {}", act.sequence);
        }
        let first = scene.member(0);
        let name = |number: usize| crate::ObjectName { author: first, id: format!("indicator--{number}") };
        assert!(rows.versions(&name(1)).unwrap().is_empty(), "it was called back");
        let queues = scene.rows[0].peer(&second).unwrap();
        assert_eq!(queues.heard_in, life);
        let read = rows.peer(&first).unwrap();
        assert!(Lane::QUEUES.iter().all(|lane| read.queue(*lane).cursor == queues.queue(*lane).last));
    }
}

#[test]
fn an_acknowledgement_of_another_life_changes_nothing() {
    let mut scene = left_out(5, 8);
    let (first, second) = (scene.member(0), scene.member(1));
    let ack = |scene: &Scene, life: Option<u64>, further: u64| {
        let known = scene.rows[1].peer(&first).unwrap();
        let cursors = Lane::QUEUES.map(|lane| known.queue(lane).cursor + further);
        let (from, refused, heads) = (scene.member(1), Vec::new(), BTreeMap::new());
        let ack = Ack { from, to: first, life, cursors, refused, heads, back: None };
        ack.sign(scene.who[1].signer.as_ref())
    };
    let life = scene.rows[0].own().unwrap().life;
    for other in [Some(0), Some(life + 1), None] {
        let signed = ack(&scene, other, 0);
        let (_, effects) = scene.exchange(0).take_ack(&scene.rows[0], &signed).unwrap().unwrap();
        assert!(effects.is_empty(), "{other:?} {effects:?}");
    }
    // Of the present one it says what a greeting says.
    let signed = ack(&scene, Some(life), 0);
    scene.do_at(0, |exchange, rows| exchange.take_ack(rows, &signed).unwrap().unwrap().1);
    let queue = scene.rows[0].peer(&second).unwrap().queue(Lane::Routine);
    assert_eq!((queue.acked, queue.last), (7, 20), "what was lost goes again to whom it was for");
    // Who says no life is believed once it was heard in this one.
    let signed = ack(&scene, None, 1);
    scene.do_at(0, |exchange, rows| exchange.take_ack(rows, &signed).unwrap().unwrap().1);
    assert_eq!(scene.rows[0].peer(&second).unwrap().queue(Lane::Routine).acked, 8);
}

/// The first two send each other files, three times; the second begins.
fn files(scene: &mut Scene) {
    for _ in 0..3 {
        for (from, to) in [(1, 0), (0, 1)] {
            let whom = scene.member(to);
            let file = scene.exchange(from).courier_out(&scene.rows[from], &whom, &crate::Beside::default());
            scene.carry(to, file.unwrap().unwrap());
        }
    }
}

/// A word of the second on the present life, the first there is: how far it has read, and what it refused.
fn first_word(scene: &Scene, refused: Vec<crate::AckRefusal>) -> Signed {
    let (first, second) = (scene.member(0), scene.member(1));
    let known = scene.rows[1].peer(&first).unwrap();
    let ack = Ack {
        from: second,
        to: first,
        life: Some(scene.rows[0].own().unwrap().life),
        cursors: Lane::QUEUES.map(|lane| known.queue(lane).cursor),
        refused,
        heads: std::collections::BTreeMap::new(),
        back: None,
    };
    ack.sign(scene.who[1].signer.as_ref())
}

#[test]
fn how_far_who_has_not_heard_of_this_life_has_read_is_not_its_last_word() {
    let mut scene = left_out(5, 1);
    let (first, second) = (scene.member(0), scene.member(1));
    let before = scene.rows[0].peer(&second).unwrap();
    for known in [false, true] {
        let hello = scene.exchange(1).hello(&scene.rows[1], first, Versions::OURS).unwrap();
        scene.do_at(0, |exchange, rows| {
            exchange.greet(rows, &hello, Versions::OURS).unwrap().unwrap().effects
        });
        let (row, own) = (scene.rows[0].peer(&second).unwrap(), scene.rows[0].own().unwrap());
        assert_eq!((row.queues == before.queues, row.heard_in == own.life), (!known, known));
        let hello = scene.exchange(0).hello(&scene.rows[0], second, Versions::OURS).unwrap();
        scene.do_at(1, |exchange, rows| {
            exchange.greet(rows, &hello, Versions::OURS).unwrap().unwrap().effects
        });
    }
}

#[test]
fn what_was_refused_of_lost_lines_is_not_said_of_those_that_stand_there_since() {
    let mut scene = left_out(5, 1);
    let second = scene.member(1);
    let places = |scene: &Scene| -> Vec<(u64, u64)> {
        let lines = scene.rows[0].lines().filter(|line| line.peer == second && line.lane == Lane::Routine);
        lines.map(|line| (line.place, line.sequence)).collect()
    };
    let before = places(&scene);
    let [_, kept, (place, sequence), ..] = before[..] else { panic!("{before:?}") };
    let refusal = |place| crate::AckRefusal { lane: 1, place, rule: "of-before".to_owned() };
    let signed = first_word(&scene, vec![refusal(kept.0), refusal(place)]);
    scene.do_at(0, |exchange, rows| exchange.take_ack(rows, &signed).unwrap().unwrap().1);
    assert!(places(&scene).contains(&(8, sequence)), "it goes on behind what was read: {before:?}");
    let state = |sequence| {
        let receipts = scene.rows[0].receipts(sequence).unwrap();
        receipts.into_iter().find(|row| row.member == second).unwrap().state
    };
    assert_eq!(state(sequence), ReceiptState::Pending);
    assert_eq!(state(kept.1), ReceiptState::Refused("of-before".to_owned()), "its line was not lost");
}

#[test]
fn of_a_receipt_for_several_acts_those_count_that_are_known() {
    let mut scene = Scene::new();
    scene.release(1);
    let before = scene.rows[0].clone();
    scene.release(2);
    let (first, second) = (scene.member(0), scene.member(1));
    scene.meet_heads(1, 0);
    let mut received = Vec::new();
    for sealed in scene.exchange(0).outgoing(&scene.rows[0], &second).unwrap() {
        let one = scene.exchange(1).receive(&scene.rows[1], &sealed).unwrap();
        scene.rows[1].apply_all(one.effects.clone());
        received.push(one);
    }
    assert_eq!(received.len(), 2);
    scene.do_at(1, |exchange, rows| exchange.close(rows, first, &received).unwrap());
    scene.do_at(1, |exchange, rows| exchange.sign_head(rows).unwrap());
    // The second act is lost, and nobody gives it back.
    scene.rows[0] = before;
    let known = scene.exchange(0).heads_known(&scene.rows[0]).unwrap();
    for update in scene.exchange(1).heads_for(&scene.rows[1], &known, None).unwrap() {
        if update.origin == second {
            scene.do_at(0, |exchange, rows| exchange.take_head(rows, &update).unwrap().effects);
        }
    }
    for sealed in scene.exchange(1).outgoing(&scene.rows[1], &first).unwrap() {
        scene.do_at(0, |exchange, rows| exchange.receive(rows, &sealed).unwrap().effects);
    }
    let receipts = scene.rows[0].receipts(0).unwrap();
    let row = receipts.into_iter().find(|row| row.member == second).unwrap();
    assert!(matches!(row.state, ReceiptState::Done { .. }), "{row:?}");
    let rules: Vec<String> = scene.rows[0].refusals().iter().map(|row| row.rule.clone()).collect();
    assert_eq!(rules, ["receipt-unfounded"]);
}

#[test]
fn after_a_restore_two_that_never_meet_go_on_by_files() {
    let mut scene = left_out(5, 8);
    // What the other way had been taken and is lost comes again.
    let (first, second) = (scene.member(0), scene.member(1));
    scene.release_to(1, 200, &[0]);
    let mut row = scene.rows[1].peer(&first).unwrap();
    row.queues[1].acked = row.queues[1].last;
    scene.rows[1].apply(Effect::Peer(first, row));
    files(&mut scene);
    for number in [100, 107] {
        let name = crate::ObjectName { author: first, id: format!("indicator--{number}") };
        assert_eq!(scene.rows[1].versions(&name).unwrap().len(), 1, "{number}");
    }
    let name = crate::ObjectName { author: second, id: "indicator--200".to_owned() };
    assert_eq!(scene.rows[0].versions(&name).unwrap().len(), 1);
    assert!(scene.rows.iter().all(|rows| rows.refusals().is_empty()));
}

#[test]
fn two_that_were_both_restored_and_never_meet_go_on_by_files() {
    for told in [true, false] {
        let mut scene = left_out(5, 8);
        // Of before it heard of the first's new life.
        let backup = scene.rows[1].clone();
        if told {
            files(&mut scene);
            scene.release(300);
        }
        let (first, second) = (scene.member(0), scene.member(1));
        scene.lose_at(1, &backup);
        scene.do_at(1, |exchange, rows| exchange.leave_out(rows, first).unwrap().unwrap());
        scene.recover(1, 2);
        assert_eq!(scene.stage_at(1), None);
        scene.release_to(1, 200, &[0]);
        scene.release(301);
        files(&mut scene);
        let held = |at: usize, author: KeyId, number: usize| {
            let name = crate::ObjectName { author, id: format!("indicator--{number}") };
            scene.rows[at].versions(&name).unwrap().len()
        };
        let expected = [100, 107, 301].map(|number| held(1, first, number));
        assert_eq!((expected, held(0, second, 200)), ([1; 3], 1), "{told}");
        assert_eq!(held(1, first, 300), usize::from(told));
        assert!(scene.rows.iter().all(|rows| rows.refusals().is_empty()));
    }
}
