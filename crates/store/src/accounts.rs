//! People, tokens, sessions, collections and grants.

use std::collections::BTreeSet;

use async_trait::async_trait;
use base::Micros;
use handling::{Access, CollectionNo, GrantChange, Grantee, Making, Role, Scope, UserNo};

use crate::StoreError;

/// A user to be created.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// Unique name, compared without regard to case.
    pub name: String,
    /// PHC string of the password hash (argon2id); `None` for a user who signs in by token only.
    pub password_hash: Option<String>,
    /// Who creates them and sets the password, if any.
    pub made: Making,
    /// At least one role.
    pub roles: Vec<Role>,
    /// When.
    pub at: Micros,
}

/// A user as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserRow {
    /// The number that stands for the user everywhere.
    pub no: UserNo,
    /// Unique name.
    pub name: String,
    /// PHC string of the password hash.
    pub password_hash: Option<String>,
    /// Roles.
    pub roles: Vec<Role>,
    /// A disabled user signs in nowhere; everything they did stays.
    pub disabled: bool,
    /// When created.
    pub created: Micros,
    /// Rises with every change of password, roles, grants or state: caches of credentials compare it.
    pub epoch: i64,
    /// Who created the user; `None` for whoever held the directory, and where it was not kept yet.
    pub made_by: Option<UserNo>,
    /// Who set the password last, and when; `None` as long as nothing of that was kept.
    pub password_set: Option<PasswordSet>,
}

/// Who set a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasswordSet {
    /// By whom; `None` for whoever held the directory.
    pub by: Option<UserNo>,
    /// When.
    pub at: Micros,
    /// To whom besides its user it is known.
    pub known_to: BTreeSet<UserNo>,
}

/// A token to be created. The token itself is never stored.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// Public id, for listing and revoking.
    pub id: String,
    /// Whose.
    pub user: UserNo,
    /// Who makes it.
    pub made: Making,
    /// SHA-256 of the token.
    pub digest: [u8; 32],
    /// What it may be used for.
    pub scopes: Vec<Scope>,
    /// When it was made.
    pub at: Micros,
    /// When it ends, if it does.
    pub expires: Option<Micros>,
}

/// A token as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRow {
    /// Public id.
    pub id: String,
    /// Whose.
    pub user: UserNo,
    /// What it may be used for.
    pub scopes: Vec<Scope>,
    /// When it was made.
    pub created: Micros,
    /// When it ends, if it does.
    pub expires: Option<Micros>,
    /// When it was revoked, if it was.
    pub revoked: Option<Micros>,
    /// Who made it; `None` for whoever held the directory, and where it was not kept yet.
    pub made_by: Option<UserNo>,
    /// To whom besides its user it is known.
    pub known_to: BTreeSet<UserNo>,
}

/// A browser session to be created.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// SHA-256 of the cookie's secret.
    pub digest: [u8; 32],
    /// Whose.
    pub user: UserNo,
    /// Token that forms must send back.
    pub csrf: String,
    /// When it was made.
    pub at: Micros,
    /// When it ends.
    pub expires: Micros,
}

/// A browser session as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRow {
    /// Whose.
    pub user: UserNo,
    /// Token that forms must send back.
    pub csrf: String,
    /// When it ends.
    pub expires: Micros,
}

/// A collection to be created.
#[derive(Clone, Debug)]
pub struct NewCollection {
    /// Identifier in TAXII addresses: a UUID in canonical text (TAXII 2.1, section 5.1).
    pub id: String,
    /// A second, readable name for addresses (`[a-z0-9-]+`), unique.
    pub alias: Option<String>,
    /// A third, which the operator gave in place of an id, where the alias is another.
    pub name: Option<String>,
    /// Title.
    pub title: String,
    /// Description.
    pub description: Option<String>,
    /// Whether objects with any error finding are refused here, not only those that are no objects.
    pub strict: bool,
    /// When.
    pub at: Micros,
}

/// A collection as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CollectionRow {
    /// The number that stands for it everywhere inside.
    pub no: CollectionNo,
    /// Identifier in addresses.
    pub id: String,
    /// Readable name.
    pub alias: Option<String>,
    /// A further one.
    pub name: Option<String>,
    /// Title.
    pub title: String,
    /// Description.
    pub description: Option<String>,
    /// Whether it is strict.
    pub strict: bool,
    /// The latest `date_added` given out in this collection, deleted objects included; `None` before the first object.
    pub last_added: Option<Micros>,
}

/// A grant as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantRow {
    /// The collection it opens.
    pub collection: CollectionNo,
    /// To whom.
    pub grantee: Grantee,
    /// For what.
    pub access: Access,
}

/// Accounts and collections.
#[async_trait]
pub trait Accounts: Send + Sync {
    /// Creates a user. `Exists` when the name is taken.
    async fn add_user(&self, user: NewUser) -> Result<UserRow, StoreError>;
    /// All users by name.
    async fn users(&self) -> Result<Vec<UserRow>, StoreError>;
    /// One user by name, case ignored.
    async fn user(&self, name: &str) -> Result<UserRow, StoreError>;
    /// One user by number.
    async fn user_by_no(&self, no: UserNo) -> Result<UserRow, StoreError>;
    /// Replaces the password hash and ends all sessions of the user.
    async fn set_password(
        &self,
        no: UserNo,
        password_hash: String,
        made: Making,
        at: Micros,
    ) -> Result<(), StoreError>;
    /// Replaces the roles.
    async fn set_roles(&self, no: UserNo, roles: Vec<Role>) -> Result<(), StoreError>;
    /// Disables or enables; disabling ends all sessions.
    async fn set_disabled(&self, no: UserNo, disabled: bool) -> Result<(), StoreError>;

    /// Creates a token.
    async fn add_token(&self, token: NewToken) -> Result<(), StoreError>;
    /// The token with this digest, revoked and expired ones included.
    async fn token_by_digest(&self, digest: &[u8; 32]) -> Result<TokenRow, StoreError>;
    /// All tokens, of one user or of all.
    async fn tokens(&self, user: Option<UserNo>) -> Result<Vec<TokenRow>, StoreError>;
    /// Revokes a token; revoking twice is no error.
    async fn revoke_token(&self, id: &str, at: Micros) -> Result<(), StoreError>;

    /// Creates a session.
    async fn add_session(&self, session: NewSession) -> Result<(), StoreError>;
    /// The session with this digest; expired ones are not found.
    async fn session(&self, digest: &[u8; 32], now: Micros) -> Result<SessionRow, StoreError>;
    /// Ends a session; ending twice is no error.
    async fn end_session(&self, digest: &[u8; 32]) -> Result<(), StoreError>;

    /// Creates a collection with its first grants, in one commit. `Exists` when id, alias or name is taken.
    async fn add_collection(
        &self,
        collection: NewCollection,
        grants: Vec<(Grantee, Access)>,
    ) -> Result<CollectionRow, StoreError>;
    /// All collections in order of creation.
    async fn collections(&self) -> Result<Vec<CollectionRow>, StoreError>;
    /// Removes a collection with everything that stands only in it.
    async fn remove_collection(&self, no: CollectionNo) -> Result<(), StoreError>;
    /// Sets one line of the access list; `Access::NONE` removes it.
    async fn set_grant(&self, change: GrantChange) -> Result<(), StoreError>;
    /// All grants, of one collection or of all.
    async fn grants(&self, collection: Option<CollectionNo>) -> Result<Vec<GrantRow>, StoreError>;
    /// Rises whenever a user, token, session, collection or grant changes by this or another process: caches compare it.
    async fn accounts_epoch(&self) -> Result<i64, StoreError>;
}
