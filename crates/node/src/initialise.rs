//! The first hour of a node: its name, its first administrator, its first collection.
//!
//! Done once for a store. Password and token are shown here and never again: only a hash or digest of each is kept.

use std::collections::{BTreeMap, BTreeSet};

use base::Redacted;
use base::limit::NAME_CHARS_MAX;
use handling::{Access, Principal, Role, Scope, UserNo};
use store::{Fault, StoreError};

use crate::accounts::{PROVISIONAL_ANALYST, is_name};
use crate::{AccountError, CollectionError, GranteeName, NewCollection, NewUser, Node, TokenRequest};

/// The setting that holds the member's name.
pub(crate) const MEMBER_NAME: &str = "member-name";
/// The setting that holds the member's id: the STIX id of its identity object.
pub(crate) const MEMBER_ID: &str = "member-id";
/// The setting that holds when the member came to be, in microseconds.
pub(crate) const MEMBER_CREATED: &str = "member-created";
/// The setting that holds the public half of the recovery key.
const RECOVERY_RECIPIENT: &str = "recovery-recipient";

/// What a new node is called and who runs it.
#[derive(Clone, Debug)]
pub struct InitRequest {
    /// Name of the member (an organisation).
    pub member_name: String,
    /// User name of the first administrator.
    pub admin_name: String,
}

/// The member that runs this node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its id: that of its STIX identity object.
    pub id: String,
    /// Its name.
    pub name: String,
}

/// The first administrator's secrets, shown once.
#[derive(Clone, Debug)]
pub struct AdminSecrets {
    /// User name.
    pub user: String,
    /// Password.
    pub password: Redacted<String>,
    /// API token with every scope.
    pub token: Redacted<String>,
}

/// A node that has been initialised.
#[derive(Clone, Debug)]
pub struct Initialised {
    /// The member.
    pub member: Member,
    /// The administrator's secrets.
    pub admin: AdminSecrets,
}

/// Why a node was not initialised.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// It has been already.
    #[error("this node has been initialised already, as {0:?}")]
    Already(String),
    /// It was begun, and its secrets are lost.
    #[error(
        "an `init` was broken off here before the node was made, and what it made has no name and shows its secrets no more"
    )]
    BrokenOff,
    /// Not a name a member can have.
    #[error("a member's name has 1 to {NAME_CHARS_MAX} characters and no control character")]
    NameUnfit,
    /// The administrator could not be made.
    #[error("cannot make the first administrator: {0}")]
    Account(#[from] AccountError),
    /// The first collection could not be made.
    #[error("cannot make the first collection: {0}")]
    Collection(#[from] CollectionError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl InitError {
    /// Stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Already(_) => "initialised-already",
            Self::BrokenOff => "initialised-half",
            Self::NameUnfit => "name-unfit",
            Self::Account(error) => error.code(),
            Self::Collection(error) => error.code(),
            Self::Store(error) => error.code(),
        }
    }

    /// Whose fault it is.
    #[must_use]
    pub const fn fault(&self) -> Fault {
        match self {
            Self::Already(_) | Self::BrokenOff | Self::NameUnfit => Fault::Caller,
            Self::Account(error) => error.fault(),
            Self::Collection(error) => error.fault(),
            Self::Store(error) => error.fault(),
        }
    }
}

impl Node {
    /// Makes a node whose secrets nobody has to be shown: [`Node::prepare`] and [`Node::begin`].
    ///
    /// # Errors
    /// See [`InitError`].
    pub async fn initialise(&self, request: InitRequest) -> Result<Initialised, InitError> {
        let made = self.prepare(request).await?;
        self.begin(&made).await?;
        Ok(made)
    }

    /// Makes the first administrator, the member's keys and the collection `inbox`. The node is none before [`Node::begin`]: until then
    /// whoever waits for the secrets may find that they could not be shown.
    ///
    /// # Errors
    /// See [`InitError`].
    pub async fn prepare(&self, request: InitRequest) -> Result<Initialised, InitError> {
        if let Some(member) = self.member().await? {
            return Err(InitError::Already(member.name));
        }
        if self.directory().await?.users().next().is_some() {
            return Err(InitError::BrokenOff);
        }
        let name = request.member_name.trim().to_owned();
        if !(1..=NAME_CHARS_MAX).contains(&name.chars().count()) || name.chars().any(char::is_control) {
            return Err(InitError::NameUnfit);
        }
        if !is_name(&request.admin_name) {
            return Err(AccountError::NameUnfit.into());
        }
        let admin = self.first_admin(request.admin_name).await?;
        let inbox = NewCollection {
            id: Some("inbox".into()),
            title: "Inbox".into(),
            description: Some("What comes in and has no other place yet".into()),
            grants: vec![
                (GranteeName::Role(Role::Analyst), Access { read: true, write: true }),
                (GranteeName::Role(Role::Reader), Access { read: true, write: false }),
            ],
            ..NewCollection::default()
        };
        self.add_collection(&operator(UserNo(0), BTreeMap::new()), inbox).await?;
        self.signing_keys().await?;
        // In every backup from the first on: others give back sealed for it what a restore has lost.
        self.sealing_secret().await?;
        let store = self.store();
        let member = Member { id: format!("identity--{}", self.new_uuid()), name };
        store.set_setting(MEMBER_ID, &member.id).await?;
        store.set_setting(MEMBER_CREATED, &self.now().0.to_string()).await?;
        self.take_up_ledger().await?;
        Ok(Initialised { member, admin })
    }

    /// Names the member, by which a node that was prepared becomes one. Written last, so that a half-made node never passes for a whole
    /// one.
    ///
    /// # Errors
    /// The store failed; there is no node then.
    pub async fn begin(&self, made: &Initialised) -> Result<(), StoreError> {
        self.0.store.set_setting(MEMBER_NAME, &made.member.name).await
    }

    /// The member this node belongs to; `None` before `init`.
    ///
    /// # Errors
    /// The store failed.
    pub async fn member(&self) -> Result<Option<Member>, StoreError> {
        let Some(name) = self.0.store.setting(MEMBER_NAME).await? else {
            return Ok(None);
        };
        let id = self.0.store.setting(MEMBER_ID).await?;
        let id = id.ok_or_else(|| StoreError::Damaged("the member has a name and no id".into()))?;
        Ok(Some(Member { id, name }))
    }

    /// Notes for whom backups are sealed; to be done before [`Node::initialise`], and never again. The secret half of the
    /// key never comes here.
    ///
    /// # Errors
    /// `Already` once the node has been initialised.
    pub async fn seal_backups_for(&self, recipient: &str) -> Result<(), InitError> {
        if let Some(member) = self.member().await? {
            return Err(InitError::Already(member.name));
        }
        Ok(self.0.store.set_setting(RECOVERY_RECIPIENT, recipient).await?)
    }

    /// The public half of the recovery key, for which backups are sealed.
    ///
    /// # Errors
    /// The store failed.
    pub async fn recovery_recipient(&self) -> Result<Option<String>, StoreError> {
        self.0.store.setting(RECOVERY_RECIPIENT).await
    }

    /// Whoever works on the directory of a stopped node: administrator and analyst over everything, in the name of the
    /// first administrator. Only for wiring that holds the directory; no door hands this out.
    ///
    /// # Errors
    /// The store failed.
    pub async fn local_operator(&self) -> Result<Principal, StoreError> {
        // Members and circles are known before the first decision.
        self.community_table().await?;
        let directory = self.directory().await?;
        let admins = directory.users().filter(|user| user.roles.contains(&Role::Admin));
        let user = admins.map(|user| user.no).min().unwrap_or(UserNo(0));
        let everything = Access { read: true, write: true };
        let access = directory.collections().iter().map(|row| (row.no, everything)).collect();
        Ok(operator(user, access))
    }

    async fn first_admin(&self, user: String) -> Result<AdminSecrets, InitError> {
        let maker = operator(UserNo(0), BTreeMap::new());
        let password = Redacted::new(self.spoken_password());
        let roles = vec![Role::Analyst, Role::Admin];
        let new = NewUser { name: user.clone(), roles, password: Some(password.clone()) };
        self.add_user(&maker, new).await?;
        self.0.store.set_setting(PROVISIONAL_ANALYST, &user).await?;
        let request = TokenRequest { user: user.clone(), scopes: Scope::ALL.to_vec(), expires: None };
        let token = self.issue_token(&maker, request).await?.token;
        Ok(AdminSecrets { user, password, token })
    }

    /// A password that can be copied by hand: 25 letters and digits in groups (more than 120 random bits).
    fn spoken_password(&self) -> String {
        const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
        let mut random = [0; 25];
        self.rng().fill(&mut random);
        let mut password = String::with_capacity(29);
        for (at, byte) in random.iter().enumerate() {
            if at > 0 && at % 5 == 0 {
                password.push('-');
            }
            password.push(char::from(LETTERS[usize::from(byte % 32)]));
        }
        password
    }
}

/// Who puts into the collection `into` what other members give.
pub(crate) fn members(into: handling::CollectionNo) -> Principal {
    let access = BTreeMap::from([(into, Access { read: true, write: true })]);
    Principal {
        name: "other members".into(),
        roles: BTreeSet::from([Role::Analyst]),
        ..operator(UserNo(0), access)
    }
}

fn operator(user: UserNo, access: BTreeMap<handling::CollectionNo, Access>) -> Principal {
    Principal {
        user,
        name: "local operator".into(),
        roles: BTreeSet::from([Role::Admin, Role::Analyst]),
        scopes: BTreeSet::from(Scope::ALL),
        shown: handling::Shown::own(handling::Means::Directory),
        access,
    }
}
