//! What a member says of itself, and how it asks to be let in.
//!
//! A [`Statement`] is the whole of what a newcomer brings: names, slug, kind, endpoints, and its keys. A [`JoinRequest`] is a
//! statement for one community, signed with the statement's own key, which proves that who asks holds it. Whether anybody
//! lets them in is for the quorum.

use base::Micros;
use base::limit::{
    ENDPOINTS_MAX, NAME_CHARS_MAX, NODES_MAX, RECOVERY_KEYS_MAX, REGISTRY_ENTRY_BYTES_MAX, ROLES_MAX,
};
use base::signed::Signed;
use base::signing::{PublicKey, Signer, Suite};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::words::is_line;
use crate::{
    CommunityId, Endpoint, IdentityId, MemberId, MemberKind, Names, NodeCertificate, Rule, SealingKey, Slug,
    SubjectHash,
};

/// The type of a signed join request.
pub const JOIN_REQUEST_TYPE: &str = "application/vnd.cresset.join-request+json";

/// The keys that may replace a member's long-term key, and how many of them it takes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recovery {
    /// Public halves of keys that are kept away from the node.
    pub keys: Vec<PublicKey>,
    /// How many of them must sign; at least one where there are any.
    pub needed: usize,
}

impl Recovery {
    /// No recovery: a lost key is lost.
    pub const NONE: Self = Self { keys: Vec::new(), needed: 0 };

    pub(crate) fn check(&self) -> Result<(), Rule> {
        if self.keys.len() > RECOVERY_KEYS_MAX {
            return Err(Rule::TooMany);
        }
        let twice =
            self.keys.iter().enumerate().any(|(at, key)| self.keys.iter().skip(at + 1).any(|k| k == key));
        let needed = if self.keys.is_empty() { self.needed == 0 } else { self.needed >= 1 };
        if twice || !needed || self.needed > self.keys.len() { Err(Rule::PayloadForm) } else { Ok(()) }
    }
}

/// What a member says of itself when it comes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement {
    /// Its long-term key.
    pub key: PublicKey,
    /// Names by language.
    pub names: Names,
    /// What people type for it.
    pub slug: Slug,
    /// What it is.
    pub kind: MemberKind,
    /// What it does in the community, in its own words: `convener`, `relay`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
    /// Suites it can verify, best first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub suites: Vec<String>,
    /// Where its nodes answer, best first.
    pub endpoints: Vec<Endpoint>,
    /// Who may replace its key.
    #[serde(default)]
    pub recovery: Recovery,
    /// What payloads to it are sealed for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealing: Option<SealingKey>,
    /// Its identity object, by which STIX content names it as author.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<IdentityId>,
    /// Certificates of its nodes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nodes: Vec<Signed>,
}

impl Statement {
    /// A statement with what every member has; the rest is empty.
    #[must_use]
    pub fn new(key: PublicKey, names: Names, slug: Slug, kind: MemberKind) -> Self {
        Self {
            key,
            names,
            slug,
            kind,
            roles: Vec::new(),
            suites: vec![Suite::Ed25519.name().to_owned()],
            endpoints: Vec::new(),
            recovery: Recovery::NONE,
            sealing: None,
            identity: None,
            nodes: Vec::new(),
        }
    }

    /// Checks what types alone do not hold: lengths of lists, and that no key plays two parts.
    pub(crate) fn check(&self, member: MemberId) -> Result<(), Rule> {
        self.recovery.check()?;
        for node in &self.nodes {
            NodeCertificate::open(node, member, &self.key)?;
        }
        if self.recovery.keys.contains(&self.key) {
            return Err(Rule::KeyTaken);
        }
        check_lists(&self.endpoints, &self.nodes)?;
        let lines = self.roles.iter().chain(&self.suites);
        if self.roles.len() > ROLES_MAX || self.suites.len() > ROLES_MAX {
            return Err(Rule::TooMany);
        }
        if lines.into_iter().all(|line| is_line(line, NAME_CHARS_MAX)) {
            Ok(())
        } else {
            Err(Rule::PayloadForm)
        }
    }
}

pub(crate) fn check_lists(endpoints: &[Endpoint], nodes: &[Signed]) -> Result<(), Rule> {
    if endpoints.len() > ENDPOINTS_MAX || nodes.len() > NODES_MAX { Err(Rule::TooMany) } else { Ok(()) }
}

/// A statement for one community.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinRequest {
    /// Which.
    pub community: CommunityId,
    /// When it was made.
    #[serde(rename = "at_us", with = "micros")]
    pub at: Micros,
    /// The member it was, for one who left and comes back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again: Option<MemberId>,
    /// What it says of itself.
    pub statement: Statement,
}

impl JoinRequest {
    /// Signs the request with the key it speaks of.
    ///
    /// # Errors
    /// `SignatureMissing` when `signer` holds another key, and whatever is wrong with the statement.
    pub fn sign(&self, signer: &dyn Signer) -> Result<Signed, Rule> {
        self.statement.check(self.member())?;
        if signer.public_key() != self.statement.key {
            return Err(Rule::SignatureMissing);
        }
        sign(JOIN_REQUEST_TYPE, self, signer)
    }

    /// Reads a request and verifies that it was signed with the key it speaks of, and by nobody else.
    ///
    /// # Errors
    /// `PayloadType`, `PayloadForm`, `SignatureMissing`, `SignatureInvalid`, or what is wrong with the statement.
    pub fn open(signed: &Signed) -> Result<Self, Rule> {
        let request: Self = payload(signed, JOIN_REQUEST_TYPE)?;
        request.statement.check(request.member())?;
        signed_by_alone(signed, JOIN_REQUEST_TYPE, &request.statement.key)?;
        Ok(request)
    }

    /// The hash under which a request is approved.
    #[must_use]
    pub fn subject(signed: &Signed) -> SubjectHash {
        SubjectHash::of(signed.unverified_payload())
    }

    /// The member that this request makes, or makes again.
    #[must_use]
    pub fn member(&self) -> MemberId {
        self.again.unwrap_or_else(|| MemberId(self.statement.key.id()))
    }
}

/// Signs a value as one of ours.
pub(crate) fn sign(kind: &str, value: &impl Serialize, signer: &dyn Signer) -> Result<Signed, Rule> {
    let payload = serde_json::to_vec(value).map_err(|_| Rule::PayloadForm)?;
    Signed::sign(kind, payload, signer).map_err(|_| Rule::TooLarge)
}

/// Reads the content of a signed statement of one kind. Nothing is verified.
pub(crate) fn payload<T: DeserializeOwned>(signed: &Signed, kind: &str) -> Result<T, Rule> {
    if signed.payload_type() != kind {
        return Err(Rule::PayloadType);
    }
    if signed.unverified_payload().len() > REGISTRY_ENTRY_BYTES_MAX {
        return Err(Rule::TooLarge);
    }
    serde_json::from_slice(signed.unverified_payload()).map_err(|_| Rule::PayloadForm)
}

/// Verifies that a statement has exactly one signature, by `key`.
pub(crate) fn signed_by_alone(signed: &Signed, kind: &str, key: &PublicKey) -> Result<(), Rule> {
    match signed.signatures() {
        [] => Err(Rule::SignatureMissing),
        [(by, _)] if *by != key.id() => Err(Rule::SignatureStranger),
        [_] => signed.verify_with(kind, key).map(|_| ()).map_err(|_| Rule::SignatureInvalid),
        [_, _, ..] => Err(Rule::SignatureStranger),
    }
}

/// Reads a signed statement in its one exact form.
pub(crate) fn read_signed(text: &[u8], bytes_max: usize) -> Result<Signed, Rule> {
    if text.len() > bytes_max {
        return Err(Rule::TooLarge);
    }
    let signed = Signed::parse(text).map_err(|_| Rule::EnvelopeForm)?;
    if signed.to_json().as_bytes() == text { Ok(signed) } else { Err(Rule::EnvelopeForm) }
}

/// Moments as whole microseconds.
pub(crate) mod micros {
    use base::Micros;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(at: &Micros, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(at.0)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Micros, D::Error> {
        i64::deserialize(deserializer).map(Micros)
    }
}
