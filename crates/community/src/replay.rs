//! From a set of entries to the one registry they make, whatever order they came in.
//!
//! The community's chain is walked from its founding; before each decision the own entries it notes are made true, after the
//! last one the rest. Where two valid entries claim one place, a decision that notes one of them settles it; otherwise the
//! chain stands still before that place, on every node that knows both. So the registry depends on the set alone.

use std::collections::{BTreeMap, BTreeSet};

use crate::entry::{Chain, Entry, Point};
use crate::registry::{Registry, refused};
use crate::{EntryHash, MemberId, Refused, Rule};

/// Entries by chain and by what they follow.
struct Shelf<'a> {
    by_hash: BTreeMap<EntryHash, &'a Entry>,
    after: BTreeMap<(Chain, EntryHash), BTreeSet<EntryHash>>,
    used: BTreeSet<EntryHash>,
}

impl Registry {
    /// The registry that these entries make.
    ///
    /// # Errors
    /// The first entry, in order of its chain, that breaks a rule; `Gap` for one whose predecessors are not among them.
    ///
    /// # Limits
    /// Time grows with the number of entries times the number of members; each signature is verified once, or twice where
    /// two entries claim one place.
    pub fn replay<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Result<Self, Refused> {
        let mut shelf = Shelf::of(entries);
        let mut foundings = shelf.by_hash.values().filter(|entry| entry.content().previous.is_none());
        let founding = *foundings.next().ok_or(Refused {
            chain: Chain::Community,
            epoch: 0,
            rule: Rule::FoundingMissing,
        })?;
        if let Some(second) = foundings.next() {
            return Err(refused(second, Rule::FoundingTwice));
        }
        let mut registry = Self::found(founding)?;
        shelf.used.insert(founding.hash());
        while let Some(next) = shelf.next_of(&mut registry, Chain::Community, registry_head)? {
            shelf.bring_up(&mut registry, next)?;
            registry.apply(next)?;
            shelf.used.insert(next.hash());
        }
        let members: Vec<MemberId> = registry.members.keys().copied().collect();
        for member in members {
            let head = move |registry: &Self| own_head(registry, member);
            while let Some(next) = shelf.next_of(&mut registry, Chain::Own(member), head)? {
                registry.apply(next)?;
                shelf.used.insert(next.hash());
            }
        }
        shelf.leftovers(&mut registry)?;
        registry.unknown.sort();
        Ok(registry)
    }
}

fn registry_head(registry: &Registry) -> EntryHash {
    registry.head().hash
}

fn own_head(registry: &Registry, member: MemberId) -> EntryHash {
    registry.members.get(&member).map_or_else(|| registry_head(registry), |member| member.head().hash)
}

impl<'a> Shelf<'a> {
    fn of(entries: impl IntoIterator<Item = &'a Entry>) -> Self {
        let mut shelf = Self { by_hash: BTreeMap::new(), after: BTreeMap::new(), used: BTreeSet::new() };
        for entry in entries {
            // Copies of one entry may differ in who signed them; the one that is first by its text is as good as any.
            let held = shelf.by_hash.entry(entry.hash()).or_insert(entry);
            if entry.to_json() < held.to_json() {
                *held = entry;
            }
            if let Some(previous) = entry.content().previous {
                shelf.after.entry((entry.content().chain, previous)).or_default().insert(entry.hash());
            }
        }
        shelf
    }

    /// The one entry that comes next in a chain. Two that hold make a dispute, and none comes next.
    fn next_of(
        &self,
        registry: &mut Registry,
        chain: Chain,
        head: impl Fn(&Registry) -> EntryHash,
    ) -> Result<Option<&'a Entry>, Refused> {
        let Some(hashes) = self.after.get(&(chain, head(registry))) else { return Ok(None) };
        let candidates: Vec<&'a Entry> =
            hashes.iter().filter_map(|hash| self.by_hash.get(hash).copied()).collect();
        let [one] = candidates.as_slice() else {
            for candidate in &candidates {
                let mut tried = registry.clone();
                self.bring_up(&mut tried, candidate)?;
                tried.apply(candidate)?;
            }
            let epoch = candidates.first().map_or(0, |entry| entry.content().epoch);
            registry.disputes.entry(chain).or_default().insert(epoch);
            return Ok(None);
        };
        Ok(Some(one))
    }

    /// Makes the own entries true that a decision notes, along the very path it notes.
    fn bring_up(&self, registry: &mut Registry, decision: &Entry) -> Result<(), Refused> {
        for (member, point) in &decision.content().heads {
            for entry in self.path(registry, *member, *point).map_err(|rule| refused(decision, rule))? {
                registry.apply(entry)?;
            }
        }
        Ok(())
    }

    fn path(&self, registry: &Registry, member: MemberId, to: Point) -> Result<Vec<&'a Entry>, Rule> {
        let known = registry.members.get(&member).ok_or(Rule::MemberUnknown)?;
        let mut path = Vec::new();
        let mut at = to;
        while known.step(at.epoch).is_none_or(|step| step.hash != at.hash) {
            if at.epoch <= known.noted() {
                return Err(Rule::BasisDiffers);
            }
            let entry = self.by_hash.get(&at.hash).filter(|entry| {
                let content = entry.content();
                content.chain == Chain::Own(member) && content.epoch == at.epoch
            });
            let entry = *entry.ok_or(Rule::Gap)?;
            path.push(entry);
            let previous = entry.content().previous.ok_or(Rule::PayloadForm)?;
            at = Point { epoch: at.epoch.checked_sub(1).ok_or(Rule::PayloadForm)?, hash: previous };
        }
        path.reverse();
        Ok(path)
    }

    /// What was not made true: losers of settled disputes are remembered as such; what hangs in the air is refused.
    fn leftovers(&self, registry: &mut Registry) -> Result<(), Refused> {
        for entry in self.by_hash.values() {
            let content = entry.content();
            if stands(registry, entry) {
                continue;
            }
            let Some(previous) = content.previous else { continue };
            if entry.community() != registry.id() {
                return Err(refused(entry, Rule::CommunityOther));
            }
            let follows =
                self.by_hash.get(&previous).is_some_and(|before| before.content().chain == content.chain)
                    || self.starts(registry, entry, previous);
            if !follows {
                return Err(refused(entry, Rule::Gap));
            }
            signed_by_members(registry, entry).map_err(|rule| refused(entry, rule))?;
            let rivals = self.after.get(&(content.chain, previous)).map_or(0, BTreeSet::len);
            if rivals > 1 {
                registry.disputes.entry(content.chain).or_default().insert(content.epoch);
            }
        }
        Ok(())
    }

    /// Whether an own entry follows the request that a member came with.
    fn starts(&self, registry: &Registry, entry: &Entry, previous: EntryHash) -> bool {
        let Chain::Own(member) = entry.content().chain else { return false };
        let Some(member) = registry.members.get(&member) else { return false };
        member.steps.iter().any(|step| step.hash == previous)
    }
}

/// Whether whoever signed an entry that was not made true is a member at all: nothing else is remembered.
fn signed_by_members(registry: &Registry, entry: &Entry) -> Result<(), Rule> {
    let message = entry.signed().message();
    if entry.signed().signatures().is_empty() {
        return Err(Rule::SignatureMissing);
    }
    for (by, signature) in entry.signed().signatures() {
        let holder = registry.holder(*by).filter(|holder| match entry.content().chain {
            Chain::Community => true,
            Chain::Own(member) => holder.id() == member,
        });
        let key = holder.and_then(|holder| holder.keys().iter().find(|key| key.id() == *by));
        key.ok_or(Rule::SignatureStranger)?
            .verify(&message, signature)
            .map_err(|_| Rule::SignatureInvalid)?;
    }
    Ok(())
}

fn stands(registry: &Registry, entry: &Entry) -> bool {
    let content = entry.content();
    let Ok(epoch) = usize::try_from(content.epoch) else { return false };
    let held = match content.chain {
        Chain::Community => registry.decisions.get(epoch).map(|decision| decision.hash),
        Chain::Own(member) => {
            registry.members.get(&member).and_then(|member| member.steps.get(epoch)).map(|step| step.hash)
        }
    };
    held == Some(entry.hash())
}
