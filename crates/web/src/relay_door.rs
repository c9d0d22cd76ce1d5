//! The relay's addresses, under `/federation/v1/relay`: put a sealed parcel, ask what waits, say what was taken or is withdrawn.
//!
//! For nodes that show whose they are, and whose member takes part: a stranger fills no shelf and asks nothing. Which of the
//! members left what, or for whom it is, is written down nowhere. All three may come twice and do no more than once.

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use base::limit::{RELAY_PARCEL_BYTES_MAX, RELAY_ROUTES_MAX};
use community::MemberId;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderValue, StatusCode};
use node::{RELAY_MARK_BYTES, RelayError, RoadError};

use crate::federation::number;
use crate::road::{self, Came};
use crate::{App, Problem, Trail, body, caller, strangers};

/// Where parcels are put.
const PUT: &str = "/federation/v1/relay";
/// Where it is asked what waits.
const TAKE: &str = "/federation/v1/relay/take";
/// Where it is said what need not wait any longer.
const DROP: &str = "/federation/v1/relay/drop";

pub(crate) fn routes() -> Router<App> {
    Router::new().route(PUT, post(put)).route(TAKE, post(take)).route(DROP, post(drop_parcels))
}

/// What is asked of a relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Put,
    Take,
    Drop,
}

/// Keeps a parcel: 204 once it is on disk.
async fn put(State(app): State<App>, request: Request) -> Result<Response, Problem> {
    answered(&app, request, Asked::Put).await
}

/// Hands out what waits under routes.
async fn take(State(app): State<App>, request: Request) -> Result<Response, Problem> {
    answered(&app, request, Asked::Take).await
}

/// Drops parcels that were taken, or are withdrawn.
async fn drop_parcels(State(app): State<App>, request: Request) -> Result<Response, Problem> {
    answered(&app, request, Asked::Drop).await
}

/// Answers a member's node; everybody else is refused before anything of the body is read.
async fn answered(app: &App, request: Request, asked: Asked) -> Result<Response, Problem> {
    let (parts, stream) = request.into_parts();
    let trail = caller::trail(&parts)?;
    strangers::bounded(app, &trail, done(app, (&parts, &trail), stream, asked)).await
}

async fn done(
    app: &App,
    (parts, trail): (&Parts, &Trail),
    stream: Body,
    asked: Asked,
) -> Result<Response, Problem> {
    let member = member_of(app, trail).await?;
    let bytes_max =
        if asked == Asked::Put { RELAY_PARCEL_BYTES_MAX } else { RELAY_ROUTES_MAX * RELAY_MARK_BYTES };
    let read = body::read(app, &parts.headers, stream, (number(&member.0), bytes_max)).await?.bytes;
    match asked {
        Asked::Put => app.node().relay_keep(member, read.to_vec()).await?,
        Asked::Drop => app.node().relay_drop(&read).await?,
        Asked::Take => {
            let waiting = app.node().relay_hand_out(&read).await?;
            let kind = HeaderValue::from_static("application/octet-stream");
            return Ok(([(CONTENT_TYPE, kind)], waiting).into_response());
        }
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// The member whose node calls, on whatever terms turns are taken here.
async fn member_of(app: &App, trail: &Trail) -> Result<MemberId, Problem> {
    let caller = match &trail.road {
        Came::AsMember(_) => road::of_turn(app, trail).await?,
        Came::Open => None,
    };
    caller.ok_or_else(|| road::refused(RoadError::Missing, None))
}

impl From<RelayError> for Problem {
    fn from(error: RelayError) -> Self {
        let wait = std::time::Duration::from_secs(60);
        match &error {
            RelayError::Full | RelayError::ShareFull => Self::too_many(error.code(), error.to_string(), wait),
            RelayError::Off => Self::forbidden(error.code(), error.to_string()),
            _ => Self::of_fault(error.fault(), StatusCode::BAD_REQUEST, error.code(), &error),
        }
    }
}
