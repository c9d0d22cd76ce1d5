//! What an act's payload holds: the object, its handling rules, and a document of the act's kind.
//!
//! All kinds share one frame, so that an act of a kind nobody here knows can still be judged, kept and erased. The bytes are
//! kept as they came; fields that a reader does not know survive, since the commitment covers them.

use base::Micros;
use base::limit::{DOCUMENT_BYTES_MAX, ENVELOPE_FIELDS_MAX, OBJECT_BYTES_MAX, RULES_BYTES_MAX};
use base::signing::KeyId;
use ledger::TreeHash;
use ledger::commitment::Salt;
use serde::{Deserialize, Serialize};

use crate::Rule;
use crate::frame::{self, Magic, Writer};

const MAGIC: Magic = *b"CRP1";
const RULES: u16 = 1;
const OBJECT: u16 = 2;
const DOCUMENT: u16 = 3;
const OBJECT_SALT: u16 = 4;

const SALT_BYTES: usize = 32;

/// A payload's parts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Content<'a> {
    /// The line of handling rules.
    pub rules: &'a str,
    /// The object's exact bytes; empty where the act brings none.
    pub object: &'a [u8],
    /// JSON of the act's kind; empty where it has none.
    pub document: &'a [u8],
    /// The salt of the object's commitment, where that is not the act's: who is given the object by a later act learns it, and tries
    /// nothing else with it of what earlier acts commit to.
    pub object_salt: Option<Salt>,
}

impl<'a> Content<'a> {
    /// Since when an act that gives something says that it is shared, where it gives it again.
    #[must_use]
    pub fn shared_again(&self) -> Option<Micros> {
        let again = Some(self.document).filter(|document| !self.object.is_empty() && !document.is_empty())?;
        read_document::<Again>(again).ok().map(|again| Micros(again.shared_us))
    }

    /// Reads a payload.
    ///
    /// # Errors
    /// `PayloadForm`.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Rule> {
        let fields = frame::read(MAGIC, bytes, ENVELOPE_FIELDS_MAX).map_err(|_| Rule::PayloadForm)?;
        let part = |tag, most: usize| match frame::single(&fields, tag) {
            Some(part) if part.len() <= most => Ok(part),
            None if fields.iter().all(|field| field.tag != tag) => Ok(&[][..]),
            _ => Err(Rule::PayloadForm),
        };
        let rules = std::str::from_utf8(part(RULES, RULES_BYTES_MAX)?).map_err(|_| Rule::PayloadForm)?;
        let object_salt = match part(OBJECT_SALT, SALT_BYTES)? {
            [] => None,
            salt => Some(Salt::from_bytes(salt.try_into().map_err(|_| Rule::PayloadForm)?)),
        };
        Ok(Self {
            rules,
            object: part(OBJECT, OBJECT_BYTES_MAX)?,
            document: part(DOCUMENT, DOCUMENT_BYTES_MAX)?,
            object_salt,
        })
    }

    /// The payload.
    ///
    /// # Errors
    /// `PayloadForm` when a part is larger than a reader takes.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Rule> {
        let fits = self.rules.len() <= RULES_BYTES_MAX
            && self.object.len() <= OBJECT_BYTES_MAX
            && self.document.len() <= DOCUMENT_BYTES_MAX;
        if !fits {
            return Err(Rule::PayloadForm);
        }
        let mut writer = Writer::new(MAGIC);
        let salt = self.object_salt.as_ref().map_or(&[][..], |salt| salt.as_bytes());
        let parts = [
            (RULES, self.rules.as_bytes()),
            (OBJECT, self.object),
            (DOCUMENT, self.document),
            (OBJECT_SALT, salt),
        ];
        for (tag, part) in parts.into_iter().filter(|(_, part)| !part.is_empty()) {
            writer.field(tag, part);
        }
        Ok(writer.finish())
    }
}

/// What of an object exchange itself reads.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct ObjectHead {
    pub(crate) id: String,
    #[serde(default)]
    modified: Option<String>,
    #[serde(default)]
    created: Option<String>,
    #[serde(default)]
    pub(crate) created_by_ref: Option<String>,
}

impl ObjectHead {
    pub(crate) fn read(object: &[u8]) -> Result<Self, Rule> {
        serde_json::from_slice(object).map_err(|_| Rule::PayloadForm)
    }

    /// The version as written: `modified`, or `created` where there is no other.
    pub(crate) fn version(&self) -> Option<&str> {
        self.modified.as_deref().or(self.created.as_deref())
    }
}

/// The version of an object as exchange names it: `modified` as written, else `created`, else nothing.
///
/// # Errors
/// `PayloadForm` for bytes that are no object.
pub fn object_version(object: &[u8]) -> Result<String, Rule> {
    Ok(ObjectHead::read(object)?.version().unwrap_or_default().to_owned())
}

/// The document of `recalled`, `erased` and `marking-changed`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Whose object it is: the act's author, or the act is refused.
    pub originator: KeyId,
    /// Why, in the author's words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// Of a narrowing: that it says for whom the object is from now on, and for nobody else. Consents of before for others end.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub only: bool,
}

/// The document of `registry-changed`: by which state of the community's registry its author goes from then on. The entries are for
/// every member to have; of circles it says nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegistryState {
    /// Digest of the registry, in hexadecimal: equal wherever the same entries are.
    pub state: String,
    /// Epoch of the community's last decision.
    pub epoch: u64,
    /// The digest of before, as the author said it last; absent the first time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
}

/// The document of an act that gives again what was given before, after what gave it was taken back from others: since when it is shared.
/// Who has come to a circle since is given it by its owner's word alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Again {
    /// When it was shared first, by the author's clock, in microseconds since 1970.
    pub(crate) shared_us: i64,
}

/// The document of `glass-broken`: what its author did without a second person. It names no person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// What kind of deed.
    pub deed: String,
    /// Why, in the author's words.
    pub reason: String,
}

impl Notice {
    /// Reads it from a payload.
    ///
    /// # Errors
    /// `PayloadForm`.
    pub fn read(content: &Content<'_>) -> Result<Self, Rule> {
        read_document(content.document)
    }
}

/// What a recipient did with an act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It holds the object.
    Kept,
    /// The act came without content, since its author has taken that back or narrowed it.
    Empty,
    /// A later act of the author had already replaced it.
    Superseded,
    /// It did what the act asks: narrowed, removed, erased, noted.
    Done,
}

impl Outcome {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Empty => "empty",
            Self::Superseded => "superseded",
            Self::Done => "done",
        }
    }
}

/// The document of `received`: what became of acts of one author.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Whose acts.
    pub of: KeyId,
    /// The acts, in the order they were taken.
    pub acts: Vec<ReceiptLine>,
    /// When, by the recipient's clock, in microseconds since 1970.
    pub at_us: i64,
}

/// One act in a receipt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiptLine {
    /// Its place in its author's ledger.
    pub sequence: u64,
    /// Its leaf.
    #[serde(with = "leaf_text")]
    pub leaf: TreeHash,
    /// What was done with it.
    pub outcome: Outcome,
}

mod leaf_text {
    //! A leaf as base64, the text it has everywhere else.

    use ledger::TreeHash;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(leaf: &TreeHash, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(leaf)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<TreeHash, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

pub(crate) fn read_document<'a, T: Deserialize<'a>>(document: &'a [u8]) -> Result<T, Rule> {
    serde_json::from_slice(document).map_err(|_| Rule::PayloadForm)
}

pub(crate) fn write_document<T: Serialize>(document: &T) -> Vec<u8> {
    serde_json::to_vec(document).expect("invariant: documents of strings and numbers are always JSON")
}

/// Whether two clocks differ so much that the operator is told.
#[must_use]
pub fn is_skewed(at: Micros, now: Micros) -> bool {
    let limit = base::limit::CLOCK_SKEW_SECONDS.saturating_mul(Micros::SECOND);
    at.0.saturating_sub(now.0).saturating_abs() > limit
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_read_back_and_unknown_fields_pass() {
        let object_salt = Some(Salt::from_bytes([7; 32]));
        let content = Content { rules: "to=all", object: b"{}", document: b"", object_salt };
        let bytes = content.to_bytes().unwrap();
        assert_eq!(Content::parse(&bytes), Ok(content.clone()));
        let mut later = bytes.clone();
        later.extend_from_slice(&[0, 99, 0, 0, 0, 1, 7]);
        assert_eq!(Content::parse(&later), Ok(content));
        assert_eq!(Content::parse(b"CRP1"), Ok(Content::default()));
        let twice = [&bytes[..], &bytes[4..]].concat();
        let short = [&b"CRP1\x00\x04\x00\x00\x00\x1f"[..], &[7; 31]].concat();
        for bad in [&b"CRP2"[..], &bytes[..bytes.len() - 1], &twice, &short] {
            assert_eq!(Content::parse(bad), Err(Rule::PayloadForm));
        }
        let long = "x".repeat(RULES_BYTES_MAX + 1);
        let too_long = Content { rules: &long, ..Content::default() };
        assert_eq!(too_long.to_bytes(), Err(Rule::PayloadForm));
        let fits = Content { rules: &long[1..], ..Content::default() };
        assert!(Content::parse(&fits.to_bytes().unwrap()).is_ok());
    }

    #[test]
    fn a_version_is_the_modified_or_the_created() {
        let head = ObjectHead::read(br#"{"id":"x--1","created":"a","modified":"b","new":[1]}"#).unwrap();
        assert_eq!((head.version(), head.created_by_ref.as_deref()), (Some("b"), None));
        let head = ObjectHead::read(br#"{"id":"x--1","created":"a","created_by_ref":"i"}"#).unwrap();
        assert_eq!((head.version(), head.created_by_ref.as_deref()), (Some("a"), Some("i")));
        assert_eq!(ObjectHead::read(b"[]"), Err(Rule::PayloadForm));
    }
}
