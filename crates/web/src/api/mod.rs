//! The JSON API under `/api/v1/`, and its description at `/openapi.json`.
//!
//! Handlers ask for [`crate::Caller`], call one deed of the node, and render what it released. Errors are
//! [`crate::Problem`]s. Routes and description come from the same lines (`routes!` takes both from the handler), so neither
//! can exist without the other.
//!
//! [`in_process`] is the same API without a socket: what the command line asks when it works on a directory.

mod accounts;
mod approvals;
mod collections;
mod community;
mod consents;
mod exchange;
mod intake;
mod ledger;
mod list;
mod look_up;
mod objects;
mod params;
mod passing;
mod pour;
mod refusals;
mod upkeep;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, LazyLock};

use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use bytes::Bytes;
use handling::Principal;
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use node::Node;
use utoipa::OpenApi;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa_axum::router::OpenApiRouter;

use crate::caller::Operator;
use crate::problem::PROBLEM_JSON;
use crate::{App, Options, Problem, Trail};

/// The frame of the description; paths and schemas come from the handlers.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Cresset",
        description = "One node: objects in, look-up and pages out. Errors are problem documents (RFC 9457) with a stable code.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    tags(
        (name = "objects", description = "Objects, files in, files out"),
        (name = "look-up", description = "Values, words, patterns, sightings"),
        (name = "collections", description = "Collections and grants"),
        (name = "community", description = "Members, decisions, the registry, circles"),
        (name = "accounts", description = "People and tokens"),
        (name = "approvals", description = "What takes a second person"),
        (name = "node", description = "How the node stands"),
    )
)]
struct Frame;

/// The description as it is served, made once.
static DESCRIPTION: LazyLock<Bytes> = LazyLock::new(|| {
    let mut described = described().into_openapi();
    refusals::describe(&mut described);
    let text = serde_json::to_vec(&described).expect("invariant: a description is JSON");
    Bytes::from(text)
});

/// All routes of the API, with their full paths.
pub(crate) fn routes() -> Router<App> {
    let (router, _) = described().split_for_parts();
    router.route("/openapi.json", get(description))
}

/// The API of a node in this process, for the one who holds its directory. Answers exactly as over HTTP.
pub fn in_process(node: Node, operator: Principal) -> Router {
    let trail = Trail::new("in-process".to_owned(), IpAddr::V4(Ipv4Addr::LOCALHOST));
    routes()
        .layer(from_fn(write_problem_out))
        .layer(Extension(Arc::new(trail)))
        .layer(Extension(Operator(Arc::new(operator))))
        .with_state(App::new(node, Options::default()))
}

fn described() -> OpenApiRouter<App> {
    let mut frame = Frame::openapi();
    let mut components = frame.components.take().unwrap_or_default();
    for (name, scheme) in [("basic", HttpAuthScheme::Basic), ("bearer", HttpAuthScheme::Bearer)] {
        let scheme = SecurityScheme::Http(HttpBuilder::new().scheme(scheme).build());
        components.add_security_scheme(name, scheme);
    }
    frame.components = Some(components);
    frame.security = Some(
        ["basic", "bearer"]
            .map(|name| utoipa::openapi::security::SecurityRequirement::new(name, Vec::<String>::new()))
            .to_vec(),
    );
    OpenApiRouter::with_openapi(frame)
        .merge(accounts::routes())
        .merge(approvals::routes())
        .merge(collections::routes())
        .merge(community::routes())
        .merge(consents::routes())
        .merge(exchange::routes())
        .merge(objects::routes())
        .merge(passing::routes())
        .merge(intake::routes())
        .merge(look_up::routes())
        .merge(upkeep::routes())
        .merge(ledger::routes())
}

/// Whether an address is the API's, known or not: its errors are problem documents, whatever the caller accepts.
pub(crate) fn is_at(path: &str) -> bool {
    path.strip_prefix("/api/v1").is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

async fn description() -> Response {
    let json = HeaderValue::from_static("application/json");
    ([(CONTENT_TYPE, json)], DESCRIPTION.clone()).into_response()
}

/// Does what the frame does over HTTP: makes a problem's document its body.
async fn write_problem_out(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    match response.extensions_mut().remove::<Box<Problem>>() {
        None => response,
        Some(problem) => {
            (problem.status(), [(CONTENT_TYPE, PROBLEM_JSON)], problem.to_document(None)).into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_description_is_openapi_3_1_and_tells_every_answer() {
        let read: serde_json::Value = serde_json::from_slice(&DESCRIPTION).unwrap();
        assert!(read["openapi"].as_str().unwrap().starts_with("3.1"));
        let paths = read["paths"].as_object().unwrap();
        assert!(paths.len() > 20);
        for (path, operations) in paths {
            assert!(path.starts_with("/api/v1/"), "{path}");
            for (method, operation) in operations.as_object().unwrap() {
                let answers = operation["responses"].as_object().unwrap();
                assert!(answers.keys().any(|status| status.starts_with('2')), "{method} {path}");
                assert!(operation["summary"].is_string(), "{method} {path}");
                for (status, answer) in answers.iter().filter(|(status, _)| !status.starts_with('2')) {
                    let schema = &answer["content"]["application/problem+json"]["schema"]["$ref"];
                    assert_eq!(schema, "#/components/schemas/Problem", "{method} {path} {status}");
                }
                assert!(["401", "403", "429", "default"].iter().all(|status| answers.contains_key(*status)));
                for piece in path.split('/').filter_map(|piece| piece.strip_prefix('{')) {
                    let name = piece.trim_end_matches('}');
                    let told = operation["parameters"].as_array().unwrap();
                    assert!(
                        told.iter().any(|one| one["name"] == name && one["in"] == "path"),
                        "{method} {path}"
                    );
                }
            }
        }
    }

    #[test]
    fn every_schema_that_is_referred_to_is_there() {
        let text = String::from_utf8(DESCRIPTION.to_vec()).unwrap();
        let read: serde_json::Value = serde_json::from_str(&text).unwrap();
        for reference in text.split("\"#/components/schemas/").skip(1) {
            let name = reference.split('"').next().unwrap();
            assert!(read["components"]["schemas"][name].is_object(), "{name}");
        }
    }
}
