//! Who is asking: the credential in a request's head, and the extractor that turns it into a principal.
//!
//! Takes HTTP Basic, HTTP Bearer and the session cookie, in this order. A cookie alone changes nothing: requests that write
//! with a cookie must also carry the session's token, so that no other site can make a browser act for its user.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use axum::extract::FromRequestParts;
use base::Redacted;
use base64::Engine;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use handling::{Principal, UserNo};
use http::header::{AUTHORIZATION, COOKIE};
use http::request::Parts;
use http::{HeaderMap, Method};
use node::{AuthError, Credential, Session};

use crate::{App, Came, Problem};

/// How the name of the cookie that holds a session's secret begins; what follows tells the nodes of one machine apart, for a browser
/// sends a cookie to every port of a host.
pub const SESSION_COOKIE: &str = "cresset_session";
/// The field in which scripts send the session's token back.
pub const CSRF_HEADER: &str = "x-csrf-token";
/// Longest credential looked at, in bytes.
const CREDENTIAL_BYTES_MAX: usize = 4_096;

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What the frame knows of a request besides its bytes; stands among the request's extensions.
#[derive(Debug)]
pub struct Trail {
    /// The request's id.
    pub id: String,
    /// Where it comes from.
    pub peer: IpAddr,
    /// By which road.
    pub road: Came,
    user: AtomicI64,
}

impl Trail {
    /// The trail of a request that nobody has signed yet.
    #[must_use]
    pub const fn new(id: String, peer: IpAddr) -> Self {
        Self { id, peer, road: Came::Open, user: AtomicI64::new(0) }
    }

    /// The same for a request that came by a road.
    #[must_use]
    pub fn by(self, road: Came) -> Self {
        Self { road, ..self }
    }

    /// Notes whose request it is, for the log.
    pub fn signed(&self, user: UserNo) {
        self.user.store(user.0, Ordering::Relaxed);
    }

    /// Whose request it is; 0 when nobody's.
    #[must_use]
    pub fn user(&self) -> i64 {
        self.user.load(Ordering::Relaxed)
    }
}

/// Who holds the directory of a node that this process has opened. Only [`crate::api::in_process`] puts one among a request's
/// extensions; nothing that comes over a socket can.
#[derive(Clone, Debug)]
pub(crate) struct Operator(pub(crate) Arc<Principal>);

/// The authenticated user behind a request. Asking for it in a handler is what keeps strangers out.
#[derive(Clone, Debug)]
pub struct Caller(pub Arc<Principal>);

impl FromRequestParts<App> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        if let Some(Operator(principal)) = parts.extensions.get() {
            return Ok(Self(Arc::clone(principal)));
        }
        let trail = trail(parts)?;
        authenticate(app, &parts.method, &parts.headers, &trail).await.map(Caller)
    }
}

/// The browser session behind a request, for pages: `None` when there is none or it has ended.
#[derive(Clone, Debug)]
pub struct Visitor(pub Option<Session>);

impl FromRequestParts<App> for Visitor {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let trail = trail(parts)?;
        let Some(cookie) = session_cookie(app, &parts.headers).await else { return Ok(Self(None)) };
        match app.node().session(&cookie).await {
            Ok(session) => {
                trail.signed(session.principal.user);
                Ok(Self(Some(session)))
            }
            Err(AuthError::Missing | AuthError::Wrong | AuthError::Expired | AuthError::Disabled) => {
                Ok(Self(None))
            }
            Err(other) => Err(other.into()),
        }
    }
}

/// The address a request comes from, as text: what lock-outs go by.
#[derive(Clone, Debug)]
pub(crate) struct Peer(pub(crate) String);

impl FromRequestParts<App> for Peer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Problem> {
        Ok(Self(trail(parts)?.peer.to_string()))
    }
}

pub(crate) fn trail(parts: &Parts) -> Result<Arc<Trail>, Problem> {
    let trail = parts.extensions.get::<Arc<Trail>>().cloned();
    trail.ok_or_else(|| Problem::ours("frame-missing", &"a request without its trail"))
}

/// Who this is, from the head of a request.
///
/// # Errors
/// 401 without a right credential, 429 when locked out or too fast, 403 for a cookie without the session's token on a
/// request that writes.
pub(crate) async fn authenticate(
    app: &App,
    method: &Method,
    headers: &HeaderMap,
    trail: &Trail,
) -> Result<Arc<Principal>, Problem> {
    let credential = credential(app, headers).await;
    let credential = credential.inspect_err(|error| app.node().tell_unreadable(error, trail.peer))?;
    if let Credential::Session(cookie) = &credential
        && !is_safe(method)
    {
        let session = app.node().session(cookie).await?;
        let sent = headers.get(CSRF_HEADER).and_then(|value| value.to_str().ok());
        if sent != Some(session.csrf.as_str()) {
            let detail = "a request with a session cookie must send the session's token in X-CSRF-Token";
            return Err(Problem::forbidden("csrf-token-missing", detail));
        }
    }
    let principal = app.node().authenticate(credential, trail.peer).await?;
    trail.signed(principal.user);
    Ok(principal)
}

fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

async fn credential(app: &App, headers: &HeaderMap) -> Result<Credential, AuthError> {
    match authorized(headers)? {
        Some(credential) => Ok(credential),
        None => session_cookie(app, headers).await.map(Credential::Session).ok_or(AuthError::Missing),
    }
}

fn authorized(headers: &HeaderMap) -> Result<Option<Credential>, AuthError> {
    let mut fields = headers.get_all(AUTHORIZATION).iter();
    let Some(field) = fields.next() else { return Ok(None) };
    if fields.next().is_some() || field.len() > CREDENTIAL_BYTES_MAX {
        return Err(AuthError::Wrong);
    }
    authorization(field.to_str().map_err(|_| AuthError::Wrong)?).map(Some)
}

fn authorization(field: &str) -> Result<Credential, AuthError> {
    let (scheme, rest) = field.trim().split_once(' ').ok_or(AuthError::Missing)?;
    let rest = rest.trim_start();
    if scheme.eq_ignore_ascii_case("bearer") {
        return Ok(Credential::Token(Redacted::new(rest.to_owned())));
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(AuthError::Missing);
    }
    let bytes = BASE64.decode(rest).map_err(|_| AuthError::Wrong)?;
    let text = String::from_utf8(bytes).map_err(|_| AuthError::Wrong)?;
    let (user, password) = text.split_once(':').ok_or(AuthError::Wrong)?;
    Ok(Credential::Password { user: user.to_owned(), password: Redacted::new(password.to_owned()) })
}

/// The secret in this node's session cookie, where there is one.
pub(crate) async fn session_cookie(app: &App, headers: &HeaderMap) -> Option<Redacted<String>> {
    if !headers.contains_key(COOKIE) {
        return None;
    }
    cookie_named(&app.session_cookie_name().await, headers)
}

fn cookie_named(wanted: &str, headers: &HeaderMap) -> Option<Redacted<String>> {
    let fields = headers.get_all(COOKIE).iter().filter_map(|field| field.to_str().ok());
    let value = fields.flat_map(|field| field.split(';')).find_map(|pair| {
        let (name, value) = pair.trim().split_once('=')?;
        (name == wanted && value.len() <= CREDENTIAL_BYTES_MAX).then_some(value)
    })?;
    (!value.is_empty()).then(|| Redacted::new(value.to_owned()))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn head(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn reads_the_three_ways_to_sign_in() {
        for basic in ["Basic YW5uOmE6Yg==", "basic  YW5uOmE6Yg"] {
            let Ok(Some(Credential::Password { user, password })) =
                authorized(&head(&[("authorization", basic)]))
            else {
                panic!("{basic}");
            };
            assert_eq!((user.as_str(), password.expose().as_str()), ("ann", "a:b"));
        }
        let Ok(Some(Credential::Token(token))) = authorized(&head(&[("authorization", "Bearer abc")])) else {
            panic!()
        };
        assert_eq!(token.expose(), "abc");
        let cookies = head(&[("cookie", "a=b; cresset_session_1=abc; cresset_session_2=xyz")]);
        let read = |name| cookie_named(name, &cookies).map(|cookie| cookie.expose().clone());
        assert_eq!(read("cresset_session_2").as_deref(), Some("xyz"));
        assert_eq!(read("cresset_session"), None);
    }

    #[test]
    fn what_is_no_credential_is_missing_or_wrong() {
        assert!(matches!(authorized(&head(&[])), Ok(None)));
        for field in ["", "Basic", "Digest x", "Negotiate abc"] {
            assert!(
                matches!(authorized(&head(&[("authorization", field)])), Err(AuthError::Missing)),
                "{field}"
            );
        }
        for field in ["Basic !", "Basic YW5u", "Basic /////w=="] {
            assert!(
                matches!(authorized(&head(&[("authorization", field)])), Err(AuthError::Wrong)),
                "{field}"
            );
        }
        let two = head(&[("authorization", "Bearer a"), ("authorization", "Bearer b")]);
        assert!(matches!(authorized(&two), Err(AuthError::Wrong)));
    }
}
