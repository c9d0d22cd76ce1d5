//! One digest of everything two equally entitled nodes hold alike: objects with their rules, recalls and erasures.
//!
//! A node's own receipts, cursors and logs are not part of it. A recall counts only while nothing newer of the object is
//! held, because a member that was let in later never heard of it.

use base::signing::KeyId;
use sha2::{Digest, Sha256};

use crate::port::{Read, Rows};
use crate::rows::{FateRow, VersionRow};

/// What the digest begins with.
const DOMAIN: &[u8] = b"cresset exchange state 1\0";

/// What the digest of a part begins with.
const PART_DOMAIN: &[u8] = b"cresset exchange part 1\0";

/// The state hash of these rows.
///
/// # Errors
/// The store did not answer.
///
/// # Limits
/// Linear in what is held.
pub fn state_hash(rows: &dyn Rows) -> Read<[u8; 32]> {
    state_hash_of(rows, &|_| true)
}

/// The state hash of the versions whose line of rules is `kept`: what is past its retention counts as gone, though a node may not
/// have got round to destroying it.
///
/// # Errors
/// The store did not answer.
///
/// # Limits
/// Linear in what is held.
pub fn state_hash_of(rows: &dyn Rows, kept: &dyn Fn(&str) -> bool) -> Read<[u8; 32]> {
    let mut versions = rows.all_versions()?;
    versions.retain(|version| kept(&version.rules));
    versions.sort_by(|a, b| (&a.name, &a.version).cmp(&(&b.name, &b.version)));
    let mut fates = rows.all_fates()?;
    fates.retain(|fate| counts(fate, &versions));
    fates.sort_by(|a, b| a.name.cmp(&b.name));
    let mut digest = Sha256::new();
    digest.update(DOMAIN);
    versions.iter().for_each(|version| add_version(&mut digest, version));
    for fate in &fates {
        let (word, at) = match (fate.erased, fate.recalled) {
            (Some(at), _) => ("erased", at),
            (None, Some(at)) => ("recalled", at),
            (None, None) => continue,
        };
        add(&mut digest, b"fate", &fate.name.author, &[&fate.name.id, word]);
        digest.update(at.to_be_bytes());
    }
    Ok(digest.finalize().into())
}

/// What two members hold alike of one part of what is exchanged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartState {
    /// Digest over the versions of the part; of another domain than [`state_hash`].
    pub state_hash: [u8; 32],
    /// Objects in it.
    pub objects: u64,
}

/// The state of the versions whose line of rules is `meant`. What was called back or erased is not in it: no rules are kept of
/// that, so nobody could tell which part it belonged to.
///
/// # Errors
/// The store did not answer.
///
/// # Limits
/// Linear in what is held.
pub fn part_state(rows: &dyn Rows, meant: &dyn Fn(&str) -> bool) -> Read<PartState> {
    let mut versions = rows.all_versions()?;
    versions.retain(|version| meant(&version.rules));
    versions.sort_by(|a, b| (&a.name, &a.version).cmp(&(&b.name, &b.version)));
    let mut digest = Sha256::new();
    digest.update(PART_DOMAIN);
    versions.iter().for_each(|version| add_version(&mut digest, version));
    versions.dedup_by(|a, b| a.name == b.name);
    let objects = u64::try_from(versions.len()).unwrap_or(u64::MAX);
    Ok(PartState { state_hash: digest.finalize().into(), objects })
}

fn add_version(digest: &mut Sha256, version: &VersionRow) {
    let texts: [&str; 3] = [&version.name.id, &version.version, &version.rules];
    add(digest, b"version", &version.name.author, &texts);
    digest.update(version.sequence.to_be_bytes());
    digest.update(version.digest.0);
}

fn counts(fate: &FateRow, versions: &[VersionRow]) -> bool {
    let void = fate.erased.is_some() || fate.recalled.is_some();
    void && !versions.iter().any(|version| version.name == fate.name)
}

fn add(digest: &mut Sha256, word: &[u8], author: &KeyId, texts: &[&str]) {
    digest.update(word);
    digest.update(author.as_bytes());
    for text in texts {
        digest.update(u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes());
        digest.update(text);
    }
}
