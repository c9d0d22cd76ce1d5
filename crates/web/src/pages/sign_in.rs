//! Signing in and out.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use base::Redacted;
use http::header::{RETRY_AFTER, SET_COOKIE};
use http::{HeaderValue, StatusCode};
use serde::Deserialize;

use super::form::{Fields, same_session};
use super::{Frame, Reader, go_to, html};
use crate::caller::Peer;
use crate::{App, Problem, Visitor};

#[derive(Template)]
#[template(path = "sign_in.html")]
struct Page {
    frame: Frame,
    problem: Option<String>,
    to: String,
    user: String,
}

#[derive(Deserialize)]
pub(crate) struct Question {
    to: Option<String>,
}

/// The form; who is signed in already goes on.
pub(crate) async fn ask(
    State(app): State<App>,
    Visitor(session): Visitor,
    Query(question): Query<Question>,
) -> Response {
    let to = inside(question.to.as_deref());
    if session.is_some() {
        return go_to(&to);
    }
    html(StatusCode::OK, &Page { frame: Frame::plain(&app).await, problem: None, to, user: String::new() })
}

#[derive(Deserialize)]
pub(crate) struct Answer {
    user: String,
    password: String,
    to: Option<String>,
}

/// Checks name and password and begins a session.
pub(crate) async fn sign_in(
    State(app): State<App>,
    Peer(peer): Peer,
    Fields(answer): Fields<Answer>,
) -> Result<Response, Problem> {
    let to = inside(answer.to.as_deref());
    match app.node().sign_in(&answer.user, &Redacted::new(answer.password), &peer).await {
        Ok(secret) => {
            let mut response = go_to(&to);
            response.headers_mut().append(SET_COOKIE, cookie(&app, secret.cookie.expose()).await);
            Ok(response)
        }
        Err(node::AuthError::Store(error)) => Err(error.into()),
        Err(error) => {
            let problem = Some(in_words(&error));
            let page = Page { frame: Frame::plain(&app).await, problem, to, user: answer.user };
            let problem = Problem::from(error);
            let mut response = html(problem.status(), &page);
            // Not the challenges of a 401: a browser would ask for the password in a window of its own.
            let wait = problem.headers().iter().filter(|(name, _)| name == RETRY_AFTER);
            response.headers_mut().extend(wait.map(|(name, value)| (name.clone(), value.clone())));
            Ok(response)
        }
    }
}

/// Why somebody was not let in, as a sentence of a page.
fn in_words(error: &node::AuthError) -> String {
    match error {
        node::AuthError::Wrong => "The user name or the password is wrong.".to_owned(),
        node::AuthError::Locked { retry_after_s } => {
            format!("Too many wrong passwords. Try again in {retry_after_s} s.")
        }
        node::AuthError::Disabled => "This account is disabled. Ask an administrator.".to_owned(),
        node::AuthError::TooMany { retry_after_s } => {
            format!("Too many requests. Try again in {retry_after_s} s.")
        }
        other => format!("{other}."),
    }
}

#[derive(Deserialize)]
pub(crate) struct Leave {
    csrf: String,
}

/// Ends the session.
pub(crate) async fn sign_out(
    State(app): State<App>,
    reader: Reader,
    headers: http::HeaderMap,
    Fields(leave): Fields<Leave>,
) -> Result<Response, Problem> {
    same_session(&reader, &leave.csrf)?;
    if let Some(secret) = crate::caller::session_cookie(&app, &headers).await {
        app.node().sign_out(&secret).await?;
    }
    let mut response = go_to("/sign-in");
    let name = app.session_cookie_name().await;
    let gone = format!("{name}=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0");
    response.headers_mut().append(SET_COOKIE, header(&gone));
    Ok(response)
}

/// The session's cookie: for this host only, out of reach of scripts, over TLS only where there is TLS.
async fn cookie(app: &App, secret: &str) -> HeaderValue {
    let options = app.options();
    let public_tls = options.public_url.as_deref().is_some_and(|url| url.starts_with("https:"));
    let secure = if options.tls.is_some() || public_tls { "; Secure" } else { "" };
    let name = app.session_cookie_name().await;
    header(&format!("{name}={secret}; Path=/; HttpOnly; SameSite=Lax{secure}"))
}

fn header(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("invariant: a cookie is hexadecimal digits and our own words")
}

/// Where to go after signing in: an address of this node, never another site.
fn inside(to: Option<&str>) -> String {
    match to {
        Some(to)
            if to.starts_with('/')
                && !to.starts_with("//")
                && !to.contains('\\')
                && !to.chars().any(char::is_control) =>
        {
            to.to_owned()
        }
        _ => "/".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_sent_to_another_site() {
        for elsewhere in ["//evil.example", "https://evil.example", "/\\evil.example", "", "x", "/a\r\nb"] {
            assert_eq!(inside(Some(elsewhere)), "/", "{elsewhere:?}");
        }
        assert_eq!(inside(None), "/");
        assert_eq!(inside(Some("/search?q=a")), "/search?q=a");
    }
}
