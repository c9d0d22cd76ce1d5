//! What the markings of incoming objects ask for, beyond the published TLP markings that `stix` reads by itself.
//!
//! A marking definition with TLP's name under an identifier of its own, or with a published identifier and another level,
//! could be meant to open what TLP closes. `handling` says what a definition asks ([`handling::mark_of`]); here the objects that
//! point to one are found, whether it came in the same request or stands in the collection already. As long as a
//! definition is awaited, the object neither leaves the node nor do machines act on it; when it comes, what it asks is put on
//! (`exchange/settle`). Where that is TLP:RED the object stays as it is: a stranger's definition must not take it from its readers.
//!
//! A definition itself is not restricted by the level it defines: that everybody may read what TLP:RED means is its point.

use std::collections::{BTreeSet, HashMap};

use handling::{Mark, Pap, Viewer, mark_of, pap_no};
use stix::TlpLevel;
use stix::marking::tlp_of_id;
use store::{Entry, Store, StoreError};

/// The property that points from an object to its markings.
pub(crate) const MARKING_REFS: &str = "object_marking_refs";

/// What definitions ask, by id; nothing where none has come.
type Known = HashMap<String, Vec<Mark>>;

/// What an object's markings ask for together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Asked {
    /// At least this level; `None` = TLP is not spoken of.
    pub(crate) level: Option<TlpLevel>,
    /// At least this level for the sake of a part, which does not speak for the rest: it never opens anything.
    pub(crate) of_parts: Option<TlpLevel>,
    /// At least this PAP level.
    pub(crate) pap: Pap,
    /// Definitions that are awaited, by id.
    pub(crate) awaited: BTreeSet<String>,
    /// Where granular markings ask for a stricter level than the whole bears: what the rest asks for, without those parts.
    pub(crate) rest: Option<Box<Rest>>,
}

/// An object without its stricter parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rest {
    /// What the rest asks for.
    pub(crate) asked: Asked,
    /// Selectors of the parts that are left out.
    pub(crate) withheld: Vec<String>,
}

impl Asked {
    /// Takes in what the marking `id` asks for.
    fn meet(&mut self, id: &str, known: &Known) {
        if let Some(level) = tlp_of_id(id) {
            self.take(Mark::Level(level));
        }
        let Some(marks) = known.get(id) else { return };
        if marks.is_empty() {
            self.awaited.insert(id.to_owned());
        }
        marks.iter().for_each(|mark| self.take(*mark));
    }

    /// The whole is as strict as its strictest part; the rest is what it is without those that are stricter, and under what
    /// is asked of the parts that stay in it.
    ///
    /// A part whose definition is awaited is left out with them: it may turn out to be stricter. Where no other is, nothing is left
    /// out, and the whole waits for the definition.
    fn with_parts(self, parts: &[Part], known: &Known) -> Self {
        let usual = self.level.unwrap_or(TlpLevel::AmberStrict);
        let (mut whole, mut rest) = (self.clone(), self);
        let (mut withheld, mut unsure) = (Vec::new(), Vec::new());
        for part in parts {
            let mut own = Self::default();
            own.meet(&part.marking, known);
            if own.level.is_some_and(|level| level > usual) {
                withheld.extend(part.selectors.iter().cloned());
            } else if own.awaited.is_subset(&rest.awaited) {
                rest.meet_part(own.clone());
            } else {
                unsure.extend(part.selectors.iter().cloned());
            }
            whole.meet_part(own);
        }
        if !withheld.is_empty() {
            withheld.append(&mut unsure);
            whole.rest = Some(Box::new(Rest { asked: rest, withheld }));
        }
        whole
    }

    /// Takes in what the marking of a part asks for.
    fn meet_part(&mut self, own: Self) {
        self.of_parts = self.of_parts.max(own.level);
        self.take(Mark::Pap(own.pap));
        self.awaited.extend(own.awaited);
    }

    /// The level, where the request states one.
    pub(crate) fn level_with(&self, stated: Option<TlpLevel>) -> Option<TlpLevel> {
        let level = self.level.max(stated);
        match self.of_parts {
            Some(part) => Some(level.unwrap_or(TlpLevel::AmberStrict).max(part)),
            None => level,
        }
    }

    fn take(&mut self, mark: Mark) {
        match mark {
            Mark::Nothing => (),
            Mark::Level(level) => self.level = self.level.max(Some(level)),
            Mark::Pap(pap) => self.pap = if pap_no(pap) > pap_no(self.pap) { pap } else { self.pap },
            Mark::Unknown => self.level = Some(TlpLevel::Red),
        }
    }
}

/// What the markings of each entry ask for, in order, as far as the one who brings them may know.
pub(crate) async fn read(
    store: &dyn Store,
    eyes: &Viewer,
    entries: &[Entry],
) -> Result<Vec<Asked>, StoreError> {
    let mut known = Known::new();
    for entry in entries.iter().filter(|entry| is_definition(entry)) {
        known.entry(entry.facts.id.as_str().to_owned()).or_default().push(mark_in(&entry.bytes));
    }
    let parts: Vec<Vec<Part>> = entries.iter().map(parts_of).collect();
    let of_parts = parts.iter().flatten().map(|part| part.marking.as_str());
    let foreign = entries.iter().flat_map(marks_of).chain(of_parts).filter(|id| tlp_of_id(id).is_none());
    let foreign: BTreeSet<&str> = foreign.collect();
    for id in foreign {
        // What comes along and says something else than what stands does not open what that closes: both hold.
        let stored = stored(store, eyes, id).await?;
        known.entry(id.to_owned()).or_default().extend(stored);
    }
    let read = entries.iter().zip(&parts).map(|(entry, parts)| {
        let mut asked = Asked::default();
        for id in marks_of(entry) {
            asked.meet(id, &known);
        }
        let mut asked = asked.with_parts(parts, &known);
        // What a definition defines is not what it is under; of others the store may know a stricter level.
        if !is_definition(entry) {
            // Of an object with parts it is the strictest level of any.
            let known = if parts.is_empty() { &mut asked.level } else { &mut asked.of_parts };
            *known = (*known).max(entry.facts.tlp.map(level_of));
        }
        asked
    });
    Ok(read.collect())
}

/// What the definition that is stored under this id asks for; `None` = there is none that these eyes may know of.
async fn stored(store: &dyn Store, eyes: &Viewer, id: &str) -> Result<Option<Mark>, StoreError> {
    match store.object(eyes, id, None).await {
        Ok(object) => Ok(Some(mark_in(&object.bytes))),
        // What a definition says whose bytes were changed is not known: it is awaited, as one that is not there.
        Err(StoreError::NotFound { .. } | StoreError::Altered { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

fn mark_in(definition: &[u8]) -> Mark {
    stix::Json::parse(definition).map_or(Mark::Unknown, |json| mark_of(&json))
}

/// A part of an object under a marking of its own.
struct Part {
    marking: String,
    selectors: Vec<String>,
}

/// The parts of an object that granular markings speak of. Language markings are none.
fn parts_of(entry: &Entry) -> Vec<Part> {
    if !may_name(&entry.bytes, b"\"granular_markings\"") {
        return Vec::new();
    }
    let Ok(json) = stix::Json::parse(&entry.bytes) else { return Vec::new() };
    let parts = json.get("granular_markings").and_then(stix::Json::as_list).unwrap_or_default();
    let read = parts.iter().filter_map(|part| {
        let marking = part.get("marking_ref").and_then(stix::Json::as_str)?.to_owned();
        let selectors = part.get("selectors").and_then(stix::Json::as_list).unwrap_or_default();
        let selectors = selectors.iter().filter_map(stix::Json::as_str).map(str::to_owned).collect();
        Some(Part { marking, selectors })
    });
    read.collect()
}

/// Whether a text may have a member of this name: it stands there, or some letter is written as an escape, which may be one of the name's.
fn may_name(json: &[u8], quoted: &[u8]) -> bool {
    [quoted, br"\u"].iter().any(|sign| memchr::memmem::find(json, sign).is_some())
}

pub(crate) fn is_definition(entry: &Entry) -> bool {
    entry.facts.id.type_name() == "marking-definition"
}

fn marks_of(entry: &Entry) -> impl Iterator<Item = &str> {
    let marks = entry.edges.iter().filter(|edge| edge.name == MARKING_REFS);
    marks.map(|edge| edge.target.as_str())
}

/// As [`store::Facts::tlp`] numbers the levels; a number that is none of them is the strictest.
pub(crate) fn level_of(number: u8) -> TlpLevel {
    TlpLevel::from_number(number).unwrap_or(TlpLevel::Red)
}
