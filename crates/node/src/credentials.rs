//! Who is it? From a credential to a principal: Basic, tokens and browser sessions.
//!
//! A request by a known credential costs no query and no password hash: see `directory` and `verified`. Tokens and session
//! secrets have 256 random bits and are stored as SHA-256 only. Nothing here tells a stranger whether a user exists: an
//! unknown name costs the same work and gets the same answer as a wrong password.

use std::fmt::Display;
use std::sync::Arc;

use base::{Micros, Redacted};
use handling::Principal;
use sha2::{Digest, Sha256};
use store::{Fault, NewSession, StoreError, UserRow};

use crate::Node;
use crate::directory::{Directory, folded};
use crate::lockout::place_of;
use crate::verified::Mac;

/// What begins every API token, so that scanners of published code recognise one.
pub(crate) const TOKEN_PREFIX: &str = "cresset_";

/// What a request shows to say who it is from.
#[derive(Clone, Debug)]
pub enum Credential {
    /// User name and password (HTTP Basic, the sign-in form).
    Password {
        /// User name.
        user: String,
        /// Password.
        password: Redacted<String>,
    },
    /// An API token (HTTP Bearer).
    Token(Redacted<String>),
    /// The secret in a browser's cookie.
    Session(Redacted<String>),
}

/// Why a request is not let in.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// No credential, or an empty one.
    #[error("sign in: no credential was sent")]
    Missing,
    /// Unknown user, wrong password, unknown or revoked token, ended session: all alike.
    #[error("user name, password or token is wrong")]
    Wrong,
    /// Too many wrong passwords for this name or from this place.
    #[error("too many wrong passwords: try again in {retry_after_s} s")]
    Locked {
        /// Seconds to wait.
        retry_after_s: u64,
    },
    /// The credential is right and its user is disabled.
    #[error("this account is disabled: ask an administrator")]
    Disabled,
    /// The token is right and has expired.
    #[error("this token has expired: make a new one")]
    Expired,
    /// More requests than this user may make, or more sign-ins than the node can check.
    #[error("too many requests: try again in {retry_after_s} s")]
    TooMany {
        /// Seconds to wait.
        retry_after_s: u64,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl AuthError {
    /// Stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Missing => "credential-missing",
            Self::Wrong => "credential-wrong",
            Self::Locked { .. } => "credential-locked",
            Self::Disabled => "account-disabled",
            Self::Expired => "token-expired",
            Self::TooMany { .. } => "too-many-requests",
            Self::Store(error) => error.code(),
        }
    }

    /// Whose fault it is.
    #[must_use]
    pub const fn fault(&self) -> Fault {
        match self {
            Self::Store(error) => error.fault(),
            _ => Fault::Caller,
        }
    }
}

/// A new browser session. The cookie is shown once and stored nowhere.
#[derive(Clone, Debug)]
pub struct SessionSecret {
    /// What the cookie holds.
    pub cookie: Redacted<String>,
    /// What forms must send back.
    pub csrf: String,
    /// When it ends.
    pub expires: Micros,
}

/// A browser session in use.
#[derive(Clone, Debug)]
pub struct Session {
    /// Who it is.
    pub principal: Arc<Principal>,
    /// What forms must send back.
    pub csrf: String,
    /// When it ends.
    pub expires: Micros,
}

impl Node {
    /// Who this is. `peer` is where the request comes from (an address), for the lock-out and for the log.
    ///
    /// # Errors
    /// See [`AuthError`]. A refused credential changes nothing but the count of wrong passwords; the log tells of it.
    ///
    /// # Limits
    /// Without a query and a password hash for a credential seen before; one password hash (19 MiB for some ten
    /// milliseconds, two at once) for a password not verified within the last five minutes.
    pub async fn authenticate(
        &self,
        credential: Credential,
        peer: impl Display + Send,
    ) -> Result<Arc<Principal>, AuthError> {
        let principal = match credential {
            Credential::Password { user, password } => {
                self.by_password_told(&user, &password, &peer.to_string()).await?
            }
            Credential::Token(token) => {
                let (account, shown) = self.by_token(&token).await?;
                shown.inspect_err(|error| self.tell_refused(error, account.as_deref(), peer))?
            }
            // One that has ended is no guess: browsers keep them, and pages that stay open go on showing them.
            Credential::Session(cookie) => self.session(&cookie).await?.principal,
        };
        self.count_request(&principal)?;
        Ok(principal)
    }

    /// Tells the log of a credential that was shown from `peer` and is none: one that cannot even be read.
    pub fn tell_unreadable(&self, error: &AuthError, peer: impl Display) {
        self.tell_refused(error, None, peer);
    }

    /// Counts a request of a user who was let in by [`Node::session`], as [`Node::authenticate`] does by itself.
    ///
    /// # Errors
    /// `TooMany` when this user asks faster than users may.
    pub fn count_request(&self, who: &Principal) -> Result<(), AuthError> {
        self.0.rates.count(who.user).map_err(|retry_after_s| AuthError::TooMany { retry_after_s })
    }

    /// Starts a browser session. Where the store takes no writes it is one of this process alone.
    ///
    /// # Errors
    /// As [`Node::authenticate`] with a password.
    pub async fn sign_in(
        &self,
        user: &str,
        password: &Redacted<String>,
        peer: &str,
    ) -> Result<SessionSecret, AuthError> {
        let principal = self.by_password_told(user, password, peer).await?;
        self.count_request(&principal)?;
        let (cookie, csrf) = (self.secret(), self.secret());
        let now = self.now();
        let life_us = i64::from(self.0.settings.session_hours).saturating_mul(3_600 * Micros::SECOND);
        let expires = now.plus(life_us);
        let session = NewSession {
            digest: digest_of(&cookie),
            user: principal.user,
            csrf: csrf.clone(),
            at: now,
            expires,
        };
        match self.0.store.add_session(session.clone()).await {
            Err(StoreError::ReadOnly { reason }) => {
                tracing::warn!(user, reason, "the store takes no writes: this session ends with the process");
                self.0.short_sessions.keep(session);
            }
            stored => stored?,
        }
        Ok(SessionSecret { cookie: Redacted::new(cookie), csrf, expires })
    }

    /// The session a cookie stands for.
    ///
    /// # Errors
    /// `Wrong` when there is none (any more), `Disabled` when its user has been disabled since.
    pub async fn session(&self, cookie: &Redacted<String>) -> Result<Session, AuthError> {
        if cookie.expose().is_empty() {
            return Err(AuthError::Missing);
        }
        let (directory, now) = (self.directory().await?, self.now());
        let digest = digest_of(cookie.expose());
        let session = match self.0.short_sessions.find(&digest) {
            Some(session) => session,
            None => directory.session(self.store(), &digest, now).await.map_err(not_known)?,
        };
        if now >= session.expires {
            return Err(AuthError::Wrong);
        }
        let principal = directory.by_password(session.user);
        let principal = principal.ok_or(AuthError::Disabled)?;
        Ok(Session { principal, csrf: session.csrf.clone(), expires: session.expires })
    }

    /// Ends a browser session; ending one that does not exist is no error.
    ///
    /// # Errors
    /// The store failed.
    pub async fn sign_out(&self, cookie: &Redacted<String>) -> Result<(), AuthError> {
        let digest = digest_of(cookie.expose());
        if self.0.short_sessions.end(&digest) {
            return Ok(());
        }
        Ok(self.0.store.end_session(&digest).await?)
    }

    pub(crate) async fn directory(&self) -> Result<Arc<Directory>, StoreError> {
        self.0.directories.get(self.store()).await
    }

    /// 256 random bits in hexadecimal.
    pub(crate) fn secret(&self) -> String {
        let mut bytes = [0; 32];
        self.0.rng.fill(&mut bytes);
        hex::encode(bytes)
    }

    /// As [`Self::by_password`], and the log is told of a refusal.
    async fn by_password_told(
        &self,
        name: &str,
        password: &Redacted<String>,
        peer: &str,
    ) -> Result<Arc<Principal>, AuthError> {
        let shown = self.by_password(name, password, peer).await;
        if let Err(error) = &shown {
            // What was typed is told only where it is somebody's name: people type passwords there.
            let directory = self.directory().await?;
            let account = directory.user_named(name).map(|user| user.name.as_str());
            self.tell_refused(error, account, peer);
        }
        shown
    }

    /// One line of the log for a refused credential, as many as [`crate::refused`] allows; nothing of what was shown.
    fn tell_refused(&self, error: &AuthError, account: Option<&str>, peer: impl Display) {
        let refused = matches!(
            error,
            AuthError::Wrong | AuthError::Locked { .. } | AuthError::Disabled | AuthError::Expired
        );
        if !refused {
            return;
        }
        let (code, address) = (error.code(), peer.to_string());
        let may = self.0.refused.may_tell(&address, self.now());
        if may.untold > 0 {
            tracing::warn!(count = may.untold, "credentials refused that were not told one by one");
        }
        if may.tell {
            tracing::warn!(code, address, account, "credential refused");
        }
    }

    async fn by_password(
        &self,
        name: &str,
        password: &Redacted<String>,
        peer: &str,
    ) -> Result<Arc<Principal>, AuthError> {
        if name.is_empty() {
            return Err(AuthError::Missing);
        }
        let directory = self.directory().await?;
        let mac = self.0.verified.mac(&folded(name), &place_of(peer), password.expose());
        let may_pass = || self.0.lockout.may_pass(name, peer, self.now());
        if let Some(user) = self.verified_before(&directory, &mac)
            && may_pass().is_ok()
        {
            return directory.by_password(user.no).ok_or(AuthError::Disabled);
        }
        let _turn = self.0.lockout.turn(name, peer).await;
        // Whoever had the turn before may have shown the same.
        let user = match self.verified_before(&directory, &mac).filter(|_| may_pass().is_ok()) {
            Some(user) => user,
            None => self.check_password(&directory, (name, password), peer).await?,
        };
        self.0.verified.put(mac, user.no, user.epoch, self.now());
        directory.by_password(user.no).ok_or(AuthError::Disabled)
    }

    /// Whose name and password these are, when they were verified a moment ago and nothing has changed since.
    fn verified_before<'a>(&self, directory: &'a Directory, mac: &Mac) -> Option<&'a UserRow> {
        let (no, epoch) = self.0.verified.get(mac, self.now())?;
        let user = directory.user(no).filter(|user| user.epoch == epoch);
        if user.is_none() {
            self.0.verified.forget(mac);
        }
        user
    }

    async fn check_password<'a>(
        &self,
        directory: &'a Directory,
        (name, password): (&str, &Redacted<String>),
        peer: &str,
    ) -> Result<&'a UserRow, AuthError> {
        let lockout = &self.0.lockout;
        lockout
            .may_try(name, peer, self.now())
            .map_err(|retry_after_s| AuthError::Locked { retry_after_s })?;
        let user = directory.user_named(name);
        let phc = user.and_then(|user| user.password_hash.clone());
        let right = self.0.hasher.verify(phc, password).await;
        let right = right.map_err(|_crowded| AuthError::TooMany { retry_after_s: 1 })?;
        match user {
            Some(user) if right => {
                lockout.right(name, peer);
                Ok(user)
            }
            _ => {
                lockout.wrong(name, peer, self.now());
                Err(AuthError::Wrong)
            }
        }
    }

    /// Whose token this is, and whether it lets them in: (name, principal). No name for a token that nobody has.
    async fn by_token(
        &self,
        token: &Redacted<String>,
    ) -> Result<(Option<String>, Result<Arc<Principal>, AuthError>), AuthError> {
        if token.expose().is_empty() {
            return Err(AuthError::Missing);
        }
        let directory = self.directory().await?;
        let digest = digest_of(token.expose());
        let token = match directory.token(self.store(), &digest).await.map_err(not_known) {
            Ok(token) => token,
            Err(AuthError::Wrong) => return Ok((None, Err(AuthError::Wrong))),
            Err(other) => return Err(other),
        };
        let shown = if token.revoked.is_some() {
            Err(AuthError::Wrong)
        } else if token.expires.is_some_and(|expires| self.now() >= expires) {
            Err(AuthError::Expired)
        } else {
            directory.by_token(&token).ok_or(AuthError::Disabled)
        };
        let account = match &shown {
            Ok(_) => None,
            Err(_) => directory.user(token.user).map(|user| user.name.clone()),
        };
        Ok((account, shown))
    }
}

/// What is stored of a token or a cookie.
pub(crate) fn digest_of(secret: &str) -> [u8; 32] {
    Sha256::digest(secret).into()
}

fn not_known(error: StoreError) -> AuthError {
    match error {
        StoreError::NotFound { .. } => AuthError::Wrong,
        other => AuthError::Store(other),
    }
}
