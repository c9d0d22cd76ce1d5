//! A step of a member's own chain: who must sign it, and what it changes.
//!
//! Everything is signed by the member's key alone, but: a new key also signs itself in, so that nobody claims a key it does
//! not hold; a recovery is signed by recovery keys instead; and other recovery keys also take the word of the old ones, so
//! that a stolen key cannot shut its owner out.

use std::collections::BTreeSet;

use base::signing::{KeyId, PublicKey};

use crate::body::Body;
use crate::entry::Entry;
use crate::member::{Claim, Member, OwnState};
use crate::registry::Registry;
use crate::statement::check_lists;
use crate::{NodeCertificate, Recovery, Rule};

/// The member's state after `entry`, if it may be.
pub(crate) fn next(
    registry: &Registry,
    member: &Member,
    entry: &Entry,
    body: &Body,
) -> Result<OwnState, Rule> {
    let mut state = settled(member, entry);
    let signers = Signers::of(entry, &state, body)?;
    signers.demand(&state, body)?;
    match body {
        Body::KeyRotated(new) => {
            registry.key_free(&new.key)?;
            state.key = new.key;
        }
        Body::KeyRecovered(new) => {
            registry.key_free(&new.key)?;
            if state.claim.is_some() {
                return Err(Rule::RecoveryUnderWay);
            }
            state.claim = Some(Claim { key: new.key, epoch: entry.content().epoch });
        }
        Body::RecoveryCancelled => {
            state.claim.take().ok_or(Rule::RecoveryNone)?;
        }
        Body::RecoveryKeysChanged(recovery) => {
            recovery.check()?;
            if recovery.keys.iter().any(|key| member.keys.contains(key)) {
                return Err(Rule::KeyTaken);
            }
            state.recovery = recovery.clone();
        }
        Body::EndpointsChanged(endpoints) => {
            check_lists(endpoints, &[])?;
            state.endpoints.clone_from(endpoints);
        }
        Body::NamesChanged(names) => state.names = names.clone(),
        Body::SealingKeyChanged(sealing) => state.sealing = Some(*sealing),
        Body::IdentityChanged(identity) => state.identity = Some(identity.clone()),
        Body::NodesChanged(nodes) => {
            check_lists(&[], nodes)?;
            for node in nodes {
                NodeCertificate::open(node, member.id(), &state.key)?;
            }
            state.nodes.clone_from(nodes);
        }
        Body::Withdrawn if state.notice.is_some() => return Err(Rule::WithdrawalTwice),
        Body::Withdrawn => state.notice = Some(entry.content().at),
        _ => {}
    }
    Ok(state)
}

/// The last state, with a recovery that has taken effect by the moment of `entry` made part of it.
fn settled(member: &Member, entry: &Entry) -> OwnState {
    let last = member.last();
    let mut state = last.state.clone();
    let content = entry.content();
    let basis = content.basis.map_or(0, |basis| basis.epoch);
    let key = member.key_after(last, content.at, basis);
    if key != state.key {
        state.key = key;
        state.claim = None;
    }
    state
}

/// Whose signatures stand on a step, each verified.
struct Signers {
    by: BTreeSet<KeyId>,
}

impl Signers {
    fn of(entry: &Entry, state: &OwnState, body: &Body) -> Result<Self, Rule> {
        let mut allowed: Vec<PublicKey> = Vec::new();
        if !matches!(body, Body::KeyRecovered(_)) {
            allowed.push(state.key);
        }
        match body {
            Body::KeyRotated(new) => allowed.push(new.key),
            Body::KeyRecovered(new) => {
                allowed.push(new.key);
                allowed.extend(&state.recovery.keys);
            }
            Body::RecoveryKeysChanged(_) => allowed.extend(&state.recovery.keys),
            _ => {}
        }
        let message = entry.signed().message();
        let mut by = BTreeSet::new();
        for (id, signature) in entry.signed().signatures() {
            let key = allowed.iter().find(|key| key.id() == *id).ok_or(Rule::SignatureStranger)?;
            key.verify(&message, signature).map_err(|_| Rule::SignatureInvalid)?;
            if !by.insert(*id) {
                return Err(Rule::SignatureTwice);
            }
        }
        Ok(Self { by })
    }

    fn demand(&self, state: &OwnState, body: &Body) -> Result<(), Rule> {
        let fit = match body {
            Body::KeyRotated(new) => self.has(&state.key) && self.has(&new.key),
            Body::KeyRecovered(new) => {
                if state.recovery.keys.is_empty() {
                    return Err(Rule::RecoveryNone);
                }
                self.has(&new.key) && self.recover(&state.recovery)
            }
            Body::RecoveryKeysChanged(_) => self.has(&state.key) && self.recover(&state.recovery),
            _ => self.has(&state.key),
        };
        if fit { Ok(()) } else { Err(Rule::SignatureMissing) }
    }

    fn has(&self, key: &PublicKey) -> bool {
        self.by.contains(&key.id())
    }

    /// Whether enough of the recovery keys signed; without recovery keys nothing is asked.
    fn recover(&self, recovery: &Recovery) -> bool {
        recovery.keys.iter().filter(|key| self.has(key)).count() >= recovery.needed
    }
}
