//! Proofs against the published vectors and against a naive tree written down from the definitions of RFC 6962.

use proptest::prelude::*;

use super::*;
use crate::frontier::Frontier;
use crate::naive;

/// Tiles in memory, as a ledger writes them: leaves, and the roots of full tiles.
struct Memory(Vec<Vec<TreeHash>>);

impl Memory {
    fn grown(leaves: &[TreeHash]) -> (Self, Frontier) {
        let mut levels = vec![leaves.to_vec(), Vec::new(), Vec::new()];
        let mut frontier = Frontier::new();
        for leaf in leaves {
            frontier.append(*leaf, |full| {
                let level = &mut levels[usize::from(full.level)];
                assert_eq!(level.len() as u64, full.index);
                level.push(full.hash);
            });
        }
        (Self(levels), frontier)
    }
}

impl Tiles for Memory {
    type Error = TilePath;

    fn tile(&self, path: TilePath) -> Result<Tile, TilePath> {
        let TileKind::Hashes(level) = path.kind else { return Err(path) };
        let first = usize::try_from(path.index * 256).unwrap();
        let hashes = self.0.get(usize::from(level)).and_then(|all| all.get(first..)).ok_or(path)?;
        let width = hashes.len().min(256);
        if width < usize::from(path.width) {
            return Err(path);
        }
        Tile::new(hashes[..width].to_vec()).map_err(|_| path)
    }
}

fn leaves(count: u64) -> Vec<TreeHash> {
    (0..count).map(|leaf| TreeHash::leaf(&leaf.to_be_bytes())).collect()
}

fn hash(text: &str) -> TreeHash {
    TreeHash(hex::decode(text).unwrap().try_into().unwrap())
}

/// The eight leaves that implementations of RFC 6962 have tested with since the first one.
fn published() -> Vec<TreeHash> {
    let data =
        ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];
    data.iter().map(|data| TreeHash::leaf(&hex::decode(data).unwrap())).collect()
}

const PUBLISHED_ROOTS: [&str; 8] = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

/// Leaf, size and proof.
const PUBLISHED_INCLUSION: [(u64, u64, &[&str]); 5] = [
    (0, 1, &[]),
    (
        0,
        8,
        &[
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        5,
        8,
        &[
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (2, 3, &["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]),
    (
        1,
        5,
        &[
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    ),
];

/// Smaller size, larger size and proof.
const PUBLISHED_CONSISTENCY: [(u64, u64, &[&str]); 4] = [
    (1, 1, &[]),
    (
        1,
        8,
        &[
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        6,
        8,
        &[
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (
        2,
        5,
        &[
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    ),
];

#[test]
fn published_vectors() {
    let leaves = published();
    let (tiles, _) = Memory::grown(&leaves);
    let mut frontier = Frontier::new();
    for (leaf, root) in leaves.iter().zip(PUBLISHED_ROOTS) {
        frontier.append(*leaf, |_| {});
        assert_eq!(frontier.root(), hash(root));
        assert_eq!(root_at(&tiles, frontier.size()).unwrap(), hash(root));
    }
    for (index, size, expected) in PUBLISHED_INCLUSION {
        let expected: Vec<TreeHash> = expected.iter().map(|text| hash(text)).collect();
        assert_eq!(inclusion(&tiles, index, size).unwrap(), expected, "{index} of {size}");
        let root = hash(PUBLISHED_ROOTS[usize::try_from(size - 1).unwrap()]);
        let leaf = leaves[usize::try_from(index).unwrap()];
        verify_inclusion(leaf, index, size, &expected, root).unwrap();
    }
    for (old, new, expected) in PUBLISHED_CONSISTENCY {
        let expected: Vec<TreeHash> = expected.iter().map(|text| hash(text)).collect();
        assert_eq!(consistency(&tiles, old, new).unwrap(), expected, "{old} to {new}");
        verify_consistency(published_head(old), published_head(new), &expected).unwrap();
    }
}

fn published_head(size: u64) -> TreeHead {
    TreeHead { size, root: hash(PUBLISHED_ROOTS[usize::try_from(size - 1).unwrap()]) }
}

#[test]
fn every_proof_of_every_small_tree() {
    let leaves = leaves(70);
    let (tiles, _) = Memory::grown(&leaves);
    let roots: Vec<TreeHash> = (0..=leaves.len()).map(|size| naive::root(&leaves[..size])).collect();
    let head = |size: usize| TreeHead { size: size as u64, root: roots[size] };
    for new in 0..=leaves.len() {
        assert_eq!(root_at(&tiles, new as u64).unwrap(), roots[new]);
        for old in 0..=new {
            let proof = consistency(&tiles, old as u64, new as u64).unwrap();
            assert_eq!(proof, naive::consistency(&leaves[..new], old), "{old} to {new}");
            verify_consistency(head(old), head(new), &proof).unwrap();
            if old > 0 && old < new {
                let whole = prefix(&tiles, old as u64, new as u64).unwrap();
                assert_eq!(prefix_roots(old as u64, new as u64, &whole), Ok((roots[old], roots[new])));
            }
        }
        for index in 0..new {
            let proof = inclusion(&tiles, index as u64, new as u64).unwrap();
            assert_eq!(proof, naive::inclusion(&leaves[..new], index), "{index} of {new}");
            verify_inclusion(leaves[index], index as u64, new as u64, &proof, roots[new]).unwrap();
        }
    }
}

#[test]
fn what_does_not_exist_has_no_proof() {
    let (tiles, _) = Memory::grown(&leaves(5));
    assert!(matches!(inclusion(&tiles, 5, 5), Err(MakeError::OutOfRange { asked: 5, size: 5 })));
    assert!(matches!(inclusion(&tiles, 0, 0), Err(MakeError::OutOfRange { .. })));
    assert!(matches!(consistency(&tiles, 6, 5), Err(MakeError::OutOfRange { .. })));
    assert!(matches!(inclusion(&tiles, 0, 6), Err(MakeError::Tile(_))));
    assert!(matches!(inclusion(&tiles, 0, u64::MAX), Err(MakeError::Tile(_))));
    let root = TreeHash::empty();
    assert_eq!(verify_inclusion(root, 0, 0, &[], root), Err(ProofError::OutOfRange { asked: 0, size: 0 }));
    for (old, new) in [(0, 1), (1, 1), (2, 1), (u64::MAX, 1)] {
        assert!(matches!(prefix_roots(old, new, &[root]), Err(ProofError::OutOfRange { .. })));
    }
    let huge = TreeHead { size: u64::MAX, root };
    assert!(verify_consistency(TreeHead { size: 1, root }, huge, &vec![root; 10_000]).is_err());
    assert!(verify_inclusion(root, u64::MAX - 1, u64::MAX, &[], root).is_err());
}

#[test]
fn a_smaller_or_other_tree_is_no_continuation() {
    let one = TreeHead { size: 1, root: leaves(1)[0] };
    let other = TreeHead { size: 1, root: TreeHash::leaf(b"other") };
    assert_eq!(verify_consistency(one, other, &[]), Err(ProofError::OtherRoot));
    assert_eq!(verify_consistency(one, one, &[one.root]), Err(ProofError::Length(1)));
    let two = TreeHead { size: 2, root: naive::root(&leaves(2)) };
    assert!(matches!(verify_consistency(two, one, &[]), Err(ProofError::OutOfRange { .. })));
    let none = TreeHead { size: 0, root: TreeHash::empty() };
    assert_eq!(verify_consistency(none, two, &[]), Ok(()));
    assert_eq!(verify_consistency(TreeHead { root: one.root, ..none }, two, &[]), Err(ProofError::OtherRoot));
}

proptest! {
    /// Trees larger than a tile agree with the definitions, proof by proof.
    #[test]
    fn large_trees_agree_with_the_definitions(size in 1u64..1400, picks in proptest::array::uniform2(any::<u64>())) {
        let leaves = leaves(size);
        let (tiles, frontier) = Memory::grown(&leaves);
        let root = naive::root(&leaves);
        prop_assert_eq!(frontier.root(), root);
        prop_assert_eq!(root_at(&tiles, size).unwrap(), root);
        let index = picks[0] % size;
        let at = usize::try_from(index).unwrap();
        let proof = inclusion(&tiles, index, size).unwrap();
        prop_assert_eq!(&proof, &naive::inclusion(&leaves, at));
        prop_assert_eq!(verify_inclusion(leaves[at], index, size, &proof, root), Ok(()));
        let old = picks[1] % (size + 1);
        let proof = consistency(&tiles, old, size).unwrap();
        prop_assert_eq!(&proof, &naive::consistency(&leaves, usize::try_from(old).unwrap()));
        let before = TreeHead { size: old, root: naive::root(&leaves[..usize::try_from(old).unwrap()]) };
        prop_assert_eq!(verify_consistency(before, TreeHead { size, root }, &proof), Ok(()));
    }

    /// A proof changed anywhere, cut or lengthened, for another leaf or another size, does not hold.
    #[test]
    fn a_changed_proof_does_not_hold(size in 2u64..300, pick in any::<u64>(), bit in any::<u8>()) {
        let leaves = leaves(size);
        let (tiles, _) = Memory::grown(&leaves);
        let root = naive::root(&leaves);
        let index = pick % size;
        let leaf = leaves[usize::try_from(index).unwrap()];
        let proof = inclusion(&tiles, index, size).unwrap();
        for at in 0..proof.len() {
            let mut forged = proof.clone();
            forged[at].0[usize::from(bit % 32)] ^= 1;
            prop_assert_eq!(verify_inclusion(leaf, index, size, &forged, root), Err(ProofError::OtherRoot));
        }
        let mut long = proof.clone();
        long.push(root);
        prop_assert!(verify_inclusion(leaf, index, size, &long, root).is_err());
        prop_assert!(verify_inclusion(leaf, index, size, &proof[..proof.len() - 1], root).is_err());
        let other = (index + 1) % size;
        prop_assert!(verify_inclusion(leaf, other, size, &proof, root).is_err());

        let old = pick % size;
        let before = TreeHead { size: old, root: naive::root(&leaves[..usize::try_from(old).unwrap()]) };
        let after = TreeHead { size, root };
        let proof = consistency(&tiles, old, size).unwrap();
        for at in 0..proof.len() {
            let mut forged = proof.clone();
            forged[at].0[usize::from(bit % 32)] ^= 1;
            prop_assert_eq!(verify_consistency(before, after, &forged), Err(ProofError::OtherRoot));
        }
        let mut long = proof.clone();
        long.push(root);
        prop_assert!(verify_consistency(before, after, &long).is_err());
        let forked = TreeHead { root: TreeHash::leaf(b"fork"), ..before };
        prop_assert!(verify_consistency(forked, after, &proof).is_err());
    }
}
