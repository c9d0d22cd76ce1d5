//! People, collections and grants as of one accounts epoch, kept in memory so that a request costs no query for them.
//!
//! The store says with one cheap number whether anything changed; only then is the directory read again. What depends on
//! a moment (`last_added` of a collection, the expiry of a token) is not answered from here.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, PoisonError, RwLock};

use handling::{Access, CollectionNo, Grantee, Means, Principal, Role, Scope, Shown, UserNo};
use sha2::{Digest, Sha256};
use store::{CollectionRow, GrantRow, SessionRow, Store, StoreError, TokenRow, UserRow};

/// Tokens and sessions remembered by one directory at most.
const SECRETS_MAX: usize = 16_384;

/// Where the directory of the present epoch is kept.
#[derive(Default)]
pub(crate) struct Directories {
    present: RwLock<Option<Arc<Directory>>>,
    loading: tokio::sync::Mutex<()>,
}

impl Directories {
    /// The directory as of now.
    pub(crate) async fn get(&self, store: &dyn Store) -> Result<Arc<Directory>, StoreError> {
        let epoch = store.accounts_epoch().await?;
        if let Some(directory) = self.held(epoch) {
            return Ok(directory);
        }
        let _turn = self.loading.lock().await;
        let epoch = store.accounts_epoch().await?;
        if let Some(directory) = self.held(epoch) {
            return Ok(directory);
        }
        let directory = Arc::new(Directory::load(store, epoch).await?);
        *self.present.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&directory));
        Ok(directory)
    }

    fn held(&self, epoch: i64) -> Option<Arc<Directory>> {
        let present = self.present.read().unwrap_or_else(PoisonError::into_inner);
        present.as_ref().filter(|directory| directory.epoch == epoch).cloned()
    }
}

/// Principals by user, the scopes of the credential, and the credential.
type Principals = HashMap<(UserNo, BTreeSet<Scope>, Shown), Arc<Principal>>;

/// Everybody and every collection at one epoch.
pub(crate) struct Directory {
    epoch: i64,
    users: HashMap<UserNo, UserRow>,
    by_name: HashMap<String, UserNo>,
    collections: Vec<CollectionRow>,
    by_address: HashMap<String, usize>,
    grants: Vec<GrantRow>,
    principals: RwLock<Principals>,
    tokens: RwLock<HashMap<[u8; 32], Arc<TokenRow>>>,
    sessions: RwLock<HashMap<[u8; 32], Arc<SessionRow>>>,
}

impl Directory {
    async fn load(store: &dyn Store, epoch: i64) -> Result<Self, StoreError> {
        let users: HashMap<_, _> = store.users().await?.into_iter().map(|user| (user.no, user)).collect();
        let by_name = users.values().map(|user| (folded(&user.name), user.no)).collect();
        let collections = store.collections().await?;
        let mut by_address = HashMap::new();
        for (at, collection) in collections.iter().enumerate() {
            by_address.insert(collection.id.clone(), at);
            by_address.extend(
                [&collection.alias, &collection.name].into_iter().flatten().cloned().map(|name| (name, at)),
            );
        }
        let grants = store.grants(None).await?;
        Ok(Self {
            epoch,
            users,
            by_name,
            collections,
            by_address,
            grants,
            principals: RwLock::default(),
            tokens: RwLock::default(),
            sessions: RwLock::default(),
        })
    }

    /// A user by number.
    pub(crate) fn user(&self, no: UserNo) -> Option<&UserRow> {
        self.users.get(&no)
    }

    /// A user by name, case ignored.
    pub(crate) fn user_named(&self, name: &str) -> Option<&UserRow> {
        self.user(*self.by_name.get(&folded(name))?)
    }

    /// All users.
    pub(crate) fn users(&self) -> impl Iterator<Item = &UserRow> {
        self.users.values()
    }

    /// A collection by id, alias, or readable name.
    pub(crate) fn collection(&self, address: &str) -> Option<&CollectionRow> {
        let at = self.by_address.get(address).or_else(|| {
            let plain = address.len() <= 64 && address.is_ascii();
            plain.then(|| self.by_address.get(&address.to_ascii_lowercase()))?
        });
        let at = at.or_else(|| self.by_address.get(&derived_id(address)));
        self.collections.get(*at?)
    }

    /// All collections, in order of creation.
    pub(crate) fn collections(&self) -> &[CollectionRow] {
        &self.collections
    }

    /// A collection by number.
    pub(crate) fn collection_by_no(&self, no: CollectionNo) -> Option<&CollectionRow> {
        self.collections.iter().find(|collection| collection.no == no)
    }

    /// Whether everybody who may read one collection may read another, by the same grants.
    pub(crate) fn readers_of_one_read(&self, one: CollectionNo, other: CollectionNo) -> bool {
        let reads = |collection| {
            self.grants.iter().filter(move |grant| grant.collection == collection && grant.access.read)
        };
        reads(one).all(|grant| reads(other).any(|there| there.grantee == grant.grantee))
    }

    /// All grants.
    pub(crate) fn grants(&self) -> &[GrantRow] {
        &self.grants
    }

    /// The principal for a user who has shown their password, or a session that began with it (both end with it); `None` for an
    /// unknown or disabled user.
    pub(crate) fn by_password(&self, no: UserNo) -> Option<Arc<Principal>> {
        let set = self.user(no)?.password_set.as_ref();
        let known_to = set.map(|set| set.known_to.clone()).unwrap_or_default();
        self.principal(no, BTreeSet::from(Scope::ALL), Shown { means: Means::Password, known_to })
    }

    /// The principal for a user who has shown this token; `None` for an unknown or disabled user.
    pub(crate) fn by_token(&self, token: &TokenRow) -> Option<Arc<Principal>> {
        let shown = Shown { means: Means::Token, known_to: token.known_to.clone() };
        self.principal(token.user, token.scopes.iter().copied().collect(), shown)
    }

    /// The same principal by what is so now; `None` when they are disabled.
    pub(crate) fn afresh(&self, who: &Principal) -> Option<Arc<Principal>> {
        self.principal(who.user, who.scopes.clone(), who.shown.clone())
    }

    fn principal(&self, no: UserNo, scopes: BTreeSet<Scope>, shown: Shown) -> Option<Arc<Principal>> {
        let user = self.user(no).filter(|user| !user.disabled)?;
        let key = (no, scopes, shown);
        if let Some(found) = self.principals.read().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Some(Arc::clone(found));
        }
        let principal = Arc::new(Principal {
            user: no,
            name: user.name.clone(),
            roles: user.roles.iter().copied().collect(),
            scopes: key.1.clone(),
            shown: key.2.clone(),
            access: self.access_of(user),
        });
        let mut principals = self.principals.write().unwrap_or_else(PoisonError::into_inner);
        Some(Arc::clone(principals.entry(key).or_insert(principal)))
    }

    fn access_of(&self, user: &UserRow) -> BTreeMap<CollectionNo, Access> {
        let mut access = BTreeMap::new();
        for grant in &self.grants {
            let speaks = match &grant.grantee {
                Grantee::User(no) => *no == user.no,
                Grantee::Role(role) => user.roles.contains(role),
            };
            if speaks {
                let so_far: &mut Access = access.entry(grant.collection).or_default();
                *so_far = so_far.or(grant.access);
            }
        }
        access
    }

    /// Whether anybody who is not disabled administers this node besides `besides`.
    pub(crate) fn has_admin_besides(&self, besides: UserNo) -> bool {
        self.users().any(|user| !user.disabled && user.no != besides && user.roles.contains(&Role::Admin))
    }

    /// The token with this digest, asked of the store once.
    pub(crate) async fn token(
        &self,
        store: &dyn Store,
        digest: &[u8; 32],
    ) -> Result<Arc<TokenRow>, StoreError> {
        if let Some(found) = self.tokens.read().unwrap_or_else(PoisonError::into_inner).get(digest) {
            return Ok(Arc::clone(found));
        }
        let token = Arc::new(store.token_by_digest(digest).await?);
        keep(&self.tokens, *digest, &token);
        Ok(token)
    }

    /// The session with this digest, asked of the store once.
    pub(crate) async fn session(
        &self,
        store: &dyn Store,
        digest: &[u8; 32],
        now: base::Micros,
    ) -> Result<Arc<SessionRow>, StoreError> {
        if let Some(found) = self.sessions.read().unwrap_or_else(PoisonError::into_inner).get(digest) {
            return Ok(Arc::clone(found));
        }
        let session = Arc::new(store.session(digest, now).await?);
        keep(&self.sessions, *digest, &session);
        Ok(session)
    }
}

fn keep<T>(held: &RwLock<HashMap<[u8; 32], Arc<T>>>, digest: [u8; 32], row: &Arc<T>) {
    let mut held = held.write().unwrap_or_else(PoisonError::into_inner);
    if held.len() >= SECRETS_MAX {
        held.clear();
    }
    held.insert(digest, Arc::clone(row));
}

/// A name as it is compared.
pub(crate) fn folded(name: &str) -> String {
    name.chars().flat_map(char::to_lowercase).collect()
}

/// The identifier that builds before schema 40 made of the readable name of a collection. No new one is made so: it would be the same on
/// every node, and TAXII 2.1 (section 5.2.1) wants identifiers that no other collection anywhere has.
fn derived_id(name: &str) -> String {
    let digest = Sha256::new_with_prefix("cresset collection\0").chain_update(name).finalize();
    let mut bytes = [0; 16];
    for (byte, digit) in bytes.iter_mut().zip(digest) {
        *byte = digit;
    }
    uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_derived_id_of_before_is_found_again() {
        assert_eq!(derived_id("wards"), "42b0c238-c483-4899-8a0f-62bf7a73a410");
    }
}
