//! The TAXII 2.1 endpoints: from a request under TAXII's paths to an answer.
//!
//! The order of refusals is fixed, so that a stranger learns nothing: credential (401, 429), address (404), method (405),
//! `Accept` (406), then what the endpoint itself asks. The query is read before the collection is looked for; rights
//! answer 404 for none and 403 for half.
//!
//! Does not negotiate ranges: version 2.1 has no item ranges any more, so `Range` is passed over, as RFC 9110 allows.

mod convert;
mod objects;
mod server;

use std::sync::Arc;

use bytes::Bytes;
use handling::Principal;
use http::header::{ACCEPT, ACCEPT_RANGES, ALLOW, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body::Body;
use taxii::media::{Offer, accepts};
use taxii::{Endpoint, Query};

use crate::caller::{Trail, authenticate};
use crate::frame::TAXII_JSON;
use crate::reply::{Reply, ReplyBody};
use crate::{App, Problem};

/// One request under TAXII's paths, its caller known.
pub(crate) struct Asked<'a> {
    app: &'a App,
    caller: Arc<Principal>,
    parts: &'a Parts,
}

impl Asked<'_> {
    fn query(&self) -> Result<Query, Problem> {
        let text = self.parts.uri.query().unwrap_or_default();
        Query::parse(text).map_err(|error| Problem::bad_request(error.code(), error.to_string()))
    }
}

/// Answers a request to an endpoint.
pub(crate) async fn answer<B>(
    app: &App,
    endpoint: &Endpoint<'_>,
    request: Request<B>,
    trail: &Trail,
) -> Result<Reply, Problem>
where
    B: Body<Data = Bytes> + Unpin,
{
    let (parts, body) = request.into_parts();
    let caller = authenticate(app, &parts.method, &parts.headers, trail).await?;
    if *endpoint == Endpoint::Unknown {
        return Err(Problem::not_found("there is no TAXII endpoint at this address"));
    }
    let asked = Asked { app, caller, parts: &parts };
    match parts.method {
        Method::GET | Method::HEAD => {
            acceptable(&parts, endpoint)?;
            get(&asked, endpoint).await
        }
        Method::OPTIONS => Ok(options(endpoint)),
        Method::POST if endpoint.methods().contains(&taxii::Method::Post) => {
            acceptable(&parts, endpoint)?;
            objects::add(&asked, endpoint, body).await
        }
        Method::DELETE if endpoint.methods().contains(&taxii::Method::Delete) => {
            acceptable(&parts, endpoint)?;
            objects::delete(&asked, endpoint).await
        }
        _ => Err(Problem::method_not_allowed(endpoint.allow())),
    }
}

async fn get(asked: &Asked<'_>, endpoint: &Endpoint<'_>) -> Result<Reply, Problem> {
    match endpoint {
        Endpoint::Discovery => Ok(server::discovery(asked)),
        Endpoint::ApiRoot => Ok(server::api_root(asked)),
        Endpoint::Status(id) => server::status(asked, id).await,
        Endpoint::Collections => server::collections(asked).await,
        Endpoint::Collection(id) => server::collection(asked, id).await,
        Endpoint::Manifest(id) => objects::manifest(asked, id).await,
        Endpoint::Objects(id) => objects::page(asked, id).await,
        Endpoint::Object(id, object) => objects::object(asked, id, object).await,
        Endpoint::Versions(id, object) => objects::versions(asked, id, object).await,
        Endpoint::Unknown => Err(Problem::not_found("there is no TAXII endpoint at this address")),
    }
}

fn acceptable(parts: &Parts, endpoint: &Endpoint<'_>) -> Result<(), Problem> {
    let offer = if matches!(endpoint, Endpoint::Manifest(_)) { Offer::TaxiiOrStix } else { Offer::Taxii };
    let fields = parts.headers.get_all(ACCEPT).iter().map(|field| field.to_str().unwrap_or_default());
    if accepts(fields, offer) {
        return Ok(());
    }
    let detail = format!("this address answers in {}", taxii::MEDIA_TYPE);
    Err(Problem::new(StatusCode::NOT_ACCEPTABLE, "not-acceptable", detail))
}

fn options(endpoint: &Endpoint<'_>) -> Reply {
    let mut reply = ok(ReplyBody::empty());
    *reply.status_mut() = StatusCode::NO_CONTENT;
    reply.headers_mut().insert(ALLOW, HeaderValue::from_static(endpoint.allow()));
    reply
}

/// A good answer with TAXII's media type.
fn ok(body: impl Into<ReplyBody>) -> Reply {
    let mut reply = Response::new(body.into());
    reply.headers_mut().insert(CONTENT_TYPE, TAXII_JSON);
    reply.headers_mut().insert(ACCEPT_RANGES, HeaderValue::from_static("none"));
    reply
}
