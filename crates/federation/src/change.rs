//! What a change by the originator does to what is held: the same on the originator's node and on every other.
//!
//! Acts of one author are ordered by their place in its ledger, not by their arrival: a recall that overtakes its object
//! voids it in advance, and narrowings meet whatever came before them. So whoever has the same acts holds the same.

use base::signing::KeyId;
use ledger::act::ActKind;

use crate::Exchange;
use crate::content::Content;
use crate::port::{Consented, Deed, Question, Read, Rows};
use crate::rows::{Effect, FateRow, ObjectName, VersionRow};

/// A change as it is applied.
pub(crate) struct ChangeOf<'a> {
    pub(crate) kind: &'a ActKind,
    pub(crate) name: &'a ObjectName,
    pub(crate) sequence: u64,
    pub(crate) rules: &'a str,
    /// Of a narrowing: that it says for whom the object is from then on ([`crate::Change::only`]).
    pub(crate) only: bool,
}

/// The effects of a change on what is held here.
pub(crate) fn apply(exchange: &Exchange<'_>, rows: &dyn Rows, change: &ChangeOf<'_>) -> Read<Vec<Effect>> {
    let before = rows.fate(change.name)?;
    let fate = after(before.clone(), change);
    let mut effects = Vec::new();
    for version in rows.versions(change.name)? {
        if fate.voids(version.sequence) {
            effects.extend(drop_version(&version));
        } else if *change.kind == ActKind::MarkingChanged && version.sequence < change.sequence {
            effects.extend(narrowed(exchange, rows, version, change)?);
        }
    }
    if fate != before {
        effects.push(Effect::Fate(fate));
    }
    Ok(effects)
}

/// The fate after a change. Applying two changes in either order comes to the same.
fn after(mut fate: FateRow, change: &ChangeOf<'_>) -> FateRow {
    let sequence = change.sequence;
    match change.kind {
        ActKind::Erased => {
            let first = fate.erased.map_or(sequence, |erased| erased.min(sequence));
            return FateRow { erased: Some(first), ..FateRow::none(fate.name) };
        }
        _ if fate.erased.is_some() => {}
        ActKind::Recalled => fate.recalled = fate.recalled.max(Some(sequence)),
        ActKind::MarkingChanged => {
            if let Err(place) = fate.narrowed.binary_search_by_key(&sequence, |(at, _)| *at) {
                fate.narrowed.insert(place, (sequence, change.rules.to_owned()));
            }
        }
        _ => {}
    }
    fate
}

/// The rules an object is under that the author sent with the act at `sequence`.
pub(crate) fn rules_now(exchange: &Exchange<'_>, fate: &FateRow, sequence: u64, rules: &str) -> String {
    let later = fate.narrowed.iter().filter(|(at, _)| *at > sequence);
    later.fold(rules.to_owned(), |held, (_, by)| exchange.judge.meet(&held, by))
}

fn narrowed(
    exchange: &Exchange<'_>,
    rows: &dyn Rows,
    version: VersionRow,
    by: &ChangeOf<'_>,
) -> Read<Vec<Effect>> {
    let narrower = exchange.judge.meet(&version.rules, by.rules);
    let held = VersionRow { rules: narrower, ..version };
    if held.name.author == exchange.me.member {
        return Ok(vec![Effect::Version(held)]);
    }
    let lets_go = by.only && exchange.lets_go(rows, &held, (by.sequence, by.rules))?;
    if !lets_go && may_keep(exchange, rows, &held)? {
        return Ok(vec![Effect::Version(held)]);
    }
    Ok(drop_version(&held))
}

fn may_keep(exchange: &Exchange<'_>, rows: &dyn Rows, version: &VersionRow) -> Read<bool> {
    let payload = rows.payload(&version.name.author, version.sequence)?;
    let object = match payload.as_ref().map(|payload| Content::parse(&payload.bytes)) {
        Some(Ok(content)) => content.object,
        Some(Err(_)) => return Ok(false),
        // A backup was opened without its key, and the object stands here all the same: its rules decide, and nothing is destroyed in doubt.
        None => b"{}",
    };
    let consent = if version.by.is_some() { Consented::Yes } else { Consented::No };
    let question = Question {
        deed: Deed::Keep,
        originator: version.name.author,
        recipient: exchange.me.member,
        rules: &version.rules,
        object,
        consent,
        now: exchange.now,
    };
    Ok(exchange.judge.decide(&question).is_ok())
}

/// What becomes of the act by which a version is held when a later one gives the version: where that is the same object, it is remembered.
pub(crate) fn followed(rows: &dyn Rows, held: VersionRow, object: &[u8]) -> Read<Effect> {
    let (author, sequence) = (held.name.author, held.sequence);
    let payload = rows.payload(&author, sequence)?;
    let is_same = |bytes: &[u8]| Content::parse(bytes).is_ok_and(|content| content.object == object);
    Ok(if payload.is_some_and(|payload| is_same(&payload.bytes)) {
        Effect::Replaced { name: held.name, version: held.version, sequence }
    } else {
        Effect::DropPayload { author, sequence }
    })
}

/// What a version leaves when it goes: nothing but its act.
pub(crate) fn drop_version(version: &VersionRow) -> Vec<Effect> {
    let author: KeyId = version.name.author;
    vec![
        Effect::DropVersion { name: version.name.clone(), version: version.version.clone() },
        Effect::DropPayload { author, sequence: version.sequence },
    ]
}
