//! Names that the specification itself restricts, and short codes of other standards.

use super::{must, should};
use crate::code;
use crate::schema::Fault;

/// Shortest and longest name of a type or property (section 3.1).
const NAME_CHARS: std::ops::RangeInclusive<usize> = 3..=250;
/// Longest key of a dictionary (section 2.3).
const KEY_CHARS_MAX: usize = 250;

/// Letters a-z, digits and underscores, a letter first, 3 to 250 of them (sections 3.1 and 11.1).
pub(crate) fn is_property(name: &str) -> bool {
    NAME_CHARS.contains(&name.len())
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'))
}

/// Letters a-z, digits and single hyphens, a letter first, 3 to 250 of them (sections 3.1 and 11.2).
pub(crate) fn is_type(name: &str) -> bool {
    NAME_CHARS.contains(&name.len())
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && !name.contains("--")
        && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}

/// Letters, digits, hyphens and underscores, 1 to 250 of them (section 2.3).
pub(crate) fn is_dictionary_key(name: &str) -> bool {
    (1..=KEY_CHARS_MAX).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// As a dictionary key, but at least 3 characters (section 2.7).
pub(crate) fn is_hash_key(name: &str) -> bool {
    name.len() >= 3 && is_dictionary_key(name)
}

/// The name of a custom extension (section 11.3).
pub(crate) fn is_custom_extension(name: &str) -> bool {
    NAME_CHARS.contains(&name.len())
        && name.ends_with("-ext")
        && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}

/// Names that should be lower case with hyphens (sections 2.11 and 4.12).
pub(crate) fn check_hyphenated(text: &str) -> Result<(), Fault> {
    if text.chars().any(|letter| letter.is_uppercase() || letter == ' ' || letter == '_') {
        return Err(should(
            code::NAMING,
            "should be lower case with hyphens instead of spaces and underscores",
        ));
    }
    Ok(())
}

/// Letters a-z, digits and hyphens (section 5.1).
pub(crate) fn check_relationship_type(text: &str) -> Result<(), Fault> {
    let good = !text.is_empty() && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
    if good {
        Ok(())
    } else {
        Err(must(code::RELATIONSHIP_TYPE, "has other characters than a-z, 0-9 and hyphen"))
    }
}

/// The name of a property that an extension adds (section 7.3.2).
pub(crate) fn check_extension_property(text: &str) -> Result<(), Fault> {
    if is_property(text) {
        Ok(())
    } else {
        Err(must(code::EXTENSION_PROPERTIES, "is not a property name: 3 to 250 characters a-z, 0-9 and _"))
    }
}

/// `MAJOR.MINOR.PATCH` with the additions of semantic versioning (section 7.3.1).
pub(crate) fn check_semantic_version(text: &str) -> Result<(), Fault> {
    let plain = text.split(['-', '+']).next().unwrap_or_default();
    let numbers: Vec<&str> = plain.split('.').collect();
    let number = |part: &&str| {
        !part.is_empty()
            && part.bytes().all(|byte| byte.is_ascii_digit())
            && (part.len() == 1 || !part.starts_with('0'))
    };
    if numbers.len() == 3 && numbers.iter().all(number) {
        Ok(())
    } else {
        Err(should(code::SEMANTIC_VERSION, "does not follow MAJOR.MINOR.PATCH"))
    }
}

/// Two letters (section 4.10).
pub(crate) fn check_country(text: &str) -> Result<(), Fault> {
    if text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        Ok(())
    } else {
        Err(should(code::COUNTRY, "is not an ISO 3166-1 alpha-2 code"))
    }
}

/// Two letters, a hyphen and one to three letters or digits (section 4.10).
pub(crate) fn check_area(text: &str) -> Result<(), Fault> {
    let good = text.split_once('-').is_some_and(|(country, area)| {
        check_country(country).is_ok()
            && (1..=3).contains(&area.len())
            && area.bytes().all(|byte| byte.is_ascii_alphanumeric())
    });
    if good { Ok(()) } else { Err(should(code::COUNTRY, "is not an ISO 3166-2 code")) }
}

/// A name as IANA registers character sets: up to 40 printable ASCII characters without spaces (RFC 2978, section 2.3).
pub(crate) fn check_character_set(text: &str) -> Result<(), Fault> {
    let good = (1..=40).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    if good { Ok(()) } else { Err(must(code::CHARACTER_SET, "is not the name of a character set")) }
}

/// A type and subtype of which IANA could have registered the one and has registered the other (sections 6.1 and 6.7; RFC 6838, section 4.2).
/// Subtypes come and go, so which are registered is not asked.
pub(crate) fn check_mime_type(text: &str) -> Result<(), Fault> {
    const TYPES: [&str; 11] = [
        "application",
        "audio",
        "example",
        "font",
        "haptics",
        "image",
        "message",
        "model",
        "multipart",
        "text",
        "video",
    ];
    let is_subtype = |name: &str| {
        (1..=127).contains(&name.len())
            && name.starts_with(|first: char| first.is_ascii_alphanumeric())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte))
    };
    let good = text.split_once('/').is_some_and(|(kind, subtype)| {
        TYPES.iter().any(|known| known.eq_ignore_ascii_case(kind)) && is_subtype(subtype)
    });
    if good { Ok(()) } else { Err(should(code::MIME_TYPE, "should be a registered type/subtype")) }
}

/// A service name as they are registered, which compare without case (section 6.12; RFC 6335, section 5.1). Which are registered is not asked.
pub(crate) fn check_protocol(text: &str) -> Result<(), Fault> {
    let good = (1..=15).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && text.bytes().any(|byte| byte.is_ascii_alphabetic())
        && !text.starts_with('-')
        && !text.ends_with('-')
        && !text.contains("--");
    if good { Ok(()) } else { Err(should(code::PROTOCOL, "should be a service name, e.g. http")) }
}

/// A registry key whose hive is not abbreviated (section 6.17).
pub(crate) fn check_registry_key(text: &str) -> Result<(), Fault> {
    let hive = text.split('\\').next().unwrap_or_default();
    let short = ["HKLM", "HKCU", "HKCR", "HKU", "HKCC"].iter().any(|name| hive.eq_ignore_ascii_case(name));
    if short {
        Err(must(code::CONDITIONAL, "abbreviates its hive, e.g. HKLM for HKEY_LOCAL_MACHINE"))
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn property_and_type_names() {
        assert!(is_property("x_foo") && is_property(&"a".repeat(250)) && is_property("abc"));
        for bad in ["ab", "9foo", "_foo", "x-foo", "x_A", "", "naïve"] {
            assert!(!is_property(bad), "{bad}");
        }
        assert!(!is_property(&"a".repeat(251)) && !is_type(&"a".repeat(251)));
        assert!(is_type("x-foo") && is_type("url"));
        for bad in ["x", "-x", "9x-a", "x--a", "X-foo", "x_foo", ""] {
            assert!(!is_type(bad), "{bad}");
        }
    }

    #[test]
    fn keys() {
        assert!(is_dictionary_key("a") && is_dictionary_key("User-Agent") && !is_dictionary_key(""));
        assert!(!is_dictionary_key("a b") && !is_dictionary_key("é") && !is_dictionary_key(&"a".repeat(251)));
        assert!(is_hash_key("MD5") && !is_hash_key("M5"));
        assert!(
            is_custom_extension("x-foo-ext")
                && !is_custom_extension("x-foo")
                && !is_custom_extension("X-ext")
        );
    }

    #[test]
    fn codes_of_other_standards() {
        assert!(check_semantic_version("1.2.3-rc.1+5").is_ok() && check_semantic_version("1.0").is_err());
        assert!(check_country("kz").is_ok() && check_country("Kazakhstan").is_err());
        assert!(check_area("KZ-ALA").is_ok() && check_area("Tak").is_err());
        assert!(
            check_registry_key("HKEY_LOCAL_MACHINE\\x").is_ok() && check_registry_key("hklm\\x").is_err()
        );
        assert!(check_character_set("windows-1252").is_ok() && check_character_set("").is_err());
        for good in ["text/plain", "application/vnd.ms-excel", "image/svg+xml", "Application/PDF"] {
            assert!(check_mime_type(good).is_ok(), "{good}");
        }
        for bad in ["", "nonsense", "text/", "/plain", "text/plain; charset=utf-8", "no-such-type/x"] {
            assert!(check_mime_type(bad).is_err(), "{bad}");
        }
        for good in ["tcp", "ipv4", "http", "microsoft-ds", "6lowpan", "HTTP", "MyProto"] {
            assert!(check_protocol(good).is_ok(), "{good}");
        }
        for bad in ["", "my_proto", "a--b", "-a", "a-", "99", "a name", "sixteen-letters-x"] {
            assert!(check_protocol(bad).is_err(), "{bad}");
        }
    }
}
