//! Tests of batches that are sealed as one: read back whole, refused whole when a byte is not the sender's, and judged entry by
//! entry; and of what binds an act to its author.

use std::collections::{BTreeMap, BTreeSet};

use base::limit::ALONE_ENVELOPES_MAX;
use base::signing::SigningKey;
use base::{Micros, Rng, SeededRng};
use ledger::act::{ACT_TYPE, Act, ActKind};
use ledger::checkpoint::{Origin, SignedCheckpoint};
use ledger::commitment::Salt;
use ledger::note::{KeyKind, NoteKey};
use ledger::proof::verify_inclusion;

use super::*;
use crate::Versions;
use crate::port::{Directory, Judge, Me, Question, Rows, Standing};
use crate::rows::{ActRow, Effect, LaterRow, ObjectName, PayloadRow, PeerRow};
use crate::seal::SealingSecret;
use crate::{Ack, AckRefusal, Grant, Kept, MemoryRows, Received, Release, Route, Taken, Turn};

struct House(BTreeMap<KeyId, (PublicKey, [u8; 32])>);

impl Directory for House {
    fn epoch(&self) -> u64 {
        1
    }
    fn standing_at(&self, member: &KeyId, _: u64) -> Standing {
        self.standing(member)
    }
    fn standing(&self, member: &KeyId) -> Standing {
        if self.0.contains_key(member) { Standing::Active } else { Standing::Unknown }
    }
    fn keys(&self, member: &KeyId) -> Vec<PublicKey> {
        self.0.get(member).map(|(key, _)| *key).into_iter().collect()
    }
    fn sealing(&self, member: &KeyId) -> Option<[u8; 32]> {
        self.0.get(member).map(|(_, sealing)| *sealing)
    }
    fn active(&self) -> BTreeSet<KeyId> {
        self.0.keys().copied().collect()
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

/// Three members; the first has something for the second.
struct Scene {
    rng: SeededRng,
    house: House,
    who: Vec<Me>,
    rows: Vec<MemoryRows>,
}

const NOW: Micros = Micros(1_800_000_000_000_000);

impl Scene {
    fn new(objects: usize) -> Self {
        let rng = SeededRng::new(5);
        let (mut house, mut who, mut rows) = (House(BTreeMap::new()), Vec::new(), Vec::new());
        for _ in 0..3 {
            let (signer, sealing) = (SigningKey::generate(&rng), SealingSecret::generate(&rng));
            let member = signer.public_key().id();
            house.0.insert(member, (signer.public_key(), sealing.public()));
            rows.push(MemoryRows::of(member));
            who.push(Me { member, community: "c".to_owned(), signer: Box::new(signer), sealing });
        }
        let mut scene = Self { rng, house, who, rows };
        for number in 0..objects {
            scene.release(number);
        }
        scene
    }

    fn exchange(&self, at: usize) -> Exchange<'_> {
        Exchange {
            me: &self.who[at],
            directory: &self.house,
            judge: &Yes,
            rng: &self.rng,
            now: NOW,
            leaves_max: base::limit::HEAD_LEAVES_MAX,
        }
    }

    fn release(&mut self, number: usize) {
        self.release_to(number, 1);
    }

    fn object(number: usize) -> String {
        format!("{{\"id\":\"indicator--{number}\",\"modified\":\"v1\"}}")
    }

    fn release_to(&mut self, number: usize, to: usize) {
        let object = Self::object(number);
        let addressees = BTreeSet::from([self.who[to].member]);
        let (object, kind) = (object.as_bytes(), ActKind::Released);
        let release = Release { object, rules: "r", addressees: &addressees, lane: Lane::Routine, kind };
        let effects = self.exchange(0).release(&self.rows[0], &release).unwrap().effects;
        self.rows[0].apply_all(effects);
        let head = self.exchange(0).sign_head(&self.rows[0]).unwrap();
        self.rows[0].apply_all(head);
    }

    /// The reader takes the heads that the author has.
    fn tell_heads(&mut self, reader: usize) {
        let updates = self.exchange(0).heads_for(&self.rows[0], &BTreeMap::new(), None).unwrap();
        for update in updates {
            let outcome = self.exchange(reader).take_head(&self.rows[reader], &update).unwrap();
            assert!(matches!(outcome.kept, Kept::Cosigned(_)));
            self.rows[reader].apply_all(outcome.effects);
        }
    }

    fn next(&self) -> OpenedBatch {
        let sealed = self.exchange(0).outgoing_together(&self.rows[0], &self.who[1].member).unwrap().unwrap();
        self.exchange(1).open_batch(&sealed).unwrap()
    }

    fn take(&mut self, batch: &OpenedBatch, at: usize) -> Received {
        let received =
            self.exchange(1).receive_entry(&self.rows[1], &batch.head, &batch.entries[at]).unwrap();
        self.rows[1].apply_all(received.effects.clone());
        received
    }

    /// A batch of one entry that `from` signs: an act of the author as it is here, under another signature, at a place.
    fn one(&self, from: usize, act: Signed, place: u64) -> OpenedBatch {
        let author = self.who[0].member;
        let sequence = Act::peek(&act).unwrap().header().sequence;
        let payload = self.rows[0].payload(&author, sequence).unwrap();
        let envelope = Envelope {
            from: self.who[from].member,
            to: self.who[1].member,
            lane: Lane::Routine,
            place,
            epoch: 1,
            act,
            payload: payload.map(|row| (row.salt, row.bytes)),
            proof: Proof::Mirrored,
            consents: Vec::new(),
            life: 0,
            unknown: Vec::new(),
        };
        let head = BatchHead { from: envelope.from, to: envelope.to, epoch: 1 };
        let plain = sign_batch(&head, &[entry_bytes(&envelope)], self.who[from].signer.as_ref());
        OpenedBatch::read(&plain, |member| self.house.keys(member)).unwrap()
    }

    fn act(&self, sequence: u64) -> ActRow {
        self.rows[0].act(&self.who[0].member, sequence).unwrap().unwrap()
    }

    /// The act at a place, with a signature that is not its author's.
    fn badly_signed(&self, sequence: u64) -> Signed {
        let signed = Signed::parse(self.act(sequence).signed.as_bytes()).unwrap();
        let bytes = signed.unverified_payload().to_vec();
        Signed::sign(ACT_TYPE, bytes, self.who[2].signer.as_ref()).unwrap()
    }
}

fn rule(received: &Received) -> Rule {
    let Taken::Refused(refused) = &received.taken else { panic!("{:?} is no refusal", received.taken) };
    refused.rule
}

fn plain(scene: &Scene) -> Vec<u8> {
    let sealed = scene.exchange(0).outgoing_together(&scene.rows[0], &scene.who[1].member).unwrap().unwrap();
    scene.who[1].sealing.open(&sealed).unwrap()
}

fn read(bytes: &[u8], scene: &Scene) -> Result<OpenedBatch, Rule> {
    OpenedBatch::read(bytes, |member| scene.house.keys(member)).map_err(|refused| refused.rule)
}

#[test]
fn a_batch_is_taken_entry_by_entry_and_once() {
    let mut scene = Scene::new(3);
    scene.tell_heads(1);
    let batch = scene.next();
    assert_eq!(batch.entries.len(), 3);
    let early = scene.take(&batch, 2);
    assert_eq!((rule(&early), early.effects.len()), (Rule::Gap, 0));
    for at in 0..3 {
        assert!(matches!(scene.take(&batch, at).taken, Taken::Done { .. }));
        assert_eq!(scene.take(&batch, at).taken, Taken::Known);
    }
    assert_eq!(scene.rows[1].all_versions().unwrap().len(), 3);
    let author = scene.who[0].member;
    assert_eq!(scene.rows[1].act(&author, 1).unwrap().unwrap().signed, scene.act(1).signed);
}

#[test]
fn an_act_waits_for_the_head_that_covers_it() {
    let mut scene = Scene::new(1);
    let batch = scene.next();
    let early = scene.take(&batch, 0);
    assert_eq!((rule(&early), early.effects.len()), (Rule::HeadBehind, 0));
    scene.tell_heads(1);
    assert!(matches!(scene.take(&batch, 0).taken, Taken::Done { .. }));
}

#[test]
fn any_changed_byte_refuses_the_whole_batch() {
    let scene = Scene::new(2);
    let bytes = plain(&scene);
    assert!(read(&bytes, &scene).is_ok());
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        assert!(read(&changed, &scene).is_err(), "byte {at}");
        assert!(read(&bytes[..at], &scene).is_err(), "cut at {at}");
    }
}

#[test]
fn unknown_fields_survive_and_strangers_and_suites_have_their_codes() {
    let scene = Scene::new(1);
    let (one, other) = (&scene.who[0], &scene.who[2]);
    let mut envelope = scene.next().entries.remove(0).envelope.unwrap();
    envelope.unknown = vec![(12, b"of tomorrow".to_vec()), (500, vec![])];
    let head = BatchHead { from: one.member, to: envelope.to, epoch: 1 };
    let bytes = sign_batch(&head, &[entry_bytes(&envelope)], one.signer.as_ref());
    assert_eq!(read(&bytes, &scene).unwrap().entries.remove(0).envelope.as_ref(), Ok(&envelope));
    let forged = sign_batch(&head, &[entry_bytes(&envelope)], other.signer.as_ref());
    assert_eq!(read(&forged, &scene), Err(Rule::SenderSignature));
    let stranger = BatchHead { from: KeyId::from_bytes([9; 32]), ..head };
    let forged = sign_batch(&stranger, &[], one.signer.as_ref());
    assert_eq!(read(&forged, &scene), Err(Rule::SenderUnknown));
    let mut bytes = bytes;
    let at = bytes.windows(8).rposition(|window| window == b"ed25519:").unwrap();
    bytes[at..at + 8].copy_from_slice(b"ed25520:");
    assert_eq!(read(&bytes, &scene), Err(Rule::UnknownSuite));
    // What an envelope's signature says is not what a batch's says.
    let single = envelope.sign(one.signer.as_ref());
    assert_eq!(read(&single, &scene), Err(Rule::EnvelopeForm));
}

#[test]
fn a_batch_is_opened_only_by_whom_it_is_for_and_from_another() {
    let scene = Scene::new(1);
    let sealed = scene.exchange(0).outgoing_together(&scene.rows[0], &scene.who[1].member).unwrap().unwrap();
    assert_eq!(scene.exchange(2).open_batch(&sealed), Err(Rule::SealClosed.into()));
    let seal = |from: usize, to: usize| {
        let head = BatchHead { from: scene.who[from].member, to: scene.who[to].member, epoch: 1 };
        let plain = sign_batch(&head, &[], scene.who[from].signer.as_ref());
        Sealed::seal_batch(&scene.rng, &scene.who[1].sealing.public(), Route([0; 16]), &plain).unwrap()
    };
    assert_eq!(scene.exchange(1).open_batch(&seal(0, 2)), Err(Rule::WrongRecipient.into()));
    assert_eq!(scene.exchange(1).open_batch(&seal(1, 1)), Err(Rule::WrongRecipient.into()));
    assert_eq!(scene.exchange(1).open_batch(&seal(0, 1)).unwrap().entries, []);
    let mut noise = vec![0; 300];
    scene.rng.fill(&mut noise);
    let noise =
        Sealed::seal_batch(&scene.rng, &scene.who[1].sealing.public(), Route([0; 16]), &noise).unwrap();
    assert_eq!(scene.exchange(1).open_batch(&noise), Err(Rule::EnvelopeForm.into()));
}

#[test]
fn a_batch_has_so_many_entries_and_no_more() {
    let scene = Scene::new(1);
    let entry = entry_bytes(scene.next().entries[0].envelope.as_ref().unwrap());
    let head = scene.next().head;
    let batch = |count| sign_batch(&head, &vec![entry.clone(); count], scene.who[0].signer.as_ref());
    assert_eq!(read(&batch(BATCH_ENVELOPES_MAX), &scene).unwrap().entries.len(), BATCH_ENVELOPES_MAX);
    assert_eq!(read(&batch(BATCH_ENVELOPES_MAX + 1), &scene), Err(Rule::EnvelopeForm));
}

#[test]
fn an_entry_that_cannot_be_read_is_refused_in_its_place() {
    let mut scene = Scene::new(2);
    scene.tell_heads(1);
    let batch = scene.next();
    let parts = EntryParts {
        at: (Lane::Routine, 1),
        act: "{\"not\":\"an act\"}",
        payload: None,
        covered: true,
        consents: &[],
    };
    let second = entry_bytes(batch.entries[1].envelope.as_ref().unwrap());
    let bytes = sign_batch(&batch.head, &[parts.to_bytes(&[]), second], scene.who[0].signer.as_ref());
    let batch = read(&bytes, &scene).unwrap();
    assert_eq!(rule(&scene.take(&batch, 0)), Rule::ActForm);
    assert!(matches!(scene.take(&batch, 1).taken, Taken::Done { .. }), "it holds up nothing");
    let back = EntryParts { at: (Lane::Back, 0), ..parts };
    let bytes = sign_batch(&batch.head, &[back.to_bytes(&[])], scene.who[0].signer.as_ref());
    assert_eq!(read(&bytes, &scene), Err(Rule::EnvelopeForm), "nothing is given back so");
}

#[test]
fn a_forged_act_whose_leaf_is_not_mirrored_is_refused() {
    let mut scene = Scene::new(2);
    scene.tell_heads(1);
    scene.release(2);
    // The same place and another act: the leaf is not the mirrored one, and the signature not the author's.
    let act =
        Act::parse(Signed::parse(scene.act(0).signed.as_bytes()).unwrap().unverified_payload()).unwrap();
    let mut header = act.header().clone();
    header.at = Micros(7);
    let other = header.seal().unwrap();
    for (act, place) in
        [(other.bytes().to_vec(), 1), (scene.badly_signed(0).unverified_payload().to_vec(), 2)]
    {
        let signed = Signed::sign(ACT_TYPE, act, scene.who[2].signer.as_ref()).unwrap();
        // By a third member, whether the leaf is mirrored or not.
        let batch = scene.one(2, signed, place);
        assert_eq!(rule(&scene.take(&batch, 0)), Rule::ActSignature);
    }
    let forged = Signed::sign(ACT_TYPE, other.bytes().to_vec(), scene.who[2].signer.as_ref()).unwrap();
    let batch = scene.one(0, forged, 1);
    assert_eq!(rule(&scene.take(&batch, 0)), Rule::ActSignature, "nor by its author");
    // Said to be covered, beyond the mirror: it waits; said to be not: its signature counts.
    let beyond = scene.badly_signed(2);
    let batch = scene.one(0, beyond.clone(), 2);
    assert_eq!(rule(&scene.take(&batch, 0)), Rule::HeadBehind);
    let mut batch = batch;
    batch.entries[0].envelope.as_mut().unwrap().proof = Proof::ToFollow;
    assert_eq!(rule(&scene.take(&batch, 0)), Rule::ActSignature);
    assert_eq!(scene.rows[1].all_versions().unwrap().len(), 0);
}

#[test]
fn another_type_of_statement_is_no_act_even_with_its_leaf() {
    let mut scene = Scene::new(1);
    scene.tell_heads(1);
    let bytes = scene.badly_signed(0).unverified_payload().to_vec();
    let signed = Signed::sign("application/x", bytes, scene.who[0].signer.as_ref()).unwrap();
    let batch = scene.one(0, signed, 1);
    assert_eq!(rule(&scene.take(&batch, 0)), Rule::ActSignature);
}

#[test]
fn an_author_is_bound_by_its_leaf_where_its_signature_is_none() {
    let mut scene = Scene::new(1);
    scene.tell_heads(1);
    let batch = scene.one(0, scene.badly_signed(0), 1);
    assert!(matches!(scene.take(&batch, 0).taken, Taken::Done { .. }));
    // It signs another act for the same place.
    let act = Act::peek(&scene.badly_signed(0)).unwrap();
    let mut header = act.header().clone();
    header.at = Micros(7);
    let second = header.seal().unwrap().sign(scene.who[0].signer.as_ref()).unwrap();
    let batch = scene.one(0, second.clone(), 2);
    assert_eq!(rule(&scene.take(&batch, 0)), Rule::Equivocation);
    let author = scene.who[0].member;
    let file: serde_json::Value = serde_json::from_str(&scene.rows[1].evidence()[&author][0]).unwrap();
    assert_eq!(file["format"], "cresset-leaf-and-act-1");
    let (origin, key) = (Origin::of_member(&author), scene.who[0].signer.public_key());
    let note = SignedCheckpoint::parse(file["head"].as_str().unwrap().as_bytes()).unwrap();
    let note_key = NoteKey::new(origin.key_name().clone(), KeyKind::Ed25519, key);
    let head = note.verify(&origin, &[note_key]).unwrap();
    let leaf = Act::peek(&Signed::parse(file["leaf"].to_string().as_bytes()).unwrap()).unwrap();
    assert_eq!(file["proof"], serde_json::json!([]));
    assert_eq!(verify_inclusion(leaf.leaf(), 0, head.size, &[], head.root), Ok(()));
    let other = Act::open(&Signed::parse(file["act"].to_string().as_bytes()).unwrap(), &key).unwrap();
    assert_eq!(other.header().sequence, leaf.header().sequence);
    assert_ne!(other.leaf(), leaf.leaf());
}

#[test]
fn a_member_takes_back_its_act_whatever_signature_was_kept_beside_it() {
    let mut scene = Scene::new(1);
    scene.tell_heads(1);
    let batch = scene.one(0, scene.badly_signed(0), 1);
    assert!(matches!(scene.take(&batch, 0).taken, Taken::Done { .. }));
    let (author, holder) = (scene.who[0].member, scene.who[1].member);
    let before = scene.act(0);
    scene.rows[0] = MemoryRows::of(author);
    let effects = scene.exchange(0).begin_recovery(&scene.rows[0]).unwrap();
    scene.rows[0].apply_all(effects);
    for update in scene.exchange(1).heads_for(&scene.rows[1], &BTreeMap::new(), None).unwrap() {
        let effects = scene.exchange(0).take_head(&scene.rows[0], &update).unwrap().effects;
        scene.rows[0].apply_all(effects);
    }
    let hello = scene.exchange(0).hello(&scene.rows[0], holder, Versions::OURS).unwrap();
    let hello = scene.exchange(1).greeting(&hello).unwrap();
    let (back, word) = scene.exchange(1).give_back(&scene.rows[1], &hello).unwrap();
    assert_eq!((word.life, word.next), (hello.life, None));
    let received = scene.exchange(0).receive(&scene.rows[0], &back[0]).unwrap();
    assert_eq!((received.from, matches!(received.taken, Taken::Done { .. })), (Some(holder), true));
    scene.rows[0].apply_all(received.effects);
    assert_eq!(scene.act(0), before, "signed anew, and the same");
}

#[test]
fn a_peer_gets_one_batch_from_the_version_on_that_reads_it() {
    let mut scene = Scene::new(2);
    let (me, peer) = (scene.who[0].member, scene.who[1].member);
    let hello = Signed::sign("application/x", b"{}".to_vec(), scene.who[0].signer.as_ref()).unwrap();
    for (version, together) in [(None, false), (Some(1), false), (Some(2), true), (Some(3), true)] {
        let row = PeerRow { version, ..scene.rows[0].peer(&peer).unwrap() };
        scene.rows[0].apply(Effect::Peer(peer, row));
        let mut turn = Turn::of(hello.clone());
        scene.exchange(0).bring(&scene.rows[0], &peer, &mut turn).unwrap();
        assert_eq!((turn.together.is_some(), turn.batch.len()), (together, if together { 0 } else { 2 }));
        assert!(turn.brings());
        assert_eq!(Turn::from_bytes(&turn.to_bytes()).as_ref(), Ok(&turn));
    }
    let mut turn = Turn::of(hello);
    scene.exchange(1).bring(&scene.rows[1], &me, &mut turn).unwrap();
    assert!(!turn.brings(), "nothing waits");
}

#[test]
fn a_batch_is_no_larger_than_the_version_of_its_reader_takes() {
    let mut scene = Scene::new(ALONE_ENVELOPES_MAX + 3);
    let peer = scene.who[1].member;
    for (version, entries) in [(2, ALONE_ENVELOPES_MAX), (3, ALONE_ENVELOPES_MAX + 3)] {
        let row = PeerRow { version: Some(version), ..scene.rows[0].peer(&peer).unwrap() };
        scene.rows[0].apply(Effect::Peer(peer, row));
        let sealed = scene.exchange(0).outgoing_together(&scene.rows[0], &peer).unwrap().unwrap();
        let opened = scene.exchange(1).open_batch(&sealed).unwrap();
        assert_eq!(opened.entries.len(), entries, "version {version}");
    }
}

#[test]
fn what_was_refused_is_told_in_parts_to_who_reads_less_at_once() {
    let mut scene = Scene::new(1);
    let peer = scene.who[1].member;
    let many = u64::try_from(ALONE_ENVELOPES_MAX + 88).unwrap();
    let refused = |place| Received {
        from: Some(peer),
        at_place: Some((Lane::Routine, place)),
        taken: Taken::Refused(Rule::Handling.into()),
        effects: Vec::new(),
    };
    let batch: Vec<Received> = (1..=many).map(refused).collect();
    let effects = scene.exchange(0).close(&scene.rows[0], peer, &batch).unwrap();
    scene.rows[0].apply_all(effects);
    for (version, first, rest) in [(2, ALONE_ENVELOPES_MAX, 88), (3, ALONE_ENVELOPES_MAX + 88, 0)] {
        let row = PeerRow { version: Some(version), ..scene.rows[0].peer(&peer).unwrap() };
        scene.rows[0].apply(Effect::Peer(peer, row));
        let told = scene.exchange(0).untold(&scene.rows[0], &peer, 0).unwrap().refused;
        assert_eq!((told.len(), told[0].1.place), (first, 1));
        let behind = told.last().unwrap().0;
        let next = scene.exchange(0).untold(&scene.rows[0], &peer, behind).unwrap().refused;
        assert_eq!(next.len(), rest);
        assert!(next.first().is_none_or(|(_, refused)| refused.place == u64::try_from(first).unwrap() + 1));
    }
    // Of more than one acknowledgement ever tells, the last are kept.
    let effect =
        Effect::Owe(peer, (0..2_000).map(|place| AckRefusal { lane: 0, place, rule: "x".into() }).collect());
    scene.rows[0].apply(effect);
    let told = scene.exchange(0).untold(&scene.rows[0], &peer, 0).unwrap().refused;
    assert_eq!((told.len(), told[0].1.place, told[1_023].1.place), (1_024, 976, 1_999));
}

/// What the author said in its last act: the header, and the salt, payload and object's salt that come with it.
fn last_act(scene: &Scene) -> (ledger::act::Header, PayloadRow, Option<Salt>) {
    let author = scene.who[0].member;
    let sequence = scene.rows[0].own().unwrap().next - 1;
    let signed = scene.rows[0].act(&author, sequence).unwrap().unwrap().signed;
    let act = Act::peek(&Signed::parse(signed.as_bytes()).unwrap()).unwrap();
    let payload = scene.rows[0].payload(&author, sequence).unwrap().unwrap();
    let object_salt = crate::Content::parse(&payload.bytes).unwrap().object_salt;
    (act.header().clone(), payload, object_salt)
}

/// Whether a salt opens what an act commits to besides its object: its rules, its payload, whom it is for.
fn opens(salt: Salt, header: &ledger::act::Header, payload: &[u8], to: KeyId) -> [bool; 3] {
    [
        header.handling == Some(salt.commit(b"r")),
        header.payload == Some(salt.commit(payload)),
        header.addressees == Some(salt.commit_addressees(&BTreeSet::from([to]))),
    ]
}

#[test]
fn who_is_given_a_version_later_cannot_try_who_had_it_before() {
    let mut scene = Scene::new(1);
    let (first, second) = (scene.who[1].member, scene.who[2].member);
    let (header, before, of_object) = last_act(&scene);
    assert_eq!(opens(before.salt, &header, &before.bytes, first), [true; 3]);
    assert_eq!(opens(of_object.unwrap(), &header, &before.bytes, first), [false; 3]);
    scene.release_to(0, 2);
    let (later, after, known) = last_act(&scene);
    // It is another act with the same commitment, so that consents of before hold.
    assert_eq!(known, of_object);
    let digest = header.object.as_ref().unwrap().digest;
    assert_eq!(later.object.unwrap().digest, digest);
    assert_eq!(known.unwrap().commit(Scene::object(0).as_bytes()), digest);
    // And nothing that comes with it opens the act of before.
    for salt in [known.unwrap(), after.salt] {
        assert_eq!(opens(salt, &header, &before.bytes, first), [false; 3]);
        assert!(!opens(salt, &header, &after.bytes, second).contains(&true));
    }
}

#[test]
fn who_reads_one_salt_alone_is_given_one() {
    let mut scene = Scene::new(1);
    let (.., of_object) = last_act(&scene);
    let second = scene.who[2].member;
    let older = PeerRow { version: Some(Versions::PARTED - 1), ..PeerRow::default() };
    scene.rows[0].apply_all(vec![Effect::Peer(second, older)]);
    scene.release_to(0, 2);
    let (_, payload, parted) = last_act(&scene);
    assert_eq!((parted, Some(payload.salt)), (None, of_object));
    scene.release_to(1, 2);
    assert_eq!(last_act(&scene).2, None);
}

/// The first gives its object number 0 to the third, which waits for it, and whose node speaks this version as far as is known.
fn give_later(scene: &mut Scene, version: Option<u32>) {
    let member = scene.who[2].member;
    scene.rows[0].apply_all(vec![Effect::Peer(member, PeerRow { version, ..PeerRow::default() })]);
    let (object, version) = ("indicator--0".to_owned(), "v1".to_owned());
    let (rule, since, look) = ("embargo".to_owned(), NOW, NOW);
    let (of, lane) = ((object.clone(), version.clone()), Lane::Routine);
    let row = LaterRow { object, version, member, lane, rule, since, look };
    scene.rows[0].apply_all(vec![Effect::Later(row)]);
    give_due(scene, &of);
}

/// What is due of one version is given.
fn give_due(scene: &mut Scene, of: &(String, String)) {
    let due = scene.exchange(0).due_by_now(&scene.rows[0]).unwrap();
    let found: Vec<_> = due.iter().map(|put| (put.object.as_str(), put.version.as_str())).collect();
    assert_eq!(found, [(of.0.as_str(), of.1.as_str())]);
    let effects = scene.exchange(0).give_later(&scene.rows[0], &due[0]).unwrap();
    scene.rows[0].apply_all(effects);
    assert!(scene.exchange(0).due_by_now(&scene.rows[0]).unwrap().is_empty());
}

/// Own act, and whom a receipt of it is awaited of.
fn awaited(scene: &Scene) -> (u64, BTreeSet<KeyId>) {
    let sequence = scene.rows[0].own().unwrap().next - 1;
    let receipts = scene.rows[0].receipts(sequence).unwrap();
    (sequence, receipts.into_iter().map(|row| row.member).collect())
}

#[test]
fn what_waited_for_who_reads_one_salt_is_made_anew_with_one() {
    for (version, anew) in
        [(Some(Versions::PARTED), false), (None, false), (Some(Versions::PARTED - 1), true)]
    {
        let mut scene = Scene::new(1);
        let (first, second) = (scene.who[1].member, scene.who[2].member);
        let (before, _, of_object) = last_act(&scene);
        give_later(&mut scene, version);
        let (later, payload, parted) = last_act(&scene);
        assert_eq!(awaited(&scene), (u64::from(anew), BTreeSet::from([first, second])), "{version:?}");
        assert_eq!(later.object.unwrap().digest, before.object.unwrap().digest, "consents hold");
        let expected = if anew { (None, of_object) } else { (of_object, Some(payload.salt)) };
        assert_eq!((parted, Some(payload.salt)), expected, "{version:?}");
    }
}

#[test]
fn who_turns_out_to_read_one_salt_is_given_it_anew() {
    for (version, anew) in [(None, true), (Some(Versions::PARTED - 1), true), (Some(Versions::PARTED), false)]
    {
        let mut scene = Scene::new(1);
        let (author, reader) = (scene.who[0].member, scene.who[1].member);
        let peer = PeerRow { version, ..scene.rows[0].peer(&reader).unwrap() };
        scene.rows[0].apply_all(vec![Effect::Peer(reader, peer)]);
        let refuse = |scene: &mut Scene, place: u64| {
            let rule = Rule::ObjectOther.code().to_owned();
            let refused = vec![AckRefusal { lane: Lane::Routine.number(), place, rule }];
            let (life, cursors, heads) = (Some(0), [0, place], BTreeMap::new());
            let ack = Ack { from: reader, to: author, life, cursors, refused, heads, back: None };
            let signed = ack.sign(scene.who[1].signer.as_ref());
            let effects = scene.exchange(0).take_ack(&scene.rows[0], &signed).unwrap().unwrap().1;
            scene.rows[0].apply_all(effects);
        };
        refuse(&mut scene, 1);
        let due = scene.exchange(0).due_by_now(&scene.rows[0]).unwrap();
        assert_eq!(due.len(), usize::from(anew), "{version:?}");
        if anew {
            give_due(&mut scene, &("indicator--0".to_owned(), "v1".to_owned()));
            assert_eq!((awaited(&scene).0, last_act(&scene).2), (1, None), "{version:?}");
            // What has one salt is not made a third time.
            refuse(&mut scene, 2);
            assert!(scene.exchange(0).due_by_now(&scene.rows[0]).unwrap().is_empty());
        }
    }
}

#[test]
fn what_has_two_salts_is_passed_on_when_it_can_be_read() {
    let mut scene = Scene::new(1);
    scene.tell_heads(1);
    let batch = scene.next();
    scene.take(&batch, 0);
    let (author, giver, to) = (scene.who[0].member, scene.who[1].member, scene.who[2].member);
    let until = NOW.plus(Micros::SECOND);
    let grant = Grant { object: "indicator--0", version: "v1", from: giver, to, until };
    let token = scene.exchange(0).consent(&scene.rows[0], &grant).unwrap().token;
    scene.rows[1].apply_all(vec![Effect::Consent(token)]);
    let name = ObjectName { author, id: "indicator--0".to_owned() };
    for (version, refused) in
        [(Some(Versions::PARTED - 1), true), (None, false), (Some(Versions::PARTED), false)]
    {
        scene.rows[1].apply_all(vec![Effect::Peer(to, PeerRow { version, ..PeerRow::default() })]);
        let passed = scene.exchange(1).pass_on(&scene.rows[1], &name, "v1", to);
        let code = passed.err().map(|error| error.to_string());
        let expected = refused.then(|| "refused by the rule recipient-older".to_owned());
        assert_eq!(code, expected, "{version:?}");
    }
}
