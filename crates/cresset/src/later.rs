//! While the node serves: giving what had to wait, at the start, every second, and when a marking has come that it waited for.

use std::time::Duration;

use node::Node;

/// Between two looks. One that finds nothing reads one row.
const EVERY: Duration = Duration::from_secs(1);
/// The same after a look that failed.
const AFTER_FAILURE: Duration = Duration::from_secs(30);

/// Gives until the future is dropped.
pub(crate) async fn run(node: Node) {
    loop {
        let pause = match node.give_later().await {
            Ok(_) => EVERY,
            Err(error) => {
                tracing::warn!(code = error.code(), %error, "what waited for members could not be given");
                AFTER_FAILURE
            }
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = node.later_news() => {}
        }
    }
}
