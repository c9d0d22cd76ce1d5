//! What must hold, whatever happened: each invariant as a list of what breaks it.

use std::collections::BTreeSet;

use base::Micros;
use base::limit::RELAY_SECONDS;
use base::signing::KeyId;
use federation::{Consented, Content};
use federation::{
    Covered, Deed, Effect, Judge, MemoryRows, Notice, ObjectName, Question, ReceiptState, Rows, VersionRow,
    state_hash,
};
use ledger::act::ActKind;
use ledger::evidence::Evidence;

use crate::surroundings::{Fault, HouseJudge, closed_until, kept_until};
use crate::world::{Road, World, life_of, number_of};

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

/// At any moment: what is past its time by the clock of who held it is destroyed there, content too, and is not taken again (I10).
#[must_use]
pub fn past_its_time(world: &World, hostile: Option<KeyId>) -> Vec<String> {
    let honest = |member: &KeyId| Some(*member) != hostile;
    let late = world.late.iter().filter(|(member, _)| honest(member));
    let mut broken: Vec<String> =
        late.map(|(member, name)| format!("I10: {member} took {} after its time", name.id)).collect();
    for (member, node) in world.nodes.iter().filter(|(member, _)| honest(member)) {
        let over = |rules: &str| kept_until(rules).is_some_and(|until| Some(until) <= node.retired_at);
        for row in node.rows.all_versions().unwrap_or_default().into_iter().filter(|row| over(&row.rules)) {
            broken.push(format!("I10: {member} holds {} past its time", row.name.id));
        }
        for payload in node.rows.payloads() {
            let Ok(content) = Content::parse(&payload.bytes) else { continue };
            if !content.object.is_empty() && over(content.rules) {
                broken.push(format!(
                    "I10: {member} can still read act {} of {} past its time",
                    payload.sequence, payload.author
                ));
            }
        }
    }
    broken
}

/// At any moment: nobody but its author holds what is under embargo by the holder's own clock (I16).
#[must_use]
pub fn before_its_time(world: &World, hostile: Option<KeyId>) -> Vec<String> {
    let mut broken = Vec::new();
    for (member, node) in world.nodes.iter().filter(|(member, _)| Some(**member) != hostile) {
        let now = world.now().plus(node.skew_us);
        for row in node.rows.all_versions().unwrap_or_default() {
            let closed = closed_until(&row.rules).is_some_and(|until| now < until);
            if row.name.author != *member && closed {
                broken.push(format!("I16: {member} holds {} before its embargo is over", row.name.id));
            }
        }
    }
    broken
}

/// At any moment: nobody that has heard of it holds, or can read, what only circles let it have which it is in no more (I17).
#[must_use]
pub fn kept_after_leaving(world: &World, hostile: Option<KeyId>) -> Vec<String> {
    let mut broken = Vec::new();
    for (member, node) in world.nodes.iter().filter(|(member, _)| Some(**member) != hostile) {
        let held = node.rows.all_versions().unwrap_or_default();
        let is_of_others = |author: &KeyId| author != member && Some(*author) != hostile;
        for payload in node.rows.payloads().filter(|row| is_of_others(&row.author)) {
            let stands =
                |row: &VersionRow| (row.name.author, row.sequence) == (payload.author, payload.sequence);
            if number_of(&payload.bytes).is_some() && !held.iter().any(stands) {
                let (author, sequence) = (payload.author, payload.sequence);
                broken.push(format!("I17: {member} can still read act {sequence} of {author}"));
            }
        }
        if !node.has_let_go(&world.house.circles) {
            continue;
        }
        for row in held.iter().filter(|row| is_of_others(&row.name.author)) {
            let left = world.with_exchange(member, |exchange, rows| exchange.has_left(rows, row, *member));
            if left.unwrap_or_default() {
                broken.push(format!("I17: {member} holds {} by a circle that it has left", row.name.id));
            }
        }
    }
    broken
}

/// At any moment: a node is in the life that its last restore began, and in its first without one, whatever others say (I14).
#[must_use]
pub fn lives_differ(world: &World, hostile: Option<KeyId>) -> Vec<String> {
    let mut broken = Vec::new();
    for (member, node) in world.nodes.iter().filter(|(member, _)| Some(**member) != hostile) {
        let (life, began) = (life_of(&node.rows), world.lives.get(member).copied().unwrap_or_default());
        if life != began {
            broken.push(format!("I14: {member} is in the life {life}, and its last restore began {began}"));
        }
    }
    broken
}

/// Two weeks after the last word, and with everybody at rest: relays keep nothing of then, nor anything for two that are reached by
/// them alone (I12).
#[must_use]
pub fn relays_keep(world: &World, hostile: Option<KeyId>) -> Vec<String> {
    let mut broken = Vec::new();
    let routes = match world.apart {
        Some((one, other, Road::Relay)) => [world.routes(&one, &other), world.routes(&other, &one)].concat(),
        _ => Vec::new(),
    };
    for (member, node) in world.nodes.iter().filter(|(member, _)| Some(**member) != hostile) {
        let since = world.now().plus(node.skew_us - RELAY_SECONDS * Micros::SECOND);
        let lies = node.shelf.lies(&routes, since);
        if lies > 0 {
            broken.push(format!("I12: {lies} parcels lie at {member} that it should have let go"));
        }
    }
    broken
}

/// After everything has settled: I1, I3, I4, I5, I6, I10, I11, I13, I15 and I16 as far as nodes can tell without people.
#[must_use]
pub fn unsettled(world: &World, hostile: Option<KeyId>) -> Vec<String> {
    let mut broken = bytes_out_of_place(world, hostile);
    broken.extend(past_its_time(world, hostile));
    broken.extend(untold(world, hostile));
    broken.extend(before_its_time(world, hostile));
    broken.extend(kept_after_leaving(world, hostile));
    broken.extend(forgotten(world, hostile));
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
    let found = without(held, world, hostile);
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

/// Whether everybody must hold a version alike: all clocks say the same of its time, which has not ended by any. Who is restored forgets
/// what waited for the end of an embargo since its backup (decision 0039).
fn lasts(world: &World, row: &VersionRow) -> bool {
    let skews = || world.nodes.values().map(|node| node.skew_us);
    let (earliest, latest) = (skews().min().unwrap_or_default(), skews().max().unwrap_or_default());
    let (earliest, latest) = (world.now().plus(earliest), world.now().plus(latest));
    let alike = closed_until(&row.rules).is_none_or(|until| {
        (until <= earliest || latest < until) && !world.restored.contains(&row.name.author)
    });
    alike && kept_until(&row.rules).is_none_or(|until| latest < until)
}

/// I15: whoever rules name and handling allows has every version that its author still has, whatever it had to wait for. Who is restored
/// looks anew for whom circles have taken in.
fn forgotten(world: &World, hostile: Option<KeyId>) -> Vec<String> {
    let honest = || world.nodes.iter().filter(|(member, _)| Some(**member) != hostile);
    let mut broken = Vec::new();
    for (author, node) in honest() {
        let own = node.rows.all_versions().unwrap_or_default().into_iter();
        for row in own.filter(|row| row.name.author == *author && lasts(world, row)) {
            let named = handling(world).named(&row.rules, world.now());
            for (member, other) in honest().filter(|(member, _)| *member != author && named.contains(member))
            {
                let held = other.rows.versions(&row.name).unwrap_or_default();
                if !held.iter().any(|held| held.sequence == row.sequence) {
                    broken.push(format!("I15: {member} was never given {} of {author}", row.name.id));
                }
            }
        }
    }
    broken
}

const fn handling(world: &World) -> HouseJudge<'_> {
    HouseJudge { fault: Fault::None, circles: &world.house.circles }
}

fn without(rows: &MemoryRows, world: &World, hostile: Option<KeyId>) -> MemoryRows {
    let mut honest = MemoryRows::default();
    for version in rows.all_versions().unwrap_or_default() {
        if Some(version.name.author) != hostile && lasts(world, &version) {
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
            let own = version.name.author == *author;
            if own && lasts(world, &version) && is_to_hold(world, member, &version) {
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
    handling(world).decide(&question).is_ok()
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
    // I13: what was destroyed for its time has left its act, but for what a restore has taken with it.
    let traces = node.rows.acts().filter(|act| act.author == *member && act.kind == ActKind::RetentionEnded);
    let traces = traces.count();
    if traces < node.retired && !world.restored.contains(member) {
        broken.push(format!("I13: {member} destroyed {} versions and wrote {traces} down", node.retired));
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

/// I11: who knows of one broken glass, all know of it, and its author knows that they do. It tells of no object.
fn untold(world: &World, hostile: Option<KeyId>) -> Vec<String> {
    let honest = || world.nodes.iter().filter(|(member, _)| Some(**member) != hostile);
    let acts = honest().flat_map(|(_, node)| node.rows.acts());
    let notices: BTreeSet<(KeyId, u64)> = acts
        .filter(|act| act.kind == ActKind::GlassBroken && Some(act.author) != hostile)
        .map(|act| (act.author, act.sequence))
        .collect();
    let mut broken = Vec::new();
    for (author, sequence) in notices {
        let receipts = world.nodes[&author].rows.receipts(sequence).unwrap_or_default();
        for (member, node) in honest() {
            let told = node.rows.payload(&author, sequence).ok().flatten();
            let sound = told
                .as_ref()
                .and_then(|told| Content::parse(&told.bytes).ok())
                .is_some_and(|content| content.object.is_empty() && Notice::read(&content).is_ok());
            let answered = receipts
                .iter()
                .any(|row| row.member == *member && matches!(row.state, ReceiptState::Done { .. }));
            if !sound || !(answered || *member == author) {
                broken.push(format!("I11: {member} does not know that {author} broke glass ({sequence})"));
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
