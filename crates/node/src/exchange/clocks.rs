//! How far members' clocks and this node's are apart, as their greetings told.

use base::signing::KeyId;
use federation::Directory;
use store::StoreError;

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
}
