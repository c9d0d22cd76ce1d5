//! The kinds of entries that this version knows, and what each says.
//!
//! A kind that is not known is no error here: it is told as [`Body::Unknown`] and changes nothing.

use base::Micros;
use base::signed::Signed;
use base::signing::PublicKey;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

use crate::entry::Content;
use crate::{
    Chain, Endpoint, IdentityId, JoinRequest, MemberId, Names, QuorumRule, Recovery, Rule, SealingKey,
    Statement,
};

/// The first entry of a community.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Founded {
    /// The community's names.
    pub names: Names,
    /// How decisions are made.
    #[serde(default)]
    pub quorum: QuorumRule,
    /// The founder.
    pub founder: Statement,
}

/// A member let in, or let in again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Admitted {
    /// Its signed request.
    pub request: Signed,
}

/// A member whose standing changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfMember {
    /// Which.
    pub member: MemberId,
    /// Why, in words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// When it was proposed: a decision comes within 30 days.
    #[serde(rename = "proposed_us", with = "crate::statement::micros")]
    pub proposed: Micros,
}

/// A new rule for decisions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuorumChanged {
    /// The rule.
    pub quorum: QuorumRule,
    /// When it was proposed.
    #[serde(rename = "proposed_us", with = "crate::statement::micros")]
    pub proposed: Micros,
}

/// A new key for a member, by whatever right.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewKey {
    /// The key.
    pub key: PublicKey,
}

/// What an entry says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// The community begins.
    Founded(Box<Founded>),
    /// A member comes.
    Admitted(Box<Admitted>),
    /// A member is put aside: no vote, no exchange.
    Suspended(OfMember),
    /// A suspended member is back.
    Reinstated(OfMember),
    /// A member that had left, or was suspended, comes again with a new statement.
    Rejoined(Box<Admitted>),
    /// Decisions are made otherwise from now on.
    QuorumChanged(QuorumChanged),
    /// Nothing but the heads is noted.
    Noted,
    /// The member's key is replaced by its own word.
    KeyRotated(NewKey),
    /// The member's key is to be replaced by its recovery keys' word, after the delay.
    KeyRecovered(NewKey),
    /// The member's own key takes the recovery back.
    RecoveryCancelled,
    /// Other recovery keys.
    RecoveryKeysChanged(Recovery),
    /// Other endpoints.
    EndpointsChanged(Vec<Endpoint>),
    /// Other names.
    NamesChanged(Names),
    /// Another sealing key.
    SealingKeyChanged(SealingKey),
    /// Another identity object.
    IdentityChanged(IdentityId),
    /// Other node certificates.
    NodesChanged(Vec<Signed>),
    /// The member gives notice.
    Withdrawn,
    /// A kind this version does not know.
    Unknown(String),
}

/// Lists of one kind stand under a name, so that more can stand beside them later.
#[derive(Serialize, Deserialize)]
struct Listed<T> {
    value: T,
}

#[derive(Serialize, Deserialize)]
struct Nothing {}

impl Body {
    /// The name of the kind.
    #[must_use]
    pub fn kind(&self) -> &str {
        match self {
            Self::Founded(_) => "founded",
            Self::Admitted(_) => "member-admitted",
            Self::Suspended(_) => "member-suspended",
            Self::Reinstated(_) => "member-reinstated",
            Self::Rejoined(_) => "member-rejoined",
            Self::QuorumChanged(_) => "quorum-changed",
            Self::Noted => "noted",
            Self::KeyRotated(_) => "key-rotated",
            Self::KeyRecovered(_) => "key-recovered",
            Self::RecoveryCancelled => "recovery-cancelled",
            Self::RecoveryKeysChanged(_) => "recovery-keys-changed",
            Self::EndpointsChanged(_) => "endpoints-changed",
            Self::NamesChanged(_) => "names-changed",
            Self::SealingKeyChanged(_) => "sealing-key-changed",
            Self::IdentityChanged(_) => "identity-changed",
            Self::NodesChanged(_) => "nodes-changed",
            Self::Withdrawn => "withdrawn",
            Self::Unknown(kind) => kind,
        }
    }

    /// The body as JSON.
    pub(crate) fn to_raw(&self) -> Result<Box<RawValue>, Rule> {
        let raw = match self {
            Self::Founded(body) => to_raw_value(body),
            Self::Admitted(body) | Self::Rejoined(body) => to_raw_value(body),
            Self::Suspended(body) | Self::Reinstated(body) => to_raw_value(body),
            Self::QuorumChanged(body) => to_raw_value(body),
            Self::KeyRotated(body) | Self::KeyRecovered(body) => to_raw_value(body),
            Self::RecoveryKeysChanged(value) => to_raw_value(&Listed { value }),
            Self::EndpointsChanged(value) => to_raw_value(&Listed { value }),
            Self::NamesChanged(value) => to_raw_value(&Listed { value }),
            Self::SealingKeyChanged(value) => to_raw_value(&Listed { value }),
            Self::IdentityChanged(value) => to_raw_value(&Listed { value }),
            Self::NodesChanged(value) => to_raw_value(&Listed { value }),
            Self::Noted | Self::RecoveryCancelled | Self::Withdrawn | Self::Unknown(_) => {
                to_raw_value(&Nothing {})
            }
        };
        raw.map_err(|_| Rule::PayloadForm)
    }

    /// Reads the body of an entry. A kind that belongs to the other sort of chain is as unknown there as any.
    ///
    /// # Errors
    /// `PayloadForm` when the body is not in the form of its kind.
    pub fn of(content: &Content) -> Result<Self, Rule> {
        let community = matches!(content.chain, Chain::Community);
        Ok(match (community, content.kind.as_str()) {
            (true, "founded") => Self::Founded(Box::new(read(content)?)),
            (true, "member-admitted") => Self::Admitted(Box::new(read(content)?)),
            (true, "member-suspended") => Self::Suspended(read(content)?),
            (true, "member-reinstated") => Self::Reinstated(read(content)?),
            (true, "member-rejoined") => Self::Rejoined(Box::new(read(content)?)),
            (true, "quorum-changed") => Self::QuorumChanged(read(content)?),
            (true, "noted") => read::<Nothing>(content).map(|_| Self::Noted)?,
            (false, "key-rotated") => Self::KeyRotated(read(content)?),
            (false, "key-recovered") => Self::KeyRecovered(read(content)?),
            (false, "recovery-cancelled") => read::<Nothing>(content).map(|_| Self::RecoveryCancelled)?,
            (false, "recovery-keys-changed") => Self::RecoveryKeysChanged(read::<Listed<_>>(content)?.value),
            (false, "endpoints-changed") => Self::EndpointsChanged(read::<Listed<_>>(content)?.value),
            (false, "names-changed") => Self::NamesChanged(read::<Listed<_>>(content)?.value),
            (false, "sealing-key-changed") => Self::SealingKeyChanged(read::<Listed<_>>(content)?.value),
            (false, "identity-changed") => Self::IdentityChanged(read::<Listed<_>>(content)?.value),
            (false, "nodes-changed") => Self::NodesChanged(read::<Listed<_>>(content)?.value),
            (false, "withdrawn") => read::<Nothing>(content).map(|_| Self::Withdrawn)?,
            (_, unknown) => Self::Unknown(unknown.to_owned()),
        })
    }

    /// When what is decided was asked for: decisions come within 30 days of it.
    pub(crate) fn asked(&self) -> Result<Option<Micros>, Rule> {
        Ok(match self {
            Self::Admitted(body) | Self::Rejoined(body) => Some(JoinRequest::open(&body.request)?.at),
            Self::Suspended(body) | Self::Reinstated(body) => Some(body.proposed),
            Self::QuorumChanged(body) => Some(body.proposed),
            _ => None,
        })
    }
}

fn read<T: DeserializeOwned>(content: &Content) -> Result<T, Rule> {
    serde_json::from_str(content.body.get()).map_err(|_| Rule::PayloadForm)
}
