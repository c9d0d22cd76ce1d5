//! The long-term keys of the member that runs this node.
//!
//! Their seeds are kept, in hexadecimal, in the store, which lies in a directory that only the node's user may read and whose backups are encrypted. A key is
//! added before the registry hears of it and none is removed, so that no crash between the two leaves the member without the
//! key that counts; which one counts is for the registry to say.

use base::Redacted;
use base::signing::{PublicKey, Signer, SigningKey};
use store::{SIGNING_SEEDS, StoreError};

use crate::Node;

/// The setting that holds the public half of the key that may replace the member's key.
const RECOVERY_PUBLIC: &str = "recovery-public-key";

impl Node {
    /// The member's keys, oldest first; made now where there are none yet.
    pub(crate) async fn signing_keys(&self) -> Result<Vec<SigningKey>, StoreError> {
        let kept = self.store().setting(SIGNING_SEEDS).await?.unwrap_or_default();
        let keys = kept.lines().map(read_seed).collect::<Result<Vec<_>, _>>()?;
        if keys.is_empty() { Ok(vec![self.new_signing_key().await?]) } else { Ok(keys) }
    }

    /// A new key, kept beside those there are.
    pub(crate) async fn new_signing_key(&self) -> Result<SigningKey, StoreError> {
        let key = SigningKey::generate(self.rng());
        let kept = self.store().setting(SIGNING_SEEDS).await?.unwrap_or_default();
        let seed = Redacted::new(hex::encode(key.seed().expose().as_slice()));
        self.store().set_setting(SIGNING_SEEDS, &format!("{kept}{}\n", seed.expose())).await?;
        Ok(key)
    }

    /// The public half of the member's key as it stands: the one that the registry names, else the first.
    ///
    /// # Errors
    /// The store failed.
    pub async fn member_key(&self) -> Result<PublicKey, StoreError> {
        Ok(self.member_signer().await?.public_key())
    }

    /// The member's key as it stands, to sign with.
    ///
    /// # Errors
    /// The store failed.
    pub async fn member_signer(&self) -> Result<SigningKey, StoreError> {
        let keys = self.signing_keys().await?;
        let table = self.community_table().await?;
        let current = table.as_ref().and_then(|table| table.own_key(self.now()));
        let found = keys.iter().find(|key| Some(key.public_key()) == current).or_else(|| keys.first());
        found.cloned().ok_or_else(|| StoreError::Damaged("the member has no key".into()))
    }

    /// Notes which key may replace the member's key; to be done before the node joins a community. Its secret half never
    /// comes here.
    ///
    /// # Errors
    /// The store failed.
    pub async fn recover_with(&self, key: &PublicKey) -> Result<(), StoreError> {
        self.store().set_setting(RECOVERY_PUBLIC, &key.to_string()).await
    }

    pub(crate) async fn recovery_keys(&self) -> Result<community::Recovery, StoreError> {
        let Some(text) = self.store().setting(RECOVERY_PUBLIC).await? else {
            return Ok(community::Recovery::NONE);
        };
        let key = text.parse().map_err(|_| StoreError::Damaged("the recovery key cannot be read".into()))?;
        Ok(community::Recovery { keys: vec![key], needed: 1 })
    }
}

fn read_seed(line: &str) -> Result<SigningKey, StoreError> {
    let mut seed = [0; 32];
    hex::decode_to_slice(line, &mut seed)
        .map_err(|_| StoreError::Damaged("a key of the member cannot be read".into()))?;
    Ok(SigningKey::from_seed(&seed))
}
