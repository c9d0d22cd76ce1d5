//! One value against what its property asks for.

use super::Checker;
use crate::code;
use crate::finding::Severity;
use crate::id;
use crate::json::{Json, Members};
use crate::quote::{cut, quoted};
use crate::report::Place;
use crate::schema::vocabulary::Vocabulary;
use crate::schema::{Fault, Kind, Shape, Target, Value, Weight, kind_of};
use crate::syntax::{hash, name, octets};
use crate::timestamp;

impl<'s> Checker<'_, 's> {
    /// Checks a value; writes findings at `place`.
    pub(super) fn value(&mut self, due: &'static Value, value: &'s Json<'s>, place: &Place<'_>) {
        match due {
            Value::Head => self.head_value(value, place),
            Value::Text => drop(self.text(value, place)),
            Value::Formed(check) => {
                if let Some(text) = self.text(value, place) {
                    self.formed(check(text), text, place);
                }
            }
            Value::Boolean => self.kind(matches!(value, Json::Bool(_)), "true or false", value, place),
            Value::Integer(least, most) => self.integer(value, (*least, *most), place),
            Value::Number(least, most) => self.number(value, (*least, *most), place),
            Value::Timestamp => drop(self.time(value, place)),
            Value::VersionTime => self.version_time(value, place),
            Value::WholeSeconds => self.whole_seconds(value, place),
            Value::Hex => {
                if let Some(text) = self.text(value, place) {
                    self.formed(octets::check_hex(text), text, place);
                }
            }
            Value::Binary => {
                if let Some(text) = self.text(value, place) {
                    self.formed(octets::check_base64(text), text, place);
                }
            }
            Value::Hashes => self.hashes(value, place),
            Value::Open(terms) => self.open(terms, value, place),
            Value::Closed(terms) => self.closed(terms, value, place),
            Value::Reference(target) => self.reference(*target, value, place),
            Value::List(Value::Reference(_)) if value.as_list().is_none() => {
                self.vital_kind("a list of identifiers", value, place);
            }
            Value::List(item) => self.list(item, value, place),
            Value::Struct(shape) => self.structure(shape, value, place),
            Value::Dictionary(item) => self.dictionary(item, value, place),
            Value::TextOrInteger => match value {
                Json::String(_) => {}
                other => self.integer(other, (i64::MIN, i64::MAX), place),
            },
            Value::Free => self.free(value, place),
            Value::Extensions => self.extensions(value, place),
            Value::Container => self.observable_container(value, place),
            Value::Translations => self.translations(value, place),
        }
    }

    /// Null has its own code wherever it stands.
    pub(super) fn kind(&mut self, fits: bool, due: &str, value: &Json<'_>, place: &Place<'_>) {
        if fits {
            return;
        }
        if matches!(value, Json::Null) {
            self.add(Severity::Error, code::NULL, place, "null is not a value in STIX");
            return;
        }
        let message = format!("{due} is due here, not {}", value.kind_name());
        self.add(Severity::Error, code::KIND, place, message);
    }

    /// The same, for what makes an object one.
    fn vital_kind(&mut self, due: &str, value: &Json<'_>, place: &Place<'_>) {
        let severity = self.vital();
        let code = if matches!(value, Json::Null) { code::NULL } else { code::KIND };
        let message = format!("{due} is due here, not {}", value.kind_name());
        self.add(severity, code, place, message);
    }

    /// Heads are checked when they are read; inside a container the local object has its own.
    fn head_value(&mut self, value: &Json<'_>, place: &Place<'_>) {
        if self.container.is_some() {
            self.kind(matches!(value, Json::String(_)), "a string", value, place);
        }
    }

    fn text(&mut self, value: &'s Json<'s>, place: &Place<'_>) -> Option<&'s str> {
        let text = value.as_str();
        self.kind(text.is_some(), "a string", value, place);
        text
    }

    pub(super) fn formed(&mut self, result: Result<(), Fault>, text: &str, place: &Place<'_>) {
        let Err(fault) = result else { return };
        let forgiven = self.defanged && !matches!(fault.code, code::LANGUAGE | code::RELATIONSHIP_TYPE);
        let severity = match fault.weight {
            Weight::Must if !forgiven => Severity::Error,
            _ => Severity::Warning,
        };
        let message = format!("{} {}", quoted(text), fault.words);
        self.add(severity, fault.code, place, message);
    }

    fn integer(&mut self, value: &Json<'_>, (least, most): (i64, i64), place: &Place<'_>) {
        const EXACT: i64 = (1 << 53) - 1;
        let number = match value {
            Json::Integer(number) => *number,
            Json::Float(number) if number.is_integer() && number.value() == 0.0 => 0,
            Json::Float(number) if number.is_integer() => {
                let message = format!(
                    "{} is not within {} to {}",
                    cut(number.as_written()),
                    least.max(-EXACT),
                    most.min(EXACT)
                );
                return self.add(Severity::Error, code::NUMBER_RANGE, place, message);
            }
            _ => return self.kind(false, "an integer", value, place),
        };
        let (least, most) = (least.max(-EXACT), most.min(EXACT));
        if !(least..=most).contains(&number) {
            let message = format!("{number} is not within {least} to {most}");
            self.add(Severity::Error, code::NUMBER_RANGE, place, message);
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a double is what section 2.6 says the number is")]
    fn number(&mut self, value: &Json<'_>, (least, most): (f64, f64), place: &Place<'_>) {
        let number = match value {
            Json::Float(number) => number.value(),
            Json::Integer(number) => *number as f64,
            _ => return self.kind(false, "a number", value, place),
        };
        if !(least..=most).contains(&number) {
            let message = format!("{number} is not within {least} to {most}");
            self.add(Severity::Error, code::NUMBER_RANGE, place, message);
        }
    }

    fn time(&mut self, value: &'s Json<'s>, place: &Place<'_>) -> Option<&'s str> {
        let Some(text) = value.as_str() else {
            self.vital_kind("a timestamp", value, place);
            return None;
        };
        if let Err(error) = timestamp::check(text) {
            let severity = self.vital();
            self.add(severity, code::TIMESTAMP, place, error.to_string());
            return None;
        }
        Some(text)
    }

    fn version_time(&mut self, value: &'s Json<'s>, place: &Place<'_>) {
        if let Some(text) = self.time(value, place)
            && timestamp::subsecond_digits(text) < 3
        {
            let message = format!("timestamp {} has fewer than three sub-second digits", quoted(text));
            self.add(Severity::Error, code::TIMESTAMP_PRECISION, place, message);
        }
    }

    fn whole_seconds(&mut self, value: &'s Json<'s>, place: &Place<'_>) {
        if let Some(text) = self.time(value, place)
            && timestamp::subsecond_digits(text) > 0
        {
            let message = format!("timestamp {} must be precise to the second", quoted(text));
            self.add(Severity::Error, code::TIMESTAMP_PRECISION, place, message);
        }
    }

    fn hashes(&mut self, value: &'s Json<'s>, place: &Place<'_>) {
        let Some(members) = self.filled(value, place) else { return };
        for (algorithm, value) in members.iter() {
            let here = place.key(algorithm);
            if !name::is_hash_key(algorithm) {
                let message = format!("{} is not the name of a hash algorithm", quoted(algorithm));
                self.add(Severity::Error, code::HASH_KEY, &here, message);
                continue;
            }
            let Some(text) = self.text(value, &here) else { continue };
            match hash::has_form(algorithm, text) {
                Some(true) => {}
                Some(false) => {
                    let message = format!("{} does not have the form of {algorithm}", quoted(text));
                    self.add(Severity::Error, code::HASH_VALUE, &here, message);
                }
                None => {
                    let message = format!("{algorithm} is not in hash-algorithm-ov");
                    self.add(Severity::Warning, code::HASH_VOCABULARY, &here, message);
                }
            }
        }
    }

    fn open(&mut self, terms: &'static Vocabulary, value: &'s Json<'s>, place: &Place<'_>) {
        let Some(text) = self.text(value, place) else { return };
        if !terms.contains(text) {
            let message = format!("{} is not in {}", quoted(text), terms.name);
            self.add(Severity::Warning, code::VOCABULARY, place, message);
        }
    }

    fn closed(&mut self, terms: &'static Vocabulary, value: &'s Json<'s>, place: &Place<'_>) {
        let Some(text) = self.text(value, place) else { return };
        if !terms.contains(text) {
            let message = format!("{} is not in {}", quoted(text), terms.name);
            self.add(Severity::Error, code::ENUMERATION, place, message);
        }
    }

    fn reference(&mut self, target: Target, value: &'s Json<'s>, place: &Place<'_>) {
        let Some(text) = value.as_str() else {
            return self.vital_kind("an identifier", value, place);
        };
        if let Some(local) = self.container {
            return self.local_reference(target, text, local, place);
        }
        if let Err(error) = id::check(text) {
            return self.add(Severity::Fatal, code::REFERENCE_FORM, place, error.to_string());
        }
        if !id::is_rfc_4122(text) {
            self.add(Severity::Error, code::ID_UUID, place, id::undefined_uuid(text));
        }
        let type_name = id::type_of(text);
        if !target.takes(type_name) {
            let message = format!("a reference here is to {}, not to {}", target.words(), quoted(type_name));
            self.add(Severity::Error, code::REFERENCE_TARGET, place, message);
        }
    }

    /// Inside a container references to observables are keys of it; those to other objects, like markings, stay
    /// identifiers.
    fn local_reference(&mut self, target: Target, text: &str, local: &Members<'_>, place: &Place<'_>) {
        let outside = || {
            id::check(text).is_ok() && !matches!(kind_of(id::type_of(text)), Kind::Observable | Kind::Custom)
        };
        let type_name = match local.get(text) {
            Some(object) => object.get("type").and_then(Json::as_str).unwrap_or_default(),
            None if outside() => id::type_of(text),
            None => {
                let message = format!("{} is no key of the container", quoted(text));
                return self.add(Severity::Error, code::REFERENCE_LOCAL, place, message);
            }
        };
        if !target.takes(type_name) {
            let message = format!("a reference here is to {}, not to {}", target.words(), quoted(type_name));
            self.add(Severity::Error, code::REFERENCE_TARGET, place, message);
        }
    }

    fn list(&mut self, item: &'static Value, value: &'s Json<'s>, place: &Place<'_>) {
        let Some(items) = value.as_list() else {
            return self.kind(false, "a list", value, place);
        };
        if items.is_empty() {
            self.add(Severity::Error, code::EMPTY_LIST, place, "a list must have at least one item");
        }
        for (at, value) in items.iter().enumerate() {
            self.value(item, value, &place.index(at));
        }
    }

    /// An object with at least one member.
    pub(super) fn filled(&mut self, value: &'s Json<'s>, place: &Place<'_>) -> Option<&'s Members<'s>> {
        let Some(members) = value.as_object() else {
            self.kind(false, "an object", value, place);
            return None;
        };
        if members.is_empty() {
            self.add(Severity::Error, code::EMPTY_DICTIONARY, place, "at least one member is required");
        }
        Some(members)
    }

    pub(super) fn structure(&mut self, shape: &'static Shape, value: &'s Json<'s>, place: &Place<'_>) {
        let Some(members) = self.filled(value, place).filter(|members| !members.is_empty()) else { return };
        let outer = std::mem::replace(&mut self.nested, true);
        self.members(members, &[shape.props], place);
        self.rules(shape.rules, shape.props, members, place);
        self.nested = outer;
    }

    fn dictionary(&mut self, item: &'static Value, value: &'s Json<'s>, place: &Place<'_>) {
        let Some(members) = self.filled(value, place) else { return };
        for (key, value) in members.iter() {
            let here = place.key(key);
            self.dictionary_key(key, &here);
            self.value(item, value, &here);
        }
    }

    pub(super) fn dictionary_key(&mut self, key: &str, place: &Place<'_>) {
        if !name::is_dictionary_key(key) {
            let message = format!("{} is not 1 to 250 letters, digits, hyphens and underscores", quoted(key));
            self.add(Severity::Error, code::DICTIONARY_KEY, place, message);
        }
    }

    /// Keys of what the specification leaves free are either of a dictionary, and then should be lower case, or names of properties. Where
    /// it defines a dictionary itself, it has its keys keep the case of what they name.
    fn free_key(&mut self, key: &str, above: &Place<'_>, place: &Place<'_>) {
        self.dictionary_key(key, place);
        if key.bytes().any(|byte| byte.is_ascii_uppercase()) && above.last_key() != Some("hashes") {
            let message = format!("the key {} should be lower case", quoted(key));
            self.add(Severity::Warning, code::DICTIONARY_KEY_CASE, place, message);
        }
    }

    /// Content that the specification leaves free: no null, no emptiness, proper keys, exact integers.
    pub(super) fn free(&mut self, value: &Json<'_>, place: &Place<'_>) {
        match value {
            Json::Null => self.kind(false, "a value", value, place),
            Json::Float(number) if number.is_integer() => self.integer(value, (i64::MIN, i64::MAX), place),
            Json::Bool(_) | Json::String(_) | Json::Float(_) => {}
            Json::Integer(_) => self.integer(value, (i64::MIN, i64::MAX), place),
            Json::List(items) => {
                if items.is_empty() {
                    self.add(Severity::Error, code::EMPTY_LIST, place, "a list must have at least one item");
                }
                for (at, item) in items.iter().enumerate() {
                    self.free(item, &place.index(at));
                }
            }
            Json::Object(members) => {
                if members.is_empty() {
                    self.add(
                        Severity::Error,
                        code::EMPTY_DICTIONARY,
                        place,
                        "at least one member is required",
                    );
                }
                for (key, value) in members.iter() {
                    let here = place.key(key);
                    self.free_key(key, place, &here);
                    self.free(value, &here);
                }
            }
        }
    }

    /// Observables by local keys (section 2.13), each checked as one without identifier.
    fn observable_container(&mut self, value: &'s Json<'s>, place: &Place<'_>) {
        let Some(members) = self.filled(value, place) else { return };
        let outer = (self.container.replace(members), std::mem::replace(&mut self.nested, true), self.schema);
        for (key, object) in members.iter() {
            self.local_object(object, &place.key(key));
        }
        (self.container, self.nested, self.schema) = outer;
    }

    fn local_object(&mut self, object: &'s Json<'s>, place: &Place<'_>) {
        let Some(members) = self.filled(object, place) else { return };
        let type_name = members.get("type").and_then(Json::as_str).unwrap_or_default();
        if type_name.is_empty() {
            return self.add(Severity::Error, code::REQUIRED, &place.key("type"), "type is required");
        }
        self.schema = crate::schema::of(type_name);
        match self.schema {
            Some(schema) if schema.kind == Kind::Observable => {
                self.members(members, &[schema.general, schema.own], place);
                self.rules(schema.rules, schema.own, members, place);
            }
            Some(_) => {
                let message = format!("{} is not an observable", quoted(type_name));
                self.add(Severity::Error, code::REFERENCE_TARGET, &place.key("type"), message);
            }
            None => {
                debug_assert!(kind_of(type_name) == Kind::Custom, "invariant: no schema, custom");
                self.free(object, place);
            }
        }
    }
}
