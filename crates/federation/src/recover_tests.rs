//! Tests of recovery against members that lie, are behind, or were told something in an earlier life.

use std::collections::BTreeMap;

use base::signing::{PublicKey, Signer, SigningKey};
use base::{Micros, Rng, SeededRng};
use ledger::act::ActKind;

use super::*;
use crate::port::{Directory, Judge, Me, Question, Standing};
use crate::rows::MirrorRow;
use crate::seal::SealingSecret;
use crate::{Alteration, Kept, MemoryRows, Release, Taken, Versions};

struct House {
    members: BTreeMap<KeyId, (PublicKey, [u8; 32])>,
    epoch: u64,
    /// Keys that members had before.
    former: Vec<(KeyId, PublicKey)>,
}

impl Directory for House {
    fn epoch(&self) -> u64 {
        self.epoch
    }
    fn standing_at(&self, member: &KeyId, _: u64) -> Standing {
        self.standing(member)
    }
    fn standing(&self, member: &KeyId) -> Standing {
        if self.members.contains_key(member) { Standing::Active } else { Standing::Unknown }
    }
    fn keys(&self, member: &KeyId) -> Vec<PublicKey> {
        let now = self.members.get(member).map(|(key, _)| *key);
        let former = self.former.iter().filter(|(of, _)| of == member).map(|(_, key)| *key);
        now.into_iter().chain(former).collect()
    }
    fn sealing(&self, member: &KeyId) -> Option<[u8; 32]> {
        self.members.get(member).map(|(_, sealing)| *sealing)
    }
    fn active(&self) -> BTreeSet<KeyId> {
        self.members.keys().copied().collect()
    }
    fn identity_owner(&self, _: &str) -> Option<KeyId> {
        None
    }
}

struct Yes;

impl Judge for Yes {
    fn decide(&self, _: &Question<'_>) -> Result<(), String> {
        Ok(())
    }
    fn named(&self, _: &str, _: Micros) -> BTreeSet<KeyId> {
        BTreeSet::new()
    }
    fn hindered(&self, _: &Question<'_>) -> Option<crate::Hindrance> {
        None
    }

    fn taken_in(&self, _: &str, _: Micros, _: Micros) -> BTreeMap<[u8; 32], BTreeSet<KeyId>> {
        BTreeMap::new()
    }

    fn left(&self, _: &Question<'_>) -> bool {
        false
    }

    fn given_besides(&self, later: &str, _: &str, _: &KeyId) -> String {
        later.to_owned()
    }

    fn meet(&self, one: &str, _: &str) -> String {
        one.to_owned()
    }
}

/// Three members, of which the first loses what it did.
pub(crate) struct Scene {
    rng: SeededRng,
    house: House,
    who: Vec<Me>,
    pub(crate) rows: Vec<MemoryRows>,
    now: Micros,
    pub(crate) leaves_max: usize,
}

impl Scene {
    pub(crate) fn new() -> Self {
        let rng = SeededRng::new(7);
        let mut house = House { members: BTreeMap::new(), epoch: 1, former: Vec::new() };
        let (mut who, mut rows) = (Vec::new(), Vec::new());
        for _ in 0..3 {
            let (signer, sealing) = (SigningKey::generate(&rng), SealingSecret::generate(&rng));
            let member = signer.public_key().id();
            house.members.insert(member, (signer.public_key(), sealing.public()));
            rows.push(MemoryRows::of(member));
            who.push(Me { member, community: "c".to_owned(), signer: Box::new(signer), sealing });
        }
        let (now, leaves_max) = (Micros(1_800_000_000_000_000), base::limit::HEAD_LEAVES_MAX);
        Self { rng, house, who, rows, now, leaves_max }
    }

    pub(crate) fn exchange(&self, at: usize) -> Exchange<'_> {
        Exchange {
            me: &self.who[at],
            directory: &self.house,
            judge: &Yes,
            rng: &self.rng as &dyn Rng,
            now: self.now,
            leaves_max: self.leaves_max,
        }
    }

    pub(crate) fn member(&self, at: usize) -> KeyId {
        self.who[at].member
    }

    fn do_at(&mut self, at: usize, step: impl FnOnce(&Exchange<'_>, &MemoryRows) -> Vec<Effect>) {
        let effects = step(&self.exchange(at), &self.rows[at]);
        self.rows[at].apply_all(effects);
    }

    /// The first releases something to the others.
    pub(crate) fn release(&mut self, number: usize) {
        self.release_to(0, number, &[1, 2]);
    }

    fn release_to(&mut self, at: usize, number: usize, to: &[usize]) {
        let object = format!("{{\"id\":\"indicator--{number}\",\"modified\":\"v1\"}}");
        let addressees = to.iter().map(|to| self.member(*to)).collect();
        self.do_at(at, |exchange, rows| {
            let (object, lane, kind) = (object.as_bytes(), Lane::Routine, ActKind::Released);
            let release = Release { object, rules: "r", addressees: &addressees, lane, kind };
            exchange.release(rows, &release).unwrap().effects
        });
        self.do_at(at, |exchange, rows| exchange.sign_head(rows).unwrap());
    }

    /// The first calls something back.
    fn recall(&mut self, number: usize) {
        let object = format!("indicator--{number}");
        self.do_at(0, |exchange, rows| exchange.alter(rows, &object, &Alteration::Recall, "").unwrap().1);
        self.do_at(0, |exchange, rows| exchange.sign_head(rows).unwrap());
    }

    /// One takes a courier file.
    fn carry(&mut self, to: usize, file: Vec<u8>) {
        let parcel = self.exchange(to).courier_in(&self.rows[to], file).unwrap();
        self.do_at(to, |exchange, rows| {
            exchange.parcel_heard(rows, &parcel.manifest, parcel.ack.as_ref()).unwrap()
        });
        let ack = parcel.ack.unwrap();
        self.do_at(to, |exchange, rows| exchange.take_ack(rows, &ack).unwrap().unwrap().1);
        for update in &parcel.heads {
            self.do_at(to, |exchange, rows| exchange.take_head(rows, update).unwrap().effects);
        }
        for sealed in &parcel.envelopes {
            self.do_at(to, |exchange, rows| exchange.receive(rows, sealed).unwrap().effects);
        }
    }

    /// One hears everything that another has for it.
    fn hear(&mut self, listener: usize, speaker: usize) {
        self.meet_heads(listener, speaker);
        let to = self.member(listener);
        for sealed in self.exchange(speaker).outgoing(&self.rows[speaker], &to).unwrap() {
            self.do_at(listener, |exchange, rows| exchange.receive(rows, &sealed).unwrap().effects);
        }
    }

    /// Two greet each other, and one takes the heads that the other has.
    fn meet_heads(&mut self, listener: usize, speaker: usize) {
        let hello = self
            .exchange(listener)
            .hello(&self.rows[listener], self.member(speaker), Versions::OURS)
            .unwrap();
        self.do_at(speaker, |exchange, rows| {
            exchange.greet(rows, &hello, Versions::OURS).unwrap().unwrap().effects
        });
        let hello =
            self.exchange(speaker).hello(&self.rows[speaker], self.member(listener), Versions::OURS).unwrap();
        self.do_at(listener, |exchange, rows| {
            exchange.greet(rows, &hello, Versions::OURS).unwrap().unwrap().effects
        });
        let known = self.exchange(listener).heads_known(&self.rows[listener]).unwrap();
        let updates = self.exchange(speaker).heads_for(&self.rows[speaker], &known, None).unwrap();
        for update in updates {
            self.do_at(listener, |exchange, rows| exchange.take_head(rows, &update).unwrap().effects);
        }
    }

    fn lose(&mut self, backup: &MemoryRows) {
        self.lose_at(0, backup);
    }

    fn lose_at(&mut self, at: usize, backup: &MemoryRows) {
        self.rows[at] = backup.clone();
        self.now = self.now.plus(1);
        self.do_at(at, |exchange, rows| exchange.begin_recovery(rows).unwrap());
    }

    /// What a member gives back to the first: its heads, its acts, its word.
    fn given_by(&mut self, at: usize) -> Given {
        self.given(0, at)
    }

    fn given(&mut self, asker: usize, at: usize) -> Given {
        let to = self.member(at);
        let hello = self.exchange(asker).hello(&self.rows[asker], to, Versions::OURS).unwrap();
        let greeted = self.exchange(at).greet(&self.rows[at], &hello, Versions::OURS).unwrap().unwrap();
        self.rows[at].apply_all(greeted.effects);
        let hello = greeted.hello;
        let heads = self.exchange(at).heads_for(&self.rows[at], &hello.heads, Some(&hello.from)).unwrap();
        let (batch, back) = self.exchange(at).give_back(&self.rows[at], &hello).unwrap();
        let hello = self.exchange(at).hello(&self.rows[at], hello.from, Versions::OURS).unwrap();
        Given { hello, heads, batch, back }
    }

    /// The first takes it as a node does: the word counts when nothing else was refused. Answers with codes of refusals.
    fn take(&mut self, from: usize, given: &Given) -> Vec<&'static str> {
        self.take_at(0, from, given)
    }

    fn take_at(&mut self, at: usize, from: usize, given: &Given) -> Vec<&'static str> {
        let mut refused = Vec::new();
        let me = self.member(at);
        self.do_at(at, |exchange, rows| {
            exchange.greet(rows, &given.hello, Versions::OURS).unwrap().unwrap().effects
        });
        for update in given.heads.iter().filter(|update| update.origin == me) {
            let outcome = self.exchange(at).take_head(&self.rows[at], update).unwrap();
            if !matches!(outcome.kept, Kept::Known | Kept::Part) {
                refused.push("head");
            }
            self.rows[at].apply_all(outcome.effects);
        }
        for sealed in &given.batch {
            let received = self.exchange(at).receive(&self.rows[at], sealed).unwrap();
            if let Taken::Refused(why) = &received.taken {
                refused.push(why.rule.code());
            }
            self.rows[at].apply_all(received.effects);
        }
        if refused.is_empty() {
            let from = self.member(from);
            self.do_at(at, |exchange, rows| exchange.given_back(rows, &from, &given.back).unwrap());
            self.advance(at);
        }
        refused
    }

    /// A member is given back everything by another.
    fn recover(&mut self, at: usize, from: usize) {
        let given = self.given(at, from);
        assert_eq!(self.take_at(at, from, &given), [""; 0]);
    }

    fn advance(&mut self, at: usize) {
        for _ in 0..2 {
            self.do_at(at, |exchange, rows| exchange.advance(rows).unwrap());
        }
    }

    fn stage(&self) -> Option<Stage> {
        self.stage_at(0)
    }

    fn stage_at(&self, at: usize) -> Option<Stage> {
        self.rows[at].own().unwrap().recovery.map(|recovery| recovery.stage)
    }
}

struct Given {
    hello: Signed,
    heads: Vec<crate::HeadUpdate>,
    batch: Vec<Sealed>,
    back: Back,
}

/// A scene in which the first has lost what both others have of it, and the second has less than the third.
fn lost() -> Scene {
    let mut scene = Scene::new();
    scene.release(1);
    scene.hear(1, 0);
    scene.hear(2, 0);
    let backup = scene.rows[0].clone();
    scene.release(2);
    scene.hear(1, 0);
    scene.hear(2, 0);
    scene.release(3);
    scene.hear(2, 0);
    scene.lose(&backup);
    scene
}

#[test]
fn who_has_less_ends_nothing_and_who_has_most_is_heard() {
    let mut scene = lost();
    let given = scene.given_by(1);
    assert_eq!(scene.take(1, &given), [""; 0]);
    assert_eq!((scene.stage(), scene.rows[0].own().unwrap().next), (Some(Stage::TakingBack), 2));
    let me = scene.who[0].signer.public_key();
    assert!(scene.exchange(0).sign_head(&scene.rows[0]).unwrap().is_empty(), "{me:?} signs nothing");
    let given = scene.given_by(2);
    assert_eq!(scene.take(2, &given), [""; 0]);
    assert_eq!(scene.rows[0].own().unwrap().next, 3);
    assert_ne!(scene.stage(), Some(Stage::TakingBack));
    assert_eq!(scene.rows[0].acts().count(), 3, "every act is back");
}

#[test]
fn leaves_and_acts_that_are_not_the_ledgers_are_refused_and_their_giver_counts_for_nothing() {
    let mut scene = lost();
    // Other leaves under the true head.
    let mut given = scene.given_by(2);
    for update in &mut given.heads {
        if let Some(leaf) = update.leaves.last_mut() {
            *leaf = ledger::TreeHash::leaf(b"forged");
        }
    }
    given.batch.clear();
    assert_eq!(scene.take(2, &given), ["head"]);
    // A head of another size than the leaves.
    let mut given = scene.given_by(2);
    for update in &mut given.heads {
        update.leaves.pop();
    }
    given.batch.clear();
    assert_eq!(scene.take(2, &given), ["head"]);
    // An act of this member that its ledger does not have: the giver signs the envelope, and nobody the act.
    let given = scene.given_by(1);
    assert_eq!(scene.take(1, &given), [""; 0]);
    let mut other = Scene::new();
    other.release(9);
    let act = other.rows[0].act(&other.member(0), 0).unwrap().unwrap();
    let forged = crate::rows::ActRow { sequence: 1, ..act };
    let mut liar = scene.rows[2].clone();
    liar.apply(Effect::Act(forged));
    let honest = std::mem::replace(&mut scene.rows[2], liar);
    let given = scene.given_by(2);
    assert_eq!(scene.take(2, &given), ["proof-contradicted"]);
    assert!(scene.rows[0].refusals().iter().any(|row| row.rule == "proof-contradicted"));
    assert_eq!(
        scene.stage(),
        Some(Stage::TakingBack),
        "a liar is waited for until the operator leaves it out"
    );
    scene.rows[2] = honest;
    let given = scene.given_by(2);
    assert_eq!(scene.take(2, &given), [""; 0]);
    assert_ne!(scene.stage(), Some(Stage::TakingBack));
}

#[test]
fn a_word_of_another_life_or_of_a_later_registry_counts_for_nothing() {
    let mut scene = lost();
    let given = scene.given_by(1);
    let bare = scene.exchange(0).given_back(&scene.rows[0], &scene.member(1), &given.back).unwrap();
    assert!(bare.is_empty(), "the leaves it speaks of have not come");
    for update in &given.heads {
        scene.do_at(0, |exchange, rows| exchange.take_head(rows, update).unwrap().effects);
    }
    let old = Back { life: given.back.life - 1, ..given.back };
    let late = Back { epoch: 2, ..given.back };
    let from = scene.member(1);
    for word in [old, late] {
        assert!(scene.exchange(0).given_back(&scene.rows[0], &from, &word).unwrap().is_empty());
    }
    assert!(!scene.exchange(0).given_back(&scene.rows[0], &from, &given.back).unwrap().is_empty());
    scene.house.epoch = 2;
    assert!(!scene.exchange(0).given_back(&scene.rows[0], &from, &late).unwrap().is_empty());
}

#[test]
fn what_an_earlier_life_said_counts_for_nobody_who_has_heard_of_a_later_one() {
    let mut scene = Scene::new();
    scene.release(1);
    scene.hear(1, 0);
    let backup = scene.rows[0].clone();
    // Said to the second, and on its way while the node dies and is restored.
    scene.release(2);
    let hello = scene.exchange(0).hello(&scene.rows[0], scene.member(1), Versions::OURS).unwrap();
    let sealed = scene.exchange(0).outgoing(&scene.rows[0], &scene.member(1)).unwrap();
    let file = scene
        .exchange(0)
        .courier_out(&scene.rows[0], &scene.member(1), &crate::Beside::default())
        .unwrap()
        .unwrap();
    scene.lose(&backup);
    for at in [1, 2] {
        let given = scene.given_by(at);
        assert_eq!(scene.take(at, &given), [""; 0]);
    }
    assert_ne!(scene.stage(), Some(Stage::TakingBack));
    assert_eq!(scene.rows[0].own().unwrap().next, 1, "nobody had the second act");
    // It comes now.
    let greeted = scene.exchange(1).greet(&scene.rows[1], &hello, Versions::OURS).unwrap().unwrap();
    assert_eq!((greeted.refused, greeted.effects), (Some(Rule::Outlived), Vec::new()));
    for sealed in &sealed {
        let received = scene.exchange(1).receive(&scene.rows[1], sealed).unwrap();
        assert_eq!(received.taken, Taken::Refused(Rule::Outlived.into()));
        assert_eq!(received.at_place, None, "its place belongs to something else by now");
        assert!(received.effects.iter().all(|effect| matches!(effect, Effect::Refusal(_))));
    }
    let taken = scene.exchange(1).courier_in(&scene.rows[1], file);
    assert_eq!(taken.unwrap_err(), crate::CourierError::Outlived);
    // So what is done next contradicts nothing.
    scene.release(3);
    scene.hear(1, 0);
    assert!(scene.rows[1].evidence().is_empty());
    assert_eq!(scene.rows[1].mirror(&scene.member(0)).unwrap().map(|MirrorRow { size, .. }| size), Some(2));
}

#[test]
fn who_was_put_back_before_its_last_restore_is_told_so_and_begins_anew() {
    let mut scene = Scene::new();
    scene.release(1);
    scene.hear(1, 0);
    scene.hear(2, 0);
    let backup = scene.rows[0].clone();
    scene.lose(&backup);
    for at in [1, 2] {
        let given = scene.given_by(at);
        scene.take(at, &given);
    }
    let life = scene.rows[0].own().unwrap().life;
    // A snapshot of before the restore comes back, with a clock of before it.
    scene.rows[0] = backup;
    scene.now = Micros(1);
    let hello = scene.exchange(1).hello(&scene.rows[1], scene.member(0), Versions::OURS).unwrap();
    scene.now = Micros(1_800_000_000_000_000);
    scene.do_at(0, |exchange, rows| exchange.greet(rows, &hello, Versions::OURS).unwrap().unwrap().effects);
    let own = scene.rows[0].own().unwrap();
    assert!(own.life > life && own.taking_back().is_some(), "{} after {life}", own.life);
}

#[test]
fn a_larger_head_of_the_own_ledger_begins_a_recovery_and_another_one_is_kept_as_evidence() {
    let mut scene = Scene::new();
    scene.release(1);
    scene.hear(1, 0);
    let snapshot = scene.rows[0].clone();
    scene.release(2);
    scene.hear(1, 0);
    scene.rows[0] = snapshot.clone();
    let told = |scene: &Scene| {
        let known = scene.exchange(0).heads_known(&scene.rows[0]).unwrap();
        let updates = scene.exchange(1).heads_for(&scene.rows[1], &known, None).unwrap();
        updates.into_iter().find(|update| update.origin == scene.member(0)).unwrap()
    };
    let outcome = scene.exchange(0).take_head(&scene.rows[0], &told(&scene)).unwrap();
    assert_eq!(outcome.kept, Kept::Regressed);
    scene.rows[0].apply_all(outcome.effects);
    assert_eq!(scene.stage(), Some(Stage::TakingBack));
    // One that went on before it heard of it has two heads, and is told so.
    scene.rows[0] = snapshot;
    scene.release(3);
    let outcome = scene.exchange(0).take_head(&scene.rows[0], &told(&scene)).unwrap();
    assert_eq!(outcome.kept, Kept::Forked);
    assert!(outcome.effects.iter().any(|effect| matches!(effect, Effect::Evidence { .. })));
}

#[test]
fn what_does_not_fit_in_one_answer_comes_in_several() {
    let mut scene = Scene::new();
    let backup = scene.rows[0].clone();
    for number in 0..ALONE_ENVELOPES_MAX + 5 {
        scene.release(number);
    }
    for _ in 0..2 {
        scene.hear(1, 0);
    }
    scene.lose(&backup);
    let given = scene.given_by(1);
    assert_eq!(given.batch.len(), ALONE_ENVELOPES_MAX);
    assert_eq!(scene.take(1, &given), [""; 0]);
    assert!(scene.rows[0].own().unwrap().recovery.unwrap().peers[&scene.member(1)].sent.is_none());
    let given = scene.given_by(1);
    assert_eq!((given.batch.len(), given.back.next), (5, None));
    assert_eq!(scene.take(1, &given), [""; 0]);
    assert!(scene.rows[0].own().unwrap().recovery.unwrap().peers[&scene.member(1)].sent.is_some());
    assert_eq!(scene.rows[0].acts().count(), ALONE_ENVELOPES_MAX + 5);
}

#[test]
fn who_is_restored_after_its_word_is_read_up_to_where_it_is_then() {
    for stage in [Stage::TakingBack, Stage::CatchingUp] {
        let mut scene = Scene::new();
        scene.release_to(1, 1, &[0, 2]);
        scene.hear(0, 1);
        scene.hear(2, 1);
        let backups = [scene.rows[0].clone(), scene.rows[1].clone()];
        for number in 2..5 {
            scene.release_to(1, number, &[0, 2]);
        }
        scene.lose(&backups[0]);
        scene.recover(0, 1);
        if stage == Stage::CatchingUp {
            scene.recover(0, 2);
        }
        assert_eq!(scene.stage(), Some(stage));
        // The second loses the three that nobody has taken yet, and says so to the first.
        scene.lose_at(1, &backups[1]);
        scene.recover(1, 0);
        scene.advance(0);
        assert_eq!(scene.stage(), Some(stage), "nothing is over by that");
        if stage == Stage::TakingBack {
            scene.recover(0, 2);
            assert_eq!(scene.stage(), Some(stage), "the second is asked again");
            scene.recover(0, 1);
            assert_eq!(scene.stage(), Some(Stage::CatchingUp), "how far it is to be read is not known yet");
        }
        scene.recover(1, 2);
        assert_ne!(scene.stage_at(1), Some(Stage::TakingBack));
        scene.release_to(1, 9, &[0, 2]);
        scene.hear(0, 1);
        scene.advance(0);
        assert_eq!(scene.stage(), None);
        assert_eq!(
            scene.rows[0].all_versions().unwrap().len(),
            2,
            "what it lost is lost, what it did since is here"
        );
    }
}

#[test]
fn what_may_have_been_called_back_is_not_passed_on_before_that_was_read() {
    let mut scene = Scene::new();
    scene.release_to(1, 1, &[0]);
    scene.release_to(2, 2, &[1]);
    let (holder, to, author) = (scene.member(0), scene.member(2), scene.member(1));
    let until = scene.now.plus(Micros::SECOND);
    scene.do_at(1, |exchange, rows| {
        let grant = crate::Grant { object: "indicator--1", version: "v1", from: holder, to, until };
        exchange.consent(rows, &grant).unwrap().effects
    });
    scene.do_at(1, |exchange, rows| exchange.sign_head(rows).unwrap());
    scene.hear(0, 1);
    scene.hear(2, 1);
    let name = crate::ObjectName { author, id: "indicator--1".to_owned() };
    scene.do_at(0, |exchange, rows| exchange.pass_on(rows, &name, "v1", to).unwrap());
    let backup = scene.rows[0].clone();
    assert_eq!(scene.exchange(0).outgoing(&scene.rows[0], &to).unwrap().len(), 1);
    scene.do_at(1, |exchange, rows| {
        exchange.alter(rows, "indicator--1", &crate::Alteration::Recall, "").unwrap().1
    });
    scene.do_at(1, |exchange, rows| exchange.sign_head(rows).unwrap());
    scene.lose(&backup);
    let nothing_goes = |scene: &Scene| {
        let direct = scene.exchange(0).outgoing(&scene.rows[0], &to).unwrap();
        let together = scene.exchange(0).outgoing_together(&scene.rows[0], &to).unwrap();
        // A parcel that names no place brings nothing.
        let parcel = scene.exchange(0).relay_out(&scene.rows[0], &to, &crate::Beside::default()).unwrap();
        let parcel = parcel.map(|packed| packed.parcel);
        let brings = parcel.is_some_and(|parcel| {
            let parcel = scene.exchange(2).relay_in(&scene.rows[2], &parcel).unwrap();
            !parcel.envelopes.is_empty()
        });
        direct.is_empty() && together.is_none() && !brings
    };
    assert!(nothing_goes(&scene), "while own acts come back nothing goes by any road");
    scene.recover(0, 1);
    scene.recover(0, 2);
    assert_eq!(scene.stage(), Some(Stage::CatchingUp));
    assert!(nothing_goes(&scene), "the recall was not read yet");
    scene.hear(0, 1);
    scene.advance(0);
    assert_eq!(scene.stage(), None);
    for sealed in scene.exchange(0).outgoing(&scene.rows[0], &to).unwrap() {
        scene.do_at(2, |exchange, rows| exchange.receive(rows, &sealed).unwrap().effects);
    }
    assert!(scene.rows[2].versions(&name).unwrap().is_empty());
}

/// The leaves that a member holds of the first's ledger, and those under the head that it has taken.
fn mirrored(scene: &Scene, at: usize) -> (u64, u64) {
    let first = scene.member(0);
    let head = scene.rows[at].mirror(&first).unwrap().map_or(0, |row| row.size);
    (scene.rows[at].held(&first).unwrap(), head)
}

/// What one is told of the first's ledger by another, after its last word.
fn told_by(scene: &Scene, listener: usize, speaker: usize) -> crate::HeadUpdate {
    let known = scene.exchange(listener).heads_known(&scene.rows[listener]).unwrap();
    let updates = scene.exchange(speaker).heads_for(&scene.rows[speaker], &known, None).unwrap();
    updates.into_iter().find(|update| update.origin == scene.member(0)).unwrap()
}

#[test]
fn a_ledger_far_ahead_comes_in_parts_each_of_which_is_verified() {
    let mut scene = Scene::new();
    (0..10).for_each(|number| scene.release(number));
    scene.leaves_max = 3;
    let hear = |scene: &mut Scene, update: &crate::HeadUpdate| {
        let outcome = scene.exchange(1).take_head(&scene.rows[1], update).unwrap();
        scene.rows[1].apply_all(outcome.effects);
        outcome.kept
    };
    for held in [3, 6, 9] {
        let update = told_by(&scene, 1, 0);
        assert_eq!(update.leaves.len(), 3);
        // A changed leaf, or a proof of something else, is not taken.
        let mut forged = update.clone();
        forged.leaves[1] = ledger::TreeHash::leaf(b"forged");
        let unproven = crate::HeadUpdate { rest: update.prefix.clone(), ..update.clone() };
        let early = crate::HeadUpdate { leaves: update.leaves[..2].to_vec(), ..update.clone() };
        let before = scene.rows[1].clone();
        for lie in [forged, unproven, early] {
            assert_eq!(hear(&mut scene, &lie), Kept::Unsound);
            assert_eq!(scene.rows[1], before);
        }
        assert_eq!(hear(&mut scene, &update), Kept::Part);
        assert_eq!(mirrored(&scene, 1), (held, 0), "no head counts before all of it has come");
        assert_ne!(hear(&mut scene, &update), Kept::Part, "what came is not taken twice");
        assert_eq!(mirrored(&scene, 1), (held, 0));
    }
    let update = told_by(&scene, 1, 0);
    assert!(matches!(hear(&mut scene, &update), Kept::Cosigned(_)));
    assert_eq!(mirrored(&scene, 1), (10, 10));
    // The same from a mirror, under a head that grows meanwhile, and with a smaller one of a third between.
    scene.hear(2, 1);
    assert_eq!(mirrored(&scene, 2), (3, 0));
    let snapshot = scene.rows[1].clone();
    (10..20).for_each(|number| scene.release(number));
    for _ in 0..3 {
        scene.hear(2, 0);
    }
    assert_eq!(mirrored(&scene, 2), (12, 0));
    scene.rows[1] = snapshot;
    scene.hear(2, 1);
    assert_eq!(mirrored(&scene, 2), (12, 10), "a head under what is held counts at once");
    for _ in 0..3 {
        scene.hear(2, 0);
    }
    assert_eq!(mirrored(&scene, 2), (20, 20));
    assert_eq!(scene.rows[2].acts().count(), 20, "and the acts came");
    assert!(scene.rows[2].evidence().is_empty());
}

#[test]
fn leaves_held_ahead_are_let_go_when_their_ledger_goes_another_way_and_for_nothing_less() {
    let mut scene = Scene::new();
    (0..4).for_each(|number| scene.release(number));
    scene.hear(1, 0);
    let common = scene.rows[0].clone();
    scene.leaves_max = 3;
    (4..20).for_each(|number| scene.release(number));
    scene.hear(1, 0);
    assert_eq!(mirrored(&scene, 1), (7, 4));
    // Somebody tells the true head with something else for leaves and proof: nothing is let go.
    let noise = vec![ledger::TreeHash::leaf(b"noise"); 5];
    for old in [4, 7, 9] {
        let update = told_by(&scene, 1, 0);
        let lie = crate::HeadUpdate { old, prefix: noise.clone(), leaves: noise.clone(), ..update };
        scene.do_at(1, |exchange, rows| exchange.take_head(rows, &lie).unwrap().effects);
        assert_eq!(mirrored(&scene, 1), (7, 4));
    }
    // It was put back, and goes on otherwise before it heard of it.
    scene.rows[0] = common;
    (30..46).for_each(|number| scene.release(number));
    scene.hear(1, 0);
    assert_eq!(mirrored(&scene, 1), (4, 4));
    for _ in 0..6 {
        scene.hear(1, 0);
    }
    assert_eq!(mirrored(&scene, 1), (20, 20));
    assert!(scene.rows[1].evidence().is_empty(), "nothing that contradicts it was ever taken");
}

#[test]
fn a_ledger_that_was_lost_comes_back_in_parts() {
    for others_go_away in [false, true] {
        let mut scene = Scene::new();
        scene.release(1);
        scene.hear(1, 0);
        scene.hear(2, 0);
        let backup = scene.rows[0].clone();
        for number in 2..12 {
            scene.release(number);
            scene.hear(2, 0);
            if number < 8 {
                scene.hear(1, 0);
            }
        }
        scene.leaves_max = 4;
        scene.lose(&backup);
        let held = |scene: &Scene| {
            (scene.rows[0].held(&scene.member(0)).unwrap(), scene.rows[0].own().unwrap().next)
        };
        scene.recover(0, 2);
        assert_eq!(held(&scene), (5, 1));
        scene.recover(0, 2);
        assert_eq!((held(&scene), scene.rows[0].acts().count()), ((9, 1), 1), "no act before its leaf");
        if others_go_away {
            // The one with less is heard, and under what came its head stands; what the other had more is lost with it.
            scene.recover(0, 1);
            assert_eq!(held(&scene), (9, 7));
            let gone = scene.member(2);
            scene.do_at(0, |exchange, rows| exchange.leave_out(rows, gone).unwrap().unwrap());
            scene.recover(0, 1);
            scene.advance(0);
            assert_eq!(scene.rows[0].own().unwrap().next, 7);
            scene.release(50);
            assert_eq!(held(&scene), (8, 8), "what is not under a head is not continued");
            continue;
        }
        scene.recover(0, 2);
        assert_eq!(held(&scene), (11, 11));
        scene.recover(0, 1);
        assert_eq!(scene.rows[0].acts().count(), 11);
        assert_ne!(scene.stage(), Some(Stage::TakingBack));
        scene.release(60);
        scene.hear(2, 0);
        assert!(scene.rows[2].evidence().is_empty());
    }
}

#[path = "life_tests.rs"]
mod life;

#[path = "left_out_tests.rs"]
mod left_out;
