//! Objects follow the rows: what `federation` says is held, narrowed or void is so in the collections, in the same commit.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use base::Micros;
use base::signing::KeyId;
use bytes::Bytes;
use federation::{ActRow, Effect, FateRow, PayloadRow, VersionRow};
use handling::{Addressee, CollectionNo, MemberId, Originator, Rules, Writer};
use store::{Batch, Entry, ExchangeDesk, LandedAs, LeavesBy, StoreError, VersionsOf};

use super::circle_wait::AwaitedCircles;
use super::purview::{digest_of, said};
use crate::community::Members;
use crate::derive::{Bar, Derived, derive};
use crate::directory::Directory;
use crate::markings::level_of;

/// Where objects of other members go.
pub(crate) struct Carrier {
    pub(crate) me: KeyId,
    /// The right to put them into the collection for what comes in.
    pub(crate) writer: Writer,
    /// While the node takes back what this member's people had said and a restore has lost.
    pub(crate) regains: Option<Regains>,
    pub(crate) at: Micros,
    /// People of this node, whom rules name by their member and name.
    pub(crate) members: Members,
    pub(crate) directory: Arc<Directory>,
    /// Members whose acts wait for a circle's document.
    pub(crate) awaited_circles: Arc<AwaitedCircles>,
    /// Objects that were examined before the step, by their bytes.
    pub(crate) examined: Mutex<HashMap<Bytes, Derived>>,
    /// The line of rules read last, as whose word, and what it says here.
    pub(crate) last_rules: Mutex<Option<(String, KeyId, Rules)>>,
    /// What own acts gave that came back, by object: read at the first recall among them, not again for each.
    pub(crate) given: Mutex<Option<Given>>,
}

/// Where own objects go that a restore has lost.
pub(crate) struct Regains {
    /// The collection for those of which nothing stands here any more.
    pub(crate) apart: Writer,
    /// All collections: a later version comes to where an earlier one stands, whose readers would go on by what holds no more.
    pub(crate) beside: HashMap<CollectionNo, Writer>,
}

/// Places and versions of own acts, by STIX id of what they are about.
pub(crate) type Given = HashMap<String, Vec<(u64, String)>>;

/// What became of effects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Carried {
    /// They are applied.
    Done,
    /// The object cannot stand beside what is here. Nothing was applied.
    Unfit {
        /// Why.
        code: &'static str,
        /// What would have been applied.
        effects: Vec<Effect>,
    },
}

impl Carrier {
    /// Applies the effects of a step, and has the objects follow.
    pub(crate) fn carry(
        &self,
        desk: &mut dyn ExchangeDesk,
        effects: Vec<Effect>,
    ) -> Result<Carried, StoreError> {
        let failed = |failed: federation::StoreFailed| StoreError::Backend(failed.0);
        let takes_back = desk.rows().own().map_err(failed)?.taking_back().map(|recovery| recovery.from);
        for effect in &effects {
            match effect {
                Effect::Version(row) if row.name.author == self.me && takes_back.is_some() => {
                    self.own_again(desk, row, &effects)?;
                }
                Effect::Version(row) => {
                    if let Some(code) = self.version(desk, row, &effects)? {
                        return Ok(Carried::Unfit { code, effects });
                    }
                }
                Effect::DropVersion { name, version } => {
                    let mut versions = self.versions_of(name.author, &name.id, version);
                    if name.author == self.me {
                        // Of what this member says something else may stand here under the same date.
                        let held = held_before(desk, &versions, self.me)?;
                        versions.digest = held.map(|(bytes, _)| digest_of(&bytes));
                    }
                    desk.take_away(&versions)?;
                }
                _ => {}
            }
        }
        let fates: Vec<FateRow> = match takes_back {
            Some(_) => effects.iter().filter_map(own_fate(self.me)).cloned().collect(),
            None => Vec::new(),
        };
        self.note_given(&effects);
        desk.apply(effects)?;
        for (fate, from) in fates.iter().zip(takes_back.into_iter().cycle()) {
            self.void_again(desk, fate, from)?;
        }
        Ok(Carried::Done)
    }

    fn versions_of<'a>(&self, author: KeyId, id: &'a str, version: &'a str) -> VersionsOf<'a> {
        let originator = if author == self.me {
            Originator::Here
        } else {
            Originator::Member(MemberId(*author.as_bytes()))
        };
        VersionsOf { id, version, originator, digest: None }
    }

    const fn home(&self) -> Option<MemberId> {
        Some(MemberId(*self.me.as_bytes()))
    }

    /// An own version that a restore has lost, or under rules that it has lost: who of this node's own people may see it follows
    /// what the others were told. It stands where other versions of it do, for no more than may see all of these; where none stands, those who
    /// run the node say in which collection it belongs: its act does not.
    fn own_again(
        &self,
        desk: &mut dyn ExchangeDesk,
        row: &VersionRow,
        effects: &[Effect],
    ) -> Result<(), StoreError> {
        let mut versions = self.versions_of(row.name.author, &row.name.id, &row.version);
        let told = row.rules.parse().unwrap_or_else(|_| Rules::closed());
        let rules = self.members.own_again(&told, &self.directory);
        let brought = effects.iter().find_map(|effect| match effect {
            Effect::Payload(payload) if is_of(payload, row) => object_in(payload),
            _ => None,
        });
        let bytes = brought.clone().map_or_else(|| said(desk.rows(), row), |bytes| Ok(Some(bytes)))?;
        versions.digest = bytes.as_deref().map(digest_of);
        if desk.put_under(&versions, &at_least_its_level(desk, row, rules.clone())?, self.home())? > 0 {
            return Ok(());
        }
        let Some(Ok(mut derived)) = brought.map(|bytes| derive(&bytes, Bar::Store)) else { return Ok(()) };
        derived.entry.maker = derived.entry.facts.creator.as_deref().and_then(|id| self.members.maker(id));
        let rules = derived.entry.facts.tlp.map_or(rules.clone(), |tlp| rules.at_least(level_of(tlp)));
        // The next turn has it: in no collection but that one it would be read by whoever reads what comes in.
        let gone = || StoreError::Backend("the collection for what comes back is not there yet".into());
        let regains = self.regains.as_ref().ok_or_else(gone)?;
        let places = desk.places_of(&row.name.id, &Originator::Here)?;
        let beside =
            places.iter().filter_map(|(at, asked)| Some((regains.beside.get(at)?, rules.meet(asked))));
        let mut into: Vec<(&Writer, Rules)> = beside.collect();
        if into.is_empty() {
            into.push((&regains.apart, rules));
        }
        for (writer, rules) in into {
            if let Some(code) = self.put_into(desk, writer, entry_of(derived.entry.clone(), rules))? {
                tracing::warn!(code, "an own object that was given back cannot stand beside what is here");
            }
        }
        Ok(())
    }

    /// Takes away what this member called back or erased after the backup: versions that the backup did not know to be given too.
    fn void_again(&self, desk: &mut dyn ExchangeDesk, fate: &FateRow, from: u64) -> Result<(), StoreError> {
        if fate.erased.is_some() {
            desk.take_away_every(&fate.name.id, &Originator::Here)?;
            return Ok(());
        }
        let failed = |failed: federation::StoreFailed| StoreError::Backend(failed.0);
        let held = desk.rows().versions(&fate.name).map_err(failed)?;
        let mut given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        if given.is_none() {
            let mut all = Given::new();
            for act in desk.rows().acts_from(&self.me, from, usize::MAX).map_err(failed)? {
                note_act(&mut all, &act);
            }
            *given = Some(all);
        }
        let of_it = given.as_ref().and_then(|given| given.get(&fate.name.id)).into_iter().flatten();
        for (_, version) in of_it.filter(|(sequence, _)| fate.voids(*sequence)) {
            if !held.iter().any(|held| held.version == *version) {
                desk.take_away(&self.versions_of(self.me, &fate.name.id, version))?;
            }
        }
        Ok(())
    }

    /// Own acts that come back after those that were read are noted as they come.
    fn note_given(&self, effects: &[Effect]) {
        let mut given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(given) = given.as_mut() else { return };
        for effect in effects {
            match effect {
                Effect::Act(act) if act.author == self.me => note_act(given, act),
                _ => {}
            }
        }
    }

    /// A version is held from now on, or under other rules.
    fn version(
        &self,
        desk: &mut dyn ExchangeDesk,
        row: &VersionRow,
        effects: &[Effect],
    ) -> Result<Option<&'static str>, StoreError> {
        let versions = self.versions_of(row.name.author, &row.name.id, &row.version);
        let rules = rules_of(self, row);
        if row.name.author == self.me {
            // What this member's own people may see is the deed's affair, not that of what others are told.
            return Ok(None);
        }
        let brought = effects.iter().find_map(|effect| match effect {
            Effect::Payload(payload) if is_of(payload, row) => Some(payload),
            _ => None,
        });
        let Some(payload) = brought else {
            desk.put_under(&versions, &at_least_its_level(desk, row, rules)?, self.home())?;
            return Ok(None);
        };
        self.object(desk, &versions, (payload, rules))
    }

    fn object(
        &self,
        desk: &mut dyn ExchangeDesk,
        versions: &VersionsOf<'_>,
        (payload, rules): (&PayloadRow, Rules),
    ) -> Result<Option<&'static str>, StoreError> {
        let Some(bytes) = object_in(payload) else { return Ok(Some("payload-form")) };
        let Some(derived) = self.derived(&bytes) else { return Ok(Some("object-unfit")) };
        let rules = match derived.entry.facts.tlp {
            Some(tlp) => rules.at_least(level_of(tlp)),
            None => rules,
        };
        let before = held_before(desk, versions, self.me)?;
        let same = before.as_ref().is_some_and(|(held, _)| *held == bytes);
        if same && desk.put_under(versions, &rules, self.home())? > 0 {
            return Ok(None);
        }
        let stood = desk.take_away(versions)? > 0;
        let refused = self.put(desk, entry_of(derived.entry, rules))?;
        if let (Some(_), true, Some((bytes, row))) = (refused, stood, before)
            && let Ok(derived) = derive(&bytes, Bar::Store)
        {
            // What stood here before goes on standing here: a refusal changes nothing.
            let rules = rules_of(self, &row);
            let rules = derived.entry.facts.tlp.map_or(rules.clone(), |tlp| rules.at_least(level_of(tlp)));
            self.put(desk, entry_of(derived.entry, rules))?;
        }
        Ok(refused)
    }

    /// An object examined, now where it was not before the step; `None` where it cannot be stored.
    fn derived(&self, bytes: &Bytes) -> Option<Derived> {
        let examined = self.examined.lock().unwrap_or_else(PoisonError::into_inner).remove(bytes);
        examined.or_else(|| derive(bytes, Bar::Store).ok())
    }

    /// A line of rules as a member's word, as it holds here; what cannot be read lets nobody see it.
    fn heard(&self, line: &str, author: KeyId) -> Rules {
        let mut last = self.last_rules.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((held, by, rules)) = &*last
            && held == line
            && *by == author
        {
            return rules.clone();
        }
        let word = MemberId(*author.as_bytes());
        let told = line.parse().map_or_else(|_| Rules::closed(), |rules: Rules| rules.heard_from(word));
        let rules = self.members.at_home(&told, &self.directory);
        *last = Some((line.to_owned(), author, rules.clone()));
        rules
    }

    /// Puts an object into the collection for what comes in; the code of the refusal where it cannot stand there.
    fn put(&self, desk: &mut dyn ExchangeDesk, entry: Entry) -> Result<Option<&'static str>, StoreError> {
        self.put_into(desk, &self.writer, entry)
    }

    fn put_into(
        &self,
        desk: &mut dyn ExchangeDesk,
        writer: &Writer,
        entry: Entry,
    ) -> Result<Option<&'static str>, StoreError> {
        let batch = Batch { writer: writer.clone(), at: self.at, entries: vec![entry], status: None };
        let landed = desk.add(&batch, LeavesBy::Step)?;
        Ok(landed.into_iter().find_map(|landed| match landed.how {
            LandedAs::Refused(conflict) => Some(conflict.code),
            _ => None,
        }))
    }
}

fn own_fate(me: KeyId) -> impl Fn(&Effect) -> Option<&FateRow> {
    move |effect| match effect {
        Effect::Fate(row) if row.name.author == me => Some(row),
        _ => None,
    }
}

fn note_act(given: &mut Given, act: &ActRow) {
    if let (Some(name), Some(version)) = (&act.object, version_in(act)) {
        given.entry(name.id.clone()).or_default().push((act.sequence, version));
    }
}

/// The version that an act gave, as exchange names it.
fn version_in(act: &ActRow) -> Option<String> {
    let signed = base::signed::Signed::parse(act.signed.as_bytes()).ok()?;
    let act = ledger::act::Act::peek(&signed).ok()?;
    act.header().object.as_ref().map(|object| object.version.clone().unwrap_or_default())
}

fn entry_of(mut entry: Entry, rules: Rules) -> Entry {
    entry.facts.tlp = Some(rules.level().number());
    entry.rules = Some(rules);
    entry
}

fn is_of(payload: &PayloadRow, row: &VersionRow) -> bool {
    payload.author == row.name.author && payload.sequence == row.sequence
}

/// The object in a payload.
pub(crate) fn object_in(payload: &PayloadRow) -> Option<Bytes> {
    object_of(&payload.bytes)
}

/// The object in the bytes of a payload.
pub(super) fn object_of(payload: &[u8]) -> Option<Bytes> {
    let content = federation::Content::parse(payload).ok()?;
    (!content.object.is_empty()).then(|| Bytes::copy_from_slice(content.object))
}

/// The rules of a version, as they hold here: what is not its author's word, or cannot be read, lets nobody see it.
fn rules_of(carrier: &Carrier, row: &VersionRow) -> Rules {
    let here = carrier.heard(&row.rules, row.name.author);
    // Passed on with its originator's consent, which says that this member may have it too.
    match row.by {
        Some(_) => here.also_to(&BTreeSet::from([Addressee::Member(MemberId(*carrier.me.as_bytes()))])),
        None => here,
    }
}

fn at_least_its_level(desk: &dyn ExchangeDesk, row: &VersionRow, rules: Rules) -> Result<Rules, StoreError> {
    let payload = desk
        .rows()
        .payload(&row.name.author, row.sequence)
        .map_err(|failed| StoreError::Backend(failed.0))?;
    let level = payload.as_ref().and_then(object_in).and_then(|bytes| derive(&bytes, Bar::Store).ok());
    Ok(match level.and_then(|derived| derived.entry.facts.tlp) {
        Some(tlp) => rules.at_least(level_of(tlp)),
        None => rules,
    })
}

/// The version as it is held until now, by the same member's word.
fn held_before(
    desk: &dyn ExchangeDesk,
    versions: &VersionsOf<'_>,
    me: KeyId,
) -> Result<Option<(Bytes, VersionRow)>, StoreError> {
    let author = match &versions.originator {
        Originator::Member(member) => KeyId::from_bytes(member.0),
        _ => me,
    };
    let failed = |failed: federation::StoreFailed| StoreError::Backend(failed.0);
    let name = federation::ObjectName { author, id: versions.id.to_owned() };
    let held = desk.rows().versions(&name).map_err(failed)?;
    let Some(held) = held.into_iter().find(|held| held.version == versions.version) else { return Ok(None) };
    let payload = desk.rows().payload(&author, held.sequence).map_err(failed)?;
    Ok(payload.as_ref().and_then(object_in).map(|bytes| (bytes, held)))
}
