//! One entry of the registry: which chain, which place, what it says, and who signed it.
//!
//! There is one chain for what the quorum decides and one for each member's own affairs (its key, names, endpoints), so that
//! two members who change their own things at the same time never collide. The chains are tied together: a decision names
//! how far each member's own chain had come (`heads`), an own entry names the decision it was made after (`basis`).
//!
//! An entry is a signed statement (DSSE). Reading one checks its form and nothing else; whether it holds is for
//! [`crate::Registry`] to say. The payload is kept verbatim, so fields and kinds that this version does not know survive.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use base::Micros;
use base::limit::{REGISTRY_ENTRY_BYTES_MAX, STALLED_VOTES_MAX};
use base::signed::Signed;
use base::signing::{KeyId, Signature, Signer};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::statement::{micros, payload, read_signed};
use crate::{CommunityId, EntryHash, MemberId, Rule};

/// The type of a signed entry.
pub const ENTRY_TYPE: &str = "application/vnd.cresset.registry-entry+json";

/// Which chain an entry stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Chain {
    /// What the quorum decides.
    Community,
    /// What one member says of itself.
    Own(MemberId),
}

impl fmt::Display for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Community => f.write_str("community"),
            Self::Own(member) => member.fmt(f),
        }
    }
}

impl FromStr for Chain {
    type Err = Rule;

    fn from_str(text: &str) -> Result<Self, Rule> {
        if text == "community" { Ok(Self::Community) } else { text.parse().map(Self::Own) }
    }
}

impl Serialize for Chain {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Chain {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A place in a chain and what stands there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Point {
    /// Counts from 0.
    pub epoch: u64,
    /// What stands there.
    pub hash: EntryHash,
}

/// What an entry says, read from its payload.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Content {
    /// The community; absent in the founding entry, whose hash becomes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub community: Option<CommunityId>,
    /// The chain.
    pub chain: Chain,
    /// The place, from 0.
    pub epoch: u64,
    /// The entry before it; absent in the founding entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<EntryHash>,
    /// When it was made.
    #[serde(rename = "at_us", with = "micros")]
    pub at: Micros,
    /// Which attempt at this place it is, from 0; in the community's chain only.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub round: u64,
    /// How far members' own chains had come, where further than the decision before says; in the community's chain only.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub heads: BTreeMap<MemberId, Point>,
    /// The decision it was made after; in own chains only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basis: Option<Point>,
    /// What kind of entry it is.
    pub kind: String,
    /// What it says, in the form of its kind.
    pub body: Box<RawValue>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_zero(round: &u64) -> bool {
    *round == 0
}

/// An entry with its signatures.
///
/// # Shape
/// As JSON `{"entry": signed statement, "stalled": [signed statements]}`, the second part only where a later round needs
/// it: the votes that show the rounds before cannot succeed.
#[derive(Clone, Debug)]
pub struct Entry {
    content: Content,
    hash: EntryHash,
    signed: Signed,
    stalled: Vec<Entry>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    entry: Signed,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    stalled: Vec<Signed>,
}

impl Entry {
    /// An entry that nobody has signed yet.
    ///
    /// # Errors
    /// `TooLarge`.
    pub fn unsigned(content: &Content) -> Result<Self, Rule> {
        let payload = serde_json::to_vec(content).map_err(|_| Rule::PayloadForm)?;
        let signed = Signed::unsigned(ENTRY_TYPE, payload).map_err(|_| Rule::TooLarge)?;
        Self::from_signed(signed)
    }

    /// An entry from its signed statement.
    ///
    /// # Errors
    /// `PayloadType`, `PayloadForm`, `TooLarge`. Signatures are not looked at.
    pub fn from_signed(signed: Signed) -> Result<Self, Rule> {
        let content: Content = payload(&signed, ENTRY_TYPE)?;
        let hash = EntryHash::of(signed.unverified_payload());
        Ok(Self { content, hash, signed, stalled: Vec::new() })
    }

    /// Reads an entry in its one exact form.
    ///
    /// # Errors
    /// `TooLarge`, `EnvelopeForm`, `PayloadType`, `PayloadForm`. Signatures are not looked at.
    ///
    /// # Limits
    /// Linear in the text, which is refused unread above [`REGISTRY_ENTRY_BYTES_MAX`].
    pub fn parse(text: &[u8]) -> Result<Self, Rule> {
        if text.len() > REGISTRY_ENTRY_BYTES_MAX {
            return Err(Rule::TooLarge);
        }
        let form: Form = serde_json::from_slice(text).map_err(|_| Rule::EnvelopeForm)?;
        let stalled = form.stalled.into_iter().map(Self::from_signed).collect::<Result<_, _>>()?;
        let entry = Self::from_signed(form.entry)?.with_stalled(stalled)?;
        if entry.to_json().as_bytes() == text { Ok(entry) } else { Err(Rule::EnvelopeForm) }
    }

    /// The entry as one line of JSON: its one exact form.
    #[must_use]
    pub fn to_json(&self) -> String {
        let stalled = self.stalled.iter().map(|vote| vote.signed.clone()).collect();
        let form = Form { entry: self.signed.clone(), stalled };
        serde_json::to_string(&form).expect("invariant: signed statements are always JSON")
    }

    /// The same with the votes that show earlier rounds cannot succeed.
    ///
    /// # Errors
    /// `TooMany`.
    pub fn with_stalled(mut self, stalled: Vec<Self>) -> Result<Self, Rule> {
        if stalled.len() > STALLED_VOTES_MAX {
            return Err(Rule::TooMany);
        }
        self.stalled = stalled;
        Ok(self)
    }

    /// Adds a signature.
    ///
    /// # Errors
    /// `TooMany`.
    pub fn sign(&mut self, signer: &dyn Signer) -> Result<(), Rule> {
        self.signed.add(signer).map_err(|_| Rule::TooMany)
    }

    /// Takes over the signatures of another copy of the same entry. They are not checked here.
    ///
    /// # Errors
    /// `TooMany`; `PayloadForm` when it is another entry.
    pub fn merge(&mut self, other: &Self) -> Result<(), Rule> {
        if self.hash != other.hash {
            return Err(Rule::PayloadForm);
        }
        for (key, signature) in other.signed.signatures() {
            let known = self.signed.signatures().iter().any(|(by, _)| by == key);
            if !known {
                self.signed.attach(*key, *signature).map_err(|_| Rule::TooMany)?;
            }
        }
        Ok(())
    }

    /// The same entry with only those signatures that `keep` says, in order of key id: its one form for these signers.
    #[must_use]
    pub fn signed_by(&self, keep: impl Fn(KeyId, &Signature) -> bool) -> Self {
        let mut entry = self.clone();
        let payload = self.signed.unverified_payload().to_vec();
        if let Ok(mut signed) = Signed::unsigned(ENTRY_TYPE, payload) {
            let all = self.signed.signatures().iter();
            let mut kept: Vec<_> = all.filter(|(key, signature)| keep(*key, signature)).collect();
            kept.sort_by_key(|(key, _)| *key);
            for (key, signature) in kept {
                // There were no more before.
                let _ = signed.attach(*key, *signature);
            }
            entry.signed = signed;
        }
        entry
    }

    /// What it says.
    #[must_use]
    pub const fn content(&self) -> &Content {
        &self.content
    }

    /// Its hash.
    #[must_use]
    pub const fn hash(&self) -> EntryHash {
        self.hash
    }

    /// Its place.
    #[must_use]
    pub const fn point(&self) -> Point {
        Point { epoch: self.content.epoch, hash: self.hash }
    }

    /// The statement under the signatures.
    #[must_use]
    pub const fn signed(&self) -> &Signed {
        &self.signed
    }

    /// The votes that show earlier rounds cannot succeed.
    #[must_use]
    pub fn stalled(&self) -> &[Self] {
        &self.stalled
    }

    /// The community it belongs to: the one it names, or the one it founds.
    #[must_use]
    pub fn community(&self) -> CommunityId {
        self.content.community.unwrap_or(CommunityId(self.hash))
    }
}

/// A statement in its one exact form, up to `bytes_max` bytes.
///
/// # Errors
/// `TooLarge`, `EnvelopeForm`.
pub fn read_statement(text: &[u8], bytes_max: usize) -> Result<Signed, Rule> {
    read_signed(text, bytes_max)
}
