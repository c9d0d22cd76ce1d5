//! How requests are refused, added to the description of every operation: which statuses may come follows from what it takes.
//!
//! What a handler says of a status itself stays; every refusal has the one form of [`Document`].

use utoipa::openapi::path::{Operation, ParameterIn};
use utoipa::openapi::{ContentBuilder, OpenApi, Ref, RefOr, Response};
use utoipa::{PartialSchema, ToSchema};

use crate::problem::{Document, PROBLEM_JSON};

/// What an operation takes, by which a status may come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Taken {
    Anything,
    Query,
    Path,
    Body,
}

/// Statuses, what an operation takes when they may come, and what they say.
const REFUSALS: &[(&str, Taken, &str)] = &[
    ("400", Taken::Query, "a parameter or the body is malformed"),
    ("400", Taken::Body, "a parameter or the body is malformed"),
    ("401", Taken::Anything, "no login, or one that is wrong or has ended"),
    ("403", Taken::Anything, "role, grant or scope do not allow it, or it takes a second person"),
    ("404", Taken::Path, "there is no such thing, or not for the caller to know of"),
    ("408", Taken::Body, "the body came too slowly"),
    ("409", Taken::Body, "it contradicts what is there"),
    ("413", Taken::Body, "the body, or what it asks for, is too large"),
    ("415", Taken::Body, "the body's media type or coding is none that is taken"),
    ("422", Taken::Body, "the body is well formed and cannot be acted on"),
    ("429", Taken::Anything, "too much at once: Retry-After tells how long to wait"),
    ("default", Taken::Anything, "any other refusal; 5xx is the node's or its operator's to mend"),
];

/// Adds the answers to refused requests to every operation.
pub(super) fn describe(api: &mut OpenApi) {
    let components = api.components.get_or_insert_default();
    components.schemas.insert(Document::name().into_owned(), Document::schema());
    for item in api.paths.paths.values_mut() {
        let operations = [&mut item.get, &mut item.put, &mut item.post, &mut item.delete, &mut item.patch];
        operations.into_iter().flatten().for_each(refuse);
    }
}

fn refuse(operation: &mut Operation) {
    let has = |place: ParameterIn| {
        operation.parameters.iter().flatten().any(|parameter| parameter.parameter_in == place)
    };
    let takes = |taken: Taken| match taken {
        Taken::Anything => true,
        Taken::Query => has(ParameterIn::Query),
        Taken::Path => has(ParameterIn::Path),
        Taken::Body => operation.request_body.is_some(),
    };
    let may_come: Vec<_> = REFUSALS.iter().filter(|(_, taken, _)| takes(*taken)).collect();
    let answers = &mut operation.responses.responses;
    for (status, _, words) in may_come {
        answers.entry((*status).to_owned()).or_insert_with(|| RefOr::T(Response::new(*words)));
    }
    let media = PROBLEM_JSON;
    let media = media.to_str().expect("invariant: a media type is ASCII");
    for (status, answer) in answers {
        if let (false, RefOr::T(answer)) = (status.starts_with('2'), answer) {
            let schema = Ref::from_schema_name(Document::name());
            answer.content.insert(media.to_owned(), ContentBuilder::new().schema(Some(schema)).build());
        }
    }
}
