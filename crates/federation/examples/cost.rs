//! What one object costs on its way from one member to another, by part: `cargo run --release -p federation --example cost`.
//!
//! Rows in maps, one thread, the clock of the machine around each part; the store is not in it.
#![expect(clippy::print_stdout, reason = "an example talks to a terminal")]

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use base::signing::{KeyId, PublicKey, Signer, SigningKey};
use base::{Micros, SeededRng};
use federation::{
    Directory, Exchange, Judge, Lane, Me, MemoryRows, Question, Release, Route, Rows, Sealed, SealingSecret,
    Standing,
};
use ledger::act::ActKind;

const OBJECTS: usize = 256;
const OBJECT: &str = "\"type\":\"indicator\",\"spec_version\":\"2.1\",\"created\":\"2026-01-01T00:00:00.000Z\",\"modified\":\"2026-01-01T00:00:00.000Z\",\"name\":\"a name of the usual length\",\"pattern\":\"[ipv4-addr:value = '198.51.100.1']\",\"pattern_type\":\"stix\",\"valid_from\":\"2026-01-01T00:00:00Z\"";

struct Two(BTreeMap<KeyId, (PublicKey, [u8; 32])>);

impl Directory for Two {
    fn epoch(&self) -> u64 {
        1
    }
    fn standing_at(&self, _: &KeyId, _: u64) -> Standing {
        Standing::Active
    }
    fn standing(&self, _: &KeyId) -> Standing {
        Standing::Active
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
    fn hindered(&self, _: &Question<'_>) -> Option<federation::Hindrance> {
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

fn report(part: &str, took: Duration, times: usize) {
    println!(
        "{part:<48} {:>8.1} microseconds",
        took.as_secs_f64() * 1e6 / f64::from(u32::try_from(times).unwrap_or(1))
    );
}

fn timed<T>(part: &str, times: usize, mut deed: impl FnMut() -> T) {
    let start = Instant::now();
    for _ in 0..times {
        std::hint::black_box(deed());
    }
    report(part, start.elapsed(), times);
}

fn member(rng: &SeededRng, house: &mut Two) -> Me {
    let (signer, sealing) = (SigningKey::generate(rng), SealingSecret::generate(rng));
    let member = signer.public_key().id();
    house.0.insert(member, (signer.public_key(), sealing.public()));
    Me { member, community: "cost".to_owned(), signer: Box::new(signer), sealing }
}

fn primitives(rng: &SeededRng, one: &Me, other: &Me) {
    let message = vec![7; 1500];
    let key = one.signer.public_key();
    let signature = one.signer.sign(&message);
    timed("  Ed25519: sign 1,500 bytes", 500, || one.signer.sign(&message));
    timed("  Ed25519: verify", 500, || key.verify(&message, &signature));
    let public = other.sealing.public();
    timed("  route (X25519)", 500, || one.sealing.route(&public, one.member, other.member, 1));
    let sealed = Sealed::seal(rng, &public, Route([1; 16]), &message).expect("seals");
    timed("  HPKE: seal", 500, || Sealed::seal(rng, &public, Route([1; 16]), &message));
    timed("  HPKE: open", 500, || other.sealing.open(&sealed));
}

fn main() {
    let rng = SeededRng::new(1);
    let mut house = Two(BTreeMap::new());
    let (one, other) = (member(&rng, &mut house), member(&rng, &mut house));
    primitives(&rng, &one, &other);
    let now = Micros(1_800_000_000_000_000);
    let sender = Exchange {
        me: &one,
        directory: &house,
        judge: &Yes,
        rng: &rng,
        now,
        leaves_max: base::limit::HEAD_LEAVES_MAX,
    };
    let reader = Exchange { me: &other, ..sender };
    let (mut from, mut to) = (MemoryRows::of(one.member), MemoryRows::of(other.member));
    let addressees = BTreeSet::from([other.member]);
    let start = Instant::now();
    for number in 0..OBJECTS {
        let object = format!("{{\"id\":\"indicator--{number:08}\",{OBJECT}}}");
        let release = Release {
            object: object.as_bytes(),
            rules: "to=all",
            addressees: &addressees,
            lane: Lane::Routine,
            kind: ActKind::Released,
        };
        from.apply_all(sender.release(&from, &release).expect("releases").effects);
    }
    report("release: act, salt, commitments, signature", start.elapsed(), OBJECTS);
    from.apply_all(sender.sign_head(&from).expect("signs"));
    let start = Instant::now();
    let batch = sender.outgoing(&from, &other.member).expect("goes");
    report("outgoing: judge, proof, signature, seal", start.elapsed(), batch.len());
    println!(
        "  {} bytes an envelope",
        batch.iter().map(|sealed| sealed.as_bytes().len()).sum::<usize>() / batch.len()
    );
    for update in sender.heads_for(&from, &BTreeMap::new(), None).expect("heads") {
        to.apply_all(reader.take_head(&to, &update).expect("takes").effects);
    }
    let bare = to.clone();
    let start = Instant::now();
    let mut taken = Vec::new();
    for sealed in &batch {
        let received = reader.receive(&to, sealed).expect("answers");
        to.apply_all(received.effects.clone());
        taken.push(received);
    }
    report("receive: open, verify, judge, rows in maps", start.elapsed(), batch.len());
    let start = Instant::now();
    let effects = reader.close(&to, one.member, &taken).expect("closes");
    report("close: one receipt for the batch", start.elapsed(), batch.len());
    to.apply_all(effects);
    println!("{} of {OBJECTS} objects arrived", to.all_versions().map_or(0, |held| held.len()));
    together((&sender, &from), (&reader, bare));
}

/// The same objects as one batch, signed and sealed once.
fn together((sender, from): (&Exchange<'_>, &MemoryRows), (reader, mut to): (&Exchange<'_>, MemoryRows)) {
    println!("the same, signed and sealed as one:");
    let start = Instant::now();
    let sealed = sender.outgoing_together(from, &reader.me.member).expect("answers").expect("goes");
    report("outgoing: judge, rows; one signature, one seal", start.elapsed(), OBJECTS);
    println!("  {} bytes an object", sealed.as_bytes().len() / OBJECTS);
    let start = Instant::now();
    let opened = reader.open_batch(&sealed).expect("opens");
    report("open: unseal, verify, read entries (no rows)", start.elapsed(), OBJECTS);
    let start = Instant::now();
    let mut taken = Vec::new();
    for entry in &opened.entries {
        let received = reader.receive_entry(&to, &opened.head, entry).expect("answers");
        to.apply_all(received.effects.clone());
        taken.push(received);
    }
    report("receive: leaf, commitments, judge, rows in maps", start.elapsed(), OBJECTS);
    let start = Instant::now();
    let effects = reader.close(&to, sender.me.member, &taken).expect("closes");
    report("close: one receipt for the batch", start.elapsed(), OBJECTS);
    to.apply_all(effects);
    println!("{} of {OBJECTS} objects arrived", to.all_versions().map_or(0, |held| held.len()));
}
