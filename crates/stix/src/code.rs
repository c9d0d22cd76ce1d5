//! Every code a finding can carry, with what `cresset explain` says about it.
//!
//! Codes are stable: tools and operators rely on them. A code is added here first and used by its constant.

macro_rules! codes {
    ($($name:ident = $code:literal, $text:literal;)*) => {
        $(pub(crate) const $name: &str = $code;)*
        static CODES: &[(&str, &str)] = &[$(($code, $text)),*];
    };
}

/// Every code with its explanation.
#[must_use]
pub fn codes() -> &'static [(&'static str, &'static str)] {
    CODES
}

codes! {
    JSON_SYNTAX = "json-syntax", "The text is not JSON (RFC 8259).";
    JSON_UTF8 = "json-utf8", "The text is not valid UTF-8, which JSON demands.";
    JSON_DUPLICATE_KEY = "json-duplicate-key", "An object has the same key twice (forbidden by RFC 7493), so readers could disagree about its value.";
    JSON_SURROGATE = "json-surrogate", "A string holds half of a surrogate pair, which is no Unicode character (RFC 7493, section 2.1).";
    JSON_NUMBER = "json-number", "A number is beyond what a double-precision number can hold.";
    JSON_DEPTH = "json-depth", "Lists and objects are nested deeper than this node takes.";
    OBJECT_SIZE = "object-size", "The object is longer than this node takes.";
    NOT_AN_OBJECT = "not-an-object", "A STIX object is a JSON object; something else stands in its place.";
    BUNDLE_NOT_AN_OBJECT = "bundle-not-an-object", "A bundle stands where an object is expected; a bundle is a container, not a STIX object (section 8).";
    FINDINGS_CUT = "findings-cut", "There are more findings than are listed.";
    REQUIRED = "required-property", "A property that the specification requires is missing.";
    KIND = "value-kind", "A value has the wrong JSON kind, e.g. a list where a string is due.";
    NULL = "null-value", "STIX has no null: an optional property without value is left out.";
    EMPTY_LIST = "empty-list", "A list must have at least one item; an optional one without items is left out (section 2.12).";
    EMPTY_DICTIONARY = "empty-dictionary", "A dictionary or nested object must have at least one member (section 2.3).";
    DICTIONARY_KEY = "dictionary-key", "Dictionary keys are 1 to 250 ASCII letters, digits, hyphens and underscores (section 2.3).";
    DICTIONARY_KEY_CASE = "dictionary-key-case", "Dictionary keys should be lower case (section 2.3); those that name something of another standard keep its case, where the specification says so.";
    ID_FORM = "id-form", "An identifier has the form type--UUID (section 2.9).";
    ID_TYPE = "id-type", "The part of the identifier before the hyphens must be the object's own type (section 2.9).";
    ID_UUID = "id-uuid", "The UUID of an identifier must be RFC 4122-compliant: its variant and version digits are not (section 2.9).";
    ID_UUID_VERSION = "id-uuid-version", "This kind of identifier should use another version of UUID: 4 for objects, 5 for observables (section 2.9).";
    ID_UUID_CASE = "id-uuid-case", "UUIDs are written in lower case; identifiers are compared letter for letter.";
    SCO_ID = "sco-id", "The identifier differs from the deterministic one made of the contributing properties (section 2.9).";
    SCO_ID_RANDOM = "sco-id-random", "No contributing property is present, so the identifier must be a random UUID (version 4; section 2.9).";
    TYPE_NAME = "type-name", "A type name has 3 to 250 characters a-z, 0-9 and single hyphens, and begins with a letter (sections 3.1 and 11.2).";
    SPEC_VERSION = "spec-version", "spec_version must be the string 2.1 (section 3.2).";
    TIMESTAMP = "timestamp", "A timestamp has the form YYYY-MM-DDTHH:mm:ss[.s+]Z and names a moment that exists (section 2.16).";
    TIMESTAMP_PRECISION = "timestamp-precision", "created and modified have at least three sub-second digits; some other times are whole seconds (section 3.2).";
    TIME_ORDER = "time-order", "Two times stand in the wrong order.";
    REFERENCE_FORM = "reference-form", "A reference is an identifier, type--UUID (section 2.9).";
    REFERENCE_TARGET = "reference-target", "The reference points to a type of object that is not allowed there.";
    REFERENCE_SELF = "reference-self", "A marking definition must not be marked with itself (section 3.2).";
    REFERENCE_LOCAL = "reference-local", "A reference inside an observable container must be a key of that container (section 2.13).";
    NUMBER_RANGE = "number-range", "A number is outside its range; integers stay within plus and minus 2^53-1 (section 2.10).";
    HEX = "hex", "Hexadecimal text is an even number of digits 0-9 and a-f (section 2.8).";
    BINARY = "binary", "Binary content is base64 with padding (section 2.1).";
    HASH_KEY = "hash-key", "The name of a hash algorithm has 3 to 250 ASCII letters, digits, hyphens and underscores (section 2.7).";
    HASH_VALUE = "hash-value", "The value does not have the form of its hash algorithm (section 2.7).";
    HASH_VOCABULARY = "hash-vocabulary", "The hash algorithm is not in hash-algorithm-ov.";
    LANGUAGE = "language-tag", "A language is an RFC 5646 tag such as en, zh-Hant-TW or sr-Latn.";
    TRANSLATION_LENGTH = "translation-length", "A translated list has as many items as the list it translates, with an empty string for each item that is not translated (section 7.1.1).";
    ENUMERATION = "enumeration", "The value is not one of the terms of a closed enumeration (section 10).";
    VOCABULARY = "vocabulary", "The value is not in the suggested open vocabulary (section 2.14).";
    NOT_APPLICABLE = "not-applicable", "This common property is not applicable to this type of object (section 3.2).";
    NOT_IN_USE = "not-in-use", "This common property is not in use on observables (section 3.2).";
    DEPRECATED = "deprecated", "The specification advises against this property or mechanism in new content.";
    RESERVED = "reserved-property", "The property's name is reserved and must not be used (section 3.8).";
    PROPERTY_NAME = "property-name", "A property name has 3 to 250 characters a-z, 0-9 and underscore, and begins with a letter (sections 3.1 and 11.1).";
    CUSTOM_PROPERTY = "custom-property", "A property that the specification does not define; new content should use an extension (section 11.1).";
    CUSTOM_REFERENCE = "custom-reference", "A property whose name ends in _ref or _refs should hold identifiers (section 3.1).";
    CUSTOM_TYPE = "custom-type", "A type that the specification does not define, without an extension that introduces it (section 11.2).";
    CUSTOM_EMPTY = "custom-empty", "An object of a type that the specification does not define must have at least one property of its own, also where an extension introduces the type (sections 7.3.2 and 11.2.1).";
    UNKNOWN_PROPERTY = "unknown-property", "A nested structure has a property that the specification does not define.";
    AT_LEAST_ONE = "at-least-one", "At least one of several properties must be present.";
    NOT_TOGETHER = "not-together", "Two properties must not be present together.";
    NEEDS = "needs-property", "A property must not be present without another one.";
    CONDITIONAL = "conditional-property", "A property is demanded or forbidden by the value of another.";
    EXTERNAL_ID = "external-id", "CAPEC and CVE references carry an identifier of the form CAPEC-1 or CVE-2024-0001 (sections 4.1 and 4.19).";
    EXTERNAL_HASHES = "external-hashes", "An external reference with a URL should carry hashes of its content, SHA-256 among them (section 2.5).";
    EXTENSION_KEY = "extension-key", "The key of an extension is the identifier of an extension definition, a predefined name for this type, or a custom name ending in -ext (sections 3.2 and 11.3).";
    EXTENSION_TYPE = "extension-type", "An extension under an extension definition's identifier must have extension_type from extension-type-enum (section 3.2).";
    EXTENSION_CUSTOM = "extension-custom", "A custom extension; new content should use an extension definition (section 11.3).";
    EXTENSION_PROPERTIES = "extension-properties", "extension_properties belongs to toplevel-property-extension, and names properties (section 7.3.1).";
    EXTENSION_DESCRIPTION = "extension-description", "An extension definition should have a description (section 7.3.1).";
    SEMANTIC_VERSION = "semantic-version", "An extension's version should follow MAJOR.MINOR.PATCH (section 7.3.1).";
    SELECTOR = "selector", "A selector must have the form of section 7.2.3 and point to content that is present.";
    GRANULAR = "granular-marking", "A granular marking has either lang or marking_ref, and not both (section 7.2.3).";
    MARKING_DEFINITION = "marking-definition", "A marking definition without extensions must have definition_type and definition (section 7.2.1).";
    MARKING_TYPE = "marking-type", "definition_type should be statement or tlp; new kinds of marking should use an extension (section 7.2.1).";
    TLP_LOOK_ALIKE = "tlp-look-alike", "The definition resembles a TLP marking but is not one of those that FIRST and OASIS published; it is handled as the strictest.";
    TLP_INCOMPLETE = "tlp-incomplete", "A published TLP marking was written down with properties missing or added.";
    IPV4 = "ipv4-address", "An IPv4 address or CIDR block in dotted decimals without leading zeros (section 6.8).";
    IPV6 = "ipv6-address", "An IPv6 address or CIDR block, without zone (section 6.9).";
    MAC = "mac-address", "A MAC address is six lower-case octets with colons (section 6.10).";
    DOMAIN = "domain-name", "A domain name conforms to RFC 1034 and RFC 5890 (section 6.4).";
    URL = "url", "A URL conforms to RFC 3986 (section 6.15).";
    EMAIL = "email-address", "An e-mail address is an addr-spec of RFC 5322, without display name (section 6.5).";
    ENCODED_WORD = "encoded-word", "A header field of a message holds an encoded word (RFC 2047); fields are written down decoded (section 6.6).";
    CPE = "cpe", "A CPE is in the formatted-string form of version 2.3 (section 6.14).";
    MIME_TYPE = "mime-type", "A MIME type should be one that IANA has registered, written type/subtype (sections 6.1 and 6.7).";
    PROTOCOL = "protocol-name", "The name of a protocol should be a service name as IANA registers them: at most 15 letters, digits and single hyphens (section 6.12).";
    CHARACTER_SET = "character-set", "The name of a character set as IANA registers it (section 3.9.1).";
    RELATIONSHIP_TYPE = "relationship-type", "A relationship type has only a-z, 0-9 and hyphens (section 5.1).";
    RELATIONSHIP_UNLISTED = "relationship-unlisted", "The specification does not list this relationship between these types (appendix B).";
    NAMING = "naming-style", "Names in kill chains, vocabularies and products should be lower case with hyphens (sections 2.11 and 2.14).";
    COUNTRY = "country-code", "A country should be an ISO 3166-1 alpha-2 code, an administrative area an ISO 3166-2 code (section 4.10).";
    SOCKET_OPTION = "socket-option", "The key of a socket option should be the option's own name, e.g. SO_KEEPALIVE (section 6.12.4).";
    PATTERN = "pattern-syntax", "The indicator's STIX pattern cannot be read; the indicator is kept but never matched (section 9).";
    INDICATOR_NAME = "indicator-name", "An indicator should have a name and a description (section 4.7).";
    BUNDLE_PROPERTY = "bundle-property", "A bundle has only type, id and objects (section 8).";
    BUNDLE_OBJECTS = "bundle-objects", "objects is a list of at least one STIX object (section 8).";
    BUNDLE_SPEC_VERSION = "bundle-spec-version", "The bundle says it holds STIX 2.0; its objects are upgraded when they are imported.";
    VERSION_REPEATED = "version-repeated", "The same version of an object stands in the bundle twice.";
    VERSION_AFTER_REVOCATION = "version-after-revocation", "A version of an object is later than a revoked one; a revocation is permanent (section 3.6).";
    VERSION_CREATED = "version-created", "Two versions of an object say different things of its creation: created never changes, and only its creator makes versions (section 3.6).";
    VERSION_CONFLICT = "version-conflict", "Two versions of an object have the same modified time and different content (section 3.6).";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_in_kebab_case() {
        let mut seen = std::collections::BTreeSet::new();
        for (code, text) in codes() {
            assert!(seen.insert(code), "{code} twice");
            assert!(
                code.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
            );
            assert!(text.ends_with('.'), "{code}");
        }
    }
}
