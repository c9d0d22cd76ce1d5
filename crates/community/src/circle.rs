//! Circles: named groups of members that one member, the owner, keeps.
//!
//! A circle is its owner's key and its name; its membership is a document that the owner signs, version by version, and gives
//! to its members alone. A member that is removed gets a farewell instead, which names nobody. Whoever holds no valid
//! document resolves the circle to nobody.

use std::collections::BTreeSet;

use base::Micros;
use base::letters::is_ignorable;
use base::limit::{CIRCLE_BYTES_MAX, COMMUNITY_MEMBERS_MAX, NAME_CHARS_MAX};
use base::signed::Signed;
use base::signing::{PublicKey, Signer};
use serde::{Deserialize, Serialize};

use crate::entry::read_statement;
use crate::statement::{micros, payload, sign, signed_by_alone};
use crate::words::is_line;
use crate::{CircleId, CommunityId, MemberId, Rule};

/// The type of a signed circle.
pub const CIRCLE_TYPE: &str = "application/vnd.cresset.circle+json";

/// How much of what was shared with a circle a new member of it gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum History {
    /// Only what is shared from now on.
    #[default]
    FromNow,
    /// Everything.
    All,
}

/// One member of a circle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Seat {
    /// The member.
    pub member: MemberId,
    /// Since which moment what is shared with the circle is for this member too; 0 for everything.
    pub since_us: i64,
}

/// One version of a circle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Circle {
    /// The community.
    pub community: CommunityId,
    /// Whose circle it is.
    pub owner: MemberId,
    /// What the owner calls it.
    pub name: String,
    /// Counts from 1.
    pub version: u64,
    /// The sector it is for, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sector: Option<String>,
    /// When this version was made.
    #[serde(rename = "at_us", with = "micros")]
    pub at: Micros,
    /// Its members by id, the owner not listed; `None` in a farewell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seats: Option<Vec<Seat>>,
}

/// Who is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Newer {
    /// This version takes the place of the one held.
    Yes,
    /// It is the one held.
    Same,
}

/// Words that mean somebody else wherever a circle's name may stand.
const TAKEN_NAMES: [&str; 5] = ["anyone", "automation", "everybody", "here", "originator"];

/// Whether a circle can be called so when it is addressed. A name that reads as a member's, a person's or several names at once cannot,
/// nor one that shows otherwise than it is written; circles of other members that are called so are addressed by their ids.
#[must_use]
pub fn is_circle_name(name: &str) -> bool {
    let digits = name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_line(name, NAME_CHARS_MAX)
        && !digits
        && !TAKEN_NAMES.contains(&name.to_lowercase().as_str())
        && !name.chars().any(|one| matches!(one, ',' | '/' | ':' | '@') || is_ignorable(one))
}

impl Circle {
    /// The first version of a circle.
    ///
    /// # Errors
    /// `CircleUnfit`.
    pub fn first(
        (community, owner): (CommunityId, MemberId),
        name: &str,
        members: impl IntoIterator<Item = MemberId>,
        at: Micros,
    ) -> Result<Self, Rule> {
        let seats = members.into_iter().map(|member| Seat { member, since_us: 0 }).collect();
        let first = Self {
            community,
            owner,
            name: name.to_owned(),
            version: 1,
            sector: None,
            at,
            seats: Some(seats),
        };
        first.tidy()
    }

    /// The next version with more members. Who is in it already keeps its seat, and sees further back where that is said now.
    ///
    /// # Errors
    /// `CircleUnfit`, also when the owner is among them or there are too many.
    pub fn with(
        &self,
        members: impl IntoIterator<Item = MemberId>,
        history: History,
        at: Micros,
    ) -> Result<Self, Rule> {
        let mut next = self.next(at)?;
        let since_us = match history {
            History::All => 0,
            History::FromNow => at.0,
        };
        let seats = next.seats.get_or_insert_default();
        for member in members {
            match seats.iter_mut().find(|seat| seat.member == member) {
                Some(seat) => seat.since_us = seat.since_us.min(since_us),
                None => seats.push(Seat { member, since_us }),
            }
        }
        next.tidy()
    }

    /// The next version with fewer members.
    ///
    /// # Errors
    /// `CircleUnfit`; `MemberUnknown` when one of them is not in the circle.
    pub fn without(&self, members: &[MemberId], at: Micros) -> Result<Self, Rule> {
        if members.iter().any(|member| !self.has(*member) || *member == self.owner) {
            return Err(Rule::MemberUnknown);
        }
        let mut next = self.next(at)?;
        next.seats.get_or_insert_default().retain(|seat| !members.contains(&seat.member));
        next.tidy()
    }

    /// What one that is no longer in the circle is given: the version, and nobody's name.
    #[must_use]
    pub fn farewell(&self) -> Self {
        Self { seats: None, sector: None, ..self.clone() }
    }

    fn next(&self, at: Micros) -> Result<Self, Rule> {
        let version = self.version.checked_add(1).ok_or(Rule::CircleUnfit)?;
        Ok(Self { version, at: at.max(self.at), ..self.clone() })
    }

    fn tidy(mut self) -> Result<Self, Rule> {
        if let Some(seats) = &mut self.seats {
            seats.sort_unstable();
            seats.dedup();
        }
        self.check()?;
        Ok(self)
    }

    fn check(&self) -> Result<(), Rule> {
        let sector = self.sector.as_ref().is_none_or(|sector| is_line(sector, NAME_CHARS_MAX));
        let seats = self.seats.as_deref().unwrap_or_default();
        let members: BTreeSet<MemberId> = seats.iter().map(|seat| seat.member).collect();
        let fit = is_line(&self.name, NAME_CHARS_MAX)
            && sector
            && self.version >= 1
            && seats.len() <= COMMUNITY_MEMBERS_MAX
            && seats.is_sorted()
            && members.len() == seats.len()
            && !members.contains(&self.owner);
        if fit { Ok(()) } else { Err(Rule::CircleUnfit) }
    }

    /// What it is known by: the digest of its owner and its name.
    #[must_use]
    pub fn id(&self) -> CircleId {
        CircleId::of(self.owner, &self.name)
    }

    /// Signs the version with the owner's key.
    ///
    /// # Errors
    /// `CircleUnfit`.
    pub fn sign(&self, signer: &dyn Signer) -> Result<Signed, Rule> {
        self.check()?;
        sign(CIRCLE_TYPE, self, signer)
    }

    /// Reads a version without knowing its owner's key: only for one that has been verified before, or to find out whose
    /// key to ask for.
    ///
    /// # Errors
    /// `PayloadType`, `PayloadForm`, `CircleUnfit`.
    pub fn peek(signed: &Signed) -> Result<Self, Rule> {
        let circle: Self = payload(signed, CIRCLE_TYPE)?;
        circle.check()?;
        Ok(circle)
    }

    /// Reads a version that came for `me`, and verifies it with its owner's key.
    ///
    /// # Errors
    /// `CircleNotForYou` when it has members and `me` is not one; what is wrong with form or signature.
    pub fn open(signed: &Signed, owner_key: &PublicKey, me: MemberId) -> Result<Self, Rule> {
        let circle = Self::peek(signed)?;
        signed_by_alone(signed, CIRCLE_TYPE, owner_key)?;
        if circle.seats.is_some() && !circle.has(me) {
            return Err(Rule::CircleNotForYou);
        }
        Ok(circle)
    }

    /// Reads a signed circle in its one exact form. Nothing is verified.
    ///
    /// # Errors
    /// `TooLarge`, `EnvelopeForm`.
    pub fn parse(text: &[u8]) -> Result<Signed, Rule> {
        read_statement(text, CIRCLE_BYTES_MAX)
    }

    /// Whether this version takes the place of one that is held.
    ///
    /// # Errors
    /// `CircleOlder`, `CircleForked`, `CircleUnfit` when they are different circles.
    pub fn replaces(&self, held: &Self) -> Result<Newer, Rule> {
        if self.id() != held.id() || self.community != held.community {
            return Err(Rule::CircleUnfit);
        }
        match self.version.cmp(&held.version) {
            std::cmp::Ordering::Greater => Ok(Newer::Yes),
            std::cmp::Ordering::Less => Err(Rule::CircleOlder),
            std::cmp::Ordering::Equal if self == held => Ok(Newer::Same),
            std::cmp::Ordering::Equal => Err(Rule::CircleForked),
        }
    }

    /// Whether a member is in it. The owner always is; a farewell names nobody, not even the owner.
    #[must_use]
    pub fn has(&self, member: MemberId) -> bool {
        let Some(seats) = &self.seats else { return false };
        member == self.owner || seats.iter().any(|seat| seat.member == member)
    }

    /// Everybody in it, the owner included; nobody for a farewell.
    #[must_use]
    pub fn members(&self) -> BTreeSet<MemberId> {
        match &self.seats {
            None => BTreeSet::new(),
            Some(seats) => seats.iter().map(|seat| seat.member).chain([self.owner]).collect(),
        }
    }

    /// Who gets what was shared with the circle at a moment; nobody for a farewell.
    #[must_use]
    pub fn audience(&self, shared_at: Micros) -> BTreeSet<MemberId> {
        match &self.seats {
            None => BTreeSet::new(),
            Some(seats) => {
                let seated = seats.iter().filter(|seat| seat.since_us <= shared_at.0);
                seated.map(|seat| seat.member).chain([self.owner]).collect()
            }
        }
    }
}

/// Who gets what is shared with a circle that may not be known: an unknown one is nobody.
#[must_use]
pub fn audience(circle: Option<&Circle>, shared_at: Micros) -> BTreeSet<MemberId> {
    circle.map(|circle| circle.audience(shared_at)).unwrap_or_default()
}
