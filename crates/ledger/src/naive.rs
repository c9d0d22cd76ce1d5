//! The tree of RFC 6962 written down word for word, to test the real one against. Slow, recursive, for tests only.

use crate::hash::TreeHash;

/// The largest power of two smaller than `n`.
fn split(n: usize) -> usize {
    let mut k = 1;
    while k * 2 < n {
        k *= 2;
    }
    k
}

/// MTH of section 2.1.
pub(crate) fn root(leaves: &[TreeHash]) -> TreeHash {
    match leaves {
        [] => TreeHash::empty(),
        [leaf] => *leaf,
        many => {
            let (left, right) = many.split_at(split(many.len()));
            TreeHash::node(root(left), root(right))
        }
    }
}

/// PATH of section 2.1.1.
pub(crate) fn inclusion(leaves: &[TreeHash], index: usize) -> Vec<TreeHash> {
    if leaves.len() <= 1 {
        return Vec::new();
    }
    let k = split(leaves.len());
    let (left, right) = leaves.split_at(k);
    let (mut path, sibling) = if index < k {
        (inclusion(left, index), root(right))
    } else {
        (inclusion(right, index - k), root(left))
    };
    path.push(sibling);
    path
}

/// PROOF of section 2.1.2; empty where it is not defined there.
pub(crate) fn consistency(leaves: &[TreeHash], old: usize) -> Vec<TreeHash> {
    if old == 0 || old == leaves.len() { Vec::new() } else { subproof(leaves, old, Start::Known) }
}

#[derive(Clone, Copy, PartialEq)]
enum Start {
    Known,
    Unknown,
}

fn subproof(leaves: &[TreeHash], old: usize, start: Start) -> Vec<TreeHash> {
    if old == leaves.len() {
        return if start == Start::Known { Vec::new() } else { vec![root(leaves)] };
    }
    let k = split(leaves.len());
    let (left, right) = leaves.split_at(k);
    let (mut proof, sibling) = if old <= k {
        (subproof(left, old, start), root(right))
    } else {
        (subproof(right, old - k, Start::Unknown), root(left))
    };
    proof.push(sibling);
    proof
}
