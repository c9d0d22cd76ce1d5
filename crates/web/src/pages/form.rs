//! Forms: reading what a browser posts, and writing addresses.

use axum::extract::{Form, FromRequest, Request};
use base::limit::BODY_SMALL_MAX;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use serde::de::DeserializeOwned;

use super::frame::Reader;
use crate::{App, Problem, RawBody};

/// The fields of a posted form of at most `BYTES_MAX` bytes: strangers may post one too, to sign in.
pub(crate) struct Fields<T, const BYTES_MAX: usize = BODY_SMALL_MAX>(pub(crate) T);

impl<T: DeserializeOwned, const BYTES_MAX: usize> FromRequest<App> for Fields<T, BYTES_MAX> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        if is_from_elsewhere(request.headers(), app) {
            return Err(Problem::forbidden("form-from-elsewhere", "this form was sent from another site"));
        }
        let mut head = Request::new(());
        *head.method_mut() = request.method().clone();
        if let Some(kind) = request.headers().get(CONTENT_TYPE) {
            head.headers_mut().insert(CONTENT_TYPE, kind.clone());
        }
        let raw = RawBody::of(request, app, BYTES_MAX).await?;
        let whole = head.map(|()| axum::body::Body::from(raw.bytes.clone()));
        match Form::<T>::from_request(whole, app).await {
            Ok(Form(fields)) => Ok(Self(fields)),
            Err(error) => Err(Problem::new(error.status(), "form-malformed", error.body_text())),
        }
    }
}

/// Whether a browser says that the form stood on another site. Of what says so in neither way nothing is assumed: it is a script, or a
/// browser that was told to keep where it comes from to itself (`null`).
fn is_from_elsewhere(headers: &HeaderMap, app: &App) -> bool {
    let field = |name: &str| headers.get(name).and_then(|field| field.to_str().ok());
    if let Some(site) = field("sec-fetch-site") {
        return !matches!(site, "same-origin" | "none");
    }
    let Some(origin) = field("origin").filter(|origin| *origin != "null") else { return false };
    let host = |address: &str| address.split_once("://").map(|(_, host)| host.to_ascii_lowercase());
    let from = host(origin);
    let public = app.options().public_url.as_deref().and_then(host);
    let asked = field("host").map(str::to_ascii_lowercase);
    from.is_none() || (from != asked && from != public)
}

/// Checks the token that a form of a signed-in person must carry.
pub(crate) fn same_session(reader: &Reader, sent: &str) -> Result<(), Problem> {
    if reader.csrf == sent {
        return Ok(());
    }
    let detail = "this form belongs to an earlier session: load the page again";
    Err(Problem::forbidden("csrf-token-missing", detail))
}

/// Percent-encodes everything but unreserved characters (RFC 3986, section 2.3).
pub(crate) fn encode(text: &str) -> String {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push(char::from(HEX[usize::from(byte >> 4)]));
            out.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodes_all_that_could_end_a_value() {
        assert_eq!(encode("a-b_c.d~e"), "a-b_c.d~e");
        assert_eq!(encode("/x?y=1&z#\"'<ж"), "%2Fx%3Fy%3D1%26z%23%22%27%3C%D0%B6");
    }
}
