//! What a pattern is matched against: the observed-data objects of a bundle and the observables they list.
//!
//! Bad data never stops a match. An observed-data object without usable times matches only where no time is asked for;
//! one that has not been observed once matches nothing; an identifier that leads nowhere is passed over.

use std::collections::HashMap;

use crate::pattern::matching::moment::{ALWAYS, Moment, moment};
use crate::{Json, Kind, Timestamp, kind_of};

/// Observed-data objects in the order of their bundle, with the observables each of them lists.
///
/// Borrows the JSON tree. Built once, it serves any number of patterns.
///
/// # Limits
/// Memory is linear in the number of objects and of references from observed-data objects.
///
/// # Source
/// STIX 2.1, sections 4.14 and 9.7.4
#[derive(Clone, Debug)]
pub struct Observations<'j> {
    observed: Vec<Observed<'j>>,
    by_type: HashMap<&'j str, Vec<Root<'j>>>,
}

/// From when on, and until when, something says something: the end is not in it.
#[derive(Clone, Copy, Debug)]
pub struct Validity {
    from: Moment,
    until: Moment,
    /// What an observation without usable times is taken to be of.
    now: Moment,
}

impl Validity {
    /// An end that is not given is never reached. Observations without usable times are taken to be of `now`.
    #[must_use]
    pub fn new(from: Option<&Timestamp>, until: Option<&Timestamp>, now: &Timestamp) -> Self {
        Self { from: from.map_or(ALWAYS.0, moment), until: until.map_or(ALWAYS.1, moment), now: moment(now) }
    }
}

/// One observed-data object.
#[derive(Clone, Debug)]
pub(super) struct Observed<'j> {
    /// When its observations happened: each at any moment from the first to the last, both included. `None` = unknown.
    pub(super) span: Option<(Moment, Moment)>,
    /// How many observations it stands for.
    pub(super) count: u64,
    /// The observables it lists, in which references are resolved.
    pub(super) scope: Scope<'j>,
}

/// An observable and the observation that lists it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Root<'j> {
    /// Index of the observed-data object.
    pub(super) observation: usize,
    /// The observable.
    pub(super) object: &'j Json<'j>,
}

/// The objects that references of one observation may lead to.
#[derive(Clone, Debug, Default)]
pub(super) struct Scope<'j> {
    /// Ordered by identifier.
    objects: Vec<(&'j str, &'j Json<'j>)>,
}

impl Observed<'_> {
    fn is_within(&self, validity: &Validity) -> bool {
        let (first, last) = self.span.unwrap_or((validity.now, validity.now));
        first < validity.until && last >= validity.from
    }
}

impl<'j> Scope<'j> {
    /// The object with an identifier (or a key, in the deprecated container).
    pub(super) fn get(&self, id: &str) -> Option<&'j Json<'j>> {
        let at = self.objects.binary_search_by(|(other, _)| (*other).cmp(id)).ok()?;
        self.objects.get(at).map(|(_, object)| *object)
    }
}

impl<'j> Observations<'j> {
    /// Collects the observed-data objects of a bundle, or the one that is given instead of a bundle.
    #[must_use]
    pub fn from_bundle(bundle: &'j Json<'j>) -> Self {
        let objects = match bundle.get("objects") {
            Some(Json::List(objects)) => objects.as_slice(),
            _ => std::slice::from_ref(bundle),
        };
        let mut by_id = HashMap::with_capacity(objects.len());
        for object in objects {
            if let Some(id) = object.get("id").and_then(Json::as_str) {
                by_id.entry(id).or_insert(object);
            }
        }
        let mut found = Self { observed: Vec::new(), by_type: HashMap::new() };
        for object in objects {
            if object.get("type").and_then(Json::as_str) == Some("observed-data") {
                found.add(object, &by_id);
            }
        }
        found
    }

    fn add(&mut self, observed: &'j Json<'j>, by_id: &HashMap<&'j str, &'j Json<'j>>) {
        let mut objects: Vec<(&str, &Json<'_>)> = Vec::new();
        if let Some(refs) = observed.get("object_refs").and_then(Json::as_list) {
            let ids = refs.iter().filter_map(Json::as_str);
            objects.extend(ids.filter_map(|id| by_id.get(id).map(|object| (id, *object))));
        } else if let Some(container) = observed.get("objects").and_then(Json::as_object) {
            objects.extend(container.iter());
        }
        objects.retain(|(_, object)| object.get("type").and_then(Json::as_str).is_some_and(is_observable));
        let observation = self.observed.len();
        objects.sort_by_key(|(id, _)| *id);
        objects.dedup_by_key(|(id, _)| *id);
        for (_, object) in &objects {
            if let Some(object_type) = object.get("type").and_then(Json::as_str) {
                self.by_type.entry(object_type).or_default().push(Root { observation, object });
            }
        }
        self.observed.push(Observed {
            span: span(observed),
            count: count(observed),
            scope: Scope { objects },
        });
    }

    /// How many observed-data objects there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.observed.len()
    }

    /// Whether there is no observed-data object.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.observed.is_empty()
    }

    /// Whether the observed-data object at a place may have been observed while something was valid.
    #[must_use]
    pub fn is_within(&self, at: usize, validity: &Validity) -> bool {
        self.observed.get(at).is_some_and(|one| one.is_within(validity))
    }

    /// The same observations, those that were not observed while something was valid taken as never observed: places
    /// stay.
    #[must_use]
    pub fn within(&self, validity: &Validity) -> Self {
        let mut left = self.clone();
        for one in &mut left.observed {
            if !one.is_within(validity) {
                one.count = 0;
            }
        }
        left
    }

    /// How many observations all of them stand for.
    pub(super) fn total(&self) -> u64 {
        self.observed.iter().fold(0, |sum, one| u64::saturating_add(sum, one.count))
    }

    pub(super) fn observed(&self) -> &[Observed<'j>] {
        &self.observed
    }

    /// The observables of one type, in the order of the observations that list them.
    pub(super) fn of_type(&self, object_type: &str) -> &[Root<'j>] {
        self.by_type.get(object_type).map_or(&[], Vec::as_slice)
    }
}

/// First and last moment; `None` where they are missing, malformed or reversed.
fn span(observed: &Json<'_>) -> Option<(Moment, Moment)> {
    let at = |name| {
        let text = observed.get(name).and_then(Json::as_str)?;
        Timestamp::parse(text).ok().map(|at| moment(&at))
    };
    let (first, last) = (at("first_observed")?, at("last_observed")?);
    (first <= last && last < ALWAYS.1).then_some((first, last))
}

fn count(observed: &Json<'_>) -> u64 {
    match observed.get("number_observed") {
        None => 1,
        Some(number) => number.as_integer().and_then(|number| u64::try_from(number).ok()).unwrap_or(0),
    }
}

/// Whether a type can be that of an observable: one that STIX defines so, or one that STIX does not define.
fn is_observable(object_type: &str) -> bool {
    object_type != "bundle" && matches!(kind_of(object_type), Kind::Observable | Kind::Custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listed_observables_are_in_scope() {
        let text = br#"{"type":"bundle","objects":[
            {"type":"file","id":"file--1","name":"a"},
            {"type":"identity","id":"identity--1"},
            {"type":"observed-data","id":"observed-data--1","first_observed":"2024-01-01T00:00:00Z",
             "last_observed":"2024-01-01T00:00:01Z","number_observed":3,
             "object_refs":["file--1","file--1","file--2","identity--1"]},
            {"type":"observed-data","first_observed":"2024-01-02T00:00:00Z","last_observed":"2024-01-01T00:00:00Z",
             "number_observed":0,"objects":{"0":{"type":"file"},"1":5}}]}"#;
        let json = Json::parse(text).unwrap();
        let found = Observations::from_bundle(&json);
        assert_eq!(found.len(), 2);
        assert_eq!(found.of_type("file").len(), 2);
        assert!(found.of_type("identity").is_empty());
        let counts: Vec<_> = found.observed().iter().map(|one| (one.count, one.span.is_some())).collect();
        assert_eq!(counts, [(3, true), (0, false)]);
        assert!(found.observed()[1].scope.get("0").is_some());
        assert!(found.observed()[1].scope.get("file--1").is_none());
    }

    #[test]
    fn what_was_observed_at_another_time_is_left_out_at_its_place() {
        let text = br#"{"type":"bundle","objects":[
            {"type":"file","id":"file--1","name":"a"},
            {"type":"observed-data","first_observed":"2024-01-01T00:00:00Z","last_observed":"2024-01-03T00:00:00Z",
             "number_observed":1,"object_refs":["file--1"]},
            {"type":"observed-data","number_observed":1,"object_refs":["file--1"]}]}"#;
        let json = Json::parse(text).unwrap();
        let all = Observations::from_bundle(&json);
        let at = |text: &str| Timestamp::parse(text).unwrap();
        let kept = |from: Option<&str>, until: Option<&str>| {
            let (from, until) = (from.map(at), until.map(at));
            let validity = Validity::new(from.as_ref(), until.as_ref(), &at("2025-01-01T00:00:00Z"));
            let left = all.within(&validity);
            let counted: Vec<bool> = left.observed().iter().map(|one| one.count > 0).collect();
            let asked: Vec<bool> = (0..2).map(|place| all.is_within(place, &validity)).collect();
            assert_eq!(counted, asked);
            counted
        };
        assert_eq!(kept(None, None), [true, true]);
        assert_eq!(kept(Some("2024-01-03T00:00:00Z"), None), [true, true]);
        assert_eq!(kept(Some("2024-01-03T00:00:00.001Z"), None), [false, true]);
        assert_eq!(kept(None, Some("2024-01-01T00:00:00.001Z")), [true, false]);
        assert_eq!(kept(None, Some("2024-01-01T00:00:00Z")), [false, false]);
        assert!(!all.is_within(2, &Validity::new(None, None, &at("2025-01-01T00:00:00Z"))));
    }

    #[test]
    fn anything_else_holds_no_observation() {
        for text in ["{}", "[]", "5", r#"{"objects":{}}"#, r#"{"objects":[null,"observed-data"]}"#] {
            assert!(Observations::from_bundle(&Json::parse(text.as_bytes()).unwrap()).is_empty(), "{text}");
        }
    }
}
