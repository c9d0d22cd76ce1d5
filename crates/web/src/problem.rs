//! A request that is not answered as asked: one type for every door, rendered as the door's clients expect.
//!
//! Under the paths of TAXII a problem becomes TAXII's error message, everywhere else an RFC 9457 problem document. The table
//! from "whose fault" to HTTP status is here and nowhere else. What is not the caller's fault is told in general words and
//! logged in detail.
//!
//! Invariant: nothing here confirms that something exists which the caller may not know of.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use node::{AuthError, ExchangeError};
use serde::Serialize;
use store::{Fault, StoreError};
use utoipa::ToSchema;

/// The media type of problem documents.
pub const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");
/// The code of what is not done while a restored node takes back what it lost. It passes by itself.
const RECOVERING: &str = "recovering";
/// The code of what is not given out because its bytes are not those that came in.
const BYTES_ALTERED: &str = "bytes-altered";
/// Longest sentence, in bytes.
const DETAIL_BYTES_MAX: usize = 1_024;
/// How to sign in, in the order of preference.
const CHALLENGES: [HeaderValue; 2] = [
    HeaderValue::from_static("Basic realm=\"cresset\", charset=\"UTF-8\""),
    HeaderValue::from_static("Bearer realm=\"cresset\""),
];

/// Why a request is not answered as asked.
#[derive(Clone, Debug)]
pub struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: String,
    path: Option<Box<str>>,
    approval: Option<Box<str>>,
    clock: Option<base::Micros>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// Why a request is not answered as asked (RFC 9457).
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct Document<'a> {
    /// `urn:cresset:problem:` and the code.
    r#type: String,
    /// The status in words.
    title: &'a str,
    /// The HTTP status.
    status: u16,
    /// What was attempted on which thing, and why it was not done.
    detail: &'a str,
    /// Stable code: `cresset explain CODE` tells what to do.
    code: &'a str,
    /// Which part of the request is meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<&'a str>,
    /// The approval that a second person has to give first.
    #[serde(skip_serializing_if = "Option::is_none")]
    approval: Option<&'a str>,
    /// The moment by this node's clock, in microseconds since 1970, where clocks are why.
    #[serde(skip_serializing_if = "Option::is_none")]
    clock_us: Option<i64>,
    /// By which the operator finds the request in the log.
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
}

impl Problem {
    /// A problem of a status, with a stable code and one sentence.
    #[must_use]
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            status,
            code,
            detail: cut(detail.into()),
            path: None,
            approval: None,
            clock: None,
            headers: Vec::new(),
        }
    }

    /// The request is malformed.
    #[must_use]
    pub fn bad_request(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, detail)
    }

    /// There is no such thing, or not for this caller.
    #[must_use]
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", detail)
    }

    /// There is no such collection, or no grant lets this caller know of it.
    #[must_use]
    pub fn collection_unknown() -> Self {
        Self::new(StatusCode::NOT_FOUND, "collection-unknown", "no such collection")
    }

    /// The caller may know of it but not do this.
    #[must_use]
    pub fn forbidden(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, code, detail)
    }

    /// The method is none of `allow`.
    #[must_use]
    pub fn method_not_allowed(allow: &'static str) -> Self {
        let detail = format!("this address takes {allow}");
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", detail)
            .header(ALLOW, HeaderValue::from_static(allow))
    }

    /// Too much at once: try again after `wait`.
    #[must_use]
    pub fn too_many(code: &'static str, detail: impl Into<String>, wait: Duration) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, code, detail).retry_after(wait)
    }

    /// Our fault; `what` is logged and not shown.
    #[must_use]
    pub fn ours(code: &'static str, what: &dyn std::fmt::Display) -> Self {
        tracing::error!(code, error = %what, "request failed");
        let detail =
            "the node failed to answer: the operator finds the reason in its log under the request id";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, code, detail)
    }

    /// From an error that knows whose fault it is: the caller's with `caller_status`, the operator's as 503, ours as 500.
    #[must_use]
    pub fn of_fault(
        fault: Fault,
        caller_status: StatusCode,
        code: &'static str,
        error: &dyn std::fmt::Display,
    ) -> Self {
        match fault {
            Fault::Operator if code == RECOVERING => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, code, unavailable(code))
                    .retry_after(Duration::from_secs(2))
            }
            // Says which object, and it does not pass by itself.
            Fault::Operator if code == BYTES_ALTERED => {
                tracing::error!(code, %error, "request could not be served");
                Self::new(StatusCode::SERVICE_UNAVAILABLE, code, error.to_string())
            }
            Fault::Caller => Self::new(caller_status, code, error.to_string()),
            Fault::Operator => {
                tracing::error!(code, %error, "request could not be served");
                Self::new(StatusCode::SERVICE_UNAVAILABLE, code, unavailable(code))
                    .retry_after(Duration::from_secs(30))
            }
            Fault::Ours => Self::ours(code, error),
        }
    }

    /// Adds where in the request the trouble is.
    #[must_use]
    pub fn at(mut self, path: impl Into<String>) -> Self {
        self.path = Some(path.into().into_boxed_str());
        self
    }

    /// Adds the request for a second person that has to be answered first.
    #[must_use]
    pub fn awaiting(mut self, approval: String) -> Self {
        self.approval = Some(approval.into_boxed_str());
        self
    }

    /// Adds what this node's clock says.
    #[must_use]
    pub const fn by_clock(mut self, at: base::Micros) -> Self {
        self.clock = Some(at);
        self
    }

    /// Adds a second sentence.
    #[must_use]
    pub fn and(mut self, more: &str) -> Self {
        self.detail.push_str("; ");
        self.detail.push_str(more);
        self
    }

    /// Adds a field to the answer's head.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Adds when to try again.
    #[must_use]
    pub fn retry_after(self, wait: Duration) -> Self {
        self.header(RETRY_AFTER, HeaderValue::from(wait.as_secs().max(1)))
    }

    /// The HTTP status.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.code
    }

    /// The head fields this problem brings.
    #[must_use]
    pub fn headers(&self) -> &[(HeaderName, HeaderValue)] {
        &self.headers
    }

    /// Title and sentence, for a page.
    pub(crate) fn words(&self) -> (&'static str, &str) {
        (self.title(), &self.detail)
    }

    fn title(&self) -> &'static str {
        self.status.canonical_reason().unwrap_or("error")
    }

    /// As an RFC 9457 problem document.
    #[must_use]
    pub fn to_document(&self, request_id: Option<&str>) -> Vec<u8> {
        let document = Document {
            r#type: format!("urn:cresset:problem:{}", self.code),
            title: self.title(),
            status: self.status.as_u16(),
            detail: &self.detail,
            code: self.code,
            path: self.path.as_deref(),
            approval: self.approval.as_deref(),
            clock_us: self.clock.map(|at| at.0),
            request_id,
        };
        serde_json::to_vec(&document).expect("invariant: a problem holds only strings and numbers")
    }

    /// As TAXII's error message.
    #[must_use]
    pub fn to_taxii(&self, request_id: Option<&str>) -> Vec<u8> {
        let description = match &self.path {
            Some(path) => format!("{path}: {}", self.detail),
            None => self.detail.clone(),
        };
        taxii::resource::to_json(&taxii::ErrorMessage {
            title: self.title().to_owned(),
            description: Some(description),
            error_id: request_id.map(str::to_owned),
            error_code: Some(self.code.to_owned()),
            http_status: Some(self.status.as_str().to_owned()),
        })
    }

    pub(crate) fn put_headers(&self, into: &mut HeaderMap) {
        for (name, value) in &self.headers {
            into.append(name, value.clone());
        }
    }
}

impl IntoResponse for Problem {
    /// The request id is put in by the frame, which finds the problem among the answer's extensions.
    fn into_response(self) -> Response {
        let mut response = Response::new(axum::body::Body::empty());
        *response.status_mut() = self.status;
        response.headers_mut().insert(CONTENT_TYPE, PROBLEM_JSON);
        self.put_headers(response.headers_mut());
        response.extensions_mut().insert(Box::new(self));
        response
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        let callers = match &error {
            StoreError::NotFound { .. } => StatusCode::NOT_FOUND,
            StoreError::Exists { .. } => StatusCode::CONFLICT,
            StoreError::TooCostly => StatusCode::UNPROCESSABLE_ENTITY,
            _ => StatusCode::BAD_REQUEST,
        };
        Self::of_fault(error.fault(), callers, error.code(), &error)
    }
}

impl From<ExchangeError> for Problem {
    fn from(error: ExchangeError) -> Self {
        let callers = match &error {
            ExchangeError::Read(_) | ExchangeError::Accept(_) | ExchangeError::Store(_) => None,
            ExchangeError::Alone
            | ExchangeError::Pending
            | ExchangeError::NobodyHolds(_)
            | ExchangeError::NeverGiven(_)
            | ExchangeError::GivenBesides(_)
            | ExchangeError::KeyLost(_) => Some(StatusCode::CONFLICT),
            ExchangeError::NoConsent(_) => Some(StatusCode::NOT_FOUND),
            ExchangeError::Deed(_) => Some(StatusCode::UNPROCESSABLE_ENTITY),
            ExchangeError::Message(_) | ExchangeError::NotAPeer(_) | ExchangeError::NoCourier => {
                Some(StatusCode::BAD_REQUEST)
            }
            ExchangeError::Courier(_) => Some(StatusCode::UNPROCESSABLE_ENTITY),
            ExchangeError::Papers(_) => Some(StatusCode::CONFLICT),
        };
        match (error, callers) {
            (ExchangeError::Read(error), _) => error.into(),
            (ExchangeError::Accept(error), _) => error.into(),
            (ExchangeError::Store(error), _) => error.into(),
            (error, callers) => Self::of_fault(
                error.fault(),
                callers.unwrap_or(StatusCode::BAD_REQUEST),
                error.code(),
                &error,
            ),
        }
    }
}

impl From<AuthError> for Problem {
    fn from(error: AuthError) -> Self {
        let code = error.code();
        match error {
            AuthError::Missing | AuthError::Wrong | AuthError::Disabled | AuthError::Expired => {
                unauthorized(code, error.to_string())
            }
            AuthError::Locked { retry_after_s } | AuthError::TooMany { retry_after_s } => {
                Self::too_many(code, error.to_string(), Duration::from_secs(retry_after_s))
            }
            AuthError::Store(error) => error.into(),
        }
    }
}

/// What a caller is told of the operator's troubles.
fn unavailable(code: &str) -> &'static str {
    if code == RECOVERING {
        return "the node was restored from a backup and takes back from the other members what it lost: until it has \
                applied what was recalled and erased meanwhile it shows nothing and takes nothing in";
    }
    if code == "store-read-only" {
        return "the node takes no writes for now, because its disk is full or failing: nothing of this request was \
                acknowledged, reading goes on, and writing does again when there is room; send the request again then";
    }
    if code == "store-unreadable" {
        return "the node cannot read its disk for now: what was asked is unknown, not absent; its operator has to see to the disk";
    }
    "the node cannot do this for now: its operator has to see to the store"
}

/// A sentence that may quote what was sent, with the middle left out where it is longer than anybody reads.
fn cut(detail: String) -> String {
    if detail.len() <= DETAIL_BYTES_MAX {
        return detail;
    }
    let half = DETAIL_BYTES_MAX / 2;
    let head = detail.get(..detail.floor_char_boundary(half)).unwrap_or_default();
    let tail = detail.get(detail.ceil_char_boundary(detail.len().saturating_sub(half))..).unwrap_or_default();
    format!("{head} … {tail}")
}

fn unauthorized(code: &'static str, detail: String) -> Problem {
    let [basic, bearer] = CHALLENGES;
    Problem::new(StatusCode::UNAUTHORIZED, code, detail)
        .header(WWW_AUTHENTICATE, basic)
        .header(WWW_AUTHENTICATE, bearer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_problem_two_forms() {
        let problem = Problem::bad_request("query-malformed", "limit takes a number").at("limit");
        let document: serde_json::Value = serde_json::from_slice(&problem.to_document(Some("r1"))).unwrap();
        assert_eq!(document["status"], 400);
        assert_eq!(document["code"], "query-malformed");
        assert_eq!(document["path"], "limit");
        assert_eq!(document["request_id"], "r1");
        let message: serde_json::Value = serde_json::from_slice(&problem.to_taxii(None)).unwrap();
        assert_eq!(message["http_status"], "400");
        assert_eq!(message["error_code"], "query-malformed");
        assert_eq!(message["title"], "Bad Request");
    }

    #[test]
    fn what_was_sent_is_not_sent_back_whole() {
        let short = "é".repeat(DETAIL_BYTES_MAX / 2);
        assert_eq!(Problem::bad_request("x", short.clone()).detail, short);
        let long = Problem::bad_request("x", format!("begins {} ends", "é".repeat(1 << 20)));
        assert!(long.detail.len() <= DETAIL_BYTES_MAX + 8, "{}", long.detail.len());
        assert!(long.detail.starts_with("begins é") && long.detail.ends_with("é ends"));
    }

    #[test]
    fn who_must_sign_in_is_told_how() {
        let problem = Problem::from(AuthError::Missing);
        assert_eq!(problem.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(problem.headers().iter().filter(|(name, _)| name == WWW_AUTHENTICATE).count(), 2);
        let problem = Problem::from(AuthError::Locked { retry_after_s: 7 });
        assert_eq!(problem.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(problem.headers()[0].1, "7");
    }

    #[test]
    fn what_is_not_the_callers_fault_shows_nothing_of_the_inside() {
        let problem = Problem::from(StoreError::Backend("secret path".into()));
        assert_eq!(problem.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert!(!String::from_utf8(problem.to_document(None)).unwrap().contains("secret"));
        let problem = Problem::from(StoreError::ReadOnly { reason: "disk full".into() });
        assert_eq!(problem.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(Problem::from(StoreError::BadCursor).status(), StatusCode::BAD_REQUEST);
    }
}
