//! Collections and who may do what with them.
//!
//! A collection answers to its id (a UUID, as TAXII asks), to its alias, and, when the operator gave a readable name in
//! place of an id, to that name: the id is then random. Absent and invisible collections answer alike.

use std::fmt;
use std::str::FromStr;

use base::Micros;
use base::limit::NAME_CHARS_MAX;
use handling::{
    Access, CollectionNo, GrantChange, Grantee, Holds, OpenCollection, Principal, Refusal, Role, UserNo,
    access, may_administer,
};
use serde::Serialize;
use store::{CollectionRow, Fault, StoreError};

use crate::directory::Directory;
use crate::{ApprovalError, Node};

/// Longest readable name of a collection, in characters.
const ALIAS_CHARS_MAX: usize = 64;

/// To whom a grant speaks, by name: `user:ann` or `role:reader`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GranteeName {
    /// One user.
    User(String),
    /// Everybody with a role.
    Role(Role),
}

impl fmt::Display for GranteeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(name) => write!(f, "user:{name}"),
            Self::Role(role) => write!(f, "role:{role}"),
        }
    }
}

impl FromStr for GranteeName {
    type Err = CollectionError;

    fn from_str(text: &str) -> Result<Self, CollectionError> {
        match text.split_once(':') {
            Some(("user", name)) if !name.is_empty() => Ok(Self::User(name.to_owned())),
            Some(("role", role)) => match role.parse() {
                Ok(role) => Ok(Self::Role(role)),
                Err(_) => Err(CollectionError::GranteeForm),
            },
            _ => Err(CollectionError::GranteeForm),
        }
    }
}

/// A collection to be created.
#[derive(Clone, Debug, Default)]
pub struct NewCollection {
    /// A UUID, a readable name (letters `a-z`, digits, hyphens), or `None` for a random UUID.
    pub id: Option<String>,
    /// A readable name for addresses.
    pub alias: Option<String>,
    /// Title.
    pub title: String,
    /// Description.
    pub description: Option<String>,
    /// Whether objects with any error finding are refused.
    pub strict: bool,
    /// The first lines of its access list.
    pub grants: Vec<(GranteeName, Access)>,
}

/// A collection as a principal may know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CollectionView {
    /// Number inside this node.
    pub no: CollectionNo,
    /// Identifier in addresses: a UUID.
    pub id: String,
    /// Readable name in addresses.
    pub alias: Option<String>,
    /// Title.
    pub title: String,
    /// Description.
    pub description: Option<String>,
    /// Whether objects with any error finding are refused.
    pub strict: bool,
    /// Whether this principal may read it.
    pub can_read: bool,
    /// Whether this principal may add to it and delete from it.
    pub can_write: bool,
    /// When an object was last added; told only to those who may read.
    pub last_added: Option<Micros>,
}

/// One line of an access list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GrantView {
    /// Collection id.
    pub collection: String,
    /// `user:NAME` or `role:NAME`.
    pub grantee: String,
    /// `rw`, `r` or `w`.
    pub access: &'static str,
}

/// Why something about a collection was not done. Nothing has been changed.
#[derive(Debug, thiserror::Error)]
pub enum CollectionError {
    /// Not for this principal.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// No such collection, or not one this principal may know of.
    #[error("no such collection")]
    NotFound,
    /// Id or alias is taken.
    #[error("collection {0:?} exists already")]
    NameTaken(String),
    /// Not an id or readable name.
    #[error("a collection is named by a uuid or by 1 to {ALIAS_CHARS_MAX} letters a-z, digits and hyphens")]
    NameUnfit,
    /// No title, or one too long.
    #[error("a collection needs a title of 1 to {NAME_CHARS_MAX} characters")]
    TitleUnfit,
    /// Not `user:NAME` or `role:ROLE`.
    #[error(
        "a grant speaks to user:NAME or to role:ROLE (reader, analyst, approver, admin, auditor, contact)"
    )]
    GranteeForm,
    /// A grant to a user who does not exist.
    #[error("no such user: {0:?}")]
    UserUnknown(String),
    /// It takes a second person.
    #[error(transparent)]
    Second(#[from] ApprovalError),
    /// The store failed.
    #[error(transparent)]
    Store(StoreError),
}

impl CollectionError {
    /// Stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Refused(refusal) => refusal.rule.code(),
            Self::NotFound => "collection-unknown",
            Self::NameTaken(_) => "name-taken",
            Self::NameUnfit => "name-unfit",
            Self::TitleUnfit => "title-unfit",
            Self::GranteeForm => "grantee-form",
            Self::UserUnknown(_) => "user-unknown",
            Self::Second(error) => error.code(),
            Self::Store(error) => error.code(),
        }
    }

    /// Whose fault it is.
    #[must_use]
    pub const fn fault(&self) -> Fault {
        match self {
            Self::Second(error) => error.fault(),
            Self::Store(error) => error.fault(),
            _ => Fault::Caller,
        }
    }
}

impl From<StoreError> for CollectionError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound { .. } => Self::NotFound,
            StoreError::Exists { name, .. } => Self::NameTaken(name),
            other => Self::Store(other),
        }
    }
}

impl Node {
    /// Creates a collection with its first grants.
    ///
    /// # Errors
    /// See [`CollectionError`]; nothing was changed.
    pub async fn add_collection(
        &self,
        who: &Principal,
        new: NewCollection,
    ) -> Result<CollectionView, CollectionError> {
        may_administer(who)?;
        if !(1..=NAME_CHARS_MAX).contains(&new.title.trim().chars().count()) {
            return Err(CollectionError::TitleUnfit);
        }
        let Addresses { id, alias, name } = self.addresses(new.id, new.alias)?;
        let directory = self.directory().await?;
        for name in [alias.as_deref(), name.as_deref(), Some(id.as_str())].into_iter().flatten() {
            if directory.collection(name).is_some() {
                return Err(CollectionError::NameTaken(name.to_owned()));
            }
        }
        let grants = new.grants.into_iter().map(|(name, access)| Ok((grantee(&directory, name)?, access)));
        let grants = grants.collect::<Result<Vec<_>, CollectionError>>()?;
        let row = store::NewCollection {
            id,
            alias,
            name,
            title: new.title,
            description: new.description,
            strict: new.strict,
            at: self.now(),
        };
        let row = self.0.store.add_collection(row, grants).await?;
        Ok(self.view(who, &row).await?)
    }

    /// The collections this principal may know of, in order of creation; administrators and auditors know of all.
    ///
    /// # Errors
    /// The store failed.
    pub async fn collections(&self, who: &Principal) -> Result<Vec<CollectionView>, CollectionError> {
        let rows = self.0.store.collections().await?;
        Ok(rows.iter().filter(|row| knows(who, row.no)).map(|row| collection_view(who, row)).collect())
    }

    /// One collection by id, alias or readable name.
    ///
    /// # Errors
    /// `NotFound` when there is none or this principal may not know of it.
    pub async fn collection(
        &self,
        who: &Principal,
        address: &str,
    ) -> Result<CollectionView, CollectionError> {
        let directory = self.directory().await?;
        let found = directory.collection(address).filter(|row| knows(who, row.no));
        Ok(collection_view(who, found.ok_or(CollectionError::NotFound)?))
    }

    /// Sets one line of an access list; `Access::NONE` takes it away. Letting more people read what is marked for few takes a
    /// second person.
    ///
    /// # Errors
    /// See [`CollectionError`]; nothing was changed.
    pub async fn grant(
        &self,
        who: &Principal,
        address: &str,
        to: GranteeName,
        access: Access,
    ) -> Result<(), CollectionError> {
        may_administer(who)?;
        let directory = self.directory().await?;
        let row = directory.collection(address).ok_or(CollectionError::NotFound)?;
        let wanted = OpenCollection {
            collection: row.no,
            collection_name: row.alias.clone().unwrap_or_else(|| row.id.clone()),
            grantee_name: to.to_string(),
            grantee: grantee(&directory, to)?,
            access,
        };
        let lines = directory.grants().iter();
        let mut held = lines.filter(|line| line.collection == row.no && line.grantee == wanted.grantee);
        let before = held.next().map_or(Access::NONE, |line| line.access);
        let holds = if access.read && !before.read && self.0.store.holds_marked(row.no).await? {
            Holds::MarkedForFew
        } else {
            Holds::NothingMarked
        };
        let change = match GrantChange::weigh(wanted, before, holds) {
            Ok(change) => change,
            Err(opening) => GrantChange::seconded(self.second(who, opening).await?),
        };
        Ok(self.0.store.set_grant(change).await?)
    }

    /// The access list of one collection, or of all.
    ///
    /// # Errors
    /// Not for this principal, no such collection, or the store failed.
    pub async fn grants(
        &self,
        who: &Principal,
        address: Option<&str>,
    ) -> Result<Vec<GrantView>, CollectionError> {
        if handling::may_audit(who).is_err() {
            may_administer(who)?;
        }
        let directory = self.directory().await?;
        let only = match address {
            Some(address) => Some(directory.collection(address).ok_or(CollectionError::NotFound)?.no),
            None => None,
        };
        let picked = directory.grants().iter().filter(|row| only.is_none_or(|no| no == row.collection));
        Ok(picked.filter_map(|row| grant_view(&directory, row)).collect())
    }

    /// Removes a collection with everything that stands only in it.
    ///
    /// # Errors
    /// Not for this principal, no such collection, or the store failed; nothing was changed.
    pub async fn remove_collection(&self, who: &Principal, address: &str) -> Result<(), CollectionError> {
        may_administer(who)?;
        let directory = self.directory().await?;
        let row = directory.collection(address).ok_or(CollectionError::NotFound)?;
        Ok(self.0.store.remove_collection(row.no).await?)
    }

    /// What a collection answers to, from what the operator gave. An id that nobody gave is random.
    fn addresses(&self, id: Option<String>, alias: Option<String>) -> Result<Addresses, CollectionError> {
        if alias.as_deref().is_some_and(|alias| !is_alias(alias)) {
            return Err(CollectionError::NameUnfit);
        }
        let given = id.as_deref().filter(|id| id.len() == 36).and_then(|id| uuid::Uuid::try_parse(id).ok());
        let named = id.filter(|_| given.is_none());
        if named.as_deref().is_some_and(|name| !is_alias(name)) {
            return Err(CollectionError::NameUnfit);
        }
        let id = given.unwrap_or_else(|| self.new_uuid()).to_string();
        Ok(match alias {
            None => Addresses { id, alias: named, name: None },
            Some(alias) => Addresses { id, name: named.filter(|name| *name != alias), alias: Some(alias) },
        })
    }

    /// The view of a collection that `who` has just made: their access as the new grants have it.
    async fn view(&self, who: &Principal, row: &CollectionRow) -> Result<CollectionView, StoreError> {
        let directory = self.directory().await?;
        let fresh = directory.afresh(who);
        Ok(collection_view(fresh.as_deref().unwrap_or(who), row))
    }
}

/// What a collection answers to.
struct Addresses {
    id: String,
    alias: Option<String>,
    name: Option<String>,
}

/// A name for addresses that cannot be taken for an id.
fn is_alias(name: &str) -> bool {
    (1..=ALIAS_CHARS_MAX).contains(&name.len())
        && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
        && uuid::Uuid::try_parse(name).is_err()
}

fn knows(who: &Principal, no: CollectionNo) -> bool {
    // As its roles leave of its grants: a grant to somebody who reads no content opens nothing, not the title either.
    let Access { read, write } = access(who, no);
    read || write || may_administer(who).is_ok() || handling::may_audit(who).is_ok()
}

fn collection_view(who: &Principal, row: &CollectionRow) -> CollectionView {
    let Access { read, write } = access(who, row.no);
    CollectionView {
        no: row.no,
        id: row.id.clone(),
        alias: row.alias.clone(),
        title: row.title.clone(),
        description: row.description.clone(),
        strict: row.strict,
        can_read: read,
        can_write: write,
        last_added: row.last_added.filter(|_| read),
    }
}

fn grantee(directory: &Directory, name: GranteeName) -> Result<Grantee, CollectionError> {
    match name {
        GranteeName::Role(role) => Ok(Grantee::Role(role)),
        GranteeName::User(name) => match directory.user_named(&name) {
            Some(user) => Ok(Grantee::User(user.no)),
            None => Err(CollectionError::UserUnknown(name)),
        },
    }
}

fn grant_view(directory: &Directory, row: &store::GrantRow) -> Option<GrantView> {
    let name_of = |no: UserNo| directory.user(no).map(|user| user.name.clone());
    let grantee = match &row.grantee {
        Grantee::User(no) => GranteeName::User(name_of(*no)?),
        Grantee::Role(role) => GranteeName::Role(*role),
    };
    let collection = directory.collection_by_no(row.collection)?.id.clone();
    Some(GrantView { collection, grantee: grantee.to_string(), access: row.access.name() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grantees_are_read_by_name() {
        assert_eq!("user:ann:b".parse::<GranteeName>().unwrap(), GranteeName::User("ann:b".into()));
        assert_eq!("role:reader".parse::<GranteeName>().unwrap(), GranteeName::Role(Role::Reader));
        for bad in ["ann", "user:", "role:king", "group:x", ""] {
            assert!(bad.parse::<GranteeName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_name_is_readable_and_no_uuid() {
        assert!(is_alias("inbox-2"));
        for bad in ["", "In", "in box", "../x", "91a7b528-80eb-42ed-a74d-c6fbd5a26116", &"a".repeat(65)] {
            assert!(!is_alias(bad), "{bad}");
        }
    }
}
