//! What must hold, whatever happened: each invariant as a list of what breaks it.

use std::collections::BTreeSet;

use base::signing::KeyId;
use federation::{Consented, Content};
use federation::{
    Covered, Deed, Effect, Judge, MemoryRows, ObjectName, Question, ReceiptState, Rows, VersionRow,
    state_hash,
};
use ledger::act::ActKind;
use ledger::evidence::Evidence;

use crate::surroundings::{Fault, HouseJudge};
use crate::world::{World, number_of};

/// At any moment: bytes are only where the originator's rules ever let them be, and no relay can read what it keeps (I2).
#[must_use]
pub fn bytes_out_of_place(world: &World, hostile: Option<KeyId>) -> Vec<String> {
    let mut broken = Vec::new();
    for (member, node) in &world.nodes {
        for payload in node.rows.payloads().filter(|row| Some(row.author) != hostile) {
            let Some(number) = number_of(&payload.bytes) else { continue };
            if !world.entitled.get(&number).is_some_and(|members| members.contains(member)) {
                broken.push(format!("I2: {member} holds object {number} of {}", payload.author));
            }
        }
        for sealed in node.shelf.seen() {
            if sealed.as_bytes().windows(9).any(|window| window == b"indicator") {
                broken.push(format!("I2: the relay {member} could read a parcel"));
            }
        }
    }
    broken
}

/// After everything has settled: I1, I3, I4, I5, I6 as far as nodes can tell without people.
#[must_use]
pub fn unsettled(world: &World, hostile: Option<KeyId>) -> Vec<String> {
    let mut broken = bytes_out_of_place(world, hostile);
    for member in world.order.iter().filter(|member| Some(**member) != hostile) {
        broken.extend(state_differs(world, member, hostile));
        broken.extend(ledger_differs(world, member, hostile));
        broken.extend(open_ends(world, member, hostile));
    }
    broken
}

/// I1, I3, I4: a member holds exactly what the originators' own rows say it is to hold.
fn state_differs(world: &World, member: &KeyId, hostile: Option<KeyId>) -> Option<String> {
    let held = &world.nodes.get(member)?.rows;
    let expected = expected(world, member, hostile);
    let found = without(held, hostile);
    if state_hash(&found).ok()? == state_hash(&expected).ok()? {
        return None;
    }
    let (found, expected) = (summary(&found), summary(&expected));
    let missing: Vec<_> = expected.difference(&found).collect();
    let beyond: Vec<_> = found.difference(&expected).collect();
    Some(format!("I4: {member} lacks {missing:?} and has beyond {beyond:?}"))
}

fn summary(rows: &MemoryRows) -> BTreeSet<String> {
    let versions = rows.all_versions().unwrap_or_default();
    let mut lines: BTreeSet<String> = versions
        .iter()
        .map(|row| format!("{} {} {} {}", row.name.id, row.version, row.sequence, row.rules))
        .collect();
    for fate in rows.all_fates().unwrap_or_default() {
        if !versions.iter().any(|row| row.name == fate.name) {
            lines.insert(format!("{} recalled {:?} erased {:?}", fate.name.id, fate.recalled, fate.erased));
        }
    }
    lines
}

fn without(rows: &MemoryRows, hostile: Option<KeyId>) -> MemoryRows {
    let mut honest = MemoryRows::default();
    for version in rows.all_versions().unwrap_or_default() {
        if Some(version.name.author) != hostile {
            honest.apply(Effect::Version(version));
        }
    }
    for fate in rows.all_fates().unwrap_or_default() {
        if Some(fate.name.author) != hostile && (fate.erased.is_some() || fate.recalled.is_some()) {
            honest.apply(Effect::Fate(fate));
        }
    }
    honest
}

fn expected(world: &World, member: &KeyId, hostile: Option<KeyId>) -> MemoryRows {
    let mut expected = MemoryRows::default();
    for (author, node) in world.nodes.iter().filter(|(author, _)| Some(**author) != hostile) {
        for version in node.rows.all_versions().unwrap_or_default() {
            if version.name.author == *author && is_to_hold(world, member, &version) {
                expected.apply(Effect::Version(version));
            }
        }
        for fate in node.rows.all_fates().unwrap_or_default() {
            // A recall is for whoever held the object then; who was let in later never hears of it.
            let act = fate.erased.or(fate.recalled).unwrap_or_default();
            let told = node.rows.receipts(act).unwrap_or_default().iter().any(|row| row.member == *member);
            let holder = *author == *member || told;
            let void = fate.erased.is_some() || fate.recalled.is_some();
            if fate.name.author == *author && holder && void {
                expected.apply(Effect::Fate(fate));
            }
        }
    }
    expected
}

fn holds_ground(rows: &MemoryRows, name: &ObjectName, member: &KeyId) -> Option<String> {
    let holders = rows.holders(name).unwrap_or_default();
    holders.into_iter().find(|row| row.member == *member).map(|row| row.ground)
}

fn is_to_hold(world: &World, member: &KeyId, version: &VersionRow) -> bool {
    let author = version.name.author;
    if author == *member {
        return true;
    }
    let Some(node) = world.nodes.get(&author) else { return false };
    let Some(ground) = holds_ground(&node.rows, &version.name, member) else { return false };
    if ground == "consent" {
        // Without a token for this very version, recipient and moment nobody may have it this way, whoever sent it.
        let tokens = node.rows.consents(&version.name).unwrap_or_default();
        let now = world.now();
        let entitled = tokens
            .iter()
            .any(|token| token.digest == version.digest && token.to == *member && now < token.until);
        if !entitled {
            return false;
        }
        // It must be there when it once was, and when somebody has a line for it and still holds it. Only who has gone back
        // to a backup since may lack it for good: when the one who passed it on has lost the line or the right meanwhile.
        let holds = |node: &crate::Node| {
            let held = node.rows.versions(&version.name).unwrap_or_default();
            held.iter().any(|held| held.sequence == version.sequence)
        };
        let line = |node: &crate::Node| {
            node.rows.lines().any(|line| {
                line.peer == *member && line.author == author && line.sequence == version.sequence
            })
        };
        let must = |holder: &KeyId, node: &crate::Node| *holder != author && line(node) && holds(node);
        let key = (version.name.clone(), version.sequence, *member);
        let restored = world.restored.contains(member);
        return world.nodes.iter().any(|(holder, node)| must(holder, node))
            || (world.arrived.contains(&key) && (!restored || holds(&world.nodes[member])));
    }
    let Ok(Some(payload)) = node.rows.payload(&author, version.sequence) else { return false };
    let Ok(content) = Content::parse(&payload.bytes) else { return false };
    let question = Question {
        deed: Deed::Keep,
        originator: author,
        recipient: *member,
        rules: &version.rules,
        object: content.object,
        consent: Consented::No,
        now: world.now(),
    };
    HouseJudge(Fault::None).decide(&question).is_ok()
}

/// I5: every mirror of an honest ledger is a beginning of that ledger, and every act is in it.
fn ledger_differs(world: &World, member: &KeyId, hostile: Option<KeyId>) -> Vec<String> {
    let mut broken = Vec::new();
    let Some(node) = world.nodes.get(member) else { return broken };
    for (origin, other) in world.nodes.iter().filter(|(origin, _)| Some(**origin) != hostile) {
        if !node.rows.evidence().get(origin).is_none_or(Vec::is_empty) {
            broken.push(format!("I5: {member} has evidence against the honest {origin}"));
        }
        let Ok(Some(mirror)) = node.rows.mirror(origin) else { continue };
        let own = other.rows.own().map(|own| own.next).unwrap_or_default();
        let theirs = node.rows.leaves(origin, 0, mirror.size).ok();
        if mirror.size > own || theirs != other.rows.leaves(origin, 0, mirror.size).ok() {
            broken.push(format!("I5: {member} mirrors another ledger of {origin} than its own"));
        }
    }
    for act in node.rows.acts().filter(|act| Some(act.author) != hostile) {
        let ledger = world.nodes.get(&act.author);
        let leaf = ledger.and_then(|node| node.rows.leaves(&act.author, act.sequence, act.sequence + 1).ok());
        if leaf.as_deref() != Some(&[act.leaf]) || act.covered != Covered::Yes {
            broken.push(format!("I5: act {} of {} at {member} is not proven", act.sequence, act.author));
        }
    }
    broken
}

/// I1 and the receipts: nothing is left undone between nodes that reach each other.
fn open_ends(world: &World, member: &KeyId, hostile: Option<KeyId>) -> Vec<String> {
    let mut broken = Vec::new();
    let Some(node) = world.nodes.get(member) else { return broken };
    for receipt in node.rows.all_receipts().filter(|receipt| Some(receipt.member) != hostile) {
        if receipt.state == ReceiptState::Pending {
            broken.push(format!(
                "I1: act {} of {member} has no receipt by {}",
                receipt.sequence, receipt.member
            ));
        }
    }
    if node.rows.own().is_ok_and(|own| own.recovery.is_some()) {
        broken.push(format!("I9: {member} is still taking back"));
    }
    // I6: what is erased is nowhere, and the act that released it is still a leaf.
    for fate in node.rows.all_fates().unwrap_or_default().into_iter().filter(|fate| fate.erased.is_some()) {
        let released = |act: &&federation::ActRow| {
            act.object.as_ref() == Some(&fate.name)
                && matches!(act.kind, ActKind::Released | ActKind::Sighted)
        };
        for act in node.rows.acts().filter(released) {
            if node.rows.payload(&act.author, act.sequence).is_ok_and(|payload| payload.is_some()) {
                broken.push(format!("I6: {member} can still read the erased {}", fate.name.id));
            }
        }
    }
    broken
}

/// Whether some honest member holds evidence against `hostile` that anyone can verify.
#[must_use]
pub fn is_exposed(world: &World, hostile: KeyId) -> bool {
    let texts = world.nodes.values().filter_map(|node| node.rows.evidence().get(&hostile)).flatten();
    texts.into_iter().any(|text| Evidence::parse(text.as_bytes()).is_ok_and(|file| file.verify().is_ok()))
}
