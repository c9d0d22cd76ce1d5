//! Endpoints between nodes, under `/federation/v1/`: no login, because every message is signed by the member that sends it.
//!
//! The road tells whose node calls where both ends show it (`road`), and the speaker of a turn must be the same member; whether
//! what is said is from whom it says is for `node` to judge. A stranger learns nothing but the code
//! of the refusal, and of a turn only the greeting is read before it is known whose it is: strangers take no room for bodies
//! from members, and one member none from another.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use base::limit::{BODY_SECONDS_MAX, BODY_SMALL_MAX, SIGNED_TEXT_BYTES_MAX};
use base::signing::KeyId;
use bytes::{Bytes, BytesMut};
use community::MemberId;
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http_body::Frame;
use node::{
    CommunityError, ExchangeError, GREETING_BYTES_MAX, RoadError, StoodBy, TURN_BYTES_MAX, question_claims,
    turn_claims,
};
use tokio::time::{Instant, timeout};

use crate::{App, Problem, Trail, body, caller, road, strangers};

/// Nobody has signed in here: all that come without a login share one allowance of places for bodies.
pub(crate) const NOBODY: i64 = 0;
/// Where a node takes questions about the registry.
const REGISTRY: &str = "/federation/v1/registry";
/// Where a node takes turns of meetings.
const EXCHANGE: &str = "/federation/v1/exchange";

/// Where a member that nobody reaches keeps a question open.
const WAIT: &str = "/federation/v1/wait";
/// How long it is kept open.
const WAIT_TIME: Duration = Duration::from_secs(25);

pub(crate) fn routes() -> Router<App> {
    Router::new().route(REGISTRY, post(registry)).route(EXCHANGE, post(exchange)).route(WAIT, post(wait))
}

/// Takes a turn of a meeting and answers with this node's. The same turn twice does no more than once.
async fn exchange(State(app): State<App>, request: Request) -> Result<Response, Problem> {
    let (parts, stream) = request.into_parts();
    let trail = caller::trail(&parts)?;
    strangers::bounded(&app, &trail, turn(&app, (&parts, &trail), stream)).await
}

async fn turn(app: &App, (parts, trail): (&Parts, &Trail), stream: Body) -> Result<Response, Problem> {
    let caller = road::of_turn(app, trail).await?;
    let (speaker, stream) = opened(app, "exchange", stream).await?;
    if caller.is_some_and(|caller| caller != speaker) {
        return Err(road::refused(RoadError::Other, caller));
    }
    app.node().road_gone(speaker, caller.is_some());
    let turn = body::read(app, &parts.headers, stream, (number(&speaker.0), TURN_BYTES_MAX)).await?;
    let answer = app.node().turn_answer(&turn.bytes).await;
    let answer = answer.map_err(|error| noted(app, ("exchange", Some(speaker)), error.into()))?;
    Ok(([(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"))], answer).into_response())
}

/// Answers a member's greeting as soon as something waits for it, or after a while. Nothing is taken or given.
async fn wait(State(app): State<App>, request: Request) -> Result<Response, Problem> {
    let (parts, stream) = request.into_parts();
    let trail = caller::trail(&parts)?;
    strangers::bounded(&app, &trail, stand_by(&app, &trail, stream)).await
}

async fn stand_by(app: &App, trail: &Trail, stream: Body) -> Result<Response, Problem> {
    let caller = road::of_turn(app, trail).await?;
    let (speaker, _) = opened(app, "wait", stream).await?;
    if caller.is_some_and(|caller| caller != speaker) {
        return Err(road::refused(RoadError::Other, caller));
    }
    let stood = match timeout(WAIT_TIME, app.node().something_for(speaker)).await {
        Ok(stood) => stood?,
        Err(_) => StoodBy::Nothing,
    };
    Ok(([(CONTENT_TYPE, HeaderValue::from_static("text/plain"))], stood.word()).into_response())
}

/// Reads a turn until it is known whose it is: its speaker, and the body from its beginning.
async fn opened(app: &App, door: &'static str, mut stream: Body) -> Result<(MemberId, Opened), Problem> {
    let deadline = Instant::now() + Duration::from_secs(BODY_SECONDS_MAX);
    let mut beginning = BytesMut::new();
    let mut place = None;
    loop {
        let speaker = app.node().turn_speaker(&beginning).await;
        let speaker = speaker.map_err(|error| noted(app, (door, turn_claims(&beginning)), error.into()))?;
        if let Some(speaker) = speaker {
            let beginning = Some(beginning.freeze()).filter(|bytes| !bytes.is_empty());
            return Ok((speaker, Opened { beginning, rest: stream }));
        }
        let piece = body::frame(&mut stream, deadline).await?;
        let piece = piece.ok_or_else(|| {
            let cut = ExchangeError::Message("the turn ends in its greeting".to_owned());
            noted(app, (door, None), cut.into())
        })?;
        beginning.extend_from_slice(&piece);
        if beginning.len() > BODY_SMALL_MAX && place.is_none() {
            place = app.places().take(NOBODY, GREETING_BYTES_MAX).await?;
        }
    }
}

/// A refusal that the operator reads of as well: a fault of a member's node, or an attempt. Whom it says it is from nothing has shown, and of
/// what it says nothing is told. What this node cannot do is told elsewhere.
fn noted(app: &App, (door, claims): (&'static str, Option<MemberId>), problem: Problem) -> Problem {
    if problem.status().is_client_error() && app.node().note_refusal(door, problem.code()) {
        let claims = claims.map(|member| member.to_string());
        tracing::warn!(
            door,
            code = problem.code(),
            claims,
            "what says it is from a member's node was refused"
        );
    }
    problem
}

/// A member's number among those who send bodies: below those of users, who count from 1.
pub(crate) fn number(member: &KeyId) -> i64 {
    let head = member.as_bytes().first_chunk().map_or(0, |head| i64::from_be_bytes(*head));
    head | i64::MIN
}

/// A body of which the beginning has been read.
struct Opened {
    beginning: Option<Bytes>,
    rest: Body,
}

impl http_body::Body for Opened {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if let Some(beginning) = self.beginning.take() {
            return Poll::Ready(Some(Ok(Frame::data(beginning))));
        }
        Pin::new(&mut self.rest).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.beginning.is_none() && self.rest.is_end_stream()
    }
}

/// Takes a member's question about the registry and answers it. The same question twice does no more than once.
async fn registry(State(app): State<App>, request: Request) -> Result<Response, Problem> {
    let (parts, stream) = request.into_parts();
    let trail = caller::trail(&parts)?;
    strangers::bounded(&app, &trail, question(&app, (&parts, &trail), stream)).await
}

async fn question(app: &App, (parts, trail): (&Parts, &Trail), stream: Body) -> Result<Response, Problem> {
    let caller = road::of_question(app, trail).await?;
    let question = body::read(app, &parts.headers, stream, (NOBODY, SIGNED_TEXT_BYTES_MAX)).await?;
    let answer = app.node().papers_answer(&question.bytes, caller).await.map_err(|error| {
        let apart = matches!(error, CommunityError::ClockApart);
        let problem = noted(app, ("registry", question_claims(&question.bytes)), error.into());
        // So that whoever asks can tell its people by how much.
        if apart { problem.by_clock(app.node().clock().now()) } else { problem }
    })?;
    Ok(([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], answer).into_response())
}
