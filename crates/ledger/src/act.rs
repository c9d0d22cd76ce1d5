//! Acts: what one member did towards others, as a header of fixed meaning that says nothing of the content.
//!
//! A header is JSON and is carried as the bytes it was made as: its leaf is the hash of those bytes, its signature covers
//! them, and fields that a reader does not know survive. What was said or sent is bound by salted commitments only, so a
//! header can be shown to anyone who may know that the act happened.
//!
//! Every act is bound to its author by the head that covers its leaf. An act that travels ahead of that head carries a
//! signature of its own ([`Act::sign`]); one that stays at home gets it when it is first asked for, and the signature is the
//! same, since Ed25519 signs without chance.
//!
//! Invariant: a header of a suite that is not known is refused; a kind that is not known is carried.

use std::fmt;
use std::str::FromStr;

use base::limit::ACT_BYTES_MAX;
use base::signed::{EnvelopeError, Signed, VerifyError};
use base::signing::{KeyId, KeyTextError, PublicKey, Signer, Suite};
use base::{Micros, quoted};
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::commitment::Commitment;
use crate::hash::TreeHash;

/// What a signed act says it is.
pub const ACT_TYPE: &str = "application/vnd.cresset.act.v1+json";
/// Longest name of a kind, in bytes.
const KIND_BYTES_MAX: usize = 64;
/// Longest name of a community, of an object or of a version, in bytes.
const NAME_BYTES_MAX: usize = 512;
/// What a header takes at most as a rule, in bytes.
const HEADER_BYTES_USUAL: usize = 640;
/// The last place in a ledger: numbers of places are stored with a sign.
const SEQUENCE_MAX: u64 = u64::MAX >> 1;

/// Why something is no act.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ActError {
    /// The header is larger than [`ACT_BYTES_MAX`].
    #[error("the header of the act has {0} bytes, more than {ACT_BYTES_MAX}")]
    TooLarge(usize),
    /// Not the JSON of a header.
    #[error("cannot read the header of the act: {0}")]
    Form(String),
    /// A suite that is not known here; its name, quoted. The rest may be of a later version, and is not read.
    #[error("the suite {0} of the act is not known to this version")]
    UnknownSuite(String),
    /// A field is not as it must be.
    #[error("the field {0} of the act is not as it must be")]
    Field(&'static str),
    /// Not an envelope.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    /// Not signed by the key.
    #[error(transparent)]
    Verify(#[from] VerifyError),
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ActKind {
    /// An object came in.
    Received,
    /// An object was sent to the addressees.
    Released,
    /// An object was not sent; the payload says by which rule.
    Withheld,
    /// Handling changed.
    MarkingChanged,
    /// An object was called back.
    Recalled,
    /// An object was destroyed.
    Erased,
    /// An object was seen in the wild.
    Sighted,
    /// Passing on was allowed.
    Consented,
    /// That passing on was allowed was taken back.
    ConsentRevoked,
    /// The registry of members changed.
    RegistryChanged,
    /// An object was destroyed here, because its time was over.
    RetentionEnded,
    /// Something that takes a second person was done without one; every member is told.
    GlassBroken,
    /// An object was let go of here, because circles by which this member had it have taken it out.
    CircleLeft,
    /// A kind of a later version: lower-case letters, digits and hyphens.
    Other(String),
}

/// Every kind that is known, by name. Its places are stored ([`crate::short`]): it grows at its end only.
pub(crate) const KINDS: [(&str, ActKind); 13] = [
    ("received", ActKind::Received),
    ("released", ActKind::Released),
    ("withheld", ActKind::Withheld),
    ("marking-changed", ActKind::MarkingChanged),
    ("recalled", ActKind::Recalled),
    ("erased", ActKind::Erased),
    ("sighted", ActKind::Sighted),
    ("consented", ActKind::Consented),
    ("consent-revoked", ActKind::ConsentRevoked),
    ("registry-changed", ActKind::RegistryChanged),
    ("retention-ended", ActKind::RetentionEnded),
    ("glass-broken", ActKind::GlassBroken),
    ("circle-left", ActKind::CircleLeft),
];

impl ActKind {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Other(name) => name,
            known => KINDS.iter().find(|(_, kind)| kind == known).map_or("", |(name, _)| name),
        }
    }
}

impl FromStr for ActKind {
    type Err = ActError;

    fn from_str(text: &str) -> Result<Self, ActError> {
        if let Some((_, kind)) = KINDS.iter().find(|(name, _)| *name == text) {
            return Ok(kind.clone());
        }
        let fit = (1..=KIND_BYTES_MAX).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        if fit { Ok(Self::Other(text.to_owned())) } else { Err(ActError::Field("kind")) }
    }
}

impl fmt::Display for ActKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for ActKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for ActKind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// The object an act is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActObject {
    /// STIX id.
    pub id: String,
    /// Version as written, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Commitment to its exact bytes, or their digest where they are no secret.
    pub digest: Commitment,
}

/// The header of an act.
///
/// # Shape
/// As JSON the members below in this order, those that are absent left out; `at` is RFC 3339 with microseconds, ids and
/// digests are 64 lower-case hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// How the author signs.
    pub suite: Suite,
    /// What was done.
    pub kind: ActKind,
    /// Which member did it.
    pub author: KeyId,
    /// Its place in the author's ledger, from 0.
    pub sequence: u64,
    /// When, by the author's clock.
    #[serde(serialize_with = "write_at", deserialize_with = "read_at")]
    pub at: Micros,
    /// In which community; empty before there is one.
    pub community: String,
    /// About which object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<ActObject>,
    /// Digest of the handling rules that held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handling: Option<Commitment>,
    /// Commitment to the payload.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<Commitment>,
    /// Commitment to the members it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub addressees: Option<Commitment>,
}

fn write_at<S: Serializer>(at: &Micros, serializer: S) -> Result<S::Ok, S::Error> {
    let at = Timestamp::from_microsecond(at.0).map_err(serde::ser::Error::custom)?;
    serializer.collect_str(&format_args!("{at:.6}"))
}

fn read_at<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Micros, D::Error> {
    let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
    let at: Timestamp = text.parse().map_err(|_| serde::de::Error::custom("not a time of RFC 3339"))?;
    Ok(Micros(at.as_microsecond()))
}

impl Header {
    /// Reads a header.
    ///
    /// # Errors
    /// `TooLarge`, `Form`, `UnknownSuite` and `Field`.
    pub fn parse(bytes: &[u8]) -> Result<Self, ActError> {
        if bytes.len() > ACT_BYTES_MAX {
            return Err(ActError::TooLarge(bytes.len()));
        }
        let header: Self = serde_json::from_slice(bytes).map_err(|error| unread(bytes, &error))?;
        header.check()?;
        Ok(header)
    }

    fn check(&self) -> Result<(), ActError> {
        if self.community.len() > NAME_BYTES_MAX {
            return Err(ActError::Field("community"));
        }
        if self.sequence > SEQUENCE_MAX {
            return Err(ActError::Field("sequence"));
        }
        let Some(object) = &self.object else { return Ok(()) };
        let version = object.version.as_deref().unwrap_or_default();
        if object.id.is_empty() || object.id.len() > NAME_BYTES_MAX || version.len() > NAME_BYTES_MAX {
            return Err(ActError::Field("object"));
        }
        Ok(())
    }

    /// The header as bytes, and so as a leaf: from here on they are never written anew.
    ///
    /// # Errors
    /// `Field` when a field is longer than a reader takes, or the time beyond the year 9999.
    pub fn seal(self) -> Result<Act, ActError> {
        self.check()?;
        let mut bytes = Vec::with_capacity(HEADER_BYTES_USUAL);
        serde_json::to_writer(&mut bytes, &self).map_err(|_| ActError::Field("at"))?;
        if bytes.len() > ACT_BYTES_MAX {
            return Err(ActError::TooLarge(bytes.len()));
        }
        Ok(Act { header: self, leaf: TreeHash::leaf(&bytes), bytes })
    }
}

/// A header as far as any version of this program can read it.
#[derive(Deserialize)]
struct SuiteOnly<'a> {
    #[serde(borrow)]
    suite: std::borrow::Cow<'a, str>,
}

/// Why bytes are no header. What they say themselves is quoted: a message of the reader may repeat hostile text.
fn unread(bytes: &[u8], error: &serde_json::Error) -> ActError {
    let suite = serde_json::from_slice::<SuiteOnly<'_>>(bytes).ok().map(|only| only.suite.parse::<Suite>());
    match suite {
        Some(Err(KeyTextError::UnknownSuite(name))) => ActError::UnknownSuite(name),
        _ => ActError::Form(quoted(&error.to_string()).to_string()),
    }
}

/// A header and the bytes it was made as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Act {
    header: Header,
    bytes: Vec<u8>,
    leaf: TreeHash,
}

impl Act {
    /// Reads an act from the bytes of its header. Nothing of it is verified.
    ///
    /// # Errors
    /// `TooLarge`, `Form`, `UnknownSuite` and `Field`.
    pub fn parse(bytes: &[u8]) -> Result<Self, ActError> {
        Ok(Self { header: Header::parse(bytes)?, bytes: bytes.to_vec(), leaf: TreeHash::leaf(bytes) })
    }

    /// What it says.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// The bytes of the header.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Its leaf in the author's ledger.
    #[must_use]
    pub const fn leaf(&self) -> TreeHash {
        self.leaf
    }

    /// The act with its author's signature.
    ///
    /// # Errors
    /// `Field` when `signer` is of another suite than the header names.
    pub fn sign(&self, signer: &dyn Signer) -> Result<Signed, ActError> {
        if signer.public_key().suite() != self.header.suite {
            return Err(ActError::Field("suite"));
        }
        Ok(Signed::sign(ACT_TYPE, self.bytes.clone(), signer)?)
    }

    /// The act in `signed`, if `key` signed it. Whether the key is the author's is for the registry.
    ///
    /// # Errors
    /// `Verify`, and those of [`Act::parse`].
    pub fn open(signed: &Signed, key: &PublicKey) -> Result<Self, ActError> {
        let act = Self::parse(signed.verify_with(ACT_TYPE, key)?)?;
        if act.header.suite != key.suite() {
            return Err(ActError::Field("suite"));
        }
        Ok(act)
    }

    /// The act in `signed`, not verified: to learn whose key is needed.
    ///
    /// # Errors
    /// Those of [`Act::parse`].
    pub fn peek(signed: &Signed) -> Result<Self, ActError> {
        Self::parse(signed.unverified_payload())
    }
}

#[cfg(test)]
#[path = "act_tests.rs"]
mod tests;
