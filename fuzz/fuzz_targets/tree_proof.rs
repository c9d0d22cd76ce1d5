//! Proofs of trees: hostile sizes and hashes are refused or checked, within bounds and without panic.
#![no_main]

use ledger::TreeHash;
use ledger::proof::{TreeHead, prefix_roots, verify_consistency, verify_inclusion};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u64, u64, Vec<[u8; 32]>)| {
    let (old, new, hashes) = input;
    let hashes: Vec<TreeHash> = hashes.into_iter().map(TreeHash).collect();
    let root = hashes.first().copied().unwrap_or_else(TreeHash::empty);
    let _ = verify_inclusion(root, old, new, &hashes, root);
    let head = |size| TreeHead { size, root };
    let _ = verify_consistency(head(old), head(new), &hashes);
    if prefix_roots(old, new, &hashes).is_ok() {
        assert!(0 < old && old < new && hashes.len() <= 65);
    }
});
