//! What comes without a login, bounded by place: whoever was refused too often is told so before anything is read.

use std::future::Future;
use std::time::Duration;

use axum::response::Response;
use http::StatusCode;

use crate::road::{self, Came};
use crate::serve::place_of;
use crate::{App, Problem, Trail};

/// Answers, unless this place was refused too often. A node that shows whose it is, is heard all the same.
///
/// # Errors
/// 429, and whatever `answering` refuses.
pub(crate) async fn bounded(
    app: &App,
    trail: &Trail,
    answering: impl Future<Output = Result<Response, Problem>> + Send,
) -> Result<Response, Problem> {
    let place = place_of(trail.peer);
    if let Err(wait) = app.node().stranger_may(place) {
        let member = matches!(trail.road, Came::AsMember(_)) && road::of_turn(app, trail).await.is_ok();
        if !member {
            let detail = "too much from this address was refused: wait before anything more is looked at";
            return Err(Problem::too_many("too-many-requests", detail, Duration::from_secs(wait)));
        }
    }
    let answer = answering.await;
    let status = answer.as_ref().map_or_else(Problem::status, Response::status);
    if status.is_client_error() && status != StatusCode::TOO_MANY_REQUESTS {
        app.node().stranger_refused(place);
    }
    answer
}
