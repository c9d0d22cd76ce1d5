//! What comes without a login, bounded by sender: whoever was refused too often is told so before anything is read.

use std::future::Future;
use std::time::Duration;

use axum::response::Response;
use http::StatusCode;
use node::Sender;

use crate::road::{self, Came};
use crate::serve::place_of;
use crate::{App, Problem, Trail};

/// Answers, unless whoever sends this was refused too often.
///
/// # Errors
/// 429, and whatever `answering` refuses.
pub(crate) async fn bounded(
    app: &App,
    trail: &Trail,
    answering: impl Future<Output = Result<Response, Problem>> + Send,
) -> Result<Response, Problem> {
    let sender = sender(app, trail).await;
    if let Err(wait) = app.node().stranger_may(sender) {
        let detail = match sender {
            Sender::Place(_) => {
                "too much from this address was refused: wait before anything more is looked at"
            }
            Sender::Member(_) => {
                "too much from this member's node was refused: wait before anything more is looked at"
            }
        };
        return Err(Problem::too_many("too-many-requests", detail, Duration::from_secs(wait)));
    }
    let answer = answering.await;
    let status = answer.as_ref().map_or_else(Problem::status, Response::status);
    if status.is_client_error() && status != StatusCode::TOO_MANY_REQUESTS {
        app.node().stranger_refused(sender);
    }
    answer
}

/// Who sends this. Only a certificate that counts now tells whose node it is: a greeting could be somebody else's, repeated.
async fn sender(app: &App, trail: &Trail) -> Sender {
    let place = Sender::Place(place_of(trail.peer));
    match &trail.road {
        Came::AsMember(shown) => road::caller(app, shown).await.map_or(place, Sender::Member),
        Came::Open => place,
    }
}
