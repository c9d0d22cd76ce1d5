//! While the node serves: destroying what is past its retention, at the start and every minute.

use std::time::Duration;

use node::Node;

/// Between two looks.
const EVERY: Duration = Duration::from_secs(60);

/// Destroys until the future is dropped.
pub(crate) async fn run(node: Node) {
    loop {
        if let Err(error) = node.retire().await {
            tracing::warn!(code = error.code(), %error, "what is past its retention could not be destroyed");
        }
        tokio::time::sleep(EVERY).await;
    }
}
