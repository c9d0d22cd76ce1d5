//! A hostile member: it has a key, a place in the registry and what it was sent, and does what no honest node would.
//!
//! Every trick is a message like any other; none touches another node's rows. What it sends in its own name is its own
//! affair, so the verdict leaves its objects out; what it does to others' must come to nothing.

use std::collections::BTreeSet;

use base::signed::Signed;
use base::signing::{KeyId, Signer};
use federation::{
    BatchHead, Change, Consent, Content, Envelope, HELLO_TYPE, HeadUpdate, Hello, LIFE_TYPE, Lane, Proof,
    Route, Rows, Sealed, Versions, batch_to, entry_bytes, sign_batch,
};
use ledger::act::{Act, ActKind, ActObject, Header};
use ledger::checkpoint::{Checkpoint, Origin, SignedCheckpoint};
use ledger::commitment::Salt;
use ledger::note::Note;
use ledger::proof::TreeHead;
use ledger::{TreeHash, act::ACT_TYPE};

use crate::message::{Answer, Greeting, Message};
use crate::world::{Weather, World};

/// What a hostile member does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trick {
    /// An act in another member's name, signed with its own key.
    ForgeAuthor,
    /// Another member's object under other rules.
    StripMarking,
    /// Another member's object to somebody else, without consent.
    Readdress,
    /// The same with a consent it signed itself.
    ForgeConsent,
    /// A recall of another member's object.
    RecallForeign,
    /// An object that says another member made it.
    ClaimForeign,
    /// An old batch again.
    Replay,
    /// Two acts for one place in its ledger.
    TwoActs,
    /// Two heads of one size.
    TwoHeads,
    /// An act that is in no ledger.
    Withhold,
    /// Noise.
    Garbage,
    /// A receipt for something it never got.
    FalseReceipt,
    /// Another member's word that it broke glass, before it comes from there.
    SpreadNotice,
    /// A greeting that tells of a restore which never was.
    ClaimLife,
}

impl Trick {
    /// Every trick.
    pub const ALL: [Self; 14] = [
        Self::ForgeAuthor,
        Self::StripMarking,
        Self::Readdress,
        Self::ForgeConsent,
        Self::RecallForeign,
        Self::ClaimForeign,
        Self::Replay,
        Self::TwoActs,
        Self::TwoHeads,
        Self::Withhold,
        Self::Garbage,
        Self::FalseReceipt,
        Self::SpreadNotice,
        Self::ClaimLife,
    ];
}

/// An act of the hostile member's own making, before it is signed.
struct Forged {
    author: KeyId,
    kind: ActKind,
    sequence: u64,
    object: Option<(String, Option<String>)>,
    rules: String,
    bytes: Vec<u8>,
    document: Vec<u8>,
}

/// An act, its salt and payload, and tokens of consent.
type Goods = (Signed, Option<(Salt, Vec<u8>)>, Vec<Signed>);

impl World {
    /// The hostile member plays a trick on a victim. Answers whether it could.
    pub fn play(&mut self, trick: Trick, hostile: KeyId, victim: KeyId, weather: Weather) -> bool {
        match trick {
            Trick::Replay => self.replay(hostile, weather),
            Trick::Garbage => self.garbage(hostile, victim, weather),
            Trick::TwoHeads => self.two_heads(hostile, weather),
            Trick::SpreadNotice => self.spread_notice(hostile, victim, weather),
            Trick::ClaimLife => self.claim_life(hostile, victim, weather),
            Trick::StripMarking | Trick::Readdress | Trick::ForgeConsent => {
                self.misuse(trick, hostile, victim, weather)
            }
            _ => self.forge(trick, hostile, victim, weather),
        }
    }

    fn forge(&mut self, trick: Trick, hostile: KeyId, victim: KeyId, weather: Weather) -> bool {
        let others = self.order.iter().find(|member| **member != hostile && **member != victim);
        let Some(other) = others.copied() else { return false };
        let author = if trick == Trick::ForgeAuthor { other } else { hostile };
        let (_, id, object) = self.object(if trick == Trick::ClaimForeign { &other } else { &author }, None);
        let foreign = self.nodes.get(&victim).and_then(|node| {
            let held = node.rows.all_versions().unwrap_or_default();
            held.into_iter().find(|row| row.name.author != hostile).map(|row| row.name)
        });
        let next = self.nodes.get(&hostile).and_then(|node| node.rows.own().ok()).map_or(0, |own| own.next);
        let sequence = next + 1_000 + u64::try_from(self.draw(1_000)).expect("small");
        let modified = object_version(&object);
        let mut forged = Forged {
            author,
            kind: ActKind::Released,
            sequence,
            object: Some((id, modified)),
            rules: "to=all".to_owned(),
            bytes: object,
            document: Vec::new(),
        };
        if trick == Trick::RecallForeign {
            let Some(name) = foreign else { return false };
            let change = Change { originator: name.author, reason: String::new(), only: false };
            forged.kind = ActKind::Recalled;
            forged.object = Some((name.id, None));
            forged.bytes = Vec::new();
            forged.document = serde_json::to_vec(&change).expect("is JSON");
        }
        if trick == Trick::FalseReceipt {
            forged.kind = ActKind::Received;
            forged.object = None;
            forged.bytes = Vec::new();
            let leaf = TreeHash::leaf(b"never");
            forged.document = format!(
                "{{\"of\":\"{victim}\",\"acts\":[{{\"sequence\":0,\"leaf\":\"{leaf}\",\"outcome\":\"kept\"}}],\"at_us\":0}}"
            )
            .into_bytes();
        }
        let (act, payload) = self.sign_forged(hostile, &forged);
        self.inject(hostile, victim, (act, payload, Vec::new()), weather);
        if trick == Trick::TwoActs {
            let (_, id, object) = self.object(&hostile, None);
            let modified = object_version(&object);
            let second = Forged { object: Some((id, modified)), bytes: object, ..forged };
            let (act, payload) = self.sign_forged(hostile, &second);
            self.pass(weather);
            self.inject(hostile, victim, (act, payload, Vec::new()), weather);
        }
        true
    }

    /// Somebody else's act that the hostile member was sent, to somebody who was not.
    fn misuse(&mut self, trick: Trick, hostile: KeyId, victim: KeyId, weather: Weather) -> bool {
        let Some(node) = self.nodes.get(&hostile) else { return false };
        let held = node
            .rows
            .all_versions()
            .unwrap_or_default()
            .into_iter()
            .find(|row| row.name.author != hostile && row.name.author != victim);
        let Some(held) = held else { return false };
        let (Ok(Some(act)), Ok(Some(payload))) = (
            node.rows.act(&held.name.author, held.sequence),
            node.rows.payload(&held.name.author, held.sequence),
        ) else {
            return false;
        };
        let Ok(signed) = Signed::parse(act.signed.as_bytes()) else { return false };
        let mut bytes = payload.bytes.clone();
        let mut consents = Vec::new();
        if trick == Trick::StripMarking {
            let Ok(content) = Content::parse(&payload.bytes) else { return false };
            bytes = Content { rules: "to=all", ..content }.to_bytes().expect("small");
        }
        if trick == Trick::ForgeConsent {
            let token = Consent {
                originator: held.name.author,
                object: held.name.id.clone(),
                digest: held.digest,
                from: hostile,
                to: victim,
                until_us: i64::MAX,
                place: u64::MAX,
            };
            consents.push(token.sign(node.me.signer.as_ref()).expect("small"));
        }
        self.inject(hostile, victim, (signed, Some((payload.salt, bytes)), consents), weather);
        true
    }

    /// What another member told everybody, to somebody whom it has not reached.
    fn spread_notice(&mut self, hostile: KeyId, victim: KeyId, weather: Weather) -> bool {
        let (node, known) = (&self.nodes[&hostile], &self.nodes[&victim].rows);
        let untold = node.rows.acts().find(|act| {
            let others = act.author != hostile && act.author != victim;
            let is_known = known.act(&act.author, act.sequence).expect("maps answer").is_some();
            act.kind == ActKind::GlassBroken && others && !is_known
        });
        let Some(act) = untold.cloned() else { return false };
        let payload = node.rows.payload(&act.author, act.sequence).expect("maps answer");
        let Ok(signed) = Signed::parse(act.signed.as_bytes()) else { return false };
        let goods = (signed, payload.map(|payload| (payload.salt, payload.bytes)), Vec::new());
        self.inject(hostile, victim, goods, weather);
        true
    }

    /// A greeting as it would be, but for a later life of the victim's node, or of its own, that is not shown: without a proof, with
    /// one that it signed itself, with one of its own, or with the one that it has of an earlier life.
    fn claim_life(&mut self, hostile: KeyId, victim: KeyId, weather: Weather) -> bool {
        let signed = self.with(&hostile, |node, around| {
            node.look(around, |exchange, rows| exchange.hello(rows, victim, node.versions))
        });
        let Ok(signed) = signed else { return false };
        let mut hello: Hello = serde_json::from_slice(signed.unverified_payload()).expect("is a greeting");
        let life = hello.knows_life.max(u64::try_from(self.now().0).unwrap_or_default()) + 1;
        let of = if self.draw(2) == 0 { victim } else { hostile };
        let signer = self.nodes[&hostile].me.signer.as_ref();
        let payload =
            serde_json::to_vec(&serde_json::json!({ "member": of, "life": life })).expect("is JSON");
        let forged = Signed::sign(LIFE_TYPE, payload, signer).expect("small");
        (hello.knows_life, hello.knows_life_proof) = match self.draw(4) {
            0 => (life, None),
            1 => (life, hello.knows_life_proof),
            2 => (life, Some(forged)),
            _ => (hello.knows_life, hello.knows_life_proof),
        };
        if hello.knows_life < life {
            hello.life = life;
        }
        let payload = serde_json::to_vec(&hello).expect("is JSON");
        let signed = Signed::sign(HELLO_TYPE, payload, signer).expect("small");
        let greeting = Greeting { hello: signed.to_json(), ack: None, answer: Answer::Wanted, number: 0 };
        self.send(hostile, victim, Message::Hello(greeting), weather);
        true
    }

    fn sign_forged(&self, hostile: KeyId, forged: &Forged) -> (Signed, Option<(Salt, Vec<u8>)>) {
        let node = &self.nodes[&hostile];
        let content = Content {
            rules: &forged.rules,
            object: &forged.bytes,
            document: &forged.document,
            ..Content::default()
        };
        let payload = content.to_bytes().expect("small");
        let salt = Salt::generate(self.rng());
        let digest = salt.commit(&forged.bytes);
        let header = Header {
            suite: node.me.signer.public_key().suite(),
            kind: forged.kind.clone(),
            author: forged.author,
            sequence: forged.sequence,
            at: self.now(),
            community: node.me.community.clone(),
            object: forged.object.clone().map(|(id, version)| ActObject { id, version, digest }),
            handling: Some(salt.commit(forged.rules.as_bytes())),
            payload: Some(salt.commit(&payload)),
            addressees: Some(salt.commit_addressees(&BTreeSet::new())),
        };
        let act: Act = header.seal().expect("is sound");
        let signed = Signed::sign(ACT_TYPE, act.bytes().to_vec(), node.me.signer.as_ref()).expect("small");
        (signed, Some((salt, payload)))
    }

    /// An envelope at the very place the victim expects next.
    fn inject(&mut self, hostile: KeyId, victim: KeyId, goods: Goods, weather: Weather) {
        let (act, payload, consents) = goods;
        let cursor = self.nodes[&victim].rows.peer(&hostile).expect("maps answer").queue(Lane::Flash).cursor;
        let envelope = Envelope {
            from: hostile,
            to: victim,
            lane: Lane::Flash,
            place: cursor + 1,
            epoch: 1,
            act,
            payload,
            proof: Proof::ToFollow,
            consents,
            life: 0,
            unknown: Vec::new(),
        };
        let signer = self.nodes[&hostile].me.signer.as_ref();
        let key = self.house.members[&victim].1;
        let together = self.nodes[&victim].versions.max >= Versions::TOGETHER && self.draw(2) == 0;
        let plain = if together {
            let head = BatchHead { from: hostile, to: victim, epoch: 1 };
            sign_batch(&head, &[entry_bytes(&envelope)], signer)
        } else {
            envelope.sign(signer)
        };
        let sealed = Sealed::seal(self.rng(), &key, Route([0; 16]), &plain).expect("sound key");
        let message = if together {
            Message::Together(Vec::new(), sealed.as_bytes().to_vec())
        } else {
            Message::Batch(batch_to(&[sealed]))
        };
        self.send(hostile, victim, message, weather);
    }

    fn replay(&mut self, hostile: KeyId, weather: Weather) -> bool {
        if self.overheard.is_empty() {
            return false;
        }
        let at = self.draw(self.overheard.len());
        let (to, message) = self.overheard[at].clone();
        self.send(hostile, to, message, weather);
        true
    }

    fn garbage(&mut self, hostile: KeyId, victim: KeyId, weather: Weather) -> bool {
        let length = self.draw(400);
        let mut bytes = vec![0; length];
        base::Rng::fill(self.rng(), &mut bytes);
        let key = self.house.members[&victim].1;
        let sealed = Sealed::seal(self.rng(), &key, Route([1; 16]), &bytes).expect("sound key");
        self.send(hostile, victim, Message::Batch(batch_to(&[sealed])), weather);
        self.send(hostile, victim, Message::Batch(bytes.clone()), weather);
        self.send(hostile, victim, Message::Together(Vec::new(), bytes.clone()), weather);
        self.send(hostile, victim, Message::Heads(bytes), weather);
        true
    }

    /// Each of two members is told another ledger of the same size.
    fn two_heads(&mut self, hostile: KeyId, weather: Weather) -> bool {
        let known = self.order.iter().filter(|member| **member != hostile).map(|member| {
            let mirror = self.nodes[member].rows.mirror(&hostile).expect("maps answer");
            (*member, mirror.map_or(0, |row| row.size))
        });
        let fresh: Vec<KeyId> = known.filter(|(_, size)| *size == 0).map(|(member, _)| member).collect();
        let [one, other, ..] = fresh[..] else { return false };
        for (to, word) in [(one, "one"), (other, "other")] {
            let leaf = TreeHash::leaf(word.as_bytes());
            let head = TreeHead { size: 1, root: leaf };
            let note = self.head_of(hostile, head);
            let update = HeadUpdate {
                origin: hostile,
                note,
                old: 0,
                prefix: Vec::new(),
                leaves: vec![leaf],
                rest: Vec::new(),
            };
            self.send(hostile, to, Message::Heads(HeadUpdate::to_bytes(&[update])), weather);
        }
        true
    }

    fn head_of(&self, member: KeyId, head: TreeHead) -> SignedCheckpoint {
        let origin = Origin::of_member(&member);
        let checkpoint = Checkpoint { origin: origin.clone(), head, extensions: Vec::new() };
        let signer: &dyn Signer = self.nodes[&member].me.signer.as_ref();
        let note = Note::sign(checkpoint.to_string(), origin.key_name().clone(), signer).expect("is sound");
        SignedCheckpoint::from_note(note).expect("is a checkpoint")
    }
}

fn object_version(object: &[u8]) -> Option<String> {
    let object: serde_json::Value = serde_json::from_slice(object).ok()?;
    Some(object.get("modified")?.as_str()?.to_owned())
}
