//! The anchor file: what a newcomer needs to ask for membership, and to know the right community when it answers.
//!
//! Pins the founding entry, whose hash is the community, and the head at the time: a registry that does not hold both is
//! another one, or an older one. The file holds nothing secret; who hands it over is trusted to name the right community.

use base::Micros;
use base::limit::{ANCHOR_BYTES_MAX, ENDPOINTS_MAX};
use base::signing::PublicKey;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::entry::{Entry, Point};
use crate::registry::Registry;
use crate::statement::micros;
use crate::{CommunityId, Endpoint, MemberId, Rule, Slug};

/// What the file says it is.
const FORMAT: &str = "cresset-anchor-1";

/// A member that a newcomer can turn to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Door {
    /// The member.
    pub member: MemberId,
    /// What people type for it.
    pub slug: Slug,
    /// Its long-term key when the file was made.
    pub key: PublicKey,
    /// Where it answers.
    pub endpoint: Endpoint,
}

/// The anchor of a community.
#[derive(Clone, Debug)]
pub struct Anchor {
    founding: Entry,
    head: Point,
    made: Micros,
    doors: Vec<Door>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    format: String,
    community: CommunityId,
    founding: Box<RawValue>,
    head: Point,
    #[serde(rename = "made_us", with = "micros")]
    made: Micros,
    doors: Vec<Door>,
}

impl Anchor {
    /// The anchor of a registry as it stands, with the endpoints of its active members, `first` before the others.
    ///
    /// # Errors
    /// `FoundingMissing` when `founding` is not this community's.
    pub fn of(registry: &Registry, founding: Entry, first: MemberId, now: Micros) -> Result<Self, Rule> {
        if founding.community() != registry.id() {
            return Err(Rule::FoundingMissing);
        }
        let mut members: Vec<_> =
            registry.members().filter(|member| member.status(now).takes_part()).collect();
        members.sort_by_key(|member| (member.id() != first, member.id()));
        let doors = members.into_iter().filter_map(|member| {
            Some(Door {
                member: member.id(),
                slug: member.slug().clone(),
                key: member.key(now),
                endpoint: member.own().endpoints.first()?.clone(),
            })
        });
        let doors = doors.take(ENDPOINTS_MAX).collect();
        Ok(Self { founding, head: registry.head(), made: now, doors })
    }

    /// Reads an anchor file.
    ///
    /// # Errors
    /// `TooLarge`, `AnchorForm`, `CommunityOther` when the founding is not that of the community it names, and what is wrong
    /// with the founding entry.
    pub fn parse(text: &[u8]) -> Result<Self, Rule> {
        if text.len() > ANCHOR_BYTES_MAX {
            return Err(Rule::TooLarge);
        }
        let text = text.strip_suffix(b"\n").unwrap_or(text);
        let form: Form = serde_json::from_slice(text).map_err(|_| Rule::AnchorForm)?;
        let founding = Entry::parse(form.founding.get().as_bytes())?;
        let founded = Registry::found(&founding).map_err(|refused| refused.rule)?;
        if founded.id() != form.community {
            return Err(Rule::CommunityOther);
        }
        if form.format != FORMAT || form.doors.is_empty() || form.doors.len() > ENDPOINTS_MAX {
            return Err(Rule::AnchorForm);
        }
        let anchor = Self { founding, head: form.head, made: form.made, doors: form.doors };
        let written = anchor.to_text();
        if written.trim_end().as_bytes() == text { Ok(anchor) } else { Err(Rule::AnchorForm) }
    }

    /// The file.
    #[must_use]
    pub fn to_text(&self) -> String {
        let founding = RawValue::from_string(self.founding.to_json());
        let form = Form {
            format: FORMAT.to_owned(),
            community: self.community(),
            founding: founding.expect("invariant: an entry is JSON"),
            head: self.head,
            made: self.made,
            doors: self.doors.clone(),
        };
        let mut text = serde_json::to_string(&form).expect("invariant: an anchor is JSON");
        text.push('\n');
        text
    }

    /// The community.
    #[must_use]
    pub fn community(&self) -> CommunityId {
        self.founding.community()
    }

    /// The founding entry.
    #[must_use]
    pub const fn founding(&self) -> &Entry {
        &self.founding
    }

    /// The last decision when the file was made.
    #[must_use]
    pub const fn head(&self) -> Point {
        self.head
    }

    /// When the file was made.
    #[must_use]
    pub const fn made(&self) -> Micros {
        self.made
    }

    /// Whom to ask, best first.
    #[must_use]
    pub fn doors(&self) -> &[Door] {
        &self.doors
    }

    /// Whether a registry is the one this anchor speaks of, and not older than it.
    ///
    /// # Errors
    /// `CommunityOther`; `Gap` when the registry does not reach the anchor's head; `BasisDiffers` when it holds another
    /// decision there.
    pub fn holds(&self, registry: &Registry) -> Result<(), Rule> {
        if registry.id() != self.community() {
            return Err(Rule::CommunityOther);
        }
        match registry.decision(self.head.epoch) {
            None => Err(Rule::Gap),
            Some(hash) if hash == self.head.hash => Ok(()),
            Some(_) => Err(Rule::BasisDiffers),
        }
    }
}
