//! A member whose node has a key of its that was replaced: after a restore from before, or because somebody else replaced it.
//!
//! Whoever calls by such a key may be the one it was replaced for, so nothing that is said of the registry by it is taken. It is told what led
//! to the replacement, which it could have asked for while the key counted; and a recovery that it brings is taken, since recovery keys
//! stand for it, whoever carries it.

use base::Micros;
use base::signed::Signed;
use base::signing::{Signer, SigningKey};
use community::{Body, Chain, Entry, MemberId};

use super::{Chains, Message, answered, by_alone, empty, fit, in_order, lacks, seal};
use crate::Node;
use crate::community::{CommunityError, Table};

/// Why a node cannot sign for its member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LostKey {
    /// The key was replaced by one that is not here.
    Replaced,
    /// The same, and a recovery of it has been asked for by this node.
    Recovering,
}

impl LostKey {
    /// One word for it.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Replaced => "key-replaced",
            Self::Recovering => "key-recovering",
        }
    }

    /// What happened, and what helps.
    pub(crate) const fn told(self) -> &'static str {
        match self {
            Self::Replaced => {
                "the key of this member was replaced and this node does not have the new one, so the others believe nothing that it \
                 says: restore with a key file that was made since (`cresset restore --keys`), or have the key recovered with \
                 `cresset community recover --recovery-key-file FILE`. Where every vote is needed, as with up to three, the others cannot note \
                 a recovery without this member's, which the lost key would give: there only such a key file helps"
            }
            Self::Recovering => {
                "the key of this member was replaced, and is being recovered: the others take this node's word again seven days \
                 after they have noted that, and not before. Where every vote is needed, as with up to three, they cannot note it without \
                 this member's, which the lost key would give: there only a key file that was made since helps (`cresset restore --keys`)"
            }
        }
    }
}

impl Node {
    /// Whether the key that counts for this member is one that this node does not have; `None` while it has it, or is in no community.
    pub(crate) async fn lost_key(&self) -> Result<Option<LostKey>, store::StoreError> {
        let Some(table) = self.community_table().await? else { return Ok(None) };
        Ok(lost(&table, &self.signing_keys().await?, self.now()))
    }

    /// Answers one that is a stranger by the key it signs with, where that was its member's once or is to be.
    pub(super) async fn answer_former(
        &self,
        signed: &Signed,
        asked: &Message,
    ) -> Result<Vec<u8>, CommunityError> {
        let mut table = (*self.community_table().await?.ok_or(CommunityError::None)?).clone();
        let (keys, now, mut news) = (self.signing_keys().await?, self.now(), false);
        for entry in asked.entries.iter().filter_map(|raw| Entry::parse(raw.get().as_bytes()).ok()) {
            news |= is_recovery(&entry, asked) && table.take_next(entry, now);
        }
        let reply = told(&table, signed, asked, now).ok_or(CommunityError::Stranger);
        if !news {
            return seal(&table, &keys, &Message { answers: Some(answered(signed)), ..reply? }, now);
        }
        if !self.is_recovering() {
            table.advance(&keys, now)?;
        }
        let table = self.settle(table).await?;
        seal(&table, &keys, &Message { answers: Some(answered(signed)), ..reply? }, now)
    }
}

fn lost(table: &Table, keys: &[SigningKey], now: Micros) -> Option<LostKey> {
    let (me, held) = (table.registry.member(table.me)?, |key| keys.iter().any(|one| one.public_key() == key));
    match me.own().claim {
        _ if held(me.key(now)) => None,
        Some(claim) if held(claim.key) => Some(LostKey::Recovering),
        _ => Some(LostKey::Replaced),
    }
}

/// Whether a message is signed with a key that a member has or had, as far as is known here.
pub(super) fn is_former(table: &Table, signed: &Signed, from: MemberId) -> bool {
    table
        .registry
        .member(from)
        .is_some_and(|member| member.keys().iter().any(|key| by_alone(signed, key).is_ok()))
}

fn is_recovery(entry: &Entry, asked: &Message) -> bool {
    let content = entry.content();
    content.chain == Chain::Own(asked.from) && matches!(Body::of(content), Ok(Body::KeyRecovered(_)))
}

/// What led to that the key a message is signed with does not count; `None` where it never was its member's.
fn told(table: &Table, signed: &Signed, asked: &Message, now: Micros) -> Option<Message> {
    let member = table.registry.member(asked.from)?;
    let key = member.keys().iter().find(|key| by_alone(signed, key).is_ok())?;
    let (step, decision) = member.told_of(key.id())?;
    let ordered = in_order(table);
    let decided = |entry: &&Entry| {
        let content = entry.content();
        content.chain == Chain::Community && content.epoch == decision
    };
    let (before, after) = ordered.split_at(ordered.iter().position(decided)?.saturating_add(1));
    let own = |entry: &&&Entry| {
        let content = entry.content();
        content.chain == Chain::Own(asked.from) && content.epoch <= step
    };
    let lacked = before.iter().chain(after.iter().filter(own)).filter(|entry| lacks(&asked.have, entry));
    let mut room = base::limit::PAPERS_ENTRIES_BYTES_MAX;
    let entries = lacked.map_while(|entry| fit(&mut room, entry.to_json())).collect();
    Some(Message { entries, have: Chains::new(), ..empty(table, asked.from, now) })
}
