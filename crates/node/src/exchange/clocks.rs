//! What members' greetings told last of their nodes: how far their clocks and this node's are apart, and that they speak no version of the
//! protocol that this node speaks.

use base::signing::KeyId;
use federation::{Directory, PeerRow};
use store::{Check, StoreError};

use super::views::failed;
use crate::Node;

impl Node {
    /// The active members whose clock went ahead of this node's, or behind it, by more than this when it greeted last, and by how much, in
    /// microseconds.
    pub(crate) async fn skewed_peers(&self, most: i64) -> Result<Vec<(KeyId, i64)>, StoreError> {
        let Some(court) = self.court().await? else { return Ok(Vec::new()) };
        let others: Vec<KeyId> =
            court.members.active().into_iter().filter(|member| *member != court.member()).collect();
        store::looked(self.store(), court.member(), move |rows| {
            let mut skewed = Vec::new();
            for member in others {
                let skew = rows.peer(&member).map_err(failed)?.skew_us;
                if skew.saturating_abs() > most {
                    skewed.push((member, skew));
                }
            }
            Ok(skewed)
        })
        .await
    }

    /// The lines of `doctor` about members that this node has no version of the protocol in common with.
    pub(crate) async fn check_protocol(&self) -> Result<Vec<Check>, StoreError> {
        let Some(court) = self.court().await? else { return Ok(Vec::new()) };
        let others: Vec<KeyId> =
            court.members.active().into_iter().filter(|member| *member != court.member()).collect();
        let mute = store::looked(self.store(), court.member(), move |rows| {
            let mut mute = Vec::new();
            for member in others {
                if is_not_spoken(&rows.peer(&member).map_err(failed)?) {
                    mute.push(member);
                }
            }
            Ok(mute)
        });
        let check = |member: KeyId| Check {
            name: "protocol",
            ok: false,
            detail: format!(
                "the node of {} speaks no version of the protocol that this node speaks, as it told last: it is heard, and nothing goes \
                 either way. Ask its people which version they run, and bring the older of the two up to date",
                self.slug_of(&member)
            ),
        };
        Ok(mute.await?.into_iter().map(check).collect())
    }
}

/// Whether a member has greeted, and last in no version of the protocol that this node speaks.
pub(super) const fn is_not_spoken(peer: &PeerRow) -> bool {
    peer.seen.is_some() && peer.version.is_none()
}
