//! Tests of cosigning with and without leaves: one state for both, and never two heads that cannot both be honest.

use std::collections::{BTreeMap, BTreeSet};

use base::signing::{PublicKey, Signer, SigningKey};
use base::{Micros, SeededRng};
use ledger::TreeHash;
use ledger::frontier::Frontier;
use ledger::head::HeadKeeper;
use ledger::note::{KeyKind, NoteKey};
use ledger::proof::{TreeHead, consistency, verify_consistency};
use ledger::tile::{Tile, TileKind, TilePath, Tiles};
use proptest::prelude::*;

use super::*;
use crate::port::{Directory, Judge, Me, Question, Rows};
use crate::seal::SealingSecret;
use crate::wire::HeadUpdate;
use crate::{Kept, MemoryRows};

const NOW: Micros = Micros(1_800_000_000_000_000);

struct Two(BTreeMap<KeyId, PublicKey>);

impl Directory for Two {
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
        self.0.get(member).copied().into_iter().collect()
    }
    fn sealing(&self, _: &KeyId) -> Option<[u8; 32]> {
        None
    }
    fn active(&self) -> BTreeSet<KeyId> {
        self.0.keys().copied().collect()
    }
    fn identity_owner(&self, _: &str) -> Option<KeyId> {
        None
    }
}

impl Judge for Two {
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

/// A ledger as its member has it: one of two branches, which part after so many leaves.
struct Branch(Vec<TreeHash>);

impl Branch {
    fn new(number: u8, parts_at: usize) -> Self {
        let leaf = |at: usize| {
            let branch = if at < parts_at { 0 } else { number };
            TreeHash::leaf(&[branch, u8::try_from(at).unwrap()])
        };
        Self((0..40).map(leaf).collect())
    }

    fn head(&self, size: usize) -> TreeHead {
        let mut edge = Frontier::new();
        for leaf in &self.0[..size] {
            edge.append(*leaf, |_| {});
        }
        TreeHead { size: size as u64, root: edge.root() }
    }
}

impl Tiles for Branch {
    type Error = std::convert::Infallible;

    fn tile(&self, path: TilePath) -> Result<Tile, Self::Error> {
        assert_eq!((path.kind, path.index), (TileKind::Hashes(0), 0), "forty leaves have one tile");
        Ok(Tile::new(self.0[..usize::from(path.width)].to_vec()).unwrap())
    }
}

struct Scene {
    author: SigningKey,
    house: Two,
    me: Me,
    rows: MemoryRows,
    rng: SeededRng,
}

impl Scene {
    fn new() -> Self {
        let rng = SeededRng::new(7);
        let (author, own) = (SigningKey::generate(&rng), SigningKey::generate(&rng));
        let keys = [&author, &own].map(|key| (key.public_key().id(), key.public_key()));
        let member = own.public_key().id();
        let sealing = SealingSecret::generate(&rng);
        let me = Me { member, community: "c".to_owned(), signer: Box::new(own), sealing };
        Self { author, house: Two(BTreeMap::from(keys)), me, rows: MemoryRows::of(member), rng }
    }

    fn exchange(&self) -> Exchange<'_> {
        Exchange {
            me: &self.me,
            directory: &self.house,
            judge: &self.house,
            rng: &self.rng,
            now: NOW,
            leaves_max: base::limit::HEAD_LEAVES_MAX,
        }
    }

    fn note(&self, branch: &Branch, size: usize) -> SignedCheckpoint {
        let origin = Origin::of_member(&self.author.public_key().id());
        HeadKeeper::new(origin, &self.author).sign(branch.head(size), &[], &self.author).unwrap()
    }

    fn request(&self, branch: &Branch, old: usize, size: usize) -> Vec<u8> {
        let (from, to) = (old as u64, size as u64);
        let proof = if old == 0 || old >= size { Vec::new() } else { consistency(branch, from, to).unwrap() };
        let checkpoint = self.note(branch, size);
        AddCheckpoint { old: from, proof, checkpoint }.to_body().into_bytes()
    }

    /// Asks over the witness protocol.
    fn asks(&mut self, branch: &Branch, old: usize, size: usize) -> Verdict {
        let request = self.request(branch, old, size);
        let (verdict, effects) = self.exchange().witness(&self.rows, &request).unwrap();
        for effect in effects {
            self.rows.apply(effect);
        }
        verdict
    }

    /// Tells a head with its leaves, as in a meeting.
    fn tells(&mut self, branch: &Branch, size: usize) -> Kept {
        let origin = self.author.public_key().id();
        let stored = self.rows.mirror(&origin).unwrap().map_or(0, |row| row.size);
        let old = stored.min(size as u64);
        let prefix = ledger::proof::prefix(branch, old, size as u64).unwrap();
        let leaves = branch.0[usize::try_from(old).unwrap()..size].to_vec();
        let update =
            HeadUpdate { origin, note: self.note(branch, size), old, prefix, leaves, rest: Vec::new() };
        let outcome = self.exchange().take_head(&self.rows, &update).unwrap();
        for effect in outcome.effects {
            self.rows.apply(effect);
        }
        outcome.kept
    }

    fn cosigned(&self) -> u64 {
        let origin = self.author.public_key().id();
        self.exchange().cosigned_last(&self.rows, &origin).unwrap().map_or(0, |note| note.head().size)
    }

    fn mirrored(&self) -> u64 {
        self.rows.mirror(&self.author.public_key().id()).unwrap().map_or(0, |row| row.size)
    }

    fn proofs(&self) -> usize {
        self.rows.evidence().values().map(Vec::len).sum()
    }
}

#[test]
fn both_ways_of_cosigning_go_by_one_state() {
    let (mut scene, tree) = (Scene::new(), Branch::new(0, 40));
    assert!(matches!(scene.asks(&tree, 0, 5), Verdict::Cosigned { .. }));
    assert_eq!((scene.cosigned(), scene.mirrored()), (5, 0));
    // Leaves up to less than that are kept, and not cosigned: a later head was.
    assert_eq!(scene.tells(&tree, 3), Kept::Known);
    assert_eq!((scene.cosigned(), scene.mirrored()), (5, 3));
    assert!(matches!(scene.tells(&tree, 9), Kept::Cosigned(_)));
    assert_eq!((scene.cosigned(), scene.mirrored()), (9, 9));
    // What was cosigned in a meeting is what the next request must continue.
    assert_eq!(scene.asks(&tree, 5, 12), Verdict::Conflict { size: 9, forked: false });
    assert!(matches!(scene.asks(&tree, 9, 12), Verdict::Cosigned { .. }));
    assert!(matches!(scene.asks(&tree, 12, 12), Verdict::Cosigned { .. }), "the same again");
    assert!(matches!(scene.tells(&tree, 12), Kept::Cosigned(_)));
    assert_eq!((scene.cosigned(), scene.mirrored(), scene.proofs()), (12, 12, 0));
}

#[test]
fn only_ledgers_of_members_are_witnessed_and_by_their_keys() {
    let (mut scene, tree) = (Scene::new(), Branch::new(0, 40));
    let (verdict, effects) = scene.exchange().witness(&scene.rows, b"junk").unwrap();
    assert_eq!((verdict.status(), effects.len()), (400, 0));
    assert_eq!(scene.asks(&tree, 7, 5).status(), 400);
    let genuine = std::mem::replace(&mut scene.author, SigningKey::from_seed(&[9; 32]));
    assert_eq!(scene.asks(&tree, 0, 5).status(), 404, "a stranger's");
    let stranger = std::mem::replace(&mut scene.author, genuine);
    let origin = Origin::of_member(&scene.author.public_key().id());
    let forged = HeadKeeper::new(origin, &stranger).sign(tree.head(5), &[], &stranger).unwrap();
    let forged = AddCheckpoint { old: 0, proof: Vec::new(), checkpoint: forged }.to_body();
    let (verdict, effects) = scene.exchange().witness(&scene.rows, forged.as_bytes()).unwrap();
    assert_eq!((verdict.status(), effects.len()), (403, 0));
    assert!(matches!(scene.asks(&tree, 0, 5), Verdict::Cosigned { .. }));
    let other = Branch::new(1, 3);
    assert_eq!(scene.asks(&other, 5, 8).status(), 422);
    assert_eq!((scene.cosigned(), scene.proofs()), (5, 0));
    assert_eq!(scene.asks(&other, 5, 5), Verdict::Conflict { size: 5, forked: true });
    assert_eq!((scene.cosigned(), scene.proofs()), (5, 1), "two heads of one size prove it to anyone");
}

#[test]
fn leaves_that_are_not_those_of_a_witnessed_head_prove_a_fork() {
    for (witnessed, told) in [(8, 12), (8, 8)] {
        let mut scene = Scene::new();
        let (one, other) = (Branch::new(0, 40), Branch::new(1, 4));
        assert!(matches!(scene.asks(&one, 0, witnessed), Verdict::Cosigned { .. }));
        assert_eq!(scene.tells(&other, told), Kept::Forked);
        assert_eq!((scene.cosigned(), scene.mirrored(), scene.proofs()), (witnessed as u64, 0, 1));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever is asked and told, of two branches and in any order: the heads that were cosigned are one growing tree.
    #[test]
    fn no_two_inconsistent_heads_are_ever_cosigned(
        parts_at in 0_usize..12,
        steps in prop::collection::vec((any::<bool>(), any::<bool>(), 0_usize..20, 1_usize..20), 1..30),
    ) {
        let mut scene = Scene::new();
        let branches = [Branch::new(0, parts_at), Branch::new(1, parts_at)];
        let mut given: Vec<(usize, usize)> = Vec::new();
        for (which, asked, old, size) in steps {
            let which = usize::from(which);
            let before = scene.cosigned();
            let cosigned = if asked {
                let old = if old % 2 == 0 { usize::try_from(before).unwrap() } else { old };
                matches!(scene.asks(&branches[which], old, size), Verdict::Cosigned { .. })
            } else {
                matches!(scene.tells(&branches[which], size), Kept::Cosigned(_))
            };
            if cosigned {
                prop_assert!(size as u64 >= before, "no smaller head");
                prop_assert_eq!(scene.cosigned(), size as u64);
                given.push((which, size));
            }
        }
        for (at, (which, size)) in given.iter().enumerate() {
            let head = branches[*which].head(*size);
            for (other, later) in &given[at..] {
                let next = branches[*other].head(*later);
                let proof = if size == later { Vec::new() } else {
                    consistency(&branches[*other], *size as u64, *later as u64).unwrap()
                };
                prop_assert!(verify_consistency(head, next, &proof).is_ok());
            }
        }
    }
}

#[test]
fn the_line_is_a_cosignature_as_the_specification_has_it() {
    let (mut scene, tree) = (Scene::new(), Branch::new(0, 40));
    let Verdict::Cosigned { line, .. } = scene.asks(&tree, 0, 5) else { panic!("not cosigned") };
    let name = Origin::of_member(&scene.me.member).key_name().clone();
    let key = NoteKey::new(name, KeyKind::Cosignature, scene.me.signer.public_key());
    let mut note = scene.note(&tree, 5);
    note.attach(&key, line).unwrap();
    assert_eq!(note.cosignatures(&[key]).unwrap().len(), 1);
}
