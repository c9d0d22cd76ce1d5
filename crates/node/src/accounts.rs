//! People and their tokens.
//!
//! Administrators manage everybody; others manage their own tokens and password. A token never gives more than its maker
//! may hand out: its scopes narrow its user's roles. Users are disabled, not deleted: what they did stays theirs.

use base::letters::is_ignorable;
use base::limit::{NAME_CHARS_MAX, TOKEN_SECONDS_MAX, TOKENS_PER_USER_MAX};
use base::{Micros, Redacted};
use handling::{
    Guarded, Making, Principal, Refusal, Role, Rule, Scope, TwoPersonDeed, UserNo, approves, may_administer,
};
use serde::Serialize;
use stix::Timestamp;
use store::{Fault, NewToken, StoreError, TokenRow, UserRow};

use crate::credentials::{TOKEN_PREFIX, digest_of};
use crate::directory::Directory;
use crate::passwords::Hasher;
use crate::{ApprovalError, Node};

/// The setting that names the first administrator while they hold the analyst role provisionally.
pub(crate) const PROVISIONAL_ANALYST: &str = "provisional-analyst";

/// A user to be created.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// Unique name: 1 to 250 characters, no control characters, no colon (Basic could not carry it), no space at the ends.
    pub name: String,
    /// At least one role.
    pub roles: Vec<Role>,
    /// `None` for a user who signs in by token only.
    pub password: Option<Redacted<String>>,
}

/// A user as administrators see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UserView {
    /// Name.
    pub name: String,
    /// Names of the roles.
    pub roles: Vec<&'static str>,
    /// Whether signing in is off.
    pub disabled: bool,
    /// Whether the user has a password (or signs in by token only).
    pub has_password: bool,
    /// When created (RFC 3339).
    pub created: String,
    /// Who created them; `None` for whoever held the directory, and where it was not kept yet.
    pub made_by: Option<String>,
    /// Who set the password last; `None` for whoever held the directory, and where it was not kept yet.
    pub password_by: Option<String>,
    /// When (RFC 3339).
    pub password_at: Option<String>,
}

/// A token to be created.
#[derive(Clone, Debug)]
pub struct TokenRequest {
    /// Whose.
    pub user: String,
    /// What for; empty = read.
    pub scopes: Vec<Scope>,
    /// When it ends; `None` = when it is revoked.
    pub expires: Option<Expiry>,
}

/// When a token is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    /// At this moment.
    At(Micros),
    /// So long from now, by the clock of this node: the one by which it will end.
    After(Lasting),
}

/// How long a token lasts: whole seconds, 1 to [`TOKEN_SECONDS_MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lasting(i64);

impl Lasting {
    /// `None` for no time, or too much of it.
    #[must_use]
    pub fn of(seconds: i64) -> Option<Self> {
        (1..=TOKEN_SECONDS_MAX).contains(&seconds).then_some(Self(seconds))
    }
}

impl Expiry {
    fn moment(self, now: Micros) -> Micros {
        match self {
            Self::At(at) => at,
            Self::After(Lasting(seconds)) => now.plus(seconds.saturating_mul(Micros::SECOND)),
        }
    }
}

/// A new token. The token itself is shown once and stored nowhere.
#[derive(Clone, Debug)]
pub struct IssuedToken {
    /// Public id, for listing and revoking.
    pub id: String,
    /// The token.
    pub token: Redacted<String>,
    /// What for.
    pub scopes: Vec<Scope>,
    /// When it ends.
    pub expires: Option<Micros>,
}

/// A token as its user and administrators see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TokenView {
    /// Public id.
    pub id: String,
    /// Whose.
    pub user: String,
    /// What for.
    pub scopes: Vec<&'static str>,
    /// When it was made (RFC 3339).
    pub created: String,
    /// When it ends (RFC 3339).
    pub expires: Option<String>,
    /// When it was revoked (RFC 3339).
    pub revoked: Option<String>,
    /// Who made it; `None` for whoever held the directory, and where it was not kept yet.
    pub made_by: Option<String>,
    /// To whom besides its user it is known.
    pub known_to: Vec<String>,
}

/// Taking the say in what takes a second person from somebody.
struct DropApprover {
    user: String,
}

impl TwoPersonDeed for DropApprover {
    const KIND: Guarded = Guarded::DropApprover;

    fn words(&self) -> String {
        format!("disable user {0:?}, or take the roles approver and admin from {0:?}", self.user)
    }
}

/// Why something about people or tokens was not done. Nothing has been changed.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// Not for this principal.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// No such user, or not one this principal may know of.
    #[error("no such user")]
    UserUnknown,
    /// No such token, or not one this principal may know of.
    #[error("no such token")]
    TokenUnknown,
    /// The name is taken.
    #[error("user {0:?} exists already")]
    NameTaken(String),
    /// Not a name a user can have.
    #[error(
        "a user name has 1 to {NAME_CHARS_MAX} characters, begins with a letter or a digit, and has no colon, comma, slash, backslash, control \
         character or letter that does not show and no space at its end"
    )]
    NameUnfit,
    /// A user without any role.
    #[error("a user needs at least one role")]
    RolesMissing,
    /// The password does not meet the rules.
    #[error(
        "a password has at least {} characters and at most {} bytes",
        base::limit::PASSWORD_CHARS_MIN,
        base::limit::PASSWORD_BYTES_MAX
    )]
    PasswordUnfit,
    /// The token would end before it begins.
    #[error("the token would have expired already")]
    ExpiresInThePast,
    /// More tokens than one user may have.
    #[error("a user has at most {TOKENS_PER_USER_MAX} tokens: revoke some first")]
    TooManyTokens,
    /// The last administrator can neither be disabled nor lose the role.
    #[error("this is the last administrator: make another one first")]
    LastAdmin,
    /// Too many passwords are being hashed.
    #[error("too many passwords are being checked: try again in a second")]
    Crowded,
    /// It takes a second person.
    #[error(transparent)]
    Second(#[from] ApprovalError),
    /// The store failed.
    #[error(transparent)]
    Store(StoreError),
}

impl AccountError {
    /// Stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Refused(refusal) => refusal.rule.code(),
            Self::UserUnknown => "user-unknown",
            Self::TokenUnknown => "token-unknown",
            Self::NameTaken(_) => "name-taken",
            Self::NameUnfit => "name-unfit",
            Self::RolesMissing => "roles-missing",
            Self::PasswordUnfit => "password-unfit",
            Self::ExpiresInThePast => "expires-in-the-past",
            Self::TooManyTokens => "tokens-max",
            Self::LastAdmin => "last-admin",
            Self::Crowded => "too-many-requests",
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

impl From<StoreError> for AccountError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound { .. } => Self::UserUnknown,
            StoreError::Exists { name, .. } => Self::NameTaken(name),
            other => Self::Store(other),
        }
    }
}

impl Node {
    /// Creates a user.
    ///
    /// # Errors
    /// See [`AccountError`]; nothing was changed.
    pub async fn add_user(&self, who: &Principal, user: NewUser) -> Result<UserView, AccountError> {
        may_administer(who)?;
        if !is_name(&user.name) {
            return Err(AccountError::NameUnfit);
        }
        let roles = distinct(user.roles)?;
        let password_hash = match &user.password {
            Some(password) => Some(self.password_hash(password).await?),
            None => None,
        };
        // Nobody has shown a credential of somebody who does not exist yet: what is made for them is known to its maker.
        let made = Making::token(who, NOBODY);
        let row = store::NewUser { name: user.name, password_hash, made, roles, at: self.now() };
        let row = self.0.store.add_user(row).await?;
        if row.roles.contains(&Role::Admin) {
            self.end_provisional_analyst(row.no).await?;
        }
        Ok(user_view(&*self.directory().await?, &row))
    }

    /// Everybody, by name.
    ///
    /// # Errors
    /// Not for this principal, or the store failed.
    pub async fn users(&self, who: &Principal) -> Result<Vec<UserView>, AccountError> {
        if handling::may_audit(who).is_err() {
            may_administer(who)?;
        }
        let directory = self.directory().await?;
        Ok(self.0.store.users().await?.iter().map(|row| user_view(&directory, row)).collect())
    }

    /// One's own account.
    ///
    /// # Errors
    /// `UserUnknown` for whoever is no user of this node, or the store failed.
    pub async fn own_account(&self, who: &Principal) -> Result<UserView, AccountError> {
        let directory = self.directory().await?;
        let row = directory.user(who.user).ok_or(AccountError::UserUnknown)?;
        Ok(user_view(&directory, row))
    }

    /// Replaces a password and ends the user's sessions. Everybody may replace their own with a credential of every scope.
    ///
    /// # Errors
    /// See [`AccountError`]; nothing was changed.
    pub async fn set_password(
        &self,
        who: &Principal,
        user: &str,
        password: &Redacted<String>,
    ) -> Result<(), AccountError> {
        let directory = self.directory().await?;
        let row = own_or_administered(who, &directory, user)?;
        if !Scope::ALL.iter().all(|scope| who.can(*scope)) {
            may_administer(who)?;
        }
        let hash = self.password_hash(password).await?;
        let made = Making::password(who, row.no);
        self.0.store.set_password(row.no, hash, made, self.now()).await?;
        self.0.short_sessions.end_of(row.no);
        Ok(())
    }

    /// Replaces the roles of a user.
    ///
    /// # Errors
    /// See [`AccountError`]; nothing was changed.
    pub async fn set_roles(&self, who: &Principal, user: &str, roles: Vec<Role>) -> Result<(), AccountError> {
        may_administer(who)?;
        let roles = distinct(roles)?;
        let directory = self.directory().await?;
        let row = directory.user_named(user).ok_or(AccountError::UserUnknown)?;
        let admin = roles.contains(&Role::Admin);
        if !admin && row.roles.contains(&Role::Admin) && !directory.has_admin_besides(row.no) {
            return Err(AccountError::LastAdmin);
        }
        self.may_still_approve(who, row, &roles).await?;
        self.0.store.set_roles(row.no, roles).await?;
        if self.0.store.setting(PROVISIONAL_ANALYST).await?.as_deref() == Some(row.name.as_str()) {
            self.0.store.set_setting(PROVISIONAL_ANALYST, "").await?;
        }
        if admin {
            self.end_provisional_analyst(row.no).await?;
        }
        Ok(())
    }

    /// Replaces the roles of a user and disables or enables them: both, or neither.
    ///
    /// # Errors
    /// See [`AccountError`]; nothing was changed, unless the store failed between the two.
    pub async fn change_user(
        &self,
        who: &Principal,
        user: &str,
        roles: Option<Vec<Role>>,
        standing: Option<Standing>,
    ) -> Result<(), AccountError> {
        may_administer(who)?;
        let roles = roles.map(distinct).transpose()?;
        let directory = self.directory().await?;
        let row = directory.user_named(user).ok_or(AccountError::UserUnknown)?;
        let demoted = roles.as_ref().is_some_and(|roles| !roles.contains(&Role::Admin));
        let loses = row.roles.contains(&Role::Admin) && (demoted || standing == Some(Standing::Disabled));
        if loses && !directory.has_admin_besides(row.no) {
            return Err(AccountError::LastAdmin);
        }
        // What may have to wait for a second person goes first: who is disabled is asked about once, and their roles then ask
        // nobody; who comes back is enabled when their roles are settled.
        if standing == Some(Standing::Disabled) {
            self.set_disabled(who, user, Standing::Disabled).await?;
        }
        if let Some(roles) = roles {
            self.set_roles(who, user, roles).await?;
        }
        if standing == Some(Standing::Enabled) {
            self.set_disabled(who, user, Standing::Enabled).await?;
        }
        Ok(())
    }

    /// Disables a user (no credential of theirs is let in any more), or enables them again.
    ///
    /// # Errors
    /// See [`AccountError`]; nothing was changed.
    pub async fn set_disabled(
        &self,
        who: &Principal,
        user: &str,
        standing: Standing,
    ) -> Result<(), AccountError> {
        may_administer(who)?;
        let directory = self.directory().await?;
        let row = directory.user_named(user).ok_or(AccountError::UserUnknown)?;
        let disabled = standing == Standing::Disabled;
        if disabled && row.roles.contains(&Role::Admin) && !directory.has_admin_besides(row.no) {
            return Err(AccountError::LastAdmin);
        }
        self.may_still_approve(who, row, if disabled { &[] } else { &row.roles }).await?;
        self.0.store.set_disabled(row.no, disabled).await?;
        if disabled {
            self.0.short_sessions.end_of(row.no);
        }
        Ok(())
    }

    /// Where somebody else loses the say in what takes a second person, that takes a second person: or one alone would first
    /// do away with the other.
    async fn may_still_approve(
        &self,
        who: &Principal,
        row: &UserRow,
        after: &[Role],
    ) -> Result<(), AccountError> {
        let (before, after) = (approves(row.roles.iter().copied()), approves(after.iter().copied()));
        if !before || after || row.disabled || row.no == who.user {
            return Ok(());
        }
        self.second(who, DropApprover { user: row.name.clone() }).await?;
        Ok(())
    }

    /// Makes a token. Users make their own, administrators anybody's; nobody hands out a scope their own credential lacks.
    ///
    /// As with a password, it takes a credential of every scope or an administrator's: whoever got hold of a token that
    /// may do little, or not for long, must not make of it another that outlives it.
    ///
    /// # Errors
    /// See [`AccountError`]; nothing was changed.
    pub async fn issue_token(
        &self,
        who: &Principal,
        request: TokenRequest,
    ) -> Result<IssuedToken, AccountError> {
        let directory = self.directory().await?;
        let user = own_or_administered(who, &directory, &request.user)?;
        if !Scope::ALL.iter().all(|scope| who.can(*scope)) && may_administer(who).is_err() {
            let reason = "this needs a password, or a token of every scope";
            return Err(Refusal::new(Rule::ScopeMissing, reason).into());
        }
        let mut scopes = request.scopes;
        if scopes.is_empty() {
            scopes.push(Scope::Read);
        }
        scopes.sort_unstable();
        scopes.dedup();
        if let Some(scope) = scopes.iter().find(|scope| !who.can(**scope)) {
            let reason = format!("a token with the {scope} scope takes a credential that has it");
            return Err(Refusal::new(Rule::ScopeMissing, reason).into());
        }
        let now = self.now();
        let expires = request.expires.map(|expires| expires.moment(now));
        if expires.is_some_and(|expires| expires <= now) {
            return Err(AccountError::ExpiresInThePast);
        }
        let held = self.0.store.tokens(Some(user.no)).await?;
        let alive =
            |row: &&TokenRow| row.revoked.is_none() && row.expires.is_none_or(|expires| expires > now);
        if held.iter().filter(alive).count() >= TOKENS_PER_USER_MAX {
            return Err(AccountError::TooManyTokens);
        }
        let secret = format!("{TOKEN_PREFIX}{}", self.secret());
        let token = NewToken {
            id: self.new_uuid().to_string(),
            user: user.no,
            made: Making::token(who, user.no),
            digest: digest_of(&secret),
            scopes: scopes.clone(),
            at: now,
            expires,
        };
        let id = token.id.clone();
        self.0.store.add_token(token).await?;
        Ok(IssuedToken { id, token: Redacted::new(secret), scopes, expires })
    }

    /// The tokens of a user, or (for administrators) everybody's.
    ///
    /// # Errors
    /// See [`AccountError`].
    pub async fn tokens(&self, who: &Principal, user: Option<&str>) -> Result<Vec<TokenView>, AccountError> {
        let directory = self.directory().await?;
        let of = match user {
            Some(user) => Some(own_or_administered(who, &directory, user)?.no),
            None if may_administer(who).is_ok() => None,
            None => Some(who.user),
        };
        let rows = self.0.store.tokens(of).await?;
        Ok(rows.iter().map(|row| token_view(&directory, row)).collect())
    }

    /// Revokes a token; revoking twice is no error.
    ///
    /// # Errors
    /// `TokenUnknown` when there is none or it is somebody else's.
    pub async fn revoke_token(&self, who: &Principal, id: &str) -> Result<(), AccountError> {
        let of = if may_administer(who).is_ok() { None } else { Some(who.user) };
        let rows = self.0.store.tokens(of).await?;
        let row = rows.iter().find(|row| row.id == id).ok_or(AccountError::TokenUnknown)?;
        Ok(self.0.store.revoke_token(&row.id, self.now()).await?)
    }

    pub(crate) async fn password_hash(&self, password: &Redacted<String>) -> Result<String, AccountError> {
        Hasher::fit(password).map_err(|_unfit| AccountError::PasswordUnfit)?;
        self.0.hasher.hash(password).await.map_err(|_crowded| AccountError::Crowded)
    }

    /// The first administrator is an analyst only as long as nobody else administers.
    async fn end_provisional_analyst(&self, new_admin: UserNo) -> Result<(), AccountError> {
        let first = self.0.store.setting(PROVISIONAL_ANALYST).await?.unwrap_or_default();
        if first.is_empty() {
            return Ok(());
        }
        let row = self.0.store.user(&first).await?;
        if row.no == new_admin {
            return Ok(());
        }
        let roles = row.roles.into_iter().filter(|role| *role != Role::Analyst).collect();
        self.0.store.set_roles(row.no, roles).await?;
        Ok(self.0.store.set_setting(PROVISIONAL_ANALYST, "").await?)
    }
}

/// Whether an account may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It may.
    Enabled,
    /// It may not; what its user did stays.
    Disabled,
}

pub(crate) fn is_name(name: &str) -> bool {
    let count = name.chars().count();
    // What stands in addresses and in lists of whom something is for has to be told from its neighbours there.
    (1..=NAME_CHARS_MAX).contains(&count)
        && name.starts_with(char::is_alphanumeric)
        && name.trim_end() == name
        && !name
            .chars()
            .any(|char| char.is_control() || is_ignorable(char) || matches!(char, ':' | ',' | '/' | '\\'))
}

fn distinct(mut roles: Vec<Role>) -> Result<Vec<Role>, AccountError> {
    roles.sort_unstable();
    roles.dedup();
    if roles.is_empty() { Err(AccountError::RolesMissing) } else { Ok(roles) }
}

/// The user called `name` when `who` is that user or may administer; otherwise users cannot tell who exists.
fn own_or_administered<'a>(
    who: &Principal,
    directory: &'a Directory,
    name: &str,
) -> Result<&'a UserRow, AccountError> {
    match directory.user_named(name) {
        Some(user) if user.no == who.user => Ok(user),
        found => {
            may_administer(who)?;
            found.ok_or(AccountError::UserUnknown)
        }
    }
}

/// The number of no user.
const NOBODY: UserNo = UserNo(0);

fn name_of(directory: &Directory, no: UserNo) -> String {
    directory.user(no).map_or_else(|| format!("user no. {}", no.0), |user| user.name.clone())
}

fn user_view(directory: &Directory, row: &UserRow) -> UserView {
    UserView {
        name: row.name.clone(),
        roles: row.roles.iter().map(|role| role.name()).collect(),
        disabled: row.disabled,
        has_password: row.password_hash.is_some(),
        created: Timestamp::text_of(row.created),
        made_by: row.made_by.map(|no| name_of(directory, no)),
        password_by: row.password_set.as_ref().and_then(|set| set.by).map(|no| name_of(directory, no)),
        password_at: row.password_set.as_ref().map(|set| Timestamp::text_of(set.at)),
    }
}

fn token_view(directory: &Directory, row: &TokenRow) -> TokenView {
    TokenView {
        id: row.id.clone(),
        user: directory.user(row.user).map(|user| user.name.clone()).unwrap_or_default(),
        scopes: row.scopes.iter().map(|scope| scope.name()).collect(),
        created: Timestamp::text_of(row.created),
        expires: row.expires.map(Timestamp::text_of),
        revoked: row.revoked.map(Timestamp::text_of),
        made_by: row.made_by.map(|no| name_of(directory, no)),
        known_to: row.known_to.iter().map(|no| name_of(directory, *no)).collect(),
    }
}
