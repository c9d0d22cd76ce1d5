//! The engine that walks an object along its schema and writes findings down.
//!
//! One pass over the members of each structure; no allocation unless there is a finding. The head (type, id, version) is
//! read first, since everything else depends on it. Depth is bounded by [`crate::json`], so recursion here is bounded too.

mod extensions;
mod head;
pub(crate) mod rules;
mod translations;
mod values;

use std::cmp::Ordering;

use crate::code;
use crate::finding::Severity;
use crate::json::{Json, Members};
use crate::quote::quoted;
use crate::report::{Place, Report};
use crate::schema::{self, Kind, Need, Prop, Rule, Schema, property};
use crate::syntax::name;
use crate::{marking, timestamp};

pub(crate) use head::{Head, check_bundle_id};
pub(crate) use translations::Originals;

/// Which edition of the specification an object is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Edition {
    /// STIX 2.0: no `spec_version`, other required properties.
    V20,
    /// STIX 2.1.
    V21,
}

/// What the walk knows about the object it is in.
pub(crate) struct Checker<'r, 's> {
    report: &'r mut Report,
    /// The whole object, which selectors and reservations refer to.
    root: &'s Members<'s>,
    schema: Option<&'static Schema>,
    edition: Edition,
    /// The content says it was altered so that it cannot be used by accident.
    defanged: bool,
    /// The local objects of a STIX 2.0 observable container, inside one.
    container: Option<&'s Members<'s>>,
    /// Whether an extension of the object adds properties at its top.
    extended: bool,
    /// Whether the walk is below the object's own members.
    nested: bool,
    /// The objects beside this one that language content is about.
    originals: &'r Originals<'s>,
}

/// Checks one object and reads its head; findings get `place` before their path.
pub(crate) fn object<'s>(json: &'s Json<'s>, place: &Place<'_>, report: &mut Report) -> Head<'s> {
    object_among(&Originals::default(), json, place, report)
}

/// Checks one object beside those that it may be a translation of.
pub(crate) fn object_among<'s>(
    originals: &Originals<'s>,
    json: &'s Json<'s>,
    place: &Place<'_>,
    report: &mut Report,
) -> Head<'s> {
    let Some(root) = json.as_object() else {
        let message = format!("a STIX object is a JSON object, not {}", json.kind_name());
        report.add(Severity::Fatal, code::NOT_AN_OBJECT, place, message);
        return Head::default();
    };
    let head = Head::read(root, place, report);
    if head.type_name == "bundle" {
        report.add(Severity::Fatal, code::BUNDLE_NOT_AN_OBJECT, place, "a bundle is not a STIX object");
        return head;
    }
    let mut checker = Checker {
        report,
        root,
        schema: schema::of(head.type_name),
        edition: head.edition,
        defanged: root.get("defanged").and_then(Json::as_bool) == Some(true),
        container: None,
        extended: false,
        nested: false,
        originals,
    };
    checker.extended = checker.extension_types().any(|kind| kind == "toplevel-property-extension");
    checker.whole(&head, place);
    head
}

impl<'s> Checker<'_, 's> {
    fn add(
        &mut self,
        severity: Severity,
        code: &'static str,
        place: &Place<'_>,
        message: impl Into<std::borrow::Cow<'static, str>>,
    ) {
        self.report.add(severity, code, place, message);
    }

    /// A fault of something without which the bytes are no object, where the object itself has it.
    fn vital(&self) -> Severity {
        if self.nested { Severity::Error } else { Severity::Fatal }
    }

    fn whole(&mut self, head: &Head<'_>, place: &Place<'_>) {
        match self.schema {
            Some(schema) => {
                self.members(self.root, &[schema.general, schema.own], place);
                self.rules(schema.rules, schema.own, self.root, place);
                if schema.kind == Kind::Observable {
                    head.observable_id(schema, self.root, place, self.report);
                }
            }
            None => self.custom(head, place),
        }
        if let (Some(created), Some(modified)) = (head.created, head.modified)
            && timestamp::key_of(modified) < timestamp::key_of(created)
        {
            let message = "modified is earlier than created";
            self.add(Severity::Error, code::TIME_ORDER, &place.key("modified"), message);
        }
        self.selectors(place);
    }

    /// An object of a type that the specification does not define.
    fn custom(&mut self, head: &Head<'_>, place: &Place<'_>) {
        self.members(self.root, &[property::CUSTOM], place);
        if head.type_name.is_empty() {
            // That it has no type, or none that is a name, has been told; more cannot be said of it.
            return;
        }
        if !self.has_own_properties() {
            let message = "an object of a type of its own needs at least one property of its own, there or in an extension";
            self.add(Severity::Error, code::CUSTOM_EMPTY, place, message);
        }
        match self.introduced_as() {
            Some("new-sdo" | "new-sro") => {
                for name in ["created", "modified", "spec_version"] {
                    if self.root.get(name).is_none() {
                        let message = format!("{name} is required of an object that an extension introduces");
                        self.add(Severity::Error, code::REQUIRED, &place.key(name), message);
                    }
                }
                if self.root.get("defanged").is_some() {
                    let message = "defanged is not applicable to an object that is no observable";
                    self.add(Severity::Error, code::NOT_APPLICABLE, &place.key("defanged"), message);
                }
            }
            Some(_) => {}
            None => {
                let message = format!(
                    "type {} is custom; new content should introduce it by an extension",
                    quoted(head.type_name)
                );
                self.add(Severity::Warning, code::CUSTOM_TYPE, &place.key("type"), message);
            }
        }
    }

    /// Whether an object of a custom type says anything that not every object may say. What its extensions hold counts; that one
    /// introduces the type does not.
    fn has_own_properties(&self) -> bool {
        let general = |key: &str| property::CUSTOM.iter().any(|prop| prop.name == key);
        let extensions = self.root.get("extensions").and_then(Json::as_object);
        let mut inside =
            extensions.into_iter().flat_map(Members::iter).filter_map(|(_, one)| one.as_object());
        self.root.iter().any(|(key, _)| !general(key))
            || inside.any(|content| content.iter().any(|(key, _)| key != "extension_type"))
    }

    /// The `extension_type` by which an extension introduces this object's type.
    fn introduced_as(&self) -> Option<&'s str> {
        self.extension_types().find(|kind| matches!(*kind, "new-sdo" | "new-sco" | "new-sro"))
    }

    fn extension_types(&self) -> impl Iterator<Item = &'s str> + use<'s> {
        let extensions = self.root.get("extensions").and_then(Json::as_object);
        extensions
            .into_iter()
            .flat_map(Members::iter)
            .filter_map(|(_, extension)| extension.get("extension_type").and_then(Json::as_str))
    }

    /// Walks members along tables of properties; what no table has is custom at the top, unknown below.
    fn members(&mut self, members: &'s Members<'s>, tables: &[&'static [Prop]], place: &Place<'_>) {
        let mut seen = 0_u64;
        for (key, value) in members.iter() {
            let here = place.key(key);
            match find(tables, key) {
                Some((at, prop)) => {
                    seen |= 1_u64.checked_shl(at).unwrap_or(0);
                    self.present(prop, value, &here);
                }
                None if self.nested => self.unknown(key, value, &here),
                None => self.custom_property(key, value, &here),
            }
        }
        let mut at = 0_u32;
        for prop in tables.iter().copied().flatten() {
            let absent = seen & 1_u64.checked_shl(at).unwrap_or(0) == 0;
            if absent && matches!(prop.need, Need::Required | Need::Expected) {
                self.absent(prop, place);
            }
            at = at.saturating_add(1);
        }
    }

    fn present(&mut self, prop: &'static Prop, value: &'s Json<'s>, place: &Place<'_>) {
        match prop.need {
            Need::Required | Need::Expected | Need::Optional => {}
            Need::Deprecated => {
                let message = format!("{} is deprecated", prop.name);
                self.add(Severity::Warning, code::DEPRECATED, place, message);
            }
            Need::NotApplicable => {
                let message = format!("{} is not applicable to this type of object", prop.name);
                self.add(Severity::Error, code::NOT_APPLICABLE, place, message);
            }
            Need::NotInUse => {
                let message = format!("{} is not in use on observables", prop.name);
                self.add(Severity::Warning, code::NOT_IN_USE, place, message);
            }
        }
        self.value(&prop.value, value, place);
    }

    fn absent(&mut self, prop: &'static Prop, place: &Place<'_>) {
        let later =
            self.edition == Edition::V20 && !matches!(prop.name, "type" | "id" | "created" | "modified");
        let in_container = self.container.is_some() && prop.name == "id";
        if in_container {
            return;
        }
        let severity = if prop.need == Need::Expected || later { Severity::Error } else { self.vital() };
        let message = format!("{} is required", prop.name);
        self.add(severity, code::REQUIRED, &place.key(prop.name), message);
    }

    fn custom_property(&mut self, key: &str, value: &'s Json<'s>, place: &Place<'_>) {
        if matches!(key, "severity" | "username" | "phone_number" | "action") {
            let message = format!("{key} is a reserved name");
            self.add(Severity::Error, code::RESERVED, place, message);
        } else if !name::is_property(key) {
            let message = format!("property name {} is not 3 to 250 characters a-z, 0-9 and _", quoted(key));
            self.add(Severity::Error, code::PROPERTY_NAME, place, message);
        } else if self.schema.is_some() && !self.extended {
            let message = "a custom property; new content should use an extension";
            self.add(Severity::Warning, code::CUSTOM_PROPERTY, place, message);
        }
        self.free_reference(key, value, place);
        self.free(value, place);
    }

    /// A property of a nested structure that its table does not have; section 3.1 says how it may be named even so.
    fn unknown(&mut self, key: &str, value: &'s Json<'s>, place: &Place<'_>) {
        if name::is_property(key) {
            let message = format!("{} is not a property of this structure", quoted(key));
            self.add(Severity::Warning, code::UNKNOWN_PROPERTY, place, message);
        } else {
            let message = format!("property name {} is not 3 to 250 characters a-z, 0-9 and _", quoted(key));
            self.add(Severity::Error, code::PROPERTY_NAME, place, message);
        }
        self.free(value, place);
    }

    /// A custom property that says by its name that it holds identifiers.
    fn free_reference(&mut self, key: &str, value: &Json<'_>, place: &Place<'_>) {
        let good = |value: &Json<'_>| value.as_str().is_some_and(|text| crate::id::check(text).is_ok());
        let fits = if key.ends_with("_refs") {
            value.as_list().is_some_and(|items| items.iter().all(good))
        } else if key.ends_with("_ref") {
            good(value)
        } else {
            true
        };
        if !fits {
            let message = format!("{} is named like a reference but does not hold identifiers", quoted(key));
            self.add(Severity::Warning, code::CUSTOM_REFERENCE, place, message);
        }
    }

    fn rules(
        &mut self,
        rules: &'static [Rule],
        own: &'static [Prop],
        members: &'s Members<'s>,
        place: &Place<'_>,
    ) {
        for rule in rules {
            match rule {
                Rule::NotBefore(first, second) => {
                    self.ordered(members, (first, second), Ordering::Equal, place)
                }
                Rule::After(first, second) => {
                    self.ordered(members, (first, second), Ordering::Greater, place)
                }
                Rule::OneOf(names) => {
                    if !names.iter().any(|name| members.get(name).is_some()) {
                        let message = format!("at least one of {} is required", names.join(", "));
                        self.add(Severity::Error, code::AT_LEAST_ONE, place, message);
                    }
                }
                Rule::NotBoth(one, other) => {
                    if members.get(one).is_some() && members.get(other).is_some() {
                        let message = format!("{one} and {other} must not both be present");
                        self.add(Severity::Error, code::NOT_TOGETHER, place, message);
                    }
                }
                Rule::Needs(one, other) => {
                    if members.get(one).is_some() && members.get(other).is_none() {
                        let message = format!("{one} must not be present without {other}");
                        self.add(Severity::Error, code::NEEDS, &place.key(one), message);
                    }
                }
                Rule::AnyOwn => self.any_own(own, members, "", place),
                Rule::AnyOwnOrExtension => self.any_own(own, members, "extensions", place),
                Rule::Own(rule) => rule(self, members, place),
            }
        }
    }

    fn any_own(&mut self, own: &'static [Prop], members: &Members<'_>, also: &str, place: &Place<'_>) {
        let is_own = |key: &str| own.iter().any(|prop| prop.name == key) || key == also;
        if !members.iter().any(|(key, _)| is_own(key)) {
            let message = "at least one of its own properties is required";
            self.add(Severity::Error, code::AT_LEAST_ONE, place, message);
        }
    }

    fn ordered(&mut self, members: &Members<'_>, pair: (&str, &str), least: Ordering, place: &Place<'_>) {
        let time = |name: &str| {
            let text = members.get(name).and_then(Json::as_str)?;
            timestamp::check(text).ok().map(|()| timestamp::key_of(text))
        };
        let (Some(first), Some(second)) = (time(pair.0), time(pair.1)) else {
            return;
        };
        if second.cmp(first) < least {
            let relation = if least == Ordering::Greater { "later than" } else { "at or after" };
            let message = format!("{} must be {relation} {}", pair.1, pair.0);
            self.add(Severity::Error, code::TIME_ORDER, &place.key(pair.1), message);
        }
    }

    /// Selectors of granular markings, which refer to the whole object.
    fn selectors(&mut self, place: &Place<'_>) {
        let Some(markings) = self.root.get("granular_markings").and_then(Json::as_list) else {
            return;
        };
        let list = place.key("granular_markings");
        for (at, marking) in markings.iter().enumerate() {
            let item = list.index(at);
            let selectors = item.key("selectors");
            for (number, selector) in
                marking.get("selectors").and_then(Json::as_list).unwrap_or_default().iter().enumerate()
            {
                let Some(text) = selector.as_str() else { continue };
                if let Err(error) = marking::select(self.root, text) {
                    self.add(Severity::Error, code::SELECTOR, &selectors.index(number), error.to_string());
                }
            }
        }
    }
}

/// The property of this name, with its number across the tables.
fn find(tables: &[&'static [Prop]], key: &str) -> Option<(u32, &'static Prop)> {
    let mut at = 0_u32;
    for prop in tables.iter().copied().flatten() {
        if prop.name == key {
            return Some((at, prop));
        }
        at = at.saturating_add(1);
    }
    None
}
