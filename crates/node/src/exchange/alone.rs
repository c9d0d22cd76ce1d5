//! An erasure by a member that is in no community, or not yet: it destroys what an erasure destroys here, keys and words too, leaves the same act
//! in the ledger, and has nobody to tell. What was erased so is refused by its identifier afterwards, also once the member has joined.

use std::collections::{BTreeMap, BTreeSet};

use base::Micros;
use base::signing::{KeyId, PublicKey, Signer};
use federation::{Alteration, Directory, Exchange, Hindrance, Judge, Me, ObjectName, Question, Standing};
use handling::{Principal, Rules, may_administer};
use store::StoreError;

use super::ExchangeError;
use super::deeds::{Back, Recalled};
use super::views::failed;
use crate::{Node, ReadError};

/// Nobody else: who is asked about others by a member that knows none.
struct Nobody;

impl Directory for Nobody {
    fn epoch(&self) -> u64 {
        0
    }

    fn standing_at(&self, _: &KeyId, _: u64) -> Standing {
        Standing::Unknown
    }

    fn standing(&self, _: &KeyId) -> Standing {
        Standing::Unknown
    }

    fn keys(&self, _: &KeyId) -> Vec<PublicKey> {
        Vec::new()
    }

    fn sealing(&self, _: &KeyId) -> Option<[u8; 32]> {
        None
    }

    fn active(&self) -> BTreeSet<KeyId> {
        BTreeSet::new()
    }

    fn identity_owner(&self, _: &str) -> Option<KeyId> {
        None
    }
}

impl Judge for Nobody {
    fn decide(&self, _: &Question<'_>) -> Result<(), String> {
        Err("community-none".to_owned())
    }

    fn named(&self, _: &str, _: Micros) -> BTreeSet<KeyId> {
        BTreeSet::new()
    }

    fn hindered(&self, _: &Question<'_>) -> Option<Hindrance> {
        None
    }

    fn taken_in(&self, _: &str, _: Micros, _: Micros) -> BTreeMap<[u8; 32], BTreeSet<KeyId>> {
        BTreeMap::new()
    }

    fn left(&self, _: &Question<'_>) -> bool {
        false
    }

    fn given_besides(&self, later: &str, _: &str, _: &KeyId) -> String {
        later.to_owned()
    }

    fn meet(&self, one: &str, other: &str) -> String {
        let read = |line: &str| line.parse().unwrap_or_else(|_| Rules::closed());
        read(one).meet(&read(other)).to_string()
    }
}

impl Node {
    /// Has an own object destroyed here, by a member that is in no community.
    pub(super) async fn erase_alone(
        &self,
        who: &Principal,
        id: &str,
        reason: &str,
    ) -> Result<Recalled, ExchangeError> {
        self.keep_ledger().await?;
        let keys = self.signing_keys().await?;
        let first = keys.first().map(Signer::public_key);
        let member = first.ok_or_else(|| StoreError::Damaged("the member has no key".into()))?.id();
        let mut is_altered = false;
        match self.own(who, id).await {
            Ok(_) => {}
            Err(ExchangeError::Read(ReadError::Store(StoreError::Altered { .. }))) => is_altered = true,
            Err(unknown) if may_administer(who).is_err() || !self.was_erased(member, id).await? => {
                return Err(unknown);
            }
            Err(_) => {}
        }
        let back = Back {
            purview: self.purview(who),
            alteration: &Alteration::Erase,
            reason: reason.to_owned(),
            name: ObjectName { author: member, id: id.to_owned() },
            view: self.view_id_of(id).await?.map(|id| ObjectName { author: member, id }),
            is_altered,
        };
        let (signer, sealing) = (self.member_signer().await?, self.sealing_secret().await?);
        let me = Me { member, community: String::new(), signer: Box::new(signer), sealing };
        let (rng, now) = (self.0.rng.clone(), self.now());
        let leaves_max = self.0.settings.head_leaves_max.min(base::limit::HEAD_LEAVES_MAX);
        let acts = self.committed(1, move |desk| {
            let exchange =
                Exchange { me: &me, directory: &Nobody, judge: &Nobody, rng: &*rng, now, leaves_max };
            back.take(&exchange, desk)
        });
        let acts = acts.await?;
        let leaf = acts.first().copied().unwrap_or_default();
        Ok(Recalled { id: id.to_owned(), leaf, receipts: Vec::new(), kept: Vec::new(), acts })
    }

    /// Whether this member, being in no community, had an object erased: it stands here no more, and who administers the node may say so again.
    async fn was_erased(&self, member: KeyId, id: &str) -> Result<bool, StoreError> {
        Ok(self.erased_alone(member, id).await?.is_some())
    }

    /// Where in the own ledger a member that is in no community says that it erased an object.
    pub(super) async fn erased_alone(&self, member: KeyId, id: &str) -> Result<Option<u64>, StoreError> {
        let name = ObjectName { author: member, id: id.to_owned() };
        store::looked(self.store(), member, move |rows| Ok(rows.fate(&name).map_err(failed)?.erased)).await
    }
}
