//! Who is asking: a user of this node with roles, the scopes of the credential in use, and the grants that apply.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use crate::Shown;

/// A user's number in this node's store. Never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserNo(pub i64);

/// A collection's number in this node's store. Never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CollectionNo(pub i64);

/// What a person is on this node for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Reads what is granted.
    Reader,
    /// Reads, writes and imports what is granted.
    Analyst,
    /// The second person for what one alone may not do.
    Approver,
    /// People, tokens, collections, keys and operation; content only where granted like anyone.
    Admin,
    /// All metadata and refusals; no intelligence content.
    Auditor,
    /// Directory and pings.
    Contact,
}

impl Role {
    /// Every role, in the order of the documentation.
    pub const ALL: [Self; 6] =
        [Self::Reader, Self::Analyst, Self::Approver, Self::Admin, Self::Auditor, Self::Contact];

    /// The role's name in commands, configuration and the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Reader => "reader",
            Self::Analyst => "analyst",
            Self::Approver => "approver",
            Self::Admin => "admin",
            Self::Auditor => "auditor",
            Self::Contact => "contact",
        }
    }

    /// What the role lets its people do, as one line of help.
    #[must_use]
    pub const fn duty(self) -> &'static str {
        match self {
            Self::Reader => "reads, searches and exports what is granted",
            Self::Analyst => {
                "reads, writes and imports what is granted; shares, narrows, recalls and erases it"
            }
            Self::Approver => "reads what is granted; the second person for what one alone may not do",
            Self::Admin => {
                "runs the node: people, tokens, grants, collections, community; reads what is granted; a second person too"
            }
            Self::Auditor => {
                "sees people, figures, refusals and all requests for a second person; no content"
            }
            Self::Contact => "signs in, and sees the directory of members; no content",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that is none of the names allowed in its place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{given:?} is not one of {allowed}")]
pub struct UnknownName {
    given: String,
    allowed: &'static str,
}

impl UnknownName {
    fn new(given: &str, allowed: &'static str) -> Self {
        Self { given: given.chars().take(40).collect(), allowed }
    }
}

impl FromStr for Role {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        Self::ALL
            .into_iter()
            .find(|role| role.name() == name)
            .ok_or_else(|| UnknownName::new(name, "reader, analyst, approver, admin, auditor, contact"))
    }
}

/// What a credential may be used for; it narrows its user's roles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Reading.
    Read,
    /// Writing and importing.
    Write,
    /// Administration.
    Admin,
}

impl Scope {
    /// Every scope: what a password gives.
    pub const ALL: [Self; 3] = [Self::Read, Self::Write, Self::Admin];

    /// The scope's name in commands and the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Scope {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        let found = Self::ALL.into_iter().find(|scope| scope.name() == name);
        found.ok_or_else(|| UnknownName::new(name, "read, write, admin"))
    }
}

/// What a grant allows on one collection. `NONE` takes a grant back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// Objects may be read.
    pub read: bool,
    /// Objects may be added and deleted.
    pub write: bool,
}

impl Access {
    /// Nothing.
    pub const NONE: Self = Self { read: false, write: false };

    /// What either of two grants allows.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self { read: self.read || other.read, write: self.write || other.write }
    }

    /// What both allow.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self { read: self.read && other.read, write: self.write && other.write }
    }

    /// The name in commands and the API: `rw`, `r`, `w` or `none`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match (self.read, self.write) {
            (true, true) => "rw",
            (true, false) => "r",
            (false, true) => "w",
            (false, false) => "none",
        }
    }
}

impl FromStr for Access {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        match name {
            "rw" => Ok(Self { read: true, write: true }),
            "r" => Ok(Self { read: true, write: false }),
            "w" => Ok(Self { read: false, write: true }),
            "none" => Ok(Self::NONE),
            other => Err(UnknownName::new(other, "rw, r, w, none")),
        }
    }
}

/// To whom a grant speaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Grantee {
    /// One user.
    User(UserNo),
    /// Everybody with a role.
    Role(Role),
}

/// One line of a collection's access list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The collection it opens.
    pub collection: CollectionNo,
    /// To whom.
    pub grantee: Grantee,
    /// For what.
    pub access: Access,
}

/// An authenticated user: the input of every decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// The user's number.
    pub user: UserNo,
    /// The user's name, for receipts and the audit.
    pub name: String,
    /// The user's roles.
    pub roles: BTreeSet<Role>,
    /// What the credential in use may be used for.
    pub scopes: BTreeSet<Scope>,
    /// The credential in use.
    pub shown: Shown,
    /// Access by collection: the union of the grants to the user and to the user's roles.
    pub access: BTreeMap<CollectionNo, Access>,
}

impl Principal {
    /// Whether the user has `role`.
    #[must_use]
    pub fn is(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }

    /// Whether the credential has `scope`.
    #[must_use]
    pub fn can(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope)
    }
}
