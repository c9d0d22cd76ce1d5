//! What members are called and where they are reached: names in several languages, slugs, kinds, endpoints, sealing keys.
//!
//! Each type is checked when it is made, from whatever source; none can hold a value outside its bounds.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use base::limit::{
    ENDPOINT_BYTES_MAX, LANGUAGE_TAG_BYTES_MAX, NAME_CHARS_MAX, NAME_LANGUAGES_MAX, SLUG_CHARS_MAX,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::Rule;

/// A name in one or more languages, by language tag.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "BTreeMap<String, String>", into = "BTreeMap<String, String>")]
pub struct Names(BTreeMap<String, String>);

impl Names {
    /// A name in English.
    ///
    /// # Errors
    /// `NameUnfit`.
    pub fn english(name: &str) -> Result<Self, Rule> {
        Self::new(BTreeMap::from([("en".to_owned(), name.to_owned())]))
    }

    /// A name in the languages of the map's keys.
    ///
    /// # Errors
    /// `NameUnfit`: no language, too many, a tag that is none, or a name outside its bounds.
    pub fn new(names: BTreeMap<String, String>) -> Result<Self, Rule> {
        let fit = |(tag, name): (&String, &String)| is_tag(tag) && is_line(name, NAME_CHARS_MAX);
        let known = (1..=NAME_LANGUAGES_MAX).contains(&names.len());
        if known && names.iter().all(fit) { Ok(Self(names)) } else { Err(Rule::NameUnfit) }
    }

    /// The name in `language`, else in English, else in the first language there is.
    #[must_use]
    pub fn name(&self, language: &str) -> &str {
        let found = self.0.get(language).or_else(|| self.0.get("en")).or_else(|| self.0.values().next());
        found.map_or("", String::as_str)
    }

    /// All of them by language tag.
    #[must_use]
    pub const fn all(&self) -> &BTreeMap<String, String> {
        &self.0
    }
}

impl TryFrom<BTreeMap<String, String>> for Names {
    type Error = Rule;

    fn try_from(names: BTreeMap<String, String>) -> Result<Self, Rule> {
        Self::new(names)
    }
}

impl From<Names> for BTreeMap<String, String> {
    fn from(names: Names) -> Self {
        names.0
    }
}

/// Letters and digits in groups parted by hyphens (the outer form of BCP 47).
fn is_tag(tag: &str) -> bool {
    let group = |group: &str| {
        (1..=8).contains(&group.len()) && group.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    (2..=LANGUAGE_TAG_BYTES_MAX).contains(&tag.len()) && tag.split('-').all(group)
}

/// One line of text: something, no control characters, no space at the ends.
pub(crate) fn is_line(text: &str, chars_max: usize) -> bool {
    // Counting stops early: the text may be long.
    let within = text.chars().nth(chars_max).is_none();
    within && !text.is_empty() && text.trim() == text && !text.chars().any(char::is_control)
}

/// What people type for a member.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Slug(String);

impl Slug {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Slug {
    type Error = Rule;

    fn try_from(text: String) -> Result<Self, Rule> {
        let group = |group: &str| {
            !group.is_empty() && group.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        };
        let fit = (1..=SLUG_CHARS_MAX).contains(&text.len()) && text.split('-').all(group);
        if fit { Ok(Self(text)) } else { Err(Rule::SlugUnfit) }
    }
}

impl FromStr for Slug {
    type Err = Rule;

    fn from_str(text: &str) -> Result<Self, Rule> {
        Self::try_from(text.to_owned())
    }
}

impl From<Slug> for String {
    fn from(slug: Slug) -> Self {
        slug.0
    }
}

impl fmt::Display for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What kind of organisation a member is. Decides whether it has a vote, and nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MemberKind {
    /// A national response team.
    Cert,
    /// A sector's body: energy, health, finance.
    Sector,
    /// Convenes, relays and publishes. Its vote weighs as much as any other.
    Secretariat,
    /// Is told what it is told, and has no vote.
    Observer,
    /// Works with the community from outside, and has no vote.
    Partner,
}

impl MemberKind {
    /// Every kind, in the order of the documentation.
    pub const ALL: [Self; 5] = [Self::Cert, Self::Sector, Self::Secretariat, Self::Observer, Self::Partner];

    /// Its name in commands and documents.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cert => "cert",
            Self::Sector => "sector",
            Self::Secretariat => "secretariat",
            Self::Observer => "observer",
            Self::Partner => "partner",
        }
    }

    /// Whether members of this kind have a vote.
    #[must_use]
    pub const fn has_vote(self) -> bool {
        matches!(self, Self::Cert | Self::Sector | Self::Secretariat)
    }
}

impl fmt::Display for MemberKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for MemberKind {
    type Err = Rule;

    fn from_str(text: &str) -> Result<Self, Rule> {
        Self::ALL.into_iter().find(|kind| kind.name() == text).ok_or(Rule::KindUnknown)
    }
}

/// How nodes of two members reach each other at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Road {
    /// `http://`: nothing but what is said is protected, by its seal and its signature.
    Plain,
    /// `https://`: the node itself ends TLS, and both sides show whose node they are.
    Mutual,
    /// `https+proxy://`: something before the node ends TLS, with a certificate of a public authority.
    Proxied,
}

impl Road {
    /// Every road, and what addresses of it begin with.
    const ALL: [(Self, &'static str); 3] =
        [(Self::Plain, "http://"), (Self::Mutual, "https://"), (Self::Proxied, "https+proxy://")];

    /// Its name in answers.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Mutual => "mutual",
            Self::Proxied => "proxied",
        }
    }
}

/// Where a member's node answers, and how: an absolute address without a slash at the end, whose scheme is a [`Road`]'s.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Endpoint(String);

impl Endpoint {
    /// The address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// How it is reached.
    #[must_use]
    pub fn road(&self) -> Road {
        let of = Road::ALL.into_iter().find(|(_, scheme)| self.0.starts_with(scheme));
        of.map_or(Road::Plain, |(road, _)| road)
    }

    /// The address to connect to: http or https.
    #[must_use]
    pub fn url(&self) -> String {
        self.0.replacen("https+proxy://", "https://", 1)
    }
}

impl TryFrom<String> for Endpoint {
    type Error = Rule;

    fn try_from(text: String) -> Result<Self, Rule> {
        let text = text.strip_suffix('/').map(str::to_owned).unwrap_or(text);
        let rest = Road::ALL.into_iter().find_map(|(_, scheme)| text.strip_prefix(scheme));
        let host = rest.and_then(|rest| rest.split('/').next()).unwrap_or_default();
        let plain = text.bytes().all(|byte| byte.is_ascii_graphic() && !b"@?#\\\"<>".contains(&byte));
        if plain && !host.is_empty() && !host.starts_with(':') && text.len() <= ENDPOINT_BYTES_MAX {
            Ok(Self(text))
        } else {
            Err(Rule::EndpointUnfit)
        }
    }
}

impl FromStr for Endpoint {
    type Err = Rule;

    fn from_str(text: &str) -> Result<Self, Rule> {
        if text.len() > ENDPOINT_BYTES_MAX.saturating_add(1) {
            return Err(Rule::EndpointUnfit);
        }
        Self::try_from(text.to_owned())
    }
}

impl From<Endpoint> for String {
    fn from(endpoint: Endpoint) -> Self {
        endpoint.0
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The public key that payloads to a member are sealed for.
///
/// # Shape
/// As text `x25519:` and 32 bytes as base64url without padding.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SealingKey([u8; 32]);

impl SealingKey {
    /// A key from its bytes.
    ///
    /// # Errors
    /// `SealingKeyForm` for the all-zero point, with which nothing would be secret.
    pub fn from_bytes(bytes: [u8; 32]) -> Result<Self, Rule> {
        if bytes == [0; 32] { Err(Rule::SealingKeyForm) } else { Ok(Self(bytes)) }
    }

    /// Its bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl TryFrom<String> for SealingKey {
    type Error = Rule;

    fn try_from(text: String) -> Result<Self, Rule> {
        let encoded = text.strip_prefix("x25519:").filter(|encoded| encoded.len() == 43);
        let bytes = encoded.and_then(|encoded| URL_SAFE_NO_PAD.decode(encoded).ok());
        let bytes = bytes.and_then(|bytes| bytes.try_into().ok()).ok_or(Rule::SealingKeyForm)?;
        Self::from_bytes(bytes)
    }
}

impl FromStr for SealingKey {
    type Err = Rule;

    fn from_str(text: &str) -> Result<Self, Rule> {
        Self::try_from(text.to_owned())
    }
}

impl From<SealingKey> for String {
    fn from(key: SealingKey) -> Self {
        key.to_string()
    }
}

impl fmt::Display for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "x25519:{}", URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealingKey({self})")
    }
}

/// The STIX id of an identity object: `identity--` and a UUID in lower case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct IdentityId(String);

impl IdentityId {
    /// The id as STIX writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for IdentityId {
    type Error = Rule;

    fn try_from(text: String) -> Result<Self, Rule> {
        let uuid = text.strip_prefix("identity--").filter(|uuid| uuid.len() == 36);
        let digit = |(at, byte): (usize, u8)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_digit() || matches!(byte, b'a'..=b'f'),
        };
        let fit = uuid.is_some_and(|uuid| uuid.bytes().enumerate().all(digit));
        if fit { Ok(Self(text)) } else { Err(Rule::IdentityForm) }
    }
}

impl FromStr for IdentityId {
    type Err = Rule;

    fn from_str(text: &str) -> Result<Self, Rule> {
        Self::try_from(text.to_owned())
    }
}

impl From<IdentityId> for String {
    fn from(id: IdentityId) -> Self {
        id.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_a_language_and_bounds() {
        let of = |tag: &str, name: &str| Names::new(BTreeMap::from([(tag.to_owned(), name.to_owned())]));
        assert!(of("zh-Hant", "計算機").is_ok());
        assert!(of("en", &"é".repeat(NAME_CHARS_MAX)).is_ok());
        assert!(of("en", &"é".repeat(NAME_CHARS_MAX + 1)).is_err());
        for (tag, name) in
            [("e", "x"), ("en_GB", "x"), ("en-", "x"), ("en", ""), ("en", " x"), ("en", "a\nb")]
        {
            assert_eq!(of(tag, name), Err(Rule::NameUnfit), "{tag} {name:?}");
        }
        assert_eq!(Names::new(BTreeMap::new()), Err(Rule::NameUnfit));
        let many =
            |count: usize| Names::new((0..count).map(|at| (format!("x{at}"), "n".to_owned())).collect());
        assert!(many(NAME_LANGUAGES_MAX).is_ok() && many(NAME_LANGUAGES_MAX + 1).is_err());
        let names =
            Names::new(BTreeMap::from([("ru".into(), "Р".into()), ("en".into(), "E".into())])).unwrap();
        assert_eq!((names.name("ru"), names.name("zh")), ("Р", "E"));
    }

    #[test]
    fn slugs_are_plain() {
        assert!("cert-a".parse::<Slug>().is_ok() && "a".repeat(SLUG_CHARS_MAX).parse::<Slug>().is_ok());
        let long = "a".repeat(SLUG_CHARS_MAX + 1);
        for bad in ["", "-a", "a-", "a--b", "A", "a b", "é", &long, &"0".repeat(64)] {
            assert_eq!(bad.parse::<Slug>(), Err(Rule::SlugUnfit), "{bad}");
        }
    }

    #[test]
    fn identities_are_written_in_one_way() {
        assert!("identity--6c8e0f2e-1f0b-4b3a-9d5e-0a1b2c3d4e5f".parse::<IdentityId>().is_ok());
        for bad in [
            "",
            "identity--",
            "indicator--6c8e0f2e-1f0b-4b3a-9d5e-0a1b2c3d4e5f",
            "identity--6C8e0f2e-1f0b-4b3a-9d5e-0a1b2c3d4e5f",
            "identity--6c8e0f2e01f0b-4b3a-9d5e-0a1b2c3d4e5f",
            "identity--6c8e0f2e-1f0b-4b3a-9d5e-0a1b2c3d4e5f ",
        ] {
            assert_eq!(bad.parse::<IdentityId>(), Err(Rule::IdentityForm), "{bad}");
        }
    }

    #[test]
    fn endpoints_are_plain_addresses() {
        let read = |text: &str| text.parse::<Endpoint>().map(String::from);
        assert_eq!(read("https://node.example:8400/"), Ok("https://node.example:8400".into()));
        assert_eq!(read("http://[::1]:8400/under"), Ok("http://[::1]:8400/under".into()));
        for (text, road, url) in [
            ("http://x:1", Road::Plain, "http://x:1"),
            ("https://x", Road::Mutual, "https://x"),
            ("https+proxy://x/https+proxy://", Road::Proxied, "https://x/https+proxy:/"),
        ] {
            let endpoint: Endpoint = text.parse().unwrap();
            assert_eq!((endpoint.road(), endpoint.url().as_str()), (road, url));
        }
        for bad in [
            "",
            "https://",
            "ftp://x",
            "http+proxy://x",
            "https+proxy://",
            "https://u:p@x",
            "https://x?y",
            "https://x#y",
            "https://a b",
            "http:///x",
        ] {
            assert_eq!(read(bad), Err(Rule::EndpointUnfit), "{bad}");
        }
        let long = |bytes: usize| format!("https://{}", "a".repeat(bytes - 8));
        assert!(read(&long(ENDPOINT_BYTES_MAX)).is_ok() && read(&long(ENDPOINT_BYTES_MAX + 1)).is_err());
    }

    #[test]
    fn sealing_keys_have_one_text() {
        let key = SealingKey::from_bytes([9; 32]).unwrap();
        assert_eq!(key.to_string().parse(), Ok(key));
        assert_eq!(SealingKey::from_bytes([0; 32]), Err(Rule::SealingKeyForm));
        let text = key.to_string();
        for bad in [&text[1..], &text[..text.len() - 1], "x25519:", "ed25519:AAAA", &format!("{text}=")] {
            assert_eq!(bad.parse::<SealingKey>(), Err(Rule::SealingKeyForm), "{bad}");
        }
    }
}
